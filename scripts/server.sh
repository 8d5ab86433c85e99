# For scripts that need a running server; source it from bash in the root of the source tree.
#
#   start_rivulet DATA [ARGUMENT...]   starts build/rivulet on a free port, sets RIVULET_URL and
#                                      RIVULET_PID, returns once it is healthy; its output goes to
#                                      DATA.log
#   stop_rivulet                       asks it to end and waits for that
#   await_healthy URL PID              waits until URL/healthz answers, at most 30 seconds

RIVULET_BINARY=${RIVULET_BINARY:-build/rivulet}

await_healthy() {
  local url=$1 pid=$2 attempt
  for ((attempt = 0; attempt < 300; attempt++)); do
    # First a pause, in which a server that cannot start ends: another may be answering at this address.
    sleep 0.1
    kill -0 "$pid" 2>/dev/null || return 1
    curl -fsS -o /dev/null --max-time 2 "$url/healthz" 2>/dev/null && return 0
  done
  return 1
}

start_rivulet() {
  local data=$1 attempt
  shift
  rm -f "$data.port"
  "$RIVULET_BINARY" serve --listen 127.0.0.1:0 --data "$data" --port-file "$data.port" "$@" \
    >"$data.log" 2>&1 &
  RIVULET_PID=$!
  for ((attempt = 0; attempt < 300; attempt++)); do
    [ ! -s "$data.port" ] || break
    kill -0 "$RIVULET_PID" 2>/dev/null || break
    sleep 0.1
  done
  if [ -s "$data.port" ]; then
    RIVULET_URL=http://127.0.0.1:$(tr -d '[:space:]' <"$data.port")
    export RIVULET_URL RIVULET_PID
    await_healthy "$RIVULET_URL" "$RIVULET_PID" && return 0
  fi
  echo "the server did not start; the end of its output:" >&2
  tail -n 20 "$data.log" >&2
  kill "$RIVULET_PID" 2>/dev/null
  return 1
}

stop_rivulet() {
  kill "$RIVULET_PID" 2>/dev/null
  wait "$RIVULET_PID" 2>/dev/null
}
