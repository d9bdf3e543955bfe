/* Timers: order, moving, stopping, a heap with many of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/container.h"
#include "loop/loop.h"

enum { MS = 1000000, MANY = 500 };

struct timed {
    struct loop_timer timer;
    unsigned calls;
    uint64_t called_ns;
    unsigned place; /* in the order of calls */
    struct timed *stops;
};

static unsigned calls_so_far;

static int setup(void **state)
{
    struct loop *loop = NULL;
    calls_so_far = 0;
    assert_int_equal(loop_new(&loop), 0);
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void on_due(struct loop_timer *timer)
{
    struct timed *t = container_of(timer, struct timed, timer);
    t->calls++;
    t->called_ns = loop_clock_ns();
    t->place = calls_so_far++;
    if (t->stops != NULL) {
        loop_timer_stop(&t->stops->timer);
    }
}

static void is_called_once_and_not_early(void **state)
{
    struct timed t = {0};
    uint64_t due = loop_clock_ns() + 20 * MS;
    assert_int_equal(loop_timer_start(*state, &t.timer, due, on_due), 0);
    while (t.calls == 0) {
        assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    }
    assert_true(t.called_ns >= due);
    assert_null(t.timer.loop);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(t.calls, 1);
}

static void one_in_the_past_comes_in_the_next_turn(void **state)
{
    struct timed t = {0};
    assert_int_equal(loop_timer_start(*state, &t.timer, 0, on_due), 0);
    assert_int_equal(t.calls, 0);
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    assert_int_equal(t.calls, 1);
}

static void one_that_is_never_due_does_not_end_a_wait(void **state)
{
    struct timed t = {0};
    assert_int_equal(loop_timer_start(*state, &t.timer, UINT64_MAX, on_due), 0);
    assert_int_equal(loop_turn(*state, 10), 0);
    assert_int_equal(t.calls, 0);
    loop_timer_stop(&t.timer);
    loop_timer_stop(&t.timer);
}

static void starting_again_moves_it(void **state)
{
    struct timed t = {0};
    assert_int_equal(loop_timer_start(*state, &t.timer, 0, on_due), 0);
    uint64_t due = loop_clock_ns() + 15 * MS;
    assert_int_equal(loop_timer_start(*state, &t.timer, due, on_due), 0);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(t.calls, 0);
    while (t.calls == 0) {
        assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    }
    assert_true(t.called_ns >= due);
}

static void one_may_stop_another_that_is_due(void **state)
{
    struct timed a = {0};
    struct timed b = {0};
    a.stops = &b;
    assert_int_equal(loop_timer_start(*state, &a.timer, 1, on_due), 0);
    assert_int_equal(loop_timer_start(*state, &b.timer, 2, on_due), 0);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
}

/* Due times in a scrambled order, every third stopped, every fifth moved. */
static void many_come_in_order(void **state)
{
    static struct timed many[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = (struct timed){0};
        assert_int_equal(loop_timer_start(*state, &many[i].timer, 1 + i * 379 % MANY, on_due), 0);
    }
    for (unsigned i = 0; i < MANY; i += 3) {
        loop_timer_stop(&many[i].timer);
    }
    for (unsigned i = 0; i < MANY; i += 5) {
        assert_int_equal(loop_timer_start(*state, &many[i].timer, 1000 + i * 7 % 331, on_due), 0);
    }
    assert_int_equal(loop_turn(*state, 0), 0);
    for (unsigned i = 0; i < MANY; i++) {
        bool was_stopped = i % 3 == 0 && i % 5 != 0;
        assert_int_equal(many[i].calls, was_stopped ? 0 : 1);
        for (unsigned k = 0; k < i; k++) {
            if (many[i].calls == 1 && many[k].calls == 1 &&
                many[i].timer.due_ns < many[k].timer.due_ns) {
                assert_true(many[i].place < many[k].place);
            }
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_called_once_and_not_early),
        TEST(one_in_the_past_comes_in_the_next_turn),
        TEST(one_that_is_never_due_does_not_end_a_wait),
        TEST(starting_again_moves_it),
        TEST(one_may_stop_another_that_is_due),
        TEST(many_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
