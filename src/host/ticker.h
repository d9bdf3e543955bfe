/* Ticks for guests that compute: every 10 ms of this thread's CPU time, none while it waits. */
#ifndef HYTHE_HOST_TICKER_H
#define HYTHE_HOST_TICKER_H

#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "base/error.h"

struct engine;

struct host_ticker {
    bool is_running;
    timer_t timer;
    struct sigaction old_action;
};

/* Begin to call engine_tick. 0, or a negative errno with the reason in `err`. */
int host_ticker_start(struct host_ticker *ticker, struct engine *engine, struct error *err);

/* End; harmless when not begun. */
void host_ticker_stop(struct host_ticker *ticker);

#endif
