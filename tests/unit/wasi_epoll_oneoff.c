/* epoll_oneoff, WasmEdge's: as poll_oneoff, but write readiness comes as edges when FD_READ of the
 * same descriptor is subscribed too. */
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
#include "guest/socket.h"

enum { SUBS = 256, EVENTS = 4096, COUNT = 128, END = FAKE_MEMORY_LEN };

static struct guest_socket *s;
static uint32_t fd;
static int peer;

static int setup(void **state)
{
    struct fake_guest *f = fake_guest_new();
    int pair[2];
    assert_int_equal(f->guest.poll_mode, GUEST_POLL_LEVEL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(guest_socket_wrap(&f->guest, pair[0], AF_UNIX, SOCK_STREAM, SOCKET_OPEN, &s),
                     0);
    assert_int_equal(fd_table_insert(&f->guest.fds, &s->base, 3, &fd), 0);
    peer = pair[1];
    assert_int_equal(loop_turn(f->loop, 0), 0);
    f->max_wait_ms = 30;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fake_guest_free(*state);
    close(peer);
    return 0;
}

static void put_fd(struct fake_guest *f, unsigned index, uint8_t tag)
{
    uint32_t at = SUBS + index * WASI_SUBSCRIPTION_SIZE;
    fake_fill(f, at, 0, WASI_SUBSCRIPTION_SIZE);
    fake_put_u64(f, at, 100 + index);
    fake_put(f, at + WASI_SUBSCRIPTION_TAG, &tag, 1);
    fake_put_u32(f, at + WASI_SUBSCRIPTION_FD, fd);
}

static void put_pair(struct fake_guest *f)
{
    put_fd(f, 0, WASI_EVENT_FD_READ);
    put_fd(f, 1, WASI_EVENT_FD_WRITE);
}

static int32_t poll_for(struct fake_guest *f, uint32_t count)
{
    return fake_call(f, &preview1_poll, "epoll_oneoff", SUBS, EVENTS, count, COUNT);
}

static void expect_one(struct fake_guest *f, uint64_t userdata, uint8_t type)
{
    uint8_t event[WASI_EVENT_SIZE] = {0};
    memcpy(event, &userdata, 8);
    event[10] = type;
    event[16] = type == WASI_EVENT_FD_READ ? 1 : 0;
    assert_int_equal(fake_u32(f, COUNT), 1);
    fake_assert_bytes(f, EVENTS, event, sizeof event);
}

/* What the article's server costs in another host: 100 % of a processor while nothing happens. */
static void a_writable_idle_connection_ends_one_wait_only(void **state)
{
    struct fake_guest *f = *state;
    put_pair(f);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    expect_one(f, 101, WASI_EVENT_FD_WRITE);
    assert_int_equal(poll_for(f, 2), FAKE_STILL_WAITING);
    assert_int_equal(poll_for(f, 2), FAKE_STILL_WAITING);
}

static void a_wait_ends_with_what_can_be_read(void **state)
{
    struct fake_guest *f = *state;
    put_pair(f);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(fake_begin(f, &preview1_poll, "epoll_oneoff", SUBS, EVENTS, 2, COUNT),
                     CALL_WAIT);
    assert_int_equal(write(peer, "x", 1), 1);
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    expect_one(f, 100, WASI_EVENT_FD_READ);
}

static void a_send_is_news(void **state)
{
    struct fake_guest *f = *state;
    char text[] = "hello";
    struct iovec iov = {.iov_base = text, .iov_len = 5};
    put_pair(f);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(poll_for(f, 2), FAKE_STILL_WAITING);
    assert_int_equal(guest_socket_send(s, &iov, 1), 5);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    expect_one(f, 101, WASI_EVENT_FD_WRITE);
    assert_int_equal(poll_for(f, 2), FAKE_STILL_WAITING);
}

static void room_in_the_kernel_is_news(void **state)
{
    static uint8_t block[1 << 16];
    struct fake_guest *f = *state;
    struct iovec iov = {.iov_base = block, .iov_len = sizeof block};
    while (guest_socket_send(s, &iov, 1) > 0) {
    }
    put_pair(f);
    assert_int_equal(poll_for(f, 2), FAKE_STILL_WAITING);
    assert_int_equal(fake_begin(f, &preview1_poll, "epoll_oneoff", SUBS, EVENTS, 2, COUNT),
                     CALL_WAIT);
    for (int i = 0; i < 4; i++) {
        while (recv(peer, block, sizeof block, MSG_DONTWAIT) > 0) {
        }
        assert_int_equal(loop_turn(f->loop, 0), 0);
    }
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    expect_one(f, 101, WASI_EVENT_FD_WRITE);
    assert_int_equal(poll_for(f, 2), FAKE_STILL_WAITING);
}

static void an_unpaired_write_is_a_level(void **state)
{
    struct fake_guest *f = *state;
    put_fd(f, 0, WASI_EVENT_FD_WRITE);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(poll_for(f, 1), WASI_ESUCCESS);
        expect_one(f, 100, WASI_EVENT_FD_WRITE);
    }
}

static void the_order_of_the_pair_does_not_matter(void **state)
{
    struct fake_guest *f = *state;
    put_fd(f, 0, WASI_EVENT_FD_WRITE);
    put_fd(f, 1, WASI_EVENT_FD_READ);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(poll_for(f, 2), FAKE_STILL_WAITING);
}

static void a_new_subscription_is_news(void **state)
{
    struct fake_guest *f = *state;
    put_pair(f);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(poll_for(f, 1), FAKE_STILL_WAITING); /* FD_READ alone */
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    expect_one(f, 101, WASI_EVENT_FD_WRITE);
}

static void plain_polls_of_the_same_guest_stay_levels(void **state)
{
    struct fake_guest *f = *state;
    put_pair(f);
    assert_int_equal(poll_for(f, 2), WASI_ESUCCESS);
    assert_int_equal(poll_for(f, 2), FAKE_STILL_WAITING);
    assert_int_equal(fake_call(f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, 2, COUNT),
                     WASI_ESUCCESS);
    expect_one(f, 101, WASI_EVENT_FD_WRITE);
}

static void in_auto_mode_poll_oneoff_does_the_same(void **state)
{
    struct fake_guest *f = *state;
    f->guest.poll_mode = GUEST_POLL_AUTO;
    put_pair(f);
    assert_int_equal(fake_call(f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, 2, COUNT),
                     WASI_ESUCCESS);
    expect_one(f, 101, WASI_EVENT_FD_WRITE);
    assert_int_equal(fake_call(f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, 2, COUNT),
                     FAKE_STILL_WAITING);
}

static void bad_arguments_are_told(void **state)
{
    static const uint32_t bad[][4] = {
        {END - 47, EVENTS, 1, COUNT},       {SUBS, END - 31, 1, COUNT}, {SUBS, EVENTS, 1, END - 3},
        {0, 0, 0x05555556, COUNT},          {0, 0, 0x08000000, COUNT},  {0, 0, UINT32_MAX, COUNT},
        {UINT32_MAX, UINT32_MAX, 1, COUNT},
    };
    struct fake_guest *f = *state;
    put_pair(f);
    assert_int_equal(poll_for(f, 0), WASI_EINVAL);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(fake_call(f, &preview1_poll, "epoll_oneoff", bad[i][0], bad[i][1],
                                   bad[i][2], bad[i][3]),
                         WASI_EFAULT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_writable_idle_connection_ends_one_wait_only),
        TEST(a_wait_ends_with_what_can_be_read),
        TEST(a_send_is_news),
        TEST(room_in_the_kernel_is_news),
        TEST(an_unpaired_write_is_a_level),
        TEST(the_order_of_the_pair_does_not_matter),
        TEST(a_new_subscription_is_news),
        TEST(plain_polls_of_the_same_guest_stay_levels),
        TEST(in_auto_mode_poll_oneoff_does_the_same),
        TEST(bad_arguments_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
