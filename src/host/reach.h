/* What the guests of one program share when they reach for others: the resolver with the program's
 * hosts, and the pool of HTTP connections. All of them run on one loop. */
#ifndef HYTHE_HOST_REACH_H
#define HYTHE_HOST_REACH_H

#include <stdbool.h>

#include "base/error.h"

struct http_pool;
struct loop;
struct names;
struct strings;

/* Begin zeroed. */
struct host_reach {
    struct loop *loop;      /* borrowed: the guests'; NULL before the first of them */
    struct names *names;    /* owned */
    struct http_pool *pool; /* owned; NULL before the first that calls out over HTTP */
};

/* Make the resolver unless it is there, and give names the addresses of `hosts`. 0, or a negative
 * errno with the reason in `err`. */
int reach_open(struct host_reach *reach, struct loop *loop, const struct strings *hosts,
               struct error *err);

/* Make the pool unless it is there, in an open one; see http_pool_new. Likewise. */
int reach_open_http(struct host_reach *reach, bool reaches_out, struct error *err);

/* Release both, when none of the guests is left and the loop still is. */
void reach_close(struct host_reach *reach);

#endif
