"""The folder that goes into containers is replaced under those that run."""
import os
import shutil
import subprocess

import pytest

from engines import ROOT, bundle
from sandbox import wait_for


@pytest.fixture
def folder(portable, tmp_path):
    """Where hythe-runc is to find it; call it to put a new one there, and to hear what is said."""
    class Folder:
        path = tmp_path / "lib" / "portable"

        def replace(self):
            return subprocess.run(
                [ROOT / "scripts" / "portable", "--copy", portable, self.path], check=True,
                capture_output=True, text=True).stdout

        def others(self):
            return [name for name in os.listdir(self.path.parent) if name != self.path.name]

    return Folder()


@pytest.fixture
def runc(programs, namespace, environment, folder, tmp_path):
    if shutil.which("runc") is None:
        pytest.skip("needs runc (apt-get install runc)")

    def call(*words, code=0):
        with open(tmp_path / "out", "ab") as out:  # not a pipe: a container keeps it
            done = subprocess.run(
                namespace.command(programs / "hythe-runc", "--root", tmp_path / "state", *words),
                env={**environment, "HYTHE_RUNC_HOST": str(folder.path),
                     "HYTHE_RUNC_CACHE": "none"},
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        assert done.returncode == code, (tmp_path / "out").read_text()

    return call


def mounted(namespace, pid):
    """(inode of the folder, names in it) as a process of the namespace sees it."""
    code, out, err = namespace.run("sh", "-euc", 'cd "/proc/$1/root/.hythe"; stat -c %i .; ls',
                                   "sh", pid)
    assert code == 0, err
    inode, *names = out.split()
    return int(inode), names


def test_containers_that_run_keep_theirs(runc, folder, namespace, guest, tmp_path):
    assert folder.replace() == ""
    first, names = folder.path.stat().st_ino, sorted(os.listdir(folder.path))
    pids = []
    for number in (1, 2):
        made = bundle(tmp_path / f"bundle{number}", ["app.wasm"], process={"env": ["PORT=0"]})
        (made / "rootfs" / "app.wasm").write_bytes(guest("poll_hello"))
        runc("run", "-d", "--pid-file", made / "pid", "-b", made, f"portable{number}")
        pids.append((made / "pid").read_text())
        if number == 1:
            assert "stays for containers that run" in folder.replace()
            # Nothing of it is missed, also by what would be opened only now.
            assert mounted(namespace, pids[0]) == (first, names)
    second = folder.path.stat().st_ino
    assert second != first
    assert mounted(namespace, pids[1]) == (second, names)
    runc("delete", "--force", "portable1")
    # The kernel takes a mount namespace away a little after its last process.
    wait_for("the end of the first", lambda: folder.replace() and len(folder.others()) == 1)
    assert mounted(namespace, pids[1]) == (second, names)
    runc("delete", "--force", "portable2")
    wait_for("the end of the second", lambda: folder.replace() == "")
    assert folder.others() == []
