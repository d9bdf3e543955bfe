"""Which route a request meets, however its path and host are spelled; redirects and fixed texts."""
import json
import os
import re

import pytest

from harness import Reader, ask, dial, exchange, get, memory_kib, post, worker_of

CONFIG = r"""
workers = 1
""" + "\n".join(f"""
[[route]]
{f'host = "{host}"' if host else ""}
path = "{path}"
text = "{name}"
""" for name, host, path in [
    ("top", None, "/..."), ("a", None, "/a"), ("a-below", None, "/a/..."),
    ("a-b", None, "/a/b"), ("a-b-below", None, "/a/b/c/..."), ("blank", None, "/with blank"),
    ("slash", None, "/with%2Fslash"), ("percent", None, "/100%25"), ("accent", None, "/é/..."),
    ("deep", None, "/1/2/3/4/5/6/7/8/9/..."),
    ("www", "www.example.org", "/..."), ("www-a", "www.example.org", "/a"),
    ("all", "*.example.org", "/..."), ("all-sub", "*.sub.example.org", "/..."),
    ("only", "only.example.com", "/here"), ("six", "[::1]", "/..."),
]) + r"""
[[route]]
path = "/made"
text = "<p>made"
type = "text/html"
status = 418
headers = { X-Own = ["one", "two"], Content-Language = "en" }
[[route]]
path = "/old/..."
redirect = "https://new.example.org/was${path}?${query}"
[[route]]
path = "/fixed"
redirect = "/there"
status = 303
"""


@pytest.fixture(scope="module")
def server(hythe_of_module, tmp_path_factory):
    return hythe_of_module.serve(config=CONFIG, folder=tmp_path_factory.mktemp("routes"))


def at(server, path, host="test"):
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    return ask(server.address, request)


@pytest.mark.parametrize("path, name", [
    ("/", "top"), ("/x", "top"), ("/a", "a"), ("/a/", "a-below"), ("/a/x", "a-below"),
    ("/ab", "top"),
    ("/a/b", "a-b"), ("/a/b/", "a-below"), ("/a/b/c", "a-b-below"), ("/a/b/c/d", "a-b-below"),
    ("/a/b/cd", "a-below"), ("/A", "top"), ("/a?x=/a/b", "a"), ("/a/b/../b", "a-b"),
    ("/x/../a", "a"), ("/./a", "a"), ("/a/.", "a-below"), ("/a/b/..", "a-below"), ("/%61", "a"),
    ("/%2e/a", "a"), ("/x/%2e%2e/a", "a"), ("/x/%2E./a", "a"), ("/../../a", "a"), ("//a", "a"),
    ("/a//b", "a-b"), ("/a%2fb", "top"), ("/a%2Fb", "top"), ("/with%20blank", "blank"),
    ("/with%2fslash", "slash"), ("/with/slash", "top"), ("/100%25", "percent"),
    ("/%c3%a9/x", "accent"), ("/%C3%A9", "accent"), ("/1/2/3/4/5/6/7/8/9/10", "deep"),
    ("/1/2/3/4/5/6/7/8", "top"), ("/" + "x/" * 200, "top"), ("/a%252fb", "top"), ("/a;x", "top")])
def test_paths(server, path, name):
    assert at(server, path).body == name.encode()


@pytest.mark.parametrize("path", ["/%", "/%4", "/%zz", "/a%00", "/%00", "a", "", "/a b", "/a#b"])
def test_paths_that_are_none(server, path):
    said = exchange(server.address, f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                    "\r\n".encode())
    assert said.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("host, path, name", [
    ("www.example.org", "/", "www"), ("www.example.org", "/a", "www-a"),
    ("WWW.Example.ORG", "/", "www"),
    ("www.example.org:8080", "/", "www"), ("www.example.org.", "/", "www"),
    ("other.example.org", "/", "all"), ("x.y.example.org", "/a", "all"),
    ("x.sub.example.org", "/", "all-sub"), ("sub.example.org", "/", "all"),
    ("example.org", "/", "top"),
    ("notexample.org", "/", "top"), ("www.example.org.evil", "/", "top"),
    ("only.example.com", "/here", "only"), ("only.example.com", "/a", "a"), ("[::1]", "/", "six"),
    ("[::1]:80", "/", "six"), ("127.0.0.1", "/", "top")])
def test_hosts(server, host, path, name):
    assert at(server, path, host).body == name.encode()


def test_absolute_form(server):
    said = exchange(server.address, b"GET http://www.example.org/a HTTP/1.1\r\nHost: test\r\n"
                                    b"Connection: close\r\n\r\n")
    assert said.endswith(b"www-a")


def test_options_of_the_server(server):
    said = exchange(server.address,
                    b"OPTIONS * HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 204 ") and b"\r\nallow:" in said.lower()


@pytest.mark.parametrize("method, status",
                         [("CONNECT", 501), ("get", None), ("G E T", 400), ("(", 400)])
def test_methods(server, method, status):
    said = exchange(server.address,
                    f"{method} / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
                    .encode())
    code = int(said.split(b" ")[1])
    assert code == status or (status is None and code in (200, 405, 501))


def test_text(server):
    said = exchange(server.address, get("/made", "Connection: close"))
    answer = at(server, "/made")
    assert (answer.status, answer.body) == (418, b"<p>made")
    assert answer.headers["content-type"] == "text/html"
    assert re.findall(rb"(?i)x-own: (\w+)", said) == [b"one", b"two"]


def test_text_drops_bodies(server):
    with dial(server.address) as peer:
        reader = Reader(peer)
        for size in (0, 10, 100_000):
            peer.sendall(post("/a", b"GET /smuggled HTTP/1.1\r\n\r\n" * (size // 26)))
            assert reader.response().body == b"a"


@pytest.mark.parametrize("path, to", [
    ("/old/x?a=b", "https://new.example.org/was/old/x?a=b"),
    ("/old", "https://new.example.org/was/old"),
    ("/old/a%20b", "https://new.example.org/was/old/a%20b"),
    ("/old/%0d%0aX-Injected:%20yes", "https://new.example.org/was/old/%0D%0AX-Injected:%20yes"),
    ("/old/../old/%2e%2e/old/x", "https://new.example.org/was/old/x")])
def test_redirect(server, path, to):
    answer = at(server, path)
    assert (answer.status, answer.headers["location"]) == (302, to)
    assert "x-injected" not in answer.headers


def test_redirect_status(server):
    answer = at(server, "/fixed")
    assert (answer.status, answer.headers["location"]) == (303, "/there")


def test_no_route(hythe, tmp_path):
    """404 in the form that the peer takes, with the request's id."""
    server = hythe.serve(config='[[route]]\npath = "/only"\ntext = "x"\n', folder=tmp_path)
    page = ask(server.address, get("/x", "Accept: text/html"))
    assert page.status == 404 and page.headers["content-type"].startswith("text/html")
    assert "<h1>" in page.body.decode()
    answer = ask(server.address, get("/x", "Accept: application/json"))
    told = json.loads(answer.body)
    assert told["status"] == 404 and re.fullmatch("[0-9a-f]{32}", told["request"])
    assert ask(server.address, get("/x")).body.startswith(b"404 ")


def test_a_thousand_routes(hythe, tmp_path):
    config = "workers = 1\n" + "\n".join(
        f'[[route]]\npath = "/r{i}/..."\ntext = "number {i}"' for i in range(1000))
    server = hythe.serve(config=config, folder=tmp_path)
    for i in (0, 1, 499, 998, 999):
        assert at(server, f"/r{i}/x").body == f"number {i}".encode()
    assert at(server, "/r1000").status == 404


def test_many_routes_of_one_module(hythe, guest, tmp_path):
    """Routes that differ in what they grant share the module's code: each costs kilobytes."""
    count = 2000
    routes = "".join(f'[[route]]\npath = "/r{i}/..."\nmodule = "{guest("cgi_env")}"\n'
                     f'env = {{ NUMBER = "{i}" }}\n' for i in range(count))
    server = hythe.serve(config="workers = 1\n" + routes, folder=tmp_path)
    answer = ask(server.address, b"GET /r1234/ HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    assert b"NUMBER=1234\n" in answer.body
    assert memory_kib(worker_of(server)) < 64 << 10
    assert len(os.listdir(f"/proc/{worker_of(server)}/fd")) < 64
