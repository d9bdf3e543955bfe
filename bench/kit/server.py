"""The servers under test, wrk, and a client that makes exactly as many requests as it is told."""
import os
import re
import resource
import select
import socket
import subprocess
import time
from contextlib import contextmanager

from kit import process

REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
READY_S = 60  # the first start compiles a guest of several MB
ANSWER_S = 20


class Server:
    def __init__(self, child, port):
        self.child = child
        self.pid = child.pid
        self.port = port


def _port_of(child):
    """Both twins print 'listening on ADDRESS:PORT' once they do."""
    poll = select.poll()
    poll.register(child.stdout, select.POLLIN | select.POLLHUP)
    deadline_s = time.monotonic() + READY_S
    line = ""
    while time.monotonic() < deadline_s and poll.poll(1000 * READY_S):
        line = child.stdout.readline()
        found = re.search(r"listening on .*:(\d+)", line)
        if found:
            return int(found.group(1))
        if not line:
            break
    raise process.Failure(f"the server did not start; status {child.poll()}")


@contextmanager
def _serve(command, setting, **options):
    child = process.start(command, setting.server_cpus, stdout=subprocess.PIPE, **options)
    try:
        server = Server(child, _port_of(child))
        fetch(server)
        yield server
    finally:
        process.end(child)


def serve_guest(setting, guest, **options):
    command = setting.run_command(guest, options=["--env", "PORT=0", "--allow-listen", "*:*"])
    return _serve(command, setting, **options)


def serve_native(setting, name, **options):
    return _serve([setting.native(name)], setting, env={**os.environ, "PORT": "0"}, **options)


# -- a client that counts --------------------------------------------------------------------------

def connect(server, source="127.0.0.1"):
    peer = socket.socket()
    peer.settimeout(ANSWER_S)
    # The port is chosen at connect: one source port may then serve several peers.
    peer.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
    peer.bind((source, 0))
    peer.connect(("127.0.0.1", server.port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def read_answer(peer):
    """Read one answer with a Content-Length and return its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(peer)
    head, body = data.split(b"\r\n\r\n", 1)
    status = head.split(b"\r\n", 1)[0]
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    if b" 200 " not in status or length is None:
        raise process.Failure(f"unexpected answer: {status!r}")
    while len(body) < int(length.group(1)):
        body += _some(peer)
    return body


def _some(peer):
    try:
        data = peer.recv(65536)
    except TimeoutError as error:
        raise process.Failure(f"no answer within {ANSWER_S} s") from error
    except OSError as error:
        raise process.Failure(f"a connection broke: {error.strerror}") from error
    if not data:
        raise process.Failure("the server closed a connection that should be kept alive")
    return data


def fetch(server):
    peer = connect(server)
    try:
        peer.sendall(REQUEST)
        return read_answer(peer)
    finally:
        peer.close()


@contextmanager
def connections(server, count, sources=1):
    """`count` open connections, from so many loopback addresses that ports do not run short."""
    peers = []
    try:
        try:
            for i in range(count):
                peers.append(connect(server, f"127.0.0.{2 + i % sources}"))
        except OSError as error:
            raise process.Failure(f"connection {len(peers)} failed: {error.strerror}") from error
        yield peers
    finally:
        for peer in peers:
            peer.close()


def ask_each(peers, rounds=1, batch=64):
    """One request a round on every connection; up to `batch` of them are out at a time."""
    for _ in range(rounds):
        for i in range(0, len(peers), batch):
            for peer in peers[i:i + batch]:
                peer.sendall(REQUEST)
            for peer in peers[i:i + batch]:
                read_answer(peer)


def raise_descriptor_limit(wanted):
    """Let us, and the servers started from now on, have this many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, OSError) as error:
        raise process.Failure(f"{wanted} descriptors are needed and only {hard} allowed; "
                              f"ulimit -Hn {wanted}") from error


# -- wrk -------------------------------------------------------------------------------------------

class Round:
    """What one run of wrk came to."""

    def __init__(self, requests, seconds, cpu_ns):
        self.requests = requests
        self.per_second = requests / seconds
        self.cpu_us = cpu_ns / 1e3 / requests  # of the server, per request
        self.per_cpu_second = requests / (cpu_ns / 1e9)
        self.busy_percent = 100 * cpu_ns / 1e9 / seconds


def load(server, setting, seconds, connection_count=8):
    """Keep-alive requests from `wrk -t1`, and the server's processor time for them."""
    before_ns = process.cpu_ns(server.pid)
    start_s = time.monotonic()
    out = process.run(["wrk", "-t1", f"-c{connection_count}", f"-d{seconds}s",
                       f"http://127.0.0.1:{server.port}/"], seconds + 30, setting.client_cpus)
    elapsed_s = time.monotonic() - start_s
    spent_ns = process.cpu_ns(server.pid) - before_ns
    requests = re.search(r"(\d+) requests in ", out)
    if requests is None or int(requests.group(1)) == 0 or "Non-2xx" in out or "Socket err" in out:
        raise process.Failure("wrk saw errors: " + " / ".join(out.splitlines()[-4:]))
    return Round(int(requests.group(1)), elapsed_s, spent_ns)
