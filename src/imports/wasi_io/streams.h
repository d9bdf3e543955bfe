/* What the files of wasi:io/streams share. */
#ifndef HYTHE_IMPORTS_WASI_IO_STREAMS_H
#define HYTHE_IMPORTS_WASI_IO_STREAMS_H

#include "imports/wasi_io/io.h"

/* The cases of stream-error. */
enum stream_error { STREAM_LAST_OPERATION_FAILED, STREAM_CLOSED };

/* A stream's hold on what it was made from: a reference, and being one of its children. NULL is fine. */
struct resource *stream_take_parent(struct resource *parent);
void stream_drop_parent(struct resource *parent);

/* Answer with the error `closed`. */
int32_t stream_closed(struct component_call *call);

/* Answer with last-operation-failed and an error that has `code`. */
int32_t stream_failed(struct component_call *call, enum io_error_domain domain, int code);

/* Read from the source: their number; -EAGAIN; or 0 at the end or another negative errno, after both
 * of which the stream is over and input_stream_over has to answer. */
int64_t input_stream_pull(struct input_stream *stream, uint8_t *to, size_t len);
int32_t input_stream_over(struct component_call *call, const struct input_stream *stream,
                          int64_t result);

/* Would a read, of whatever size, answer at once? */
bool input_stream_is_ready(struct input_stream *stream);

/* Park the guest until it might. */
int32_t input_stream_wait(struct component_call *call, struct input_stream *stream);

/* How many bytes a write may have now, as check-write says it; or a negative errno, with which
 * output_stream_over has to answer: it closes the stream. */
int64_t output_stream_room(struct output_stream *stream);
int32_t output_stream_over(struct component_call *call, struct output_stream *stream,
                           int64_t result);

int32_t output_stream_wait(struct component_call *call, struct output_stream *stream);

component_fn input_stream_read;
component_fn input_stream_blocking_read;
component_fn input_stream_skip;
component_fn input_stream_blocking_skip;
component_fn input_stream_subscribe;

component_fn output_stream_check_write;
component_fn output_stream_write;
component_fn output_stream_write_zeroes;
component_fn output_stream_flush;
component_fn output_stream_subscribe;
component_fn output_stream_blocking_flush;
component_fn output_stream_blocking_write;
component_fn output_stream_blocking_write_finish;
component_fn output_stream_blocking_write_zeroes;
component_fn output_stream_blocking_write_zeroes_finish;

component_fn output_stream_splice;
component_fn output_stream_blocking_splice;

#endif
