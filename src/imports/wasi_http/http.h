/* wasi:http 0.2 for the handler that serves components: how a transaction of the front becomes what
 * incoming-handler.handle is given, and how what the guest answers finds its way back. */
#ifndef HYTHE_IMPORTS_WASI_HTTP_HTTP_H
#define HYTHE_IMPORTS_WASI_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "http/transaction.h"
#include "imports/component.h"

struct guest;
struct wasi_http_inbound;

/* How the exchange with the client stands, for the handler's verdict at the guest's end. */
enum wasi_http_state {
    WASI_HTTP_UNANSWERED, /* the guest has set no response */
    WASI_HTTP_ANSWERED,   /* it has: the body may be on its way */
    WASI_HTTP_REFUSED,    /* it has set an error-code in place of a response */
    WASI_HTTP_COMPLETE,   /* the transaction has been ended; it is not touched any more */
    WASI_HTTP_BROKEN,     /* a body that was never finished, or not of its declared length: likewise
                           * ended, by breaking the response off */
    WASI_HTTP_GONE,       /* the front ended the transaction: likewise */
};

struct wasi_http_inbound_options {
    struct http_transaction *transaction; /* borrowed until the state says otherwise */
    void *context;
    /* As http_transaction_respond, with what the handler adds to each response. Inside the guest's
     * call. */
    int (*respond)(void *context, const struct http_outbound *outbound);
    /* Inside the guest's call: the state has changed to REFUSED (`why`: the error-code as text), COMPLETE
     * or BROKEN (`why`: what was wrong). The handler must not end the guest from here. REFUSED: it is
     * the handler that fails the transaction, outside of the guest's call. COMPLETE and BROKEN are said
     * just before the transaction is ended: what the handler leaves with it is for its log. */
    void (*on_state)(void *context, enum wasi_http_state state, const char *why);
};

/* Make the incoming-request and the response-outparam in the guest's table, whose reps go to
 * ret_reps[0] and [1], for a call of handle. 0 or a negative errno. The options are copied. The guest
 * has to stay until the state says that the transaction has ended, or until detach: bytes that it
 * has written may still be on their way when its call has returned. */
int wasi_http_inbound_new(struct guest *guest, const struct wasi_http_inbound_options *options,
                          struct wasi_http_inbound **ret_inbound, uint32_t ret_reps[2]);

/* The transaction's callbacks, from the loop: they wake the guest and send what was kept back. */
void wasi_http_inbound_on_readable(struct wasi_http_inbound *inbound);
void wasi_http_inbound_on_writable(struct wasi_http_inbound *inbound);

/* The front has ended the transaction, or the handler is about to: it is not touched from here on; the
 * guest's reads and writes fail as those of a connection that broke. */
void wasi_http_inbound_detach(struct wasi_http_inbound *inbound);

enum wasi_http_state wasi_http_inbound_state(const struct wasi_http_inbound *inbound);

/* Of a REFUSED one: the case of the error-code that the guest gave (error_code.h). */
uint64_t wasi_http_inbound_refusal(const struct wasi_http_inbound *inbound);

/* Detach it and let go of it; the guest's resources may live on (reused instances). NULL is fine. */
void wasi_http_inbound_free(struct wasi_http_inbound *inbound);

extern const struct component_interface wasi_http_types;            /* types*.c */
extern const struct component_interface wasi_http_outgoing_handler; /* outgoing_handler.c */

#endif
