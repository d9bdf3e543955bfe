/* A header block becomes a request: RFC 9113 section 8.3.1. nghttp2 has checked the block's form:
 * pseudo-header fields are there, once, before all others and known; names are in lower case;
 * nothing speaks of connections; Content-Length is a number, and the body will be as long. */
#include <string.h>

#include "http/h1_head.h"
#include "http/h2.h"

/* What the head says besides the headers that the handler sees. */
struct reading {
    struct http_inbound *inbound;
    struct span scheme;
    struct span path;
    struct span host;
    bool has_path;
    bool has_authority;
    bool has_host;
    bool expects_more; /* than 100-continue */
    bool expects_continue;
    struct http_header *cookie; /* the first crumb */
};

static bool equals(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void read_pseudo(struct reading *reading, const struct http_header *field)
{
    struct span value = field->value;
    if (span_is(field->name, ":method")) {
        reading->inbound->method = value;
    } else if (span_is(field->name, ":scheme")) {
        reading->scheme = value;
    } else if (span_is(field->name, ":path")) {
        reading->path = value;
        reading->has_path = true;
    } else if (span_is(field->name, ":authority")) {
        reading->inbound->authority = value;
        reading->has_authority = true;
    }
}

/* nghttp2 has found digits that fit. */
static int64_t read_length(struct span digits)
{
    int64_t length = 0;
    for (size_t i = 0; i < digits.len; i++) {
        length = length * 10 + (digits.data[i] - '0');
    }
    return length;
}

/* Look at a field; false when it ends here. */
static bool read_field(struct reading *reading, const struct http_header *field)
{
    if (field->name.data[0] == ':') {
        read_pseudo(reading, field);
        return false;
    }
    if (span_is(field->name, "host")) {
        reading->host = field->value;
        reading->has_host = true;
        return false;
    }
    if (span_is(field->name, "content-length")) {
        reading->inbound->content_length = read_length(field->value);
        return false;
    }
    if (span_is(field->name, "expect")) {
        reading->expects_continue |= http_is_name(field->value, "100-continue");
        reading->expects_more |= !http_is_name(field->value, "100-continue");
        return false;
    }
    return !http_is_hop_by_hop(field->name);
}

/* Cookies come in crumbs, for the compression's sake; a handler gets them whole (section 8.2.3), in
 * the place of the first. */
static int add_crumb(struct h2_stream *stream, struct http_header *first, struct span crumb)
{
    struct buffer *cookie = &stream->cookie;
    int r = 0;
    if (crumb.len == 0) {
        return 0;
    }
    if (cookie->max == 0) {
        buffer_init(cookie, stream->head.size);
        r = buffer_append(cookie, first->value);
    }
    if (r == 0 && cookie->len > 0) {
        r = buffer_append(cookie, span_of("; "));
    }
    if (r == 0) {
        r = buffer_append(cookie, crumb);
    }
    first->value = buffer_span(cookie);
    return r;
}

/* Which host is meant. Two that differ are two that two servers would choose differently. */
static bool read_authority(struct reading *reading)
{
    struct span *authority = &reading->inbound->authority;
    if (!reading->has_authority) {
        *authority = reading->host;
    } else if (reading->has_host && !equals(reading->host, *authority)) {
        return false;
    }
    return h1_is_authority(*authority);
}

static bool read_target(const struct reading *reading)
{
    struct http_inbound *inbound = reading->inbound;
    if (!span_is(reading->scheme, "http") && !span_is(reading->scheme, "https")) {
        return false;
    }
    if (span_is(reading->path, "*") && span_is(inbound->method, "OPTIONS")) {
        inbound->path = reading->path;
        return true;
    }
    return h1_split_target(reading->path, &inbound->path, &inbound->query, &inbound->has_query);
}

static uint16_t judge(struct h2_stream *stream, struct reading *reading)
{
    const struct http_limits *limits = &stream->session->c->server->options.limits;
    struct http_inbound *inbound = reading->inbound;
    inbound->target = reading->has_path ? reading->path : inbound->authority;
    if (stream->refusal != 0) {
        return stream->refusal;
    }
    if (inbound->target.len > limits->target_max) {
        return 414;
    }
    if (span_is(inbound->method, "CONNECT")) {
        return 501;
    }
    if (!read_authority(reading) || !read_target(reading)) {
        return 400;
    }
    return reading->expects_more ? 417 : 0;
}

uint16_t h2_head_finish(struct h2_stream *stream, bool has_body)
{
    struct h2_fields *head = &stream->head;
    struct http_inbound *inbound = &stream->t.inbound;
    struct reading reading = {.inbound = inbound};
    *inbound = (struct http_inbound){
        .version = 20,
        .has_body = has_body,
        .content_length = has_body ? HTTP_LENGTH_UNKNOWN : 0,
    };
    uint32_t kept = 0;
    for (uint32_t i = 0; i < head->count; i++) {
        struct http_header *field = &head->headers[i];
        bool is_cookie = span_is(field->name, "cookie");
        if (is_cookie && reading.cookie != NULL) {
            if (add_crumb(stream, reading.cookie, field->value) < 0) {
                stream->refusal = 503;
            }
        } else if (read_field(&reading, field)) {
            reading.cookie = is_cookie ? &head->headers[kept] : reading.cookie;
            head->headers[kept++] = *field;
        }
    }
    head->count = kept;
    inbound->headers = head->headers;
    inbound->header_count = kept;
    stream->expects_continue = has_body && reading.expects_continue;
    return judge(stream, &reading);
}

void h2_trailers_finish(struct h2_fields *trailers)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < trailers->count; i++) {
        if (!http_is_forbidden_trailer(trailers->headers[i].name)) {
            trailers->headers[kept++] = trailers->headers[i];
        }
    }
    trailers->count = kept;
}
