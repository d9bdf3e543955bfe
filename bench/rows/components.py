"""Components of WASI 0.2: against `wasmtime serve`, the native handler, nginx; memory; the start."""
import json
import sys
import time
from pathlib import Path
from statistics import median

from kit import compare, nginx, process, report, server, serving, wasmtime
from kit.slow import SlowServer
from rows.serving import echo

FIRST_ANSWERS = Path(__file__).resolve().parent.parent / "kit/first_answers.py"
# What wasmtime serve does not keep by itself: a guest's memory, so that it needs no new pages.
KEEP = ("-O", "pooling-memory-keep-resident=1048576", "-O", "pooling-table-keep-resident=65536")
COMMAND_WORLD = ("-S", "cli")  # for those that import it
REUSE = 1000
PARKED_TARGET = 64 << 10
START_TARGET_MS = 50
START_S = 600
HELLO_NOTE = ("`wrk -t1 -c8`, keep-alive, `tests/guests/components`; all threads of all processes are "
              "counted. `wasmtime serve` has its component compiled beforehand and one processor, "
              "like hythe; a fresh instance for each request is the default of both.")


def _load(setting, path="/"):
    return lambda subject, seconds: serving.load(subject, setting, seconds, path=path)


def wasi_hello(setting):
    """C hello component, a fresh instance for each request, against `wasmtime serve`."""
    with serving.hythe(setting, serving.module_route(setting, "wasi_hello")) as ours, \
            wasmtime.serve(setting, "wasi_hello") as shipped, \
            wasmtime.serve(setting, "wasi_hello", KEEP) as keeping:
        rounds = compare.rounds(setting, (ours, shipped, keeping), _load(setting))
    return compare.times_row(
        "wasi_hello", "C hello component, fresh instance per request, against `wasmtime serve` as "
        "shipped / keeping memory resident", (5, 3), rounds,
        ("hythe", "wasmtime serve", "wasmtime serve, keeping"),
        f"{HELLO_NOTE} Keeping: `{' '.join(KEEP)}`.")


def wasi_reuse(setting):
    """The same where an instance is used again, against the native handler."""
    config = (serving.text_route("/native")
              + serving.module_route(setting, "wasi_hello", extra=f"reuse = {REUSE}\n"))
    with serving.hythe(setting, config) as subject:
        rounds = compare.rounds(setting, ("/", "/native"),
                                lambda path, seconds: _load(setting, path)(subject, seconds))
    return compare.percent_row(
        "wasi_reuse", f"C hello component, `reuse = {REUSE}`, against the native handler on the same "
        "front", 70, rounds, ("component", "native"), "Both are routes of one server.")


def wasi_js(setting):
    """JavaScript hello (componentize-js) against `wasmtime serve`."""
    with serving.hythe(setting, serving.module_route(setting, "wasi_js")) as ours, \
            wasmtime.serve(setting, "wasi_js", COMMAND_WORLD) as theirs:
        rounds = compare.rounds(setting, (ours, theirs), _load(setting))
    return compare.times_row("wasi_js", "JavaScript hello (componentize-js), fresh instance per "
                             "request, against `wasmtime serve`", (3,), rounds,
                             ("hythe", "wasmtime serve"), HELLO_NOTE)


def wasi_echo(setting):
    """1 MiB through a component's echo, streaming, against nginx proxying the same bytes."""
    return echo(setting, "wasi_echo", "wasi_ways", "component", 60)


def _outgoing_route(setting, origin):
    return serving.module_route(setting, "wasi_ways", extra=f'allow_http = ["{origin}"]\n')


def wasi_gets(setting):
    """An outgoing GET for each request, against `wasmtime serve` doing the same."""
    with nginx.serve(setting) as origin, \
            serving.hythe(setting, _outgoing_route(setting, origin)) as ours, \
            wasmtime.serve(setting, "wasi_ways", COMMAND_WORLD) as theirs:
        rounds = compare.rounds(setting, (ours, theirs), _load(setting, f"/get?{origin}/small"))
    return compare.times_row(
        "wasi_gets", "outgoing GET per request from a component, against `wasmtime serve` doing the "
        "same", (3,), rounds, ("hythe", "wasmtime serve"),
        "24 bytes from nginx on the other processor, handed on as they come. hythe takes a "
        "connection that it has, `wasmtime serve` makes one each time. A fresh instance for each "
        "request.")


def _threads(pid):
    return sum(len(list(Path(f"/proc/{member}/task").iterdir())) for member in process.family(pid))


def _park(subject, upstream, peers, count):
    """So many more requests wait on the upstream; gives the memory of all processes then."""
    request = (f"GET /get?http://127.0.0.1:{upstream.port}/ HTTP/1.1\r\nHost: bench\r\n\r\n").encode()
    for _ in range(count):
        peers.append(server.connect(subject, f"127.0.0.{2 + len(peers) % 8}"))
        peers[-1].sendall(request)
    upstream.take(len(peers))
    time.sleep(1)
    return process.family_memory(subject.pid), _threads(subject.pid)


def wasi_parked(setting):
    """1,000 requests parked on a slow upstream."""
    count = setting.pick(1_000, 1_000)
    server.raise_descriptor_limit(3 * count + 1_000)
    peers = []
    with SlowServer(count + 1) as upstream:
        config = (f"[limits]\nrequests = {count + 8}\n"
                  + _outgoing_route(setting, f"http://127.0.0.1:{upstream.port}"))
        with serving.hythe(setting, config) as subject:
            try:
                one, threads_of_one = _park(subject, upstream, peers, 1)
                all_, threads = _park(subject, upstream, peers, count)
                upstream.answer()
                for peer in peers:
                    _read_parked(peer)
            finally:
                for peer in peers:
                    peer.close()
    host = (all_.host - one.host) / count
    guest = (all_.guest_rss - one.guest_rss) / count
    if guest <= 0:
        raise process.Failure("the guests' linear memories were not found in /proc/PID/smaps")
    details = (f"### wasi_parked\n\n`wasi_ways` asks an upstream that does not answer, {count:,} times "
               "at once in one worker, each time in an instance of its own for a client of its own; "
               "then all are answered. PSS of all processes less the guests' linear memories, "
               f"against the same with one such request: {host:,.0f} bytes each, beside {guest:,.0f} "
               f"of the guest's own; threads {threads_of_one} and {threads}.\n")
    return report.Row(f"{count:,} requests to a component, parked on a slow upstream",
                      "≤ 64 KiB of host memory each beside the guest's pages",
                      f"{host / 1024:.1f} KiB beside the guest's {guest / 1024:.0f} KiB", "-",
                      report.verdict(host <= PARKED_TARGET), details)


def _read_parked(peer):
    """The answer comes in chunks: to the end of the last one."""
    data = b""
    while not data.endswith(b"0\r\n\r\n"):
        piece = peer.recv(65536)
        if not piece:
            break
        data += piece
    if b" 200 " not in data.split(b"\r\n", 1)[0]:
        raise process.Failure(f"a parked request was answered with {data[:60]!r}")


def wasi_start(setting):
    """hythe serve of a cached JavaScript component, start to first answer."""
    runs = setting.pick(25, 9)
    words = [setting.hythe, "serve", "--listen", "127.0.0.1:0", "--cache-dir", setting.cache]
    commands = {"hythe serve wasi_js.wasm": [*words, setting.guest("wasi_js")],
                "the same, one worker": [*words, "--workers", "1", setting.guest("wasi_js")],
                "hythe serve wasi_hello.wasm": [*words, setting.guest("wasi_hello")]}
    texts = [json.dumps([str(word) for word in command]) for command in commands.values()]
    helper = [sys.executable, FIRST_ANSWERS]
    process.run([*helper, 1, *texts], START_S, process.ALL_CPUS)  # they are in the cache now
    out = process.run([*helper, runs, *texts], START_S, process.ALL_CPUS)
    spent = dict(zip(commands, map(json.loads, out.splitlines())))
    cells = [[f"`{name}`", *(f"{one([pair[k] for pair in pairs]):.1f}"
                             for k in (0, 1) for one in (median, min, max))]
             for name, pairs in spent.items()]
    first_ms = median(pair[1] for pair in next(iter(spent.values())))
    details = (f"### wasi_start\n\n{runs} starts of each in turn, from `posix_spawn` to the line that "
               "says the port and to the end of the first answer; modules in the cache, files in "
               "memory, not pinned.\n\n"
               + report.table(["command", "ready, median ms", "least", "most",
                               "answered, median ms", "least", "most"], cells))
    return report.Row("cached JavaScript component, start of hythe to first answer",
                      f"≤ {START_TARGET_MS} ms", f"{first_ms:.1f} ms", "-",
                      report.verdict(first_ms <= START_TARGET_MS), details)
