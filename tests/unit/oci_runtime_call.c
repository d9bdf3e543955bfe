/* The command lines that engines call runtimes with, and what a wrapper reads of them. */
#include "oci/runtime_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 32, TEXT_MAX = 512 };

/* Read a line, split at spaces; what is borrowed from it lives until the next one. */
static struct runtime_call read_line(const char *line)
{
    static char text[TEXT_MAX];
    char *argv[WORDS_MAX + 1] = {0};
    int argc = 0;
    char *save = NULL;
    struct runtime_call call;
    (void)snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
        assert_true(argc < WORDS_MAX);
        argv[argc] = word;
        argc++;
    }
    runtime_call_read(argc, argv, &call);
    return call;
}

static void expect_create(const char *line, const char *bundle, const char *log, bool is_json)
{
    struct runtime_call call = read_line(line);
    assert_true(call.is_create);
    assert_string_equal(call.bundle, bundle);
    assert_int_equal(call.log == NULL, log == NULL);
    if (log != NULL) {
        assert_string_equal(call.log, log);
    }
    assert_int_equal(call.is_log_json, is_json);
}

static void reads_how_engines_create(void **state)
{
    (void)state;
    expect_create("runc --root /r --log /b/log.json --log-format json --systemd-cgroup create "
                  "--bundle /b --pid-file /b/p --console-socket /s --no-pivot --no-new-keyring id",
                  "/b", "/b/log.json", true);
    expect_create("runc create --bundle /b --pid-file /p id", "/b", NULL, false);
    expect_create("crun --cgroup-manager cgroupfs --log-level=debug create -b /b id", "/b", NULL,
                  false);
    expect_create("runc --log-format=text --log=/l run id", ".", "/l", false);
}

static void takes_flags_in_all_their_forms(void **state)
{
    (void)state;
    expect_create("runc -log /l -log-format=json create -bundle=/b id", "/b", "/l", true);
    expect_create("runc create -b=/b id", "/b", NULL, false);
    expect_create("runc create --bundle=/a=b id", "/a=b", NULL, false);
    expect_create("crun create id --bundle /late", "/late", NULL, false);
    expect_create("runc create --bundle /one --bundle /two id", "/two", NULL, false);
    expect_create("runc --unknown --other=create create --unknown -b /b id", "/b", NULL, false);
}

static void reads_cruns_config(void **state)
{
    (void)state;
    struct runtime_call call = read_line("crun create --bundle /b --config /c/x.json id");
    assert_string_equal(call.config, "/c/x.json");
    call = read_line("crun run -f x.json id");
    assert_string_equal(call.config, "x.json");
    assert_null(read_line("runc run id").config);
}

static void leaves_all_other_commands(void **state)
{
    static const char *const lines[] = {
        "runc",
        "runc --version",
        "runc features",
        "runc --root create state id",
        "runc --root=/r start create",
        "runc kill --all id 9",
        "runc delete --force create",
        "runc exec --process create --detach --pid-file p id",
        "runc update --resources=- id",
        "runc -- create id",
        "runc - create",
        "runc --log",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_false(read_line(lines[i]).is_create);
    }
}

static void has_the_log_of_other_commands(void **state)
{
    (void)state;
    struct runtime_call call = read_line("runc --log /l --log-format json state id");
    assert_string_equal(call.log, "/l");
    assert_true(call.is_log_json);
}

static void reads_no_flags_behind_two_dashes(void **state)
{
    (void)state;
    expect_create("runc create -b /b -- --bundle /x", "/b", NULL, false);
    expect_create("runc create --bundle", ".", NULL, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_how_engines_create),
        cmocka_unit_test(takes_flags_in_all_their_forms),
        cmocka_unit_test(reads_cruns_config),
        cmocka_unit_test(leaves_all_other_commands),
        cmocka_unit_test(has_the_log_of_other_commands),
        cmocka_unit_test(reads_no_flags_behind_two_dashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
