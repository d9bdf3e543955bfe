/* wasi:sockets/udp and udp-create-socket: the life of a udp-socket; its streams are in udp_stream.c.
 *
 * A socket must be bound before anything else, and to bind it, to port 0 of any address as well, is
 * to listen: the policy is asked. Each datagram's destination is asked about, too. */
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_sockets/udp.h"

static void udp_dropped(struct resource *resource);
static void udp_free(struct resource *resource);

static const struct resource_kind udp_socket_kind = {"udp-socket", udp_dropped, udp_free};

static struct udp_socket *self_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct udp_socket, &udp_socket_kind);
}

/* -- the resource ----------------------------------------------------------------------------- */

void udp_release(struct udp_socket *udp)
{
    udp->users--;
    if (udp->users == 0) {
        descriptor_unref(&udp->s->base);
        udp->s = NULL;
    }
}

static void udp_dropped(struct resource *resource)
{
    udp_release(container_of(resource, struct udp_socket, base));
}

static void udp_free(struct resource *resource)
{
    struct udp_socket *udp = container_of(resource, struct udp_socket, base);
    if (udp->s != NULL) {
        descriptor_unref(&udp->s->base); /* it never reached the guest */
    }
    free(udp);
}

static int32_t create_udp_socket(struct component_call *call)
{
    struct guest_socket *s = NULL;
    int r = sockets_open(call, SOCK_DGRAM, &s);
    if (r < 0) {
        return sockets_answer(call, r);
    }
    struct udp_socket *udp = calloc(1, sizeof *udp);
    if (udp == NULL) {
        descriptor_unref(&s->base);
        return component_error(call, SOCKETS_OUT_OF_MEMORY);
    }
    resource_init(&udp->base, call->guest, &udp_socket_kind);
    udp->s = s;
    udp->users = 1;
    return component_give(call, 1, &udp->base);
}

/* -- bind ------------------------------------------------------------------------------------- */

static int32_t start_bind(struct component_call *call)
{
    struct udp_socket *udp = self_of(call);
    struct net_address address;
    if (udp->state != UDP_UNBOUND) {
        bool is_busy = udp->state == UDP_BIND_IN_PROGRESS;
        return component_error(call,
                               is_busy ? SOCKETS_CONCURRENCY_CONFLICT : SOCKETS_INVALID_STATE);
    }
    sockets_read_address(&call->args[2], &address);
    if (!sockets_fits(udp->s, &address)) {
        return component_error(call, SOCKETS_INVALID_ARGUMENT);
    }
    int r = guest_socket_bind(udp->s, &address);
    if (r == 0) {
        udp->state = UDP_BIND_IN_PROGRESS;
    }
    return sockets_answer(call, r);
}

static int32_t finish_bind(struct component_call *call)
{
    struct udp_socket *udp = self_of(call);
    if (udp->state != UDP_BIND_IN_PROGRESS) {
        return component_error(call, SOCKETS_NOT_IN_PROGRESS);
    }
    udp->state = UDP_BOUND;
    return component_ok(call, 0);
}

/* -- stream ----------------------------------------------------------------------------------- */

static int associate(struct udp_socket *udp, const struct net_address *remote)
{
    int r = 0;
    udp->association++;
    if (udp->remote.len > 0) {
        udp->remote.len = 0;
        r = guest_socket_disconnect(udp->s);
    }
    if (r == 0 && remote != NULL) {
        r = guest_socket_connect(udp->s, remote);
        if (r == -EADDRNOTAVAIL) {
            r = -EADDRINUSE; /* Linux' way to say that no port is left */
        }
    }
    if (r == 0 && remote != NULL) {
        udp->remote = *remote;
    }
    return r;
}

static int32_t stream(struct component_call *call)
{
    struct udp_socket *udp = self_of(call);
    struct net_address remote;
    bool has_remote = component_u32(call, 1) != 0;
    if (udp->state != UDP_BOUND) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    if (has_remote) {
        sockets_read_address(&call->args[2], &remote);
        if (!sockets_fits(udp->s, &remote) || !sockets_is_remote(&remote)) {
            return component_error(call, SOCKETS_INVALID_ARGUMENT);
        }
    }
    int r = associate(udp, has_remote ? &remote : NULL);
    return r < 0 ? sockets_answer(call, r) : udp_give_streams(call, udp);
}

/* -- what it is ------------------------------------------------------------------------------- */

static int32_t local_address(struct component_call *call)
{
    struct udp_socket *udp = self_of(call);
    struct net_address address;
    if (udp->state != UDP_BOUND) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    int r = guest_socket_local(udp->s, &address);
    return sockets_answer_address(call, r, &address);
}

static int32_t remote_address(struct component_call *call)
{
    const struct udp_socket *udp = self_of(call);
    if (udp->remote.len == 0) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    return sockets_answer_address(call, 0, &udp->remote);
}

static int32_t address_family(struct component_call *call)
{
    return sockets_address_family(call, self_of(call)->s);
}

static int32_t hop_limit(struct component_call *call)
{
    return sockets_hop_limit(call, self_of(call)->s);
}

static int32_t set_hop_limit(struct component_call *call)
{
    return sockets_set_hop_limit(call, self_of(call)->s);
}

static int32_t receive_buffer_size(struct component_call *call)
{
    return sockets_buffer_size(call, self_of(call)->s, SO_RCVBUF);
}

static int32_t set_receive_buffer_size(struct component_call *call)
{
    return sockets_set_buffer_size(call, self_of(call)->s, SO_RCVBUF);
}

static int32_t send_buffer_size(struct component_call *call)
{
    return sockets_buffer_size(call, self_of(call)->s, SO_SNDBUF);
}

static int32_t set_send_buffer_size(struct component_call *call)
{
    return sockets_set_buffer_size(call, self_of(call)->s, SO_SNDBUF);
}

/* No operation of the socket itself ever waits. */
static bool pollable_ready(struct pollable *pollable)
{
    (void)pollable;
    return true;
}

static const struct pollable_ops pollable_ops = {pollable_ready, NULL};

static int32_t subscribe(struct component_call *call)
{
    return pollable_give(call, 0, &pollable_ops, &self_of(call)->base);
}

/* -- tables ----------------------------------------------------------------------------------- */

static const struct component_func udp_funcs[] = {
    {"[method]udp-socket.start-bind", "self network local-address", start_bind, NULL},
    {"[method]udp-socket.finish-bind", "self", finish_bind, NULL},
    {"[method]udp-socket.stream", "self remote-address", stream, NULL},
    {"[method]udp-socket.local-address", "self", local_address, NULL},
    {"[method]udp-socket.remote-address", "self", remote_address, NULL},
    {"[method]udp-socket.address-family", "self", address_family, NULL},
    {"[method]udp-socket.unicast-hop-limit", "self", hop_limit, NULL},
    {"[method]udp-socket.set-unicast-hop-limit", "self value", set_hop_limit, NULL},
    {"[method]udp-socket.receive-buffer-size", "self", receive_buffer_size, NULL},
    {"[method]udp-socket.set-receive-buffer-size", "self value", set_receive_buffer_size, NULL},
    {"[method]udp-socket.send-buffer-size", "self", send_buffer_size, NULL},
    {"[method]udp-socket.set-send-buffer-size", "self value", set_send_buffer_size, NULL},
    {"[method]udp-socket.subscribe", "self", subscribe, NULL},
    {"[method]incoming-datagram-stream.receive", "self max-results", udp_receive, NULL},
    {"[method]incoming-datagram-stream.subscribe", "self", udp_incoming_subscribe, NULL},
    {"[method]outgoing-datagram-stream.check-send", "self", udp_check_send, NULL},
    {"[method]outgoing-datagram-stream.send", "self datagrams", udp_send, NULL},
    {"[method]outgoing-datagram-stream.subscribe", "self", udp_outgoing_subscribe, NULL},
};

static const struct component_resource udp_resources[] = {
    {"udp-socket", component_drop},
    {"incoming-datagram-stream", component_drop},
    {"outgoing-datagram-stream", component_drop},
};

COMPONENT_INTERFACE(wasi_sockets_udp, "wasi:sockets/udp", udp_funcs, udp_resources);

static const struct component_func create_funcs[] = {
    {"create-udp-socket", "address-family", create_udp_socket, NULL},
};

const struct component_interface wasi_sockets_udp_create_socket = {
    .name = "wasi:sockets/udp-create-socket",
    .funcs = create_funcs,
    .func_count = ARRAY_COUNT(create_funcs),
};
