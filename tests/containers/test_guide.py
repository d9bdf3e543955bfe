"""The commands of docs/guide/containers.md, as a reader types them.

A block whose fence says `sh NAME` is run with that engine, the private one of these tests, in a folder
with app.wasm, a component, and cgi/, a CGI module with the text's Dockerfile. The blocks of one name run
one after the other."""
import re
import shlex
import subprocess

import pytest

import dockerd
import engines

GUIDE = engines.ROOT / "docs" / "guide" / "containers.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(?:sh )?(\w+)\n(.*?)^```$", TEXT, re.M | re.S)
DOCKERFILE = next(text for kind, text in BLOCKS if kind == "dockerfile")


def blocks(name):
    found = [text for kind, text in BLOCKS if kind == name]
    assert found
    return found


@pytest.fixture
def folder(guest, tmp_path):
    (tmp_path / "app.wasm").write_bytes(guest("wasi_hello"))
    (tmp_path / "cgi").mkdir()
    (tmp_path / "cgi" / "app.wasm").write_bytes(guest("cgi_hello"))
    (tmp_path / "cgi" / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "bin").mkdir()
    return tmp_path


@pytest.fixture
def shell(folder, programs):
    """Runs a block with programs of our own: {name: words that it stands for}."""

    def run(text, commands, env=None):
        for name, words in {"hythe": [programs / "hythe"], **commands}.items():
            line = " ".join(word if word == '"$PWD"' else shlex.quote(str(word)) for word in words)
            (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
            (folder / "bin" / name).chmod(0o755)
        return subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", text], cwd=folder, capture_output=True, text=True,
            timeout=40, env={**(env or {}), "HOME": str(folder),
                              "PATH": f"{folder / 'bin'}:{dockerd.PATH}"})

    return run


def in_network(namespace):
    """curl, where the containers' ports are."""
    return {"curl": ["nsenter", "-t", str(namespace.holder.pid), "-n", "/usr/bin/curl"]}


def ok(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def built(shell):
    out = ok(shell("".join(blocks("image")), {}))
    assert "wasi/wasm" in out and "linux/amd64" in out


def test_docker(shell, docker):
    built(shell)
    commands = {"docker": ["/usr/bin/docker"], **in_network(docker.namespace)}
    load, cgi, life, limits = blocks("docker")
    assert ok(shell(load, commands, docker.env)).endswith("hello")
    assert ok(shell(cgi, commands, docker.env))
    out = ok(shell(life, commands, docker.env)).splitlines()
    assert out[-2:] == ["0", "app"]
    assert "hello" in ok(shell(limits, commands, docker.env))


def test_ctr(shell, containerd):
    built(shell)
    commands = {"ctr": ["/usr/bin/ctr", "-a", containerd.socket], **in_network(containerd.namespace)}
    (text,) = blocks("ctr")
    try:
        assert "hello" in ok(shell(text, commands, containerd.env))
    finally:
        engines.wait_for("its end", lambda: containerd.state("app") in ("STOPPED", None))
        containerd.ctr("task", "rm", "app")
        containerd.ctr("container", "rm", "app")


def test_podman(shell, podman):
    built(shell)
    namespace = podman.namespace
    base = ["nsenter", "-t", str(namespace.holder.pid), "-n", "-m", "-W", '"$PWD"', "/usr/bin/podman",
            *podman.base[1:]]
    (text,) = blocks("podman")
    # Where CAP_SYS_RESOURCE lacks, podman cannot raise these limits as it wants to.
    text = text.replace("run -d", "run -d --ulimit nofile=1024:1024 --ulimit nproc=4096:4096")
    out = ok(shell(text, {"podman": base, **in_network(namespace)}, podman.env))
    assert "hello" in out


def test_the_snippet_is_what_install_prints(programs):
    printed = subprocess.run([programs / "hythe", "install", "docker", "--prefix", "/usr/local"],
                             check=True, capture_output=True, text=True).stdout
    assert printed in blocks("json")


def test_the_manifests_settings(docker, guest):
    """What deploy/kubernetes/app.yaml says of the container, by Docker: the same annotations as
    variables, rights, limits and probes."""
    yaml = pytest.importorskip("yaml", reason="needs python3-yaml (apt-get install python3-yaml)")
    path = engines.ROOT / "deploy" / "kubernetes" / "app.yaml"
    pod = next(yaml.safe_load_all(path.read_text()))["spec"]["template"]
    settings = [word for key, value in pod["metadata"]["annotations"].items()
                for word in ("-e", f"HYTHE_{key.removeprefix('io.hythe.').upper()}={value}")]
    limit = pod["spec"]["containers"][0]["resources"]["limits"]["memory"].removesuffix("i").lower()
    user = pod["spec"]["securityContext"]["runAsUser"]
    image = docker.build("wasi_hello", {"app.wasm": guest("wasi_hello")}, DOCKERFILE)
    options = (*settings, "--memory", limit, "--user", f"{user}:{user}", "--read-only", "--cap-drop",
               "ALL", "--security-opt", "no-new-privileges")
    with docker.start(image, options=options) as name:
        address = docker.inspect(name, ".NetworkSettings.IPAddress")
        assert docker.namespace.wait_for_http(f"http://{address}:9901/readyz").strip() == "ready"
        assert docker.namespace.curl(f"http://{address}:9901/healthz", "-f")[0] == 0
        assert docker.namespace.wait_for_http(f"http://{address}:8080/") == "hello"
        assert docker.stop(name) == 0
        assert '"GET / HTTP/1.1" 200' in docker("logs", name)[1]
