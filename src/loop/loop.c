/* One turn of the loop, and descriptors.
 *
 * Every descriptor is registered once, edge-triggered, for reading and writing; the kernel is not
 * asked again until it is closed. Whoever owns the descriptor keeps what was ready and forgets it
 * when a call says EAGAIN. So waiting for any set of descriptors costs one epoll_wait, and asking
 * which of them are ready costs none.
 *
 * A descriptor that is stopped while a batch of events is being delivered may have an event later
 * in that batch: stop blanks it there, so memory can go at once. */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "loop/internal.h"

static int io_start(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
                    loop_io_fn *on_ready);

static void on_wake(struct loop_io *io, unsigned events)
{
    (void)events;
    uint64_t count = 0;
    ssize_t got = read(io->fd, &count, sizeof count);
    (void)got; /* EAGAIN: another wake was already read with this one */
}

int loop_new(struct loop **ret_loop)
{
    int r = -ENOMEM;
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return r;
    }
    loop->epoll_fd = -1;
    loop->wake_fd = -1;
    loop->signal_fd = -1;
    list_init(&loop->deferred);
    list_init(&loop->slow);
    list_init(&loop->signals);
    (void)sigemptyset(&loop->signal_set); /* cannot fail on an own set */
    loop->batch = calloc(LOOP_BATCH, sizeof *loop->batch);
    if (loop->batch == NULL) {
        goto fail;
    }
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        r = -errno;
        goto fail;
    }
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0) {
        r = -errno;
        goto fail;
    }
    /* Reading only: an eventfd is writable again after each read, which would end a wait. */
    r = io_start(loop, &loop->wake_io, loop->wake_fd, EPOLLIN | EPOLLET, on_wake);
    if (r < 0) {
        goto fail;
    }
    *ret_loop = loop;
    return 0;
fail:
    loop_free(loop);
    return r;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        (void)close(fd); /* nothing was written through it */
    }
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    assert(list_empty(&loop->signals));
    loop_pool_free(loop->pool);
    close_if_open(loop->signal_fd);
    close_if_open(loop->wake_fd);
    close_if_open(loop->epoll_fd);
    free(loop->timers);
    free(loop->batch);
    free(loop);
}

uint64_t loop_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static unsigned events_from_epoll(uint32_t epoll)
{
    unsigned events = 0;
    if (epoll & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        events |= LOOP_READ;
    }
    if (epoll & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        events |= LOOP_WRITE;
    }
    if (epoll & (EPOLLRDHUP | EPOLLHUP)) {
        events |= LOOP_HANGUP;
    }
    if (epoll & EPOLLHUP) {
        events |= LOOP_CLOSED;
    }
    if (epoll & EPOLLERR) {
        events |= LOOP_ERROR;
    }
    return events;
}

static void run_deferred(struct loop *loop)
{
    struct list now;
    if (list_empty(&loop->deferred)) {
        return;
    }
    list_take_all(&now, &loop->deferred);
    loop->turn_ns = loop_clock_ns();
    while (!list_empty(&now)) {
        struct loop_deferred *deferred = container_of(now.next, struct loop_deferred, node);
        list_remove(&deferred->node);
        deferred->on_turn(deferred);
    }
}

/* One only, so that whatever else there is waits for one of them and not for all. */
static void run_slow(struct loop *loop)
{
    if (!list_empty(&loop->slow)) {
        struct loop_deferred *deferred = container_of(loop->slow.next, struct loop_deferred, node);
        list_remove(&deferred->node);
        loop->turn_ns = loop_clock_ns();
        deferred->on_turn(deferred);
    }
}

static void run_batch(struct loop *loop)
{
    for (loop->batch_next = 0; loop->batch_next < loop->batch_count;) {
        struct epoll_event *event = &loop->batch[loop->batch_next];
        loop->batch_next++;
        struct loop_io *io = event->data.ptr;
        if (io != NULL) {
            io->on_ready(io, events_from_epoll(event->events));
        }
    }
    loop->batch_count = 0;
}

/* Wait for the kernel, to the nanosecond where it can be had (Linux 5.11). */
static int wait_for_events(struct loop *loop, int64_t wait_ns)
{
    if (wait_ns <= 0 || loop->has_no_pwait2) {
        int wait_ms = wait_ns <= 0 ? (int)wait_ns : (int)((wait_ns + 999999) / 1000000);
        return epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, wait_ms);
    }
    struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
    int count = epoll_pwait2(loop->epoll_fd, loop->batch, LOOP_BATCH, &wait, NULL);
    if (count < 0 && errno == ENOSYS) {
        loop->has_no_pwait2 = true;
        return wait_for_events(loop, wait_ns);
    }
    return count;
}

int loop_turn(struct loop *loop, int max_wait_ms)
{
    bool has_deferred = !list_empty(&loop->deferred) || !list_empty(&loop->slow);
    int64_t wait_ns = has_deferred ? 0 : loop_timer_wait_ns(loop, max_wait_ms);
    int count = wait_for_events(loop, wait_ns);
    if (count < 0 && errno != EINTR) {
        return -errno;
    }
    loop->batch_count = count > 0 ? count : 0;
    run_batch(loop);
    loop_timer_run(loop);
    run_deferred(loop);
    run_slow(loop);
    loop_work_run(loop);
    return 0;
}

static int io_start(struct loop *loop, struct loop_io *io, int fd, uint32_t events,
                    loop_io_fn *on_ready)
{
    struct epoll_event event = {.events = events, .data.ptr = io};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        return -errno;
    }
    io->loop = loop;
    io->fd = fd;
    io->on_ready = on_ready;
    return 0;
}

int loop_io_start(struct loop *loop, struct loop_io *io, int fd, loop_io_fn *on_ready)
{
    return io_start(loop, io, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, on_ready);
}

int loop_io_start_level(struct loop *loop, struct loop_io *io, int fd, unsigned events,
                        loop_io_fn *on_ready)
{
    uint32_t epoll = ((events & LOOP_READ) != 0 ? (uint32_t)EPOLLIN : 0) |
                     ((events & LOOP_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0);
    if (io->loop == NULL) {
        return io_start(loop, io, fd, epoll, on_ready);
    }
    struct epoll_event event = {.events = epoll, .data.ptr = io};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

void loop_io_stop(struct loop_io *io)
{
    struct loop *loop = io->loop;
    if (loop == NULL) {
        return;
    }
    /* Fails only when the descriptor is gone already, and then there is nothing to undo. */
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    for (int i = loop->batch_next; i < loop->batch_count; i++) {
        if (loop->batch[i].data.ptr == io) {
            loop->batch[i].data.ptr = NULL;
        }
    }
    io->loop = NULL;
}

void loop_deferred_init(struct loop_deferred *deferred, loop_deferred_fn *on_turn)
{
    list_init(&deferred->node);
    deferred->on_turn = on_turn;
}

void loop_defer(struct loop *loop, struct loop_deferred *deferred)
{
    if (list_empty(&deferred->node)) {
        list_append(&loop->deferred, &deferred->node);
    }
}

void loop_defer_slow(struct loop *loop, struct loop_deferred *deferred)
{
    if (list_empty(&deferred->node)) {
        list_append(&loop->slow, &deferred->node);
    }
}

uint64_t loop_turn_begin_ns(const struct loop *loop)
{
    return loop->turn_ns;
}

void loop_deferred_cancel(struct loop_deferred *deferred)
{
    list_remove(&deferred->node);
}

void loop_wake(struct loop *loop)
{
    uint64_t one = 1;
    ssize_t put = write(loop->wake_fd, &one, sizeof one);
    (void)put; /* EAGAIN: the counter is full, so the loop is awake anyway */
}
