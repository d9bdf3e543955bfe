/* Writing tar: the same bytes for the same input, everywhere. Headers are ustar's; what they cannot
 * hold goes into a pax header before them. */
#ifndef HYTHE_OCI_TAR_WRITE_H
#define HYTHE_OCI_TAR_WRITE_H

#include <stdint.h>

#include "base/buffer.h"
#include "oci/tar.h"

enum { TAR_END_SIZE = 2 * TAR_BLOCK }; /* zeros that end an archive */

struct tar_member {
    enum tar_kind kind; /* file, directory or symlink */
    const char *path;   /* without a slash at its end */
    const char *link;   /* a symlink's target, else NULL */
    uint32_t mode;
    uint64_t size; /* of a file */
    uint64_t mtime_s;
};

/* Append the header of a member; its owner is root, by number. Its bytes follow, and
 * tar_padding zeros. 0, -ENOMEM, -EMSGSIZE, or -EFBIG for a file past 8 GiB. */
int tar_write_header(struct buffer *out, const struct tar_member *member);

#endif
