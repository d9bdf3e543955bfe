"""hythe check, and the start, of components: what one is, what it can do, the command that starts it, or
what is missing and what to do. And components from compiled code."""
import json
import re
import shlex

import pytest

from harness import ask

COMMAND = "wasi:cli/run@0.2.0"
HANDLER = "wasi:http/incoming-handler@0.2.0"

# A component with one function, exported in the interface of that name.
ENTRY = """
  (core module $inside (func (export "run") (result i32) (i32.const 0)))
  (core instance $it (instantiate $inside))
  (func $run (result (result)) (canon lift (core func $it "run")))
  (instance $entry (export "run" (func $run)))
"""

# What a component imports, and what is said of it: the cause with the import, and what to do.
MISSING = {
    "wasi:http/types@0.2.0-rc-2023-10-18": (r"18 October 2023.*Wasmtime 14", r"tools of 2024"),
    "wasi:cli/environment@0.2.0-rc-2023-11-10": (r"10 November 2023", r"wasm32-wasip2"),
    "wasi:io/streams@0.2.0-rc-2023-12-05": (r"5 December 2023", r"componentize-js"),
    "wasi:io/streams@0.1.0": (r"neither 0\.2 nor", r"tools of 2024"),
    "wasi:http/types": (r"neither 0\.2 nor", r"tools of 2024"),
    "wasi:clocks/system-clock@0.3.0": (r"WASI 0\.3 ", r"WASI 0\.2, or .*Wasmtime 46"),
    "wasi:http/types@0.3.0-rc-2026-03-15": (r"candidate of WASI 0\.3", r"rebuild it for WASI 0\.2"),
    "fermyon:spin/key-value@2.0.0": (r"built for Spin", r"spin up"),
    "spin:postgres/postgres@4.0.0": (r"built for Spin", r"spin up"),
    "wasmcloud:bus/lattice@1.0.0": (r"built for wasmCloud", r"wash"),
    "fastly:compute/http-req": (r"built for Fastly", r"Viceroy"),
    "wasi:nn/graph@0.2.0-rc-2024-10-28": (r"models through wasi:nn", r"-S nn"),
    "wasi:tls/types@0.2.0-draft": (r"TLS connections", r"outgoing-handler"),
    "wasi:keyvalue/eventual@0.1.0": (r"wasi:keyvalue of another draft", r"0\.2\.0-draft"),
    "wasi:config/store@9.9.9": (r"wasi:config of another draft", r"0\.2\.0-rc\.1"),
    "wasi:logging/logging@0.1.0-draft": (r"logs through", r"standard error"),
    "wasi:blobstore/blobstore@0.2.0-draft": (r"objects", r"--dir"),
    "wasi:messaging/producer@0.2.0-draft": (r"messages", r"wasmCloud"),
    "wasi:sql/query@0.1.0": (r"database", r"wasi:sockets"),
    "wasi:webgpu/webgpu@0.0.1": (r"proposed extension", r"host that has it"),
    "acme:billing/ledger@1.2.3": (r"another component", r"wac plug"),
    "wasi:clocks/wall-clock@0.2.99": (r"wall-clock@0\.2\.99: f\)", r"newer hythe"),
}


def words(text):
    """A report as one line, since it is wrapped for people."""
    return re.sub(r"\s+", " ", text)


def component(tmp_path, *parts, export=COMMAND, name="component.wat"):
    path = tmp_path / name
    tail = f'{ENTRY}(export "{export}" (instance $entry))' if export else ""
    path.write_text(f'(component {" ".join(parts)} {tail})')
    return path


def importing(name):
    return f'(import "{name}" (instance (export "f" (func))))'


def describe(hythe, path):
    result = hythe("check", "--json", path)
    return result.code, json.loads(result.out)


# -- what runs -----------------------------------------------------------------------------------


@pytest.mark.timeout_s(180)
@pytest.mark.parametrize("name, command, release", [
    ("wasi_hello", "serve", "0.2.12"),
    ("wasi_mixed", "serve", "0.2.0"),
    ("wasi_cli", "run", "0.2.12"),
    ("wasi_command", "run", "0.2.12"),
    ("wasi_js", "serve", "0.2.10"),
])
def test_component(hythe, guest, name, command, release):
    """A real one: its releases, and the command, for people and for machines."""
    path = guest(name)
    result = hythe("check", path, seconds=150)  # compiling megabytes of JavaScript takes a while
    assert result.code == 0, result
    assert f"hythe {command} {path}" in words(result.out)
    code, report = describe(hythe, path)
    assert (code, report["form"], report["runnable"], report["missing"]) == (0, "component", True, 0)
    assert shlex.split(report["command"]) == ["hythe", command, str(path)]
    assert release in report["releases"] and "wasi-0.2" in report["dialects"]
    rows = [row for group in report["imports"] for row in group["imports"]]
    assert rows and all(row["offered"] and not row["missing"] for row in rows)


def test_the_command_runs_it(hythe, guest):
    _, report = describe(hythe, guest("wasi_command"))
    assert hythe(*shlex.split(report["command"])[1:]).code == 0


def test_both_worlds(hythe, tmp_path):
    """A component that can be served and run: both commands."""
    path = component(tmp_path, f'{ENTRY}(export "{HANDLER}" (instance $entry))', export=None)
    both = path.with_name("both.wat")
    both.write_text(path.read_text()[:-1] + f'(export "{COMMAND}" (instance $entry)))')
    _, report = describe(hythe, both)
    assert report["entry"] == "http-handler-and-command"
    assert report["commands"] == [f"hythe serve {both}", f"hythe run {both}"]
    assert hythe("run", both).code == 0


@pytest.mark.parametrize("interface, function, ability, option", [
    ("wasi:keyvalue/store@0.2.0-draft", "f", "keyvalue", None),
    ("wasi:http/outgoing-handler@0.2.0", "handle", "http-requests", "--allow-http"),
    ("wasi:filesystem/preopens@0.2.0", "get-directories", "files", "--dir"),
    ("wasi:sockets/tcp@0.2.0", "[method]tcp-socket.start-connect", "tcp-connect",
     "--allow-connect"),
    ("wasi:sockets/ip-name-lookup@0.2.0", "resolve-addresses", "names", "--allow-connect"),
])
def test_abilities(hythe, tmp_path, interface, function, ability, option):
    """What it can do is told by what it imports, and which option grants that."""
    inner = f'(export "{function}" (func))'
    if "]" in function:
        inner = (f'(export "tcp-socket" (type $t (sub resource)))'
                 f'(export "{function}" (func (param "self" (borrow $t))))')
    _, report = describe(hythe, component(tmp_path, f'(import "{interface}" (instance {inner}))'))
    assert report["abilities"] == [ability]
    assert [grant["option"] for grant in report["grants"]] == ([option] if option else [])


# -- what does not -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MISSING)
def test_missing_interface(hythe, tmp_path, name):
    """The interface with its version, whose it is, and what to do: in check as at the start."""
    cause, advice = MISSING[name]
    path = component(tmp_path, importing(name))
    checked = hythe("check", path)
    started = hythe("run", path)
    assert (checked.code, started.code) == (1, 126)
    for text in (words(checked.out), words(started.err)):
        assert name in text and re.search(cause, text), text
        assert re.search(advice, text) and "--stub-unknown" in text, text
    code, report = describe(hythe, path)
    assert (code, report["runnable"], report["missing"]) == (1, False, 1)
    assert "command" not in report and name in report["cause"]
    assert hythe("run", "--stub-unknown", path).code == 0


def test_several_sources(hythe, tmp_path):
    """The most likely cause first, the others after it."""
    names = ["acme:billing/ledger@1.2.3", "wasi:nn/graph@0.2.0", "fermyon:spin/config"]
    text = words(hythe("check", component(tmp_path, *map(importing, names))).out)
    assert text.index("built for Spin") < text.index("Besides, it runs models")
    assert text.index("models") < text.index("Besides, it imports what another component")


def test_plain_import(hythe, tmp_path):
    """A function in no interface."""
    path = component(tmp_path, '(import "host-log" (func))')
    assert "belong to no interface (imports host-log)" in words(hythe("check", path).out)
    assert hythe("run", path).code == 126


def test_types_only(hythe, tmp_path):
    """An import that holds nothing to call is not missing."""
    path = component(tmp_path, '(import "acme:types/all@1.0.0" (instance))')
    assert hythe("check", path).code == 0
    assert hythe("run", path).code == 0


def test_other_types(hythe, tmp_path):
    """An interface that hythe has, with another type: found without running it, too."""
    wrong = '(import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func))))'
    path = component(tmp_path, wrong)
    checked = hythe("check", path)
    started = hythe("run", path)
    assert (checked.code, started.code) == (1, 126)
    for text in (words(checked.out), words(started.err)):
        assert "types that are not its own" in text and "get-random-u64" in text
    assert str(path) in started.err


@pytest.mark.parametrize("content", [
    '(import "wasi:http/types@0.3.0" (instance (export "f" (func async))))',
    '(import "wasi:http/types@0.3.0" (instance (export "f" (func (result (future u8))))))',
])
def test_not_compiled(hythe, tmp_path, content):
    """WASI 0.3 wants what the engine does not even compile; that is no broken module."""
    path = component(tmp_path, content)
    checked = hythe("check", path)
    assert checked.code == 1 and not checked.err, checked
    assert "built for WASI 0.3 (imports wasi:http/types@0.3.0)" in words(checked.out)
    assert "--stub-unknown" not in checked.out
    for command in (["run"], ["run", "--stub-unknown"], ["compile", "-o", tmp_path / "x"]):
        result = hythe(*command, path)
        assert result.code == 126 and "built for WASI 0.3" in result.err, result
        assert str(path) in result.err and "no valid module" not in result.err


def test_not_compiled_for_another_reason(hythe, tmp_path, guest):
    """A component that is cut short is called that, whatever it imports."""
    path = tmp_path / "cut.wasm"
    path.write_bytes(guest("wasi_hello").read_bytes()[:3000])
    result = hythe("check", path)
    assert result.code == 126 and "no valid module" in result.err, result


def test_entries_of_others(hythe, tmp_path):
    """Exports that only another host calls."""
    for export, cause in [("wasi:http/incoming-handler@0.2.0-rc-2023-11-10", "November 2023"),
                          ("wasi:http/handler@0.3.0", "WASI 0.3"),
                          ("fermyon:spin/inbound-redis", "Spin")]:
        path = component(tmp_path, export=export)
        text = words(hythe("check", path).out)
        assert f"(exports {export}), which hythe does not call" in text and cause in text, text
        assert hythe("run", path).code == 126


def test_library(hythe, tmp_path):
    """A component for other components, and one with nothing at all."""
    path = component(tmp_path, export="acme:billing/ledger@1.2.3")
    text = words(hythe("check", path).out)
    assert "library for other components (exports acme:billing/ledger@1.2.3)" in text
    assert "wac plug" in text
    path.write_bytes(b"\0asm\x0d\0\x01\0")
    result = hythe("check", path)
    assert result.code == 1 and "component that exports nothing" in words(result.out)


# -- the wrong start -----------------------------------------------------------------------------


def test_run_of_a_handler(hythe, guest):
    path = guest("wasi_hello")
    result = hythe("run", path)
    assert result.code == 126 and f"start it with: hythe serve {path}" in result.err, result


def test_serve_of_a_command(hythe, guest):
    path = guest("wasi_command")
    result = hythe("serve", "--check", path)
    assert result.code == 126 and f"start it with: hythe run {path}" in result.err, result


def test_invoke(hythe, guest):
    """Functions of components cannot be called by name."""
    result = hythe("run", "--invoke", "run", guest("wasi_command"))
    assert result.code == 126 and "--invoke calls functions of core modules only" in result.err


def test_stub_that_is_called(hythe, guest):
    """Under --stub-unknown it starts, and traps at the call, which names the import."""
    result = hythe("run", "--stub-unknown", guest("component_stub_called"))
    assert result.code == 134 and "acme:billing/ledger@1.2.3" in result.err, result


# -- compiled code -------------------------------------------------------------------------------


def test_compiled_command(hythe, guest, tmp_path):
    """A component's compiled form is checked and run as the component is."""
    compiled = tmp_path / "command.cwasm"
    assert hythe("compile", guest("wasi_command"), "-o", compiled).code == 0
    _, report = describe(hythe, guest("wasi_command"))
    code, again = describe(hythe, compiled)
    assert code == 0 and again["command"] == f"hythe run {compiled}"
    assert again["imports"] == report["imports"]
    result = hythe("run", compiled, "one")
    assert result.code == 0 and "argument one" in result.out, result


def test_compiled_handler(hythe, guest, tmp_path):
    compiled = tmp_path / "hello.cwasm"
    assert hythe("compile", guest("wasi_hello"), "-o", compiled).code == 0
    assert f"hythe serve {compiled}" in hythe("check", compiled).out
    assert ask(hythe.serve(compiled).address).status == 200
