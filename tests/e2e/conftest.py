"""Fixtures of the end-to-end tests. HYTHE names the program, HYTHE_GUESTS the built guests."""
import gzip
import os
import resource
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from harness import ROOT, Hythe

TEST_SECONDS = 120  # ends what hangs; no test needs as much, also on a busy machine
COMMITTED = ROOT / "examples" / "modules"


def pytest_configure(config):
    config.addinivalue_line("markers", "timeout_s(seconds): a test that may take longer")
    # A thousand connections need descriptors on this side, too.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """End a test that hangs, whatever it hangs in."""

    marker = item.get_closest_marker("timeout_s")
    seconds = marker.args[0] if marker else TEST_SECONDS

    def on_alarm(signo, frame):
        raise TimeoutError(f"{item.nodeid} took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def program_path():
    path = Path(os.environ.get("HYTHE", ROOT / "build" / "release" / "hythe")).absolute()
    if not os.access(path, os.X_OK):
        pytest.exit(f"{path} is not built: make release, or set HYTHE", returncode=2)
    return path


@pytest.fixture(scope="session")
def public_dir():
    """A directory that other users can read, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="hythe-e2e-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """One cache for all tests but those about the cache: each guest is compiled once."""
    return tmp_path_factory.mktemp("cache")


def new_runner(program_path, shared_cache):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "XDG_CACHE_HOME": str(shared_cache)}
    # Freed memory that a sanitizer keeps would look like growth.
    env["ASAN_OPTIONS"] = "quarantine_size_mb=1:detect_stack_use_after_return=0"
    env.update({name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})
    return Hythe(program_path, env)


@pytest.fixture
def hythe(program_path, shared_cache):
    """Runs the program; everything it started is gone after the test."""
    runner = new_runner(program_path, shared_cache)
    yield runner
    runner.close()


@pytest.fixture(scope="module")
def hythe_of_module(program_path, shared_cache):
    """The same for what all tests of a file share."""
    runner = new_runner(program_path, shared_cache)
    yield runner
    runner.close()


@pytest.fixture
def hythe_as_nobody(program_path, public_dir, hythe):
    """The same for a user without rights; only root can become one."""
    if os.geteuid() != 0:
        return hythe, None
    copy = public_dir / program_path.name
    if not copy.exists():
        for file in program_path.parent.glob("libhythe.so*"):
            shutil.copy(file, public_dir)
        shutil.copy(program_path, copy)
    runner = Hythe(copy, {**hythe.env, "XDG_CACHE_HOME": "/nonexistent"})
    hythe.programs.append(runner)  # closed with it
    return runner, 65534


@pytest.fixture(scope="session")
def guest(tmp_path_factory):
    """Finds a guest's module by its name, or skips the test and says why."""
    built = Path(os.environ.get("HYTHE_GUESTS", ROOT / "build" / "guests"))
    unpacked = tmp_path_factory.mktemp("guests")

    def find(name):
        file = f"{name}.wasm"
        for folder in (built, COMMITTED, unpacked):
            if (folder / file).exists():
                return folder / file
        packed = COMMITTED / f"{file}.gz"
        if packed.exists():
            (unpacked / file).write_bytes(gzip.decompress(packed.read_bytes()))
            return unpacked / file
        pytest.skip(f"guest {name} is not built; 'scripts/guests {name}' names the missing tool")

    return find
