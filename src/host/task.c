/* Driving guests. See task.h.
 *
 * Happy path:
 *   1. on_turn, in the loop's deferred phase: the store is made, the guest runs
 *   2. it waits: the task is nowhere but in what wakes it, guest_wake -> on_wake -> on_turn
 *   3. it computes: a tick makes it yield, and it queues for loop_defer_slow: of all that compute one
 *      goes on in each turn of the loop, so everyone else waits for one tick at most; the same
 *      happens to those that run for less when a turn's guests have had a tick together
 *   4. it ends: on_end
 *
 * What ends it before: a trap, a limit of the engine (fuel, memory), the CPU limit, looked at whenever
 * it lets go, the wall-clock limit, a timer of the loop, and host_task_free. A guest whose fiber is
 * parked or has yielded is unwound when its instance is freed.
 *
 * CPU time: the thread's own clock is a system call, 460 to 780 ns where this was written, twice for
 * each resume of a guest that may need 10 us. So a task is measured by the monotonic clock until its
 * first tick or its first 10 ms: what another process took from this thread meanwhile is counted too.
 * From then on it is measured by the thread's clock, if it has a limit. A guest that runs is stopped
 * by the next tick, so of a resume no more than a tick is believed: a machine that is busy, or holds
 * this process back,
 * cannot make it out to have used up a limit. */
#include "host/task.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/container.h"
#include "base/log.h"
#include "base/num.h"
#include "engine/component_call.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "guest/guest.h"
#include "host/config.h"
#include "host/outbound.h"
#include "host/program.h"
#include "host/trace.h"
#include "imports/component.h"
#include "loop/loop.h"

enum {
    TABLE_ELEMENTS_MAX = 10 << 20,
    FIRST_DIR = 3,
    TICK_NS = ENGINE_TICK_MS * 1000000,
};

enum task_step {
    STEP_NEW,  /* nothing of the module has run */
    STEP_RUN,  /* instantiated and, unless by_text, its entry called, in one go */
    STEP_CALL, /* the entry called by_text */
    STEP_OVER,
};

struct host_task {
    struct guest guest;
    struct host_task_options options;
    struct instance *instance;      /* owned; NULL before the first turn */
    struct host_outbound *outbound; /* owned; NULL when the guest has no HTTP client */
    struct linked_entry *own_entry; /* owned; NULL when it is the program's _start */
    enum task_step step;
    bool is_handler;  /* a component's handle is called, with: */
    uint32_t reps[2]; /* the request and the response-outparam */
    struct loop_deferred turn;
    struct loop_timer wall;
    uint64_t cpu_ns;
    uint64_t
        since_ns;  /* of the clock that is_exact says: when it was resumed; 0: it does not run */
    bool is_exact; /* cpu_ns grows by the thread's clock */
    char *text;    /* owned; the result's */
};

static void on_turn(struct loop_deferred *deferred);
static void on_wall(struct loop_timer *timer);

static struct host_task *task_of(struct guest *guest)
{
    return container_of(guest, struct host_task, guest);
}

/* -- what the engine and the guest call ------------------------------------------------------ */

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

/* A component's writes on a socket's stream follow each other likewise. */
static void before_component_call(struct component_call *call)
{
    struct guest *guest = call->guest;
    static const char stream[] = "[method]output-stream.";
    if (guest->held != NULL && strncmp(call->func->name, stream, sizeof stream - 1) != 0 &&
        strcmp(call->func->name, "now") != 0) {
        guest_flush(guest);
    }
}

/* Where nothing rests on the sum, the system calls for it are not worth it. */
static void measure_exactly(struct host_task *task)
{
    task->is_exact = task->options.max_cpu_ns > 0;
}

static bool on_tick(struct instance *instance, void *data, bool *ret_yield)
{
    struct guest *guest = data;
    (void)instance;
    measure_exactly(task_of(guest));
    guest_flush(guest);
    *ret_yield = true;
    return true;
}

static void on_wake(struct guest *guest)
{
    struct host_task *task = task_of(guest);
    if (task->step != STEP_OVER) {
        loop_defer(task->options.loop, &task->turn);
    }
}

static void on_report(struct guest *guest, const char *line)
{
    const struct host_task_options *options = &task_of(guest)->options;
    if (options->on_report != NULL) {
        options->on_report(options->context, line);
    } else {
        log_line("%s", line);
    }
}

/* -- making and ending ----------------------------------------------------------------------- */

static int find_entry(struct host_task *task, struct error *err)
{
    const struct host_program *program = task->options.program;
    const char *name = task->options.entry;
    if (program->is_component) {
        return 0; /* what it exports has been looked at */
    }
    if (task->options.by_text) {
        return 0; /* found, or not, when it is called */
    }
    if (name == NULL && program->start != NULL) {
        return 0;
    }
    name = name != NULL ? name : "_start";
    int r = linked_entry_new(program->linked, name, &task->own_entry);
    if (r == -EINVAL) {
        return error_set(err, r, "the module's function %s has parameters or results", name);
    }
    return r < 0 ? error_set_errno(err, r, "finding the function %s", name) : 0;
}

static int make_outbound(struct host_task *task, struct error *err)
{
    const struct host_program *program = task->options.program;
    bool reaches_out = policy_grants_http(&task->guest.policy);
    int r = reach_open_http(program->reach, reaches_out, err);
    return r < 0 ? r
                 : outbound_new(&task->guest, &program->config->http, program->reach->pool,
                                &task->outbound, err);
}

static struct http_client *open_http(struct guest *guest)
{
    struct error err;
    if (make_outbound(task_of(guest), &err) < 0) {
        guest_report(guest, "the guest gets no HTTP client: %s", err.text);
        return NULL;
    }
    return guest->http;
}

static int equip(struct host_task *task, struct error *err)
{
    const struct host_task_options *options = &task->options;
    const struct host_program *program = options->program;
    int r = find_entry(task, err);
    if (r < 0) {
        return r;
    }
    r = host_program_equip(program, &task->guest,
                           options->dirs_from != 0 ? options->dirs_from : FIRST_DIR, err);
    if (r < 0 || !program->http.is_wanted) {
        return r;
    }
    if (program->is_component) { /* few of those that could make requests do so in each call */
        task->guest.open_http = open_http;
        return 0;
    }
    return make_outbound(task, err);
}

int host_task_new(const struct host_task_options *options, struct host_task **ret_task,
                  struct error *err)
{
    struct host_task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        return error_set_errno(err, -ENOMEM, "making a guest");
    }
    task->options = *options;
    loop_deferred_init(&task->turn, on_turn);
    guest_init(&task->guest, options->loop);
    task->guest.on_wake = on_wake;
    task->guest.on_report = on_report;
    int r = equip(task, err);
    if (r < 0) {
        host_task_free(task);
        return r;
    }
    *ret_task = task;
    return 0;
}

void host_task_free(struct host_task *task)
{
    if (task == NULL) {
        return;
    }
    loop_deferred_cancel(&task->turn);
    loop_timer_stop(&task->wall);
    instance_free(task->instance);
    guest_done(&task->guest, (int)task->options.linger_ms);
    outbound_free(task->outbound);
    linked_entry_free(task->own_entry);
    free(task->text);
    free(task);
}

struct guest *host_task_guest(struct host_task *task)
{
    return &task->guest;
}

const char *host_task_results(const struct host_task *task)
{
    return task->instance != NULL ? instance_results(task->instance) : "";
}

void host_task_start(struct host_task *task)
{
    assert(task->step == STEP_NEW);
    loop_defer(task->options.loop, &task->turn);
}

void host_task_handle(struct host_task *task, uint32_t request, uint32_t response_out)
{
    assert(task->step == STEP_NEW);
    task->is_handler = true;
    task->reps[0] = request;
    task->reps[1] = response_out;
    loop_defer(task->options.loop, &task->turn);
}

void host_task_renew(struct host_task *task)
{
    assert(task->step == STEP_OVER && task->is_handler && !task->guest.has_exited);
    task->step = STEP_NEW;
    task->cpu_ns = 0;
    task->is_exact = false;
}

/* -- how it ended ---------------------------------------------------------------------------- */

static int exit_code_of(const struct host_task *task)
{
    const struct guest *guest = &task->guest;
    uint32_t code = guest->exit_code & 0xff;
    if (!guest->has_exited && instance_run_has_failed(task->instance)) {
        return 1;
    }
    /* What a system would cut to 0 was no success. */
    return code == 0 && guest->exit_code != 0 ? 1 : (int)code;
}

/* Nothing of the task may be used behind this: on_end may free it. */
static void end(struct host_task *task, enum host_task_end how, const struct error *err)
{
    const struct host_task_options *options = &task->options;
    struct host_task_result result = {.end = how, .cpu_ns = task->cpu_ns};
    loop_deferred_cancel(&task->turn);
    loop_timer_stop(&task->wall);
    component_trim(&task->guest);
    task->step = STEP_OVER;
    if (task->instance != NULL) {
        result.memory = instance_memory_len(task->instance);
    }
    if (how == TASK_EXITED) {
        result.exit_code = exit_code_of(task);
    } else {
        task->text = strdup(err->text);
        result.text = task->text != NULL ? task->text : "out of memory";
        result.error = err->code;
    }
    options->on_end(options->context, &result);
}

/* The words for a guest that the engine has ended. */
static void end_failed(struct host_task *task, struct error *err)
{
    uint64_t fuel = task->options.program->config->fuel;
    if (task->guest.has_exited) {
        end(task, TASK_EXITED, NULL);
        return;
    }
    if (err->code == -ENOSPC) {
        (void)error_wrap(err, "the pool has no room for another guest");
        end(task, TASK_BROKEN, err);
        return;
    }
    if (strstr(err->text, "all fuel consumed") != NULL) {
        (void)error_set(err, -ECANCELED,
                        "the guest used up its %" PRIu64 " units of fuel (--fuel) and was ended",
                        fuel);
    } else if (err->code == -EFAULT) {
        (void)error_wrap(err, "the guest trapped");
    }
    end(task, err->code == -ENOMEM ? TASK_MEMORY : TASK_TRAPPED, err);
}

static void on_wall(struct loop_timer *timer)
{
    struct host_task *task = container_of(timer, struct host_task, wall);
    struct error err;
    (void)error_set(&err, -ETIMEDOUT, "the guest ran longer than %.3g s (--timeout) and was ended",
                    (double)task->options.max_wall_ns / 1e9);
    end(task, TASK_WALL, &err);
}

static bool is_over_cpu(const struct host_task *task)
{
    return task->options.max_cpu_ns > 0 && task->cpu_ns >= task->options.max_cpu_ns;
}

static void end_cpu(struct host_task *task)
{
    struct error err;
    (void)error_set(&err, -ETIMEDOUT, "the guest used %.3g s of CPU time and was ended",
                    (double)task->cpu_ns / 1e9);
    end(task, TASK_CPU, &err);
}

/* -- running --------------------------------------------------------------------------------- */

static int start_wall(struct host_task *task, uint64_t now_ns, struct error *err)
{
    const struct host_task_options *options = &task->options;
    if (options->max_wall_ns == 0) {
        return 0;
    }
    uint64_t due_ns = num_add_sat(now_ns, options->max_wall_ns);
    int r = loop_timer_start(options->loop, &task->wall, due_ns, on_wall);
    return r < 0 ? error_set_errno(err, r, "starting a guest") : 0;
}

static int begin(struct host_task *task, uint64_t now_ns, struct error *err)
{
    const struct host_task_options *options = &task->options;
    const struct host_program *program = options->program;
    const struct hythe_guest_config *config = program->config;
    const struct instance_options engine_options = {
        .guest = &task->guest,
        .max_memory = config->max_memory,
        .fuel = config->fuel,
        .max_tables = TABLE_ELEMENTS_MAX,
        .before_call = before_call,
        .after_call = config->trace ? trace_call : NULL,
        .before_component_call = before_component_call,
        .after_component_call = config->trace ? trace_component_call : NULL,
        .on_tick = on_tick,
    };
    int r = start_wall(task, now_ns, err);
    if (r < 0) {
        return r;
    }
    task->step = STEP_RUN;
    if (task->instance != NULL) { /* renewed */
        instance_begin_component(task->instance, program->linked, INSTANCE_HANDLE, task->reps);
        return 0;
    }
    r = instance_new(program->engine, &engine_options, &task->instance, err);
    if (r < 0) {
        return r;
    }
    if (program->is_component) {
        instance_begin_component(task->instance, program->linked,
                                 task->is_handler ? INSTANCE_HANDLE : INSTANCE_RUN, task->reps);
        return 0;
    }
    const struct linked_entry *entry = task->own_entry;
    if (entry == NULL && !options->by_text) {
        entry = program->start;
    }
    bool is_command = entry != NULL && entry == program->start;
    instance_begin_run(task->instance, program->linked, is_command ? NULL : program->initialize,
                       entry);
    return 0;
}

static uint64_t thread_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* every Linux has it */
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* What it has used since it was resumed; by the thread's clock if `is_exact`. */
static uint64_t spent_ns(const struct host_task *task, bool is_exact)
{
    uint64_t spent = (is_exact ? thread_clock_ns() : loop_clock_ns()) - task->since_ns;
    return is_exact || spent < TICK_NS ? spent : TICK_NS;
}

void host_task_usage(const struct host_task *task, uint64_t *ret_cpu_ns, uint64_t *ret_memory)
{
    *ret_cpu_ns = task->cpu_ns + (task->since_ns != 0 ? spent_ns(task, task->is_exact) : 0);
    *ret_memory = task->instance != NULL ? instance_memory_len(task->instance) : 0;
}

static enum instance_state resume(struct host_task *task, uint64_t now_ns, struct error *err)
{
    bool was_exact = task->is_exact;
    task->since_ns = was_exact ? thread_clock_ns() : now_ns;
    guest_wait_end(&task->guest);
    enum instance_state state = instance_resume(task->instance, err);
    task->cpu_ns += spent_ns(task, was_exact);
    task->since_ns = 0;
    if (task->cpu_ns >= TICK_NS) {
        measure_exactly(task);
    }
    return state;
}

/* A call has returned: was it the last one? */
static void go_on(struct host_task *task, struct error *err)
{
    const struct host_task_options *options = &task->options;
    if (!options->by_text || task->step == STEP_CALL) {
        end(task, TASK_EXITED, NULL);
        return;
    }
    task->step = STEP_CALL;
    int r =
        instance_begin_call(task->instance, options->entry, options->args, options->arg_count, err);
    if (r < 0) {
        end(task, TASK_BROKEN, err);
        return;
    }
    loop_defer(options->loop, &task->turn);
}

static void on_turn(struct loop_deferred *deferred)
{
    struct host_task *task = container_of(deferred, struct host_task, turn);
    uint64_t now_ns = loop_clock_ns(); /* once: it is a good part of what a short call takes */
    if (now_ns - loop_turn_begin_ns(task->options.loop) >= TICK_NS) {
        loop_defer_slow(task->options.loop, deferred);
        return;
    }
    struct error err;
    error_init(&err);
    if (task->step == STEP_NEW && begin(task, now_ns, &err) < 0) {
        end(task, TASK_BROKEN, &err);
        return;
    }
    enum instance_state state = resume(task, now_ns, &err);
    if (state == INSTANCE_FAILED) {
        end_failed(task, &err);
    } else if (state == INSTANCE_IDLE) {
        go_on(task, &err);
    } else if (is_over_cpu(task)) {
        end_cpu(task);
    } else if (state == INSTANCE_RUNNABLE) {
        loop_defer_slow(task->options.loop, &task->turn);
    } else if (task->guest.wait.is_due) {
        loop_defer(task->options.loop, &task->turn);
    }
}
