/* One call of a component into the host: typed values in, typed values out.
 *
 * The engine lifts what the guest passes and lowers what the function answers; which types an
 * interface's functions have is written in one place, rust/src/wasi.rs, and a component that wants
 * others is refused when it is linked. Here a value is a row of slots, in the order of the WIT:
 *
 *     bool, numbers, char, enum, flags   one slot: number (enums and flags as the WIT counts them)
 *     a handle, own or borrow            one slot: number, the resource's rep
 *     string, list<u8>                   one slot: bytes
 *     list of handles or of u32          one slot: words
 *     list of anything else              one slot: list, the elements' slots one behind another
 *     record, tuple                      the fields' slots
 *     option<T>                          number 0 or 1, then T's slots, meaningless for 0
 *     result<T, E>                       number 0 (ok) or 1 (error), then as many slots as the larger
 *     variant                            the case's number, then as many slots as the largest case
 *
 * Arguments point into the guest's memory or the engine's: they are good while the function runs, and
 * for one that waits until it has answered, since the guest cannot run meanwhile. What results point
 * at must stay until the guest's next call. */
#ifndef HYTHE_ENGINE_COMPONENT_CALL_H
#define HYTHE_ENGINE_COMPONENT_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "engine/call.h"

struct component_call;
union component_value;

enum { COMPONENT_SLOTS_MAX = 16 };

struct component_words {
    const uint32_t *items;
    size_t count;
};

struct component_list {
    const union component_value *items; /* count times as many as an element has slots */
    size_t count;
};

union component_value {
    uint64_t number;
    struct span bytes; /* of a string: UTF-8 */
    struct component_words words;
    struct component_list list;
};

/* 0: answered. Otherwise CALL_WAIT, only from functions that have a finish, or CALL_TRAP. */
typedef int32_t component_fn(struct component_call *call);

/* One function of an interface. */
struct component_func {
    const char *name; /* as in a component: "now", "[method]input-stream.read" */
    const char *args; /* a name for each argument, for the tracer; a string's ends in "$", bytes' in
                          * "*", those of more slots than one are last and left out */
    component_fn *begin;
    component_fn *finish; /* NULL for a function that never waits */
};

/* A resource of an interface. The guest has dropped its last handle; 0 or CALL_TRAP. */
typedef int32_t component_drop_fn(void *guest, struct instance *instance, uint32_t rep);

struct component_resource {
    const char *name;
    component_drop_fn *drop;
};

/* An interface, without its version: the engine answers for every 0.2.x up to the one it knows. */
struct component_interface {
    const char *name; /* "wasi:io/streams" */
    const struct component_func *funcs;
    size_t func_count;
    const struct component_resource *resources;
    size_t resource_count;
};

struct component_call {
    const struct component_func *func;
    const union component_value *args;
    union component_value *results; /* COMPONENT_SLOTS_MAX of them, zeroed before begin */
    void *guest;                    /* borrowed: whose call it is, as given to instance_new */
    struct instance *instance;      /* borrowed */
};

static inline uint32_t component_u32(const struct component_call *call, unsigned index)
{
    return (uint32_t)call->args[index].number;
}

static inline uint64_t component_u64(const struct component_call *call, unsigned index)
{
    return call->args[index].number;
}

static inline struct span component_bytes(const struct component_call *call, unsigned index)
{
    return call->args[index].bytes;
}

/* Answer with ok(number), for results whose ok case has one slot or none. */
static inline int32_t component_ok(struct component_call *call, uint64_t number)
{
    call->results[0].number = 0;
    call->results[1].number = number;
    return 0;
}

/* Answer with error(number), likewise. */
static inline int32_t component_error(struct component_call *call, uint64_t number)
{
    call->results[0].number = 1;
    call->results[1].number = number;
    return 0;
}

#endif
