/* Timeouts of one length each: order, stopping, moving, no memory, none at all.
 *
 * Wraps: realloc */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/container.h"
#include "loop/deadline.h"
#include "loop/internal.h"

enum { MS = 1000000, MANY = 300 };

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static bool has_no_memory;

void *__wrap_realloc(void *memory, size_t size)
{
    return has_no_memory ? NULL : __real_realloc(memory, size);
}

struct waiting {
    struct deadline deadline;
    unsigned calls;
    unsigned place; /* in the order of calls */
    uint64_t called_ns;
    struct waiting *stops;
    struct deadline_queue *joins; /* starts again in it, as of `joins_at` */
    uint64_t joins_at;
};

static unsigned calls_so_far;

static void on_due(struct deadline_queue *queue, struct deadline *deadline)
{
    assert_ptr_equal(queue->on_due, on_due);
    struct waiting *w = container_of(deadline, struct waiting, deadline);
    assert_null(deadline->queue); /* it has left before it is called */
    w->calls++;
    w->place = calls_so_far++;
    w->called_ns = loop_clock_ns();
    if (w->stops != NULL) {
        deadline_stop(&w->stops->deadline);
    }
    if (w->joins != NULL) {
        assert_int_equal(deadline_start(w->joins, deadline, w->joins_at), 0);
    }
}

static int setup(void **state)
{
    struct loop *loop = NULL;
    calls_so_far = 0;
    has_no_memory = false;
    assert_int_equal(loop_new(&loop), 0);
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    struct loop *loop = *state;
    assert_int_equal(loop->timer_count, 0);
    loop_free(loop);
    return 0;
}

static void turn(struct loop *loop, uint64_t for_ns)
{
    uint64_t end_ns = loop_clock_ns() + for_ns;
    while (loop_clock_ns() < end_ns) {
        assert_int_equal(loop_turn(loop, 1), 0);
    }
}

static void is_called_once_and_not_early(void **state)
{
    struct deadline_queue queue;
    struct waiting w = {0};
    deadline_queue_init(&queue, *state, 20 * MS, on_due);
    uint64_t now = loop_clock_ns();
    assert_int_equal(deadline_start(&queue, &w.deadline, now), 0);
    assert_ptr_equal(deadline_oldest(&queue), &w.deadline);
    while (w.calls == 0) {
        assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    }
    assert_true(w.called_ns >= now + 20 * MS);
    assert_null(deadline_oldest(&queue));
    turn(*state, 25 * MS);
    assert_int_equal(w.calls, 1);
    deadline_queue_done(&queue);
}

static void many_fall_due_in_the_order_of_starting(void **state)
{
    static struct waiting many[MANY];
    struct deadline_queue queue;
    struct loop *loop = *state;
    deadline_queue_init(&queue, loop, 5 * MS, on_due);
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = (struct waiting){0};
        assert_int_equal(deadline_start(&queue, &many[i].deadline, loop_clock_ns()), 0);
    }
    assert_int_equal(loop->timer_count, 1); /* one timer for all */
    deadline_stop(&many[7].deadline);
    deadline_stop(&many[7].deadline);
    deadline_stop(&many[MANY - 1].deadline);
    while (many[MANY - 2].calls == 0) {
        assert_int_equal(loop_turn(loop, LOOP_NEVER), 0);
    }
    for (unsigned i = 0; i < MANY - 1; i++) {
        assert_int_equal(many[i].calls, i != 7);
        assert_int_equal(many[i].place, i == 7 ? 0 : i - (i > 7));
    }
    assert_int_equal(many[MANY - 1].calls, 0);
    deadline_queue_done(&queue);
}

/* The timer of the one that was stopped fires, finds nobody due, and is set for the next. */
static void one_that_starts_again_waits_its_whole_time(void **state)
{
    struct deadline_queue queue;
    struct waiting a = {0};
    struct waiting b = {0};
    deadline_queue_init(&queue, *state, 20 * MS, on_due);
    assert_int_equal(deadline_start(&queue, &a.deadline, loop_clock_ns()), 0);
    assert_int_equal(deadline_start(&queue, &b.deadline, loop_clock_ns()), 0);
    turn(*state, 10 * MS);
    uint64_t again = loop_clock_ns();
    assert_int_equal(deadline_start(&queue, &a.deadline, again), 0);
    assert_ptr_equal(deadline_oldest(&queue), &b.deadline);
    while (a.calls == 0) {
        assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    }
    assert_true(a.called_ns >= again + 20 * MS);
    assert_int_equal(b.place, 0);
    assert_int_equal(a.place, 1);
    deadline_queue_done(&queue);
}

static void an_empty_queue_lets_the_loop_sleep(void **state)
{
    struct deadline_queue queue;
    struct waiting w = {0};
    struct loop *loop = *state;
    deadline_queue_init(&queue, loop, 5 * MS, on_due);
    assert_int_equal(deadline_start(&queue, &w.deadline, loop_clock_ns()), 0);
    deadline_stop(&w.deadline);
    assert_null(w.deadline.queue);
    turn(loop, 10 * MS);
    assert_int_equal(w.calls, 0);
    assert_int_equal(loop->timer_count, 0); /* fired once for nothing, and never again */
    assert_int_equal(deadline_start(&queue, &w.deadline, loop_clock_ns()), 0);
    turn(loop, 10 * MS);
    assert_int_equal(w.calls, 1);
    deadline_queue_done(&queue);
}

static void moves_from_queue_to_queue(void **state)
{
    struct deadline_queue slow;
    struct deadline_queue fast;
    struct waiting w = {0};
    deadline_queue_init(&slow, *state, 1000000 * (uint64_t)MS, on_due);
    deadline_queue_init(&fast, *state, 2 * MS, on_due);
    assert_int_equal(deadline_start(&slow, &w.deadline, loop_clock_ns()), 0);
    assert_int_equal(deadline_start(&fast, &w.deadline, loop_clock_ns()), 0);
    assert_null(deadline_oldest(&slow));
    turn(*state, 5 * MS);
    assert_int_equal(w.calls, 1);
    deadline_queue_done(&slow);
    deadline_queue_done(&fast);
}

static void a_call_may_stop_others_that_are_due(void **state)
{
    struct deadline_queue queue;
    struct waiting a = {0};
    struct waiting b = {0};
    struct waiting c = {0};
    deadline_queue_init(&queue, *state, 1 * MS, on_due);
    a.stops = &b;
    uint64_t long_ago = loop_clock_ns() - 50 * MS;
    assert_int_equal(deadline_start(&queue, &a.deadline, long_ago), 0);
    assert_int_equal(deadline_start(&queue, &b.deadline, long_ago), 0);
    assert_int_equal(deadline_start(&queue, &c.deadline, long_ago), 0);
    assert_int_equal(a.calls, 0); /* never from within the call that started it */
    assert_int_equal(loop_turn(*state, LOOP_NEVER), 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
    assert_int_equal(c.calls, 1);
    deadline_queue_done(&queue);
}

static void a_call_may_start_itself_again(void **state)
{
    struct deadline_queue queue;
    struct waiting w = {0};
    struct loop *loop = *state;
    deadline_queue_init(&queue, loop, 1 * MS, on_due);
    w.joins = &queue;
    w.joins_at = loop_clock_ns() + 3 * MS;
    assert_int_equal(deadline_start(&queue, &w.deadline, 0), 0);
    assert_int_equal(loop_turn(loop, LOOP_NEVER), 0);
    assert_int_equal(w.calls, 1);
    assert_ptr_equal(deadline_oldest(&queue), &w.deadline);
    assert_int_equal(loop->timer_count, 1);
    w.joins = NULL;
    turn(loop, 10 * MS);
    assert_int_equal(w.calls, 2);
    deadline_queue_done(&queue);
}

static void none_falls_due_without_a_span(void **state)
{
    struct deadline_queue queue;
    struct waiting a = {0};
    struct waiting b = {0};
    struct loop *loop = *state;
    deadline_queue_init(&queue, loop, 0, on_due);
    assert_int_equal(deadline_start(&queue, &a.deadline, 0), 0);
    assert_int_equal(deadline_start(&queue, &b.deadline, 0), 0);
    assert_int_equal(loop->timer_count, 0);
    assert_int_equal(loop_turn(loop, 0), 0);
    assert_int_equal(a.calls, 0);
    assert_ptr_equal(deadline_oldest(&queue), &a.deadline); /* but who waits longest is known */
    deadline_stop(&a.deadline);
    assert_ptr_equal(deadline_oldest(&queue), &b.deadline);
    deadline_stop(&b.deadline);
    deadline_queue_done(&queue);
}

static void a_span_without_end_does_not_wrap(void **state)
{
    struct deadline_queue queue;
    struct waiting w = {0};
    deadline_queue_init(&queue, *state, UINT64_MAX, on_due);
    assert_int_equal(deadline_start(&queue, &w.deadline, loop_clock_ns()), 0);
    assert_int_equal(loop_turn(*state, 2), 0);
    assert_int_equal(w.calls, 0);
    deadline_stop(&w.deadline);
    deadline_queue_done(&queue);
}

static void without_memory_the_next_start_tries_again(void **state)
{
    struct deadline_queue queue;
    struct waiting a = {0};
    struct waiting b = {0};
    deadline_queue_init(&queue, *state, 1 * MS, on_due);
    has_no_memory = true;
    assert_int_equal(deadline_start(&queue, &a.deadline, loop_clock_ns()), -ENOMEM);
    has_no_memory = false;
    assert_ptr_equal(deadline_oldest(&queue), &a.deadline);
    turn(*state, 3 * MS);
    assert_int_equal(a.calls, 0);
    assert_int_equal(deadline_start(&queue, &b.deadline, loop_clock_ns()), 0);
    turn(*state, 5 * MS);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    deadline_queue_done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_called_once_and_not_early, setup, teardown),
        cmocka_unit_test_setup_teardown(many_fall_due_in_the_order_of_starting, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_starts_again_waits_its_whole_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_empty_queue_lets_the_loop_sleep, setup, teardown),
        cmocka_unit_test_setup_teardown(moves_from_queue_to_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_may_stop_others_that_are_due, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_may_start_itself_again, setup, teardown),
        cmocka_unit_test_setup_teardown(none_falls_due_without_a_span, setup, teardown),
        cmocka_unit_test_setup_teardown(a_span_without_end_does_not_wrap, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_the_next_start_tries_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
