/* Endings, and lists in one text. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void an_ending_has_something_before_it(void **state)
{
    (void)state;
    assert_true(text_has_ending("a.wasm", ".wasm"));
    assert_false(text_has_ending(".wasm", ".wasm"));
    assert_false(text_has_ending("wasm", ".wasm"));
    assert_false(text_has_ending("a.wasmx", ".wasm"));
    assert_false(text_has_ending("", ".wasm"));
    assert_true(text_has_ending("a", ""));
    assert_false(text_has_ending("", ""));
}

static void every_part_comes_once(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *parts[4];
    } rows[] = {
        {"", {""}},
        {"a", {"a"}},
        {"a:", {"a", ""}},
        {":a", {"", "a"}},
        {"/usr/bin::/bin", {"/usr/bin", "", "/bin"}},
        {"a,b", {"a,b"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct span part;
        const char *list = rows[i].list;
        for (size_t j = 0; rows[i].parts[j] != NULL; j++) {
            assert_true(text_next_part(&list, ':', &part));
            assert_true(span_is(part, rows[i].parts[j]));
        }
        assert_false(text_next_part(&list, ':', &part));
        assert_null(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ending_has_something_before_it),
        cmocka_unit_test(every_part_comes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
