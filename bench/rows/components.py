"""Components of WASI 0.2: against `wasmtime serve`, our own front, nginx; memory; the start."""
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
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
# wasmtime serve begins as many threads as it has processors. On one processor, as all rows are
# measured, it mostly takes less CPU for a request, and that is what counts. Beside it stands what
# both servers take where they have all processors, as they start by themselves.
AGAINST_NOTE = ("`wrk -t1 -c8`, keep-alive, `tests/guests/components`, a fresh instance for each "
                "request, which is the default of both; all threads of all processes are counted. "
                "`wasmtime serve` has its component compiled beforehand.")


def _load(setting, path="/"):
    return lambda subject, seconds: serving.load(subject, setting, seconds, path=path)


def _rounds_against(setting, guest, flag_sets, extra, path, workers):
    """hythe, and wasmtime serve with each of the sets of flags."""
    with ExitStack() as started:
        subjects = [started.enter_context(serving.hythe(
            setting, serving.module_route(setting, guest, extra=extra), workers))]
        subjects += [started.enter_context(wasmtime.serve(setting, guest, flags))
                     for flags in flag_sets]
        return compare.rounds(setting, subjects, _load(setting, path))


@dataclass
class Against:
    """What is measured against wasmtime serve, and the times it must be reached."""
    name: str
    what: str
    guest: str
    wasmtimes: dict  # {title: (flags, times)}
    note: str = ""
    extra: str = ""
    path: str = "/"


def _against(setting, row):
    titles = ("hythe", *row.wasmtimes)
    flag_sets = [flags for flags, _ in row.wasmtimes.values()]
    words = (row.guest, flag_sets, row.extra, row.path)
    rounds = _rounds_against(setting, *words, workers=1)
    process.say("the same, the servers on all processors")
    with setting.not_pinned():
        free = _rounds_against(setting, *words, workers=None)
    result = compare.times_row(row.name, row.what, [times for _, times in row.wasmtimes.values()],
                               rounds, titles, " ".join((AGAINST_NOTE, row.note)).strip())
    ratios = ", ".join(f"{compare.ratio(free, k):.1f}x" for k in range(1, len(titles)))
    result.measured += f"; on all processors {compare.spent(free, titles)}: {ratios}"
    result.details += ("\nThe same with all processors for servers and wrk, and as many workers "
                       "and threads as the servers then start:\n\n"
                       + compare.rounds_table(titles, free))
    return result


def wasi_hello(setting):
    """C hello component, a fresh instance for each request, against `wasmtime serve`."""
    return _against(setting, Against(
        "wasi_hello", "C hello component, fresh instance per request, against `wasmtime serve` as "
        "shipped / keeping memory resident", "wasi_hello",
        {"wasmtime serve": ((), 5), "wasmtime serve, keeping": (KEEP, 3)},
        f"Keeping: `{' '.join(KEEP)}`."))


def wasi_reuse(setting):
    """The same where an instance is used again, against the native handler."""
    config = (serving.text_route("/native")
              + serving.module_route(setting, "wasi_hello", extra=f"reuse = {REUSE}\n"))
    with serving.hythe(setting, config) as subject:
        rounds = compare.rounds(setting, ("/", "/native"),
                                lambda path, seconds: _load(setting, path)(subject, seconds))
    return compare.percent_row(
        "wasi_reuse", f"C hello component, `reuse = {REUSE}`, against the native handler on the "
        "same front", 70, rounds, ("component", "native"), "Both are routes of one server.")


def wasi_js(setting):
    """JavaScript hello (componentize-js) against `wasmtime serve`."""
    return _against(setting, Against(
        "wasi_js", "JavaScript hello (componentize-js), fresh instance per request, against "
        "`wasmtime serve`", "wasi_js", {"wasmtime serve": (COMMAND_WORLD, 3)}))


def wasi_echo(setting):
    """1 MiB through a component's echo, streaming, against nginx proxying the same bytes."""
    return echo(setting, "wasi_echo", "wasi_ways", "component", 60)


def _allow(origin):
    return f'allow_http = ["{origin}"]\n'


def wasi_gets(setting):
    """An outgoing GET for each request, against `wasmtime serve` doing the same."""
    with nginx.serve(setting) as origin:
        return _against(setting, Against(
            "wasi_gets", "outgoing GET per request from a component, against `wasmtime serve` "
            "doing the same", "wasi_ways", {"wasmtime serve": (COMMAND_WORLD, 3)},
            "24 bytes from nginx on wrk's processor, handed on as they come. hythe takes a "
            "connection that it has, `wasmtime serve` makes one each time.",
            _allow(origin), f"/get?{origin}/small"))


def _threads(pid):
    return sum(len(list(Path(f"/proc/{member}/task").iterdir())) for member in process.family(pid))


def _park(subject, upstream, peers, count):
    """So many more requests wait on the upstream; gives the memory of all processes then."""
    path = f"/get?http://127.0.0.1:{upstream.port}/"
    request = f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
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
                  + serving.module_route(setting, "wasi_ways",
                                         extra=_allow(f"http://127.0.0.1:{upstream.port}")))
        with serving.hythe(setting, config) as subject:
            try:
                one, threads_of_one = _park(subject, upstream, peers, 1)
                all_, threads = _park(subject, upstream, peers, count)
                upstream.answer()
                for peer in peers:
                    server.read_answer(peer)
            finally:
                for peer in peers:
                    peer.close()
    host = (all_.host - one.host) / count
    guest = (all_.guest_rss - one.guest_rss) / count
    if guest <= 0:
        raise process.Failure("the guests' linear memories were not found in /proc/PID/smaps")
    details = (f"### wasi_parked\n\n`wasi_ways` asks an upstream that does not answer, {count:,} "
               "times at once in one worker, each time in an instance of its own for a client of its "
               "own; then all are answered. PSS of all processes less the guests' linear memories, "
               f"against the same with one such request: {host:,.0f} bytes each, beside "
               f"{guest:,.0f} of the guest's own; threads {threads_of_one} and {threads}.\n")
    return report.Row(f"{count:,} requests to a component, parked on a slow upstream",
                      "≤ 64 KiB of host memory each beside the guest's pages",
                      f"{host / 1024:.1f} KiB beside the guest's {guest / 1024:.0f} KiB", "-",
                      report.verdict(host <= PARKED_TARGET), details)


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
    details = (f"### wasi_start\n\n{runs} starts of each in turn, from `posix_spawn` to the line "
               "that says the port and to the end of the first answer; modules in the cache, files in "
               "memory, not pinned.\n\n"
               + report.table(["command", "ready, median ms", "least", "most",
                               "answered, median ms", "least", "most"], cells))
    return report.Row("cached JavaScript component, start of hythe to first answer",
                      f"≤ {START_TARGET_MS} ms", f"{first_ms:.1f} ms", "-",
                      report.verdict(first_ms <= START_TARGET_MS), details)
