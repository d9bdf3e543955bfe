#include "bench.h"

#include "dialect_v1.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <wasi/api.h>

static uint8_t loopback[16] = {127, 0, 0, 1};

void bench_check(const char *step, int32_t r)
{
    if (r != 0) {
        fprintf(stderr, "%s: errno %d\n", step, (int)r);
        exit(1);
    }
}

int32_t bench_socket(uint32_t *ret_port)
{
    uint8_t octets[16];
    struct v1_address wanted = {loopback, 4};
    struct v1_address bound = {octets, sizeof(octets)};
    uint32_t type = 0;
    int32_t fd = -1;

    bench_check("sock_open", v1_open(V1_INET4, V1_DGRAM, &fd));
    bench_check("sock_bind", v1_bind(fd, &wanted, /*port=*/0));
    bench_check("sock_getlocaladdr", v1_getlocaladdr(fd, &bound, &type, ret_port));
    bench_check("fd_fdstat_set_flags", __wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_NONBLOCK));
    return fd;
}

void bench_send(int32_t fd, uint32_t port)
{
    char byte = 'x';
    struct v1_span span = {&byte, 1};
    struct v1_address to = {loopback, 4};
    uint32_t len = 0;

    bench_check("sock_send_to", v1_send_to(fd, &span, 1, &to, port, /*flags=*/0, &len));
}

void bench_receive(int32_t fd)
{
    char bytes[16];
    uint8_t octets[16];
    struct v1_span span = {bytes, sizeof(bytes)};
    struct v1_address from = {octets, sizeof(octets)};
    uint32_t len = 0;
    uint32_t flags = 0;

    bench_check("sock_recv_from", v1_recv_from(fd, &span, 1, &from, /*flags=*/0, &len, &flags));
    /* Empty: only now does a host that caches readiness know that there is nothing to read. */
    int32_t r = v1_recv_from(fd, &span, 1, &from, /*flags=*/0, &len, &flags);
    bench_check("a second sock_recv_from", r == __WASI_ERRNO_AGAIN ? 0 : -1);
}

uint64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
