"""From start to exit of a command."""
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

from kit import process, report

TARGET_MS = 15
PARTS = ("engine", "read", "module", "guest", "run")
SPAWN_TIMES = Path(__file__).resolve().parent.parent / "kit/spawn_times.py"
HELLO, TRUE, VERSION = "hythe run hello.wasm", "/bin/true", "hythe --version"


def _words(command):
    return [str(word) for word in command]


def _spawn_times(commands, runs):
    """{name: [ms, ...]} of commands run in turn. Not pinned: what a user at a shell waits for."""
    texts = [json.dumps(_words(command)) for command in commands.values()]
    out = process.run([sys.executable, SPAWN_TIMES, runs, *texts], timeout_s=60 + runs,
                      cpus=process.ALL_CPUS)
    return dict(zip(commands, map(json.loads, out.splitlines())))


def _breakdown(setting, runs):
    """Medians of the parts that `--timing` prints, or nothing when it is not known."""
    parts = {}
    for _ in range(runs):
        child = process.start(setting.run_command("hello", options=["--timing"]),
                              process.ALL_CPUS, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, err = child.communicate(timeout=20)
        process.end(child)
        line = re.search(r"timing: (.*)", err)
        if child.returncode != 0 or line is None:
            return {}
        for part, ms in re.findall(r"(\w+) ([\d.]+) ms", line.group(1)):
            parts.setdefault(part, []).append(float(ms))
    return {part: median(values) for part, values in parts.items()}


def start(setting):
    """hythe run of a cached C hello, start to exit."""
    runs = setting.pick(50, 15)
    setting.warm("hello")
    spent = _spawn_times({HELLO: setting.run_command("hello"), TRUE: ["/bin/true"],
                          VERSION: [setting.hythe, "--version"]}, runs)
    parts = _breakdown(setting, runs)

    whole_ms, true_ms = median(spent[HELLO]), median(spent[TRUE])
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
