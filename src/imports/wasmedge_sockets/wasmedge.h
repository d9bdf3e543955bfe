/* WasmEdge's socket extension of wasi_snapshot_preview1, all generations of it: the plain names
 * with the types of V1 and V2, and V2's explicit names. facts: WasmEdge lib/host/wasi. */
#ifndef HYTHE_IMPORTS_WASMEDGE_SOCKETS_WASMEDGE_H
#define HYTHE_IMPORTS_WASMEDGE_SOCKETS_WASMEDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/call.h"
#include "guest/socket.h"
#include "imports/wasi_snapshot_preview1/preview1.h"
#include "imports/wasi_snapshot_preview1/sock.h"

extern const struct func_table wasmedge_lifecycle; /* open, bind, listen, accept, connect */
extern const struct func_table wasmedge_transfer;  /* recv_from, send_to, and _v2 names */
extern const struct func_table wasmedge_address;   /* getlocaladdr, getpeeraddr */
extern const struct func_table wasmedge_options;   /* getsockopt, setsockopt */
extern const struct func_table wasmedge_addrinfo;  /* getaddrinfo */

/* Enumerations of WasmEdge 0.10 and later. */
enum {
    WASMEDGE_FAMILY_UNSPEC = 0,
    WASMEDGE_FAMILY_INET4 = 1,
    WASMEDGE_FAMILY_INET6 = 2,
    WASMEDGE_FAMILY_UNIX = 3,
    WASMEDGE_TYPE_ANY = 0,
    WASMEDGE_TYPE_DGRAM = 1,
    WASMEDGE_TYPE_STREAM = 2,
    WASMEDGE_PROTOCOL_IP = 0,
    WASMEDGE_PROTOCOL_TCP = 1,
    WASMEDGE_PROTOCOL_UDP = 2,
};

/* WasiAddress: u32 address of a buffer, u32 length, which says what the buffer holds. */
enum {
    WASMEDGE_ADDRESS_SIZE = 8,
    WASMEDGE_ADDRESS_V4 = 4,        /* octets */
    WASMEDGE_ADDRESS_V6 = 16,       /* octets, or room for either kind */
    WASMEDGE_ADDRESS_STORAGE = 128, /* u16 family, then octets or a path with its NUL */
};

/* Where a guest's WasiAddress points. */
struct wasmedge_buffer {
    uint32_t address;
    uint32_t len;
};

/* Read a WasiAddress and check the range it describes. 0 or -EFAULT. */
int wasmedge_get_buffer(const struct call *call, uint32_t at, struct wasmedge_buffer *ret_buffer);

/* Does the length say something? 0 or -EINVAL. */
int wasmedge_check_form(const struct wasmedge_buffer *buffer);

/* Read the address that a WasiAddress at `at` describes. 0, -EFAULT, -EINVAL or -ENAMETOOLONG. */
int wasmedge_read_address(const struct call *call, uint32_t at, uint32_t port,
                          struct net_address *ret_address);

/* Write octets, at most as many as fit. 0, or -ENOMEM when the address is longer, -EAFNOSUPPORT
 * when it has none. */
int wasmedge_write_octets(struct call *call, const struct wasmedge_buffer *buffer,
                          const struct net_address *address);

/* Write in the form that the buffer's length asks for. As wasmedge_write_octets, or -EINVAL. */
int wasmedge_write_address(struct call *call, const struct wasmedge_buffer *buffer,
                           const struct net_address *address);

#endif
