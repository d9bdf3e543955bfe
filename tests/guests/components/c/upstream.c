#include "upstream.h"

#include <stdlib.h>
#include <string.h>

static wasi_http_types_method_t method_of(const char *name)
{
    static const char *const names[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                        "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    for (uint8_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            return (wasi_http_types_method_t){.tag = i};
        }
    }
    return (wasi_http_types_method_t){.tag = WASI_HTTP_TYPES_METHOD_OTHER,
                                      .val = {.other = string_of(name)}};
}

static bool set_target(wasi_http_types_borrow_outgoing_request_t request, const char *url,
                       struct text *why)
{
    wasi_http_types_scheme_t scheme = {.tag = WASI_HTTP_TYPES_SCHEME_OTHER};
    const char *authority = strstr(url, "://");
    if (authority == NULL) {
        text_add(why, "no scheme in the URL");
        return false;
    }
    size_t scheme_len = (size_t)(authority - url);
    authority += 3;
    const char *path = strchr(authority, '/');
    size_t authority_len = path != NULL ? (size_t)(path - authority) : strlen(authority);
    if (scheme_len == 4 && strncmp(url, "http", 4) == 0) {
        scheme.tag = WASI_HTTP_TYPES_SCHEME_HTTP;
    } else if (scheme_len == 5 && strncmp(url, "https", 5) == 0) {
        scheme.tag = WASI_HTTP_TYPES_SCHEME_HTTPS;
    } else {
        scheme.val.other = (world_string_t){(uint8_t *)(uintptr_t)url, scheme_len};
    }
    world_string_t host = {(uint8_t *)(uintptr_t)authority, authority_len};
    world_string_t target = string_of(path != NULL ? path : "/");
    if (!wasi_http_types_method_outgoing_request_set_scheme(request, &scheme)) {
        text_add(why, "set-scheme refused");
    } else if (!wasi_http_types_method_outgoing_request_set_authority(request, &host)) {
        text_add(why, "set-authority refused");
    } else if (!wasi_http_types_method_outgoing_request_set_path_with_query(request, &target)) {
        text_add(why, "set-path-with-query refused");
    }
    return why->len == 0;
}

bool upstream_request(const char *method, const char *url, own_fields headers,
                      own_outgoing_request *ret_request, struct text *why)
{
    own_outgoing_request request = wasi_http_types_constructor_outgoing_request(headers);
    wasi_http_types_borrow_outgoing_request_t borrow =
        wasi_http_types_borrow_outgoing_request(request);
    wasi_http_types_method_t wanted = method_of(method);
    if (!wasi_http_types_method_outgoing_request_set_method(borrow, &wanted)) {
        text_add(why, "set-method refused");
    }
    if (why->len > 0 || !set_target(borrow, url, why)) {
        wasi_http_types_outgoing_request_drop_own(request);
        return false;
    }
    *ret_request = request;
    return true;
}

bool upstream_send(own_outgoing_request request, own_options *options,
                   own_future_response *ret_future, struct text *why)
{
    error_code code;
    if (!wasi_http_outgoing_handler_handle(request, options, ret_future, &code)) {
        error_code_print(&code, why);
        wasi_http_types_error_code_free(&code);
        return false;
    }
    return true;
}

bool upstream_ask(const char *method, const char *url, own_options *options,
                  own_future_response *ret_future, struct text *why)
{
    own_outgoing_request request;
    own_outgoing_body body;
    if (!upstream_request(method, url, fields_new(), &request, why)) {
        return false;
    }
    if (!wasi_http_types_method_outgoing_request_body(
            wasi_http_types_borrow_outgoing_request(request), &body)) {
        __builtin_trap();
    }
    if (!upstream_send(request, options, ret_future, why)) {
        wasi_http_types_outgoing_body_drop_own(body);
        return false;
    }
    error_code code;
    if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &code)) {
        note("finish: %s", error_code_name(&code));
        wasi_http_types_error_code_free(&code);
    }
    return true;
}

own_pollable upstream_subscribe(own_future_response future)
{
    return wasi_http_types_method_future_incoming_response_subscribe(
        wasi_http_types_borrow_future_incoming_response(future));
}

bool upstream_wait(own_future_response future, own_incoming_response *ret_response,
                   struct text *why)
{
    wasi_http_types_result_result_own_incoming_response_error_code_void_t result;
    wait_on(upstream_subscribe(future));
    bool there = wasi_http_types_method_future_incoming_response_get(
        wasi_http_types_borrow_future_incoming_response(future), &result);
    wasi_http_types_future_incoming_response_drop_own(future);
    if (!there || result.is_err) {
        text_add(why, there ? "taken before" : "ready, and then not");
        return false;
    }
    if (result.val.ok.is_err) {
        error_code_print(&result.val.ok.val.err, why);
        wasi_http_types_error_code_free(&result.val.ok.val.err);
        return false;
    }
    *ret_response = result.val.ok.val.ok;
    return true;
}

struct source upstream_source(own_incoming_response response)
{
    own_incoming_body body;
    if (!wasi_http_types_method_incoming_response_consume(
            wasi_http_types_borrow_incoming_response(response), &body)) {
        __builtin_trap();
    }
    return source_of(body);
}

own_pollable pump_subscribe(const struct pump *pump)
{
    return pump->at < pump->held.len ? wasi_io_streams_method_output_stream_subscribe(
                                           wasi_io_streams_borrow_output_stream(pump->to))
                                     : wasi_io_streams_method_input_stream_subscribe(
                                           wasi_io_streams_borrow_input_stream(pump->from));
}

static void pump_end(struct pump *pump, stream_error *err, bool orderly)
{
    pump->done = true;
    if (!orderly) {
        stream_error_print(err, &pump->why);
    }
}

void pump_step(struct pump *pump)
{
    enum { PIECE = 64 * 1024 };

    stream_error err;
    if (pump->at == pump->held.len) {
        world_list_u8_free(&pump->held);
        pump->held = (world_list_u8_t){0};
        pump->at = 0;
        if (!wasi_io_streams_method_input_stream_read(
                wasi_io_streams_borrow_input_stream(pump->from), PIECE, &pump->held, &err)) {
            pump->held = (world_list_u8_t){0};
            pump_end(pump, &err, err.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED);
            return;
        }
    }
    size_t written = 0;
    if (pump->at < pump->held.len && !write_some(pump->to, pump->held.ptr + pump->at,
                                                 pump->held.len - pump->at, &written, &err)) {
        pump_end(pump, &err, false);
        return;
    }
    pump->at += written;
}
