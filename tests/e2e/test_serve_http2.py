"""HTTP/2 of `hythe serve`: curl and h2load on CGI guests, and peers that abuse the protocol frame
by frame. The frames are written here by hand; what a frame is, is RFC 9113."""
import contextlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from harness import (COMPILE, GET, WAIT, ask, clear_peak, curl, dial, exchange, fd_count, get,
                     log_entries, memory_kib, peak_kib, taken_seconds, url, wait_for_entry,
                     wait_until, worker_of)

CONFIG = """
workers = 1
[log]
access = "{folder}/access.log"
format = "json"
[timeouts]
header = "2s"
write = "2s"
[limits]
requests = 64
http2_streams = 100
[guest]
wall = "4s"
cpu = "1s"
memory = "16M"
[[route]]
path = "/"
text = "here"
[[route]]
path = "/..."
kind = "cgi"
module = "{module}"
body = 0
"""
H2 = "--http2-prior-knowledge"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 1, 4
PROMPT_S = 0.05


@pytest.fixture(scope="module")
def server(hythe_of_module, guest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("http2")
    server = hythe_of_module.serve(config=CONFIG.format(folder=folder, module=guest("cgi_ways")),
                                   folder=folder)
    server.log = folder / "access.log"
    server.worker = worker_of(server)
    return server


def median_answer_time(server):
    def answer():
        assert ask(server.address, GET).body == b"here"

    return sorted(taken_seconds(server.worker, answer) for _ in range(9))[4]


# -- frames ----------------------------------------------------------------------------------------


def frame(kind, flags=0, stream=0, payload=b""):
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream)
    return head + payload


def fields(*pairs):
    """Literals without indexing, names and values as they are (RFC 7541 section 6.2.2)."""
    block = b""
    for name, value in pairs:
        block += b"\0"
        for text in (name.encode(), value.encode()):
            if len(text) < 127:
                block += bytes([len(text)]) + text
            else:
                rest, number = len(text) - 127, b""
                while rest >= 128:
                    number += bytes([rest % 128 + 128])
                    rest //= 128
                block += b"\x7f" + number + bytes([rest]) + text
    return block


def asks(path, stream, *more, method="GET", end=True):
    block = fields((":method", method), (":scheme", "http"), (":authority", "test"),
                   (":path", path),
                   *more)
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


class Peer:
    """A client that speaks frames."""

    def __init__(self, address, settings=b"", window=None):
        self.socket = dial(address)
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.bytes = b""
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def next(self):
        """The next frame: kind, flags, stream, payload. None when the server has closed."""
        while len(self.bytes) < 9 or len(self.bytes) < 9 + int.from_bytes(self.bytes[:3], "big"):
            try:
                chunk = self.socket.recv(1 << 16)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                return None
            self.bytes += chunk
        end = 9 + int.from_bytes(self.bytes[:3], "big")
        kind, flags = self.bytes[3:5]
        stream = int.from_bytes(self.bytes[5:9], "big") & 0x7fffffff
        payload, self.bytes = self.bytes[9:end], self.bytes[end:]
        return kind, flags, stream, payload

    def until(self, kind, stream=None):
        """Frames up to one of this kind; None when the server closes before."""
        while found := self.next():
            if found[0] == kind and stream in (None, found[2]):
                return found
        return None

    def body(self, stream):
        """All data of a stream, whose windows are large enough."""
        data = b""
        while found := self.next():
            if found[2] == stream and found[0] == RST_STREAM:
                return None
            if found[2] == stream and found[0] == DATA:
                data += found[3]
            if found[2] == stream and found[0] in (DATA, HEADERS) and found[1] & END_STREAM:
                return data
        return None

    def is_refused(self):
        """Did the server end the connection, with GOAWAY or without?"""
        while found := self.next():
            if found[0] == GOAWAY and int.from_bytes(found[3][4:8], "big") != 0:
                return True
        return True


# -- as it should be -------------------------------------------------------------------------------


def test_get(server):
    shown = curl(H2, url(server.address, "/env?a=b"), "-H", "X-Own: mine").decode()
    for line in ("SERVER_PROTOCOL=HTTP/2.0", "REQUEST_METHOD=GET", "QUERY_STRING=a=b",
                 "HTTP_X_OWN=mine", f"HTTP_HOST=127.0.0.1:{server.address[1]}", "PATH_INFO=/env"):
        assert line in shown.splitlines()
    assert wait_for_entry(server.log, target="/env?a=b")["protocol"] == "HTTP/2.0"


def test_httpoxy_and_cookies(server):
    """Proxy is not for guests here either, and cookies that came apart are put together."""
    with Peer(server.address) as peer:
        peer.send(asks("/env", 1, ("proxy", "http://evil"), ("cookie", "a=1"), ("cookie", "b=2")))
        shown = peer.body(1).decode().splitlines()
    assert "HTTP_COOKIE=a=1; b=2" in shown
    assert not [line for line in shown if line.startswith("HTTP_PROXY=")]


@pytest.mark.parametrize("head, status", [
    (b"Status: 204\n\nbody", "204"), (b"Status: 404\n\nbody", "404"), (b"Location: /x\n\n", "302"),
    (b"X-A: b\rX-Injected: c\n\n", "502"),
    (b"Connection: x\nTransfer-Encoding: chunked\nX: y\n\n", "200"),
    (b"X-UPPER: b\n\nbody", "200"), (b":status: 200\n\n", "502"), (b"no head\n\n", "502")])
def test_heads_of_guests(server, head, status):
    said = curl(H2, "-i", url(server.address, "/raw"), "--data-binary", "@-", stdin=head)
    assert said.startswith(f"HTTP/2 {status} ".encode())
    assert b"njected" not in said and b"chunked" not in said
    assert b"\r\nconnection" not in said.lower()


def test_head_request(server):
    said = curl(H2, "-I", url(server.address, "/length/1000"))
    assert said.startswith(b"HTTP/2 200") and b"content-length: 1000" in said


def test_large_bodies(hythe, guest, tmp_path):
    """50 MiB there and back, streaming, in little memory."""
    config = CONFIG.format(folder=tmp_path, module=guest("cgi_ways"))
    server = hythe.serve(config=config.replace('"4s"', '"100s"'), folder=tmp_path)
    server.worker = worker_of(server)
    piece = bytes(range(256)) * 4096
    (tmp_path / "up").write_bytes(piece * 50)
    curl(H2, url(server.address, "/count"))
    clear_peak(server.worker)
    before = peak_kib(server.worker)
    curl(H2, "-T", tmp_path / "up", "-X", "POST", "-o", tmp_path / "down",
         url(server.address, "/echo"), seconds=100)
    assert (tmp_path / "down").read_bytes() == piece * 50
    assert peak_kib(server.worker) - before < 8192


def test_many_streams(server):
    """Hundreds of guests on few connections."""
    h2load = shutil.which("h2load")
    if h2load is None:
        pytest.skip("h2load is not installed: scripts/deps test")
    done = subprocess.run([h2load, "-n", "3000", "-c", "3", "-m", "20",
                           url(server.address, "/size/5000")],
                          capture_output=True, text=True, timeout=100, check=True)
    assert re.search(r"3000 succeeded, 0 failed, 0 errored", done.stdout), done.stdout
    assert re.search(r"status codes: 3000 2xx", done.stdout)


def test_streams_do_not_wait_for_each_other(server):
    with Peer(server.address) as peer:
        peer.send(asks("/drip/10", 1), asks("/sleep", 3), asks("/count", 5))
        while (found := peer.next())[:3] != (DATA, found[1], 5):
            assert not (found[0] in (DATA, HEADERS, RST_STREAM) and found[2] == 3)
            assert not (found[0] == DATA and found[1] & END_STREAM and found[2] == 1)
        assert found[3] == b"1\n"


def test_upload_is_read_while_it_is_sent(server):
    with Peer(server.address) as peer:
        peer.send(asks("/echo", 1, method="POST", end=False), frame(DATA, 0, 1, b"one"))
        assert peer.until(DATA, 1)[3] == b"one"
        peer.send(frame(DATA, END_STREAM, 1, b"two"))
        assert peer.until(DATA, 1)[3] == b"two"


def test_too_many_streams(server):
    """Past the limit a stream is refused, and the others go on."""
    with Peer(server.address) as peer:
        peer.send(*(asks("/drip/2", 2 * i + 1) for i in range(40)),
                  *(asks("/sleep", 2 * i + 1) for i in range(40, 130)))
        refused = peer.until(RST_STREAM)
        assert refused and refused[2] >= 2 * 40 + 1
        assert int.from_bytes(refused[3], "big") == 7
    assert median_answer_time(server) < PROMPT_S


def test_a_stream_that_is_reset(server):
    """Its guest is ended at once."""
    with Peer(server.address) as peer:
        peer.send(asks("/spin?reset", 1))
        time.sleep(0.2)
        peer.send(frame(RST_STREAM, 0, 1, struct.pack(">I", 8)))
        entry = wait_for_entry(server.log, target="/spin?reset")
        assert entry["guest"] == "cancelled"
        peer.send(asks("/count", 3))
        assert peer.body(3) == b"1\n"


def test_a_response_that_is_broken_off(server):
    with Peer(server.address) as peer:
        peer.send(asks("/spin_after_head", 1), asks("/count", 3))
        assert peer.body(3) == b"1\n"
        assert peer.until(RST_STREAM, 1)


def test_switched_off(hythe, tmp_path):
    path = tmp_path / "hythe.toml"
    path.write_text('workers = 1\n[[listener]]\naddress = "127.0.0.1:0"\nhttp2 = false\n'
                    '[[route]]\npath = "/"\ntext = "here"\n')
    server = hythe.start("serve", path)
    found = server.wait_for(r"serving on http://127\.0\.0\.1:(\d+)$", "err")
    address = ("127.0.0.1", int(found[1]))
    assert re.match(rb"HTTP/1\.1 (400|505) ", exchange(address, PREFACE + frame(SETTINGS)))
    assert ask(address).body == b"here"


def test_upgrade_is_passed_over(server):
    said = exchange(server.address,
                    get("/", "Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c",
                                        "HTTP2-Settings: AAMAAABkAAQAAP__"))
    assert said.startswith(b"HTTP/1.1 200 ")


# -- reload ----------------------------------------------------------------------------------------


class Asker(threading.Thread):
    """Asks without a pause on one connection after the other. A request fails when the connection ends
    and no GOAWAY has said that it was not looked at."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.is_ending = False
        self.bodies = []
        self.connections = 0
        self.failures = []

    def run(self):
        while not self.is_ending:
            self.connections += 1
            with Peer(self.address) as peer:
                stream, last = 1, None
                while not self.is_ending and last is None:
                    last = self.ask(peer, stream)
                    stream += 2

    def ask(self, peer, stream):
        """One request, repeated elsewhere if it was not looked at; the number in a GOAWAY."""
        last, body = None, b""
        with contextlib.suppress(ConnectionError):
            peer.send(asks("/text", stream))
        while found := peer.next():
            if found[0] == GOAWAY:
                last = int.from_bytes(found[3][:4], "big") & 0x7fffffff
            elif found[0] == RST_STREAM and found[2] == stream:
                break
            elif found[0] == DATA and found[2] == stream:
                body += found[3]
                if found[1] & END_STREAM:
                    self.bodies.append(body)
                    return last
        if last is None or stream <= last:
            self.failures.append((stream, last))
        return last or 0


def test_reload_fails_no_request(hythe, tmp_path):
    config = 'workers = 2\n[[route]]\npath = "/text"\ntext = "{}"\n'
    server = hythe.serve(config=config.format("one"), folder=tmp_path)
    askers = [Asker(server.address) for _ in range(4)]
    for asker in askers:
        asker.start()
    for count, text in enumerate(["two", "three", "four"], 1):
        wait_until(lambda: all(len(asker.bodies) > 100 * count for asker in askers), "load")
        (tmp_path / "hythe.toml").write_text(config.format(text))
        server.send_signal(signal.SIGHUP)
        server.wait_for("hythe: reloaded", "err", COMPILE, count)
        wait_until(lambda: all(asker.bodies[-1] == text.encode() for asker in askers), text)
    for asker in askers:
        asker.is_ending = True
    for asker in askers:
        asker.join(WAIT)
    assert [asker.failures for asker in askers] == [[]] * 4
    assert all(set(asker.bodies) == {b"one", b"two", b"three", b"four"} for asker in askers)


# -- requests that are none ------------------------------------------------------------------------


GOOD = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test")]


@pytest.mark.parametrize("pairs", [
    [(":method", "GET"), (":scheme", "http"), (":authority", "test")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":path", "/b"),
     (":authority", "test")],
    [(":method", "GET"), (":scheme", "http"), (":path", ""), (":authority", "test")],
    [(":method", "GET"), (":scheme", "http"), (":path", "nothing"), (":authority", "test")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("host", "b")],
    [*GOOD, (":status", "200")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("x", "y"), (":authority", "test")],
    [*GOOD, ("Upper", "x")],
    [*GOOD, ("x", "a\r\nb: c")],
    [*GOOD, ("x", "a\0b")],
    [*GOOD, ("connection", "x")],
    [*GOOD, ("transfer-encoding", "chunked")],
    [*GOOD, ("te", "gzip")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/ b"), (":authority", "test")],
    [(":method", "G T"), (":scheme", "http"), (":path", "/"), (":authority", "test")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "user@test")],
    [*GOOD, ("content-length", "5")],
    [(":method", "CONNECT"), (":authority", "test:443")],
    [*GOOD, ("x y", "z")],
], ids=str)
def test_malformed_requests(server, pairs):
    """Reset or answered with an error; the connection may stay."""
    with Peer(server.address) as peer:
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, fields(*pairs)))
        while found := peer.next():
            if found[0] in (RST_STREAM, GOAWAY):
                break
            if found[0] == HEADERS:
                assert found[3][0] != 0x88, "answered with 200"
                break


def test_a_good_request_begins_with_0x88(server):
    """What the tests around this one look for is there when all is well."""
    with Peer(server.address) as peer:
        peer.send(asks("/", 1))
        assert peer.until(HEADERS, 1)[3][0] == 0x88


def test_a_body_unlike_its_length(server):
    for length, data in ((5, b"123"), (2, b"12345")):
        with Peer(server.address) as peer:
            peer.send(asks("/sink", 1, ("content-length", str(length)), method="POST", end=False),
                      frame(DATA, END_STREAM, 1, data))
            while found := peer.next():
                if found[0] in (RST_STREAM, GOAWAY):
                    break
                assert found[0] != HEADERS or found[3][0] != 0x88


# -- abuse -----------------------------------------------------------------------------------------


def flood(server, frames, times):
    """Send these again and again and read nothing; whether the server has had enough."""
    with Peer(server.address) as peer:
        peer.socket.settimeout(10)  # longer than the server holds who takes nothing
        try:
            for _ in range(times):
                peer.send(*frames)
        except (ConnectionError, TimeoutError):
            return True
        with contextlib.suppress(TimeoutError):
            return peer.is_refused()
    return False


@pytest.mark.parametrize("frames, times", [
    ([frame(PING, 0, 0, b"12345678") * 1000], 200),
    ([frame(SETTINGS) * 1000], 200),
    ([frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535) * 1000)], 2000),
    ([asks("/", 1, end=False), frame(DATA, 0, 1) * 100_000], 1),
    ([frame(HEADERS, 0, 1, fields((":method", "GET"))),
      frame(CONTINUATION, 0, 1, fields(("x", "y" * 100)) * 100) * 1000], 1),
    ([frame(HEADERS, 0, 1, b""), frame(CONTINUATION, 0, 1) * 100_000], 1),
    ([frame(HEADERS, END_STREAM | END_HEADERS, 1, fields(("x" * 1000, "y" * 60_000)))], 1),
    ([frame(WINDOW, 0, 0, b"\0\0\0\0")], 1),
    ([frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2], 1),
    ([frame(DATA, 0, 0, b"x")], 1), ([frame(HEADERS, 4, 2, b"\x82")], 1),
    ([frame(PUSH, 4, 1, b"x" * 8)], 1),
    ([frame(HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff")], 1), ([b"\xff" * 1000], 1),
    ([frame(RST_STREAM, 0, 99, b"\0\0\0\0")], 1), ([frame(PING, 0, 0, b"short")], 1),
    ([frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 1))], 1), ([frame(0, 0, 1, b"x" * 20_000)], 1),
], ids=["ping", "settings", "many_settings", "empty_data", "continuation", "empty_continuation",
        "large_header", "no_increment", "window_overflow", "data_on_0", "even_stream", "push",
        "hpack", "garbage", "reset_of_none", "short_ping", "frame_size", "large_frame"])
def test_floods_and_errors(server, frames, times):
    """The server closes the connection, in bounded memory, and answers others all the while."""
    clear_peak(server.worker)
    before = peak_kib(server.worker)
    assert flood(server, frames, times)
    assert median_answer_time(server) < PROMPT_S
    assert peak_kib(server.worker) - before < 8192


def test_rapid_reset(server):
    """Requests that are taken back at once: the connection is ended before it costs much."""
    ask(server.address, get("/count"))
    fds = fd_count(server.worker)
    entries = len(log_entries(server.log))
    with Peer(server.address) as peer:
        with contextlib.suppress(ConnectionError, TimeoutError):
            for i in range(0, 20_000, 50):
                peer.send(*(asks("/spin", 2 * n + 1) + frame(RST_STREAM, 0, 2 * n + 1,
                                                             b"\0\0\0\x08")
                            for n in range(i, i + 50)))
        assert peer.is_refused()
    assert median_answer_time(server) < PROMPT_S
    wait_until(lambda: fd_count(server.worker) <= fds, "it is closed")
    assert len(log_entries(server.log)) - entries < 5000


def test_resets_that_are_provoked(server):
    """MadeYouReset: the server resets the streams itself, as often as the peer likes."""
    with Peer(server.address) as peer:
        with contextlib.suppress(ConnectionError, TimeoutError):
            for i in range(0, 20_000, 50):
                peer.send(*(asks("/spin", 2 * n + 1) + frame(WINDOW, 0, 2 * n + 1, b"\0\0\0\0")
                            for n in range(i, i + 50)))
        assert peer.is_refused()
    assert median_answer_time(server) < PROMPT_S


def test_priorities_in_circles(server):
    with Peer(server.address) as peer:
        peer.send(*(frame(PRIORITY, 0, 2 * i + 1, struct.pack(">IB", 2 * i + 3, 255))
                    for i in range(20_000)))
        peer.send(asks("/count", 1))
        assert peer.body(1) in (b"1\n", None)
    assert median_answer_time(server) < PROMPT_S


@pytest.mark.parametrize("path", ["/endless", "/length/100000000"])
def test_no_window(server, path):
    """Streams whose window is never opened: little is kept for them, and they are ended."""
    ask(server.address, get("/count"))
    clear_peak(server.worker)
    before = peak_kib(server.worker)
    started = time.monotonic()
    with Peer(server.address, struct.pack(">HI", 4, 0)) as peer:
        peer.send(*(asks(path, 2 * i + 1) for i in range(30)))
        assert median_answer_time(server) < PROMPT_S
        ended = set()
        while len(ended) < 30 and (found := peer.next()):
            if found[0] in (RST_STREAM, GOAWAY):
                ended |= {found[2]} if found[0] == RST_STREAM else set(range(30))
    assert time.monotonic() - started < 20
    assert peak_kib(server.worker) - before < 30 * 1024


def test_a_peer_that_reads_nothing(server):
    """Neither data nor answers to its pings."""
    clear_peak(server.worker)
    before = peak_kib(server.worker)
    with Peer(server.address, struct.pack(">HI", 4, 0x7fffffff), window=4096) as peer:
        peer.send(frame(WINDOW, 0, 0, b"\x7f\xff\x00\x00"))
        peer.send(*(asks("/endless", 2 * i + 1) for i in range(20)))
        time.sleep(0.3)
        assert median_answer_time(server) < PROMPT_S
        peer.socket.settimeout(0.05)
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - started < 20:
                with contextlib.suppress(TimeoutError):
                    peer.send(frame(PING, 0, 0, b"12345678"))
                time.sleep(0.05)
        assert time.monotonic() - started < 20, "it is held"
    assert peak_kib(server.worker) - before < 30 * 1024


def test_half_a_preface(server):
    started = time.monotonic()
    for data in (PREFACE[:10], PREFACE, PREFACE + frame(SETTINGS)[:5]):
        with dial(server.address) as peer:
            peer.sendall(data)
            if data == PREFACE[:10]:
                with contextlib.suppress(ConnectionResetError):
                    while peer.recv(1000):
                        pass
    assert time.monotonic() - started < 8, "longer than the time for a head"


def test_nothing_stays_behind(server):
    """After all of the above, and a thousand connections more."""
    def some(count):
        for i in range(count):
            with Peer(server.address) as peer:
                peer.send(asks("/count", 1), asks("/drip/9", 3),
                          asks("/echo", 5, method="POST", end=False))
                if i % 2:
                    peer.body(1)

    some(200)
    wait_until(lambda: fd_count(server.worker) < 40, "descriptors are closed")
    memory = memory_kib(server.worker)
    some(1000)
    wait_until(lambda: fd_count(server.worker) < 40, "descriptors are closed")
    assert memory_kib(server.worker) - memory < 6144
