/* The fields of a header block. See h2_fields.h. */
#include "http/h2_fields.h"

#include <errno.h>
#include <stdlib.h>

enum { FIELDS_FIRST = 24 };

struct span h2_bytes(const struct nghttp2 *lib, nghttp2_rcbuf *counted)
{
    nghttp2_vec bytes = lib->rcbuf_get_buf(counted);
    return (struct span){bytes.base, bytes.len};
}

static int grow(struct h2_fields *fields)
{
    uint32_t cap = fields->cap == 0 ? FIELDS_FIRST : fields->cap * 2;
    struct http_header *headers = realloc(fields->headers, cap * sizeof *headers);
    if (headers == NULL) {
        return -ENOMEM;
    }
    fields->headers = headers;
    nghttp2_rcbuf **kept = realloc(fields->kept, 2 * (size_t)cap * sizeof(nghttp2_rcbuf *));
    if (kept == NULL) {
        return -ENOMEM;
    }
    fields->kept = kept;
    fields->cap = cap;
    return 0;
}

int h2_fields_add(struct h2_fields *fields, const struct nghttp2 *lib, nghttp2_rcbuf *name,
                  nghttp2_rcbuf *value)
{
    int r = fields->count == fields->cap ? grow(fields) : 0;
    if (r < 0) {
        return r;
    }
    lib->rcbuf_incref(name);
    lib->rcbuf_incref(value);
    fields->kept[fields->kept_count++] = name;
    fields->kept[fields->kept_count++] = value;
    fields->headers[fields->count++] =
        (struct http_header){h2_bytes(lib, name), h2_bytes(lib, value)};
    return 0;
}

void h2_fields_done(struct h2_fields *fields, const struct nghttp2 *lib)
{
    for (uint32_t i = 0; i < fields->kept_count; i++) {
        lib->rcbuf_decref(fields->kept[i]);
    }
    free(fields->headers);
    free(fields->kept);
    *fields = (struct h2_fields){0};
}
