/* One master after the other: the new program is checked, takes this one's place, and looks after the
 * workers that it finds, its elders, until its own are ready. */
#ifndef HYTHE_SERVE_SUCCESSION_H
#define HYTHE_SERVE_SUCCESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "loop/loop.h"
#include "serve/child.h"
#include "serve/upgrade.h"

struct elder;

struct succession {
    struct loop *loop;       /* borrowed */
    struct board *board;     /* borrowed */
    struct sockets *sockets; /* borrowed */
    char path[UPGRADE_PATH_MAX];
    struct child check;
    struct loop_timer limit; /* of the check */
    struct elder *elders;    /* owned */
    uint32_t elder_count;
    uint32_t alive;
    void *context;
    /* Write the pids of all that serve; returns their number. */
    uint32_t (*list_pids)(void *context, pid_t *to, uint32_t max);
    void (*on_elders_gone)(void *context);
};

/* 0, or a negative errno with the reason in `err`. Everything else has been filled in. */
int succession_init(struct succession *succession, struct error *err);

/* Check the program that lies where ours did, and become it. All is told to the operator. */
void succession_begin(struct succession *succession);

/* Take over from the program before. 1; 0 when there was none; or a negative errno with the reason in
 * `err`. The board may be replaced. */
int succession_adopt(struct succession *succession, struct error *err);

/* Send the elders a signal. */
void succession_signal_elders(const struct succession *succession, int signo);

/* Kill what there is. */
void succession_done(struct succession *succession);

#endif
