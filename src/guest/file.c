/* Files and stdio. See file.h. */
#include "guest/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/container.h"
#include "guest/filestat.h"
#include "guest/guest.h"

static struct guest_file *file_of(struct descriptor *d)
{
    return container_of(d, struct guest_file, base);
}

/* -- reading and writing ---------------------------------------------------------------------- */

/* False when the call would block and the description's own mode would let it. An error is left
 * for the call itself to find. */
static bool may_act(const struct guest_file *f, short events)
{
    if (f->io != FILE_SHARED || f->base.always_ready) {
        return true;
    }
    struct pollfd pollfd = {.fd = f->base.fd, .events = events};
    return poll(&pollfd, 1, 0 /* timeout */) != 0;
}

static int64_t read_some(const struct guest_file *f, const struct iovec *iov, int count)
{
    ssize_t n;
    do {
        if (f->io == FILE_SOCKET) {
            struct msghdr message = {.msg_iovlen = (size_t)count};
            message.msg_iov = (struct iovec *)(uintptr_t)iov; /* the kernel only reads the list */
            n = recvmsg(f->base.fd, &message, MSG_DONTWAIT);
        } else {
            n = readv(f->base.fd, iov, count);
        }
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int64_t write_some(const struct guest_file *f, const struct iovec *iov, int count)
{
    ssize_t n;
    do {
        if (f->io == FILE_SOCKET) {
            struct msghdr message = {.msg_iovlen = (size_t)count};
            message.msg_iov = (struct iovec *)(uintptr_t)iov; /* the kernel only reads the list */
            n = sendmsg(f->base.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            n = writev(f->base.fd, iov, count);
        }
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int64_t file_read(struct descriptor *d, const struct iovec *iov, int count)
{
    if (!d->is_readable) {
        return -EBADF;
    }
    struct guest_file *f = file_of(d);
    int64_t n = may_act(f, POLLIN) ? read_some(f, iov, count) : -EAGAIN;
    if (n == -EAGAIN) {
        descriptor_not_ready(d, LOOP_READ);
    }
    return n;
}

/* Writable means, to a pipe in blocking mode, that PIPE_BUF bytes go in at once; more would wait
 * for the reader. Cut the list down to one such piece. */
static struct iovec safe_piece(const struct iovec *iov, int count)
{
    struct iovec piece = {NULL, 0};
    for (int i = 0; i < count && piece.iov_len == 0; i++) {
        piece = iov[i];
    }
    if (piece.iov_len > PIPE_BUF) {
        piece.iov_len = PIPE_BUF;
    }
    return piece;
}

static int64_t file_write(struct descriptor *d, const struct iovec *iov, int count)
{
    if (!d->is_writable) {
        return -EBADF;
    }
    struct guest_file *f = file_of(d);
    d->write_news = true;
    int64_t n = -EAGAIN;
    if (f->io == FILE_SHARED && !d->always_ready) {
        struct iovec piece = safe_piece(iov, count);
        if (may_act(f, POLLOUT)) {
            n = write_some(f, &piece, 1);
        }
    } else {
        n = write_some(f, iov, count);
    }
    if (n == -EAGAIN) {
        descriptor_not_ready(d, LOOP_WRITE);
    }
    return n;
}

int64_t guest_file_pread(struct guest_file *f, const struct iovec *iov, int count, uint64_t offset)
{
    if (!f->base.is_readable) {
        return -EBADF;
    }
    if (offset > INT64_MAX) {
        return -EINVAL;
    }
    ssize_t n;
    do {
        n = preadv(f->base.fd, iov, count, (off_t)offset);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int64_t pwrite_some(const struct guest_file *f, const struct iovec *iov, int count,
                           off_t offset)
{
    ssize_t n;
    do {
        n = pwritev(f->base.fd, iov, count, offset);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int set_append(const struct guest_file *f, bool on)
{
    int flags = fcntl(f->base.fd, F_GETFL);
    if (flags < 0) {
        return -errno;
    }
    flags = on ? flags | O_APPEND : flags & ~O_APPEND;
    return fcntl(f->base.fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int64_t guest_file_pwrite(struct guest_file *f, const struct iovec *iov, int count, uint64_t offset)
{
    if (!f->base.is_writable) {
        return -EBADF;
    }
    if (offset > INT64_MAX) {
        return -EINVAL;
    }
    bool lift_append = f->io == FILE_OWN && (f->base.fdflags & FDFLAG_APPEND) != 0;
    if (!lift_append) {
        return pwrite_some(f, iov, count, (off_t)offset);
    }
    int r = set_append(f, false /* on */);
    if (r < 0) {
        return r;
    }
    int64_t n = pwrite_some(f, iov, count, (off_t)offset);
    r = set_append(f, true /* on */);
    return r < 0 ? r : n;
}

int64_t guest_file_append(struct guest_file *f, const struct iovec *iov, int count)
{
    if (!f->base.is_writable) {
        return -EBADF;
    }
    ssize_t n;
    do {
        n = pwritev2(f->base.fd, iov, count, 0 /* offset */, RWF_APPEND);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

/* -- the rest --------------------------------------------------------------------------------- */

static int file_set_flags(struct descriptor *d, uint16_t fdflags)
{
    struct guest_file *f = file_of(d);
    assert((fdflags & ~FDFLAG_ALL) == 0);
    uint16_t changed = fdflags ^ d->fdflags;
    if ((changed & (FDFLAG_SYNC | FDFLAG_DSYNC | FDFLAG_RSYNC)) != 0) {
        return -EINVAL; /* Linux cannot change them after open */
    }
    if ((changed & FDFLAG_APPEND) != 0) {
        if (f->io != FILE_OWN) {
            return -EINVAL; /* the flag belongs to others as well */
        }
        int r = set_append(f, (fdflags & FDFLAG_APPEND) != 0);
        if (r < 0) {
            return r;
        }
    }
    d->fdflags = fdflags;
    return 0;
}

static void file_close(struct descriptor *d)
{
    loop_io_stop(&d->io);
    close(d->fd);
    free(file_of(d));
}

static const struct descriptor_ops file_ops = {
    .read = file_read,
    .write = file_write,
    .set_flags = file_set_flags,
    .close = file_close,
};

struct guest_file *guest_file_of(struct descriptor *d)
{
    return d->kind == DESCRIPTOR_FILE ? file_of(d) : NULL;
}

int guest_file_seek(struct guest_file *f, int64_t offset, int whence, uint64_t *ret_offset)
{
    off_t at = lseek(f->base.fd, offset, whence);
    if (at < 0) {
        return -errno;
    }
    *ret_offset = (uint64_t)at;
    return 0;
}

int guest_file_advise(struct guest_file *f, uint64_t offset, uint64_t len, uint32_t advice)
{
    static const int advices[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                  POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    if (advice >= ARRAY_COUNT(advices) || offset > INT64_MAX || len > INT64_MAX) {
        return -EINVAL;
    }
    return -posix_fadvise(f->base.fd, (off_t)offset, (off_t)len, advices[advice]);
}

int guest_file_allocate(struct guest_file *f, uint64_t offset, uint64_t len)
{
    if (f->read_only) {
        return -EROFS;
    }
    if (!f->base.is_writable) {
        return -EBADF;
    }
    if (offset > INT64_MAX || len > INT64_MAX) {
        return -EINVAL;
    }
    /* Not posix_fallocate: where the file system cannot, that one writes every block. */
    int r;
    do {
        r = fallocate(f->base.fd, 0 /* mode */, (off_t)offset, (off_t)len);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

int guest_file_set_size(struct guest_file *f, uint64_t size)
{
    if (f->read_only) {
        return -EROFS;
    }
    if (!f->base.is_writable) {
        return -EBADF;
    }
    if (size > INT64_MAX) {
        return -EFBIG;
    }
    int r;
    do {
        r = ftruncate(f->base.fd, (off_t)size);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

/* -- making ----------------------------------------------------------------------------------- */

int guest_file_new(struct guest *guest, const struct file_opening *opening,
                   struct guest_file **ret_file)
{
    assert(opening->fd >= 0);
    assert(opening->access == O_RDONLY || opening->access == O_WRONLY || opening->access == O_RDWR);
    struct guest_file *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return -ENOMEM;
    }
    struct descriptor *d = &f->base;
    descriptor_init(d, guest, DESCRIPTOR_FILE, &file_ops, opening->fd);
    d->filetype = guest_filetype_from_mode(opening->mode);
    d->fdflags = opening->fdflags;
    d->is_readable = opening->access != O_WRONLY;
    d->is_writable = opening->access != O_RDONLY;
    f->io = opening->io;
    f->read_only = opening->read_only;
    f->is_seekable = S_ISREG(opening->mode) || S_ISBLK(opening->mode);
    f->is_terminal = S_ISCHR(opening->mode) && isatty(opening->fd) == 1;
    if (f->is_seekable || S_ISDIR(opening->mode)) {
        d->always_ready = true; /* what descriptor_watch would find out by a system call */
        d->ready = LOOP_READ | LOOP_WRITE;
    } else {
        int r = descriptor_watch(d);
        if (r < 0) {
            free(f);
            return r;
        }
    }
    *ret_file = f;
    return 0;
}

/* Get a description of our own for the pipe or device behind `host_fd`, so that it can be
 * non-blocking without the shell or the next process in the pipeline noticing. */
static int reopen(int host_fd, const struct stat *st, int access)
{
    if (!S_ISFIFO(st->st_mode) && !S_ISCHR(st->st_mode)) {
        return -EINVAL;
    }
    if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(5, 2)) {
        return -EINVAL; /* the master side of a terminal: opening it makes another terminal */
    }
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", host_fd); /* always fits */
    int fd = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    struct stat again;
    if (fstat(fd, &again) < 0 || again.st_dev != st->st_dev || again.st_ino != st->st_ino) {
        close(fd); /* no proc file system there, but something else */
        return -EINVAL;
    }
    return fd;
}

int guest_file_stdio(struct guest *guest, int host_fd, struct guest_file **ret_file)
{
    struct stat st;
    int flags = fcntl(host_fd, F_GETFL);
    if (flags < 0 || fstat(host_fd, &st) < 0) {
        return -errno;
    }
    struct file_opening opening = {
        .mode = st.st_mode,
        .access = flags & O_ACCMODE,
        .fdflags = S_ISREG(st.st_mode) && (flags & O_APPEND) != 0 ? FDFLAG_APPEND : 0,
        .io = FILE_OWN,
        .read_only = (flags & O_ACCMODE) == O_RDONLY,
    };
    opening.fd = reopen(host_fd, &st, opening.access);
    if (opening.fd < 0) {
        enum { ABOVE_STDIO = 3 };
        opening.io = S_ISSOCK(st.st_mode) ? FILE_SOCKET : FILE_SHARED;
        opening.fd = fcntl(host_fd, F_DUPFD_CLOEXEC, ABOVE_STDIO);
    }
    if (opening.fd < 0) {
        return -errno;
    }
    int r = guest_file_new(guest, &opening, ret_file);
    if (r < 0) {
        close(opening.fd);
    }
    return r;
}
