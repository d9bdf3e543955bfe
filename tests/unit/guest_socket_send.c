/* Sending on a stream: what is kept back, when it leaves, and what happens to the rest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_call.h"
#include "guest/socket.h"
#include "peer.h"

enum {
    LARGE = 1 << 20,
    KEPT = 15000, /* more than a small kernel buffer takes at once, less than a socket holds */
};

struct pair {
    struct fake_guest *f;
    struct guest_socket *s;
    int peer;
    uint8_t *bytes; /* LARGE of them, all different enough */
};

static int make_pair(void **state)
{
    struct pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->f = fake_guest_new();
    p->s = peer_pair(&p->f->guest, &p->peer);
    p->bytes = malloc(LARGE);
    assert_non_null(p->bytes);
    for (size_t i = 0; i < LARGE; i++) {
        p->bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    *state = p;
    return 0;
}

static int free_pair(void **state)
{
    struct pair *p = *state;
    if (p->s != NULL) {
        descriptor_unref(&p->s->base);
    }
    if (p->peer >= 0) {
        close(p->peer);
    }
    fake_guest_free(p->f);
    free(p->bytes);
    free(p);
    return 0;
}

static int64_t sends(struct guest_socket *s, const void *bytes, size_t len)
{
    union {
        const void *in;
        void *out;
    } u = {.in = bytes};
    struct iovec iov = {u.out, len};
    return guest_socket_send(s, &iov, 1);
}

/* Small buffers on both sides, so that the kernel soon has no room. */
static void shrink(struct pair *p)
{
    int size = 4096;
    assert_int_equal(setsockopt(p->s->base.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(setsockopt(p->peer, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

/* Send from p->bytes until the kernel and the socket take no more. Returns the bytes taken. */
static size_t fill(struct pair *p)
{
    size_t done = 0;
    for (int idle = 0; idle < 3;) {
        assert_true(done < LARGE - (64 << 10));
        int64_t sent = sends(p->s, p->bytes + done, 64 << 10);
        if (sent > 0) {
            done += (size_t)sent;
            idle = 0;
        } else {
            assert_int_equal(sent, -EAGAIN);
            idle++;
            usleep(2000);
        }
    }
    return done;
}

/* Fill the kernel's buffer, then keep back as much as the socket holds, and let it fail. */
static size_t fill_and_drain(struct pair *p)
{
    shrink(p);
    size_t done = fill(p);
    assert_int_equal(sends(p->s, p->bytes + done, KEPT), KEPT);
    guest_flush(&p->f->guest);
    assert_true(p->s->is_draining);
    return done + KEPT;
}

static void read_and_compare(struct pair *p, size_t from, size_t len)
{
    uint8_t *got = malloc(len);
    assert_non_null(got);
    size_t done = 0;
    while (done < len) {
        size_t part = len - done < 4096 ? len - done : 4096;
        if (peer_pending(p->peer) == 0) {
            assert_int_equal(loop_turn(p->f->loop, 5), 0);
            continue;
        }
        ssize_t n = recv(p->peer, got + done, part, 0);
        assert_true(n > 0);
        done += (size_t)n;
        assert_int_equal(loop_turn(p->f->loop, 0), 0);
    }
    assert_memory_equal(got, p->bytes + from, len);
    free(got);
}

/* -- keeping back ----------------------------------------------------------------------------- */

static void small_sends_leave_together(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, "HTTP/1.1 200 OK\r\n", 17), 17);
    assert_int_equal(sends(p->s, "\r\n", 2), 2);
    assert_int_equal(sends(p->s, "body", 4), 4);
    assert_ptr_equal(p->f->guest.held, p->s);
    assert_int_equal(peer_pending(p->peer), 0);
    assert_true(p->s->base.write_news);
    guest_flush(&p->f->guest);
    assert_null(p->f->guest.held);
    assert_int_equal(peer_pending(p->peer), 23);
    char got[23];
    peer_read(p->peer, got, sizeof got);
    assert_memory_equal(got, "HTTP/1.1 200 OK\r\n\r\nbody", 23);
}

static void an_idle_socket_holds_no_memory(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, "x", 1), 1);
    assert_true(p->s->held.cap > 0);
    guest_flush(&p->f->guest);
    assert_int_equal(p->s->held.cap, 0);
    assert_true(p->f->guest.spare.cap > 0); /* for the next one, without malloc */
    const uint8_t *spare = p->f->guest.spare.data;
    assert_int_equal(sends(p->s, "y", 1), 1);
    assert_ptr_equal(p->s->held.data, spare);
    assert_int_equal(p->f->guest.spare.cap, 0);
    assert_true(sizeof *p->s <= 1024);
}

static void sending_on_another_socket_flushes(void **state)
{
    struct pair *p = *state;
    int other_peer = -1;
    struct guest_socket *other = peer_pair(&p->f->guest, &other_peer);
    assert_int_equal(sends(p->s, "one", 3), 3);
    assert_int_equal(sends(other, "two", 3), 3);
    assert_int_equal(peer_pending(p->peer), 3);
    assert_int_equal(peer_pending(other_peer), 0);
    assert_ptr_equal(p->f->guest.held, other);
    descriptor_unref(&other->base); /* close sends, too */
    assert_null(p->f->guest.held);
    char got[3];
    peer_read(other_peer, got, 3);
    assert_memory_equal(got, "two", 3);
    peer_expect_end(other_peer, 0);
    close(other_peer);
}

static void other_calls_flush(void **state)
{
    struct pair *p = *state;
    struct net_address address;
    char byte;
    struct iovec iov = {&byte, 1};
    assert_int_equal(sends(p->s, "a", 1), 1);
    assert_int_equal(guest_socket_recv(p->s, &iov, 1, 0, NULL), -EAGAIN);
    assert_int_equal(peer_pending(p->peer), 1);
    assert_int_equal(sends(p->s, "b", 1), 1);
    assert_int_equal(guest_socket_peer(p->s, &address), 0);
    assert_int_equal(peer_pending(p->peer), 2);
    assert_int_equal(sends(p->s, "c", 1), 1);
    assert_int_equal(guest_wait_begin(&p->f->guest, UINT64_MAX), 0);
    guest_wait_end(&p->f->guest);
    assert_int_equal(peer_pending(p->peer), 3);
}

static void nothing_is_no_send(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, NULL, 0), 0);
    assert_int_equal(guest_socket_send(p->s, NULL, 0), 0);
    assert_null(p->f->guest.held);
}

static void holds_up_to_the_limit(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, p->bytes, SOCKET_HOLD_MAX - 1), SOCKET_HOLD_MAX - 1);
    assert_int_equal(sends(p->s, p->bytes + SOCKET_HOLD_MAX - 1, 1), 1);
    assert_int_equal(peer_pending(p->peer), 0);
    /* One more and all of it goes, in order. */
    assert_int_equal(sends(p->s, p->bytes + SOCKET_HOLD_MAX, 1), 1);
    assert_null(p->f->guest.held);
    read_and_compare(p, 0, SOCKET_HOLD_MAX + 1);
}

static void large_sends_take_what_is_held_along(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, p->bytes, 100), 100);
    struct iovec iov[3] = {{p->bytes + 100, 10}, {p->bytes + 110, 0}, {p->bytes + 110, 20000}};
    assert_int_equal(guest_socket_send(p->s, iov, 3), 20010);
    assert_null(p->f->guest.held);
    assert_int_equal(p->s->held.len, 0);
    read_and_compare(p, 0, 20110);
}

/* 1,024 vectors of the guest and one of what is held are more than sendmsg takes. */
static void takes_as_many_vectors_as_guests_may_have(void **state)
{
    struct pair *p = *state;
    static struct iovec iov[1024];
    for (int i = 0; i < 1024; i++) {
        iov[i] = (struct iovec){p->bytes + 10 + (size_t)i * 100, 100};
    }
    assert_int_equal(sends(p->s, p->bytes, 10), 10);
    assert_int_equal(guest_socket_send(p->s, iov, 1024), 1023 * 100);
    read_and_compare(p, 0, 10 + 1023 * 100);
}

/* -- no room in the kernel -------------------------------------------------------------------- */

static void a_full_kernel_is_again(void **state)
{
    struct pair *p = *state;
    peer_wait_ready(&p->f->guest, &p->s->base, LOOP_WRITE);
    shrink(p);
    size_t done = fill(p);
    assert_int_equal(p->s->base.ready & LOOP_WRITE, 0);
    assert_false(p->s->is_draining);
    read_and_compare(p, 0, done);
    peer_wait_ready(&p->f->guest, &p->s->base, LOOP_WRITE); /* a new edge */
}

static void draining_goes_on_by_itself(void **state)
{
    struct pair *p = *state;
    size_t done = fill_and_drain(p);
    assert_null(p->f->guest.held);
    assert_int_equal(p->s->base.ready & LOOP_WRITE, 0);
    assert_int_equal(sends(p->s, "x", 1), -EAGAIN); /* behind them, nothing */
    p->s->base.write_news = false;
    read_and_compare(p, 0, done); /* nobody calls the socket: only the loop turns */
    assert_false(p->s->is_draining);
    assert_int_equal(p->s->held.cap, 0);
    peer_wait_ready(&p->f->guest, &p->s->base, LOOP_WRITE);
    assert_true(p->s->base.write_news);
}

/* The guest must not be told "writable" while its earlier bytes use up the room. */
static void draining_wakes_only_when_done(void **state)
{
    struct pair *p = *state;
    size_t done = fill_and_drain(p);
    guest_wait_mark(&p->f->guest, &p->s->base, LOOP_WRITE);
    assert_int_equal(guest_wait_begin(&p->f->guest, UINT64_MAX), 0);
    uint8_t *got = malloc(done);
    assert_non_null(got);
    for (size_t at = 0; at < done;) {
        ssize_t n = recv(p->peer, got + at, 512, MSG_DONTWAIT);
        at += n > 0 ? (size_t)n : 0;
        assert_int_equal(loop_turn(p->f->loop, n > 0 ? 0 : 2), 0);
        assert_true(!p->f->guest.wait.is_due || !p->s->is_draining);
    }
    assert_memory_equal(got, p->bytes, done);
    free(got);
    peer_wait_ready(&p->f->guest, &p->s->base, LOOP_WRITE);
    assert_true(p->f->guest.wait.is_due);
    guest_wait_end(&p->f->guest);
}

/* A Unix socket's small buffer takes what is held in many parts, and says "writable" before each. */
static void draining_in_parts_wakes_only_when_done(void **state)
{
    struct pair *p = *state;
    int fds[2];
    int size = 1; /* becomes the least there is */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    descriptor_unref(&p->s->base);
    close(p->peer);
    p->peer = fds[1];
    assert_int_equal(
        guest_socket_wrap(&p->f->guest, fds[0], AF_UNIX, SOCK_STREAM, SOCKET_OPEN, &p->s), 0);
    assert_int_equal(sends(p->s, p->bytes, KEPT), KEPT);
    guest_wait_mark(&p->f->guest, &p->s->base, LOOP_WRITE);
    assert_int_equal(guest_wait_begin(&p->f->guest, UINT64_MAX), 0); /* sends the first part */
    assert_true(p->s->is_draining && p->s->held.len < KEPT);
    uint8_t got[KEPT];
    unsigned parts = 0;
    for (size_t at = 0; at < KEPT;) {
        size_t left = p->s->held.len;
        ssize_t n = recv(p->peer, got + at, sizeof got - at, MSG_DONTWAIT);
        at += n > 0 ? (size_t)n : 0;
        assert_int_equal(loop_turn(p->f->loop, 5), 0);
        parts += p->s->held.len < left;
        assert_true(!p->f->guest.wait.is_due || !p->s->is_draining);
        assert_true(!p->s->is_draining || (p->s->base.ready & LOOP_WRITE) == 0);
    }
    assert_true(parts > 1);
    assert_true(p->f->guest.wait.is_due);
    guest_wait_end(&p->f->guest);
    assert_memory_equal(got, p->bytes, KEPT);
}

/* A guest that never waits but tries again and again gets on, too. */
static void draining_goes_on_in_send(void **state)
{
    struct pair *p = *state;
    size_t done = fill_and_drain(p);
    uint8_t *got = malloc(done);
    assert_non_null(got);
    peer_read(p->peer, got, done - p->s->held.len);
    int64_t sent = -EAGAIN;
    for (int i = 0; i < 1000 && sent == -EAGAIN; i++) {
        usleep(1000);
        sent = sends(p->s, "x", 1);
    }
    assert_int_equal(sent, 1);
    free(got);
}

/* Thousands of pollables may ask for room in one call, which is not to cost as many system calls: the
 * kernel's edge is what goes on with the rest. */
static void asking_for_room_does_not_try_again(void **state)
{
    struct pair *p = *state;
    size_t done = fill_and_drain(p);
    uint8_t *got = malloc(done);
    assert_non_null(got);
    peer_read(p->peer, got, done - p->s->held.len);
    for (int i = 0; i < 10; i++) {
        usleep(1000);
        assert_int_equal(guest_socket_room(p->s), 0);
    }
    assert_int_equal(p->s->held.len, KEPT);
    peer_wait_ready(&p->f->guest, &p->s->base, LOOP_WRITE);
    assert_int_equal(guest_socket_room(p->s), SOCKET_HOLD_MAX);
    free(got);
}

/* Part of what is held goes: the guest's own bytes count as not sent. */
static void a_send_through_a_full_kernel_reports_its_own_bytes_only(void **state)
{
    struct pair *p = *state;
    shrink(p);
    size_t done = fill(p);
    assert_int_equal(sends(p->s, p->bytes + done, 1000), 1000);
    int64_t sent = sends(p->s, p->bytes + done + 1000, 50000);
    assert_int_equal(sent, -EAGAIN);
    assert_true(p->s->is_draining);
    read_and_compare(p, 0, done + 1000);
    assert_int_equal(peer_pending(p->peer), 0);
}

/* -- errors ----------------------------------------------------------------------------------- */

static void an_error_comes_out_of_the_next_call(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, "lost", 4), 4);
    peer_reset(p->peer);
    p->peer = -1;
    usleep(10000);
    guest_flush(&p->f->guest);
    assert_int_equal(p->s->pending_error, -ECONNRESET);
    assert_int_equal(p->s->held.cap, 0);
    /* Whichever way the guest polls, it finds out. */
    assert_int_equal(p->s->base.ready & (LOOP_READ | LOOP_WRITE), LOOP_READ | LOOP_WRITE);
    assert_int_equal(sends(p->s, "more", 4), -ECONNRESET);
    assert_int_equal(p->s->pending_error, 0);
    assert_int_equal(sends(p->s, "more", 4), 4);
    guest_flush(&p->f->guest);
    char byte;
    struct iovec iov = {&byte, 1};
    assert_int_equal(guest_socket_recv(p->s, &iov, 1, 0, NULL), -EPIPE);
    assert_int_equal(guest_socket_recv(p->s, &iov, 1, 0, NULL), 0);
}

static void so_error_takes_the_pending_one(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, "lost", 4), 4);
    peer_reset(p->peer);
    p->peer = -1;
    usleep(10000);
    guest_flush(&p->f->guest);
    assert_int_equal(guest_socket_take_error(p->s), -ECONNRESET);
    assert_int_equal(guest_socket_take_error(p->s), 0);
}

static void an_error_of_a_large_send_is_its_own(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, "lost", 4), 4);
    peer_reset(p->peer);
    p->peer = -1;
    usleep(10000);
    assert_int_equal(sends(p->s, p->bytes, 100000), -ECONNRESET);
    assert_int_equal(p->s->pending_error, 0);
    assert_int_equal(p->s->held.len, 0);
    assert_null(p->f->guest.held);
}

/* -- the end ---------------------------------------------------------------------------------- */

static void shutdown_sends_first(void **state)
{
    struct pair *p = *state;
    assert_int_equal(sends(p->s, "last", 4), 4);
    assert_int_equal(guest_socket_shutdown(p->s, SHUT_WR), 0);
    char got[4];
    peer_read(p->peer, got, 4);
    assert_memory_equal(got, "last", 4);
    peer_expect_end(p->peer, 0);
    assert_int_equal(sends(p->s, "x", 1), -EPIPE);
    assert_int_equal(send(p->peer, "back", 4, 0), 4); /* reading goes on */
    peer_wait_ready(&p->f->guest, &p->s->base, LOOP_READ);
    struct iovec iov = {got, 4};
    assert_int_equal(guest_socket_recv(p->s, &iov, 1, 0, NULL), 4);
}

static void shutdown_waits_for_draining(void **state)
{
    struct pair *p = *state;
    size_t done = fill_and_drain(p);
    assert_int_equal(guest_socket_shutdown(p->s, SHUT_RDWR), 0);
    assert_int_equal(sends(p->s, "x", 1), -EPIPE);
    read_and_compare(p, 0, done);
    peer_turn(&p->f->guest);
    peer_expect_end(p->peer, 0);
}

static void close_lingers_until_all_is_sent(void **state)
{
    struct pair *p = *state;
    size_t done = fill_and_drain(p);
    assert_int_equal(guest_socket_shutdown(p->s, SHUT_RDWR), 0); /* what guests do before */
    descriptor_unref(&p->s->base);
    p->s = NULL;
    assert_int_equal(p->f->guest.lingering_count, 1);
    read_and_compare(p, 0, done);
    peer_turn(&p->f->guest);
    assert_int_equal(p->f->guest.lingering_count, 0);
    peer_expect_end(p->peer, 0);
}

static void a_lingering_socket_ends_with_its_peer(void **state)
{
    struct pair *p = *state;
    (void)fill_and_drain(p);
    descriptor_unref(&p->s->base);
    p->s = NULL;
    peer_reset(p->peer);
    p->peer = -1;
    peer_turn(&p->f->guest);
    assert_int_equal(p->f->guest.lingering_count, 0);
}

static void the_end_of_the_guest_waits_a_while(void **state)
{
    struct pair *p = *state;
    size_t done = fill_and_drain(p);
    descriptor_unref(&p->s->base);
    p->s = NULL;
    uint64_t begin_ns = loop_clock_ns();
    guest_socket_linger(&p->f->guest, 50); /* nobody reads: given up */
    uint64_t took_ns = loop_clock_ns() - begin_ns;
    assert_true(took_ns >= 50000000U && took_ns < 2000000000U);
    assert_int_equal(p->f->guest.lingering_count, 0);
    (void)done;
}

static void the_end_of_the_guest_sends_what_it_can(void **state)
{
    struct pair *p = *state;
    size_t done = fill_and_drain(p);
    size_t left = p->s->held.len;
    descriptor_unref(&p->s->base);
    p->s = NULL;
    uint8_t *got = malloc(done);
    assert_non_null(got);
    peer_read(p->peer, got, done - left);
    guest_socket_linger(&p->f->guest, 5000);
    assert_int_equal(p->f->guest.lingering_count, 0);
    peer_read(p->peer, got + done - left, left);
    assert_memory_equal(got, p->bytes, done);
    peer_expect_end(p->peer, 0);
    free(got);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pair, free_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(small_sends_leave_together),
        TEST(an_idle_socket_holds_no_memory),
        TEST(sending_on_another_socket_flushes),
        TEST(other_calls_flush),
        TEST(nothing_is_no_send),
        TEST(holds_up_to_the_limit),
        TEST(large_sends_take_what_is_held_along),
        TEST(takes_as_many_vectors_as_guests_may_have),
        TEST(a_full_kernel_is_again),
        TEST(draining_goes_on_by_itself),
        TEST(draining_wakes_only_when_done),
        TEST(draining_in_parts_wakes_only_when_done),
        TEST(draining_goes_on_in_send),
        TEST(asking_for_room_does_not_try_again),
        TEST(a_send_through_a_full_kernel_reports_its_own_bytes_only),
        TEST(an_error_comes_out_of_the_next_call),
        TEST(so_error_takes_the_pending_one),
        TEST(an_error_of_a_large_send_is_its_own),
        TEST(shutdown_sends_first),
        TEST(shutdown_waits_for_draining),
        TEST(close_lingers_until_all_is_sent),
        TEST(a_lingering_socket_ends_with_its_peer),
        TEST(the_end_of_the_guest_waits_a_while),
        TEST(the_end_of_the_guest_sends_what_it_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
