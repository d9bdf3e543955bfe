/* The programs that ours stand in front of: found without ever finding ourselves. */
#ifndef HYTHE_OCI_REAL_H
#define HYTHE_OCI_REAL_H

#include "base/error.h"

enum { REAL_PATH_MAX = 4096 };

/* Where a program is looked for when there is no PATH, on the host as in a container. */
#define REAL_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct real_search {
    const char *given;        /* absolute path by configuration, or NULL */
    const char *const *names; /* else the first of these that is on PATH, ended by NULL */
};

/* Find a program that is not the one that runs, by whatever link or name. 0, or -ENOENT or -ELOOP
 * with the reason. */
int real_find(const struct real_search *search, char ret_path[REAL_PATH_MAX], struct error *err);

/* Count in the environment how deep programs of ours stand in front of each other, and refuse to go
 * on where they must be calling themselves. 0 or -ELOOP. */
int real_count_depth(struct error *err);

/* Give the first of the folders `tails`, ended by NULL and relative to the folder of the program that
 * runs, that has a file called `file`. 0 or -ENOENT. */
int real_find_beside(const char *const *tails, const char *file, char ret_path[REAL_PATH_MAX],
                     struct error *err);

#endif
