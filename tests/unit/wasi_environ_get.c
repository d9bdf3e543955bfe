/* environ_get(environ, environ_buf): addresses of the entries, and their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_call.h"

enum { LIST = 256, BYTES = 1024, END = FAKE_MEMORY_LEN };

static int setup(void **state)
{
    struct fake_guest *f = fake_guest_new();
    assert_int_equal(guest_add_env(&f->guest, "A=b1"), 0);
    assert_int_equal(guest_add_env(&f->guest, ""), 0);
    assert_int_equal(guest_add_env(&f->guest, "\xc3\xa4\n"), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fake_guest_free(*state);
    return 0;
}

static int32_t get(struct fake_guest *f, uint32_t list, uint32_t bytes)
{
    return fake_call(f, &preview1_args, "environ_get", list, bytes);
}

static void writes_addresses_and_bytes(void **state)
{
    struct fake_guest *f = *state;
    fake_fill(f, 0, 0xaa, 2048);
    assert_int_equal(get(f, LIST, BYTES), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, LIST), BYTES);
    assert_int_equal(fake_u32(f, LIST + 4), BYTES + 5);
    assert_int_equal(fake_u32(f, LIST + 8), BYTES + 6);
    fake_assert_bytes(f, BYTES, "A=b1\0\0\xc3\xa4\n\0", 10);
    fake_assert_bytes(f, LIST - 4, "\xaa\xaa\xaa\xaa", 4);
    fake_assert_bytes(f, LIST + 12, "\xaa\xaa\xaa\xaa", 4);
    fake_assert_bytes(f, BYTES - 1, "\xaa", 1);
    fake_assert_bytes(f, BYTES + 10, "\xaa", 1);
}

static void takes_no_memory_for_no_entries(void **state)
{
    struct fake_guest *f = fake_guest_new();
    (void)state;
    assert_int_equal(get(f, END, END), WASI_ESUCCESS);
    assert_int_equal(get(f, 0, 0), WASI_ESUCCESS);
    assert_int_equal(get(f, END + 1, 0), WASI_EFAULT);
    fake_guest_free(f);
}

static void fits_to_the_last_byte(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(get(f, END - 12, BYTES), WASI_ESUCCESS);
    assert_int_equal(get(f, LIST, END - 10), WASI_ESUCCESS);
    fake_assert_bytes(f, END - 10, "A=b1\0\0\xc3\xa4\n\0", 10);
}

static void writes_nothing_when_either_is_out_of_bounds(void **state)
{
    static const uint32_t bad_lists[] = {END - 11,   END,        END + 1,
                                         0x7fffffff, 0xfffffff4, UINT32_MAX};
    static const uint32_t bad_bytes[] = {END - 9, END, END + 1, 0x80000000, 0xfffffff6, UINT32_MAX};
    struct fake_guest *f = *state;
    fake_fill(f, 0, 0xaa, END);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(get(f, bad_lists[i], BYTES), WASI_EFAULT);
        assert_int_equal(get(f, LIST, bad_bytes[i]), WASI_EFAULT);
    }
    for (uint32_t at = 0; at < END; at++) {
        assert_int_equal(fake_u8(f, at), 0xaa);
    }
}

/* What the guest asks for is nonsense; the bytes are written last. */
static void overlapping_areas_are_no_crash(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(get(f, LIST, LIST), WASI_ESUCCESS);
    fake_assert_bytes(f, LIST, "A=b1\0\0\xc3\xa4\n\0", 10);
    assert_int_equal(get(f, LIST + 3, LIST), WASI_ESUCCESS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_addresses_and_bytes),     cmocka_unit_test(takes_no_memory_for_no_entries),
        TEST(fits_to_the_last_byte),          TEST(writes_nothing_when_either_is_out_of_bounds),
        TEST(overlapping_areas_are_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
