/* The environment of a CGI guest. See cgi_env.h.
 *
 * Its size is reckoned first, generously, and reserved once; then everything is written in one
 * pass. */
#include "handlers/cgi_env.h"

#include <errno.h>
#include <stdio.h>

#include "base/container.h"
#include "guest/guest.h"
#include "handlers/internal.h"
#include "handlers/path.h"
#include "net/tls.h"

enum {
    FIXED_MAX = 2048, /* all names, and the values that have a small limit */
    NUMBER_MAX = 24,
};

/* Writes into room that has been reserved. */
struct writer {
    uint8_t *at;
    uint32_t count;
};

static void put(struct writer *w, struct span bytes)
{
    if (bytes.len > 0) {
        memcpy(w->at, bytes.data, bytes.len);
        w->at += bytes.len;
    }
}

static void put_end(struct writer *w)
{
    *w->at++ = '\0';
    w->count++;
}

/* `name` ends with "=". */
static void put_variable(struct writer *w, const char *name, struct span value)
{
    put(w, span_of(name));
    put(w, value);
    put_end(w);
}

static void put_number(struct writer *w, const char *name, uint64_t value)
{
    char text[NUMBER_MAX];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put_variable(w, name, (struct span){(const uint8_t *)text + at, sizeof text - at});
}

/* -- what is the same for all requests --------------------------------------------------------- */

bool cgi_env_is_own(const char *name)
{
    static const char *const names[] = {
        "AUTH_TYPE",   "CONTENT_LENGTH",  "CONTENT_TYPE",    "GATEWAY_INTERFACE", "HTTPS",
        "PATH_INFO",   "PATH_TRANSLATED", "QUERY_STRING",    "REMOTE_ADDR",       "REMOTE_HOST",
        "REMOTE_PORT", "REMOTE_USER",     "REQUEST_METHOD",  "REQUEST_SCHEME",    "REQUEST_URI",
        "SCRIPT_NAME", "SERVER_NAME",     "SERVER_PORT",     "SERVER_PROTOCOL",   "SERVER_SOFTWARE",
        "X_FULL_URL",  "X_MATCHED_ROUTE", "X_RAW_PATH_INFO",
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    /* No request sets HTTP_PROXY, so a route may. */
    bool is_header = strncmp(name, "HTTP_", 5) == 0 && strcmp(name, "HTTP_PROXY") != 0;
    return is_header || strncmp(name, "SSL_", 4) == 0;
}

static bool is_wagi(const struct site_route *route)
{
    return route->kind == SERVE_WAGI;
}

int cgi_env_prepare(struct site_route *route)
{
    const char *software = route->site->options.software;
    struct buffer *env = &route->env;
    int r = buffer_printf(env, "GATEWAY_INTERFACE=CGI/1.1%cSERVER_SOFTWARE=%s%c", 0,
                          software != NULL ? software : "hythe", 0);
    route->env_count = 2;
    if (r == 0 && is_wagi(route)) {
        r = buffer_printf(env, "X_MATCHED_ROUTE=%s%cAUTH_TYPE=%cREMOTE_USER=%c", route->pattern, 0,
                          0, 0);
        route->env_count += 3;
    }
    return r;
}

/* -- where it came from and where it goes ------------------------------------------------------ */

/* Borrowed from `text`, or static. */
static struct span peer_text(const struct net_address *peer, char text[NET_ADDRESS_HOST_MAX])
{
    const char *host = net_address_print_host(peer, text);
    return span_of(host[0] != '\0' ? host : "unix:");
}

static void put_peer(struct writer *w, const struct http_inbound *inbound)
{
    char text[NET_ADDRESS_HOST_MAX];
    struct span peer = peer_text(&inbound->peer, text);
    put_variable(w, "REMOTE_ADDR=", peer);
    put_variable(w, "REMOTE_HOST=", peer);
    put_number(w, "REMOTE_PORT=", net_address_port(&inbound->peer));
}

/* Take an authority apart: the host with its brackets, the port or nothing. */
static struct span split_authority(struct span authority, struct span *ret_port)
{
    size_t len = authority.len;
    *ret_port = (struct span){0};
    while (len > 0 && authority.data[len - 1] >= '0' && authority.data[len - 1] <= '9') {
        len--;
    }
    if (len == 0 || authority.data[len - 1] != ':') {
        return authority;
    }
    *ret_port = (struct span){authority.data + len, authority.len - len};
    return (struct span){authority.data, len - 1};
}

/* The port is the one that was connected to, as the RFC has it. WAGI took it from the Host header, as
 * we do where there is no port: on a Unix socket. */
static void put_server(struct writer *w, const struct site_request *request)
{
    const struct http_inbound *inbound = request->inbound;
    char text[NET_ADDRESS_HOST_MAX];
    struct span port;
    struct span host = split_authority(inbound->authority, &port);
    uint16_t local_port = net_address_port(&inbound->local);
    put_variable(w, "SERVER_NAME=", host.len > 0 ? host : peer_text(&inbound->local, text));
    if (port.len > 0 && (is_wagi(request->route) || local_port == 0)) {
        put_variable(w, "SERVER_PORT=", port);
    } else if (local_port != 0 && !is_wagi(request->route)) {
        put_number(w, "SERVER_PORT=", local_port);
    } else {
        put_number(w, "SERVER_PORT=", inbound->is_tls ? 443 : 80);
    }
}

static void put_tls(struct writer *w, const struct http_inbound *inbound)
{
    put_variable(w, "HTTPS=", span_of("on"));
    if (inbound->tls == NULL) {
        return;
    }
    const char *name = tls_session_server_name(inbound->tls);
    const char *subject = tls_session_client_subject(inbound->tls);
    put_variable(w, "SSL_PROTOCOL=", span_of(tls_session_protocol(inbound->tls)));
    put_variable(w, "SSL_CIPHER=", span_of(tls_session_cipher(inbound->tls)));
    if (name != NULL) {
        put_variable(w, "SSL_TLS_SNI=", span_of(name));
    }
    put_variable(w, "SSL_CLIENT_VERIFY=", span_of(subject != NULL ? "SUCCESS" : "NONE"));
    if (subject != NULL) {
        put_variable(w, "SSL_CLIENT_S_DN=", span_of(subject));
    }
}

/* The bytes that put_tls may need for what has no limit of ours. */
static size_t tls_len(const struct http_inbound *inbound)
{
    if (inbound->tls == NULL) {
        return 0;
    }
    const char *name = tls_session_server_name(inbound->tls);
    const char *subject = tls_session_client_subject(inbound->tls);
    return (name != NULL ? strlen(name) : 0) + (subject != NULL ? strlen(subject) : 0) +
           strlen(tls_session_protocol(inbound->tls)) + strlen(tls_session_cipher(inbound->tls));
}

/* -- what was asked --------------------------------------------------------------------------- */

/* The part of the path that the route stands for. WAGI says "/" where the RFC has nothing. */
static void put_script_name(struct writer *w, const struct site_request *request)
{
    struct span script = buffer_span(&request->route->path);
    put(w, span_of("SCRIPT_NAME="));
    if (script.len == 0 && is_wagi(request->route)) {
        script = span_of("/");
    }
    w->at = path_plain(w->at, script);
    put_end(w);
}

static void put_path(struct writer *w, const struct site_request *request)
{
    struct span rest = site_rest(request);
    put_script_name(w, request);
    put(w, span_of("PATH_INFO="));
    const uint8_t *info = w->at;
    w->at = path_plain(w->at, rest);
    struct span plain = {info, (size_t)(w->at - info)};
    put_end(w);
    if (is_wagi(request->route)) {
        put_variable(w, "PATH_TRANSLATED=", plain);
        put(w, span_of("X_RAW_PATH_INFO="));
        w->at = path_encode(w->at, rest);
        put_end(w);
    }
}

static void put_target(struct writer *w, const struct http_inbound *inbound)
{
    put_variable(w, "QUERY_STRING=", inbound->query);
    put(w, span_of("REQUEST_URI="));
    put(w, inbound->path);
    put(w, span_of(inbound->has_query ? "?" : ""));
    put(w, inbound->query);
    put_end(w);
}

static void put_full_url(struct writer *w, const struct http_inbound *inbound)
{
    put(w, span_of(inbound->is_tls ? "X_FULL_URL=https://" : "X_FULL_URL=http://"));
    put(w, inbound->authority);
    put(w, inbound->path);
    put(w, span_of(inbound->has_query ? "?" : ""));
    put(w, inbound->query);
    put_end(w);
}

/* There is a length if and only if there is a body whose length is known; WAGI always had one. */
static void put_body(struct writer *w, const struct site_request *request)
{
    const struct http_inbound *inbound = request->inbound;
    const struct http_header *type =
        http_find_header(inbound->headers, inbound->header_count, "content-type");
    bool wagi = is_wagi(request->route);
    if (type != NULL || wagi) {
        put_variable(w, "CONTENT_TYPE=", type != NULL ? type->value : (struct span){0});
    }
    if (inbound->has_body && inbound->content_length >= 0) {
        put_number(w, "CONTENT_LENGTH=", (uint64_t)inbound->content_length);
    } else if (wagi && !inbound->has_body) {
        put_number(w, "CONTENT_LENGTH=", 0);
    }
}

static struct span protocol_text(uint8_t version)
{
    return span_of(version >= 20 ? "HTTP/2.0" : version == 10 ? "HTTP/1.0" : "HTTP/1.1");
}

/* -- headers ---------------------------------------------------------------------------------- */

/* Headers by the length of their names and their ends: a bit that is set twice says that two may
 * have the same name. */
static unsigned name_bit(struct span name)
{
    return (unsigned)(name.len * 7 + name.data[0] + name.data[name.len - 1] * 3U) & 63;
}

struct header_walk {
    const struct http_header *headers;
    uint32_t count;
    uint64_t repeated; /* bits of names that may come again */
    bool skips_authorization;
};

static bool is_same_name(struct span a, struct span b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Is it told otherwise, or not at all? */
static bool is_kept_back(const struct header_walk *walk, struct span name)
{
    switch (name.len) {
    case 4:
        return span_is(name, "host"); /* HTTP_HOST is made of the authority */
    case 5:
        return span_is(name, "proxy");
    case 12:
        return span_is(name, "content-type");
    case 13:
        return walk->skips_authorization && span_is(name, "authorization");
    case 14:
        return span_is(name, "content-length");
    default:
        return name.len == 0;
    }
}

static bool has_earlier(const struct header_walk *walk, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (is_same_name(walk->headers[i].name, walk->headers[index].name)) {
            return true;
        }
    }
    return false;
}

/* Write "HTTP_NAME="; false, and nothing is written, for a name that might be another's. */
static bool put_header_name(struct writer *w, struct span name)
{
    struct writer ahead = *w;
    put(&ahead, span_of("HTTP_"));
    uint8_t *to = ahead.at;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.data[i];
        if (byte >= 'a' && byte <= 'z') {
            *to++ = (uint8_t)(byte & ~0x20);
        } else if (byte == '-') {
            *to++ = '_';
        } else if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z')) {
            *to++ = byte;
        } else {
            return false;
        }
    }
    *to++ = '=';
    w->at = to;
    return true;
}

static void put_header(struct writer *w, const struct header_walk *walk, uint32_t index)
{
    const struct http_header *header = &walk->headers[index];
    bool may_repeat = (walk->repeated >> name_bit(header->name) & 1) != 0;
    if ((may_repeat && has_earlier(walk, index)) || !put_header_name(w, header->name)) {
        return;
    }
    put(w, header->value);
    const char *between = span_is(header->name, "cookie") ? "; " : ", ";
    for (uint32_t i = index + 1; may_repeat && i < walk->count; i++) {
        if (is_same_name(walk->headers[i].name, header->name)) {
            put(w, span_of(between));
            put(w, walk->headers[i].value);
        }
    }
    put_end(w);
}

static void put_headers(struct writer *w, const struct site_request *request)
{
    const struct http_inbound *inbound = request->inbound;
    struct header_walk walk = {.headers = inbound->headers,
                               .count = inbound->header_count,
                               .skips_authorization = is_wagi(request->route)};
    uint64_t seen = 0;
    bool has_id = false;
    for (uint32_t i = 0; i < walk.count; i++) {
        struct span name = walk.headers[i].name;
        uint64_t bit = name.len > 0 ? UINT64_C(1) << name_bit(name) : 0;
        walk.repeated |= seen & bit;
        seen |= bit;
    }
    for (uint32_t i = 0; i < walk.count; i++) {
        struct span name = walk.headers[i].name;
        has_id |= name.len == 12 && span_is(name, "x-request-id");
        if (!is_kept_back(&walk, name)) {
            put_header(w, &walk, i);
        }
    }
    if (inbound->authority.len > 0) {
        put_variable(w, "HTTP_HOST=", inbound->authority);
    }
    if (!has_id) {
        put_variable(w, "HTTP_X_REQUEST_ID=", span_of(http_transaction_id(request->transaction)));
    }
}

/* -- all of it -------------------------------------------------------------------------------- */

/* At least as many bytes as everything takes. */
static size_t reckon(const struct site_request *request)
{
    const struct http_inbound *inbound = request->inbound;
    size_t len = FIXED_MAX + request->route->env.len + request->route->path.len;
    len += request->path.len * 5; /* PATH_INFO, PATH_TRANSLATED, X_RAW_PATH_INFO of three for one */
    len += (inbound->path.len + inbound->query.len) * 3 + inbound->authority.len * 3;
    len += inbound->method.len + tls_len(inbound);
    for (uint32_t i = 0; i < inbound->header_count; i++) {
        len += inbound->headers[i].name.len + inbound->headers[i].value.len + sizeof "HTTP_=; ";
    }
    return len;
}

int cgi_env_fill(const struct site_request *request, struct guest *guest)
{
    const struct site_route *route = request->route;
    const struct http_inbound *inbound = request->inbound;
    size_t len = reckon(request);
    if (len > CGI_ENV_MAX) {
        return -EMSGSIZE;
    }
    int r = buffer_reserve(&guest->env, len);
    if (r < 0) {
        return r;
    }
    struct writer w = {.at = guest->env.data + guest->env.len};
    put(&w, buffer_span(&route->env));
    w.count += route->env_count;
    put_variable(&w, "REQUEST_METHOD=", inbound->method);
    put_variable(&w, "SERVER_PROTOCOL=", protocol_text(inbound->version));
    put_variable(&w, "REQUEST_SCHEME=", span_of(inbound->is_tls ? "https" : "http"));
    put_path(&w, request);
    put_target(&w, inbound);
    if (is_wagi(route)) {
        put_full_url(&w, inbound);
    }
    put_server(&w, request);
    put_peer(&w, inbound);
    put_body(&w, request);
    if (inbound->is_tls) {
        put_tls(&w, inbound);
    }
    put_headers(&w, request);
    guest->env.len = (size_t)(w.at - guest->env.data);
    guest->env_count += w.count;
    return 0;
}
