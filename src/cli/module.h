/* What a command is given as module: a file's path, or an image, whose module is taken out of it. */
#ifndef HYTHE_CLI_MODULE_H
#define HYTHE_CLI_MODULE_H

#include <stdbool.h>

#include "hythe/error.h"
#include "oci/program.h"

struct cli_module {
    const char *name;        /* borrowed: as it was given */
    const char *path;        /* to be opened by hythe */
    struct program *program; /* owned: of an image, else NULL */
};

/* Tell by its ending alone that a name is a module's. */
bool cli_module_is_name(const char *name);

/* Find out what `name` means; with `is_image` it has to be an image. 0; or, when the module cannot be
 * had, the exit code, and the operator has been told. */
int cli_module_open(const char *name, bool is_image, struct cli_module *ret_module);

/* Release it, when the module is not needed any more. */
void cli_module_close(struct cli_module *module);

/* Write `text` about the module's path as one about its name: free() releases the result; NULL
 * without memory. With `is_json` the text is JSON. */
char *cli_module_renamed(const struct cli_module *module, const char *text, bool is_json);

/* As cli_fail, with the module's name in place of its path. */
int cli_module_fail(const struct cli_module *module, const char *option, hythe_error *error);

#endif
