"""A Docker of the tests' own: its daemon with the default bridge and real firewall rules, in a
network namespace from which nothing can leave. Its daemon.json is what `hythe install` writes."""
import contextlib
import json
import os
import shutil
import signal
import subprocess

from sandbox import BRIDGE, FIREWALL, PLACES, WAIT, refused, wait_for

TOOLS = {"dockerd": "docker.io", "docker": "docker.io", "containerd": "containerd", "runc": "runc",
         "iptables": "iptables"}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def lacking():
    """Why Docker cannot be tested here, or None."""
    for tool, package in TOOLS.items():
        if shutil.which(tool, path=PATH) is None:
            return f"needs {tool} (apt-get install {package})"
    return refused(BRIDGE, FIREWALL)


def lacks_shims():
    """Why this Docker takes no runtime by its shim's name, or None."""
    version = subprocess.run(["docker", "--version"], env={"PATH": PATH}, capture_output=True,
                             text=True, check=True).stdout.split()[2].rstrip(",")
    if int(version.split(".")[0]) < 24:
        return f"Docker {version} has no containerd image store (scripts/containers-newer)"
    return None


def prefix_of(folder, programs, portable):
    """A tree as `make install` makes it: podman hands no environment on to its runtimes, which then
    find what they need beside themselves."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / "hythe" / "shim").mkdir(parents=True)
    for name in ("hythe", "hythe-runc", "containerd-shim-hythe-v1"):
        shutil.copy(programs / name, folder / "bin" / name)
    (folder / "lib" / "hythe" / "portable").symlink_to(portable)
    (folder / "lib" / "hythe" / "shim" / "runc").symlink_to("../../../bin/hythe-runc")
    return folder


class Docker:
    """A daemon, and its client. With `features`, nothing is installed for it."""

    def __init__(self, namespace, env, prefix, features=None):
        self.namespace = namespace
        self.folder = PLACES.folder("hd-")
        self.env = {**env, "DOCKER_HOST": f"unix://{self.folder}/d.sock", "DOCKER_BUILDKIT": "0",
                    "DOCKER_CONFIG": str(self.folder / "client")}
        self.log = self.folder / "log"
        self.prefix = prefix
        self.file = self.folder / "root" / "etc" / "docker" / "daemon.json"
        self.file.parent.mkdir(parents=True)
        shown = self.folder / "root" / prefix.relative_to("/")  # as in a package
        shown.parent.mkdir(parents=True)
        shown.symlink_to(prefix)
        self.file.write_text(json.dumps({
            "data-root": f"{self.folder}/data", "exec-root": f"{self.folder}/exec",
            "pidfile": f"{self.folder}/pid", "hosts": [self.env["DOCKER_HOST"]],
            **({"features": features} if features else {"storage-driver": "overlay2"}),
            "cgroup-parent": f"/{namespace.group}"}, indent=4) + "\n")
        self.daemon = namespace.start(["dockerd", "--config-file", self.file], self.env, self.log)
        self.images = {}
        try:
            wait_for("dockerd", self.is_up)
            if not features:
                self.install()
        except BaseException:
            print(self.log.read_text(errors="replace")[-3000:])
            self.close()
            raise

    def is_up(self):
        assert self.daemon.poll() is None, self.log.read_text(errors="replace")[-3000:]
        return self("version")[0] == 0

    def install(self):
        """What the guide says: `hythe install docker --write`, and a reload; no restart."""
        result = subprocess.run(
            [self.prefix / "bin" / "hythe", "install", "docker", "--write", "--root",
             self.folder / "root", "--prefix", self.prefix], capture_output=True)
        assert result.returncode == 0, result
        assert "systemctl reload docker" in result.stdout.decode()
        os.kill(self.daemon.pid, signal.SIGHUP)
        wait_for("the runtime", lambda: "hythe" in self("info", "-f", "{{json .Runtimes}}")[1])

    def __call__(self, *words, timeout=WAIT):
        return self.namespace.run("docker", *words, env=self.env, timeout=timeout)

    def ok(self, *words, timeout=WAIT):
        """A command that must do what it is asked; its output."""
        code, out, err = self(*words, timeout=timeout)
        assert code == 0, (words, out, err, self.log.read_text(errors="replace")[-2000:])
        return out.strip()

    def build(self, name, files, dockerfile):
        """`docker build` of a folder; the image's name."""
        key = (name, dockerfile)
        if key not in self.images:
            folder = self.folder / f"build{len(self.images)}"
            folder.mkdir()
            for path, data in files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
                (folder / path).chmod(0o755)
            (folder / "Dockerfile").write_text(dockerfile)
            self.images[key] = f"t/{name.replace('_', '-')}:{len(self.images)}"
            self.ok("build", "-t", self.images[key], folder)
        return self.images[key]

    def run(self, image, *words, options=()):
        """Run a container to its end: (exit code, stdout, stderr)."""
        return self("run", "--rm", "--runtime", "hythe", *options, image, *words)

    @contextlib.contextmanager
    def start(self, image, *words, options=()):
        """Run one in the background; its name. It is gone afterwards."""
        name = self.ok("run", "-d", "--runtime", "hythe", *options, image, *words)
        try:
            yield name
        except BaseException:
            print(self("logs", name), self("inspect", name)[1][:1500],
                  self.log.read_text(errors="replace")[-1500:])
            raise
        finally:
            self("rm", "-f", name)

    def inspect(self, name, what):
        return json.loads(self.ok("inspect", "-f", "{{json %s}}" % what, name))

    def published(self, name, port=8080):
        """Where a container's port is to be reached: an address that Docker has chosen."""
        return "http://" + self.ok("port", name, str(port)).splitlines()[0]

    def stop(self, name):
        """`docker stop`; the exit code, which is 137 when the time of grace was not enough."""
        self.ok("stop", "-t", "20", name)
        return self.inspect(name, ".State.ExitCode")

    def close(self):
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
