/* The outside of a guest that speaks HTTP, for fuzz targets: the front's transaction and the client's
 * exchanges, in the place of http/transaction.c and http/client.c. They are as strict as their headers
 * say, free their memory as soon as they may, and state what has to hold of all that a guest sends: no
 * header that could be taken for two, none that is the host's own, no byte more than was declared and
 * none fewer.
 *
 * A target that uses it has the line with the functions to wrap that component_calls.c has. */
#ifndef HYTHE_FUZZ_LIB_OUTSIDE_H
#define HYTHE_FUZZ_LIB_OUTSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "http/client.h"
#include "http/transaction.h"

enum { OUTSIDE_HEADERS_MAX = 3, OUTSIDE_EXCHANGES_MAX = 8 };

/* One side's messages: what comes is counted only, since all of its bytes are the same. */
struct flow {
    uint32_t readable;
    bool has_ended; /* nothing follows what is readable */
    int failure;    /* what reading and writing give, or 0 */
    uint32_t room;
    bool wants_write; /* a write has been told to wait */
    int64_t length;   /* declared by what is sent, -1: not */
    uint64_t written;
};

/* What a peer has sent, all in memory of its own. */
struct lines {
    struct http_header headers[OUTSIDE_HEADERS_MAX];
    uint32_t count;
};

struct http_transaction {
    struct flow flow;
    struct http_inbound inbound;
    struct lines head;
    struct lines trailers;
    bool has_responded;
    bool has_content; /* the response's is on the wire */
};

struct http_exchange {
    struct flow flow;
    struct lines head;
    struct lines trailers;
    uint16_t status;
    bool has_head;
    bool is_finished; /* the request's body */
    bool streams;
    enum http_error error;
    http_event_fn *on_event;
    void *context;
};

struct outside {
    struct http_transaction *transaction; /* NULL when it is over */
    struct http_exchange *exchanges[OUTSIDE_EXCHANGES_MAX];
};

/* Everything below is about this one, which has to be zeroed, from now on. */
void outside_begin(struct outside *outside);

/* A request, of what `choice` says, in the place of the one that was. */
void outside_request(uint64_t choice);

/* The transaction is over, if there is one: nobody may touch it any more. */
void outside_end_request(void);

/* Bytes come or can leave, the message ends or breaks: what, and how much. */
void outside_change(struct flow *flow, uint64_t what, uint32_t amount);

/* Something happens to an exchange, its head at first, and the client says so. */
void outside_happen_to_exchange(uint64_t which, uint64_t what, uint32_t amount);

/* Are all exchanges closed? */
bool outside_is_quiet(void);

#endif
