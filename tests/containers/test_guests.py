"""Every kind of guest as an image: those that answer do so on a port that Docker publishes, those
that ask do so over Docker's network. tests/guests/README.md says what each of them is."""
import pytest

from sandbox import wait_for

DOCKERFILE = "FROM scratch\nCOPY app.wasm /app.wasm\nENTRYPOINT [\"/app.wasm\"]\n"
# How a container ends that is told to: without a word, since the module owns the sockets; or when
# hythe has answered what was under way.
AT_ONCE, DRAINED = 143, 0
# Name: where it answers in the container, what curl is given, what comes, how it ends.
OWN_SOCKETS = {
    "hyper_server": (8080, ("/hello", "-d", "Bob"), "👋 Hello Bob"),
    "poll_hello": (8080, ("/",), "Hello from C\n"),
    "v2_server": (8080, ("/",), "Hello from v2\n"),
}
PREOPENED = {
    "listener_loop": (("/bytes/5",), "xxxxx"),
    "go_http": (("/echo", "-d", "to Go"), "to Go"),
}
CGI = {
    "cgi_hello": (("/",), "hello\n"),
    "cgi_echo": (("/", "-d", "body"), "body"),
    "cgi_env": (("/a/b?c=d",), "QUERY_STRING=c=d"),
}
COMPONENTS = {
    "wasi_hello": (("/",), "hello"),
    "wasi_mixed": (("/",), "clock 0.2.0\n"),
    "wasi_store": (("/set/key/value",), "set ok"),
    "wasi_rust": (("/hello",), "hello"),
    "wasi_js": (("/hello",), "hello"),
    "example_c": (("/",), "Hello from C\n"),
    "example_rust": (("/",), "Hello from Rust\n"),
}


def cases(table):
    return [pytest.param(name, *row, id=name) for name, row in table.items()]


@pytest.fixture
def image(docker, guest):
    """`docker build` of a guest's module; the image's name."""
    return lambda name: docker.build(name, {"app.wasm": guest(name)}, DOCKERFILE)


@pytest.fixture
def answers(docker, image):
    """Runs a server, asks it on a published port, and stops it."""
    def check(name, port, request, wanted, end, options=()):
        path, *words = request
        with docker.start(image(name), options=("-p", f"127.0.0.1::{port}", *options)) as started:
            url = docker.published(started, port)
            docker.namespace.wait_for_http(url + path, *words)
            code, body, err = docker.namespace.curl(url + path, "-f", *words)
            assert code == 0, err
            assert wanted in body
            assert docker.stop(started) == end

    return check


@pytest.mark.parametrize("name,port,request_words,wanted", cases(OWN_SOCKETS))
def test_a_server_with_sockets_of_its_own(answers, name, port, request_words, wanted):
    answers(name, port, request_words, wanted, AT_ONCE)


@pytest.mark.parametrize("name,request_words,wanted", cases(PREOPENED))
def test_a_server_on_a_preopened_listener(answers, name, request_words, wanted):
    answers(name, 8181, request_words, wanted, AT_ONCE, ("-e", "HYTHE_LISTEN=0.0.0.0:8181"))


@pytest.mark.parametrize("name,request_words,wanted", cases(CGI))
def test_a_cgi_module(answers, name, request_words, wanted):
    answers(name, 8181, request_words, wanted, DRAINED, ("-e", "HYTHE_LISTEN=0.0.0.0:8181"))


@pytest.mark.parametrize("kind,wanted", [("cgi", "main at , /goodbye/now"),
                                         ("wagi", "goodbye at /goodbye, /now")])
def test_a_cgi_module_with_routes_of_its_own_needs_no_listener(answers, kind, wanted):
    answers("cgi_routes", 8080, ("/goodbye/now",), wanted, DRAINED,
            ("-e", f"HYTHE_OPTIONS=--kind {kind}"))


@pytest.mark.parametrize("name,request_words,wanted", cases(COMPONENTS))
def test_a_component(answers, name, request_words, wanted):
    answers(name, 8080, request_words, wanted, DRAINED)


def talk(docker, address, text):
    """What comes back over TCP for a line."""
    return docker.namespace.run("bash", "-c", 'exec 3<>"/dev/tcp/$0/$1" && echo "$2" >&3 && '
                                "timeout 10 head -n1 <&3", *address.rsplit(":", 1), text)[1]


def test_an_echo_on_mio(docker, image):
    with docker.start(image("mio_echo"), options=("-p", "127.0.0.1::9000")) as name:
        address = docker.published(name, 9000).removeprefix("http://")
        assert wait_for("an echo", lambda: talk(docker, address, "ping")) == "ping\n"
        assert docker.stop(name) == AT_ONCE


def test_a_listener_by_recv_and_send(docker, image):
    """It serves one connection, and ends."""
    options = ("-p", "127.0.0.1::8181", "-e", "HYTHE_LISTEN=0.0.0.0:8181")
    with docker.start(image("listener_recv_send"), options=options) as name:
        address = docker.published(name, 8181).removeprefix("http://")
        wait_for("the listener", lambda: "listening on" in docker("logs", name)[2])
        assert talk(docker, address, "once") == "once\n"
        assert docker.ok("wait", name) == "0"


def test_a_component_with_sockets_of_its_own(docker, image):
    with docker.start(image("wasi_sockets"), "serve", "0.0.0.0:9000", "1",
                      options=("-p", "127.0.0.1::9000")) as name:
        address = docker.published(name, 9000).removeprefix("http://")
        wait_for("the listener", lambda: docker("logs", name)[1])
        assert talk(docker, address, "spliced") == "spliced\n"
        assert docker.ok("wait", name) == "0"


def test_datagrams(docker, image):
    options = ("-p", "127.0.0.1::8080/tcp", "-p", "127.0.0.1::8080/udp")
    with docker.start(image("v2_server"), options=options) as name:
        docker.namespace.wait_for_http(docker.published(name, 8080))
        address = docker.ok("port", name, "8080/udp").splitlines()[0]
        back = docker.namespace.run(
            "bash", "-c", 'exec 3<>"/dev/udp/$0/$1" && echo datagram >&3 && '
            "timeout 10 head -n1 <&3", *address.rsplit(":", 1))[1]
        assert back == "datagram\n"


def test_a_socket_file_on_a_volume(docker, image, tmp_path):
    with docker.start(image("unix_server"), "listen", "/data/socket",
                      options=("-v", f"{tmp_path}:/data")) as name:
        wait_for("the socket", (tmp_path / "socket").exists)
        assert "Hello over a socket" in docker.namespace.wait_for_http(
            "http://localhost/", "--unix-socket", tmp_path / "socket")
        assert docker.stop(name) == AT_ONCE


CLIENTS = {
    **{f"http_rust_0_{release}": ("get",) for release in
       ("1_1", "2_0", "3_0", "4_0", "7_0", "9_0", "10_0")},
    "http_get": ("GET",),
    "outbound_c": ("get",), "outbound_rust": ("get",), "outbound_as": ("get",),
    "v2_client": ("tcp",),
}


@pytest.fixture(scope="module")
def upstream(docker, guest):
    """The address of a server in a container beside."""
    image = docker.build("poll_hello", {"app.wasm": guest("poll_hello")}, DOCKERFILE)
    with docker.start(image) as name:
        address = docker.inspect(name, ".NetworkSettings.IPAddress")
        docker.namespace.wait_for_http(f"http://{address}:8080/")
        yield address


@pytest.mark.parametrize("name,words", CLIENTS.items(), ids=CLIENTS)
def test_a_client_of_another_container(docker, image, upstream, name, words):
    target = (upstream, "8080") if name == "v2_client" else (f"http://{upstream}:8080/",)
    code, out, err = docker.run(image(name), *words, *target)
    assert code == 0, (out, err)
    assert "Hello from C" in out


def test_a_cgi_module_that_asks_another_container(docker, answers, upstream):
    answers("cgi_get", 8181, (f"/?http://{upstream}:8080/",), "Hello from C", DRAINED,
            ("-e", "HYTHE_LISTEN=0.0.0.0:8181"))
