/* See outside.h. */
#include "outside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imports/wasi_http/fields.h"
#include "input.h"

static struct outside *outside; /* the client's functions are given no context */

static struct span copy_span(const char *text)
{
    size_t len = strlen(text);
    uint8_t *copy = malloc(len > 0 ? len : 1);
    must(copy != NULL);
    memcpy(copy, text, len);
    return (struct span){copy, len};
}

static void free_span(struct span span)
{
    free((void *)(uintptr_t)span.data);
}

static void fill_lines(struct lines *lines, uint64_t choice)
{
    static const char *const names[] = {"x-one", "content-type", "connection", "accept", "host"};
    static const char *const values[] = {"", "1", "keep-alive", "a long value of some use"};
    lines->count = (uint32_t)(choice % (OUTSIDE_HEADERS_MAX + 1));
    for (uint32_t i = 0; i < lines->count; i++) {
        lines->headers[i] = (struct http_header){copy_span(names[(choice + i) % 5]),
                                                 copy_span(values[(choice / 4 + i) % 4])};
    }
}

static void free_lines(struct lines *lines)
{
    for (uint32_t i = 0; i < lines->count; i++) {
        free_span(lines->headers[i].name);
        free_span(lines->headers[i].value);
    }
    lines->count = 0;
}

/* What a guest has written must not be taken for more than one header, nor be the host's own. */
static void check_headers(const struct http_header *headers, uint32_t count, bool is_trailer)
{
    uint32_t lengths = 0;
    for (uint32_t i = 0; i < count; i++) {
        must(http_is_token(headers[i].name) && http_is_value(headers[i].value));
        must(!field_is_forbidden(headers[i].name));
        lengths += span_is(headers[i].name, "content-length") ? 1 : 0;
    }
    must(lengths <= (is_trailer ? 0U : 1U));
}

static int64_t flow_read(struct flow *flow, uint8_t *to, size_t len)
{
    size_t part = flow->readable < len ? flow->readable : len;
    must(len > 0);
    memset(to, 'r', part);
    flow->readable -= (uint32_t)part;
    if (part > 0) {
        return (int64_t)part;
    }
    return flow->failure != 0 ? flow->failure : flow->has_ended ? 0 : -EAGAIN;
}

static int64_t flow_write(struct flow *flow, const uint8_t *bytes, size_t len)
{
    size_t part = flow->room < len ? flow->room : len;
    uint8_t sum = 0;
    if (flow->failure != 0) {
        return -EPIPE;
    }
    if (flow->length >= 0) {
        must(len <= (uint64_t)flow->length - flow->written); /* the host's to see to */
    }
    for (size_t i = 0; i < part; i++) {
        sum |= bytes[i];
    }
    (void)sum;
    flow->room -= (uint32_t)part;
    flow->written += part;
    flow->wants_write = part == 0;
    return part > 0 ? (int64_t)part : -EAGAIN;
}

/* -- the front -------------------------------------------------------------------------------- */

const struct http_inbound *__wrap_http_transaction_inbound(const struct http_transaction *it);
int64_t __wrap_http_transaction_read(struct http_transaction *it, uint8_t *to, size_t len);
uint32_t __wrap_http_transaction_trailers(struct http_transaction *it,
                                          const struct http_header **ret_trailers);
int __wrap_http_transaction_respond(struct http_transaction *it, const struct http_outbound *out);
int64_t __wrap_http_transaction_write(struct http_transaction *it, const void *bytes, size_t len);
void __wrap_http_transaction_end(struct http_transaction *it, const struct http_header *trailers,
                                 uint32_t count);
void __wrap_http_transaction_fail(struct http_transaction *it, uint16_t status, uint32_t after);

const struct http_inbound *__wrap_http_transaction_inbound(const struct http_transaction *it)
{
    return &it->inbound;
}

int64_t __wrap_http_transaction_read(struct http_transaction *it, uint8_t *to, size_t len)
{
    must(it == outside->transaction);
    return flow_read(&it->flow, to, len);
}

uint32_t __wrap_http_transaction_trailers(struct http_transaction *it,
                                          const struct http_header **ret_trailers)
{
    must(it == outside->transaction && it->flow.has_ended && it->flow.readable == 0);
    *ret_trailers = it->trailers.headers;
    return it->trailers.count;
}

int __wrap_http_transaction_respond(struct http_transaction *it, const struct http_outbound *out)
{
    must(it == outside->transaction && !it->has_responded);
    must(out->status >= 200 && out->status <= 599);
    check_headers(out->headers, out->header_count, false /* is_trailer */);
    it->has_responded = true;
    it->has_content = out->status != 204 && out->status != 205 && out->status != 304 &&
                      !span_is(it->inbound.method, "HEAD");
    it->flow.length = it->has_content ? out->length : -1;
    return it->flow.failure != 0 ? -EPIPE : 0;
}

int64_t __wrap_http_transaction_write(struct http_transaction *it, const void *bytes, size_t len)
{
    must(it == outside->transaction && it->has_responded);
    return flow_write(&it->flow, bytes, len);
}

static void transaction_free(struct http_transaction *it)
{
    if (it != NULL) {
        free_lines(&it->head);
        free_lines(&it->trailers);
        free_span(it->inbound.method);
        free_span(it->inbound.authority);
        free_span(it->inbound.path);
        if (it->inbound.has_query) {
            free_span(it->inbound.query);
        }
        free(it);
    }
}

static void over(struct http_transaction *it)
{
    must(it == outside->transaction);
    outside->transaction = NULL;
    transaction_free(it);
}

void __wrap_http_transaction_end(struct http_transaction *it, const struct http_header *trailers,
                                 uint32_t count)
{
    must(it->has_responded);
    for (uint32_t i = 0; i < count; i++) {
        must(!http_is_forbidden_trailer(trailers[i].name));
        must(http_is_token(trailers[i].name) && http_is_value(trailers[i].value));
    }
    must(it->flow.length < 0 || it->flow.written == (uint64_t)it->flow.length);
    over(it);
}

void __wrap_http_transaction_fail(struct http_transaction *it, uint16_t status, uint32_t after)
{
    (void)after;
    must(status >= 400 && status <= 599);
    over(it);
}

/* -- the client ------------------------------------------------------------------------------- */

enum http_error __wrap_http_exchange_begin(struct http_client *client,
                                           const struct http_request *request,
                                           http_event_fn *on_event, void *context,
                                           struct http_exchange **ret_exchange);
bool __wrap_http_exchange_has_head(const struct http_exchange *it);
enum http_error __wrap_http_exchange_error(const struct http_exchange *it);
uint16_t __wrap_http_exchange_status(const struct http_exchange *it);
uint8_t __wrap_http_exchange_alert(const struct http_exchange *it);
uint32_t __wrap_http_exchange_header_count(const struct http_exchange *it);
struct http_header __wrap_http_exchange_header(const struct http_exchange *it, uint32_t index);
int64_t __wrap_http_exchange_read(struct http_exchange *it, uint8_t *to, size_t len);
uint32_t __wrap_http_exchange_trailers(struct http_exchange *it, const struct http_header **ret);
int64_t __wrap_http_exchange_write(struct http_exchange *it, const uint8_t *bytes, size_t len);
enum http_error __wrap_http_exchange_finish(struct http_exchange *it,
                                            const struct http_header *trailers, uint32_t count);
void __wrap_http_exchange_abort(struct http_exchange *it);
void __wrap_http_exchange_close(struct http_exchange *it);

static struct http_exchange **exchange_slot(const struct http_exchange *it)
{
    for (size_t i = 0; i < OUTSIDE_EXCHANGES_MAX; i++) {
        if (outside->exchanges[i] == it) {
            return &outside->exchanges[i];
        }
    }
    return NULL;
}

static void check_url(struct span url)
{
    must(url.len > 8 && memcmp(url.data, "http", 4) == 0);
    for (size_t i = 0; i < url.len; i++) {
        must(url.data[i] > ' ' && url.data[i] != 0x7f && url.data[i] != '#' && url.data[i] != '\\');
    }
}

enum http_error __wrap_http_exchange_begin(struct http_client *client,
                                           const struct http_request *request,
                                           http_event_fn *on_event, void *context,
                                           struct http_exchange **ret_exchange)
{
    struct http_exchange **slot = exchange_slot(NULL);
    (void)client;
    check_url(request->url);
    check_headers(request->headers, request->header_count, false /* is_trailer */);
    must(http_is_token(request->method) && request->ignores_redirects);
    if (slot == NULL) {
        return HTTP_NO_SOCKETS;
    }
    struct http_exchange *it = calloc(1, sizeof *it);
    must(it != NULL);
    it->flow.length = request->body_length;
    it->streams = request->streams_body;
    it->is_finished = !request->streams_body;
    it->on_event = on_event;
    it->context = context;
    *slot = it;
    *ret_exchange = it;
    return HTTP_OK;
}

bool __wrap_http_exchange_has_head(const struct http_exchange *it)
{
    must(exchange_slot(it) != NULL);
    return it->has_head;
}

enum http_error __wrap_http_exchange_error(const struct http_exchange *it)
{
    must(exchange_slot(it) != NULL);
    return it->error;
}

uint16_t __wrap_http_exchange_status(const struct http_exchange *it)
{
    must(it->has_head);
    return it->status;
}

uint8_t __wrap_http_exchange_alert(const struct http_exchange *it)
{
    must(it->has_head);
    return 40;
}

uint32_t __wrap_http_exchange_header_count(const struct http_exchange *it)
{
    must(it->has_head);
    return it->head.count;
}

struct http_header __wrap_http_exchange_header(const struct http_exchange *it, uint32_t index)
{
    must(it->has_head && index < it->head.count);
    return it->head.headers[index];
}

int64_t __wrap_http_exchange_read(struct http_exchange *it, uint8_t *to, size_t len)
{
    must(exchange_slot(it) != NULL && it->has_head);
    return flow_read(&it->flow, to, len);
}

uint32_t __wrap_http_exchange_trailers(struct http_exchange *it, const struct http_header **ret)
{
    must(exchange_slot(it) != NULL && it->flow.has_ended && it->flow.readable == 0);
    *ret = it->trailers.headers;
    return it->trailers.count;
}

int64_t __wrap_http_exchange_write(struct http_exchange *it, const uint8_t *bytes, size_t len)
{
    must(exchange_slot(it) != NULL && it->streams && len > 0);
    return it->is_finished ? -EPIPE : flow_write(&it->flow, bytes, len);
}

enum http_error __wrap_http_exchange_finish(struct http_exchange *it,
                                            const struct http_header *trailers, uint32_t count)
{
    must(exchange_slot(it) != NULL && it->streams);
    for (uint32_t i = 0; i < count; i++) {
        must(http_is_token(trailers[i].name) && http_is_value(trailers[i].value));
    }
    must(it->is_finished || it->flow.failure != 0 || it->flow.length < 0 ||
         it->flow.written == (uint64_t)it->flow.length);
    it->is_finished = true;
    return it->error;
}

void __wrap_http_exchange_abort(struct http_exchange *it)
{
    must(exchange_slot(it) != NULL);
    it->is_finished = true;
    it->error = HTTP_ABORTED;
    it->flow.failure = -EIO;
    it->has_head = true;
}

void __wrap_http_exchange_close(struct http_exchange *it)
{
    struct http_exchange **slot = exchange_slot(it);
    must(slot != NULL);
    *slot = NULL;
    free_lines(&it->head);
    free_lines(&it->trailers);
    free(it);
}

/* -- for the target --------------------------------------------------------------------------- */

void outside_begin(struct outside *of_run)
{
    outside = of_run;
}

bool outside_is_quiet(void)
{
    for (size_t i = 0; i < OUTSIDE_EXCHANGES_MAX; i++) {
        if (outside->exchanges[i] != NULL) {
            return false;
        }
    }
    return true;
}

void outside_end_request(void)
{
    if (outside->transaction != NULL) {
        over(outside->transaction);
    }
}

void outside_request(uint64_t choice)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PURGE"};
    struct http_transaction *it = calloc(1, sizeof *it);
    must(it != NULL);
    outside_end_request();
    fill_lines(&it->head, choice);
    fill_lines(&it->trailers, choice / 8);
    it->inbound = (struct http_inbound){
        .method = copy_span(methods[choice % 4]),
        .authority = copy_span((choice & 16) != 0 ? "" : "example.test:80"),
        .path = copy_span("/a/path/of/some/length"),
        .has_query = (choice & 32) != 0,
        .headers = it->head.headers,
        .header_count = it->head.count,
        .has_body = true,
        .content_length = -1,
    };
    if (it->inbound.has_query) {
        it->inbound.query = copy_span("a=b");
    }
    it->flow.length = -1;
    outside->transaction = it;
}

void outside_change(struct flow *flow, uint64_t what, uint32_t amount)
{
    switch (what % 4) {
    case 0:
        flow->readable += flow->has_ended ? 0 : amount * 17;
        break;
    case 1:
        flow->room = amount * 300;
        break;
    case 2:
        flow->has_ended = true;
        break;
    default:
        flow->failure = flow->has_ended ? 0 : -ECONNRESET;
        break;
    }
}

void outside_happen_to_exchange(uint64_t which, uint64_t what, uint32_t amount)
{
    struct http_exchange *it = outside->exchanges[which % OUTSIDE_EXCHANGES_MAX];
    if (it == NULL) {
        return;
    }
    if (!it->has_head && what % 4 != 1) {
        it->has_head = true;
        it->status = what % 4 == 3 ? 0 : 200;
        it->error = it->status == 0 ? HTTP_CONNECT_REFUSED : HTTP_OK;
        it->flow.failure = it->status == 0 ? -EIO : 0;
        fill_lines(&it->head, what);
        fill_lines(&it->trailers, what / 2);
    } else {
        outside_change(&it->flow, what, amount);
        it->flow.failure = it->flow.failure != 0 ? -EIO : 0;
        it->error = it->flow.failure != 0 ? HTTP_BROKEN : it->error;
    }
    it->on_event(it->context);
}
