"""Debian's podman with the file that `hythe install podman --write` makes, as
docs/guide/containers.md says."""
import json
from pathlib import Path

import pytest

from sandbox import wait_for
from spender import SPENDER


@pytest.fixture
def image(podman, guest):
    def load(name, **options):
        return podman.load(name, {"app.wasm": guest(name)}, **options)

    return load


@pytest.fixture
def bridge(podman):
    """podman's own network, which wants plug-ins."""
    code, out, err = podman("network", "inspect", "podman")
    if code != 0:
        pytest.skip(f"podman has no network: {err or out}")
    for folder in ("/usr/lib/cni", "/opt/cni/bin"):
        if (Path(folder) / "bridge").exists():
            return ("--network", "podman")
    if Path("/usr/lib/podman/netavark").exists():
        return ("--network", "podman")
    pytest.skip("needs a network of podman's (apt-get install containernetworking-plugins)")


def test_the_file_adds_a_runtime_and_keeps_the_others(podman):
    info = json.loads(podman.ok("--runtime", "hythe", "info", "-f", "json"))
    assert info["host"]["ociRuntime"]["path"].endswith("/bin/hythe-runc")
    assert podman("info")[0] == 0  # without our runtime: the default one is still known


def test_hello(podman, image):
    code, out, err = podman.run(image("hello"), "x y", options=("-e", "OWN=2"))
    assert code == 0, err
    assert out.splitlines()[:3] == ["hello", "arg 0: app.wasm", "arg 1: x y"]
    assert "env OWN=2" in out.splitlines()


def test_a_linux_platform_says_nothing_on_stderr(podman, image):
    code, _, err = podman.run(image("hello", platform=("linux", "amd64")))
    assert (code, err) == (0, "")


def test_wasi_images_choose_the_runtime_by_themselves(podman, image):
    version = podman.ok("version", "-f", "{{.Client.Version}}")
    if tuple(int(part) for part in version.split(".")[:2]) < (4, 4):
        pytest.skip(f"podman {version} does not choose by platform (scripts/containers-newer)")
    code, out, err = podman("run", "--rm", *podman.settings, "--platform", "wasi/wasm",
                            image("hello"))
    assert (code, out.splitlines()[:1]) == (0, ["hello"]), err


def test_a_trap_is_134(podman, image):
    code, _, err = podman.run(image("trap"))
    assert code == 134
    assert "unreachable" in err


@pytest.mark.parametrize("server,end", [("wasi_hello", 0), ("poll_hello", 143),
                                        ("hyper_server", 143)])
def test_a_server_on_a_published_port(podman, image, bridge, server, end):
    options = (*bridge, "-p", "127.0.0.1::8080", "-e", "PORT=8080")
    with podman.start(image(server), options=options) as name:
        url = "http://" + podman.ok("port", name, "8080")
        assert podman.namespace.wait_for_http(url)
        assert podman.stop(name) == end


def test_a_cgi_module_on_the_machines_network(podman, image):
    options = ("--network", "host", "-e", "HYTHE_LISTEN=127.0.0.1:8183")
    with podman.start(image("cgi_hello"), options=options) as name:
        assert podman.namespace.wait_for_http("http://127.0.0.1:8183/")
        assert podman.stop(name) == 0


def test_annotations(podman, image):
    options = ("--network", "host", "--annotation", "io.hythe.listen=127.0.0.1:8184")
    with podman.start(image("listener_loop"), options=options) as name:
        assert podman.namespace.wait_for_http("http://127.0.0.1:8184/")
        assert podman.stop(name) == 143


def test_a_read_only_container_of_a_user_without_rights(podman, image):
    options = ("--read-only", "--user", "1000:1000", "--cap-drop", "all", "--network", "none")
    code, out, err = podman.run(image("hello"), options=options)
    assert (code, out.splitlines()[0]) == (0, "hello"), err


def test_logs(podman, image):
    with podman.start(image("poll_hello"), options=("--network", "none")) as name:
        assert wait_for("the log", lambda: podman.ok("logs", name)).startswith("listening on")
        assert podman.stop(name) == 143


def test_the_memory_limit(podman):
    image = podman.load("spender", {"app.wat": SPENDER}, entrypoint=["app.wat"])
    code, _, _ = podman.run(image, options=("-m", "64m", "--network", "none"))
    assert code == 137
