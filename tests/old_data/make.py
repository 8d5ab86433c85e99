#!/usr/bin/env python3
"""Makes a data directory that holds one of everything that lasts, with the program that is given, and packs it:

    RIVULET_BINARY=… tests/old_data/make.py tests/old_data/NAME.tar.gz

Rows in extents, in row files and in the log; tags, retry keys, deleted rows, renamed and dropped columns and
tables, functions, mappings, policies, and the offsets of a data connection. Run it with the last program before a
format changes: tests/suites/25-old-data.sh asks from then on that every later program opens the directory and
answers what is written in contents.test. Needs the packages of tests/kafka/requirements.txt and a broker.
"""
import json
import pathlib
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kafka"))
from harness import Server, broker, eventually, new_topic, send, stop_all  # noqa: E402

SETTINGS = {
    "RIVULET_LOG_SEGMENT_SIZE": "1 MiB",
    "RIVULET_LOG_LIMIT": "4 MiB",
    "RIVULET_SEAL_ROWS": "1000",
    "RIVULET_SEAL_MIN_ROWS": "1000000",
}


def ingest(server, table, text, format="csv", key=None, mapping=None):
    url = f"http://127.0.0.1:{server.port}/v1/rest/ingest/NetDefaultDB/{table}?streamFormat={format}"
    if mapping:
        url += f"&mappingName={mapping}"
    headers = {"Idempotency-Key": key} if key else {}
    urllib.request.urlopen(urllib.request.Request(url, text.encode(), headers)).read()


def numbered(first, count):
    return "".join(f"{i},text {i},{i * 0.5},{'true' if i % 2 else 'false'}\n" for i in range(first, first + count))


def checkpoints(server):
    return next(line for line in server.metrics().splitlines() if line.startswith('rivulet_store{name="checkpoints"}'))


def checkpoint(server):
    """Fills the log until the recent rows of all tables are moved to a row file."""
    before = checkpoints(server)
    while checkpoints(server) == before:
        ingest(server, "Padding", "0," + "padding " * 25_000 + "\n")


def make(server):
    command = server.command
    command(".create table Types (b:bool, i:int, l:long, r:real, d:decimal, t:datetime, s:timespan, g:guid, x:string, j:dynamic)")
    command(".create table Numbers (Id:long, Text:string, Value:real, Flag:bool)")
    command(".create table Padding (Id:long, Text:string)")
    command(".create table Events (Id:long, Name:string)")
    command(".create table Gone (Id:long)")
    command(".create table Emptied (Id:long)")
    command(".create database Second")
    command(".create-or-alter function with (folder='f', docstring='twice') Twice(x:long) { x * 2 }")
    command(".create table Numbers ingestion json mapping 'm' "
            """'[{"column":"Id","path":"$.n"},{"column":"Text","path":"$.a.b"}]'""")
    command(".alter table Numbers docstring 'numbers of all ages'")
    command('.alter table Numbers policy retention softdelete = 36500d recoverability = disabled')
    command(".alter table Numbers policy roworder (Id desc)")
    command('.alter database NetDefaultDB policy caching hot = 7d')
    command('.alter-merge database Second policy merge \'{"MaxExtentsToMerge": 50}\'')

    # Extents: sealed for their number of rows, and made by commands, with tags.
    ingest(server, "Numbers", numbered(0, 1000))
    eventually(lambda: command(".show table Numbers extents | count")[0]["Count"], 1, "extents")
    command(".ingest inline into table Numbers with (tags='[\"drop-by:old\",\"ingest-by:once\"]') <|\n" + numbered(1000, 3))
    command(".append Numbers with (tags='[\"made\"]') <| range Id from 2000 to 2009 step 1 | extend Text = 'made', Value = 1.5, Flag = true")
    command(".delete table Numbers records <| Numbers | where Id between (10 .. 19)")
    ingest(server, "Gone", "1\n2\n")
    ingest(server, "Emptied", "1\n2\n")

    # Row files: two checkpoints, so that a tail has two runs.
    types = ('true,1,2,0.5,1.25,2024-05-01T01:02:03.4567891Z,1.02:03:04.5,'
             '"74be27de-1e4e-49d9-b579-fe0b331d3642","a, ""b""","{""k"":[1,null,""v""]}"\n'
             ',,,,,,,,,\n')
    ingest(server, "Types", types, key="types-1")
    ingest(server, "Numbers", numbered(3000, 50), key="numbers-1")
    checkpoint(server)
    ingest(server, "Numbers", "\n".join(json.dumps({"n": 3100 + i, "a": {"b": f"mapped {i}"}}) for i in range(5)), "json",
           mapping="m")
    topic = new_topic(2)
    command(f".create data-connection Stream kind=kafka ('{broker().plain}') with (topic='{topic}', table='Events', "
            "format='csv', retrievalStartDate='earliest', consumerGroup='g')")
    send(topic, "1,one", "2,two", "3,three")
    server.await_rows("Events | count", [[3]])
    checkpoint(server)

    # The log: what came after the last checkpoint.
    send(topic, "4,four")
    server.await_rows("Events | count", [[4]])
    command(".disable data-connection Stream")
    ingest(server, "Types", "false,-1,-2,-0.5,-1.25,0001-01-01,-00:00:00.0000001,,\"línea\",[]\n", key="types-2")
    ingest(server, "Numbers", numbered(4000, 7))
    command(".drop table Gone")
    command(".clear table Emptied data")
    command(".alter-merge table Types (n:int)")
    command(".rename column Types.n to m")
    command(".rename table Padding to Filler")
    command(".clear table Filler data")
    command(".create table Other (a:int)", "Second")
    command(".set-or-append Other <| print a = int(7)", "Second")
    ingest(server, "Types", "true,,,,,,,,last,,5\n")
    command(".delete table Numbers records <| Numbers | where Id == 4003")


def main():
    server = Server(**SETTINGS)
    try:
        make(server)
        # Not stopped in good order, so that the log is as it is.
        server.kill()
        subprocess.run(["tar", "--sort=name", "--owner=0", "--group=0", "--exclude=LOCK", "-C", server.folder,
                        "-I", "gzip -9", "-cf", sys.argv[1], "data"], check=True)
    finally:
        server.close()
        stop_all()


main()
