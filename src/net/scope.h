/* Which addresses are the internet's and which are this machine's, this network's or nobody's. */
#ifndef HYTHE_NET_SCOPE_H
#define HYTHE_NET_SCOPE_H

#include <stdbool.h>

#include "net/address.h"

/* Why an address is not a public one, in words that follow "which is"; NULL for a public one. One
 * that carries an IPv4 address (::ffff:a.b.c.d, 64:ff9b::a.b.c.d) is judged by that. */
const char *net_address_scope(const struct net_address *address);

/* Is it 127.0.0.0/8 or ::1? */
bool net_address_is_loopback(const struct net_address *address);

#endif
