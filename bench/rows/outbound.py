"""Guests that call out over HTTP, against libcurl used natively."""
import re
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kit import build, nginx, process, report

GETS_TARGET = 60
DOWNLOAD_TARGET = 70
GROWTH_MAX = 2 << 20
POLICY_TARGET_NS = 1000
PART = 64 << 10
ROUND_S = 120
SETTLE_S = 0.1  # the programs of bench/native/outbound rest for longer where they are looked at


def _run_guest(setting, guest, *words):
    return [setting.hythe, "run", "--cache-dir", setting.cache, "--allow-http",
            "http://127.0.0.1", guest, *words]


@dataclass
class Memory:
    rss: int
    most: int
    anonymous: int


def _memory(pid):
    """What /proc says of a process's memory, in bytes."""
    values = dict(re.findall(r"(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()))
    return Memory(*(1024 * int(values[name]) for name in ("VmRSS", "VmHWM", "RssAnon")))


@dataclass
class Fetched:
    """What one run of the program `fetch` came to."""
    count: int
    size: int
    seconds: float
    cpu_ns: int
    before: Memory
    after: Memory

    @property
    def cpu_us(self):
        return self.cpu_ns / 1e3 / self.count

    @property
    def per_second(self):
        return self.size / self.seconds


def _line(child, word, deadline_s):
    poll = select.poll()
    poll.register(child.stdout, select.POLLIN | select.POLLHUP)
    if poll.poll(max(0, 1000 * (deadline_s - time.monotonic()))):
        words = child.stdout.readline().split()
        if words[:1] == [word]:
            return words[1:]
    raise process.Failure(f"no '{word}' within {ROUND_S} s; status {child.poll()}: "
                          f"{child.stderr.read().strip() if child.poll() is not None else ''}")


def _fetch(setting, command):
    """Run one; what it spends is counted between the two points where it rests."""
    deadline_s = time.monotonic() + ROUND_S
    child = process.start(command, setting.server_cpus, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    try:
        _line(child, "begin", deadline_s)
        time.sleep(SETTLE_S)
        before, before_ns = _memory(child.pid), process.cpu_ns(child.pid)
        count, size, spent_ns = map(int, _line(child, "end", deadline_s))
        time.sleep(SETTLE_S)
        spent_cpu_ns = process.cpu_ns(child.pid) - before_ns
        return Fetched(count, size, spent_ns / 1e9, spent_cpu_ns, before, _memory(child.pid))
    finally:
        process.end(child)


def _pairs(setting, pairs, hosted, native, describe):
    """Rounds of both in turn, in changing order, so that drift hits both."""
    rounds = []
    for command in (hosted, native):
        _fetch(setting, command)  # the module is cached now, and what the server sends
    for i in range(pairs):
        order = (hosted, native) if i % 2 == 0 else (native, hosted)
        seen = {id(command): _fetch(setting, command) for command in order}
        rounds.append((seen[id(hosted)], seen[id(native)]))
        process.say(f"pair {i + 1} of {pairs}: {describe(rounds[-1][0])} and "
                    f"{describe(rounds[-1][1])}")
    return rounds


def gets(setting):
    """Small GETs over one connection from a guest, against libcurl's multi interface natively."""
    count, pairs = setting.pick(20_000, 4_000), setting.pick(9, 3)
    guest = build.guest(setting, "fetch_guest")
    native = build.native(setting, "fetch_native", "-lcurl")
    with nginx.serve(setting) as origin:
        words = ["gets", f"{origin}/small", str(count)]
        rounds = _pairs(setting, pairs, _run_guest(setting, guest, *words), [native, *words],
                        lambda one: f"{one.cpu_us:.2f} us of CPU a request")
    ratios = [native.cpu_us / hosted.cpu_us for hosted, native in rounds]
    cells = [[i + 1, *(cell for one in (hosted, native)
                       for cell in (f"{one.count / one.seconds:,.0f}", f"{one.cpu_us:.2f}")),
              f"{100 * ratio:.1f} %"]
             for i, ((hosted, native), ratio) in enumerate(zip(rounds, ratios))]
    ratio = 100 * median(ratios)
    details = (f"### gets\n\n{count:,} GETs of 24 bytes from nginx, one after the other. The guest "
               "is C on `sdk/c`: `req`, `body_read` until the end, `close`. Its twin is the loop "
               "of curl's example `multi-single.c` around one easy handle. CPU is that of the "
               "client, user and system, between two points where it rests.\n\n"
               + report.table(["pair", "hythe requests/s", "CPU µs a request",
                               "native requests/s", "CPU µs a request",
                               "requests per CPU-second, hythe / native"], cells))
    hosted_us, native_us = (median(pair[i].cpu_us for pair in rounds) for i in (0, 1))
    return report.Row("small GETs over one reused connection from a guest, against curl's multi "
                      "example natively", f"≥ {GETS_TARGET} % of its requests per CPU-second",
                      f"{hosted_us:.1f} µs of CPU a request, native {native_us:.1f} µs",
                      f"{ratio:.0f} %", report.verdict(ratio >= GETS_TARGET), details)


def _growth(one):
    return one.after.most - one.before.rss


def download(setting):
    """1 GiB through body_read with 64 KiB buffers, against libcurl's easy interface natively."""
    size, pairs = setting.pick(1 << 30, 1 << 28), setting.pick(7, 3)
    guest = build.guest(setting, "fetch_guest")
    native = build.native(setting, "fetch_native", "-lcurl")
    with nginx.serve(setting, {"large": size}) as origin:
        words = ["download", f"{origin}/large"]
        rounds = _pairs(setting, pairs, _run_guest(setting, guest, *words), [native, *words],
                        lambda one: f"{one.per_second / 1e6:,.0f} MB/s")
    if any(one.size != size for pair in rounds for one in pair):
        raise process.Failure("a download was too short")
    ratios = [hosted.per_second / native.per_second for hosted, native in rounds]
    cells = [[i + 1, *(cell for one in (hosted, native)
                       for cell in (f"{one.per_second / 1e6:,.0f}",
                                    f"{1e-6 * one.cpu_ns:,.0f}", f"{_growth(one) / 1024:,.0f}")),
              f"{100 * ratio:.1f} %"]
             for i, ((hosted, native), ratio) in enumerate(zip(rounds, ratios))]
    ratio = 100 * median(ratios)
    growth = max(_growth(hosted) for hosted, _ in rounds)
    kept = median(hosted.after.anonymous - hosted.before.anonymous for hosted, _ in rounds)
    details = (f"### download\n\n{size >> 20:,} MiB of zeros from nginx (`sendfile`) by one GET, "
               f"with buffers of {PART >> 10} KiB in the guest and in its twin, both of which drop "
               "them. Growth is VmHWM at the end minus VmRSS before the request, code that is "
               "touched for the first time included; what hythe itself allocated and still has at "
               f"the end is {kept / 1024:,.0f} KiB of it (RssAnon).\n\n"
               + report.table(["pair", "hythe MB/s", "CPU ms", "growth KiB", "native MB/s",
                               "CPU ms", "growth KiB", "hythe / native"], cells))
    hosted_mb, native_mb = (median(pair[i].per_second for pair in rounds) / 1e6 for i in (0, 1))
    named = f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"
    return report.Row(f"{named} download through `body_read` with 64 KiB buffers",
                      f"≥ {DOWNLOAD_TARGET} % of native libcurl's throughput; host memory growth "
                      "≤ 2 MiB",
                      f"{hosted_mb:,.0f} MB/s, native {native_mb:,.0f} MB/s; "
                      f"{growth / (1 << 20):.2f} MiB", f"{ratio:.0f} %",
                      report.verdict(ratio >= DOWNLOAD_TARGET and growth <= GROWTH_MAX), details)


def policy(setting):
    """The policy check for a request and its address, with 100 rules."""
    program = build.inside(setting, "policy_check")
    runs = setting.pick(9, 3)
    seen = []
    for _ in range(runs):
        out = process.run([program], ROUND_S, setting.server_cpus)
        seen.append({word: int(ns) for word, ns in re.findall(r"(\w+) (\d+)", out)})
    allowed, refused = (median(one[word] for one in seen) for word in ("allowed", "refused"))
    details = ("### policy\n\nOne `policy_may_request` and, if it is allowed, one "
               "`policy_may_dial`, against 100 rules of all kinds, of which the last one allows "
               "it, or none; the URL is parsed already.\n\n"
               + report.table(["run", "allowed, ns", "refused, ns"],
                              [[i + 1, one["allowed"], one["refused"]]
                               for i, one in enumerate(seen)]))
    return report.Row("the policy check for 100 rules", f"≤ {POLICY_TARGET_NS / 1000:.0f} µs",
                      f"{allowed:.0f} ns by the last rule, {refused:.0f} ns to refuse", "-",
                      report.verdict(max(allowed, refused) <= POLICY_TARGET_NS), details)
