"""A server of its own for the tests, and a table of its own for each test that wants one."""

import itertools
import os
import pathlib
import subprocess
import time

import pytest
from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder
from azure.kusto.ingest import KustoStreamingIngestClient, ManagedStreamingIngestClient

ROOT = pathlib.Path(__file__).resolve().parents[3]
DATABASE = "Clients"


class Server:
    """build/rivulet on a free port of localhost, without credentials."""

    def __init__(self, folder):
        binary = os.environ.get("RIVULET_BINARY", str(ROOT / "build" / "rivulet"))
        port_file = folder / "port"
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--data", str(folder / "data"), "--port-file", str(port_file)],
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().strip()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start: " + (folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.05)
        self.port = int(port_file.read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()


@pytest.fixture(scope="session")
def server_url(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture(scope="session")
def client(server_url):
    with KustoClient(server_url) as client:
        client.execute("NetDefaultDB", f".create database {DATABASE} ifnotexists")
        yield client


class Database:
    """Short forms of what most tests do: commands and queries in one database, rows as lists."""

    name = DATABASE

    def __init__(self, client):
        self.client = client
        self._numbers = itertools.count(1)

    def execute(self, text, **options):
        properties = ClientRequestProperties()
        for name, value in options.items():
            properties.set_option(name, value)
        return self.client.execute(self.name, text, properties)

    def rows(self, text, **options):
        return [row.to_list() for row in self.execute(text, **options).primary_results[0]]

    def value(self, text, **options):
        return self.rows(text, **options)[0][0]

    def new_table(self, columns="(id:long, name:string)", streaming=True):
        table = f"T{next(self._numbers)}"
        self.execute(f".create table {table} {columns}")
        if streaming:
            self.execute(f".alter table {table} policy streamingingestion enable ")
            self.execute(".clear database cache streamingingestion schema")
        return table

    def count(self, table):
        return self.value(f"{table} | count")


@pytest.fixture(scope="session")
def db(client):
    return Database(client)


@pytest.fixture(scope="session")
def streaming(server_url, client):
    with KustoStreamingIngestClient(KustoConnectionStringBuilder(server_url)) as ingest:
        yield ingest


@pytest.fixture
def managed(server_url, client):
    with ManagedStreamingIngestClient(server_url, server_url) as ingest:
        # The pauses between attempts are for a service far away.
        ingest._set_retry_settings(0.01)
        yield ingest
