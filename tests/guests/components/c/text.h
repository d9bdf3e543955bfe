#ifndef GUESTS_TEXT_H
#define GUESTS_TEXT_H

/* Text that grows, numbers out of paths, and strings as the bindings want them. */

#include "world.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes; /* Owned; NUL-terminated once anything was added. */
    size_t len;
    size_t room;
};

/*
 * Adds by a format of printf's, of which there are %s, %.*s, and unsigned numbers in decimal and hex
 * with leading zeroes. The C library's own would bring the imports of preview1 along.
 */
__attribute__((format(printf, 2, 3))) void text_add(struct text *text, const char *format, ...);
void text_add_list(struct text *text, const char *format, va_list *list);
void text_add_bytes(struct text *text, const void *bytes, size_t len);
/* "STEP ok" or "STEP FAILED". */
void text_check(struct text *text, const char *step, bool good);
void text_free(struct text *text);

/* A string of the bindings that borrows from `chars`. */
world_string_t string_of(const char *chars);
/* A copy with a NUL behind it, to be freed. */
char *copy_of(world_string_t string);

/* The decimal number at `*at`, which moves behind it and one '/'; `otherwise` if there is none. */
uint64_t number_at(const char **at, uint64_t otherwise);
/* Whether `*at` begins with `word` and then ends or goes on after a '/'; moves behind it. */
bool word_at(const char **at, const char *word);

uint64_t fnv_begin(void);
uint64_t fnv_add(uint64_t hash, const void *bytes, size_t len);

/* malloc that traps instead of returning NULL, which no guest here is made to see. */
void *must_alloc(size_t size);

#endif
