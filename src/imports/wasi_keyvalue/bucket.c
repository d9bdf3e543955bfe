/* wasi:keyvalue/store and atomics: one key at a time, and listing them.
 *
 * What is answered is copied: while the guest takes it over its allocator runs, and may let another
 * guest run that changes the store. */
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "imports/wasi_keyvalue/keyvalue.h"
#include "imports/wasi_keyvalue/store.h"

/* The cases of error. */
enum { NO_SUCH_STORE, ACCESS_DENIED, OTHER };

enum { PAGE_KEYS_MAX = 1000, PAGE_BYTES_MAX = 64 << 10 };

struct bucket {
    struct resource base;
    struct keyvalue *kv; /* borrowed: as the guest's */
};

static void bucket_free(struct resource *resource)
{
    free(container_of(resource, struct bucket, base));
}

static const struct resource_kind bucket_kind = {.name = "bucket", .free = bucket_free};

struct keyvalue *keyvalue_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct bucket, &bucket_kind)->kv;
}

int32_t keyvalue_other(struct component_call *call, const char *why)
{
    call->results[2].bytes = span_of(why);
    return component_error(call, OTHER);
}

int32_t keyvalue_answer(struct component_call *call, int r)
{
    switch (r) {
    case 0:
        return component_ok(call, 0);
    case -ENOSPC:
        return keyvalue_other(call, "the store is full");
    case -EINVAL:
        return keyvalue_other(call, "the value is not a number");
    case -ERANGE:
        return keyvalue_other(call, "the sum does not fit in 64 bits");
    default:
        return keyvalue_other(call, "out of memory");
    }
}

/* -- store ------------------------------------------------------------------------------------ */

static int32_t open_bucket(struct component_call *call)
{
    struct guest *guest = call->guest;
    struct span name = component_bytes(call, 0);
    if (guest->keyvalue == NULL) {
        return component_error(call, ACCESS_DENIED);
    }
    if (name.len > 0 && !span_is(name, "default")) {
        return component_error(call, NO_SUCH_STORE);
    }
    struct bucket *bucket = calloc(1, sizeof *bucket);
    if (bucket == NULL) {
        return keyvalue_other(call, "out of memory");
    }
    resource_init(&bucket->base, guest, &bucket_kind);
    bucket->kv = guest->keyvalue;
    return component_give(call, 1, &bucket->base);
}

static int32_t bucket_get(struct component_call *call)
{
    struct span value;
    if (!keyvalue_get(keyvalue_of(call), component_bytes(call, 1), &value)) {
        return component_ok(call, 0);
    }
    if (value.len > GUEST_SCRATCH_MAX) {
        return keyvalue_other(call, "the value is too large");
    }
    uint8_t *copy = component_scratch(call, value.len);
    if (copy == NULL && value.len > 0) {
        return keyvalue_other(call, "out of memory");
    }
    if (value.len > 0) {
        memcpy(copy, value.data, value.len);
    }
    call->results[2].bytes = (struct span){copy, value.len};
    return component_ok(call, 1);
}

static int32_t bucket_set(struct component_call *call)
{
    struct span value = component_bytes(call, 2);
    if (value.len > GUEST_SCRATCH_MAX) {
        return keyvalue_other(call, "the value is too large"); /* nobody could get it */
    }
    return keyvalue_answer(call, keyvalue_set(keyvalue_of(call), component_bytes(call, 1), value));
}

static int32_t bucket_delete(struct component_call *call)
{
    keyvalue_delete(keyvalue_of(call), component_bytes(call, 1));
    return component_ok(call, 0);
}

static int32_t bucket_exists(struct component_call *call)
{
    struct span value;
    bool exists = keyvalue_get(keyvalue_of(call), component_bytes(call, 1), &value);
    return component_ok(call, exists ? 1 : 0);
}

/* How many keys the next page holds, and their bytes: as many as fit, but one at least. */
static size_t measure_page(struct keyvalue_walk walk, size_t *ret_bytes)
{
    size_t count = 0;
    size_t bytes = 0;
    struct span key;
    while (count < PAGE_KEYS_MAX && keyvalue_next(&walk, &key)) {
        if (count > 0 && key.len > PAGE_BYTES_MAX - bytes) {
            break;
        }
        count++;
        bytes += key.len;
        if (bytes >= PAGE_BYTES_MAX) {
            break;
        }
    }
    *ret_bytes = bytes;
    return count;
}

/* Copy `count` keys behind the items that point at them. */
static void fill_page(struct keyvalue_walk *walk, union component_value *items, size_t count)
{
    uint8_t *to = (uint8_t *)(items + count);
    struct span key = {NULL, 0};
    for (size_t i = 0; i < count && keyvalue_next(walk, &key); i++) {
        if (key.len > 0) {
            memcpy(to, key.data, key.len);
        }
        items[i].bytes = (struct span){to, key.len};
        to += key.len;
    }
}

/* result<record { keys: list<string>, cursor: option<u64> }, error>. */
static int32_t bucket_list_keys(struct component_call *call)
{
    bool has_cursor = component_u64(call, 1) != 0;
    struct keyvalue_walk walk = {.kv = keyvalue_of(call),
                                 .cursor = has_cursor ? component_u64(call, 2) : 0};
    size_t bytes = 0;
    size_t count = measure_page(walk, &bytes);
    union component_value *items = component_scratch(call, count * sizeof *items + bytes);
    if (items == NULL && count > 0) {
        return keyvalue_other(call, "out of memory");
    }
    if (count > 0) {
        fill_page(&walk, items, count);
    }
    call->results[1].list = (struct component_list){items, count};
    call->results[3].number = walk.cursor;
    struct span key;
    call->results[2].number = keyvalue_next(&walk, &key) ? 1 : 0;
    return 0;
}

static const struct component_func store_funcs[] = {
    {"[method]bucket.delete", "self key$", bucket_delete, NULL},
    {"[method]bucket.exists", "self key$", bucket_exists, NULL},
    {"[method]bucket.get", "self key$", bucket_get, NULL},
    {"[method]bucket.list-keys", "self", bucket_list_keys, NULL},
    {"[method]bucket.set", "self key$ value*", bucket_set, NULL},
    {"open", "identifier$", open_bucket, NULL},
};

static const struct component_resource store_resources[] = {
    {"bucket", component_drop},
};

COMPONENT_INTERFACE(wasi_keyvalue_store, "wasi:keyvalue/store", store_funcs, store_resources);

/* -- atomics ---------------------------------------------------------------------------------- */

static int32_t increment(struct component_call *call)
{
    uint64_t sum = 0;
    int r = keyvalue_increment(keyvalue_of(call), component_bytes(call, 1), component_u64(call, 2),
                               &sum);
    return r < 0 ? keyvalue_answer(call, r) : component_ok(call, sum);
}

static const struct component_func atomics_funcs[] = {
    {"increment", "bucket key$ delta", increment, NULL},
};

const struct component_interface wasi_keyvalue_atomics = {.name = "wasi:keyvalue/atomics",
                                                          .funcs = atomics_funcs,
                                                          .func_count = ARRAY_COUNT(atomics_funcs)};
