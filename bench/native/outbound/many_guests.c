/* Many guests in one process, each of them parked in `req` before a server that does not answer yet.
 *
 *   many_guests MODULE URL COUNT pool|alone
 *
 * One engine, one module and one loop serve them all; each guest has descriptors, arguments, a
 * policy, an HTTP client, a store and a fiber of its own, made by what `hythe run` makes them with.
 * With `pool` the engine keeps one pool of memories and stacks for them.
 *
 * The guests are taken from stage to stage together. After each stage its name is printed and the
 * process stops itself, so that others can look at its memory; they continue it. Stage "one" is
 * that of a first guest which waits like the others: by then all libraries are loaded. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/list.h"
#include "engine/engine.h"
#include "engine/instance.h"
#include "engine/module.h"
#include "guest/guest.h"
#include "host/config.h"
#include "host/instance.h"
#include "host/load.h"
#include "host/outbound.h"
#include "host/setup.h"
#include "hythe/guest.h"
#include "loop/loop.h"

enum { POOL_MEMORY = 64 << 20, PER_GUEST_FDS = 8, TABLE_ELEMENTS_MAX = 10 << 20 };

struct member {
    struct guest guest;
    struct host_outbound *outbound;
    struct instance *instance;
    enum instance_state state;
    bool is_ready; /* its wait is over */
    bool is_done;
};

static struct {
    struct engine *engine;
    struct load_result loaded;
    const struct host_func **links;
    struct hythe_guest_config *config;
    struct loop *loop;
    struct member *members;
    unsigned count;
    FILE *out; /* what was stdout; the guests have /dev/null */
} all;

static void check(int r, const struct error *err)
{
    if (r < 0) {
        fprintf(all.out, "failed %s\n", err->text[0] != '\0' ? err->text : strerror(-r));
        exit(1);
    }
}

/* What has been freed goes back first, or the next stage would seem to be made of nothing. */
static void show(const char *stage)
{
    (void)malloc_trim(0);
    fprintf(all.out, "stage %s\n", stage);
    fflush(all.out);
    (void)raise(SIGSTOP);
}

/* -- stages ----------------------------------------------------------------------------------- */

static void on_wake(struct guest *guest)
{
    ((struct member *)guest->owner)->is_ready = true;
}

static void set_up(struct member *member)
{
    static const struct listeners none;
    struct error err = {0};
    const struct host_instance_options options = {
        .engine = all.engine,
        .module = all.loaded.module,
        .config = all.config,
        .links = all.links,
        .listeners = &none,
        .name = "guest",
        .broker_fd = -1,
    };
    guest_init(&member->guest, all.loop);
    member->guest.owner = member;
    member->guest.on_wake = on_wake;
    check(setup_guest(&member->guest, &options, &err), &err);
}

static void make_client(struct member *member)
{
    struct error err = {0};
    check(
        outbound_new(&member->guest, all.loaded.module, &all.config->http, &member->outbound, &err),
        &err);
}

static void make_store(struct member *member)
{
    struct error err = {0};
    const struct instance_options options = {
        .guest = &member->guest,
        .max_tables = TABLE_ELEMENTS_MAX,
    };
    const struct instance_links links = {all.links, module_import_count(all.loaded.module)};
    check(instance_new(all.loaded.module, &links, &options, &member->instance, &err), &err);
}

static void resume(struct member *member)
{
    struct error err = {0};
    member->is_ready = false;
    guest_wait_end(&member->guest);
    do {
        member->state = instance_resume(member->instance, &err);
    } while (member->state == INSTANCE_RUNNABLE);
    if (member->state == INSTANCE_FAILED && !member->guest.has_exited) {
        check(-EFAULT, &err);
    }
}

static void instantiate(struct member *member)
{
    struct error err = {0};
    check(instance_begin_new(member->instance, &err), &err);
    resume(member);
}

static void call_out(struct member *member)
{
    struct error err = {0};
    check(instance_begin_call(member->instance, "_start", NULL, 0, &err), &err);
    resume(member);
}

static const struct {
    const char *name;
    void (*run)(struct member *member);
} stages[] = {
    {"descriptors", set_up}, {"client", make_client}, {"store", make_store},
    {"memory", instantiate}, {"waiting", call_out},
};

/* -- the loop --------------------------------------------------------------------------------- */

/* Let the connections be made, the requests be sent and whatever has come be taken. */
static unsigned turn(int max_wait_ms)
{
    unsigned done = 0;
    struct error err = {0};
    check(loop_turn(all.loop, max_wait_ms), &err);
    for (unsigned i = 0; i < all.count; i++) {
        struct member *member = &all.members[i];
        if (member->instance == NULL) {
            continue;
        }
        if (member->is_ready && member->state == INSTANCE_PARKED) {
            resume(member);
        }
        done += member->guest.has_exited || member->state == INSTANCE_IDLE;
    }
    return done;
}

/* Until nothing has happened for a while: then all requests are with the server. */
static void settle(void)
{
    enum { QUIET_MS = 200 };
    uint64_t begin = loop_clock_ns();
    do {
        begin = loop_clock_ns();
        (void)turn(QUIET_MS);
    } while (loop_clock_ns() - begin < (QUIET_MS - 50) * 1000000ULL);
}

static void take_through(struct member *from, unsigned count, bool is_shown)
{
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        for (unsigned k = 0; k < count; k++) {
            stages[i].run(&from[k]);
        }
        if (stages[i].run == call_out) {
            settle();
        }
        if (is_shown) {
            show(stages[i].name);
        }
    }
}

static void end(struct member *member)
{
    bool is_good =
        member->guest.has_exited ? member->guest.exit_code == 0 : member->state == INSTANCE_IDLE;
    instance_free(member->instance);
    guest_done(&member->guest, 0);
    outbound_free(member->outbound);
    if (!is_good) {
        check(-EPROTO, &(struct error){.text = "a guest did not get its answer"});
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
    check(engine_new(&options, &all.engine, &err), &err);
    all.config = hythe_guest_config_new();
    all.config->no_cache = true;
    check(strings_add(&all.config->args, "get"), &err);
    check(strings_add(&all.config->args, argv[2]), &err);
    check(strings_add(&all.config->allow_http, "http://localhost"), &err);
    check(load_module(all.engine, argv[1], all.config, &all.loaded, &err), &err);
    check(load_links(all.loaded.module, &all.links), &err);
    check(loop_new(&all.loop), &err);
    all.members = calloc(all.count, sizeof *all.members);
    check(all.members == NULL ? -ENOMEM : 0, &err);
}

int main(int argc, char **argv)
{
    all.out = fdopen(dup(1), "w");
    if (argc != 5) {
        fputs("usage: many_guests MODULE URL COUNT pool|alone\n", stderr);
        return 2;
    }
    all.count = (unsigned)strtoul(argv[3], NULL, 10) + 1; /* and the first one */
    struct rlimit files = {all.count * PER_GUEST_FDS + 64, all.count * PER_GUEST_FDS + 64};
    (void)setrlimit(RLIMIT_NOFILE, &files); /* shows when descriptors run out */
    int sink = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(sink, 1);
    (void)dup2(sink, 2);

    make_all(argv);
    show("engine");
    take_through(all.members, 1, false);
    show("one");
    take_through(all.members + 1, all.count - 1, true);
    while (turn(LOOP_NEVER) < all.count) {
    }
    for (unsigned i = 0; i < all.count; i++) {
        end(&all.members[i]);
    }
    fprintf(all.out, "done %u\n", all.count);
    fflush(all.out);
    return 0;
}
