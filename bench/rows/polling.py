"""What waiting costs: parking a guest, and long poll lists."""
import re
from statistics import median

from kit import process, report, strace

RUN_S = 120
PARK_TARGET_US = 3
WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
OFTEN = 50  # rarer calls are summed only


def _ns(setting, *command):
    """The figure that the guest prints: '... N ns a turn'."""
    out = process.run(setting.run_command(*command, options=["--net"]), RUN_S, setting.server_cpus)
    found = re.search(r"(\d+) ns a (turn|poll)", out)
    if found is None:
        raise process.Failure(f"{command[0]} printed no time: {out!r}")
    return int(found.group(1))


def _waits(counts):
    return sum(counts.get(name, 0) for name in WAITS)


def park(setting):
    """Park and resume of a guest that waits in poll_oneoff, kernel included."""
    turns, runs = setting.pick(200_000, 20_000), setting.pick(7, 3)
    modes = {"datagram": ("socket", turns), "no wait": ("direct", turns),
             "clock": ("clock", turns, "1")}
    _ns(setting, "park", "socket", "100")
    seen = []
    for i in range(runs):
        seen.append({name: _ns(setting, "park", *words) for name, words in modes.items()})
        process.say(f"run {i + 1} of {runs}: {seen[-1]} ns")

    traced = turns // 10
    columns = {name: (strace.count_run(
        setting.run_command("park", words[0], traced, *words[2:], options=["--net"]),
        setting.cache / "park.strace", RUN_S), traced) for name, words in modes.items()}
    clock_us = median(one["clock"] for one in seen) / 1000
    socket_us = median(one["datagram"] - one["no wait"] for one in seen) / 1000
    measured, cost_us = f"{clock_us:.2f} µs for a clock", clock_us
    note = ""
    # A wait for what is known to be there is none, and would look like a gift.
    if _waits(columns["datagram"][0]) >= 0.9 * traced:
        measured, cost_us = f"{socket_us:.2f} µs for a datagram, {measured}", max(socket_us, clock_us)
    else:
        note = "\nThe guest did not park for its datagrams, so only the clock counts.\n"
    if _waits(columns["clock"][0]) < 0.9 * traced:
        raise process.Failure("the guest did not park for a clock")

    details = (f"### park\n\n{turns:,} turns a run. Datagram: the guest sends itself one, waits in "
               "`poll_oneoff`, receives it and finds no other; minus the same without the wait. "
               "Clock: a wait of 1 ns, everything that a turn costs. The larger one counts.\n\n"
               + report.table(["run", "datagram, ns", "no wait, ns", "difference, ns", "clock, ns"],
                              [[i + 1, one["datagram"], one["no wait"],
                                one["datagram"] - one["no wait"], one["clock"]]
                               for i, one in enumerate(seen)])
               + note
               + "\nSystem calls per turn, by `strace -f -c`:\n\n" + report.call_table(columns))
    return report.Row("park and resume of a guest waiting in `poll_oneoff`, kernel included",
                      f"≤ {PARK_TARGET_US} µs", measured, "-",
                      report.verdict(cost_us <= PARK_TARGET_US), details)


def poll_list(setting):
    """poll_oneoff with 1,000 idle subscriptions and one that is ready."""
    turns, runs = setting.pick(20_000, 4_000), setting.pick(5, 3)
    _ns(setting, "idle_poll", "10", "100")
    spent = {idle: median(_ns(setting, "idle_poll", idle, turns) for _ in range(runs))
             for idle in (10, 100, 1000)}
    per_entry = (spent[1000] - spent[10]) / 990

    traced = setting.pick(2_000, 500)
    counts = [strace.count_run(setting.run_command("idle_poll", "1000", polls, options=["--net"]),
                               setting.cache / "poll.strace", RUN_S)
              for polls in (traced, 2 * traced)]
    names = sorted(set(counts[0]) | set(counts[1]), key=lambda name: -counts[1].get(name, 0))
    cells = [[f"`{name}`", counts[0].get(name, 0), counts[1].get(name, 0),
              f"{(counts[1].get(name, 0) - counts[0].get(name, 0)) / traced:.3f}"]
             for name in names if counts[1].get(name, 0) >= OFTEN]
    per_poll = (sum(counts[1].values()) - sum(counts[0].values())) / traced
    cells.append(["all", sum(counts[0].values()), sum(counts[1].values()), f"{per_poll:.3f}"])

    details = ("### poll_list\n\n"
               + report.table(["idle subscriptions", "ns a poll", "ns a subscription"],
                              [[idle, f"{ns:,.0f}", f"{ns / (idle + 1):.1f}"]
                               for idle, ns in spent.items()])
               + f"\nEach further subscription: {per_entry:.1f} ns.\n\n`strace -f -c` of whole "
               f"runs with 1,000 idle subscriptions; what {traced:,} more polls add is the cost "
               "of the polls, the rest is the start.\n\n"
               + report.table(["system call", f"{traced:,} polls", f"{2 * traced:,} polls",
                               "per further poll"], cells))
    return report.Row("`poll_oneoff` with 1,000 idle subscriptions and 1 ready",
                      "no system call per subscription",
                      f"{per_poll:.2f} system calls a poll; {spent[1000] / 1000:.1f} µs a poll, "
                      f"{per_entry:.1f} ns a subscription",
                      "-", report.verdict(per_poll <= 2), details)
