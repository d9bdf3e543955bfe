/* The head of an HTTP/1 request. What find says does not depend on the pieces, and is known no later
 * in small ones; what parse gives lies within the bytes and keeps the promises of h1_head.h. The
 * first four bytes choose the limits. */
#include "http/h1_head.h"

#include "input.h"

enum { HEADERS_MAX = 32, TARGET_MAX = 256, HEAD_MAX = 1024 };

static uint8_t *copy_of(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL) {
        abort();
    }
    if (len > 0) {
        memcpy(copy, data, len);
    }
    return copy;
}

static int64_t find_in_pieces(struct input in, size_t step, const struct h1_limits *limits)
{
    struct h1_scan scan = {0};
    int64_t found = 0;
    for (size_t len = 0; found == 0; len = in.len - len < step ? in.len : len + step) {
        uint8_t *copy = copy_of(in.data, len);
        found = h1_head_find(&scan, copy, len, limits);
        must(scan.at <= len && scan.begin <= scan.at);
        free(copy);
        if (len == in.len) {
            break;
        }
    }
    return found;
}

static void check_within(struct span text, const uint8_t *data, size_t len)
{
    must(text.len == 0 || (text.data >= data && text.data + text.len <= data + len));
}

static void check_header(const struct http_header *header, const uint8_t *data, size_t len)
{
    check_within(header->name, data, len);
    check_within(header->value, data, len);
    must(http_is_token(header->name) && http_is_value(header->value));
    must(!http_is_hop_by_hop(header->name));
    must(!span_is(header->name, "host") && !span_is(header->name, "expect") &&
         !span_is(header->name, "content-length"));
    for (size_t i = 0; i < header->name.len; i++) {
        must(header->name.data[i] < 'A' || header->name.data[i] > 'Z');
    }
}

static void check_target(const struct h1_head *head, const uint8_t *data, size_t len)
{
    bool is_star = span_is(head->path, "*");
    must(is_star ? span_is(head->method, "OPTIONS") && !head->has_query
                 : head->path.data[0] == '/');
    must(memchr(head->path.data, '?', head->path.len) == NULL);
    must(memchr(head->path.data, '#', head->path.len) == NULL);
    must(head->has_query || head->query.len == 0);
    must(head->authority.len > 0 ? h1_is_authority(head->authority) : head->minor == 0 || is_star);
    must(head->scheme.len == 0 || span_is(head->scheme, "http") || span_is(head->scheme, "https"));
    check_within(head->target, data, len);
    check_within(head->query, data, len);
    check_within(head->authority, data, len);
    if (head->scheme.len == 0) {
        check_within(head->path, data, len);
    }
}

static void check_head(const struct h1_head *head, const struct h1_limits *limits,
                       const uint8_t *data, size_t len)
{
    check_within(head->method, data, len);
    must(http_is_token(head->method));
    must(head->target.len <= limits->target_max);
    check_target(head, data, len);
    must(head->minor <= 1 && head->header_count <= limits->header_max);
    must((head->body == H1_BODY_LENGTH) == (head->content_length > 0));
    must(head->content_length <= INT64_MAX);
    must(!head->has_length || head->body != H1_BODY_CHUNKED);
    must(head->body != H1_BODY_CHUNKED || head->minor == 1);
    must(!head->expects_continue || head->body != H1_BODY_NONE);
    for (uint32_t i = 0; i < head->header_count; i++) {
        check_header(&head->headers[i], data, len);
    }
}

static void parse(const uint8_t *data, size_t len, const struct h1_limits *limits)
{
    uint8_t *copy = copy_of(data, len);
    struct http_header *headers = calloc(limits->header_max + 1, sizeof *headers);
    struct h1_head head;
    memset(&head, 0x5a, sizeof head);
    if (headers == NULL) {
        abort();
    }
    int status = h1_head_parse(copy, len, limits, headers, &head);
    if (status == 0) {
        check_head(&head, limits, copy, len);
        /* Once in lower case, it means the same again. */
        must(h1_head_parse(copy, len, limits, headers, &head) == 0);
    } else {
        must(status == 400 || status == 414 || status == 417 || status == 431 || status == 501 ||
             status == 505);
    }
    free(headers);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct h1_limits limits = {
        .header_max = (uint32_t)input_number(&in, 1) % HEADERS_MAX,
        .target_max = (uint32_t)input_number(&in, 1) % TARGET_MAX,
        .head_max = (uint32_t)input_number(&in, 2) % HEAD_MAX,
    };
    int64_t found = find_in_pieces(in, in.len + 1, &limits);
    must(found <= (int64_t)in.len);
    must(found >= 0 || found == -400 || found == -414 || found == -431);
    must(find_in_pieces(in, 1, &limits) == found);
    must(find_in_pieces(in, 7, &limits) == found);
    if (found > 0) {
        must(memcmp(in.data + found - 4, "\r\n\r\n", 4) == 0);
        parse(in.data, (size_t)found, &limits);
    }
    parse(in.data, in.len, &limits); /* whatever it is, nothing is read beyond it */
    return 0;
}
