/* Texts as strings. See texts.h. */
#include "imports/wasi_cli/texts.h"

#include <string.h>

#include "base/buffer.h"
#include "base/strings.h"
#include "base/utf8.h"

enum { REPLACEMENT_LEN = 3, CHARACTER_MAX = 4 };

static const uint8_t replacement[REPLACEMENT_LEN] = {0xef, 0xbf, 0xbd};

/* -- one text --------------------------------------------------------------------------------- */

/* The length of the character at the front, or 0 when there is none. */
static size_t character_len(struct span text)
{
    for (size_t len = 1; len <= CHARACTER_MAX && len <= text.len; len++) {
        if (utf8_is_valid((struct span){text.data, len})) {
            return len;
        }
    }
    return 0;
}

/* Make it UTF-8 at `to`, which may be NULL to count only. Gives the length. */
static size_t mend(struct span text, uint8_t *to)
{
    size_t len = 0;
    while (text.len > 0) {
        size_t good = character_len(text);
        size_t part = good > 0 ? good : REPLACEMENT_LEN;
        if (to != NULL) {
            memcpy(to + len, good > 0 ? text.data : replacement, part);
        }
        len += part;
        text.data += good > 0 ? good : 1;
        text.len -= good > 0 ? good : 1;
    }
    return len;
}

static size_t mended_len(struct span text)
{
    return utf8_is_valid(text) ? 0 : mend(text, NULL /* to */);
}

/* The text as it is, or mended at *room, which moves on. */
static struct span as_string(struct span text, uint8_t **room)
{
    if (utf8_is_valid(text)) {
        return text;
    }
    struct span mended = {*room, mend(text, *room)};
    *room += mended.len;
    return mended;
}

int32_t text_answer(struct component_call *call, unsigned slot, struct span text)
{
    uint8_t *room = component_scratch(call, mended_len(text));
    if (room == NULL && !utf8_is_valid(text)) {
        return component_trap(call, "out of memory");
    }
    call->results[slot].bytes = as_string(text, &room);
    return 0;
}

/* -- many ------------------------------------------------------------------------------------- */

static bool next_in_buffer(struct texts *texts, struct span *ret_text)
{
    const char *text = texts->at;
    if (texts->left == 0) {
        return false;
    }
    *ret_text = span_of(text);
    texts->at = text + ret_text->len + 1;
    texts->left -= ret_text->len + 1;
    return true;
}

static bool next_in_strings(struct texts *texts, struct span *ret_text)
{
    char *const *item = texts->at;
    if (texts->left == 0) {
        return false;
    }
    *ret_text = span_of(*item);
    texts->at = item + 1;
    texts->left--;
    return true;
}

struct texts texts_of_buffer(const struct buffer *buffer)
{
    return (struct texts){next_in_buffer, buffer->data, buffer->len};
}

struct texts texts_of_strings(const struct strings *strings)
{
    return strings != NULL ? (struct texts){next_in_strings, strings->items, strings->count}
                           : (struct texts){next_in_strings, NULL, 0};
}

void text_split(struct span text, struct span *ret_name, struct span *ret_value)
{
    const uint8_t *sign = text.len > 0 ? memchr(text.data, '=', text.len) : NULL;
    size_t name_len = sign != NULL ? (size_t)(sign - text.data) : text.len;
    size_t value_at = sign != NULL ? name_len + 1 : name_len;
    *ret_name = (struct span){text.data, name_len};
    *ret_value = (struct span){text.data + value_at, text.len - value_at};
}

/* How many there are, and how many bytes mending them takes at most: "=" is a character of its own,
 * so that a pair's halves take as much as the whole. */
static size_t count_texts(struct texts texts, size_t *ret_mended)
{
    size_t count = 0;
    struct span text;
    *ret_mended = 0;
    while (texts.next(&texts, &text)) {
        count++;
        *ret_mended += mended_len(text);
    }
    return count;
}

int32_t texts_answer(struct component_call *call, unsigned slot, struct texts texts, bool as_pairs)
{
    size_t mended = 0;
    size_t count = count_texts(texts, &mended);
    size_t values = as_pairs ? count * 2 : count;
    if (count == 0) {
        call->results[slot].list = (struct component_list){NULL, 0};
        return 0;
    }
    union component_value *items = component_scratch(call, values * sizeof *items + mended);
    if (items == NULL) {
        return component_trap(call, "out of memory");
    }
    uint8_t *room = (uint8_t *)(items + values);
    union component_value *item = items;
    struct span name;
    struct span value;
    while (texts.next(&texts, &name)) {
        if (as_pairs) {
            text_split(name, &name, &value);
            item[1].bytes = as_string(value, &room);
        }
        item->bytes = as_string(name, &room);
        item += as_pairs ? 2 : 1;
    }
    call->results[slot].list = (struct component_list){items, count};
    return 0;
}
