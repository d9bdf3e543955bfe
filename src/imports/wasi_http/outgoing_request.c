/* `outgoing-request` of wasi:http/types. What is set here is well-formed, each part by itself; whether
 * they make a request together is for outgoing-handler to judge. */
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "http/bytes.h"
#include "http/h1_head.h"
#include "imports/wasi_http/functions.h"
#include "imports/wasi_http/types.h"

enum {
    METHOD_MAX = 64,
    SCHEME_MAX = 64,
    AUTHORITY_MAX = 512,
    PATH_MAX = 64 << 10,
};

/* -- texts ------------------------------------------------------------------------------------ */

static void text_done(struct http_text *text, struct guest *guest)
{
    http_bytes_give(guest, text->len);
    free(text->data);
    *text = (struct http_text){NULL, 0};
}

/* Take a copy in the place of what it is. 0 or -ENOMEM, then it is as it was. */
static int text_set(struct http_text *text, struct guest *guest, struct span value)
{
    if (http_bytes_take(guest, value.len) < 0) {
        return -ENOMEM;
    }
    uint8_t *data = malloc(value.len > 0 ? value.len : 1);
    if (data == NULL) {
        http_bytes_give(guest, value.len);
        return -ENOMEM;
    }
    if (value.len > 0) {
        memcpy(data, value.data, value.len);
    }
    text_done(text, guest);
    text->data = data;
    text->len = value.len;
    return 0;
}

struct span http_text_span(const struct http_text *text)
{
    return (struct span){text->data, text->len};
}

/* -- the resource ----------------------------------------------------------------------------- */

static struct outgoing_request *request_of(struct resource *resource)
{
    return container_of(resource, struct outgoing_request, base);
}

static void request_dropped(struct resource *resource)
{
    outgoing_drop_body(&request_of(resource)->body);
}

static void free_request(struct resource *resource)
{
    struct outgoing_request *request = request_of(resource);
    struct guest *guest = resource->guest;
    outgoing_drop_body(&request->body);
    resource_unref(request->headers != NULL ? &request->headers->base : NULL);
    text_done(&request->other_method, guest);
    text_done(&request->other_scheme, guest);
    text_done(&request->path_with_query, guest);
    text_done(&request->authority, guest);
    free(request);
}

const struct resource_kind outgoing_request_kind = {
    .name = "outgoing-request", .dropped = request_dropped, .free = free_request};

static struct outgoing_request *self_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct outgoing_request, &outgoing_request_kind);
}

int32_t outgoing_request_constructor(struct component_call *call)
{
    struct outgoing_request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        return component_trap(call, "out of memory");
    }
    resource_init(&request->base, call->guest, &outgoing_request_kind);
    request->headers = outgoing_take_headers(call, 0);
    return component_give(call, 0, &request->base);
}

int32_t outgoing_request_get_body(struct component_call *call)
{
    struct outgoing_request *request = self_of(call);
    return outgoing_give_body(call, request->headers, true /* is_request */, &request->body);
}

int32_t outgoing_request_headers(struct component_call *call)
{
    struct outgoing_request *request = self_of(call);
    return fields_give_view(call, 0, request->headers, &request->base);
}

/* -- the method ------------------------------------------------------------------------------- */

static const char *const methods[HTTP_METHOD_OTHER] = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
};

uint32_t http_method_case(struct span method)
{
    uint32_t index = 0;
    while (index < HTTP_METHOD_OTHER && !span_is(method, methods[index])) {
        index++;
    }
    return index;
}

struct span outgoing_request_method(const struct outgoing_request *request)
{
    return request->method < HTTP_METHOD_OTHER ? span_of(methods[request->method])
                                               : http_text_span(&request->other_method);
}

int32_t outgoing_request_get_method(struct component_call *call)
{
    const struct outgoing_request *request = self_of(call);
    call->results[0].number = request->method;
    if (request->method == HTTP_METHOD_OTHER) {
        call->results[1].bytes = http_text_span(&request->other_method);
    }
    return 0;
}

int32_t outgoing_request_set_method(struct component_call *call)
{
    struct outgoing_request *request = self_of(call);
    uint32_t method = component_u32(call, 1);
    if (method == HTTP_METHOD_OTHER) {
        struct span name = component_bytes(call, 2);
        if (name.len > METHOD_MAX || !http_is_token(name)) {
            return component_error(call, 0);
        }
        if (text_set(&request->other_method, call->guest, name) < 0) {
            return component_trap(call, "out of memory");
        }
    }
    request->method = method;
    return component_ok(call, 0);
}

/* -- the scheme ------------------------------------------------------------------------------- */

/* RFC 3986 section 3.1. */
static bool is_scheme(struct span text)
{
    if (text.len == 0 || text.len > SCHEME_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        bool is_other = (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.';
        if (!is_letter && (i == 0 || !is_other)) {
            return false;
        }
    }
    return true;
}

int32_t outgoing_request_scheme(struct component_call *call)
{
    const struct outgoing_request *request = self_of(call);
    if (!request->has_scheme) {
        return 0;
    }
    call->results[0].number = 1;
    call->results[1].number = request->scheme;
    if (request->scheme == HTTP_SCHEME_OTHER) {
        call->results[2].bytes = http_text_span(&request->other_scheme);
    }
    return 0;
}

int32_t outgoing_request_set_scheme(struct component_call *call)
{
    struct outgoing_request *request = self_of(call);
    bool has_scheme = component_u32(call, 1) != 0;
    uint32_t scheme = has_scheme ? component_u32(call, 2) : HTTP_SCHEME_HTTP;
    if (has_scheme && scheme == HTTP_SCHEME_OTHER) {
        struct span name = component_bytes(call, 3);
        if (!is_scheme(name)) {
            return component_error(call, 0);
        }
        if (text_set(&request->other_scheme, call->guest, name) < 0) {
            return component_trap(call, "out of memory");
        }
    }
    request->has_scheme = has_scheme;
    request->scheme = scheme;
    return component_ok(call, 0);
}

/* -- authority and path ----------------------------------------------------------------------- */

/* RFC 3986 sections 3.3 and 3.4: nothing that could end it, or be read as the beginning of another
 * address. */
static bool is_path(struct span text)
{
    struct span path = {NULL, 0};
    struct span query = {NULL, 0};
    bool has_query = false;
    if (text.len == 0 || text.len > PATH_MAX) {
        return text.len == 0;
    }
    if (text.data[0] != '?') {
        return h1_split_target(text, &path, &query, &has_query);
    }
    for (size_t i = 1; i < text.len; i++) {
        uint8_t byte = text.data[i];
        bool is_escape = byte == '%' && text.len - i > 2 &&
                         (http_bytes[text.data[i + 1]] & HTTP_HEX) != 0 &&
                         (http_bytes[text.data[i + 2]] & HTTP_HEX) != 0;
        if ((http_bytes[byte] & HTTP_TARGET) == 0 && byte != '?' && !is_escape) {
            return false;
        }
    }
    return true;
}

static bool is_authority(struct span text)
{
    return text.len <= AUTHORITY_MAX && h1_is_authority(text);
}

static int32_t get_text(struct component_call *call, const struct http_text *text)
{
    if (text->data != NULL) {
        call->results[0].number = 1;
        call->results[1].bytes = http_text_span(text);
    }
    return 0;
}

static int32_t set_text(struct component_call *call, struct http_text *text,
                        bool (*is_good)(struct span text))
{
    struct span value = component_bytes(call, 2);
    if (component_u32(call, 1) == 0) {
        text_done(text, call->guest);
        return component_ok(call, 0);
    }
    if (!is_good(value)) {
        return component_error(call, 0);
    }
    return text_set(text, call->guest, value) == 0 ? component_ok(call, 0)
                                                   : component_trap(call, "out of memory");
}

int32_t outgoing_request_path_with_query(struct component_call *call)
{
    return get_text(call, &self_of(call)->path_with_query);
}

int32_t outgoing_request_set_path_with_query(struct component_call *call)
{
    return set_text(call, &self_of(call)->path_with_query, is_path);
}

int32_t outgoing_request_authority(struct component_call *call)
{
    return get_text(call, &self_of(call)->authority);
}

int32_t outgoing_request_set_authority(struct component_call *call)
{
    return set_text(call, &self_of(call)->authority, is_authority);
}
