/* Routes. See serve_route.h. */
#include "config/serve_route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/container.h"
#include "config/serve_values.h"

enum {
    BODY_MAX_DEFAULT = 10 << 20,
    HOST_LEN_MAX = 253,
    PATH_LEN_MAX = 4096,
    PREFIX_PARTS_MAX = 63
};

#define REUSE_IDLE_DEFAULT_NS UINT64_C(10000000000)

const char *const serve_kind_names[] = {"auto",  "cgi",      "wagi", "wcgi", "wasi-http",
                                        "files", "redirect", "text", NULL};

struct serve_route *serve_route_new(struct serve_config *config, struct serve_place place)
{
    void *items = config->routes;
    struct serve_route *route = serve_grow(&items, &config->route_count, sizeof *route);
    if (route == NULL) {
        return NULL;
    }
    config->routes = items;
    route->place = place;
    route->body_max = BODY_MAX_DEFAULT;
    route->retry_after_s = 1;
    route->reuse = 1;
    route->reuse_idle_ns = REUSE_IDLE_DEFAULT_NS;
    return route;
}

/* -- where a route lies ----------------------------------------------------------------------- */

/* What is wrong with a path's bytes, or NULL. Requests are compared with it after their escapes have
 * been decoded, but for these two. */
static const char *byte_fault(const char *path, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c < 0x20 || c == 0x7f || c == '?' || c == '#') {
            return "a path has no control characters, '?' or '#'";
        }
        if (c == '%' && strncmp(path + i, "%2F", 3) != 0 && strncmp(path + i, "%25", 3) != 0) {
            return "write characters as they are, without escapes; only '%25' and '%2F' stay";
        }
    }
    return NULL;
}

/* What is wrong with a path, or NULL. `len` is without the "/..." of a prefix. */
static const char *path_fault(const char *path, size_t len, bool is_prefix)
{
    if (path[0] != '/') {
        return "a path begins with '/'";
    }
    if (len > PATH_LEN_MAX) {
        return "a path has at most 4096 bytes";
    }
    const char *fault = byte_fault(path, len);
    uint32_t parts = 0;
    for (size_t at = 0; at < len && fault == NULL;) {
        size_t segment = strcspn(path + at + 1, "/");
        if (at + 1 + segment > len) {
            segment = len - at - 1;
        }
        const char *text = path + at + 1;
        bool may_be_empty = at + 1 == len && !is_prefix;
        if ((segment == 0 && !may_be_empty) || (segment == 1 && text[0] == '.') ||
            (segment == 2 && memcmp(text, "..", 2) == 0)) {
            return "a path has no empty parts, '.' or '..'";
        }
        if (segment >= 3 && memcmp(text + segment - 3, "...", 3) == 0) {
            return "'...' stands alone, at the end: /api/...";
        }
        at += segment + 1;
        parts++;
    }
    if (is_prefix && parts > PREFIX_PARTS_MAX) {
        return "a path that ends in /... has at most 63 parts";
    }
    return fault;
}

int serve_read_route_path(struct serve_reader *reader, const struct serve_key *key,
                          const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    struct serve_route *route = field;
    const char *text = serve_string(reader, key, value);
    if (text == NULL) {
        return -EINVAL;
    }
    size_t len = strlen(text);
    bool is_prefix = len >= 4 && strcmp(text + len - 4, "/...") == 0;
    len -= is_prefix ? 4 : 0;
    const char *fault = path_fault(text, len, is_prefix);
    if (fault != NULL) {
        return serve_refuse(reader, value->place, "'%s': %s", serve_quote(text, quoted), fault);
    }
    char *path = len == 0 ? strdup("/") : strndup(text, len);
    if (path == NULL) {
        return -ENOMEM;
    }
    free(route->path);
    route->path = path;
    route->is_prefix = is_prefix;
    return 0;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* A name of labels, or an IPv6 address in brackets. */
static bool is_host(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || len > HOST_LEN_MAX) {
        return false;
    }
    if (text[0] == '[') {
        return len > 3 && strspn(text + 1, "0123456789abcdef:.") == len - 2 && text[len - 1] == ']';
    }
    for (size_t i = 0; i < len; i++) {
        bool is_inner_dot = text[i] == '.' && i > 0 && i + 1 < len && text[i - 1] != '.';
        if (!is_host_char(text[i]) && !is_inner_dot) {
            return false;
        }
    }
    return true;
}

int serve_read_route_host(struct serve_reader *reader, const struct serve_key *key,
                          const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    char **host = field;
    const char *text = serve_string(reader, key, value);
    if (text == NULL) {
        return -EINVAL;
    }
    char *lower = strdup(text);
    if (lower == NULL) {
        return -ENOMEM;
    }
    for (char *c = lower; *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
    }
    const char *name = strncmp(lower, "*.", 2) == 0 ? lower + 2 : lower;
    if (strcmp(lower, "*") != 0 && !is_host(name)) {
        free(lower);
        return serve_refuse(reader, value->place,
                            "'%s' is no host; write example.org, *.example.org or an address, "
                            "without a port",
                            serve_quote(text, quoted));
    }
    free(*host);
    *host = lower;
    if (strcmp(lower, "*") == 0) {
        free(lower);
        *host = NULL;
    }
    return 0;
}

int serve_read_file_name(struct serve_reader *reader, const struct serve_key *key,
                         const struct toml_value *value, void *field)
{
    char quoted[SERVE_QUOTE_MAX];
    const char *text = serve_string(reader, key, value);
    if (text == NULL) {
        return -EINVAL;
    }
    bool is_above = strcmp(text, "..") == 0 || strncmp(text, "../", 3) == 0 ||
                    strstr(text, "/../") != NULL || text[0] == '/';
    if (is_above) {
        return serve_refuse(reader, value->place, "'%s' is no name below the route's folder",
                            serve_quote(text, quoted));
    }
    return serve_set_text(field, text);
}

int serve_read_field_value(struct serve_reader *reader, const struct serve_key *key,
                           const struct toml_value *value, void *field)
{
    const char *text = serve_string(reader, key, value);
    if (text == NULL) {
        return -EINVAL;
    }
    if (text[0] == '\0' || !serve_is_printable(text)) {
        return serve_refuse(reader, value->place,
                            "%s goes into a header: it is not empty and has no control characters",
                            key->name);
    }
    return serve_set_text(field, text);
}

/* -- what a route is -------------------------------------------------------------------------- */

/* Find the kind by the one key that says it. */
static int settle_kind(struct serve_reader *reader, struct serve_route *route)
{
    const struct {
        const char *key;
        const char *value;
        enum serve_kind kind;
    } rows[] = {
        {"module", route->module, route->kind},
        {"files", route->root, SERVE_FILES},
        {"redirect", route->to, SERVE_REDIRECT},
        {"text", route->body, SERVE_TEXT},
    };
    size_t found = ARRAY_COUNT(rows);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].value == NULL) {
            continue;
        }
        if (found < ARRAY_COUNT(rows)) {
            return serve_refuse(reader, route->place, "a route is one thing, not %s and %s",
                                rows[found].key, rows[i].key);
        }
        found = i;
    }
    if (found == ARRAY_COUNT(rows)) {
        return serve_refuse(reader, route->place,
                            "a route needs one of module, files, redirect and text");
    }
    enum serve_kind kind = rows[found].kind;
    bool is_wrong =
        found == 0 ? kind >= SERVE_FILES : route->kind != SERVE_AUTO && route->kind != kind;
    if (is_wrong) {
        return serve_refuse(reader, route->place, "a route with %s is not of the kind %s",
                            rows[found].key, serve_kind_names[route->kind]);
    }
    route->kind = kind;
    return 0;
}

static int settle_redirect(struct serve_reader *reader, struct serve_route *route)
{
    static const uint16_t allowed[] = {301, 302, 303, 307, 308};
    if (route->status == 0) {
        route->status = 302; /* a wrong permanent one stays in browsers */
    }
    for (size_t i = 0; i < ARRAY_COUNT(allowed); i++) {
        if (route->status == allowed[i]) {
            return 0;
        }
    }
    return serve_refuse(reader, route->place,
                        "%u redirects nowhere; write 301, 302, 303, 307 or 308", route->status);
}

static int settle_text(struct serve_reader *reader, struct serve_route *route)
{
    if (route->status == 0) {
        route->status = 200;
    }
    bool is_bare = route->status == 204 || route->status == 205 || route->status == 304;
    if (is_bare && route->body[0] != '\0') {
        return serve_refuse(reader, route->place, "an answer of status %u has no text",
                            route->status);
    }
    return route->type != NULL ? 0 : serve_set_text(&route->type, "text/plain; charset=utf-8");
}

static int settle_module(struct serve_reader *reader, const struct serve_route *route)
{
    if (route->argv != NULL && route->kind != SERVE_WAGI) {
        return serve_refuse(reader, route->place,
                            "argv is WAGI's; give the route kind = \"wagi\", or use args");
    }
    if (route->argv != NULL && route->args.count > 0) {
        return serve_refuse(reader, route->place, "argv and args contradict; give one of them");
    }
    return 0;
}

static int settle_name(struct serve_route *route)
{
    char *name = NULL;
    bool is_root = strcmp(route->path, "/") == 0;
    int len =
        asprintf(&name, "%s%s%s", route->host != NULL ? route->host : "",
                 is_root && route->is_prefix ? "" : route->path, route->is_prefix ? "/..." : "");
    if (len < 0) {
        return -ENOMEM;
    }
    free(route->name);
    route->name = name;
    return 0;
}

int serve_route_settle(struct serve_reader *reader, struct serve_route *route)
{
    if (route->path == NULL) {
        return serve_refuse(reader, route->place, "a route needs its path: path = \"/api/...\"");
    }
    int r = settle_kind(reader, route);
    if (r < 0) {
        return r;
    }
    if (route->kind == SERVE_FILES && !route->is_prefix) {
        return serve_refuse(reader, route->place,
                            "files lie below a path that ends in /...: path = \"/static/...\"");
    }
    if (route->kind == SERVE_REDIRECT) {
        r = settle_redirect(reader, route);
    } else if (route->kind == SERVE_TEXT) {
        r = settle_text(reader, route);
    } else {
        r = settle_module(reader, route);
    }
    return r < 0 ? r : settle_name(route);
}

/* -- keys that do not go together ------------------------------------------------------------- */

/* Which of module, files, redirect and text a key of [[route]] goes with; others go with a module. */
static const struct {
    const char *key;
    const char *with;
} companions[] = {
    {"path", ""},
    {"host", ""},
    {"kind", ""},
    {"headers", ""},
    {"module", ""},
    {"files", ""},
    {"redirect", ""},
    {"text", ""},
    {"index", "files"},
    {"fallback", "files"},
    {"precompressed", "files"},
    {"type", "text"},
    {"status", "redirect or text"},
    {"cache_control", "files"},
};

static const char *companion_of(const char *key)
{
    for (size_t i = 0; i < ARRAY_COUNT(companions); i++) {
        if (strcmp(companions[i].key, key) == 0) {
            return companions[i].with;
        }
    }
    return "module";
}

static int check_companions(struct serve_reader *reader, const struct toml_value *item)
{
    static const char *const kinds[] = {"module", "files", "redirect", "text"};
    const char *kind = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(kinds) && kind == NULL; i++) {
        kind = toml_get(item, kinds[i]) != NULL ? kinds[i] : NULL;
    }
    for (const struct toml_value *value = item->first; value != NULL && kind != NULL;
         value = value->next) {
        bool is_known = serve_key_find(serve_table(SERVE_TABLE_ROUTE), value->key) != NULL ||
                        serve_key_find(serve_table(SERVE_TABLE_GUEST), value->key) != NULL;
        const char *with = companion_of(value->key);
        if (is_known && with[0] != '\0' && strstr(with, kind) == NULL &&
            serve_refuse(reader, value->key_place, "%s goes with %s, and this route has %s",
                         value->key, with, kind) == -ENOMEM) {
            return -ENOMEM;
        }
    }
    return 0;
}

int serve_read_route(struct serve_reader *reader, const struct toml_value *item)
{
    struct serve_route *route = serve_route_new(reader->config, item->place);
    if (route == NULL) {
        return -ENOMEM;
    }
    const struct serve_target target = {.table = serve_table(SERVE_TABLE_ROUTE),
                                        .base = route,
                                        .more = serve_table(SERVE_TABLE_GUEST),
                                        .more_base = &route->guest,
                                        .more_given = &route->guest_keys};
    uint32_t wrong_before = reader->wrong_count;
    int r = serve_read_keys(reader, &target, item);
    if (r == 0) {
        r = check_companions(reader, item);
    }
    if (r < 0 || reader->wrong_count > wrong_before) {
        return r; /* what follows would mostly be an echo */
    }
    return serve_route_settle(reader, route);
}

/* -- the end ---------------------------------------------------------------------------------- */

void serve_pairs_done(struct serve_pairs *pairs)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct serve_pairs){0};
}

void serve_guest_done(struct serve_guest *guest)
{
    serve_dirs_clear(guest);
    serve_pairs_done(&guest->env);
    serve_pairs_done(&guest->config);
    strings_done(&guest->allow_http);
    strings_done(&guest->allow_connect);
    strings_done(&guest->allow_listen);
    strings_done(&guest->hosts);
}

void serve_route_done(struct serve_route *route)
{
    free(route->host);
    free(route->path);
    free(route->name);
    free(route->module);
    free(route->entry);
    free(route->argv);
    strings_done(&route->args);
    serve_guest_done(&route->guest);
    serve_pairs_done(&route->headers);
    free(route->root);
    free(route->index);
    free(route->fallback);
    free(route->cache_control);
    free(route->to);
    free(route->body);
    free(route->type);
}
