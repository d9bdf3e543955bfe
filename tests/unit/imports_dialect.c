/* What is read off imports and exports: who defines each import, which dialect, how it is entered,
 * what it needs, and the first cause when it cannot run. */
#include "imports/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define P1 "wasi_snapshot_preview1"
#define FUNC(module, name, params)                                                                 \
    {                                                                                              \
        module, name, EXTERN_FUNC, params, "i"                                                     \
    }
#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static const struct module_export start = {.name = "_start", .params = "", .results = ""};
static const struct module_export memory_export = {.name = "memory",
                                                   .kind = EXTERN_MEMORY,
                                                   .params = "",
                                                   .results = "",
                                                   .memory_pages = 2,
                                                   .memory_pages_max = UINT64_MAX};

/* A host that has all of preview 1 and of WasmEdge's calls, and nothing else. */
static bool offers(const struct module_import *import)
{
    enum dialect_source source = dialect_source_of(import, /* is_wamr */ false);
    return import->kind == EXTERN_FUNC &&
           (source == SOURCE_PREVIEW1 || source == SOURCE_PREVIEW1_SOCKETS ||
            source == SOURCE_WASMEDGE);
}

static bool offers_nothing(const struct module_import *import)
{
    (void)import;
    return false;
}

static void describe(const struct module_import *imports, uint32_t count,
                     struct dialect_report *report)
{
    static struct module_export exports[2];
    exports[0] = start;
    exports[1] = memory_export;
    const struct dialect_input input = {.imports = imports,
                                        .import_count = count,
                                        .exports = exports,
                                        .export_count = COUNT(exports),
                                        .offers = offers};
    assert_int_equal(dialect_describe(&input, report), 0);
}

static enum dialect_problem problem_of(const struct dialect_report *report, const char *invoke)
{
    const struct dialect_start run = {.way = START_RUN, .invoke = invoke};
    return dialect_problem(report, &run);
}

static bool has_grant(const struct dialect_report *report, const char *option, bool is_needed)
{
    for (uint32_t i = 0; i < report->grant_count; i++) {
        if (strcmp(report->grants[i].option, option) == 0) {
            assert_int_equal(report->grants[i].is_needed, is_needed);
            return true;
        }
    }
    return false;
}

/* -- one import ------------------------------------------------------------------------------- */

static void each_import_is_traced_to_its_source(void **state)
{
    static const struct {
        struct module_import import;
        enum dialect_source source;
    } rows[] = {
        {FUNC(P1, "fd_write", "iiii"), SOURCE_PREVIEW1},
        {FUNC(P1, "poll_oneoff", "iiii"), SOURCE_PREVIEW1},
        {FUNC(P1, "sock_accept", "iii"), SOURCE_PREVIEW1_SOCKETS},
        {FUNC(P1, "sock_recv", "iiiiii"), SOURCE_PREVIEW1_SOCKETS},
        {FUNC(P1, "sock_accept", "ii"), SOURCE_WASMEDGE},
        {FUNC(P1, "sock_open", "iii"), SOURCE_WASMEDGE},
        {FUNC(P1, "sock_open_v2", "iii"), SOURCE_WASMEDGE},
        {FUNC(P1, "sock_bind", "iii"), SOURCE_WASMEDGE},
        {FUNC(P1, "sock_recv_from", "iiiiiii"), SOURCE_WASMEDGE},
        {FUNC(P1, "sock_recv_from", "iiiiiiii"), SOURCE_WASMEDGE},
        {FUNC(P1, "epoll_oneoff", "iiii"), SOURCE_WASMEDGE},
        {FUNC(P1, "sock_send_to", "iiiiii"), SOURCE_WASMEDGE_2021},
        {FUNC(P1, "sock_open", "iiii"), SOURCE_WAMR},
        {FUNC(P1, "sock_bind", "ii"), SOURCE_WAMR},
        {FUNC(P1, "sock_set_reuse_addr", "ii"), SOURCE_WAMR},
        {FUNC(P1, "sock_addr_resolve", "iiiiii"), SOURCE_WAMR},
        {FUNC(P1, "sock_lookup_ip", "iii"), SOURCE_PREVIEW1_FOREIGN},
        {FUNC(P1, "_v2", "i"), SOURCE_PREVIEW1_FOREIGN},
        {FUNC(P1, "", ""), SOURCE_PREVIEW1_FOREIGN},
        {FUNC("wasi_unstable", "fd_write", "iiii"), SOURCE_PREVIEW0},
        {FUNC("wasi_unstable", "sock_close", "i"), SOURCE_WAMR},
        {FUNC("wasix_32v1", "sock_open", "iiii"), SOURCE_WASIX},
        {FUNC("wasix_64v1", "anything", ""), SOURCE_WASIX},
        {FUNC("wasi", "thread-spawn", "i"), SOURCE_WASI_THREADS},
        {FUNC("wasi_experimental_http", "req", "iii"), SOURCE_EXPERIMENTAL_HTTP},
        {FUNC("fastly_http_req", "new", "i"), SOURCE_FASTLY},
        {FUNC("extism:host/env", "input_length", ""), SOURCE_EXTISM},
        {FUNC("extism:host/user", "f", ""), SOURCE_EXTISM},
        {FUNC("env", "extism_alloc", "I"), SOURCE_EXTISM},
        {FUNC("env", "proxy_log", "iii"), SOURCE_PROXY_WASM},
        {FUNC("wasi-outbound-http", "request", ""), SOURCE_SPIN},
        {FUNC("spin-config", "get-config", ""), SOURCE_SPIN},
        {FUNC("fermyon:spin/variables", "get", ""), SOURCE_SPIN},
        {FUNC("wasmcloud:bus/lattice", "call", ""), SOURCE_WASMCLOUD},
        {FUNC("wapc", "__guest_request", "ii"), SOURCE_WASMCLOUD},
        {FUNC("lunatic::networking", "tcp_bind", ""), SOURCE_LUNATIC},
        {FUNC("gojs", "runtime.wasmExit", "i"), SOURCE_GO_JS},
        {FUNC("go", "runtime.wasmExit", "i"), SOURCE_GO_JS},
        {FUNC("__wbindgen_placeholder__", "__wbindgen_throw", "ii"), SOURCE_WASM_BINDGEN},
        {FUNC("wbg", "__wbg_log_1", "i"), SOURCE_WASM_BINDGEN},
        {FUNC("./app_bg.js", "f", "i"), SOURCE_WASM_BINDGEN},
        {FUNC("env", "emscripten_resize_heap", "i"), SOURCE_EMSCRIPTEN},
        {FUNC("env", "invoke_vii", "iii"), SOURCE_EMSCRIPTEN},
        {FUNC("env", "__cxa_throw", "iii"), SOURCE_EMSCRIPTEN},
        {FUNC("a", "b", "i"), SOURCE_EMSCRIPTEN},
        {FUNC("env", "abort", "iiii"), SOURCE_ASSEMBLYSCRIPT},
        {FUNC("wasi_ephemeral_nn", "load", "i"), SOURCE_WASI_PROPOSAL},
        {FUNC("wasmedge_process", "wasmedge_process_run", ""), SOURCE_WASMEDGE_PLUGIN},
        {FUNC("wasi:http/types@0.2.0", "f", "i"), SOURCE_COMPONENT},
        {FUNC("$root", "f", "i"), SOURCE_COMPONENT},
        {FUNC("[export]wasi:http/handler", "f", "i"), SOURCE_COMPONENT},
        {{"env", "memory", EXTERN_MEMORY, "", ""}, SOURCE_MEMORY},
        {{"env", "__stack_pointer", EXTERN_GLOBAL, "", ""}, SOURCE_DYNAMIC},
        {{"GOT.mem", "x", EXTERN_GLOBAL, "", ""}, SOURCE_DYNAMIC},
        {FUNC("env", "my_function", "i"), SOURCE_ENV},
        {FUNC("acme", "frobnicate", "i"), SOURCE_UNKNOWN},
        {FUNC("", "", ""), SOURCE_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum dialect_source source = dialect_source_of(&rows[i].import, /* is_wamr */ false);
        if (source != rows[i].source) {
            fail_msg("%s.%s: source %d, not %d", rows[i].import.module, rows[i].import.name,
                     (int)source, (int)rows[i].source);
        }
    }
}

static void every_source_has_its_words(void **state)
{
    (void)state;
    for (int source = 0; source < SOURCE_COUNT; source++) {
        const struct dialect_source_words *words =
            dialect_source_words((enum dialect_source)source);
        assert_non_null(words->key);
        assert_non_null(words->title);
        assert_true(strncmp(words->cause, "it ", 3) == 0);
        assert_true(strlen(words->advice) > 10);
        assert_null(strchr(words->cause, '\n'));
        for (int other = 0; other < source; other++) {
            assert_string_not_equal(words->key,
                                    dialect_source_words((enum dialect_source)other)->key);
        }
    }
}

/* -- servers and clients ---------------------------------------------------------------------- */

static void wasmedge_v1_server(void **state)
{
    static const struct module_import imports[] = {
        FUNC(P1, "fd_write", "iiii"),    FUNC(P1, "sock_open", "iii"),
        FUNC(P1, "sock_bind", "iii"),    FUNC(P1, "sock_listen", "ii"),
        FUNC(P1, "sock_accept", "ii"),   FUNC(P1, "sock_getpeeraddr", "iiii"),
        FUNC(P1, "sock_recv", "iiiiii"),
    };
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(report.wasmedge, WASMEDGE_V1);
    assert_int_equal(report.role, ROLE_SERVER_OWN);
    assert_int_equal(report.missing_count, 0);
    assert_int_equal(report.groups[SOURCE_WASMEDGE].count, 5);
    assert_int_equal(report.groups[SOURCE_PREVIEW1_SOCKETS].count, 1);
    assert_int_equal(report.groups[SOURCE_PREVIEW1].count, 1);
    assert_int_equal(report.entry, ENTRY_COMMAND);
    assert_true(has_grant(&report, "--allow-listen", true));
    assert_false(has_grant(&report, "--allow-connect", false));
    assert_int_equal(problem_of(&report, NULL), PROBLEM_NONE);
    dialect_report_done(&report);
}

static void wasmedge_v2_client(void **state)
{
    static const struct module_import imports[] = {
        FUNC(P1, "sock_open", "iii"),        FUNC(P1, "sock_connect", "iii"),
        FUNC(P1, "sock_getpeeraddr", "iii"), FUNC(P1, "sock_getaddrinfo", "iiiiiiii"),
        FUNC(P1, "path_open", "iiiiiIIii"),
    };
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(report.wasmedge, WASMEDGE_V2);
    assert_int_equal(report.role, ROLE_CLIENT);
    assert_true(has_grant(&report, "--allow-connect", true));
    assert_true(has_grant(&report, "--dir", false));
    assert_int_equal(report.grant_count, 2);
    dialect_report_done(&report);
}

static void both_forms_and_v2_by_name(void **state)
{
    static const struct module_import imports[] = {
        FUNC(P1, "sock_recv_from", "iiiiiii"),
        FUNC(P1, "sock_recv_from", "iiiiiiii"),
        FUNC(P1, "sock_open_v2", "iii"),
        FUNC(P1, "sock_bind_v2", "iii"),
    };
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(report.wasmedge, WASMEDGE_V1 | WASMEDGE_V2 | WASMEDGE_V2_EXPLICIT);
    assert_int_equal(report.role, ROLE_SERVER_OWN);
    dialect_report_done(&report);
}

static void calls_that_both_forms_share_name_no_form(void **state)
{
    static const struct module_import imports[] = {FUNC(P1, "sock_open", "iii"),
                                                   FUNC(P1, "sock_connect", "iii")};
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(report.wasmedge, 0);
    assert_int_equal(report.groups[SOURCE_WASMEDGE].count, 2);
    dialect_report_done(&report);
}

static void preopened_listener(void **state)
{
    static const struct module_import imports[] = {
        FUNC(P1, "sock_accept", "iii"), FUNC(P1, "fd_read", "iiii"), FUNC(P1, "fd_write", "iiii")};
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(report.wasmedge, 0);
    assert_int_equal(report.role, ROLE_SERVER_LISTENER);
    assert_true(has_grant(&report, "--tcplisten", true));
    assert_int_equal(problem_of(&report, NULL), PROBLEM_NONE);
    dialect_report_done(&report);
}

static void plain_command(void **state)
{
    static const struct module_import imports[] = {FUNC(P1, "fd_write", "iiii"),
                                                   FUNC(P1, "proc_exit", "i")};
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(report.role, ROLE_PLAIN);
    assert_int_equal(report.grant_count, 0);
    dialect_report_done(&report);
}

/* -- missing imports -------------------------------------------------------------------------- */

static void wamr_takes_the_shared_names_with_it(void **state)
{
    static const struct module_import imports[] = {
        FUNC(P1, "sock_open", "iiii"),        FUNC(P1, "sock_bind", "ii"),
        FUNC(P1, "sock_listen", "ii"),        FUNC(P1, "sock_accept", "ii"),
        FUNC(P1, "sock_recv_from", "iiiiii"), FUNC(P1, "fd_close", "i"),
    };
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(report.groups[SOURCE_WAMR].count, 5);
    assert_int_equal(report.groups[SOURCE_WASMEDGE].count, 0);
    assert_int_equal(report.wasmedge, 0);
    assert_int_equal(problem_of(&report, NULL), PROBLEM_IMPORTS);
    assert_int_equal(dialect_first_missing(&report), SOURCE_WAMR);
    dialect_report_done(&report);
}

static void six_parameters_are_wasmedges_beside_its_sock_open(void **state)
{
    static const struct module_import imports[] = {FUNC(P1, "sock_open", "iii"),
                                                   FUNC(P1, "sock_recv_from", "iiiiii")};
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(dialect_first_missing(&report), SOURCE_WASMEDGE_2021);
    assert_int_equal(report.groups[SOURCE_WAMR].count, 0);
    dialect_report_done(&report);
}

static void all_missing_imports_are_collected_and_the_telling_one_leads(void **state)
{
    static const struct module_import imports[] = {
        FUNC("acme", "a", "i"),          FUNC("env", "b", "i"),  FUNC(P1, "fd_write", "iiii"),
        FUNC("wasix_32v1", "fork", "i"), FUNC("acme", "c", "i"), FUNC(P1, "fd_teleport", "i"),
        FUNC("wasix_32v1", "exec", "i"),
    };
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), &report);
    assert_int_equal(report.import_count, 7);
    assert_int_equal(report.missing_count, 6);
    assert_int_equal(dialect_first_missing(&report), SOURCE_WASIX);
    assert_int_equal(report.groups[SOURCE_WASIX].missing, 2);
    assert_string_equal(report.groups[SOURCE_WASIX].imports[0]->name, "fork");
    assert_string_equal(report.groups[SOURCE_WASIX].imports[1]->name, "exec");
    assert_int_equal(report.groups[SOURCE_UNKNOWN].count, 2);
    assert_string_equal(report.groups[SOURCE_UNKNOWN].imports[1]->name, "c");
    assert_int_equal(report.role, ROLE_UNKNOWN);
    dialect_report_done(&report);
}

/* -- entry and memory ------------------------------------------------------------------------- */

static void describe_exports(const struct module_export *exports, uint32_t count,
                             struct dialect_report *report)
{
    static const struct module_import imports[] = {FUNC(P1, "proc_exit", "i")};
    const struct dialect_input input = {.imports = imports,
                                        .import_count = 1,
                                        .exports = exports,
                                        .export_count = count,
                                        .offers = offers};
    assert_int_equal(dialect_describe(&input, report), 0);
}

static void entries(void **state)
{
    static const struct module_export initialize = {
        .name = "_initialize", .params = "", .results = ""};
    static const struct module_export add = {.name = "add", .params = "ii", .results = "i"};
    static const struct module_export internal = {
        .name = "__wasm_call_ctors", .params = "", .results = ""};
    static const struct module_export bad_start = {.name = "_start", .params = "i", .results = ""};
    static const struct module_export global_start = {
        .name = "_start", .kind = EXTERN_GLOBAL, .params = "", .results = ""};
    const struct {
        struct module_export exports[3];
        uint32_t count;
        enum dialect_entry entry;
        enum dialect_problem problem;
    } rows[] = {
        {{start, add}, 2, ENTRY_COMMAND, PROBLEM_NONE},
        {{initialize, add}, 2, ENTRY_REACTOR, PROBLEM_NO_START},
        {{add}, 1, ENTRY_FUNCTIONS, PROBLEM_NO_START},
        {{initialize}, 1, ENTRY_NONE, PROBLEM_NO_FUNCTION},
        {{internal, memory_export}, 2, ENTRY_NONE, PROBLEM_NO_FUNCTION},
        {{bad_start, add}, 2, ENTRY_START_TYPE, PROBLEM_START_TYPE},
        {{global_start}, 1, ENTRY_START_TYPE, PROBLEM_START_TYPE},
        {{start}, 0, ENTRY_NONE, PROBLEM_NO_FUNCTION},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dialect_report report;
        describe_exports(rows[i].exports, rows[i].count, &report);
        assert_int_equal(report.entry, rows[i].entry);
        assert_int_equal(problem_of(&report, NULL), rows[i].problem);
        dialect_report_done(&report);
    }
}

static void invoke_asks_for_the_function(void **state)
{
    static const struct module_export exports[] = {
        {.name = "add", .params = "ii", .results = "i"},
        {.name = "table", .kind = EXTERN_TABLE, .params = "", .results = ""},
    };
    struct dialect_report report;
    (void)state;
    describe_exports(exports, COUNT(exports), &report);
    assert_int_equal(problem_of(&report, "add"), PROBLEM_NONE);
    assert_int_equal(problem_of(&report, "sub"), PROBLEM_NO_SUCH_FUNCTION);
    assert_int_equal(problem_of(&report, "table"), PROBLEM_NO_SUCH_FUNCTION);
    assert_int_equal(problem_of(&report, "_start"), PROBLEM_NO_SUCH_FUNCTION);
    dialect_report_done(&report);
}

static void memory_is_asked_for_when_a_call_reads_it(void **state)
{
    static const struct module_import needs[] = {FUNC(P1, "fd_write", "iiii")};
    static const struct module_import does_not[] = {FUNC(P1, "proc_exit", "i"),
                                                    FUNC(P1, "fd_close", "i")};
    struct dialect_report report;
    struct dialect_input input = {.imports = needs,
                                  .import_count = 1,
                                  .exports = &start,
                                  .export_count = 1,
                                  .offers = offers};
    (void)state;
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_int_equal(problem_of(&report, NULL), PROBLEM_NO_MEMORY);
    dialect_report_done(&report);
    input.imports = does_not;
    input.import_count = 2;
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_int_equal(problem_of(&report, NULL), PROBLEM_NONE);
    dialect_report_done(&report);
}

static void a_function_called_memory_is_no_memory(void **state)
{
    static const struct module_export exports[] = {{.name = "memory", .params = "", .results = ""}};
    struct dialect_report report;
    (void)state;
    describe_exports(exports, 1, &report);
    assert_null(report.memory);
    dialect_report_done(&report);
}

static void an_empty_module(void **state)
{
    const struct dialect_input input = {.offers = offers_nothing};
    struct dialect_report report;
    (void)state;
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_int_equal(problem_of(&report, NULL), PROBLEM_NO_FUNCTION);
    assert_int_equal(report.role, ROLE_PLAIN);
    dialect_report_done(&report);
    dialect_report_done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_import_is_traced_to_its_source),
        cmocka_unit_test(every_source_has_its_words),
        cmocka_unit_test(wasmedge_v1_server),
        cmocka_unit_test(wasmedge_v2_client),
        cmocka_unit_test(both_forms_and_v2_by_name),
        cmocka_unit_test(calls_that_both_forms_share_name_no_form),
        cmocka_unit_test(preopened_listener),
        cmocka_unit_test(plain_command),
        cmocka_unit_test(wamr_takes_the_shared_names_with_it),
        cmocka_unit_test(six_parameters_are_wasmedges_beside_its_sock_open),
        cmocka_unit_test(all_missing_imports_are_collected_and_the_telling_one_leads),
        cmocka_unit_test(entries),
        cmocka_unit_test(invoke_asks_for_the_function),
        cmocka_unit_test(memory_is_asked_for_when_a_call_reads_it),
        cmocka_unit_test(a_function_called_memory_is_no_memory),
        cmocka_unit_test(an_empty_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
