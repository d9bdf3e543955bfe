/* Keys and values in memory. See store.h. */
#include "imports/wasi_keyvalue/store.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/list.h"
#include "base/num.h"

enum { NUMBER_MAX = 20 /* digits of UINT64_MAX */ };

struct kv_entry {
    struct span key;  /* first, for compare; in `bytes` */
    struct list node; /* in the order in which the keys came */
    uint64_t number;  /* grows along that order */
    uint8_t *value;   /* owned; NULL when empty */
    size_t value_len;
    uint8_t bytes[];
};

struct keyvalue {
    struct keyvalue_limits limits;
    void *tree; /* the C library's search tree, of owned entries: balanced whatever guests do */
    size_t count;
    size_t bytes; /* as in the limits */
    struct list in_order;
    uint64_t last_number;
};

struct keyvalue *keyvalue_new(const struct keyvalue_limits *limits)
{
    struct keyvalue *kv = calloc(1, sizeof *kv);
    if (kv != NULL) {
        kv->limits = *limits;
        list_init(&kv->in_order);
    }
    return kv;
}

static void entry_free(void *data)
{
    struct kv_entry *entry = data;
    free(entry->value);
    free(entry);
}

void keyvalue_free(struct keyvalue *kv)
{
    if (kv != NULL) {
        tdestroy(kv->tree, entry_free);
        free(kv);
    }
}

/* -- finding ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct span *key = a;
    const struct span *other = b;
    size_t len = key->len < other->len ? key->len : other->len;
    int order = len > 0 ? memcmp(key->data, other->data, len) : 0;
    if (order != 0) {
        return order;
    }
    return key->len < other->len ? -1 : key->len > other->len;
}

static struct kv_entry *find(const struct keyvalue *kv, struct span key)
{
    struct kv_entry *const *found = tfind(&key, &kv->tree, compare);
    return found != NULL ? *found : NULL;
}

bool keyvalue_get(const struct keyvalue *kv, struct span key, struct span *ret_value)
{
    const struct kv_entry *entry = find(kv, key);
    if (entry == NULL) {
        return false;
    }
    *ret_value = (struct span){entry->value, entry->value_len};
    return true;
}

/* -- changing --------------------------------------------------------------------------------- */

/* With the tree's node, of about three pointers. */
static size_t cost(size_t key_len, size_t value_len)
{
    return sizeof(struct kv_entry) + 3 * sizeof(void *) + key_len + value_len;
}

static int copy(struct span bytes, uint8_t **ret_copy)
{
    uint8_t *data = NULL;
    if (bytes.len > 0) {
        data = malloc(bytes.len);
        if (data == NULL) {
            return -ENOMEM;
        }
        memcpy(data, bytes.data, bytes.len);
    }
    *ret_copy = data;
    return 0;
}

/* Is there room for `more` bytes in the place of `less`? Both lengths are of things in memory: their sum
 * does not wrap. */
static bool has_room(const struct keyvalue *kv, size_t less, size_t more)
{
    return more <= kv->limits.bytes && kv->bytes - less <= kv->limits.bytes - more;
}

static int replace(struct keyvalue *kv, struct kv_entry *entry, struct span value)
{
    uint8_t *data = NULL;
    if (!has_room(kv, entry->value_len, value.len)) {
        return -ENOSPC;
    }
    int r = copy(value, &data);
    if (r < 0) {
        return r;
    }
    free(entry->value);
    kv->bytes = kv->bytes - entry->value_len + value.len;
    entry->value = data;
    entry->value_len = value.len;
    return 0;
}

static struct kv_entry *entry_new(struct span key, struct span value)
{
    struct kv_entry *entry = calloc(1, sizeof *entry + key.len);
    if (entry == NULL) {
        return NULL;
    }
    if (copy(value, &entry->value) < 0) {
        free(entry);
        return NULL;
    }
    entry->value_len = value.len;
    if (key.len > 0) {
        memcpy(entry->bytes, key.data, key.len);
    }
    entry->key = (struct span){entry->bytes, key.len};
    return entry;
}

static int insert(struct keyvalue *kv, struct span key, struct span value)
{
    size_t bytes = cost(key.len, value.len);
    if (kv->count >= kv->limits.keys || !has_room(kv, 0 /* less */, bytes)) {
        return -ENOSPC;
    }
    struct kv_entry *entry = entry_new(key, value);
    if (entry == NULL) {
        return -ENOMEM;
    }
    if (tsearch(entry, &kv->tree, compare) == NULL) {
        entry_free(entry);
        return -ENOMEM;
    }
    kv->last_number++;
    entry->number = kv->last_number;
    list_append(&kv->in_order, &entry->node);
    kv->count++;
    kv->bytes += bytes;
    return 0;
}

int keyvalue_set(struct keyvalue *kv, struct span key, struct span value)
{
    struct kv_entry *entry = find(kv, key);
    return entry != NULL ? replace(kv, entry, value) : insert(kv, key, value);
}

void keyvalue_delete(struct keyvalue *kv, struct span key)
{
    struct kv_entry *entry = find(kv, key);
    if (entry == NULL) {
        return;
    }
    size_t bytes = cost(entry->key.len, entry->value_len);
    assert(kv->bytes >= bytes && kv->count > 0);
    (void)tdelete(entry, &kv->tree, compare); /* it was found */
    kv->bytes -= bytes;
    kv->count--;
    list_remove(&entry->node);
    entry_free(entry);
}

static int parse(struct span text, uint64_t *ret_number)
{
    char digits[NUMBER_MAX + 1];
    if (text.len == 0 || text.len > NUMBER_MAX || memchr(text.data, '\0', text.len) != NULL) {
        return -EINVAL;
    }
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    return num_parse_u64(digits, UINT64_MAX, ret_number) < 0 ? -EINVAL : 0;
}

int keyvalue_increment(struct keyvalue *kv, struct span key, uint64_t delta, uint64_t *ret_value)
{
    char digits[NUMBER_MAX + 1];
    struct span text;
    uint64_t number = 0;
    if (keyvalue_get(kv, key, &text)) {
        int r = parse(text, &number);
        if (r < 0) {
            return r;
        }
    }
    if (delta > UINT64_MAX - number) {
        return -ERANGE;
    }
    number += delta;
    int len = snprintf(digits, sizeof digits, "%" PRIu64, number);
    int r = keyvalue_set(kv, key, (struct span){(const uint8_t *)digits, (size_t)len});
    if (r == 0) {
        *ret_value = number;
    }
    return r;
}

/* -- listing ---------------------------------------------------------------------------------- */

static const struct kv_entry *first_after(const struct keyvalue *kv, uint64_t number)
{
    struct list *node = kv->in_order.next;
    while (node != &kv->in_order && container_of(node, struct kv_entry, node)->number <= number) {
        node = node->next;
    }
    return node != &kv->in_order ? container_of(node, struct kv_entry, node) : NULL;
}

static const struct kv_entry *after(const struct keyvalue *kv, const struct kv_entry *entry)
{
    struct list *node = entry->node.next;
    return node != &kv->in_order ? container_of(node, struct kv_entry, node) : NULL;
}

bool keyvalue_next(struct keyvalue_walk *walk, struct span *ret_key)
{
    const struct kv_entry *entry =
        walk->at != NULL ? after(walk->kv, walk->at) : first_after(walk->kv, walk->cursor);
    if (entry == NULL) {
        return false;
    }
    walk->at = entry;
    walk->cursor = entry->number;
    *ret_key = entry->key;
    return true;
}
