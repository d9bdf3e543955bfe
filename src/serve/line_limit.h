/* How many lines a second a worker writes for its guests: stderr is the operator's, too. */
#ifndef HYTHE_SERVE_LINE_LIMIT_H
#define HYTHE_SERVE_LINE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { LINE_LIMIT_PER_SECOND = 200 };

struct line_limit {
    uint64_t second; /* of CLOCK_MONOTONIC; 0 before the first line */
    uint32_t count;
    uint64_t withheld; /* since the last line that says so */
};

/* May one more line be written? `ret_withheld` is how many were not before it and have not been told
 * of yet; 0 when there is nothing to tell. */
bool line_limit_take(struct line_limit *limit, uint64_t now_ns, uint64_t *ret_withheld);

#endif
