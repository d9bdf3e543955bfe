"""Debian's Docker with `runtimes` in daemon.json, as docs/guide/containers.md says: images that
`docker build` makes, ports that are published through the bridge, and a container's whole life."""
import json
import re
import subprocess

import pytest

from sandbox import wait_for
from spender import SPENDER

DOCKERFILE = "FROM scratch\nCOPY app.wasm /app.wasm\nENTRYPOINT [\"/app.wasm\"]\n"


@pytest.fixture
def image(docker, guest):
    """`docker build` of a guest's module; the image's name."""
    def build(name, dockerfile=DOCKERFILE):
        return docker.build(name, {"app.wasm": guest(name)}, dockerfile)

    return build


def test_hello(docker, image):
    code, out, err = docker.run(image("hello"), "x y", options=("-e", "OWN=2"))
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == ["hello", "arg 0: /app.wasm", "arg 1: x y"]
    assert "env OWN=2" in out.splitlines()


def test_without_the_runtime_it_says_exec_format_error(docker, image):
    """The trap that everybody meets: --runtime was forgotten."""
    code, _, err = docker("run", "--rm", image("hello"))
    assert code != 0
    assert re.search("exec format error|permission denied", err), err


def test_an_entry_point_for_a_shell(docker, image):
    shell = DOCKERFILE.replace('["/app.wasm"]', "/app.wasm")
    code, _, err = docker.run(image("hello", shell))
    assert code == 127
    assert re.search(r'exec: "/bin/sh": .*no such file or directory', err), err


def test_a_runtime_that_the_daemon_does_not_know(docker, image):
    code, _, err = docker("run", "--rm", "--runtime", "other", image("hello"))
    assert code == 125
    assert re.search("unknown (runtime specified|or invalid runtime name)", err, re.IGNORECASE), err


def test_a_trap_is_134(docker, image):
    code, _, err = docker.run(image("trap"))
    assert code == 134
    assert "unreachable" in err


def test_a_component_answers_on_a_published_port(docker, image):
    with docker.start(image("wasi_hello"), options=("-p", "127.0.0.1::8080")) as name:
        assert docker.namespace.wait_for_http(docker.published(name)) == "hello"
        assert docker.stop(name) == 0


def test_its_address_on_the_bridge(docker, image):
    with docker.start(image("wasi_hello")) as name:
        address = docker.inspect(name, ".NetworkSettings.IPAddress")
        assert docker.namespace.wait_for_http(f"http://{address}:8080/") == "hello"


def test_the_memory_limit(docker):
    dockerfile = DOCKERFILE.replace("app.wasm", "app.wat")
    image = docker.build("spender", {"app.wat": SPENDER}, dockerfile)
    name = docker.ok("create", "--runtime", "hythe", "-m", "64m", image)
    docker("start", "-a", name)
    assert docker.inspect(name, ".State.ExitCode") == 137
    assert docker.inspect(name, ".State.OOMKilled") is True
    docker.ok("rm", name)


def test_a_server_has_room_in_64_mebibytes(docker, image):
    options = ("-p", "127.0.0.1::8080", "-m", "64m")
    with docker.start(image("wasi_hello"), options=options) as name:
        assert docker.namespace.wait_for_http(docker.published(name)) == "hello"
        usage = json.loads(docker.ok("stats", "--no-stream", "--format", "{{json .}}", name))
        assert usage["MemUsage"].endswith("/ 64MiB")
        assert docker.stop(name) == 0


def test_a_read_only_container_of_a_user_without_rights(docker, image):
    options = ("--read-only", "--user", "1000:1000", "--cap-drop", "ALL",
               "--security-opt", "no-new-privileges", "-p", "127.0.0.1::8080")
    with docker.start(image("wasi_hello"), options=options) as name:
        assert docker.namespace.wait_for_http(docker.published(name)) == "hello"
        assert docker.stop(name) == 0


def test_the_images_user(docker, image):
    with_user = DOCKERFILE.replace("ENTRYPOINT", "USER 65532:65532\nENTRYPOINT")
    code, out, _ = docker.run(image("hello", with_user), options=("--read-only",))
    assert (code, out.splitlines()[0]) == (0, "hello")


def test_no_network(docker, image):
    assert docker.run(image("hello"), options=("--network", "none"))[0] == 0
    with docker.start(image("wasi_hello"), options=("--network", "none")) as name:
        pid = docker.inspect(name, ".State.Pid")
        assert wait_for("its own loopback", lambda: docker.namespace.run(
            "nsenter", "-t", pid, "-n", "curl", "-s", "http://127.0.0.1:8080/")[1]) == "hello"
        assert docker.stop(name) == 0


def test_logs(docker, image):
    with docker.start(image("poll_hello")) as name:
        # At once, although the container runs: nothing waits in a buffer.
        assert wait_for("the log", lambda: docker.ok("logs", name)).startswith("listening on")
    with docker.start(image("trap")) as name:
        assert docker.ok("wait", name) == "134"
        assert "unreachable" in docker("logs", name)[2]


def test_the_restart_policy(docker, image):
    with docker.start(image("trap"), options=("--restart", "on-failure:2")) as name:
        wait_for("two restarts", lambda: docker.inspect(name, ".RestartCount") == 2)
        wait_for("its end", lambda: docker.inspect(name, ".State.Status") == "exited")
        assert docker.inspect(name, ".State.ExitCode") == 134


def test_a_bind_mount_is_seen(docker, image, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "app.wasm").write_bytes(b"")
    code, _, err = docker.run(image("hello"), options=("-v", f"{tmp_path}:/data:ro"))
    assert code == 0, err


def test_exec_says_what_is_wrong(docker, image):
    with docker.start(image("poll_hello")) as name:
        code, out, err = docker("exec", name, "/bin/sh")
        assert code != 0
        assert "/bin/sh" in out + err


def test_an_unknown_command_is_refused(docker, image):
    code, _, err = docker.run(image("hello"), options=("-e", "HYTHE_COMMAND=walk"))
    assert code != 0
    assert "it can be run, serve, auto or none" in err


def test_a_folder_with_a_hythe_toml(docker):
    image = docker.build("site", {
        "site/hythe.toml": b'[[route]]\npath = "/..."\nfiles = "www"\n',
        "site/www/index.html": b"from a file\n",
    }, "FROM scratch\nCOPY site /site\nENTRYPOINT [\"/site\"]\n")
    with docker.start(image, options=("-p", "127.0.0.1::8080")) as name:
        assert docker.namespace.wait_for_http(docker.published(name)) == "from a file\n"
        assert docker.stop(name) == 0


def test_kill_and_pause(docker, image):
    with docker.start(image("wasi_hello"), options=("-p", "127.0.0.1::8080")) as name:
        url = docker.published(name)
        assert docker.namespace.wait_for_http(url) == "hello"
        docker.ok("pause", name)
        assert docker.inspect(name, ".State.Status") == "paused"
        docker.ok("unpause", name)
        assert docker.namespace.curl(url)[1] == "hello"
        docker.ok("kill", name)
        assert docker.inspect(name, ".State.ExitCode") == 137


def test_a_native_image_through_the_same_runtime(docker):
    try:
        with open("/bin/busybox", "rb") as file:
            busybox = file.read()
    except FileNotFoundError:
        pytest.skip("needs busybox-static (apt-get install busybox-static)")
    image = docker.build("native", {"busybox": busybox},
                         "FROM scratch\nCOPY busybox /busybox\n"
                         "ENTRYPOINT [\"/busybox\", \"echo\", \"native\"]\n")
    code, out, err = docker.run(image)
    assert (code, out) == (0, "native\n"), err


def test_a_name_server_that_does_not_answer(docker, image):
    """While the module waits for it, the container hears signals all the same."""
    docker.namespace.run("ip", "route", "add", "blackhole", "10.9.9.9/32")
    with docker.start(image("http_get"), "GET", "http://name.example/",
                      options=("--dns", "10.9.9.9")) as name:
        pid = docker.inspect(name, ".State.Pid")
        wait_for("its question", lambda: re.search(
            r"^\s*\d+: \w+:\w+ 0909090A:0035", docker.namespace.ok("cat", f"/proc/{pid}/net/udp"),
            re.MULTILINE))
        assert docker.stop(name) == 143


def test_stop_answers_what_is_under_way(docker, image):
    """In the time of grace, and ends with 0."""
    with docker.start(image("wasi_ways"), options=("-p", "127.0.0.1::8080")) as name:
        url = docker.published(name)
        docker.namespace.wait_for_http(f"{url}/hello")
        with subprocess.Popen(docker.namespace.command("curl", "-sN", f"{url}/slow/20/100"),
                              stdout=subprocess.PIPE) as asked:
            first = asked.stdout.readline()
            assert docker.stop(name) == 0
            rest = asked.stdout.read().splitlines()
        assert (asked.returncode, len(rest)) == (0, 19), (first, rest)


def test_a_restart_gives_the_same_container_a_new_life(docker, image):
    with docker.start(image("wasi_hello"), options=("-p", "127.0.0.1::8080")) as name:
        docker.namespace.wait_for_http(docker.published(name))
        docker.ok("restart", "-t", "20", name)
        assert docker.namespace.wait_for_http(docker.published(name)) == "hello"
        assert docker.stop(name) == 0
