/* What is said of a module. See check_words.h. */
#include "host/check_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

enum { NAME_SHOWN_MAX = 60 /* bytes of a name that are shown */ };

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

void write_function(FILE *out, const struct module_import *import, bool with_type)
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

unsigned dialect_names(const struct dialect_report *report, bool as_keys,
                       const char *ret_names[DIALECT_KEYS_MAX])
{
    unsigned count = 0;
    if (report->form == MODULE_COMPONENT) {
        ret_names[count] = "component";
        count++;
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
        [ENTRY_COMMAND] = "command",
        [ENTRY_START_TYPE] = "command-of-wrong-type",
        [ENTRY_REACTOR] = "reactor",
        [ENTRY_FUNCTIONS] = "functions",
        [ENTRY_NONE] = "none",
        [ENTRY_HANDLER] = "http-handler",
        [ENTRY_HANDLER_AND_COMMAND] = "http-handler-and-command",
        [ENTRY_FOREIGN] = "foreign",
        [ENTRY_LIBRARY] = "library",
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

unsigned check_starts(const struct dialect_report *report,
                      struct dialect_start ret_starts[CHECK_STARTS_MAX])
{
    unsigned count = 0;
    bool serves = report->entry == ENTRY_HANDLER || report->entry == ENTRY_HANDLER_AND_COMMAND;
    if (serves) {
        ret_starts[count++] = (struct dialect_start){.way = START_SERVE};
    }
    if (report->entry != ENTRY_HANDLER) {
        ret_starts[count++] = (struct dialect_start){.way = START_RUN};
    }
    return count;
}

static bool is_invoked(const struct dialect_report *report)
{
    return report->form != MODULE_COMPONENT && report->entry != ENTRY_COMMAND &&
           report->function_count > 0;
}

void write_command(FILE *out, const struct dialect_report *report, const char *path,
                   const struct dialect_start *start)
{
    const struct module_export *function = is_invoked(report) ? example_function(report) : NULL;
    (void)fputs(start->way == START_SERVE ? "hythe serve " : "hythe run ", out);
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
