"""The commands of docs/guide/containers.md, as a reader types them.

A block whose fence says `sh NAME` is run with that engine, the private one of these tests, in a folder
with app.wasm, a component, and cgi/, a CGI module with the text's Dockerfile. The blocks of one name run
one after the other. There is no block of commands that none of these tests runs."""
import json
import os
import re
import shlex
import shutil
import subprocess

import pytest

import dockerd
import engines
from apiserver import ApiServer
from sandbox import PLACES, WAIT, Sandbox

GUIDE = engines.ROOT / "docs" / "guide" / "containers.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(?:sh )?(\w+)\n(.*?)^```$", TEXT, re.M | re.S)
DOCKERFILE = next(text for kind, text in BLOCKS if kind == "dockerfile")


# Fences of commands, and which of these tests runs them.
RUN_BY = {"machine": "test_the_machine", "image": "test_docker", "docker": "test_docker",
          "shim": "test_docker_by_the_shims_name", "ctr": "test_ctr", "podman": "test_podman",
          "cluster": "test_the_cluster"}
NO_COMMANDS = {"json", "dockerfile", "yaml"}
HERE = '--wdns="$PWD"'  # of nsenter, for the shell


def blocks(name):
    found = [text for kind, text in BLOCKS if kind == name]
    assert found
    return found


def test_every_block_is_run():
    assert TEXT.count("\n```") == 2 * len(BLOCKS)
    assert {kind for kind, _ in BLOCKS} == RUN_BY.keys() | NO_COMMANDS
    assert RUN_BY.keys() == set(re.findall(r"^```sh (\w+)$", TEXT, re.M))
    assert all(callable(globals()[test]) for test in RUN_BY.values())


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
            line = " ".join(word if word == HERE else shlex.quote(str(word)) for word in words)
            (folder / "bin" / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
            (folder / "bin" / name).chmod(0o755)
        return subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", text], cwd=folder, capture_output=True, text=True,
            timeout=2 * WAIT, env={**(env or {}), "HOME": str(folder),
                              "PATH": f"{folder / 'bin'}:{dockerd.PATH}"})

    return run


def in_network(namespace):
    """curl, where the containers' ports are."""
    return {"curl": ["nsenter", "-t", str(namespace.pid), "-n", "/usr/bin/curl"]}


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


@pytest.fixture
def newer_docker(programs, portable, environment, tmp_path):
    """With the containerd image store, which takes wasi/wasm, and no `runtimes` in daemon.json."""
    reason = dockerd.lacking() or dockerd.lacks_shims()
    if reason:
        pytest.skip(reason)
    prefix = dockerd.prefix_of(tmp_path / "prefix", programs, portable)
    daemon = dockerd.Docker(Sandbox(), environment, prefix, {"containerd-snapshotter": True})
    yield daemon
    daemon.close()
    daemon.namespace.close()


def test_docker_by_the_shims_name(shell, newer_docker):
    built(shell)
    commands = {"docker": ["/usr/bin/docker"], **in_network(newer_docker.namespace)}
    (text,) = blocks("shim")
    ok(shell("docker load -i app.tar", commands, newer_docker.env))
    assert "hello" in ok(shell(text, commands, newer_docker.env))


def test_ctr(shell, containerd):
    built(shell)
    commands = {"ctr": ["/usr/bin/ctr", *containerd.client[1:]], **in_network(containerd.namespace)}
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
    base = ["nsenter", "-t", str(namespace.pid), "-n", "-m", "-p", HERE, "/usr/bin/podman",
            *podman.base[1:]]
    (text,) = blocks("podman")
    text = text.replace("run -d", shlex.join(["run", "-d", *podman.settings]))
    out = ok(shell(text, {"podman": base, **in_network(namespace)}, podman.env))
    assert "hello" in out


@pytest.fixture
def machine(tmp_path):
    """A sandbox whose /etc and /usr/local are its own, and that has no systemd."""
    for tool in ("make", "cmake", "ninja"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} (scripts/deps build)")
    made = engines.ROOT / "build" / "release" / "hythe"
    if not made.exists() or any(path.stat().st_mtime > made.stat().st_mtime
                                for path in engines.ROOT.glob("src/**/*.[ch]")):
        pytest.skip("build/release is older than the sources: make release")
    if not os.access(engines.ROOT / "build", os.W_OK):
        pytest.skip(f"{engines.ROOT / 'build'} is read-only")
    sandbox = Sandbox()
    folder = PLACES.folder("hl-")
    for name in ("upper", "work", "bin"):
        (folder / name).mkdir()
    sandbox.ok("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/usr/local,upperdir={folder}"
               f"/upper,workdir={folder}/work", "/usr/local")
    systemctl = folder / "bin" / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$*" >>{folder}/systemctl\n')
    systemctl.chmod(0o755)
    sandbox.folder = folder
    yield sandbox
    sandbox.close()


def test_the_machine(machine, guest, tmp_path):
    """`make install` for real, and with what it made a container, without any setting."""
    env = {**os.environ, "PATH": f"{machine.folder}/bin:/usr/local/bin:{os.environ['PATH']}"}
    for text in blocks("machine"):
        machine.ok("sh", "-euxc", 'cd "$1" && exec bash -euxo pipefail -c "$2"', "sh", engines.ROOT,
                   text, env=env, timeout=5 * WAIT)
    assert (machine.folder / "systemctl").read_text() == "reload docker\nrestart containerd\n"
    daemon = json.loads(machine.ok("cat", "/etc/docker/daemon.json"))
    assert daemon["runtimes"]["hythe"] == {"path": "/usr/local/bin/hythe-runc"}
    config = machine.ok("containerd", "config", "dump")
    assert 'BinaryName = "/usr/local/bin/hythe-runc"' in config
    assert machine.ok("readlink", "-f", "/usr/local/lib/hythe/shim/runc"
                      ).strip() == "/usr/local/bin/hythe-runc"
    made = engines.bundle(tmp_path / "bundle", ["app.wasm"])
    (made / "rootfs" / "app.wasm").write_bytes(guest("hello"))
    plain = {"PATH": dockerd.PATH}
    assert machine.ok("/usr/local/bin/hythe-runc", "--root", tmp_path / "state", "run", "-b", made,
                      "t", env=plain).startswith("hello\n")


@pytest.fixture
def cluster():
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl (apt-get install kubernetes-client)")
    server = ApiServer()
    yield server
    server.close()


def kubectl(shell, cluster, folder, text):
    (folder / "kubeconfig").write_text(cluster.kubeconfig())
    return ok(shell(text, {"kubectl": [shutil.which("kubectl")]},
                    {"KUBECONFIG": str(folder / "kubeconfig")}))


def test_the_cluster(shell, cluster, folder):
    """kubectl itself, and behind it what only keeps what it is given."""
    (folder / "deploy").symlink_to(engines.ROOT / "deploy")
    (text,) = blocks("cluster")
    kubectl(shell, cluster, folder, text)
    node = cluster.objects["/api/v1/nodes/NODE"]
    assert node["metadata"]["labels"] == {"hythe.io/runtime": "yes"}
    kinds = [document["kind"] for document in cluster.objects.values()]
    assert kinds == ["Node", "RuntimeClass", "Deployment", "Service", "HorizontalPodAutoscaler"]
    # Once more changes nothing, and the kustomization is one.
    again = kubectl(shell, cluster, folder, "kubectl apply -f deploy/kubernetes/app.yaml")
    assert again.count(" unchanged\n") == 3
    assert "created" in kubectl(shell, cluster, folder, "kubectl apply -k deploy/kubernetes")


def known_to(shell, folder, cluster, document):
    """What is left of a document when kubectl has read it: fields that it does not know are not."""
    (folder / "document.json").write_text(json.dumps(document))
    containers = document["spec"]["template"]["spec"]
    images = [f"{container['name']}=other" for kind in ("containers", "initContainers")
              for container in containers.get(kind, [])]
    return json.loads(kubectl(shell, cluster, folder, "kubectl set image --local -o json "
                              f"-f document.json {shlex.join(images)}"))


def lost(before, after, path=""):
    """The paths that are in one and not in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [place for key, value in before.items()
                for place in lost(value, after.get(key), f"{path}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [place for number, value in enumerate(before)
                for place in lost(value, after[number], f"{path}[{number}]")]
    return [] if before == after or path.endswith(".image") else [path]


@pytest.mark.parametrize("name", ["app.yaml", "installer.yaml"])
def test_the_manifests_have_no_field_that_kubernetes_does_not_know(shell, cluster, folder, name):
    yaml = pytest.importorskip("yaml", reason="needs python3-yaml (apt-get install python3-yaml)")
    text = (engines.ROOT / "deploy" / "kubernetes" / name).read_text()
    document = next(found for found in yaml.safe_load_all(text)
                    if found["kind"] in ("Deployment", "DaemonSet"))
    found = lost(document, known_to(shell, folder, cluster, document))
    # Kubernetes has it since 1.30, as that file says.
    if ".lifecycle.preStop.sleep" in "".join(found):
        version = json.loads(kubectl(shell, cluster, folder, "kubectl version --client -o json"))
        assert int(version["clientVersion"]["minor"].rstrip("+")) < 30
        found = [path for path in found if ".lifecycle.preStop" not in path]
    assert found == []


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
