"""A C server around poll(), on WasmEdge's sockets of the first generation."""
import socket

import pytest

from harness import (GET, GET_CLOSE, Reader, ask, check_file_limit, check_idle, check_many, curl,
                     dial, post, read_to_end, reset, send_slowly, url)


@pytest.fixture
def server(hythe, guest):
    return hythe.serve_own(guest("poll_hello"))


@pytest.fixture
def body(server):
    """What the guest greets with; every other test compares with it."""
    return ask(server.address).body


def test_curl(server):
    """The C server answers an ordinary client."""
    assert b"Hello" in curl(url(server.address)) or b"hello" in curl(url(server.address))


def test_raw_close(server, body):
    """After Connection: close the answer is complete and the connection ends."""
    with dial(server.address) as peer:
        peer.sendall(GET_CLOSE)
        assert read_to_end(peer).endswith(b"\r\n\r\n" + body)


def test_byte_by_byte(server, body):
    """A head that arrives in single bytes is one request."""
    with dial(server.address) as peer:
        send_slowly(peer, GET)
        assert Reader(peer).response().body == body


def test_pipelined(server, body):
    """50 requests in one segment, 50 answers."""
    with dial(server.address) as peer:
        peer.sendall(GET * 50)
        reader = Reader(peer)
        assert [reader.response().body for _ in range(50)] == [body] * 50


def test_half_closed(server, body):
    """Request and FIN together: the answer still comes, then the end."""
    with dial(server.address) as peer:
        peer.sendall(GET)
        peer.shutdown(socket.SHUT_WR)
        assert read_to_end(peer).endswith(body)


def test_thousand_connections(server, body):
    """1,000 clients at once, in one poll list."""
    check_many(server.address, 1000, body)


def test_client_that_leaves(server, body):
    """Resets with answers under way hurt nobody else."""
    with dial(server.address) as stays:
        for _ in range(20):
            leaves = dial(server.address)
            leaves.sendall(GET * 500)
            reset(leaves)
        stays.sendall(GET)
        assert Reader(stays).response().body == body


def test_request_that_is_none(server):
    """The guest's 400 arrives although it closes right behind it."""
    with dial(server.address) as peer:
        peer.sendall(b"nonsense\r\n\r\n")
        assert read_to_end(peer).startswith(b"HTTP/1.1 400 ")


def test_body_is_skipped(server, body):
    """A body before the next request is taken for what it is."""
    with dial(server.address) as peer:
        peer.sendall(post("/", b"x" * 100_000) + GET)
        reader = Reader(peer)
        reader.response()
        assert reader.response().body == body


def test_idle(server, body):
    """100 idle connections and no CPU."""
    check_idle(server, server.address, body)


def test_descriptors_run_out(hythe, guest, body):
    """EMFILE from the system."""
    server = hythe.serve_own(guest("poll_hello"), max_files=64)
    check_file_limit(server, server.address, body)


def test_max_fds(hythe, guest, body):
    """--max-fds is the same to the guest."""
    server = hythe.serve_own(guest("poll_hello"), "--max-fds", "32")
    check_file_limit(server, server.address, body)
