/* wasi:cli/environment and exit, and wasi:config: texts that are UTF-8 and such that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/strings.h"
#include "base/utf8.h"
#include "fake_component.h"
#include "imports/wasi_cli/cli.h"
#include "imports/wasi_config/config.h"

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

static void expect_list(const struct component_list *list, const char *const *texts, size_t slots)
{
    size_t count = 0;
    for (; texts[count] != NULL; count++) {
        assert_true(count < list->count * slots);
        struct span got = list->items[count].bytes;
        assert_true(utf8_is_valid(got));
        assert_int_equal(got.len, strlen(texts[count]));
        assert_true(span_is(got, texts[count]));
    }
    assert_int_equal(count, list->count * slots);
}

static void get(struct fake_component *f, const char *name)
{
    assert_int_equal(fake_component_call(f, &wasi_cli_environment, name, NULL, 0), 0);
}

static void arguments_are_given_in_order(void **state)
{
    struct fake_component *f = *state;
    static const char *const none[] = {NULL};
    static const char *const all[] = {"hello.wasm", "", "-x=1", "\xc3\xa4\xf0\x9f\x98\x80", NULL};
    get(f, "get-arguments");
    expect_list(&f->results[0].list, none, 1);
    for (size_t i = 0; all[i] != NULL; i++) {
        assert_int_equal(guest_add_arg(&f->guest, all[i]), 0);
    }
    get(f, "get-arguments");
    expect_list(&f->results[0].list, all, 1);
}

static void what_is_not_utf8_is_mended(void **state)
{
    struct fake_component *f = *state;
    static const struct {
        const char *is;
        const char *becomes;
    } cases[] = {
        {"\xff", "\xef\xbf\xbd"},
        {"a\xc3", "a\xef\xbf\xbd"},
        {"\xc3(", "\xef\xbf\xbd("},
        {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"ok\xe2\x82\xac\x80ok", "ok\xe2\x82\xac\xef\xbf\xbdok"},
    };
    const char *expected[ARRAY_COUNT(cases) + 2] = {"before"};
    assert_int_equal(guest_add_arg(&f->guest, "before"), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(guest_add_arg(&f->guest, cases[i].is), 0);
        expected[i + 1] = cases[i].becomes;
    }
    get(f, "get-arguments");
    expect_list(&f->results[0].list, expected, 1);
}

static void variables_are_pairs(void **state)
{
    struct fake_component *f = *state;
    static const char *const pairs[] = {"PATH",         "/bin",          "EMPTY", "", "X",
                                        "a=b=c",        "NOTHING",       "",      "", "odd",
                                        "\xef\xbf\xbd", "v\xef\xbf\xbd", NULL};
    static const char *const lines[] = {"PATH=/bin", "EMPTY=", "X=a=b=c",
                                        "NOTHING",   "=odd",   "\xff=v\xfe"};
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        assert_int_equal(guest_add_env(&f->guest, lines[i]), 0);
    }
    get(f, "get-environment");
    expect_list(&f->results[0].list, pairs, 2);
    get(f, "get-environment");
    expect_list(&f->results[0].list, pairs, 2);
}

static void there_is_no_working_directory(void **state)
{
    struct fake_component *f = *state;
    get(f, "initial-cwd");
    assert_int_equal(f->results[0].number, 0);
}

static void exits_end_the_guest_with_a_code(void **state)
{
    struct fake_component *f = *state;
    static const struct {
        const char *name;
        uint32_t arg;
        uint32_t code;
    } cases[] = {
        {"exit", 0, 0}, {"exit", 1, 1}, {"exit-with-code", 0, 0}, {"exit-with-code", 255, 255}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        f->guest.has_exited = false;
        f->guest.exit_code = 99;
        assert_int_equal(
            component_fake_call(f, &wasi_cli_exit, cases[i].name, NUMBER(cases[i].arg)), CALL_TRAP);
        assert_true(f->guest.has_exited);
        assert_int_equal(f->guest.exit_code, cases[i].code);
        assert_string_equal(fake_component_reason(f), ""); /* nothing bad has happened */
    }
}

/* -- wasi:config ------------------------------------------------------------------------------ */

static void get_setting(struct fake_component *f, const char *name)
{
    assert_int_equal(component_fake_call(f, &wasi_config_store, "get", TEXT(name)), 0);
    assert_int_equal(f->results[0].number, 0);
}

static void expect_setting(struct fake_component *f, const char *name, const char *value)
{
    get_setting(f, name);
    assert_int_equal(f->results[1].number, 1);
    assert_true(span_is(f->results[2].bytes, value));
}

static void without_settings_there_is_none(void **state)
{
    struct fake_component *f = *state;
    static const char *const none[] = {NULL};
    get_setting(f, "a");
    assert_int_equal(f->results[1].number, 0);
    assert_int_equal(fake_component_call(f, &wasi_config_runtime, "get-all", NULL, 0), 0);
    assert_int_equal(f->results[0].number, 0);
    expect_list(&f->results[1].list, none, 2);
}

static void settings_are_found_by_name(void **state)
{
    struct fake_component *f = *state;
    static const char *const all[] = {"a", "1", "bad", "\xef\xbf\xbd", "empty", "", "a", "2", NULL};
    struct strings pairs = {0};
    assert_int_equal(strings_add(&pairs, "a=1"), 0);
    assert_int_equal(strings_add(&pairs, "bad=\xff"), 0);
    assert_int_equal(strings_add(&pairs, "empty="), 0);
    assert_int_equal(strings_add(&pairs, "a=2"), 0);
    f->guest.config_pairs = &pairs;
    expect_setting(f, "a", "2");
    expect_setting(f, "empty", "");
    expect_setting(f, "bad", "\xef\xbf\xbd");
    get_setting(f, "a=1");
    assert_int_equal(f->results[1].number, 0);
    get_setting(f, "");
    assert_int_equal(f->results[1].number, 0);
    assert_int_equal(fake_component_call(f, &wasi_config_store, "get-all", NULL, 0), 0);
    expect_list(&f->results[1].list, all, 2);
    f->guest.config_pairs = NULL;
    strings_done(&pairs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arguments_are_given_in_order),
        TEST(what_is_not_utf8_is_mended),
        TEST(variables_are_pairs),
        TEST(there_is_no_working_directory),
        TEST(exits_end_the_guest_with_a_code),
        TEST(without_settings_there_is_none),
        TEST(settings_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
