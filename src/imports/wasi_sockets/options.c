/* Options that TCP and UDP sockets have in common: hop limit and buffer sizes. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>

#include "imports/wasi_sockets/sockets.h"

int32_t sockets_address_family(struct component_call *call, const struct guest_socket *s)
{
    call->results[0].number = s->family == AF_INET ? 0 : 1;
    return 0;
}

static int get_int(const struct guest_socket *s, int level, int option, int *ret_value)
{
    socklen_t len = sizeof *ret_value;
    return getsockopt(s->base.fd, level, option, ret_value, &len) < 0 ? -errno : 0;
}

static int set_int(const struct guest_socket *s, int level, int option, int value)
{
    return setsockopt(s->base.fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

/* -- hop limit -------------------------------------------------------------------------------- */

static int hop_level(const struct guest_socket *s)
{
    return s->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
}

static int hop_option(const struct guest_socket *s)
{
    return s->family == AF_INET ? IP_TTL : IPV6_UNICAST_HOPS;
}

int32_t sockets_hop_limit(struct component_call *call, const struct guest_socket *s)
{
    int value = 0;
    int r = get_int(s, hop_level(s), hop_option(s), &value);
    return r < 0 ? sockets_answer(call, r) : component_ok(call, (uint8_t)value);
}

int32_t sockets_set_hop_limit(struct component_call *call, const struct guest_socket *s)
{
    int value = (uint8_t)component_u32(call, 1);
    if (value == 0) {
        return component_error(call, SOCKETS_INVALID_ARGUMENT);
    }
    return sockets_answer(call, set_int(s, hop_level(s), hop_option(s), value));
}

/* -- buffer sizes ----------------------------------------------------------------------------- */

int32_t sockets_buffer_size(struct component_call *call, const struct guest_socket *s, int option)
{
    int value = 0;
    int r = get_int(s, SOL_SOCKET, option, &value);
    /* Linux doubles what it is given, for its own needs, and tells the double. */
    return r < 0 ? sockets_answer(call, r) : component_ok(call, (uint64_t)value / 2);
}

int32_t sockets_set_buffer_size(struct component_call *call, const struct guest_socket *s,
                                int option)
{
    uint64_t value = component_u64(call, 1);
    if (value == 0) {
        return component_error(call, SOCKETS_INVALID_ARGUMENT);
    }
    /* The kernel cuts it to the system's maximum. */
    int size = value > INT_MAX / 2 ? INT_MAX / 2 : (int)value;
    return sockets_answer(call, set_int(s, SOL_SOCKET, option, size));
}
