/* The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt, 2020/03/05): what a load
 * balancer puts before the first byte to say who the peer is. */
#ifndef HYTHE_NET_PROXY_PROTOCOL_H
#define HYTHE_NET_PROXY_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

enum { PROXY_PROTOCOL_MAX = 4096 }; /* bytes of a version 2 preface with its extensions */

struct proxy_preface {
    bool has_addresses; /* false for LOCAL and UNKNOWN: the connection's own hold */
    struct net_address source;
    struct net_address destination;
};

/* Parse the preface at the front of `len` bytes. Its length in bytes; 0 while more is needed; or
 * -EPROTO for bytes that are none. */
int64_t proxy_protocol_parse(const uint8_t *data, size_t len, struct proxy_preface *ret_preface);

#endif
