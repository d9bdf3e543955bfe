"""The whole program with one allocation or one system call of hythe's own failing.

For each n the n-th call fails, until a run reaches none. A run may succeed, or end by itself with
a line that says why and an exit code that is no signal's; it may not crash, hang, leak, or end without
a word. See fault.h.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ["TORTURE_PROGRAM"]
GUESTS = pathlib.Path(os.environ.get("HYTHE_GUESTS", ROOT / "build" / "guests"))
LISTENER_LOOP = ROOT / "examples" / "modules" / "listener_loop.wasm"
RUN_SECONDS = 30
ROUNDS_MAX = 3000
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Failure(Exception):
    """A run that ended in a way none may."""


class Run:
    """One run: its environment, its mark, and the judgement about its end."""

    def __init__(self, kind, n, work):
        self.home = pathlib.Path(tempfile.mkdtemp(dir=work))
        self.mark = self.home / "mark"
        self.env = dict(os.environ, HYTHE_FAULT=f"{kind}:{n}", HYTHE_FAULT_MARK=str(self.mark))
        self.stderr_path = self.home / "stderr"
        self.stderr = self.stderr_path.open("wb")

    def start(self, *args):
        return subprocess.Popen(
            [PROGRAM, *map(str, args)], env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.stderr)

    def said(self):
        return self.stderr_path.read_text(errors="replace")

    def was_reached(self):
        return self.mark.exists()

    def judge(self, code, out, did_its_work):
        """Raise unless this is a way in which a run may end."""
        said = self.said() + out.decode(errors="replace")
        if "Sanitizer" in said or "runtime error" in said:
            raise Failure("the sanitizer speaks")
        if code < 0 or code in (139, 132, 136, 135):
            raise Failure(f"ended by a signal ({code})")
        if did_its_work:
            return
        if code == 0:
            raise Failure("ended with 0 and without having done its work")
        # What the guest says when it ends of a failed call is good enough, too.
        if not re.search(r"^hythe: (?!listening on).{8,}|^fatal: .{8,}", said, re.MULTILINE):
            raise Failure(f"ended with {code} and without a word")


def wait(process):
    try:
        out, _ = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failure("hangs") from None
    return process.returncode, out


def run_hello(run, cache):
    """A plain command, from the cache."""
    process = run.start("run", "--cache-dir", cache, "--env", "A=B", "--dir", f"{cache}::/x",
                        GUESTS / "hello.wasm", "an argument")
    code, out = wait(process)
    run.judge(code, out, code == 0 and len(out) > 0)


def compile_hello(run, cache):
    """The same without a cache entry: compiled and stored."""
    own = run.home / "cache"
    process = run.start("run", "--cache-dir", own, GUESTS / "hello.wasm")
    code, out = wait(process)
    run.judge(code, out, code == 0 and len(out) > 0)


def check_hello(run, cache):
    """Only looked at."""
    process = run.start("check", GUESTS / "hello.wasm", LISTENER_LOOP)
    code, out = wait(process)
    run.judge(code, out, code == 0 and len(out) > 0)


def ask(port):
    """One request. Bytes of the answer; nothing when the connection failed."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            client.settimeout(2)
            client.sendall(REQUEST)
            while chunk := client.recv(65536):
                answer += chunk
    except OSError:
        pass
    return answer


def has_ended(process):
    """Whether it ends within a moment: the sanitizer's last look takes its time."""
    try:
        process.wait(timeout=3)
    except subprocess.TimeoutExpired:
        return False
    return True


def serve(run, cache):
    """A server: its start, a request, and its end by SIGTERM."""
    process = run.start("run", "--cache-dir", cache, "--tcplisten", "127.0.0.1:0", LISTENER_LOOP)
    end = time.monotonic() + RUN_SECONDS
    port = None
    while process.poll() is None and port is None and time.monotonic() < end:
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", run.said())
        port = int(found.group(1)) if found else None
        time.sleep(0.005)
    answer = ask(port) if port else b""
    if port and b"200" not in answer and not has_ended(process):
        answer = ask(port)  # a fault may cost one connection, and no more than that
        if b"200" not in answer and not has_ended(process):
            process.kill()
            process.communicate()
            raise Failure("serves no more, and has not ended")
    if process.poll() is None:
        process.terminate()
    code, out = wait(process)
    run.judge(code, out, code == 143 and b"200" in answer)


def one(scenario, kind, n, work, cache):
    """Run once. Whether the n-th call was reached."""
    run = Run(kind, n, work)
    try:
        scenario(run, cache)
        reached = run.was_reached()
    except Failure as failure:
        name = run.mark.read_text().strip() if run.was_reached() else "nothing"
        raise Failure(f"{scenario.__name__}, {kind} call {n} ({name}): {failure}\n{run.said()}") \
            from None
    finally:
        run.stderr.close()
    shutil.rmtree(run.home)
    return reached


def torture(scenario, kind, work, cache, pool):
    """All n. Returns how many there are, and the failures."""
    failures = []
    for first in range(1, ROUNDS_MAX, 16):
        jobs = [pool.submit(one, scenario, kind, n, work, cache) for n in range(first, first + 16)]
        count = None
        for n, job in enumerate(jobs, first):
            try:
                if not job.result() and count is None:
                    count = n - 1
            except Failure as failure:
                failures.append(str(failure))
        if count is not None:
            return count, failures
    return ROUNDS_MAX, failures + ["it has no end"]


def main():
    begin = time.monotonic()
    scenarios = [run_hello, compile_hello, serve, check_hello]
    if len(sys.argv) > 1:
        scenarios = [s for s in scenarios if s.__name__ in sys.argv[1:]]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="hythe-torture-") as work:
        cache = pathlib.Path(work) / "cache"
        for module in (GUESTS / "hello.wasm", LISTENER_LOOP):  # filled before anything fails
            if not module.exists():
                sys.exit(f"torture: {module} is missing; scripts/guests makes it")
            subprocess.run([PROGRAM, "run", "--timeout", "1s", "--tcplisten", "127.0.0.1:0",
                            "--cache-dir", cache, module], capture_output=True, check=False)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for scenario in scenarios:
                for kind in ("memory", "system"):
                    count, failures = torture(scenario, kind, work, cache, pool)
                    print(f"torture: {scenario.__name__} with each of its {count} {kind} calls "
                          f"failing: {len(failures)} bad ({time.monotonic() - begin:.0f} s)",
                          flush=True)
                    for failure in failures[:5]:
                        print(failure, flush=True)
                    bad += len(failures)
    print(f"torture: {'failed' if bad else 'passed'}")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
