/* Engine settings, chosen once. See engine.h. */
#include "engine/engine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine/handles.h"

enum {
    WASM_STACK = 1 << 20,  /* bytes of stack a guest may use */
    FIBER_STACK = 2 << 20, /* the same and what host functions need on top of it */
    POOL_WASM_STACK = 512 << 10,
    POOL_FIBER_STACK = 1 << 20,
    POOL_KEEP = 1 << 20,
    KEEP_TABLE = 64 << 10,
    TABLE_ELEMENTS = 1 << 20,
    TABLES_OF_ONE = 4,
    MEMORIES_OF_ONE = 1,
    CORE_INSTANCE_SIZE = 4 << 20,
    CORES_OF_ONE = 32, /* core modules in one component: its own, adapters, libraries, the glue
                        * between them; only counted, so the number costs nothing */
    COMPONENT_SIZE = 4 << 20,
};

static const uint64_t pool_memory_max = UINT64_C(1) << 32;

_Static_assert(__builtin_strcmp(ENGINE_VERSION, WASMTIME_VERSION) == 0, "engine.h tells the truth");

/* Wasmtime lists causes one per line, under a heading: make them a chain on one line. */
static size_t fold_lines(char *text, size_t len)
{
    size_t kept = 0;
    bool in_gap = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || text[i] == ' ') {
            in_gap = kept > 0;
            continue;
        }
        if (in_gap) {
            text[kept++] = ' ';
            in_gap = false;
        }
        text[kept++] = text[i];
    }
    return kept;
}

int engine_take_error(struct error *err, int code, wasmtime_error_t *wasm_error)
{
    wasm_byte_vec_t text;
    wasmtime_error_message(wasm_error, &text);
    text.size = fold_lines(text.data, text.size);
    (void)error_set(err, code, "%.*s", (int)text.size, text.data);
    wasm_byte_vec_delete(&text);
    wasmtime_error_delete(wasm_error);
    return code;
}

static void use_pool(wasm_config_t *config, const struct engine_options *options)
{
    wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
    uint32_t count = options->pool_instances;
    uint64_t memory = options->pool_memory != 0 ? options->pool_memory : pool_memory_max;
    uint64_t keep = options->pool_keep != 0 ? options->pool_keep : POOL_KEEP;
    wasmtime_pooling_allocation_config_total_core_instances_set(pool, count * CORES_OF_ONE);
    wasmtime_pooling_allocation_config_max_core_instances_per_component_set(pool, CORES_OF_ONE);
    wasmtime_pooling_allocation_config_total_component_instances_set(pool, count);
    wasmtime_pooling_allocation_config_max_component_instance_size_set(pool, COMPONENT_SIZE);
    wasmtime_pooling_allocation_config_total_memories_set(pool, count);
    wasmtime_pooling_allocation_config_total_tables_set(pool, count * TABLES_OF_ONE);
    wasmtime_pooling_allocation_config_total_stacks_set(pool, count);
    wasmtime_pooling_allocation_config_total_gc_heaps_set(pool, count);
    wasmtime_pooling_allocation_config_max_memory_size_set(pool, memory);
    wasmtime_pooling_allocation_config_max_core_instance_size_set(pool, CORE_INSTANCE_SIZE);
    wasmtime_pooling_allocation_config_max_memories_per_module_set(pool, MEMORIES_OF_ONE);
    wasmtime_pooling_allocation_config_max_tables_per_module_set(pool, TABLES_OF_ONE);
    wasmtime_pooling_allocation_config_table_elements_set(pool, TABLE_ELEMENTS);
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, keep);
    wasmtime_pooling_allocation_config_table_keep_resident_set(pool, KEEP_TABLE);
    /* Costs a small guest 0.8 us and makes the cost of all others that of the pages they wrote, not
     * of the pages they have (RATIONALE.md). */
    hythe_pool_pagemap_scan(pool, true);
    wasmtime_pooling_allocation_strategy_set(config, pool);
    wasmtime_pooling_allocation_config_delete(pool);
}

static wasm_config_t *config_for(const struct engine_options *options)
{
    bool has_pool = options->pool_instances > 0;
    wasm_config_t *config = wasm_config_new();
    wasmtime_config_epoch_interruption_set(config, true);
    wasmtime_config_consume_fuel_set(config, options->fuel);
    wasmtime_config_concurrency_support_set(config, false);
    wasmtime_config_max_wasm_stack_set(config, has_pool ? POOL_WASM_STACK : WASM_STACK);
    wasmtime_config_async_stack_size_set(config, has_pool ? POOL_FIBER_STACK : FIBER_STACK);
    wasmtime_config_parallel_compilation_set(config, !options->serial);
    if (has_pool) {
        use_pool(config, options);
    }
    return config;
}

int engine_new(const struct engine_options *options, struct engine **ret_engine, struct error *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) {
        return error_set_errno(err, -ENOMEM, "making the engine");
    }
    wasmtime_error_t *error = hythe_engine_new(config_for(options), &engine->wasm);
    if (error != NULL) {
        free(engine);
        if (options->pool_instances == 0) {
            (void)engine_take_error(err, -EINVAL, error);
            return error_wrap(err, "making the engine");
        }
        (void)engine_take_error(err, -ENOMEM, error);
        return error_wrap(err, "making a pool for %" PRIu32 " guests at once",
                          options->pool_instances);
    }
    engine->has_threads = options->serial;
    engine->seen = options->seen;
    engine->has_pool = options->pool_instances > 0;
    *ret_engine = engine;
    return 0;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    wasm_engine_delete(engine->wasm);
    free(engine);
}

void engine_tick(struct engine *engine)
{
    wasmtime_engine_increment_epoch(engine->wasm);
}

uint64_t engine_fingerprint(const struct engine *engine)
{
    return hythe_engine_fingerprint(engine->wasm);
}
