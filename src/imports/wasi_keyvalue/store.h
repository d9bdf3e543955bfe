/* The store behind wasi:keyvalue: keys and values in memory, for all guests of one program in this
 * process. It belongs to the loop's thread, and outlives the guests that have it.
 *
 * It keeps its keys in two orders: sorted, to find one; and as they came, to list them page by page
 * while they change. */
#ifndef HYTHE_IMPORTS_WASI_KEYVALUE_STORE_H
#define HYTHE_IMPORTS_WASI_KEYVALUE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct keyvalue;

struct keyvalue_limits {
    size_t bytes; /* of all keys and values, and of what each entry takes beside them */
    size_t keys;
};

enum { KEYVALUE_BYTES_DEFAULT = 64 << 20, KEYVALUE_KEYS_DEFAULT = 65536 };

/* Make an empty store. NULL without memory. */
struct keyvalue *keyvalue_new(const struct keyvalue_limits *limits);

/* NULL is fine. */
void keyvalue_free(struct keyvalue *kv);

/* Borrow a key's value until the store changes. False when there is no such key. */
bool keyvalue_get(const struct keyvalue *kv, struct span key, struct span *ret_value);

/* Set a key to a copy of `value`. 0, -ENOSPC past a limit, or -ENOMEM; then nothing has changed. */
int keyvalue_set(struct keyvalue *kv, struct span key, struct span value);

/* Harmless when there is no such key. */
void keyvalue_delete(struct keyvalue *kv, struct span key);

/* Add to a key's value, which is a decimal number; a key that is not there counts as 0. As keyvalue_set,
 * or -EINVAL when the value is no number, or -ERANGE when the sum is past UINT64_MAX. */
int keyvalue_increment(struct keyvalue *kv, struct span key, uint64_t delta, uint64_t *ret_value);

/* The next key in the order in which they came, borrowed until the store changes. *cursor is 0 at
 * first, and otherwise where the last call left it: it stays good while keys come and go. False behind
 * the last. */
struct keyvalue_walk {
    const struct keyvalue *kv;
    const void *at; /* the entry of the key given last; NULL to look for it by the cursor */
    uint64_t cursor;
};
bool keyvalue_next(struct keyvalue_walk *walk, struct span *ret_key);

#endif
