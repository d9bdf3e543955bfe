/* The master's side of the admin process: starts it, and starts it again. */
#ifndef HYTHE_SERVE_ADMIN_SEAT_H
#define HYTHE_SERVE_ADMIN_SEAT_H

#include "config/serve.h"
#include "loop/loop.h"
#include "serve/admin.h"
#include "serve/child.h"

struct admin_seat {
    struct loop *loop;   /* borrowed */
    struct board *board; /* borrowed */
    struct child child;
    struct loop_timer restart;
    int fd;     /* of the listener, borrowed; -1: there is none */
    char *user; /* owned, as the next */
    char *group;
    bool no_sandbox;
};

void admin_seat_init(struct admin_seat *seat, struct loop *loop, struct board *board);

/* Serve on this listener as the configuration says, or nowhere with -1; one that does so already goes
 * on. Failures are said to the operator. */
void admin_seat_set(struct admin_seat *seat, int fd, const struct serve_config *config);

void admin_seat_done(struct admin_seat *seat);

#endif
