/* An instance: one guest's store, memory and fiber.
 *
 *     instance_new -> instance_begin_run (or _new and _call) -> instance_resume ...
 *
 * instance_resume runs guest code until it returns, ends, waits or yields. A guest that waits has
 * been parked by a host function that answered CALL_WAIT: resume it when what it waits for may
 * have happened, and that function's finish is asked again. */
#ifndef HYTHE_ENGINE_INSTANCE_H
#define HYTHE_ENGINE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "engine/call.h"

struct component_call;
struct engine;
struct linked;
struct linked_entry;
struct instance;

enum instance_state {
    INSTANCE_IDLE,     /* nothing begun, or the last call returned */
    INSTANCE_RUNNABLE, /* begun, or it yielded: resume at any time */
    INSTANCE_PARKED,   /* a host function waits */
    INSTANCE_FAILED,   /* trapped or was ended; good for nothing but instance_free */
};

struct instance_options {
    void *guest;         /* borrowed; struct call carries it */
    uint64_t max_memory; /* bytes of all its memories together; 0: no limit */
    uint64_t fuel;       /* 0: none is counted; otherwise the engine must have been made for it */
    uint32_t max_tables; /* elements of all its tables together; 0: no limit */

    /* Called before and after each host function; either may be NULL. For one that waits, after
     * is called with CALL_WAIT when it begins to, and with its answer at the end. */
    void (*before_call)(struct call *call);
    void (*after_call)(const struct call *call, int32_t answer);

    /* The same around the host functions of a component. */
    void (*before_component_call)(struct component_call *call);
    void (*after_component_call)(const struct component_call *call, int32_t answer);

    /* Called when engine_tick has happened while guest code ran. Returns false to end the guest,
     * having said why with instance_fail; sets *ret_yield to have instance_resume return. */
    bool (*on_tick)(struct instance *instance, void *guest, bool *ret_yield);
};

/* Make a store. 0, or a negative errno with the reason in `err`. */
int instance_new(struct engine *engine, const struct instance_options *options,
                 struct instance **ret_instance, struct error *err);

/* End whatever is under way and release everything. NULL is fine. */
void instance_free(struct instance *instance);

/* Prepare the instantiation of a module, which is borrowed for the instance's life, with its start
 * function, and then calls of up to two of its functions: what they need before (_initialize) and what
 * is wanted. NULL for either: none. */
void instance_begin_run(struct instance *instance, struct linked *linked,
                        const struct linked_entry *before, const struct linked_entry *entry);

enum instance_component_call {
    INSTANCE_NOTHING, /* instantiate only */
    INSTANCE_HANDLE,  /* wasi:http/incoming-handler.handle(request, response-out) */
    INSTANCE_RUN,     /* wasi:cli/run.run() */
};

/* Prepare the instantiation of a component, if that has not been done, and a call; `reps` are those of
 * HANDLE's two resources, which the guest owns from then on. May be done again when the call before
 * has returned. The linked component is borrowed for the instance's life. */
void instance_begin_component(struct instance *instance, struct linked *linked,
                              enum instance_component_call what, const uint32_t reps[2]);

/* Did the last call of `run` answer with an error? */
bool instance_run_has_failed(const struct instance *instance);

/* Prepare a call of an exported function with `args` as text, one per parameter; after it has
 * returned, instance_results gives its results as text. -ENOENT without such a function. */
int instance_begin_call(struct instance *instance, const char *name, const char *const *args,
                        uint32_t arg_count, struct error *err);

/* Run the guest. Returns its new state; on INSTANCE_FAILED `err` says why: -EFAULT for a trap, with
 * the guest's backtrace; -ENOSPC when the pool has no room for it; -ENOMEM when it wanted more memory
 * than it may have; -ECANCELED when a host function ended it, with instance_fail's text. */
enum instance_state instance_resume(struct instance *instance, struct error *err);

/* The results of the last call as text, separated by spaces; owned by the instance. */
const char *instance_results(const struct instance *instance);

/* From within a host function or on_tick: say why the guest is being ended. The function then
 * answers CALL_TRAP. The text is copied. */
void instance_fail(struct instance *instance, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What instance_fail said, or NULL. */
const char *instance_fail_reason(const struct instance *instance);

/* Bytes of the guest's memory now. */
uint64_t instance_memory_len(const struct instance *instance);

#endif
