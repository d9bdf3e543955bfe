/* Descriptors made of two functions. See stream.h.
 *
 * Failure modes: the handler goes first (detached: the guest reads the end, and writes fail as to a
 * pipe without a reader), or the guest does (closed: what the handler says comes to nothing). */
#include "guest/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/container.h"
#include "guest/guest.h"

struct guest_stream {
    struct descriptor base; /* first */
    struct guest_stream_ops ops;
    void *context; /* borrowed; not used once detached */
    bool is_detached;
    bool is_closed;
};

static struct guest_stream *stream_of(struct descriptor *d)
{
    return container_of(d, struct guest_stream, base);
}

static int64_t stream_read(struct descriptor *d, const struct iovec *iov, int count)
{
    struct guest_stream *stream = stream_of(d);
    if (!d->is_readable) {
        return -EBADF;
    }
    if (stream->is_detached) {
        return 0;
    }
    int64_t n = stream->ops.read(stream->context, iov, count);
    if (n == -EAGAIN) {
        descriptor_not_ready(d, LOOP_READ);
    }
    return n;
}

static int64_t stream_write(struct descriptor *d, const struct iovec *iov, int count)
{
    struct guest_stream *stream = stream_of(d);
    if (!d->is_writable) {
        return -EBADF;
    }
    if (stream->is_detached) {
        return -EPIPE;
    }
    d->write_news = true;
    int64_t n = stream->ops.write(stream->context, iov, count);
    if (n == -EAGAIN) {
        descriptor_not_ready(d, LOOP_WRITE);
    }
    return n;
}

static int stream_set_flags(struct descriptor *d, uint16_t fdflags)
{
    assert((fdflags & ~FDFLAG_ALL) == 0);
    if (((fdflags ^ d->fdflags) & (FDFLAG_SYNC | FDFLAG_DSYNC | FDFLAG_RSYNC)) != 0) {
        return -EINVAL; /* as a pipe's, which Linux cannot change after open */
    }
    d->fdflags = fdflags;
    return 0;
}

static void stream_close(struct descriptor *d)
{
    struct guest_stream *stream = stream_of(d);
    stream->is_closed = true;
    if (stream->is_detached) {
        free(stream);
    } else if (stream->ops.closed != NULL) {
        stream->ops.closed(stream->context);
    }
}

static const struct descriptor_ops stream_descriptor_ops = {
    .read = stream_read,
    .write = stream_write,
    .set_flags = stream_set_flags,
    .close = stream_close,
};

int guest_stream_new(struct guest *guest, const struct guest_stream_ops *ops, void *context,
                     struct guest_stream **ret_stream)
{
    struct guest_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return -ENOMEM;
    }
    struct descriptor *d = &stream->base;
    descriptor_init(d, guest, DESCRIPTOR_STREAM, &stream_descriptor_ops, -1 /* fd */);
    d->filetype = FILETYPE_UNKNOWN; /* a pipe's */
    d->is_readable = ops->read != NULL;
    d->is_writable = ops->write != NULL;
    d->ready = LOOP_READ | LOOP_WRITE;
    stream->ops = *ops;
    stream->context = context;
    *ret_stream = stream;
    return 0;
}

struct descriptor *guest_stream_descriptor(struct guest_stream *stream)
{
    return &stream->base;
}

struct guest_stream *guest_stream_of(struct descriptor *d)
{
    return d->kind == DESCRIPTOR_STREAM ? stream_of(d) : NULL;
}

bool guest_stream_is_ready(struct guest_stream *stream, unsigned direction)
{
    struct descriptor *d = &stream->base;
    if ((d->ready & direction) == 0 || stream->is_detached || stream->ops.poll == NULL) {
        return (d->ready & direction) != 0;
    }
    if ((stream->ops.poll(stream->context) & direction) == 0) {
        descriptor_not_ready(d, direction);
        return false;
    }
    return true;
}

void guest_stream_ready(struct guest_stream *stream, unsigned events)
{
    if (!stream->is_closed) {
        descriptor_on_ready(&stream->base, events);
    }
}

void guest_stream_detach(struct guest_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    assert(!stream->is_detached);
    if (stream->is_closed) {
        free(stream);
        return;
    }
    stream->is_detached = true;
    descriptor_on_ready(&stream->base, LOOP_READ | LOOP_WRITE | LOOP_HANGUP | LOOP_CLOSED);
}
