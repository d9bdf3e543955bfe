"""Traces of `hythe serve`: a span for each request goes to an OpenTelemetry collector, by OTLP over
HTTP. The collector is here; one that is away, slow or unwilling costs spans and no requests."""
import contextlib
import http.server
import json
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import Reader, ask, cpu_seconds, dial, get, wait_until, worker_of

CONFIG = """
workers = 1
otlp = "{url}"
{top}
[guest]
cpu = "500ms"
[[route]]
path = "/"
text = "here"
[[route]]
path = "/ways/..."
kind = "cgi"
module = "{module}"
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


class Collector:
    """Takes what is posted, and answers as it is told."""

    def __init__(self, context=None):
        self.requests = []  # path, headers, body
        self.status = 200
        self.connections = 0
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                collector.connections += 1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = collector.status  # that of the moment when it is counted
                collector.requests.append((self.path, self.headers, json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "https" if context else "http"
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    @property
    def spans(self):
        return [span for _, _, body in list(self.requests) for resource in body["resourceSpans"]
                for scope in resource["scopeSpans"] for span in scope["spans"]]

    def wait_for(self, count):
        return wait_until(lambda: len(self.spans) >= count and self.spans, f"{count} spans")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def attributes(span):
    return {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def serve(hythe, guest, tmp_path):
    def start(url, top="", **options):
        config = CONFIG.format(url=url, top=top, module=guest("cgi_ways"))
        return hythe.serve(config=config, folder=tmp_path, **options)

    return start


def test_a_span_for_each_request(serve, collector):
    server = serve(collector.url)
    ask(server.address, get("/ways/count?a=b", "User-Agent: test/1",
                            f"Traceparent: 00-{TRACE}-{PARENT}-01"))
    ask(server.address, get("/"))
    ask(server.address, get("/ways/trap"))
    spans = {attributes(span)["url.path"]: span for span in collector.wait_for(3)}
    path, headers, body = collector.requests[0]
    assert (path, headers["Content-Type"]) == ("/v1/traces", "application/json")
    resource = attributes(body["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "hythe" and resource["service.version"]

    count = spans["/ways/count"]
    assert (count["traceId"], count["parentSpanId"]) == (TRACE, PARENT)
    assert count["name"] == "GET /ways/..." and count["kind"] == 2 and "status" not in count
    begin, end = int(count["startTimeUnixNano"]), int(count["endTimeUnixNano"])
    assert begin <= end and abs(end / 1e9 - time.time()) < 60
    said = attributes(count)
    assert {name: said[name] for name in (
        "http.request.method", "http.response.status_code", "http.route", "url.query",
        "user_agent.original", "client.address", "hythe.guest.end", "hythe.outcome")} == {
            "http.request.method": "GET", "http.response.status_code": "200",
            "http.route": "/ways/...", "url.query": "a=b", "user_agent.original": "test/1",
            "client.address": "127.0.0.1", "hythe.guest.end": "exited",
            "hythe.outcome": "answered"}
    assert int(said["hythe.guest.cpu_us"]) > 0 and int(said["hythe.guest.memory"]) > 0

    text = spans["/"]
    assert re.fullmatch("[0-9a-f]{32}", text["traceId"]) and "parentSpanId" not in text
    assert attributes(text)["hythe.request_id"] == text["traceId"]
    trap = spans["/ways/trap"]
    assert trap["status"] == {"code": 2} and attributes(trap)["error.type"] == "500"
    ids = [span["spanId"] for span in spans.values()]
    assert len(set(ids)) == 3 and all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)


def test_the_callers_decision_holds(serve, collector):
    """A trace that its sender does not record is not exported."""
    server = serve(collector.url)
    ask(server.address, get("/", f"Traceparent: 00-{TRACE}-{PARENT}-00"))
    ask(server.address, get("/", "Traceparent: 00-nonsense-01"))
    assert server.stop().code == 0
    assert [span["traceId"] == TRACE for span in collector.spans] == [False]


def test_what_is_there_is_sent_at_the_end(serve, collector):
    server = serve(collector.url)
    for _ in range(20):
        ask(server.address)
    assert server.stop().code == 0
    assert len(collector.spans) == 20


def test_many_spans_over_one_connection(serve, collector):
    """None is lost, and a request to the collector has many."""
    server = serve(collector.url)
    with dial(server.address) as peer:
        reader = Reader(peer)
        for i in range(20):
            peer.sendall(get("/") * 100)
            for _ in range(100):
                assert reader.response().body == b"here"
            wait_until(lambda i=i: len(collector.spans) >= 100 * i - 500, "the collector keeps up")
    assert server.stop().code == 0
    assert len({span["spanId"] for span in collector.spans}) == 2000
    assert len(collector.requests) < 200 and collector.connections == 1


@pytest.mark.parametrize("status", [500, 302, None])
def test_a_collector_that_does_not_take_them(serve, collector, status):
    """It is said once, requests are answered, and it is said when it is over."""
    url = collector.url
    server = serve(url)
    if status is None:
        collector.close()
    else:
        collector.status = status
    for _ in range(3):
        assert ask(server.address).body == b"here"
        server.wait_for("hythe: traces cannot be sent to .*/v1/traces, and are lost: ", "err")
        time.sleep(0.2)
    if status is not None:
        wait_until(lambda: len(collector.spans) == 3, "all have been tried")
        collector.status = 204
        assert ask(server.address).body == b"here"
        found = server.wait_for(r"hythe: traces are sent again; (\d) were lost$", "err")
        assert found[1] == "3"
    assert server.err.count("cannot be sent") == 1
    assert server.stop().code == 0


def test_a_collector_that_says_nothing(serve):
    """It holds up neither requests nor the end, and room for spans has a limit."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        server = serve("http://127.0.0.1:%d/" % listener.getsockname()[1], top='grace = "20s"')
        query = "q" * 1000
        peer = stack.enter_context(dial(server.address))
        reader = Reader(peer)
        for _ in range(20):
            peer.sendall(get(f"/?{query}") * 100)
            for _ in range(100):
                assert reader.response().body == b"here"
        server.wait_for("cannot be sent .* they come faster than they are taken", "err")
        before = cpu_seconds(worker_of(server))
        time.sleep(0.5)
        assert cpu_seconds(worker_of(server)) - before < 0.2
        started = time.monotonic()
        assert server.stop(seconds=15).code == 0
        assert 1.9 < time.monotonic() - started


def test_a_collector_with_tls(serve, tmp_path):
    """Its certificate is checked: this one is trusted by nobody."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    collector = Collector(context)
    try:
        server = serve(collector.url)
        assert ask(server.address).body == b"here"
        server.wait_for("cannot be sent to https://", "err")
        assert not collector.requests
    finally:
        collector.close()


def test_by_option(hythe, guest, collector):
    server = hythe.serve("--workers", "2", "--otlp", collector.url, guest("cgi_hello"))
    for _ in range(4):
        assert ask(server.address).status == 200
    assert server.stop().code == 0
    assert len(collector.spans) == 4


def test_a_collector_that_is_no_url_is_named_by_check(hythe, tmp_path):
    config = tmp_path / "hythe.toml"
    config.write_text('otlp = "http://a b"\n[[route]]\npath = "/"\ntext = "here"\n')
    done = hythe("serve", "--check", config)
    assert done.code == 2 and "otlp: http://a b" in done.err, done
