/* The layer of an image that is made: a module, or a directory, as a tar whose bytes depend on
 * nothing but names, modes and contents. */
#ifndef HYTHE_OCI_BUILD_LAYER_H
#define HYTHE_OCI_BUILD_LAYER_H

#include <stdint.h>

#include "base/error.h"
#include "oci/digest.h"

/* What others say of a blob. */
struct build_blob {
    char digest[DIGEST_TEXT_SIZE];
    uint64_t size;
};

struct build_layer {
    int fd;                 /* borrowed: written from `offset` on */
    uint64_t offset;        /* where its bytes begin */
    struct build_blob blob; /* set when it is done */
    uint64_t mtime_s;
};

/* Write the layer of a file, which is `name` in the image, or of a directory. 0 or a negative errno
 * with a reason. */
int build_layer_of_file(struct build_layer *layer, const char *path, const char *name,
                        struct error *err);
int build_layer_of_dir(struct build_layer *layer, const char *path, struct error *err);

#endif
