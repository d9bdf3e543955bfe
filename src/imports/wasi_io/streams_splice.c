/* wasi:io/streams, splice: from one stream to another. No more is read than the other side has just
 * permitted, so that nothing which was read can be lost. */
#include <errno.h>

#include "imports/wasi_io/streams.h"

static struct output_stream *to_stream(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct output_stream, &output_stream_kind);
}

static struct input_stream *from_stream(const struct component_call *call)
{
    return COMPONENT_SELF(call, 1, struct input_stream, &input_stream_kind);
}

/* There is room for `room` bytes. */
static int32_t move(struct component_call *call, uint64_t room, bool may_wait)
{
    struct output_stream *to = to_stream(call);
    struct input_stream *from = from_stream(call);
    uint64_t len = component_u64(call, 2);
    len = len < room ? len : room;
    if (from->is_over) {
        return stream_closed(call);
    }
    if (len == 0) {
        return component_ok(call, 0);
    }
    if (may_wait && !input_stream_is_ready(from)) {
        return input_stream_wait(call, from);
    }
    len = len < IO_READ_MAX ? len : IO_READ_MAX;
    uint8_t *bytes = component_scratch(call, (size_t)len);
    if (bytes == NULL) {
        return component_trap(call, "out of memory");
    }
    int64_t n = input_stream_pull(from, bytes, (size_t)len);
    if (n == -EAGAIN) {
        return may_wait ? input_stream_wait(call, from) : component_ok(call, 0);
    }
    if (n <= 0) {
        return input_stream_over(call, from, n);
    }
    to->permit = room - (uint64_t)n;
    int r = to->ops->write(to, bytes, (size_t)n);
    return r < 0 ? output_stream_over(call, to, r) : component_ok(call, (uint64_t)n);
}

static int32_t splice(struct component_call *call, bool may_wait)
{
    struct output_stream *to = to_stream(call);
    if (to->is_over) {
        return stream_closed(call);
    }
    int64_t room = output_stream_room(to);
    if (room < 0) {
        return output_stream_over(call, to, room);
    }
    to->permit = (uint64_t)room;
    if (room == 0) {
        return may_wait ? output_stream_wait(call, to) : component_ok(call, 0);
    }
    return move(call, (uint64_t)room, may_wait);
}

int32_t output_stream_splice(struct component_call *call)
{
    return splice(call, false /* may_wait */);
}

int32_t output_stream_blocking_splice(struct component_call *call)
{
    return splice(call, true /* may_wait */);
}
