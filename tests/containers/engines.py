"""containerd and bundles of the tests' own."""
import contextlib
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

from sandbox import PLACES, WAIT, GROUP, Namespace, lacking, result_of, wait_for

__all__ = ["GROUP", "PLATFORM", "ROOT", "WAIT", "Container", "Containerd", "Namespace", "bundle",
           "lacking", "result_of", "wait_for"]
ROOT = Path(__file__).resolve().parents[2]
PLATFORM = "wasi/wasm"
NUMBERS = itertools.count()  # runc 1.3 starts nothing in a group that others are in


class Container:
    """A container that runs, with its output in files, so that nothing fills up."""

    def __init__(self, daemon, name, words):
        self.daemon = daemon
        self.name = name
        self.output = daemon.folder / f"{name}.out"
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                daemon.namespace.command(*daemon.client, "run", "--rm", "--net-host", "--platform",
                                         PLATFORM, *words),
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
        self.folder = PLACES.folder("hc-")
        self.socket = self.folder / "c.sock"
        self.log = self.folder / "log"
        self.env = env
        self.names = 0
        self.client = ["ctr", "-a", self.socket]
        if namespace.group is not None:
            self.client += ["-n", namespace.group]  # cgroups are called after it
        config = self.folder / "config.toml"
        config.write_text(f'''version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{self.socket}"
[ttrpc]
  address = "{self.socket}.ttrpc"
''')
        self.daemon = namespace.start(
            ["containerd", "-c", config, "--root", self.folder / "root", "--state",
             self.folder / "state", "--address", self.socket], env, self.log)
        wait_for("containerd", lambda: self.ctr("version")[0] == 0)

    def ctr(self, *words, timeout=WAIT):
        code, out, err = self.namespace.run(*self.client, *words, env=self.env, timeout=timeout)
        return code, out, re.sub(r'^time=.* msg="DEPRECATION: .*cgroup v1.*\n', "", err, flags=re.M)

    def load(self, path, platform=PLATFORM):
        result = self.ctr("images", "import", "--no-unpack", "--platform", platform, path)
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
        self.daemon.stop()
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
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
                  "cgroupsPath": f"/{GROUP}/bundle{next(NUMBERS)}"},
    }
    for key, value in changes.items():
        if isinstance(value, dict):
            spec.setdefault(key, {}).update(value)
        else:
            spec[key] = value
    (folder / "rootfs").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(spec))
    return folder
