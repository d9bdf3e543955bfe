/* hythe run [OPTIONS] MODULE [ARG...]: from the command line to a guest configuration, and on to
 * hythe_run. Addresses and rules are checked where they are added, before anything is opened. */
#include "cli/commands.h"
#include "cli/module.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/container.h"
#include "base/log.h"
#include "config/options.h"
#include "hythe.h"

/* A configuration being filled. */
struct setup {
    const struct run_options *options; /* borrowed */
    const struct program *program;     /* borrowed: the module's image, or NULL */
    hythe_guest_config *config;        /* owned */
    hythe_error *error;                /* owned, when something went wrong */
    const char *option;                /* and in which option */
};

typedef int add_text_fn(hythe_guest_config *config, const char *text, hythe_error **ret_error);

static int add_text(struct setup *setup, const char *option, const char *text, add_text_fn *add)
{
    int r = text == NULL ? 0 : add(setup->config, text, &setup->error);
    if (r < 0) {
        setup->option = option;
    }
    return r;
}

static int add_list(struct setup *setup, const char *option, const struct string_list *list,
                    add_text_fn *add)
{
    for (uint32_t i = 0; i < list->count; i++) {
        int r = add_text(setup, option, list->items[i], add);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_dirs(struct setup *setup)
{
    const struct dir_list *dirs = &setup->options->dirs;
    for (uint32_t i = 0; i < dirs->count; i++) {
        const struct dir_option *dir = &dirs->items[i];
        int r = hythe_guest_config_add_dir(setup->config, dir->host, dir->guest, dir->is_read_only,
                                           &setup->error);
        if (r < 0) {
            setup->option = "dir";
            return r;
        }
    }
    return 0;
}

typedef int add_pair_fn(hythe_guest_config *config, const char *name, const char *value,
                        hythe_error **ret_error);

static int add_pairs(struct setup *setup, const char *option, const struct env_list *list,
                     add_pair_fn *add)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct env_option *pair = &list->items[i];
        int r = add(setup->config, pair->key, pair->value, &setup->error);
        if (r < 0) {
            setup->option = option;
            return r;
        }
    }
    return 0;
}

/* The environment that the module's image gives it. */
static int add_image_env(struct setup *setup)
{
    const struct strings *env = &setup->program->env;
    for (size_t i = 0; i < env->count; i++) {
        char *name = strndup(env->items[i], strcspn(env->items[i], "="));
        if (name == NULL) {
            return -1; /* without an error: out of memory */
        }
        const char *equals = strchr(env->items[i], '=');
        int r = equals == NULL || equals == env->items[i]
                    ? 0 /* it has no name or no value: nothing that could be set */
                    : hythe_guest_config_add_env(setup->config, name, equals + 1, &setup->error);
        free(name);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_env(struct setup *setup)
{
    const struct run_options *options = setup->options;
    int r = setup->program != NULL ? add_image_env(setup) : 0;
    if (r < 0) {
        return r;
    }
    r = add_pairs(setup, "env", &options->env, hythe_guest_config_add_env);
    return r < 0 ? r
                 : add_pairs(setup, "wasi-config", &options->wasi_config,
                             hythe_guest_config_add_wasi_config);
}

/* An image's own arguments stand first; of these its Cmd gives way to the operator's. */
static int add_image_args(struct setup *setup)
{
    const struct program *program = setup->program;
    bool has_others = setup->options->arg_count > 0;
    size_t count = has_others ? program->entrypoint_arg_count : program->args.count;
    int r = 0;
    if (program->argv0[0] != '\0') {
        r = hythe_guest_config_set_argv0(setup->config, program->argv0, &setup->error);
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        r = hythe_guest_config_add_arg(setup->config, program->args.items[i], &setup->error);
    }
    return r;
}

static int add_args(struct setup *setup)
{
    int image_r = setup->program != NULL ? add_image_args(setup) : 0;
    if (image_r < 0) {
        return image_r;
    }
    for (uint32_t i = 0; i < setup->options->arg_count; i++) {
        int r = hythe_guest_config_add_arg(setup->config, setup->options->args[i], &setup->error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_network(struct setup *setup)
{
    const struct run_options *options = setup->options;
    int r = add_list(setup, "tcplisten", &options->tcplisten, hythe_guest_config_add_listen);
    if (r < 0) {
        return r;
    }
    r = add_list(setup, "allow-listen", &options->allow_listen, hythe_guest_config_allow_listen);
    if (r < 0) {
        return r;
    }
    if (options->net) {
        hythe_guest_config_allow_net(setup->config);
    }
    hythe_guest_config_set_policy_dry_run(setup->config, options->policy_dry_run);
    r = add_list(setup, "allow-connect", &options->allow_connect, hythe_guest_config_allow_connect);
    if (r < 0) {
        return r;
    }
    r = add_list(setup, "allow-http", &options->allow_http, hythe_guest_config_allow_http);
    if (r < 0) {
        return r;
    }
    return add_list(setup, "host", &options->hosts, hythe_guest_config_add_host);
}

static void set_http_limits(hythe_guest_config *config, const struct http_options *http)
{
    if (http->timeout_ns > 0) {
        hythe_guest_config_set_http_timeout_ns(config, http->timeout_ns);
    }
    if (http->connect_timeout_ns > 0) {
        hythe_guest_config_set_http_connect_timeout_ns(config, http->connect_timeout_ns);
    }
    if (http->first_byte_timeout_ns != UINT64_MAX) {
        hythe_guest_config_set_http_first_byte_timeout_ns(config, http->first_byte_timeout_ns);
    }
    if (http->idle_timeout_ns != UINT64_MAX) {
        hythe_guest_config_set_http_idle_timeout_ns(config, http->idle_timeout_ns);
    }
    if (http->max_body > 0) {
        hythe_guest_config_set_http_max_body(config, http->max_body);
    }
    if (http->max_head > 0) {
        hythe_guest_config_set_http_max_head(config, (uint32_t)http->max_head);
    }
    if (http->redirects != UINT64_MAX) {
        hythe_guest_config_set_http_redirects(config, (uint32_t)http->redirects);
    }
    if (http->concurrency > 0) {
        hythe_guest_config_set_http_concurrency(config, (uint32_t)http->concurrency);
    }
}

static int set_http(struct setup *setup)
{
    const struct http_options *http = &setup->options->http;
    set_http_limits(setup->config, http);
    int r = add_text(setup, "ca-file", http->ca_file, hythe_guest_config_set_http_ca_file);
    if (r < 0) {
        return r;
    }
    return add_text(setup, "http-proxy", http->proxy, hythe_guest_config_set_http_proxy);
}

static void set_limits(hythe_guest_config *config, const struct run_options *options)
{
    if (options->timeout_ns > 0) {
        hythe_guest_config_set_timeout_ns(config, options->timeout_ns);
    }
    if (options->max_memory > 0) {
        hythe_guest_config_set_max_memory(config, options->max_memory);
    }
    if (options->fuel > 0) {
        hythe_guest_config_set_fuel(config, options->fuel);
    }
    if (options->max_fds > 0) {
        hythe_guest_config_set_max_fds(config, (uint32_t)options->max_fds);
    }
    if (options->grace_ns != UINT64_MAX) {
        hythe_guest_config_set_grace_ns(config, options->grace_ns);
    }
}

static void set_modes(hythe_guest_config *config, const struct run_options *options)
{
    static const enum hythe_poll_mode modes[] = {
        [POLL_OPTION_DEFAULT] = HYTHE_POLL_DEFAULT,
        [POLL_OPTION_LEVEL] = HYTHE_POLL_LEVEL,
        [POLL_OPTION_AUTO] = HYTHE_POLL_AUTO,
    };
    if (options->no_cache) {
        hythe_guest_config_set_no_cache(config);
    }
    hythe_guest_config_set_trace(config, options->trace);
    hythe_guest_config_set_timing(config, options->timing);
    hythe_guest_config_set_poll_mode(config, modes[options->poll]);
    hythe_guest_config_set_workers(config, options->workers);
    hythe_guest_config_set_strict_prestat(config, options->strict_prestat);
    hythe_guest_config_set_stub_unknown(config, options->stub_unknown);
}

static int set_texts(struct setup *setup)
{
    const struct run_options *options = setup->options;
    int r = add_text(setup, "invoke", options->invoke, hythe_guest_config_set_invoke);
    if (r < 0) {
        return r;
    }
    r = add_text(setup, "argv0", options->argv0, hythe_guest_config_set_argv0);
    if (r < 0) {
        return r;
    }
    return add_text(setup, "cache-dir", options->cache_dir, hythe_guest_config_set_cache_dir);
}

static int configure(struct setup *setup)
{
    int (*const steps[])(struct setup * setup) = {add_dirs,    add_env,  add_args,
                                                  add_network, set_http, set_texts};
    set_limits(setup->config, setup->options);
    set_modes(setup->config, setup->options);
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        int r = steps[i](setup);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int run_configured(const struct run_options *options, const struct cli_module *module)
{
    struct setup setup = {
        .options = options, .program = module->program, .config = hythe_guest_config_new()};
    if (setup.config == NULL) {
        log_line("out of memory");
        return EXIT_CODE_FAILED;
    }
    int exit_code = -1;
    if (configure(&setup) == 0) {
        exit_code = hythe_run(module->path, setup.config, &setup.error);
    }
    hythe_guest_config_free(setup.config);
    return exit_code < 0 ? cli_module_fail(module, setup.option, setup.error) : exit_code;
}

static int run_module(const struct run_options *options)
{
    struct cli_module module = {0};
    int exit_code = cli_module_open(options->module, /* is_image */ false, &module);
    if (exit_code == 0) {
        exit_code = run_configured(options, &module);
        cli_module_close(&module);
    }
    return exit_code;
}

/* Allow as many descriptors as the hard limit does: guests and peers may need more than a shell's
 * soft limit lets a program open. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* then it has as many as before */
    }
}

int cli_run(int argc, char **argv)
{
    struct run_options options;
    struct error err = {0};
    int r = run_options_parse(argc, argv, &options, &err);
    int exit_code = 0;
    if (r < 0) {
        exit_code = cli_fail_usage(&err);
    } else if (r == COMMAND_LINE_HELP) {
        exit_code = cli_command_help("run");
    } else {
        raise_file_limit();
        exit_code = run_module(&options);
    }
    run_options_done(&options);
    return exit_code;
}
