"""Components that were written to do harm, and clients and upstreams that help them: what a guest asks
for in one call or in all is bounded, nobody else waits for it, and nothing of it is left behind.
tests/guests/components/wat/component_greedy.wat asks for too much; wasi_ways does the rest."""
import os
import random
import socket
import time

import pytest

from harness import (WAIT, Reader, ask, clear_peak, dial, exchange, fd_count, get, memory_kib,
                     peak_kib, post, reset, thread_count, wait_for_entry, wait_until, worker_of)

REQUESTS = int(os.environ.get("HYTHE_SOAK_REQUESTS", "20000"))
MIB_IN_KIB = 1024

CONFIG = """
workers = 1
[log]
access = "{folder}/access.log"
format = "json"
[guest]
wall = "15s"
cpu = "1s"
memory = "128M"
[[route]]
path = "/ok"
text = "ok"
[[route]]
path = "/..."
module = "{greedy}"
[[route]]
host = "ways.test"
path = "/..."
module = "{ways}"
body = 0
[[route]]
host = "again.test"
path = "/..."
module = "{ways}"
reuse = 10
[[route]]
host = "out.test"
path = "/..."
module = "{ways}"
allow_http = ["http://127.0.0.1:{port}"]
"""


@pytest.fixture(scope="module")
def forbidden():
    """A server that no guest may reach, on the port that they may reach elsewhere."""
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture(scope="module")
def server(hythe_of_module, guest, tmp_path_factory, forbidden):
    folder = tmp_path_factory.mktemp("abuse")
    config = CONFIG.format(folder=folder, greedy=guest("component_greedy"), ways=guest("wasi_ways"),
                           port=forbidden.getsockname()[1])
    server = hythe_of_module.serve(config=config, folder=folder)
    server.log = folder / "access.log"
    server.worker = worker_of(server)
    return server


def at(path, *extra, host="ways.test"):
    return get(path, *extra).replace(b"Host: test", b"Host: " + host.encode())


def check_alive(server):
    assert ask(server.address, at("/hello")).body == b"hello\n"


# -- too much in one call --------------------------------------------------------------------------


@pytest.mark.parametrize("way,words", [
    ("a", "the lists hold more than the 8388608 bytes of one call"),
    ("b", "a list of 65537 elements is more than the host takes"),
    ("c", "a list of 5000000 handles is more than the 65536 that the host takes"),
    ("d", "a string of 33554432 is longer than the 1048576 that the host takes"),
    ("f", "handle limit exceeded"),
    ("g", "67108864 bytes, of 1048576 that one call may ask for"),
    ("j", "unpaired surrogate"),
    ("l", "unreachable"),
    ("m", "realloc return: beyond end of memory"),
    ("n", "realloc return: result not aligned"),
])
def test_asking_for_too_much_traps_at_once(server, way, words):
    """Before the host has looked at it, or kept any of it."""
    check_alive(server)
    clear_peak(server.worker)
    before = peak_kib(server.worker)
    assert ask(server.address, get(f"/{way}")).status == 500
    server.wait_for(words, "err")
    grown = peak_kib(server.worker) - before
    assert grown < (100 + 16) * MIB_IN_KIB, f"{grown} KiB beside what is the guest's own"
    check_alive(server)


@pytest.mark.parametrize("way", ["e", "i"])
def test_an_error_or_an_answer_is_no_trap(server, way):
    """Texts in every encoding, and a field that is too large."""
    assert ask(server.address, get(f"/{way}")).status == 500
    assert wait_for_entry(server.log, target=f"/{way}")["guest"] == "no_head"


def test_long_calls_do_not_hold_up_the_others(server):
    """65,536 pollables again and again, which costs milliseconds a call."""
    with dial(server.address) as peer:
        peer.sendall(get("/h"))
        for _ in range(50):
            assert ask(server.address, get("/ok")).body == b"ok"
            check_alive(server)
        peer.settimeout(WAIT)
        assert Reader(peer).response().status == 504


# -- too much in all -------------------------------------------------------------------------------


def test_more_resources_than_a_guest_may_hold_trap(server):
    assert ask(server.address, at("/resources/60000")).body == b"60000\n"
    assert ask(server.address, at("/resources/70000")).status == 500
    server.wait_for("resources and may have no more", "err")
    assert ask(server.address, at("/pollables/70000")).status == 500
    assert ask(server.address, at("/resources/200000/drop")).body == b"200000\n"
    check_alive(server)


@pytest.mark.parametrize("path", ["/many-fields/100000", "/one-field/1000000", "/loop", "/overflow",
                                  "/write-unchecked", "/over-permit", "/zeroes-over-permit",
                                  "/blocking-large", "/poll-empty", "/twice", "/memory/4000"])
def test_a_guest_that_goes_too_far_fails_alone(server, path):
    data = exchange(server.address, at(path) + at("/method", "Connection: close"))
    assert data.startswith(b"HTTP/1.1 ") and b"GET\n" in data or b"\r\n0\r\n\r\n" not in data
    check_alive(server)


# -- clients that leave ----------------------------------------------------------------------------


def test_cancelled_at_any_moment(server):
    """The front ends guests in every function that waits, and in between."""
    paths = ["/sleep/5000", "/sleep/5000/until", "/endless", "/slow/100/10", "/loop", "/zeroes/4096",
             "/splice-stdin", "/pollables/5000", "/resources/20000", "/bytes/5000000"]
    bodies = ["/echo", "/echo/copy", "/double-echo", "/sink", "/trailers", "/skip", "/huge-read",
              "/early/read"]
    chance = random.Random(5)
    for turn in range(150):
        with dial(server.address) as peer:
            if turn % 2 == 0:
                peer.sendall(at(chance.choice(paths)))
            else:
                head = post(chance.choice(bodies), b"x" * 100_000)
                peer.sendall(head.replace(b"Host: test", b"Host: ways.test")[:chance.randrange(
                    100, 100_000)])
            time.sleep(chance.random() / 50)
            reset(peer)
    check_alive(server)


def test_ended_while_it_takes_an_answer_over(server):
    """In its allocator, which the host has called: by its limit, and by a client that leaves."""
    assert ask(server.address, get("/k")).status == 504
    for pause in (0, 0.001, 0.01, 0.05) * 5:
        with dial(server.address) as peer:
            peer.sendall(get("/k"))
            time.sleep(pause)
            reset(peer)
    wait_for_entry(server.log, target="/k", guest="cancelled")
    check_alive(server)


# -- between requests ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/secret/write", "/secret/write/trap"])
def test_nothing_is_left_for_the_next_guest(server, path):
    for _ in range(4):
        exchange(server.address, at(path, "Connection: close"))
        assert ask(server.address, at("/secret/look")).body.split()[-1] == b"0"


def test_what_a_reused_guest_keeps_ends_with_it(server):
    """Handles that were not dropped, for as many requests as an instance serves."""
    fds = None
    for turn in range(100):
        answer = ask(server.address, at("/resources/1000", host="again.test"))
        assert answer.body == b"1000\n"
        if turn == 20:
            fds = fd_count(server.worker)
            memory = memory_kib(server.worker)
    assert fd_count(server.worker) <= fds + 2
    assert memory_kib(server.worker) - memory < 8 * MIB_IN_KIB


# -- on the way out --------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [
    "http://127.0.0.2:{port}/", "http://127.0.0.1:{port}@127.0.0.2:{port}/",
    "http://127.0.0.2:{port}#@127.0.0.1:{port}/", "http://127.0.0.2:{port}\\@127.0.0.1:{port}/",
    "http://2130706434:{port}/", "http://0x7f000002:{port}/", "http://0177.0.0.2:{port}/",
    "http://127.2:{port}/", "http://[::ffff:127.0.0.2]:{port}/", "http://127.0.0.1:{port}%40127.0.0.2/",
    "https://127.0.0.1:{port}/", "http://127.0.0.1:1/", "ftp://127.0.0.1:{port}/",
])
def test_no_spelling_reaches_what_is_forbidden(server, forbidden, target):
    target = target.format(port=forbidden.getsockname()[1])
    answer = ask(server.address, at(f"/fetch?{target}", host="out.test"))
    assert answer.status in (200, 400, 500, 502), answer
    assert b"status 200" not in answer.body
    with pytest.raises(BlockingIOError):
        forbidden.accept()
    check_alive(server)


def test_the_clients_host_chooses_no_upstream(server, forbidden):
    port = forbidden.getsockname()[1]
    for extra in (f"X-Forwarded-Host: 127.0.0.2:{port}", f"Forwarded: host=127.0.0.2:{port}"):
        ask(server.address, at(f"/own-header?host=127.0.0.2:{port}&http://127.0.0.1:{port}/", extra,
                               host="out.test"))
    with pytest.raises(BlockingIOError):
        forbidden.accept()


# -- for a long time -------------------------------------------------------------------------------


class Soak:
    """Requests in batches over connections that stay, a tenth of them of the bad kind."""

    BATCH = 50
    BAD = ("/trap", "/no-response", "/exit", "/error-code/38", "/overflow", "/poll-empty")

    def __init__(self, server):
        self.server = server
        self.chance = random.Random(1)
        self.peer = None
        self.done = 0
        self.fds = fd_count(server.worker) + 1

    def close(self):
        if self.peer is not None:
            self.peer.close()
        self.peer = None

    def good(self):
        if self.peer is None:
            self.peer = dial(self.server.address)
            self.reader = Reader(self.peer)
        hosts = ["ways.test", "again.test"]
        self.peer.sendall(b"".join(at("/hello", host=self.chance.choice(hosts))
                                   for _ in range(self.BATCH)))
        for _ in range(self.BATCH):
            assert self.reader.response().body == b"hello\n"
        self.done += self.BATCH

    def bad(self):
        assert ask(self.server.address, at(self.chance.choice(self.BAD))).status >= 500
        self.done += 1

    def cancelled(self):
        with dial(self.server.address) as peer:
            peer.sendall(at(self.chance.choice(["/sleep/5000", "/endless", "/slow/50/20"])))
            time.sleep(self.chance.choice([0, 0, 0.0005, 0.002]))
            reset(peer)
        self.done += 1

    def run(self, count):
        """So many more, in the proportion of nine to one."""
        until = self.done + count
        while self.done < until:
            self.good()
            for _ in range(self.BATCH // 16):
                self.bad()
                self.cancelled()
        self.close()

    def sizes(self):
        """KiB and descriptors, once the last of the cancelled ones has gone."""
        worker = self.server.worker
        wait_until(lambda: fd_count(worker) <= self.fds, f"{self.fds} descriptors")
        print(f"after {self.done} requests: {memory_kib(worker)} KiB, {fd_count(worker)} fds")
        return memory_kib(worker)


@pytest.mark.timeout_s(180 + REQUESTS // 100)
def test_memory_is_flat_over_many_requests(server):
    """A tenth of them trap, fail or are cancelled. HYTHE_SOAK_REQUESTS for more."""
    check_alive(server)
    soak = Soak(server)
    threads = thread_count(server.worker)
    soak.run(REQUESTS // 10)
    soak.sizes()
    soak.run(REQUESTS * 4 // 10)
    half = soak.sizes()
    soak.run(REQUESTS // 2)
    whole = soak.sizes()
    assert whole - half < 4 * MIB_IN_KIB, (half, whole)
    assert thread_count(server.worker) == threads
