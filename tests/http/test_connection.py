"""What happens between two requests, and below them."""
import gzip
import json
import os
import resource
import socket
import subprocess
import tempfile
import time
import unittest

from harness import (BINARY, Connection, Server, ask, chunked, mgmt, query, request, resident_bytes, rows, server,
                     table)


class Connections(unittest.TestCase):
    def setUp(self):
        self.server = server()

    def test_keeps_a_connection_alive(self):
        with Connection(self.server) as connection:
            for _ in range(3):
                self.assertEqual(connection.ask("GET", "/healthz").body, b"OK\n")

    def test_closes_when_asked(self):
        with Connection(self.server) as connection:
            answer = connection.ask("GET", "/healthz", headers=[("Connection", "close")])
            self.assertEqual(answer.headers["connection"], "close")
            self.assertTrue(connection.is_closed())

    def test_http_1_0(self):
        with Connection(self.server) as connection:
            connection.send("GET /healthz HTTP/1.0\r\n\r\n")
            self.assertEqual(connection.answer().status, 200)
            self.assertTrue(connection.is_closed())
        with Connection(self.server) as connection:
            for _ in range(2):
                connection.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                answer = connection.answer()
                self.assertEqual(answer.headers["connection"].lower(), "keep-alive")

    def test_pipelined_requests_are_answered_in_order(self):
        target = table(self.server, "Pipelined")
        with Connection(self.server) as connection:
            data = b""
            for i in range(200):
                data += request("POST", target, f"x,{i}\n", [("x-ms-client-request-id", f"id;{i}")])
                if i % 50 == 0:
                    data += request("POST", "/v2/rest/query", '{"csl":"Pipelined | count","db":""}')
            connection.send(data)
            counts = []
            for i in range(200):
                answer = connection.answer()
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["x-ms-client-request-id"], f"id;{i}")
                if i % 50 == 0:
                    counts.append(rows(connection.answer()))
        self.assertEqual(counts, [[[1]], [[51]], [[101]], [[151]]])

    def test_a_request_in_single_bytes(self):
        target = table(self.server, "Trickle")
        with Connection(self.server) as connection:
            for byte in request("POST", target, "x,1\ny,2\n"):
                connection.send(bytes([byte]))
            self.assertEqual(connection.answer().json()["Tables"][0]["Rows"][0][0], 2)

    def test_blank_lines_before_a_request(self):
        with Connection(self.server) as connection:
            connection.send(b"\r\n\r\n" + request("GET", "/healthz"))
            self.assertEqual(connection.answer().status, 200)

    def test_chunked_bodies(self):
        target = table(self.server, "Chunked")
        with Connection(self.server) as connection:
            connection.send(chunked("POST", target, [b"a,", b"1\n", b"b,2\nc,3", b"\n"]))
            self.assertEqual(connection.answer().json()["Tables"][0]["Rows"][0][0], 3)
            body = json.dumps({"db": "", "csl": "Chunked | summarize sum(B)"}).encode()
            connection.send(chunked("POST", "/v2/rest/query", [body[:5], body[5:]]))
            self.assertEqual(rows(connection.answer()), [[6]])

    def test_expect_continue(self):
        target = table(self.server, "Expected")
        for method, path, body in [("POST", target, b"x,1\n"),
                                   ("POST", "/v2/rest/query", b'{"db":"","csl":"print 1"}')]:
            with Connection(self.server) as connection:
                head = request(method, path, body, [("Expect", "100-continue")])[:-len(body)]
                connection.send(head)
                self.assertEqual(connection.head()[0], 100)
                connection.send(body)
                self.assertEqual(connection.answer().status, 200)

    def test_expect_continue_is_refused_by_the_head(self):
        with Connection(self.server) as connection:
            connection.send("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
            self.assertEqual(connection.answer().status, 404)
            self.assertTrue(connection.is_closed())

    def test_malformed_http(self):
        for data in [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
                     b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                     b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00"]:
            with Connection(self.server) as connection:
                connection.send(data)
                answer = connection.answer()
                self.assertEqual(answer.status, 400, data)
                self.assertTrue(answer.error()["@permanent"])
                self.assertTrue(connection.is_closed())

    def refused(self, connection, statuses, data=b""):
        """The server answers so and closes, however much more is sent."""
        try:
            connection.send(data)
        except OSError:
            pass  # it has closed before the end
        answer = connection.answer()
        self.assertIn(answer.status, statuses, answer.body)
        self.assertTrue(answer.error()["@permanent"])
        self.assertTrue(connection.is_closed())

    def test_large_headers(self):
        with Connection(self.server) as connection:
            self.refused(connection, [431], "GET / HTTP/1.1\r\nx: " + "y" * 40_000 + "\r\n\r\n")
        # In many lines, each of which is short and comes alone.
        with Connection(self.server) as connection:
            connection.send("GET / HTTP/1.1\r\nHost: localhost\r\n")
            self.refused(connection, [431], "x: yyyyyyyyyyyy\r\n" * (1 << 20))

    def test_what_is_no_body_is_bounded_wherever_it_stands(self):
        head = chunked("POST", "/v1/rest/query", [b"{}"])[:-len(b"0\r\n\r\n")]
        line = b"X: " + b"y" * 8000 + b"\r\n"
        for data in [b"0\r\n" + line * 4000,  # trailers
                     b"0\r\nX: " + b"y" * (32 << 20),  # one of them
                     b"2;" + b"e" * (32 << 20),  # an extension
                     b"0" * (32 << 20),  # a size
                     b"1;" + b"e" * 1000 + b"\r\n \r\n" + b"0;" + b"e" * (32 << 20),
                     (b"1;" + b"e" * 1000 + b"\r\n \r\n") * 30_000]:  # many short ones
            before = resident_bytes(self.server)
            with Connection(self.server) as connection:
                connection.send(head)
                self.refused(connection, [400, 431], data)
            self.assertLess(resident_bytes(self.server) - before, 16 << 20, data[:10])
        # What is said in trailers and extensions is read over.
        target = table(self.server, "Trailed")
        with Connection(self.server) as connection:
            connection.send(chunked("POST", target, [])[:-len(b"0\r\n\r\n")] +
                            b"4;name=\"value\"\r\nx,1\n\r\n0;last\r\nConnection: close\r\nHost: b\r\n\r\n")
            self.assertEqual(connection.answer().status, 200)
            self.assertEqual(connection.ask("GET", "/healthz").status, 200)

    def test_a_body_whose_end_is_in_doubt_is_refused(self):
        table(self.server, "Smuggled")
        body = json.dumps({"csl": ".drop table Smuggled"})
        inner = request("POST", "/v1/rest/mgmt", body)
        for lines in [["Transfer-Encoding: chunked, chunked"], ["Transfer-Encoding: xchunked"],
                      ["Transfer-Encoding: chunked, gzip"], ["Transfer-Encoding: gzip"],
                      ["Transfer-Encoding: identity"], ["Transfer-Encoding:"],
                      ["Transfer-Encoding: gzip, chunked"], ["Transfer-Encoding: \"chunked\""],
                      ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
                      ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
                      ["Transfer-Encoding: chunked", "Content-Length: 5"],
                      ["Content-Length: 5", "Transfer-Encoding: chunked"],
                      ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5, 6"],
                      ["Content-Length: -1"], ["Content-Length: +5"]]:
            with Connection(self.server) as connection:
                head = "\r\n".join(["POST /v1/rest/query HTTP/1.1", "Host: localhost", *lines, "", ""])
                self.refused(connection, [400, 501], head.encode() + inner)
        with Connection(self.server) as connection:
            self.refused(connection, [400], b"POST /v1/rest/query HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + inner)
        self.assertEqual(rows(query(self.server, "Smuggled | count")), [[0]])

    def test_a_request_names_its_host_once(self):
        for lines in ["", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nhost: 127.0.0.1\r\n"]:
            with Connection(self.server) as connection:
                self.refused(connection, [400], f"GET /healthz HTTP/1.1\r\n{lines}\r\n")
        with Connection(self.server) as connection:
            self.refused(connection, [400], "GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n")

    def test_a_connection_that_waits_holds_no_body(self):
        before = resident_bytes(self.server)
        kept = [Connection(self.server) for _ in range(16)]
        for connection in kept:
            answer = connection.ask("POST", "/v2/rest/query", b"x" * (15 << 20))
            self.assertEqual(answer.status, 400)
        self.assertLess(resident_bytes(self.server) - before, 120 << 20)
        for connection in kept:
            self.assertEqual(connection.ask("GET", "/healthz").status, 200)
            connection.socket.close()

    def test_ids(self):
        answer = ask(self.server, "GET", "/healthz", headers=[("x-ms-client-request-id", "KPC.execute;ä 1")])
        self.assertEqual(answer.headers["x-ms-client-request-id"], "KPC.execute;ä 1")
        self.assertEqual(len(answer.headers["x-ms-activity-id"]), 36)
        answer = ask(self.server, "GET", "/healthz")
        self.assertRegex(answer.headers["x-ms-client-request-id"], "^unspecified;[0-9a-f-]{36}$")

    def test_head_has_no_body(self):
        with Connection(self.server) as connection:
            for _ in range(2):
                answer = connection.ask("HEAD", "/healthz")
                self.assertEqual((answer.status, answer.headers["content-length"]), (200, "3"))

    def test_half_a_request_is_no_request(self):
        target = table(self.server, "Half")
        with Connection(self.server) as connection:
            connection.send(request("POST", target, "x,1\ny,2\n")[:-2])
        self.assertEqual(rows(query(self.server, "Half | count")), [[0]])


class Answers(unittest.TestCase):
    def setUp(self):
        self.server = server()

    def test_large_answers_are_chunked_and_whole(self):
        text = "range x from 1 to 300000 step 1"
        answer = query(self.server, text)
        self.assertEqual(answer.headers["transfer-encoding"], "chunked")
        self.assertEqual([r[0] for r in rows(answer)], list(range(1, 300001)))
        packed = query(self.server, text, headers=[("Accept-Encoding", "gzip, deflate")])
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        packed.body = gzip.decompress(packed.body)
        self.assertEqual(rows(packed), rows(answer))

    def test_results_are_compressed_however_small(self):
        # Java's streaming query fails without the header.
        headers = [("Accept-Encoding", "gzip,deflate")]
        packed = query(self.server, "print 1", headers=headers)
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        packed.body = gzip.decompress(packed.body)
        self.assertEqual(rows(packed), [[1]])
        for target in ["/v1/rest/mgmt", "/v1/rest/query"]:
            packed = ask(self.server, "POST", target, '{"csl":".show version"}', headers)
            self.assertEqual(packed.headers["content-encoding"], "gzip")
            plain = gzip.decompress(packed.body)
            self.assertLess(len(plain), 1024)
            self.assertIn("Tables", json.loads(plain))

    def test_errors_are_not_compressed(self):
        # Java's streaming query reads them as they come.
        answer = query(self.server, "Nope" * 1000, headers=[("Accept-Encoding", "gzip")])
        self.assertEqual(answer.status, 400)
        self.assertGreater(len(answer.body), 4000)
        self.assertNotIn("content-encoding", answer.headers)

    def test_small_pages_are_not_compressed(self):
        tiny = ask(self.server, "GET", "/healthz", headers=[("Accept-Encoding", "gzip")])
        self.assertNotIn("content-encoding", tiny.headers)

    def test_http_1_0_gets_large_answers_until_the_end(self):
        body = json.dumps({"db": "", "csl": "range x from 1 to 50000 step 1"})
        with Connection(self.server) as connection:
            connection.send(f"POST /v2/rest/query HTTP/1.0\r\nContent-Type: application/json\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n{body}")
            answer = connection.answer()
            self.assertNotIn("transfer-encoding", answer.headers)
            self.assertEqual(len(rows(answer)), 50000)

    def test_a_slow_reader_gets_everything(self):
        body = json.dumps({"db": "", "csl": "range x from 1 to 2000000 step 1 | extend y = strcat('row ', x)",
                           "properties": {"Options": {"notruncation": True}}})
        with Connection(self.server) as connection:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            connection.send(request("POST", "/v2/rest/query", body))
            time.sleep(1)
            self.assertEqual(len(rows(connection.answer())), 2000000)


class Timeouts(unittest.TestCase):
    def setUp(self):
        self.server = server("--idle-timeout", "600ms", "--header-timeout", "600ms", "--body-timeout", "600ms",
                             "--write-timeout", "600ms")

    def test_an_idle_connection_is_closed(self):
        with Connection(self.server) as connection:
            self.assertEqual(connection.ask("GET", "/healthz").status, 200)
            self.assertTrue(connection.is_closed())

    def test_headers_must_come(self):
        with Connection(self.server) as connection:
            connection.send("GET / HTTP/1.1\r\nHost: ")
            self.assertTrue(connection.is_closed())

    def test_the_body_must_come(self):
        with Connection(self.server) as connection:
            connection.send(request("POST", "/v2/rest/query", "{123456789")[:-9])
            answer = connection.answer()
            self.assertEqual(answer.status, 408)
            self.assertFalse(answer.error()["@permanent"])
            self.assertTrue(connection.is_closed())

    def test_a_reader_that_stops_loses_its_query(self):
        body = json.dumps({"db": "", "csl": "range x from 1 to 3000000 step 1 | extend y = strcat('row ', x)",
                           "properties": {"Options": {"notruncation": True}}})
        with Connection(self.server) as connection:
            connection.send(request("POST", "/v2/rest/query", body))
            time.sleep(0.5)
            self.assertIn(b"range x", mgmt(self.server, ".show running queries").body)
            deadline = time.time() + 10
            while b"range x" in mgmt(self.server, ".show running queries").body and time.time() < deadline:
                time.sleep(0.1)
            self.assertLess(time.time(), deadline)


class TooMany(unittest.TestCase):
    def with_two_addresses(self):
        """What goes before a command so that localhost has two addresses for it, whatever it has on this machine."""
        file = tempfile.NamedTemporaryFile("w", prefix="rivulet-hosts-")
        self.addCleanup(file.close)
        file.write("127.0.0.1 localhost\n::1 localhost\n")
        file.flush()
        wrapper = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        wrapper += ["sh", "-c", f'mount --bind {file.name} /etc/hosts && exec "$0" "$@"']
        if subprocess.run([*wrapper, "true"], capture_output=True).returncode != 0:
            self.skipTest("this machine lets nobody have a file system of his own")
        return wrapper

    def test_an_address_that_somebody_else_has_is_named(self):
        wrapper = self.with_two_addresses()
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken, tempfile.TemporaryDirectory() as folder:
            port = taken.getsockname()[1]
            result = subprocess.run([*wrapper, BINARY, "serve", "--listen", f"localhost:{port}", "--data", folder + "/d"],
                                    capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"listen: [::1]:{port}: ", result.stderr)

    def test_every_address_is_listened_on_again_when_there_are_descriptors(self):
        hosts = ["127.0.0.1", "::1"]
        own = Server("--listen", "localhost:0", wrapper=self.with_two_addresses())
        waiting = []
        try:
            used = set(map(int, os.listdir(f"/proc/{own.process.pid}/fd")))
            first_free = min(set(range(len(used) + 1)) - used)
            limits = resource.prlimit(own.process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(own.process.pid, resource.RLIMIT_NOFILE, (first_free, limits[1]))
            # Each address has a connection that it cannot accept, at the same time.
            waiting = [socket.create_connection((host, own.port), timeout=10) for host in hosts]
            deadline = time.time() + 20
            while own.output().count("cannot accept connections") < len(hosts) and time.time() < deadline:
                time.sleep(0.05)
            self.assertEqual(own.output().count("cannot accept connections"), len(hosts))
            resource.prlimit(own.process.pid, resource.RLIMIT_NOFILE, limits)
            for connection in waiting:
                connection.sendall(request("GET", "/healthz"))
                self.assertIn(b"200 OK", connection.recv(1000))
        finally:
            for connection in waiting:
                connection.close()
            own.stop()

    def test_connections_beyond_the_limit_are_closed(self):
        small = server("--max-connections", "3")
        kept = [Connection(small) for _ in range(3)]
        for connection in kept:
            self.assertEqual(connection.ask("GET", "/healthz").status, 200)
        with Connection(small) as connection:
            self.assertTrue(connection.is_closed())
        for connection in kept:
            connection.socket.close()
        time.sleep(0.3)
        self.assertEqual(ask(small, "GET", "/healthz").status, 200)
