/* The head of an HTTP/1 request: its end, its request line, its headers. See h1_head.h.
 *
 * h1_head_find judges bytes in the order they came, and each limit at the byte that passes it, so
 * that its answer does not depend on the pieces they came in. */
#include "http/h1_head.h"

#include "http/bytes.h"
#include "http/h1_line.h"

enum {
    EMPTY_LINES_LEN = 4, /* two of them, RFC 9112 section 2.2 */
    VERSION_LEN = 8,     /* HTTP/1.1 */
    AROUND_TARGET = H1_METHOD_MAX + 1 + 1 + VERSION_LEN + 2,
};

/* Pass over the empty lines before a request line. 1 when it begins, 0 when more is needed, or
 * -400. */
static int skip_empty_lines(struct h1_scan *scan, const uint8_t *data, size_t len)
{
    while (scan->at < len && data[scan->at] == '\r') {
        if (len - scan->at < 2) {
            return 0;
        }
        if (data[scan->at + 1] != '\n' || scan->begin >= EMPTY_LINES_LEN) {
            return -400;
        }
        scan->at += 2;
        scan->begin = scan->at;
    }
    return scan->at < len;
}

/* Up to where there may be bytes before the limit of what is being read is passed. */
static size_t limit_of(const struct h1_scan *scan, const struct h1_limits *limits)
{
    size_t max = limits->head_max;
    if (!scan->has_line && max > (size_t)limits->target_max + AROUND_TARGET) {
        max = (size_t)limits->target_max + AROUND_TARGET;
    }
    return scan->begin + max;
}

int64_t h1_head_find(struct h1_scan *scan, const uint8_t *data, size_t len,
                     const struct h1_limits *limits)
{
    if (scan->at == scan->begin) {
        int r = skip_empty_lines(scan, data, len);
        if (r <= 0) {
            return r;
        }
    }
    for (;;) {
        size_t max = limit_of(scan, limits);
        size_t end = len < max ? len : max;
        scan->at = (size_t)(http_skip_value(data + scan->at, data + end) - data);
        if (end - scan->at < 2 && (scan->at == end || data[scan->at] == '\r')) {
            int status = scan->has_line ? -431 : -414;
            return end == max ? status : 0;
        }
        if (data[scan->at] != '\r' || data[scan->at + 1] != '\n') {
            return -400;
        }
        bool is_empty = scan->has_line && data[scan->at - 1] == '\n';
        scan->at += 2;
        if (is_empty) {
            return (int64_t)scan->at;
        }
        if (scan->has_line && scan->lines++ == limits->header_max) {
            return -431;
        }
        scan->has_line = true;
    }
}

/* Read "HTTP/1.x". 0, 400 or 505. */
static int read_version(struct span version, uint8_t *ret_minor)
{
    if (version.len != VERSION_LEN || memcmp(version.data, "HTTP/", 5) != 0 ||
        (http_bytes[version.data[5]] & HTTP_DIGIT) == 0 || version.data[6] != '.' ||
        (http_bytes[version.data[7]] & HTTP_DIGIT) == 0) {
        return 400;
    }
    if (version.data[5] != '1') {
        return 505;
    }
    *ret_minor = version.data[7] != '0'; /* a greater one means 1.1 here, RFC 9110 section 2.5 */
    return 0;
}

/* Read the request line: exactly one space between its three parts, RFC 9112 section 3. */
static int read_request_line(uint8_t **at, const uint8_t *end, const struct h1_limits *limits,
                             struct h1_head *head)
{
    const uint8_t *begin = *at;
    const uint8_t *stop = http_skip_value(begin, end);
    if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') {
        return 400;
    }
    *at += stop + 2 - begin;
    const uint8_t *space = memchr(begin, ' ', (size_t)(stop - begin));
    if (space == NULL) {
        return 400;
    }
    head->method = (struct span){begin, (size_t)(space - begin)};
    if (head->method.len > H1_METHOD_MAX || !http_is_token(head->method)) {
        return 400;
    }
    begin = space + 1;
    space = memchr(begin, ' ', (size_t)(stop - begin));
    if (space == NULL) {
        return 400;
    }
    head->target = (struct span){begin, (size_t)(space - begin)};
    if (head->target.len > limits->target_max) {
        return 414;
    }
    struct span version = {space + 1, (size_t)(stop - space - 1)};
    int status = read_version(version, &head->minor);
    return status != 0 ? status : h1_read_target(head);
}

/* Read the header lines up to the empty one, which ends the head. */
static int read_headers(uint8_t *at, const uint8_t *end, uint32_t header_max,
                        struct h1_framing *framing, struct h1_head *head)
{
    uint32_t lines = 0;
    while (end - at > 2) {
        if (lines == header_max) {
            return 431;
        }
        struct http_header *header = &head->headers[head->header_count];
        if (!h1_read_field(&at, end, header)) {
            return 400;
        }
        lines++;
        if (!h1_framing_take(framing, header)) {
            head->header_count++;
        }
    }
    return end - at == 2 && at[0] == '\r' && at[1] == '\n' ? 0 : 400;
}

int h1_head_parse(uint8_t *data, size_t len, const struct h1_limits *limits,
                  struct http_header *headers, struct h1_head *ret_head)
{
    struct h1_scan scan = {0};
    struct h1_head head = {.headers = headers};
    if (skip_empty_lines(&scan, data, len) <= 0) {
        return 400;
    }
    if (len - scan.at > limits->head_max) {
        return 431;
    }
    uint8_t *at = data + scan.at;
    int status = read_request_line(&at, data + len, limits, &head);
    if (status != 0) {
        return status;
    }
    struct h1_framing framing;
    h1_framing_init(&framing);
    status = read_headers(at, data + len, limits->header_max, &framing, &head);
    if (status != 0) {
        return status;
    }
    status = h1_framing_judge(&framing, &head);
    if (status != 0) {
        return status;
    }
    *ret_head = head;
    return 0;
}
