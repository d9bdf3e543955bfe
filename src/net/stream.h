/* A connected byte stream: a socket, plain or inside TLS. Reads and writes go straight to the
 * caller's memory. */
#ifndef HYTHE_NET_STREAM_H
#define HYTHE_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "loop/loop.h"

struct tls_session;

enum { NET_STREAM_PIECES_MAX = 16 };

struct net_stream {
    int fd;           /* owned; -1 while closed */
    bool is_readable; /* the kernel said so and no read has said otherwise */
    bool is_writable;
    bool is_ending;          /* the peer's end, or an error, waits behind what can be read */
    struct loop_io io;       /* started by whoever owns the stream */
    struct tls_session *tls; /* owned; NULL: plain */
};

/* Take over a connected, non-blocking socket. */
void net_stream_init(struct net_stream *stream, int fd);

/* Note what an edge said: whoever owns the stream calls this first with the `events` of its `io`.
 * Then is_readable and is_writable, which reads and writes take back, say what is worth trying;
 * both functions try when called, whatever they say. */
void net_stream_note(struct net_stream *stream, unsigned events);

/* Read up to `len` bytes, at least 1. Their number; 0 at the peer's end; -EAGAIN when nothing is
 * there yet (the next edge says when); or another negative errno, such as -EIO for a TLS stream
 * that was cut off: it ended without close_notify. */
int64_t net_stream_read(struct net_stream *stream, uint8_t *to, size_t len);

/* Write what can be written of `count` pieces, 16 at most. The number of bytes; -EAGAIN; or another
 * negative errno, -EPIPE when the peer has gone. Inside TLS the bytes that follow must be the ones
 * that were offered here and not taken: one of them may be sealed in a record already. */
int64_t net_stream_write(struct net_stream *stream, const struct iovec *pieces, int count);

/* Bytes that TLS has decrypted and nobody has read: no edge will tell of them. */
bool net_stream_has_pending(const struct net_stream *stream);

/* Say that we send no more: close_notify inside TLS, then the socket's. */
void net_stream_shutdown(struct net_stream *stream);

/* Stop the watch, close, release. With `reset` the peer gets a RST instead of an orderly end; and
 * inside TLS only a shutdown before makes it one. Harmless on a closed one. */
void net_stream_close(struct net_stream *stream, bool reset);

#endif
