/*
 * The second generation of WasmEdge's socket calls.
 *
 * The types are what makes it the second generation: three parameters for accept and for the two
 * address queries, eight for recv_from. The names come in two spellings. By default they are the
 * plain ones, which a host must tell from the first generation by type alone; with
 * V2_EXPLICIT_NAMES defined they end in _v2.
 *
 * Addresses travel in a 128-byte storage: a 16-bit family, then the octets or the Unix path.
 */
#ifndef HYTHE_GUEST_DIALECT_V2_H
#define HYTHE_GUEST_DIALECT_V2_H

#include <stdint.h>

#define V2_ATTRIBUTE(name)                                                                         \
    __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))
#ifdef V2_EXPLICIT_NAMES
#define V2_IMPORT(name) V2_ATTRIBUTE(#name "_v2")
#else
#define V2_IMPORT(name) V2_ATTRIBUTE(#name)
#endif
/* shutdown and the options have one generation and one name. */
#define V2_SHARED_IMPORT(name) V2_ATTRIBUTE(#name)

enum { V2_INET4 = 1, V2_INET6 = 2, V2_UNIX = 3 };
enum { V2_DGRAM = 1, V2_STREAM = 2 };
enum { V2_SOL_SOCKET = 0, V2_SO_REUSEADDR = 0, V2_SO_ERROR = 2 };
enum { V2_NONBLOCK = 4 };
enum { V2_EAGAIN = 6, V2_EINPROGRESS = 26 };
enum { V2_STORAGE_LEN = 128, V2_PATH_MAX = 107 };

struct v2_storage {
    uint16_t family;
    uint8_t octets[V2_STORAGE_LEN - sizeof(uint16_t)];
};

struct v2_address {
    struct v2_storage *storage;
    uint32_t len;
};

struct v2_span {
    void *bytes;
    uint32_t len;
};

struct v2_const_span {
    const void *bytes;
    uint32_t len;
};

V2_IMPORT(sock_open) int32_t v2_open(int32_t family, int32_t type, int32_t *ret_fd);
V2_IMPORT(sock_bind) int32_t v2_bind(int32_t fd, const struct v2_address *address, uint32_t port);
V2_IMPORT(sock_listen) int32_t v2_listen(int32_t fd, int32_t backlog);
V2_IMPORT(sock_accept) int32_t v2_accept(int32_t fd, uint32_t fdflags, int32_t *ret_fd);
V2_IMPORT(sock_connect)
int32_t v2_connect(int32_t fd, const struct v2_address *address, uint32_t port);
V2_IMPORT(sock_recv)
int32_t v2_recv(int32_t fd, const struct v2_span *spans, uint32_t count, uint32_t flags,
                uint32_t *ret_len, uint32_t *ret_flags);
V2_IMPORT(sock_recv_from)
int32_t v2_recv_from(int32_t fd, const struct v2_span *spans, uint32_t count,
                     struct v2_address *address, uint32_t flags, uint32_t *ret_port,
                     uint32_t *ret_len, uint32_t *ret_flags);
V2_IMPORT(sock_send)
int32_t v2_send(int32_t fd, const struct v2_const_span *spans, uint32_t count, uint32_t flags,
                uint32_t *ret_len);
V2_IMPORT(sock_send_to)
int32_t v2_send_to(int32_t fd, const struct v2_const_span *spans, uint32_t count,
                   const struct v2_address *address, uint32_t port, uint32_t flags,
                   uint32_t *ret_len);
V2_IMPORT(sock_getlocaladdr)
int32_t v2_getlocaladdr(int32_t fd, struct v2_address *address, uint32_t *ret_port);
V2_IMPORT(sock_getpeeraddr)
int32_t v2_getpeeraddr(int32_t fd, struct v2_address *address, uint32_t *ret_port);
V2_SHARED_IMPORT(sock_shutdown) int32_t v2_shutdown(int32_t fd, uint32_t how);
V2_SHARED_IMPORT(sock_setsockopt)
int32_t v2_setsockopt(int32_t fd, int32_t level, int32_t name, const void *value, uint32_t len);
V2_SHARED_IMPORT(sock_getsockopt)
int32_t v2_getsockopt(int32_t fd, int32_t level, int32_t name, void *value, uint32_t *len);

#endif
