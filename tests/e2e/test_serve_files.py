"""Files of `hythe serve`: conditions, ranges, packed twins, and that nothing outside of the folder,
and nothing hidden in it, is ever served."""
import gzip
import os
import re
import socket

import pytest

from harness import Reader, ask, dial, exchange, fd_count, get, url, curl, wait_until, worker_of

CONFIG = """
workers = 1
[[route]]
path = "/..."
files = "public"
cache_control = "max-age=60"
precompressed = true
[[route]]
path = "/plain/..."
files = "public"
index = ""
headers = {{ X-Own = "here" }}
[[route]]
path = "/app/..."
files = "public"
fallback = "index.html"
"""
TEXT = b"0123456789abcdefghijklmnopqrstuvwxyz"
BIG = 64 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    public = folder / "public"
    for name in ("sub", ".hidden", ".well-known", "sub/.git", "a b", "empty", "loop"):
        (public / name).mkdir(parents=True)
    for name, content in {
            "text.txt": TEXT, "index.html": b"<p>top", "sub/index.html": b"<p>sub", "none": b"",
            ".secret": b"secret", ".hidden/x": b"secret", ".well-known/acme": b"well known",
            "sub/.git/config": b"secret", "a b/c+d.txt": b"blank", "%2e%2e": b"percent",
            "style.css": b"css", "page.js": b"js", "odd.qqq": b"odd",
            "back\\slash": b"back"}.items():
        (public / name).write_bytes(content)
    (public / "style.css.gz").write_bytes(gzip.compress(b"css, packed"))
    (public / "style.css.br").write_bytes(b"as if packed by brotli")
    (public / "page.js.gz").write_bytes(gzip.compress(b"js, packed"))
    with open(public / "big.bin", "wb") as big:
        big.write(os.urandom(1 << 20))
        big.truncate(BIG)
    (folder / "outside.txt").write_bytes(b"secret")
    (folder / "public-too").mkdir()
    (folder / "public-too" / "x").write_bytes(b"secret")
    (public / "inside").symlink_to("text.txt")
    (public / "sub" / "up").symlink_to("../text.txt")
    (public / "out").symlink_to("../outside.txt")
    (public / "out_absolute").symlink_to(folder / "outside.txt")
    (public / "out_folder").symlink_to("..")
    (public / "root").symlink_to("/")
    (public / "proc").symlink_to("/proc/self")
    (public / "loop" / "a").symlink_to("b")
    (public / "loop" / "b").symlink_to("a")
    os.mkfifo(public / "pipe")
    with socket.socket(socket.AF_UNIX) as unix:
        here = os.getcwd()
        os.chdir(public)
        unix.bind("socket")
        os.chdir(here)
    return folder


@pytest.fixture(scope="module")
def server(hythe_of_module, folder):
    return hythe_of_module.serve(config=CONFIG.format(), folder=folder)


def at(server, path, *headers, method="GET"):
    return ask(server.address,
               get(path, "Connection: close", *headers).replace(b"GET", method.encode(), 1))


def head(server, path, *headers):
    with dial(server.address) as peer:
        peer.sendall(get(path, "Connection: close", *headers).replace(b"GET", b"HEAD", 1))
        reader = Reader(peer)
        answer = reader.head()
        assert reader.bytes == b"" and peer.recv(1) == b""
        return answer


# -- what is served --------------------------------------------------------------------------------


@pytest.mark.parametrize("path, body, kind", [
    ("/text.txt", TEXT, "text/plain"), ("/", b"<p>top", "text/html"),
    ("/sub/", b"<p>sub", "text/html"),
    ("/style.css", b"css", "text/css"), ("/page.js", b"js", "text/javascript"),
    ("/odd.qqq", b"odd", "application/octet-stream"), ("/none", b"", "application/octet-stream"),
    ("/a%20b/c+d.txt", b"blank", "text/plain"), ("/inside", TEXT, ""), ("/sub/up", TEXT, ""),
    ("/.well-known/acme", b"well known", ""), ("/%74ext.txt", TEXT, "text/plain"),
    ("/sub/../text.txt", TEXT, "text/plain"), ("/sub/%2e%2e/text.txt", TEXT, "text/plain"),
    ("//text.txt", TEXT, "text/plain"), ("/%252e%252e", b"percent", ""),
    ("/back%5Cslash", b"back", "")])
def test_served(server, path, body, kind):
    answer = at(server, path)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"


def test_a_folder_without_its_slash(server):
    answer = at(server, "/sub?a=b")
    assert (answer.status, answer.headers["location"]) == (301, "/sub/?a=b")
    assert at(server, "//sub").headers["location"] == "/sub/", "a way to another host"


def test_index_off(server):
    assert at(server, "/plain/").status == 404
    assert at(server, "/empty/").status == 404
    assert at(server, "/plain/text.txt").headers["x-own"] == "here"


def test_fallback(server):
    assert at(server, "/app/any/where").body == b"<p>top"
    assert at(server, "/app/text.txt").body == TEXT
    assert at(server, "/app/.secret").body in (b"<p>top", b"404 Not Found\n") or \
        at(server, "/app/.secret").status == 404


# -- what is not -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [
    "/../outside.txt", "/..%2foutside.txt", "/%2e%2e/outside.txt", "/%2e%2e%2foutside.txt",
    "/sub/../../outside.txt", "/sub/%2e%2e/%2e%2e/outside.txt", "/....//outside.txt",
    "/%252e%252e/outside.txt", "/..%5coutside.txt", "/..\\outside.txt", "/../public-too/x",
    "/plain/../../outside.txt", "/plain/..%2f..%2foutside.txt", "/..;/outside.txt",
    "/out", "/out_absolute", "/out_folder/outside.txt", "/root/etc/passwd", "/proc/environ",
    "/proc/cwd/outside.txt", "/loop/a", "/.secret", "/.hidden/x", "/sub/.git/config", "/%2esecret",
    "/%2Ehidden/x", "/sub/%2egit/config", "/.well-known/../.secret", "/.well-known/.x",
    "/pipe", "/socket", "/text.txt/", "/text.txt/x", "/sub%2findex.html", "/text.txt%00.html",
    "/" + "a" * 5000, "/" + "a/" * 3000, "/%c0%ae%c0%ae/outside.txt", "/text.txt%20", "/TEXT.TXT",
    "/etc/passwd", "//etc/passwd", "///etc/passwd"])
def test_not_served(server, path):
    said = exchange(server.address, get(path, "Connection: close"))
    assert re.match(rb"HTTP/1\.1 (400|403|404) ", said), said[:100]
    assert b"secret" not in said and b"root:" not in said


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods(server, method):
    answer = at(server, "/text.txt", "Content-Length: 0", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_file_that_may_not_be_read(server, folder):
    path = folder / "public" / "locked"
    path.write_bytes(b"locked")
    path.chmod(0)
    assert at(server, "/locked").status in (403, 200)  # root reads it if it kept that power
    path.unlink()
    assert at(server, "/locked").status == 404


# -- conditions ------------------------------------------------------------------------------------


def test_head(server):
    answer = head(server, "/text.txt")
    assert answer.status == 200 and answer.headers["content-length"] == str(len(TEXT))
    assert answer.headers["etag"] == at(server, "/text.txt").headers["etag"]


def test_conditions(server, folder):
    whole = at(server, "/text.txt")
    etag, date = whole.headers["etag"], whole.headers["last-modified"]
    past = "Thu, 01 Jan 1970 00:00:00 GMT"
    for lines, status in [
            ([f"If-None-Match: {etag}"], 304), ([f"If-None-Match: W/{etag}"], 304),
            (["If-None-Match: *"], 304), ([f'If-None-Match: "a,b", {etag}'], 304),
            (['If-None-Match: "other"'], 200), ([f"If-Modified-Since: {date}"], 304),
            ([f"If-Modified-Since: {past}"], 200), (["If-Modified-Since: nonsense"], 200),
            ([f'If-None-Match: "other"', f"If-Modified-Since: {date}"], 200),
            ([f"If-Match: {etag}"], 200), (['If-Match: "other"'], 412),
            ([f"If-Unmodified-Since: {past}"], 412), ([f"If-Unmodified-Since: {date}"], 200)]:
        answer = at(server, "/text.txt", *lines)
        assert answer.status == status, lines
        if status == 304:
            assert answer.headers["etag"] == etag and answer.headers["cache-control"]
    os.utime(folder / "public" / "text.txt", (1, 1))
    assert at(server, "/text.txt", f"If-None-Match: {etag}").status == 200


# -- ranges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked, said, body", [
    ("bytes=0-0", "bytes 0-0/36", b"0"), ("bytes=10-", "bytes 10-35/36", TEXT[10:]),
    ("bytes=-3", "bytes 33-35/36", b"xyz"), ("bytes=30-99", "bytes 30-35/36", TEXT[30:]),
    ("bytes=-99", "bytes 0-35/36", TEXT), ("bytes=35-35", "bytes 35-35/36", b"z")])
def test_range(server, asked, said, body):
    answer = at(server, "/text.txt", f"Range: {asked}")
    assert (answer.status, answer.headers["content-range"], answer.body) == (206, said, body)


@pytest.mark.parametrize("asked", ["bytes=36-", "bytes=-0", "bytes=99-100"])
def test_range_that_is_not_there(server, asked):
    answer = at(server, "/text.txt", f"Range: {asked}")
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */36")


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=a-b", "bytes", "lines=1-2", "bytes=--1",
                                   "bytes=1-2-3", "bytes=99999999999999999999999-"])
def test_range_that_is_none(server, asked):
    """What is no range is passed over, or refused; never a wrong piece."""
    answer = at(server, "/text.txt", f"Range: {asked}")
    assert answer.status == 416 or (answer.status, answer.body) == (200, TEXT)


def test_several_ranges(server):
    answer = at(server, "/text.txt", "Range: bytes=0-1,-2")
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\S+)",
                            answer.headers["content-type"])[1]
    parts = answer.body.split(b"--" + boundary.encode())
    assert answer.status == 206 and len(parts) == 4 and parts[3].strip() == b"--"
    assert parts[1].endswith(b"\r\n\r\n01\r\n") and b"bytes 0-1/36" in parts[1]
    assert parts[2].endswith(b"\r\n\r\nyz\r\n") and b"bytes 34-35/36" in parts[2]


def test_many_ranges(server):
    """A thousand overlapping ranges are no way to have a file sent a thousand times."""
    answer = at(server, "/big.bin", "Range: bytes=" + ",".join(["0-"] * 1000))
    assert answer.status in (200, 416) or len(answer.body) <= 2 * BIG


def test_if_range(server):
    etag = at(server, "/text.txt").headers["etag"]
    assert at(server, "/text.txt", "Range: bytes=0-0", f"If-Range: {etag}").status == 206
    assert at(server, "/text.txt", "Range: bytes=0-0", 'If-Range: "other"').status == 200


# -- packed twins ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path, accepts, coding", [
    ("/style.css", "gzip, br", "br"), ("/style.css", "gzip", "gzip"),
    ("/style.css", "br;q=0, gzip", "gzip"),
    ("/style.css", "identity", None), ("/page.js", "br, gzip;q=0.5", "gzip"),
    ("/page.js", "br", None),
    ("/page.js", "gzip;q=0", None), ("/text.txt", "gzip, br", None)])
def test_precompressed(server, path, accepts, coding):
    answer = at(server, path, f"Accept-Encoding: {accepts}")
    assert answer.status == 200 and answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"].lower() == "accept-encoding"
    assert "css" in answer.headers["content-type"] or path != "/style.css"
    if coding == "gzip":
        assert gzip.decompress(answer.body).endswith(b", packed")


def test_each_twin_has_its_own_tag(server):
    tags = {at(server, "/style.css", f"Accept-Encoding: {coding}").headers["etag"]
            for coding in ("identity", "gzip", "br")}
    assert len(tags) == 3
    assert "content-encoding" not in at(server, "/plain/style.css", "Accept-Encoding: gzip").headers


# -- large ones ------------------------------------------------------------------------------------


def test_big(server, folder, tmp_path):
    got = tmp_path / "got"
    curl(url(server.address, "/big.bin"), "-o", got)
    assert got.read_bytes() == (folder / "public" / "big.bin").read_bytes()


def test_a_file_that_shrinks_while_it_is_sent(server, folder):
    """The response is broken off: not filled up, and the next one is not taken for its rest."""
    path = folder / "public" / "shrinks"
    with open(path, "wb") as file:
        file.truncate(BIG)
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(10)
        peer.connect(server.address)
        peer.sendall(get("/shrinks") + get("/text.txt"))
        first = peer.recv(4096)
        assert first.startswith(b"HTTP/1.1 200 ")
        os.truncate(path, 1 << 20)
        received = len(first)
        try:
            while part := peer.recv(1 << 16):
                received += len(part)
        except ConnectionResetError:
            pass
    assert received < BIG
    path.unlink()


def test_no_descriptor_stays_open(server):
    """Neither of whole answers nor of those that nobody waits for."""
    pid = worker_of(server)
    before = fd_count(pid)
    for i in range(50):
        with dial(server.address) as peer:
            peer.sendall(get("/big.bin"))
            peer.recv(1000)
        at(server, "/text.txt", "Range: bytes=99-")
        at(server, "/style.css", "Accept-Encoding: br")
        at(server, f"/missing{i}")
    wait_until(lambda: fd_count(pid) <= before, "files are closed")
