/* Places in JSON text. See json_text.h.
 *
 * cJSON has accepted the text, so that only strings and brackets have to be told apart here. What is
 * read past its end is "not there" all the same. */
#include "oci/json_text.h"

#include <string.h>

#include <cjson/cJSON.h>

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

static void skip_blanks(struct reader *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r')) {
        in->at++;
    }
}

static bool take(struct reader *in, uint8_t byte)
{
    skip_blanks(in);
    if (in->at == in->end || *in->at != byte) {
        return false;
    }
    in->at++;
    return true;
}

/* Read a string, and give what stands between its quotes. */
static bool take_string(struct reader *in, struct span *ret_raw)
{
    if (!take(in, '"')) {
        return false;
    }
    const uint8_t *begin = in->at;
    while (in->at < in->end && *in->at != '"') {
        in->at += *in->at == '\\' && in->end - in->at > 1 ? 2 : 1;
    }
    if (in->at == in->end) {
        return false;
    }
    *ret_raw = (struct span){begin, (size_t)(in->at - begin)};
    in->at++;
    return true;
}

static bool is_end_of_plain(uint8_t byte)
{
    return byte == ',' || byte == '}' || byte == ']' || byte == ' ' || byte == '\t' ||
           byte == '\n' || byte == '\r';
}

/* Skip an object or an array, whichever way brackets pair: a parser has looked at that. */
static bool skip_nested(struct reader *in)
{
    size_t depth = 0;
    do {
        struct span raw;
        if (in->at == in->end) {
            return false;
        }
        if (*in->at == '"') {
            if (!take_string(in, &raw)) {
                return false;
            }
            continue;
        }
        if (*in->at == '{' || *in->at == '[') {
            depth++;
        } else if (*in->at == '}' || *in->at == ']') {
            depth--;
        }
        in->at++;
    } while (depth > 0);
    return true;
}

static bool take_value(struct reader *in, struct span *ret_value)
{
    skip_blanks(in);
    const uint8_t *begin = in->at;
    struct span raw;
    bool is_there = in->at < in->end;
    if (is_there && *in->at == '"') {
        is_there = take_string(in, &raw);
    } else if (is_there && (*in->at == '{' || *in->at == '[')) {
        is_there = skip_nested(in);
    } else {
        while (in->at < in->end && !is_end_of_plain(*in->at)) {
            in->at++;
        }
    }
    *ret_value = (struct span){begin, (size_t)(in->at - begin)};
    return is_there && in->at > begin;
}

bool json_text_member(struct span object, const char *key, struct span *ret_value)
{
    struct reader in = {object.data, object.data + object.len};
    struct span found = {0};
    unsigned count = 0;
    if (object.len == 0 || !take(&in, '{')) {
        return false;
    }
    do {
        struct span name;
        struct span value;
        if (!take_string(&in, &name) || !take(&in, ':') || !take_value(&in, &value)) {
            break; /* an empty object, too */
        }
        if (span_is(name, key)) {
            found = value;
            count++;
        }
    } while (take(&in, ','));
    if (count != 1) {
        return false;
    }
    *ret_value = found;
    return true;
}

/* Tell whether the text has what cJSON takes and others do not: control characters where blanks may
 * stand, and the character U+0000 in a string, where its own strings end. */
static bool is_strange(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r') {
            return true;
        }
        if (byte != '\\') {
            continue;
        }
        if (text.len - i >= 6 && memcmp(text.data + i, "\\u0000", 6) == 0) {
            return true;
        }
        i++; /* what is escaped escapes nothing */
    }
    return false;
}

struct cJSON *json_text_parse(struct span text)
{
    const char *end = NULL;
    if (text.len == 0 || is_strange(text)) {
        return NULL;
    }
    const char *begin = (const char *)text.data;
    struct cJSON *tree = cJSON_ParseWithLengthOpts(begin, text.len, &end, /* terminated */ 0);
    while (tree != NULL && end < begin + text.len &&
           (*end == ' ' || *end == '\t' || *end == '\n' || *end == '\r')) {
        end++;
    }
    if (tree != NULL && end != begin + text.len) {
        cJSON_Delete(tree);
        return NULL;
    }
    return tree;
}
