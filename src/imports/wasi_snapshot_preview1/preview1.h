/* The import module wasi_snapshot_preview1: a table per chapter, and what the chapters share. */
#ifndef HYTHE_IMPORTS_WASI_SNAPSHOT_PREVIEW1_PREVIEW1_H
#define HYTHE_IMPORTS_WASI_SNAPSHOT_PREVIEW1_PREVIEW1_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "engine/call.h"
#include "guest/guest.h"
#include "imports/wasi_snapshot_preview1/abi.h"

/* A run of rows; `count` of them. */
struct func_table {
    const struct host_func *rows;
    size_t count;
};

extern const struct func_table preview1_args;    /* args_*, environ_* */
extern const struct func_table preview1_clock;   /* clock_* */
extern const struct func_table preview1_fd;      /* fd_*: reading, writing, seeking, flags */
extern const struct func_table preview1_file;    /* fd_filestat_*, fd_allocate, fd_readdir, ... */
extern const struct func_table preview1_path;    /* path_* */
extern const struct func_table preview1_poll;    /* poll_oneoff, epoll_oneoff */
extern const struct func_table preview1_process; /* proc_*, sched_yield, random_get */
extern const struct func_table preview1_sock;    /* sock_accept (3), recv, send, shutdown */

static inline struct guest *call_guest(const struct call *call)
{
    return call->guest;
}

/* Borrow the descriptor a guest's number stands for, or NULL. */
static inline struct descriptor *call_descriptor(const struct call *call, unsigned index)
{
    return fd_table_get(&call_guest(call)->fds, call_u32(call, index));
}

/* Borrow the file that argument 0 stands for: what has an offset and a size, or might. 0, -EBADF for
 * nothing or a directory (as with Wasmtime), or -ESPIPE for a socket. In file.c. */
struct guest_file;
int call_file(const struct call *call, struct guest_file **ret_file);

/* Guest buffers as host ones, valid until the host function returns or waits. */
struct call_iovs {
    struct iovec iov[WASI_IOVEC_MAX];
    int count;
    uint64_t len; /* bytes in all */
};

/* Translate `count` iovecs at `address`, checking each range. 0, -EFAULT, or -EINVAL for more than
 * WASI_IOVEC_MAX or more than 4 GiB in all. */
int call_iovs(const struct call *call, uint32_t address, uint32_t count,
              struct call_iovs *ret_iovs);

/* Drop `done` bytes, at most `len`, from the front: earlier steps of the call have moved them. */
void call_iovs_skip(struct call_iovs *iovs, uint64_t done);

/* Wait for `d` to become ready in `direction`, at most `timeout_ns` from the first wait of this
 * call on (UINT64_MAX: for ever). Returns CALL_WAIT, or a WASI errno when it cannot wait. Call
 * from begin; from finish use call_wait_again. */
int32_t call_wait_ready(struct call *call, struct descriptor *d, unsigned direction,
                        uint64_t timeout_ns);

/* From finish, when the thing still is not ready: wait on, or WASI_EAGAIN after the timeout. */
int32_t call_wait_again(struct call *call, struct descriptor *d, unsigned direction);

#endif
