/* What a guest may reach on the network. Deny by default: each refusal is an ordinary error for
 * the guest and names, for the operator, the flag that would allow it.
 *
 * One policy for sockets and for HTTP. Nothing here looks a name up or remembers a request: whoever
 * dials asks policy_may_request about the URL and policy_may_dial about each address. */
#ifndef HYTHE_GUEST_POLICY_H
#define HYTHE_GUEST_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

struct policy_rule; /* see guest/policy_rule.h */

struct policy_rules {
    struct policy_rule *items; /* owned array, unless is_shared */
    uint32_t count;
    bool is_shared; /* the array is another policy's; nothing may be added */
};

struct policy {
    bool allow_all;     /* --net */
    bool is_dry_run;    /* refusals are only reported; see guest_refuse */
    bool allow_resolve; /* names may be looked up: any --allow-connect by name, or --net */
    struct policy_rules listen;
    struct policy_rules connect;
    struct policy_rules http;
    uint64_t refused; /* how often, also in a dry run */
};

/* Where an HTTP request goes, as the URL's one parser has it. All strings are borrowed. */
struct policy_request {
    const char *scheme; /* "http" or "https" */
    const char *host;   /* lower case, punycode; an IPv6 address without its brackets */
    uint16_t port;
};

void policy_init(struct policy *policy);
void policy_done(struct policy *policy);

/* Fill a fresh policy with what `with`, which outlives it, grants. Rules are not parsed again: both
 * have the same ones and count into them together, except that what a name stood for is noted for
 * each alone. 0 or -ENOMEM. */
int policy_share(struct policy *policy, const struct policy *with);

/* Add "ADDR:PORT", ":PORT", "*:*", "CIDR:PORT", "HOST:PORT" or "unix:PATH" (a PATH ending in "/"
 * grants all below it). A port may be "*" or "LOW-HIGH". 0, or -EINVAL with the rule quoted and
 * the grammar in `err`. A rule with a name reaches public addresses only, unless ",private" stands
 * behind it. */
int policy_allow_listen(struct policy *policy, const char *rule, struct error *err);
int policy_allow_connect(struct policy *policy, const char *rule, struct error *err);

/* Add a rule for HTTP; see policy_http.c for the grammar. As above. */
int policy_allow_http(struct policy *policy, const char *pattern, struct error *err);

/* May the guest bind or listen there? Connect or send there? Look up that name? */
bool policy_may_listen(struct policy *policy, const struct net_address *address);
bool policy_may_connect(struct policy *policy, const struct net_address *address);
bool policy_may_resolve(const struct policy *policy, const char *name);

/* Could any HTTP request be made? */
bool policy_grants_http(const struct policy *policy);

/* May this HTTP request be made? A name is judged by itself, a numeric address like one that is
 * dialled. */
bool policy_may_request(struct policy *policy, const struct policy_request *request);

/* May this address, whatever its port, be dialled for that request? */
bool policy_may_dial(const struct policy *policy, const struct policy_request *request,
                     const struct net_address *address);

/* Is there any rule for Unix sockets? Without one the guest is told that it has none. */
bool policy_knows_unix(const struct policy *policy);

/* Note that `name`, which a name rule allows, has been resolved to `address` for this guest: a
 * connect to it is then allowed on the rule's ports. 0 or -ENOMEM. */
int policy_note_resolved(struct policy *policy, const char *name,
                         const struct net_address *address);

/* How often a rule has allowed something. */
struct policy_count {
    const char *flag; /* "--allow-http" */
    const char *rule; /* as it was written; borrowed */
    uint64_t hits;
};

/* Give the count of the rule at `index`, over all lists; false behind the last. */
bool policy_count(const struct policy *policy, uint32_t index, struct policy_count *ret_count);

#endif
