/*
 * What waiting costs: K times the guest makes itself something to wait for, and waits.
 *
 *   park socket K       send itself a datagram, poll, receive it
 *   park direct K       the same without the poll: what to subtract
 *   park clock K NS     poll on a clock of NS nanoseconds
 *
 * A host hears of the datagram from its event loop, so each poll parks the guest and resumes it.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

static void wait_for(const __wasi_subscription_t *subscription)
{
    __wasi_event_t event;
    __wasi_size_t count = 0;

    bench_check("poll_oneoff", __wasi_poll_oneoff(subscription, &event, 1, &count));
    bench_check("event", count == 1 ? event.error : -1);
}

static void run_socket(unsigned long turns, int wait)
{
    uint32_t port = 0;
    int32_t fd = bench_socket(&port);
    __wasi_subscription_t readable = {.u = {.tag = __WASI_EVENTTYPE_FD_READ}};

    readable.u.u.fd_read.file_descriptor = fd;
    for (unsigned long turn = 0; turn < turns; turn++) {
        bench_send(fd, port);
        if (wait) {
            wait_for(&readable);
        }
        bench_receive(fd);
    }
}

static void run_clock(unsigned long turns, uint64_t timeout_ns)
{
    __wasi_subscription_t expired = {.u = {.tag = __WASI_EVENTTYPE_CLOCK}};

    expired.u.u.clock.id = __WASI_CLOCKID_MONOTONIC;
    expired.u.u.clock.timeout = timeout_ns;
    for (unsigned long turn = 0; turn < turns; turn++) {
        wait_for(&expired);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: park socket|direct K, park clock K NS\n");
        return 2;
    }
    unsigned long turns = strtoul(argv[2], NULL, 10);

    uint64_t start = bench_now_ns();
    if (strcmp(argv[1], "clock") == 0) {
        run_clock(turns, argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
    } else {
        run_socket(turns, strcmp(argv[1], "socket") == 0);
    }
    uint64_t spent = bench_now_ns() - start;

    printf("park: %s, %lu turns, %llu ns a turn\n", argv[1], turns, turns == 0 ? 0 : spent / turns);
    return 0;
}
