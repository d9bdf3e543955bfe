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

struct plan {
    bool is_wrapped;   /* false: nothing is changed, and nothing below is set */
    const char *place; /* where the host's folder is mounted: one of the two above */
    struct strings args;
};

/* Decide for the container that `spec` describes, in the bundle `bundle_fd`. `is_activated` says
 * that listening sockets are passed to it. 0, or a negative errno when what an annotation or a
 * variable of hythe's says cannot be done. */
int plan_make(const struct spec *spec, int bundle_fd, bool is_activated, struct plan *ret_plan,
              struct error *err);

void plan_done(struct plan *plan);

#endif
