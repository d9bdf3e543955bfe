/*
 * Bodies: echoed, counted, of a declared length, with trailers, ended in each wrong way.
 *
 *   /hello                 "hello"
 *   /echo                  the body, by blocking-splice
 *   /echo/copy             the body, by blocking-read and write
 *   /double-echo           each byte twice
 *   /sink                  reads the body; "BYTES HASH" (FNV-1a)
 *   /sink/MS               the same, after a pause
 *   /length/N/M            declares N, writes M
 *   /bytes/N               N bytes, no length declared
 *   /trailers              reads the body; echoes its trailers as lines, and as x-echo-NAME trailers
 *   /bad-trailers          finishes with a forbidden trailer, if the fields take it
 *   /early                 answers, never reads the body
 *   /early/read            answers, then reads the body and notes "read BYTES"
 *   /half                  drops the body without finishing it, after 4 bytes
 *   /half/silent           the same after none
 *   /unfinished            returns with the stream and the body open
 *   /no-response           returns
 *   /headless              makes the response and its body, but never sets the outparam
 *   /late                  sets the outparam after body, stream and 10 bytes
 *   /endless               body without end
 *   /slow/N/MS             N lines, MS apart, each flushed
 *   /empty                 204, its body never asked for
 */
#include "wasi_ways.h"

#include <stdlib.h>

static const char filler[1024] = {[0 ... 1022] = 'x', [1023] = '\n'};

static void hello(struct exchange *exchange)
{
    reply_line(exchange, 200, "hello");
}

static bool write_filler(const struct reply *reply, uint64_t len)
{
    while (len > 0) {
        size_t now = len < sizeof(filler) ? (size_t)len : sizeof(filler);
        if (!reply_write(reply, filler, now)) {
            return false;
        }
        len -= now;
    }
    return true;
}

static void splice_all(const struct source *source, const struct reply *reply)
{
    enum { PIECE = 1024 * 1024 };

    for (;;) {
        stream_error err;
        uint64_t moved = 0;
        if (!wasi_io_streams_method_output_stream_blocking_splice(
                wasi_io_streams_borrow_output_stream(reply->stream),
                wasi_io_streams_borrow_input_stream(source->stream), PIECE, &moved, &err)) {
            if (err.tag != WASI_IO_STREAMS_STREAM_ERROR_CLOSED) {
                struct text why = {0};
                stream_error_print(&err, &why);
                note("splice: %s", why.bytes);
                text_free(&why);
            }
            return;
        }
    }
}

static void echo(struct exchange *exchange)
{
    struct source source = request_source(exchange);
    struct reply reply = reply_open(exchange, 200, fields_new());
    if (!word_at(&exchange->rest, "copy")) {
        splice_all(&source, &reply);
    } else {
        world_list_u8_t bytes;
        bool good = true;
        while (good && source_read(&source, &bytes, NULL)) {
            good = reply_write(&reply, bytes.ptr, bytes.len);
            world_list_u8_free(&bytes);
        }
    }
    source_drop(&source);
    reply_close(&reply, NULL);
}

static void double_echo(struct exchange *exchange)
{
    struct source source = request_source(exchange);
    struct reply reply = reply_open(exchange, 200, fields_new());
    world_list_u8_t bytes;
    bool good = true;
    while (good && source_read(&source, &bytes, NULL)) {
        uint8_t *twice = must_alloc(bytes.len * 2);
        for (size_t i = 0; i < bytes.len; i++) {
            twice[2 * i] = twice[2 * i + 1] = bytes.ptr[i];
        }
        good = reply_write(&reply, twice, bytes.len * 2);
        free(twice);
        world_list_u8_free(&bytes);
    }
    source_drop(&source);
    reply_close(&reply, NULL);
}

/* Reads to the end; the source stays. */
static uint64_t drain(const struct source *source, uint64_t *ret_hash, struct text *why)
{
    uint64_t count = 0;
    uint64_t hash = fnv_begin();
    world_list_u8_t bytes;
    while (source_read(source, &bytes, why)) {
        hash = fnv_add(hash, bytes.ptr, bytes.len);
        count += bytes.len;
        world_list_u8_free(&bytes);
    }
    *ret_hash = hash;
    return count;
}

static void sink(struct exchange *exchange)
{
    uint64_t hash = 0;
    struct text why = {0};
    struct text text = {0};
    sleep_ms(number_at(&exchange->rest, 0));
    struct source source = request_source(exchange);
    uint64_t count = drain(&source, &hash, &why);
    source_drop(&source);
    text_add(&text, "%llu %016llx", (unsigned long long)count, (unsigned long long)hash);
    if (why.len > 0) {
        text_add(&text, " %s", why.bytes);
        note("read: %s", why.bytes);
    }
    text_add(&text, "\n");
    reply_text(exchange, 200, &text);
    text_free(&why);
    text_free(&text);
}

static void length(struct exchange *exchange)
{
    uint64_t promised = number_at(&exchange->rest, 0);
    uint64_t given = number_at(&exchange->rest, promised);
    struct text declared = {0};
    text_add(&declared, "%llu", (unsigned long long)promised);
    own_fields headers = fields_new();
    header_error err;
    if (!fields_add(headers, "content-length", declared.bytes, &err)) {
        note("content-length: %s", header_error_name(&err));
    }
    text_free(&declared);
    struct reply reply = reply_open(exchange, 200, headers);
    write_filler(&reply, given);
    reply_close(&reply, NULL);
}

static void bytes(struct exchange *exchange)
{
    struct reply reply = reply_open(exchange, 200, fields_new());
    write_filler(&reply, number_at(&exchange->rest, 0));
    reply_close(&reply, NULL);
}

/* Adds each trailer of the request as x-echo-NAME. */
static void copy_trailers(own_fields from, own_fields to)
{
    wasi_http_types_list_tuple2_field_name_field_value_t list;
    wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(from), &list);
    for (size_t i = 0; i < list.len; i++) {
        struct text name = {0};
        text_add(&name, "x-echo-");
        text_add_bytes(&name, list.ptr[i].f0.ptr, list.ptr[i].f0.len);
        char *value = copy_of((world_string_t){list.ptr[i].f1.ptr, list.ptr[i].f1.len});
        header_error err;
        if (!fields_add(to, name.bytes, value, &err)) {
            note("%s: %s", name.bytes, header_error_name(&err));
        }
        free(value);
        text_free(&name);
    }
    wasi_http_types_list_tuple2_field_name_field_value_free(&list);
}

static void trailers(struct exchange *exchange)
{
    uint64_t hash = 0;
    own_fields theirs;
    own_fields ours = fields_new();
    struct text text = {0};
    struct source source = request_source(exchange);
    uint64_t count = drain(&source, &hash, NULL);
    text_add(&text, "%llu bytes\n", (unsigned long long)count);
    if (source_trailers(&source, &theirs)) {
        fields_print(theirs, "", &text);
        copy_trailers(theirs, ours);
        wasi_http_types_fields_drop_own(theirs);
    } else {
        text_add(&text, "no trailers\n");
    }

    own_fields headers = fields_new();
    fields_add(headers, "content-type", "text/plain", NULL);
    fields_add(headers, "trailer", "x-guest", NULL);
    fields_add(ours, "x-guest", "done", NULL);
    struct reply reply = reply_open(exchange, 200, headers);
    reply_write(&reply, text.bytes, text.len);
    reply_close(&reply, &ours);
    text_free(&text);
}

static void bad_trailers(struct exchange *exchange)
{
    own_fields ours = fields_new();
    header_error err;
    if (!fields_add(ours, "content-length", "5", &err)) {
        note("content-length: %s", header_error_name(&err));
    }
    if (!fields_add(ours, "transfer-encoding", "chunked", &err)) {
        note("transfer-encoding: %s", header_error_name(&err));
    }
    fields_add(ours, "x-guest", "done", NULL);
    struct reply reply = reply_open(exchange, 200, fields_new());
    reply_write(&reply, "hello\n", 6);
    reply_close(&reply, &ours);
}

static void early(struct exchange *exchange)
{
    reply_line(exchange, 200, "early");
    if (word_at(&exchange->rest, "read")) {
        uint64_t hash = 0;
        struct source source = request_source(exchange);
        uint64_t count = drain(&source, &hash, NULL);
        source_drop(&source);
        note("read %llu", (unsigned long long)count);
    }
}

static void half(struct exchange *exchange)
{
    struct reply reply = reply_open(exchange, 200, fields_new());
    if (!word_at(&exchange->rest, "silent")) {
        stream_error err;
        reply_write(&reply, "half", 4);
        if (!flush_all(reply.stream, &err)) {
            wasi_io_streams_stream_error_free(&err);
        }
    }
    wasi_io_streams_output_stream_drop_own(reply.stream);
    wasi_http_types_outgoing_body_drop_own(reply.body);
}

static void unfinished(struct exchange *exchange)
{
    struct reply reply = reply_open(exchange, 200, fields_new());
    reply_write(&reply, "unfinished", 10);
}

static void no_response(struct exchange *exchange)
{
    (void)exchange;
}

static void headless(struct exchange *exchange)
{
    (void)exchange;
    own_outgoing_body body;
    own_response response = wasi_http_types_constructor_outgoing_response(fields_new());
    (void)wasi_http_types_method_outgoing_response_body(
        wasi_http_types_borrow_outgoing_response(response), &body);
    error_code code;
    if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &code)) {
        note("finish: %s", error_code_name(&code));
        wasi_http_types_error_code_free(&code);
    }
    wasi_http_types_outgoing_response_drop_own(response);
}

static void late(struct exchange *exchange)
{
    struct reply reply;
    own_response response = wasi_http_types_constructor_outgoing_response(fields_new());
    if (!wasi_http_types_method_outgoing_response_body(
            wasi_http_types_borrow_outgoing_response(response), &reply.body) ||
        !wasi_http_types_method_outgoing_body_write(
            wasi_http_types_borrow_outgoing_body(reply.body), &reply.stream)) {
        __builtin_trap();
    }
    reply_write(&reply, "first this", 10);
    wasi_http_types_result_own_outgoing_response_error_code_t answer = {.val = {.ok = response}};
    wasi_http_types_static_response_outparam_set(exchange->param, &answer);
    reply_write(&reply, ", then that\n", 12);
    reply_close(&reply, NULL);
}

static void endless(struct exchange *exchange)
{
    struct reply reply = reply_open(exchange, 200, fields_new());
    while (reply_write(&reply, filler, sizeof(filler))) {
    }
    wasi_io_streams_output_stream_drop_own(reply.stream);
    wasi_http_types_outgoing_body_drop_own(reply.body);
}

static void slow(struct exchange *exchange)
{
    uint64_t count = number_at(&exchange->rest, 3);
    uint64_t pause_ms = number_at(&exchange->rest, 100);
    struct reply reply = reply_open(exchange, 200, fields_new());
    for (uint64_t i = 0; i < count; i++) {
        struct text line = {0};
        stream_error err;
        text_add(&line, "line %llu\n", (unsigned long long)i);
        bool good = reply_write(&reply, line.bytes, line.len);
        text_free(&line);
        if (!good) {
            break;
        }
        if (!flush_all(reply.stream, &err)) {
            wasi_io_streams_stream_error_free(&err);
            break;
        }
        sleep_ms(pause_ms);
    }
    reply_close(&reply, NULL);
}

static void empty(struct exchange *exchange)
{
    own_response response = wasi_http_types_constructor_outgoing_response(fields_new());
    (void)wasi_http_types_method_outgoing_response_set_status_code(
        wasi_http_types_borrow_outgoing_response(response), 204);
    wasi_http_types_result_own_outgoing_response_error_code_t answer = {.val = {.ok = response}};
    wasi_http_types_static_response_outparam_set(exchange->param, &answer);
}

const struct way ways_of_bodies[] = {
    {"hello", hello},
    {"echo", echo},
    {"double-echo", double_echo},
    {"sink", sink},
    {"length", length},
    {"bytes", bytes},
    {"trailers", trailers},
    {"bad-trailers", bad_trailers},
    {"early", early},
    {"half", half},
    {"unfinished", unfinished},
    {"no-response", no_response},
    {"headless", headless},
    {"late", late},
    {"endless", endless},
    {"slow", slow},
    {"empty", empty},
    {NULL, NULL},
};
