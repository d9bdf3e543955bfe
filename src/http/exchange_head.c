/* The head of a response: lines to places in one buffer. See exchange.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "http/exchange.h"

enum { PLACES_FIRST = 16 };

static bool make_place(struct http_exchange *exchange)
{
    if (exchange->place_count < exchange->place_cap) {
        return true;
    }
    uint32_t cap = exchange->place_cap == 0 ? PLACES_FIRST : exchange->place_cap * 2;
    struct header_place *places = realloc(exchange->places, cap * sizeof *places);
    if (places == NULL) {
        return false;
    }
    exchange->places = places;
    exchange->place_cap = cap;
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

/* Append bytes to the head and give where they stand. */
static bool put(struct http_exchange *exchange, struct span bytes, uint32_t *ret_place)
{
    *ret_place = (uint32_t)exchange->head.len;
    return buffer_append(&exchange->head, bytes) == 0;
}

/* A line that begins with a blank goes on with the value of the one before (RFC 9112 5.2); that
 * value is the last thing in the head. */
static bool add_folded(struct http_exchange *exchange, struct span line)
{
    uint32_t at = 0;
    struct span more = trim(line);
    if (exchange->place_count == 0 || more.len == 0) {
        return true;
    }
    if (!put(exchange, span_of(" "), &at) || !put(exchange, more, &at)) {
        return false;
    }
    exchange->places[exchange->place_count - 1].value_len += (uint32_t)more.len + 1;
    return true;
}

bool exchange_add_line(struct http_exchange *exchange, struct span line)
{
    if (line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t')) {
        return add_folded(exchange, line);
    }
    const uint8_t *colon = line.len > 0 ? memchr(line.data, ':', line.len) : NULL;
    if (colon == NULL || colon == line.data) {
        return true; /* no header */
    }
    struct span name = trim((struct span){line.data, (size_t)(colon - line.data)});
    struct span value = trim((struct span){colon + 1, (size_t)(line.data + line.len - colon) - 1});
    struct header_place place = {.name_len = (uint32_t)name.len, .value_len = (uint32_t)value.len};
    if (!make_place(exchange) || !put(exchange, name, &place.name) ||
        !put(exchange, value, &place.value)) {
        return false;
    }
    for (uint32_t i = 0; i < place.name_len; i++) {
        uint8_t *at = &exchange->head.data[place.name + i];
        *at = (uint8_t)tolower(*at);
    }
    exchange->places[exchange->place_count] = place;
    exchange->place_count++;
    return true;
}

void exchange_clear_head(struct http_exchange *exchange)
{
    exchange->head.len = 0;
    exchange->place_count = 0;
}

uint32_t http_exchange_header_count(const struct http_exchange *exchange)
{
    return exchange->place_count;
}

struct http_header http_exchange_header(const struct http_exchange *exchange, uint32_t index)
{
    const struct header_place *place = &exchange->places[index];
    const uint8_t *head = exchange->head.data;
    return (struct http_header){{head + place->name, place->name_len},
                                {head + place->value, place->value_len}};
}

struct span exchange_find_header(const struct http_exchange *exchange, const char *name)
{
    for (uint32_t i = 0; i < exchange->place_count; i++) {
        struct http_header header = http_exchange_header(exchange, i);
        if (span_is(header.name, name)) {
            return header.value;
        }
    }
    return (struct span){NULL, 0};
}
