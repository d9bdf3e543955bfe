/* What a component is: its world, what its imports let it do, which of them hythe lacks. See dialect.h.
 *
 * A component imports interfaces, each with the functions and resources that it uses of it; its
 * imports are counted in interfaces, and one that lacks a single function is lacking. */
#include "imports/dialect_component.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

/* -- imports ---------------------------------------------------------------------------------- */

static bool is_inner(const struct module_import *row)
{
    return row->kind == EXTERN_FUNC && row->name[0] != '\0';
}

struct dialect_inner dialect_inner_of(const struct dialect_report *report,
                                      const struct module_import *interface)
{
    const struct module_import *end = report->input.imports + report->input.import_count;
    struct dialect_inner inner = {.items = interface + 1};
    while (inner.items + inner.count < end && is_inner(&inner.items[inner.count])) {
        inner.count++;
    }
    return inner;
}

bool dialect_lacks(const struct dialect_report *report, const struct module_import *import)
{
    bool is_whole = import->kind != EXTERN_INTERFACE || report->input.is_scanned;
    if (is_whole) {
        return !report->input.offers(import);
    }
    /* An interface of types only asks for nothing. */
    struct dialect_inner inner = dialect_inner_of(report, import);
    for (uint32_t i = 0; i < inner.count; i++) {
        if (!report->input.offers(&inner.items[i])) {
            return true;
        }
    }
    return false;
}

/* An interface with where it is sorted. */
struct part {
    const struct module_import *import;
    enum dialect_source source;
};

/* Compare what stands before the interface's own name, then the version. */
static int compare_packages(const char *a, const char *b)
{
    size_t a_len = strcspn(a, "/@");
    size_t b_len = strcspn(b, "/@");
    size_t len = a_len < b_len ? a_len : b_len;
    int order = memcmp(a, b, len);
    if (order != 0 || a_len != b_len) {
        return order != 0 ? order : (a_len < b_len ? -1 : 1);
    }
    const char *a_version = strchr(a, '@');
    const char *b_version = strchr(b, '@');
    return strcmp(a_version != NULL ? a_version : "", b_version != NULL ? b_version : "");
}

/* By source, package and version; within that as the component has them. */
static int compare_parts(const void *left, const void *right)
{
    const struct part *a = left;
    const struct part *b = right;
    if (a->source != b->source) {
        return a->source < b->source ? -1 : 1;
    }
    int order =
        a->source != SOURCE_ROOT ? compare_packages(a->import->module, b->import->module) : 0;
    return order != 0 ? order : (a->import < b->import ? -1 : 1);
}

static void fill_groups(struct dialect_report *report, const struct part *parts)
{
    for (uint32_t i = 0; i < report->import_count; i++) {
        struct dialect_group *group = &report->groups[parts[i].source];
        report->imports[i] = parts[i].import;
        if (group->count == 0) {
            group->imports = &report->imports[i];
        }
        group->count++;
        if (dialect_lacks(report, parts[i].import)) {
            group->missing++;
            report->missing_count++;
        }
    }
}

static int group_imports(struct dialect_report *report)
{
    const struct dialect_input *input = &report->input;
    struct part *parts = calloc(input->import_count + (size_t)1, sizeof *parts);
    report->imports = calloc(input->import_count + (size_t)1, sizeof *report->imports);
    if (parts == NULL || report->imports == NULL) {
        free(parts);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < input->import_count; i++) {
        const struct module_import *import = &input->imports[i];
        if (!is_inner(import)) {
            parts[report->import_count++] =
                (struct part){import, dialect_source_of_interface(import->module)};
        }
    }
    qsort(parts, report->import_count, sizeof *parts, compare_parts);
    fill_groups(report, parts);
    free(parts);
    return 0;
}

/* -- releases --------------------------------------------------------------------------------- */

static bool is_wasi(enum dialect_source source)
{
    return source == SOURCE_P2 || (source >= SOURCE_P3 && source <= SOURCE_P2_OTHER);
}

struct releases {
    const char **items;
    unsigned count;
};

static void add_release(struct releases *releases, const char *name)
{
    const char *at = strchr(name, '@');
    if (at == NULL || !is_wasi(dialect_source_of_interface(name))) {
        return;
    }
    for (unsigned i = 0; i < releases->count; i++) {
        if (strcmp(releases->items[i], at + 1) == 0) {
            return;
        }
    }
    if (releases->count < DIALECT_RELEASES_MAX) {
        releases->items[releases->count++] = at + 1;
    }
}

unsigned dialect_releases(const struct dialect_report *report,
                          const char *ret_releases[DIALECT_RELEASES_MAX])
{
    struct releases releases = {.items = ret_releases};
    for (uint32_t i = 0; i < report->import_count; i++) {
        add_release(&releases, report->imports[i]->module);
    }
    for (uint32_t i = 0; i < report->function_count; i++) {
        add_release(&releases, report->functions[i]->name);
    }
    return releases.count;
}

/* -- exports ---------------------------------------------------------------------------------- */

/* Is it that interface in a release 0.2.x? */
static bool is_p2(const char *name, const char *interface)
{
    size_t len = strlen(interface);
    return strncmp(name, interface, len) == 0 && name[len] == '@' &&
           dialect_source_of_interface(name) == SOURCE_P2;
}

/* What only a host calls: the interfaces of products, and WASI's own entries in other releases. */
static bool is_foreign_entry(const char *name)
{
    enum dialect_source source = dialect_source_of_interface(name);
    return source >= SOURCE_SPIN_COMPONENT && source < SOURCE_PACKAGE && source != SOURCE_P2;
}

static enum dialect_entry entry_of(const struct dialect_report *report, bool handles, bool runs)
{
    if (handles) {
        return runs ? ENTRY_HANDLER_AND_COMMAND : ENTRY_HANDLER;
    }
    if (runs) {
        return ENTRY_COMMAND;
    }
    if (report->foreign != NULL) {
        return ENTRY_FOREIGN;
    }
    return report->function_count > 0 ? ENTRY_LIBRARY : ENTRY_NONE;
}

static int read_exports(struct dialect_report *report)
{
    const struct dialect_input *input = &report->input;
    bool handles = false;
    bool runs = false;
    report->functions = calloc(input->export_count + (size_t)1, sizeof *report->functions);
    if (report->functions == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < input->export_count; i++) {
        const struct module_export *export = &input->exports[i];
        report->functions[report->function_count++] = export;
        handles = handles || is_p2(export->name, "wasi:http/incoming-handler");
        runs = runs || is_p2(export->name, "wasi:cli/run");
        if (report->foreign == NULL && is_foreign_entry(export->name)) {
            report->foreign = export;
        }
    }
    report->entry = entry_of(report, handles, runs);
    return 0;
}

/* -- what it can do, what it may want ---------------------------------------------------------- */

static const struct {
    const char *interface;
    const char *function; /* NULL: any */
    enum dialect_ability ability;
} marks[] = {
    {"wasi:http/outgoing-handler", "handle", ABILITY_HTTP},
    {"wasi:filesystem/preopens", "get-directories", ABILITY_FILES},
    {"wasi:sockets/tcp", "[method]tcp-socket.start-connect", ABILITY_CONNECT},
    {"wasi:sockets/tcp", "[method]tcp-socket.start-listen", ABILITY_LISTEN},
    {"wasi:sockets/udp", "[method]udp-socket.stream", ABILITY_UDP},
    {"wasi:sockets/ip-name-lookup", "resolve-addresses", ABILITY_NAMES},
    {"wasi:keyvalue/store", NULL, ABILITY_KEYVALUE},
    {"wasi:config/store", NULL, ABILITY_CONFIG},
    {"wasi:config/runtime", NULL, ABILITY_CONFIG},
};

static unsigned abilities_of(const struct dialect_input *input)
{
    unsigned abilities = 0;
    for (uint32_t i = 0; i < input->import_count; i++) {
        const struct module_import *import = &input->imports[i];
        for (size_t row = 0; is_inner(import) && row < ARRAY_COUNT(marks); row++) {
            size_t len = strlen(marks[row].interface);
            bool is_interface = strncmp(import->module, marks[row].interface, len) == 0 &&
                                (import->module[len] == '@' || import->module[len] == '\0');
            if (is_interface &&
                (marks[row].function == NULL || strcmp(import->name, marks[row].function) == 0)) {
                abilities |= marks[row].ability;
            }
        }
    }
    return abilities;
}

/* Some toolchains import a whole world, used or not: what such a component needs cannot be told from
 * its imports, what it may want can. */
static void find_grants(struct dialect_report *report)
{
    unsigned abilities = report->abilities;
    bool is_run = report->entry == ENTRY_COMMAND;
    bool goes_out = (abilities & (ABILITY_CONNECT | ABILITY_UDP | ABILITY_NAMES)) != 0;
    const struct {
        bool is_there;
        struct dialect_grant grant;
    } rows[] = {
        {is_run && (abilities & ABILITY_LISTEN) != 0,
         {"--allow-listen", ":8080", "it can open listening sockets; put its port for 8080",
          !goes_out}},
        {(abilities & ABILITY_HTTP) != 0,
         {"--allow-http", "https://HOST",
          "it can make HTTP requests; put the host they go to for HOST, and repeat it for more",
          false}},
        {goes_out,
         {"--allow-connect", "HOST:PORT",
          (abilities & ABILITY_NAMES) != 0
              ? "it can look up names and connect; one rule allows both"
              : "it can connect or send to others",
          false}},
        {(abilities & ABILITY_FILES) != 0,
         {"--dir", "HOST::GUEST",
          "it can open files, and sees only those in directories it is given", false}},
        {(abilities & ABILITY_CONFIG) != 0,
         {"--wasi-config", "NAME=VALUE", "it can read settings; repeat it for more", false}},
    };
    _Static_assert(sizeof rows / sizeof rows[0] <= DIALECT_GRANTS_MAX, "room for each");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].is_there) {
            report->grants[report->grant_count++] = rows[i].grant;
        }
    }
}

int dialect_component_describe(struct dialect_report *report)
{
    report->form = MODULE_COMPONENT;
    int r = group_imports(report);
    if (r == 0) {
        r = read_exports(report);
    }
    if (r == 0) {
        report->role = ROLE_PLAIN;
        report->abilities = abilities_of(&report->input);
        find_grants(report);
    }
    return r;
}

/* -- problems --------------------------------------------------------------------------------- */

static enum dialect_problem entry_problem(enum dialect_entry entry,
                                          const struct dialect_start *start)
{
    switch (entry) {
    case ENTRY_HANDLER_AND_COMMAND:
        return PROBLEM_NONE;
    case ENTRY_HANDLER:
        return start->way == START_RUN ? PROBLEM_HANDLER_ONLY : PROBLEM_NONE;
    case ENTRY_COMMAND:
        return start->way == START_SERVE ? PROBLEM_COMMAND_ONLY : PROBLEM_NONE;
    case ENTRY_FOREIGN:
        return PROBLEM_FOREIGN_ENTRY;
    default:
        return PROBLEM_LIBRARY;
    }
}

enum dialect_problem dialect_component_problem(const struct dialect_report *report,
                                               const struct dialect_start *start)
{
    bool is_stubbed = start->stub_unknown && !report->input.is_scanned;
    if (report->missing_count > 0 && !is_stubbed) {
        return PROBLEM_IMPORTS;
    }
    if (report->refusal != NULL) {
        return PROBLEM_TYPES;
    }
    return start->invoke != NULL ? PROBLEM_INVOKE : entry_problem(report->entry, start);
}

bool dialect_explains_refusal(const struct dialect_report *report)
{
    bool is_exported = false;
    for (uint32_t i = 0; i < report->function_count && !is_exported; i++) {
        enum dialect_source source = dialect_source_of_interface(report->functions[i]->name);
        is_exported = source == SOURCE_P3 || source == SOURCE_P3_RC;
    }
    return is_exported || report->groups[SOURCE_P3].count > 0 ||
           report->groups[SOURCE_P3_RC].count > 0;
}
