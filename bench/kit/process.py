"""Child processes that end with us, and what the kernel says they have spent."""
import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
PRIORITY = -10  # where we may: what else runs on the machine then disturbs less
ALL_CPUS = os.sched_getaffinity(0)
_libc = ctypes.CDLL(None)
_children = []


class Failure(Exception):
    """A measurement that did not come about; the text says why."""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def may_raise_priority():
    """Whether children can get ahead of what else runs here; only root may."""
    return os.geteuid() == 0


def _raise_priority():
    """Both where the scheduler groups by session (then this session is the child's own) and not."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        Path("/proc/self/autogroup").write_text(str(PRIORITY), encoding="ascii")
    except OSError:
        pass  # a container may refuse it, and a kernel need not have the file


def _born(cpus):
    # Ends the child even when we are killed and can clean up nothing.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _raise_priority()
    if cpus is not None:
        os.sched_setaffinity(0, cpus)


def start(command, cpus=None, **options):
    """Start a child in a session of its own, pinned to `cpus` if given."""
    try:
        child = subprocess.Popen([str(word) for word in command], start_new_session=True,
                                 stdin=subprocess.DEVNULL, text=True,
                                 preexec_fn=lambda: _born(cpus), **options)
    except OSError as error:
        raise Failure(f"cannot start {Path(command[0]).name}: {error.strerror}") from error
    _children.append(child)
    return child


def end(child):
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    child.wait()
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            stream.close()
    if child in _children:
        _children.remove(child)


def end_all():
    for child in list(_children):
        end(child)


def run(command, timeout_s, cpus=None, **options):
    """Run to the end and return stdout; anything but exit status 0 is a Failure."""
    child = start(command, cpus, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    try:
        out, err = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as expired:
        raise Failure(f"{Path(command[0]).name} did not end within {timeout_s} s") from expired
    finally:
        end(child)
    if child.returncode != 0:
        said = err.strip().splitlines() or ["nothing on stderr"]
        raise Failure(f"{Path(command[0]).name} ended with {child.returncode}: {said[-1]}")
    return out


# -- what a process has spent ----------------------------------------------------------------------

def family(pid):
    """The process and all its descendants."""
    members = [pid]
    for member in members:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            members += [int(child) for child in children.read_text().split()]
    return members


def _cpu_clock(pid):
    """The clock of a process's CPU time, which clock_getcpuclockid(3) would give."""
    return (~pid << 3) | 2


def cpu_ns(pid):
    """User and system time of all threads of a process and its descendants, those that have ended
    among them.

    /proc/PID/schedstat would be the first thread's alone, and /proc/PID/stat counts in 10 ms.
    """
    return sum(time.clock_gettime_ns(_cpu_clock(member)) for member in family(pid))


def wake_ups(pid):
    """How often any thread of the family has stopped to wait."""
    total = 0
    for member in family(pid):
        for status in Path(f"/proc/{member}/task").glob("*/status"):
            for line in status.read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total


@dataclass
class Idle:
    percent: float
    spent_us: float
    wake_ups: int
    seconds: float


def watch_idle(pid, seconds):
    """What a process spends while nobody asks it for anything."""
    before_ns, before_wakes, start_s = cpu_ns(pid), wake_ups(pid), time.monotonic()
    time.sleep(seconds)
    elapsed_s = time.monotonic() - start_s
    spent_ns = cpu_ns(pid) - before_ns
    return Idle(100 * spent_ns / 1e9 / elapsed_s, spent_ns / 1e3,
                wake_ups(pid) - before_wakes, elapsed_s)


def favour(pid, cpus):
    """Give a family that another program started what our own children have from birth."""
    for member in family(pid):
        for task in Path(f"/proc/{member}/task").iterdir():
            try:
                os.setpriority(os.PRIO_PROCESS, int(task.name), PRIORITY)
                if cpus is not None:
                    os.sched_setaffinity(int(task.name), cpus)
            except OSError:
                pass  # it has ended, or we may not
        try:
            Path(f"/proc/{member}/autogroup").write_text(str(PRIORITY), encoding="ascii")
        except OSError:
            pass


# -- memory ----------------------------------------------------------------------------------------

@dataclass
class Memory:
    rss: int = 0
    pss: int = 0
    guest_rss: int = 0  # the part that is the guest's linear memory

    @property
    def host(self):
        return self.pss - self.guest_rss


@dataclass
class Mapping:
    start: int
    end: int
    mode: str
    name: str
    rss: int = 0
    pss: int = 0


def _mappings(pid):
    mappings = []
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            start, end = (int(address, 16) for address in words[0].split("-"))
            mappings.append(Mapping(start, end, words[1], " ".join(words[5:])))
        elif words[0] == "Rss:":
            mappings[-1].rss = int(words[1]) * 1024
        elif words[0] == "Pss:":
            mappings[-1].pss = int(words[1]) * 1024
    return mappings


# The engine reserves address space behind a linear memory, so that 32-bit indexes need no check.
RESERVATION_MIN = 512 << 20


def _guest_mappings(mappings):
    """The writable mappings right before a huge one without access: a linear memory so far."""
    for i, reserve in enumerate(mappings):
        if not reserve.mode.startswith("---") or reserve.end - reserve.start < RESERVATION_MIN:
            continue
        edge = reserve.start
        for mapping in reversed(mappings[:i]):
            if mapping.end != edge or not mapping.mode.startswith("rw"):
                break
            yield mapping
            edge = mapping.start


def memory(pid):
    mappings = _mappings(pid)
    return Memory(sum(mapping.rss for mapping in mappings),
                  sum(mapping.pss for mapping in mappings),
                  sum(mapping.rss for mapping in _guest_mappings(mappings)))


def family_memory(pid):
    """Of the process and all its descendants: pages that several have count once."""
    members = [memory(member) for member in family(pid)]
    return Memory(*(sum(getattr(one, kind) for one in members)
                    for kind in ("rss", "pss", "guest_rss")))
