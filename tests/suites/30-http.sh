#!/usr/bin/env bash
# The HTTP interface, spoken to byte by byte (tests/http). Arguments choose tests by a part of their name.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 tests/http/run.py "$@"
