/* libcurl's multi interface on the loop. See client.h. */
#include "http/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "http/exchange.h"

enum { CONNECTIONS_KEPT = 64 };

/* One descriptor of libcurl's. It closes it; we only watch. */
struct client_socket {
    struct list node; /* among the client's */
    struct loop_io io;
    struct http_client *client; /* borrowed */
};

const char *http_error_text(enum http_error error)
{
    static const char *const texts[] = {
        [HTTP_OK] = "no error",
        [HTTP_BAD_URL] = "the URL cannot be understood",
        [HTTP_BAD_SCHEME] = "the URL's scheme is neither http nor https",
        [HTTP_BAD_METHOD] = "the method is none",
        [HTTP_BAD_HEADER] = "a header is malformed or not a guest's to set",
        [HTTP_DENIED] = "the destination is not allowed",
        [HTTP_NO_NAME] = "the name does not resolve",
        [HTTP_NO_CONNECT] = "no connection could be made",
        [HTTP_NO_TLS] = "TLS failed",
        [HTTP_TIMED_OUT] = "it took too long",
        [HTTP_TOO_LARGE] = "the response is larger than allowed",
        [HTTP_TOO_MANY_REDIRECTS] = "too many redirects",
        [HTTP_BROKEN] = "the peer broke off or spoke no HTTP",
        [HTTP_NO_MEMORY] = "out of memory",
    };
    return (size_t)error < ARRAY_COUNT(texts) ? texts[error] : "an unknown error";
}

/* -- libcurl's calls -------------------------------------------------------------------------- */

static void deliver_ends(struct http_client *client)
{
    CURLMsg *message = NULL;
    int left = 0;
    while ((message = client->curl.multi_info_read(client->multi, &left)) != NULL) {
        char *exchange = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            client->curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange) ==
                CURLE_OK) {
            exchange_on_done((struct http_exchange *)(void *)exchange, code);
        }
    }
}

static void act(struct http_client *client, curl_socket_t fd, int events)
{
    int running = 0;
    (void)client->curl.multi_socket_action(client->multi, fd, events, &running);
    deliver_ends(client); /* every failure shows as the end of an exchange */
}

static void on_socket_ready(struct loop_io *io, unsigned events)
{
    struct client_socket *socket = container_of(io, struct client_socket, io);
    int curl_events = ((events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
                      ((events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0) |
                      ((events & LOOP_ERROR) != 0 ? CURL_CSELECT_ERR : 0);
    act(socket->client, io->fd, curl_events);
}

static void socket_free(struct client_socket *socket)
{
    loop_io_stop(&socket->io);
    list_remove(&socket->node);
    free(socket);
}

static struct client_socket *socket_new(struct http_client *client, curl_socket_t fd)
{
    struct client_socket *socket = calloc(1, sizeof *socket);
    if (socket == NULL) {
        return NULL;
    }
    socket->client = client;
    list_append(&client->sockets, &socket->node);
    (void)client->curl.multi_assign(client->multi, fd, socket); /* fd is known to it: it asks */
    return socket;
}

static int watch(struct http_client *client, struct client_socket *socket, curl_socket_t fd,
                 int what)
{
    unsigned events = ((what & CURL_POLL_IN) != 0 ? (unsigned)LOOP_READ : 0) |
                      ((what & CURL_POLL_OUT) != 0 ? (unsigned)LOOP_WRITE : 0);
    return loop_io_start_level(client->options.loop, &socket->io, fd, events, on_socket_ready);
}

/* A failure must not reach libcurl: it would be the end of the multi handle, not of the transfer. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct http_client *client = data;
    struct client_socket *socket = socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL) {
            (void)client->curl.multi_assign(client->multi, fd, NULL);
            socket_free(socket);
        }
        return 0;
    }
    if (socket == NULL) {
        socket = socket_new(client, fd);
    }
    char *exchange = NULL;
    if ((socket == NULL || watch(client, socket, fd, what) < 0) &&
        client->curl.easy_getinfo(easy, CURLINFO_PRIVATE, &exchange) == CURLE_OK &&
        exchange != NULL) {
        exchange_fail((struct http_exchange *)(void *)exchange, HTTP_NO_MEMORY);
    }
    return 0;
}

static void on_timer_due(struct loop_timer *timer)
{
    struct http_client *client = container_of(timer, struct http_client, timer);
    act(client, CURL_SOCKET_TIMEOUT, 0);
}

/* Start the timer; without memory for that, try again until there is. */
static void on_retry(struct loop_deferred *deferred)
{
    struct http_client *client = container_of(deferred, struct http_client, retry);
    struct loop *loop = client->options.loop;
    if (loop_timer_start(loop, &client->timer, client->due_ns, on_timer_due) < 0) {
        loop_defer(loop, &client->retry);
    }
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *data)
{
    struct http_client *client = data;
    (void)multi;
    loop_deferred_cancel(&client->retry);
    if (timeout_ms < 0) {
        loop_timer_stop(&client->timer);
        return 0;
    }
    client->due_ns = loop_clock_ns() + (uint64_t)timeout_ms * 1000000;
    on_retry(&client->retry);
    return 0;
}

/* -- its life --------------------------------------------------------------------------------- */

static int copy_texts(struct http_client *client)
{
    struct http_client_options *options = &client->options;
    bool has_ca_file = options->ca_file != NULL;
    options->ca_file = has_ca_file ? strdup(options->ca_file) : NULL;
    options->proxy = strdup(options->proxy != NULL ? options->proxy : "");
    return options->proxy == NULL || (has_ca_file && options->ca_file == NULL) ? -ENOMEM : 0;
}

static int make_multi(struct http_client *client)
{
    struct curl_library *curl = &client->curl;
    client->multi = curl->multi_init();
    if (client->multi == NULL) {
        return -ENOMEM;
    }
    /* None of these fails for a multi handle that exists. */
    (void)curl->multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    (void)curl->multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    (void)curl->multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    (void)curl->multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    (void)curl->multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    return 0;
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
    list_init(&client->sockets);
    loop_deferred_init(&client->retry, on_retry);
    int r = copy_texts(client);
    if (r == 0) {
        r = curl_library_open(&client->curl, err);
        if (r < 0) {
            goto fail;
        }
        r = make_multi(client);
    }
    if (r < 0) {
        (void)error_set_errno(err, r, "making the HTTP client");
        goto fail;
    }
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
    if (client->spare != NULL) {
        client->curl.easy_cleanup(client->spare);
    }
    if (client->multi != NULL) {
        (void)client->curl.multi_cleanup(client->multi); /* nothing is added to it any more */
    }
    while (!list_empty(&client->sockets)) {
        socket_free(container_of(client->sockets.next, struct client_socket, node));
    }
    loop_timer_stop(&client->timer);
    loop_deferred_cancel(&client->retry);
    curl_library_close(&client->curl);
    free((char *)(uintptr_t)client->options.ca_file); /* owned copies, const for all others */
    free((char *)(uintptr_t)client->options.proxy);
    free(client);
}

enum http_error http_client_judge(struct http_client *client, struct span url)
{
    struct http_url parsed;
    enum http_error error = http_url_parse(&client->curl, url, /* base */ NULL, &parsed);
    if (error == HTTP_OK && !client->options.may_request(client->options.context, &parsed.target)) {
        error = HTTP_DENIED;
    }
    http_url_done(&client->curl, &parsed);
    return error;
}
