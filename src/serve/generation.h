/* A generation: a configuration and the workers that serve it. A reload makes the next one, and the
 * one before ends when that is ready. */
#ifndef HYTHE_SERVE_GENERATION_H
#define HYTHE_SERVE_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/strings.h"
#include "config/serve.h"
#include "engine/seen.h"
#include "loop/loop.h"
#include "serve/board.h"
#include "serve/child.h"
#include "serve/sockets.h"
#include "serve/worker.h"

struct generation;

enum generation_state {
    GENERATION_LOADING,  /* the loader looks whether all is well */
    GENERATION_STARTING, /* the workers load */
    GENERATION_READY,    /* they wait to be told to accept */
    GENERATION_SERVING,
    GENERATION_DRAINING,
    GENERATION_FAILED,
};

/* What it works with; all borrowed. The callbacks must not free the generation. */
struct generation_options {
    struct loop *loop;
    struct board *board;
    struct sockets *sockets;
    uint32_t number;
    bool replaces_default; /* inherited sockets take the place of the default listener */
    void *context;
    void (*on_ready)(void *context, struct generation *generation);
    void (*on_failed)(void *context, struct generation *generation, const struct error *err);
    void (*on_gone)(void *context, struct generation *generation); /* the last worker has ended */
};

struct worker_seat {
    struct generation *generation; /* borrowed */
    uint32_t number;
    uint32_t slot;
    struct child child;
    struct loop_timer restart;
    uint64_t pause_ms;
    bool is_ready;
    bool has_closed;
};

struct generation {
    struct list node; /* in the master's list of those that drain */
    struct generation_options options;
    enum generation_state state;
    struct serve_config config; /* owned */

    struct serve_socket **sockets; /* owned array of references */
    int *fds;                      /* owned, of the sockets */
    uint32_t socket_count;
    struct serve_socket *admin; /* reference; NULL: none */
    int log_fd;                 /* owned; -1: none */
    struct strings routes;
    uint32_t *rows;       /* owned: of the board, by route */
    struct strings lines; /* what guests said while they were loaded */

    struct child loader;
    struct seen *loader_seen; /* owned, shared with the loader while it runs; NULL otherwise */
    struct seen seen;         /* what it has left there */
    struct worker_options worker_options; /* what all workers share */
    struct worker_seat *seats;            /* owned */
    uint32_t seat_count;
    uint32_t alive;
    uint32_t ready;
    struct error err;                   /* why it failed */
    char sandbox[CONTROL_TEXT_MAX + 1]; /* what the first worker said of it */
    struct loop_timer kill;
};

/* Begin one: open its sockets and its log, and start the loader. Takes `config`, also when it fails.
 * 0, or a negative errno with the reason in `err`. */
int generation_new(const struct generation_options *options, struct serve_config *config,
                   struct generation **ret_generation, struct error *err);

/* Kill what still runs, and release all. NULL is fine. */
void generation_free(struct generation *generation);

/* It is ready: accept. */
void generation_go(struct generation *generation);

/* Accept no more, finish, and end; on_gone follows. */
void generation_drain(struct generation *generation);

/* End at once; on_gone follows. */
void generation_kill(struct generation *generation);

/* Write the pids of its workers; returns their number. */
uint32_t generation_list_pids(const struct generation *generation, pid_t *to, uint32_t max);

/* Open the access log anew, and tell the workers. 0, or a negative errno with the reason in `err`. */
int generation_reopen_log(struct generation *generation, struct error *err);

#endif
