/* The way out over HTTP of a guest that has one: the client, made for the guest's configuration, and
 * the policy it asks. */
#ifndef HYTHE_HOST_OUTBOUND_H
#define HYTHE_HOST_OUTBOUND_H

#include <stdbool.h>

#include "base/error.h"

struct guest;
struct host_outbound;
struct http_config;
struct module;

/* Does the module import an HTTP client? */
bool outbound_is_wanted(const struct module *module);

/* Give the guest an HTTP client if its module imports one; then libcurl is loaded. NULL is returned
 * for all others. Borrows the guest and the configuration. 0, or a negative errno with the reason in
 * `err`. */
int outbound_new(struct guest *guest, const struct module *module, const struct http_config *config,
                 struct host_outbound **ret_outbound, struct error *err);

/* Release the client; call it after guest_done, which ends what the guest has under way. NULL is
 * fine. */
void outbound_free(struct host_outbound *outbound);

#endif
