/* Timeouts of one length each: a queue per length, so that starting and stopping one costs a list
 * operation however many there are, and the queue's head is always the one that has waited longest.
 */
#ifndef HYTHE_LOOP_DEADLINE_H
#define HYTHE_LOOP_DEADLINE_H

#include <stdint.h>

#include "base/list.h"
#include "loop/loop.h"

struct deadline;
struct deadline_queue;
/* `deadline` has waited in `queue` for its whole span and is in none any more. */
typedef void deadline_fn(struct deadline_queue *queue, struct deadline *deadline);

struct deadline_queue {
    struct loop *loop; /* borrowed */
    uint64_t span_ns;  /* 0: nothing in it ever falls due */
    deadline_fn *on_due;
    struct list waiting; /* of struct deadline, oldest first */
    struct loop_timer timer;
};

/* Embedded in what waits; zeroed, it is in no queue. */
struct deadline {
    struct list node;
    struct deadline_queue *queue; /* NULL while stopped */
    uint64_t since_ns;
};

void deadline_queue_init(struct deadline_queue *queue, struct loop *loop, uint64_t span_ns,
                         deadline_fn *on_due);

/* Nothing is in it any more. */
void deadline_queue_done(struct deadline_queue *queue);

/* Begin to wait in `queue`, from `now_ns` on; leaves the queue it is in. -ENOMEM without memory for
 * the queue's timer: it then falls due when the next one is started. */
int deadline_start(struct deadline_queue *queue, struct deadline *deadline, uint64_t now_ns);

void deadline_stop(struct deadline *deadline);

/* The one that has waited longest, or NULL. */
struct deadline *deadline_oldest(const struct deadline_queue *queue);

#endif
