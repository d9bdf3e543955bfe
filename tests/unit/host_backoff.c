/* The pauses before a worker starts again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/container.h"
#include "host/backoff.h"

static void short_lives_double_the_pause_up_to_the_maximum(void **state)
{
    (void)state;
    static const uint64_t expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    uint64_t pause_ms = 0;
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        pause_ms = backoff_next_ms(pause_ms, 9999);
        assert_int_equal(pause_ms, expected[i]);
    }
}

static void a_long_life_begins_anew(void **state)
{
    (void)state;
    assert_int_equal(backoff_next_ms(10000, 9999), 10000);
    assert_int_equal(backoff_next_ms(10000, 10000), 100);
    assert_int_equal(backoff_next_ms(400, UINT64_MAX), 100);
    assert_int_equal(backoff_next_ms(0, UINT64_MAX), 100);
    assert_int_equal(backoff_next_ms(UINT64_MAX, 0), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_lives_double_the_pause_up_to_the_maximum),
        cmocka_unit_test(a_long_life_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
