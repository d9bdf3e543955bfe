/* What the one guest of `hythe run` has of its process: stdio, listeners, arguments. */
#ifndef HYTHE_HOST_SETUP_H
#define HYTHE_HOST_SETUP_H

#include "base/error.h"

struct guest;
struct host_instance_options;

enum { SETUP_FIRST_LISTENER = 3 };

/* Fill a guest's lowest numbers, which are free: 0 to 2 stdio, then the listeners; append its
 * arguments, and LISTEN_FDS to its environment. 0, or a negative errno with the reason in `err`. */
int setup_guest(struct guest *guest, const struct host_instance_options *options,
                struct error *err);

#endif
