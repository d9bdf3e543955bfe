/* Routes among each other and with the defaults of [guest]. See serve_route.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "config/serve_route.h"
#include "config/serve_values.h"

/* -- defaults --------------------------------------------------------------------------------- */

static bool has_own(const struct serve_route *route, const char *name)
{
    const struct serve_table *table = serve_table(SERVE_TABLE_GUEST);
    const struct serve_key *key = serve_key_find(table, name);
    return (route->guest_keys >> (key - table->keys) & 1) != 0;
}

static int inherit_strings(const struct serve_route *route, const char *name, struct strings *to,
                           const struct strings *from)
{
    if (has_own(route, name)) {
        return 0;
    }
    strings_done(to);
    for (size_t i = 0; i < from->count; i++) {
        int r = strings_add(to, from->items[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int inherit_dirs(struct serve_route *route, const struct serve_guest *from)
{
    struct serve_guest *to = &route->guest;
    if (has_own(route, "dirs")) {
        return 0;
    }
    serve_dirs_clear(to);
    for (uint32_t i = 0; i < from->dir_count; i++) {
        const struct serve_dir *dir = &from->dirs[i];
        int r = serve_dirs_add(to, dir->host, dir->guest, dir->is_read_only);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Variables are added up, the route's own winning. */
static int inherit_pairs(struct serve_pairs *to, const struct serve_pairs *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        bool is_own = false;
        for (uint32_t j = 0; j < to->count; j++) {
            is_own = is_own || strcmp(to->items[j].name, from->items[i].name) == 0;
        }
        int r = is_own ? 0 : serve_pairs_add(to, from->items[i].name, from->items[i].value);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void inherit_limits(struct serve_route *route, const struct serve_guest *from)
{
    struct serve_guest *to = &route->guest;
    to->net = has_own(route, "net") ? to->net : from->net;
    to->max_memory = has_own(route, "memory") ? to->max_memory : from->max_memory;
    to->cpu_ns = has_own(route, "cpu") ? to->cpu_ns : from->cpu_ns;
    to->wall_ns = has_own(route, "wall") ? to->wall_ns : from->wall_ns;
    to->max_fds = has_own(route, "descriptors") ? to->max_fds : from->max_fds;
    to->output_max = has_own(route, "stderr") ? to->output_max : from->output_max;
    to->http_concurrency =
        has_own(route, "http_concurrency") ? to->http_concurrency : from->http_concurrency;
}

int serve_route_inherit(struct serve_route *route, const struct serve_guest *defaults)
{
    struct serve_guest *guest = &route->guest;
    const struct {
        const char *name;
        struct strings *to;
        const struct strings *from;
    } lists[] = {
        {"allow_http", &guest->allow_http, &defaults->allow_http},
        {"allow_connect", &guest->allow_connect, &defaults->allow_connect},
        {"allow_listen", &guest->allow_listen, &defaults->allow_listen},
        {"hosts", &guest->hosts, &defaults->hosts},
    };
    inherit_limits(route, defaults);
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        int r = inherit_strings(route, lists[i].name, lists[i].to, lists[i].from);
        if (r < 0) {
            return r;
        }
    }
    int r = inherit_dirs(route, defaults);
    r = r < 0 ? r : inherit_pairs(&guest->env, &defaults->env);
    return r < 0 ? r : inherit_pairs(&guest->config, &defaults->config);
}

/* -- all routes ------------------------------------------------------------------------------- */

/* By host, path and prefix; the same ones in the order of the file. */
static int compare_routes(const void *a, const void *b)
{
    const struct serve_route *left = *(const struct serve_route *const *)a;
    const struct serve_route *right = *(const struct serve_route *const *)b;
    int order = strcmp(left->name, right->name);
    if (order != 0) {
        return order;
    }
    if (left->place.line != right->place.line) {
        return left->place.line < right->place.line ? -1 : 1;
    }
    return left->place.column < right->place.column ? -1 : left->place.column > right->place.column;
}

int serve_routes_compare(struct serve_reader *reader)
{
    const struct serve_config *config = reader->config;
    const struct serve_route **routes = calloc(config->route_count + (size_t)1, sizeof *routes);
    if (routes == NULL) {
        return -ENOMEM;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < config->route_count; i++) {
        if (config->routes[i].name != NULL) { /* not one that was refused */
            routes[count] = &config->routes[i];
            count++;
        }
    }
    qsort(routes, count, sizeof(const struct serve_route *), compare_routes);
    int r = 0;
    for (uint32_t i = 1; i < count && r != -ENOMEM; i++) {
        char quoted[SERVE_QUOTE_MAX];
        if (strcmp(routes[i - 1]->name, routes[i]->name) == 0) {
            r = serve_refuse(reader, routes[i]->place, "%s is also the route of line %u",
                             serve_quote(routes[i]->name, quoted), routes[i - 1]->place.line);
        }
    }
    free(routes);
    return r;
}
