/* Streams over descriptors. See descriptor_stream.h. */
#include "imports/wasi_io/descriptor_stream.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "guest/guest.h"
#include "guest/stream.h"

static struct descriptor *usable(struct descriptor *d)
{
    return d != NULL && d->kind != DESCRIPTOR_DIR ? d : NULL;
}

/* What is cached says what was ready some time ago; so the kernel is asked. */
static bool is_ready(struct descriptor *d, unsigned direction)
{
    struct guest_stream *stream = guest_stream_of(d);
    if (stream != NULL) {
        return guest_stream_is_ready(stream, direction);
    }
    if (d->always_ready) {
        return true;
    }
    struct pollfd asked = {.fd = d->fd, .events = direction == LOOP_READ ? POLLIN : POLLOUT};
    if (poll(&asked, 1, 0 /* timeout */) != 0) {
        return true;
    }
    descriptor_not_ready(d, direction);
    return false;
}

/* -- input ------------------------------------------------------------------------------------ */

/* NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes there */
static int64_t input_read(struct input_stream *stream, uint8_t *to, size_t len)
{
    struct descriptor *d = stream->source;
    struct iovec piece = {to, len};
    return d == NULL ? 0 : d->ops->read(d, &piece, 1);
}

static bool input_ready(struct input_stream *stream)
{
    struct descriptor *d = stream->source;
    return d == NULL || is_ready(d, LOOP_READ);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the ops' */
static void input_arm(struct input_stream *stream, uint64_t *deadline_ns)
{
    (void)deadline_ns; /* a descriptor wakes by itself */
    guest_wait_mark(stream->base.guest, stream->source, LOOP_READ);
}

static void input_done(struct input_stream *stream)
{
    descriptor_unref(stream->source);
    stream->source = NULL;
}

static const struct input_stream_ops input_ops = {
    .read = input_read,
    .ready = input_ready,
    .arm = input_arm,
    .done = input_done,
    .domain = IO_ERROR_FILE,
};

struct input_stream *descriptor_input_stream_new(struct guest *guest, struct descriptor *d)
{
    d = usable(d);
    struct input_stream *stream = input_stream_new(guest, &input_ops, d, NULL /* parent */);
    if (stream != NULL && d != NULL) {
        descriptor_ref(d);
    }
    return stream;
}

/* -- what is kept back ------------------------------------------------------------------------ */

enum { END_PATIENCE_MS = 5000 };

/* Of one descriptor of a guest; its key is the descriptor. There is none when nothing is kept. */
struct kept {
    struct guest_extension extension;
    struct descriptor *d; /* a reference */
    struct buffer bytes;
};

static struct kept *find_kept(struct descriptor *d)
{
    struct guest_extension *extension = guest_find_extension(d->guest, d);
    return extension != NULL ? container_of(extension, struct kept, extension) : NULL;
}

static void free_kept(struct kept *kept)
{
    descriptor_unref(kept->d);
    buffer_done(&kept->bytes);
    free(kept);
}

/* Write until it takes no more: how much it took, or a negative errno other than -EAGAIN. */
static int64_t write_what_goes(struct descriptor *d, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    int64_t n = 1;
    while (done < len && n > 0) {
        struct iovec piece = {(void *)(uintptr_t)(bytes + done), len - done}; /* only read */
        n = d->ops->write(d, &piece, 1);
        done += n > 0 ? (size_t)n : 0;
    }
    return n < 0 && n != -EAGAIN ? n : (int64_t)done;
}

static int64_t send_kept(struct kept *kept)
{
    int64_t n = write_what_goes(kept->d, kept->bytes.data, kept->bytes.len);
    if (n > 0) {
        buffer_consume(&kept->bytes, (size_t)n);
    }
    return n;
}

/* The guest's end. Only a real pipe or terminal takes less than it is given, which a guest of `hythe run`
 * alone has: as a process that ends, it waits for its reader, but not for one that has stopped. */
static void on_guest_done(struct guest_extension *extension)
{
    struct kept *kept = container_of(extension, struct kept, extension);
    struct pollfd asked = {.fd = kept->d->fd, .events = POLLOUT};
    int64_t n = send_kept(kept);
    while (n >= 0 && kept->bytes.len > 0 && asked.fd >= 0 && poll(&asked, 1, END_PATIENCE_MS) > 0) {
        n = send_kept(kept);
    }
    free_kept(kept);
}

/* Send what is kept of it: 0 when nothing is any more, -EAGAIN, or another negative errno, with which
 * it is given up. */
static int drain(struct descriptor *d)
{
    struct kept *kept = find_kept(d);
    if (kept == NULL) {
        return 0;
    }
    int64_t n = send_kept(kept);
    if (n >= 0 && kept->bytes.len > 0) {
        return -EAGAIN;
    }
    list_remove(&kept->extension.node);
    free_kept(kept);
    return n < 0 ? (int)n : 0;
}

static int add_kept(struct kept *kept, struct span bytes)
{
    int r = buffer_append(&kept->bytes, bytes);
    return r == -EMSGSIZE ? -ENOBUFS : r;
}

/* Keep bytes behind what is kept already. 0 or a negative errno: then nothing was added. */
static int keep(struct descriptor *d, struct span bytes)
{
    struct kept *kept = find_kept(d);
    if (kept != NULL) {
        return add_kept(kept, bytes);
    }
    kept = calloc(1, sizeof *kept);
    if (kept == NULL) {
        return -ENOMEM;
    }
    kept->extension.key = d;
    kept->extension.on_guest_done = on_guest_done;
    kept->d = descriptor_ref(d);
    buffer_init(&kept->bytes, DESCRIPTOR_STREAM_KEPT_MAX);
    int r = add_kept(kept, bytes);
    if (r < 0) {
        free_kept(kept);
        return r;
    }
    guest_extend(d->guest, &kept->extension);
    return 0;
}

/* -- output ----------------------------------------------------------------------------------- */

/* A pipe that is writable takes PIPE_BUF bytes at once, so that with such a permit nothing has to be
 * kept, as a rule. */
static int64_t output_room(struct output_stream *stream)
{
    struct descriptor *d = stream->source;
    if (d == NULL) {
        return IO_PERMIT_MAX;
    }
    int r = drain(d);
    if (r < 0) {
        return r;
    }
    if (!is_ready(d, LOOP_WRITE)) {
        return 0;
    }
    return d->always_ready || d->kind == DESCRIPTOR_STREAM ? IO_PERMIT_MAX : PIPE_BUF;
}

static int output_write(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct descriptor *d = stream->source;
    if (d == NULL) {
        return 0;
    }
    int r = drain(d);
    if (r < 0 && r != -EAGAIN) {
        return r;
    }
    int64_t n = r == 0 ? write_what_goes(d, bytes, len) : 0;
    if (n < 0 || (size_t)n == len) {
        return n < 0 ? (int)n : 0;
    }
    return keep(d, (struct span){bytes + n, len - (size_t)n});
}

static int64_t output_write_some(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct descriptor *d = stream->source;
    struct iovec piece = {(void *)(uintptr_t)bytes, len}; /* only read */
    if (d == NULL) {
        return (int64_t)len;
    }
    int r = drain(d);
    return r < 0 ? r : d->ops->write(d, &piece, 1);
}

static int output_flush(struct output_stream *stream)
{
    struct descriptor *d = stream->source;
    return d != NULL ? drain(d) : 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the ops' */
static void output_arm(struct output_stream *stream, uint64_t *deadline_ns)
{
    (void)deadline_ns;
    guest_wait_mark(stream->base.guest, stream->source, LOOP_WRITE);
}

static void output_done(struct output_stream *stream)
{
    descriptor_unref(stream->source);
    stream->source = NULL;
}

static const struct output_stream_ops output_ops = {
    .room = output_room,
    .write = output_write,
    .write_some = output_write_some,
    .flush = output_flush,
    .arm = output_arm,
    .done = output_done,
    .domain = IO_ERROR_FILE,
};

struct output_stream *descriptor_output_stream_new(struct guest *guest, struct descriptor *d)
{
    d = usable(d);
    struct output_stream *stream = output_stream_new(guest, &output_ops, d, NULL /* parent */);
    if (stream != NULL && d != NULL) {
        descriptor_ref(d);
    }
    return stream;
}
