/* Sources behind wasi:io streams whose behaviour a test sets, and which count what is asked of them.
 *
 *     static struct fake_source source = {.text = "abc", .then = 0}; it outlives the guest
 *     uint32_t in = fake_source_give(f, &source);
 */
#ifndef HYTHE_TESTS_LIB_FAKE_STREAM_H
#define HYTHE_TESTS_LIB_FAKE_STREAM_H

#include "fake_component.h"
#include "imports/wasi_io/io.h"

enum { FAKE_SINK_MAX = 256 << 10 };

struct fake_source {
    const char *text; /* what there is to read now */
    size_t len;       /* of it; 0 with a text that is NUL-terminated means all */
    int64_t then;     /* what a read answers when there is nothing: 0, -EAGAIN, -EIO, ... */
    unsigned reads;
    unsigned dones;
};

struct fake_sink {
    size_t room;
    int64_t error;  /* what room, write and write_some answer, 0: none */
    int flush;      /* what flush answers */
    unsigned rooms; /* how often it was asked, and so on */
    unsigned writes;
    unsigned partials;
    unsigned flushes;
    unsigned dones;
    size_t taken_len;
    uint8_t taken[FAKE_SINK_MAX];
};

/* Make a stream and put it into the guest's table: its rep. */
uint32_t fake_source_give(struct fake_component *f, struct fake_source *source);

/* Likewise; with_some: it takes bytes from a parked guest. */
uint32_t fake_sink_give(struct fake_component *f, struct fake_sink *sink, bool with_some);

/* Have `change` called in a few milliseconds and the guest woken after it. One at a time. */
struct fake_change {
    struct loop_timer timer;
    struct fake_component *f;
    void (*change)(struct fake_change *change);
    void *data;
};
void fake_change_start(struct fake_component *f, struct fake_change *change,
                       void (*on_change)(struct fake_change *), void *data);

#define call_io(f, name, ...) component_fake_call((f), &wasi_io_streams, (name), __VA_ARGS__)
#define call_in(f, name, ...) call_io((f), "[method]input-stream." name, __VA_ARGS__)
#define call_out(f, name, ...) call_io((f), "[method]output-stream." name, __VA_ARGS__)

/* The last answer was ok with this number or these bytes; or an error, whose rep is given. */
void expect_ok(const struct fake_component *f, uint64_t number);
void expect_bytes(const struct fake_component *f, const char *text);
uint32_t expect_failed(const struct fake_component *f);

/* to-debug-string of an error, which is dropped. */
void expect_error_text(struct fake_component *f, uint32_t rep, const char *text);

#endif
