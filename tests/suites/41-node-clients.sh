#!/usr/bin/env bash
# Runs the tests with the official Node client (tests/clients/node) against a server that they start. The
# client's packages are kept in .cache/, or where RIVULET_CACHE_DIR says.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tests=tests/clients/node
# One folder of packages for each lock file; the tests run in it, since Node looks for packages there.
environment=${RIVULET_CACHE_DIR:-$PWD/.cache}/node-clients-$(sha256sum "$tests/package-lock.json" | cut -c 1-12)

if [ ! -e "$environment/ready" ]; then
  rm -rf "$environment"
  mkdir -p "$environment"
  cp "$tests/package.json" "$tests/package-lock.json" "$tests/.npmrc" "$environment/"
  if ! npm ci --prefix "$environment" --ignore-scripts --no-audit --no-fund >&2; then
    echo 'the packages of the Node client could not be installed' >&2
    echo '0 passed, 1 failed'
    exit 1
  fi
  touch "$environment/ready"
fi
cp "$tests"/*.js "$environment/"

report=$(mktemp)
trap 'rm -f "$report"' EXIT
RIVULET_BINARY=${RIVULET_BINARY:-$PWD/build/rivulet} \
  node --test --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$report" "$environment"/*.test.js
status=$?
count_of() { sed -n "s/^# $1 //p" "$report" | tail -n 1; }
passed=$(count_of pass)
failed=$(count_of fail)
# A status without a failed test is a fault of the run itself.
[ "$status" -eq 0 ] || [ "${failed:-0}" -gt 0 ] || failed=1
echo "${passed:-0} passed, ${failed:-1} failed"
exit "$status"
