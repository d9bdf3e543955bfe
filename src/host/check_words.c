/* What is said of a module. See check_words.h. */
#include "host/check_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

enum {
    NAME_SHOWN_MAX = 60,     /* bytes of a name that are shown */
    IMPORTS_SHOWN_MAX = 4,   /* examples of missing imports */
    FUNCTIONS_SHOWN_MAX = 8, /* exported functions that are named */
};

int memory_stream_open(struct memory_stream *stream)
{
    *stream = (struct memory_stream){0};
    stream->out = open_memstream(&stream->text, &stream->len);
    return stream->out != NULL ? 0 : -ENOMEM;
}

int memory_stream_close(struct memory_stream *stream, struct buffer *out)
{
    bool is_whole = ferror(stream->out) == 0;
    int r = fclose(stream->out) == 0 && is_whole ? 0 : -ENOMEM;
    if (r == 0) {
        r = buffer_append(out, (struct span){(const uint8_t *)stream->text, stream->len});
    }
    free(stream->text);
    return r;
}

void write_name(FILE *out, const char *name)
{
    size_t shown = 0;
    for (const char *p = name; *p != '\0' && shown < NAME_SHOWN_MAX; p++, shown++) {
        if (*p >= ' ' && *p <= '~' && *p != '\\') {
            (void)fputc(*p, out);
        } else {
            (void)fprintf(out, "\\x%02x", (unsigned)(unsigned char)*p);
        }
    }
    if (name[shown] != '\0') {
        (void)fputs("...", out);
    }
}

static void write_types(FILE *out, const char *letters)
{
    static const struct {
        char letter;
        const char *name;
    } types[] = {
        {'i', "i32"}, {'I', "i64"}, {'f', "f32"}, {'F', "f64"}, {'v', "v128"}, {'r', "ref"},
    };
    for (size_t at = 0; at < NAME_SHOWN_MAX && letters[at] != '\0'; at++) {
        for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
            if (letters[at] == types[i].letter) {
                (void)fprintf(out, "%s%s", at > 0 ? " " : "", types[i].name);
            }
        }
    }
}

/* Write a name, with the type for a function that exists with another one. */
static void write_function(FILE *out, const struct module_import *import, bool with_type)
{
    write_name(out, import->name);
    if (with_type && import->kind == EXTERN_FUNC) {
        (void)fputs(" (", out);
        write_types(out, import->params);
        (void)fputs(") -> (", out);
        write_types(out, import->results);
        (void)fputc(')', out);
    }
}

/* -- names ------------------------------------------------------------------------------------ */

/* The forms of WasmEdge's calls stand for the group. */
static unsigned wasmedge_names(unsigned forms, bool as_keys, const char **ret_names)
{
    static const struct {
        unsigned form;
        const char *key;
        const char *title;
    } rows[] = {
        {WASMEDGE_V1, "wasmedge-sockets-v1", "WasmEdge sockets v1"},
        {WASMEDGE_V2, "wasmedge-sockets-v2", "WasmEdge sockets v2"},
        {WASMEDGE_V2_EXPLICIT, "wasmedge-sockets-v2-explicit", "WasmEdge sockets v2 by name"},
    };
    unsigned count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if ((forms & rows[i].form) != 0) {
            ret_names[count] = as_keys ? rows[i].key : rows[i].title;
            count++;
        }
    }
    return count;
}

static unsigned component_names(unsigned bits, bool as_keys, const char **ret_names)
{
    static const struct {
        unsigned bit;
        const char *key;
        const char *title;
    } rows[] = {
        {COMPONENT_HTTP_HANDLER, "wasi-http-0.2", "component, wasi:http 0.2 server"},
        {COMPONENT_HTTP_P3, "wasi-http-0.3", "component, wasi:http 0.3 server"},
        {COMPONENT_COMMAND, "wasi-cli", "component, command"},
        {COMPONENT_SPIN, "spin-component", "component for Spin"},
        {COMPONENT_WASMCLOUD, "wasmcloud-component", "component for wasmCloud"},
    };
    unsigned count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if ((bits & rows[i].bit) != 0) {
            ret_names[count] = as_keys ? rows[i].key : rows[i].title;
            count++;
        }
    }
    if (count == 0) {
        ret_names[0] = "component";
        count = 1;
    }
    return count;
}

unsigned dialect_names(const struct dialect_report *report, bool as_keys,
                       const char *ret_names[DIALECT_KEYS_MAX])
{
    unsigned count = 0;
    if (report->form == MODULE_COMPONENT) {
        return component_names(report->component, as_keys, ret_names);
    }
    if (report->role == ROLE_SERVER_LISTENER) {
        ret_names[count] = as_keys ? "preopened-listener" : "preopened listener";
        count++;
    }
    for (int source = 0; source < SOURCE_COUNT; source++) {
        const struct dialect_source_words *words =
            dialect_source_words((enum dialect_source)source);
        /* WASI's own four socket calls are told by the role. */
        if (report->groups[source].count == 0 || source == SOURCE_PREVIEW1_SOCKETS) {
            continue;
        }
        if (source == SOURCE_WASMEDGE && report->wasmedge != 0) {
            count += wasmedge_names(report->wasmedge, as_keys, ret_names + count);
            continue;
        }
        ret_names[count] = as_keys ? words->key : words->title;
        count++;
    }
    return count;
}

const char *role_words(enum dialect_role role)
{
    static const char *const words[] = {
        [ROLE_UNKNOWN] = "what it does is not known",
        [ROLE_PLAIN] = "uses no network",
        [ROLE_CLIENT] = "a client: it connects to others",
        [ROLE_SERVER_OWN] = "a server: it opens its own sockets",
        [ROLE_SERVER_LISTENER] = "it accepts on a listener that the host opens",
    };
    return words[role];
}

const char *role_key(enum dialect_role role)
{
    static const char *const keys[] = {
        [ROLE_UNKNOWN] = "unknown",
        [ROLE_PLAIN] = "plain",
        [ROLE_CLIENT] = "client",
        [ROLE_SERVER_OWN] = "server-own-sockets",
        [ROLE_SERVER_LISTENER] = "server-preopened-listener",
    };
    return keys[role];
}

const char *entry_key(enum dialect_entry entry)
{
    static const char *const keys[] = {
        [ENTRY_COMMAND] = "command", [ENTRY_START_TYPE] = "command-of-wrong-type",
        [ENTRY_REACTOR] = "reactor", [ENTRY_FUNCTIONS] = "functions",
        [ENTRY_NONE] = "none",
    };
    return keys[entry];
}

/* -- the command ------------------------------------------------------------------------------ */

/* Write a word so that a shell reads it as one and as it is. */
static void write_shell_word(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=@%+,";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        (void)fputs(word, out);
        return;
    }
    (void)fputc('\'', out);
    for (const char *p = word; *p != '\0'; p++) {
        if (*p == '\'') {
            (void)fputs("'\\''", out);
        } else {
            (void)fputc(*p, out);
        }
    }
    (void)fputc('\'', out);
}

/* The exported function that makes the best example: one without parameters, else the first. */
static const struct module_export *example_function(const struct dialect_report *report)
{
    for (uint32_t i = 0; i < report->function_count; i++) {
        if (report->functions[i]->params[0] == '\0') {
            return report->functions[i];
        }
    }
    return report->functions[0];
}

void write_command(FILE *out, const struct dialect_report *report, const char *path)
{
    bool is_library = report->entry != ENTRY_COMMAND && report->function_count > 0;
    const struct module_export *function = is_library ? example_function(report) : NULL;
    (void)fputs("hythe run ", out);
    for (uint32_t i = 0; i < report->grant_count; i++) {
        const struct dialect_grant *grant = &report->grants[i];
        if (grant->is_needed) {
            (void)fprintf(out, "%s %s ", grant->option, grant->value);
        }
    }
    if (function != NULL) {
        (void)fputs("--invoke ", out);
        write_shell_word(out, function->name);
        (void)fputc(' ', out);
    }
    if (path[0] == '-') {
        (void)fputs("-- ", out);
    }
    write_shell_word(out, path);
    for (size_t i = 0; function != NULL && function->params[i] != '\0'; i++) {
        (void)fprintf(out, " ARG%zu", i + 1);
    }
}

/* -- problems --------------------------------------------------------------------------------- */

static void write_functions(FILE *out, const struct dialect_report *report)
{
    for (uint32_t i = 0; i < report->function_count && i < FUNCTIONS_SHOWN_MAX; i++) {
        (void)fputs(i > 0 ? ", " : "", out);
        write_name(out, report->functions[i]->name);
    }
    if (report->function_count > FUNCTIONS_SHOWN_MAX) {
        (void)fprintf(out, " and %u more", report->function_count - FUNCTIONS_SHOWN_MAX);
    }
}

/* Of these the name alone would not tell what is wrong. */
static bool is_type_telling(enum dialect_source source)
{
    return source == SOURCE_PREVIEW1 || source == SOURCE_PREVIEW1_SOCKETS ||
           source == SOURCE_WASMEDGE || source == SOURCE_EXPERIMENTAL_HTTP;
}

/* Write up to IMPORTS_SHOWN_MAX of a group's missing imports: "env: a, b; fs: c and 2 more". */
static void write_missing(FILE *out, const struct dialect_report *report,
                          enum dialect_source source)
{
    const struct dialect_group *group = &report->groups[source];
    const char *module = NULL;
    uint32_t shown = 0;
    for (uint32_t i = 0; i < group->count && shown < IMPORTS_SHOWN_MAX; i++) {
        const struct module_import *import = group->imports[i];
        if (report->offers(import)) {
            continue;
        }
        if (module == NULL || strcmp(module, import->module) != 0) {
            (void)fputs(module != NULL ? "; " : "", out);
            write_name(out, import->module);
            (void)fputs(": ", out);
            module = import->module;
        } else {
            (void)fputs(", ", out);
        }
        write_function(out, import, is_type_telling(source));
        shown++;
    }
    if (group->missing > shown) {
        (void)fprintf(out, " and %u more", group->missing - shown);
    }
}

static void write_missing_imports(FILE *out, const struct dialect_report *report)
{
    enum dialect_source first = dialect_first_missing(report);
    const struct dialect_source_words *words = dialect_source_words(first);
    /* Hosts and toolchains have a language; single functions are offered. */
    const char *verb = first < SOURCE_DYNAMIC ? "speak" : "offer";
    (void)fprintf(out, "%s (imports ", words->cause);
    write_missing(out, report, first);
    (void)fprintf(out, "), which hythe does not %s; %s", verb, words->advice);
    for (int i = (int)first + 1; i < SOURCE_COUNT; i++) {
        enum dialect_source source = (enum dialect_source)i;
        if (report->groups[source].missing > 0) {
            (void)fprintf(out, ". Besides, %s (imports ", dialect_source_words(source)->cause);
            write_missing(out, report, source);
            (void)fputc(')', out);
        }
    }
}

static void write_component(FILE *out, const struct dialect_report *report)
{
    bool serves = (report->component & (COMPONENT_HTTP_HANDLER | COMPONENT_HTTP_P3)) != 0;
    bool is_command = (report->component & COMPONENT_COMMAND) != 0;
    const char *what = serves ? " that answers HTTP requests" : is_command ? ", a command" : "";
    const char *host = serves ? "wasmtime serve" : "wasmtime run";
    (void)fprintf(out,
                  "it is a component%s, and hythe does not run components yet; rebuild it as a "
                  "core module (for Rust: --target wasm32-wasip1), or run it with %s for now",
                  what, host);
}

void write_problem(FILE *out, const struct dialect_report *report, const char *invoke)
{
    switch (dialect_problem(report, invoke)) {
    case PROBLEM_NONE:
        return;
    case PROBLEM_COMPONENT:
        write_component(out, report);
        return;
    case PROBLEM_IMPORTS:
        write_missing_imports(out, report);
        return;
    case PROBLEM_NO_MEMORY:
        (void)fputs("it exports no memory called 'memory', which every function it imports needs; "
                    "rebuild it so that it does (wasm-ld does it by itself; in text: (memory "
                    "(export \"memory\") 1))",
                    out);
        return;
    case PROBLEM_START_TYPE:
        (void)fputs("its _start is no function without parameters and results, so it is no "
                    "command; rebuild it as one (wasm32-wasip1)",
                    out);
        break;
    case PROBLEM_NO_START:
        (void)fputs("it exports no _start, so it is a library and no command", out);
        break;
    case PROBLEM_NO_FUNCTION:
        (void)fputs("it exports no _start and no other function, so there is nothing to run; "
                    "rebuild it as a command (wasm32-wasip1)",
                    out);
        return;
    case PROBLEM_NO_SUCH_FUNCTION:
        (void)fputs("it exports no function called '", out);
        write_name(out, invoke);
        (void)fputc('\'', out);
        break;
    }
    if (report->function_count > 0) {
        (void)fputs("; call one of its functions with --invoke: ", out);
        write_functions(out, report);
    }
}
