/* sock_open, bind, listen, connect, and the accept of two parameters. The types of V1 and V2 are
 * the same but for accept, so each function serves its _v2 name as well. */
#include <errno.h>

#include "base/container.h"
#include "imports/wasmedge_sockets/wasmedge.h"

/* -- open ------------------------------------------------------------------------------------- */

struct kind {
    uint32_t family;
    uint32_t type;
    int host_family;
    int host_type;
};

/* Up to WasmEdge 0.9 both enumerations began at 0. Where old and new meet in the same pair of
 * numbers, (1, 1), it is the new meaning; no old guest asks for IPv6 streams without having tried
 * IPv4. */
static const struct kind kinds[] = {
    {WASMEDGE_FAMILY_INET4, WASMEDGE_TYPE_STREAM, AF_INET, SOCK_STREAM},
    {WASMEDGE_FAMILY_INET4, WASMEDGE_TYPE_DGRAM, AF_INET, SOCK_DGRAM},
    {WASMEDGE_FAMILY_INET6, WASMEDGE_TYPE_STREAM, AF_INET6, SOCK_STREAM},
    {WASMEDGE_FAMILY_INET6, WASMEDGE_TYPE_DGRAM, AF_INET6, SOCK_DGRAM},
    {WASMEDGE_FAMILY_UNIX, WASMEDGE_TYPE_STREAM, AF_UNIX, SOCK_STREAM},
    {WASMEDGE_FAMILY_UNIX, WASMEDGE_TYPE_DGRAM, AF_UNIX, SOCK_DGRAM},
    {/* old INET4 */ 0, /* old STREAM */ 1, AF_INET, SOCK_STREAM},
    {/* old INET4 */ 0, /* old DGRAM */ 0, AF_INET, SOCK_DGRAM},
    {/* old INET6 */ 1, /* old DGRAM */ 0, AF_INET6, SOCK_DGRAM},
};

static const struct kind *find_kind(uint32_t family, uint32_t type)
{
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (kinds[i].family == family && kinds[i].type == type) {
            return &kinds[i];
        }
    }
    return NULL;
}

static int32_t sock_open(struct call *call)
{
    struct guest *guest = call_guest(call);
    uint32_t ret_fd = call_u32(call, 2);
    const struct kind *kind = find_kind(call_u32(call, 0), call_u32(call, 1));
    if (kind == NULL) {
        return WASI_EINVAL;
    }
    if (kind->host_family == AF_UNIX && !policy_knows_unix(&guest->policy)) {
        if (guest_refuse(guest, "a Unix socket; to allow it: --allow-listen unix:PATH or "
                                "--allow-connect unix:PATH") < 0) {
            return WASI_ENOSYS; /* as WasmEdge without its --allow-af-unix */
        }
    }
    if (!call_in_memory(call, ret_fd, sizeof(uint32_t))) {
        return WASI_EFAULT;
    }
    struct guest_socket *s = NULL;
    int r = guest_socket_open(guest, kind->host_family, kind->host_type, &s);
    return r < 0 ? wasi_errno_from(r) : sock_insert(call, s, ret_fd);
}

/* -- bind, listen, accept --------------------------------------------------------------------- */

static int32_t sock_bind(struct call *call)
{
    struct guest_socket *s = NULL;
    struct net_address address;
    int r = sock_get(call, 0, &s);
    if (r == 0) {
        r = wasmedge_read_address(call, call_u32(call, 1), call_u32(call, 2), &address);
    }
    if (r == 0) {
        r = guest_socket_bind(s, &address);
    }
    return wasi_errno_from(r);
}

static int32_t sock_listen(struct call *call)
{
    struct guest_socket *s = NULL;
    int r = sock_get(call, 0, &s);
    if (r == 0) {
        r = guest_socket_listen(s, (int)call_u32(call, 1)); /* the kernel limits it */
    }
    return wasi_errno_from(r);
}

static int32_t accept_begin(struct call *call)
{
    return sock_accept_once(call, /* fdflags */ 0, 1, /* is_first */ true);
}

static int32_t accept_finish(struct call *call)
{
    return sock_accept_once(call, /* fdflags */ 0, 1, /* is_first */ false);
}

/* -- connect ---------------------------------------------------------------------------------- */

/* A wait that has timed out leaves the connect going on, as in the kernel. */
static int32_t wait_connected(struct call *call, struct guest_socket *s, bool is_first)
{
    int32_t answer = sock_wait(call, s, LOOP_WRITE, is_first);
    return answer == WASI_EAGAIN ? WASI_EINPROGRESS : answer;
}

static int32_t connect_begin(struct call *call)
{
    struct guest_socket *s = NULL;
    struct net_address address;
    int r = sock_get(call, 0, &s);
    if (r == 0) {
        r = wasmedge_read_address(call, call_u32(call, 1), call_u32(call, 2), &address);
    }
    if (r == 0) {
        r = guest_socket_connect(s, &address);
    }
    return r == -EINPROGRESS ? wait_connected(call, s, /* is_first */ true) : wasi_errno_from(r);
}

static int32_t connect_finish(struct call *call)
{
    struct guest_socket *s = NULL;
    int r = sock_get(call, 0, &s);
    if (r == 0) {
        r = guest_socket_connect_result(s);
    }
    return r == -EINPROGRESS ? wait_connected(call, s, /* is_first */ false) : wasi_errno_from(r);
}

static const struct host_func rows[] = {
    {"sock_open", "iii", "i", "family type ret_fd", sock_open, NULL},
    {"sock_open_v2", "iii", "i", "family type ret_fd", sock_open, NULL},
    {"sock_bind", "iii", "i", "fd address port", sock_bind, NULL},
    {"sock_bind_v2", "iii", "i", "fd address port", sock_bind, NULL},
    {"sock_listen", "ii", "i", "fd backlog", sock_listen, NULL},
    {"sock_listen_v2", "ii", "i", "fd backlog", sock_listen, NULL},
    {"sock_accept", "ii", "i", "fd ret_fd", accept_begin, accept_finish},
    {"sock_accept_v2", "iii", "i", "fd flags ret_fd", sock_accept_begin, sock_accept_finish},
    {"sock_connect", "iii", "i", "fd address port", connect_begin, connect_finish},
    {"sock_connect_v2", "iii", "i", "fd address port", connect_begin, connect_finish},
};

const struct func_table wasmedge_lifecycle = {rows, ARRAY_COUNT(rows)};
