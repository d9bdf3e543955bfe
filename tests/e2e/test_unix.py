"""Unix sockets under WasmEdge's explicit _v2 names, with blocking calls only."""
import pytest

from harness import GET, curl, dial, read_to_end

HELLO = b"Hello over a socket"


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "socket")


@pytest.fixture
def server(hythe, guest, path):
    program = hythe.start("run", "--allow-listen", f"unix:{path}", guest("unix_server"), "listen",
                          path)
    program.wait_for(r"listening on " + path)
    return program


def test_curl(server, path):
    """An ordinary client over the socket file."""
    assert curl("--unix-socket", path, "http://localhost/") == HELLO


def test_raw(server, path):
    """Several clients, one after the other."""
    for _ in range(5):
        with dial(path) as peer:
            peer.sendall(GET)
            assert read_to_end(peer).endswith(b"\r\n\r\n" + HELLO)


def test_waiting_clients(server, path):
    """A guest in a blocking recv serves the next client when the first has gone silent and left."""
    silent = dial(path)
    with dial(path) as peer:
        peer.sendall(GET)
        silent.close()
        assert read_to_end(peer).endswith(HELLO)


def test_client(hythe, guest, server, path):
    """Guest to guest."""
    result = hythe.run("--allow-connect", f"unix:{path}", guest("unix_server"), "connect", path)
    assert result.code == 0, result
    assert HELLO.decode() in result.out


def test_nobody_there(hythe, guest, path):
    """No such socket: the guest gets an errno and ends with it."""
    result = hythe.run("--allow-connect", f"unix:{path}", guest("unix_server"), "connect", path)
    assert result.out.startswith("sock_connect_v2: errno "), result
    assert result.code != 0


def test_not_granted(hythe, guest, path, tmp_path):
    """Without a grant no socket file appears, and the operator reads which flag would allow it."""
    result = hythe.run("--allow-listen", "*:*", guest("unix_server"), "listen", path)
    assert result.code != 0
    assert list(tmp_path.iterdir()) == []
    assert any("--allow-listen unix:" in line for line in result.own_lines), result


def test_folder_grant(hythe, guest, path, tmp_path):
    """A rule that ends in / grants the folder below, and nothing by way of dots."""
    server = hythe.start("run", "--allow-listen", f"unix:{tmp_path}/", guest("unix_server"),
                         "listen", path)
    server.wait_for("listening on")
    outside = f"{tmp_path}/../outside-{tmp_path.name}"
    result = hythe.run("--allow-listen", f"unix:{tmp_path}/", guest("unix_server"), "listen",
                       outside)
    assert result.code != 0 and "--allow-listen" in result.err, result
