/* See peer.h. */
#include "peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct net_address peer_v4(uint16_t port)
{
    static const uint8_t octets[4] = {127, 0, 0, 1};
    struct net_address address;
    net_address_set_v4(&address, octets, port);
    return address;
}

struct net_address peer_v6(uint16_t port)
{
    static const uint8_t octets[16] = {[15] = 1};
    struct net_address address;
    net_address_set_v6(&address, octets, port);
    return address;
}

int peer_has_v6(void)
{
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct net_address address = peer_v6(0);
    int has = fd >= 0 && bind(fd, &address.u.any, address.len) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

static uint16_t port_of(int fd)
{
    struct net_address address = {0};
    socklen_t len = sizeof address.u;
    assert_int_equal(getsockname(fd, &address.u.any, &len), 0);
    address.len = len;
    return net_address_port(&address);
}

static int bound(int type, uint16_t *ret_port)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct net_address address = peer_v4(0);
    assert_int_equal(bind(fd, &address.u.any, address.len), 0);
    *ret_port = port_of(fd);
    return fd;
}

int peer_listen(uint16_t *ret_port)
{
    int fd = bound(SOCK_STREAM, ret_port);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

int peer_datagram(uint16_t *ret_port)
{
    return bound(SOCK_DGRAM, ret_port);
}

int peer_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct net_address address = peer_v4(port);
    assert_int_equal(connect(fd, &address.u.any, address.len), 0);
    return fd;
}

struct guest_socket *peer_pair(struct guest *guest, int *ret_fd)
{
    uint16_t port = 0;
    int listener = peer_listen(&port);
    *ret_fd = peer_connect(port);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listener);
    struct guest_socket *s = NULL;
    assert_int_equal(guest_socket_wrap(guest, fd, AF_INET, SOCK_STREAM, SOCKET_OPEN, &s), 0);
    return s;
}

void peer_read(int fd, void *to, size_t len)
{
    size_t done = 0;
    while (done < len) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, 5000), 1);
        ssize_t got = recv(fd, (char *)to + done, len - done, 0);
        assert_true(got > 0);
        done += (size_t)got;
    }
}

int peer_pending(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    (void)poll(&poll_fd, 1, 20);
    int count = 0;
    assert_int_equal(ioctl(fd, FIONREAD, &count), 0);
    return count;
}

void peer_expect_end(int fd, int error)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, 5000), 1);
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    if (error == 0) {
        assert_int_equal(got, 0);
    } else {
        assert_int_equal(got, -1);
        assert_int_equal(errno, error);
    }
}

void peer_reset(int fd)
{
    struct linger linger = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    close(fd);
}

void peer_wait_ready(struct guest *guest, struct descriptor *d, unsigned events)
{
    uint64_t end_ns = loop_clock_ns() + 5000000000U;
    while ((d->ready & events) == 0) {
        assert_true(loop_clock_ns() < end_ns);
        assert_int_equal(loop_turn(guest->loop, 50), 0);
    }
}

void peer_turn(struct guest *guest)
{
    for (int i = 0; i < 5; i++) {
        assert_int_equal(loop_turn(guest->loop, 2), 0);
    }
}
