/* A transaction: one request and the response to it, as a handler sees them, whatever the protocol
 * below.
 *
 * A handler answers in one go from on_request (http_transaction_respond_all), or attaches itself and goes on
 * over many turns:
 *
 *     http_transaction_attach -> _read ... -> _respond -> _write ... -> _end or _fail
 *
 * After _end, _fail or _respond_all the handler does not touch the transaction again and is called
 * no more. When the front ends a transaction first (the peer left, was too slow, the server ends) it
 * calls on_abort, once, and that is the last as well. No callback ever runs inside a call of the
 * functions below, so they may be used from within a guest's host call. */
#ifndef HYTHE_HTTP_TRANSACTION_H
#define HYTHE_HTTP_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "http/field.h"
#include "net/address.h"

struct http_transaction;
struct tls_session;

enum { HTTP_LENGTH_UNKNOWN = -1, HTTP_ID_TEXT_MAX = 33 };

/* What was asked. Spans are borrowed until the transaction ends; header names are in lower case.
 * Framing, hop-by-hop and Host headers are not among the headers. */
struct http_inbound {
    struct span method;
    struct span target;    /* as sent, for logs */
    struct span authority; /* host[:port]; empty when an HTTP/1.0 request names none */
    struct span path;      /* "/..." as sent, percent signs and all, or "*" */
    struct span query;     /* behind the "?" */
    bool has_query;
    bool is_tls;
    uint8_t version; /* 10, 11, 20 */
    const struct http_header *headers;
    uint32_t header_count;
    bool has_body;
    int64_t content_length;  /* HTTP_LENGTH_UNKNOWN: chunked, or HTTP/2 without one */
    struct net_address peer; /* from the PROXY preface where there was one */
    struct net_address local;
    struct tls_session *tls; /* borrowed; NULL: plain */
};

/* How an attached handler is told. All are called from the loop and must be there. */
struct http_transaction_callbacks {
    void (*on_readable)(void *context); /* bytes of the body, its end or its failure can be read */
    void (*on_writable)(void *context); /* a write that gave -EAGAIN may go on */
    void (*on_abort)(void *context);    /* it is over */
};

const struct http_inbound *http_transaction_inbound(const struct http_transaction *transaction);

/* 32 hexadecimal digits that tell this request from others, and its 0. */
const char *http_transaction_id(struct http_transaction *transaction);

/* Go on after on_request; `context` is what the callbacks get. */
void http_transaction_attach(struct http_transaction *transaction,
                             const struct http_transaction_callbacks *callbacks, void *context);

/* A pointer that layers above keep with the transaction; the server's on_done finds it there. */
void http_transaction_set_annex(struct http_transaction *transaction, void *annex);
void *http_transaction_annex(const struct http_transaction *transaction);

/* -- the request's body ----------------------------------------------------------------------- */

/* Take a body of at most `max` bytes. -EMSGSIZE when it is known to be longer; otherwise reading
 * will say so once it is. Without a call there is no limit. */
int http_transaction_limit_body(struct http_transaction *transaction, uint64_t max);

/* Read up to `len` bytes. Their number; 0 at the end; -EAGAIN: on_readable will be called; -EMSGSIZE
 * past the limit; -EPROTO when the framing was broken; -ECONNRESET when the peer has gone. The first
 * read sends "100 Continue" to a peer that waits for it. */
int64_t http_transaction_read(struct http_transaction *transaction, uint8_t *to, size_t len);

/* The trailer section, once reading has given 0. Borrowed; forbidden names have been left out. */
uint32_t http_transaction_trailers(struct http_transaction *transaction,
                                   const struct http_header **ret_trailers);

/* -- the response ----------------------------------------------------------------------------- */

/* What the response's head holds. Names in any case. The front adds Date, Server, framing and
 * Connection; a handler's own framing and hop-by-hop headers are left out. */
struct http_outbound {
    uint16_t status;                   /* 200 to 599 */
    const struct http_header *headers; /* copied */
    uint32_t header_count;
    int64_t length; /* of the content in bytes, or HTTP_LENGTH_UNKNOWN. With HEAD and 304 it is what
                     * a GET would have had, or unknown */
};

/* Begin the response. 0; -EINVAL for a status or header that cannot be sent; -ENOMEM; -EMSGSIZE for
 * a head past 256 KiB; -EALREADY when it has begun; -EPIPE when the transaction is over. */
int http_transaction_respond(struct http_transaction *transaction,
                             const struct http_outbound *outbound);

/* Send an interim response (103). 0 or as above; HTTP/1.0 peers get none and it is 0. */
int http_transaction_interim(struct http_transaction *transaction,
                             const struct http_outbound *outbound);

/* Take content. The number of bytes taken, which may be fewer; -EAGAIN: none now, on_writable will
 * be called; -EMSGSIZE past the declared length; -EPIPE when the peer has gone; -EPROTO before
 * respond. Content of responses that have none (HEAD, 204, 304) is taken and dropped. Small pieces
 * are kept back until the turn ends or more comes. */
int64_t http_transaction_write(struct http_transaction *transaction, const void *bytes, size_t len);

/* Send what has been kept back now. */
void http_transaction_flush(struct http_transaction *transaction);

/* The response is complete; `trailers` are copied, and left out where the protocol has none. With
 * fewer bytes than declared the peer learns that it broke off. Without respond before: as _fail with
 * 500. */
void http_transaction_end(struct http_transaction *transaction, const struct http_header *trailers,
                          uint32_t trailer_count);

/* Respond and end at once. */
void http_transaction_respond_all(struct http_transaction *transaction,
                                  const struct http_outbound *outbound, struct span content);

/* Give up: before anything of a response has left with a small page of the front's own, as HTML, JSON or text by what the
 * peer accepts, with `status` and the request's id; after it by breaking the response off.
 * `retry_after_s` is told when not 0. */
void http_transaction_fail(struct http_transaction *transaction, uint16_t status,
                           uint32_t retry_after_s);

#endif
