"""TLS of `hythe serve`: versions, ALPN, server names, certificates of clients, their reload, and
what becomes of peers that speak something else or nothing."""
import contextlib
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from harness import (COMPILE, GET, Reader, ask, dial, get, read_to_end, taken_seconds, wait_until,
                     worker_of)

CONFIG = """
workers = 1
[timeouts]
tls = "1s"
[tls]
certificate = "{folder}/{name}.pem"
key = "{folder}/{name}.key"
{tls}
[[route]]
path = "/"
text = "here"
[[route]]
path = "/..."
kind = "cgi"
module = "{module}"
"""


def openssl(*args, **options):
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, timeout=60,
                          check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def new_key(folder, name):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / f"{name}.key")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority, two servers' names signed by it, a client, and one of another authority."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, signer in [("ca", "ca"), ("first.test", "ca"), ("second.test", "ca"),
                         ("client", "ca"), ("evil-ca", "evil-ca"), ("evil", "evil-ca")]:
        new_key(folder, name)
        request = ["req", "-new", "-key", folder / f"{name}.key", "-subj", f"/CN={name}"]
        if name == signer:
            openssl(*request, "-x509", "-days", 2, "-out", folder / f"{name}.pem",
                    "-addext", "basicConstraints=critical,CA:TRUE")
            continue
        openssl(*request, "-out", folder / "csr")
        (folder / "ext").write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", folder / "csr", "-CA", folder / f"{signer}.pem", "-CAkey",
                folder / f"{signer}.key", "-CAcreateserial", "-days", 2, "-extfile", folder / "ext",
                "-out", folder / f"{name}.pem")
    return folder


@pytest.fixture
def serve(hythe, guest, certificates, tmp_path):
    def start(tls="", name="first.test", folder=certificates):
        config = CONFIG.format(folder=folder, name=name, tls=tls, module=guest("cgi_ways"))
        return hythe.serve(config=config, folder=tmp_path)

    return start


def context_for(certificates, alpn=(), client=None, most=None):
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    context.set_alpn_protocols(list(alpn))
    if client:
        context.load_cert_chain(certificates / f"{client}.pem", certificates / f"{client}.key")
    if most:
        context.maximum_version = most
    return context


@contextlib.contextmanager
def connect(server, context, name="first.test"):
    with dial(server.address) as plain, context.wrap_socket(plain, server_hostname=name) as peer:
        yield peer


def ask_tls(server, context, request=GET, name="first.test"):
    with connect(server, context, name) as peer:
        peer.sendall(request)
        return Reader(peer).response()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_versions(serve, certificates):
    server = serve()
    for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert ask_tls(server, context_for(certificates, most=most)).body == b"here"
    old = context_for(certificates, most=ssl.TLSVersion.TLSv1_1)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask_tls(server, old)


def test_13_only(serve, certificates):
    server = serve('minimum = "1.3"')
    assert ask_tls(server, context_for(certificates)).body == b"here"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask_tls(server, context_for(certificates, most=ssl.TLSVersion.TLSv1_2))


@pytest.mark.parametrize("offered, chosen", [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"),
                                             (["http/1.1"], "http/1.1"), ([], None)])
def test_alpn(serve, certificates, offered, chosen):
    with connect(serve(), context_for(certificates, offered)) as peer:
        assert peer.selected_alpn_protocol() == chosen


def test_curl_both_ways(serve, certificates):
    """curl with both protocols, verified, with bodies of some size."""
    server = serve()
    body = bytes(range(256)) * 20_000
    for version, said in (("--http1.1", b"1.1"), ("--http2", b"2")):
        done = subprocess.run(
            ["curl", "-sS", version, "--noproxy", "*", "--max-time", "60", "-H", "Expect:",
             "--cacert",
             certificates / "ca.pem", "--data-binary", "@-", "-w", "%{stderr}%{http_version}",
             f"https://127.0.0.1:{server.address[1]}/echo"],
            input=body, capture_output=True, timeout=70, check=True)
        assert (done.stdout, done.stderr) == (body, said)


def test_environment(serve, certificates):
    shown = ask_tls(serve(), context_for(certificates), get("/env")).body.decode()
    assert re.search("^HTTPS=on$", shown, re.MULTILINE)
    assert re.search("^REQUEST_SCHEME=https$", shown, re.MULTILINE)
    assert re.search(r"^SSL_PROTOCOL=TLSv1\.3$", shown, re.MULTILINE)
    assert re.search("^SSL_TLS_SNI=first.test$", shown, re.MULTILINE)
    assert re.search("^SSL_CLIENT_VERIFY=NONE$", shown, re.MULTILINE)


def test_server_names(serve, certificates):
    """The client's name chooses the certificate; without one of ours it is the first."""
    server = serve(f'[[tls.certificates]]\ncertificate = "{certificates}/second.test.pem"\n'
                   f'key = "{certificates}/second.test.key"')
    context = context_for(certificates)
    context.check_hostname = False
    for name, subject in (("first.test", "first.test"), ("second.test", "second.test"),
                          ("SECOND.test", "second.test"), ("other.test", "first.test"),
                          ("127.0.0.1", "first.test")):
        with connect(server, context, name) as peer:
            assert peer.getpeercert()["subject"] == ((("commonName", subject),),)


@pytest.mark.parametrize("auth", ["required", "optional"])
def test_client_certificates(serve, certificates, auth):
    server = serve(f'client_ca = "{certificates}/ca.pem"\nclient_auth = "{auth}"')
    shown = ask_tls(server, context_for(certificates, client="client"), get("/env")).body.decode()
    assert re.search("^SSL_CLIENT_VERIFY=SUCCESS$", shown, re.MULTILINE)
    assert re.search("^SSL_CLIENT_S_DN=.*CN *= *client$", shown, re.MULTILINE)
    refusals = (ssl.SSLError, ConnectionError, EOFError)
    with pytest.raises(refusals):
        ask_tls(server, context_for(certificates, client="evil"))
    if auth == "required":
        with pytest.raises(refusals):
            ask_tls(server, context_for(certificates))
    else:
        assert ask_tls(server, context_for(certificates)).body == b"here"


def test_plain_http_to_the_tls_port(serve):
    """Ended at once, and nothing of it is answered in TLS's place by a guest."""
    server = serve()
    def talk():
        with dial(server.address) as peer:
            peer.sendall(GET)
            with contextlib.suppress(ConnectionResetError):
                said = read_to_end(peer)
                assert b"here" not in said

    assert taken_seconds(worker_of(server), talk) < 0.5


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x01\x02\x00", b"\x16\x03\x01\x02\x00\x01"],
                         ids=["silence", "record", "half_a_hello"])
def test_handshake_timeout(serve, certificates, data):
    server = serve()
    started = time.monotonic()
    with dial(server.address) as peer:
        peer.sendall(data)
        with contextlib.suppress(ConnectionResetError):
            read_to_end(peer)
    assert 0.9 < time.monotonic() - started < 6, "not at the handshake's timeout"
    assert ask_tls(server, context_for(certificates)).body == b"here"


def test_garbage(serve, certificates):
    server = serve()
    for data in (b"\0" * 1000, b"\xff" * 1000, b"\x16\x03\x01\xff\xff" + b"A" * 70000,
                 b"SSH-2.0-x\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x80\x2e\x01\x00\x02"):
        with dial(server.address) as peer:
            with contextlib.suppress(ConnectionError):
                peer.sendall(data)
                read_to_end(peer)
    assert ask_tls(server, context_for(certificates)).body == b"here"


def test_slow_handshakes_delay_nobody(serve, certificates):
    """Five hundred peers that stop in the handshake."""
    server = serve()
    context = context_for(certificates)
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(dial(server.address)).sendall(b"\x16\x03\x01\x02\x00\x01")
        worker = worker_of(server)
        times = [taken_seconds(worker, lambda: ask_tls(server, context)) for _ in range(9)]
        assert sorted(times)[4] < 0.05


def test_cut_off_without_goodbye(serve, certificates):
    """A body that ends with the connection's end, and not with its own, is not taken for whole."""
    server = serve()
    with connect(server, context_for(certificates)) as peer:
        peer.sendall(b"POST /sink HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf")
        time.sleep(0.1)
        peer.shutdown(socket.SHUT_RDWR)
    assert ask_tls(server, context_for(certificates)).body == b"here"


def test_reload(serve, certificates, tmp_path):
    """SIGHUP takes the new certificate; connections that are there keep theirs; a bad one is
    refused, and the old one stays."""
    for end in ("pem", "key"):
        (tmp_path / f"live.{end}").write_bytes((certificates / f"first.test.{end}").read_bytes())
    server = serve(name="live", folder=tmp_path)
    context = context_for(certificates)
    context.check_hostname = False

    def subject():
        with connect(server, context) as peer:
            return peer.getpeercert()["subject"][0][0][1]

    with connect(server, context) as kept:
        kept.sendall(GET)
        assert Reader(kept).response().body == b"here"
        assert subject() == "first.test"
        for end in ("pem", "key"):
            content = (certificates / f"second.test.{end}").read_bytes()
            (tmp_path / f"live.{end}").write_bytes(content)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: subject() == "second.test", "the new certificate")
    (tmp_path / "live.key").write_text("no key\n")
    said = len(server.err)
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: "live.key" in server.err[said:], "a line that says why", COMPILE)
    assert subject() == "second.test"
    assert server.is_running


@pytest.mark.parametrize("wrong", ["missing", "mismatch", "no_certificate"])
def test_certificates_that_are_wrong(hythe, certificates, tmp_path, wrong):
    """Said before anything listens."""
    key = {"missing": "none.key", "mismatch": "second.test.key",
           "no_certificate": "first.test.key"}[wrong]
    certificate = "first.test.key" if wrong == "no_certificate" else "first.test.pem"
    path = tmp_path / "hythe.toml"
    path.write_text(f'[tls]\ncertificate = "{certificates}/{certificate}"\n'
                    f'key = "{certificates}/{key}"\n[[route]]\npath = "/"\ntext = "x"\n')
    result = hythe("serve", "--listen", "127.0.0.1:0", path)
    assert result.code not in (0, 139) and "serving on" not in result.err
    assert str(certificates) in result.err


def test_plain_and_tls_beside_each_other(hythe, certificates, tmp_path):
    path = tmp_path / "hythe.toml"
    path.write_text('listen = ["127.0.0.1:0", "http://127.0.0.1:0"]\nworkers = 1\n[tls]\n'
                    f'certificate = "{certificates}/first.test.pem"\n'
                    f'key = "{certificates}/first.test.key"\n'
                    '[[route]]\npath = "/"\ntext = "here"\n')
    server = hythe.start("serve", path)
    secure = server.wait_for(r"serving on https://127\.0\.0\.1:(\d+)$", "err")
    plain = server.wait_for(r"serving on http://127\.0\.0\.1:(\d+)$", "err")
    assert ask(("127.0.0.1", int(plain[1]))).body == b"here"
    server.address = ("127.0.0.1", int(secure[1]))
    assert ask_tls(server, context_for(certificates)).body == b"here"
