/* The form of a name that a guest wants looked up. */
#ifndef HYTHE_IMPORTS_WASI_SOCKETS_HOST_NAME_H
#define HYTHE_IMPORTS_WASI_SOCKETS_HOST_NAME_H

#include "base/span.h"
#include "guest/resolve.h" /* struct net_address */

enum { HOST_NAME_MAX_LEN = 253 };

struct host_name {
    struct net_address address;       /* of an IP address; len 0 for a name */
    char text[HOST_NAME_MAX_LEN + 2]; /* a name in ASCII, perhaps with a last dot; NUL-terminated */
};

/* Judge it: an IP address, an IPv6 one perhaps in brackets, or a domain name, which becomes ASCII by
 * IDNA. 0; -EINVAL for what is neither; -EOPNOTSUPP for a name in Unicode where the library for it is
 * missing; -ENOMEM. */
int host_name_parse(struct span text, struct host_name *ret_name);

#endif
