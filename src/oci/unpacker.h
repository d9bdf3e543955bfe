/* Unpacking a layer as it comes, with Debian's libraries, which are opened when first needed. */
#ifndef HYTHE_OCI_UNPACKER_H
#define HYTHE_OCI_UNPACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"

struct unpacker;

/* What a packing can do; each unpacker begins with them. */
struct unpacker_ops {
    const char *name;

    /* Unpack from `*in`, which is shortened by what was used, to `out`. Several streams in a row are
     * one, as both formats have it; while `is_between` there is input. 0 with `*ret_len` bytes
     * written, which is 0 when more input is needed; -EBADMSG for bytes that are none of this packing;
     * or -ENOMEM. */
    int (*step)(struct unpacker *unpacker, struct span *in, uint8_t *out, size_t len,
                size_t *ret_len);

    void (*free)(struct unpacker *unpacker);
};

struct unpacker {
    const struct unpacker_ops *ops;
    bool is_between; /* a stream has ended, and none has begun since: the input may end here */
};

/* Begin unpacking gzip (RFC 1952, by zlib) or zstd (RFC 8878, by libzstd, whose frames may ask for a
 * window of 128 MiB at most). 0 or a negative errno. */
int gunzip_new(struct unpacker **ret_unpacker, struct error *err);
int unzstd_new(struct unpacker **ret_unpacker, struct error *err);

#endif
