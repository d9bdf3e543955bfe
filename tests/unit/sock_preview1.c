/* preview1's sock_accept, sock_recv, sock_send and sock_shutdown: what stands in guest memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_call.h"
#include "guest/socket.h"
#include "peer.h"

enum {
    IOVS = 64,
    DATA = 4096,
    OUT_LEN = 16,
    OUT_FLAGS = 24,
    OUT_FD = 32,
    MARK = 0xcc,
    LAST = FAKE_MEMORY_LEN,
};

/* Numbers that no answer of these functions has. */
static void mark_outputs(struct fake_guest *f)
{
    fake_fill(f, 0, MARK, 64);
    fake_fill(f, DATA, MARK, 1024);
}

static uint32_t insert(struct fake_guest *f, struct guest_socket *s)
{
    uint32_t fd = 0;
    assert_int_equal(fd_table_insert(&f->guest.fds, &s->base, 3, &fd), 0);
    return fd;
}

/* A connection as fd 3. */
static struct guest_socket *connected(struct fake_guest *f, int *ret_peer)
{
    struct guest_socket *s = peer_pair(&f->guest, ret_peer);
    assert_int_equal(insert(f, s), 3);
    return s;
}

/* A listener as fd 3. */
static struct guest_socket *listening(struct fake_guest *f, uint16_t *ret_port)
{
    struct guest_socket *s = NULL;
    struct net_address address = peer_v4(0);
    f->guest.policy.allow_all = true;
    assert_int_equal(guest_socket_open(&f->guest, AF_INET, SOCK_STREAM, &s), 0);
    assert_int_equal(guest_socket_bind(s, &address), 0);
    assert_int_equal(guest_socket_listen(s, 8), 0);
    assert_int_equal(guest_socket_local(s, &address), 0);
    *ret_port = net_address_port(&address);
    assert_int_equal(insert(f, s), 3);
    return s;
}

static int32_t recv3(struct fake_guest *f, uint32_t iovs, uint32_t count, uint32_t flags)
{
    return fake_call(f, &preview1_sock, "sock_recv", 3, iovs, count, flags, OUT_LEN, OUT_FLAGS);
}

static int32_t send3(struct fake_guest *f, uint32_t iovs, uint32_t count)
{
    return fake_call(f, &preview1_sock, "sock_send", 3, iovs, count, 0, OUT_LEN);
}

/* -- accept ----------------------------------------------------------------------------------- */

static void accept_gives_a_number(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    uint16_t port = 0;
    struct guest_socket *s = listening(f, &port);
    s->base.fdflags = FDFLAG_NONBLOCK;
    mark_outputs(f);
    assert_int_equal(fake_call(f, &preview1_sock, "sock_accept", 3, 4, OUT_FD), WASI_EAGAIN);
    assert_int_equal(fake_u32(f, OUT_FD), 0xcccccccc);
    int peer = peer_connect(port);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(fake_call(f, &preview1_sock, "sock_accept", 3, 4, OUT_FD), WASI_ESUCCESS);
    static const uint8_t four[] = {4, 0, 0, 0, MARK};
    fake_assert_bytes(f, OUT_FD, four, sizeof four);
    assert_int_equal(fd_table_get(&f->guest.fds, 4)->fdflags, FDFLAG_NONBLOCK);
    close(peer);
    fake_guest_free(f);
}

static void accept_takes_flags_for_the_new_socket(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    uint16_t port = 0;
    struct guest_socket *s = listening(f, &port);
    /* What stands behind the fd, and the flags of the socket that come of it. In builds of 2021
     * it is a port. */
    static const uint32_t cases[][2] = {
        {0, 0},    {4, FDFLAG_NONBLOCK}, {31, FDFLAG_NONBLOCK}, {27, 0}, {32, 0}, {36, 0},
        {8084, 0}, {0xffffffff, 0},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int peer = peer_connect(port);
        assert_int_equal(fake_call(f, &preview1_sock, "sock_accept", 3, cases[i][0], OUT_FD), 0);
        assert_int_equal(fake_u32(f, OUT_FD), 4 + i);
        assert_int_equal(fd_table_get(&f->guest.fds, 4 + i)->fdflags, cases[i][1]);
        assert_int_equal(s->base.fdflags, 0);
        close(peer);
    }
    fake_guest_free(f);
}

static void accept_waits(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    uint16_t port = 0;
    struct guest_socket *s = listening(f, &port);
    assert_int_equal(fake_begin(f, &preview1_sock, "sock_accept", 3, 0, OUT_FD), CALL_WAIT);
    peer_turn(&f->guest);
    assert_false(f->guest.wait.is_due);
    int peer = peer_connect(port);
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_FD), 4);
    close(peer);
    /* With a timeout it ends by itself. */
    s->recv_timeout_ns = 20000000;
    assert_int_equal(fake_call(f, &preview1_sock, "sock_accept", 3, 0, OUT_FD), WASI_EAGAIN);
    assert_int_equal(f->waits, 1);
    fake_guest_free(f);
}

/* A woken accept that finds the connection gone waits on. */
static void accept_waits_on_when_there_is_nothing_after_all(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    uint16_t port = 0;
    struct guest_socket *s = listening(f, &port);
    assert_int_equal(fake_begin(f, &preview1_sock, "sock_accept", 3, 0, OUT_FD), CALL_WAIT);
    int one = peer_connect(port);
    int stolen = accept(s->base.fd, NULL, NULL);
    assert_true(stolen >= 0);
    f->max_wait_ms = 50;
    assert_int_equal(fake_finish(f), FAKE_STILL_WAITING);
    close(one);
    close(stolen);
    fake_guest_free(f);
}

static void accept_takes_nothing_it_cannot_report(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    uint16_t port = 0;
    struct guest_socket *s = listening(f, &port);
    int peer = peer_connect(port);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    static const uint32_t bad[] = {LAST, LAST - 3, 0xffffffff, 0xfffffffc};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fake_call(f, &preview1_sock, "sock_accept", 3, 0, bad[i]), WASI_EFAULT);
    }
    assert_int_equal(fake_call(f, &preview1_sock, "sock_accept", 3, 0, LAST - 4), WASI_ESUCCESS);
    close(peer);
    fake_guest_free(f);
}

static void a_full_table_closes_the_connection(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    uint16_t port = 0;
    (void)listening(f, &port);
    f->guest.fds.max = 4;
    int peer = peer_connect(port);
    int32_t e = fake_call(f, &preview1_sock, "sock_accept", 3, 0, OUT_FD);
    assert_int_equal(e, WASI_EMFILE);
    peer_expect_end(peer, 0);
    close(peer);
    fake_guest_free(f);
}

static void wrong_descriptors(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    assert_int_equal(fake_call(f, &preview1_sock, "sock_accept", 3, 0, OUT_FD), WASI_EBADF);
    assert_int_equal(recv3(f, IOVS, 0, 0), WASI_EBADF);
    assert_int_equal(send3(f, IOVS, 0), WASI_EBADF);
    assert_int_equal(fake_call(f, &preview1_sock, "sock_shutdown", 3, 1), WASI_EBADF);
    assert_int_equal(fake_call(f, &preview1_sock, "sock_shutdown", 0xffffffff, 1), WASI_EBADF);
    static const struct descriptor_ops no_ops;
    struct descriptor file;
    descriptor_init(&file, &f->guest, DESCRIPTOR_FILE, &no_ops, -1);
    uint32_t fd = 0;
    assert_int_equal(fd_table_insert(&f->guest.fds, &file, 3, &fd), 0);
    assert_int_equal(fake_call(f, &preview1_sock, "sock_accept", 3, 0, OUT_FD), WASI_ENOTSOCK);
    assert_int_equal(recv3(f, IOVS, 0, 0), WASI_ENOTSOCK);
    assert_int_equal(send3(f, IOVS, 0), WASI_ENOTSOCK);
    assert_int_equal(fake_call(f, &preview1_sock, "sock_shutdown", 3, 1), WASI_ENOTSOCK);
    assert_ptr_equal(fd_table_take(&f->guest.fds, 3), &file);
    fake_guest_free(f);
}

/* -- recv ------------------------------------------------------------------------------------- */

static void recv_scatters(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = connected(f, &peer);
    mark_outputs(f);
    fake_iov(f, IOVS, DATA, 3);
    fake_iov(f, IOVS + 8, DATA + 100, 0);
    fake_iov(f, IOVS + 16, DATA + 200, 10);
    assert_int_equal(send(peer, "abcdef", 6, 0), 6);
    assert_int_equal(recv3(f, IOVS, 3, 0), WASI_ESUCCESS);
    static const uint8_t len[] = {6, 0, 0, 0, MARK};
    static const uint8_t flags[] = {0, 0, MARK}; /* two bytes, no more */
    fake_assert_bytes(f, OUT_LEN, len, sizeof len);
    fake_assert_bytes(f, OUT_FLAGS, flags, sizeof flags);
    fake_assert_bytes(f, DATA, "abc\xcc", 4);
    fake_assert_bytes(f, DATA + 100, "\xcc", 1);
    fake_assert_bytes(f, DATA + 200, "def\xcc", 4);
    shutdown(peer, SHUT_WR);
    assert_int_equal(recv3(f, IOVS, 3, 0), WASI_ESUCCESS); /* the end */
    assert_int_equal(fake_u32(f, OUT_LEN), 0);
    (void)s;
    close(peer);
    fake_guest_free(f);
}

static void recv_peeks(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    (void)connected(f, &peer);
    fake_iov(f, IOVS, DATA, 100);
    assert_int_equal(send(peer, "abcdef", 6, 0), 6);
    for (uint32_t flags = WASI_RI_PEEK; flags <= 3; flags += 2) {
        assert_int_equal(recv3(f, IOVS, 1, flags), WASI_ESUCCESS); /* WAITALL has no say here */
        assert_int_equal(fake_u32(f, OUT_LEN), 6);
    }
    assert_int_equal(recv3(f, IOVS, 1, 0), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 6);
    close(peer);
    fake_guest_free(f);
}

static void recv_waits(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = connected(f, &peer);
    fake_iov(f, IOVS, DATA, 100);
    assert_int_equal(fake_begin(f, &preview1_sock, "sock_recv", 3, IOVS, 1, 0, OUT_LEN, OUT_FLAGS),
                     CALL_WAIT);
    assert_int_equal(send(peer, "abc", 3, 0), 3);
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 3);
    fake_assert_bytes(f, DATA, "abc", 3);
    s->recv_timeout_ns = 20000000;
    assert_int_equal(recv3(f, IOVS, 1, 0), WASI_EAGAIN);
    s->base.fdflags = FDFLAG_NONBLOCK;
    assert_int_equal(recv3(f, IOVS, 1, 0), WASI_EAGAIN);
    assert_int_equal(f->waits, 0);
    s->base.fdflags = 0;
    s->recv_timeout_ns = UINT64_MAX;
    assert_int_equal(fake_begin(f, &preview1_sock, "sock_recv", 3, IOVS, 1, 0, OUT_LEN, OUT_FLAGS),
                     CALL_WAIT);
    peer_reset(peer);
    assert_int_equal(fake_finish(f), WASI_ECONNRESET);
    fake_guest_free(f);
}

static void waitall_goes_on_until_all_is_there(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    (void)connected(f, &peer);
    fake_iov(f, IOVS, DATA, 4);
    fake_iov(f, IOVS + 8, DATA + 100, 4);
    assert_int_equal(send(peer, "ab", 2, 0), 2);
    assert_int_equal(
        fake_begin(f, &preview1_sock, "sock_recv", 3, IOVS, 2, WASI_RI_WAITALL, OUT_LEN, OUT_FLAGS),
        CALL_WAIT);
    assert_int_equal(send(peer, "cde", 3, 0), 3);
    peer_turn(&f->guest);
    assert_true(f->guest.wait.is_due);
    guest_wait_end(&f->guest);
    assert_int_equal(f->call.func->finish(&f->call), CALL_WAIT);
    assert_int_equal(send(peer, "fghij", 5, 0), 5);
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 8);
    fake_assert_bytes(f, DATA, "abcd", 4);
    fake_assert_bytes(f, DATA + 100, "efgh", 4);
    /* At the end it gives what there was. */
    shutdown(peer, SHUT_WR);
    assert_int_equal(recv3(f, IOVS, 2, WASI_RI_WAITALL), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 2);
    fake_assert_bytes(f, DATA, "ij", 2);
    close(peer);
    fake_guest_free(f);
}

static void waitall_gives_what_came_before_the_trouble(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = connected(f, &peer);
    fake_iov(f, IOVS, DATA, 8);
    s->recv_timeout_ns = 20000000;
    assert_int_equal(send(peer, "ab", 2, 0), 2);
    assert_int_equal(recv3(f, IOVS, 1, WASI_RI_WAITALL), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 2);
    s->recv_timeout_ns = UINT64_MAX;
    assert_int_equal(send(peer, "cd", 2, 0), 2);
    assert_int_equal(
        fake_begin(f, &preview1_sock, "sock_recv", 3, IOVS, 1, WASI_RI_WAITALL, OUT_LEN, OUT_FLAGS),
        CALL_WAIT);
    peer_reset(peer);
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 2);
    fake_assert_bytes(f, DATA, "cd", 2);
    assert_int_equal(recv3(f, IOVS, 1, 0), WASI_ECONNRESET);
    fake_guest_free(f);
}

static void waitall_on_a_non_blocking_socket_is_plain(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = connected(f, &peer);
    s->base.fdflags = FDFLAG_NONBLOCK;
    fake_iov(f, IOVS, DATA, 8);
    assert_int_equal(send(peer, "ab", 2, 0), 2);
    assert_int_equal(recv3(f, IOVS, 1, WASI_RI_WAITALL), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 2);
    close(peer);
    fake_guest_free(f);
}

static void recv_checks_before_it_takes(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = connected(f, &peer);
    assert_int_equal(send(peer, "abc", 3, 0), 3);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    fake_iov(f, IOVS, DATA, 8);
    static const uint32_t flags[] = {4, 7, 0x10000, 0x80000000};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(recv3(f, IOVS, 1, flags[i]), WASI_EINVAL);
    }
    static const uint32_t bad[] = {LAST, LAST - 1, 0xffffffff};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            fake_call(f, &preview1_sock, "sock_recv", 3, IOVS, 1, 0, bad[i], OUT_FLAGS),
            WASI_EFAULT);
        assert_int_equal(fake_call(f, &preview1_sock, "sock_recv", 3, IOVS, 1, 0, OUT_LEN, bad[i]),
                         WASI_EFAULT);
        assert_int_equal(recv3(f, bad[i], 1, 0), WASI_EFAULT);
        fake_iov(f, IOVS + 8, bad[i], 8);
        assert_int_equal(recv3(f, IOVS, 2, 0), WASI_EFAULT);
    }
    fake_iov(f, IOVS + 8, DATA, 0xffffffff);
    assert_int_equal(recv3(f, IOVS, 2, 0), WASI_EFAULT);
    static const uint32_t counts[] = {1025, 0x20000000, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(recv3(f, IOVS, counts[i], 0), WASI_EINVAL);
    }
    /* Nothing was lost on the way. */
    assert_int_equal(recv3(f, IOVS, 1, 0), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 3);
    fake_iov(f, IOVS, LAST - 2, 2);
    assert_int_equal(send(peer, "xyz", 3, 0), 3);
    assert_int_equal(recv3(f, IOVS, 1, 0), WASI_ESUCCESS);
    fake_assert_bytes(f, LAST - 2, "xy", 2);
    close(peer);
    fake_guest_free(f);
}

/* -- send ------------------------------------------------------------------------------------- */

static void send_gathers(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    (void)connected(f, &peer);
    mark_outputs(f);
    fake_text(f, DATA, "abc");
    fake_text(f, DATA + 100, "de");
    fake_iov(f, IOVS, DATA, 3);
    fake_iov(f, IOVS + 8, DATA + 100, 2);
    assert_int_equal(send3(f, IOVS, 2), WASI_ESUCCESS);
    static const uint8_t len[] = {5, 0, 0, 0, MARK};
    fake_assert_bytes(f, OUT_LEN, len, sizeof len);
    fake_text(f, DATA, "XXX"); /* the guest may use its memory again at once */
    guest_flush(&f->guest);
    char got[5];
    peer_read(peer, got, 5);
    assert_memory_equal(got, "abcde", 5);
    close(peer);
    fake_guest_free(f);
}

static void send_checks(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    (void)connected(f, &peer);
    fake_iov(f, IOVS, DATA, 8);
    assert_int_equal(fake_call(f, &preview1_sock, "sock_send", 3, IOVS, 1, 1, OUT_LEN),
                     WASI_EINVAL);
    assert_int_equal(fake_call(f, &preview1_sock, "sock_send", 3, IOVS, 1, 0, LAST - 3),
                     WASI_EFAULT);
    assert_int_equal(send3(f, LAST - 7, 1), WASI_EFAULT);
    assert_int_equal(send3(f, 0xfffffff8, 1), WASI_EFAULT);
    assert_int_equal(send3(f, IOVS, 0x80000000), WASI_EINVAL);
    fake_iov(f, IOVS, LAST - 4, 5);
    assert_int_equal(send3(f, IOVS, 1), WASI_EFAULT);
    guest_flush(&f->guest);
    assert_int_equal(peer_pending(peer), 0);
    assert_int_equal(send3(f, IOVS, 0), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), 0);
    close(peer);
    fake_guest_free(f);
}

/* A blocking send of more than the kernel takes sends all of it, in several waits. */
static void a_blocking_send_is_complete(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = connected(f, &peer);
    int size = 32768;
    assert_int_equal(setsockopt(s->base.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
    /* The same 60,000 bytes, twenty times: 1.2 MB, many times what the kernel holds. */
    enum { PART = 60000, PARTS = 20 };
    for (uint32_t i = 0; i < PART; i++) {
        uint8_t byte = (uint8_t)(i * 7 + i / 251);
        fake_put(f, DATA + i, &byte, 1);
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        fake_iov(f, IOVS + i * 8, DATA, PART);
    }
    static uint8_t got[PART * PARTS];
    size_t done = 0;
    int32_t e = fake_begin(f, &preview1_sock, "sock_send", 3, IOVS, PARTS, 0, OUT_LEN);
    assert_int_equal(e, CALL_WAIT);
    while (e == CALL_WAIT) {
        ssize_t n = recv(peer, got + done, 8192, MSG_DONTWAIT);
        done += n > 0 ? (size_t)n : 0;
        assert_int_equal(loop_turn(f->loop, 1), 0);
        if (f->guest.wait.is_due) {
            guest_wait_end(&f->guest);
            e = f->call.func->finish(&f->call);
        }
    }
    assert_int_equal(e, WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_LEN), PART * PARTS);
    guest_flush(&f->guest);
    while (done < sizeof got) {
        ssize_t n = recv(peer, got + done, sizeof got - done, MSG_DONTWAIT);
        done += n > 0 ? (size_t)n : 0;
        assert_int_equal(loop_turn(f->loop, 1), 0);
    }
    for (size_t i = 0; i < PARTS; i++) {
        fake_assert_bytes(f, DATA, got + i * PART, PART);
    }
    close(peer);
    fake_guest_free(f);
}

static void a_non_blocking_send_is_partial(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = connected(f, &peer);
    int size = 4096;
    assert_int_equal(setsockopt(s->base.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    s->base.fdflags = FDFLAG_NONBLOCK;
    for (uint32_t i = 0; i < 1000; i++) {
        fake_iov(f, IOVS + i * 8, 0, FAKE_MEMORY_LEN);
    }
    assert_int_equal(send3(f, IOVS, 1000), WASI_ESUCCESS);
    uint32_t sent = fake_u32(f, OUT_LEN);
    assert_true(sent > 0 && sent < 1000 * FAKE_MEMORY_LEN);
    /* A timeout of a blocking one gives what went. */
    s->base.fdflags = 0;
    s->send_timeout_ns = 20000000;
    int32_t e = send3(f, IOVS, 1000);
    assert_true(e == WASI_EAGAIN || e == WASI_ESUCCESS);
    close(peer);
    fake_guest_free(f);
}

static void send_after_the_peer_has_gone(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    int peer = -1;
    struct guest_socket *s = connected(f, &peer);
    peer_reset(peer);
    peer_wait_ready(&f->guest, &s->base, LOOP_ERROR | LOOP_HANGUP);
    fake_iov(f, IOVS, DATA, 8);
    assert_int_equal(send3(f, IOVS, 1), WASI_ESUCCESS); /* kept back */
    guest_flush(&f->guest);
    assert_int_equal(send3(f, IOVS, 1), WASI_ECONNRESET);
    fake_guest_free(f);
}

/* -- shutdown --------------------------------------------------------------------------------- */

static void shutdown_directions(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0, 4, 7, 0x100, 0x80000001, 0xffffffff};
    for (uint32_t how = 1; how <= 3; how++) {
        struct fake_guest *f = fake_guest_new();
        int peer = -1;
        (void)connected(f, &peer);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            assert_int_equal(fake_call(f, &preview1_sock, "sock_shutdown", 3, bad[i]), WASI_EINVAL);
        }
        assert_int_equal(fake_call(f, &preview1_sock, "sock_shutdown", 3, how), WASI_ESUCCESS);
        fake_iov(f, IOVS, DATA, 8);
        if ((how & WASI_SD_RD) != 0) {
            assert_int_equal(recv3(f, IOVS, 1, 0), WASI_ESUCCESS);
            assert_int_equal(fake_u32(f, OUT_LEN), 0);
        }
        assert_int_equal(send3(f, IOVS, 1), (how & WASI_SD_WR) != 0 ? WASI_EPIPE : WASI_ESUCCESS);
        if ((how & WASI_SD_WR) != 0) {
            peer_expect_end(peer, 0);
        }
        close(peer);
        fake_guest_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_gives_a_number),
        cmocka_unit_test(accept_takes_flags_for_the_new_socket),
        cmocka_unit_test(accept_waits),
        cmocka_unit_test(accept_waits_on_when_there_is_nothing_after_all),
        cmocka_unit_test(accept_takes_nothing_it_cannot_report),
        cmocka_unit_test(a_full_table_closes_the_connection),
        cmocka_unit_test(wrong_descriptors),
        cmocka_unit_test(recv_scatters),
        cmocka_unit_test(recv_peeks),
        cmocka_unit_test(recv_waits),
        cmocka_unit_test(waitall_goes_on_until_all_is_there),
        cmocka_unit_test(waitall_gives_what_came_before_the_trouble),
        cmocka_unit_test(waitall_on_a_non_blocking_socket_is_plain),
        cmocka_unit_test(recv_checks_before_it_takes),
        cmocka_unit_test(send_gathers),
        cmocka_unit_test(send_checks),
        cmocka_unit_test(a_blocking_send_is_complete),
        cmocka_unit_test(a_non_blocking_send_is_partial),
        cmocka_unit_test(send_after_the_peer_has_gone),
        cmocka_unit_test(shutdown_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
