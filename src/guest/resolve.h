/* A guest looks a name up: the policy, and the wait for the answer. Either one at a time, as the call
 * that the guest waits in, or as many as the caller keeps. */
#ifndef HYTHE_GUEST_RESOLVE_H
#define HYTHE_GUEST_RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "net/address.h"

struct guest;
struct guest_resolution;

struct guest_addresses {
    int error; /* 0, or an EAI_* number */
    uint32_t count;
    struct net_address *addresses; /* owned by the resolution; IPv4 first */
    char *canonical;               /* likewise; NULL without one */
};

/* Begin to look up, for a caller that keeps the resolution; the guest is woken when the answer is there.
 * The arguments are those of names_question. 0, -EACCES when the policy refuses, or another negative
 * errno. */
int guest_resolution_new(struct guest *guest, const char *node, const char *service,
                         const struct addrinfo *hints, struct guest_resolution **ret_resolution);

/* Borrow the answer, or NULL while there is none. */
const struct guest_addresses *guest_resolution_answer(const struct guest_resolution *resolution);

/* Forget it, answered or not; before the guest's end. NULL is fine. */
void guest_resolution_free(struct guest_resolution *resolution);

/* Begin to look up as the call that the guest waits in, as guest_resolution_new otherwise; the caller
 * parks the guest. */
int guest_resolve_begin(struct guest *guest, const char *node, const char *service,
                        const struct addrinfo *hints);

/* Borrow the answer, or NULL while there is none. */
const struct guest_addresses *guest_resolve_answer(const struct guest *guest);

/* Forget the resolution, answered or not. */
void guest_resolve_end(struct guest *guest);

#endif
