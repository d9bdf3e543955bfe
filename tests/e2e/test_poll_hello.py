"""A C server around poll(), on WasmEdge's sockets of the first generation."""
import socket

import pytest

from harness import (GET, GET_CLOSE, Reader, check_file_limit, check_idle, check_many, curl,
                     dial, post, read_to_end, reset, send_slowly, url)


HELLO = b"Hello from C\n"


@pytest.fixture
def server(hythe, guest):
    return hythe.serve_own(guest("poll_hello"))


def test_curl(server):
    """The C server answers an ordinary client."""
    assert curl(url(server.address)) == HELLO


def test_raw_close(server):
    """After Connection: close the answer is complete and the connection ends."""
    with dial(server.address) as peer:
        peer.sendall(GET_CLOSE)
        assert read_to_end(peer).endswith(b"\r\n\r\n" + HELLO)


def test_byte_by_byte(server):
    """A head that arrives in single bytes is one request."""
    with dial(server.address) as peer:
        send_slowly(peer, GET)
        assert Reader(peer).response().body == HELLO


def test_pipelined(server):
    """50 requests in one segment, 50 answers."""
    with dial(server.address) as peer:
        peer.sendall(GET * 50)
        reader = Reader(peer)
        assert [reader.response().body for _ in range(50)] == [HELLO] * 50


def test_half_closed(server):
    """Request and FIN together: the answer still comes, then the end."""
    with dial(server.address) as peer:
        peer.sendall(GET)
        peer.shutdown(socket.SHUT_WR)
        assert read_to_end(peer).endswith(HELLO)


def test_thousand_connections(server):
    """1,000 clients at once, in one poll list."""
    check_many(server.address, 1000, HELLO)


def test_client_that_leaves(server):
    """Resets with answers under way hurt nobody else."""
    with dial(server.address) as stays:
        for _ in range(20):
            leaves = dial(server.address)
            leaves.sendall(GET * 500)
            reset(leaves)
        stays.sendall(GET)
        assert Reader(stays).response().body == HELLO


def test_request_that_is_none(server):
    """The guest's 400 arrives although it closes right behind it."""
    with dial(server.address) as peer:
        peer.sendall(b"nonsense\r\n\r\n")
        assert read_to_end(peer).startswith(b"HTTP/1.1 400 ")


def test_body_is_skipped(server):
    """A body before the next request is taken for what it is."""
    body = b"GET /none HTTP/1.1\r\n\r\n" * 4000
    with dial(server.address) as peer:
        peer.sendall(post("/", body).replace(b"POST", b"GET", 1) + GET)
        reader = Reader(peer)
        assert [reader.response().status for _ in range(2)] == [200, 200]


def test_idle(server):
    """100 idle connections and no CPU."""
    check_idle(server)


def test_descriptors_run_out(hythe, guest):
    """EMFILE from the system."""
    server = hythe.serve_own(guest("poll_hello"), max_files=64)
    check_file_limit(server, HELLO)


def test_max_fds(hythe, guest):
    """--max-fds is the same to the guest."""
    server = hythe.serve_own(guest("poll_hello"), "--max-fds", "32")
    check_file_limit(server, HELLO)
