/* What the files of the loop share and nobody else sees. */
#ifndef HYTHE_LOOP_INTERNAL_H
#define HYTHE_LOOP_INTERNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"

enum { LOOP_BATCH = 256, LOOP_WORK_THREADS = 2 };

struct epoll_event;

struct loop {
    int epoll_fd;
    bool has_no_pwait2; /* an old kernel */
    int wake_fd;        /* eventfd */
    struct loop_io wake_io;

    struct epoll_event *batch; /* the events being delivered; owned, LOOP_BATCH long */
    int batch_count;
    int batch_next;

    struct loop_timer **timers; /* binary heap by due_ns; owned */
    uint32_t timer_count;
    uint32_t timer_cap;

    struct list deferred; /* of struct loop_deferred */
    struct list slow;     /* of struct loop_deferred, those of loop_defer_slow */
    uint64_t turn_ns;     /* when the turn began to call these */

    int signal_fd; /* -1 until the first signal is watched */
    struct loop_io signal_io;
    struct list signals; /* of struct loop_signal */
    sigset_t signal_set;

    struct loop_pool *pool; /* NULL until the first work */
};

/* timer.c: nanoseconds until the first timer, at most `max_wait_ms`; LOOP_NEVER without either. */
int64_t loop_timer_wait_ns(const struct loop *loop, int max_wait_ms);

/* timer.c: call what is due. */
void loop_timer_run(struct loop *loop);

/* work.c: call on_done of all finished work. */
void loop_work_run(struct loop *loop);

/* work.c: wait for the running work, drop the waiting one, end the threads. */
void loop_pool_free(struct loop_pool *pool);

#endif
