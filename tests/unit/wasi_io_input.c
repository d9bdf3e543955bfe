/* wasi:io/streams, input-stream: read, skip, their blocking kinds and subscribe, to the letter of the
 * interface; and drops in every order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_stream.h"

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

static void drop_stream(struct fake_component *f, uint32_t rep)
{
    assert_int_equal(fake_component_drop(f, &wasi_io_streams, "input-stream", rep), 0);
}

static void a_read_gives_what_there_is_and_no_more_than_was_asked(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = "hello", .then = -EAGAIN};
    uint32_t in = fake_source_give(f, &source);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(2)), 0);
    expect_bytes(f, "he");
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(UINT64_MAX)), 0);
    expect_bytes(f, "llo");
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(9)), 0);
    expect_bytes(f, ""); /* nothing now, and no end */
    source.text = "more";
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(9)), 0);
    expect_bytes(f, "more");
}

static void a_read_is_capped(void **state)
{
    struct fake_component *f = *state;
    static char text[IO_READ_MAX + 10];
    static struct fake_source source = {.text = text, .len = sizeof text, .then = -EAGAIN};
    uint32_t in = fake_source_give(f, &source);
    memset(text, 'a', sizeof text);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(1ULL << 40)), 0);
    assert_int_equal(f->results[1].bytes.len, IO_READ_MAX);
    assert_int_equal(call_in(f, "skip", NUMBER(in), NUMBER(1ULL << 40)), 0);
    expect_ok(f, 10);
}

static void a_read_of_nothing_asks_nobody(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = NULL, .then = 0};
    uint32_t in = fake_source_give(f, &source);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(0)), 0);
    expect_bytes(f, "");
    assert_int_equal(call_in(f, "skip", NUMBER(in), NUMBER(0)), 0);
    expect_ok(f, 0);
    assert_int_equal(source.reads, 0);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(1)), 0);
    fake_expect_closed(f);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(0)), 0);
    fake_expect_closed(f);
}

static void the_end_is_closed_for_ever(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = "x", .then = 0};
    uint32_t in = fake_source_give(f, &source);
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(10)), 0);
    expect_bytes(f, "x");
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(10)), 0);
    fake_expect_closed(f);
    source.text = "not to be seen";
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(10)), 0);
    fake_expect_closed(f);
    assert_int_equal(call_in(f, "skip", NUMBER(in), NUMBER(10)), 0);
    fake_expect_closed(f);
    assert_int_equal(call_in(f, "blocking-skip", NUMBER(in), NUMBER(10)), 0);
    fake_expect_closed(f);
    assert_int_equal(source.reads, 2);
}

static void an_error_is_told_once(void **state)
{
    struct fake_component *f = *state;
    static const char *const names[] = {"[method]input-stream.read", "[method]input-stream.skip",
                                        "[method]input-stream.blocking-read",
                                        "[method]input-stream.blocking-skip"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct fake_source source = {.text = NULL, .then = -EIO};
        uint32_t in = fake_source_give(f, &source);
        assert_int_equal(call_io(f, names[i], NUMBER(in), NUMBER(10)), 0);
        expect_error_text(f, expect_failed(f), "Input/output error");
        assert_int_equal(call_io(f, names[i], NUMBER(in), NUMBER(10)), 0);
        fake_expect_closed(f);
        assert_int_equal(source.reads, 1);
        drop_stream(f, in);
    }
}

static void let_come(struct fake_change *change)
{
    struct fake_source *source = change->data;
    source->text = "late";
}

static void let_end(struct fake_change *change)
{
    struct fake_source *source = change->data;
    source->then = 0;
}

static void let_fail(struct fake_change *change)
{
    struct fake_source *source = change->data;
    source->then = -ECONNRESET;
}

static void let_be(struct fake_change *change)
{
    (void)change;
}

static void a_blocking_read_waits_for_a_byte(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = NULL, .then = -EAGAIN};
    struct fake_change change;
    uint32_t in = fake_source_give(f, &source);
    fake_change_start(f, &change, let_come, &source);
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(3)), 0);
    expect_bytes(f, "lat");
    assert_int_equal(f->waits, 1);
    assert_int_equal(call_in(f, "blocking-skip", NUMBER(in), NUMBER(3)), 0);
    expect_ok(f, 1);
    assert_int_equal(f->waits, 0);
    fake_change_start(f, &change, let_come, &source);
    assert_int_equal(call_in(f, "blocking-skip", NUMBER(in), NUMBER(9)), 0);
    expect_ok(f, 4);
}

static void a_blocking_read_ends_with_the_stream(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = NULL, .then = -EAGAIN};
    struct fake_change change;
    uint32_t in = fake_source_give(f, &source);
    fake_change_start(f, &change, let_end, &source);
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(3)), 0);
    fake_expect_closed(f);
    static struct fake_source other = {.text = NULL, .then = -EAGAIN};
    in = fake_source_give(f, &other);
    fake_change_start(f, &change, let_fail, &other);
    assert_int_equal(call_in(f, "blocking-skip", NUMBER(in), NUMBER(3)), 0);
    expect_error_text(f, expect_failed(f), "Connection reset by peer");
}

static void a_wake_for_nothing_is_waited_out(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = NULL, .then = -EAGAIN};
    struct fake_change change;
    uint32_t in = fake_source_give(f, &source);
    fake_change_start(f, &change, let_be, &source);
    f->max_wait_ms = 20;
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(3)), FAKE_COMPONENT_WAITING);
    assert_int_equal(f->waits, 2);
    loop_timer_stop(&change.timer);
}

static void a_blocking_read_of_nothing_waits_until_there_is_something(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = NULL, .then = -EAGAIN};
    struct fake_change change;
    uint32_t in = fake_source_give(f, &source);
    fake_change_start(f, &change, let_come, &source);
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(0)), 0);
    expect_bytes(f, "");
    assert_int_equal(f->waits, 1);
    assert_int_equal(source.reads, 0);
}

static uint32_t subscribe(struct fake_component *f, uint32_t in)
{
    assert_int_equal(call_in(f, "subscribe", NUMBER(in)), 0);
    return (uint32_t)f->results[0].number;
}

static void a_pollable_is_ready_for_bytes_the_end_and_errors(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = NULL, .then = -EAGAIN};
    uint32_t in = fake_source_give(f, &source);
    uint32_t pollable = subscribe(f, in);
    assert_false(fake_is_ready(f, pollable));
    source.text = "x";
    assert_true(fake_is_ready(f, pollable));
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(3)), 0);
    assert_false(fake_is_ready(f, pollable));
    source.then = -EIO;
    assert_true(fake_is_ready(f, pollable));
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(3)), 0);
    (void)expect_failed(f);
    source.then = -EAGAIN;
    assert_true(fake_is_ready(f, pollable)); /* closed for ever */
}

static void a_pollable_outlives_its_stream(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = NULL, .then = -EAGAIN};
    uint32_t in = fake_source_give(f, &source);
    uint32_t pollable = subscribe(f, in);
    drop_stream(f, in);
    assert_int_equal(source.dones, 1);
    assert_true(fake_is_ready(f, pollable)); /* asks nobody: the source has been let go of */
    assert_int_equal(fake_component_drop(f, &wasi_io_poll, "pollable", pollable), 0);
    assert_int_equal(source.dones, 1);
    in = fake_source_give(f, &source);
    pollable = subscribe(f, in);
    assert_int_equal(fake_component_drop(f, &wasi_io_poll, "pollable", pollable), 0);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(3)), 0);
    expect_bytes(f, "");
}

static void the_guests_end_lets_go_of_the_source_once(void **state)
{
    (void)state;
    struct fake_component *f = fake_component_new();
    struct fake_source sources[3] = {{.then = -EAGAIN}, {.then = -EAGAIN}, {.then = -EAGAIN}};
    for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
        uint32_t in = fake_source_give(f, &sources[i]);
        (void)subscribe(f, in);
        (void)subscribe(f, in);
    }
    fake_component_free(f);
    for (size_t i = 0; i < ARRAY_COUNT(sources); i++) {
        assert_int_equal(sources[i].dones, 1);
    }
}

static unsigned parents_freed;

static void parent_free(struct resource *resource)
{
    parents_freed++;
    free(resource);
}

static const struct resource_kind parent_kind = {.name = "body", .free = parent_free};
static const struct input_stream_ops bare_ops = {.read = NULL};

static void a_parent_counts_its_streams_and_lives_as_long(void **state)
{
    struct fake_component *f = *state;
    const struct component_resource bodies = {"body", component_drop};
    struct resource *parent = calloc(1, sizeof *parent);
    uint32_t body = 0;
    uint32_t in = 0;
    parents_freed = 0;
    assert_non_null(parent);
    resource_init(parent, &f->guest, &parent_kind);
    assert_int_equal(resource_add(parent, &body), 0);
    struct input_stream *stream = input_stream_new(&f->guest, &bare_ops, NULL, parent);
    assert_non_null(stream);
    assert_int_equal(resource_add(&stream->base, &in), 0);
    uint32_t pollable = subscribe(f, in);
    assert_int_equal(parent->children, 1);
    assert_int_equal(bodies.drop(&f->guest, f->instance, body), CALL_TRAP);
    assert_non_null(strstr(fake_component_reason(f), "a body was dropped"));
    drop_stream(f, in);
    assert_int_equal(parent->children, 0);
    assert_true(fake_is_ready(f, pollable));
    assert_int_equal(bodies.drop(&f->guest, f->instance, body), 0);
    assert_int_equal(parents_freed, 1);
}

static void the_table_that_is_full_traps(void **state)
{
    struct fake_component *f = *state;
    static struct fake_source source = {.text = NULL, .then = -EIO};
    uint32_t in = fake_source_give(f, &source);
    f->guest.resources.max = f->guest.resources.count;
    assert_int_equal(call_in(f, "subscribe", NUMBER(in)), CALL_TRAP);
    assert_non_null(strstr(fake_component_reason(f), "may have no more"));
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(1)), CALL_TRAP);
    assert_non_null(strstr(fake_component_reason(f), "may have no more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_read_gives_what_there_is_and_no_more_than_was_asked,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_is_capped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_of_nothing_asks_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_is_closed_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blocking_read_waits_for_a_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blocking_read_ends_with_the_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wake_for_nothing_is_waited_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_blocking_read_of_nothing_waits_until_there_is_something,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_pollable_is_ready_for_bytes_the_end_and_errors, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_pollable_outlives_its_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(the_guests_end_lets_go_of_the_source_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_parent_counts_its_streams_and_lives_as_long, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_table_that_is_full_traps, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
