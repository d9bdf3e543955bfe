/* Many guests in one process, each of them parked in `req` before a server that does not answer yet.
 *
 *   many_guests MODULE URL COUNT pool|alone
 *
 * They are tasks of one program on one loop, as the requests of a route of `hythe serve` are: each has
 * descriptors, arguments, a policy, a store and a fiber of its own; the resolver and the connections are
 * the program's. With `pool` the engine keeps one pool of memories and stacks for them.
 *
 * The guests are taken from stage to stage together. After each stage its name is printed and the
 * process stops itself, so that others can look at its memory; they continue it. Stage "one" is
 * that of a first guest which waits like the others: by then all libraries are loaded. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/engine.h"
#include "guest/guest.h"
#include "guest/stream.h"
#include "host/config.h"
#include "host/task.h"
#include "hythe/guest.h"
#include "loop/loop.h"

enum { POOL_MEMORY = 64 << 20, PER_GUEST_FDS = 2, QUIET_MS = 200 };

struct member {
    struct host_task *task;
    struct guest_stream *streams[3];
    bool is_good;
};

static struct {
    struct engine *engine;
    struct hythe_guest_config *config;
    struct host_program *program;
    struct loop *loop;
    const char *url;
    struct member *members;
    unsigned count;
    unsigned done;
} all;

static void check(int r, const struct error *err)
{
    if (r < 0) {
        printf("failed %s\n", err->text[0] != '\0' ? err->text : strerror(-r));
        exit(1);
    }
}

/* What has been freed goes back first, or the next stage would seem to be made of nothing. */
static void show(const char *stage)
{
    (void)malloc_trim(0);
    printf("stage %s\n", stage);
    fflush(stdout);
    (void)raise(SIGSTOP);
}

/* -- what a task is given ---------------------------------------------------------------------- */

static int64_t read_nothing(void *context, const struct iovec *pieces, int count)
{
    (void)context;
    (void)pieces;
    (void)count;
    return 0;
}

static int64_t drop(void *context, const struct iovec *pieces, int count)
{
    int64_t len = 0;
    (void)context;
    for (int i = 0; i < count; i++) {
        len += (int64_t)pieces[i].iov_len;
    }
    return len;
}

static void give_streams(struct member *member)
{
    static const struct guest_stream_ops ops = {.read = read_nothing, .write = drop};
    struct error err = {0};
    struct guest *guest = host_task_guest(member->task);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t fd = 0;
        check(guest_stream_new(guest, &ops, member, &member->streams[i]), &err);
        check(fd_table_insert(&guest->fds, guest_stream_descriptor(member->streams[i]), i, &fd),
              &err);
    }
}

static void on_end(void *context, const struct host_task_result *result)
{
    struct member *member = context;
    member->is_good = result->end == TASK_EXITED && result->exit_code == 0;
    all.done++;
}

/* -- stages ----------------------------------------------------------------------------------- */

static void make(struct member *member)
{
    struct error err = {0};
    const struct host_task_options options = {
        .loop = all.loop, .program = all.program, .on_end = on_end, .context = member};
    check(host_task_new(&options, &member->task, &err), &err);
    give_streams(member);
    const char *const args[] = {"guest", "get", all.url};
    for (size_t i = 0; i < sizeof args / sizeof args[0]; i++) {
        check(guest_add_arg(host_task_guest(member->task), args[i]), &err);
    }
}

static void start(struct member *member)
{
    host_task_start(member->task);
}

static void turn(int max_wait_ms)
{
    struct error err = {0};
    check(loop_turn(all.loop, max_wait_ms), &err);
}

/* Until nothing has happened for a while: then all requests are with the server. */
static void settle(void)
{
    uint64_t begin = 0;
    do {
        begin = loop_clock_ns();
        turn(QUIET_MS);
    } while (loop_clock_ns() - begin < (QUIET_MS - 50) * 1000000ULL);
}

static const struct {
    const char *name;
    void (*run)(struct member *member);
} stages[] = {{"made", make}, {"waiting", start}};

static void take_through(struct member *from, unsigned count, bool is_shown)
{
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        for (unsigned k = 0; k < count; k++) {
            stages[i].run(&from[k]);
        }
        settle();
        if (is_shown) {
            show(stages[i].name);
        }
    }
}

static void end(struct member *member)
{
    if (!member->is_good) {
        check(-EPROTO, &(struct error){.text = "a guest did not get its answer"});
    }
    host_task_free(member->task);
    for (size_t i = 0; i < 3; i++) {
        guest_stream_detach(member->streams[i]);
    }
}

static void make_all(char **argv)
{
    struct error err = {0};
    const struct engine_options options = {
        .pool_instances = strcmp(argv[4], "pool") == 0 ? all.count : 0,
        .pool_memory = POOL_MEMORY,
        .serial = true,
    };
    all.url = argv[2];
    check(engine_new(&options, &all.engine, &err), &err);
    all.config = hythe_guest_config_new();
    all.config->no_cache = true;
    check(strings_add(&all.config->allow_http, "http://localhost"), &err);
    check(host_program_new(all.engine, argv[1], all.config, &all.program, &err), &err);
    check(loop_new(&all.loop), &err);
    all.members = calloc(all.count, sizeof *all.members);
    check(all.members == NULL ? -ENOMEM : 0, &err);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: many_guests MODULE URL COUNT pool|alone\n", stderr);
        return 2;
    }
    all.count = (unsigned)strtoul(argv[3], NULL, 10) + 1; /* and the first one */
    struct rlimit files = {all.count * PER_GUEST_FDS + 64, all.count * PER_GUEST_FDS + 64};
    (void)setrlimit(RLIMIT_NOFILE, &files); /* shows when descriptors run out */

    make_all(argv);
    show("engine");
    take_through(all.members, 1, false);
    show("one");
    take_through(all.members + 1, all.count - 1, true);
    while (all.done < all.count) {
        turn(LOOP_NEVER);
    }
    for (unsigned i = 0; i < all.count; i++) {
        end(&all.members[i]);
    }
    host_program_free(all.program);
    loop_free(all.loop);
    printf("done %u\n", all.count);
    return 0;
}
