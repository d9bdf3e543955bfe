/*
 * A responder put together from two releases: requests by wasi:http 0.2.12, and the clock, chance and
 * stdout of 0.2.0, each with streams of its own release. Answers with three lines, and says one on
 * stdout.
 */
#include "world.h"

#include <string.h>

static world_list_u8_t bytes_of(const char *chars)
{
    return (world_list_u8_t){(uint8_t *)(uintptr_t)chars, strlen(chars)};
}

static void say_on_stdout(void)
{
    wasi_cli_0_2_0_stdout_own_output_stream_t stream = wasi_cli_0_2_0_stdout_get_stdout();
    wasi_io_0_2_0_streams_borrow_output_stream_t out =
        wasi_io_0_2_0_streams_borrow_output_stream(stream);
    wasi_io_0_2_0_streams_stream_error_t broken;
    world_list_u8_t line = bytes_of("said by 0.2.0\n");
    (void)wasi_io_0_2_0_streams_method_output_stream_blocking_write_and_flush(out, &line, &broken);
    wasi_io_0_2_0_streams_output_stream_drop_own(stream);
}

static void write_line(wasi_io_0_2_12_streams_own_output_stream_t stream, const char *chars)
{
    wasi_io_0_2_12_streams_stream_error_t broken;
    world_list_u8_t line = bytes_of(chars);
    (void)wasi_io_0_2_12_streams_method_output_stream_blocking_write_and_flush(
        wasi_io_0_2_12_streams_borrow_output_stream(stream), &line, &broken);
}

void exports_wasi_http_0_2_12_incoming_handler_handle(
    exports_wasi_http_0_2_12_incoming_handler_own_incoming_request_t request,
    exports_wasi_http_0_2_12_incoming_handler_own_response_outparam_t param)
{
    wasi_http_0_2_12_types_own_outgoing_response_t response =
        wasi_http_0_2_12_types_constructor_outgoing_response(
            wasi_http_0_2_12_types_constructor_fields());
    wasi_http_0_2_12_types_own_outgoing_body_t body;
    (void)wasi_http_0_2_12_types_method_outgoing_response_body(
        wasi_http_0_2_12_types_borrow_outgoing_response(response), &body);
    wasi_io_0_2_12_streams_own_output_stream_t stream;
    (void)wasi_http_0_2_12_types_method_outgoing_body_write(
        wasi_http_0_2_12_types_borrow_outgoing_body(body), &stream);
    wasi_http_0_2_12_types_result_own_outgoing_response_error_code_t answer = {
        .val = {.ok = response}};
    wasi_http_0_2_12_types_static_response_outparam_set(param, &answer);

    wasi_clocks_0_2_0_wall_clock_datetime_t now;
    wasi_clocks_0_2_0_wall_clock_now(&now);
    say_on_stdout();
    write_line(stream, "http 0.2.12\n");
    write_line(stream, now.seconds > 0 ? "clock 0.2.0\n" : "no clock\n");
    write_line(stream, wasi_random_0_2_0_random_get_random_u64() !=
                               wasi_random_0_2_0_random_get_random_u64()
                           ? "random 0.2.0\n"
                           : "no chance\n");
    wasi_io_0_2_12_streams_output_stream_drop_own(stream);
    wasi_http_0_2_12_types_error_code_t failure;
    (void)wasi_http_0_2_12_types_static_outgoing_body_finish(body, NULL, &failure);
    wasi_http_0_2_12_types_incoming_request_drop_own(request);
}
