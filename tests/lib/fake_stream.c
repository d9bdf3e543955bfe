/* See fake_stream.h. */
#include "fake_stream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static size_t source_left(const struct fake_source *source)
{
    return source->len > 0 || source->text == NULL ? source->len : strlen(source->text);
}

static int64_t source_read(struct input_stream *stream, uint8_t *to, size_t len)
{
    struct fake_source *source = stream->source;
    size_t left = source_left(source);
    size_t part = left < len ? left : len;
    source->reads++;
    assert_true(len > 0);
    if (left == 0) {
        return source->then;
    }
    memcpy(to, source->text, part);
    source->text = part < left ? source->text + part : NULL;
    source->len = left - part;
    return (int64_t)part;
}

static bool source_ready(struct input_stream *stream)
{
    const struct fake_source *source = stream->source;
    return source_left(source) > 0 || source->then != -EAGAIN;
}

static void source_done(struct input_stream *stream)
{
    ((struct fake_source *)stream->source)->dones++;
}

static const struct input_stream_ops source_ops = {
    .read = source_read, .ready = source_ready, .done = source_done, .domain = IO_ERROR_FILE};

static int64_t sink_room(struct output_stream *stream)
{
    struct fake_sink *sink = stream->source;
    sink->rooms++;
    return sink->error < 0 ? sink->error : (int64_t)sink->room;
}

static void take(struct fake_sink *sink, const uint8_t *bytes, size_t len)
{
    assert_true(len <= sink->room);
    assert_true(sink->taken_len + len <= sizeof sink->taken);
    memcpy(sink->taken + sink->taken_len, bytes, len);
    sink->taken_len += len;
    sink->room -= len;
}

static int sink_write(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct fake_sink *sink = stream->source;
    sink->writes++;
    if (sink->error == 0) {
        take(sink, bytes, len);
    }
    return (int)sink->error;
}

static int64_t sink_write_some(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct fake_sink *sink = stream->source;
    size_t part = len < sink->room ? len : sink->room;
    sink->partials++;
    if (sink->error < 0) {
        return sink->error;
    }
    take(sink, bytes, part);
    return part > 0 ? (int64_t)part : -EAGAIN;
}

static int sink_flush(struct output_stream *stream)
{
    struct fake_sink *sink = stream->source;
    sink->flushes++;
    return sink->flush;
}

static void sink_done(struct output_stream *stream)
{
    ((struct fake_sink *)stream->source)->dones++;
}

static const struct output_stream_ops sink_ops = {.room = sink_room,
                                                  .write = sink_write,
                                                  .flush = sink_flush,
                                                  .done = sink_done,
                                                  .domain = IO_ERROR_FILE};

static const struct output_stream_ops some_ops = {.room = sink_room,
                                                  .write = sink_write,
                                                  .write_some = sink_write_some,
                                                  .flush = sink_flush,
                                                  .done = sink_done,
                                                  .domain = IO_ERROR_FILE};

uint32_t fake_source_give(struct fake_component *f, struct fake_source *source)
{
    uint32_t rep = 0;
    struct input_stream *stream = input_stream_new(&f->guest, &source_ops, source, NULL);
    assert_non_null(stream);
    assert_int_equal(resource_add(&stream->base, &rep), 0);
    return rep;
}

uint32_t fake_sink_give(struct fake_component *f, struct fake_sink *sink, bool with_some)
{
    uint32_t rep = 0;
    struct output_stream *stream =
        output_stream_new(&f->guest, with_some ? &some_ops : &sink_ops, sink, NULL);
    assert_non_null(stream);
    assert_int_equal(resource_add(&stream->base, &rep), 0);
    return rep;
}

static void on_due(struct loop_timer *timer)
{
    struct fake_change *change = container_of(timer, struct fake_change, timer);
    change->change(change);
    guest_wake(&change->f->guest);
}

void fake_change_start(struct fake_component *f, struct fake_change *change,
                       void (*on_change)(struct fake_change *), void *data)
{
    enum { SOON_NS = 2000000 };
    *change = (struct fake_change){.f = f, .change = on_change, .data = data};
    assert_int_equal(loop_timer_start(f->loop, &change->timer, loop_clock_ns() + SOON_NS, on_due),
                     0);
}

void expect_ok(const struct fake_component *f, uint64_t number)
{
    assert_int_equal(f->results[0].number, 0);
    assert_int_equal(f->results[1].number, number);
}

void expect_bytes(const struct fake_component *f, const char *text)
{
    assert_int_equal(f->results[0].number, 0);
    assert_int_equal(f->results[1].bytes.len, strlen(text));
    if (text[0] != '\0') {
        assert_memory_equal(f->results[1].bytes.data, text, strlen(text));
    }
}

uint32_t expect_failed(const struct fake_component *f)
{
    assert_int_equal(f->results[0].number, 1);
    assert_int_equal(f->results[1].number, 0);
    assert_true(f->results[2].number > 0);
    return (uint32_t)f->results[2].number;
}

void expect_error_text(struct fake_component *f, uint32_t rep, const char *text)
{
    assert_int_equal(
        component_fake_call(f, &wasi_io_error, "[method]error.to-debug-string", NUMBER(rep)), 0);
    assert_true(span_is(f->results[0].bytes, text));
    assert_int_equal(fake_component_drop(f, &wasi_io_error, "error", rep), 0);
}
