/* The head of a response: lines to places in one buffer. See exchange.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "http/exchange.h"

enum { PLACES_FIRST = 16 };

static bool make_place(struct field_lines *lines)
{
    if (lines->count < lines->cap) {
        return true;
    }
    uint32_t cap = lines->cap == 0 ? PLACES_FIRST : lines->cap * 2;
    struct header_place *places = realloc(lines->places, cap * sizeof *places);
    if (places == NULL) {
        return false;
    }
    lines->places = places;
    lines->cap = cap;
    return true;
}

static struct span trim(struct span text)
{
    while (text.len > 0 && isspace(text.data[text.len - 1])) {
        text.len--;
    }
    while (text.len > 0 && isspace(text.data[0])) {
        text.data++;
        text.len--;
    }
    return text;
}

/* Append bytes and give where they stand. */
static bool put(struct field_lines *lines, struct span bytes, uint32_t *ret_place)
{
    *ret_place = (uint32_t)lines->bytes.len;
    return buffer_append(&lines->bytes, bytes) == 0;
}

/* A line that begins with a blank goes on with the value of the one before (RFC 9112 5.2); that
 * value is the last thing in the bytes. */
static bool add_folded(struct field_lines *lines, struct span line)
{
    uint32_t at = 0;
    struct span more = trim(line);
    if (lines->count == 0 || more.len == 0) {
        return true;
    }
    if (!put(lines, span_of(" "), &at) || !put(lines, more, &at)) {
        return false;
    }
    lines->places[lines->count - 1].value_len += (uint32_t)more.len + 1;
    return true;
}

static bool add_line(struct field_lines *lines, struct span line)
{
    if (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t')) {
        return add_folded(lines, line);
    }
    const uint8_t *colon = line.len > 0 ? memchr(line.data, ':', line.len) : NULL;
    if (colon == NULL || colon == line.data) {
        return true; /* no header */
    }
    struct span name = trim((struct span){line.data, (size_t)(colon - line.data)});
    struct span value = trim((struct span){colon + 1, (size_t)(line.data + line.len - colon) - 1});
    struct header_place place = {.name_len = (uint32_t)name.len, .value_len = (uint32_t)value.len};
    if (!make_place(lines) || !put(lines, name, &place.name) || !put(lines, value, &place.value)) {
        return false;
    }
    for (uint32_t i = 0; i < place.name_len; i++) {
        uint8_t *at = &lines->bytes.data[place.name + i];
        *at = (uint8_t)tolower(*at);
    }
    lines->places[lines->count] = place;
    lines->count++;
    return true;
}

static struct http_header get_line(const struct field_lines *lines, uint32_t index)
{
    const struct header_place *place = &lines->places[index];
    const uint8_t *bytes = lines->bytes.data;
    if (bytes == NULL) { /* all lines so far were empty on both sides of their colon */
        return (struct http_header){{NULL, 0}, {NULL, 0}};
    }
    return (struct http_header){{bytes + place->name, place->name_len},
                                {bytes + place->value, place->value_len}};
}

void field_lines_done(struct field_lines *lines)
{
    buffer_done(&lines->bytes);
    free(lines->places);
    *lines = (struct field_lines){0};
}

/* -- the head --------------------------------------------------------------------------------- */

bool exchange_add_line(struct http_exchange *exchange, struct span line)
{
    return add_line(&exchange->head, line);
}

void exchange_clear_head(struct http_exchange *exchange)
{
    exchange->head.bytes.len = 0;
    exchange->head.count = 0;
}

uint32_t http_exchange_header_count(const struct http_exchange *exchange)
{
    return exchange->head.count;
}

struct http_header http_exchange_header(const struct http_exchange *exchange, uint32_t index)
{
    return get_line(&exchange->head, index);
}

struct span exchange_find_header(const struct http_exchange *exchange, const char *name)
{
    for (uint32_t i = 0; i < exchange->head.count; i++) {
        struct http_header header = get_line(&exchange->head, i);
        if (span_is(header.name, name)) {
            return header.value;
        }
    }
    return (struct span){NULL, 0};
}

bool exchange_has_two_lengths(const struct http_exchange *exchange)
{
    struct span first = exchange_find_header(exchange, "content-length");
    for (uint32_t i = 0; first.data != NULL && i < exchange->head.count; i++) {
        struct http_header header = get_line(&exchange->head, i);
        if (span_is(header.name, "content-length") &&
            (header.value.len != first.len ||
             memcmp(header.value.data, first.data, first.len) != 0)) {
            return true;
        }
    }
    return false;
}

/* -- trailers --------------------------------------------------------------------------------- */

bool exchange_add_trailer(struct http_exchange *exchange, struct span line)
{
    struct field_lines *lines = &exchange->trailers;
    uint32_t cap = lines->cap;
    if (!add_line(lines, line)) {
        return false;
    }
    if (lines->cap == cap) {
        return true;
    }
    struct http_header *headers = realloc(exchange->trailer_headers, lines->cap * sizeof *headers);
    if (headers == NULL) {
        return false;
    }
    exchange->trailer_headers = headers;
    return true;
}

uint32_t http_exchange_trailers(struct http_exchange *exchange, const struct http_header **ret)
{
    uint32_t count = 0;
    bool is_whole = exchange->is_received || exchange->state == EXCHANGE_DONE;
    for (uint32_t i = 0; is_whole && i < exchange->trailers.count; i++) {
        struct http_header header = get_line(&exchange->trailers, i);
        if (http_is_trailer(&header)) {
            exchange->trailer_headers[count] = header;
            count++;
        }
    }
    *ret = exchange->trailer_headers;
    return count;
}
