"""The README's section on serving, as a reader types it: each command does what stands behind it."""
import re
import shlex
import subprocess

import pytest

from harness import COMPILE, ROOT, WAIT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## Serving$(.*?)^## ", README, re.M | re.S)[1]
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.M | re.S)
PORT, ADMIN = "127.0.0.1:8080", "127.0.0.1:9901"

# What a remark means that is no text of the answer.
MEANINGS = {
    "what the program was told": lambda said: "QUERY_STRING=a=b\n" in said,
    "this file": lambda said: said == README,
    "examples/serve/public/index.html":
        lambda said: said == (ROOT / "examples/serve/public/index.html").read_text(),
    "for Prometheus; / is for people": lambda said: "hythe_requests_total{" in said,
    "prints the routes": lambda said: said.count("\n") == 7,
}


def commands(block):
    """Each command with the remark behind it."""
    return [[part.strip() for part in line.partition("  # ")[::2]] for line in block.splitlines()]


def is_meant(remark, said):
    redirect = re.fullmatch(r"(\d+) to (\S+)", remark)
    if redirect:
        return said.startswith(f"HTTP/1.1 {redirect[1]} ") and \
            f"\nlocation: {redirect[2]}\n" in said.lower()
    if remark in MEANINGS:
        return MEANINGS[remark](said)
    return said.splitlines()[:1] == [remark]


def run(words):
    if words[0] == "curl":
        words[1:1] = ["-sS", "--noproxy", "*", "--max-time", str(int(WAIT))]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=WAIT + 2, check=True)
    return done.stdout.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("block", BLOCKS, ids=["module", "wagi", "file"])
def test_the_section(hythe, block):
    names = {}
    for command, remark in commands(block):
        words = shlex.split(command)
        if words[0] == "hythe" and "--check" in words:
            result = hythe(*words[1:], cwd=ROOT)
            assert result.code == 0 and is_meant(remark, result.out), result
        elif words[0] == "hythe":
            # On ports that are free, in place of those of the text.
            server = hythe.serve("--admin", "127.0.0.1:0", *words[2:], cwd=ROOT)
            names[PORT] = "%s:%d" % server.address
            names[ADMIN] = server.wait_for(r"^hythe: status on http://(\S+)$", "err", COMPILE)[1]
        else:
            for name, address in names.items():
                command = command.replace(name, address)
            said = run(shlex.split(command))
            assert is_meant(remark, said), f"{command}: {said}"


def test_the_section_is_found():
    """The test above runs nothing that it does not find."""
    typed = [command for block in BLOCKS for command, _ in commands(block)]
    assert len(BLOCKS) == 3 and sum(command.startswith("hythe serve") for command in typed) == 4
    assert sum(command.startswith("curl") for command in typed) == 10
