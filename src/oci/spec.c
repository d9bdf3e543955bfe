/* Reading config.json. See spec.h.
 *
 * The parts are found as places in the text and parsed one by one, so that what is read is what is
 * replaced, also in a text that two readers would understand differently. */
#include "oci/spec.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "oci/json_text.h"

/* Parse the value of `key` in `object`, whose tree is `all`. False when it is there and cannot be
 * used: twice or under an escaped name, too, for readers differ on what such an object says. */
static bool parse_optional(struct span object, const struct cJSON *all, const char *key,
                           struct cJSON **ret_tree)
{
    struct span text;
    if (!json_text_member(object, key, &text)) {
        *ret_tree = NULL;
        return cJSON_GetObjectItemCaseSensitive(all, key) == NULL;
    }
    *ret_tree = json_text_parse(text);
    return *ret_tree != NULL;
}

/* Borrow all strings of an array. False when one is something else, or memory is out. */
static bool read_strings(const struct cJSON *array, const char ***ret_items, size_t *ret_count)
{
    const struct cJSON *item = NULL;
    size_t count = 0;
    int size = cJSON_IsArray(array) ? cJSON_GetArraySize(array) : 0;
    const char **items = calloc((size_t)size + 1, sizeof *items);
    if (items == NULL) {
        return false;
    }
    *ret_items = items; /* released by spec_done, whatever follows */
    cJSON_ArrayForEach(item, array)
    {
        const char *text = cJSON_GetStringValue(item);
        if (text == NULL) {
            return false;
        }
        items[count] = text;
        count++;
    }
    *ret_count = count;
    return true;
}

static bool has_devices(const struct spec *spec)
{
    const struct cJSON *mount = NULL;
    cJSON_ArrayForEach(mount, spec->mounts)
    {
        const char *type = json_text(mount, "type");
        const char *destination = json_text(mount, "destination");
        if (type != NULL && destination != NULL && strcmp(type, "tmpfs") == 0 &&
            strcmp(destination, "/dev") == 0) {
            return true;
        }
    }
    return false;
}

static bool read_process(struct spec *spec, struct span process)
{
    spec->process = json_text_parse(process);
    if (spec->process == NULL || !json_text_member(process, "args", &spec->args_text)) {
        return false;
    }
    spec->cwd = json_text(spec->process, "cwd");
    spec->cwd = spec->cwd != NULL ? spec->cwd : "/";
    return read_strings(cJSON_GetObjectItemCaseSensitive(spec->process, "args"), &spec->args,
                        &spec->arg_count) &&
           spec->arg_count > 0 &&
           read_strings(cJSON_GetObjectItemCaseSensitive(spec->process, "env"), &spec->env,
                        &spec->env_count);
}

static bool read_parts(struct spec *spec)
{
    struct span process;
    struct cJSON *all = json_text_parse(spec->text);
    bool is_read = cJSON_IsObject(all) && json_text_member(spec->text, "process", &process) &&
                   read_process(spec, process) &&
                   parse_optional(spec->text, all, "root", &spec->root) &&
                   parse_optional(spec->text, all, "mounts", &spec->mounts) &&
                   parse_optional(spec->text, all, "annotations", &spec->annotations);
    cJSON_Delete(all);
    if (!is_read) {
        return false;
    }
    spec->root_path = json_text(spec->root, "path");
    if (cJSON_IsArray(spec->mounts)) {
        (void)json_text_member(spec->text, "mounts", &spec->mounts_text); /* just parsed */
    }
    spec->has_devices = has_devices(spec);
    /* A "mounts" that is null has its place, and is no list. */
    return spec->root_path != NULL && (spec->mounts == NULL || cJSON_IsArray(spec->mounts));
}

bool spec_read(struct spec *spec, struct span text)
{
    *spec = (struct spec){0};
    while (text.len > 0 && isspace(text.data[0])) {
        text = (struct span){text.data + 1, text.len - 1};
    }
    spec->text = text;
    if (!read_parts(spec)) {
        spec_done(spec);
        return false;
    }
    return true;
}

void spec_done(struct spec *spec)
{
    cJSON_Delete(spec->process);
    cJSON_Delete(spec->root);
    cJSON_Delete(spec->mounts);
    cJSON_Delete(spec->annotations);
    free(spec->args);
    free(spec->env);
    *spec = (struct spec){0};
}

const char *spec_annotation(const struct spec *spec, const char *name)
{
    return json_text(spec->annotations, name);
}

const char *spec_env(const struct spec *spec, const char *name)
{
    size_t len = strlen(name);
    const char *value = NULL;
    for (size_t i = 0; i < spec->env_count; i++) {
        if (strncmp(spec->env[i], name, len) == 0 && spec->env[i][len] == '=') {
            value = spec->env[i] + len + 1;
        }
    }
    return value;
}

static bool is_bind(const struct cJSON *mount)
{
    const char *type = json_text(mount, "type");
    if (type != NULL && strcmp(type, "bind") == 0) {
        return true;
    }
    const struct cJSON *option = NULL;
    cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(mount, "options"))
    {
        const char *text = cJSON_GetStringValue(option);
        if (text != NULL && (strcmp(text, "bind") == 0 || strcmp(text, "rbind") == 0)) {
            return true;
        }
    }
    return false;
}

bool spec_bind_at(const struct spec *spec, size_t index, struct spec_bind *ret_bind)
{
    const struct cJSON *mount = NULL;
    cJSON_ArrayForEach(mount, spec->mounts)
    {
        const char *source = json_text(mount, "source");
        const char *destination = json_text(mount, "destination");
        if (source == NULL || destination == NULL || !is_bind(mount)) {
            continue;
        }
        if (index == 0) {
            *ret_bind = (struct spec_bind){source, destination};
            return true;
        }
        index--;
    }
    return false;
}
