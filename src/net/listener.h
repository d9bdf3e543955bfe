/* Listening sockets that the host opens itself, or inherits. */
#ifndef HYTHE_NET_LISTENER_H
#define HYTHE_NET_LISTENER_H

#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

enum { LISTENER_BACKLOG = 4096, LISTENER_MAX = 64 };

/* Listening sockets, non-blocking and close-on-exec. */
struct listeners {
    int fds[LISTENER_MAX]; /* owned */
    uint32_t count;
};

/* Close all. */
void listeners_done(struct listeners *listeners);

/* Listen on an address as net_address_parse reads it; a stale Unix socket in the way is replaced.
 * 0, or a negative errno with the reason and what to do in `err`. */
int listeners_add(struct listeners *listeners, const char *address, struct error *err);

/* Take over the sockets that systemd or the like passed in descriptors 3 and up (LISTEN_PID and
 * LISTEN_FDS of sd_listen_fds(3)); both variables are removed from the environment. 0, or a
 * negative errno with the reason in `err`. */
int listeners_inherit(struct listeners *listeners, struct error *err);

/* Where one of them listens, with the real port. 0 or a negative errno. */
int listeners_address(const struct listeners *listeners, uint32_t index,
                      struct net_address *ret_address);

#endif
