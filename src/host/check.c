/* The report for people and the diagnosis. See check.h. */
#include "host/check.h"

#include <errno.h>
#include <string.h>

#include "engine/module.h"
#include "host/check_words.h"
#include "imports/registry.h"

enum {
    LABEL_WIDTH = 12,
    TITLE_WIDTH = 24,
    LINE_WIDTH = 96,
    PAGES_PER_MIB = 16,
    EXIT_UNRUNNABLE = 126,
};

int check_describe(const struct module *module, struct dialect_report *ret_report)
{
    struct dialect_input input = {
        .imports = module_import_count(module) > 0 ? module_import(module, 0) : NULL,
        .import_count = module_import_count(module),
        .exports = module_export_count(module) > 0 ? module_export(module, 0) : NULL,
        .export_count = module_export_count(module),
        .offers = imports_offer,
    };
    return dialect_describe(&input, ret_report);
}

/* -- text ------------------------------------------------------------------------------------- */

static void write_label(FILE *out, const char *label)
{
    (void)fprintf(out, "  %-*s", LABEL_WIDTH, label);
}

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

/* Columns filled with words: a word that does not fit begins the next line. */
struct columns {
    FILE *out;
    int indent;
    int at;
};

/* Begin the next word of `len` bytes behind the separator `between`. */
static void begin_word(struct columns *columns, const char *between, int len)
{
    bool is_first = columns->at == columns->indent;
    int gap = (int)strlen(between);
    if (!is_first && columns->at + gap + 1 + len > LINE_WIDTH) {
        (void)fprintf(columns->out, "%s\n%*s", between, columns->indent, "");
        columns->at = columns->indent;
    } else if (!is_first) {
        (void)fprintf(columns->out, "%s ", between);
        columns->at += gap + 1;
    }
    columns->at += len;
}

static int shown_len(const char *name)
{
    return (int)strnlen(name, LINE_WIDTH);
}

/* Write a sentence whose first line is already indented. */
static void write_wrapped(FILE *out, const char *text, int indent)
{
    struct columns columns = {out, indent, indent};
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        begin_word(&columns, "", len);
        (void)fprintf(out, "%.*s", len, text);
        text += len;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}

static void write_functions(FILE *out, const struct dialect_report *report)
{
    struct columns columns = {out, 2 + LABEL_WIDTH, 2 + LABEL_WIDTH};
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
    int indent = 4 + TITLE_WIDTH + 6;
    struct columns columns = {out, indent, indent};
    const char *module = "wasi_snapshot_preview1";
    (void)fprintf(out, "    %-*s%4u  ", TITLE_WIDTH, dialect_source_words(source)->title,
                  group->count);
    for (uint32_t i = 0; i < group->count; i++) {
        const struct module_import *import = group->imports[i];
        bool is_missing = !report->offers(import);
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

bool check_is_runnable(const struct dialect_report *report)
{
    enum dialect_problem problem = dialect_problem(report, /* invoke */ NULL);
    return problem == PROBLEM_NONE || problem == PROBLEM_NO_START;
}

static int write_cause(FILE *out, const struct dialect_report *report)
{
    struct buffer words;
    buffer_init(&words, CHECK_TEXT_MAX);
    int r = check_explain_unrunnable(report, /* invoke */ NULL, &words);
    const char *text = r == 0 ? buffer_text(&words) : NULL;
    if (text != NULL) {
        write_label(out, "cannot run");
        write_wrapped(out, text, 2 + LABEL_WIDTH);
    }
    buffer_done(&words);
    return text != NULL ? 0 : -ENOMEM;
}

static int write_report(FILE *out, const struct dialect_report *report, const char *path)
{
    (void)fprintf(out, "%s\n", path);
    write_dialects(out, report);
    if (report->form != MODULE_COMPONENT) {
        write_kind(out, report);
        write_memory(out, report);
        write_imports(out, report);
        write_http(out, report);
    }
    if (!check_is_runnable(report)) {
        return write_cause(out, report);
    }
    write_grants(out, report);
    write_label(out, "run it with");
    write_command(out, report, path);
    (void)fputc('\n', out);
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

int check_explain_unrunnable(const struct dialect_report *report, const char *invoke,
                             struct buffer *out)
{
    struct memory_stream stream;
    int r = memory_stream_open(&stream);
    if (r < 0) {
        return r;
    }
    write_problem(stream.out, report, invoke);
    return memory_stream_close(&stream, out);
}

int check_runnable(const char *path, const struct module *module, const char *invoke,
                   struct error *err)
{
    struct dialect_report report;
    struct buffer words;
    if (module_is_component(module)) {
        return 0;
    }
    int r = check_describe(module, &report);
    if (r < 0) {
        return error_set_errno(err, r, "%s: looking at its imports", path);
    }
    if (dialect_problem(&report, invoke) != PROBLEM_NONE) {
        buffer_init(&words, CHECK_TEXT_MAX);
        r = check_explain_unrunnable(&report, invoke, &words);
        const char *text = r == 0 ? buffer_text(&words) : NULL;
        r = error_set(err, -ENOEXEC, "%s: %s", path, text != NULL ? text : "it cannot run");
        (void)error_set_exit(err, EXIT_UNRUNNABLE);
        buffer_done(&words);
    }
    dialect_report_done(&report);
    return r;
}
