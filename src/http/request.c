/* Copying and checking what a guest asks for. See exchange.h.
 *
 * A guest may set any header but those that belong to the connection and its framing: they are the
 * host's, or one guest could desynchronise a connection that a later request uses. Host must name
 * the authority of the URL, which is what the policy has judged. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "http/bytes.h"
#include "http/exchange.h"
#include "http/field.h"

enum { METHOD_MAX = 64, HEADERS_MAX = 1024, HEADERS_BYTES_MAX = 256 << 10 };

/* No control character but the tab; blanks at its ends are let through. */
static bool is_value(struct span text)
{
    return text.len == 0 ||
           http_skip_value(text.data, text.data + text.len) == text.data + text.len;
}

bool request_line_is(const char *line, const char *name)
{
    size_t len = strlen(name);
    return strncasecmp(line, name, len) == 0 && line[len] == ':';
}

/* Left out of what is sent; libcurl writes its own. */
static bool is_framing(struct span name)
{
    return http_is_hop_by_hop(name) || http_is_framing(name) || http_is_name(name, "expect") ||
           http_is_name(name, "proxy-authenticate");
}

/* The authority, with or without the port. */
static bool is_own_host(const struct http_exchange *exchange, struct span value)
{
    char text[512];
    const struct http_target *target = &exchange->url.target;
    bool is_v6 = strchr(target->host, ':') != NULL;
    (void)snprintf(text, sizeof text, is_v6 ? "[%s]:%u" : "%s:%u", target->host, target->port);
    if (http_is_name(value, text)) {
        return true;
    }
    *strrchr(text, ':') = '\0';
    return http_is_name(value, text);
}

/* Does the guest declare the length that its body has, or will have? */
static bool is_own_length(const struct http_request *request, struct span value)
{
    char text[24];
    uint64_t len = 0;
    if (value.len == 0 || value.len >= sizeof text) {
        return false;
    }
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    if (num_parse_u64(text, INT64_MAX, &len) < 0) {
        return false;
    }
    return request->streams_body ? (int64_t)len == request->body_length : len == request->body.len;
}

char *request_make_line(const struct http_header *header, const char *without_value)
{
    char *line = NULL;
    int len = asprintf(&line, "%.*s%s%.*s", (int)header->name.len, (const char *)header->name.data,
                       header->value.len > 0 ? ": " : without_value, (int)header->value.len,
                       (const char *)header->value.data);
    return len < 0 ? NULL : line;
}

static enum http_error add_header(struct http_exchange *exchange,
                                  const struct http_request *request,
                                  const struct http_header *header)
{
    if (!http_is_token(header->name) || !is_value(header->value)) {
        return HTTP_BAD_HEADER;
    }
    if (http_is_name(header->name, "host")) {
        return is_own_host(exchange, header->value) ? HTTP_OK : HTTP_BAD_HEADER;
    }
    if (http_is_name(header->name, "content-length")) {
        return is_own_length(request, header->value) ? HTTP_OK : HTTP_BAD_HEADER;
    }
    if (is_framing(header->name)) {
        return HTTP_OK;
    }
    char *line = request_make_line(header, /* without_value */ ";");
    if (line == NULL) {
        return HTTP_NO_MEMORY;
    }
    int r = strings_add(&exchange->headers, line);
    free(line);
    return r < 0 ? HTTP_NO_MEMORY : HTTP_OK;
}

static enum http_error add_headers(struct http_exchange *exchange,
                                   const struct http_request *request)
{
    size_t bytes = 0;
    if (request->header_count > HEADERS_MAX) {
        return HTTP_HEADERS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        bytes += header->name.len + header->value.len;
        if (bytes > HEADERS_BYTES_MAX) {
            return HTTP_HEADERS_TOO_LARGE;
        }
        enum http_error error = add_header(exchange, request, header);
        if (error != HTTP_OK) {
            return error;
        }
    }
    return HTTP_OK;
}

enum http_error exchange_set_request(struct http_exchange *exchange,
                                     const struct http_request *request)
{
    struct span method = request->method;
    if (method.len > METHOD_MAX || !http_is_token(method) || http_is_name(method, "connect")) {
        return HTTP_BAD_METHOD;
    }
    exchange->method = strndup((const char *)method.data, method.len);
    exchange_upload_init(exchange, request);
    if (exchange->method == NULL || buffer_append(&exchange->body, request->body) < 0) {
        return HTTP_NO_MEMORY;
    }
    return add_headers(exchange, request);
}
