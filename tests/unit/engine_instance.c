/* Instances: calls, arguments and results, traps, limits, ticks, and guests that wait. */
#include "engine/instance.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "engine/engine.h"
#include "engine/linked.h"
#include "engine/module.h"

struct guest {
    unsigned begins;
    unsigned finishes;
    unsigned waits_left; /* answers of CALL_WAIT still to give */
    unsigned before;
    unsigned after;
    int32_t last_answer;
    unsigned ticks;
    unsigned ticks_max;
    uint32_t seen[8]; /* the arguments of the last call */
    uint64_t memory_len;
};

struct bench {
    struct module *module;
    struct linked *linked;
    struct instance *instance;
    struct guest guest;
    struct error err;
};

static struct engine *engine;
static struct engine *fuel_engine;

/* The engine turns these signals into traps, and cmocka puts its own handlers in their place for
 * the time of each test: they are put back there. */
static const int trap_signals[] = {SIGILL, SIGSEGV, SIGFPE, SIGBUS};
static struct sigaction trap_actions[ARRAY_COUNT(trap_signals)];

static int make_engines(void)
{
    struct engine_options options = {.serial = true};
    struct error err = {0};
    if (engine_new(&options, &engine, &err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(trap_signals); i++) {
        (void)sigaction(trap_signals[i], NULL, &trap_actions[i]); /* these signals exist */
    }
    options.fuel = true;
    return engine_new(&options, &fuel_engine, &err);
}

static void use_the_engines_handlers(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(trap_signals); i++) {
        assert_int_equal(sigaction(trap_signals[i], &trap_actions[i], NULL), 0);
    }
}

/* -- host functions --------------------------------------------------------------------------- */

static void note(struct call *call)
{
    struct guest *guest = call->guest;
    for (unsigned i = 0; call->func->params[i] != '\0'; i++) {
        guest->seen[i] = call_u32(call, i);
    }
    guest->memory_len = call->memory_len;
}

static int32_t add_begin(struct call *call)
{
    note(call);
    return (int32_t)(call_u32(call, 0) + call_u32(call, 1));
}

static int32_t wide_begin(struct call *call)
{
    return call_u64(call, 0) == UINT64_C(0x123456789abcdef0) ? 1 : 0;
}

static int32_t nothing_begin(struct call *call)
{
    note(call);
    return 0;
}

static int32_t trap_begin(struct call *call)
{
    instance_fail(call->instance, "said %s", "so");
    return CALL_TRAP;
}

static int32_t wait_begin(struct call *call)
{
    struct guest *guest = call->guest;
    guest->begins++;
    note(call);
    return guest->waits_left > 0 ? CALL_WAIT : 7;
}

static int32_t wait_finish(struct call *call)
{
    struct guest *guest = call->guest;
    guest->finishes++;
    note(call);
    guest->waits_left--;
    return guest->waits_left > 0 ? CALL_WAIT : (int32_t)call_u32(call, 0) + 1;
}

static int32_t trap_finish(struct call *call)
{
    (void)call;
    return CALL_TRAP;
}

static int32_t tick_begin(struct call *call)
{
    (void)call;
    engine_tick(engine);
    return 0;
}

static const struct host_func funcs[] = {
    {"tick", "", "", "", tick_begin, NULL},
    {"add", "ii", "i", "a b", add_begin, NULL},
    {"wide", "I", "i", "a", wide_begin, NULL},
    {"nothing", "i", "", "a", nothing_begin, NULL},
    {"trap", "", "", "", trap_begin, NULL},
    {"wait", "i", "i", "a", wait_begin, wait_finish},
    {"wait8", "iiiiiiii", "i", "a b c d e f g h", wait_begin, wait_finish},
    {"wait_trap", "i", "i", "a", wait_begin, trap_finish},
};

static const struct host_func *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(funcs); i++) {
        if (strcmp(funcs[i].name, name) == 0) {
            return &funcs[i];
        }
    }
    fail_msg("no host function %s", name);
    return NULL;
}

static void before_call(struct call *call)
{
    ((struct guest *)call->guest)->before++;
}

static void after_call(const struct call *call, int32_t answer)
{
    struct guest *guest = call->guest;
    guest->after++;
    guest->last_answer = answer;
}

static bool on_tick(struct instance *instance, void *data, bool *ret_yield)
{
    struct guest *guest = data;
    guest->ticks++;
    if (guest->ticks > guest->ticks_max) {
        instance_fail(instance, "too many ticks");
        return false;
    }
    *ret_yield = true;
    return true;
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
    instance_free(b->instance);
    linked_free(b->linked);
    module_unref(b->module);
    return 0;
}

static int prepare_in(struct bench *b, struct engine *in, const char *text,
                      struct instance_options options)
{
    const struct host_func *chosen[16];
    uint32_t count = 0;
    use_the_engines_handlers();
    assert_int_equal(module_compile(in, span_of(text), &b->module, &b->err), 0);
    for (uint32_t i = 0; i < module_import_count(b->module); i++) {
        chosen[count++] = find(module_import(b->module, i)->name);
    }
    options.guest = &b->guest;
    options.before_call = before_call;
    options.after_call = after_call;
    int r = linked_new(b->module, chosen, &b->linked, &b->err);
    return r < 0 ? r : instance_new(in, &options, &b->instance, &b->err);
}

/* Compile and instantiate. */
static void make(struct bench *b, const char *text)
{
    struct instance_options options = {.max_memory = 0};
    assert_int_equal(prepare_in(b, engine, text, options), 0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_IDLE);
}

static enum instance_state call_with(struct bench *b, const char *name, const char *const *args,
                                     uint32_t count)
{
    assert_int_equal(instance_begin_call(b->instance, name, args, count, &b->err), 0);
    return instance_resume(b->instance, &b->err);
}

static enum instance_state call(struct bench *b, const char *name)
{
    return call_with(b, name, NULL, 0);
}

/* -- calls ------------------------------------------------------------------------------------ */

static const char math[] =
    "(module (memory (export \"memory\") 1)"
    " (func (export \"none\"))"
    " (func (export \"inc\") (param i32) (result i32) local.get 0 i32.const 1 i32.add)"
    " (func (export \"two\") (param i64 f64) (result f64 i64) local.get 1 local.get 0)"
    " (func (export \"half\") (param f32) (result f32) local.get 0 f32.const 2 f32.div)"
    " (global (export \"g\") i32 (i32.const 0)))";

static void results_come_as_text(void **state)
{
    struct bench *b = *state;
    make(b, math);
    assert_int_equal(call(b, "none"), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "");
    assert_int_equal(call_with(b, "inc", (const char *const[]){"41"}, 1), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "42");
    assert_int_equal(call_with(b, "inc", (const char *const[]){"-0x10"}, 1), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "-15");
    assert_int_equal(call_with(b, "two", (const char *const[]){"-9223372036854775808", "1.5"}, 2),
                     INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "1.5 -9223372036854775808");
    assert_int_equal(call_with(b, "half", (const char *const[]){"3"}, 1), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "1.5");
    assert_int_equal(call(b, "none"), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "");
}

static void the_whole_range_of_i32_can_be_written(void **state)
{
    struct bench *b = *state;
    make(b, math);
    assert_int_equal(call_with(b, "inc", (const char *const[]){"4294967295"}, 1), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "0");
    assert_int_equal(call_with(b, "inc", (const char *const[]){"-2147483648"}, 1), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "-2147483647");
}

static void refuse(struct bench *b, const char *name, const char *arg, int code)
{
    b->err = (struct error){0};
    int r = instance_begin_call(b->instance, name, &arg, arg != NULL ? 1 : 0, &b->err);
    assert_int_equal(r, code);
    assert_true(strlen(b->err.text) > 0);
}

static void bad_arguments_are_refused(void **state)
{
    static const char *const bad[] = {
        "", "x", "1x", " ", "1.5", "0x", "4294967296", "-2147483649", "99999999999999999999"};
    struct bench *b = *state;
    make(b, math);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        refuse(b, "inc", bad[i], -EINVAL);
    }
    refuse(b, "inc", NULL, -EINVAL);
    refuse(b, "none", "1", -EINVAL);
    refuse(b, "missing", NULL, -ENOENT);
    refuse(b, "memory", NULL, -ENOENT);
    refuse(b, "g", NULL, -ENOENT);
    assert_int_equal(call(b, "none"), INSTANCE_IDLE); /* and nothing is under way */
}

static void host_functions_get_their_arguments(void **state)
{
    struct bench *b = *state;
    make(b, "(module (import \"m\" \"add\" (func $add (param i32 i32) (result i32)))"
            " (import \"m\" \"wide\" (func $wide (param i64) (result i32)))"
            " (import \"m\" \"nothing\" (func $nothing (param i32)))"
            " (memory (export \"memory\") 3)"
            " (func (export \"f\") (result i32 i32) i32.const 0xffffffff call $nothing"
            "  i32.const 40 i32.const 2 call $add"
            "  i64.const 0x123456789abcdef0 call $wide))");
    assert_int_equal(call(b, "f"), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "42 1");
    assert_int_equal(b->guest.seen[0], 40);
    assert_int_equal(b->guest.seen[1], 2);
    assert_int_equal(b->guest.memory_len, 3 << 16);
    assert_int_equal(instance_memory_len(b->instance), 3 << 16);
    assert_int_equal(b->guest.before, 3);
    assert_int_equal(b->guest.after, 3);
}

static void a_guest_without_memory_has_none(void **state)
{
    struct bench *b = *state;
    make(b, "(module (import \"m\" \"nothing\" (func $nothing (param i32)))"
            " (func (export \"f\") i32.const 5 call $nothing))");
    assert_int_equal(call(b, "f"), INSTANCE_IDLE);
    assert_int_equal(b->guest.memory_len, 0);
    assert_int_equal(instance_memory_len(b->instance), 0);
}

static void memory_is_there_in_the_start_function(void **state)
{
    struct bench *b = *state;
    make(b, "(module (import \"m\" \"nothing\" (func $nothing (param i32)))"
            " (memory (export \"memory\") 1)"
            " (func $s i32.const 9 call $nothing) (start $s))");
    assert_int_equal(b->guest.seen[0], 9);
    assert_int_equal(b->guest.memory_len, 1 << 16);
}

/* -- ends ------------------------------------------------------------------------------------- */

static void a_trap_comes_with_a_backtrace(void **state)
{
    struct bench *b = *state;
    make(b, "(module (func $deep unreachable) (func $f (export \"f\") call $deep))");
    assert_int_equal(call(b, "f"), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -EFAULT);
    assert_non_null(strstr(b->err.text, "unreachable"));
    assert_non_null(strstr(b->err.text, "deep"));
}

static void endless_recursion_is_a_trap(void **state)
{
    struct bench *b = *state;
    make(b, "(module (func $f (export \"f\") call $f))");
    assert_int_equal(call(b, "f"), INSTANCE_FAILED);
    assert_non_null(strstr(b->err.text, "stack"));
}

static void a_trap_while_instantiating_is_told(void **state)
{
    struct bench *b = *state;
    struct instance_options options = {.max_memory = 0};
    assert_int_equal(prepare_in(b, engine, "(module (func $s unreachable) (start $s))", options),
                     0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -EFAULT);
}

static void a_host_function_can_end_its_guest(void **state)
{
    struct bench *b = *state;
    make(b, "(module (import \"m\" \"trap\" (func $trap)) (func (export \"f\") call $trap))");
    assert_int_equal(call(b, "f"), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -ECANCELED);
    assert_string_equal(b->err.text, "said so");
    assert_int_equal(b->guest.last_answer, CALL_TRAP);
}

/* -- limits ----------------------------------------------------------------------------------- */

static void memory_past_the_limit_is_refused_at_the_start(void **state)
{
    struct bench *b = *state;
    struct instance_options options = {.max_memory = 3 << 16};
    assert_int_equal(prepare_in(b, engine, "(module (memory (export \"memory\") 4))", options), 0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -ENOMEM);
    assert_non_null(strstr(b->err.text, "--max-memory"));
}

static void memory_past_the_limit_ends_the_guest(void **state)
{
    struct bench *b = *state;
    struct instance_options options = {.max_memory = 3 << 16};
    assert_int_equal(prepare_in(b, engine,
                                "(module (memory (export \"memory\") 1)"
                                " (func (export \"grow\") (result i32) i32.const 1 memory.grow))",
                                options),
                     0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_IDLE);
    assert_int_equal(call(b, "grow"), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "1");
    assert_int_equal(call(b, "grow"), INSTANCE_IDLE);
    assert_int_equal(call(b, "grow"), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -ENOMEM);
    assert_non_null(strstr(b->err.text, "262144"));
    assert_non_null(strstr(b->err.text, "196608"));
}

/* The module's own maximum is an answer of -1, as ever, and counts for nothing. */
static void a_growth_past_the_modules_maximum_is_minus_one(void **state)
{
    struct bench *b = *state;
    make(b, "(module (memory (export \"memory\") 1 2)"
            " (func (export \"grow\") (result i32) i32.const 2 memory.grow))");
    assert_int_equal(call(b, "grow"), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "-1");
}

static void tables_have_a_limit_too(void **state)
{
    struct bench *b = *state;
    struct instance_options options = {.max_tables = 10};
    assert_int_equal(prepare_in(b, engine,
                                "(module (table $t 5 funcref) (func (export \"grow\") (result i32)"
                                " ref.null func i32.const 5 table.grow $t))",
                                options),
                     0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_IDLE);
    assert_int_equal(call(b, "grow"), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "5");
    assert_int_equal(call(b, "grow"), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "-1");
}

static void fuel_runs_out(void **state)
{
    struct bench *b = *state;
    struct instance_options options = {.fuel = 10000};
    assert_int_equal(
        prepare_in(b, fuel_engine, "(module (func (export \"f\") (loop br 0)))", options), 0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_IDLE);
    assert_int_equal(call(b, "f"), INSTANCE_FAILED);
    assert_non_null(strstr(b->err.text, "all fuel consumed"));
}

static void ticks_make_a_computing_guest_yield(void **state)
{
    struct bench *b = *state;
    struct instance_options options = {.on_tick = on_tick};
    b->guest.ticks_max = 3;
    assert_int_equal(prepare_in(b, engine,
                                "(module (import \"m\" \"tick\" (func $tick))"
                                " (func (export \"f\") (loop call $tick br 0)))",
                                options),
                     0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_IDLE);
    assert_int_equal(instance_begin_call(b->instance, "f", NULL, 0, &b->err), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_RUNNABLE);
        assert_int_equal(b->guest.ticks, i + 1);
    }
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_FAILED);
    assert_int_equal(b->err.code, -ECANCELED);
    assert_string_equal(b->err.text, "too many ticks");
}

/* -- waiting ---------------------------------------------------------------------------------- */

static const char waiting[] =
    "(module (import \"m\" \"wait\" (func $wait (param i32) (result i32)))"
    " (memory (export \"memory\") 1)"
    " (func (export \"f\") (result i32) i32.const 41 call $wait))";

static void a_guest_that_need_not_wait_does_not(void **state)
{
    struct bench *b = *state;
    make(b, waiting);
    assert_int_equal(call(b, "f"), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "7");
    assert_int_equal(b->guest.finishes, 0);
}

static void a_parked_guest_is_resumed(void **state)
{
    struct bench *b = *state;
    make(b, waiting);
    b->guest.waits_left = 3;
    assert_int_equal(call(b, "f"), INSTANCE_PARKED);
    assert_int_equal(b->guest.begins, 1);
    assert_int_equal(b->guest.after, 1);
    assert_int_equal(b->guest.last_answer, CALL_WAIT);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_PARKED);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_PARKED);
    b->guest.seen[0] = 0;
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "42");
    assert_int_equal(b->guest.seen[0], 41); /* finish has the arguments, too */
    assert_int_equal(b->guest.memory_len, 1 << 16);
    assert_int_equal(b->guest.begins, 1);
    assert_int_equal(b->guest.finishes, 3);
    assert_int_equal(b->guest.before, 1);
    assert_int_equal(b->guest.after, 2); /* when it began to wait, and its answer */
}

static void a_function_of_eight_parameters_may_wait(void **state)
{
    struct bench *b = *state;
    make(b, "(module (import \"m\" \"wait8\" (func $w (param i32 i32 i32 i32 i32 i32 i32 i32)"
            " (result i32))) (func (export \"f\") (result i32) i32.const 1 i32.const 2 i32.const 3"
            " i32.const 4 i32.const 5 i32.const 6 i32.const 7 i32.const 0xffffffff call $w))");
    b->guest.waits_left = 1;
    assert_int_equal(call(b, "f"), INSTANCE_PARKED);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_IDLE);
    assert_string_equal(instance_results(b->instance), "2");
    assert_memory_equal(b->guest.seen, ((const uint32_t[]){1, 2, 3, 4, 5, 6, 7, 0xffffffff}), 32);
}

static void a_wait_may_end_the_guest(void **state)
{
    struct bench *b = *state;
    make(b, "(module (import \"m\" \"wait_trap\" (func $w (param i32) (result i32)))"
            " (func (export \"f\") (result i32) i32.const 0 call $w))");
    b->guest.waits_left = 1;
    assert_int_equal(call(b, "f"), INSTANCE_PARKED);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_FAILED);
}

static void a_guest_may_wait_while_it_is_made(void **state)
{
    struct bench *b = *state;
    struct instance_options options = {.max_memory = 0};
    b->guest.waits_left = 1;
    assert_int_equal(prepare_in(b, engine,
                                "(module (import \"m\" \"wait\" (func $w (param i32) (result i32)))"
                                " (func $s i32.const 1 call $w drop) (start $s))",
                                options),
                     0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_PARKED);
    assert_int_equal(instance_resume(b->instance, &b->err), INSTANCE_IDLE);
}

static void a_parked_guest_may_be_freed(void **state)
{
    struct bench *b = *state;
    make(b, waiting);
    b->guest.waits_left = 2;
    assert_int_equal(call(b, "f"), INSTANCE_PARKED);
}

static void a_begun_guest_may_be_freed(void **state)
{
    struct bench *b = *state;
    struct instance_options options = {.max_memory = 0};
    assert_int_equal(prepare_in(b, engine, math, options), 0);
    instance_begin_run(b->instance, b->linked, NULL, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(results_come_as_text),
        TEST(the_whole_range_of_i32_can_be_written),
        TEST(bad_arguments_are_refused),
        TEST(host_functions_get_their_arguments),
        TEST(a_guest_without_memory_has_none),
        TEST(memory_is_there_in_the_start_function),
        TEST(a_trap_comes_with_a_backtrace),
        TEST(endless_recursion_is_a_trap),
        TEST(a_trap_while_instantiating_is_told),
        TEST(a_host_function_can_end_its_guest),
        TEST(memory_past_the_limit_is_refused_at_the_start),
        TEST(memory_past_the_limit_ends_the_guest),
        TEST(a_growth_past_the_modules_maximum_is_minus_one),
        TEST(tables_have_a_limit_too),
        TEST(fuel_runs_out),
        TEST(ticks_make_a_computing_guest_yield),
        TEST(a_guest_that_need_not_wait_does_not),
        TEST(a_parked_guest_is_resumed),
        TEST(a_function_of_eight_parameters_may_wait),
        TEST(a_wait_may_end_the_guest),
        TEST(a_guest_may_wait_while_it_is_made),
        TEST(a_parked_guest_may_be_freed),
        TEST(a_begun_guest_may_be_freed),
    };
    if (make_engines() < 0) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    engine_free(engine);
    engine_free(fuel_engine);
    engine_free(NULL);
    return failed;
}
