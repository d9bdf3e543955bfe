/* From a request's host and path to a route.
 *
 * The most specific host that has a matching route wins: the very name, then "*.name" with the
 * longest name, then routes for any host. Within a host the very path wins, then the longest prefix.
 * A prefix "/api" is for "/api", "/api/" and all below, and not for "/apix".
 *
 * A lookup costs as many probes of hash tables as the path has segments at which any prefix ends, so
 * it does not grow with the number of routes. */
#ifndef HYTHE_HANDLERS_ROUTER_H
#define HYTHE_HANDLERS_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct router;

enum {
    ROUTER_DEPTH_MAX = 63, /* segments a prefix may have */
    ROUTER_HOST_MAX = 256, /* bytes of a host's name that are looked at, the NUL among them */
};

int router_new(struct router **ret_router);
void router_free(struct router *router);

/* Add a route under a number. `host` is in lower case, "*.name" for all below, NULL for any; `path` is
 * canonical (path.h), for a prefix without a slash at its end, "" being the prefix of everything.
 * 0; -EEXIST with the number that has it in `ret_other`; -EINVAL for a prefix of too many segments or
 * a host that is too long; -ENOMEM. */
int router_add(struct router *router, const char *host, struct span path, bool is_prefix,
               uint32_t number, uint32_t *ret_other);

/* The number of the route for a canonical path at an authority ("host", "host:port", "[v6]:port"; empty
 * for none). False when there is none. */
bool router_find(const struct router *router, struct span authority, struct span path,
                 uint32_t *ret_number);

/* The host of an authority: in lower case, without port, brackets stay, without a dot at its end. Its
 * length, 0 when there is none or it does not fit. */
size_t router_host(struct span authority, char host[ROUTER_HOST_MAX]);

#endif
