/* Lists of fields: memory, and what a name or a value may be. See fields.h.
 *
 * Bytes lie in the list itself and then in chunks, which never move, so items can point at them. What
 * is removed stays behind as garbage until there is more of it than of the rest. */
#include "imports/wasi_http/fields.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "http/bytes.h"
#include "http/transaction.h"

enum { CHUNK_MIN = 1024, GARBAGE_MIN = 4096 };

struct field_chunk {
    struct field_chunk *next;
    size_t used;
    size_t cap;
    uint8_t bytes[];
};

int http_bytes_take(struct guest *guest, size_t len)
{
    if (len > GUEST_HTTP_BYTES_MAX - guest->http_bytes) {
        return -ENOMEM;
    }
    guest->http_bytes += len;
    return 0;
}

void http_bytes_give(struct guest *guest, size_t len)
{
    assert(guest->http_bytes >= len);
    guest->http_bytes -= len;
}

void field_list_init(struct field_list *list, struct guest *guest)
{
    list->items = list->first_items;
    list->cap = FIELD_LIST_INLINE;
    list->guest = guest;
}

static void free_chunks(const struct field_list *list, struct field_chunk *chunk)
{
    while (chunk != NULL) {
        struct field_chunk *next = chunk->next;
        http_bytes_give(list->guest, chunk->cap);
        free(chunk);
        chunk = next;
    }
}

void field_list_done(struct field_list *list)
{
    free_chunks(list, list->chunks);
    list->chunks = NULL;
    if (list->items != list->first_items) {
        http_bytes_give(list->guest, list->cap * sizeof *list->items);
        free(list->items);
    }
    list->items = list->first_items;
    list->count = 0;
}

/* Put a new chunk first. */
static int add_chunk(struct field_list *list, size_t cap)
{
    if (http_bytes_take(list->guest, cap) < 0) {
        return -ENOMEM;
    }
    struct field_chunk *chunk = malloc(sizeof *chunk + cap);
    if (chunk == NULL) {
        http_bytes_give(list->guest, cap);
        return -ENOMEM;
    }
    *chunk = (struct field_chunk){.next = list->chunks, .cap = cap};
    list->chunks = chunk;
    return 0;
}

/* Room for `len` bytes that will not move. NULL without memory. */
static uint8_t *take_room(struct field_list *list, size_t len)
{
    if (len <= FIELD_LIST_BYTES - list->used) {
        uint8_t *bytes = list->first_bytes + list->used;
        list->used += (uint32_t)len;
        return bytes;
    }
    struct field_chunk *chunk = list->chunks;
    if (chunk == NULL || len > chunk->cap - chunk->used) {
        size_t cap = list->size > CHUNK_MIN ? list->size : CHUNK_MIN; /* twice as much in all */
        if (add_chunk(list, len > cap ? len : cap) < 0) {
            return NULL;
        }
        chunk = list->chunks;
    }
    uint8_t *bytes = chunk->bytes + chunk->used;
    chunk->used += len;
    return bytes;
}

static int reserve_items(struct field_list *list, uint32_t more)
{
    if (more <= list->cap - list->count) {
        return 0;
    }
    uint32_t cap = list->cap * 2 > list->count + more ? list->cap * 2 : list->count + more;
    size_t len = cap * sizeof *list->items;
    if (http_bytes_take(list->guest, len) < 0) {
        return -ENOMEM;
    }
    bool is_owned = list->items != list->first_items;
    struct http_header *items = realloc(is_owned ? list->items : NULL, len);
    if (items == NULL) {
        http_bytes_give(list->guest, len);
        return -ENOMEM;
    }
    if (is_owned) {
        http_bytes_give(list->guest, list->cap * sizeof *list->items);
    } else {
        memcpy(items, list->first_items, list->count * sizeof *items);
    }
    list->items = items;
    list->cap = cap;
    return 0;
}

static size_t field_cost(const struct http_header *field)
{
    return field->name.len + field->value.len + FIELD_COST;
}

/* False when a byte is none of a token. */
static bool copy_lower(uint8_t *to, struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        to[i] = http_lower[name.data[i]];
        if (to[i] == 0) {
            return false;
        }
    }
    return name.len > 0;
}

/* Append at `bytes`, where there is room for it. */
static void put_item(struct field_list *list, uint8_t *bytes, size_t name_len, struct span value)
{
    uint8_t *to = bytes + name_len;
    if (value.len > 0) {
        memcpy(to, value.data, value.len);
    }
    struct http_header *item = &list->items[list->count];
    *item = (struct http_header){{bytes, name_len}, {to, value.len}};
    list->count++;
    list->size += field_cost(item);
}

int field_list_add(struct field_list *list, struct span name, struct span value)
{
    uint8_t *bytes = reserve_items(list, 1) == 0 ? take_room(list, name.len + value.len) : NULL;
    if (bytes == NULL) {
        return -ENOMEM;
    }
    bool is_token = copy_lower(bytes, name);
    assert(is_token);
    (void)is_token; /* without asserts */
    put_item(list, bytes, name.len, value);
    return 0;
}

int field_list_copy(struct field_list *list, const struct http_header *headers, uint32_t count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        len += headers[i].name.len + headers[i].value.len;
    }
    int r = reserve_items(list, count);
    if (r == 0 && len > FIELD_LIST_BYTES - list->used) {
        r = add_chunk(list, len);
    }
    if (r < 0) {
        return r;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct span name = headers[i].name;
        uint8_t *bytes = take_room(list, name.len + headers[i].value.len);
        if (bytes == NULL) {
            return -ENOMEM;
        }
        if (copy_lower(bytes, name) && !field_is_forbidden(name)) {
            put_item(list, bytes, name.len, headers[i].value);
        }
    }
    return 0;
}

uint32_t field_list_find(const struct field_list *list, struct span name, uint32_t at)
{
    while (at < list->count && !http_is_same_name(list->items[at].name, name)) {
        at++;
    }
    return at;
}

/* Move what is left into one chunk of its own. Without memory it stays as it is. */
static void collect_garbage(struct field_list *list)
{
    struct field_chunk *old = list->chunks;
    size_t live = list->size - (size_t)list->count * FIELD_COST;
    if (add_chunk(list, live) < 0) {
        return;
    }
    uint8_t *to = list->chunks->bytes;
    list->chunks->used = live;
    list->chunks->next = NULL;
    for (uint32_t i = 0; i < list->count; i++) {
        struct http_header *item = &list->items[i];
        uint8_t *name = to;
        memcpy(name, item->name.data, item->name.len);
        to += item->name.len;
        memcpy(to, item->value.data, item->value.len);
        *item = (struct http_header){{name, item->name.len}, {to, item->value.len}};
        to += item->value.len;
    }
    free_chunks(list, old);
    list->used = 0;
    list->garbage = 0;
}

static void may_collect(struct field_list *list)
{
    if (list->garbage > GARBAGE_MIN && list->garbage > list->size) {
        collect_garbage(list);
    }
}

void field_list_remove(struct field_list *list, struct span name, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct http_header *item = &list->items[i];
        if (i < count && http_is_same_name(item->name, name)) {
            list->size -= field_cost(item);
            list->garbage += item->name.len + item->value.len;
        } else {
            list->items[kept] = *item;
            kept++;
        }
    }
    list->count = kept;
    may_collect(list);
}

void field_list_cut(struct field_list *list, uint32_t count)
{
    while (list->count > count) {
        const struct http_header *item = &list->items[list->count - 1];
        list->size -= field_cost(item);
        list->garbage += item->name.len + item->value.len;
        list->count--;
    }
    may_collect(list);
}

bool field_is_forbidden(struct span name)
{
    switch (name.len) {
    case 4:
        return http_is_name(name, "host");
    case 7:
        return http_is_name(name, "trailer") || http_is_hop_by_hop(name);
    case 18:
        return http_is_name(name, "proxy-authenticate");
    case 19:
        return http_is_name(name, "proxy-authorization");
    default:
        return http_is_hop_by_hop(name);
    }
}

int field_parse_length(struct span value, int64_t *ret_length)
{
    uint64_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t digit = (uint8_t)(value.data[i] - '0');
        if (digit > 9 || length > ((uint64_t)INT64_MAX - digit) / 10) {
            return -EINVAL;
        }
        length = length * 10 + digit;
    }
    if (value.len == 0) {
        return -EINVAL;
    }
    *ret_length = (int64_t)length;
    return 0;
}

int64_t field_list_length(const struct field_list *list)
{
    static const struct span name = {(const uint8_t *)"content-length", 14};
    int64_t length = HTTP_LENGTH_UNKNOWN;
    uint32_t at = field_list_find(list, name, 0);
    if (at < list->count) {
        (void)field_parse_length(list->items[at].value, &length); /* unknown it is */
    }
    return length;
}
