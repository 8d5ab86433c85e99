"""What happens between two requests, and below them."""
import gzip
import json
import socket
import time
import unittest

from harness import Connection, ask, chunked, mgmt, query, request, rows, server, table


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
            connection.send("POST /nowhere HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
            self.assertEqual(connection.answer().status, 404)
            self.assertTrue(connection.is_closed())

    def test_malformed_http(self):
        for data in [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00"]:
            with Connection(self.server) as connection:
                connection.send(data)
                answer = connection.answer()
                self.assertEqual(answer.status, 400, data)
                self.assertTrue(answer.error()["@permanent"])
                self.assertTrue(connection.is_closed())

    def test_large_headers(self):
        with Connection(self.server) as connection:
            connection.send("GET / HTTP/1.1\r\nx: " + "y" * 40_000 + "\r\n\r\n")
            self.assertEqual(connection.answer().status, 431)
            self.assertTrue(connection.is_closed())

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

    def test_small_answers_are_compressed_from_a_kibibyte(self):
        packed = query(self.server, "print 1", headers=[("Accept-Encoding", "gzip")])
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        packed.body = gzip.decompress(packed.body)
        self.assertEqual(rows(packed), [[1]])
        tiny = ask(self.server, "GET", "/healthz", headers=[("Accept-Encoding", "gzip")])
        self.assertNotIn("content-encoding", tiny.headers)

    def test_http_1_0_gets_large_answers_until_the_end(self):
        body = json.dumps({"db": "", "csl": "range x from 1 to 50000 step 1"})
        with Connection(self.server) as connection:
            connection.send(f"POST /v2/rest/query HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}")
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
            connection.send("POST /v2/rest/query HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
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
