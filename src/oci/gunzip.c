/* gzip by zlib. See unpacker.h. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* Without it next_in is no pointer to const, though zlib never writes there. */
#define ZLIB_CONST
#include <zlib.h>

#include "base/container.h"
#include "base/library.h"
#include "oci/unpacker.h"

enum { GZIP_WINDOW_BITS = 15 + 16 }; /* 16 has zlib expect gzip's head and foot */

/* Each has the name and the type of zlib's own. */
struct libz {
    __typeof__(inflateInit2_) *inflate_init2;
    __typeof__(inflate) *inflate;
    __typeof__(inflateReset) *inflate_reset;
    __typeof__(inflateEnd) *inflate_end;
};

struct gunzip {
    struct unpacker base;
    struct libz z;
    z_stream stream;
};

static const struct library_function functions[] = {
    {"inflateInit2_", offsetof(struct libz, inflate_init2)},
    {"inflate", offsetof(struct libz, inflate)},
    {"inflateReset", offsetof(struct libz, inflate_reset)},
    {"inflateEnd", offsetof(struct libz, inflate_end)},
};

static const struct library library = {
    .name = "libz.so.1",
    .package = "zlib1g",
    .purpose = "A layer packed with gzip",
    .functions = functions,
    .function_count = ARRAY_COUNT(functions),
};

static int step(struct unpacker *unpacker, struct span *in, uint8_t *out, size_t len,
                size_t *ret_len)
{
    struct gunzip *gunzip = container_of(unpacker, struct gunzip, base);
    z_stream *stream = &gunzip->stream;
    *ret_len = 0;
    if (unpacker->is_between && gunzip->z.inflate_reset(stream) != Z_OK) {
        return -EBADMSG;
    }
    unpacker->is_between = false;
    stream->next_in = in->data;
    stream->avail_in = in->len > UINT_MAX ? UINT_MAX : (uInt)in->len;
    stream->next_out = out;
    stream->avail_out = len > UINT_MAX ? UINT_MAX : (uInt)len;
    uInt room = stream->avail_out;
    int code = gunzip->z.inflate(stream, Z_NO_FLUSH);
    size_t used = (size_t)(stream->next_in - in->data);
    *in = (struct span){in->data + used, in->len - used};
    if (code == Z_STREAM_END) {
        unpacker->is_between = true;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return code == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
    }
    *ret_len = room - stream->avail_out;
    return 0;
}

static void free_gunzip(struct unpacker *unpacker)
{
    struct gunzip *gunzip = container_of(unpacker, struct gunzip, base);
    (void)gunzip->z.inflate_end(&gunzip->stream); /* only complains of streams not begun */
    free(gunzip);
}

static const struct unpacker_ops ops = {.name = "gzip", .step = step, .free = free_gunzip};

int gunzip_new(struct unpacker **ret_unpacker, struct error *err)
{
    struct gunzip *gunzip = calloc(1, sizeof *gunzip);
    if (gunzip == NULL) {
        return error_set(err, -ENOMEM, "out of memory for unpacking gzip");
    }
    gunzip->base.ops = &ops;
    int r = library_open(&library, &gunzip->z, err);
    if (r == 0 && gunzip->z.inflate_init2(&gunzip->stream, GZIP_WINDOW_BITS, ZLIB_VERSION,
                                          (int)sizeof gunzip->stream) != Z_OK) {
        r = error_set(err, -ENOMEM, "zlib cannot begin: out of memory");
    }
    if (r < 0) {
        free(gunzip);
        return r;
    }
    *ret_unpacker = &gunzip->base;
    return 0;
}
