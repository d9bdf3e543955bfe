/* A guest's directory, preopened or opened, and everything that goes through a path beneath it.
 *
 * A read-only preopen hands its mark to all that is opened beneath it. Whatever would change
 * something there is refused with -EROFS, as on a file system mounted read-only; so is making a
 * hard link of its files elsewhere, since that name would give write access to them. (Wasmtime
 * says PERM in these places.) Two preopens of which one lies within the other are two views of
 * the same files: the mark is the view's, not the file's. */
#ifndef HYTHE_GUEST_DIR_H
#define HYTHE_GUEST_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "guest/descriptor.h"

struct guest;

struct guest_dir {
    struct descriptor base; /* first */
    bool read_only;
    const char *guest_path; /* borrowed: a preopen's name for the guest; NULL for others */
    bool is_borrowed;       /* base.fd is the host's, which keeps it for longer: a preopen's */
};

/* A directory of the host, opened once for all the guests that get it. */
struct dir_source {
    int fd;           /* owned */
    char *guest_path; /* owned */
    bool read_only;
};

/* Open a directory of the host. 0 or a negative errno with the cause in `err`. */
int dir_source_open(const char *host_path, const char *guest_path, bool read_only,
                    struct dir_source *ret_source, struct error *err);
void dir_source_close(struct dir_source *source);

/* Make a preopen of it, which borrows it. The caller puts it into the table. 0 or -ENOMEM. */
int guest_dir_preopen_source(struct guest *guest, const struct dir_source *source,
                             struct guest_dir **ret_dir);

/* Borrow the directory behind a descriptor, or NULL when it is of another kind. */
struct guest_dir *guest_dir_of(struct descriptor *d);

/* All calls below return 0 or more, or a negative errno; -EPERM for a path that leads out. */

/* What path_open asks for. */
struct dir_open {
    bool follow; /* a symbolic link as last component */
    bool create;
    bool exclusive;
    bool truncate;
    bool directory;   /* nothing but a directory will do */
    bool write;       /* opened for writing, */
    bool read;        /* for reading, or both; reading if neither */
    uint16_t fdflags; /* enum guest_fdflags */
};

/* Open a file or directory. The caller puts it into the table. Nothing here waits: a named pipe
 * opens for reading before it has a writer, and is at its end until then; for writing it does not
 * open before it has a reader (-ENXIO). */
int guest_dir_open(struct guest_dir *dir, const char *path, const struct dir_open *how,
                   struct descriptor **ret_d);

int guest_dir_stat(struct guest_dir *dir, const char *path, bool follow, struct stat *ret_stat);
int guest_dir_set_times(struct guest_dir *dir, const char *path, bool follow,
                        const struct timespec times[2]);
int guest_dir_create(struct guest_dir *dir, const char *path);
int guest_dir_remove(struct guest_dir *dir, const char *path);
int guest_dir_unlink(struct guest_dir *dir, const char *path);
int guest_dir_rename(struct guest_dir *from, const char *from_path, struct guest_dir *to,
                     const char *to_path);

/* Make a hard link; a symbolic link is linked itself, never what it points to. */
int guest_dir_link(struct guest_dir *from, const char *from_path, struct guest_dir *to,
                   const char *to_path);

/* Make a symbolic link. An absolute target is refused: it would mean something else, or nothing,
 * to everyone but the guest. A relative one may point anywhere; the walk refuses what leads out. */
int guest_dir_symlink(struct guest_dir *dir, const char *target, const char *path);

/* Read a symbolic link's target, cut to `len`. Returns the number of bytes. */
int guest_dir_read_link(struct guest_dir *dir, const char *path, uint8_t *ret_target, size_t len);

/* One entry, while it is listed. */
struct dir_entry {
    uint64_t next; /* cookie of what stands behind it */
    uint64_t ino;
    const char *name; /* borrowed until the function returns */
    uint32_t name_len;
    uint8_t filetype; /* enum guest_filetype */
    uint8_t d_type;   /* the same as the kernel has it, DT_* */
};

/* False: that was enough. */
typedef bool dir_entry_fn(void *context, const struct dir_entry *entry);

/* List from `cookie` on: 0 for the beginning, read anew, or an entry's next. Cookies are the
 * kernel's own positions, valid as long as the directory is open, also while it changes; they are
 * no indices and need not grow. Nothing is kept between calls. */
int guest_dir_list(struct guest_dir *dir, uint64_t cookie, dir_entry_fn *on_entry, void *context);

#endif
