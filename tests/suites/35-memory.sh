#!/usr/bin/env bash
# The server under a memory limit of 1 GiB (tests/memory).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 tests/memory/run.py
