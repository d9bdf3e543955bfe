/* JSON by cJSON. See json.h. */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int json_parse(const char *what, struct span text, cJSON **ret_tree, struct error *err)
{
    if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL) {
        return error_set(err, -EBADMSG, "%s: it is no JSON: there is a NUL in it", what);
    }
    cJSON *tree = cJSON_ParseWithLength((const char *)text.data, text.len);
    if (!cJSON_IsObject(tree)) {
        cJSON_Delete(tree);
        return error_set(err, -EBADMSG, "%s: it is no JSON object", what);
    }
    *ret_tree = tree;
    return 0;
}

const char *json_text(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

int json_u64(const cJSON *object, const char *key, uint64_t *ret_value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    /* A double: beyond 2^53 it is no exact number, and no size of anything. */
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 9e15) {
        return -EINVAL;
    }
    *ret_value = (uint64_t)item->valuedouble;
    return (double)*ret_value == item->valuedouble ? 0 : -EINVAL;
}

int json_strings(const cJSON *object, const char *key, struct strings *list)
{
    const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, key);
    const cJSON *item = NULL;
    if (array == NULL || cJSON_IsNull(array)) {
        return 0;
    }
    if (!cJSON_IsArray(array)) {
        return -EINVAL;
    }
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item)) {
            return -EINVAL;
        }
        if (strings_add(list, item->valuestring) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

void json_put(struct json_writer *writer, cJSON *object, const char *key, cJSON *item)
{
    if (item == NULL || !cJSON_AddItemToObject(object, key, item)) {
        cJSON_Delete(item);
        writer->has_failed = true;
    }
}

void json_append(struct json_writer *writer, cJSON *array, cJSON *item)
{
    if (item == NULL || !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        writer->has_failed = true;
    }
}

void json_put_text(struct json_writer *writer, cJSON *object, const char *key, const char *text)
{
    json_put(writer, object, key, cJSON_CreateString(text));
}

void json_put_u64(struct json_writer *writer, cJSON *object, const char *key, uint64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, value); /* always fits */
    json_put(writer, object, key, cJSON_CreateRaw(digits));
}

cJSON *json_texts(struct json_writer *writer, const char *const *items, size_t count)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        json_append(writer, array, cJSON_CreateString(items[i]));
    }
    return array;
}

void json_put_strings(struct json_writer *writer, cJSON *object, const char *key,
                      const struct strings *list)
{
    const char *const *items = (const char *const *)list->items;
    json_put(writer, object, key, json_texts(writer, items, list->count));
}

int json_finish(struct json_writer *writer, cJSON *tree, char **ret_text)
{
    char *text = writer->has_failed ? NULL : cJSON_PrintUnformatted(tree);
    cJSON_Delete(tree);
    if (text == NULL) {
        return -ENOMEM;
    }
    *ret_text = text;
    return 0;
}

int json_append_tree(struct json_writer *writer, cJSON *tree, struct buffer *out)
{
    char *text = NULL;
    int r = json_finish(writer, tree, &text);
    if (r == 0) {
        r = buffer_append(out, span_of(text));
        cJSON_free(text);
    }
    return r;
}
