/* What the machine's administrator says: /etc/hythe/runc.conf. */
#ifndef HYTHE_OCI_SETTINGS_H
#define HYTHE_OCI_SETTINGS_H

#include "base/error.h"
#include "base/span.h"

struct oci_settings {
    char *real;  /* owned: absolute path of the runtime that is wrapped; NULL: found on PATH */
    char *shim;  /* owned: the same for containerd-shim-runc-v2 */
    char *host;  /* owned: the folder that goes into containers; NULL: beside this program */
    char *cache; /* owned: where compiled modules are kept, or "none"; NULL: the usual folder */
};

/* Read the file that the environment names in HYTHE_RUNC_CONF, else /etc/hythe/runc.conf, which may
 * be missing. HYTHE_RUNC_REAL, HYTHE_RUNC_SHIM and HYTHE_RUNC_HOST go before what it says. 0, or a
 * negative errno. */
int oci_settings_read(struct oci_settings *settings, struct error *err);

/* Read the text of such a file; `name` stands for it in errors. 0, or a negative errno. */
int oci_settings_parse(struct oci_settings *settings, struct span text, const char *name,
                       struct error *err);

void oci_settings_done(struct oci_settings *settings);

#endif
