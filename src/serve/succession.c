/* From one program to the next. See succession.h. */
#include "serve/succession.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"

enum { CHECK_LIMIT_S = 300 };

struct elder {
    struct child child;
    struct succession *succession; /* borrowed */
    uint32_t slot;                 /* of the board; 0: none */
};

static void on_checked(struct child *child, int status);
static void on_limit(struct loop_timer *timer);
static void on_elder_end(struct child *child, int status);

int succession_init(struct succession *succession, struct error *err)
{
    int r = upgrade_find_program(succession->path);
    return r < 0 ? error_set_errno(err, r, "finding the program's own file") : 0;
}

/* -- the next --------------------------------------------------------------------------------- */

static int run_check(void *context, int control_fd)
{
    const struct succession *succession = context;
    (void)control_fd; /* is closed on exec */
    int r = upgrade_check(succession->path);
    log_line("%s: %s", succession->path, strerror(-r));
    return 127;
}

static void on_message(struct child *child, struct control_message *message)
{
    (void)child;
    if (message->fd >= 0) {
        (void)close(message->fd); /* another program has nothing to say here */
    }
}

void succession_begin(struct succession *succession)
{
    struct child_options options = {
        .run = run_check, .context = succession, .on_message = on_message, .on_end = on_checked};
    if (succession->check.pid > 0 || succession->alive > 0) {
        log_line("an upgrade is under way already");
        return;
    }
    log_line("upgrading: %s is checked", succession->path);
    int r = child_start(&succession->check, succession->loop, &options);
    if (r == 0) {
        r = loop_timer_start(succession->loop, &succession->limit,
                             loop_clock_ns() + (uint64_t)CHECK_LIMIT_S * 1000000000, on_limit);
    }
    if (r < 0) {
        child_kill(&succession->check);
        log_line("not upgraded: %s", strerror(-r));
    }
}

static void on_limit(struct loop_timer *timer)
{
    struct succession *succession = container_of(timer, struct succession, limit);
    child_signal(&succession->check, SIGKILL);
}

static void on_checked(struct child *child, int status)
{
    struct succession *succession = container_of(child, struct succession, check);
    struct error err = {0};
    char text[32];
    loop_timer_stop(&succession->limit);
    if (status != 0) {
        log_line("not upgraded: the check of %s ended with %s", succession->path,
                 child_status_text(status, text));
        return;
    }
    struct upgrade_state state = {.board = succession->board,
                                  .sockets = succession->sockets,
                                  .pids = calloc(UPGRADE_PIDS_MAX, sizeof *state.pids)};
    int r = -ENOMEM;
    if (state.pids != NULL) {
        state.pid_count = succession->list_pids(succession->context, state.pids, UPGRADE_PIDS_MAX);
        r = upgrade_become(succession->path, &state, &err);
    }
    free(state.pids);
    log_line("not upgraded: %s", r == -ENOMEM ? "out of memory" : err.text);
}

/* -- the one before --------------------------------------------------------------------------- */

static uint32_t slot_of(const struct board *board, pid_t pid)
{
    for (uint32_t i = BOARD_BASE + 1; i < board->head->slot_count; i++) {
        if (board_get(&board_slot(board, i)->pid) == (uint64_t)pid) {
            return i;
        }
    }
    return 0;
}

static void adopt_one(struct succession *succession, pid_t pid)
{
    struct elder *elder = &succession->elders[succession->elder_count];
    elder->succession = succession;
    if (child_adopt(&elder->child, succession->loop, pid, on_elder_end) < 0) {
        return; /* it ended meanwhile */
    }
    elder->slot = slot_of(succession->board, pid);
    succession->elder_count++;
    succession->alive++;
}

/* What those had counted who have ended meanwhile. */
static void fold_others(const struct succession *succession)
{
    assert(succession->board->head != NULL); /* adopted, or made before */
    for (uint32_t i = BOARD_BASE + 1; i < succession->board->head->slot_count; i++) {
        bool is_elders = false;
        for (uint32_t e = 0; e < succession->elder_count && !is_elders; e++) {
            is_elders = succession->elders[e].slot == i;
        }
        if (!is_elders && board_get(&board_slot(succession->board, i)->pid) != 0) {
            board_fold_slot(succession->board, i);
        }
    }
}

static int adopt_all(struct succession *succession, const struct upgrade_state *state)
{
    succession->elders = calloc(state->pid_count + (size_t)1, sizeof *succession->elders);
    if (succession->elders == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < state->pid_count; i++) {
        adopt_one(succession, state->pids[i]);
    }
    fold_others(succession);
    return 0;
}

int succession_adopt(struct succession *succession, struct error *err)
{
    struct board fresh = *succession->board;
    assert(fresh.head != NULL); /* the caller has made one */
    struct upgrade_state state = {.board = succession->board, .sockets = succession->sockets};
    int r = upgrade_adopt(&state, err);
    if (succession->board->head == NULL) {
        *succession->board = fresh; /* none came that fits */
    } else if (succession->board->head != fresh.head) {
        board_done(&fresh);
    }
    if (r == 1) {
        r = adopt_all(succession, &state) < 0 ? error_set_errno(err, -ENOMEM, "taking over") : 1;
    }
    free(state.pids);
    return r;
}

static void on_elder_end(struct child *child, int status)
{
    struct elder *elder = container_of(child, struct elder, child);
    struct succession *succession = elder->succession;
    (void)status; /* it was asked to end */
    board_fold_slot(succession->board, elder->slot);
    elder->slot = 0;
    succession->alive--;
    if (succession->alive == 0) {
        succession->on_elders_gone(succession->context);
    }
}

void succession_signal_elders(const struct succession *succession, int signo)
{
    for (uint32_t i = 0; i < succession->elder_count; i++) {
        child_signal(&succession->elders[i].child, signo);
    }
}

void succession_done(struct succession *succession)
{
    loop_timer_stop(&succession->limit);
    child_kill(&succession->check);
    for (uint32_t i = 0; i < succession->elder_count; i++) {
        child_kill(&succession->elders[i].child);
    }
    free(succession->elders);
    succession->elders = NULL;
    succession->elder_count = 0;
}
