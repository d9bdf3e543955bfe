"""The commands of docs/guide/components.md and the components of the README, as a reader types them.

A block of `console` is a list of commands, each with what it prints; `...` stands for any lines. A server
goes on running, behind its block, until the next one starts. A block of `log` has lines that the server
says. A block of `toml` that begins with a name is that file. All is run in a copy of the
folder, with ports that are free; a part whose guest is not built is left out."""
import functools
import http.server
import os
import re
import shlex
import shutil
import subprocess
import threading

import pytest

from harness import COMPILE, ROOT, WAIT, wait_until

GUIDE = ROOT / "docs" / "guide" / "components.md"
README = ROOT / "README.md"

# What the sections' own builds would leave.
BUILT = {
    "examples/components/c/hello.wasm": "example_c",
    "examples/components/rust/target/wasm32-wasip2/release/hello.wasm": "example_rust",
    "examples/components/js/hello.wasm": "example_js",
}
COMPILING = 150  # seconds; for megabytes of JavaScript, once
BLOCK = re.compile(r"^```(console|log|toml)\n(.*?)^```$", re.M | re.S)


def sections(path):
    """A document by its headings, those of code left alone."""
    text = re.sub(r"^```sh\n.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    parts = re.split(r"^##+ (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def steps(block):
    """Each command with the lines it is to print."""
    parts = re.split(r"^\$ (.*)$", block, flags=re.M)
    return [(command, text.strip("\n").splitlines()) for command, text in
            zip(parts[1::2], parts[2::2])]


def plain(line):
    """Without what differs from run to run."""
    line = re.sub(r"[0-9a-f]{32}", "ID", line)
    line = re.sub(r"0x[0-9a-f]+", "0x", line)
    return re.sub(r" +", " ", line).rstrip()


def check_output(command, wanted, found):
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(plain(line)) + "\n"
                      for line in wanted)
    text = "".join(plain(line) + "\n" for line in found.splitlines())
    assert re.fullmatch(pattern, text), f"$ {command}\n{found}"


class Reader:
    """Someone who follows the document."""

    def __init__(self, hythe, folder):
        self.hythe = hythe
        self.folder = folder
        self.server = None
        self.files = None
        self.names = {}  # of addresses in the document, to those there are
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "hythe").symlink_to(hythe.path)
        (bin_folder / "curl").write_text('#!/bin/sh\nexec /usr/bin/env PATH=/usr/bin:/bin curl -sS '
                                         '--noproxy "*" --max-time 10 "$@"\n')
        (bin_folder / "curl").chmod(0o755)
        self.env = {**hythe.env, "PATH": f"{bin_folder}:{os.environ['PATH']}"}

    def local(self, text):
        for name, address in self.names.items():
            text = text.replace(name, address)
        return text

    def document(self, text):
        for name, address in self.names.items():
            text = text.replace(address, name)
        return text

    def serve(self, words, wanted, where):
        self.close_server()
        checked = self.hythe("serve", "--check", *words[2:], seconds=COMPILING, cwd=where)
        assert checked.code == 0, checked
        self.server = self.hythe.serve(*words[2:], cwd=where)
        self.names["127.0.0.1:8080"] = "%s:%d" % self.server.address
        self.log(wanted)

    def log(self, lines):
        for line in lines:
            wait_until(lambda line=line: plain(line) in
                       map(plain, self.document(self.server.err).splitlines()),
                       f"{line!r} in\n{self.server.err}")

    def serve_files(self, words):
        handler = functools.partial(http.server.SimpleHTTPRequestHandler,
                                    directory=self.folder / words[words.index("--directory") + 1])
        handler.log_message = handler.func.log_message = lambda *args: None
        self.files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.files.serve_forever, daemon=True).start()
        self.names["127.0.0.1:8000"] = "127.0.0.1:%d" % self.files.server_address[1]

    def type(self, command, wanted, where):
        """Run one command; give the folder that it leaves one in."""
        words = shlex.split(self.local(command))
        if words[0] == "cd":
            return where / words[1]
        if words[:3] == ["python3", "-m", "http.server"]:
            self.serve_files(words)
        elif words[:2] == ["hythe", "serve"] and "--check" not in words:
            self.serve(words, wanted, where)
        else:
            done = subprocess.run(["bash", "-c", self.local(command)], cwd=where, env=self.env,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=COMPILE + WAIT, check=False)
            check_output(command, wanted, self.document(done.stdout.decode()))
        return where

    def follow(self, text):
        for kind, block in BLOCK.findall(text):
            if kind == "toml":
                name = re.match(r"# (\S+\.toml)\n", block)
                if name:
                    (self.folder / name[1]).write_text(block, encoding="utf-8")
            elif kind == "log":
                self.log(block.splitlines())
            else:
                where = self.folder
                for command, wanted in steps(block):
                    where = self.type(command, wanted, where)

    def close_server(self):
        if self.server:
            self.server.close()

    def close(self):
        self.close_server()
        if self.files:
            self.files.shutdown()
            self.files.server_close()


@pytest.fixture
def reader(hythe, guest, tmp_path):
    """In a folder that has what the checkout has, and finds built guests when they are named."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples",
                    ignore=shutil.ignore_patterns("node_modules", "target", "deps"))
    (tmp_path / "build" / "guests").mkdir(parents=True)
    made = Reader(hythe, tmp_path)

    def follow(text):
        for name in set(re.findall(r"build/guests/(\w+)\.wasm", text)):
            (tmp_path / "build" / "guests" / f"{name}.wasm").symlink_to(guest(name))
        for path, name in BUILT.items():
            if re.search(rf"^\$ cd {re.escape(path.partition('/hello')[0].partition('/target')[0])}$",
                         text, re.M):
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(guest(name), tmp_path / path)
        made.follow(text)

    yield follow
    made.close()


def has_commands(text):
    return any(kind == "console" for kind, _ in BLOCK.findall(text))


@pytest.mark.timeout_s(200)
@pytest.mark.parametrize("title", [title for title, text in sections(GUIDE).items()
                                   if has_commands(text)])
def test_guide(reader, title):
    reader(sections(GUIDE)[title])


def test_readme(reader):
    """The README shows commands with what they print behind a `#`."""
    block = re.search(r"^## Components$.*?^```sh\n(.*?)^```$", README.read_text(encoding="utf-8"),
                      re.M | re.S)[1]
    typed = ""
    for line in block.splitlines():
        command, _, output = line.partition("  # ")
        typed += f"$ {command.rstrip()}\n" + (f"{output.strip()}\n" if output else "")
    reader(f"```console\n{typed}```\n")


def test_the_guide_is_followed():
    """The test above runs nothing that it does not find."""
    commands = [command for text in sections(GUIDE).values()
                for kind, block in BLOCK.findall(text) if kind == "console"
                for command, _ in steps(block)]
    assert len(commands) > 20
    assert sum(command.startswith("hythe serve") for command in commands) > 6
