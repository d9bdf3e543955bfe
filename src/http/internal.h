/* The insides of the front, for http/server.c, connection.c, transaction.c, h1*.c and h2*.c only.
 *
 * A connection has one protocol; a protocol has one transaction at a time (HTTP/1) or one per stream
 * (HTTP/2). Handlers' callbacks are made from loop callbacks only: what goes wrong inside a handler's
 * call is noted and dealt with in the connection's turn. */
#ifndef HYTHE_HTTP_INTERNAL_H
#define HYTHE_HTTP_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/list.h"
#include "http/connection.h"
#include "http/server.h"
#include "http/transaction.h"
#include "loop/deadline.h"

struct address_counts;
struct h2_library;

/* -- transactions ----------------------------------------------------------------------------- */

/* What the functions of transaction.h are for one protocol. The common part has checked state and
 * arguments: respond comes once, write between respond and end, nothing after end or break_off. */
struct http_transaction_ops {
    int64_t (*read)(struct http_transaction *t, uint8_t *to, size_t len);
    uint32_t (*trailers)(struct http_transaction *t, const struct http_header **ret_trailers);
    int (*respond)(struct http_transaction *t, const struct http_outbound *outbound);
    int (*interim)(struct http_transaction *t, const struct http_outbound *outbound);
    int64_t (*write)(struct http_transaction *t, const uint8_t *bytes, size_t len);
    void (*flush)(struct http_transaction *t);
    /* The handler is done: finish in the connection's turn. */
    void (*end)(struct http_transaction *t, const struct http_header *trailers, uint32_t count);
    void (*break_off)(struct http_transaction *t);
    /* Forget the response that has begun, if nothing of it has left. NULL: never. */
    bool (*take_back)(struct http_transaction *t);
};

struct http_transaction {
    const struct http_transaction_ops *ops;
    struct http_connection *connection; /* borrowed */
    struct http_inbound inbound;
    const struct http_transaction_callbacks *callbacks; /* NULL while not attached */
    void *context;
    void *annex;
    uint64_t body_max;
    uint64_t body_in;
    uint64_t body_out;
    uint64_t begin_ns;
    uint64_t first_ns;
    uint16_t status;               /* 0 before respond */
    bool is_bodiless;              /* the response has no content: HEAD, 204, 304 */
    bool is_over;                  /* the handler has ended it, or been told that it is over */
    bool is_counted;               /* among the requests in flight */
    bool wants_read;               /* a read gave -EAGAIN: tell when there is more */
    bool wants_write;              /* a write did */
    bool is_past_limit;            /* of the body */
    bool takes_all;                /* write keeps what the peer does not take, whatever its size */
    int64_t length;                /* as declared to respond */
    enum http_outcome outcome;     /* as known so far; HTTP_ANSWERED */
    struct deadline body_deadline; /* while wants_read */
    char id[HTTP_ID_TEXT_MAX];
};

/* transaction.c: begin one whose inbound is filled in; it is counted. */
void transaction_begin(struct http_transaction *t, struct http_connection *connection,
                       const struct http_transaction_ops *ops, uint64_t now_ns);

/* transaction.c: have the handler answer; or answer 503 when there are too many in flight. */
void transaction_run(struct http_transaction *t);

/* transaction.c: tell an attached handler that there is something to read, or room to write, if it
 * waits for that. From loop callbacks only. The transaction may be over afterwards. */
void transaction_readable(struct http_transaction *t);
void transaction_writable(struct http_transaction *t);

/* transaction.c: it is over before the handler ended it; calls on_abort. From loop callbacks only. */
void transaction_abort(struct http_transaction *t, enum http_outcome outcome);

/* transaction.c: the last of it: on_done. The protocol releases it afterwards. */
void transaction_done(struct http_transaction *t, uint64_t now_ns);

/* transaction.c: a read found nothing: note it and start the body timeout. Gives -EAGAIN. */
int64_t transaction_wait_read(struct http_transaction *t);

/* transaction.c: bytes of content have been read; -EMSGSIZE once they are past the limit, else
 * `len`. */
int64_t transaction_took(struct http_transaction *t, size_t len);

/* transaction.c: as http_transaction_respond_all; but what cannot be sent is broken off, where that
 * would try the page of a failure next. */
void transaction_answer(struct http_transaction *t, const struct http_outbound *outbound,
                        struct span content);

/* page.c: answer with the front's own small page, and end. */
void page_answer(struct http_transaction *t, uint16_t status, uint32_t retry_after_s);

/* page.c: the words for a status, "OK" for 200, "" for unknown ones. */
const char *status_text(uint16_t status);

/* -- the server ------------------------------------------------------------------------------- */

struct http_listener {
    struct list node;
    struct http_server *server;
    struct http_listener_options options;
    struct loop_io io;
    struct loop_deferred more; /* goes on accepting */
};

enum { DATE_BLOCK_MAX = 128 };

struct http_server {
    struct http_server_options options;
    struct loop *loop;
    struct list listeners;
    struct list connections;
    uint32_t connection_count;
    uint32_t phase_count[PHASE_COUNT];
    struct http_counts counts; /* the sums; phases are counted above */

    struct deadline_queue handshake;
    struct deadline_queue head;
    struct deadline_queue body;
    struct deadline_queue write;
    struct deadline_queue idle;
    struct deadline_queue fin; /* the peer has gone half-way while its request runs */
    struct deadline_queue linger;

    struct h2_library *h2;            /* owned; NULL until HTTP/2 is offered or spoken */
    struct address_counts *addresses; /* owned; NULL without connections_per_address */
    struct list spares;               /* of struct h1_exchange, for the next request */
    uint32_t spare_count;
    int64_t date_second;
    char date_block[DATE_BLOCK_MAX]; /* "Server: ...\r\nDate: ...\r\n" */
    size_t date_block_len;
    uint64_t id_state[2];           /* of the request ids' generator */
    struct loop_timer accept_retry; /* after running out of descriptors */
    uint64_t last_emfile_ns;

    bool is_draining;
    struct loop_timer drain_quiet; /* idle connections close when it is due */
    struct loop_deferred drained;
    void (*on_drained)(void *context);
};

/* server.c: the lines "Server: ..." and "Date: ..." as they are now. */
struct span server_date_block(struct http_server *server);

/* server.c: a connection has gone; tells when the last one of a drained server has. */
void server_connection_gone(struct http_server *server);

/* server.c: is this answer the connection's last? */
bool server_is_last(const struct http_server *server, const struct http_connection *c);

/* h1.c: release the spare exchanges. */
void h1_free_spares(struct http_server *server);

#endif
