#!/usr/bin/env bash
# Builds, and runs every test:
#
#   unit          the unit tests and the layering check, through ctest
#   <name>        each executable tests/suites/<name>.sh, in order of name; its last line is
#                 `N passed, M failed`, and an exit status other than 0 is a failure
#   conformance   the KQL documentation cases, where a checkout has them beside it: those of
#                 tests/conformance/passing.txt must pass
#   sanitizers    the unit tests of some rooms again, if RIVULET_SANITIZE=1 or CI=true: first under the
#                 address and undefined behaviour sanitizers, then under the thread sanitizer
#
# `scripts/test.sh unit conformance` runs only those. The last line is the total, in the same form.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/server.sh

export JOBS=${JOBS:-$(nproc)}
conformance_cases=${RIVULET_KQL_CASES:-../shared/kql-cases}
# The thread sanitizer takes the rooms that have threads, of their own or the engine's.
asan_rooms="common types activity log objects catalog rowstore extents store ingest kusto kql functions query commands server sources"
tsan_rooms="common log objects rowstore extents store ingest query commands server sources"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chosen=("$@")
summary=()
total_passed=0
total_failed=0

# wanted SUITE: whether it was asked for.
wanted() { [ ${#chosen[@]} -eq 0 ] || [[ " ${chosen[*]} " == *" $1 "* ]]; }

heading() { printf '\n== %s\n' "$1"; }

# record SUITE PASSED FAILED [NOTE]
record() {
  summary+=("$(printf '%-14s %6d passed %6d failed  %s' "$1" "$2" "$3" "${4:-}")")
  total_passed=$((total_passed + $2))
  total_failed=$((total_failed + $3))
}

finish() {
  heading 'summary'
  printf '%s\n' "${summary[@]}"
  echo "$total_passed passed, $total_failed failed"
  [ "$total_failed" -eq 0 ] && [ "$total_passed" -gt 0 ]
  exit
}

# record_ctest SUITE REPORT STATUS: counts what ctest wrote to REPORT.
record_ctest() {
  local name=$1 report=$2 status=$3 attribute tests failures skipped=0
  count_of() { grep -oE "\<$1=\"[0-9]+\"" "$report" | head -n 1 | tr -dc 0-9; }
  if [ ! -s "$report" ]; then
    record "$name" 0 1 'did not run'
    return
  fi
  tests=$(count_of tests)
  failures=$(count_of failures)
  for attribute in disabled skipped; do
    skipped=$((skipped + $(count_of "$attribute")))
  done
  # A status without a failed test is a fault of the run itself.
  [ "$status" -eq 0 ] || [ "$failures" -gt 0 ] || failures=1
  record "$name" $((tests > failures + skipped ? tests - failures - skipped : 0)) "$failures" \
    "$([ "$skipped" -eq 0 ] || echo "$skipped skipped")"
}

# show_ctest LOG: from ctest's output in LOG, what is worth reading: passing tests are not.
show_ctest() {
  sed -n '/^Test project/,$p' "$1" | sed 1d | grep -vE '^ *Start +[0-9]+:|Passed +[0-9.]+ sec$'
}

run_unit() {
  heading unit
  ctest --test-dir build -j "$JOBS" --output-on-failure --output-junit "$work/unit.xml" \
    >"$work/unit.log" 2>&1
  local status=$?
  show_ctest "$work/unit.log"
  record_ctest unit "$work/unit.xml" "$status"
}

# record_line NAME STATUS: counts what the last line of $work/suite.log says.
record_line() {
  local name=$1 status=$2 line
  line=$(tail -n 1 "$work/suite.log")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    local passed=${BASH_REMATCH[1]} failed=${BASH_REMATCH[2]}
    [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
    record "$name" "$passed" "$failed" "$([ "$status" -eq 0 ] || echo "exit status $status")"
  else
    record "$name" 0 1 "no result, exit status $status"
  fi
}

run_suite() {
  local script=$1 name
  name=$(basename "$script" .sh)
  heading "$name"
  "$script" 2>&1 | tee "$work/suite.log"
  record_line "$name" "${PIPESTATUS[0]}"
}

run_conformance() {
  heading conformance
  local status
  if ! start_rivulet "$work/conformance"; then
    record conformance 0 1 'no server'
    return
  fi
  "$conformance_cases/run" --url "$RIVULET_URL" --json "$work/conformance.json" >build/conformance.log 2>&1
  stop_rivulet
  tail -n 1 build/conformance.log
  tests/conformance/check.py "$conformance_cases/cases.jsonl" "$work/conformance.json" 2>&1 |
    tee "$work/suite.log"
  status=${PIPESTATUS[0]}
  record_line conformance "$status"
}

# run_sanitizer TARGET ROOMS [ARGUMENT...]: a target of the Makefile, and what ctest gets beside.
run_sanitizer() {
  heading "$1"
  make --no-print-directory "$1" ROOMS="$2" CTEST_ARGUMENTS="--output-junit $work/$1.xml ${*:3}" \
    >"$work/$1.log" 2>&1
  local status=$?
  if grep -q '^Test project' "$work/$1.log"; then
    show_ctest "$work/$1.log"
  else
    tail -n 100 "$work/$1.log"
  fi
  record_ctest "$1" "$work/$1.xml" "$status"
}

scripts/bootstrap.sh test && make --no-print-directory build || {
  record build 0 1
  finish
}

! wanted unit || run_unit
for script in tests/suites/*.sh; do
  [ ! -x "$script" ] || ! wanted "$(basename "$script" .sh)" || run_suite "$script"
done
if [ -x "$conformance_cases/run" ] && wanted conformance; then
  run_conformance
fi
if [ "${RIVULET_SANITIZE:-}" = 1 ] || [ "${CI:-}" = true ] || [[ " ${chosen[*]} " == *" sanitizers "* ]]; then
  run_sanitizer asan "$asan_rooms"
  # Not what has little to do with threads and takes long there: the histories of faults, and what fails or breaks at
  # every step or byte (one thing after the other); the simulated log's, what parses bodies and what writes row files
  # (of one thread); and what looks for a row that pruning loses (queries one after the other).
  run_sanitizer tsan "$tsan_rooms" -E \
    "'/(Seeds/|(Upkeep|Checkpoint|Object)FaultTest.(ThePower|Every)|SimulationTest.(One|Two|TheSame)|RandomInput|Json|Compression|Pruning|LocalLogTest.ATorn|RowFilesTest.RunsRead)'"
fi
finish
