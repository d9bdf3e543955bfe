/* Who defines an import, and how to speak of them. */
#ifndef HYTHE_IMPORTS_DIALECT_SOURCE_H
#define HYTHE_IMPORTS_DIALECT_SOURCE_H

#include <stdbool.h>

#include "engine/module.h"

/* Who defines an import. The order is that of explaining: when imports of several sources are
 * missing, the first of these is the most likely cause. */
enum dialect_source {
    /* Of core modules. */
    SOURCE_WASIX,
    SOURCE_WASI_THREADS,
    SOURCE_WAMR,
    SOURCE_WASMEDGE_2021, /* calls of wasmedge_wasi_socket up to 0.3.3 */
    SOURCE_PREVIEW0,
    SOURCE_COMPONENT, /* a core module that is to become a component */
    SOURCE_FASTLY,
    SOURCE_SPIN,
    SOURCE_EXTISM,
    SOURCE_PROXY_WASM,
    SOURCE_WASMCLOUD,
    SOURCE_LUNATIC,
    SOURCE_GO_JS,
    SOURCE_WASM_BINDGEN,
    SOURCE_EMSCRIPTEN,
    SOURCE_ASSEMBLYSCRIPT,
    SOURCE_EXPERIMENTAL_HTTP,
    SOURCE_WASMEDGE_PLUGIN,
    SOURCE_WASI_PROPOSAL, /* wasi-nn, wasi-crypto */
    SOURCE_WASMEDGE,
    SOURCE_DYNAMIC, /* symbols of dynamic linking */
    SOURCE_MEMORY,  /* the memory itself is imported */
    SOURCE_PREVIEW1_SOCKETS,
    SOURCE_PREVIEW1,
    SOURCE_PREVIEW1_FOREIGN, /* under WASI's name, but not WASI's */
    SOURCE_ENV,
    SOURCE_UNKNOWN,

    /* Of components. */
    SOURCE_SPIN_COMPONENT,
    SOURCE_WASMCLOUD_COMPONENT,
    SOURCE_FASTLY_COMPONENT,
    SOURCE_P3,          /* WASI 0.3 */
    SOURCE_P3_RC,       /* its release candidates */
    SOURCE_P2_OCTOBER,  /* WASI 0.2.0-rc-2023-10-18 */
    SOURCE_P2_NOVEMBER, /* 0.2.0-rc-2023-11-10 */
    SOURCE_P2_DECEMBER, /* 0.2.0-rc-2023-12-05 */
    SOURCE_P2_OTHER,    /* WASI's packages in other versions or without one */
    SOURCE_WASI_NN,
    SOURCE_WASI_TLS,
    SOURCE_WASI_KEYVALUE,
    SOURCE_WASI_CONFIG,
    SOURCE_WASI_LOGGING,
    SOURCE_WASI_BLOBSTORE,
    SOURCE_WASI_MESSAGING,
    SOURCE_WASI_SQL,
    SOURCE_WASI_OTHER, /* any other package of WASI's */
    SOURCE_PACKAGE,    /* an interface of somebody's own: another component has it */
    SOURCE_ROOT,       /* a function in no interface */
    SOURCE_P2,         /* WASI 0.2 */
    SOURCE_COUNT,
};

/* How to speak of a source. All constant. */
struct dialect_source_words {
    const char *key;    /* for machines */
    const char *title;  /* for a table */
    const char *cause;  /* "it is built for ..." */
    const char *advice; /* what to do when hythe lacks it */
};

const struct dialect_source_words *dialect_source_words(enum dialect_source source);

/* Who defines a core module's import, seen alone or, with `is_wamr`, in a module of WAMR's sockets. */
enum dialect_source dialect_source_of(const struct module_import *import, bool is_wamr);

/* Who defines what a component imports or exports by that name: "wasi:io/poll@0.2.0", "add". */
enum dialect_source dialect_source_of_interface(const char *name);

/* The words of the sources of components. For dialect_source_words. */
const struct dialect_source_words *dialect_component_words(enum dialect_source source);

#endif
