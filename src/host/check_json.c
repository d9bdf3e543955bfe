/* The report for machines. See check.h.
 *
 * cJSON gives NULL when memory is out and takes NULL where it is harmless: an item that could not
 * be made is not added, and `put` remembers it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "host/check.h"
#include "host/check_words.h"

struct json {
    bool has_failed; /* some item is lacking */
};

/* Add an item, which the object owns from here on. */
static void put(struct json *json, cJSON *object, const char *key, cJSON *item)
{
    if (item == NULL || !cJSON_AddItemToObject(object, key, item)) {
        cJSON_Delete(item);
        json->has_failed = true;
    }
}

static void append(struct json *json, cJSON *array, cJSON *item)
{
    if (item == NULL || !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        json->has_failed = true;
    }
}

static cJSON *import(struct json *json, const struct module_import *row, bool is_offered)
{
    cJSON *object = cJSON_CreateObject();
    if (object != NULL) {
        put(json, object, "module", cJSON_CreateString(row->module));
        put(json, object, "name", cJSON_CreateString(row->name));
        put(json, object, "params", cJSON_CreateString(row->params));
        put(json, object, "results", cJSON_CreateString(row->results));
        put(json, object, "offered", cJSON_CreateBool(is_offered));
    }
    return object;
}

/* An interface of a component: its functions, and those that hythe lacks. */
static cJSON *interface(struct json *json, const struct dialect_report *report,
                        const struct module_import *row)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *all = cJSON_CreateArray();
    cJSON *missing = cJSON_CreateArray();
    struct dialect_inner inner = dialect_inner_of(report, row);
    for (uint32_t i = 0; all != NULL && missing != NULL && i < inner.count; i++) {
        append(json, all, cJSON_CreateString(inner.items[i].name));
        if (!report->input.offers(&inner.items[i])) {
            append(json, missing, cJSON_CreateString(inner.items[i].name));
        }
    }
    if (object == NULL) {
        cJSON_Delete(all);
        cJSON_Delete(missing);
        return NULL;
    }
    put(json, object, "module", cJSON_CreateString(row->module));
    put(json, object, "functions", all);
    put(json, object, "missing", missing);
    put(json, object, "offered", cJSON_CreateBool(!dialect_lacks(report, row)));
    return object;
}

static cJSON *group(struct json *json, const struct dialect_report *report,
                    enum dialect_source source)
{
    const struct dialect_group *group = &report->groups[source];
    cJSON *object = cJSON_CreateObject();
    cJSON *imports = cJSON_CreateArray();
    for (uint32_t i = 0; imports != NULL && i < group->count; i++) {
        const struct module_import *row = group->imports[i];
        append(json, imports,
               report->form == MODULE_COMPONENT ? interface(json, report, row)
                                                : import(json, row, !dialect_lacks(report, row)));
    }
    if (object != NULL) {
        put(json, object, "source", cJSON_CreateString(dialect_source_words(source)->key));
        put(json, object, "count", cJSON_CreateNumber(group->count));
        put(json, object, "missing", cJSON_CreateNumber(group->missing));
        put(json, object, "imports", imports);
    } else {
        cJSON_Delete(imports);
    }
    return object;
}

static cJSON *groups(struct json *json, const struct dialect_report *report)
{
    cJSON *array = cJSON_CreateArray();
    for (int source = 0; array != NULL && source < SOURCE_COUNT; source++) {
        if (report->groups[source].count > 0) {
            append(json, array, group(json, report, (enum dialect_source)source));
        }
    }
    return array;
}

static cJSON *functions(struct json *json, const struct dialect_report *report)
{
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; array != NULL && i < report->function_count; i++) {
        const struct module_export *export = report->functions[i];
        cJSON *object = cJSON_CreateObject();
        if (object != NULL) {
            put(json, object, "name", cJSON_CreateString(export->name));
            put(json, object, "params", cJSON_CreateString(export->params));
            put(json, object, "results", cJSON_CreateString(export->results));
        }
        append(json, array, object);
    }
    return array;
}

static cJSON *memory(struct json *json, const struct module_export *export)
{
    if (export == NULL) {
        return cJSON_CreateNull();
    }
    cJSON *object = cJSON_CreateObject();
    if (object != NULL) {
        bool has_max = export->memory_pages_max != UINT64_MAX;
        put(json, object, "pages", cJSON_CreateNumber((double)export->memory_pages));
        put(json, object, "pages_max",
            has_max ? cJSON_CreateNumber((double)export->memory_pages_max) : cJSON_CreateNull());
    }
    return object;
}

static cJSON *grants(struct json *json, const struct dialect_report *report)
{
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; array != NULL && i < report->grant_count; i++) {
        const struct dialect_grant *grant = &report->grants[i];
        cJSON *object = cJSON_CreateObject();
        if (object != NULL) {
            put(json, object, "option", cJSON_CreateString(grant->option));
            put(json, object, "value", cJSON_CreateString(grant->value));
            put(json, object, "why", cJSON_CreateString(grant->why));
            put(json, object, "needed", cJSON_CreateBool(grant->is_needed));
        }
        append(json, array, object);
    }
    return array;
}

/* The command for a start, or the cause why there is none, as a JSON string. */
static cJSON *sentence(const struct dialect_report *report, const char *path,
                       const struct dialect_start *start)
{
    struct memory_stream stream;
    struct buffer text;
    cJSON *item = NULL;
    if (memory_stream_open(&stream) < 0) {
        return NULL;
    }
    if (start != NULL) {
        write_command(stream.out, report, path, start);
    } else {
        write_problem(stream.out, report, path, &check_any_start);
    }
    buffer_init(&text, CHECK_TEXT_MAX);
    if (memory_stream_close(&stream, &text) == 0) {
        const char *words = buffer_text(&text);
        item = words != NULL ? cJSON_CreateString(words) : NULL;
    }
    buffer_done(&text);
    return item;
}

static cJSON *commands(struct json *json, const struct dialect_report *report, const char *path)
{
    struct dialect_start starts[CHECK_STARTS_MAX];
    unsigned count = check_starts(report, starts);
    cJSON *array = cJSON_CreateArray();
    for (unsigned i = 0; array != NULL && i < count; i++) {
        append(json, array, sentence(report, path, &starts[i]));
    }
    return array;
}

static cJSON *names(struct json *json, const char *const *items, unsigned count)
{
    cJSON *array = cJSON_CreateArray();
    for (unsigned i = 0; array != NULL && i < count; i++) {
        append(json, array, cJSON_CreateString(items[i]));
    }
    return array;
}

static void fill_core(struct json *json, cJSON *root, const struct dialect_report *report)
{
    const struct dialect_http_abi *abi = dialect_http_abi(report);
    put(json, root, "functions", functions(json, report));
    put(json, root, "role", cJSON_CreateString(role_key(report->role)));
    put(json, root, "memory", memory(json, report->memory));
    if (abi != NULL) {
        put(json, root, "http_abi", cJSON_CreateString(abi->key));
        put(json, root, "http_releases", cJSON_CreateString(abi->releases));
    }
}

static void fill_component(struct json *json, cJSON *root, const struct dialect_report *report)
{
    const char *releases[DIALECT_RELEASES_MAX];
    const char *abilities[CHECK_ABILITIES_MAX];
    unsigned release_count = dialect_releases(report, releases);
    unsigned ability_count = ability_names(report->abilities, /* as_keys */ true, abilities);
    cJSON *exports = cJSON_CreateArray();
    for (uint32_t i = 0; exports != NULL && i < report->function_count; i++) {
        append(json, exports, cJSON_CreateString(report->functions[i]->name));
    }
    put(json, root, "releases", names(json, releases, release_count));
    put(json, root, "exports", exports);
    put(json, root, "abilities", names(json, abilities, ability_count));
}

static void fill(struct json *json, cJSON *root, const struct dialect_report *report,
                 const char *path)
{
    const char *keys[DIALECT_KEYS_MAX];
    bool is_runnable = check_is_runnable(report);
    bool is_component = report->form == MODULE_COMPONENT;
    unsigned key_count = dialect_names(report, /* as_keys */ true, keys);
    put(json, root, "module", cJSON_CreateString(path));
    put(json, root, "form", cJSON_CreateString(is_component ? "component" : "core"));
    put(json, root, "runnable", cJSON_CreateBool(is_runnable));
    put(json, root, "dialects", names(json, keys, key_count));
    put(json, root, "entry", cJSON_CreateString(entry_key(report->entry)));
    if (is_component) {
        fill_component(json, root, report);
    } else {
        fill_core(json, root, report);
    }
    put(json, root, "imports", groups(json, report));
    put(json, root, "missing", cJSON_CreateNumber(report->missing_count));
    put(json, root, "grants", grants(json, report));
    if (is_runnable) {
        struct dialect_start starts[CHECK_STARTS_MAX];
        (void)check_starts(report, starts); /* one at least */
        put(json, root, "command", sentence(report, path, &starts[0]));
        put(json, root, "commands", commands(json, report, path));
    } else {
        put(json, root, "cause", sentence(report, path, /* start */ NULL));
    }
}

int check_json(const struct dialect_report *report, const char *path, struct buffer *out)
{
    struct json json = {0};
    cJSON *root = cJSON_CreateObject();
    if (root == NULL) {
        return -ENOMEM;
    }
    fill(&json, root, report, path);
    char *text = json.has_failed ? NULL : cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text == NULL) {
        return -ENOMEM;
    }
    int r = buffer_append(out, span_of(text));
    cJSON_free(text);
    return r;
}
