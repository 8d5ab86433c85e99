#!/usr/bin/env python3
"""An Apache Kafka broker of its own, on loopback, with its data in a folder that goes with it.

    tests/kafka/broker.py [COMMAND…]

Runs COMMAND with KAFKA_BROKERS=host:port in its environment, or, without one, prints the address and stays
until Ctrl-C. Needs Java, and what scripts/fetch_kafka.sh provides.
"""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _free_ports(count):
    """Ports of loopback that nobody has, below those that the system gives to outgoing connections: a broker that
    is killed must find its own again."""
    first = random.randrange(20000, 28000)
    found = []
    for port in range(first, first + 2000):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")


class Broker:
    """One broker in KRaft mode, which is its own controller. `plain` is the address of a listener without
    credentials. Two more are as Event Hubs has them: TLS with a certificate that `certificate`, a file, makes
    trusted, SASL PLAIN, and the user "$ConnectionString" with one password: at one of them
    `namespace_connection_string`, at the other `hub_connection_string`, whose EntityPath is "hub"."""

    def __init__(self, heap="512m"):
        self.folder = tempfile.mkdtemp(prefix="rivulet-kafka-")
        self.heap = heap
        self.process = None
        plain_port, namespace_port, hub_port, controller_port = _free_ports(4)
        self.plain = f"127.0.0.1:{plain_port}"
        self.namespace_connection_string = (
            f"Endpoint=sb://localhost:{namespace_port}/;SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=c2VjcmV0IG9mIHRoZSB0ZXN0cw==")
        self.hub_connection_string = self.namespace_connection_string.replace(
            str(namespace_port), str(hub_port)) + ";EntityPath=hub"
        self.certificate = os.path.join(self.folder, "certificate.pem")
        self._make_certificate()
        self._jars = subprocess.run([ROOT / "scripts" / "fetch_kafka.sh"], check=True, stdout=subprocess.PIPE,
                                    text=True).stdout.strip()
        self._properties = os.path.join(self.folder, "server.properties")
        login = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_$ConnectionString="{}";'.format
        with open(self._properties, "w", encoding="ascii") as out:
            out.write(f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAIN:PLAINTEXT,NAMESPACE:SASL_SSL,HUB:SASL_SSL,CONTROLLER:PLAINTEXT
listeners=PLAIN://{self.plain},NAMESPACE://127.0.0.1:{namespace_port},HUB://127.0.0.1:{hub_port},\
CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAIN://{self.plain},NAMESPACE://localhost:{namespace_port},HUB://localhost:{hub_port}
inter.broker.listener.name=PLAIN
sasl.enabled.mechanisms=PLAIN
ssl.keystore.type=PEM
ssl.keystore.location={self.folder}/keystore.pem
listener.name.namespace.plain.sasl.jaas.config={login(self.namespace_connection_string)}
listener.name.hub.plain.sasl.jaas.config={login(self.hub_connection_string)}
log.dirs={self.folder}/data
auto.create.topics.enable=false
num.io.threads=2
num.network.threads=2
log.cleaner.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
""")
        self.process = self._java("kafka.tools.StorageTool", "format", "--cluster-id", "cml2dWxldC10ZXN0cy0tLQ", "--config",
                                  self._properties)
        self.process.wait()
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def _make_certificate(self):
        key = os.path.join(self.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", self.certificate],
                       check=True, stderr=subprocess.DEVNULL)
        with open(os.path.join(self.folder, "keystore.pem"), "w", encoding="ascii") as out:
            for part in (key, self.certificate):
                out.write(pathlib.Path(part).read_text("ascii"))

    def _java(self, main, *arguments):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            # A session of its own: Ctrl-C is for the caller, who then stops it.
            return subprocess.Popen(
                ["java", f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                 "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info", "-cp", f"{self._jars}/*", main,
                 *arguments], stdout=log, stderr=log, start_new_session=True)

    def log(self):
        return pathlib.Path(self.folder, "log").read_text("utf-8", errors="replace")

    def start(self):
        """On the data of the run before; returns when it serves."""
        before = self.log().count("Kafka Server started")
        self.process = self._java("kafka.Kafka", self._properties)
        deadline = time.monotonic() + 120
        while self.log().count("Kafka Server started") == before:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the broker did not start: " + self.log()[-3000:])
            time.sleep(0.05)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        """Ends it, and removes its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    broker = Broker(heap="1g")
    try:
        if len(sys.argv) > 1:
            return subprocess.run(sys.argv[1:], env=dict(os.environ, KAFKA_BROKERS=broker.plain), check=False).returncode
        print(broker.plain, flush=True)
        broker.process.wait()
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        broker.close()


if __name__ == "__main__":
    sys.exit(main())
