"""hythe serve from its start to its end: readiness, drain, reload, upgrade, workers, logs, metrics and
the sandbox."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness import (COMPILE, GET_CLOSE, WAIT, Reader, ask, children_of, dial, has_bytes, is_alive,
                     wait_until)

# Begins to answer, waits for two seconds on the clock, then goes on.
SLOW = """
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\64\\00\\00\\00\\1b\\00\\00\\00")
  (data (i32.const 8) "\\7f\\00\\00\\00\\03\\00\\00\\00")
  (data (i32.const 100) "Content-Type: text/plain\\n\\nslow")
  (func (export "_start")
    (i32.store (i32.const 216) (i32.const 1))
    (i64.store (i32.const 224) (i64.const 2000000000))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 50)))
    (drop (call $poll (i32.const 200) (i32.const 300) (i32.const 1) (i32.const 400)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 50)))))
"""

# Says how far it got with a file that was not granted, and one in its directory.
HELLO = """
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\64\\00\\00\\00\\1f\\00\\00\\00")
  (data (i32.const 100) "Content-Type: text/plain\\n\\nhello")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 50)))))
"""

CONFIG = """
workers = {workers}
grace = "{grace}"
{top}

[log]
access = "access.log"
format = "{log}"

[[route]]
path = "/"
text = "{text}"

[[route]]
path = "/slow"
module = "slow.wat"

[[route]]
path = "/hello"
module = "hello.wat"
"""


class Site:
    """A folder with a configuration that can be changed while it is served."""

    def __init__(self, hythe, folder):
        self.hythe = hythe
        self.folder = folder
        self.values = {"workers": 2, "grace": "10s", "top": "", "log": "json", "text": "one"}
        (folder / "slow.wat").write_text(SLOW)
        (folder / "hello.wat").write_text(HELLO)

    def text(self, **values):
        self.values.update(values)
        return CONFIG.format(**self.values)

    def write(self, **values):
        (self.folder / "hythe.toml").write_text(self.text(**values))

    def start(self, *args, **values):
        self.server = self.hythe.serve(*args, config=self.text(**values), folder=self.folder)
        return self.server

    def reload(self, **values):
        self.write(**values)
        count = len(re.findall("hythe: reloaded", self.server.err))
        self.server.send_signal(signal.SIGHUP)
        self.server.wait_for("hythe: reloaded", "err", COMPILE, count + 1)

    def log_lines(self, name="access.log"):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def site(hythe, tmp_path):
    return Site(hythe, tmp_path)


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode()


def workers_of(server):
    return children_of(server.pid)


class Slow:
    """A request that has begun to be answered, and takes two more seconds."""

    def __init__(self, address):
        self.peer = dial(address)
        self.peer.sendall(get("/slow"))
        self.reader = Reader(self.peer)
        assert self.reader.head().status == 200
        assert self.reader.chunk() == b"s"

    @property
    def is_under_way(self):
        return not has_bytes(self.peer)

    def rest(self):
        return self.reader.rest()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.close()


def is_refused(address):
    try:
        dial(address).close()
    except OSError:
        return True
    return False


def end(server, signo=signal.SIGTERM):
    """Have a server end, and wait until it has begun to."""
    server.send_signal(signo)
    wait_until(lambda: is_refused(server.address), "the listener is closed")


class Load:
    """Requests without a pause, on connections of their own and on kept ones."""

    def __init__(self, address, path="/", threads=4):
        self.address = address
        self.path = path
        self.count = 0
        self.failures = []
        self.bodies = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i % 2 == 0,), daemon=True)
                         for i in range(threads)]

    def _run(self, keeps):
        connection = None
        while not self._stop.is_set():
            try:
                connection = connection or http.client.HTTPConnection(*self.address, timeout=WAIT)
                connection.request("GET", self.path,
                                   headers={} if keeps else {"Connection": "close"})
                answer = connection.getresponse()
                body = answer.read()
                self.bodies.add(body)
                self.count += 1
                if answer.status != 200:
                    self.failures.append((answer.status, body))
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection = None

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.count > 50 or self.failures, "load")
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(WAIT + 2)


# -- start and end ---------------------------------------------------------------------------------


def test_first_line_and_end(site):
    server = site.start()
    first = server.err.splitlines()[0]
    assert first == f"hythe: serving on http://127.0.0.1:{server.address[1]}"
    assert ask(server.address).body == b"one"
    ended = server.stop()
    assert ended.code == 0
    assert not ended.out


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_drain(site, signo):
    server = site.start()
    with Slow(server.address) as slow, dial(server.address) as silent:
        end(server, signo)
        assert slow.is_under_way and server.is_running
        assert slow.rest() == b"low"
        assert server.wait().code == 0
        assert silent.recv(1) == b""
    with pytest.raises(OSError):
        dial(server.address)


def test_drain_accepts_no_more(site):
    server = site.start()
    with Slow(server.address) as slow:
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: is_refused(server.address), "the listener is closed")
        assert slow.is_under_way, "it is closed at the very end"
        assert slow.rest() == b"low"
        assert server.wait().code == 0


def test_second_signal(site):
    server = site.start()
    with Slow(server.address) as slow:
        workers = workers_of(server)
        end(server)
        server.send_signal(signal.SIGTERM)
        server.wait()
        with pytest.raises((EOFError, ConnectionResetError)):
            slow.rest()
    assert not any(is_alive(pid) for pid in workers)


def test_grace(site):
    server = site.start(grace="200ms")
    with Slow(server.address) as slow:
        assert server.stop().code == 0
        with pytest.raises((EOFError, ConnectionResetError)):
            slow.rest()
    assert "still under way" in server.err


def test_killed_master_leaves_nothing(site):
    server = site.start()
    workers = workers_of(server)
    assert len(workers) == 2
    server.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in workers), "the workers end")


@pytest.mark.parametrize("text, code, words", [
    ("[[route]]\npath = '/'\nmodule = 'missing.wasm'\n", 127, "missing.wasm"),
    ("[[rout]]\npath = '/'\n", 2, "rout"),
    ("listen = 'nonsense'\n[[route]]\npath = '/'\ntext = 'x'\n", 2, "nonsense"),
    ("otlp = '127.0.0.1:4318'\n[[route]]\npath = '/'\ntext = 'x'\n", 2, "otlp takes a URL"),
    ("user = 'nobody-knows'\n[[route]]\npath = '/'\ntext = 'x'\n", 2, "nobody-knows"),
    ("[log]\naccess = 'no/such/folder/log'\n[[route]]\npath = '/'\ntext = 'x'\n", 1, "no/such"),
])
def test_what_is_wrong_is_said_first(hythe, tmp_path, text, code, words):
    path = tmp_path / "hythe.toml"
    path.write_text(text if "listen" in text else "listen = '127.0.0.1:0'\n" + text)
    ended = hythe("serve", path)
    assert ended.code == code, ended.err
    assert words in ended.err
    assert "serving" not in ended.err


@pytest.mark.parametrize("name, words", [
    ("foreign_wasix", ["WASIX", "sock_open", "rebuild"]), ("foreign_spin", ["Spin", "spin up"]),
    ("foreign_unknown", ["acme", "frobnicate"]), ("preview0", ["wasi_unstable", "wasm32-wasip1"]),
    ("hyper_server", ["hythe run --allow-listen"]), ("listener_loop", ["hythe run --tcplisten"]),
    ("memory_missing", ["memory"]), ("start_missing", ["_start"]),
    ("wasi_cli", ["wasi:cli/run", "hythe run"]), ("component_http_03", ["0.3", "WASI 0.2"])])
def test_modules_that_cannot_be_served(hythe, guest, name, words):
    """The import or export, the dialect and what to do; nothing listens."""
    ended = hythe("serve", "--listen", "127.0.0.1:0", guest(name))
    assert ended.code == 126 and "serving on" not in ended.err
    assert all(word in ended.err for word in [f"{name}.wasm", *words]), ended.err


def test_unix_listener(hythe, tmp_path):
    path = tmp_path / "s"
    (tmp_path / "hythe.toml").write_text(
        f"listen = 'unix:{path}'\n[[route]]\npath = '/'\ntext = 'here'\n")
    server = hythe.start("serve", tmp_path / "hythe.toml")
    server.wait_for(f"^hythe: serving on unix:{path}$", "err")
    assert ask(str(path)).body == b"here"
    assert server.stop().code == 0
    assert not path.exists()


@pytest.mark.parametrize("address", ["[::1]:0", "[::]:0"])
def test_ipv6(site, address):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    site.write()
    server = site.hythe.start("serve", "--listen", address, site.folder / "hythe.toml")
    found = server.wait_for(r"^hythe: serving on http://\[::1?\]:(\d+)$", "err", COMPILE)
    assert ask(("::1", int(found[1]))).body == b"one"


# -- workers ---------------------------------------------------------------------------------------


def test_killed_worker_is_replaced(site):
    server = site.start()
    victim = workers_of(server)[0]
    os.kill(victim, signal.SIGKILL)
    server.wait_for(r"worker \d ended with signal 9", "err")
    wait_until(lambda: len(workers_of(server)) == 2, "a new worker")
    assert victim not in workers_of(server)
    for _ in range(20):
        assert ask(server.address).body == b"one"


def test_a_worker_that_never_lives_long(site):
    """It is started again after pauses that grow, and the other one answers all the while."""
    server = site.start()
    kept = workers_of(server)[0]

    def others():
        return [pid for pid in workers_of(server) if pid != kept]

    began = time.monotonic()
    for count in range(1, 6):
        [victim] = wait_until(others, "a new worker")
        os.kill(victim, signal.SIGKILL)
        server.wait_for(r"worker \d ended with signal 9", "err", count=count)
        for _ in range(5):
            assert ask(server.address).body == b"one"
    wait_until(others, "a worker at last")
    assert time.monotonic() - began > 0.1 + 0.2 + 0.4 + 0.8 + 1.6 - 0.1
    assert kept in workers_of(server)


# -- reload ----------------------------------------------------------------------------------------


def test_reload_under_load(site):
    server = site.start()
    with Load(server.address) as load:
        for text in ("two", "three", "four"):
            site.reload(text=text)
        time.sleep(0.2)
    assert not load.failures, load.failures[:5]
    assert load.bodies >= {b"one", b"four"}
    assert ask(server.address).body == b"four"
    wait_until(lambda: len(workers_of(server)) == 2, "the old workers have ended")
    assert server.stop().code == 0


def test_reload_cuts_nothing(site):
    server = site.start()
    with Slow(server.address) as slow:
        site.reload(text="two")
        assert ask(server.address).body == b"two"
        assert slow.rest() == b"low"


@pytest.mark.parametrize("break_it", [
    lambda folder: (folder / "hythe.toml").write_text("[[rout"),
    lambda folder: (folder / "hello.wat").write_text("(module (func"),
    lambda folder: (folder / "hello.wat").unlink(),
], ids=["file", "module", "no module"])
def test_bad_reload_keeps_the_old(site, break_it):
    server = site.start()
    site.write(text="two")
    break_it(site.folder)
    server.send_signal(signal.SIGHUP)
    server.wait_for("hythe: not reloaded", "err", COMPILE)
    assert ask(server.address).body == b"one"
    assert ask(server.address, get("/hello")).body == b"hello"
    assert len(workers_of(server)) == 2
    (site.folder / "hello.wat").write_text(HELLO)
    site.reload(text="three")
    assert ask(server.address).body == b"three"


def test_reload_moves_listeners(hythe, tmp_path):
    path = tmp_path / "hythe.toml"
    route = "\n[[route]]\npath = '/'\ntext = 'here'\n"
    kept, old, new = (tmp_path / name for name in ("kept", "old", "new"))
    path.write_text(f"listen = ['unix:{kept}', 'unix:{old}']" + route)
    server = hythe.start("serve", path)
    server.wait_for("serving on", "err", count=2)
    inode = kept.stat().st_ino
    path.write_text(f"listen = ['unix:{new}', 'unix:{kept}']" + route)
    server.send_signal(signal.SIGHUP)
    server.wait_for("reloaded", "err", COMPILE)
    assert ask(str(kept)).body == ask(str(new)).body == b"here"
    assert kept.stat().st_ino == inode
    wait_until(lambda: not old.exists(), "the old listener has gone")


def test_watch(site):
    server = site.start(top="watch = true")
    (site.folder / "unrelated").write_text("x")
    time.sleep(0.5)
    assert "changed" not in server.err
    site.write(text="two")
    server.wait_for("hythe: reloaded", "err", COMPILE)
    assert ask(server.address).body == b"two"
    fresh = site.folder / "fresh"
    fresh.write_text(HELLO.replace("hello", "HELLO"))
    fresh.rename(site.folder / "hello.wat")
    server.wait_for("hythe: reloaded", "err", COMPILE, count=2)
    assert ask(server.address, get("/hello")).body == b"HELLO"


def make_certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    (folder / "key.pem").chmod(0o600)


def certificate_of(address):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with dial(address) as peer, context.wrap_socket(peer) as secure:
        secure.sendall(GET_CLOSE)
        assert Reader(secure).response().body == b"here"
        return secure.getpeercert(binary_form=True)


def test_certificates_are_read_again(hythe, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    make_certificate(tmp_path, "one")
    # The key is root's alone, and the workers are not root.
    user = "user = 'nobody'\n" if os.geteuid() == 0 else ""
    config = (user + "[tls]\ncertificate = 'cert.pem'\nkey = 'key.pem'\n"
              "[[route]]\npath = '/'\ntext = 'here'\n")
    server = hythe.serve(config=config, folder=tmp_path)
    assert server.url.startswith("https://")
    first = certificate_of(server.address)
    make_certificate(tmp_path, "two")
    server.send_signal(signal.SIGHUP)
    server.wait_for("reloaded", "err", COMPILE)
    second = certificate_of(server.address)
    assert second != first
    (tmp_path / "cert.pem").write_text("no certificate")
    server.send_signal(signal.SIGHUP)
    server.wait_for("not reloaded", "err", COMPILE)
    assert "cert.pem" in server.err
    assert certificate_of(server.address) == second


def test_certificates_are_watched(hythe, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    make_certificate(tmp_path, "one")
    server = hythe.serve(config="watch = true\n[tls]\ncertificate = 'cert.pem'\nkey = 'key.pem'\n"
                                "[[route]]\npath = '/'\ntext = 'here'\n", folder=tmp_path)
    first = certificate_of(server.address)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    make_certificate(fresh, "two")
    for name in ("key.pem", "cert.pem"):  # between the two they do not fit
        (fresh / name).rename(tmp_path / name)
    wait_until(lambda: certificate_of(server.address) != first, "the new certificate")


# -- upgrade ---------------------------------------------------------------------------------------


@pytest.fixture
def own_program(site, program_path, tmp_path):
    """A copy of the program, which can be replaced."""
    folder = tmp_path / "bin"
    folder.mkdir()
    copy = folder / "hythe"
    shutil.copy(program_path, copy)
    for file in Path(program_path).parent.glob("libhythe.so*"):
        shutil.copy(file, folder)
    site.hythe.path = copy
    return copy


def replace_program(own_program, program_path):
    fresh = own_program.with_name("fresh")
    shutil.copy(program_path, fresh)
    fresh.rename(own_program)


def test_upgrade_under_load(site, own_program, program_path):
    server = site.start()
    pid = server.pid
    workers = workers_of(server)
    replace_program(own_program, program_path)
    with Load(server.address) as load, Slow(server.address) as slow:
        server.send_signal(signal.SIGUSR2)
        server.wait_for("hythe: upgraded", "err", COMPILE)
        assert slow.rest() == b"low"
        time.sleep(0.3)
    assert not load.failures, load.failures[:5]
    assert server.pid == pid and server.is_running
    wait_until(lambda: not any(is_alive(old) for old in workers), "the old workers end")
    assert len(workers_of(server)) == 2
    assert "(deleted)" not in os.readlink(f"/proc/{pid}/exe")
    site.reload(text="two")
    assert ask(server.address).body == b"two"
    # And once more.
    server.send_signal(signal.SIGUSR2)
    server.wait_for("hythe: upgraded", "err", COMPILE, count=2)
    assert ask(server.address).body == b"two"
    assert server.stop().code == 0


def test_upgrade_to_what_cannot_run(site, own_program):
    server = site.start()
    broken = own_program.with_name("broken")
    broken.write_text("#!/bin/false\n")
    broken.chmod(0o755)
    broken.rename(own_program)
    server.send_signal(signal.SIGUSR2)
    server.wait_for("hythe: not upgraded", "err", COMPILE)
    assert ask(server.address).body == b"one"
    own_program.unlink()
    server.send_signal(signal.SIGUSR2)
    server.wait_for("hythe: not upgraded", "err", COMPILE, count=2)
    assert ask(server.address).body == b"one"
    assert server.stop().code == 0


def test_upgrade_with_a_bad_file(site, own_program):
    server = site.start()
    (site.folder / "hythe.toml").write_text("[[rout")
    server.send_signal(signal.SIGUSR2)
    server.wait_for("hythe: not upgraded", "err", COMPILE)
    assert ask(server.address).body == b"one"


# -- seen from outside -----------------------------------------------------------------------------


def admin_of(server):
    return server.wait_for(r"^hythe: status on unix:(\S+)$", "err")[1]


@pytest.fixture
def admin(site, tmp_path):
    return site.start(top=f"admin = 'unix:{tmp_path / 'admin'}'")


def metrics_of(address):
    answer = ask(address, get("/metrics"))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.body.decode()


def value_of(text, name):
    for line in text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    return None


def test_metrics(admin):
    address = admin_of(admin)
    for path in ("/", "/", "/hello", "/nowhere"):
        ask(admin.address, get(path))
    wanted = {
        'hythe_requests_total{route="/",code="2xx"}': 2,
        'hythe_requests_total{route="/hello",code="2xx"}': 1,
        'hythe_requests_total{route="-",code="4xx"}': 1,
        'hythe_request_duration_seconds_count{route="/"}': 2,
        'hythe_request_duration_seconds_bucket{route="/",le="+Inf"}': 2,
        'hythe_guest_memory_bytes{route="/hello"}': 65536,
        "hythe_workers": 2,
    }

    def counted():  # which is when the answer has left
        text = metrics_of(address)
        found = {name: value_of(text, name) for name in wanted}
        return text if found == wanted else None

    text = wait_until(counted, "all are counted, and no more")
    assert value_of(text, 'hythe_guest_cpu_seconds_total{route="/hello"}') > 0
    names = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            assert line.split()[2] not in names, line
            names.add(line.split()[2])
        elif not line.startswith("#"):
            assert re.fullmatch(r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+', line)
    assert names >= {"hythe_pool_in_use", "hythe_pool_size", "hythe_policy_refusals_total",
                     "hythe_connections", "hythe_timeouts_total", "hythe_build_info"}


def test_metrics_never_go_back(site, admin):
    address = admin_of(admin)
    name = 'hythe_requests_total{route="/",code="2xx"}'
    for _ in range(10):
        ask(admin.address)
    wait_until(lambda: value_of(metrics_of(address), name) == 10, "all are counted")
    os.kill(workers_of(admin)[0], signal.SIGKILL)
    wait_until(lambda: value_of(metrics_of(address), "hythe_worker_restarts_total") == 1 and
               value_of(metrics_of(address), "hythe_workers") == 2, "a restart")
    assert value_of(metrics_of(address), name) == 10
    site.reload(text="two")
    ask(admin.address)
    wait_until(lambda: value_of(metrics_of(address), name) == 11, "the sum")
    assert value_of(metrics_of(address), 'hythe_reloads_total{result="done"}') == 1


def test_metrics_survive_an_upgrade(site, own_program, tmp_path):
    server = site.start(top=f"admin = 'unix:{tmp_path / 'admin'}'")
    address = admin_of(server)
    name = 'hythe_requests_total{route="/",code="2xx"}'
    for _ in range(7):
        ask(server.address)
    server.send_signal(signal.SIGUSR2)
    server.wait_for("hythe: upgraded", "err", COMPILE)
    ask(server.address)
    wait_until(lambda: value_of(metrics_of(address), name) == 8, "the sum of both")


def test_health_and_readiness(admin):
    address = admin_of(admin)
    assert ask(address, get("/healthz")).status == 200
    assert ask(address, get("/readyz")).status == 200
    with Slow(admin.address) as slow:
        admin.send_signal(signal.SIGTERM)
        wait_until(lambda: ask(address, get("/readyz")).status == 503, "not ready")
        assert ask(address, get("/healthz")).status == 200
        assert slow.rest() == b"low"


def test_admin_answers_while_all_are_busy(site, tmp_path):
    """Every place has a guest that waits: others are refused, and who looks is answered."""
    server = site.start(top=f"admin = 'unix:{tmp_path / 'admin'}'\n[limits]\nrequests = 2",
                        workers=1)
    address = admin_of(server)
    with Slow(server.address) as one, Slow(server.address) as two:
        assert ask(server.address, get("/hello")).status == 503
        assert ask(address, get("/healthz")).status == 200
        assert ask(address, get("/readyz")).status == 200
        wait_until(lambda: value_of(metrics_of(address), "hythe_pool_in_use") == 2, "a look at both")
        assert one.is_under_way and two.is_under_way
        assert one.rest() == two.rest() == b"low"


def test_admin_is_not_for_guests(admin):
    assert ask(admin.address, get("/metrics")).status == 404
    assert ask(admin_of(admin), get("/hello")).status == 404
    post = b"POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert ask(admin_of(admin), post).status == 405


def test_status_page(hythe, tmp_path):
    """The page escapes what it shows, and loads nothing from elsewhere."""
    config = ("admin = '127.0.0.2:0'\nworkers = 1\n"
              "[[route]]\npath = '/<b>x&'\ntext = 'x'\n[[route]]\npath = '/a'\ntext = 'a'\n")
    server = hythe.serve(config=config, folder=tmp_path)
    found = server.wait_for(r"^hythe: status on http://127\.0\.0\.2:(\d+)$", "err")
    address = ("127.0.0.2", int(found[1]))
    for _ in range(5):
        ask(server.address, get("/a"))
    wait_until(lambda: b"<polyline points=" in ask(address).body, "two seconds to draw")
    answer = ask(address)
    page = answer.body.decode()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert "<b>x" not in page and "&lt;b&gt;x&amp;" in page
    assert 'http-equiv="refresh"' in page
    assert page.count("<svg role=\"img\"") == 4 * 3
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium here")
    shown = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
         f"--user-data-dir={tmp_path / 'profile'}", f"http://127.0.0.2:{address[1]}/"],
        capture_output=True, text=True, timeout=60, check=False)
    assert "<polyline points=" in shown.stdout
    assert "&lt;b&gt;x" in shown.stdout


def test_json_log(site):
    server = site.start()
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ask(server.address, b"GET /hello?a=%22%0a HTTP/1.1\r\nHost: test\r\nReferer: \"x\\\r\n"
        b"User-Agent: \xff\xc2\x9b31m\r\ntraceparent: " + parent.encode() +
        b"\r\nConnection: close\r\n\r\n")
    wait_until(site.log_lines, "a line")
    assert ask(server.address, b"GET /\x1b[31m HTTP/1.1\r\nHost: test\r\n\r\n").status == 400
    server.stop()
    assert (site.folder / "access.log").read_bytes().isascii()
    hello, bad = (json.loads(line) for line in site.log_lines())
    assert hello["route"] == "/hello"
    assert hello["method"] == "GET" and hello["target"] == "/hello?a=%22%0a"
    assert hello["status"] == 200 and hello["bytes_out"] == 5
    assert hello["trace_id"] == parent.split("-")[1]
    assert hello["cpu_us"] > 0 and hello["memory"] == 65536 and hello["guest"] == "exited"
    assert len(hello["id"]) == 32 and hello["peer"] == "127.0.0.1"
    assert hello["referer"] == '"x\\' and hello["user_agent"] == "\xff\xc2\x9b31m"
    assert bad["status"] == 400 and bad["route"] == "-" and bad["outcome"] == "refused"


def test_combined_log(site):
    server = site.start(log="combined")
    ask(server.address, b"GET /hello HTTP/1.1\r\nHost: test\r\nUser-Agent: a\"b\r\n"
        b"Connection: close\r\n\r\n")
    server.stop()
    assert re.fullmatch(
        r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
        r'"GET /hello HTTP/1\.1" 200 5 "-" "a\\x22b"', site.log_lines()[0])


def test_log_is_reopened(site):
    server = site.start()
    ask(server.address)
    wait_until(lambda: site.log_lines(), "a line")
    (site.folder / "access.log").rename(site.folder / "old.log")
    server.send_signal(signal.SIGUSR1)
    wait_until((site.folder / "access.log").exists, "a new file")
    wait_until(lambda: not any("old.log" in os.readlink(path) for pid in workers_of(server)
                               for path in Path(f"/proc/{pid}/fd").iterdir()), "all have it")
    for _ in range(10):
        ask(server.address)
    wait_until(lambda: len(site.log_lines()) == 10, "the lines in the new file")
    assert len(site.log_lines("old.log")) == 1


def test_log_loses_nothing(site):
    server = site.start()
    with Load(server.address) as load:
        time.sleep(0.3)
    server.stop()
    lines = site.log_lines()
    assert len(lines) >= load.count > 50
    assert all(json.loads(line)["status"] == 200 for line in lines)


# -- the sandbox -----------------------------------------------------------------------------------


def status_of(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_sandbox_is_on(admin):
    found = admin.wait_for(r"^hythe: workers run with: (.*)$", "err")[1]
    assert "no new privileges" in found
    for pid in workers_of(admin):  # the admin process is one of them
        wanted = "0" if "no seccomp" in found else "2"
        wait_until(lambda pid=pid: status_of(pid)["Seccomp"] == wanted, "the filter")
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) & ~0xe == 0


def test_sandbox_off(site):
    server = site.start(top="sandbox = false")
    server.wait_for(r"^hythe: workers run with: no sandbox", "err")
    assert status_of(workers_of(server)[0])["NoNewPrivs"] == "0"
    assert ask(server.address, get("/hello")).body == b"hello"


def test_user(site, public_dir):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    site.folder.chmod(0o755)
    for parent in site.folder.parents:
        if parent.owner() == "root" and str(parent).startswith("/tmp/pytest"):
            parent.chmod(0o755)
    server = site.start(top="user = 'nobody'")
    for pid in workers_of(server):
        status = status_of(pid)
        assert status["Uid"].split() == ["65534"] * 4
        assert status["CapEff"] == status["CapPrm"] == "0" * 16
    assert ask(server.address, get("/hello")).body == b"hello"
    assert status_of(server.pid)["Uid"].split()[0] == "0"
    wait_until(lambda: len(site.log_lines()) >= 1, "the log is written")
    site.reload(text="two")
    assert ask(server.address).body == b"two"


def test_systemd_sockets(hythe, tmp_path):
    """LISTEN_FDS takes the place of the default listener, NOTIFY_SOCKET is told."""
    (tmp_path / "hythe.toml").write_text("[[route]]\npath = '/'\ntext = 'here'\n")
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(WAIT)
    listener = socket.create_server(("127.0.0.1", 0))
    fd = listener.fileno()
    script = ('import os, sys; os.dup2(int(sys.argv[1]), 3, inheritable=True);'
              'os.environ["LISTEN_PID"] = str(os.getpid()); os.environ["LISTEN_FDS"] = "1";'
              'os.execv(sys.argv[2], sys.argv[2:])')
    program = hythe.start("-c", script, str(fd), str(hythe.path), "serve",
                          str(tmp_path / "hythe.toml"), path=shutil.which("python3"),
                          pass_fds=[fd], env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    port = listener.getsockname()[1]
    program.wait_for(f"^hythe: serving on http://127.0.0.1:{port}$", "err")
    assert told.recv(1000) == b"READY=1"
    assert len(re.findall("serving on", program.err)) == 1
    listener.close()
    assert ask(("127.0.0.1", port)).body == b"here"
    program.send_signal(signal.SIGHUP)
    assert told.recv(1000).startswith(b"RELOADING=1")
    assert told.recv(1000) == b"READY=1"
    assert ask(("127.0.0.1", port)).body == b"here"
    assert program.stop().code == 0
    assert told.recv(1000) == b"STOPPING=1"
