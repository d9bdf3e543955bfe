/*
 * The first generation of WasmEdge's socket calls, as far as the guests in this folder use it.
 *
 * wasi-libc declares none of these. recv, send, shutdown, poll and fcntl are not listed because
 * libc's own work on such a descriptor. Addresses are raw octets, 4 or 16 of them; ports are
 * numbers in host order. Every call returns a WASI errno.
 */
#ifndef HYTHE_GUEST_DIALECT_V1_H
#define HYTHE_GUEST_DIALECT_V1_H

#include <stdint.h>

#define V1_IMPORT(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))

enum { V1_UNSPEC = 0, V1_INET4 = 1, V1_INET6 = 2 };
enum { V1_DGRAM = 1, V1_STREAM = 2 };
enum { V1_SOL_SOCKET = 0, V1_SO_REUSEADDR = 0 };
enum { V1_EAGAIN = 6 };

struct v1_address {
    uint8_t *octets;
    uint32_t len;
};

struct v1_span {
    void *bytes;
    uint32_t len;
};

struct v1_sockaddr {
    uint8_t family;
    uint32_t len;
    uint8_t *data;
};

struct v1_addrinfo {
    uint16_t flags;
    uint8_t family;
    uint8_t type;
    uint32_t protocol;
    uint32_t address_len;
    struct v1_sockaddr *address;
    char *canonical_name;
    uint32_t canonical_name_len;
    struct v1_addrinfo *next;
};

V1_IMPORT(sock_open) int32_t v1_open(int32_t family, int32_t type, int32_t *ret_fd);
V1_IMPORT(sock_bind) int32_t v1_bind(int32_t fd, const struct v1_address *address, uint32_t port);
V1_IMPORT(sock_listen) int32_t v1_listen(int32_t fd, int32_t backlog);
V1_IMPORT(sock_accept) int32_t v1_accept(int32_t fd, int32_t *ret_fd);
V1_IMPORT(sock_setsockopt)
int32_t v1_setsockopt(int32_t fd, int32_t level, int32_t name, const void *value, uint32_t len);
V1_IMPORT(sock_getlocaladdr)
int32_t v1_getlocaladdr(int32_t fd, struct v1_address *address, uint32_t *ret_type,
                        uint32_t *ret_port);
V1_IMPORT(sock_send_to)
int32_t v1_send_to(int32_t fd, const struct v1_span *spans, uint32_t count,
                   const struct v1_address *address, uint32_t port, uint32_t flags,
                   uint32_t *ret_len);
V1_IMPORT(sock_recv_from)
int32_t v1_recv_from(int32_t fd, const struct v1_span *spans, uint32_t count,
                     struct v1_address *address, uint32_t flags, uint32_t *ret_len,
                     uint32_t *ret_flags);
V1_IMPORT(sock_getaddrinfo)
int32_t v1_getaddrinfo(const char *node, uint32_t node_len, const char *service,
                       uint32_t service_len, const struct v1_addrinfo *hints,
                       struct v1_addrinfo **results, uint32_t max_count, uint32_t *ret_count);

#endif
