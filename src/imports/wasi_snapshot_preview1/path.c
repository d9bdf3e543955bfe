/* path_*: what is done to a name beneath an open directory. The walk and the refusals are in
 * guest/path.c and guest/dir.c; here are only arguments and answers. */
#include <errno.h>

#include "base/container.h"
#include "guest/dir.h"
#include "guest/path.h"
#include "imports/wasi_snapshot_preview1/filestat.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

/* A directory of the guest and a path of its, both checked. */
struct place {
    struct guest_dir *dir; /* borrowed from the table */
    char path[GUEST_PATH_MAX];
};

static int read_path(const struct call *call, unsigned path_arg, char *ret_path)
{
    struct span bytes;
    int r = call_span(call, call_u32(call, path_arg), call_u32(call, path_arg + 1), &bytes);
    return r < 0 ? r : guest_path_copy(bytes, ret_path);
}

/* Take a descriptor argument, and path and length from two arguments in a row. 0, -EBADF,
 * -ENOTDIR, -EFAULT, or as guest_path_copy. */
static int read_place(const struct call *call, unsigned fd_arg, unsigned path_arg,
                      struct place *ret_place)
{
    struct descriptor *d = call_descriptor(call, fd_arg);
    if (d == NULL) {
        return -EBADF;
    }
    ret_place->dir = guest_dir_of(d);
    if (ret_place->dir == NULL) {
        return -ENOTDIR;
    }
    return read_path(call, path_arg, ret_place->path);
}

/* As read_place for functions with lookup flags. */
static int read_place_and_follow(const struct call *call, struct place *ret_place, bool *ret_follow)
{
    uint32_t flags = call_u32(call, 1);
    if (flags > WASI_LOOKUP_SYMLINK_FOLLOW) {
        return call_descriptor(call, 0) == NULL ? -EBADF : -EINVAL;
    }
    *ret_follow = flags == WASI_LOOKUP_SYMLINK_FOLLOW;
    return read_place(call, 0, 2, ret_place);
}

typedef int one_place_fn(struct guest_dir *dir, const char *path);

static int32_t at_place(struct call *call, one_place_fn *act)
{
    struct place place;
    int r = read_place(call, 0, 1, &place);
    if (r == 0) {
        r = act(place.dir, place.path);
    }
    return wasi_errno_from(r);
}

static int32_t path_create_directory(struct call *call)
{
    return at_place(call, guest_dir_create);
}

static int32_t path_remove_directory(struct call *call)
{
    return at_place(call, guest_dir_remove);
}

static int32_t path_unlink_file(struct call *call)
{
    return at_place(call, guest_dir_unlink);
}

static int32_t path_filestat_get(struct call *call)
{
    struct place place;
    struct stat st;
    bool follow = false;
    int r = read_place_and_follow(call, &place, &follow);
    if (r == 0) {
        r = guest_dir_stat(place.dir, place.path, follow, &st);
    }
    if (r == 0) {
        r = filestat_write(call, call_u32(call, 4), &st);
    }
    return wasi_errno_from(r);
}

static int32_t path_filestat_set_times(struct call *call)
{
    struct place place;
    struct timespec times[2];
    bool follow = false;
    int r = read_place_and_follow(call, &place, &follow);
    if (r == 0) {
        r = filestat_times(call_u64(call, 4), call_u64(call, 5), call_u32(call, 6), times);
    }
    if (r == 0) {
        r = guest_dir_set_times(place.dir, place.path, follow, times);
    }
    return wasi_errno_from(r);
}

static int32_t path_rename(struct call *call)
{
    struct place from;
    struct place to;
    int r = read_place(call, 0, 1, &from);
    if (r == 0) {
        r = read_place(call, 3, 4, &to);
    }
    if (r == 0) {
        r = guest_dir_rename(from.dir, from.path, to.dir, to.path);
    }
    return wasi_errno_from(r);
}

/* A link to what a symbolic link points to would have to be resolved and linked in one step to be
 * safe, which the kernel does not offer; Wasmtime refuses it with the same number. */
static int32_t path_link(struct call *call)
{
    struct place from;
    struct place to;
    int r = read_place(call, 0, 2, &from);
    if (r == 0) {
        r = read_place(call, 4, 5, &to);
    }
    if (r == 0 && call_u32(call, 1) != 0) {
        r = -EINVAL;
    }
    if (r == 0) {
        r = guest_dir_link(from.dir, from.path, to.dir, to.path);
    }
    return wasi_errno_from(r);
}

static int32_t path_symlink(struct call *call)
{
    struct place place;
    char target[GUEST_PATH_MAX];
    int r = read_place(call, 2, 3, &place);
    if (r == 0) {
        r = read_path(call, 0, target);
    }
    if (r == 0) {
        r = guest_dir_symlink(place.dir, target, place.path);
    }
    return wasi_errno_from(r);
}

static int32_t path_readlink(struct call *call)
{
    struct place place;
    int r = read_place(call, 0, 1, &place);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    uint32_t buf_len = call_u32(call, 4);
    uint32_t ret_bufused = call_u32(call, 5);
    uint8_t *buf = NULL;
    if (call_room(call, call_u32(call, 3), buf_len, &buf) < 0 ||
        !call_in_memory(call, ret_bufused, 4)) {
        return WASI_EFAULT;
    }
    r = guest_dir_read_link(place.dir, place.path, buf, buf_len);
    if (r >= 0) {
        (void)call_write_u32(call, ret_bufused, (uint32_t)r); /* checked above */
    }
    return wasi_errno_from(r);
}

/* -- path_open -------------------------------------------------------------------------------- */

/* Of the rights asked for, only reading and writing choose something: the mode of opening. */
static int read_how(const struct call *call, bool follow, struct dir_open *ret_how)
{
    uint32_t oflags = call_u32(call, 4);
    uint64_t rights = call_u64(call, 5);
    uint32_t fdflags = call_u32(call, 7);
    if (oflags > WASI_O_ALL || fdflags > FDFLAG_ALL) {
        return -EINVAL;
    }
    *ret_how = (struct dir_open){
        .follow = follow,
        .create = (oflags & WASI_O_CREAT) != 0,
        .exclusive = (oflags & WASI_O_EXCL) != 0,
        .truncate = (oflags & WASI_O_TRUNC) != 0,
        .directory = (oflags & WASI_O_DIRECTORY) != 0,
        .read = (rights >> WASI_RIGHT_FD_READ & 1) != 0,
        .write = (rights >> WASI_RIGHT_FD_WRITE & 1) != 0,
        .fdflags = (uint16_t)fdflags,
    };
    return 0;
}

/* Open it and put it into the table. */
static int open_at(struct guest *guest, const struct place *place, const struct dir_open *how,
                   uint32_t *ret_fd)
{
    if (guest->fds.count >= guest->fds.max) {
        return -EMFILE; /* before a file is created that nobody then gets */
    }
    struct descriptor *d = NULL;
    int r = guest_dir_open(place->dir, place->path, how, &d);
    if (r < 0) {
        return r;
    }
    r = fd_table_insert(&guest->fds, d, 0 /* from */, ret_fd);
    if (r < 0) {
        descriptor_unref(d);
    }
    return r;
}

static int32_t path_open(struct call *call)
{
    struct place place;
    struct dir_open how;
    bool follow = false;
    uint32_t fd = 0;
    uint32_t ret_fd = call_u32(call, 8);
    int r = read_place_and_follow(call, &place, &follow);
    if (r == 0) {
        r = read_how(call, follow, &how);
    }
    if (r == 0 && !call_in_memory(call, ret_fd, 4)) {
        r = -EFAULT;
    }
    if (r == 0) {
        r = open_at(call_guest(call), &place, &how, &fd);
    }
    if (r == 0) {
        (void)call_write_u32(call, ret_fd, fd); /* checked above */
    }
    return wasi_errno_from(r);
}

static const struct host_func rows[] = {
    {"path_create_directory", "iii", "i", "fd path path_len", path_create_directory, NULL},
    {"path_filestat_get", "iiiii", "i", "fd flags path path_len ret_filestat", path_filestat_get,
     NULL},
    {"path_filestat_set_times", "iiiiIIi", "i", "fd flags path path_len atim mtim fst_flags",
     path_filestat_set_times, NULL},
    {"path_link", "iiiiiii", "i",
     "old_fd old_flags old_path old_path_len new_fd new_path new_path_len", path_link, NULL},
    {"path_open", "iiiiiIIii", "i",
     "fd dirflags path path_len oflags fs_rights_base fs_rights_inheriting fdflags ret_opened_fd",
     path_open, NULL},
    {"path_readlink", "iiiiii", "i", "fd path path_len buf buf_len ret_bufused", path_readlink,
     NULL},
    {"path_remove_directory", "iii", "i", "fd path path_len", path_remove_directory, NULL},
    {"path_rename", "iiiiii", "i", "fd old_path old_path_len new_fd new_path new_path_len",
     path_rename, NULL},
    {"path_symlink", "iiiii", "i", "old_path old_path_len fd new_path new_path_len", path_symlink,
     NULL},
    {"path_unlink_file", "iii", "i", "fd path path_len", path_unlink_file, NULL},
};

const struct func_table preview1_path = {rows, ARRAY_COUNT(rows)};
