/* Bodies of wasi:http, and the link by which they reach whoever is on the other side.
 *
 * A link is one exchange of messages, whichever side began it: a transaction of the front (inbound.h)
 * or an exchange of the client (outgoing_handler.c). Incoming messages hold references to theirs and
 * read through it. An outgoing body begins without one, since a guest may write before its message is
 * sent; it keeps what it is given until outgoing_body_attach, and from then on hands it over at once.
 *
 * What a function of a link or a body could not do it says by a negative number: -EAGAIN, or
 * http_failure(kind), which a stream tells its guest as last-operation-failed. */
#ifndef HYTHE_IMPORTS_WASI_HTTP_BODY_H
#define HYTHE_IMPORTS_WASI_HTTP_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "imports/wasi_http/error_code.h"
#include "imports/wasi_http/fields.h"
#include "imports/wasi_io/io.h"

struct http_link;
struct outgoing_body;

/* -- failures --------------------------------------------------------------------------------- */

/* An error-code as a negative number beside the errnos: what streams of IO_ERROR_HTTP fail with. */
enum { HTTP_FAILURE_BASE = 1 << 16 };

static inline int http_failure(enum wasi_http_error_case kind)
{
    return -(HTTP_FAILURE_BASE + (int)kind);
}

/* And back; an errno is as good. */
struct wasi_http_error http_failure_error(int failure);

/* -- links ------------------------------------------------------------------------------------ */

struct http_link_ops {
    /* Append the incoming message's headers to a list. 0 or -ENOMEM. */
    int (*headers)(struct http_link *link, struct field_list *list);
    /* Up to `len` bytes of the incoming body: their number; 0 at the end; -EAGAIN: guest_wake will be
     * called; or http_failure(kind). `len` is never 0. */
    int64_t (*read)(struct http_link *link, uint8_t *to, size_t len);
    /* Once read has given 0: its trailers, borrowed until the link is used again. */
    uint32_t (*trailers)(struct http_link *link, const struct http_header **ret_trailers);

    /* Of the body attached. The number of bytes taken, more than 0 of a `len` of more; -EAGAIN:
     * outgoing_body_on_writable will be called; or http_failure(kind). The declared length has been
     * checked. */
    int64_t (*write)(struct http_link *link, const uint8_t *bytes, size_t len);
    /* It is complete: the link lets go of it, with its reference. 0 or http_failure(kind). */
    int (*end)(struct http_link *link, const struct http_header *trailers, uint32_t count);
    /* It never will be; likewise. `why` in words for the operator. */
    void (*abort)(struct http_link *link, const char *why);
    /* The last reference has gone. */
    void (*free)(struct http_link *link);
};

struct http_link {
    const struct http_link_ops *ops;
    struct guest *guest; /* borrowed */
    uint32_t refs;
    bool is_readable; /* set by those who know that the next read will not give -EAGAIN; a read
                       * takes it back */
};

/* One reference, the caller's. */
void http_link_init(struct http_link *link, struct guest *guest, const struct http_link_ops *ops);
struct http_link *http_link_ref(struct http_link *link);
void http_link_unref(struct http_link *link); /* NULL is fine */

/* -- incoming --------------------------------------------------------------------------------- */

enum http_body_state { HTTP_BODY_OPEN, HTTP_BODY_ENDED, HTTP_BODY_FAILED };

/* `incoming-body`, and what is left of it behind a `future-trailers`. */
struct incoming_body {
    struct resource base;
    struct http_link *link; /* a reference */
    enum http_body_state state;
    int failure; /* of HTTP_BODY_FAILED */
    bool has_given_stream;
    bool has_peeked; /* a byte has been read to learn whether one is there */
    uint8_t peeked;
};

extern const struct resource_kind incoming_body_kind;

struct future_trailers {
    struct resource base;
    struct incoming_body *body; /* a reference */
    bool is_taken;
    bool has_more; /* there is more to throw away than was done in one go */
};

extern const struct resource_kind future_trailers_kind;

/* Answer with a new body that reads from `link`, of which it takes a reference, in results[slot]. 0 or
 * CALL_TRAP. */
int32_t incoming_body_give(struct component_call *call, unsigned slot, struct http_link *link);

/* -- outgoing --------------------------------------------------------------------------------- */

enum { OUTGOING_HELD_MAX = 64 << 10 };

enum outgoing_state { OUTGOING_OPEN, OUTGOING_FINISHED, OUTGOING_BROKEN };

/* `outgoing-body`. Referred to by the guest's handle, by its message until that is sent or dropped,
 * and by the link that it is attached to. */
struct outgoing_body {
    struct resource base;
    bool is_request;
    bool has_given_stream;
    bool has_no_content; /* of a response to HEAD and the like: length says what there would be */
    enum outgoing_state state;
    int failure;             /* what writes answer with, http_failure(kind); 0: none */
    int64_t length;          /* as declared, or HTTP_LENGTH_UNKNOWN */
    uint64_t written;        /* bytes that the guest has given */
    struct http_link *link;  /* borrowed: it holds us. NULL before attach and after detach */
    struct buffer held;      /* bytes that the link has not taken yet, at most OUTGOING_HELD_MAX */
    size_t charged;          /* what held has cost its guest's account */
    struct fields *trailers; /* a reference, of a finished one; or NULL */
};

extern const struct resource_kind outgoing_body_kind;

/* One that belongs to no link yet. NULL without memory. */
struct outgoing_body *outgoing_body_new(struct guest *guest, bool is_request, int64_t length);

/* The message is sent by `link`, which has taken a reference of the body: hand over what is held, and
 * the end if it is finished or broken. May call the link's write, end and abort. */
void outgoing_body_attach(struct outgoing_body *body, struct http_link *link);

/* The link takes bytes again; wakes the guest when it can go on. From a callback of the loop. */
void outgoing_body_on_writable(struct outgoing_body *body);

/* The link is no longer to be used, or the message will never be sent: writes fail with `failure`, -EPIPE
 * for a plain "closed". The reference is still the caller's. */
void outgoing_body_detach(struct outgoing_body *body, int failure);

/* Finished before it was attached, without trailers: all its content, to be sent with a length. */
bool outgoing_body_is_whole(const struct outgoing_body *body, struct span *ret_content);

#endif
