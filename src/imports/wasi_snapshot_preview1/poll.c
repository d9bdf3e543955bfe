/* Waiting for several things: poll_oneoff, and WasmEdge's epoll_oneoff.
 *
 * Happy path:
 *   1. look at every subscription against cached readiness; no system call for any of them
 *   2. something is ready: write its events, answer
 *   3. nothing is: park until the first of an edge, a clock, then look again from 1
 *
 * Clocks count from the call's begin. A relative one on any clock is served by the monotonic
 * clock; an absolute one on the real-time clock is looked at anew after each wait, so a step of
 * the clock is seen no later than the deadline computed before it. */
#include <errno.h>
#include <time.h>

#include "base/container.h"
#include "base/num.h"
#include "guest/poll.h"
#include "imports/wasi_snapshot_preview1/preview1.h"

enum { CLOCKS_MAX = 1024 };

/* One look at a guest's subscriptions. */
struct look {
    struct call *call;
    const uint8_t *subscriptions; /* in guest memory: for this look only */
    uint8_t *events;
    uint32_t count;
    uint32_t found;
    bool is_edge;
    bool has_clock;
    bool count_bytes;  /* the form of wasi-libc's FIONREAD: one FD_READ and a zero clock */
    uint64_t begin_ns; /* when the call began, monotonic */
    uint64_t now_ns;   /* monotonic, read once per look when there is a clock */
    uint64_t next_ns;  /* the first clock that is not due */
};

static void put_event(struct look *look, const uint8_t *subscription,
                      const struct poll_result *result)
{
    uint8_t *event = look->events + (size_t)look->found * WASI_EVENT_SIZE;
    uint64_t userdata = load_u64(subscription + WASI_SUBSCRIPTION_USERDATA);
    uint8_t tag = subscription[WASI_SUBSCRIPTION_TAG];
    memset(event, 0, WASI_EVENT_SIZE);
    store_u64(event + WASI_EVENT_USERDATA, userdata);
    store_u16(event + WASI_EVENT_ERROR, (uint16_t)wasi_errno_from(result->error));
    event[WASI_EVENT_TYPE] = tag;
    store_u64(event + WASI_EVENT_NBYTES, result->nbytes);
    store_u16(event + WASI_EVENT_FLAGS, result->hangup ? WASI_EVENT_HANGUP : 0);
    look->found++;
}

/* The monotonic time at which a clock subscription is due. */
static int clock_due(struct look *look, const uint8_t *subscription, uint64_t *ret_due_ns)
{
    uint32_t id = load_u32(subscription + WASI_SUBSCRIPTION_CLOCK_ID);
    uint64_t timeout = load_u64(subscription + WASI_SUBSCRIPTION_CLOCK_TIMEOUT);
    uint16_t flags = load_u16(subscription + WASI_SUBSCRIPTION_CLOCK_FLAGS);
    if (id > WASI_CLOCK_MONOTONIC) {
        return id > WASI_CLOCK_THREAD_CPUTIME ? -EINVAL : -ENOTSUP;
    }
    if ((flags & WASI_CLOCK_ABSTIME) == 0) {
        *ret_due_ns = num_add_sat(look->begin_ns, timeout);
        return 0;
    }
    if (id == WASI_CLOCK_MONOTONIC) {
        *ret_due_ns = timeout;
        return 0;
    }
    struct timespec real;
    (void)clock_gettime(CLOCK_REALTIME, &real); /* cannot fail for this clock */
    uint64_t real_ns = (uint64_t)real.tv_sec * 1000000000U + (uint64_t)real.tv_nsec;
    *ret_due_ns = timeout <= real_ns ? 0 : num_add_sat(look->now_ns, timeout - real_ns);
    return 0;
}

static void look_at_clock(struct look *look, const uint8_t *subscription)
{
    uint64_t due_ns = 0;
    if (!look->has_clock) {
        look->has_clock = true;
        look->now_ns = loop_clock_ns();
        if (look->begin_ns == 0) {
            look->begin_ns = look->now_ns;
        }
    }
    struct poll_result result = {.error = clock_due(look, subscription, &due_ns)};
    if (result.error < 0 || due_ns <= look->now_ns) {
        put_event(look, subscription, &result);
    } else if (due_ns < look->next_ns) {
        look->next_ns = due_ns;
    }
}

/* Clocks and FD_READ first, then FD_WRITE, which depends on which reads are subscribed. */
static int look_at_all(struct look *look)
{
    struct guest *guest = call_guest(look->call);
    struct poll_result result;
    uint32_t writes = 0;
    for (uint32_t i = 0; i < look->count; i++) {
        const uint8_t *at = look->subscriptions + (size_t)i * WASI_SUBSCRIPTION_SIZE;
        switch (at[WASI_SUBSCRIPTION_TAG]) {
        case WASI_EVENT_CLOCK:
            look_at_clock(look, at);
            break;
        case WASI_EVENT_FD_READ:
            if (guest_poll_read(guest, load_u32(at + WASI_SUBSCRIPTION_FD), look->count_bytes,
                                &result)) {
                put_event(look, at, &result);
            }
            break;
        case WASI_EVENT_FD_WRITE:
            writes++;
            break;
        default:
            return -EINVAL;
        }
    }
    for (uint32_t i = 0; i < look->count && writes > 0; i++) {
        const uint8_t *at = look->subscriptions + (size_t)i * WASI_SUBSCRIPTION_SIZE;
        if (at[WASI_SUBSCRIPTION_TAG] != WASI_EVENT_FD_WRITE) {
            continue;
        }
        writes--;
        if (guest_poll_write(guest, load_u32(at + WASI_SUBSCRIPTION_FD), look->is_edge, &result)) {
            put_event(look, at, &result);
        }
    }
    return 0;
}

/* As poll(2) refuses more than RLIMIT_NOFILE. Nobody else runs during a look, and each may cost a
 * system call; a guest's memory holds millions of them. */
static bool has_too_many(const struct look *look)
{
    uint64_t max =
        2 * (uint64_t)call_guest(look->call)->fds.max + CLOCKS_MAX; /* reads and writes */
    return look->count > max;
}

static int look_begin(struct look *look)
{
    struct call *call = look->call;
    uint64_t subscriptions_len = (uint64_t)call_u32(call, 2) * WASI_SUBSCRIPTION_SIZE;
    uint64_t events_len = (uint64_t)call_u32(call, 2) * WASI_EVENT_SIZE;
    look->count = call_u32(call, 2);
    look->next_ns = UINT64_MAX;
    if (look->count == 0) {
        return -EINVAL;
    }
    if (!call_in_memory(call, call_u32(call, 0), subscriptions_len) ||
        !call_in_memory(call, call_u32(call, 1), events_len) ||
        !call_in_memory(call, call_u32(call, 3), 4)) {
        return -EFAULT;
    }
    if (has_too_many(look)) {
        return -EINVAL;
    }
    look->subscriptions = call->memory + call_u32(call, 0);
    look->events = call->memory + call_u32(call, 1);
    if (look->count == 2) {
        const uint8_t *clock = look->subscriptions + WASI_SUBSCRIPTION_SIZE;
        look->count_bytes = look->subscriptions[WASI_SUBSCRIPTION_TAG] == WASI_EVENT_FD_READ &&
                            clock[WASI_SUBSCRIPTION_TAG] == WASI_EVENT_CLOCK &&
                            load_u64(clock + WASI_SUBSCRIPTION_CLOCK_TIMEOUT) == 0;
    }
    return 0;
}

static int32_t poll_once(struct call *call, bool is_edge, uint64_t begin_ns)
{
    struct guest *guest = call_guest(call);
    struct look look = {.call = call, .is_edge = is_edge, .begin_ns = begin_ns};
    int r = look_begin(&look);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    guest_poll_begin(guest);
    r = look_at_all(&look);
    if (r < 0) {
        return wasi_errno_from(r);
    }
    if (look.found > 0) {
        return wasi_errno_from(call_write_u32(call, call_u32(call, 3), look.found));
    }
    guest->wait.deadline_ns = look.begin_ns;
    r = guest_wait_begin(guest, look.next_ns);
    return r < 0 ? wasi_errno_from(r) : CALL_WAIT;
}

static int32_t poll_first(struct call *call, bool is_edge)
{
    struct guest *guest = call_guest(call);
    if (!guest_poll_is_stale(guest)) {
        return poll_once(call, is_edge, 0);
    }
    guest->wait.deadline_ns = 0; /* the call's clocks begin with its first look */
    int r = guest_wait_begin(guest, 0);
    return r < 0 ? wasi_errno_from(r) : CALL_WAIT;
}

static int32_t poll_begin(struct call *call)
{
    return poll_first(call, false);
}

static int32_t poll_finish(struct call *call)
{
    guest_poll_refreshed(call_guest(call));
    return poll_once(call, false, call_guest(call)->wait.deadline_ns);
}

static int32_t epoll_begin(struct call *call)
{
    return poll_first(call, true);
}

static int32_t epoll_finish(struct call *call)
{
    guest_poll_refreshed(call_guest(call));
    return poll_once(call, true, call_guest(call)->wait.deadline_ns);
}

static const struct host_func rows[] = {
    {"poll_oneoff", "iiii", "i", "in out nsubscriptions ret_nevents", poll_begin, poll_finish},
    {"epoll_oneoff", "iiii", "i", "in out nsubscriptions ret_nevents", epoll_begin, epoll_finish},
};

const struct func_table preview1_poll = {rows, ARRAY_COUNT(rows)};
