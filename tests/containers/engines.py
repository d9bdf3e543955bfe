"""Container engines of the tests' own: private daemons in a network and a mount namespace of
their own, in which nothing can leave the machine, and which end with the test."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAIT = 30.0  # seconds; for what takes a tenth of one
PLATFORM = "wasi/wasm"


def lacking():
    """Why these tests cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("unshare", "nsenter", "ip"):
        if shutil.which(tool) is None:
            return f"needs {tool} (apt-get install util-linux iproute2)"
    if subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True).returncode != 0:
        return "the kernel refuses namespaces (unshare -n -m)"
    return None


def wait_for(what, check):
    """Give what `check` returns as soon as that is true."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {WAIT:.0f} s")


def result_of(process):
    """(exit code, stdout, stderr) of a finished subprocess."""
    return process.returncode, process.stdout.decode(), process.stderr.decode()


class Namespace:
    """A process that holds a network namespace with a loopback, and a mount namespace."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "-n", "-m", "sh", "-c", "ip link set lo up && echo up && exec sleep 3600"],
            stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"up\n"

    def command(self, *words):
        return ["nsenter", "-t", str(self.holder.pid), "-n", "-m", "--", *map(str, words)]

    def run(self, *words, env=None, timeout=WAIT, stdin=None):
        return result_of(subprocess.run(self.command(*words), capture_output=True, env=env,
                                        timeout=timeout, input=stdin))

    def curl(self, url, *options):
        return self.run("curl", "-s", "-m", "10", *options, url)

    def wait_for_http(self, url):
        """The body of the first answer."""
        return wait_for(url, lambda: self.curl(url, "-f")[1])

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class Container:
    """A container that runs, with its output in files, so that nothing fills up."""

    def __init__(self, daemon, name, words):
        self.daemon = daemon
        self.name = name
        self.output = daemon.folder / f"{name}.out"
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                daemon.namespace.command("ctr", "-a", daemon.socket, "run", "--rm", "--net-host",
                                         "--platform", PLATFORM, *words),
                env=daemon.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def __enter__(self):
        return self

    def kill(self, signal_name):
        return self.daemon.ctr("task", "kill", "-s", signal_name, self.name)

    def stop(self):
        """SIGTERM, and the exit code."""
        result = self.kill("SIGTERM")
        assert result[0] == 0, (result, self.text())
        return self.process.wait(timeout=WAIT)

    def text(self):
        return self.output.read_text(errors="replace")

    def __exit__(self, *what):
        if self.process.poll() is None:
            self.kill("SIGKILL")
            self.process.wait(timeout=WAIT)
        if what[0] is not None:
            print(f"--- {self.name}\n{self.text()}\n---\n{self.daemon.log.read_text()[-3000:]}")


class Containerd:
    """A containerd with its `ctr`."""

    def __init__(self, namespace, env):
        self.namespace = namespace
        # Sockets have short paths: not below pytest's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="hc-", dir="/tmp"))
        self.socket = self.folder / "c.sock"
        self.log = self.folder / "log"
        config = self.folder / "config.toml"
        config.write_text(f'''version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{self.socket}"
[ttrpc]
  address = "{self.socket}.ttrpc"
''')
        self.env = env
        with open(self.log, "wb") as log:
            self.daemon = subprocess.Popen(
                namespace.command("containerd", "-c", config, "--root", self.folder / "root",
                                  "--state", self.folder / "state", "--address", self.socket),
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self.names = 0
        wait_for("containerd", lambda: self.ctr("version")[0] == 0)

    def ctr(self, *words, timeout=WAIT):
        return self.namespace.run("ctr", "-a", self.socket, *words, env=self.env,
                                  timeout=timeout)

    def load(self, path, platform=PLATFORM):
        result = self.ctr("images", "import", "--platform", platform, path)
        assert result[0] == 0, result

    def name(self):
        self.names += 1
        return f"c{self.names}"

    def run(self, runtime, image, *words, name=None, options=(), platform=PLATFORM):
        """Run a container to its end."""
        return self.ctr("run", "--rm", "--net-host", "--platform", platform, *runtime, *options,
                        image, name or self.name(), *words)

    @contextlib.contextmanager
    def start(self, runtime, image, *words, options=()):
        """Run one beside. It is gone afterwards."""
        name = self.name()
        with Container(self, name, (*runtime, *options, image, name, *words)) as container:
            yield container

    def state(self, name):
        for line in self.ctr("task", "ls")[1].splitlines():
            words = line.split()
            if words and words[0] == name:
                return words[2]
        return None

    def close(self):
        os.killpg(self.daemon.pid, signal.SIGTERM)
        self.daemon.wait(timeout=WAIT)
        shutil.rmtree(self.folder, ignore_errors=True)


def bundle(folder, args, **changes):
    """A bundle for runc, without an engine; `changes` are merged into its config.json."""
    spec = {
        "ociVersion": "1.0.2-dev",
        "process": {"user": {"uid": 0, "gid": 0}, "args": args, "env": ["PATH=/usr/bin:/bin"],
                    "cwd": "/", "noNewPrivileges": True},
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "mode=755", "size=65536k"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }
    for key, value in changes.items():
        if isinstance(value, dict):
            spec.setdefault(key, {}).update(value)
        else:
            spec[key] = value
    (folder / "rootfs").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(spec))
    return folder
