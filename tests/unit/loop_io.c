/* Descriptors on the loop: edges, stopping from within, waking, deferred calls. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "loop/loop.h"

struct watched {
    struct loop_io io;
    int fd;
    int peer;
    unsigned calls;
    unsigned events;       /* of the last call */
    struct watched *stops; /* stopped from within the callback */
};

static int setup(void **state)
{
    struct loop *loop = NULL;
    assert_int_equal(loop_new(&loop), 0);
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void on_ready(struct loop_io *io, unsigned events)
{
    struct watched *w = container_of(io, struct watched, io);
    w->calls++;
    w->events = events;
    if (w->stops != NULL) {
        loop_io_stop(&w->stops->io);
    }
}

static void begin(struct loop *loop, struct watched *w)
{
    int pair[2];
    *w = (struct watched){.fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    w->fd = pair[0];
    w->peer = pair[1];
    assert_int_equal(loop_io_start(loop, &w->io, w->fd, on_ready), 0);
    assert_int_equal(w->calls, 0); /* never inside the call that registered it */
}

static void end(struct watched *w)
{
    loop_io_stop(&w->io);
    close(w->fd);
    if (w->peer >= 0) {
        close(w->peer);
    }
}

static void reports_an_edge_once(void **state)
{
    struct watched w;
    begin(*state, &w);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.events, LOOP_WRITE);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(w.calls, 1); /* still writable, and that is no news */

    assert_int_equal(write(w.peer, "x", 1), 1);
    assert_int_equal(loop_turn(*state, 1000), 0);
    assert_int_equal(w.calls, 2);
    assert_true((w.events & LOOP_READ) != 0);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(w.calls, 2); /* nobody read, nothing new came */
    end(&w);
}

static void tells_the_ends_apart(void **state)
{
    struct watched w;
    begin(*state, &w);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(shutdown(w.peer, SHUT_WR), 0);
    assert_int_equal(loop_turn(*state, 1000), 0);
    assert_true((w.events & (LOOP_READ | LOOP_HANGUP)) == (LOOP_READ | LOOP_HANGUP));
    assert_true((w.events & LOOP_CLOSED) == 0);
    close(w.peer);
    w.peer = -1;
    assert_int_equal(loop_turn(*state, 1000), 0);
    assert_true((w.events & LOOP_CLOSED) != 0);
    end(&w);
}

static void a_stopped_one_is_not_called_and_stops_again(void **state)
{
    struct watched w;
    begin(*state, &w);
    loop_io_stop(&w.io);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(w.calls, 0);
    loop_io_stop(&w.io);
    end(&w);
}

/* Whichever of the two is called first stops the other, whose event lies in the same batch. */
static void stopping_takes_effect_within_the_batch(void **state)
{
    struct watched a;
    struct watched b;
    begin(*state, &a);
    begin(*state, &b);
    a.stops = &b;
    b.stops = &a;
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(a.calls + b.calls, 1);
    end(&a);
    end(&b);
}

static void stopping_itself_is_fine(void **state)
{
    struct watched w;
    begin(*state, &w);
    w.stops = &w;
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(w.calls, 1);
    end(&w);
}

static void a_regular_file_is_told_apart(void **state)
{
    struct loop_io io = {0};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(loop_io_start(*state, &io, fd, on_ready), -EPERM);
    assert_null(io.loop);
    loop_io_stop(&io);
    close(fd);
    assert_int_equal(loop_io_start(*state, &io, fd, on_ready), -EBADF);
}

static void a_level_watch_tells_as_long_as_it_lasts(void **state)
{
    struct watched w;
    begin(*state, &w);
    loop_io_stop(&w.io);
    assert_int_equal(loop_io_start_level(*state, &w.io, w.fd, LOOP_READ, on_ready), 0);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(w.calls, 0); /* writable, which was not asked for */
    assert_int_equal(write(w.peer, "x", 1), 1);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(loop_turn(*state, 1000), 0);
        assert_int_equal(w.calls, i);
        assert_true((w.events & LOOP_READ) != 0);
    }
    assert_int_equal(loop_io_start_level(*state, &w.io, w.fd, LOOP_WRITE, on_ready), 0);
    assert_int_equal(loop_turn(*state, 1000), 0);
    assert_true((w.events & LOOP_WRITE) != 0);
    end(&w);
}

static void more_than_one_batch_is_delivered(void **state)
{
    enum { MANY = 400 };
    static struct watched many[MANY];
    for (size_t i = 0; i < MANY; i++) {
        begin(*state, &many[i]);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(loop_turn(*state, 0), 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(many[i].calls, 1);
        end(&many[i]);
    }
}

static void a_turn_waits_no_longer_than_asked(void **state)
{
    uint64_t before = loop_clock_ns();
    assert_int_equal(loop_turn(*state, 30), 0);
    uint64_t took = loop_clock_ns() - before;
    assert_true(took >= 29 * UINT64_C(1000000));
    assert_true(took < 10 * UINT64_C(1000000000));
}

static void *wake_soon(void *loop)
{
    (void)usleep(20000);
    loop_wake(loop);
    return NULL;
}

static void wakes_from_another_thread(void **state)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, *state), 0);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    loop_wake(*state);
    loop_wake(*state);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0); /* both at once */
    uint64_t before = loop_clock_ns();
    assert_int_equal(loop_turn(*state, 20), 0); /* and nothing left over */
    assert_true(loop_clock_ns() - before >= 19 * UINT64_C(1000000));
}

struct later {
    struct loop_deferred deferred;
    struct loop *loop;
    unsigned calls;
    bool again;
};

static void on_turn(struct loop_deferred *deferred)
{
    struct later *later = container_of(deferred, struct later, deferred);
    later->calls++;
    if (later->again) {
        loop_defer(later->loop, deferred);
    }
}

static void deferred_calls_come_once_and_in_the_next_turn(void **state)
{
    struct later later = {.loop = *state};
    loop_deferred_init(&later.deferred, on_turn);
    loop_defer(*state, &later.deferred);
    loop_defer(*state, &later.deferred);
    assert_int_equal(later.calls, 0);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0); /* does not wait */
    assert_int_equal(later.calls, 1);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(later.calls, 1);

    later.again = true;
    loop_defer(*state, &later.deferred);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    assert_int_equal(later.calls, 2); /* deferred again: not in the same turn */
    loop_deferred_cancel(&later.deferred);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(later.calls, 2);
}

static void free_takes_null(void **state)
{
    (void)state;
    loop_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reports_an_edge_once),
        TEST(tells_the_ends_apart),
        TEST(a_stopped_one_is_not_called_and_stops_again),
        TEST(stopping_takes_effect_within_the_batch),
        TEST(stopping_itself_is_fine),
        TEST(a_regular_file_is_told_apart),
        TEST(a_level_watch_tells_as_long_as_it_lasts),
        TEST(more_than_one_batch_is_delivered),
        TEST(a_turn_waits_no_longer_than_asked),
        TEST(wakes_from_another_thread),
        TEST(deferred_calls_come_once_and_in_the_next_turn),
        cmocka_unit_test(free_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
