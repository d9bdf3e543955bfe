/* wasi:io/streams, output-stream: permits, writing and flushing.
 *
 * A blocking write, on its happy path:
 *   1. as much as the source takes is handed to it straight from the guest's memory
 *   2. it takes no more: the guest is parked until it might, and `written` says where to go on
 *   3. it has everything: it is asked to flush, with the guest parked until it has */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "imports/wasi_io/streams.h"

enum { BLOCKING_WRITE_MAX = 4096 /* by the interface's text */ };

static const uint8_t zeroes[BLOCKING_WRITE_MAX];

/* -- the resource ----------------------------------------------------------------------------- */

/* As an input stream's: see there. */
static void let_go(struct output_stream *stream)
{
    const struct output_stream_ops *ops = stream->ops;
    struct resource *parent = stream->parent;
    stream->is_over = true;
    stream->ops = NULL;
    stream->parent = NULL;
    if (ops != NULL && ops->done != NULL) {
        ops->done(stream);
    }
    stream_drop_parent(parent);
}

static void output_dropped(struct resource *resource)
{
    let_go(container_of(resource, struct output_stream, base));
}

static void output_free(struct resource *resource)
{
    struct output_stream *stream = container_of(resource, struct output_stream, base);
    let_go(stream);
    free(stream);
}

const struct resource_kind output_stream_kind = {
    .name = "output-stream", .dropped = output_dropped, .free = output_free};

struct output_stream *output_stream_new(struct guest *guest, const struct output_stream_ops *ops,
                                        void *source, struct resource *parent)
{
    struct output_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    resource_init(&stream->base, guest, &output_stream_kind);
    stream->ops = ops;
    stream->source = source;
    stream->parent = stream_take_parent(parent);
    return stream;
}

static struct output_stream *self(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct output_stream, &output_stream_kind);
}

/* -- its source ------------------------------------------------------------------------------- */

/* Go on with a flush that is under way. 0 when none is any more, -EAGAIN, or another negative errno. */
static int go_on_flushing(struct output_stream *stream)
{
    if (!stream->is_flushing) {
        return 0;
    }
    int r = stream->ops->flush(stream);
    stream->is_flushing = r == -EAGAIN;
    return r;
}

int64_t output_stream_room(struct output_stream *stream)
{
    if (stream->failure < 0) {
        return stream->failure;
    }
    int64_t room = go_on_flushing(stream);
    if (room == 0) {
        room = stream->ops->room(stream);
    }
    if (room == -EAGAIN) {
        return 0;
    }
    return room < IO_PERMIT_MAX ? room : IO_PERMIT_MAX;
}

int32_t output_stream_over(struct component_call *call, struct output_stream *stream,
                           int64_t result)
{
    assert(result < 0 && result != -EAGAIN);
    stream->is_over = true;
    return result == -EPIPE ? stream_closed(call)
                            : stream_failed(call, stream->ops->domain, (int)result);
}

int32_t output_stream_wait(struct component_call *call, struct output_stream *stream)
{
    uint64_t deadline_ns = UINT64_MAX;
    if (stream->ops->arm != NULL) {
        stream->ops->arm(stream, &deadline_ns);
    }
    return component_wait(call, deadline_ns);
}

/* -- writing what is permitted ---------------------------------------------------------------- */

int32_t output_stream_check_write(struct component_call *call)
{
    struct output_stream *stream = self(call);
    if (stream->is_over) {
        return stream_closed(call);
    }
    int64_t room = output_stream_room(stream);
    if (room < 0) {
        return output_stream_over(call, stream, room);
    }
    stream->permit = (uint64_t)room;
    return component_ok(call, (uint64_t)room);
}

/* Use some of the permit up. CALL_TRAP when there is not so much left. */
static int32_t use_permit(struct component_call *call, struct output_stream *stream, uint64_t len)
{
    if (len > stream->permit) {
        return component_trap(call, "%llu bytes, of %llu that check-write permitted",
                              (unsigned long long)len, (unsigned long long)stream->permit);
    }
    stream->permit -= len;
    return 0;
}

static int write_zeroes(struct output_stream *stream, uint64_t len)
{
    int r = 0;
    while (len > 0 && r == 0) {
        size_t part = len < sizeof zeroes ? (size_t)len : sizeof zeroes;
        r = stream->ops->write(stream, zeroes, part);
        len -= part;
    }
    return r;
}

/* Either of both writes; `bytes` NULL for zeroes. */
static int32_t write_permitted(struct component_call *call, const uint8_t *bytes, uint64_t len)
{
    struct output_stream *stream = self(call);
    if (stream->is_over) {
        return stream_closed(call);
    }
    int32_t answer = use_permit(call, stream, len);
    if (answer != 0) {
        return answer;
    }
    int r = stream->failure;
    if (r == 0 && len > 0) {
        r = bytes != NULL ? stream->ops->write(stream, bytes, (size_t)len)
                          : write_zeroes(stream, len);
    }
    return r < 0 ? output_stream_over(call, stream, r) : component_ok(call, 0);
}

int32_t output_stream_write(struct component_call *call)
{
    struct span contents = component_bytes(call, 1);
    return write_permitted(call, contents.data, contents.len);
}

int32_t output_stream_write_zeroes(struct component_call *call)
{
    return write_permitted(call, NULL /* bytes */, component_u64(call, 1));
}

/* -- flushing --------------------------------------------------------------------------------- */

/* Ask for a flush, or after the one under way. 0, -EAGAIN while it goes on, or a negative errno. */
static int begin_flush(struct output_stream *stream)
{
    if (stream->failure < 0 || stream->ops->flush == NULL) {
        return stream->failure;
    }
    int r = stream->ops->flush(stream);
    stream->is_flushing = r == -EAGAIN;
    return r;
}

int32_t output_stream_flush(struct component_call *call)
{
    struct output_stream *stream = self(call);
    if (stream->is_over) {
        return stream_closed(call);
    }
    int r = begin_flush(stream);
    if (r == -EAGAIN) {
        stream->permit = 0;
        return component_ok(call, 0);
    }
    return r < 0 ? output_stream_over(call, stream, r) : component_ok(call, 0);
}

/* The end of what blocks. */
static int32_t flush_or_wait(struct component_call *call, struct output_stream *stream)
{
    int r = begin_flush(stream);
    if (r == -EAGAIN) {
        return output_stream_wait(call, stream);
    }
    return r < 0 ? output_stream_over(call, stream, r) : component_ok(call, 0);
}

int32_t output_stream_blocking_flush(struct component_call *call)
{
    struct output_stream *stream = self(call);
    return stream->is_over ? stream_closed(call) : flush_or_wait(call, stream);
}

/* -- blocking writes -------------------------------------------------------------------------- */

/* For sources that cannot take bytes from a parked guest: as much as they have room for. */
static int64_t write_by_room(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    int64_t room = stream->ops->room(stream);
    if (room <= 0) {
        return room == 0 ? -EAGAIN : room;
    }
    size_t part = (uint64_t)room < len ? (size_t)room : len;
    int r = stream->ops->write(stream, bytes, part);
    return r < 0 ? r : (int64_t)part;
}

/* Hand over all that is left: 0, -EAGAIN, or another negative errno. */
static int64_t write_rest(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    if (stream->failure < 0) {
        return stream->failure;
    }
    int64_t n = go_on_flushing(stream);
    while (n >= 0 && stream->written < len) {
        const uint8_t *rest = bytes + stream->written;
        size_t rest_len = len - (size_t)stream->written;
        n = stream->ops->write_some != NULL ? stream->ops->write_some(stream, rest, rest_len)
                                            : write_by_room(stream, rest, rest_len);
        if (n == 0) {
            n = -EAGAIN;
        }
        stream->written += n > 0 ? (uint64_t)n : 0;
    }
    return n < 0 ? n : 0;
}

static int32_t write_or_wait(struct component_call *call, const uint8_t *bytes, size_t len)
{
    struct output_stream *stream = self(call);
    if (stream->is_over) {
        return stream_closed(call);
    }
    if (stream->written < len || stream->is_flushing) {
        int64_t r = write_rest(stream, bytes, len);
        if (r == -EAGAIN) {
            return output_stream_wait(call, stream);
        }
        if (r < 0) {
            return output_stream_over(call, stream, r);
        }
    }
    return flush_or_wait(call, stream);
}

/* Begin either of both; `bytes` holds at least BLOCKING_WRITE_MAX unless it is too long. */
static int32_t begin_write(struct component_call *call, const uint8_t *bytes, uint64_t len)
{
    struct output_stream *stream = self(call);
    if (len > BLOCKING_WRITE_MAX) {
        return component_trap(call, "%llu bytes, of %d that one call may write",
                              (unsigned long long)len, BLOCKING_WRITE_MAX);
    }
    stream->written = 0;
    stream->permit = 0;
    return write_or_wait(call, bytes, (size_t)len);
}

int32_t output_stream_blocking_write(struct component_call *call)
{
    struct span contents = component_bytes(call, 1);
    return begin_write(call, contents.data, contents.len);
}

int32_t output_stream_blocking_write_finish(struct component_call *call)
{
    struct span contents = component_bytes(call, 1);
    return write_or_wait(call, contents.data, contents.len);
}

int32_t output_stream_blocking_write_zeroes(struct component_call *call)
{
    return begin_write(call, zeroes, component_u64(call, 1));
}

int32_t output_stream_blocking_write_zeroes_finish(struct component_call *call)
{
    return write_or_wait(call, zeroes, (size_t)component_u64(call, 1));
}

/* -- waiting ---------------------------------------------------------------------------------- */

static struct output_stream *source_of(const struct pollable *pollable)
{
    return container_of(pollable->source, struct output_stream, base);
}

/* A failure that is found here is kept for the operation that the guest comes with next. */
static bool pollable_ready(struct pollable *pollable)
{
    struct output_stream *stream = source_of(pollable);
    if (stream->is_over) {
        return true;
    }
    int64_t room = output_stream_room(stream);
    if (room < 0) {
        stream->failure = (int)room;
    }
    return room != 0;
}

static void pollable_arm(struct pollable *pollable, uint64_t *deadline_ns)
{
    struct output_stream *stream = source_of(pollable);
    if (!stream->is_over && stream->ops->arm != NULL) {
        stream->ops->arm(stream, deadline_ns);
    }
}

static const struct pollable_ops pollable_ops = {.ready = pollable_ready, .arm = pollable_arm};

int32_t output_stream_subscribe(struct component_call *call)
{
    return pollable_give(call, 0, &pollable_ops, &self(call)->base);
}
