#include "io.h"

#include <stdlib.h>

void wait_on(own_pollable pollable)
{
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(pollable));
    wasi_io_poll_pollable_drop_own(pollable);
}

void wait_on_any(const own_pollable *list, bool *ready, size_t count)
{
    wasi_io_poll_borrow_pollable_t *borrows = must_alloc(count * sizeof(*borrows));
    for (size_t i = 0; i < count; i++) {
        borrows[i] = wasi_io_poll_borrow_pollable(list[i]);
        ready[i] = false;
    }
    wasi_io_poll_list_borrow_pollable_t asked = {borrows, count};
    world_list_u32_t answer;
    wasi_io_poll_poll(&asked, &answer);
    for (size_t i = 0; i < answer.len; i++) {
        if (answer.ptr[i] >= count) {
            __builtin_trap();
        }
        ready[answer.ptr[i]] = true;
    }
    world_list_u32_free(&answer);
    free(borrows);
}

void sleep_ms(uint64_t ms)
{
    wait_on(wasi_clocks_monotonic_clock_subscribe_duration(ms * 1000000));
}

bool write_some(own_output stream, const void *bytes, size_t len, size_t *ret_len,
                stream_error *err)
{
    output out = wasi_io_streams_borrow_output_stream(stream);
    uint64_t permit = 0;
    if (!wasi_io_streams_method_output_stream_check_write(out, &permit, err)) {
        return false;
    }
    size_t now = permit < len ? (size_t)permit : len;
    *ret_len = now;
    world_list_u8_t piece = {(uint8_t *)(uintptr_t)bytes, now};
    return now == 0 || wasi_io_streams_method_output_stream_write(out, &piece, err);
}

bool write_all(own_output stream, const void *bytes, size_t len, stream_error *err)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        size_t written = 0;
        if (!write_some(stream, at, len, &written, err)) {
            return false;
        }
        at += written;
        len -= written;
        if (written == 0) {
            wait_on(wasi_io_streams_method_output_stream_subscribe(
                wasi_io_streams_borrow_output_stream(stream)));
        }
    }
    return true;
}

bool flush_all(own_output stream, stream_error *err)
{
    return wasi_io_streams_method_output_stream_blocking_flush(
        wasi_io_streams_borrow_output_stream(stream), err);
}

void note(const char *format, ...)
{
    struct text line = {0};
    va_list list;
    va_start(list, format);
    text_add_list(&line, format, &list);
    va_end(list);
    text_add(&line, "\n");

    own_output stream = wasi_cli_stderr_get_stderr();
    world_list_u8_t bytes = {(uint8_t *)line.bytes,
                             line.len < BLOCKING_WRITE_MAX ? line.len : BLOCKING_WRITE_MAX};
    stream_error err;
    if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
            wasi_io_streams_borrow_output_stream(stream), &bytes, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    wasi_io_streams_output_stream_drop_own(stream);
    text_free(&line);
}

void print_text(const struct text *text)
{
    own_output stream = wasi_cli_stdout_get_stdout();
    stream_error err;
    if (!write_all(stream, text->bytes, text->len, &err) || !flush_all(stream, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    wasi_io_streams_output_stream_drop_own(stream);
}
