"""These tests leave nothing on the machine, also when they are ended in the middle."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sandbox
from engines import ROOT

STARTED = "HYTHE_TESTS_STARTED"  # names the file in which the inner tests say that they run


if STARTED in os.environ:
    def test_that_does_not_end(docker, containerd, guest, image):
        """Run by the one below."""
        module = docker.build("poll_hello", {"app.wasm": guest("poll_hello")},
                              "FROM scratch\nCOPY app.wasm /app.wasm\nENTRYPOINT [\"/app.wasm\"]\n")
        shim = ("--runtime", "io.containerd.hythe.v1")
        with docker.start(module), containerd.start(shim, image("poll_hello")):
            containerd.namespace.wait_for_http("http://127.0.0.1:8080/")
            made = Path(os.environ[STARTED] + ".new")
            made.write_text(json.dumps([str(folder) for folder in sandbox.PLACES.folders]))
            made.rename(os.environ[STARTED])
            time.sleep(600)


def processes_with(words):
    """Command lines in which one of these words is."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += [line for word in words if word in line]
    return found


def cgroups_of(group):
    return [folder for folder in sandbox.hierarchies() if (folder / group).exists()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_is_left(docker, containerd, tmp_path, number):
    """`docker` and `containerd` only say here that there can be some."""
    mounts = Path("/proc/self/mounts").read_text()
    with open(tmp_path / "out", "wb") as out:
        inner = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--basetemp",
             tmp_path / "inner", __file__ + "::test_that_does_not_end"],
            cwd=ROOT, env={**os.environ, STARTED: str(tmp_path / "started")},
            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    group = f"hythe-tests-{inner.pid}"
    try:
        sandbox.wait_for("the inner tests", lambda: inner.poll() is not None
                         or (tmp_path / "started").exists())
        assert inner.poll() is None, (tmp_path / "out").read_text()
        folders = json.loads((tmp_path / "started").read_text())
        assert len(folders) >= 2 and cgroups_of(group)
        assert processes_with(folders)
    finally:
        inner.send_signal(number)
        inner.wait(timeout=2 * sandbox.WAIT)
    if number == signal.SIGTERM:
        assert "KeyboardInterrupt" in (tmp_path / "out").read_text()
        assert not [folder for folder in folders if Path(folder).exists()]
    else:
        # Nobody was left to do it: files stay, which are no more than that.
        sandbox.wait_for("their end", lambda: not processes_with(folders))
        sandbox.wait_for("their cgroups' end", lambda: sandbox.remove_old_cgroups()
                         or not cgroups_of(group))
        for folder in folders:
            shutil.rmtree(folder)
    assert processes_with(folders) == []
    assert cgroups_of(group) == []
    assert Path("/proc/self/mounts").read_text() == mounts
