/* The command line of `hythe serve`: each option stands for a key that exists and takes its value. */
#include "config/serve_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/serve.h"

/* The value of each row that has one, in the order of the table. */
static const char *const values[SERVE_OPTION_COUNT] = {
    ":80",      "c.pem",      "k.pem",
    "ca.pem",   "required",   ":9901",
    "a::b:ro",  "A=b",        "a.example",
    "db:5432",  NULL,         "a=10.0.0.1",
    "cgi",      "level=high", NULL,
    "64M",      "1s",         "1m",
    "64",       "1M",         "10",
    "100",      "1s",         "2s",
    "3s",       "4s",         "5s",
    "16K",      "64",         "4K",
    "100",      "10",         "32",
    "auto",     "10s",        "www-data",
    "www-data", NULL,         NULL,
    "-",        "json",       "http://127.0.0.1:4318",
    "d",        NULL,         "limits.head=8K",
    NULL,
};

static int parse(const char *const *words, int count, struct serve_options *options,
                 struct error *err)
{
    char *argv[2 * SERVE_OPTION_COUNT + 4] = {0};
    char name[] = "serve";
    char text[4096];
    size_t len = 0;
    static char kept[4096]; /* what the options borrow */
    assert_true(count < 2 * SERVE_OPTION_COUNT + 2);
    argv[0] = name;
    for (int i = 0; i < count; i++) {
        argv[i + 1] = kept + len;
        len += (size_t)snprintf(text + len, sizeof text - len, "%s", words[i]) + 1;
        assert_true(len < sizeof text);
    }
    memcpy(kept, text, len);
    *err = (struct error){0};
    return serve_options_parse(count + 1, argv, options, err);
}

static void every_option_sets_its_key(void **state)
{
    (void)state;
    for (size_t row = 0; row < SERVE_OPTION_COUNT; row++) {
        char word[64];
        struct serve_options o;
        struct error err;
        const char *words[] = {word, "m.wasm", NULL};
        (void)snprintf(word, sizeof word, "--%s%s%s", serve_option_table[row].name,
                       values[row] != NULL ? "=" : "", values[row] != NULL ? values[row] : "");
        assert_int_equal(values[row] != NULL, serve_option_table[row].placeholder != NULL);
        if (parse(words, 2, &o, &err) != 0) {
            fail_msg("%s: %s", word, err.text);
        }
        assert_string_equal(o.operand, "m.wasm");
        bool is_key = serve_option_key(row) != NULL;
        assert_int_equal(o.check, !is_key && !serve_option_is_assignment(row));
        assert_int_equal(o.values[row].count, o.check ? 0 : 1);
        if (is_key) {
            struct serve_config config;
            serve_config_init(&config);
            assert_int_equal(serve_config_add_module(&config, "m.wasm", &err), 0);
            if (serve_config_set(&config, serve_option_key(row), o.values[row].items[0], &err) !=
                0) {
                fail_msg("%s: %s", word, err.text);
            }
            serve_config_done(&config);
        }
        serve_options_done(&o);
    }
}

/* What help calls a default is one: setting it changes nothing. */
static void the_help_states_the_defaults(void **state)
{
    (void)state;
    unsigned count = 0;
    for (size_t row = 0; row < SERVE_OPTION_COUNT; row++) {
        const char *stated = strstr(serve_option_table[row].help, "Default ");
        char value[64] = "";
        struct error err = {0};
        struct serve_config before;
        struct serve_config set;
        struct serve_route route;
        if (stated == NULL || strcmp(serve_option_key(row), "listen") == 0) {
            continue;
        }
        stated += strlen("Default ");
        size_t len = strcspn(stated, ".: ");
        memcpy(value, stated, len);
        serve_config_init(&set);
        assert_int_equal(serve_config_add_module(&set, "m", &err), 0);
        memcpy(&route, set.routes, sizeof route);
        memcpy(&before, &set, sizeof before); /* padding, too */
        if (serve_config_set(&set, serve_option_key(row), value, &err) != 0) {
            fail_msg("--%s: %s", serve_option_table[row].name, err.text);
        }
        if (memcmp(&set, &before, sizeof set) != 0 ||
            memcmp(&route, set.routes, sizeof route) != 0) {
            fail_msg("--%s: %s is not its default", serve_option_table[row].name, value);
        }
        serve_config_done(&set);
        count++;
    }
    assert_true(count > 20);
}

static void words_that_are_refused(void **state)
{
    static const struct {
        const char *words[3];
        const char *error;
    } rows[] = {
        {{"--lissten=:80", "m"}, "unknown option '--lissten=:80'; did you mean --listen?"},
        {{"--grace=1", "--grace=2", "m"}, "option --grace is given twice; give it once"},
        {{"m", "n"}, "'n' is one argument too many; see 'hythe help serve'"},
        {{"--watch=1", "m"}, "option --watch takes no value"},
        {{"--user=", "m"}, "option --user: the value is empty"},
        {{"m", "--listen"}, "option --listen needs a value: --listen ADDR"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct serve_options o;
        struct error err;
        int count = rows[i].words[2] != NULL ? 3 : 2;
        assert_true(parse(rows[i].words, count, &o, &err) < 0);
        assert_string_equal(err.text, rows[i].error);
        assert_int_equal(err.exit, 2);
        serve_options_done(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_sets_its_key),
        cmocka_unit_test(the_help_states_the_defaults),
        cmocka_unit_test(words_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
