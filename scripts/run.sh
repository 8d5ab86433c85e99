#!/usr/bin/env bash
# Starts the server and the demo, and stops both on Ctrl-C. HOST, PORT and DATA say where it listens
# and where its data lies; DEMO=0 leaves the demo out.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/server.sh

host=${HOST:-127.0.0.1}
port=${PORT:-8080}
data=${DATA:-data}
url=http://$host:$port
mkdir -p "$data" || exit 1
# The server listens on every address where 0.0.0.0 is asked for; this machine reaches it by its own.
[ "$host" != 0.0.0.0 ] || url=http://127.0.0.1:$port

server='' demo=''
stop() {
  trap '' INT TERM
  [ -z "$demo" ] || kill "$demo" 2>/dev/null
  [ -z "$demo" ] || wait "$demo" 2>/dev/null
  [ -z "$server" ] || kill "$server" 2>/dev/null
  [ -z "$server" ] || wait "$server" 2>/dev/null
}
trap 'stop; echo; echo "Stopped. The data stays in $data."; exit 0' INT TERM

"$RIVULET_BINARY" serve --listen "$host:$port" --data "$data" &
server=$!
if ! await_healthy "$url" "$server"; then
  echo "The server did not come up on $url; its output above says why." >&2
  stop
  exit 1
fi

if [ "${DEMO:-1}" != 0 ]; then
  "$RIVULET_BINARY" demo --url "$url" &
  demo=$!
fi

cat <<END

Rivulet listens on $url, with its data in $(cd "$data" && pwd).
Open that address in a browser, or give it to any Kusto client as its cluster.
Ctrl-C stops it.

END

wait "$server"
status=$?
server=''
stop
exit "$status"
