/* The engine: one per process, shared by all modules and guests of it. */
#ifndef HYTHE_ENGINE_ENGINE_H
#define HYTHE_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct engine;
struct seen;

struct engine_options {
    uint32_t pool_instances; /* guests that may live at once in the pool; 0: no pool, each guest
                              * gets memory of its own when it is made */
    uint64_t pool_memory;    /* bytes one pooled memory may reach; 0: 4 GiB, all there can be */
    uint64_t pool_keep; /* bytes of a pooled memory that a guest leaves behind for the next to be
                              * cleared rather than given back to the system; 0: 1 MiB */
    bool fuel;          /* count instructions, so that a guest can be given fuel */
    bool serial;        /* compile on this thread only: before a fork */
    struct seen *seen;  /* files that need not be read again, and whose list grows; borrowed as long
                         * as the engine lives; NULL: none. See engine/seen.h */
};

/* The part of an instance's life that a tick may end: see instance.h. */
enum { ENGINE_TICK_MS = 10 };

/* Make an engine. 0, or a negative errno with the reason in `err`: -ENOMEM when the pool does not fit
 * into the address space, of which it takes 4 GiB and more for each guest. */
int engine_new(const struct engine_options *options, struct engine **ret_engine, struct error *err);

/* Release an engine that nothing uses any more. NULL is fine. */
void engine_free(struct engine *engine);

/* Let running guests look up from their work soon: their tick callback is called. Safe in a
 * signal handler and from any thread. */
void engine_tick(struct engine *engine);

/* Differs between engines that cannot load each other's compiled code. */
uint64_t engine_fingerprint(const struct engine *engine);

/* The version of the engine's library; engine.c checks that it is the one that is linked. */
#define ENGINE_VERSION "48.0.8"

#endif
