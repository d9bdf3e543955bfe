/* The parts of an instance that linked.c and invoke.c have a hand in. For the engine room only. */
#ifndef HYTHE_ENGINE_INSTANCE_PARTS_H
#define HYTHE_ENGINE_INSTANCE_PARTS_H

#include <wasmtime.h>

#include "engine/component_call.h"
#include "engine/handles.h"
#include "engine/module.h"

enum { CALL_VALUES_MAX = 32 };

/* The two halves of every host call, as hythe_step_fn. */
int32_t instance_step_begin(const void *row, void *data, wasmtime_caller_t *caller,
                            wasmtime_val_raw_t *values, struct hythe_step_out *out);
int32_t instance_step_finish(const void *row, void *data, wasmtime_caller_t *caller,
                             wasmtime_val_raw_t *values, struct hythe_step_out *out);

/* The same for components, as hythe_component_steps. */
int32_t instance_component_step(const struct component_func *row, void *data,
                                const union component_value *args, union component_value *results,
                                bool is_begin);
int32_t instance_component_drop(const struct component_resource *row, void *data, uint32_t rep);

/* A call whose arguments and results are text. Few instances have one, so it is apart. */
struct invoke {
    wasmtime_func_t callee;
    wasmtime_val_t values[CALL_VALUES_MAX]; /* arguments */
    wasmtime_val_t outputs[CALL_VALUES_MAX];
    uint32_t output_count;
    char results[CALL_VALUES_MAX * 24];
};

/* Read one argument per parameter. 0, or -EINVAL with the reason in `err`. */
int invoke_parse(struct invoke *invoke, const struct module_export *export, const char *const *args,
                 uint32_t arg_count, struct error *err);

/* Write the outputs as text, separated by spaces. */
void invoke_print(struct invoke *invoke);

#endif
