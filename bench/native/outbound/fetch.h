/* What the guest and its native twin have in common: the words they take and what they print.
 *
 *   fetch gets URL COUNT    so many GETs, one after the other
 *   fetch download URL      one GET, its body read in parts and dropped
 *
 * "begin" is printed before and "end COUNT BYTES NS" after what is measured. For FETCH_REST_NS
 * before and after it the program sleeps, so that others can look at its processor time and memory
 * while they stand still. */
#ifndef BENCH_FETCH_H
#define BENCH_FETCH_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { FETCH_PART = 65536, FETCH_WARM = 200, FETCH_REST_NS = 400000000 };

struct fetch_result {
    uint64_t count;
    uint64_t bytes;
};

static inline uint64_t fetch_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void fetch_rest(void)
{
    struct timespec rest = {.tv_nsec = FETCH_REST_NS};

    fflush(stdout);
    nanosleep(&rest, NULL);
}

static inline uint64_t fetch_begin(void)
{
    puts("begin");
    fetch_rest();
    return fetch_now_ns();
}

static inline void fetch_end(const struct fetch_result *result, uint64_t begin_ns)
{
    uint64_t spent_ns = fetch_now_ns() - begin_ns;

    printf("end %llu %llu %llu\n", (unsigned long long)result->count,
           (unsigned long long)result->bytes, (unsigned long long)spent_ns);
    fetch_rest();
}

#endif
