/* A compiled module: what it imports and exports, known without running it. */
#ifndef HYTHE_ENGINE_MODULE_H
#define HYTHE_ENGINE_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"

struct engine;
struct module;

enum extern_kind {
    EXTERN_FUNC,
    EXTERN_MEMORY,
    EXTERN_TABLE,
    EXTERN_GLOBAL,
    EXTERN_TAG,
    EXTERN_INTERFACE, /* of a component: an instance with functions in it */
};

/* A component imports interfaces: one entry of kind EXTERN_INTERFACE with `module` its name, such as
 * "wasi:io/poll@0.2.0", and an empty name; then one EXTERN_FUNC for each function and resource in it.
 * A function outside of any interface is an EXTERN_FUNC with its name in `module` and an empty one.
 * Its exports have the interfaces' names, or the functions'.
 *
 * A function type is two strings of value types: i = i32, I = i64, f = f32, F = f64, v = v128,
 * r = a reference. For other kinds both are empty. All strings are owned by the module. */
struct module_import {
    const char *module;
    const char *name;
    enum extern_kind kind;
    const char *params;
    const char *results;
};

struct module_export {
    const char *name;
    enum extern_kind kind;
    const char *params;
    const char *results;
    uint64_t memory_pages;     /* of a memory: its pages at the start */
    uint64_t memory_pages_max; /* of a memory: its declared maximum, UINT64_MAX without one */
};

/* What the first bytes of a file say it is. */
enum module_form {
    MODULE_CORE,
    MODULE_COMPONENT,
    MODULE_TEXT,     /* WebAssembly text, "(module" or "(component" */
    MODULE_COMPILED, /* hythe's or Wasmtime's precompiled form, an ELF file */
    MODULE_UNKNOWN,
    MODULE_EMPTY,
};

enum module_form module_form_of(struct span bytes);

/* Compile a module or component, binary or text. 0, or a negative errno with the reason in `err`: -E2BIG for
 * one that is well but wants more memories, tables or elements than the engine's pool gives a guest. */
int module_compile(struct engine *engine, struct span bytes, struct module **ret_module,
                   struct error *err);

/* Map a module that module_serialize wrote. The bytes are trusted: only for files that nobody
 * else can write. `-ESTALE` when another engine or other settings wrote it. */
int module_map(struct engine *engine, const char *path, struct module **ret_module,
               struct error *err);

/* Give the compiled form; free it with module_serialized_free. */
int module_serialize(const struct module *module, struct span *ret_bytes, struct error *err);
void module_serialized_free(struct span bytes);

/* Take another reference. Gives the module. */
struct module *module_ref(struct module *module);

/* Drop a reference, of which whoever made the module has the first; with the last one it goes. Guests
 * made from it keep what they need. NULL is fine. */
void module_unref(struct module *module);

bool module_is_component(const struct module *module);

/* Read what a component, binary or text, imports and exports without compiling it, for explaining:
 * only interfaces, not what is in them. Nothing but the functions below can be used with it. 0, or a negative errno. */
int module_scan(struct span bytes, struct module **ret_module, struct error *err);

uint32_t module_import_count(const struct module *module);
const struct module_import *module_import(const struct module *module, uint32_t index);
uint32_t module_export_count(const struct module *module);
const struct module_export *module_export(const struct module *module, uint32_t index);

/* The export of that name, or NULL. */
const struct module_export *module_find_export(const struct module *module, const char *name);

#endif
