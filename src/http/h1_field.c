/* One header line, in a head or in a trailer section: RFC 9112 section 5. */
#include "http/bytes.h"
#include "http/h1_line.h"

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

bool h1_read_field(uint8_t **at, const uint8_t *end, struct http_header *ret_header)
{
    uint8_t *name = *at;
    uint8_t *colon = name;
    while (colon < end && http_lower[*colon] != 0) {
        *colon = http_lower[*colon];
        colon++;
    }
    /* A blank here would be a folded line or one before the colon. */
    if (colon == name || colon == end || *colon != ':') {
        return false;
    }
    const uint8_t *value = colon + 1;
    const uint8_t *stop = http_skip_value(value, end);
    if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') {
        return false;
    }
    *at = colon + (stop + 2 - colon);
    while (value < stop && is_blank(*value)) {
        value++;
    }
    while (stop > value && is_blank(stop[-1])) {
        stop--;
    }
    ret_header->name = (struct span){name, (size_t)(colon - name)};
    ret_header->value = (struct span){value, (size_t)(stop - value)};
    return true;
}
