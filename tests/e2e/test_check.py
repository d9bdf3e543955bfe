"""hythe check: what a module is and the command that runs it, or why it cannot run."""
import json
import re
import shlex

import pytest

from harness import GREETING, ask

SOCKETS_V1 = r"WasmEdge sockets v1"
SOCKETS_V2 = r"WasmEdge sockets.*v2"
LISTENER = r"preopened listener"

SERVERS = {
    "hyper_server": (SOCKETS_V1, "--allow-listen"),
    "mio_echo": (SOCKETS_V1, "--allow-listen"),
    "poll_hello": (SOCKETS_V1, "--allow-listen"),
    "v2_server": (SOCKETS_V2, "--allow-listen"),
    "unix_server": (SOCKETS_V2, "--allow-listen"),
    "listener_loop": (LISTENER, "--tcplisten"),
    "go_http": (LISTENER, "--tcplisten"),
    "listener_recv_send": (LISTENER, "--tcplisten"),
}
OTHERS = {
    "v2_client": SOCKETS_V2,
    "getaddrinfo": r"WasmEdge sockets",
    "hello": r"WASI preview 1",
    "as_hello": r"WASI preview 1",
    "files": r"WASI preview 1",
    "spin": r"WASI preview 1",
    "trap": r"WASI preview 1",
    "accept_2021": r"WasmEdge sockets",
    "accept_both": r"WasmEdge sockets",
    "epoll_clock": r"WasmEdge sockets",
    "getsockopt_forms": r"WasmEdge sockets",
    "prestat_scan": r"WASI preview 1",
    "infinite_loop": r"imports nothing",
}
FOREIGN = {
    "foreign_wasix": (r"WASIX.*wasix_32v1", r"rebuild"),
    "foreign_wamr": (r"WAMR.*sock_open", r"rebuild.*iwasm"),
    "foreign_fastly": (r"Fastly", r"Viceroy|rebuild"),
    "foreign_spin": (r"Spin", r"spin up|rebuild"),
    "foreign_extism": (r"Extism", r"extism"),
    "foreign_proxy_wasm": (r"proxy-wasm", r"Envoy|proxy"),
    "foreign_emscripten": (r"Emscripten", r"wasi-sdk|STANDALONE_WASM"),
    "foreign_wasm_bindgen": (r"wasm-bindgen", r"wasm32-wasip1"),
    "foreign_wasmedge_plugin": (r"plug-ins of WasmEdge", r"WasmEdge|rebuild"),
    "foreign_unknown": (r"acme", r"program it was made for|rebuild"),
    "preview0": (r"wasi_unstable", r"wasm32-wasip1"),
    "preview1_unknown": (r"type that is not its own|no part of WASI", r"rebuild"),
    "memory_missing": (r"memory", r"export"),
    "start_wrong_type": (r"_start", r"."),
}


def words(result):
    """The report as one line, since it is wrapped for people."""
    return re.sub(r"\s+", " ", result.out)


def describe(hythe, path):
    result = hythe("check", "--json", path)
    return result.code, json.loads(result.out)


def command_of(hythe, path):
    """The suggested command as words, without the program's name."""
    code, report = describe(hythe, path)
    assert code == 0, report
    line = shlex.split(report["command"])
    assert line[:2] == ["hythe", "run"]
    return line[1:]


@pytest.mark.parametrize("name", SERVERS)
def test_server(hythe, guest, name):
    """The dialect, and a command with the grant that a server of that kind needs."""
    dialect, option = SERVERS[name]
    path = guest(name)
    result = hythe("check", path)
    assert result.code == 0, result
    assert re.search(dialect, words(result)), result.out
    assert re.search(rf"hythe run .*{option} \S+.* {re.escape(str(path))}", words(result))
    assert "server" in result.out


@pytest.mark.parametrize("name", OTHERS)
def test_client_or_command(hythe, guest, name):
    """The dialect, and the command."""
    path = guest(name)
    result = hythe("check", path)
    assert result.code == 0, result
    assert re.search(OTHERS[name], words(result)), result.out
    assert re.search(rf"hythe run .*{re.escape(str(path))}", words(result)), result.out


@pytest.mark.parametrize("name", FOREIGN)
def test_module_that_cannot_run(hythe, guest, name):
    """The first cause in plain words with what to do, and no command; the code says no."""
    cause, advice = FOREIGN[name]
    result = hythe("check", guest(name))
    text = words(result)
    assert result.code == 1, result
    assert re.search(cause, text, re.IGNORECASE), result.out
    assert re.search(advice, text), result.out
    assert "cannot run" in text and "hythe run" not in text


@pytest.mark.parametrize("name", [*SERVERS, *OTHERS])
def test_json_of_what_runs(hythe, guest, name):
    """The same for machines."""
    code, report = describe(hythe, guest(name))
    assert (code, report["runnable"], report["missing"]) == (0, True, 0)
    assert report["module"] == str(guest(name)) and str(guest(name)) in report["command"]
    imports = [row for group in report["imports"] for row in group["imports"]]
    assert all(row["offered"] for row in imports)


@pytest.mark.parametrize("name", FOREIGN)
def test_json_of_what_does_not(hythe, guest, name):
    """A cause in the place of the command."""
    code, report = describe(hythe, guest(name))
    assert (code, report["runnable"], "command" in report) == (1, False, False)
    assert report["cause"]


def test_several_modules(hythe, guest):
    """One JSON object a line; the code is the worst of all."""
    names = ["hello", "foreign_wasix", "hyper_server"]
    result = hythe("check", "--json", *[guest(name) for name in names])
    reports = [json.loads(line) for line in result.out.splitlines()]
    assert [report["runnable"] for report in reports] == [True, False, True]
    assert result.code == 1


def test_library(hythe, guest):
    """Modules without _start: the functions there are, by way of --invoke."""
    assert "--invoke ready" in words(hythe("check", guest("reactor")))
    text = words(hythe("check", guest("start_missing")))
    assert "--invoke" in text and "answer" in text and "add" in text


@pytest.mark.parametrize("content, code", [(None, 127), (b"", 126), (b"no module", 126)])
def test_file_that_is_no_module(hythe, guest, tmp_path, content, code):
    """As with run; and the modules beside it are described all the same."""
    path = tmp_path / "file.wasm"
    if content is not None:
        path.write_bytes(content)
    result = hythe("check", path, guest("hello"))
    assert result.code == code, result
    assert str(path) in result.err and "hythe run" in result.out


def test_nothing_is_run(hythe, guest):
    """check never starts a guest."""
    result = hythe("check", guest("spin"), seconds=30)
    assert result.code == 0 and "spinning" not in result.out


def test_names_cannot_write_to_the_terminal(hythe, tmp_path):
    """Control characters in a module's names are not passed on."""
    path = tmp_path / "bad.wat"
    path.write_text(r'(module (import "a\1b[31m" "b\07\0a" (func))'
                    r' (memory (export "memory") 1) (func (export "_start")))')
    for command in (["check"], ["check", "--json"], ["run"]):
        result = hythe(*command, path)
        assert "\x1b" not in result.out + result.err
        assert "\x07" not in result.out + result.err


def test_path_with_spaces(hythe, guest, tmp_path):
    """The command can be pasted into a shell."""
    path = tmp_path / "my 'own' module.wasm"
    path.write_bytes(guest("hello").read_bytes())
    result = hythe(*command_of(hythe, path))
    assert (result.code, result.out.splitlines()[0]) == (0, "hello"), result


@pytest.mark.parametrize("name", ["hello", "epoll_clock", "getsockopt_forms", "reactor"])
def test_the_command_runs_it(hythe, guest, name):
    """The suggested command as it stands."""
    assert hythe(*command_of(hythe, guest(name))).code == 0


def test_the_command_runs_the_hyper_server(hythe, guest):
    """The suggested command with the guest's port put for 8080, as it says; this one takes any."""
    line = [word.replace("8080", "0") for word in command_of(hythe, guest("hyper_server"))]
    server = hythe.start("run", "--env", "PORT=0", *line[1:])
    found = server.wait_for(r"listening on \S+:(\d+)$")
    assert ask(("127.0.0.1", int(found[1]))).body == GREETING


def test_the_command_runs_the_listener_server(hythe, guest):
    """The same for a preopened listener."""
    line = [word.replace("8080", "0") for word in command_of(hythe, guest("listener_loop"))]
    found = hythe.start(*line).wait_for(r"listening on \S+:(\d+)$", "err")
    assert ask(("127.0.0.1", int(found[1]))).body == b"Hello from C\n"
