#!/usr/bin/env bash
# Runs the tests with the official Python client (tests/clients/python) against a server that they start;
# arguments go to pytest. The client's packages are kept in .cache/, or where RIVULET_CACHE_DIR says.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tests=tests/clients/python
source scripts/python_environment.sh
use_python_packages python-clients "$tests/requirements.txt"

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
