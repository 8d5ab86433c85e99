#!/usr/bin/env bash
# Runs the tests with the official Go client (tests/clients/go) against a server that they start; arguments
# go to `go test`. Where Go is not installed, says so and runs none.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if ! command -v go >/dev/null; then
  echo 'Go is not installed: the tests with its client are left out' >&2
  echo '0 passed, 0 failed'
  exit 0
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
RIVULET_BINARY=${RIVULET_BINARY:-$PWD/build/rivulet} go test -C tests/clients/go -v -count=1 "$@" . 2>&1 | tee "$output"
status=${PIPESTATUS[0]}
passed=$(grep -c '^--- PASS' "$output")
failed=$(grep -c '^--- FAIL' "$output")
# A status without a failed test is a fault of the run itself.
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
echo "$passed passed, $failed failed"
exit "$status"
