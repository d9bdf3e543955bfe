/* Numbers as people write them: the bounds, and what is no number. */
#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/container.h"

static void expect_u64(const char *text, uint64_t max, int r, uint64_t value)
{
    uint64_t got = 77;
    assert_int_equal(num_parse_u64(text, max, &got), r);
    assert_int_equal(got, r == 0 ? value : 77);
}

static void u64_reads_the_whole_range(void **state)
{
    (void)state;
    expect_u64("0", UINT64_MAX, 0, 0);
    expect_u64("007", UINT64_MAX, 0, 7);
    expect_u64("18446744073709551615", UINT64_MAX, 0, UINT64_MAX);
    expect_u64("65535", 65535, 0, 65535);
    expect_u64("0", 0, 0, 0);
}

static void u64_refuses_what_is_past_its_maximum(void **state)
{
    (void)state;
    expect_u64("18446744073709551616", UINT64_MAX, -ERANGE, 0);
    expect_u64("184467440737095516150", UINT64_MAX, -ERANGE, 0);
    expect_u64("65536", 65535, -ERANGE, 0);
    expect_u64("655350", 65535, -ERANGE, 0);
    expect_u64("1", 0, -ERANGE, 0);
    expect_u64("9", 5, -ERANGE, 0);
}

static void u64_refuses_what_is_no_number(void **state)
{
    static const char *const texts[] = {"",     " 1",  "1 ",  "+1", "-1",
                                        "0x10", "1e3", "1.0", "a",  "1\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        expect_u64(texts[i], UINT64_MAX, -EINVAL, 0);
    }
}

static void expect_size(const char *text, int r, uint64_t value)
{
    uint64_t got = 77;
    assert_int_equal(num_parse_size(text, &got), r);
    assert_int_equal(got, r == 0 ? value : 77);
}

static void size_knows_its_units(void **state)
{
    static const char *const kilo[] = {"3k", "3K", "3kb", "3KB", "3KiB", "3kib"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(kilo); i++) {
        expect_size(kilo[i], 0, 3072);
    }
    expect_size("0", 0, 0);
    expect_size("12", 0, 12);
    expect_size("12b", 0, 12);
    expect_size("64M", 0, UINT64_C(64) << 20);
    expect_size("2GiB", 0, UINT64_C(2) << 30);
}

static void size_refuses_overflow_and_nonsense(void **state)
{
    (void)state;
    expect_size("17179869183G", 0, UINT64_C(17179869183) << 30);
    expect_size("17179869184G", -ERANGE, 0);
    expect_size("18446744073709551615", 0, UINT64_MAX);
    expect_size("18446744073709551615K", -ERANGE, 0);
    expect_size("", -EINVAL, 0);
    expect_size("M", -EINVAL, 0);
    expect_size("1 M", -EINVAL, 0);
    expect_size("1T", -EINVAL, 0);
    expect_size("1.5G", -EINVAL, 0);
    expect_size("-1", -EINVAL, 0);
}

static void expect_duration(const char *text, int r, uint64_t value)
{
    uint64_t got = 77;
    assert_int_equal(num_parse_duration(text, &got), r);
    assert_int_equal(got, r == 0 ? value : 77);
}

static void duration_knows_its_units(void **state)
{
    (void)state;
    expect_duration("2", 0, 2000000000);
    expect_duration("2s", 0, 2000000000);
    expect_duration("250ms", 0, 250000000);
    expect_duration("7us", 0, 7000);
    expect_duration("3m", 0, UINT64_C(180000000000));
    expect_duration("1h", 0, UINT64_C(3600000000000));
    expect_duration("0", 0, 0);
}

static void duration_takes_fractions(void **state)
{
    (void)state;
    expect_duration("1.5s", 0, 1500000000);
    expect_duration("0.25", 0, 250000000);
    expect_duration("1.000000001s", 0, 1000000001);
    expect_duration("1.0000000019s", 0, 1000000001); /* what is finer is dropped */
    expect_duration("0.5h", 0, UINT64_C(1800000000000));
    expect_duration("0.9ms", 0, 900000);
}

static void duration_refuses_overflow_and_nonsense(void **state)
{
    static const char *const texts[] = {"",    "s",  ".5s", "1.s", "1.",
                                        "1 s", "1S", "-1s", "1d",  "1e3"};
    (void)state;
    expect_duration("18446744072s", 0, UINT64_C(18446744072000000000));
    expect_duration("18446744074s", -ERANGE, 0);
    expect_duration("18446744073709551616", -ERANGE, 0);
    expect_duration("5124096h", -ERANGE, 0);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        expect_duration(texts[i], -EINVAL, 0);
    }
}

static void addition_stays_at_never(void **state)
{
    (void)state;
    assert_int_equal(num_add_sat(1, 2), 3);
    assert_int_equal(num_add_sat(UINT64_MAX, 0), UINT64_MAX);
    assert_int_equal(num_add_sat(UINT64_MAX, 1), UINT64_MAX);
    assert_int_equal(num_add_sat(UINT64_MAX - 1, 1), UINT64_MAX);
    assert_int_equal(num_add_sat(UINT64_MAX, UINT64_MAX), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u64_reads_the_whole_range),
        cmocka_unit_test(u64_refuses_what_is_past_its_maximum),
        cmocka_unit_test(u64_refuses_what_is_no_number),
        cmocka_unit_test(size_knows_its_units),
        cmocka_unit_test(size_refuses_overflow_and_nonsense),
        cmocka_unit_test(duration_knows_its_units),
        cmocka_unit_test(duration_takes_fractions),
        cmocka_unit_test(duration_refuses_overflow_and_nonsense),
        cmocka_unit_test(addition_stays_at_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
