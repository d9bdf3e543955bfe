/* The admin process: answers operators and monitors, on a listener of its own, whatever the guests
 * do. */
#ifndef HYTHE_SERVE_ADMIN_H
#define HYTHE_SERVE_ADMIN_H

#include <stdbool.h>

#include "serve/board.h"

struct admin_options {
    struct board *board; /* borrowed */
    int listener_fd;     /* borrowed */
    const char *user;    /* borrowed; NULL: stay who we are */
    const char *group;
    bool no_sandbox;
};

/* Run it until SIGTERM. `options` is a struct admin_options. Returns the exit code. */
int admin_run(void *options, int control_fd);

#endif
