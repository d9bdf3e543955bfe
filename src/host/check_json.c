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

static cJSON *dialects(struct json *json, const struct dialect_report *report)
{
    const char *names[DIALECT_KEYS_MAX];
    unsigned count = dialect_names(report, /* as_keys */ true, names);
    cJSON *array = cJSON_CreateArray();
    for (unsigned i = 0; array != NULL && i < count; i++) {
        append(json, array, cJSON_CreateString(names[i]));
    }
    return array;
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

static cJSON *group(struct json *json, const struct dialect_report *report,
                    enum dialect_source source)
{
    const struct dialect_group *group = &report->groups[source];
    cJSON *object = cJSON_CreateObject();
    cJSON *imports = cJSON_CreateArray();
    for (uint32_t i = 0; imports != NULL && i < group->count; i++) {
        append(json, imports, import(json, group->imports[i], report->offers(group->imports[i])));
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

/* What a writer of sentences writes, as a JSON string. */
static cJSON *sentence(const struct dialect_report *report, const char *path)
{
    struct memory_stream stream;
    struct buffer text;
    cJSON *item = NULL;
    if (memory_stream_open(&stream) < 0) {
        return NULL;
    }
    if (path != NULL) {
        write_command(stream.out, report, path);
    } else {
        write_problem(stream.out, report, /* invoke */ NULL);
    }
    buffer_init(&text, CHECK_TEXT_MAX);
    if (memory_stream_close(&stream, &text) == 0) {
        const char *words = buffer_text(&text);
        item = words != NULL ? cJSON_CreateString(words) : NULL;
    }
    buffer_done(&text);
    return item;
}

static void fill(struct json *json, cJSON *root, const struct dialect_report *report,
                 const char *path)
{
    bool is_runnable = check_is_runnable(report);
    bool is_core = report->form != MODULE_COMPONENT;
    const struct dialect_http_abi *abi = dialect_http_abi(report);
    put(json, root, "module", cJSON_CreateString(path));
    put(json, root, "form", cJSON_CreateString(is_core ? "core" : "component"));
    put(json, root, "runnable", cJSON_CreateBool(is_runnable));
    put(json, root, "dialects", dialects(json, report));
    if (is_core) {
        put(json, root, "entry", cJSON_CreateString(entry_key(report->entry)));
        put(json, root, "functions", functions(json, report));
        put(json, root, "role", cJSON_CreateString(role_key(report->role)));
        put(json, root, "memory", memory(json, report->memory));
        put(json, root, "imports", groups(json, report));
        put(json, root, "missing", cJSON_CreateNumber(report->missing_count));
        if (abi != NULL) {
            put(json, root, "http_abi", cJSON_CreateString(abi->key));
            put(json, root, "http_releases", cJSON_CreateString(abi->releases));
        }
        put(json, root, "grants", grants(json, report));
    }
    if (is_runnable) {
        put(json, root, "command", sentence(report, path));
    } else {
        put(json, root, "cause", sentence(report, /* path */ NULL));
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
