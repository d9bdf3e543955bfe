"""Fixtures of the container tests, tier ii: as root, with Debian's packages. HYTHE names the
program, HYTHE_RUNC the wrapper, HYTHE_GUESTS the built guests."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import dockerd
import engines
import images
import podmand
import sandbox
from engines import ROOT

GUESTS = Path(os.environ.get("HYTHE_GUESTS", ROOT / "build" / "guests"))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    def interrupt(number, frame):
        raise KeyboardInterrupt  # so that fixtures are ended, as by Ctrl-C

    signal.signal(signal.SIGTERM, interrupt)
    if config.option.basetemp is None:
        # Other users than root go there, too. pytest's own place is closed to them again by any
        # other pytest that is started.
        config.option.basetemp = str(sandbox.PLACES.folder("ht-") / "pytest")
    if os.geteuid() == 0:
        sandbox.remove_old_cgroups()


def pytest_unconfigure():
    sandbox.PLACES.clear()


def pytest_collection_modifyitems(items):
    reason = sandbox.lacking()
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def programs():
    """Folder with hythe-runc and the launcher."""
    path = Path(os.environ.get("HYTHE_RUNC", ROOT / "build" / "release" / "hythe-runc")).absolute()
    if not os.access(path, os.X_OK):
        pytest.skip(f"{path} is not built: make release")
    return path.parent


@pytest.fixture(scope="session")
def portable(tmp_path_factory):
    """The folder that goes into containers, made of the program under test."""
    program = Path(os.environ.get("HYTHE", ROOT / "build" / "release" / "hythe")).absolute()
    if not os.access(program, os.X_OK):
        pytest.skip(f"{program} is not built: make release")
    folder = tmp_path_factory.mktemp("portable")
    # Other users than root run it, too: pytest's folders are root's alone.
    place = folder
    while place.stat().st_mode & 0o77 == 0:
        place.chmod(0o755)
        place = place.parent
    made = folder / "hythe"
    done = subprocess.run([ROOT / "scripts" / "portable", program, made], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    (folder / "runc.conf").write_text(
        f"# of the tests\nhost = {made}\ncache = {folder}/cache\n")
    return made


@pytest.fixture(scope="session")
def environment(programs, portable):
    """What the daemons run with: our programs first, and nothing of this machine's settings."""
    return {
        "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "HYTHE_RUNC_CONF": str(portable.parent / "runc.conf"),
    }


@pytest.fixture(scope="session")
def namespace():
    namespace = sandbox.Sandbox()
    yield namespace
    namespace.close()


@pytest.fixture(scope="session")
def containerd(namespace, environment):
    for tool in ("containerd", "ctr", "runc"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} (apt-get install containerd runc)")
    daemon = engines.Containerd(namespace, environment)
    yield daemon
    daemon.close()


@pytest.fixture(scope="session")
def guest():
    """Reads a guest's module, or skips and says why."""

    def read(name):
        path = GUESTS / f"{name}.wasm"
        if not path.exists():
            pytest.skip(f"guest {name} is not built: scripts/guests {name}")
        return path.read_bytes()

    return read


@pytest.fixture(scope="session")
def image(containerd, guest, tmp_path_factory):
    """Makes and loads an image with one guest as its entry point; the image's name."""
    folder = tmp_path_factory.mktemp("images")
    loaded = {}

    def load(name, **options):
        key = (name, repr(options))
        if key not in loaded:
            number = len(list(folder.iterdir()))
            full = f"docker.io/test/{name}:{number}".replace("_", "-")
            path = folder / f"{number}.tar"
            if "files" not in options:
                options["files"] = {"app.wasm": guest(name)}
            options.setdefault("entrypoint", ["app.wasm"])
            images.archive(path, full, **options)
            containerd.load(path)
            loaded[key] = full
        return loaded[key]

    return load


@pytest.fixture(scope="session")
def docker(programs, portable, environment, tmp_path_factory):
    reason = dockerd.lacking()
    if reason:
        pytest.skip(reason)
    prefix = dockerd.prefix_of(tmp_path_factory.mktemp("prefix") / "hythe", programs, portable)
    namespace = sandbox.Sandbox()
    daemon = None
    try:
        daemon = dockerd.Docker(namespace, environment, prefix)
        yield daemon
    finally:
        if daemon is not None:
            daemon.close()
        namespace.close()


@pytest.fixture(scope="session")
def podman(programs, portable, environment, tmp_path_factory):
    for tool, package in {"podman": "podman", "conmon": "conmon", "runc": "runc"}.items():
        if shutil.which(tool, path=dockerd.PATH) is None:
            pytest.skip(f"needs {tool} (apt-get install {package})")
    prefix = dockerd.prefix_of(tmp_path_factory.mktemp("prefix") / "hythe", programs, portable)
    namespace = sandbox.Sandbox()
    podman = podmand.Podman(namespace, environment, prefix)
    yield podman
    podman.close()
    namespace.close()
