"""ctr, with hythe-runc as its runtime and with the launcher by name."""
import pytest

import images
from engines import PLATFORM
from sandbox import WAIT, wait_for
from spender import SPENDER


@pytest.fixture(params=["runc-binary", "shim"])
def runtime(request, programs):
    if request.param == "shim":
        return ("--runtime", "io.containerd.hythe.v1")
    return ("--runc-binary", programs / "hythe-runc")


def test_hello(containerd, image, runtime):
    code, out, err = containerd.run(runtime, image("hello"))
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == ["hello", "arg 0: app.wasm"]


def test_arguments_and_environment(containerd, image, runtime):
    name = image("hello", env=["FROM_IMAGE=1"])
    code, out, _ = containerd.run(runtime, name, "app.wasm", "x", options=("--env", "OWN=2"))
    assert code == 0
    assert "arg 1: x" in out.splitlines()
    assert {"env FROM_IMAGE=1", "env OWN=2"} <= set(out.splitlines())


def test_a_trap_is_134(containerd, image, runtime):
    code, _, err = containerd.run(runtime, image("trap"))
    assert code == 134
    assert "unreachable" in err


def test_a_server_of_its_own_sockets(containerd, image, runtime, namespace):
    with containerd.start(runtime, image("poll_hello")) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/")
        assert container.stop() == 143


def test_a_component_is_served_on_8080(containerd, image, runtime, namespace):
    with containerd.start(runtime, image("wasi_hello")) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/") == "hello"
        assert container.stop() == 0


def test_a_preopened_listener(containerd, image, runtime, namespace):
    options = ("--env", "HYTHE_LISTEN=127.0.0.1:8181")
    with containerd.start(runtime, image("listener_loop"), options=options) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8181/")
        assert container.stop() == 143


def test_a_cgi_module_that_is_given_a_listener(containerd, image, runtime, namespace):
    options = ("--env", "HYTHE_LISTEN=127.0.0.1:8182")
    with containerd.start(runtime, image("cgi_hello"), options=options) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8182/")
        assert container.stop() == 0


def test_a_folder_with_a_hythe_toml(containerd, image, runtime, namespace):
    site = image("site", files={
        "site/hythe.toml": b'[[route]]\npath = "/..."\nfiles = "www"\n',
        "site/www/index.html": b"from a file\n",
    }, entrypoint=["/site"])
    with containerd.start(runtime, site) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/") == "from a file\n"
        assert container.stop() == 0


def test_a_native_image_through_the_same_runtime(containerd, image, runtime):
    try:
        with open("/bin/busybox", "rb") as file:
            busybox = file.read()
    except FileNotFoundError:
        pytest.skip("needs busybox-static (apt-get install busybox-static)")
    name = image("native", files={"busybox": (busybox, 0o755)},
                 entrypoint=["/busybox", "echo", "native"])
    assert containerd.run(runtime, name)[:2] == (0, "native\n")


def test_exec_says_what_is_wrong(containerd, image, runtime, namespace):
    with containerd.start(runtime, image("poll_hello")) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/")
        code, _, err = containerd.ctr("task", "exec", "--exec-id", "e", container.name, "/bin/sh")
        assert code != 0
        assert "/bin/sh" in err


def test_metrics_and_ps(containerd, image, runtime, namespace):
    with containerd.start(runtime, image("poll_hello")) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/")
        assert containerd.ctr("task", "ps", container.name)[0] == 0
        assert "memory" in containerd.ctr("task", "metrics", container.name)[1]


def test_sigkill_is_137(containerd, image, runtime, namespace):
    with containerd.start(runtime, image("poll_hello")) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/")
        assert container.kill("SIGKILL")[0] == 0
        assert container.process.wait(timeout=WAIT) == 137


def test_the_containers_memory_limit_holds(containerd, image, runtime):
    """The guest takes memory until it gets no more: the container ends, nobody else."""
    spender = image("spender", files={"app.wat": SPENDER}, entrypoint=["app.wat"])
    code, _, _ = containerd.run(runtime, spender, options=("--memory-limit", str(64 << 20)))
    assert code == 137


def test_a_client_finds_its_libraries(containerd, image, runtime, namespace):
    """libcurl comes out of the folder too: an image from scratch has none."""
    with containerd.start(runtime, image("poll_hello")):
        assert namespace.wait_for_http("http://127.0.0.1:8080/")
        code, out, err = containerd.run(runtime, image("http_get"), "app.wasm", "GET",
                                        "http://localhost:8080/")
        assert (code, err) == (0, "")
        assert "200" in out


def test_the_default_seccomp_profile(containerd, image, runtime, namespace):
    assert containerd.run(runtime, image("hello"), options=("--seccomp",))[0] == 0
    with containerd.start(runtime, image("wasi_hello"), options=("--seccomp",)) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/") == "hello"
        assert container.stop() == 0


def test_a_read_only_container_of_a_user_without_rights(containerd, image, runtime):
    name = image("hello", user="1000:1000")
    code, out, _ = containerd.run(runtime, name, options=("--read-only",))
    assert (code, out.splitlines()[0]) == (0, "hello")


def test_without_its_output(containerd, image, runtime, namespace):
    with containerd.start(runtime, image("poll_hello"), options=("--null-io",)) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/")
        assert container.stop() == 143


def test_a_module_gets_its_files_and_no_other_descriptor(containerd, image, runtime):
    assert containerd.run(runtime, image("prestat_scan"))[0] == 16


def test_a_second_kill_is_told_that_it_is_late(containerd, image, runtime, namespace):
    name = containerd.name()
    code, _, err = containerd.ctr("run", "-d", "--null-io", "--net-host", "--platform", PLATFORM,
                                  *runtime, image("poll_hello"), name)
    assert code == 0, err
    assert namespace.wait_for_http("http://127.0.0.1:8080/")
    assert containerd.ctr("task", "kill", name)[0] == 0
    wait_for("its end", lambda: containerd.state(name) == "STOPPED")
    code, _, err = containerd.ctr("task", "kill", name)
    assert code != 0 and "not found" in err
    assert containerd.ctr("task", "rm", name)[0] == 0
    assert containerd.ctr("container", "rm", name)[0] == 0


def test_the_containers_end_when_its_shim_is_killed(containerd, image, runtime, namespace):
    """containerd calls the shim's `delete`, which is the launcher again."""
    with containerd.start(runtime, image("poll_hello")) as container:
        assert namespace.wait_for_http("http://127.0.0.1:8080/")
        (shim,) = namespace.ok("pgrep", "-f", f"^[^ ]*containerd-shim.* -id {container.name} "
                               ).split()
        namespace.ok("kill", "-KILL", shim)
        wait_for("the end of its server",
                 lambda: namespace.curl("http://127.0.0.1:8080/")[0] == 7)
        wait_for("the end of its task", lambda: containerd.state(container.name) is None)
        wait_for("the end of its mount", lambda:
                 f"/{container.name}/rootfs" not in namespace.ok("cat", "/proc/mounts"))


def test_an_image_that_was_imported_for_this_platform_only(containerd, guest, tmp_path):
    """The guide's "image might be filtered out"."""
    name = "docker.io/test/filtered:1"
    archive = images.archive(tmp_path / "image.tar", name, {"app.wasm": guest("hello")},
                             ["app.wasm"])
    assert "might be filtered out" in "".join(containerd.ctr("images", "import", archive)[1:])
    assert name not in containerd.ctr("images", "ls", "-q")[1]
    containerd.load(archive)
    assert name in containerd.ctr("images", "ls", "-q")[1]
