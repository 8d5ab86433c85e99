#!/usr/bin/env bash
# Data directories that earlier versions of the program wrote (tests/old_data/*.tar.gz) open and answer what they did,
# before and after the program has written to them itself.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source scripts/server.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# ask DATA: what is in it.
ask() {
  local line
  if ! start_rivulet "$1" --log-limit '4 MiB' --log-segment-size '1 MiB' --seal-rows 1000; then
    failed=$((failed + 1))
    return
  fi
  line=$(python3 tests/run_declarative.py --url "$RIVULET_URL" tests/old_data/contents.test | tee /dev/stderr | tail -n 1)
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
  else
    failed=$((failed + 1))
  fi
}

# write_more: rows until the server has sealed some, and made a checkpoint.
write_more() {
  local i
  for ((i = 0; i < 20; i++)); do
    { printf '1,' && head -c 300000 /dev/urandom | base64 -w 0; } |
      curl -fsS -o /dev/null --data-binary @- "$RIVULET_URL/v1/rest/ingest/NetDefaultDB/Filler?streamFormat=csv" || return 1
  done
  for ((i = 0; i < 600; i++)); do
    curl -fsS "$RIVULET_URL/metrics" | grep '^rivulet_store{name="checkpoints"} [1-9]' >/dev/null && break
    sleep 0.1
  done
  curl -fsS -o /dev/null -H 'Content-Type: application/json' -d '{"db":"NetDefaultDB","csl":".clear table Filler data"}' \
    "$RIVULET_URL/v1/rest/mgmt" && [ "$i" -lt 600 ]
}

for archive in tests/old_data/*.tar.gz; do
  mkdir "$work/old"
  tar -xzf "$archive" -C "$work/old"
  ask "$work/old/data"
  if write_more; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  stop_rivulet
  if "$RIVULET_BINARY" check --data "$work/old/data"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  ask "$work/old/data"
  stop_rivulet
  rm -rf "$work/old"
done >&2
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
