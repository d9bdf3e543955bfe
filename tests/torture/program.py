"""The whole program with one allocation or one system call of hythe's own failing.

For each n the n-th call fails, until a run reaches none. A run may succeed, or end by itself with
a line that says why and an exit code that is no signal's; it may not crash, hang, leak, or end
without a word. A server of `hythe serve` may not end at all once it serves (server.py). See
fault.h.

    python3 tests/torture/program.py [SCENARIO...]

Servers are long in making, so only one call of several is tried there, the first of each `stride`.
With TORTURE_ALL=1 it is each of them.
"""

import concurrent.futures
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

import server
from runs import GUESTS, PROGRAM, ROOT, RUN_SECONDS, Failure, Scenario, torture, wait

LISTENER_LOOP = ROOT / "examples" / "modules" / "listener_loop.wasm"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


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


def listen(run, cache):
    """A server that is a guest: its start, a request, and its end by SIGTERM."""
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


SCENARIOS = [
    Scenario("run_hello", run_hello),
    Scenario("compile_hello", compile_hello),
    Scenario("listen", listen),
    Scenario("check_hello", check_hello),
    *server.SCENARIOS,
]


def fill_cache(cache):
    """Nothing is compiled while something fails, where that is not the point."""
    for module in (GUESTS / "hello.wasm", LISTENER_LOOP, *server.MODULES):
        if not module.exists():
            sys.exit(f"torture: {module} is missing; scripts/guests makes it")
        subprocess.run([PROGRAM, "run", "--timeout", "1s", "--tcplisten", "127.0.0.1:0",
                        "--cache-dir", cache, module], capture_output=True, check=False,
                       stdin=subprocess.DEVNULL)


def choose():
    chosen = [s for s in SCENARIOS if len(sys.argv) < 2 or s.name in sys.argv[1:]]
    if os.environ.get("TORTURE_ALL") == "1":
        chosen = [s._replace(stride=1) for s in chosen]
    return chosen


def main():
    begin = time.monotonic()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="hythe-torture-") as work:
        cache = pathlib.Path(work) / "cache"
        fill_cache(cache)
        server.prepare(pathlib.Path(work))
        with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
            for scenario in choose():
                for kind in ("memory", "system"):
                    count, runs, failures = torture(scenario, kind, work, cache, pool)
                    print(f"torture: {scenario.name} with one of its {count} {kind} calls failing, "
                          f"{runs} runs: {len(failures)} bad ({time.monotonic() - begin:.0f} s)",
                          flush=True)
                    for failure in failures[:5]:
                        print(failure, flush=True)
                    bad += len(failures)
    print(f"torture: {'failed' if bad else 'passed'}")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
