/* A worker: the process that answers requests. */
#ifndef HYTHE_SERVE_WORKER_H
#define HYTHE_SERVE_WORKER_H

#include <stdint.h>

#include "base/error.h"
#include "config/serve.h"
#include "http/server.h"
#include "serve/board.h"

struct seen;
struct tls_context;

enum { WORKER_LISTENERS_MAX = 64 };

/* All is borrowed from the master, whose memory the worker has a copy of. */
struct worker_options {
    const struct serve_config *config;
    uint32_t number;         /* of the worker, from 1 */
    const int *listener_fds; /* in the order of the configuration's, then inherited ones */
    uint32_t listener_count;
    int log_fd; /* of the access log; -1: none */
    struct board *board;
    uint32_t slot;        /* 0: none was free */
    const uint32_t *rows; /* of the board, by route number */
    uint32_t row_count;
    struct seen *seen; /* files that the loader has read, or is to list; NULL: none */
};

/* Run it to its end. `options` is a struct worker_options. Returns the exit code. */
int worker_run(void *options, int control_fd);

/* Load all that a worker will, to fill the cache of compiled modules and to learn what is wrong, and
 * tell the master the routes. Returns the exit code. */
int loader_run(void *options, int control_fd);

/* The CPU time that a loader has, in whole seconds as the kernel counts it; 0: any. */
uint64_t loader_cpu_seconds(const struct serve_config *config);

#endif
