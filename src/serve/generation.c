/* A configuration being served. See generation.h.
 *
 * Happy path:
 *   1. sockets and log are opened by the master
 *   2. the loader, a process of its own, loads everything: modules are compiled into the cache, and
 *      what is wrong is known before anything changes
 *   3. the workers start, load from the cache, and say that they are ready
 *   4. they are told to accept; from then on one that ends is started again
 *   5. drain: SIGTERM to each; the last one's end is the generation's
 *
 * Failure modes: the loader, or a worker before all are ready, fails: so does the generation, and
 * nothing else has changed. A worker that ends later is started again after a pause that doubles
 * from 100 ms to 10 s, and is short again once it has lived 10 s. One that drains for longer than
 * the grace and a second is killed. */
#include "serve/generation.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/num.h"
#include "host/backoff.h"
#include "serve/access_log.h"

enum {
    KILL_MARGIN_MS = 1000,
    LINES_MAX = 64,
    ROUTES_MAX = 65536,
    WORKERS_MAX = 4096,
    ADMIN_MODE = 0660, /* of its Unix socket */
};

static void on_loader_message(struct child *child, struct control_message *message);
static void on_loader_end(struct child *child, int status);
static void on_worker_message(struct child *child, struct control_message *message);
static void on_worker_end(struct child *child, int status);
static void on_restart(struct loop_timer *timer);
static void on_kill(struct loop_timer *timer);

static void fail(struct generation *generation)
{
    if (generation->state == GENERATION_FAILED) {
        return;
    }
    generation->state = GENERATION_FAILED;
    generation->options.on_failed(generation->options.context, generation, &generation->err);
}

/* -- sockets and log -------------------------------------------------------------------------- */

static int add_socket(struct generation *generation, struct serve_socket *socket)
{
    if (generation->socket_count == WORKER_LISTENERS_MAX) {
        return -EMFILE;
    }
    generation->sockets[generation->socket_count] = socket;
    generation->fds[generation->socket_count] = sockets_fd(socket);
    generation->socket_count++;
    return 0;
}

static int take_socket(struct generation *generation, const char *address, mode_t mode,
                       struct error *err)
{
    struct serve_socket *socket = NULL;
    int r = sockets_take(generation->options.sockets, address, mode, generation->options.number,
                         &socket, err);
    if (r < 0) {
        return r;
    }
    r = add_socket(generation, socket);
    if (r < 0) {
        sockets_release(socket);
        return error_set(err, r, "more than %d listeners were asked for", WORKER_LISTENERS_MAX);
    }
    return 0;
}

static void drop_default(struct serve_config *config)
{
    for (uint32_t i = 0; i < config->listener_count; i++) {
        free(config->listeners[i].address);
        strings_done(&config->listeners[i].proxy_from);
    }
    config->listener_count = 0;
}

/* One that systemd passed and that this generation does not use yet. */
static struct serve_socket *next_inherited(const struct generation *generation)
{
    const struct list *all = &generation->options.sockets->all;
    for (struct list *node = all->next; node != all; node = node->next) {
        struct serve_socket *socket = container_of(node, struct serve_socket, node);
        if (socket->is_inherited && socket->generation != generation->options.number) {
            return socket;
        }
    }
    return NULL;
}

/* The sockets of the configuration, then those that systemd passed and it does not name. */
static int open_sockets(struct generation *generation, struct error *err)
{
    struct serve_config *config = &generation->config;
    generation->sockets = calloc(WORKER_LISTENERS_MAX, sizeof *generation->sockets);
    generation->fds = calloc(WORKER_LISTENERS_MAX, sizeof *generation->fds);
    if (generation->sockets == NULL || generation->fds == NULL) {
        return error_set_errno(err, -ENOMEM, "opening the listeners");
    }
    struct serve_socket *passed = next_inherited(generation);
    if (passed != NULL && generation->options.replaces_default) {
        drop_default(config);
    }
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < config->listener_count; i++) {
        const struct serve_listener *listener = &config->listeners[i];
        r = take_socket(generation, listener->address, listener->unix_mode, err);
    }
    while (r == 0 && (passed = next_inherited(generation)) != NULL) {
        r = take_socket(generation, passed->address, 0, err);
    }
    if (r == 0 && config->admin != NULL) {
        r = sockets_take(generation->options.sockets, config->admin, ADMIN_MODE,
                         generation->options.number, &generation->admin, err);
    }
    return r;
}

static int open_log(struct generation *generation, struct error *err)
{
    const char *path = generation->config.log.access;
    return path != NULL ? access_log_open(path, &generation->log_fd, err) : 0;
}

int generation_reopen_log(struct generation *generation, struct error *err)
{
    int fd = -1;
    if (generation->log_fd < 0) {
        return 0;
    }
    int r = access_log_open(generation->config.log.access, &fd, err);
    if (r < 0) {
        return r;
    }
    (void)close(generation->log_fd); /* the workers have their own copies */
    generation->log_fd = fd;
    generation->worker_options.log_fd = fd;
    for (uint32_t i = 0; i < generation->seat_count; i++) {
        (void)child_send(&generation->seats[i].child, CONTROL_LOG, fd); /* it may have ended */
    }
    return 0;
}

/* -- the loader ------------------------------------------------------------------------------- */

/* Of a module that lies in memory (the command line hands over those of images so) the descriptor is
 * needed by who opens it: there can be one, the operand. */
static uint32_t list_module(const struct generation *generation, int *keep)
{
    static const char folder[] = "/proc/self/fd/";
    size_t len = sizeof folder - 1;
    const struct serve_config *config = &generation->config;
    const char *module = config->route_count == 1 ? config->routes[0].module : NULL;
    uint64_t fd = 0;
    if (module == NULL || strncmp(module, folder, len) != 0 ||
        num_parse_u64(module + len, INT_MAX, &fd) < 0) {
        return 0;
    }
    *keep = (int)fd;
    return 1;
}

/* The descriptors that a worker needs beside its own. */
static uint32_t list_kept(const struct generation *generation, int *keep)
{
    uint32_t count = generation->socket_count;
    memcpy(keep, generation->fds, count * sizeof *keep);
    count += list_module(generation, keep + count);
    if (generation->log_fd >= 0) {
        keep[count++] = generation->log_fd;
    }
    keep[count++] = generation->options.board->fd;
    return count;
}

/* Memory in which the loader lists what it has read. Without it the workers read that again. */
static void share_seen(struct generation *generation)
{
    struct seen *seen =
        mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    generation->loader_seen = seen == MAP_FAILED ? NULL : seen;
    generation->worker_options.seen = generation->loader_seen;
}

/* The workers get copies, and none can write to another's. */
static void keep_seen(struct generation *generation)
{
    if (generation->loader_seen != NULL) {
        generation->seen = *generation->loader_seen;
        (void)munmap(generation->loader_seen, sizeof *generation->loader_seen); /* is mapped */
        generation->loader_seen = NULL;
    }
    generation->worker_options.seen = &generation->seen;
}

static int start_loader(struct generation *generation, struct error *err)
{
    int keep[1];
    share_seen(generation);
    struct child_options options = {.run = loader_run,
                                    .context = &generation->worker_options,
                                    .keep = keep,
                                    .keep_count = list_module(generation, keep),
                                    .on_message = on_loader_message,
                                    .on_end = on_loader_end};
    int r = child_start(&generation->loader, generation->options.loop, &options);
    return r < 0 ? error_set_errno(err, r, "starting the process that loads the modules") : 0;
}

static void note_failure(struct generation *generation, const struct control_message *message)
{
    (void)error_set(&generation->err, -EINVAL, "%s", message->text); /* reported by fail() */
    (void)error_set_exit(&generation->err, message->number);
}

static void on_loader_message(struct child *child, struct control_message *message)
{
    struct generation *generation = container_of(child, struct generation, loader);
    int r = 0;
    if (message->kind == CONTROL_ROUTE && generation->routes.count < ROUTES_MAX) {
        r = strings_add(&generation->routes, message->text);
    } else if (message->kind == CONTROL_LINE && generation->lines.count < LINES_MAX) {
        (void)strings_add(&generation->lines, message->text); /* without memory it is not said */
    } else if (message->kind == CONTROL_FAILED) {
        note_failure(generation, message);
    }
    if (message->fd >= 0) {
        (void)close(message->fd); /* not asked for */
    }
    if (r < 0) {
        (void)error_set_errno(&generation->err, r, "loading the routes"); /* by fail() */
    }
}

static int start_workers(struct generation *generation);

static void on_loader_end(struct child *child, int status)
{
    struct generation *generation = container_of(child, struct generation, loader);
    char text[32];
    keep_seen(generation);
    if (generation->err.code == 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        (void)error_set(&generation->err, -EDEADLK, /* reported by fail() */
                        "compiling the modules took more CPU time than limits.compile_cpu, %" PRIu64
                        " s; raise it, or compile them elsewhere with hythe compile",
                        loader_cpu_seconds(&generation->config));
    } else if (generation->err.code == 0 && status != 0) {
        (void)error_set(&generation->err, -EIO, "the process that loads the modules ended with %s",
                        child_status_text(status, text)); /* reported by fail() */
    }
    if (generation->err.code != 0 || start_workers(generation) < 0) {
        fail(generation);
    }
}

/* -- workers ---------------------------------------------------------------------------------- */

static int start_worker(struct worker_seat *seat)
{
    struct generation *generation = seat->generation;
    int keep[CHILD_KEEP_MAX];
    struct worker_options worker = generation->worker_options;
    struct child_options options = {.run = worker_run,
                                    .context = &worker,
                                    .keep = keep,
                                    .on_message = on_worker_message,
                                    .on_end = on_worker_end};
    options.keep_count = list_kept(generation, keep);
    seat->slot = board_take_slot(generation->options.board);
    seat->is_ready = false;
    seat->has_closed = false;
    worker.number = seat->number;
    worker.slot = seat->slot;
    int r = child_start(&seat->child, generation->options.loop, &options);
    if (r < 0) {
        board_fold_slot(generation->options.board, seat->slot);
        seat->slot = 0;
    }
    return r;
}

static int number_of_workers(const struct serve_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->workers > 0) {
        return config->workers > WORKERS_MAX ? WORKERS_MAX : (int)config->workers;
    }
    return processors < 1 ? 1 : processors > WORKERS_MAX ? WORKERS_MAX : (int)processors;
}

static int make_rows(struct generation *generation)
{
    size_t count = generation->routes.count;
    generation->rows = calloc(count + 1, sizeof *generation->rows);
    if (generation->rows == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        generation->rows[i] = board_row_of(generation->options.board, generation->routes.items[i]);
    }
    generation->worker_options.rows = generation->rows;
    generation->worker_options.row_count = (uint32_t)count;
    return 0;
}

static int start_workers(struct generation *generation)
{
    uint32_t count = (uint32_t)number_of_workers(&generation->config);
    generation->state = GENERATION_STARTING;
    int r = make_rows(generation);
    if (r == 0) {
        generation->seats = calloc(count, sizeof *generation->seats);
        r = generation->seats == NULL ? -ENOMEM : 0;
    }
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        struct worker_seat *seat = &generation->seats[i];
        seat->generation = generation;
        seat->number = i + 1;
        generation->seat_count++;
        r = start_worker(seat);
        generation->alive += r == 0;
    }
    return r < 0 ? error_set_errno(&generation->err, r, "starting the workers") : 0;
}

static void count_ready(const struct generation *generation)
{
    if (generation->state == GENERATION_SERVING) {
        board_set(&generation->options.board->head->workers_ready, generation->ready);
    }
}

/* One that cannot be told would never accept: it starts again instead. */
static void tell_to_accept(struct worker_seat *seat)
{
    if (child_send(&seat->child, CONTROL_GO, -1) < 0) {
        child_signal(&seat->child, SIGKILL);
    }
}

static void on_worker_ready(struct worker_seat *seat, const struct control_message *message)
{
    struct generation *generation = seat->generation;
    if (seat->is_ready) {
        return;
    }
    seat->is_ready = true;
    generation->ready++;
    count_ready(generation);
    if (seat->number == 1) {
        memcpy(generation->sandbox, message->text, message->text_len + 1);
    }
    if (generation->state == GENERATION_SERVING) {
        tell_to_accept(seat);
    } else if (generation->state == GENERATION_STARTING &&
               generation->ready == generation->seat_count) {
        generation->state = GENERATION_READY;
        generation->options.on_ready(generation->options.context, generation);
    }
}

/* Sockets that no other generation has are closed: nobody accepts from them any more. */
static void release_sockets(struct generation *generation)
{
    for (uint32_t i = 0; i < generation->socket_count; i++) {
        sockets_release(generation->sockets[i]);
    }
    generation->socket_count = 0;
    sockets_release(generation->admin);
    generation->admin = NULL;
}

static void close_if_all_have(struct generation *generation)
{
    for (uint32_t i = 0; i < generation->seat_count; i++) {
        const struct worker_seat *seat = &generation->seats[i];
        if (seat->child.pid > 0 && !seat->has_closed) {
            return;
        }
    }
    release_sockets(generation);
}

static void on_worker_message(struct child *child, struct control_message *message)
{
    struct worker_seat *seat = container_of(child, struct worker_seat, child);
    struct generation *generation = seat->generation;
    if (message->kind == CONTROL_READY) {
        on_worker_ready(seat, message);
    } else if (message->kind == CONTROL_CLOSED && !seat->has_closed) {
        seat->has_closed = true;
        if (generation->state == GENERATION_DRAINING) {
            close_if_all_have(generation);
        }
    } else if (message->kind == CONTROL_FAILED && generation->state == GENERATION_STARTING) {
        note_failure(generation, message);
    } else if (message->kind == CONTROL_FAILED) {
        log_line("worker %u: %s", seat->number, message->text);
    }
    if (message->fd >= 0) {
        (void)close(message->fd); /* not asked for */
    }
}

static void start_again(struct worker_seat *seat, uint64_t lived_ms)
{
    struct generation *generation = seat->generation;
    seat->pause_ms = backoff_next_ms(seat->pause_ms, lived_ms);
    log_line("worker %u starts again in %u ms", seat->number, (unsigned)seat->pause_ms);
    if (loop_timer_start(generation->options.loop, &seat->restart,
                         loop_clock_ns() + seat->pause_ms * 1000000, on_restart) < 0) {
        log_line("worker %u stays away: out of memory", seat->number);
    }
}

static void on_restart(struct loop_timer *timer)
{
    struct worker_seat *seat = container_of(timer, struct worker_seat, restart);
    struct generation *generation = seat->generation;
    int r = start_worker(seat);
    if (r < 0) {
        log_line("worker %u cannot be started: %s", seat->number, strerror(-r));
        seat->pause_ms = BACKOFF_MAX_MS;
        start_again(seat, 0);
        return;
    }
    generation->alive++;
    board_add(&generation->options.board->head->restarts, 1);
}

/* Words about an end that nobody asked for. */
static void report_end(struct worker_seat *seat, int status)
{
    struct generation *generation = seat->generation;
    char text[32];
    if (generation->state == GENERATION_STARTING && generation->err.code == 0) {
        (void)error_set(&generation->err, -EIO, "worker %u ended with %s before it was ready",
                        seat->number, child_status_text(status, text)); /* by fail() */
    } else if (generation->state == GENERATION_SERVING) {
        log_line("worker %u ended with %s", seat->number, child_status_text(status, text));
    }
}

static void on_worker_end(struct child *child, int status)
{
    struct worker_seat *seat = container_of(child, struct worker_seat, child);
    struct generation *generation = seat->generation;
    uint64_t lived_ms = (loop_clock_ns() - child->started_ns) / 1000000;
    board_fold_slot(generation->options.board, seat->slot);
    seat->slot = 0;
    generation->alive--;
    generation->ready -= seat->is_ready;
    seat->is_ready = false;
    count_ready(generation);
    report_end(seat, status);
    switch (generation->state) {
    case GENERATION_STARTING:
    case GENERATION_READY:
        fail(generation);
        break;
    case GENERATION_SERVING:
        start_again(seat, lived_ms);
        break;
    case GENERATION_DRAINING:
        if (!seat->has_closed) {
            close_if_all_have(generation);
        }
        if (generation->alive == 0) {
            generation->options.on_gone(generation->options.context, generation);
        }
        break;
    case GENERATION_LOADING:
    case GENERATION_FAILED:
        break;
    }
}

/* -- from outside ----------------------------------------------------------------------------- */

void generation_go(struct generation *generation)
{
    assert(generation->state == GENERATION_READY);
    generation->state = GENERATION_SERVING;
    for (uint32_t i = 0; i < generation->seat_count; i++) {
        tell_to_accept(&generation->seats[i]);
    }
    for (size_t i = 0; i < generation->lines.count; i++) {
        log_line("%s", generation->lines.items[i]);
    }
    strings_done(&generation->lines);
    board_set(&generation->options.board->head->workers, generation->seat_count);
    count_ready(generation);
}

static void signal_all(struct generation *generation, int signo)
{
    for (uint32_t i = 0; i < generation->seat_count; i++) {
        loop_timer_stop(&generation->seats[i].restart);
        child_signal(&generation->seats[i].child, signo);
    }
}

void generation_drain(struct generation *generation)
{
    uint64_t grace_ns = generation->config.grace_ns + (uint64_t)KILL_MARGIN_MS * 1000000;
    generation->state = GENERATION_DRAINING;
    signal_all(generation, SIGTERM);
    /* Without memory for the timer the workers' own one is left. */
    (void)loop_timer_start(generation->options.loop, &generation->kill,
                           num_add_sat(loop_clock_ns(), grace_ns), on_kill);
    if (generation->alive == 0) {
        release_sockets(generation);
        generation->options.on_gone(generation->options.context, generation);
    }
}

static void on_kill(struct loop_timer *timer)
{
    struct generation *generation = container_of(timer, struct generation, kill);
    signal_all(generation, SIGKILL);
}

void generation_kill(struct generation *generation)
{
    generation->state = GENERATION_DRAINING;
    signal_all(generation, SIGKILL);
}

uint32_t generation_list_pids(const struct generation *generation, pid_t *to, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < generation->seat_count && count < max; i++) {
        if (generation->seats[i].child.pid > 0) {
            to[count++] = generation->seats[i].child.pid;
        }
    }
    return count;
}

static void set_worker_options(struct generation *generation)
{
    generation->worker_options = (struct worker_options){.config = &generation->config,
                                                         .listener_fds = generation->fds,
                                                         .listener_count = generation->socket_count,
                                                         .log_fd = generation->log_fd,
                                                         .board = generation->options.board};
}

int generation_new(const struct generation_options *options, struct serve_config *config,
                   struct generation **ret_generation, struct error *err)
{
    struct generation *generation = calloc(1, sizeof *generation);
    if (generation == NULL) {
        serve_config_done(config);
        return error_set_errno(err, -ENOMEM, "preparing the workers");
    }
    list_init(&generation->node);
    generation->options = *options;
    generation->config = *config;
    generation->log_fd = -1;
    int r = open_sockets(generation, err);
    if (r == 0) {
        r = open_log(generation, err);
    }
    if (r == 0) {
        set_worker_options(generation);
        r = start_loader(generation, err);
    }
    if (r < 0) {
        generation_free(generation);
        return r;
    }
    *ret_generation = generation;
    return 0;
}

void generation_free(struct generation *generation)
{
    if (generation == NULL) {
        return;
    }
    list_remove(&generation->node);
    loop_timer_stop(&generation->kill);
    child_kill(&generation->loader);
    keep_seen(generation);
    for (uint32_t i = 0; i < generation->seat_count; i++) {
        struct worker_seat *seat = &generation->seats[i];
        loop_timer_stop(&seat->restart);
        child_kill(&seat->child);
        board_fold_slot(generation->options.board, seat->slot);
    }
    release_sockets(generation);
    if (generation->log_fd >= 0) {
        (void)close(generation->log_fd); /* the master writes nothing to it */
    }
    strings_done(&generation->routes);
    strings_done(&generation->lines);
    free(generation->sockets);
    free(generation->fds);
    free(generation->rows);
    free(generation->seats);
    serve_config_done(&generation->config);
    free(generation);
}
