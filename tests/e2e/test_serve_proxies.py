"""`hythe serve` beside nginx and haproxy: behind them it answers as it does directly, and no
request that one of them would take apart differently gets past it."""
import re
import shutil
import subprocess
import threading
import time

import pytest

from harness import (COMPILE, Program, Reader, ask, dial, exchange, get, post, read_to_end,
                     start_on_port)

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream hythe {{ server 127.0.0.1:{upstream}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {{
            proxy_pass http://hythe;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
        }}
        location = /alone {{ return 200 "alone"; }}
    }}
}}
"""

HAPROXY = """\
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    timeout http-request 5s
frontend front
    bind 127.0.0.1:{port}
    default_backend back
backend back
    http-reuse always
    server hythe 127.0.0.1:{upstream}{proxy}
"""

CONFIG = """
[[listener]]
address = "127.0.0.1:0"
[[listener]]
address = "127.0.0.1:0"
proxy_from = ["127.0.0.1"]
[[route]]
path = "/..."
module = "{module}"
body = 0
[[route]]
path = "/text"
text = "a text"
[[route]]
path = "/alone"
text = "alone"
"""


SERVING = r"^hythe: serving on http://127\.0\.0\.1:(\d+)$"


def tool(name):
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if path is None:
        pytest.skip(f"{name} is not installed: scripts/deps test")
    return path


@pytest.fixture
def served(hythe, guest, tmp_path):
    # Not --listen, which would stand in place of the file's listeners.
    path = tmp_path / "hythe.toml"
    path.write_text(CONFIG.format(module=guest("cgi_ways")), encoding="utf-8")
    server = hythe.start("serve", path)
    server.address, server.proxy_address = (
        ("127.0.0.1", int(server.wait_for(SERVING, "err", COMPILE, count)[1])) for count in (1, 2))
    return server


@pytest.fixture
def through(hythe, served, tmp_path):
    """Starts a proxy in front of the server and gives its address."""

    def start_at(port, kind):
        if kind == "nginx":
            config = tmp_path / "nginx.conf"
            config.write_text(NGINX.format(folder=tmp_path, port=port, upstream=served.address[1]))
            argv = [tool("nginx"), "-c", config, "-e", tmp_path / "error.log"]
        else:
            is_preface = kind == "haproxy-v2"
            config = tmp_path / "haproxy.cfg"
            upstream = served.proxy_address if is_preface else served.address
            config.write_text(HAPROXY.format(port=port, upstream=upstream[1],
                                             proxy=" send-proxy-v2" if is_preface else ""))
            argv = [tool("haproxy"), "-db", "-f", config]
        return Program(argv, env={"PATH": "/usr/sbin:/usr/bin:/bin"})

    def start(kind):
        program, port = start_on_port(lambda port: start_at(port, kind))
        hythe.programs.append(program)
        return "127.0.0.1", port

    return start


PROXIES = ["nginx", "haproxy", "haproxy-v2"]


@pytest.mark.parametrize("kind", PROXIES)
def test_answers_are_the_same(served, through, kind):
    """What a proxy hands on is what the server says directly."""
    address = through(kind)
    for request in (b"GET /text HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
                    post("/echo", b"some bytes" * 1000, "Connection: close"),
                    b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n"
                    b"Connection: close\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"):
        direct = ask(served.address, request) if kind != "haproxy-v2" else None
        proxied = ask(address, request)
        assert proxied.status == 200
        if direct is not None:
            assert (proxied.status, proxied.body) == (direct.status, direct.body)


@pytest.mark.parametrize("kind", PROXIES)
def test_connections_are_reused(through, kind):
    """Many requests over the proxy's kept connections, with bodies read and unread."""
    address = through(kind)
    with dial(address) as peer:
        reader = Reader(peer)
        for i in range(50):
            body = b"x" * (i * 997)
            peer.sendall(post("/echo", body))
            assert reader.response().body == body
            peer.sendall(post("/text", body))
            assert reader.response().body == b"a text"


@pytest.mark.parametrize("kind", PROXIES)
def test_large_bodies(through, kind):
    """20 MiB there, and 20 MiB back."""
    address = through(kind)
    size = 20 << 20
    with dial(address) as peer:
        reader = Reader(peer)
        peer.sendall(post("/sink", bytes(range(256)) * (size // 256)))
        assert reader.response().body == f"{size} end\n".encode()
        peer.sendall(get(f"/size/{size}"))
        assert len(reader.response().body) == size


def test_both_ways_at_once(through):
    """haproxy, unlike nginx, goes on with the request when the response has begun."""
    body = bytes(range(256)) * (80 << 10)
    with dial(through("haproxy")) as peer:
        sender = threading.Thread(target=peer.sendall, args=(post("/echo", body),))
        sender.start()
        assert Reader(peer).response().body == body
        sender.join()


@pytest.mark.parametrize("kind", ["nginx", "haproxy"])
def test_in_front_of_others(hythe, guest, through, tmp_path, kind):
    """A guest that asks them, which ask hythe in turn: the bytes are the same at the end."""
    port = through(kind)[1]
    (tmp_path / "front").mkdir()
    front = hythe.serve(config='workers = 1\n[[route]]\npath = "/..."\nkind = "cgi"\n'
                               f'module = "{guest("cgi_get")}"\n'
                               f'allow_http = ["http://127.0.0.1:{port}"]\n',
                        folder=tmp_path / "front")
    pages = {"/text": b"a text", "/count": b"1\n", "/drip/2": b"line 0\nline 1\n",
             "/size/3000": None}
    for path, body in pages.items():
        answer = ask(front.address, get(f"/?http://127.0.0.1:{port}{path}"))
        direct = ask(("127.0.0.1", port), get(path))
        assert (answer.status, answer.body) == (200, direct.body)
        assert body is None or body == direct.body


# Requests that two servers could take apart in two ways.
AMBIGUOUS = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before colon": b"Content-Length : 5\r\n\r\nhello",
    "folded": b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "bare line feed": b"X-A: b\nContent-Length: 5\r\n\r\nhello",
    "nul": b"X-A: b\x00c\r\n\r\n",
    "plus": b"Content-Length: +5\r\n\r\nhello",
    "hexadecimal": b"Content-Length: 0x5\r\n\r\nhello",
    "xchunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk of minus": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n",
    "chunk too large": b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    "chunk without end": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "vertical tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"Host: other\r\n\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_requests_are_refused(served, name):
    """Each is answered with an error, and what stands behind it is never taken for a request."""
    smuggled = b"GET /text HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    with dial(served.address) as peer:
        peer.sendall(b"POST /text HTTP/1.1\r\nHost: test\r\n" + AMBIGUOUS[name] + smuggled)
        said = read_to_end(peer)
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", said)
    # A body that goes wrong behind a good head may come after the answer.
    assert len(statuses) == 1
    if not name.startswith("chunk "):
        assert statuses[0] in (b"400", b"501")


@pytest.mark.parametrize("name", AMBIGUOUS)
@pytest.mark.parametrize("kind", ["nginx", "haproxy"])
def test_not_more_lenient(served, through, kind, name):
    """What nginx or haproxy refuses, hythe refuses."""
    request = (b"GET /alone HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + AMBIGUOUS[name])

    def status(address):
        with dial(address) as peer:
            peer.sendall(request)
            try:
                return int(read_to_end(peer).split(b" ", 2)[1])
            except (IndexError, OSError):
                return 400  # closed without a word

    theirs, ours = status(through(kind)), status(served.address)
    if theirs in (400, 501) and not name.startswith("chunk "):
        assert ours in (400, 501)


V2 = b"\r\n\r\n\0\r\nQUIT\n"
ADDRESSES = bytes([192, 0, 2, 7, 192, 0, 2, 8]) + (5555).to_bytes(2, "big") + (80).to_bytes(2,
                                                                                            "big")


def prefaced(served, preface, request):
    return exchange(served.proxy_address, preface + request)


@pytest.mark.parametrize("preface, address, port", [
    (b"PROXY TCP4 192.0.2.7 192.0.2.8 5555 80\r\n", "192.0.2.7", "5555"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::8 5555 80\r\n", "2001:db8::7", "5555"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1", None),
    (V2 + b"\x21\x11\0\x0c" + ADDRESSES, "192.0.2.7", "5555"),
    (V2 + b"\x20\0\0\0", "127.0.0.1", None),
], ids=["v1", "v1_ipv6", "v1_unknown", "v2", "v2_local"])
def test_preface_names_the_peer(served, preface, address, port):
    """The address in a PROXY preface is the one that guests see."""
    shown = prefaced(served, preface, get("/env", "Connection: close")).decode()
    assert re.search(f"^REMOTE_ADDR={address}$", shown, re.MULTILINE)
    assert port is None or re.search(f"^REMOTE_PORT={port}$", shown, re.MULTILINE)


@pytest.mark.parametrize("preface", [
    b"", b"PROXY TCP4 192.0.2.7\r\n", b"PROXY TCP4 999.0.2.7 192.0.2.8 5555 80\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 5555 99999\r\n", b"PROXY " + b"x" * 1000 + b"\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.8 5555 80\n", V2 + b"\x11\x11\0\x0c" + ADDRESSES,
    V2 + b"\x21\x11\0\x01x", V2[:-1] + b"x" + b"\x21\x11\0\x0c" + ADDRESSES,
], ids=["none", "short", "octet", "port", "long", "bare_lf", "version", "length", "signature"])
def test_prefaces_that_are_none(served, preface):
    """Nothing is answered, on that listener, without one."""
    assert prefaced(served, preface, get("/text")) == b""


def test_a_preface_from_others_is_no_request(served):
    said = exchange(served.address, b"PROXY TCP4 192.0.2.7 192.0.2.8 5555 80\r\n" + get("/text"))
    assert said.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("preface", [b"", b"PROXY TCP4 1", V2[:5]])
def test_half_a_preface_is_given_up(hythe, tmp_path, preface):
    path = tmp_path / "hythe.toml"
    path.write_text('[[listener]]\naddress = "127.0.0.1:0"\nproxy_from = ["127.0.0.1"]\n'
                    '[timeouts]\ntls = "1s"\n[[route]]\npath = "/"\ntext = "x"\n')
    found = hythe.start("serve", path).wait_for(SERVING, "err", COMPILE)
    started = time.monotonic()
    assert exchange(("127.0.0.1", int(found[1])), preface) == b""
    assert 0.9 < time.monotonic() - started < 6, "not at the timeout of a preface"


def test_on_a_unix_socket(hythe, guest, tmp_path):
    """Behind a proxy on the same machine, with its mode; with a preface and without."""
    path = tmp_path / "hythe.toml"
    path.write_text(f'[[listener]]\naddress = "unix:{tmp_path}/plain"\nmode = "0600"\n'
                    f'[[listener]]\naddress = "unix:{tmp_path}/preface"\nproxy_from = ["unix"]\n'
                    f'[[route]]\npath = "/..."\nkind = "cgi"\nmodule = "{guest("cgi_ways")}"\n')
    server = hythe.start("serve", path)
    server.wait_for("serving on", "err", COMPILE, count=2)
    assert (tmp_path / "plain").stat().st_mode & 0o777 == 0o600
    request = get("/env", "Connection: close")
    plain = exchange(f"{tmp_path}/plain", request).decode()
    assert "REQUEST_METHOD=GET" in plain and "HTTP_HOST=test" in plain
    named = exchange(f"{tmp_path}/preface", b"PROXY TCP4 192.0.2.7 192.0.2.8 5555 80\r\n" + request)
    assert b"REMOTE_ADDR=192.0.2.7\n" in named
    assert server.stop().code == 0
    assert not (tmp_path / "plain").exists()


def test_slowhttptest(served):
    """Debian's slowhttptest in its three ways cannot make the server unavailable."""
    program = tool("slowhttptest")
    for mode in ("-H", "-B", "-X"):
        done = subprocess.run(
            [program, mode, "-c", "200", "-i", "1", "-r", "200", "-l", "3", "-p", "2", "-u",
             f"http://127.0.0.1:{served.address[1]}/text"],
            capture_output=True, text=True, timeout=60, check=False)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        assert re.search(r"service available:\s+YES", plain), plain[-2000:]
