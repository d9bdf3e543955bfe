/* The insides of the engine room's types, for its own files only: here wasmtime.h is known. */
#ifndef HYTHE_ENGINE_HANDLES_H
#define HYTHE_ENGINE_HANDLES_H

#include <wasmtime.h>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/module.h"
#include "engine/rust/hythe_engine.h"
#include "engine/seen.h"

struct engine {
    wasm_engine_t *wasm; /* owned */
    struct seen *seen;   /* borrowed; NULL: none */
    bool has_pool;
    bool has_threads; /* those of the compiler run, or are not wanted */
};

struct module {
    struct engine *engine; /* borrowed */
    uint32_t refs;
    wasmtime_module_t *wasm;         /* owned; NULL for a component, and for one that was scanned */
    wasmtime_component_t *component; /* owned; NULL for a module */
    bool is_component;
    struct module_import *imports; /* owned */
    uint32_t import_count;
    struct module_export *exports; /* owned */
    uint32_t export_count;
};

struct linked {
    struct module *module;             /* borrowed */
    struct hythe_linked *wasm;         /* owned; NULL for a component */
    struct hythe_component *component; /* owned; NULL for a module */
};

/* Move a Wasmtime error into `err`, as one line, freeing it: `code` is the negative errno to
 * return. */
int engine_take_error(struct error *err, int code, wasmtime_error_t *wasm_error);

#endif
