/* wasi:clocks/monotonic-clock: CLOCK_MONOTONIC, which the loop's timers follow as well. */
#include <time.h>

#include "base/num.h"
#include "guest/guest.h"
#include "imports/wasi_clocks/clocks.h"
#include "imports/wasi_io/io.h"

static int32_t now(struct component_call *call)
{
    call->results[0].number = loop_clock_ns();
    return 0;
}

static int32_t resolution(struct component_call *call)
{
    struct timespec tick = {.tv_nsec = 1};
    (void)clock_getres(CLOCK_MONOTONIC, &tick); /* Linux has this clock; if not, the 1 ns stays */
    call->results[0].number = (uint64_t)tick.tv_sec * 1000000000U + (uint64_t)tick.tv_nsec;
    return 0;
}

static int32_t subscribe_instant(struct component_call *call)
{
    return pollable_give_timer(call, 0, component_u64(call, 0));
}

static int32_t subscribe_duration(struct component_call *call)
{
    uint64_t due_ns = num_add_sat(loop_clock_ns(), component_u64(call, 0));
    return pollable_give_timer(call, 0, due_ns);
}

static const struct component_func funcs[] = {
    {"now", "", now, NULL},
    {"resolution", "", resolution, NULL},
    {"subscribe-duration", "when", subscribe_duration, NULL},
    {"subscribe-instant", "when", subscribe_instant, NULL},
};

const struct component_interface wasi_clocks_monotonic_clock = {
    .name = "wasi:clocks/monotonic-clock", .funcs = funcs, .func_count = ARRAY_COUNT(funcs)};
