/* A udp-socket and its datagram streams, for the files of wasi:sockets/udp only. */
#ifndef HYTHE_IMPORTS_WASI_SOCKETS_UDP_H
#define HYTHE_IMPORTS_WASI_SOCKETS_UDP_H

#include "imports/wasi_sockets/sockets.h"

enum udp_state { UDP_UNBOUND, UDP_BIND_IN_PROGRESS, UDP_BOUND };

struct udp_socket {
    struct resource base;
    struct guest_socket *s; /* a reference; NULL once the guest has no use for it */
    enum udp_state state;
    uint32_t users;            /* the guest's handle and the streams: with the last it closes */
    uint32_t association;      /* how often `stream` was called: only the last one's streams work */
    struct net_address remote; /* whom the streams talk to; len 0: anyone */
};

/* One user less. */
void udp_release(struct udp_socket *udp);

/* Give a pair of datagram streams for the association that is, into results 1 and 2. */
int32_t udp_give_streams(struct component_call *call, struct udp_socket *udp);

/* Functions of the interface that stand in udp_stream.c. */
component_fn udp_receive;
component_fn udp_incoming_subscribe;
component_fn udp_check_send;
component_fn udp_send;
component_fn udp_outgoing_subscribe;

#endif
