"""CGI guests behind `hythe serve`: what they are told, what becomes of what they write, and that
bytes stream both ways. tests/guests/c/cgi_ways.c is the guest; /raw answers with the request's body
as it is, head and all."""
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import (Reader, ask, clear_peak, dial, exchange, get, peak_kib, post, worker_of)

CONFIG = """
workers = 1
[guest]
wall = "60s"
[[route]]
path = "/..."
kind = "cgi"
module = "{module}"
body = 0
[[route]]
path = "/below/here/..."
kind = "cgi"
module = "{module}"
args = ["first", "-second", ""]
env = {{ OWN = "a value", HTTP_PROXY = "http://proxy.example" }}
[[route]]
path = "/wcgi/..."
kind = "wcgi"
module = "{module}"
"""
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(hythe_of_module, guest, tmp_path_factory):
    config = CONFIG.format(module=guest("cgi_ways"))
    return hythe_of_module.serve(config=config, folder=tmp_path_factory.mktemp("serve"))


def variables(body):
    """The environment and the arguments that a guest shows."""
    lines = body.decode().splitlines()
    args = [line.partition("=")[2] for line in lines if re.match(r"\[\d+\]=", line)]
    env = [line.partition("=")[::2] for line in lines if not re.match(r"\[\d+\]=", line)]
    assert len(env) == len(dict(env)), "a variable comes twice"
    return dict(env), args


def environment(server, request):
    return variables(ask(server.address, request).body)[0]


# -- what a guest is told --------------------------------------------------------------------------


def test_environment(server):
    """Every variable of RFC 3875 and nothing else."""
    body = b"some content"
    with dial(server.address) as peer:
        peer.sendall(b"POST /below/here/a%20b/%c3%a9?x=1&y HTTP/1.1\r\nHost: name.example:81\r\n"
                     b"Content-Type: text/x\r\nContent-Length: 12\r\nX-Own: mine\r\n"
                     b"X-Request-Id: given\r\n\r\n" + body)
        env, _ = variables(Reader(peer).response().body)
        port = peer.getsockname()[1]
    assert env.pop("SERVER_SOFTWARE").startswith("hythe/")
    assert env == {
        "CONTENT_LENGTH": "12",
        "CONTENT_TYPE": "text/x",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_HOST": "name.example:81",
        "HTTP_PROXY": "http://proxy.example",  # the route's own
        "HTTP_X_OWN": "mine",
        "HTTP_X_REQUEST_ID": "given",
        "OWN": "a value",
        "PATH_INFO": "/a b/é",
        "QUERY_STRING": "x=1&y",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_HOST": "127.0.0.1",
        "REMOTE_PORT": str(port),
        "REQUEST_METHOD": "POST",
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": "/below/here/a%20b/%c3%a9?x=1&y",
        "SCRIPT_NAME": "/below/here",
        "SERVER_NAME": "name.example",
        "SERVER_PORT": str(server.address[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
    }


def test_environment_without_anything(server):
    """HTTP/1.0 without a host, a query and a body: what there has to be is there and empty."""
    said = exchange(server.address, b"GET / HTTP/1.0\r\n\r\n")
    env, args = variables(said.partition(b"\r\n\r\n")[2])
    assert env["QUERY_STRING"] == "" and env["SCRIPT_NAME"] == "" and env["PATH_INFO"] == "/"
    assert env["SERVER_PROTOCOL"] == "HTTP/1.0" and env["SERVER_NAME"] == "127.0.0.1"
    assert "CONTENT_LENGTH" not in env and "CONTENT_TYPE" not in env and "HTTP_HOST" not in env
    assert re.fullmatch("[0-9a-f]{32}", env["HTTP_X_REQUEST_ID"])
    assert args == ["cgi_ways.wasm"]


def test_httpoxy(server):
    """No request sets HTTP_PROXY, in whatever spelling."""
    for name in ("Proxy", "PROXY", "proxy", "pRoXy"):
        env = environment(server, get("/x", f"{name}: http://evil", "X-Proxy: fine"))
        assert "HTTP_PROXY" not in env
        assert env["HTTP_X_PROXY"] == "fine"


def test_names_that_collide(server):
    """Foo_Bar cannot stand for Foo-Bar, and lines of one name become one variable."""
    env = environment(server, get("/x", "Foo_Bar: forged", "Foo-Bar: real", "Foo-Bar: again",
                                  "X.Y: dot", "Cookie: a=1", "Cookie: b=2", "Content_Length: 9",
                                  "Content_Type: forged"))
    assert env["HTTP_FOO_BAR"] == "real, again"
    assert env["HTTP_COOKIE"] == "a=1; b=2"
    assert not any("." in name for name in env)
    assert "CONTENT_LENGTH" not in env and "HTTP_CONTENT_LENGTH" not in env
    assert "HTTP_CONTENT_TYPE" not in env


def test_hop_by_hop_headers_stay_here(server):
    env = environment(server, get("/x", "Connection: keep-alive, X-Hop", "X-Hop: secret",
                                  "Keep-Alive: 5", "TE: trailers", "Upgrade: websocket",
                                  "Proxy-Connection: close", "X-Stay: here"))
    assert env["HTTP_X_STAY"] == "here"
    for name in ("X_HOP", "CONNECTION", "KEEP_ALIVE", "TE", "UPGRADE", "PROXY_CONNECTION",
                 "TRANSFER_ENCODING"):
        assert f"HTTP_{name}" not in env


def test_trace_context_is_passed_on(server):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    env = environment(server, get("/x", f"Traceparent: {trace}", "Tracestate: a=b"))
    assert (env["HTTP_TRACEPARENT"], env["HTTP_TRACESTATE"]) == (trace, "a=b")


@pytest.mark.parametrize("hosts", [[], ["a", "a"], ["a", "b"], ["user@a"], ["a b"], ["[::1"],
                                   ["a:port"], ["a:99999"], ["a/b"], ["a,b"], [""]])
def test_hosts_that_are_none(server, hosts):
    request = b"GET / HTTP/1.1\r\n" + b"".join(f"Host: {host}\r\n".encode() for host in hosts)
    assert exchange(server.address, request + b"\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("host, name", [("a", "a"), ("a:80", "a"), ("[::1]:80", "[::1]"),
                                        ("[::1]", "[::1]"), ("a.", "a.")])
def test_hosts(server, host, name):
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    env = environment(server, request)
    assert (env["HTTP_HOST"], env["SERVER_NAME"]) == (host, name)


def test_absolute_target_outweighs_host(server):
    request = b"GET http://real.example/x?y HTTP/1.1\r\nHost: other.example\r\n\r\n"
    env = environment(server, request)
    assert env["HTTP_HOST"] == "real.example" and env["QUERY_STRING"] == "y"


@pytest.mark.parametrize("query, args", [
    ("", []), ("one+two", ["one", "two"]), ("a%20b+c", ["a b", "c"]), ("a=b+c", []),
    ("-x", []), ("one+-rf", []), ("%2dx", []), ("a%00b", []), ("%2e%2e", [".."])])
def test_search_words(server, query, args):
    """RFC 3875 section 4.4, without a way to an option."""
    answer = ask(server.address, get(f"/x?{query}"))
    assert variables(answer.body)[1] == ["cgi_ways.wasm", *args]


def test_arguments_of_the_route(server):
    answer = ask(server.address, get("/below/here/x?word"))
    _, args = variables(answer.body)
    assert args == ["cgi_ways.wasm", "first", "-second", "", "word"]


@pytest.mark.parametrize("name", ["QUERY_STRING", "HTTP_COOKIE", "SSL_CLIENT_S_DN"])
def test_variables_of_cgi_are_not_for_routes(hythe, guest, tmp_path, name):
    path = tmp_path / "hythe.toml"
    path.write_text(f'[[route]]\npath = "/"\nkind = "cgi"\nmodule = "{guest("cgi_ways")}"\n'
                    f'env = {{ {name} = "forged" }}\n')
    result = hythe("serve", "--check", path)
    assert result.code == 2 and name in result.err


def test_wcgi(server):
    env, _ = variables(ask(server.address, get("/wcgi/x?a=b", "X-A: b")).body)
    assert env["REQUEST_METHOD"] == "GET" and env["QUERY_STRING"] == "a=b"
    assert env["HTTP_X_A"] == "b"


def test_a_huge_environment(server):
    """Headers up to the limits are told in full, or refused: nothing in between."""
    lines = [f"X-Header-{i}: " + "v" * 400 for i in range(100)]
    env = environment(server, get("/x", *lines))
    assert env["HTTP_X_HEADER_99"] == "v" * 400
    assert len([name for name in env if name.startswith("HTTP_X_HEADER_")]) == 100


def test_many_query_pairs(server):
    pairs = "&".join(f"a{i}=b" for i in range(2000))
    assert environment(server, get(f"/x?{pairs}"))["QUERY_STRING"] == pairs
    assert ask(server.address, get("/x?" + "+".join(["w"] * 5000))).status in (200, 431)


# -- what a guest says -----------------------------------------------------------------------------


def say(server, head, *extra):
    """What becomes of these bytes of a guest, on a connection that closes."""
    return exchange(server.address, post("/raw", head, "Connection: close", *extra))


@pytest.mark.parametrize("head, status, headers", [
    (b"Content-Type: a/b\n\nx", 200, {"content-type": "a/b"}),
    (b"Content-Type: a/b\r\n\r\nx", 200, {"content-type": "a/b"}),
    (b"Content-Type: a/b\r\nX-A: b\n\r\nx", 200, {"x-a": "b"}),
    (b"Status: 404 Not here\nContent-Type: a/b\n\nx", 404, {"content-type": "a/b"}),
    (b"Content-Type: a/b\nstatus:201\n\nx", 201, {"content-type": "a/b"}),
    (b"X-A:  spaces  \nSTATUS: 418\n\nx", 418, {"x-a": "spaces"}),
    (b"Location: /there\n\nx", 302, {"location": "/there"}),
    (b"Location: http://a/b\nStatus: 301\n\nx", 301, {"location": "http://a/b"}),
    (b"HTTP/1.1 202 Accepted\r\nX-A: b\r\n\r\nx", 202, {"x-a": "b"}),
    (b"X-Empty:\n\nx", 200, {"x-empty": ""}),
    (b"Content-Length: 1\n\nx", 200, {"content-length": "1"}),
    (b"Status: 599\n\nx", 599, {}),
])
def test_heads(server, head, status, headers):
    answer = ask(server.address, post("/raw", head, "Connection: close"))
    assert (answer.status, answer.body) == (status, b"x")
    for name, value in headers.items():
        assert answer.headers[name] == value
    assert "status" not in answer.headers


def test_headers_may_repeat(server):
    said = say(server, b"Set-Cookie: a=1\nX-A: b\nSet-Cookie: c=2\n\n")
    assert re.findall(rb"(?i)set-cookie: (\S+)", said) == [b"a=1", b"c=2"]


@pytest.mark.parametrize("head", [
    b"no colon\n\n", b"\n", b"\r\n\r\n", b"", b"X-A: b", b"X-A: b\n", b": no name\n\n",
    b"X A: b\n\n", b"X-A : b\n\n", b"X-\xc3\xa9: b\n\n", b"X-A\x00: b\n\n", b"X-A: b\x00c\n\n",
    b"X-A: b\rX-Injected: yes\n\n", b"X-A: b\r\r\n\n", b"X-A: \x0bb\n\n", b"X-A: b\n folded\n\n",
    b"X-A: b\x7f\n\n", b"(X): b\n\n",
    b"Status: 99\n\n", b"Status: 1000\n\n", b"Status: abc\n\n", b"Status:\n\n", b"Status: -200\n\n",
    b"Status: 200OK\n\n", b"Status: 101 Switching\n\n", b"Status: 100\n\n", b"Status: 600\n\n",
    b"Status: 200\nStatus: 200\n\n", b"Status: 200 OK\rX-Injected: yes\n\n",
    b"Status: 200 \x00\rX-Injected: yes\r\n\n",
    b"Location: /a\rX-Injected: yes\n\n", b"Location: /a\nLocation: /b\n\n",
    b"Content-Length: 1\nContent-Length: 1\n\n", b"Content-Length: x\n\n",
    b"Content-Length: -1\n\n", b"Content-Length: 99999999999999999999\n\n",
    b"Content-Length: 0x1\n\n", b"Content-Length:\n\n",
    b"X-A: " + b"b" * (1 << 20) + b"\n\n", b"X-A: b\n" * 10000 + b"\n",
    b"HTTP/1.1 200 OK\r\rX-Injected: yes\r\n\r\n",
], ids=lambda head: head[:24].decode("latin-1").encode("unicode_escape").decode())
def test_heads_that_are_none(server, head):
    """502 in the server's own name, and nothing of it on the wire."""
    said = say(server, head + b"the content")
    head_said, _, content = said.partition(b"\r\n\r\n")
    if b"\n\n" in head or head in (b"\n", b"\r\n\r\n", b"X-A: b\n", b"X-A: b", b""):
        assert head_said.startswith(b"HTTP/1.1 502 ")
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"njected" not in said and b"the content" not in said
    assert b"\n" not in head_said.replace(b"\r\n", b"") and b"\0" not in head_said
    assert b"Bad Gateway" in content


def test_status_text_is_the_servers(server):
    """A reason phrase is the guest's words on a line of the server's: it is not passed on, or as
    what it is."""
    said = say(server, b"Status: 200 Fine\x1b[31m\n\nx")
    assert b"\x1b" not in said.partition(b"\r\n\r\n")[0]


def test_framing_is_the_servers(server):
    """Hop-by-hop headers of a guest, and those that its Connection names, stay here."""
    said = say(server, b"Transfer-Encoding: gzip, chunked\nConnection: X-Hop, upgrade\nX-Hop: a\n"
                       b"Keep-Alive: 9\nUpgrade: h2c\nTrailer: X\nTE: x\nX-Stay: b\n\nhello")
    head, _, content = said.partition(b"\r\n\r\n")
    lower = head.lower()
    assert b"x-stay: b" in lower and b"x-hop" not in lower and b"gzip" not in lower
    assert b"upgrade" not in lower and b"keep-alive:" not in lower and b"trailer" not in lower
    assert content == b"hello" or content == b"5\r\nhello\r\n0\r\n\r\n"


def test_one_date_and_server(server):
    said = say(server, b"Date: Thu, 01 Jan 1970 00:00:00 GMT\nServer: guest\n\n")
    head = said.partition(b"\r\n\r\n")[0].lower()
    assert head.count(b"\r\ndate:") == 1 and head.count(b"\r\nserver:") == 1


@pytest.mark.parametrize("method, head", [
    ("HEAD", b"Content-Type: a/b\n\ncontent"), ("HEAD", b"Content-Length: 7\n\ncontent"),
    ("POST", b"Status: 204\n\ncontent"), ("POST", b"Status: 304\n\ncontent"),
    ("POST", b"Status: 204\nContent-Length: 7\n\ncontent"),
    ("POST", b"Status: 304\nContent-Length: 7\n\ncontent")])
def test_answers_without_content(server, method, head):
    """No byte of a body follows: the next answer begins where this head ends."""
    with dial(server.address) as peer:
        request = post("/raw", head).replace(b"POST", method.encode(), 1)
        peer.sendall(request + post("/raw", b"X-Second: yes\n\nsecond"))
        reader = Reader(peer)
        first = reader.head()
        assert first.status in (200, 204, 304)
        if first.status == 204:
            assert "content-length" not in first.headers
        assert "transfer-encoding" not in first.headers or method == "HEAD"
        second = reader.response()
        assert second.headers["x-second"] == "yes" and second.body == b"second"


def test_more_than_its_length(server):
    """What is past the declared length never becomes the next answer's begin."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    with dial(server.address) as peer:
        peer.sendall(post("/raw", b"Content-Length: 2\n\nok" + forged) + get("/early"))
        reader = Reader(peer)
        assert reader.response().body == b"ok"
        assert reader.response().body == b"read nothing\n"


def test_less_than_its_length(server):
    """A response that stays short is broken off, not filled up from the next one."""
    said = exchange(server.address, post("/raw", b"Content-Length: 100\n\nshort") + get("/early"))
    assert said.endswith(b"short")


def test_a_body_that_nobody_reads(server):
    """The next request is read from behind the body, or the connection is closed."""
    smuggled = get("/raw/smuggled")
    for size in (10, 100_000, 3_000_000):
        body = (smuggled * (size // len(smuggled) + 1))[:size]
        said = exchange(server.address, post("/early", body) + get("/x", "Connection: close"))
        answers = re.findall(rb"HTTP/1\.1 (\d+)", said)
        assert answers[0] == b"200" and len(answers) <= 2
        assert b"smuggled" not in said


def test_answers_in_the_order_asked(server):
    """Pipelined, slow before fast."""
    with dial(server.address) as peer:
        peer.sendall(get("/drip/2") + b"".join(post("/echo", b"%d" % i) for i in range(30)))
        reader = Reader(peer)
        assert reader.response().body == b"line 0\nline 1\n"
        for i in range(30):
            assert reader.response().body == b"%d" % i


# -- 100-continue ----------------------------------------------------------------------------------


def test_continue_when_the_guest_reads(server):
    with dial(server.address) as peer:
        peer.sendall(b"POST /sink HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n"
                     b"Expect: 100-CONTINUE\r\n\r\n")
        reader = Reader(peer)
        assert reader.head().status == 100
        peer.sendall(b"body")
        assert reader.response().body == b"4 end\n"


def test_no_continue_when_it_does_not(server):
    with dial(server.address) as peer:
        peer.sendall(b"POST /early HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n"
                     b"Expect: 100-continue\r\n\r\n")
        assert Reader(peer).response().body == b"read nothing\n"


def test_other_expectations(server):
    said = exchange(server.address, post("/sink", b"body", "Expect: miracles"))
    assert said.startswith(b"HTTP/1.1 417 ")


# -- streaming -------------------------------------------------------------------------------------


def test_first_byte_before_the_last(server):
    """What a guest writes is on its way while it runs."""
    with dial(server.address) as peer:
        peer.sendall(get("/drip/5"))
        reader = Reader(peer)
        assert reader.head().headers.get("transfer-encoding") == "chunked"
        assert reader.chunk() == b"line 0\n"
        started = time.monotonic()
        assert reader.rest() == b"".join(b"line %d\n" % i for i in range(1, 5))
        assert time.monotonic() - started > 0.4, "all came at once"


def test_upload_is_read_while_it_is_sent(server):
    """Each piece comes back before the next is sent; chunked and by length."""
    for framing in ("Content-Length: 30", "Transfer-Encoding: chunked"):
        with dial(server.address) as peer:
            peer.sendall(f"POST /echo HTTP/1.1\r\nHost: test\r\n{framing}\r\n\r\n".encode())
            reader = Reader(peer)
            for i in range(10):
                piece = b"%03d" % i
                peer.sendall(piece if "Length" in framing else b"3\r\n" + piece + b"\r\n")
                if i == 0:
                    assert reader.head().status == 200
                assert reader.chunk() == piece
            peer.sendall(b"" if "Length" in framing else b"0\r\n\r\n")
            assert reader.chunk() == b""


def test_100_mib_both_ways(server):
    """In constant memory."""
    pid = worker_of(server)
    size = 100 * MIB
    piece = bytes(range(256)) * (MIB // 256)
    ask(server.address, post("/echo", piece))
    clear_peak(pid)
    before = peak_kib(pid)
    with dial(server.address) as peer:
        def send():
            peer.sendall(f"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n"
                         .encode())
            for _ in range(100):
                peer.sendall(piece)

        sender = threading.Thread(target=send)
        sender.start()
        reader = Reader(peer)
        assert reader.head().status == 200
        received = 0
        while part := reader.chunk():
            assert part == (piece + piece)[received % 256:][:len(part)]
            received += len(part)
        sender.join()
    assert received == size
    assert peak_kib(pid) - before < 4096


def test_a_slow_reader_holds_the_guest_back(server):
    """Nobody reads: the guest's writes wait, and memory stays where it is."""
    pid = worker_of(server)
    ask(server.address, get("/size/1000000"))
    clear_peak(pid)
    before = peak_kib(pid)
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(10)
        peer.connect(server.address)
        peer.sendall(get("/length/200000000"))
        time.sleep(0.7)
        assert peak_kib(pid) - before < 4096
        reader = Reader(peer)
        assert reader.head().headers["content-length"] == "200000000"


def test_20_at_a_time(server):
    """Twenty guests that wait do not wait for each other."""
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ask(server.address, get("/drip/3")).body, range(20)))
    assert answers == [b"line 0\nline 1\nline 2\n"] * 20
    assert time.monotonic() - started < 6, "as long as one after the other"


# -- a fresh instance for each ---------------------------------------------------------------------


def test_a_counter_in_memory_says_one(server):
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: ask(server.address, get("/count")).body, range(200)))
    assert answers == {b"1\n"}


def test_no_secret_of_another_request(hythe, guest, tmp_path):
    """The pool has one place, so each request has the memory that the last one left."""
    config = "[limits]\nrequests = 1\n" + CONFIG.format(module=guest("cgi_ways")).replace(
        "workers = 1", "")
    server = hythe.serve("--workers", "1", config=config, folder=tmp_path)
    for _ in range(5):
        seen = int(ask(server.address, get("/remember")).body)
        assert seen >= (4 << 20) // 8, "the search finds nothing at all"
        assert ask(server.address, get("/recall")).body == b"0\n"


def test_the_second_of_a_pipeline_is_fresh(server):
    with dial(server.address) as peer:
        peer.sendall(get("/remember") + get("/recall") + get("/count"))
        reader = Reader(peer)
        assert int(reader.response().body) > 0
        assert reader.response().body == b"0\n"
        assert reader.response().body == b"1\n"


def test_continue_after_the_head(hythe, guest, tmp_path):
    """A guest that writes its head before it reads still lets the client send: 100 comes first."""
    config = f'[[route]]\npath = "/..."\nmodule = "{guest("cgi_echo")}"\n'
    server = hythe.serve(config=config, folder=tmp_path)
    body = b"x" * 5000
    with dial(server.address) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body))
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        said = peer.recv(1000)
        assert said.startswith(interim)
        peer.sendall(body)
        reader = Reader(peer)
        reader.bytes = said[len(interim):]  # the head may come with it
        assert reader.response().body == body
