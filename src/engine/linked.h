/* A module with its imports bound: made once, then made into as many instances as are wanted. */
#ifndef HYTHE_ENGINE_LINKED_H
#define HYTHE_ENGINE_LINKED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/call.h"

struct component_interface;
struct linked;
struct linked_entry;
struct module;

/* Bind the imports to `funcs`, one for each in import order and none of them NULL; what they point
 * at must outlive this. 0, or a negative errno with the reason in `err`. */
int linked_new(struct module *module, const struct host_func *const *funcs,
               struct linked **ret_linked, struct error *err);

/* One interface that a component imports, and what stands behind it. */
struct linked_offer {
    const char *name; /* as the component imports it, with its version */
    const struct component_interface *interface;
};

/* Bind a component's imports. With `stub_unknown` functions that no offer has trap when they are called;
 * without it they are an error. 0, or a negative errno with the reason in `err`. */
int linked_new_component(struct module *module, const struct linked_offer *offers, uint32_t count,
                         bool stub_unknown, struct linked **ret_linked, struct error *err);

/* No instance of it is left. NULL is fine. */
void linked_free(struct linked *linked);

/* Look up an exported function without parameters and results, so that no instance has to. 0,
 * -ENOENT without one, or -EINVAL when it has another type. */
int linked_entry_new(const struct linked *linked, const char *name,
                     struct linked_entry **ret_entry);
void linked_entry_free(struct linked_entry *entry);

#endif
