/* The insides of a served transaction: what http.h gives to the handler, with the two resources that
 * the guest's handle is called with in one piece of memory. For imports/wasi_http only. */
#ifndef HYTHE_IMPORTS_WASI_HTTP_INBOUND_H
#define HYTHE_IMPORTS_WASI_HTTP_INBOUND_H

#include "imports/wasi_http/body.h"
#include "imports/wasi_http/http.h"

struct incoming_request {
    struct resource base;
    bool is_consumed;
};

struct response_outparam {
    struct resource base;
};

extern const struct resource_kind incoming_request_kind;
extern const struct resource_kind response_outparam_kind;

/* References: the handler's, the request's, the outparam's, and each incoming body's. */
struct wasi_http_inbound {
    struct http_link link;
    struct wasi_http_inbound_options options;
    enum wasi_http_state state;
    uint64_t refusal;                     /* of WASI_HTTP_REFUSED: the case of the error-code */
    struct http_transaction *transaction; /* borrowed; NULL once it is not to be touched any more */
    const struct http_inbound
        *about;               /* the transaction's, or &kept; NULL: lost for want of memory */
    struct http_inbound kept; /* what is asked for after the transaction's end */
    uint8_t *kept_bytes;      /* owned: headers, trailers, and what they point at */
    size_t kept_len;          /* of them, on the guest's account */
    const struct http_header *trailers; /* in kept_bytes */
    uint32_t trailer_count;
    bool has_read_all;          /* of the request's body */
    struct outgoing_body *body; /* a reference, while the response's content is on its way */
    struct incoming_request request;
    struct response_outparam outparam;
};

struct wasi_http_inbound *inbound_of_link(struct http_link *link);

/* incoming_request.c: copy what the guest may still ask for, before the transaction is let go. */
void inbound_keep(struct wasi_http_inbound *inbound);

/* incoming_request.c: release that copy. */
void inbound_forget(struct wasi_http_inbound *inbound);

/* incoming_request.c: the link's functions for the request. */
int inbound_headers(struct http_link *link, struct field_list *list);
int64_t inbound_read(struct http_link *link, uint8_t *to, size_t len);
uint32_t inbound_trailers(struct http_link *link, const struct http_header **ret_trailers);

#endif
