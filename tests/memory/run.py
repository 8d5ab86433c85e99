#!/usr/bin/env python3
"""The server with 1 GiB of memory (promise P5): ingestion, checkpoints, extents and queries that all ask for more than
there is. It refuses, with answers that clients can tell from failures, and never takes more; what it accepted is
there, and when the load ends it serves as before, also after a start anew.

The limit is the setting memory_limit, and what is held against it is the most memory that the process ever had
resident. Where RIVULET_TEST_CGROUP names a folder of the control groups (version 1 or 2) in which this user may make
one, the server is started in a group of that limit instead, finds the limit for itself, and the kernel ends it if it
takes more.
"""
import gzip
import os
import random
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "http"))

import harness  # noqa: E402
from harness import ask, mgmt, query, rows  # noqa: E402

LIMIT = 1 << 30
MIB = 1 << 20
TABLES = 6
INGESTED = 600 * MIB  # as text, in all
WRITERS = 8
RETRIED = {429, 503}  # transient: clients try again


class Group:
    """A control group with the limit; nothing where there is no place for one."""

    def __init__(self, parent):
        self.folder = parent and os.path.join(parent, f"rivulet-memory-{os.getpid()}")
        if not self.folder:
            return
        os.mkdir(self.folder)
        is_v2 = os.path.exists(os.path.join(self.folder, "memory.max"))
        settings = {"memory.max": LIMIT, "memory.swap.max": 0} if is_v2 else {"memory.limit_in_bytes": LIMIT}
        for name, value in settings.items():
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(str(value))

    def wrapper(self):
        """What starts a program in the group."""
        if not self.folder:
            return ()
        return ("sh", "-c", f'echo $$ >"{self.folder}/cgroup.procs" && exec "$@"', "sh")

    def remove(self):
        if not self.folder:
            return
        for _ in range(100):
            try:
                return os.rmdir(self.folder)
            except OSError:  # the process is still ending
                time.sleep(0.05)


class LimitedServer(harness.Server):
    def __init__(self, group):
        limit = () if group.folder else ("--memory-limit", str(LIMIT))
        # Small enough for checkpoints, extents and merges to come while the test runs.
        super().__init__(*limit, "--log-limit", "128MiB", "--seal-size", "48MiB", wrapper=group.wrapper())

    def peak_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024

    def start_again(self):
        """Stops it, and starts it on the same data."""
        arguments = self.process.args
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)
        port_file = os.path.join(self.folder, "port")
        os.remove(port_file)
        self.process = harness.subprocess.Popen(arguments, stdout=self.log, stderr=self.log)
        while not os.path.exists(port_file):
            if self.process.poll() is not None:
                raise RuntimeError("the server did not start again: " + self.output())
            time.sleep(0.05)
        with open(port_file) as file:
            self.port = int(file.read())


class Writer(threading.Thread):
    """Sends bodies of a few MiB one after the other, again where it is told to retry."""

    def __init__(self, to, number, share_bytes):
        super().__init__()
        self.to, self.number, self.share_bytes = to, number, share_bytes
        self.accepted = [0] * TABLES  # rows by table
        self.refused = 0
        self.failure = None
        self.random = random.Random(number)

    def body(self):
        count = self.random.choice([200, 2000, 8000])
        text = "".join(f"{self.random.getrandbits(4000):x}"[:400] for _ in range(4))
        size = len(text) // 8
        return count, "".join(f"{self.number},{i},{text[i % 8 * size:][:size]}{i}\n" for i in range(count)).encode()

    def run(self):
        try:
            sent = 0
            while sent < self.share_bytes:
                table = self.random.randrange(TABLES)
                count, body = self.body()
                while (answer := ask(self.to, "POST", f"/v1/rest/ingest/NetDefaultDB/T{table}?streamFormat=csv",
                                     body)).status in RETRIED:
                    assert answer.error()["@permanent"] is False, answer.body
                    self.refused += 1
                    time.sleep(0.05)
                assert answer.status == 200, answer.body
                self.accepted[table] += count
                sent += len(body)
        except Exception as failure:  # told by the test
            self.failure = failure


class Memory(unittest.TestCase):
    """The tests go on where the one before ended, in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.group = Group(os.environ.pop("RIVULET_TEST_CGROUP", None))
        cls.server = LimitedServer(cls.group)
        cls.accepted = [0] * TABLES
        for i in range(TABLES):
            assert mgmt(cls.server, f".create table T{i} (Writer:int, N:long, Text:string)").status == 200

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.group.remove()

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), "the server ended: " + self.server.output()[-2000:])
        peak = self.server.peak_bytes()
        print(f"  at most {peak / MIB:.0f} MiB so far")
        self.assertLess(peak, LIMIT)

    def capacity(self):
        answer = mgmt(self.server, ".show capacity")
        self.assertEqual(answer.status, 200, answer.body)
        return {row[0]: row for row in answer.json()["Tables"][0]["Rows"]}

    def check_counts(self):
        for i, expected in enumerate(self.accepted):
            self.assertEqual(rows(query(self.server, f"T{i} | count")), [[expected]], f"rows of T{i}")

    def check_service(self):
        """That it takes rows and answers."""
        answer = ask(self.server, "POST", "/v1/rest/ingest/NetDefaultDB/T0?streamFormat=csv", "0,0,last\n")
        self.assertEqual(answer.status, 200, answer.body)
        self.accepted[0] += 1
        self.assertEqual(rows(query(self.server, "print 1")), [[1]])

    def test_1_the_shares_fit_into_the_limit(self):
        capacity = self.capacity()
        self.assertEqual(capacity["Memory"][1], LIMIT)
        shares = [row[1] for name, row in capacity.items() if name.endswith("Memory")
                  and name not in ("Memory", "RowStoreMemory")]
        self.assertGreaterEqual(len(shares), 10)
        self.assertLessEqual(sum(shares), LIMIT)

    def test_2_ingestion_of_more_than_there_is(self):
        writers = [Writer(self.server, i, INGESTED // WRITERS) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            for i in range(TABLES):
                answer = query(self.server, f"T{i} | summarize count(), max(N) by Writer")
                self.assertIn(answer.status, {200, 400}, answer.body)
        for writer in writers:
            writer.join()
            self.assertIsNone(writer.failure)
            for i in range(TABLES):
                self.accepted[i] += writer.accepted[i]
        print(f"  {sum(self.accepted)} rows, {sum(writer.refused for writer in writers)} requests refused")
        self.check_counts()
        self.assertEqual(mgmt(self.server, ".show diagnostics").status, 200)

    def test_3_requests_that_grow(self):
        body = gzip.compress(b"1,2,text\n" * (60 * MIB // 9), 1)
        statuses = []

        def send():
            statuses.append(ask(self.server, "POST", "/v1/rest/ingest/NetDefaultDB/T0?streamFormat=csv", body).status)

        senders = [threading.Thread(target=send) for _ in range(24)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        print("  answered", {status: statuses.count(status) for status in sorted(set(statuses))})
        self.assertEqual(len(statuses), 24)
        self.assertLessEqual(set(statuses), RETRIED | {200, 413})
        self.accepted[0] += statuses.count(200) * (60 * MIB // 9)
        self.check_service()

    def test_4_queries_that_ask_for_more(self):
        everything = "union " + ", ".join(f"T{i}" for i in range(TABLES))
        texts = [
            f"{everything} | sort by Text desc, N asc | count",
            f"{everything} | summarize count() by strcat(Text, Writer) | count",
            f"{everything} | summarize make_set(strcat(Text, N)) by Writer | count",
            f"{everything} | extend T = strcat(Text, Text) | summarize make_list(T) | project array_length(list_T)",
            f"T1 | join kind=inner (T2 | extend N = N % 50) on N | summarize count(), max(strcat(Text, Text1))",
            "print strlen(strrep(strrep('a', 1000), 100000))",
            "datatable(x:long)[" + ",".join(map(str, range(400_000))) + "] | count",
        ]
        answers = []

        def ask_all(first):
            for i in range(len(texts)):
                text = texts[(first + i) % len(texts)]
                answer = query(self.server, text, options={"servertimeout": "00:00:10", "notruncation": True})
                answers.append((text, answer))

        askers = [threading.Thread(target=ask_all, args=(2 * i,)) for i in range(3)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        self.assertEqual(len(answers), len(askers) * len(texts))
        refusals = 0
        for text, answer in answers:
            self.assertIn(answer.status, {200, 400, 429, 504}, (text[:100], answer.body[:500]))
            if answer.status == 400:
                self.assertEqual(answer.error()["code"], "LimitsExceeded", (text[:100], answer.body[:500]))
            refusals += answer.status != 200
        print(f"  {refusals} of {len(answers)} queries refused")
        self.check_service()

    def test_5_everything_is_there_after_a_start_anew(self):
        self.check_counts()
        self.server.start_again()
        self.check_counts()
        self.check_service()
        self.assertLess(self.capacity()["Memory"][2], LIMIT)


def main():
    suite = unittest.TestLoader().loadTestsFromTestCase(Memory)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{max(0, result.testsRun - failed)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
