/* hythe compile MODULE [-o FILE] */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "config/options.h"
#include "hythe.h"

/* The module's path with .cwasm in place of .wasm or .wat, or behind any other ending; NULL
 * without memory. The caller frees it. */
static char *default_output(const char *module)
{
    size_t len = strlen(module);
    if (text_has_ending(module, ".wasm")) {
        len -= sizeof ".wasm" - 1;
    } else if (text_has_ending(module, ".wat")) {
        len -= sizeof ".wat" - 1;
    }
    char *output = NULL;
    if (asprintf(&output, "%.*s.cwasm", (int)len, module) < 0) {
        return NULL;
    }
    return output;
}

static int compile_module(const struct compile_options *options)
{
    hythe_error *error = NULL;
    char *output =
        options->output != NULL ? strdup(options->output) : default_output(options->module);
    if (output == NULL) {
        log_line("out of memory");
        return EXIT_CODE_FAILED;
    }
    int r = hythe_compile(options->module, output, &error);
    free(output);
    return r < 0 ? cli_fail(/* option */ NULL, error) : 0;
}

int cli_compile(int argc, char **argv)
{
    struct compile_options options;
    struct error err = {0};
    int r = compile_options_parse(argc, argv, &options, &err);
    if (r < 0) {
        return cli_fail_usage(&err);
    }
    if (r == COMMAND_LINE_HELP) {
        return cli_command_help("compile");
    }
    return compile_module(&options);
}
