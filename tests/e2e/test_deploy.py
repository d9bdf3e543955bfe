"""What lies in deploy/: units that systemd accepts, manifests that say what they must, and the script
that puts hythe on a Kubernetes node."""
import os
import re
import shutil
import stat
import subprocess

import pytest

from harness import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
VERSIONS = {"Namespace": "v1", "Service": "v1", "DaemonSet": "apps/v1", "Deployment": "apps/v1",
            "RuntimeClass": "node.k8s.io/v1", "HorizontalPodAutoscaler": "autoscaling/v2",
            "Kustomization": "kustomize.config.k8s.io/v1beta1"}


def documents():
    yaml = pytest.importorskip("yaml", reason="needs python3-yaml (apt-get install python3-yaml)")
    return {(path.name, document["kind"]): document
            for path in MANIFESTS for document in yaml.safe_load_all(path.read_text())}


def pods():
    return {kind: document["spec"]["template"] for (_, kind), document in documents().items()
            if kind in ("Deployment", "DaemonSet")}


# -- systemd ---------------------------------------------------------------------------------------


def test_systemd_accepts_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze (apt-get install systemd)")
    program = tmp_path / "hythe"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        text = unit.read_text().replace("/usr/local/bin/hythe", str(program))
        (tmp_path / unit.name.replace("@", "@site")).write_text(text)
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.glob("hythe*.*"))],
        capture_output=True, text=True)
    ours = [line for line in (result.stdout + result.stderr).splitlines() if "hythe" in line]
    assert (result.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"],
                         ids=lambda unit: unit.name)
def test_a_unit_leaves_what_hythe_needs(unit):
    lines = unit.read_text().splitlines()
    assert "Type=notify" in lines
    assert not [line for line in lines if line.startswith("MemoryDenyWriteExecute=")]
    assert not [line for line in lines if line.startswith(("WatchdogSec=", "FileDescriptorStore"))]
    # The workers' own sandbox.
    allowed = " ".join(line for line in lines if line.startswith("SystemCallFilter="))
    assert {"seccomp", "landlock_create_ruleset", "landlock_add_rule",
            "landlock_restrict_self"} <= set(re.split(r"[\s=]+", allowed))
    # Longer than hythe's own time of grace.
    stop = next(int(line.partition("=")[2]) for line in lines if line.startswith("TimeoutStopSec"))
    assert stop > 30


def test_the_socket_is_the_services():
    assert {"hythe.service", "hythe.socket"} <= {unit.name for unit in UNITS}


# -- Kubernetes ------------------------------------------------------------------------------------


def test_manifests_are_of_known_kinds():
    for (name, kind), document in documents().items():
        assert document["apiVersion"] == VERSIONS[kind], name
        assert kind == "Kustomization" or re.fullmatch(r"[a-z0-9-]+", document["metadata"]["name"])


def test_the_kustomization_names_files_that_are_there():
    resources = documents()["kustomization.yaml", "Kustomization"]["resources"]
    assert all((DEPLOY / "kubernetes" / name).is_file() for name in resources)


def test_selectors_meet_labels():
    found = documents()
    for kind, template in pods().items():
        document = next(value for key, value in found.items() if key[1] == kind)
        labels = template["metadata"]["labels"]
        assert document["spec"]["selector"]["matchLabels"].items() <= labels.items()
    service = found["app.yaml", "Service"]
    app = pods()["Deployment"]
    assert service["spec"]["selector"].items() <= app["metadata"]["labels"].items()
    ports = {port["name"]: port["containerPort"] for port in app["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports.keys()
    target = found["app.yaml", "HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    deployment = found["app.yaml", "Deployment"]
    assert (target["apiVersion"], target["kind"], target["name"]) == (
        deployment["apiVersion"], "Deployment", deployment["metadata"]["name"])


def test_the_runtime_class_is_what_install_prints(hythe):
    yaml = pytest.importorskip("yaml", reason="needs python3-yaml (apt-get install python3-yaml)")
    printed = yaml.safe_load(hythe("install", "k8s").out)
    assert printed == documents()["runtimeclass.yaml", "RuntimeClass"]
    assert pods()["Deployment"]["spec"]["runtimeClassName"] == printed["metadata"]["name"]


def test_the_app_is_ready_when_the_admin_listener_says_so():
    template = pods()["Deployment"]
    container = template["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    options = template["metadata"]["annotations"]["io.hythe.options"].split()
    assert options[options.index("--admin") + 1] == f"0.0.0.0:{ports['admin']}"
    assert template["metadata"]["annotations"]["io.hythe.listen"] == f"0.0.0.0:{ports['http']}"
    for probe, path in {"readinessProbe": "/readyz", "livenessProbe": "/healthz"}.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "admin"}


def test_containers_have_limits_and_no_rights():
    for template in pods().values():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"] + spec.get("initContainers", []):
            context = {**spec.get("securityContext", {}), **container["securityContext"]}
            assert context.get("privileged", False) is False
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert "memory" in container["resources"]["limits"]
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


def test_the_installer_reaches_two_folders_and_nothing_else():
    spec = pods()["DaemonSet"]["spec"]
    assert {volume["hostPath"]["path"] for volume in spec["volumes"]} == {
        "/opt/hythe", "/etc/containerd"}
    assert not {"hostPID", "hostNetwork", "hostIPC", "serviceAccountName"} & spec.keys()


# -- the installer's script ------------------------------------------------------------------------


@pytest.fixture
def node(tmp_path, program_path):
    """A release and a node, as folders; runs the script."""
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    portable = source / "lib" / "hythe" / "portable"
    (portable / "lib").mkdir(parents=True)
    for name in ("hythe-runc", "containerd-shim-hythe-v1", "hythe"):
        (source / "bin" / name).write_text("#!/bin/sh\n")
        (source / "bin" / name).chmod(0o755)
    # Stands for the loader: the program is called as it would call it.
    loader = portable / "ld.so"
    loader.write_text(f'#!/bin/sh\nshift 3\nexec "{program_path}" "$@"\n')
    loader.chmod(0o755)
    host = tmp_path / "host"
    (host / "etc" / "containerd").mkdir(parents=True)

    def run(action="install", code=0):
        result = subprocess.run(
            [DEPLOY / "kubernetes" / "install-node"], capture_output=True, text=True,
            env={**os.environ, "ACTION": action, "HOST": str(host), "SOURCE": str(source)})
        assert result.returncode == code, result
        return result

    run.host = host
    run.source = source
    return run


def test_a_node_gets_hythe_and_is_told_of_it_once(node):
    node()
    place = node.host / "opt" / "hythe"
    config = (node.host / "etc" / "containerd" / "config.toml").read_text()
    assert 'BinaryName = "/opt/hythe/current/bin/hythe-runc"' in config
    first = os.readlink(place / "current")
    assert stat.S_IMODE((place / "current" / "bin" / "hythe-runc").stat().st_mode) == 0o755
    assert "nothing to change" in node().stdout
    assert sorted(os.listdir(place)) == sorted([first, "current"])
    # Another release: the first one stays, for the containers that run.
    (node.source / "bin" / "hythe-runc").write_text("#!/bin/sh\n# 2\n")
    node()
    assert os.readlink(place / "current") != first
    assert (place / first / "bin" / "hythe-runc").exists()
    assert (node.host / "etc" / "containerd" / "config.toml").read_text() == config


def test_a_node_can_be_rid_of_it(node):
    theirs = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n  x = 1 # mine\n"
    file = node.host / "etc" / "containerd" / "config.toml"
    file.write_text(theirs)
    node()
    assert file.read_text().startswith(theirs) and "hythe-runc" in file.read_text()
    node("remove")
    assert file.read_text() == theirs
    assert "it can be" in node("reinstall", code=2).stderr
