/* Ranges of addresses: those that begin with the same bits. */
#ifndef HYTHE_NET_CIDR_H
#define HYTHE_NET_CIDR_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

struct net_cidr {
    int family;         /* AF_INET or AF_INET6 */
    unsigned bits;      /* how many of them count */
    uint8_t octets[16]; /* 4 or 16 of them */
};

/* Read "10.0.0.0/8", "fd00::/8" or a single address. A range of mapped addresses (::ffff:10.0.0.0/104)
 * is the IPv4 one it means. 0 or -EINVAL. */
int net_cidr_parse(const char *text, struct net_cidr *ret_cidr);

/* Does it hold the address? A mapped one counts as the IPv4 one that it wraps, a Unix one is in no
 * range. */
bool net_cidr_has(const struct net_cidr *cidr, const struct net_address *address);

/* Are the first `bits` bits the same? */
bool net_same_bits(const uint8_t *a, const uint8_t *b, unsigned bits);

#endif
