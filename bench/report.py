#!/usr/bin/env python3
"""Every figure of the benchmarks, from one run on one machine, as a table and as JSON.

    bench/report.py [--seconds 5] [--long] [--json FILE]

--long adds what takes minutes: 10,000 tables at 5 rows a second each for five minutes, 100,000
tables, and a restart with 1 GiB of log.

The disk's own rate of synced writes, the bare parser's rate, and the processor time of a request in the
server and in the load generator stand beside what depends on them: compare with those, and between lines of
one run, never between machines. The cores are kept from sleeping meanwhile (load_bench --awake), except
where the table says "sleeping cores". Nothing is asserted here; the run is added to the history, which
bench/history.py draws.
"""
import argparse
import json
import subprocess
import sys
import tempfile

import history

BUILD = "build/bench"


def load(arguments):
    """The server seen from outside; one JSON object."""
    with tempfile.TemporaryDirectory(prefix="rivulet-bench-", dir=".") as folder:
        out = subprocess.run([f"{BUILD}/load_bench", "--data", folder, *arguments],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out[out.index("{"):])


def kafka(arguments):
    """Data connections, on a broker of this run; one JSON object."""
    with tempfile.TemporaryDirectory(prefix="rivulet-bench-", dir=".") as folder:
        out = subprocess.run(["tests/kafka/broker.py", f"{BUILD}/kafka_bench", "--data", folder, *arguments],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out)


def parser():
    """The bare parsers, without a server; name to figures."""
    out = subprocess.run([f"{BUILD}/ingest_bench", "--benchmark_format=json", "--benchmark_min_time=0.5"],
                         check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return {b["name"]: {"microseconds": round(b["real_time"] * {"ns": 1e-3, "us": 1, "ms": 1e3}[b["time_unit"]], 2),
                        "megabytes_per_second": round(b.get("bytes_per_second", 0) / 1e6, 1),
                        "rows_per_second": round(b.get("items_per_second", 0))}
            for b in json.loads(out)["benchmarks"]}


def table(name, value, depth=0):
    """Nested figures as an indented table, one line a leaf or a flat group."""
    indent = "  " * depth
    if not isinstance(value, dict):
        print(f"{indent}{name:<{46 - len(indent)}}{value}")
    elif all(not isinstance(v, dict) for v in value.values()):
        print(f"{indent}{name:<{46 - len(indent)}}" + "  ".join(f"{k} {v}" for k, v in value.items()))
    else:
        print(f"{indent}{name}")
        for k, v in value.items():
            table(k, v, depth + 1)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--long", action="store_true")
    options.add_argument("--json", help="write the figures to this file as well")
    options = options.parse_args()
    seconds = ["--seconds", str(options.seconds)]
    awake = ["--awake", "yes"]
    figures = {}
    figures["single rows, 64 connections, sleeping cores"] = load(["--only", "single_rows", *seconds])
    for connections in (1, 16):
        figures[f"single rows, connections: {connections}"] = load(
            ["--only", "single_rows", "--connections", str(connections), *seconds, *awake])
    figures["server, 64 connections"] = load([*seconds, *awake])
    figures["10,000 tables, 5 rows a second each"] = load(
        ["--only", "rate", "--tables", "10000", "--seconds", "300" if options.long else str(options.seconds), *awake])
    figures["10,000 tables, as fast as they are answered"] = load(
        ["--only", "single_rows", "--tables", "10000", *seconds, *awake])
    if options.long:
        figures["100,000 tables, ten rows each"] = load(["--only", "many_tables", "--tables", "100000", *awake])
        figures["restart with 1 GiB of ingested text"] = load(["--only", "log_replay", *awake])
    figures["Kafka topics, JSON events of 200 bytes"] = kafka(["--seconds", str(2 * options.seconds), *awake])
    figures["parser alone, one thread"] = parser()
    for name, value in figures.items():
        table(name, value)
    flights = subprocess.run(["scripts/fetch_flights.sh"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    programs = {"store_bench": "FOLDER", "extent_bench": f"FOLDER {flights}", "query_bench": ""}
    if options.long:
        programs["store_bench, 1 GiB of log"] = "FOLDER replay 1024"
    for name, arguments in programs.items():
        print(f"\n== {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="rivulet-bench-", dir=".") as folder:
            command = [f"{BUILD}/{name.split(',')[0]}", *arguments.replace("FOLDER", folder).split()]
            lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(lines, end="", flush=True)
        figures[name] = lines.splitlines()
    text = json.dumps(figures, indent=1)
    print(f"\n{text}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            f.write(text + "\n")
    print(f"\nadded to {history.append(figures)}; bench/history.py plot draws it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
