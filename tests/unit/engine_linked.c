/* Linked modules: imports bound once, instances of a pool, and what one of them leaves for the next. */
#include "engine/linked.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/container.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "engine/module.h"

enum { POOL_SIZE = 3 };

struct guest {
    unsigned calls[4]; /* of each host function */
    bool waits;
    uint32_t seen;
};

struct bench {
    struct engine *engine; /* borrowed */
    struct module *module;
    struct linked *linked;
    struct linked_entry *entries[2];
    struct instance *instances[POOL_SIZE + 1];
    struct guest guests[POOL_SIZE + 1];
    struct error err;
};

static struct engine *pool;
static struct engine *plain;

/* The engine turns these signals into traps, and cmocka puts its own handlers in their place for
 * the time of each test: they are put back there. */
static const int trap_signals[] = {SIGILL, SIGSEGV, SIGFPE, SIGBUS};
static struct sigaction trap_actions[ARRAY_COUNT(trap_signals)];

static int make_engines(void)
{
    struct engine_options options = {.serial = true};
    struct error err = {0};
    if (engine_new(&options, &plain, &err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(trap_signals); i++) {
        (void)sigaction(trap_signals[i], NULL, &trap_actions[i]); /* these signals exist */
    }
    options.pool_instances = POOL_SIZE;
    return engine_new(&options, &pool, &err);
}

/* -- host functions --------------------------------------------------------------------------- */

static int32_t one_begin(struct call *call)
{
    ((struct guest *)call->guest)->calls[0]++;
    return 1;
}

static int32_t two_begin(struct call *call)
{
    ((struct guest *)call->guest)->calls[1]++;
    return 2;
}

static int32_t wait_begin(struct call *call)
{
    struct guest *guest = call->guest;
    guest->calls[2]++;
    return guest->waits ? CALL_WAIT : 3;
}

static int32_t wait_finish(struct call *call)
{
    (void)call;
    return 4;
}

static int32_t note_begin(struct call *call)
{
    struct guest *guest = call->guest;
    guest->seen = call_u32(call, 0);
    guest->calls[3]++;
    return 0;
}

static int32_t end_begin(struct call *call)
{
    (void)call;
    return CALL_TRAP;
}

static const struct host_func funcs[] = {
    {"f", "i", "i", "a", one_begin, NULL},
    {"f", "ii", "i", "a b", two_begin, NULL},
    {"wait", "i", "i", "a", wait_begin, wait_finish},
    {"note", "i", "", "a", note_begin, NULL},
    {"end", "", "", "", end_begin, NULL},
    {"wide", "I", "i", "a", wait_begin, wait_finish}, /* of no type that may wait */
};

static const struct host_func *find(const struct module_import *import)
{
    for (size_t i = 0; i < ARRAY_COUNT(funcs); i++) {
        if (strcmp(funcs[i].name, import->name) == 0 &&
            strcmp(funcs[i].params, import->params) == 0) {
            return &funcs[i];
        }
    }
    fail_msg("no host function %s", import->name);
    return NULL;
}

/* -- bench ------------------------------------------------------------------------------------ */

static int setup(void **state)
{
    static struct bench b;
    b = (struct bench){.module = NULL};
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < ARRAY_COUNT(b->instances); i++) {
        instance_free(b->instances[i]);
    }
    linked_entry_free(b->entries[0]);
    linked_entry_free(b->entries[1]);
    linked_free(b->linked);
    module_unref(b->module);
    return 0;
}

static int link_in(struct bench *b, struct engine *engine, const char *text)
{
    const struct host_func *chosen[16];
    for (size_t i = 0; i < ARRAY_COUNT(trap_signals); i++) {
        assert_int_equal(sigaction(trap_signals[i], &trap_actions[i], NULL), 0);
    }
    b->engine = engine;
    assert_int_equal(module_compile(engine, span_of(text), &b->module, &b->err), 0);
    for (uint32_t i = 0; i < module_import_count(b->module); i++) {
        chosen[i] = find(module_import(b->module, i));
    }
    return linked_new(b->module, chosen, &b->linked, &b->err);
}

static void entry(struct bench *b, unsigned index, const char *name)
{
    assert_int_equal(linked_entry_new(b->linked, name, &b->entries[index]), 0);
}

static enum instance_state run(struct bench *b, unsigned index)
{
    const struct instance_options options = {.guest = &b->guests[index]};
    assert_int_equal(instance_new(b->engine, &options, &b->instances[index], &b->err), 0);
    instance_begin_run(b->instances[index], b->linked, b->entries[0], b->entries[1]);
    return instance_resume(b->instances[index], &b->err);
}

/* -- binding ---------------------------------------------------------------------------------- */

static const char two_types[] =
    "(module (import \"m\" \"f\" (func $one (param i32) (result i32)))"
    " (import \"m\" \"wait\" (func $wait (param i32) (result i32)))"
    " (import \"m\" \"f\" (func $two (param i32 i32) (result i32)))"
    " (import \"m\" \"f\" (func $again (param i32) (result i32)))"
    " (import \"m\" \"note\" (func $note (param i32)))"
    " (func (export \"go\") (call $note (i32.add (i32.add"
    "  (i32.mul (call $one (i32.const 0)) (i32.const 1000))"
    "  (i32.mul (call $two (i32.const 0) (i32.const 0)) (i32.const 100)))"
    "  (i32.add (i32.mul (call $again (i32.const 0)) (i32.const 10))"
    "  (call $wait (i32.const 0)))))))";

static void one_name_may_have_two_types(void **state)
{
    struct bench *b = *state;
    assert_int_equal(link_in(b, pool, two_types), 0);
    entry(b, 0, "go");
    for (unsigned i = 0; i < 2; i++) {
        b->guests[i].waits = i == 1;
        if (run(b, i) == INSTANCE_PARKED) {
            assert_int_equal(instance_resume(b->instances[i], &b->err), INSTANCE_IDLE);
        }
        assert_int_equal(b->guests[i].seen, i == 0 ? 1213 : 1214);
        assert_int_equal(b->guests[i].calls[0], 2);
        assert_int_equal(b->guests[i].calls[1], 1);
    }
}

static void a_call_is_that_of_its_own_instance(void **state)
{
    struct bench *b = *state;
    assert_int_equal(link_in(b, pool,
                             "(module (import \"m\" \"wait\" (func $w (param i32) (result i32)))"
                             " (import \"m\" \"note\" (func $n (param i32)))"
                             " (func (export \"go\") (call $n (call $w (i32.const 0)))))"),
                     0);
    entry(b, 0, "go");
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        b->guests[i].waits = true;
        assert_int_equal(run(b, i), INSTANCE_PARKED);
    }
    for (unsigned i = POOL_SIZE; i-- > 0;) {
        assert_int_equal(b->guests[i].calls[3], 0);
        assert_int_equal(instance_resume(b->instances[i], &b->err), INSTANCE_IDLE);
        assert_int_equal(b->guests[i].seen, 4);
        assert_int_equal(b->guests[i].calls[3], 1);
    }
}

static void a_type_that_cannot_wait_is_refused(void **state)
{
    struct bench *b = *state;
    assert_int_equal(
        link_in(b, plain, "(module (import \"m\" \"wide\" (func (param i64) (result i32))))"),
        -ENOTSUP);
    assert_non_null(strstr(b->err.text, "wide"));
}

/* -- entries ---------------------------------------------------------------------------------- */

static const char order[] =
    "(module (import \"m\" \"note\" (func $note (param i32)))"
    " (global $n (mut i32) (i32.const 1))"
    " (func (export \"first\") (global.set $n (i32.mul (global.get $n) (i32.const 10))))"
    " (func (export \"second\") (global.set $n (i32.add (global.get $n) (i32.const 5)))"
    "  (call $note (global.get $n)))"
    " (func (export \"with\") (param i32)) (func (export \"gives\") (result i32) i32.const 0)"
    " (memory (export \"memory\") 1))";

static void two_entries_are_called_in_order(void **state)
{
    struct bench *b = *state;
    assert_int_equal(link_in(b, pool, order), 0);
    entry(b, 0, "first");
    entry(b, 1, "second");
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(run(b, i), INSTANCE_IDLE);
        assert_int_equal(b->guests[i].seen, 15); /* and each instance begins anew */
    }
}

static void only_plain_functions_are_entries(void **state)
{
    struct bench *b = *state;
    assert_int_equal(link_in(b, plain, order), 0);
    assert_int_equal(linked_entry_new(b->linked, "missing", &b->entries[0]), -ENOENT);
    assert_int_equal(linked_entry_new(b->linked, "memory", &b->entries[0]), -ENOENT);
    assert_int_equal(linked_entry_new(b->linked, "with", &b->entries[0]), -EINVAL);
    assert_int_equal(linked_entry_new(b->linked, "gives", &b->entries[0]), -EINVAL);
    assert_null(b->entries[0]);
    linked_entry_free(NULL);
    linked_free(NULL);
}

static void an_end_by_the_host_needs_no_words(void **state)
{
    struct bench *b = *state;
    assert_int_equal(link_in(b, pool,
                             "(module (import \"m\" \"end\" (func $end))"
                             " (func (export \"go\") call $end))"),
                     0);
    entry(b, 0, "go");
    assert_int_equal(run(b, 0), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -ECANCELED);
}

static void a_trap_in_an_entry_has_a_backtrace(void **state)
{
    struct bench *b = *state;
    assert_int_equal(
        link_in(b, pool, "(module (func $deep unreachable) (func (export \"go\") call $deep))"), 0);
    entry(b, 0, "go");
    assert_int_equal(run(b, 0), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -EFAULT);
    assert_non_null(strstr(b->err.text, "deep"));
}

/* -- the pool --------------------------------------------------------------------------------- */

static const char waiter[] =
    "(module (import \"m\" \"wait\" (func $w (param i32) (result i32)))"
    " (memory (export \"memory\") 1) (func (export \"go\") i32.const 0 call $w drop))";

static void a_full_pool_is_said_so(void **state)
{
    struct bench *b = *state;
    assert_int_equal(link_in(b, pool, waiter), 0);
    entry(b, 0, "go");
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        b->guests[i].waits = true;
        assert_int_equal(run(b, i), INSTANCE_PARKED);
    }
    assert_int_equal(run(b, POOL_SIZE), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -ENOSPC);
    instance_free(b->instances[POOL_SIZE]);
    instance_free(b->instances[0]); /* one that is parked */
    b->instances[0] = NULL;
    assert_int_equal(run(b, POOL_SIZE), INSTANCE_IDLE);
}

/* Writes all over its memory, table and global, and reports what it found there. */
static const char spy[] =
    "(module (import \"m\" \"note\" (func $note (param i32)))"
    " (memory (export \"memory\") 40) (data (i32.const 70000) \"abcd\")"
    " (table $t 100 funcref) (global $g (mut i32) (i32.const 0))"
    " (func $f) (elem declare func $f)"
    " (func (export \"go\") (local $i i32) (local $sum i32)"
    "  (loop $next"
    "   (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $i))))"
    "   (i32.store8 (local.get $i) (i32.const 1))"
    "   (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 509)))"
    "    (i32.const 2621440))))"
    "  (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.const 70000))))"
    "  (i32.store8 (i32.const 70000) (i32.const 1))"
    "  (local.set $sum (i32.add (local.get $sum) (global.get $g)))"
    "  (global.set $g (i32.const 1000))"
    "  (local.set $sum (i32.add (local.get $sum) (i32.mul (i32.const 10000)"
    "   (i32.eqz (ref.is_null (table.get $t (i32.const 7)))))))"
    "  (table.set $t (i32.const 7) (ref.func $f))"
    "  (drop (memory.grow (i32.const 5)))"
    "  (call $note (local.get $sum))))";

static void nothing_is_left_for_the_next(void **state)
{
    struct bench *b = *state;
    assert_int_equal(link_in(b, pool, spy), 0);
    entry(b, 0, "go");
    for (unsigned i = 0; i < 4 * POOL_SIZE; i++) {
        assert_int_equal(run(b, 0), INSTANCE_IDLE);
        assert_int_equal(b->guests[0].seen, 'a');
        assert_int_equal(instance_memory_len(b->instances[0]), 45 << 16);
        instance_free(b->instances[0]);
        b->instances[0] = NULL;
    }
}

static void a_module_too_large_for_the_pool_is_refused(void **state)
{
    static const char five_tables[] =
        "(module (table 1 funcref) (table 1 funcref) (table 1 funcref) "
        "(table 1 funcref) (table 1 funcref))";
    static const char *const too_large[] = {
        "(module (memory 1) (memory 1))",
        "(module (table 2000000 funcref))",
        five_tables,
    };
    struct bench *b = *state;
    for (size_t i = 0; i < ARRAY_COUNT(too_large); i++) {
        assert_int_equal(module_compile(pool, span_of(too_large[i]), &b->module, &b->err), -E2BIG);
        assert_non_null(strstr(b->err.text, "exceeds"));
        assert_int_equal(module_compile(plain, span_of(too_large[i]), &b->module, &b->err), 0);
        module_unref(b->module);
        b->module = NULL;
    }
    assert_int_equal(module_compile(pool, span_of("(module (func i32.add))"), &b->module, &b->err),
                     -ENOEXEC);
}

static void a_pool_without_address_space_is_an_error(void **state)
{
    struct engine_options options = {.pool_instances = 1000, .serial = true};
    struct bench *b = *state;
    struct engine *engine = NULL;
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* which has taken terabytes already */
#endif
    struct rlimit small = {.rlim_cur = UINT64_C(100) << 30, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &small), 0);
    int r = engine_new(&options, &engine, &b->err);
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    assert_int_equal(r, -ENOMEM);
    assert_non_null(strstr(b->err.text, "1000 guests"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_name_may_have_two_types),
        TEST(a_call_is_that_of_its_own_instance),
        TEST(a_type_that_cannot_wait_is_refused),
        TEST(two_entries_are_called_in_order),
        TEST(only_plain_functions_are_entries),
        TEST(an_end_by_the_host_needs_no_words),
        TEST(a_trap_in_an_entry_has_a_backtrace),
        TEST(a_full_pool_is_said_so),
        TEST(nothing_is_left_for_the_next),
        TEST(a_module_too_large_for_the_pool_is_refused),
        TEST(a_pool_without_address_space_is_an_error),
    };
    if (make_engines() < 0) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    engine_free(pool);
    engine_free(plain);
    return failed;
}
