"""Nothing is granted that was not asked for, and each refusal names the flag that grants it."""
import re
import socket

import pytest

from harness import GREETING, ask
from ports import free_port

ACCES = 2  # WASI's errno


@pytest.fixture
def peer():
    """A TCP listener that must not hear of a refused guest."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield listener


def port_of(peer):
    return peer.getsockname()[1]


def check_refused(result, flag, target):
    """A line that can be copied: what was refused, and the flag with its value."""
    line = f"hythe: refused: .*{re.escape(target)}.*{flag} {re.escape(target)}$"
    assert re.search(line, result.err, re.MULTILINE), result.err


@pytest.mark.parametrize("name", ["hyper_server", "poll_hello", "mio_echo", "v2_server"])
def test_listen_is_denied(hythe, guest, name):
    """A server without a grant ends with an error of its own, and the operator reads why."""
    port = free_port()
    result = hythe.run("--env", f"PORT={port}", guest(name))
    assert result.code not in (0, 2, 126), result
    check_refused(result, "--allow-listen", f"0.0.0.0:{port}")


def test_the_suggested_flag_works(hythe, guest):
    """Copying the flag out of the refusal makes the server run."""
    port = free_port()
    refused = hythe.run("--env", f"PORT={port}", guest("hyper_server"))
    flag, value = re.search(r"(--allow-listen) (\S+)", refused.err).groups()
    server = hythe.start("run", flag, value, "--env", f"PORT={port}", guest("hyper_server"))
    server.wait_for("listening on")
    assert ask(("127.0.0.1", port)).body == GREETING


@pytest.mark.parametrize("rule", ["127.0.0.1:{port}", "*:1", "10.0.0.0/8:{port}", "[::1]:{port}",
                                  "unix:/tmp/x"])
def test_other_grants_do_not_help(hythe, guest, rule):
    """A rule for another address, port or family allows nothing here."""
    port = free_port()
    result = hythe.run("--allow-listen", rule.format(port=port), "--env", f"PORT={port}",
                       guest("poll_hello"))
    assert result.code == 1, result
    check_refused(result, "--allow-listen", f"0.0.0.0:{port}")


@pytest.mark.parametrize("rule", [":{port}", "*:{port}", "0.0.0.0:{port}", "0.0.0.0/0:{port}",
                                  "*:*", "*:1-65535"])
def test_grants_that_help(hythe, guest, rule):
    """All ways to write "this port on any address"."""
    port = free_port()
    server = hythe.start("run", "--allow-listen", rule.format(port=port), "--env", f"PORT={port}",
                         guest("poll_hello"))
    server.wait_for(f"listening on 0.0.0.0:{port}")
    assert ask(("127.0.0.1", port)).status == 200


def test_net_grants_listening(hythe, guest):
    """--net is enough for a server."""
    server = hythe.start("run", "--net", "--env", "PORT=0", guest("hyper_server"))
    port = int(server.wait_for(r"listening on \S+:(\d+)$")[1])
    assert ask(("127.0.0.1", port)).body == GREETING
    assert server.err == ""


def test_connect_is_denied(hythe, guest, peer):
    """A client without a grant gets ACCES, the operator a line, and the peer nothing at all."""
    result = hythe.run(guest("v2_client"), "tcp", "127.0.0.1", port_of(peer))
    assert (result.code, result.out) == (ACCES, f"sock_connect: errno {ACCES}\n"), result
    check_refused(result, "--allow-connect", f"127.0.0.1:{port_of(peer)}")
    with pytest.raises(BlockingIOError):
        peer.accept()


def test_sending_datagrams_is_denied(hythe, guest):
    """The same for a datagram: none leaves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        result = hythe.run(guest("v2_client"), "udp", "127.0.0.1", port_of(peer))
        assert result.code == ACCES, result
        check_refused(result, "--allow-connect", f"127.0.0.1:{port_of(peer)}")
        with pytest.raises(BlockingIOError):
            peer.recv(100)


@pytest.mark.parametrize("rule", ["127.0.0.1:1", "127.0.0.2:*", "10.0.0.0/8:*", "[::1]:*",
                                  "example.org:*", "unix:/"])
def test_connect_beside_the_rule_is_denied(hythe, guest, peer, rule):
    """A rule allows what it says and nothing beside it."""
    result = hythe.run("--allow-connect", rule, guest("v2_client"), "tcp", "127.0.0.1",
                       port_of(peer))
    assert result.code == ACCES, result
    with pytest.raises(BlockingIOError):
        peer.accept()


def test_listening_grants_no_connecting(hythe, guest, peer):
    """--allow-listen opens no way out."""
    result = hythe.run("--allow-listen", "*:*", guest("v2_client"), "tcp", "127.0.0.1",
                       port_of(peer))
    assert result.code == ACCES, result


@pytest.mark.parametrize("options", [["--net"], ["--allow-connect", "127.0.0.0/8:*"],
                                     ["--allow-connect", "localhost:*"],
                                     ["--allow-connect", "*:*"]])
def test_connect_is_granted(hythe, guest, peer, options):
    """Each way to allow it lets the connection through."""
    client = hythe.start("run", *options, guest("v2_client"), "tcp", "127.0.0.1", port_of(peer))
    peer.setblocking(True)
    peer.settimeout(5)
    connection, _ = peer.accept()
    with connection:
        assert connection.recv(3) == b"GET"
    client.wait()


def test_mapped_address_is_the_same_address(hythe, guest, peer):
    """::ffff:127.0.0.1 is 127.0.0.1, so it is no way around a rule."""
    mapped = "::ffff:127.0.0.1"
    result = hythe.run("--allow-connect", "[::]/0:*", guest("v2_client"), "tcp", mapped,
                       port_of(peer))
    with pytest.raises(BlockingIOError):
        peer.accept()
    assert result.code != 0, result


def test_names_are_denied(hythe, guest):
    """Looking up a name needs a rule with that name."""
    result = hythe.run(guest("getaddrinfo"), "localhost", "80")
    assert result.code != 0 and "inet" not in result.out, result
    assert re.search(r"^hythe: refused: .*localhost.*--allow-connect", result.err, re.M), result.err


def test_names_are_granted_one_by_one(hythe, guest):
    """A rule with a name grants that name."""
    result = hythe.run("--allow-connect", "localhost:80", guest("getaddrinfo"), "localhost", "80")
    assert result.code == 0 and "inet4 127.0.0.1 80" in result.out, result
    other = hythe.run("--allow-connect", "localhost:80", guest("getaddrinfo"), "other.invalid")
    assert other.code != 0 and "refused" in other.err, other


def test_refusals_do_not_flood(hythe, guest):
    """The same refusal is reported once, not with each call."""
    result = hythe.run("--env", "PORT=1", guest("hyper_server"))
    assert len([line for line in result.own_lines if "refused" in line]) == 1, result.err


def test_no_environment_and_no_files(hythe, guest):
    """hythe's own environment and the file system stay outside."""
    out = hythe.run(guest("hello"), env={"SECRET": "1"}).out
    assert "env " not in out
    result = hythe.run(guest("files"), "/", "create")
    assert result.code != 0 and "create ok" not in result.out, result
