/* The bytes of a layer, unpacked as they come, with both of its digests verified at their end. */
#ifndef HYTHE_OCI_LAYER_H
#define HYTHE_OCI_LAYER_H

#include "oci/image.h"
#include "oci/layout.h"

struct layer;

/* Open a layer. At most `max_bytes` come out of it. 0; -ENOTSUP for a packing that is not known; or
 * a negative errno. */
int layer_open(const struct layout *layout, const struct image_layer *row, uint64_t max_bytes,
               struct layer **ret_layer, struct error *err);

/* Close it. NULL is fine. */
void layer_close(struct layer *layer);

/* Read on: a tar_read_fn whose context is the layer. */
int layer_read(void *context, uint8_t *bytes, size_t len, size_t *ret_len, struct error *err);

/* Read what is left and compare the digests. 0, or -EBADMSG for a damaged one. */
int layer_finish(struct layer *layer, struct error *err);

/* How many bytes came out so far. */
uint64_t layer_unpacked(const struct layer *layer);

#endif
