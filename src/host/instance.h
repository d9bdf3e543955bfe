/* A guest that can run: the engine's instance, what the guest has, and the loop that drives both.
 *
 * host_instance_new -> host_instance_run -> host_instance_free */
#ifndef HYTHE_HOST_INSTANCE_H
#define HYTHE_HOST_INSTANCE_H

#include "base/error.h"
#include "engine/module.h"
#include "net/listener.h"

struct engine;
struct host_instance;
struct load_links;
struct hythe_guest_config;

struct host_instance_options {
    struct engine *engine;                   /* borrowed for the instance's life */
    struct module *module;                   /* borrowed for the instance's life */
    const struct hythe_guest_config *config; /* borrowed for the instance's life */
    const struct load_links *links;          /* borrowed during new */
    const struct listeners *listeners;       /* borrowed during new: the guest gets duplicates */
    const char *name;                        /* borrowed during new: argv[0] */
    int broker_fd;                           /* see workers.h; -1: none */
};

/* Make the guest: descriptors, arguments, store. Nothing of the module has run. 0, or a negative
 * errno with the reason and the exit code in `err`. */
int host_instance_new(const struct host_instance_options *options,
                      struct host_instance **ret_instance, struct error *err);

/* Run it to its end: instantiate, then `_start` or the function to invoke. Handles SIGTERM and
 * SIGINT meanwhile. Returns the exit code 0 to 255, or a negative errno with the reason and the
 * exit code in `err`. */
int host_instance_run(struct host_instance *h, struct error *err);

/* End it and release everything. NULL is fine. */
void host_instance_free(struct host_instance *h);

#endif
