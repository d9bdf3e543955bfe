"""System calls for a response."""
from kit import report, server, strace

CONNECTIONS = 8
TARGET = 1.05


def _count(serve, setting, name, rounds):
    """Attach, ask exactly rounds x CONNECTIONS times on open connections, detach."""
    with serve(setting, name) as subject, server.connections(subject, CONNECTIONS) as peers:
        server.ask_each(peers)
        with strace.counting(subject, setting.cache / f"{name}.strace") as counts:
            server.ask_each(peers, rounds)
        return counts, rounds * CONNECTIONS


def syscalls(setting):
    """System calls to send a hyper response, counted with strace -c."""
    rounds = setting.pick(500, 100)
    hosted = _count(server.serve_guest, setting, "hyper_server", rounds)
    native = _count(server.serve_native, setting, "hyper_native", rounds)
    sends = strace.send_calls(hosted[0]) / hosted[1]
    native_sends = strace.send_calls(native[0]) / native[1]
    details = (f"### syscalls\n\n{hosted[1]:,} requests on {CONNECTIONS} open connections, a "
               "request on each in turn, then their answers; `strace -f -c -p`. Calls per "
               "response:\n\n" + report.call_table({"hythe": hosted, "native": native}))
    return report.Row("system calls to send a hyper response (`strace -c`)",
                      f"≤ {TARGET} a response", f"{sends:.3f}, native {native_sends:.3f}",
                      f"{sends / native_sends:.2f}x" if native_sends else "-",
                      report.verdict(0 < sends <= TARGET), details)
