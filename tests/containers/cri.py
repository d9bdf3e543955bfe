"""The container runtime interface of Kubernetes, spoken as the kubelet does: a containerd of the
tests' own with what `hythe install containerd` writes, and pods. Neither a kubelet nor crictl is
needed, nor a compiler of protocols: a message is {field number: value}."""
import contextlib
import functools
import os
import platform
import shutil
import subprocess
from pathlib import Path

import images
from engines import PLATFORM
from sandbox import BRIDGE, PLACES, WAIT, refused, wait_for

# Before grpc is loaded: we fork for nsenter, and nothing of grpc's is used in these children.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
try:
    import grpc
except ImportError:
    grpc = None

TOOLS = {"containerd": "containerd", "ctr": "containerd", "runc": "runc", "gcc": "gcc libc6-dev"}
CNI = Path("/usr/lib/cni")
PAUSE = "docker.io/test/pause:1"
PAUSE_SOURCE = """#include <signal.h>
#include <unistd.h>
static void leave(int number) { (void)number; _exit(0); }
int main(void) { signal(SIGTERM, leave); for (;;) { pause(); } }
"""
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
NETWORK = """{"cniVersion": "0.4.0", "name": "hythe", "plugins": [{
    "type": "bridge", "bridge": "cri0", "isGateway": true,
    "ipam": {"type": "host-local", "dataDir": "%s", "ranges": [[{"subnet": "10.99.0.0/24"}]],
             "routes": [{"dst": "0.0.0.0/0"}]}}]}
"""
# What stands there before `hythe install`: where things are, and what a machine of ours needs.
SETTINGS = """version = 2
[grpc]
  address = "{folder}/c"
[ttrpc]
  address = "{folder}/t"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{folder}/net.d"
"""
# What `hythe install` does not say: the launcher, by its name.
BY_NAME = """[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.byname]
  runtime_type = "io.containerd.hythe.v1"
  pod_annotations = ["io.hythe.*", "run.oci.handler"]
"""
PLUGIN = "io.containerd.grpc.v1.cri"
POD, CONTAINER, NODE = 0, 1, 2  # namespaces: shared by the pod, the container's own, the machine's
RUNNING, EXITED = 1, 2


class Refused(Exception):
    """containerd is there, and its CRI plugin is not: this machine cannot have it."""


def lacking():
    """Why there can be no pods here, or None."""
    if grpc is None:
        return "needs python3-grpcio (apt-get install python3-grpcio)"
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            return f"needs {tool} (apt-get install {package})"
    return refused(BRIDGE)


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def encode(message):
    """{number: int, text, bytes, message, or a list of these}; a map is a list of entries."""
    out = b""
    for number, values in message.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                out += varint(number << 3) + varint(value)
                continue
            if isinstance(value, dict):
                value = encode(value)
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def decode(data):
    """{number: the last value}; texts and messages are bytes."""
    place = 0

    def number():
        nonlocal place
        result = shift = 0
        while True:
            byte = data[place]
            place += 1
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result

    out = {}
    while place < len(data):
        key = number()
        if key & 7 == 0:
            out[key >> 3] = number()
        else:
            assert key & 7 == 2, key
            size = number()
            out[key >> 3] = data[place:place + size]
            place += size
    return out


def entries(values):
    """A map, as messages have it."""
    return [{1: key, 2: value} for key, value in values.items()]


def pause_image(folder):
    """An image whose program waits, as Kubernetes' own does."""
    (folder / "pause.c").write_text(PAUSE_SOURCE)
    subprocess.run(["gcc", "-static", "-Os", "-s", "-o", folder / "pause", folder / "pause.c"],
                   check=True, capture_output=True)
    program = (folder / "pause").read_bytes()
    return images.archive(folder / "pause.tar", PAUSE, {"pause": (program, 0o755)}, ["/pause"],
                          platform=("linux", MACHINE))


class Container:
    """One of a pod's."""

    def __init__(self, pod, name, image, command=(), args=(), env=None, linux=None):
        self.pod = pod
        self.cri = pod.cri
        self.log = pod.logs / f"{name}.log"
        self.config = {1: {1: name}, 2: {1: image}, 3: list(command), 4: list(args),
                       6: entries(env or {}), 10: entries(pod.annotations), 11: self.log.name,
                       15: {2: {3: pod.namespaces}, **(linux or {})}}
        self.id = self.cri.text("CreateContainer", {1: pod.id, 2: self.config, 3: pod.config}, 1)
        self.cri.call("StartContainer", {1: self.id})

    def status(self):
        return decode(self.cri.call("ContainerStatus", {1: self.id})[1])

    def state(self):
        return self.status().get(3, 0)

    def reason(self):
        """Why it ended, in a word that `kubectl describe` shows."""
        return self.status().get(10, b"").decode()

    def wait(self):
        """Its exit code, once it has ended by itself."""
        wait_for("the container's end", lambda: self.state() == EXITED)
        return self.status().get(7, 0)

    def stop(self, grace=20):
        """The exit code, which is 137 when the time of grace was not enough."""
        self.cri.call("StopContainer", {1: self.id, 2: grace})
        assert self.state() == EXITED
        return self.status().get(7, 0)

    def exec(self, *words):
        """(exit code, stdout)"""
        answer = self.cri.call("ExecSync", {1: self.id, 2: list(words), 3: 10})
        return answer.get(3, 0), answer.get(1, b"").decode()

    def bundle(self):
        return self.cri.bundle(self.id)

    def lines(self, stream):
        """What was written there, without what containerd puts before each line."""
        found = [line.split(" ", 3) for line in self.log.read_text().splitlines()]
        return [words[3] for words in found if words[1] == stream]


class Pod:
    """A sandbox, and the containers in it."""

    def __init__(self, cri, handler, network, process, annotations):
        self.cri = cri
        self.handler = handler
        self.annotations = annotations or {}
        self.namespaces = {1: network, 2: process, 3: NODE if network == NODE else POD}
        number = cri.number()
        self.logs = cri.folder / "logs" / number
        self.logs.mkdir(parents=True)
        self.config = {1: {1: f"pod{number}", 2: f"uid{number}", 3: "default", 4: 0},
                       2: f"pod{number}" if network == POD else "", 3: str(self.logs),
                       7: entries(self.annotations),
                       8: {1: f"/{cri.namespace.group}", 2: {1: self.namespaces}}}
        self.id = cri.text("RunPodSandbox", {1: self.config, 2: handler}, 1)
        cri.pods.add(self.id)

    def start(self, name, image, **options):
        return Container(self, name, image, **options)

    def address(self):
        status = decode(self.cri.call("PodSandboxStatus", {1: self.id})[1])
        return decode(status.get(5, b"")).get(1, b"").decode() or "127.0.0.1"

    def __str__(self):
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')}"
                         for path in self.logs.iterdir())


class Cri:
    """A containerd with its CRI plugin."""

    def __init__(self, namespace, env, prefix):
        self.namespace = namespace
        self.prefix = prefix
        self.numbers = 0
        self.loaded = {}
        self.pods = set()
        self.channel = self.daemon = None
        self.folder = PLACES.folder("hk-")
        self.env = {**env, "PATH": f"{prefix}/bin:{env['PATH']}"}
        self.log = self.folder / "log"
        self.file = self.folder / "root" / "etc" / "containerd" / "config.toml"
        (self.folder / "net.d").mkdir()
        (self.folder / "net.d" / "10.conflist").write_text(NETWORK % (self.folder / "net"))
        try:
            self.install()
            self.start()
            self.load(pause_image(self.folder), PAUSE, f"linux/{MACHINE}")
        except BaseException:
            print(self.tail())
            self.close()
            raise

    def install(self):
        """As on a node whose config.toml says something already."""
        self.file.parent.mkdir(parents=True)
        self.file.write_text(SETTINGS.format(folder=self.folder, pause=PAUSE, cni=CNI))
        shown = self.folder / "root" / self.prefix.relative_to("/")  # as in a package
        shown.parent.mkdir(parents=True)
        shown.symlink_to(self.prefix)
        subprocess.run([self.prefix / "bin" / "hythe", "install", "containerd", "--write", "--root",
                        self.folder / "root", "--prefix", self.prefix], check=True,
                       capture_output=True)
        with open(self.file, "a", encoding="utf-8") as file:
            file.write(BY_NAME)

    def start(self):
        self.daemon = self.namespace.start(
            ["containerd", "-c", self.file, "--root", self.folder / "data", "--state",
             self.folder / "state"], self.env, self.log)
        # Many tries: the socket comes after a while.
        self.channel = grpc.insecure_channel(f"unix://{self.folder}/c", options=[
            ("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 100)])
        wait_for("the CRI plugin", self.is_up)

    def is_up(self):
        assert self.daemon.poll() is None, self.tail()
        try:
            return self.call("Version", {}, timeout=2)
        except grpc.RpcError:
            for line in self.log.read_text(errors="replace").splitlines():
                if f"failed to load plugin {PLUGIN}" in line:
                    # Its configuration is ours, the machine is not.
                    assert "invalid plugin config" not in line, line
                    raise Refused(line) from None
            return None

    def stop(self):
        """The daemon alone, as `systemctl restart` does: the containers stay."""
        if self.channel is not None:
            self.channel.close()
        if self.daemon is not None:
            self.daemon.stop()
        self.channel = self.daemon = None

    def tail(self):
        return self.log.read_text(errors="replace")[-4000:]

    def number(self):
        self.numbers += 1
        return str(self.numbers)

    def call(self, method, message, service="RuntimeService", timeout=2 * WAIT):
        """One call, and the answer's fields; grpc.RpcError if it was refused."""
        call = self.channel.unary_unary(f"/runtime.v1.{service}/{method}")
        return decode(call(encode(message), timeout=timeout))

    def text(self, method, message, field):
        return self.call(method, message)[field].decode()

    def ctr(self, *words):
        return self.namespace.run("ctr", "-a", self.folder / "c", "-n", "k8s.io", *words,
                                  env=self.env)

    @functools.cached_property
    def local(self):
        """The option that has ctr itself unpack, where it has one."""
        return ["--local"] if "--local" in self.ctr("images", "import", "--help")[1] else []

    def load(self, path, name, platforms=PLATFORM):
        """Import an archive, and wait until the CRI plugin has heard of it.

        It takes what is unpacked only, and newer daemons unpack their own platform only; their `ctr`
        does it for others.
        """
        result = self.ctr("images", "import", *self.local, "--platform", platforms, path)
        assert result[0] == 0, result
        wait_for(name, lambda: self.call("ImageStatus", {1: {1: name}}, "ImageService").get(1))

    def image(self, name, data, *options, platforms=PLATFORM):
        """What `hythe image build` makes of a module; the image's name."""
        key = (name, data, options)
        if key not in self.loaded:
            full = f"docker.io/test/{name.replace('_', '-')}:{len(self.loaded)}"
            path = self.folder / f"image{len(self.loaded)}"
            (path / "in").mkdir(parents=True)
            (path / "in" / "app.wasm").write_bytes(data)
            subprocess.run([self.prefix / "bin" / "hythe", "image", "build", "-t", full, "-o",
                            path / "image.tar", *options, path / "in" / "app.wasm"], check=True,
                           capture_output=True)
            self.load(path / "image.tar", full, platforms)
            self.loaded[key] = full
        return self.loaded[key]

    def bundle(self, name):
        """The folder with a container's config.json, as runc was given it."""
        return self.folder / "state" / "io.containerd.runtime.v2.task" / "k8s.io" / name

    @contextlib.contextmanager
    def pod(self, handler="hythe", network=NODE, process=CONTAINER, annotations=None):
        """Run one. It is gone afterwards, with all that is in it."""
        pod = Pod(self, handler, network, process, annotations)
        try:
            yield pod
        except BaseException:
            print(f"{pod}\n---\n{self.tail()}")
            raise
        finally:
            self.remove(pod.id)

    def remove(self, pod):
        if self.daemon is None:
            self.start()
        self.call("StopPodSandbox", {1: pod})
        self.call("RemovePodSandbox", {1: pod})
        self.pods.discard(pod)

    def close(self):
        if self.daemon is not None:
            with contextlib.suppress(grpc.RpcError):
                for pod in list(self.pods):
                    self.remove(pod)
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
