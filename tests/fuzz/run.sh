#!/usr/bin/env bash
# Fuzzes each target for SECONDS_EACH seconds (60), after it has run every input that is kept:
#
#   tests/fuzz/run.sh [TARGET...]
#
# SEED makes a run from the kept inputs the same each time, as far as it gets.
# Works in build-fuzz/, which `make fuzz` makes. What was found to be interesting stays in build-fuzz/found, for the
# next run; an input that ends a target lies in build-fuzz/crashes. Put it into corpus/TARGET with its fix. The last
# line is `N passed, M failed`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${SECONDS_EACH:-60}
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in tests/fuzz/*_fuzzer.cc; do
    targets+=("$(basename "$source" _fuzzer.cc)")
  done
fi
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
log=build-fuzz/fuzz.log
mkdir -p build-fuzz/crashes
passed=0
failed=0
for target in "${targets[@]}"; do
  mkdir -p "build-fuzz/found/$target"
  # Long enough for whatever recurses without a limit to run out of stack.
  options=(-max_len=1048576 -rss_limit_mb=2048 -timeout=60 -artifact_prefix="build-fuzz/crashes/$target-")
  [ -z "${SEED:-}" ] || options+=("-seed=$SEED")
  [ ! -e "tests/fuzz/$target.dict" ] || options+=(-dict="tests/fuzz/$target.dict")
  # The engine keeps memory between inputs, which is no leak; whether there was one is seen at the end.
  [ "$target" != query ] || options+=(-detect_leaks=0)
  if build-fuzz/tests/fuzz/"${target}_fuzzer" "${options[@]}" -max_total_time="$seconds" \
    -print_final_stats=1 "build-fuzz/found/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
    echo "$target: $(awk '/number_of_executed_units/ { print $2 }' "$log") runs"
    passed=$((passed + 1))
  else
    tail -n 60 "$log"
    echo "$target: failed; the input lies in build-fuzz/crashes"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
