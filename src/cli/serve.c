/* hythe serve [OPTIONS] MODULE|FILE.toml: from the command line to a server's configuration, and on
 * to hythe_serve. Each option is a key of the configuration, set after the file has been read. */
#include "cli/commands.h"
#include "cli/module.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "config/serve_options.h"
#include "hythe.h"

/* A configuration being filled. */
struct setup {
    const struct serve_options *options; /* borrowed */
    const struct cli_module *module;     /* borrowed: what is served */
    hythe_server_config *config;         /* owned */
    hythe_error *error;                  /* owned, when something went wrong */
    const char *option;                  /* and in which option */
};

/* Tell a module by its name's ending, or else by how it begins: both binary forms with a byte that
 * no text has, the text form with a parenthesis. What cannot be read is said later. */
static bool is_module(const char *path)
{
    char bytes[256];
    if (cli_module_is_name(path)) {
        return true;
    }
    if (text_has_ending(path, ".toml")) {
        return false;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes);
    if (fd >= 0) {
        (void)close(fd); /* was only read */
    }
    ssize_t at = 0;
    while (at < n && isspace((unsigned char)bytes[at])) {
        at++;
    }
    return n <= 0 || memchr(bytes, '\0', (size_t)n) != NULL || (at < n && bytes[at] == '(');
}

static int set_assignment(struct setup *setup, const char *text)
{
    size_t len = strcspn(text, "=");
    char *key = strndup(text, len);
    if (key == NULL) {
        return -1; /* without an error: out of memory */
    }
    /* Without a value it is refused by what the key takes, or as unknown. */
    const char *value = text[len] == '=' ? text + len + 1 : "";
    int r = hythe_server_config_set(setup->config, key, value, &setup->error);
    free(key);
    return r;
}

static int set_row(struct setup *setup, size_t row)
{
    const struct string_list *values = &setup->options->values[row];
    bool is_assignment = serve_option_is_assignment(row);
    for (uint32_t i = 0; i < values->count; i++) {
        int r = is_assignment ? set_assignment(setup, values->items[i])
                              : hythe_server_config_set(setup->config, serve_option_key(row),
                                                        values->items[i], &setup->error);
        if (r < 0) {
            setup->option = serve_option_table[row].name;
            return r;
        }
    }
    return 0;
}

/* The environment that the module's image gives it. */
static int set_image_env(struct setup *setup)
{
    const struct strings *env = &setup->module->program->env;
    int r = 0;
    for (size_t i = 0; i < env->count && r == 0; i++) {
        size_t len = strcspn(env->items[i], "=");
        if (len > 0 && env->items[i][len] == '=') { /* what has no name cannot be set */
            r = hythe_server_config_set(setup->config, "guest.env", env->items[i], &setup->error);
        }
    }
    return r;
}

static int configure(struct setup *setup)
{
    const char *operand = setup->module->path;
    bool is_of_image = setup->module->program != NULL;
    int r = is_of_image || is_module(operand)
                ? hythe_server_config_add_module(setup->config, operand, &setup->error)
                : hythe_server_config_read(setup->config, operand, &setup->error);
    if (r == 0 && is_of_image) {
        r = set_image_env(setup);
    }
    for (size_t row = 0; row < SERVE_OPTION_COUNT && r == 0; row++) {
        r = set_row(setup, row);
    }
    return r;
}

/* Print what would be served; the exit code, or -1 with an error. */
static int check(struct setup *setup)
{
    char *text = NULL;
    if (hythe_serve_check(setup->config, &text, &setup->error) < 0) {
        return -1;
    }
    char *renamed = cli_module_renamed(setup->module, text, /* is_json */ false);
    (void)fputs(renamed != NULL ? renamed : text, stdout);
    free(renamed);
    free(text);
    return cli_flush();
}

static int serve_module(const struct serve_options *options, const struct cli_module *module)
{
    struct setup setup = {
        .options = options, .module = module, .config = hythe_server_config_new()};
    if (setup.config == NULL) {
        log_line("out of memory");
        return EXIT_CODE_FAILED;
    }
    int exit_code = -1;
    if (configure(&setup) == 0) {
        exit_code = options->check ? check(&setup) : hythe_serve(setup.config, &setup.error);
    }
    hythe_server_config_free(setup.config);
    return exit_code < 0 ? cli_module_fail(module, setup.option, setup.error) : exit_code;
}

static int serve(const struct serve_options *options)
{
    struct cli_module module = {0};
    int exit_code = cli_module_open(options->operand, /* is_image */ false, &module);
    if (exit_code == 0) {
        exit_code = serve_module(options, &module);
        cli_module_close(&module);
    }
    return exit_code;
}

int cli_serve(int argc, char **argv)
{
    struct serve_options options;
    struct error err = {0};
    int r = serve_options_parse(argc, argv, &options, &err);
    int exit_code = 0;
    if (r < 0) {
        exit_code = cli_fail_usage(&err);
    } else if (r == COMMAND_LINE_HELP) {
        exit_code = cli_command_help("serve");
    } else {
        exit_code = serve(&options);
    }
    serve_options_done(&options);
    return exit_code;
}
