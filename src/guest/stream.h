/* A guest's descriptor behind which stands no descriptor of the host but two functions: how a
 * handler feeds a guest's stdin and takes its stdout. preview1's fd_read, fd_write and poll_oneoff
 * work on it as on a pipe.
 *
 * Two own it: the guest's table, by the descriptor's reference, and the handler, until it calls
 * guest_stream_detach; whichever comes last frees it. */
#ifndef HYTHE_GUEST_STREAM_H
#define HYTHE_GUEST_STREAM_H

#include <stdint.h>
#include <sys/uio.h>

#include "guest/descriptor.h"

struct guest;
struct guest_stream;

/* read and write return the number of bytes, -EAGAIN when the guest has to wait for
 * guest_stream_ready, or another negative errno; read gives 0 at the end. They run inside the
 * guest's call: they may copy to and from the pieces, and must not run a guest or call back into
 * its handler. NULL: the descriptor is not open for that. */
struct guest_stream_ops {
    int64_t (*read)(void *context, const struct iovec *pieces, int count);
    int64_t (*write)(void *context, const struct iovec *pieces, int count);

    /* Which of LOOP_READ and LOOP_WRITE would not give -EAGAIN now, for poll_oneoff. NULL: what the
     * last operation and guest_stream_ready said is believed, so a guest that has just read all
     * there was may be told that there is more. */
    unsigned (*poll)(void *context);

    /* The guest has closed its last number for it, or has ended; not called once detached. As
     * above, it must not call back into its handler. NULL: nobody needs to know. */
    void (*closed)(void *context);
};

/* Make one with one reference; put it into the guest's table. It is ready until an operation
 * answers -EAGAIN. 0 or -ENOMEM. */
int guest_stream_new(struct guest *guest, const struct guest_stream_ops *ops, void *context,
                     struct guest_stream **ret_stream);

/* The descriptor, for fd_table_insert. */
struct descriptor *guest_stream_descriptor(struct guest_stream *stream);

/* `events` (LOOP_READ, LOOP_WRITE) may now succeed: wakes a guest that waits for them. From a loop
 * callback only, never from within the guest's call. */
void guest_stream_ready(struct guest_stream *stream, unsigned events);

/* The context goes away: every later operation fails with -EPIPE, or reads the end, and a guest that
 * waits for one is woken. The handler calls it exactly once, before or after the guest's end, and
 * forgets the stream. As guest_stream_ready, from a loop callback only. NULL is fine. */
void guest_stream_detach(struct guest_stream *stream);

/* Borrow the stream behind a descriptor, or NULL when it is of another kind. */
struct guest_stream *guest_stream_of(struct descriptor *d);

/* For poll.c: is `direction` ready, as far as its handler knows? */
bool guest_stream_is_ready(struct guest_stream *stream, unsigned direction);

#endif
