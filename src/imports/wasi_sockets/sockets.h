/* wasi:sockets 0.2 over the guest's sockets and policy (guest/socket.h, guest/resolve.h): what its
 * interfaces have in common. Functions, states and error codes: wasi:sockets@0.2.x,
 * wit/{network,tcp,udp,ip-name-lookup}.wit, and TcpSocketOperationalSemantics.md beside them. */
#ifndef HYTHE_IMPORTS_WASI_SOCKETS_SOCKETS_H
#define HYTHE_IMPORTS_WASI_SOCKETS_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/socket.h"
#include "imports/component.h"

/* enum error-code, in its order. */
enum sockets_error {
    SOCKETS_UNKNOWN,
    SOCKETS_ACCESS_DENIED,
    SOCKETS_NOT_SUPPORTED,
    SOCKETS_INVALID_ARGUMENT,
    SOCKETS_OUT_OF_MEMORY,
    SOCKETS_TIMEOUT,
    SOCKETS_CONCURRENCY_CONFLICT,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_WOULD_BLOCK,
    SOCKETS_INVALID_STATE,
    SOCKETS_NEW_SOCKET_LIMIT,
    SOCKETS_ADDRESS_NOT_BINDABLE,
    SOCKETS_ADDRESS_IN_USE,
    SOCKETS_REMOTE_UNREACHABLE,
    SOCKETS_CONNECTION_REFUSED,
    SOCKETS_CONNECTION_RESET,
    SOCKETS_CONNECTION_ABORTED,
    SOCKETS_DATAGRAM_TOO_LARGE,
    SOCKETS_NAME_UNRESOLVABLE,
    SOCKETS_TEMPORARY_RESOLVER_FAILURE,
    SOCKETS_PERMANENT_RESOLVER_FAILURE,
};

/* The code for a negative errno. */
enum sockets_error sockets_error_from(int error);

/* Answer with 0 as ok and with a negative errno as its error. */
int32_t sockets_answer(struct component_call *call, int result);

/* -- sockets ---------------------------------------------------------------------------------- */

/* May the guest have one more socket, for which it gets so many resources? 0 or -EMFILE; then
 * descriptor_count. */
int sockets_may_open(const struct guest *guest, uint32_t resources);

/* Open a socket of the family that argument 0 names (0: IPv4, 1: IPv6) and count it; IPv6 ones have
 * IPv6 peers only. 0 or a negative errno. */
int sockets_open(struct component_call *call, int type, struct guest_socket **ret_socket);

enum { SOCKETS_LOOKUPS_MAX = 128 /* names that a guest looks up at once */ };

/* Room to send, as far as the kernel says. */
bool sockets_is_writable(struct guest_socket *s);

/* -- addresses (address.c) -------------------------------------------------------------------- */

enum {
    SOCKETS_ADDRESS_SLOTS = 12, /* an ip-socket-address */
    SOCKETS_IP_SLOTS = 9,       /* an ip-address */
};

void sockets_read_address(const union component_value *slots, struct net_address *ret_address);
void sockets_write_address(union component_value *slots, const struct net_address *address);
void sockets_write_ip(union component_value *slots, const struct net_address *address);

/* Answer with ok(address), or with the error of a negative `result`. */
int32_t sockets_answer_address(struct component_call *call, int result,
                               const struct net_address *address);

/* Is it of the socket's family, and no IPv4 address in the form of an IPv6 one? */
bool sockets_fits(const struct guest_socket *s, const struct net_address *address);

/* One of a single host or of "any"? */
bool sockets_is_unicast(const struct net_address *address);

/* One to send to: neither its IP address nor its port is 0? */
bool sockets_is_remote(const struct net_address *address);

/* The same IP address and port? */
bool sockets_is_same(const struct net_address *a, const struct net_address *b);

/* -- options (options.c) ---------------------------------------------------------------------- */

/* Each answers the call: set_ ones take the value from argument 1. */
int32_t sockets_address_family(struct component_call *call, const struct guest_socket *s);
int32_t sockets_hop_limit(struct component_call *call, const struct guest_socket *s);
int32_t sockets_set_hop_limit(struct component_call *call, const struct guest_socket *s);
/* `option` is SO_RCVBUF or SO_SNDBUF. */
int32_t sockets_buffer_size(struct component_call *call, const struct guest_socket *s, int option);
int32_t sockets_set_buffer_size(struct component_call *call, const struct guest_socket *s,
                                int option);

/* -- interfaces ------------------------------------------------------------------------------- */

extern const struct component_interface wasi_sockets_network;           /* network.c */
extern const struct component_interface wasi_sockets_instance_network;  /* network.c */
extern const struct component_interface wasi_sockets_ip_name_lookup;    /* name_lookup.c */
extern const struct component_interface wasi_sockets_tcp;               /* tcp.c */
extern const struct component_interface wasi_sockets_tcp_create_socket; /* tcp.c */
extern const struct component_interface wasi_sockets_udp;               /* udp.c */
extern const struct component_interface wasi_sockets_udp_create_socket; /* udp.c */

#endif
