"""Web pages, in a real browser and as the requests that browsers send: those of others command nothing.

Chromium opens a page of another origin that tries whatever a page can do to a server on loopback. The page tells its
own server what it got to see; what happened is asked of Rivulet itself.
"""
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.parse

from harness import Connection, Server, ask, mgmt, query, request, rows, server, table

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]

PAGE = """<!doctype html><title>A page</title><body><script>
const target = TARGET, seen = {};
const command = (name) => `.create table ${name} (a:string)`;
async function attempt(name, url, options) {
  try {
    const answer = await fetch(target + url, options);
    seen[name] = answer.type === 'opaque' ? 'opaque' : answer.status + ' ' + (await answer.text()).slice(0, 4000);
  } catch (error) { seen[name] = 'refused'; }
}
const get = (name) => '/v2/rest/query?csl=' + encodeURIComponent(command(name));
const body = (name) => JSON.stringify({csl: command(name)});
function load(tag, attributes) {
  return new Promise((done) => {
    const element = document.createElement(tag);
    Object.assign(element, attributes);
    element.onload = element.onerror = done;
    document.body.append(element);
  });
}
function post_form(name) {
  return new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.name = 'frame';
    document.body.append(frame);
    const form = document.createElement('form');
    // As text/plain, the one field is the body: {"csl":"…","x":"="}
    Object.assign(form, {method: 'POST', action: target + '/v1/rest/mgmt', enctype: 'text/plain', target: 'frame'});
    const field = document.createElement('input');
    field.name = `{"csl":"${command(name)}","x":"`;
    field.value = '"}';
    form.append(field);
    document.body.append(form);
    frame.onload = done;
    form.submit();
  });
}
(async () => {
  await load('img', {src: target + get('ByImage')});
  await load('script', {src: target + get('ByScript')});
  await load('iframe', {src: target + get('ByFrame')});
  await post_form('ByForm');
  await attempt('get', get('ByGet'), {});
  await attempt('blind get', get('ByBlindGet'), {mode: 'no-cors'});
  await attempt('plain', '/v1/rest/mgmt', {method: 'POST', body: body('ByPlainPost')});
  await attempt('blind plain', '/v1/rest/mgmt', {method: 'POST', mode: 'no-cors', body: body('ByBlindPost')});
  await attempt('untyped', '/v1/rest/mgmt', {method: 'POST', mode: 'no-cors', body: new Blob([body('ByBlob')])});
  await attempt('json', '/v1/rest/mgmt', {method: 'POST', body: body('ByJson'), headers: {'Content-Type': 'application/json'}});
  await attempt('rows', '/v1/rest/ingest/NetDefaultDB/Plain?streamFormat=csv', {method: 'POST', mode: 'no-cors', body: 'x'});
  navigator.sendBeacon(target + '/v1/rest/mgmt', body('ByBeacon'));
  await attempt('read', '/v2/rest/query', {method: 'POST', body: JSON.stringify({csl: 'print Secret = 42'}), headers: {'Content-Type': 'application/json'}});
  await attempt('state', '/', {});
  await attempt('health', '/healthz', {mode: 'no-cors'});
  await fetch('/seen', {method: 'POST', body: JSON.stringify(seen)});
})();
</script>"""


class Site(http.server.ThreadingHTTPServer):
    """The web site of the page, on a port of its own: another origin."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), SiteHandler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.page = ""
        self.seen = None
        self.is_done = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class SiteHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(self.server.page if self.path == "/" else "")

    def do_POST(self):
        self.server.seen = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer("")
        self.server.is_done.set()

    def answer(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


@unittest.skipUnless(CHROMIUM, "there is no Chromium")
class InABrowser(unittest.TestCase):
    def setUp(self):
        self.profile = tempfile.TemporaryDirectory(prefix="rivulet-browser-", ignore_cleanup_errors=True)
        self.addCleanup(self.profile.cleanup)

    def browser(self, *arguments, **more):
        return subprocess.Popen([CHROMIUM, *FLAGS, f"--user-data-dir={self.profile.name}", *arguments],
                                stderr=subprocess.DEVNULL, **more)

    def site(self):
        site = Site()
        self.addCleanup(site.close)
        return site

    def visit(self, site, target):
        """What the page of `site` got to see of `target`."""
        site.page = PAGE.replace("TARGET", json.dumps(target))
        # The port keeps the browser open until the page has reported.
        process = self.browser("--remote-debugging-port=0", site.origin, stdout=subprocess.DEVNULL)
        try:
            self.assertTrue(site.is_done.wait(90), "the page did not report")
        finally:
            process.terminate()
            process.wait(30)
        return site.seen

    def tables(self, of):
        names = [row[0] for row in mgmt(of, ".show tables").json()["Tables"][0]["Rows"]]
        return {name for name in names if name.startswith("By")}

    def test_a_page_of_another_origin_commands_nothing(self):
        own = Server()
        self.addCleanup(own.stop)
        table(own, "Plain", "(A:string)")
        seen = self.visit(self.site(), f"http://127.0.0.1:{own.port}")
        self.assertEqual(self.tables(own), set())
        self.assertEqual(rows(query(own, "Plain | count")), [[0]])
        for name in ["get", "plain", "json", "read", "state"]:
            self.assertEqual(seen[name], "refused", name)
        for name in ["blind get", "blind plain", "untyped", "rows", "health"]:
            self.assertEqual(seen[name], "opaque", name)

    def test_a_page_of_an_allowed_origin_works(self):
        site = self.site()
        own = Server("--cors-origins", site.origin)
        self.addCleanup(own.stop)
        table(own, "Plain", "(A:string)")
        seen = self.visit(site, f"http://127.0.0.1:{own.port}")
        # By what the page may say in so many words, and not by a link, or a body that claims to be text.
        self.assertEqual(self.tables(own), {"ByJson"})
        self.assertTrue(seen["json"].startswith("200 "), seen["json"])
        self.assertTrue(seen["read"].startswith("200 ") and "42" in seen["read"], seen["read"])
        self.assertTrue(seen["get"].startswith("403 "), seen["get"])
        self.assertTrue(seen["plain"].startswith("415 "), seen["plain"])

    def test_a_name_that_was_pointed_here_reads_nothing(self):
        own = Server()
        self.addCleanup(own.stop)
        table(own, "SecretTable")
        target = "/v1/rest/query?csl=" + urllib.parse.quote(".show tables")

        def dump(host):
            process = self.browser(f"--host-resolver-rules=MAP rebound.example 127.0.0.1:{own.port}", "--dump-dom",
                                   f"http://{host}{target}", stdout=subprocess.PIPE, text=True)
            return process.communicate(timeout=90)[0]
        self.assertIn("SecretTable", dump(f"127.0.0.1:{own.port}"))
        dom = dump("rebound.example")
        self.assertNotIn("SecretTable", dom)
        self.assertIn("allowed_hosts", dom)


class Requests(unittest.TestCase):
    def setUp(self):
        self.server = server()
        self.own = f"127.0.0.1:{self.server.port}"

    def forbidden(self, answer):
        self.assertEqual((answer.status, answer.error()["code"]), (403, "Forbidden"), answer.body)
        self.assertTrue(answer.error()["@permanent"])
        self.assertNotIn("access-control-allow-origin", answer.headers)

    def every_route(self, headers):
        ingest = "/v1/rest/ingest/NetDefaultDB/NoSuch?streamFormat=csv"
        for method, target, body in [("GET", "/", None), ("GET", "/metrics", None), ("GET", "/nope", None),
                                     ("GET", "/v1/rest/auth/metadata", None), ("POST", ingest, "x"),
                                     ("GET", "/v2/rest/query?csl=print%201", None),
                                     ("HEAD", "/v2/rest/query?csl=print%201", None), ("PUT", "/v2/rest/query", ""),
                                     ("OPTIONS", "/v2/rest/query", None),
                                     ("POST", "/v2/rest/query", '{"csl":"print 1"}'),
                                     ("POST", "/v1/rest/query", '{"csl":"print 1"}'),
                                     ("POST", "/v1/rest/mgmt", '{"csl":".show version"}')]:
            yield method, target, ask(self.server, method, target, body, headers)

    def test_foreign_names(self):
        table(self.server, "OfTheServer")
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example",
                     "evillocalhost", "2130706433", "0x7f.1", "[evil]", "", "user@127.0.0.1"]:
            headers = [("Host", host)]
            for method, target, answer in self.every_route(headers):
                self.assertEqual(answer.status, 403, (host, method, target))
            self.forbidden(mgmt_as(self.server, ".drop table OfTheServer", headers))
            self.assertEqual(ask(self.server, "GET", "/healthz", headers=headers).status, 200)
        self.assertEqual(rows(query(self.server, "OfTheServer | count")), [[0]])
        # A target in absolute form is what counts, as a proxy would send it.
        self.assertEqual(ask(self.server, "GET", "http://evil.example/metrics").status, 403)
        self.assertEqual(ask(self.server, "GET", "http://localhost/metrics", headers=[("Host", "evil")]).status, 200)

    def test_own_names(self):
        for host in ["127.0.0.1", self.own, "localhost", "LOCALHOST:1", "localhost.", "db.localhost", "[::1]:80",
                     "[::1]", "10.1.2.3", "192.168.0.9:8080"]:
            self.assertEqual(rows(query(self.server, "print 1", headers=[("Host", host)])), [[1]], host)

    def test_names_in_the_settings(self):
        named = server("--allowed-hosts", "db.example,other")
        for host, status in [("db.example", 200), ("DB.example:80", 200), ("other", 200), ("x.db.example", 403)]:
            self.assertEqual(ask(named, "GET", "/metrics", headers=[("Host", host)]).status, status, host)
        anyhow = server("--allowed-hosts", "*")
        self.assertEqual(ask(anyhow, "GET", "/metrics", headers=[("Host", "evil.example")]).status, 200)
        # Who needs a token is not deceived by a name.
        closed = server("--tokens", "first,second")
        answer = query(closed, "print 1", headers=[("Host", "db.example"), ("Authorization", "Bearer first")])
        self.assertEqual(rows(answer), [[1]])

    def test_foreign_origins(self):
        table(self.server, "KeptFromPages")
        for headers in [[("Origin", "https://evil.example")], [("Origin", "null")], [("Origin", "http://localhost:3000")],
                        [("Origin", "http://127.0.0.1")], [("Origin", "127.0.0.1")],
                        [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
                        [("Origin", "http://" + self.own + ".evil.example"), ("Host", self.own)],
                        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")]]:
            headers = headers if any(n == "Host" for n, _ in headers) else headers + [("Host", self.own)]
            for method, target, answer in self.every_route(headers):
                self.assertEqual(answer.status, 403, (headers, method, target))
            for typed in ["text/plain", "application/json", "application/x-www-form-urlencoded", None]:
                self.forbidden(mgmt_as(self.server, ".drop table KeptFromPages", headers + [("Content-Type", typed)]))
            self.assertEqual(ask(self.server, "GET", "/healthz", headers=headers).status, 200)
        self.assertEqual(rows(query(self.server, "KeptFromPages | count")), [[0]])

    def test_own_pages(self):
        for headers in [[("Origin", f"http://{self.own}"), ("Sec-Fetch-Site", "same-origin")],
                        [("Sec-Fetch-Site", "none")], [("Sec-Fetch-Site", "same-origin")],
                        [("Origin", "http://LocalHost"), ("Host", "localhost:80")],
                        [("Origin", "https://localhost"), ("Host", "localhost")]]:
            headers = headers if any(n == "Host" for n, _ in headers) else headers + [("Host", self.own)]
            self.assertEqual(rows(query(self.server, "print 1", headers=headers)), [[1]], headers)

    def test_a_link_opens_the_first_page_only(self):
        headers = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
        self.assertEqual(ask(self.server, "GET", "/", headers=headers).status, 200)
        self.forbidden(ask(self.server, "GET", "/v1/rest/query?csl=print%201", headers=headers))
        headers[2] = ("Sec-Fetch-Dest", "iframe")
        self.forbidden(ask(self.server, "GET", "/", headers=headers))

    def test_a_get_changes_nothing(self):
        table(self.server, "Lasting")
        for command in [".create table ByGet (a:string)", ".drop table Lasting", ".clear table Lasting data",
                        ".set ByGet <| print 1", ".ingest inline into table Lasting <| x,1",
                        ".execute database script <| .drop table Lasting", ".cancel query 'x'",
                        "// a comment\n.drop table Lasting", ".drop table Lasting | count",
                        ".alter table Lasting policy streamingingestion disable"]:
            for version in ["v1", "v2"]:
                for readonly in ["", "&properties=" + urllib.parse.quote('{"Options":{"request_readonly":false}}')]:
                    target = f"/{version}/rest/query?csl=" + urllib.parse.quote(command) + readonly
                    answer = ask(self.server, "GET", target)
                    self.assertEqual((answer.status, answer.error()["code"]), (403, "Forbidden"), command)
                    self.assertIn("GET", answer.error()["@message"])
                    ask(self.server, "HEAD", target)
        self.assertEqual(rows(query(self.server, "Lasting | count")), [[0]])
        self.assertEqual(query(self.server, "ByGet").status, 400)
        answer = ask(self.server, "GET", "/v1/rest/query?csl=" + urllib.parse.quote(".show tables | project TableName"))
        self.assertIn(b"Lasting", answer.body)

    def test_bodies_say_that_they_are_json(self):
        for target in ["/v1/rest/query", "/v2/rest/query", "/v1/rest/mgmt"]:
            body = '{"csl":".show version"}'
            for typed in [None, "", "text/plain", "application/jsonp", "application/x-www-form-urlencoded",
                          "text/plain; application/json", "multipart/form-data"]:
                answer = ask(self.server, "POST", target, body, [("Content-Type", typed)])
                self.assertEqual((answer.status, answer.error()["code"]), (415, "UnsupportedMediaType"), typed)
            for typed in ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=utf-8"]:
                self.assertEqual(ask(self.server, "POST", target, body, [("Content-Type", typed)]).status, 200, typed)

    def test_preflights(self):
        asking = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Private-Network", "true")]
        self.forbidden(ask(self.server, "OPTIONS", "/v2/rest/query", headers=asking + [("Origin", "https://dash.example")]))
        allowed = server("--cors-origins", "https://dash.example")
        answer = ask(allowed, "OPTIONS", "/v2/rest/query", headers=asking + [("Origin", "https://dash.example")])
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://dash.example")
        self.assertEqual(answer.headers["access-control-allow-private-network"], "true")
        answer = ask(allowed, "OPTIONS", "/v2/rest/query", headers=[asking[0], ("Origin", "https://dash.example")])
        self.assertNotIn("access-control-allow-private-network", answer.headers)
        answer = ask(allowed, "OPTIONS", "/v2/rest/query", headers=asking + [("Origin", "https://evil.example")])
        self.forbidden(answer)
        self.assertNotIn("access-control-allow-private-network", answer.headers)


def mgmt_as(to, text, headers):
    return ask(to, "POST", "/v1/rest/mgmt", json.dumps({"csl": text}), headers)
