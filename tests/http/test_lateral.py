"""Operators that run for each row outside (mv-apply) or for each key (partition), inside each other: what they answer
is what the same operators answer for one row, or one key, after the other, with the columns outside as constants."""
import json
import random
import re
import unittest

from harness import Connection, server

SEED = 20
QUERIES = 120
LOOKED_UP = {1: 10, 2: 20, 3: 30}


class Refused(Exception):
    pass


def literal(value):
    return "long(null)" if value is None else f"long({value})"


def datatable(columns, rows):
    schema = ", ".join(f"{column}: long" for column in columns)
    return f"datatable({schema}) [{', '.join(literal(value) for row in rows for value in row)}]"


class Plain:
    """An operator by itself."""

    def __init__(self, text, columns):
        self.text = text
        self.columns = columns  # behind it

    def evaluate(self, ask, columns, rows, outside):
        lets = ""
        for name, value in outside.items():
            if re.search(rf"\b{name}\b", self.text) and name not in columns:
                lets += f"let {name} = {datatable(*value) if isinstance(value, tuple) else literal(value)};"
        return ask(f"{lets} {datatable(columns, rows)} | {self.text} | project {', '.join(self.columns)}")


class Named:
    """The rows so far have a name, to all that comes behind."""

    def __init__(self, name, columns):
        self.text = f"as {name}"
        self.name = name
        self.columns = columns


class Lookup:
    """By a column outside, which is among no columns inside."""

    def __init__(self, key, name, columns):
        pairs = ", ".join(f"{key}, {value}" for key, value in LOOKED_UP.items())
        self.text = f"lookup (datatable({key}: long, {name}: long) [{pairs}]) on {key}"
        self.key = key
        self.columns = columns + [name]

    def evaluate(self, ask, columns, rows, outside):
        return [row + (LOOKED_UP.get(outside[self.key]),) for row in rows]


class MvApply:
    def __init__(self, name, array, elements_of, columns, operators, inner):
        self.text = f"mv-apply {name} = {array} to typeof(long) on ({text_of(operators)})"
        self.name, self.elements_of, self.operators = name, elements_of, operators
        self.columns = columns + inner

    def evaluate(self, ask, columns, rows, outside):
        result = []
        for row in rows:
            own = dict(zip(columns, row))
            elements = [(element,) for element in self.elements_of(own)]
            found = evaluate(ask, self.operators, [self.name], elements, {**outside, **own})
            result += [row + inner for inner in found]
        return result


class Partition:
    def __init__(self, key, operators, inner):
        self.text = f"partition hint.strategy=native by {key} ({text_of(operators)})"
        self.key, self.operators = key, operators
        self.columns = inner

    def evaluate(self, ask, columns, rows, outside):
        at = columns.index(self.key)
        result = []
        for key in {row[at] for row in rows}:
            result += evaluate(ask, self.operators, columns, [row for row in rows if row[at] == key], outside)
        return result


def text_of(operators):
    return " | ".join(operator.text for operator in operators)


def evaluate(ask, operators, columns, rows, outside):
    outside = dict(outside)
    for operator in operators:
        if isinstance(operator, Named):
            outside[operator.name] = (columns, rows)
            continue
        rows = operator.evaluate(ask, columns, rows, outside)
        columns = operator.columns
    return rows


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0
        self.tables = []  # names and columns

    def fresh(self):
        self.names += 1
        return f"c{self.names}"

    def operators(self, columns, outside, depth, count):
        made = []
        tables = len(self.tables)
        while len(made) < count:
            kinds = self.KINDS + ([Maker.mv_apply, Maker.partition] * 4 if depth > 0 else [])
            operator = self.random.choice(kinds)(self, columns, outside, depth)
            if operator is None:
                continue
            made.append(operator)
            columns = operator.columns
            if len(columns) > 9:
                columns = columns[:5]
                made.append(Plain(f"project {', '.join(columns)}", columns))
        del self.tables[tables:]
        return made, columns

    def any(self, columns, outside):
        return self.random.choice(outside if outside and self.random.random() < 0.5 else columns + outside)

    def where(self, columns, outside, depth):
        least = self.random.randint(0, 6)
        return Plain(f"where {self.any(columns, outside)} + {self.any(columns, outside)} > {least}", columns)

    def extend(self, columns, outside, depth):
        new = self.fresh()
        return Plain(f"extend {new} = {self.any(columns, outside)} * 2 + {self.any(columns, outside)}", columns + [new])

    def summarize(self, columns, outside, depth):
        a, b, c = self.fresh(), self.fresh(), self.fresh()
        return Plain(f"summarize {a} = sum({self.any(columns, outside)}), {b} = max({self.any(columns, outside)}), "
                     f"{c} = count()", [a, b, c])

    def summarize_by(self, columns, outside, depth):
        a, b, key = self.fresh(), self.fresh(), self.random.choice(columns)
        return Plain(f"summarize {a} = sum({self.any(columns, outside)}), {b} = dcount({self.any(columns, outside)}) "
                     f"by {key}", [key, a, b])

    def sorting(self, columns):
        return "sort by " + ", ".join(f"{column} asc" for column in columns)

    def top(self, columns, outside, depth):
        ties = ", ".join(f"{column} asc" for column in columns)
        return Plain(f"top {self.random.randint(1, 2)} by {self.any(columns, outside)} desc, {ties}", columns)

    def take(self, columns, outside, depth):
        return Plain(f"{self.sorting(columns)} | take 2", columns)

    def count(self, columns, outside, depth):
        new = self.fresh()
        return Plain(f"count as {new}", [new])

    def distinct(self, columns, outside, depth):
        new, column = self.fresh(), self.random.choice(columns)
        return Plain(f"extend {new} = {self.any(columns, outside)} | distinct {column}, {new}", [column, new])

    def windows(self, columns, outside, depth):
        a, b, c = self.fresh(), self.fresh(), self.fresh()
        return Plain(f"{self.sorting(columns)} | extend {a} = prev({self.any(columns, outside)}), "
                     f"{b} = row_cumsum({self.any(columns, outside)}), {c} = row_number()", columns + [a, b, c])

    def scan(self, columns, outside, depth):
        new = self.fresh()
        return Plain(f"{self.sorting(columns)} | scan declare ({new}: long = 0) with "
                     f"(step s: true => {new} = s.{new} + {self.any(columns, outside)};)", columns + [new])

    def join(self, columns, outside, depth):
        kind = self.random.choice(["inner", "leftouter", "leftsemi", "leftanti"])
        key, value, column = self.fresh(), self.fresh(), self.random.choice(columns)
        new = [key, value] if kind in ("inner", "leftouter") else []
        return Plain(f"join kind={kind} (datatable({key}: long) [1, 2, 3] | extend {value} = "
                     f"{self.any([key], outside)}) on $left.{column} == $right.{key}", columns + new)

    def lookup(self, columns, outside, depth):
        keys = [name for name in outside if name not in columns]
        return Lookup(self.random.choice(keys), self.fresh(), columns) if keys else None

    def named(self, columns, outside, depth):
        self.tables.append((f"T{self.fresh()}", columns))
        return Named(self.tables[-1][0], columns)

    def of_named(self, columns, outside, depth):
        if not self.tables:
            return None
        table, inside = self.random.choice(self.tables)
        new = self.fresh()
        return Plain(f"extend {new} = toscalar({table} | where {self.random.choice(inside)} >= "
                     f"{self.any(inside, outside)} | summarize sum({self.any(inside, outside)}))", columns + [new])

    def to_scalar(self, columns, outside, depth):
        new, rows, column = self.fresh(), self.fresh(), self.random.choice(columns)
        return Plain(f"as R{rows} | extend {new} = toscalar(R{rows} | where {column} >= {self.any(columns, outside)} "
                     "| count)", columns + [new])

    def union(self, columns, outside, depth):
        value = self.random.choice(outside) if outside else 1
        return Plain(f"union (print {self.random.choice(columns)} = {value})", columns)

    def mv_expand(self, columns, outside, depth):
        new = self.fresh()
        return Plain(f"mv-expand {new} = pack_array({self.any(columns, outside)}, 7) to typeof(long)", columns + [new])

    def top_nested(self, columns, outside, depth):
        a, b = self.fresh(), self.fresh()
        return Plain(f"top-nested of {a} = {self.random.choice(columns)} by {b} = sum({self.any(columns, outside)})",
                     [a, b])

    def mv_apply(self, columns, outside, depth):
        name, column = self.fresh(), self.random.choice(columns)
        array, elements_of = self.random.choice([
            ("dynamic([1, 2])", lambda row: [1, 2]),
            ("dynamic([5])", lambda row: [5]),
            (f"pack_array({column}, 3)", lambda row: [row[column], 3]),
        ])
        names = outside + [name for name in columns if name not in outside]
        operators, inner = self.operators([name], names, depth - 1, self.random.randint(1, 3))
        return MvApply(name, array, elements_of, columns, operators, inner)

    def partition(self, columns, outside, depth):
        operators, inner = self.operators(columns, outside, depth - 1, self.random.randint(1, 3))
        return Partition(self.random.choice(columns), operators, inner)

    KINDS = [where, extend, summarize, summarize_by, top, take, count, distinct, windows, scan, join, lookup,
             named, of_named, of_named, to_scalar, union, mv_expand, top_nested]


class Lateral(unittest.TestCase):
    def test_nested_subqueries_answer_as_one_row_after_the_other(self):
        differences = []
        nested = 0
        with Connection(server()) as connection:

            def ask(text):
                answer = connection.ask("POST", "/v1/rest/query", json.dumps({"db": "NetDefaultDB", "csl": text}))
                if answer.status != 200:
                    raise Refused(f"{answer.status} {answer.body[:500]}\n   {text}")
                return [tuple(row) for row in answer.json()["Tables"][0]["Rows"]]

            def in_order(rows):
                return sorted(rows, key=lambda row: [(value is not None, value or 0) for value in row])

            for number in range(QUERIES):
                maker = Maker(SEED * QUERIES + number)
                rows = [(maker.random.randint(1, 3), maker.random.randint(1, 3))
                        for _ in range(maker.random.randint(1, 4))]
                operators, columns = maker.operators(["a", "b"], [], 2, maker.random.randint(1, 3))
                nested += any(isinstance(operator, (MvApply, Partition)) for operator in operators)
                text = f"{datatable(['a', 'b'], rows)} | {text_of(operators)} | project {', '.join(columns)}"
                try:
                    got = in_order(ask(text))
                    expected = in_order(evaluate(ask, operators, ["a", "b"], rows, {}))
                except Refused as refusal:
                    differences.append(str(refusal))
                    continue
                if got != expected:
                    differences.append(f"{text}\n   got      {got}\n   expected {expected}")
        self.assertEqual([], differences, "\n".join(differences))
        self.assertGreater(nested, QUERIES / 4)


if __name__ == "__main__":
    unittest.main()
