/* wasi:sockets/tcp and tcp-create-socket: the life of a tcp-socket.
 *
 * Binding and listening are done when they are started, so finishing them never waits. To connect is
 * the only operation that goes on: what the kernel says of it, at once or later, comes out of
 * finish-connect; what the policy says comes out of start-connect.
 *
 *     unbound -> bind-in-progress -> bound -> listen-in-progress -> listening
 *     unbound or bound -> connect-in-progress -> connected, or closed when that fails
 *
 * The connection lives while the guest has the socket or one of its two streams, in whatever order it
 * drops them; what was written still goes out after that (guest/socket.h). */
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_sockets/tcp.h"

enum { DEFAULT_BACKLOG = 128 };

static struct tcp_socket *self_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct tcp_socket, &tcp_socket_kind);
}

/* -- the resource ----------------------------------------------------------------------------- */

void tcp_release(struct tcp_socket *tcp)
{
    tcp->users--;
    if (tcp->users == 0) {
        descriptor_unref(&tcp->s->base);
        tcp->s = NULL;
    }
}

static void tcp_dropped(struct resource *resource)
{
    tcp_release(container_of(resource, struct tcp_socket, base));
}

static void tcp_free(struct resource *resource)
{
    struct tcp_socket *tcp = container_of(resource, struct tcp_socket, base);
    if (tcp->s != NULL) {
        descriptor_unref(&tcp->s->base); /* it never reached the guest */
    }
    free(tcp);
}

const struct resource_kind tcp_socket_kind = {"tcp-socket", tcp_dropped, tcp_free};

/* Takes the socket over, in any case. NULL without memory. */
static struct tcp_socket *tcp_new(struct guest *guest, struct guest_socket *s, enum tcp_state state)
{
    struct tcp_socket *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL) {
        descriptor_unref(&s->base);
        return NULL;
    }
    resource_init(&tcp->base, guest, &tcp_socket_kind);
    tcp->s = s;
    tcp->state = state;
    tcp->users = 1;
    tcp->backlog = DEFAULT_BACKLOG;
    return tcp;
}

static int32_t create_tcp_socket(struct component_call *call)
{
    struct guest_socket *s = NULL;
    int r = sockets_open(call, SOCK_STREAM, &s);
    if (r < 0) {
        return sockets_answer(call, r);
    }
    struct tcp_socket *tcp = tcp_new(call->guest, s, TCP_UNBOUND);
    return tcp == NULL ? component_error(call, SOCKETS_OUT_OF_MEMORY)
                       : component_give(call, 1, &tcp->base);
}

/* Is an operation under way, with which no other goes together? */
static bool is_busy(const struct tcp_socket *tcp)
{
    return tcp->state == TCP_BIND_IN_PROGRESS || tcp->state == TCP_LISTEN_IN_PROGRESS ||
           tcp->state == TCP_CONNECT_IN_PROGRESS;
}

/* Why nothing can be started in this state. */
static int32_t refuse_start(struct component_call *call, const struct tcp_socket *tcp)
{
    return component_error(call,
                           is_busy(tcp) ? SOCKETS_CONCURRENCY_CONFLICT : SOCKETS_INVALID_STATE);
}

/* -- bind ------------------------------------------------------------------------------------- */

/* A port that a connection of before still has in TIME_WAIT may be bound again. */
static int reuse_address(struct guest_socket *s)
{
    int one = 1;
    if (setsockopt(s->base.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) {
        return -errno;
    }
    s->has_reuse_address = true;
    return 0;
}

static int32_t start_bind(struct component_call *call)
{
    struct tcp_socket *tcp = self_of(call);
    struct net_address address;
    if (tcp->state != TCP_UNBOUND) {
        return refuse_start(call, tcp);
    }
    sockets_read_address(&call->args[2], &address);
    if (!sockets_fits(tcp->s, &address) || !sockets_is_unicast(&address)) {
        return component_error(call, SOCKETS_INVALID_ARGUMENT);
    }
    int r = net_address_port(&address) != 0 ? reuse_address(tcp->s) : 0;
    if (r == 0) {
        r = guest_socket_bind(tcp->s, &address);
    }
    if (r == 0) {
        tcp->state = TCP_BIND_IN_PROGRESS;
    }
    return sockets_answer(call, r);
}

static int32_t finish(struct component_call *call, enum tcp_state from, enum tcp_state to)
{
    struct tcp_socket *tcp = self_of(call);
    if (tcp->state != from) {
        return component_error(call, SOCKETS_NOT_IN_PROGRESS);
    }
    tcp->state = to;
    return component_ok(call, 0);
}

static int32_t finish_bind(struct component_call *call)
{
    return finish(call, TCP_BIND_IN_PROGRESS, TCP_BOUND);
}

/* -- connect ---------------------------------------------------------------------------------- */

/* Refused before anything was sent, or for lack of memory. */
static bool is_not_begun(int result)
{
    return result == -EACCES || result == -EPERM || result == -ENOMEM;
}

static int32_t start_connect(struct component_call *call)
{
    struct tcp_socket *tcp = self_of(call);
    struct net_address address;
    if (tcp->state != TCP_UNBOUND && tcp->state != TCP_BOUND) {
        return refuse_start(call, tcp);
    }
    sockets_read_address(&call->args[2], &address);
    if (!sockets_fits(tcp->s, &address) || !sockets_is_unicast(&address) ||
        !sockets_is_remote(&address)) {
        return component_error(call, SOCKETS_INVALID_ARGUMENT);
    }
    int r = guest_socket_connect(tcp->s, &address);
    if (is_not_begun(r)) {
        tcp->state = TCP_CLOSED;
        return sockets_answer(call, r);
    }
    tcp->connect_result = r;
    tcp->state = TCP_CONNECT_IN_PROGRESS;
    return component_ok(call, 0);
}

static bool is_connect_over(const struct tcp_socket *tcp)
{
    return tcp->connect_result != -EINPROGRESS || (tcp->s->base.ready & LOOP_WRITE) != 0;
}

/* Give the streams into `slot` and the next. */
static int32_t give_streams(struct component_call *call, unsigned slot, struct input_stream *input,
                            struct output_stream *output)
{
    call->results[0].number = 0;
    int32_t answer = component_give(call, slot, &input->base);
    if (answer != 0) {
        resource_unref(&output->base);
        return answer;
    }
    return component_give(call, slot + 1, &output->base);
}

static int32_t finish_connect(struct component_call *call)
{
    struct tcp_socket *tcp = self_of(call);
    struct input_stream *input = NULL;
    struct output_stream *output = NULL;
    if (tcp->state != TCP_CONNECT_IN_PROGRESS) {
        return component_error(call, SOCKETS_NOT_IN_PROGRESS);
    }
    int r = tcp->connect_result;
    if (r == -EINPROGRESS) {
        r = guest_socket_connect_result(tcp->s);
    }
    if (r == -EINPROGRESS) {
        return component_error(call, SOCKETS_WOULD_BLOCK);
    }
    if (r == -EADDRNOTAVAIL) {
        r = -EADDRINUSE; /* Linux' way to say that no port is left */
    }
    if (r == 0) {
        r = tcp_streams_new(tcp, &input, &output);
    }
    if (r < 0) {
        tcp->state = TCP_CLOSED;
        return sockets_answer(call, r);
    }
    tcp->state = TCP_CONNECTED;
    return give_streams(call, 1, input, output);
}

/* -- listen and accept ------------------------------------------------------------------------ */

static int32_t start_listen(struct component_call *call)
{
    struct tcp_socket *tcp = self_of(call);
    if (tcp->state != TCP_BOUND) {
        return refuse_start(call, tcp);
    }
    int r = guest_socket_listen(tcp->s, tcp->backlog);
    tcp->state = r < 0 ? TCP_CLOSED : TCP_LISTEN_IN_PROGRESS;
    return sockets_answer(call, r);
}

static int32_t finish_listen(struct component_call *call)
{
    return finish(call, TCP_LISTEN_IN_PROGRESS, TCP_LISTENING);
}

/* A connection that waits, counted. 0 or a negative errno. */
static int accept_one(struct tcp_socket *listener, struct guest_socket **ret_socket)
{
    enum { RESOURCES = 3 }; /* the socket and its streams */
    int r = sockets_may_open(listener->base.guest, RESOURCES);
    if (r == 0) {
        r = guest_socket_accept(listener->s, ret_socket);
    }
    if (r == 0) {
        descriptor_count(&(*ret_socket)->base);
    }
    return r;
}

static int32_t accept_connection(struct component_call *call)
{
    struct tcp_socket *listener = self_of(call);
    struct guest_socket *s = NULL;
    struct input_stream *input = NULL;
    struct output_stream *output = NULL;
    if (listener->state != TCP_LISTENING) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    int r = accept_one(listener, &s);
    if (r < 0) {
        return sockets_answer(call, r);
    }
    struct tcp_socket *tcp = tcp_new(call->guest, s, TCP_CONNECTED);
    if (tcp == NULL) {
        return component_error(call, SOCKETS_OUT_OF_MEMORY);
    }
    r = tcp_streams_new(tcp, &input, &output);
    if (r < 0) {
        resource_unref(&tcp->base);
        return sockets_answer(call, r);
    }
    int32_t answer = component_give(call, 1, &tcp->base);
    if (answer != 0) {
        resource_unref(&input->base);
        resource_unref(&output->base);
        return answer;
    }
    return give_streams(call, 2, input, output);
}

/* -- what it is ------------------------------------------------------------------------------- */

static int32_t local_address(struct component_call *call)
{
    struct tcp_socket *tcp = self_of(call);
    struct net_address address;
    if (tcp->state == TCP_UNBOUND || tcp->state == TCP_BIND_IN_PROGRESS ||
        tcp->state == TCP_CLOSED) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    int r = guest_socket_local(tcp->s, &address);
    return sockets_answer_address(call, r, &address);
}

static int32_t remote_address(struct component_call *call)
{
    struct tcp_socket *tcp = self_of(call);
    struct net_address address;
    if (tcp->state != TCP_CONNECTED) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    int r = guest_socket_peer(tcp->s, &address);
    return sockets_answer_address(call, r, &address);
}

static int32_t is_listening(struct component_call *call)
{
    call->results[0].number = self_of(call)->state == TCP_LISTENING;
    return 0;
}

/* -- shutdown --------------------------------------------------------------------------------- */

static int32_t shut_down(struct component_call *call)
{
    static const int hows[] = {SHUT_RD, SHUT_WR, SHUT_RDWR}; /* as enum shutdown-type counts */
    struct tcp_socket *tcp = self_of(call);
    uint32_t how = component_u32(call, 1);
    if (tcp->state != TCP_CONNECTED || how >= ARRAY_COUNT(hows)) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    guest_flush(call->guest);
    tcp_note_error(tcp);
    tcp->is_shut_read = tcp->is_shut_read || hows[how] != SHUT_WR;
    int r = guest_socket_shutdown(tcp->s, hows[how]);
    if (r == -ENOTCONN) {
        r = 0; /* the connection has ended by itself, in both directions */
        tcp->s->is_shut_write = tcp->s->is_shut_write || hows[how] != SHUT_RD;
    }
    return sockets_answer(call, r);
}

/* -- subscribe -------------------------------------------------------------------------------- */

static bool pollable_ready(struct pollable *pollable)
{
    struct tcp_socket *tcp = container_of(pollable->source, struct tcp_socket, base);
    if (tcp->s != NULL && tcp->state == TCP_CONNECT_IN_PROGRESS) {
        return is_connect_over(tcp);
    }
    if (tcp->s != NULL && tcp->state == TCP_LISTENING) {
        return guest_socket_is_readable(tcp->s);
    }
    return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the ops' */
static void pollable_arm(struct pollable *pollable, uint64_t *deadline_ns)
{
    struct tcp_socket *tcp = container_of(pollable->source, struct tcp_socket, base);
    (void)deadline_ns; /* the kernel ends a connect by itself */
    if (tcp->s != NULL) {
        guest_wait_mark(tcp->base.guest, &tcp->s->base, LOOP_READ | LOOP_WRITE);
    }
}

static const struct pollable_ops pollable_ops = {pollable_ready, pollable_arm};

static int32_t subscribe(struct component_call *call)
{
    return pollable_give(call, 0, &pollable_ops, &self_of(call)->base);
}

/* -- tables ----------------------------------------------------------------------------------- */

static const struct component_func tcp_funcs[] = {
    {"[method]tcp-socket.start-bind", "self network local-address", start_bind, NULL},
    {"[method]tcp-socket.finish-bind", "self", finish_bind, NULL},
    {"[method]tcp-socket.start-connect", "self network remote-address", start_connect, NULL},
    {"[method]tcp-socket.finish-connect", "self", finish_connect, NULL},
    {"[method]tcp-socket.start-listen", "self", start_listen, NULL},
    {"[method]tcp-socket.finish-listen", "self", finish_listen, NULL},
    {"[method]tcp-socket.accept", "self", accept_connection, NULL},
    {"[method]tcp-socket.local-address", "self", local_address, NULL},
    {"[method]tcp-socket.remote-address", "self", remote_address, NULL},
    {"[method]tcp-socket.is-listening", "self", is_listening, NULL},
    {"[method]tcp-socket.address-family", "self", tcp_address_family, NULL},
    {"[method]tcp-socket.set-listen-backlog-size", "self value", tcp_set_listen_backlog_size, NULL},
    {"[method]tcp-socket.keep-alive-enabled", "self", tcp_keep_alive_enabled, NULL},
    {"[method]tcp-socket.set-keep-alive-enabled", "self value", tcp_set_keep_alive_enabled, NULL},
    {"[method]tcp-socket.keep-alive-idle-time", "self", tcp_keep_alive_idle_time, NULL},
    {"[method]tcp-socket.set-keep-alive-idle-time", "self value", tcp_set_keep_alive_idle_time,
     NULL},
    {"[method]tcp-socket.keep-alive-interval", "self", tcp_keep_alive_interval, NULL},
    {"[method]tcp-socket.set-keep-alive-interval", "self value", tcp_set_keep_alive_interval, NULL},
    {"[method]tcp-socket.keep-alive-count", "self", tcp_keep_alive_count, NULL},
    {"[method]tcp-socket.set-keep-alive-count", "self value", tcp_set_keep_alive_count, NULL},
    {"[method]tcp-socket.hop-limit", "self", tcp_hop_limit, NULL},
    {"[method]tcp-socket.set-hop-limit", "self value", tcp_set_hop_limit, NULL},
    {"[method]tcp-socket.receive-buffer-size", "self", tcp_receive_buffer_size, NULL},
    {"[method]tcp-socket.set-receive-buffer-size", "self value", tcp_set_receive_buffer_size, NULL},
    {"[method]tcp-socket.send-buffer-size", "self", tcp_send_buffer_size, NULL},
    {"[method]tcp-socket.set-send-buffer-size", "self value", tcp_set_send_buffer_size, NULL},
    {"[method]tcp-socket.subscribe", "self", subscribe, NULL},
    {"[method]tcp-socket.shutdown", "self shutdown-type", shut_down, NULL},
};

static const struct component_resource tcp_resources[] = {
    {"tcp-socket", component_drop},
};

COMPONENT_INTERFACE(wasi_sockets_tcp, "wasi:sockets/tcp", tcp_funcs, tcp_resources);

static const struct component_func create_funcs[] = {
    {"create-tcp-socket", "address-family", create_tcp_socket, NULL},
};

const struct component_interface wasi_sockets_tcp_create_socket = {
    .name = "wasi:sockets/tcp-create-socket",
    .funcs = create_funcs,
    .func_count = ARRAY_COUNT(create_funcs),
};
