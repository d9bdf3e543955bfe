"""The rows of the tables, by topic and in their order. A row is a function from a Setting to a
report.Row."""
from dataclasses import dataclass

from rows import components, containers, many, outbound, serving
from rows.idle import idle, ten_thousand
from rows.polling import park, poll_list
from rows.starting import start
from rows.throughput import hyper, poll_hello
from rows.syscalls import syscalls


@dataclass
class Topic:
    title: str
    rows: dict


TOPICS = {
    "sockets": Topic("Guests with sockets of their own", {
        "hyper": hyper,
        "syscalls": syscalls,
        "idle": idle,
        "poll_hello": poll_hello,
        "park": park,
        "poll_list": poll_list,
        "start": start,
        "10k": ten_thousand,
    }),
    "outbound": Topic("Guests that call out over HTTP", {
        "gets": outbound.gets,
        "download": outbound.download,
        "many_guests": many.many_guests,
        "policy": outbound.policy,
    }),
    "serve": Topic("hythe serve", {
        "front": serving.front,
        "cgi": serving.cgi,
        "cgi_echo": serving.cgi_echo,
        "protection": serving.protection,
        "routes": serving.routes,
        "keepalive": serving.keepalive,
        "tail": serving.tail,
    }),
    "components": Topic("Components", {
        "wasi_hello": components.wasi_hello,
        "wasi_reuse": components.wasi_reuse,
        "wasi_js": components.wasi_js,
        "wasi_echo": components.wasi_echo,
        "wasi_gets": components.wasi_gets,
        "wasi_parked": components.wasi_parked,
        "wasi_start": components.wasi_start,
    }),
    "containers": Topic("Containers", {
        "ctr_run": containers.ctr_run,
        "image": containers.image,
        "inside": containers.inside,
    }),
}

ROWS = {name: row for topic in TOPICS.values() for name, row in topic.rows.items()}
