/* What the two guests of the poll benchmarks share. */
#ifndef HYTHE_GUEST_BENCH_H
#define HYTHE_GUEST_BENCH_H

#include <stdint.h>

/* Ends the guest with a line when r, a WASI errno, is not 0. */
void bench_check(const char *step, int32_t r);

/* A datagram socket bound to a free port of 127.0.0.1. */
int32_t bench_socket(uint32_t *ret_port);

/* Sends one byte to that port. */
void bench_send(int32_t fd, uint32_t port);

/* Takes one datagram off the socket. */
void bench_receive(int32_t fd);

uint64_t bench_now_ns(void);

#endif
