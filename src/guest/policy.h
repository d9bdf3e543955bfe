/* What a guest may reach on the network. Deny by default: each refusal is an ordinary error for
 * the guest and names, for the operator, the flag that would allow it. */
#ifndef HYTHE_GUEST_POLICY_H
#define HYTHE_GUEST_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

struct policy_rule; /* an address range and a port range */

struct policy {
    bool allow_all;             /* --net */
    struct policy_rule *listen; /* owned array */
    uint32_t listen_count;
    struct policy_rule *connect; /* owned array */
    uint32_t connect_count;
    bool allow_resolve; /* names may be looked up: any --allow-connect by name, or --net */
};

void policy_init(struct policy *policy);
void policy_done(struct policy *policy);

/* Add "ADDR:PORT", ":PORT", "*:*", "CIDR:PORT", "HOST:PORT" or "unix:PATH" (a PATH ending in "/"
 * grants all below it). A port may be "*" or "LOW-HIGH". 0, or -EINVAL with the rule quoted and
 * the grammar in `err`. */
int policy_allow_listen(struct policy *policy, const char *rule, struct error *err);
int policy_allow_connect(struct policy *policy, const char *rule, struct error *err);

/* May the guest bind or listen there? Connect or send there? Look up that name? */
bool policy_may_listen(const struct policy *policy, const struct net_address *address);
bool policy_may_connect(const struct policy *policy, const struct net_address *address);
bool policy_may_resolve(const struct policy *policy, const char *name);

/* Is there any rule for Unix sockets? Without one the guest is told that it has none. */
bool policy_knows_unix(const struct policy *policy);

/* Note that `name`, which a name rule allows, has been resolved to `address` for this guest: a
 * connect to it is then allowed on the rule's ports. 0 or -ENOMEM. */
int policy_note_resolved(struct policy *policy, const char *name,
                         const struct net_address *address);

#endif
