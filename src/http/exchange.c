/* One request and its response, over as many hops as it takes. See client.h.
 *
 * begin -> resolve -> start_easy -> on_head -> take_data ... -> on_done
 *             ^                                                   |
 *             '---------------- follow (a redirect) --------------' */
#include "http/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/num.h"

enum {
    HELD_HIGH = 256 << 10,  /* bytes kept for the guest before the peer is held back */
    HELD_LOW = 64 << 10,    /* and how few must be left for it to go on */
    BODY_MAX = 1 << 30,     /* of a request: it stands in the guest's memory, too */
    DROPPED_MAX = 64 << 10, /* bytes of a redirect's body that are read for the connection's sake */
};

static void resolve(struct http_exchange *exchange);

/* -- telling the guest ------------------------------------------------------------------------ */

static void on_notify(struct loop_deferred *deferred)
{
    struct http_exchange *exchange = container_of(deferred, struct http_exchange, notify);
    exchange->on_event(exchange->context);
}

static void notify(struct http_exchange *exchange)
{
    loop_defer(exchange->client->options.loop, &exchange->notify);
}

static void stop_query(struct http_exchange *exchange)
{
    if (exchange->query != NULL) {
        names_cancel(exchange->query);
        exchange->query = NULL;
    }
}

static void finish(struct http_exchange *exchange, enum http_error error)
{
    if (exchange->error == HTTP_OK) {
        exchange->error = error;
    }
    const struct http_client_options *options = &exchange->client->options;
    if (exchange->error != HTTP_OK && exchange->error != HTTP_DENIED &&
        options->on_failure != NULL) {
        options->on_failure(options->context, &exchange->url.target, exchange->error);
    }
    exchange->state = EXCHANGE_DONE;
    exchange->is_held_back = false;
    loop_timer_stop(&exchange->quiet);
    stop_query(exchange);
    exchange_stop_easy(exchange);
    notify(exchange);
}

/* -- time ------------------------------------------------------------------------------------- */

static void on_quiet(struct loop_timer *timer)
{
    struct http_exchange *exchange = container_of(timer, struct http_exchange, quiet);
    finish(exchange, HTTP_TIMED_OUT);
}

static void expect_bytes_within(struct http_exchange *exchange, uint64_t ns)
{
    if (ns == 0 || loop_timer_start(exchange->client->options.loop, &exchange->quiet,
                                    loop_clock_ns() + ns, on_quiet) < 0) {
        loop_timer_stop(&exchange->quiet);
    }
}

/* -- the request ------------------------------------------------------------------------------ */

static void start(struct http_exchange *exchange)
{
    expect_bytes_within(exchange, exchange->client->options.first_byte_timeout_ns);
    enum http_error error = exchange_start_easy(exchange);
    if (error != HTTP_OK) {
        finish(exchange, error);
    }
}

static void on_names(void *context, const struct names_answer *answer)
{
    struct http_exchange *exchange = context;
    const struct http_client_options *options = &exchange->client->options;
    exchange->query = NULL;
    for (uint32_t i = 0; i < answer->count && exchange->address_count < EXCHANGE_ADDRESSES_MAX;
         i++) {
        if (options->may_dial(options->context, &exchange->url.target, &answer->addresses[i])) {
            exchange->addresses[exchange->address_count] = answer->addresses[i];
            exchange->address_count++;
        } else {
            exchange->was_denied = true;
        }
    }
    if (exchange->address_count == 0) {
        finish(exchange, exchange->was_denied ? HTTP_DENIED : HTTP_NO_NAME);
        return;
    }
    start(exchange);
}

/* Find the addresses of the present hop's host; a proxy finds them itself. */
static void resolve(struct http_exchange *exchange)
{
    const struct http_client_options *options = &exchange->client->options;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    exchange->state = EXCHANGE_RESOLVING;
    exchange->address_count = 0;
    exchange->was_denied = false;
    if (options->proxy[0] != '\0' || net_address_is_numeric(exchange->url.host)) {
        start(exchange);
        return;
    }
    expect_bytes_within(exchange, options->connect_timeout_ns);
    const struct names_question question = {
        .node = exchange->url.host,
        .hints = &hints,
        .on_answer = on_names,
        .context = exchange,
    };
    int r = names_ask(options->names, &question, &exchange->query);
    if (r < 0) {
        finish(exchange, r == -ENOMEM ? HTTP_NO_MEMORY : HTTP_NO_NAME);
    }
}

static enum http_error prepare(struct http_exchange *exchange, const struct http_request *request)
{
    struct http_client *client = exchange->client;
    enum http_error error =
        http_url_parse(client->curl, request->url, /* base */ NULL, &exchange->url);
    if (error == HTTP_OK &&
        !client->options.may_request(client->options.context, &exchange->url.target)) {
        error = HTTP_DENIED;
    }
    return error == HTTP_OK ? exchange_set_request(exchange, request) : error;
}

static void on_resume(struct loop_deferred *deferred);

enum http_error http_exchange_begin(struct http_client *client, const struct http_request *request,
                                    http_event_fn *on_event, void *context,
                                    struct http_exchange **ret_exchange)
{
    struct http_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL) {
        return HTTP_NO_MEMORY;
    }
    exchange->client = client;
    exchange->on_event = on_event;
    exchange->context = context;
    uint64_t total_ns = client->options.total_timeout_ns;
    exchange->deadline_ns = total_ns == 0 ? UINT64_MAX : num_add_sat(loop_clock_ns(), total_ns);
    list_init(&exchange->node);
    loop_deferred_init(&exchange->notify, on_notify);
    loop_deferred_init(&exchange->resume, on_resume);
    buffer_init(&exchange->body, BODY_MAX);
    buffer_init(&exchange->head, client->options.head_max);
    buffer_init(&exchange->data, HELD_HIGH + CURL_MAX_READ_SIZE);
    enum http_error error = prepare(exchange, request);
    if (error != HTTP_OK) {
        http_exchange_close(exchange);
        return error;
    }
    list_append(&client->exchanges, &exchange->node);
    resolve(exchange);
    *ret_exchange = exchange;
    return HTTP_OK;
}

/* -- the response ----------------------------------------------------------------------------- */

void exchange_on_head(struct http_exchange *exchange)
{
    long status = 0;
    struct http_client *client = exchange->client;
    (void)client->curl->easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) {
        return; /* an interim response: the next status line clears it */
    }
    exchange->status = (uint16_t)status;
    exchange->is_redirect = exchange_leads_elsewhere(exchange);
    expect_bytes_within(exchange, client->options.between_bytes_timeout_ns);
    if (!exchange->is_redirect) {
        exchange->has_head = true;
        notify(exchange);
    }
}

bool exchange_take_data(struct http_exchange *exchange, struct span bytes)
{
    uint64_t body_max = exchange->client->options.body_max;
    uint64_t total = exchange->body_bytes + bytes.len;
    if (exchange->is_redirect) {
        exchange->body_bytes = total;
        return total <= DROPPED_MAX;
    }
    if (body_max != 0 && total > body_max) {
        exchange->error = HTTP_TOO_LARGE;
        return false;
    }
    size_t waiting = exchange->data.len - exchange->taken;
    if (waiting > 0 && waiting + bytes.len > HELD_HIGH) {
        exchange->is_held_back = true;
        loop_timer_stop(&exchange->quiet); /* it is the guest that is slow */
        return false;
    }
    buffer_consume(&exchange->data, exchange->taken);
    exchange->taken = 0;
    if (buffer_append(&exchange->data, bytes) < 0) {
        exchange->error = HTTP_NO_MEMORY;
        return false;
    }
    exchange->body_bytes = total;
    expect_bytes_within(exchange, exchange->client->options.between_bytes_timeout_ns);
    notify(exchange);
    return true;
}

static enum http_error error_of(const struct http_exchange *exchange, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return HTTP_NO_NAME;
    case CURLE_COULDNT_CONNECT:
        return exchange->was_denied ? HTTP_DENIED : HTTP_NO_CONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_TIMED_OUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return HTTP_NO_TLS;
    case CURLE_OUT_OF_MEMORY:
        /* Also libcurl's word for a header line past its own limit of 100 KiB. */
        return exchange->has_head ? HTTP_NO_MEMORY : HTTP_TOO_LARGE;
    default:
        return HTTP_BROKEN;
    }
}

void exchange_on_done(struct http_exchange *exchange, CURLcode code)
{
    /* A redirect whose body was more than worth reading has been cut off, by us. */
    bool is_cut = exchange->is_redirect && code == CURLE_WRITE_ERROR;
    if (exchange->is_redirect && (code == CURLE_OK || is_cut)) {
        enum http_error error = exchange_follow(exchange);
        exchange_stop_easy(exchange);
        exchange_clear_head(exchange);
        exchange->is_redirect = false;
        exchange->body_bytes = 0;
        exchange->head_bytes = 0;
        if (error == HTTP_OK) {
            resolve(exchange);
        } else {
            finish(exchange, error);
        }
        return;
    }
    bool is_headless = code == CURLE_OK && !exchange->has_head; /* such as a 101 unasked for */
    finish(exchange, is_headless ? HTTP_BROKEN : error_of(exchange, code));
}

/* -- reading ---------------------------------------------------------------------------------- */

bool http_exchange_has_head(const struct http_exchange *exchange)
{
    return exchange->has_head || exchange->state == EXCHANGE_DONE;
}

enum http_error http_exchange_error(const struct http_exchange *exchange)
{
    return exchange->error;
}

uint16_t http_exchange_status(const struct http_exchange *exchange)
{
    return exchange->has_head ? exchange->status : 0;
}

size_t http_exchange_waiting(const struct http_exchange *exchange)
{
    return exchange->data.len - exchange->taken;
}

void exchange_fail(struct http_exchange *exchange, enum http_error error)
{
    exchange->error = error;
    loop_defer(exchange->client->options.loop, &exchange->resume);
}

static void on_resume(struct loop_deferred *deferred)
{
    struct http_exchange *exchange = container_of(deferred, struct http_exchange, resume);
    if (exchange->state == EXCHANGE_RUNNING && exchange->error != HTTP_OK) {
        finish(exchange, exchange->error);
        return;
    }
    if (exchange->is_held_back && exchange->is_added) {
        exchange->is_held_back = false;
        expect_bytes_within(exchange, exchange->client->options.between_bytes_timeout_ns);
        /* A failure shows as the end of the exchange. */
        (void)exchange->client->curl->easy_pause(exchange->easy, CURLPAUSE_CONT);
    }
}

int64_t http_exchange_read(struct http_exchange *exchange, uint8_t *to, size_t len)
{
    size_t waiting = exchange->data.len - exchange->taken;
    size_t count = len < waiting ? len : waiting;
    if (count > 0) {
        memcpy(to, exchange->data.data + exchange->taken, count);
        exchange->taken += count;
    }
    if (exchange->is_held_back && waiting - count <= HELD_LOW) {
        loop_defer(exchange->client->options.loop, &exchange->resume);
    }
    if (count > 0 || len == 0) {
        return (int64_t)count;
    }
    if (exchange->state != EXCHANGE_DONE) {
        return -EAGAIN;
    }
    return exchange->error == HTTP_OK ? 0 : -EIO;
}

void http_exchange_close(struct http_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    stop_query(exchange);
    loop_timer_stop(&exchange->quiet);
    loop_deferred_cancel(&exchange->notify);
    loop_deferred_cancel(&exchange->resume);
    exchange_stop_easy(exchange);
    http_url_done(exchange->client->curl, &exchange->url);
    free(exchange->method);
    strings_done(&exchange->headers);
    buffer_done(&exchange->body);
    buffer_done(&exchange->head);
    buffer_done(&exchange->data);
    free(exchange->places);
    list_remove(&exchange->node);
    free(exchange);
}
