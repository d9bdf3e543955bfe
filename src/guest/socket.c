/* A guest's socket: its life, and everything but sending on a stream, which is socket_send.c.
 *
 * Happy path of a server:
 *   1. open, bind and listen ask the policy; the host's socket is always non-blocking
 *   2. accept answers -EAGAIN and forgets the readiness; the caller parks the guest or tells it
 *   3. an edge on the listener sets the readiness again (descriptor.c), accept gives a socket
 *   4. recv until it is short; a short read of a stream also forgets the readiness, since the
 *      kernel raises a new edge for whatever comes later
 *   5. close sends what is kept back first, and outlives the guest's close if it has to
 *
 * What can go wrong: the policy refuses (-EACCES and a line for the operator); an error in sending
 * what was kept back waits in pending_error and comes out of the next call. */
#include "guest/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "guest/guest.h"
#include "net/broker.h"
#include "net/listener.h"

enum { ACCEPT_TRIES = 16 }; /* connections that died in the queue, skipped in one call */

static int64_t op_read(struct descriptor *d, const struct iovec *iov, int count);
static int64_t op_write(struct descriptor *d, const struct iovec *iov, int count);
static int op_set_flags(struct descriptor *d, uint16_t fdflags);
static void op_close(struct descriptor *d);

static const struct descriptor_ops ops = {
    .read = op_read,
    .write = op_write,
    .set_flags = op_set_flags,
    .close = op_close,
};

/* An unconnected stream socket polls as hung up, so it is watched from listen or connect on. */
static bool is_worth_watching(const struct guest_socket *s)
{
    return s->base.io.loop == NULL && (s->type == SOCK_DGRAM || s->state != SOCKET_NEW);
}

static int watch(struct guest_socket *s)
{
    return is_worth_watching(s) ? descriptor_watch(&s->base) : 0;
}

static void set_nodelay(const struct guest_socket *s)
{
    if (s->type == SOCK_STREAM && s->family != AF_UNIX) {
        /* No dialect has this option, and Nagle costs guests that send in pieces 40 ms each.
         * Refused only by a socket that is dead, which the next call finds out. */
        int one = 1;
        (void)setsockopt(s->base.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
}

static int make(struct guest *guest, int fd, const struct guest_socket *like,
                struct guest_socket **ret_socket)
{
    struct guest_socket *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return -ENOMEM;
    }
    *s = *like;
    descriptor_init(&s->base, guest, DESCRIPTOR_SOCKET, &ops, fd);
    s->base.filetype = s->type == SOCK_DGRAM ? FILETYPE_SOCKET_DGRAM : FILETYPE_SOCKET_STREAM;
    s->base.is_readable = true;
    s->base.is_writable = true;
    buffer_init(&s->held, SOCKET_HOLD_MAX);
    list_init(&s->node);
    int r = watch(s);
    if (r < 0) {
        free(s);
        return r;
    }
    *ret_socket = s;
    return 0;
}

int guest_socket_wrap(struct guest *guest, int fd, int family, int type, enum socket_state state,
                      struct guest_socket **ret_socket)
{
    assert(type == SOCK_STREAM || type == SOCK_DGRAM);
    const struct guest_socket like = {
        .state = type == SOCK_DGRAM ? SOCKET_OPEN : state,
        .family = family,
        .type = type,
        .is_bound = state == SOCKET_LISTENING,
        .recv_timeout_ns = UINT64_MAX,
        .send_timeout_ns = UINT64_MAX,
    };
    int r = make(guest, fd, &like, ret_socket);
    if (r == 0) {
        set_nodelay(*ret_socket);
    }
    return r;
}

int guest_socket_open(struct guest *guest, int family, int type, struct guest_socket **ret_socket)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int r = guest_socket_wrap(guest, fd, family, type, SOCKET_NEW, ret_socket);
    if (r < 0) {
        (void)close(fd); /* nothing was sent */
    }
    return r;
}

struct guest_socket *guest_socket_of(struct descriptor *d)
{
    if (d == NULL || d->kind != DESCRIPTOR_SOCKET) {
        return NULL;
    }
    return container_of(d, struct guest_socket, base);
}

void guest_socket_free(struct guest_socket *s)
{
    loop_io_stop(&s->base.io);
    (void)close(s->base.fd); /* what could be sent is sent; the kernel's rest is its own */
    buffer_done(&s->held);
    free(s);
}

static void op_close(struct descriptor *d)
{
    struct guest_socket *s = container_of(d, struct guest_socket, base);
    if (!guest_socket_outlives_close(s)) {
        guest_socket_free(s);
    }
}

static int64_t op_read(struct descriptor *d, const struct iovec *iov, int count)
{
    struct guest_socket *s = container_of(d, struct guest_socket, base);
    return guest_socket_recv(s, iov, count, 0, /* ret_is_truncated */ NULL);
}

static int64_t op_write(struct descriptor *d, const struct iovec *iov, int count)
{
    return guest_socket_send(container_of(d, struct guest_socket, base), iov, count);
}

static int op_set_flags(struct descriptor *d, uint16_t fdflags)
{
    if ((fdflags & ~FDFLAG_NONBLOCK) != 0) {
        return -EINVAL;
    }
    /* The host's socket stays non-blocking: a guest that wants to block is parked. */
    d->fdflags = fdflags;
    return 0;
}

/* -- addresses and the policy ----------------------------------------------------------------- */

static int refuse(struct guest_socket *s, const struct net_address *address, const char *what,
                  const char *flag)
{
    char text[NET_ADDRESS_TEXT_MAX];
    struct net_address plain = *address;
    net_address_unmap(&plain);
    (void)net_address_print(&plain, text);
    return guest_refuse(s->base.guest, "%s %s; to allow it: %s %s", what, text, flag, text);
}

static int check_listen(struct guest_socket *s, const struct net_address *address)
{
    if (policy_may_listen(&s->base.guest->policy, address)) {
        return 0;
    }
    return refuse(s, address, "listen on", "--allow-listen");
}

static int check_connect(struct guest_socket *s, const struct net_address *address)
{
    if (policy_may_connect(&s->base.guest->policy, address)) {
        return 0;
    }
    return refuse(s, address, s->type == SOCK_DGRAM ? "send to" : "connect to", "--allow-connect");
}

/* An address of another family, and the empty Unix path that Linux takes for "choose me one",
 * mean nothing to a guest. */
static int check_family(const struct guest_socket *s, const struct net_address *address)
{
    if (address->u.any.sa_family != s->family) {
        return -EAFNOSUPPORT;
    }
    if (s->family == AF_UNIX && address->u.local.sun_path[0] == '\0') {
        return -EINVAL;
    }
    return 0;
}

/* Put the master's socket for this address in the place of the guest's fresh one. What the guest
 * has set on its own, but for the reuse of addresses, is the other's not; guests set only that
 * before they bind. */
static int bind_shared(struct guest_socket *s, const struct net_address *address)
{
    int shared = -1;
    struct guest *guest = s->base.guest;
    if (net_address_port(address) == 0) {
        guest->any_port_binds++;
    }
    const struct broker_wish wish = {
        .type = s->type,
        .address = address,
        .reuse_address = s->has_reuse_address,
        .v6_only = s->is_v6_only,
        .nth = net_address_port(address) == 0 ? guest->any_port_binds : 0,
    };
    int r = broker_bind(guest->broker_fd, &wish, &shared);
    if (r < 0) {
        return r;
    }
    bool was_watched = s->base.io.loop != NULL;
    loop_io_stop(&s->base.io);
    r = dup3(shared, s->base.fd, O_CLOEXEC) < 0 ? -errno : 0;
    (void)close(shared); /* the duplicate stays */
    set_nodelay(s);      /* what is accepted has it from the listener */
    if (r == 0 && was_watched) {
        r = descriptor_watch(&s->base);
    }
    return r;
}

/* A datagram socket on a port of the kernel's choice is a client's: its answers are its own. */
static bool is_shared(const struct guest_socket *s, const struct net_address *address)
{
    bool is_server = s->type == SOCK_STREAM || net_address_port(address) != 0;
    return s->base.guest->broker_fd >= 0 && is_server;
}

static int kernel_bind(struct guest_socket *s, const struct net_address *address)
{
    if (is_shared(s, address)) {
        return bind_shared(s, address);
    }
    return bind(s->base.fd, &address->u.any, address->len) < 0 ? -errno : 0;
}

int guest_socket_bind(struct guest_socket *s, const struct net_address *address)
{
    guest_flush(s->base.guest);
    int r = check_family(s, address);
    if (r < 0) {
        return r;
    }
    r = check_listen(s, address);
    if (r < 0) {
        return r;
    }
    r = kernel_bind(s, address);
    if (r < 0) {
        return r;
    }
    s->is_bound = true;
    return 0;
}

int guest_socket_set_v6_only(struct guest_socket *s)
{
    int one = 1;
    if (setsockopt(s->base.fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) {
        return -errno;
    }
    s->is_v6_only = true;
    return 0;
}

static void any_address(int family, struct net_address *ret_address)
{
    static const uint8_t zero[16];
    if (family == AF_INET6) {
        net_address_set_v6(ret_address, zero, 0);
    } else {
        net_address_set_v4(ret_address, zero, 0);
    }
}

int guest_socket_listen(struct guest_socket *s, int backlog)
{
    guest_flush(s->base.guest);
    if (s->type != SOCK_STREAM) {
        return -EOPNOTSUPP;
    }
    if (!s->is_bound && s->family != AF_UNIX) {
        /* The kernel would choose a port on all addresses. */
        struct net_address any;
        any_address(s->family, &any);
        int r = check_listen(s, &any);
        if (r < 0) {
            return r;
        }
    }
    /* Guests ask for 128 by habit, and then a burst of connections loses some to a second's wait
     * for the next SYN. The kernel cuts it to its own limit. */
    if (listen(s->base.fd, backlog < LISTENER_BACKLOG ? LISTENER_BACKLOG : backlog) < 0) {
        return -errno;
    }
    s->state = SOCKET_LISTENING;
    return watch(s);
}

/* -- connections ------------------------------------------------------------------------------ */

/* Errors that belong to a connection which died before it was taken (accept(2)): not the guest's
 * business, for which any error of accept but AGAIN is fatal. */
static bool died_in_queue(int error)
{
    return error == ECONNABORTED || error == EPROTO || error == ENETDOWN || error == ENETUNREACH ||
           error == EHOSTUNREACH || error == EHOSTDOWN || error == ENONET || error == EINTR;
}

/* Gives the peer's address, too, in at most the size of `ret_peer`. */
static int accept_fd(struct guest_socket *s, struct sockaddr_storage *ret_peer,
                     socklen_t *ret_peer_len)
{
    for (int i = 0; i < ACCEPT_TRIES; i++) {
        *ret_peer_len = sizeof *ret_peer;
        int fd = accept4(s->base.fd, (struct sockaddr *)ret_peer, ret_peer_len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 || !died_in_queue(errno)) {
            return fd >= 0 ? fd : -errno;
        }
    }
    return -ECONNABORTED;
}

int guest_socket_accept(struct guest_socket *s, struct guest_socket **ret_socket)
{
    guest_flush(s->base.guest);
    if (s->state != SOCKET_LISTENING) {
        return s->type == SOCK_STREAM ? -EINVAL : -EOPNOTSUPP;
    }
    struct sockaddr_storage peer;
    socklen_t peer_len = 0;
    s->base.read_news = true; /* the guest looks after it: poll may speak of it again */
    s->is_seen = false;
    int fd = accept_fd(s, &peer, &peer_len);
    if (fd < 0) {
        if (fd == -EAGAIN) {
            descriptor_not_ready(&s->base, LOOP_READ);
        }
        return fd;
    }
    /* TCP_NODELAY and the socket options come from the listener, as Linux has it. */
    const struct guest_socket like = {
        .state = SOCKET_OPEN,
        .family = s->family,
        .type = SOCK_STREAM,
        .recv_timeout_ns = s->recv_timeout_ns,
        .send_timeout_ns = s->send_timeout_ns,
    };
    int r = make(s->base.guest, fd, &like, ret_socket);
    if (r < 0) {
        (void)close(fd); /* the peer sees it closed */
        return r;
    }
    if (s->family != AF_UNIX && peer_len <= sizeof(*ret_socket)->peer) {
        /* Kept, since the kernel forgets it when the peer resets, and guests that get an error
         * for it take that for one of accept and stop accepting for a while. */
        memcpy(&(*ret_socket)->peer, &peer, peer_len);
        (*ret_socket)->peer_len = peer_len;
    }
    return 0;
}

static int kernel_connect(const struct guest_socket *s, const struct net_address *address)
{
    int r = connect(s->base.fd, &address->u.any, address->len);
    if (r < 0 && errno == ECONNABORTED && s->state == SOCKET_NEW) {
        /* Linux says so once after a failed attempt whose error has been read already. */
        r = connect(s->base.fd, &address->u.any, address->len);
    }
    return r < 0 ? -errno : 0;
}

int guest_socket_connect(struct guest_socket *s, const struct net_address *address)
{
    guest_flush(s->base.guest);
    int r = check_family(s, address);
    if (r < 0) {
        return r;
    }
    r = check_connect(s, address);
    if (r < 0) {
        return r;
    }
    if (s->type == SOCK_STREAM && s->state == SOCKET_OPEN) {
        return -EISCONN;
    }
    if (s->state == SOCKET_NEW && s->type == SOCK_STREAM) {
        s->base.ready = 0; /* what a failed attempt left; this one raises new edges */
    }
    r = kernel_connect(s, address);
    if (s->type == SOCK_DGRAM || r == -EALREADY) {
        return r;
    }
    if (r < 0 && r != -EINPROGRESS && r != -EISCONN) {
        s->state = SOCKET_NEW;
        return r;
    }
    s->state = r == -EINPROGRESS ? SOCKET_CONNECTING : SOCKET_OPEN;
    int watched = watch(s);
    return watched < 0 ? watched : r;
}

/* The kernel forgets a port that it chose itself, so it is asked for by its number. */
int guest_socket_disconnect(struct guest_socket *s)
{
    struct net_address local;
    struct net_address now;
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    assert(s->type == SOCK_DGRAM);
    int r = guest_socket_local(s, &local);
    if (r < 0) {
        return r;
    }
    if (connect(s->base.fd, &nobody, sizeof nobody) < 0) {
        return -errno;
    }
    r = guest_socket_local(s, &now);
    if (r < 0 || net_address_port(&now) != 0) {
        return r;
    }
    now.u.v4.sin_port = local.u.v4.sin_port; /* at the same place in IPv6's */
    return bind(s->base.fd, &now.u.any, now.len) < 0 ? -errno : 0;
}

int guest_socket_take_error(struct guest_socket *s)
{
    if (s->pending_error < 0) {
        int r = s->pending_error;
        s->pending_error = 0;
        return r;
    }
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(s->base.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        return -errno;
    }
    if (s->state == SOCKET_CONNECTING && (s->base.ready & LOOP_WRITE) != 0) {
        s->state = error == 0 ? SOCKET_OPEN : SOCKET_NEW;
    }
    return -error;
}

int guest_socket_connect_result(struct guest_socket *s)
{
    if (s->state == SOCKET_CONNECTING && (s->base.ready & LOOP_WRITE) == 0) {
        return -EINPROGRESS;
    }
    return guest_socket_take_error(s);
}

int guest_socket_local(struct guest_socket *s, struct net_address *ret_address)
{
    guest_flush(s->base.guest);
    socklen_t len = sizeof ret_address->u;
    memset(ret_address, 0, sizeof *ret_address);
    if (getsockname(s->base.fd, &ret_address->u.any, &len) < 0) {
        return -errno;
    }
    ret_address->len = len;
    return 0;
}

int guest_socket_peer(struct guest_socket *s, struct net_address *ret_address)
{
    guest_flush(s->base.guest);
    socklen_t len = sizeof ret_address->u;
    memset(ret_address, 0, sizeof *ret_address);
    if (s->peer_len > 0) {
        memcpy(&ret_address->u, &s->peer, s->peer_len);
        ret_address->len = s->peer_len;
        return 0;
    }
    if (getpeername(s->base.fd, &ret_address->u.any, &len) < 0) {
        return -errno;
    }
    ret_address->len = len;
    return 0;
}

/* -- receiving -------------------------------------------------------------------------------- */

static size_t iov_len(const struct iovec *iov, int count)
{
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

/* What a receive that worked tells of the readiness that is cached. */
static void note_received(struct guest_socket *s, size_t got, size_t asked, int flags)
{
    if (s->type != SOCK_STREAM || asked == 0) {
        return;
    }
    if (s->state == SOCKET_CONNECTING) {
        s->state = SOCKET_OPEN;
    }
    if (got == 0) {
        s->base.ready |= LOOP_READ | LOOP_HANGUP; /* the end stays readable */
    } else if (got < asked && (flags & MSG_PEEK) == 0 &&
               (s->base.ready & (LOOP_HANGUP | LOOP_ERROR)) == 0) {
        descriptor_not_ready(&s->base, LOOP_READ);
    }
}

bool guest_socket_is_readable(struct guest_socket *s)
{
    if ((s->base.ready & LOOP_READ) == 0) {
        return false;
    }
    bool is_news = s->base.read_news && s->state != SOCKET_LISTENING; /* accept says it is, too */
    struct pollfd asked = {.fd = s->base.fd, .events = POLLIN};
    if (is_news || s->is_seen || s->pending_error < 0) {
        return true;
    }
    s->is_seen = poll(&asked, 1, 0 /* timeout */) != 0; /* once: thousands of pollables may ask */
    if (!s->is_seen) {
        descriptor_not_ready(&s->base, LOOP_READ);
    }
    return s->is_seen;
}

static int64_t receive(struct guest_socket *s, struct msghdr *message, int flags,
                       bool *ret_is_truncated)
{
    guest_flush(s->base.guest);
    s->base.read_news = false;
    s->is_seen = false;
    if (s->pending_error < 0) {
        return guest_socket_take_error(s);
    }
    ssize_t got;
    do {
        got = recvmsg(s->base.fd, message, (flags & ~MSG_WAITALL) | MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        if (errno == EAGAIN) {
            descriptor_not_ready(&s->base, LOOP_READ);
        }
        return -errno;
    }
    note_received(s, (size_t)got, iov_len(message->msg_iov, (int)message->msg_iovlen), flags);
    if (ret_is_truncated != NULL) {
        *ret_is_truncated = (message->msg_flags & MSG_TRUNC) != 0;
    }
    return got;
}

/* The kernel only writes where msg_iov points, not to the array. */
static struct iovec *unconst(const struct iovec *iov)
{
    union {
        const struct iovec *in;
        struct iovec *out;
    } u = {.in = iov};
    return u.out;
}

int64_t guest_socket_recv(struct guest_socket *s, const struct iovec *iov, int count, int flags,
                          bool *ret_is_truncated)
{
    struct msghdr message = {.msg_iov = unconst(iov), .msg_iovlen = (size_t)count};
    return receive(s, &message, flags, ret_is_truncated);
}

int64_t guest_socket_recv_from(struct guest_socket *s, const struct iovec *iov, int count,
                               int flags, struct net_address *ret_from, bool *ret_is_truncated)
{
    memset(ret_from, 0, sizeof *ret_from);
    struct msghdr message = {
        .msg_name = &ret_from->u,
        .msg_namelen = sizeof ret_from->u,
        .msg_iov = unconst(iov),
        .msg_iovlen = (size_t)count,
    };
    int64_t got = receive(s, &message, flags, ret_is_truncated);
    if (got >= 0) {
        ret_from->len = message.msg_namelen; /* 0 on a connected stream */
    }
    return got;
}

int64_t guest_socket_send_to(struct guest_socket *s, const struct iovec *iov, int count,
                             const struct net_address *to)
{
    guest_flush(s->base.guest);
    int r = check_family(s, to);
    if (r < 0) {
        return r;
    }
    if (s->type == SOCK_STREAM) {
        /* The kernel ignores the address of a connected stream, and so may not be asked about it
         * on any other: a stream's sendto with MSG_FASTOPEN apart, it cannot connect. */
        return guest_socket_send(s, iov, count);
    }
    r = check_connect(s, to);
    if (r < 0) {
        return r;
    }
    struct net_address name = *to;
    const struct msghdr message = {
        .msg_name = &name.u,
        .msg_namelen = name.len,
        .msg_iov = unconst(iov),
        .msg_iovlen = (size_t)count,
    };
    ssize_t sent = sendmsg(s->base.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) {
        descriptor_not_ready(&s->base, LOOP_WRITE);
    }
    return sent < 0 ? -errno : sent;
}
