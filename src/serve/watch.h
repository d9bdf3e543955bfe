/* Noticing that the files of a configuration have changed: its own, modules, certificates. */
#ifndef HYTHE_SERVE_WATCH_H
#define HYTHE_SERVE_WATCH_H

#include <stdint.h>

#include "config/serve.h"
#include "loop/loop.h"

struct watched_file {
    int directory; /* inotify's number */
    char *name;    /* owned: of the file in it */
};

struct watch {
    struct loop *loop; /* borrowed */
    struct loop_io io; /* on the inotify descriptor, owned */
    struct loop_timer settle;
    struct watched_file *files; /* owned */
    uint32_t count;
    uint32_t cap;
    void *context;
    void (*on_change)(void *context);
};

/* Call `on_change` some time after files of the configuration have changed, once they are at rest.
 * Replaces what was watched before. 0 or a negative errno. */
int watch_set(struct watch *watch, const struct serve_config *config);

void watch_done(struct watch *watch);

#endif
