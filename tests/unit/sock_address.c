/* WasmEdge's sock_getlocaladdr and sock_getpeeraddr, with four parameters and with three. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_call.h"
#include "imports/wasmedge_sockets/wasmedge.h"
#include "peer.h"

enum {
    ADDRESS = 64,
    BUFFER = 256,
    OUT_TYPE = 16,
    OUT_PORT = 24,
    MARK = 0xcc,
    LAST = FAKE_MEMORY_LEN,
};

#define LOCAL4(f, ...) fake_call_as(f, &wasmedge_address, "sock_getlocaladdr", "iiii", __VA_ARGS__)
#define PEER4(f, ...) fake_call_as(f, &wasmedge_address, "sock_getpeeraddr", "iiii", __VA_ARGS__)
#define LOCAL3(f, ...) fake_call_as(f, &wasmedge_address, "sock_getlocaladdr", "iii", __VA_ARGS__)
#define PEER3(f, ...) fake_call_as(f, &wasmedge_address, "sock_getpeeraddr", "iii", __VA_ARGS__)

static void put_address(struct fake_guest *f, uint32_t len)
{
    fake_put_u32(f, ADDRESS, BUFFER);
    fake_put_u32(f, ADDRESS + 4, len);
    fake_fill(f, BUFFER, MARK, 200);
    fake_fill(f, 0, MARK, 48);
}

/* A connection as fd 3. */
static struct fake_guest *make(int *ret_peer, uint16_t *ret_port)
{
    struct fake_guest *f = fake_guest_new();
    struct guest_socket *s = peer_pair(&f->guest, ret_peer);
    struct net_address address;
    uint32_t fd = 0;
    assert_int_equal(fd_table_insert(&f->guest.fds, &s->base, 3, &fd), 0);
    assert_int_equal(guest_socket_peer(s, &address), 0);
    *ret_port = net_address_port(&address);
    return f;
}

static void four_parameters(void **state)
{
    (void)state;
    int peer = -1;
    uint16_t port = 0;
    struct fake_guest *f = make(&peer, &port);
    static const uint32_t rooms[] = {4, 16};
    for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
        put_address(f, rooms[i]);
        assert_int_equal(PEER4(f, 3, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ESUCCESS);
        fake_assert_bytes(f, BUFFER, "\x7f\0\0\1\xcc", 5);
        fake_assert_bytes(f, OUT_TYPE, "\4\0\0\0\xcc", 5);
        uint8_t expected[5] = {(uint8_t)port, (uint8_t)(port >> 8), 0, 0, MARK};
        fake_assert_bytes(f, OUT_PORT, expected, sizeof expected);
        put_address(f, rooms[i]);
        assert_int_equal(LOCAL4(f, 3, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ESUCCESS);
        fake_assert_bytes(f, BUFFER, "\x7f\0\0\1\xcc", 5);
        assert_int_not_equal(fake_u32(f, OUT_PORT), port);
    }
    close(peer);
    fake_guest_free(f);
}

static void three_parameters(void **state)
{
    (void)state;
    int peer = -1;
    uint16_t port = 0;
    struct fake_guest *f = make(&peer, &port);
    uint8_t storage[129] = {1, 0, 127, 0, 0, 1};
    storage[128] = MARK;
    put_address(f, 128);
    assert_int_equal(PEER3(f, 3, ADDRESS, OUT_PORT), WASI_ESUCCESS);
    fake_assert_bytes(f, BUFFER, storage, sizeof storage);
    assert_int_equal(fake_u32(f, OUT_PORT), port);
    put_address(f, 128);
    assert_int_equal(LOCAL3(f, 3, ADDRESS, OUT_PORT), WASI_ESUCCESS);
    fake_assert_bytes(f, BUFFER, storage, sizeof storage);
    put_address(f, 128);
    assert_int_equal(fake_call(f, &wasmedge_address, "sock_getpeeraddr_v2", 3, ADDRESS, OUT_PORT),
                     0);
    fake_assert_bytes(f, BUFFER, storage, sizeof storage);
    assert_int_equal(fake_call(f, &wasmedge_address, "sock_getlocaladdr_v2", 3, ADDRESS, OUT_PORT),
                     0);
    put_address(f, 4);
    assert_int_equal(PEER3(f, 3, ADDRESS, OUT_PORT), WASI_ESUCCESS);
    fake_assert_bytes(f, BUFFER, "\x7f\0\0\1\xcc", 5);
    put_address(f, 128);
    assert_int_equal(PEER4(f, 3, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ESUCCESS);
    fake_assert_bytes(f, BUFFER, storage, sizeof storage);
    close(peer);
    fake_guest_free(f);
}

static void bad_arguments(void **state)
{
    (void)state;
    int peer = -1;
    uint16_t port = 0;
    struct fake_guest *f = make(&peer, &port);
    static const uint32_t rooms[] = {0, 3, 5, 17, 127, 129};
    for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
        put_address(f, rooms[i]);
        assert_int_equal(PEER4(f, 3, ADDRESS, OUT_TYPE, OUT_PORT), WASI_EINVAL);
        assert_int_equal(PEER3(f, 3, ADDRESS, OUT_PORT), WASI_EINVAL);
        assert_int_equal(fake_u32(f, OUT_PORT), 0xcccccccc);
    }
    put_address(f, 16);
    static const uint32_t far[] = {LAST - 3, LAST, 0xfffffffd};
    for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
        assert_int_equal(PEER4(f, 3, far[i], OUT_TYPE, OUT_PORT), WASI_EFAULT);
        assert_int_equal(PEER4(f, 3, ADDRESS, far[i], OUT_PORT), WASI_EFAULT);
        assert_int_equal(PEER4(f, 3, ADDRESS, OUT_TYPE, far[i]), WASI_EFAULT);
        assert_int_equal(PEER3(f, 3, ADDRESS, far[i]), WASI_EFAULT);
        fake_put_u32(f, ADDRESS, far[i]);
        assert_int_equal(PEER4(f, 3, ADDRESS, OUT_TYPE, OUT_PORT), WASI_EFAULT);
        put_address(f, 16);
    }
    fake_put_u32(f, ADDRESS + 4, 0xffffffff);
    assert_int_equal(PEER4(f, 3, ADDRESS, OUT_TYPE, OUT_PORT), WASI_EFAULT);
    put_address(f, 16);
    assert_int_equal(PEER4(f, 9, ADDRESS, OUT_TYPE, OUT_PORT), WASI_EBADF);
    assert_int_equal(LOCAL3(f, 9, ADDRESS, OUT_PORT), WASI_EBADF);
    peer_reset(peer);
    peer_wait_ready(&f->guest, fd_table_get(&f->guest.fds, 3), LOOP_READ);
    assert_int_equal(PEER4(f, 3, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ENOTCONN);
    fake_guest_free(f);
}

static uint32_t open_bound(struct fake_guest *f, int family, const struct net_address *address)
{
    struct guest_socket *s = NULL;
    uint32_t fd = 0;
    assert_int_equal(guest_socket_open(&f->guest, family, SOCK_STREAM, &s), 0);
    if (address != NULL) {
        assert_int_equal(guest_socket_bind(s, address), 0);
    }
    assert_int_equal(fd_table_insert(&f->guest.fds, &s->base, 3, &fd), 0);
    return fd;
}

static void ipv6(void **state)
{
    (void)state;
    if (!peer_has_v6()) {
        print_message("skipped: this machine has no ::1\n");
        skip();
    }
    struct fake_guest *f = fake_guest_new();
    f->guest.policy.allow_all = true;
    struct net_address address = peer_v6(0);
    uint32_t fd = open_bound(f, AF_INET6, &address);
    uint8_t loopback[17] = {[15] = 1, [16] = MARK};
    put_address(f, 16);
    assert_int_equal(LOCAL4(f, fd, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ESUCCESS);
    fake_assert_bytes(f, BUFFER, loopback, 17);
    assert_int_equal(fake_u32(f, OUT_TYPE), 6);
    put_address(f, 4);
    assert_int_equal(LOCAL4(f, fd, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ENOMEM);
    put_address(f, 128);
    assert_int_equal(LOCAL3(f, fd, ADDRESS, OUT_PORT), WASI_ESUCCESS);
    uint8_t storage[128] = {2, 0, [17] = 1};
    fake_assert_bytes(f, BUFFER, storage, 128);
    fake_guest_free(f);
}

/* An IPv4 peer of a socket for both: mapped where there is room, plain where there is not. */
static void ipv4_peer_of_an_ipv6_socket(void **state)
{
    (void)state;
    if (!peer_has_v6()) {
        print_message("skipped: this machine has no ::1\n");
        skip();
    }
    struct fake_guest *f = fake_guest_new();
    f->guest.policy.allow_all = true;
    static const uint8_t zero[16];
    struct net_address any;
    net_address_set_v6(&any, zero, 0);
    uint32_t fd = open_bound(f, AF_INET6, &any);
    struct guest_socket *s = guest_socket_of(fd_table_get(&f->guest.fds, fd));
    struct guest_socket *connection = NULL;
    uint32_t accepted = 0;
    assert_int_equal(guest_socket_listen(s, 1), 0);
    assert_int_equal(guest_socket_local(s, &any), 0);
    int peer = peer_connect(net_address_port(&any));
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(guest_socket_accept(s, &connection), 0);
    assert_int_equal(fd_table_insert(&f->guest.fds, &connection->base, 3, &accepted), 0);
    put_address(f, 4);
    assert_int_equal(PEER4(f, accepted, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ESUCCESS);
    fake_assert_bytes(f, BUFFER, "\x7f\0\0\1\xcc", 5);
    assert_int_equal(fake_u32(f, OUT_TYPE), 4);
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1};
    put_address(f, 16);
    assert_int_equal(PEER4(f, accepted, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ESUCCESS);
    fake_assert_bytes(f, BUFFER, mapped, sizeof mapped);
    assert_int_equal(fake_u32(f, OUT_TYPE), 6);
    close(peer);
    fake_guest_free(f);
}

static void unix_sockets(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    f->guest.policy.allow_all = true;
    uint32_t fd = open_bound(f, AF_UNIX, NULL);
    put_address(f, 16);
    assert_int_equal(LOCAL4(f, fd, ADDRESS, OUT_TYPE, OUT_PORT), WASI_EAFNOSUPPORT);
    put_address(f, 128);
    assert_int_equal(LOCAL3(f, fd, ADDRESS, OUT_PORT), WASI_ESUCCESS);
    uint8_t storage[128] = {3};
    fake_assert_bytes(f, BUFFER, storage, 128);
    assert_int_equal(LOCAL4(f, fd, ADDRESS, OUT_TYPE, OUT_PORT), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_TYPE), 3);
    assert_int_equal(fake_u32(f, OUT_PORT), 0);
    fake_guest_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_parameters),
        cmocka_unit_test(three_parameters),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(ipv4_peer_of_an_ipv6_socket),
        cmocka_unit_test(unix_sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
