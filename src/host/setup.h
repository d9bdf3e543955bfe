/* From a configuration to a guest's belongings. */
#ifndef HYTHE_HOST_SETUP_H
#define HYTHE_HOST_SETUP_H

#include "base/error.h"

struct guest;
struct host_instance_options;

/* Fill a fresh guest: 0 to 2 stdio, listeners from 3 on, then directories; arguments, environment,
 * policy. 0, or a negative errno with the reason in `err`. */
int setup_guest(struct guest *guest, const struct host_instance_options *options,
                struct error *err);

#endif
