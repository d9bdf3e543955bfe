/* Socket addresses: parsing, printing, comparing. */
#ifndef HYTHE_NET_ADDRESS_H
#define HYTHE_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"

struct net_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    } u;
    socklen_t len; /* bytes of it in use; 0: none */
};

enum { NET_ADDRESS_TEXT_MAX = 128, NET_ADDRESS_HOST_MAX = INET6_ADDRSTRLEN };

/* Parse "HOST:PORT", "[V6]:PORT", ":PORT" (any address) or "unix:PATH". HOST is a numeric address,
 * "localhost" or "*". 0, or -EINVAL with the reason and the grammar in `err`. */
int net_address_parse(const char *text, struct net_address *ret_address, struct error *err);

/* Make one from raw octets (4 or 16) and a port in host order. */
void net_address_set_v4(struct net_address *address, const uint8_t octets[4], uint16_t port);
void net_address_set_v6(struct net_address *address, const uint8_t octets[16], uint16_t port);

/* Make a Unix one from a path of `len` bytes. 0 or -ENAMETOOLONG. */
int net_address_set_unix(struct net_address *address, const char *path, size_t len);

/* Is it an IPv4 or IPv6 address, without brackets or port, and no name? */
bool net_address_is_numeric(const char *host);

/* The port in host order; 0 for a Unix address. */
uint16_t net_address_port(const struct net_address *address);

/* Replace an IPv6 address that only wraps an IPv4 one (::ffff:a.b.c.d) by the IPv4 one. */
void net_address_unmap(struct net_address *address);

/* Print as net_address_parse reads it; `text` takes NET_ADDRESS_TEXT_MAX bytes. Returns text. */
const char *net_address_print(const struct net_address *address, char *text);

/* Print an IPv4 or IPv6 address alone, without port and brackets; "" for any other. `text` takes
 * NET_ADDRESS_HOST_MAX bytes. Returns text. */
const char *net_address_print_host(const struct net_address *address, char *text);

#endif
