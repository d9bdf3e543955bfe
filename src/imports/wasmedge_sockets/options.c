/* sock_getsockopt and sock_setsockopt: one level, fifteen names with numbers of their own.
 *
 * Timeouts are not the kernel's here, whose sockets never block: they bound the guest's wait. Of
 * SO_LINGER the kernel is told only "on, 0 seconds", which resets the connection at close; any
 * other would make close wait, and with it the loop. */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>

#include "base/container.h"
#include "base/num.h"
#include "imports/wasmedge_sockets/wasmedge.h"

enum {
    LEVEL_SOCKET = 0,

    OPTION_REUSEADDR = 0,
    OPTION_TYPE = 1,
    OPTION_ERROR = 2,
    OPTION_LINGER = 9,
    OPTION_RCVTIMEO = 11,
    OPTION_SNDTIMEO = 12,
    OPTION_BINDTODEVICE = 14,

    INT_SIZE = 4,
    LINGER_SIZE = 8,   /* i32 on, i32 seconds */
    TIMEVAL_SIZE = 16, /* i64 seconds, i64 microseconds */

    /* Go passes the length itself where all others pass the address of a u32 that holds it; no
     * toolchain puts a live variable below this address. */
    LITERAL_LENGTH_MAX = 63,
};

/* The options that are an int here and for the kernel; -1: not of this kind. */
static const int int_options[] = {
    [OPTION_REUSEADDR] = SO_REUSEADDR,
    [OPTION_TYPE] = -1,
    [OPTION_ERROR] = -1,
    [3] = SO_DONTROUTE,
    [4] = SO_BROADCAST,
    [5] = SO_SNDBUF,
    [6] = SO_RCVBUF,
    [7] = SO_KEEPALIVE,
    [8] = SO_OOBINLINE,
    [OPTION_LINGER] = -1,
    [10] = SO_RCVLOWAT,
    [OPTION_RCVTIMEO] = -1,
    [OPTION_SNDTIMEO] = -1,
    [13] = SO_ACCEPTCONN,
};

static int int_option(uint32_t name)
{
    return name < ARRAY_COUNT(int_options) ? int_options[name] : -1;
}

/* -- values ----------------------------------------------------------------------------------- */

static uint64_t *timeout_of(struct guest_socket *s, uint32_t name)
{
    return name == OPTION_RCVTIMEO ? &s->recv_timeout_ns : &s->send_timeout_ns;
}

static void get_timeout(uint64_t timeout_ns, uint8_t *value)
{
    uint64_t ns = timeout_ns == UINT64_MAX ? 0 : timeout_ns; /* the kernel's "none" is 0, too */
    store_u64(value, ns / 1000000000U);
    store_u64(value + 8, ns % 1000000000U / 1000U);
}

static int set_timeout(uint64_t *timeout_ns, const uint8_t *value)
{
    uint64_t seconds = load_u64(value);
    uint64_t us = load_u64(value + 8);
    if (us >= 1000000) {
        return -EDOM;
    }
    if (seconds > INT64_MAX) {
        seconds = 0; /* as Linux: a negative time does not wait */
        us = 0;
    } else if (seconds == 0 && us == 0) {
        *timeout_ns = UINT64_MAX;
        return 0;
    }
    uint64_t ns = seconds > UINT64_MAX / 1000000000U ? UINT64_MAX : seconds * 1000000000U;
    *timeout_ns = num_add_sat(ns, us * 1000U);
    return 0;
}

static int set_linger(struct guest_socket *s, const uint8_t *value)
{
    uint32_t seconds = load_u32(value + 4);
    bool has_linger = load_u32(value) != 0;
    const struct linger linger = {.l_onoff = has_linger && seconds == 0};
    if (setsockopt(s->base.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0) {
        return -errno;
    }
    s->has_linger = has_linger;
    s->linger_seconds = seconds > UINT16_MAX ? UINT16_MAX : (uint16_t)seconds;
    return 0;
}

static int get_int(const struct guest_socket *s, int option, int *ret_value)
{
    socklen_t len = sizeof *ret_value;
    return getsockopt(s->base.fd, SOL_SOCKET, option, ret_value, &len) < 0 ? -errno : 0;
}

static int set_int(struct guest_socket *s, uint32_t name, const uint8_t *raw)
{
    int value = (int)load_u32(raw);
    if (setsockopt(s->base.fd, SOL_SOCKET, int_option(name), &value, sizeof value) < 0) {
        return -errno;
    }
    if (name == OPTION_REUSEADDR) {
        s->has_reuse_address = value != 0;
    }
    return 0;
}

static int check_device(struct guest_socket *s)
{
    struct guest *guest = s->base.guest;
    if (guest->policy.allow_all) {
        return 0;
    }
    return guest_refuse(guest, "bind a socket to a network interface; to allow it: --net");
}

/* -- getsockopt ------------------------------------------------------------------------------- */

/* The value as the guest sees it. Returns its size or a negative errno. */
static int get_value(struct guest_socket *s, uint32_t name, uint8_t *value)
{
    int number = 0;
    int r = 0;
    if (int_option(name) >= 0) {
        r = get_int(s, int_option(name), &number);
    } else if (name == OPTION_TYPE) {
        number = s->type == SOCK_DGRAM ? WASMEDGE_TYPE_DGRAM : WASMEDGE_TYPE_STREAM;
    } else if (name == OPTION_ERROR) {
        number = wasi_errno_from(guest_socket_take_error(s));
    } else if (name == OPTION_LINGER) {
        store_u32(value, s->has_linger);
        store_u32(value + 4, s->linger_seconds);
        return LINGER_SIZE;
    } else if (name == OPTION_RCVTIMEO || name == OPTION_SNDTIMEO) {
        get_timeout(*timeout_of(s, name), value);
        return TIMEVAL_SIZE;
    } else if (name == OPTION_BINDTODEVICE) {
        socklen_t len = IFNAMSIZ;
        r = getsockopt(s->base.fd, SOL_SOCKET, SO_BINDTODEVICE, value, &len) < 0 ? -errno : 0;
        return r < 0 ? r : (int)len;
    } else {
        return -EINVAL;
    }
    store_u32(value, (uint32_t)number);
    return r < 0 ? r : INT_SIZE;
}

static int32_t sock_getsockopt(struct call *call)
{
    struct guest_socket *s = NULL;
    uint32_t address = call_u32(call, 3);
    uint32_t len_arg = call_u32(call, 4);
    uint32_t len = len_arg;
    bool is_literal = len_arg <= LITERAL_LENGTH_MAX;
    int r = sock_get(call, 0, &s);
    if (r == 0 && call_u32(call, 1) != LEVEL_SOCKET) {
        r = -EINVAL;
    }
    if (r == 0 && !is_literal) {
        r = call_read_u32(call, len_arg, &len);
    }
    if (r < 0) {
        return wasi_errno_from(r);
    }
    _Static_assert(IFNAMSIZ <= TIMEVAL_SIZE, "the longest value");
    uint8_t value[TIMEVAL_SIZE] = {0};
    if (len == 0) {
        return WASI_EINVAL;
    }
    /* The check comes first: SO_ERROR is gone once it has been read. */
    len = len > sizeof value ? (uint32_t)sizeof value : len;
    if (!call_in_memory(call, address, len)) {
        return WASI_EFAULT;
    }
    r = get_value(s, call_u32(call, 2), value);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    len = len > (uint32_t)r ? (uint32_t)r : len;
    r = call_write(call, address, value, len);
    if (r == 0 && !is_literal) {
        r = call_write_u32(call, len_arg, len);
    }
    return wasi_errno_from(r);
}

/* -- setsockopt ------------------------------------------------------------------------------- */

/* What a value must have; 0 for an option that does not exist. */
static uint32_t size_of(uint32_t name)
{
    switch (name) {
    case OPTION_LINGER:
        return LINGER_SIZE;
    case OPTION_RCVTIMEO:
    case OPTION_SNDTIMEO:
        return TIMEVAL_SIZE;
    default:
        return name < ARRAY_COUNT(int_options) ? INT_SIZE : 0;
    }
}

static int set_device(const struct call *call, struct guest_socket *s)
{
    char name[IFNAMSIZ] = {0};
    uint32_t len = call_u32(call, 4);
    if (len >= sizeof name) {
        return -EINVAL;
    }
    int r = call_read(call, call_u32(call, 3), name, len);
    if (r == 0) {
        r = check_device(s);
    }
    if (r < 0) {
        return r;
    }
    return setsockopt(s->base.fd, SOL_SOCKET, SO_BINDTODEVICE, name, len) < 0 ? -errno : 0;
}

static int set_value(struct guest_socket *s, uint32_t name, const uint8_t *value)
{
    switch (name) {
    case OPTION_TYPE:
    case OPTION_ERROR:
        return -ENOPROTOOPT;
    case OPTION_LINGER:
        return set_linger(s, value);
    case OPTION_RCVTIMEO:
    case OPTION_SNDTIMEO:
        return set_timeout(timeout_of(s, name), value);
    default:
        return set_int(s, name, value);
    }
}

static int32_t sock_setsockopt(struct call *call)
{
    struct guest_socket *s = NULL;
    uint32_t name = call_u32(call, 2);
    uint8_t value[TIMEVAL_SIZE] = {0};
    int r = sock_get(call, 0, &s);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    if (call_u32(call, 1) != LEVEL_SOCKET) {
        return WASI_EINVAL; /* PHP's library passes its host's numbers and ignores the answer */
    }
    if (name == OPTION_BINDTODEVICE) {
        return wasi_errno_from(set_device(call, s));
    }
    uint32_t size = size_of(name);
    if (size == 0 || call_u32(call, 4) < size) {
        return WASI_EINVAL;
    }
    r = call_read(call, call_u32(call, 3), value, size);
    return wasi_errno_from(r < 0 ? r : set_value(s, name, value));
}

static const struct host_func rows[] = {
    {"sock_getsockopt", "iiiii", "i", "fd level name ret_value ret_len", sock_getsockopt, NULL},
    {"sock_setsockopt", "iiiii", "i", "fd level name value value_len", sock_setsockopt, NULL},
};

const struct func_table wasmedge_options = {rows, ARRAY_COUNT(rows)};
