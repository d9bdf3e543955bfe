/* clock_time_get(id, precision, ret_time). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "fake_call.h"

enum { AT = 64, END = FAKE_MEMORY_LEN };

static int setup(void **state)
{
    *state = fake_guest_new();
    return 0;
}

static int teardown(void **state)
{
    fake_guest_free(*state);
    return 0;
}

static uint64_t host_time(clockid_t clock)
{
    struct timespec now;
    assert_int_equal(clock_gettime(clock, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int32_t get(struct fake_guest *f, uint32_t id, int64_t precision, uint32_t at)
{
    return fake_call(f, &preview1_clock, "clock_time_get", id, precision, at);
}

static void each_clock_is_the_hosts(void **state)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                                       CLOCK_THREAD_CPUTIME_ID};
    struct fake_guest *f = *state;
    for (uint32_t id = 0; id < 4; id++) {
        fake_fill(f, AT - 8, 0xaa, 24);
        uint64_t before = host_time(clocks[id]);
        assert_int_equal(get(f, id, 0, AT), WASI_ESUCCESS);
        uint64_t after = host_time(clocks[id]);
        assert_in_range(fake_u64(f, AT), before, after);
        fake_assert_bytes(f, AT - 8, "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa", 8);
        fake_assert_bytes(f, AT + 8, "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa", 8);
    }
}

static void the_precision_does_not_matter(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(get(f, WASI_CLOCK_MONOTONIC, -1, AT), WASI_ESUCCESS);
    uint64_t before = fake_u64(f, AT);
    assert_int_equal(get(f, WASI_CLOCK_MONOTONIC, INT64_MAX, AT), WASI_ESUCCESS);
    assert_true(fake_u64(f, AT) >= before);
}

static void other_clocks_are_invalid(void **state)
{
    static const uint32_t ids[] = {4, 5, 0x7fffffff, 0x80000000, UINT32_MAX};
    struct fake_guest *f = *state;
    fake_fill(f, AT, 0xaa, 8);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(get(f, ids[i], 0, AT), WASI_EINVAL);
    }
    assert_int_equal(fake_u64(f, AT), UINT64_C(0xaaaaaaaaaaaaaaaa));
}

static void out_of_bounds_is_a_fault(void **state)
{
    static const uint32_t bad[] = {END - 7, END, END + 1, 0x80000000, 0xfffffff8, UINT32_MAX};
    struct fake_guest *f = *state;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(get(f, WASI_CLOCK_REALTIME, 0, bad[i]), WASI_EFAULT);
    }
    assert_int_equal(get(f, WASI_CLOCK_REALTIME, 0, END - 8), WASI_ESUCCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_clock_is_the_hosts),
        TEST(the_precision_does_not_matter),
        TEST(other_clocks_are_invalid),
        TEST(out_of_bounds_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
