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
#include <sys/socket.h>

#include "base/container.h"
#include "base/num.h"

enum {
    HELD_HIGH = 256 << 10,  /* bytes kept for the guest before the peer is held back */
    HELD_LOW = 64 << 10,    /* and how few must be left for it to go on */
    BODY_MAX = 1 << 30,     /* of a request: it stands in the guest's memory, too */
    RESTARTS_MAX = 5,       /* on connections that had served before */
    DROPPED_MAX = 64 << 10, /* bytes of a redirect's body that are read for the connection's sake */
};

static void resolve(struct http_exchange *exchange);

/* -- telling the guest ------------------------------------------------------------------------ */

static void on_notify(struct loop_deferred *deferred)
{
    struct http_exchange *exchange = container_of(deferred, struct http_exchange, notify);
    exchange->on_event(exchange->context);
}

void exchange_notify(struct http_exchange *exchange)
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

/* Is it a failure that the operator is to hear of? */
static bool is_reported(enum http_error error)
{
    return error != HTTP_OK && error != HTTP_ABORTED && http_error_kind(error) != HTTP_DENIED;
}

void exchange_finish(struct http_exchange *exchange, enum http_error error)
{
    /* Once the response is complete it is the rest of the request that failed. */
    if (exchange->error == HTTP_OK && !exchange->is_received) {
        exchange->error = error;
    }
    const struct http_client_options *options = &exchange->client->options;
    if (is_reported(exchange->error) && options->on_failure != NULL) {
        options->on_failure(options->context, &exchange->url.target, exchange->error);
    }
    exchange->state = EXCHANGE_DONE;
    exchange->is_held_back = false;
    exchange_upload_end(exchange);
    loop_timer_stop(&exchange->quiet);
    stop_query(exchange);
    exchange_stop_easy(exchange);
    exchange_notify(exchange);
}

/* -- time ------------------------------------------------------------------------------------- */

static void on_quiet(struct loop_timer *timer)
{
    struct http_exchange *exchange = container_of(timer, struct http_exchange, quiet);
    exchange_finish(exchange, exchange->quiet_error);
}

static void expect_within(struct http_exchange *exchange, uint64_t ns, enum http_error error)
{
    exchange->quiet_error = error;
    if (ns == 0 || loop_timer_start(exchange->client->options.loop, &exchange->quiet,
                                    num_add_sat(loop_clock_ns(), ns), on_quiet) < 0) {
        loop_timer_stop(&exchange->quiet);
    }
}

void exchange_watch_quiet(struct http_exchange *exchange)
{
    const struct http_times *times = &exchange->times;
    if (exchange->is_held_back || exchange_upload_is_starved(&exchange->upload)) {
        loop_timer_stop(&exchange->quiet); /* it is the guest that is slow */
    } else if (exchange_upload_is_busy(&exchange->upload)) {
        expect_within(exchange, times->between_bytes_ns, HTTP_WRITE_TIMED_OUT);
    } else if (exchange->has_head || exchange->is_redirect) {
        expect_within(exchange, times->between_bytes_ns, HTTP_READ_TIMED_OUT);
    } else {
        expect_within(exchange, times->first_byte_ns, HTTP_FIRST_BYTE_TIMED_OUT);
    }
}

static uint64_t shorter(uint64_t a_ns, uint64_t b_ns)
{
    if (a_ns == 0 || b_ns == 0) {
        return a_ns == 0 ? b_ns : a_ns;
    }
    return a_ns < b_ns ? a_ns : b_ns;
}

static void set_times(struct http_exchange *exchange, const struct http_times *times)
{
    const struct http_client_options *options = &exchange->client->options;
    exchange->times = (struct http_times){
        .connect_ns = shorter(options->connect_timeout_ns, times->connect_ns),
        .first_byte_ns = shorter(options->first_byte_timeout_ns, times->first_byte_ns),
        .between_bytes_ns = shorter(options->between_bytes_timeout_ns, times->between_bytes_ns),
    };
    uint64_t total_ns = options->total_timeout_ns;
    exchange->deadline_ns = total_ns == 0 ? UINT64_MAX : num_add_sat(loop_clock_ns(), total_ns);
}

/* -- the request ------------------------------------------------------------------------------ */

static void start(struct http_exchange *exchange)
{
    exchange_watch_quiet(exchange);
    enum http_error error = exchange_start_easy(exchange);
    if (error != HTTP_OK) {
        exchange_finish(exchange, error);
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
        exchange_finish(exchange, exchange->was_denied ? HTTP_DENIED_ADDRESS
                                                       : exchange_error_of_name(answer->error));
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
    expect_within(exchange, exchange->times.connect_ns, HTTP_NAME_TIMED_OUT);
    const struct names_question question = {
        .node = exchange->url.host,
        .hints = &hints,
        .on_answer = on_names,
        .context = exchange,
    };
    int r = names_ask(options->names, &question, &exchange->query);
    if (r < 0) {
        exchange_finish(exchange, r == -ENOMEM ? HTTP_NO_MEMORY : HTTP_NAME_FAILED);
    }
}

static enum http_error prepare(struct http_exchange *exchange, const struct http_request *request)
{
    struct http_client *client = exchange->client;
    enum http_error error =
        http_url_parse(client->curl, request->url, /* base */ NULL, &exchange->url);
    if (error == HTTP_OK && !client_may_request(client, &exchange->url.target)) {
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
    exchange->ignores_redirects =
        request->ignores_redirects || request->streams_body || client->options.redirects_max == 0;
    set_times(exchange, &request->times);
    list_init(&exchange->node);
    loop_deferred_init(&exchange->notify, on_notify);
    loop_deferred_init(&exchange->resume, on_resume);
    buffer_init(&exchange->body, BODY_MAX);
    buffer_init(&exchange->head.bytes, client->options.head_max);
    buffer_init(&exchange->trailers.bytes, client->options.head_max);
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
    exchange->has_head = !exchange->is_redirect;
    exchange_upload_on_head(exchange);
    exchange_watch_quiet(exchange);
    if (exchange->has_head) {
        exchange_notify(exchange);
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
        exchange->error = HTTP_BODY_TOO_LARGE;
        return false;
    }
    size_t waiting = exchange->data.len - exchange->taken;
    if (waiting > 0 && waiting + bytes.len > HELD_HIGH) {
        exchange->is_held_back = true;
        exchange_watch_quiet(exchange);
        return false;
    }
    buffer_consume(&exchange->data, exchange->taken);
    exchange->taken = 0;
    if (buffer_append(&exchange->data, bytes) < 0) {
        exchange->error = HTTP_NO_MEMORY;
        return false;
    }
    exchange->body_bytes = total;
    exchange_watch_quiet(exchange);
    exchange_notify(exchange);
    return true;
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
            exchange_finish(exchange, error);
        }
        return;
    }
    exchange_finish(exchange, exchange_error_of(exchange, code));
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

uint8_t http_exchange_alert(const struct http_exchange *exchange)
{
    return exchange->alert;
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

void exchange_on_watch(struct http_exchange *exchange, int fd, bool reads)
{
    exchange->is_deaf = !reads;
    exchange->fd = fd;
    if (exchange->is_deaf && exchange->is_added && exchange->upload.is_streamed) {
        loop_defer(exchange->client->options.loop, &exchange->resume);
    }
}

/* Let libcurl go on in those directions in which it can. Gives whether there were any. */
static bool unpause(struct http_exchange *exchange)
{
    struct http_client *client = exchange->client;
    bool can_read = exchange->is_held_back && http_exchange_waiting(exchange) <= HELD_LOW;
    bool can_write = exchange_upload_must_resume(&exchange->upload);
    if (!can_read && !can_write) {
        return false;
    }
    exchange->is_held_back = exchange->is_held_back && !can_read;
    exchange->upload.is_paused = exchange->upload.is_paused && !can_write;
    exchange_watch_quiet(exchange);
    /* It calls on_data from within, which may hold the peer back anew. */
    CURLcode code = client->curl->easy_pause(exchange->easy,
                                             (exchange->is_held_back ? CURLPAUSE_RECV : 0) |
                                                 (exchange->upload.is_paused ? CURLPAUSE_SEND : 0));
    bool is_elsewhere = code == CURLE_BAD_FUNCTION_ARGUMENT; /* it connects anew, and asks anew */
    if (code != CURLE_OK && !is_elsewhere) {
        exchange_finish(exchange, exchange_error_of(exchange, code));
    }
    return true;
}

/* libcurl wants to read no more: is the response complete, or has the peer gone? It can tell and does
 * not say. Where chunks are followed by the end of the connection they are not trusted. */
static bool is_complete(const struct http_exchange *exchange)
{
    curl_off_t length = -1;
    char byte;
    (void)exchange->client->curl->easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                                               &length);
    if (exchange->status == 204 || exchange->status == 304) {
        return true;
    }
    if (length >= 0) {
        return exchange->body_bytes >= (uint64_t)length;
    }
    bool is_chunked = exchange_find_header(exchange, "transfer-encoding").len > 0;
    return !is_chunked || (recv(exchange->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
                           (errno == EAGAIN || errno == EINTR));
}

/* The peer has gone before it answered. When the connection had served before, it may have gone before
 * it read the request; libcurl would try again by itself if the upload did not wait for the guest. */
static bool restart(struct http_exchange *exchange)
{
    long connects = 1;
    (void)exchange->client->curl->easy_getinfo(exchange->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects > 0 || exchange->head_bytes > 0 || exchange->restarts == RESTARTS_MAX ||
        !exchange_upload_rewind(&exchange->upload)) {
        return false;
    }
    exchange->restarts++;
    exchange_stop_easy(exchange);
    start(exchange);
    return true;
}

/* libcurl says only when both directions have ended. But it has read all that it will when it does not
 * want to read on, and nobody has it hold the peer back. */
static void note_received(struct http_exchange *exchange)
{
    struct exchange_upload *upload = &exchange->upload;
    if (!upload->is_streamed || !exchange->is_deaf || exchange->is_held_back ||
        exchange->is_received) {
        return;
    }
    if (!exchange->has_head) {
        if (upload->is_asked && !restart(exchange)) {
            exchange_finish(exchange, exchange_error_of(exchange, CURLE_PARTIAL_FILE));
        }
        return;
    }
    exchange->is_received = is_complete(exchange);
    if (!exchange->is_received) {
        exchange_finish(exchange, HTTP_INCOMPLETE);
    } else if (upload->state == UPLOAD_OVER) {
        exchange_finish(exchange, HTTP_OK); /* nothing is left to be done; the connection goes */
    } else {
        exchange_notify(exchange);
    }
}

static void on_resume(struct loop_deferred *deferred)
{
    struct http_exchange *exchange = container_of(deferred, struct http_exchange, resume);
    if (exchange->state != EXCHANGE_RUNNING) {
        return;
    }
    if (exchange->error != HTTP_OK) {
        exchange_finish(exchange, exchange->error);
    } else if (unpause(exchange)) {
        /* In the next turn, once libcurl has gone on, is_deaf is true to the facts. */
        loop_defer(exchange->client->options.loop, &exchange->resume);
    } else {
        note_received(exchange);
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
    if (exchange->state != EXCHANGE_DONE && !exchange->is_received) {
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
    exchange_stop_easy(exchange);
    loop_timer_stop(&exchange->quiet);
    loop_deferred_cancel(&exchange->notify);
    loop_deferred_cancel(&exchange->resume);
    http_url_done(exchange->client->curl, &exchange->url);
    free(exchange->method);
    strings_done(&exchange->headers);
    buffer_done(&exchange->body);
    exchange_upload_done(&exchange->upload);
    field_lines_done(&exchange->head);
    field_lines_done(&exchange->trailers);
    free(exchange->trailer_headers);
    buffer_done(&exchange->data);
    list_remove(&exchange->node);
    free(exchange);
}
