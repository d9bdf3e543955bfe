/* The two streams of a TCP connection.
 *
 * Small writes are kept back and leave together, by guest_socket's rule; to flush is to send. An error
 * in sending what was kept back is the output stream's, whichever call finds it, since the input
 * stream may still have bytes to read. Dropping the output stream ends the sending side. */
#include <errno.h>

#include "guest/guest.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_sockets/tcp.h"

void tcp_note_error(struct tcp_socket *tcp)
{
    if (tcp->s->pending_error < 0) {
        tcp->write_error = guest_socket_take_error(tcp->s);
    }
}

static void release(struct tcp_socket *tcp)
{
    tcp_release(tcp);
    resource_unref(&tcp->base);
}

static void mark(struct tcp_socket *tcp, unsigned direction)
{
    guest_wait_mark(tcp->base.guest, &tcp->s->base, direction);
}

/* -- input ------------------------------------------------------------------------------------ */

/* NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes there */
static int64_t input_read(struct input_stream *stream, uint8_t *to, size_t len)
{
    struct tcp_socket *tcp = stream->source;
    const struct iovec iov = {to, len};
    if (tcp->is_shut_read) {
        return 0;
    }
    if (len == 0) {
        return -EAGAIN; /* to the kernel, nothing received would be the end */
    }
    guest_flush(tcp->base.guest);
    tcp_note_error(tcp);
    return guest_socket_recv(tcp->s, &iov, 1, 0 /* flags */, /* ret_is_truncated */ NULL);
}

static bool input_ready(struct input_stream *stream)
{
    struct tcp_socket *tcp = stream->source;
    return tcp->is_shut_read || guest_socket_is_readable(tcp->s);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the ops' */
static void input_arm(struct input_stream *stream, uint64_t *deadline_ns)
{
    (void)deadline_ns; /* there is none */
    mark(stream->source, LOOP_READ);
}

static void input_done(struct input_stream *stream)
{
    release(stream->source);
}

static const struct input_stream_ops input_ops = {
    .read = input_read,
    .ready = input_ready,
    .arm = input_arm,
    .done = input_done,
    .domain = IO_ERROR_SOCKET,
};

/* -- output ----------------------------------------------------------------------------------- */

static int64_t output_room(struct output_stream *stream)
{
    struct tcp_socket *tcp = stream->source;
    int64_t room = guest_socket_room(tcp->s);
    tcp_note_error(tcp);
    return tcp->write_error < 0 ? tcp->write_error : room;
}

static int64_t output_write_some(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct tcp_socket *tcp = stream->source;
    union {
        const uint8_t *in;
        void *out; /* the kernel only reads */
    } u = {.in = bytes};
    const struct iovec iov = {u.out, len};
    tcp_note_error(tcp);
    return tcp->write_error < 0 ? tcp->write_error : guest_socket_send(tcp->s, &iov, 1);
}

static int output_write(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    int64_t taken = output_write_some(stream, bytes, len);
    if (taken < 0) {
        return (int)taken;
    }
    /* There was room for all, but perhaps no memory for what the kernel did not take. */
    return (size_t)taken < len ? -ENOMEM : 0;
}

static int output_flush(struct output_stream *stream)
{
    struct tcp_socket *tcp = stream->source;
    struct guest_socket *s = tcp->s;
    if (!s->is_draining) { /* what is goes on by its edge */
        guest_socket_flush(s);
    }
    tcp_note_error(tcp);
    if (tcp->write_error < 0) {
        return tcp->write_error;
    }
    if (s->is_shut_write) {
        return -EPIPE;
    }
    return s->is_draining ? -EAGAIN : 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is the ops' */
static void output_arm(struct output_stream *stream, uint64_t *deadline_ns)
{
    (void)deadline_ns; /* there is none */
    mark(stream->source, LOOP_WRITE);
}

static void output_done(struct output_stream *stream)
{
    struct tcp_socket *tcp = stream->source;
    if (tcp->users > 1 && !tcp->s->is_shut_write) {
        guest_flush(tcp->base.guest);
        tcp_note_error(tcp);
        (void)guest_socket_shutdown(tcp->s, SHUT_WR); /* who could hear of an error is gone */
    }
    release(stream->source);
}

static const struct output_stream_ops output_ops = {
    .room = output_room,
    .write = output_write,
    .write_some = output_write_some,
    .flush = output_flush,
    .arm = output_arm,
    .done = output_done,
    .domain = IO_ERROR_SOCKET,
};

/* -- both ------------------------------------------------------------------------------------- */

static void add_user(struct tcp_socket *tcp)
{
    (void)resource_ref(&tcp->base);
    tcp->users++;
}

int tcp_streams_new(struct tcp_socket *tcp, struct input_stream **ret_input,
                    struct output_stream **ret_output)
{
    struct guest *guest = tcp->base.guest;
    struct input_stream *input = input_stream_new(guest, &input_ops, tcp, /* parent */ NULL);
    if (input == NULL) {
        return -ENOMEM;
    }
    add_user(tcp);
    struct output_stream *output = output_stream_new(guest, &output_ops, tcp, /* parent */ NULL);
    if (output == NULL) {
        resource_unref(&input->base);
        return -ENOMEM;
    }
    add_user(tcp);
    *ret_input = input;
    *ret_output = output;
    return 0;
}
