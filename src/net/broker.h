/* Sharing bound sockets among workers: a worker that is to bind an address asks its master, which
 * binds it once and hands out the same socket to every worker that asks.
 *
 * So a port conflict shows once, connections that wait in the queue survive the death of a worker,
 * and a new worker listens where the old one did. The two ends talk over a SOCK_SEQPACKET pair;
 * workers are the master's own children, yet what they say is checked like anyone's. */
#ifndef HYTHE_NET_BROKER_H
#define HYTHE_NET_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

struct broker;

enum { BROKER_SOCKETS_MAX = 256 };

/* What a worker sends: one message. */
struct broker_request {
    int32_t type; /* SOCK_STREAM or SOCK_DGRAM */
    uint32_t reuse_address;
    uint32_t v6_only;
    uint32_t nth; /* of the worker's binds to a port of the kernel's choice; else 0 */
    uint32_t address_len;
    struct sockaddr_storage address;
};

/* Master: make a broker, with no socket yet. 0 or -ENOMEM. */
int broker_new(struct broker **ret_broker);

/* Close all sockets. NULL is fine. */
void broker_free(struct broker *broker);

/* Master: answer one request that waits on `fd`. 0; -EAGAIN when none waits; -EPIPE when the
 * worker has gone; another negative errno when it sent nonsense. */
int broker_serve(struct broker *broker, int fd);

/* What a worker asks for. Two binds to port 0 are two sockets, told apart by `nth`, which counts
 * them; the n-th of each worker is the same. */
struct broker_wish {
    int type;
    const struct net_address *address;
    bool reuse_address;
    bool v6_only; /* of an IPv6 one: no IPv4 peers */
    uint32_t nth;
};

/* Worker: ask for a bound socket. It is non-blocking, close-on-exec and the caller's. 0, or the
 * negative errno of the master's bind; -EMFILE when this process may have no more descriptors. */
int broker_bind(int fd, const struct broker_wish *wish, int *ret_fd);

#endif
