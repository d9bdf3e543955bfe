/* The report for machines. See check.h.
 *
 * cJSON gives NULL when memory is out and takes NULL where it is harmless: an item that could not
 * be made is not added, and the writer remembers it. */
#include <errno.h>

#include "base/json.h"
#include "host/check.h"
#include "host/check_words.h"

static cJSON *import(struct json_writer *json, const struct module_import *row, bool is_offered)
{
    cJSON *object = cJSON_CreateObject();
    json_put_text(json, object, "module", row->module);
    json_put_text(json, object, "name", row->name);
    json_put_text(json, object, "params", row->params);
    json_put_text(json, object, "results", row->results);
    json_put(json, object, "offered", cJSON_CreateBool(is_offered));
    return object;
}

/* An interface of a component: its functions, and those that hythe lacks. */
static cJSON *interface(struct json_writer *json, const struct dialect_report *report,
                        const struct module_import *row)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *all = cJSON_CreateArray();
    cJSON *missing = cJSON_CreateArray();
    struct dialect_inner inner = dialect_inner_of(report, row);
    for (uint32_t i = 0; i < inner.count; i++) {
        json_append(json, all, cJSON_CreateString(inner.items[i].name));
        if (!report->input.offers(&inner.items[i])) {
            json_append(json, missing, cJSON_CreateString(inner.items[i].name));
        }
    }
    json_put_text(json, object, "module", row->module);
    json_put(json, object, "functions", all);
    json_put(json, object, "missing", missing);
    json_put(json, object, "offered", cJSON_CreateBool(!dialect_lacks(report, row)));
    return object;
}

static cJSON *group(struct json_writer *json, const struct dialect_report *report,
                    enum dialect_source source)
{
    const struct dialect_group *group = &report->groups[source];
    cJSON *object = cJSON_CreateObject();
    cJSON *imports = cJSON_CreateArray();
    for (uint32_t i = 0; i < group->count; i++) {
        const struct module_import *row = group->imports[i];
        json_append(json, imports,
                    report->form == MODULE_COMPONENT
                        ? interface(json, report, row)
                        : import(json, row, !dialect_lacks(report, row)));
    }
    json_put_text(json, object, "source", dialect_source_words(source)->key);
    json_put(json, object, "count", cJSON_CreateNumber(group->count));
    json_put(json, object, "missing", cJSON_CreateNumber(group->missing));
    json_put(json, object, "imports", imports);
    return object;
}

static cJSON *groups(struct json_writer *json, const struct dialect_report *report)
{
    cJSON *array = cJSON_CreateArray();
    for (int source = 0; source < SOURCE_COUNT; source++) {
        if (report->groups[source].count > 0) {
            json_append(json, array, group(json, report, (enum dialect_source)source));
        }
    }
    return array;
}

static cJSON *functions(struct json_writer *json, const struct dialect_report *report)
{
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < report->function_count; i++) {
        const struct module_export *export = report->functions[i];
        cJSON *object = cJSON_CreateObject();
        json_put_text(json, object, "name", export->name);
        json_put_text(json, object, "params", export->params);
        json_put_text(json, object, "results", export->results);
        json_append(json, array, object);
    }
    return array;
}

static cJSON *memory(struct json_writer *json, const struct module_export *export)
{
    if (export == NULL) {
        return cJSON_CreateNull();
    }
    cJSON *object = cJSON_CreateObject();
    bool has_max = export->memory_pages_max != UINT64_MAX;
    json_put(json, object, "pages", cJSON_CreateNumber((double)export->memory_pages));
    json_put(json, object, "pages_max",
             has_max ? cJSON_CreateNumber((double)export->memory_pages_max) : cJSON_CreateNull());
    return object;
}

static cJSON *grants(struct json_writer *json, const struct dialect_report *report)
{
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < report->grant_count; i++) {
        const struct dialect_grant *grant = &report->grants[i];
        cJSON *object = cJSON_CreateObject();
        json_put_text(json, object, "option", grant->option);
        json_put_text(json, object, "value", grant->value);
        json_put_text(json, object, "why", grant->why);
        json_put(json, object, "needed", cJSON_CreateBool(grant->is_needed));
        json_append(json, array, object);
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

static cJSON *commands(struct json_writer *json, const struct dialect_report *report,
                       const char *path)
{
    struct dialect_start starts[CHECK_STARTS_MAX];
    unsigned count = check_starts(report, starts);
    cJSON *array = cJSON_CreateArray();
    for (unsigned i = 0; i < count; i++) {
        json_append(json, array, sentence(report, path, &starts[i]));
    }
    return array;
}

static void fill_core(struct json_writer *json, cJSON *root, const struct dialect_report *report)
{
    const struct dialect_http_abi *abi = dialect_http_abi(report);
    json_put(json, root, "functions", functions(json, report));
    json_put_text(json, root, "role", role_key(report->role));
    json_put(json, root, "memory", memory(json, report->memory));
    if (abi != NULL) {
        json_put_text(json, root, "http_abi", abi->key);
        json_put_text(json, root, "http_releases", abi->releases);
    }
}

static void fill_component(struct json_writer *json, cJSON *root,
                           const struct dialect_report *report)
{
    const char *releases[DIALECT_RELEASES_MAX];
    const char *abilities[CHECK_ABILITIES_MAX];
    unsigned release_count = dialect_releases(report, releases);
    unsigned ability_count = ability_names(report->abilities, /* as_keys */ true, abilities);
    cJSON *exports = cJSON_CreateArray();
    for (uint32_t i = 0; i < report->function_count; i++) {
        json_append(json, exports, cJSON_CreateString(report->functions[i]->name));
    }
    json_put(json, root, "releases", json_texts(json, releases, release_count));
    json_put(json, root, "exports", exports);
    json_put(json, root, "abilities", json_texts(json, abilities, ability_count));
}

static void fill(struct json_writer *json, cJSON *root, const struct dialect_report *report,
                 const char *path)
{
    const char *keys[DIALECT_KEYS_MAX];
    bool is_runnable = check_is_runnable(report);
    bool is_component = report->form == MODULE_COMPONENT;
    unsigned key_count = dialect_names(report, /* as_keys */ true, keys);
    json_put_text(json, root, "module", path);
    json_put_text(json, root, "form", is_component ? "component" : "core");
    json_put(json, root, "runnable", cJSON_CreateBool(is_runnable));
    json_put(json, root, "dialects", json_texts(json, keys, key_count));
    json_put_text(json, root, "entry", entry_key(report->entry));
    if (is_component) {
        fill_component(json, root, report);
    } else {
        fill_core(json, root, report);
    }
    json_put(json, root, "imports", groups(json, report));
    json_put(json, root, "missing", cJSON_CreateNumber(report->missing_count));
    json_put(json, root, "grants", grants(json, report));
    if (is_runnable) {
        struct dialect_start starts[CHECK_STARTS_MAX];
        (void)check_starts(report, starts); /* one at least */
        json_put(json, root, "command", sentence(report, path, &starts[0]));
        json_put(json, root, "commands", commands(json, report, path));
    } else {
        json_put(json, root, "cause", sentence(report, path, /* start */ NULL));
    }
}

int check_json(const struct dialect_report *report, const char *path, struct buffer *out)
{
    struct json_writer json = {0};
    cJSON *root = cJSON_CreateObject();
    fill(&json, root, report, path);
    return json_append_tree(&json, root, out);
}
