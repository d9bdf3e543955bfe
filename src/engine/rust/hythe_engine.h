/* What the crate adds to Wasmtime's C API. The comments are beside the Rust functions. */
#ifndef HYTHE_ENGINE_RUST_HYTHE_ENGINE_H
#define HYTHE_ENGINE_RUST_HYTHE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wasmtime.h>

enum { HYTHE_STEP_DONE = 0, HYTHE_STEP_WAIT = 1, HYTHE_STEP_TRAP = 2, HYTHE_STEP_CALL = 3 };

struct hythe_step_out {
    wasmtime_error_t *trap; /* out, with STEP_TRAP: why; handed over */
    const char *callee;     /* out, with STEP_CALL: the exported (i32) -> i32 to call */
    int32_t argument;       /* out, with STEP_CALL */
    int32_t result;         /* in, at the step after a STEP_CALL */
};

typedef int32_t hythe_step_fn(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                              struct hythe_step_out *out);
typedef bool hythe_allow_growth_fn(void *env, bool is_memory, size_t from, size_t to);

wasmtime_error_t *hythe_engine_new(wasm_config_t *config, wasm_engine_t **ret_engine);
uint64_t hythe_engine_fingerprint(const wasm_engine_t *engine);
void hythe_blake3(const uint8_t *data, size_t len, uint8_t ret_hash[32]);
void hythe_store_limiter(wasmtime_store_t *store, hythe_allow_growth_fn *allow, void *env);
bool hythe_func_new_waiting(wasmtime_context_t *context, size_t nparams, hythe_step_fn *begin,
                            hythe_step_fn *finish, void *env, wasmtime_func_t *ret_func);
wasmtime_call_future_t *hythe_instance_new_async(wasmtime_context_t *context,
                                                 const wasmtime_module_t *module,
                                                 const wasmtime_func_t *imports, size_t nimports,
                                                 wasmtime_instance_t *ret_instance,
                                                 wasmtime_error_t **ret_error);

#endif
