"""What one query may take from the others: time, places and memory. Where a limit is missing, what is asked for
here goes on for minutes, which the time-out of a connection ends, or takes gigabytes."""
import json
import socket
import time
import unittest

from harness import Connection, query, request, rows, server

TIMED_OUT = {"servertimeout": "00:00:01"}

# Each works for minutes in one block of rows, within one function; what it gives is small.
BUSY = {
    "sets": "let a = range(1, 1000000); range x from 1 to 2000 step 1 | extend r = jaccard_index(a, pack_array(x))",
    "series": "let a = range(1, 1000000); range x from 1 to 2000 step 1"
              " | extend (p, s) = series_periods_detect(a, 4.0, 1000.0 + x, 2)",
    "products": "let a = range(1, 1000000); range x from 1 to 2000 step 1 | extend r = series_dot_product(a, x)",
    "matches": "let s = strrep(strrep('ab', 1000), 1000); range x from 1 to 2000 step 1"
               " | extend r = countof(s, strcat('(a|b|', x, ')'), 'regex')",
    "search": "let s = strrep(strrep('a', 1000), 1000); let n = strcat(strrep(strrep('a', 500), 1000), 'b');"
              " range x from 1 to 2000 step 1 | extend r = indexof(s, n, x)",
    "elements": "let x = toscalar(range i from 1 to 40000 step 1"
                " | summarize strcat_array(make_list(strcat('<b', i, '/>')), ''));"
                " range i from 1 to 200 step 1 | extend r = isnull(parse_xml(strcat('<a><c', i, '/>', x, '</a>')))",
    "addresses": "let a = todynamic(strcat('[', strrep('\"10.1.2.3\"', 1000, ','), ']'));"
                 " let many = array_concat(a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a);"
                 " let t = strrep(strrep('10.1.2.4 ', 100), 1000);"
                 " range x from 1 to 2000 step 1 | extend r = has_any_ipv4(t, many, tostring(x))",
    "sorting": "let a = range(1, 1000000); range x from 1 to 2000 step 1"
               " | extend r = array_sort_desc(a, x % 2 == 0)[0]",
    "shapes": "let ring = toscalar(range i from 0 to 9999 step 1"
              " | project t = strcat('[', 10 * cos(i * 6.283185 / 10000), ',', 10 * sin(i * 6.283185 / 10000), ']')"
              " | summarize strcat_array(make_list(t), ','));"
              " let p = todynamic(strcat('{\"type\":\"Polygon\",\"coordinates\":[[', ring, ',[10.0,0.0]]]}'));"
              " range x from 1 to 2000 step 1 | extend r = strlen(tostring(geo_polygon_buffer(p, 100.0 + x, 10.0)))",
    "aggregates": "let a = range(1, 1000000); range x from 1 to 2000 step 1 | distinct x"
                  " | summarize s = make_set(a) | project array_length(s)",
}

# Each would make gigabytes of text in one block.
LARGE = {
    "strings": "range x from 1 to 2000 step 1 | extend s = strcat(strrep(strrep('a', 1000), 1000), x)"
               " | summarize sum(strlen(s))",
    "several": "range x from 1 to 2000 step 1 | extend s = strcat(strrep(strrep('a', 100), 500), x)"
               " | extend t = strcat(s, 'b'), u = strcat(s, 'c'), v = strcat(s, 'd')"
               " | extend w = strcat(t, u, v) | summarize sum(strlen(w))",
    "one value": "print n = array_length(repeat(strrep(strrep('a', 1000), 1000), 1000))",
    "arrays": "range x from 1 to 2000 step 1 | extend a = array_concat(pack_array(x), range(1, 1000000))"
              " | summarize sum(array_length(a))",
    "expansion": "range x from 1 to 2000 step 1"
                 " | extend a = iff(x % 2 == 0, range(1, 1000000), range(2, 1000000)) | mv-expand a | count",
    "groups": "range x from 1 to 2000000 step 1 | summarize by x"
              " | summarize s = make_set(strcat(strrep('a', 1000), x)) by x % 1000 | summarize sum(array_length(s))",
    "points": "print x = datetime(2020-01-01) | make-series c = count() on x from datetime(2020-01-01)"
              " to datetime(2030-01-01) step 1s",
}


def memory(of, field):
    """Of the server's process, in bytes."""
    with open(f"/proc/{of.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field)) * 1024


def peak_memory(of):
    return memory(of, "VmHWM")


class Time(unittest.TestCase):
    def setUp(self):
        self.server = server("--query-concurrency", "4")

    def test_a_busy_function_ends_with_its_query(self):
        for name, text in BUSY.items():
            with self.subTest(name):
                self.assertEqual(query(self.server, text, options=TIMED_OUT).status, 504)
        self.assertEqual(rows(query(self.server, "print 1")), [[1]])

    def test_a_busy_function_ends_with_its_client(self):
        clients = []
        for text in list(BUSY.values())[:4]:
            body = json.dumps({"db": "NetDefaultDB", "csl": text})
            clients.append(Connection(self.server))
            clients[-1].send(request("POST", "/v2/rest/query", body))
        for client in clients:
            client.socket.close()
        self.assertEqual(rows(query(self.server, "print 1")), [[1]])


class Places(unittest.TestCase):
    TEXT = "range x from 1 to 400000 step 1 | extend s = strcat(x, strrep('x', 100))"

    def slow_reader(self, options=None):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.server.port))
        body = {"db": "NetDefaultDB", "csl": self.TEXT, "properties": {"Options": options or {}}}
        client.sendall(request("POST", "/v2/rest/query", json.dumps(body)))
        self.assertEqual(client.recv(12), b"HTTP/1.1 200")
        self.addCleanup(client.close)
        return client

    def test_slow_readers_leave_their_places_to_others(self):
        self.server = server("--query-concurrency", "2")
        readers = [self.slow_reader() for _ in range(6)]
        self.assertEqual(rows(query(self.server, "print 1")), [[1]])
        # They get all of their answers when they read on.
        for reader in readers:
            self.assertIn(b'"HasErrors":false', self.rest_of(reader))

    def rest_of(self, reader):
        """The end of the answer."""
        ending = b""
        while not ending.endswith(b"0\r\n\r\n"):
            data = reader.recv(1 << 20)
            self.assertTrue(data, "the server closed the connection")
            ending = (ending + data)[-2000:]
        return ending

    def test_the_limit_of_a_query_holds_while_its_client_reads(self):
        self.server = server("--query-concurrency", "2")
        reader = self.slow_reader(TIMED_OUT)
        running = ".show queries | where Text has 'strrep' and State == 'InProgress' | count"
        while rows(query(self.server, running)) != [[0]]:
            pass
        ending = self.rest_of(reader)
        self.assertIn(b'"HasErrors":true', ending)
        self.assertIn(b"timed out", ending)


class Memory(unittest.TestCase):
    # What the process may come to: the query memory, and as much again for all else.
    LIMIT = 1 << 30

    def setUp(self):
        self.server = server("--query-memory", "512MiB")

    def test_rows_are_made_as_they_are_asked_for(self):
        for last in (400_000_000, 9_000_000_000_000_000_000):
            self.assertEqual(rows(query(self.server, f"range i from 1 to {last} step 1 | take 2")), [[1], [2]])
        filtered = "range i from 0 to 9000000000000000000 step 3 | where i % 2 == 1 | extend j = i + 1 | take 2"
        self.assertEqual(rows(query(self.server, filtered)), [[3, 4], [9, 10]])
        answer = query(self.server, "range i from 1 to 400000000 step 1", version="v1")
        self.assertIn(b"E_QUERY_RESULT_SET_TOO_LARGE", answer.body)
        self.assertEqual(rows(query(self.server, "range i from 1 to 100000000 step 1 | summarize sum(i)")),
                         [[5000000050000000]])
        self.assertLess(peak_memory(self.server), self.LIMIT)

    def test_values_take_no_more_than_the_query_memory(self):
        for name, text in LARGE.items():
            with self.subTest(name):
                answer = query(self.server, text)
                self.assertEqual((answer.status, answer.error()["code"]), (400, "LimitsExceeded"), answer.body[:300])
                self.assertRegex(answer.error()["@message"], "E_LOW_MEMORY_CONDITION|E_RUNAWAY_QUERY")
                self.assertLess(peak_memory(self.server), self.LIMIT)
                # What it held is free for the next.
                again = "range x from 1 to 500 step 1 | summarize sum(strlen(strcat(strrep('a', 1000), x)))"
                self.assertEqual(rows(query(self.server, again)), [[501392]])

    def test_memory_goes_back_when_queries_have_failed(self):
        quiet = server("--query-memory", "1GiB")
        self.assertEqual(rows(query(quiet, "print strlen('a')")), [[1]])
        before = memory(quiet, "VmRSS")
        for _ in range(3):
            self.assertEqual(query(quiet, LARGE["strings"]).status, 400)
        self.assertGreater(peak_memory(quiet), before + (100 << 20))
        deadline = time.monotonic() + 60
        while memory(quiet, "VmRSS") > before + (64 << 20):
            self.assertLess(time.monotonic(), deadline, "the memory is still held")
            time.sleep(0.1)

    def test_a_value_that_is_the_same_in_every_row_is_made_once(self):
        text = ("let s = toscalar(print strcat(strrep(strrep('a', 1000), 20000), now()));"
                " range x from 1 to 2000 step 1 | summarize sum(strlen(toupper(s)) - strlen(s))")
        self.assertEqual(rows(query(self.server, text)), [[0]])
        self.assertLess(peak_memory(self.server), self.LIMIT)


if __name__ == "__main__":
    unittest.main()
