/* Unpacking gzip as it comes, with Debian's zlib, which is opened when first needed. */
#ifndef HYTHE_OCI_GUNZIP_H
#define HYTHE_OCI_GUNZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"

struct gunzip;

/* Begin unpacking. 0 or a negative errno. */
int gunzip_new(struct gunzip **ret_gunzip, struct error *err);

/* Release it. NULL is fine. */
void gunzip_free(struct gunzip *gunzip);

/* Unpack from `*in`, which is shortened by what was used, to `out`. Several streams in a row are one,
 * as gzip has it. 0 with `*ret_len` bytes written, which is 0 when more input is needed; or
 * -EBADMSG for bytes that are no gzip. */
int gunzip_step(struct gunzip *gunzip, struct span *in, uint8_t *out, size_t len, size_t *ret_len);

/* Tell whether the input may end here: 0, or -EBADMSG when it is cut short. */
int gunzip_finish(const struct gunzip *gunzip);

#endif
