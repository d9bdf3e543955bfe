/* The master: owns the configuration, the listeners and the processes, and answers no request. */
#ifndef HYTHE_SERVE_MASTER_H
#define HYTHE_SERVE_MASTER_H

#include "base/error.h"
#include "serve/server_config.h"

/* Serve until a signal ends it. The exit code, or a negative errno with the reason in `err`. */
int master_run(const struct hythe_server_config *config, struct error *err);

#endif
