/* wasi:io/streams, input-stream: reading and skipping. */
#include <errno.h>
#include <stdlib.h>

#include "imports/wasi_io/streams.h"

/* -- the resource ----------------------------------------------------------------------------- */

/* Let go of the source and the parent, once. From then on the stream is closed, and ready for whoever
 * still holds a pollable of it. */
static void let_go(struct input_stream *stream)
{
    const struct input_stream_ops *ops = stream->ops;
    struct resource *parent = stream->parent;
    stream->is_over = true;
    stream->ops = NULL;
    stream->parent = NULL;
    if (ops != NULL && ops->done != NULL) {
        ops->done(stream);
    }
    stream_drop_parent(parent);
}

static void input_dropped(struct resource *resource)
{
    let_go(container_of(resource, struct input_stream, base));
}

static void input_free(struct resource *resource)
{
    struct input_stream *stream = container_of(resource, struct input_stream, base);
    let_go(stream);
    free(stream);
}

const struct resource_kind input_stream_kind = {
    .name = "input-stream", .dropped = input_dropped, .free = input_free};

struct input_stream *input_stream_new(struct guest *guest, const struct input_stream_ops *ops,
                                      void *source, struct resource *parent)
{
    struct input_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    resource_init(&stream->base, guest, &input_stream_kind);
    stream->ops = ops;
    stream->source = source;
    stream->parent = stream_take_parent(parent);
    return stream;
}

static struct input_stream *self(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct input_stream, &input_stream_kind);
}

/* -- its source ------------------------------------------------------------------------------- */

int64_t input_stream_pull(struct input_stream *stream, uint8_t *to, size_t len)
{
    int64_t n = stream->ops->read(stream, to, len);
    stream->is_over = n <= 0 && n != -EAGAIN;
    return n;
}

int32_t input_stream_over(struct component_call *call, const struct input_stream *stream,
                          int64_t result)
{
    return result == 0 ? stream_closed(call)
                       : stream_failed(call, stream->ops->domain, (int)result);
}

bool input_stream_is_ready(struct input_stream *stream)
{
    return stream->is_over || stream->ops->ready == NULL || stream->ops->ready(stream);
}

int32_t input_stream_wait(struct component_call *call, struct input_stream *stream)
{
    uint64_t deadline_ns = UINT64_MAX;
    if (stream->ops->arm != NULL) {
        stream->ops->arm(stream, &deadline_ns);
    }
    return component_wait(call, deadline_ns);
}

/* -- reading ---------------------------------------------------------------------------------- */

/* What was read goes to `ret_bytes`, for the caller to answer with in its form. The function's answer
 * is given already if it is not 0, or if the stream has ended. */
static int32_t take(struct component_call *call, bool may_wait, struct span *ret_bytes)
{
    struct input_stream *stream = self(call);
    uint64_t wanted = component_u64(call, 1);
    size_t len = wanted < IO_READ_MAX ? (size_t)wanted : IO_READ_MAX;
    if (stream->is_over) {
        return stream_closed(call);
    }
    if (len == 0) {
        return may_wait && !input_stream_is_ready(stream) ? input_stream_wait(call, stream) : 0;
    }
    uint8_t *to = component_scratch(call, len);
    if (to == NULL) {
        return component_trap(call, "out of memory");
    }
    int64_t n = input_stream_pull(stream, to, len);
    if (n == -EAGAIN) {
        return may_wait ? input_stream_wait(call, stream) : 0;
    }
    if (n <= 0) {
        return input_stream_over(call, stream, n);
    }
    *ret_bytes = (struct span){to, (size_t)n};
    return 0;
}

static bool has_failed(const struct component_call *call)
{
    return call->results[0].number != 0;
}

static int32_t answer_bytes(struct component_call *call, bool may_wait)
{
    struct span bytes = {NULL, 0};
    int32_t answer = take(call, may_wait, &bytes);
    if (answer == 0 && !has_failed(call)) {
        call->results[1].bytes = bytes;
    }
    return answer;
}

static int32_t answer_count(struct component_call *call, bool may_wait)
{
    struct span bytes = {NULL, 0};
    int32_t answer = take(call, may_wait, &bytes);
    if (answer == 0 && !has_failed(call)) {
        call->results[1].number = bytes.len;
    }
    return answer;
}

int32_t input_stream_read(struct component_call *call)
{
    return answer_bytes(call, false /* may_wait */);
}

int32_t input_stream_blocking_read(struct component_call *call)
{
    return answer_bytes(call, true /* may_wait */);
}

int32_t input_stream_skip(struct component_call *call)
{
    return answer_count(call, false /* may_wait */);
}

int32_t input_stream_blocking_skip(struct component_call *call)
{
    return answer_count(call, true /* may_wait */);
}

/* -- waiting ---------------------------------------------------------------------------------- */

static struct input_stream *source_of(const struct pollable *pollable)
{
    return container_of(pollable->source, struct input_stream, base);
}

static bool pollable_ready(struct pollable *pollable)
{
    return input_stream_is_ready(source_of(pollable));
}

static void pollable_arm(struct pollable *pollable, uint64_t *deadline_ns)
{
    struct input_stream *stream = source_of(pollable);
    if (!stream->is_over && stream->ops->arm != NULL) {
        stream->ops->arm(stream, deadline_ns);
    }
}

static const struct pollable_ops pollable_ops = {.ready = pollable_ready, .arm = pollable_arm};

int32_t input_stream_subscribe(struct component_call *call)
{
    return pollable_give(call, 0, &pollable_ops, &self(call)->base);
}
