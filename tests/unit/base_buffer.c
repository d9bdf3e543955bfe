/* Growing bytes: what stands in them, and that the maximum holds. */
#include "base/buffer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void is_empty_at_birth_and_after_done(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 100);
    assert_int_equal(buffer_span(&b).len, 0);
    assert_int_equal(buffer_append(&b, span_of("abc")), 0);
    buffer_done(&b);
    assert_int_equal(buffer_span(&b).len, 0);
    assert_int_equal(buffer_append(&b, span_of("de")), 0);
    assert_true(span_is(buffer_span(&b), "de"));
    buffer_done(&b);
    buffer_done(&b);
}

static void appends_in_order_over_many_growths(void **state)
{
    enum { ROUNDS = 5000 };
    struct buffer b;
    (void)state;
    buffer_init(&b, 1 << 20);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t bytes[3] = {(uint8_t)i, (uint8_t)(i >> 8), 0xee};
        assert_int_equal(buffer_append(&b, (struct span){bytes, sizeof bytes}), 0);
    }
    assert_int_equal(b.len, ROUNDS * 3);
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(b.data[i * 3], i & 0xff);
        assert_int_equal(b.data[i * 3 + 1], i >> 8);
        assert_int_equal(b.data[i * 3 + 2], 0xee);
    }
    buffer_done(&b);
}

static void an_empty_append_allocates_nothing(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 10);
    assert_int_equal(buffer_append(&b, (struct span){NULL, 0}), 0);
    assert_null(b.data);
}

static void the_maximum_can_be_reached_and_not_passed(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 6);
    assert_int_equal(buffer_append(&b, span_of("abcd")), 0);
    assert_int_equal(buffer_append(&b, span_of("xyz")), -EMSGSIZE);
    assert_true(span_is(buffer_span(&b), "abcd"));
    assert_int_equal(buffer_append(&b, span_of("ef")), 0);
    assert_int_equal(buffer_append(&b, span_of("g")), -EMSGSIZE);
    assert_int_equal(buffer_reserve(&b, 0), 0);
    assert_int_equal(buffer_reserve(&b, SIZE_MAX), -EMSGSIZE);
    assert_true(span_is(buffer_span(&b), "abcdef"));
    buffer_done(&b);
}

static void a_huge_reserve_is_no_wrap(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, SIZE_MAX);
    assert_int_equal(buffer_append(&b, span_of("abc")), 0);
    assert_int_equal(buffer_reserve(&b, SIZE_MAX - 2), -EMSGSIZE);
    assert_true(span_is(buffer_span(&b), "abc"));
    buffer_done(&b);
}

static void consume_moves_the_rest_to_the_front(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 100);
    assert_int_equal(buffer_append(&b, span_of("abcdef")), 0);
    buffer_consume(&b, 2);
    assert_true(span_is(buffer_span(&b), "cdef"));
    buffer_consume(&b, 0);
    assert_true(span_is(buffer_span(&b), "cdef"));
    buffer_consume(&b, 4);
    assert_int_equal(buffer_span(&b).len, 0);
    buffer_done(&b);
}

static void printf_appends_without_a_nul(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 300);
    assert_int_equal(buffer_printf(&b, "%s=%d", "n", 42), 0);
    assert_int_equal(buffer_printf(&b, "%s", ""), 0);
    assert_int_equal(buffer_printf(&b, ";%05x", 0xabc), 0);
    assert_true(span_is(buffer_span(&b), "n=42;00abc"));
    assert_int_equal(buffer_printf(&b, "%0300d", 1), -EMSGSIZE);
    assert_true(span_is(buffer_span(&b), "n=42;00abc"));
    buffer_done(&b);
}

__attribute__((format(printf, 2, 3))) static int put(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = buffer_vprintf(b, format, args);
    va_end(args);
    return r;
}

/* The arguments are walked twice. */
static void vprintf_appends_what_printf_does(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 1000);
    assert_int_equal(put(&b, "%s %llu %.1f;", "a", 1ULL << 40, 0.5), 0);
    assert_int_equal(put(&b, "%0600d", 7), 0); /* grows */
    assert_true(b.len == 620 && b.data[619] == '7');
    assert_int_equal(put(&b, "%0400d", 7), -EMSGSIZE);
    assert_int_equal(b.len, 620);
    buffer_consume(&b, 600);
    assert_true(span_is(buffer_span(&b), "00000000000000000007"));
    buffer_done(&b);
}

static void text_is_terminated_and_the_nul_not_counted(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, 4);
    assert_string_equal(buffer_text(&b), "");
    assert_int_equal(buffer_append(&b, span_of("abc")), 0);
    assert_string_equal(buffer_text(&b), "abc");
    assert_int_equal(b.len, 3);
    assert_int_equal(buffer_append(&b, span_of("d")), 0);
    assert_null(buffer_text(&b)); /* no room for the NUL */
    buffer_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_empty_at_birth_and_after_done),
        cmocka_unit_test(appends_in_order_over_many_growths),
        cmocka_unit_test(an_empty_append_allocates_nothing),
        cmocka_unit_test(the_maximum_can_be_reached_and_not_passed),
        cmocka_unit_test(a_huge_reserve_is_no_wrap),
        cmocka_unit_test(consume_moves_the_rest_to_the_front),
        cmocka_unit_test(printf_appends_without_a_nul),
        cmocka_unit_test(vprintf_appends_what_printf_does),
        cmocka_unit_test(text_is_terminated_and_the_nul_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
