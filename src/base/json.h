/* The few ways in which JSON is read and written, by cJSON. Strings are borrowed from the tree. */
#ifndef HYTHE_BASE_JSON_H
#define HYTHE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/span.h"
#include "base/strings.h"

/* Read an object. 0 with the tree, which cJSON_Delete releases; -EBADMSG with a reason that begins
 * with `what`; or -ENOMEM. */
int json_parse(const char *what, struct span text, cJSON **ret_tree, struct error *err);

/* The text of a member, or NULL. */
const char *json_text(const cJSON *object, const char *key);

/* The number of a member that is an unsigned integer. 0 or -EINVAL. */
int json_u64(const cJSON *object, const char *key, uint64_t *ret_value);

/* Append the texts of a member that is a list of them, or absent, or null. 0, -EINVAL or -ENOMEM. */
int json_strings(const cJSON *object, const char *key, struct strings *list);

/* A tree that is being made: an item that memory lacks for is noted here. */
struct json_writer {
    bool has_failed;
};

/* A new array of texts; NULL without memory. */
cJSON *json_texts(struct json_writer *writer, const char *const *items, size_t count);

/* Add an item, which the object or array owns from here on; NULL is noted, on either side. */
void json_put(struct json_writer *writer, cJSON *object, const char *key, cJSON *item);
void json_append(struct json_writer *writer, cJSON *array, cJSON *item);
void json_put_text(struct json_writer *writer, cJSON *object, const char *key, const char *text);
void json_put_u64(struct json_writer *writer, cJSON *object, const char *key, uint64_t value);
void json_put_strings(struct json_writer *writer, cJSON *object, const char *key,
                      const struct strings *list);

/* Write a tree without blanks and release it; free() releases the text. 0 or -ENOMEM. */
int json_finish(struct json_writer *writer, cJSON *tree, char **ret_text);

/* The same to the end of a buffer. 0, -ENOMEM or -EMSGSIZE. */
int json_append_tree(struct json_writer *writer, cJSON *tree, struct buffer *out);

#endif
