"""`hythe serve` and nginx as the servers under test, and what loads them."""
import re
import select
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from kit import build, process, server
from kit.nginx import start as start_nginx

READY_S = 300  # the first start compiles its module
HELLO = "Hello from the loopback\n"

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    keepalive_timeout 1h;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream echo {{ server 127.0.0.1:{echo}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ default_type text/plain; return 200 "Hello from the loopback\\n"; }}
        location /echo {{
            proxy_pass http://echo;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
            proxy_buffering {buffering};
            proxy_buffer_size 64k;
            proxy_buffers 8 64k;
            proxy_busy_buffers_size 128k;
            proxy_max_temp_file_size 0;
            client_body_buffer_size 64k;
        }}
    }}
}}
"""


class Served:
    """A server under test; `pid` leads the processes that are counted."""

    def __init__(self, child, port, enter=()):
        self.child = child
        self.pid = child.pid
        self.port = port
        self.enter = enter  # the words before a client's command that get it into its network


def port_of(child, words="serving on"):
    """The port in the line on stderr with these words before an address."""
    poll = select.poll()
    poll.register(child.stderr, select.POLLIN | select.POLLHUP)
    deadline_s = time.monotonic() + READY_S
    said = []
    while time.monotonic() < deadline_s and poll.poll(1000 * READY_S):
        line = child.stderr.readline()
        found = re.search(words + r" https?://.*:(\d+)", line)
        if found:
            return int(found.group(1))
        if not line:
            break
        said.append(line.strip())
    raise process.Failure(f"{Path(child.args[0]).name} serve did not start: "
                          + " / ".join(said[-3:]))


@contextmanager
def hythe(setting, config, workers=1):
    """`hythe serve` on a configuration's text; the port and the cache are put around it. As many
    workers as it starts by itself: None."""
    folder = setting.cache / "serve"
    folder.mkdir(exist_ok=True)
    path = folder / "hythe.toml"
    workers_line = f"workers = {workers}\n" if workers else ""
    path.write_text('listen = "127.0.0.1:0"\n' + workers_line + config
                    + f'\n[cache]\ndir = "{setting.cache}"\n', encoding="utf-8")
    child = process.start([setting.hythe, "serve", path], setting.server_cpus,
                          stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        yield Served(child, port_of(child))
    finally:
        process.end(child)


@contextmanager
def nginx(setting, buffering="on"):
    """nginx on the processor that the server under test has; its upstream is on the other."""
    folder = setting.cache / "nginx_serving"
    folder.mkdir(exist_ok=True)
    source = setting.root / "bench/native/serving/echo.c"
    program = build.compile_program(setting, ["gcc", *build.FLAGS, source], setting.cache / "echo", "gcc")
    upstream = process.start([program], setting.client_cpus, stdout=subprocess.PIPE)
    echo = int(upstream.stdout.readline().rsplit(":", 1)[1])
    try:
        child, port = start_nginx(folder, setting.server_cpus, NGINX, echo=echo,
                                  buffering=buffering)
        try:
            yield Served(child, port)
        finally:
            process.end(child)
    finally:
        process.end(upstream)


def text_route(path="/", extra=""):
    return f'\n[[route]]\npath = "{path}"\ntext = {HELLO!r}\n{extra}'.replace("'", '"')


def module_route(setting, guest, path="/...", extra=""):
    return f'\n[[route]]\npath = "{path}"\nmodule = "{setting.guest(guest)}"\n{extra}'


UPLOAD = """\
wrk.method = "POST"
wrk.body = string.rep("x", {size})
wrk.headers["Content-Type"] = "application/octet-stream"
"""


def load(subject, setting, seconds, connections=8, path="/", upload=0):
    """As server.load, for any path, with a body of `upload` bytes."""
    command = [*subject.enter, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    if upload:
        script = Path(setting.cache / "upload.lua")
        script.write_text(UPLOAD.format(size=upload), encoding="utf-8")
        command += ["-s", script]
    before_ns = process.cpu_ns(subject.pid)
    start_s = time.monotonic()
    out = process.run([*command, f"http://127.0.0.1:{subject.port}{path}"], seconds + 30,
                      setting.client_cpus)
    elapsed_s = time.monotonic() - start_s
    spent_ns = process.cpu_ns(subject.pid) - before_ns
    requests = re.search(r"(\d+) requests in ", out)
    if requests is None or int(requests.group(1)) == 0 or "Non-2xx" in out or "Socket err" in out:
        raise process.Failure("wrk saw errors: " + " / ".join(out.splitlines()[-4:]))
    return server.Round(int(requests.group(1)), elapsed_s, spent_ns)


def latencies(subject, setting, seconds, per_second, connections=8):
    """(count, p50, p99, p99.9, most) in microseconds at a constant rate, by bench/native's pace."""
    source = setting.root / "bench/native/serving/pace.c"
    program = build.compile_program(setting, ["gcc", *build.FLAGS, source], setting.cache / "pace", "gcc")
    out = process.run([program, subject.port, "/", round(per_second), connections, seconds],
                      seconds + 30, setting.client_cpus)
    return tuple(int(word) for word in out.split())
