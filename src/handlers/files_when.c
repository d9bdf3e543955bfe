/* Dates, entity tags and the conditions that a request may put on them: RFC 9110 section 13, in the
 * order of its section 13.2.2. */
#include <string.h>

#include "handlers/files_internal.h"

enum { ASCTIME_LEN = 24 };

bool files_parse_date(struct span text, time_t *ret_when)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    char copy[64];
    if (text.len < ASCTIME_LEN || text.len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm tm = {0};
        const char *end = strptime(copy, forms[i], &tm);
        if (end != NULL && *end == '\0') {
            *ret_when = timegm(&tm);
            return true;
        }
    }
    return false;
}

static const struct http_header *find(const struct http_inbound *inbound, const char *name)
{
    return http_find_header(inbound->headers, inbound->header_count, name);
}

/* Does a list of entity tags hold this one? "*" holds all. Tags may have commas within their quotes,
 * so this is no list as http_list_next walks it. */
static bool has_tag(struct span list, const char *etag, bool takes_weak)
{
    size_t at = 0;
    if (span_is(http_trim(list), "*")) {
        return true;
    }
    while (at < list.len) {
        uint8_t byte = list.data[at];
        if (byte == ' ' || byte == '\t' || byte == ',') {
            at++;
            continue;
        }
        bool is_weak = list.len - at > 2 && byte == 'W' && list.data[at + 1] == '/';
        at += is_weak ? 2 : 0;
        const uint8_t *end = at + 1 < list.len && list.data[at] == '"'
                                 ? memchr(list.data + at + 1, '"', list.len - at - 1)
                                 : NULL;
        if (end == NULL) {
            return false; /* no tag: what follows cannot be told */
        }
        struct span tag = {list.data + at, (size_t)(end - list.data) - at + 1};
        if ((takes_weak || !is_weak) && span_is(tag, etag)) {
            return true;
        }
        at += tag.len;
    }
    return false;
}

/* A header may come in several lines; each is looked at. */
static bool any_has_tag(const struct http_inbound *inbound, const char *name, const char *etag,
                        bool takes_weak)
{
    for (uint32_t i = 0; i < inbound->header_count; i++) {
        if (span_is(inbound->headers[i].name, name) &&
            has_tag(inbound->headers[i].value, etag, takes_weak)) {
            return true;
        }
    }
    return false;
}

uint16_t files_judge(const struct http_inbound *inbound, const struct file_found *found)
{
    const struct http_header *unmodified = find(inbound, "if-unmodified-since");
    const struct http_header *modified = find(inbound, "if-modified-since");
    time_t when = 0;
    if (find(inbound, "if-match") != NULL) {
        if (!any_has_tag(inbound, "if-match", found->etag, /* takes_weak */ false)) {
            return 412;
        }
    } else if (unmodified != NULL && files_parse_date(unmodified->value, &when) &&
               found->mtime > when) {
        return 412;
    }
    if (find(inbound, "if-none-match") != NULL) {
        return any_has_tag(inbound, "if-none-match", found->etag, /* takes_weak */ true) ? 304 : 0;
    }
    if (modified != NULL && files_parse_date(modified->value, &when) && found->mtime <= when) {
        return 304;
    }
    return 0;
}

bool files_may_range(const struct http_inbound *inbound, const struct file_found *found)
{
    const struct http_header *header = find(inbound, "if-range");
    time_t when = 0;
    if (header == NULL) {
        return true;
    }
    if (header->value.len > 0 && (header->value.data[0] == '"' || header->value.data[0] == 'W')) {
        return span_is(header->value, found->etag);
    }
    return files_parse_date(header->value, &when) && when == found->mtime;
}
