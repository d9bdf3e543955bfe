"""--workers N: processes that share the ports; one dies, the service does not."""
import contextlib
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from harness import (GET, GREETING, Reader, ask, check_many, children_of, dial, is_alive,
                     wait_until)

HELLO = b"Hello from C\n"


@pytest.fixture
def master(hythe, guest):
    program = hythe.serve_own(guest("hyper_server"), "--workers", "2")
    program.wait_for("listening on", count=2)
    return program


def sockets_of(pid):
    """How many sockets a process has open."""
    count = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(entry).startswith("socket:")
    return count


def test_two_workers_share_a_port(master):
    """Both guests got the same port, although each asked for any."""
    ports = re.findall(r"listening on \S+:(\d+)", master.out)
    assert len(ports) == 2 and ports[0] == ports[1]
    assert len(children_of(master.pid)) == 2


def test_both_answer(master):
    """Of connections that come at the same time each worker holds some."""
    workers = children_of(master.pid)
    before = {pid: sockets_of(pid) for pid in workers}
    peers = []

    def connect():
        for _ in range(100):
            peers.append(dial(master.address))
            peers[-1].sendall(GET)

    clients = [threading.Thread(target=connect) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    for peer in peers:
        assert Reader(peer).response().body == GREETING
    gained = [sockets_of(pid) - before[pid] for pid in workers]
    for peer in peers:
        peer.close()
    assert sum(gained) == 400 and min(gained) > 0, gained


def test_many_connections(master):
    """A thousand clients over both."""
    check_many(master.address, 1000, GREETING)


def test_worker_that_is_killed_is_replaced(master):
    """kill -9 of one: requests go on being answered meanwhile, and there are two again."""
    workers = children_of(master.pid)
    os.kill(workers[0], signal.SIGKILL)
    for _ in range(50):
        assert ask(master.address).body == GREETING
    wait_until(lambda: len(children_of(master.pid)) == 2, "a new worker")
    assert workers[1] in children_of(master.pid)
    assert re.search(r"^hythe: worker \d ended .*137|killed", master.err, re.M), master.err
    master.wait_for("listening on", count=3)
    assert ask(master.address).body == GREETING


def test_every_worker_killed(master):
    """Both at once: the port stays open, clients wait and are then answered."""
    for pid in children_of(master.pid):
        os.kill(pid, signal.SIGKILL)
    assert ask(master.address).body == GREETING


@pytest.mark.parametrize("signo, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_ends_all(master, signo, code):
    """One signal to the master, and no process is left."""
    workers = children_of(master.pid)
    with dial(master.address) as peer:
        peer.sendall(GET)
        assert Reader(peer).response().body == GREETING
        assert master.stop(signo).code == code
    assert [pid for pid in workers if is_alive(pid)] == []


def test_interrupt_from_a_terminal(master):
    """Ctrl-C reaches master and workers alike: still one orderly end, and no restarts."""
    workers = children_of(master.pid)
    os.killpg(master.pid, signal.SIGINT)
    result = master.wait()
    assert result.code == 130
    assert [pid for pid in workers if is_alive(pid)] == []
    assert "starts again" not in result.err


def test_master_that_is_killed(master):
    """No worker outlives its master."""
    workers = children_of(master.pid)
    master.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in workers), "the workers have gone")


def test_listener_workers(hythe, guest):
    """A preopened listener is shared, too."""
    master = hythe.serve_listener(guest("listener_loop"), "--workers", "2", ready="Now listening")
    assert len(re.findall("listening on 127", master.err)) == 1
    check_many(master.address, 50, HELLO)
    assert master.stop().code == 143


def test_trap_in_a_loop(hythe, guest):
    """A module that always traps is not restarted for ever, and its own code comes out."""
    start = time.monotonic()
    result = hythe.run("--workers", "2", guest("trap"))
    assert result.code == 134, result
    assert "giving up" in result.err
    assert 0.5 < time.monotonic() - start  # it did pause in between
    assert result.out.count("about to trap") < 20


def test_workers_that_end_well(hythe, guest):
    """Guests that end with 0 are not started again, and neither is the master."""
    result = hythe.run("--workers", "2", guest("hello"))
    assert (result.code, result.out.count("hello\n"), result.err) == (0, 2, ""), result


def test_port_conflict(hythe, guest):
    """A taken port is one error of the master, not one of each worker over and over."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        result = hythe.run("--workers", "2", "--tcplisten", address, guest("listener_loop"))
    assert result.code == 1, result
    assert len(result.err.splitlines()) == 1 and address in result.err, result


def test_port_conflict_of_the_guest(hythe, guest):
    """The same when the guests bind it: it ends by itself and says which port."""
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]
        result = hythe.run("--workers", "2", "--allow-listen", f"*:{port}", "--env",
                           f"PORT={port}", guest("poll_hello"), seconds=20)
    assert result.code != 0, result
    assert f"cannot listen on port {port}" in result.err


def test_bad_module_is_told_once(hythe, guest):
    """What is wrong with the module is one line, and no worker is started."""
    result = hythe.run("--workers", "4", guest("foreign_wasix"))
    assert result.code == 126 and len(result.err.splitlines()) == 1, result


def test_timeout_of_workers(hythe, guest):
    """--timeout ends each worker; the master does not hang."""
    result = hythe.run("--workers", "2", "--timeout", "100ms", guest("spin"), seconds=20)
    assert result.code == 134 and "--timeout" in result.err, result
