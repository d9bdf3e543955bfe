/* wasi:io/poll: ready, block and poll, over timers and over what wakes the guest by itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_stream.h"
#include "imports/wasi_clocks/clocks.h"

enum { MANY = 10000 };

static int setup(void **state)
{
    *state = fake_component_new();
    return 0;
}

static int teardown(void **state)
{
    fake_component_free(*state);
    return 0;
}

#define poll_for(f, items, count)                                                                  \
    component_fake_call((f), &wasi_io_poll, "poll", WORDS((items), (count)))

static uint32_t subscribe_until(struct fake_component *f, uint64_t when)
{
    int32_t answer =
        component_fake_call(f, &wasi_clocks_monotonic_clock, "subscribe-instant", NUMBER(when));
    assert_int_equal(answer, 0);
    return (uint32_t)f->results[0].number;
}

static uint32_t subscribe_for(struct fake_component *f, uint64_t duration)
{
    int32_t answer = component_fake_call(f, &wasi_clocks_monotonic_clock, "subscribe-duration",
                                         NUMBER(duration));
    assert_int_equal(answer, 0);
    return (uint32_t)f->results[0].number;
}

static uint32_t subscribe_to(struct fake_component *f, struct fake_source *source)
{
    uint32_t in = fake_source_give(f, source);
    assert_int_equal(call_in(f, "subscribe", NUMBER(in)), 0);
    return (uint32_t)f->results[0].number;
}

static void expect_ready(const struct fake_component *f, const uint32_t *indices, size_t count)
{
    assert_int_equal(f->results[0].words.count, count);
    assert_memory_equal(f->results[0].words.items, indices, count * sizeof *indices);
}

static void an_empty_list_traps(void **state)
{
    struct fake_component *f = *state;
    assert_int_equal(poll_for(f, NULL, 0), CALL_TRAP);
    assert_string_equal(fake_component_reason(f), "poll: the list of pollables is empty");
}

static void a_list_that_is_too_long_traps(void **state)
{
    struct fake_component *f = *state;
    uint32_t *reps = calloc(IO_POLL_MAX + 1, sizeof *reps);
    uint32_t rep = subscribe_until(f, 0);
    assert_non_null(reps);
    for (size_t i = 0; i <= IO_POLL_MAX; i++) {
        reps[i] = rep;
    }
    assert_int_equal(poll_for(f, reps, IO_POLL_MAX + 1), CALL_TRAP);
    assert_string_equal(fake_component_reason(f),
                        "poll: 65537 pollables, of 65536 that one call may wait for");
    assert_int_equal(poll_for(f, reps, IO_POLL_MAX), 0);
    assert_int_equal(f->results[0].words.count, IO_POLL_MAX);
    free(reps);
}

static void all_that_are_ready_are_answered_in_order(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source quiet = {.then = -EAGAIN};
    static struct fake_source ended = {.then = 0};
    uint32_t never = subscribe_until(f, UINT64_MAX);
    uint32_t past = subscribe_until(f, 1);
    uint32_t waits = subscribe_to(f, &quiet);
    uint32_t end = subscribe_to(f, &ended);
    const uint32_t reps[] = {never, end, waits, past, never, end, waits};
    const uint32_t ready[] = {1, 3, 5};
    assert_int_equal(poll_for(f, reps, ARRAY_COUNT(reps)), 0);
    assert_int_equal(f->waits, 0);
    expect_ready(f, ready, ARRAY_COUNT(ready));
}

static void the_same_pollable_twice_is_answered_twice(void **state)
{
    struct fake_component *f = *state;
    uint32_t soon = subscribe_for(f, 1000000);
    const uint32_t reps[] = {soon, soon};
    const uint32_t ready[] = {0, 1};
    assert_int_equal(poll_for(f, reps, 2), 0);
    expect_ready(f, ready, 2);
}

static void a_timer_is_waited_for_and_not_longer(void **state)
{
    struct fake_component *f = *state;
    uint64_t due = loop_clock_ns() + 3000000;
    uint32_t first = subscribe_until(f, due);
    uint32_t never = subscribe_for(f, UINT64_MAX);
    uint32_t later = subscribe_until(f, due + 3600000000000U);
    const uint32_t reps[] = {later, never, first};
    const uint32_t ready[] = {2};
    assert_false(fake_is_ready(f, later));
    assert_int_equal(poll_for(f, reps, 3), 0);
    assert_true(loop_clock_ns() >= due);
    expect_ready(f, ready, 1);
    assert_true(fake_is_ready(f, first));
    assert_false(fake_is_ready(f, never));
}

static void a_duration_of_nothing_is_over(void **state)
{
    struct fake_component *f = *state;
    uint32_t now = subscribe_for(f, 0);
    assert_true(fake_is_ready(f, now));
    assert_int_equal(component_fake_call(f, &wasi_io_poll, "[method]pollable.block", NUMBER(now)),
                     0);
    assert_int_equal(f->waits, 0);
}

static void let_come(struct fake_change *change)
{
    struct fake_source *source = change->data;
    source->text = "x";
}

static void let_be(struct fake_change *change)
{
    (void)change;
}

static void a_wake_from_the_loop_is_looked_into(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.then = -EAGAIN};
    struct fake_change change;
    uint32_t reps[] = {subscribe_until(f, UINT64_MAX), subscribe_to(f, &source)};
    const uint32_t ready[] = {1};
    fake_change_start(f, &change, let_come, &source);
    assert_int_equal(poll_for(f, reps, 2), 0);
    assert_int_equal(f->waits, 1);
    expect_ready(f, ready, 1);
    source.text = NULL;
    fake_change_start(f, &change, let_come, &source);
    assert_int_equal(
        component_fake_call(f, &wasi_io_poll, "[method]pollable.block", NUMBER(reps[1])), 0);
    assert_int_equal(f->waits, 1);
}

static void a_wake_for_nothing_is_waited_out(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.then = -EAGAIN};
    struct fake_change change;
    uint32_t rep = subscribe_to(f, &source);
    f->max_wait_ms = 20;
    fake_change_start(f, &change, let_be, &source);
    assert_int_equal(poll_for(f, &rep, 1), FAKE_COMPONENT_WAITING);
    assert_int_equal(f->waits, 2);
    fake_change_start(f, &change, let_be, &source);
    assert_int_equal(component_fake_call(f, &wasi_io_poll, "[method]pollable.block", NUMBER(rep)),
                     FAKE_COMPONENT_WAITING);
    assert_int_equal(f->waits, 2);
}

/* The others' news would never be heard of otherwise. */
static void a_guest_that_always_finds_something_lets_the_loop_turn(void **state)
{
    struct fake_component *f = *state;
    uint32_t rep = subscribe_until(f, 0);
    unsigned waits = 0;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(poll_for(f, &rep, 1), 0);
        waits += f->waits;
    }
    assert_true(waits > 0 && waits < 20);
}

static void thousands_are_polled(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source sources[MANY];
    uint32_t *reps = calloc(MANY, sizeof *reps);
    const uint32_t ready[] = {17, MANY - 1};
    struct fake_change change;
    assert_non_null(reps);
    for (size_t i = 0; i < MANY; i++) {
        sources[i].then = -EAGAIN;
        reps[i] = i % 2 == 0 ? subscribe_until(f, UINT64_MAX - i) : subscribe_to(f, &sources[i]);
    }
    sources[17].then = 0;
    fake_change_start(f, &change, let_come, &sources[MANY - 1]);
    assert_int_equal(poll_for(f, reps, MANY), 0);
    expect_ready(f, ready, 1);
    sources[17].then = -EAGAIN;
    assert_int_equal(poll_for(f, reps, MANY), 0);
    expect_ready(f, &ready[1], 1);
    sources[17].then = 0;
    assert_int_equal(poll_for(f, reps, MANY), 0);
    expect_ready(f, ready, 2);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(fake_component_drop(f, &wasi_io_poll, "pollable", reps[i]), 0);
    }
    free(reps);
}

static void a_pollable_keeps_its_source_alive(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.then = -EAGAIN};
    uint32_t rep = subscribe_to(f, &source);
    struct resource *pollable = resource_get(&f->guest, rep, &pollable_kind);
    struct resource *stream = ((struct pollable *)(void *)pollable)->source;
    assert_int_equal(stream->refs, 2);
    assert_int_equal(fake_component_drop(f, &wasi_io_poll, "pollable", rep), 0);
    assert_int_equal(stream->refs, 1);
}

static void no_more_pollables_than_resources(void **state)
{
    struct fake_component *f = *state;
    f->guest.resources.max = 1;
    (void)subscribe_until(f, 1);
    assert_int_equal(
        component_fake_call(f, &wasi_clocks_monotonic_clock, "subscribe-duration", NUMBER(1)),
        CALL_TRAP);
    assert_string_equal(fake_component_reason(f),
                        "subscribe-duration: the guest holds 1 resources and may have no more");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_list_traps),
        TEST(a_list_that_is_too_long_traps),
        TEST(all_that_are_ready_are_answered_in_order),
        TEST(the_same_pollable_twice_is_answered_twice),
        TEST(a_timer_is_waited_for_and_not_longer),
        TEST(a_duration_of_nothing_is_over),
        TEST(a_wake_from_the_loop_is_looked_into),
        TEST(a_wake_for_nothing_is_waited_out),
        TEST(a_guest_that_always_finds_something_lets_the_loop_turn),
        TEST(thousands_are_polled),
        TEST(a_pollable_keeps_its_source_alive),
        TEST(no_more_pollables_than_resources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
