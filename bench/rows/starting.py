"""From start to exit of a command."""
import os
import re
import subprocess
import time
from statistics import median

from kit import process, report

TARGET_MS = 15
PARTS = ("engine", "read", "module", "guest", "run")


def _spawn_ms(command, sink):
    actions = [(os.POSIX_SPAWN_DUP2, sink, fd) for fd in (1, 2)]
    start_ns = time.perf_counter_ns()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    _, status, _ = os.wait4(pid, 0)
    spent_ms = (time.perf_counter_ns() - start_ns) / 1e6
    if status != 0:
        raise process.Failure(f"{os.path.basename(command[0])} ended with status {status:#x}")
    return spent_ms


def _breakdown(setting, runs):
    """Medians of the parts that `--timing` prints, or nothing when it is not known."""
    parts = {}
    for _ in range(runs):
        child = subprocess.run([str(word) for word in
                                setting.run_command("hello", options=["--timing"])],
                               capture_output=True, text=True, timeout=20, check=False)
        line = re.search(r"timing: (.*)", child.stderr)
        if child.returncode != 0 or line is None:
            return {}
        for part, ms in re.findall(r"(\w+) ([\d.]+) ms", line.group(1)):
            parts.setdefault(part, []).append(float(ms))
    return {part: median(values) for part, values in parts.items()}


def start(setting):
    """hythe run of a cached C hello, start to exit."""
    runs = setting.pick(50, 15)
    setting.warm("hello")
    hello = [str(word) for word in setting.run_command("hello")]
    yardstick = ["/bin/true"]
    version = [str(setting.hythe), "--version"]
    spent = {"hythe run hello.wasm": [], "/bin/true": [], "hythe --version": []}
    # Not pinned: what a user at a shell waits for. Other threads may use another processor.
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(range(os.cpu_count())))
    try:
        with open(os.devnull, "w", encoding="ascii") as sink:
            for _ in range(runs):
                for name, command in zip(spent, (hello, yardstick, version)):
                    spent[name].append(_spawn_ms(command, sink.fileno()))
        parts = _breakdown(setting, runs)
    finally:
        os.sched_setaffinity(0, pinned)

    whole_ms, true_ms = median(spent["hythe run hello.wasm"]), median(spent["/bin/true"])
    map_ms = parts.get("engine", 0) + parts.get("module", 0)
    bound_ms = 2 * true_ms + map_ms
    details = (f"### start\n\n{runs} runs of each in turn, from `posix_spawn` to `wait4`, module "
               "in the cache.\n\n"
               + report.table(["command", "median ms", "least ms", "most ms"],
                              [[f"`{name}`", f"{median(ms):.2f}", f"{min(ms):.2f}",
                                f"{max(ms):.2f}"] for name, ms in spent.items()]) + "\n"
               + _parts_table(parts, whole_ms))
    return report.Row("`hythe run` of a cached C hello, start to exit",
                      "≤ 15 ms, and ≤ 2x `/bin/true` + the engine's own map time",
                      f"{whole_ms:.1f} ms; `/bin/true` {true_ms:.2f} ms, map time {map_ms:.2f} ms, "
                      f"bound {bound_ms:.2f} ms",
                      f"{whole_ms / bound_ms:.2f}x the bound",
                      report.verdict(whole_ms <= TARGET_MS and whole_ms <= bound_ms), details)


def _parts_table(parts, whole_ms):
    if not parts:
        return "No breakdown: this hythe has no `--timing`.\n"
    named = [part for part in PARTS if part in parts] + [p for p in parts if p not in PARTS]
    rest_ms = whole_ms - sum(parts.values())
    return ("Medians of `hythe run --timing`; the engine's own map time is `engine` (made once a "
            "process) and `module` (the cached code, mapped). The rest is the system's: the "
            "process, its libraries, its end.\n\n"
            + report.table(["part", "ms"], [[part, f"{parts[part]:.2f}"] for part in named]
                           + [["the rest", f"{rest_ms:.2f}"]]))
