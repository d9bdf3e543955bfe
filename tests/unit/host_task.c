/* Tasks: every way to end, many at once on one loop, and being ended at any moment. */
#include "host/task.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "engine/engine.h"
#include "guest/dir.h"
#include "guest/guest.h"
#include "guest/stream.h"
#include "host/config.h"
#include "host/load.h"
#include "host/ticker.h"

enum { POOL_SIZE = 4, JOBS_MAX = 6, MS = 1000000 };

struct job {
    struct bench *bench;
    struct host_task *task;
    struct guest_stream *in;
    struct guest_stream *out;
    const char *text; /* what its stdin has; NULL: the guest has to wait */
    char taken[256];
    size_t taken_len;
    bool frees_itself; /* in on_end */
    unsigned pause_ms; /* of a call that waits: the machine is busy with others */
    unsigned reads;
    unsigned ends;
    struct host_task_result result;
    char why[2048]; /* result.text */
    char report[256];
};

struct bench {
    struct loop *loop;
    struct hythe_guest_config *config;
    struct host_program *program;
    struct host_task_options options; /* what start() begins with */
    struct job jobs[JOBS_MAX];
    char path[64];
    struct error err;
};

static struct engine *pool;
static struct host_ticker ticker;

/* The engine turns these signals into traps, and cmocka puts its own handlers in their place for
 * the time of each test: they are put back there. */
static const int trap_signals[] = {SIGILL, SIGSEGV, SIGFPE, SIGBUS};
static struct sigaction trap_actions[ARRAY_COUNT(trap_signals)];

static int make_engine(void)
{
    struct engine_options options = {.pool_instances = POOL_SIZE, .serial = true};
    struct error err = {0};
    if (engine_new(&options, &pool, &err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(trap_signals); i++) {
        (void)sigaction(trap_signals[i], NULL, &trap_actions[i]); /* these signals exist */
    }
    return host_ticker_start(&ticker, pool, &err);
}

/* -- a job's streams -------------------------------------------------------------------------- */

static int64_t job_read(void *context, const struct iovec *pieces, int count)
{
    struct job *job = context;
    job->reads++;
    if (job->text == NULL) {
        assert_int_equal(usleep(job->pause_ms * 1000), 0);
        return -EAGAIN;
    }
    size_t len = strlen(job->text);
    assert_true(count > 0 && pieces[0].iov_len >= len);
    memcpy(pieces[0].iov_base, job->text, len);
    job->text += len;
    return (int64_t)len;
}

static int64_t job_write(void *context, const struct iovec *pieces, int count)
{
    struct job *job = context;
    int64_t n = 0;
    for (int i = 0; i < count; i++) {
        assert_true(job->taken_len + pieces[i].iov_len < sizeof job->taken);
        memcpy(job->taken + job->taken_len, pieces[i].iov_base, pieces[i].iov_len);
        job->taken_len += pieces[i].iov_len;
        n += (int64_t)pieces[i].iov_len;
    }
    return n;
}

static void job_free(struct job *job)
{
    host_task_free(job->task);
    guest_stream_detach(job->in);
    guest_stream_detach(job->out);
    job->task = NULL;
    job->in = NULL;
    job->out = NULL;
}

static void on_end(void *context, const struct host_task_result *result)
{
    struct job *job = context;
    job->ends++;
    job->result = *result;
    (void)snprintf(job->why, sizeof job->why, "%s", result->text != NULL ? result->text : "");
    if (job->frees_itself) {
        job_free(job);
    }
}

static void on_report(void *context, const char *line)
{
    struct job *job = context;
    (void)snprintf(job->report, sizeof job->report, "%s", line);
}

/* -- bench ------------------------------------------------------------------------------------ */

static int setup(void **state)
{
    static struct bench b;
    b = (struct bench){.config = hythe_guest_config_new()};
    hythe_guest_config_set_no_cache(b.config);
    assert_int_equal(loop_new(&b.loop), 0);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        job_free(&b->jobs[i]);
    }
    host_program_free(b->program);
    hythe_guest_config_free(b->config);
    loop_free(b->loop);
    return 0;
}

static int load_in(struct bench *b, struct engine *engine, const char *text)
{
    for (size_t i = 0; i < ARRAY_COUNT(trap_signals); i++) {
        assert_int_equal(sigaction(trap_signals[i], &trap_actions[i], NULL), 0);
    }
    (void)snprintf(b->path, sizeof b->path, "/tmp/hythe-task-XXXXXX");
    int fd = mkstemp(b->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int r = host_program_new(engine, b->path, b->config, &b->program, &b->err);
    unlink(b->path);
    return r;
}

static void load(struct bench *b, const char *text)
{
    if (load_in(b, pool, text) < 0) {
        fail_msg("%s", b->err.text);
    }
}

static void give(struct guest *guest, const struct guest_stream_ops *ops, struct job *job,
                 struct guest_stream **ret_stream)
{
    uint32_t fd = 0;
    assert_int_equal(guest_stream_new(guest, ops, job, ret_stream), 0);
    assert_int_equal(fd_table_insert(&guest->fds, guest_stream_descriptor(*ret_stream), 0, &fd), 0);
}

static struct job *make(struct bench *b, unsigned index)
{
    static const struct guest_stream_ops read_ops = {.read = job_read};
    static const struct guest_stream_ops write_ops = {.write = job_write};
    struct job *job = &b->jobs[index];
    struct host_task_options options = b->options;
    *job = (struct job){.bench = b};
    options.loop = b->loop;
    options.program = b->program;
    options.on_end = on_end;
    options.on_report = on_report;
    options.context = job;
    if (host_task_new(&options, &job->task, &b->err) < 0) {
        fail_msg("%s", b->err.text);
    }
    give(host_task_guest(job->task), &read_ops, job, &job->in);
    give(host_task_guest(job->task), &write_ops, job, &job->out);
    return job;
}

static struct job *start(struct bench *b, unsigned index)
{
    struct job *job = make(b, index);
    host_task_start(job->task);
    return job;
}

static void turn(struct bench *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(loop_turn(b->loop, 0), 0);
    }
}

static void await(struct bench *b, const struct job *job)
{
    uint64_t give_up_ns = loop_clock_ns() + UINT64_C(20000) * MS;
    while (job->ends == 0 && loop_clock_ns() < give_up_ns) {
        assert_int_equal(loop_turn(b->loop, 100), 0);
    }
    assert_int_equal(job->ends, 1);
    turn(b, 3);
    assert_int_equal(job->ends, 1);
}

/* -- guests ----------------------------------------------------------------------------------- */

#define P1 "(import \"wasi_snapshot_preview1\" "
#define FD_WRITE P1 "\"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))"
#define FD_READ P1 "\"fd_read\" (func $read (param i32 i32 i32 i32) (result i32)))"
#define PROC_EXIT P1 "\"proc_exit\" (func $exit (param i32)))"
#define MEMORY                                                                                     \
    "(memory (export \"memory\") 2) (data (i32.const 8) \"\\40\\00\\00\\00\\05\\00\\00\\00\")"
#define HELLO "(data (i32.const 64) \"hello\")"
#define SAY "(drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))"

static const char hello[] = "(module " FD_WRITE MEMORY HELLO "(func (export \"_start\") " SAY "))";

/* Reads up to 5 bytes and writes 5 bytes. */
static const char echo[] =
    "(module " FD_WRITE FD_READ MEMORY HELLO "(func (export \"_start\")"
    " (drop (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 0))) " SAY "))";

static const char spin[] = "(module (memory (export \"memory\") 1)"
                           " (func $around (loop br 0)) (func (export \"_start\") call $around))";

static const char trap[] = "(module (memory (export \"memory\") 1)"
                           " (func $deep unreachable) (func (export \"_start\") call $deep))";

/* -- ends ------------------------------------------------------------------------------------- */

static void a_guest_returns(void **state)
{
    struct bench *b = *state;
    load(b, hello);
    struct job *job = start(b, 0);
    assert_int_equal(job->ends, 0);
    await(b, job);
    assert_int_equal(job->result.end, TASK_EXITED);
    assert_int_equal(job->result.exit_code, 0);
    assert_int_equal(job->result.memory, 2 << 16);
    assert_true(job->result.cpu_ns > 0 && job->result.cpu_ns < UINT64_C(1000) * MS);
    assert_null(job->result.text);
    assert_int_equal(job->taken_len, 5);
    assert_memory_equal(job->taken, "hello", 5);
}

static void a_guest_exits(void **state)
{
    static const struct {
        const char *code;
        int want;
    } codes[] = {{"0", 0}, {"7", 7}, {"256", 1}, {"-1", 255}};
    struct bench *b = *state;
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "(module " PROC_EXIT MEMORY "(func $main (call $exit (i32.const %s)))"
                       " (func (export \"_start\") call $main unreachable))",
                       codes[i].code);
        load(b, text);
        struct job *job = start(b, 0);
        await(b, job);
        assert_int_equal(job->result.end, TASK_EXITED);
        assert_int_equal(job->result.exit_code, codes[i].want);
        assert_null(job->result.text);
        job_free(job);
        host_program_free(b->program);
        b->program = NULL;
    }
}

static void a_guest_waits_and_is_woken(void **state)
{
    struct bench *b = *state;
    load(b, echo);
    struct job *job = start(b, 0);
    turn(b, 10);
    assert_int_equal(job->ends, 0);
    job->text = "12345";
    guest_stream_ready(job->in, LOOP_READ);
    assert_int_equal(job->ends, 0); /* nothing runs within the call that wakes it */
    await(b, job);
    assert_memory_equal(job->taken, "12345", 5);
}

static void a_trap_is_told_with_its_frames(void **state)
{
    struct bench *b = *state;
    load(b, trap);
    struct job *job = start(b, 0);
    await(b, job);
    assert_int_equal(job->result.end, TASK_TRAPPED);
    assert_non_null(strstr(job->why, "the guest trapped"));
    assert_non_null(strstr(job->why, "deep"));
}

static void cpu_time_runs_out(void **state)
{
    struct bench *b = *state;
    load(b, spin);
    b->options.max_cpu_ns = 50 * MS;
    struct job *job = start(b, 0);
    await(b, job);
    assert_int_equal(job->result.end, TASK_CPU);
    assert_true(job->result.cpu_ns >= 50 * MS);
    assert_non_null(strstr(job->why, "CPU"));
}

/* An ended task that nobody has freed yet stays ended, whatever its streams say. */
static void an_ended_task_is_not_woken(void **state)
{
    struct bench *b = *state;
    load(b, echo);
    b->options.max_wall_ns = 20 * MS;
    struct job *job = start(b, 0);
    await(b, job);
    assert_int_equal(job->result.end, TASK_WALL);
    job->text = "12345";
    guest_stream_ready(job->in, LOOP_READ);
    turn(b, 3);
    assert_int_equal(job->ends, 1);
    assert_int_equal(job->taken_len, 0);
}

/* Whoever waits uses none. */
static void waiting_costs_no_cpu_time(void **state)
{
    struct bench *b = *state;
    load(b, echo);
    b->options.max_cpu_ns = 50 * MS;
    struct job *job = start(b, 0);
    uint64_t until_ns = loop_clock_ns() + UINT64_C(150) * MS;
    while (loop_clock_ns() < until_ns) {
        guest_stream_ready(job->in, LOOP_READ); /* in vain */
        turn(b, 2);
        assert_int_equal(usleep(10000), 0);
    }
    assert_int_equal(job->ends, 0);
    job->text = "12345";
    guest_stream_ready(job->in, LOOP_READ);
    await(b, job);
    assert_int_equal(job->result.end, TASK_EXITED);
    assert_true(job->result.cpu_ns < 50 * MS);
}

/* What others did meanwhile was taken for the guest's, and ended it. */
static void a_busy_machine_costs_no_cpu_time(void **state)
{
    struct bench *b = *state;
    load(b, echo);
    b->options.max_cpu_ns = 50 * MS;
    struct job *job = start(b, 0);
    job->pause_ms = 60;
    for (int i = 0; i < 3; i++) {
        turn(b, 2);
        guest_stream_ready(job->in, LOOP_READ); /* in vain */
    }
    assert_int_equal(job->ends, 0);
    job->text = "12345";
    guest_stream_ready(job->in, LOOP_READ);
    await(b, job);
    assert_int_equal(job->result.end, TASK_EXITED);
    assert_true(job->result.cpu_ns < 50 * MS);
}

static void wall_clock_time_runs_out(void **state)
{
    static const char *const guests[] = {echo, spin};
    struct bench *b = *state;
    b->options.max_wall_ns = 60 * MS;
    for (size_t i = 0; i < ARRAY_COUNT(guests); i++) {
        load(b, guests[i]);
        uint64_t begin_ns = loop_clock_ns();
        struct job *job = start(b, 0);
        await(b, job);
        assert_int_equal(job->result.end, TASK_WALL);
        assert_true(loop_clock_ns() - begin_ns >= 60 * MS);
        job_free(job);
        host_program_free(b->program);
        b->program = NULL;
    }
}

static void memory_runs_out(void **state)
{
    struct bench *b = *state;
    hythe_guest_config_set_max_memory(b->config, 4 << 16);
    load(b, "(module (memory (export \"memory\") 2)"
            " (func (export \"_start\") (drop (memory.grow (i32.const 3)))))");
    struct job *job = start(b, 0);
    await(b, job);
    assert_int_equal(job->result.end, TASK_MEMORY);
    assert_int_equal(job->result.memory, 2 << 16);
    assert_non_null(strstr(job->why, "327680"));
}

static void the_pool_is_full(void **state)
{
    struct bench *b = *state;
    load(b, echo);
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        start(b, i);
    }
    turn(b, 2);
    struct job *late = start(b, POOL_SIZE);
    await(b, late);
    assert_int_equal(late->result.end, TASK_BROKEN);
    assert_int_equal(late->result.error, -ENOSPC);
    job_free(late);
    b->jobs[0].text = "12345";
    guest_stream_ready(b->jobs[0].in, LOOP_READ);
    await(b, &b->jobs[0]);
    job_free(&b->jobs[0]);
    late = start(b, POOL_SIZE);
    turn(b, 5);
    assert_int_equal(late->ends, 0); /* it waits for its stdin, as the others */
}

/* -- being ended ------------------------------------------------------------------------------ */

static void a_task_may_be_freed_at_any_time(void **state)
{
    struct bench *b = *state;
    load(b, echo);
    job_free(make(b, 0));
    job_free(start(b, 0));
    for (unsigned turns = 1; turns < 4; turns++) {
        struct job *job = start(b, 0);
        turn(b, turns);
        job_free(job);
    }
    struct job *job = start(b, 0);
    turn(b, 3);
    job->text = "12345";
    guest_stream_ready(job->in, LOOP_READ); /* woken and not yet resumed */
    job_free(job);
    turn(b, 3);
    assert_int_equal(job->ends, 0);
    host_task_free(NULL);
}

static void a_computing_task_may_be_freed(void **state)
{
    struct bench *b = *state;
    load(b, spin);
    struct job *job = start(b, 0);
    turn(b, 5); /* each of them a tick long */
    job_free(job);
    turn(b, 2);
    assert_int_equal(job->ends, 0);
}

static void a_task_may_be_freed_when_it_ends(void **state)
{
    static const char *const guests[] = {hello, trap, echo, spin};
    struct bench *b = *state;
    b->options.max_wall_ns = 40 * MS;
    for (size_t i = 0; i < ARRAY_COUNT(guests); i++) {
        load(b, guests[i]);
        struct job *job = start(b, 0);
        job->frees_itself = true;
        await(b, job);
        host_program_free(b->program);
        b->program = NULL;
    }
}

/* A handler's stream goes away while its guest waits for it. */
static void a_guest_outlives_its_streams(void **state)
{
    struct bench *b = *state;
    load(b, echo);
    struct job *job = start(b, 0);
    turn(b, 3);
    guest_stream_detach(job->in);
    job->in = NULL;
    await(b, job);
    assert_int_equal(job->result.end, TASK_EXITED);
}

/* -- many ------------------------------------------------------------------------------------- */

static void a_computing_guest_holds_up_nobody(void **state)
{
    struct bench *b = *state;
    load(b, "(module " FD_WRITE MEMORY HELLO "(func (export \"_start\") " SAY ")"
            " (func (export \"spin\") (loop br 0)))");
    b->options.entry = "spin";
    start(b, 0);
    start(b, 1);
    turn(b, 4);
    b->options.entry = NULL;
    uint64_t begin_ns = loop_clock_ns();
    struct job *job = start(b, 2);
    await(b, job);
    assert_true(loop_clock_ns() - begin_ns < UINT64_C(2000) * MS);
    assert_int_equal(b->jobs[0].ends + b->jobs[1].ends, 0);
    assert_true(job->result.cpu_ns < 50 * MS); /* the others' time is not its own */
}

/* Guests that wait, or end, before their tick comes were all run in one turn of the loop. */
static void many_short_guests_hold_up_nobody(void **state)
{
    struct bench *b = *state;
    load(b, echo);
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        start(b, i)->pause_ms = 12;
    }
    for (unsigned i = 0; i < POOL_SIZE - 1; i++) { /* two in the first turn, then one in each */
        turn(b, 1);
        unsigned reads = 0;
        for (unsigned k = 0; k < POOL_SIZE; k++) {
            reads += b->jobs[k].reads;
        }
        assert_int_equal(reads, i + 2);
    }
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        b->jobs[i].text = "12345";
        guest_stream_ready(b->jobs[i].in, LOOP_READ);
    }
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        await(b, &b->jobs[i]);
        assert_int_equal(b->jobs[i].result.end, TASK_EXITED);
    }
}

static uint64_t thread_clock_ns(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Whoever comes waits for one tick of one of them, not for one of each. */
static void computing_guests_take_turns(void **state)
{
    struct bench *b = *state;
    load(b, spin);
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        start(b, i);
    }
    turn(b, 1); /* they begin */
    uint64_t begin_ns = thread_clock_ns();
    turn(b, 2 * POOL_SIZE);
    uint64_t turn_ns = (thread_clock_ns() - begin_ns) / (2 * POOL_SIZE);
    assert_true(turn_ns > 5 * MS && turn_ns < 18 * MS);
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        assert_int_equal(b->jobs[i].ends, 0);
    }
}

static void many_follow_each_other(void **state)
{
    struct bench *b = *state;
    load(b, hello);
    for (unsigned i = 0; i < 500; i++) {
        struct job *job = start(b, i % POOL_SIZE);
        if (i % 2 == 0) {
            await(b, job);
            assert_int_equal(job->taken_len, 5);
        }
        job_free(job);
    }
}

/* -- entries ---------------------------------------------------------------------------------- */

static const char entries[] =
    "(module " FD_WRITE MEMORY HELLO "(func (export \"_start\") unreachable)"
    " (func (export \"other\") " SAY ")"
    " (func (export \"_initialize\") (i32.store8 (i32.const 64) (i32.const 0x4a)))"
    " (func (export \"with\") (param i32)))";

static int try_entry(struct bench *b, const char *name)
{
    struct host_task *task = NULL;
    const struct host_task_options options = {
        .loop = b->loop, .program = b->program, .entry = name, .on_end = on_end};
    int r = host_task_new(&options, &task, &b->err);
    host_task_free(task);
    return r;
}

static void another_function_may_be_the_entry(void **state)
{
    struct bench *b = *state;
    load(b, entries);
    b->options.entry = "other";
    struct job *job = start(b, 0);
    await(b, job);
    assert_int_equal(job->result.end, TASK_EXITED);
    assert_memory_equal(job->taken, "Jello", 5); /* _initialize ran before */
    assert_true(host_program_has_entry(b->program, "other"));
    assert_false(host_program_has_entry(b->program, "with"));
    assert_false(host_program_has_entry(b->program, "memory"));
    assert_false(host_program_has_entry(b->program, "none"));
    assert_int_equal(try_entry(b, "none"), -ENOENT);
    assert_int_equal(try_entry(b, "with"), -EINVAL);
    assert_int_equal(try_entry(b, "memory"), -ENOENT);
}

/* -- what is granted -------------------------------------------------------------------------- */

static void a_guest_gets_what_is_configured(void **state)
{
    struct bench *b = *state;
    assert_int_equal(hythe_guest_config_add_env(b->config, "A", "1", NULL), 0);
    assert_int_equal(hythe_guest_config_add_dir(b->config, "/tmp", "/t", true, NULL), 0);
    assert_int_equal(hythe_guest_config_allow_connect(b->config, "10.0.0.0/8:80", NULL), 0);
    load(b, hello);
    for (unsigned i = 0; i < 2; i++) {
        struct guest *guest = host_task_guest(make(b, i)->task);
        struct guest_dir *dir = guest_dir_of(fd_table_get(&guest->fds, 3));
        struct net_address address;
        assert_non_null(dir);
        assert_string_equal(dir->guest_path, "/t");
        assert_true(dir->read_only);
        assert_int_equal(guest->fds.count, 3);
        assert_int_equal(guest->env_count, 1);
        assert_memory_equal(guest->env.data, "A=1", 4);
        assert_int_equal(guest->arg_count, 0);
        assert_int_equal(net_address_parse("10.1.2.3:80", &address, NULL), 0);
        assert_true(policy_may_connect(&guest->policy, &address));
        assert_int_equal(net_address_parse("10.1.2.3:81", &address, NULL), 0);
        assert_false(policy_may_connect(&guest->policy, &address));
        assert_int_equal(guest_refuse(guest, "it"), -EACCES);
        assert_string_equal(b->jobs[i].report, "refused: it");
    }
    job_free(&b->jobs[0]); /* the other still has all */
    struct guest *guest = host_task_guest(b->jobs[1].task);
    struct stat st;
    assert_int_equal(guest_dir_stat(guest_dir_of(fd_table_get(&guest->fds, 3)), ".", true, &st), 0);
}

/* As the module's imports and exports say, of which each guest knows. */
static void a_guest_that_calls_out_gets_a_client(void **state)
{
    static const struct {
        const char *text;
        bool calls_out;
        bool has_handles;
        bool has_alloc;
    } cases[] = {
        {"(module (import \"wasi_experimental_http\" \"body_read\" (func (param i32 i32 i32 i32)"
         " (result i32))) " MEMORY " (func (export \"_start\")))",
         true, true, false},
        {"(module (import \"wasi_experimental_http\" \"req\" (func (param i32 i32 i32) (result"
         " i32))) " MEMORY " (func (export \"alloc\") (param i32) (result i32) i32.const 0)"
         " (func (export \"_start\")))",
         true, false, true},
        {hello, false, false, false},
    };
    struct bench *b = *state;
    hythe_guest_config_set_http_concurrency(b->config, 7);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        load(b, cases[i].text);
        for (unsigned n = 0; n < 2; n++) {
            const struct guest *guest = host_task_guest(make(b, n)->task);
            assert_int_equal(guest->http != NULL, cases[i].calls_out);
            assert_int_equal(guest->http_has_handles, cases[i].has_handles);
            assert_int_equal(guest->http_has_alloc, cases[i].has_alloc);
            assert_int_equal(guest->http_max_handles, cases[i].calls_out ? 7 : 0);
        }
        job_free(&b->jobs[0]);
        job_free(&b->jobs[1]);
        host_program_free(b->program);
        b->program = NULL;
    }
}

/* What a name stood for is known to the guest that asked, and to no other. */
static void resolved_addresses_are_a_guests_own(void **state)
{
    struct bench *b = *state;
    struct net_address address;
    assert_int_equal(hythe_guest_config_allow_connect(b->config, "example.org:80", NULL), 0);
    load(b, hello);
    struct guest *first = host_task_guest(make(b, 0)->task);
    struct guest *second = host_task_guest(make(b, 1)->task);
    assert_int_equal(net_address_parse("93.184.216.34:80", &address, NULL), 0);
    assert_int_equal(policy_note_resolved(&first->policy, "example.org", &address), 0);
    assert_true(policy_may_connect(&first->policy, &address));
    assert_false(policy_may_connect(&second->policy, &address));
    assert_true(policy_may_resolve(&second->policy, "example.org"));
}

/* -- programs --------------------------------------------------------------------------------- */

static void bad_programs_are_refused_when_loaded(void **state)
{
    struct bench *b = *state;
    assert_int_equal(host_program_new(pool, "/nonexistent.wasm", b->config, &b->program, &b->err),
                     -ENOENT);
    assert_int_equal(b->err.exit, EXIT_NOT_FOUND);
    assert_int_equal(load_in(b, pool, "(module (import \"x\" \"y\" (func)))"), -ENOEXEC);
    assert_int_equal(b->err.exit, EXIT_CANNOT_RUN);
    hythe_guest_config_set_max_memory(b->config, 1 << 16);
    assert_int_equal(load_in(b, pool, hello), -ENOMEM);
    assert_int_equal(b->err.exit, EXIT_CANNOT_RUN);
    hythe_guest_config_set_max_memory(b->config, 0);
    assert_int_equal(load_in(b, pool, "(module (memory 1) (memory 1) (func (export \"_start\")))"),
                     -E2BIG);
    assert_int_equal(hythe_guest_config_add_dir(b->config, "/nonexistent", "/", false, NULL), 0);
    assert_int_equal(load_in(b, pool, hello), -ENOENT);
    host_program_free(NULL);
}

static void an_engine_without_a_pool_will_do(void **state)
{
    struct bench *b = *state;
    struct engine_options options = {.serial = true};
    struct engine *engine = NULL;
    assert_int_equal(engine_new(&options, &engine, &b->err), 0);
    assert_int_equal(load_in(b, engine, hello), 0);
    struct job *job = start(b, 0);
    await(b, job);
    assert_int_equal(job->result.end, TASK_EXITED);
    job_free(job);
    host_program_free(b->program);
    b->program = NULL;
    engine_free(engine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_returns),
        TEST(a_guest_exits),
        TEST(a_guest_waits_and_is_woken),
        TEST(a_trap_is_told_with_its_frames),
        TEST(cpu_time_runs_out),
        TEST(an_ended_task_is_not_woken),
        TEST(waiting_costs_no_cpu_time),
        TEST(a_busy_machine_costs_no_cpu_time),
        TEST(wall_clock_time_runs_out),
        TEST(memory_runs_out),
        TEST(the_pool_is_full),
        TEST(a_task_may_be_freed_at_any_time),
        TEST(a_computing_task_may_be_freed),
        TEST(a_task_may_be_freed_when_it_ends),
        TEST(a_guest_outlives_its_streams),
        TEST(a_computing_guest_holds_up_nobody),
        TEST(many_short_guests_hold_up_nobody),
        TEST(computing_guests_take_turns),
        TEST(many_follow_each_other),
        TEST(another_function_may_be_the_entry),
        TEST(a_guest_gets_what_is_configured),
        TEST(a_guest_that_calls_out_gets_a_client),
        TEST(resolved_addresses_are_a_guests_own),
        TEST(bad_programs_are_refused_when_loaded),
        TEST(an_engine_without_a_pool_will_do),
    };
    if (make_engine() < 0) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    host_ticker_stop(&ticker);
    engine_free(pool);
    return failed;
}
