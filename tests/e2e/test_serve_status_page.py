"""The status page, as a browser shows it: headless Chromium on the admin listener."""
import html.parser
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

from harness import GET_CLOSE, Program, ask, get, wait_until

HOSTILE = "/<script>document.title='pwned'<%2Fscript><img src=x onerror=alert(1)>&amp;\\\"'"
CONFIG = """
workers = 1
admin = "127.0.0.1:0"
[[route]]
path = "/..."
kind = "cgi"
module = "{module}"
[[route]]
path = "/text"
text = "here"
[[route]]
path = "{hostile}/..."
text = "hostile"
"""


@pytest.fixture(scope="module")
def admin(hythe_of_module, guest, tmp_path_factory):
    """A server that has answered for some seconds; the address of its admin listener."""
    server = hythe_of_module.serve(
        config=CONFIG.format(module=guest("cgi_ways"), hostile=HOSTILE),
        folder=tmp_path_factory.mktemp("status"))
    found = server.wait_for(r"^hythe: status on http://127\.0\.0\.1:(\d+)$", "err")
    for _ in range(3):
        for path in ("/count", "/text", "/trap", "/text"):
            ask(server.address, get(path, "Connection: close"))
        time.sleep(1)
    address = "127.0.0.1", int(found[1])
    wait_until(lambda: len(drawn_lines(Page(ask(address).body.decode()))) >= 9, "lines to draw")
    return address


class Page(html.parser.HTMLParser):
    """What a page consists of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.lines, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "polyline":
            self.lines.append(dict(attrs)["points"].split())

    def handle_data(self, data):
        self.text += data


def drawn_lines(page):
    return [line for line in page.lines if len(line) >= 3]


def chromium(folder, *args):
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed: scripts/deps browser")
    return [path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--no-proxy-server", f"--user-data-dir={folder}", "--enable-logging=stderr", *args]


def render(address, folder):
    """The document that Chromium has made of the page, and what its console said."""
    done = subprocess.run(
        chromium(folder, "--virtual-time-budget=1000", "--dump-dom",
                 f"http://127.0.0.1:{address[1]}/"),
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Page(done.stdout), console


def test_page(admin, tmp_path):
    page, console = render(admin, tmp_path)
    assert console == []
    for words in ("hythe", "serving", "1 of 1", "/text", "/...", "all"):
        assert words in page.text
    drawn = drawn_lines(page)
    assert len(drawn) >= 9, "three lines for each of all and two routes"
    for line in page.lines:
        for point in line:
            x, y = map(float, point.split(","))
            assert 0 <= x <= 240 and 0 <= y <= 32
    requests = [line for line in drawn if len({point.split(",")[1] for point in line}) > 1]
    assert requests, "no line rises or falls"


def test_a_hostile_name_is_text(admin, tmp_path):
    page, console = render(admin, tmp_path)
    assert "script" not in page.tags and "img" not in page.tags
    assert "<script>document.title='pwned'" in page.text
    assert "pwned" not in console


def test_it_needs_nothing_from_elsewhere(admin):
    answer = ask(admin, GET_CLOSE)
    text = answer.body.decode()
    assert answer.headers["content-type"].startswith("text/html")
    assert not re.search(r'(src|href)="(https?:)?//', text) and "<script" not in text


def test_it_refreshes_itself(admin, tmp_path):
    """A browser that is left alone asks again, about every two seconds."""
    asked = []
    listener = socket.create_server(("127.0.0.1", 0))

    def pass_on():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(2)
                try:
                    line = peer.recv(65536).split(b"\r\n")[0]
                    path = line.split(b" ")[1].decode() if line else "/"
                    if path == "/":
                        asked.append(time.monotonic())
                    answer = ask(admin, get(path, "Connection: close"))
                    peer.sendall(b"HTTP/1.1 %d x\r\nContent-Type: text/html\r\n"
                                 b"Connection: close\r\nContent-Length: %d\r\n\r\n"
                                 % (answer.status, len(answer.body))
                                 + answer.body)
                except OSError:
                    pass

    threading.Thread(target=pass_on, daemon=True).start()
    port = listener.getsockname()[1]
    browser = Program(chromium(tmp_path, "--remote-debugging-port=0", f"http://127.0.0.1:{port}/"),
                      env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    try:
        wait_until(lambda: len(asked) >= 3, "asked for it three times", 60)
    finally:
        browser.close()
        listener.close()
    assert 1 < asked[2] - asked[1] < 10
