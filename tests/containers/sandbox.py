"""Where the tests' engines run: in namespaces of their own, out of which no packet goes, and which
end with the tests, however these end. What the kernel refuses of that is named."""
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAIT = 120.0  # seconds; for what takes a tenth of one where nobody else is busy
# The name of cgroups of ours, in all hierarchies, and containerd's namespace for them.
GROUP = f"hythe-tests-{os.getpid()}"
NAMESPACES = ("-n", "-m", "-p", "--fork", "--kill-child", "--mount-proc")
# Process 1 of a sandbox. It reaps whom nobody waits for, and ends with the tests: all with it.
PROCESS_1 = """import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("up", flush=True)
sys.stdin.read()
"""
# What engines write outside of their folders is seen by them alone.
SET_UP = """mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mkdir -p /run/lock
for place in etc var; do
    mkdir -p "/run/hythe-tests/$place" "/run/hythe-tests/$place.work"
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=/run/hythe-tests/$place" \
        -o "workdir=/run/hythe-tests/$place.work" "/$place"
done
ip link set lo up
exec "$@"
"""
OVERLAY, BRIDGE, FIREWALL = "overlay mounts", "bridges", "a firewall"
PROBES = {
    OVERLAY: 'mkdir "$1/l" "$1/u" "$1/w" "$1/m" && mount -t overlay overlay '
             '-o "lowerdir=$1/l,upperdir=$1/u,workdir=$1/w" "$1/m"',
    BRIDGE: "ip link set lo up && ip link add hythe0 type bridge",
    FIREWALL: "iptables -w -t nat -S",
}


@functools.cache
def lacking():
    """Why these tests cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("unshare", "nsenter", "ip"):
        if shutil.which(tool) is None:
            return f"needs {tool} (apt-get install util-linux iproute2)"
    tried = subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        return f"the kernel refuses namespaces: {tried.stderr.strip()}"
    return refused(OVERLAY) or lacks_cgroups()


def lacks_cgroups():
    """Why there can be no cgroups, or None."""
    found = [folder for folder in hierarchies() if is_of_memory(folder)]
    if not found:
        return "there are no cgroups with limits of memory below /sys/fs/cgroup"
    try:
        (found[0] / GROUP).mkdir(exist_ok=True)
        (found[0] / GROUP).rmdir()
    except OSError as error:
        return f"cgroups cannot be made: {error}"
    return None


def hierarchies():
    root = Path("/sys/fs/cgroup")
    return [root, *(path for path in root.glob("*/") if (path / "cgroup.procs").exists())]


def is_of_memory(folder):
    controllers = folder / "cgroup.controllers"
    return ((folder / "memory.limit_in_bytes").exists()
            or controllers.exists() and "memory" in controllers.read_text().split())


@functools.cache
def refused(*tools):
    """Of what PROBES tries, the first that the kernel refuses, as a reason to skip; or None."""
    for what in tools:
        tried = subprocess.run(
            ["unshare", *NAMESPACES, "sh", "-euc", PROBES[what], "sh", PLACES.folder("hx-")],
            capture_output=True, text=True)
        if tried.returncode != 0:
            return f"the kernel refuses {what}: {' '.join(tried.stderr.split())}"
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


def remove_cgroups(name=GROUP):
    """The tree of that name. What was in it may be ending still."""
    end = time.monotonic() + WAIT
    for top in (folder / name for folder in hierarchies()):
        for path in [*sorted(top.glob("**/"), reverse=True), top]:
            while path.is_dir() and time.monotonic() < end:
                try:
                    path.rmdir()
                except OSError:
                    time.sleep(0.02)


def remove_old_cgroups():
    """Of runs that were killed. One in which processes are is not removed by anybody."""
    for folder in hierarchies():
        for top in folder.glob("hythe-tests-*"):
            if not Path(f"/proc/{top.name.rpartition('-')[2]}").exists():
                for path in [*sorted(top.glob("**/"), reverse=True), top]:
                    with contextlib.suppress(OSError):
                        path.rmdir()


class Places:
    """All that is to be taken away in the end, whatever the end is."""

    def __init__(self):
        self.sandboxes = []
        self.folders = []

    def folder(self, prefix):
        """Sockets have short paths: not below pytest's folder."""
        self.folders.append(Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp")))
        self.folders[-1].chmod(0o755)  # for other users than root
        return self.folders[-1]

    def clear(self):
        while self.sandboxes:
            self.sandboxes[-1].close()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.folders.clear()
        if os.geteuid() == 0:
            remove_cgroups()


PLACES = Places()


def parent_of(process):
    """The parent's id, or None if there is no such process."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return None


def child_of(process):
    """The one child of a subprocess, or itself if that has ended already."""
    def find():
        if process.poll() is not None:
            return process.pid
        return next((int(path.name) for path in Path("/proc").glob("[0-9]*")
                     if parent_of(path.name) == process.pid), None)

    return wait_for(f"a child of {process.args}", find)


class Namespace:
    """A process that holds a network namespace with a loopback, and a mount namespace."""

    group = None

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", "-n", "-m", "sh", "-c", "ip link set lo up && echo up && exec sleep 3600"],
            stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"up\n"
        self.pid = self.holder.pid

    def command(self, *words):
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "--", *map(str, words)]

    def start(self, words, env, log):
        """A daemon, whose own output goes to a file."""
        with open(log, "ab") as out:
            return Daemon(self, subprocess.Popen(
                self.command(*words), env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True))

    def run(self, *words, env=None, timeout=WAIT, stdin=None):
        return result_of(subprocess.run(self.command(*words), capture_output=True, env=env,
                                        timeout=timeout, input=stdin))

    def ok(self, *words, **options):
        """A command that must do what it is asked; its output."""
        code, out, err = self.run(*words, **options)
        assert code == 0, (words, out, err)
        return out

    def curl(self, url, *options):
        return self.run("curl", "-s", "-m", "10", *options, url)

    def wait_for_http(self, url, *options):
        """The body of the first answer."""
        return wait_for(url, lambda: self.curl(url, "-f", *options)[1])

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class Sandbox(Namespace):
    """One that has processes of its own, too: with process 1, which ends when these tests do, all
    that was ever started in it ends, and its mounts with that."""

    group = GROUP

    def __init__(self):
        self.holder = subprocess.Popen(
            ["unshare", *NAMESPACES, "sh", "-euc", SET_UP, "sh", sys.executable, "-Sc", PROCESS_1],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        PLACES.sandboxes.append(self)
        assert self.holder.stdout.readline() == b"up\n"
        self.pid = child_of(self.holder)

    def command(self, *words):
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-p", "--", *map(str, words)]

    def close(self):
        if self in PLACES.sandboxes:
            PLACES.sandboxes.remove(self)
            self.holder.stdin.close()
            self.holder.wait(timeout=WAIT)
            self.holder.stdout.close()


class Daemon:
    """A program that a namespace's `start` has started."""

    def __init__(self, namespace, process):
        self.process = process
        # With processes of their own, nsenter stands between: it waits, and hands no signals on.
        stands_between = "-p" in namespace.command()
        self.pid = child_of(process) if stands_between else process.pid

    def poll(self):
        return self.process.poll()

    def stop(self):
        """SIGTERM, and its end."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=WAIT)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.process.wait(timeout=WAIT)
