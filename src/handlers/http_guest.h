/* The instances of components that serve requests: made, kept for the next request where the route
 * says reuse, ended. Internal to src/handlers/; wasi_http.c drives them.
 *
 * One that has a request, or goes on running behind its answer, counts among its route's and the site's
 * running ones and keeps the site; one that waits does not: it goes when the site wants. */
#ifndef HYTHE_HANDLERS_HTTP_GUEST_H
#define HYTHE_HANDLERS_HTTP_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "handlers/cgi_log.h"
#include "handlers/guests.h"
#include "handlers/internal.h"
#include "loop/loop.h"

struct wasi_http_inbound;

enum { HTTP_GUEST_LOGS = 2 };

struct http_guest {
    struct list node;        /* in the site's trailing or idle ones, or in none */
    struct list route_node;  /* in its route's idle ones, or in none */
    struct http_guest *next; /* among the spare ones */
    struct site_route *route;
    struct host_task *task;                   /* owned */
    struct guest_stream *stdio[GUESTS_STDIO]; /* until dropped */
    uint32_t served;                          /* requests, the one under way among them */
    bool is_running;
    uint64_t idle_since_ns;

    /* The request. */
    struct http_transaction *transaction; /* borrowed; NULL once it is over */
    struct notes *notes;                  /* the transaction's, likewise */
    struct wasi_http_inbound *inbound;    /* owned; NULL before the guest knows of it */
    char id[HTTP_ID_TEXT_MAX];            /* the transaction's, once that is over */
    struct loop_deferred turn;            /* see wasi_http.c */
    struct cgi_log logs[HTTP_GUEST_LOGS]; /* of its stdout and stderr */
};

/* Take an instance of the route's that waits, renewed, or make one with `options`, which are the same for
 * all of the route's but for the context, which is the instance; it counts as running.
 * 0, or a negative errno with the reason in `err`. */
int http_guest_take(struct site_route *route, const struct host_task_options *options,
                    loop_deferred_fn *on_turn, struct http_guest **ret_guest, struct error *err);

/* May it wait for another request? It has served this one whole and has returned. */
bool http_guest_may_wait(const struct http_guest *guest);

/* Have it wait. With the last request of a site that leaves, the site goes. */
void http_guest_wait(struct http_guest *guest);

/* End it, whatever it does; not from within its own calls. Likewise. */
void http_guest_release(struct http_guest *guest);

#endif
