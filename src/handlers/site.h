/* A site: a configuration made ready to answer. Modules are compiled, folders opened and routes
 * entered in a table; each request finds its route and goes to that route's handler.
 *
 * The server's on_request is site_on_request, and its on_done calls site_on_done last. */
#ifndef HYTHE_HANDLERS_SITE_H
#define HYTHE_HANDLERS_SITE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct engine;
struct seen;
struct http_transaction;
struct loop;
struct serve_config;
struct site;

struct site_options {
    struct loop *loop;                 /* borrowed */
    const struct serve_config *config; /* borrowed until on_free */
    struct engine *engine; /* borrowed until on_free; NULL: the site makes one, with a pool of
                            * limits.requests guests */
    struct seen *seen;     /* borrowed until on_free: see engine_options; NULL: none */
    const char *software;  /* "hythe/1.2.3", for guests; borrowed until on_free */
    void *context;
    /* One line for the operator: what guests wrote to stderr, how they failed. NULL: none. */
    void (*on_log)(void *context, const char *line);
    /* The policy has refused something to a guest; `line` is the policy's own, also given to on_log
     * behind the route's name. NULL: nobody counts. */
    void (*on_refusal)(void *context, const char *line);
    /* The site has gone, and borrows nothing more. NULL: nobody needs to know. */
    void (*on_free)(void *context);
};

/* Make a site ready. Modules are compiled, which may take seconds. 0, or a negative errno with
 * "FILE:LINE:COLUMN: route NAME: ...", and what to do, in `err`. */
int site_new(const struct site_options *options, struct site **ret_site, struct error *err);

/* No more requests come. Those under way go on; the site goes with the last of them, or now. NULL is
 * fine. */
void site_free(struct site *site);

/* For http_server_options.on_request, with a struct site for its context. */
void site_on_request(void *context, struct http_transaction *transaction);

/* The transaction is done and its notes have been read: give them back. */
void site_on_done(struct http_transaction *transaction);

/* Routes by number, as they stand in notes. The configured ones first; modules may have added some. */
uint32_t site_route_count(const struct site *site);
const char *site_route_name(const struct site *site, uint32_t number);

/* Requests that the route has under way. */
uint32_t site_route_running(const struct site *site, uint32_t number);

/* The engine that guests run on, for its ticker and its pool's numbers. NULL: no route needs one. */
struct engine *site_engine(const struct site *site);

/* Append a table of the routes for people: host, path, kind, what answers, limits. 0, -ENOMEM or
 * -EMSGSIZE. */
int site_describe(const struct site *site, struct buffer *out);

#endif
