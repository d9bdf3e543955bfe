/* A task: one guest among many on a loop, from its making to its end. `hythe run` has one of them
 * and `hythe serve` one for each request.
 *
 * host_task_new -> (descriptors are put into host_task_guest) -> host_task_start -> on_end
 *
 * What ends a task: it returns from `_start` or calls proc_exit, it traps, it uses up its CPU time,
 * wall-clock time, fuel or memory, or host_task_free is called. A guest that computes yields to the
 * loop at each tick (ticker.h), so that none holds up the others. */
#ifndef HYTHE_HOST_TASK_H
#define HYTHE_HOST_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct guest;
struct engine;
struct seen;
struct host_program;
struct host_task;
struct hythe_guest_config;
struct loop;
struct module;

enum host_task_end {
    TASK_EXITED,  /* returned, or called proc_exit: exit_code */
    TASK_TRAPPED, /* error says how */
    TASK_CPU,     /* used up max_cpu_ns */
    TASK_WALL,    /* used up max_wall_ns */
    TASK_MEMORY,  /* wanted more than max_memory and did not get over it */
    TASK_BROKEN,  /* could not be run: out of host memory, or no room in the pool */
};

struct host_task_result {
    enum host_task_end end;
    int exit_code;
    uint64_t cpu_ns;  /* CPU time in the guest and its calls, see task.c */
    uint64_t memory;  /* bytes of its memory at the end */
    int error;        /* negative errno: of TASK_BROKEN why, -ENOSPC when the pool is full */
    const char *text; /* for people, with the guest's backtrace; NULL for TASK_EXITED; borrowed
                           * until host_task_free */
};

/* Called once from the loop. The task may be freed within. */
typedef void host_task_end_fn(void *context, const struct host_task_result *result);

struct host_task_options {
    struct loop *loop; /* borrowed for the program's life, whose tasks are all on it */
    const struct host_program *program; /* borrowed for the task's life */
    const char *entry;                  /* the function to call, NULL: _start */
    uint64_t max_cpu_ns;                /* 0: none */
    uint64_t max_wall_ns;               /* 0: none */
    host_task_end_fn *on_end;
    void (*on_report)(void *context, const char *line); /* one line for the operator: a refusal and
                                                         * what would allow it; NULL: to the log */
    void *context;

    /* For `hythe run`, 0 for others: */
    bool by_text;            /* the entry takes arguments and gives results as text */
    const char *const *args; /* borrowed for the task's life */
    uint32_t arg_count;
    uint32_t dirs_from; /* the lowest number for directories; 0: 3 */
    uint32_t linger_ms; /* how long host_task_free may wait for sockets' last bytes */
};

/* Make the guest with what its program's configuration grants: policy, directories, environment, but
 * no descriptor 0 to 2, no argument. 0, or a negative errno with the reason in `err`. */
int host_task_new(const struct host_task_options *options, struct host_task **ret_task,
                  struct error *err);

/* The results of an entry called by_text, separated by spaces; borrowed until host_task_free. */
const char *host_task_results(const struct host_task *task);

/* The guest, to be given descriptors, arguments and more environment before the start. */
struct guest *host_task_guest(struct host_task *task);

/* Have it begin in the loop's next deferred phase: a command its `_start`, a component its
 * wasi:cli/run. Nothing is called back from within. */
void host_task_start(struct host_task *task);

/* Have a component's wasi:http/incoming-handler called likewise, with two resources of the guest's,
 * which it owns from then on: the request's rep and the response-outparam's. */
void host_task_handle(struct host_task *task, uint32_t request, uint32_t response_out);

/* Within or after an on_end that said TASK_EXITED of a task that had been started with host_task_handle,
 * and whose guest has not called exit: keep the instance, and make it ready for another
 * host_task_handle with the same options. */
void host_task_renew(struct host_task *task);

/* What it has used so far, as host_task_result has it at the end; also from within the guest's calls. */
void host_task_usage(const struct host_task *task, uint64_t *ret_cpu_ns, uint64_t *ret_memory);

/* End it, running or not, without a call of on_end; not from within the guest's own calls. NULL is
 * fine. */
void host_task_free(struct host_task *task);

/* -- programs --------------------------------------------------------------------------------- */

/* Make an engine with a pool for `guests` tasks at once, or, where that does not fit into the address
 * space this process may have, one without, and say so in the log: tasks are then made and ended
 * more slowly, and none is refused for lack of room. `seen` is as in engine_options. 0, or a negative
 * errno with the reason in `err`. */
int host_engine_new(uint32_t guests, struct seen *seen, struct engine **ret_engine,
                    struct error *err);

/* A module made ready to be run many times: compiled, its imports bound, its directories opened. The
 * configuration, borrowed for the program's life, says what each of its tasks gets; its arguments are
 * not given to them. 0, or a negative errno with the reason and the exit code in `err`. */
int host_program_new(struct engine *engine, const char *path,
                     const struct hythe_guest_config *config, struct host_program **ret_program,
                     struct error *err);

/* As host_program_new with another program's module: routes that differ in what they grant need not
 * load it twice. `path` names it in errors. */
int host_program_share(const struct host_program *other, const char *path,
                       const struct hythe_guest_config *config, struct host_program **ret_program,
                       struct error *err);

/* Release it; none of its tasks is left. NULL is fine. */
void host_program_free(struct host_program *program);

bool host_program_is_component(const struct host_program *program);

/* Let go of the loop that its tasks ran on, when none of them is left: the next one may have another. */
void host_program_leave_loop(const struct host_program *program);

/* Does it export a function of that name without parameters and results? */
bool host_program_has_entry(const struct host_program *program, const char *name);

/* Its module, borrowed: what it imports and exports. */
const struct module *host_program_module(const struct host_program *program);

#endif
