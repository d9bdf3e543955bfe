/* Reading, writing, seeking and flags of open descriptors: fd_read, fd_write and their kin, and
 * what the table itself does (fd_close, fd_renumber, fd_prestat_*).
 *
 * Output addresses are checked before anything happens, so that no byte is read or written for a
 * call that then fails. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/container.h"
#include "guest/dir.h"
#include "guest/file.h"
#include "guest/socket.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

/* -- reading and writing ---------------------------------------------------------------------- */

/* How long a call may wait for `d`: sockets have timeouts of their own. */
static uint64_t timeout_of(struct descriptor *d, unsigned direction)
{
    const struct guest_socket *s = guest_socket_of(d);
    if (s == NULL) {
        return UINT64_MAX;
    }
    return direction == LOOP_READ ? s->recv_timeout_ns : s->send_timeout_ns;
}

/* A descriptor the kernel cannot wait for would never end a wait, whatever it says. */
static bool may_wait(const struct descriptor *d)
{
    return (d->fdflags & FDFLAG_NONBLOCK) == 0 && !d->always_ready;
}

static int32_t wait_or_end(struct call *call, struct descriptor *d, unsigned direction,
                           bool is_first)
{
    if (!may_wait(d)) {
        return WASI_EAGAIN;
    }
    return is_first ? call_wait_ready(call, d, direction, timeout_of(d, direction))
                    : call_wait_again(call, d, direction);
}

/* Find the descriptor and the buffers of a read or write, with everything checked. */
static int transfer_args(struct call *call, struct descriptor **ret_d, struct call_iovs *ret_iovs)
{
    *ret_d = call_descriptor(call, 0);
    if (*ret_d == NULL) {
        return -EBADF;
    }
    if (!call_in_memory(call, call_u32(call, 3), 4)) {
        return -EFAULT;
    }
    return call_iovs(call, call_u32(call, 1), call_u32(call, 2), ret_iovs);
}

static int32_t fd_read(struct call *call, bool is_first)
{
    struct descriptor *d = NULL;
    struct call_iovs iovs;
    int r = transfer_args(call, &d, &iovs);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    int64_t n = d->ops->read(d, iovs.iov, iovs.count);
    if (n == -EAGAIN) {
        return wait_or_end(call, d, LOOP_READ, is_first);
    }
    if (n >= 0) {
        (void)call_write_u32(call, call_u32(call, 3), (uint32_t)n); /* checked above */
    }
    return wasi_errno_from(n);
}

/* Write what is left, in one piece, or in as many as a descriptor takes that may be waited for: a
 * blocking write is whole, and guests rely on it. Gives the last piece's result. */
static int64_t write_rest(struct descriptor *d, struct call_iovs *iovs, uint32_t *done)
{
    int64_t n = 0;
    do {
        n = d->ops->write(d, iovs->iov, iovs->count);
        if (n > 0) {
            *done += (uint32_t)n;
            call_iovs_skip(iovs, (uint64_t)n);
        }
    } while (n > 0 && iovs->len > 0 && may_wait(d));
    return n;
}

/* wait.value counts the bytes that earlier steps have written. A failure behind some bytes gives
 * their number; the next call gets the errno. */
static int32_t fd_write(struct call *call, bool is_first)
{
    struct descriptor *d = NULL;
    struct call_iovs iovs;
    uint32_t *done = &call_guest(call)->wait.value;
    int r = transfer_args(call, &d, &iovs);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    if (is_first) {
        *done = 0;
    }
    call_iovs_skip(&iovs, *done);
    int64_t n = write_rest(d, &iovs, done);
    if (n == -EAGAIN) {
        int32_t answer = wait_or_end(call, d, LOOP_WRITE, is_first);
        if (answer != WASI_EAGAIN) {
            return answer;
        }
    }
    if (n < 0 && *done == 0) {
        return wasi_errno_from(n);
    }
    (void)call_write_u32(call, call_u32(call, 3), *done); /* checked above */
    return WASI_ESUCCESS;
}

static int32_t fd_read_begin(struct call *call)
{
    return fd_read(call, /* is_first */ true);
}

static int32_t fd_read_finish(struct call *call)
{
    return fd_read(call, /* is_first */ false);
}

static int32_t fd_write_begin(struct call *call)
{
    return fd_write(call, /* is_first */ true);
}

static int32_t fd_write_finish(struct call *call)
{
    return fd_write(call, /* is_first */ false);
}

typedef int64_t at_offset_fn(struct guest_file *f, const struct iovec *iov, int count,
                             uint64_t offset);

static int32_t transfer_at(struct call *call, at_offset_fn *transfer)
{
    struct guest_file *f = NULL;
    int r = call_file(call, &f);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    uint32_t ret_count = call_u32(call, 4);
    if (!call_in_memory(call, ret_count, 4)) {
        return WASI_EFAULT;
    }
    struct call_iovs iovs;
    r = call_iovs(call, call_u32(call, 1), call_u32(call, 2), &iovs);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    int64_t n = transfer(f, iovs.iov, iovs.count, call_u64(call, 3));
    if (n < 0) {
        return wasi_errno_from(n);
    }
    (void)call_write_u32(call, ret_count, (uint32_t)n); /* checked above */
    return WASI_ESUCCESS;
}

static int32_t fd_pread(struct call *call)
{
    return transfer_at(call, guest_file_pread);
}

static int32_t fd_pwrite(struct call *call)
{
    return transfer_at(call, guest_file_pwrite);
}

/* -- offsets ---------------------------------------------------------------------------------- */

static int32_t seek(struct call *call, int64_t offset, int whence, uint32_t ret_offset)
{
    struct guest_file *f = NULL;
    int r = call_file(call, &f);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    if (!call_in_memory(call, ret_offset, 8)) {
        return WASI_EFAULT;
    }
    uint64_t at = 0;
    r = guest_file_seek(f, offset, whence, &at);
    if (r == 0) {
        (void)call_write_u64(call, ret_offset, at); /* checked above */
    }
    return wasi_errno_from(r);
}

static int32_t fd_seek(struct call *call)
{
    static const int whences[] = {
        [WASI_WHENCE_SET] = SEEK_SET,
        [WASI_WHENCE_CUR] = SEEK_CUR,
        [WASI_WHENCE_END] = SEEK_END,
    };
    uint32_t whence = call_u32(call, 2);
    if (whence >= ARRAY_COUNT(whences)) {
        return WASI_EINVAL;
    }
    return seek(call, (int64_t)call_u64(call, 1), whences[whence], call_u32(call, 3));
}

static int32_t fd_tell(struct call *call)
{
    return seek(call, 0 /* offset */, SEEK_CUR, call_u32(call, 1));
}

/* -- flags and rights ------------------------------------------------------------------------- */

#define RIGHT(name) (UINT64_C(1) << WASI_RIGHT_##name)

/* Runs of rights by bit number: all from `first` to `last`. */
static uint64_t rights_between(unsigned first, unsigned last)
{
    assert(first <= last && last < 63);
    return ((UINT64_C(1) << (last + 1)) - 1) & ~((UINT64_C(1) << first) - 1);
}

static uint64_t dir_rights(void)
{
    uint64_t paths =
        rights_between(WASI_RIGHT_PATH_CREATE_DIRECTORY, WASI_RIGHT_PATH_FILESTAT_SET_TIMES) |
        rights_between(WASI_RIGHT_PATH_SYMLINK, WASI_RIGHT_PATH_UNLINK_FILE);
    return paths | RIGHT(FD_DATASYNC) | RIGHT(FD_SYNC) | RIGHT(FD_FDSTAT_SET_FLAGS) |
           RIGHT(FD_FILESTAT_GET) | RIGHT(FD_FILESTAT_SET_TIMES);
}

static uint64_t socket_rights(struct descriptor *d)
{
    uint64_t rights = RIGHT(FD_READ) | RIGHT(FD_WRITE) | RIGHT(POLL_FD_READWRITE) |
                      RIGHT(FD_FILESTAT_GET) | RIGHT(FD_FDSTAT_SET_FLAGS);
    const struct guest_socket *s = guest_socket_of(d);
    bool listens = s != NULL && s->state == SOCKET_LISTENING;
    return rights | (listens ? RIGHT(SOCK_ACCEPT) : RIGHT(SOCK_SHUTDOWN));
}

/* Of a pipe, and of what stands in its place. */
static uint64_t stream_rights(const struct descriptor *d)
{
    uint64_t rights = RIGHT(FD_DATASYNC) | RIGHT(FD_SYNC) | RIGHT(FD_FDSTAT_SET_FLAGS) |
                      RIGHT(FD_FILESTAT_GET) | RIGHT(FD_FILESTAT_SET_TIMES) |
                      RIGHT(POLL_FD_READWRITE);
    rights |= d->is_readable ? RIGHT(FD_READ) : 0;
    return rights | (d->is_writable ? RIGHT(FD_WRITE) : 0);
}

static uint64_t file_rights(const struct guest_file *f)
{
    uint64_t rights = stream_rights(&f->base);
    /* A character device without these two is a terminal to wasi-libc's isatty. */
    if (f->is_seekable || (f->base.filetype == FILETYPE_CHARACTER_DEVICE && !f->is_terminal)) {
        rights |= RIGHT(FD_SEEK) | RIGHT(FD_TELL);
    }
    if (f->is_seekable) {
        rights |= RIGHT(FD_ADVISE);
        rights |= f->base.is_writable ? RIGHT(FD_ALLOCATE) | RIGHT(FD_FILESTAT_SET_SIZE) : 0;
    }
    return rights;
}

/* What may be asked for of things opened through it: wasi-libc takes path_open's rights from
 * these, so they stay full even where the answer will be ROFS. */
static uint64_t inheriting_rights(const struct descriptor *d)
{
    switch (d->kind) {
    case DESCRIPTOR_DIR:
        return rights_between(WASI_RIGHT_FD_DATASYNC, WASI_RIGHT_POLL_FD_READWRITE);
    case DESCRIPTOR_SOCKET:
        return RIGHT(FD_READ) | RIGHT(FD_WRITE) | RIGHT(POLL_FD_READWRITE) |
               RIGHT(FD_FILESTAT_GET) | RIGHT(FD_FDSTAT_SET_FLAGS) | RIGHT(SOCK_SHUTDOWN);
    case DESCRIPTOR_FILE:
    case DESCRIPTOR_STREAM:
        break;
    }
    return 0;
}

static uint64_t base_rights(struct descriptor *d)
{
    switch (d->kind) {
    case DESCRIPTOR_DIR:
        return dir_rights();
    case DESCRIPTOR_SOCKET:
        return socket_rights(d);
    case DESCRIPTOR_STREAM:
        return stream_rights(d);
    case DESCRIPTOR_FILE:
        break;
    }
    return file_rights(guest_file_of(d));
}

static int32_t fd_fdstat_get(struct call *call)
{
    struct descriptor *d = call_descriptor(call, 0);
    if (d == NULL) {
        return WASI_EBADF;
    }
    uint8_t bytes[WASI_FDSTAT_SIZE] = {0};
    bytes[WASI_FDSTAT_FILETYPE] = d->filetype;
    store_u16(bytes + WASI_FDSTAT_FLAGS, d->fdflags);
    store_u64(bytes + WASI_FDSTAT_RIGHTS, base_rights(d));
    store_u64(bytes + WASI_FDSTAT_RIGHTS_INHERITING, inheriting_rights(d));
    return wasi_errno_from(call_write(call, call_u32(call, 1), bytes, sizeof bytes));
}

static int32_t fd_fdstat_set_flags(struct call *call)
{
    struct descriptor *d = call_descriptor(call, 0);
    uint32_t fdflags = call_u32(call, 1);
    if (d == NULL) {
        return WASI_EBADF;
    }
    if (fdflags > FDFLAG_ALL) {
        return WASI_EINVAL;
    }
    return wasi_errno_from(d->ops->set_flags(d, (uint16_t)fdflags));
}

/* Rights are reported and otherwise ignored (design, decision 2); giving some up is fine. */
static int32_t fd_fdstat_set_rights(struct call *call)
{
    return call_descriptor(call, 0) == NULL ? WASI_EBADF : WASI_ESUCCESS;
}

/* -- the table -------------------------------------------------------------------------------- */

static int32_t fd_close(struct call *call)
{
    struct descriptor *d = fd_table_take(&call_guest(call)->fds, call_u32(call, 0));
    if (d == NULL) {
        return WASI_EBADF;
    }
    descriptor_unref(d);
    return WASI_ESUCCESS;
}

static int32_t fd_renumber(struct call *call)
{
    struct guest *guest = call_guest(call);
    guest_flush(guest); /* the number that closes may be a socket with bytes kept back */
    return wasi_errno_from(fd_table_renumber(&guest->fds, call_u32(call, 0), call_u32(call, 1)));
}

/* The preopen a number stands for, or NULL: what the C libraries scan for from 3 on. */
static struct descriptor *call_preopen(const struct call *call)
{
    struct descriptor *d = call_descriptor(call, 0);
    return d != NULL && d->is_preopen ? d : NULL;
}

static struct span preopen_name(struct descriptor *d)
{
    const struct guest_dir *dir = guest_dir_of(d);
    return dir == NULL ? (struct span){NULL, 0} : span_of(dir->guest_path);
}

static int32_t fd_prestat_get(struct call *call)
{
    struct descriptor *d = call_preopen(call);
    if (d == NULL) {
        return WASI_EBADF;
    }
    /* Listeners are no part of the specification. BADF would end the scan before the directories
     * behind them; an unknown tag is skipped. */
    if (d->kind != DESCRIPTOR_DIR && call_guest(call)->strict_prestat) {
        return WASI_EBADF;
    }
    uint8_t bytes[WASI_PRESTAT_SIZE] = {0};
    bytes[0] = d->kind == DESCRIPTOR_DIR ? WASI_PRESTAT_DIR : WASI_PRESTAT_SOCKET;
    store_u32(bytes + 4, (uint32_t)preopen_name(d).len);
    return wasi_errno_from(call_write(call, call_u32(call, 1), bytes, sizeof bytes));
}

static int32_t fd_prestat_dir_name(struct call *call)
{
    struct descriptor *d = call_preopen(call);
    if (d == NULL) {
        return WASI_EBADF;
    }
    struct span name = preopen_name(d);
    uint32_t path = call_u32(call, 1);
    uint32_t path_len = call_u32(call, 2);
    if (!call_in_memory(call, path, path_len)) {
        return WASI_EFAULT;
    }
    if (name.len > path_len) {
        return WASI_ENAMETOOLONG;
    }
    return wasi_errno_from(call_write(call, path, name.data, (uint32_t)name.len));
}

static const struct host_func rows[] = {
    {"fd_close", "i", "i", "fd", fd_close, NULL},
    {"fd_fdstat_get", "ii", "i", "fd ret_stat", fd_fdstat_get, NULL},
    {"fd_fdstat_set_flags", "ii", "i", "fd flags", fd_fdstat_set_flags, NULL},
    {"fd_fdstat_set_rights", "iII", "i", "fd fs_rights_base fs_rights_inheriting",
     fd_fdstat_set_rights, NULL},
    {"fd_pread", "iiiIi", "i", "fd iovs iovs_len offset ret_nread", fd_pread, NULL},
    {"fd_prestat_dir_name", "iii", "i", "fd path path_len", fd_prestat_dir_name, NULL},
    {"fd_prestat_get", "ii", "i", "fd ret_prestat", fd_prestat_get, NULL},
    {"fd_pwrite", "iiiIi", "i", "fd iovs iovs_len offset ret_nwritten", fd_pwrite, NULL},
    {"fd_read", "iiii", "i", "fd iovs iovs_len ret_nread", fd_read_begin, fd_read_finish},
    {"fd_renumber", "ii", "i", "fd to", fd_renumber, NULL},
    {"fd_seek", "iIii", "i", "fd offset whence ret_newoffset", fd_seek, NULL},
    {"fd_tell", "ii", "i", "fd ret_offset", fd_tell, NULL},
    {"fd_write", "iiii", "i", "fd iovs iovs_len ret_nwritten", fd_write_begin, fd_write_finish},
};

const struct func_table preview1_fd = {rows, ARRAY_COUNT(rows)};
