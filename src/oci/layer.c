/* Layers. See layer.h. */
#include "oci/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "oci/unpacker.h"

enum { PACKED_SIZE = 64 << 10 };

struct layer {
    const struct image_layer *row; /* borrowed */
    struct blob blob;
    uint64_t at; /* in the blob */
    uint64_t unpacked;
    uint64_t max_bytes;
    struct digest *packed_digest; /* owned */
    struct digest *plain_digest;  /* owned; NULL when there is none to compare with */
    struct unpacker *unpacker;    /* owned; NULL for a plain layer */
    struct span packed;           /* of `bytes`, not unpacked yet */
    uint8_t bytes[PACKED_SIZE];
};

static int begin(struct layer *layer, struct error *err)
{
    const struct image_layer *row = layer->row;
    if (layer->blob.size != row->size) {
        return error_set(err, -EBADMSG, "the layer %s has %llu bytes, and its descriptor says %llu",
                         row->digest, (unsigned long long)layer->blob.size,
                         (unsigned long long)row->size);
    }
    int r = digest_new(&layer->packed_digest, err);
    if (r == 0 && row->diff_id != NULL) {
        r = digest_new(&layer->plain_digest, err);
    }
    if (r == 0 && row->kind == LAYER_TAR_GZIP) {
        r = gunzip_new(&layer->unpacker, err);
    } else if (r == 0 && row->kind == LAYER_TAR_ZSTD) {
        r = unzstd_new(&layer->unpacker, err);
    }
    return r;
}

int layer_open(const struct layout *layout, const struct image_layer *row, uint64_t max_bytes,
               struct layer **ret_layer, struct error *err)
{
    if (row->kind == LAYER_OTHER) {
        return error_set(
            err, -ENOTSUP,
            "the layer %s is of the kind '%.100s', which hythe cannot unpack; it takes "
            "plain, gzip and zstd layers",
            row->digest, row->media_type);
    }
    struct layer *layer = calloc(1, sizeof *layer);
    if (layer == NULL) {
        return error_set(err, -ENOMEM, "out of memory for a layer");
    }
    layer->row = row;
    layer->max_bytes = max_bytes;
    layer->blob.fd = -1;
    int r = layout_find(layout, row->digest, &layer->blob, err);
    if (r == 0) {
        r = begin(layer, err);
    }
    if (r < 0) {
        layer_close(layer);
        return r;
    }
    *ret_layer = layer;
    return 0;
}

void layer_close(struct layer *layer)
{
    if (layer == NULL) {
        return;
    }
    blob_close(&layer->blob);
    digest_free(layer->packed_digest);
    digest_free(layer->plain_digest);
    if (layer->unpacker != NULL) {
        layer->unpacker->ops->free(layer->unpacker);
    }
    free(layer);
}

uint64_t layer_unpacked(const struct layer *layer)
{
    return layer->unpacked;
}

/* Read bytes as they lie in the blob. */
static int read_packed(struct layer *layer, uint8_t *bytes, size_t len, size_t *ret_len,
                       struct error *err)
{
    int r = blob_read(&layer->blob, layer->at, bytes, len, ret_len);
    if (r == 0 && *ret_len == 0 && layer->at < layer->blob.size) {
        return error_set(err, -EBADMSG, "the layer %s is cut short", layer->row->digest);
    }
    if (r == 0) {
        layer->at += *ret_len;
        r = digest_update(layer->packed_digest, (struct span){bytes, *ret_len});
    }
    return r < 0 ? error_set_errno(err, r, "reading the layer %s", layer->row->digest) : 0;
}

static int fail_unpacking(const struct layer *layer, int code, struct error *err)
{
    return code == -ENOMEM ? error_set(err, code, "out of memory for unpacking a layer")
                           : error_set(err, code, "the layer %s is damaged: it is no whole %s",
                                       layer->row->digest, layer->unpacker->ops->name);
}

static int read_unpacked(struct layer *layer, uint8_t *bytes, size_t len, size_t *ret_len,
                         struct error *err)
{
    struct unpacker *unpacker = layer->unpacker;
    size_t made = 0;
    while (made == 0) {
        if (layer->packed.len == 0) {
            size_t got = 0;
            int r = read_packed(layer, layer->bytes, sizeof layer->bytes, &got, err);
            if (r < 0) {
                return r;
            }
            layer->packed = (struct span){layer->bytes, got};
        }
        bool is_end = layer->packed.len == 0;
        if (is_end && unpacker->is_between) {
            break;
        }
        int r = unpacker->ops->step(unpacker, &layer->packed, bytes, len, &made);
        if (r == 0 && is_end && made == 0 && !unpacker->is_between) {
            r = -EBADMSG; /* cut short */
        }
        if (r < 0) {
            return fail_unpacking(layer, r, err);
        }
    }
    *ret_len = made;
    return 0;
}

int layer_read(void *context, uint8_t *bytes, size_t len, size_t *ret_len, struct error *err)
{
    struct layer *layer = context;
    size_t got = 0;
    int r = layer->unpacker != NULL ? read_unpacked(layer, bytes, len, &got, err)
                                    : read_packed(layer, bytes, len, &got, err);
    if (r < 0) {
        return r;
    }
    layer->unpacked += got;
    if (layer->unpacked > layer->max_bytes) {
        return error_set(err, -EFBIG, "the layer %s unpacks to more than %llu bytes",
                         layer->row->digest, (unsigned long long)layer->max_bytes);
    }
    if (layer->plain_digest != NULL) {
        r = digest_update(layer->plain_digest, (struct span){bytes, got});
        if (r < 0) {
            return error_set_errno(err, r, "reading the layer %s", layer->row->digest);
        }
    }
    *ret_len = got;
    return 0;
}

static int compare(struct digest *digest, const char *expected, const char *what, struct error *err)
{
    char actual[DIGEST_TEXT_SIZE];
    int r = digest_finish(digest, actual);
    if (r < 0) {
        return error_set_errno(err, r, "computing a layer's digest");
    }
    if (strcmp(actual, expected) != 0) {
        return error_set(err, -EBADMSG, "the layer is damaged: its %s is %s, and should be %.100s",
                         what, actual, expected);
    }
    return 0;
}

int layer_finish(struct layer *layer, struct error *err)
{
    uint8_t waste[16384];
    size_t got = 1;
    while (got > 0) {
        int r = layer_read(layer, waste, sizeof waste, &got, err);
        if (r < 0) {
            return r;
        }
    }
    int r = compare(layer->packed_digest, layer->row->digest, "digest", err);
    if (r == 0 && layer->plain_digest != NULL) {
        r = compare(layer->plain_digest, layer->row->diff_id, "digest when unpacked", err);
    }
    return r;
}
