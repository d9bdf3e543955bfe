/* Members of JSON objects as places in the text, so that a text can be changed in one place and be
 * the same byte for byte in all others: numbers past 2^53, unknown members and their order stay. */
#ifndef HYTHE_OCI_JSON_TEXT_H
#define HYTHE_OCI_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct cJSON;

/* Find the value of `key` in `object`, the text of an object from its brace on that a parser has
 * accepted. False when the key is not there, or more than once: readers differ on which one counts. */
bool json_text_member(struct span object, const char *key, struct span *ret_value);

/* Parse text that must be one JSON value and nothing else; NULL when it is not, or holds a NUL
 * character or other control characters that JSON does not know. The caller deletes it. */
struct cJSON *json_text_parse(struct span text);

#endif
