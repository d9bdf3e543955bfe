"""Plain commands and the small modules by hand."""
import os
import subprocess

import pytest

from harness import GET, dial, read_to_end

CAT = """
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $exit (local.get $errno)))))
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 4096))
      (call $check (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (i32.eqz (i32.load (i32.const 8))) (then (return)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (call $check (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $more))))
"""


@pytest.mark.parametrize("name", ["hello", "as_hello"])
def test_arguments_and_environment(hythe, guest, name):
    """A C and an AssemblyScript command see what they are given, and nothing else."""
    result = hythe.run("--env", "A=1", "--env", "B=two words", "--env", "HOME", guest(name), "x",
                       "--env", "C=3", "")
    assert result.code == 0, result
    assert sorted(result.out.splitlines()) == sorted([
        "hello", f"arg 0: {name}.wasm", "arg 1: x", "arg 2: --env", "arg 3: C=3", "arg 4: ",
        "env A=1", "env B=two words", "env HOME=/nonexistent"])
    assert result.err == ""


@pytest.mark.parametrize("name", ["hello", "as_hello"])
@pytest.mark.parametrize("code, seen", [(0, 0), (1, 1), (42, 42), (255, 255)])
def test_exit_status(hythe, guest, name, code, seen):
    """The guest's own code comes through, and hythe adds no word to it."""
    result = hythe.run(guest(name), "--exit", code)
    assert (result.code, result.err) == (seen, "")


def test_argv0(hythe, guest):
    """--argv0 renames the guest to itself."""
    assert "arg 0: other\n" in hythe.run("--argv0", "other", guest("hello")).out


def test_later_env_replaces(hythe, guest):
    """The last of two settings of one name counts."""
    out = hythe.run("--env", "A=1", "--env", "A=2", guest("hello")).out
    assert [line for line in out.splitlines() if line.startswith("env ")] == ["env A=2"]


@pytest.mark.parametrize("name, options, code", [
    ("accept_2021", ["--net"], 6),
    ("accept_2021", ["--allow-listen", "127.0.0.1:0"], 6),
    ("accept_both", [], 0),
    ("accept_both", ["--tcplisten", "127.0.0.1:0"], 0),
    ("epoll_clock", [], 0),
    ("getsockopt_forms", [], 0),
    ("getsockopt_forms", ["--net"], 0),
])
def test_small_modules(hythe, guest, name, options, code):
    """Each asks one question; its exit status is the answer (see tests/guests/wat)."""
    result = hythe.run(*options, guest(name))
    assert result.code == code, result


def test_listener_by_recv_and_send(hythe, guest):
    """A preopened listener served by sock_recv, sock_send and poll_oneoff, once."""
    server = hythe.start("run", "--tcplisten", "127.0.0.1:0", guest("listener_recv_send"))
    port = int(server.wait_for(r"^hythe: listening on 127\.0\.0\.1:(\d+)$", "err")[1])
    with dial(("127.0.0.1", port)) as peer:
        peer.sendall(GET)
        assert read_to_end(peer) == GET
    assert server.wait().code == 0


def test_invoke(hythe, guest):
    """--invoke calls an export with numbers and prints what it returns."""
    result = hythe.run("--invoke", "add", guest("start_missing"), "40", "2")
    assert (result.code, result.out) == (0, "42\n"), result


def test_reactor_is_initialised_once(hythe, guest):
    """_initialize runs before the function, once."""
    result = hythe.run("--invoke", "ready", guest("reactor"))
    assert (result.code, result.out) == (0, "1\n"), result


def test_text_format(hythe, tmp_path):
    """A .wat runs as it is."""
    (tmp_path / "seven.wat").write_text(
        '(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
        ' (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 7))))')
    result = hythe.run(tmp_path / "seven.wat")
    assert result.code == 7, result


def test_stdin_to_stdout(hythe, tmp_path):
    """stdin of a pipe is read to its end, across waits, and arrives on stdout unchanged."""
    (tmp_path / "cat.wat").write_text(CAT)
    program = hythe.start("run", tmp_path / "cat.wat", stdin=subprocess.PIPE)
    program.process.stdin.write(b"first\n")
    program.process.stdin.flush()
    program.wait_for("first")
    data = b"".join(b"%07d\n" % i for i in range(100_000))
    program.process.stdin.write(data)
    program.process.stdin.close()
    result = program.wait()
    assert result.code == 0, result.err
    assert result.out == "first\n" + data.decode()


def test_stdin_from_a_file(hythe, tmp_path):
    """A regular file as stdin, which epoll does not take, is read all the same."""
    (tmp_path / "cat.wat").write_text(CAT)
    (tmp_path / "input").write_bytes(b"from a file\n" * 1000)
    with (tmp_path / "input").open("rb") as file:
        result = hythe.run(tmp_path / "cat.wat", stdin=file)
    assert (result.code, result.out) == (0, "from a file\n" * 1000)


def test_stdout_that_is_gone(hythe, guest):
    """A reader that has left is the guest's errno; hythe is not killed by SIGPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([hythe.path, "run", guest("hello"), "--exit", "5"], stdout=writing,
                          stderr=subprocess.PIPE, env=hythe.env, timeout=60, check=False)
    os.close(writing)
    assert done.returncode == 5, done


def test_waits(hythe, guest):
    """A clock of 2 ms, 50 times: parked and resumed each time, and not before its time."""
    result = hythe.run(guest("park"), "clock", "50", "2000000")
    assert result.code == 0, result
    assert int(result.out.split()[-4]) >= 2_000_000


def test_waits_for_its_own_datagrams(hythe, guest):
    """A guest that sends to itself is woken by it, every time."""
    result = hythe.run("--net", guest("park"), "socket", "500")
    assert result.code == 0 and result.out.startswith("park: socket, 500 turns"), result


def test_long_poll_list(hythe, guest):
    """One ready descriptor among 1,000 idle ones is found, and it alone."""
    result = hythe.run("--net", guest("idle_poll"), "1000", "200")
    assert result.code == 0 and result.out.startswith("idle_poll: 1000 idle, 200 polls"), result


@pytest.mark.parametrize("args, expected", [
    (["127.0.0.1", "80"], "inet4 127.0.0.1 80"),
    (["localhost", "8080"], "inet4 127.0.0.1 8080"),
])
def test_names(hythe, guest, args, expected):
    """Numbers and /etc/hosts resolve without any server, in the list that the guest built."""
    result = hythe.run("--net", guest("getaddrinfo"), *args)
    assert result.code == 0, result
    assert expected in result.out.splitlines()


def test_version_and_help(hythe):
    """What scripts parse: the first line of --version; help for every command."""
    assert hythe("--version").out.splitlines()[0].startswith("hythe ")
    assert hythe("help").code == 0
    for command in ("run", "check", "compile", "version"):
        assert "Usage: hythe " + command in hythe("help", command).out
