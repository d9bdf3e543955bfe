/* hythe check MODULE... */
#include "cli/commands.h"
#include "cli/module.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/options.h"
#include "hythe.h"
#include "oci/inspect.h"

/* Put what the image says beside what the module is; NULL without memory. */
static char *add_image(const struct cli_module *module, char *text, bool json)
{
    char *image = NULL;
    char *result = NULL;
    char *renamed = cli_module_renamed(module, text, json);
    if (renamed != NULL && json) {
        (void)inspect_add_program(renamed, module->program, &result); /* or it stays NULL */
    } else if (renamed != NULL && inspect_program_text(module->program, &image) == 0 &&
               asprintf(&result, "%s\n%s", image, renamed) < 0) {
        result = NULL;
    }
    free(image);
    free(renamed);
    free(text);
    return result;
}

/* Describe one module on stdout; the exit code. */
static int describe(const struct cli_module *module, bool json)
{
    char *text = NULL;
    hythe_error *error = NULL;
    int r = hythe_check(module->path, json, &text, &error);
    if (r < 0) {
        (void)fflush(stdout); /* in order, where both end up in one place; checked at the end */
        return cli_module_fail(module, /* option */ NULL, error);
    }
    if (module->program != NULL) {
        text = add_image(module, text, json);
    }
    if (text == NULL) {
        log_line("out of memory");
        return EXIT_CODE_FAILED;
    }
    (void)fputs(text, stdout);
    if (json) {
        (void)fputc('\n', stdout);
    }
    free(text);
    return r;
}

static int check_module(const char *name, const struct check_options *options)
{
    struct cli_module module = {0};
    (void)fflush(stdout); /* as above: what cannot be opened is told at once */
    int exit_code = cli_module_open(name, options->image, &module);
    if (exit_code == 0) {
        exit_code = describe(&module, options->json);
        cli_module_close(&module);
    }
    return exit_code;
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
        int exit_code = check_module(options.modules[i], &options);
        worst = exit_code > worst ? exit_code : worst;
    }
    int flushed = cli_flush();
    return worst > 0 ? worst : flushed;
}
