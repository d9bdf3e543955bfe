"""hythe-runc in front of Debian's runc and crun, on bundles made by hand."""
import json
import os
import re
import shutil
import subprocess

import pytest

import engines
from engines import bundle
from sandbox import wait_for

WAIT = engines.WAIT


class Runtime:
    def __init__(self, program, real, environment, folder):
        self.program = program
        self.env = {**environment, "HYTHE_RUNC_REAL": real}
        self.root = folder / "state"

    def words(self, *words):
        words = [str(word) for word in (self.program, "--root", self.root, *words)]
        if self.env["HYTHE_RUNC_REAL"].endswith("crun"):
            # It refuses a machine that has cgroups of both versions, unless it sees only one.
            return ["unshare", "-m", "sh", "-c",
                    'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"', "sh", *words]
        return words

    def call(self, *words):
        done = subprocess.run(self.words(*words), capture_output=True, env=self.env, timeout=WAIT,
                              stdin=subprocess.DEVNULL)
        return engines.result_of(done)


@pytest.fixture(params=["runc", "crun"])
def runtime(request, programs, environment, tmp_path):
    real = shutil.which(request.param)
    if real is None:
        pytest.skip(f"needs {request.param} (apt-get install {request.param})")
    made = Runtime(programs / "hythe-runc", real, environment, tmp_path)
    return made


@pytest.fixture
def container(tmp_path, guest):
    """Makes a bundle around one guest."""

    def make(name, args=("app.wasm",), **changes):
        made = bundle(tmp_path / "bundle", list(args), **changes)
        (made / "rootfs" / "app.wasm").write_bytes(guest(name))
        return made

    make.folder = tmp_path
    return make


def test_a_module_runs_with_arguments_and_environment(runtime, container):
    made = container("hello", ("app.wasm", "one", "two words"))
    code, out, err = runtime.call("run", "-b", made, "t")
    assert (code, err) == (0, "")
    assert out == ("hello\narg 0: app.wasm\narg 1: one\narg 2: two words\n"
                   "env PATH=/usr/bin:/bin\n")


def test_the_exit_code_of_a_trap_is_134(runtime, container):
    code, out, err = runtime.call("run", "-b", container("trap"), "t")
    assert code == 134
    assert "unreachable" in err


def test_a_file_that_is_no_module_but_forced_ends_with_126(runtime, container):
    made = container("hello", ("/none.wasm",), annotations={"run.oci.handler": "wasm"})
    (made / "rootfs" / "none.wasm").write_bytes(b"nothing of the kind")
    code, _, err = runtime.call("run", "-b", made, "t")
    assert code == 126
    assert "no WebAssembly" in err


def test_a_native_program_is_left_alone(runtime, container):
    if not os.path.exists("/bin/busybox"):
        pytest.skip("needs busybox-static (apt-get install busybox-static)")
    made = container("hello", ("/busybox", "echo", "native"))
    shutil.copy("/bin/busybox", made / "rootfs" / "busybox")
    before = (made / "config.json").read_bytes()
    assert runtime.call("run", "-b", made, "t")[:2] == (0, "native\n")
    assert (made / "config.json").read_bytes() == before
    assert not (made / "config.json.hythe").exists()


def test_a_module_is_compiled_once(runtime, container, tmp_path):
    cache = tmp_path / "cache"
    runtime.env["HYTHE_RUNC_CACHE"] = str(cache)
    before = None
    for _ in range(2):
        made = container("hello")
        assert runtime.call("run", "-b", made, "t")[:2] == (
            0, "hello\narg 0: app.wasm\nenv PATH=/usr/bin:/bin\n")
        assert '"/.hythe/module.cwasm"' in (made / "config.json").read_text()
        (entry,) = cache.iterdir()
        assert entry.stat().st_mode & 0o777 == 0o444
        assert before in (None, entry.stat().st_ino)
        before = entry.stat().st_ino


def test_a_module_that_cannot_be_compiled_is_explained_inside(runtime, container, tmp_path):
    cache = tmp_path / "cache"
    runtime.env["HYTHE_RUNC_CACHE"] = str(cache)
    made = container("hello")
    (made / "rootfs" / "app.wasm").write_bytes(b"\0asm\1\0\0\0nonsense")
    code, _, err = runtime.call("run", "-b", made, "t")
    assert code == 126
    assert "/app.wasm" in err
    assert list(cache.iterdir()) == []


def test_a_cache_that_others_could_write_is_not_used(runtime, container, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    runtime.env["HYTHE_RUNC_CACHE"] = str(cache)
    made = container("hello")
    assert runtime.call("run", "-b", made, "t")[0] == 0
    assert list(cache.iterdir()) == []
    assert "module.cwasm" not in (made / "config.json").read_text()


def test_without_a_cache(runtime, container):
    runtime.env["HYTHE_RUNC_CACHE"] = "none"
    made = container("hello")
    assert runtime.call("run", "-b", made, "t")[0] == 0
    assert "module.cwasm" not in (made / "config.json").read_text()


@pytest.mark.parametrize("readonly", [False, True])
def test_a_user_without_rights_and_a_read_only_root(runtime, container, readonly):
    made = container("hello", process={
        "user": {"uid": 1000, "gid": 1000}, "args": ["app.wasm"], "env": ["A=1"], "cwd": "/",
        "noNewPrivileges": True, "capabilities": {}}, root={"path": "rootfs", "readonly": readonly})
    place = made
    while place.stat().st_mode & 0o77 == 0:
        place.chmod(0o755)
        place = place.parent
    assert runtime.call("run", "-b", made, "t")[:2] == (
        0, "hello\narg 0: app.wasm\nenv A=1\n")


def test_a_root_on_a_read_only_file_system(runtime, container, namespace, tmp_path):
    made = container("hello")
    for name in ("proc", "dev"):
        (made / "rootfs" / name).mkdir()
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c",
         'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"', "sh",
         made / "rootfs", *runtime.words("run", "-b", made, "t")],
        capture_output=True, env=runtime.env, timeout=WAIT)
    assert engines.result_of(done)[:2] == (0, "hello\narg 0: app.wasm\nenv PATH=/usr/bin:/bin\n")
    assert '"/dev/.hythe"' in (made / "config.json").read_text()


def test_a_module_on_a_bind_mount(runtime, container, guest, tmp_path):
    made = container("trap", ("/work/deep/app.wasm",))
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "work" / "deep" / "app.wasm").write_bytes(guest("hello"))
    spec = json.loads((made / "config.json").read_text())
    spec["mounts"].append({"destination": "/work", "type": "bind", "source": str(tmp_path / "work"),
                           "options": ["rbind", "ro"]})
    (made / "config.json").write_text(json.dumps(spec))
    code, out, _ = runtime.call("run", "-b", made, "t")
    assert (code, out.splitlines()[0]) == (0, "hello")


def test_sigterm_ends_a_server_as_pid_1(runtime, container):
    made = container("poll_hello")
    with subprocess.Popen(runtime.words("run", "-b", made, "t"), env=runtime.env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"listening")
        assert runtime.call("kill", "t", "TERM")[0] == 0
        assert process.wait(timeout=WAIT) == 143
    runtime.call("delete", "--force", "t")


@pytest.fixture
def created(runtime, container):
    """The id and process of a container that waits for its start, as engines make them."""
    made = container("poll_hello", process={"env": ["PORT=0"]},
                     linux={"namespaces": [{"type": kind} for kind in
                                           ("pid", "mount", "ipc", "uts", "network")]})
    with open(made / "out", "wb") as out:
        done = subprocess.run(
            runtime.words("create", "--bundle", made, "--pid-file", made / "pid", "t"),
            env=runtime.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    assert done.returncode == 0, (made / "out").read_text()
    yield "t", int((made / "pid").read_text())
    runtime.call("delete", "--force", "t")


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False


def test_namespaces_are_there_before_the_start(runtime, created):
    """Docker of today sets up the network between the two, by the process that `state` names."""
    name, pid = created
    state = json.loads(runtime.call("state", name)[1])
    assert (state["status"], state["pid"]) == ("created", pid)
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    assert runtime.call("start", name)[0] == 0
    assert json.loads(runtime.call("state", name)[1])["status"] == "running"


def test_killed_twice_and_deleted_twice(runtime, created):
    """The words that tell an engine that there is nothing left to kill are the real runtime's."""
    name, pid = created
    assert runtime.call("start", name)[0] == 0
    assert runtime.call("kill", name, "KILL")[0] == 0
    wait_for("its end", lambda: not is_running(pid))
    code, _, err = runtime.call("kill", name, "TERM")
    assert code != 0
    words = "container not running|no such process|already finished"
    assert re.search(words, err, re.IGNORECASE), err
    assert runtime.call("kill", "--all", name, "KILL")[0] == 0
    assert runtime.call("delete", name)[0] == 0
    assert runtime.call("delete", "--force", name)[0] == 0
    code, _, err = runtime.call("kill", name, "KILL")
    assert code != 0 and re.search("does not exist|no such file", err, re.IGNORECASE), err


def test_a_root_with_an_absolute_path(runtime, container):
    """As dockerd names the one that it has mounted itself."""
    made = container("hello", root={"path": str(container.folder / "bundle" / "rootfs")})
    assert runtime.call("run", "-b", made, "t")[0] == 0


def test_a_module_gets_no_descriptor_that_an_engine_forgot(runtime, container):
    """One directory, and nothing behind it; though the caller leaves two pipes open."""
    made = container("prestat_scan")
    mine, theirs = os.pipe()
    try:
        done = subprocess.run(["bash", "-c", 'exec "$@" 3<&"$0" 4>&"$0"', str(theirs),
                               *runtime.words("run", "-b", made, "t")], env=runtime.env,
                              stdin=subprocess.DEVNULL, capture_output=True, pass_fds=[theirs])
    finally:
        os.close(mine)
        os.close(theirs)
    assert done.returncode == 16, done


def test_stdout_that_cannot_be_written(runtime, container):
    """`ctr run --null-io` gives /dev/null as it opened it: for reading."""
    made = container("poll_hello", process={"env": ["PORT=0"]})
    with open("/dev/null", "rb") as null, open(made / "err", "wb") as err:
        done = subprocess.run(
            runtime.words("run", "-d", "--pid-file", made / "pid", "-b", made, "t"),
            env=runtime.env, stdin=null, stdout=null, stderr=err)
        assert done.returncode == 0, (made / "err").read_text()
    pid = int((made / "pid").read_text())
    try:
        # It serves: what it listens on is among its descriptors.
        wait_for("its listener", lambda: has_socket(pid))
        assert is_running(pid)
    finally:
        runtime.call("delete", "--force", "t")


def has_socket(pid):
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
                   for name in os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:  # closed meanwhile
        return False


def test_the_real_runtimes_words_stay(runtime, tmp_path):
    code, _, err = runtime.call("run", "-b", bundle(tmp_path / "b", ["/nothing"]), "t")
    assert code != 0
    assert "nothing" in err
    assert "hythe" not in err


def test_an_error_goes_to_the_log(runtime, container, tmp_path):
    made = container("hello", annotations={"io.hythe.command": "dance"})
    log = tmp_path / "log.json"
    code, _, err = runtime.call("--log", log, "--log-format=json", "create", "--bundle", made, "t")
    assert code == 1
    assert err.startswith('hythe-runc: io.hythe.command is "dance"')
    line = json.loads(log.read_text().splitlines()[-1])
    assert line["level"] == "error"
    assert line["msg"].startswith('io.hythe.command is "dance"')
    assert runtime.call("state", "t")[0] != 0


def test_features_and_version_are_the_real_ones(runtime):
    assert "hythe" not in runtime.call("--version")[1]
    if runtime.env["HYTHE_RUNC_REAL"].endswith("runc"):
        assert json.loads(runtime.call("features")[1])["linux"]
