/* Lists of owned strings. */
#include "base/strings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void owns_copies_in_order(void **state)
{
    struct strings list = {0};
    char text[32];
    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof text, "item %d", i);
        assert_int_equal(strings_add(&list, text), 0);
    }
    assert_int_equal(list.count, 100);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof text, "item %d", i);
        assert_string_equal(list.items[i], text);
    }
    strings_done(&list);
}

static void is_usable_again_after_done(void **state)
{
    struct strings list = {0};
    (void)state;
    strings_done(&list);
    assert_int_equal(strings_add(&list, ""), 0);
    strings_done(&list);
    assert_int_equal(list.count, 0);
    assert_int_equal(strings_add(&list, "x"), 0);
    assert_string_equal(list.items[0], "x");
    strings_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owns_copies_in_order),
        cmocka_unit_test(is_usable_again_after_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
