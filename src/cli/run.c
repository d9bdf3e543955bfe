/* hythe run [OPTIONS] MODULE [ARG...]: from the command line to a guest configuration, and on to
 * hythe_run. Addresses and rules are checked where they are added, before anything is opened. */
#include "cli/commands.h"

#include "base/log.h"
#include "config/options.h"
#include "hythe.h"

typedef int add_text_fn(hythe_guest_config *config, const char *text, hythe_error **ret_error);

static int add_list(hythe_guest_config *config, const struct string_list *list, add_text_fn *add,
                    hythe_error **ret_error)
{
    for (uint32_t i = 0; i < list->count; i++) {
        int r = add(config, list->items[i], ret_error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_text(hythe_guest_config *config, const char *text, add_text_fn *add,
                    hythe_error **ret_error)
{
    return text == NULL ? 0 : add(config, text, ret_error);
}

static int add_files(hythe_guest_config *config, const struct run_options *options,
                     hythe_error **ret_error)
{
    for (uint32_t i = 0; i < options->dirs.count; i++) {
        const struct dir_option *dir = &options->dirs.items[i];
        int r =
            hythe_guest_config_add_dir(config, dir->host, dir->guest, dir->is_read_only, ret_error);
        if (r < 0) {
            return r;
        }
    }
    for (uint32_t i = 0; i < options->env.count; i++) {
        const struct env_option *env = &options->env.items[i];
        int r = hythe_guest_config_add_env(config, env->key, env->value, ret_error);
        if (r < 0) {
            return r;
        }
    }
    for (uint32_t i = 0; i < options->arg_count; i++) {
        int r = hythe_guest_config_add_arg(config, options->args[i], ret_error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_network(hythe_guest_config *config, const struct run_options *options,
                       hythe_error **ret_error)
{
    int r = add_list(config, &options->tcplisten, hythe_guest_config_add_listen, ret_error);
    if (r < 0) {
        return r;
    }
    r = add_list(config, &options->allow_listen, hythe_guest_config_allow_listen, ret_error);
    if (r < 0) {
        return r;
    }
    r = add_list(config, &options->allow_connect, hythe_guest_config_allow_connect, ret_error);
    if (r < 0) {
        return r;
    }
    if (options->net) {
        hythe_guest_config_allow_net(config);
    }
    return 0;
}

static void set_numbers(hythe_guest_config *config, const struct run_options *options)
{
    static const enum hythe_poll_mode modes[] = {
        [POLL_OPTION_DEFAULT] = HYTHE_POLL_DEFAULT,
        [POLL_OPTION_LEVEL] = HYTHE_POLL_LEVEL,
        [POLL_OPTION_AUTO] = HYTHE_POLL_AUTO,
    };
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
    if (options->no_cache) {
        hythe_guest_config_set_no_cache(config);
    }
    hythe_guest_config_set_trace(config, options->trace);
    hythe_guest_config_set_poll_mode(config, modes[options->poll]);
    hythe_guest_config_set_workers(config, options->workers);
    hythe_guest_config_set_strict_prestat(config, options->strict_prestat);
}

static int configure(hythe_guest_config *config, const struct run_options *options,
                     hythe_error **ret_error)
{
    set_numbers(config, options);
    int r = add_text(config, options->invoke, hythe_guest_config_set_invoke, ret_error);
    if (r < 0) {
        return r;
    }
    r = add_text(config, options->argv0, hythe_guest_config_set_argv0, ret_error);
    if (r < 0) {
        return r;
    }
    r = add_text(config, options->cache_dir, hythe_guest_config_set_cache_dir, ret_error);
    if (r < 0) {
        return r;
    }
    r = add_files(config, options, ret_error);
    if (r < 0) {
        return r;
    }
    return add_network(config, options, ret_error);
}

static int run_module(const struct run_options *options)
{
    hythe_error *error = NULL;
    hythe_guest_config *config = hythe_guest_config_new();
    if (config == NULL) {
        log_line("out of memory");
        return EXIT_CODE_FAILED;
    }
    int exit_code = -1;
    if (configure(config, options, &error) == 0) {
        exit_code = hythe_run(options->module, config, &error);
    }
    hythe_guest_config_free(config);
    return exit_code < 0 ? cli_fail(error) : exit_code;
}

int cli_run(int argc, char **argv)
{
    struct run_options options;
    struct error err = {0};
    int r = run_options_parse(argc, argv, &options, &err);
    int exit_code = 0;
    if (r < 0) {
        exit_code = cli_fail_usage(r, &err);
    } else if (r == COMMAND_LINE_HELP) {
        exit_code = cli_command_help("run");
    } else {
        exit_code = run_module(&options);
    }
    run_options_done(&options);
    return exit_code;
}
