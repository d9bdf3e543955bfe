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

bool http_is_same_name(struct span a, struct span b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (to_lower(a.data[i]) != to_lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

/* Lower-case names. A bit for each length that one has tells most others at once: every header of
 * every message is looked up. */
struct name_set {
    uint64_t lengths;
    size_t count;
    const char *const *names;
};

static bool is_in(const struct name_set *set, struct span name)
{
    if (name.len > 63 || (set->lengths >> name.len & 1) == 0) {
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (http_is_name(name, set->names[i])) {
            return true;
        }
    }
    return false;
}

bool http_is_hop_by_hop(struct span name)
{
    static const char *const names[] = {
        "te",
        "upgrade",
        "connection",
        "keep-alive",
        "http2-settings",
        "proxy-connection",
        "transfer-encoding",
    };
    static const struct name_set set = {
        1U << 2 | 1U << 7 | 1U << 10 | 1U << 14 | 1U << 16 | 1U << 17, ARRAY_COUNT(names), names};
    return is_in(&set, name);
}

bool http_is_framing(struct span name)
{
    static const char *const names[] = {"trailer", "content-length", "transfer-encoding"};
    static const struct name_set set = {1U << 7 | 1U << 14 | 1U << 17, ARRAY_COUNT(names), names};
    return is_in(&set, name);
}

bool http_is_ours(struct span name)
{
    static const char *const names[] = {"date", "server", "content-length"};
    static const struct name_set set = {1U << 4 | 1U << 6 | 1U << 14, ARRAY_COUNT(names), names};
    return is_in(&set, name) || http_is_hop_by_hop(name);
}

bool http_is_forbidden_trailer(struct span name)
{
    /* Authentication-Info and Content-Digest are meant for trailers, and so not among these. */
    static const char *const names[] = {
        /* routing */
        "host", "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
        "x-real-ip",
        /* authentication */
        "authorization", "cookie", "proxy-authenticate", "proxy-authorization", "set-cookie",
        "www-authenticate",
        /* request modifiers */
        "cache-control", "expect", "if-match", "if-modified-since", "if-none-match", "if-range",
        "if-unmodified-since", "max-forwards", "pragma", "range",
        /* response controls */
        "age", "expires", "location", "retry-after", "status", "vary", "warning",
        /* how the content is to be read */
        "content-disposition", "content-encoding", "content-language", "content-location",
        "content-range", "content-type"};
    static const struct name_set set = {UINT64_MAX, ARRAY_COUNT(names),
                                        names}; /* trailers are few */
    return http_is_ours(name) || http_is_framing(name) || is_in(&set, name);
}

bool http_is_trailer(const struct http_header *line)
{
    return http_is_token(line->name) && http_is_value(line->value) &&
           !http_is_forbidden_trailer(line->name);
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
