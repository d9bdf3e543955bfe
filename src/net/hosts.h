/* Names that the operator has given an address to, as in /etc/hosts but for one run. */
#ifndef HYTHE_NET_HOSTS_H
#define HYTHE_NET_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

struct host_entry {
    char *name; /* owned; without its last dot */
    struct net_address address;
};

/* A zeroed one is empty. */
struct hosts {
    struct host_entry *entries; /* owned array */
    uint32_t count;
};

/* Add "NAME=ADDRESS"; a name that comes again has several addresses. 0, -ENOMEM, -E2BIG, or -EINVAL
 * with the entry quoted and the grammar in `err`. */
int hosts_add(struct hosts *hosts, const char *text, struct error *err);

void hosts_done(struct hosts *hosts);

/* Find the next entry of that name from `*at` on and move `*at` behind it; NULL without one. Begin
 * with 0. Case and a last dot make no difference. */
const struct host_entry *hosts_next(const struct hosts *hosts, const char *name, uint32_t *at);

#endif
