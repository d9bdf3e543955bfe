/* The HTTP front: listeners, connections, HTTP/1.1 and HTTP/2, limits and timeouts. It knows no
 * guests; a handler answers.
 *
 * Happy path of a request:
 *   1. a peer is accepted; TLS and the PROXY preface, where the listener has them
 *   2. its head is read and parsed (h1_head.h, or nghttp2)
 *   3. the handler's on_request gets a transaction (transaction.h)
 *   4. the handler reads the body and writes the response, at once or over many turns
 *   5. the response has been sent: on_done tells what it was; the connection waits for the next
 *
 * Failure modes: what the peer sends is no HTTP, or too much of it: an answer of ours and the end of
 * the connection. The peer is slow: each phase has its own timeout. The peer leaves, or the server
 * ends: the handler's on_abort. */
#ifndef HYTHE_HTTP_SERVER_H
#define HYTHE_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "http/transaction.h"
#include "loop/loop.h"
#include "net/address.h"

struct http_server;
struct proxy_sources;
struct tls_context;

struct http_timeouts {  /* nanoseconds; 0: none */
    uint64_t tls_ns;    /* the handshake, and the PROXY preface before it */
    uint64_t header_ns; /* from accept or the first byte of a request to the end of its head */
    uint64_t body_ns;   /* between two reads of a body that the handler waits for */
    uint64_t write_ns;  /* between two writes to a peer that has something to take */
    uint64_t idle_ns;   /* between requests */
};

struct http_limits {      /* 0: none, where a comment does not say otherwise */
    uint32_t head_max;    /* bytes of a request line and its headers; never 0 */
    uint32_t target_max;  /* bytes; never 0 */
    uint32_t header_max;  /* header lines; never 0 */
    uint32_t connections; /* at this limit the one longest idle, or else longest inside its head or
                           * handshake, gives way to a new one; never 0 */
    uint32_t connections_per_address;
    uint32_t requests; /* in flight; past it: 503 */
    uint32_t requests_per_connection;
    uint32_t http2_streams; /* at a time on one connection; never 0 */
};

/* Why a transaction ended. */
enum http_outcome {
    HTTP_ANSWERED, /* the whole response has been sent */
    HTTP_FAILED,   /* the handler gave up after its head had been sent */
    HTTP_REFUSED,  /* answered by the front itself: the request was bad or too much */
    HTTP_PEER_LEFT,
    HTTP_BODY_TIMEOUT,
    HTTP_WRITE_TIMEOUT,
    HTTP_DRAINED, /* the server ended first */
};

struct http_report {
    uint16_t status; /* sent, or 0 when none was */
    enum http_outcome outcome;
    uint64_t body_in;  /* bytes of content read from the peer */
    uint64_t body_out; /* bytes of content sent */
    uint64_t begin_ns; /* when the head was complete, CLOCK_MONOTONIC */
    uint64_t first_ns; /* when the response's head was sent; 0: never */
    uint64_t end_ns;
};

/* How many connections are in which state, and what has happened to them so far. */
struct http_counts {
    uint32_t handshaking;
    uint32_t reading_head;
    uint32_t active; /* with a request under way */
    uint32_t idle;
    uint32_t requests; /* in flight */
    uint64_t accepted;
    uint64_t gave_way;        /* closed for a new one at the limit */
    uint64_t refused_address; /* past connections_per_address */
    uint64_t timed_out[5];    /* in the order of struct http_timeouts */
    uint64_t bad_requests;    /* answered with a 4xx or 5xx of the front */
    uint64_t tls_failures;
};

struct http_server_options {
    struct loop *loop; /* borrowed */
    struct http_timeouts timeouts;
    struct http_limits limits;
    const char *server_name; /* value of the Server header, NULL: none; borrowed */

    void *context;
    /* A request has come. Called from the loop. The handler answers now or attaches itself. */
    void (*on_request)(void *context, struct http_transaction *transaction);
    /* A transaction has ended; its last callback. Also for requests that the front refused, as far
     * as they could be read. NULL: nobody wants to know. */
    void (*on_done)(void *context, struct http_transaction *transaction,
                    const struct http_report *report);
    /* One line for the operator, such as "out of descriptors". NULL: none. */
    void (*on_report)(void *context, const char *line);
};

/* Make a server without listeners. 0, or a negative errno with the reason in `err`. */
int http_server_new(const struct http_server_options *options, struct http_server **ret_server,
                    struct error *err);

/* Close all, without an answer to anybody: the handlers' on_abort. NULL is fine. */
void http_server_free(struct http_server *server);

struct http_listener_options {
    int fd;                  /* a listening, non-blocking socket; borrowed for the server's life */
    struct tls_context *tls; /* referenced; NULL: plain */
    bool offers_h2;          /* by ALPN, or by prior knowledge without TLS */
    /* May a peer at that address send a PROXY preface? Then it must. NULL: none does. */
    bool (*sends_proxy)(const void *context, const struct net_address *peer);
    const void *proxy_context; /* borrowed */
};

/* Begin to accept. 0, or a negative errno with the reason in `err`. */
int http_server_listen(struct http_server *server, const struct http_listener_options *options,
                       struct error *err);

/* Stop accepting, tell each peer that this answer is the last, and call `on_drained` once when no
 * connection is left. Connections without a request get half a second to send one, so that none is
 * cut that has just been sent. */
void http_server_drain(struct http_server *server, void (*on_drained)(void *context));

void http_server_count(const struct http_server *server, struct http_counts *ret_counts);

#endif
