/* Streams on files: read-via-stream, write-via-stream, append-via-stream.
 *
 * A stream on a file that has offsets has one of its own, and never waits. What has none (a pipe, a
 * device) is read and written where it is, as stdio is. */
#include <errno.h>
#include <stdlib.h>

#include "guest/file.h"
#include "guest/guest.h"
#include "imports/wasi_filesystem/filesystem.h"
#include "imports/wasi_io/descriptor_stream.h"
#include "imports/wasi_io/io.h"

/* Where a stream stands in a file. */
struct fs_position {
    struct guest_file *f; /* a reference */
    uint64_t offset;      /* of the next byte */
    bool appends;         /* wherever the end is, instead */
};

static struct fs_position *position_new(struct guest_file *f, uint64_t offset, bool appends)
{
    struct fs_position *position = calloc(1, sizeof *position);
    if (position != NULL) {
        (void)descriptor_ref(&f->base);
        *position = (struct fs_position){.f = f, .offset = offset, .appends = appends};
    }
    return position;
}

static void position_free(struct fs_position *position)
{
    if (position != NULL) {
        descriptor_unref(&position->f->base);
        free(position);
    }
}

/* A stream on a file cannot be waited for, so it must not ask for it. */
static int64_t settle(int64_t n)
{
    return n == -EAGAIN ? -EIO : n;
}

/* -- input ------------------------------------------------------------------------------------ */

static int64_t input_read(struct input_stream *stream, uint8_t *to, size_t len)
{
    struct fs_position *position = stream->source;
    struct iovec iov = {.iov_len = len};
    iov.iov_base = to;
    int64_t n = guest_file_pread(position->f, &iov, 1, position->offset);
    if (n > 0) {
        position->offset += (uint64_t)n;
    }
    return settle(n);
}

static void input_done(struct input_stream *stream)
{
    position_free(stream->source);
    stream->source = NULL;
}

static const struct input_stream_ops input_ops = {
    .read = input_read,
    .done = input_done,
    .domain = IO_ERROR_FILE,
};

/* NULL without memory. */
static struct input_stream *input_new(struct guest *guest, struct guest_file *f, uint64_t offset)
{
    if (!f->is_seekable) {
        return descriptor_input_stream_new(guest, &f->base);
    }
    struct fs_position *position = position_new(f, offset, /* appends */ false);
    if (position == NULL) {
        return NULL;
    }
    struct input_stream *stream = input_stream_new(guest, &input_ops, position, NULL /* parent */);
    if (stream == NULL) {
        position_free(position);
    }
    return stream;
}

int32_t fs_read_via_stream(struct component_call *call)
{
    struct guest_file *f = guest_file_of(fs_self(call, 0)->d);
    if (f == NULL) {
        return fs_answer(call, -EISDIR);
    }
    int r = f->base.is_readable ? fs_may_make(call->guest) : -EBADF;
    if (r < 0) {
        return fs_answer(call, r);
    }
    struct input_stream *stream = input_new(call->guest, f, component_u64(call, 1));
    return fs_answer_resource(call, stream != NULL ? &stream->base : NULL);
}

/* -- output ----------------------------------------------------------------------------------- */

static int64_t output_room(struct output_stream *stream)
{
    (void)stream;
    return IO_PERMIT_MAX;
}

static int64_t output_write_some(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct fs_position *position = stream->source;
    struct iovec iov = {(void *)(uintptr_t)bytes, len}; /* only read */
    if (position->appends) {
        return settle(guest_file_append(position->f, &iov, 1));
    }
    int64_t n = guest_file_pwrite(position->f, &iov, 1, position->offset);
    if (n > 0) {
        position->offset += (uint64_t)n;
    }
    return settle(n);
}

static int output_write(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        int64_t n = output_write_some(stream, bytes + done, len - done);
        if (n <= 0) {
            return n < 0 ? (int)n : -EIO;
        }
        done += (size_t)n;
    }
    return 0;
}

static void output_done(struct output_stream *stream)
{
    position_free(stream->source);
    stream->source = NULL;
}

static const struct output_stream_ops output_ops = {
    .room = output_room,
    .write = output_write,
    .done = output_done,
    .domain = IO_ERROR_FILE,
};

/* NULL without memory. */
static struct output_stream *output_new(struct guest *guest, struct guest_file *f, uint64_t offset,
                                        bool appends)
{
    if (!f->is_seekable) {
        return descriptor_output_stream_new(guest, &f->base);
    }
    struct fs_position *position = position_new(f, offset, appends);
    if (position == NULL) {
        return NULL;
    }
    struct output_stream *stream =
        output_stream_new(guest, &output_ops, position, NULL /* parent */);
    if (stream == NULL) {
        position_free(position);
    }
    return stream;
}

static int32_t output_via_stream(struct component_call *call, uint64_t offset, bool appends)
{
    struct guest_file *f = NULL;
    int r = fs_file(call, 0, &f);
    if (r == 0) {
        r = fs_check_writable(f);
    }
    if (r == 0) {
        r = fs_may_make(call->guest);
    }
    if (r < 0) {
        return fs_answer(call, r);
    }
    struct output_stream *stream = output_new(call->guest, f, offset, appends);
    return fs_answer_resource(call, stream != NULL ? &stream->base : NULL);
}

int32_t fs_write_via_stream(struct component_call *call)
{
    return output_via_stream(call, component_u64(call, 1), /* appends */ false);
}

int32_t fs_append_via_stream(struct component_call *call)
{
    return output_via_stream(call, 0 /* offset */, /* appends */ true);
}

/* -- errors of streams ------------------------------------------------------------------------ */

int32_t fs_filesystem_error_code(struct component_call *call)
{
    const struct io_error *error = COMPONENT_SELF(call, 0, struct io_error, &io_error_kind);
    if (error->domain == IO_ERROR_FILE) {
        call->results[0].number = 1;
        call->results[1].number = fs_error_from(error->code);
    }
    return 0;
}
