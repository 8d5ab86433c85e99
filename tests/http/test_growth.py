"""What a request may not do to the server: nesting and sizes that only a program would send."""
import json
import time
import unittest

from harness import ask, mgmt, query, rows, server, table

MILLION = 1_000_000


class Limits(unittest.TestCase):
    def setUp(self):
        self.server = server()

    def assert_alive(self):
        self.assertEqual(rows(query(self.server, "print 1")), [[1]])

    def test_nesting_does_not_end_the_server(self):
        target = table(self.server, "Nested", "(A:string, D:dynamic)")
        mgmt(self.server, ".alter table Nested policy streamingingestion enable")
        for deep in ["[" * MILLION, "[" * MILLION + "]" * MILLION, '{"a":' * MILLION, '[{"a":' * MILLION]:
            for command in [f".alter table Nested policy merge ```{deep}```",
                            f".alter-merge table Nested policy merge ```{{\"a\":{deep}}}```",
                            f".alter database NetDefaultDB policy caching ```{deep}```",
                            f".alter table Nested policy roworder ```{{\"RowOrder\":{deep}}}```",
                            f".alter table Nested policy extent_tags_retention ```{deep}```",
                            f".create table Nested ingestion json mapping 'M' ```{deep}```",
                            f".create table Nested ingestion csv mapping 'M' ```{deep}```",
                            f".ingest inline into table Nested with (tags=```{deep}```) <| x,1",
                            f".ingest inline into table Nested with (ingestIfNotExists=```{deep}```) <| x,1"]:
                answer = mgmt(self.server, command)
                self.assertEqual(answer.status, 400, command[:60])
                self.assertLess(len(answer.body), 4096)
                self.assert_alive()
            for text in [f"print dynamic({deep})", f"print parse_json('{deep}') | take 0"]:
                self.assertIn(query(self.server, text).status, (200, 400))
                self.assert_alive()
            for body in [deep, '{"csl":"print 1","db":' + deep, '{"csl":"print 1","properties":' + deep,
                         json.dumps({"csl": "print 1", "properties": deep})]:
                self.assertEqual(ask(self.server, "POST", "/v2/rest/query", body).status, 400)
                self.assert_alive()
            for body in [deep[:3 * MILLION], '{"D":' + deep[:3 * MILLION]]:
                answer = ask(self.server, "POST", target.replace("csv", "multijson"), body)
                self.assertEqual(answer.status, 400)
                self.assert_alive()
        self.assertEqual(rows(query(self.server, "Nested | count")), [[0]])

    def test_what_is_dear_to_plan_is_parted_or_refused(self):
        """Small texts of which the engine would make far more: each ends, and says what to do when it is refused."""
        numbers = "range t from 1 to 10 step 1 | serialize "
        session = "row_window_session(t, 2, 1, t == 3)"
        for text, value in [("| extend s = %s " % session * 60, "s"), ("| extend c = row_cumsum(t, t > 3) " * 60, "c"),
                            ("| extend r = row_number(1, t > 3) " * 60, "r")]:
            answer = query(self.server, f"{numbers}{text}| summarize sum({value})")
            once = query(self.server, f"{numbers}{text[:len(text) // 60]}| summarize sum({value})")
            self.assertEqual(rows(answer), rows(once), text[:40])
        for text, words in [
                (numbers + "| extend " + ", ".join(f"s{i} = {session}" for i in range(40)), "several operators"),
                (numbers + "| scan declare (n:long=0) with (" + "".join(f"step s{i}: true;" for i in range(200)) + ")", "scan"),
                ("print x = 1 " + "".join(f"| extend x{i} = x " for i in range(1500)), "columns"),
                ("print x = 1 " + "".join(f"| extend x{i} = x | where x == 1 " for i in range(700)), "columns")]:
            answer = query(self.server, text)
            self.assertEqual(answer.status, 400, text[:60])
            self.assertIn(words, answer.body.decode())
            self.assert_alive()
        columns = ", ".join(f"c{i} = {i}" for i in range(3000))
        self.assertEqual(rows(query(self.server, f"print {columns} | evaluate narrow() | summarize count(), sum(tolong(Value))")),
                         [[3000, 3000 * 2999 // 2]])

    def test_many_tokens_are_refused(self):
        for text in ["print " + "1," * (6 * MILLION) + "1", "print 1 in (" + "1," * MILLION + "1)",
                     "print " + "-" * (2 * MILLION) + "1", "T | " + "where | " * MILLION]:
            self.assertEqual(query(self.server, text).status, 400)
            self.assert_alive()
        error = query(self.server, "print 1 in (" + "1," * MILLION + "1)").json()["error"]
        self.assertIn("1,000,000 words", error["@message"])
        self.assertIn("Syntax error", error["@message"])
        self.assertTrue(error["@permanent"])

    def test_columns_have_a_limit(self):
        wide = ",".join(f"c{i}:long" for i in range(10_001))
        error = mgmt(self.server, f".create table Wide ({wide})").json()["error"]
        self.assertIn("may have 10000", error["@message"])
        for text in [f"datatable({wide}) []", "print " + ",".join("1" for _ in range(10_001)),
                     "print x=1" + "".join(" | extend " + ", ".join(f"a{i}_{j}=1" for j in range(1_000)) for i in range(11)),
                     "range x from 1 to 2 step 1 | project " + ",".join(f"c{i}=x" for i in range(10_001))]:
            answer = query(self.server, text)
            self.assertEqual(answer.status, 400, text[:60])
            self.assertIn("10,000", answer.json()["error"]["@message"])
        wide = json.dumps({f"n{i}": i for i in range(1001)})
        error = query(self.server, f"print d=dynamic({wide}) | evaluate bag_unpack(d)").json()["error"]
        self.assertIn("more than 1000 properties", error["@message"])
        answer = query(self.server, f"print d=dynamic({wide}) | evaluate bag_unpack(d) : (n1000: long)")
        self.assertEqual(rows(answer), [[1000]])
        self.assert_alive()


# The same work for twice the input takes about twice as long; with each compared to each, these would take minutes.
class Growth(unittest.TestCase):
    BOUND_SECONDS = 60

    def setUp(self):
        self.server = server()
        self.started = time.monotonic()

    def tearDown(self):
        self.assertLess(time.monotonic() - self.started, self.BOUND_SECONDS)

    def test_many_lets(self):
        lets = "".join(f"let a{i}=x{i};" for i in range(100_000))
        self.assertEqual(query(self.server, lets + "print 1").status, 200)
        chain = "let a0=1;" + "".join(f"let a{i}=a{i - 1};" for i in range(1, 50))
        self.assertEqual(rows(query(self.server, chain + "let a1=2; print a49, a1")), [[1, 2]])

    def test_columns_of_one_name(self):
        text = "range x from 1 to 1 step 1 | summarize by " + ",".join("x" for _ in range(5_000))
        self.assertEqual(rows(query(self.server, text)), [[1] * 5_000])

    def test_bags_of_many_names(self):
        names = 100_000
        table(self.server, "Bags", "(A:dynamic)")
        bag = json.dumps({f"n{i}": i for i in range(names)}, separators=(",", ":"))
        answer = ask(self.server, "POST", "/v1/rest/ingest/NetDefaultDB/Bags?streamFormat=multijson", '{"A":' + bag + "}")
        self.assertEqual(answer.status, 200)
        self.assertEqual(rows(query(self.server, """Bags | project array_length(bag_keys(A)),
            array_length(bag_keys(bag_merge(A, A))), array_length(bag_keys(bag_remove_keys(A, bag_keys(A)))),
            array_length(bag_keys(bag_zip(bag_keys(A), bag_keys(A)))), A.n99999, strlen(dynamic_to_json(A))""")),
            [[names, names, 0, names, names - 1, len(bag)]])
        self.assertEqual(rows(query(self.server, "Bags | summarize array_length(bag_keys(make_bag(A)))")), [[names]])
        self.assertEqual(rows(query(self.server, "Bags | summarize strlen(tostring(buildschema(bag_zip("
                                                 "array_slice(bag_keys(A), 0, 9999), dynamic(null)))))"))[0][0] > 0, True)
