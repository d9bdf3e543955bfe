/* The lines of the report that are a component's own. See check_words.h. */
#include <string.h>

#include "base/container.h"
#include "host/check_layout.h"
#include "host/check_words.h"

static const struct {
    enum dialect_ability ability;
    const char *key;
    const char *words;
} ability_rows[] = {
    {ABILITY_HTTP, "http-requests", "make HTTP requests"},
    {ABILITY_FILES, "files", "open files"},
    {ABILITY_CONNECT, "tcp-connect", "connect"},
    {ABILITY_LISTEN, "tcp-listen", "open listening sockets"},
    {ABILITY_UDP, "udp", "send and receive UDP"},
    {ABILITY_NAMES, "names", "look up names"},
    {ABILITY_KEYVALUE, "keyvalue", "keep values (wasi:keyvalue)"},
    {ABILITY_CONFIG, "config", "read its settings (wasi:config)"},
};

_Static_assert(ARRAY_COUNT(ability_rows) == CHECK_ABILITIES_MAX, "room for each");

unsigned ability_names(unsigned abilities, bool as_keys, const char *ret_names[CHECK_ABILITIES_MAX])
{
    unsigned count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(ability_rows); i++) {
        if ((abilities & ability_rows[i].ability) != 0) {
            ret_names[count] = as_keys ? ability_rows[i].key : ability_rows[i].words;
            count++;
        }
    }
    return count;
}

/* The package that an import's name begins with: its length, 0 for a name without one. */
static int package_len(const char *name)
{
    size_t len = strcspn(name, "/@");
    return name[len] == '/' && strchr(name, ':') != NULL ? (int)len : 0;
}

static void write_releases(FILE *out, const struct dialect_report *report)
{
    const char *releases[DIALECT_RELEASES_MAX];
    unsigned count = dialect_releases(report, releases);
    if (count == 0) {
        return;
    }
    struct columns columns = columns_at_label(out);
    write_label(out, "made for");
    begin_word(&columns, "", (int)strlen("WASI"));
    (void)fputs("WASI", out);
    for (unsigned i = 0; i < count; i++) {
        begin_word(&columns, i > 0 ? "," : "", shown_len(releases[i]));
        write_name(out, releases[i]);
    }
    (void)fputc('\n', out);
}

static void write_kind(FILE *out, const struct dialect_report *report)
{
    static const char *const words[] = {
        [ENTRY_COMMAND] = "a command (wasi:cli/run)",
        [ENTRY_NONE] = "nothing to call",
        [ENTRY_HANDLER] = "answers HTTP requests (wasi:http/incoming-handler)",
        [ENTRY_HANDLER_AND_COMMAND] =
            "answers HTTP requests (wasi:http/incoming-handler) and is a command (wasi:cli/run)",
        [ENTRY_FOREIGN] = "for another host",
        [ENTRY_LIBRARY] = "a library for other components",
    };
    write_label(out, "kind");
    (void)fprintf(out, "%s\n", words[report->entry]);
}

static void write_abilities(FILE *out, const struct dialect_report *report)
{
    const char *names[CHECK_ABILITIES_MAX];
    unsigned count = ability_names(report->abilities, /* as_keys */ false, names);
    if (count == 0) {
        return;
    }
    struct columns columns = columns_at_label(out);
    write_label(out, "can");
    for (unsigned i = 0; i < count; i++) {
        begin_word(&columns, i > 0 ? "," : "", (int)strlen(names[i]));
        (void)fputs(names[i], out);
    }
    (void)fputc('\n', out);
}

static void write_exports(FILE *out, const struct dialect_report *report)
{
    struct columns columns = columns_at_label(out);
    if (report->function_count == 0) {
        return;
    }
    write_label(out, "exports");
    for (uint32_t i = 0; i < report->function_count; i++) {
        begin_word(&columns, "", shown_len(report->functions[i]->name));
        write_name(out, report->functions[i]->name);
    }
    (void)fputc('\n', out);
}

/* -- imports ---------------------------------------------------------------------------------- */

/* Do both come from one package, in one version? */
static bool is_same_package(const char *a, const char *b)
{
    int len = package_len(a);
    const char *a_version = strchr(a, '@');
    const char *b_version = strchr(b, '@');
    return len == package_len(b) && memcmp(a, b, (size_t)len) == 0 &&
           strcmp(a_version != NULL && len > 0 ? a_version : "",
                  b_version != NULL && len > 0 ? b_version : "") == 0;
}

/* Write a package as the title of a line: "wasi:http@0.2.0", or what its imports have in common. */
static void write_package(FILE *out, const char *name)
{
    char title[128];
    const char *at = strchr(name, '@');
    int len = package_len(name);
    if (len == 0) {
        (void)snprintf(title, sizeof title, "in no interface");
    } else {
        (void)snprintf(title, sizeof title, "%.*s%s", len, name, at != NULL ? at : "");
    }
    (void)fputs("    ", out);
    write_name(out, title);
    bool is_long = strlen(title) > TITLE_WIDTH;
    int gap = is_long ? 4 + TITLE_WIDTH : TITLE_WIDTH - (int)strlen(title);
    (void)fprintf(out, "%s%*s", is_long ? "\n" : "", gap, "");
}

/* Write an interface's name without its package, and in front of it or of the functions in it the
 * mark of what hythe lacks. */
static void write_interface(struct columns *columns, const struct dialect_report *report,
                            const struct module_import *import)
{
    char name[128];
    int skip = package_len(import->module);
    const char *start = skip > 0 ? import->module + skip + 1 : import->module;
    bool is_known = report->input.offers(import);
    bool is_marked = dialect_lacks(report, import) && !is_known;
    (void)snprintf(name, sizeof name, "%.*s", skip > 0 ? (int)strcspn(start, "@") : 127, start);
    begin_word(columns, "", shown_len(name) + (is_marked ? 1 : 0));
    (void)fputs(is_marked ? "!" : "", columns->out);
    write_name(columns->out, name);
    struct dialect_inner inner = dialect_inner_of(report, import);
    for (uint32_t i = 0; i < inner.count && is_known; i++) {
        if (!report->input.offers(&inner.items[i])) {
            begin_word(columns, "", shown_len(name) + shown_len(inner.items[i].name) + 2);
            (void)fputc('!', columns->out);
            write_name(columns->out, name);
            (void)fputc('.', columns->out);
            write_name(columns->out, inner.items[i].name);
        }
    }
}

/* Write the imports of one package, from the first on. Gives their number. */
static uint32_t write_imports_of(FILE *out, const struct dialect_report *report, uint32_t first)
{
    struct columns columns = columns_at_title(out);
    const char *name = report->imports[first]->module;
    uint32_t count = 1;
    while (first + count < report->import_count &&
           is_same_package(name, report->imports[first + count]->module)) {
        count++;
    }
    write_package(out, name);
    (void)fprintf(out, "%4u  ", count);
    for (uint32_t i = first; i < first + count; i++) {
        write_interface(&columns, report, report->imports[i]);
    }
    (void)fputc('\n', out);
    return count;
}

static void write_imports(FILE *out, const struct dialect_report *report)
{
    write_label(out, "imports");
    if (report->import_count == 0) {
        (void)fputs("none\n", out);
    } else if (report->missing_count == 0) {
        (void)fprintf(out, "%u, all of them offered\n", report->import_count);
    } else {
        (void)fprintf(out, "%u, of which hythe lacks %u or a part, marked with !\n",
                      report->import_count, report->missing_count);
    }
    uint32_t at = 0;
    while (at < report->import_count) {
        at += write_imports_of(out, report, at);
    }
}

void write_component(FILE *out, const struct dialect_report *report)
{
    write_releases(out, report);
    write_kind(out, report);
    write_abilities(out, report);
    write_exports(out, report);
    write_imports(out, report);
}
