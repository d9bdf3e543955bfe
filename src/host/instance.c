/* The one guest of `hythe run`. See instance.h.
 *
 * Happy path: the task starts in the loop's first turn; the loop turns until it has ended; the exit
 * code. What ends it before: what ends any task (task.h), --timeout among it, and SIGTERM or SIGINT,
 * watched by the loop. */
#include "host/instance.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "host/config.h"
#include "host/load.h"
#include "host/program.h"
#include "host/setup.h"
#include "host/task.h"
#include "host/ticker.h"
#include "loop/loop.h"

struct host_instance {
    struct engine *engine; /* borrowed */
    const struct hythe_guest_config *config;
    struct host_program *program; /* owned */
    struct loop *loop;            /* owned */
    struct host_task *task;       /* owned */
    struct host_ticker ticker;
    struct loop_signal terminate;
    struct loop_signal interrupt;
    struct sigaction old_sigpipe;
    struct sigaction old_sigxfsz;
    bool has_ended;
    struct host_task_result result; /* once it has */
    int killed_by;                  /* a signal, or 0 */
};

static void on_end(void *context, const struct host_task_result *result)
{
    struct host_instance *h = context;
    h->has_ended = true;
    h->result = *result;
}

static int make_task(struct host_instance *h, const struct host_instance_options *options,
                     struct error *err)
{
    const struct hythe_guest_config *config = options->config;
    const struct host_task_options task_options = {
        .loop = h->loop,
        .program = h->program,
        .entry = config->invoke,
        .max_wall_ns = config->timeout_ns,
        .on_end = on_end,
        .context = h,
        .by_text = config->invoke != NULL,
        .args = (const char *const *)config->args.items,
        .arg_count = (uint32_t)config->args.count,
        .dirs_from = SETUP_FIRST_LISTENER + options->listeners->count,
        .linger_ms = (uint32_t)(config->grace_ns / 1000000),
    };
    int r = host_task_new(&task_options, &h->task, err);
    return r < 0 ? r : setup_guest(host_task_guest(h->task), options, err);
}

int host_instance_new(const struct host_instance_options *options,
                      struct host_instance **ret_instance, struct error *err)
{
    struct host_instance *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return error_set_errno(err, -ENOMEM, "making a guest");
    }
    h->config = options->config;
    h->engine = options->engine;
    int r = loop_new(&h->loop);
    if (r < 0) {
        (void)error_set_errno(err, r, "making the event loop");
        goto fail;
    }
    r = host_program_of(options->engine, options->module, options->links, options->config,
                        &h->program, err);
    if (r < 0) {
        goto fail;
    }
    r = make_task(h, options, err);
    if (r < 0) {
        goto fail;
    }
    *ret_instance = h;
    return 0;
fail:
    host_instance_free(h);
    return r;
}

void host_instance_free(struct host_instance *h)
{
    if (h == NULL) {
        return;
    }
    host_task_free(h->task);
    host_program_free(h->program);
    loop_signal_stop(&h->terminate);
    loop_signal_stop(&h->interrupt);
    loop_free(h->loop);
    free(h);
}

/* -- running ---------------------------------------------------------------------------------- */

static void on_terminate(struct loop_signal *signal)
{
    struct host_instance *h = container_of(signal, struct host_instance, terminate);
    h->killed_by = SIGTERM;
}

static void on_interrupt(struct loop_signal *signal)
{
    struct host_instance *h = container_of(signal, struct host_instance, interrupt);
    h->killed_by = SIGINT;
}

/* Turn the task's end into an exit code or an error. */
static int conclude(const struct host_instance *h, struct error *err)
{
    const struct host_task_result *result = &h->result;
    if (!h->has_ended) {
        return 128 + h->killed_by;
    }
    if (result->end != TASK_EXITED) {
        bool is_usage = result->end == TASK_BROKEN && h->config->invoke != NULL;
        (void)error_set(err, result->error, "%s", result->text);
        return error_set_exit(err, is_usage ? 2 : EXIT_TRAP);
    }
    const char *results = host_task_results(h->task);
    if (h->config->invoke != NULL && results[0] != '\0') {
        (void)dprintf(STDOUT_FILENO, "%s\n", results); /* nobody to tell when stdout is gone */
    }
    return result->exit_code;
}

/* A reader that has gone, or a file that may not grow, is an errno for the guest and not the end of
 * the process. */
static int ignore_signals(struct host_instance *h, struct error *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, &ignore, &h->old_sigpipe) < 0 ||
        sigaction(SIGXFSZ, &ignore, &h->old_sigxfsz) < 0) {
        return error_set_errno(err, -errno, "preparing to run the guest");
    }
    return 0;
}

static int watch_ends(struct host_instance *h, struct error *err)
{
    int r = loop_signal_start(h->loop, &h->terminate, SIGTERM, on_terminate);
    if (r == 0) {
        r = loop_signal_start(h->loop, &h->interrupt, SIGINT, on_interrupt);
    }
    return r < 0 ? error_set_errno(err, r, "preparing to run the guest") : 0;
}

static int run_task(struct host_instance *h, struct error *err)
{
    host_task_start(h->task);
    while (!h->has_ended && h->killed_by == 0) {
        int r = loop_turn(h->loop, LOOP_NEVER);
        if (r < 0) {
            (void)error_set_errno(err, r, "waiting for events");
            return error_set_exit(err, EXIT_TRAP);
        }
    }
    return conclude(h, err);
}

int host_instance_run(struct host_instance *h, struct error *err)
{
    int r = watch_ends(h, err);
    if (r == 0) {
        r = ignore_signals(h, err);
    }
    if (r < 0) {
        return r;
    }
    r = host_ticker_start(&h->ticker, h->engine, err);
    if (r == 0) {
        r = run_task(h, err);
    }
    host_ticker_stop(&h->ticker);
    (void)sigaction(SIGPIPE, &h->old_sigpipe, NULL); /* as it was */
    (void)sigaction(SIGXFSZ, &h->old_sigxfsz, NULL);
    return r;
}
