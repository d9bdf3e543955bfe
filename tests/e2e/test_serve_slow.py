"""Slow and silent peers of `hythe serve`: each ends at its own timeout, and nobody else waits."""
import select
import socket
import time

import pytest

from harness import GET, Reader, ask, dial, get, log_entries, memory_kib, taken_seconds, worker_of

COUNT = 1000
TCP_ESTABLISHED = 1
PROMPT_S = 0.05
SPAN_S = 2  # of the timeout under test; all others are 10 s and more
SLACK_S = 6  # for this side, too, to notice a thousand ends on a busy machine

CONFIG = """
workers = 1
[log]
access = "access.log"
format = "json"
[guest]
memory = "16M"
[timeouts]
{phase} = "2s"
[limits]
connections = 4000
requests = 1200
[[route]]
path = "/"
text = "here"
[[route]]
path = "/guest/..."
module = "{module}"
body = 0
"""


def connect_all(address, data):
    """The peers, each with the times between which it began."""
    peers = {}
    for _ in range(COUNT):
        before = time.monotonic()
        peer = dial(address)
        peer.sendall(data)
        peers[peer] = (before, time.monotonic())
    return peers


def time_of_ask(server):
    def answer():
        assert ask(server.address).body == b"here"

    return taken_seconds(server.worker, answer)


def watch(server, peers):
    """Ask for an answer all the time until the server has ended every peer; after how many seconds it
    ended each, at most and at least, and what the answers took."""
    ended, times = [], []
    started = time.monotonic()
    open_peers = {peer.fileno(): peer for peer in peers}
    poll = select.poll()
    for peer in peers:
        peer.setblocking(False)
        poll.register(peer, select.POLLIN | select.POLLHUP)
    while open_peers and time.monotonic() - started < SPAN_S + 20:
        times.append(time_of_ask(server))
        for fd, _ in poll.poll(20):
            peer = open_peers[fd]
            try:
                gone = not peer.recv(1 << 16)
            except BlockingIOError:
                gone = False
            except ConnectionResetError:
                gone = True
            if gone:
                ended.append([time.monotonic() - begin for begin in peers[peer]])
                poll.unregister(fd)
                del open_peers[fd]
    return ended, times


def check_prompt(times):
    """A new client is answered at once, nearly always: not while a thousand ends are handled."""
    times.sort()
    assert times[len(times) * 9 // 10] < PROMPT_S, times[-10:]


def check(server, peers):
    """Each ends at its own timeout, and a new client is answered promptly all the while."""
    ended, times = watch(server, peers)
    for peer in peers:
        peer.close()
    assert len(ended) == COUNT, "the server holds slow peers"
    assert min(most for most, _ in ended) > SPAN_S - 0.1
    assert max(least for _, least in ended) < SPAN_S + SLACK_S
    check_prompt(times)


@pytest.fixture
def slow_server(hythe, guest, tmp_path):
    def start(phase):
        config = CONFIG.format(phase=phase, module=guest("cgi_ways"))
        server = hythe.serve(config=config, folder=tmp_path)
        server.worker = worker_of(server)
        server.log = tmp_path / "access.log"
        for _ in range(20):
            assert ask(server.address).body == b"here"
        return server

    return start


def median_of_prompt(server):
    return sorted(time_of_ask(server) for _ in range(20))[10]


def test_half_a_head(slow_server):
    """A thousand clients that stop in the middle of a header."""
    server = slow_server("header")
    peers = connect_all(server.address, b"GET / HTTP/1.1\r\nHost: test\r\nX-Half")
    assert median_of_prompt(server) < PROMPT_S
    check(server, peers)


def test_silence(slow_server):
    """A thousand clients that say nothing at all."""
    server = slow_server("header")
    peers = connect_all(server.address, b"")
    assert median_of_prompt(server) < PROMPT_S
    check(server, peers)


def test_half_a_body(slow_server):
    """A thousand clients that stop in the middle of a body which a guest reads: a thousand guests
    wait, and the answer is 408."""
    server = slow_server("body")
    head = b"POST /guest/sink HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf"
    peers = connect_all(server.address, head)
    assert median_of_prompt(server) < PROMPT_S
    check(server, peers)


def test_idle(slow_server):
    """A thousand connections that have had their answer."""
    server = slow_server("idle")
    peers = connect_all(server.address, GET)
    for peer in peers:
        assert Reader(peer).response().body == b"here"
    assert median_of_prompt(server) < PROMPT_S
    check(server, peers)


def test_never_reads(slow_server):
    """A thousand clients that ask for much and read nothing: guests wait, and what is kept for each
    is small."""
    server = slow_server("write")
    before = memory_kib(server.worker)
    started = time.monotonic()
    peers = []
    for _ in range(COUNT):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(server.address)
        peer.sendall(get("/guest/length/1000000000"))
        peers.append(peer)
    assert median_of_prompt(server) < PROMPT_S
    assert (memory_kib(server.worker) - before) / COUNT < 512
    gone, times = [], []
    while time.monotonic() - started < SPAN_S + 28 and len(gone) < COUNT:
        times.append(time_of_ask(server))
        gone = [peer for peer in peers if is_reset(peer)]
        time.sleep(0.01)
    for peer in peers:
        peer.close()
    assert len(gone) == COUNT, "the server holds peers that never read"
    check_prompt(times)
    assert server.stop().code == 0
    ends = [entry for entry in log_entries(server.log) if entry["target"] != "/"]
    assert {entry["outcome"] for entry in ends} == {"write_timeout"} and len(ends) == COUNT
    assert min(entry["duration_us"] for entry in ends) > (SPAN_S - 0.1) * 1e6


def is_reset(peer):
    """Has the server given up on a connection? Looked up without reading its bytes."""
    state = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != TCP_ESTABLISHED


def test_dripping_head(slow_server):
    """A byte now and then does not make a head's time longer."""
    server = slow_server("header")
    started = time.monotonic()
    with dial(server.address) as peer:
        peer.settimeout(0.1)
        said = b""
        for byte in b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 200:
            peer.sendall(bytes([byte]))
            try:
                said = peer.recv(4096)
                break
            except TimeoutError:
                pass
    assert SPAN_S - 0.1 < time.monotonic() - started < SPAN_S + SLACK_S
    assert said.startswith(b"HTTP/1.1 408 ")


def test_dripping_body(slow_server):
    """A body may take its time as long as more of it comes; a head's time is not for it."""
    server = slow_server("body")
    with dial(server.address) as peer:
        peer.sendall(b"POST /guest/sink HTTP/1.1\r\nHost: test\r\nContent-Length: 12\r\n\r\n")
        for _ in range(12):
            time.sleep(0.3)
            peer.sendall(b"x")
        assert Reader(peer).response().body == b"12 end\n"
