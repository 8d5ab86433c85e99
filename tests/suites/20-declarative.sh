#!/usr/bin/env bash
# Runs the declarative tests of KQL and of the management commands (tests/kql, tests/commands) against a
# server of its own; arguments choose files or folders instead.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/server.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
paths=("$@")
if [ ${#paths[@]} -eq 0 ]; then
  for folder in tests/kql tests/commands; do
    [ ! -d "$folder" ] || paths+=("$folder")
  done
fi
start_rivulet "$work/data" || {
  echo '0 passed, 1 failed'
  exit 1
}
python3 tests/run_declarative.py --url "$RIVULET_URL" "${paths[@]}"
status=$?
stop_rivulet >&2
exit "$status"
