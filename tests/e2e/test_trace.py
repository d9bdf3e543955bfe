"""--trace: each host call on a line of stderr, with named arguments and its result."""
import re

from harness import ask, dial, reset


def lines_of(err):
    return [line[len("hythe: "):] for line in err.splitlines() if line.startswith("hythe: ")]


def has(lines, pattern):
    return any(re.fullmatch(pattern, line) for line in lines)


def test_plain_command(hythe, guest):
    """Writing is traced with sizes, and the guest's stdout is untouched."""
    plain = hythe.run(guest("hello"))
    result = hythe.run("--trace", guest("hello"), "--exit", "3")
    lines = lines_of(result.err)
    assert result.code == 3
    assert result.out.startswith("hello\narg 0: hello.wasm\n") and plain.out.startswith("hello\n")
    assert has(lines, r"fd_write\(fd=1, iovs=\[\d+ bytes in \d+\]\) = SUCCESS nwritten=\d+")
    assert has(lines, r"args_sizes_get\(.*\) = SUCCESS .*")
    assert has(lines, r"proc_exit\(\w+=3\) ends the guest")


def test_written_bytes_add_up(hythe, guest):
    """What the lines say was written is what was written."""
    result = hythe.run("--trace", guest("hello"), "some", "words")
    sizes = re.findall(r"fd_write\(fd=1, .*nwritten=(\d+)", result.err)
    assert sum(map(int, sizes)) == len(result.out.encode())


def test_files(hythe, guest, tmp_path):
    """Paths in quotes, flags by name, errors by name."""
    result = hythe.run("--trace", "--dir", f"{tmp_path}::/d", guest("files"), "/d", "create",
                       "read", "mkdir", "rmdir")
    lines = lines_of(result.err)
    assert result.code == 0, result
    assert has(lines, r'path_open\(fd=3, .*path="file".*CREAT\|EXCL.*\) = SUCCESS .*fd=\d+')
    assert has(lines, r'path_create_directory\(fd=3, path="folder"\) = SUCCESS')
    result = hythe.run("--trace", "--dir", f"{tmp_path}::/d", guest("files"), "/d", "create")
    assert has(lines_of(result.err), r'path_open\(.*path="file".*\) = EXIST')


def test_server(hythe, guest):
    """Sockets: addresses as the calls see them, waits, and what a client caused."""
    server = hythe.serve_own(guest("poll_hello"), "--trace")
    assert ask(server.address).status == 200
    server.wait_for(r"fd_close\(fd=\d+\) = SUCCESS", "err")
    result = server.stop()
    lines = lines_of(result.err)
    assert has(lines, r"sock_open\(.*\) = SUCCESS fd=3")
    assert has(lines, r"sock_bind\(fd=3, .*port=0\) = SUCCESS")
    assert has(lines, r"sock_listen\(fd=3, backlog=1024\) = SUCCESS")
    assert has(lines, r"poll_oneoff\(.*\) waits")
    assert has(lines, r"poll_oneoff\(.*\) = SUCCESS nevents=1")
    assert has(lines, r"sock_accept\(fd=3\) = SUCCESS fd=4")
    assert has(lines, r"sock_accept\(fd=3\) = AGAIN")
    assert has(lines, r"sock_recv\(fd=4, .*\) = SUCCESS .*=\d+.*")


def test_refusal_is_in_the_trace(hythe, guest):
    """A refused call shows its errno beside the operator's line."""
    result = hythe.run("--trace", "--env", "PORT=0", guest("poll_hello"))
    assert re.search(r"sock_bind\(.*\) = ACCES", result.err), result.err
    assert "--allow-listen" in result.err


def test_control_characters_are_escaped(hythe, guest, tmp_path):
    """A guest cannot write to the operator's terminal through a path."""
    result = hythe.run("--trace", "--dir", f"{tmp_path}::/d", guest("files"), "/d/\x1b[31mred\n")
    assert "\x1b" not in result.err
    assert r"\x1b[31mred\x0a" in result.err


def test_trace_of_a_server_under_load(hythe, guest):
    """Tracing changes no answer and no crash comes of resets."""
    server = hythe.serve_own(guest("hyper_server"), "--trace")
    for _ in range(20):
        reset(dial(server.address))
    assert ask(server.address).status == 200
