/* Options of a tcp-socket. In the closed state none can be read or set.
 *
 * Linux counts keep-alive times in whole seconds, up to 32,767, and probes up to 127: what a guest
 * sets is rounded up and cut. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "imports/wasi_sockets/tcp.h"

enum { KEEP_ALIVE_SECONDS_MAX = 32767, KEEP_ALIVE_COUNT_MAX = 127, NS_PER_SECOND = 1000000000 };

static struct tcp_socket *self_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct tcp_socket, &tcp_socket_kind);
}

/* The socket, or NULL when it is closed and the call has been answered so. */
static struct guest_socket *open_socket(struct component_call *call)
{
    struct tcp_socket *tcp = self_of(call);
    if (tcp->state == TCP_CLOSED) {
        (void)component_error(call, SOCKETS_INVALID_STATE);
        return NULL;
    }
    return tcp->s;
}

int32_t tcp_address_family(struct component_call *call)
{
    return sockets_address_family(call, self_of(call)->s);
}

int32_t tcp_set_listen_backlog_size(struct component_call *call)
{
    struct tcp_socket *tcp = self_of(call);
    uint64_t value = component_u64(call, 1);
    if (value == 0) {
        return component_error(call, SOCKETS_INVALID_ARGUMENT);
    }
    if (tcp->state == TCP_CONNECT_IN_PROGRESS || tcp->state == TCP_CONNECTED ||
        tcp->state == TCP_CLOSED) {
        return component_error(call, SOCKETS_INVALID_STATE);
    }
    tcp->backlog = value > INT_MAX ? INT_MAX : (int)value;
    bool is_late = tcp->state == TCP_LISTENING || tcp->state == TCP_LISTEN_IN_PROGRESS;
    return sockets_answer(call, is_late ? guest_socket_listen(tcp->s, tcp->backlog) : 0);
}

/* -- keep-alive ------------------------------------------------------------------------------- */

static int32_t set_number(struct component_call *call, int level, int option, int value)
{
    const struct guest_socket *s = open_socket(call);
    if (s == NULL) {
        return 0;
    }
    int r = setsockopt(s->base.fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
    return sockets_answer(call, r);
}

/* Answer with the option's value, in units of `scale`. */
static int32_t get_number(struct component_call *call, int level, int option, uint64_t scale)
{
    const struct guest_socket *s = open_socket(call);
    int value = 0;
    socklen_t len = sizeof value;
    if (s == NULL) {
        return 0;
    }
    if (getsockopt(s->base.fd, level, option, &value, &len) < 0) {
        return sockets_answer(call, -errno);
    }
    return component_ok(call, (uint64_t)value * scale);
}

int32_t tcp_keep_alive_enabled(struct component_call *call)
{
    return get_number(call, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int32_t tcp_set_keep_alive_enabled(struct component_call *call)
{
    return set_number(call, SOL_SOCKET, SO_KEEPALIVE, component_u32(call, 1) != 0);
}

static int32_t set_seconds(struct component_call *call, int option)
{
    uint64_t ns = component_u64(call, 1);
    if (ns == 0) {
        return component_error(call, SOCKETS_INVALID_ARGUMENT);
    }
    uint64_t seconds = ns / NS_PER_SECOND + (ns % NS_PER_SECOND != 0);
    int value = seconds > KEEP_ALIVE_SECONDS_MAX ? KEEP_ALIVE_SECONDS_MAX : (int)seconds;
    return set_number(call, IPPROTO_TCP, option, value);
}

int32_t tcp_keep_alive_idle_time(struct component_call *call)
{
    return get_number(call, IPPROTO_TCP, TCP_KEEPIDLE, NS_PER_SECOND);
}

int32_t tcp_set_keep_alive_idle_time(struct component_call *call)
{
    return set_seconds(call, TCP_KEEPIDLE);
}

int32_t tcp_keep_alive_interval(struct component_call *call)
{
    return get_number(call, IPPROTO_TCP, TCP_KEEPINTVL, NS_PER_SECOND);
}

int32_t tcp_set_keep_alive_interval(struct component_call *call)
{
    return set_seconds(call, TCP_KEEPINTVL);
}

int32_t tcp_keep_alive_count(struct component_call *call)
{
    return get_number(call, IPPROTO_TCP, TCP_KEEPCNT, 1);
}

int32_t tcp_set_keep_alive_count(struct component_call *call)
{
    uint32_t count = component_u32(call, 1);
    if (count == 0) {
        return component_error(call, SOCKETS_INVALID_ARGUMENT);
    }
    int value = count > KEEP_ALIVE_COUNT_MAX ? KEEP_ALIVE_COUNT_MAX : (int)count;
    return set_number(call, IPPROTO_TCP, TCP_KEEPCNT, value);
}

/* -- what UDP has, too ------------------------------------------------------------------------ */

int32_t tcp_hop_limit(struct component_call *call)
{
    const struct guest_socket *s = open_socket(call);
    return s == NULL ? 0 : sockets_hop_limit(call, s);
}

int32_t tcp_set_hop_limit(struct component_call *call)
{
    const struct guest_socket *s = open_socket(call);
    return s == NULL ? 0 : sockets_set_hop_limit(call, s);
}

int32_t tcp_receive_buffer_size(struct component_call *call)
{
    const struct guest_socket *s = open_socket(call);
    return s == NULL ? 0 : sockets_buffer_size(call, s, SO_RCVBUF);
}

int32_t tcp_set_receive_buffer_size(struct component_call *call)
{
    const struct guest_socket *s = open_socket(call);
    return s == NULL ? 0 : sockets_set_buffer_size(call, s, SO_RCVBUF);
}

int32_t tcp_send_buffer_size(struct component_call *call)
{
    const struct guest_socket *s = open_socket(call);
    return s == NULL ? 0 : sockets_buffer_size(call, s, SO_SNDBUF);
}

int32_t tcp_set_send_buffer_size(struct component_call *call)
{
    const struct guest_socket *s = open_socket(call);
    return s == NULL ? 0 : sockets_set_buffer_size(call, s, SO_SNDBUF);
}
