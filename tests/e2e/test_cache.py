"""The cache of compiled code: used when it can be trusted, rebuilt when not, never in the way."""
import os
import shutil
import time

import pytest

from harness import GREETING, ROOT, ask

CANNOT_RUN = 126
WASM = '(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))' \
       ' (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const %d))))'


@pytest.fixture
def cache(tmp_path):
    """A cache directory that does not exist yet."""
    return tmp_path / "cache"


@pytest.fixture
def seven(tmp_path):
    path = tmp_path / "seven.wat"
    path.write_text(WASM % 7)
    return path


@pytest.fixture
def eight(tmp_path):
    path = tmp_path / "eight.wat"
    path.write_text(WASM % 8)
    return path


def entries(cache):
    return sorted(cache.iterdir()) if cache.exists() else []


def fill(hythe, cache, module, code=7):
    assert hythe.run("--cache-dir", cache, module).code == code
    [entry] = entries(cache)
    return entry


def test_second_run_takes_the_entry(hythe, guest, cache):
    """The second run maps what the first has compiled: much faster, and the entry is not redone."""
    command = ["--cache-dir", cache, "--timeout", "1ms", guest("hyper_server")]
    start = time.monotonic()
    hythe.run(*command)
    first = time.monotonic() - start
    made = [entry.stat().st_mtime_ns for entry in entries(cache)]
    start = time.monotonic()
    hythe.run(*command)
    second = time.monotonic() - start
    assert len(made) == 1
    assert [entry.stat().st_mtime_ns for entry in entries(cache)] == made
    assert second < first / 2, (first, second)


def test_entry_is_private(hythe, cache, seven):
    """Nobody else may write, and nothing temporary stays."""
    entry = fill(hythe, cache, seven)
    assert entry.stat().st_mode & 0o077 == 0
    assert cache.stat().st_mode & 0o077 == 0


def test_default_place(hythe, seven, tmp_path):
    """Below XDG_CACHE_HOME, else below HOME."""
    for name, below in (("XDG_CACHE_HOME", ""), ("HOME", ".cache/")):
        home = tmp_path / name
        home.mkdir()
        env = {"XDG_CACHE_HOME": "", "HOME": "", name: str(home)}
        assert hythe.run(seven, env=env).code == 7
        assert list((home / below / "hythe").rglob("*.cwasm"))


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_corrupted_entry(hythe, cache, seven, where):
    """A flipped bit anywhere: the right program runs, and the entry is made anew."""
    entry = fill(hythe, cache, seven)
    good = entry.read_bytes()
    at = {"first": 0, "middle": len(good) // 2, "last": len(good) - 1}[where]
    bad = bytearray(good)
    bad[at] ^= 1
    entry.write_bytes(bad)
    assert hythe.run("--cache-dir", cache, seven).code == 7
    [entry] = entries(cache)
    assert entry.read_bytes() != bytes(bad)
    assert hythe.run("--cache-dir", cache, seven).code == 7


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_truncated_entry(hythe, cache, seven, keep):
    """A file that was cut short, as by a full disk, is no reason to fail."""
    entry = fill(hythe, cache, seven)
    good = entry.read_bytes()
    entry.write_bytes(good[:keep])
    assert hythe.run("--cache-dir", cache, seven).code == 7
    [entry] = entries(cache)
    assert len(entry.read_bytes()) == len(good)


def test_foreign_entry(hythe, cache, seven, eight, tmp_path):
    """A sound entry under the name of another module is never run in its place."""
    entry = fill(hythe, cache, seven)
    other = fill(hythe, tmp_path / "other", eight, code=8)
    shutil.copy(other, entry)
    assert hythe.run("--cache-dir", cache, seven).code == 7


@pytest.mark.parametrize("make", ["directory", "symlink", "fifo"])
def test_entry_that_is_no_file(hythe, cache, seven, tmp_path, make):
    """Whatever stands in the entry's place is not followed and does not block."""
    entry = fill(hythe, cache, seven)
    moved = tmp_path / "moved"
    entry.rename(moved)
    if make == "directory":
        entry.mkdir()
    elif make == "symlink":
        entry.symlink_to(moved)
    else:
        os.mkfifo(entry)
    assert hythe.run("--cache-dir", cache, seven, seconds=5).code == 7


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_directory_that_others_can_write(hythe, cache, seven, mode):
    """What others could have put there is not used, nor is anything put there."""
    cache.mkdir()
    cache.chmod(mode)
    assert hythe.run("--cache-dir", cache, seven).code == 7
    assert entries(cache) == []


def test_entry_that_others_can_write(hythe, cache, seven):
    """The same for a single entry: it is replaced by one that is private."""
    entry = fill(hythe, cache, seven)
    entry.chmod(0o666)
    assert hythe.run("--cache-dir", cache, seven).code == 7
    [entry] = entries(cache)
    assert entry.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["directory", "entry"])
def test_somebody_elses(hythe, cache, seven, what):
    """An owner other than this user is not trusted."""
    entry = fill(hythe, cache, seven)
    os.chown(cache if what == "directory" else entry, 65534, 65534)
    assert hythe.run("--cache-dir", cache, seven).code == 7
    if what == "entry":
        assert entries(cache)[0].stat().st_uid == 0


def test_read_only_directory(hythe_as_nobody, public_dir, seven):
    """A cache that cannot be written costs time, nothing else; one that is filled is used."""
    hythe, user = hythe_as_nobody
    module = public_dir / "seven.wat"
    module.write_bytes(seven.read_bytes())
    cache = public_dir / "read-only"
    cache.mkdir()
    if user is not None:
        os.chown(cache, user, user)
    cache.chmod(0o555)
    try:
        result = hythe.run("--cache-dir", cache, module, user=user)
        assert (result.code, entries(cache)) == (7, []), result
        cache.chmod(0o755)
        assert hythe.run("--cache-dir", cache, module, user=user).code == 7
        assert len(entries(cache)) == 1
        cache.chmod(0o555)
        assert hythe.run("--cache-dir", cache, module, user=user).code == 7
    finally:
        cache.chmod(0o755)
        shutil.rmtree(cache)


@pytest.mark.parametrize("place", ["/proc/none", "/dev/null", "/dev/null/below"])
def test_impossible_directory(hythe, seven, place):
    """A place where nothing can be kept is no reason to fail."""
    assert hythe.run("--cache-dir", place, seven).code == 7


def test_no_home(hythe, seven):
    """Neither HOME nor XDG_CACHE_HOME: it runs."""
    assert hythe.run(seven, env={"HOME": "", "XDG_CACHE_HOME": ""}).code == 7


def test_no_cache(hythe, seven, tmp_path):
    """--no-cache leaves nothing behind."""
    home = tmp_path / "home"
    home.mkdir()
    assert hythe.run("--no-cache", seven, env={"XDG_CACHE_HOME": str(home)}).code == 7
    assert list(home.iterdir()) == []


def test_settings_are_part_of_the_key(hythe, cache, seven):
    """Code compiled to count fuel is not taken where fuel is not counted, and the other way."""
    for _ in range(2):
        assert hythe.run("--cache-dir", cache, "--fuel", "10000", seven).code == 7
        assert hythe.run("--cache-dir", cache, seven).code == 7
    assert len(entries(cache)) == 2
    assert hythe.run("--cache-dir", cache, "--fuel", "1", seven).code == 134


def test_many_at_once(hythe, guest, cache):
    """Eight processes that compile the same at the same time: all run, one whole entry stays."""
    command = ["run", "--cache-dir", cache, guest("files"), "/none"]
    programs = [hythe.start(*command) for _ in range(8)]
    assert {program.wait().code for program in programs} == {125}
    [entry] = entries(cache)
    made = entry.stat().st_mtime_ns
    assert hythe(*command).code == 125
    assert entry.stat().st_mtime_ns == made


# -- compile ---------------------------------------------------------------------------------------


@pytest.fixture
def compiled(hythe, guest, tmp_path):
    path = tmp_path / "hello.cwasm"
    result = hythe("compile", "-o", path, guest("hello"))
    assert (result.code, result.out) == (0, ""), result
    return path


def test_compile_and_run(hythe, compiled):
    """The compiled file runs in the place of the module, without the module."""
    result = hythe.run("--no-cache", compiled, "--exit", "9")
    assert result.code == 9, result
    assert result.out.splitlines()[:2] == ["hello", "arg 0: hello.cwasm"]


def test_compile_beside_the_module(hythe, seven):
    """Without -o the result has the module's name."""
    assert hythe("compile", seven).code == 0
    assert hythe.run(seven.with_suffix(".cwasm")).code == 7


def test_compile_replaces_at_once_or_not_at_all(hythe, compiled, tmp_path):
    """A failure leaves the old result alone and nothing beside it."""
    before, names = compiled.read_bytes(), set(os.listdir(tmp_path))
    bad = tmp_path / "bad.wasm"
    bad.write_bytes(b"no module")
    result = hythe("compile", "-o", compiled, bad)
    assert (result.code, len(result.err.splitlines())) == (CANNOT_RUN, 1), result
    assert compiled.read_bytes() == before
    assert set(os.listdir(tmp_path)) == names | {"bad.wasm"}


def test_compile_to_nowhere(hythe, seven, tmp_path):
    """A place that cannot be written is named."""
    result = hythe("compile", "-o", tmp_path / "none" / "x.cwasm", seven)
    assert result.code == 1 and "none/x.cwasm" in result.err, result


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9, 1.0])
def test_tampered_file(hythe, compiled, at):
    """A single changed byte is refused, with what to do."""
    data = bytearray(compiled.read_bytes())
    data[min(int(len(data) * at), len(data) - 1)] ^= 0x40
    compiled.write_bytes(data)
    result = hythe.run(compiled)
    assert (result.code, result.out, len(result.err.splitlines())) == (CANNOT_RUN, "", 1), result
    assert str(compiled) in result.err and "compile" in result.err


def test_truncated_file(hythe, compiled):
    """Half a file is refused in the same way."""
    data = compiled.read_bytes()
    compiled.write_bytes(data[:len(data) // 2])
    result = hythe.run(compiled)
    assert (result.code, result.out) == (CANNOT_RUN, ""), result
    assert "compile" in result.err


def test_file_that_others_can_write(hythe, compiled):
    """Machine code that anybody could have written is not run."""
    compiled.chmod(0o666)
    result = hythe.run(compiled)
    assert (result.code, result.out) == (CANNOT_RUN, ""), result
    assert "chmod" in result.err


def test_file_for_other_settings(hythe, compiled):
    """Fuel needs code that counts: a clear word, and no run without the limit."""
    result = hythe.run("--fuel", "1", compiled)
    assert (result.code, result.out) == (CANNOT_RUN, ""), result
    assert "settings" in result.err


def test_compiled_server(hythe, tmp_path):
    """The demo's server runs from its compiled form."""
    path = tmp_path / "server.cwasm"
    module = ROOT / "examples" / "modules" / "hyper_server.wasm"
    assert hythe("compile", "-o", path, module).code == 0
    server = hythe.serve_own(path)
    assert ask(server.address).body == GREETING
