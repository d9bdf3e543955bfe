/* Timeouts of one length each. See deadline.h.
 *
 * All waits of a queue are equally long, so the order of starting is the order of falling due, and
 * one timer for the first of them serves all. Stopping leaves that timer alone: it then wakes the
 * loop once, early, and is set for whoever is first by then. So a connection that starts and stops
 * a timeout with every request never touches the loop's heap. */
#include "loop/deadline.h"

#include <assert.h>
#include <stddef.h>

#include "base/container.h"
#include "base/num.h"

static void on_timer(struct loop_timer *timer);

static uint64_t due_of(const struct deadline *deadline)
{
    return num_add_sat(deadline->since_ns, deadline->queue->span_ns);
}

/* Have the timer run as long as something waits. */
static int arm(struct deadline_queue *queue)
{
    const struct deadline *oldest = deadline_oldest(queue);
    if (queue->span_ns == 0 || queue->timer.loop != NULL || oldest == NULL) {
        return 0;
    }
    return loop_timer_start(queue->loop, &queue->timer, due_of(oldest), on_timer);
}

void deadline_queue_init(struct deadline_queue *queue, struct loop *loop, uint64_t span_ns,
                         deadline_fn *on_due)
{
    *queue = (struct deadline_queue){.loop = loop, .span_ns = span_ns, .on_due = on_due};
    list_init(&queue->waiting);
}

void deadline_queue_done(struct deadline_queue *queue)
{
    assert(list_empty(&queue->waiting));
    loop_timer_stop(&queue->timer);
}

int deadline_start(struct deadline_queue *queue, struct deadline *deadline, uint64_t now_ns)
{
    deadline_stop(deadline);
    deadline->queue = queue;
    deadline->since_ns = now_ns;
    list_append(&queue->waiting, &deadline->node);
    return arm(queue);
}

void deadline_stop(struct deadline *deadline)
{
    if (deadline->queue != NULL) {
        list_remove(&deadline->node);
        deadline->queue = NULL;
    }
}

struct deadline *deadline_oldest(const struct deadline_queue *queue)
{
    if (list_empty(&queue->waiting)) {
        return NULL;
    }
    return container_of(queue->waiting.next, struct deadline, node);
}

static void on_timer(struct loop_timer *timer)
{
    struct deadline_queue *queue = container_of(timer, struct deadline_queue, timer);
    uint64_t now_ns = loop_clock_ns();
    struct deadline *oldest = deadline_oldest(queue);
    while (oldest != NULL && due_of(oldest) <= now_ns) {
        deadline_stop(oldest);
        queue->on_due(queue, oldest);
        oldest = deadline_oldest(queue);
    }
    (void)arm(queue); /* without memory, whoever starts next tries again */
}
