"""A stored table answers as the same rows in a datatable do, whichever of its columns a query reads and wherever in the
query it stands. (A source gives the engine those columns alone that the query names.)"""
import json
import unittest

from harness import Connection, mgmt, query, server

COLUMNS = "K:string, T:datetime, X:long, Y:real, S:string, D:dynamic, B:dynamic, Z:long"
ROWS = [
    f'"{k}", datetime(2020-01-0{i + 1} 10:00), {i}, {i}.5, "s{i % 3}", dynamic([{i}, {i + 1}]), '
    f'dynamic({{"p": {i}, "q": "v{i % 2}"}}), {i * i}'
    for i, k in enumerate("aabbbcca")
]
STORED = "Pruned"
DATATABLE = f"(datatable({COLUMNS}) [{', '.join(ROWS)}])"

# Each reads few of the columns. SRC stands for the table.
OPERATORS = [
    "where X > 2 | project S",
    "extend e = X + 1 | project e",
    "project X",
    "project-away D, B, T",
    "project-keep S, X",
    "project-rename R = X | project R",
    "project-reorder Z | project Z, K",
    "distinct K",
    "summarize n = count() by K",
    "summarize n = count() by S | top 1 by n, S",
    "summarize arg_max(X, S) by K",
    "summarize arg_min(X, *) by K",
    "summarize take_any(1), dcount(S)",
    "summarize array_sort_asc(make_list(Z)) by S",
    "summarize percentiles(X, 20, 80) by K",
    "sort by X asc | project S",
    "sort by X asc | extend p = prev(Z) | project p",
    "sort by X asc | extend n = row_number(), c = row_cumsum(Z) | project n, c",
    "sort by X asc | serialize n = row_number() | project n",
    "top 2 by X | project S",
    "top-nested 1 of S by sum(X)",
    "top-hitters 1 of S by Z",
    "take 3 | count",
    "count",
    "sample 3 | count",
    "sample-distinct 10 of S",
    "getschema",
    "extend i = ingestion_time() | project X",
    "as A | join kind=inner (A | summarize m = max(X) by S) on S | project m, Z",
    "consume",
    "render table",
    "partition hint.strategy=native by S (summarize n = count())",
    "partition hint.strategy=native by S (top 1 by X | project Z)",
    "sort by X asc | scan declare (s: long = 0) with (step one: true => s = X + one.s;) | project s",
    "sort by X asc | scan with_match_id = m with (step one: Z > 3; step two: X > one.X;) | project m, S",
    "mv-expand D to typeof(long) | project X, D",
    "mv-apply e = D to typeof(long) on (summarize t = sum(e)) | project Z, t",
    "mv-apply e = D to typeof(long) on (where e > 2 | project q = e + X) | project S, q",
    "parse S with 's' n: long | project n",
    "parse-where S with 's' n: long | project n, Z",
    "parse-kv S as (a: string) with (pair_delimiter = ',', kv_delimiter = '=') | project a, X",
    "make-series n = count() default = 0 on X from 0 to 8 step 2 by S | project S, n",
    "join kind=inner (SRC | project S, Z2 = Z) on S | summarize n = count() by S",
    "join kind=leftouter (SRC | where X > 4 | project S, M = X) on S | summarize n = count(), m = max(M)",
    "join kind=leftanti (SRC | where X > 6) on S | project X",
    "lookup (SRC | summarize z = max(Z) by S) on S | project X, z",
    "union (SRC | project X) | summarize sum(X)",
    "union withsource = w (SRC | project X) | summarize sum(X)",
    "where S in (SRC | where X == 1 | project S) | project X",
    "where X >= toscalar(SRC | summarize avg(X)) | project K",
    "extend b = bag_pack('x', X) | project b",
    "extend a = pack_all() | project strlen(tostring(a.K))",
    "where * has 's1' | project X",
    "search 's1' | count",
    "evaluate narrow() | count",
    "project Z, B | evaluate bag_unpack(B)",
    "evaluate pivot(S, sum(X), K)",
    "make-graph K --> S | graph-match (a)-[e]->(b) where e.X > 2 project e.X",
    "invoke keep_few()",
    "extend f = few(S, X) | project f",
    "reduce by S",
    "fork (count) (summarize max(X))",
    "facet by S",
]
FUNCTIONS = """let keep_few = (t: (X: long, S: string)) { t | where X > 1 | project S };
let few = (s: string, x: long) { let a = strcat(s, '/', x); let b = iff(x > 3, a, strcat(a, a)); let c = strcat(b, a); strlen(c) };
"""

# OP stands for operators.
POSITIONS = {
    "plain": "SRC | OP",
    "counted": "SRC | OP | count",
    "join, left": "SRC | OP | extend one = 1 | join kind=inner (print one = 1) on one",
    "join, right": "print one = 1 | join kind=inner (SRC | OP | extend one = 1) on one",
    "union leg": "union (SRC | OP), (SRC | project X)",
    "let": "let V = SRC | OP; V",
    "let, twice": "let V = SRC | OP; union V, V",
    "view": "let V = view() { SRC | OP }; union V, (print 1)",
    "function": "let F = (t: (*)) { t | OP }; F(SRC)",
    "toscalar": "print toscalar(SRC | OP | count)",
    "materialize": "let M = materialize(SRC | OP); union M, (M | count)",
    "as": "SRC | OP | as R | union (R | count)",
    "partition": "SRC | partition hint.strategy=native by K (OP)",
    "partition, counted": "SRC | partition hint.strategy=native by K (OP) | count",
    "partition in partition":
        "SRC | partition hint.strategy=native by K (partition hint.strategy=native by S (OP))",
    "partition, as": "SRC | partition hint.strategy=native by K (as W | OP | extend w = toscalar(W | count))",
}

# Over the elements e of D, with the columns of the row outside.
IN_MV_APPLY = [
    "summarize s = sum(e)",
    "summarize arg_max(e, *)",
    "top 1 by e",
    "take 1",
    "count",
    "where e > X",
    "project q = e + X",
    "project Z",
    "extend S",
    "sort by e asc | extend r = row_number() | project r",
    "sort by e asc | scan declare (s: long = 0) with (step one: true => s = e + one.s;) | project s",
    "partition hint.strategy=native by e (count)",
    "as E | join kind=inner (E | summarize m = max(e)  by e) on e | project m",
    "union (print e = 100) | summarize sum(e)",
    "join kind=inner (SRC | project e = X, Z2 = Z) on e | project Z2",
    "where e in (SRC | where X > 3 | project X)",
    "where e in (SRC | where X > 3 and S == S | project X) | extend K",
    "extend m = toscalar(SRC | summarize max(Z)) | project m",
    "extend l = dynamic([1, 2]) | mv-apply f = l to typeof(long) on (summarize t = sum(f + X)) | project t",
    "summarize l = make_list(e) | mv-expand l to typeof(long) | project l",
    "extend f = few(S, e) | project f",
    "make-series n = count() default = 0 on e from 0 to 10 step 5 | project n",
]


def answer_of(connection, text):
    body = json.dumps({"db": "NetDefaultDB", "csl": FUNCTIONS + text})
    answer = connection.ask("POST", "/v2/rest/query", body)
    if answer.status != 200:
        return answer.status, json.loads(answer.body)["error"]["@message"]
    tables = [f for f in answer.json() if f.get("TableKind") == "PrimaryResult"]
    return 200, [(t["Columns"], sorted(json.dumps(r) for r in t["Rows"])) for t in tables]


class Pruning(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = server()
        for command in [
                f".create table {STORED} ({COLUMNS})",
                # Some of the rows in an extent, the others in the tail.
                f".append {STORED} with (tags='[\"t\"]') <| datatable({COLUMNS}) [{', '.join(ROWS[:4])}]",
                f".append {STORED} <| datatable({COLUMNS}) [{', '.join(ROWS[4:])}]"]:
            answer = mgmt(cls.server, command)
            assert answer.status == 200, answer.body

    def compare(self, queries):
        differences = []
        answered = 0
        with Connection(self.server) as connection:
            for text in queries:
                stored = answer_of(connection, text.replace("SRC", STORED))
                literal = answer_of(connection, text.replace("SRC", DATATABLE))
                answered += stored[0] == 200
                both_refused = stored[0] == literal[0] == 400
                if stored[0] == 500 or (stored != literal and not both_refused):
                    differences.append(f"{text}\n   stored:    {stored}\n   datatable: {literal}")
        self.assertEqual([], differences, "\n".join(differences))
        # Most of them are no errors, or the comparison would say nothing.
        self.assertGreater(answered, 0.8 * len(queries))

    def test_every_operator_in_every_position(self):
        self.compare([position.replace("OP", operator)
                      for position in POSITIONS.values() for operator in OPERATORS])

    def test_every_operator_inside_mv_apply(self):
        self.compare([f"SRC | mv-apply e = D to typeof(long) on ({operators}){after}"
                      for operators in IN_MV_APPLY for after in ("", " | count", " | project Z")])

    def test_every_operator_inside_two_subqueries(self):
        outer = ["partition hint.strategy=native by K", "mv-apply g = B.p to typeof(long) on"]
        self.compare([f"SRC | {operator} (mv-apply e = {array} to typeof(long) on ({operators}))"
                      for operator, array in zip(outer, ["D", "pack_array(g, 5)"]) for operators in IN_MV_APPLY])


if __name__ == "__main__":
    unittest.main()
