/* wasi:clocks/wall-clock: CLOCK_REALTIME. */
#include <time.h>

#include "imports/wasi_clocks/clocks.h"

static int32_t answer(struct component_call *call, const struct timespec *time)
{
    call->results[0].number = time->tv_sec > 0 ? (uint64_t)time->tv_sec : 0; /* before 1970: 1970 */
    call->results[1].number = (uint64_t)time->tv_nsec;
    return 0;
}

static int32_t now(struct component_call *call)
{
    struct timespec time = {.tv_sec = 0};
    (void)clock_gettime(CLOCK_REALTIME, &time); /* Linux has this clock */
    return answer(call, &time);
}

static int32_t resolution(struct component_call *call)
{
    struct timespec tick = {.tv_nsec = 1};
    (void)clock_getres(CLOCK_REALTIME, &tick); /* likewise; if not, the 1 ns stays */
    return answer(call, &tick);
}

static const struct component_func funcs[] = {
    {"now", "", now, NULL},
    {"resolution", "", resolution, NULL},
};

const struct component_interface wasi_clocks_wall_clock = {
    .name = "wasi:clocks/wall-clock", .funcs = funcs, .func_count = ARRAY_COUNT(funcs)};
