/* Small files. See file.h. */
#include "oci/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_PIECE = 16 << 10, FILE_NAME_MAX = 256 };

int file_read(int fd, struct buffer *out)
{
    for (;;) {
        int r = buffer_reserve(out, FILE_PIECE);
        if (r < 0) {
            return r;
        }
        ssize_t got = read(fd, out->data + out->len, FILE_PIECE);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        if (got == 0) {
            return 0;
        }
        out->len += got > 0 ? (size_t)got : 0;
    }
}

int file_read_path(const char *path, struct buffer *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return -errno;
    }
    int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? file_read(fd, out) : -EINVAL;
    (void)close(fd); /* was only read */
    return r;
}

int file_write(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.data, bytes.len);
        if (put < 0 && errno != EINTR) {
            return -errno;
        }
        size_t len = put > 0 ? (size_t)put : 0;
        bytes = (struct span){bytes.data + len, bytes.len - len};
    }
    return 0;
}

int file_write_at(int fd, uint64_t at, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t put = pwrite(fd, bytes.data, bytes.len, (off_t)at);
        if (put < 0 && errno != EINTR) {
            return -errno;
        }
        size_t len = put > 0 ? (size_t)put : 0;
        at += len;
        bytes = (struct span){bytes.data + len, bytes.len - len};
    }
    return 0;
}

static int give_owner(int fd, const struct stat *like)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    bool is_other = st.st_uid != like->st_uid || st.st_gid != like->st_gid;
    return is_other && fchown(fd, like->st_uid, like->st_gid) < 0 ? -errno : 0;
}

int file_write_new(int dir_fd, const char *name, mode_t mode, const struct stat *like,
                   struct span bytes)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -errno;
    }
    int r = file_write(fd, bytes);
    if (r == 0 && like != NULL) {
        r = give_owner(fd, like);
    }
    if (r == 0 && fchmod(fd, mode) < 0) { /* last: another owner takes bits away */
        r = -errno;
    }
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlinkat(dir_fd, name, 0); /* half of a file is of use to nobody */
    }
    return r;
}

int file_replace(int dir_fd, const char *name, const char *kept, struct span bytes)
{
    char fresh[FILE_NAME_MAX];
    struct stat st;
    int len = snprintf(fresh, sizeof fresh, ".%s.hythe-%d", name, (int)getpid());
    if (len < 0 || (size_t)len >= sizeof fresh) {
        return -ENAMETOOLONG;
    }
    if (fstatat(dir_fd, name, &st, 0) < 0) {
        return -errno;
    }
    (void)unlinkat(dir_fd, fresh, 0); /* left by somebody who was killed; O_EXCL tells otherwise */
    int r = file_write_new(dir_fd, fresh, st.st_mode & 07777, &st, bytes);
    if (r < 0) {
        return r;
    }
    /* A second name for what is there, so that there is a file under `name` at every moment. */
    if (unlinkat(dir_fd, kept, 0) < 0 && errno != ENOENT) {
        r = -errno;
    } else if (linkat(dir_fd, name, dir_fd, kept, 0) < 0) {
        r = -errno;
    } else if (renameat(dir_fd, fresh, dir_fd, name) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlinkat(dir_fd, fresh, 0); /* as if nothing had been tried */
    }
    return r;
}
