/* Timers: a binary heap by due time, a slot number in each timer to find it again. */
#include <errno.h>
#include <stdlib.h>

#include "loop/internal.h"
#include "loop/loop.h"

enum { TIMERS_FIRST = 16 };

static void place(struct loop *loop, uint32_t slot, struct loop_timer *timer)
{
    loop->timers[slot] = timer;
    timer->slot = slot;
}

static void sift_up(struct loop *loop, uint32_t slot)
{
    struct loop_timer *timer = loop->timers[slot];
    while (slot > 0) {
        uint32_t parent = (slot - 1) / 2;
        if (loop->timers[parent]->due_ns <= timer->due_ns) {
            break;
        }
        place(loop, slot, loop->timers[parent]);
        slot = parent;
    }
    place(loop, slot, timer);
}

static void sift_down(struct loop *loop, uint32_t slot)
{
    struct loop_timer *timer = loop->timers[slot];
    for (;;) {
        uint32_t child = slot * 2 + 1;
        if (child >= loop->timer_count) {
            break;
        }
        if (child + 1 < loop->timer_count &&
            loop->timers[child + 1]->due_ns < loop->timers[child]->due_ns) {
            child++;
        }
        if (timer->due_ns <= loop->timers[child]->due_ns) {
            break;
        }
        place(loop, slot, loop->timers[child]);
        slot = child;
    }
    place(loop, slot, timer);
}

static int make_room(struct loop *loop)
{
    if (loop->timer_count < loop->timer_cap) {
        return 0;
    }
    uint32_t cap = loop->timer_cap == 0 ? TIMERS_FIRST : loop->timer_cap * 2;
    struct loop_timer **timers = realloc(loop->timers, cap * sizeof *timers);
    if (timers == NULL) {
        return -ENOMEM;
    }
    loop->timers = timers;
    loop->timer_cap = cap;
    return 0;
}

int loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t due_ns,
                     loop_timer_fn *on_due)
{
    loop_timer_stop(timer);
    int r = make_room(loop);
    if (r < 0) {
        return r;
    }
    timer->loop = loop;
    timer->on_due = on_due;
    timer->due_ns = due_ns;
    loop->timer_count++;
    place(loop, loop->timer_count - 1, timer);
    sift_up(loop, timer->slot);
    return 0;
}

void loop_timer_stop(struct loop_timer *timer)
{
    struct loop *loop = timer->loop;
    if (loop == NULL) {
        return;
    }
    uint32_t slot = timer->slot;
    timer->loop = NULL;
    loop->timer_count--;
    if (slot == loop->timer_count) {
        return;
    }
    place(loop, slot, loop->timers[loop->timer_count]);
    sift_up(loop, slot);
    sift_down(loop, slot);
}

int64_t loop_timer_wait_ns(const struct loop *loop, int max_wait_ms)
{
    enum { MAX_WAIT_S = 1000000 };
    if (max_wait_ms == 0) {
        return 0;
    }
    int64_t max_wait_ns =
        max_wait_ms < 0 ? (int64_t)MAX_WAIT_S * 1000000000 : (int64_t)max_wait_ms * 1000000;
    if (loop->timer_count == 0) {
        return max_wait_ms < 0 ? LOOP_NEVER : max_wait_ns;
    }
    uint64_t now = loop_clock_ns();
    uint64_t due = loop->timers[0]->due_ns;
    uint64_t left_ns = due <= now ? 0 : due - now;
    return left_ns < (uint64_t)max_wait_ns ? (int64_t)left_ns : max_wait_ns;
}

void loop_timer_run(struct loop *loop)
{
    if (loop->timer_count == 0) {
        return;
    }
    uint64_t now = loop_clock_ns();
    while (loop->timer_count > 0 && loop->timers[0]->due_ns <= now) {
        struct loop_timer *timer = loop->timers[0];
        loop_timer_stop(timer);
        timer->on_due(timer);
    }
}
