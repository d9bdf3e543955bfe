/* What becomes of a container: left alone, or run by hythe, and with which words. */
#ifndef HYTHE_OCI_PLAN_H
#define HYTHE_OCI_PLAN_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strings.h"
#include "oci/spec.h"

/* Where the host's folder is in the container, and in one whose root cannot take a folder. */
#define PLAN_PLACE "/.hythe"
#define PLAN_PLACE_IN_DEV "/dev/.hythe"

/* A file of that folder, empty: where the compiled module is mounted. */
#define PLAN_COMPILED "module.cwasm"

/* Where HTTP clients look for the certificates of those they trust. */
#define PLAN_CERTIFICATES "/etc/ssl/certs/ca-certificates.crt"

struct plan {
    bool is_wrapped;         /* false: nothing is changed, and nothing below is set */
    const char *place;       /* where the host's folder is mounted: one of the two above */
    bool needs_certificates; /* the image has none, and there is a place for some */
    struct strings args;
    size_t module_index; /* which argument is the module's path */
    int module_fd;       /* owned: a module that could be compiled ahead; or -1 */
    char *compiled;      /* owned: its compiled form on this machine, or NULL */
};

/* Decide for the container that `spec` describes, in the bundle `bundle_fd`. `is_activated` says
 * that listening sockets are passed to it. 0, or a negative errno when what an annotation or a
 * variable of hythe's says cannot be done. */
int plan_make(const struct spec *spec, int bundle_fd, bool is_activated, struct plan *ret_plan,
              struct error *err);

/* Have the container run the compiled form of its module: the file `path`. 0 or -ENOMEM; then the
 * plan is as it was. */
int plan_use_compiled(struct plan *plan, const char *path);

/* Release a plan that plan_make has made. */
void plan_done(struct plan *plan);

#endif
