/* From a configuration to the options of the HTTP front and of TLS. */
#ifndef HYTHE_SERVE_FRONT_H
#define HYTHE_SERVE_FRONT_H

#include "base/error.h"
#include "config/serve.h"
#include "http/server.h"

struct net_address;
struct tls_context;

/* A listener's TLS, and who sends it PROXY prefaces. */
struct front_listener {
    struct tls_context *tls; /* owned reference; NULL: plain */
    bool offers_h2;
    struct front_sources *sources; /* owned; NULL: nobody */
};

struct http_timeouts front_timeouts(const struct serve_config *config);
struct http_limits front_limits(const struct serve_config *config);

/* Make what a listener needs. A `listener` NULL is one that systemd passed and no configuration
 * names: TLS where there is a certificate. 0, or a negative errno with the reason in `err`. */
int front_listener_init(const struct serve_config *config, const struct serve_listener *listener,
                        struct front_listener *ret_front, struct error *err);
void front_listener_done(struct front_listener *front);

/* For http_listener_options.sends_proxy; `sources` is a struct front_sources. */
bool front_sends_proxy(const void *sources, const struct net_address *peer);

#endif
