/* Opening shared libraries. See library.h. */
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int library_open(const struct library *library, void *table, struct error *err)
{
    /* Libraries have state per thread and work to do at exit, and not all bear being unmapped. */
    void *handle = dlopen(library->name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL) {
        return error_set(err, -ENOENT, "%s needs %s: install the package %s (%s)", library->purpose,
                         library->name, library->package, dlerror());
    }
    int r = 0;
    for (size_t i = 0; i < library->function_count && r == 0; i++) {
        const struct library_function *function = &library->functions[i];
        void *found = dlsym(handle, function->name);
        if (found == NULL) {
            r = error_set(
                err, -ENOENT,
                "%s is too old: it has no %s; install the package %s of Debian 12 or newer",
                library->name, function->name, library->package);
            break;
        }
        memcpy((char *)table + function->offset, &found, sizeof found);
    }
    (void)dlclose(handle); /* which only counts: it is not unmapped */
    return r;
}
