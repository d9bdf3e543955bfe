/* sock_recv_from and sock_send_to, and the _v2 names of sock_recv and sock_send.
 *
 * The forms of six parameters were declared by guest libraries of 2021 and never served by any
 * host: they have no place for the length received. They link, and answer NOSYS. */
#include <errno.h>

#include "base/container.h"
#include "imports/wasmedge_sockets/wasmedge.h"

enum { ARG_ADDRESS = 3 };

/* -- recv_from -------------------------------------------------------------------------------- */

/* Seven parameters: octets and nothing else, whatever room there is; too little is no error. */
static int64_t receive_v1(struct call *call, struct guest_socket *s, const struct call_iovs *iovs,
                          int flags, bool *ret_is_truncated)
{
    struct wasmedge_buffer buffer;
    struct net_address from;
    int r = wasmedge_get_buffer(call, call_u32(call, ARG_ADDRESS), &buffer);
    if (r < 0) {
        return r;
    }
    int64_t got = guest_socket_recv_from(s, iovs->iov, iovs->count, flags, &from, ret_is_truncated);
    if (got >= 0) {
        (void)wasmedge_write_octets(call, &buffer, &from);
    }
    return got;
}

static int64_t receive_v2(struct call *call, struct guest_socket *s, const struct call_iovs *iovs,
                          int flags, bool *ret_is_truncated)
{
    enum { ARG_RET_PORT = 5 };
    struct wasmedge_buffer buffer;
    struct net_address from;
    uint32_t ret_port = call_u32(call, ARG_RET_PORT);
    int r = wasmedge_get_buffer(call, call_u32(call, ARG_ADDRESS), &buffer);
    if (r == 0) {
        r = wasmedge_check_form(&buffer);
    }
    if (r == 0 && !call_in_memory(call, ret_port, sizeof(uint32_t))) {
        r = -EFAULT;
    }
    if (r < 0) {
        return r;
    }
    int64_t got = guest_socket_recv_from(s, iovs->iov, iovs->count, flags, &from, ret_is_truncated);
    if (got >= 0) {
        /* A connected stream tells no address, and an IPv6 one may not fit: the bytes count. */
        (void)wasmedge_write_address(call, &buffer, &from);
        (void)call_write_u32(call, ret_port, net_address_port(&from));
    }
    return got;
}

static const struct sock_receive_args v1_args = {receive_v1, 4, 5, 6};
static const struct sock_receive_args v2_args = {receive_v2, 4, 6, 7};

static int32_t recv_from_v1_begin(struct call *call)
{
    return sock_receive(call, &v1_args, /* is_first */ true);
}

static int32_t recv_from_v1_finish(struct call *call)
{
    return sock_receive(call, &v1_args, /* is_first */ false);
}

static int32_t recv_from_v2_begin(struct call *call)
{
    return sock_receive(call, &v2_args, /* is_first */ true);
}

static int32_t recv_from_v2_finish(struct call *call)
{
    return sock_receive(call, &v2_args, /* is_first */ false);
}

/* -- send_to ---------------------------------------------------------------------------------- */

static int64_t send_step(struct call *call, struct guest_socket *s, const struct call_iovs *iovs)
{
    struct net_address to;
    int r = wasmedge_read_address(call, call_u32(call, ARG_ADDRESS), call_u32(call, 4), &to);
    return r < 0 ? r : guest_socket_send_to(s, iovs->iov, iovs->count, &to);
}

static const struct sock_send_args send_to_args = {send_step, 5, 6};

static int32_t send_to_begin(struct call *call)
{
    return sock_send(call, &send_to_args, /* is_first */ true);
}

static int32_t send_to_finish(struct call *call)
{
    return sock_send(call, &send_to_args, /* is_first */ false);
}

static int32_t not_served(struct call *call)
{
    (void)call; /* nothing in it has a known meaning */
    return WASI_ENOSYS;
}

static const struct host_func rows[] = {
    {"sock_recv_v2", "iiiiii", "i", "fd iovs iovs_len ri_flags ret_datalen ret_flags",
     sock_recv_begin, sock_recv_finish},
    {"sock_send_v2", "iiiii", "i", "fd iovs iovs_len si_flags ret_datalen", sock_send_begin,
     sock_send_finish},
    {"sock_recv_from", "iiiiiii", "i", "fd iovs iovs_len address ri_flags ret_datalen ret_flags",
     recv_from_v1_begin, recv_from_v1_finish},
    {"sock_recv_from", "iiiiiiii", "i",
     "fd iovs iovs_len address ri_flags ret_port ret_datalen ret_flags", recv_from_v2_begin,
     recv_from_v2_finish},
    {"sock_recv_from_v2", "iiiiiiii", "i",
     "fd iovs iovs_len address ri_flags ret_port ret_datalen ret_flags", recv_from_v2_begin,
     recv_from_v2_finish},
    {"sock_recv_from", "iiiiii", "i", "fd buf buf_len addr addr_len flags", not_served, NULL},
    {"sock_send_to", "iiiiiii", "i", "fd iovs iovs_len address port si_flags ret_datalen",
     send_to_begin, send_to_finish},
    {"sock_send_to_v2", "iiiiiii", "i", "fd iovs iovs_len address port si_flags ret_datalen",
     send_to_begin, send_to_finish},
    {"sock_send_to", "iiiiii", "i", "fd buf buf_len addr addr_len flags", not_served, NULL},
};

const struct func_table wasmedge_transfer = {rows, ARRAY_COUNT(rows)};
