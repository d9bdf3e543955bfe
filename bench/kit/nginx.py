"""nginx on the loopback: the quick server that clients are measured against."""
import shutil
import socket
import time
from contextlib import contextmanager
from pathlib import Path

from kit import process
from kit.setting import Missing

READY_S = 20

CONFIG = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        location = /small {{ return 200 "Hello from the loopback\\n"; }}
    }}
}}
"""


def program():
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        raise Missing("nginx is missing: apt install nginx-light")
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(child, port, folder):
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s:
        if child.poll() is not None:
            log = Path(folder / "error.log")
            said = log.read_text().splitlines()[-1:] if log.exists() else []
            raise process.Failure(f"nginx ended with {child.returncode}: {' '.join(said)}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise process.Failure(f"nginx did not listen within {READY_S} s")


@contextmanager
def serve(setting, sizes=None):
    """Serve /small and files of zeros, {name: bytes}; gives http://ADDRESS:PORT. They are sparse:
    sending them reads no disk."""
    folder = setting.cache / "nginx"
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    for name, size in (sizes or {}).items():
        with open(files / name, "wb") as file:
            file.truncate(size)
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port), encoding="utf-8")
    # The other processor than that of the client, which is what is measured here.
    child = process.start([program(), "-c", config, "-e", folder / "error.log"],
                          setting.client_cpus)
    try:
        await_port(child, port, folder)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.end(child)
