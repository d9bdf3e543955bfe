/* Deferred calls: when they come, in which order, and how many of the slow ones in a turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/container.h"
#include "loop/loop.h"

struct probe {
    struct loop_deferred deferred;
    struct loop *loop;
    unsigned calls;
    unsigned order; /* its place among all calls */
    unsigned again; /* how often it defers itself again, slowly */
};

static unsigned calls;

static void on_turn(struct loop_deferred *deferred)
{
    struct probe *probe = container_of(deferred, struct probe, deferred);
    calls++;
    probe->calls++;
    probe->order = calls;
    if (probe->again > 0) {
        probe->again--;
        loop_defer_slow(probe->loop, deferred);
    }
}

static struct probe probes[3];

static int setup(void **state)
{
    struct loop *loop = NULL;
    assert_int_equal(loop_new(&loop), 0);
    calls = 0;
    for (unsigned i = 0; i < 3; i++) {
        probes[i] = (struct probe){.loop = loop};
        loop_deferred_init(&probes[i].deferred, on_turn);
    }
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    return 0;
}

static void turn(struct loop *loop)
{
    assert_int_equal(loop_turn(loop, LOOP_NEVER), 0); /* with something deferred it does not wait */
}

static void all_are_called_in_one_turn(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        loop_defer(*state, &probes[i].deferred);
        loop_defer(*state, &probes[i].deferred);
    }
    loop_deferred_cancel(&probes[1].deferred);
    assert_int_equal(calls, 0);
    turn(*state);
    assert_int_equal(probes[0].calls, 1);
    assert_int_equal(probes[1].calls, 0);
    assert_int_equal(probes[2].order, 2);
}

static void one_slow_one_is_called_in_a_turn(void **state)
{
    loop_defer_slow(*state, &probes[0].deferred);
    loop_defer_slow(*state, &probes[1].deferred);
    loop_defer(*state, &probes[2].deferred);
    turn(*state);
    assert_int_equal(probes[2].order, 1);
    assert_int_equal(probes[0].order, 2);
    assert_int_equal(probes[1].calls, 0);
    turn(*state);
    assert_int_equal(probes[1].calls, 1);
}

static void slow_ones_take_turns(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        probes[i].again = 2;
        loop_defer_slow(*state, &probes[i].deferred);
    }
    for (unsigned i = 1; i <= 9; i++) {
        turn(*state);
        assert_int_equal(calls, i);
        assert_int_equal(probes[(i - 1) % 3].order, i);
    }
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(calls, 9);
}

static void a_slow_one_can_be_cancelled(void **state)
{
    loop_defer_slow(*state, &probes[0].deferred);
    loop_deferred_cancel(&probes[0].deferred);
    assert_int_equal(loop_turn(*state, 0), 0);
    assert_int_equal(calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_are_called_in_one_turn),
        TEST(one_slow_one_is_called_in_a_turn),
        TEST(slow_ones_take_turns),
        TEST(a_slow_one_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
