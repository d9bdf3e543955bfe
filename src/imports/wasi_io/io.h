/* wasi:io 0.2 for the other packages: errors, pollables and streams that stand for files, sockets,
 * bodies and timers. Functions and texts: wasi:io@0.2.x, wit/{error,poll,streams}.wit.
 *
 * Waiting: a guest waits in one call at a time, so whoever feeds a source has no list of waiters: it
 * calls guest_wake, which is harmless when nothing waits, and every waiting function looks again. */
#ifndef HYTHE_IMPORTS_WASI_IO_IO_H
#define HYTHE_IMPORTS_WASI_IO_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/resource.h"
#include "imports/component.h"

struct input_stream;
struct output_stream;
struct pollable;

/* -- error ------------------------------------------------------------------------------------ */

/* Whose error codes `code` counts: what http-error-code and filesystem-error-code answer by. */
enum io_error_domain { IO_ERROR_OTHER, IO_ERROR_FILE, IO_ERROR_HTTP, IO_ERROR_SOCKET };

struct io_error {
    struct resource base;
    enum io_error_domain domain;
    int code; /* a negative errno; for IO_ERROR_HTTP an enum http_error */
};

extern const struct resource_kind io_error_kind;

/* -- poll ------------------------------------------------------------------------------------- */

struct pollable_ops {
    bool (*ready)(struct pollable *pollable);
    /* The guest is about to wait: lower *deadline_ns or guest_wait_mark a descriptor. NULL: the source
     * calls guest_wake by itself. */
    void (*arm)(struct pollable *pollable, uint64_t *deadline_ns);
};

struct pollable {
    struct resource base;
    const struct pollable_ops *ops;
    struct resource *source; /* a reference; NULL for timers */
    uint64_t deadline_ns;    /* of timers, on CLOCK_MONOTONIC */
};

extern const struct resource_kind pollable_kind;

enum { IO_POLL_MAX = 65536 /* pollables in one call of poll: as many as a guest may hold */ };

/* Make a pollable on a source, which it takes a reference to (NULL: none), and answer with it in
 * results[slot]. 0 or CALL_TRAP. */
int32_t pollable_give(struct component_call *call, unsigned slot, const struct pollable_ops *ops,
                      struct resource *source);

/* Likewise, ready from `deadline_ns` on. */
int32_t pollable_give_timer(struct component_call *call, unsigned slot, uint64_t deadline_ns);

/* -- streams ---------------------------------------------------------------------------------- */

enum { IO_READ_MAX = 64 << 10, IO_PERMIT_MAX = 64 << 10 };

struct input_stream_ops {
    /* Read up to `len` bytes: their number; 0 at the end; -EAGAIN; or another negative errno, which
     * the guest gets once as last-operation-failed and then as closed. */
    int64_t (*read)(struct input_stream *stream, uint8_t *to, size_t len);
    /* Would read answer other than -EAGAIN? NULL: always. */
    bool (*ready)(struct input_stream *stream);
    /* As in pollable_ops. */
    void (*arm)(struct input_stream *stream, uint64_t *deadline_ns);
    /* The guest dropped it, or went: let go of the source. NULL: nothing to do. */
    void (*done)(struct input_stream *stream);
    enum io_error_domain domain;
};

struct input_stream {
    struct resource base;
    const struct input_stream_ops *ops;
    void *source;            /* the ops' own */
    struct resource *parent; /* a reference, or NULL: its `children` counts this stream */
    bool is_over;            /* ended or failed: closed from now on */
};

extern const struct resource_kind input_stream_kind;

/* Make one; `parent` may be NULL. NULL without memory; then `done` is not called. */
struct input_stream *input_stream_new(struct guest *guest, const struct input_stream_ops *ops,
                                      void *source, struct resource *parent);

struct output_stream_ops {
    /* How many bytes a write takes now, 0 when it has to wait; -EPIPE when it is closed, or another
     * negative errno, told once as last-operation-failed. */
    int64_t (*room)(struct output_stream *stream);
    /* Take all of `len` bytes, at most what room gives. 0 or a negative errno. */
    int (*write)(struct output_stream *stream, const uint8_t *bytes, size_t len);
    /* Take some straight from the guest's memory while it is parked: their number, -EAGAIN, or a
     * negative errno. NULL: blocking writes go by room and write. */
    int64_t (*write_some)(struct output_stream *stream, const uint8_t *bytes, size_t len);
    /* 0 when all that was taken has left, -EAGAIN, or a negative errno. NULL: it leaves at once. */
    int (*flush)(struct output_stream *stream);
    void (*arm)(struct output_stream *stream, uint64_t *deadline_ns);
    void (*done)(struct output_stream *stream);
    enum io_error_domain domain;
};

struct output_stream {
    struct resource base;
    const struct output_stream_ops *ops;
    void *source;
    struct resource *parent; /* as in input_stream */
    bool is_over;
    bool is_flushing; /* flush was called and is under way: check-write gives 0 meanwhile */
    uint64_t permit;  /* what the last check-write gave and no write has used */
    int failure; /* a negative errno that a pollable came upon, for the next operation to tell */

    /* Of a blocking write under way. */
    uint64_t written; /* bytes of its argument already taken */
};

extern const struct resource_kind output_stream_kind;

struct output_stream *output_stream_new(struct guest *guest, const struct output_stream_ops *ops,
                                        void *source, struct resource *parent);

/* -- interfaces ------------------------------------------------------------------------------- */

extern const struct component_interface wasi_io_error;   /* error.c */
extern const struct component_interface wasi_io_poll;    /* poll.c */
extern const struct component_interface wasi_io_streams; /* streams.c */

#endif
