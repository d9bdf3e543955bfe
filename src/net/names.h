/* Names to addresses, through c-ares on the loop. */
#ifndef HYTHE_NET_NAMES_H
#define HYTHE_NET_NAMES_H

#include <netdb.h>
#include <stdint.h>

#include "loop/loop.h"
#include "net/address.h"

struct names;
struct names_query;

enum { NAMES_ADDRESSES_MAX = 64 }; /* of one answer; the rest is left out */

struct names_answer {
    int error; /* 0, or an EAI_* number */
    uint32_t count;
    const struct net_address *addresses; /* borrowed during the callback; IPv4 first */
    const char *canonical;               /* borrowed; NULL without one */
};

typedef void names_fn(void *context, const struct names_answer *answer);

/* All pointers are borrowed until names_ask returns, `context` until the callback. */
struct names_question {
    const char *node;             /* NULL: this machine */
    const char *service;          /* a number or a name; NULL: port 0. Not both are NULL */
    const struct addrinfo *hints; /* as for getaddrinfo; NULL: none */
    names_fn *on_answer;
    void *context;
};

/* Make a resolver; /etc/hosts and /etc/resolv.conf are read when something is asked. 0 or a
 * negative errno. */
int names_new(struct loop *loop, struct names **ret_names);

/* Take a name for an address and do not ask for it: "NAME=ADDRESS". 0, or a negative errno with the
 * reason in `err`. */
int names_add_host(struct names *names, const char *entry, struct error *err);

/* Ask these servers instead of those of /etc/resolv.conf: "ADDRESS[:PORT]", with commas between.
 * 0 or a negative errno. */
int names_set_servers(struct names *names, const char *servers);

/* End all queries without calling back, and release the resolver. NULL is fine. */
void names_free(struct names *names);

/* Begin to resolve. `on_answer` is called exactly once, in a later turn of the loop, unless the
 * query is cancelled. 0 or a negative errno. */
int names_ask(struct names *names, const struct names_question *question,
              struct names_query **ret_query);

/* Forget a query: its callback will not be called. */
void names_cancel(struct names_query *query);

#endif
