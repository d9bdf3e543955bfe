/* The status page: what the board said in the last two minutes, drawn. */
#ifndef HYTHE_SERVE_STATUS_H
#define HYTHE_SERVE_STATUS_H

#include <stdint.h>

#include "base/buffer.h"
#include "serve/board.h"
#include "serve/metrics.h"

enum { STATUS_SAMPLES = 120, STATUS_ROUTES_MAX = 64 };

/* One second of a route, or of all. */
struct status_sample {
    uint32_t requests;
    uint32_t failed;     /* 5xx and none */
    uint32_t latency_us; /* mean */
    uint32_t running;
};

struct status_line {
    struct status_sample samples[STATUS_SAMPLES];
    uint64_t requests; /* counted at the last sample */
    uint64_t failed;
    uint64_t duration_ns;
};

struct status {
    uint32_t next;  /* place of the next sample */
    uint32_t count; /* samples that there are */
    struct status_line all;
    struct status_line routes[STATUS_ROUTES_MAX]; /* by row of the board */
};

/* Take a sample: once a second. The first one only begins. */
void status_take(struct status *status, const struct metrics *metrics);

/* Append the page. 0, -ENOMEM or -EMSGSIZE. */
int status_write(const struct status *status, const struct metrics *metrics, struct buffer *out);

#endif
