/* zstd by libzstd. See unpacker.h. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "base/container.h"
#include "base/library.h"
#include "oci/unpacker.h"

/* Each has the name and the type of libzstd's own. */
struct libzstd {
    __typeof__(ZSTD_createDStream) *create;
    __typeof__(ZSTD_freeDStream) *free;
    __typeof__(ZSTD_decompressStream) *decompress;
    __typeof__(ZSTD_isError) *is_error;
    __typeof__(ZSTD_getErrorCode) *error_code;
};

struct unzstd {
    struct unpacker base;
    struct libzstd z;
    ZSTD_DStream *stream;
};

static const struct library_function functions[] = {
    {"ZSTD_createDStream", offsetof(struct libzstd, create)},
    {"ZSTD_freeDStream", offsetof(struct libzstd, free)},
    {"ZSTD_decompressStream", offsetof(struct libzstd, decompress)},
    {"ZSTD_isError", offsetof(struct libzstd, is_error)},
    {"ZSTD_getErrorCode", offsetof(struct libzstd, error_code)},
};

static const struct library library = {
    .name = "libzstd.so.1",
    .package = "libzstd1",
    .purpose = "A layer packed with zstd",
    .functions = functions,
    .function_count = ARRAY_COUNT(functions),
};

/* NOLINTNEXTLINE(readability-non-const-parameter): libzstd writes there */
static int step(struct unpacker *unpacker, struct span *in, uint8_t *out, size_t len,
                size_t *ret_len)
{
    struct unzstd *unzstd = container_of(unpacker, struct unzstd, base);
    ZSTD_inBuffer from = {.src = in->data, .size = in->len};
    ZSTD_outBuffer to = {.dst = out, .size = len};
    *ret_len = 0;
    size_t left = unzstd->z.decompress(unzstd->stream, &to, &from);
    if (unzstd->z.is_error(left)) {
        bool is_memory = unzstd->z.error_code(left) == ZSTD_error_memory_allocation;
        return is_memory ? -ENOMEM : -EBADMSG;
    }
    *in = (struct span){in->data + from.pos, in->len - from.pos};
    unpacker->is_between = left == 0;
    *ret_len = to.pos;
    return 0;
}

static void free_unzstd(struct unpacker *unpacker)
{
    struct unzstd *unzstd = container_of(unpacker, struct unzstd, base);
    (void)unzstd->z.free(unzstd->stream); /* says 0 always */
    free(unzstd);
}

static const struct unpacker_ops ops = {.name = "zstd", .step = step, .free = free_unzstd};

int unzstd_new(struct unpacker **ret_unpacker, struct error *err)
{
    struct unzstd *unzstd = calloc(1, sizeof *unzstd);
    if (unzstd == NULL) {
        return error_set(err, -ENOMEM, "out of memory for unpacking zstd");
    }
    unzstd->base.ops = &ops;
    int r = library_open(&library, &unzstd->z, err);
    if (r == 0) {
        unzstd->stream = unzstd->z.create();
        r = unzstd->stream != NULL ? 0
                                   : error_set(err, -ENOMEM, "libzstd cannot begin: out of memory");
    }
    if (r < 0) {
        free(unzstd);
        return r;
    }
    *ret_unpacker = &unzstd->base;
    return 0;
}
