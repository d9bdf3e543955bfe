/* proc_exit(rval): the guest ends, whatever the code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_call.h"

static void ends_the_guest_with_the_code(void **state)
{
    static const uint32_t codes[] = {0, 1, 125, 126, 255, 256, 0x7fffffff, 0x80000000, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct fake_guest *f = fake_guest_new();
        assert_false(f->guest.has_exited);
        assert_int_equal(fake_call(f, &preview1_process, "proc_exit", codes[i]), CALL_TRAP);
        assert_true(f->guest.has_exited);
        assert_int_equal(f->guest.exit_code, codes[i]);
        fake_guest_free(f);
    }
}

static void gives_no_value(void **state)
{
    (void)state;
    assert_string_equal(fake_row(&preview1_process, "proc_exit", "i")->results, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_the_guest_with_the_code),
        cmocka_unit_test(gives_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
