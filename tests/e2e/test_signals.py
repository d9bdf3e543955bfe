"""How a run ends: signals, exit codes, traps and limits."""
import re
import shutil
import signal
import time

import pytest

from harness import GET, GREETING, Reader, dial

SIGNALS = [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
TRAP = 134


@pytest.mark.parametrize("signo, code", SIGNALS)
@pytest.mark.parametrize("name", ["hyper_server", "poll_hello", "mio_echo"])
def test_idle_server_ends(hythe, guest, name, signo, code):
    """A server that waits ends at once."""
    server = hythe.serve_own(guest(name))
    start = time.monotonic()
    assert server.stop(signo).code == code
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("signo, code", SIGNALS)
@pytest.mark.parametrize("name, ready", [("listener_loop", "Now listening"),
                                         ("go_http", "serving on")])
def test_listener_guest_ends(hythe, guest, name, ready, signo, code):
    """The same for guests on a preopened listener, one ticking, one parked."""
    server = hythe.serve_listener(guest(name), ready=ready)
    assert server.stop(signo).code == code


@pytest.mark.parametrize("signo, code", SIGNALS)
def test_computing_guest_ends(hythe, guest, signo, code):
    """A guest that makes no host call cannot keep a signal from ending it."""
    program = hythe.start("run", guest("spin"))
    program.wait_for("spinning")
    assert program.stop(signo).code == code


def test_blocked_guest_ends(hythe, guest, tmp_path):
    """A guest inside a blocking accept ends as well."""
    path = str(tmp_path / "socket")
    program = hythe.start("run", "--allow-listen", f"unix:{path}", guest("unix_server"), "listen",
                          path)
    program.wait_for("listening on")
    assert program.stop().code == 143


def test_signal_during_start(hythe, guest):
    """SIGTERM while a module is compiled ends hythe, too."""
    program = hythe.start("run", "--no-cache", "--allow-listen", "*:0", guest("hyper_server"))
    time.sleep(0.1)
    assert program.stop().code == 143


def test_last_answer_is_sent(hythe, guest):
    """What the guest has sent before it is ended reaches the client."""
    server = hythe.serve_own(guest("hyper_server"))
    with dial(server.address) as peer:
        peer.sendall(GET)
        time.sleep(0.2)
        assert server.stop().code == 143
        assert Reader(peer).response().body == GREETING


def test_exit_codes_beyond_a_byte(hythe, guest):
    """What a system would cut to 0 was no success."""
    assert hythe.run(guest("hello"), "--exit", "256").code != 0


@pytest.mark.parametrize("how, cause", [
    ("unreachable", "unreachable"),
    ("memory", "out of bounds memory"),
    ("divide", "divide by zero"),
    ("stack", "stack exhausted|stack overflow"),
    ("indirect", "indirect call type mismatch"),
])
def test_trap(hythe, guest, how, cause):
    """134, the cause in words, and a backtrace that names the guest's own functions in order."""
    result = hythe.run(guest("trap"), how)
    assert result.code == TRAP, result
    assert result.out == "about to trap\n"
    assert re.search(cause, result.err), result.err
    names = ("innermost", "middle", "outer") if how != "stack" else ("endless", "endless")
    at = 0
    for name in names:
        at = result.err.find(name, at)
        assert at >= 0, f"{name} is missing in:\n{result.err}"
        at += 1


@pytest.mark.parametrize("name", ["spin", "infinite_loop"])
def test_timeout_of_a_guest_that_spins(hythe, guest, name):
    """--timeout ends what would run for ever, in time, and says so."""
    start = time.monotonic()
    result = hythe.run("--timeout", "500ms", guest(name))
    assert 0.4 < time.monotonic() - start < 15
    assert result.code == TRAP
    assert re.search(r"^hythe: .*longer than 0\.5 s.*--timeout", result.err, re.M), result.err


def test_timeout_of_a_guest_that_waits(hythe, guest):
    """A parked guest is ended in the same way."""
    server = hythe.serve_own(guest("poll_hello"), "--timeout", "500ms")
    result = server.wait()
    assert result.code == TRAP
    assert "--timeout" in result.err


def test_timeout_that_is_not_reached(hythe, guest):
    """A guest that ends before is not touched, and does not wait for the time to pass."""
    start = time.monotonic()
    assert hythe.run("--timeout", "60", guest("hello")).code == 0
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("name", ["alloc", "memory_grow"])
def test_max_memory(hythe, guest, name):
    """--max-memory ends a guest that allocates for ever, and a line says so."""
    result = hythe.run("--max-memory", "64M", guest(name))
    assert result.code == TRAP, result
    assert re.search(r"^hythe: .*--max-memory", result.err, re.M), result.err


def test_max_memory_is_what_it_says(hythe, guest):
    """64M are 64 MiB, all of them for the guest: it ends when it wants a little more."""
    err = hythe.run("--max-memory", "64M", guest("alloc")).err
    assert "67108864" in err, err
    wanted = max(int(number) for number in re.findall(r"\d+", err))
    assert 64 << 20 < wanted <= 66 << 20, err


def test_max_memory_that_is_enough(hythe, guest):
    """A guest below the limit runs and hears nothing of it."""
    result = hythe.run("--max-memory", "64M", guest("hello"))
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize("name", ["spin", "infinite_loop"])
def test_fuel(hythe, guest, name):
    """--fuel ends a guest after so many instructions, and a line says so."""
    result = hythe.run("--fuel", "10000000", guest(name))
    assert result.code == TRAP, result
    assert re.search(r"^hythe: .*10000000.*--fuel", result.err, re.M), result.err


def test_fuel_that_is_enough(hythe, guest):
    """A short guest does not notice."""
    assert hythe.run("--fuel", "100000000", guest("hello")).code == 0


def test_a_file_that_may_not_grow(hythe, guest, tmp_path):
    """The system's limit on file sizes is an errno for the guest; its signal would end hythe."""
    run = ["--dir", f"{tmp_path}::/", guest("files"), "/", "create"]
    assert hythe.run(*run).code == 0  # and now it is in the cache: compiling needs a file, too
    for file in tmp_path.iterdir():
        file.unlink() if file.is_file() else shutil.rmtree(file)
    words = ["ulimit -f 0 && exec \"$@\"", "sh", hythe.path, "run", *run]
    result = hythe.start("-c", *words, path="/bin/sh").wait()
    assert (result.code, result.out) == (1, "create errno 22\n"), result  # FBIG
