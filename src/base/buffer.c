/* Growing bytes with a ceiling. See buffer.h. */
#include "base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_FIRST = 256 };

void buffer_init(struct buffer *b, size_t max)
{
    *b = (struct buffer){.max = max};
}

void buffer_done(struct buffer *b)
{
    free(b->data);
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
}

int buffer_reserve(struct buffer *b, size_t more)
{
    if (more > b->max - b->len) {
        return -EMSGSIZE;
    }
    size_t need = b->len + more;
    if (need <= b->cap) {
        return 0;
    }
    size_t cap = b->cap < BUFFER_FIRST ? BUFFER_FIRST : b->cap;
    while (cap < need) {
        cap = cap > b->max / 2 ? need : cap * 2;
    }
    uint8_t *data = realloc(b->data, cap);
    if (data == NULL) {
        return -ENOMEM;
    }
    b->data = data;
    b->cap = cap;
    return 0;
}

int buffer_append(struct buffer *b, struct span bytes)
{
    if (bytes.len == 0) {
        return 0;
    }
    int r = buffer_reserve(b, bytes.len);
    if (r < 0) {
        return r;
    }
    memcpy(b->data + b->len, bytes.data, bytes.len);
    b->len += bytes.len;
    return 0;
}

int buffer_vprintf(struct buffer *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0) {
        return -EINVAL;
    }
    int r = buffer_reserve(b, (size_t)len + 1);
    if (r < 0) {
        return r;
    }
    len = vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, args);
    b->len += (size_t)len;
    return 0;
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = buffer_vprintf(b, format, args);
    va_end(args);
    return r;
}

void buffer_consume(struct buffer *b, size_t count)
{
    assert(count <= b->len);
    b->len -= count;
    if (b->len > 0) {
        memmove(b->data, b->data + count, b->len);
    }
}

struct span buffer_span(const struct buffer *b)
{
    return (struct span){b->data, b->len};
}

const char *buffer_text(struct buffer *b)
{
    if (buffer_reserve(b, 1) < 0) {
        return NULL;
    }
    b->data[b->len] = '\0';
    return (const char *)b->data;
}
