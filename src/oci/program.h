/* The programs that ours stand in front of: found without ever finding ourselves. */
#ifndef HYTHE_OCI_PROGRAM_H
#define HYTHE_OCI_PROGRAM_H

#include <stddef.h>

#include "base/error.h"

enum { PROGRAM_PATH_MAX = 4096 };

struct program_search {
    const char *given;        /* absolute path by configuration, or NULL */
    const char *const *names; /* else the first of these that is on PATH, ended by NULL */
};

/* Find a program that is not the one that runs, by whatever link or name. 0, or -ENOENT or -ELOOP
 * with the reason. */
int program_find(const struct program_search *search, char ret_path[PROGRAM_PATH_MAX],
                 struct error *err);

/* Count how deep programs of ours stand in front of each other, in the environment, and refuse to go
 * on where they must be calling themselves. 0 or -ELOOP. */
int program_count_depth(struct error *err);

/* Give the folder that one of `tails` names, relative to the folder of the program that runs: the
 * first that has a file `file`, or else the first. 0 or -ENOENT. */
int program_find_beside(const char *const *tails, const char *file, char ret_path[PROGRAM_PATH_MAX],
                        struct error *err);

#endif
