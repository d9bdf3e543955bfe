/* What is said of a module: exact text, JSON that parses, names that cannot steer a terminal,
 * commands that a shell reads as they are meant. */
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

#define P1 "wasi_snapshot_preview1"
#define FUNC(module, name, params)                                                                 \
    {                                                                                              \
        module, name, EXTERN_FUNC, params, "i"                                                     \
    }
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static const struct module_export command_exports[] = {
    {.name = "_start", .params = "", .results = ""},
    {.name = "memory",
     .kind = EXTERN_MEMORY,
     .params = "",
     .results = "",
     .memory_pages = 32,
     .memory_pages_max = 33},
};

static const struct module_import server_imports[] = {
    FUNC(P1, "fd_write", "iiii"),  FUNC(P1, "sock_open", "iii"),  FUNC(P1, "sock_bind", "iii"),
    FUNC(P1, "sock_listen", "ii"), FUNC(P1, "sock_accept", "ii"), FUNC(P1, "sock_connect", "iii"),
};

static const struct dialect_start any_start = {.way = START_ANY};

static bool offers(const struct module_import *import)
{
    return strcmp(import->module, P1) == 0 && strcmp(import->params, "F") != 0;
}

static void describe(const struct module_import *imports, uint32_t count,
                     struct dialect_report *report)
{
    const struct dialect_input input = {.imports = imports,
                                        .import_count = count,
                                        .exports = command_exports,
                                        .export_count = COUNT(command_exports),
                                        .offers = offers};
    assert_int_equal(dialect_describe(&input, report), 0);
}

static void explain(const struct module_import *imports, uint32_t count, const char *expected)
{
    struct dialect_report report;
    struct buffer out;
    describe(imports, count, &report);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_explain_unrunnable(&report, "m.wasm", &any_start, &out), 0);
    assert_string_equal(buffer_text(&out), expected);
    buffer_done(&out);
    dialect_report_done(&report);
}

/* -- text ------------------------------------------------------------------------------------- */

static void text_of_a_server(void **state)
{
    struct dialect_report report;
    struct buffer out;
    (void)state;
    describe(server_imports, COUNT(server_imports), &report);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_text(&report, "server.wasm", &out), 0);
    assert_string_equal(
        buffer_text(&out),
        "server.wasm\n"
        "  dialect     WasmEdge sockets v1, WASI preview 1\n"
        "  kind        a command (_start); a server: it opens its own sockets\n"
        "  memory      2 MiB at the start, at most 2112 KiB\n"
        "  imports     6, all of them offered\n"
        "    WasmEdge sockets           5  sock_open sock_bind sock_listen sock_accept "
        "sock_connect\n"
        "    WASI preview 1             1  fd_write\n"
        "  needs       --allow-listen :8080\n"
        "              it opens its own listening sockets; put its port for 8080\n"
        "  may want    --allow-connect HOST:PORT\n"
        "              it can connect or send to others\n"
        "  run it with hythe run --allow-listen :8080 server.wasm\n");
    assert_true(check_is_runnable(&report));
    buffer_done(&out);
    dialect_report_done(&report);
}

static void text_of_a_stranger(void **state)
{
    static const struct module_import imports[] = {FUNC("wasix_32v1", "fork", "i"),
                                                   FUNC(P1, "fd_write", "iiii")};
    struct dialect_report report;
    struct buffer out;
    (void)state;
    describe(imports, COUNT(imports), &report);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_text(&report, "x.wasm", &out), 0);
    assert_string_equal(
        buffer_text(&out),
        "x.wasm\n"
        "  dialect     WASIX, WASI preview 1\n"
        "  kind        a command (_start); what it does is not known\n"
        "  memory      2 MiB at the start, at most 2112 KiB\n"
        "  imports     2, of which hythe lacks 1, marked with !\n"
        "    WASIX                      1  wasix_32v1: !fork\n"
        "    WASI preview 1             1  fd_write\n"
        "  cannot run  it is built for WASIX, Wasmer's extension of WASI (imports wasix_32v1: "
        "fork),\n"
        "              which hythe does not speak; rebuild it for plain WASI (cargo build "
        "--target\n"
        "              wasm32-wasip1 and not cargo wasix; wasi-sdk and not wasix-libc), or run it "
        "with\n"
        "              Wasmer\n");
    assert_false(check_is_runnable(&report));
    buffer_done(&out);
    dialect_report_done(&report);
}

/* A library can be run, with --invoke: the function without parameters makes the example. */
static void text_of_a_library(void **state)
{
    static const struct module_export exports[] = {
        {.name = "add", .params = "ii", .results = "i"},
        {.name = "it's", .params = "", .results = ""},
    };
    const struct dialect_input input = {
        .exports = exports, .export_count = COUNT(exports), .offers = offers};
    struct dialect_report report;
    struct buffer out;
    (void)state;
    assert_int_equal(dialect_describe(&input, &report), 0);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_text(&report, "l.wasm", &out), 0);
    assert_string_equal(buffer_text(&out), "l.wasm\n"
                                           "  dialect     none: it imports nothing\n"
                                           "  kind        a library; uses no network\n"
                                           "  functions   add, it's\n"
                                           "  memory      none exported\n"
                                           "  imports     none\n"
                                           "  run it with hythe run --invoke 'it'\\''s' l.wasm\n");
    buffer_done(&out);
    dialect_report_done(&report);
}

static void lines_are_wrapped(void **state)
{
    enum { IMPORTS = 300 };
    static struct module_import imports[IMPORTS];
    static char names[IMPORTS][32];
    struct dialect_report report;
    struct buffer out;
    (void)state;
    for (int i = 0; i < IMPORTS; i++) {
        (void)snprintf(names[i], sizeof names[i], "function_number_%d", i);
        imports[i] = (struct module_import){"acme", names[i], EXTERN_FUNC, "", ""};
    }
    describe(imports, IMPORTS, &report);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_text(&report, "m.wasm", &out), 0);
    const char *text = buffer_text(&out);
    assert_non_null(strstr(text, "!function_number_299\n"));
    assert_non_null(strstr(text, "function_number_3 and"));
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1) {
        assert_true(strcspn(at, "\n") <= 96);
        assert_true(at == text || at[strcspn(at, "\n") - 1] != ' ');
    }
    buffer_done(&out);
    dialect_report_done(&report);
}

/* -- causes ----------------------------------------------------------------------------------- */

static void nothing_is_said_of_a_module_that_runs(void **state)
{
    (void)state;
    explain(server_imports, COUNT(server_imports), "");
}

static void a_wrong_type_is_shown(void **state)
{
    static const struct module_import imports[] = {FUNC(P1, "fd_seek", "F")};
    (void)state;
    explain(imports, 1,
            "it imports a function of WASI with a type that is not its own (imports "
            "wasi_snapshot_preview1: fd_seek (f64) -> (i32)), which hythe does not offer; rebuild "
            "it with a toolchain for wasm32-wasip1");
}

static void all_sources_of_missing_imports_are_explained(void **state)
{
    static const struct module_import imports[] = {
        FUNC("env", "a", ""), FUNC("env", "b", ""), FUNC("env", "c", ""),  FUNC("env", "d", ""),
        FUNC("env", "e", ""), FUNC("env", "f", ""), FUNC("acme", "x", ""), FUNC("edge", "y", ""),
    };
    (void)state;
    explain(imports, COUNT(imports),
            "it leaves functions to the program that embeds it, or they were not found when it was "
            "linked (imports env: a, b, c, d and 2 more), which hythe does not offer; link what "
            "defines them (wasm-ld --error-limit=0 without --allow-undefined names them), or run "
            "it with the program it was made for. Besides, it is made for a host that hythe does "
            "not know (imports acme: x; edge: y)");
}

static void names_cannot_steer_a_terminal(void **state)
{
    static const char wide[] = "012345678901234567890123456789012345678901234567890123456789abc";
    static const struct module_import imports[] = {FUNC("a\x1b[31m", "\n\r\t\\\x7f", ""),
                                                   FUNC("a\x1b[31m", "\xe2\x80\xae", ""),
                                                   FUNC("a\x1b[31m", wide, "")};
    (void)state;
    explain(imports, COUNT(imports),
            "it is made for a host that hythe does not know (imports a\\x1b[31m: "
            "\\x0a\\x0d\\x09\\x5c\\x7f, \\xe2\\x80\\xae, "
            "012345678901234567890123456789012345678901234567890123456789...), which hythe does "
            "not offer; run it with the program it was made for, or rebuild it for plain WASI "
            "(wasm32-wasip1)");
}

static void no_start_names_the_functions_and_invoke(void **state)
{
    static const struct module_export exports[] = {
        {.name = "f1", .params = "", .results = ""}, {.name = "f2", .params = "", .results = ""},
        {.name = "f3", .params = "", .results = ""}, {.name = "f4", .params = "", .results = ""},
        {.name = "f5", .params = "", .results = ""}, {.name = "f6", .params = "", .results = ""},
        {.name = "f7", .params = "", .results = ""}, {.name = "f8", .params = "", .results = ""},
        {.name = "f9", .params = "", .results = ""},
    };
    struct dialect_input input = {.exports = exports, .export_count = 2, .offers = offers};
    const struct dialect_start serve = {.way = START_SERVE};
    const struct dialect_start nix = {.way = START_RUN, .invoke = "nix\n"};
    struct dialect_report report;
    struct buffer out;
    (void)state;
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_int_equal(check_explain_unrunnable(&report, "m.wasm", &any_start, &out), 0);
    assert_string_equal(buffer_text(&out),
                        "it exports no _start, so it is a library and no command; call one of its "
                        "functions with --invoke: f1, f2");
    buffer_done(&out);
    assert_int_equal(check_explain_unrunnable(&report, "m.wasm", &serve, &out), 0);
    assert_string_equal(buffer_text(&out),
                        "it exports no _start, so it is a library and no command; name one of its "
                        "functions with the route's key entry: f1, f2");
    dialect_report_done(&report);
    buffer_done(&out);
    input.export_count = COUNT(exports);
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_int_equal(check_explain_unrunnable(&report, "m.wasm", &nix, &out), 0);
    assert_string_equal(buffer_text(&out),
                        "it exports no function called 'nix\\x0a'; call one of its functions with "
                        "--invoke: f1, f2, f3, f4, f5, f6, f7, f8 and 1 more");
    dialect_report_done(&report);
    buffer_done(&out);
}

static void a_full_buffer_is_an_error(void **state)
{
    struct dialect_report report;
    struct buffer out;
    (void)state;
    describe(server_imports, COUNT(server_imports), &report);
    buffer_init(&out, 16);
    assert_int_equal(check_text(&report, "x", &out), -EMSGSIZE);
    assert_int_equal(check_json(&report, "x", &out), -EMSGSIZE);
    buffer_done(&out);
    dialect_report_done(&report);
}

/* -- commands --------------------------------------------------------------------------------- */

static void paths_are_quoted_for_the_shell(void **state)
{
    static const struct {
        const char *path;
        const char *command;
    } rows[] = {
        {"dir/a-b_c.wasm", "hythe run dir/a-b_c.wasm"},
        {"with space.wasm", "hythe run 'with space.wasm'"},
        {"it's.wasm", "hythe run 'it'\\''s.wasm'"},
        {"$(reboot).wasm", "hythe run '$(reboot).wasm'"},
        {"-x.wasm", "hythe run -- -x.wasm"},
        {"~x", "hythe run '~x'"},
        {"", "hythe run ''"},
    };
    struct dialect_report report;
    (void)state;
    describe(NULL, 0, &report);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buffer out;
        buffer_init(&out, CHECK_TEXT_MAX);
        assert_int_equal(check_json(&report, rows[i].path, &out), 0);
        cJSON *root = cJSON_Parse(buffer_text(&out));
        assert_non_null(root);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "command")),
                            rows[i].command);
        cJSON_Delete(root);
        buffer_done(&out);
    }
    dialect_report_done(&report);
}

/* -- JSON ------------------------------------------------------------------------------------- */

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(object, key));
}

static cJSON *json_of(const struct module_import *imports, uint32_t count)
{
    struct dialect_report report;
    struct buffer out;
    describe(imports, count, &report);
    buffer_init(&out, CHECK_TEXT_MAX);
    assert_int_equal(check_json(&report, "m.wasm", &out), 0);
    assert_null(memchr(out.data, '\n', out.len));
    cJSON *root = cJSON_Parse(buffer_text(&out));
    assert_non_null(root);
    buffer_done(&out);
    dialect_report_done(&report);
    return root;
}

static void json_of_a_server(void **state)
{
    (void)state;
    cJSON *root = json_of(server_imports, COUNT(server_imports));
    assert_string_equal(text_of(root, "module"), "m.wasm");
    assert_string_equal(text_of(root, "form"), "core");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(root, "runnable")));
    assert_string_equal(text_of(root, "entry"), "command");
    assert_string_equal(text_of(root, "role"), "server-own-sockets");
    assert_string_equal(text_of(root, "command"), "hythe run --allow-listen :8080 m.wasm");
    assert_false(cJSON_HasObjectItem(root, "cause"));
    const cJSON *dialects = cJSON_GetObjectItem(root, "dialects");
    assert_int_equal(cJSON_GetArraySize(dialects), 2);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(dialects, 0)),
                        "wasmedge-sockets-v1");
    const cJSON *memory = cJSON_GetObjectItem(root, "memory");
    assert_int_equal(cJSON_GetObjectItem(memory, "pages")->valueint, 32);
    assert_int_equal(cJSON_GetObjectItem(memory, "pages_max")->valueint, 33);
    const cJSON *group = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "imports"), 0);
    assert_string_equal(text_of(group, "source"), "wasmedge-sockets");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(group, "imports")), 5);
    const cJSON *grant = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "grants"), 0);
    assert_string_equal(text_of(grant, "option"), "--allow-listen");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(grant, "needed")));
    cJSON_Delete(root);
}

static void json_of_a_stranger(void **state)
{
    static const struct module_import imports[] = {FUNC("\"\n\x01", "\\", "iI")};
    (void)state;
    cJSON *root = json_of(imports, 1);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(root, "runnable")));
    assert_false(cJSON_HasObjectItem(root, "command"));
    assert_non_null(strstr(text_of(root, "cause"), "a host that hythe does not know"));
    assert_int_equal(cJSON_GetObjectItem(root, "missing")->valueint, 1);
    const cJSON *group = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "imports"), 0);
    const cJSON *import = cJSON_GetArrayItem(cJSON_GetObjectItem(group, "imports"), 0);
    assert_string_equal(text_of(import, "module"), "\"\n\x01");
    assert_string_equal(text_of(import, "name"), "\\");
    assert_string_equal(text_of(import, "params"), "iI");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(import, "offered")));
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

/* Whatever allocation of cJSON fails, nothing is half written and nothing leaks. */
static void json_survives_every_failing_allocation(void **state)
{
    cJSON_Hooks hooks = {failing_malloc, free};
    struct dialect_report report;
    int r = -ENOMEM;
    (void)state;
    describe(server_imports, COUNT(server_imports), &report);
    cJSON_InitHooks(&hooks);
    for (unsigned n = 0; r == -ENOMEM; n++) {
        struct buffer out;
        assert_true(n < 10000);
        allocations_left = n;
        buffer_init(&out, CHECK_TEXT_MAX);
        r = check_json(&report, "m.wasm", &out);
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
        cmocka_unit_test(text_of_a_server),
        cmocka_unit_test(text_of_a_stranger),
        cmocka_unit_test(text_of_a_library),
        cmocka_unit_test(lines_are_wrapped),
        cmocka_unit_test(nothing_is_said_of_a_module_that_runs),
        cmocka_unit_test(a_wrong_type_is_shown),
        cmocka_unit_test(all_sources_of_missing_imports_are_explained),
        cmocka_unit_test(names_cannot_steer_a_terminal),
        cmocka_unit_test(no_start_names_the_functions_and_invoke),
        cmocka_unit_test(a_full_buffer_is_an_error),
        cmocka_unit_test(paths_are_quoted_for_the_shell),
        cmocka_unit_test(json_of_a_server),
        cmocka_unit_test(json_of_a_stranger),
        cmocka_unit_test(json_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
