/* wasi:io, wasi:cli, wasi:clocks, wasi:config and wasi:keyvalue without memory: whichever allocation
 * fails, the call answers with an error or a trap, nothing is lost or done by half, and nothing is left
 * behind.
 * Wraps: malloc calloc realloc */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alloc_sweep.h"
#include "base/strings.h"
#include "fake_stream.h"
#include "guest/stream.h"
#include "imports/wasi_cli/cli.h"
#include "imports/wasi_clocks/clocks.h"
#include "imports/wasi_config/config.h"
#include "imports/wasi_keyvalue/keyvalue.h"
#include "imports/wasi_keyvalue/store.h"
#include "imports/wasi_random/random.h"

enum { SWEEP_MAX = 200 };

static unsigned countdown; /* of the allocations that host functions make */

/* One life: every call, with the allocations of the host functions alone being counted. */
struct life {
    struct fake_component *f;
    struct keyvalue *kv;
    struct fake_source source;
    struct fake_sink sink;
    struct guest_stream *handler;
    unsigned failed; /* calls that trapped or answered with an error */
};

static const struct component_func *find(const struct component_interface *interface,
                                         const char *name)
{
    for (size_t i = 0; i < interface->func_count; i++) {
        if (strcmp(interface->funcs[i].name, name) == 0) {
            return &interface->funcs[i];
        }
    }
    fail_msg("%s has no %s", interface->name, name);
    return NULL;
}

/* True when it answered, though perhaps with an error of its interface's. */
static bool call(struct life *life, const struct component_interface *interface, const char *name,
                 const union component_value *args)
{
    struct fake_component *f = life->f;
    memset(f->results, 0, sizeof f->results);
    struct component_call call = {.func = find(interface, name),
                                  .args = args,
                                  .results = f->results,
                                  .guest = &f->guest,
                                  .instance = f->instance};
    alloc_sweep_begin(countdown);
    int32_t answer = call.func->begin(&call);
    countdown = alloc_sweep_end();
    if (answer == CALL_WAIT) {
        guest_wait_end(&f->guest);
    } else if (answer == CALL_TRAP) {
        life->failed++;
    } else {
        assert_int_equal(answer, 0);
    }
    return answer == 0;
}

#define ARGS(...) ((const union component_value[]){__VA_ARGS__})
#define REP(rep)                                                                                   \
    {                                                                                              \
        .number = (rep)                                                                            \
    }
#define TEXT_ARG(text)                                                                             \
    {                                                                                              \
        .bytes = {(const uint8_t *)(text), sizeof(text) - 1 }                                      \
    }

/* A rep that a call gave, or 0. */
static uint32_t give(struct life *life, const struct component_interface *interface,
                     const char *name, const union component_value *args, unsigned slot)
{
    bool has_answered = call(life, interface, name, args);
    return has_answered ? (uint32_t)life->f->results[slot].number : 0;
}

#define IN(name) "[method]input-stream." name
#define OUT(name) "[method]output-stream." name

static void use_streams(struct life *life)
{
    uint32_t in = fake_source_give(life->f, &life->source);
    uint32_t out = fake_sink_give(life->f, &life->sink, true /* with_some */);
    life->source.text = "some bytes to read and to skip, and as many to splice";
    life->source.then = -EAGAIN;
    life->sink.room = 1000;
    uint32_t pollable = give(life, &wasi_io_streams, IN("subscribe"), ARGS(REP(in)), 0);
    if (pollable != 0) {
        (void)call(life, &wasi_io_poll, "poll", ARGS({.words = {&pollable, 1}}));
    }
    if (!call(life, &wasi_io_streams, IN("read"), ARGS(REP(in), REP(10)))) {
        assert_int_equal(life->source.reads, 0); /* nothing was read and lost */
    }
    (void)call(life, &wasi_io_streams, IN("blocking-skip"), ARGS(REP(in), REP(5)));
    life->source.text = "0123456789";
    life->source.len = 0;
    if (!call(life, &wasi_io_streams, OUT("splice"), ARGS(REP(out), REP(in), REP(10000)))) {
        assert_string_equal(life->source.text, "0123456789");
    }
    life->source.text = NULL;
    life->source.len = 0;
    life->source.then = -EIO;
    if (call(life, &wasi_io_streams, IN("read"), ARGS(REP(in), REP(5)))) {
        uint32_t error = expect_failed(life->f);
        (void)call(life, &wasi_io_error, "[method]error.to-debug-string", ARGS(REP(error)));
    }
    life->sink.room = 0;
    (void)call(life, &wasi_io_streams, OUT("blocking-write-and-flush"),
               ARGS(REP(out), TEXT_ARG("x")));
    (void)give(life, &wasi_clocks_monotonic_clock, "subscribe-duration", ARGS(REP(5)), 0);
    (void)call(life, &wasi_random, "get-random-bytes", ARGS(REP(100000)));
}

static size_t handler_room;

static int64_t handler_write(void *context, const struct iovec *pieces, int count)
{
    (void)context;
    assert_int_equal(count, 1);
    size_t part = pieces[0].iov_len < handler_room ? pieces[0].iov_len : handler_room;
    handler_room -= part;
    return part > 0 ? (int64_t)part : -EAGAIN;
}

static const struct guest_stream_ops handler_ops = {.write = handler_write};

static void use_stdio(struct life *life)
{
    (void)give(life, &wasi_cli_stdin, "get-stdin", ARGS(REP(0)), 0);
    uint32_t out = give(life, &wasi_cli_stdout, "get-stdout", ARGS(REP(0)), 0);
    handler_room = 3;
    if (out != 0 && call(life, &wasi_io_streams, OUT("check-write"), ARGS(REP(out)))) {
        (void)call(life, &wasi_io_streams, OUT("write"), ARGS(REP(out), TEXT_ARG("kept back")));
        life->failed += life->f->results[0].number != 0 ? 1 : 0;
    }
    (void)call(life, &wasi_cli_environment, "get-environment", ARGS(REP(0)));
    (void)call(life, &wasi_cli_environment, "get-arguments", ARGS(REP(0)));
}

static void use_stores(struct life *life)
{
    const union component_value list[] = {TEXT_ARG("k"), TEXT_ARG("v")};
    (void)call(life, &wasi_config_store, "get", ARGS(TEXT_ARG("name")));
    (void)call(life, &wasi_config_store, "get-all", ARGS(REP(0)));
    uint32_t bucket = give(life, &wasi_keyvalue_store, "open", ARGS(TEXT_ARG("")), 1);
    if (life->f->results[0].number != 0 || bucket == 0) {
        life->failed++;
        return;
    }
    (void)call(life, &wasi_keyvalue_store, "[method]bucket.set",
               ARGS(REP(bucket), TEXT_ARG("a"), TEXT_ARG("1")));
    life->failed += life->f->results[0].number != 0 ? 1 : 0;
    (void)call(life, &wasi_keyvalue_atomics, "increment", ARGS(REP(bucket), TEXT_ARG("a"), REP(1)));
    life->failed += life->f->results[0].number != 0 ? 1 : 0;
    (void)call(life, &wasi_keyvalue_batch, "set-many", ARGS(REP(bucket), {.list = {list, 1}}));
    life->failed += life->f->results[0].number != 0 ? 1 : 0;
    (void)call(life, &wasi_keyvalue_batch, "get-many", ARGS(REP(bucket), {.list = {list, 2}}));
    life->failed += life->f->results[0].number != 0 ? 1 : 0;
    (void)call(life, &wasi_keyvalue_store, "[method]bucket.get", ARGS(REP(bucket), TEXT_ARG("k")));
    life->failed += life->f->results[0].number != 0 ? 1 : 0;
    (void)call(life, &wasi_keyvalue_store, "[method]bucket.list-keys",
               ARGS(REP(bucket), REP(0), REP(0)));
    life->failed += life->f->results[0].number != 0 ? 1 : 0;
}

/* Gives whether the n-th allocation was reached. */
static bool live(unsigned nth, void (*use)(struct life *life))
{
    const struct keyvalue_limits limits = {.bytes = 10000, .keys = 10};
    struct strings pairs = {0};
    uint32_t fd = 0;
    struct life *life = calloc(1, sizeof *life);
    assert_non_null(life);
    life->f = fake_component_new();
    life->kv = keyvalue_new(&limits);
    assert_non_null(life->kv);
    assert_int_equal(strings_add(&pairs, "name=not \xff UTF-8"), 0);
    assert_int_equal(guest_add_env(&life->f->guest, "a=\xff"), 0);
    assert_int_equal(guest_add_arg(&life->f->guest, "a"), 0);
    assert_int_equal(guest_stream_new(&life->f->guest, &handler_ops, NULL, &life->handler), 0);
    assert_int_equal(
        fd_table_insert(&life->f->guest.fds, guest_stream_descriptor(life->handler), 1, &fd), 0);
    life->f->guest.keyvalue = life->kv;
    life->f->guest.config_pairs = &pairs;
    countdown = nth;
    use(life);
    bool was_reached = countdown == 0;
    countdown = 0;
    assert_true(was_reached ? life->failed > 0 : life->failed == 0);
    fake_component_free(life->f);
    guest_stream_detach(life->handler);
    keyvalue_free(life->kv);
    strings_done(&pairs);
    free(life);
    return was_reached;
}

static void sweep(void (*use)(struct life *life), unsigned at_least)
{
    unsigned nth = 1;
    while (nth < SWEEP_MAX && live(nth, use)) {
        nth++;
    }
    assert_true(nth > at_least && nth < SWEEP_MAX);
}

static void streams_without_memory(void **state)
{
    (void)state;
    sweep(use_streams, 5);
}

static void stdio_without_memory(void **state)
{
    (void)state;
    sweep(use_stdio, 5);
}

static void stores_without_memory(void **state)
{
    (void)state;
    sweep(use_stores, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_without_memory),
        cmocka_unit_test(stdio_without_memory),
        cmocka_unit_test(stores_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
