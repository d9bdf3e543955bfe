/* Telling what a module is, without running it. */
#ifndef HYTHE_CHECK_H
#define HYTHE_CHECK_H

#include <stdbool.h>

#include "hythe/error.h"
#include "hythe/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Say which dialect the module or component in the file `module_path` speaks, what it imports, what
 * must be granted to it and which command runs it, or why it cannot run.
 *
 * The description is text for people, or with `json` one JSON object without a line end; release
 * it with free(). Returns 0 when hythe can run the module, 1 when it cannot (described all the
 * same), or -1 with an error when the file could not be read or is no module at all; then
 * `ret_text` is untouched. Since 0.1.0. */
HYTHE_API int hythe_check(const char *module_path, bool json, char **ret_text,
                          hythe_error **ret_error);

#ifdef __cplusplus
}
#endif

#endif
