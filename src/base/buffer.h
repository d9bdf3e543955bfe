/* A growing run of bytes that is given its maximum at birth. */
#ifndef HYTHE_BASE_BUFFER_H
#define HYTHE_BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct buffer {
    uint8_t *data; /* owned */
    size_t len;    /* bytes in use */
    size_t cap;    /* bytes allocated */
    size_t max;    /* never grows past this */
};

/* Begin an empty buffer; nothing is allocated yet. */
void buffer_init(struct buffer *b, size_t max);

/* Release the bytes; the buffer is empty and usable again. */
void buffer_done(struct buffer *b);

/* Make room for `more` bytes behind `len`. 0, -ENOMEM, or -EMSGSIZE past the maximum. */
int buffer_reserve(struct buffer *b, size_t more);

/* Append bytes. 0, -ENOMEM or -EMSGSIZE; on failure nothing was appended. */
int buffer_append(struct buffer *b, struct span bytes);

/* Append formatted text without its NUL. 0, -ENOMEM or -EMSGSIZE. */
int buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with its arguments as a list, which is used up. */
int buffer_vprintf(struct buffer *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Drop `count` bytes from the front; `count` is at most `len`. */
void buffer_consume(struct buffer *b, size_t count);

/* The bytes in use, borrowed until the next call that changes the buffer. */
struct span buffer_span(const struct buffer *b);

/* Put a NUL behind the bytes (not counted) and borrow them as a string; NULL without memory. */
const char *buffer_text(struct buffer *b);

#endif
