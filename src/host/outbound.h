/* The way out over HTTP of a guest that has one: the client, made for the guest's configuration, and
 * the policy it asks. */
#ifndef HYTHE_HOST_OUTBOUND_H
#define HYTHE_HOST_OUTBOUND_H

#include <stdbool.h>

#include "base/error.h"

struct guest;
struct host_outbound;
struct http_config;
struct http_pool;
struct module;

/* What a module's imports and exports say of the HTTP client that it wants. */
struct outbound_form {
    bool is_wanted;   /* it imports one; without that the rest says nothing */
    bool has_handles; /* see struct guest, http_has_handles */
    bool has_alloc;   /* likewise */
};

struct outbound_form outbound_form_of(const struct module *module);

/* Give a guest whose module wants one an HTTP client. Its connections are those of `pool`, which is
 * for guests with the same grants, or, without one, its own. Borrows the guest, the configuration and
 * the pool. 0, or a negative errno with the reason in `err`. */
int outbound_new(struct guest *guest, const struct http_config *config, struct http_pool *pool,
                 struct host_outbound **ret_outbound, struct error *err);

/* Release the client; call it after guest_done, which ends what the guest has under way. NULL is
 * fine. */
void outbound_free(struct host_outbound *outbound);

#endif
