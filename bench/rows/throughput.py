"""Requests per second of processor time, against the same source built natively."""
from statistics import median

from kit import process, report, server


def _compare(setting, guest, twin):
    """Rounds on both servers in turn, in changing order, so that drift hits both."""
    seconds, pairs = setting.pick(2, 1), setting.pick(9, 3)
    rounds = []
    with server.serve_guest(setting, guest) as hosted, server.serve_native(setting, twin) as native:
        if server.fetch(hosted) != server.fetch(native):
            raise process.Failure("the two servers answer differently")
        for each in (hosted, native):
            server.load(each, setting, 1)
        for i in range(pairs):
            order = (hosted, native) if i % 2 == 0 else (native, hosted)
            by_server = {each: server.load(each, setting, seconds) for each in order}
            rounds.append((by_server[hosted], by_server[native]))
            process.say(f"pair {i + 1} of {pairs}: {rounds[-1][0].cpu_us:.2f} and "
                        f"{rounds[-1][1].cpu_us:.2f} us of CPU a request")
    return rounds


def _cells(one):
    return f"{one.per_second:,.0f}", f"{one.busy_percent:.0f} %", f"{one.cpu_us:.2f}"


def _row(name, what, target, rounds, note):
    ratios = [hosted.per_cpu_second / native.per_cpu_second for hosted, native in rounds]
    ratio = median(ratios)
    hosted_us = median(hosted.cpu_us for hosted, _ in rounds)
    native_us = median(native.cpu_us for _, native in rounds)
    cells = [[f"{i + 1}", *_cells(hosted), *_cells(native), f"{100 * one:.1f} %"]
             for i, ((hosted, native), one) in enumerate(zip(rounds, ratios))]
    details = (f"### {name}\n\n{note}\n\n"
               + report.table(["pair", "hythe requests/s", "busy", "CPU µs a request",
                               "native requests/s", "busy", "CPU µs a request",
                               "requests per CPU-second, hythe / native"], cells))
    return report.Row(what, f"≥ {target} % of native requests per CPU-second",
                      f"{hosted_us:.1f} µs of CPU a request, native {native_us:.1f} µs",
                      f"{100 * ratio:.0f} %", report.verdict(100 * ratio >= target), details)


def hyper(setting):
    """The hyper article server under wrk -t1 -c8, against the same Rust source built natively."""
    rounds = _compare(setting, "hyper_server", "hyper_native")
    return _row("hyper", "hyper article server, `wrk -t1 -c8` with keep-alive, against its native "
                "build", 75, rounds,
                "`GET /`, keep-alive, 8 connections. CPU is user and system time of all threads "
                "of the server, in ns from `/proc/PID/task/*/schedstat`; busy is the part of its "
                "processor that it used.")


def poll_hello(setting):
    """A C hello server around poll(), against the same C file built natively."""
    rounds = _compare(setting, "poll_hello", "poll_hello_native")
    return _row("poll_hello", "C hello server (poll loop) on WasmEdge sockets, against its native "
                "build", 70, rounds, "Measured as above.")
