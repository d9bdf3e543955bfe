/* The event loop: one thread, edge-triggered epoll, in the phases of one turn:
 *
 *     wait for the kernel -> descriptors -> timers due -> deferred -> finished work
 *
 * A callback never runs inside the call that registered it. start and stop are immediate: after
 * stop returns, the callback is not called again and the memory may go. Everything here belongs
 * to the thread that turns the loop, loop_wake and the run function of work excepted. */
#ifndef HYTHE_LOOP_LOOP_H
#define HYTHE_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"

struct loop;

enum { LOOP_NEVER = -1 }; /* as a number of milliseconds: wait until something happens */

/* Make a loop. 0, or a negative errno. */
int loop_new(struct loop **ret_loop);

/* Release a loop on which everything has been stopped. NULL is fine. */
void loop_free(struct loop *loop);

/* Go once through the phases, waiting at most `max_wait_ms` (0: not at all, LOOP_NEVER: until
 * something happens). 0, or a negative errno from the kernel; a signal is no error. */
int loop_turn(struct loop *loop, int max_wait_ms);

/* Nanoseconds of CLOCK_MONOTONIC, read now. */
uint64_t loop_clock_ns(void);

/* -- descriptors ------------------------------------------------------------------------------ */

enum {
    LOOP_READ = 1,    /* data, a connection or the end waits to be read */
    LOOP_WRITE = 2,   /* there is room to write */
    LOOP_HANGUP = 4,  /* the peer sends no more */
    LOOP_ERROR = 8,   /* an error waits to be read */
    LOOP_CLOSED = 16, /* both directions have ended, or the other end of a pipe has gone */
};

struct loop_io;
/* `events` are those of a new edge. What was ready stays ready until a call says EAGAIN. */
typedef void loop_io_fn(struct loop_io *io, unsigned events);

struct loop_io {
    struct loop *loop; /* borrowed; NULL while stopped */
    loop_io_fn *on_ready;
    int fd; /* borrowed from whoever opened it */
};

/* Watch `fd` for every edge. 0, -EPERM when the descriptor is of a kind that is always ready
 * (a regular file), or another negative errno. */
int loop_io_start(struct loop *loop, struct loop_io *io, int fd, loop_io_fn *on_ready);

/* Watch for `events` (LOOP_READ, LOOP_WRITE) as long as they last, level-triggered: for libraries
 * that do not read until EAGAIN. Again with other events changes them. 0 or a negative errno. */
int loop_io_start_level(struct loop *loop, struct loop_io *io, int fd, unsigned events,
                        loop_io_fn *on_ready);

/* End the watch; call before the descriptor is closed. Harmless on a stopped one. */
void loop_io_stop(struct loop_io *io);

/* -- timers ----------------------------------------------------------------------------------- */

struct loop_timer;
typedef void loop_timer_fn(struct loop_timer *timer);

struct loop_timer {
    struct loop *loop; /* borrowed; NULL while stopped */
    loop_timer_fn *on_due;
    uint64_t due_ns; /* on CLOCK_MONOTONIC */
    uint32_t slot;   /* place in the loop's heap */
};

/* Call `on_due` once, at or after `due_ns`. Starting a running timer moves it. 0 or -ENOMEM. */
int loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t due_ns,
                     loop_timer_fn *on_due);

void loop_timer_stop(struct loop_timer *timer);

/* -- deferred calls --------------------------------------------------------------------------- */

struct loop_deferred;
typedef void loop_deferred_fn(struct loop_deferred *deferred);

/* Begin one with list_init on its node, or zeroed through loop_deferred_init. */
struct loop_deferred {
    struct list node;
    loop_deferred_fn *on_turn;
};

void loop_deferred_init(struct loop_deferred *deferred, loop_deferred_fn *on_turn);

/* Call `on_turn` once, in the next turn, which then does not wait. Again is harmless. */
void loop_defer(struct loop *loop, struct loop_deferred *deferred);

/* The same for what takes long: only one of these is called in a turn, after the others, and those
 * that wait for their turn take it in the order in which they came. */
void loop_defer_slow(struct loop *loop, struct loop_deferred *deferred);

/* When this turn began to make its deferred calls, or the one that takes long, by loop_clock_ns():
 * whoever comes late and takes some time had better ask for a turn among the slow. */
uint64_t loop_turn_begin_ns(const struct loop *loop);

/* Forget either of them. Harmless when none is meant to be called. */
void loop_deferred_cancel(struct loop_deferred *deferred);

/* -- signals ---------------------------------------------------------------------------------- */

struct loop_signal;
typedef void loop_signal_fn(struct loop_signal *signal);

struct loop_signal {
    struct list node;
    struct loop *loop; /* borrowed; NULL while stopped */
    loop_signal_fn *on_signal;
    int signo;
};

/* Call `on_signal` each time the process gets `signo`, which is blocked from then on; its old
 * disposition comes back when the last watcher stops. 0 or a negative errno. */
int loop_signal_start(struct loop *loop, struct loop_signal *signal, int signo,
                      loop_signal_fn *on_signal);

void loop_signal_stop(struct loop_signal *signal);

/* -- children --------------------------------------------------------------------------------- */

struct loop_child;
/* `status` is as from waitpid; the child has been reaped and the watch has ended. */
typedef void loop_child_fn(struct loop_child *child, int status);

struct loop_child {
    struct loop_io io; /* on the child's pidfd, owned */
    loop_child_fn *on_exit;
    pid_t pid;
};

/* Call `on_exit` once when the child ends. 0 or a negative errno. */
int loop_child_start(struct loop *loop, struct loop_child *child, pid_t pid,
                     loop_child_fn *on_exit);

void loop_child_stop(struct loop_child *child);

/* -- other threads ---------------------------------------------------------------------------- */

/* End the wait of the loop's turn; from any thread or signal handler. */
void loop_wake(struct loop *loop);

struct loop_work;
typedef void loop_work_fn(struct loop_work *work);

struct loop_work {
    struct list node;
    loop_work_fn *on_run;  /* on a work thread: touches only what the work owns */
    loop_work_fn *on_done; /* on the loop's thread, in a later turn */
};

/* Run something that blocks or computes on one of a few work threads, which are started when
 * first needed. Every submitted work ends in exactly one on_done. 0 or a negative errno. */
int loop_work_submit(struct loop *loop, struct loop_work *work, loop_work_fn *on_run,
                     loop_work_fn *on_done);

#endif
