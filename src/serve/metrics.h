/* The board as text for Prometheus (exposition format 0.0.4). */
#ifndef HYTHE_SERVE_METRICS_H
#define HYTHE_SERVE_METRICS_H

#include <stdint.h>

#include "base/buffer.h"
#include "serve/board.h"

/* What is written: sums of the board, taken before. All borrowed. */
struct metrics {
    const struct board *board;
    const struct board_totals *totals;
    const struct board_row *rows;
    uint32_t row_count;
};

/* Append the text. 0, -ENOMEM or -EMSGSIZE. */
int metrics_write(const struct metrics *metrics, struct buffer *out);

/* Requests counted in a row. */
uint64_t metrics_requests(const struct board_row *row);

#endif
