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

/* Does the module import an HTTP client? */
bool outbound_is_wanted(const struct module *module);

/* Give the guest an HTTP client if its module imports one; NULL is returned for all others. Its
 * connections are those of `pool`, which is for guests with the same grants, or, without one, its own.
 * Borrows the guest, the configuration and the pool. 0, or a negative errno with the reason in `err`.
 */
int outbound_new(struct guest *guest, const struct module *module, const struct http_config *config,
                 struct http_pool *pool, struct host_outbound **ret_outbound, struct error *err);

/* Release the client; call it after guest_done, which ends what the guest has under way. NULL is
 * fine. */
void outbound_free(struct host_outbound *outbound);

#endif
