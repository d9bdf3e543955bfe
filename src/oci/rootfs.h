/* The file system that an image's layers make, as a table of names: what a path is, and in which
 * layer its bytes lie. Layers go on one by one, whiteouts take away what is below. Nothing is
 * written anywhere. */
#ifndef HYTHE_OCI_ROOTFS_H
#define HYTHE_OCI_ROOTFS_H

#include <stdint.h>

#include "base/error.h"
#include "oci/tar.h"

enum {
    ROOTFS_NODES_MAX = 1 << 18,
    ROOTFS_DEPTH_MAX = 128, /* parts of a path */
};

struct rootfs;

/* Where a file's bytes are. */
struct rootfs_file {
    uint32_t layer;  /* number of the layer, from 0 */
    uint64_t offset; /* in the unpacked layer */
    uint64_t size;
    char path[TAR_NAME_MAX]; /* its own, when links have been followed */
};

int rootfs_new(struct rootfs **ret_rootfs);
void rootfs_free(struct rootfs *rootfs);

/* Begin the next layer, above all before it. */
void rootfs_next_layer(struct rootfs *rootfs);

/* Add an entry of the layer. 0; -E2BIG past the limits; or -ENOMEM. */
int rootfs_add(struct rootfs *rootfs, const struct tar_entry *entry, struct error *err);

/* Find a file, following symbolic links within the image. 0; -ENOENT; -EISDIR; -ELOOP; or -EINVAL
 * for what is neither a file nor a directory. */
int rootfs_find(const struct rootfs *rootfs, const char *path, struct rootfs_file *ret_file);

#endif
