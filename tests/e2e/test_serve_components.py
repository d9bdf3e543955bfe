"""Components behind `hythe serve`: wasi:http as a client sees it. tests/guests/components/c/wasi_ways.c
is the guest; what each path does stands on top of its ways_*.c."""
import contextlib
import http.server
import re
import socket
import threading
import time

import pytest

from harness import (WAIT, Reader, ask, clear_peak, cpu_seconds, curl, dial, exchange, get, peak_kib,
                     post, reset, url, wait_for_entry, wait_until, worker_of)

CONFIG = """
workers = 1
[log]
access = "{folder}/access.log"
format = "json"
[limits]
requests = 64
[timeouts]
write = "3s"
[guest]
wall = "15s"
cpu = "10s"
memory = "32M"
stderr = "4K"
[[route]]
path = "/..."
module = "{module}"
body = 0
[[route]]
host = "short.test"
path = "/..."
module = "{module}"
cpu = "100ms"
wall = "2s"
body = "1K"
concurrency = 1
headers = {{ X-Route = "short", Vary = "mine" }}
[[route]]
host = "again.test"
path = "/..."
module = "{module}"
reuse = 3
[[route]]
host = "out.test"
path = "/..."
module = "{module}"
allow_http = ["http://127.0.0.1:{port}"]
"""
MIB = 1 << 20
H2 = "--http2-prior-knowledge"


class Upstream(http.server.BaseHTTPRequestHandler):
    """Says what it was asked."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = f"{self.command} {self.path} {self.headers['Host']}\n".encode()
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def upstream():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def server(hythe_of_module, guest, tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("components")
    config = CONFIG.format(module=guest("wasi_ways"), folder=folder, port=upstream)
    server = hythe_of_module.serve(config=config, folder=folder)
    server.log = folder / "access.log"
    server.worker = worker_of(server)
    return server


def at(host, path, *extra):
    """A GET for a route of its own."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *extra, "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


def said(server, pattern, count=1):
    """Wait for a line of the operator's log."""
    return server.wait_for(pattern, "err", count=count)


def is_whole(data):
    """Whether a response of chunks has its end."""
    return data.endswith(b"0\r\n\r\n")


def check_alive(server):
    assert ask(server.address, get("/hello")).body == b"hello\n"


def check_failed(server, path, promised=None):
    """A page of the server's own as long as nothing has left, and then the next request is answered;
    or a response that ends before its end, and with it the connection."""
    data = exchange(server.address, get(path) + get("/method", "Connection: close"))
    if data.startswith(b"HTTP/1.1 500"):
        assert data.endswith(b"GET\n")
    else:
        head, _, body = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and b"GET\n" not in body
        assert not is_whole(data) and (promised is None or len(body) < promised)
    check_alive(server)


# -- good requests ---------------------------------------------------------------------------------


def test_hello(server):
    answer = ask(server.address, get("/hello"))
    assert (answer.status, answer.body) == (200, b"hello\n")
    for name in ("date", "server"):
        assert name in answer.headers


def test_the_request_line(server):
    assert ask(server.address, get("/method")).body == b"GET\n"
    assert ask(server.address, get("/method").replace(b"GET", b"PURGE")).body == b"other PURGE\n"
    lines = ask(server.address, get("/authority?a=b%20c")).body.decode().splitlines()
    assert lines == ["scheme HTTP", "authority test", "path /authority?a=b%20c"]


def test_headers_of_the_connection_do_not_reach_the_guest(server):
    body = ask(server.address, get("/echo-headers", "X-Own: mine", "Connection: close, X-Hop",
                                   "X-Hop: 1", "Keep-Alive: 5", "TE: trailers", "X-Own: again")).body
    names = [line.partition(":")[0].lower() for line in body.decode().splitlines()]
    assert names.count("x-own") == 2
    assert not {"connection", "keep-alive", "te", "host", "transfer-encoding", "upgrade"} & set(names)


@pytest.mark.parametrize("status", [200, 204, 299, 304, 404, 500, 599])
def test_statuses(server, status):
    with dial(server.address) as peer:
        reader = Reader(peer)
        for _ in range(2):  # the connection stays in step
            peer.sendall(get(f"/status/{status}"))
            assert reader.response().status == status


def test_head(server):
    """No body, whatever the guest writes, and the connection stays in step."""
    with dial(server.address) as peer:
        reader = Reader(peer)
        for path in ("/hello", "/length/5/5", "/bytes/100000"):
            peer.sendall(get(path).replace(b"GET", b"HEAD"))
            assert reader.head().status == 200
        peer.sendall(get("/hello"))
        assert reader.response().body == b"hello\n"


@pytest.mark.parametrize("path", ["/echo", "/echo/copy"])
@pytest.mark.parametrize("size", [0, 1, 70_000, 3 * MIB])
def test_echo(server, path, size):
    body = bytes(i * 7 & 255 for i in range(1000)) * (size // 1000 + 1)
    body = body[:size]
    assert ask(server.address, post(path, body)).body == body
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in
                      (body[i:i + 10_000] for i in range(0, size, 10_000)))
    request = (f"POST {path} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
               + chunks + b"0\r\n\r\n")
    with dial(server.address, WAIT) as peer:
        writer = threading.Thread(target=peer.sendall, args=(request,))
        writer.start()
        assert Reader(peer).response().body == body
        writer.join()


def test_double_echo(server):
    assert ask(server.address, post("/double-echo", b"abc" * 10_000)).body == b"aabbcc" * 10_000


def test_both_ways_at_once(server):
    """What is sent comes back before the request has ended."""
    with dial(server.address) as peer:
        peer.sendall(b"POST /echo/copy HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        reader = Reader(peer)
        for i in range(5):
            peer.sendall(b"6\r\npart %d\r\n" % i)
            if i == 0:
                assert reader.head().status == 200
            assert reader.chunk() == b"part %d" % i
        peer.sendall(b"0\r\n\r\n")
        assert reader.chunk() == b""


def test_trailers_both_ways(server):
    with dial(server.address) as peer:
        peer.sendall(b"POST /trailers HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n"
                     b"TE: trailers\r\nConnection: close\r\n\r\n"
                     b"3\r\nabc\r\n0\r\nX-Sum: 42\r\nContent-Length: 7\r\n\r\n")
        data = b""
        while chunk := peer.recv(65536):
            data += chunk
    body, _, trailers = data.partition(b"\r\n0\r\n")
    assert b"3 bytes\n" in body and b"x-sum: 42" in body.lower()
    assert b"content-length: 7" not in data.lower()
    lines = trailers.lower().split(b"\r\n")
    assert b"x-echo-x-sum: 42" in lines and b"x-guest: done" in lines


def test_forbidden_trailers_do_not_leave(server):
    data = exchange(server.address, get("/bad-trailers", "Connection: close", "TE: trailers"))
    assert is_whole(data) or data.lower().endswith(b"x-guest: done\r\n\r\n"), data
    trailers = data.partition(b"\r\n0\r\n")[2].lower()
    assert b"content-length" not in trailers and b"transfer-encoding" not in trailers


def test_http2(server):
    body = b"x" * 300_000
    assert curl(H2, url(server.address, "/hello")) == b"hello\n"
    assert curl(H2, "--data-binary", "@-", url(server.address, "/echo"), stdin=body) == body
    assert curl(H2, "-o", "/dev/null", "-w", "%{http_code}", url(server.address, "/trap")) == b"500"
    assert curl(H2, "-I", url(server.address, "/hello")).startswith(b"HTTP/2 200")


def test_an_answer_before_the_request_was_read(server):
    with dial(server.address) as peer:
        peer.sendall(b"POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\nabc")
        assert Reader(peer).response().body == b"early\n"
    body = b"y" * 200_000
    assert ask(server.address, post("/early/read", body)).body == b"early\n"
    said(server, r"read \d+$")
    check_alive(server)


def test_a_body_before_its_response(server):
    assert ask(server.address, get("/late")).body == b"first this, then that\n"
    assert ask(server.address, get("/empty")).status == 204


# -- lengths that are wrong ------------------------------------------------------------------------


@pytest.mark.parametrize("promised,given", [(5, 3), (3, 5), (0, 1), (100_000, 99_999),
                                            (99_999, 100_000)])
def test_lengths_that_are_wrong(server, promised, given):
    """Never more than was declared, and never taken for whole; the next request is not touched."""
    check_failed(server, f"/length/{promised}/{given}", promised)


def test_lengths_that_are_right(server):
    for size in (0, 1, 100_000):
        answer = ask(server.address, get(f"/length/{size}/{size}"))
        assert len(answer.body) == size
        assert answer.headers["content-length"] == str(size)


def test_a_request_that_is_shorter_than_it_says(server):
    with dial(server.address) as peer:
        peer.sendall(b"POST /sink HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nabc")
        peer.shutdown(socket.SHUT_WR)
        peer.settimeout(WAIT)
        with contextlib.suppress(ConnectionResetError):
            assert b"10 " not in peer.recv(65536)
    check_alive(server)


# -- guests that fail ------------------------------------------------------------------------------


@pytest.mark.parametrize("path,words", [
    ("/no-response", "returned without a response"),
    ("/headless", "returned without a response"),
    ("/trap", "the guest trapped"),
    ("/overflow", "the guest trapped"),
    ("/exit", "called exit without a response"),
    ("/exit/3", "called exit without a response"),
])
def test_no_response(server, path, words):
    answer = ask(server.address, get(path))
    assert answer.status == 500
    said(server, words)
    check_alive(server)


def test_a_trap_is_logged_with_its_backtrace(server):
    before = server.err.count("wasm backtrace")
    answer = ask(server.address, get("/trap", "Accept: application/json"))
    ident = re.search(rb"[0-9a-f]{32}", answer.body)[0].decode()
    said(server, rf"request {ident}: the guest trapped")
    wait_until(lambda: server.err.count("wasm backtrace") > before, "a backtrace")
    assert wait_for_entry(server.log, guest="trapped")["status"] == 500


@pytest.mark.parametrize("path", ["/half", "/half/silent", "/unfinished", "/trap-after-head"])
def test_responses_that_are_broken_off(server, path):
    check_failed(server, path)


@pytest.mark.parametrize("code,status", [(0, 504), (1, 502), (6, 502), (9, 504), (15, 403),
                                         (17, 413), (33, 504), (38, 500)])
def test_error_codes_in_place_of_a_response(server, code, status):
    assert ask(server.address, get(f"/error-code/{code}")).status == status
    said(server, "answered with an error: ")
    assert wait_for_entry(server.log, guest="refused", status=status)


def test_limits(server):
    assert ask(server.address, at("short.test", "/loop")).status == 504
    said(server, "guest.cpu")
    assert ask(server.address, at("short.test", "/sleep/5000")).status == 504
    said(server, "guest.wall")
    answer = ask(server.address, get("/memory/1000"))
    assert answer.status == 500 or answer.body == b"refused\n"
    check_alive(server)


def test_bodies_that_are_too_large(server):
    large = b"x" * 5000
    request = post("/sink", large, "Connection: close").replace(b"Host: test", b"Host: short.test")
    assert ask(server.address, request).status == 413
    with dial(server.address) as peer:  # it learns of the limit as it reads
        peer.sendall(b"POST /sink HTTP/1.1\r\nHost: short.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"1388\r\n" + large + b"\r\n0\r\n\r\n")
        assert b"5000 " not in peer.recv(65536)


def test_concurrency(server):
    with dial(server.address) as peer:
        peer.sendall(at("short.test", "/sleep/300"))
        entry = wait_until(lambda: ask(server.address, at("short.test", "/hello")).status == 503,
                           "a refusal")
        assert entry
        assert Reader(peer).response().status == 200
    wait_until(lambda: ask(server.address, at("short.test", "/hello")).status == 200, "room again")


def test_headers_of_the_route(server):
    answer = ask(server.address, at("short.test", "/hello"))
    assert answer.headers["x-route"] == "short"
    assert answer.headers["vary"] == "mine"


def test_output_of_the_guest(server):
    """Lines with the request's id, stdout as well as stderr, and no more than allowed."""
    answer = ask(server.address, get("/stderr"))
    assert answer.status == 200
    said(server, r"request [0-9a-f]{32}: hello$")
    ask(server.address, get("/stdout"))
    said(server, r"request [0-9a-f]{32}: hello$", count=2)
    before = len(server.err)
    ask(server.address, get("/stderr/100000"))
    said(server, r"\.\.\. cut")
    assert len(server.err) - before < 20_000
    assert ask(server.address, get("/stdin")).body.startswith(b"stdin 0")


# -- clients that fail -----------------------------------------------------------------------------


def test_a_client_that_leaves_cancels_its_guest(server):
    for path in ("/sleep/10000", "/loop", "/endless"):
        peer = dial(server.address)
        peer.sendall(get(path))
        time.sleep(0.1)
        reset(peer)
        wait_for_entry(server.log, target=path, guest="cancelled")
    before = cpu_seconds(server.worker)
    time.sleep(0.5)
    assert cpu_seconds(server.worker) - before < 0.2, "a guest goes on computing"
    check_alive(server)


def test_constant_memory(server):
    """20 MiB each way, and endless responses to readers that do not read."""
    check_alive(server)
    body = bytes(range(256)) * (20 * MIB // 256)
    clear_peak(server.worker)
    before = peak_kib(server.worker)
    assert curl("--data-binary", "@-", url(server.address, "/echo"), stdin=body, seconds=30) == body
    assert peak_kib(server.worker) - before < 6 * 1024
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            peer = stack.enter_context(dial(server.address))
            peer.sendall(get("/endless"))
        time.sleep(0.5)
        check_alive(server)
        grown = peak_kib(server.worker) - before
        assert grown < 16 * 1024, f"{grown} KiB"
    check_alive(server)


# -- instances -------------------------------------------------------------------------------------


def count(server, host):
    return int(ask(server.address, at(host, "/count")).body)


def test_each_request_has_a_fresh_instance(server):
    assert [count(server, "test") for _ in range(4)] == [1] * 4
    ask(server.address, get("/secret/write"))
    for _ in range(5):
        assert ask(server.address, get("/secret/look")).body.split()[-1] == b"0"


def test_reuse(server):
    """Three requests an instance, and never one after a failure."""
    first = [count(server, "again.test") for _ in range(6)]
    assert first == [1, 2, 3, 1, 2, 3]
    for path in ("/trap", "/no-response", "/half", "/exit", "/error-code/38"):
        assert count(server, "again.test") == 1
        exchange(server.address, at("again.test", path))
        assert count(server, "again.test") == 1, path
        assert [count(server, "again.test") for _ in range(2)] == [2, 3]


def test_one_instance_is_with_one_request(server):
    with dial(server.address) as peer:
        peer.sendall(at("again.test", "/sleep/500"))
        time.sleep(0.1)
        assert count(server, "again.test") == 1
        assert Reader(peer).response().status == 200


def test_instances_that_wait_give_way(hythe, guest, tmp_path):
    """They take no place in the pool from others, and go after a while."""
    module = guest("wasi_ways")
    config = f"""
workers = 1
[limits]
requests = 2
[[route]]
path = "/..."
module = "{module}"
reuse = 1000
reuse_idle = "300ms"
[[route]]
host = "other.test"
path = "/..."
module = "{module}"
"""
    server = hythe.serve(config=config, folder=tmp_path)
    for _ in range(5):
        with dial(server.address) as one, dial(server.address) as two:
            for peer in (one, two):
                peer.sendall(at("test", "/sleep/50"))
            for peer in (one, two):
                assert Reader(peer).response().status == 200
        for _ in range(3):
            assert ask(server.address, at("other.test", "/hello")).status == 200
    time.sleep(0.6)
    assert ask(server.address, at("test", "/count")).body.strip() == b"1"
    assert server.stop().code == 0


def test_many_at_once(server):
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(dial(server.address)) for _ in range(32)]
        for i, peer in enumerate(peers):
            peer.sendall(post("/sink/100", b"z" * i))
        for i, peer in enumerate(peers):
            assert Reader(peer).response().body.startswith(b"%d " % i)


# -- outgoing requests -----------------------------------------------------------------------------


def test_outgoing(server, upstream):
    path = f"/fetch?http://127.0.0.1:{upstream}/x?y=1"
    body = ask(server.address, at("out.test", path)).body.decode()
    assert "200" in body.splitlines()[0], body
    got = ask(server.address, at("out.test", f"/get?http://127.0.0.1:{upstream}/x?y=1"))
    assert got.body == f"GET /x?y=1 127.0.0.1:{upstream}\n".encode()
    redirect = ask(server.address, at("out.test", f"/get?http://127.0.0.1:{upstream}/redirect"))
    assert redirect.status == 302


def test_outgoing_is_refused(server, upstream):
    for host, target in (("test", f"http://127.0.0.1:{upstream}/"),
                         ("out.test", "http://127.0.0.2:1/")):
        answer = ask(server.address, at(host, f"/get?{target}"))
        assert answer.status == 502
        assert b"HTTP-request-denied" in answer.body, answer.body
    said(server, "--allow-http http://127.0.0.2:1")


# -- what cannot be served -------------------------------------------------------------------------


def refused(hythe, *args):
    result = hythe("serve", "--listen", "127.0.0.1:0", *args)
    assert result.code != 0
    return result.err


def test_components_that_do_not_serve(hythe, guest):
    assert "hythe run" in refused(hythe, guest("wasi_cli"))
    assert "is a component" in refused(hythe, "--kind", "cgi", guest("wasi_ways"))
    assert "is for components" in refused(hythe, "--kind", "wasi-http", guest("cgi_hello"))


def test_check_shows_the_kind(hythe, guest):
    result = hythe("serve", "--check", guest("wasi_ways"))
    assert result.code == 0
    assert "wasi-http" in result.out + result.err


# -- the end ---------------------------------------------------------------------------------------


def test_requests_under_way_are_finished(hythe, guest):
    server = hythe.serve("--workers", "1", "--reuse", "10", guest("wasi_ways"))
    with dial(server.address) as peer:
        peer.sendall(get("/slow/3/200"))
        reader = Reader(peer)
        assert reader.head().status == 200
        server.send_signal(15)
        while reader.chunk():
            pass
    assert server.wait().code == 0


