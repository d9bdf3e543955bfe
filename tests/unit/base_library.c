/* Libraries that are opened when needed. */
#include "base/library.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct table {
    double (*square_root)(double x);
    double (*floor)(double x);
};

static const struct library_function functions[] = {
    {"sqrt", offsetof(struct table, square_root)},
    {"floor", offsetof(struct table, floor)},
};

static void the_table_is_filled(void **state)
{
    const struct library library = {"libm.so.6", "libc6", "A test", functions, 2};
    struct table table = {NULL, NULL};
    struct error err = {0};
    (void)state;
    assert_int_equal(library_open(&library, &table, &err), 0);
    assert_true(table.square_root(9.0) == 3.0);
    assert_true(table.floor(2.5) == 2.0);
    assert_int_equal(library_open(&library, &table, &err), 0); /* again is harmless */
    assert_int_equal(err.code, 0);
}

static void a_library_that_is_not_there_is_named(void **state)
{
    const struct library library = {"libnone.so.9", "libnone9", "A test", functions, 2};
    struct table table = {NULL, NULL};
    struct error err = {0};
    (void)state;
    assert_int_equal(library_open(&library, &table, &err), -ENOENT);
    assert_memory_equal(err.text, "A test needs libnone.so.9: install the package libnone9", 55);
    assert_null(table.floor);
}

static void a_function_that_is_not_there_is_named(void **state)
{
    static const struct library_function none[] = {{"no_such", 0}};
    const struct library library = {"libm.so.6", "libc6", "A test", none, 1};
    struct table table = {NULL, NULL};
    struct error err = {0};
    (void)state;
    assert_int_equal(library_open(&library, &table, &err), -ENOENT);
    assert_non_null(strstr(err.text, "libm.so.6 is too old: it has no no_such"));
    assert_null(table.square_root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_filled),
        cmocka_unit_test(a_library_that_is_not_there_is_named),
        cmocka_unit_test(a_function_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
