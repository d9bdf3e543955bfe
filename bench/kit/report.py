"""Rows to Markdown."""
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path

from kit import process, wasmtime

REACHED = "reached"
MISSED = "**missed**"
NOT_MEASURED = "not measured"
SKIPPED = "skipped"


@dataclass
class Row:
    what: str
    target: str
    measured: str
    ratio: str
    verdict: str
    details: str = ""


def verdict(is_reached):
    return REACHED if is_reached else MISSED


def not_measured(name, doc, failure):
    return Row(doc.splitlines()[0].rstrip("."), "", "-", "-", NOT_MEASURED,
               f"### {name}\n\nNot measured: {failure}\n")


def table(header, rows):
    """A Markdown table: the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |",
             "| --- |" + " ---: |" * (len(header) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# Calls that are rarer than this belong to the start and the end of a process.
RARE_CALLS = 0.01


def call_table(columns):
    """Calls per turn side by side; `columns` is {title: (counts, turns)}."""
    names = {name for counts, _ in columns.values() for name in counts}
    per_turn = {name: [counts.get(name, 0) / turns for counts, turns in columns.values()]
                for name in names}
    often = sorted((name for name in names if max(per_turn[name]) >= RARE_CALLS),
                   key=lambda name: -max(per_turn[name]))
    rare = [sum(per_turn[name][i] for name in names - set(often)) for i in range(len(columns))]
    whole = [sum(counts.values()) / turns for counts, turns in columns.values()]

    rows = [[f"`{name}`"] + [f"{value:.3f}" for value in per_turn[name]] for name in often]
    if any(rare):
        rows.append([f"{len(names) - len(often)} others"] + [f"{value:.3f}" for value in rare])
    rows.append(["all"] + [f"{value:.3f}" for value in whole])
    return table(["system call", *columns], rows)


def _cpu_model():
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def _locked_version(lock, crate):
    """The version of a crate in a Cargo.lock."""
    if not lock.exists():
        return "unknown"
    found = re.search(rf'name = "{crate}"\nversion = "([^"]+)"', lock.read_text())
    return found.group(1) if found else "unknown"


def _machine(setting):
    root = setting.root
    native = root / "bench/native/hyper_server/Cargo.lock"
    memory = re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())
    hythe = setting.tool_version([str(setting.hythe), "--version"])
    cpus = len(re.findall(r"^processor", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    pinning = ("the server on one processor, its client on another (`sched_setaffinity`)"
               if setting.is_pinned else "none: one processor")
    priority = f"nice {process.PRIORITY}" if setting.has_priority else "the usual one"
    engine = _locked_version(root / "src/engine/rust/Cargo.lock", "wasmtime")
    return table(["", "machine and versions"], [
        ["date", time.strftime("%Y-%m-%d", time.gmtime())],
        ["processor", f"{_cpu_model()}, {cpus} cores, {round(int(memory.group(1)) / (1 << 20))} GiB"],
        ["kernel", f"{platform.system()} {platform.release()}"],
        ["pinned", pinning],
        ["priority", priority],
        ["hythe", f"{hythe}, on Wasmtime {engine}"],
        ["native twins", f"hyper {_locked_version(native, 'hyper')}, "
                         f"tokio {_locked_version(native, 'tokio')}; gcc -O2"],
        ["libcurl", setting.tool_version(["curl", "--version"])],
        ["nginx", setting.tool_version(["/usr/sbin/nginx", "-v"])],
        ["wasmtime serve", wasmtime.version(setting)],
        ["wrk", setting.tool_version(["wrk", "--version"])],
        ["strace", setting.tool_version(["strace", "--version"])],
    ]).replace("---: |\n", "--- |\n", 1)


def _verdicts(rows):
    what = table(["what", "must reach", "measured", "ratio", "verdict"],
                 [[row.what, row.target, row.measured, row.ratio, row.verdict] for row in rows])
    return re.sub(r"---: ", "--- ", what)


def render(topics, setting):
    """The report; `topics` is {title: rows}."""
    kind = " in a quick run, which is noisy" if setting.quick else ""
    notes = setting.root / "bench/notes.md"
    return (f"# What hythe reaches\n\nWritten by `bench/run`{kind}; do not edit.\n\n"
            + "\n".join(f"## {title}\n\n{_verdicts(rows)}" for title, rows in topics.items())
            + f"\n## Where it was measured\n\n{_machine(setting)}\n"
            + (notes.read_text().rstrip() + "\n\n" if notes.exists() else "")
            + "\n".join(f"## Details: {title}\n\n" + "\n".join(row.details for row in rows)
                        for title, rows in topics.items()))
