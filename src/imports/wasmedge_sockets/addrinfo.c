/* sock_getaddrinfo.
 *
 * The guest builds a chain of addrinfo structures beforehand, each with a sockaddr, a buffer for
 * its data and one for a canonical name; the host fills in as many as there are results:
 *   1. begin reads and checks names and hints, asks the policy, starts the look-up, waits
 *   2. finish walks the chain, at most max_res_len long, checking every pointer in it
 *
 * The lengths in the chain cannot be trusted to tell the room: Rust's library says 14 and has 26,
 * C's says 0. No more than what all of them have is ever written. */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "guest/resolve.h"
#include "imports/wasmedge_sockets/wasmedge.h"

enum {
    ADDRINFO_SIZE = 28,
    ADDRINFO_FLAGS = 0,          /* u16 */
    ADDRINFO_FAMILY = 2,         /* u8 */
    ADDRINFO_SOCKTYPE = 3,       /* u8 */
    ADDRINFO_PROTOCOL = 4,       /* u8; C and Go write a u32 */
    ADDRINFO_ADDRLEN = 8,        /* u32 */
    ADDRINFO_ADDR = 12,          /* address of a sockaddr */
    ADDRINFO_CANONNAME = 16,     /* address */
    ADDRINFO_CANONNAME_LEN = 20, /* u32 */
    ADDRINFO_NEXT = 24,          /* address, 0 at the end */

    SOCKADDR_SIZE = 12,
    SOCKADDR_FAMILY = 0,   /* u8 */
    SOCKADDR_DATA_LEN = 4, /* u32 */
    SOCKADDR_DATA = 8,     /* address */

    SA_DATA_PORT = 0, /* big-endian */
    SA_DATA_V4 = 2,
    SA_DATA_V4_SIZE = 14,
    SA_DATA_V6 = 6, /* behind flowinfo; Go reads it at 2 */
    SA_DATA_V6_GO = 2,
    SA_DATA_V6_SIZE = 26,

    CANONNAME_MAX = 30, /* with its NUL; what Rust's library has room for */
    NODE_MAX = 255,
    SERVICE_MAX = 32,

    FLAG_PASSIVE = 1,
    FLAG_CANONNAME = 2,
    FLAG_NUMERICHOST = 4,
    FLAG_NUMERICSERV = 8,
    FLAG_ALL_KNOWN = 127, /* V4MAPPED, ALL and ADDRCONFIG change nothing */
};

/* Parameters by number. */
enum { NODE, NODE_LEN, SERVICE, SERVICE_LEN, HINTS, RET_HEAD, MAX_COUNT, RET_COUNT };

static int32_t errno_from_eai(int error)
{
    switch (error) {
    case 0:
        return WASI_ESUCCESS;
    case EAI_ADDRFAMILY:
        return WASI_EAIADDRFAMILY;
    case EAI_AGAIN:
        return WASI_EAIAGAIN;
    case EAI_BADFLAGS:
        return WASI_EAIBADFLAG;
    case EAI_FAMILY:
        return WASI_EAIFAMILY;
    case EAI_MEMORY:
        return WASI_EAIMEMORY;
    case EAI_NODATA:
        return WASI_EAINODATA;
    case EAI_NONAME:
        return WASI_EAINONAME;
    case EAI_SERVICE:
        return WASI_EAISERVICE;
    case EAI_SOCKTYPE:
        return WASI_EAISOCKTYPE;
    case EAI_SYSTEM:
        return WASI_EAISYSTEM;
    default:
        return WASI_EAIFAIL;
    }
}

/* -- what the guest asks ---------------------------------------------------------------------- */

/* Copy a string whose length may count its NUL. Empty counts as absent: *ret_text is NULL. */
static int32_t read_text(const struct call *call, unsigned index, char *buffer, uint32_t size,
                         const char **ret_text)
{
    struct span text;
    *ret_text = NULL;
    if (call_u32(call, index + 1) == 0) {
        return WASI_ESUCCESS;
    }
    if (call_span(call, call_u32(call, index), call_u32(call, index + 1), &text) < 0) {
        return WASI_EFAULT;
    }
    size_t len = strnlen((const char *)text.data, text.len);
    if (len >= size) {
        return index == NODE ? WASI_EAINONAME : WASI_EAISERVICE;
    }
    memcpy(buffer, text.data, len);
    buffer[len] = '\0';
    *ret_text = len > 0 ? buffer : NULL;
    return WASI_ESUCCESS;
}

static int host_flags(uint16_t flags)
{
    return ((flags & FLAG_PASSIVE) != 0 ? AI_PASSIVE : 0) |
           ((flags & FLAG_CANONNAME) != 0 ? AI_CANONNAME : 0) |
           ((flags & FLAG_NUMERICHOST) != 0 ? AI_NUMERICHOST : 0) |
           ((flags & FLAG_NUMERICSERV) != 0 ? AI_NUMERICSERV : 0);
}

static int32_t read_hints(const struct call *call, struct addrinfo *ret_hints)
{
    static const int families[] = {[WASMEDGE_FAMILY_UNSPEC] = AF_UNSPEC,
                                   [WASMEDGE_FAMILY_INET4] = AF_INET,
                                   [WASMEDGE_FAMILY_INET6] = AF_INET6};
    static const int types[] = {[WASMEDGE_TYPE_ANY] = 0,
                                [WASMEDGE_TYPE_DGRAM] = SOCK_DGRAM,
                                [WASMEDGE_TYPE_STREAM] = SOCK_STREAM};
    uint8_t raw[ADDRINFO_SIZE];
    *ret_hints = (struct addrinfo){.ai_family = AF_UNSPEC};
    if (call_u32(call, HINTS) == 0) {
        return WASI_ESUCCESS;
    }
    if (call_read(call, call_u32(call, HINTS), raw, sizeof raw) < 0) {
        return WASI_EFAULT;
    }
    uint16_t flags = load_u16(raw + ADDRINFO_FLAGS);
    if ((flags & ~FLAG_ALL_KNOWN) != 0) {
        return WASI_EAIBADFLAG;
    }
    if (raw[ADDRINFO_FAMILY] >= ARRAY_COUNT(families)) {
        return WASI_EAIFAMILY;
    }
    if (raw[ADDRINFO_SOCKTYPE] >= ARRAY_COUNT(types) ||
        raw[ADDRINFO_PROTOCOL] > WASMEDGE_PROTOCOL_UDP) {
        return WASI_ENOSYS;
    }
    ret_hints->ai_flags = host_flags(flags);
    ret_hints->ai_family = families[raw[ADDRINFO_FAMILY]];
    ret_hints->ai_socktype = types[raw[ADDRINFO_SOCKTYPE]];
    if (ret_hints->ai_socktype == 0 && raw[ADDRINFO_PROTOCOL] == WASMEDGE_PROTOCOL_UDP) {
        ret_hints->ai_socktype = SOCK_DGRAM;
    }
    return WASI_ESUCCESS;
}

/* -- what it gets ----------------------------------------------------------------------------- */

static uint32_t make_data(const struct call *call, const struct net_address *address,
                          uint8_t data[SA_DATA_V6_SIZE])
{
    uint16_t port = net_address_port(address);
    memset(data, 0, SA_DATA_V6_SIZE);
    data[SA_DATA_PORT] = (uint8_t)(port >> 8);
    data[SA_DATA_PORT + 1] = (uint8_t)port;
    if (address->u.any.sa_family == AF_INET) {
        memcpy(data + SA_DATA_V4, &address->u.v4.sin_addr, 4);
        return SA_DATA_V4_SIZE;
    }
    bool is_go = (call_guest(call)->dialect_flags & DIALECT_V6_AT_2) != 0;
    memcpy(data + (is_go ? SA_DATA_V6_GO : SA_DATA_V6), &address->u.v6.sin6_addr, 16);
    return SA_DATA_V6_SIZE;
}

static int write_sockaddr(struct call *call, uint32_t at, const struct net_address *address)
{
    uint8_t raw[SOCKADDR_SIZE];
    uint8_t data[SA_DATA_V6_SIZE];
    if (at == 0) {
        return 0; /* the guest has no room for it */
    }
    int r = call_read(call, at, raw, sizeof raw);
    if (r < 0) {
        return r;
    }
    uint32_t len = make_data(call, address, data);
    bool is_v4 = address->u.any.sa_family == AF_INET;
    raw[SOCKADDR_FAMILY] = is_v4 ? WASMEDGE_FAMILY_INET4 : WASMEDGE_FAMILY_INET6;
    store_u32(raw + SOCKADDR_DATA_LEN, len);
    uint32_t data_at = load_u32(raw + SOCKADDR_DATA);
    if (data_at != 0) {
        r = call_write(call, data_at, data, len);
    }
    return r < 0 ? r : call_write(call, at, raw, sizeof raw);
}

/* As much of the name as there is room for; the length stored is without the NUL. */
static int write_canonical(struct call *call, uint8_t *raw, const char *canonical)
{
    uint32_t at = load_u32(raw + ADDRINFO_CANONNAME);
    uint32_t room = load_u32(raw + ADDRINFO_CANONNAME_LEN);
    if (at == 0 || canonical == NULL) {
        return 0;
    }
    if (room == 0 || room > CANONNAME_MAX) {
        room = CANONNAME_MAX;
    }
    char name[CANONNAME_MAX] = {0};
    size_t len = strnlen(canonical, room - 1);
    memcpy(name, canonical, len);
    store_u32(raw + ADDRINFO_CANONNAME_LEN, (uint32_t)len);
    return call_write(call, at, name, (uint32_t)len + 1);
}

struct result {
    const struct net_address *address;
    const char *canonical; /* NULL but for the first, and only when it was asked for */
    const struct addrinfo *hints;
    uint16_t flags; /* as the guest's hints have them */
};

static int write_result(struct call *call, uint32_t at, const struct result *result,
                        uint32_t *ret_next)
{
    uint8_t raw[ADDRINFO_SIZE];
    int r = call_read(call, at, raw, sizeof raw);
    if (r < 0) {
        return r;
    }
    bool is_v4 = result->address->u.any.sa_family == AF_INET;
    bool is_datagram = result->hints->ai_socktype == SOCK_DGRAM;
    store_u16(raw + ADDRINFO_FLAGS, result->flags);
    raw[ADDRINFO_FAMILY] = is_v4 ? WASMEDGE_FAMILY_INET4 : WASMEDGE_FAMILY_INET6;
    raw[ADDRINFO_SOCKTYPE] = is_datagram ? WASMEDGE_TYPE_DGRAM : WASMEDGE_TYPE_STREAM;
    store_u32(raw + ADDRINFO_PROTOCOL, is_datagram ? WASMEDGE_PROTOCOL_UDP : WASMEDGE_PROTOCOL_TCP);
    store_u32(raw + ADDRINFO_ADDRLEN, result->address->len);
    *ret_next = load_u32(raw + ADDRINFO_NEXT);
    r = write_sockaddr(call, load_u32(raw + ADDRINFO_ADDR), result->address);
    if (r == 0) {
        r = write_canonical(call, raw, result->canonical);
    }
    return r < 0 ? r : call_write(call, at, raw, sizeof raw);
}

static int write_results(struct call *call, const struct guest_addresses *answer,
                         const struct addrinfo *hints)
{
    uint32_t at = 0;
    int r = call_read_u32(call, call_u32(call, RET_HEAD), &at);
    uint16_t flags = 0;
    uint8_t raw[2];
    if (r == 0 && call_u32(call, HINTS) != 0) {
        r = call_read(call, call_u32(call, HINTS) + ADDRINFO_FLAGS, raw, sizeof raw);
        flags = r == 0 ? load_u16(raw) : 0;
    }
    uint32_t count = 0;
    while (r == 0 && at != 0 && count < call_u32(call, MAX_COUNT) && count < answer->count) {
        bool is_named = count == 0 && (flags & FLAG_CANONNAME) != 0;
        const struct result result = {
            .address = &answer->addresses[count],
            .canonical = is_named ? answer->canonical : NULL,
            .hints = hints,
            .flags = flags,
        };
        r = write_result(call, at, &result, &at);
        count++;
    }
    return r < 0 ? r : call_write_u32(call, call_u32(call, RET_COUNT), count);
}

/* -- the call --------------------------------------------------------------------------------- */

static int32_t wait_for_answer(struct call *call)
{
    struct guest *guest = call_guest(call);
    int r = guest_wait_begin(guest, UINT64_MAX); /* the resolver has its own timeouts */
    if (r < 0) {
        guest_resolve_end(guest);
        return wasi_errno_from(r);
    }
    return CALL_WAIT;
}

static int32_t getaddrinfo_begin(struct call *call)
{
    char node_buffer[NODE_MAX + 1];
    char service_buffer[SERVICE_MAX + 1];
    const char *node = NULL;
    const char *service = NULL;
    struct addrinfo hints;
    int32_t e = read_text(call, NODE, node_buffer, sizeof node_buffer, &node);
    if (e == WASI_ESUCCESS) {
        e = read_text(call, SERVICE, service_buffer, sizeof service_buffer, &service);
    }
    if (e == WASI_ESUCCESS && node == NULL && service == NULL) {
        e = WASI_EAINONAME;
    }
    if (e == WASI_ESUCCESS && call_u32(call, MAX_COUNT) < 1) {
        e = WASI_EAIMEMORY;
    }
    if (e == WASI_ESUCCESS) {
        e = read_hints(call, &hints);
    }
    if (e != WASI_ESUCCESS) {
        return e;
    }
    if (!call_in_memory(call, call_u32(call, RET_HEAD), sizeof(uint32_t)) ||
        !call_in_memory(call, call_u32(call, RET_COUNT), sizeof(uint32_t))) {
        return WASI_EFAULT;
    }
    int r = guest_resolve_begin(call_guest(call), node, service, &hints);
    return r < 0 ? wasi_errno_from(r) : wait_for_answer(call);
}

static int32_t getaddrinfo_finish(struct call *call)
{
    struct guest *guest = call_guest(call);
    const struct guest_addresses *answer = guest_resolve_answer(guest);
    if (answer == NULL) {
        return wait_for_answer(call);
    }
    struct addrinfo hints;
    int32_t e = errno_from_eai(answer->error);
    if (e == WASI_ESUCCESS) {
        e = read_hints(call, &hints);
    }
    if (e == WASI_ESUCCESS) {
        e = wasi_errno_from(write_results(call, answer, &hints));
    }
    guest_resolve_end(guest);
    return e;
}

static const struct host_func rows[] = {
    {"sock_getaddrinfo", "iiiiiiii", "i",
     "node node_len service service_len hints ret_results max_results ret_count", getaddrinfo_begin,
     getaddrinfo_finish},
};

const struct func_table wasmedge_addrinfo = {rows, ARRAY_COUNT(rows)};
