"""Component commands: `wasi:cli/run` with files, sockets, arguments and the ends of it.

What the guests print stands in tests/cases/components: a line for each function of an interface, with
its answer. Two hosts that agree print the same."""
import fcntl
import os
import subprocess
from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parent.parent / "cases" / "components"


def lines_of(name):
    return (CASES / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def test_files(hythe, guest, tmp_path):
    """Each function of wasi:filesystem, on a real folder."""
    result = hythe.run("--dir", f"{tmp_path}::/d", guest("wasi_files"), "/d")
    assert result.out.splitlines() == lines_of("wasi_files"), result.err
    assert (result.code, result.err) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_files_read_only(hythe, guest, tmp_path):
    """Below a directory that was granted to be read nothing is made."""
    result = hythe.run("--dir", f"{tmp_path}::/d:ro", guest("wasi_files"), "/d")
    assert result.out.splitlines()[0] == "open-create read-only"
    assert list(tmp_path.iterdir()) == []


def test_files_none(hythe, guest):
    """Without --dir there is no directory."""
    result = hythe.run(guest("wasi_files"), "/d")
    assert (result.code, result.out) == (1, "no preopened directory\n")


def test_sockets(hythe, guest):
    """Each function of wasi:sockets, on the loopback."""
    result = hythe.run("--net", guest("wasi_sockets"))
    printed = [line for line in result.out.splitlines() if not line.startswith('lookup "localhost"')]
    wanted = [line for line in lines_of("wasi_sockets") if not line.startswith('lookup "localhost"')]
    assert printed == wanted, result.err
    assert result.code == 0


def test_sockets_denied(hythe, guest):
    """Without a grant there is no socket to bind, and the operator is told which would allow it."""
    result = hythe.run(guest("wasi_sockets"))
    assert "start-bind access-denied" in result.out
    assert "start-bind ok" not in result.out
    assert "hythe: refused: listen on 127.0.0.1:0; to allow it: --allow-listen 127.0.0.1:0" in \
        result.err.splitlines()
    assert "hythe: refused: look up localhost; to allow it: --allow-connect localhost:*" in \
        result.err.splitlines()


@pytest.mark.parametrize("name", ["wasi_rust_cli", "wasi_go_cli"])
def test_other_languages(hythe, guest, name):
    """A command of Rust's and of Go's own libraries."""
    result = hythe.run("--env", "A=b", guest(name), "one", "two words")
    assert result.code == 0, result
    assert {f"argument {name}.wasm", "argument one", "argument two words", "variable A=b",
            "slept true"} <= set(result.out.splitlines())


@pytest.mark.parametrize("options", [[], ["--env", "A=1", "--env", "B=two words"]])
def test_arguments(hythe, guest, options):
    """A command sees its arguments and no environment but what it was given."""
    result = hythe.run(*options, guest("wasi_command"), "x", "")
    assert result.code == 0, result
    assert result.out.splitlines() == ["argument wasi_command.wasm", "argument x", "argument "] + [
        f"variable {value}" for value in options if "=" in value
    ] + ["terminal-stdin no", "terminal-stdout no", "terminal-stderr no"]



WRITER = """
(component
  (import "wasi:io/error@0.2.0" (instance $e (export "error" (type (sub resource)))))
  (alias export $e "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $s
    (alias outer 1 $error (type $e'))
    (export "error" (type $e (eq $e')))
    (type $v' (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $v (eq $v')))
    (export "output-stream" (type $o (sub resource)))
    (export "[method]output-stream.check-write"
      (func (param "self" (borrow $o)) (result (result u64 (error $v)))))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $o)) (param "contents" (list u8)) (result (result (error $v)))))))
  (alias export $s "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $c
    (alias outer 1 $stream (type $o'))
    (export "output-stream" (type $o (eq $o')))
    (export "get-stdout" (func (result (own $o))))))
  (core module $libc (memory (export "memory") 2))
  (core instance $libc (instantiate $libc))
  (core func $check (canon lower (func $s "[method]output-stream.check-write")
    (memory (core memory $libc "memory"))))
  (core func $write (canon lower (func $s "[method]output-stream.write")
    (memory (core memory $libc "memory"))))
  (core func $out (canon lower (func $c "get-stdout")))
  (core module $m
    (import "h" "check" (func $check (param i32 i32)))
    (import "h" "write" (func $write (param i32 i32 i32 i32)))
    (import "h" "out" (func $out (result i32)))
    (import "l" "memory" (memory 2))
    (func (export "run") (result i32) (local $stream i32) (local $rounds i32)
      (local.set $stream (call $out))
      (memory.fill (i32.const 1024) (i32.const 120) (i32.const 65536))
      (loop $more
        (call $check (local.get $stream) (i32.const 0))
        (if (i64.gt_u (i64.load (i32.const 8)) (i64.const 0)) (then
          (call $write (local.get $stream) (i32.const 1024) (i32.load (i32.const 8)) (i32.const 16))
          (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))))
        (br_if $more (i32.lt_u (local.get $rounds) (i32.const 40))))
      (i32.const 0)))
  (core instance $i (instantiate $m
    (with "h" (instance (export "check" (func $check)) (export "write" (func $write))
                        (export "out" (func $out))))
    (with "l" (instance $libc))))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $run_i (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run_i)))
"""


def test_output_to_a_slow_reader_is_whole(hythe, tmp_path):
    """A pipe that is full holds a command up, and nothing of what it wrote is lost."""
    module = tmp_path / "writer.wat"
    module.write_text(WRITER, encoding="utf-8")
    reader, writer = os.pipe()
    with subprocess.Popen([str(hythe.path), "run", str(module)], stdout=writer,
                          env=hythe.env) as child:
        os.close(writer)
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        got = 0
        while chunk := os.read(reader, 1000):
            assert set(chunk) == {ord("x")}
            got += len(chunk)
        os.close(reader)
        assert child.wait(20) == 0
    assert got == 40 * 4096


def test_exit_codes(hythe, tmp_path):
    """An error of run is 1, a trap 134."""
    module = tmp_path / "end.wat"
    for body, code in (("(i32.const 0)", 0), ("(i32.const 1)", 1), ("unreachable", 134)):
        module.write_text(f"""(component
            (core module $m (func (export "run") (result i32) {body}))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $run_i (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $run_i)))""", encoding="utf-8")
        assert hythe.run(module).code == code
