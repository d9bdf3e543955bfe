/* Paths of guests, resolved without a way out of the directory they start from.
 *
 * Every walk is the kernel's own openat2 with RESOLVE_BENEATH: `..` past the start, an absolute
 * path and a symbolic link that leads out are refused while walking, also when somebody swaps a
 * link at that moment. Links of /proc ("magic links") are not followed at all. What acts on a last
 * component (create, remove, rename, link) walks to its parent and then names exactly one
 * component there, with a call that does not follow links. */
#ifndef HYTHE_GUEST_PATH_H
#define HYTHE_GUEST_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/span.h"

enum { GUEST_PATH_MAX = PATH_MAX };

/* Copy a guest's bytes to a string of GUEST_PATH_MAX bytes. Any byte but NUL may stand in a name,
 * as on the host: what a directory lists can be opened. 0, -EINVAL for a NUL, -ENAMETOOLONG, or
 * -ENOENT for nothing at all. */
int guest_path_copy(struct span bytes, char *ret_path);

/* Open `path` beneath `dir`, close-on-exec. The descriptor, -EPERM for a path that leads out, or
 * another negative errno. `mode` counts with O_CREAT only. */
int guest_path_open(int dir, const char *path, int flags, mode_t mode);

/* The last component of a path, by its parent. */
struct path_end {
    int parent;              /* an O_PATH descriptor, owned unless is_borrowed */
    bool is_borrowed;        /* parent is the directory the walk began at */
    bool has_slash;          /* a slash stood behind the name: only a directory will do */
    char name[NAME_MAX + 1]; /* one component: no slash, never ".." */
};

/* Walk to the parent of the last component. A path that ends in "." or ".." gives that directory
 * itself as parent and the name ".", for which the kernel has the right answer to each call.
 * 0 or a negative errno as from guest_path_open. */
int path_end_open(int dir, const char *path, struct path_end *ret_end);

void path_end_close(struct path_end *end);

#endif
