/* Numbers as people write them, parsed without overflow or surprises. */
#ifndef HYTHE_BASE_NUM_H
#define HYTHE_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

/* Parse a decimal number that fills the whole string. 0, -EINVAL or -ERANGE (above `max`). */
int num_parse_u64(const char *text, uint64_t max, uint64_t *ret_value);

/* Parse a size in bytes: a number with an optional K, M or G (powers of 1024; "KiB", "kb" and
 * the like mean the same). 0, -EINVAL or -ERANGE. */
int num_parse_size(const char *text, uint64_t *ret_bytes);

/* Parse a time span: a number with ms, s (the default), m or h; "1.5s" is allowed. The result is
 * in nanoseconds. 0, -EINVAL or -ERANGE. */
int num_parse_duration(const char *text, uint64_t *ret_ns);

/* Add without wrapping: UINT64_MAX stands for "never" and for every sum past it. */
static inline uint64_t num_add_sat(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

#endif
