"""`wasmtime serve` as cargo installs it: what components are measured against."""
import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from kit import process
from kit.serving import Served, port_of
from kit.setting import Missing

VERSION = "48.0.8"
INSTALL_S = 2400
COMPILE_S = 300


def _tools():
    """Where scripts/guests-components keeps its tools, too."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "hythe/toolchains/component"


def _find(setting):
    for folder in (_tools() / f"wasmtime-cli-{VERSION}", _tools()):
        found = folder / "bin/wasmtime"
        if found.exists() and setting.tool_version([str(found), "--version"]).endswith(VERSION):
            return found
    return None


def version(setting):
    found = _find(setting)
    return setting.tool_version([str(found), "--version"]) if found is not None else "not installed"


def _install():
    if shutil.which("cargo") is None:
        raise Missing("cargo is missing, which installs wasmtime-cli: see scripts/deps")
    process.say(f"installing wasmtime-cli {VERSION} (many minutes, once)")
    process.run(["cargo", "install", "--quiet", "--locked", "--version", VERSION, "wasmtime-cli",
                 "--root", _tools() / f"wasmtime-cli-{VERSION}"], INSTALL_S, process.ALL_CPUS)


def program(setting):
    """The program; installed first where it is not."""
    found = _find(setting)
    if found is None:
        _tools().mkdir(parents=True, exist_ok=True)
        with open(_tools() / ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _find(setting) is None:
                _install()
        found = _find(setting)
    if found is None:
        raise Missing(f"wasmtime-cli {VERSION}, which cargo installed, says that it is another one")
    return found


def _compiled(setting, guest):
    output = setting.cache / f"{guest}.wasmtime.cwasm"
    if not output.exists():
        process.say(f"compiling {guest} for wasmtime serve")
        process.run([program(setting), "compile", "-o", output, setting.guest(guest)], COMPILE_S,
                    process.ALL_CPUS)
    return output


@contextmanager
def serve(setting, guest, options=()):
    """A guest, compiled before; it says nothing per request, so nobody has to read what it says."""
    child = process.start([program(setting), "serve", "--addr", "127.0.0.1:0",
                           "--allow-precompiled", *options, _compiled(setting, guest)],
                          setting.server_cpus, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield Served(child, port_of(child, "Serving HTTP on"))
    finally:
        process.end(child)
