"""Times of commands from posix_spawn to wait4, as a program of its own.

    spawn_times.py RUNS COMMAND...

Each COMMAND is a JSON list of words. They are run in turn, and their times in ms are printed as one
JSON list a command. Being apart from bench/run, this has a session and a priority of its own, and
its memory is too small to slow the spawning down.
"""
import json
import os
import sys
import time


def spawn_ms(command, sink):
    actions = [(os.POSIX_SPAWN_DUP2, sink, fd) for fd in (1, 2)]
    start_ns = time.perf_counter_ns()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    _, status, _ = os.wait4(pid, 0)
    spent_ms = (time.perf_counter_ns() - start_ns) / 1e6
    if status != 0:
        sys.exit(f"{os.path.basename(command[0])} ended with status {status:#x}")
    return spent_ms


def main():
    runs, commands = int(sys.argv[1]), [json.loads(text) for text in sys.argv[2:]]
    times = [[] for _ in commands]
    sink = os.open(os.devnull, os.O_WRONLY)
    for _ in range(runs):
        for command, spent in zip(commands, times):
            spent.append(spawn_ms(command, sink))
    for spent in times:
        print(json.dumps(spent))


main()
