"""What open connections cost while nothing arrives."""
import time

from kit import process, report, server

# What rounds to 0.0 %.
ZERO_PERCENT = 0.05
SETTLE_S = 1


def _describe(idle):
    return (f"{idle.percent:.3f} % ({idle.spent_us:.0f} µs and {idle.wake_ups} wake-ups in "
            f"{idle.seconds:.1f} s)")


def idle(setting):
    """The hyper server with 100 idle keep-alive connections."""
    seconds = setting.pick(5, 2)
    seen = {}
    for name, serve, program in (("hythe", server.serve_guest, "hyper_server"),
                                 ("native", server.serve_native, "hyper_native")):
        with serve(setting, program) as subject, server.connections(subject, 100) as peers:
            server.ask_each(peers)
            time.sleep(SETTLE_S)
            seen[name] = process.watch_idle(subject.pid, seconds)
            server.ask_each(peers)  # they are alive still
    details = ("### idle\n\nEach connection has had one answer and stays open.\n\n"
               + report.table(["server", "CPU"],
                              [[name, _describe(one)] for name, one in seen.items()]))
    return report.Row("the same server with 100 idle keep-alive connections", "0 % CPU",
                      f"{seen['hythe'].percent:.2f} %, native {seen['native'].percent:.2f} %", "-",
                      report.verdict(seen["hythe"].percent < ZERO_PERCENT), details)


def _grow(serve, setting, program, count, seconds):
    """Memory before, with connections that said nothing, and after one answer on each."""
    with serve(setting, program) as subject:
        with server.connections(subject, 8) as peers:
            server.ask_each(peers, 50)
        stages = [process.memory(subject.pid)]
        with server.connections(subject, count, sources=8) as peers:
            time.sleep(SETTLE_S)
            stages.append(process.memory(subject.pid))
            server.ask_each(peers)
            time.sleep(SETTLE_S)
            stages.append(process.memory(subject.pid))
            watched = process.watch_idle(subject.pid, seconds)
            server.ask_each(peers[::100])
    return stages, watched


def _per_connection(before, after, count):
    guest = (after.guest_rss - before.guest_rss) / count
    return (after.rss - before.rss) / count, (after.pss - before.pss) / count, guest


def ten_thousand(setting):
    """10,000 idle connections to the hyper server."""
    count = setting.pick(10_000, 1_000)
    server.raise_descriptor_limit(count + 1_000)
    seen = {name: _grow(serve, setting, program, count, setting.pick(5, 2))
            for name, serve, program in (("hythe", server.serve_guest, "hyper_server"),
                                         ("native", server.serve_native, "hyper_native"))}
    cells = []
    for name, (stages, watched) in seen.items():
        for stage, after in (("connected", stages[1]), ("after an answer on each", stages[2])):
            rss, pss, guest = _per_connection(stages[0], after, count)
            shares = [f"{guest:,.0f}", f"{rss - guest:,.0f}"] if name == "hythe" else ["-", "-"]
            cells.append([f"{name}, {stage}", f"{rss:,.0f}", f"{pss:,.0f}", *shares])
    stages, watched = seen["hythe"]
    if stages[0].guest_rss == 0:
        raise process.Failure("the guest's linear memory was not found in /proc/PID/smaps")
    rss, _, guest = _per_connection(stages[0], stages[2], count)
    details = (f"### 10k\n\n{count:,} connections from 8 loopback addresses; bytes per connection "
               "from `/proc/PID/smaps`, against the same server before they came. The guest's "
               "own is its linear memory.\n\n"
               + report.table(["server", "RSS", "PSS", "guest's own", "host's"], cells) + "\n"
               + "\n".join(f"CPU when nothing arrives, {name}: {_describe(one)}.  "
                           for name, (_, one) in seen.items()) + "\n")
    is_reached = watched.percent < ZERO_PERCENT and rss - guest <= 1024
    return report.Row(f"{count:,} idle connections to the hyper server",
                      "0 % CPU; host memory ≤ 1 KiB a connection beside the guest's own",
                      f"{watched.percent:.2f} %; {rss - guest:,.0f} bytes beside the guest's "
                      f"{guest:,.0f}",
                      "-", report.verdict(is_reached), details)
