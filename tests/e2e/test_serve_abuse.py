"""Guests that misbehave, and clients that ask for too much: each is ended by its own limit, with
the right status, and nobody else notices."""
import contextlib
import os
import re
import signal
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import (COMPILE, GET, Reader, ask, clear_peak, cpu_seconds, dial, exchange, fd_count, get,
                     log_entries, memory_kib, peak_kib, post, read_to_end, reset, taken_seconds, thread_count,
                     wait_for_entry, wait_until, worker_of)

CONFIG = """
workers = 1
{top}
[log]
access = "{folder}/access.log"
format = "json"
[guest]
memory = "16M"
cpu = "500ms"
wall = "4s"
{more}
[[route]]
path = "/"
text = "here"
[[route]]
path = "/..."
kind = "cgi"
module = "{module}"
body = "1M"
{route}
"""
PROMPT_S = 0.05


class Served:
    """A server on the guest that misbehaves, its worker and its log."""

    def __init__(self, hythe, guest, folder, top="", more="", route="", **options):
        config = CONFIG.format(folder=folder, module=guest("cgi_ways"), top=top, more=more,
                               route=route)
        self.program = hythe.serve(config=config, folder=folder, **options)
        self.address = self.program.address
        self.pid = worker_of(self.program)
        self.log = folder / "access.log"

    def ask(self, path, *headers):
        return ask(self.address, get(path, *headers))

    def entry(self, path, **fields):
        return wait_for_entry(self.log, target=path, **fields)

    def answer_time(self):
        def answer():
            assert ask(self.address, GET).body == b"here"

        return taken_seconds(self.pid, answer)

    def median_answer_time(self):
        return sorted(self.answer_time() for _ in range(9))[4]


@pytest.fixture(scope="module")
def server(hythe_of_module, guest, tmp_path_factory):
    return Served(hythe_of_module, guest, tmp_path_factory.mktemp("abuse"))


@pytest.fixture
def serve(hythe, guest, tmp_path):
    return lambda **options: Served(hythe, guest, tmp_path, **options)


# -- guests that fail ------------------------------------------------------------------------------


@pytest.mark.parametrize("path, status, end", [
    ("/trap", 500, "trapped"), ("/overflow", 500, "trapped"), ("/silent", 502, "no_head"),
    ("/headless", 502, "bad_head"), ("/early_exit/3", 502, "no_head"), ("/spin", 504, "cpu_limit"),
    ("/bulk", 504, "cpu_limit"), ("/sleep", 504, "wall_limit")])
def test_failures(server, path, status, end):
    """The right status, the right word in the log, the server's own page, nothing of the guest."""
    answer = server.ask(path)
    assert answer.status == status
    assert re.search(rb"Request [0-9a-f]{32}", answer.body)
    assert b"wasm" not in answer.body and b"guest" not in answer.body
    entry = server.entry(path)
    assert (entry["status"], entry["guest"]) == (status, end)
    if path in ("/spin", "/bulk"):
        assert 450_000 < entry["cpu_us"] < 1_000_000
    assert server.answer_time() < 1


@pytest.mark.parametrize("path, end", [("/trap_after_head", "trapped"),
                                       ("/spin_after_head", "cpu_limit"),
                                       ("/sleep_after_head", "wall_limit")])
def test_failures_after_the_head(server, path, end):
    """The response is broken off, so that nobody takes it for whole; or, where nothing of it has
    been sent yet, it is an honest page."""
    said = exchange(server.address, get(path, "Connection: close"))
    entry = server.entry(path)
    assert entry["guest"] == end
    if path == "/trap_after_head":
        assert said.startswith(b"HTTP/1.1 500 ") and b"begun" not in said
        assert entry["status"] == 500
    else:
        assert said.startswith(b"HTTP/1.1 200 ") and not said.endswith(b"0\r\n\r\n")
        assert entry["outcome"] == "failed"


def test_exit_within_nested_calls(server):
    answer = server.ask("/nested_exit/7")
    assert (answer.status, answer.body) == (200, b"complete\n")
    assert server.entry("/nested_exit/7")["exit_code"] == 7


START_TRAPS = '(module (memory (export "memory") 1) (func $boom unreachable) (start $boom) ' \
              '(func (export "_start")))'
TABLE_GROWS = """(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table $t 1 funcref)
  (data (i32.const 16) "X-A: b\\n\\ngrown\\n")
  (func (export "_start")
    (loop $again
      (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 100000)) (i32.const -1))))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 14))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
MEMORY_GROWS = TABLE_GROWS.replace(
    "table.grow $t (ref.null func) (i32.const 100000)", "memory.grow (i32.const 1)")


@pytest.mark.parametrize("text, statuses", [(START_TRAPS, [500]), (TABLE_GROWS, [200, 500]),
                                            (MEMORY_GROWS, [200, 500])])
def test_small_modules(hythe, tmp_path, text, statuses):
    """Trapping in the start function; growing tables and memory until it is refused."""
    (tmp_path / "bad.wat").write_text(text)
    server = hythe.serve(config='workers = 1\n[guest]\nmemory = "8M"\n[[route]]\npath = "/"\n'
                                'text = "here"\n[[route]]\npath = "/bad"\nkind = "cgi"\n'
                                'module = "bad.wat"\n', folder=tmp_path)
    pid = worker_of(server)
    for _ in range(5):
        assert ask(server.address, get("/bad")).status in statuses
    before = memory_kib(pid)
    for _ in range(200):
        assert ask(server.address, get("/bad")).status in statuses
    assert memory_kib(pid) - before < 8192
    assert ask(server.address).body == b"here"


# -- memory and time -------------------------------------------------------------------------------


def test_memory_bombs(server):
    """A guest that wants more than it may have is ended; what it had is gone with it."""
    def bombs():
        with ThreadPoolExecutor(10) as pool:
            return set(pool.map(lambda _: server.ask("/grow").status, range(30)))

    assert bombs() == {500}
    before = memory_kib(server.pid)
    assert bombs() == {500}
    assert memory_kib(server.pid) - before < 4096
    entry = server.entry("/grow")
    assert entry["guest"] == "memory_limit" and entry["memory"] <= 16 << 20


def test_others_are_answered_while_some_compute(server):
    """Twenty guests loop for ever; a request beside them does not wait for a whole turn of each
    (they share one processor with it)."""
    peers = []
    for _ in range(20):
        peer = dial(server.address)
        peer.sendall(get("/spin"))
        peers.append(peer)
    time.sleep(0.2)
    times = sorted(server.answer_time() for _ in range(15))
    for peer in peers:
        reset(peer)
    assert times[7] < 0.3, times


def test_one_that_computes_and_a_prompt_answer(server):
    with dial(server.address) as peer:
        peer.sendall(get("/spin"))
        time.sleep(0.1)
        assert server.median_answer_time() < PROMPT_S
        assert Reader(peer).response().status == 504


def test_slots_are_freed(serve):
    """As many endless guests as there are places: the next one gets in when they are ended."""
    server = serve(top='[limits]\nrequests = 4')
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(dial(server.address)) for _ in range(4)]
        for peer in peers:
            peer.sendall(get("/sleep_after_head"))
            assert Reader(peer).head().status == 200
        assert server.ask("/echo").status == 503
        for peer in peers:
            with contextlib.suppress(ConnectionResetError):
                assert not read_to_end(peer).endswith(b"0\r\n\r\n")
    wait_until(lambda: [entry["guest"] for entry in log_entries(server.log)
                        if entry["target"] == "/sleep_after_head"] == ["wall_limit"] * 4,
               "four that met their limit")
    assert server.ask("/count").body == b"1\n"


@pytest.mark.parametrize("count, memory", [(150_000, "16M"), (1_000_000, "128M")])
def test_a_million_subscriptions(hythe, guest, tmp_path, count, memory):
    """Served or refused, within the guest's limits and not at others' cost. A million take 80 MB in
    the guest."""
    config = CONFIG.format(folder=tmp_path, module=guest("cgi_ways"), top="", more="",
                           route="").replace('"16M"', f'"{memory}"')
    server = hythe.serve(config=config, folder=tmp_path)
    pid = worker_of(server)
    clear_peak(pid)
    with dial(server.address) as peer:
        peer.sendall(get(f"/poll_many/{count}"))
        slowest = 0
        for _ in range(20):
            slowest = max(slowest, taken_seconds(pid, lambda: ask(server.address)))
            time.sleep(0.01)
        assert slowest < 1
        assert Reader(peer).response().status in (200, 500, 504)
    assert peak_kib(pid) < 400 * 1024


def test_random_bytes_by_the_gigabyte(server):
    """Longer than the memory: the guest is told so, and nothing is made first."""
    clear_peak(server.pid)
    before = peak_kib(server.pid)
    assert server.ask("/random/8000000").body == b"0\n"
    assert server.ask("/random/4000000000").status in (200, 500)
    assert peak_kib(server.pid) - before < 24 * 1024


# -- output ----------------------------------------------------------------------------------------


def test_endless_output_to_nobody(server):
    """A client that does not read has a guest that waits; and both are ended."""
    server.ask("/count")
    clear_peak(server.pid)
    before = peak_kib(server.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            peer = stack.enter_context(socket.socket())
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect(server.address)
            peer.sendall(get("/endless"))
        time.sleep(1)
        assert server.median_answer_time() < PROMPT_S
        assert peak_kib(server.pid) - before < 20 * 1024
        wait_until(lambda: len([entry for entry in log_entries(server.log)
                                if entry["target"] == "/endless"]) == 20, "all ended")
    assert {entry["guest"] for entry in log_entries(server.log)
            if entry["target"] == "/endless"} <= {"wall_limit", "cpu_limit"}


def test_the_log_is_not_forged(server):
    assert server.ask("/forge").status == 200
    server.program.wait_for("innocent", "err")
    server.program.wait_for("backwards", "err")
    said = server.program._text["err"]
    assert b"\x1b" not in said and b"\x07" not in said and b"\r" not in said
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f\xff\xfe\xc0]", said)
    assert "\u202e" not in server.program.err and "\x9b" not in server.program.err
    lines = [line for line in server.program.err.splitlines() if "127.0.0.1:1" in line]
    assert all(not line.startswith("hythe: serving on") for line in lines) and lines
    assert not re.search(r"^(127\.0\.0\.1|over)", server.program.err, re.MULTILINE)


def test_a_flood_of_stderr(server):
    """16 MiB without a line's end: a fixed part of it is logged, and the guest goes on."""
    before = len(server.program.err)
    assert server.ask("/flood/16000000").body == b"flooded\n"
    server.program.wait_for("cut: it wrote more than is logged", "err")
    assert len(server.program.err) - before < 200_000
    for line in server.program.err[before:].splitlines():
        assert len(line) < 6000


def test_many_floods(server):
    """The lines of all guests together are limited, too."""
    before = len(server.program.err)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.ask("/flood/100000"), range(100)))
    assert len(server.program.err) - before < 3_000_000
    assert server.median_answer_time() < PROMPT_S


def test_access_log_is_not_forged(server):
    """Whatever a client writes, a request is one line of JSON."""
    path = '/silent?"},{"forged":true'
    exchange(server.address,
             get("/silent?x%0a%0d", "Connection: close", 'User-Agent: a"\\\t{}', "Referer: \xe9"))
    exchange(server.address, get(path, "Connection: close"))
    wait_until(lambda: any(entry["target"].startswith("/silent?")
                           for entry in log_entries(server.log)),
               "the entry")
    assert all("forged" not in entry for entry in log_entries(server.log))
    assert all(line.startswith("{") and line.endswith("}")
               for line in server.log.read_text().splitlines())


# -- clients that leave ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/spin", "/sleep", "/endless"])
def test_the_client_leaves(server, path):
    """Its guest is ended then, and not at its limit."""
    mark = f"{path}?{time.monotonic_ns()}"
    with dial(server.address) as peer:
        peer.sendall(get(mark))
        time.sleep(0.1)
        reset(peer)
    entry = wait_for_entry(server.log, target=mark)
    assert (entry["outcome"], entry["guest"]) == ("peer_left", "cancelled")
    time.sleep(0.1)
    before = cpu_seconds(server.pid)
    time.sleep(0.2)
    assert cpu_seconds(server.pid) - before < 0.05


def test_what_a_cancelled_guest_has_used_is_counted(server):
    mark = f"/spin?{time.monotonic_ns()}"
    before = cpu_seconds(server.pid)
    with dial(server.address) as peer:
        peer.sendall(get(mark))
        wait_until(lambda: cpu_seconds(server.pid) - before > 0.1, "the guest computes")
        reset(peer)
    entry = wait_for_entry(server.log, target=mark)
    assert entry["cpu_us"] > 50_000 and entry["memory"] >= 65536, entry


def test_a_thousand_clients_leave(server):
    """In each state that a request can be in; nothing stays behind."""
    server.ask("/count")
    fds, memory = fd_count(server.pid), memory_kib(server.pid)
    requests = [get("/drip/5"), get("/endless"), post("/sink", b"x" * 100)[:-50], get("/count"),
                b"GET /half HTTP/1.1\r\nHo", post("/echo", b"x" * 500_000)[:300_000]]
    for i in range(1000):
        peer = dial(server.address)
        with contextlib.suppress(OSError):
            peer.sendall(requests[i % len(requests)])
        if i % 3 == 0:
            time.sleep(0.001)
        reset(peer)
    wait_until(lambda: fd_count(server.pid) <= fds, "descriptors are closed")
    assert memory_kib(server.pid) - memory < 48 * 1024
    assert server.median_answer_time() < PROMPT_S


# -- too much at a time ----------------------------------------------------------------------------


def test_concurrency_of_a_route(serve):
    """503 with the time to wait, at once, and only for that route."""
    server = serve(route='concurrency = 3\nretry_after = "7s"')
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(dial(server.address)) for _ in range(3)]
        for peer in peers:
            peer.sendall(get("/drip/10"))
        busy = [Reader(peer) for peer in peers]
        assert [reader.head().status for reader in busy] == [200] * 3
        refused = []
        assert taken_seconds(server.pid, lambda: refused.append(server.ask("/count"))) < 0.2
        assert (refused[0].status, refused[0].headers["retry-after"]) == (503, "7")
        assert server.answer_time() < 0.2
        assert [reader.rest()[-7:] for reader in busy] == [b"line 9\n"] * 3
    assert server.ask("/count").status == 200
    assert server.entry("/count", status=503)["guest"] == "busy"


def test_body_too_large(server):
    """413 at once when it says so, and as soon as it is when it does not."""
    declared = exchange(server.address, b"POST /sink HTTP/1.1\r\nHost: test\r\n"
                                        b"Content-Length: 1048577\r\n\r\n")
    assert declared.startswith(b"HTTP/1.1 413 ")
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    chunked = ask(server.address, b"POST /sink HTTP/1.1\r\nHost: test\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n" + piece * 17 + b"0\r\n\r\n")
    assert chunked.status == 413
    assert ask(server.address, post("/sink", bytes(1 << 20))).body == b"1048576 end\n"


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: test\r\n\r\n", 414),
    (b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: test\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: test\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: test\r\nX-A: " + b"b" * (16 << 20) + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: test\r\n" + b"".join(b"X-%d: b\r\n" % i for i in range(200))
     + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: test\r\n" + b"".join(b"X-%d: b\r\n" % i for i in range(30_000))
     + b"\r\n", 431),
    (b"A" * 100_000, 414), (b"\r\n" * 100_000, 400),
], ids=["url", "1M_url", "header", "16M_header", "200_headers", "30000_headers", "method", "lines"])
def test_heads_that_are_too_large(server, request_bytes, status):
    clear_peak(server.pid)
    before = peak_kib(server.pid)
    with dial(server.address) as peer:
        said = b""
        with contextlib.suppress(ConnectionError):
            peer.sendall(request_bytes)
        with contextlib.suppress(ConnectionResetError):
            while chunk := peer.recv(65536):
                said += chunk
    # A peer that goes on sending may meet the reset before it reads the answer.
    assert said.startswith(b"HTTP/1.1 %d " % status) or (not said and len(request_bytes) > 90_000)
    assert peak_kib(server.pid) - before < 1024


def test_endless_chunk_extensions_and_trailers(server):
    for tail in (b"5;" + b"x" * 1_000_000, b"5" + b"0" * 1000,
                 b"0\r\n" + b"X-T: " + b"x" * 1_000_000, b"0\r\n" + b"X-T: x\r\n" * 30_000):
        said = exchange(server.address, b"POST /sink HTTP/1.1\r\nHost: test\r\n"
                                        b"Transfer-Encoding: chunked\r\n\r\n" + tail)
        assert said == b"" or re.match(rb"HTTP/1\.1 4\d\d ", said)
    assert server.answer_time() < 1


# -- connections -----------------------------------------------------------------------------------


def test_the_longest_idle_gives_way(serve):
    server = serve(top="[limits]\nconnections = 20")
    with contextlib.ExitStack() as stack:
        peers = []
        for _ in range(20):
            peer = stack.enter_context(dial(server.address))
            peer.sendall(GET)
            assert Reader(peer).response().body == b"here"
            peers.append(peer)
        newer = [stack.enter_context(dial(server.address)) for _ in range(5)]
        for peer in newer:
            peer.sendall(GET)
            assert Reader(peer).response().body == b"here"
        assert [peer.recv(1) for peer in peers[:5]] == [b""] * 5
        peers[10].sendall(GET)
        assert Reader(peers[10]).response().body == b"here"


def test_the_longest_in_its_head_gives_way(serve):
    """Thousands that never finish a head do not keep one out that does; one at work stays."""
    server = serve(top="[limits]\nconnections = 50")
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(dial(server.address))
        busy.sendall(get("/drip/5"))
        reader = Reader(busy)
        assert reader.head().status == 200
        for _ in range(300):
            peer = stack.enter_context(dial(server.address))
            peer.sendall(b"GET / HTTP/1.1\r\nX-Half")
        assert server.answer_time() < 1
        assert reader.rest().endswith(b"line 4\n")
    assert fd_count(server.pid) < 100


def test_connections_of_one_address(serve):
    server = serve(top="[limits]\nconnections_per_address = 10")
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(dial(server.address)) for _ in range(10)]
        for peer in peers:
            peer.sendall(GET)
            assert Reader(peer).response().body == b"here"
        with contextlib.suppress(ConnectionError), dial(server.address) as eleventh:
            eleventh.sendall(GET)
            assert eleventh.recv(100) == b""
        with socket.socket() as other:
            other.bind(("127.0.0.2", 0))
            other.settimeout(5)
            other.connect(server.address)
            other.sendall(GET)
            assert Reader(other).response().body == b"here"
    wait_until(lambda: server_takes_one(server.address), "its place is free again")


def server_takes_one(address):
    try:
        return ask(address).body == b"here"
    except (EOFError, ConnectionError):
        return False


def test_requests_of_one_connection(serve):
    server = serve(top="[limits]\nrequests_per_connection = 3")
    with dial(server.address) as peer:
        reader = Reader(peer)
        for i in range(3):
            peer.sendall(GET)
            answer = reader.response()
            assert (answer.headers.get("connection") == "close") == (i == 2)
        assert peer.recv(1) == b""


def test_ten_thousand_idle_connections(serve):
    """They cost little memory and no time, and a new one is answered at once."""
    server = serve(top="[limits]\nconnections = 12000")
    for _ in range(20):
        server.answer_time()
    before = memory_kib(server.pid)
    with contextlib.ExitStack() as stack:
        for i in range(10_000):
            peer = stack.enter_context(socket.socket())
            peer.bind((f"127.0.1.{i % 4 + 1}", 0))
            peer.connect(server.address)
            peer.sendall(GET)
            if i % 100 == 99:
                peer.recv(1000)
        wait_until(lambda: len(log_entries(server.log)) >= 10_000, "all are answered")
        each = (memory_kib(server.pid) - before) * 1024 / 10_000
        spent = cpu_seconds(server.pid)
        assert server.median_answer_time() < PROMPT_S
        time.sleep(1)
        spent = cpu_seconds(server.pid) - spent
    assert each <= 4096, f"{each:.0f} bytes each"
    assert spent < 0.05


def test_out_of_descriptors(serve):
    """More clients than descriptors: those who are let in are served, it is said once and no time
    is burnt."""
    server = serve(max_files=80)
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(dial(server.address)) for _ in range(300)]
        for peer in peers:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: te")
        assert server.answer_time() < 2
        time.sleep(0.3)
        before = cpu_seconds(server.pid)
        time.sleep(1)
        assert cpu_seconds(server.pid) - before < 0.3
        assert server.ask("/count").status in (200, 503)
    assert server.answer_time() < 2
    assert server.ask("/count").body == b"1\n"
    assert server.program.err.count("cannot be accepted") <= 2
    assert server.program.err.count("a worker can have 80 files open") == 1


# -- modules ---------------------------------------------------------------------------------------


ONE_OF_MANY = r"""(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 65536)
  (data (i32.const 0) "\10\00\00\00\0b\00\00\00")
  (data (i32.const 16) "X-A: b\n\n%03d")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""


def test_many_modules_of_four_gigabytes(hythe, tmp_path):
    """Each may grow to 4 GiB: address space is taken for guests that run, not for modules."""
    count = 500
    config = 'workers = 1\n[guest]\nmemory = "4G"\n'
    for i in range(count):
        (tmp_path / f"{i}.wat").write_text(ONE_OF_MANY % i)
        config += f'[[route]]\npath = "/r{i}"\nmodule = "{i}.wat"\n'
    server = hythe.serve(config=config, folder=tmp_path)
    for i in (0, 7, count - 1):
        assert ask(server.address, get(f"/r{i}")).body == b"%03d" % i
    assert memory_kib(worker_of(server)) < 128 << 10


@pytest.mark.skipif("SAN_OPTIONS" in "".join(os.environ), reason="sanitizers need address space")
def test_little_address_space(hythe, guest):
    """A pool that does not fit is said, with what to do; guests run all the same."""
    server = hythe.start("-c", 'ulimit -v 6000000; exec "$0" serve --listen 127.0.0.1:0 --workers 1 '
                         '"$1"', hythe.path, guest("cgi_hello"), path="/bin/sh")
    found = server.wait_for(r"^hythe: serving on http://127\.0\.0\.1:(\d+)$", "err", COMPILE)
    server.wait_for("256 guests at once.*allow this process more address space.*requests below 256",
                    "err")
    assert ask(("127.0.0.1", int(found[1]))).status == 200


def leb128(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def module_of(count, body):
    """A module of so many functions, each with these instructions."""
    def section(kind, content):
        return bytes([kind]) + leb128(len(content)) + content

    code = b"\0" + body + b"\x0b"
    return (b"\0asm\1\0\0\0" + section(1, b"\1\x60\0\0")
            + section(3, leb128(count) + bytes(count)) + section(5, b"\1\0\1")
            + section(7, b"\2\6_start\0\0\6memory\2\0")
            + section(10, leb128(count) + (leb128(len(code)) + code) * count))


@pytest.mark.parametrize("count, body", [
    (20_000, b""), (1, b"\x02\x40" * 200_000 + b"\x0b" * 200_000),
    (300, b"\x41\1\x41\2\x6a\x1a" * 2000), (1, b"\x41\1" * 100_000),
], ids=["functions", "nesting", "size", "malformed"])
def test_compile_bombs(hythe, tmp_path, count, body):
    """What is hard to compile is compiled apart from what serves, whose answers go on; or it is
    refused."""
    config = 'workers = 1\n[[route]]\npath = "/"\ntext = "here"\n'
    server = hythe.serve("--no-cache", config=config, folder=tmp_path)
    pid = worker_of(server)
    (tmp_path / "bomb.wasm").write_bytes(module_of(count, body))
    (tmp_path / "hythe.toml").write_text(config + '[[route]]\npath = "/bomb"\n'
                                                  'module = "bomb.wasm"\n')
    server.send_signal(signal.SIGHUP)
    times = []
    with contextlib.suppress(FileNotFoundError):  # when it has given way to the next one
        while not re.search("hythe: (not )?reloaded", server.err):
            times.append(taken_seconds(pid, lambda: ask(server.address)))
    server.wait_for("hythe: (not )?reloaded", "err", COMPILE)
    assert sorted(times)[len(times) // 2] < PROMPT_S
    assert ask(server.address).body == b"here"


def test_a_module_larger_than_the_limit(hythe, tmp_path):
    """It is refused with both numbers, by --check and by a start."""
    (tmp_path / "bomb.wasm").write_bytes(module_of(2000, b""))
    size = (tmp_path / "bomb.wasm").stat().st_size
    config = ('[limits]\nmodule = "%d"\n[[route]]\npath = "/"\nmodule = "bomb.wasm"\n')
    (tmp_path / "hythe.toml").write_text(config % (size - 1))
    for arguments in (["--check"], ["--listen", "127.0.0.1:0"]):
        done = hythe("serve", *arguments, tmp_path / "hythe.toml")
        assert done.code == 2, done.err
        assert f"{size} bytes, more than limits.module, {size - 1}" in done.err
    (tmp_path / "hythe.toml").write_text(config % size)
    assert hythe("serve", "--check", tmp_path / "hythe.toml").code == 0


def test_modules_that_take_longer_to_compile_than_the_limit(hythe, tmp_path):
    """Those that serve go on; the line names the limit, in the kernel's steps."""
    config = 'workers = 1\n[limits]\ncompile_cpu = "500ms"\n[[route]]\npath = "/"\ntext = "here"\n'
    server = hythe.serve("--no-cache", config=config, folder=tmp_path)
    (tmp_path / "bomb.wasm").write_bytes(module_of(300_000, b"\x41\1\x41\2\x6a\x1a" * 10))
    (tmp_path / "hythe.toml").write_text(config + '[[route]]\npath = "/bomb"\n'
                                                  'module = "bomb.wasm"\n')
    server.send_signal(signal.SIGHUP)
    server.wait_for(r"limits.compile_cpu, 1 s.*\nhythe: not reloaded", "err", COMPILE)
    assert ask(server.address).body == b"here"


# -- in the long run -------------------------------------------------------------------------------


def test_flat_after_20000_requests(server):
    """Good ones and bad ones, whole and broken off."""
    mix = [get("/count"), get("/"), post("/echo", b"x" * 3000), get("/trap"), get("/early_exit/1"),
           get("/size/30000"), get("/missing?a=b"), get("/nested_exit/2"), get("/silent")]

    def some(count):
        done = 0
        while done < count:
            with dial(server.address) as peer:
                reader = Reader(peer)
                for i in range(20):
                    peer.sendall(mix[(done + i) % len(mix)])
                    assert reader.response().status in (200, 500, 502)
                done += 20
                if done % 100 == 0:
                    peer.sendall(get("/endless"))
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    some(2000)
    memory, fds = memory_kib(server.pid), fd_count(server.pid)
    threads = thread_count(server.pid)
    with ThreadPoolExecutor(4) as pool:
        for part in [pool.submit(some, 4500) for _ in range(4)]:
            part.result()
    wait_until(lambda: fd_count(server.pid) <= fds, "descriptors are closed")
    assert thread_count(server.pid) == threads
    assert memory_kib(server.pid) - memory < 4096
