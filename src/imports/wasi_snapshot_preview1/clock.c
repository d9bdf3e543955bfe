/* Clocks: clock_res_get, clock_time_get. */
#include <errno.h>
#include <time.h>

#include "base/container.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

static int host_clock(uint32_t id, clockid_t *ret_clock)
{
    static const clockid_t clocks[] = {
        [WASI_CLOCK_REALTIME] = CLOCK_REALTIME,
        [WASI_CLOCK_MONOTONIC] = CLOCK_MONOTONIC,
        [WASI_CLOCK_PROCESS_CPUTIME] = CLOCK_PROCESS_CPUTIME_ID,
        [WASI_CLOCK_THREAD_CPUTIME] = CLOCK_THREAD_CPUTIME_ID,
    };
    if (id >= ARRAY_COUNT(clocks)) {
        return -EINVAL;
    }
    *ret_clock = clocks[id];
    return 0;
}

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000U + (uint64_t)time->tv_nsec;
}

static int32_t res_get(struct call *call)
{
    clockid_t clock;
    struct timespec time;
    int r = host_clock(call_u32(call, 0), &clock);
    if (r == 0 && clock_getres(clock, &time) < 0) {
        r = -errno;
    }
    if (r < 0) {
        return wasi_errno_from(r);
    }
    return wasi_errno_from(call_write_u64(call, call_u32(call, 1), nanoseconds(&time)));
}

static int32_t time_get(struct call *call)
{
    clockid_t clock;
    struct timespec time;
    int r = host_clock(call_u32(call, 0), &clock);
    if (r == 0 && clock_gettime(clock, &time) < 0) {
        r = -errno;
    }
    if (r < 0) {
        return wasi_errno_from(r);
    }
    return wasi_errno_from(call_write_u64(call, call_u32(call, 2), nanoseconds(&time)));
}

static const struct host_func rows[] = {
    {"clock_res_get", "ii", "i", "id ret_resolution", res_get, NULL},
    {"clock_time_get", "iIi", "i", "id precision ret_time", time_get, NULL},
};

const struct func_table preview1_clock = {rows, ARRAY_COUNT(rows)};
