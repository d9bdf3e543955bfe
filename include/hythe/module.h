/* Compiling modules ahead of time. */
#ifndef HYTHE_MODULE_H
#define HYTHE_MODULE_H

#include "hythe/error.h"
#include "hythe/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Compile the module in the file `module_path` and write its compiled form to `output_path`, which
 * is replaced in one step and left alone on failure.
 *
 * The result is machine code for this processor and this version of hythe: hythe_run takes it in
 * place of the module and trusts it, so keep it where nobody else can write. Returns 0, or -1 with
 * an error. Since 0.1.0. */
HYTHE_API int hythe_compile(const char *module_path, const char *output_path,
                            hythe_error **ret_error);

#ifdef __cplusplus
}
#endif

#endif
