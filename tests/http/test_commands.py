"""`rivulet query`, `rivulet ingest` and `rivulet demo` against a server."""
import json
import os
import subprocess
import tempfile
import unittest

from harness import BINARY, Server, mgmt, query, rows, server, table


class Commands(unittest.TestCase):
    def setUp(self):
        self.server = server()
        self.url = f"http://127.0.0.1:{self.server.port}"

    def run_command(self, *arguments, stdin=None):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=120, input=stdin,
                              env={**os.environ, "RIVULET_SERVER": self.url})

    def test_query_formats(self):
        text = "print a=1, b='x,y', c=dynamic({\"k\":[1]}), d=datetime(2020-01-01)"
        self.assertEqual(self.run_command("query", text).stdout.splitlines()[2].split(),
                         ["1", "x,y", '{"k":[1]}', "2020-01-01T00:00:00Z"])
        self.assertEqual(self.run_command("query", "--format", "csv", text).stdout,
                         'a,b,c,d\n1,"x,y","{""k"":[1]}",2020-01-01T00:00:00Z\n')
        self.assertEqual(json.loads(self.run_command("query", "--format", "json", text).stdout),
                         {"a": 1, "b": "x,y", "c": {"k": [1]}, "d": "2020-01-01T00:00:00Z"})
        self.assertEqual(self.run_command("query", "--format", "csv", "-", stdin="print 7").stdout, "print_0\n7\n")
        self.assertIn("NetDefaultDB", self.run_command("query", ".show databases").stdout)
        self.assertEqual(self.run_command("query", "--format=csv", "print 1; print 2").stdout,
                         "print_0\n1\n\nprint_0\n2\n")

    def test_addresses_of_ip_6(self):
        own = Server("--listen", "[::1]:0")
        try:
            result = self.run_command("query", "--server", f"http://[::1]:{own.port}", "--format", "csv", "print 7")
            self.assertEqual(result.stdout, "print_0\n7\n", result.stderr)
        finally:
            own.stop()

    def test_query_errors(self):
        failed = self.run_command("query", "NoSuchTable")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("Semantic error", failed.stderr)
        nobody = self.run_command("query", "--server", "http://127.0.0.1:1", "print 1")
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("127.0.0.1:1", nobody.stderr)
        self.assertEqual(self.run_command("query", "--server", "ftp://x", "print 1").returncode, 1)

    def ingest(self, name, content, *flags):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(content)
            file.flush()
            return self.run_command("ingest", "--table", name, *flags, file.name)

    def test_ingest_splits_between_records(self):
        table(self.server, "Split")
        content = "".join(f'"line {i}\nwith ""more"", and more",{i}\n' for i in range(1000))
        result = self.ingest("Split", content, "--request-size", "1000")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1000 rows", result.stdout)
        self.assertEqual(rows(query(self.server, "Split | summarize count(), sum(B), countif(A contains 'with \"more\"')")),
                         [[1000, 499500, 1000]])

    def test_ingest_splits_json(self):
        records = [json.dumps({"A": f"x{i}]}}\"", "B": i}) for i in range(500)]
        for name, content, form in [("Lines", "\n".join(records), "json"),
                                    ("Array", "[" + ",\n".join(records) + "]\n", "multijson"),
                                    ("Values", "\n".join(records), "multijson")]:
            table(self.server, name)
            result = self.ingest(name, content, "--format", form, "--request-size", "1000")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(rows(query(self.server, f"{name} | summarize count(), sum(B)")), [[500, 124750]])

    def test_ingest_from_standard_input_and_errors(self):
        table(self.server, "Piped")
        self.assertEqual(self.run_command("ingest", "--table", "Piped", "-", stdin="x,1\ny,2").returncode, 0)
        self.assertEqual(rows(query(self.server, "Piped | count")), [[2]])
        self.assertEqual(self.ingest("NoSuchTable", "x,1\n").returncode, 1)
        result = self.ingest("Piped", "x" * 5000 + ",1\n", "--request-size", "1000")
        self.assertEqual(result.returncode, 1)
        self.assertIn("--request-size", result.stderr)
        self.assertEqual(self.run_command("ingest", "--table", "Piped", "/nonexistent").returncode, 1)

    def test_demo(self):
        result = self.run_command("demo", "--seconds", "4", "--report-seconds", "2")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Cpu_0", result.stdout)
        count = mgmt(self.server, ".show tables | where Folder == 'demo' | count").json()["Tables"][0]["Rows"][0][0]
        self.assertGreaterEqual(count, 100)
