/* Stores, fibers and the way from guest code into host functions. See instance.h.
 *
 * Happy path of a host call that waits:
 *   1. guest code calls the import; the engine calls step_begin on the guest's fiber
 *   2. the function's begin answers CALL_WAIT; the fiber is left, instance_resume returns PARKED
 *   3. the loop finds the reason to go on and has instance_resume called
 *   4. the engine re-enters the fiber and calls step_finish; its answer goes to the guest
 *
 * Failure modes: a host function that answers CALL_TRAP, a trap of the guest, a tick that ends
 * it, memory past the limit: in all of them the future completes with an error and the state
 * becomes FAILED. Freeing a parked instance makes the engine unwind the fiber. */
#include "engine/instance.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/handles.h"
#include "engine/instance_parts.h"

enum { FAIL_TEXT_MAX = 256 };

_Static_assert(sizeof(wasmtime_val_raw_t) == sizeof(union call_value), "one layout");

struct instance {
    struct linked *linked; /* borrowed; NULL before the first run, and for components */
    struct instance_options options;
    wasmtime_store_t *store; /* owned */
    wasmtime_context_t *context;
    struct hythe_run run;
    struct hythe_component_run component;
    struct hythe_end end; /* of the last of both that failed */
    enum instance_state state;

    wasmtime_call_future_t *future; /* owned; NULL when nothing is begun */
    struct invoke *invoke;          /* owned; NULL before the first call with text */
    wasm_trap_t *trap;              /* owned; written by the future of such a call */
    wasmtime_error_t *error;

    bool waiting;   /* the last host function answered CALL_WAIT */
    bool is_ending; /* a host function answered CALL_TRAP */
    int fail_code;  /* what ended the guest, 0: nothing of the host's; fail_text holds */
    char fail_text[FAIL_TEXT_MAX];
    uint64_t memory_used; /* bytes granted so far by on_growth */
    uint64_t tables_used;
};

/* -- host calls ------------------------------------------------------------------------------- */

static void find_memory(struct instance *instance, wasmtime_caller_t *caller, struct call *call)
{
    wasmtime_memory_t memory = instance->run.memory;
    if (!instance->run.has_memory) {
        wasmtime_extern_t item;
        if (!wasmtime_caller_export_get(caller, "memory", 6, &item)) {
            return;
        }
        if (item.kind != WASMTIME_EXTERN_MEMORY) {
            wasmtime_extern_delete(&item);
            return;
        }
        memory = item.of.memory;
    }
    call->memory = wasmtime_memory_data(instance->context, &memory);
    call->memory_len = wasmtime_memory_data_size(instance->context, &memory);
}

static int32_t make_call(struct call *call, bool is_begin)
{
    const struct instance_options *options = &call->instance->options;
    if (is_begin && options->before_call != NULL) {
        options->before_call(call);
    }
    int32_t answer = is_begin ? call->func->begin(call) : call->func->finish(call);
    bool is_over = answer != CALL_WAIT && answer != CALL_GUEST;
    if (options->after_call != NULL && (is_over || (is_begin && answer == CALL_WAIT))) {
        options->after_call(call, answer);
    }
    return answer;
}

static int32_t step(struct call *call, wasmtime_caller_t *caller, struct hythe_step_out *out,
                    bool is_begin)
{
    struct instance *instance = call->instance;
    call->guest = instance->options.guest;
    call->callee_result = out->result;
    find_memory(instance, caller, call);
    int32_t answer = make_call(call, is_begin);
    switch (answer) {
    case CALL_WAIT:
        instance->waiting = true;
        return HYTHE_STEP_WAIT;
    case CALL_TRAP:
        instance->is_ending = true;
        return HYTHE_STEP_TRAP;
    case CALL_GUEST:
        out->callee = call->callee;
        out->argument = call->callee_arg;
        return HYTHE_STEP_CALL;
    default:
        break;
    }
    if (call->func->results[0] != '\0') {
        call->values[0].i32 = answer;
    }
    return HYTHE_STEP_DONE;
}

int32_t instance_step_begin(const void *row, void *data, wasmtime_caller_t *caller,
                            wasmtime_val_raw_t *values, struct hythe_step_out *out)
{
    struct call call = {.func = row, .instance = data};
    call.values = (union call_value *)(void *)values;
    return step(&call, caller, out, /* is_begin */ true);
}

int32_t instance_step_finish(const void *row, void *data, wasmtime_caller_t *caller,
                             wasmtime_val_raw_t *values, struct hythe_step_out *out)
{
    struct call call = {.func = row, .instance = data};
    call.values = (union call_value *)(void *)values;
    return step(&call, caller, out, /* is_begin */ false);
}

/* -- host calls of components ------------------------------------------------------------------- */

int32_t instance_component_step(const struct component_func *row, void *data,
                                const union component_value *args, union component_value *results,
                                bool is_begin)
{
    struct instance *instance = data;
    const struct instance_options *options = &instance->options;
    struct component_call call = {.func = row,
                                  .args = args,
                                  .results = results,
                                  .guest = options->guest,
                                  .instance = instance};
    if (is_begin && options->before_component_call != NULL) {
        options->before_component_call(&call);
    }
    int32_t answer = is_begin ? row->begin(&call) : row->finish(&call);
    if (options->after_component_call != NULL && (answer != CALL_WAIT || is_begin)) {
        options->after_component_call(&call, answer);
    }
    if (answer == CALL_WAIT) {
        instance->waiting = true;
        return HYTHE_STEP_WAIT;
    }
    instance->is_ending = answer == CALL_TRAP;
    return answer == CALL_TRAP ? HYTHE_STEP_TRAP : HYTHE_STEP_DONE;
}

int32_t instance_component_drop(const struct component_resource *row, void *data, uint32_t rep)
{
    struct instance *instance = data;
    int32_t answer = row->drop(instance->options.guest, instance, rep);
    instance->is_ending = answer == CALL_TRAP;
    return answer == CALL_TRAP ? HYTHE_STEP_TRAP : HYTHE_STEP_DONE;
}

/* -- limits ----------------------------------------------------------------------------------- */

static bool on_growth(void *env, bool is_memory, size_t from, size_t to)
{
    struct instance *instance = env;
    uint64_t more = to - from;
    if (!is_memory) {
        uint64_t max = instance->options.max_tables;
        if (max != 0 && (more > max || instance->tables_used > max - more)) {
            return false;
        }
        instance->tables_used += more;
        return true;
    }
    uint64_t max = instance->options.max_memory;
    if (max != 0 && (more > max || instance->memory_used > max - more)) {
        instance_fail(instance,
                      "the guest wanted %" PRIu64 " bytes of memory and may have %" PRIu64
                      " (--max-memory)",
                      instance->memory_used + more, max);
        instance->fail_code = -ENOMEM;
        return false;
    }
    instance->memory_used += more;
    return true;
}

static wasmtime_error_t *on_epoch(wasmtime_context_t *context, void *data, uint64_t *ret_delta,
                                  wasmtime_update_deadline_kind_t *ret_kind)
{
    struct instance *instance = data;
    bool yield = false;
    (void)context;
    *ret_delta = 1;
    if (!instance->options.on_tick(instance, instance->options.guest, &yield)) {
        instance->is_ending = true;
        return wasmtime_error_new("ended by the host");
    }
    *ret_kind = yield ? WASMTIME_UPDATE_DEADLINE_YIELD : WASMTIME_UPDATE_DEADLINE_CONTINUE;
    return NULL;
}

static bool on_epoch_without_ticks(struct instance *instance, void *guest, bool *ret_yield)
{
    (void)instance;
    (void)guest;
    *ret_yield = true;
    return true;
}

/* -- making ----------------------------------------------------------------------------------- */

static int make_store(struct instance *instance, const struct engine *engine, struct error *err)
{
    instance->store = wasmtime_store_new(engine->wasm, instance, NULL);
    instance->context = wasmtime_store_context(instance->store);
    hythe_store_limiter(instance->store, on_growth, instance);
    if (instance->options.on_tick == NULL) {
        instance->options.on_tick = on_epoch_without_ticks;
    }
    wasmtime_store_epoch_deadline_callback(instance->store, on_epoch, instance, NULL);
    wasmtime_context_set_epoch_deadline(instance->context, 1);
    if (instance->options.fuel > 0) {
        wasmtime_error_t *error =
            wasmtime_context_set_fuel(instance->context, instance->options.fuel);
        if (error != NULL) {
            return engine_take_error(err, -EINVAL, error);
        }
    }
    return 0;
}

int instance_new(struct engine *engine, const struct instance_options *options,
                 struct instance **ret_instance, struct error *err)
{
    struct instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL) {
        return error_set_errno(err, -ENOMEM, "making a guest");
    }
    instance->options = *options;
    int r = make_store(instance, engine, err);
    if (r < 0) {
        instance_free(instance);
        return r;
    }
    *ret_instance = instance;
    return 0;
}

static void drop_future(struct instance *instance)
{
    if (instance->future != NULL) {
        wasmtime_call_future_delete(instance->future);
        instance->future = NULL;
    }
}

void instance_free(struct instance *instance)
{
    if (instance == NULL) {
        return;
    }
    drop_future(instance);
    if (instance->trap != NULL) {
        wasm_trap_delete(instance->trap);
    }
    if (instance->error != NULL) {
        wasmtime_error_delete(instance->error);
    }
    if (instance->end.error != NULL) {
        wasmtime_error_delete(instance->end.error);
    }
    hythe_component_run_done(&instance->component);
    if (instance->store != NULL) {
        wasmtime_store_delete(instance->store);
    }
    free(instance->invoke);
    free(instance);
}

/* -- running ---------------------------------------------------------------------------------- */

void instance_begin_run(struct instance *instance, struct linked *linked,
                        const struct linked_entry *before, const struct linked_entry *entry)
{
    assert(!instance->run.is_instantiated && instance->future == NULL);
    instance->linked = linked;
    instance->future = hythe_linked_run(
        instance->context, instance->linked->wasm, (const struct hythe_entry *)before,
        (const struct hythe_entry *)entry, &instance->run, &instance->end);
    instance->state = INSTANCE_RUNNABLE;
}

void instance_begin_component(struct instance *instance, struct linked *linked,
                              enum instance_component_call what, const uint32_t reps[2])
{
    static const int32_t calls[] = {[INSTANCE_NOTHING] = HYTHE_CALL_NOTHING,
                                    [INSTANCE_HANDLE] = HYTHE_CALL_HANDLE,
                                    [INSTANCE_RUN] = HYTHE_CALL_RUN};
    assert(instance->future == NULL && instance->state != INSTANCE_FAILED);
    instance->future = hythe_component_run(instance->context, linked->component, calls[what],
                                           reps[0], reps[1], &instance->component, &instance->end);
    instance->state = INSTANCE_RUNNABLE;
}

bool instance_run_has_failed(const struct instance *instance)
{
    return instance->component.has_failed;
}

int instance_begin_call(struct instance *instance, const char *name, const char *const *args,
                        uint32_t arg_count, struct error *err)
{
    assert(instance->run.is_instantiated && instance->future == NULL);
    const struct module_export *export = module_find_export(instance->linked->module, name);
    if (export == NULL || export->kind != EXTERN_FUNC) {
        return error_set(err, -ENOENT, "the module exports no function %s", name);
    }
    if (instance->invoke == NULL) {
        instance->invoke = calloc(1, sizeof *instance->invoke);
    }
    struct invoke *invoke = instance->invoke;
    if (invoke == NULL) {
        return error_set_errno(err, -ENOMEM, "calling %s", name);
    }
    int r = invoke_parse(invoke, export, args, arg_count, err);
    if (r < 0) {
        return r;
    }
    wasmtime_extern_t item;
    if (!wasmtime_instance_export_get(instance->context, &instance->run.instance, name,
                                      strlen(name), &item)) {
        return error_set(err, -ENOENT, "the module exports no function %s", name);
    }
    invoke->callee = item.of.func;
    instance->future = wasmtime_func_call_async(instance->context, &invoke->callee, invoke->values,
                                                arg_count, invoke->outputs, invoke->output_count,
                                                &instance->trap, &instance->error);
    instance->state = INSTANCE_RUNNABLE;
    return 0;
}

static void take_text(struct instance *instance, wasm_byte_vec_t *ret_text)
{
    if (instance->trap != NULL) {
        wasm_trap_message(instance->trap, ret_text);
    } else {
        wasmtime_error_message(instance->error, ret_text);
    }
}

/* Move what ended the guest into `err`; the guest's frames come with it. What the host ended itself
 * needs none of the engine's words, which cost more than a small guest. */
static void take_failure(struct instance *instance, struct error *err)
{
    if (instance->fail_code != 0) {
        (void)error_set(err, instance->fail_code, "%s", instance->fail_text);
    } else if (instance->is_ending) {
        (void)error_set(err, -ECANCELED, "ended by the host");
    } else {
        wasm_byte_vec_t text;
        bool is_full = instance->end.end == HYTHE_END_POOL_FULL;
        take_text(instance, &text);
        (void)error_set(err, is_full ? -ENOSPC : -EFAULT, "%.*s", (int)text.size, text.data);
        wasm_byte_vec_delete(&text);
    }
    if (instance->trap != NULL) {
        wasm_trap_delete(instance->trap);
        instance->trap = NULL;
    }
    if (instance->error != NULL) {
        wasmtime_error_delete(instance->error);
        instance->error = NULL;
    }
}

enum instance_state instance_resume(struct instance *instance, struct error *err)
{
    assert(instance->future != NULL);
    instance->waiting = false;
    if (!wasmtime_call_future_poll(instance->future)) {
        instance->state = instance->waiting ? INSTANCE_PARKED : INSTANCE_RUNNABLE;
        return instance->state;
    }
    drop_future(instance);
    if (instance->end.error != NULL) {
        instance->error = instance->end.error;
        instance->end.error = NULL;
    }
    if (instance->trap != NULL || instance->error != NULL) {
        take_failure(instance, err);
        instance->state = INSTANCE_FAILED;
        return instance->state;
    }
    if (instance->invoke != NULL) {
        invoke_print(instance->invoke);
    }
    instance->state = INSTANCE_IDLE;
    return instance->state;
}

const char *instance_results(const struct instance *instance)
{
    return instance->invoke != NULL ? instance->invoke->results : "";
}

void instance_fail(struct instance *instance, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(instance->fail_text, sizeof instance->fail_text, format, args);
    va_end(args);
    instance->fail_code = -ECANCELED;
}

const char *instance_fail_reason(const struct instance *instance)
{
    return instance->fail_code != 0 ? instance->fail_text : NULL;
}

uint64_t instance_memory_len(const struct instance *instance)
{
    if (!instance->run.has_memory) {
        return instance->component.instance != NULL ? instance->memory_used : 0;
    }
    return wasmtime_memory_data_size(instance->context, &instance->run.memory);
}
