#!/usr/bin/env bash
# Runs the tests with the official Python client (tests/clients/python) against a server that they start;
# arguments go to pytest. The client's packages are kept in .cache/, or where RIVULET_CACHE_DIR says.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tests=tests/clients/python
requirements=$tests/requirements.txt
# One environment for each list of packages.
environment=${RIVULET_CACHE_DIR:-$PWD/.cache}/python-clients-$(sha256sum "$requirements" | cut -c 1-12)

if [ ! -e "$environment/ready" ]; then
  rm -rf "$environment"
  if ! python3 -m venv "$environment" >&2 ||
    ! "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2; then
    echo 'the packages of the Python client could not be installed' >&2
    echo '0 passed, 1 failed'
    exit 1
  fi
  touch "$environment/ready"
fi

report=$(mktemp)
trap 'rm -f "$report"' EXIT
PYTHONDONTWRITEBYTECODE=1 "$environment/bin/python" -m pytest "$tests" --junitxml="$report" "$@"
status=$?
python3 - "$report" <<'PYTHON'
import sys
import xml.etree.ElementTree

try:
    suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot()[0]
    tests, failed, skipped = int(suite.get("tests")), int(suite.get("failures")) + int(suite.get("errors")), int(suite.get("skipped"))
    print(f"{tests - failed - skipped} passed, {failed} failed")
except Exception:
    print("0 passed, 1 failed")
PYTHON
exit "$status"
