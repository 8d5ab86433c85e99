"""Clients that behave badly, many at a time: the server keeps its promises and leaks nothing."""
import json
import random
import threading
import time
import unittest

from harness import Connection, chunked, metric, query, request, rows, server, table

SECONDS = 5
CLIENTS = 16


class Chaos(unittest.TestCase):
    def setUp(self):
        self.server = server("--max-connections", "1000")
        self.target = table(self.server, "Chaos", "(Client:long, Turn:long, Part:long)")
        self.acknowledged = []
        self.doubtful = []  # sent whole, but the client did not wait for the answer
        self.problems = []

    def body(self, client, turn):
        return "".join(f"{client},{turn},{part}\n" for part in range(3)).encode()

    def ingest(self, chance, connection, client, turn):
        body = self.body(client, turn)
        data = chunked("POST", self.target, [body[:4], body[4:]]) if chance.random() < 0.3 else request(
            "POST", self.target, body)
        fate = chance.random()
        if fate < 0.15:
            connection.send(data[:chance.randrange(1, len(data) - 1)])
            return False
        connection.send(data)
        if fate < 0.25:
            self.doubtful.append((client, turn))
            return False
        answer = connection.answer()
        if answer.status == 200:
            self.acknowledged.append((client, turn))
        else:
            self.problems.append(answer.body)
        return True

    def ask(self, chance, connection):
        text = chance.choice(["Chaos | count", "range x from 1 to 200000 step 1", "Nope", "print 1; print 2",
                              "range x from 1 to 3000000 step 1 | summarize dcount(x)"])
        connection.send(request("POST", "/v2/rest/query", json.dumps({"db": "", "csl": text})))
        fate = chance.random()
        if fate < 0.3:
            return False
        if fate < 0.5:
            connection.socket.recv(100)
            return False
        connection.answer()
        return True

    def run_client(self, number):
        chance = random.Random(number)
        turn = 0
        end = time.time() + SECONDS
        while time.time() < end:
            with Connection(self.server) as connection:
                goes_on = True
                while goes_on and time.time() < end:
                    kind = chance.random()
                    turn += 1
                    try:
                        if kind < 0.7:
                            goes_on = self.ingest(chance, connection, number, turn)
                        elif kind < 0.95:
                            goes_on = self.ask(chance, connection)
                        else:
                            connection.send(bytes(chance.randrange(256) for _ in range(200)))
                            goes_on = False
                    except Exception as problem:  # whatever it is, the test has to tell
                        self.problems.append(repr(problem))
                        return

    def test_chaos(self):
        threads = [threading.Thread(target=self.run_client, args=(i,)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.problems, [])
        # The connection that asks is one itself, and the one that asked before may be about to close.
        for name, most in [("rivulet_connections", 2), ("rivulet_queries_running", 0),
                           ("rivulet_queries_waiting", 0), ("rivulet_ingestions_under_way", 0)]:
            deadline = time.time() + 20
            while (value := metric(self.server, name)) > most and time.time() < deadline:
                time.sleep(0.1)
            self.assertLessEqual(value, most, name)
        stored = rows(query(self.server, "Chaos | summarize Parts=count(), dcount(Part) by Client, Turn",
                            options={"notruncation": True}))
        for row in stored:
            self.assertEqual(row[2:], [3, 3], row)
        found = {(row[0], row[1]) for row in stored}
        self.assertEqual(set(self.acknowledged) - found, set())
        self.assertEqual(found - set(self.acknowledged) - set(self.doubtful), set())
        self.assertGreater(len(self.acknowledged), 100)
