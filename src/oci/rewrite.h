/* A bundle's config.json, changed so that the container runs hythe. */
#ifndef HYTHE_OCI_REWRITE_H
#define HYTHE_OCI_REWRITE_H

#include "base/buffer.h"
#include "base/error.h"
#include "oci/plan.h"
#include "oci/spec.h"

enum { REWRITE_MAX = 32 << 20 }; /* bytes of a config.json that is looked at */

/* Append the text of `spec` to `out`, with the plan's arguments for its own, our mounts behind its
 * own (`host`, the host's folder, and certificates from it), and without what would force an engine
 * of crun's upon it. 0, -ENOMEM, -EMSGSIZE or -ENAMETOOLONG. */
int rewrite_text(const struct spec *spec, const struct plan *plan, const char *host,
                 struct buffer *out);

/* What a bundle is looked at with. */
struct rewrite {
    const char *bundle; /* its folder */
    const char *config; /* its file if that is another than config.json in the folder, or NULL */
    const char *host;   /* the host's folder on this machine */
    const char *cache;  /* where compiled modules are kept, or NULL: containers compile */
    bool is_activated;  /* listening sockets are passed to the container */
};

/* Change the bundle's file in one step, if its container is hythe's, and keep what was there beside
 * it, with ".hythe" behind its name. A file that cannot be read or understood is left to the real
 * runtime, which says so. 0, or a negative errno; then the file is as it was. */
int rewrite_bundle(const struct rewrite *rewrite, struct error *err);

#endif
