"""Rounds of several servers in turn, and the rows that they come to."""
from statistics import median

from kit import process, report


def rounds(setting, subjects, load, pairs=None, seconds=None):
    """Rounds on all subjects in turn, in changing order: a list of tuples in their order."""
    pairs = pairs or setting.pick(9, 3)
    seconds = seconds or setting.pick(2, 1)
    for subject in subjects:
        load(subject, 1)
    seen_in = []
    for i in range(pairs):
        order = list(range(len(subjects)))
        if i % 2 == 1:
            order.reverse()
        seen = {k: load(subjects[k], seconds) for k in order}
        seen_in.append(tuple(seen[k] for k in range(len(subjects))))
        process.say(f"round {i + 1} of {pairs}: "
                    + ", ".join(f"{one.cpu_us:.2f}" for one in seen_in[-1])
                    + " us of CPU a request")
    return seen_in


def ratio(seen, other=1):
    """Requests per CPU-second of the first one to those of another one."""
    return median(one[0].per_cpu_second / one[other].per_cpu_second for one in seen)


def cpu_us(seen):
    """The medians of the subjects."""
    return [median(one[k].cpu_us for one in seen) for k in range(len(seen[0]))]


def spent(seen, titles):
    return (", ".join(f"{title} {value:,.1f} µs" for title, value in zip(titles, cpu_us(seen)))
            + " of CPU a request")


def rounds_table(titles, seen):
    header = ["round"]
    for title in titles:
        header += [f"{title} requests/s", "busy", "CPU µs a request"]
    cells = []
    for i, one in enumerate(seen):
        cells.append([f"{i + 1}"])
        for each in one:
            cells[-1] += [f"{each.per_second:,.0f}", f"{each.busy_percent:.0f} %",
                          f"{each.cpu_us:.2f}"]
    return report.table(header, cells)


def details(name, note, titles, seen):
    return f"### {name}\n\n{note}\n\n" + rounds_table(titles, seen)


def percent_row(name, what, target, seen, titles, note):
    """The first subject must reach so many percent of the second one's requests per CPU-second."""
    reached = 100 * ratio(seen)
    return report.Row(what, f"≥ {target} % of {titles[1]}'s requests per CPU-second",
                      spent(seen, titles), f"{reached:.0f} %", report.verdict(reached >= target),
                      details(name, note, titles, seen))


def times_row(name, what, targets, seen, titles, note):
    """The first subject must reach so many times each other one's requests per CPU-second."""
    reached = [ratio(seen, k + 1) for k in range(len(targets))]
    must = " and ".join(f"≥ {target}x {title}'s" for target, title in zip(targets, titles[1:]))
    return report.Row(what, f"{must} requests per CPU-second", spent(seen, titles),
                      ", ".join(f"{each:.1f}x" for each in reached),
                      report.verdict(all(each >= target
                                         for each, target in zip(reached, targets))),
                      details(name, note, titles, seen))
