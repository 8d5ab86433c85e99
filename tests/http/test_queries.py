"""Queries and commands over the wire."""
import gzip
import json
import threading
import time
import unittest
import urllib.parse
import zlib

from harness import Connection, ask, metric, mgmt, query, request, rows, server, table

GO_OPTIONS = {"results_v2_newlines_between_frames": True, "results_v2_fragment_primary_tables": True,
              "results_error_reporting_placement": "end_of_table"}
# Runs for minutes unless it is ended.
ENDLESS = ("range x from 1 to 1000000 step 1 | extend k = 1 | join kind=inner "
           "(range y from 1 to 1000000 step 1 | extend k = 1) on k | where hash(x * y) == 1 | count")


class Queries(unittest.TestCase):
    def setUp(self):
        self.server = server()

    def test_v2_frames(self):
        frames = query(self.server, "print a=1, b='x'").json()
        self.assertEqual(frames[0], {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"})
        self.assertEqual([f.get("TableKind") for f in frames[1:4]],
                         ["QueryProperties", "PrimaryResult", "QueryCompletionInformation"])
        self.assertEqual(frames[2]["Columns"], [{"ColumnName": "a", "ColumnType": "long"},
                                                {"ColumnName": "b", "ColumnType": "string"}])
        self.assertEqual(frames[4], {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False})

    def test_fragmented_frames_are_one_a_line(self):
        answer = query(self.server, "range x from 1 to 5000 step 1; print 2", options=GO_OPTIONS)
        lines = answer.body.decode().split("\n")
        self.assertTrue(lines[0].startswith('[{"FrameType":"DataSetHeader"'))
        self.assertEqual(lines[-1], "]")
        frames = [json.loads(line[1:]) for line in lines[:-1]]
        self.assertTrue(frames[0]["IsFragmented"])
        for line in lines[1:-1]:
            self.assertTrue(line.startswith(',{"FrameType":"'))
        kinds = [f["FrameType"] for f in frames]
        self.assertEqual(kinds[:3], ["DataSetHeader", "DataTable", "TableHeader"])
        self.assertEqual(kinds[-4:], ["TableFragment", "TableCompletion", "DataTable", "DataSetCompletion"])
        fetched = [row[0] for f in frames if f["FrameType"] == "TableFragment" and f["TableId"] == 1
                   for row in f["Rows"]]
        self.assertEqual(fetched, list(range(1, 5001)))
        completions = {f["TableId"]: f["RowCount"] for f in frames if f["FrameType"] == "TableCompletion"}
        self.assertEqual(completions, {1: 5000, 2: 1})

    def test_progressive_frames(self):
        frames = query(self.server, "print 1", options={"results_progressive_enabled": True}).json()
        self.assertTrue(frames[0]["IsProgressive"])
        self.assertIn("TableProgress", [f["FrameType"] for f in frames])

    def test_v1_tables(self):
        tables = query(self.server, "print a=1", version="v1").json()["Tables"]
        self.assertEqual(len(tables), 4)
        self.assertEqual(tables[0]["TableName"], "Table_0")
        self.assertEqual(tables[0]["Columns"], [{"ColumnName": "a", "DataType": "Int64", "ColumnType": "long"}])
        self.assertEqual([r[1] for r in tables[3]["Rows"]], ["QueryResult", "QueryProperties", "QueryStatus"])

    def test_commands(self):
        tables = mgmt(self.server, ".show version").json()["Tables"]
        self.assertEqual((len(tables), len(tables[0]["Rows"])), (1, 1))
        piped = mgmt(self.server, ".show databases | project DatabaseName").json()["Tables"]
        self.assertEqual((len(piped), piped[0]["Rows"]), (4, [["NetDefaultDB"]]))
        # Grafana sends commands to the query route.
        self.assertEqual(len(query(self.server, ".show databases", version="v1").json()["Tables"]), 1)
        self.assertEqual(len(rows(query(self.server, ".show databases"))), 1)
        self.assertEqual(ask(self.server, "POST", "/v1/rest/mgmt", '{"csl":".show cluster"}').status, 200)
        self.assertEqual(mgmt(self.server, "print 1").status, 400)

    def test_gets(self):
        target = "/v1/rest/query?db=NetDefaultDB&csl=" + urllib.parse.quote("print a = 1 + 1")
        self.assertEqual(ask(self.server, "GET", target).json()["Tables"][0]["Rows"], [[2]])
        target = "/v2/rest/query?csl=print%202"
        self.assertEqual(rows(ask(self.server, "GET", target)), [[2]])

    def test_compressed_bodies(self):
        body = b'{"db":"","csl":"print 3"}'
        self.assertEqual(rows(ask(self.server, "POST", "/v2/rest/query", gzip.compress(body))), [[3]])
        packed = zlib.compress(body)
        answer = ask(self.server, "POST", "/v2/rest/query", packed, [("Content-Encoding", "deflate")])
        self.assertEqual(rows(answer), [[3]])
        bomb = gzip.compress(b" " * (64 << 20))
        self.assertEqual(ask(self.server, "POST", "/v1/rest/mgmt", bomb).status, 413)

    def test_errors(self):
        answer = query(self.server, "NoSuchTable")
        self.assertEqual(answer.status, 400)
        error = answer.error()
        self.assertEqual(error["code"], "General_BadRequest")
        self.assertIn("Semantic error:", error["@message"])
        self.assertIn("'NoSuchTable'", error["@message"])
        self.assertTrue(error["@permanent"])
        self.assertEqual(query(self.server, "invalidSyntax ").status, 400)
        self.assertIn("Syntax error:", query(self.server, "print (").error()["@message"])
        for body in ["", "x", "[]", '{"db":"x"}', '{"csl":""}']:
            self.assertEqual(ask(self.server, "POST", "/v2/rest/query", body).status, 400, body)

    def test_parameters(self):
        text = "declare query_parameters(n:long, s:string, d:datetime = datetime(2020-01-01)); print n + 1, s, d"
        for properties in [{"Parameters": {"n": "41", "s": "it's"}},
                           json.dumps({"Parameters": {"n": 41, "s": "it's"}})]:
            answer = ask(self.server, "POST", "/v2/rest/query", json.dumps(
                {"db": "", "csl": text, "properties": properties}))
            self.assertEqual(rows(answer), [[42, "it's", "2020-01-01T00:00:00Z"]])

    def test_limits_of_results(self):
        text = "range x from 1 to 1000 step 1"
        self.assertEqual(len(rows(query(self.server, text, options={"query_take_max_records": 7}))), 7)
        answer = query(self.server, text, options={"truncationmaxrecords": 10})
        frames = answer.json()
        self.assertTrue(frames[-1]["HasErrors"])
        self.assertIn("E_QUERY_RESULT_SET_TOO_LARGE", frames[-1]["OneApiErrors"][0]["error"]["@message"])
        self.assertIn("OneApiErrors", frames[2]["Rows"][-1])
        deferred = query(self.server, text, options={"truncationmaxrecords": 10, "deferpartialqueryfailures": True})
        self.assertTrue(all(isinstance(row, list) for row in deferred.json()[2]["Rows"]))
        self.assertTrue(deferred.json()[-1]["HasErrors"])
        full = query(self.server, text, options={"truncationmaxrecords": 10, "notruncation": True})
        self.assertEqual(len(rows(full)), 1000)

    def test_read_only_requests(self):
        answer = mgmt(self.server, ".create table ReadOnly (a:long)",
                      properties={"Options": {"request_readonly": True}})
        self.assertGreaterEqual(answer.status, 400)
        self.assertNotIn(b"ReadOnly", mgmt(self.server, ".show tables").body)

    def test_validated_permissions(self):
        for option in ["validate_permissions", "validatepermissions"]:
            self.assertEqual(rows(query(self.server, "print 1", options={option: True})), [["OK"]])
        self.assertEqual(query(self.server, "NoSuchTable", options={"validate_permissions": True}).status, 400)

    def test_a_time_limit_ends_a_query(self):
        for timeout in ["00:00:01", "0:00:01", "1s"]:
            begin = time.time()
            answer = query(self.server, ENDLESS, options={"servertimeout": timeout})
            self.assertEqual((answer.status, answer.error()["code"]), (504, "RequestExecutionTimeout"))
            self.assertLess(time.time() - begin, 10)

    def test_hanging_up_ends_a_query(self):
        before = metric(self.server, "rivulet_cancelled_queries_total")
        with Connection(self.server) as connection:
            connection.send(request("POST", "/v2/rest/query", json.dumps({"db": "", "csl": ENDLESS})))
            time.sleep(0.5)
            self.assertEqual(metric(self.server, "rivulet_queries_running"), 1)
        deadline = time.time() + 10
        while metric(self.server, "rivulet_queries_running") > 0 and time.time() < deadline:
            time.sleep(0.05)
        self.assertLess(time.time(), deadline)
        self.assertEqual(metric(self.server, "rivulet_cancelled_queries_total"), before + 1)

    def test_cancelling_by_command(self):
        statuses = []

        def run():
            answer = ask(self.server, "POST", "/v2/rest/query", json.dumps({"db": "", "csl": ENDLESS}),
                         [("x-ms-client-request-id", "to be cancelled;1")])
            statuses.append(answer.status)

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.5)
        self.assertEqual(mgmt(self.server, ".cancel query 'to be cancelled;1'").status, 200)
        thread.join(10)
        self.assertEqual(statuses, [400])

    def test_requests_that_arrive_while_a_query_runs(self):
        target = table(self.server, "Meanwhile")
        running = "read ahead;1"
        with Connection(self.server) as connection:
            connection.send(request("POST", "/v2/rest/query", json.dumps({"db": "", "csl": ENDLESS}),
                                    [("x-ms-client-request-id", running)]))
            while running not in mgmt(self.server, ".show queries").body.decode():
                pass
            # The server reads ahead, because it waits for a client that hangs up ...
            connection.send(request("POST", target, "a,1\n"))
            self.assertEqual(mgmt(self.server, f".cancel query '{running}'").status, 200)
            self.assertEqual(connection.answer().status, 400)
            self.assertEqual(connection.answer().status, 200)
            # ... and goes on doing so behind the request that it takes from there.
            connection.send(request("POST", target, "b,2\n"))
            self.assertEqual(connection.answer().status, 200)
        self.assertEqual(rows(query(self.server, "Meanwhile | order by B asc")), [["a", 1], ["b", 2]])


class Overload(unittest.TestCase):
    def test_queries_beyond_the_queue_are_throttled(self):
        small = server("--query-concurrency", "1", "--query-queue", "1")
        body = json.dumps({"db": "", "csl": ENDLESS, "properties": {"Options": {"servertimeout": "00:00:02"}}})
        running = [Connection(small) for _ in range(2)]
        for connection in running:
            connection.send(request("POST", "/v2/rest/query", body))
            time.sleep(0.2)
        answer = query(small, "print 1")
        self.assertEqual((answer.status, answer.error()["code"]), (429, "TooManyRequests"))
        self.assertFalse(answer.error()["@permanent"])
        # Commands have a pool of their own.
        self.assertEqual(mgmt(small, ".show version").status, 200)
        for connection in running:
            self.assertEqual(connection.answer().status, 504)
        self.assertEqual(rows(query(small, "print 1")), [[1]])
