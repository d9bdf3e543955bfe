/* From a route's settings to a program: what its guests get, and whether its module is one that a
 * request can be given to. Routes that want the same of the same module share one. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "handlers/cgi_env.h"
#include "handlers/internal.h"
#include "host/check.h"
#include "host/config.h"
#include "host/load.h"
#include "host/task.h"

enum { KEY_MAX = 1 << 20, WORDS_MAX = 64 << 10 };

/* -- what a guest gets ------------------------------------------------------------------------ */

/* A setter's error becomes ours. */
static int take_error(struct error *err, hythe_error *error, const char *what, const char *value)
{
    (void)error_set(err, -EINVAL, "%s = \"%.200s\": %s", what, value,
                    error != NULL ? hythe_error_text(error) : "out of memory");
    hythe_error_free(error);
    return error_set_exit(err, EXIT_USAGE);
}

typedef int add_text_fn(hythe_guest_config *config, const char *text, hythe_error **ret_error);

struct text_list {
    const char *key;
    const struct strings *texts;
    add_text_fn *add;
};

static int add_list(hythe_guest_config *config, const struct text_list *list, struct error *err)
{
    for (size_t i = 0; i < list->texts->count; i++) {
        hythe_error *error = NULL;
        if (list->add(config, list->texts->items[i], &error) < 0) {
            return take_error(err, error, list->key, list->texts->items[i]);
        }
    }
    return 0;
}

static int add_dirs_and_env(hythe_guest_config *config, const struct serve_guest *guest,
                            struct error *err)
{
    hythe_error *error = NULL;
    for (uint32_t i = 0; i < guest->dir_count; i++) {
        const struct serve_dir *dir = &guest->dirs[i];
        if (hythe_guest_config_add_dir(config, dir->host, dir->guest, dir->is_read_only, &error) <
            0) {
            return take_error(err, error, "dirs", dir->host);
        }
    }
    for (uint32_t i = 0; i < guest->env.count; i++) {
        const struct serve_pair *pair = &guest->env.items[i];
        if (hythe_guest_config_add_env(config, pair->name, pair->value, &error) < 0) {
            return take_error(err, error, "env", pair->name);
        }
    }
    for (uint32_t i = 0; i < guest->config.count; i++) {
        const struct serve_pair *pair = &guest->config.items[i];
        if (hythe_guest_config_add_wasi_config(config, pair->name, pair->value, &error) < 0) {
            return take_error(err, error, "config", pair->name);
        }
    }
    return 0;
}

static int set_cache(hythe_guest_config *config, const struct serve_config *serve,
                     struct error *err)
{
    hythe_error *error = NULL;
    if (serve->no_cache) {
        hythe_guest_config_set_no_cache(config);
    }
    if (serve->cache_dir != NULL &&
        hythe_guest_config_set_cache_dir(config, serve->cache_dir, &error) < 0) {
        return take_error(err, error, "cache.dir", serve->cache_dir);
    }
    return 0;
}

static int configure(hythe_guest_config *config, const struct site_route *route, struct error *err)
{
    const struct serve_guest *guest = &route->config->guest;
    const struct text_list lists[] = {
        {"allow_http", &guest->allow_http, hythe_guest_config_allow_http},
        {"allow_connect", &guest->allow_connect, hythe_guest_config_allow_connect},
        {"allow_listen", &guest->allow_listen, hythe_guest_config_allow_listen},
        {"hosts", &guest->hosts, hythe_guest_config_add_host},
    };
    hythe_error *error = NULL;
    int r = add_dirs_and_env(config, guest, err);
    for (size_t i = 0; r == 0 && i < sizeof lists / sizeof lists[0]; i++) {
        r = add_list(config, &lists[i], err);
    }
    if (r == 0) {
        r = set_cache(config, route->site->options.config, err);
    }
    if (r == 0 && route->entry != NULL &&
        hythe_guest_config_set_invoke(config, route->entry, &error) < 0) {
        r = take_error(err, error, "entry", route->entry);
    }
    if (guest->net) {
        hythe_guest_config_allow_net(config);
    }
    hythe_guest_config_set_stub_unknown(config, route->config->stub_unknown);
    if (guest->max_memory > 0) {
        hythe_guest_config_set_max_memory(config, guest->max_memory);
    }
    if (guest->max_fds > 0) {
        hythe_guest_config_set_max_fds(config, guest->max_fds);
    }
    if (guest->http_concurrency > 0) {
        hythe_guest_config_set_http_concurrency(config, guest->http_concurrency);
    }
    return r;
}

/* -- which of them are the same ---------------------------------------------------------------- */

static int key_list(struct buffer *key, const char *name, const struct strings *list)
{
    int r = buffer_printf(key, "%s%c", name, 0);
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        r = buffer_append(
            key, (struct span){(const uint8_t *)list->items[i], strlen(list->items[i]) + 1});
    }
    return r;
}

/* Everything that a program depends on, as bytes. */
static int print_key(const struct site_route *route, struct buffer *key)
{
    const struct serve_guest *guest = &route->config->guest;
    int r = buffer_printf(key, "%s%c%s%c%u %u %llu %u %u%c", route->config->module, 0,
                          route->entry != NULL ? route->entry : "", 0, guest->net,
                          route->config->stub_unknown, (unsigned long long)guest->max_memory,
                          guest->max_fds, guest->http_concurrency, 0);
    for (uint32_t i = 0; r == 0 && i < guest->dir_count; i++) {
        const struct serve_dir *dir = &guest->dirs[i];
        r = buffer_printf(key, "dir%c%s%c%s%c%u", 0, dir->host, 0, dir->guest, 0,
                          dir->is_read_only);
    }
    for (uint32_t i = 0; r == 0 && i < guest->env.count; i++) {
        const struct serve_pair *pair = &guest->env.items[i];
        r = buffer_printf(key, "env%c%s%c%s%c", 0, pair->name, 0, pair->value, 0);
    }
    for (uint32_t i = 0; r == 0 && i < guest->config.count; i++) {
        const struct serve_pair *pair = &guest->config.items[i];
        r = buffer_printf(key, "config%c%s%c%s%c", 0, pair->name, 0, pair->value, 0);
    }
    r = r == 0 ? key_list(key, "http", &guest->allow_http) : r;
    r = r == 0 ? key_list(key, "connect", &guest->allow_connect) : r;
    r = r == 0 ? key_list(key, "listen", &guest->allow_listen) : r;
    return r == 0 ? key_list(key, "hosts", &guest->hosts) : r;
}

static const struct site_program *find(const struct site *site, struct span key)
{
    for (uint32_t i = 0; i < site->program_count; i++) {
        const struct buffer *other = &site->programs[i].key;
        if (other->len == key.len && memcmp(other->data, key.data, key.len) == 0) {
            return &site->programs[i];
        }
    }
    return NULL;
}

/* A program of that module, whatever else it grants: its key begins with the module's name. The last
 * ones first: routes of one module stand together. */
static const struct host_program *find_module(const struct site *site, const char *module)
{
    size_t len = strlen(module) + 1;
    for (uint32_t i = site->program_count; i > 0; i--) {
        const struct site_program *other = &site->programs[i - 1];
        if (other->key.len >= len && memcmp(other->key.data, module, len) == 0) {
            return other->program;
        }
    }
    return NULL;
}

/* -- what the module is ------------------------------------------------------------------------ */

/* "hythe run" with the options that the module needs. */
static const char *print_run(const struct dialect_report *report, const char *module,
                             struct buffer *words)
{
    int r = buffer_printf(words, "hythe run");
    for (uint32_t i = 0; r == 0 && i < report->grant_count; i++) {
        const struct dialect_grant *grant = &report->grants[i];
        if (grant->is_needed) {
            r = buffer_printf(words, " %s %s", grant->option, grant->value);
        }
    }
    r = r == 0 ? buffer_printf(words, " %s", module) : r;
    const char *text = r == 0 ? buffer_text(words) : NULL;
    return text != NULL ? text : "hythe run";
}

/* A server that opens or is given its own socket has no use for requests on stdin. Whoever says
 * kind = "cgi" knows better: a command may be linked with calls that it never makes. */
static bool is_server(const struct site_route *route, const struct dialect_report *report)
{
    enum serve_kind said = route->config->kind;
    if (report->role == ROLE_SERVER_OWN) {
        return said == SERVE_AUTO || said == SERVE_WAGI;
    }
    return report->role == ROLE_SERVER_LISTENER && said == SERVE_AUTO;
}

static int check_role(const struct site_route *route, const struct module *module,
                      struct error *err)
{
    struct dialect_report report;
    struct buffer words;
    int r = check_describe(module, &report);
    if (r < 0) {
        return error_set_errno(err, r, "%s: looking at its imports", route->config->module);
    }
    if (is_server(route, &report)) {
        buffer_init(&words, WORDS_MAX);
        r = error_set(err, -ENOEXEC,
                      "%s is a server of its own and not a CGI command: it %s; run it with: %s%s",
                      route->config->module,
                      report.role == ROLE_SERVER_OWN ? "opens its own listening sockets"
                                                     : "accepts on a listener of the host",
                      print_run(&report, route->config->module, &words),
                      report.role == ROLE_SERVER_LISTENER
                          ? " (if it is a CGI command after all, say kind = \"cgi\")"
                          : "");
        (void)error_set_exit(err, EXIT_CANNOT_RUN);
        buffer_done(&words);
    }
    dialect_report_done(&report);
    return r;
}

static int check_command(const struct site_route *route, const struct host_program *program,
                         struct error *err)
{
    const char *entry = route->entry != NULL ? route->entry : "_start";
    int r = check_role(route, host_program_module(program), err);
    if (r == 0 && !host_program_has_entry(program, entry)) {
        r = error_set(err, -ENOEXEC, "%s has no function \"%s\" without parameters and results",
                      route->config->module, entry);
        (void)error_set_exit(err, EXIT_CANNOT_RUN);
    }
    return r;
}

/* -- making one ------------------------------------------------------------------------------- */

/* Make room for one more. */
static struct site_program *grow(struct site *site)
{
    struct site_program *programs =
        realloc(site->programs, (site->program_count + 1) * sizeof *programs);
    if (programs == NULL) {
        return NULL;
    }
    site->programs = programs;
    return &programs[site->program_count];
}

static int make(struct site *site, const struct site_route *route, struct site_program *made,
                struct error *err)
{
    made->config = hythe_guest_config_new();
    if (made->config == NULL) {
        return error_set_errno(err, -ENOMEM, "preparing the route");
    }
    int r = configure(made->config, route, err);
    const char *module = route->config->module;
    const struct host_program *other = find_module(site, module);
    if (r == 0) {
        r = other != NULL
                ? host_program_share(other, module, made->config, &made->program, err)
                : host_program_new(site->engine, module, made->config, &made->program, err);
    }
    if (r < 0 || host_program_is_component(made->program)) {
        return r; /* what a component exports has been looked at */
    }
    return check_command(route, made->program, err);
}

void site_program_done(struct site_program *program)
{
    host_program_free(program->program);
    hythe_guest_config_free(program->config);
    buffer_done(&program->key);
}

static int settle_component(struct site_route *route, struct error *err)
{
    enum serve_kind said = route->config->kind;
    if (said != SERVE_AUTO && said != SERVE_WASI_HTTP) {
        return site_refuse(route, err, -EINVAL,
                           "its module is a component, which is no CGI command; leave kind out, or "
                           "say kind = \"wasi-http\"");
    }
    route->kind = SERVE_WASI_HTTP;
    return 0;
}

static int settle_command(const struct site_route *route, struct error *err)
{
    const struct serve_route *config = route->config;
    if (config->kind == SERVE_WASI_HTTP) {
        return site_refuse(route, err, -EINVAL,
                           "kind = \"wasi-http\" is for components, and its module is none; leave "
                           "kind out, and it is served as a CGI command");
    }
    if (config->reuse > 1) {
        return site_refuse(route, err, -EINVAL,
                           "reuse = %u: a CGI command ends with its request, so each needs a fresh "
                           "instance; leave it out",
                           config->reuse);
    }
    if (config->stub_unknown) {
        return site_refuse(route, err, -ENOTSUP,
                           "stub_unknown is for components; a CGI module must have all it imports");
    }
    for (uint32_t i = 0; i < config->guest.env.count; i++) {
        const char *name = config->guest.env.items[i].name;
        if (cgi_env_is_own(name)) {
            return site_refuse(route, err, -EINVAL,
                               "env sets %.64s, which CGI sets for each request; choose another "
                               "name",
                               name);
        }
    }
    return 0;
}

static int check_size(const struct site_route *route, struct error *err)
{
    uint64_t max = route->site->options.config->limits.module_bytes;
    struct stat st;
    if (max == 0 || stat(route->config->module, &st) < 0 || (uint64_t)st.st_size <= max) {
        return 0; /* what is wrong with the file is said when it is opened */
    }
    return site_refuse(route, err, -EFBIG,
                       "its module has %" PRIu64 " bytes, more than limits.module, %" PRIu64
                       "; raise that to serve it",
                       (uint64_t)st.st_size, max);
}

/* What can be said once it is known whether the module is a component. */
static int settle(struct site_route *route, struct error *err)
{
    return host_program_is_component(route->program) ? settle_component(route, err)
                                                     : settle_command(route, err);
}

int site_open_program(struct site *site, struct site_route *route, struct error *err)
{
    struct site_program made = {.program = NULL};
    buffer_init(&made.key, KEY_MAX);
    int r = check_size(route, err);
    if (r < 0) {
        return r;
    }
    r = print_key(route, &made.key);
    const struct site_program *same = r == 0 ? find(site, buffer_span(&made.key)) : NULL;
    if (r == 0 && same == NULL) {
        r = make(site, route, &made, err);
    } else if (r < 0) {
        (void)error_set_errno(err, r, "preparing the route");
    }
    struct site_program *slot = r == 0 && same == NULL ? grow(site) : NULL;
    if (r == 0 && same == NULL && slot == NULL) {
        r = error_set_errno(err, -ENOMEM, "preparing the route");
    }
    if (slot == NULL) {
        site_program_done(&made);
        route->program = same != NULL ? same->program : NULL;
        return r < 0 ? site_blame(route, err) : settle(route, err);
    }
    *slot = made;
    site->program_count++;
    route->program = made.program;
    return settle(route, err);
}
