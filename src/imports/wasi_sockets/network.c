/* wasi:sockets/network and instance-network, and what all interfaces of the package share.
 *
 * A network stands for nothing here: what may be reached is the policy's to say, call by call. The
 * function network-error-code is unstable in 0.2.12 and not provided. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "imports/wasi_sockets/sockets.h"

/* -- errors ----------------------------------------------------------------------------------- */

static const struct {
    int error;
    enum sockets_error code;
} codes[] = {
    {EACCES, SOCKETS_ACCESS_DENIED},
    {EPERM, SOCKETS_ACCESS_DENIED},
    {EOPNOTSUPP, SOCKETS_NOT_SUPPORTED},
    {EAFNOSUPPORT, SOCKETS_NOT_SUPPORTED},
    {EPROTONOSUPPORT, SOCKETS_NOT_SUPPORTED},
    {ESOCKTNOSUPPORT, SOCKETS_NOT_SUPPORTED},
    {EPROTOTYPE, SOCKETS_NOT_SUPPORTED},
    {ENOPROTOOPT, SOCKETS_NOT_SUPPORTED},
    {EINVAL, SOCKETS_INVALID_ARGUMENT},
    {EDOM, SOCKETS_INVALID_ARGUMENT},
    {ENOMEM, SOCKETS_OUT_OF_MEMORY},
    {ENOBUFS, SOCKETS_OUT_OF_MEMORY},
    {ETIMEDOUT, SOCKETS_TIMEOUT},
    {EALREADY, SOCKETS_CONCURRENCY_CONFLICT},
    {EAGAIN, SOCKETS_WOULD_BLOCK},
    {EINPROGRESS, SOCKETS_WOULD_BLOCK},
    {EISCONN, SOCKETS_INVALID_STATE},
    {ENOTCONN, SOCKETS_INVALID_STATE},
    {EDESTADDRREQ, SOCKETS_INVALID_STATE},
    {EMFILE, SOCKETS_NEW_SOCKET_LIMIT},
    {ENFILE, SOCKETS_NEW_SOCKET_LIMIT},
    {ENOSPC, SOCKETS_NEW_SOCKET_LIMIT}, /* of descriptors watched (epoll_ctl) */
    {EADDRNOTAVAIL, SOCKETS_ADDRESS_NOT_BINDABLE},
    {EADDRINUSE, SOCKETS_ADDRESS_IN_USE},
    {EHOSTUNREACH, SOCKETS_REMOTE_UNREACHABLE},
    {EHOSTDOWN, SOCKETS_REMOTE_UNREACHABLE},
    {ENETUNREACH, SOCKETS_REMOTE_UNREACHABLE},
    {ENETDOWN, SOCKETS_REMOTE_UNREACHABLE},
    {ENONET, SOCKETS_REMOTE_UNREACHABLE},
    {ECONNREFUSED, SOCKETS_CONNECTION_REFUSED},
    {ECONNRESET, SOCKETS_CONNECTION_RESET},
    {ENETRESET, SOCKETS_CONNECTION_RESET},
    {ECONNABORTED, SOCKETS_CONNECTION_ABORTED},
    {EMSGSIZE, SOCKETS_DATAGRAM_TOO_LARGE},
};

enum sockets_error sockets_error_from(int error)
{
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        if (codes[i].error == -error) {
            return codes[i].code;
        }
    }
    return SOCKETS_UNKNOWN;
}

int32_t sockets_answer(struct component_call *call, int result)
{
    return result < 0 ? component_error(call, sockets_error_from(result)) : component_ok(call, 0);
}

/* -- sockets ---------------------------------------------------------------------------------- */

int sockets_may_open(const struct guest *guest, uint32_t resources)
{
    return resource_has_room(guest, resources) ? guest_may_open(guest) : -EMFILE;
}

int sockets_open(struct component_call *call, int type, struct guest_socket **ret_socket)
{
    struct guest *guest = call->guest;
    int family = component_u32(call, 0) == 0 ? AF_INET : AF_INET6;
    struct guest_socket *s = NULL;
    int r = sockets_may_open(guest, 1);
    if (r < 0) {
        return r;
    }
    r = guest_socket_open(guest, family, type, &s);
    if (r < 0) {
        return r;
    }
    r = family == AF_INET6 ? guest_socket_set_v6_only(s) : 0;
    if (r < 0) {
        descriptor_unref(&s->base);
        return r;
    }
    descriptor_count(&s->base);
    *ret_socket = s;
    return 0;
}

bool sockets_is_writable(struct guest_socket *s)
{
    /* A fresh socket has room before the loop has had a turn to say so. */
    struct pollfd asked = {.fd = s->base.fd, .events = POLLOUT};
    if ((s->base.ready & LOOP_WRITE) == 0 && poll(&asked, 1, 0 /* timeout */) > 0) {
        s->base.ready |= LOOP_WRITE;
    }
    return (s->base.ready & LOOP_WRITE) != 0;
}

/* -- instance-network ------------------------------------------------------------------------- */

static void network_free(struct resource *resource)
{
    free(resource);
}

static const struct resource_kind network_kind = {"network", NULL, network_free};

static int32_t instance_network(struct component_call *call)
{
    struct resource *network = calloc(1, sizeof *network);
    if (network != NULL) {
        resource_init(network, call->guest, &network_kind);
    }
    return component_give(call, 0, network);
}

static const struct component_resource network_resources[] = {
    {"network", component_drop},
};

const struct component_interface wasi_sockets_network = {
    .name = "wasi:sockets/network",
    .resources = network_resources,
    .resource_count = ARRAY_COUNT(network_resources),
};

static const struct component_func instance_network_funcs[] = {
    {"instance-network", "", instance_network, NULL},
};

const struct component_interface wasi_sockets_instance_network = {
    .name = "wasi:sockets/instance-network",
    .funcs = instance_network_funcs,
    .func_count = ARRAY_COUNT(instance_network_funcs),
};
