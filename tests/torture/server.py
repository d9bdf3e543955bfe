"""`hythe serve` with one allocation or one system call failing in one of its processes.

A run is a server with a plain and a TLS listener and one worker, requests of every kind, a reload,
the same requests, and SIGTERM. It may end before it serves, with a line that says why. Once it
serves it goes on: the fault may cost what was under way, or a worker, and no more than that. A
moment later all is answered again, the reload is made or refused in words, and SIGTERM ends it
with 0.
"""

import contextlib
import http.client
import re
import signal
import socket
import ssl
import subprocess
import time

from runs import GUESTS, RUN_SECONDS, Failure, Scenario, wait

MODULES = tuple(GUESTS / f"{name}.wasm"
                for name in ("cgi_hello", "cgi_echo", "wasi_hello", "wasi_ways"))
ASK_SECONDS = 5  # a request that has got no answer by then hangs
RECOVERY_SECONDS = 10
BODY = b"0123456789abcdef" * 2000
FILE = b"A file.\n" * 5000

CONFIG = """
workers = 1
listen = ["http://127.0.0.1:0", "https://127.0.0.1:0"]
admin = "unix:{home}/admin"
sandbox = false
grace = "3s"
[cache]
dir = "{cache}"
[log]
access = "{home}/access.log"
[tls]
certificate = "{work}/server.crt"
key = "{work}/server.key"
[[route]]
path = "/text"
text = "here"
[[route]]
path = "/hello"
module = "{hello}"
[[route]]
path = "/echo"
module = "{echo}"
[[route]]
path = "/component"
module = "{component}"
reuse = 3
[[route]]
path = "/double-echo"
module = "{ways}"
[[route]]
path = "/get"
module = "{ways}"
net = true
[[route]]
path = "/files/..."
files = "{work}/files"
[[route]]
path = "/old"
redirect = "/text"
"""


def prepare(work):
    """What all runs share: a certificate and a folder."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days", "2",
                    "-keyout", work / "server.key", "-out", work / "server.crt"],
                   check=True, capture_output=True)
    (work / "files").mkdir()
    (work / "files" / "a.txt").write_bytes(FILE)


# -- requests -------------------------------------------------------------------------------------


class Unanswered(Exception):
    """A request without the answer it should have had."""


def open_http(port, is_tls):
    if not is_tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=ASK_SECONDS)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=ASK_SECONDS, context=context)


def ask_http1(port, is_tls):
    """All routes, one after the other on one connection. One is a component that asks another."""
    pieces = [BODY[:100], BODY[100:20000], BODY[20000:]]
    with contextlib.closing(open_http(port, is_tls)) as peer:
        for path, status, content in [("/text", 200, b"here"), ("/files/a.txt", 200, FILE),
                                      ("/hello", 200, b"hello"), ("/old", 302, b""),
                                      ("/nothing", 404, b""), ("/component", 200, b"hello"),
                                      ("/component", 200, b"hello"), ("/echo", 200, BODY),
                                      ("/double-echo", 200, BODY[:1] * 2 + BODY[1:2] * 2),
                                      *([] if is_tls else
                                        [(f"/get?http://127.0.0.1:{port}/text", 200, b"here")])]:
            body = iter(pieces) if path.endswith("echo") else None
            peer.request("POST" if body else "GET", path, body, encode_chunked=body is not None,
                         headers={"Transfer-Encoding": "chunked"} if body else {})
            answer = peer.getresponse()
            got = answer.read()
            if answer.status != status or content not in got:
                raise Unanswered(f"{path}: {answer.status} {got[:200]}")


def ask_http2(port, is_tls):
    """One request: curl 7.88 fails at its second one of prior knowledge by itself."""
    done = subprocess.run(["curl", "-sSk", "--max-time", str(ASK_SECONDS), "--data-binary", "@-",
                           "--http2" if is_tls else "--http2-prior-knowledge",
                           "-w", " %{http_code} %{http_version}",
                           f"{'https' if is_tls else 'http'}://127.0.0.1:{port}/echo"],
                          input=BODY, capture_output=True, check=False)
    if done.returncode != 0 or done.stdout != BODY + b" 200 2":
        raise Unanswered(f"HTTP/2: {done.returncode} {done.stdout[-100:]} {done.stderr}")


def ask_admin(path):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(ASK_SECONDS)
        peer.connect(str(path))
        peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        got = b""
        while chunk := peer.recv(65536):
            got += chunk
    if b" 200 " not in got or b"hythe_" not in got:
        raise Unanswered(f"metrics: {got[:200]}")


# -- a server's life ------------------------------------------------------------------------------


class Server:
    """One server of a run."""

    def __init__(self, run, cache):
        self.run = run
        config = run.home / "hythe.toml"
        config.write_text(CONFIG.format(home=run.home, cache=cache, work=cache.parent,
                                        hello=MODULES[0], echo=MODULES[1],
                                        component=MODULES[2], ways=MODULES[3]))
        self.process = run.start("serve", config)

    def fail(self, why):
        self.process.kill()
        self.process.communicate()
        raise Failure(why)

    def await_words(self, pattern):
        """The matches of a pattern that comes, or None when the program ends before."""
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            has_ended = self.process.poll() is not None
            found = re.findall(pattern, self.run.said(), re.MULTILINE)
            if found or has_ended:
                return found or None
            time.sleep(0.005)
        return self.fail(f"does not say: {pattern}")

    def ask_all(self):
        """Each kind of request once. What went wrong."""
        wrong = []
        requests = [(ask, (port, is_tls)) for is_tls, port in enumerate(self.ports)
                    for ask in (ask_http1, ask_http2)]
        for ask, args in [*requests, (ask_admin, (self.run.home / "admin",))]:
            begin = time.monotonic()
            try:
                ask(*args)
            except (OSError, http.client.HTTPException, Unanswered) as problem:
                wrong.append(f"{ask.__name__}: {problem!r}")
                if time.monotonic() - begin >= ASK_SECONDS:
                    self.fail(f"a request hangs: {wrong}")
        return wrong

    def expect_all(self):
        """All is answered, or will be in a moment."""
        end = time.monotonic() + RECOVERY_SECONDS
        while wrong := self.ask_all():
            if self.process.poll() is not None:
                raise Failure(f"ended with {self.process.returncode} while it served")
            if time.monotonic() > end:
                self.fail(f"serves no more: {wrong}")
            time.sleep(0.05)


def serve(run, cache):
    server = Server(run, cache)
    if not server.await_words(r"^hythe: workers run with"):
        code, out = wait(server.process)
        run.judge(code, out, did_its_work=False)
        return
    server.ports = [int(port) for port in re.findall(r"^hythe: serving on .*:(\d+)$", run.said(),
                                                     re.MULTILINE)]
    if len(server.ports) == 2:  # or a socket's address could not be told
        server.expect_all()
        server.process.send_signal(signal.SIGHUP)
        if not server.await_words(r"^hythe: (?:reloaded: |not reloaded: )"):
            raise Failure(f"ended with {server.process.wait()} when it was to reload")
        server.expect_all()
    server.process.terminate()
    code, out = wait(server.process)
    run.judge(code, out, did_its_work=code == 0)


# The processes in the order in which they are forked. What the second loader and the second worker
# do, the first ones have done; what may differ is what becomes of their failures.
SCENARIOS = [
    Scenario("serve_master", serve, 0, 5),
    Scenario("serve_loader", serve, 1, 5),
    Scenario("serve_worker", serve, 2, 3),
    Scenario("serve_admin", serve, 3, 3),
    Scenario("serve_next_loader", serve, 4, 17),
    Scenario("serve_next_worker", serve, 5, 17),
]
