/* WasmEdge's sock_getsockopt and sock_setsockopt. */
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

enum { VALUE = 1024, LEN = 1152, MARK = 0xcc, LAST = FAKE_MEMORY_LEN };

enum {
    REUSEADDR = 0,
    TYPE = 1,
    ERROR = 2,
    LINGER = 9,
    RCVTIMEO = 11,
    SNDTIMEO = 12,
    ACCEPTCONN = 13,
    BINDTODEVICE = 14,
};

#define GET(f, ...) fake_call(f, &wasmedge_options, "sock_getsockopt", __VA_ARGS__)
#define SET(f, ...) fake_call(f, &wasmedge_options, "sock_setsockopt", __VA_ARGS__)

static struct guest_socket *open_as_3(struct fake_guest *f, int type)
{
    struct guest_socket *s = NULL;
    uint32_t fd = 0;
    assert_int_equal(guest_socket_open(&f->guest, AF_INET, type, &s), 0);
    assert_int_equal(fd_table_insert(&f->guest.fds, &s->base, 3, &fd), 0);
    fake_fill(f, VALUE, MARK, 256);
    return s;
}

static int32_t get(struct fake_guest *f, uint32_t name, uint32_t len)
{
    fake_fill(f, VALUE, MARK, 64);
    fake_put_u32(f, LEN, len);
    return GET(f, 3, 0, name, VALUE, LEN);
}

static int32_t set_u32(struct fake_guest *f, uint32_t name, uint32_t value)
{
    fake_put_u32(f, VALUE, value);
    return SET(f, 3, 0, name, VALUE, 4);
}

static int host_option(const struct guest_socket *s, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(s->base.fd, SOL_SOCKET, name, &value, &len), 0);
    return value;
}

static void ints_reach_the_kernel(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    struct guest_socket *s = open_as_3(f, SOCK_STREAM);
    static const struct {
        uint32_t name;
        int host;
        uint32_t set;
        int is;
    } cases[] = {
        {0, SO_REUSEADDR, 1, 1},      {3, SO_DONTROUTE, 1, 1}, {5, SO_SNDBUF, 10000, 20000},
        {6, SO_RCVBUF, 10000, 20000}, {7, SO_KEEPALIVE, 1, 1}, {8, SO_OOBINLINE, 1, 1},
        {10, SO_RCVLOWAT, 7, 7},      {0, SO_REUSEADDR, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(set_u32(f, cases[i].name, cases[i].set), WASI_ESUCCESS);
        assert_int_equal(host_option(s, cases[i].host), cases[i].is);
        assert_int_equal(get(f, cases[i].name, 4), WASI_ESUCCESS);
        assert_int_equal(fake_u32(f, VALUE), cases[i].is);
        assert_int_equal(fake_u8(f, VALUE + 4), MARK);
        assert_int_equal(fake_u32(f, LEN), 4);
    }
    assert_int_equal(get(f, ACCEPTCONN, 4), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, VALUE), 0);
    assert_int_equal(set_u32(f, ACCEPTCONN, 1), WASI_ENOPROTOOPT);
    fake_guest_free(f);
}

static void type_is_wasmedges(void **state)
{
    (void)state;
    for (int i = 1; i <= 2; i++) {
        struct fake_guest *f = fake_guest_new();
        (void)open_as_3(f, i == 1 ? SOCK_DGRAM : SOCK_STREAM);
        assert_int_equal(get(f, TYPE, 4), WASI_ESUCCESS);
        assert_int_equal(fake_u32(f, VALUE), i);
        assert_int_equal(set_u32(f, TYPE, 1), WASI_ENOPROTOOPT);
        assert_int_equal(set_u32(f, ERROR, 1), WASI_ENOPROTOOPT);
        if (i == 1) {
            assert_int_equal(set_u32(f, 4, 1), WASI_ESUCCESS); /* SO_BROADCAST */
            assert_int_equal(get(f, 4, 4), WASI_ESUCCESS);
            assert_int_equal(fake_u32(f, VALUE), 1);
        }
        fake_guest_free(f);
    }
}

/* Go passes the number 4 where others pass an address; the type of the function is the same. */
static void the_length_may_be_a_literal(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    (void)open_as_3(f, SOCK_STREAM);
    fake_fill(f, 0, MARK, 64);
    fake_fill(f, VALUE, MARK, 64);
    assert_int_equal(GET(f, 3, 0, TYPE, VALUE, 4), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, VALUE), 2);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(fake_u8(f, i), MARK); /* nothing was written where 4 points */
    }
    assert_int_equal(GET(f, 3, 0, TYPE, VALUE, 63), WASI_ESUCCESS);
    assert_int_equal(GET(f, 3, 0, TYPE, VALUE, 0), WASI_EINVAL);
    fake_put_u32(f, 64, 4);
    assert_int_equal(GET(f, 3, 0, TYPE, VALUE, 64), WASI_ESUCCESS);
    /* As in the kernel, a short length cuts the value and a long one is corrected. */
    fake_fill(f, VALUE, MARK, 64);
    assert_int_equal(get(f, TYPE, 2), WASI_ESUCCESS);
    static const uint8_t cut[] = {2, 0, MARK, MARK};
    fake_assert_bytes(f, VALUE, cut, sizeof cut);
    assert_int_equal(fake_u32(f, LEN), 2);
    assert_int_equal(get(f, TYPE, 0xffffffff), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, LEN), 4);
    assert_int_equal(fake_u8(f, VALUE + 4), MARK);
    assert_int_equal(get(f, TYPE, 0), WASI_EINVAL);
    fake_guest_free(f);
}

static void error_is_a_wasi_number_once(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    f->guest.policy.allow_all = true;
    struct guest_socket *s = open_as_3(f, SOCK_STREAM);
    assert_int_equal(get(f, ERROR, 4), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, VALUE), 0);
    uint16_t port = 0;
    int listener = peer_listen(&port);
    close(listener);
    struct net_address address = peer_v4(port);
    assert_int_equal(guest_socket_connect(s, &address), -EINPROGRESS);
    peer_wait_ready(&f->guest, &s->base, LOOP_WRITE);
    assert_int_equal(GET(f, 3, 0, ERROR, LAST - 3, LEN), WASI_EFAULT); /* it is still there */
    assert_int_equal(get(f, ERROR, 4), WASI_ESUCCESS);
    fake_assert_bytes(f, VALUE, "\x0e\0\0\0\xcc", 5); /* ECONNREFUSED */
    assert_int_equal(get(f, ERROR, 4), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, VALUE), 0);
    s->pending_error = -EPIPE;
    assert_int_equal(get(f, ERROR, 4), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, VALUE), WASI_EPIPE);
    fake_guest_free(f);
}

static void timeouts_are_the_guests_own(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    struct guest_socket *s = open_as_3(f, SOCK_DGRAM);
    for (uint32_t name = RCVTIMEO; name <= SNDTIMEO; name++) {
        uint64_t *timeout = name == RCVTIMEO ? &s->recv_timeout_ns : &s->send_timeout_ns;
        assert_int_equal(get(f, name, 16), WASI_ESUCCESS);
        assert_int_equal(fake_u64(f, VALUE) | fake_u64(f, VALUE + 8), 0);
        fake_put_u64(f, VALUE, 2);
        fake_put_u64(f, VALUE + 8, 500000);
        assert_int_equal(SET(f, 3, 0, name, VALUE, 16), WASI_ESUCCESS);
        assert_int_equal(*timeout, 2500000000U);
        assert_int_equal(get(f, name, 16), WASI_ESUCCESS);
        assert_int_equal(fake_u64(f, VALUE), 2);
        assert_int_equal(fake_u64(f, VALUE + 8), 500000);
        assert_int_equal(fake_u8(f, VALUE + 16), MARK);
        assert_int_equal(fake_u32(f, LEN), 16);
        static const uint64_t bad_us[] = {1000000, UINT64_MAX};
        for (size_t i = 0; i < 2; i++) {
            fake_put_u64(f, VALUE + 8, bad_us[i]);
            assert_int_equal(SET(f, 3, 0, name, VALUE, 16), WASI_EDOM);
        }
        fake_put_u64(f, VALUE, INT64_MAX);
        fake_put_u64(f, VALUE + 8, 999999);
        assert_int_equal(SET(f, 3, 0, name, VALUE, 16), WASI_ESUCCESS);
        assert_true(*timeout == UINT64_MAX);
        fake_put_u64(f, VALUE, (uint64_t)-5); /* in the past: does not wait */
        fake_put_u64(f, VALUE + 8, 0);
        assert_int_equal(SET(f, 3, 0, name, VALUE, 16), WASI_ESUCCESS);
        assert_int_equal(*timeout, 0);
        fake_put_u64(f, VALUE, 0);
        assert_int_equal(SET(f, 3, 0, name, VALUE, 16), WASI_ESUCCESS);
        assert_true(*timeout == UINT64_MAX);
        assert_int_equal(SET(f, 3, 0, name, VALUE, 8), WASI_EINVAL);
    }
    fake_guest_free(f);
}

/* End to end: a guest that blocks in recv gets AGAIN after its SO_RCVTIMEO. */
static void a_receive_timeout_ends_the_wait(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    f->guest.policy.allow_all = true;
    struct guest_socket *s = open_as_3(f, SOCK_DGRAM);
    struct net_address any = peer_v4(0);
    assert_int_equal(guest_socket_bind(s, &any), 0);
    fake_put_u64(f, VALUE, 0);
    fake_put_u64(f, VALUE + 8, 30000);
    assert_int_equal(SET(f, 3, 0, RCVTIMEO, VALUE, 16), WASI_ESUCCESS);
    fake_iov(f, 64, 4096, 10);
    uint64_t begin_ns = loop_clock_ns();
    assert_int_equal(fake_call(f, &preview1_sock, "sock_recv", 3, 64, 1, 0, 16, 24), WASI_EAGAIN);
    uint64_t took_ns = loop_clock_ns() - begin_ns;
    assert_true(took_ns >= 30000000 && took_ns < 3000000000U);
    fake_guest_free(f);
}

static void linger(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = peer_pair(&f->guest, &peer);
    uint32_t fd = 0;
    assert_int_equal(fd_table_insert(&f->guest.fds, &s->base, 3, &fd), 0);
    fake_put_u32(f, VALUE, 1);
    fake_put_u32(f, VALUE + 4, 30);
    assert_int_equal(SET(f, 3, 0, LINGER, VALUE, 4), WASI_EINVAL);
    assert_int_equal(SET(f, 3, 0, LINGER, VALUE, 8), WASI_ESUCCESS);
    assert_int_equal(get(f, LINGER, 8), WASI_ESUCCESS);
    static const uint8_t expected[] = {1, 0, 0, 0, 30, 0, 0, 0, MARK};
    fake_assert_bytes(f, VALUE, expected, sizeof expected);
    struct linger host;
    socklen_t len = sizeof host;
    assert_int_equal(getsockopt(s->base.fd, SOL_SOCKET, SO_LINGER, &host, &len), 0);
    assert_int_equal(host.l_onoff, 0); /* the loop must not wait in close */
    fake_put_u32(f, VALUE, 1);
    fake_put_u32(f, VALUE + 4, 0);
    assert_int_equal(SET(f, 3, 0, LINGER, VALUE, 8), WASI_ESUCCESS);
    descriptor_unref(fd_table_take(&f->guest.fds, 3));
    peer_expect_end(peer, ECONNRESET);
    close(peer);
    fake_guest_free(f);
}

static void binding_to_a_device_needs_the_whole_network(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    (void)open_as_3(f, SOCK_STREAM);
    fake_text(f, VALUE, "lo");
    assert_int_equal(SET(f, 3, 0, BINDTODEVICE, VALUE, 2), WASI_EACCES);
    assert_non_null(strstr(f->report, "--net"));
    f->guest.policy.allow_all = true;
    assert_int_equal(SET(f, 3, 0, BINDTODEVICE, VALUE, 16), WASI_EINVAL);
    assert_int_equal(SET(f, 3, 0, BINDTODEVICE, VALUE, 0xffffffff), WASI_EINVAL);
    assert_int_equal(SET(f, 3, 0, BINDTODEVICE, LAST - 1, 2), WASI_EFAULT);
    int32_t e = SET(f, 3, 0, BINDTODEVICE, VALUE, 2);
    assert_true(e == WASI_ESUCCESS || e == WASI_EPERM);
    assert_int_equal(get(f, BINDTODEVICE, 16), WASI_ESUCCESS);
    if (e == WASI_ESUCCESS) {
        fake_assert_bytes(f, VALUE, "lo\0\xcc", 4);
        assert_int_equal(fake_u32(f, LEN), 3);
    } else {
        assert_int_equal(fake_u32(f, LEN), 0);
    }
    fake_guest_free(f);
}

static void nonsense_fails_softly(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    (void)open_as_3(f, SOCK_STREAM);
    /* PHP's library: its host's level, and an address as the length. */
    assert_int_equal(SET(f, 3, 0x7fffffff, 2, VALUE, 0x12345678), WASI_EINVAL);
    assert_int_equal(SET(f, 3, 0x7fffffff, 2, 0xffffffff, 0xffffffff), WASI_EINVAL);
    assert_int_equal(SET(f, 3, 1, REUSEADDR, VALUE, 4), WASI_EINVAL);
    assert_int_equal(GET(f, 3, 1, TYPE, VALUE, LEN), WASI_EINVAL);
    static const uint32_t names[] = {15, 16, 255, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(SET(f, 3, 0, names[i], VALUE, 4), WASI_EINVAL);
        assert_int_equal(get(f, names[i], 4), WASI_EINVAL);
    }
    for (uint32_t len = 0; len < 4; len++) {
        assert_int_equal(SET(f, 3, 0, REUSEADDR, VALUE, len), WASI_EINVAL);
    }
    fake_put_u32(f, VALUE, 1);
    assert_int_equal(SET(f, 3, 0, REUSEADDR, VALUE, 0x12345678), WASI_ESUCCESS); /* 4 are read */
    static const uint32_t far[] = {LAST - 3, LAST, 0xfffffffd};
    for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
        fake_put_u32(f, LEN, 4);
        assert_int_equal(SET(f, 3, 0, REUSEADDR, far[i], 4), WASI_EFAULT);
        assert_int_equal(GET(f, 3, 0, REUSEADDR, far[i], LEN), WASI_EFAULT);
        assert_int_equal(GET(f, 3, 0, REUSEADDR, VALUE, far[i]), WASI_EFAULT);
    }
    assert_int_equal(SET(f, 9, 0, REUSEADDR, VALUE, 4), WASI_EBADF);
    assert_int_equal(GET(f, 9, 0, REUSEADDR, VALUE, LEN), WASI_EBADF);
    fake_guest_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ints_reach_the_kernel),
        cmocka_unit_test(type_is_wasmedges),
        cmocka_unit_test(the_length_may_be_a_literal),
        cmocka_unit_test(error_is_a_wasi_number_once),
        cmocka_unit_test(timeouts_are_the_guests_own),
        cmocka_unit_test(a_receive_timeout_ends_the_wait),
        cmocka_unit_test(linger),
        cmocka_unit_test(binding_to_a_device_needs_the_whole_network),
        cmocka_unit_test(nonsense_fails_softly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
