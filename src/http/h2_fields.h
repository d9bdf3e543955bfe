/* The fields of a header block as nghttp2 decodes it. Names and values stay where nghttp2 has put
 * them: each is a reference to one of its counted buffers. */
#ifndef HYTHE_HTTP_H2_FIELDS_H
#define HYTHE_HTTP_H2_FIELDS_H

#include <stdint.h>

#include "http/field.h"
#include "http/nghttp2.h"

struct h2_fields {
    struct http_header *headers; /* owned */
    nghttp2_rcbuf **kept;        /* owned array of references */
    uint32_t count;
    uint32_t cap; /* of headers; kept has twice the room */
    uint32_t kept_count;
    uint64_t size; /* bytes as RFC 9113 section 6.5.2 counts them, of all that came */
};

/* A zeroed one is empty. Keep a field. 0 or -ENOMEM. */
int h2_fields_add(struct h2_fields *fields, const struct nghttp2 *lib, nghttp2_rcbuf *name,
                  nghttp2_rcbuf *value);

void h2_fields_done(struct h2_fields *fields, const struct nghttp2 *lib);

/* A counted buffer's bytes. */
struct span h2_bytes(const struct nghttp2 *lib, nghttp2_rcbuf *counted);

#endif
