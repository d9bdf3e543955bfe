"""A TCP echo server on mio alone: back-pressure and half-close without HTTP in the way."""
import socket
import threading
import time

import pytest

from harness import dial, read_to_end, reset


@pytest.fixture
def server(hythe, guest):
    return hythe.serve_own(guest("mio_echo"))


def send_all(peer, data):
    peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)


def echo(peer, data):
    peer.sendall(data)
    back = b""
    while len(back) < len(data):
        chunk = peer.recv(65536)
        assert chunk, f"closed after {len(back)} of {len(data)} bytes"
        back += chunk
    return back


def test_bytes_come_back(server):
    """All byte values, unchanged."""
    with dial(server.address) as peer:
        assert echo(peer, bytes(range(256)) * 10) == bytes(range(256)) * 10


def test_single_bytes(server):
    """A ping-pong of single bytes: each wakes the guest anew."""
    with dial(server.address) as peer:
        for i in range(200):
            assert echo(peer, bytes([i])) == bytes([i])


def test_half_close(server):
    """Everything sent before the FIN comes back, then the end."""
    data = b"0123456789abcdef" * 4096
    with dial(server.address) as peer:
        sender = threading.Thread(target=send_all, args=(peer, data))
        sender.start()
        assert read_to_end(peer) == data
        sender.join()


def test_slow_reader_loses_nothing(server):
    """Back-pressure: 8 MB to a client that reads late, through full buffers on both sides."""
    data = b"".join(b"%07d\n" % i for i in range(1_000_000))
    with dial(server.address) as peer:
        sender = threading.Thread(target=send_all, args=(peer, data))
        sender.start()
        time.sleep(0.3)
        with dial(server.address) as other:
            assert echo(other, b"others go on") == b"others go on"
        assert read_to_end(peer) == data
        sender.join()


def test_thousand_connections(server):
    """1,000 clients at once, each with its own bytes."""
    peers = [dial(server.address) for _ in range(1000)]
    for i, peer in enumerate(peers):
        peer.sendall(b"client %04d" % i)
    for i, peer in enumerate(peers):
        got = b""
        while len(got) < 11:
            got += peer.recv(100)
        assert got == b"client %04d" % i
        peer.close()


def test_client_that_leaves(server):
    """A reset with megabytes unread ends one connection."""
    with dial(server.address) as stays:
        for _ in range(10):
            leaves = dial(server.address)
            leaves.setblocking(False)
            try:
                while leaves.send(b"x" * 65536):
                    pass
            except BlockingIOError:
                pass
            reset(leaves)
        assert echo(stays, b"still here") == b"still here"


def test_descriptors_run_out(hythe, guest):
    """EMFILE: those inside are served on, and newcomers once there is room."""
    server = hythe.serve_own(guest("mio_echo"), max_files=64)
    peers = [dial(server.address) for _ in range(100)]
    assert echo(peers[0], b"first") == b"first"
    time.sleep(0.2)
    for peer in peers:
        peer.close()
    with dial(server.address) as late:
        assert echo(late, b"late") == b"late"


def test_waiting_room_while_descriptors_ran_out(hythe, guest):
    """A client that waited in the backlog all along is accepted when another one leaves."""
    server = hythe.serve_own(guest("mio_echo"), max_files=64)
    peers = [dial(server.address) for _ in range(80)]
    peers[-1].sendall(b"waited")
    time.sleep(0.2)
    for peer in peers[:-1]:
        peer.close()
    assert peers[-1].recv(100) == b"waited"
    peers[-1].close()
