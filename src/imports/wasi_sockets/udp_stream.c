/* The datagram streams of a udp-socket.
 *
 * A call receives or sends at most DATAGRAMS_MAX. Nothing is kept back: a datagram is the kernel's or
 * the guest's. Streams of an earlier association answer invalid-state to everything. */
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_sockets/udp.h"

enum {
    DATAGRAMS_MAX = 32,
    DATAGRAM_BYTES_MAX = 64 << 10,
    RECEIVED_BYTES_MAX = 64 << 10, /* with so many or more, no other is received */
    TRIES_MAX = 4 * DATAGRAMS_MAX, /* receptions, those from others than the peer included */

    INCOMING_SLOTS = 1 + SOCKETS_ADDRESS_SLOTS, /* data, remote-address */
    OUTGOING_SLOTS = 2 + SOCKETS_ADDRESS_SLOTS, /* data, whether there is an address, the address */
};

struct datagram_stream {
    struct resource base;
    struct udp_socket
        *udp; /* a reference, and a user of it; NULL once the guest has dropped this */
    uint32_t association;
    uint64_t permit; /* outgoing: what check-send gave and no send has used */
};

static void datagram_stream_dropped(struct resource *resource);
static void datagram_stream_free(struct resource *resource);

static const struct resource_kind incoming_kind = {"incoming-datagram-stream",
                                                   datagram_stream_dropped, datagram_stream_free};
static const struct resource_kind outgoing_kind = {"outgoing-datagram-stream",
                                                   datagram_stream_dropped, datagram_stream_free};

/* -- the resources ---------------------------------------------------------------------------- */

static void let_go(struct datagram_stream *stream)
{
    struct udp_socket *udp = stream->udp;
    stream->udp = NULL;
    if (udp != NULL) {
        udp_release(udp);
        resource_unref(&udp->base);
    }
}

static void datagram_stream_dropped(struct resource *resource)
{
    let_go(container_of(resource, struct datagram_stream, base));
}

static void datagram_stream_free(struct resource *resource)
{
    struct datagram_stream *stream = container_of(resource, struct datagram_stream, base);
    let_go(stream);
    free(stream);
}

static struct datagram_stream *stream_new(struct udp_socket *udp, const struct resource_kind *kind)
{
    struct datagram_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    resource_init(&stream->base, udp->base.guest, kind);
    stream->udp = udp;
    stream->association = udp->association;
    (void)resource_ref(&udp->base);
    udp->users++;
    return stream;
}

int32_t udp_give_streams(struct component_call *call, struct udp_socket *udp)
{
    struct datagram_stream *incoming = stream_new(udp, &incoming_kind);
    if (incoming == NULL) {
        return component_error(call, SOCKETS_OUT_OF_MEMORY);
    }
    struct datagram_stream *outgoing = stream_new(udp, &outgoing_kind);
    if (outgoing == NULL) {
        resource_unref(&incoming->base);
        return component_error(call, SOCKETS_OUT_OF_MEMORY);
    }
    int32_t answer = component_give(call, 1, &incoming->base);
    if (answer != 0) {
        resource_unref(&outgoing->base);
        return answer;
    }
    return component_give(call, 2, &outgoing->base);
}

static bool is_stale(const struct datagram_stream *stream)
{
    return stream->udp == NULL || stream->association != stream->udp->association;
}

/* -- receiving -------------------------------------------------------------------------------- */

/* Where received datagrams go: their slots, and behind them their bytes. */
struct reception {
    union component_value *slots;
    uint8_t *bytes;
    size_t used; /* bytes */
    size_t count;
};

/* Receive one. 0, -ENOMSG for one that is not from the peer, or another negative errno. */
static int receive_one(const struct udp_socket *udp, struct reception *reception)
{
    const struct iovec iov = {reception->bytes + reception->used, DATAGRAM_BYTES_MAX};
    struct net_address from;
    int64_t got = guest_socket_recv_from(udp->s, &iov, 1, 0 /* flags */, &from,
                                         /* ret_is_truncated */ NULL);
    if (got < 0) {
        return (int)got;
    }
    /* The kernel has judged those that came before the association by the one before. */
    if (udp->remote.len > 0 && !sockets_is_same(&udp->remote, &from)) {
        return -ENOMSG;
    }
    union component_value *slots = reception->slots + reception->count * INCOMING_SLOTS;
    slots[0].bytes = (struct span){iov.iov_base, (size_t)got};
    sockets_write_address(slots + 1, &from);
    reception->used += (size_t)got;
    reception->count++;
    return 0;
}

static int receive_all(const struct udp_socket *udp, struct reception *reception, size_t max)
{
    int r = 0;
    for (int i = 0; i < TRIES_MAX && (r == 0 || r == -ENOMSG); i++) {
        if (reception->count == max || reception->used >= RECEIVED_BYTES_MAX) {
            break;
        }
        r = receive_one(udp, reception);
    }
    if (r == 0 || r == -ENOMSG || r == -EAGAIN) {
        return 0;
    }
    if (reception->count > 0) {
        udp->s->pending_error = r; /* for the next call: the kernel tells it once */
        return 0;
    }
    return r;
}

int32_t udp_receive(struct component_call *call)
{
    struct datagram_stream *stream =
        COMPONENT_SELF(call, 0, struct datagram_stream, &incoming_kind);
    uint64_t wanted = component_u64(call, 1);
    size_t max = wanted < DATAGRAMS_MAX ? (size_t)wanted : DATAGRAMS_MAX;
    size_t slots_len = max * INCOMING_SLOTS * sizeof(union component_value);
    if (is_stale(stream)) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    if (max == 0) {
        return component_ok(call, 0);
    }
    void *room = component_scratch(call, slots_len + RECEIVED_BYTES_MAX + DATAGRAM_BYTES_MAX);
    if (room == NULL) {
        return component_error(call, SOCKETS_OUT_OF_MEMORY);
    }
    struct reception reception = {.slots = room, .bytes = (uint8_t *)room + slots_len};
    memset(room, 0, slots_len);
    int r = receive_all(stream->udp, &reception, max);
    if (r < 0) {
        return sockets_answer(call, r);
    }
    call->results[1].list = (struct component_list){reception.slots, reception.count};
    return 0;
}

static bool incoming_ready(struct pollable *pollable)
{
    const struct datagram_stream *stream =
        container_of(pollable->source, struct datagram_stream, base);
    return is_stale(stream) || guest_socket_is_readable(stream->udp->s);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the ops' */
static void incoming_arm(struct pollable *pollable, uint64_t *deadline_ns)
{
    const struct datagram_stream *stream =
        container_of(pollable->source, struct datagram_stream, base);
    (void)deadline_ns; /* there is none */
    if (!is_stale(stream)) {
        guest_wait_mark(stream->base.guest, &stream->udp->s->base, LOOP_READ);
    }
}

static const struct pollable_ops incoming_ops = {incoming_ready, incoming_arm};

int32_t udp_incoming_subscribe(struct component_call *call)
{
    return pollable_give(call, 0, &incoming_ops, component_resource(call, 0, &incoming_kind));
}

/* -- sending ---------------------------------------------------------------------------------- */

static struct datagram_stream *outgoing_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct datagram_stream, &outgoing_kind);
}

int32_t udp_check_send(struct component_call *call)
{
    struct datagram_stream *stream = outgoing_of(call);
    if (is_stale(stream)) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    stream->permit = sockets_is_writable(stream->udp->s) ? DATAGRAMS_MAX : 0;
    return component_ok(call, stream->permit);
}

/* Send a datagram, given as its slots. 0 or more, or a negative errno. */
static int64_t send_one(const struct udp_socket *udp, const union component_value *slots)
{
    union {
        const uint8_t *in;
        void *out; /* the kernel only reads */
    } data = {.in = slots[0].bytes.data};
    const struct iovec iov = {data.out, slots[0].bytes.len};
    struct net_address to;
    bool is_connected = udp->remote.len > 0;
    if (slots[1].number == 0) {
        return is_connected ? guest_socket_send(udp->s, &iov, 1) : -EINVAL;
    }
    sockets_read_address(slots + 2, &to);
    if (!sockets_fits(udp->s, &to) || !sockets_is_remote(&to)) {
        return -EINVAL;
    }
    if (is_connected) {
        return sockets_is_same(&udp->remote, &to) ? guest_socket_send(udp->s, &iov, 1) : -EINVAL;
    }
    return guest_socket_send_to(udp->s, &iov, 1, &to);
}

int32_t udp_send(struct component_call *call)
{
    struct datagram_stream *stream = outgoing_of(call);
    struct component_list list = call->args[1].list;
    if (list.count == 0) {
        return component_ok(call, 0);
    }
    if (list.count > stream->permit) {
        return component_trap(call, "%zu datagrams, of %llu that check-send permitted", list.count,
                              (unsigned long long)stream->permit);
    }
    stream->permit = 0;
    if (is_stale(stream)) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    uint64_t sent = 0;
    int64_t r = 0;
    while (sent < list.count && r >= 0) {
        r = send_one(stream->udp, list.items + sent * OUTGOING_SLOTS);
        sent += r >= 0;
    }
    return r >= 0 || r == -EAGAIN || sent > 0 ? component_ok(call, sent)
                                              : sockets_answer(call, (int)r);
}

static bool outgoing_ready(struct pollable *pollable)
{
    const struct datagram_stream *stream =
        container_of(pollable->source, struct datagram_stream, base);
    return is_stale(stream) || sockets_is_writable(stream->udp->s);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the ops' */
static void outgoing_arm(struct pollable *pollable, uint64_t *deadline_ns)
{
    const struct datagram_stream *stream =
        container_of(pollable->source, struct datagram_stream, base);
    (void)deadline_ns; /* there is none */
    if (!is_stale(stream)) {
        guest_wait_mark(stream->base.guest, &stream->udp->s->base, LOOP_WRITE);
    }
}

static const struct pollable_ops outgoing_ops = {outgoing_ready, outgoing_arm};

int32_t udp_outgoing_subscribe(struct component_call *call)
{
    return pollable_give(call, 0, &outgoing_ops, component_resource(call, 0, &outgoing_kind));
}
