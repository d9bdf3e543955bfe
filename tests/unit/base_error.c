/* Errors with a sentence: the words, the codes, and texts that do not fit. */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_keeps_code_and_text(void **state)
{
    struct error err = {0};
    (void)state;
    assert_int_equal(error_set(&err, -EINVAL, "%s is %d", "this", 7), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_int_equal(err.exit, 0);
    assert_string_equal(err.text, "this is 7");
}

static void set_errno_adds_the_systems_words(void **state)
{
    struct error err = {0};
    (void)state;
    assert_int_equal(error_set_errno(&err, -ENOENT, "opening %s", "x"), -ENOENT);
    assert_int_equal(err.code, -ENOENT);
    assert_string_equal(err.text, "opening x: No such file or directory");
}

static void nobody_has_to_listen(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, -EIO, "x"), -EIO);
    assert_int_equal(error_set_errno(NULL, -EIO, "x"), -EIO);
    assert_true(error_wrap(NULL, "x") < 0);
    assert_true(error_set_exit(NULL, 3) < 0);
}

static void wrap_puts_context_in_front(void **state)
{
    struct error err = {0};
    (void)state;
    (void)error_set(&err, -EPERM, "inner");
    assert_int_equal(error_wrap(&err, "outer %d", 1), -EPERM);
    assert_string_equal(err.text, "outer 1: inner");
    assert_int_equal(error_wrap(&err, "further out"), -EPERM);
    assert_string_equal(err.text, "further out: outer 1: inner");
}

static void exit_code_is_kept_beside(void **state)
{
    struct error err = {0};
    (void)state;
    (void)error_set(&err, -EPERM, "inner");
    assert_int_equal(error_set_exit(&err, 126), -EPERM);
    assert_int_equal(err.exit, 126);
    assert_int_equal(error_wrap(&err, "o"), -EPERM);
    assert_int_equal(err.exit, 126);
}

static void what_does_not_fit_is_cut_and_terminated(void **state)
{
    static char text[2 * ERROR_TEXT_MAX];
    struct error err = {0};
    (void)state;
    memset(text, 'x', sizeof text - 1);
    (void)error_set(&err, -EIO, "%s", text);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    (void)error_wrap(&err, "context");
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 1);
    assert_int_equal(strncmp(err.text, "context: xxx", 12), 0);
    (void)error_wrap(&err, "%s", text);
    assert_true(strlen(err.text) < ERROR_TEXT_MAX);
    (void)error_set_errno(&err, -EIO, "%s", text);
    assert_true(strlen(err.text) < ERROR_TEXT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_keeps_code_and_text),
        cmocka_unit_test(set_errno_adds_the_systems_words),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(wrap_puts_context_in_front),
        cmocka_unit_test(exit_code_is_kept_beside),
        cmocka_unit_test(what_does_not_fit_is_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
