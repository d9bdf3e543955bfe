/*
 * What a long poll list costs: N idle sockets and one that is ready, polled K times.
 *
 *   idle_poll N K
 *
 * The ready one holds a datagram that nobody takes, so the loop makes no host call but poll_oneoff
 * and a count of the host's system calls shows that call's alone.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <wasi/api.h>

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: idle_poll N K\n");
        return 2;
    }
    size_t idle = strtoul(argv[1], NULL, 10);
    unsigned long turns = strtoul(argv[2], NULL, 10);
    __wasi_subscription_t *list = calloc(idle + 1, sizeof(*list));
    __wasi_event_t *events = calloc(idle + 1, sizeof(*events));
    if (list == NULL || events == NULL) {
        fprintf(stderr, "out of memory\n");
        return 1;
    }

    uint32_t port = 0;
    for (size_t i = 0; i <= idle; i++) {
        list[i].userdata = i;
        list[i].u.tag = __WASI_EVENTTYPE_FD_READ;
        list[i].u.u.fd_read.file_descriptor = bench_socket(&port);
    }
    /* The last one: a scan that stops at the first ready entry would be caught looking good. */
    bench_send(list[idle].u.u.fd_read.file_descriptor, port);

    uint64_t start = bench_now_ns();
    for (unsigned long turn = 0; turn < turns; turn++) {
        __wasi_size_t count = 0;
        bench_check("poll_oneoff", __wasi_poll_oneoff(list, events, idle + 1, &count));
        if (count != 1 || events[0].userdata != idle) {
            fprintf(stderr, "turn %lu: %zu events, the first for %llu\n", turn, count,
                    events[0].userdata);
            return 1;
        }
    }
    uint64_t spent = bench_now_ns() - start;

    printf("idle_poll: %zu idle, %lu polls, %llu ns a poll\n", idle, turns,
           turns == 0 ? 0 : spent / turns);
    return 0;
}
