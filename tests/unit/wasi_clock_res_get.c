/* clock_res_get(id, ret_resolution). */
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

static int32_t get(struct fake_guest *f, uint32_t id, uint32_t at)
{
    return fake_call(f, &preview1_clock, "clock_res_get", id, at);
}

static void each_resolution_is_the_hosts(void **state)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID,
                                       CLOCK_THREAD_CPUTIME_ID};
    struct fake_guest *f = *state;
    for (uint32_t id = 0; id < 4; id++) {
        struct timespec host;
        assert_int_equal(clock_getres(clocks[id], &host), 0);
        fake_fill(f, AT, 0xaa, 16);
        assert_int_equal(get(f, id, AT), WASI_ESUCCESS);
        assert_int_equal(fake_u64(f, AT),
                         (uint64_t)host.tv_sec * 1000000000U + (uint64_t)host.tv_nsec);
        assert_int_equal(fake_u64(f, AT + 8), UINT64_C(0xaaaaaaaaaaaaaaaa));
    }
}

static void other_clocks_are_invalid(void **state)
{
    static const uint32_t ids[] = {4, 0x7fffffff, 0x80000000, UINT32_MAX};
    struct fake_guest *f = *state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(get(f, ids[i], AT), WASI_EINVAL);
    }
    assert_int_equal(fake_u64(f, AT), 0);
}

static void out_of_bounds_is_a_fault(void **state)
{
    static const uint32_t bad[] = {END - 7, END, END + 1, 0x80000000, 0xfffffff8, UINT32_MAX};
    struct fake_guest *f = *state;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(get(f, WASI_CLOCK_REALTIME, bad[i]), WASI_EFAULT);
    }
    assert_int_equal(get(f, WASI_CLOCK_REALTIME, END - 8), WASI_ESUCCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_resolution_is_the_hosts),
        TEST(other_clocks_are_invalid),
        TEST(out_of_bounds_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
