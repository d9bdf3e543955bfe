"""Containers: what hythe-runc adds to a start, an image's size, what a server pays for it."""
import functools
import json
import sys
import tarfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from kit import compare, containers, process, report, serving

SPAWN_TIMES = Path(__file__).resolve().parent.parent / "kit/spawn_times.py"
ADDED_MS = 25
IMAGE_BYTES = 4 << 10
INSIDE_PERCENT = 95
START_S = 120
NATIVE = "native program, runc"


def _or_skipped(row):
    """A row that says why it was skipped where this machine has no root or no engine."""
    @functools.wraps(row)
    def measured(setting):
        try:
            return row(setting)
        except containers.Skipped as reason:
            what = row.__doc__.splitlines()[0].rstrip(".")
            return report.Row(what, "", f"skipped: {reason}", "-", report.SKIPPED,
                              f"### {row.__name__}\n\nSkipped: {reason}.\n")
    return measured


def _spawn_times(commands, runs):
    """{title: [ms, ...]}, each time beginning with another one: what a container leaves to be
    tidied up would else always fall on the same one after it."""
    titles = list(commands)
    spent = {title: [] for title in titles}
    for i in range(runs):
        start = i % len(titles)
        order = titles[start:] + titles[:start]
        if i // len(titles) % 2 == 1:
            order.reverse()
        texts = [json.dumps([str(word) for word in commands[title]]) for title in order]
        out = process.run([sys.executable, SPAWN_TIMES, 1, *texts], START_S, process.ALL_CPUS)
        for title, line in zip(order, out.splitlines()):
            spent[title] += json.loads(line)
    return spent


def _run_commands(engine):
    native = engine.native_image("hello", "tests/guests/c/hello.c")
    wasm = engine.wasm_image("hello")
    runs = {NATIVE: (containers.RUNC, native, containers.LINUX),
            "wasm, hythe-runc": (engine.hythe_runc, wasm, containers.WASI),
            "wasm, containerd-shim-hythe-v1": (engine.shim, wasm, containers.WASI),
            "native program, hythe-runc": (engine.hythe_runc, native, containers.LINUX),
            "native program, runc, again": (containers.RUNC, native, containers.LINUX)}
    return {title: engine.run_command(runtime, image, f"bench-{number}", platform)
            for number, (title, (runtime, image, platform)) in enumerate(runs.items())}


@_or_skipped
def ctr_run(setting):
    """`ctr run` of a C hello image, start to exit, against native runc."""
    runs = setting.pick(60, 20)
    with containers.engine(setting) as engine:
        commands = _run_commands(engine)
        _spawn_times(commands, 1)  # the module is compiled now
        spent = _spawn_times(commands, runs)
    middle = {title: median(ms) for title, ms in spent.items()}
    added = {title: median(one - native for one, native in zip(ms, spent[NATIVE]))
             for title, ms in spent.items()}
    wasm = [title for title in added if title.startswith("wasm")]
    cells = [[title, f"{middle[title]:.1f}", f"{min(ms):.1f}", f"{max(ms):.1f}",
              f"{added[title]:+.1f}"] for title, ms in spent.items()]
    details = (f"### ctr_run\n\n`ctr run --rm --net-host`, {runs} runs of each in turn, from "
               "`posix_spawn` to `wait4`, in a private containerd, not pinned; images from scratch "
               "with one file, the native program of the same C file is linked with `-static`; the "
               "module was compiled by a run before. Against native: the median of the differences "
               "within a turn; native again says how far to trust it. A native program through "
               "hythe-runc is a container that is none of its own.\n\n"
               + report.table(["what", "median ms", "least", "most", "against native"], cells))
    return report.Row("`ctr run` of a C hello image, start to exit, against native `runc` with the "
                      "same program", f"≤ +{ADDED_MS} ms",
                      f"native {middle[NATIVE]:.1f} ms; hythe-runc {added[wasm[0]]:+.1f} ms, by "
                      f"the shim's name {added[wasm[1]]:+.1f} ms", "-",
                      report.verdict(max(added[title] for title in wasm) <= ADDED_MS), details)


def _blobs(archive):
    """{kind: bytes} of the one image in an OCI archive, and the bytes of its index."""
    with tarfile.open(archive) as tar:
        def read(path):
            return tar.extractfile(path).read()

        def blob(entry):
            return read("blobs/" + entry["digest"].replace(":", "/"))

        index = read("index.json")
        manifest = blob(json.loads(index)["manifests"][0])
        parts = json.loads(manifest)
        kinds = {"layer": sum(len(blob(layer)) for layer in parts["layers"]),
                 "config": len(blob(parts["config"])), "manifest": len(manifest)}
        stored = sum(member.size for member in tar if member.name.startswith("blobs/"))
    if stored != sum(kinds.values()):
        raise process.Failure("the archive has blobs that its manifest does not name")
    return kinds, len(index)


def image(setting):
    """Image of the hyper server by `hythe image build`."""
    module = setting.guest("hyper_server").stat().st_size
    archive = containers.build_image(setting, "hyper_server", "hyper:1",
                                     setting.cache / "hyper.tar")
    kinds, index = _blobs(archive)
    whole = archive.stat().st_size
    added = sum(kinds.values()) - module
    cells = [["module", f"{module:,}", ""],
             *([kind, f"{size:,}", ""] for kind, size in kinds.items()),
             ["blobs: what a registry stores", f"{module + added:,}", f"{added:+,}"],
             ["`index.json`, in the archive alone", f"{index:,}", ""],
             ["archive file, with its tar headers", f"{whole:,}", f"{whole - module:+,}"]]
    details = ("### image\n\nThe verdict counts the blobs, which is what a registry stores and what "
               "is pulled; the archive is a tar of them, with headers, padding and an index.\n\n"
               + report.table(["part", "bytes", "against the module"], cells))
    return report.Row("image of the hyper server by `hythe image build`",
                      f"the module's size + ≤ {IMAGE_BYTES >> 10} KiB",
                      f"blobs {added:+,} bytes on {module:,} (the archive file "
                      f"{whole - module:+,})",
                      f"{100 * (module + added) / module:.2f} %",
                      report.verdict(added <= IMAGE_BYTES), details)


TITLES = ("container with seccomp", "container", "outside")


def _in_turn(setting, engine, guest):
    name = engine.wasm_image(guest)
    process.say(f"{guest}: " + "; ".join(TITLES))
    with ExitStack() as started:
        subjects = [started.enter_context(server) for server in (
            engine.serve(name, ("--seccomp",)), engine.serve(name), engine.serve_outside(guest))]
        return compare.rounds(setting, subjects,
                              lambda subject, seconds: serving.load(subject, setting, seconds),
                              setting.pick(15, 9))  # 5 % is less than one round tells


@_or_skipped
def inside(setting):
    """Requests per CPU-second in a container with host network against outside."""
    with containers.engine(setting) as engine:
        seen = {title: _in_turn(setting, engine, guest)
                for title, guest in (("component", "wasi_hello"), ("CGI", "cgi_hello"))}
    reached = {title: (100 * compare.ratio(rounds, 2),
                       100 * compare.ratio([one[1:] for one in rounds]))
               for title, rounds in seen.items()}
    note = ("`wrk -t1 -c8`, keep-alive, a fresh instance for each request, one worker; the same "
            "binary, from the folder that goes into containers, with the container's files and "
            "network granted, and as it was built. All servers are in one network namespace and up at the "
            "same time; the container's cgroup has the weight that the priority outside gives. "
            "`ctr` has no seccomp filter by itself; with `--seccomp` it is its default profile, "
            "as Docker has one. The verdict counts the container without.")
    details = f"### inside\n\n{note}\n" + "".join(
        f"\n{title}:\n\n{compare.rounds_table(TITLES, rounds)}" for title, rounds in seen.items())
    return report.Row(
        "requests per CPU-second in a container with host network against outside",
        f"≥ {INSIDE_PERCENT} %",
        "; ".join(f"{title}: {compare.spent(rounds, TITLES)}" for title, rounds in seen.items()),
        ", ".join(f"{title} {plain:.0f} % (with seccomp {filtered:.0f} %)"
                  for title, (filtered, plain) in reached.items()),
        report.verdict(min(plain for _, plain in reached.values()) >= INSIDE_PERCENT), details)
