"""What the tests share: one broker, servers with chosen settings, and short forms of what is done with both."""
import http.client
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

from broker import Broker
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BINARY = os.environ.get("RIVULET_BINARY", "build/rivulet")
DATABASE = "NetDefaultDB"
PATIENCE = 120  # seconds until a test gives up; nothing is decided by a shorter time

_numbers = itertools.count(1)
_shared = {}


def broker():
    """One for all tests that leave it alone."""
    if "broker" not in _shared:
        _shared["broker"] = Broker()
    return _shared["broker"]


def server():
    """One for all tests that leave it alone. Its secrets: ca.pem, the variable RIVULET_SECRET_HUB, and what the tests
    write into its folder."""
    if "server" not in _shared:
        _shared["server"] = Server(RIVULET_SECRET_HUB=broker().namespace_connection_string)
        shutil.copy(broker().certificate, os.path.join(_shared["server"].secrets, "ca.pem"))
    return _shared["server"]


def stop_all():
    for name in ("server", "broker"):
        if name in _shared:
            _shared.pop(name).close()


def eventually(ask, wanted, what=""):
    """Asks until the answer is `wanted`, or until wanted(answer), and gives it."""
    is_good = wanted if callable(wanted) else lambda answer: answer == wanted
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if is_good(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: after {PATIENCE} s it is {str(answer)[:2000]}"
                                 + ("" if callable(wanted) else f", not {str(wanted)[:2000]}"))
        time.sleep(0.02)  # polls; nothing is decided by the length of it


class Refused(Exception):
    """The server answered with an error."""


class Server:
    """The program over a data folder that outlives its runs."""

    def __init__(self, copy_of=None, **environment):
        """`copy_of`: a server that is stopped, whose data this one begins with."""
        self.folder = tempfile.mkdtemp(prefix="rivulet-kafka-server-")
        self.secrets = os.path.join(self.folder, "secrets")
        os.mkdir(self.secrets)
        if copy_of:
            shutil.copytree(os.path.join(copy_of.folder, "data"), os.path.join(self.folder, "data"))
        self.environment = environment
        self.process = None
        self.start()

    def start(self):
        port_file = os.path.join(self.folder, "port")
        if os.path.exists(port_file):
            os.remove(port_file)
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--listen", "127.0.0.1:0", "--data", os.path.join(self.folder, "data"),
                 "--port-file", port_file, "--secrets", self.secrets],
                env=dict(os.environ, **self.environment), stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not (os.path.exists(port_file) and os.path.getsize(port_file)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start: " + self.log()[-3000:])
            time.sleep(0.01)
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise AssertionError(f"SIGTERM ended with {self.process.returncode}: " + self.log()[-3000:])

    def close(self):
        """Ends it, and removes its data."""
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def _ask(self, path, text, database):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            body = {"db": database, "csl": text, "properties": {"Options": {"notruncation": True}}}
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise Refused(answer["error"]["@message"])
        return answer

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=PATIENCE) as answer:
            return answer.read().decode()

    def command(self, text, database=DATABASE):
        """The rows of its first table, as dictionaries."""
        table = self._ask("/v1/rest/mgmt", text, database)["Tables"][0]
        names = [column["ColumnName"] for column in table["Columns"]]
        return [dict(zip(names, row)) for row in table["Rows"]]

    def rows(self, query, database=DATABASE):
        return next(frame["Rows"] for frame in self._ask("/v2/rest/query", query, database)
                    if frame.get("TableKind") == "PrimaryResult")

    def count(self, table):
        return self.rows(f"{table} | count")[0][0]

    def connection(self, name):
        """What is shown of a data connection."""
        return self.command(f".show data-connection {name}")[0]

    def await_rows(self, query, rows):
        return eventually(lambda: self.rows(query), rows, query)

    def await_read(self, name):
        """Until the connection has read everything that was sent before this call."""
        # The lag is known once a second; that it is 0 says something only of the end that is known.
        ends = topic_ends(self.connection(name)["Settings"]["topic"])

        def is_read(partitions):
            offsets = {p["Partition"]: p["NextOffset"] for p in partitions}
            return all((offsets.get(number) or 0) >= end for number, end in ends.items() if end > 0)
        eventually(lambda: self.command(f".show data-connection {name} details"), is_read, f"{name} reads all")

    def await_state(self, name, state):
        return eventually(lambda: self.connection(name), lambda shown: shown["State"] == state, f"{name} is {state}")


def new_name(kind):
    """A name that no other test has."""
    return f"{kind}{next(_numbers)}"


def as_properties(given):
    """What stands behind `with` in a command."""
    return ", ".join(f"{name}={json.dumps(value)}" if isinstance(value, (bool, int)) else f"{name}='{value}'"
                     for name, value in given.items())


def client_settings(**more):
    return {"bootstrap.servers": broker().plain, "log_level": 0, **more}


def create_topic(name, partitions=1):
    admin = AdminClient(client_settings())
    (result,) = admin.create_topics([NewTopic(name, partitions, 1)]).values()
    result.result(PATIENCE)
    return name


def new_topic(partitions=1):
    return create_topic(new_name("topic-"), partitions)


def producer(**more):
    return Producer(client_settings(**{"linger.ms": 5, "enable.idempotence": True, **more}))


def members(group):
    """Those of a consumer group."""
    admin = AdminClient(client_settings())
    (description,) = admin.describe_consumer_groups([group]).values()
    return description.result(PATIENCE).members


def send(topic, *events, **settings):
    """Each a body, or a dictionary of produce()'s arguments; returns when the broker has them."""
    sender = producer(**settings)
    for event in events:
        sender.produce(topic, **(event if isinstance(event, dict) else {"value": event}))
    if sender.flush(PATIENCE) != 0:
        raise AssertionError("events did not reach the broker")


def _reader():
    return Consumer(client_settings(**{"group.id": "harness", "enable.auto.commit": False,
                                       "isolation.level": "read_committed", "enable.partition.eof": True}))


def topic_ends(topic):
    """Partition to the offset behind its last record."""
    reader = _reader()
    try:
        return {number: reader.get_watermark_offsets(TopicPartition(topic, number), timeout=PATIENCE)[1]
                for number in reader.list_topics(topic, timeout=PATIENCE).topics[topic].partitions}
    finally:
        reader.close()


def topic_content(topic):
    """Every event that the broker holds: (partition, offset) to the message."""
    reader = _reader()
    try:
        ends = topic_ends(topic)
        reader.assign([TopicPartition(topic, number, 0) for number in ends])
        content = {}
        unread = {number for number, end in ends.items() if end > 0}
        while unread:
            for message in reader.consume(10000, timeout=1):
                if message.error() is None:
                    content[message.partition(), message.offset()] = message
                elif message.offset() >= ends[message.partition()]:
                    unread.discard(message.partition())
        return content
    finally:
        reader.close()
