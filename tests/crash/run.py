#!/usr/bin/env python3
"""Kills a server with SIGKILL in mid-load, many times, and counts its rows (promises P1, P2, P4).

Each round starts the server on the same data directory, lets writers stream small requests into many
tables while other clients change schemas and mappings and drop and re-create tables, kills the server at
a random moment, starts it again and compares what it answers with what the clients were told:

- every row of an acknowledged request is there, exactly once;
- a request without an answer is there whole, or not at all, and never twice;
- no row of a refused request is there;
- every acknowledged schema change is there;
- a mapping is the one that was acknowledged last (or the one whose command had no answer), and the rows
  of a request were all made by one mapping that was in force while it ran (P3);
- a table that was dropped is not there, and one of the same name has no row of its former lives.

The settings make the log small, so that kills also meet checkpoints and sealing. The seed is printed;
`--seed` repeats the same choices (the operating system's timing stays its own).
"""
import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

TABLES = 24
WRITERS = 8
LIVES = 4  # tables that are dropped and created again, each by a client of its own
DATABASE = "NetDefaultDB"
REFUSED = -1  # Request column of rows that no server may keep


class Server:
    """One run of the program over a data directory."""

    def __init__(self, program, data):
        port_file = os.path.join(data, "..", "port")
        if os.path.exists(port_file):
            os.remove(port_file)
        environment = dict(
            os.environ,
            RIVULET_LOG_SEGMENT_SIZE="1 MiB",
            RIVULET_LOG_LIMIT="4 MiB",
            RIVULET_SEAL_ROWS="2000",
            RIVULET_SEAL_MIN_ROWS="500",
            RIVULET_SEAL_AGE="1s",
        )
        self.log = open(os.path.join(data, "..", "server.log"), "ab")
        self.process = subprocess.Popen(
            [program, "serve", "--listen", "127.0.0.1:0", "--data", data, "--port-file", port_file],
            env=environment, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while True:
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended with {self.process.returncode} at its start; "
                                 f"its log is {self.log.name}")
            try:
                with open(port_file, encoding="ascii") as f:
                    text = f.read().strip()
                if text:
                    self.port = int(text)
                    return
            except FileNotFoundError:
                pass
            if time.monotonic() > deadline:
                raise SystemExit("the server was not ready within 60 s")
            time.sleep(0.01)  # polls for readiness; nothing is decided by the length of it

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            raise SystemExit(f"SIGTERM ended with {self.process.returncode}")


class Client:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path, body):
        """Status and parsed answer; raises OSError or HTTPException when there was no answer."""
        self.connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def command(self, text):
        return self.post("/v1/rest/mgmt", json.dumps({"db": DATABASE, "csl": text}))

    def rows(self, text):
        body = json.dumps({"db": DATABASE, "csl": text, "properties": {"Options": {"notruncation": True}}})
        status, answer = self.post("/v2/rest/query", body)
        if status != 200:
            raise AssertionError(f"{text}: {answer}")
        return next(f["Rows"] for f in answer
                    if f.get("FrameType") == "DataTable" and f["TableKind"] == "PrimaryResult")


NO_ANSWER = (OSError, http.client.HTTPException, ValueError)


class Account:
    """What the clients were told. Keys are (table, round, writer, request) to the number of rows."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = {}
        self.unanswered = {}
        self.columns = {}  # (table, column) of acknowledged schema changes
        # Versions of each table's mapping: the last that was asked for, and the last that was acknowledged.
        self.asked = [0] * TABLES
        self.mapped = [0] * TABLES
        self.versions = {}  # (table, round, writer, request) to the versions that may have made its rows
        self.faults = []


def write(port, account, round_number, writer, seed):
    choose = random.Random(f"{seed}/{round_number}/{writer}")
    client = Client(port)
    request = 0
    while True:
        request += 1
        table = choose.randrange(TABLES)
        count = choose.choice([1, 1, 1, 2, 5, 40])
        refused = choose.random() < 0.05
        lines = [f"{round_number},{writer},{REFUSED if refused else request},{row},{count},text {row}"
                 for row in range(count)]
        if refused:
            lines.append('1,2,3,4,5,"never closed')
        key = (table, round_number, writer, request)
        with account.lock:
            oldest = account.mapped[table]
        mapping = "&mappingName=m" if oldest > 0 and choose.random() < 0.5 else ""
        try:
            status, answer = client.post(
                f"/v1/rest/ingest/{DATABASE}/T{table}?streamFormat=csv{mapping}", "\n".join(lines))
        except NO_ANSWER:
            if not refused:
                with account.lock:
                    account.unanswered[key] = count
                    account.versions[key] = (oldest, account.asked[table]) if mapping else (None, None)
            return
        with account.lock:
            account.versions[key] = (oldest, account.asked[table]) if mapping else (None, None)
            if refused and status != 400:
                account.faults.append(f"a malformed request was answered {status}")
            elif not refused and status == 200:
                account.acknowledged[key] = count
            elif not refused and status not in (429, 503):
                account.faults.append(f"{key} was answered {status}: {answer}")


def mapping_text(version):
    fields = ["Round", "Writer", "Request", "Row", "Rows", "Text"]
    elements = [{"Column": name, "Properties": {"Ordinal": str(i)}} for i, name in enumerate(fields)]
    elements.append({"Column": "Version", "Properties": {"ConstValue": str(version)}})
    return json.dumps(elements)


def remap(port, account, round_number, seed):
    choose = random.Random(f"{seed}/{round_number}/remap")
    client = Client(port)
    while True:
        table = choose.randrange(TABLES)
        with account.lock:
            version = account.asked[table] = account.asked[table] + 1
        try:
            status, answer = client.command(
                f".create-or-alter table T{table} ingestion csv mapping 'm' '{mapping_text(version)}'")
        except NO_ANSWER:
            return
        with account.lock:
            if status == 200:
                account.mapped[table] = version
            else:
                account.faults.append(f"a mapping was answered {status}: {answer}")


class Life:
    """A table that one client alone fills, drops and creates again, and what it was told."""

    def __init__(self, number):
        self.name = f"L{number}"
        self.number = 0  # of its present life
        self.exists = False
        self.acknowledged = {}  # request to the number of rows, of the present life
        self.unanswered = {}
        self.pending = None  # the command that had no answer: "create" or "drop"
        self.request = 0

    def begin(self):
        self.number += 1
        self.exists = True
        self.acknowledged = {}
        self.unanswered = {}

    def live(self, port, account, round_number, seed):
        choose = random.Random(f"{seed}/{round_number}/{self.name}")
        client = Client(port)
        while True:
            try:
                if not self.exists:
                    self.pending = "create"
                    status, answer = client.command(
                        f".create table {self.name} (Life:long, Request:long, Row:long)")
                    self.begin()
                elif choose.random() < 0.03:
                    self.pending = "drop"
                    status, answer = client.command(f".drop table {self.name}")
                    self.exists = False
                else:
                    self.request += 1
                    count = choose.choice([1, 2, 5, 300])
                    self.unanswered[self.request] = count
                    status, answer = client.post(
                        f"/v1/rest/ingest/{DATABASE}/{self.name}?streamFormat=csv",
                        "\n".join(f"{self.number},{self.request},{row}" for row in range(count)))
                    del self.unanswered[self.request]
                    if status == 200:
                        self.acknowledged[self.request] = count
            except NO_ANSWER:
                return
            self.pending = None
            if status not in (200, 429, 503):
                with account.lock:
                    account.faults.append(f"{self.name} was answered {status}: {answer}")

    def check(self, client):
        faults = []
        names = [row[0] for row in client.command(".show tables")[1]["Tables"][0]["Rows"]]
        exists = self.name in names
        if self.pending == "create" and exists:
            self.begin()
        elif self.pending == "drop" and not exists:
            self.exists = False
        elif exists != self.exists:
            faults.append(f"{self.name}: expected {self.exists}, found {exists}, and {self.pending} pending")
        self.pending = None
        found = {}
        for life, request, row in client.rows(self.name) if exists else []:
            if life != self.number:
                faults.append(f"{self.name}: a row of life {life} in life {self.number}")
            found.setdefault(request, []).append(row)
        for request, rows in found.items():
            count = self.acknowledged.get(request, self.unanswered.get(request))
            if count is None or sorted(rows) != list(range(count)):
                faults.append(f"{self.name}, request {request}: expected {count} rows once, found {sorted(rows)}")
        if exists:
            faults += [f"{self.name}, request {request}: acknowledged and lost"
                       for request in self.acknowledged if request not in found]
        return faults


def alter(port, account, round_number, seed):
    choose = random.Random(f"{seed}/{round_number}/alter")
    client = Client(port)
    number = 0
    while True:
        number += 1
        table, column = choose.randrange(TABLES), f"R{round_number}N{number}"
        try:
            status, answer = client.command(f".alter-merge table T{table} ({column}:long)")
        except NO_ANSWER:
            return
        with account.lock:
            if status == 200:
                account.columns.setdefault(table, set()).add(column)
            else:
                account.faults.append(f"schema change was answered {status}: {answer}")
        if number >= 4:
            return


def check(port, account, only_round):
    """Compares the rows of one round (or of all, with None) with the account."""
    client = Client(port)
    faults = []
    for table in range(TABLES):
        where = "" if only_round is None else f"| where Round == {only_round} "
        found, versions = {}, {}
        for round_number, writer, request, row, count, text, version in client.rows(
                f"T{table} {where}| project Round, Writer, Request, Row, Rows, Text, Version"):
            if text != f"text {row}":
                faults.append(f"T{table}: row {row} holds {text!r}")
            key = (table, round_number, writer, request)
            found.setdefault(key, []).append((row, count))
            versions.setdefault(key, set()).add(version)
        for key, rows in found.items():
            count = account.acknowledged.get(key, account.unanswered.get(key))
            if key[3] == REFUSED:
                faults.append(f"{key}: rows of a refused request are there")
            elif count is None:
                faults.append(f"{key}: rows of no request")
            elif sorted(rows) != [(row, count) for row in range(count)]:
                faults.append(f"{key}: expected {count} rows once, found {sorted(rows)}")
        for key, made_by in versions.items():
            oldest, newest = account.versions.get(key, (None, None))
            if oldest is None and made_by != {None}:
                faults.append(f"{key}: made by the mappings {made_by} without one")
            elif oldest is not None and not (len(made_by) == 1 and oldest <= min(made_by) <= newest):
                faults.append(f"{key}: made by the mappings {made_by}, where {oldest} to {newest} were in force")
        for key in account.acknowledged:
            if key[0] == table and (only_round is None or key[1] == only_round) and key not in found:
                faults.append(f"{key}: acknowledged and lost")
        status, answer = client.command(f".show table T{table} cslschema")
        schema = answer["Tables"][0]["Rows"][0][1] if status == 200 else ""
        for column in account.columns.get(table, ()):
            if f"{column}:long" not in schema:
                faults.append(f"T{table}: acknowledged column {column} is lost")
        status, answer = client.command(f".show table T{table} ingestion csv mappings")
        mappings = [row[2] for row in answer["Tables"][0]["Rows"]] if status == 200 else []
        possible = {account.mapped[table], account.asked[table]}
        version = 0
        if mappings:
            version = next((int(e["Properties"]["ConstValue"]) for e in json.loads(mappings[0])
                            if e["column" if "column" in e else "Column"] == "Version"), None)
        if version not in possible:
            faults.append(f"T{table}: its mapping is version {version}, and one of {possible} was expected")
        else:
            # What had no answer is decided now.
            account.mapped[table] = account.asked[table] = version
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", default="build/rivulet")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"crash test: {options.kills} kills, seed {options.seed}", flush=True)
    choose = random.Random(options.seed)
    account = Account()
    lives = [Life(number) for number in range(LIVES)]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="rivulet-crash-") as folder:
        data = os.path.join(folder, "data")
        os.mkdir(data)
        server = Server(options.program, data)
        client = Client(server.port)
        for table in range(TABLES):
            status, answer = client.command(
                f".create table T{table} (Round:long, Writer:long, Request:long, Row:long, Rows:long, Text:string, "
                "Version:long)")
            assert status == 200, answer
        for round_number in range(options.kills):
            threads = [threading.Thread(target=write, args=(server.port, account, round_number, w, options.seed))
                       for w in range(WRITERS)]
            threads.append(threading.Thread(target=alter, args=(server.port, account, round_number, options.seed)))
            threads.append(threading.Thread(target=remap, args=(server.port, account, round_number, options.seed)))
            threads += [threading.Thread(target=life.live, args=(server.port, account, round_number, options.seed))
                        for life in lives]
            for thread in threads:
                thread.start()
            time.sleep(choose.uniform(0.05, 1.0))  # the moment of the kill, not a synchronisation
            server.kill()
            for thread in threads:
                thread.join()
            server = Server(options.program, data)
            last = round_number == options.kills - 1
            faults = account.faults + check(server.port, account, None if last else round_number)
            client = Client(server.port)
            for life in lives:
                faults += life.check(client)
            account.faults = []
            for fault in faults[:10]:
                print(f"round {round_number}: {fault}", flush=True)
            if faults:
                failed += 1
                print(f"round {round_number}: {len(faults)} faults", flush=True)
            else:
                passed += 1
        server.stop()
        print(f"{len(account.acknowledged)} requests with {sum(account.acknowledged.values())} rows were "
              f"acknowledged, {len(account.unanswered)} had no answer; {sum(account.asked)} versions of mappings, "
              f"{sum(life.number for life in lives)} lives of tables")
        if not account.acknowledged:
            failed += 1
            print("no request was acknowledged: the test has shown nothing")
        if failed:
            with open(os.path.join(folder, "server.log"), encoding="utf-8", errors="replace") as log:
                print("".join(log.readlines()[-30:]))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
