"""Ports for programs that cannot take port 0 and say which one it became; bench/ uses this, too.

They lie outside the range from which the kernel serves bind(0) and outgoing connections: nobody
takes one by chance between the look at it and the program's own bind.
"""
import contextlib
import os
import random
import socket
import time
from pathlib import Path

TRIES = 5  # of a program, for one port after the other
_FIRST = 10000
_LOOKS = 100


def _ports_of_nobody():
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    return [*range(_FIRST, low), *range(high + 1, 65536)]


def free_port():
    """A port that nobody uses now. Only for what cannot take port 0."""
    ports = _ports_of_nobody()
    for port in random.sample(ports, min(_LOOKS, len(ports))) + [0]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return probe.getsockname()[1]
    raise AssertionError("no port can be bound")


def listens(pid, port):
    """Whether this process itself listens there: another program would answer, too."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    sockets = {f"socket:[{words[9]}]" for words in map(str.split, lines)
               if words[1].endswith(f":{port:04X}") and words[3] == "0A"}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/fd/{name}") in sockets:
                return True
    return False


def await_listener(process, port, seconds=10):
    """Wait until a child listens there; False when it ended instead, as where another was quicker."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # it ends just now
            if listens(process.pid, port):
                return True
        assert time.monotonic() < deadline, f"{process.args}: no listener within {seconds} s"
        time.sleep(0.02)
    return False
