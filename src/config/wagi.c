/* WAGI's modules.toml, read as it is: each [[module]] becomes a route of the kind SERVE_WAGI.
 *
 * The keys are those of WAGI 0.8, and `environment` and `host` of the versions before it. What
 * differs: keys that WAGI would have passed over in silence are refused, and a relative path is
 * looked for beside the file first, then where hythe runs, as WAGI did. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "config/serve_keys.h"
#include "config/serve_route.h"
#include "config/serve_values.h"

/* Read one key of [[module]] into its route. As serve_read_fn. */
typedef int wagi_read_fn(struct serve_reader *reader, const struct toml_value *value,
                         struct serve_route *route);

/* A row of [[route]] or [guest] that reads the same kind of value. */
static const struct serve_key *row(enum serve_table_id table, const char *name)
{
    return serve_key_find(serve_table(table), name);
}

static void mark_own(struct serve_route *route, const char *name)
{
    const struct serve_key *key = row(SERVE_TABLE_GUEST, name);
    route->guest_keys |= UINT64_C(1) << (key - serve_table(SERVE_TABLE_GUEST)->keys);
}

static int read_route(struct serve_reader *reader, const struct toml_value *value,
                      struct serve_route *route)
{
    return serve_read_route_path(reader, row(SERVE_TABLE_MODULE, "route"), value, route);
}

/* A path beside the file, or else where hythe runs. NULL without memory. */
static char *find_path(const struct serve_reader *reader, const char *path)
{
    char *beside = serve_path(reader, path);
    if (beside != NULL && access(beside, F_OK) < 0 && access(path, F_OK) == 0) {
        free(beside);
        return strdup(path);
    }
    return beside;
}

/* The path that a module reference names, or NULL after refusing it. */
static const char *module_path(struct serve_reader *reader, const struct toml_value *value)
{
    static const char *const remote[] = {"bindle:", "oci:", "parcel:", "http:", "https:"};
    char quoted[SERVE_QUOTE_MAX];
    const char *text = serve_string(reader, row(SERVE_TABLE_MODULE, "module"), value);
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_COUNT(remote); i++) {
        if (strncmp(text, remote[i], strlen(remote[i])) == 0) {
            (void)serve_refuse(reader, value->place, /* the caller gives up either way */
                               "hythe fetches no modules; get '%s' into a file and name that",
                               serve_quote(text, quoted));
            return NULL;
        }
    }
    const char *path = strncmp(text, "file://", 7) == 0 ? text + 7 : text;
    path = strncmp(path, "localhost/", 10) == 0 && path != text ? path + 9 : path;
    if (path[0] == '\0') {
        (void)serve_refuse(reader, value->place, "module is empty"); /* as above */
        return NULL;
    }
    return path;
}

static int read_module(struct serve_reader *reader, const struct toml_value *value,
                       struct serve_route *route)
{
    const char *path = module_path(reader, value);
    if (path == NULL) {
        return -EINVAL;
    }
    route->module = find_path(reader, path);
    return route->module == NULL ? -ENOMEM : 0;
}

/* WAGI compared the Host header, and a port in it did not count. */
static int read_host(struct serve_reader *reader, const struct toml_value *value,
                     struct serve_route *route)
{
    const struct serve_key *key = row(SERVE_TABLE_MODULE, "host");
    const char *text = serve_string(reader, key, value);
    if (text == NULL) {
        return -EINVAL;
    }
    const char *bracket = strrchr(text, ']');
    size_t len = bracket != NULL ? (size_t)(bracket + 1 - text) : strcspn(text, ":");
    char *name = strndup(text, len);
    struct toml_value *made = name != NULL ? toml_new_text(TOML_STRING, name) : NULL;
    int r = -ENOMEM;
    if (made != NULL) {
        made->place = value->place;
        r = serve_read_route_host(reader, key, made, &route->host);
    }
    toml_free(made);
    free(name);
    return r;
}

static int read_entrypoint(struct serve_reader *reader, const struct toml_value *value,
                           struct serve_route *route)
{
    return serve_read_text(reader, row(SERVE_TABLE_MODULE, "entrypoint"), value, &route->entry);
}

static int read_argv(struct serve_reader *reader, const struct toml_value *value,
                     struct serve_route *route)
{
    return serve_read_text(reader, row(SERVE_TABLE_MODULE, "argv"), value, &route->argv);
}

/* The guest's name of a directory is the key, hythe's the value. */
static int add_volume(struct serve_reader *reader, const struct toml_value *item,
                      struct serve_route *route)
{
    const char *text = serve_string(reader, row(SERVE_TABLE_MODULE, "volumes"), item);
    if (text == NULL || text[0] == '\0' || item->key[0] == '\0') {
        return text == NULL ? -EINVAL
                            : serve_refuse(reader, item->place, "a volume takes two names");
    }
    char *host = find_path(reader, text);
    int r = host == NULL ? -ENOMEM
                         : serve_dirs_add(&route->guest, host, item->key, /* is_read_only */ false);
    free(host);
    return r;
}

static int read_volumes(struct serve_reader *reader, const struct toml_value *value,
                        struct serve_route *route)
{
    if (value->type != TOML_TABLE) {
        return serve_refuse(reader, value->place,
                            "volumes takes a table: { \"/in/the/guest\" = \"/on/the/host\" }");
    }
    mark_own(route, "dirs");
    for (const struct toml_value *item = value->first; item != NULL; item = item->next) {
        int r = add_volume(reader, item, route);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_environment(struct serve_reader *reader, const struct toml_value *value,
                            struct serve_route *route)
{
    const struct serve_key *key = row(SERVE_TABLE_MODULE, "environment");
    return serve_read_env(reader, key, value, &route->guest.env);
}

static int read_allowed_hosts(struct serve_reader *reader, const struct toml_value *value,
                              struct serve_route *route)
{
    const struct serve_key *key = row(SERVE_TABLE_MODULE, "allowed_hosts");
    mark_own(route, "allow_http");
    return serve_read_list(reader, key, value, &route->guest.allow_http);
}

static int read_concurrency(struct serve_reader *reader, const struct toml_value *value,
                            struct serve_route *route)
{
    mark_own(route, "http_concurrency");
    return serve_read_u32(reader, row(SERVE_TABLE_GUEST, "http_concurrency"), value,
                          &route->guest.http_concurrency);
}

/* Where bindles would have come from; a module that needs one is refused by its own name. */
static int read_nothing(struct serve_reader *reader, const struct toml_value *value,
                        struct serve_route *route)
{
    (void)route;
    return serve_string(reader, row(SERVE_TABLE_MODULE, "repository"), value) == NULL ? -EINVAL : 0;
}

static wagi_read_fn *find_reader(const char *name)
{
    static const struct {
        const char *name;
        wagi_read_fn *read;
    } rows[] = {
        {"route", read_route},
        {"module", read_module},
        {"host", read_host},
        {"entrypoint", read_entrypoint},
        {"argv", read_argv},
        {"volumes", read_volumes},
        {"environment", read_environment},
        {"allowed_hosts", read_allowed_hosts},
        {"http_max_concurrency", read_concurrency},
        {"bindle_server", read_nothing},
        {"repository", read_nothing},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].read;
        }
    }
    return NULL;
}

static int read_key(struct serve_reader *reader, const struct toml_value *value,
                    struct serve_route *route)
{
    wagi_read_fn *read = find_reader(value->key);
    if (read != NULL) {
        return read(reader, value, route);
    }
    const struct serve_target target = {.table = serve_table(SERVE_TABLE_MODULE)};
    return serve_refuse_key(reader, &target, value);
}

int serve_read_module(struct serve_reader *reader, const struct toml_value *item)
{
    struct serve_route *route = serve_route_new(reader->config, item->place);
    if (route == NULL) {
        return -ENOMEM;
    }
    uint32_t wrong_before = reader->wrong_count;
    route->kind = SERVE_WAGI;
    for (const struct toml_value *value = item->first; value != NULL; value = value->next) {
        if (read_key(reader, value, route) == -ENOMEM) {
            return -ENOMEM;
        }
    }
    if (reader->wrong_count > wrong_before) {
        return -EINVAL;
    }
    if (route->path == NULL || route->module == NULL) {
        return serve_refuse(reader, item->place, "[[module]] needs a route and a module");
    }
    return serve_route_settle(reader, route);
}
