/* proc_raise(sig): what the signal does by default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_call.h"

enum { LAST_SIGNAL = 30 };

static int32_t raise_in_new_guest(uint32_t signal, uint32_t *ret_exit_code)
{
    struct fake_guest *f = fake_guest_new();
    int32_t answer = fake_call(f, &preview1_process, "proc_raise", signal);
    assert_int_equal(f->guest.has_exited, answer == CALL_TRAP);
    *ret_exit_code = f->guest.exit_code;
    fake_guest_free(f);
    return answer;
}

static int32_t expected(uint32_t signal)
{
    static const uint32_t ignored[] = {0, 16 /* CHLD */, 17 /* CONT */, 22 /* URG */,
                                       27 /* WINCH */};
    static const uint32_t stopping[] = {18 /* STOP */, 19 /* TSTP */, 20 /* TTIN */, 21 /* TTOU */};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        if (ignored[i] == signal) {
            return WASI_ESUCCESS;
        }
    }
    for (size_t i = 0; i < sizeof stopping / sizeof stopping[0]; i++) {
        if (stopping[i] == signal) {
            return WASI_ENOTSUP;
        }
    }
    return CALL_TRAP;
}

static void each_signal_does_its_default(void **state)
{
    (void)state;
    for (uint32_t signal = 0; signal <= LAST_SIGNAL; signal++) {
        uint32_t exit_code = 0;
        assert_int_equal(raise_in_new_guest(signal, &exit_code), expected(signal));
        assert_int_equal(exit_code, expected(signal) == CALL_TRAP ? 128 + signal : 0);
    }
}

static void other_numbers_are_invalid(void **state)
{
    static const uint32_t bad[] = {LAST_SIGNAL + 1, 64, 0x7fffffff, 0x80000000, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t exit_code = 0;
        assert_int_equal(raise_in_new_guest(bad[i], &exit_code), WASI_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_signal_does_its_default),
        cmocka_unit_test(other_numbers_are_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
