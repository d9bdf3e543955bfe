/* One admin process, as long as there is an admin listener. See admin_seat.h. */
#include "serve/admin_seat.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"

enum { PAUSE_NS = 1000000000 };

static void on_message(struct child *child, struct control_message *message);
static void on_end(struct child *child, int status);
static void on_restart(struct loop_timer *timer);

void admin_seat_init(struct admin_seat *seat, struct loop *loop, struct board *board)
{
    *seat = (struct admin_seat){.loop = loop, .board = board, .fd = -1};
}

static void start(struct admin_seat *seat)
{
    int keep[] = {seat->fd, seat->board->fd};
    struct admin_options admin = {.board = seat->board,
                                  .listener_fd = seat->fd,
                                  .user = seat->user,
                                  .group = seat->group,
                                  .no_sandbox = seat->no_sandbox};
    struct child_options options = {.run = admin_run,
                                    .context = &admin,
                                    .keep = keep,
                                    .keep_count = ARRAY_COUNT(keep),
                                    .on_message = on_message,
                                    .on_end = on_end};
    int r = child_start(&seat->child, seat->loop, &options);
    if (r < 0) {
        log_line("the admin listener does not answer: %s", strerror(-r));
        /* Without memory for the timer the next reload tries again. */
        (void)loop_timer_start(seat->loop, &seat->restart, loop_clock_ns() + PAUSE_NS, on_restart);
    }
}

static void on_message(struct child *child, struct control_message *message)
{
    (void)child;
    if (message->kind == CONTROL_FAILED) {
        log_line("the admin listener does not answer: %s", message->text);
    }
    if (message->fd >= 0) {
        (void)close(message->fd); /* not asked for */
    }
}

static void on_end(struct child *child, int status)
{
    struct admin_seat *seat = container_of(child, struct admin_seat, child);
    char text[32];
    log_line("the admin process ended with %s and starts again", child_status_text(status, text));
    (void)loop_timer_start(seat->loop, &seat->restart, loop_clock_ns() + PAUSE_NS, on_restart);
}

static void on_restart(struct loop_timer *timer)
{
    start(container_of(timer, struct admin_seat, restart));
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void admin_seat_set(struct admin_seat *seat, int fd, const struct serve_config *config)
{
    if (fd == seat->fd && is_same(seat->user, config->user) &&
        is_same(seat->group, config->group) && seat->no_sandbox == config->no_sandbox) {
        return;
    }
    admin_seat_done(seat);
    seat->fd = fd;
    seat->no_sandbox = config->no_sandbox;
    seat->user = config->user != NULL ? strdup(config->user) : NULL;
    seat->group = config->group != NULL ? strdup(config->group) : NULL;
    if ((config->user != NULL && seat->user == NULL) ||
        (config->group != NULL && seat->group == NULL)) {
        log_line("the admin listener does not answer: out of memory");
        seat->fd = -1;
    } else if (fd >= 0) {
        start(seat);
    }
}

void admin_seat_done(struct admin_seat *seat)
{
    loop_timer_stop(&seat->restart);
    child_kill(&seat->child); /* it holds nothing that could be lost */
    free(seat->user);
    free(seat->group);
    seat->user = NULL;
    seat->group = NULL;
    seat->fd = -1;
}
