"""What is measured with what: the program, the guests, the processors, how long."""
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from kit import process

# Program and the Debian package that has it.
TOOLS = {"wrk": "wrk", "strace": "strace"}


class Missing(Exception):
    """Something that has to be installed or built first; the text says how."""


class Setting:
    def __init__(self, root, hythe, scratch, quick):
        self.root = root
        self.program = hythe
        self.hythe = scratch / "hythe"
        self.quick = quick
        # As scripts/guests has it.
        self.guests = Path(os.environ.get("HYTHE_GUESTS_OUT", root / "build/guests"))
        self.cache = scratch / "cache"
        self.cache.mkdir(mode=0o700)
        cpus = sorted(process.ALL_CPUS)
        self.is_pinned = len(cpus) > 1
        self.server_cpus = {cpus[0]} if self.is_pinned else None
        self.client_cpus = {cpus[1]} if self.is_pinned else None
        self.has_priority = process.may_raise_priority()

    def check(self):
        if not os.access(self.program, os.X_OK):
            raise Missing(f"no program at {self.program}; build it: make")
        shutil.copy(self.program, self.hythe)  # a build meanwhile must not change what is measured
        for tool, package in TOOLS.items():
            if shutil.which(tool) is None:
                raise Missing(f"{tool} is missing: apt install {package}")
        # The tables are about a busy server on one processor and its client on another one.
        if self.is_pinned:
            os.sched_setaffinity(0, self.client_cpus)

    @contextmanager
    def not_pinned(self):
        """Servers and clients that start meanwhile may use all processors."""
        pinned = self.server_cpus, self.client_cpus
        self.server_cpus = self.client_cpus = process.ALL_CPUS
        try:
            yield
        finally:
            self.server_cpus, self.client_cpus = pinned

    def pick(self, full, quick):
        return quick if self.quick else full

    def guest(self, name):
        return self._built(self.guests / f"{name}.wasm", name)

    def native(self, name):
        return self._built(self.guests / "native" / name, name)

    def _built(self, path, name):
        if not path.exists():
            raise Missing(f"{path} is not built: scripts/guests {name}")
        return path

    def run_command(self, guest, *arguments, options=()):
        """The command that runs a guest; the cache is this run's own, so 'cached' means cached."""
        return [self.hythe, "run", "--cache-dir", self.cache, *options, self.guest(guest),
                *arguments]

    def warm(self, guest, *arguments, options=()):
        """Compile a guest into the cache, by running it once."""
        process.run(self.run_command(guest, *arguments, options=options), timeout_s=120)

    def tool_version(self, command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10,
                                  stdin=subprocess.DEVNULL, check=False)
        except OSError as error:
            return f"unknown ({error.strerror})"
        lines = (done.stdout or done.stderr).splitlines()
        return lines[0].split(" Copyright")[0].strip() if lines else "unknown"
