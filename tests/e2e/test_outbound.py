"""Guests that call out over HTTP: what the policy lets through, what limits hold, and what both the
guest and the operator are told. Servers are on the loopback, started here."""
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import WAIT, Program, start_on_port, wait_until

RUST = "http_rust_0_10_0"  # the published crate: prints status, headers, body, or "error TEXT"
STREAM = "outbound_c"      # reads the body piece by piece and writes it out
NOT_ALLOWED = "error Wasi error 7"
FAILED = "error Wasi error 11"
TOO_MANY = "error Wasi error 13"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


# -- servers ---------------------------------------------------------------------------------------


class Server:
    """Answers each path as the test says: with bytes, or by a function of the connection."""

    def __init__(self, routes, address="127.0.0.1", context=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.routes = routes
        self.context = context
        self.requests = []
        self.connections = 0
        self.is_closing = False
        self.open = set()
        self.lock = threading.Lock()
        self.listener = socket.socket(family)
        self.listener.bind((address, 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.host = f"[{address}]" if ":" in address else address
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def url(self, path="/", host=None, scheme="http"):
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        # A guest that leaves early is what many tests are about.
        with contextlib.suppress(OSError, ssl.SSLError, ValueError):
            peer.settimeout(WAIT)
            if self.context is not None:
                peer = self.context.wrap_socket(peer, server_side=True)
            while head := self._read_head(peer):
                self.requests.append(head)
                path = head.split(b" ")[1].decode()
                answer = self.routes.get(path, self.routes.get("*"))
                if callable(answer):
                    answer(peer)
                    break
                peer.sendall(answer)
        with contextlib.suppress(OSError):
            peer.close()

    @staticmethod
    def _read_head(peer):
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = peer.recv(65536)
            if not chunk:
                return b""
            data += chunk
        return data

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for peer in self.open:
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
        self.thread.join(WAIT)


@pytest.fixture
def serve():
    servers = []

    def start(routes, **options):
        servers.append(Server(routes, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority of our own, and a certificate of it for good.test and 127.0.0.1."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; scripts/deps test")
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, timeout=60)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem",
            "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            "/CN=good.test", "-keyout", "key.pem", "-out", "request.pem")
    (folder / "names").write_text("subjectAltName=DNS:good.test,IP:127.0.0.1")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
            "-CAcreateserial", "-extfile", "names", "-out", "cert.pem")
    return folder


@pytest.fixture
def tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    return context


@pytest.fixture
def nginx(authority, tmp_path):
    """nginx with HTTP/2 over TLS; gives its port and its access log."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed; scripts/deps test")
    log = tmp_path / "access.log"

    def start_at(port):
        (tmp_path / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
            events {{ }}
            http {{
                log_format short '$server_protocol $status $connection $request_uri';
                access_log {log} short;
                client_body_temp_path {tmp_path}; proxy_temp_path {tmp_path};
                fastcgi_temp_path {tmp_path}; uwsgi_temp_path {tmp_path}; scgi_temp_path {tmp_path};
                server {{
                    listen 127.0.0.1:{port} ssl http2;
                    ssl_certificate {authority}/cert.pem; ssl_certificate_key {authority}/key.pem;
                    location / {{ return 200 "hello"; }}
                }}
            }}""")
        return Program(["nginx", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log", "-p",
                        tmp_path], env={"PATH": os.environ["PATH"] + ":/usr/sbin"})

    program, port = start_on_port(start_at)
    yield port, log
    program.stop()
    program.close()


def get(hythe, module, url, *options, **more):
    return hythe.run(*options, module, "get", url, **more)


# -- the policy ------------------------------------------------------------------------------------


def test_denied_by_default(hythe, guest, serve):
    """The guest gets upstream's code, the operator one line; following it is enough."""
    server = serve({"/": OK})
    denied = get(hythe, guest(RUST), server.url("/?token=secret"))
    assert denied.code == 1
    assert denied.out.splitlines() == [NOT_ALLOWED]
    flag = f"--allow-http http://127.0.0.1:{server.port}"
    assert denied.own_lines == [f"hythe: refused: HTTP request to http://127.0.0.1:{server.port}; "
                                f"to allow it: {flag}"]
    assert server.connections == 0
    allowed = get(hythe, guest(RUST), server.url(), *flag.split())
    assert allowed.code == 0, allowed.err
    assert "status 200" in allowed.out and allowed.out.endswith("body 2\nhi\n")


def test_old_releases_have_the_text(hythe, guest, serve):
    server = serve({"/": OK})
    for name in ("http_rust_0_1_1", "http_rust_0_2_0"):
        denied = get(hythe, guest(name), server.url())
        assert "not allowed because domain or subdomain not in allowed list" in denied.out
    assert server.connections == 0


@pytest.mark.parametrize("rule, allows", [
    ("http://127.0.0.1", True), ("https://127.0.0.1", True), ("127.0.0.1", True),
    ("127.0.0.1:PORT", True), ("127.0.0.0/8", True), ("127.0.0.0/8:PORT", True),
    ("http://127.0.0.1:1-65535", True), ("insecure:allow-all,private", True),
    ("insecure:allow-all", False), ("https://127.0.0.1:PORT", False), ("127.0.0.1:1", False),
    ("10.0.0.0/8", False), ("http://localhost:PORT", False), ("http://*:PORT", False),
])
def test_rules(hythe, guest, serve, rule, allows):
    server = serve({"/": OK})
    result = get(hythe, guest(RUST), server.url(), "--allow-http",
                 rule.replace("PORT", str(server.port)))
    assert (result.code == 0) == allows, result
    assert server.connections == (1 if allows else 0)


@pytest.mark.parametrize("rule", ["htps://example.org", "*", "https://user@example.org", "127.1",
                                  "http://10.0.0.0/8", "https://example.org:99999", "::1"])
def test_a_rule_that_is_none_stops_the_start(hythe, guest, rule):
    result = hythe.run("--allow-http", rule, guest("hello"))
    assert result.code == 2
    assert result.out == ""
    assert len(result.own_lines) == 1
    assert f'"{rule}"' in result.err and "https://HOST:PORT" in result.err


def test_redirect_to_a_forbidden_host(hythe, guest, serve):
    server = serve({})
    server.routes["/"] = (f"HTTP/1.1 302 Found\r\nLocation: {server.url('/x', host='localhost')}\r\n"
                          "Content-Length: 0\r\n\r\n").encode()
    result = get(hythe, guest(RUST), server.url(), "--allow-http", server.url("", scheme="http"))
    assert result.out.startswith("error Wasi error "), result
    assert f"--allow-http http://localhost:{server.port}" in result.err
    assert len(server.requests) == 1


def test_redirects(hythe, guest, serve):
    """Followed and counted as upstream's client did, or shown to the guest."""
    server = serve({"/end": OK})
    for i in range(20):
        location = "/end" if i == 9 else f"/{i + 1}"
        server.routes[f"/{i}"] = (f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n"
                                  "Content-Length: 0\r\n\r\n").encode()
    allow = ("--allow-http", server.url(""))
    assert "status 200" in get(hythe, guest(RUST), server.url("/1"), *allow).out
    assert get(hythe, guest(RUST), server.url("/0"), *allow).out.startswith(FAILED)
    seen = get(hythe, guest(RUST), server.url("/0"), *allow, "--http-redirects", "0")
    assert "status 302" in seen.out and "header location: /1" in seen.out
    assert "status 200" in get(hythe, guest(RUST), server.url("/9"), *allow, "--http-redirects",
                               "2").out


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::1", "0.0.0.0",
                                     "64:ff9b::127.0.0.1", "169.254.169.254", "fd00:ec2::254"])
def test_rebinding(hythe, guest, serve, address):
    """A name server cannot lead an allowed name into this network."""
    server = serve({"/": OK})
    url = server.url(host="rebound.test")
    result = get(hythe, guest(RUST), url, "--allow-http", "http://rebound.test", "--host",
                 f"rebound.test={address}")
    assert result.out.splitlines() == [NOT_ALLOWED]
    assert server.connections == 0
    assert re.search(r"rebound\.test:\d+, which stands for \S+, .*"
                     r"--allow-http http://rebound\.test:\d+,private$", result.err, re.M), result.err


def test_a_private_name(hythe, guest, serve):
    server = serve({"/": OK})
    url = server.url(host="intranet.test")
    for rule in ("http://intranet.test,private", "*.test,private", f"intranet.test:{server.port},private"):
        result = get(hythe, guest(RUST), url, "--allow-http", rule, "--host",
                     "intranet.test=127.0.0.1")
        assert result.code == 0, result
    both = get(hythe, guest(RUST), url, "--allow-http", "http://intranet.test", "--allow-http",
               "127.0.0.0/8", "--host", "intranet.test=127.0.0.1")
    assert both.code == 0, both
    assert f"Host: intranet.test:{server.port}".encode().lower() in server.requests[0].lower()


def test_only_the_allowed_addresses_are_tried(hythe, guest, serve):
    server = serve({"/": OK})
    result = get(hythe, guest(RUST), server.url(host="two.test"), "--allow-http", "http://two.test",
                 "--allow-http", server.url(""), "--host", "two.test=10.255.255.1", "--host",
                 "two.test=127.0.0.1")
    assert result.code == 0, result
    assert "10.255.255.1, a private address" in result.err


def test_ipv6(hythe, guest, serve):
    try:
        server = serve({"/": OK}, address="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    flag = ("--allow-http", f"http://[::1]:{server.port}")
    assert get(hythe, guest(RUST), server.url(), *flag).code == 0
    assert get(hythe, guest(RUST), server.url(host="[0:0:0:0:0:0:0:1]"), *flag).code == 0
    mapped = get(hythe, guest(RUST), server.url(host="[::ffff:127.0.0.1]"), *flag)
    assert mapped.out.splitlines() == [NOT_ALLOWED]


def test_dry_run(hythe, guest, serve):
    server = serve({"/": OK})
    result = get(hythe, guest(RUST), server.url(), "--policy-dry-run")
    assert result.code == 0
    assert result.own_lines == [f"hythe: would be refused: HTTP request to http://127.0.0.1:"
                                f"{server.port}; to allow it: --allow-http http://127.0.0.1:"
                                f"{server.port}"]


def test_the_whole_network(hythe, guest, serve):
    server = serve({"/": OK})
    result = get(hythe, guest(RUST), server.url(host="any.test"), "--net", "--host",
                 "any.test=127.0.0.1")
    assert result.code == 0 and result.err == ""


# -- peers that misbehave --------------------------------------------------------------------------


def endless(part, pause=0.0):
    def answer(peer):
        while True:
            peer.sendall(part)
            time.sleep(pause)
    return answer


def then(first, *parts, pause=0.0, do=None):
    def answer(peer):
        peer.sendall(first)
        for part in parts:
            time.sleep(pause)
            peer.sendall(part)
        if do is not None:
            do(peer)
    return answer


def silence(peer):
    peer.recv(1)  # until the other side leaves


def leave_rudely(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("answer, options", [
    (then(HEAD, do=endless(b"X-Filler: " + b"x" * 1000 + b"\r\n")), []),
    (then(HEAD + b"X: " + b"x" * 9000 + b"\r\nContent-Length: 2\r\n\r\nhi"), ["--http-max-head", "8K"]),
    (then(HEAD + b"\r\n", do=endless(b"x" * 65536)), ["--http-max-body", "4M"]),
    (then(HEAD, do=silence), ["--http-first-byte-timeout", "300ms"]),
    (then(HEAD + b"Content-Length: 9\r\n\r\nhi", do=silence), ["--http-idle-timeout", "300ms"]),
    (then(HEAD + b"Content-Length: 999\r\n\r\n", do=endless(b"x", 0.1)), ["--http-timeout", "800ms"]),
    (endless(b"H", 0.05), ["--http-first-byte-timeout", "400ms"]),
    (then(HEAD + b"Content-Length: 9\r\n\r\nhi"), []),
    (then(HEAD + b"Content-Length: 9\r\n\r\nhi", do=leave_rudely), []),
    (then(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhi"), []),
    (then(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n"), []),
    (then(HEAD + b"Content-Length: -1\r\n\r\nhi"), []),
    (then(b"not HTTP at all\r\n\r\n"), []),
    (then(b"", do=leave_rudely), []),
], ids=["endless headers", "long header", "endless body", "no head",
        "no body", "a byte now and then", "a head byte now and then", "truncated", "reset",
        "truncated chunk", "no chunk size", "negative length", "no HTTP", "reset at once"])
def test_a_bad_peer(hythe, guest, serve, answer, options):
    """The guest gets an error, soon, and neither memory nor time runs away."""
    server = serve({"/": answer})
    begin = time.monotonic()
    result = get(hythe, guest(RUST), server.url(), "--allow-http", server.url(""), *options)
    assert result.code == 1, result
    assert result.out.splitlines()[-1] == FAILED, result
    assert time.monotonic() - begin < 20
    assert "AddressSanitizer" not in result.err and "LeakSanitizer" not in result.err


def test_an_endless_header_line(hythe, guest, serve):
    """libcurl calls a line of 100 KiB "out of memory", and so do we."""
    server = serve({"/": then(HEAD, do=endless(b"X" * 4096))})
    result = get(hythe, guest(RUST), server.url(), "--allow-http", server.url(""))
    assert re.fullmatch(r"error Wasi error 1[12]\n", result.out), result


def test_nobody_listens(hythe, guest):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can take it
        port = probe.getsockname()[1]
        result = get(hythe, guest(RUST), f"http://127.0.0.1:{port}/", "--net")
    assert result.out.splitlines() == [FAILED]


def test_the_operator_learns_why(hythe, guest):
    """One code stands for every failure at the guest; the operator's line says which it was."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % closed.getsockname()[1]
        result = get(hythe, guest(RUST), url + "/secret", "--allow-http", url)
    assert result.own_lines == [f"hythe: HTTP request to {url} failed: no connection could be made"]


def test_what_came_before_the_end_is_there(hythe, guest, serve):
    server = serve({"/": then(HEAD + b"Content-Length: 99\r\n\r\nfirst", b"second", pause=0.1)})
    result = get(hythe, guest(STREAM), server.url(), "--net")
    assert result.code == 2
    assert result.out == "firstsecond"


def test_the_guest_ends_while_it_waits(hythe, guest, serve):
    server = serve({"/": silence})
    result = get(hythe, guest(RUST), server.url(), "--net", "--timeout", "500ms")
    assert result.code == 134
    program = hythe.start("run", "--net", guest(RUST), "get", server.url())
    wait_until(lambda: len(server.requests) == 2, "the second request is there")
    assert program.stop(signal.SIGTERM).code == 143


# -- limits ----------------------------------------------------------------------------------------


def test_concurrency_counts_responses_that_are_open(hythe, guest, serve):
    server = serve({"/": OK})
    hold = ("--allow-http", server.url(""), guest(RUST), "hold", "3", server.url())
    assert hythe.run("--http-concurrency", "2", *hold).out.splitlines()[-1] == TOO_MANY
    assert hythe.run("--http-concurrency", "3", *hold).code == 0
    assert hythe.run(*hold).code == 0


def test_a_connection_is_used_again(hythe, guest, serve):
    server = serve({"/": OK})
    result = hythe.run("--allow-http", server.url(""), guest(RUST), "hold", "20", server.url())
    assert result.code == 0
    assert len(server.requests) == 20
    assert server.connections == 1


def high_water(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) << 10


@pytest.mark.skipif("SAN_OPTIONS" in "".join(os.environ), reason="sanitizers keep freed memory")
def test_a_gigabyte_passes_in_constant_memory(hythe, guest, serve):
    part = b"x" * (1 << 20)
    marks = []

    def download(count):
        def answer(peer):
            peer.sendall(HEAD + f"Content-Length: {count << 20}\r\n\r\n".encode())
            for i in range(count):
                peer.sendall(part)
                if i == count - 1:
                    marks.append(high_water(process.pid))
        return answer

    for count in (8, 1024):
        server = serve({"/": download(count)})
        argv = [hythe.path, "run", "--net", guest(STREAM), "get", server.url()]
        with subprocess.Popen(argv, env=hythe.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL) as process:
            total = 0
            while chunk := os.read(process.stdout.fileno(), 1 << 20):
                total += len(chunk)
            assert process.wait(WAIT) == 0
        assert total == count << 20
    assert marks[1] - marks[0] < 2 << 20, marks


def test_many_files_may_be_opened(hythe, guest):
    """The soft limit that a shell gives is not the guest's."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    argv = ["sh", "-c", f"ulimit -Sn 64; exec {hythe.path} run {guest('infinite_loop')}"]
    program = Program(argv, env=hythe.env)
    hythe.programs.append(program)

    def soft():
        with open(f"/proc/{program.pid}/limits", encoding="ascii") as limits:
            return re.search(r"Max open files\s+(\d+)", limits.read())[1]

    wait_until(lambda: soft() == str(hard), "the limit is raised")


# -- TLS, HTTP/2, proxies --------------------------------------------------------------------------


def test_tls_with_an_authority_of_our_own(hythe, guest, serve, authority, tls):
    server = serve({"/": OK}, context=tls)
    here = ("--host", "good.test=127.0.0.1", "--host", "bad.test=127.0.0.1", "--allow-http",
            "*.test,private", "--allow-http", "127.0.0.1")
    trust = ("--ca-file", authority / "ca.pem")
    good = server.url(host="good.test", scheme="https")
    assert get(hythe, guest(RUST), good, *here, *trust).code == 0
    assert get(hythe, guest(RUST), server.url(scheme="https"), *here, *trust).code == 0
    # Another name than the certificate's; one that the system does not know.
    bad = server.url(host="bad.test", scheme="https")
    assert get(hythe, guest(RUST), bad, *here, *trust).out.splitlines() == [FAILED]
    assert get(hythe, guest(RUST), good, *here).out.splitlines() == [FAILED]
    assert len(server.requests) == 2
    # No file of certificates at all; plain HTTP to a TLS port.
    missing = get(hythe, guest(RUST), good, *here, "--ca-file", "/nonexistent.pem")
    assert missing.code != 0
    assert get(hythe, guest(RUST), server.url(host="good.test"), *here, *trust).code == 1


def test_http2(hythe, guest, nginx, authority):
    port, log = nginx
    result = hythe.run("--allow-http", f"https://127.0.0.1:{port}", "--ca-file",
                       authority / "ca.pem", guest(RUST), "hold", "5", f"https://127.0.0.1:{port}/a")
    assert result.code == 0, result
    assert result.out.count("hello") == 5
    wait_until(lambda: len(log.read_text().splitlines()) == 5, "five lines in the log")
    lines = [line.split() for line in log.read_text().splitlines()]
    assert {line[0] for line in lines} == {"HTTP/2.0"}
    assert len({line[2] for line in lines}) == 1, "one connection"


def test_a_proxy_only_when_asked_for(hythe, guest, serve):
    server = serve({"/": OK})
    proxy = serve({"*": OK})
    env = {name: proxy.url("") for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")}
    allow = ("--allow-http", server.url(""))
    assert get(hythe, guest(RUST), server.url(), *allow, env=env).code == 0
    assert proxy.connections == 0 and server.connections == 1
    through = get(hythe, guest(RUST), server.url(), *allow, "--http-proxy", proxy.url(""))
    assert through.code == 0
    assert server.connections == 1
    assert proxy.requests[0].startswith(b"GET " + server.url().encode() + b" HTTP/1.1\r\n")


def test_the_environment_cannot_switch_the_proxy_off(hythe, guest, serve):
    server = serve({"/": OK})
    proxy = serve({"*": OK})
    result = get(hythe, guest(RUST), server.url(), "--allow-http", server.url(""), "--http-proxy",
                 proxy.url(""), env={"no_proxy": "*", "NO_PROXY": "*"})
    assert result.code == 0
    assert (proxy.connections, server.connections) == (1, 0)


# -- the rest of the program -----------------------------------------------------------------------


def test_check_names_the_release_and_the_grant(hythe, guest):
    for name, releases in ((RUST, "0.3.0 to 0.10.0"), ("http_rust_0_1_1", "0.1.0, 0.1.1 or 0.2.0")):
        result = hythe("check", guest(name))
        assert result.code == 0
        assert f"wasi_experimental_http: {releases}" in result.out
        report = json.loads(hythe("check", "--json", guest(name)).out)
        assert report["http_releases"].startswith(releases)
        assert {"option": "--allow-http", "value": "https://HOST", "needed": True}.items() <= \
            report["grants"][0].items()
        assert report["command"].startswith("hythe run --allow-http https://HOST ")


def test_only_guests_that_call_out_load_libcurl(hythe, guest, serve):
    def has_it(program):
        with open(f"/proc/{program.pid}/maps", encoding="ascii", errors="replace") as maps:
            return "libcurl" in maps.read()

    server = serve({"/": silence})
    caller = hythe.start("run", "--net", guest(RUST), "get", server.url())
    wait_until(lambda: server.requests, "the request is there")
    assert has_it(caller)
    program = hythe.start("run", "--trace", guest("park"), "clock", "1", "5000000000")
    program.wait_for("poll_oneoff|args_get", "err")
    assert not has_it(program)


def test_timing(hythe, guest):
    result = hythe.run("--timing", guest("hello"))
    assert result.code == 0
    number = r"\d+\.\d{3} ms"
    assert re.fullmatch(rf"hythe: timing: engine {number}, read {number}, module {number} "
                        rf"\((cached|compiled)\), guest {number}, run {number}",
                        result.own_lines[-1]), result.err
