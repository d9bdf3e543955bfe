/* Directories and what is done through them. See dir.h. */
#include "guest/dir.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "guest/file.h"
#include "guest/filestat.h"
#include "guest/guest.h"
#include "guest/path.h"

enum {
    LIST_BUFFER_LEN = 8 << 10,
    NEW_FILE_MODE = 0666, /* before the host's umask */
    NEW_DIR_MODE = 0777,
};

/* -- the descriptor --------------------------------------------------------------------------- */

static struct guest_dir *dir_of(struct descriptor *d)
{
    return container_of(d, struct guest_dir, base);
}

static int64_t dir_read(struct descriptor *d, const struct iovec *iov, int count)
{
    (void)d;
    (void)iov;
    (void)count;
    return -EISDIR;
}

static int64_t dir_write(struct descriptor *d, const struct iovec *iov, int count)
{
    (void)d;
    (void)iov;
    (void)count;
    return -EBADF; /* a directory is never open for writing */
}

static int dir_set_flags(struct descriptor *d, uint16_t fdflags)
{
    assert((fdflags & ~FDFLAG_ALL) == 0);
    if (((fdflags ^ d->fdflags) & ~FDFLAG_NONBLOCK) != 0) {
        return -EINVAL;
    }
    d->fdflags = fdflags;
    return 0;
}

static void dir_close(struct descriptor *d)
{
    struct guest_dir *dir = dir_of(d);
    if (!dir->is_borrowed) {
        close(d->fd);
    }
    free(dir);
}

static const struct descriptor_ops dir_ops = {
    .read = dir_read,
    .write = dir_write,
    .set_flags = dir_set_flags,
    .close = dir_close,
};

struct guest_dir *guest_dir_of(struct descriptor *d)
{
    return d->kind == DESCRIPTOR_DIR ? dir_of(d) : NULL;
}

/* Wrap an open directory; `fd` is taken over on success. */
static int dir_new(struct guest *guest, int fd, bool read_only, struct guest_dir **ret_dir)
{
    struct guest_dir *dir = calloc(1, sizeof *dir);
    if (dir == NULL) {
        return -ENOMEM;
    }
    descriptor_init(&dir->base, guest, DESCRIPTOR_DIR, &dir_ops, fd);
    dir->base.filetype = FILETYPE_DIRECTORY;
    dir->base.always_ready = true;
    dir->base.ready = LOOP_READ | LOOP_WRITE;
    dir->base.is_readable = true;
    dir->read_only = read_only;
    *ret_dir = dir;
    return 0;
}

/* Find out before the guest starts whether this kernel, and the container's system call filter,
 * let us walk. */
static int probe_walk(int fd, struct error *err)
{
    int probe = guest_path_open(fd, ".", O_PATH | O_DIRECTORY, 0 /* mode */);
    if (probe < 0) {
        return error_set_errno(err, probe, "the system call openat2 (Linux 5.6 or newer) fails");
    }
    close(probe);
    return 0;
}

int dir_source_open(const char *host_path, const char *guest_path, bool read_only,
                    struct dir_source *ret_source, struct error *err)
{
    assert(host_path != NULL && guest_path != NULL);
    int fd = open(host_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open the directory %s", host_path);
    }
    int r = probe_walk(fd, err);
    if (r < 0) {
        (void)error_wrap(err, "cannot open files below %s", host_path);
        close(fd);
        return r;
    }
    char *copy = strdup(guest_path);
    if (copy == NULL) {
        close(fd);
        return error_set_errno(err, -ENOMEM, "cannot open the directory %s", host_path);
    }
    ret_source->fd = fd;
    ret_source->guest_path = copy;
    ret_source->read_only = read_only;
    return 0;
}

void dir_source_close(struct dir_source *source)
{
    close(source->fd);
    free(source->guest_path);
}

int guest_dir_preopen_source(struct guest *guest, const struct dir_source *source,
                             struct guest_dir **ret_dir)
{
    struct guest_dir *dir = NULL;
    int r = dir_new(guest, source->fd, source->read_only, &dir);
    if (r < 0) {
        return r;
    }
    dir->base.is_preopen = true;
    dir->is_borrowed = true;
    dir->guest_path = source->guest_path;
    *ret_dir = dir;
    return 0;
}

/* -- opening ---------------------------------------------------------------------------------- */

static int open_flags(const struct dir_open *how)
{
    /* Without NONBLOCK a pipe would wait for its other end, and a device for its carrier; on
     * regular files it has no effect. */
    int flags = O_NONBLOCK | O_NOCTTY;
    if (how->write) {
        flags |= how->read ? O_RDWR : O_WRONLY;
    }
    flags |= how->follow ? 0 : O_NOFOLLOW;
    flags |= how->create ? O_CREAT : 0;
    flags |= how->exclusive ? O_EXCL : 0;
    flags |= how->truncate ? O_TRUNC : 0;
    flags |= how->directory ? O_DIRECTORY : 0;
    flags |= (how->fdflags & FDFLAG_APPEND) != 0 ? O_APPEND : 0;
    flags |= (how->fdflags & FDFLAG_DSYNC) != 0 ? O_DSYNC : 0;
    flags |= (how->fdflags & (FDFLAG_SYNC | FDFLAG_RSYNC)) != 0 ? O_SYNC : 0;
    return flags;
}

/* Make the right kind of descriptor; `fd` is taken over on success. */
static int wrap(struct guest_dir *dir, int fd, const struct dir_open *how,
                struct descriptor **ret_d)
{
    struct guest *guest = dir->base.guest;
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (S_ISDIR(st.st_mode)) {
        struct guest_dir *opened = NULL;
        int r = dir_new(guest, fd, dir->read_only, &opened);
        if (r == 0) {
            *ret_d = &opened->base;
        }
        return r;
    }
    struct file_opening opening = {
        .fd = fd,
        .mode = st.st_mode,
        .access = open_flags(how) & O_ACCMODE,
        .fdflags = how->fdflags,
        .io = FILE_OWN,
        .read_only = dir->read_only,
    };
    struct guest_file *file = NULL;
    int r = guest_file_new(guest, &opening, &file);
    if (r == 0) {
        *ret_d = &file->base;
    }
    return r;
}

int guest_dir_open(struct guest_dir *dir, const char *path, const struct dir_open *how,
                   struct descriptor **ret_d)
{
    if (how->directory && (how->create || how->exclusive || how->truncate)) {
        return -EINVAL;
    }
    if (dir->read_only && (how->write || how->create || how->truncate)) {
        return -EROFS;
    }
    int fd = guest_path_open(dir->base.fd, path, open_flags(how), NEW_FILE_MODE);
    if (fd < 0) {
        return fd;
    }
    int r = wrap(dir, fd, how, ret_d);
    if (r < 0) {
        close(fd);
    }
    return r;
}

/* -- what is there ---------------------------------------------------------------------------- */

static int open_to_look(struct guest_dir *dir, const char *path, bool follow)
{
    return guest_path_open(dir->base.fd, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0 /* mode */);
}

int guest_dir_stat(struct guest_dir *dir, const char *path, bool follow, struct stat *ret_stat)
{
    int fd = open_to_look(dir, path, follow);
    if (fd < 0) {
        return fd;
    }
    int r = fstat(fd, ret_stat) < 0 ? -errno : 0;
    close(fd);
    return r;
}

int guest_dir_set_times(struct guest_dir *dir, const char *path, bool follow,
                        const struct timespec times[2])
{
    if (dir->read_only) {
        return -EROFS;
    }
    int fd = open_to_look(dir, path, follow);
    if (fd < 0) {
        return fd;
    }
    int r = utimensat(fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
    close(fd);
    return r;
}

int guest_dir_read_link(struct guest_dir *dir, const char *path, uint8_t *ret_target, size_t len)
{
    int fd = open_to_look(dir, path, false /* follow */);
    if (fd < 0) {
        return fd;
    }
    /* Read all of it first: the kernel refuses a buffer of nothing. */
    char target[GUEST_PATH_MAX];
    ssize_t n = readlinkat(fd, "", target, sizeof target);
    int r = n < 0 ? -errno : 0;
    close(fd);
    if (r < 0) {
        return r == -ENOENT ? -EINVAL : r; /* the kernel's word for "no link" in this form */
    }
    size_t used = (size_t)n < len ? (size_t)n : len;
    memcpy(ret_target, target, used);
    return (int)used;
}

/* Hand on the entries of one buffer. True when there may be more to ask for. */
static bool list_buffer(const uint8_t *buffer, size_t len, dir_entry_fn *on_entry, void *context)
{
    size_t at = 0;
    while (at < len) {
        const struct dirent64 *found = (const struct dirent64 *)(const void *)(buffer + at);
        struct dir_entry entry = {
            .next = (uint64_t)found->d_off,
            .ino = found->d_ino,
            .name = found->d_name,
            .name_len = (uint32_t)strlen(found->d_name),
            .filetype = guest_filetype_from_entry(found->d_type),
            .d_type = found->d_type,
        };
        if (!on_entry(context, &entry)) {
            return false;
        }
        at += found->d_reclen;
    }
    return true;
}

int guest_dir_list(struct guest_dir *dir, uint64_t cookie, dir_entry_fn *on_entry, void *context)
{
    _Alignas(struct dirent64) uint8_t buffer[LIST_BUFFER_LEN];
    if (cookie > INT64_MAX) {
        return -EINVAL;
    }
    if (lseek(dir->base.fd, (off_t)cookie, SEEK_SET) < 0) {
        return -errno;
    }
    for (;;) {
        ssize_t n = getdents64(dir->base.fd, buffer, sizeof buffer);
        if (n < 0 && errno != ENOENT) {
            return -errno;
        }
        if (n <= 0) {
            return 0; /* the end, or a directory removed meanwhile: POSIX has that as the end */
        }
        if (!list_buffer(buffer, (size_t)n, on_entry, context)) {
            return 0;
        }
    }
}

/* -- changing it ------------------------------------------------------------------------------ */

/* Walk to the last component in order to change something there. */
static int end_to_change(struct guest_dir *dir, const char *path, struct path_end *ret_end)
{
    return dir->read_only ? -EROFS : path_end_open(dir->base.fd, path, ret_end);
}

/* 1 for a directory, 0 for anything else, or a negative errno. */
static int end_is_dir(const struct path_end *end)
{
    assert(strcmp(end->name, "..") != 0);
    struct stat st;
    if (fstatat(end->parent, end->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return -errno;
    }
    return S_ISDIR(st.st_mode) ? 1 : 0;
}

/* The answer for a name with a slash behind it that may be no directory: always an error. */
static int refuse_slash(const struct path_end *end, int if_dir)
{
    int r = end_is_dir(end);
    if (r < 0) {
        return r;
    }
    return r == 1 ? if_dir : -ENOTDIR;
}

int guest_dir_create(struct guest_dir *dir, const char *path)
{
    struct path_end end;
    int r = end_to_change(dir, path, &end);
    if (r < 0) {
        return r;
    }
    r = mkdirat(end.parent, end.name, NEW_DIR_MODE) < 0 ? -errno : 0;
    path_end_close(&end);
    return r;
}

int guest_dir_remove(struct guest_dir *dir, const char *path)
{
    struct path_end end;
    int r = end_to_change(dir, path, &end);
    if (r < 0) {
        return r;
    }
    r = unlinkat(end.parent, end.name, AT_REMOVEDIR) < 0 ? -errno : 0;
    path_end_close(&end);
    return r;
}

int guest_dir_unlink(struct guest_dir *dir, const char *path)
{
    struct path_end end;
    int r = end_to_change(dir, path, &end);
    if (r < 0) {
        return r;
    }
    if (end.has_slash) {
        r = refuse_slash(&end, -EISDIR);
    } else {
        r = unlinkat(end.parent, end.name, 0) < 0 ? -errno : 0;
    }
    path_end_close(&end);
    return r;
}

int guest_dir_symlink(struct guest_dir *dir, const char *target, const char *path)
{
    if (target[0] == '/') {
        return -EPERM;
    }
    struct path_end end;
    int r = end_to_change(dir, path, &end);
    if (r < 0) {
        return r;
    }
    if (end.has_slash) {
        r = refuse_slash(&end, -EEXIST);
    } else {
        r = symlinkat(target, end.parent, end.name) < 0 ? -errno : 0;
    }
    path_end_close(&end);
    return r;
}

/* What rename and link have in common: two ends, both in places that may change. */
typedef int two_ends_fn(const struct path_end *from, const struct path_end *to);

static int with_two_ends(struct guest_dir *from_dir, const char *from_path,
                         struct guest_dir *to_dir, const char *to_path, two_ends_fn *act)
{
    struct path_end from;
    struct path_end to;
    int r = end_to_change(from_dir, from_path, &from);
    if (r < 0) {
        return r;
    }
    r = end_to_change(to_dir, to_path, &to);
    if (r == 0) {
        r = act(&from, &to);
        path_end_close(&to);
    }
    path_end_close(&from);
    return r;
}

static int rename_ends(const struct path_end *from, const struct path_end *to)
{
    assert(from->parent >= 0 && to->parent >= 0);
    if (from->has_slash || to->has_slash) {
        int r = end_is_dir(from);
        if (r <= 0) {
            return r < 0 ? r : -ENOTDIR;
        }
    }
    return renameat(from->parent, from->name, to->parent, to->name) < 0 ? -errno : 0;
}

int guest_dir_rename(struct guest_dir *from, const char *from_path, struct guest_dir *to,
                     const char *to_path)
{
    return with_two_ends(from, from_path, to, to_path, rename_ends);
}

static int link_ends(const struct path_end *from, const struct path_end *to)
{
    if (from->has_slash) {
        return refuse_slash(from, -EPERM);
    }
    if (to->has_slash) {
        return refuse_slash(to, -EEXIST);
    }
    return linkat(from->parent, from->name, to->parent, to->name, 0) < 0 ? -errno : 0;
}

int guest_dir_link(struct guest_dir *from, const char *from_path, struct guest_dir *to,
                   const char *to_path)
{
    return with_two_ends(from, from_path, to, to_path, link_ends);
}
