/* What the parts of handlers share. Internal to src/handlers/. */
#ifndef HYTHE_HANDLERS_INTERNAL_H
#define HYTHE_HANDLERS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/list.h"
#include "config/serve.h"
#include "handlers/cgi_head.h"
#include "handlers/notes.h"
#include "handlers/router.h"
#include "handlers/site.h"
#include "http/field.h"
#include "http/transaction.h"
#include "loop/loop.h"

struct cgi_request;
struct http_guest;
struct engine;
struct host_program;
struct hythe_guest_config;

enum {
    ROUTE_HEADERS_MAX = 64,
    SPARES_MAX = 256, /* requests and notes that are kept for the next */
    EXIT_USAGE = 2,   /* the program's, when a route is not as it has to be */
};

/* A route made ready. */
struct site_route {
    struct site *site;                /* borrowed */
    const struct serve_route *config; /* borrowed from the configuration, or `own` */
    struct serve_route *own;          /* owned: of a route that its module named; its path, name
                                        * and entry are owned, the rest is the module's route's */
    uint32_t number;
    enum serve_kind kind;        /* never SERVE_AUTO */
    char *pattern;               /* owned: path as configured, with "/..." for a prefix */
    struct buffer path;          /* canonical; of a prefix without a slash at its end */
    struct http_header *headers; /* owned array, of borrowed texts */
    uint32_t header_count;
    uint32_t running; /* requests now, and guests that go on behind their answer */

    struct list idle; /* of struct http_guest: instances that wait for their next request */
    uint32_t idle_count;
    struct loop_timer idle_timer; /* when the oldest of them has waited for too long */

    const struct host_program *program; /* borrowed from the site */
    const char *entry;                  /* borrowed; NULL: _start */
    struct buffer env;                  /* the variables that are the same for all requests */
    uint32_t env_count;
    int root; /* of files: the folder, owned; -1 otherwise */
};

/* A program and what it was made of: routes that want the same share it. */
struct site_program {
    struct buffer key;                 /* everything it depends on, as bytes */
    struct hythe_guest_config *config; /* owned; the program borrows it */
    struct host_program *program;      /* owned */
};

struct site {
    struct site_options options;
    struct engine *engine; /* borrowed from the options, or `own_engine` */
    struct engine *own_engine;
    struct router *router;
    struct site_route **routes; /* owned array of owned */
    uint32_t route_count;
    struct site_program *programs; /* owned */
    uint32_t program_count;

    struct buffer scratch; /* of path_canonical: good until the handler returns */
    struct http_header headers[CGI_HEADERS_MAX + ROUTE_HEADERS_MAX]; /* of site_respond: likewise */
    struct cgi_answer answer;                                        /* likewise */
    struct notes *spare_notes;
    uint32_t spare_note_count;
    struct cgi_request *spare_requests;
    uint32_t spare_request_count;
    struct http_guest *spare_guests; /* of wasi_http.c, without an instance */
    uint32_t spare_guest_count;
    struct list idle;     /* of struct http_guest: those of all routes, the oldest first */
    struct list trailing; /* likewise: they have answered and go on running */
    uint32_t running;     /* of all routes */
    uint32_t idle_count;
    uint32_t in_use; /* notes that are out, and guests of wasi_http.c that run */
    bool is_leaving; /* site_free was called */
};

/* One request on its way to a handler; good until the handler returns. */
struct site_request {
    struct site_route *route;
    struct http_transaction *transaction;
    const struct http_inbound *inbound;
    struct notes *notes; /* the transaction's */
    struct span path;    /* canonical */
};

/* What is left of the path behind the route's own: "" or "/...". */
struct span site_rest(const struct site_request *request);

/* Respond with the route's own headers added; one of them takes the place of one of that name that
 * the handler gives, Set-Cookie excepted. As http_transaction_respond. */
int site_respond(const struct site_route *route, struct http_transaction *transaction,
                 const struct http_outbound *outbound);

/* As http_transaction_respond_all, likewise. */
void site_respond_all(const struct site_route *route, struct http_transaction *transaction,
                      const struct http_outbound *outbound, struct span content);

/* One thing less that is in use; with the last one of a site that leaves, the site goes. */
void site_let_go(struct site *site);

/* Say something of a route to the operator: one line. */
void site_log(const struct site_route *route, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* -- handlers: each answers or attaches itself ------------------------------------------------- */

void cgi_handle(const struct site_request *asked);
void files_handle(const struct site_request *request);
void redirect_handle(const struct site_request *request);
void text_handle(const struct site_request *request);
void wasi_http_handle(const struct site_request *asked);

/* Release the spare requests. */
void cgi_free_spares(struct site *site);
void wasi_http_free_spares(struct site *site);

/* End the instances that have no request: those that wait for one, and those that have answered. */
void wasi_http_end_idle(struct site *site);

/* End those that wait, or only the one that has waited the longest. */
void wasi_http_end_waiting(struct site *site);
void wasi_http_end_oldest(struct site *site);

/* -- making a site ---------------------------------------------------------------------------- */

/* Set an error that begins with the route's place and name. Returns `code`. */
int site_refuse(const struct site_route *route, struct error *err, int code, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

/* Put the route's place and name before an error. Returns its code. */
int site_blame(const struct site_route *route, struct error *err);

/* site_program.c: find or make the route's program, after a look at what its module is. */
int site_open_program(struct site *site, struct site_route *route, struct error *err);
void site_program_done(struct site_program *program);

/* site_discover.c: ask a WAGI module for the routes below its own and add them. */
int site_discover(struct site *site, struct site_route *route, struct error *err);
void site_own_route_free(struct serve_route *own);

/* site.c: add a route; `config` stays as long as the site. */
int site_add_route(struct site *site, const struct serve_route *config,
                   struct site_route **ret_route, struct error *err);

/* site.c: put a route into the router. */
int site_map_route(struct site *site, struct site_route *route, struct error *err);

/* redirect.c: is the route's target one that can be sent? */
int redirect_check(const struct site_route *route, struct error *err);

#endif
