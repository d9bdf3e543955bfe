/*
 * Outgoing requests. URL is all behind the '?'. What the host says against one is answered with 502
 * and "error: CODE".
 *
 *   /get?URL           the upstream's status, fields, body and trailers, as they come
 *   /fetch?URL         status, fields, bytes and hash of the body, trailers, errors: a line each
 *   /ask/METHOD?URL    the same by another method
 *   /hash?URL&URL...   all at once, by poll; "HASH BYTES URL" of each body in order
 *   /many/N?URL        N at once to one URL: how many of each outcome
 *   /post?URL          the request to the upstream and its answer back, both ways at once
 *   /upload/N/M?URL    declares N, writes M; what finish says, then as fetch
 *   /abandon?URL       drops the body of a request half written; then as fetch
 *   /cancel?URL        drops the future at once: "cancelled"
 *   /stop/N?URL        drops the upstream's body after N bytes: "stopped"
 *   /future-twice?URL  takes the response twice
 *   /options/C/F/B?URL connect, first-byte and between-bytes timeouts in ms, "-" for none; as fetch
 *   /request-api       the setters and getters of outgoing-request and request-options
 *   /own-header?NAME=VALUE&URL    as fetch, with that field, which append may refuse
 */
#include "upstream.h"
#include "wasi_ways.h"

#include <stdlib.h>
#include <string.h>

static void reply_error(struct exchange *exchange, const struct text *why)
{
    struct text text = {0};
    text_add(&text, "error: %s\n", why->bytes);
    reply_text(exchange, 502, &text);
    text_free(&text);
}

/* All that the host lets through. */
static own_fields copy_fields(own_fields from)
{
    own_fields to = fields_new();
    wasi_http_types_list_tuple2_field_name_field_value_t list;
    wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(from), &list);
    for (size_t i = 0; i < list.len; i++) {
        header_error err;
        (void)wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(to),
                                                   &list.ptr[i].f0, &list.ptr[i].f1, &err);
    }
    wasi_http_types_list_tuple2_field_name_field_value_free(&list);
    return to;
}

/* The head of an upstream's response as our own. */
static struct reply pass_head(struct exchange *exchange, own_incoming_response response)
{
    wasi_http_types_borrow_incoming_response_t borrow =
        wasi_http_types_borrow_incoming_response(response);
    own_fields theirs = wasi_http_types_method_incoming_response_headers(borrow);
    own_fields headers = copy_fields(theirs);
    wasi_http_types_fields_drop_own(theirs);
    return reply_open(exchange, wasi_http_types_method_incoming_response_status(borrow), headers);
}

/* Ends a body as it ended upstream: with its trailers, or cut off. */
static void pass_end(struct reply *reply, struct source *source, const struct text *why)
{
    own_fields theirs;
    if (why->len > 0) {
        note("cut off: %s", why->bytes);
        source_drop(source);
        wasi_io_streams_output_stream_drop_own(reply->stream);
        wasi_http_types_outgoing_body_drop_own(reply->body);
    } else if (source_trailers(source, &theirs)) {
        own_fields ours = copy_fields(theirs);
        wasi_http_types_fields_drop_own(theirs);
        reply_close(reply, &ours);
    } else {
        reply_close(reply, NULL);
    }
}

static void get(struct exchange *exchange)
{
    struct text why = {0};
    own_future_response future;
    own_incoming_response response;
    if (!upstream_ask("GET", exchange->query, NULL, &future, &why) ||
        !upstream_wait(future, &response, &why)) {
        reply_error(exchange, &why);
        text_free(&why);
        return;
    }
    struct reply reply = pass_head(exchange, response);
    struct source source = upstream_source(response);
    world_list_u8_t bytes;
    bool good = true;
    while (good && source_read(&source, &bytes, &why)) {
        good = reply_write(&reply, bytes.ptr, bytes.len);
        world_list_u8_free(&bytes);
    }
    pass_end(&reply, &source, &why);
    wasi_http_types_incoming_response_drop_own(response);
    text_free(&why);
}

/* --- a response as lines -------------------------------------------------------------------------- */

static void add_body(struct text *text, struct source *source)
{
    uint64_t count = 0;
    uint64_t hash = fnv_begin();
    world_list_u8_t bytes;
    own_fields trailers;
    struct text why = {0};
    while (source_read(source, &bytes, &why)) {
        hash = fnv_add(hash, bytes.ptr, bytes.len);
        count += bytes.len;
        world_list_u8_free(&bytes);
    }
    text_add(text, "body %llu %016llx\n", (unsigned long long)count, (unsigned long long)hash);
    if (why.len > 0) {
        text_add(text, "body-error %s\n", why.bytes);
        source_drop(source);
    } else if (source_trailers(source, &trailers)) {
        fields_print(trailers, "trailer ", text);
        wasi_http_types_fields_drop_own(trailers);
    }
    text_free(&why);
}

/* Waits for the response and answers with all of it as lines, after those of `text`. */
static void reply_with(struct exchange *exchange, own_future_response future, struct text *text)
{
    struct text why = {0};
    own_incoming_response response;
    if (!upstream_wait(future, &response, &why)) {
        text_add(text, "error: %s\n", why.bytes);
        reply_text(exchange, 502, text);
        text_free(&why);
        return;
    }
    wasi_http_types_borrow_incoming_response_t borrow =
        wasi_http_types_borrow_incoming_response(response);
    text_add(text, "status %u\n",
             (unsigned)wasi_http_types_method_incoming_response_status(borrow));
    own_fields headers = wasi_http_types_method_incoming_response_headers(borrow);
    fields_print(headers, "field ", text);
    wasi_http_types_fields_drop_own(headers);
    struct source source = upstream_source(response);
    add_body(text, &source);
    wasi_http_types_incoming_response_drop_own(response);
    reply_text(exchange, 200, text);
}

static void ask(struct exchange *exchange, const char *method, own_options *options)
{
    struct text why = {0};
    struct text text = {0};
    own_future_response future;
    if (upstream_ask(method, exchange->query, options, &future, &why)) {
        reply_with(exchange, future, &text);
    } else {
        reply_error(exchange, &why);
    }
    text_free(&why);
    text_free(&text);
}

static void fetch(struct exchange *exchange)
{
    ask(exchange, "GET", NULL);
}

static void ask_by(struct exchange *exchange)
{
    ask(exchange, exchange->rest, NULL);
}

static bool timeout_at(const char **at, uint64_t *ret_ns)
{
    if (**at == '-') {
        *at += (*at)[1] == '/' ? 2 : 1;
        return false;
    }
    *ret_ns = number_at(at, 0) * 1000000;
    return true;
}

static void options(struct exchange *exchange)
{
    uint64_t ns = 0;
    own_options own = wasi_http_types_constructor_request_options();
    wasi_http_types_borrow_request_options_t borrow = wasi_http_types_borrow_request_options(own);
    bool taken = true;
    if (timeout_at(&exchange->rest, &ns)) {
        taken = wasi_http_types_method_request_options_set_connect_timeout(borrow, &ns);
    }
    if (timeout_at(&exchange->rest, &ns)) {
        taken = wasi_http_types_method_request_options_set_first_byte_timeout(borrow, &ns) && taken;
    }
    if (timeout_at(&exchange->rest, &ns)) {
        taken =
            wasi_http_types_method_request_options_set_between_bytes_timeout(borrow, &ns) && taken;
    }
    if (!taken) {
        wasi_http_types_request_options_drop_own(own);
        reply_line(exchange, 502, "error: option refused");
        return;
    }
    ask(exchange, "GET", &own);
}

static void own_header(struct exchange *exchange)
{
    struct text why = {0};
    struct text text = {0};
    own_outgoing_request request;
    own_future_response future;
    header_error err;
    char *query = copy_of(string_of(exchange->query));
    char *value = strchr(query, '=');
    char *url = strchr(query, '&');
    if (value == NULL || url == NULL) {
        __builtin_trap();
    }
    *value++ = *url++ = '\0';
    own_fields headers = fields_new();
    if (!fields_add(headers, query, value, &err)) {
        text_add(&text, "append %s\n", header_error_name(&err));
    }
    if (upstream_request("GET", url, headers, &request, &why) &&
        upstream_send(request, NULL, &future, &why)) {
        reply_with(exchange, future, &text);
    } else {
        reply_error(exchange, &why);
    }
    free(query);
    text_free(&why);
    text_free(&text);
}

/* --- several at once ------------------------------------------------------------------------------ */

struct hashing {
    const char *url;
    own_future_response future;
    own_incoming_response response;
    struct source source;
    enum { WAITING, READING, OVER } state;
    uint64_t hash;
    uint64_t count;
    struct text why;
};

static own_pollable hashing_subscribe(const struct hashing *it)
{
    return it->state == WAITING ? upstream_subscribe(it->future)
                                : wasi_io_streams_method_input_stream_subscribe(
                                      wasi_io_streams_borrow_input_stream(it->source.stream));
}

static void hashing_step(struct hashing *it)
{
    world_list_u8_t bytes;
    if (it->state == WAITING) {
        if (!upstream_wait(it->future, &it->response, &it->why)) {
            it->state = OVER;
            return;
        }
        it->source = upstream_source(it->response);
        it->state = READING;
    } else if (source_read(&it->source, &bytes, &it->why)) {
        it->hash = fnv_add(it->hash, bytes.ptr, bytes.len);
        it->count += bytes.len;
        world_list_u8_free(&bytes);
    } else {
        source_drop(&it->source);
        wasi_http_types_incoming_response_drop_own(it->response);
        it->state = OVER;
    }
}

/* One poll over all that are not over. False when none is left. */
static bool hash_round(struct hashing *list, size_t count)
{
    size_t open = 0;
    struct hashing **of = must_alloc(count * sizeof(*of));
    own_pollable *pollables = must_alloc(count * sizeof(*pollables));
    bool *ready = must_alloc(count);
    for (size_t i = 0; i < count; i++) {
        if (list[i].state != OVER) {
            of[open] = &list[i];
            pollables[open++] = hashing_subscribe(&list[i]);
        }
    }
    if (open > 0) {
        wait_on_any(pollables, ready, open);
    }
    for (size_t i = 0; i < open; i++) {
        wasi_io_poll_pollable_drop_own(pollables[i]);
        if (ready[i]) {
            hashing_step(of[i]);
        }
    }
    free(of);
    free(pollables);
    free(ready);
    return open > 0;
}

static struct hashing hashing_start(const char *url)
{
    struct hashing it = {.url = url, .state = WAITING, .hash = fnv_begin()};
    if (!upstream_ask("GET", url, NULL, &it.future, &it.why)) {
        it.state = OVER;
    }
    return it;
}

static void hash(struct exchange *exchange)
{
    struct text text = {0};
    size_t count = 0;
    char *query = copy_of(string_of(exchange->query));
    struct hashing *list = must_alloc((strlen(query) + 1) * sizeof(*list));
    for (char *url = query; url != NULL;) {
        char *next = strchr(url, '&');
        if (next != NULL) {
            *next++ = '\0';
        }
        list[count++] = hashing_start(url);
        url = next;
    }
    while (hash_round(list, count)) {
    }
    for (size_t i = 0; i < count; i++) {
        if (list[i].why.len > 0) {
            text_add(&text, "error %s %s\n", list[i].why.bytes, list[i].url);
        } else {
            text_add(&text, "%016llx %llu %s\n", (unsigned long long)list[i].hash,
                     (unsigned long long)list[i].count, list[i].url);
        }
        text_free(&list[i].why);
    }
    free(list);
    free(query);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void many(struct exchange *exchange)
{
    struct text text = {0};
    size_t count = (size_t)number_at(&exchange->rest, 2);
    size_t good = 0;
    const char *first_error = "-";
    struct hashing *list = must_alloc(count * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        list[i] = hashing_start(exchange->query);
    }
    while (hash_round(list, count)) {
    }
    for (size_t i = count; i-- > 0;) {
        good += list[i].why.len == 0;
        first_error = list[i].why.len > 0 ? list[i].why.bytes : first_error;
    }
    text_add(&text, "good %zu, failed %zu, first error %s\n", good, count - good, first_error);
    for (size_t i = 0; i < count; i++) {
        text_free(&list[i].why);
    }
    free(list);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* --- both ways at once ---------------------------------------------------------------------------- */

struct duplex {
    struct exchange *exchange;
    own_future_response future;
    own_incoming_response response;
    bool answered; /* The response is there and `reply`, `theirs` and `down` are in use. */
    struct source ours;
    struct source theirs;
    struct reply request; /* Our body on its way up. */
    struct reply reply;
    struct pump up;
    struct pump down;
};

/* Copies one round; false when the upstream never answers. */
static bool duplex_round(struct duplex *it, struct text *why)
{
    own_pollable list[2];
    bool ready[2] = {false, false};
    size_t count = 0;
    list[count++] = it->answered ? pump_subscribe(&it->down) : upstream_subscribe(it->future);
    if (!it->up.done) {
        list[count++] = pump_subscribe(&it->up);
    }
    wait_on_any(list, ready, count);
    for (size_t i = 0; i < count; i++) {
        wasi_io_poll_pollable_drop_own(list[i]);
    }
    if (count > 1 && ready[1]) {
        pump_step(&it->up);
        if (it->up.done) {
            pass_end(&it->request, &it->ours, &it->up.why);
        }
    }
    if (ready[0] && it->answered) {
        pump_step(&it->down);
    } else if (ready[0]) {
        if (!upstream_wait(it->future, &it->response, why)) {
            return false;
        }
        it->answered = true;
        it->reply = pass_head(it->exchange, it->response);
        it->theirs = upstream_source(it->response);
        it->down = (struct pump){.from = it->theirs.stream, .to = it->reply.stream};
    }
    return true;
}

static bool duplex_start(struct duplex *it, struct text *why)
{
    own_outgoing_request request;
    own_fields theirs = wasi_http_types_method_incoming_request_headers(
        wasi_http_types_borrow_incoming_request(it->exchange->request));
    own_fields headers = copy_fields(theirs);
    wasi_http_types_fields_drop_own(theirs);
    if (!upstream_request("POST", it->exchange->query, headers, &request, why)) {
        return false;
    }
    if (!wasi_http_types_method_outgoing_request_body(
            wasi_http_types_borrow_outgoing_request(request), &it->request.body) ||
        !wasi_http_types_method_outgoing_body_write(
            wasi_http_types_borrow_outgoing_body(it->request.body), &it->request.stream)) {
        __builtin_trap();
    }
    if (!upstream_send(request, NULL, &it->future, why)) {
        wasi_io_streams_output_stream_drop_own(it->request.stream);
        wasi_http_types_outgoing_body_drop_own(it->request.body);
        return false;
    }
    it->ours = request_source(it->exchange);
    it->up = (struct pump){.from = it->ours.stream, .to = it->request.stream};
    return true;
}

static void post(struct exchange *exchange)
{
    struct text why = {0};
    struct duplex it = {.exchange = exchange};
    if (!duplex_start(&it, &why)) {
        reply_error(exchange, &why);
        text_free(&why);
        return;
    }
    bool good = true;
    while (good && !(it.answered && it.down.done)) {
        good = duplex_round(&it, &why);
    }
    if (!it.up.done) {
        /* The upstream has said its last word without hearing ours. */
        text_add(&it.up.why, "answered early");
        pass_end(&it.request, &it.ours, &it.up.why);
    }
    if (good) {
        pass_end(&it.reply, &it.theirs, &it.down.why);
        wasi_http_types_incoming_response_drop_own(it.response);
    } else {
        reply_error(exchange, &why);
    }
    text_free(&it.up.why);
    text_free(&it.down.why);
    text_free(&why);
}

/* --- requests that go wrong ----------------------------------------------------------------------- */

/* A POST under way with its stream open. False after an answer was given. */
static bool start_post(struct exchange *exchange, own_fields headers, struct reply *ret_request,
                       own_future_response *ret_future)
{
    struct text why = {0};
    own_outgoing_request request;
    if (upstream_request("POST", exchange->query, headers, &request, &why)) {
        if (!wasi_http_types_method_outgoing_request_body(
                wasi_http_types_borrow_outgoing_request(request), &ret_request->body) ||
            !wasi_http_types_method_outgoing_body_write(
                wasi_http_types_borrow_outgoing_body(ret_request->body), &ret_request->stream)) {
            __builtin_trap();
        }
        if (upstream_send(request, NULL, ret_future, &why)) {
            return true;
        }
    }
    reply_error(exchange, &why);
    text_free(&why);
    return false;
}

static void upload(struct exchange *exchange)
{
    struct text text = {0};
    struct text declared = {0};
    struct reply request;
    own_future_response future;
    stream_error err;
    error_code code;
    uint64_t promised = number_at(&exchange->rest, 0);
    size_t given = (size_t)number_at(&exchange->rest, promised);
    own_fields headers = fields_new();
    text_add(&declared, "%llu", (unsigned long long)promised);
    fields_add(headers, "content-length", declared.bytes, NULL);
    text_free(&declared);
    if (!start_post(exchange, headers, &request, &future)) {
        return;
    }
    char *bytes = must_alloc(given);
    memset(bytes, 'u', given);
    if (!write_all(request.stream, bytes, given, &err) || !flush_all(request.stream, &err)) {
        text_add(&text, "write ");
        stream_error_print(&err, &text);
        text_add(&text, "\n");
    }
    free(bytes);
    wasi_io_streams_output_stream_drop_own(request.stream);
    if (wasi_http_types_static_outgoing_body_finish(request.body, NULL, &code)) {
        text_add(&text, "finish ok\n");
    } else {
        text_add(&text, "finish ");
        error_code_print(&code, &text);
        text_add(&text, "\n");
        wasi_http_types_error_code_free(&code);
    }
    reply_with(exchange, future, &text);
    text_free(&text);
}

static void abandon(struct exchange *exchange)
{
    struct text text = {0};
    struct reply request;
    own_future_response future;
    if (!start_post(exchange, fields_new(), &request, &future)) {
        return;
    }
    reply_write(&request, "half", 4);
    wasi_io_streams_output_stream_drop_own(request.stream);
    wasi_http_types_outgoing_body_drop_own(request.body);
    reply_with(exchange, future, &text);
    text_free(&text);
}

static void cancel(struct exchange *exchange)
{
    struct text why = {0};
    own_future_response future;
    if (upstream_ask("GET", exchange->query, NULL, &future, &why)) {
        wasi_http_types_future_incoming_response_drop_own(future);
        reply_line(exchange, 200, "cancelled");
    } else {
        reply_error(exchange, &why);
    }
    text_free(&why);
}

static void stop(struct exchange *exchange)
{
    struct text why = {0};
    own_future_response future;
    own_incoming_response response;
    uint64_t left = number_at(&exchange->rest, 1);
    if (!upstream_ask("GET", exchange->query, NULL, &future, &why) ||
        !upstream_wait(future, &response, &why)) {
        reply_error(exchange, &why);
        text_free(&why);
        return;
    }
    struct source source = upstream_source(response);
    world_list_u8_t bytes;
    while (left > 0 && source_read(&source, &bytes, NULL)) {
        left -= left < bytes.len ? left : bytes.len;
        world_list_u8_free(&bytes);
    }
    source_drop(&source);
    wasi_http_types_incoming_response_drop_own(response);
    reply_line(exchange, 200, "stopped");
}

static void future_twice(struct exchange *exchange)
{
    struct text text = {0};
    struct text why = {0};
    own_future_response future;
    wasi_http_types_result_result_own_incoming_response_error_code_void_t result;
    if (!upstream_ask("GET", exchange->query, NULL, &future, &why)) {
        reply_error(exchange, &why);
        text_free(&why);
        return;
    }
    wasi_http_types_borrow_future_incoming_response_t borrow =
        wasi_http_types_borrow_future_incoming_response(future);
    wait_on(upstream_subscribe(future));
    bool there = wasi_http_types_method_future_incoming_response_get(borrow, &result);
    text_check(&text, "first", there && !result.is_err && !result.val.ok.is_err);
    if (there && !result.is_err && !result.val.ok.is_err) {
        wasi_http_types_incoming_response_drop_own(result.val.ok.val.ok);
    }
    there = wasi_http_types_method_future_incoming_response_get(borrow, &result);
    text_check(&text, "second", there && result.is_err);
    wasi_http_types_future_incoming_response_drop_own(future);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

/* --- setters and getters -------------------------------------------------------------------------- */

static bool path_is_taken(wasi_http_types_borrow_outgoing_request_t request, const char *path)
{
    world_string_t string = string_of(path);
    return wasi_http_types_method_outgoing_request_set_path_with_query(request, &string);
}

static bool authority_is_taken(wasi_http_types_borrow_outgoing_request_t request, const char *name)
{
    world_string_t string = string_of(name);
    return wasi_http_types_method_outgoing_request_set_authority(request, &string);
}

static bool method_is_taken(wasi_http_types_borrow_outgoing_request_t request, const char *name)
{
    wasi_http_types_method_t method = {.tag = WASI_HTTP_TYPES_METHOD_OTHER,
                                       .val = {.other = string_of(name)}};
    return wasi_http_types_method_outgoing_request_set_method(request, &method);
}

static bool scheme_is_taken(wasi_http_types_borrow_outgoing_request_t request, const char *name)
{
    wasi_http_types_scheme_t scheme = {.tag = WASI_HTTP_TYPES_SCHEME_OTHER,
                                       .val = {.other = string_of(name)}};
    return wasi_http_types_method_outgoing_request_set_scheme(request, &scheme);
}

static bool string_is(bool there, world_string_t *string, const char *expected)
{
    bool same =
        there && string->len == strlen(expected) && memcmp(string->ptr, expected, string->len) == 0;
    if (there) {
        world_string_free(string);
    }
    return same;
}

static void check_defaults(wasi_http_types_borrow_outgoing_request_t request, struct text *text)
{
    wasi_http_types_method_t method;
    wasi_http_types_scheme_t scheme;
    world_string_t string;
    wasi_http_types_method_outgoing_request_method(request, &method);
    text_check(text, "method-default", method.tag == WASI_HTTP_TYPES_METHOD_GET);
    wasi_http_types_method_free(&method);
    text_check(text, "path-default",
               !wasi_http_types_method_outgoing_request_path_with_query(request, &string));
    text_check(text, "scheme-default",
               !wasi_http_types_method_outgoing_request_scheme(request, &scheme));
    text_check(text, "authority-default",
               !wasi_http_types_method_outgoing_request_authority(request, &string));
}

static void check_setters(wasi_http_types_borrow_outgoing_request_t request, struct text *text)
{
    world_string_t string;
    wasi_http_types_method_t method;
    bool there;
    text_check(text, "path", path_is_taken(request, "/a/b?c=d"));
    there = wasi_http_types_method_outgoing_request_path_with_query(request, &string);
    text_check(text, "path-back", string_is(there, &string, "/a/b?c=d"));
    text_check(text, "path-crlf", !path_is_taken(request, "/a\r\nb"));
    text_check(text, "path-space", !path_is_taken(request, "/a b"));
    text_check(text, "path-control", !path_is_taken(request, "/a\x01"));
    text_check(text, "authority", authority_is_taken(request, "example.com:8080"));
    there = wasi_http_types_method_outgoing_request_authority(request, &string);
    text_check(text, "authority-back", string_is(there, &string, "example.com:8080"));
    text_check(text, "authority-crlf", !authority_is_taken(request, "a\r\nb"));
    text_check(text, "authority-slash", !authority_is_taken(request, "a/b"));
    text_check(text, "authority-empty", !authority_is_taken(request, ""));
    text_check(text, "method", method_is_taken(request, "PURGE"));
    wasi_http_types_method_outgoing_request_method(request, &method);
    text_check(text, "method-back",
               method.tag == WASI_HTTP_TYPES_METHOD_OTHER && method.val.other.len == 5 &&
                   memcmp(method.val.other.ptr, "PURGE", 5) == 0);
    wasi_http_types_method_free(&method);
    text_check(text, "method-space", !method_is_taken(request, "A B"));
    text_check(text, "method-crlf", !method_is_taken(request, "A\r\nB"));
    text_check(text, "method-empty", !method_is_taken(request, ""));
    text_check(text, "scheme-other", scheme_is_taken(request, "gopher"));
    text_check(text, "scheme-bad", !scheme_is_taken(request, "go pher"));
    text_check(text, "path-none",
               wasi_http_types_method_outgoing_request_set_path_with_query(request, NULL));
    text_check(text, "path-none-back",
               !wasi_http_types_method_outgoing_request_path_with_query(request, &string));
}

static void check_options(struct text *text)
{
    uint64_t ns = 123456789;
    uint64_t back = 0;
    own_options own = wasi_http_types_constructor_request_options();
    wasi_http_types_borrow_request_options_t it = wasi_http_types_borrow_request_options(own);
    text_check(text, "connect-default",
               !wasi_http_types_method_request_options_connect_timeout(it, &back));
    text_check(text, "first-byte-default",
               !wasi_http_types_method_request_options_first_byte_timeout(it, &back));
    text_check(text, "between-bytes-default",
               !wasi_http_types_method_request_options_between_bytes_timeout(it, &back));
    text_check(text, "connect",
               wasi_http_types_method_request_options_set_connect_timeout(it, &ns) &&
                   wasi_http_types_method_request_options_connect_timeout(it, &back) && back == ns);
    ns++;
    text_check(text, "first-byte",
               wasi_http_types_method_request_options_set_first_byte_timeout(it, &ns) &&
                   wasi_http_types_method_request_options_first_byte_timeout(it, &back) &&
                   back == ns);
    ns++;
    text_check(text, "between-bytes",
               wasi_http_types_method_request_options_set_between_bytes_timeout(it, &ns) &&
                   wasi_http_types_method_request_options_between_bytes_timeout(it, &back) &&
                   back == ns);
    text_check(text, "connect-none",
               wasi_http_types_method_request_options_set_connect_timeout(it, NULL) &&
                   !wasi_http_types_method_request_options_connect_timeout(it, &back));
    wasi_http_types_request_options_drop_own(own);
}

static void request_api(struct exchange *exchange)
{
    struct text text = {0};
    own_outgoing_body body;
    own_outgoing_body other;
    own_outgoing_request request = wasi_http_types_constructor_outgoing_request(fields_new());
    wasi_http_types_borrow_outgoing_request_t borrow =
        wasi_http_types_borrow_outgoing_request(request);
    check_defaults(borrow, &text);
    check_setters(borrow, &text);
    text_check(&text, "body", wasi_http_types_method_outgoing_request_body(borrow, &body));
    text_check(&text, "body-twice", !wasi_http_types_method_outgoing_request_body(borrow, &other));
    wasi_http_types_outgoing_body_drop_own(body);
    wasi_http_types_outgoing_request_drop_own(request);
    check_options(&text);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

const struct way ways_of_upstreams[] = {
    {"get", get},
    {"fetch", fetch},
    {"ask", ask_by},
    {"hash", hash},
    {"many", many},
    {"post", post},
    {"upload", upload},
    {"abandon", abandon},
    {"cancel", cancel},
    {"stop", stop},
    {"future-twice", future_twice},
    {"options", options},
    {"request-api", request_api},
    {"own-header", own_header},
    {NULL, NULL},
};
