/* From a path to a module: reading, recognising, compiling through the cache, choosing the host
 * function for each import. */
#ifndef HYTHE_HOST_LOAD_H
#define HYTHE_HOST_LOAD_H

#include <stdint.h>

#include "base/error.h"
#include "base/span.h"
#include "engine/cache.h"
#include "engine/instance.h"
#include "engine/linked.h"
#include "engine/module.h"

struct engine;
struct hythe_guest_config;

enum { EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127, EXIT_TRAP = 134 };

struct load_result {
    struct module *module; /* owned */
    enum cache_result cache;
    uint64_t read_ns; /* how long reading took, and compiling or mapping */
    uint64_t load_ns;
};

/* Read a module's file, which must be a regular one; release the bytes with load_free_file. Errors
 * carry the exit code and say what to do. 0 or a negative errno. */
int load_read_file(const char *path, struct span *ret_bytes, struct error *err);
void load_free_file(struct span bytes);

/* Load a module or component. Errors carry the exit code and say what the file is and what to do.
 * 0 or a negative errno. */
int load_module(struct engine *engine, const char *path, const struct hythe_guest_config *config,
                struct load_result *ret_result, struct error *err);

/* What stands behind a module's imports: of a core module a function for each, in order; of a
 * component an interface for each that hythe has. */
struct load_links {
    const struct host_func **funcs; /* owned */
    struct linked_offer *offers;    /* owned */
    uint32_t offer_count;
};

/* Choose them. 0; -ENOTSUP, with nothing said, when a core module has an import that is not offered;
 * or -ENOMEM. */
int load_links(const struct module *module, struct load_links *ret_links);
void load_links_done(struct load_links *links);

#endif
