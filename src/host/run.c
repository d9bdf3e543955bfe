/* hythe_run: one module, from its path to its exit code. See hythe/guest.h.
 *
 * In order: engine, module, diagnosis, then what it is given; nothing listens before all that can
 * be known beforehand is known to be well. */
#include "host/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine.h"
#include "host/check.h"
#include "host/config.h"
#include "host/error.h"
#include "host/instance.h"
#include "host/load.h"
#include "host/workers.h"
#include "imports/registry.h"
#include "loop/loop.h"
#include "net/listener.h"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

void host_run_done(struct host_run *run)
{
    free(run->links);
    module_free(run->loaded.module);
    engine_free(run->engine);
    listeners_done(&run->listeners);
    *run = (struct host_run){0};
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
    return check_runnable(run->path, run->loaded.module, run->config->invoke, err);
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
        if (listeners_address(&run->listeners, i, &address) == 0) {
            log_line("listening on %s", net_address_print(&address, text));
        }
    }
    return r;
}

int host_run_guest(struct host_run *run, int broker_fd, struct error *err)
{
    struct host_instance *instance = NULL;
    struct host_instance_options options = {
        .engine = run->engine,
        .module = run->loaded.module,
        .config = run->config,
        .links = run->links,
        .listeners = &run->listeners,
        .name = run->config->argv0 != NULL ? run->config->argv0 : base_name(run->path),
        .broker_fd = broker_fd,
    };
    int r = host_instance_new(&options, &instance, err);
    if (r < 0) {
        return r;
    }
    r = host_instance_run(instance, err);
    host_instance_free(instance);
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
    host_run_done(&run);
    if (r < 0) {
        (void)host_error_give(&err, ret_error);
        return -1;
    }
    return r;
}
