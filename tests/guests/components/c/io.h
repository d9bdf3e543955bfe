#ifndef GUESTS_IO_H
#define GUESTS_IO_H

/* Streams and polls of wasi:io under shorter names. */

#include "text.h"

typedef wasi_io_streams_own_input_stream_t own_input;
typedef wasi_io_streams_own_output_stream_t own_output;
typedef wasi_io_streams_borrow_input_stream_t input;
typedef wasi_io_streams_borrow_output_stream_t output;
typedef wasi_io_streams_stream_error_t stream_error;
typedef wasi_io_poll_own_pollable_t own_pollable;

enum {
    BLOCKING_WRITE_MAX = 4096, /* wasi:io: what blocking-write-and-flush takes at most. */
};

/* Blocks on the pollable and drops it. */
void wait_on(own_pollable pollable);
/* One round of poll over all of `list`; sets `ready[i]`. */
void wait_on_any(const own_pollable *list, bool *ready, size_t count);
void sleep_ms(uint64_t ms);

/*
 * Writes all by check-write and write, as the permits come. False when the stream fails, which is
 * then told in *err, or when the other end has closed it.
 */
bool write_all(own_output stream, const void *bytes, size_t len, stream_error *err);
/* The same for what fits now; sets *ret_len. */
bool write_some(own_output stream, const void *bytes, size_t len, size_t *ret_len,
                stream_error *err);
/* Flushes and waits for it. */
bool flush_all(own_output stream, stream_error *err);

/*
 * A line on the guest's stderr, for what the client cannot be told any more. Shortened to what one
 * call may take.
 */
__attribute__((format(printf, 1, 2))) void note(const char *format, ...);

/* The same onto stdout, whole. */
void print_text(const struct text *text);

#endif
