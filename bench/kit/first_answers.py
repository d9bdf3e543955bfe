"""Times of servers from posix_spawn to the line that says their port, and to their first answer.

    first_answers.py RUNS COMMAND...

Each COMMAND is a JSON list of words. They are run in turn, and the pairs of their times in ms are
printed as one JSON list a command. A program of its own for the same reasons as spawn_times.py.
"""
import json
import os
import re
import signal
import socket
import sys
import time

READY_S = 300
ANSWER_S = 20
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


def await_port(file):
    said = []
    for line in file:
        found = re.search(r"serving on http://.*:(\d+)", line)
        if found:
            return int(found.group(1))
        said.append(line.strip())
    sys.exit(f"a server did not start: {' / '.join(said[-3:])}")


def ask(port):
    with socket.create_connection(("127.0.0.1", port), ANSWER_S) as peer:
        peer.sendall(REQUEST)
        data = b""
        while piece := peer.recv(65536):
            data += piece
    if b" 200 " not in data.split(b"\r\n", 1)[0]:
        sys.exit(f"unexpected answer: {data[:100]!r}")


def start_ms(command, sink):
    out, into = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, sink, 1), (os.POSIX_SPAWN_DUP2, into, 2)]
    with open(out, encoding="utf-8") as file:
        start_ns = time.perf_counter_ns()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        os.close(into)
        try:
            port = await_port(file)
            ready_ns = time.perf_counter_ns()
            ask(port)
            answered_ns = time.perf_counter_ns()
        finally:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
    return (ready_ns - start_ns) / 1e6, (answered_ns - start_ns) / 1e6


def main():
    signal.alarm(READY_S)  # nothing above waits for longer
    runs, commands = int(sys.argv[1]), [json.loads(text) for text in sys.argv[2:]]
    times = [[] for _ in commands]
    sink = os.open(os.devnull, os.O_WRONLY)
    for _ in range(runs):
        for command, spent in zip(commands, times):
            spent.append(start_ms(command, sink))
    for spent in times:
        print(json.dumps(spent))


main()
