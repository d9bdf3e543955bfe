/*
 * An HTTP service as a component: GET / says hello, POST /echo sends the body back as it comes.
 *
 * service.h is what wit-bindgen makes of wit/: a type and a function for each of wasi:http. A handle is
 * owned by whoever holds it; what is not given away is dropped.
 */
#include "service.h"

#include <string.h>

typedef wasi_http_types_own_outgoing_body_t body_t;
typedef wasi_io_streams_own_output_stream_t output_t;

/* Gives the host a response and opens its body. */
static body_t respond(wasi_http_types_own_response_outparam_t param, uint16_t status)
{
    wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
    wasi_http_types_header_error_t refused;
    service_string_t name;
    wasi_http_types_field_value_t value = {(uint8_t *)"text/plain", 10};
    service_string_set(&name, "content-type");
    wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &name, &value,
                                         &refused);

    wasi_http_types_own_outgoing_response_t response =
        wasi_http_types_constructor_outgoing_response(headers);
    wasi_http_types_borrow_outgoing_response_t borrow =
        wasi_http_types_borrow_outgoing_response(response);
    body_t body;
    wasi_http_types_method_outgoing_response_set_status_code(borrow, status);
    wasi_http_types_method_outgoing_response_body(borrow, &body);

    wasi_http_types_result_own_outgoing_response_error_code_t answer = {.val = {.ok = response}};
    wasi_http_types_static_response_outparam_set(param, &answer);
    return body;
}

static output_t stream_of(body_t body)
{
    output_t stream;
    wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &stream);
    return stream;
}

/* The stream goes before the body. A body that is not finished is cut off. */
static void finish(body_t body, output_t stream)
{
    wasi_http_types_error_code_t why;
    wasi_io_streams_output_stream_drop_own(stream);
    if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &why)) {
        wasi_http_types_error_code_free(&why);
    }
}

static void say(wasi_http_types_own_response_outparam_t param, uint16_t status, const char *text)
{
    body_t body = respond(param, status);
    output_t stream = stream_of(body);
    service_list_u8_t bytes = {(uint8_t *)text, strlen(text)};
    wasi_io_streams_stream_error_t broken;
    if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
            wasi_io_streams_borrow_output_stream(stream), &bytes, &broken)) {
        wasi_io_streams_stream_error_free(&broken);
    }
    finish(body, stream);
}

static void echo(wasi_http_types_own_incoming_request_t request,
                 wasi_http_types_own_response_outparam_t param)
{
    body_t body = respond(param, 200);
    output_t to = stream_of(body);
    wasi_http_types_own_incoming_body_t source;
    wasi_io_streams_own_input_stream_t from;
    wasi_io_streams_stream_error_t end;
    uint64_t moved;
    wasi_http_types_method_incoming_request_consume(
        wasi_http_types_borrow_incoming_request(request), &source);
    wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(source),
                                                &from);

    /* The bytes need not pass through the component's memory. */
    while (wasi_io_streams_method_output_stream_blocking_splice(
        wasi_io_streams_borrow_output_stream(to), wasi_io_streams_borrow_input_stream(from), 65536,
        &moved, &end)) {
    }
    wasi_io_streams_stream_error_free(&end);
    if (!wasi_io_streams_method_output_stream_blocking_flush(
            wasi_io_streams_borrow_output_stream(to), &end)) {
        wasi_io_streams_stream_error_free(&end);
    }
    wasi_io_streams_input_stream_drop_own(from);
    wasi_http_types_incoming_body_drop_own(source);
    finish(body, to);
}

void exports_wasi_http_incoming_handler_handle(
    exports_wasi_http_incoming_handler_own_incoming_request_t request,
    exports_wasi_http_incoming_handler_own_response_outparam_t param)
{
    service_string_t path = {0};
    wasi_http_types_method_incoming_request_path_with_query(
        wasi_http_types_borrow_incoming_request(request), &path);
    if (path.len == 1) {
        say(param, 200, "Hello from C\n");
    } else if (path.len == 5 && memcmp(path.ptr, "/echo", 5) == 0) {
        echo(request, param);
    } else {
        say(param, 404, "not found\n");
    }
    service_string_free(&path);
    wasi_http_types_incoming_request_drop_own(request);
}
