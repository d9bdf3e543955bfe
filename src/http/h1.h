/* What h1.c (reading) and h1_respond.c (writing) share. */
#ifndef HYTHE_HTTP_H1_H
#define HYTHE_HTTP_H1_H

#include "http/h1_body.h"
#include "http/h1_head.h"
#include "http/internal.h"

/* How the peer learns where the response's content ends. */
enum h1_framing {
    FRAMING_UNDECIDED, /* a length if all of it comes before the first flush, else chunks */
    FRAMING_LENGTH,
    FRAMING_CHUNKED,
    FRAMING_CLOSE, /* HTTP/1.0 */
    FRAMING_NONE,  /* no content */
};

/* One request and its response. A connection has one from a request's first byte to its response's
 * last, and none while idle; the server keeps spare ones with their buffers. */
struct h1_exchange {
    struct http_transaction t;
    struct list node; /* among the spares */
    struct http_connection *c;
    struct h1_scan scan;
    struct h1_head head;
    struct h1_body body;
    bool is_active; /* the transaction has begun and is not done */
    bool is_broken; /* the response was broken off */

    /* What has been received. The head's spans point into `in`, so it grows only before; what comes
     * behind a head that left no room goes to `spill`. */
    uint8_t *in; /* owned */
    size_t in_cap;
    uint8_t *spill; /* owned; NULL until needed */
    uint8_t *rx;    /* one of both: unread bytes are rx[at..end) */
    size_t rx_base; /* what is before belongs to the head */
    size_t rx_cap;
    size_t at;
    size_t end;
    uint64_t drained; /* bytes of an unread body that were thrown away */

    struct buffer out; /* to be sent: out.data[out_at..len) */
    size_t out_at;
    size_t response_at; /* where in `out` the response begins, while nothing of it has left */
    size_t progress;    /* bytes taken since the write timeout began */
    bool has_left;      /* something of the response has been sent */
    struct buffer held; /* content while the framing is undecided */
    enum h1_framing framing;
    bool keep_alive;
    bool needs_continue; /* the peer waits for 100 Continue */
    bool is_draining;    /* the response is out, the request's body is thrown away */

    struct http_header trailers[H1_TRAILER_COUNT_MAX];
    struct http_header headers[]; /* limits.header_max */
};

extern const struct http_transaction_ops h1_ops;

/* h1.c: the read operation of the transaction, and its trailers. */
int64_t h1_read(struct http_transaction *t, uint8_t *to, size_t len);
uint32_t h1_trailers(struct http_transaction *t, const struct http_header **ret_trailers);

/* h1_respond.c: begin with an empty response. */
void h1_respond_reset(struct h1_exchange *x);

/* h1_respond.c: send what is pending. 0 when all of it has gone, -EAGAIN, or another negative
 * errno. Starts and stops the write timeout. */
int h1_flush(struct h1_exchange *x);

/* h1_respond.c: start the write timeout when something is pending or the handler waits for room, and
 * stop it otherwise. */
void h1_watch_write(struct h1_exchange *x, size_t sent);

/* h1_respond.c: send "100 Continue", if the peer waits for it. */
void h1_continue(struct h1_exchange *x);

static inline size_t h1_pending(const struct h1_exchange *x)
{
    return x->out.len - x->out_at;
}

#endif
