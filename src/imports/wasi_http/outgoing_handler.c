/* wasi:http/outgoing-handler, and future-incoming-response of types.
 *
 * Happy path:
 *   1. handle: the request is judged and begun; one whose body the guest has already finished takes it
 *      along, other bodies are attached and stream from now on
 *   2. on_event: there is a head, or the end of one; the guest is woken, and the body goes on
 *   3. get: the response, which reads from the same exchange
 *   4. the last of the future, the response and what was made from it goes: the exchange is closed
 *
 * A request that cannot be made, or may not, fails in 1; all else is told by the future. Dropping the
 * future, or the response, ends the exchange, and with it a body that is still being sent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "guest/guest.h"
#include "http/client.h"
#include "imports/wasi_http/options.h"
#include "imports/wasi_http/outgoing.h"
#include "imports/wasi_http/types.h"

enum {
    URL_MAX = 1 << 20,
    CONNECTION_NAMES_MAX = 32,
};

/* What a guest has under way: the link between its resources and the client. */
struct outgoing_exchange {
    struct http_link link;
    struct http_exchange *exchange; /* owned; NULL until it has begun */
    struct outgoing_body *body;     /* a reference while it is attached; or NULL */
    bool is_bodiless;               /* the request was sent without one, whatever the guest does */
};

struct future_incoming_response {
    struct resource base;
    struct outgoing_exchange *exchange; /* a reference of its link; NULL once taken */
};

static void on_event(void *context);

/* -- the link --------------------------------------------------------------------------------- */

static struct outgoing_exchange *exchange_of(struct http_link *link)
{
    return container_of(link, struct outgoing_exchange, link);
}

/* Why the exchange is over, or takes no more, as a stream tells it. */
static int failure_of(const struct outgoing_exchange *self)
{
    enum http_error error = http_exchange_error(self->exchange);
    return error == HTTP_OK ? -EPIPE : http_failure(wasi_http_error_from_client(error).kind);
}

static void let_go(struct outgoing_exchange *self, int failure)
{
    struct outgoing_body *body = self->body;
    self->body = NULL;
    if (body != NULL) {
        outgoing_body_detach(body, failure);
        resource_unref(&body->base);
    }
}

/* The names in Connection, which are those of fields for the next hop only (RFC 9110 section 7.6.1). */
struct connection_names {
    struct span items[CONNECTION_NAMES_MAX];
    uint32_t count;
    bool has_coding; /* beside which a length means nothing (RFC 9112 section 6.3) */
};

static void add_connection_names(struct connection_names *names, struct span value)
{
    while (value.len > 0 && names->count < CONNECTION_NAMES_MAX) {
        const uint8_t *comma = memchr(value.data, ',', value.len);
        size_t len = comma != NULL ? (size_t)(comma - value.data) : value.len;
        names->items[names->count] = http_trim((struct span){value.data, len});
        names->count++;
        len += comma != NULL ? 1 : 0;
        value = (struct span){value.data + len, value.len - len};
    }
}

static void find_connection_names(const struct http_exchange *exchange,
                                  struct connection_names *ret_names)
{
    uint32_t count = http_exchange_header_count(exchange);
    ret_names->count = 0;
    ret_names->has_coding = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct http_header header = http_exchange_header(exchange, i);
        if (span_is(header.name, "connection")) {
            add_connection_names(ret_names, header.value);
        }
        ret_names->has_coding |= span_is(header.name, "transfer-encoding");
    }
}

/* Is it for the guest? What only the next hop is to know is not, nor what no message may hold. */
static bool is_for_guest(const struct connection_names *names, const struct http_header *header)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (http_is_same_name(names->items[i], header->name)) {
            return false;
        }
    }
    bool is_void = names->has_coding && span_is(header->name, "content-length");
    return !is_void && http_is_value(header->value);
}

static int link_headers(struct http_link *link, struct field_list *list)
{
    const struct http_exchange *exchange = exchange_of(link)->exchange;
    uint32_t count = http_exchange_header_count(exchange);
    struct connection_names names;
    find_connection_names(exchange, &names);
    for (uint32_t i = 0; i < count; i++) {
        const struct http_header header = http_exchange_header(exchange, i);
        int r = is_for_guest(&names, &header) ? field_list_copy(list, &header, 1) : 0;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int64_t link_read(struct http_link *link, uint8_t *to, size_t len)
{
    struct outgoing_exchange *self = exchange_of(link);
    int64_t n = http_exchange_read(self->exchange, to, len);
    if (n >= 0 || n == -EAGAIN) {
        return n;
    }
    int failure = failure_of(self);
    return failure != -EPIPE ? failure : http_failure(WASI_HTTP_RESPONSE_INCOMPLETE);
}

static uint32_t link_trailers(struct http_link *link, const struct http_header **ret_trailers)
{
    return http_exchange_trailers(exchange_of(link)->exchange, ret_trailers);
}

static int64_t link_write(struct http_link *link, const uint8_t *bytes, size_t len)
{
    struct outgoing_exchange *self = exchange_of(link);
    if (self->is_bodiless) {
        return http_failure(WASI_HTTP_REQUEST_LENGTH_REQUIRED);
    }
    int64_t n = http_exchange_write(self->exchange, bytes, len);
    if (n >= 0 || n == -EAGAIN) {
        return n;
    }
    return n == -EMSGSIZE ? http_failure(WASI_HTTP_REQUEST_BODY_SIZE) : failure_of(self);
}

static int link_end(struct http_link *link, const struct http_header *trailers, uint32_t count)
{
    struct outgoing_exchange *self = exchange_of(link);
    enum http_error error =
        self->is_bodiless ? HTTP_OK : http_exchange_finish(self->exchange, trailers, count);
    let_go(self, -EPIPE);
    return error == HTTP_OK ? 0 : http_failure(wasi_http_error_from_client(error).kind);
}

static void link_abort(struct http_link *link, const char *why)
{
    struct outgoing_exchange *self = exchange_of(link);
    (void)why; /* the client's on_failure says it to the operator */
    if (!self->is_bodiless) {
        http_exchange_abort(self->exchange);
    }
    let_go(self, -EPIPE);
}

static void link_free(struct http_link *link)
{
    struct outgoing_exchange *self = exchange_of(link);
    let_go(self, http_failure(WASI_HTTP_CONNECTION_TERMINATED));
    if (self->exchange != NULL) {
        http_exchange_close(self->exchange);
        link->guest->http_open--;
    }
    free(self);
}

static void on_event(void *context)
{
    struct outgoing_exchange *self = context;
    if (self->body != NULL) {
        outgoing_body_on_writable(self->body);
    }
    guest_wake(self->link.guest);
}

static struct outgoing_exchange *new_exchange(struct guest *guest)
{
    static const struct http_link_ops ops = {.headers = link_headers,
                                             .read = link_read,
                                             .trailers = link_trailers,
                                             .write = link_write,
                                             .end = link_end,
                                             .abort = link_abort,
                                             .free = link_free};
    struct outgoing_exchange *self = calloc(1, sizeof *self);
    if (self != NULL) {
        http_link_init(&self->link, guest, &ops);
    }
    return self;
}

/* -- future-incoming-response ----------------------------------------------------------------- */

static void drop_exchange(struct future_incoming_response *self)
{
    struct outgoing_exchange *exchange = self->exchange;
    self->exchange = NULL;
    if (exchange != NULL) {
        http_link_unref(&exchange->link);
    }
}

/* The exchange goes with the guest's handle, although a pollable may still be there. */
static void future_dropped(struct resource *resource)
{
    drop_exchange(container_of(resource, struct future_incoming_response, base));
}

static void future_free(struct resource *resource)
{
    struct future_incoming_response *self =
        container_of(resource, struct future_incoming_response, base);
    drop_exchange(self);
    free(self);
}

const struct resource_kind wasi_http_future_kind = {
    .name = "future-incoming-response", .dropped = future_dropped, .free = future_free};

static bool is_ready(struct pollable *pollable)
{
    const struct future_incoming_response *self =
        container_of(pollable->source, struct future_incoming_response, base);
    return self->exchange == NULL || http_exchange_has_head(self->exchange->exchange);
}

int32_t wasi_http_future_subscribe(struct component_call *call)
{
    static const struct pollable_ops ops = {.ready = is_ready};
    struct resource *self = component_resource(call, 0, &wasi_http_future_kind);
    return pollable_give(call, 0, &ops, self);
}

int32_t wasi_http_future_get(struct component_call *call)
{
    struct future_incoming_response *self =
        COMPONENT_SELF(call, 0, struct future_incoming_response, &wasi_http_future_kind);
    union component_value *results = call->results;
    if (self->exchange == NULL) {
        results[0].number = 1; /* some */
        results[1].number = 1; /* error: it has been taken */
        return 0;
    }
    struct outgoing_exchange *exchange = self->exchange;
    if (!http_exchange_has_head(exchange->exchange)) {
        return 0; /* none */
    }
    int32_t answer = 0;
    uint16_t status = http_exchange_status(exchange->exchange);
    results[0].number = 1; /* some(ok( */
    if (status == 0) {
        const struct wasi_http_error error = wasi_http_error_from_exchange(exchange->exchange);
        results[2].number = 1; /* error */
        wasi_http_error_lower(&error, &results[3]);
    } else {
        struct incoming_response *response = incoming_response_new(&exchange->link, status);
        answer = component_give(call, 3, response != NULL ? &response->base : NULL);
    }
    drop_exchange(self);
    return answer;
}

/* -- the request ------------------------------------------------------------------------------ */

/* What `handle` works on. */
struct asked {
    struct outgoing_request *request; /* a reference; its handle is gone */
    struct resource *options;         /* likewise, or NULL */
    struct buffer url;
    struct wasi_http_error error; /* why not, when a step fails */
};

static int fail(struct asked *asked, enum wasi_http_error_case kind)
{
    asked->error = (struct wasi_http_error){.kind = kind};
    return -EINVAL;
}

static int fail_client(struct asked *asked, enum http_error error)
{
    asked->error = wasi_http_error_from_client(error);
    return -EINVAL;
}

/* Put the URL together of parts that were checked when they were set (outgoing_request.c), so that the
 * parser finds the same ones. */
static int print_url(struct asked *asked)
{
    const struct outgoing_request *request = asked->request;
    struct span authority = http_text_span(&request->authority);
    struct span path = http_text_span(&request->path_with_query);
    if (request->has_scheme && request->scheme == HTTP_SCHEME_OTHER) {
        return fail_client(asked, HTTP_BAD_SCHEME);
    }
    if (authority.len == 0) {
        return fail(asked, WASI_HTTP_REQUEST_URI_INVALID);
    }
    bool is_plain = request->has_scheme && request->scheme == HTTP_SCHEME_HTTP;
    int r = buffer_append(&asked->url, span_of(is_plain ? "http://" : "https://"));
    r = r == 0 ? buffer_append(&asked->url, authority) : r;
    if (r == 0 && (path.len == 0 || path.data[0] != '/')) {
        r = buffer_append(&asked->url, span_of("/"));
    }
    r = r == 0 ? buffer_append(&asked->url, path) : r;
    if (r == -EMSGSIZE) {
        return fail(asked, WASI_HTTP_REQUEST_URI_TOO_LONG);
    }
    return r < 0 ? fail_client(asked, HTTP_NO_MEMORY) : 0;
}

/* A request without a body cannot be as long as it says; of a body it is looked at while it is sent. */
static int check_length(struct asked *asked)
{
    const struct outgoing_request *request = asked->request;
    int64_t length = field_list_length(request->headers->list);
    if (request->body == NULL && length > 0) {
        asked->error = (struct wasi_http_error){
            .kind = WASI_HTTP_REQUEST_BODY_SIZE, .has_number = true, .number = 0};
        return -EINVAL;
    }
    return 0;
}

/* Is there room for one more exchange? */
static bool has_room(const struct guest *guest)
{
    return guest->http_max_handles == 0 || guest->http_open < guest->http_max_handles;
}

/* Many guests open the body of a GET, too, and finish it later without a byte in it. Sent in chunks,
 * as of an unknown length, it would confuse servers that expect none. */
static bool has_no_body(const struct outgoing_request *request)
{
    const struct outgoing_body *body = request->body;
    bool is_usual = request->method == HTTP_METHOD_GET || request->method == HTTP_METHOD_HEAD;
    return is_usual && body->state == OUTGOING_OPEN && body->length < 0 && body->written == 0;
}

static int begin(struct asked *asked, struct guest *guest, struct outgoing_exchange *self)
{
    const struct outgoing_request *request = asked->request;
    struct outgoing_body *body = request->body;
    struct http_request http = {.url = buffer_span(&asked->url),
                                .method = outgoing_request_method(request),
                                .headers = request->headers->list->items,
                                .header_count = request->headers->list->count,
                                .body_length = -1,
                                .ignores_redirects = true};
    if (asked->options != NULL) {
        http.times = wasi_http_options_times(asked->options);
    }
    bool is_attached = body != NULL && !outgoing_body_is_whole(body, &http.body);
    self->is_bodiless = is_attached && has_no_body(request);
    if (is_attached && !self->is_bodiless) {
        http.streams_body = true;
        http.body_length = body->length;
    }
    enum http_error error =
        http_exchange_begin(guest->http, &http, on_event, self, &self->exchange);
    if (error != HTTP_OK) {
        return fail_client(asked, error);
    }
    guest->http_open++;
    if (is_attached) {
        self->body = (struct outgoing_body *)(void *)resource_ref(&body->base);
        outgoing_body_attach(body, &self->link);
    }
    return 0;
}

/* Judge and begin. 0, or -EINVAL with asked->error. */
static int send_request(struct asked *asked, struct guest *guest,
                        struct outgoing_exchange **ret_exchange)
{
    if (guest_http(guest) == NULL) {
        return fail(asked, WASI_HTTP_REQUEST_DENIED);
    }
    if (!has_room(guest)) {
        return fail(asked, WASI_HTTP_CONNECTION_LIMIT_REACHED);
    }
    int r = check_length(asked);
    r = r == 0 ? print_url(asked) : r;
    if (r < 0) {
        return r;
    }
    struct outgoing_exchange *self = new_exchange(guest);
    if (self == NULL) {
        return fail_client(asked, HTTP_NO_MEMORY);
    }
    r = begin(asked, guest, self);
    if (r < 0) {
        http_link_unref(&self->link);
        return r;
    }
    *ret_exchange = self;
    return 0;
}

static int32_t give_future(struct component_call *call, struct outgoing_exchange *exchange)
{
    struct future_incoming_response *future = calloc(1, sizeof *future);
    if (future == NULL) {
        http_link_unref(&exchange->link);
        return component_trap(call, "out of memory");
    }
    resource_init(&future->base, call->guest, &wasi_http_future_kind);
    future->exchange = exchange;
    return component_give(call, 1, &future->base);
}

static int32_t handle(struct component_call *call)
{
    struct asked asked = {.request = (struct outgoing_request *)(void *)component_take(
                              call, 0, &outgoing_request_kind)};
    struct outgoing_exchange *exchange = NULL;
    if (component_u32(call, 1) != 0) {
        asked.options = component_take(call, 2, &wasi_http_options_kind);
    }
    buffer_init(&asked.url, URL_MAX);
    int32_t answer = 0;
    if (send_request(&asked, call->guest, &exchange) == 0) {
        answer = give_future(call, exchange);
    } else {
        call->results[0].number = 1;
        wasi_http_error_lower(&asked.error, &call->results[1]);
    }
    buffer_done(&asked.url);
    /* Trailers may be a view of the request's own headers: as long as its body has them, and it has the
     * body, none of the three would ever go. */
    outgoing_drop_body(&asked.request->body);
    resource_unref(&asked.request->base);
    resource_unref(asked.options);
    return answer;
}

static const struct component_func funcs[] = {
    {"handle", "request options", handle, NULL},
};

const struct component_interface wasi_http_outgoing_handler = {
    .name = "wasi:http/outgoing-handler", .funcs = funcs, .func_count = ARRAY_COUNT(funcs)};
