/* The master of the workers. See workers.h.
 *
 * Happy path:
 *   1. a child loads the module, which fills the cache and tells early what is wrong with it
 *   2. the master opens the preopened listeners, then starts the workers
 *   3. each worker loads the module from the cache and runs its own guest; to bind a port it asks
 *      the master (net/broker.h)
 *   4. SIGTERM or SIGINT goes on to every worker; when the last has ended, the master ends
 *
 * Failure modes: a worker that is killed, traps or exits with an error is started again after a
 * pause that doubles from 100 ms to 10 s, and is short again once a worker has lived 10 s. When
 * GIVE_UP_AFTER workers in a row have ended within a second, the module cannot work, and the
 * master says so and ends. A worker that ends with 0 is not started again. */
#include "host/workers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "host/backoff.h"
#include "host/config.h"
#include "host/run.h"
#include "loop/loop.h"
#include "net/broker.h"

enum {
    SHORT_LIFE_MS = 1000,
    GIVE_UP_AFTER = 8,
    KILL_MARGIN_MS = 1000,
};

struct master;

struct worker {
    struct master *master; /* borrowed */
    uint32_t number;
    pid_t pid; /* 0 while none runs */
    struct loop_child child;
    struct loop_io broker_io; /* on the master's end of the pair, owned */
    struct loop_timer restart;
    uint64_t started_ns;
    uint64_t pause_ms;
};

struct master {
    struct host_run *run;   /* borrowed */
    struct loop *loop;      /* owned */
    struct broker *broker;  /* owned */
    struct worker *workers; /* owned array */
    uint32_t count;
    uint32_t alive;      /* running, or about to be started again */
    uint32_t quick_ends; /* in a row */
    struct loop_signal terminate;
    struct loop_signal interrupt;
    struct loop_timer kill;
    int ending_by; /* the signal, or 0 */
    bool has_failed;
    int exit_code;
};

static void on_exit_of_worker(struct loop_child *child, int status);

/* -- in the child ----------------------------------------------------------------------------- */

static int report_and_exit_code(int r, const struct error *err)
{
    if (r >= 0) {
        return r;
    }
    log_line("%s", err->text);
    return err->exit != 0 ? err->exit : 1;
}

/* A child of fork starts with the master's watches: drop what it must not share. */
static void become_worker(struct master *master)
{
    sigset_t none;
    (void)sigemptyset(&none); /* cannot fail on an own set */
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* no worker outlives its master */
    for (uint32_t i = 0; i < master->count; i++) {
        if (master->workers[i].broker_io.loop != NULL) {
            (void)close(master->workers[i].broker_io.fd); /* another worker's */
        }
    }
}

static int run_worker(struct master *master, int broker_fd)
{
    struct error err = {0};
    struct host_run run = {.path = master->run->path,
                           .config = master->run->config,
                           .listeners = master->run->listeners};
    become_worker(master);
    int r = host_run_load(&run, &err);
    if (r == 0) {
        r = host_run_guest(&run, broker_fd, &err);
    }
    return report_and_exit_code(r, &err);
}

/* -- starting --------------------------------------------------------------------------------- */

static void on_broker(struct loop_io *io, unsigned events)
{
    struct worker *worker = container_of(io, struct worker, broker_io);
    int r = 0;
    (void)events;
    while (r == 0) {
        r = broker_serve(worker->master->broker, io->fd);
    }
    if (r != -EAGAIN) {
        loop_io_stop(io);
        (void)close(io->fd); /* the worker has gone or talks nonsense */
    }
}

/* A worker that runs but cannot be watched must not stay: the next attempt would start another. */
static void drop_unwatched(struct worker *worker)
{
    loop_child_stop(&worker->child);
    if (worker->pid > 0) {
        (void)kill(worker->pid, SIGKILL); /* a child of ours, not reaped: it exists */
        (void)waitpid(worker->pid, NULL, 0);
        worker->pid = 0;
    }
}

static int start_worker(struct worker *worker)
{
    struct master *master = worker->master;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(pair[0]); /* the master's end */
        _exit(run_worker(master, pair[1]));
    }
    int r = pid < 0 ? -errno : 0;
    (void)close(pair[1]); /* the worker's end */
    if (r == 0) {
        worker->pid = pid;
        worker->started_ns = loop_clock_ns();
        r = loop_child_start(master->loop, &worker->child, pid, on_exit_of_worker);
    }
    if (r == 0) {
        r = loop_io_start(master->loop, &worker->broker_io, pair[0], on_broker);
    }
    if (r < 0) {
        (void)close(pair[0]); /* nobody listens to it */
        drop_unwatched(worker);
    }
    return r;
}

static void on_restart(struct loop_timer *timer)
{
    struct worker *worker = container_of(timer, struct worker, restart);
    int r = start_worker(worker);
    if (r < 0) {
        log_line("worker %u cannot be started: %s", worker->number, strerror(-r));
        r = loop_timer_start(worker->master->loop, &worker->restart,
                             loop_clock_ns() + (uint64_t)BACKOFF_MAX_MS * 1000000, on_restart);
    }
    if (r < 0) {
        worker->master->alive--; /* not even that: the others go on without it */
    }
}

/* -- ending ----------------------------------------------------------------------------------- */

static void signal_all(struct master *master, int signo)
{
    for (uint32_t i = 0; i < master->count; i++) {
        struct worker *worker = &master->workers[i];
        if (worker->pid > 0) {
            (void)kill(worker->pid, signo); /* it may have ended already */
        } else if (worker->restart.loop != NULL) {
            loop_timer_stop(&worker->restart);
            master->alive--;
        }
    }
}

static void on_kill(struct loop_timer *timer)
{
    struct master *master = container_of(timer, struct master, kill);
    signal_all(master, SIGKILL);
}

static void begin_end(struct master *master, int signo)
{
    bool is_second = master->ending_by != 0;
    master->ending_by = signo;
    signal_all(master, is_second ? SIGKILL : SIGTERM);
    uint64_t grace_ns = master->run->config->grace_ns + (uint64_t)KILL_MARGIN_MS * 1000000;
    (void)loop_timer_start(master->loop, &master->kill, loop_clock_ns() + grace_ns, on_kill);
}

static void on_terminate(struct loop_signal *signal)
{
    begin_end(container_of(signal, struct master, terminate), SIGTERM);
}

static void on_interrupt(struct loop_signal *signal)
{
    begin_end(container_of(signal, struct master, interrupt), SIGINT);
}

static void stop_broker_io(struct worker *worker)
{
    if (worker->broker_io.loop != NULL) {
        int fd = worker->broker_io.fd;
        loop_io_stop(&worker->broker_io);
        (void)close(fd); /* the worker has gone */
    }
}

/* Decide about a worker that ended badly: again after a pause, or give up. */
static void restart_or_give_up(struct worker *worker, uint64_t lived_ms)
{
    struct master *master = worker->master;
    master->quick_ends = lived_ms < SHORT_LIFE_MS ? master->quick_ends + 1 : 0;
    if (master->quick_ends >= GIVE_UP_AFTER) {
        log_line("%d workers in a row ended within a second of their start: giving up; run without "
                 "--workers to see one alone",
                 GIVE_UP_AFTER);
        master->has_failed = true;
        master->alive--;
        begin_end(master, SIGTERM);
        return;
    }
    worker->pause_ms = backoff_next_ms(worker->pause_ms, lived_ms);
    log_line("worker %u starts again in %u ms", worker->number, (unsigned)worker->pause_ms);
    int r = loop_timer_start(master->loop, &worker->restart,
                             loop_clock_ns() + worker->pause_ms * 1000000, on_restart);
    if (r < 0) {
        master->alive--;
    }
}

static void on_exit_of_worker(struct loop_child *child, int status)
{
    struct worker *worker = container_of(child, struct worker, child);
    struct master *master = worker->master;
    uint64_t lived_ms = (loop_clock_ns() - worker->started_ns) / 1000000;
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    worker->pid = 0;
    stop_broker_io(worker);
    if (master->ending_by != 0 || code == 0) {
        master->alive--;
        return;
    }
    master->exit_code = code;
    log_line("worker %u ended with %d", worker->number, code);
    restart_or_give_up(worker, lived_ms);
}

/* -- the master ------------------------------------------------------------------------------- */

/* Load the module in a child, for its cache entry and its errors. Exit code, or negative errno. */
static int load_first(struct host_run *run)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct error err = {0};
        _exit(report_and_exit_code(host_run_load(run, &err), &err));
    }
    if (pid < 0) {
        return -errno;
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int start_all(struct master *master)
{
    int r = loop_signal_start(master->loop, &master->terminate, SIGTERM, on_terminate);
    if (r == 0) {
        r = loop_signal_start(master->loop, &master->interrupt, SIGINT, on_interrupt);
    }
    for (uint32_t i = 0; r == 0 && i < master->count; i++) {
        struct worker *worker = &master->workers[i];
        worker->master = master;
        worker->number = i + 1;
        r = start_worker(worker);
        master->alive += r == 0 ? 1 : 0;
    }
    return r;
}

static int make_master(struct master *master, struct error *err)
{
    int r = loop_new(&master->loop);
    if (r == 0) {
        r = broker_new(&master->broker);
    }
    if (r == 0) {
        master->workers = calloc(master->run->config->workers, sizeof *master->workers);
        r = master->workers == NULL ? -ENOMEM : 0;
    }
    if (r == 0) {
        master->count = master->run->config->workers;
        r = start_all(master);
    }
    return r < 0 ? error_set_errno(err, r, "starting the workers") : 0;
}

static void master_done(struct master *master)
{
    for (uint32_t i = 0; i < master->count; i++) {
        struct worker *worker = &master->workers[i];
        loop_timer_stop(&worker->restart);
        loop_child_stop(&worker->child);
        stop_broker_io(worker);
        if (worker->pid > 0) {
            (void)kill(worker->pid, SIGKILL); /* only after a failure of the master's own */
            (void)waitpid(worker->pid, NULL, 0);
        }
    }
    loop_timer_stop(&master->kill);
    if (master->loop != NULL) {
        loop_signal_stop(&master->terminate);
        loop_signal_stop(&master->interrupt);
    }
    broker_free(master->broker);
    loop_free(master->loop);
    free(master->workers);
}

int workers_run(struct host_run *run, struct error *err)
{
    struct master master = {.run = run};
    int r = load_first(run);
    if (r != 0) {
        return r < 0 ? error_set_errno(err, r, "loading %s", run->path) : r;
    }
    r = host_run_listen(run, err);
    if (r == 0) {
        r = make_master(&master, err);
    }
    while (r == 0 && master.alive > 0) {
        r = loop_turn(master.loop, LOOP_NEVER);
    }
    if (r == 0 && !master.has_failed && master.ending_by != 0) {
        r = 128 + master.ending_by;
    } else if (r == 0) {
        r = master.exit_code;
    }
    master_done(&master);
    return r;
}
