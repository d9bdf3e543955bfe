/* The file that a container's first argument names, seen from outside of the container. */
#ifndef HYTHE_OCI_ENTRY_H
#define HYTHE_OCI_ENTRY_H

#include <stdbool.h>

#include "oci/module_kind.h"
#include "oci/spec.h"

struct entry {
    char *path;     /* owned: where it lies inside the container; absolute */
    char *function; /* owned: the export that is named behind "#", or NULL */
    struct module_kind kind;
    int fd; /* owned: the file, open for reading; -1 when there is none */
};

/* Look for args[0] as a runtime does: a name without a slash along the container's PATH, then in its
 * working folder; a folder stands for the hythe.toml in it. Links are followed within the root
 * filesystem only, and files that the container sees through a bind mount are found. Relative paths
 * of config.json begin at `bundle_fd`. 0; -ENOENT when there is no such file; -ENOMEM. */
int entry_find(const struct spec *spec, int bundle_fd, struct entry *ret_entry);

/* Tell whether the container has the file `path` of its own. */
bool entry_has_file(const struct spec *spec, int bundle_fd, const char *path);

/* Tell whether a folder can be made in the container's root: its filesystem may be read-only. */
bool entry_is_root_writable(const struct spec *spec, int bundle_fd);

void entry_done(struct entry *entry);

#endif
