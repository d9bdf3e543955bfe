/* Components in the engine: imports bound by name and type, values as slots, waiting, traps, reuse. */
#include "engine/instance.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "engine/component_call.h"
#include "engine/engine.h"
#include "engine/linked.h"
#include "engine/module.h"

enum { POOL_SIZE = 2, NOTES_MAX = 32, NOTE_LEN = 64 };

struct guest {
    char notes[NOTES_MAX][NOTE_LEN]; /* what the host functions were given */
    unsigned count;
    unsigned waits; /* how often block still has to wait */
};

struct bench {
    struct module *module;
    struct linked *linked;
    struct guest guest;
    struct instance *instance;
    struct error err;
};

static struct engine *plain;
static struct engine *pool;

static int make_engines(void **state)
{
    struct error err;
    const struct engine_options plain_options = {.serial = true};
    const struct engine_options pool_options = {.serial = true, .pool_instances = POOL_SIZE};
    (void)state;
    if (engine_new(&plain_options, &plain, &err) < 0) {
        return -1;
    }
    return engine_new(&pool_options, &pool, &err);
}

static int free_engines(void **state)
{
    (void)state;
    engine_free(plain);
    engine_free(pool);
    return 0;
}

/* -- host functions ------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void note(void *data, const char *format, ...)
{
    struct guest *guest = data;
    va_list args;
    assert_true(guest->count < NOTES_MAX);
    va_start(args, format);
    (void)vsnprintf(guest->notes[guest->count], NOTE_LEN, format, args);
    va_end(args);
    guest->count++;
}

static int32_t get_random(struct component_call *call)
{
    note(call->guest, "random");
    call->results[0].number = UINT64_C(0x1122334455667788);
    return 0;
}

static int32_t get_bytes(struct component_call *call)
{
    static const uint8_t bytes[] = {'a', 'b', 'c'};
    note(call->guest, "bytes %llu", (unsigned long long)component_u64(call, 0));
    call->results[0].bytes = (struct span){bytes, component_u64(call, 0) < 3 ? 0 : 3};
    return 0;
}

static int32_t ready(struct component_call *call)
{
    note(call->guest, "ready %u", component_u32(call, 0));
    call->results[0].number = 1;
    return 0;
}

static int32_t block_finish(struct component_call *call)
{
    struct guest *guest = call->guest;
    if (guest->waits > 0) {
        guest->waits--;
        return CALL_WAIT;
    }
    note(guest, "blocked on %u", component_u32(call, 0));
    return 0;
}

static int32_t block_begin(struct component_call *call)
{
    note(call->guest, "block");
    return block_finish(call);
}

static int32_t poll_begin(struct component_call *call)
{
    static const uint32_t answer[] = {1, 0};
    const struct component_words in = call->args[0].words;
    for (size_t i = 0; i < in.count; i++) {
        note(call->guest, "poll %u", in.items[i]);
    }
    call->results[0].words = (struct component_words){answer, 2};
    return 0;
}

static int32_t new_timer(struct component_call *call)
{
    note(call->guest, "timer %llu", (unsigned long long)component_u64(call, 0));
    call->results[0].number = 7 + component_u64(call, 0);
    return 0;
}

static int32_t drop_pollable(void *guest, struct instance *instance, uint32_t rep)
{
    note(guest, "drop %u", rep);
    if (rep == 13) {
        instance_fail(instance, "13 may not be dropped");
        return CALL_TRAP;
    }
    return 0;
}

static int32_t trap_now(struct component_call *call)
{
    instance_fail(call->instance, "no time");
    return CALL_TRAP;
}

static int32_t open_bucket(struct component_call *call)
{
    struct span name = component_bytes(call, 0);
    note(call->guest, "open %.*s", (int)name.len, (const char *)name.data);
    if (name.len == 0) {
        call->results[0].number = 1;
        call->results[1].number = 2;
        call->results[2].bytes = span_of("no name");
        return 0;
    }
    return component_ok(call, 5);
}

static int32_t set_many(struct component_call *call)
{
    const struct component_list list = call->args[1].list;
    for (size_t i = 0; i < list.count; i++) {
        struct span key = list.items[i * 2].bytes;
        struct span value = list.items[i * 2 + 1].bytes;
        note(call->guest, "set %.*s=%.*s", (int)key.len, (const char *)key.data, (int)value.len,
             (const char *)value.data);
    }
    return component_ok(call, 0);
}

static int32_t get_many(struct component_call *call)
{
    static union component_value items[6];
    items[0].number = 1;
    items[1].bytes = span_of("k");
    items[2].bytes = span_of("value");
    items[3].number = 0;
    call->results[0].number = 0;
    call->results[1].list = (struct component_list){items, 2};
    return 0;
}

static int32_t not_called(struct component_call *call)
{
    fail_msg("%s was called", call->func->name);
    return CALL_TRAP;
}

static const struct component_func random_funcs[] = {
    {"get-random-bytes", "len", get_bytes, NULL},
    {"get-random-u64", "", get_random, NULL},
};
static const struct component_func poll_funcs[] = {
    {"[method]pollable.ready", "self", ready, NULL},
    {"[method]pollable.block", "self", block_begin, block_finish},
    {"poll", "in", poll_begin, poll_begin},
};
static const struct component_resource poll_resources[] = {{"pollable", drop_pollable}};
static const struct component_func clock_funcs[] = {
    {"now", "", trap_now, NULL},
    {"resolution", "", not_called, NULL},
    {"subscribe-instant", "when", not_called, NULL},
    {"subscribe-duration", "when", new_timer, NULL},
};
static const struct component_func store_funcs[] = {
    {"open", "identifier$", open_bucket, NULL},
    {"[method]bucket.get", "", not_called, NULL},
    {"[method]bucket.set", "", not_called, NULL},
    {"[method]bucket.delete", "", not_called, NULL},
    {"[method]bucket.exists", "", not_called, NULL},
    {"[method]bucket.list-keys", "", not_called, NULL},
};
static const struct component_resource store_resources[] = {{"bucket", drop_pollable}};
static const struct component_func batch_funcs[] = {
    {"get-many", "", get_many, NULL},
    {"set-many", "", set_many, NULL},
    {"delete-many", "", not_called, NULL},
};
static const struct component_func half_funcs[] = {{"get-random-u64", "", get_random, NULL}};

static const struct component_interface interfaces[] = {
    {"wasi:random/random", random_funcs, ARRAY_COUNT(random_funcs), NULL, 0},
    {"wasi:io/poll", poll_funcs, ARRAY_COUNT(poll_funcs), poll_resources, 1},
    {"wasi:clocks/monotonic-clock", clock_funcs, ARRAY_COUNT(clock_funcs), NULL, 0},
    {"wasi:keyvalue/store", store_funcs, ARRAY_COUNT(store_funcs), store_resources, 1},
    {"wasi:keyvalue/batch", batch_funcs, ARRAY_COUNT(batch_funcs), NULL, 0},
};
static const struct component_interface half = {"wasi:random/random", half_funcs, 1, NULL, 0};

/* -- running one --------------------------------------------------------------------------------- */

static const struct component_interface *find(const char *import)
{
    for (size_t i = 0; i < ARRAY_COUNT(interfaces); i++) {
        size_t len = strlen(interfaces[i].name);
        if (strncmp(interfaces[i].name, import, len) == 0 && import[len] == '@') {
            return &interfaces[i];
        }
    }
    return NULL;
}

static int link_in(struct bench *b, struct engine *engine, const char *text, bool stub_unknown)
{
    struct linked_offer offers[8];
    uint32_t count = 0;
    if (module_compile(engine, span_of(text), &b->module, &b->err) < 0) {
        fail_msg("%s", b->err.text);
    }
    assert_true(module_is_component(b->module));
    for (uint32_t i = 0; i < module_import_count(b->module); i++) {
        const struct module_import *import = module_import(b->module, i);
        const struct component_interface *interface = find(import->module);
        if (import->kind == EXTERN_INTERFACE && interface != NULL) {
            offers[count++] = (struct linked_offer){import->module, interface};
        }
    }
    return linked_new_component(b->module, offers, count, stub_unknown, &b->linked, &b->err);
}

static int make_instance(struct bench *b, struct engine *engine, struct instance **ret_instance)
{
    const struct instance_options options = {.guest = &b->guest, .max_memory = 1 << 20};
    return instance_new(engine, &options, ret_instance, &b->err);
}

static void open_bench(struct bench *b, const char *text)
{
    if (link_in(b, plain, text, false) < 0) {
        fail_msg("%s", b->err.text);
    }
    assert_int_equal(make_instance(b, plain, &b->instance), 0);
}

static void close_bench(struct bench *b)
{
    instance_free(b->instance);
    linked_free(b->linked);
    module_unref(b->module);
}

static enum instance_state run(struct bench *b)
{
    static const uint32_t none[2] = {0, 0};
    instance_begin_component(b->instance, b->linked, INSTANCE_RUN, none);
    return instance_resume(b->instance, &b->err);
}

static void assert_notes(const struct guest *guest, const char *const *notes)
{
    unsigned i = 0;
    for (; notes[i] != NULL; i++) {
        assert_true(i < guest->count);
        assert_string_equal(guest->notes[i], notes[i]);
    }
    assert_int_equal(guest->count, i);
}

#define NOTES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What every guest here begins with: memory, an allocator that only grows, and run as its export. */
#define MEMORY                                                                                     \
    "(core module $libc (memory (export \"memory\") 1)"                                            \
    " (global $next (mut i32) (i32.const 4096))"                                                   \
    " (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)"                             \
    "  (local $at i32)"                                                                            \
    "  (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))"        \
    "  (global.set $next (i32.add (local.get $at) (local.get 3))) (local.get $at)))"               \
    "(core instance $libc (instantiate $libc))"
#define OPTIONS "(memory (core memory $libc \"memory\")) (realloc (core func $libc \"realloc\"))"
#define EXPORT_RUN                                                                                 \
    "(func $run (result (result)) (canon lift (core func $i \"run\")))"                            \
    "(instance $run_i (export \"run\" (func $run)))"                                               \
    "(export \"wasi:cli/run@0.2.0\" (instance $run_i))"

/* -- tests -------------------------------------------------------------------------------------- */

#define RANDOM(version)                                                                            \
    "(component (import \"wasi:random/random@" version                                             \
    "\" (instance $r (export \"get-random-u64\" (func (result u64)))))"                            \
    "(core func $get (canon lower (func $r \"get-random-u64\")))"                                  \
    "(core module $m (import \"h\" \"get\" (func $g (result i64)))"                                \
    " (func (export \"run\") (result i32)"                                                         \
    "  (i64.ne (call $g) (i64.const 0x1122334455667788))))"                                        \
    "(core instance $i (instantiate $m (with \"h\" (instance (export \"get\" (func "               \
    "$get))))))" EXPORT_RUN ")"

static void runs_whatever_release_it_was_made_for(void **state)
{
    static const char *const texts[] = {RANDOM("0.2.0"), RANDOM("0.2.12"), RANDOM("0.2.99")};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct bench b = {.module = NULL};
        open_bench(&b, texts[i]);
        assert_int_equal(run(&b), INSTANCE_IDLE);
        assert_false(instance_run_has_failed(b.instance));
        assert_notes(&b.guest, NOTES("random"));
        close_bench(&b);
    }
}

static void tells_an_error_of_run(void **state)
{
    struct bench b = {.module = NULL};
    (void)state;
    open_bench(&b, "(component (core module $m (func (export \"run\") (result i32) (i32.const 1)))"
                   "(core instance $i (instantiate $m))" EXPORT_RUN ")");
    assert_int_equal(run(&b), INSTANCE_IDLE);
    assert_true(instance_run_has_failed(b.instance));
    close_bench(&b);
}

static void names_what_it_imports_and_exports(void **state)
{
    struct bench b = {.module = NULL};
    (void)state;
    open_bench(&b, RANDOM("0.2.3"));
    assert_int_equal(module_import_count(b.module), 2);
    assert_string_equal(module_import(b.module, 0)->module, "wasi:random/random@0.2.3");
    assert_int_equal(module_import(b.module, 0)->kind, EXTERN_INTERFACE);
    assert_string_equal(module_import(b.module, 1)->name, "get-random-u64");
    assert_int_equal(module_import(b.module, 1)->kind, EXTERN_FUNC);
    assert_int_equal(module_export_count(b.module), 1);
    assert_string_equal(module_export(b.module, 0)->name, "wasi:cli/run@0.2.0");
    close_bench(&b);
}

static void refuses_what_it_has_not_unless_stubbed(void **state)
{
    static const char text[] =
        "(component (import \"wasi:other/thing@0.2.0\" (instance $o (export \"f\" (func))))"
        "(core func $f (canon lower (func $o \"f\")))"
        "(core module $m (import \"h\" \"f\" (func $f))"
        " (func (export \"run\") (result i32) (call $f) (i32.const 0)))"
        "(core instance $i (instantiate $m (with \"h\" (instance (export \"f\" (func "
        "$f))))))" EXPORT_RUN ")";
    struct bench b = {.module = NULL};
    (void)state;
    assert_int_equal(link_in(&b, plain, text, false), -ENOTSUP);
    assert_non_null(strstr(b.err.text, "wasi:other/thing@0.2.0"));
    close_bench(&b);
    b = (struct bench){.module = NULL};
    assert_int_equal(link_in(&b, plain, text, true), 0);
    assert_int_equal(make_instance(&b, plain, &b.instance), 0);
    assert_int_equal(run(&b), INSTANCE_FAILED);
    assert_int_equal(b.err.code, -EFAULT);
    close_bench(&b);
}

/* A guest may declare a function as it likes; only the host's own type links. */
static void refuses_another_type(void **state)
{
    static const char text[] = "(component (import \"wasi:random/random@0.2.0\""
                               " (instance $r (export \"get-random-u64\" (func (result u32))))))";
    struct bench b = {.module = NULL};
    (void)state;
    assert_int_equal(link_in(&b, plain, text, false), -ENOTSUP);
    assert_non_null(strstr(b.err.text, "get-random-u64"));
    close_bench(&b);
}

static void refuses_a_table_that_lacks_a_function(void **state)
{
    const struct linked_offer offer = {"wasi:random/random@0.2.0", &half};
    struct bench b = {.module = NULL};
    (void)state;
    assert_int_equal(module_compile(plain, span_of(RANDOM("0.2.0")), &b.module, &b.err), 0);
    assert_int_equal(linked_new_component(b.module, &offer, 1, false, &b.linked, &b.err), -ENOTSUP);
    assert_non_null(strstr(b.err.text, "get-random-bytes"));
    close_bench(&b);
}

/* A pollable is made, asked, waited for, polled twice in one list and dropped. */
static const char pollables[] =
    "(component"
    "(import \"wasi:io/poll@0.2.1\" (instance $p (export \"pollable\" (type $t (sub resource)))"
    " (export \"[method]pollable.ready\" (func (param \"self\" (borrow $t)) (result bool)))"
    " (export \"[method]pollable.block\" (func (param \"self\" (borrow $t))))"
    " (export \"poll\" (func (param \"in\" (list (borrow $t))) (result (list u32))))))"
    "(alias export $p \"pollable\" (type $pollable))"
    "(import \"wasi:clocks/monotonic-clock@0.2.0\" (instance $c"
    " (alias outer 1 $pollable (type $o)) (export \"pollable\" (type $q (eq $o)))"
    " (export \"now\" (func (result u64)))"
    " (export \"subscribe-duration\" (func (param \"when\" u64) (result (own $q))))))" MEMORY
    "(core func $timer (canon lower (func $c \"subscribe-duration\")))"
    "(core func $now (canon lower (func $c \"now\")))"
    "(core func $ready (canon lower (func $p \"[method]pollable.ready\")))"
    "(core func $block (canon lower (func $p \"[method]pollable.block\")))"
    "(core func $poll (canon lower (func $p \"poll\") " OPTIONS "))"
    "(core func $drop (canon resource.drop $pollable))"
    "(core module $m (import \"l\" \"memory\" (memory 1))"
    " (import \"h\" \"timer\" (func $timer (param i64) (result i32)))"
    " (import \"h\" \"now\" (func $now (result i64)))"
    " (import \"h\" \"ready\" (func $ready (param i32) (result i32)))"
    " (import \"h\" \"block\" (func $block (param i32)))"
    " (import \"h\" \"poll\" (func $poll (param i32 i32 i32)))"
    " (import \"h\" \"drop\" (func $drop (param i32)))"
    " (func (export \"run\") (result i32) (local $a i32) (local $b i32)"
    "  (local.set $a (call $timer (i64.const 1)))"
    "  (local.set $b (call $timer (i64.const 2)))"
    "  (drop (call $ready (local.get $a)))"
    "  (call $block (local.get $b))"
    "  (i32.store (i32.const 16) (local.get $a)) (i32.store (i32.const 20) (local.get $b))"
    "  (call $poll (i32.const 16) (i32.const 2) (i32.const 32))"
    "  (if (i32.ne (i32.load (i32.const 36)) (i32.const 2)) (then unreachable))"
    "  (if (i32.ne (i32.load (i32.load (i32.const 32))) (i32.const 1)) (then unreachable))"
    "  (call $drop (local.get $a))"
    "  (if (i32.load8_u (i32.const 0)) (then (drop (call $ready (local.get $a)))))"
    "  (call $drop (local.get $b)) (i32.const 0))"
    " (func (export \"again\") (result i32)"
    "  (i32.store8 (i32.const 0) (i32.const 1)) (i32.const 0))"
    " (func (export \"clock\") (result i32) (drop (call $now)) (i32.const 0))"
    " (func (export \"forbidden\") (result i32)"
    "  (call $drop (call $timer (i64.const 6))) (i32.const 0)))"
    "(core instance $i (instantiate $m (with \"l\" (instance $libc)) (with \"h\" (instance"
    " (export \"timer\" (func $timer)) (export \"now\" (func $now))"
    " (export \"ready\" (func $ready)) (export \"block\" (func $block))"
    " (export \"poll\" (func $poll)) (export \"drop\" (func $drop))))))";

static const char *with_run(char *text, size_t len, const char *func)
{
    (void)snprintf(text, len,
                   "%s(func $run (result (result)) (canon lift (core func $i \"%s\")))"
                   "(instance $run_i (export \"run\" (func $run)))"
                   "(export \"wasi:cli/run@0.2.0\" (instance $run_i)))",
                   pollables, func);
    return text;
}

static void waits_and_passes_handles(void **state)
{
    char text[8192];
    struct bench b = {.guest = {.waits = 2}};
    (void)state;
    open_bench(&b, with_run(text, sizeof text, "run"));
    assert_int_equal(run(&b), INSTANCE_PARKED);
    assert_int_equal(instance_resume(b.instance, &b.err), INSTANCE_PARKED);
    enum instance_state end = instance_resume(b.instance, &b.err);
    if (end != INSTANCE_IDLE) {
        fail_msg("%s", b.err.text);
    }
    assert_notes(&b.guest, NOTES("timer 1", "timer 2", "ready 8", "block", "blocked on 9", "poll 8",
                                 "poll 9", "drop 8", "drop 9"));
    close_bench(&b);
}

static void ends_while_it_waits(void **state)
{
    char text[8192];
    struct bench b = {.guest = {.waits = 2}};
    (void)state;
    open_bench(&b, with_run(text, sizeof text, "run"));
    assert_int_equal(run(&b), INSTANCE_PARKED);
    close_bench(&b); /* unwinds its fiber */
    assert_notes(&b.guest, NOTES("timer 1", "timer 2", "ready 8", "block"));
}

static void traps_with_the_hosts_reason(void **state)
{
    char text[8192];
    struct bench b = {.module = NULL};
    (void)state;
    open_bench(&b, with_run(text, sizeof text, "clock"));
    assert_int_equal(run(&b), INSTANCE_FAILED);
    assert_int_equal(b.err.code, -ECANCELED);
    assert_string_equal(b.err.text, "no time");
    close_bench(&b);
}

static void traps_when_a_drop_is_forbidden(void **state)
{
    char text[8192];
    struct bench b = {.module = NULL};
    (void)state;
    open_bench(&b, with_run(text, sizeof text, "forbidden"));
    assert_int_equal(run(&b), INSTANCE_FAILED);
    assert_string_equal(b.err.text, "13 may not be dropped");
    close_bench(&b);
}

/* -- strings, lists, variants --------------------------------------------------------------------- */

#define KEYVALUE(body)                                                                             \
    "(component"                                                                                   \
    "(import \"wasi:keyvalue/store@0.2.0-draft\" (instance $s"                                     \
    " (type $e' (variant (case \"no-such-store\") (case \"access-denied\") (case \"other\" "       \
    "string)))"                                                                                    \
    " (export \"error\" (type $e (eq $e')))"                                                       \
    " (export \"bucket\" (type $b (sub resource)))"                                                \
    " (export \"open\" (func (param \"identifier\" string) (result (result (own $b) (error "       \
    "$e)))))))"                                                                                    \
    "(alias export $s \"bucket\" (type $bucket)) (alias export $s \"error\" (type $error))"        \
    "(import \"wasi:keyvalue/batch@0.2.0-draft\" (instance $k"                                     \
    " (alias outer 1 $bucket (type $b')) (export \"bucket\" (type $b (eq $b')))"                   \
    " (alias outer 1 $error (type $e')) (export \"error\" (type $e (eq $e')))"                     \
    " (export \"get-many\" (func (param \"bucket\" (borrow $b)) (param \"keys\" (list string))"    \
    "  (result (result (list (option (tuple string (list u8)))) (error $e)))))"                    \
    " (export \"set-many\" (func (param \"bucket\" (borrow $b))"                                   \
    "  (param \"key-values\" (list (tuple string (list u8)))) (result (result (error "             \
    "$e)))))))" MEMORY "(core func $open (canon lower (func $s \"open\") " OPTIONS "))"            \
    "(core func $get (canon lower (func $k \"get-many\") " OPTIONS "))"                            \
    "(core func $set (canon lower (func $k \"set-many\") " OPTIONS "))"                            \
    "(core module $m (import \"l\" \"memory\" (memory 1))"                                         \
    " (import \"h\" \"open\" (func $open (param i32 i32 i32)))"                                    \
    " (import \"h\" \"get\" (func $get (param i32 i32 i32 i32)))"                                  \
    " (import \"h\" \"set\" (func $set (param i32 i32 i32 i32)))"                                  \
    " (data (i32.const 100) \"name\\ff\\fekeyvalue\")"                                             \
    " (func $is (param i32 i32) (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))"     \
    " (func (export \"run\") (result i32) " body " (i32.const 0)))"                                \
    "(core instance $i (instantiate $m (with \"l\" (instance $libc)) (with \"h\" (instance"        \
    " (export \"open\" (func $open)) (export \"get\" (func $get))"                                 \
    " (export \"set\" (func $set))))))" EXPORT_RUN ")"

static void passes_strings_and_lists(void **state)
{
    struct bench b = {.module = NULL};
    (void)state;
    open_bench(
        &b,
        KEYVALUE(
            "(call $open (i32.const 100) (i32.const 4) (i32.const 0))"
            "(call $is (i32.load (i32.const 0)) (i32.const 0))"
            /* set-many of key=value and key= */
            "(i32.store (i32.const 200) (i32.const 106)) (i32.store (i32.const 204) (i32.const 3))"
            "(i32.store (i32.const 208) (i32.const 109)) (i32.store (i32.const 212) (i32.const 5))"
            "(i32.store (i32.const 216) (i32.const 106)) (i32.store (i32.const 220) (i32.const 3))"
            "(i32.store (i32.const 224) (i32.const 109)) (i32.store (i32.const 228) (i32.const 0))"
            "(call $set (i32.load (i32.const 4)) (i32.const 200) (i32.const 2) (i32.const 16))"
            "(call $is (i32.load8_u (i32.const 16)) (i32.const 0))"
            /* get-many: [some(k, value), none], 20 bytes each */
            "(call $get (i32.load (i32.const 4)) (i32.const 200) (i32.const 0) (i32.const 32))"
            "(call $is (i32.load8_u (i32.const 32)) (i32.const 0))"
            "(call $is (i32.load (i32.const 40)) (i32.const 2))"
            "(call $is (i32.load8_u (i32.load (i32.const 36))) (i32.const 1))"
            "(call $is (i32.load offset=8 (i32.load (i32.const 36))) (i32.const 1))"
            "(call $is (i32.load8_u (i32.load offset=4 (i32.load (i32.const 36)))) (i32.const 107))"
            "(call $is (i32.load offset=16 (i32.load (i32.const 36))) (i32.const 5))"
            "(call $is (i32.load8_u offset=20 (i32.load (i32.const 36))) (i32.const 0))"
            /* open of an empty name: error other("no name") */
            "(call $open (i32.const 100) (i32.const 0) (i32.const 48))"
            "(call $is (i32.load8_u (i32.const 48)) (i32.const 1))"
            "(call $is (i32.load8_u (i32.const 52)) (i32.const 2))"
            "(call $is (i32.load (i32.const 60)) (i32.const 7))"));
    enum instance_state end = run(&b);
    if (end != INSTANCE_IDLE) {
        fail_msg("%s", b.err.text);
    }
    assert_notes(&b.guest, NOTES("open name", "set key=value", "set key=", "open "));
    close_bench(&b);
}

static void traps_on_text_that_is_none(void **state)
{
    struct bench b = {.module = NULL};
    (void)state;
    open_bench(&b, KEYVALUE("(call $open (i32.const 100) (i32.const 6) (i32.const 0))"));
    assert_int_equal(run(&b), INSTANCE_FAILED);
    assert_int_equal(b.err.code, -EFAULT);
    assert_int_equal(b.guest.count, 0);
    close_bench(&b);
}

static void traps_on_pointers_outside(void **state)
{
    static const char *const texts[] = {
        KEYVALUE("(call $open (i32.const 65530) (i32.const 100) (i32.const 0))"),
        KEYVALUE("(call $open (i32.const -4) (i32.const 8) (i32.const 0))"),
        KEYVALUE("(call $set (i32.const 1) (i32.const 200) (i32.const 2) (i32.const 16))"),
        KEYVALUE("(call $open (i32.const 100) (i32.const 4) (i32.const 0))"
                 "(call $set (i32.load (i32.const 4)) (i32.const 0) (i32.const 0x10000001)"
                 " (i32.const 16))"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct bench b = {.module = NULL};
        open_bench(&b, texts[i]);
        assert_int_equal(run(&b), INSTANCE_FAILED);
        assert_int_equal(b.err.code, -EFAULT);
        close_bench(&b);
    }
}

/* -- handle, reuse, the pool ---------------------------------------------------------------------- */

static const char handler[] =
    "(component (import \"wasi:http/types@0.2.0\" (instance $t"
    " (export \"incoming-request\" (type (sub resource)))"
    " (export \"response-outparam\" (type (sub resource)))))"
    "(alias export $t \"incoming-request\" (type $request))"
    "(alias export $t \"response-outparam\" (type $out))"
    "(import \"wasi:random/random@0.2.0\" (instance $r"
    " (export \"get-random-bytes\" (func (param \"len\" u64) (result (list u8))))))" MEMORY
    "(core func $drop-request (canon resource.drop $request))"
    "(core func $drop-out (canon resource.drop $out))"
    "(core func $random (canon lower (func $r \"get-random-bytes\") " OPTIONS "))"
    "(core module $m (import \"h\" \"request\" (func $r (param i32)))"
    " (import \"h\" \"out\" (func $o (param i32)))"
    " (import \"h\" \"random\" (func $random (param i64 i32)))"
    " (global $count (mut i64) (i64.const 0))"
    " (func (export \"handle\") (param i32 i32)"
    "  (global.set $count (i64.add (global.get $count) (i64.const 1)))"
    "  (call $random (global.get $count) (i32.const 8))"
    "  (call $o (local.get 1)) (call $r (local.get 0))))"
    "(core instance $i (instantiate $m (with \"h\" (instance"
    " (export \"request\" (func $drop-request)) (export \"out\" (func $drop-out))"
    " (export \"random\" (func $random))))))"
    "(func $handle (param \"request\" (own $request)) (param \"response-out\" (own $out))"
    " (canon lift (core func $i \"handle\")))"
    "(component $w (import \"r\" (type $r (sub resource))) (import \"o\" (type $o (sub resource)))"
    " (import \"f\" (func $f (param \"request\" (own $r)) (param \"response-out\" (own $o))))"
    " (export \"handle\" (func $f)))"
    "(instance $h (instantiate $w (with \"r\" (type $request)) (with \"o\" (type $out))"
    " (with \"f\" (func $handle))))"
    "(export \"wasi:http/incoming-handler@0.2.3\" (instance $h)))";

static const struct component_func no_func = {"none", "", not_called, NULL};

static int link_handler(struct bench *b, struct engine *engine)
{
    static const char *const names[] = {"[constructor]fields",
                                        "[static]fields.from-list",
                                        "[method]fields.get",
                                        "[method]fields.has",
                                        "[method]fields.set",
                                        "[method]fields.delete",
                                        "[method]fields.append",
                                        "[method]fields.entries",
                                        "[method]fields.clone",
                                        "[method]incoming-request.method",
                                        "[method]incoming-request.path-with-query",
                                        "[method]incoming-request.scheme",
                                        "[method]incoming-request.authority",
                                        "[method]incoming-request.headers",
                                        "[method]incoming-request.consume",
                                        "[constructor]outgoing-request",
                                        "[method]outgoing-request.body",
                                        "[method]outgoing-request.method",
                                        "[method]outgoing-request.set-method",
                                        "[method]outgoing-request.path-with-query",
                                        "[method]outgoing-request.set-path-with-query",
                                        "[method]outgoing-request.scheme",
                                        "[method]outgoing-request.set-scheme",
                                        "[method]outgoing-request.authority",
                                        "[method]outgoing-request.set-authority",
                                        "[method]outgoing-request.headers",
                                        "[constructor]request-options",
                                        "[method]request-options.connect-timeout",
                                        "[method]request-options.set-connect-timeout",
                                        "[method]request-options.first-byte-timeout",
                                        "[method]request-options.set-first-byte-timeout",
                                        "[method]request-options.between-bytes-timeout",
                                        "[method]request-options.set-between-bytes-timeout",
                                        "[static]response-outparam.set",
                                        "[method]incoming-response.status",
                                        "[method]incoming-response.headers",
                                        "[method]incoming-response.consume",
                                        "[method]incoming-body.stream",
                                        "[static]incoming-body.finish",
                                        "[method]future-trailers.subscribe",
                                        "[method]future-trailers.get",
                                        "[constructor]outgoing-response",
                                        "[method]outgoing-response.status-code",
                                        "[method]outgoing-response.set-status-code",
                                        "[method]outgoing-response.headers",
                                        "[method]outgoing-response.body",
                                        "[method]outgoing-body.write",
                                        "[static]outgoing-body.finish",
                                        "[method]future-incoming-response.subscribe",
                                        "[method]future-incoming-response.get",
                                        "http-error-code"};
    static const struct component_resource resources[] = {
        {"fields", drop_pollable},
        {"incoming-request", drop_pollable},
        {"outgoing-request", drop_pollable},
        {"request-options", drop_pollable},
        {"response-outparam", drop_pollable},
        {"incoming-response", drop_pollable},
        {"incoming-body", drop_pollable},
        {"future-trailers", drop_pollable},
        {"outgoing-response", drop_pollable},
        {"outgoing-body", drop_pollable},
        {"future-incoming-response", drop_pollable}};
    static struct component_func funcs[ARRAY_COUNT(names)];
    static struct component_interface types;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        funcs[i] = no_func;
        funcs[i].name = names[i];
    }
    types = (struct component_interface){"wasi:http/types", funcs, ARRAY_COUNT(funcs), resources,
                                         ARRAY_COUNT(resources)};
    const struct linked_offer offers[] = {{"wasi:http/types@0.2.0", &types},
                                          {"wasi:random/random@0.2.0", &interfaces[0]}};
    if (module_compile(engine, span_of(handler), &b->module, &b->err) < 0) {
        fail_msg("%s", b->err.text);
    }
    return linked_new_component(b->module, offers, 2, false, &b->linked, &b->err);
}

static void handles_and_is_reused(void **state)
{
    struct bench b = {.module = NULL};
    (void)state;
    assert_int_equal(link_handler(&b, plain), 0);
    assert_int_equal(make_instance(&b, plain, &b.instance), 0);
    for (uint32_t i = 0; i < 3; i++) {
        const uint32_t reps[2] = {20 + i, 30 + i};
        instance_begin_component(b.instance, b.linked, INSTANCE_HANDLE, reps);
        enum instance_state end = instance_resume(b.instance, &b.err);
        if (end != INSTANCE_IDLE) {
            fail_msg("%s", b.err.text);
        }
    }
    assert_notes(&b.guest, NOTES("bytes 1", "drop 30", "drop 20", "bytes 2", "drop 31", "drop 21",
                                 "bytes 3", "drop 32", "drop 22"));
    close_bench(&b);
}

static void says_when_the_pool_is_full(void **state)
{
    static const uint32_t reps[2] = {1, 2};
    struct instance *instances[POOL_SIZE + 1] = {NULL};
    struct bench b = {.module = NULL};
    (void)state;
    assert_int_equal(link_handler(&b, pool), 0);
    for (int i = 0; i <= POOL_SIZE; i++) {
        assert_int_equal(make_instance(&b, pool, &instances[i]), 0);
        instance_begin_component(instances[i], b.linked, INSTANCE_HANDLE, reps);
        enum instance_state end = instance_resume(instances[i], &b.err);
        assert_int_equal(end, i < POOL_SIZE ? INSTANCE_IDLE : INSTANCE_FAILED);
    }
    assert_int_equal(b.err.code, -ENOSPC);
    for (int i = 0; i <= POOL_SIZE; i++) {
        instance_free(instances[i]);
    }
    close_bench(&b);
}

static void ends_at_its_memory_limit(void **state)
{
    struct bench b = {.module = NULL};
    (void)state;
    open_bench(&b, "(component (core module $m (memory 1) (func (export \"run\") (result i32)"
                   " (drop (memory.grow (i32.const 100))) (i32.const 0)))"
                   "(core instance $i (instantiate $m))" EXPORT_RUN ")");
    assert_int_equal(run(&b), INSTANCE_FAILED);
    assert_int_equal(b.err.code, -ENOMEM);
    assert_int_equal(instance_memory_len(b.instance), 65536);
    close_bench(&b);
}

/* -- compiled and scanned ------------------------------------------------------------------------- */

static void is_mapped_from_its_compiled_form(void **state)
{
    char path[] = "/tmp/hythe-component-XXXXXX";
    struct bench b = {.module = NULL};
    struct module *mapped = NULL;
    struct span bytes;
    (void)state;
    open_bench(&b, RANDOM("0.2.0"));
    assert_int_equal(module_serialize(b.module, &bytes, &b.err), 0);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.data, bytes.len), bytes.len);
    (void)close(fd);
    module_serialized_free(bytes);
    assert_int_equal(module_map(plain, path, &mapped, &b.err), 0);
    (void)unlink(path);
    assert_true(module_is_component(mapped));
    assert_string_equal(module_import(mapped, 0)->module, "wasi:random/random@0.2.0");
    module_unref(mapped);
    close_bench(&b);
}

/* A component's binary, by hand: one import of an instance of an empty type. */
static const uint8_t *binary_of(const char *import, size_t *ret_len)
{
    static uint8_t bytes[128];
    static const uint8_t head[] = {
        0, 'a', 's', 'm',  0x0d, 0, 1, 0, /* */
        7, 3,   1,   0x42, 0 /* a type: an instance with nothing in it */};
    size_t name = strlen(import);
    size_t at = sizeof head;
    memcpy(bytes, head, sizeof head);
    bytes[at++] = 10; /* imports */
    bytes[at++] = (uint8_t)(name + 5);
    bytes[at++] = 1;
    bytes[at++] = 0;
    bytes[at++] = (uint8_t)name;
    memcpy(bytes + at, import, name);
    at += name;
    bytes[at++] = 5; /* an instance */
    bytes[at++] = 0; /* of type 0 */
    *ret_len = at;
    return bytes;
}

static void is_scanned_without_being_compiled(void **state)
{
    struct module *module = NULL;
    struct error err;
    size_t len = 0;
    (void)state;
    const uint8_t *bytes = binary_of("wasi:http/handler@0.3.0", &len);
    assert_int_equal(module_scan((struct span){bytes, len}, &module, &err), 0);
    assert_int_equal(module_import_count(module), 1);
    assert_string_equal(module_import(module, 0)->module, "wasi:http/handler@0.3.0");
    module_unref(module);
    for (size_t cut = 0; cut < len; cut++) { /* whatever is cut off, nothing worse than an error */
        module = NULL;
        if (module_scan((struct span){bytes, cut}, &module, &err) == 0) {
            module_unref(module);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_whatever_release_it_was_made_for),
        cmocka_unit_test(tells_an_error_of_run),
        cmocka_unit_test(names_what_it_imports_and_exports),
        cmocka_unit_test(refuses_what_it_has_not_unless_stubbed),
        cmocka_unit_test(refuses_another_type),
        cmocka_unit_test(refuses_a_table_that_lacks_a_function),
        cmocka_unit_test(waits_and_passes_handles),
        cmocka_unit_test(ends_while_it_waits),
        cmocka_unit_test(traps_with_the_hosts_reason),
        cmocka_unit_test(traps_when_a_drop_is_forbidden),
        cmocka_unit_test(passes_strings_and_lists),
        cmocka_unit_test(traps_on_text_that_is_none),
        cmocka_unit_test(traps_on_pointers_outside),
        cmocka_unit_test(handles_and_is_reused),
        cmocka_unit_test(says_when_the_pool_is_full),
        cmocka_unit_test(ends_at_its_memory_limit),
        cmocka_unit_test(is_mapped_from_its_compiled_form),
        cmocka_unit_test(is_scanned_without_being_compiled),
    };
    return cmocka_run_group_tests_name("engine_component", tests, make_engines, free_engines);
}
