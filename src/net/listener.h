/* Listening sockets that the host opens itself, or inherits. */
#ifndef HYTHE_NET_LISTENER_H
#define HYTHE_NET_LISTENER_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "net/address.h"

enum { LISTENER_BACKLOG = 4096, LISTENER_MAX = 64 };

/* Which file a Unix listener has; both 0: none, or one that was not there. */
struct listener_file {
    dev_t device;
    ino_t inode;
};

/* Listening sockets, non-blocking and close-on-exec. */
struct listeners {
    int fds[LISTENER_MAX]; /* owned */
    struct listener_file files[LISTENER_MAX];
    uint32_t count;
};

/* Close all. */
void listeners_done(struct listeners *listeners);

/* Close all, and remove the files of those Unix sockets that nobody else listens on: no worker, no
 * new master, no systemd. For whoever opened them, when the others have ended. */
void listeners_done_and_remove(struct listeners *listeners);

/* Listen on an address as net_address_parse reads it; a stale Unix socket in the way is replaced.
 * 0, or a negative errno with the reason and what to do in `err`. */
int listeners_add(struct listeners *listeners, const char *address, struct error *err);

/* As listeners_add; the file of a Unix socket gets these permissions, before anyone can connect. */
int listeners_add_with_mode(struct listeners *listeners, const char *address, mode_t mode,
                            struct error *err);

/* Take over the sockets that systemd or the like passed in descriptors 3 and up (LISTEN_PID and
 * LISTEN_FDS of sd_listen_fds(3)); both variables are removed from the environment. 0, or a
 * negative errno with the reason in `err`. */
int listeners_inherit(struct listeners *listeners, struct error *err);

/* Where one of them listens, with the real port. 0 or a negative errno. */
int listeners_address(const struct listeners *listeners, uint32_t index,
                      struct net_address *ret_address);

#endif
