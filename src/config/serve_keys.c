/* The tables of keys, and the keys that are read in a way of their own. See serve_keys.h.
 *
 * docs/man/hythe.toml.5.scd documents each row; scripts/check-docs compares. */
#include "config/serve_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/num.h"
#include "config/options.h"
#include "config/serve_route.h"
#include "config/serve_values.h"

enum { COUNT_MAX = 1 << 24 };

#define SECONDS(n) ((uint64_t)(n)*1000000000)
#define TIME_MAX SECONDS(366 * 86400)
#define HEAD_MAX (1 << 20)
#define SIZE_MAX_BYTES (UINT64_C(1) << 50)

/* -- keys of their own ------------------------------------------------------------------------ */

static int read_workers(struct serve_reader *reader, const struct serve_key *key,
                        const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    uint64_t count = 0;
    bool is_auto = value->type == TOML_STRING && strcmp(value->text, "auto") == 0;
    if (!is_auto && (num_parse_u64(value->text, key->max, &count) < 0 || count == 0)) {
        return serve_refuse(reader, value->place,
                            "'%s' is neither \"auto\" nor a number from 1 to %d",
                            serve_quote(value->text, quoted), (int)key->max);
    }
    *(uint32_t *)field = (uint32_t)count;
    return 0;
}

/* A key that is known and says nothing here. */
static int read_nothing(struct serve_reader *reader, const struct serve_key *key,
                        const struct toml_value *value, void *field)
{
    (void)field;
    return serve_string(reader, key, value) == NULL ? -EINVAL : 0;
}

/* Where the access log goes: "-", "off", or a file. */
static int read_access(struct serve_reader *reader, const struct serve_key *key,
                       const struct toml_value *value, void *field)
{
    char **access = field;
    if (value->type == TOML_STRING && strcmp(value->text, "off") == 0) {
        free(*access);
        *access = NULL;
        return 0;
    }
    if (value->type == TOML_STRING && strcmp(value->text, "-") == 0) {
        return serve_set_text(access, "-");
    }
    return serve_read_path(reader, key, value, field);
}

static int read_minimum(struct serve_reader *reader, const struct serve_key *key,
                        const struct toml_value *value, void *field)
{
    static const char *const versions[] = {"1.2", "1.3", NULL};
    const struct serve_key choice = {.name = key->name, .choices = versions};
    enum { V12, V13 } version = V12;
    int r = serve_read_choice(reader, &choice, value, &version);
    if (r == 0) {
        *(bool *)field = version == V13;
    }
    return r;
}

/* tls.certificate and tls.key are the first certificate; [[tls.certificates]] come behind it. */
static int first_certificate(struct serve_tls *tls, struct serve_certificate **ret_first)
{
    void *items = tls->certificates;
    if (tls->certificate_count == 0 &&
        serve_grow(&items, &tls->certificate_count, sizeof *tls->certificates) == NULL) {
        return -ENOMEM;
    }
    tls->certificates = items;
    *ret_first = &tls->certificates[0];
    return 0;
}

static int read_certificate(struct serve_reader *reader, const struct serve_key *key,
                            const struct toml_value *value, void *field)
{
    struct serve_certificate *first = NULL;
    int r = first_certificate(field, &first);
    return r < 0 ? r : serve_read_path(reader, key, value, &first->certificate);
}

static int read_certificate_key(struct serve_reader *reader, const struct serve_key *key,
                                const struct toml_value *value, void *field)
{
    struct serve_certificate *first = NULL;
    int r = first_certificate(field, &first);
    return r < 0 ? r : serve_read_path(reader, key, value, &first->key);
}

static int read_listener_tls(struct serve_reader *reader, const struct serve_key *key,
                             const struct toml_value *value, void *field)
{
    struct serve_listener *listener = field;
    int r = serve_read_flag(reader, key, value, &listener->is_tls);
    listener->is_tls_given = r == 0;
    return r;
}

static struct serve_listener *new_listener(struct serve_reader *reader, struct serve_place place)
{
    struct serve_config *config = reader->config;
    void *items = config->listeners;
    struct serve_listener *listener = serve_grow(&items, &config->listener_count, sizeof *listener);
    if (listener != NULL) {
        config->listeners = items;
        listener->place = place;
    }
    return listener;
}

/* An address of `listen`: https:// before it has TLS, http:// has none. */
static int add_address(struct serve_reader *reader, const struct toml_value *value)
{
    const char *text = value->text;
    if (value->type != TOML_STRING || text[0] == '\0' || !serve_is_printable(text)) {
        return serve_refuse(reader, value->place, "listen takes addresses: [\"127.0.0.1:8080\"]");
    }
    bool is_tls = strncmp(text, "https://", 8) == 0;
    bool is_plain = strncmp(text, "http://", 7) == 0;
    if (is_tls || is_plain) {
        text += is_tls ? 8 : 7;
    }
    size_t len = strlen(text);
    bool has_slash = strncmp(text, "unix:", 5) != 0 && len > 0 && text[len - 1] == '/';
    char *address = strndup(text, has_slash ? len - 1 : len);
    struct serve_listener *listener = address != NULL ? new_listener(reader, value->place) : NULL;
    if (listener == NULL) {
        free(address);
        return -ENOMEM;
    }
    listener->address = address;
    listener->is_tls = is_tls;
    listener->is_tls_given = is_tls || is_plain;
    return 0;
}

/* Listeners on a command line stand in place of the file's. */
static void drop_listeners_of_file(struct serve_config *config)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct serve_listener *listener = &config->listeners[i];
        if (listener->place.line == 0) {
            config->listeners[kept] = *listener;
            kept++;
        } else {
            free(listener->address);
            strings_done(&listener->proxy_from);
        }
    }
    config->listener_count = kept;
}

static int read_listen(struct serve_reader *reader, const struct serve_key *key,
                       const struct toml_value *value, void *field)
{
    (void)key;   /* there is one listen */
    (void)field; /* two fields, reached through the reader */
    if (reader->file == NULL) {
        drop_listeners_of_file(reader->config);
    }
    if (value->type != TOML_ARRAY) {
        return add_address(reader, value);
    }
    for (const struct toml_value *item = value->first; item != NULL; item = item->next) {
        int r = add_address(reader, item);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* -- tables ----------------------------------------------------------------------------------- */

#define TOP(member) offsetof(struct serve_config, member)
#define LISTENER(member) offsetof(struct serve_listener, member)
#define TLS(member) offsetof(struct serve_tls, member)
#define CERTIFICATE(member) offsetof(struct serve_certificate, member)
#define TIMEOUT(member) offsetof(struct serve_timeouts, member)
#define LIMIT(member) offsetof(struct serve_limits, member)
#define LOG(member) offsetof(struct serve_log, member)
#define GUEST(member) offsetof(struct serve_guest, member)
#define ROUTE(member) offsetof(struct serve_route, member)
#define NAME(table, key) .name = (key), .path = (table "." key)
#define NUMBERS(low, high) .min = (low), .max = (high)

static const char *const client_auth_names[] = {"none", "optional", "required", NULL};
static const char *const format_names[] = {"combined", "json", NULL};

static const struct serve_key top_keys[] = {
    {.name = "listen", .path = "listen", .read = read_listen},
    {.name = "workers",
     .path = "workers",
     .read = read_workers,
     .field = TOP(workers),
     NUMBERS(1, 1024)},
    {.name = "grace",
     .path = "grace",
     .read = serve_read_time,
     .field = TOP(grace_ns),
     NUMBERS(0, TIME_MAX)},
    {.name = "user", .path = "user", .read = serve_read_text, .field = TOP(user)},
    {.name = "group", .path = "group", .read = serve_read_text, .field = TOP(group)},
    {.name = "sandbox", .path = "sandbox", .read = serve_read_no_flag, .field = TOP(no_sandbox)},
    {.name = "watch", .path = "watch", .read = serve_read_flag, .field = TOP(watch)},
    {.name = "admin", .path = "admin", .read = serve_read_text, .field = TOP(admin)},
    {.name = "otlp", .path = "otlp", .read = serve_read_text, .field = TOP(otlp)},
    {.name = "default_host", .path = "default_host", .read = read_nothing}, /* WAGI's */
};

static const struct serve_key listener_keys[] = {
    {NAME("listener", "address"), .read = serve_read_text, .field = LISTENER(address)},
    {NAME("listener", "tls"), .read = read_listener_tls},
    {NAME("listener", "http2"), .read = serve_read_no_flag, .field = LISTENER(no_http2)},
    {NAME("listener", "proxy_from"), .read = serve_read_list, .field = LISTENER(proxy_from)},
    {NAME("listener", "mode"), .read = serve_read_mode, .field = LISTENER(unix_mode)},
};

static const struct serve_key tls_keys[] = {
    {NAME("tls", "certificate"), .read = read_certificate},
    {NAME("tls", "key"), .read = read_certificate_key},
    {NAME("tls", "client_ca"), .read = serve_read_path, .field = TLS(client_ca)},
    {NAME("tls", "client_auth"), .read = serve_read_choice, .field = TLS(client_auth),
     .choices = client_auth_names},
    {NAME("tls", "minimum"), .read = read_minimum, .field = TLS(is_13_only)},
};

static const struct serve_key certificate_keys[] = {
    {NAME("tls.certificates", "certificate"), .read = serve_read_path,
     .field = CERTIFICATE(certificate)},
    {NAME("tls.certificates", "key"), .read = serve_read_path, .field = CERTIFICATE(key)},
};

static const struct serve_key timeout_keys[] = {
    {NAME("timeouts", "tls"), .read = serve_read_time, .field = TIMEOUT(tls_ns),
     NUMBERS(0, TIME_MAX)},
    {NAME("timeouts", "header"), .read = serve_read_time, .field = TIMEOUT(header_ns),
     NUMBERS(0, TIME_MAX)},
    {NAME("timeouts", "body"), .read = serve_read_time, .field = TIMEOUT(body_ns),
     NUMBERS(0, TIME_MAX)},
    {NAME("timeouts", "write"), .read = serve_read_time, .field = TIMEOUT(write_ns),
     NUMBERS(0, TIME_MAX)},
    {NAME("timeouts", "idle"), .read = serve_read_time, .field = TIMEOUT(idle_ns),
     NUMBERS(0, TIME_MAX)},
};

static const struct serve_key limit_keys[] = {
    {NAME("limits", "head"), .read = serve_read_size32, .field = LIMIT(head_bytes),
     NUMBERS(1024, HEAD_MAX)},
    {NAME("limits", "headers"), .read = serve_read_u32, .field = LIMIT(header_count),
     NUMBERS(8, 4096)},
    {NAME("limits", "url"), .read = serve_read_size32, .field = LIMIT(target_bytes),
     NUMBERS(64, HEAD_MAX)},
    {NAME("limits", "connections"), .read = serve_read_u32, .field = LIMIT(connections),
     NUMBERS(1, COUNT_MAX)},
    {NAME("limits", "connections_per_address"), .read = serve_read_u32,
     .field = LIMIT(connections_per_address), NUMBERS(0, COUNT_MAX)},
    {NAME("limits", "requests"), .read = serve_read_u32, .field = LIMIT(requests),
     NUMBERS(1, 65536)},
    {NAME("limits", "requests_per_connection"), .read = serve_read_u32,
     .field = LIMIT(requests_per_connection), NUMBERS(0, UINT32_MAX)},
    {NAME("limits", "http2_streams"), .read = serve_read_u32, .field = LIMIT(http2_streams),
     NUMBERS(1, 65536)},
    {NAME("limits", "module"), .read = serve_read_size, .field = LIMIT(module_bytes),
     NUMBERS(0, INT64_MAX)},
    {NAME("limits", "compile_cpu"), .read = serve_read_time, .field = LIMIT(compile_cpu_ns),
     NUMBERS(0, TIME_MAX)},
};

static const struct serve_key log_keys[] = {
    {NAME("log", "access"), .read = read_access, .field = LOG(access)},
    {NAME("log", "format"), .read = serve_read_choice, .field = LOG(format),
     .choices = format_names},
};

static const struct serve_key cache_keys[] = {
    {NAME("cache", "dir"), .read = serve_read_path, .field = TOP(cache_dir)},
    {NAME("cache", "enabled"), .read = serve_read_no_flag, .field = TOP(no_cache)},
};

/* At most 64 of these: serve_route.guest_keys. Their order is that of serve_route.c's merging. */
static const struct serve_key guest_keys[] = {
    {NAME("guest", "dirs"), .read = serve_read_dirs},
    {NAME("guest", "env"), .read = serve_read_env, .field = GUEST(env)},
    {NAME("guest", "config"), .read = serve_read_variables, .field = GUEST(config)},
    {NAME("guest", "allow_http"), .read = serve_read_list, .field = GUEST(allow_http)},
    {NAME("guest", "allow_connect"), .read = serve_read_list, .field = GUEST(allow_connect)},
    {NAME("guest", "allow_listen"), .read = serve_read_list, .field = GUEST(allow_listen)},
    {NAME("guest", "hosts"), .read = serve_read_list, .field = GUEST(hosts)},
    {NAME("guest", "net"), .read = serve_read_flag, .field = GUEST(net)},
    {NAME("guest", "http_concurrency"), .read = serve_read_u32, .field = GUEST(http_concurrency),
     NUMBERS(1, 16384)},
    {NAME("guest", "memory"), .read = serve_read_size, .field = GUEST(max_memory),
     NUMBERS(65536, SIZE_MAX_BYTES)},
    {NAME("guest", "cpu"), .read = serve_read_time, .field = GUEST(cpu_ns), NUMBERS(0, TIME_MAX)},
    {NAME("guest", "wall"), .read = serve_read_time, .field = GUEST(wall_ns), NUMBERS(0, TIME_MAX)},
    {NAME("guest", "descriptors"), .read = serve_read_u32, .field = GUEST(max_fds),
     NUMBERS(OPTION_MAX_FDS_MIN, OPTION_MAX_FDS_MAX)},
    {NAME("guest", "stderr"), .read = serve_read_size, .field = GUEST(output_max),
     NUMBERS(0, SIZE_MAX_BYTES)},
};

static const struct serve_key route_keys[] = {
    {NAME("route", "path"), .read = serve_read_route_path},
    {NAME("route", "host"), .read = serve_read_route_host, .field = ROUTE(host)},
    {NAME("route", "kind"), .read = serve_read_choice, .field = ROUTE(kind),
     .choices = serve_kind_names},
    {NAME("route", "module"), .read = serve_read_path, .field = ROUTE(module)},
    {NAME("route", "entry"), .read = serve_read_text, .field = ROUTE(entry)},
    {NAME("route", "argv"), .read = serve_read_text, .field = ROUTE(argv)},
    {NAME("route", "args"), .read = serve_read_args, .field = ROUTE(args)},
    {NAME("route", "body"), .read = serve_read_size, .field = ROUTE(body_max),
     NUMBERS(0, SIZE_MAX_BYTES)},
    {NAME("route", "concurrency"), .read = serve_read_u32, .field = ROUTE(concurrency),
     NUMBERS(0, COUNT_MAX)},
    {NAME("route", "retry_after"), .read = serve_read_seconds, .field = ROUTE(retry_after_s),
     NUMBERS(0, SECONDS(86400))},
    {NAME("route", "reuse"), .read = serve_read_u32, .field = ROUTE(reuse), NUMBERS(1, COUNT_MAX)},
    {NAME("route", "reuse_idle"), .read = serve_read_time, .field = ROUTE(reuse_idle_ns),
     NUMBERS(0, TIME_MAX)},
    {NAME("route", "stub_unknown"), .read = serve_read_flag, .field = ROUTE(stub_unknown)},
    {NAME("route", "headers"), .read = serve_read_headers, .field = ROUTE(headers)},
    {NAME("route", "files"), .read = serve_read_path, .field = ROUTE(root)},
    {NAME("route", "index"), .read = serve_read_file_name, .field = ROUTE(index)},
    {NAME("route", "fallback"), .read = serve_read_file_name, .field = ROUTE(fallback)},
    {NAME("route", "precompressed"), .read = serve_read_flag, .field = ROUTE(precompressed)},
    {NAME("route", "cache_control"), .read = serve_read_field_value, .field = ROUTE(cache_control)},
    {NAME("route", "redirect"), .read = serve_read_field_value, .field = ROUTE(to)},
    {NAME("route", "status"), .read = serve_read_u16, .field = ROUTE(status), NUMBERS(200, 599)},
    {NAME("route", "text"), .read = serve_read_any, .field = ROUTE(body)},
    {NAME("route", "type"), .read = serve_read_field_value, .field = ROUTE(type)},
};

/* WAGI's own; each is read by wagi.c. */
static const struct serve_key module_keys[] = {
    {NAME("module", "route")},
    {NAME("module", "module")},
    {NAME("module", "host")},
    {NAME("module", "entrypoint")},
    {NAME("module", "argv")},
    {NAME("module", "volumes")},
    {NAME("module", "environment")},
    {NAME("module", "allowed_hosts")},
    {NAME("module", "http_max_concurrency")},
    {NAME("module", "bindle_server")},
    {NAME("module", "repository")},
};

#define KEYS(table) .keys = (table), .key_count = ARRAY_COUNT(table)

static const struct serve_table tables[SERVE_TABLE_COUNT] = {
    [SERVE_TABLE_TOP] = {.name = "", KEYS(top_keys)},
    [SERVE_TABLE_LISTENER] = {.name = "listener",
                              KEYS(listener_keys),
                              .read_item = serve_read_listener},
    [SERVE_TABLE_TLS] = {.name = "tls", KEYS(tls_keys), .field = TOP(tls)},
    [SERVE_TABLE_CERTIFICATES] = {.name = "tls.certificates",
                                  KEYS(certificate_keys),
                                  .read_item = serve_read_certificate},
    [SERVE_TABLE_TIMEOUTS] = {.name = "timeouts", KEYS(timeout_keys), .field = TOP(timeouts)},
    [SERVE_TABLE_LIMITS] = {.name = "limits", KEYS(limit_keys), .field = TOP(limits)},
    [SERVE_TABLE_LOG] = {.name = "log", KEYS(log_keys), .field = TOP(log)},
    [SERVE_TABLE_CACHE] = {.name = "cache", KEYS(cache_keys)},
    [SERVE_TABLE_GUEST] = {.name = "guest", KEYS(guest_keys), .field = TOP(guest)},
    [SERVE_TABLE_ROUTE] = {.name = "route", KEYS(route_keys), .read_item = serve_read_route},
    [SERVE_TABLE_MODULE] = {.name = "module", KEYS(module_keys), .read_item = serve_read_module},
};

const struct serve_table *serve_table(enum serve_table_id id)
{
    return &tables[id];
}

const struct serve_table *serve_table_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        if (strcmp(tables[i].name, name) == 0) {
            return &tables[i];
        }
    }
    return NULL;
}

const struct serve_key *serve_key_find(const struct serve_table *table, const char *name)
{
    for (size_t i = 0; i < table->key_count; i++) {
        if (strcmp(table->keys[i].name, name) == 0) {
            return &table->keys[i];
        }
    }
    return NULL;
}

/* -- listeners and certificates --------------------------------------------------------------- */

int serve_read_listener(struct serve_reader *reader, const struct toml_value *item)
{
    struct serve_listener *listener = new_listener(reader, item->place);
    if (listener == NULL) {
        return -ENOMEM;
    }
    const struct serve_target target = {.table = &tables[SERVE_TABLE_LISTENER], .base = listener};
    int r = serve_read_keys(reader, &target, item);
    if (r < 0) {
        return r;
    }
    if (toml_get(item, "address") == NULL) {
        return serve_refuse(reader, item->place, "[[listener]] lacks its address");
    }
    return 0;
}

int serve_read_certificate(struct serve_reader *reader, const struct toml_value *item)
{
    struct serve_tls *tls = &reader->config->tls;
    void *items = tls->certificates;
    struct serve_certificate *added =
        serve_grow(&items, &tls->certificate_count, sizeof *tls->certificates);
    if (added == NULL) {
        return -ENOMEM;
    }
    tls->certificates = items;
    const struct serve_target target = {.table = &tables[SERVE_TABLE_CERTIFICATES], .base = added};
    uint32_t wrong_before = reader->wrong_count;
    int r = serve_read_keys(reader, &target, item);
    bool is_half = added->certificate == NULL || added->key == NULL;
    if (r == 0 && is_half && reader->wrong_count == wrong_before) {
        return serve_refuse(reader, item->place,
                            "[[tls.certificates]] takes a certificate and its key");
    }
    return r;
}
