"""Go's net/http on a preopened listener: a runtime that throws on any errno it does not know."""
import contextlib
import socket

import pytest

from harness import (GET, GET_CLOSE, Reader, ask, check_file_limit, check_idle, check_many, curl,
                     dial, post, read_to_end, reset, send_slowly, url)

HELLO = b"Hello from Go\n"
READY = "serving on descriptor 3"


@pytest.fixture
def server(hythe, guest):
    return hythe.serve_listener(guest("go_http"), ready=READY)


def test_curl(server):
    """The unmodified module answers an ordinary client."""
    assert curl(url(server.address)) == HELLO


def test_curl_echo(server):
    """A body goes in and comes out again."""
    assert curl("--data-binary", "Bob Morane", url(server.address, "/echo")) == b"Bob Morane"


def test_raw_close(server):
    """Complete answer, then the end."""
    with dial(server.address) as peer:
        peer.sendall(GET_CLOSE)
        answer = read_to_end(peer)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\n" + HELLO)


def test_byte_by_byte(server):
    """A slow head, with another client served meanwhile."""
    with dial(server.address) as peer:
        send_slowly(peer, GET[:-1])
        assert ask(server.address).body == HELLO
        peer.sendall(GET[-1:])
        assert Reader(peer).response().body == HELLO


def test_pipelined(server):
    """Requests in one segment are answered in their order."""
    with dial(server.address) as peer:
        peer.sendall(GET + post("/echo", b"one") + post("/echo", b"two") + GET)
        reader = Reader(peer)
        assert [reader.response().body for _ in range(4)] == [HELLO, b"one", b"two", HELLO]


def test_half_closed(server):
    """After the client's FIN the connection ends, and the server lives."""
    with dial(server.address) as peer:
        peer.sendall(GET)
        reader = Reader(peer)
        assert reader.response().body == HELLO
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
    assert ask(server.address).body == HELLO


def test_thousand_connections(server):
    """1,000 clients at once."""
    check_many(server.address, 1000, HELLO)


def test_client_that_leaves(server):
    """Resets while answers are under way."""
    with dial(server.address) as stays:
        for _ in range(20):
            leaves = dial(server.address)
            leaves.sendall(post("/echo", b"x" * 200_000) + GET * 50)
            leaves.recv(100)
            reset(leaves)
        stays.sendall(GET)
        assert Reader(stays).response().body == HELLO


def test_big_body(server):
    """5 MB in and out, through Go's poller."""
    body = b"".join(b"%07d " % i for i in range(5_000_000 // 8))
    answer = curl("--data-binary", "@-", "-H", "Expect:", url(server.address, "/echo"), stdin=body)
    assert answer == body


def test_idle(server):
    """100 idle connections: Go waits in poll_oneoff without a clock."""
    check_idle(server)


def test_descriptors_run_out(hythe, guest):
    """EMFILE is an error that Go's server waits out."""
    server = hythe.serve_listener(guest("go_http"), ready=READY, max_files=64)
    check_file_limit(server, HELLO)


def test_directories_beside_the_listener(hythe, guest, tmp_path):
    """A listener among the preopens does not hide the directories behind it from Go."""
    server = hythe.serve_listener(guest("go_http"), "--dir", f"{tmp_path}::/data", ready=READY)
    with contextlib.ExitStack() as stack:
        stack.enter_context(dial(server.address))
        assert ask(server.address).body == HELLO
