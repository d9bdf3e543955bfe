/* WasmEdge's sock_recv_from, sock_send_to, and the _v2 names of recv and send. */
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
    IOVS = 64,
    ADDRESS = 128,
    BUFFER = 256,
    DATA = 4096,
    OUT_LEN = 16,
    OUT_FLAGS = 24,
    OUT_PORT = 32,
    MARK = 0xcc,
    LAST = FAKE_MEMORY_LEN,
};

#define RECV7(f, ...) fake_call_as(f, &wasmedge_transfer, "sock_recv_from", "iiiiiii", __VA_ARGS__)
#define RECV8(f, ...) fake_call_as(f, &wasmedge_transfer, "sock_recv_from", "iiiiiiii", __VA_ARGS__)
#define SEND7(f, ...) fake_call_as(f, &wasmedge_transfer, "sock_send_to", "iiiiiii", __VA_ARGS__)

struct fixture {
    struct fake_guest *f;
    struct guest_socket *s; /* a bound datagram socket of the guest's, fd 3 */
    int peer;
    uint16_t guest_port;
    uint16_t peer_port;
};

static int make_family(struct fixture *x, int family)
{
    x->f = fake_guest_new();
    x->f->guest.policy.allow_all = true;
    struct net_address address = family == AF_INET6 ? peer_v6(0) : peer_v4(0);
    uint32_t fd = 0;
    assert_int_equal(guest_socket_open(&x->f->guest, family, SOCK_DGRAM, &x->s), 0);
    assert_int_equal(guest_socket_bind(x->s, &address), 0);
    assert_int_equal(guest_socket_local(x->s, &address), 0);
    x->guest_port = net_address_port(&address);
    assert_int_equal(fd_table_insert(&x->f->guest.fds, &x->s->base, 3, &fd), 0);
    assert_int_equal(fd, 3);
    x->peer = -1;
    if (family == AF_INET) {
        x->peer = peer_datagram(&x->peer_port);
        struct net_address to = peer_v4(x->guest_port);
        assert_int_equal(connect(x->peer, &to.u.any, to.len), 0);
    }
    fake_fill(x->f, 0, MARK, 1024);
    fake_fill(x->f, DATA, MARK, 256);
    fake_iov(x->f, IOVS, DATA, 100);
    return 0;
}

static int make(void **state)
{
    static struct fixture x;
    *state = &x;
    return make_family(&x, AF_INET);
}

static int done(void **state)
{
    struct fixture *x = *state;
    if (x->peer >= 0) {
        close(x->peer);
    }
    fake_guest_free(x->f);
    return 0;
}

static void arrive(struct fixture *x, const char *text)
{
    assert_int_equal(send(x->peer, text, strlen(text), 0), strlen(text));
    peer_wait_ready(&x->f->guest, &x->s->base, LOOP_READ);
}

static void put_address(struct fake_guest *f, uint32_t len)
{
    fake_put_u32(f, ADDRESS, BUFFER);
    fake_put_u32(f, ADDRESS + 4, len);
    fake_fill(f, BUFFER, MARK, 200);
}

static bool untouched(struct fake_guest *f, uint32_t address, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (fake_u8(f, address + (uint32_t)i) != MARK) {
            return false;
        }
    }
    return true;
}

/* -- seven parameters ------------------------------------------------------------------------- */

static void recv_from_7_writes_octets_whatever_the_room(void **state)
{
    struct fixture *x = *state;
    static const uint32_t rooms[] = {0, 3, 4, 5, 16, 128};
    for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
        arrive(x, "hello");
        put_address(x->f, rooms[i]);
        assert_int_equal(RECV7(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_LEN, OUT_FLAGS), WASI_ESUCCESS);
        fake_assert_bytes(x->f, DATA, "hello\xcc", 6);
        static const uint8_t out[] = {5, 0, 0, 0, MARK, MARK, MARK, MARK, 0, 0, MARK};
        fake_assert_bytes(x->f, OUT_LEN, out, sizeof out);
        if (rooms[i] >= 4) {
            fake_assert_bytes(x->f, BUFFER, "\x7f\0\0\1\xcc", 5);
        } else {
            assert_true(untouched(x->f, BUFFER, 5));
        }
        assert_true(untouched(x->f, BUFFER + 4, 196));
    }
}

static void recv_from_7_truncates(void **state)
{
    struct fixture *x = *state;
    fake_iov(x->f, IOVS, DATA, 3);
    put_address(x->f, 4);
    arrive(x, "hello");
    assert_int_equal(RECV7(x->f, 3, IOVS, 1, ADDRESS, 1, OUT_LEN, OUT_FLAGS), WASI_ESUCCESS);
    assert_int_equal(RECV7(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_LEN, OUT_FLAGS), WASI_ESUCCESS);
    assert_int_equal(fake_u32(x->f, OUT_LEN), 3);
    assert_int_equal(fake_u16(x->f, OUT_FLAGS), WASI_RO_TRUNCATED);
    fake_assert_bytes(x->f, DATA, "hel\xcc", 4);
}

static void recv_from_waits(void **state)
{
    struct fixture *x = *state;
    put_address(x->f, 16);
    int32_t e = fake_begin_as(x->f, &wasmedge_transfer, "sock_recv_from", "iiiiiii", 3, IOVS, 1,
                              ADDRESS, 0, OUT_LEN, OUT_FLAGS);
    assert_int_equal(e, CALL_WAIT);
    assert_int_equal(send(x->peer, "hello", 5, 0), 5);
    assert_int_equal(fake_finish(x->f), WASI_ESUCCESS);
    fake_assert_bytes(x->f, BUFFER, "\x7f\0\0\1\xcc", 5);
    e = fake_begin_as(x->f, &wasmedge_transfer, "sock_recv_from", "iiiiiiii", 3, IOVS, 1, ADDRESS,
                      0, OUT_PORT, OUT_LEN, OUT_FLAGS);
    assert_int_equal(e, CALL_WAIT);
    assert_int_equal(send(x->peer, "again", 5, 0), 5);
    assert_int_equal(fake_finish(x->f), WASI_ESUCCESS);
    assert_int_equal(fake_u32(x->f, OUT_PORT), x->peer_port);
    x->s->base.fdflags = FDFLAG_NONBLOCK;
    assert_int_equal(RECV7(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_LEN, OUT_FLAGS), WASI_EAGAIN);
    assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_PORT, OUT_LEN, OUT_FLAGS),
                     WASI_EAGAIN);
}

/* -- eight parameters ------------------------------------------------------------------------- */

static void recv_from_8_writes_the_form_asked_for(void **state)
{
    struct fixture *x = *state;
    static const uint32_t rooms[] = {4, 16};
    for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
        arrive(x, "hello");
        put_address(x->f, rooms[i]);
        assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_PORT, OUT_LEN, OUT_FLAGS), 0);
        fake_assert_bytes(x->f, BUFFER, "\x7f\0\0\1\xcc", 5);
        assert_int_equal(fake_u32(x->f, OUT_PORT), x->peer_port); /* host order */
    }
    arrive(x, "hello");
    put_address(x->f, 128);
    assert_int_equal(fake_call(x->f, &wasmedge_transfer, "sock_recv_from_v2", 3, IOVS, 1, ADDRESS,
                               0, OUT_PORT, OUT_LEN, OUT_FLAGS),
                     0);
    uint8_t storage[129] = {1, 0, 127, 0, 0, 1};
    storage[128] = MARK;
    fake_assert_bytes(x->f, BUFFER, storage, sizeof storage);
}

static void recv_from_8_checks_before_it_takes(void **state)
{
    struct fixture *x = *state;
    arrive(x, "hello");
    static const uint32_t rooms[] = {0, 3, 5, 15, 17, 127, 129};
    for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
        put_address(x->f, rooms[i]);
        assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_PORT, OUT_LEN, OUT_FLAGS),
                         WASI_EINVAL);
    }
    put_address(x->f, 128);
    static const uint32_t far[] = {LAST - 1, LAST, 0xfffffffe};
    for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
        assert_int_equal(RECV8(x->f, 3, IOVS, 1, far[i], 0, OUT_PORT, OUT_LEN, OUT_FLAGS),
                         WASI_EFAULT);
        assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 0, far[i], OUT_LEN, OUT_FLAGS),
                         WASI_EFAULT);
        assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_PORT, far[i], OUT_FLAGS),
                         WASI_EFAULT);
        assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_PORT, OUT_LEN, far[i]),
                         WASI_EFAULT);
        assert_int_equal(RECV7(x->f, 3, IOVS, 1, far[i], 0, OUT_LEN, OUT_FLAGS), WASI_EFAULT);
        fake_put_u32(x->f, ADDRESS, far[i]);
        assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_PORT, OUT_LEN, OUT_FLAGS),
                         WASI_EFAULT);
        assert_int_equal(RECV7(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_LEN, OUT_FLAGS), WASI_EFAULT);
        put_address(x->f, 128);
    }
    assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 8, OUT_PORT, OUT_LEN, OUT_FLAGS),
                     WASI_EINVAL);
    assert_int_equal(RECV8(x->f, 3, IOVS, 1, ADDRESS, 0, OUT_PORT, OUT_LEN, OUT_FLAGS),
                     WASI_ESUCCESS);
    assert_int_equal(fake_u32(x->f, OUT_LEN), 5);
}

static void ipv6(void **state)
{
    (void)state;
    if (!peer_has_v6()) {
        print_message("skipped: this machine has no ::1\n");
        skip();
    }
    struct fixture x;
    make_family(&x, AF_INET6);
    struct fake_guest *f = x.f;
    uint8_t loopback[16] = {[15] = 1};
    put_address(f, 16);
    fake_put(f, BUFFER, loopback, 16);
    fake_text(f, DATA, "to myself");
    fake_iov(f, IOVS, DATA, 9);
    static const uint32_t rooms[] = {4, 16, 128};
    for (size_t i = 0; i < ARRAY_COUNT(rooms); i++) {
        put_address(f, 16);
        fake_put(f, BUFFER, loopback, 16);
        assert_int_equal(SEND7(f, 3, IOVS, 1, ADDRESS, x.guest_port, 0, OUT_LEN), WASI_ESUCCESS);
        put_address(f, rooms[i]);
        assert_int_equal(RECV8(f, 3, IOVS, 1, ADDRESS, 0, OUT_PORT, OUT_LEN, OUT_FLAGS), 0);
        assert_int_equal(fake_u32(f, OUT_LEN), 9);
        assert_int_equal(fake_u32(f, OUT_PORT), x.guest_port);
        if (rooms[i] == 4) {
            assert_true(untouched(f, BUFFER, 16)); /* does not fit: silently nothing */
        } else if (rooms[i] == 16) {
            fake_assert_bytes(f, BUFFER, loopback, 16);
        } else {
            uint8_t storage[128] = {2, 0, [17] = 1};
            fake_assert_bytes(f, BUFFER, storage, 128);
        }
    }
    void *fixture = &x;
    done(&fixture);
}

/* A connected stream knows its peer already; recv_from gives the bytes. */
static void recv_from_on_a_stream(void **state)
{
    struct fixture *x = *state;
    int peer = -1;
    struct guest_socket *s = peer_pair(&x->f->guest, &peer);
    uint32_t fd = 0;
    assert_int_equal(fd_table_insert(&x->f->guest.fds, &s->base, 3, &fd), 0);
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    put_address(x->f, 16);
    assert_int_equal(RECV8(x->f, fd, IOVS, 1, ADDRESS, 0, OUT_PORT, OUT_LEN, OUT_FLAGS), 0);
    assert_int_equal(fake_u32(x->f, OUT_LEN), 5);
    fake_put_u32(x->f, BUFFER, 0x0100007f);
    fake_put_u32(x->f, ADDRESS + 4, 4);
    fake_iov(x->f, IOVS, DATA, 5);
    assert_int_equal(SEND7(x->f, fd, IOVS, 1, ADDRESS, 1, 0, OUT_LEN), WASI_ESUCCESS);
    guest_flush(&x->f->guest);
    char got[5];
    peer_read(peer, got, 5);
    assert_memory_equal(got, "hello", 5);
    close(peer);
}

/* -- send_to ---------------------------------------------------------------------------------- */

static void send_to_takes_all_forms(void **state)
{
    struct fixture *x = *state;
    fake_text(x->f, DATA, "datagram");
    fake_iov(x->f, IOVS, DATA, 4);
    fake_iov(x->f, IOVS + 8, DATA + 4, 4);
    put_address(x->f, 4);
    fake_put(x->f, BUFFER, "\x7f\0\0\1", 4);
    fake_fill(x->f, OUT_LEN, MARK, 8);
    assert_int_equal(SEND7(x->f, 3, IOVS, 2, ADDRESS, x->peer_port, 0, OUT_LEN), WASI_ESUCCESS);
    static const uint8_t len[] = {8, 0, 0, 0, MARK};
    fake_assert_bytes(x->f, OUT_LEN, len, sizeof len);
    put_address(x->f, 128);
    fake_put(x->f, BUFFER, "\1\0\x7f\0\0\1", 6);
    assert_int_equal(fake_call(x->f, &wasmedge_transfer, "sock_send_to_v2", 3, IOVS, 1, ADDRESS,
                               x->peer_port, 0, OUT_LEN),
                     WASI_ESUCCESS);
    char got[16];
    assert_int_equal(recv(x->peer, got, sizeof got, 0), 8); /* each is a datagram of its own */
    assert_memory_equal(got, "datagram", 8);
    assert_int_equal(recv(x->peer, got, sizeof got, 0), 4);
}

static void send_to_checks(void **state)
{
    struct fixture *x = *state;
    put_address(x->f, 4);
    fake_put(x->f, BUFFER, "\x7f\0\0\1", 4);
    assert_int_equal(SEND7(x->f, 3, IOVS, 1, ADDRESS, x->peer_port, 1, OUT_LEN), WASI_EINVAL);
    assert_int_equal(SEND7(x->f, 3, IOVS, 1, LAST - 7, x->peer_port, 0, OUT_LEN), WASI_EFAULT);
    assert_int_equal(SEND7(x->f, 3, IOVS, 1, ADDRESS, x->peer_port, 0, LAST - 3), WASI_EFAULT);
    assert_int_equal(SEND7(x->f, 3, LAST, 1, ADDRESS, x->peer_port, 0, OUT_LEN), WASI_EFAULT);
    assert_int_equal(SEND7(x->f, 3, IOVS, 0x40000000, ADDRESS, x->peer_port, 0, OUT_LEN),
                     WASI_EINVAL);
    put_address(x->f, 5);
    assert_int_equal(SEND7(x->f, 3, IOVS, 1, ADDRESS, x->peer_port, 0, OUT_LEN), WASI_EINVAL);
    put_address(x->f, 16);
    assert_int_equal(SEND7(x->f, 3, IOVS, 1, ADDRESS, x->peer_port, 0, OUT_LEN), WASI_EAFNOSUPPORT);
    assert_int_equal(SEND7(x->f, 77, IOVS, 1, ADDRESS, x->peer_port, 0, OUT_LEN), WASI_EBADF);
    x->f->guest.policy.allow_all = false;
    put_address(x->f, 4);
    fake_put(x->f, BUFFER, "\x7f\0\0\1", 4);
    assert_int_equal(SEND7(x->f, 3, IOVS, 1, ADDRESS, 53, 0, OUT_LEN), WASI_EACCES);
    assert_non_null(strstr(x->f->report, "--allow-connect 127.0.0.1:53"));
    /* Too large for a datagram. */
    x->f->guest.policy.allow_all = true;
    fake_iov(x->f, IOVS, 0, LAST);
    assert_int_equal(SEND7(x->f, 3, IOVS, 1, ADDRESS, x->peer_port, 0, OUT_LEN), WASI_EMSGSIZE);
    assert_int_equal(recv(x->peer, &(char){0}, 1, MSG_DONTWAIT), -1);
}

static void six_parameters_are_not_served(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(fake_call_as(x->f, &wasmedge_transfer, "sock_recv_from", "iiiiii", 3, DATA, 1,
                                  BUFFER, 16, 0),
                     WASI_ENOSYS);
    assert_int_equal(
        fake_call_as(x->f, &wasmedge_transfer, "sock_send_to", "iiiiii", 3, DATA, 1, BUFFER, 16, 0),
        WASI_ENOSYS);
}

static void v2_names_of_recv_and_send(void **state)
{
    struct fixture *x = *state;
    arrive(x, "hello");
    assert_int_equal(
        fake_call(x->f, &wasmedge_transfer, "sock_recv_v2", 3, IOVS, 1, 0, OUT_LEN, OUT_FLAGS), 0);
    assert_int_equal(fake_u32(x->f, OUT_LEN), 5);
    assert_int_equal(fake_call(x->f, &wasmedge_transfer, "sock_send_v2", 3, IOVS, 1, 0, OUT_LEN),
                     WASI_EDESTADDRREQ);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, done)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(recv_from_7_writes_octets_whatever_the_room),
        TEST(recv_from_7_truncates),
        TEST(recv_from_waits),
        TEST(recv_from_8_writes_the_form_asked_for),
        TEST(recv_from_8_checks_before_it_takes),
        cmocka_unit_test(ipv6),
        TEST(recv_from_on_a_stream),
        TEST(send_to_takes_all_forms),
        TEST(send_to_checks),
        TEST(six_parameters_are_not_served),
        TEST(v2_names_of_recv_and_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
