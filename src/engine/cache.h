/* Compiled modules on disk, so that a module is compiled once.
 *
 * An entry's name is the hash of the module's bytes and of the engine's version and settings; its
 * end carries a hash of what is before. An entry that is not whole, that another engine wrote or
 * that others could have written is never mapped: the module is compiled again. */
#ifndef HYTHE_ENGINE_CACHE_H
#define HYTHE_ENGINE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"

struct engine;
struct module;

enum cache_result {
    CACHE_HIT,      /* mapped from an entry */
    CACHE_STORED,   /* compiled, and an entry was written */
    CACHE_UNSTORED, /* compiled; no entry could be written, or none was wanted */
};

enum { CACHE_HASH_LEN = 32 };

struct cache_request {
    struct engine *engine;
    /* The module's hash, and how to read it when there is no entry of that hash: bytes that stay until
     * cache_load returns; 0 or a negative errno with the reason in `err`. */
    uint8_t hash[CACHE_HASH_LEN];
    int (*read)(void *context, struct span *ret_bytes, struct error *err);
    const char *dir; /* NULL: no cache; made when missing, readable by its owner only */
    void (*on_compile)(void *context); /* called before a compilation; may be NULL */
    void *context;
};

/* Hash the module in an open file, from its beginning. 0 or a negative errno. */
int cache_hash_file(const struct engine *engine, int fd, uint8_t ret_hash[CACHE_HASH_LEN]);

/* Load a module through the cache. 0, or a negative errno with the reason in `err`: a cache that
 * cannot be used is no error. `ret_result` may be NULL. */
int cache_load(const struct cache_request *request, struct module **ret_module,
               enum cache_result *ret_result, struct error *err);

/* Write a module's compiled form to a file, whole or not at all. */
int cache_write_file(const struct module *module, const char *path, struct error *err);

/* Map a file that cache_write_file wrote. It must belong to this user or root, and nobody else
 * may be able to write it: compiled code is run as it is. */
int cache_map_file(struct engine *engine, const char *path, struct module **ret_module,
                   struct error *err);

/* The default directory, $XDG_CACHE_HOME/hythe/modules or ~/.cache/hythe/modules, written to
 * `text` of `len` bytes. 0, or -ENOENT when neither variable is set. */
int cache_default_dir(char *text, size_t len);

#endif
