/* Which release of wasi_experimental_http a module was built with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "imports/dialect.h"
#include "imports/registry.h"

#define HTTP "wasi_experimental_http"
#define FUNC(name, params)                                                                         \
    {                                                                                              \
        HTTP, name, EXTERN_FUNC, params, "i"                                                       \
    }

static void describe(const struct module_import *imports, uint32_t count,
                     struct dialect_report *report)
{
    static const struct module_export exports[] = {
        {.name = "_start", .params = "", .results = ""},
        {.name = "memory", .kind = EXTERN_MEMORY, .params = "", .results = ""},
    };
    const struct dialect_input input = {.imports = imports,
                                        .import_count = count,
                                        .exports = exports,
                                        .export_count = ARRAY_COUNT(exports),
                                        .offers = imports_offer};
    assert_int_equal(dialect_describe(&input, report), 0);
}

static void names_the_releases(void **state)
{
    (void)state;
    static const struct {
        struct module_import imports[2];
        const char *key;
        const char *releases;
    } rows[] = {
        {{FUNC("req", "iii"), FUNC("", "")}, "req-3", "14 February 2021"},
        {{FUNC("req", "iiiiiii"), FUNC("", "")}, "req-7", "24 February 2021"},
        {{FUNC("req", "iiiiiiii"), FUNC("", "")}, "req-8", "25 February 2021"},
        {{FUNC("req", "iiiiiiiiiiii"), FUNC("", "")}, "req-12", "25 February 2021"},
        {{FUNC("req", "iiiiiiiiiiii"), FUNC("close", "i")}, "req-12-handles", "January 2022"},
        {{FUNC("body_read", "iiii"), FUNC("req", "iiiiiiiiiiii")}, "req-12-handles", "TLS"},
        {{FUNC("req", "iiiiiiiiiiiiiii"), FUNC("", "")}, "req-15", "0.1.0, 0.1.1 or 0.2.0"},
        {{FUNC("req", "iiiiiiiiii"), FUNC("close", "i")}, "req-10", "0.3.0 to 0.10.0"},
        {{FUNC("req", "iiiiiiiiii"), FUNC("headers_get_all", "iiii")}, "req-10", "0.3.0 to 0.10.0"},
        {{FUNC("req", "iiiiiiiiii"), FUNC("header_get_all", "iiii")}, "req-10", "April 2021"},
        {{FUNC("req", "i"), FUNC("", "")}, "unknown", "no known release"},
        {{FUNC("close", "i"), FUNC("", "")}, "unknown", "no known release"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct dialect_report report;
        describe(rows[i].imports, rows[i].imports[1].name[0] != '\0' ? 2 : 1, &report);
        const struct dialect_http_abi *abi = dialect_http_abi(&report);
        assert_non_null(abi);
        assert_string_equal(abi->key, rows[i].key);
        assert_non_null(strstr(abi->releases, rows[i].releases));
        dialect_report_done(&report);
    }
}

/* All that is named a release is offered; what is not known is not. */
static void the_registry_has_them(void **state)
{
    (void)state;
    static const uint32_t counts[] = {3, 7, 8, 10, 12, 15};
    for (uint32_t params = 0; params <= 16; params++) {
        char types[17] = {0};
        memset(types, 'i', params);
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
            is_known = is_known || counts[i] == params;
        }
        const struct module_import req = FUNC("req", types);
        assert_int_equal(imports_offer(&req), is_known);
    }
}

static void asks_for_a_grant(void **state)
{
    (void)state;
    static const struct module_import imports[] = {FUNC("req", "iiiiiiiiii"), FUNC("close", "i")};
    struct dialect_report report;
    describe(imports, ARRAY_COUNT(imports), &report);
    assert_int_equal(report.role, ROLE_CLIENT);
    assert_int_equal(report.missing_count, 0);
    assert_int_equal(report.grant_count, 1);
    assert_string_equal(report.grants[0].option, "--allow-http");
    assert_string_equal(report.grants[0].value, "https://HOST");
    assert_true(report.grants[0].is_needed);
    assert_int_equal(dialect_problem(&report, &(struct dialect_start){.way = START_RUN}),
                     PROBLEM_NONE);
    dialect_report_done(&report);
}

static void others_have_none(void **state)
{
    (void)state;
    static const struct module_import import = {"wasi_snapshot_preview1", "fd_write", EXTERN_FUNC,
                                                "iiii", "i"};
    struct dialect_report report;
    describe(&import, 1, &report);
    assert_null(dialect_http_abi(&report));
    assert_int_equal(report.grant_count, 0);
    dialect_report_done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_releases),
        cmocka_unit_test(the_registry_has_them),
        cmocka_unit_test(asks_for_a_grant),
        cmocka_unit_test(others_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
