/* A span is a borrowed run of bytes: a pointer and a length, never NUL-terminated. */
#ifndef HYTHE_BASE_SPAN_H
#define HYTHE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data; /* borrowed; may be NULL when len is 0 */
    size_t len;          /* bytes */
};

/* Make a span of a NUL-terminated string, without its NUL. */
static inline struct span span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

/* Tell whether a span holds exactly the bytes of `text`. */
static inline bool span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || memcmp(s.data, text, s.len) == 0);
}

#endif
