/* --workers N: a master that owns the listeners, and N processes that run a guest each. */
#ifndef HYTHE_HOST_WORKERS_H
#define HYTHE_HOST_WORKERS_H

#include "base/error.h"

struct host_run;

/* Run the workers until SIGTERM or SIGINT, or until every guest has ended by itself. Returns the
 * exit code, or a negative errno with the reason in `err`. */
int workers_run(struct host_run *run, struct error *err);

#endif
