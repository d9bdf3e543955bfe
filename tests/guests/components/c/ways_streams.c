/*
 * The functions of wasi:io/streams on the bodies. What has to trap is marked T.
 *
 *   /streams-api       reads a body of "hello world" in every way, writes in every way; answers
 *                      with what it wrote, then one line for each step
 *   /over-permit       writes one byte more than check-write permits (T)
 *   /zeroes-over-permit  the same by write-zeroes (T)
 *   /write-unchecked   writes 16 MiB without check-write (T)
 *   /blocking-large    4097 bytes by blocking-write-and-flush (T)
 *   /zeroes-large      4097 bytes by blocking-write-zeroes-and-flush (T)
 *   /zeroes/N          N zeroes by blocking-write-zeroes-and-flush
 *   /skip              skips the body by blocking-skip: "skipped BYTES"
 *   /huge-read         blocking-read of 2^63 bytes: "read BYTES" of the first piece
 *   /splice-stdin      splices stdin into the response, 0 bytes at first
 *   /permits           how much check-write permits until it says 0, then again after flush: lines
 */
#include "wasi_ways.h"

#include <stdlib.h>
#include <string.h>

static bool is_closed(const stream_error *err)
{
    return err->tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED;
}

static bool read_is(input stream, uint64_t len, const char *expected)
{
    world_list_u8_t bytes;
    stream_error err;
    if (!wasi_io_streams_method_input_stream_blocking_read(stream, len, &bytes, &err)) {
        return false;
    }
    bool same = bytes.len == strlen(expected) && memcmp(bytes.ptr, expected, bytes.len) == 0;
    world_list_u8_free(&bytes);
    return same;
}

/* The body is "hello world", in one piece or in several. */
static void check_input(const struct source *source, struct text *text)
{
    input stream = wasi_io_streams_borrow_input_stream(source->stream);
    world_list_u8_t bytes;
    stream_error err;
    uint64_t skipped = 0;

    text_check(text, "read-0", wasi_io_streams_method_input_stream_read(stream, 0, &bytes, &err));
    world_list_u8_free(&bytes);
    wait_on(wasi_io_streams_method_input_stream_subscribe(stream));
    text_check(text, "blocking-read", read_is(stream, 1, "h"));
    text_check(text, "read",
               wasi_io_streams_method_input_stream_read(stream, 1, &bytes, &err) &&
                   bytes.len == 1 && bytes.ptr[0] == 'e');
    world_list_u8_free(&bytes);
    text_check(text, "skip",
               wasi_io_streams_method_input_stream_skip(stream, 2, &skipped, &err) && skipped == 2);
    text_check(text, "blocking-skip",
               wasi_io_streams_method_input_stream_blocking_skip(stream, 2, &skipped, &err) &&
                   skipped == 2);
    text_check(text, "skip-0",
               wasi_io_streams_method_input_stream_skip(stream, 0, &skipped, &err) && skipped == 0);
    text_check(text, "read-after-skip", read_is(stream, 3, "wor"));
    text_check(text, "read-rest", read_is(stream, 100, "ld"));
}

static void check_end(const struct source *source, struct text *text)
{
    input stream = wasi_io_streams_borrow_input_stream(source->stream);
    world_list_u8_t bytes;
    stream_error err;
    uint64_t skipped = 0;
    text_check(text, "closed-blocking-read",
               !wasi_io_streams_method_input_stream_blocking_read(stream, 1, &bytes, &err) &&
                   is_closed(&err));
    text_check(text, "closed-read",
               !wasi_io_streams_method_input_stream_read(stream, 1, &bytes, &err) &&
                   is_closed(&err));
    text_check(text, "closed-skip",
               !wasi_io_streams_method_input_stream_blocking_skip(stream, 1, &skipped, &err) &&
                   is_closed(&err));
    wait_on(wasi_io_streams_method_input_stream_subscribe(stream));
    text_check(text, "closed-ready", true);
}

static void check_output(const struct reply *reply, const struct source *source, struct text *text)
{
    output stream = wasi_io_streams_borrow_output_stream(reply->stream);
    stream_error err;
    uint64_t permit = 0;
    uint64_t moved = 99;
    world_list_u8_t piece = {(uint8_t *)(uintptr_t) "written\n", 8};
    world_list_u8_t none = {(uint8_t *)(uintptr_t) "", 0};

    wait_on(wasi_io_streams_method_output_stream_subscribe(stream));
    text_check(text, "check-write",
               wasi_io_streams_method_output_stream_check_write(stream, &permit, &err) &&
                   permit >= 8);
    text_check(text, "write", wasi_io_streams_method_output_stream_write(stream, &piece, &err));
    text_check(text, "write-0", wasi_io_streams_method_output_stream_write(stream, &none, &err));
    text_check(text, "flush", wasi_io_streams_method_output_stream_flush(stream, &err));
    text_check(text, "blocking-flush",
               wasi_io_streams_method_output_stream_blocking_flush(stream, &err));
    wait_on(wasi_io_streams_method_output_stream_subscribe(stream));
    text_check(text, "check-write-again",
               wasi_io_streams_method_output_stream_check_write(stream, &permit, &err) &&
                   permit >= 3);
    text_check(text, "write-zeroes",
               wasi_io_streams_method_output_stream_write_zeroes(stream, 3, &err));
    text_check(
        text, "blocking-write-zeroes-and-flush",
        wasi_io_streams_method_output_stream_blocking_write_zeroes_and_flush(stream, 4, &err));
    text_check(text, "blocking-write-and-flush",
               wasi_io_streams_method_output_stream_blocking_write_and_flush(stream, &piece, &err));
    text_check(text, "splice-0",
               wasi_io_streams_method_output_stream_splice(
                   stream, wasi_io_streams_borrow_input_stream(source->stream), 0, &moved, &err)
                   ? moved == 0
                   : is_closed(&err));
}

static void check_splice(const struct reply *reply, const struct source *source, struct text *text)
{
    output stream = wasi_io_streams_borrow_output_stream(reply->stream);
    stream_error err;
    uint64_t moved = 0;
    text_check(text, "splice-closed",
               !wasi_io_streams_method_output_stream_blocking_splice(
                   stream, wasi_io_streams_borrow_input_stream(source->stream), 10, &moved, &err) &&
                   is_closed(&err));
}

static void streams_api(struct exchange *exchange)
{
    struct text text = {0};
    struct source source = request_source(exchange);
    struct reply reply = reply_open(exchange, 200, fields_new());
    check_input(&source, &text);
    check_output(&reply, &source, &text);
    check_end(&source, &text);
    check_splice(&reply, &source, &text);
    source_drop(&source);
    reply_write(&reply, text.bytes, text.len);
    reply_close(&reply, NULL);
    text_free(&text);
}

/* --- what the host must not bear ------------------------------------------------------------------ */

static void done(struct reply *reply, const char *line)
{
    reply_write(reply, line, strlen(line));
    reply_close(reply, NULL);
}

static uint64_t permit_of(const struct reply *reply)
{
    stream_error err;
    uint64_t permit = 0;
    wait_on(wasi_io_streams_method_output_stream_subscribe(
        wasi_io_streams_borrow_output_stream(reply->stream)));
    if (!wasi_io_streams_method_output_stream_check_write(
            wasi_io_streams_borrow_output_stream(reply->stream), &permit, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    return permit;
}

static void write_len(const struct reply *reply, uint64_t len)
{
    stream_error err;
    char *zeroes = must_alloc((size_t)len);
    memset(zeroes, 'z', (size_t)len);
    world_list_u8_t piece = {(uint8_t *)zeroes, (size_t)len};
    if (!wasi_io_streams_method_output_stream_write(
            wasi_io_streams_borrow_output_stream(reply->stream), &piece, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    free(zeroes);
}

static void over_permit(struct exchange *exchange)
{
    struct reply reply = reply_open(exchange, 200, fields_new());
    write_len(&reply, permit_of(&reply) + 1);
    done(&reply, "not trapped\n");
}

static void zeroes_over_permit(struct exchange *exchange)
{
    stream_error err;
    struct reply reply = reply_open(exchange, 200, fields_new());
    if (!wasi_io_streams_method_output_stream_write_zeroes(
            wasi_io_streams_borrow_output_stream(reply.stream), permit_of(&reply) + 1, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    done(&reply, "not trapped\n");
}

static void write_unchecked(struct exchange *exchange)
{
    struct reply reply = reply_open(exchange, 200, fields_new());
    write_len(&reply, 16 * 1024 * 1024);
    done(&reply, "not trapped\n");
}

static void blocking_large(struct exchange *exchange)
{
    stream_error err;
    static uint8_t bytes[BLOCKING_WRITE_MAX + 1];
    world_list_u8_t piece = {bytes, sizeof(bytes)};
    struct reply reply = reply_open(exchange, 200, fields_new());
    if (!wasi_io_streams_method_output_stream_blocking_write_and_flush(
            wasi_io_streams_borrow_output_stream(reply.stream), &piece, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    done(&reply, "not trapped\n");
}

static void zeroes(struct exchange *exchange)
{
    stream_error err;
    uint64_t len = number_at(&exchange->rest, BLOCKING_WRITE_MAX + 1);
    struct reply reply = reply_open(exchange, 200, fields_new());
    if (!wasi_io_streams_method_output_stream_blocking_write_zeroes_and_flush(
            wasi_io_streams_borrow_output_stream(reply.stream), len, &err)) {
        wasi_io_streams_stream_error_free(&err);
    }
    done(&reply, "zeroes\n");
}

/* --- the rest ------------------------------------------------------------------------------------- */

static void skip(struct exchange *exchange)
{
    struct text text = {0};
    stream_error err;
    uint64_t total = 0;
    uint64_t now = 0;
    struct source source = request_source(exchange);
    while (wasi_io_streams_method_input_stream_blocking_skip(
        wasi_io_streams_borrow_input_stream(source.stream), UINT64_C(1) << 40, &now, &err)) {
        total += now;
    }
    text_add(&text, "skipped %llu, ", (unsigned long long)total);
    stream_error_print(&err, &text);
    text_add(&text, "\n");
    source_drop(&source);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void huge_read(struct exchange *exchange)
{
    struct text text = {0};
    stream_error err;
    world_list_u8_t bytes;
    struct source source = request_source(exchange);
    if (wasi_io_streams_method_input_stream_blocking_read(
            wasi_io_streams_borrow_input_stream(source.stream), UINT64_C(1) << 63, &bytes, &err)) {
        text_add(&text, "read %zu\n", bytes.len);
        world_list_u8_free(&bytes);
    } else {
        stream_error_print(&err, &text);
        text_add(&text, "\n");
    }
    source_drop(&source);
    reply_text(exchange, 200, &text);
    text_free(&text);
}

static void splice_stdin(struct exchange *exchange)
{
    stream_error err;
    uint64_t moved = 0;
    uint64_t len = 0;
    own_input from = wasi_cli_stdin_get_stdin();
    struct reply reply = reply_open(exchange, 200, fields_new());
    while (wasi_io_streams_method_output_stream_blocking_splice(
        wasi_io_streams_borrow_output_stream(reply.stream),
        wasi_io_streams_borrow_input_stream(from), len, &moved, &err)) {
        len = 4096;
    }
    wasi_io_streams_stream_error_free(&err);
    wasi_io_streams_input_stream_drop_own(from);
    done(&reply, "spliced\n");
}

static void permits(struct exchange *exchange)
{
    struct text text = {0};
    struct reply reply = reply_open(exchange, 200, fields_new());
    for (int round = 0; round < 2; round++) {
        uint64_t total = 0;
        uint64_t permit = permit_of(&reply);
        while (permit > 0 && total < 64 * 1024 * 1024) {
            stream_error err;
            write_len(&reply, permit);
            total += permit;
            if (!wasi_io_streams_method_output_stream_check_write(
                    wasi_io_streams_borrow_output_stream(reply.stream), &permit, &err)) {
                wasi_io_streams_stream_error_free(&err);
                permit = 0;
            }
        }
        stream_error err;
        text_add(&text, "\npermitted %llu", (unsigned long long)total);
        if (!flush_all(reply.stream, &err)) {
            wasi_io_streams_stream_error_free(&err);
        }
    }
    text_add(&text, "\n");
    done(&reply, text.bytes);
    text_free(&text);
}

const struct way ways_of_streams[] = {
    {"streams-api", streams_api},
    {"over-permit", over_permit},
    {"zeroes-over-permit", zeroes_over_permit},
    {"write-unchecked", write_unchecked},
    {"blocking-large", blocking_large},
    {"zeroes-large", zeroes},
    {"zeroes", zeroes},
    {"skip", skip},
    {"huge-read", huge_read},
    {"splice-stdin", splice_stdin},
    {"permits", permits},
    {NULL, NULL},
};
