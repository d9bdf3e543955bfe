/* hythe check MODULE... */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/options.h"
#include "hythe.h"

/* Describe one module on stdout; the exit code. */
static int check_module(const char *module, bool json)
{
    char *text = NULL;
    hythe_error *error = NULL;
    int r = hythe_check(module, json, &text, &error);
    if (r < 0) {
        (void)fflush(stdout); /* in order, where both end up in one place; checked at the end */
        return cli_fail(/* option */ NULL, error);
    }
    (void)fputs(text, stdout);
    if (json) {
        (void)fputc('\n', stdout);
    }
    free(text);
    return r;
}

int cli_check(int argc, char **argv)
{
    struct check_options options;
    struct error err = {0};
    int r = check_options_parse(argc, argv, &options, &err);
    if (r < 0) {
        return cli_fail_usage(&err);
    }
    if (r == COMMAND_LINE_HELP) {
        return cli_command_help("check");
    }
    int worst = 0;
    for (uint32_t i = 0; i < options.module_count; i++) {
        if (i > 0 && !options.json) {
            (void)fputc('\n', stdout);
        }
        int exit_code = check_module(options.modules[i], options.json);
        worst = exit_code > worst ? exit_code : worst;
    }
    int flushed = cli_flush();
    return worst > 0 ? worst : flushed;
}
