"""The article's Rust server: hyper on WasmEdge's sockets of the first generation."""
import contextlib
import signal
import socket
import time

import pytest

from harness import (GET, GET_CLOSE, GREETING, Reader, ask, check_file_limit, check_idle,
                     check_many, cpu_seconds, curl, dial, post, read_to_end, reset, send_slowly,
                     taken_seconds, url)


@pytest.fixture
def server(hythe, guest):
    return hythe.serve_own(guest("hyper_server"))


def test_curl_gets_the_greeting(server):
    """The first of the article's two requests, byte for byte."""
    assert curl(url(server.address)) == GREETING


def test_curl_posts_a_name(server):
    """The second of the article's two requests, byte for byte."""
    answer = curl("--data", "Bob Morane", url(server.address, "/hello"))
    assert answer == "👋 Hello Bob Morane".encode()


def test_other_paths_are_not_found(server):
    """The guest's own 404 arrives, with no body."""
    assert curl("-o", "/dev/null", "-w", "%{http_code}", url(server.address, "/nothing")) == b"404"


def test_raw_bytes_of_an_answer(server):
    """Head and body are one message with the right length, and close is honoured."""
    with dial(server.address) as peer:
        peer.sendall(GET_CLOSE)
        head, _, body = read_to_end(peer).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: %d" % len(GREETING) in head
    assert body == GREETING


def test_head_and_body_leave_together(server):
    """The guest's two sends are coalesced: one segment, so one recv has the whole answer."""
    with dial(server.address) as peer:
        whole = 0
        for _ in range(20):
            peer.sendall(GET)
            whole += peer.recv(65536).endswith(GREETING)
        assert whole == 20


def test_no_wait_for_a_delayed_ack(server):
    """TCP_NODELAY and one send: 50 requests one after the other take no 40 ms each."""
    with dial(server.address) as peer:
        reader = Reader(peer)

        def talk():
            for _ in range(50):
                peer.sendall(GET)
                assert reader.response().body == GREETING

        assert taken_seconds(server.pid, talk) < 1


def test_request_byte_by_byte(server):
    """A head and a body that trickle in are put together, while others are served."""
    with dial(server.address) as slow:
        send_slowly(slow, post("/hello", b"Bob")[:-1])
        assert ask(server.address).body == GREETING
        slow.sendall(b"b")
        assert Reader(slow).response().body == "👋 Hello Bob".encode()


def test_pipelined_requests(server):
    """Requests in one segment are answered in their order."""
    with dial(server.address) as peer:
        peer.sendall(GET + post("/hello", b"A") + GET + post("/hello", b"B"))
        reader = Reader(peer)
        bodies = [reader.response().body for _ in range(4)]
    assert bodies == [GREETING, "👋 Hello A".encode(), GREETING, "👋 Hello B".encode()]


def test_half_closed_connection(server):
    """A client that ends its sending side is noticed and its connection closed."""
    with dial(server.address) as peer:
        peer.sendall(GET)
        reader = Reader(peer)
        assert reader.response().body == GREETING
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
    assert ask(server.address).body == GREETING


def test_thousand_connections(server):
    """1,000 clients at once."""
    check_many(server.address, 1000, GREETING)


def test_client_that_leaves(server):
    """Resets while answers are under way end their own connections only."""
    with dial(server.address) as stays:
        for _ in range(20):
            leaves = dial(server.address)
            leaves.sendall(GET * 200)
            leaves.recv(100)
            reset(leaves)
        stays.sendall(GET)
        assert Reader(stays).response().body == GREETING
    assert ask(server.address).body == GREETING


def test_clients_that_left_before_accept(server):
    """Gone before the guest looks: no errno of a dead connection may make hyper pause and spin."""
    server.send_signal(signal.SIGSTOP)
    for _ in range(20):
        reset(dial(server.address))
    server.send_signal(signal.SIGCONT)
    before = cpu_seconds(server.pid)
    answers = []
    assert taken_seconds(server.pid, lambda: answers.append(ask(server.address).body)) < 0.5
    assert answers == [GREETING]
    assert cpu_seconds(server.pid) - before < 0.2


def test_big_body_both_ways(server):
    """5 MB in and out again: partial reads and writes lose and repeat nothing."""
    body = b"".join(b"%07d " % i for i in range(5_000_000 // 8))
    with dial(server.address) as peer:
        peer.sendall(post("/hello", body))
        assert Reader(peer).response().body == "👋 Hello ".encode() + body


def test_idle_connections_cost_nothing(server):
    """Adaptive write readiness: 100 idle connections, and the guest sleeps (WasmEdge: 100 %)."""
    check_idle(server)


def test_idle_server_still_wakes(server):
    """A guest that sleeps beside idle connections hears of new ones and of new requests."""
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(dial(server.address)) for _ in range(10)]
        time.sleep(0.3)
        assert ask(server.address).body == GREETING
        for peer in idle:
            peer.sendall(GET)
            assert Reader(peer).response().body == GREETING


def test_descriptors_run_out(hythe, guest):
    """Accepting under EMFILE neither ends the server nor makes it deaf."""
    server = hythe.serve_own(guest("hyper_server"), max_files=64)
    check_file_limit(server, GREETING)


def test_level_triggered_on_request(hythe, guest):
    """--poll=level serves as well; it only costs more."""
    server = hythe.serve_own(guest("hyper_server"), "--poll=level")
    assert ask(server.address).body == GREETING


@pytest.mark.parametrize("signo, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ends_by_signal_beside_open_connections(server, signo, code):
    """A server ends at once by signal, with clients connected; they see the end."""
    with dial(server.address) as peer:
        peer.sendall(GET)
        assert Reader(peer).response().body == GREETING
        assert server.stop(signo).code == code
        assert peer.recv(1) == b""
