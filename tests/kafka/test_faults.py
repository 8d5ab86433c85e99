"""What no crash, no absence of the broker and no change of the group's members may do: lose an event, or store one
twice. Every event that the broker holds at the end is compared with the rows, by partition and offset."""
import json
import os
import random
import shutil
import threading
import time
import unittest
import unittest.mock

from broker import Broker
from confluent_kafka import Consumer, KafkaError
from harness import (Server, as_properties, broker, client_settings, eventually, members, new_topic, producer, send,
                     topic_content)
import harness

TABLES = 20
KILLS = int(os.environ.get("RIVULET_KAFKA_KILLS", "20"))
# The log is small, so that kills also meet checkpoints and sealing.
SMALL = {"RIVULET_LOG_SEGMENT_SIZE": "1 MiB", "RIVULET_LOG_LIMIT": "4 MiB", "RIVULET_SEAL_ROWS": "2000",
         "RIVULET_SEAL_MIN_ROWS": "500", "RIVULET_SEAL_AGE": "1s"}
COLUMNS = "(N:long, ['kafka-partition']:int, ['x-opt-offset']:long, Text:string)"


def connect(server, topic, name="Stream", group=None):
    """Tables Stream0, Stream1, …, and a connection that feeds them by routing."""
    server.command(".create tables " + ", ".join(f"{name}{i} {COLUMNS}" for i in range(TABLES)))
    properties = {"topic": topic, "format": "json", "retrievalStartDate": "earliest", "consumerGroup": group or name,
                  "routing": True, "eventSystemProperties": "kafka-partition,x-opt-offset",
                  "deadLetterTable": name + "Dead", "maxBatchBytes": 65536}
    server.command(f".create data-connection {name} kind=kafka ('{broker().plain}') with ({as_properties(properties)})")


class Stream(threading.Thread):
    """Sends numbered events to a topic until it is told to end: each for one of the tables, now and then one that
    cannot be ingested."""

    def __init__(self, topic, partitions, seed, name="Stream", rate=2000):
        super().__init__()
        self.topic, self.partitions, self.prefix, self.rate = topic, partitions, name, rate
        self.choose = random.Random(seed)
        self.ending = threading.Event()
        self.unsent = None
        self.sent = 0
        self.start()

    def run(self):
        # What is sent while the broker is away waits here.
        sender = producer(**{"queue.buffering.max.messages": 1_000_000})
        while not self.ending.is_set():
            begin = time.monotonic()
            for _ in range(self.choose.choice([1, 10, 50, self.rate // 10])):
                table = f"{self.prefix}{self.choose.randrange(TABLES)}"
                body = json.dumps({"N": self.sent, "Text": "x" * self.choose.choice([0, 10, 500])})
                sender.produce(self.topic, body[:-2] if self.choose.random() < 0.02 else body,
                               partition=self.choose.randrange(self.partitions), headers={"Table": table})
                self.sent += 1
            sender.poll(0)
            self.ending.wait(max(0, begin + 0.03 - time.monotonic()))  # the rate of the stream, no synchronisation
        self.unsent = sender.flush(harness.PATIENCE)

    def end(self):
        self.ending.set()
        self.join()
        if self.unsent:
            raise AssertionError(f"{self.unsent} events did not reach the broker")


def stored(server, name="Stream"):
    """Each row as (partition, offset, table, number), of good events and of bad ones."""
    rows = server.rows(f"union withsource=T {name}0, {', '.join(f'{name}{i}' for i in range(1, TABLES))} "
                       "| project ['kafka-partition'], ['x-opt-offset'], T, N")
    dead = server.rows(f"{name}Dead | project Partition, Offset, 'dead', toint(-1)")
    return [tuple(row) for row in rows + dead]


def held(topic):
    """The same of what the broker holds."""
    events = set()
    for (partition, offset), message in topic_content(topic).items():
        try:
            number = json.loads(message.value())["N"]
        except ValueError:
            events.add((partition, offset, "dead", -1))
        else:
            events.add((partition, offset, dict(message.headers())["Table"].decode(), number))
    return events


def row_count(server, name="Stream"):
    return server.rows(f"union {name}Dead, {', '.join(f'{name}{i}' for i in range(TABLES))} | count")[0][0]


class Exactly(unittest.TestCase):
    def compare(self, topic, *servers, name="Stream"):
        """Waits until the servers have so many rows as the broker has events, then compares them."""
        events = held(topic)
        eventually(lambda: sum(row_count(server, name) for server in servers), lambda rows: rows >= len(events),
                   f"rows of {len(events)} events")
        for server in servers:
            eventually(lambda: server.connection(name)["Lag"], lambda lag: lag in (0, None), "lag")
        rows = [row for server in servers for row in stored(server, name)]
        self.assertGreater(len(events), 0)
        self.assertEqual(sorted(set(rows) - events)[:5], [], "rows that the broker knows nothing of")
        self.assertEqual(sorted(events - set(rows))[:5], [], "events that are lost")
        self.assertEqual(len(rows), len(set(rows)), "events that are stored twice")
        return len(events)

    def test_kills_in_mid_stream(self):
        seed = random.SystemRandom().randrange(1 << 32)
        choose = random.Random(seed)
        topic, partitions = new_topic(8), 8
        server = Server(**SMALL)
        self.addCleanup(server.close)
        connect(server, topic)
        stream = Stream(topic, partitions, seed)
        self.addCleanup(stream.end)
        # A kill in the middle of the very first join makes the broker wait for that member, for half a minute.
        before, rounds_with_rows = eventually(lambda: row_count(server), lambda rows: rows > 0, "the first rows"), 0
        for _ in range(KILLS):
            time.sleep(choose.uniform(0.1, 1.5))  # the moment of the kill, not a synchronisation
            server.kill()
            server.start()
            now = row_count(server)
            rounds_with_rows += now > before
            before = now
        stream.end()
        events = self.compare(topic, server)
        print(f"seed {seed}: {events} events, {KILLS} kills, {rounds_with_rows} after new rows ... ", end="", flush=True)
        self.assertGreater(rounds_with_rows, KILLS // 3, "kills met no rows: the test has shown little")

    def test_two_servers_share_a_topic(self):
        topic, partitions = new_topic(6), 6
        servers = [Server(**SMALL) for _ in range(2)]
        for server in servers:
            self.addCleanup(server.close)
            connect(server, topic, group="shared")
        stream = Stream(topic, partitions, 1)
        self.addCleanup(stream.end)
        first, second = servers

        def partitions_of(server):
            return {row["Partition"] for row in server.command(".show data-connection Stream details")}

        def await_shared():
            for server in servers:
                eventually(lambda: len(partitions_of(server)), 3, "partitions of a server")
            eventually(lambda: partitions_of(first) | partitions_of(second), set(range(6)), "partitions of both")

        def await_rows(server):
            before = row_count(server)
            eventually(lambda: row_count(server), lambda rows: rows > before + 100, "rows")

        await_shared()
        for server in servers:
            await_rows(server)
        # In good order: the other takes over what the first had.
        first.command(".disable data-connection Stream")
        eventually(lambda: partitions_of(second), set(range(6)), "partitions of the second")
        await_rows(second)
        first.command(".enable data-connection Stream")
        await_shared()
        await_rows(first)
        # Stopped and started: its partitions wait for it.
        first.stop()
        await_rows(second)
        first.start()
        await_rows(first)
        # Killed and started: the same.
        second.kill()
        await_rows(first)
        second.start()
        await_rows(second)
        first.kill()
        second.kill()
        first.start()
        second.start()
        for server in servers:
            await_rows(server)
        stream.end()
        self.compare(topic, *servers)

    def test_what_a_connection_waits_for_is_shown(self):
        topic = new_topic()
        killed, server = Server(**SMALL), Server(**SMALL)
        self.addCleanup(server.close)
        self.addCleanup(killed.close)
        connect(killed, topic, group="left")
        self.assertEqual(killed.await_state("Stream", "Running")["StateReason"], "")
        killed.kill()
        connect(server, topic, group="left")
        shown = server.await_state("Stream", "Connecting")
        self.assertRegex(shown["StateReason"], "'left'.* 30 s")

    def test_two_servers_with_copies_of_one_data_directory(self):
        topic = new_topic(3)
        first = Server(**SMALL)
        self.addCleanup(first.close)
        connect(first, topic)
        send(topic, *({"value": json.dumps({"N": i}), "partition": i % 3, "headers": {"Table": "Stream0"}}
                      for i in range(100)))
        eventually(lambda: row_count(first), 100, "rows")
        first.stop()
        second = Server(copy_of=first, **SMALL)
        self.addCleanup(second.close)
        second.await_state("Stream", "Running")
        first.start()
        # The later one reads, and the earlier one waits for it to leave.
        shown = second.await_state("Stream", "Failed")
        self.assertIn("Another server", shown["LastError"])
        first.await_state("Stream", "Running")
        send(topic, *({"value": json.dumps({"N": i}), "partition": i % 3, "headers": {"Table": "Stream1"}}
                      for i in range(50)))
        eventually(lambda: row_count(first), 150, "rows of the later")
        self.assertEqual(second.connection("Stream")["State"], "Failed")
        first.command(".disable data-connection Stream")
        second.await_state("Stream", "Running")
        send(topic, *({"value": json.dumps({"N": i}), "partition": i % 3, "headers": {"Table": "Stream2"}}
                      for i in range(30)))
        eventually(lambda: row_count(second), 130, "rows of the earlier")
        self.assertEqual(row_count(first), 150)

    def test_a_data_directory_that_is_restored_from_an_older_copy(self):
        """The group remembers more than the store: it waits, says both offsets, and reads again what was lost."""
        topic = new_topic()
        server = Server(**SMALL)
        self.addCleanup(server.close)
        server.command(".create table Restored (N:long)")
        server.command(f".create data-connection Own kind=kafka ('{broker().plain}') with ("
                       + as_properties({"topic": topic, "table": "Restored", "format": "json",
                                        "retrievalStartDate": "earliest"}) + ")")
        data, copy = (os.path.join(server.folder, name) for name in ("data", "copy"))
        for first in (0, 10):
            send(topic, *({"value": json.dumps({"N": i})} for i in range(first, first + 10)))
            server.await_rows("Restored | count", [[first + 10]])
            server.stop()
            if first == 0:
                shutil.copytree(data, copy)
                server.start()
        shutil.rmtree(data)
        os.rename(copy, data)
        server.start()
        shown = server.await_state("Own", "Holding")
        self.assertRegex(shown["StateReason"], "at offset 20, but this store at 10.*onGroupAhead='read'")
        (partition,) = server.command(".show data-connection Own details")
        self.assertEqual((partition["NextOffset"], partition["GroupOffset"], partition["State"]), (10, 20, "Waiting"))
        server.command(".alter data-connection Own with (onGroupAhead='read')")
        server.await_rows("Restored | summarize count(), dcount(N), max(N)", [[20, 20, 19]])
        server.await_state("Own", "Running")

    def test_fenced_by_a_member_of_its_own(self):
        """As after a rejoin of which the broker heard twice: it joins again, and does not wait for itself."""
        topic = new_topic()
        server = Server(**SMALL)
        self.addCleanup(server.close)
        connect(server, topic)
        server.await_state("Stream", "Running")
        (member,) = members("Stream")
        twin = Consumer(client_settings(**{"group.id": "Stream", "group.instance.id": member.group_instance_id,
                                           "client.id": member.client_id, "session.timeout.ms": 60000}))
        self.addCleanup(twin.close)
        twin.subscribe([topic])
        # It is the twin's, until the server takes it back and the twin hears of that.
        def is_fenced():
            message = twin.poll(0.1)
            return message is not None and message.error() is not None and message.error().code() == KafkaError._FATAL
        eventually(is_fenced, True, "the twin is fenced")
        send(topic, {"value": json.dumps({"N": 1}), "headers": {"Table": "Stream0"}})
        eventually(lambda: row_count(server), 1, "rows")
        server.await_state("Stream", "Running")

    def test_broker_goes_away_and_comes_back(self):
        own = Broker()
        self.addCleanup(own.close)
        replaced = unittest.mock.patch.dict(harness._shared, broker=own)
        replaced.start()
        self.addCleanup(replaced.stop)
        topic = new_topic(3)
        server = Server(**SMALL)
        self.addCleanup(server.close)
        connect(server, topic)
        stream = Stream(topic, 3, 2)
        self.addCleanup(stream.end)
        eventually(lambda: row_count(server), lambda rows: rows > 1000, "rows")
        for _ in range(2):
            own.kill()
            shown = server.await_state("Stream", "Disconnected")
            self.assertNotEqual(shown["LastError"], "")
            before = row_count(server)
            own.start()
            eventually(lambda: row_count(server), lambda rows: rows > before, "rows after the broker is back")
            server.await_state("Stream", "Running")
        # Both at once, and the server first.
        own.kill()
        server.kill()
        server.start()
        server.await_state("Stream", "Disconnected")
        own.start()
        server.await_state("Stream", "Running")
        stream.end()
        self.compare(topic, server)
