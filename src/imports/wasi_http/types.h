/* The messages of wasi:http 0.2, for imports/wasi_http only. Their parts: fields.h, body.h; the
 * request and the response of a served transaction: inbound.h. */
#ifndef HYTHE_IMPORTS_WASI_HTTP_TYPES_H
#define HYTHE_IMPORTS_WASI_HTTP_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "imports/wasi_http/body.h"
#include "imports/wasi_http/fields.h"
#include "imports/wasi_http/http.h"

struct incoming_response {
    struct resource base;
    struct http_link *link; /* a reference */
    uint16_t status;
    bool is_consumed;
};

extern const struct resource_kind incoming_response_kind;

/* Answer with the headers of a link's incoming message in results[slot]. 0 or CALL_TRAP. */
int32_t incoming_headers_give(struct component_call *call, unsigned slot, struct http_link *link);

/* One of a link whose head is there, of which it takes a reference. NULL without memory. */
struct incoming_response *incoming_response_new(struct http_link *link, uint16_t status);

/* A text of the guest's, or none. Its memory is on the guest's account. */
struct http_text {
    uint8_t *data; /* owned; NULL: none */
    size_t len;
};

struct span http_text_span(const struct http_text *text);

/* The cases of `method` and `scheme` in the order of the WIT. */
enum http_method_case { HTTP_METHOD_GET = 0, HTTP_METHOD_HEAD = 1, HTTP_METHOD_OTHER = 9 };
enum http_scheme_case { HTTP_SCHEME_HTTP, HTTP_SCHEME_HTTPS, HTTP_SCHEME_OTHER };

struct outgoing_request {
    struct resource base;
    struct fields *headers; /* a reference; immutable */
    uint32_t method;        /* enum http_method_case */
    struct http_text other_method;
    bool has_scheme;
    uint32_t scheme; /* enum http_scheme_case */
    struct http_text other_scheme;
    struct http_text path_with_query;
    struct http_text authority;
    struct outgoing_body *body; /* a reference; NULL: never asked for */
};

extern const struct resource_kind outgoing_request_kind;

/* Take a message's headers from argument `index`: from now on they are immutable. */
struct fields *outgoing_take_headers(const struct component_call *call, unsigned index);

/* Answer with the one body of a message, which keeps a reference in *ret_body. 0 or CALL_TRAP. */
int32_t outgoing_give_body(struct component_call *call, const struct fields *headers,
                           bool is_request, struct outgoing_body **ret_body);

/* The guest has dropped a message: what it writes to its body from now on goes nowhere. */
void outgoing_drop_body(struct outgoing_body **body);

struct outgoing_response {
    struct resource base;
    struct fields *headers; /* a reference; immutable */
    uint16_t status;
    struct outgoing_body *body; /* a reference; NULL: never asked for */
};

extern const struct resource_kind outgoing_response_kind;

/* Find the case of a method, or HTTP_METHOD_OTHER. */
uint32_t http_method_case(struct span method);

/* "GET", or what the guest has set. Borrowed from the request. */
struct span outgoing_request_method(const struct outgoing_request *request);

#endif
