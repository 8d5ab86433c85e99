#!/usr/bin/env python3
"""Runs declarative tests (*.test) against a running server.

    tests/run_declarative.py --url http://127.0.0.1:8080 [--db NetDefaultDB] [-v] [--rewrite] FILE|FOLDER...

A file is a list of blocks with a blank line between two (KQL may hold blank lines, if what follows does not
look like a block); a line that starts with '#' between blocks is a comment. The first line of a block says what it is, then follows KQL up to the line '----', then what is
expected:

    command                          a management command; what follows '----', if anything, is its table
    command unordered                the same, rows in any order
    query                            a query; rows are compared in order
    query unordered                  the same, rows in any order
    error SEM0100                    a query that must fail with this text in its error
    command error already exists     a command that must

A query with several results has them one after another, each behind its own '----'.

A table is tab-separated: a line of `name:type`, then the rows. In a cell null is `null`, an empty string
`(empty)`; tab, line feed and backslash are written \\t, \\n and \\\\; a real has at most 12 significant
digits; a dynamic is compact JSON. An expected cell `*` accepts anything.

--rewrite replaces what is expected by what the server answers: read the difference before you keep it.
The last line is `N passed, M failed`; the exit status is 1 when something failed.
"""

import argparse
import http.client
import json
import os
import sys
import urllib.parse

from engine_words import engine_words_in


class Number(str):
    """A JSON number as the server wrote it."""


class Client:
    def __init__(self, url, database):
        self.address = urllib.parse.urlsplit(url)
        self.database = database
        self.connection = None

    def post(self, path, text):
        body = json.dumps({"db": self.database, "csl": text})
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=120)
            try:
                self.connection.request("POST", path, body, {"Content-Type": "application/json"})
                response = self.connection.getresponse()
                data = response.read()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.connection.close()
                self.connection = None
                if attempt == 2:
                    raise
        try:
            answer = json.loads(data, parse_float=Number, parse_int=Number)
        except ValueError:
            raise Failure(f"HTTP {response.status}, and no JSON: {data[:500]!r}") from None
        if response.status != 200:
            error = answer.get("error", {})
            raise ServerError(f"{error.get('code')}: {error.get('@message', error.get('message'))}")
        return answer

    def query(self, text):
        tables = []
        for frame in self.post("/v2/rest/query", text):
            if frame.get("FrameType") == "DataTable" and frame.get("TableKind") == "PrimaryResult":
                for row in frame["Rows"]:
                    if isinstance(row, dict):
                        raise ServerError(json.dumps(row))
                tables.append(format_table(frame))
            if frame.get("FrameType") == "DataSetCompletion" and frame.get("HasErrors"):
                raise ServerError(json.dumps(frame.get("OneApiErrors")))
        return tables

    def command(self, text):
        tables = self.post("/v1/rest/mgmt", text)["Tables"]
        # A command with a pipe answers with properties, status and contents after its results.
        count = len(tables) if len(tables) < 3 else len(tables) - 3
        return [format_table(table) for table in tables[:count]]


class ServerError(Exception):
    """The server answered with an error."""

    def __init__(self, text):
        super().__init__(text)
        if words := engine_words_in(text):
            raise Failure(f"the engine's own words, {words!r}, in: {text}")


class Failure(Exception):
    """A block does not hold."""


def format_cell(value, kind):
    if value is None:
        return "null"
    if kind == "dynamic":
        text = compact_json(value) if not isinstance(value, str) or isinstance(value, Number) else value
    elif kind == "real":
        try:
            text = "%.12g" % float(value)
        except ValueError:
            text = str(value)
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = str(value)
    if text == "":
        return "(empty)"
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def compact_json(value):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + compact_json(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(compact_json(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def format_table(table):
    columns = [(c["ColumnName"], c["ColumnType"]) for c in table["Columns"]]
    lines = ["\t".join(f"{name}:{kind}" for name, kind in columns)]
    for row in table["Rows"]:
        lines.append("\t".join(format_cell(value, kind) for value, (_, kind) in zip(row, columns)))
    return lines


def matches(expected, found):
    if len(expected) != len(found):
        return False
    for one, other in zip(expected, found):
        if one == other:
            continue
        cells, found_cells = one.split("\t"), other.split("\t")
        if len(cells) != len(found_cells):
            return False
        if any(cell not in ("*", found_cell) for cell, found_cell in zip(cells, found_cells)):
            return False
    return True


class Block:
    def __init__(self, line_number, lines):
        self.line_number = line_number
        self.head = lines[0]
        parts = [[]]
        for line in lines[1:]:
            if line == "----":
                parts.append([])
            else:
                parts[-1].append(line)
        self.text = "\n".join(parts[0])
        self.expected = parts[1:]

    def run(self, client):
        """What the server answered, as tables; raises Failure when that is not what is expected."""
        words = self.head.split()
        kind = words[0]
        if kind == "error" or words[:2] == ["command", "error"]:
            wanted = self.head.split("error", 1)[1].strip()
            try:
                found = (client.query if kind == "error" else client.command)(self.text)
            except ServerError as error:
                if wanted in str(error):
                    return None
                raise Failure(f"expected an error with '{wanted}', got: {error}") from None
            raise Failure(f"expected an error with '{wanted}', got:\n{show(found)}")
        try:
            found = client.query(self.text) if kind == "query" else client.command(self.text)
        except ServerError as error:
            raise Failure(f"error: {error}") from None
        if kind == "command" and not self.expected:
            return found
        expected, answered = self.expected, found
        if words[1:] == ["unordered"]:
            expected = [table[:1] + sorted(table[1:]) for table in expected]
            answered = [table[:1] + sorted(table[1:]) for table in found]
        if len(expected) != len(answered) or not all(map(matches, expected, answered)):
            raise Failure(f"expected\n{show(self.expected)}\ngot\n{show(found)}")
        return found


def show(tables):
    return "\n    ----\n".join("\n".join("    " + line for line in table) for table in tables)


HEADS = ("query", "query unordered", "command", "command unordered")


def is_head(line):
    return line in HEADS or line.startswith(("error ", "command error "))


def read_blocks(path):
    """Blocks, and the comments between them as strings."""
    parts, lines, start = [], [], 0
    with open(path, encoding="utf-8") as f:
        text = f.read().split("\n")
    for number, line in enumerate(text + [""], 1):
        if line == "":
            following = next((later for later in text[number:] if later != ""), "")
            is_inside = lines and "----" not in lines and following != ""
            if is_inside and not is_head(following) and not following.startswith("#"):
                lines.append(line)
                continue
            if lines:
                parts.append(Block(start, lines))
            lines = []
        elif line.startswith("#") and not lines:
            parts.append(line)
        else:
            if not lines:
                if not is_head(line):
                    raise SystemExit(f"{path}:{number}: what is '{line}'?")
                start = number
            lines.append(line)
    return parts


def rewritten(block, found):
    lines = [block.head, block.text]
    for table in found or []:
        lines += ["----", *table]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--db", default="NetDefaultDB")
    parser.add_argument("-v", "--verbose", action="store_true", help="name every block")
    parser.add_argument("--rewrite", action="store_true")
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()

    files = []
    for path in options.paths:
        if os.path.isdir(path):
            for folder, _, names in sorted(os.walk(path)):
                files += [os.path.join(folder, name) for name in sorted(names) if name.endswith(".test")]
        else:
            files.append(path)

    client = Client(options.url, options.db)
    passed = failed = 0
    for path in files:
        output, is_after_comment = [], False
        file_failed = 0
        for part in read_blocks(path):
            if isinstance(part, str):
                output.append(("" if is_after_comment or not output else "\n") + part)
                is_after_comment = True
                continue
            found, is_good = None, True
            try:
                found = part.run(client)
            except Failure as failure:
                is_good = False
                print(f"{path}:{part.line_number}: {part.head}\n{part.text}\n{failure}\n")
            passed, failed, file_failed = passed + is_good, failed + (not is_good), file_failed + (not is_good)
            if options.verbose and is_good:
                print(f"{path}:{part.line_number}: ok")
            text = "\n".join([part.head, part.text] + [line for table in part.expected for line in ["----", *table]])
            if options.rewrite and not is_good and part.head.split()[0] in ("query", "command"):
                try:
                    found = client.query(part.text) if part.head.startswith("query") else client.command(part.text)
                    text = rewritten(part, found)
                except ServerError:
                    pass
            output.append(("" if is_after_comment or not output else "\n") + text)
            is_after_comment = False
        if options.rewrite and file_failed:
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n".join(output) + "\n")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
