/* A request's body that comes in pieces, for http/exchange*.c only. */
#ifndef HYTHE_HTTP_EXCHANGE_UPLOAD_H
#define HYTHE_HTTP_EXCHANGE_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/strings.h"
#include "http/client.h"

enum upload_state {
    UPLOAD_OVER,     /* nothing is wanted, or nothing was to come */
    UPLOAD_OPEN,     /* the guest may write */
    UPLOAD_FINISHED, /* the body is complete; some of it may not be sent yet */
};

/* A body that comes in pieces. */
struct exchange_upload {
    enum upload_state state;
    int64_t length;       /* of the whole body; -1: unknown */
    int64_t left;         /* what the guest has still to give; -1: unknown */
    struct buffer bytes;  /* allocated only while there are some */
    size_t taken;         /* bytes of `bytes` that libcurl has */
    bool is_streamed;     /* the request has such a body */
    bool is_cut;          /* the front of the body is no longer in `bytes` */
    bool is_asked;        /* libcurl has asked for bytes: the head of the request is out */
    bool is_paused;       /* libcurl waits for bytes, and the guest has none */
    bool is_sent;         /* libcurl has all of it */
    bool was_full;        /* the guest waits for room */
    struct strings lines; /* trailers, "Name: value" */
};

/* As the request says. */
void exchange_upload_init(struct http_exchange *exchange, const struct http_request *request);
void exchange_upload_done(struct exchange_upload *upload);

/* Nothing more is wanted of it. */
void exchange_upload_end(struct http_exchange *exchange);

/* The response has begun: the request will not be sent again. */
void exchange_upload_on_head(struct http_exchange *exchange);

/* Begin anew, on another connection; false when its front is gone. */
bool exchange_upload_rewind(struct exchange_upload *upload);

/* Set the handle up for it. */
void exchange_upload_set(struct http_exchange *exchange);

/* Is libcurl sending, or has it nothing to send because the guest gives nothing? */
bool exchange_upload_is_busy(const struct exchange_upload *upload);
bool exchange_upload_is_starved(const struct exchange_upload *upload);

/* Has libcurl to be called on, since there are bytes again, or no more come? */
bool exchange_upload_must_resume(const struct exchange_upload *upload);

#endif
