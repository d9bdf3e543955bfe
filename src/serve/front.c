/* What the configuration's words mean to the front. See front.h. */
#include "serve/front.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"
#include "net/cidr.h"
#include "net/tls.h"

struct front_sources {
    bool has_unix; /* whoever connects by a Unix socket */
    uint32_t count;
    struct net_cidr ranges[];
};

struct http_timeouts front_timeouts(const struct serve_config *config)
{
    return (struct http_timeouts){.tls_ns = config->timeouts.tls_ns,
                                  .header_ns = config->timeouts.header_ns,
                                  .body_ns = config->timeouts.body_ns,
                                  .write_ns = config->timeouts.write_ns,
                                  .idle_ns = config->timeouts.idle_ns};
}

struct http_limits front_limits(const struct serve_config *config)
{
    const struct serve_limits *limits = &config->limits;
    return (struct http_limits){.head_max = limits->head_bytes,
                                .target_max = limits->target_bytes,
                                .header_max = limits->header_count,
                                .connections = limits->connections,
                                .connections_per_address = limits->connections_per_address,
                                .requests = limits->requests,
                                .requests_per_connection = limits->requests_per_connection,
                                .http2_streams = limits->http2_streams};
}

static int make_sources(const struct serve_listener *listener, struct front_sources **ret_sources,
                        struct error *err)
{
    size_t count = listener->proxy_from.count;
    struct front_sources *sources = calloc(1, sizeof *sources + count * sizeof *sources->ranges);
    if (sources == NULL) {
        return error_set_errno(err, -ENOMEM, "listening on %s", listener->address);
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = listener->proxy_from.items[i];
        if (strcmp(text, "unix") == 0) {
            sources->has_unix = true;
        } else if (net_cidr_parse(text, &sources->ranges[sources->count]) == 0) {
            sources->count++;
        } else {
            free(sources);
            return error_set(err, -EINVAL,
                             "listener %s: proxy_from has \"%s\", which is no numeric address, no "
                             "CIDR range and not \"unix\"",
                             listener->address, text);
        }
    }
    *ret_sources = sources;
    return 0;
}

bool front_sends_proxy(const void *sources, const struct net_address *peer)
{
    const struct front_sources *from = sources;
    if (peer->len == 0 || peer->u.any.sa_family == AF_UNIX) {
        return from->has_unix;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        if (net_cidr_has(&from->ranges[i], peer)) {
            return true;
        }
    }
    return false;
}

static int make_tls(const struct serve_tls *tls, bool offers_h2, struct tls_context **ret_tls,
                    struct error *err)
{
    struct tls_certificate *certificates =
        calloc(tls->certificate_count + (size_t)1, sizeof *certificates);
    if (certificates == NULL) {
        return error_set_errno(err, -ENOMEM, "preparing TLS");
    }
    for (uint32_t i = 0; i < tls->certificate_count; i++) {
        certificates[i].certificate = tls->certificates[i].certificate;
        certificates[i].key = tls->certificates[i].key;
    }
    struct tls_options options = {.certificates = certificates,
                                  .certificate_count = tls->certificate_count,
                                  .client_ca = tls->client_ca,
                                  .client_auth = (enum tls_client_auth)tls->client_auth,
                                  .is_13_only = tls->is_13_only,
                                  .offers_h2 = offers_h2};
    int r = tls_context_new(&options, ret_tls, err);
    free(certificates);
    return r;
}

int front_listener_init(const struct serve_config *config, const struct serve_listener *listener,
                        struct front_listener *ret_front, struct error *err)
{
    struct front_listener front = {.offers_h2 = listener == NULL || !listener->no_http2};
    bool is_tls = listener != NULL ? listener->is_tls : config->tls.certificate_count > 0;
    int r = 0;
    if (listener != NULL && listener->proxy_from.count > 0) {
        r = make_sources(listener, &front.sources, err);
    }
    if (r == 0 && is_tls) {
        r = make_tls(&config->tls, front.offers_h2, &front.tls, err);
    }
    if (r < 0) {
        front_listener_done(&front);
        return r;
    }
    *ret_front = front;
    return 0;
}

void front_listener_done(struct front_listener *front)
{
    tls_context_unref(front->tls);
    free(front->sources);
    *front = (struct front_listener){.tls = NULL};
}
