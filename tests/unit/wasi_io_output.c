/* wasi:io/streams, output-stream: permits, writes, flushes and their blocking kinds. */
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
    struct fake_sink sink;
    struct fake_change change;
    uint32_t out;
};

static int make(void **state, bool with_some)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->f = fake_component_new();
    b->out = fake_sink_give(b->f, &b->sink, with_some);
    *state = b;
    return 0;
}

static int setup(void **state)
{
    return make(state, false /* with_some */);
}

static int setup_some(void **state)
{
    return make(state, true /* with_some */);
}

static int teardown(void **state)
{
    struct bench *b = *state;
    fake_component_free(b->f);
    assert_int_equal(b->sink.dones, 1);
    free(b);
    return 0;
}

static void expect_taken(const struct bench *b, const char *text)
{
    assert_int_equal(b->sink.taken_len, strlen(text));
    assert_memory_equal(b->sink.taken, text, strlen(text));
}

static void check_write(struct bench *b, uint64_t permit)
{
    assert_int_equal(call_out(b->f, "check-write", NUMBER(b->out)), 0);
    expect_ok(b->f, permit);
}

static int32_t write_text(struct bench *b, const char *text)
{
    return call_out(b->f, "write", NUMBER(b->out), TEXT(text));
}

static void everything_says_closed(struct bench *b)
{
    static const uint8_t byte = 'x';
    unsigned calls = b->sink.rooms + b->sink.writes + b->sink.partials + b->sink.flushes;
    static struct fake_source source = {.text = "abc", .then = 0};
    uint32_t in = fake_source_give(b->f, &source);
    assert_int_equal(call_out(b->f, "check-write", NUMBER(b->out)), 0);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "write", NUMBER(b->out), BYTES(&byte, 1)), 0);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "write-zeroes", NUMBER(b->out), NUMBER(5)), 0);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "flush", NUMBER(b->out)), 0);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "blocking-flush", NUMBER(b->out)), 0);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), BYTES(&byte, 1)),
                     0);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "blocking-write-zeroes-and-flush", NUMBER(b->out), NUMBER(1)),
                     0);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "splice", NUMBER(b->out), NUMBER(in), NUMBER(1)), 0);
    fake_expect_closed(b->f);
    assert_int_equal(call_out(b->f, "blocking-splice", NUMBER(b->out), NUMBER(in), NUMBER(1)), 0);
    fake_expect_closed(b->f);
    assert_int_equal(source.reads, 0);
    assert_int_equal(call_out(b->f, "subscribe", NUMBER(b->out)), 0);
    assert_true(fake_is_ready(b->f, (uint32_t)b->f->results[0].number));
    assert_int_equal(b->sink.rooms + b->sink.writes + b->sink.partials + b->sink.flushes, calls);
    assert_int_equal(fake_component_drop(b->f, &wasi_io_streams, "input-stream", in), 0);
}

/* -- permits ---------------------------------------------------------------------------------- */

static void a_write_needs_a_permit(void **state)
{
    struct bench *b = *state;
    b->sink.room = 100;
    assert_int_equal(write_text(b, "x"), CALL_TRAP);
    assert_string_equal(fake_component_reason(b->f),
                        "[method]output-stream.write: 1 bytes, of 0 that check-write permitted");
    assert_int_equal(b->sink.writes, 0);
    assert_int_equal(write_text(b, ""), 0); /* nothing is always permitted */
    expect_ok(b->f, 0);
}

static void a_permit_is_used_up(void **state)
{
    struct bench *b = *state;
    b->sink.room = 5;
    check_write(b, 5);
    assert_int_equal(write_text(b, "ab"), 0);
    assert_int_equal(write_text(b, "cde"), 0);
    expect_taken(b, "abcde");
    assert_int_equal(write_text(b, "f"), CALL_TRAP);
    b->sink.room = 3;
    check_write(b, 3);
    assert_int_equal(write_text(b, "four"), CALL_TRAP);
    expect_taken(b, "abcde");
}

static void a_permit_is_capped(void **state)
{
    struct bench *b = *state;
    b->sink.room = SIZE_MAX / 2;
    check_write(b, IO_PERMIT_MAX);
    assert_int_equal(call_out(b->f, "write-zeroes", NUMBER(b->out), NUMBER(IO_PERMIT_MAX)), 0);
    expect_ok(b->f, 0);
    assert_int_equal(b->sink.taken_len, IO_PERMIT_MAX);
    for (size_t i = 0; i < IO_PERMIT_MAX; i++) {
        assert_int_equal(b->sink.taken[i], 0);
    }
    assert_int_equal(call_out(b->f, "write-zeroes", NUMBER(b->out), NUMBER(1)), CALL_TRAP);
}

static void zeroes_past_the_permit_trap(void **state)
{
    struct bench *b = *state;
    b->sink.room = 10;
    check_write(b, 10);
    assert_int_equal(call_out(b->f, "write-zeroes", NUMBER(b->out), NUMBER(UINT64_MAX)), CALL_TRAP);
    assert_int_equal(call_out(b->f, "write-zeroes", NUMBER(b->out), NUMBER(11)), CALL_TRAP);
    assert_int_equal(call_out(b->f, "write-zeroes", NUMBER(b->out), NUMBER(10)), 0);
    assert_int_equal(b->sink.taken_len, 10);
}

static void a_closed_sink_says_closed_from_then_on(void **state)
{
    struct bench *b = *state;
    b->sink.error = -EPIPE;
    assert_int_equal(call_out(b->f, "check-write", NUMBER(b->out)), 0);
    fake_expect_closed(b->f);
    everything_says_closed(b);
}

static void a_failure_is_told_once(void **state)
{
    struct bench *b = *state;
    b->sink.room = 10;
    check_write(b, 10);
    b->sink.error = -ENOSPC;
    assert_int_equal(write_text(b, "abc"), 0);
    expect_error_text(b->f, expect_failed(b->f), "No space left on device");
    everything_says_closed(b);
}

static void zeroes_that_fail_close_it_too(void **state)
{
    struct bench *b = *state;
    b->sink.room = 10;
    check_write(b, 10);
    b->sink.error = -EIO;
    assert_int_equal(call_out(b->f, "write-zeroes", NUMBER(b->out), NUMBER(3)), 0);
    (void)expect_failed(b->f);
    everything_says_closed(b);
}

static void check_write_fails_as_well(void **state)
{
    struct bench *b = *state;
    b->sink.error = -EIO;
    assert_int_equal(call_out(b->f, "check-write", NUMBER(b->out)), 0);
    (void)expect_failed(b->f);
    everything_says_closed(b);
}

/* -- flushing --------------------------------------------------------------------------------- */

static void a_flush_under_way_permits_nothing(void **state)
{
    struct bench *b = *state;
    b->sink.room = 10;
    check_write(b, 10);
    b->sink.flush = -EAGAIN;
    assert_int_equal(call_out(b->f, "flush", NUMBER(b->out)), 0);
    expect_ok(b->f, 0);
    assert_int_equal(write_text(b, "x"), CALL_TRAP); /* the permit has gone */
    check_write(b, 0);
    assert_int_equal(call_out(b->f, "subscribe", NUMBER(b->out)), 0);
    uint32_t pollable = (uint32_t)b->f->results[0].number;
    assert_false(fake_is_ready(b->f, pollable));
    b->sink.flush = 0;
    assert_true(fake_is_ready(b->f, pollable));
    check_write(b, 10);
    unsigned flushes = b->sink.flushes;
    check_write(b, 10);
    assert_int_equal(b->sink.flushes, flushes); /* done with */
}

static void a_flush_that_is_done_leaves_the_permit(void **state)
{
    struct bench *b = *state;
    b->sink.room = 10;
    check_write(b, 10);
    assert_int_equal(call_out(b->f, "flush", NUMBER(b->out)), 0);
    expect_ok(b->f, 0);
    assert_int_equal(write_text(b, "x"), 0);
}

static void a_flush_fails_at_once_or_later(void **state)
{
    struct bench *b = *state;
    b->sink.flush = -EAGAIN;
    assert_int_equal(call_out(b->f, "flush", NUMBER(b->out)), 0);
    expect_ok(b->f, 0);
    b->sink.flush = -EIO;
    assert_int_equal(call_out(b->f, "check-write", NUMBER(b->out)), 0);
    (void)expect_failed(b->f);
    everything_says_closed(b);
}

static void a_failure_that_a_pollable_finds_is_told_by_the_next_call(void **state)
{
    struct bench *b = *state;
    b->sink.room = 10;
    check_write(b, 10);
    assert_int_equal(call_out(b->f, "subscribe", NUMBER(b->out)), 0);
    uint32_t pollable = (uint32_t)b->f->results[0].number;
    b->sink.flush = -EAGAIN;
    assert_int_equal(call_out(b->f, "flush", NUMBER(b->out)), 0);
    b->sink.flush = -EIO;
    assert_true(fake_is_ready(b->f, pollable));
    b->sink.flush = 0; /* it does not say so again */
    assert_true(fake_is_ready(b->f, pollable));
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), TEXT("x")), 0);
    expect_error_text(b->f, expect_failed(b->f), "Input/output error");
    everything_says_closed(b);
}

static void let_flush(struct fake_change *change)
{
    struct bench *b = change->data;
    b->sink.flush = 0;
}

static void fail_flush(struct fake_change *change)
{
    struct bench *b = change->data;
    b->sink.flush = -ECONNRESET;
}

static void a_blocking_flush_waits(void **state)
{
    struct bench *b = *state;
    b->sink.flush = -EAGAIN;
    fake_change_start(b->f, &b->change, let_flush, b);
    assert_int_equal(call_out(b->f, "blocking-flush", NUMBER(b->out)), 0);
    expect_ok(b->f, 0);
    assert_int_equal(b->f->waits, 1);
    b->sink.flush = -EAGAIN;
    fake_change_start(b->f, &b->change, fail_flush, b);
    assert_int_equal(call_out(b->f, "blocking-flush", NUMBER(b->out)), 0);
    expect_error_text(b->f, expect_failed(b->f), "Connection reset by peer");
    everything_says_closed(b);
}

/* -- blocking writes -------------------------------------------------------------------------- */

static void a_blocking_write_needs_no_permit(void **state)
{
    struct bench *b = *state;
    b->sink.room = 10;
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), TEXT("abc")), 0);
    expect_ok(b->f, 0);
    expect_taken(b, "abc");
    assert_int_equal(b->sink.flushes, 1);
    assert_int_equal(b->f->waits, 0);
    assert_int_equal(call_out(b->f, "blocking-write-zeroes-and-flush", NUMBER(b->out), NUMBER(2)),
                     0);
    expect_ok(b->f, 0);
    assert_int_equal(b->sink.taken_len, 5);
    assert_memory_equal(b->sink.taken + 3, "\0\0", 2);
}

static void more_than_4096_bytes_trap(void **state)
{
    struct bench *b = *state;
    static uint8_t bytes[4097];
    b->sink.room = 10000;
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), BYTES(bytes, 4097)),
                     CALL_TRAP);
    assert_non_null(strstr(fake_component_reason(b->f), "4097 bytes, of 4096"));
    assert_int_equal(
        call_out(b->f, "blocking-write-zeroes-and-flush", NUMBER(b->out), NUMBER(UINT64_MAX)),
        CALL_TRAP);
    assert_int_equal(b->sink.taken_len, 0);
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), BYTES(bytes, 4096)),
                     0);
    assert_int_equal(
        call_out(b->f, "blocking-write-zeroes-and-flush", NUMBER(b->out), NUMBER(4096)), 0);
    assert_int_equal(b->sink.taken_len, 8192);
}

static void let_write(struct fake_change *change)
{
    struct bench *b = change->data;
    b->sink.room = 3;
    if (b->sink.taken_len < 7) {
        fake_change_start(b->f, change, let_write, b);
    } else {
        b->sink.flush = 0;
    }
}

/* In pieces of three, and then the flush. */
static void a_blocking_write_goes_on_where_it_was(void **state)
{
    struct bench *b = *state;
    b->sink.room = 1;
    b->sink.flush = -EAGAIN;
    fake_change_start(b->f, &b->change, let_write, b);
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), TEXT("0123456789")),
                     0);
    expect_ok(b->f, 0);
    expect_taken(b, "0123456789");
    assert_true(b->f->waits >= 3);
}

static void fail_write(struct fake_change *change)
{
    struct bench *b = change->data;
    b->sink.error = -ECONNRESET;
}

static void close_sink(struct fake_change *change)
{
    struct bench *b = change->data;
    b->sink.error = -EPIPE;
}

static void a_blocking_write_fails_on_its_way(void **state)
{
    struct bench *b = *state;
    b->sink.room = 4;
    fake_change_start(b->f, &b->change, fail_write, b);
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), TEXT("0123456789")),
                     0);
    expect_error_text(b->f, expect_failed(b->f), "Connection reset by peer");
    expect_taken(b, "0123");
    everything_says_closed(b);
}

static void a_peer_that_goes_closes_it(void **state)
{
    struct bench *b = *state;
    b->sink.room = 4;
    fake_change_start(b->f, &b->change, close_sink, b);
    assert_int_equal(call_out(b->f, "blocking-write-zeroes-and-flush", NUMBER(b->out), NUMBER(9)),
                     0);
    fake_expect_closed(b->f);
    everything_says_closed(b);
}

static void a_blocking_write_waits_for_a_flush_under_way(void **state)
{
    struct bench *b = *state;
    b->sink.room = 100;
    b->sink.flush = -EAGAIN;
    assert_int_equal(call_out(b->f, "flush", NUMBER(b->out)), 0);
    b->f->max_wait_ms = 20;
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), TEXT("x")),
                     FAKE_COMPONENT_WAITING);
    assert_int_equal(b->sink.taken_len, 0);
    fake_change_start(b->f, &b->change, let_flush, b);
    b->f->max_wait_ms = 5000;
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), TEXT("y")), 0);
    expect_ok(b->f, 0);
    expect_taken(b, "y");
}

static void a_blocking_write_of_nothing_flushes(void **state)
{
    struct bench *b = *state;
    assert_int_equal(call_out(b->f, "blocking-write-and-flush", NUMBER(b->out), TEXT("")), 0);
    expect_ok(b->f, 0);
    assert_int_equal(b->sink.flushes, 1);
    assert_int_equal(b->sink.writes + b->sink.partials, 0);
}

/* -- subscribe -------------------------------------------------------------------------------- */

static void let_in(struct fake_change *change)
{
    struct bench *b = change->data;
    b->sink.room = 1;
}

static void a_pollable_is_ready_when_there_is_room(void **state)
{
    struct bench *b = *state;
    assert_int_equal(call_out(b->f, "subscribe", NUMBER(b->out)), 0);
    uint32_t pollable = (uint32_t)b->f->results[0].number;
    assert_false(fake_is_ready(b->f, pollable));
    fake_change_start(b->f, &b->change, let_in, b);
    assert_int_equal(
        component_fake_call(b->f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)), 0);
    assert_int_equal(b->f->waits, 1);
    check_write(b, 1);
}

static void a_pollable_outlives_its_stream(void **state)
{
    struct bench *b = *state;
    assert_int_equal(call_out(b->f, "subscribe", NUMBER(b->out)), 0);
    uint32_t pollable = (uint32_t)b->f->results[0].number;
    assert_int_equal(fake_component_drop(b->f, &wasi_io_streams, "output-stream", b->out), 0);
    assert_int_equal(b->sink.dones, 1);
    assert_true(fake_is_ready(b->f, pollable));
    assert_int_equal(b->sink.rooms, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_SOME(name)                                                                            \
    {                                                                                              \
#name "_straight", name, setup_some, teardown, NULL                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_write_needs_a_permit),
        TEST(a_permit_is_used_up),
        TEST(a_permit_is_capped),
        TEST(zeroes_past_the_permit_trap),
        TEST(a_closed_sink_says_closed_from_then_on),
        TEST(a_failure_is_told_once),
        TEST(zeroes_that_fail_close_it_too),
        TEST(check_write_fails_as_well),
        TEST(a_flush_under_way_permits_nothing),
        TEST(a_flush_that_is_done_leaves_the_permit),
        TEST(a_flush_fails_at_once_or_later),
        TEST(a_failure_that_a_pollable_finds_is_told_by_the_next_call),
        TEST(a_blocking_flush_waits),
        TEST(a_blocking_write_needs_no_permit),
        TEST_SOME(a_blocking_write_needs_no_permit),
        TEST(more_than_4096_bytes_trap),
        TEST_SOME(more_than_4096_bytes_trap),
        TEST(a_blocking_write_goes_on_where_it_was),
        TEST_SOME(a_blocking_write_goes_on_where_it_was),
        TEST(a_blocking_write_fails_on_its_way),
        TEST_SOME(a_blocking_write_fails_on_its_way),
        TEST(a_peer_that_goes_closes_it),
        TEST_SOME(a_peer_that_goes_closes_it),
        TEST(a_blocking_write_waits_for_a_flush_under_way),
        TEST_SOME(a_blocking_write_waits_for_a_flush_under_way),
        TEST(a_blocking_write_of_nothing_flushes),
        TEST(a_pollable_is_ready_when_there_is_room),
        TEST(a_pollable_outlives_its_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
