/* From imports and exports to a description. See dialect.h. */
#include "imports/dialect.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "imports/dialect_component.h"

static bool is_call(const struct module_import *import, const char *name)
{
    return import->kind == EXTERN_FUNC && strcmp(import->module, "wasi_snapshot_preview1") == 0 &&
           strcmp(import->name, name) == 0;
}

static bool has_call(const struct dialect_input *input, const char *name, const char *params)
{
    for (uint32_t i = 0; i < input->import_count; i++) {
        const struct module_import *import = &input->imports[i];
        if (is_call(import, name) && (params == NULL || strcmp(import->params, params) == 0)) {
            return true;
        }
    }
    return false;
}

/* -- imports ---------------------------------------------------------------------------------- */

/* A module of WAMR's sockets has calls that nobody else has; a WasmEdge sock_open overrules, since
 * it can only be that. */
static bool is_wamr_module(const struct dialect_input *input)
{
    if (has_call(input, "sock_open", "iii")) {
        return false;
    }
    for (uint32_t i = 0; i < input->import_count; i++) {
        if (dialect_source_of(&input->imports[i], /* is_wamr */ false) == SOURCE_WAMR) {
            return true;
        }
    }
    return false;
}

/* Order the imports by source, keeping their order within it: count, then place. */
static int group_imports(const struct dialect_input *input, struct dialect_report *report)
{
    uint32_t next[SOURCE_COUNT];
    uint32_t begin = 0;
    bool is_wamr = is_wamr_module(input);
    report->imports = calloc(input->import_count + (size_t)1, sizeof *report->imports);
    if (report->imports == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < input->import_count; i++) {
        const struct module_import *import = &input->imports[i];
        struct dialect_group *group = &report->groups[dialect_source_of(import, is_wamr)];
        group->count++;
        if (!input->offers(import)) {
            group->missing++;
            report->missing_count++;
        }
    }
    for (int source = 0; source < SOURCE_COUNT; source++) {
        next[source] = begin;
        report->groups[source].imports = report->imports + begin;
        begin += report->groups[source].count;
    }
    for (uint32_t i = 0; i < input->import_count; i++) {
        enum dialect_source source = dialect_source_of(&input->imports[i], is_wamr);
        report->imports[next[source]] = &input->imports[i];
        next[source]++;
    }
    report->import_count = input->import_count;
    return 0;
}

/* What the calls say whose types differ between the two forms; a three-parameter sock_accept is
 * WASI's own and says something only beside WasmEdge's calls. */
static unsigned wasmedge_forms(const struct dialect_report *report)
{
    static const struct {
        const char *name;
        const char *params;
        unsigned form;
    } rows[] = {
        {"sock_accept", "ii", WASMEDGE_V1},         {"sock_recv_from", "iiiiiii", WASMEDGE_V1},
        {"sock_getlocaladdr", "iiii", WASMEDGE_V1}, {"sock_getpeeraddr", "iiii", WASMEDGE_V1},
        {"sock_accept", "iii", WASMEDGE_V2},        {"sock_recv_from", "iiiiiiii", WASMEDGE_V2},
        {"sock_getlocaladdr", "iii", WASMEDGE_V2},  {"sock_getpeeraddr", "iii", WASMEDGE_V2},
    };
    unsigned forms = 0;
    if (report->groups[SOURCE_WASMEDGE].count == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < report->import_count; i++) {
        const struct module_import *import = report->imports[i];
        for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
            if (is_call(import, rows[row].name) && strcmp(import->params, rows[row].params) == 0) {
                forms |= rows[row].form;
            }
        }
    }
    const struct dialect_group *group = &report->groups[SOURCE_WASMEDGE];
    for (uint32_t i = 0; i < group->count; i++) {
        size_t len = strlen(group->imports[i]->name);
        if (len > 3 && strcmp(group->imports[i]->name + len - 3, "_v2") == 0) {
            forms |= WASMEDGE_V2_EXPLICIT;
        }
    }
    return forms;
}

/* -- exports ---------------------------------------------------------------------------------- */

static bool is_invocable(const struct module_export *export)
{
    /* Names with two underscores are the toolchain's own. */
    return export->kind == EXTERN_FUNC && strcmp(export->name, "_start") != 0 &&
           strcmp(export->name, "_initialize") != 0 && strncmp(export->name, "__", 2) != 0;
}

static int read_exports(const struct dialect_input *input, struct dialect_report *report)
{
    bool has_initialize = false;
    bool has_start = false;
    bool is_start_plain = false;
    report->functions = calloc(input->export_count + (size_t)1, sizeof *report->functions);
    if (report->functions == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < input->export_count; i++) {
        const struct module_export *export = &input->exports[i];
        if (is_invocable(export)) {
            report->functions[report->function_count] = export;
            report->function_count++;
        } else if (strcmp(export->name, "_start") == 0) {
            has_start = true;
            is_start_plain =
                export->kind == EXTERN_FUNC && *export->params == '\0' && *export->results == '\0';
        } else if (strcmp(export->name, "_initialize") == 0) {
            has_initialize = true;
        } else if (strcmp(export->name, "memory") == 0 && export->kind == EXTERN_MEMORY) {
            report->memory = export;
        }
    }
    if (has_start) {
        report->entry = is_start_plain ? ENTRY_COMMAND : ENTRY_START_TYPE;
    } else if (report->function_count == 0) {
        report->entry = ENTRY_NONE;
    } else {
        report->entry = has_initialize ? ENTRY_REACTOR : ENTRY_FUNCTIONS;
    }
    return 0;
}

/* Tell whether some imported function reads or writes guest memory. */
static bool needs_memory(const struct dialect_input *input)
{
    static const char *const without[] = {
        "proc_exit",
        "proc_raise",
        "sched_yield",
        "fd_advise",
        "fd_allocate",
        "fd_close",
        "fd_datasync",
        "fd_fdstat_set_flags",
        "fd_renumber",
        "fd_fdstat_set_rights",
        "fd_filestat_set_size",
        "fd_filestat_set_times",
        "sock_shutdown",
        "sock_listen",
        "fd_sync",
    };
    for (uint32_t i = 0; i < input->import_count; i++) {
        bool is_without = input->imports[i].kind != EXTERN_FUNC;
        for (size_t row = 0; row < ARRAY_COUNT(without) && !is_without; row++) {
            is_without = strcmp(input->imports[i].name, without[row]) == 0;
        }
        if (!is_without) {
            return true;
        }
    }
    return false;
}

/* -- what it does, what it needs -------------------------------------------------------------- */

static void add_grant(struct dialect_report *report, struct dialect_grant grant)
{
    assert(report->grant_count < DIALECT_GRANTS_MAX);
    report->grants[report->grant_count] = grant;
    report->grant_count++;
}

static bool can_connect(const struct dialect_input *input)
{
    return has_call(input, "sock_connect", NULL) || has_call(input, "sock_send_to", NULL) ||
           has_call(input, "sock_connect_v2", NULL) || has_call(input, "sock_send_to_v2", NULL);
}

static enum dialect_role role_of(const struct dialect_input *input,
                                 const struct dialect_report *report)
{
    bool opens = has_call(input, "sock_open", NULL) || has_call(input, "sock_open_v2", NULL);
    bool binds = has_call(input, "sock_bind", NULL) || has_call(input, "sock_bind_v2", NULL);
    bool listens = has_call(input, "sock_listen", NULL) || has_call(input, "sock_listen_v2", NULL);
    if (opens && (listens || binds)) {
        return ROLE_SERVER_OWN;
    }
    if (!opens && has_call(input, "sock_accept", "iii")) {
        return ROLE_SERVER_LISTENER;
    }
    bool is_http = report->groups[SOURCE_EXPERIMENTAL_HTTP].count > 0;
    if (is_http || (opens && can_connect(input))) {
        return ROLE_CLIENT;
    }
    return report->missing_count > 0 ? ROLE_UNKNOWN : ROLE_PLAIN;
}

static void find_grants(const struct dialect_input *input, struct dialect_report *report)
{
    if (report->role == ROLE_SERVER_OWN) {
        add_grant(report, (struct dialect_grant){
                              "--allow-listen", ":8080",
                              "it opens its own listening sockets; put its port for 8080", true});
    }
    if (report->role == ROLE_SERVER_LISTENER) {
        add_grant(report, (struct dialect_grant){
                              "--tcplisten", "127.0.0.1:8080",
                              "it can accept on a listener that hythe opens; leave it out if the "
                              "module is no server",
                              true});
    }
    bool is_client = report->role == ROLE_CLIENT;
    if (has_call(input, "sock_getaddrinfo", NULL)) {
        add_grant(report, (struct dialect_grant){
                              "--allow-connect", "HOST:PORT",
                              "it can look up names and connect; one rule allows both", is_client});
    } else if (can_connect(input)) {
        add_grant(report, (struct dialect_grant){"--allow-connect", "HOST:PORT",
                                                 "it can connect or send to others", is_client});
    }
    if (report->groups[SOURCE_EXPERIMENTAL_HTTP].count > 0) {
        add_grant(report,
                  (struct dialect_grant){
                      "--allow-http", "https://HOST",
                      "it makes HTTP requests; put the host they go to for HOST, and repeat "
                      "it for more",
                      true});
    }
    if (has_call(input, "path_open", NULL)) {
        add_grant(report, (struct dialect_grant){"--dir", "HOST::GUEST",
                                                 "it can open files, and sees only those in "
                                                 "directories it is given",
                                                 false});
    }
}

static int describe_core(struct dialect_report *report)
{
    const struct dialect_input *input = &report->input;
    report->form = MODULE_CORE;
    int r = group_imports(input, report);
    if (r == 0) {
        r = read_exports(input, report);
    }
    if (r == 0) {
        report->wasmedge = wasmedge_forms(report);
        report->is_memory_needed = needs_memory(input);
        report->role = role_of(input, report);
        find_grants(input, report);
    }
    return r;
}

int dialect_describe(const struct dialect_input *input, struct dialect_report *ret_report)
{
    struct dialect_report report = {.input = *input};
    int r = input->is_component ? dialect_component_describe(&report) : describe_core(&report);
    if (r < 0) {
        dialect_report_done(&report);
        return r;
    }
    *ret_report = report;
    return 0;
}

void dialect_report_done(struct dialect_report *report)
{
    free(report->imports);
    free(report->functions);
    *report = (struct dialect_report){0};
}

/* -- problems --------------------------------------------------------------------------------- */

static bool has_function(const struct dialect_report *report, const char *name)
{
    for (uint32_t i = 0; i < report->function_count; i++) {
        if (strcmp(report->functions[i]->name, name) == 0) {
            return true;
        }
    }
    return strcmp(name, "_start") == 0 && report->entry == ENTRY_COMMAND;
}

static enum dialect_problem core_problem(const struct dialect_report *report, const char *invoke)
{
    if (report->missing_count > 0) {
        return PROBLEM_IMPORTS;
    }
    if (report->is_memory_needed && report->memory == NULL) {
        return PROBLEM_NO_MEMORY;
    }
    if (invoke != NULL) {
        return has_function(report, invoke) ? PROBLEM_NONE : PROBLEM_NO_SUCH_FUNCTION;
    }
    switch (report->entry) {
    case ENTRY_COMMAND:
        return PROBLEM_NONE;
    case ENTRY_START_TYPE:
        return PROBLEM_START_TYPE;
    case ENTRY_REACTOR:
    case ENTRY_FUNCTIONS:
        return PROBLEM_NO_START;
    default:
        return PROBLEM_NO_FUNCTION;
    }
}

enum dialect_problem dialect_problem(const struct dialect_report *report,
                                     const struct dialect_start *start)
{
    return report->form == MODULE_COMPONENT ? dialect_component_problem(report, start)
                                            : core_problem(report, start->invoke);
}

enum dialect_source dialect_first_missing(const struct dialect_report *report)
{
    int source = 0;
    while (source < SOURCE_COUNT - 1 && report->groups[source].missing == 0) {
        source++;
    }
    return (enum dialect_source)source;
}
