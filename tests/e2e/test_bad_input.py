"""Bad input: one line on stderr that names the thing and says what to do, and the right code."""
import os
import re
import socket

import pytest


USAGE, CANNOT_RUN, NOT_FOUND = 2, 126, 127


def check_refusal(result, code, *words):
    """One line of hythe's own with all the words (regular expressions), and nothing else at all."""
    assert result.code == code, result
    assert result.out == ""
    assert len(result.err.splitlines()) == 1, result.err
    assert result.err.startswith("hythe: ")
    for word in words:
        assert re.search(word, result.err, re.IGNORECASE), f"no {word!r} in: {result.err}"


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content, words", [
    (b"", ["empty"]),
    (b"#!/bin/sh\necho hello\n", ["no WebAssembly"]),
    (b"\x7fELF" + bytes(100), ["no WebAssembly|no compiled module"]),
    (b"\0asm", ["no valid module|no WebAssembly|cut short"]),
    (b"\0asm\x01\0\0\0\x01", ["no valid module", "cut short"]),
    (b"\0asm\x02\0\0\0", ["no WebAssembly|no valid module"]),
    (b"\0asm\x0d\0\x01\0", ["component"]),
    (b"(module (func (export \"_start\") bad))", ["no valid module"]),
])
def test_no_module(hythe, tmp_path, content, words):
    """Whatever the file is, it is named, and what it is instead of a module."""
    path = tmp_path / "file.wasm"
    path.write_bytes(content)
    result = hythe.run(path)
    assert result.code == CANNOT_RUN, result
    assert result.err.startswith(f"hythe: {path}")
    assert re.search(words[0], result.err), result.err
    assert len([line for line in result.err.splitlines() if line.startswith("hythe:")]) == 1


def test_truncated_module(hythe, guest, tmp_path):
    """A download that was cut short."""
    path = tmp_path / "short.wasm"
    path.write_bytes(guest("hello").read_bytes()[:10_000])
    check_refusal(hythe.run(path), CANNOT_RUN, re.escape(str(path)), "cut short|truncated")


def test_component(hythe, tmp_path):
    """A component in the place of a core module is called that, and what to do is said."""
    path = tmp_path / "component.wasm"
    path.write_bytes(b"\0asm\x0d\0\x01\0")
    check_refusal(hythe.run(path), CANNOT_RUN, "component", "wasi:cli/command")


def test_missing_file(hythe, tmp_path):
    """A path that leads nowhere is 127, as in a shell."""
    check_refusal(hythe.run(tmp_path / "none.wasm"), NOT_FOUND, r"none\.wasm", "no such file")


def test_directory(hythe, tmp_path):
    """A directory is no module."""
    check_refusal(hythe.run(tmp_path), CANNOT_RUN, "directory", r"\.wasm")


def test_fifo(hythe, tmp_path):
    """A FIFO neither hangs hythe nor passes for a module."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    check_refusal(hythe.run(path, seconds=30), CANNOT_RUN, "fifo", "regular file")


def test_unreadable_file(hythe_as_nobody, public_dir, guest):
    """A file that this user may not read; the mode is what to look at."""
    hythe, user = hythe_as_nobody
    path = public_dir / "secret.wasm"
    path.write_bytes(guest("hello").read_bytes())
    path.chmod(0o000)
    check_refusal(hythe.run(path, user=user), CANNOT_RUN, r"secret\.wasm", "may not read", "mode")


# -- modules ---------------------------------------------------------------------------------------


def test_module_over_the_memory_limit(hythe, guest):
    """3 GiB at the start against 64 MiB: refused before it runs, with the limit's name."""
    result = hythe.run("--max-memory", "64M", guest("memory_too_large"))
    check_refusal(result, CANNOT_RUN, "memory", "--max-memory")


def test_memory_missing(hythe, guest):
    """A module that passes addresses but exports no memory."""
    check_refusal(hythe.run(guest("memory_missing")), CANNOT_RUN, "memory", "export")


def test_start_missing(hythe, guest):
    """The exports there are, and --invoke."""
    check_refusal(hythe.run(guest("start_missing")), CANNOT_RUN, "_start", "answer", "add",
                  "--invoke")


def test_start_wrong_type(hythe, guest):
    """A _start with a parameter is no entry point."""
    check_refusal(hythe.run(guest("start_wrong_type")), CANNOT_RUN, "_start", "param|type")


def test_invoke_unknown(hythe, guest):
    """--invoke with a name that is not exported names those that are."""
    result = hythe.run("--invoke", "ansver", guest("start_missing"))
    assert result.code in (USAGE, CANNOT_RUN)
    check_refusal(result, result.code, "ansver", "answer")


@pytest.mark.parametrize("args", [["1"], ["1", "2", "3"], ["1", "two"], ["1", "99999999999"]])
def test_invoke_with_wrong_arguments(hythe, guest, args):
    """Too few, too many, no number, too big a number."""
    result = hythe.run("--invoke", "add", guest("start_missing"), *args)
    check_refusal(result, USAGE, "add|two|99999999999")


@pytest.mark.parametrize("name, words", [
    ("foreign_wasix", ["WASIX", "wasix_32v1", "rebuild"]),
    ("foreign_wamr", ["WAMR", "rebuild"]),
    ("foreign_fastly", ["Fastly"]),
    ("foreign_spin", ["Spin"]),
    ("foreign_extism", ["Extism"]),
    ("foreign_proxy_wasm", ["proxy-wasm"]),
    ("foreign_emscripten", ["Emscripten"]),
    ("foreign_wasm_bindgen", ["wasm-bindgen"]),
    ("foreign_wasmedge_plugin", ["WasmEdge", "plug-in"]),
    ("foreign_unknown", ["acme"]),
    ("preview0", ["wasi_unstable", "wasip1"]),
    ("preview1_unknown", ["sock_lookup_ip|fd_teleport|fd_close"]),
])
def test_foreign_module(hythe, guest, name, words):
    """run gives check's diagnosis, and gives it before it opens a socket."""
    result = hythe.run("--tcplisten", "127.0.0.1:0", guest(name))
    check_refusal(result, CANNOT_RUN, re.escape(str(guest(name))), *words)
    assert "listening" not in result.err


# -- ports -----------------------------------------------------------------------------------------


def test_port_taken(hythe, guest):
    """Another program has it: what to do, and no guest was started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        check_refusal(hythe.run("--tcplisten", address, guest("listener_loop")), 1, address,
                      "another|in use", "port")


def test_second_listener_taken(hythe, guest):
    """Nothing half started: the first listener is given up again."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        result = hythe.run("--tcplisten", "127.0.0.1:0", "--tcplisten", f"127.0.0.1:{taken}",
                           guest("listener_loop"))
    check_refusal(result, 1, str(taken), "port")


def test_port_without_the_right(hythe_as_nobody, public_dir, guest):
    """A port below 1024 needs a right, and the message names it."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) <= 80:
            pytest.skip("this system lets everybody use port 80")
    hythe, user = hythe_as_nobody
    path = public_dir / "listener.wasm"
    path.write_bytes(guest("listener_loop").read_bytes())
    path.chmod(0o644)
    result = hythe.run("--tcplisten", "127.0.0.1:80", path, user=user)
    check_refusal(result, 1, "127.0.0.1:80", "1024", "root|CAP_NET_BIND_SERVICE")


def test_address_of_another_machine(hythe, guest):
    """An address that this machine does not have."""
    result = hythe.run("--tcplisten", "192.0.2.1:0", guest("listener_loop"))
    check_refusal(result, 1, r"192\.0\.2\.1", "address")


@pytest.mark.parametrize("address", ["", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                                     "127.0.0.1:-1", "127.0.0.1:http", "::1:80", "[::1]", "[::1:80",
                                     "example.org:80", "300.0.0.1:80", "unix:",
                                     "unix:" + "x" * 200])
def test_bad_listen_address(hythe, guest, address):
    """An address that is none: the forms there are."""
    check_refusal(hythe.run("--tcplisten", address, guest("listener_loop")), USAGE,
                  re.escape(address[:20]), "--tcplisten|address")


@pytest.mark.parametrize("option", ["--allow-listen", "--allow-connect"])
@pytest.mark.parametrize("rule", ["", "8080", "127.0.0.1", "10.0.0.0/33:80", "127.0.0.1:9-1",
                                  "127.0.0.1:x", "unix:", "::1:80", "1.2.3:80"])
def test_bad_rule(hythe, guest, option, rule):
    """A rule that is none names its option and the forms there are."""
    check_refusal(hythe.run(option, rule, guest("hello")), USAGE, option)


# -- command line ----------------------------------------------------------------------------------


@pytest.mark.parametrize("typed, meant", [
    ("--alow-listen", "--allow-listen"), ("--tcp-listen", "--tcplisten"), ("--timout", "--timeout"),
    ("--max-mem", "--max-memory"), ("--mapdir", "--dir"), ("--worker", "--workers"),
])
def test_unknown_option(hythe, guest, typed, meant):
    """The nearest option is suggested."""
    check_refusal(hythe.run(typed, "1", guest("hello")), USAGE, typed, meant)


def test_unknown_option_like_no_other(hythe, guest):
    """Without a near one: where the list is."""
    check_refusal(hythe.run("--xyzzyxyzzy", guest("hello")), USAGE, "--xyzzyxyzzy", "help")


@pytest.mark.parametrize("args, words", [
    ([], ["command"]),
    (["runn"], ["runn", "hythe run"]),
    (["frobnicate"], ["frobnicate", "help"]),
    (["server.wasm"], [r"hythe run server\.wasm"]),
    (["run"], ["module"]),
    (["run", "--tcplisten"], ["--tcplisten", "value|ADDR"]),
    (["run", "--net=yes", "x.wasm"], ["--net", "no value"]),
    (["check"], ["module"]),
    (["compile"], ["module"]),
    (["compile", "a", "b"], ["b", "argument"]),
])
def test_usage(hythe, args, words):
    """Every slip of the command line is 2 and says how it goes."""
    check_refusal(hythe(*args), USAGE, *words)


@pytest.mark.parametrize("option, value", [
    ("--timeout", "soon"), ("--timeout", "0"), ("--timeout", "-1"), ("--max-memory", "much"),
    ("--max-memory", "0"), ("--fuel", "x"), ("--workers", "0"), ("--workers", "many"),
    ("--max-fds", "1"), ("--poll", "edge"), ("--env", "=x"), ("--env", "NOT_SET_ANYWHERE"),
    ("--dir", "::x"),
])
def test_bad_value(hythe, guest, option, value):
    """A value that makes no sense names its option and the value."""
    check_refusal(hythe.run(option, value, guest("hello")), USAGE, option,
                  re.escape(value) if value != "0" else option)


@pytest.mark.parametrize("make", ["missing", "file"])
def test_bad_directory(hythe, guest, tmp_path, make):
    """--dir of what is not there, or is a file: named, and the guest is not started."""
    path = tmp_path / "data"
    if make == "file":
        path.write_text("")
    result = hythe.run("--dir", f"{path}::/data", guest("hello"))
    assert result.code != 0
    check_refusal(result, result.code, re.escape(str(path)))


def test_bad_directory_opens_no_listener(hythe, guest, tmp_path):
    """Nothing half started: no port is announced that nobody will serve."""
    result = hythe.run("--tcplisten", "127.0.0.1:0", "--dir", f"{tmp_path}/none", guest("hello"))
    assert result.code != 0
    check_refusal(result, result.code, "none")
