#!/usr/bin/env bash
# Runs every benchmark program of the build, or those whose name holds the first argument; what
# follows it goes to the programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

filter=${1:-}
[ $# -eq 0 ] || shift
found=0
for program in build/bench/*_bench; do
  if [ -x "$program" ] && [[ $(basename "$program") == *"$filter"* ]]; then
    found=1
    printf '\n== %s\n' "$(basename "$program")"
    "$program" "$@"
  fi
done
[ "$found" -eq 1 ] || echo "no benchmark in build/bench${filter:+ has '$filter' in its name}"
