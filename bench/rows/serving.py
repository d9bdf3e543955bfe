"""`hythe serve`: the front, CGI modules behind it, and what its protection costs."""
import time
from statistics import median

from kit import compare, process, report, server, serving

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


def _load(setting, **options):
    return lambda subject, seconds: serving.load(subject, setting, seconds, **options)


def front(setting):
    """A fixed answer from hythe's own front against nginx `return 200`."""
    with serving.hythe(setting, serving.text_route()) as ours, serving.nginx(setting) as theirs:
        rounds = compare.rounds(setting, (ours, theirs), _load(setting))
    return compare.percent_row(
        "front", "native C handler on hythe's front, `wrk -t1 -c8`, against nginx `return 200`", 90,
        rounds, ("hythe", "nginx"),
        "Keep-alive, 8 connections, the same 24 bytes; all of hythe's processes and threads are "
        "counted, with every timeout and limit at its default; no access log on either side.")


def cgi(setting):
    """A CGI hello in C, a fresh instance for each request, against the native handler."""
    config = serving.text_route("/native") + serving.module_route(setting, "cgi_hello")
    with serving.hythe(setting, config) as subject:
        def load(path, seconds):
            return serving.load(subject, setting, seconds, path=path)
        rounds = compare.rounds(setting, ("/", "/native"), load)
    return compare.percent_row(
        "cgi", "CGI hello (C, wasi-libc), fresh instance per request, against the native handler",
        25, rounds, ("CGI", "native"), "Both are routes of one server.")


def echo(setting, name, guest, title, target):
    """1 MiB through a guest's echo, streaming, against nginx proxying the same bytes."""
    config = serving.module_route(setting, guest, extra="body = 0\n")
    with serving.hythe(setting, config) as ours, serving.nginx(setting, "on") as on, \
            serving.nginx(setting, "off") as off:
        rounds = compare.rounds(setting, (ours, on, off),
                                _load(setting, path="/echo", upload=MIB))
        host = _memory_of_echo(setting, ours)
    # The better of the two ways to set nginx up is what counts.
    us = compare.cpu_us(rounds)
    better = min((1, 2), key=lambda k: us[k])
    ratio = 100 * compare.ratio(rounds, better)
    is_reached = ratio >= target and host <= 256 << 10
    note = ("`POST` of 1 MiB, 8 connections. nginx hands the bytes to a small native echo server "
            "and back; that server is not counted. Memory: 100 requests stopped half-way in both "
            "directions, RSS of the processes less the guests' linear memories, for each: "
            f"{host:,.0f} bytes.")
    return report.Row(f"1 MiB body through a {title} echo, streaming, against nginx proxying the "
                      "same bytes", f"≥ {target} % of nginx's requests per CPU-second; ≤ 256 KiB a "
                      "request beside the guest's",
                      f"{title} {us[0]:,.0f} µs, nginx {us[better]:,.0f} µs of CPU a request; "
                      f"{host / 1024:,.0f} KiB", f"{ratio:.0f} %", report.verdict(is_reached),
                      compare.details(name, note, (title, "nginx, buffering",
                                                   "nginx, not buffering"), rounds))


def cgi_echo(setting):
    """1 MiB through a CGI echo, streaming, against nginx proxying the same bytes."""
    return echo(setting, "cgi_echo", "cgi_echo", "CGI", 50)


def _memory_of_echo(setting, subject):
    """Host bytes a request while it is under way in both directions and nobody reads."""
    count = setting.pick(100, 20)
    head = (b"POST /echo HTTP/1.1\r\nHost: bench\r\nContent-Length: " + str(MIB).encode()
            + b"\r\n\r\n")
    before = process.family_memory(subject.pid)
    peers = []
    try:
        for _ in range(count):
            peer = server.connect(subject)
            peer.sendall(head + b"x" * (MIB // 2))
            peers.append(peer)
        time.sleep(1)
        after = process.family_memory(subject.pid)
    finally:
        for peer in peers:
            peer.close()
    return (after.host - before.host) / count


def protection(setting):
    """All timeouts and limits on, as by default, against off."""
    with serving.hythe(setting, serving.text_route()) as guarded, \
            serving.hythe(setting, OFF + serving.text_route()) as bare:
        # Short rounds and many: the machine's pace changes by more than what is looked for.
        rounds = compare.rounds(setting, (guarded, bare), _load(setting),
                                pairs=setting.pick(61, 3), seconds=1)
    cost = 100 * (1 / compare.ratio(rounds) - 1)
    return report.Row("all timeouts and limits on against off", "≤ 1 %", f"{cost:.1f} %",
                      f"{100 * compare.ratio(rounds):.1f} %", report.verdict(cost <= 1),
                      compare.details("protection", "The native handler, as in front.",
                                      ("on", "off"), rounds))


def routes(setting):
    """1,000 routes against one."""
    many = "".join(serving.text_route(f"/some/where/{i}/...") for i in range(999))
    with serving.hythe(setting, many + serving.text_route()) as full, \
            serving.hythe(setting, serving.text_route()) as single:
        rounds = compare.rounds(setting, (full, single), _load(setting))
    cost = 100 * (1 / compare.ratio(rounds) - 1)
    return report.Row("1,000 routes against 1", "≤ 2 %", f"{cost:.1f} %",
                      f"{100 * compare.ratio(rounds):.1f} %", report.verdict(cost <= 2),
                      compare.details("routes", "The native handler behind the last of 1,000 "
                                      "routes.", ("1,000", "1"), rounds))


def keepalive(setting):
    """10,000 idle keep-alive connections."""
    count = setting.pick(10_000, 1_000)
    server.raise_descriptor_limit(count + 1_000)
    config = f"[limits]\nconnections = {count + 100}\n" + serving.text_route()
    with serving.hythe(setting, config) as subject:
        with server.connections(subject, 8) as peers:
            server.ask_each(peers, 50)
        before = process.family_memory(subject.pid)
        with server.connections(subject, count, sources=8) as peers:
            server.ask_each(peers)
            time.sleep(1)
            after = process.family_memory(subject.pid)
            watched = process.watch_idle(subject.pid, setting.pick(5, 2))
            server.ask_each(peers[::100])
    each = (after.pss - before.pss) / count
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
    cells, theirs, their_own = [], [], []

    def most_of(subject):
        return median(serving.load(subject, setting, setting.pick(3, 1)).per_second
                      for _ in range(3))

    with serving.hythe(setting, config) as subject, serving.nginx(setting) as nginx:
        most, nginx_most = most_of(subject), most_of(nginx)
        seconds = setting.pick(5, 2)
        for i in range(setting.pick(5, 2)):
            count, p50, p99, p999, most_us = serving.latencies(subject, setting, seconds,
                                                               0.8 * most)
            _, same_p50, same_p99, _, _ = serving.latencies(nginx, setting, seconds, 0.8 * most)
            _, own_p50, own_p99, _, _ = serving.latencies(nginx, setting, seconds,
                                                          0.8 * nginx_most)
            theirs.append(same_p99 / same_p50)
            their_own.append(own_p99 / own_p50)
            cells.append([f"{i + 1}", f"{count:,}", p50, p99, p999, most_us, same_p50, same_p99,
                          own_p50, own_p99, f"{p99 / p50:.1f}"])
    worst = median(float(cell[-1]) for cell in cells)
    details = (f"### tail\n\nThe CGI hello at 80 % of the {most:,.0f} requests a second that wrk "
               "gets out of it with 8 connections, at a constant rate spread evenly over 8 "
               "connections (`bench/native/serving/pace.c`); microseconds from when a request was "
               "due to the end of its answer. nginx's fixed answer stands beside it, which tells what "
               "the machine itself adds: at the same rate, for which it has more time to spare, and at "
               f"80 % of its own {nginx_most:,.0f} a second.\n\n"
               + report.table(["run", "requests", "p50 µs", "p99 µs", "p99.9 µs", "most µs",
                               "nginx p50", "nginx p99", "nginx p50, own 80 %",
                               "nginx p99, own 80 %", "p99 / p50"],
                              cells))
    return report.Row("p99 under 80 % load", "≤ 3x p50",
                      f"{worst:.1f}x; nginx `return 200` at the same rate {median(theirs):.1f}x, at "
                      f"80 % of its own {median(their_own):.1f}x", "-",
                      report.verdict(worst <= 3), details)
