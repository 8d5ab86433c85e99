#!/usr/bin/env bash
# Kills the server in mid-load 50 times and counts its rows; see tests/crash/run.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 tests/crash/run.py --program build/rivulet --kills "${RIVULET_CRASH_KILLS:-50}"
