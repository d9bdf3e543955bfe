/* Machine code of modules, made once on the host and given to every container that runs them: a
 * container from scratch compiles anew at each start, which takes a tenth of a second and more. */
#ifndef HYTHE_OCI_PRECOMPILE_H
#define HYTHE_OCI_PRECOMPILE_H

enum { PRECOMPILE_PATH_MAX = 4096 };

struct precompile {
    const char *host;   /* the host's folder, whose hythe compiles */
    const char *folder; /* where compiled modules are kept; made when it is missing */
};

/* Give the path of the compiled form of the module that `module_fd` holds. It is compiled if need
 * be, by a process that has no rights and bounded time and memory: the module is anybody's. 0, or a
 * negative errno where the container has to do it by itself: without root, for a module that is too
 * large or cannot be compiled, on a full disk. */
int precompile_get(const struct precompile *job, int module_fd, char ret_path[PRECOMPILE_PATH_MAX]);

#endif
