/* random_get(buf, buf_len). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

static int32_t get(struct fake_guest *f, uint32_t at, uint32_t len)
{
    return fake_call(f, &preview1_process, "random_get", at, len);
}

static void fills_exactly_the_buffer(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(get(f, 100, 64), WASI_ESUCCESS);
    fake_assert_bytes(f, 92, "\0\0\0\0\0\0\0\0", 8);
    fake_assert_bytes(f, 164, "\0\0\0\0\0\0\0\0", 8);
    unsigned set = 0;
    for (uint32_t i = 0; i < 64; i++) {
        set += fake_u8(f, 100 + i) != 0;
    }
    assert_true(set > 32); /* fails by chance once in 10 to the 54 */
}

static void differs_each_time(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(get(f, 0, 32), WASI_ESUCCESS);
    assert_int_equal(get(f, 32, 32), WASI_ESUCCESS);
    assert_memory_not_equal(f->memory, f->memory + 32, 32);
}

static void takes_all_of_memory_and_nothing_at_all(void **state)
{
    struct fake_guest *f = *state;
    assert_int_equal(get(f, 0, END), WASI_ESUCCESS);
    assert_int_equal(get(f, END - 1, 1), WASI_ESUCCESS);
    assert_int_equal(get(f, END, 0), WASI_ESUCCESS);
    assert_int_equal(get(f, 0, 0), WASI_ESUCCESS);
}

/* All of a guest's memory would take a good part of a second. */
static void others_have_their_turn_meanwhile(void **state)
{
    struct fake_guest *f = *state;
    enum { PIECE = 32 << 10 };
    static const uint8_t nothing[16];
    assert_int_equal(get(f, 0, PIECE), WASI_ESUCCESS);
    assert_int_equal(f->waits, 0);
    memset(f->memory, 0, END);
    assert_int_equal(get(f, 1, PIECE + 1), WASI_ESUCCESS);
    assert_int_equal(f->waits, 1);
    assert_int_equal(fake_u8(f, 0), 0);
    assert_int_equal(fake_u8(f, PIECE + 2), 0);
    unsigned set[2] = {0, 0};
    for (uint32_t i = 0; i < END; i++) {
        set[i / PIECE] += fake_u8(f, i) != 0;
    }
    assert_true(set[0] > PIECE / 2 && set[1] <= 2);
    assert_int_equal(get(f, 0, END), WASI_ESUCCESS);
    assert_int_equal(f->waits, 1);
    assert_memory_not_equal(f->memory + END - sizeof nothing, nothing, sizeof nothing);
}

static void out_of_bounds_is_a_fault_and_writes_nothing(void **state)
{
    static const struct {
        uint32_t at;
        uint32_t len;
    } bad[] = {
        {0, END + 1},
        {1, END},
        {END - 1, 2},
        {END, 1},
        {END + 1, 0},
        {UINT32_MAX, 0},
        {UINT32_MAX, 1},
        {UINT32_MAX, UINT32_MAX},
        {0, UINT32_MAX},
        {1, UINT32_MAX},
        {0x80000000, 0x80000000},
        {0xfffffff0, 0x20},
        {END - 4, 0xfffffffc},
    };
    struct fake_guest *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(get(f, bad[i].at, bad[i].len), WASI_EFAULT);
    }
    for (uint32_t at = 0; at < END; at++) {
        assert_int_equal(fake_u8(f, at), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fills_exactly_the_buffer),
        TEST(differs_each_time),
        TEST(takes_all_of_memory_and_nothing_at_all),
        TEST(others_have_their_turn_meanwhile),
        TEST(out_of_bounds_is_a_fault_and_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
