/* Streams over what stands on a guest's descriptor: a pipe, a terminal, a file, or a handler's two
 * functions (guest/stream.h). For stdin, stdout and stderr.
 *
 * What a write without waiting has permission for and the other end does not take after all is kept
 * for the descriptor, at most DESCRIPTOR_STREAM_KEPT_MAX bytes; it goes out before anything else
 * does, and is tried a last time when the guest ends. */
#ifndef HYTHE_IMPORTS_WASI_IO_DESCRIPTOR_STREAM_H
#define HYTHE_IMPORTS_WASI_IO_DESCRIPTOR_STREAM_H

#include "imports/wasi_io/io.h"

struct descriptor;

enum { DESCRIPTOR_STREAM_KEPT_MAX = 256 << 10 };

/* Make one; it takes a reference to `d`. NULL, or what can be neither read nor written: a stream at its
 * end, or one that swallows everything. NULL without memory. */
struct input_stream *descriptor_input_stream_new(struct guest *guest, struct descriptor *d);
struct output_stream *descriptor_output_stream_new(struct guest *guest, struct descriptor *d);

#endif
