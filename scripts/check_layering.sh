#!/usr/bin/env bash
# Holds every #include under src/ to the order of rooms in src/CMakeLists.txt, and to three rules
# beside it: log, catalog and rowstore know nothing of DuckDB, kql knows nothing of storage and no more of DuckDB than
# how its SQL is spelled, and the engine's header stands in one place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rooms=$(sed -n '/^set(rooms/,/^)/p' src/CMakeLists.txt | sed '1d;$d')
find src -name '*.h' -o -name '*.cc' | sort | xargs awk -v rooms="$rooms" '
  BEGIN {
    count = split(rooms, names)
    for (i = 1; i <= count; i++) rank[names[i]] = i
    split("log catalog rowstore", names); for (i in names) without_duckdb[names[i]] = 1
    split("log rowstore extents store", names); for (i in names) storage[names[i]] = 1
  }
  function fail(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why
    failures++
  }
  FNR == 1 {
    split(FILENAME, part, "/")
    room = part[2]
    if (!(room in rank)) fail("src/" room " is not a room: add it to src/CMakeLists.txt")
  }
  match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]*[>"]/) {
    target = substr($0, RSTART, RLENGTH)
    sub(/^[^<"]*[<"]/, "", target)
    sub(/[>"]$/, "", target)
    split(target, part, "/")
    used = part[1]
    if (target ~ /(^|\/)duckdb\.h(pp)?$/ && FILENAME != "src/duckdb/api.h") fail("include duckdb/api.h instead of " target)
    if (used == "duckdb" && (room in without_duckdb || room == "kql" && target != "duckdb/sql_text.h")) fail(room " must not include " target)
    if (target ~ /\// && used in rank) {
      if (rank[used] > rank[room]) fail(room " must not use " used ", which is below it: " target)
      if (room == "kql" && used in storage) fail("kql must not use " used ": " target)
    } else if (target ~ /^\.\.?\//) {
      fail("include from src/, not relative to the file: " target)
    }
  }
  END { exit failures > 0 }
'
