/* What the crate adds to Wasmtime's C API. The comments are beside the Rust functions. */
#ifndef HYTHE_ENGINE_RUST_HYTHE_ENGINE_H
#define HYTHE_ENGINE_RUST_HYTHE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wasmtime.h>

enum { HYTHE_STEP_DONE = 0, HYTHE_STEP_WAIT = 1, HYTHE_STEP_TRAP = 2, HYTHE_STEP_CALL = 3 };

enum { HYTHE_END_OK = 0, HYTHE_END_POOL_FULL = 1, HYTHE_END_FAILED = 2 };

struct component_func;
struct component_interface;
struct component_resource;
union component_value;

struct hythe_component;
struct hythe_linked;
struct hythe_entry;

struct hythe_step_out {
    const char *callee; /* out, with STEP_CALL: the exported (i32) -> i32 to call */
    int32_t argument;   /* out, with STEP_CALL */
    int32_t result;     /* in, at the step after a STEP_CALL */
};

/* `row` is the import's own, `data` the store's. A step that is done has put the result into
 * values[0]; a function that never waits answers DONE or TRAP only. */
typedef int32_t hythe_step_fn(const void *row, void *data, wasmtime_caller_t *caller,
                              wasmtime_val_raw_t *values, struct hythe_step_out *out);

struct hythe_import {
    const void *row;
    hythe_step_fn *begin;
    hythe_step_fn *finish; /* NULL: it never waits */
};

struct hythe_run {
    wasmtime_instance_t instance;
    wasmtime_memory_t memory;
    bool is_instantiated;
    bool has_memory;
};

/* How a future that ran a guest ended. */
struct hythe_end {
    int32_t end;
    wasmtime_error_t *error; /* owned, when end is not HYTHE_END_OK */
};

typedef bool hythe_allow_growth_fn(void *env, bool is_memory, size_t from, size_t to);

wasmtime_error_t *hythe_engine_new(wasm_config_t *config, wasm_engine_t **ret_engine);
uint64_t hythe_engine_fingerprint(const wasm_engine_t *engine);
int64_t hythe_blake3_file(int fd, uint8_t ret_hash[32]);
void hythe_blake3(const uint8_t *data, size_t len, uint8_t ret_hash[32]);
void hythe_store_limiter(wasmtime_store_t *store, hythe_allow_growth_fn *allow, void *env);
void hythe_pool_pagemap_scan(wasmtime_pooling_allocation_config_t *pool, bool is_on);

wasmtime_error_t *hythe_linked_new(const wasm_engine_t *engine, const wasmtime_module_t *module,
                                   const struct hythe_import *imports, size_t nimports,
                                   struct hythe_linked **ret_linked);
void hythe_linked_delete(struct hythe_linked *linked);
struct hythe_entry *hythe_linked_entry(const struct hythe_linked *linked, const char *name);
void hythe_entry_delete(struct hythe_entry *entry);
wasmtime_call_future_t *hythe_linked_run(wasmtime_context_t *context,
                                         const struct hythe_linked *linked,
                                         const struct hythe_entry *first,
                                         const struct hythe_entry *second,
                                         struct hythe_run *ret_run, struct hythe_end *ret_end);

/* -- components ------------------------------------------------------------------------------- */

enum hythe_precompiled { HYTHE_PRECOMPILED_NONE, HYTHE_PRECOMPILED_MODULE, HYTHE_PRECOMPILED_COMPONENT };

enum hythe_component_call { HYTHE_CALL_NOTHING, HYTHE_CALL_HANDLE, HYTHE_CALL_RUN };

/* How a component's host functions are called. Answers are HYTHE_STEP_DONE, _WAIT and _TRAP. */
struct hythe_component_steps {
    int32_t (*step)(const struct component_func *row, void *data, const union component_value *args,
                    union component_value *results, bool is_begin);
    int32_t (*drop)(const struct component_resource *row, void *data, uint32_t rep);
};

struct hythe_offer {
    const char *name; /* as the component imports it */
    const struct component_interface *interface;
};

struct hythe_component_run {
    void *instance;  /* owned: hythe_component_run_done; NULL before it is made */
    bool has_failed; /* `run` answered with an error */
};

typedef void hythe_visit_fn(void *env, bool is_export, const char *name, size_t name_len,
                            const char *inner, size_t inner_len);

int32_t hythe_precompiled_kind(const char *path);
wasmtime_error_t *hythe_component_scan(const uint8_t *data, size_t len, hythe_visit_fn *visit,
                                       void *env);
void hythe_component_visit(const wasm_engine_t *engine, const wasmtime_component_t *component,
                           hythe_visit_fn *visit, void *env);
wasmtime_error_t *hythe_component_link(const wasm_engine_t *engine,
                                       const wasmtime_component_t *component,
                                       const struct hythe_offer *offers, size_t noffers,
                                       const struct hythe_component_steps *steps, bool stub_unknown,
                                       struct hythe_component **ret_component);
void hythe_component_delete(struct hythe_component *component);
wasmtime_call_future_t *hythe_component_run(wasmtime_context_t *context,
                                            const struct hythe_component *component, int32_t what,
                                            uint32_t request, uint32_t response,
                                            struct hythe_component_run *ret_run,
                                            struct hythe_end *ret_end);
void hythe_component_run_done(struct hythe_component_run *run);

#endif
