/* What is read off a component's imports and exports: who defines each interface, its world, what it
 * can do and may want, what of it is lacking, and why it cannot be started in which way. */
#include "imports/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#define HANDLER "wasi:http/incoming-handler@0.2.3"
#define RUN "wasi:cli/run@0.2.0"

/* A host that has all of WASI 0.2 but functions whose names begin with "new-". */
static bool offers(const struct module_import *import)
{
    return dialect_source_of_interface(import->module) == SOURCE_P2 &&
           strncmp(import->name, "new-", 4) != 0;
}

static void describe(const struct module_import *imports, uint32_t count, const char *export,
                     struct dialect_report *report)
{
    static struct module_export exports[1];
    exports[0] = (struct module_export)EXPORT(export);
    const struct dialect_input input = {.imports = imports,
                                        .import_count = count,
                                        .exports = exports,
                                        .export_count = export != NULL ? 1 : 0,
                                        .offers = offers,
                                        .is_component = true};
    assert_int_equal(dialect_describe(&input, report), 0);
    assert_int_equal(report->form, MODULE_COMPONENT);
}

static enum dialect_problem started(const struct dialect_report *report, int way)
{
    struct dialect_start start = {.way = START_ANY};
    start.way = way == START_RUN ? START_RUN : way == START_SERVE ? START_SERVE : START_ANY;
    return dialect_problem(report, &start);
}

/* -- one name --------------------------------------------------------------------------------- */

static void each_interface_is_traced_to_its_source(void **state)
{
    static const struct {
        const char *name;
        enum dialect_source source;
    } rows[] = {
        {"wasi:http/types@0.2.0", SOURCE_P2},
        {"wasi:io/poll@0.2.12", SOURCE_P2},
        {"wasi:clocks/timezone@0.2.99", SOURCE_P2},
        {"wasi:http/types@0.2.0-rc-2023-10-18", SOURCE_P2_OCTOBER},
        {"wasi:cli/run@0.2.0-rc-2023-11-10", SOURCE_P2_NOVEMBER},
        {"wasi:io/streams@0.2.0-rc-2023-12-05", SOURCE_P2_DECEMBER},
        {"wasi:io/streams@0.2.0-rc-2023-12-06", SOURCE_P2_OTHER},
        {"wasi:io/streams@0.2.1-dev", SOURCE_P2_OTHER},
        {"wasi:io/streams@0.1.0", SOURCE_P2_OTHER},
        {"wasi:io/streams@1.0.0", SOURCE_P2_OTHER},
        {"wasi:io/streams@", SOURCE_P2_OTHER},
        {"wasi:http/types", SOURCE_P2_OTHER},
        {"wasi:poll/poll", SOURCE_P2_OTHER},
        {"wasi:cli-base/exit", SOURCE_P2_OTHER},
        {"wasi:http/handler@0.3.0", SOURCE_P3},
        {"wasi:cli/run@0.3.1", SOURCE_P3},
        {"wasi:http/types@0.3.0-rc-2026-03-15", SOURCE_P3_RC},
        {"wasi:nn/graph@0.2.0-rc-2024-10-28", SOURCE_WASI_NN},
        {"wasi:tls/types@0.3.0-draft", SOURCE_WASI_TLS},
        {"wasi:keyvalue/store@0.2.0-draft", SOURCE_WASI_KEYVALUE},
        {"wasi:keyvalue/eventual@0.1.0", SOURCE_WASI_KEYVALUE},
        {"wasi:config/runtime@0.2.0-draft", SOURCE_WASI_CONFIG},
        {"wasi:logging/logging", SOURCE_WASI_LOGGING},
        {"wasi:blobstore/container@0.2.0-draft", SOURCE_WASI_BLOBSTORE},
        {"wasi:messaging/consumer@0.2.0", SOURCE_WASI_MESSAGING},
        {"wasi:sql/query@0.1.0", SOURCE_WASI_SQL},
        {"wasi:webgpu/webgpu@0.0.1", SOURCE_WASI_OTHER},
        {"fermyon:spin/config", SOURCE_SPIN_COMPONENT},
        {"fermyon:spin/sqlite@2.0.0", SOURCE_SPIN_COMPONENT},
        {"spin:postgres/postgres@4.0.0", SOURCE_SPIN_COMPONENT},
        {"wasmcloud:bus/lattice@1.0.0", SOURCE_WASMCLOUD_COMPONENT},
        {"fastly:compute/http-req", SOURCE_FASTLY_COMPONENT},
        {"docs:adder/add@0.1.0", SOURCE_PACKAGE},
        {"docs:adder/add", SOURCE_PACKAGE},
        {"unlocked-dep=<docs:adder>", SOURCE_PACKAGE},
        {"host-log", SOURCE_ROOT},
        {"", SOURCE_ROOT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum dialect_source source = dialect_source_of_interface(rows[i].name);
        if (source != rows[i].source) {
            fail_msg("%s: source %d, not %d", rows[i].name, (int)source, (int)rows[i].source);
        }
    }
}

/* -- worlds ----------------------------------------------------------------------------------- */

static void each_world_is_told_with_the_ways_to_start_it(void **state)
{
    static const struct {
        const char *export;
        enum dialect_entry entry;
        enum dialect_problem any;
        enum dialect_problem run;
        enum dialect_problem serve;
    } rows[] = {
        {HANDLER, ENTRY_HANDLER, PROBLEM_NONE, PROBLEM_HANDLER_ONLY, PROBLEM_NONE},
        {RUN, ENTRY_COMMAND, PROBLEM_NONE, PROBLEM_NONE, PROBLEM_COMMAND_ONLY},
        {"wasi:http/incoming-handler@0.2.0-rc-2023-11-10", ENTRY_FOREIGN, PROBLEM_FOREIGN_ENTRY,
         PROBLEM_FOREIGN_ENTRY, PROBLEM_FOREIGN_ENTRY},
        {"wasi:http/handler@0.3.0", ENTRY_FOREIGN, PROBLEM_FOREIGN_ENTRY, PROBLEM_FOREIGN_ENTRY,
         PROBLEM_FOREIGN_ENTRY},
        {"fermyon:spin/inbound-http", ENTRY_FOREIGN, PROBLEM_FOREIGN_ENTRY, PROBLEM_FOREIGN_ENTRY,
         PROBLEM_FOREIGN_ENTRY},
        {"wasi:http/types@0.2.0", ENTRY_LIBRARY, PROBLEM_LIBRARY, PROBLEM_LIBRARY, PROBLEM_LIBRARY},
        {"wasi:cli/runner@0.2.0", ENTRY_LIBRARY, PROBLEM_LIBRARY, PROBLEM_LIBRARY, PROBLEM_LIBRARY},
        {"docs:adder/add@0.1.0", ENTRY_LIBRARY, PROBLEM_LIBRARY, PROBLEM_LIBRARY, PROBLEM_LIBRARY},
        {NULL, ENTRY_NONE, PROBLEM_LIBRARY, PROBLEM_LIBRARY, PROBLEM_LIBRARY},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dialect_report report;
        describe(NULL, 0, rows[i].export, &report);
        assert_int_equal(report.entry, rows[i].entry);
        assert_int_equal(started(&report, START_ANY), rows[i].any);
        assert_int_equal(started(&report, START_RUN), rows[i].run);
        assert_int_equal(started(&report, START_SERVE), rows[i].serve);
        dialect_report_done(&report);
    }
}

static void what_is_both_can_be_started_both_ways(void **state)
{
    static const struct module_export exports[] = {EXPORT("fermyon:spin/inbound-redis"),
                                                   EXPORT(HANDLER), EXPORT(RUN)};
    const struct dialect_input input = {
        .exports = exports, .export_count = 3, .offers = offers, .is_component = true};
    const struct dialect_start invoke = {.way = START_RUN, .invoke = "run"};
    struct dialect_report report;
    (void)state;
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_int_equal(report.entry, ENTRY_HANDLER_AND_COMMAND);
    assert_int_equal(started(&report, START_RUN), PROBLEM_NONE);
    assert_int_equal(started(&report, START_SERVE), PROBLEM_NONE);
    assert_int_equal(dialect_problem(&report, &invoke), PROBLEM_INVOKE);
    report.refusal = "no";
    assert_int_equal(started(&report, START_RUN), PROBLEM_TYPES);
    dialect_report_done(&report);
}

/* -- imports ---------------------------------------------------------------------------------- */

/* Interfaces are counted, by source and within it by package and version, whatever their order. */
static void interfaces_are_grouped(void **state)
{
    static const struct module_import imports[] = {
        INTERFACE("wasi:io/poll@0.2.0"),    INNER("wasi:io/poll@0.2.0", "poll"),
        INTERFACE("wasi:cli/exit@0.2.0"),   INNER("wasi:cli/exit@0.2.0", "exit"),
        INTERFACE("wasi:io/error@0.2.12"),  INTERFACE("docs:b/x@0.1.0"),
        INNER("docs:b/x@0.1.0", "f"),       INNER("docs:b/x@0.1.0", "g"),
        INTERFACE("wasi:io/error@0.2.0"),   INTERFACE("docs:a/x@0.1.0"),
        INNER("docs:a/x@0.1.0", "f"),       {"log", "", EXTERN_FUNC, "", ""},
        INTERFACE("wasi:nn/graph@0.2.0"),   INNER("wasi:nn/graph@0.2.0", "load"),
        INTERFACE("wasi:cli/stdin@0.2.12"),
    };
    static const char *const order[] = {
        "wasi:nn/graph@0.2.0",  "docs:a/x@0.1.0",
        "docs:b/x@0.1.0",       "log",
        "wasi:cli/exit@0.2.0",  "wasi:cli/stdin@0.2.12",
        "wasi:io/poll@0.2.0",   "wasi:io/error@0.2.0",
        "wasi:io/error@0.2.12",
    };
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), RUN, &report);
    assert_int_equal(report.import_count, COUNT(order));
    for (uint32_t i = 0; i < COUNT(order); i++) {
        assert_string_equal(report.imports[i]->module, order[i]);
    }
    assert_int_equal(report.missing_count, 4);
    assert_int_equal(report.groups[SOURCE_PACKAGE].count, 2);
    assert_int_equal(report.groups[SOURCE_PACKAGE].missing, 2);
    assert_ptr_equal(report.groups[SOURCE_P2].imports[0], &imports[2]);
    assert_int_equal(report.groups[SOURCE_P2].missing, 0);
    assert_int_equal(dialect_first_missing(&report), SOURCE_WASI_NN);
    assert_int_equal(dialect_inner_of(&report, &imports[5]).count, 2);
    assert_int_equal(dialect_inner_of(&report, &imports[14]).count, 0);
    dialect_report_done(&report);
}

static void a_known_interface_can_lack_a_function(void **state)
{
    static const struct module_import imports[] = {
        INTERFACE("wasi:cli/exit@0.2.99"),
        INNER("wasi:cli/exit@0.2.99", "exit"),
        INNER("wasi:cli/exit@0.2.99", "new-exit"),
    };
    const struct dialect_start stubbed = {.way = START_RUN, .stub_unknown = true};
    struct dialect_report report;
    (void)state;
    describe(imports, 2, RUN, &report);
    assert_false(dialect_lacks(&report, &imports[0]));
    assert_int_equal(started(&report, START_RUN), PROBLEM_NONE);
    dialect_report_done(&report);
    describe(imports, 3, RUN, &report);
    assert_true(dialect_lacks(&report, &imports[0]));
    assert_int_equal(started(&report, START_RUN), PROBLEM_IMPORTS);
    assert_int_equal(dialect_problem(&report, &stubbed), PROBLEM_NONE);
    dialect_report_done(&report);
}

/* Such an import is linked with nothing. */
static void an_interface_of_types_only_is_never_lacking(void **state)
{
    static const struct module_import imports[] = {INTERFACE("docs:types/t@0.1.0")};
    struct dialect_report report;
    (void)state;
    describe(imports, 1, RUN, &report);
    assert_int_equal(report.missing_count, 0);
    assert_int_equal(started(&report, START_RUN), PROBLEM_NONE);
    dialect_report_done(&report);
}

/* Of one that was not compiled only the interfaces are known; it cannot be stubbed either. */
static void a_scanned_component_is_judged_by_its_interfaces(void **state)
{
    static const struct module_import imports[] = {INTERFACE("wasi:http/types@0.3.0"),
                                                   INTERFACE("wasi:io/poll@0.2.0")};
    static const struct module_export exports[] = {EXPORT("wasi:http/handler@0.3.0")};
    struct dialect_input input = {.imports = imports,
                                  .import_count = 2,
                                  .offers = offers,
                                  .is_component = true,
                                  .is_scanned = true};
    const struct dialect_start stubbed = {.way = START_ANY, .stub_unknown = true};
    struct dialect_report report;
    (void)state;
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_int_equal(report.missing_count, 1);
    assert_int_equal(dialect_problem(&report, &stubbed), PROBLEM_IMPORTS);
    assert_true(dialect_explains_refusal(&report));
    dialect_report_done(&report);
    input.imports = &imports[1];
    input.import_count = 1;
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_false(dialect_explains_refusal(&report));
    dialect_report_done(&report);
    input.exports = exports;
    input.export_count = 1;
    assert_int_equal(dialect_describe(&input, &report), 0);
    assert_true(dialect_explains_refusal(&report));
    dialect_report_done(&report);
}

static void each_release_is_named_once(void **state)
{
    static const struct module_import imports[] = {
        INTERFACE("wasi:io/poll@0.2.10"), INTERFACE("wasi:random/random@0.2.12"),
        INTERFACE("wasi:io/error@0.2.10"), INTERFACE("docs:adder/add@9.9.9"),
        INTERFACE("wasi:nn/graph@8.8.8")};
    const char *releases[DIALECT_RELEASES_MAX];
    struct dialect_report report;
    (void)state;
    describe(imports, COUNT(imports), RUN, &report);
    assert_int_equal(dialect_releases(&report, releases), 3);
    assert_string_equal(releases[0], "0.2.10");
    assert_string_equal(releases[1], "0.2.12");
    assert_string_equal(releases[2], "0.2.0");
    dialect_report_done(&report);
}

static void more_releases_than_there_is_room_for(void **state)
{
    enum { IMPORTS = 40 };
    static struct module_import imports[IMPORTS];
    static char names[IMPORTS][32];
    const char *releases[DIALECT_RELEASES_MAX];
    struct dialect_report report;
    (void)state;
    for (int i = 0; i < IMPORTS; i++) {
        (void)snprintf(names[i], sizeof names[i], "wasi:io/poll@0.2.%d", i);
        imports[i] = (struct module_import)INTERFACE(names[i]);
    }
    describe(imports, IMPORTS, RUN, &report);
    assert_int_equal(dialect_releases(&report, releases), DIALECT_RELEASES_MAX);
    dialect_report_done(&report);
}

/* -- abilities and grants --------------------------------------------------------------------- */

static const struct dialect_grant *grant(const struct dialect_report *report, const char *option)
{
    for (uint32_t i = 0; i < report->grant_count; i++) {
        if (strcmp(report->grants[i].option, option) == 0) {
            return &report->grants[i];
        }
    }
    return NULL;
}

static void each_ability_is_told_by_the_function_that_gives_it(void **state)
{
    static const struct {
        const char *interface;
        const char *function;
        unsigned ability;
        const char *option;
    } rows[] = {
        {"wasi:http/outgoing-handler@0.2.0", "handle", ABILITY_HTTP, "--allow-http"},
        {"wasi:http/outgoing-handler@0.2.0", "request-options", 0, NULL},
        {"wasi:http/outgoing-handler-2@0.2.0", "handle", 0, NULL},
        {"wasi:filesystem/preopens@0.2.1", "get-directories", ABILITY_FILES, "--dir"},
        {"wasi:sockets/tcp@0.2.0", "[method]tcp-socket.start-connect", ABILITY_CONNECT,
         "--allow-connect"},
        {"wasi:sockets/tcp@0.2.0", "[method]tcp-socket.start-listen", ABILITY_LISTEN,
         "--allow-listen"},
        {"wasi:sockets/tcp@0.2.0", "[method]tcp-socket.subscribe", 0, NULL},
        {"wasi:sockets/udp@0.2.0", "[method]udp-socket.stream", ABILITY_UDP, "--allow-connect"},
        {"wasi:sockets/ip-name-lookup@0.2.0", "resolve-addresses", ABILITY_NAMES,
         "--allow-connect"},
        {"wasi:keyvalue/store@0.2.0-draft", "open", ABILITY_KEYVALUE, NULL},
        {"wasi:config/store@0.2.0-rc.1", "get", ABILITY_CONFIG, "--wasi-config"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct module_import imports[] = {INTERFACE(rows[i].interface),
                                                INNER(rows[i].interface, rows[i].function)};
        struct dialect_report report;
        describe(imports, 2, RUN, &report);
        assert_int_equal(report.abilities, rows[i].ability);
        assert_int_equal(report.grant_count, rows[i].option != NULL ? 1 : 0);
        assert_true(rows[i].option == NULL || grant(&report, rows[i].option) != NULL);
        dialect_report_done(&report);
    }
}

/* One that only listens is a server; one that imports the whole world may be anything. */
static void a_listener_is_needed_by_what_only_listens(void **state)
{
    static const struct module_import imports[] = {
        INTERFACE("wasi:sockets/tcp@0.2.0"),
        INNER("wasi:sockets/tcp@0.2.0", "[method]tcp-socket.start-listen"),
        INNER("wasi:sockets/tcp@0.2.0", "[method]tcp-socket.start-connect"),
    };
    struct dialect_report report;
    (void)state;
    describe(imports, 2, RUN, &report);
    assert_true(grant(&report, "--allow-listen")->is_needed);
    dialect_report_done(&report);
    describe(imports, 3, RUN, &report);
    assert_false(grant(&report, "--allow-listen")->is_needed);
    assert_false(grant(&report, "--allow-connect")->is_needed);
    dialect_report_done(&report);
    describe(imports, 3, HANDLER, &report); /* hythe serve has no such option */
    assert_null(grant(&report, "--allow-listen"));
    dialect_report_done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_interface_is_traced_to_its_source),
        cmocka_unit_test(each_world_is_told_with_the_ways_to_start_it),
        cmocka_unit_test(what_is_both_can_be_started_both_ways),
        cmocka_unit_test(interfaces_are_grouped),
        cmocka_unit_test(a_known_interface_can_lack_a_function),
        cmocka_unit_test(an_interface_of_types_only_is_never_lacking),
        cmocka_unit_test(a_scanned_component_is_judged_by_its_interfaces),
        cmocka_unit_test(each_release_is_named_once),
        cmocka_unit_test(more_releases_than_there_is_room_for),
        cmocka_unit_test(each_ability_is_told_by_the_function_that_gives_it),
        cmocka_unit_test(a_listener_is_needed_by_what_only_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
