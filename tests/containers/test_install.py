"""What `hythe install` writes, read by the engines themselves."""
import re
import shutil
import subprocess

import pytest

import dockerd
from sandbox import PLACES, Sandbox, wait_for

# As Debian's package has it, in short.
DEBIAN = '''version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
      conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.internal.v1.opt"]
    path = "/var/lib/containerd"
'''

# As kubeadm's users have it.
KUBEADM = '''version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true
'''


@pytest.fixture
def root(programs, portable, tmp_path):
    """A machine's folders with hythe in /opt/hythe, and the program."""
    if shutil.which("containerd", path=dockerd.PATH) is None:
        pytest.skip("needs containerd (apt-get install containerd)")
    dockerd.prefix_of(tmp_path / "opt" / "hythe", programs, portable)
    (tmp_path / "etc" / "containerd").mkdir(parents=True)
    return tmp_path


def install(root, *words):
    return subprocess.run([root / "opt" / "hythe" / "bin" / "hythe", "install", *words, "--root",
                           root, "--prefix", "/opt/hythe"], check=True, capture_output=True,
                          text=True).stdout


def dump(file):
    """The configuration as containerd understands it."""
    return subprocess.run(["containerd", "-c", file, "config", "dump"], check=True,
                          capture_output=True, text=True).stdout


def options_of(text, runtime):
    found = re.search(rf"containerd\.runtimes\.{runtime}\.options\]\n(.*?)(?:\n\s*\n|\Z)", text, re.S)
    assert found is not None, text
    return dict(re.findall(r"(\w+) = (.*)", found.group(1)))


def default():
    """What containerd calls its default, in the newest version of the format that it knows."""
    return subprocess.run(["containerd", "config", "default"], check=True, capture_output=True,
                          text=True).stdout


@pytest.mark.parametrize("before,systemd", [(None, "false"), (DEBIAN, "false"), (KUBEADM, "true"),
                                            (default, "false")],
                         ids=["none", "debian", "kubeadm", "default"])
def test_containerd_reads_it(root, before, systemd):
    file = root / "etc" / "containerd" / "config.toml"
    if before is default:
        before = default()
    if before is not None:
        file.write_text(before)
    install(root, "containerd", "--write")
    text = dump(file)
    assert options_of(text, "hythe")["BinaryName"] in ('"/opt/hythe/bin/hythe-runc"',
                                                       "'/opt/hythe/bin/hythe-runc'")
    assert options_of(text, "hythe")["SystemdCgroup"] == systemd
    assert options_of(text, "runc")["SystemdCgroup"] == systemd
    if before == DEBIAN:
        assert re.search(r"""bin_dirs? = .*['"]/usr/lib/cni['"]""", text)
    install(root, "containerd", "--remove")
    assert (file.read_text() if file.exists() else None) == before


def test_containerds_cri_plugin_starts_with_it(root):
    """Without a runtime for runc beside ours, it would not."""
    file = root / "etc" / "containerd" / "config.toml"
    install(root, "containerd", "--write")
    folder = PLACES.folder("hi-")
    # What no machine of ours lets it do, and where its sockets are to be.
    file.write_text(file.read_text().replace("version = 2\n", f'''version = 2
[grpc]
  address = "{folder}/c"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
'''))
    namespace = Sandbox()
    try:
        daemon = namespace.start(
            ["containerd", "-c", file, "--root", folder / "root", "--state", folder / "state",
             "--address", folder / "c"], None, folder / "log")
        lines = wait_for("containerd", lambda: namespace.run(
            "ctr", "-a", folder / "c", "plugins", "ls")[1]).splitlines()
        cri = [line.split() for line in lines if line.split()[1:2] == ["cri"]]
        assert cri and cri[0][-1] == "ok", (cri, (folder / "log").read_text()[-2000:])
        daemon.stop()
    finally:
        namespace.close()
        shutil.rmtree(folder, ignore_errors=True)
