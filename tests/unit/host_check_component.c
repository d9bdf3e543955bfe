/* What is said of a component: exact text, JSON that parses, and the sentence for each way in which it
 * cannot be started. */
#include "host/check.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define INTERFACE(module)                                                                          \
    {                                                                                              \
        module, "", EXTERN_INTERFACE, "", ""                                                       \
    }
#define INNER(module, name)                                                                        \
    {                                                                                              \
        module, name, EXTERN_FUNC, "", ""                                                          \
    }
#define EXPORT(name_)                                                                              \
    {                                                                                              \
        .name = (name_), .kind = EXTERN_INTERFACE, .params = "", .results = ""                     \
    }

#define OUTGOING "wasi:http/outgoing-handler@0.2.10"
#define EXIT "wasi:cli/exit@0.2.3"

static const struct module_export handler[] = {EXPORT("wasi:http/incoming-handler@0.2.10"),
                                               EXPORT("wasi:cli/run@0.2.0")};
static const struct module_export command[] = {EXPORT("wasi:cli/run@0.2.0")};

static const struct module_import good_imports[] = {
    INTERFACE("wasi:io/poll@0.2.12"), INNER("wasi:io/poll@0.2.12", "poll"), INTERFACE(OUTGOING),
    INNER(OUTGOING, "handle"),        INTERFACE("wasi:io/error@0.2.12"),
};

/* A host that has all of WASI 0.2 but functions whose names begin with "new-". */
static bool offers(const struct module_import *import)
{
    return dialect_source_of_interface(import->module) == SOURCE_P2 &&
           strncmp(import->name, "new-", 4) != 0;
}

static struct dialect_input input_of(const struct module_import *imports, uint32_t count)
{
    return (struct dialect_input){.imports = imports,
                                  .import_count = count,
                                  .exports = command,
                                  .export_count = 1,
                                  .offers = offers,
                                  .is_component = true};
}

static void expect_text(const struct dialect_input *input, const char *expected)
{
    struct dialect_report report;
    struct buffer out;
    assert_int_equal(dialect_describe(input, &report), 0);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_text(&report, "c.wasm", &out), 0);
    assert_string_equal(buffer_text(&out), expected);
    buffer_done(&out);
    dialect_report_done(&report);
}

static void expect_cause(const struct dialect_input *input, const struct dialect_start *start,
                         const char *expected)
{
    struct dialect_report report;
    struct buffer out;
    assert_int_equal(dialect_describe(input, &report), 0);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_explain_unrunnable(&report, "it's.wasm", start, &out), 0);
    assert_string_equal(buffer_text(&out), expected);
    buffer_done(&out);
    dialect_report_done(&report);
}

static const struct dialect_start any_start = {.way = START_ANY};
static const struct dialect_start run_start = {.way = START_RUN};
static const struct dialect_start serve_start = {.way = START_SERVE};

/* -- text ------------------------------------------------------------------------------------- */

static void text_of_what_serves_and_runs(void **state)
{
    struct dialect_input input = input_of(good_imports, COUNT(good_imports));
    (void)state;
    input.exports = handler;
    input.export_count = 2;
    expect_text(&input,
                "c.wasm\n"
                "  dialect     component, WASI 0.2\n"
                "  made for    WASI 0.2.10, 0.2.12, 0.2.0\n"
                "  kind        answers HTTP requests (wasi:http/incoming-handler) and is a command "
                "(wasi:cli/run)\n"
                "  can         make HTTP requests\n"
                "  exports     wasi:http/incoming-handler@0.2.10 wasi:cli/run@0.2.0\n"
                "  imports     3, all of them offered\n"
                "    wasi:http@0.2.10           1  outgoing-handler\n"
                "    wasi:io@0.2.12             2  poll error\n"
                "  may want    --allow-http https://HOST\n"
                "              it can make HTTP requests; put the host they go to for HOST, and "
                "repeat it for\n"
                "              more\n"
                "  run it with hythe serve c.wasm\n"
                "  or with     hythe run c.wasm\n");
}

/* Interfaces and functions that are lacking, packages too long for their column, no package. */
static void text_of_a_stranger(void **state)
{
    static const struct module_import imports[] = {
        INTERFACE("wasi:http/types@0.2.0-rc-2023-11-10"),
        INNER("wasi:http/types@0.2.0-rc-2023-11-10", "f"),
        INTERFACE(EXIT),
        INNER(EXIT, "exit"),
        INNER(EXIT, "new-exit"),
        {"log", "", EXTERN_FUNC, "", ""},
    };
    struct dialect_input input = input_of(imports, COUNT(imports));
    (void)state;
    expect_text(&input,
                "c.wasm\n"
                "  dialect     component, WASI 0.2 (November 2023), plain imports, WASI 0.2\n"
                "  made for    WASI 0.2.0-rc-2023-11-10, 0.2.3, 0.2.0\n"
                "  kind        a command (wasi:cli/run)\n"
                "  exports     wasi:cli/run@0.2.0\n"
                "  imports     3, of which hythe lacks 3 or a part, marked with !\n"
                "    wasi:http@0.2.0-rc-2023-11-10\n"
                "                               1  !types\n"
                "    in no interface            1  !log\n"
                "    wasi:cli@0.2.3             1  exit !exit.new-exit\n"
                "  cannot run  it is built for the release candidate of WASI 0.2 of 10 November "
                "2023, that of\n"
                "              Wasmtime 15 (imports wasi:http/types@0.2.0-rc-2023-11-10), which "
                "hythe does not\n"
                "              speak; rebuild it with tools of 2024 or newer, which make WASI 0.2 "
                "itself (Rust:\n"
                "              --target wasm32-wasip2; JavaScript: a current componentize-js; C "
                "and others: a\n"
                "              current wit-bindgen). Besides, it imports functions that belong to "
                "no interface\n"
                "              (imports log). Besides, it uses something of WASI 0.2 that this "
                "version of hythe\n"
                "              has not (imports wasi:cli/exit@0.2.3: new-exit). With "
                "--stub-unknown it starts all\n"
                "              the same, and traps when it calls any of it\n");
}

static void names_cannot_steer_a_terminal(void **state)
{
    static const struct module_import imports[] = {INTERFACE("a\x1b:b/c\n@1"),
                                                   INNER("a\x1b:b/c\n@1", "\x07"),
                                                   {"\x1b[31m", "", EXTERN_FUNC, "", ""}};
    struct dialect_input input = input_of(imports, COUNT(imports));
    struct dialect_report report;
    struct buffer out;
    (void)state;
    assert_int_equal(dialect_describe(&input, &report), 0);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_text(&report, "c.wasm", &out), 0);
    assert_null(memchr(out.data, 0x1b, out.len));
    assert_null(memchr(out.data, 0x07, out.len));
    assert_non_null(strstr(buffer_text(&out), "!c\\x0a"));
    buffer_done(&out);
    dialect_report_done(&report);
}

static void many_names_are_wrapped(void **state)
{
    enum { IMPORTS = 300 };
    static struct module_import imports[IMPORTS];
    static char names[IMPORTS][64];
    struct dialect_input input = input_of(imports, IMPORTS);
    struct dialect_report report;
    struct buffer out;
    (void)state;
    for (int i = 0; i < IMPORTS; i++) {
        (void)snprintf(names[i], sizeof names[i], "docs:many/interface-number-%d@0.1.0", i);
        imports[i] = (struct module_import)INTERFACE(names[i]);
    }
    input.is_scanned = true;
    assert_int_equal(dialect_describe(&input, &report), 0);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_text(&report, "c.wasm", &out), 0);
    const char *text = buffer_text(&out);
    assert_non_null(strstr(text, "!interface-number-299\n"));
    assert_non_null(strstr(text, "interface-number-3@0.1.0 and")); /* and 296 more */
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1) {
        assert_true(strcspn(at, "\n") <= 96);
        assert_true(at == text || at[strcspn(at, "\n") - 1] != ' ');
    }
    buffer_done(&out);
    dialect_report_done(&report);
}

/* -- causes ----------------------------------------------------------------------------------- */

static void each_wrong_start_names_the_right_one(void **state)
{
    const struct dialect_start invoke = {.way = START_RUN, .invoke = "f"};
    struct dialect_input input = input_of(NULL, 0);
    (void)state;
    expect_cause(&input, &run_start, "");
    expect_cause(&input, &serve_start,
                 "it is a command (exports wasi:cli/run@0.2.0) and answers no HTTP requests; start "
                 "it with: hythe run 'it'\\''s.wasm'");
    expect_cause(&input, &invoke,
                 "it is a component, and --invoke calls functions of core modules only; leave "
                 "--invoke out, and hythe run calls wasi:cli/run, hythe serve "
                 "wasi:http/incoming-handler");
    input.exports = handler;
    expect_cause(&input, &serve_start, "");
    expect_cause(&input, &run_start,
                 "it answers HTTP requests (exports wasi:http/incoming-handler@0.2.10) and is no "
                 "command; start it with: hythe serve 'it'\\''s.wasm'");
}

static void entries_of_other_hosts_are_explained_as_their_imports_are(void **state)
{
    static const struct module_export p3[] = {EXPORT("wasi:http/handler@0.3.0")};
    static const struct module_export spin[] = {EXPORT("fermyon:spin/inbound-redis")};
    struct dialect_input input = input_of(NULL, 0);
    (void)state;
    input.exports = p3;
    expect_cause(&input, &serve_start,
                 "it is built for WASI 0.3 (exports wasi:http/handler@0.3.0), which hythe does not "
                 "call; rebuild it for WASI 0.2, or run it with Wasmtime 46 or newer (wasmtime "
                 "serve, wasmtime run) until hythe has it");
    input.exports = spin;
    expect_cause(&input, &any_start,
                 "it is built for Spin (exports fermyon:spin/inbound-redis), which hythe does not "
                 "call; run it with spin up, or rebuild it for wasi:http 0.2 without Spin's SDK");
}

static void libraries_are_explained(void **state)
{
    static const struct module_export own[] = {EXPORT("docs:adder/add@0.1.0"), EXPORT("sub")};
    struct dialect_input input = input_of(NULL, 0);
    (void)state;
    input.exports = own;
    input.export_count = 2;
    expect_cause(
        &input, &any_start,
        "it exports neither wasi:http/incoming-handler nor wasi:cli/run of WASI 0.2, so it "
        "is a library for other components (exports docs:adder/add@0.1.0, sub); compose it "
        "with one that uses it: wac plug --plug THIS.wasm OTHER.wasm -o WHOLE.wasm");
    input.export_count = 0;
    expect_cause(
        &input, &run_start,
        "it is a component that exports nothing, so there is nothing to start; build it for the "
        "world wasi:http/proxy or wasi:cli/command of WASI 0.2");
}

/* Stubs are spoken of only where they would help. */
static void what_is_missing_is_named_by_interface_and_function(void **state)
{
    static const struct module_import imports[] = {
        INTERFACE(EXIT),
        INNER(EXIT, "new-1"),
        INNER(EXIT, "new-2"),
        INNER(EXIT, "new-3"),
        INNER(EXIT, "new-4"),
        INNER(EXIT, "new-5"),
        INTERFACE("wasi:cli/later@0.2.3"),
        INNER("wasi:cli/later@0.2.3", "new-1"),
    };
    struct dialect_input input = input_of(imports, COUNT(imports));
    (void)state;
    input.export_count = 0;
    expect_cause(&input, &any_start,
                 "it uses something of WASI 0.2 that this version of hythe has not (imports "
                 "wasi:cli/exit@0.2.3: new-1, new-2, new-3, new-4 and 1 more; "
                 "wasi:cli/later@0.2.3: new-1), which hythe does not offer; see whether a newer "
                 "hythe has it, or rebuild it without");
}

static void an_error_of_linking_gets_our_words(void **state)
{
    struct error err = {0};
    (void)state;
    (void)error_set(&err, -ENOTSUP, "expected 1-tuple");
    assert_int_equal(check_explain_link(&err), -ENOTSUP);
    assert_int_equal(err.exit, 126);
    assert_string_equal(err.text,
                        "it imports an interface of hythe's with types that are not its own; "
                        "rebuild it against the interface as WASI 0.2 has it. The engine says: "
                        "expected 1-tuple");
    assert_int_equal(check_explain_link(NULL), -ENOTSUP);
}

/* -- JSON ------------------------------------------------------------------------------------- */

static const char *text_at(const cJSON *object, const char *key, int index)
{
    return cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(object, key), index));
}

static cJSON *json_of(const struct dialect_input *input)
{
    struct dialect_report report;
    struct buffer out;
    assert_int_equal(dialect_describe(input, &report), 0);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_json(&report, "c.wasm", &out), 0);
    cJSON *root = cJSON_Parse(buffer_text(&out));
    assert_non_null(root);
    buffer_done(&out);
    dialect_report_done(&report);
    return root;
}

static void json_of_what_serves_and_runs(void **state)
{
    struct dialect_input input = input_of(good_imports, COUNT(good_imports));
    (void)state;
    input.exports = handler;
    input.export_count = 2;
    cJSON *root = json_of(&input);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "form")), "component");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "entry")),
                        "http-handler-and-command");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(root, "runnable")));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "command")),
                        "hythe serve c.wasm");
    assert_string_equal(text_at(root, "commands", 0), "hythe serve c.wasm");
    assert_string_equal(text_at(root, "commands", 1), "hythe run c.wasm");
    assert_string_equal(text_at(root, "dialects", 1), "wasi-0.2");
    assert_string_equal(text_at(root, "releases", 1), "0.2.12");
    assert_string_equal(text_at(root, "abilities", 0), "http-requests");
    assert_string_equal(text_at(root, "exports", 1), "wasi:cli/run@0.2.0");
    assert_false(cJSON_HasObjectItem(root, "memory"));
    cJSON_Delete(root);
}

static void json_of_a_stranger(void **state)
{
    static const struct module_import imports[] = {INTERFACE(EXIT), INNER(EXIT, "exit"),
                                                   INNER(EXIT, "new-exit")};
    struct dialect_input input = input_of(imports, COUNT(imports));
    (void)state;
    cJSON *root = json_of(&input);
    const cJSON *group = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "imports"), 0);
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(group, "imports"), 0);
    assert_int_equal(cJSON_GetObjectItem(root, "missing")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(group, "missing")->valueint, 1);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(row, "module")), EXIT);
    assert_string_equal(text_at(row, "functions", 0), "exit");
    assert_string_equal(text_at(row, "missing", 0), "new-exit");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(row, "offered")));
    assert_false(cJSON_HasObjectItem(root, "command"));
    assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(root, "cause")), "new-exit"));
    cJSON_Delete(root);
}

/* Allocations left until one fails; cJSON's hooks take no argument. */
static unsigned allocations_left;

static void *failing_malloc(size_t size)
{
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left--;
    return malloc(size);
}

static void json_survives_every_failing_allocation(void **state)
{
    cJSON_Hooks hooks = {failing_malloc, free};
    const struct dialect_input input = input_of(good_imports, COUNT(good_imports));
    struct dialect_report report;
    int r = -ENOMEM;
    (void)state;
    assert_int_equal(dialect_describe(&input, &report), 0);
    cJSON_InitHooks(&hooks);
    for (unsigned n = 0; r == -ENOMEM; n++) {
        struct buffer out;
        assert_true(n < 10000);
        allocations_left = n;
        buffer_init(&out, CHECK_TEXT_MAX);
        r = check_json(&report, "c.wasm", &out);
        assert_true(r == 0 || (r == -ENOMEM && out.len == 0));
        buffer_done(&out);
    }
    cJSON_InitHooks(NULL);
    assert_int_equal(r, 0);
    dialect_report_done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_what_serves_and_runs),
        cmocka_unit_test(text_of_a_stranger),
        cmocka_unit_test(names_cannot_steer_a_terminal),
        cmocka_unit_test(many_names_are_wrapped),
        cmocka_unit_test(each_wrong_start_names_the_right_one),
        cmocka_unit_test(entries_of_other_hosts_are_explained_as_their_imports_are),
        cmocka_unit_test(libraries_are_explained),
        cmocka_unit_test(what_is_missing_is_named_by_interface_and_function),
        cmocka_unit_test(an_error_of_linking_gets_our_words),
        cmocka_unit_test(json_of_what_serves_and_runs),
        cmocka_unit_test(json_of_a_stranger),
        cmocka_unit_test(json_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
