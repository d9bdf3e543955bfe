/* Reading tar, as hostile as it comes: ustar, the extensions of GNU tar for long names and large
 * numbers, and pax. Bytes are asked for from a function, so that the same reader serves a file and a
 * layer that is being unpacked.
 *
 * Paths come out relative to the root, without "." and empty parts; one with ".." is refused, as are
 * sparse files and numbers that make no sense. What an entry would do to a file system is the
 * caller's to judge: nothing is ever created from here. */
#ifndef HYTHE_OCI_TAR_H
#define HYTHE_OCI_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    TAR_BLOCK = 512,
    TAR_NAME_MAX = 4096,         /* bytes of a path or of a link's target */
    TAR_EXTENSION_MAX = 1 << 20, /* bytes of a pax header */
};

enum tar_kind { TAR_FILE, TAR_DIRECTORY, TAR_SYMLINK, TAR_HARDLINK, TAR_OTHER };

struct tar_entry {
    enum tar_kind kind;
    char path[TAR_NAME_MAX]; /* "" for the root */
    char link[TAR_NAME_MAX]; /* a symlink's target as it stands; a hard link's as a path */
    uint64_t size;           /* of a file, else 0 */
    uint64_t offset;         /* of its bytes from the beginning of the archive */
};

/* Read up to `len` bytes; 0 with `*ret_len` 0 at the end, or a negative errno with `err`. */
typedef int tar_read_fn(void *context, uint8_t *bytes, size_t len, size_t *ret_len,
                        struct error *err);

/* Go past `len` bytes without reading them. 0 or a negative errno with `err`. */
typedef int tar_skip_fn(void *context, uint64_t len, struct error *err);

struct tar_options {
    tar_read_fn *read;
    tar_skip_fn *skip; /* NULL: they are read */
    void *context;
    uint32_t max_entries;
};

struct tar;

/* Begin reading. 0 or -ENOMEM. */
int tar_new(const struct tar_options *options, struct tar **ret_tar);

/* Release the reader. NULL is fine. */
void tar_free(struct tar *tar);

/* Go to the next entry, past the bytes of this one: 1 and the entry, borrowed until the next call; 0
 * at the end; or a negative errno with a reason in `err`. */
int tar_next(struct tar *tar, const struct tar_entry **ret_entry, struct error *err);

/* How many zeros follow the `size` bytes of an entry. */
uint32_t tar_padding(uint64_t size);

/* Make a path of a name in an archive. 0; -EPERM when it leads out of the root; or -ENAMETOOLONG. */
int tar_clean_path(const char *name, char path[TAR_NAME_MAX]);

#endif
