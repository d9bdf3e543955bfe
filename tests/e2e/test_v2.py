"""WasmEdge's second socket generation under the plain names: addresses, datagrams, connecting."""
import socket
import threading
import time

import pytest

from harness import (GET, Reader, ask, check_idle, curl, dial, read_to_end, reset, send_slowly,
                     url)

REFUSED = 14  # WASI's CONNREFUSED


@pytest.fixture
def server(hythe, guest):
    # Its datagrams use the number that the listener got, so one port is not enough.
    return hythe.serve_own(guest("v2_server"), "--env", "BIND=127.0.0.1", allow="127.0.0.1:*")


@pytest.fixture
def have_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"this kernel has no IPv6: {error}")


def name_of(address):
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def expected_body(peer):
    local, remote = name_of(peer.getsockname()), name_of(peer.getpeername())
    return f"Hello from v2\npeer {local}\nlocal {remote}\n".encode()


def test_curl(server):
    """An ordinary client is answered."""
    assert curl(url(server.address)).startswith(b"Hello from v2\npeer 127.0.0.1:")


def test_both_ends_are_reported(server):
    """sock_getpeeraddr and sock_getlocaladdr of 3 parameters say what the kernel says."""
    with dial(server.address) as peer:
        peer.sendall(GET)
        assert Reader(peer).response().body == expected_body(peer)


def test_ipv6(hythe, guest, have_ipv6):
    """The same over IPv6, with datagrams."""
    server = hythe.start("run", "--allow-listen", "[::1]:*", "--allow-connect", "[::1]:*",
                         "--env", "PORT=0", "--env", "BIND=::1", guest("v2_server"))
    port = int(server.wait_for(r"listening on \[::1\]:(\d+)$")[1])
    with dial(("::1", port)) as peer:
        peer.sendall(GET)
        assert Reader(peer).response().body == expected_body(peer)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
        peer.settimeout(5)
        peer.sendto(b"six", ("::1", port))
        assert peer.recvfrom(100)[0] == b"six"


def test_byte_by_byte(server):
    """A slow head."""
    with dial(server.address) as peer:
        send_slowly(peer, GET)
        assert Reader(peer).response().body == expected_body(peer)


def test_pipelined(server):
    """Ten requests in one segment."""
    with dial(server.address) as peer:
        peer.sendall(GET * 10)
        reader = Reader(peer)
        assert [reader.response().body for _ in range(10)] == [expected_body(peer)] * 10


def test_half_closed(server):
    """Request and FIN together: answered, then closed."""
    with dial(server.address) as peer:
        body = expected_body(peer)  # the kernel forgets the peer when both sides have closed
        peer.sendall(GET)
        peer.shutdown(socket.SHUT_WR)
        assert read_to_end(peer).endswith(body)


def test_sixty_connections(server):
    """As many clients as the guest has slots for."""
    peers = [dial(server.address) for _ in range(60)]
    for peer in peers:
        peer.sendall(GET)
    for peer in peers:
        assert Reader(peer).response().body == expected_body(peer)
        peer.close()


def test_client_that_leaves(server):
    """Resets hurt nobody else."""
    for _ in range(100):
        leaves = dial(server.address)
        leaves.sendall(GET * 50)
        reset(leaves)
    assert ask(server.address).status == 200


def udp_server(hythe, guest):
    server = hythe.start("run", "--net", "--env", "PORT=0", "--env", "BIND=127.0.0.1",
                         guest("v2_server"))
    return "127.0.0.1", int(server.wait_for(r"listening on 127\.0\.0\.1:(\d+)$")[1])


@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507])
def test_datagrams_of_any_size(hythe, guest, size):
    """From nothing to the largest there is: recv_from of 8 parameters, and send_to back."""
    address = udp_server(hythe, guest)
    data = bytes(i % 251 for i in range(size))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(5)
        peer.sendto(data, address)
        assert peer.recvfrom(70_000) == (data, address)


def test_datagrams_to_many(hythe, guest):
    """Each answer goes to the one who asked."""
    address = udp_server(hythe, guest)
    peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for i, peer in enumerate(peers):
        peer.settimeout(5)
        peer.sendto(b"%d" % i, address)
    for i, peer in enumerate(peers):
        assert peer.recv(100) == b"%d" % i
        peer.close()


def test_idle(server):
    """50 idle connections and no CPU."""
    check_idle(server, count=50)


# -- the client ------------------------------------------------------------------------------------


class OneAnswer(threading.Thread):
    """A TCP server in Python that answers one connection and keeps what it was sent."""

    def __init__(self, answer, family=socket.AF_INET, pause=0.0):
        super().__init__(daemon=True)
        self.listener = socket.socket(family)
        self.listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.listener.listen()
        self.listener.settimeout(8)
        self.port = self.listener.getsockname()[1]
        self.answer, self.pause, self.request = answer, pause, None
        self.start()

    def run(self):
        peer, _ = self.listener.accept()
        with peer, self.listener:
            peer.settimeout(8)
            self.request = read_to_end(peer)
            time.sleep(self.pause)
            peer.sendall(self.answer)


def test_client_over_tcp(hythe, guest):
    """Connect in progress, SO_ERROR, half-close and a late answer, seen from a peer."""
    peer = OneAnswer(b"the answer", pause=0.2)
    result = hythe.run("--allow-connect", f"127.0.0.1:{peer.port}", guest("v2_client"), "tcp",
                       "127.0.0.1", peer.port, "/path")
    peer.join(5)
    assert result.code == 0, result
    assert result.out.startswith(f"peer 127.0.0.1:{peer.port}\nlocal 127.0.0.1:")
    assert result.out.endswith("the answer")
    assert peer.request == b"GET /path HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


def test_client_over_ipv6(hythe, guest, have_ipv6):
    """The same to [::1]."""
    peer = OneAnswer(b"six", family=socket.AF_INET6)
    result = hythe.run("--allow-connect", f"[::1]:{peer.port}", guest("v2_client"), "tcp", "::1",
                       peer.port)
    assert (result.code, result.out[-3:]) == (0, "six"), result


def test_client_over_udp(hythe, guest):
    """A datagram there and back, and who sent it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5)
        port = peer.getsockname()[1]
        client = hythe.start("run", "--net", guest("v2_client"), "udp", "127.0.0.1", port, "ping")
        data, address = peer.recvfrom(100)
        peer.sendto(b"pong", address)
        result = client.wait()
    assert data == b"ping"
    assert result.out == f"sent 4\nfrom 127.0.0.1:{port}\nreceived pong\n", result
    assert result.code == 0


def test_nobody_listens(hythe, guest):
    """A refused connection is CONNREFUSED by way of SO_ERROR, not a failure of the host."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take it
        port = probe.getsockname()[1]
        result = hythe.run("--net", guest("v2_client"), "tcp", "127.0.0.1", port)
    assert (result.code, result.out) == (REFUSED, f"sock_connect: errno {REFUSED}\n"), result


def test_guest_to_guest(hythe, guest, server):
    """The client guest asks the server guest."""
    port = server.address[1]
    result = hythe.run("--allow-connect", f"127.0.0.1:{port}", guest("v2_client"), "tcp",
                       "127.0.0.1", port)
    assert result.code == 0, result
    assert "Hello from v2\npeer 127.0.0.1:" in result.out
