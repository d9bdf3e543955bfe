"""A containerd of the run's own, in namespaces in which nothing can leave the machine, as the tests
of tests/containers have it; images, and servers in and beside containers."""
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from kit import build, process
from kit.serving import Served, port_of
from kit.setting import Missing

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/containers"))
import engines  # noqa: E402
import images  # noqa: E402

COLLECT_S = 120
PROGRAMS = ("hythe-runc", "containerd-shim-hythe-v1", "shim/runc")
TOOLS = {"containerd": "containerd", "ctr": "containerd", "runc": "runc"}
RUNC = ()
LINUX, WASI = "linux/amd64", "wasi/wasm"
# As much of a processor as process.PRIORITY gives: a container's cgroup has a share of its own, in
# which the priority of its processes counts for nothing outside; so has the cgroup around it, and
# therefore there is none.
SHARES = 9548
FIRST_PORT = 8080  # nobody else is in the namespace


class Skipped(Exception):
    """What this machine does not let us do; the text says what is missing."""


def demand():
    """Raise Skipped where no private containerd can run."""
    reason = engines.lacking()
    if reason:
        raise Skipped(reason)
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise Skipped(f"needs {tool} (apt-get install {package})")


class Engine:
    """The daemon, and what it runs with."""

    def __init__(self, setting, folder, namespace, daemon):
        self.setting = setting
        self.folder = folder
        self.namespace = namespace
        self.daemon = daemon
        self.port = FIRST_PORT
        self.hythe_runc = ("--runc-binary", folder / "hythe-runc")
        self.shim = ("--runtime", "io.containerd.hythe.v1")

    def native_image(self, name, source):
        """An image from scratch of a C program that needs nothing."""
        program = build.compile_program(
            self.setting, ["gcc", *build.FLAGS, "-static", self.setting.root / source],
            self.folder / name, "gcc libc6-dev")
        image = f"docker.io/bench/{name}:native"
        path = images.archive(self.folder / f"{name}.tar", image,
                              {name: (program.read_bytes(), 0o755)}, [f"/{name}"],
                              platform=tuple(LINUX.split("/")))
        self.daemon.load(path, LINUX)
        return image

    def wasm_image(self, guest):
        """An image of a guest, by `hythe image build`."""
        image = f"docker.io/bench/{guest}:wasm".replace("_", "-")
        self.daemon.load(build_image(self.setting, guest, image, self.folder / f"{guest}.wasm.tar"))
        return image

    def run_command(self, runtime, image, name, platform):
        """`ctr run` to the container's end, for kit/spawn_times.py: a path and words."""
        command = self.namespace.command(
            shutil.which("ctr"), "-a", self.daemon.socket, "run", "--rm", "--net-host",
            "--platform", platform, *runtime, image, name)
        return [shutil.which(command[0]), *command[1:]]

    @contextmanager
    def serve(self, image, options=()):
        """One worker of `hythe serve` in a container with the host's network."""
        self.port += 1
        for variable in (f"HYTHE_LISTEN=127.0.0.1:{self.port}", "HYTHE_OPTIONS=--workers 1"):
            options = (*options, "--env", variable)
        if self.setting.has_priority:
            options = (*options, "--cpu-shares", SHARES,
                       "--cgroup", f"/{self.folder.name}-{self.port}")
        with self.daemon.start(self.shim, image, options=options) as container:
            self.namespace.wait_for_http(f"http://127.0.0.1:{self.port}/")
            container.pid = self._pid(container.name)
            process.favour(container.pid, self.setting.server_cpus)
            yield Served(container, self.port, self.namespace.command())

    @contextmanager
    def serve_outside(self, guest):
        """The same without a container, in the same network."""
        setting = self.setting
        child = process.start(
            self.namespace.command(setting.hythe, "serve", "--workers", "1", "--listen",
                                   "127.0.0.1:0", "--cache-dir", setting.cache,
                                   setting.guest(guest)),
            setting.server_cpus, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            yield Served(child, port_of(child), self.namespace.command())
        finally:
            process.end(child)

    def _pid(self, name):
        for line in self.daemon.ctr("task", "ls")[1].splitlines():
            words = line.split()
            if words and words[0] == name:
                return int(words[1])
        raise process.Failure(f"container {name} is not there")


def build_image(setting, guest, image, output):
    process.run([setting.hythe, "image", "build", setting.guest(guest), "-t", image, "-o", output],
                COLLECT_S, process.ALL_CPUS)
    return output


def _copy_programs(setting, folder):
    """As with the program itself, a build meanwhile must not change what is measured."""
    for name in PROGRAMS:
        built = setting.program.parent / name
        if not os.access(built, os.X_OK):
            raise Missing(f"{built} is not built; build it: make")
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(built, folder / name, follow_symlinks=False)
    process.run([setting.root / "scripts/portable", setting.hythe, folder / "portable/hythe"],
                COLLECT_S, process.ALL_CPUS)


@contextmanager
def _started(folder):
    environment = {"PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                   "HYTHE_RUNC_CONF": str(folder / "runc.conf")}
    namespace = engines.Namespace()
    try:
        daemon = engines.Containerd(namespace, environment)
        try:
            process.favour(daemon.daemon.pid, process.ALL_CPUS)
            yield namespace, daemon
        finally:
            daemon.close()
    finally:
        namespace.close()


@contextmanager
def engine(setting):
    """A containerd with hythe's runtimes, on all processors, as it finds them on a machine."""
    demand()
    # Not in the run's own folder: containers of other users need it, too.
    folder = Path(tempfile.mkdtemp(prefix="hythe-bench-oci-"))
    own = os.sched_getaffinity(0)
    try:
        folder.chmod(0o755)
        _copy_programs(setting, folder)
        (folder / "runc.conf").write_text(
            f"host = {folder}/portable/hythe\ncache = {folder}/cache\n", encoding="utf-8")
        os.sched_setaffinity(0, process.ALL_CPUS)  # Go counts its processors when it starts
        with _started(folder) as (namespace, daemon):
            os.sched_setaffinity(0, own)
            yield Engine(setting, folder, namespace, daemon)
    except AssertionError as error:
        raise process.Failure(" ".join(str(error).split())[:300]) from error
    finally:
        os.sched_setaffinity(0, own)
        shutil.rmtree(folder, ignore_errors=True)
