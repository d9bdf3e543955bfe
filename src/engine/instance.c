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

#include "base/buffer.h"
#include "base/container.h"
#include "engine/handles.h"

enum { CALL_VALUES_MAX = 32, FAIL_TEXT_MAX = 512, BACKTRACE_MAX = 16 };

_Static_assert(sizeof(wasmtime_val_raw_t) == sizeof(union call_value), "one layout");

/* What a host function's environment pointer points at: one per import. */
struct binding {
    struct instance *instance; /* borrowed: the owner */
    const struct host_func *func;
};

struct instance {
    struct module *module; /* borrowed */
    struct instance_options options;
    wasmtime_store_t *store; /* owned */
    wasmtime_context_t *context;
    struct binding *bindings; /* owned */
    wasmtime_func_t *imports; /* owned */
    wasmtime_instance_t wasm;
    wasmtime_memory_t memory;
    bool has_memory;
    bool is_new; /* not instantiated yet */
    enum instance_state state;

    wasmtime_call_future_t *future; /* owned; NULL when nothing is begun */
    wasmtime_func_t callee;
    wasmtime_val_t values[CALL_VALUES_MAX]; /* arguments */
    wasmtime_val_t outputs[CALL_VALUES_MAX];
    uint32_t output_count;
    wasm_trap_t *trap; /* owned; written by the future */
    wasmtime_error_t *error;
    char results[CALL_VALUES_MAX * 24];

    bool waiting; /* the last host function answered CALL_WAIT */
    bool failing; /* fail_text holds */
    char fail_text[FAIL_TEXT_MAX];
    uint64_t memory_used; /* bytes granted so far by on_growth */
    uint64_t tables_used;
};

/* -- host calls ------------------------------------------------------------------------------- */

static void find_memory(struct instance *instance, wasmtime_caller_t *caller, struct call *call)
{
    wasmtime_memory_t memory = instance->memory;
    if (!instance->has_memory) {
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

static struct call begin_call(struct binding *binding, wasmtime_caller_t *caller,
                              wasmtime_val_raw_t *values)
{
    struct instance *instance = binding->instance;
    struct call call = {
        .func = binding->func,
        .values = (union call_value *)(void *)values,
        .guest = instance->options.guest,
        .instance = instance,
    };
    find_memory(instance, caller, &call);
    return call;
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

static wasm_trap_t *enter(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                          size_t count)
{
    struct binding *binding = env;
    struct call call = begin_call(binding, caller, values);
    (void)count; /* checked against the module's type when it was linked */
    int32_t answer = make_call(&call, true);
    if (answer == CALL_TRAP) {
        return wasmtime_trap_new("ended by the host", strlen("ended by the host"));
    }
    if (binding->func->results[0] != '\0') {
        values[0].i32 = answer;
    }
    return NULL;
}

static int32_t step(struct binding *binding, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                    struct hythe_step_out *out, bool is_begin)
{
    struct call call = begin_call(binding, caller, values);
    call.callee_result = out->result;
    int32_t answer = make_call(&call, is_begin);
    switch (answer) {
    case CALL_WAIT:
        binding->instance->waiting = true;
        return HYTHE_STEP_WAIT;
    case CALL_TRAP:
        out->trap = wasmtime_error_new("ended by the host");
        return HYTHE_STEP_TRAP;
    case CALL_GUEST:
        out->callee = call.callee;
        out->argument = call.callee_arg;
        return HYTHE_STEP_CALL;
    default:
        values[0].i32 = answer;
        return HYTHE_STEP_DONE;
    }
}

static int32_t step_begin(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                          struct hythe_step_out *out)
{
    return step(env, caller, values, out, true);
}

static int32_t step_finish(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                           struct hythe_step_out *out)
{
    return step(env, caller, values, out, false);
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

static wasm_valtype_vec_t value_types(const char *letters)
{
    wasm_valtype_vec_t types;
    wasm_valtype_vec_new_uninitialized(&types, strlen(letters));
    for (size_t i = 0; i < types.size; i++) {
        wasm_valkind_t kind = letters[i] == 'i'   ? WASM_I32
                              : letters[i] == 'I' ? WASM_I64
                              : letters[i] == 'f' ? WASM_F32
                                                  : WASM_F64;
        types.data[i] = wasm_valtype_new(kind);
    }
    return types;
}

static int bind_import(struct instance *instance, uint32_t index, struct error *err)
{
    struct binding *binding = &instance->bindings[index];
    const struct host_func *func = binding->func;
    if (func->finish != NULL) {
        if (!hythe_func_new_waiting(instance->context, strlen(func->params), step_begin,
                                    step_finish, binding, &instance->imports[index])) {
            return error_set(err, -ENOTSUP, "%s: a function of this type cannot wait", func->name);
        }
        return 0;
    }
    wasm_valtype_vec_t params = value_types(func->params);
    wasm_valtype_vec_t results = value_types(func->results);
    wasm_functype_t *type = wasm_functype_new(&params, &results);
    wasmtime_func_new_unchecked(instance->context, type, enter, binding, NULL,
                                &instance->imports[index]);
    wasm_functype_delete(type);
    return 0;
}

static int make_store(struct instance *instance, struct error *err)
{
    struct engine *engine = instance->module->engine;
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

int instance_new(struct module *module, const struct instance_links *links,
                 const struct instance_options *options, struct instance **ret_instance,
                 struct error *err)
{
    assert(links->count == module->import_count);
    int r = -ENOMEM;
    struct instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL) {
        return error_set_errno(err, r, "making a guest");
    }
    instance->module = module;
    instance->options = *options;
    instance->is_new = true;
    instance->bindings = calloc(links->count + 1, sizeof *instance->bindings);
    instance->imports = calloc(links->count + 1, sizeof *instance->imports);
    if (instance->bindings == NULL || instance->imports == NULL) {
        r = error_set_errno(err, r, "making a guest");
        goto fail;
    }
    r = make_store(instance, err);
    for (uint32_t i = 0; r == 0 && i < links->count; i++) {
        instance->bindings[i] = (struct binding){instance, links->funcs[i]};
        r = bind_import(instance, i, err);
    }
    if (r < 0) {
        goto fail;
    }
    *ret_instance = instance;
    return 0;
fail:
    instance_free(instance);
    return r;
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
    if (instance->store != NULL) {
        wasmtime_store_delete(instance->store);
    }
    free(instance->bindings);
    free(instance->imports);
    free(instance);
}

/* -- running ---------------------------------------------------------------------------------- */

int instance_begin_new(struct instance *instance, struct error *err)
{
    assert(instance->is_new && instance->future == NULL);
    (void)err; /* the module's own failures show when it is resumed */
    instance->future =
        hythe_instance_new_async(instance->context, instance->module->wasm, instance->imports,
                                 instance->module->import_count, &instance->wasm, &instance->error);
    instance->state = INSTANCE_RUNNABLE;
    return 0;
}

static bool parse_value(char letter, const char *text, wasmtime_val_t *ret_value)
{
    char *end = NULL;
    long long wide = 0;
    errno = 0;
    switch (letter) {
    case 'i':
        wide = strtoll(text, &end, 0);
        ret_value->kind = WASMTIME_I32;
        ret_value->of.i32 = (int32_t)wide;
        if (wide < INT32_MIN || wide > UINT32_MAX) { /* both readings of 32 bits are meant */
            return false;
        }
        break;
    case 'I':
        ret_value->kind = WASMTIME_I64;
        ret_value->of.i64 = strtoll(text, &end, 0);
        break;
    case 'f':
        ret_value->kind = WASMTIME_F32;
        ret_value->of.f32 = strtof(text, &end);
        break;
    case 'F':
        ret_value->kind = WASMTIME_F64;
        ret_value->of.f64 = strtod(text, &end);
        break;
    default:
        return false;
    }
    return errno == 0 && end != text && *end == '\0';
}

static const char *type_name(char letter)
{
    switch (letter) {
    case 'i':
        return "32-bit number";
    case 'I':
        return "64-bit number";
    default:
        return "number";
    }
}

static int parse_args(struct instance *instance, const struct module_export *export,
                      const char *const *args, uint32_t arg_count, struct error *err)
{
    size_t want = strlen(export->params);
    if (want != arg_count || want > CALL_VALUES_MAX || strlen(export->results) > CALL_VALUES_MAX) {
        return error_set(err, -EINVAL, "the function %s takes %zu arguments and was given %" PRIu32,
                         export->name, want, arg_count);
    }
    for (uint32_t i = 0; i < arg_count; i++) {
        if (!parse_value(export->params[i], args[i], &instance->values[i])) {
            return error_set(err, -EINVAL, "argument %" PRIu32 " of %s, \"%s\", is no %s", i + 1,
                             export->name, args[i], type_name(export->params[i]));
        }
    }
    return 0;
}

int instance_begin_call(struct instance *instance, const char *name, const char *const *args,
                        uint32_t arg_count, struct error *err)
{
    assert(!instance->is_new && instance->future == NULL);
    const struct module_export *export = module_find_export(instance->module, name);
    if (export == NULL || export->kind != EXTERN_FUNC) {
        return error_set(err, -ENOENT, "the module exports no function %s", name);
    }
    int r = parse_args(instance, export, args, arg_count, err);
    if (r < 0) {
        return r;
    }
    wasmtime_extern_t item;
    if (!wasmtime_instance_export_get(instance->context, &instance->wasm, name, strlen(name),
                                      &item)) {
        return error_set(err, -ENOENT, "the module exports no function %s", name);
    }
    instance->callee = item.of.func;
    instance->output_count = (uint32_t)strlen(export->results);
    instance->results[0] = '\0';
    instance->future = wasmtime_func_call_async(
        instance->context, &instance->callee, instance->values, arg_count, instance->outputs,
        instance->output_count, &instance->trap, &instance->error);
    instance->state = INSTANCE_RUNNABLE;
    return 0;
}

static void write_results(struct instance *instance)
{
    size_t len = 0;
    for (uint32_t i = 0; i < instance->output_count; i++) {
        const wasmtime_val_t *value = &instance->outputs[i];
        char *at = instance->results + len;
        size_t room = sizeof instance->results - len;
        const char *gap = i > 0 ? " " : "";
        int put = 0;
        if (value->kind == WASMTIME_I32) {
            put = snprintf(at, room, "%s%" PRId32, gap, value->of.i32);
        } else if (value->kind == WASMTIME_I64) {
            put = snprintf(at, room, "%s%" PRId64, gap, value->of.i64);
        } else if (value->kind == WASMTIME_F32) {
            put = snprintf(at, room, "%s%.9g", gap, (double)value->of.f32);
        } else if (value->kind == WASMTIME_F64) {
            put = snprintf(at, room, "%s%.17g", gap, value->of.f64);
        } else {
            put = snprintf(at, room, "%s?", gap);
        }
        len += put > 0 && (size_t)put < room ? (size_t)put : 0;
    }
}

/* Move what ended the guest into `err`; the guest's frames come with it. */
static void take_failure(struct instance *instance, struct error *err)
{
    wasm_byte_vec_t text;
    if (instance->trap != NULL) {
        wasm_trap_message(instance->trap, &text);
        wasm_trap_delete(instance->trap);
        instance->trap = NULL;
    } else {
        wasmtime_error_message(instance->error, &text);
        wasmtime_error_delete(instance->error);
        instance->error = NULL;
    }
    if (instance->failing) {
        (void)error_set(err, -ECANCELED, "%s", instance->fail_text);
    } else {
        (void)error_set(err, -EFAULT, "%.*s", (int)text.size, text.data);
    }
    wasm_byte_vec_delete(&text);
}

static void note_memory(struct instance *instance)
{
    wasmtime_extern_t item;
    instance->is_new = false;
    if (!wasmtime_instance_export_get(instance->context, &instance->wasm, "memory", 6, &item)) {
        return;
    }
    if (item.kind == WASMTIME_EXTERN_MEMORY) {
        instance->memory = item.of.memory;
        instance->has_memory = true;
    }
    wasmtime_extern_delete(&item);
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
    if (instance->trap != NULL || instance->error != NULL) {
        take_failure(instance, err);
        instance->state = INSTANCE_FAILED;
        return instance->state;
    }
    if (instance->is_new) {
        note_memory(instance);
    } else {
        write_results(instance);
    }
    instance->state = INSTANCE_IDLE;
    return instance->state;
}

const char *instance_results(const struct instance *instance)
{
    return instance->results;
}

void instance_fail(struct instance *instance, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(instance->fail_text, sizeof instance->fail_text, format, args);
    va_end(args);
    instance->failing = true;
}

uint64_t instance_memory_len(const struct instance *instance)
{
    if (!instance->has_memory) {
        return 0;
    }
    return wasmtime_memory_data_size(instance->context, &instance->memory);
}
