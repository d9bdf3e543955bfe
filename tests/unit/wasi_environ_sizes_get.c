/* environ_sizes_get(ret_count, ret_environ_len): how many entries, and their bytes with the NULs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_call.h"

enum { END = FAKE_MEMORY_LEN };

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

static int32_t get(struct fake_guest *f, uint32_t ret_count, uint32_t ret_len)
{
    return fake_call(f, &preview1_args, "environ_sizes_get", ret_count, ret_len);
}

static void counts_with_the_nuls(void **state)
{
    struct fake_guest *f = *state;
    fake_fill(f, 0, 0xaa, 64);
    assert_int_equal(guest_add_env(&f->guest, "A=b1"), 0);
    assert_int_equal(guest_add_env(&f->guest, ""), 0);
    assert_int_equal(guest_add_arg(&f->guest, "OTHER"), 0);
    assert_int_equal(get(f, 8, 24), WASI_ESUCCESS);
    fake_assert_bytes(f, 4, "\xaa\xaa\xaa\xaa\2\0\0\0\xaa\xaa\xaa\xaa", 12);
    fake_assert_bytes(f, 20, "\xaa\xaa\xaa\xaa\6\0\0\0\xaa\xaa\xaa\xaa", 12);
}

static void none_is_zero_and_zero(void **state)
{
    struct fake_guest *f = *state;
    fake_fill(f, 0, 0xaa, 8);
    assert_int_equal(get(f, 0, 4), WASI_ESUCCESS);
    fake_assert_bytes(f, 0, "\0\0\0\0\0\0\0\0", 8);
}

static void need_not_be_aligned(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(guest_add_env(&f->guest, "B=x"), 0);
    assert_int_equal(get(f, 1, END - 4), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, 1), 1);
    assert_int_equal(fake_u32(f, END - 4), 4);
}

static void writes_nothing_when_either_is_out_of_bounds(void **state)
{
    static const uint32_t bad[] = {END - 3, END, END + 1, 0x80000000, 0xfffffffc, UINT32_MAX};
    struct fake_guest *f = *state;
    fake_fill(f, 0, 0xaa, 16);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(get(f, bad[i], 0), WASI_EFAULT);
        assert_int_equal(get(f, 0, bad[i]), WASI_EFAULT);
        assert_int_equal(get(f, bad[i], bad[i]), WASI_EFAULT);
    }
    assert_int_equal(fake_u32(f, 0), 0xaaaaaaaa);
}

static void overlapping_areas_are_no_crash(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(guest_add_env(&f->guest, "B=x"), 0);
    assert_int_equal(get(f, 16, 16), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, 16), 4);
    assert_int_equal(get(f, 16, 18), WASI_ESUCCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_with_the_nuls),
        TEST(none_is_zero_and_zero),
        TEST(need_not_be_aligned),
        TEST(writes_nothing_when_either_is_out_of_bounds),
        TEST(overlapping_areas_are_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
