"""Streaming ingestion over the wire."""
import gzip
import json
import os
import subprocess
import threading
import unittest
import zlib

from harness import BINARY, Connection, Server, ask, chunked, metric, mgmt, query, request, rows, server, table

MIB = 1 << 20


class Ingestion(unittest.TestCase):
    def setUp(self):
        self.server = server()

    def count(self, name):
        return rows(query(self.server, f"{name} | count"))[0][0]

    def refused(self, answer, status, code):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.error()["code"], code)
        self.assertTrue(answer.error()["@permanent"])

    def test_the_answer(self):
        answer = ask(self.server, "POST", table(self.server, "Plain"), "x,1\ny,2\n")
        self.assertEqual(answer.status, 200)
        self.assertEqual(
            answer.body.decode(),
            '{"Tables":[{"TableName":"Table_0","Columns":['
            '{"ColumnName":"ConsumedRecordsCount","DataType":"Int64","ColumnType":"long"},'
            '{"ColumnName":"UpdatePolicyStatus","DataType":"String","ColumnType":"string"},'
            '{"ColumnName":"UpdatePolicyFailureCode","DataType":"String","ColumnType":"string"},'
            '{"ColumnName":"UpdatePolicyFailureReason","DataType":"String","ColumnType":"string"}],'
            '"Rows":[[2,"Inactive","Unknown",null]]}]}')
        self.assertEqual(rows(query(self.server, "Plain | order by B asc")), [["x", 1], ["y", 2]])

    def test_compressed_bodies(self):
        target = table(self.server, "Packed")
        body = b"x,1\ny,2\n"
        packed = gzip.compress(body)
        raw_deflate = zlib.compressobj(wbits=-15)
        for content, encoding in [(packed, "gzip"), (packed, None), (packed, "identity"),
                                  (packed + gzip.compress(b"z,3\n"), "gzip"), (body, "gzip"),
                                  (zlib.compress(body), "deflate"),
                                  (raw_deflate.compress(body) + raw_deflate.flush(), "deflate")]:
            headers = [("Content-Encoding", encoding)] if encoding else []
            answer = ask(self.server, "POST", target, content, headers)
            self.assertEqual(answer.status, 200, (encoding, answer.body))
        self.assertEqual(self.count("Packed"), 15)
        with Connection(self.server) as connection:
            connection.send(chunked("POST", target, [packed[:7], packed[7:]], [("Content-Encoding", "gzip")]))
            self.assertEqual(connection.answer().status, 200)

    def test_encodings_that_are_not_known_are_refused(self):
        target = table(self.server, "Brotli")
        for encoding in ["br", "zstd", "compress", "deflate, gzip"]:
            for content in [b"x,1\n", gzip.compress(b"x,1\n")]:
                self.refused(ask(self.server, "POST", target, content, [("Content-Encoding", encoding)]), 415,
                             "UnsupportedMediaType")
            answer = ask(self.server, "POST", "/v2/rest/query", '{"csl":"print 1"}', [("Content-Encoding", encoding)])
            self.refused(answer, 415, "UnsupportedMediaType")
        for encoding in ["x-gzip", "GZIP", "identity", ""]:
            answer = ask(self.server, "POST", target, gzip.compress(b"x,1\n"), [("Content-Encoding", encoding)])
            self.assertEqual(answer.status, 200)
        self.assertEqual(self.count("Brotli"), 4)

    def test_compressed_bodies_that_hold_nothing(self):
        target = table(self.server, "Hollow")
        empty = gzip.compress(b"", mtime=0)
        lie = gzip.compress(b"x,1\n")[:-4] + b"\xff\xff\xff\x7f"
        # The first on the connection's thread, the second on another; the whole would take minutes if each of the
        # members were given the room that the last one claims.
        for size in [8 << 10, 4 * MIB]:
            body = empty * ((size - len(lie)) // len(empty)) + lie
            self.refused(ask(self.server, "POST", target, body, [("Content-Encoding", "gzip")]), 400,
                         "BadRequest_InvalidArchive")
        body = empty * 100_000 + gzip.compress(b"x,1\n")
        self.assertEqual(ask(self.server, "POST", target, body).status, 200)
        self.assertEqual(self.count("Hollow"), 1)

    def test_a_small_body_that_becomes_a_large_one(self):
        target = table(self.server, "Swollen")
        body = gzip.compress(b"xxxxxxxxxxxxxxxxxxxxxxx,7\n" * 40_000)
        self.assertLess(len(body), 8 << 10)
        self.assertEqual(ask(self.server, "POST", target, body).status, 200)
        self.assertEqual(self.count("Swollen"), 40_000)

    def test_large_bodies_are_parsed_elsewhere(self):
        target = table(self.server, "Large")
        line = b"some text that fills the line,7\n"
        body = line * (3 * MIB // len(line))
        with Connection(self.server) as connection:
            for content in [body, gzip.compress(body)]:
                self.assertEqual(connection.ask("POST", target, content).status, 200)
        self.assertEqual(self.count("Large"), 2 * (len(body) // len(line)))

    def test_too_large(self):
        target = table(self.server, "TooLarge")
        body = b"x,1\n" * (MIB + 1)
        with Connection(self.server) as connection:
            self.refused(connection.ask("POST", target, body), 413, "PayloadTooLarge")
            connection.send(chunked("POST", target, [body[:MIB]] * 5))
            self.refused(connection.answer(), 413, "PayloadTooLarge")
            # The connection lives on: the bodies were read to their end.
            self.assertEqual(connection.ask("POST", target, "x,1\n").status, 200)
            bomb = gzip.compress(b"\0" * (256 * MIB))
            self.assertLess(len(bomb), MIB)
            self.refused(connection.ask("POST", target, bomb), 413, "PayloadTooLarge")
            # What counts against the limit of arrival is what arrives.
            self.assertEqual(connection.ask("POST", target, gzip.compress(body)).status, 200)
        with Connection(self.server) as connection:
            connection.send(f"POST {target} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {5 * MIB}\r\n\r\n")
            self.refused(connection.answer(), 413, "PayloadTooLarge")
        self.assertEqual(self.count("TooLarge"), 1 + MIB + 1)

    def test_uncompressed_limit(self):
        small = server("--ingestion-max-uncompressed-size", "1MiB")
        target = table(small, "Unpacked")
        for size, status in [(MIB, 200), (MIB + 4, 413)]:
            body = b"x,1\n" * (size // 4)
            self.assertEqual(ask(small, "POST", target, gzip.compress(body)).status, status)

    def test_damaged_bodies(self):
        target = table(self.server, "Damaged")
        packed = gzip.compress(b"x,1\n" * 1000)
        for content in [packed[:-9], packed[:20] + b"????" + packed[24:]]:
            answer = ask(self.server, "POST", target, content, [("Content-Encoding", "gzip")])
            self.assertEqual(answer.status, 400)
        self.refused(ask(self.server, "POST", target, ""), 400, "BadRequest_NoRecordsOrWrongFormat")
        self.refused(ask(self.server, "POST", target, "\n\n"), 400, "BadRequest_NoRecordsOrWrongFormat")
        self.assertEqual(ask(self.server, "POST", target, 'x,"1\n').status, 400)
        self.assertEqual(self.count("Damaged"), 0)

    def test_names(self):
        root = "/v1/rest/ingest"
        table(self.server, "Named")
        ok = [f"{root}/NetDefaultDB/Named?streamFormat=Csv", f"/{root}//NetDefaultDB/Named/?streamformat=CSV",
              f"{root}/NetDefaultDB/%4eamed?streamFormat=csv&unknown=1"]
        for target in ok:
            self.assertEqual(ask(self.server, "POST", target, "x,1\n").status, 200, target)
        self.assertEqual(self.count("Named"), 3)
        self.refused(ask(self.server, "POST", f"{root}/NetDefaultDB/Nope?streamFormat=csv", "x"), 400,
                     "BadRequest_TableNotExist")
        self.refused(ask(self.server, "POST", f"{root}/Nope/Named?streamFormat=csv", "x"), 400,
                     "BadRequest_DatabaseNotExist")
        self.refused(ask(self.server, "POST", f"{root}/NetDefaultDB/Named?streamFormat=docx", "x"), 400,
                     "BadRequest_FormatNotSupported")
        self.refused(ask(self.server, "POST", f"{root}/NetDefaultDB/Named?streamFormat=json&mappingName=m", "{}"),
                     400, "BadRequest_MappingReferenceWasNotFound")
        answer = ask(self.server, "POST", f"{root}/NetDefaultDB/Named?streamFormat=csv&sourceKind=uri",
                     '{"sourceUri":"http://x/y"}')
        self.refused(answer, 400, "General_BadRequest")
        self.assertIn("sourceKind=uri", answer.error()["@message"])

    def test_policies(self):
        target = table(self.server, "Policied")
        self.assertEqual(mgmt(self.server, ".alter table Policied policy streamingingestion disable").status, 200)
        self.refused(ask(self.server, "POST", target, "x,1\n"), 400, "BadRequest_StreamingIngestionPolicyNotEnabled")
        self.assertEqual(mgmt(self.server, ".alter table Policied policy streamingingestion enable").status, 200)
        self.assertEqual(ask(self.server, "POST", target, "x,1\n").status, 200)
        self.assertEqual(mgmt(self.server, ".delete table Policied policy streamingingestion").status, 200)
        self.assertEqual(ask(self.server, "POST", target, "x,1\n").status, 200)

    def test_mappings(self):
        table(self.server, "Mapped")
        mapping = '[{"column":"A","Properties":{"Path":"$.a.b"}},{"column":"B","Properties":{"Path":"$.n"}}]'
        self.assertEqual(
            mgmt(self.server, f".create table Mapped ingestion json mapping 'm' '{mapping}'").status, 200)
        target = "/v1/rest/ingest/NetDefaultDB/Mapped?streamFormat=MultiJson&mappingName=m"
        answer = ask(self.server, "POST", target, '[{"a":{"b":"x"},"n":1},\n{"a":{"b":"y"},"n":2}]')
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(rows(query(self.server, "Mapped | order by B asc")), [["x", 1], ["y", 2]])

    def test_a_schema_change_takes_effect_at_once(self):
        target = table(self.server, "Changing")
        with Connection(self.server) as connection:
            self.assertEqual(connection.ask("POST", target, "x,1\n").status, 200)
            mgmt(self.server, ".alter-merge table Changing (C:string)")
            self.assertEqual(connection.ask("POST", target, "y,2,new\n").status, 200)
        self.assertEqual(rows(query(self.server, "Changing | order by B asc")), [["x", 1, ""], ["y", 2, "new"]])

    def test_a_retry_stores_nothing_twice(self):
        target = table(self.server, "Retried")
        other = table(self.server, "RetriedOther")
        first = ask(self.server, "POST", target, "x,1\ny,2\n", [("Idempotency-Key", "a")])
        self.assertEqual(first.status, 200)
        again = ask(self.server, "POST", target, "x,1\ny,2\n", [("Idempotency-Key", "a")])
        self.assertEqual((again.status, again.body), (200, first.body))
        self.assertEqual(self.count("Retried"), 2)
        for headers in ([("Idempotency-Key", "b")], [], []):
            self.assertEqual(ask(self.server, "POST", target, "z,3\n", headers).status, 200)
        self.assertEqual(self.count("Retried"), 5)
        self.assertEqual(ask(self.server, "POST", other, "x,1\n", [("Idempotency-Key", "a")]).status, 200)
        self.assertEqual(self.count("RetriedOther"), 1)
        # What was refused may be sent again under its key.
        bad = ask(self.server, "POST", target.replace("csv", "json"), "{", [("Idempotency-Key", "c")])
        self.assertEqual(bad.status, 400)
        self.assertEqual(ask(self.server, "POST", target, "w,4\n", [("Idempotency-Key", "c")]).status, 200)
        self.assertEqual(self.count("Retried"), 6)

    def test_managed_clients_say_what_is_a_retry(self):
        target = table(self.server, "Managed")
        one, two = "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "6ba7b811-9dad-41d1-80b4-00c04fd430c8"
        for request_id in [f"KPC.executeManagedStreamingIngest;{one};0", f"KPC.executeManagedStreamingIngest;{one};1",
                           f"KJC.executeManagedStreamingIngest.ingestFromStream;{two};0",
                           f"KNC.executeManagedStreamingIngestFromStream;{two};3",
                           f"KPC.executeStreamingIngest;{one};0", f"KPC.executeStreamingIngest;{one};0",
                           "KPC.executeManagedStreamingIngest;;0", "KPC.executeManagedStreamingIngest;;0",
                           f"KPC.executeManagedStreamingIngest;{one}"]:
            answer = ask(self.server, "POST", target, "x,1\n", [("x-ms-client-request-id", request_id)])
            self.assertEqual(answer.status, 200)
        self.assertEqual(self.count("Managed"), 7)

    def test_only_a_guid_is_a_source_id(self):
        target = table(self.server, "Sourceless")
        zeros = "00000000-0000-0000-0000-000000000000"
        for source in ["null", "None", "undefined", "s1", zeros, zeros.replace("-", "")]:
            for body in ["x,1\n", "y,2\n", "y,2\n"]:
                request_id = f"KJC.executeManagedStreamingIngest.ingestFromBlob;{source};0"
                answer = ask(self.server, "POST", target, body, [("x-ms-client-request-id", request_id)])
                self.assertEqual(answer.status, 200)
        self.assertEqual(self.count("Sourceless"), 18)

    def test_a_retry_key_with_another_body_is_refused(self):
        target = table(self.server, "Reused")
        source = "6ba7b812-9dad-41d1-80b4-00c04fd430c8"
        managed = ("x-ms-client-request-id", f"KPC.executeManagedStreamingIngest;{source};0")
        for header in [("Idempotency-Key", "a"), managed]:
            self.assertEqual(ask(self.server, "POST", target, "x,1\n", [header]).status, 200)
            # Another body, and the same body in another format.
            for body, url in [("y,2\n", target), ("x,1\n", target.replace("csv", "tsv"))]:
                refused = ask(self.server, "POST", url, body, [header])
                self.assertEqual(refused.status, 409)
                error = refused.json()["error"]
                self.assertEqual((error["code"], error["@permanent"]), ("Conflict", True))
                self.assertIn("retry key", error["@message"])
            # The body counts as it is, not as it was compressed.
            packed = ask(self.server, "POST", target, gzip.compress(b"x,1\n"), [header, ("Content-Encoding", "gzip")])
            self.assertEqual(packed.status, 200)
        self.assertEqual(rows(query(self.server, "Reused")), [["x", 1], ["x", 1]])

    def test_statistics(self):
        target = table(self.server, "Counted")
        ask(self.server, "POST", target, "x,1\ny,2\n")
        ask(self.server, "POST", target.replace("csv", "nope"), "x,1\n")
        answer = mgmt(self.server, ".show streamingingestion statistics")
        statistics = [r for r in answer.json()["Tables"][0]["Rows"] if r[1] == "Counted"]
        self.assertEqual(sorted(r[11] for r in statistics), [0, 2])
        answer = mgmt(self.server, ".show streamingingestion failures")
        failures = [r for r in answer.json()["Tables"][0]["Rows"] if r[1] == "Counted"]
        self.assertEqual([r[9] for r in failures], ["BadRequest_FormatNotSupported"])

    def test_acknowledged_rows_are_visible(self):
        target = table(self.server, "Seen")
        misses = 0
        with Connection(self.server) as writer, Connection(self.server) as reader:
            for i in range(100):
                self.assertEqual(writer.ask("POST", target, f"x,{i}\n").status, 200)
                body = json.dumps({"db": "", "csl": f"Seen | where B == {i} | count"})
                misses += rows(reader.ask("POST", "/v2/rest/query", body)) != [[1]]
        self.assertEqual(misses, 0)


class DataDirectory(unittest.TestCase):
    def test_nothing_is_stored_while_it_is_elsewhere(self):
        own = Server()
        self.addCleanup(own.stop)
        target = table(own, "Moved")
        self.assertEqual(ask(own, "POST", target, "a,1\n").status, 200)
        data, elsewhere = (os.path.join(own.folder, name) for name in ("data", "elsewhere"))
        os.rename(data, elsewhere)
        refused = ask(own, "POST", target, "b,2\n")
        self.assertEqual(refused.status, 503)
        self.assertFalse(refused.json()["error"]["@permanent"])
        self.assertIn(data, refused.json()["error"]["@message"])
        self.assertEqual(mgmt(own, ".create table Other (A:long)").status, 503)
        self.assertFalse(os.path.exists(data))
        self.assertEqual(rows(query(own, "Moved | count")), [[1]])
        os.rename(elsewhere, data)
        self.assertEqual(ask(own, "POST", target, "b,2\n").status, 200)
        self.assertEqual(rows(query(own, "Moved | count")), [[2]])

    def test_a_removed_lock_lets_no_second_server_in(self):
        own = Server()
        self.addCleanup(own.stop)
        data = os.path.join(own.folder, "data")
        os.remove(os.path.join(data, "LOCK"))
        second = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--data", data],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(second.returncode, 1)
        self.assertIn("is in use by process", second.stderr)


class Overload(unittest.TestCase):
    def test_more_than_the_queue_holds_is_throttled(self):
        small = server("--ingestion-concurrency", "1", "--ingestion-threads", "1", "--ingestion-queue", "1")
        target = table(small, "Flood")
        body = b"x" * 1000 + b",1\n"
        data = request("POST", target, body * (3 * MIB // len(body)))
        statuses = []

        def send():
            with Connection(small) as connection:
                connection.send(data)
                answer = connection.answer()
                statuses.append(answer.status)
                if answer.status == 429:
                    self.assertFalse(answer.error()["@permanent"])
                    self.assertIn("retry-after", answer.headers)

        threads = [threading.Thread(target=send) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses), {200, 429})
        self.assertEqual(rows(query(small, "Flood | count"))[0][0],
                         statuses.count(200) * (3 * MIB // len(body)))

    def test_memory_is_bounded(self):
        small = server("--request-memory", "1MiB")
        target = table(small, "Memory")
        # Alone more than all requests may hold together: no retry can help.
        answer = ask(small, "POST", target, b"x,1\n" * (MIB // 2))
        self.assertEqual((answer.status, answer.error()["@permanent"]), (413, True))
        packed = gzip.compress(b"x,1\n" * (MIB // 2))
        self.assertLess(len(packed), 64 << 10)
        for _ in range(3):
            self.assertEqual(ask(small, "POST", target, packed).status, 413)
        # Rows of short records take more than their text.
        self.assertEqual(ask(small, "POST", target, b"x\n" * (MIB // 8)).status, 413)
        self.assertEqual(ask(small, "POST", target, gzip.compress(b"x,1\n" * (MIB // 64))).status, 200)
        # Another request holds a part of it for now; the rows take as much as their text.
        small = server("--request-memory", "2MiB")
        target = table(small, "Memory")
        body = (b"x" * 97 + b",1\n") * 8000
        data = request("POST", target, body)
        with Connection(small) as holder, Connection(small) as other:
            holder.send(data[:-1])
            while metric(small, "rivulet_request_bytes") < len(body) - 1:
                pass  # it has not all arrived yet
            answer = other.ask("POST", target, body)
            self.assertEqual((answer.status, answer.error()["@permanent"]), (429, False))
            # With the next request of its connection, what the refused one held is free again.
            self.assertEqual(other.ask("POST", target, b"x,1\n").status, 200)
            holder.send(data[-1:])
            self.assertEqual(holder.answer().status, 200)
            while metric(small, "rivulet_request_bytes") > 0:
                pass  # the server frees it when the answer is under way
            self.assertEqual(other.ask("POST", target, body).status, 200)

    def test_streaming_can_be_switched_off(self):
        off = server("--streaming-ingestion", "false")
        answer = ask(off, "POST", table(off, "Off"), "x,1\n")
        self.assertEqual((answer.status, answer.error()["code"]),
                         (404, "NotFound_StreamingIngestionDisabledForCluster"))
