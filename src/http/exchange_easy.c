/* One hop of an exchange with libcurl. See exchange.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/exchange.h"

enum { RECEIVE_BUFFER = 16 << 10, NS_PER_MS = 1000000 };

/* -- libcurl's calls -------------------------------------------------------------------------- */

/* The address is judged where it is dialled: libcurl has no other way to the network. */
static curl_socket_t on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct http_exchange *exchange = data;
    const struct http_client_options *options = &exchange->client->options;
    struct net_address address = {.len = to->addrlen};
    if (purpose != CURLSOCKTYPE_IPCXN || to->addrlen > sizeof address.u) {
        return CURL_SOCKET_BAD;
    }
    memcpy(&address.u, &to->addr, to->addrlen);
    bool is_proxied = options->proxy[0] != '\0'; /* then the address is the operator's proxy */
    if (!is_proxied && !options->may_dial(options->context, &exchange->url.target, &address)) {
        exchange->was_denied = true;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
    exchange->socket_error = fd < 0 ? errno : 0;
    exchange->upload.is_asked = false; /* should it have served on another connection before */
    return fd;
}

static bool on_trailer(struct http_exchange *exchange, struct span line)
{
    if (exchange->is_redirect || line.len <= 2 || exchange_add_trailer(exchange, line)) {
        return true;
    }
    exchange->error = HTTP_NO_MEMORY;
    return false;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct http_exchange *exchange = data;
    struct span line = {(const uint8_t *)bytes, size * count};
    exchange->head_bytes += line.len;
    if (exchange->head_bytes > exchange->client->options.head_max) {
        exchange->error = exchange->has_head ? HTTP_TRAILERS_TOO_LARGE : HTTP_HEAD_TOO_LARGE;
        return 0;
    }
    if (exchange->has_head || exchange->is_redirect) {
        return on_trailer(exchange, line) ? line.len : 0;
    }
    if (line.len >= 5 && memcmp(line.data, "HTTP/", 5) == 0) {
        exchange_clear_head(exchange); /* whatever came before was an interim response */
        return line.len;
    }
    if (line.len <= 2) {
        if (exchange_has_two_lengths(exchange)) {
            exchange->error = HTTP_NOT_HTTP;
            return 0;
        }
        exchange_on_head(exchange);
        return line.len;
    }
    if (!exchange_add_line(exchange, line)) {
        exchange->error = HTTP_NO_MEMORY;
        return 0;
    }
    return line.len;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t on_data(char *bytes, size_t size, size_t count, void *data)
{
    struct http_exchange *exchange = data;
    struct span arrived = {(const uint8_t *)bytes, size * count};
    if (exchange->is_held_back) {
        return CURL_WRITEFUNC_PAUSE;
    }
    if (!exchange_take_data(exchange, arrived)) {
        return exchange->is_held_back ? CURL_WRITEFUNC_PAUSE : 0;
    }
    return arrived.len;
}

/* -- setting up ------------------------------------------------------------------------------- */

static bool append(const struct curl_library *curl, struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl->slist_append(*list, text);
    if (longer == NULL) {
        return false;
    }
    *list = longer;
    return true;
}

static bool has_line(const struct http_exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->headers.count; i++) {
        if (request_line_is(exchange->headers.items[i], name)) {
            return true;
        }
    }
    return false;
}

static bool make_header_list(struct http_exchange *exchange)
{
    const struct curl_library *curl = exchange->client->curl;
    /* What libcurl would add by itself and no guest asked for. */
    bool ok = append(curl, &exchange->header_list, "Expect:");
    if (ok && !has_line(exchange, "content-type")) {
        ok = append(curl, &exchange->header_list, "Content-Type:");
    }
    for (size_t i = 0; ok && i < exchange->headers.count; i++) {
        ok = append(curl, &exchange->header_list, exchange->headers.items[i]);
    }
    return ok;
}

/* Give libcurl the addresses that were resolved and allowed, as "+HOST:PORT:ADDRESS,..."; the plus
 * has them forgotten after a while like those of its own resolver. */
static bool make_resolve_list(struct http_exchange *exchange)
{
    struct buffer entry;
    char text[NET_ADDRESS_TEXT_MAX];
    const struct http_target *target = &exchange->url.target;
    buffer_init(&entry, 64 << 10);
    bool ok = buffer_printf(&entry, "+%s:%u:", target->host, target->port) == 0;
    for (uint32_t i = 0; ok && i < exchange->address_count; i++) {
        struct net_address address = exchange->addresses[i];
        (void)net_address_print(&address, text);
        *strrchr(text, ':') = '\0'; /* without its port */
        ok = buffer_printf(&entry, "%s%s", i > 0 ? "," : "", text) == 0;
    }
    const char *line = ok ? buffer_text(&entry) : NULL;
    ok = line != NULL && append(exchange->client->curl, &exchange->resolve_list, line);
    buffer_done(&entry);
    return ok;
}

static void set_request(struct http_exchange *exchange)
{
    const struct curl_library *curl = exchange->client->curl;
    CURL *easy = exchange->easy;
    /* Options of fixed types on a live handle fail for lack of memory only, which shows when the
     * transfer begins. */
    (void)curl->easy_setopt(easy, CURLOPT_URL, exchange->url.url);
    (void)curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
    if (strcmp(exchange->method, "HEAD") == 0) {
        (void)curl->easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (exchange->upload.state != UPLOAD_OVER) {
        exchange_upload_set(exchange);
    } else if (exchange->body.len > 0) {
        (void)curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->body.len);
        (void)curl->easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body.data);
    } else if (strcmp(exchange->method, "POST") == 0 || strcmp(exchange->method, "PUT") == 0) {
        (void)curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L); /* says content-length: 0 */
        (void)curl->easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    }
    (void)curl->easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->header_list);
    if (exchange->resolve_list != NULL) {
        (void)curl->easy_setopt(easy, CURLOPT_RESOLVE, exchange->resolve_list);
    }
}

/* Milliseconds until the deadline of all hops; 0: there is none. */
static long time_left_ms(const struct http_exchange *exchange)
{
    uint64_t now_ns = loop_clock_ns();
    if (exchange->deadline_ns == UINT64_MAX) {
        return 0;
    }
    uint64_t left_ns = exchange->deadline_ns > now_ns ? exchange->deadline_ns - now_ns : 0;
    return (long)(left_ns / NS_PER_MS) + 1; /* so that it is over at once, and not never */
}

static void set_limits(struct http_exchange *exchange)
{
    const struct curl_library *curl = exchange->client->curl;
    const struct http_client_options *options = &exchange->client->options;
    CURL *easy = exchange->easy;
    (void)curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    (void)curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl->easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)POOL_IDLE_S);
    (void)curl->easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    /* Neither a proxy of the environment's nor a way around the operator's. */
    (void)curl->easy_setopt(easy, CURLOPT_PROXY, options->proxy);
    (void)curl->easy_setopt(easy, CURLOPT_NOPROXY, "");
    (void)curl->easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* the proxy's own head */
    (void)curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                            (long)(exchange->times.connect_ns / NS_PER_MS));
    (void)curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, time_left_ms(exchange));
    if (options->ca_file != NULL) {
        (void)curl->easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
        (void)curl->easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    (void)curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    (void)curl->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
    (void)curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl->easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    (void)curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl->easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    (void)curl->easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    (void)curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->reason);
}

static bool take_handle(struct http_exchange *exchange)
{
    struct http_client *client = exchange->client;
    if (exchange->easy == NULL) {
        exchange->easy = pool_take_handle(client->pool);
    }
    return exchange->easy != NULL;
}

enum http_error exchange_start_easy(struct http_exchange *exchange)
{
    struct http_client *client = exchange->client;
    exchange->is_deaf = false;
    exchange->reason[0] = '\0';
    if (!take_handle(exchange) || !make_header_list(exchange) ||
        (exchange->address_count > 0 && !make_resolve_list(exchange))) {
        return HTTP_NO_MEMORY;
    }
    set_limits(exchange);
    set_request(exchange);
    if (!pool_add(client->pool, exchange->easy)) {
        return HTTP_NO_MEMORY;
    }
    exchange->is_added = true;
    exchange->state = EXCHANGE_RUNNING;
    return HTTP_OK;
}

/* Where there is no list libcurl may not be open. */
static void free_list(const struct http_client *client, struct curl_slist **list)
{
    if (*list != NULL) {
        client->curl->slist_free_all(*list);
        *list = NULL;
    }
}

void exchange_stop_easy(struct http_exchange *exchange)
{
    struct http_client *client = exchange->client;
    if (exchange->is_added) {
        exchange->is_added = false; /* what libcurl says from now on is of no interest */
        pool_remove(client->pool, exchange->easy);
    }
    if (exchange->easy != NULL) {
        (exchange->is_spent ? pool_drop_handle : pool_give_handle)(client->pool, exchange->easy);
        exchange->easy = NULL;
        exchange->is_spent = false;
    }
    free_list(client, &exchange->header_list);
    free_list(client, &exchange->resolve_list);
}
