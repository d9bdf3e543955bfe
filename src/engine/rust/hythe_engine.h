/* What the crate adds to Wasmtime's C API. The comments are beside the Rust functions. */
#ifndef HYTHE_ENGINE_RUST_HYTHE_ENGINE_H
#define HYTHE_ENGINE_RUST_HYTHE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wasmtime.h>

enum { HYTHE_STEP_DONE = 0, HYTHE_STEP_WAIT = 1, HYTHE_STEP_TRAP = 2, HYTHE_STEP_CALL = 3 };

enum { HYTHE_END_OK = 0, HYTHE_END_POOL_FULL = 1, HYTHE_END_FAILED = 2 };

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
    int32_t end;
    wasmtime_error_t *error; /* owned, when end is not HYTHE_END_OK */
};

typedef bool hythe_allow_growth_fn(void *env, bool is_memory, size_t from, size_t to);

wasmtime_error_t *hythe_engine_new(wasm_config_t *config, wasm_engine_t **ret_engine);
uint64_t hythe_engine_fingerprint(const wasm_engine_t *engine);
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
                                         struct hythe_run *ret_run);

#endif
