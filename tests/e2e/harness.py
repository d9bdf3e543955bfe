"""What the end-to-end tests share: hythe under deadlines, and HTTP spoken byte by byte.

Nothing here waits without a deadline, and every program that is started is in a session of its
own, which is killed as a whole in the end. Traffic stays on the loopback.
"""
import contextlib
import ctypes
import json
import os
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

import ports

ROOT = Path(__file__).resolve().parents[2]
WAIT = 30.0  # seconds; for what takes milliseconds, also on a busy machine
COMPILE = 90.0  # what is compiled takes 3 s for Go and 15 s for JavaScript on an idle machine
NOBODY = 65534

GREETING = "👋 Hello World 🌍".encode()
GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
GET_CLOSE = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


# -- programs --------------------------------------------------------------------------------------


class Result(NamedTuple):
    """How a program ended; `code` is what a shell would show in $?."""

    code: int
    out: str
    err: str

    @property
    def own_lines(self):
        """What hythe itself said, without what the guest wrote to stderr."""
        return [line for line in self.err.splitlines() if line.startswith("hythe: ")]


def exit_code(status):
    return status if status >= 0 else 128 - status


class Program:
    """A program that runs until it ends or is killed; its output is collected all the time."""

    def __init__(self, argv, *, env, max_files=None, user=None, stdin=subprocess.DEVNULL,
                 **options):
        def prepare():
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # never outlive the tests
            if max_files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))

        if user is not None:
            options.update(user=user, group=user, extra_groups=[])
        self.argv = [str(arg) for arg in argv]
        self.process = subprocess.Popen(
            self.argv, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=prepare, **options)
        self.pid = self.process.pid
        self._text = {"out": bytearray(), "err": bytearray()}
        self._changed = threading.Condition()
        self._open = 2
        self._readers = [
            threading.Thread(target=self._collect, args=("out", self.process.stdout), daemon=True),
            threading.Thread(target=self._collect, args=("err", self.process.stderr), daemon=True)]
        for reader in self._readers:
            reader.start()

    def _collect(self, name, pipe):
        while chunk := os.read(pipe.fileno(), 65536):
            with self._changed:
                self._text[name] += chunk
                self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    @property
    def out(self):
        return bytes(self._text["out"]).decode(errors="replace")

    @property
    def err(self):
        return bytes(self._text["err"]).decode(errors="replace")

    @property
    def is_running(self):
        return self.process.poll() is None

    def wait_for(self, pattern, stream="out", seconds=WAIT, count=1):
        """Wait until the pattern has been printed `count` times; return the last match."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                matches = list(re.finditer(pattern, getattr(self, stream), re.MULTILINE))
                if len(matches) >= count:
                    return matches[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or self._open == 0:
                    why = "ended without printing" if self._open == 0 else "did not print"
                    raise AssertionError(f"{' '.join(self.argv)}: {why} {pattern!r}\n"
                                         f"stdout: {self.out}\nstderr: {self.err}")
                self._changed.wait(left)

    def send_signal(self, signo):
        os.kill(self.pid, signo)

    def wait(self, seconds=WAIT):
        """Wait for its end and return everything about it."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{' '.join(self.argv)}: still runs after {seconds} s\n"
                                 f"stdout: {self.out}\nstderr: {self.err}") from None
        for reader in self._readers:
            reader.join(2)
        return Result(exit_code(status), self.out, self.err)

    def stop(self, signo=signal.SIGTERM, seconds=WAIT):
        self.send_signal(signo)
        return self.wait(seconds)

    def close(self):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(WAIT)
        for reader in self._readers:
            reader.join(2)
        self.process.stdout.close()
        self.process.stderr.close()
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()


def start_on_port(start):
    """Start a program that cannot take port 0, by a function of the port, and wait until it
    listens; give it and its port. Where another program was quicker, it gets another port."""
    for _ in range(ports.TRIES):
        port = ports.free_port()
        with contextlib.ExitStack() as stack:
            program = start(port)
            stack.callback(program.close)
            if ports.await_listener(program.process, port):
                stack.pop_all()
                return program, port
            result = program.wait()
            assert re.search("address already in use", result.err, re.IGNORECASE), result
    raise AssertionError(f"{ports.TRIES} ports in a row were taken")


class Hythe:
    """The program under test, with a cache and an environment of its own."""

    def __init__(self, path, env):
        self.path = path
        self.env = env
        self.programs = []

    def start(self, *args, env=None, path=None, **options):
        """Start `hythe ARG...` and return at once."""
        argv = [path or self.path, *args]
        program = Program(argv, env={**self.env, **(env or {})}, **options)
        self.programs.append(program)
        return program

    def __call__(self, *args, seconds=COMPILE, **options):
        """Run `hythe ARG...` to its end."""
        program = self.start(*args, **options)
        try:
            return program.wait(seconds)
        finally:
            program.close()

    def run(self, *args, **options):
        return self("run", *args, **options)

    def serve_own(self, module, *options, allow="*:0", **more):
        """Start a guest that opens its own listener, on a port that the system chooses."""
        program = self.start("run", "--allow-listen", allow, "--env", "PORT=0", *options, module,
                             **more)
        found = program.wait_for(r"listening on (\S+):(\d+)$", seconds=COMPILE)
        program.address = ("127.0.0.1", int(found[2]))
        return program

    def serve_listener(self, module, *options, ready, **more):
        """Start a guest on a listener that hythe opens, on a port that the system chooses."""
        program = self.start("run", "--tcplisten", "127.0.0.1:0", *options, module, **more)
        found = program.wait_for(r"^hythe: listening on 127\.0\.0\.1:(\d+)$", "err", COMPILE)
        program.address = ("127.0.0.1", int(found[1]))
        program.wait_for(ready)
        return program

    def serve(self, *args, config=None, folder=None, **options):
        """Start `hythe serve`, on a configuration's text or on what the arguments name; it listens
        on a port that the system chooses."""
        if config is not None:
            path = Path(folder) / "hythe.toml"
            path.write_text(config, encoding="utf-8")
            args = (*args, path)
        program = self.start("serve", "--listen", "127.0.0.1:0", *args, **options)
        found = program.wait_for(r"^hythe: serving on (https?)://127\.0\.0\.1:(\d+)$", "err",
                                 COMPILE)
        program.address = ("127.0.0.1", int(found[2]))
        program.url = f"{found[1]}://127.0.0.1:{found[2]}"
        return program

    def close(self):
        for program in self.programs:
            program.close()
        self.programs.clear()


def cpu_seconds(pid):
    """CPU time of all threads of a process so far."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def starved_seconds(pid):
    """For how long so far the main thread of a process could run and had no processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def taken_seconds(pid, do):
    """How long something takes which this thread and the main thread of a process do together: by
    the clock, without the time in which one of them waited for a processor that others had."""
    def now():
        mine = int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
        return time.monotonic() - mine - starved_seconds(pid)

    started = now()
    do()
    return max(0.0, now() - started)


def children_of(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def worker_of(program):
    """The one worker of a server with workers = 1 and no admin listener."""
    pids = wait_until(lambda: children_of(program.pid), "a worker")
    assert len(pids) == 1, pids
    return pids[0]


def memory_kib(pid):
    """Resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)[1])


def peak_kib(pid):
    """The most resident memory since the process began, or since the mark was last cleared."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)[1])


def clear_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def thread_count(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def log_entries(path):
    """The whole lines of an access log in JSON."""
    return [json.loads(line) for line in Path(path).read_text().splitlines(keepends=True)
            if line.endswith("\n")]


def wait_for_entry(path, seconds=WAIT, **fields):
    """Wait for a line of the access log with these fields; return the last such line."""
    def find():
        found = [entry for entry in log_entries(path)
                 if all(entry[name] == value for name, value in fields.items())]
        return found and found[-1]

    return wait_until(find, f"an entry with {fields}", seconds)


def is_alive(pid):
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def has_bytes(peer):
    """Has something arrived that is not read yet, or the end?"""
    return bool(select.select([peer], [], [], 0)[0])


def wait_until(condition, what, seconds=WAIT):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return found


# -- connections -----------------------------------------------------------------------------------


def dial(address, seconds=WAIT):
    family = socket.AF_UNIX if isinstance(address, str) else \
        socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_STREAM)
    peer.settimeout(seconds)
    peer.connect(address)
    if family != socket.AF_UNIX:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def reset(peer):
    """Leave without a goodbye: the other side gets RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def read_to_end(peer):
    chunks = []
    while chunk := peer.recv(65536):
        chunks.append(chunk)
    return b"".join(chunks)


def send_slowly(peer, data, pause=0.001):
    for i in range(len(data)):
        peer.sendall(data[i:i + 1])
        time.sleep(pause)


class Response(NamedTuple):
    status: int
    headers: dict
    body: bytes


class Reader:
    """Reads responses from a connection, however they arrive and follow each other."""

    def __init__(self, peer):
        self.peer = peer
        self.bytes = b""

    def _more(self):
        chunk = self.peer.recv(1 << 20)
        if not chunk:
            raise EOFError(f"the server closed after {self.bytes[-200:]!r}")
        self.bytes += chunk

    def _take(self, count):
        parts, have = [self.bytes], len(self.bytes)
        while have < count:
            chunk = self.peer.recv(1 << 20)
            if not chunk:
                raise EOFError(f"the server closed after {have} of {count} bytes")
            parts.append(chunk)
            have += len(chunk)
        whole = b"".join(parts)
        self.bytes = whole[count:]
        return whole[:count]

    def _line(self):
        while b"\r\n" not in self.bytes:
            self._more()
        line, _, self.bytes = self.bytes.partition(b"\r\n")
        return line

    def _chunks(self):
        parts = []
        while part := self.chunk():
            parts.append(part)
        return b"".join(parts)

    def head(self):
        """Only the status line and the headers, which for HEAD is all there is."""
        version, status = self._line().split(b" ")[:2]
        assert version in (b"HTTP/1.1", b"HTTP/1.0")
        headers = {}
        while line := self._line():
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        return Response(int(status), headers, b"")

    def chunk(self):
        """The next chunk of a body, empty at its end."""
        data = self._take(int(self._line().split(b";")[0], 16))
        self._line()
        return data

    def rest(self):
        """What is left of a body in chunks."""
        return self._chunks()

    def response(self):
        status, headers, _ = self.head()
        if status == 204 or status == 304:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        else:
            body = self._take(int(headers["content-length"]))
        return Response(status, headers, body)


def ask(address, request=GET_CLOSE):
    """One request on a connection of its own."""
    with dial(address) as peer:
        peer.sendall(request)
        return Reader(peer).response()


def post(path, body, *extra):
    head = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *extra]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def get(path, *extra):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: test", *extra, "", ""]).encode()


def exchange(address, data):
    """All bytes that come back until the server closes; a reset is an end, too."""
    with dial(address, WAIT) as peer:
        chunks = []
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            peer.sendall(data)
            while chunk := peer.recv(65536):
                chunks.append(chunk)
        return b"".join(chunks)


def curl(*args, seconds=WAIT, stdin=b""):
    """What curl writes to stdout, as bytes."""
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", str(int(seconds)),
                           *map(str, args)], input=stdin, capture_output=True,
                          timeout=seconds + 2, check=False)
    assert done.returncode == 0, f"curl {args}: {done.returncode} {done.stderr.decode()}"
    return done.stdout


def url(address, path="/"):
    return f"http://{address[0]}:{address[1]}{path}"


# -- what every server must stand ------------------------------------------------------------------


def check_many(address, count, body, request=GET):
    """`count` connections at once, two requests on each: all are answered, none is mixed up."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(dial(address)) for _ in range(count)]
        readers = [Reader(peer) for peer in peers]
        for _ in range(2):
            for peer in peers:
                peer.sendall(request)
            for reader in readers:
                answer = reader.response()
                assert (answer.status, answer.body) == (200, body)


def check_idle(program, count=100):
    """`count` idle keep-alive connections cost next to no CPU time."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            peer = stack.enter_context(dial(program.address))
            peer.sendall(GET)
            assert Reader(peer).response().status == 200
        time.sleep(0.1)
        before = cpu_seconds(program.pid)
        time.sleep(1)
        spent = cpu_seconds(program.pid) - before
        assert spent < 0.020, f"{spent * 1000:.1f} ms of CPU in a second of nothing"


def check_file_limit(program, body, attempts=100):
    """More clients than descriptors: the server lives, and serves again once some have left."""
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(dial(program.address)) for _ in range(attempts)]
        for peer in peers:
            peer.sendall(GET)
        assert Reader(peers[0]).response().body == body
        time.sleep(0.2)  # let it run into the limit
        assert program.is_running, program.err
    assert ask(program.address).body == body
    assert program.is_running
