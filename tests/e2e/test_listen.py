"""Listeners that hythe opens or inherits, and ports that two want."""
import os
import re
import socket
import sys

import pytest

from harness import GREETING, ask, curl, dial
from ports import free_port

HELLO = b"Hello from C\n"
READY = "Now listening on"
DIRECTORY, OTHER = 16, 1  # what prestat_scan adds up

# Puts a descriptor where systemd puts it, tells the program so, and becomes the program.
INHERIT = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_FDS"] = sys.argv[2]
os.environ["LISTEN_PID"] = str(os.getpid() + int(sys.argv[3]))
os.execv(sys.argv[4], sys.argv[4:])
"""


@pytest.fixture
def inherited():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener


def start_inheriting(hythe, fd, *args, count=1, pid_off=0):
    return hythe.start("-c", INHERIT, fd, count, pid_off, hythe.path, "run", *args,
                       path=sys.executable, pass_fds=[fd])


def test_real_port_is_printed(hythe, guest):
    """Port 0 is printed as the port it became, and it answers."""
    server = hythe.serve_listener(guest("listener_loop"), ready=READY)
    assert server.address[1] > 0
    assert ask(server.address).body == HELLO


def test_listen_is_an_alias(hythe, guest):
    """--listen is --tcplisten."""
    server = hythe.start("run", "--listen=127.0.0.1:0", guest("listener_loop"))
    port = int(server.wait_for(r"^hythe: listening on 127\.0\.0\.1:(\d+)$", "err")[1])
    assert ask(("127.0.0.1", port)).body == HELLO


def test_several_listeners(hythe, guest):
    """All are opened, the first is descriptor 3, and each is reported."""
    server = hythe.start("run", "--tcplisten", "127.0.0.1:0", "--tcplisten", "127.0.0.1:0",
                         guest("listener_loop"))
    server.wait_for(r"^hythe: listening on 127\.0\.0\.1:\d+$", "err", count=2)
    first, second = (int(port) for port in re.findall(r"listening on \S+:(\d+)", server.err))
    assert first != second
    assert ask(("127.0.0.1", first)).body == HELLO
    dial(("127.0.0.1", second)).close()


def test_any_address(hythe, guest):
    """:PORT is every IPv4 address of this machine."""
    server = hythe.start("run", "--tcplisten", ":0", guest("listener_loop"))
    found = server.wait_for(r"^hythe: listening on 0\.0\.0\.0:(\d+)$", "err")
    assert ask(("127.0.0.1", int(found[1]))).body == HELLO


def test_ipv6(hythe, guest):
    """An IPv6 listener, with its address in brackets."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"this kernel has no IPv6: {error}")
    server = hythe.start("run", "--tcplisten", "[::1]:0", guest("listener_loop"))
    port = int(server.wait_for(r"^hythe: listening on \[::1\]:(\d+)$", "err")[1])
    assert ask(("::1", port)).body == HELLO
    assert curl("-g", f"http://[::1]:{port}/") == HELLO


def test_unix(hythe, guest, tmp_path):
    """A Unix socket in the place of a port."""
    path = tmp_path / "socket"
    server = hythe.start("run", "--tcplisten", f"unix:{path}", guest("listener_loop"))
    server.wait_for(f"listening on unix:{path}", "err")
    assert curl("--unix-socket", path, "http://localhost/") == HELLO


def test_unix_after_a_crash(hythe, guest, tmp_path):
    """A socket file that nobody listens on is no obstacle; one that is in use is."""
    path = str(tmp_path / "socket")
    first = hythe.start("run", "--tcplisten", f"unix:{path}", guest("listener_loop"))
    first.wait_for("listening on unix:", "err")
    second = hythe.run("--tcplisten", f"unix:{path}", guest("listener_loop"))
    assert second.code == 1 and path in second.err, second
    assert curl("--unix-socket", path, "http://localhost/") == HELLO
    first.close()
    assert os.path.exists(path)
    third = hythe.start("run", "--tcplisten", f"unix:{path}", guest("listener_loop"))
    third.wait_for("listening on unix:", "err")
    assert curl("--unix-socket", path, "http://localhost/") == HELLO


def test_unix_path_of_another_file(hythe, guest, tmp_path):
    """A file that is no socket is never removed."""
    path = tmp_path / "precious"
    path.write_text("precious")
    result = hythe.run("--tcplisten", f"unix:{path}", guest("listener_loop"))
    assert result.code == 1, result
    assert path.read_text() == "precious"


def test_inherited_listener(hythe, guest, inherited):
    """A systemd socket is descriptor 3 of the guest."""
    start_inheriting(hythe, inherited.fileno(), guest("listener_loop"))
    assert ask(inherited.getsockname()).body == HELLO


def test_inherited_comes_before_opened(hythe, guest, inherited):
    """Beside --tcplisten the inherited one stays the first."""
    server = start_inheriting(hythe, inherited.fileno(), "--tcplisten", "127.0.0.1:0",
                              guest("listener_loop"))
    server.wait_for(READY)
    assert ask(inherited.getsockname()).body == HELLO


def test_listeners_of_another_process(hythe, guest, inherited):
    """LISTEN_PID of somebody else: the descriptor is not ours, and no preopen."""
    program = start_inheriting(hythe, inherited.fileno(), guest("prestat_scan"), pid_off=1)
    assert program.wait().code == 0


def test_inherited_that_is_no_listener(hythe, guest, tmp_path):
    """LISTEN_FDS on a plain file is an error that names the descriptor."""
    with (tmp_path / "file").open("w") as file:
        result = start_inheriting(hythe, file.fileno(), guest("listener_loop")).wait()
    assert result.code == 1 and "descriptor 3" in result.err and "LISTEN_FDS" in result.err, result


def test_environment_for_guests_that_look(hythe, guest):
    """LISTEN_FDS tells the guest how many listeners it has (mio's example needs it)."""
    out = hythe.run("--tcplisten", "127.0.0.1:0", "--tcplisten", "127.0.0.1:0", guest("hello")).out
    assert "env LISTEN_FDS=2\n" in out


@pytest.mark.parametrize("listeners, directories", [(0, 0), (1, 0), (0, 1), (1, 1), (2, 2)])
def test_preopens_are_found(hythe, guest, tmp_path, listeners, directories):
    """A libc's walk over the preopens finds the directories behind the listeners."""
    options = ["--tcplisten", "127.0.0.1:0"] * listeners
    for i in range(directories):
        options += ["--dir", f"{tmp_path}::/d{i}"]
    result = hythe.run(*options, guest("prestat_scan"))
    assert result.code == listeners * OTHER + directories * DIRECTORY, result


def test_strict_prestat(hythe, guest, tmp_path):
    """--strict-prestat ends the walk at the first listener, as on Wasmtime."""
    result = hythe.run("--strict-prestat", "--tcplisten", "127.0.0.1:0", "--dir", f"{tmp_path}::/d",
                       guest("prestat_scan"))
    assert result.code == 0, result


def test_files_behind_a_listener(hythe, guest, tmp_path):
    """The directory is not only seen but works."""
    result = hythe.run("--tcplisten", "127.0.0.1:0", "--dir", f"{tmp_path}::/data", guest("files"),
                       "/data")
    assert result.code == 0, result


def test_two_guests_want_one_port(hythe, guest):
    """Two hyper servers: the second ends with an error that says the port is in use."""
    first = hythe.serve_own(guest("hyper_server"))
    port = first.address[1]
    second = hythe.run("--allow-listen", f"*:{port}", "--env", f"PORT={port}",
                       guest("hyper_server"))
    assert second.code != 0, second
    assert re.search(r"in use|AddrInUse", second.err), second
    assert ask(("127.0.0.1", port)).body == GREETING


def test_two_guests_on_listeners_want_one_port(hythe, guest):
    """The same for preopened listeners: one line of hythe's, and the first goes on."""
    first = hythe.serve_listener(guest("listener_loop"), ready=READY)
    address = f"127.0.0.1:{first.address[1]}"
    second = hythe.run("--tcplisten", address, guest("listener_loop"))
    assert second.code == 1, second
    assert len(second.err.splitlines()) == 1 and address in second.err, second
    assert ask(first.address).body == HELLO


def test_port_is_free_again_at_once(hythe, guest):
    """A restart takes the port of its predecessor, whose connections still linger."""
    port = free_port()
    for _ in range(3):
        server = hythe.start("run", "--tcplisten", f"127.0.0.1:{port}", guest("listener_loop"))
        server.wait_for(READY)
        assert ask(("127.0.0.1", port)).body == HELLO
        with dial(("127.0.0.1", port)):
            assert server.stop().code == 143
