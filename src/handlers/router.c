/* The table of routes. See router.h.
 *
 * Two levels of hash tables: hosts to groups, and in each group paths to numbers. The operator
 * writes what is in them, so they need no defence against chosen collisions. */
#include "handlers/router.h"

#include <errno.h>
#include <stdlib.h>

#include "http/bytes.h"

enum { TABLE_FIRST = 16 };

static const uint64_t hash_begin = 14695981039346656037U;
static const uint64_t hash_step = 1099511628211U;

/* An open-addressed table of keys that others own. */
struct table_entry {
    uint64_t hash;
    const uint8_t *key; /* borrowed; NULL: free */
    uint32_t len;
    uint32_t value;
};

struct table {
    struct table_entry *entries; /* owned */
    uint32_t cap;                /* a power of two, or 0 */
    uint32_t count;
};

struct router_route {
    uint8_t *path; /* owned; never NULL */
    uint32_t len;
};

struct group {
    char *host; /* owned; "" for any; ".name" for "*.name" */
    struct table exact;
    struct table prefixes;
    uint64_t depths; /* bit n: there is a prefix of n segments */
};

struct router {
    struct group *groups; /* owned; the first one is for any host */
    uint32_t group_count;
    struct table hosts;          /* to groups */
    struct router_route *routes; /* owned: the keys of the tables */
    uint32_t route_count;
    uint32_t route_cap;
};

static uint64_t hash_bytes(uint64_t hash, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * hash_step;
    }
    return hash;
}

/* -- tables ----------------------------------------------------------------------------------- */

/* The entry of a key, or the free one where it would be. The table is never full. */
static struct table_entry *table_slot(const struct table *table, uint64_t hash, struct span key)
{
    uint32_t mask = table->cap - 1;
    uint32_t at = (uint32_t)(hash ^ hash >> 32) & mask;
    for (;;) {
        struct table_entry *entry = &table->entries[at];
        if (entry->key == NULL || (entry->hash == hash && entry->len == key.len &&
                                   memcmp(entry->key, key.data, key.len) == 0)) {
            return entry;
        }
        at = (at + 1) & mask;
    }
}

static const struct table_entry *table_find(const struct table *table, uint64_t hash,
                                            struct span key)
{
    if (table->count == 0) {
        return NULL;
    }
    const struct table_entry *entry = table_slot(table, hash, key);
    return entry->key != NULL ? entry : NULL;
}

static int table_grow(struct table *table)
{
    if ((table->count + 1) * 2 <= table->cap) {
        return 0;
    }
    struct table bigger = {.cap = table->cap == 0 ? TABLE_FIRST : table->cap * 2,
                           .count = table->count};
    bigger.entries = calloc(bigger.cap, sizeof *bigger.entries);
    if (bigger.entries == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < table->cap; i++) {
        const struct table_entry *entry = &table->entries[i];
        if (entry->key != NULL) {
            *table_slot(&bigger, entry->hash, (struct span){entry->key, entry->len}) = *entry;
        }
    }
    free(table->entries);
    *table = bigger;
    return 0;
}

/* `key` must stay. 0, -ENOMEM, or -EEXIST with what is there. */
static int table_add(struct table *table, struct span key, uint32_t value, uint32_t *ret_other)
{
    int r = table_grow(table);
    if (r < 0) {
        return r;
    }
    uint64_t hash = hash_bytes(hash_begin, key.data, key.len);
    struct table_entry *entry = table_slot(table, hash, key);
    if (entry->key != NULL) {
        *ret_other = entry->value;
        return -EEXIST;
    }
    *entry = (struct table_entry){hash, key.data, (uint32_t)key.len, value};
    table->count++;
    return 0;
}

/* -- making ----------------------------------------------------------------------------------- */

static int add_group(struct router *router, const char *host)
{
    struct group *groups =
        realloc(router->groups, (router->group_count + 1) * sizeof *router->groups);
    if (groups == NULL) {
        return -ENOMEM;
    }
    router->groups = groups;
    struct group *group = &groups[router->group_count];
    *group = (struct group){.host = strdup(host)};
    if (group->host == NULL) {
        return -ENOMEM;
    }
    router->group_count++;
    return 0;
}

int router_new(struct router **ret_router)
{
    struct router *router = calloc(1, sizeof *router);
    if (router == NULL) {
        return -ENOMEM;
    }
    int r = add_group(router, "");
    if (r < 0) {
        router_free(router);
        return r;
    }
    *ret_router = router;
    return 0;
}

void router_free(struct router *router)
{
    if (router == NULL) {
        return;
    }
    for (uint32_t i = 0; i < router->group_count; i++) {
        free(router->groups[i].host);
        free(router->groups[i].exact.entries);
        free(router->groups[i].prefixes.entries);
    }
    for (uint32_t i = 0; i < router->route_count; i++) {
        free(router->routes[i].path);
    }
    free(router->groups);
    free(router->hosts.entries);
    free(router->routes);
    free(router);
}

/* Find or make the group of a host. */
static int group_for(struct router *router, const char *host, struct group **ret_group)
{
    if (host == NULL) {
        *ret_group = &router->groups[0];
        return 0;
    }
    host += host[0] == '*' ? 1 : 0;
    struct span key = span_of(host);
    if (key.len >= ROUTER_HOST_MAX) {
        return -EINVAL;
    }
    const struct table_entry *entry =
        table_find(&router->hosts, hash_bytes(hash_begin, key.data, key.len), key);
    uint32_t index = entry != NULL ? entry->value : router->group_count;
    if (index == router->group_count) {
        int r = add_group(router, host);
        if (r < 0) {
            return r;
        }
        uint32_t other = 0;
        r = table_add(&router->hosts, span_of(router->groups[index].host), index, &other);
        if (r < 0) {
            return r;
        }
    }
    *ret_group = &router->groups[index];
    return 0;
}

/* Keep a copy of a path that is a key. */
static int keep_path(struct router *router, struct span path, struct span *ret_key)
{
    if (router->route_count == router->route_cap) {
        uint32_t cap = router->route_cap == 0 ? TABLE_FIRST : router->route_cap * 2;
        struct router_route *routes = realloc(router->routes, cap * sizeof *routes);
        if (routes == NULL) {
            return -ENOMEM;
        }
        router->routes = routes;
        router->route_cap = cap;
    }
    struct router_route *route = &router->routes[router->route_count];
    route->path = malloc(path.len + 1);
    if (route->path == NULL) {
        return -ENOMEM;
    }
    if (path.len > 0) {
        memcpy(route->path, path.data, path.len);
    }
    route->len = (uint32_t)path.len;
    router->route_count++;
    *ret_key = (struct span){route->path, path.len};
    return 0;
}

static unsigned depth_of(struct span path)
{
    unsigned depth = 0;
    for (size_t i = 0; i < path.len; i++) {
        depth += path.data[i] == '/' ? 1 : 0;
    }
    return depth;
}

int router_add(struct router *router, const char *host, struct span path, bool is_prefix,
               uint32_t number, uint32_t *ret_other)
{
    struct group *group = NULL;
    struct span key = {0};
    unsigned depth = is_prefix ? depth_of(path) : 0;
    if (depth > ROUTER_DEPTH_MAX) {
        return -EINVAL;
    }
    int r = group_for(router, host, &group);
    if (r < 0) {
        return r;
    }
    r = keep_path(router, path, &key);
    if (r < 0) {
        return r;
    }
    r = table_add(is_prefix ? &group->prefixes : &group->exact, key, number, ret_other);
    if (r == 0 && is_prefix) {
        group->depths |= UINT64_C(1) << depth;
    }
    return r;
}

/* -- finding ---------------------------------------------------------------------------------- */

size_t router_host(struct span authority, char host[ROUTER_HOST_MAX])
{
    size_t len = authority.len;
    if (len > 0 && authority.data[0] == '[') {
        const uint8_t *bracket = memchr(authority.data, ']', len);
        len = bracket != NULL ? (size_t)(bracket - authority.data) + 1 : 0;
    } else {
        const uint8_t *colon = len > 0 ? memchr(authority.data, ':', len) : NULL;
        len = colon != NULL ? (size_t)(colon - authority.data) : len;
    }
    if (len > 0 && authority.data[len - 1] == '.') {
        len--;
    }
    if (len >= ROUTER_HOST_MAX) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = authority.data[i];
        host[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    return len;
}

/* Where the path's segments end, and the hash of all before. */
struct path_marks {
    struct span path;
    uint64_t hash; /* of all of it */
    unsigned count;
    uint32_t lens[ROUTER_DEPTH_MAX + 1]; /* by number of segments: bytes before the slash */
    uint64_t hashes[ROUTER_DEPTH_MAX + 1];
};

static void mark_path(struct path_marks *marks, struct span path)
{
    uint64_t hash = hash_begin;
    unsigned count = 0;
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] == '/' && count <= ROUTER_DEPTH_MAX) {
            marks->lens[count] = (uint32_t)i;
            marks->hashes[count] = hash;
            count++;
        }
        hash = (hash ^ path.data[i]) * hash_step;
    }
    if (count <= ROUTER_DEPTH_MAX) {
        marks->lens[count] = (uint32_t)path.len;
        marks->hashes[count] = hash;
        count++;
    }
    marks->path = path;
    marks->hash = hash;
    marks->count = count;
}

static bool find_in_group(const struct group *group, const struct path_marks *marks,
                          uint32_t *ret_number)
{
    const struct table_entry *entry = table_find(&group->exact, marks->hash, marks->path);
    uint64_t depths = group->depths;
    if (marks->count < 64) {
        depths &= (UINT64_C(1) << marks->count) - 1;
    }
    while (entry == NULL && depths != 0) {
        unsigned depth = 63 - (unsigned)__builtin_clzll(depths);
        depths &= ~(UINT64_C(1) << depth);
        entry = table_find(&group->prefixes, marks->hashes[depth],
                           (struct span){marks->path.data, marks->lens[depth]});
    }
    if (entry == NULL) {
        return false;
    }
    *ret_number = entry->value;
    return true;
}

static bool find_at_host(const struct router *router, struct span host,
                         const struct path_marks *marks, uint32_t *ret_number)
{
    const struct table_entry *entry =
        table_find(&router->hosts, hash_bytes(hash_begin, host.data, host.len), host);
    return entry != NULL && find_in_group(&router->groups[entry->value], marks, ret_number);
}

/* The name itself, then ".name" of each domain above it, longest first. */
static bool find_at_hosts(const struct router *router, struct span host,
                          const struct path_marks *marks, uint32_t *ret_number)
{
    if (find_at_host(router, host, marks, ret_number)) {
        return true;
    }
    for (size_t i = 1; i < host.len; i++) {
        if (host.data[i] == '.' &&
            find_at_host(router, (struct span){host.data + i, host.len - i}, marks, ret_number)) {
            return true;
        }
    }
    return false;
}

bool router_find(const struct router *router, struct span authority, struct span path,
                 uint32_t *ret_number)
{
    struct path_marks marks;
    mark_path(&marks, path);
    if (router->hosts.count > 0) {
        char host[ROUTER_HOST_MAX];
        size_t len = router_host(authority, host);
        /* A name that begins with a dot is nobody's, and would look like the key of a wildcard. */
        if (len > 0 && host[0] != '.' &&
            find_at_hosts(router, (struct span){(const uint8_t *)host, len}, &marks, ret_number)) {
            return true;
        }
    }
    return find_in_group(&router->groups[0], &marks, ret_number);
}
