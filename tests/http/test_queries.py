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

    def test_a_result_that_cannot_be_opened_is_an_error(self):
        small = server("--query-memory", "128MiB")
        text = ("range i from 1 to 20 step 1 | extend s = strrep(strrep(tostring(i % 10), 1000), 300) "
                "| extend t = strcat(s, s, s, s, s, s, s, s, s, s) | summarize max(strlen(t))")
        for version in ["v1", "v2"]:
            for more in ["", "; print 1"]:
                answer = query(small, text + more, version)
                self.assertEqual((answer.status, answer.error()["code"]), (400, "LimitsExceeded"), answer.body[:200])
        answer = mgmt(small, ".show version | extend s = strrep(strrep('x', 1000), 300) | mv-expand i = range(1, 20) "
                             "| extend t = strcat(s, s, s, s, s, s, s, s, s, s, i) | summarize max(strlen(t))")
        answer.json()  # whatever it says, it is JSON

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
        for body in ["", "x", "[]", '{"db":"x"}', '{"csl":""}', '{"csl":"print 1","properties":5}',
                     '{"csl":"print 1","properties":"[]"}', '{"csl":"print 1","properties":{"Options":[]}}',
                     '{"csl":"print 1","properties":{"Parameters":"x"}}']:
            self.assertEqual(ask(self.server, "POST", "/v2/rest/query", body).status, 400, body)

    def test_parameters(self):
        text = "declare query_parameters(n:long, s:string, d:datetime = datetime(2020-01-01)); print n + 1, s, d"
        for properties in [{"Parameters": {"n": "41", "s": "it's"}},
                           json.dumps({"Parameters": {"n": 41, "s": "it's"}, "Options": None})]:
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

    def test_a_set_statement_goes_before_an_option(self):
        text = "range x from 1 to 1000 step 1"
        options = {"query_take_max_records": 7, "query_now": "2020-01-01T00:00:00Z"}
        self.assertEqual(len(rows(query(self.server, "set query_take_max_records=3; " + text, options=options))), 3)
        self.assertEqual(rows(query(self.server, "print now()", options=options)), [["2020-01-01T00:00:00Z"]])
        self.assertEqual(rows(query(self.server, "set query_now=datetime(2021-01-01); print now()", options=options)),
                         [["2021-01-01T00:00:00Z"]])
        self.assertEqual(len(rows(query(self.server, "set notruncation=true; " + text,
                                        options={"truncationmaxrecords": 10}))), 1000)
        limited = query(self.server, "set notruncation=false; " + text,
                        options={"truncationmaxrecords": 10, "notruncation": True})
        self.assertIn("E_QUERY_RESULT_SET_TOO_LARGE", limited.json()[-1]["OneApiErrors"][0]["error"]["@message"])
        # What a probe reads to know the columns is not cut.
        pivoted = query(self.server, "datatable(k:string, v:long)['a', 1, 'b', 2] | evaluate pivot(k, sum(v))",
                        options={"query_take_max_records": 1})
        self.assertEqual(rows(pivoted), [[1, 2]])

    def test_options_scope_what_is_read(self):
        table(self.server, "Scoped", "(T:datetime, V:long)")
        mgmt(self.server, ".append Scoped <| range V from 1 to 4 step 1 | project T = datetime(2020-01-01) + V * 1d, V")
        options = {"query_datetimescope_column": "T", "query_datetimescope_from": "2020-01-03T00:00:00Z",
                   "query_datetimescope_to": "2020-01-04T00:00:00Z"}
        self.assertEqual(rows(query(self.server, "Scoped | summarize sum(V)", options=options)), [[5]])
        self.assertEqual(rows(query(self.server, "union Scoped, Scoped | summarize sum(V)", options=options)), [[10]])
        self.assertEqual(rows(query(self.server, "Scoped | summarize sum(V)")), [[10]])
        wide = query(self.server, "Scoped | extend A = 1", options={"maxoutputcolumns": 2})
        self.assertEqual((wide.status, wide.error()["code"]), (400, "LimitsExceeded"))
        fuzzy = query(self.server, "union Scoped, NoSuchTable | count", options={"best_effort": True})
        self.assertEqual(rows(fuzzy), [[4]])
        schema = query(self.server, "Scoped", options={"query_results_apply_getschema": True})
        self.assertEqual([row[0] for row in rows(schema)], ["T", "V"])

    def test_options_of_another_type_are_refused_by_name(self):
        for option, value in [("servertimeout", "soon"), ("truncationmaxrecords", [1]), ("notruncation", "maybe"),
                              ("query_datascope", "hotcache"), ("query_language", "sql"), ("query_now", "yesterday")]:
            answer = query(self.server, "print 1", options={option: value})
            self.assertEqual(answer.status, 400, option)
            self.assertIn(option, answer.error()["@message"])
        self.assertEqual(rows(query(self.server, "print 1", options={"additional": [1], "queryconsistency": "any"})), [[1]])

    def test_options_tell_who_asks(self):
        query(self.server, "print whoasks = 1", options={"request_user": "ann", "request_app_name": "bench"},
              headers=[("x-ms-user", "other")])
        answer = mgmt(self.server, ".show queries | where Text has 'whoasks' | project User, Application")
        self.assertEqual(answer.json()["Tables"][0]["Rows"][0], ["ann", "bench"])

    def test_long_queries(self):
        table(self.server, "LongRead", "(x:long, y:string)")
        mgmt(self.server, ".append LongRead <| print x = 1, y = 'a'")
        for source in ["print x = 1", "LongRead"]:
            for more, expected in [("| where x > 0", 1), ("| extend x = x + 1", 3001), ("| project x", 1)]:
                answer = query(self.server, source + more * 3000 + "| project x")
                self.assertEqual(rows(answer), [[expected]], more)

    def test_short_memory_is_told_in_our_words(self):
        small = server("--query-memory", "85MiB")
        text = "range x from 1 to {} step 1 | summarize l = make_list(x) | project array_length(l)"
        self.assertEqual(rows(query(small, text.format(50_000))), [[50_000]])
        for version in ["v1", "v2"]:
            answer = query(small, text.format(1_000_000), version=version)
            self.assertIn("E_LOW_MEMORY_CONDITION", answer.body.decode())
        self.assertEqual(rows(query(small, text.format(1_000))), [[1_000]])

    def test_failures_of_functions_are_told_in_our_words(self):
        failed = query(self.server, "range x from 1 to 3 step 1 | where assert(x < 2, 'x is too large')")
        self.assertEqual((failed.status, failed.error()["@message"]), (400, "x is too large"))

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
