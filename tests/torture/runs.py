"""One run of the program with a fault, the judgement about its end, and the loop over all runs.

See fault.h; what a run does is in program.py and server.py.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
from typing import Callable, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ["TORTURE_PROGRAM"]
GUESTS = pathlib.Path(os.environ.get("HYTHE_GUESTS", ROOT / "build" / "guests"))
RUN_SECONDS = 30
RUNS_MAX = 3000
BATCH = 8
# What says why: a line of hythe's that is none of a good start. What a guest says when it ends of a
# failed call is good enough, too.
GOOD = r"(?:(?:listening|serving|status) on \S+|workers run with.*)$"
WORD = re.compile(rf"^hythe: (?!{GOOD}).{{8,}}|^fatal: .{{8,}}", re.MULTILINE)


class Failure(Exception):
    """A run that ended in a way none may."""


class Scenario(NamedTuple):
    """What a run does, in which process something fails, and how many of the calls are tried."""

    name: str
    run: Callable
    fork: int = 0  # the process that the program forks K-th; 0: itself
    stride: int = 1  # every call, or every third, and so on


class Run:
    """One run: its environment, its mark, and the judgement about its end."""

    def __init__(self, kind, n, fork, work):
        self.home = pathlib.Path(tempfile.mkdtemp(dir=work))
        self.mark = self.home / "mark"
        self.env = dict(os.environ, HYTHE_FAULT=f"{kind}:{n}", HYTHE_FAULT_FORK=str(fork),
                        HYTHE_FAULT_MARK=str(self.mark))
        self.stderr_path = self.home / "stderr"
        self.stderr = self.stderr_path.open("wb")

    def start(self, *args):
        return subprocess.Popen(
            [PROGRAM, *map(str, args)], env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.stderr)

    def said(self):
        return self.stderr_path.read_text(errors="replace")

    def was_reached(self):
        return self.mark.exists()

    def judge(self, code, out, did_its_work):
        """Raise unless this is a way in which a run may end."""
        said = self.said() + out.decode(errors="replace")
        if "Sanitizer" in said or "runtime error" in said:
            raise Failure("the sanitizer speaks")
        if code < 0 or code in (139, 132, 136, 135):
            raise Failure(f"ended by a signal ({code})")
        if did_its_work:
            return
        if code == 0:
            raise Failure("ended with 0 and without having done its work")
        if not WORD.search(said):
            raise Failure(f"ended with {code} and without a word")


def wait(process):
    try:
        out, _ = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failure("hangs") from None
    return process.returncode, out


def one(scenario, kind, n, work, cache):
    """Run once. Whether the n-th call was reached."""
    run = Run(kind, n, scenario.fork, work)
    try:
        scenario.run(run, cache)
        reached = run.was_reached()
    except Failure as failure:
        name = run.mark.read_text().strip() if run.was_reached() else "nothing"
        raise Failure(f"{scenario.name}, {kind} call {n} ({name}): {failure}\n{run.said()}") \
            from None
    finally:
        run.stderr.close()
    shutil.rmtree(run.home)
    return reached


def torture(scenario, kind, work, cache, pool):
    """All n, or one of `stride`. Returns how many calls there are, the runs, and the failures."""
    failures = []
    numbers = range(1, RUNS_MAX * scenario.stride, scenario.stride)
    for first in range(0, RUNS_MAX, BATCH):
        batch = numbers[first:first + BATCH]
        jobs = [pool.submit(one, scenario, kind, n, work, cache) for n in batch]
        count = None
        for n, job in zip(batch, jobs):
            try:
                if not job.result() and count is None:
                    count = n - 1
            except Failure as failure:
                failures.append(str(failure))
        if count is not None:
            return count, first + len(batch), failures
    return RUNS_MAX * scenario.stride, RUNS_MAX, failures + ["it has no end"]
