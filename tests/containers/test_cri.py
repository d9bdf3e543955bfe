"""Pods as the kubelet makes them: with hythe-runc as `hythe install containerd` has it, and with
the launcher by name."""
import json

import pytest

import cri as kubernetes
import dockerd
import images
from engines import ROOT
from sandbox import Sandbox, wait_for
from spender import SPENDER

LISTEN = "io.hythe.listen"


@pytest.fixture(scope="module")
def cri(programs, portable, environment, tmp_path_factory):
    reason = kubernetes.lacking()
    if reason:
        pytest.skip(reason)
    prefix = dockerd.prefix_of(tmp_path_factory.mktemp("prefix") / "hythe", programs, portable)
    namespace = Sandbox()
    daemon = None
    try:
        daemon = kubernetes.Cri(namespace, environment, prefix)
        yield daemon
    except kubernetes.Refused as error:
        pytest.skip(f"containerd's CRI plugin does not start: {error}")
    finally:
        if daemon is not None:
            daemon.close()
        namespace.close()


@pytest.fixture(params=["hythe", "byname"])
def handler(request):
    return request.param


@pytest.fixture
def bridge():
    """The network of a pod that has an address of its own."""
    if not (kubernetes.CNI / "bridge").exists():
        pytest.skip("needs CNI's bridge (apt-get install containernetworking-plugins)")
    return kubernetes.POD


@pytest.fixture(scope="module")
def busybox(cri):
    """An image of Linux's."""
    try:
        with open("/bin/busybox", "rb") as file:
            program = file.read()
    except FileNotFoundError:
        pytest.skip("needs busybox-static (apt-get install busybox-static)")
    name = "docker.io/test/busybox:1"
    images.archive(cri.folder / "busybox.tar", name, {"busybox": (program, 0o755)}, ["/busybox"],
                   platform=("linux", kubernetes.MACHINE))
    cri.load(cri.folder / "busybox.tar", name, f"linux/{kubernetes.MACHINE}")
    return name


@pytest.fixture(scope="module")
def spender(cri):
    """It is text, of which `hythe image build` makes no image."""
    name = "docker.io/test/spender:1"
    images.archive(cri.folder / "spender.tar", name, {"app.wat": SPENDER}, ["app.wat"])
    cri.load(cri.folder / "spender.tar", name)
    return name


def spec_of(bundle):
    return json.loads((bundle / "config.json").read_text())


def assert_untouched(bundle, args):
    """A container as runc alone would have made it."""
    spec = spec_of(bundle)
    assert spec["process"]["args"] == args
    assert "hythe" not in json.dumps(spec["mounts"])


def assert_ours(bundle):
    assert spec_of(bundle)["process"]["args"][0].startswith("/.hythe/")


def get(cri, pod, port=8080, path="/"):
    return cri.namespace.wait_for_http(f"http://{pod.address()}:{port}{path}")


def test_a_component_on_the_nodes_network(cri, guest, handler):
    with cri.pod(handler) as pod:
        app = pod.start("app", cri.image("wasi_hello", guest("wasi_hello")))
        assert get(cri, pod) == "hello"
        assert app.state() == kubernetes.RUNNING
        assert_untouched(cri.bundle(pod.id), ["/pause"])
        assert_ours(app.bundle())
        assert app.stop() == 0


def test_a_pod_with_an_address_of_its_own(cri, guest, handler, bridge):
    with cri.pod(handler, bridge) as pod:
        app = pod.start("app", cri.image("wasi_hello", guest("wasi_hello")))
        assert pod.address().startswith("10.99.0.")
        assert get(cri, pod) == "hello"
        # Nobody listens on the node itself.
        assert cri.namespace.curl("http://127.0.0.1:8080/")[0] == 7
        assert app.stop() == 0


def test_an_index_is_an_image_of_the_kubelets_own_platform(cri, guest, handler, bridge):
    """Nothing is said about wasi/wasm when it is imported, as when the kubelet pulls it."""
    platform = f"linux/{kubernetes.MACHINE}"
    image = cri.image("index", guest("wasi_hello"), "--index", platform, platforms=platform)
    with cri.pod(handler, bridge) as pod:
        app = pod.start("app", image)
        assert get(cri, pod) == "hello"
        assert app.stop() == 0


@pytest.mark.parametrize("module,code", [("listener_loop", 143), ("cgi_hello", 0)])
def test_the_pods_annotation_gives_a_listener(cri, guest, handler, bridge, module, code):
    with cri.pod(handler, bridge, annotations={LISTEN: "0.0.0.0:8181"}) as pod:
        app = pod.start("app", cri.image(module, guest(module)))
        assert spec_of(app.bundle())["annotations"][LISTEN] == "0.0.0.0:8181"
        assert_untouched(cri.bundle(pod.id), ["/pause"])
        assert get(cri, pod, 8181)
        assert app.stop() == code


def test_logs_arguments_and_exit_codes(cri, guest, handler):
    with cri.pod(handler) as pod:
        hello = pod.start("hello", cri.image("hello", guest("hello")), args=["x"],
                          env={"OF_THE_POD": "1"})
        assert hello.wait() == 0
        out = hello.lines("stdout")
        assert out[:3] == ["hello", "arg 0: /app.wasm", "arg 1: x"]
        assert "env OF_THE_POD=1" in out
        trap = pod.start("trap", cri.image("trap", guest("trap")))
        assert trap.wait() == 134
        assert "unreachable" in "\n".join(trap.lines("stderr"))


@pytest.mark.parametrize("process", [kubernetes.CONTAINER, kubernetes.POD],
                         ids=["own-processes", "shared-processes"])
def test_a_sidecar_is_a_linux_container(cri, guest, busybox, handler, bridge, process):
    """It speaks to the module over the pod's loopback, and outlives it."""
    with cri.pod(handler, bridge, process) as pod:
        sidecar = pod.start("sidecar", busybox, args=["sleep", "3600"])
        app = pod.start("app", cri.image("wasi_hello", guest("wasi_hello")))
        get(cri, pod)
        # Debian's static wget crashes where there is no libc.
        code, out = sidecar.exec("/busybox", "sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | "
                                 "/busybox nc -w 10 127.0.0.1 8080")
        assert (code, out.splitlines()[-1]) == (0, "hello")
        assert_untouched(sidecar.bundle(), ["/busybox", "sleep", "3600"])
        # One shim is the whole pod's.
        shims = cri.namespace.ok("pgrep", "-a", "-f", "^[^ ]*containerd-shim")
        assert f"-id {pod.id}" in shims and f"-id {app.id}" not in shims
        assert app.stop() == 0
        assert sidecar.state() == kubernetes.RUNNING


def test_pause_is_no_module_even_if_all_of_the_pod_is_said_to_be(cri, guest, handler):
    with cri.pod(handler, annotations={"run.oci.handler": "wasm"}) as pod:
        assert spec_of(cri.bundle(pod.id))["annotations"]["run.oci.handler"] == "wasm"
        assert_untouched(cri.bundle(pod.id), ["/pause"])
        assert pod.start("app", cri.image("hello", guest("hello"))).wait() == 0


def test_a_shell_in_a_module_says_what_is_wrong(cri, guest, handler):
    with cri.pod(handler) as pod:
        app = pod.start("app", cri.image("wasi_hello", guest("wasi_hello")))
        get(cri, pod)
        with pytest.raises(kubernetes.grpc.RpcError, match="/bin/sh"):
            app.exec("/bin/sh")
        assert app.stop() == 0


def test_a_memory_limit_is_the_containers(cri, spender, handler):
    with cri.pod(handler) as pod:
        app = pod.start("app", spender, linux={1: {4: 64 << 20}})
        assert app.wait() == 137
        assert app.reason() == "OOMKilled"


def test_containers_go_on_when_containerd_is_restarted(cri, guest, handler, bridge):
    with cri.pod(handler, bridge) as pod:
        app = pod.start("app", cri.image("wasi_hello", guest("wasi_hello")))
        url = f"http://{pod.address()}:8080/"
        assert cri.namespace.wait_for_http(url) == "hello"
        cri.stop()
        assert cri.namespace.curl(url)[1] == "hello"
        cri.start()
        assert app.state() == kubernetes.RUNNING
        assert cri.namespace.curl(url)[1] == "hello"
        assert app.stop() == 0


def security_of(pod, container):
    """A pod's and its container's securityContext, as the kubelet hands it on."""
    assert pod["seccompProfile"]["type"] == "RuntimeDefault"
    assert not container["allowPrivilegeEscalation"]
    return {1: {2: container["capabilities"]["drop"]}, 5: {1: pod["runAsUser"]},
            7: int(container["readOnlyRootFilesystem"]), 11: 1, 12: {1: pod["runAsGroup"]}, 15: {}}


def test_the_deployment_that_we_ship(cri, guest, handler, bridge):
    """Its annotations, limits and rights, and the probes where it has them."""
    yaml = pytest.importorskip("yaml", reason="needs python3-yaml (apt-get install python3-yaml)")
    with open(ROOT / "deploy" / "kubernetes" / "app.yaml", encoding="utf-8") as file:
        template = next(yaml.safe_load_all(file))["spec"]["template"]
    spec = template["spec"]
    container = spec["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    ready = container["readinessProbe"]["httpGet"]
    with cri.pod(handler, bridge, annotations=template["metadata"]["annotations"]) as pod:
        security = security_of(spec["securityContext"], container["securityContext"])
        app = pod.start("app", cri.image("wasi_hello", guest("wasi_hello")), linux={
            1: {1: 100000, 2: 100000, 3: 102, 4: 256 << 20}, 2: {3: pod.namespaces, **security}})
        get(cri, pod, ports[ready["port"]], ready["path"])
        assert get(cri, pod, ports["http"]) == "hello"
        assert spec_of(app.bundle())["process"]["user"]["uid"] == 65532
        wait_for("the access log", lambda: any("GET" in line for line in app.lines("stdout")))
        assert app.stop() == 0


def test_nothing_of_a_pod_is_left(cri, guest, bridge):
    with cri.pod("hythe", bridge) as pod:
        app = pod.start("app", cri.image("wasi_hello", guest("wasi_hello")))
        get(cri, pod)
        bundles = [cri.bundle(pod.id), app.bundle()]
    assert not any(bundle.exists() for bundle in bundles)
    assert cri.ctr("task", "ls", "-q")[1] == ""
    assert cri.namespace.curl("http://10.99.0.1:8080/")[0] != 0
