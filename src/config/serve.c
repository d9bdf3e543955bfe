/* The configuration of `hythe serve`: defaults, single keys, and what no single key can tell. See
 * serve.h. */
#include "config/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/command_line.h"
#include "config/serve_keys.h"
#include "config/serve_route.h"
#include "config/serve_values.h"

enum { LINES_MAX = 64 << 10, KEY_NAME_MAX = 64, KEYS_MAX = 128 };

#define SECONDS(n) ((uint64_t)(n)*1000000000)
#define DEFAULT_ADDRESS "127.0.0.1:8080"

void serve_config_init(struct serve_config *config)
{
    *config = (struct serve_config){
        .timeouts = {.tls_ns = SECONDS(10),
                     .header_ns = SECONDS(10),
                     .body_ns = SECONDS(30),
                     .write_ns = SECONDS(30),
                     .idle_ns = SECONDS(60)},
        .limits = {.head_bytes = 64 << 10,
                   .header_count = 128,
                   .target_bytes = 16 << 10,
                   .connections = 10000,
                   .requests = 256,
                   .http2_streams = 128,
                   .module_bytes = 256 << 20,
                   .compile_cpu_ns = SECONDS(600)},
        .guest = {.max_memory = 128 << 20,
                  .cpu_ns = SECONDS(10),
                  .wall_ns = SECONDS(60),
                  .max_fds = 1024,
                  .output_max = 64 << 10},
        .grace_ns = SECONDS(30),
    };
}

void serve_config_done(struct serve_config *config)
{
    for (uint32_t i = 0; i < config->listener_count; i++) {
        free(config->listeners[i].address);
        strings_done(&config->listeners[i].proxy_from);
    }
    for (uint32_t i = 0; i < config->tls.certificate_count; i++) {
        free(config->tls.certificates[i].certificate);
        free(config->tls.certificates[i].key);
    }
    for (uint32_t i = 0; i < config->route_count; i++) {
        serve_route_done(&config->routes[i]);
    }
    serve_guest_done(&config->guest);
    free(config->listeners);
    free(config->tls.certificates);
    free(config->tls.client_ca);
    free(config->routes);
    free(config->path);
    free(config->log.access);
    free(config->admin);
    free(config->otlp);
    free(config->user);
    free(config->group);
    free(config->cache_dir);
    *config = (struct serve_config){0};
}

/* -- single keys ------------------------------------------------------------------------------ */

/* Where a key outside of the file goes: its row, and the struct that has it. */
struct place_of_key {
    const struct serve_key *key;
    void *base;
    uint64_t *given; /* of a route's guest key, else NULL */
};

/* A key of [[route]] or of [guest] in it: that of the route of `hythe serve MODULE`. */
static bool find_in_route(struct serve_config *config, const char *name,
                          struct place_of_key *ret_place)
{
    const struct serve_table *guest = serve_table(SERVE_TABLE_GUEST);
    struct serve_route *route = &config->routes[config->route_count - 1];
    *ret_place = (struct place_of_key){.key = serve_key_find(serve_table(SERVE_TABLE_ROUTE), name),
                                       .base = route};
    if (ret_place->key == NULL) {
        *ret_place = (struct place_of_key){
            .key = serve_key_find(guest, name), .base = &route->guest, .given = &route->guest_keys};
    }
    return ret_place->key != NULL;
}

static int refuse_key(const char *key, struct error *err)
{
    const char *names[KEYS_MAX];
    uint32_t count = 0;
    while (count < KEYS_MAX && serve_config_key(count) != NULL) {
        names[count] = serve_config_key(count);
        count++;
    }
    const char *nearest = command_line_nearest(key, names, count);
    char quoted[SERVE_QUOTE_MAX];
    if (nearest != NULL) {
        return error_set(err, -EINVAL, "there is no key '%s'; did you mean '%s'?",
                         serve_quote(key, quoted), nearest);
    }
    return error_set(err, -EINVAL, "there is no key '%s'; hythe.toml(5) lists all",
                     serve_quote(key, quoted));
}

static int find_key(struct serve_config *config, const char *key, struct place_of_key *ret_place,
                    struct error *err)
{
    char table_name[KEY_NAME_MAX] = "";
    const char *dot = strrchr(key, '.');
    const char *name = dot != NULL ? dot + 1 : key;
    size_t len = dot != NULL ? (size_t)(dot - key) : 0;
    if (len >= sizeof table_name) {
        return refuse_key(key, err);
    }
    memcpy(table_name, key, len);
    const struct serve_table *table = serve_table_find(table_name);
    if (table == serve_table(SERVE_TABLE_ROUTE)) {
        if (config->path != NULL || config->route_count == 0) {
            return error_set(err, -EINVAL, "%s is a route's; write it into its [[route]]", key);
        }
        return find_in_route(config, name, ret_place) ? 0 : refuse_key(key, err);
    }
    const struct serve_key *row = table != NULL ? serve_key_find(table, name) : NULL;
    if (row == NULL) {
        return refuse_key(key, err);
    }
    if (table->read_item != NULL) {
        return error_set(err, -EINVAL, "%s is in a list of tables; write it into a file", key);
    }
    *ret_place = (struct place_of_key){.key = row, .base = (char *)config + table->field};
    return 0;
}

int serve_config_set(struct serve_config *config, const char *key, const char *value,
                     struct error *err)
{
    struct place_of_key place = {0};
    int r = find_key(config, key, &place, err);
    if (r < 0 || place.key == NULL) {
        (void)error_set_exit(err, 2); /* returns the code we already have */
        return r;
    }
    struct serve_reader reader = {.config = config};
    struct toml_value *made = toml_new_text(TOML_STRING, value);
    buffer_init(&reader.lines, LINES_MAX);
    r = made == NULL
            ? -ENOMEM
            : place.key->read(&reader, place.key, made, (char *)place.base + place.key->field);
    if (r == 0 && place.given != NULL) {
        *place.given |= UINT64_C(1) << (place.key - serve_table(SERVE_TABLE_GUEST)->keys);
    }
    toml_free(made);
    r = serve_reader_end(&reader, r, err);
    return r == -EINVAL ? error_wrap(err, "%s", key) : r;
}

const char *serve_config_key(uint32_t index)
{
    size_t at = index;
    for (int id = 0; id < SERVE_TABLE_COUNT; id++) {
        const struct serve_table *table = serve_table((enum serve_table_id)id);
        if (at < table->key_count) {
            return table->keys[at].path;
        }
        at -= table->key_count;
    }
    return NULL;
}

int serve_config_add_module(struct serve_config *config, const char *module, struct error *err)
{
    struct serve_route *route = serve_route_new(config, (struct serve_place){0});
    int r = -ENOMEM;
    if (route != NULL) {
        route->is_prefix = true;
        route->path = strdup("/");
        route->module = strdup(module);
        r = route->path == NULL || route->module == NULL ? -ENOMEM : 0;
    }
    return r < 0 ? error_set(err, r, "out of memory while adding %s", module) : 0;
}

/* -- what no single key can tell -------------------------------------------------------------- */

static int add_default_listener(struct serve_config *config)
{
    if (config->listener_count > 0) {
        return 0;
    }
    struct serve_listener *listener = calloc(1, sizeof *listener);
    char *address = strdup(DEFAULT_ADDRESS);
    if (listener == NULL || address == NULL) {
        free(listener);
        free(address);
        return -ENOMEM;
    }
    listener->address = address;
    free(config->listeners); /* may be an emptied array */
    config->listeners = listener;
    config->listener_count = 1;
    return 0;
}

static int check_certificates(struct serve_reader *reader)
{
    const struct serve_tls *tls = &reader->config->tls;
    static const struct serve_place nowhere = {0};
    for (uint32_t i = 0; i < tls->certificate_count; i++) {
        const struct serve_certificate *item = &tls->certificates[i];
        if (item->certificate == NULL || item->key == NULL) {
            return serve_refuse(reader, nowhere, "tls has a %s and lacks its %s",
                                item->key == NULL ? "certificate" : "key",
                                item->key == NULL ? "key" : "certificate");
        }
    }
    if (tls->client_auth != SERVE_CLIENT_NONE && tls->client_ca == NULL) {
        return serve_refuse(reader, nowhere,
                            "tls.client_auth needs tls.client_ca, a file of certificates");
    }
    if (tls->client_auth == SERVE_CLIENT_NONE && tls->client_ca != NULL) {
        return serve_refuse(reader, nowhere,
                            "tls.client_ca needs tls.client_auth, \"optional\" or \"required\"");
    }
    return 0;
}

static bool is_unix(const struct serve_listener *listener)
{
    return strncmp(listener->address, "unix:", 5) == 0;
}

/* The kernel chooses the port, so it is nobody else's. */
static bool has_free_port(const char *address)
{
    size_t len = strlen(address);
    return len >= 2 && strcmp(address + len - 2, ":0") == 0;
}

static int check_listener(struct serve_reader *reader, struct serve_listener *listener)
{
    const struct serve_config *config = reader->config;
    bool has_certificate = config->tls.certificate_count > 0;
    if (!listener->is_tls_given) {
        listener->is_tls = has_certificate && !is_unix(listener);
    }
    if (listener->is_tls && !has_certificate) {
        return serve_refuse(reader, listener->place,
                            "TLS on %s needs a certificate: tls.certificate and tls.key",
                            listener->address);
    }
    if (listener->unix_mode != 0 && !is_unix(listener)) {
        return serve_refuse(reader, listener->place, "mode is for unix: sockets, not for %s",
                            listener->address);
    }
    if (config->admin != NULL && strcmp(config->admin, listener->address) == 0 &&
        !has_free_port(config->admin)) {
        return serve_refuse(reader, listener->place, "%s is also the admin listener's address",
                            listener->address);
    }
    for (const struct serve_listener *other = config->listeners; other < listener; other++) {
        bool is_free_port = has_free_port(other->address);
        if (!is_free_port && strcmp(other->address, listener->address) == 0) {
            return serve_refuse(reader, listener->place, "%s is listened on twice",
                                listener->address);
        }
    }
    return 0;
}

static int check_listeners(struct serve_reader *reader)
{
    struct serve_config *config = reader->config;
    bool has_tls = false;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        int r = check_listener(reader, &config->listeners[i]);
        if (r == -ENOMEM) {
            return r;
        }
        has_tls = has_tls || config->listeners[i].is_tls;
    }
    if (config->tls.certificate_count > 0 && !has_tls) {
        return serve_refuse(reader, (struct serve_place){0},
                            "a certificate is given, and no listener has TLS");
    }
    return 0;
}

static int check_rest(struct serve_reader *reader)
{
    const struct serve_config *config = reader->config;
    static const struct serve_place nowhere = {0};
    if (config->route_count == 0) {
        return serve_refuse(reader, nowhere, "there is no [[route]]: nothing would be served");
    }
    if (config->no_cache && config->cache_dir != NULL) {
        return serve_refuse(reader, nowhere, "cache.dir and cache.enabled = false contradict");
    }
    bool is_url = config->otlp == NULL || strncmp(config->otlp, "http://", 7) == 0 ||
                  strncmp(config->otlp, "https://", 8) == 0;
    if (!is_url) {
        return serve_refuse(reader, nowhere, "otlp takes a URL: http://127.0.0.1:4318");
    }
    return 0;
}

static int finish_routes(struct serve_reader *reader)
{
    struct serve_config *config = reader->config;
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct serve_route *route = &config->routes[i];
        /* A file's were settled when they were read, with what else is wrong with them. */
        int r = route->place.line == 0 ? serve_route_settle(reader, route) : 0;
        if (r == 0) {
            r = serve_route_inherit(route, &config->guest);
        }
        if (r == -ENOMEM) {
            return r;
        }
    }
    return 0;
}

int serve_config_finish(struct serve_config *config, struct error *err)
{
    int (*const steps[])(struct serve_reader * reader) = {check_certificates, check_listeners,
                                                          check_rest, finish_routes};
    struct serve_reader reader = {.config = config, .file = config->path};
    buffer_init(&reader.lines, LINES_MAX);
    int r = add_default_listener(config);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && r != -ENOMEM; i++) {
        r = steps[i](&reader);
    }
    return serve_reader_end(&reader, r == -ENOMEM ? r : 0, err);
}
