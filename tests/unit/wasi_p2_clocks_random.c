/* wasi:clocks and wasi:random. Timers are tested with wasi:io/poll. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "fake_component.h"
#include "imports/wasi_clocks/clocks.h"
#include "imports/wasi_random/random.h"

static int setup(void **state)
{
    *state = fake_component_new();
    return 0;
}

static int teardown(void **state)
{
    fake_component_free(*state);
    return 0;
}

static void call(struct fake_component *f, const struct component_interface *interface,
                 const char *name)
{
    assert_int_equal(fake_component_call(f, interface, name, NULL, 0), 0);
}

static void the_monotonic_clock_goes_on(void **state)
{
    struct fake_component *f = *state;
    uint64_t before = loop_clock_ns();
    call(f, &wasi_clocks_monotonic_clock, "now");
    uint64_t first = f->results[0].number;
    call(f, &wasi_clocks_monotonic_clock, "now");
    assert_true(before <= first && first <= f->results[0].number);
    call(f, &wasi_clocks_monotonic_clock, "resolution");
    assert_true(f->results[0].number >= 1 && f->results[0].number < 1000000000);
}

static void the_wall_clock_is_the_hosts(void **state)
{
    struct fake_component *f = *state;
    uint64_t before = (uint64_t)time(NULL);
    call(f, &wasi_clocks_wall_clock, "now");
    /* time() may lag behind by a tick of the kernel's */
    assert_true(f->results[0].number + 1 >= before && f->results[0].number <= before + 3600);
    assert_true(f->results[1].number < 1000000000);
    call(f, &wasi_clocks_wall_clock, "resolution");
    assert_int_equal(f->results[0].number, 0);
    assert_true(f->results[1].number >= 1 && f->results[1].number < 1000000000);
}

static const struct {
    const struct component_interface *interface;
    const char *bytes;
    const char *number;
} kinds[] = {
    {&wasi_random, "get-random-bytes", "get-random-u64"},
    {&wasi_random_insecure, "get-insecure-random-bytes", "get-insecure-random-u64"},
};

static void as_many_bytes_as_were_asked_for(void **state)
{
    struct fake_component *f = *state;
    static const size_t lens[] = {0, 1, 16, 255, 256, 257, 100000, WASI_RANDOM_MAX};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
            assert_int_equal(
                component_fake_call(f, kinds[k].interface, kinds[k].bytes, NUMBER(lens[i])), 0);
            assert_int_equal(f->results[0].bytes.len, lens[i]);
        }
    }
}

/* Every byte has its turn: what was not filled in would show. */
static void no_byte_is_always_the_same(void **state)
{
    struct fake_component *f = *state;
    uint8_t changed[64] = {0};
    uint8_t last[64] = {0};
    for (int round = 0; round < 8; round++) {
        assert_int_equal(
            component_fake_call(f, &wasi_random, "get-random-bytes", NUMBER(sizeof last)), 0);
        for (size_t i = 0; i < sizeof last; i++) {
            changed[i] |= last[i] ^ f->results[0].bytes.data[i];
            last[i] = f->results[0].bytes.data[i];
        }
    }
    for (size_t i = 0; i < sizeof changed; i++) {
        assert_int_not_equal(changed[i], 0);
    }
}

static void more_than_the_host_wants_to_hold_traps(void **state)
{
    struct fake_component *f = *state;
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(
            component_fake_call(f, kinds[k].interface, kinds[k].bytes, NUMBER(WASI_RANDOM_MAX + 1)),
            CALL_TRAP);
        assert_non_null(
            strstr(fake_component_reason(f), "1048577 bytes, of 1048576 that one call may"));
        assert_int_equal(
            component_fake_call(f, kinds[k].interface, kinds[k].bytes, NUMBER(UINT64_MAX)),
            CALL_TRAP);
    }
}

/* A large answer does not stay with the guest. */
static void memory_of_a_large_answer_is_given_back(void **state)
{
    struct fake_component *f = *state;
    for (int how = 0; how < 2; how++) {
        assert_int_equal(
            component_fake_call(f, &wasi_random, "get-random-bytes", NUMBER(WASI_RANDOM_MAX)), 0);
        assert_true(f->guest.scratch.cap >= WASI_RANDOM_MAX);
        if (how == 0) {
            assert_int_equal(component_fake_call(f, &wasi_random, "get-random-bytes", NUMBER(16)),
                             0);
        } else {
            component_trim(&f->guest); /* as when it waits, and at its end */
        }
        assert_true(f->guest.scratch.cap <= 4096);
    }
}

static void numbers_differ(void **state)
{
    struct fake_component *f = *state;
    for (size_t k = 0; k < 2; k++) {
        call(f, kinds[k].interface, kinds[k].number);
        uint64_t first = f->results[0].number;
        call(f, kinds[k].interface, kinds[k].number);
        assert_int_not_equal(f->results[0].number, first);
    }
    call(f, &wasi_random_insecure_seed, "insecure-seed");
    uint64_t seed = f->results[0].number;
    assert_int_not_equal(seed, f->results[1].number);
    call(f, &wasi_random_insecure_seed, "insecure-seed");
    assert_int_not_equal(f->results[0].number, seed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_monotonic_clock_goes_on),
        TEST(the_wall_clock_is_the_hosts),
        TEST(as_many_bytes_as_were_asked_for),
        TEST(no_byte_is_always_the_same),
        TEST(more_than_the_host_wants_to_hold_traps),
        TEST(memory_of_a_large_answer_is_given_back),
        TEST(numbers_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
