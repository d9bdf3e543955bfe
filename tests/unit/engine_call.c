/* Guest memory: every way in which an address and a length can lie at, over and past its end. */
#include "engine/call.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LEN = 256 };

static int setup(void **state)
{
    static struct call call;
    call = (struct call){.memory = malloc(LEN), .memory_len = LEN};
    assert_non_null(call.memory);
    for (unsigned i = 0; i < LEN; i++) {
        call.memory[i] = (uint8_t)i;
    }
    *state = &call;
    return 0;
}

static int teardown(void **state)
{
    struct call *call = *state;
    free(call->memory);
    return 0;
}

static bool is_inside(uint32_t address, uint32_t len)
{
    return (uint64_t)address + len <= LEN;
}

static const uint32_t edges[] = {0,          1,          4,          LEN - 4,    LEN - 1,
                                 LEN,        LEN + 1,    0x7fffffff, 0x80000000, 0xfffffefc,
                                 0xffffff00, 0xfffffff8, 0xfffffffc, UINT32_MAX};

static void bounds_are_those_of_arithmetic_without_end(void **state)
{
    struct call *call = *state;
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        for (size_t k = 0; k < sizeof edges / sizeof edges[0]; k++) {
            struct span span = {NULL, 77};
            uint8_t *room = NULL;
            bool inside = is_inside(edges[i], edges[k]);
            assert_int_equal(call_in_memory(call, edges[i], edges[k]), inside);
            assert_int_equal(call_span(call, edges[i], edges[k], &span), inside ? 0 : -EFAULT);
            assert_int_equal(span.len, inside ? edges[k] : 77);
            assert_int_equal(call_room(call, edges[i], edges[k], &room), inside ? 0 : -EFAULT);
            assert_true(!inside || room == call->memory + edges[i]);
        }
    }
    assert_false(call_in_memory(call, 0, UINT64_MAX));
    assert_false(call_in_memory(call, 1, UINT64_MAX));
    assert_false(call_in_memory(call, UINT32_MAX, UINT64_MAX - UINT32_MAX + 1));
}

static void reads_what_is_there(void **state)
{
    struct call *call = *state;
    uint8_t bytes[4] = {9, 9, 9, 9};
    uint32_t value = 0;
    assert_int_equal(call_read(call, 16, bytes, 4), 0);
    assert_memory_equal(bytes, "\x10\x11\x12\x13", 4);
    assert_int_equal(call_read_u32(call, 16, &value), 0);
    assert_int_equal(value, 0x13121110);
    assert_int_equal(call_read_u32(call, LEN - 4, &value), 0);
    assert_int_equal(value, 0xfffefdfc);
    assert_int_equal(call_read_u32(call, LEN - 3, &value), -EFAULT);
    assert_int_equal(value, 0xfffefdfc); /* untouched */
    assert_int_equal(call_read(call, LEN, bytes, 0), 0);
    assert_int_equal(call_read(call, LEN, bytes, 1), -EFAULT);
    assert_memory_equal(bytes, "\x10\x11\x12\x13", 4);
}

static void writes_little_endian_and_nothing_beside(void **state)
{
    struct call *call = *state;
    assert_int_equal(call_write_u16(call, 1, 0x1122), 0);
    assert_int_equal(call_write_u32(call, 5, 0x11223344), 0);
    assert_int_equal(call_write_u64(call, 11, UINT64_C(0x1122334455667788)), 0);
    assert_memory_equal(call->memory, "\0\x22\x11\3\4\x44\x33\x22\x11\x09\x0a", 11);
    assert_memory_equal(call->memory + 11, "\x88\x77\x66\x55\x44\x33\x22\x11\x13", 9);
    assert_int_equal(call_write_u16(call, LEN - 1, 0), -EFAULT);
    assert_int_equal(call_write_u32(call, LEN - 3, 0), -EFAULT);
    assert_int_equal(call_write_u64(call, LEN - 7, 0), -EFAULT);
    assert_int_equal(call_write_u64(call, UINT32_MAX, 0), -EFAULT);
    assert_int_equal(call->memory[LEN - 1], 0xff);
    assert_int_equal(call_write(call, LEN, NULL, 0), 0);
}

static void a_guest_without_memory_has_nothing(void **state)
{
    struct call call = {.memory = NULL, .memory_len = 0};
    struct span span = {NULL, 77};
    uint32_t value = 0;
    (void)state;
    assert_int_equal(call_read_u32(&call, 0, &value), -EFAULT);
    assert_int_equal(call_write_u32(&call, 0, 0), -EFAULT);
    assert_int_equal(call_span(&call, 0, 1, &span), -EFAULT);
    assert_int_equal(call_span(&call, 0, 0, &span), 0);
    assert_int_equal(span.len, 0);
    assert_int_equal(call_read(&call, 0, &value, 0), 0);
    assert_int_equal(call_span(&call, 1, 0, &span), -EFAULT);
}

static void a_memory_of_four_gibibytes_has_all_addresses(void **state)
{
    struct call call = {.memory = NULL, .memory_len = UINT64_C(1) << 32};
    (void)state;
    assert_true(call_in_memory(&call, UINT32_MAX, 1));
    assert_false(call_in_memory(&call, UINT32_MAX, 2));
    assert_true(call_in_memory(&call, 0, UINT64_C(1) << 32));
    assert_false(call_in_memory(&call, 1, UINT64_C(1) << 32));
}

static void arguments_keep_their_bits(void **state)
{
    union call_value values[2] = {{.i32 = -1}, {.i64 = INT64_MIN}};
    struct call call = {.values = values};
    (void)state;
    assert_int_equal(call_u32(&call, 0), UINT32_MAX);
    assert_true(call_u64(&call, 1) == UINT64_C(1) << 63);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bounds_are_those_of_arithmetic_without_end),
        TEST(reads_what_is_there),
        TEST(writes_little_endian_and_nothing_beside),
        cmocka_unit_test(a_guest_without_memory_has_nothing),
        cmocka_unit_test(a_memory_of_four_gibibytes_has_all_addresses),
        cmocka_unit_test(arguments_keep_their_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
