/* How many connections each address has: a table of fixed size, so that counting costs the same
 * however many addresses there are. An IPv6 peer is counted by its /64, which is what one customer
 * has; peers on Unix sockets are not counted. */
#ifndef HYTHE_HTTP_ADDRESS_COUNTS_H
#define HYTHE_HTTP_ADDRESS_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

struct address_counts;

/* Make a table for at most `max` connections an address. 0 or -ENOMEM. */
int address_counts_new(uint32_t max, struct address_counts **ret_counts);

/* NULL is fine. */
void address_counts_free(struct address_counts *counts);

/* Count one more. False, with nothing counted, when the address has as many as it may. */
bool address_counts_add(struct address_counts *counts, const struct net_address *peer);

/* One that was added has gone. */
void address_counts_remove(struct address_counts *counts, const struct net_address *peer);

#endif
