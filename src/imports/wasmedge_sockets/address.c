/* Addresses in guest memory, and the functions that tell a socket's own and its peer's.
 *
 * Ports are numbers in host order everywhere in this extension, sa_data of getaddrinfo excepted. */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "imports/wasmedge_sockets/wasmedge.h"

enum {
    STORAGE_DATA = 2, /* where octets or path begin behind the family */
    STORAGE_PATH_MAX = WASMEDGE_ADDRESS_STORAGE - STORAGE_DATA,
    ADDR_TYPE_UNIX = 3, /* what the four-parameter functions call the family; 4 and 6 are theirs */
    ADDR_TYPE_V4 = 4,
    ADDR_TYPE_V6 = 6,
};

int wasmedge_get_buffer(const struct call *call, uint32_t at, struct wasmedge_buffer *ret_buffer)
{
    uint8_t raw[WASMEDGE_ADDRESS_SIZE];
    int r = call_read(call, at, raw, sizeof raw);
    if (r < 0) {
        return r;
    }
    ret_buffer->address = load_u32(raw);
    ret_buffer->len = load_u32(raw + 4);
    return call_in_memory(call, ret_buffer->address, ret_buffer->len) ? 0 : -EFAULT;
}

int wasmedge_check_form(const struct wasmedge_buffer *buffer)
{
    bool is_known = buffer->len == WASMEDGE_ADDRESS_V4 || buffer->len == WASMEDGE_ADDRESS_V6 ||
                    buffer->len == WASMEDGE_ADDRESS_STORAGE;
    return is_known ? 0 : -EINVAL;
}

static int from_storage(const uint8_t *raw, uint16_t port, struct net_address *ret_address)
{
    const uint8_t *data = raw + STORAGE_DATA;
    switch (load_u16(raw)) {
    case WASMEDGE_FAMILY_INET4:
        net_address_set_v4(ret_address, data, port);
        return 0;
    case WASMEDGE_FAMILY_INET6:
        net_address_set_v6(ret_address, data, port);
        return 0;
    case WASMEDGE_FAMILY_UNIX:
        return net_address_set_unix(ret_address, (const char *)data, STORAGE_PATH_MAX);
    default:
        return -EINVAL;
    }
}

int wasmedge_read_address(const struct call *call, uint32_t at, uint32_t port,
                          struct net_address *ret_address)
{
    struct wasmedge_buffer buffer;
    uint8_t raw[WASMEDGE_ADDRESS_STORAGE];
    int r = wasmedge_get_buffer(call, at, &buffer);
    if (r < 0) {
        return r;
    }
    r = wasmedge_check_form(&buffer);
    if (r < 0) {
        return r;
    }
    r = call_read(call, buffer.address, raw, buffer.len);
    if (r < 0) {
        return r;
    }
    if (buffer.len == WASMEDGE_ADDRESS_STORAGE) {
        return from_storage(raw, (uint16_t)port, ret_address);
    }
    if (buffer.len == WASMEDGE_ADDRESS_V4) {
        net_address_set_v4(ret_address, raw, (uint16_t)port);
    } else {
        net_address_set_v6(ret_address, raw, (uint16_t)port);
    }
    return 0;
}

/* -- writing ---------------------------------------------------------------------------------- */

static struct span octets_of(const struct net_address *address)
{
    if (address->len > 0 && address->u.any.sa_family == AF_INET) {
        return (struct span){(const uint8_t *)&address->u.v4.sin_addr, 4};
    }
    if (address->len > 0 && address->u.any.sa_family == AF_INET6) {
        return (struct span){address->u.v6.sin6_addr.s6_addr, 16};
    }
    return (struct span){NULL, 0};
}

int wasmedge_write_octets(struct call *call, const struct wasmedge_buffer *buffer,
                          const struct net_address *address)
{
    struct net_address plain = *address;
    if (buffer->len < WASMEDGE_ADDRESS_V6) {
        net_address_unmap(&plain); /* an IPv4 peer of a dual-stack socket fits */
    }
    struct span octets = octets_of(&plain);
    if (octets.len == 0) {
        return -EAFNOSUPPORT;
    }
    if (octets.len > buffer->len) {
        return -ENOMEM;
    }
    return call_write(call, buffer->address, octets.data, (uint32_t)octets.len);
}

static int write_storage(struct call *call, const struct wasmedge_buffer *buffer,
                         const struct net_address *address)
{
    uint8_t raw[WASMEDGE_ADDRESS_STORAGE] = {0};
    struct span octets = octets_of(address);
    if (octets.len > 0) {
        store_u16(raw, octets.len == 4 ? WASMEDGE_FAMILY_INET4 : WASMEDGE_FAMILY_INET6);
        memcpy(raw + STORAGE_DATA, octets.data, octets.len);
    } else if (address->len > 0 && address->u.any.sa_family == AF_UNIX) {
        /* A path that fills the kernel's field has no NUL there; here there is room for one. */
        _Static_assert(sizeof address->u.local.sun_path < STORAGE_PATH_MAX, "path and NUL");
        store_u16(raw, WASMEDGE_FAMILY_UNIX);
        memcpy(raw + STORAGE_DATA, address->u.local.sun_path,
               strnlen(address->u.local.sun_path, sizeof address->u.local.sun_path));
    }
    return call_write(call, buffer->address, raw, sizeof raw);
}

int wasmedge_write_address(struct call *call, const struct wasmedge_buffer *buffer,
                           const struct net_address *address)
{
    int r = wasmedge_check_form(buffer);
    if (r < 0) {
        return r;
    }
    if (buffer->len == WASMEDGE_ADDRESS_STORAGE) {
        return write_storage(call, buffer, address);
    }
    return wasmedge_write_octets(call, buffer, address);
}

/* -- getlocaladdr, getpeeraddr ---------------------------------------------------------------- */

typedef int socket_address_fn(struct guest_socket *s, struct net_address *ret_address);

static uint32_t type_of(const struct net_address *address, const struct wasmedge_buffer *buffer)
{
    struct net_address plain = *address;
    if (buffer->len < WASMEDGE_ADDRESS_V6) {
        net_address_unmap(&plain); /* as wasmedge_write_octets */
    }
    switch (plain.u.any.sa_family) {
    case AF_INET:
        return ADDR_TYPE_V4;
    case AF_INET6:
        return ADDR_TYPE_V6;
    default:
        return ADDR_TYPE_UNIX;
    }
}

static int32_t tell(struct call *call, socket_address_fn *get, bool has_type)
{
    struct guest_socket *s = NULL;
    struct wasmedge_buffer buffer;
    struct net_address address;
    uint32_t ret_type = call_u32(call, 2);
    uint32_t ret_port = call_u32(call, has_type ? 3 : 2);
    int r = sock_get(call, 0, &s);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    r = wasmedge_get_buffer(call, call_u32(call, 1), &buffer);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    if (!call_in_memory(call, ret_type, sizeof(uint32_t)) ||
        !call_in_memory(call, ret_port, sizeof(uint32_t))) {
        return WASI_EFAULT;
    }
    r = get(s, &address);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    r = wasmedge_write_address(call, &buffer, &address);
    if (r == 0 && has_type) {
        r = call_write_u32(call, ret_type, type_of(&address, &buffer));
    }
    if (r == 0) {
        r = call_write_u32(call, ret_port, net_address_port(&address));
    }
    return wasi_errno_from(r);
}

static int32_t local_v1(struct call *call)
{
    return tell(call, guest_socket_local, /* has_type */ true);
}

static int32_t local_v2(struct call *call)
{
    return tell(call, guest_socket_local, /* has_type */ false);
}

static int32_t peer_v1(struct call *call)
{
    return tell(call, guest_socket_peer, /* has_type */ true);
}

static int32_t peer_v2(struct call *call)
{
    return tell(call, guest_socket_peer, /* has_type */ false);
}

static const struct host_func rows[] = {
    {"sock_getlocaladdr", "iiii", "i", "fd address ret_type ret_port", local_v1, NULL},
    {"sock_getlocaladdr", "iii", "i", "fd address ret_port", local_v2, NULL},
    {"sock_getlocaladdr_v2", "iii", "i", "fd address ret_port", local_v2, NULL},
    {"sock_getpeeraddr", "iiii", "i", "fd address ret_type ret_port", peer_v1, NULL},
    {"sock_getpeeraddr", "iii", "i", "fd address ret_port", peer_v2, NULL},
    {"sock_getpeeraddr_v2", "iii", "i", "fd address ret_port", peer_v2, NULL},
};

const struct func_table wasmedge_address = {rows, ARRAY_COUNT(rows)};
