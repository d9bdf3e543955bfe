"""Counts of system calls, by `strace -f -c`."""
import re
import signal
import subprocess
import time
from contextlib import contextmanager

from kit import process

ATTACH_S = 10
SENDS = ("sendmsg", "sendto", "sendmmsg", "write", "writev")


def parse_counts(text):
    """{call: count} from the table of strace -c."""
    counts = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 5 or not re.fullmatch(r"[\d.]+", words[0]) or words[-1] == "total":
            continue
        counts[words[-1]] = int(words[3])
    return counts


@contextmanager
def counting(server, file):
    """Attach to a server; the dictionary that this yields is filled when the block ends."""
    counts = {}
    child = process.start(["strace", "-f", "-c", "-o", file, "-p", server.pid],
                          stderr=subprocess.PIPE)
    try:
        _wait_attached(child)
        yield counts
        child.send_signal(signal.SIGINT)
        child.wait(timeout=ATTACH_S)
        counts.update(parse_counts(file.read_text()))
    except subprocess.TimeoutExpired as expired:
        raise process.Failure("strace did not detach") from expired
    finally:
        process.end(child)


def _wait_attached(child):
    line = child.stderr.readline()
    if " attached" not in line:
        raise process.Failure(f"strace cannot attach: {line.strip()}")
    time.sleep(0.2)  # the other threads follow at once


def count_run(command, file, timeout_s):
    """Run a command to its end and count its calls."""
    process.run(["strace", "-f", "-c", "-o", file, *command], timeout_s)
    return parse_counts(file.read_text())


def send_calls(counts):
    return sum(counts.get(name, 0) for name in SENDS)
