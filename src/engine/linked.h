/* A module with its imports bound: made once, then made into as many instances as are wanted. */
#ifndef HYTHE_ENGINE_LINKED_H
#define HYTHE_ENGINE_LINKED_H

#include <stdint.h>

#include "base/error.h"
#include "engine/call.h"

struct linked;
struct linked_entry;
struct module;

/* Bind the imports to `funcs`, one for each in import order and none of them NULL; what they point
 * at must outlive this. 0, or a negative errno with the reason in `err`. */
int linked_new(struct module *module, const struct host_func *const *funcs,
               struct linked **ret_linked, struct error *err);

/* No instance of it is left. NULL is fine. */
void linked_free(struct linked *linked);

/* Look up an exported function without parameters and results, so that no instance has to. 0,
 * -ENOENT without one, or -EINVAL when it has another type. */
int linked_entry_new(const struct linked *linked, const char *name,
                     struct linked_entry **ret_entry);
void linked_entry_free(struct linked_entry *entry);

#endif
