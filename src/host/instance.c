/* Driving a guest. See instance.h.
 *
 * Happy path: instance_resume runs the guest until it waits; the loop turns until guest_wake;
 * resume again; when the call returns, its exit code.
 *
 * What ends a guest before: its own trap or proc_exit, --timeout (a timer of the loop), SIGTERM or
 * SIGINT (watched by the loop), fuel and memory (the engine). A guest that computes is made to
 * yield by a tick every 10 ms of its own CPU time, so that the loop's timers and signals get
 * their turn and kept-back bytes are sent; while it waits nothing ticks. */
#include "host/instance.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "guest/guest.h"
#include "host/config.h"
#include "host/load.h"
#include "host/outbound.h"
#include "host/setup.h"
#include "host/ticker.h"
#include "host/trace.h"
#include "loop/loop.h"

enum { TABLE_ELEMENTS_MAX = 10 << 20 };

struct host_instance {
    struct guest guest;
    struct instance *engine_instance; /* owned */
    struct host_outbound *outbound;   /* owned; NULL when the guest has no HTTP client */
    struct engine *engine;            /* borrowed */
    struct module *module;            /* borrowed */
    const struct hythe_guest_config *config;
    struct loop *loop; /* owned */
    struct host_ticker ticker;
    struct loop_timer timeout;
    struct loop_signal terminate;
    struct loop_signal interrupt;
    struct sigaction old_sigpipe;
    struct sigaction old_sigxfsz;
    bool has_timed_out;
    int killed_by; /* a signal, or 0 */
};

static void on_report(struct guest *guest, const char *line)
{
    (void)guest;
    log_line("%s", line);
}

/* Sends may follow each other, and a look at the clock between them sends nothing. */
static bool keeps_held(const struct host_func *func)
{
    return strncmp(func->name, "sock_send", strlen("sock_send")) == 0 ||
           strcmp(func->name, "fd_write") == 0 || strcmp(func->name, "clock_time_get") == 0;
}

static void before_call(struct call *call)
{
    struct guest *guest = call->guest;
    if (guest->held != NULL && !keeps_held(call->func)) {
        guest_flush(guest);
    }
}

static bool on_tick(struct instance *instance, void *data, bool *ret_yield)
{
    struct guest *guest = data;
    (void)instance;
    guest_flush(guest);
    *ret_yield = true;
    return true;
}

static int make_engine_instance(struct host_instance *h,
                                const struct host_instance_options *options, struct error *err)
{
    const struct hythe_guest_config *config = options->config;
    struct instance_options engine_options = {
        .guest = &h->guest,
        .max_memory = config->max_memory,
        .fuel = config->fuel,
        .max_tables = TABLE_ELEMENTS_MAX,
        .before_call = before_call,
        .after_call = config->trace ? trace_call : NULL,
        .on_tick = on_tick,
    };
    struct instance_links links = {options->links, module_import_count(options->module)};
    return instance_new(options->module, &links, &engine_options, &h->engine_instance, err);
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
    h->module = options->module;
    int r = loop_new(&h->loop);
    if (r < 0) {
        (void)error_set_errno(err, r, "making the event loop");
        goto fail;
    }
    guest_init(&h->guest, h->loop);
    h->guest.on_report = on_report;
    r = setup_guest(&h->guest, options, err);
    if (r < 0) {
        goto fail;
    }
    r = outbound_new(&h->guest, options->module, &options->config->http, &h->outbound, err);
    if (r < 0) {
        goto fail;
    }
    r = make_engine_instance(h, options, err);
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
    instance_free(h->engine_instance);
    if (h->guest.loop != NULL) {
        guest_done(&h->guest, (int)(h->config->grace_ns / 1000000));
    }
    outbound_free(h->outbound);
    loop_timer_stop(&h->timeout);
    loop_signal_stop(&h->terminate);
    loop_signal_stop(&h->interrupt);
    loop_free(h->loop);
    free(h);
}

/* -- running ---------------------------------------------------------------------------------- */

static void on_timeout(struct loop_timer *timer)
{
    struct host_instance *h = container_of(timer, struct host_instance, timeout);
    h->has_timed_out = true;
}

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

static bool is_ended(const struct host_instance *h)
{
    return h->has_timed_out || h->killed_by != 0;
}

static bool must_wait(const struct host_instance *h, enum instance_state state)
{
    return state == INSTANCE_PARKED && !h->guest.wait.is_due && !is_ended(h);
}

/* Resume the guest until the call under way has returned or failed, or it is to end. */
static enum instance_state drive(struct host_instance *h, struct error *err)
{
    for (;;) {
        guest_wait_end(&h->guest);
        enum instance_state state = instance_resume(h->engine_instance, err);
        if (state != INSTANCE_PARKED && state != INSTANCE_RUNNABLE) {
            return state;
        }
        int r = 0;
        do {
            r = loop_turn(h->loop, must_wait(h, state) ? LOOP_NEVER : 0);
        } while (r == 0 && must_wait(h, state));
        if (r < 0) {
            (void)error_set_errno(err, r, "waiting for events");
            return INSTANCE_FAILED;
        }
        if (is_ended(h)) {
            return INSTANCE_FAILED;
        }
    }
}

static int exit_code_of(const struct guest *guest)
{
    uint32_t code = guest->exit_code & 0xff;
    /* What a system would cut to 0 was no success. */
    return code == 0 && guest->exit_code != 0 ? 1 : (int)code;
}

/* Turn the end of a drive into an exit code or an error. */
static int conclude(struct host_instance *h, enum instance_state state, struct error *err)
{
    if (h->guest.has_exited) {
        return exit_code_of(&h->guest);
    }
    if (h->killed_by != 0) {
        return 128 + h->killed_by;
    }
    if (h->has_timed_out) {
        (void)error_set(err, -ETIMEDOUT,
                        "the guest ran longer than %.3g s (--timeout) and was ended",
                        (double)h->config->timeout_ns / 1e9);
        return error_set_exit(err, EXIT_TRAP);
    }
    if (state == INSTANCE_FAILED) {
        if (strstr(err->text, "all fuel consumed") != NULL) {
            (void)error_set(err, -ECANCELED,
                            "the guest used up its %" PRIu64 " units of fuel "
                            "(--fuel) and was ended",
                            h->config->fuel);
        } else if (err->code == -EFAULT) {
            (void)error_wrap(err, "the guest trapped");
        }
        return error_set_exit(err, EXIT_TRAP);
    }
    return 0;
}

static int run_call(struct host_instance *h, const char *name, const char *const *args,
                    uint32_t arg_count, struct error *err)
{
    int r = instance_begin_call(h->engine_instance, name, args, arg_count, err);
    if (r < 0) {
        return error_set_exit(err, 2);
    }
    return conclude(h, drive(h, err), err);
}

static int run_invoked(struct host_instance *h, struct error *err)
{
    const struct strings *args = &h->config->args;
    int r = 0;
    if (module_find_export(h->module, "_initialize") != NULL) {
        r = run_call(h, "_initialize", NULL, 0, err);
    }
    if (r == 0) {
        r = run_call(h, h->config->invoke, (const char *const *)args->items, (uint32_t)args->count,
                     err);
    }
    const char *results = instance_results(h->engine_instance);
    if (r == 0 && results[0] != '\0') {
        (void)dprintf(STDOUT_FILENO, "%s\n", results); /* nobody to tell when stdout is gone */
    }
    return r;
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
    if (r == 0 && h->config->timeout_ns > 0) {
        r = loop_timer_start(h->loop, &h->timeout, loop_clock_ns() + h->config->timeout_ns,
                             on_timeout);
    }
    return r < 0 ? error_set_errno(err, r, "preparing to run the guest") : 0;
}

static int run_all(struct host_instance *h, struct error *err)
{
    int r = instance_begin_new(h->engine_instance, err);
    if (r < 0) {
        return r;
    }
    enum instance_state state = drive(h, err);
    if (state != INSTANCE_IDLE || h->guest.has_exited) {
        return conclude(h, state, err);
    }
    if (h->config->invoke != NULL) {
        return run_invoked(h, err);
    }
    return run_call(h, "_start", NULL, 0, err);
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
        r = run_all(h, err);
    }
    host_ticker_stop(&h->ticker);
    (void)sigaction(SIGPIPE, &h->old_sigpipe, NULL); /* as it was */
    (void)sigaction(SIGXFSZ, &h->old_sigxfsz, NULL);
    return r;
}
