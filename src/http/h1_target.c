/* The request target and the authority: RFC 9112 section 3.2, RFC 3986. */
#include <arpa/inet.h>

#include "base/container.h"
#include "http/bytes.h"
#include "http/h1_line.h"

enum { HOST_MAX = 255, IPV6_MAX = 45, PORT_MAX = 5 };

/* A port of digits, none of them missing: "host:" says nothing that "host" does not. */
static bool is_port(struct span text)
{
    uint32_t port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (i == PORT_MAX || (http_bytes[text.data[i]] & HTTP_DIGIT) == 0) {
            return false;
        }
        port = port * 10 + (uint32_t)(text.data[i] - '0');
    }
    return text.len > 0 && port <= UINT16_MAX;
}

/* `text` begins with "["; no zone, whose meaning ends at its own machine. */
static bool is_ipv6(struct span text)
{
    char copy[IPV6_MAX + 1];
    struct in6_addr address;
    if (text.len < 2 || text.len - 2 > IPV6_MAX || text.data[text.len - 1] != ']') {
        return false;
    }
    memcpy(copy, text.data + 1, text.len - 2);
    copy[text.len - 2] = '\0';
    return strlen(copy) == text.len - 2 && inet_pton(AF_INET6, copy, &address) == 1;
}

/* Labels that are not empty, with one dot behind the last at most. RFC 3986 would have "%" and
 * marks as "," and ";" too, which no name that can be resolved or routed has: they only make two
 * readers disagree. */
static bool is_name(struct span text)
{
    bool is_in_label = false;
    for (size_t i = 0; i < text.len; i++) {
        if ((http_bytes[text.data[i]] & HTTP_HOST) != 0) {
            is_in_label = true;
        } else if (text.data[i] == '.' && is_in_label) {
            is_in_label = false;
        } else {
            return false;
        }
    }
    return text.len > 0 && text.len <= HOST_MAX;
}

bool h1_is_authority(struct span text)
{
    if (text.len == 0) {
        return false;
    }
    bool is_bracketed = text.data[0] == '[';
    const uint8_t *host_end = memchr(text.data, is_bracketed ? ']' : ':', text.len);
    size_t host_len = host_end == NULL ? text.len : (size_t)(host_end - text.data) + is_bracketed;
    struct span host = {text.data, host_len};
    if (!(is_bracketed ? is_ipv6(host) : is_name(host))) {
        return false;
    }
    if (host_len == text.len) {
        return true;
    }
    struct span port = {text.data + host_len + 1, text.len - host_len - 1};
    return text.data[host_len] == ':' && is_port(port);
}

/* Two hexadecimal digits behind a "%". Other servers let less through here and choke later, or
 * decode what is none: RFC 3986 section 2.1 has no such "%", so nobody needs it. */
static bool is_escape(const uint8_t *at, const uint8_t *end)
{
    return end - at >= 3 && (http_bytes[at[1]] & HTTP_HEX) != 0 &&
           (http_bytes[at[2]] & HTTP_HEX) != 0;
}

/* Check the bytes of a path with its query, and split it at the first "?". */
static bool split(struct span text, struct span *ret_path, struct span *ret_query,
                  bool *ret_has_query)
{
    const uint8_t *end = text.data + text.len;
    const uint8_t *mark = NULL; /* the first "?" */
    for (const uint8_t *at = text.data; at < end; at++) {
        if ((http_bytes[*at] & HTTP_TARGET) != 0) {
            continue;
        }
        if (*at == '?') {
            mark = mark == NULL ? at : mark;
        } else if (*at != '%' || !is_escape(at, end)) {
            return false;
        }
    }
    const uint8_t *path_end = mark == NULL ? end : mark;
    const uint8_t *query = mark == NULL ? end : mark + 1;
    *ret_path = (struct span){text.data, (size_t)(path_end - text.data)};
    *ret_query = (struct span){query, (size_t)(end - query)};
    *ret_has_query = mark != NULL;
    return true;
}

bool h1_split_target(struct span target, struct span *ret_path, struct span *ret_query,
                     bool *ret_has_query)
{
    return target.len > 0 && target.data[0] == '/' &&
           split(target, ret_path, ret_query, ret_has_query);
}

/* The absolute form: what a proxy is asked. A server has to take it too (section 3.2.2). */
static int read_absolute(struct span target, struct h1_head *head)
{
    static const char *const schemes[] = {"http", "https"};
    const uint8_t *colon = memchr(target.data, ':', target.len);
    size_t scheme_len = colon == NULL ? 0 : (size_t)(colon - target.data);
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        if (http_is_name((struct span){target.data, scheme_len}, schemes[i])) {
            head->scheme = span_of(schemes[i]);
        }
    }
    struct span rest = {target.data + scheme_len, target.len - scheme_len};
    if (head->scheme.len == 0 || rest.len < 3 || memcmp(rest.data, "://", 3) != 0) {
        return 400;
    }
    rest = (struct span){rest.data + 3, rest.len - 3};
    size_t len = 0;
    while (len < rest.len && rest.data[len] != '/' && rest.data[len] != '?') {
        len++;
    }
    head->authority = (struct span){rest.data, len};
    rest = (struct span){rest.data + len, rest.len - len};
    if (!h1_is_authority(head->authority) ||
        !split(rest, &head->path, &head->query, &head->has_query)) {
        return 400;
    }
    if (head->path.len == 0) {
        /* Section 3.2.4: without path and query, OPTIONS asks about the server as a whole. */
        bool is_whole = !head->has_query && span_is(head->method, "OPTIONS");
        head->path = span_of(is_whole ? "*" : "/");
    }
    return 0;
}

int h1_read_target(struct h1_head *head)
{
    struct span target = head->target;
    if (span_is(head->method, "CONNECT")) {
        return 501;
    }
    if (target.len > 0 && target.data[0] == '/') {
        return split(target, &head->path, &head->query, &head->has_query) ? 0 : 400;
    }
    if (span_is(target, "*")) {
        head->path = target;
        return span_is(head->method, "OPTIONS") ? 0 : 400;
    }
    return read_absolute(target, head);
}
