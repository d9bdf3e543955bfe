/* The report for people and the diagnosis. See check.h. */
#include "host/check.h"

#include <errno.h>
#include <string.h>

#include "engine/module.h"
#include "host/check_layout.h"
#include "host/check_words.h"
#include "host/load.h"
#include "imports/component.h"
#include "imports/registry.h"

enum { PAGES_PER_MIB = 16 };

/* Is an interface known, or a function or resource in one? */
static bool component_offers(const struct module_import *import)
{
    const struct component_interface *interface = component_interface_find(import->module);
    return interface != NULL &&
           (import->kind == EXTERN_INTERFACE || component_interface_has(interface, import->name));
}

static int describe(const struct module *module, bool is_scanned, struct dialect_report *ret_report)
{
    bool is_component = module_is_component(module);
    struct dialect_input input = {
        .imports = module_import_count(module) > 0 ? module_import(module, 0) : NULL,
        .import_count = module_import_count(module),
        .exports = module_export_count(module) > 0 ? module_export(module, 0) : NULL,
        .export_count = module_export_count(module),
        .offers = is_component ? component_offers : imports_offer,
        .is_component = is_component,
        .is_scanned = is_scanned,
    };
    return dialect_describe(&input, ret_report);
}

int check_describe(const struct module *module, struct dialect_report *ret_report)
{
    return describe(module, /* is_scanned */ false, ret_report);
}

/* -- text ------------------------------------------------------------------------------------- */

static void write_dialects(FILE *out, const struct dialect_report *report)
{
    const char *names[DIALECT_KEYS_MAX];
    unsigned count = dialect_names(report, /* as_keys */ false, names);
    write_label(out, "dialect");
    for (unsigned i = 0; i < count; i++) {
        (void)fprintf(out, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    (void)fputs(count == 0 ? "none: it imports nothing\n" : "\n", out);
}

/* Name the releases of the HTTP client that it fits. */
static void write_http(FILE *out, const struct dialect_report *report)
{
    const struct dialect_http_abi *abi = dialect_http_abi(report);
    if (abi != NULL) {
        write_label(out, "http");
        (void)fprintf(out, "wasi_experimental_http: %s\n", abi->releases);
    }
}

static void write_functions(FILE *out, const struct dialect_report *report)
{
    struct columns columns = columns_at_label(out);
    write_label(out, "functions");
    for (uint32_t i = 0; i < report->function_count; i++) {
        begin_word(&columns, ",", shown_len(report->functions[i]->name));
        write_name(out, report->functions[i]->name);
    }
    (void)fputc('\n', out);
}

static void write_kind(FILE *out, const struct dialect_report *report)
{
    static const char *const words[] = {
        [ENTRY_COMMAND] = "a command (_start)",
        [ENTRY_START_TYPE] = "a _start that is no command's",
        [ENTRY_REACTOR] = "a library (_initialize)",
        [ENTRY_FUNCTIONS] = "a library",
        [ENTRY_NONE] = "nothing to call",
    };
    write_label(out, "kind");
    (void)fprintf(out, "%s; %s\n", words[report->entry], role_words(report->role));
    if (report->entry == ENTRY_REACTOR || report->entry == ENTRY_FUNCTIONS) {
        write_functions(out, report);
    }
}

static void write_pages(FILE *out, uint64_t pages)
{
    if (pages % PAGES_PER_MIB == 0) {
        (void)fprintf(out, "%llu MiB", (unsigned long long)(pages / PAGES_PER_MIB));
    } else {
        (void)fprintf(out, "%llu KiB", (unsigned long long)pages * 64);
    }
}

static void write_memory(FILE *out, const struct dialect_report *report)
{
    write_label(out, "memory");
    if (report->memory == NULL) {
        (void)fputs("none exported\n", out);
        return;
    }
    write_pages(out, report->memory->memory_pages);
    (void)fputs(" at the start, ", out);
    if (report->memory->memory_pages_max == UINT64_MAX) {
        (void)fputs("no maximum of its own\n", out);
    } else {
        (void)fputs("at most ", out);
        write_pages(out, report->memory->memory_pages_max);
        (void)fputc('\n', out);
    }
}

/* Write a group's names, the missing ones marked; a module whose name does not follow from the
 * group's title stands before its names. */
static void write_group(FILE *out, const struct dialect_report *report, enum dialect_source source)
{
    const struct dialect_group *group = &report->groups[source];
    struct columns columns = columns_at_title(out);
    const char *module = "wasi_snapshot_preview1";
    (void)fprintf(out, "    %-*s%4u  ", TITLE_WIDTH, dialect_source_words(source)->title,
                  group->count);
    for (uint32_t i = 0; i < group->count; i++) {
        const struct module_import *import = group->imports[i];
        bool is_missing = dialect_lacks(report, import);
        if (strcmp(module, import->module) != 0) {
            module = import->module;
            begin_word(&columns, "", shown_len(module) + 1);
            write_name(out, module);
            (void)fputc(':', out);
        }
        begin_word(&columns, "", shown_len(import->name) + (is_missing ? 1 : 0));
        (void)fputs(is_missing ? "!" : "", out);
        write_name(out, import->name);
    }
    (void)fputc('\n', out);
}

static void write_imports(FILE *out, const struct dialect_report *report)
{
    write_label(out, "imports");
    if (report->import_count == 0) {
        (void)fputs("none\n", out);
    } else if (report->missing_count == 0) {
        (void)fprintf(out, "%u, all of them offered\n", report->import_count);
    } else {
        (void)fprintf(out, "%u, of which hythe lacks %u, marked with !\n", report->import_count,
                      report->missing_count);
    }
    for (int source = 0; source < SOURCE_COUNT; source++) {
        if (report->groups[source].count > 0) {
            write_group(out, report, (enum dialect_source)source);
        }
    }
}

static void write_grants(FILE *out, const struct dialect_report *report)
{
    for (uint32_t i = 0; i < report->grant_count; i++) {
        const struct dialect_grant *grant = &report->grants[i];
        write_label(out, grant->is_needed ? "needs" : "may want");
        (void)fprintf(out, "%s %s\n%*s", grant->option, grant->value, 2 + LABEL_WIDTH, "");
        write_wrapped(out, grant->why, 2 + LABEL_WIDTH);
    }
}

const struct dialect_start check_any_start = {.way = START_ANY};

bool check_is_runnable(const struct dialect_report *report)
{
    enum dialect_problem problem = dialect_problem(report, &check_any_start);
    return problem == PROBLEM_NONE || problem == PROBLEM_NO_START;
}

static int write_cause(FILE *out, const struct dialect_report *report, const char *path)
{
    struct buffer words;
    buffer_init(&words, CHECK_TEXT_MAX);
    int r = check_explain_unrunnable(report, path, &check_any_start, &words);
    const char *text = r == 0 ? buffer_text(&words) : NULL;
    if (text != NULL) {
        write_label(out, "cannot run");
        write_wrapped(out, text, 2 + LABEL_WIDTH);
    }
    buffer_done(&words);
    return text != NULL ? 0 : -ENOMEM;
}

static void write_commands(FILE *out, const struct dialect_report *report, const char *path)
{
    struct dialect_start starts[CHECK_STARTS_MAX];
    unsigned count = check_starts(report, starts);
    for (unsigned i = 0; i < count; i++) {
        write_label(out, i == 0 ? "run it with" : "or with");
        write_command(out, report, path, &starts[i]);
        (void)fputc('\n', out);
    }
}

static int write_report(FILE *out, const struct dialect_report *report, const char *path)
{
    (void)fprintf(out, "%s\n", path);
    write_dialects(out, report);
    if (report->form == MODULE_COMPONENT) {
        write_component(out, report);
    } else {
        write_kind(out, report);
        write_memory(out, report);
        write_imports(out, report);
        write_http(out, report);
    }
    if (!check_is_runnable(report)) {
        return write_cause(out, report, path);
    }
    write_grants(out, report);
    write_commands(out, report, path);
    return 0;
}

int check_text(const struct dialect_report *report, const char *path, struct buffer *out)
{
    struct memory_stream stream;
    int r = memory_stream_open(&stream);
    if (r < 0) {
        return r;
    }
    r = write_report(stream.out, report, path);
    int closed = memory_stream_close(&stream, out);
    return r < 0 ? r : closed;
}

/* -- diagnosis -------------------------------------------------------------------------------- */

int check_explain_unrunnable(const struct dialect_report *report, const char *path,
                             const struct dialect_start *start, struct buffer *out)
{
    struct memory_stream stream;
    int r = memory_stream_open(&stream);
    if (r < 0) {
        return r;
    }
    write_problem(stream.out, report, path, start);
    return memory_stream_close(&stream, out);
}

/* Say why, as the error of a start. */
static int refuse(const char *path, const struct dialect_report *report,
                  const struct dialect_start *start, struct error *err)
{
    struct buffer words;
    buffer_init(&words, CHECK_TEXT_MAX);
    int r = check_explain_unrunnable(report, path, start, &words);
    const char *text = r == 0 ? buffer_text(&words) : NULL;
    r = error_set(err, -ENOEXEC, "%s: %s", path, text != NULL ? text : "it cannot run");
    (void)error_set_exit(err, EXIT_CANNOT_RUN);
    buffer_done(&words);
    return r;
}

int check_runnable(const char *path, const struct module *module, const struct dialect_start *start,
                   struct error *err)
{
    struct dialect_report report;
    int r = check_describe(module, &report);
    if (r < 0) {
        return error_set_errno(err, r, "%s: looking at its imports", path);
    }
    if (dialect_problem(&report, start) != PROBLEM_NONE) {
        r = refuse(path, &report, start, err);
    }
    dialect_report_done(&report);
    return r;
}

int check_explain_link(struct error *err)
{
    if (err == NULL) {
        return -ENOTSUP;
    }
    (void)error_wrap(err, "%s", types_problem);
    return error_set_exit(err, EXIT_CANNOT_RUN);
}

int check_scan(struct span bytes, struct module **ret_module, struct dialect_report *ret_report)
{
    struct module *module = NULL;
    struct dialect_report report;
    int r = module_scan(bytes, &module, /* err */ NULL);
    if (r < 0) {
        return r;
    }
    r = describe(module, /* is_scanned */ true, &report);
    if (r == 0 && (!dialect_explains_refusal(&report) || check_is_runnable(&report))) {
        dialect_report_done(&report);
        r = -ENOENT;
    }
    if (r < 0) {
        module_unref(module);
        return r;
    }
    *ret_module = module;
    *ret_report = report;
    return 0;
}

bool check_explain_refusal(const char *path, struct span bytes, struct error *err)
{
    struct module *module = NULL;
    struct dialect_report report;
    if (check_scan(bytes, &module, &report) < 0) {
        return false;
    }
    (void)refuse(path, &report, &check_any_start, err);
    dialect_report_done(&report);
    module_unref(module);
    return true;
}
