/* What the imports of components have in common: the list of interfaces, and how a function of one
 * answers. Each package has a folder (wasi_io, wasi_http, ...), each interface a file with its table. */
#ifndef HYTHE_IMPORTS_COMPONENT_H
#define HYTHE_IMPORTS_COMPONENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/container.h"
#include "engine/component_call.h"
#include "guest/resource.h"

struct guest;

/* One of an interface's tables. */
#define COMPONENT_INTERFACE(symbol, interface_name, func_table, resource_table)                    \
    const struct component_interface symbol = {                                                    \
        .name = (interface_name),                                                                  \
        .funcs = (func_table),                                                                     \
        .func_count = ARRAY_COUNT(func_table),                                                     \
        .resources = (resource_table),                                                             \
        .resource_count = ARRAY_COUNT(resource_table),                                             \
    }

/* The interface for an import, given as a component does: "wasi:io/poll@0.2.0"; or NULL. */
const struct component_interface *component_interface_find(const char *import);

/* Has it a function or resource of that name? */
bool component_interface_has(const struct component_interface *interface, const char *name);

/* End the guest with a reason that its author can use. Gives CALL_TRAP. */
int32_t component_trap(struct component_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Put a new resource, whose reference is taken over whatever happens, into the guest's table and its
 * rep into results[slot]. 0, or CALL_TRAP when the guest may have no more of them. */
int32_t component_give(struct component_call *call, unsigned slot, struct resource *resource);

/* Borrow the resource that argument `index` names. Never NULL for a guest that got this far. */
#define COMPONENT_SELF(call, index, type, kind)                                                    \
    ((type *)(void *)component_resource((call), (index), (kind)))
struct resource *component_resource(const struct component_call *call, unsigned index,
                                    const struct resource_kind *kind);

/* Take the resource that argument `index` hands over, with its reference. */
struct resource *component_take(const struct component_call *call, unsigned index,
                                const struct resource_kind *kind);

/* The drop of every kind: CALL_TRAP when children forbid it. */
component_drop_fn component_drop;

/* Room for a result: `len` bytes of the guest's own, good until its next call. NULL without memory.
 * Large ones are given back when the guest waits. Never a static or shared buffer: while a result is
 * lowered the guest's allocator runs, and may yield to other guests. */
void *component_scratch(struct component_call *call, size_t len);

/* The guest is about to do nothing for a while: give back what only large results need. */
void component_trim(struct guest *guest);

/* Park the guest: with guest_wait_mark on what it waits for before or after; a deadline on
 * CLOCK_MONOTONIC, UINT64_MAX: none. Gives CALL_WAIT, or CALL_TRAP without memory. */
int32_t component_wait(struct component_call *call, uint64_t deadline_ns);

#endif
