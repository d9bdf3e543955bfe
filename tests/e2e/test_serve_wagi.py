"""WAGI's conventions: a modules.toml as it is, the query as arguments, X_ variables, _routes. And
the three ways to start that the README shows."""
import re
import shutil

import pytest

from harness import ask, get, post

MODULES = """
[[module]]
route = "/"
module = "cgi_ways.wasm"

[[module]]
route = "/env/..."
module = "file://{folder}/cgi_ways.wasm"
volumes = {{ "/data" = "data" }}
environment = {{ FILE = "/data/note", MODE = "test" }}

[[module]]
route = "/hosted"
host = "www.example.org:8080"
module = "cgi_ways.wasm"

[[module]]
route = "/own/..."
module = "cgi_ways.wasm"
argv = "lua ${{SCRIPT_NAME}} --flag ${{ARGS}} end"

[[module]]
route = "/named"
module = "cgi_routes.wasm"
entrypoint = "goodbye"

[[module]]
route = "/routes/..."
module = "cgi_routes.wasm"

[[module]]
route = "/limited"
module = "cgi_ways.wasm"
allowed_hosts = ["https://api.example.org"]
http_max_concurrency = 3
"""


@pytest.fixture(scope="module")
def folder(guest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wagi")
    for name in ("cgi_ways", "cgi_routes"):
        shutil.copy(guest(name), folder)
    (folder / "data").mkdir()
    (folder / "data" / "note").write_text("from the volume\n")
    (folder / "modules.toml").write_text(MODULES.format(folder=folder))
    return folder


@pytest.fixture(scope="module")
def server(hythe_of_module, folder):
    return hythe_of_module.serve("--workers", "1", folder / "modules.toml")


def shown(answer):
    lines = answer.body.decode().splitlines()
    args = [line.partition("=")[2] for line in lines if re.match(r"\[\d+\]=", line)]
    return dict(line.partition("=")[::2] for line in lines), args


def test_environment(server):
    env, _ = shown(ask(server.address, get("/env/a%20b/c?x=1&y=2", "Authorization: Basic secret")))
    assert {name: env.get(name) for name in (
        "X_MATCHED_ROUTE", "X_RAW_PATH_INFO", "X_FULL_URL", "PATH_INFO", "PATH_TRANSLATED",
        "SCRIPT_NAME", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
        "REQUEST_METHOD", "CONTENT_LENGTH", "CONTENT_TYPE", "AUTH_TYPE", "REMOTE_USER",
        "GATEWAY_INTERFACE", "MODE", "REMOTE_ADDR")} == {
            "X_MATCHED_ROUTE": "/env/...", "X_RAW_PATH_INFO": "/a%20b/c",
            "X_FULL_URL": "http://test/env/a%20b/c?x=1&y=2", "PATH_INFO": "/a b/c",
            "PATH_TRANSLATED": "/a b/c", "SCRIPT_NAME": "/env", "QUERY_STRING": "x=1&y=2",
            "SERVER_NAME": "test", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "REQUEST_METHOD": "GET", "CONTENT_LENGTH": "0", "CONTENT_TYPE": "", "AUTH_TYPE": "",
            "REMOTE_USER": "", "GATEWAY_INTERFACE": "CGI/1.1", "MODE": "test",
            "REMOTE_ADDR": "127.0.0.1"}
    assert "HTTP_AUTHORIZATION" not in env


def test_no_httpoxy(server):
    env, _ = shown(ask(server.address, get("/env/x", "Proxy: http://evil")))
    assert "HTTP_PROXY" not in env


@pytest.mark.parametrize("query, args", [
    ("", []), ("a=1&b=2", ["a=1", "b=2"]), ("word", ["word"]), ("a=%20&&b", ["a=%20", "b"]),
    ("-x&a", ["a"]), ("--help", []), ("a%00b", ["a%00b"])])
def test_query_as_arguments(server, query, args):
    assert shown(ask(server.address, get(f"/env/x?{query}")))[1] == ["/env", *args]


def test_argv_template(server):
    _, args = shown(ask(server.address, get("/own/deep?a=1&b")))
    assert args == ["lua", "/own", "--flag", "a=1", "b", "end"]


def test_too_many_arguments(server):
    query = "&".join(["a"] * 3000)
    assert ask(server.address, get(f"/env/x?{query}")).status == 431


def test_exact_and_below(server):
    assert ask(server.address, get("/")).status == 200
    assert ask(server.address, get("/nothing")).status == 404
    assert ask(server.address, get("/env")).status == 200
    assert ask(server.address, get("/environment")).status == 404
    assert ask(server.address, get("/hosted")).status == 404


def test_host(server):
    for host in ("www.example.org", "WWW.example.org:99"):
        request = f"GET /hosted HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        assert ask(server.address, request).status == 200


def test_volume(server):
    assert ask(server.address, get("/env/file")).body == b"from the volume\n"
    assert ask(server.address, get("/own/file")).body == b"no file\n"


def test_entrypoint(server):
    assert ask(server.address, get("/named")).body.startswith(b"goodbye at /named")


@pytest.mark.parametrize("path, said", [
    ("/routes/hello", b"hello at /routes/hello, \n"),
    ("/routes/goodbye/x/y", b"goodbye at /routes/goodbye, /x/y\n"),
    ("/routes/other", b"main at /routes, /other\n")])
def test_routes_of_the_module(server, path, said):
    """What _routes names stands beneath the module's own route."""
    assert ask(server.address, get(path)).body == said


def test_body_and_stream(server):
    assert ask(server.address, post("/env/echo", b"a body")).body == b"a body"


@pytest.mark.parametrize("line, words", [
    ('bad = 1', "bad"), ('route = 5', "route"), ('module = "bindle:x/y"', "fetches no modules"),
    ('module = "missing.wasm"', "missing.wasm"), ('entrypoint = "none"', "none")])
def test_files_that_are_wrong(hythe, folder, line, words):
    """Said with the place, before anything listens."""
    path = folder / "wrong.toml"
    key = line.split()[0]
    lines = {"route": 'route = "/x"', "module": 'module = "cgi_ways.wasm"'}
    lines[key] = line
    path.write_text("[[module]]\n" + "\n".join(lines.values()) + "\n")
    result = hythe("serve", "--listen", "127.0.0.1:0", path)
    assert result.code in (2, 126, 127) and words in result.err
    assert "serving on" not in result.err


# -- the README's three ----------------------------------------------------------------------------


def test_start_on_a_module(hythe, guest):
    server = hythe.serve(guest("cgi_hello"))
    answer = ask(server.address, get("/any/path?a=b"))
    assert answer.status == 200 and answer.body


def test_start_on_a_modules_toml(hythe, folder):
    server = hythe.serve(folder / "modules.toml")
    assert ask(server.address, get("/")).status == 200


SIX = """
listen = ["127.0.0.1:0"]
[[route]]
path = "/api/..."
module = "cgi_ways.wasm"
kind = "cgi"
env = { MODE = "production" }
headers = { Cache-Control = "no-store" }
[[route]]
path = "/hello/..."
module = "cgi_routes.wasm"
kind = "wagi"
[[route]]
path = "/..."
files = "data"
[[route]]
path = "/old/..."
redirect = "https://archive.example.org${path}?${query}"
[[route]]
host = "www.example.org"
path = "/..."
redirect = "https://example.org${path}?${query}"
status = 308
[[route]]
path = "/robots.txt"
text = "User-agent: *\\n"
"""


def test_start_on_six_routes(hythe, folder):
    (folder / "six.toml").write_text(SIX)
    assert hythe("serve", "--check", folder / "six.toml").out.count("\n") >= 7
    server = hythe.serve(folder / "six.toml")

    def at(path, host="test"):
        return ask(server.address, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    api = at("/api/x")
    assert b"MODE=production" in api.body and api.headers["cache-control"] == "no-store"
    assert at("/hello/hello").body.startswith(b"hello at /hello/hello")
    assert at("/note").body == b"from the volume\n"
    old = at("/old/page?a=b")
    assert (old.status, old.headers["location"]) == (302,
                                                     "https://archive.example.org/old/page?a=b")
    moved = at("/x", "www.example.org")
    assert (moved.status, moved.headers["location"]) == (308, "https://example.org/x")
    assert at("/robots.txt").body == b"User-agent: *\n"
