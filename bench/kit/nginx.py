"""nginx on the loopback: the quick server that clients are measured against."""
import shutil
from contextlib import contextmanager

import ports
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


def start(folder, cpus, template, **values):
    """Start nginx on a configuration with {folder} and {port}; give the child and its port, another
    one where another program was quicker."""
    config, log = folder / "nginx.conf", folder / "error.log"
    said = ""
    for _ in range(ports.TRIES):
        port = ports.free_port()
        config.write_text(template.format(folder=folder, port=port, **values), encoding="utf-8")
        log.unlink(missing_ok=True)
        child = process.start([program(), "-c", config, "-e", log], cpus)
        if ports.await_listener(child, port, READY_S):
            return child, port
        process.end(child)
        said = " ".join(log.read_text().splitlines()[-1:]) if log.exists() else ""
        if "in use" not in said and "could not bind" not in said:
            break
    raise process.Failure(f"nginx ended with {child.returncode}: {said}")


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
    # The other processor than that of the client, which is what is measured here.
    child, port = start(folder, setting.client_cpus, CONFIG)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.end(child)
