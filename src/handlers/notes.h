/* What a request leaves for the access log and the metrics: which route it met and what became of
 * the guest. Put on the transaction as its annex when the request comes; read in the server's
 * on_done, which gives them back with site_on_done. */
#ifndef HYTHE_HANDLERS_NOTES_H
#define HYTHE_HANDLERS_NOTES_H

#include <stdint.h>

struct http_transaction;
struct site;

/* How the guest's part ended. */
enum notes_end {
    NOTES_NO_GUEST,  /* none ran: files, redirects, no such route */
    NOTES_EXITED,    /* with exit code 0 */
    NOTES_EXIT_CODE, /* with another one: exit_code */
    NOTES_TRAPPED,
    NOTES_CPU,        /* past its CPU time */
    NOTES_WALL,       /* past its wall-clock time */
    NOTES_MEMORY,     /* wanted more memory than it may have */
    NOTES_BROKEN,     /* it could not be started */
    NOTES_NO_HEAD,    /* it ended before its head was complete */
    NOTES_BAD_HEAD,   /* its head is not one */
    NOTES_TOO_LARGE,  /* the request's body, or its environment, is past its limit */
    NOTES_BAD_BODY,   /* the request's body broke its framing */
    NOTES_CANCELLED,  /* the peer left, or the front gave up on it */
    NOTES_BUSY,       /* refused: the route has as many requests as it may have */
    NOTES_REFUSED,    /* it gave an error in place of a response */
    NOTES_INCOMPLETE, /* it did not finish the response's body, or not as declared */
    NOTES_END_COUNT,
};

enum { NOTES_NO_ROUTE = -1 };

struct notes {
    struct site *site;  /* borrowed: it stays until these are given back */
    struct notes *next; /* in the site's free list */
    int32_t route;      /* number of the route, as site_route_name takes it, or NOTES_NO_ROUTE */
    const char *name;   /* the route's, borrowed from the site; "-" without one */
    uint64_t cpu_ns;    /* of the guest and its calls */
    uint64_t memory;    /* bytes of its memories at the end */
    enum notes_end end;
    int exit_code;
};

/* The transaction's notes; NULL when it never came to a site: the front refused it. */
const struct notes *notes_of(const struct http_transaction *transaction);

/* A word for logs and metrics: "exited", "cpu_limit", ... */
const char *notes_end_text(enum notes_end end);

#endif
