/* A guest's socket: stream, datagram or listener, from the socket dialects or preopened.
 *
 * Sends on a stream are coalesced: small ones are kept back and leave together, in one system
 * call, at the guest's next host call that is not another send on the same socket, when
 * SOCKET_HOLD_MAX bytes are together, or at the next tick when the guest computes on. An error in
 * sending what was kept back comes out of the next call on the socket, as with a kernel buffer.
 * At most one socket of a guest has bytes kept back; one whose kernel buffer was full goes on
 * draining by itself. */
#ifndef HYTHE_GUEST_SOCKET_H
#define HYTHE_GUEST_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buffer.h"
#include "base/list.h"
#include "guest/descriptor.h"
#include "net/address.h"

enum {
    SOCKET_HOLD_MAX = 16 << 10,  /* bytes kept back on one socket */
    SOCKET_LINGERING_MAX = 1024, /* closed sockets of one guest that still send; the oldest goes */
};

enum socket_state {
    SOCKET_NEW,        /* opened, perhaps bound */
    SOCKET_LISTENING,  /* accepts */
    SOCKET_CONNECTING, /* connect has answered EINPROGRESS */
    SOCKET_OPEN,       /* connected, or a datagram socket */
};

struct guest_socket {
    struct descriptor base; /* first */
    enum socket_state state;
    int family;         /* AF_INET, AF_INET6 or AF_UNIX */
    int type;           /* SOCK_STREAM or SOCK_DGRAM */
    int pending_error;  /* negative errno for the next call, or 0 */
    bool is_bound;      /* an explicit bind has succeeded */
    bool is_seen;       /* the kernel has said that it is readable, and nothing was taken since */
    bool is_draining;   /* the kernel has refused held bytes: they wait for room */
    bool is_shut_write; /* the guest has ended its sending side */
    bool has_reuse_address;
    bool is_v6_only; /* no IPv4 peers on an IPv6 socket */
    bool has_linger; /* SO_LINGER as the guest set it; see imports/.../options.c */
    uint16_t linger_seconds;
    uint64_t recv_timeout_ns; /* for blocking calls; UINT64_MAX: none */
    uint64_t send_timeout_ns;
    struct sockaddr_in6 peer; /* of an accepted IP socket, in either family's form */
    socklen_t peer_len;       /* 0: ask the kernel */
    struct buffer held;       /* bytes kept back or waiting for room */
    struct list node;         /* among the guest's lingering ones, after close */
};

/* Wrap an open, non-blocking host socket, which is taken over on success. */
int guest_socket_wrap(struct guest *guest, int fd, int family, int type, enum socket_state state,
                      struct guest_socket **ret_socket);

/* Open a new one. 0 or a negative errno. */
int guest_socket_open(struct guest *guest, int family, int type, struct guest_socket **ret_socket);

/* Borrow the socket behind a descriptor, or NULL when it is of another kind. */
struct guest_socket *guest_socket_of(struct descriptor *d);

/* The calls below return 0 or more, or a negative errno; -EAGAIN means wait for the readiness of
 * that direction. Flags are the host's MSG_* and SHUT_*. */
int guest_socket_bind(struct guest_socket *s, const struct net_address *address);
int guest_socket_listen(struct guest_socket *s, int backlog);
int guest_socket_accept(struct guest_socket *s, struct guest_socket **ret_socket);
int guest_socket_connect(struct guest_socket *s, const struct net_address *address);
/* Let a connected datagram socket hear all peers again, where it was bound. */
int guest_socket_disconnect(struct guest_socket *s);
int64_t guest_socket_recv(struct guest_socket *s, const struct iovec *iov, int count, int flags,
                          bool *ret_is_truncated);
int64_t guest_socket_send(struct guest_socket *s, const struct iovec *iov, int count);
/* How many bytes guest_socket_send takes whole on a connected stream, 0 when it has to wait; an error
 * that waits for the next call is told and stays. Not another call in the sense above: what is kept
 * back stays while there is room for more. */
int64_t guest_socket_room(struct guest_socket *s);
int64_t guest_socket_recv_from(struct guest_socket *s, const struct iovec *iov, int count,
                               int flags, struct net_address *ret_from, bool *ret_is_truncated);
int64_t guest_socket_send_to(struct guest_socket *s, const struct iovec *iov, int count,
                             const struct net_address *to);
/* The end of a connect that answered -EINPROGRESS: 0, or -EINPROGRESS while it goes on. */
int guest_socket_connect_result(struct guest_socket *s);
int guest_socket_shutdown(struct guest_socket *s, int how);
int guest_socket_local(struct guest_socket *s, struct net_address *ret_address);
int guest_socket_peer(struct guest_socket *s, struct net_address *ret_address);

/* May be called on a fresh IPv6 socket only: no IPv4 peers in the form of IPv6 ones. */
int guest_socket_set_v6_only(struct guest_socket *s);

/* Is there something to read, to accept, or an error? What is cached is believed while it is news and
 * otherwise looked at again, since the guest's last call may have used it up. */
bool guest_socket_is_readable(struct guest_socket *s);

/* Take the error that waits to be read, as SO_ERROR does: a negative errno or 0. */
int guest_socket_take_error(struct guest_socket *s);

/* Send what is kept back, as far as the kernel takes it. */
void guest_socket_flush(struct guest_socket *s);

/* For descriptor.c: room to write. Clears LOOP_WRITE from `ready` when what is draining takes all
 * of it. */
void guest_socket_on_writable(struct descriptor *d);

/* For socket.c: hand a socket whose descriptor the guest has closed to the lingering ones if it
 * has bytes left to send. False: there are none, close it now. */
bool guest_socket_outlives_close(struct guest_socket *s);

/* For socket_send.c: close the host's socket and release the memory. */
void guest_socket_free(struct guest_socket *s);

/* Give the guest's closed sockets up to `max_ms` to send the rest, then close them all. */
void guest_socket_linger(struct guest *guest, int max_ms);

#endif
