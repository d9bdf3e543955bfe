/* Generations of workers, one after the other. See master.h.
 *
 * Happy path:
 *   1. the configuration is read, and the first generation made (generation.h)
 *   2. it is ready: it accepts, and the addresses are said
 *   3. SIGHUP, or a changed file: the configuration is read again and the next generation made; when
 *      it is ready it accepts, and the one before drains
 *   4. SIGTERM or SIGINT: all drain; when the last worker has ended, so does the master, with 0
 *
 * Failure modes: the first generation fails: the master ends with its reason. A later one fails: the
 * reason is said, and the one that serves goes on. A second SIGTERM or SIGINT kills the workers.
 *
 * SIGUSR2: another program takes this one's place (succession.h). Its first generation is then to the
 * workers it found what a reload's is to those before. */
#include "serve/master.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/container.h"
#include "base/list.h"
#include "base/log.h"
#include "hythe/version.h"
#include "loop/loop.h"
#include "net/address.h"
#include "serve/admin_seat.h"
#include "serve/board.h"
#include "serve/generation.h"
#include "serve/notify.h"
#include "serve/sockets.h"
#include "serve/succession.h"
#include "serve/watch.h"

enum { SLOTS_MIN = 64, SLOTS_PER_PROCESSOR = 4 };

enum master_signal {
    ON_TERMINATE,
    ON_INTERRUPT,
    ON_HANGUP,
    ON_REOPEN,
    ON_UPGRADE,
    SIGNAL_COUNT,
};

struct master {
    const struct hythe_server_config *config; /* borrowed */
    struct loop *loop;                        /* owned, as all below */
    struct board board;
    struct sockets sockets;
    struct generation *serving;
    struct generation *next; /* being made, or failed and to be freed */
    struct list old;         /* draining */
    struct list gone;        /* to be freed */
    struct loop_deferred tidy;
    struct admin_seat admin;
    struct watch watch;
    struct succession succession;
    struct loop_signal signals[SIGNAL_COUNT];
    uint32_t number;   /* of the newest generation */
    bool wants_reload; /* once the one under way is done */
    int ending_by;     /* the signal, or 0 */
    bool has_ended;
    struct error err; /* why it could not begin */
};

static void on_ready(void *context, struct generation *generation);
static void on_failed(void *context, struct generation *generation, const struct error *err);
static void on_gone(void *context, struct generation *generation);
static void on_tidy(struct loop_deferred *deferred);
static void reload(struct master *master);

/* -- generations ------------------------------------------------------------------------------ */

static int make_next(struct master *master, struct error *err)
{
    struct serve_config config;
    struct generation_options options = {
        .loop = master->loop,
        .board = &master->board,
        .sockets = &master->sockets,
        .number = master->number + 1,
        .replaces_default = master->config->config.listener_count == 0,
        .context = master,
        .on_ready = on_ready,
        .on_failed = on_failed,
        .on_gone = on_gone,
    };
    int r = server_config_load(master->config, &config, err);
    if (r < 0) {
        return r;
    }
    master->number++;
    return generation_new(&options, &config, &master->next, err);
}

static void say_addresses(const struct generation *generation)
{
    char text[NET_ADDRESS_TEXT_MAX];
    const struct serve_config *config = &generation->config;
    for (uint32_t i = 0; i < generation->socket_count; i++) {
        const char *address = sockets_text(generation->sockets[i], text);
        bool is_tls = i < config->listener_count ? config->listeners[i].is_tls
                                                 : config->tls.certificate_count > 0;
        bool is_unix = strncmp(address, "unix:", 5) == 0;
        log_line("serving on %s%s", is_unix ? "" : is_tls ? "https://" : "http://", address);
    }
}

static void set_state(struct master *master, enum board_state state)
{
    board_set(&master->board.head->state, state);
}

/* What starts programs may leave few descriptors to them: ctr's containers get 1024. */
static void say_file_limit(const struct generation *generation)
{
    struct rlimit limit;
    unsigned connections = generation->config.limits.connections;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < connections) {
        log_line("a worker can have %llu files open, fewer than the %u connections that it may "
                 "hold: raise the limit (ulimit -Hn), or lower limits.connections",
                 (unsigned long long)limit.rlim_cur, connections);
    }
}

/* It is the first one of this program: say so, and where. */
static void begin_serving(struct master *master, const struct generation *generation)
{
    char text[NET_ADDRESS_TEXT_MAX];
    if (master->succession.alive == 0) {
        say_addresses(generation);
    } else {
        log_line("upgraded: hythe %s serves", HYTHE_VERSION);
        succession_signal_elders(&master->succession, SIGTERM);
    }
    if (generation->admin != NULL) {
        const char *address = sockets_text(generation->admin, text);
        bool is_unix = strncmp(address, "unix:", 5) == 0;
        log_line("status on %s%s", is_unix ? "" : "http://", address);
    }
    log_line("workers run with: %s", generation->sandbox);
    say_file_limit(generation);
}

static void set_watch(struct master *master, const struct generation *generation)
{
    int r = 0;
    if (generation->config.watch) {
        r = watch_set(&master->watch, &generation->config);
    } else {
        watch_done(&master->watch);
    }
    if (r < 0) {
        log_line("changes of files are not noticed: %s", strerror(-r));
    }
}

static void on_ready(void *context, struct generation *generation)
{
    struct master *master = context;
    struct generation *before = master->serving;
    if (master->ending_by != 0) {
        return; /* it is killed */
    }
    master->serving = generation;
    master->next = NULL;
    board_set(&master->board.head->generation, generation->options.number);
    if (before == NULL) {
        begin_serving(master, generation);
    }
    generation_go(generation);
    admin_seat_set(&master->admin, generation->admin != NULL ? sockets_fd(generation->admin) : -1,
                   &generation->config);
    set_watch(master, generation);
    if (before != NULL) {
        list_append(&master->old, &before->node);
        generation_drain(before);
        board_add(&master->board.head->reloads, 1);
        log_line("reloaded: generation %u serves", generation->options.number);
    }
    set_state(master, BOARD_READY);
    (void)notify_send("READY=1"); /* systemd may be gone; nothing can be done */
    loop_defer(master->loop, &master->tidy);
}

static void on_failed(void *context, struct generation *generation, const struct error *err)
{
    struct master *master = context;
    (void)generation;
    if (master->serving == NULL && master->succession.alive == 0) {
        master->err = *err;
        master->has_ended = true;
    } else if (master->ending_by == 0) {
        log_line("%s", err->text);
        log_line("not reloaded: what was serving goes on");
        board_add(&master->board.head->failed_reloads, 1);
        (void)notify_send("READY=1"); /* as above */
    }
    loop_defer(master->loop, &master->tidy);
}

static void on_gone(void *context, struct generation *generation)
{
    struct master *master = context;
    if (generation == master->serving) {
        master->serving = NULL;
    }
    list_remove(&generation->node);
    list_append(&master->gone, &generation->node);
    loop_defer(master->loop, &master->tidy);
}

static void on_elders_gone(void *context)
{
    struct master *master = context;
    if (master->serving != NULL) {
        sockets_drop_unused(&master->sockets);
    }
    loop_defer(master->loop, &master->tidy);
}

/* Generations are freed here and not in their own callbacks. */
static void on_tidy(struct loop_deferred *deferred)
{
    struct master *master = container_of(deferred, struct master, tidy);
    while (!list_empty(&master->gone)) {
        generation_free(container_of(master->gone.next, struct generation, node));
    }
    if (master->next != NULL &&
        (master->next->state == GENERATION_FAILED || master->ending_by != 0)) {
        generation_free(master->next);
        master->next = NULL;
    }
    if (master->ending_by != 0) {
        master->has_ended = master->serving == NULL && master->next == NULL &&
                            list_empty(&master->old) && master->succession.alive == 0;
    } else if (master->next == NULL && master->wants_reload) {
        reload(master);
    } else if (master->next == NULL && master->serving == NULL && master->succession.alive == 0) {
        master->has_ended = true; /* the workers of the program before went, and no new ones came */
    }
}

static void reload(struct master *master)
{
    struct error err = {0};
    master->wants_reload = master->next != NULL;
    if (master->wants_reload || master->ending_by != 0) {
        return; /* on_tidy comes back to it */
    }
    (void)notify_reloading(); /* as above */
    int r = make_next(master, &err);
    if (r < 0) {
        on_failed(master, NULL, &err);
    }
}

/* -- signals ---------------------------------------------------------------------------------- */

static void end(struct master *master, int signo)
{
    bool is_second = master->ending_by != 0;
    master->ending_by = signo;
    set_state(master, BOARD_ENDING);
    if (!is_second) {
        (void)notify_send("STOPPING=1"); /* as above */
    }
    succession_signal_elders(&master->succession, is_second ? SIGKILL : SIGTERM);
    if (master->serving != NULL) {
        (is_second ? generation_kill : generation_drain)(master->serving);
    }
    for (struct list *node = master->old.next; is_second && node != &master->old;
         node = node->next) {
        generation_kill(container_of(node, struct generation, node));
    }
    loop_defer(master->loop, &master->tidy);
}

static void on_terminate(struct loop_signal *signal)
{
    end(container_of(signal, struct master, signals[ON_TERMINATE]), SIGTERM);
}

static void on_interrupt(struct loop_signal *signal)
{
    end(container_of(signal, struct master, signals[ON_INTERRUPT]), SIGINT);
}

static void on_hangup(struct loop_signal *signal)
{
    reload(container_of(signal, struct master, signals[ON_HANGUP]));
}

static void reopen(struct generation *generation)
{
    struct error err = {0};
    if (generation_reopen_log(generation, &err) < 0) {
        log_line("%s; the old file is kept", err.text);
    }
}

static void on_reopen(struct loop_signal *signal)
{
    struct master *master = container_of(signal, struct master, signals[ON_REOPEN]);
    if (master->serving != NULL) {
        reopen(master->serving);
    }
    for (struct list *node = master->old.next; node != &master->old; node = node->next) {
        reopen(container_of(node, struct generation, node));
    }
}

static uint32_t list_pids(void *context, pid_t *to, uint32_t max)
{
    struct master *master = context;
    uint32_t count = generation_list_pids(master->serving, to, max);
    for (struct list *node = master->old.next; node != &master->old; node = node->next) {
        count += generation_list_pids(container_of(node, struct generation, node), to + count,
                                      max - count);
    }
    if (master->admin.child.pid > 0 && count < max) {
        to[count++] = master->admin.child.pid;
    }
    return count;
}

static void on_upgrade(struct loop_signal *signal)
{
    struct master *master = container_of(signal, struct master, signals[ON_UPGRADE]);
    if (master->serving == NULL || master->next != NULL || master->ending_by != 0) {
        log_line("not upgraded: a start, a reload or the end is under way");
        return;
    }
    succession_begin(&master->succession);
}

static void on_change(void *context)
{
    log_line("files have changed");
    reload(context);
}

static const struct {
    int signo;
    loop_signal_fn *on_signal;
} signal_table[SIGNAL_COUNT] = {
    [ON_TERMINATE] = {SIGTERM, on_terminate}, [ON_INTERRUPT] = {SIGINT, on_interrupt},
    [ON_HANGUP] = {SIGHUP, on_hangup},        [ON_REOPEN] = {SIGUSR1, on_reopen},
    [ON_UPGRADE] = {SIGUSR2, on_upgrade},
};

/* -- the whole -------------------------------------------------------------------------------- */

/* Workers hold a descriptor for each connection. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* as many as we may have, or as before */
    }
}

/* A log's reader that has gone ends no server. */
static void ignore_broken_pipes(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL); /* the number is valid */
}

static uint32_t slots_wanted(const struct hythe_server_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t workers = config->config.workers;
    if (processors > 0 && (uint32_t)processors > workers) {
        workers = (uint32_t)processors;
    }
    return workers > SLOTS_MIN / SLOTS_PER_PROCESSOR ? workers * SLOTS_PER_PROCESSOR : SLOTS_MIN;
}

/* What the program before this one has left, if there was one. 0 or a negative errno. */
static int take_over(struct master *master, struct error *err)
{
    int r = succession_init(&master->succession, err);
    if (r == 0) {
        r = succession_adopt(&master->succession, err);
    }
    if (r == 1) {
        master->number = (uint32_t)board_get(&master->board.head->generation);
    }
    return r < 0 ? r : 0;
}

static void begin_parts(struct master *master)
{
    admin_seat_init(&master->admin, master->loop, &master->board);
    master->watch.loop = master->loop;
    master->watch.context = master;
    master->watch.on_change = on_change;
    master->succession.loop = master->loop;
    master->succession.board = &master->board;
    master->succession.sockets = &master->sockets;
    master->succession.context = master;
    master->succession.list_pids = list_pids;
    master->succession.on_elders_gone = on_elders_gone;
}

static int prepare(struct master *master, struct error *err)
{
    int r = loop_new(&master->loop);
    if (r == 0) {
        r = board_new(&master->board, slots_wanted(master->config));
    }
    for (size_t i = 0; r == 0 && i < SIGNAL_COUNT; i++) {
        r = loop_signal_start(master->loop, &master->signals[i], signal_table[i].signo,
                              signal_table[i].on_signal);
    }
    if (r < 0) {
        return error_set_errno(err, r, "preparing the server");
    }
    begin_parts(master);
    r = sockets_inherit(&master->sockets, err);
    if (r == 0) {
        r = take_over(master, err);
    }
    if (r == 0) {
        r = make_next(master, err);
    }
    if (r < 0 && master->succession.alive > 0) {
        log_line("%s", err->text);
        log_line("what the program before has started goes on; SIGHUP tries again");
        r = 0;
    }
    return r;
}

static void master_done(struct master *master)
{
    admin_seat_done(&master->admin);
    watch_done(&master->watch);
    succession_done(&master->succession);
    while (!list_empty(&master->old)) {
        generation_free(container_of(master->old.next, struct generation, node));
    }
    while (!list_empty(&master->gone)) {
        generation_free(container_of(master->gone.next, struct generation, node));
    }
    generation_free(master->serving);
    generation_free(master->next);
    sockets_done(&master->sockets);
    if (master->loop != NULL) {
        loop_deferred_cancel(&master->tidy);
        for (size_t i = 0; i < SIGNAL_COUNT; i++) {
            loop_signal_stop(&master->signals[i]);
        }
    }
    board_done(&master->board);
    loop_free(master->loop);
}

int master_run(const struct hythe_server_config *config, struct error *err)
{
    struct master master = {.config = config, .board = {.fd = -1}};
    list_init(&master.old);
    list_init(&master.gone);
    sockets_init(&master.sockets);
    loop_deferred_init(&master.tidy, on_tidy);
    raise_file_limit();
    ignore_broken_pipes();
    int r = prepare(&master, err);
    while (r == 0 && !master.has_ended) {
        r = loop_turn(master.loop, LOOP_NEVER);
        if (r < 0) {
            r = error_set_errno(err, r, "waiting for something to happen");
        }
    }
    if (r == 0 && master.ending_by == 0) {
        *err = master.err;
        r = err->code;
    }
    master_done(&master);
    return r;
}
