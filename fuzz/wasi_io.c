/* wasi:io: any calls of its functions in any order, with any numbers, over streams whose sources do as
 * the input says: give, take, wait, end, fail. What was written is counted: no byte of a guest's is lost
 * or invented, and nothing past a permit gets through.
 *
 * The input is a row of steps: what to do, on which handle, and a number. */
#include <errno.h>

#include "engine/engine.h"
#include "engine/instance.h"
#include "guest/guest.h"
#include "imports/wasi_clocks/clocks.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_random/random.h"
#include "input.h"

enum { STEPS_MAX = 200, HANDLES_MAX = 64, BYTES_MAX = 70000, WAITS_MAX = 3, POLLED_MAX = 100 };

/* How the sources behave, from now on. */
struct sources {
    uint32_t readable;
    uint32_t room;
    uint8_t mood;     /* what an operation answers when it cannot be done */
    uint64_t read;    /* bytes given so far */
    uint64_t written; /* bytes taken so far */
};

enum handle_type { NONE, INPUT, OUTPUT, POLLABLE, ERROR };

struct handle {
    enum handle_type type;
    uint32_t rep;
};

struct bench {
    struct guest guest;
    struct engine *engine;
    struct instance *instance;
    struct sources sources;
    struct handle handles[HANDLES_MAX];
    uint64_t accepted;  /* bytes that the guest was told have been written */
    bool is_open_ended; /* a write failed or is under way: how much of it was taken is not told */
};

/* -- sources ---------------------------------------------------------------------------------- */

static int mood_of(const struct sources *sources)
{
    static const int moods[] = {-EAGAIN, -EAGAIN, -EAGAIN, 0, -EIO, -EPIPE, -ECONNRESET, -EAGAIN};
    return moods[sources->mood % 8];
}

static int64_t source_read(struct input_stream *stream, uint8_t *to, size_t len)
{
    struct sources *sources = stream->source;
    must(len > 0 && len <= IO_READ_MAX);
    size_t part = sources->readable < len ? sources->readable : len;
    memset(to, 'r', part);
    sources->readable -= (uint32_t)part;
    sources->read += part;
    return part > 0 ? (int64_t)part : mood_of(sources);
}

static bool source_ready(struct input_stream *stream)
{
    const struct sources *sources = stream->source;
    return sources->readable > 0 || mood_of(sources) != -EAGAIN;
}

static int bad_mood(const struct sources *sources)
{
    int mood = mood_of(sources);
    return mood == -EAGAIN ? 0 : mood;
}

static int64_t sink_room(struct output_stream *stream)
{
    const struct sources *sources = stream->source;
    int mood = bad_mood(sources);
    return mood < 0 ? mood : (int64_t)sources->room;
}

static int sink_write(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct sources *sources = stream->source;
    uint8_t sum = 0;
    must(len > 0 && len <= IO_PERMIT_MAX);
    for (size_t i = 0; i < len; i++) {
        sum |= bytes[i]; /* all of it can be read */
    }
    (void)sum;
    if (bad_mood(sources) < 0) {
        return bad_mood(sources);
    }
    sources->written += len;
    sources->room -= len < sources->room ? (uint32_t)len : sources->room;
    return 0;
}

static int64_t sink_write_some(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct sources *sources = stream->source;
    size_t part = sources->room < len ? sources->room : len;
    if (part == 0) {
        return bad_mood(sources) < 0 ? bad_mood(sources) : -EAGAIN;
    }
    int r = sink_write(stream, bytes, part);
    return r < 0 ? r : (int64_t)part;
}

static int sink_flush(struct output_stream *stream)
{
    const struct sources *sources = stream->source;
    return (sources->mood & 8) != 0 ? mood_of(sources) : 0;
}

static const struct input_stream_ops input_ops = {.read = source_read, .ready = source_ready};
static const struct output_stream_ops output_ops = {
    .room = sink_room, .write = sink_write, .flush = sink_flush};
static const struct output_stream_ops some_ops = {
    .room = sink_room, .write = sink_write, .write_some = sink_write_some, .flush = sink_flush};

/* -- handles ---------------------------------------------------------------------------------- */

static void hold(struct bench *b, enum handle_type type, uint64_t rep)
{
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (b->handles[i].type == NONE) {
            b->handles[i] = (struct handle){type, (uint32_t)rep};
            return;
        }
    }
    resource_drop(&b->guest, (uint32_t)rep);
}

static void hold_new(struct bench *b, enum handle_type type, struct resource *resource)
{
    uint32_t rep = 0;
    must(resource_add(resource, &rep) == 0);
    hold(b, type, rep);
}

/* The n-th handle of a type, counted around; NULL when there is none. */
static struct handle *pick(struct bench *b, enum handle_type type, uint64_t n)
{
    struct handle *found = NULL;
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        struct handle *handle = &b->handles[(i + n) % HANDLES_MAX];
        if (handle->type == type && found == NULL) {
            found = handle;
        }
    }
    return found;
}

static void make(struct bench *b, uint64_t number)
{
    if (number % 2 == 0) {
        struct input_stream *in = input_stream_new(&b->guest, &input_ops, &b->sources, NULL);
        must(in != NULL);
        hold_new(b, INPUT, &in->base);
        return;
    }
    const struct output_stream_ops *ops = number % 4 == 1 ? &output_ops : &some_ops;
    struct output_stream *out = output_stream_new(&b->guest, ops, &b->sources, NULL);
    must(out != NULL);
    hold_new(b, OUTPUT, &out->base);
}

static void drop(struct bench *b, uint64_t number)
{
    static const struct component_interface *const homes[] = {
        [INPUT] = &wasi_io_streams,
        [OUTPUT] = &wasi_io_streams,
        [POLLABLE] = &wasi_io_poll,
        [ERROR] = &wasi_io_error,
    };
    struct handle *handle = &b->handles[number % HANDLES_MAX];
    if (handle->type != NONE) {
        const struct component_interface *home = homes[handle->type];
        must(home->resources[0].drop(&b->guest, b->instance, handle->rep) == 0);
        handle->type = NONE;
    }
}

/* -- calls ------------------------------------------------------------------------------------ */

static void renew_instance(struct bench *b)
{
    const struct instance_options options = {.guest = &b->guest};
    struct error err;
    instance_free(b->instance);
    must(instance_new(b->engine, &options, &b->instance, &err) == 0);
}

static int32_t run(struct bench *b, struct component_call *call)
{
    memset(call->results, 0, COMPONENT_SLOTS_MAX * sizeof *call->results);
    call->guest = &b->guest;
    call->instance = b->instance;
    int32_t answer = call->func->begin(call);
    for (int i = 0; i < WAITS_MAX && answer == CALL_WAIT; i++) {
        must(call->func->finish != NULL && b->guest.wait.is_parked);
        b->sources.mood = (uint8_t)(b->sources.mood * 5 + 3); /* something has changed */
        b->sources.room += 100;
        must(loop_turn(b->guest.loop, 0) == 0);
        guest_wait_end(&b->guest);
        answer = call->func->finish(call);
    }
    guest_wait_end(&b->guest);
    must(answer == 0 || answer == CALL_WAIT || answer == CALL_TRAP);
    must((answer == CALL_TRAP) == (instance_fail_reason(b->instance) != NULL));
    if (answer == CALL_TRAP) {
        renew_instance(b);
    }
    return answer;
}

static bool is_named(const struct component_call *call, const char *part)
{
    return strstr(call->func->name, part) != NULL;
}

/* A stream function has answered: look at what it says. */
static void check_stream(struct bench *b, const struct component_call *call, uint64_t read_before)
{
    const union component_value *results = call->results;
    bool has_failed = results[0].number != 0;
    bool is_write = is_named(call, "write") && !is_named(call, "check-write");
    must(results[0].number <= 1);
    if (has_failed) {
        must(results[1].number <= 1);
        if (results[1].number == 0) {
            hold(b, ERROR, results[2].number);
        }
        b->is_open_ended |= is_write || is_named(call, "splice");
    } else if (is_named(call, "input-stream.read") || is_named(call, "blocking-read")) {
        struct span bytes = results[1].bytes;
        must(bytes.len == b->sources.read - read_before && bytes.len <= call->args[1].number);
        must(bytes.len == 0 || (bytes.data[0] == 'r' && bytes.data[bytes.len - 1] == 'r'));
    } else if (is_named(call, "skip")) {
        must(results[1].number == b->sources.read - read_before);
    } else if (is_named(call, "splice")) {
        must(results[1].number == b->sources.read - read_before);
        b->accepted += results[1].number;
    } else if (is_named(call, "zeroes")) {
        b->accepted += call->args[1].number;
    } else if (is_write) {
        b->accepted += call->args[1].bytes.len;
    } else if (is_named(call, "check-write")) {
        must(results[1].number <= IO_PERMIT_MAX);
    }
}

static void call_stream(struct bench *b, uint64_t which, uint64_t handle, uint64_t number)
{
    const struct component_func *func = &wasi_io_streams.funcs[which % wasi_io_streams.func_count];
    bool is_input = strstr(func->name, "input-stream") != NULL;
    const struct handle *self = pick(b, is_input ? INPUT : OUTPUT, handle);
    const struct handle *src = pick(b, INPUT, number);
    bool is_splice = strstr(func->name, "splice") != NULL;
    union component_value args[3] = {{.number = 0}};
    union component_value results[COMPONENT_SLOTS_MAX];
    struct component_call call = {.func = func, .args = args, .results = results};
    uint64_t read_before = b->sources.read;
    uint8_t *bytes = NULL;
    if (self == NULL || (is_splice && src == NULL)) {
        return;
    }
    args[0].number = self->rep;
    args[1].number = number;
    if (is_splice) {
        args[1].number = src->rep;
        args[2].number = number;
    } else if (strstr(func->args, "contents") != NULL) {
        size_t len = number % BYTES_MAX;
        bytes = calloc(1, len > 0 ? len : 1);
        must(bytes != NULL);
        args[1].bytes = (struct span){bytes, len};
    }
    int32_t answer = run(b, &call);
    if (answer == 0 && is_named(&call, "subscribe")) {
        hold(b, POLLABLE, results[0].number);
    } else if (answer == 0) {
        check_stream(b, &call, read_before);
    } else {
        b->is_open_ended |= answer == CALL_WAIT;
    }
    free(bytes);
}

static void call_pollable(struct bench *b, uint64_t which, uint64_t handle)
{
    const struct handle *self = pick(b, POLLABLE, handle);
    union component_value args[1];
    union component_value results[COMPONENT_SLOTS_MAX];
    struct component_call call = {
        .func = &wasi_io_poll.funcs[which % 2], .args = args, .results = results};
    if (self != NULL) {
        args[0].number = self->rep;
        (void)run(b, &call);
        must(results[0].number <= 1);
    }
}

static void call_poll(struct bench *b, uint64_t count)
{
    uint32_t *reps = calloc(POLLED_MAX, sizeof *reps);
    union component_value args[1];
    union component_value results[COMPONENT_SLOTS_MAX];
    struct component_call call = {.func = &wasi_io_poll.funcs[2], .args = args, .results = results};
    must(reps != NULL);
    count %= POLLED_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct handle *handle = pick(b, POLLABLE, i);
        count = handle != NULL ? count : 0;
        reps[i] = handle != NULL ? handle->rep : 0;
    }
    args[0].words = (struct component_words){reps, count};
    int32_t answer = run(b, &call);
    must((answer == CALL_TRAP) == (count == 0));
    const struct component_words *ready = &results[0].words;
    must(answer != 0 || (ready->count > 0 && ready->count <= count));
    for (size_t i = 0; answer == 0 && i < ready->count; i++) {
        must(ready->items[i] < count && (i == 0 || ready->items[i] > ready->items[i - 1]));
    }
    free(reps);
}

static void call_number(struct bench *b, const struct component_func *func, uint64_t number)
{
    const union component_value args[1] = {{.number = number}};
    union component_value results[COMPONENT_SLOTS_MAX];
    struct component_call call = {.func = func, .args = args, .results = results};
    if (run(b, &call) == 0 && strncmp(func->name, "subscribe", 9) == 0) {
        hold(b, POLLABLE, results[0].number);
    }
}

static void call_error(struct bench *b, uint64_t handle)
{
    const struct handle *self = pick(b, ERROR, handle);
    union component_value args[1];
    union component_value results[COMPONENT_SLOTS_MAX];
    struct component_call call = {
        .func = &wasi_io_error.funcs[0], .args = args, .results = results};
    if (self != NULL) {
        args[0].number = self->rep;
        must(run(b, &call) == 0 && results[0].bytes.len > 0);
    }
}

static void step(struct bench *b, struct input *in)
{
    uint64_t what = input_number(in, 1);
    uint64_t handle = input_number(in, 1);
    uint64_t number = input_number(in, (handle & 0x80) != 0 ? 8 : 2);
    switch (what % 12) {
    case 0:
        make(b, number);
        break;
    case 1:
        drop(b, handle);
        break;
    case 2:
        b->sources.readable = (uint32_t)number;
        b->sources.mood = (uint8_t)handle;
        break;
    case 3:
        b->sources.room = (uint32_t)number;
        b->sources.mood = (uint8_t)handle;
        break;
    case 4:
        call_pollable(b, number, handle);
        break;
    case 5:
        call_poll(b, number);
        break;
    case 6:
        call_number(b, &wasi_clocks_monotonic_clock.funcs[2 + handle % 2], number);
        break;
    case 7:
        call_error(b, handle);
        break;
    case 8:
        call_number(b, &wasi_random.funcs[0], number);
        break;
    default:
        call_stream(b, what, handle, number);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct engine *engine; /* takes long to make, and keeps nothing of a run */
    const struct engine_options options = {.serial = true};
    struct input in = {data, len};
    struct bench *b = calloc(1, sizeof *b);
    struct loop *loop = NULL;
    struct error err;
    must(b != NULL && loop_new(&loop) == 0);
    must(engine != NULL || engine_new(&options, &engine, &err) == 0);
    guest_init(&b->guest, loop);
    b->engine = engine;
    renew_instance(b);
    for (int i = 0; i < STEPS_MAX && in.len > 0; i++) {
        step(b, &in);
        must(b->is_open_ended || b->accepted == b->sources.written);
    }
    instance_free(b->instance);
    guest_done(&b->guest, 0 /* linger_ms */);
    loop_free(loop);
    free(b);
    return 0;
}
