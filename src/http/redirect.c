/* Following redirects, as reqwest 0.11 does, which the guests of wasi_experimental_http know: ten
 * URLs in a chain at most; 301, 302 and 303 turn into GET without a body; what names its sender is
 * left behind when host or port change. Each hop is judged and resolved anew. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/container.h"
#include "http/exchange.h"

/* Left behind when the next hop goes elsewhere. */
static const char *const private_names[] = {
    "authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate",
};

/* Left behind with the body. */
static const char *const body_names[] = {
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
};

static void drop_headers(struct strings *headers, const char *const *names, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        char *line = headers->items[i];
        bool drops = false;
        for (size_t n = 0; n < count; n++) {
            drops = drops || request_line_is(line, names[n]);
        }
        if (drops) {
            free(line);
        } else {
            headers->items[kept] = line;
            kept++;
        }
    }
    headers->count = kept;
}

static bool is_redirect_status(uint16_t status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool exchange_leads_elsewhere(struct http_exchange *exchange)
{
    struct span location = exchange_find_header(exchange, "location");
    struct http_url next;
    if (exchange->ignores_redirects || !is_redirect_status(exchange->status) || location.len == 0) {
        return false;
    }
    /* One that cannot be used is the guest's to look at. */
    enum http_error error = http_url_parse(exchange->client->curl, location, &exchange->url, &next);
    http_url_done(exchange->client->curl, &next);
    return error == HTTP_OK || error == HTTP_NO_MEMORY;
}

static enum http_error drop_body(struct http_exchange *exchange)
{
    if (strcmp(exchange->method, "GET") != 0 && strcmp(exchange->method, "HEAD") != 0) {
        char *get = strdup("GET");
        if (get == NULL) {
            return HTTP_NO_MEMORY;
        }
        free(exchange->method);
        exchange->method = get;
    }
    buffer_done(&exchange->body);
    drop_headers(&exchange->headers, body_names, ARRAY_COUNT(body_names));
    return HTTP_OK;
}

/* Say where the guest came from, without what is private in a URL; not from https to http. */
static enum http_error set_referer(struct http_exchange *exchange, const struct http_url *next)
{
    static const char *const referer[] = {"referer"};
    const struct curl_library *curl = exchange->client->curl;
    char *from = NULL;
    char *line = NULL;
    drop_headers(&exchange->headers, referer, 1);
    bool is_downgrade =
        strcmp(exchange->url.scheme, "https") == 0 && strcmp(next->scheme, "https") != 0;
    if (is_downgrade) {
        return HTTP_OK;
    }
    (void)curl->url_set(exchange->url.handle, CURLUPART_USER, NULL, 0); /* removing cannot fail */
    (void)curl->url_set(exchange->url.handle, CURLUPART_PASSWORD, NULL, 0);
    if (curl->url_get(exchange->url.handle, CURLUPART_URL, &from, 0) != CURLUE_OK) {
        return HTTP_NO_MEMORY;
    }
    int len = asprintf(&line, "Referer: %s", from);
    curl->free(from);
    if (len < 0) {
        return HTTP_NO_MEMORY;
    }
    int r = strings_add(&exchange->headers, line);
    free(line);
    return r < 0 ? HTTP_NO_MEMORY : HTTP_OK;
}

static enum http_error rewrite(struct http_exchange *exchange, struct http_url *next)
{
    const struct http_target *from = &exchange->url.target;
    if (strcmp(from->host, next->target.host) != 0 || from->port != next->target.port) {
        drop_headers(&exchange->headers, private_names, ARRAY_COUNT(private_names));
    }
    enum http_error error = set_referer(exchange, next);
    if (error == HTTP_OK && exchange->status <= 303) {
        error = drop_body(exchange);
    }
    return error;
}

enum http_error exchange_follow(struct http_exchange *exchange)
{
    struct http_client *client = exchange->client;
    struct span location = exchange_find_header(exchange, "location");
    struct http_url next;
    exchange->hops++;
    if (exchange->hops >= client->options.redirects_max) {
        return HTTP_TOO_MANY_REDIRECTS;
    }
    enum http_error error = http_url_parse(client->curl, location, &exchange->url, &next);
    if (error == HTTP_OK && !client->options.may_request(client->options.context, &next.target)) {
        error = HTTP_DENIED;
    }
    if (error == HTTP_OK) {
        error = rewrite(exchange, &next);
    }
    if (error != HTTP_OK) {
        http_url_done(client->curl, &next);
        return error;
    }
    http_url_done(client->curl, &exchange->url);
    exchange->url = next;
    return HTTP_OK;
}
