/* Readiness as poll reports it: levels, and in auto mode every clause of "there is news". */
#include "guest/poll.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_call.h"
#include "guest/socket.h"

struct connection {
    uint32_t fd;
    int peer;
    struct guest_socket *socket;
};

static int setup(void **state)
{
    struct fake_guest *f = fake_guest_new();
    f->guest.poll_mode = GUEST_POLL_AUTO;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fake_guest_free(*state);
    return 0;
}

static void turn(struct fake_guest *f)
{
    assert_int_equal(loop_turn(f->loop, 0), 0);
}

static void connect_one(struct fake_guest *f, struct connection *c)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(
        guest_socket_wrap(&f->guest, pair[0], AF_UNIX, SOCK_STREAM, SOCKET_OPEN, &c->socket), 0);
    assert_int_equal(fd_table_insert(&f->guest.fds, &c->socket->base, 3, &c->fd), 0);
    c->peer = pair[1];
    turn(f);
}

/* One look with FD_READ and FD_WRITE of the same descriptor. Returns what was reported. */
static unsigned look(struct fake_guest *f, uint32_t fd)
{
    struct poll_result result;
    guest_poll_begin(&f->guest);
    unsigned found = guest_poll_read(&f->guest, fd, false, &result) ? LOOP_READ : 0;
    return found | (guest_poll_write(&f->guest, fd, false, &result) ? LOOP_WRITE : 0);
}

static unsigned look_at_write(struct fake_guest *f, uint32_t fd, bool is_edge)
{
    struct poll_result result = {.error = 1};
    guest_poll_begin(&f->guest);
    bool found = guest_poll_write(&f->guest, fd, is_edge, &result);
    assert_int_equal(result.error, found ? 0 : 1);
    return found ? LOOP_WRITE : 0;
}

static void send_text(struct connection *c, const char *text)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    assert_int_equal(guest_socket_send(c->socket, &iov, 1), (int)strlen(text));
}

/* Send until the kernel and the held bytes take no more. */
static void fill(struct fake_guest *f, struct connection *c)
{
    static uint8_t block[1 << 16];
    struct iovec iov = {.iov_base = block, .iov_len = sizeof block};
    while (guest_socket_send(c->socket, &iov, 1) != -EAGAIN) {
    }
    guest_flush(&f->guest);
}

static void drain(struct connection *c)
{
    static uint8_t block[1 << 16];
    while (read(c->peer, block, sizeof block) > 0) {
    }
}

static void auto_reports_a_new_subscription_once(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(f, c.fd), 0);
    }
    guest_poll_begin(&f->guest); /* a poll without it: then it is new again */
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    assert_int_equal(look(f, c.fd), 0);
    close(c.peer);
}

static void a_second_subscription_in_the_same_poll_is_no_news(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    struct poll_result result;
    connect_one(f, &c);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(f, c.fd), 0);
        assert_false(guest_poll_write(&f->guest, c.fd, /* is_edge */ false, &result));
    }
    close(c.peer);
}

static void auto_reports_again_after_a_send(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    assert_int_equal(look(f, c.fd), 0);
    send_text(&c, "x");
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    assert_int_equal(look(f, c.fd), 0);
    guest_flush(&f->guest);
    assert_int_equal(look(f, c.fd), 0); /* leaving for the kernel is the host's business */
    close(c.peer);
}

static void auto_reports_again_after_an_edge_of_the_kernel(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    fill(f, &c);
    assert_int_equal(look(f, c.fd), 0); /* not writable: no news helps */
    turn(f);
    assert_int_equal(look(f, c.fd), 0);
    drain(&c);
    turn(f);
    drain(&c);
    turn(f);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    assert_int_equal(look(f, c.fd), 0);
    close(c.peer);
}

static void auto_reports_an_unpaired_write_as_a_level(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look_at_write(f, c.fd, false), LOOP_WRITE);
    }
    close(c.peer);
}

static void a_pair_on_two_descriptors_is_no_pair(void **state)
{
    struct fake_guest *f = *state;
    struct connection a;
    struct connection b;
    struct poll_result result;
    connect_one(f, &a);
    connect_one(f, &b);
    for (int i = 0; i < 3; i++) {
        guest_poll_begin(&f->guest);
        assert_false(guest_poll_read(&f->guest, a.fd, false, &result));
        assert_true(guest_poll_write(&f->guest, b.fd, false, &result));
    }
    close(a.peer);
    close(b.peer);
}

static void level_mode_reports_always(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    f->guest.poll_mode = GUEST_POLL_LEVEL;
    connect_one(f, &c);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(f, c.fd), LOOP_WRITE);
    }
    close(c.peer);
}

static void edges_can_be_asked_for_in_level_mode(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    struct poll_result result;
    f->guest.poll_mode = GUEST_POLL_LEVEL;
    connect_one(f, &c);
    for (int i = 0; i < 3; i++) {
        guest_poll_begin(&f->guest);
        assert_false(guest_poll_read(&f->guest, c.fd, false, &result));
        assert_int_equal(guest_poll_write(&f->guest, c.fd, true, &result), i == 0);
    }
    close(c.peer);
}

/* A file has no edges, so only its being new can make its first poll report it. */
static void the_very_first_poll_counts_as_new(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    c.socket->base.write_news = false;
    assert_int_equal(f->guest.poll_seq, 0);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    close(c.peer);
}

static void counting_polls_wraps_well(void **state)
{
    struct fake_guest *f = *state;
    struct connection a;
    struct connection b;
    connect_one(f, &a);
    f->guest.poll_seq = UINT32_MAX - 2;
    assert_int_equal(look(f, a.fd), LOOP_WRITE);
    for (int i = 0; i < 5; i++) {
        unsigned found = look(f, a.fd);
        assert_true(found == 0 || i == 1); /* at most one report too many, at the wrap */
    }
    connect_one(f, &b);
    b.socket->base.write_news = false;
    f->guest.poll_seq = UINT32_MAX;
    assert_int_equal(look(f, b.fd), LOOP_WRITE);
    close(a.peer);
    close(b.peer);
}

static void reads_are_levels(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    assert_int_equal(write(c.peer, "abc", 3), 3);
    assert_int_equal(look(f, c.fd), 0); /* the kernel has not been asked */
    turn(f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look(f, c.fd), LOOP_READ);
    }
    char bytes[8];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof bytes};
    assert_int_equal(guest_socket_recv(c.socket, &iov, 1, 0, NULL), 3);
    assert_int_equal(look(f, c.fd), 0);
    close(c.peer);
}

/* A guest parked in a read that poll has called ready would wait for ever. */
static void a_blocking_descriptor_is_asked_about_once_more(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    connect_one(f, &c);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    c.socket->base.ready |= LOOP_READ; /* as known once, and used up without finding out */
    assert_int_equal(look(f, c.fd), 0);
    assert_int_equal(c.socket->base.ready & LOOP_READ, 0);
    c.socket->base.fdflags = FDFLAG_NONBLOCK;
    c.socket->base.ready |= LOOP_READ;
    assert_int_equal(look(f, c.fd), LOOP_READ); /* it takes an AGAIN, and saves a system call */
    close(c.peer);
}

static void bytes_are_counted_when_asked(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    struct poll_result result;
    connect_one(f, &c);
    assert_int_equal(write(c.peer, "hello", 5), 5);
    turn(f);
    guest_poll_begin(&f->guest);
    assert_true(guest_poll_read(&f->guest, c.fd, true, &result));
    assert_int_equal(result.nbytes, 5);
    assert_true(guest_poll_read(&f->guest, c.fd, false, &result));
    assert_int_equal(result.nbytes, 1);
    assert_int_equal(result.error, 0);
    assert_false(result.hangup);
    close(c.peer);
}

static void a_closed_peer_is_a_hangup(void **state)
{
    struct fake_guest *f = *state;
    struct connection c;
    struct poll_result result;
    connect_one(f, &c);
    assert_int_equal(look(f, c.fd), LOOP_WRITE);
    close(c.peer);
    turn(f);
    guest_poll_begin(&f->guest);
    assert_true(guest_poll_read(&f->guest, c.fd, true, &result));
    assert_true(result.hangup);
    assert_int_equal(result.nbytes, 0);
    assert_int_equal(result.error, 0);
}

static void what_is_not_open_is_an_event(void **state)
{
    struct fake_guest *f = *state;
    struct poll_result result = {.error = 0};
    guest_poll_begin(&f->guest);
    assert_true(guest_poll_read(&f->guest, 99, false, &result));
    assert_int_equal(result.error, -EBADF);
    result.error = 0;
    assert_true(guest_poll_write(&f->guest, UINT32_MAX, false, &result));
    assert_int_equal(result.error, -EBADF);
}

static void many_polls_without_a_wait_are_stale(void **state)
{
    struct fake_guest *f = *state;
    unsigned polls = 0;
    while (!guest_poll_is_stale(&f->guest)) {
        polls++;
        assert_true(polls < 1000);
    }
    assert_true(polls >= 4);
    guest_poll_refreshed(&f->guest);
    assert_false(guest_poll_is_stale(&f->guest));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(auto_reports_a_new_subscription_once),
        TEST(a_second_subscription_in_the_same_poll_is_no_news),
        TEST(auto_reports_again_after_a_send),
        TEST(auto_reports_again_after_an_edge_of_the_kernel),
        TEST(auto_reports_an_unpaired_write_as_a_level),
        TEST(a_pair_on_two_descriptors_is_no_pair),
        TEST(level_mode_reports_always),
        TEST(edges_can_be_asked_for_in_level_mode),
        TEST(the_very_first_poll_counts_as_new),
        TEST(counting_polls_wraps_well),
        TEST(reads_are_levels),
        TEST(a_blocking_descriptor_is_asked_about_once_more),
        TEST(bytes_are_counted_when_asked),
        TEST(a_closed_peer_is_a_hangup),
        TEST(what_is_not_open_is_an_event),
        TEST(many_polls_without_a_wait_are_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
