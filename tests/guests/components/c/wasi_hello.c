/*
 * The least responder of wasi:http: 200, text/plain, "hello". The benchmarks measure what a request
 * costs the host, so it makes as few host calls as a response takes and allocates nothing.
 */
#include "world.h"

static const char body[] = "hello";

static world_string_t name = {(uint8_t *)(uintptr_t) "content-type", 12};
static wasi_http_types_field_value_t value = {(uint8_t *)(uintptr_t) "text/plain", 10};

void exports_wasi_http_incoming_handler_handle(
    exports_wasi_http_incoming_handler_own_incoming_request_t request,
    exports_wasi_http_incoming_handler_own_response_outparam_t param)
{
    wasi_http_types_own_headers_t headers = wasi_http_types_constructor_fields();
    wasi_http_types_header_error_t refused;
    (void)wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &name,
                                               &value, &refused);

    wasi_http_types_own_outgoing_response_t response =
        wasi_http_types_constructor_outgoing_response(headers);
    wasi_http_types_own_outgoing_body_t out;
    (void)wasi_http_types_method_outgoing_response_body(
        wasi_http_types_borrow_outgoing_response(response), &out);
    wasi_io_streams_own_output_stream_t stream;
    (void)wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(out),
                                                     &stream);

    wasi_http_types_result_own_outgoing_response_error_code_t answer = {.val = {.ok = response}};
    wasi_http_types_static_response_outparam_set(param, &answer);

    world_list_u8_t bytes = {(uint8_t *)(uintptr_t)body, sizeof(body) - 1};
    wasi_io_streams_stream_error_t broken;
    (void)wasi_io_streams_method_output_stream_blocking_write_and_flush(
        wasi_io_streams_borrow_output_stream(stream), &bytes, &broken);
    wasi_io_streams_output_stream_drop_own(stream);
    wasi_http_types_error_code_t failure;
    (void)wasi_http_types_static_outgoing_body_finish(out, NULL, &failure);
    wasi_http_types_incoming_request_drop_own(request);
}
