/* A client's life. See client.h; what libcurl does on the loop is in pool.c. */
#include "http/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "http/exchange.h"

/* -- its life --------------------------------------------------------------------------------- */

static int copy_texts(struct http_client *client)
{
    struct http_client_options *options = &client->options;
    bool has_ca_file = options->ca_file != NULL;
    options->ca_file = has_ca_file ? strdup(options->ca_file) : NULL;
    options->proxy = strdup(options->proxy != NULL ? options->proxy : "");
    return options->proxy == NULL || (has_ca_file && options->ca_file == NULL) ? -ENOMEM : 0;
}

int http_client_new(const struct http_client_options *options, struct http_client **ret_client,
                    struct error *err)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return error_set_errno(err, -ENOMEM, "making the HTTP client");
    }
    client->options = *options;
    list_init(&client->exchanges);
    client->pool = options->pool;
    int r = copy_texts(client);
    if (r < 0) {
        (void)error_set_errno(err, r, "making the HTTP client");
        goto fail;
    }
    if (client->pool == NULL) {
        r = http_pool_new(options->loop, /* reaches_out */ true, &client->pool, err);
        if (r < 0) {
            goto fail;
        }
        client->owns_pool = true;
    }
    client->curl = &client->pool->curl;
    *ret_client = client;
    return 0;
fail:
    http_client_free(client);
    return r;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL) {
        return;
    }
    while (!list_empty(&client->exchanges)) {
        http_exchange_close(container_of(client->exchanges.next, struct http_exchange, node));
    }
    if (client->owns_pool) {
        http_pool_free(client->pool);
    }
    free((char *)(uintptr_t)client->options.ca_file); /* owned copies, const for all others */
    free((char *)(uintptr_t)client->options.proxy);
    free(client);
}

/* Without libcurl the pool was told that nothing will be allowed. */
bool client_may_request(const struct http_client *client, const struct http_target *target)
{
    return client->options.may_request(client->options.context, target) &&
           client->curl->handle != NULL;
}

enum http_error http_client_judge(struct http_client *client, struct span url)
{
    struct http_url parsed;
    enum http_error error = http_url_parse(client->curl, url, /* base */ NULL, &parsed);
    if (error == HTTP_OK && !client_may_request(client, &parsed.target)) {
        error = HTTP_DENIED;
    }
    http_url_done(client->curl, &parsed);
    return error;
}
