/* The steps of a run, for one process (run.c) or a master and its workers (workers.c). */
#ifndef HYTHE_HOST_RUN_H
#define HYTHE_HOST_RUN_H

#include <stdint.h>

#include "base/error.h"
#include "host/load.h"
#include "net/listener.h"

struct hythe_guest_config;

struct host_run {
    const char *path;                        /* borrowed */
    const struct hythe_guest_config *config; /* borrowed */
    struct engine *engine;                   /* owned */
    struct load_result loaded;               /* its module is owned */
    struct load_links links;
    struct listeners listeners;
    uint64_t engine_ns; /* how long making the engine took */
};

/* Make the engine, load the module, and check that it can run. */
int host_run_load(struct host_run *run, struct error *err);

/* Open and take over the listeners, and say where they are. */
int host_run_listen(struct host_run *run, struct error *err);

/* Run one guest to its end. Exit code, or a negative errno with the reason in `err`. */
int host_run_guest(struct host_run *run, int broker_fd, struct error *err);

#endif
