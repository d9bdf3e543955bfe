"""Many guests in one process."""
import re
import select
import signal
import subprocess
import time
from pathlib import Path

from kit import build, process, report
from kit.slow import LIMIT_S, SlowServer

TARGET = 64 << 10
STAGES = {
    "made": "descriptors, arguments, policy",
    "waiting": "store, memory, fiber, request, connection: parked in `req`",
}


def _line(child):
    poll = select.poll()
    poll.register(child.stdout, select.POLLIN | select.POLLHUP)
    if not poll.poll(1000 * LIMIT_S):
        raise process.Failure(f"many_guests said nothing for {LIMIT_S} s")
    return child.stdout.readline().strip()


def _await_stop(pid):
    deadline_s = time.monotonic() + LIMIT_S
    stat = Path(f"/proc/{pid}/stat")
    while stat.read_text().rpartition(")")[2].split()[0] != "T":
        if time.monotonic() > deadline_s:
            raise process.Failure("many_guests did not stop to be looked at")
        time.sleep(0.005)


def _look(pid):
    """Memory by kind, in bytes, and threads."""
    seen = process.memory(pid)
    status = Path(f"/proc/{pid}/status").read_text()
    tables = 1024 * int(re.search(r"VmPTE:\s+(\d+)", status).group(1))
    return {"rss": seen.rss, "guest": seen.guest_rss, "host": seen.rss - seen.guest_rss,
            "tables": tables, "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
            "files": len(list(Path(f"/proc/{pid}/fd").iterdir()))}


def _watch(setting, program, module, count, kind):
    """{stage: what was seen} of one run."""
    seen = {}
    with SlowServer(count + 1) as server:
        child = process.start([program, module, server.url, count, kind], setting.server_cpus,
                              stdout=subprocess.PIPE)
        try:
            while (line := _line(child)).startswith("stage "):
                stage = line.split()[1]
                _await_stop(child.pid)
                server.take({"one": 1, "waiting": count + 1}.get(stage, 0))
                seen[stage] = _look(child.pid)
                child.send_signal(signal.SIGCONT)
                if stage == "waiting":
                    server.answer()
            if line != f"done {count + 1}":
                raise process.Failure(f"many_guests ended early: {line!r}")
        finally:
            process.end(child)
    return seen


def _per_guest(seen, stage, word, count, since="one"):
    return (seen[stage][word] - seen[since][word]) / count


def _stage_table(seen, count):
    cells = []
    last = "one"
    for stage, what in STAGES.items():
        cells.append([what, *(f"{_per_guest(seen, stage, word, count, last):,.0f}"
                              for word in ("host", "guest", "tables"))])
        last = stage
    cells.append(["all", *(f"{_per_guest(seen, last, word, count):,.0f}"
                           for word in ("host", "guest", "tables"))])
    return report.table(["bytes a guest", "host", "guest's own", "kernel's page tables"], cells)


def many_guests(setting):
    """500 guests in one process, each waiting on a slow server."""
    count = setting.pick(500, 500)
    program, module = build.inside(setting, "many_guests"), setting.guest("outbound_c")
    runs = {kind: _watch(setting, program, module, count, kind) for kind in ("pool", "alone")}
    details = (f"### many_guests\n\n`bench/native/outbound/many_guests.c`: {count} times the guest "
               "`outbound_c`, tasks of one program on one loop as `hythe serve` has them, parked in "
               "`req` to a host that they know by name; then all get their answer and end well. "
               "RSS from "
               "`/proc/PID/smaps` against the same process with one such guest; the guest's own "
               "is its linear memory.\n\n")
    for kind, title in (("pool", "With a pool of memories and stacks"), ("alone", "Without")):
        seen = runs[kind]
        details += (f"{title}: {seen['one']['rss'] >> 20} MiB with one guest, "
                    f"{seen['waiting']['rss'] >> 20} MiB with all; threads "
                    f"{seen['one']['threads']} and {seen['waiting']['threads']}; descriptors a "
                    f"guest {_per_guest(seen, 'waiting', 'files', count):.1f}.\n\n"
                    + _stage_table(seen, count) + "\n")
    seen = runs["pool"]
    if _per_guest(seen, "waiting", "guest", count) == 0:
        raise process.Failure("the guests' linear memories were not found in /proc/PID/smaps")
    host = _per_guest(seen, "waiting", "host", count)
    added = seen["waiting"]["threads"] - seen["engine"]["threads"]
    return report.Row(f"{count} guests, each waiting on a slow server",
                      "one process; ≤ 64 KiB of host memory a guest beside its own; no threads "
                      "added",
                      f"{host / 1024:.1f} KiB beside the guest's "
                      f"{_per_guest(seen, 'waiting', 'guest', count) / 1024:.0f} KiB; {added} "
                      "threads added", "-",
                      report.verdict(host <= TARGET and added == 0), details)
