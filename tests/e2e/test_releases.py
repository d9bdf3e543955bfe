"""Every form of wasi_experimental_http there ever was, against a real server: the published crate in
its releases, hand-made modules for the unreleased forms, and the examples on hythe's own kits. The
server is a WebAssembly module too: the hyper server, run by the same hythe."""
import pytest

RELEASES = ["0_1_1", "0_2_0", "0_3_0", "0_4_0", "0_7_0", "0_9_0", "0_10_0"]
HELLO = "👋 Hello World 🌍"
MORANE = "👋 Hello Bob Morane"


@pytest.fixture
def origin(hythe, guest):
    server = hythe.serve_own(guest("hyper_server"))
    return "http://{}:{}".format(*server.address)


def allow(origin):
    return ["--allow-http", origin]


@pytest.mark.parametrize("release", RELEASES)
def test_release_gets(hythe, guest, origin, release):
    """A GET of each release: status, headers and body arrive in that release's own layout."""
    result = hythe.run(*allow(origin), guest(f"http_rust_{release}"), "get", f"{origin}/")
    assert result.code == 0, result
    lines = result.out.splitlines()
    assert lines[0] == "status 200"
    assert f"header content-length: {len(HELLO.encode())}" in lines
    assert lines[-1] == HELLO


@pytest.mark.parametrize("release", RELEASES)
def test_release_posts(hythe, guest, origin, release):
    """The body of a POST stands in another place in each family of ABIs."""
    result = hythe.run(*allow(origin), guest(f"http_rust_{release}"), "post", f"{origin}/hello",
                       "Bob Morane")
    assert result.code == 0, result
    assert result.out.splitlines()[0] == "status 200"
    assert result.out.splitlines()[-1] == MORANE


@pytest.mark.parametrize("form, body", [("3", HELLO), ("7", HELLO), ("8", HELLO), ("12x", HELLO)])
def test_unreleased_form_gets(hythe, guest, origin, form, body):
    """Forms without errors or with a configuration, which no release has."""
    result = hythe.run(*allow(origin), guest(f"http_abi_{form}"), f"{origin}/")
    assert result.code == 0, result
    assert result.out.splitlines()[-1] == body


@pytest.mark.parametrize("form", ["12", "15", "15_pointers"])
def test_unreleased_form_posts(hythe, guest, origin, form):
    """These POST "hello"; the server's words for what is neither GET / nor POST /hello are none."""
    result = hythe.run(*allow(origin), guest(f"http_abi_{form}"), f"{origin}/hello")
    assert result.code == 0, result
    assert result.out.splitlines()[-1] == "👋 Hello hello"


@pytest.mark.parametrize("form", ["3", "7", "8", "12"])
def test_form_without_errors_is_ended(hythe, guest, origin, form):
    """Where the interface has no error, the guest ends with a line that says why."""
    result = hythe.run(guest(f"http_abi_{form}"), f"{origin}/")
    assert result.code == 134, result
    assert any("--allow-http" in line for line in result.own_lines), result


@pytest.mark.parametrize("form", ["15", "15_pointers"])
def test_form_with_text_is_told(hythe, guest, origin, form):
    """The 15-parameter forms get error 4 and the original host's words."""
    result = hythe.run(guest(f"http_abi_{form}"), f"{origin}/")
    assert result.code == 4, result
    assert "not allowed because domain or subdomain not in allowed list" in result.out


@pytest.mark.parametrize("language", ["c", "rust", "as"])
def test_example(hythe, guest, origin, language):
    """The examples of the three kits, as their READMEs run them."""
    module = guest(f"outbound_{language}")
    got = hythe.run(*allow(origin), module, "get", f"{origin}/")
    assert (got.code, got.out) == (0, HELLO), got
    posted = hythe.run(*allow(origin), module, "post", f"{origin}/hello", "Bob Morane")
    assert (posted.code, posted.out) == (0, MORANE), posted
    denied = hythe.run(module, "get", f"{origin}/")
    assert denied.code == 2, denied
    assert any("--allow-http" in line for line in denied.own_lines), denied
