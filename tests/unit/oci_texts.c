/* runc.conf, places in JSON text, lines of a runtime's log. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "oci/json_text.h"
#include "oci/report.h"
#include "oci/settings.h"

static void reads_settings(void **state)
{
    struct oci_settings settings = {0};
    struct error err = {0};
    (void)state;
    assert_int_equal(oci_settings_parse(&settings,
                                        span_of("# comment\n\n real = /usr/sbin/runc \r\n"
                                                "host=/a b\nhost = /c\n\tshim=/x\ncache = none"),
                                        "f", &err),
                     0);
    assert_string_equal(settings.real, "/usr/sbin/runc");
    assert_string_equal(settings.host, "/c");
    assert_string_equal(settings.shim, "/x");
    oci_settings_done(&settings);
    assert_null(settings.real);
}

static void refuses_settings(void **state)
{
    static const char *const cases[][2] = {
        {"real", "f:1: a line is KEY = PATH, such as real = /usr/sbin/runc"},
        {"\nreal = runc", "f:2: a value is an absolute path"},
        {"real = none", "f:1: a value is an absolute path"},
        {"real =", "f:1: a value is an absolute path"},
        {"#\n#\nrael = /x", "f:3: the keys are real, shim, host and cache"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct oci_settings settings = {0};
        struct error err = {0};
        assert_int_equal(oci_settings_parse(&settings, span_of(cases[i][0]), "f", &err), -EINVAL);
        assert_string_equal(err.text, cases[i][1]);
        oci_settings_done(&settings);
    }
}

static void expect_member(const char *object, const char *key, const char *expected)
{
    struct span value;
    bool is_there = json_text_member(span_of(object), key, &value);
    assert_int_equal(is_there, expected != NULL);
    if (expected != NULL) {
        assert_true(span_is(value, expected));
    }
}

static void finds_members(void **state)
{
    (void)state;
    expect_member("{\"a\":1}", "a", "1");
    expect_member("{ \"b\" : [ {\"a\":2} , \"]\" ] ,\n\"a\"\t:\r{\"x\":\"}\\\"\"} }", "a",
                  "{\"x\":\"}\\\"\"}");
    expect_member("{\"a\":18446744073709551615,\"b\":null}", "b", "null");
    expect_member("{\"a\":\"\\\\\",\"b\":true }", "b", "true");
    expect_member("{\"x\":{\"a\":1}}", "a", NULL);
    expect_member("{\"a\":1,\"a\":2}", "a", NULL);
    expect_member("{\"\\u0061\":1}", "a", NULL);
    expect_member("{}", "a", NULL);
    expect_member("[\"a\"]", "a", NULL);
    expect_member("", "a", NULL);
    /* What no parser accepts ends somewhere all the same. */
    expect_member("{\"a\":{\"b\":", "a", NULL);
    expect_member("{\"a\":\"x", "a", NULL);
    expect_member("{\"a\":[\"x\\", "a", NULL);
    expect_member("{\"a\"", "a", NULL);
}

static void parses_one_value(void **state)
{
    static const char *const bad[] = {"",    "{",       "{} {}", "\"\\u0000\"", "{\"a\\u0000\":1}",
                                      "nul", "[\0371]", "\f1"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(json_text_parse(span_of(bad[i])));
    }
    assert_null(json_text_parse((struct span){(const uint8_t *)"1\0", 2}));
    struct cJSON *tree = json_text_parse(span_of("[\"\\\\u0000\"] \n"));
    assert_non_null(tree);
    cJSON_Delete(tree);
}

static void expect_line(bool is_json, const char *text, const char *expected)
{
    struct buffer line;
    buffer_init(&line, 4096);
    assert_int_equal(report_format(&line, is_json, text, 1700000000), 0);
    assert_string_equal(buffer_text(&line), expected);
    buffer_done(&line);
}

static void writes_the_log_as_runc_does(void **state)
{
    (void)state;
    expect_line(
        true, "no \"x\"\n",
        "{\"level\":\"error\",\"msg\":\"no \\\"x\\\"\\n\",\"time\":\"2023-11-14T22:13:20Z\"}\n");
    expect_line(false, "no \"x\"",
                "time=\"2023-11-14T22:13:20Z\" level=error msg=\"no \\\"x\\\"\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_settings),
        cmocka_unit_test(refuses_settings),
        cmocka_unit_test(finds_members),
        cmocka_unit_test(parses_one_value),
        cmocka_unit_test(writes_the_log_as_runc_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
