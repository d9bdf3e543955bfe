/* What preview1's sock_* share with the socket dialects that extend them. */
#ifndef HYTHE_IMPORTS_WASI_SNAPSHOT_PREVIEW1_SOCK_H
#define HYTHE_IMPORTS_WASI_SNAPSHOT_PREVIEW1_SOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/call.h"
#include "guest/socket.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

enum { SOCK_FIRST_FD = 3 }; /* a new socket never becomes a standard stream */

/* Borrow the socket behind the guest's number. 0, -EBADF or -ENOTSOCK. */
int sock_get(const struct call *call, unsigned index, struct guest_socket **ret_socket);

/* Wait for `direction` if the descriptor may block: from begin when `is_first`, else from finish.
 * CALL_WAIT, or WASI_EAGAIN when it may not or when its timeout has passed. */
int32_t sock_wait(struct call *call, struct guest_socket *s, unsigned direction, bool is_first);

/* Give a new socket a number and store that at `address`, which has been checked. The socket is
 * taken over. Returns a WASI errno. */
int32_t sock_insert(struct call *call, struct guest_socket *s, uint32_t address);

/* sock_accept: the listener is parameter 0; `fdflags` for the new socket. */
int32_t sock_accept_once(struct call *call, uint16_t fdflags, unsigned ret_fd_index, bool is_first);

/* One step of a receive or send: the bytes from wait.value on, which counts what is done. */
typedef int64_t sock_receive_fn(struct call *call, struct guest_socket *s,
                                const struct call_iovs *iovs, int flags, bool *ret_is_truncated);
typedef int64_t sock_send_fn(struct call *call, struct guest_socket *s,
                             const struct call_iovs *iovs);

/* Which parameter holds what; 0 to 2 are the socket, the vectors and their number. */
struct sock_receive_args {
    sock_receive_fn *receive;
    uint8_t flags;
    uint8_t ret_len;
    uint8_t ret_flags;
};

struct sock_send_args {
    sock_send_fn *send;
    uint8_t flags;
    uint8_t ret_len;
};

int32_t sock_receive(struct call *call, const struct sock_receive_args *args, bool is_first);
int32_t sock_send(struct call *call, const struct sock_send_args *args, bool is_first);

/* The rows' own functions, for the names ending in _v2. */
call_fn sock_accept_begin, sock_accept_finish;
call_fn sock_recv_begin, sock_recv_finish;
call_fn sock_send_begin, sock_send_finish;

#endif
