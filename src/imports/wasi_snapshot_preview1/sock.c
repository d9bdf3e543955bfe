/* preview1's four socket functions. See sock.h.
 *
 * Happy path of a receive that blocks:
 *   1. every address the guest gave is checked, so that no byte is taken in vain
 *   2. the socket has nothing: the guest is parked for LOOP_READ
 *   3. finish starts again from 1; memory may have moved
 *
 * A blocking send of a stream, and a receive with WAITALL, go on until all is done: wait.value
 * counts the bytes over the waits. An error or a timeout behind the first byte gives the guest the
 * bytes; the error comes out of its next call. WAITALL changes nothing for a socket that may not
 * block, for datagrams, and together with PEEK. */
#include "imports/wasi_snapshot_preview1/sock.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"

int sock_get(const struct call *call, unsigned index, struct guest_socket **ret_socket)
{
    struct descriptor *d = call_descriptor(call, index);
    struct guest_socket *s = guest_socket_of(d);
    if (s == NULL) {
        return d == NULL ? -EBADF : -ENOTSOCK;
    }
    *ret_socket = s;
    return 0;
}

static bool may_block(const struct guest_socket *s)
{
    return (s->base.fdflags & FDFLAG_NONBLOCK) == 0;
}

int32_t sock_wait(struct call *call, struct guest_socket *s, unsigned direction, bool is_first)
{
    if (!may_block(s)) {
        return WASI_EAGAIN;
    }
    if (!is_first) {
        return call_wait_again(call, &s->base, direction);
    }
    uint64_t timeout_ns = direction == LOOP_READ ? s->recv_timeout_ns : s->send_timeout_ns;
    return call_wait_ready(call, &s->base, direction, timeout_ns);
}

int32_t sock_insert(struct call *call, struct guest_socket *s, uint32_t address)
{
    uint32_t fd = 0;
    int r = fd_table_insert(&call_guest(call)->fds, &s->base, SOCK_FIRST_FD, &fd);
    if (r < 0) {
        descriptor_unref(&s->base);
        return wasi_errno_from(r);
    }
    return wasi_errno_from(call_write_u32(call, address, fd));
}

/* -- accept ----------------------------------------------------------------------------------- */

int32_t sock_accept_once(struct call *call, uint16_t fdflags, unsigned ret_fd_index, bool is_first)
{
    struct guest_socket *s = NULL;
    int r = sock_get(call, 0, &s);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    uint32_t ret_fd = call_u32(call, ret_fd_index);
    if (!call_in_memory(call, ret_fd, sizeof(uint32_t))) {
        return WASI_EFAULT;
    }
    struct guest_socket *connection = NULL;
    r = guest_socket_accept(s, &connection);
    if (r == -EAGAIN) {
        return sock_wait(call, s, LOOP_READ, is_first);
    }
    if (r < 0) {
        return wasi_errno_from(r);
    }
    connection->base.fdflags = fdflags;
    return sock_insert(call, connection, ret_fd);
}

/* In builds of 2021 the second parameter is a port, which can be no set of flags. */
static uint16_t accept_flags(const struct call *call)
{
    uint32_t flags = call_u32(call, 1);
    return flags <= FDFLAG_ALL ? (uint16_t)(flags & FDFLAG_NONBLOCK) : 0;
}

int32_t sock_accept_begin(struct call *call)
{
    return sock_accept_once(call, accept_flags(call), 2, /* is_first */ true);
}

int32_t sock_accept_finish(struct call *call)
{
    return sock_accept_once(call, accept_flags(call), 2, /* is_first */ false);
}

/* -- the steps of receiving and sending ------------------------------------------------------- */

static int get_iovs(const struct call *call, struct call_iovs *ret_iovs)
{
    int r = call_iovs(call, call_u32(call, 1), call_u32(call, 2), ret_iovs);
    uint32_t done = call_guest(call)->wait.value;
    if (r == 0 && done > 0) {
        call_iovs_skip(ret_iovs, done);
    }
    return r;
}

/* How a call that moves bytes in steps goes on after one of them. */
enum step { STEP_DONE, STEP_AGAIN, STEP_WAIT, STEP_FAILED };

static enum step after_step(struct guest *guest, struct guest_socket *s, int64_t moved,
                            struct call_iovs *iovs, bool wants_all)
{
    if (moved == -EAGAIN) {
        return STEP_WAIT;
    }
    if (moved < 0 && guest->wait.value > 0) {
        s->pending_error = (int)moved;
        return STEP_DONE;
    }
    if (moved < 0) {
        return STEP_FAILED;
    }
    guest->wait.value += (uint32_t)moved;
    if (!wants_all || moved == 0 || (uint64_t)moved == iovs->len) {
        return STEP_DONE;
    }
    call_iovs_skip(iovs, (uint64_t)moved);
    return STEP_AGAIN;
}

/* The guest is parked or, when it may not wait (any longer), gets what there is. */
static int32_t wait_or_end(struct call *call, struct guest_socket *s, unsigned direction,
                           bool is_first)
{
    int32_t answer = sock_wait(call, s, direction, is_first);
    return answer == WASI_EAGAIN && call_guest(call)->wait.value > 0 ? WASI_ESUCCESS : answer;
}

/* The count of done bytes begins with the call; the socket is looked up anew after each wait. */
static int begin_step(struct call *call, bool is_first, struct guest_socket **ret_socket)
{
    if (is_first) {
        call_guest(call)->wait.value = 0;
    }
    return sock_get(call, 0, ret_socket);
}

static int receive_check(const struct call *call, const struct sock_receive_args *args,
                         int *ret_flags)
{
    uint32_t flags = call_u32(call, args->flags);
    if ((flags & ~(uint32_t)(WASI_RI_PEEK | WASI_RI_WAITALL)) != 0) {
        return -EINVAL;
    }
    if (!call_in_memory(call, call_u32(call, args->ret_len), sizeof(uint32_t)) ||
        !call_in_memory(call, call_u32(call, args->ret_flags), sizeof(uint16_t))) {
        return -EFAULT;
    }
    *ret_flags = ((flags & WASI_RI_PEEK) != 0 ? MSG_PEEK : 0) |
                 ((flags & WASI_RI_WAITALL) != 0 ? MSG_WAITALL : 0);
    return 0;
}

static int32_t receive_end(struct call *call, const struct sock_receive_args *args,
                           bool is_truncated)
{
    /* Both were checked before anything was received. */
    (void)call_write_u32(call, call_u32(call, args->ret_len), call_guest(call)->wait.value);
    (void)call_write_u16(call, call_u32(call, args->ret_flags),
                         is_truncated ? WASI_RO_TRUNCATED : 0);
    return WASI_ESUCCESS;
}

int32_t sock_receive(struct call *call, const struct sock_receive_args *args, bool is_first)
{
    struct guest *guest = call_guest(call);
    struct guest_socket *s = NULL;
    struct call_iovs iovs;
    int flags = 0;
    int r = begin_step(call, is_first, &s);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    r = receive_check(call, args, &flags);
    if (r == 0) {
        r = get_iovs(call, &iovs);
    }
    if (r < 0) {
        return wasi_errno_from(r);
    }
    bool wants_all =
        (flags & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL && s->type == SOCK_STREAM && may_block(s);
    bool is_truncated = false;
    int64_t got;
    enum step step;
    do {
        got = args->receive(call, s, &iovs, flags, &is_truncated);
        step = after_step(guest, s, got, &iovs, wants_all);
    } while (step == STEP_AGAIN);
    int32_t answer = step == STEP_WAIT ? wait_or_end(call, s, LOOP_READ, is_first)
                                       : wasi_errno_from(step == STEP_FAILED ? got : 0);
    return answer == WASI_ESUCCESS ? receive_end(call, args, is_truncated) : answer;
}

static int send_check(const struct call *call, const struct sock_send_args *args)
{
    if (call_u32(call, args->flags) != 0) {
        return -EINVAL;
    }
    return call_in_memory(call, call_u32(call, args->ret_len), sizeof(uint32_t)) ? 0 : -EFAULT;
}

int32_t sock_send(struct call *call, const struct sock_send_args *args, bool is_first)
{
    struct guest *guest = call_guest(call);
    struct guest_socket *s = NULL;
    struct call_iovs iovs;
    int r = begin_step(call, is_first, &s);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    r = send_check(call, args);
    if (r == 0) {
        r = get_iovs(call, &iovs);
    }
    if (r < 0) {
        return wasi_errno_from(r);
    }
    bool wants_all = s->type == SOCK_STREAM && may_block(s);
    int64_t sent;
    enum step step;
    do {
        sent = args->send(call, s, &iovs);
        step = after_step(guest, s, sent, &iovs, wants_all);
    } while (step == STEP_AGAIN);
    int32_t answer = step == STEP_WAIT ? wait_or_end(call, s, LOOP_WRITE, is_first)
                                       : wasi_errno_from(step == STEP_FAILED ? sent : 0);
    if (answer != WASI_ESUCCESS) {
        return answer;
    }
    return wasi_errno_from(call_write_u32(call, call_u32(call, args->ret_len), guest->wait.value));
}

/* -- recv, send, shutdown --------------------------------------------------------------------- */

static int64_t receive(struct call *call, struct guest_socket *s, const struct call_iovs *iovs,
                       int flags, bool *ret_is_truncated)
{
    (void)call; /* nothing but the bytes goes back */
    return guest_socket_recv(s, iovs->iov, iovs->count, flags, ret_is_truncated);
}

static const struct sock_receive_args recv_args = {receive, 3, 4, 5};

int32_t sock_recv_begin(struct call *call)
{
    return sock_receive(call, &recv_args, /* is_first */ true);
}

int32_t sock_recv_finish(struct call *call)
{
    return sock_receive(call, &recv_args, /* is_first */ false);
}

static int64_t send_step(struct call *call, struct guest_socket *s, const struct call_iovs *iovs)
{
    (void)call; /* there is no address to read */
    return guest_socket_send(s, iovs->iov, iovs->count);
}

static const struct sock_send_args send_args = {send_step, 3, 4};

int32_t sock_send_begin(struct call *call)
{
    return sock_send(call, &send_args, /* is_first */ true);
}

int32_t sock_send_finish(struct call *call)
{
    return sock_send(call, &send_args, /* is_first */ false);
}

static int32_t sock_shutdown(struct call *call)
{
    static const int hows[] = {
        [WASI_SD_RD] = SHUT_RD, [WASI_SD_WR] = SHUT_WR, [WASI_SD_RD | WASI_SD_WR] = SHUT_RDWR};
    struct guest_socket *s = NULL;
    int r = sock_get(call, 0, &s);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    uint32_t how = call_u32(call, 1);
    if (how == 0 || how >= ARRAY_COUNT(hows)) {
        return WASI_EINVAL;
    }
    return wasi_errno_from(guest_socket_shutdown(s, hows[how]));
}

static const struct host_func rows[] = {
    {"sock_accept", "iii", "i", "fd flags ret_fd", sock_accept_begin, sock_accept_finish},
    {"sock_recv", "iiiiii", "i", "fd iovs iovs_len ri_flags ret_datalen ret_flags", sock_recv_begin,
     sock_recv_finish},
    {"sock_send", "iiiii", "i", "fd iovs iovs_len si_flags ret_datalen", sock_send_begin,
     sock_send_finish},
    {"sock_shutdown", "ii", "i", "fd how", sock_shutdown, NULL},
};

const struct func_table preview1_sock = {rows, ARRAY_COUNT(rows)};
