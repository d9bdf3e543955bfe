"""`hythe serve` under all kinds of clients at once, for HYTHE_SOAK_SECONDS (10; an hour before a
release): nothing grows, everybody is answered."""
import contextlib
import os
import random
import socket
import struct
import threading
import time

import pytest

from harness import (GET, WAIT, Reader, ask, cpu_seconds, dial, fd_count, get, memory_kib, post,
                     reset, taken_seconds, thread_count, wait_until, worker_of)

SECONDS = float(os.environ.get("HYTHE_SOAK_SECONDS", "10"))
CLIENTS = 8
CONFIG = """
workers = 1
[timeouts]
header = "2s"
body = "2s"
write = "2s"
idle = "2s"
[limits]
connections = 500
requests = 64
[guest]
memory = "16M"
cpu = "300ms"
wall = "3s"
[log]
access = "{folder}/access.log"
format = "json"
[[route]]
path = "/"
text = "here"
[[route]]
path = "/files/..."
files = "{folder}/public"
[[route]]
path = "/busy/..."
kind = "cgi"
module = "{module}"
concurrency = 3
[[route]]
path = "/..."
kind = "cgi"
module = "{module}"
body = 0
"""


@pytest.fixture
def server(hythe, guest, tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "file").write_bytes(os.urandom(300_000))
    server = hythe.serve(config=CONFIG.format(folder=tmp_path, module=guest("cgi_ways")),
                         folder=tmp_path)
    server.worker = worker_of(server)
    return server


class Client(threading.Thread):
    """Does one thing after the other, chosen by a seed, until it is told to end."""

    def __init__(self, address, seed):
        super().__init__(daemon=True)
        self.address = address
        self.random = random.Random(seed)
        self.is_ending = False
        self.done = 0
        self.wrong = None

    def run(self):
        ways = [self.good, self.good, self.good, self.bad, self.pipeline, self.upload, self.leave,
                self.stall, self.drip, self.unread]
        while not self.is_ending and self.wrong is None:
            way = self.random.choice(ways)
            try:
                way()
                self.done += 1
            except (ConnectionError, EOFError):
                # Only these may be cut off: by a limit of time, or by giving way.
                if way not in (self.stall, self.drip, self.unread, self.upload):
                    self.wrong = f"{way.__name__}: cut off"
            except Exception as error:  # pylint: disable=broad-except
                self.wrong = f"{way.__name__}: {error!r}"

    def good(self):
        path, statuses = self.random.choice([
            ("/", [200]), ("/count", [200]), ("/files/file", [200]), ("/size/100000", [200]),
            ("/busy/drip/1", [200, 503]), ("/nowhere/../files/none", [404]), ("/env?a=b", [200])])
        answer = ask(self.address, get(path, "Connection: close"))
        assert answer.status in statuses, (path, answer.status)
        assert path != "/count" or answer.body == b"1\n"

    def bad(self):
        path, statuses = self.random.choice([
            ("/trap", [500]), ("/silent", [502]), ("/spin", [504]), ("/sleep", [504]),
            ("/grow", [500]),
            ("/overflow", [500]), ("/forge", [200]), ("/flood/100000", [200]),
            ("/headless", [502])])
        answer = ask(self.address, get(path))
        assert answer.status in statuses, (path, answer.status)

    def pipeline(self):
        count = self.random.randrange(1, 20)
        with dial(self.address) as peer:
            peer.sendall(get("/count") * count + post("/echo", b"last"))
            reader = Reader(peer)
            assert all(reader.response().body == b"1\n" for _ in range(count))
            assert reader.response().body == b"last"

    def upload(self):
        body = self.random.randbytes(self.random.randrange(1, 300_000))
        assert ask(self.address, post("/sink", body)).body == b"%d end\n" % len(body)

    def leave(self):
        with dial(self.address) as peer:
            peer.sendall(self.random.choice([get("/endless"), get("/spin"), get("/sleep"),
                                             get("/files/file"), post("/sink", b"x" * 9)[:-3],
                                             b"GET"]))
            if self.random.random() < 0.5:
                peer.recv(100 if self.random.random() < 0.1 else 0)
            time.sleep(self.random.random() * 0.02)
            reset(peer)

    def stall(self):
        with dial(self.address) as peer:
            peer.sendall(self.random.choice([b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX",
                                             post("/sink", b"x" * 100)[:-50]]))
            peer.recv(1000)

    def drip(self):
        with dial(self.address) as peer:
            for byte in b"GET / HTTP/1.1\r\nHost: a\r\n\r\n":
                peer.sendall(bytes([byte]))
                time.sleep(0.005)
            answer = Reader(peer).response()
            assert answer.body == b"here" or answer.status == 408  # on a machine that is too busy

    def unread(self):
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.connect(self.address)
            peer.sendall(get("/endless"))
            time.sleep(self.random.random())


def answer_time(server):
    def answer():
        assert ask(server.address, GET).body == b"here"

    return taken_seconds(server.worker, answer)


@pytest.mark.timeout_s(SECONDS + 120)
def test_soak(server):
    seed = int(os.environ.get("HYTHE_SOAK_SEED", time.time_ns() % 1_000_000))
    print(f"HYTHE_SOAK_SEED={seed}")
    clients = [Client(server.address, seed * 100 + i) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    began = time.monotonic()
    memory, threads, slowest = [], thread_count(server.worker), []
    most_fds = 0
    while time.monotonic() - began < SECONDS:
        time.sleep(SECONDS / 100)
        memory.append(memory_kib(server.worker))
        most_fds = max(most_fds, fd_count(server.worker))
        slowest.append(answer_time(server))
        assert [client.wrong for client in clients if client.wrong] == [], f"seed {seed}"
    for client in clients:
        client.is_ending = True
    for client in clients:
        client.join(WAIT)
    assert [client.wrong for client in clients if client.wrong] == [], f"seed {seed}"
    assert sum(client.done for client in clients) > 5 * SECONDS

    # What there was is gone: connections, guests, their memory; and no time is spent on nothing.
    wait_until(lambda: fd_count(server.worker) < 30, "descriptors are closed")
    assert most_fds < 200
    assert thread_count(server.worker) == threads
    third = len(memory) // 3
    assert max(memory[2 * third:]) - max(memory[third:2 * third]) < 8192, memory
    before = cpu_seconds(server.worker)
    time.sleep(1)
    assert cpu_seconds(server.worker) - before < 0.05
    assert sorted(slowest)[len(slowest) // 2] < 0.25
    with contextlib.suppress(ProcessLookupError):
        assert server.stop().code == 0
