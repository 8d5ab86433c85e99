"""A server with chosen settings, and a client that shows every byte."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from engine_words import engine_words_in  # noqa: E402

BINARY = os.environ.get("RIVULET_BINARY", "build/rivulet")
_servers = {}


class Server:
    def __init__(self, *flags, wrapper=()):
        self.folder = tempfile.mkdtemp(prefix="rivulet-http-")
        self.log = open(os.path.join(self.folder, "log"), "w+")
        port_file = os.path.join(self.folder, "port")
        listen = [] if "--listen" in flags else ["--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*wrapper, BINARY, "serve", *listen, "--data", os.path.join(self.folder, "data"),
             "--port-file", port_file, *flags], stdout=self.log, stderr=self.log)
        for _ in range(300):
            if os.path.exists(port_file):
                break
            if self.process.poll() is not None:
                raise RuntimeError("the server did not start: " + self.output())
            time.sleep(0.05)
        with open(port_file) as file:
            self.port = int(file.read())

    def output(self):
        self.log.flush()
        with open(self.log.name) as file:
            return file.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.process.returncode


def server(*flags):
    """The server with these settings: one for all tests that ask for the same."""
    if flags not in _servers:
        _servers[flags] = Server(*flags)
    return _servers[flags]


def stop_all():
    for each in _servers.values():
        each.stop()


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # names in lower case
        self.body = body

    def json(self):
        return json.loads(self.body)

    def error(self):
        return self.json()["error"]


class Connection:
    def __init__(self, to, tls=None):
        self.socket = socket.create_connection(("127.0.0.1", to.port), timeout=30)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server closed the connection")
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode()

    def exactly(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self):
        status = int(self.line().split(" ")[1])
        headers = {}
        while True:
            line = self.line()
            if not line:
                return status, headers
            name, value = line.split(": ", 1)
            headers[name.lower()] = value

    def answer(self, has_body=True):
        status, headers = self.head()
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while True:
                size = int(self.line(), 16)
                body += self.exactly(size)
                assert self.line() == ""
                if size == 0:
                    break
        elif "content-length" in headers and has_body:
            body = self.exactly(int(headers["content-length"]))
        elif headers.get("connection") == "close" and has_body and "content-length" not in headers:
            try:
                while True:
                    self._more()
            except EOFError:
                body, self.buffer = self.buffer, b""
        if status >= 400 or b"OneApiErrors" in body or b'"Exceptions"' in body:
            words = engine_words_in(body.decode(errors="replace"))
            assert words is None, f"the engine's own words, {words!r}, in: {body!r}"
        return Answer(status, headers, body)

    def ask(self, method, target, body=None, headers=()):
        self.send(request(method, target, body, headers))
        return self.answer(has_body=method != "HEAD")

    def is_closed(self):
        """Whether the server ends the connection soon, without sending more."""
        self.socket.settimeout(5)
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def head_of(method, target, headers):
    """With the headers that the server asks for, but those that are given, or given as None to leave them out."""
    given = {name.lower() for name, _ in headers}
    defaults = [("Host", "127.0.0.1")]
    if method == "POST" and ("/rest/query" in target or "/rest/mgmt" in target):
        defaults.append(("Content-Type", "application/json"))
    head = f"{method} {target} HTTP/1.1\r\n"
    for name, value in [d for d in defaults if d[0].lower() not in given] + list(headers):
        if value is not None:
            head += f"{name}: {value}\r\n"
    return head


def request(method, target, body=None, headers=()):
    head = head_of(method, target, headers)
    if isinstance(body, str):
        body = body.encode()
    if body is not None:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


def chunked(method, target, pieces, headers=()):
    data = (head_of(method, target, headers) + "Transfer-Encoding: chunked\r\n\r\n").encode()
    for piece in pieces:
        data += b"%x\r\n%s\r\n" % (len(piece), piece)
    return data + b"0\r\n\r\n"


def ask(to, method, target, body=None, headers=()):
    with Connection(to) as connection:
        return connection.ask(method, target, body, headers)


def mgmt(to, text, db="NetDefaultDB", **more):
    answer = ask(to, "POST", "/v1/rest/mgmt", json.dumps({"db": db, "csl": text, **more}))
    return answer


def query(to, text, version="v2", options=None, headers=()):
    body = {"db": "NetDefaultDB", "csl": text}
    if options is not None:
        body["properties"] = {"Options": options}
    return ask(to, "POST", f"/{version}/rest/query", json.dumps(body), headers)


def rows(answer):
    """Of the first primary result of a v2 answer."""
    assert answer.status == 200, answer.body
    return next(f for f in answer.json() if f.get("TableKind") == "PrimaryResult")["Rows"]


def table(to, name, schema="(A:string, B:long)"):
    answer = mgmt(to, f".create table {name} {schema}")
    assert answer.status == 200, answer.body
    return f"/v1/rest/ingest/NetDefaultDB/{name}?streamFormat=csv"


def metric(to, name):
    for line in ask(to, "GET", "/metrics").body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split(" ")[1])
    raise KeyError(name)


def resident_bytes(of):
    with open(f"/proc/{of.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tls_context(certificate):
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    return context
