/* wasi:io/poll: waiting for any of many.
 *
 * Happy path of poll:
 *   1. each pollable is asked whether it is ready; if one is, the answer is all that are
 *   2. none is: each says what would make it ready, and the guest is parked
 *   3. it is woken by one of them, or by something else: all are asked again
 * A guest that always finds one ready is parked for a turn of the loop now and then, so that the
 * kernel is asked for news of the others. */
#include <stdlib.h>

#include "guest/guest.h"
#include "guest/poll.h"
#include "imports/wasi_io/io.h"

static void pollable_free(struct resource *resource)
{
    struct pollable *pollable = container_of(resource, struct pollable, base);
    resource_unref(pollable->source);
    free(pollable);
}

const struct resource_kind pollable_kind = {.name = "pollable", .free = pollable_free};

static bool timer_ready(struct pollable *pollable)
{
    return loop_clock_ns() >= pollable->deadline_ns;
}

static void timer_arm(struct pollable *pollable, uint64_t *deadline_ns)
{
    if (pollable->deadline_ns < *deadline_ns) {
        *deadline_ns = pollable->deadline_ns;
    }
}

static const struct pollable_ops timer_ops = {.ready = timer_ready, .arm = timer_arm};

static int32_t give(struct component_call *call, unsigned slot, const struct pollable *made)
{
    struct pollable *pollable = malloc(sizeof *pollable);
    if (pollable == NULL) {
        return component_trap(call, "out of memory");
    }
    *pollable = *made;
    resource_init(&pollable->base, call->guest, &pollable_kind);
    if (made->source != NULL) {
        resource_ref(made->source);
    }
    return component_give(call, slot, &pollable->base);
}

int32_t pollable_give(struct component_call *call, unsigned slot, const struct pollable_ops *ops,
                      struct resource *source)
{
    return give(call, slot, &(struct pollable){.ops = ops, .source = source});
}

int32_t pollable_give_timer(struct component_call *call, unsigned slot, uint64_t deadline_ns)
{
    return give(call, slot, &(struct pollable){.ops = &timer_ops, .deadline_ns = deadline_ns});
}

/* -- one pollable ----------------------------------------------------------------------------- */

static struct pollable *self(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct pollable, &pollable_kind);
}

static void arm(struct pollable *pollable, uint64_t *deadline_ns)
{
    if (pollable->ops->arm != NULL) {
        pollable->ops->arm(pollable, deadline_ns);
    }
}

static int32_t pollable_ready(struct component_call *call)
{
    struct pollable *pollable = self(call);
    call->results[0].number = pollable->ops->ready(pollable) ? 1 : 0;
    return 0;
}

static int32_t pollable_block(struct component_call *call)
{
    struct pollable *pollable = self(call);
    uint64_t deadline_ns = UINT64_MAX;
    if (pollable->ops->ready(pollable)) {
        return 0;
    }
    arm(pollable, &deadline_ns);
    return component_wait(call, deadline_ns);
}

/* -- many ------------------------------------------------------------------------------------- */

/* One look at the list. The clock is read once for all timers, when the first is met. */
struct look {
    struct guest *guest;
    const uint32_t *reps;
    size_t count;
    uint64_t now_ns; /* 0: not read yet */
};

static struct pollable *item(const struct look *look, size_t index)
{
    struct resource *resource = resource_get(look->guest, look->reps[index], &pollable_kind);
    return container_of(resource, struct pollable, base);
}

static bool is_ready(struct look *look, size_t index)
{
    struct pollable *pollable = item(look, index);
    if (pollable->ops != &timer_ops) {
        return pollable->ops->ready(pollable);
    }
    if (look->now_ns == 0) {
        look->now_ns = loop_clock_ns();
    }
    return look->now_ns >= pollable->deadline_ns;
}

static size_t find_ready(struct look *look, size_t from)
{
    while (from < look->count && !is_ready(look, from)) {
        from++;
    }
    return from;
}

/* Answer with all that are ready, of which `first` is the first. */
static int32_t answer(struct component_call *call, struct look *look, size_t first)
{
    uint32_t *ready = component_scratch(call, (look->count - first) * sizeof *ready);
    size_t count = 0;
    if (ready == NULL) {
        return component_trap(call, "out of memory");
    }
    for (size_t i = first; i < look->count; i = find_ready(look, i + 1)) {
        ready[count] = (uint32_t)i;
        count++;
    }
    call->results[0].words = (struct component_words){ready, count};
    return 0;
}

static int32_t park(struct component_call *call, const struct look *look)
{
    uint64_t deadline_ns = UINT64_MAX;
    for (size_t i = 0; i < look->count; i++) {
        arm(item(look, i), &deadline_ns);
    }
    return component_wait(call, deadline_ns);
}

static int32_t poll_look(struct component_call *call)
{
    const struct component_words *list = &call->args[0].words;
    struct look look = {.guest = call->guest, .reps = list->items, .count = list->count};
    size_t first = find_ready(&look, 0);
    return first < look.count ? answer(call, &look, first) : park(call, &look);
}

static int32_t poll_begin(struct component_call *call)
{
    size_t count = call->args[0].words.count;
    if (count == 0) {
        return component_trap(call, "the list of pollables is empty");
    }
    if (count > IO_POLL_MAX) {
        return component_trap(call, "%zu pollables, of %d that one call may wait for", count,
                              IO_POLL_MAX);
    }
    if (guest_poll_is_stale(call->guest)) {
        return component_wait(call, 0 /* deadline_ns */);
    }
    return poll_look(call);
}

static int32_t poll_finish(struct component_call *call)
{
    guest_poll_refreshed(call->guest);
    return poll_look(call);
}

static const struct component_func funcs[] = {
    {"[method]pollable.block", "self", pollable_block, pollable_block},
    {"[method]pollable.ready", "self", pollable_ready, NULL},
    {"poll", "in", poll_begin, poll_finish},
};

static const struct component_resource resources[] = {
    {"pollable", component_drop},
};

COMPONENT_INTERFACE(wasi_io_poll, "wasi:io/poll", funcs, resources);
