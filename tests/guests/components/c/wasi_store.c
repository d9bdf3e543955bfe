/*
 * A responder over wasi:keyvalue (0.2.0-draft) and wasi:config (0.2.0-rc.1). The bucket is that whose
 * identifier is the query, "" without one. Each answers with lines; an error is "error NAME".
 *
 *   /tour              every function of store, atomics and batch: "STEP ok" or what it said
 *   /set/KEY/VALUE, /get/KEY, /delete/KEY, /exists/KEY
 *   /add/KEY/N         increment by N; N is 1 if it is left out
 *   /large/KEY/N       sets a value of N bytes
 *   /fill/N            sets N keys by one set-many
 *   /keys              all keys, by cursors: "KEYS in PAGES", then each
 *   /config/KEY, /config   one value, or all
 */
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

typedef wasi_keyvalue_store_borrow_bucket_t bucket;
typedef wasi_keyvalue_store_own_bucket_t own_bucket;
typedef wasi_keyvalue_store_error_t store_error;

/* Adds "error NAME" and frees it. */
static void add_error(struct text *text, store_error *err)
{
    static const char *const names[] = {"no-such-store", "access-denied", "other"};
    text_add(text, "error %s", names[err->tag]);
    if (err->tag == WASI_KEYVALUE_STORE_ERROR_OTHER) {
        text_add(text, " %.*s", (int)err->val.other.len, (const char *)err->val.other.ptr);
    }
    text_add(text, "\n");
    wasi_keyvalue_store_error_free(err);
}

static void outcome(struct text *text, const char *name, bool good, store_error *err)
{
    text_add(text, "%s ", name);
    if (good) {
        text_add(text, "ok\n");
    } else {
        add_error(text, err);
    }
}

static bool set(bucket it, const char *key, const char *value, size_t len, store_error *err)
{
    world_string_t name = string_of(key);
    world_list_u8_t bytes = {(uint8_t *)(uintptr_t)value, len};
    return wasi_keyvalue_store_method_bucket_set(it, &name, &bytes, err);
}

static void get(struct text *text, const char *name, bucket it, const char *key)
{
    world_string_t string = string_of(key);
    world_option_list_u8_t value;
    store_error err;
    text_add(text, "%s ", name);
    if (!wasi_keyvalue_store_method_bucket_get(it, &string, &value, &err)) {
        add_error(text, &err);
    } else if (!value.is_some) {
        text_add(text, "none\n");
    } else {
        text_add(text, "some %zu ", value.val.len);
        text_add_bytes(text, value.val.ptr, value.val.len < 100 ? value.val.len : 100);
        text_add(text, "\n");
        world_option_list_u8_free(&value);
    }
}

static void exists(struct text *text, const char *name, bucket it, const char *key)
{
    world_string_t string = string_of(key);
    bool there = false;
    store_error err;
    text_add(text, "%s ", name);
    if (wasi_keyvalue_store_method_bucket_exists(it, &string, &there, &err)) {
        text_add(text, "%s\n", there ? "yes" : "no");
    } else {
        add_error(text, &err);
    }
}

static void drop(struct text *text, const char *name, bucket it, const char *key)
{
    world_string_t string = string_of(key);
    store_error err;
    outcome(text, name, wasi_keyvalue_store_method_bucket_delete(it, &string, &err), &err);
}

static void add(struct text *text, const char *name, bucket it, const char *key, uint64_t delta)
{
    world_string_t string = string_of(key);
    uint64_t sum = 0;
    store_error err;
    text_add(text, "%s ", name);
    if (wasi_keyvalue_atomics_increment(it, &string, delta, &sum, &err)) {
        text_add(text, "%llu\n", (unsigned long long)sum);
    } else {
        add_error(text, &err);
    }
}

static void list_keys(struct text *text, bucket it, bool tell)
{
    struct text keys = {0};
    wasi_keyvalue_store_key_response_t page;
    store_error err;
    uint64_t cursor = 0;
    size_t count = 0;
    size_t pages = 0;
    bool more = true;
    while (more) {
        if (!wasi_keyvalue_store_method_bucket_list_keys(it, pages > 0 ? &cursor : NULL, &page,
                                                         &err)) {
            add_error(&keys, &err);
            break;
        }
        for (size_t i = 0; tell && i < page.keys.len; i++) {
            text_add(&keys, "key %.*s\n", (int)page.keys.ptr[i].len,
                     (const char *)page.keys.ptr[i].ptr);
        }
        count += page.keys.len;
        pages++;
        more = page.cursor.is_some;
        cursor = page.cursor.val;
        wasi_keyvalue_store_key_response_free(&page);
    }
    text_add(text, "keys %zu in %zu\n", count, pages);
    text_add_bytes(text, keys.bytes, keys.len);
    text_free(&keys);
}

static bool set_many(bucket it, uint64_t count, store_error *err)
{
    world_tuple2_string_list_u8_t *pairs = must_alloc((size_t)count * sizeof(*pairs));
    for (uint64_t i = 0; i < count; i++) {
        struct text key = {0};
        text_add(&key, "key-%06llu", (unsigned long long)i);
        pairs[i].f0 = (world_string_t){(uint8_t *)key.bytes, key.len};
        pairs[i].f1 = (world_list_u8_t){(uint8_t *)key.bytes + 4, 6};
    }
    world_list_tuple2_string_list_u8_t list = {pairs, (size_t)count};
    bool good = wasi_keyvalue_batch_set_many(it, &list, err);
    for (uint64_t i = 0; i < count; i++) {
        free(pairs[i].f0.ptr);
    }
    free(pairs);
    return good;
}

static void tour_batch(struct text *text, bucket it)
{
    store_error err;
    world_string_t names[3] = {string_of("key-000000"), string_of("none"), string_of("key-000002")};
    world_list_string_t keys = {names, 3};
    world_list_option_tuple2_string_list_u8_t values;
    outcome(text, "set-many", set_many(it, 3, &err), &err);
    text_add(text, "get-many ");
    if (wasi_keyvalue_batch_get_many(it, &keys, &values, &err)) {
        for (size_t i = 0; i < values.len; i++) {
            if (values.ptr[i].is_some) {
                text_add(text, "%.*s=%.*s ", (int)values.ptr[i].val.f0.len,
                         (const char *)values.ptr[i].val.f0.ptr, (int)values.ptr[i].val.f1.len,
                         (const char *)values.ptr[i].val.f1.ptr);
            } else {
                text_add(text, "none ");
            }
        }
        text_add(text, "\n");
        world_list_option_tuple2_string_list_u8_free(&values);
    } else {
        add_error(text, &err);
    }
    outcome(text, "delete-many", wasi_keyvalue_batch_delete_many(it, &keys, &err), &err);
    exists(text, "deleted", it, "key-000000");
    exists(text, "not-deleted", it, "key-000001");
    drop(text, "delete-last", it, "key-000001");
    keys.len = 0;
    outcome(text, "delete-no-keys", wasi_keyvalue_batch_delete_many(it, &keys, &err), &err);
}

static void tour(struct text *text, bucket it)
{
    store_error err;
    get(text, "get-none", it, "tour");
    exists(text, "exists-none", it, "tour");
    outcome(text, "set", set(it, "tour", "one", 3, &err), &err);
    get(text, "get", it, "tour");
    outcome(text, "set-again", set(it, "tour", "two\0three", 9, &err), &err);
    get(text, "get-again", it, "tour");
    exists(text, "exists", it, "tour");
    outcome(text, "set-empty", set(it, "tour", "", 0, &err), &err);
    get(text, "get-empty", it, "tour");
    outcome(text, "set-no-name", set(it, "", "x", 1, &err), &err);
    get(text, "get-no-name", it, "");
    drop(text, "delete-no-name", it, "");
    drop(text, "delete", it, "tour");
    drop(text, "delete-none", it, "tour");
    add(text, "increment-none", it, "count", 5);
    add(text, "increment", it, "count", 2);
    get(text, "get-count", it, "count");
    outcome(text, "set-text", set(it, "count", "words", 5, &err), &err);
    add(text, "increment-text", it, "count", 1);
    drop(text, "delete-count", it, "count");
    tour_batch(text, it);
    list_keys(text, it, true);
}

/* --- config --------------------------------------------------------------------------------------- */

static void add_config_error(struct text *text, wasi_config_store_error_t *err)
{
    text_add(text, "error %s\n", err->tag == WASI_CONFIG_STORE_ERROR_UPSTREAM ? "upstream" : "io");
    wasi_config_store_error_free(err);
}

static void config(struct text *text, const char *key)
{
    wasi_config_store_error_t err;
    world_list_tuple2_string_string_t all;
    world_option_string_t value;
    world_string_t name = string_of(key);
    if (*key != '\0') {
        if (!wasi_config_store_get(&name, &value, &err)) {
            add_config_error(text, &err);
        } else if (value.is_some) {
            text_add(text, "some %.*s\n", (int)value.val.len, (const char *)value.val.ptr);
            world_option_string_free(&value);
        } else {
            text_add(text, "none\n");
        }
        return;
    }
    if (!wasi_config_store_get_all(&all, &err)) {
        add_config_error(text, &err);
        return;
    }
    for (size_t i = 0; i < all.len; i++) {
        text_add(text, "%.*s=%.*s\n", (int)all.ptr[i].f0.len, (const char *)all.ptr[i].f0.ptr,
                 (int)all.ptr[i].f1.len, (const char *)all.ptr[i].f1.ptr);
    }
    text_add(text, "all %zu\n", all.len);
    world_list_tuple2_string_string_free(&all);
}

/* --- requests ------------------------------------------------------------------------------------- */

static void set_large(struct text *text, bucket it, const char *key, uint64_t len)
{
    store_error err;
    char *value = must_alloc((size_t)len);
    memset(value, 'v', (size_t)len);
    outcome(text, "large", set(it, key, value, (size_t)len, &err), &err);
    free(value);
}

static void act(struct text *text, bucket it, const char *way, char *key)
{
    store_error err;
    char *more = strchr(key, '/');
    const char *argument = "";
    if (more != NULL) {
        *more = '\0';
        argument = more + 1;
    }
    if (strcmp(way, "tour") == 0) {
        tour(text, it);
    } else if (strcmp(way, "set") == 0) {
        outcome(text, "set", set(it, key, argument, strlen(argument), &err), &err);
    } else if (strcmp(way, "get") == 0) {
        get(text, "get", it, key);
    } else if (strcmp(way, "delete") == 0) {
        drop(text, "delete", it, key);
    } else if (strcmp(way, "exists") == 0) {
        exists(text, "exists", it, key);
    } else if (strcmp(way, "add") == 0) {
        add(text, "add", it, key, number_at(&argument, 1));
    } else if (strcmp(way, "large") == 0) {
        set_large(text, it, key, number_at(&argument, 1));
    } else if (strcmp(way, "fill") == 0) {
        const char *count = key;
        outcome(text, "fill", set_many(it, number_at(&count, 1), &err), &err);
    } else if (strcmp(way, "keys") == 0) {
        list_keys(text, it, true);
    } else {
        text_add(text, "no such way\n");
    }
}

static void answer(struct text *text, char *path)
{
    own_bucket own;
    store_error err;
    char *query = strchr(path, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    char *way = path + (*path == '/');
    char *key = strchr(way, '/');
    if (key != NULL) {
        *key++ = '\0';
    } else {
        key = way + strlen(way);
    }
    if (strcmp(way, "config") == 0) {
        config(text, key);
        return;
    }
    world_string_t identifier = string_of(query != NULL ? query : "");
    if (!wasi_keyvalue_store_open(&identifier, &own, &err)) {
        text_add(text, "open ");
        add_error(text, &err);
        return;
    }
    act(text, wasi_keyvalue_store_borrow_bucket(own), way, key);
    wasi_keyvalue_store_bucket_drop_own(own);
}

void exports_wasi_http_incoming_handler_handle(
    exports_wasi_http_incoming_handler_own_incoming_request_t request,
    exports_wasi_http_incoming_handler_own_response_outparam_t param)
{
    struct text text = {0};
    world_string_t target = {0};
    struct exchange exchange = {.request = request, .param = param};
    (void)wasi_http_types_method_incoming_request_path_with_query(
        wasi_http_types_borrow_incoming_request(request), &target);
    char *path = copy_of(target);
    answer(&text, path);
    reply_text(&exchange, 200, &text);
    text_free(&text);
    free(path);
    world_string_free(&target);
    wasi_http_types_incoming_request_drop_own(request);
}
