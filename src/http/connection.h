/* A connection: what both protocols have in common, for http/connection.c, server.c, h1*.c and h2*.c
 * only. */
#ifndef HYTHE_HTTP_CONNECTION_H
#define HYTHE_HTTP_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "http/server.h"
#include "http/transaction.h"
#include "loop/deadline.h"
#include "net/stream.h"

struct http_connection;
struct http_listener;

enum http_phase {
    PHASE_HANDSHAKE, /* PROXY preface, TLS */
    PHASE_HEAD,      /* a request's head is awaited or has begun */
    PHASE_ACTIVE,    /* a request is under way */
    PHASE_IDLE,
    PHASE_LINGER, /* the last answer has been sent; what the peer still sends is thrown away */
    PHASE_COUNT,
};

struct http_protocol {
    const char *name;
    /* Edges have come; the stream's is_readable and is_writable hold. May close the connection. */
    void (*on_ready)(struct http_connection *c, unsigned events);
    /* http_connection_defer was called. May close the connection. */
    void (*on_turn)(struct http_connection *c);
    /* The connection's deadline in `queue` has passed. Closes it, or answers and closes later. */
    void (*on_deadline)(struct http_connection *c, const struct deadline_queue *queue);
    /* The body_deadline of a transaction has passed. */
    void (*on_body_deadline)(struct http_connection *c, struct http_transaction *t);
    /* The server drains: the answers under way are the last. May close the connection. */
    void (*drain)(struct http_connection *c);
    /* The connection closes: abort the transactions with `outcome`, release the protocol's state. */
    void (*close)(struct http_connection *c, enum http_outcome outcome);
};

struct http_connection {
    struct list node; /* in the server's list */
    struct http_server *server;
    const struct http_listener *listener;
    const struct http_protocol *protocol; /* NULL during the handshake */
    void *state;                          /* the protocol's, owned by it */
    struct net_stream stream;
    struct deadline deadline; /* in one of the server's queues, by phase */
    struct loop_deferred turn;
    struct net_address peer;
    struct net_address local;
    uint64_t requests; /* begun so far */
    uint8_t phase;
    bool is_doomed;     /* broken inside a handler's call: closes in its turn */
    bool needs_preface; /* PROXY first */
    bool is_counted;    /* in address_counts */
};

/* connection.c: begin with an accepted socket, which is taken over. 0 or -ENOMEM. */
int http_connection_open(struct http_server *server, const struct http_listener *listener, int fd,
                         const struct net_address *peer);

/* connection.c: close and free. With `reset` the peer gets a RST. From loop callbacks only. */
void http_connection_close(struct http_connection *c, bool reset, enum http_outcome outcome);

/* connection.c: send no more, throw away what comes, close after a while or at the peer's end. The
 * protocol's close has run. */
void http_connection_linger(struct http_connection *c);

/* connection.c: change the phase and start its deadline, or none (NULL). */
void http_connection_enter(struct http_connection *c, enum http_phase phase,
                           struct deadline_queue *queue, uint64_t now_ns);

/* connection.c: change the phase and leave its deadline as it is. */
void http_connection_set_phase(struct http_connection *c, enum http_phase phase);

/* connection.c: have the protocol's on_turn called. Harmless again. */
void http_connection_defer(struct http_connection *c);

/* connection.c: it cannot go on; its turn closes it. For use within a handler's call. */
void http_connection_doom(struct http_connection *c);

/* h1.c and h2.c: take an open connection over; `data` has been read from it already. May close the
 * connection. */
void h1_open(struct http_connection *c, struct span data);
void h2_open(struct http_connection *c, struct span data);

/* h2_library.c: open nghttp2, if that has not been done; a listener that offers HTTP/2 does so first, so
 * that its absence is told then. 0, or a negative errno with what to do in `err`. */
int h2_prepare(struct http_server *server, struct error *err);

/* h2_library.c: when no connection is left. */
void h2_release(struct http_server *server);

#endif
