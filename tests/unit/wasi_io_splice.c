/* wasi:io/streams, splice and blocking-splice: what moves, what waits, and that nothing is lost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_stream.h"

struct bench {
    struct fake_component *f;
    struct fake_source source;
    struct fake_sink sink;
    struct fake_change change;
    uint32_t in;
    uint32_t out;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->f = fake_component_new();
    b->source.then = -EAGAIN;
    b->in = fake_source_give(b->f, &b->source);
    b->out = fake_sink_give(b->f, &b->sink, true /* with_some */);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    fake_component_free(b->f);
    free(b);
    return 0;
}

static void splice(struct bench *b, uint64_t len)
{
    assert_int_equal(call_out(b->f, "splice", NUMBER(b->out), NUMBER(b->in), NUMBER(len)), 0);
}

static void blocking_splice(struct bench *b, uint64_t len)
{
    assert_int_equal(call_out(b->f, "blocking-splice", NUMBER(b->out), NUMBER(b->in), NUMBER(len)),
                     0);
}

static void expect_taken(const struct bench *b, const char *text)
{
    assert_int_equal(b->sink.taken_len, strlen(text));
    assert_memory_equal(b->sink.taken, text, strlen(text));
}

static void no_more_is_read_than_is_permitted(void **state)
{
    struct bench *b = *state;
    b->source.text = "0123456789";
    b->sink.room = 4;
    splice(b, UINT64_MAX);
    expect_ok(b->f, 4);
    b->sink.room = 100;
    splice(b, 2);
    expect_ok(b->f, 2);
    splice(b, 0);
    expect_ok(b->f, 0);
    b->sink.room = 0;
    splice(b, 9);
    expect_ok(b->f, 0);
    b->sink.room = 100;
    splice(b, 9);
    expect_ok(b->f, 4);
    expect_taken(b, "0123456789");
    splice(b, 9);
    expect_ok(b->f, 0); /* nothing there, and no end */
}

static void the_permit_that_a_splice_leaves_can_be_used(void **state)
{
    struct bench *b = *state;
    b->source.text = "abc";
    b->sink.room = 5;
    splice(b, 9);
    expect_ok(b->f, 3);
    assert_int_equal(call_out(b->f, "write", NUMBER(b->out), TEXT("de")), 0);
    expect_ok(b->f, 0);
    assert_int_equal(call_out(b->f, "write", NUMBER(b->out), TEXT("f")), CALL_TRAP);
    expect_taken(b, "abcde");
}

static void much_is_moved_in_pieces(void **state)
{
    struct bench *b = *state;
    static char text[IO_READ_MAX + 5];
    memset(text, 'x', sizeof text);
    b->source.text = text;
    b->source.len = sizeof text;
    b->sink.room = FAKE_SINK_MAX;
    splice(b, UINT64_MAX);
    expect_ok(b->f, IO_READ_MAX);
    blocking_splice(b, UINT64_MAX);
    expect_ok(b->f, 5);
    assert_int_equal(b->sink.taken_len, sizeof text);
    assert_memory_equal(b->sink.taken, text, sizeof text);
}

static void the_sources_end_and_errors_are_the_answer(void **state)
{
    struct bench *b = *state;
    b->sink.room = 10;
    b->source.then = -EIO;
    splice(b, 5);
    expect_error_text(b->f, expect_failed(b->f), "Input/output error");
    blocking_splice(b, 5);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "check-write", NUMBER(b->out)), 0);
    expect_ok(b->f, 10); /* the other side is as good as before */
    static struct fake_source ended = {.then = 0};
    b->in = fake_source_give(b->f, &ended);
    blocking_splice(b, 5);
    fake_expect_closed(b->f);
}

static void the_sinks_errors_leave_the_source_alone(void **state)
{
    struct bench *b = *state;
    b->source.text = "abc";
    b->sink.error = -ENOSPC;
    splice(b, 5);
    (void)expect_failed(b->f);
    splice(b, 5);
    fake_expect_closed(b->f);
    assert_int_equal(b->source.reads, 0);
    assert_int_equal(call_in(b->f, "read", NUMBER(b->in), NUMBER(9)), 0);
    expect_bytes(b->f, "abc");
}

static void a_flush_under_way_lets_nothing_through(void **state)
{
    struct bench *b = *state;
    b->source.text = "abc";
    b->sink.room = 10;
    b->sink.flush = -EAGAIN;
    assert_int_equal(call_out(b->f, "flush", NUMBER(b->out)), 0);
    splice(b, 5);
    expect_ok(b->f, 0);
    assert_int_equal(b->source.reads, 0);
    b->sink.flush = 0;
    splice(b, 5);
    expect_ok(b->f, 3);
}

static void let_come(struct fake_change *change)
{
    struct bench *b = change->data;
    b->source.text = "late";
}

static void let_in(struct fake_change *change)
{
    struct bench *b = change->data;
    b->sink.room = 3;
    if (b->source.text == NULL) {
        fake_change_start(b->f, change, let_come, b);
    }
}

static void a_blocking_splice_waits_for_both(void **state)
{
    struct bench *b = *state;
    fake_change_start(b->f, &b->change, let_in, b);
    blocking_splice(b, 100);
    expect_ok(b->f, 3);
    assert_int_equal(b->f->waits, 2);
    expect_taken(b, "lat");
    b->sink.room = 0;
    fake_change_start(b->f, &b->change, let_in, b);
    blocking_splice(b, 100);
    expect_ok(b->f, 1);
    assert_int_equal(b->f->waits, 1);
    expect_taken(b, "late");
}

static void close_sink(struct fake_change *change)
{
    struct bench *b = change->data;
    b->sink.error = -EPIPE;
}

static void a_sink_that_goes_ends_the_wait(void **state)
{
    struct bench *b = *state;
    b->source.text = "abc";
    fake_change_start(b->f, &b->change, close_sink, b);
    blocking_splice(b, 100);
    fake_expect_closed(b->f);
    assert_int_equal(b->f->waits, 1);
    assert_int_equal(b->source.reads, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_more_is_read_than_is_permitted),
        TEST(the_permit_that_a_splice_leaves_can_be_used),
        TEST(much_is_moved_in_pieces),
        TEST(the_sources_end_and_errors_are_the_answer),
        TEST(the_sinks_errors_leave_the_source_alone),
        TEST(a_flush_under_way_lets_nothing_through),
        TEST(a_blocking_splice_waits_for_both),
        TEST(a_sink_that_goes_ends_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
