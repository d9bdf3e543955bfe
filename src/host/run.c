/* hythe_run: one module, from its path to its exit code. See hythe/guest.h.
 *
 * In order: engine, module, diagnosis, then what it is given; nothing listens before all that can
 * be known beforehand is known to be well. */
#include "host/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/engine.h"
#include "host/check.h"
#include "host/config.h"
#include "host/error.h"
#include "host/instance.h"
#include "host/load.h"
#include "host/program.h"
#include "host/workers.h"
#include "imports/registry.h"
#include "loop/loop.h"
#include "net/listener.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void release(struct host_run *run)
{
    load_links_done(&run->links);
    module_unref(run->loaded.module);
    engine_free(run->engine);
    listeners_done(&run->listeners);
    *run = (struct host_run){0};
}

/* Nothing listens while a directory that was granted cannot be opened. */
static int check_dirs(const struct host_run *run, struct error *err)
{
    for (size_t i = 0; i < run->config->dir_count; i++) {
        const char *host = run->config->dirs[i].host;
        int fd = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
            return error_set_errno(err, -errno, "cannot open the directory %s (--dir)", host);
        }
        (void)close(fd); /* opened for reading */
    }
    return 0;
}

int host_run_load(struct host_run *run, struct error *err)
{
    struct engine_options options = {.fuel = run->config->fuel > 0};
    uint64_t begin = loop_clock_ns();
    int r = engine_new(&options, &run->engine, err);
    if (r < 0) {
        return r;
    }
    run->engine_ns = loop_clock_ns() - begin;
    r = load_module(run->engine, run->path, run->config, &run->loaded, err);
    if (r < 0) {
        return r;
    }
    r = load_links(run->loaded.module, &run->links);
    if (r == -ENOMEM) {
        return error_set_errno(err, r, "linking %s", run->path);
    }
    const struct dialect_start start = {START_RUN, run->config->invoke, run->config->stub_unknown};
    r = check_runnable(run->path, run->loaded.module, &start, err);
    if (r == 0) {
        r = host_program_check_memory(run->path, run->loaded.module, run->config->max_memory, err);
    }
    return r == 0 ? check_dirs(run, err) : r;
}

int host_run_listen(struct host_run *run, struct error *err)
{
    char text[NET_ADDRESS_TEXT_MAX];
    int r = listeners_inherit(&run->listeners, err);
    uint32_t inherited = run->listeners.count;
    for (size_t i = 0; r == 0 && i < run->config->listen.count; i++) {
        r = listeners_add(&run->listeners, run->config->listen.items[i], err);
    }
    for (uint32_t i = inherited; r == 0 && i < run->listeners.count; i++) {
        struct net_address address;
        r = listeners_address(&run->listeners, i, &address);
        if (r < 0) {
            return error_set_errno(err, r, "asking where the listener is");
        }
        log_line("listening on %s", net_address_print(&address, text));
    }
    return r;
}

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static void say_timing(const struct host_run *run, uint64_t guest_ns, uint64_t run_ns)
{
    log_line(
        "timing: engine %.3f ms, read %.3f ms, module %.3f ms (%s), guest %.3f ms, run %.3f ms",
        ms(run->engine_ns), ms(run->loaded.read_ns), ms(run->loaded.load_ns),
        run->loaded.cache == CACHE_HIT ? "cached" : "compiled", ms(guest_ns), ms(run_ns));
}

int host_run_guest(struct host_run *run, int broker_fd, struct error *err)
{
    struct host_instance *instance = NULL;
    struct host_instance_options options = {
        .engine = run->engine,
        .module = run->loaded.module,
        .config = run->config,
        .links = &run->links,
        .listeners = &run->listeners,
        .name = run->config->argv0 != NULL ? run->config->argv0 : base_name(run->path),
        .broker_fd = broker_fd,
    };
    uint64_t begin = loop_clock_ns();
    int r = host_instance_new(&options, &instance, err);
    if (r < 0) {
        return r == -ENOTSUP ? error_wrap(err, "%s", run->path) : r;
    }
    uint64_t made = loop_clock_ns();
    r = host_instance_run(instance, err);
    uint64_t ended = loop_clock_ns();
    host_instance_free(instance);
    if (run->config->timing) {
        say_timing(run, made - begin, ended - made);
    }
    return r;
}

static int run_here(struct host_run *run, struct error *err)
{
    int r = host_run_load(run, err);
    if (r < 0) {
        return r;
    }
    r = host_run_listen(run, err);
    if (r < 0) {
        return r;
    }
    return host_run_guest(run, -1, err);
}

int hythe_run(const char *module_path, const hythe_guest_config *config, hythe_error **ret_error)
{
    struct error err = {0};
    struct host_run run = {.path = module_path, .config = config};
    int r = config->workers > 1 ? workers_run(&run, &err) : run_here(&run, &err);
    release(&run);
    if (r < 0) {
        (void)host_error_give(&err, ret_error);
        return -1;
    }
    return r;
}
