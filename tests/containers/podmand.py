"""A podman of the tests' own, with the file that `hythe install podman --write` makes. It has no daemon:
each command has storage in a folder."""
import contextlib
import json
import shutil
import subprocess

import images
from sandbox import PLACES, WAIT


class Podman:
    """The command, with all that it keeps in a folder."""

    def __init__(self, namespace, env, prefix):
        self.namespace = namespace
        self.folder = PLACES.folder("hp-")
        root = self.folder / "root"
        shown = root / prefix.relative_to("/")  # as in a package
        shown.parent.mkdir(parents=True)
        shown.symlink_to(prefix)
        result = subprocess.run([prefix / "bin" / "hythe", "install", "podman", "--write", "--root",
                                 root, "--prefix", prefix], capture_output=True)
        assert result.returncode == 0, result
        self.env = {**env, "CONTAINERS_CONF":
                    str(root / "etc" / "containers" / "containers.conf.d" / "50-hythe.conf"),
                    "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}  # podman 5 has one for each command
        policy = self.folder / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.base = ["podman", "--root", self.folder / "data", "--runroot", self.folder / "run",
                     "--tmpdir", self.folder / "tmp", "--cgroup-manager", "cgroupfs",
                     "--events-backend", "file"]
        # Where CAP_SYS_RESOURCE lacks, podman cannot raise these limits as it wants to.
        self.settings = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096",
                         "--cgroup-parent", f"/{namespace.group}"]
        self.images = {}

    def __call__(self, *words, timeout=WAIT):
        return self.namespace.run(*self.base, *words, env=self.env, timeout=timeout)

    def ok(self, *words):
        code, out, err = self(*words)
        assert code == 0, (words, out, err)
        return out.strip()

    def load(self, name, files, **options):
        """An image from an OCI archive; its name."""
        key = (name, repr(options))
        if key not in self.images:
            full = f"docker.io/test/{name.replace('_', '-')}:{len(self.images)}"
            path = self.folder / f"{len(self.images)}.tar"
            images.archive(path, full, files, options.pop("entrypoint", ["app.wasm"]), **options)
            self.ok("load", "-i", path)
            self.images[key] = full
        return self.images[key]

    def words(self, image, *words, options=()):
        return ["--runtime", "hythe", "run", *self.settings, *options, image, *words]

    def run(self, image, *words, options=()):
        return self(*self.words(image, *words, options=("--rm", *options)))

    @contextlib.contextmanager
    def start(self, image, *words, options=()):
        name = self.ok(*self.words(image, *words, options=("-d", *options)))
        try:
            yield name
        except BaseException:
            print(self("logs", name), self("inspect", name)[1][:2000])
            raise
        finally:
            self("rm", "-f", "-t", "0", name)

    def inspect(self, name, what):
        return json.loads(self.ok("inspect", "-f", "{{json %s}}" % what, name))

    def stop(self, name):
        self.ok("stop", "-t", "20", name)
        return self.inspect(name, ".State.ExitCode")

    def close(self):
        self("rm", "-a", "-f", "-t", "0")
        self("system", "reset", "-f")
        shutil.rmtree(self.folder, ignore_errors=True)
