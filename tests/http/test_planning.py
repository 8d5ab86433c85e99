"""Long queries, which the engine plans for long: each ends within its time or says what to do, and others go on."""
import json
import signal
import unittest

from harness import Connection, Server, query, request, rows, server

# One operator, over and over.
OPERATORS = {
    "where": "| where x != {i} ",
    "extend": "| extend x = x + 1 ",
    "project": "| project x = x + 1 ",
    "parse": "| extend s = tostring(x) | parse s with x:long ",
    "count": "| count | extend x = Count ",
    "summarize": "| summarize x = max(x) ",
    "summarize by": "| summarize y = count() by x ",
    "distinct": "| distinct x ",
    "top": "| top 10 by x ",
    "top-nested": "| top-nested 3 of x by count() ",
    "sort": "| sort by x | extend x = x + 1 ",
    "serialize": "| serialize x = row_number() ",
    "union": "| union (print x = {i}) ",
    "join": "| join kind=inner (print x = 1, y = 2) on x | project x ",
    "lookup": "| lookup (print x = 1, y = 2) on x | project x ",
    "in": "| where x in ((print x = 1)) ",
    "mv-expand": "| extend a = pack_array(x) | mv-expand a to typeof(long) | project x = a ",
    "mv-apply": "| extend a = pack_array(x) | mv-apply a to typeof(long) on (summarize x = max(a)) ",
    "make-series": "| make-series x = max(x) on x from 0 to 1 step 1 | project x = tolong(x[0]) ",
    "partition": "| partition by x (take 1) ",
    "scan": "| serialize | scan declare (x: long = 0) with (step s: true => x = 1;) ",
}
LIMITED = {"servertimeout": "00:00:01"}


class Planning(unittest.TestCase):
    def setUp(self):
        self.server = server("--query-concurrency", "2")

    def ask(self, text, options=None):
        # What is left behind of other queries may have to end first.
        while (answer := query(self.server, text, options=options)).status == 429:
            pass
        return answer

    def test_an_operator_over_and_over(self):
        for name, text in OPERATORS.items():
            for count, options in ((5, None), (1500, LIMITED), (12_000, LIMITED)):
                with self.subTest(name, count=count):
                    chain = "print x = 1 " + "".join(text.format(i=i + 2) for i in range(count))
                    answer = self.ask(chain, options)
                    self.assertIn(answer.status, (200, 400, 504), answer.body[:300])
                    if options is None:
                        rows(answer)
                    if answer.status == 400:
                        self.assertIn(b'"@permanent":true', answer.body)
                    self.assertEqual(rows(query(self.server, "print 1")), [[1]])

    def test_long_pipelines_run(self):
        for operator, result in (("| where x >= 0 ", 0), ("| extend x = x + 1 ", 2000)):
            self.assertEqual(rows(self.ask("print x = 0 " + operator * 2000)), [[result]])

    def test_the_server_ends_while_a_query_is_planned(self):
        ending = Server("--shutdown-timeout", "1s")
        self.addCleanup(ending.stop)
        client = Connection(ending)
        slow = "print x = 1 " + OPERATORS["mv-apply"] * 300  # for minutes
        client.send(request("POST", "/v2/rest/query", json.dumps({"db": "NetDefaultDB", "csl": slow})))
        running = ".show queries | where Text startswith 'print x = 1' and State == 'InProgress' | count"
        self.assertTrue(any(rows(query(ending, running)) == [[1]] for _ in range(1000)))
        ending.process.send_signal(signal.SIGTERM)
        self.assertEqual(ending.process.wait(60), 0)


if __name__ == "__main__":
    unittest.main()
