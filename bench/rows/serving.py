"""`hythe serve`: the front, CGI modules behind it, and what its protection costs."""
import time
from statistics import median

from kit import process, report, server, serving

MIB = 1 << 20
OFF = """
[timeouts]
tls = 0
header = 0
body = 0
write = 0
idle = 0
[limits]
connections = 16777216
"""


def _rounds(setting, subjects, load):
    """Rounds on all subjects in turn, in changing order: a list of tuples in their order."""
    pairs = setting.pick(9, 3)
    for subject in subjects:
        load(subject, 1)
    rounds = []
    for i in range(pairs):
        order = list(range(len(subjects)))
        if i % 2 == 1:
            order.reverse()
        seen = {k: load(subjects[k], setting.pick(2, 1)) for k in order}
        rounds.append(tuple(seen[k] for k in range(len(subjects))))
        process.say(f"round {i + 1} of {pairs}: "
                    + ", ".join(f"{one.cpu_us:.2f}" for one in rounds[-1]) + " us of CPU a request")
    return rounds


def _ratio(rounds):
    return median(first.per_cpu_second / second.per_cpu_second for first, second, *_ in rounds)


def _details(name, note, titles, rounds):
    header = ["round"]
    for title in titles:
        header += [f"{title} requests/s", "busy", "CPU µs a request"]
    cells = []
    for i, one in enumerate(rounds):
        cells.append([f"{i + 1}"])
        for each in one:
            cells[-1] += [f"{each.per_second:,.0f}", f"{each.busy_percent:.0f} %",
                          f"{each.cpu_us:.2f}"]
    return f"### {name}\n\n{note}\n\n" + report.table(header, cells)


def _row(name, what, target, rounds, titles, note, unit="requests"):
    ratio = 100 * _ratio(rounds)
    us = [median(one[k].cpu_us for one in rounds) for k in range(len(titles))]
    measured = ", ".join(f"{title} {value:.1f} µs" for title, value in zip(titles, us))
    return report.Row(what, f"≥ {target} % of {titles[1]}'s {unit} per CPU-second",
                      f"{measured} of CPU a request", f"{ratio:.0f} %",
                      report.verdict(ratio >= target), _details(name, note, titles, rounds))


def front(setting):
    """A fixed answer from hythe's own front against nginx `return 200`."""
    with serving.hythe(setting, serving.text_route()) as ours, serving.nginx(setting) as theirs:
        rounds = _rounds(setting, (ours, theirs),
                         lambda subject, seconds: serving.load(subject, setting, seconds))
    return _row("front", "native C handler on hythe's front, `wrk -t1 -c8`, against nginx "
                "`return 200`", 90, rounds, ("hythe", "nginx"),
                "Keep-alive, 8 connections, the same 24 bytes; all of hythe's processes and "
                "threads are counted, with every timeout and limit at its default; no access log "
                "on either side.")


def cgi(setting):
    """A CGI hello in C, a fresh instance for each request, against the native handler."""
    config = serving.text_route("/native") + serving.module_route(setting, "cgi_hello")
    with serving.hythe(setting, config) as subject:
        def load(path, seconds):
            return serving.load(subject, setting, seconds, path=path)
        rounds = _rounds(setting, ("/", "/native"), load)
    return _row("cgi", "CGI hello (C, wasi-libc), fresh instance per request, against the native "
                "handler", 25, rounds, ("CGI", "native"),
                "Both are routes of one server.")


def cgi_echo(setting):
    """1 MiB through a CGI echo, streaming, against nginx proxying the same bytes."""
    config = serving.module_route(setting, "cgi_echo", extra="body = 0\n")
    seen = {}
    with serving.hythe(setting, config) as ours, serving.nginx(setting, "on") as on, \
            serving.nginx(setting, "off") as off:
        rounds = _rounds(setting, (ours, on, off),
                         lambda subject, seconds: serving.load(subject, setting, seconds,
                                                               path="/echo", upload=MIB))
        seen["memory"] = _memory_of_echo(setting, ours)
    # The better of the two ways to set nginx up is what counts.
    better = min((1, 2), key=lambda k: median(one[k].cpu_us for one in rounds))
    ratio = 100 * median(one[0].per_cpu_second / one[better].per_cpu_second for one in rounds)
    us = [median(one[k].cpu_us for one in rounds) for k in range(3)]
    host = seen["memory"]
    is_reached = ratio >= 50 and host <= 256 << 10
    note = ("`POST` of 1 MiB, 8 connections. nginx hands the bytes to a small native echo server "
            "and back; that server is not counted. Memory: 100 requests stopped half-way in both "
            "directions, RSS of the processes less the guests' linear memories, for each: "
            f"{host:,.0f} bytes.")
    return report.Row("1 MiB body through a CGI echo, streaming, against nginx proxying the same "
                      "bytes", "≥ 50 % of nginx's requests per CPU-second; ≤ 256 KiB a request "
                      "beside the guest's",
                      f"CGI {us[0]:,.0f} µs, nginx {us[better]:,.0f} µs of CPU a request; "
                      f"{host / 1024:,.0f} KiB", f"{ratio:.0f} %", report.verdict(is_reached),
                      _details("cgi_echo", note, ("CGI", "nginx, buffering", "nginx, not buffering"),
                               rounds))


def _total_memory(pid):
    members = [process.memory(member) for member in process.family(pid)]
    return sum(one.pss for one in members), sum(one.guest_rss for one in members)


def _memory_of_echo(setting, subject):
    """Host bytes a request while it is under way in both directions and nobody reads."""
    count = setting.pick(100, 20)
    head = (b"POST /echo HTTP/1.1\r\nHost: bench\r\nContent-Length: " + str(MIB).encode()
            + b"\r\n\r\n")
    before, guest_before = _total_memory(subject.pid)
    peers = []
    try:
        for _ in range(count):
            peer = server.connect(subject)
            peer.sendall(head + b"x" * (MIB // 2))
            peers.append(peer)
        time.sleep(1)
        after, guest_after = _total_memory(subject.pid)
    finally:
        for peer in peers:
            peer.close()
    return ((after - guest_after) - (before - guest_before)) / count


def protection(setting):
    """All timeouts and limits on, as by default, against off."""
    with serving.hythe(setting, serving.text_route()) as guarded, \
            serving.hythe(setting, OFF + serving.text_route()) as bare:
        rounds = _rounds(setting, (guarded, bare),
                         lambda subject, seconds: serving.load(subject, setting, seconds))
    cost = 100 * (1 / _ratio(rounds) - 1)
    return report.Row("all timeouts and limits on against off", "≤ 1 %", f"{cost:.1f} %",
                      f"{100 * _ratio(rounds):.1f} %", report.verdict(cost <= 1),
                      _details("protection", "The native handler, as in front.", ("on", "off"),
                               rounds))


def routes(setting):
    """1,000 routes against one."""
    many = "".join(serving.text_route(f"/some/where/{i}/...") for i in range(999))
    with serving.hythe(setting, many + serving.text_route()) as full, \
            serving.hythe(setting, serving.text_route()) as single:
        rounds = _rounds(setting, (full, single),
                         lambda subject, seconds: serving.load(subject, setting, seconds))
    cost = 100 * (1 / _ratio(rounds) - 1)
    return report.Row("1,000 routes against 1", "≤ 2 %", f"{cost:.1f} %",
                      f"{100 * _ratio(rounds):.1f} %", report.verdict(cost <= 2),
                      _details("routes", "The native handler behind the last of 1,000 routes.",
                               ("1,000", "1"), rounds))


def keepalive(setting):
    """10,000 idle keep-alive connections."""
    count = setting.pick(10_000, 1_000)
    server.raise_descriptor_limit(count + 1_000)
    config = f"[limits]\nconnections = {count + 100}\n" + serving.text_route()
    with serving.hythe(setting, config) as subject:
        with server.connections(subject, 8) as peers:
            server.ask_each(peers, 50)
        before, _ = _total_memory(subject.pid)
        with server.connections(subject, count, sources=8) as peers:
            server.ask_each(peers)
            time.sleep(1)
            after, _ = _total_memory(subject.pid)
            watched = process.watch_idle(subject.pid, setting.pick(5, 2))
            server.ask_each(peers[::100])
    each = (after - before) / count
    details = (f"### keepalive\n\n{count:,} connections from 8 loopback addresses, each with one "
               f"answer so far: {each:,.0f} bytes each (PSS of all processes); "
               f"{watched.percent:.3f} % CPU, {watched.wake_ups} wake-ups in "
               f"{watched.seconds:.0f} s.\n")
    return report.Row(f"{count:,} idle keep-alive connections", "≤ 4 KiB each, 0 % CPU",
                      f"{each:,.0f} bytes each, {watched.percent:.2f} %", "-",
                      report.verdict(each <= 4096 and watched.percent < 0.05), details)


def tail(setting):
    """Latency at 80 % of what the server can do."""
    config = serving.text_route("/native") + serving.module_route(setting, "cgi_hello")
    cells, theirs = [], []
    with serving.hythe(setting, config) as subject, serving.nginx(setting) as nginx:
        most = median(serving.load(subject, setting, setting.pick(3, 1)).per_second
                      for _ in range(3))
        for i in range(setting.pick(5, 2)):
            count, p50, p99, p999, most_us = serving.latencies(subject, setting,
                                                               setting.pick(5, 2), 0.8 * most)
            _, their_p50, their_p99, _, _ = serving.latencies(nginx, setting, setting.pick(5, 2),
                                                              0.8 * most)
            theirs.append(their_p99 / their_p50)
            cells.append([f"{i + 1}", f"{count:,}", p50, p99, p999, most_us, their_p50, their_p99,
                          f"{p99 / p50:.1f}"])
    worst = median(float(cell[-1]) for cell in cells)
    details = (f"### tail\n\nThe CGI hello at 80 % of the {most:,.0f} requests a second that wrk "
               "gets out of it with 8 connections, at a constant rate spread evenly over 8 "
               "connections (`bench/native/serving/pace.c`); microseconds from when a request was "
               "due to the end of its answer. nginx's fixed answer at the same rate stands beside it: what the "
               "machine itself adds.\n\n"
               + report.table(["run", "requests", "p50 µs", "p99 µs", "p99.9 µs", "most µs", "nginx p50",
                               "nginx p99", "p99 / p50"],
                              cells))
    return report.Row("p99 under 80 % load", "≤ 3x p50",
                      f"{worst:.1f}x; nginx `return 200` at the same rate {median(theirs):.1f}x", "-",
                      report.verdict(worst <= 3), details)
