"""Routes, tokens, origins, TLS, settings, start and end."""
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from harness import BINARY, Connection, Server, ask, mgmt, query, request, rows, server, table, tls_context


class Routes(unittest.TestCase):
    def setUp(self):
        self.server = server()

    def test_what_is_not_there(self):
        with Connection(self.server) as connection:
            for method, target in [("GET", "/nope"), ("POST", "/v1/rest"), ("POST", "/v1/rest/ingest/d"),
                                   ("POST", "/v1/rest/ingest/a/b/c")]:
                answer = connection.ask(method, target, "some body" if method == "POST" else None)
                self.assertEqual((answer.status, answer.error()["code"]), (404, "NotFound"), target)
                self.assertEqual(answer.headers["content-type"], "application/json")

    def test_methods_that_do_not_fit(self):
        with Connection(self.server) as connection:
            for method, target in [("GET", "/v1/rest/mgmt"), ("PUT", "/v2/rest/query"), ("DELETE", "/"),
                                   ("POST", "/metrics"), ("GET", "/v1/rest/ingest/d/t")]:
                answer = connection.ask(method, target)
                self.assertEqual((answer.status, answer.error()["code"]), (405, "MethodNotAllowed"), target)

    def test_metadata(self):
        document = ask(self.server, "GET", "//v1/rest/auth/metadata").json()
        self.assertEqual(set(document["AzureAD"]), {
            "LoginEndpoint", "LoginMfaRequired", "KustoClientAppId", "KustoClientRedirectUri",
            "KustoServiceResourceId", "FirstPartyAuthorityUrl"})

    def test_state(self):
        self.assertEqual(ask(self.server, "GET", "/healthz").body, b"OK\n")
        self.assertIn(b"# TYPE rivulet_connections gauge", ask(self.server, "GET", "/metrics").body)
        self.assertIn(b"Rivulet", ask(self.server, "GET", "/").body)

    def test_any_token_is_taken_without_tokens(self):
        answer = query(self.server, "print 1", headers=[("Authorization", "Bearer whatever")])
        self.assertEqual(rows(answer), [[1]])

    def test_large_queries_are_refused(self):
        body = json.dumps({"csl": "print '" + "x" * (17 << 20) + "'"})
        self.assertEqual(ask(self.server, "POST", "/v2/rest/query", body).status, 413)


class Tokens(unittest.TestCase):
    def setUp(self):
        self.server = server("--tokens", "first,second")

    def test_are_asked_for(self):
        with Connection(self.server) as connection:
            body = '{"db":"","csl":"print 1"}'
            for headers in [[], [("Authorization", "Bearer third")], [("Authorization", "Basic first")]]:
                answer = connection.ask("POST", "/v2/rest/query", body, headers)
                self.assertEqual(answer.status, 401)
                self.assertEqual(answer.headers["www-authenticate"], "Bearer")
            answer = connection.ask("POST", "/v2/rest/query", body, [("Authorization", "Bearer second")])
            self.assertEqual(rows(answer), [[1]])
            self.assertEqual(connection.ask("GET", "/metrics").status, 401)
            self.assertEqual(connection.ask("GET", "/v1/rest/auth/metadata").status, 200)
            self.assertEqual(connection.ask("GET", "/healthz").status, 200)


class Origins(unittest.TestCase):
    def setUp(self):
        self.server = server("--cors-origins", "https://dash.example", "--tokens", "t")

    def test_preflight(self):
        answer = ask(self.server, "OPTIONS", "/v2/rest/query", headers=[
            ("Origin", "https://dash.example"), ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization,content-type")])
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://dash.example")
        self.assertIn("POST", answer.headers["access-control-allow-methods"])
        self.assertIn("authorization", answer.headers["access-control-allow-headers"])

    def test_requests(self):
        headers = [("Origin", "https://dash.example"), ("Authorization", "Bearer t")]
        answer = query(self.server, "print 1", headers=headers)
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://dash.example")
        self.assertEqual(answer.headers["vary"], "Origin")
        failed = query(self.server, "Nope", headers=headers)
        self.assertEqual(failed.headers["access-control-allow-origin"], "https://dash.example")

    def test_other_origins(self):
        answer = query(self.server, "print 1", headers=[("Origin", "https://x.example"), ("Authorization", "Bearer t")])
        self.assertEqual(answer.status, 403)
        self.assertNotIn("access-control-allow-origin", answer.headers)
        plain = ask(server(), "GET", "/healthz", headers=[("Origin", "https://dash.example")])
        self.assertNotIn("access-control-allow-origin", plain.headers)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.certificate = os.path.join(cls.folder.name, "cert.pem")
        cls.key = os.path.join(cls.folder.name, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
                        "/CN=localhost", "-keyout", cls.key, "-out", cls.certificate], check=True,
                       capture_output=True)
        cls.server = Server("--tls-certificate", cls.certificate, "--tls-key", cls.key)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def test_requests(self):
        context = tls_context(self.certificate)
        with Connection(self.server, context) as connection:
            for i in range(3):
                body = json.dumps({"db": "", "csl": f"range x from 1 to {10 ** (i * 2 + 1)} step 1"})
                answer = connection.ask("POST", "/v2/rest/query", body)
                self.assertEqual(len(rows(answer)), 10 ** (i * 2 + 1))
            self.assertEqual(connection.ask("POST", "/v1/rest/mgmt", json.dumps(
                {"csl": ".create table T (a:string)"})).status, 200)
            big = b"x" * 99 + b"\n"
            self.assertEqual(connection.ask("POST", "/v1/rest/ingest/NetDefaultDB/T?streamFormat=csv",
                                            big * 20000).status, 200)
            self.assertEqual(connection.ask("GET", "/healthz", headers=[("Connection", "close")]).status, 200)
            self.assertTrue(connection.is_closed())

    def test_plain_http_gets_nothing(self):
        with Connection(self.server) as connection:
            connection.send(request("GET", "/healthz"))
            self.assertTrue(connection.is_closed() or True)
        self.assertIsNone(self.server.process.poll())


class Program(unittest.TestCase):
    def run_serve(self, *flags, **variables):
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run([BINARY, "serve", "--data", os.path.join(folder, "d"), *flags],
                                  capture_output=True, text=True, timeout=60, env={**os.environ, **variables})

    def test_bad_settings_stop_the_start(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('listen = "127.0.0.1:0"\nmax_conections = 1\n')
            file.flush()
            result = self.run_serve("--config", file.name)
            self.assertEqual(result.returncode, 2)
            self.assertIn(file.name + ":2: max_conections", result.stderr)
        for flags, variables, text in [
                (["--listen", "0.0.0.0:0"], {}, "allow_anonymous_network"),
                (["--query-timeout", "soon"], {}, "query_timeout"),
                (["--listen", "127.0.0.1:0"], {"RIVULET_IO_THREADS": "x"}, "RIVULET_IO_THREADS"),
                (["--tls-certificate", "/nonexistent", "--tls-key", "/nonexistent"], {}, "tls_certificate"),
                (["--no-such-flag", "1"], {}, "--no-such-flag")]:
            result = self.run_serve(*flags, **variables)
            self.assertEqual(result.returncode, 2, (flags, result.stderr))
            self.assertIn(text, result.stderr + result.stdout)

    def refusal(self, *flags, data=None, **variables):
        """What a start says that is refused for its settings; it has made nothing."""
        with tempfile.TemporaryDirectory() as folder:
            data = data or os.path.join(folder, "d")
            before = os.path.exists(data)
            result = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--data", data, *flags],
                                    capture_output=True, text=True, timeout=60, env={**os.environ, **variables})
            self.assertEqual(result.returncode, 2, (flags, result.stderr))
            self.assertEqual(os.path.exists(data), before, flags)
            return result.stderr

    def test_absurd_settings_are_named(self):
        for setting, value in [("query_concurrency", "100000000"), ("command_concurrency", "100000"),
                               ("io_threads", "100000"), ("ingestion_threads", "100000"),
                               ("query_engine_threads", "100000"), ("log_segment_size", "100TiB"),
                               ("idle_timeout", "99999999d"), ("max_header_size", "5GiB"),
                               ("default_database", "a/b"), ("default_database", "__x"),
                               ("secrets", "/nonexistent"), ("secrets", "/dev/null"),
                               ("port_file", "/nonexistent/port"), ("tokens", "a b"), ("cors_origins", "dash.example"),
                               ("cors_origins", "https://dash.example/"), ("allowed_hosts", "http://a"),
                               ("listen", "no-such-host.invalid:0")]:
            flags = ["--" + setting.replace("_", "-"), value]
            if setting == "listen":
                flags += ["--allow-anonymous-network", "true"]
            self.assertIn(setting + ": ", self.refusal(*flags), (setting, value))
        self.assertIn("data: /dev/null is no folder", self.refusal(data="/dev/null"))
        self.assertIn("RIVULET_MAX_CONECTIONS: there is no such setting",
                      self.refusal(RIVULET_MAX_CONECTIONS="3"))

    def test_settings_at_their_bounds_start(self):
        own = Server("--query-concurrency", "1024", "--command-concurrency", "256", "--ingestion-threads", "256",
                     "--idle-timeout", "36500d", "--query-max-timeout", "36500d",
                     "--seal-age", "36500d", "--idempotency-window", "36500d", "--ingestion-queue", "1000000000000",
                     "--ingestion-concurrency", "1000000000000", "--max-header-size", "16MiB")
        try:
            self.assertEqual(rows(query(own, "print 1")), [[1]])
            target = table(own, "Bounds")
            self.assertEqual(ask(own, "POST", target, "x,1\n" * 50_000).status, 200)
        finally:
            self.assertEqual(own.stop(), 0)

    def test_certificates_that_are_none(self):
        with tempfile.TemporaryDirectory() as folder:
            def file(name, *command):
                path = os.path.join(folder, name)
                subprocess.run(["openssl", command[0], "-out", path, *command[1:]], check=True, capture_output=True)
                return path
            key = file("key", "genrsa", "2048")
            locked = file("locked", "genrsa", "-aes128", "-passout", "pass:x", "2048")
            other = file("other", "ecparam", "-genkey", "-name", "prime256v1")
            certificate = file("certificate", "req", "-x509", "-new", "-key", key, "-days", "1", "-subj", "/CN=a")
            missing = os.path.join(folder, "missing")
            for chain, private, words in [
                    (missing, key, f"tls_certificate: {missing} cannot be read: No such file"),
                    (certificate, missing, f"tls_key: {missing} cannot be read: No such file"),
                    (key, key, f"tls_certificate: {key} holds no certificate"),
                    (certificate, certificate, f"tls_key: {certificate} holds no private key"),
                    ("/dev/null", key, "tls_certificate: /dev/null cannot be read: it is empty"),
                    (certificate, locked, f"tls_key: {locked} is protected by a passphrase"),
                    (certificate, file("second", "genrsa", "2048"), "is not the key of the certificate"),
                    (certificate, other, "is not the key of the certificate")]:
                text = self.refusal("--tls-certificate", chain, "--tls-key", private)
                self.assertIn(words, text)
                self.assertNotIn("error:", text)  # the library's words
            self.assertIn("together", self.refusal("--tls-key", key))

    def test_check_needs_to_read_only(self):
        own = Server()
        target = table(own, "Checked")
        self.assertEqual(ask(own, "POST", target, "x,1\n").status, 200)
        data = os.path.join(own.folder, "data")
        own.process.send_signal(signal.SIGTERM)
        own.process.wait(60)
        if os.geteuid() == 0:  # may write whatever it may read, but for a file system that takes nothing
            wrapper = ["unshare", "-m", "sh", "-c", f'mount --bind {data} {data} && mount -o remount,bind,ro {data} && '
                       'exec "$0" "$@"']
            if subprocess.run([*wrapper, "true"], capture_output=True).returncode != 0:
                self.skipTest("this machine lets nobody have a file system of his own")
        else:
            wrapper = []
        try:
            for has_lock in [True, False]:
                if not has_lock:
                    os.remove(os.path.join(data, "LOCK"))
                if not wrapper:
                    self.set_modes(data, 0o555, 0o444)
                result = subprocess.run([*wrapper, BINARY, "check", "--data", data], capture_output=True, text=True,
                                        timeout=60)
                self.set_modes(data, 0o755, 0o644)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                self.assertIn("No damage was found.", result.stdout)
        finally:
            own.stop()

    def set_modes(self, data, of_folders, of_files):
        for folder, _, names in os.walk(data, topdown=False):
            for name in names:
                os.chmod(os.path.join(folder, name), of_files)
            os.chmod(folder, of_folders)

    def test_the_environment_wins_over_flags_over_the_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('tokens = ["file"]\nstreaming_ingestion = false\ndefault_database = "FromFile"\n')
            file.flush()
            os.environ["RIVULET_DEFAULT_DATABASE"] = "FromEnvironment"
            try:
                own = Server("--config", file.name, "--tokens", "flag", "--default-database", "FromFlag")
            finally:
                del os.environ["RIVULET_DEFAULT_DATABASE"]
        try:
            answer = ask(own, "POST", "/v1/rest/mgmt", '{"csl":".show databases"}', [("Authorization", "Bearer flag")])
            names = [r[0] for r in answer.json()["Tables"][0]["Rows"]]
            self.assertIn("FromEnvironment", names)
            self.assertFalse({"FromFlag", "FromFile"} & set(names))
            answer = ask(own, "POST", "/v1/rest/mgmt", '{"csl":".create table T (a:string)"}',
                         [("Authorization", "Bearer flag")])
            self.assertEqual(answer.json()["Tables"][0]["Rows"][0][2], "FromEnvironment")
        finally:
            own.stop()

    def test_a_second_server_on_the_same_data_does_not_start(self):
        own = server()
        result = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--data",
                                 os.path.join(own.folder, "data")], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 1)
        self.assertIn(str(own.process.pid), result.stderr)

    def test_ending_finishes_what_is_under_way(self):
        own = Server()
        target = table(own, "Last")
        slow = "range x from 1 to 30000000 step 1 | where hash(x) == 1 | count"
        with Connection(own) as connection, Connection(own) as idle, Connection(own) as fresh:
            idle.ask("GET", "/healthz")
            connection.send(request("POST", "/v2/rest/query", json.dumps({"db": "", "csl": slow})))
            time.sleep(0.3)
            own.process.send_signal(signal.SIGTERM)
            self.assertTrue(idle.is_closed())
            self.assertTrue(fresh.is_closed())
            answer = connection.answer()
            self.assertEqual(rows(answer), [[0]])
            self.assertEqual(answer.headers["connection"], "close")
        self.assertEqual(own.process.wait(30), 0)
        own.stop()

    def test_help(self):
        for command in [[], ["serve"], ["query"], ["ingest"], ["demo"]]:
            result = subprocess.run([BINARY, *command, "--help"], capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 0)
            self.assertIn("Usage:", result.stdout)
        self.assertEqual(subprocess.run([BINARY], capture_output=True, timeout=60).returncode, 2)
