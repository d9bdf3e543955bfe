"""Guests of `hythe serve` that call out over HTTP, inside the sandbox: what the policy lets through,
who shares a connection with whom, and what becomes of an exchange whose client has gone.
tests/guests/c/cgi_get.c is the guest: it GETs the URL that its query is. Servers are on the loopback,
started here."""
import contextlib
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import WAIT, ask, dial, get, reset, wait_until, worker_of

CONFIG = """
workers = 1
[guest]
wall = "20s"
hosts = ["up.test=127.0.0.1", "inside.test=127.0.0.2"]
[[route]]
path = "/a"
kind = "cgi"
module = "{module}"
allow_http = ["http://127.0.0.1:{port}", "http://up.test:{port},private",
              "http://inside.test:{port}"]
[[route]]
path = "/a/too"
kind = "cgi"
module = "{module}"
allow_http = ["http://127.0.0.1:{port}", "http://up.test:{port},private",
              "http://inside.test:{port}"]
[[route]]
path = "/b"
kind = "cgi"
module = "{module}"
allow_http = ["http://127.0.0.1:{port}"]
[[route]]
path = "/none"
kind = "cgi"
module = "{module}"
"""


class Upstream:
    """Answers /NUMBER with a page that names the connection; counts connections, keeps each open."""

    def __init__(self):
        self.paths = []
        self.peers = []
        self.gone = 0  # clients that left in the middle of an answer
        self.ended = set()  # connections that were closed while they were idle
        self.closes = False  # after each answer, without a word of it
        self.release = threading.Event()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def connections(self):
        return len(self.peers)

    def url(self, path="/x", host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                with self.lock:
                    self.peers.append(peer)
                    number = len(self.peers)
                threading.Thread(target=self._serve, args=(peer, number), daemon=True).start()

    def _serve(self, peer, number):
        with contextlib.suppress(OSError):
            peer.settimeout(WAIT)
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    chunk = peer.recv(65536)
                    if not chunk:
                        self.ended.add(number)
                        return
                    data += chunk
                head, _, data = data.partition(b"\r\n\r\n")
                path = head.split(b" ")[1].decode()
                self.paths.append(path)
                self._answer(peer, path, b"connection %d" % number)
                if self.closes:
                    peer.shutdown(socket.SHUT_RDWR)
                    return

    def _answer(self, peer, path, body):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        if path == "/hang":
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
            self._await_end(peer)
        elif path == "/mute":
            self._await_end(peer)
        elif path == "/wait":
            self.release.wait(WAIT)
            peer.sendall(head + body)
        elif path == "/elsewhere":
            peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://other.test/\r\n"
                         b"Content-Length: 0\r\n\r\n")
        elif path == "/flood":
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    peer.sendall(bytes(65536))
            except OSError:
                self.gone += 1
                raise
        else:
            peer.sendall(head + body)

    def _await_end(self, peer):
        try:
            if peer.recv(1):
                return
        except ConnectionError:
            pass
        self.gone += 1
        raise OSError("the client has gone")

    def close(self):
        self.release.set()
        for peer in (self.listener, *self.peers):
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            peer.close()


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def server(hythe, guest, tmp_path, upstream):
    config = CONFIG.format(module=guest("cgi_get"), port=upstream.port)
    program = hythe.serve(config=config, folder=tmp_path)
    return program


def fetch(server, route, url):
    response = ask(server.address, get(f"{route}?{url}", "Connection: close"))
    return response.status, response.body.decode()


def test_allowed_and_refused(server, upstream):
    """By address and by name; what is refused is the guest's to see and the operator's to read."""
    assert fetch(server, "/a", upstream.url()) == (200, "connection 1")
    assert fetch(server, "/a", upstream.url(host="up.test"))[0] == 200
    made = upstream.connections
    status, body = fetch(server, "/none", upstream.url())
    assert status == 403 and body.startswith("7: ")
    server.wait_for(r"refused: HTTP request to http://127\.0\.0\.1:\d+; to allow it: "
                    r"--allow-http http://127\.0\.0\.1:\d+", "err")
    # Another port; a name that stands for a private address; a redirect.
    assert fetch(server, "/a", "http://127.0.0.1:1/")[0] == 403
    assert fetch(server, "/a", upstream.url(host="inside.test"))[0] == 403
    assert fetch(server, "/b", upstream.url(host="up.test"))[0] == 403
    assert upstream.connections == made
    assert fetch(server, "/a", upstream.url("/elsewhere"))[0] == 403
    assert fetch(server, "/a", "no url")[0] in (400, 502)


def test_it_is_sandboxed(server):
    """The tests of this file are worth something only if it is on."""
    status = open(f"/proc/{worker_of(server)}/status", encoding="ascii").read()
    if "Seccomp:\t2" not in status:
        pytest.skip("this kernel has no seccomp")
    assert "NoNewPrivs:\t1" in status


def test_requests_share_a_connection(server, upstream):
    """A fresh guest for each request, and one connection for all of them."""
    for _ in range(5):
        assert fetch(server, "/a", upstream.url()) == (200, "connection 1")
    # A route with the same module and the same grants is the same program.
    assert fetch(server, "/a/too", upstream.url()) == (200, "connection 1")
    assert upstream.connections == 1


def test_grants_that_differ_share_nothing(server, upstream):
    for _ in range(2):
        assert fetch(server, "/a", upstream.url()) == (200, "connection 1")
        assert fetch(server, "/b", upstream.url()) == (200, "connection 2")
    assert fetch(server, "/none", upstream.url())[0] == 403
    assert upstream.connections == 2


def test_a_connection_that_was_closed_meanwhile(server, upstream):
    upstream.closes = True
    for number in range(1, 6):
        assert fetch(server, "/a", upstream.url()) == (200, f"connection {number}")
        time.sleep(0.02 * (number % 2))


@pytest.mark.parametrize("path", ["/mute", "/hang", "/flood"])
def test_a_client_that_goes(server, upstream, path):
    """Its guest's exchange ends with it, and nothing of it reaches the next one."""
    assert fetch(server, "/a", upstream.url()) == (200, "connection 1")
    peer = dial(server.address)
    peer.sendall(get(f"/a?{upstream.url(path)}"))
    wait_until(lambda: path in upstream.paths, "the request upstream")
    time.sleep(0.1)
    reset(peer)
    wait_until(lambda: upstream.gone == 1, "the exchange to be ended")
    assert fetch(server, "/a", upstream.url()) == (200, "connection 2")


def test_a_slow_client_holds_up_no_other(server, upstream):
    """One reads nothing of an endless answer: its guest waits, and the others do not."""
    peer = dial(server.address)
    peer.sendall(get(f"/a?{upstream.url('/flood')}"))
    wait_until(lambda: "/flood" in upstream.paths, "the request upstream")
    time.sleep(0.2)
    begin = time.monotonic()
    for _ in range(20):
        assert fetch(server, "/a", upstream.url())[0] == 200
    assert time.monotonic() - begin < 15, "they wait for the one"
    reset(peer)
    wait_until(lambda: upstream.gone == 1, "the exchange to be ended")


def test_many_at_once(server, upstream):
    """All wait upstream together, and each gets its own answer."""
    count = 60
    with ThreadPoolExecutor(count) as clients:
        answers = [clients.submit(fetch, server, "/a", upstream.url("/wait"))
                   for _ in range(count)]
        wait_until(lambda: len(upstream.paths) == count, "all of them upstream")
        upstream.release.set()
        bodies = {answer.result() for answer in answers}
    assert bodies == {(200, f"connection {number + 1}") for number in range(count)}
    assert upstream.connections == count
    # What is left serves the next.
    for _ in range(10):
        assert fetch(server, "/a", upstream.url())[0] == 200
    assert upstream.connections == count


def test_a_reload_begins_anew(server, upstream, tmp_path):
    """The connections go with the program that made them."""
    assert fetch(server, "/a", upstream.url()) == (200, "connection 1")
    config = tmp_path / "hythe.toml"
    config.write_text(config.read_text(encoding="utf-8").replace('path = "/none"', 'path = "/new"'),
                      encoding="utf-8")
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: fetch(server, "/new", upstream.url())[0] == 403, "the new routes")
    wait_until(lambda: 1 in upstream.ended, "the old connection to be closed")
    assert fetch(server, "/a", upstream.url()) == (200, "connection 2")


def test_concurrency(hythe, guest, tmp_path, upstream):
    """http_concurrency is the number of responses that a guest may hold open."""
    route = """
[[route]]
path = "/hold/{hold}"
kind = "cgi"
module = "{module}"
http_concurrency = {most}
allow_http = ["http://127.0.0.1:{port}"]
env = {{ HOLD = "{hold}" }}
"""
    config = "workers = 1\n" + "".join(
        route.format(hold=hold, most=3, module=guest("cgi_get"), port=upstream.port)
        for hold in (2, 3))
    program = hythe.serve(config=config, folder=tmp_path)
    assert fetch(program, "/hold/2", upstream.url())[0] == 200
    status, body = fetch(program, "/hold/3", upstream.url())
    assert status == 502 and body.startswith("13: ")
