/* From the crate's stream of values to a tree. See toml.h.
 *
 * A value comes with its depth, a table or array before what it holds; `open` has the innermost one
 * at each depth, so that a value finds its owner one level up. */
#include "config/toml.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32 }; /* the crate stops at 24 */

struct reading {
    toml_error_fn *on_error;
    void *env;
    struct toml_value *open[DEPTH_MAX + 1];
    int result; /* -ENOMEM when it was the visitor that stopped */
};

static const char *copy_bytes(char **to, const char *bytes, size_t len)
{
    char *copy = *to;
    if (bytes == NULL) {
        return NULL;
    }
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    copy[len] = '\0';
    *to = copy + len + 1;
    return copy;
}

/* A value and its strings in one block. */
static struct toml_value *new_value(const struct toml_item *item)
{
    size_t size = sizeof(struct toml_value) + item->key_len + item->text_len + 2;
    struct toml_value *value = calloc(1, size);
    if (value == NULL) {
        return NULL;
    }
    char *strings = (char *)(value + 1);
    value->type = (enum toml_type)item->type;
    value->place = (struct serve_place){item->line, item->column};
    value->key_place = (struct serve_place){item->key_line, item->key_column};
    value->key = copy_bytes(&strings, item->key, item->key_len);
    value->text = copy_bytes(&strings, item->text, item->text_len);
    return value;
}

static void append(struct toml_value *owner, struct toml_value *value)
{
    if (owner->last != NULL) {
        owner->last->next = value;
    } else {
        owner->first = value;
    }
    owner->last = value;
    owner->count++;
}

static bool on_item(void *env, const struct toml_item *item)
{
    struct reading *reading = env;
    if (item->depth >= DEPTH_MAX || item->type > TOML_ERROR) {
        reading->result = -EPROTO;
        return false;
    }
    struct toml_value *value = new_value(item);
    if (value == NULL) {
        reading->result = -ENOMEM;
        return false;
    }
    if (item->type == TOML_ERROR) {
        reading->on_error(reading->env, value->place, value->text);
        toml_free(value);
        return true;
    }
    struct toml_value *owner = reading->open[item->depth];
    assert(owner != NULL); /* the crate's order */
    append(owner, value);
    reading->open[item->depth + 1] = value;
    return true;
}

int toml_parse(const char *text, size_t len, toml_error_fn *on_error, void *env,
               struct toml_value **ret_root)
{
    struct reading reading = {.on_error = on_error, .env = env};
    struct toml_value *root = toml_new_text(TOML_TABLE, "");
    if (root == NULL) {
        return -ENOMEM;
    }
    reading.open[0] = root;
    int32_t status = hythe_toml_read(text, len, on_item, &reading);
    int r = status == 0 ? 0 : -EINVAL;
    if (reading.result < 0) {
        r = reading.result;
    }
    if (r < 0) {
        toml_free(root);
        return r;
    }
    *ret_root = root;
    return 0;
}

struct toml_value *toml_new_text(enum toml_type type, const char *text)
{
    const struct toml_item item = {.type = (uint32_t)type, .text = text, .text_len = strlen(text)};
    return new_value(&item);
}

void toml_free(struct toml_value *value)
{
    if (value == NULL) {
        return;
    }
    for (struct toml_value *item = value->first; item != NULL;) {
        struct toml_value *next = item->next;
        toml_free(item); /* no deeper than DEPTH_MAX */
        item = next;
    }
    free(value);
}

const struct toml_value *toml_get(const struct toml_value *table, const char *key)
{
    const struct toml_value *value =
        table != NULL && table->type == TOML_TABLE ? table->first : NULL;
    while (value != NULL && strcmp(value->key, key) != 0) {
        value = value->next;
    }
    return value;
}

const char *toml_type_name(enum toml_type type)
{
    static const char *const names[] = {
        [TOML_TABLE] = "a table",    [TOML_ARRAY] = "a list",     [TOML_STRING] = "a string",
        [TOML_INTEGER] = "a number", [TOML_FLOAT] = "a fraction", [TOML_BOOLEAN] = "true or false",
        [TOML_DATETIME] = "a date",  [TOML_ERROR] = "wrong",
    };
    return names[type];
}
