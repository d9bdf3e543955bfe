"""A C server shaped like the first ASP.NET modules: descriptor 3, a 10 ms tick, no poll on it."""
import contextlib
import socket
import time
from pathlib import Path

import pytest

from harness import (GET, GET_CLOSE, Reader, ask, check_many, curl, dial, read_to_end, reset,
                     send_slowly, url, wait_until)

HELLO = b"Hello from C\n"
READY = "Now listening on"
MEGABYTES = 50


@pytest.fixture
def server(hythe, guest):
    return hythe.serve_listener(guest("listener_loop"), ready=READY)


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def test_curl(server):
    """The unmodified module answers an ordinary client."""
    assert curl(url(server.address)) == HELLO


def test_raw_bytes(server):
    """The exact message, and the end behind it."""
    with dial(server.address) as peer:
        peer.sendall(GET_CLOSE)
        assert read_to_end(peer) == (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                     b"Content-Length: 13\r\nConnection: close\r\n\r\n" + HELLO)


def test_survives_when_nobody_calls(server):
    """accept answers AGAIN at once, tick after tick: any other errno ends this guest."""
    time.sleep(0.5)
    assert server.is_running, server.out
    assert ask(server.address).body == HELLO


def test_silent_client_stops_nobody(server):
    """The NONBLOCK flag of accept reaches the connection: a read of 1 MiB must not wait."""
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(dial(server.address))
        assert ask(server.address).body == HELLO


def test_byte_by_byte(server):
    """A head in single bytes, spread over many ticks."""
    with dial(server.address) as peer:
        send_slowly(peer, GET, pause=0.003)
        assert Reader(peer).response().body == HELLO


def test_pipelined(server):
    """Five requests in one segment, five answers."""
    with dial(server.address) as peer:
        peer.sendall(GET * 5)
        reader = Reader(peer)
        assert [reader.response().body for _ in range(5)] == [HELLO] * 5


def test_half_closed(server):
    """Request and FIN together: answered, then closed by the read of nothing."""
    with dial(server.address) as peer:
        peer.sendall(GET)
        peer.shutdown(socket.SHUT_WR)
        assert read_to_end(peer).endswith(HELLO)


def test_hundred_connections(server):
    """The guest accepts one a tick; a hundred clients are all served."""
    check_many(server.address, 100, HELLO)


def test_big_answer_read_slowly(server):
    """50 MB to a slow reader: AGAIN from fd_write is retried and no byte is lost or doubled."""
    size = MEGABYTES * 1_000_000
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
        peer.settimeout(10)
        peer.connect(server.address)
        peer.sendall(f"GET /bytes/{size} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
        head, got, reads = b"", 0, 0
        while chunk := peer.recv(1 << 20):
            if b"\r\n\r\n" not in head:
                head += chunk
                chunk = head.partition(b"\r\n\r\n")[2] if b"\r\n\r\n" in head else b""
            assert chunk.count(b"x") == len(chunk)
            got += len(chunk)
            reads += 1
            if reads % 8 == 0:
                time.sleep(0.003)
    assert got == size
    assert ask(server.address).body == HELLO


def test_client_that_leaves(server):
    """A reset in the middle of 50 MB ends that answer; those beside it are served on."""
    with dial(server.address) as stays:
        for _ in range(3):
            leaves = dial(server.address)
            leaves.sendall(get(f"/bytes/{MEGABYTES * 1_000_000}"))
            leaves.recv(100_000)
            reset(leaves)
        stays.sendall(GET)
        assert Reader(stays).response().body == HELLO
    assert server.is_running


def test_two_reset_before_they_are_accepted(server):
    """Connections that are gone before accept are no fatal errno for the guest."""
    for _ in range(20):
        reset(dial(server.address))
    assert ask(server.address).body == HELLO
    assert server.is_running, server.out


def test_out_of_descriptors_is_told_to_the_guest(hythe, guest):
    """EMFILE reaches the guest as MFILE (33), and this one gives up on it."""
    server = hythe.serve_listener(guest("listener_loop"), "--max-fds", "16", ready=READY)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(dial(server.address))
        result = server.wait()
    assert (result.code, "accept failed with errno 33" in result.out) == (1, True), result


def test_connections_are_closed_when_clients_go(server):
    """50 short connections leave no descriptor behind."""
    def count():
        return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))

    before = count()
    for _ in range(50):
        ask(server.address)
    wait_until(lambda: count() <= before, "descriptors are given back")
