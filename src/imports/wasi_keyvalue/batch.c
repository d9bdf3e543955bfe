/* wasi:keyvalue/batch: many keys in one call. */
#include <errno.h>

#include "guest/guest.h"
#include "imports/wasi_keyvalue/keyvalue.h"
#include "imports/wasi_keyvalue/store.h"

/* Slots of option<tuple<string, list<u8>>> and of tuple<string, list<u8>>. */
enum { FOUND_SLOTS = 3, PAIR_SLOTS = 2 };

/* Keys in one call, for which all others wait: each takes microseconds in a large store. A page of
 * list-keys is less. */
enum { KEYS_MAX = 4096 };

static bool is_too_many(const struct component_list *list)
{
    return list->count > KEYS_MAX;
}

static int32_t refuse(struct component_call *call)
{
    return keyvalue_other(call, "more than 4096 keys in one call");
}

/* What copies of the keys that are there and of their values take, in bytes. */
static size_t measure(const struct keyvalue *kv, const struct component_list *keys)
{
    size_t bytes = keys->count * FOUND_SLOTS * sizeof(union component_value);
    for (size_t i = 0; i < keys->count && bytes <= GUEST_SCRATCH_MAX; i++) {
        struct span value;
        if (keyvalue_get(kv, keys->items[i].bytes, &value)) {
            bytes += keys->items[i].bytes.len + value.len;
        }
    }
    return bytes;
}

static struct span copy_to(uint8_t **room, struct span bytes)
{
    struct span copy = {*room, bytes.len};
    if (bytes.len > 0) {
        memcpy(*room, bytes.data, bytes.len);
    }
    *room += bytes.len;
    return copy;
}

static void fill(const struct keyvalue *kv, const struct component_list *keys,
                 union component_value *items)
{
    uint8_t *room = (uint8_t *)(items + keys->count * FOUND_SLOTS);
    for (size_t i = 0; i < keys->count; i++) {
        union component_value *item = items + i * FOUND_SLOTS;
        struct span key = keys->items[i].bytes;
        struct span value;
        memset(item, 0, FOUND_SLOTS * sizeof *item);
        if (keyvalue_get(kv, key, &value)) {
            item[0].number = 1;
            item[1].bytes = copy_to(&room, key);
            item[2].bytes = copy_to(&room, value);
        }
    }
}

static int32_t get_many(struct component_call *call)
{
    const struct keyvalue *kv = keyvalue_of(call);
    const struct component_list *keys = &call->args[1].list;
    if (is_too_many(keys)) {
        return refuse(call);
    }
    size_t bytes = measure(kv, keys);
    if (bytes > GUEST_SCRATCH_MAX) {
        return keyvalue_other(call, "the values are too large for one answer");
    }
    union component_value *items = component_scratch(call, bytes);
    if (items == NULL && keys->count > 0) {
        return keyvalue_other(call, "out of memory");
    }
    if (keys->count > 0) {
        fill(kv, keys, items);
    }
    call->results[1].list = (struct component_list){items, keys->count};
    return 0;
}

static int32_t set_many(struct component_call *call)
{
    struct keyvalue *kv = keyvalue_of(call);
    const struct component_list *pairs = &call->args[1].list;
    int r = 0;
    if (is_too_many(pairs)) {
        return refuse(call);
    }
    for (size_t i = 0; i < pairs->count && r == 0; i++) {
        const union component_value *pair = pairs->items + i * PAIR_SLOTS;
        r = keyvalue_set(kv, pair[0].bytes, pair[1].bytes);
    }
    return keyvalue_answer(call, r);
}

static int32_t delete_many(struct component_call *call)
{
    struct keyvalue *kv = keyvalue_of(call);
    const struct component_list *keys = &call->args[1].list;
    if (is_too_many(keys)) {
        return refuse(call);
    }
    for (size_t i = 0; i < keys->count; i++) {
        keyvalue_delete(kv, keys->items[i].bytes);
    }
    return component_ok(call, 0);
}

static const struct component_func funcs[] = {
    {"delete-many", "bucket", delete_many, NULL},
    {"get-many", "bucket", get_many, NULL},
    {"set-many", "bucket", set_many, NULL},
};

const struct component_interface wasi_keyvalue_batch = {
    .name = "wasi:keyvalue/batch", .funcs = funcs, .func_count = ARRAY_COUNT(funcs)};
