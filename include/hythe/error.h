/* What went wrong, in one sentence that says what was tried, on which thing, and what to do.
 *
 * Functions that can fail take `hythe_error **ret_error` last. It may be NULL. On failure they put
 * a new error there, which the caller releases with hythe_error_free; on success they leave it
 * alone. It must not hold an error that has not been released. */
#ifndef HYTHE_ERROR_H
#define HYTHE_ERROR_H

#include "hythe/export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hythe_error hythe_error;

/* Give the sentence, without a line end. It may have several lines when several things are wrong.
 *
 * Borrowed until the error is released. "out of memory" for NULL, so that a caller need not ask
 * whether there was memory for the error itself. Since 0.1.0. */
HYTHE_API const char *hythe_error_text(const hythe_error *error);

/* Give the reason as a negative errno, for example -ENOENT; -ENOMEM for NULL. Since 0.1.0. */
HYTHE_API int hythe_error_code(const hythe_error *error);

/* Give the exit code with which a program should end because of this: 2 for a wrong argument, 126
 * for a file that cannot be run, 127 for a file that was not found, 134 for a trap, 128 + signal
 * for a guest that was killed, else 1. Since 0.1.0. */
HYTHE_API int hythe_error_exit(const hythe_error *error);

/* Release an error. NULL is fine. Since 0.1.0. */
HYTHE_API void hythe_error_free(hythe_error *error);

#ifdef __cplusplus
}
#endif

#endif
