/* All host functions that guests can import, found by (module, name, type). */
#ifndef HYTHE_IMPORTS_REGISTRY_H
#define HYTHE_IMPORTS_REGISTRY_H

#include <stdbool.h>

#include "engine/call.h"
#include "engine/module.h"

/* The function for an import, or NULL when there is none of that name and type. */
const struct host_func *imports_find(const struct module_import *import);

/* The same as a yes or no, for the dialect check. */
bool imports_offer(const struct module_import *import);

#endif
