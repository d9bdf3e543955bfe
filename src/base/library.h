/* A shared library that is opened when first needed, so that programs which do not need it start
 * without it, and a table filled with its functions. */
#ifndef HYTHE_BASE_LIBRARY_H
#define HYTHE_BASE_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

struct library_function {
    const char *name;
    size_t offset; /* of its pointer in the caller's table */
};

struct library {
    const char *name;    /* as dlopen takes it: "libx.so.1" */
    const char *package; /* Debian's, which has it */
    const char *purpose; /* what needs it, in words that begin a sentence: "TLS" */
    const struct library_function *functions;
    size_t function_count;
};

/* Open a library and fill `table`. It stays in the process. 0, or -ENOENT with what to install in
 * `err`. */
int library_open(const struct library *library, void *table, struct error *err);

#endif
