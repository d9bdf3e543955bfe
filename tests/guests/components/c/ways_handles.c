/*
 * Handles: many of them, in every order, and after their end. What has to trap is marked T.
 *
 *   /resources/N       makes N fields and drops none: "N"
 *   /resources/N/drop  makes and drops N, one after the other
 *   /pollables/N       one poll over N timers of which one is due; then over N that are due
 *   /pollables/N/keep  makes N timers and drops none
 *   /poll-empty        polls nothing (T)
 *   /poll-twice        the same pollable twice in one list
 *   /twice             sets the outparam twice (T)
 *   /consume-twice     consume, stream, body and write once more: each must be refused
 *   /drop-order/KIND   one of those below; what returns prints "KIND returned"; without KIND: their names
 */
#include "wasi_ways.h"

#include <stdlib.h>
#include <string.h>

static void resources(struct exchange *exchange)
{
    struct text text = {0};
    uint64_t count = number_at(&exchange->rest, 1);
    bool drop = word_at(&exchange->rest, "drop");
    for (uint64_t i = 0; i < count; i++) {
        own_fields fields = fields_new();
        if (drop) {
            wasi_http_types_fields_drop_own(fields);
        }
    }
    text_add(&text, "%llu\n", (unsigned long long)count);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* Makes `count` timers; number `due` is due at once, or all are when that is out of range. */
static own_pollable *timers(size_t count, size_t due)
{
    const uint64_t hour_ns = UINT64_C(3600000000000);

    own_pollable *list = must_alloc(count * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        list[i] = wasi_clocks_monotonic_clock_subscribe_duration(
            due >= count || i == due ? 1000 : hour_ns);
    }
    return list;
}

static void drop_timers(own_pollable *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wasi_io_poll_pollable_drop_own(list[i]);
    }
    free(list);
}

static void add_ready(struct text *text, const own_pollable *list, size_t count)
{
    size_t total = 0;
    size_t first = count;
    bool *ready = must_alloc(count);
    wait_on_any(list, ready, count);
    for (size_t i = 0; i < count; i++) {
        if (ready[i]) {
            first = first < i ? first : i;
            total++;
        }
    }
    text_add(text, "ready %zu of %zu, first %zu\n", total, count, first);
    free(ready);
}

static void pollables(struct exchange *exchange)
{
    struct text text = {0};
    size_t count = (size_t)number_at(&exchange->rest, 1);
    if (word_at(&exchange->rest, "keep")) {
        free(timers(count, count));
        reply_line(exchange, 200, "kept");
        return;
    }
    own_pollable *list = timers(count, count - 1);
    add_ready(&text, list, count);
    drop_timers(list, count);
    list = timers(count, count);
    sleep_ms(5);
    add_ready(&text, list, count);
    drop_timers(list, count);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void poll_empty(struct exchange *exchange)
{
    wait_on_any(NULL, NULL, 0);
    reply_line(exchange, 200, "polled nothing");
}

static void poll_twice(struct exchange *exchange)
{
    struct text text = {0};
    own_pollable list[2];
    list[0] = list[1] = wasi_clocks_monotonic_clock_subscribe_duration(1000);
    sleep_ms(5);
    add_ready(&text, list, 2);
    text_add(&text, "still %s\n",
             wasi_io_poll_method_pollable_ready(wasi_io_poll_borrow_pollable(list[0])) ? "ready"
                                                                                       : "pending");
    wasi_io_poll_pollable_drop_own(list[0]);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void twice(struct exchange *exchange)
{
    reply_line(exchange, 200, "first");
    reply_line(exchange, 200, "second");
}

static void consume_twice(struct exchange *exchange)
{
    struct text text = {0};
    own_incoming_body body;
    own_input stream;
    wasi_http_types_borrow_incoming_request_t request =
        wasi_http_types_borrow_incoming_request(exchange->request);
    struct source source = request_source(exchange);
    text_check(&text, "consume-twice",
               !wasi_http_types_method_incoming_request_consume(request, &body));
    text_check(&text, "stream-twice",
               !wasi_http_types_method_incoming_body_stream(
                   wasi_http_types_borrow_incoming_body(source.body), &stream));
    source_drop(&source);
    text_check(&text, "consume-after",
               !wasi_http_types_method_incoming_request_consume(request, &body));

    struct reply one;
    struct reply two;
    own_response response = wasi_http_types_constructor_outgoing_response(fields_new());
    wasi_http_types_borrow_outgoing_response_t borrow =
        wasi_http_types_borrow_outgoing_response(response);
    text_check(&text, "body", wasi_http_types_method_outgoing_response_body(borrow, &one.body));
    text_check(&text, "body-twice",
               !wasi_http_types_method_outgoing_response_body(borrow, &two.body));
    wasi_http_types_borrow_outgoing_body_t out = wasi_http_types_borrow_outgoing_body(one.body);
    text_check(&text, "write", wasi_http_types_method_outgoing_body_write(out, &one.stream));
    text_check(&text, "write-twice", !wasi_http_types_method_outgoing_body_write(out, &two.stream));
    wasi_io_streams_output_stream_drop_own(one.stream);
    text_check(&text, "write-after-drop",
               !wasi_http_types_method_outgoing_body_write(out, &two.stream));
    wasi_http_types_outgoing_body_drop_own(one.body);
    wasi_http_types_outgoing_response_drop_own(response);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* --- drops in every order ------------------------------------------------------------------------ */

/* The request's headers, then the request, then the headers. */
static void request_before_headers(struct exchange *exchange)
{
    own_fields headers = wasi_http_types_method_incoming_request_headers(
        wasi_http_types_borrow_incoming_request(exchange->request));
    exchange->request_gone = true;
    wasi_http_types_incoming_request_drop_own(exchange->request);
    wasi_http_types_fields_drop_own(headers);
}

static void request_before_body(struct exchange *exchange)
{
    struct source source = request_source(exchange);
    world_list_u8_t bytes;
    exchange->request_gone = true;
    wasi_http_types_incoming_request_drop_own(exchange->request);
    while (source_read(&source, &bytes, NULL)) {
        world_list_u8_free(&bytes);
    }
    source_drop(&source);
}

static void incoming_body_before_stream(struct exchange *exchange)
{
    struct source source = request_source(exchange);
    wasi_http_types_incoming_body_drop_own(source.body);
    wasi_io_streams_input_stream_drop_own(source.stream);
}

static void incoming_finish_before_stream(struct exchange *exchange)
{
    struct source source = request_source(exchange);
    wasi_http_types_future_trailers_drop_own(
        wasi_http_types_static_incoming_body_finish(source.body));
    wasi_io_streams_input_stream_drop_own(source.stream);
}

static struct reply detached_reply(own_response *ret_response)
{
    struct reply reply;
    *ret_response = wasi_http_types_constructor_outgoing_response(fields_new());
    if (!wasi_http_types_method_outgoing_response_body(
            wasi_http_types_borrow_outgoing_response(*ret_response), &reply.body) ||
        !wasi_http_types_method_outgoing_body_write(
            wasi_http_types_borrow_outgoing_body(reply.body), &reply.stream)) {
        __builtin_trap();
    }
    return reply;
}

static void outgoing_body_before_stream(struct exchange *exchange)
{
    (void)exchange;
    own_response response;
    struct reply reply = detached_reply(&response);
    wasi_http_types_outgoing_body_drop_own(reply.body);
    wasi_io_streams_output_stream_drop_own(reply.stream);
    wasi_http_types_outgoing_response_drop_own(response);
}

static void outgoing_finish_before_stream(struct exchange *exchange)
{
    (void)exchange;
    own_response response;
    error_code code;
    struct reply reply = detached_reply(&response);
    if (!wasi_http_types_static_outgoing_body_finish(reply.body, NULL, &code)) {
        wasi_http_types_error_code_free(&code);
    }
    wasi_io_streams_output_stream_drop_own(reply.stream);
    wasi_http_types_outgoing_response_drop_own(response);
}

static void response_before_body(struct exchange *exchange)
{
    (void)exchange;
    own_response response;
    struct reply reply = detached_reply(&response);
    wasi_http_types_outgoing_response_drop_own(response);
    wasi_io_streams_output_stream_drop_own(reply.stream);
    wasi_http_types_outgoing_body_drop_own(reply.body);
}

static void response_before_headers(struct exchange *exchange)
{
    (void)exchange;
    own_response response = wasi_http_types_constructor_outgoing_response(fields_new());
    own_fields headers = wasi_http_types_method_outgoing_response_headers(
        wasi_http_types_borrow_outgoing_response(response));
    wasi_http_types_outgoing_response_drop_own(response);
    wasi_http_types_fields_drop_own(headers);
}

static void input_before_pollable(struct exchange *exchange)
{
    struct source source = request_source(exchange);
    own_pollable pollable = wasi_io_streams_method_input_stream_subscribe(
        wasi_io_streams_borrow_input_stream(source.stream));
    wasi_io_streams_input_stream_drop_own(source.stream);
    wasi_io_poll_pollable_drop_own(pollable);
    wasi_http_types_incoming_body_drop_own(source.body);
}

static void output_before_pollable(struct exchange *exchange)
{
    (void)exchange;
    own_response response;
    struct reply reply = detached_reply(&response);
    own_pollable pollable = wasi_io_streams_method_output_stream_subscribe(
        wasi_io_streams_borrow_output_stream(reply.stream));
    wasi_io_streams_output_stream_drop_own(reply.stream);
    wasi_io_poll_pollable_drop_own(pollable);
    wasi_http_types_outgoing_body_drop_own(reply.body);
    wasi_http_types_outgoing_response_drop_own(response);
}

static void trailers_before_pollable(struct exchange *exchange)
{
    struct source source = request_source(exchange);
    wasi_io_streams_input_stream_drop_own(source.stream);
    wasi_http_types_own_future_trailers_t future =
        wasi_http_types_static_incoming_body_finish(source.body);
    own_pollable pollable = wasi_http_types_method_future_trailers_subscribe(
        wasi_http_types_borrow_future_trailers(future));
    wasi_http_types_future_trailers_drop_own(future);
    wasi_io_poll_pollable_drop_own(pollable);
}

static void pollable_used_after_stream(struct exchange *exchange)
{
    struct source source = request_source(exchange);
    own_pollable pollable = wasi_io_streams_method_input_stream_subscribe(
        wasi_io_streams_borrow_input_stream(source.stream));
    wasi_io_streams_input_stream_drop_own(source.stream);
    wait_on(pollable);
    wasi_http_types_incoming_body_drop_own(source.body);
}

static void use_after_drop(struct exchange *exchange)
{
    (void)exchange;
    own_fields fields = fields_new();
    wasi_http_types_fields_drop_own(fields);
    fields_add(fields, "x-a", "1", NULL);
}

static void drop_twice(struct exchange *exchange)
{
    (void)exchange;
    own_fields fields = fields_new();
    wasi_http_types_fields_drop_own(fields);
    wasi_http_types_fields_drop_own(fields);
}

static void use_after_move(struct exchange *exchange)
{
    (void)exchange;
    own_fields fields = fields_new();
    own_response response = wasi_http_types_constructor_outgoing_response(fields);
    fields_add(fields, "x-a", "1", NULL);
    wasi_http_types_outgoing_response_drop_own(response);
}

static void wrong_type(struct exchange *exchange)
{
    (void)exchange;
    own_fields fields = fields_new();
    wasi_io_poll_pollable_drop_own((own_pollable){fields.__handle});
}

static void handle_of_none(struct exchange *exchange)
{
    (void)exchange;
    fields_add((own_fields){0x7fffffff}, "x-a", "1", NULL);
}

static void orderly(struct exchange *exchange)
{
    own_response response;
    struct source source = request_source(exchange);
    struct reply reply = detached_reply(&response);
    wasi_io_streams_output_stream_drop_own(reply.stream);
    wasi_http_types_outgoing_body_drop_own(reply.body);
    wasi_http_types_outgoing_response_drop_own(response);
    source_drop(&source);
    exchange->request_gone = true;
    wasi_http_types_incoming_request_drop_own(exchange->request);
}

static const struct way orders[] = {
    {"orderly", orderly},
    {"request-before-body", request_before_body},
    {"response-before-body", response_before_body},
    {"request-before-headers", request_before_headers},
    {"response-before-headers", response_before_headers},
    {"incoming-body-before-stream", incoming_body_before_stream},     /* T */
    {"incoming-finish-before-stream", incoming_finish_before_stream}, /* T */
    {"outgoing-body-before-stream", outgoing_body_before_stream},     /* T */
    {"outgoing-finish-before-stream", outgoing_finish_before_stream}, /* T */
    {"input-before-pollable", input_before_pollable},                 /* T */
    {"output-before-pollable", output_before_pollable},               /* T */
    {"trailers-before-pollable", trailers_before_pollable},           /* T */
    {"pollable-used-after-stream", pollable_used_after_stream},       /* T */
    {"use-after-drop", use_after_drop},                               /* T */
    {"drop-twice", drop_twice},                                       /* T */
    {"use-after-move", use_after_move},                               /* T */
    {"wrong-type", wrong_type},                                       /* T */
    {"handle-of-none", handle_of_none},                               /* T */
    {NULL, NULL},
};

static void drop_order(struct exchange *exchange)
{
    struct text text = {0};
    for (const struct way *order = orders; order->name != NULL; order++) {
        if (word_at(&exchange->rest, order->name)) {
            order->take(exchange);
            text_add(&text, "%s returned\n", order->name);
        }
    }
    if (text.len == 0) {
        for (const struct way *order = orders; order->name != NULL; order++) {
            text_add(&text, "%s\n", order->name);
        }
    }
    reply_text(exchange, 200, &text);
    text_free(&text);
}

const struct way ways_of_handles[] = {
    {"resources", resources},   {"pollables", pollables},
    {"poll-empty", poll_empty}, {"poll-twice", poll_twice},
    {"twice", twice},           {"consume-twice", consume_twice},
    {"drop-order", drop_order}, {NULL, NULL},
};
