/* `hythe install`: what container engines have to be told so that they call hythe-runc; printed, put
 * into their files, or taken out again. */
#ifndef HYTHE_OCI_INSTALL_H
#define HYTHE_OCI_INSTALL_H

#include "base/buffer.h"
#include "base/error.h"
#include "config/install_options.h"

/* Do what is asked for. `out` is given what was printed for, or else what was done to which file, and
 * `notes` what to do next, a line each. 0, or a negative errno with the reason in `err`; then no file
 * has changed. */
int install_work(const struct install_options *options, struct buffer *out, struct buffer *notes,
                 struct error *err);

#endif
