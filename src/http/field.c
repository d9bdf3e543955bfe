/* What a header line may be. See field.h. */
#include "http/field.h"

#include "base/container.h"
#include "http/bytes.h"

bool http_is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((http_bytes[text.data[i]] & HTTP_TOKEN) == 0) {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

bool http_is_value(struct span text)
{
    if (text.len == 0) {
        return true;
    }
    const uint8_t *end = text.data + text.len;
    return !is_blank(text.data[0]) && !is_blank(end[-1]) && http_skip_value(text.data, end) == end;
}

struct span http_trim(struct span text)
{
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    return text;
}

static uint8_t to_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool http_is_name(struct span text, const char *name)
{
    if (text.len != strlen(name)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (to_lower(text.data[i]) != (uint8_t)name[i]) {
            return false;
        }
    }
    return true;
}

static bool is_one_of(struct span name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (span_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

bool http_is_hop_by_hop(struct span name)
{
    static const char *const names[] = {
        "connection",        "keep-alive", "proxy-connection", "te",
        "transfer-encoding", "upgrade",    "http2-settings",
    };
    return is_one_of(name, names, ARRAY_COUNT(names));
}

bool http_is_forbidden_trailer(struct span name)
{
    /* Authentication-Info and Content-Digest are meant for trailers, and so not among these. */
    static const char *const names[] = {
        /* framing and routing */
        "content-length", "host", "trailer", "forwarded", "via", "x-forwarded-for",
        "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
        /* authentication */
        "authorization", "cookie", "proxy-authenticate", "proxy-authorization", "set-cookie",
        "www-authenticate",
        /* request modifiers */
        "cache-control", "expect", "if-match", "if-modified-since", "if-none-match", "if-range",
        "if-unmodified-since", "max-forwards", "pragma", "range",
        /* response controls */
        "age", "date", "expires", "location", "retry-after", "status", "vary", "warning",
        /* how the content is to be read */
        "content-disposition", "content-encoding", "content-language", "content-location",
        "content-range", "content-type"};
    return http_is_hop_by_hop(name) || is_one_of(name, names, ARRAY_COUNT(names));
}

/* How far the first element reaches: to a comma that is in no quoted string. */
static size_t element_len(struct span rest)
{
    bool is_quoted = false;
    for (size_t i = 0; i < rest.len; i++) {
        uint8_t byte = rest.data[i];
        if (byte == ',' && !is_quoted) {
            return i;
        }
        if (byte == '\\' && is_quoted) {
            i++;
        }
        is_quoted ^= byte == '"';
    }
    return rest.len;
}

bool http_list_next(struct span *rest, struct span *ret_element)
{
    while (rest->len > 0) {
        size_t len = element_len(*rest);
        struct span element = http_trim((struct span){rest->data, len});
        size_t used = len < rest->len ? len + 1 : len;
        rest->data += used;
        rest->len -= used;
        if (element.len > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

const struct http_header *http_find_header(const struct http_header *headers, uint32_t count,
                                           const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (span_is(headers[i].name, name)) {
            return &headers[i];
        }
    }
    return NULL;
}
