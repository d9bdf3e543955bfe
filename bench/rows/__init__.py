"""The rows of the table, in its order. A row is a function from a Setting to a report.Row."""
from rows.idle import idle, ten_thousand
from rows.polling import park, poll_list
from rows.starting import start
from rows.throughput import hyper, poll_hello
from rows.syscalls import syscalls

ROWS = {
    "hyper": hyper,
    "syscalls": syscalls,
    "idle": idle,
    "poll_hello": poll_hello,
    "park": park,
    "poll_list": poll_list,
    "start": start,
    "10k": ten_thousand,
}
