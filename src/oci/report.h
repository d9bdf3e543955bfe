/* How a runtime says that something is wrong: to whoever called it, and in the log it was given. */
#ifndef HYTHE_OCI_REPORT_H
#define HYTHE_OCI_REPORT_H

#include <stdbool.h>
#include <time.h>

#include "base/buffer.h"

/* Write one line to stderr, and to the file `log` if that is not NULL, in runc's form. */
void report_error(const char *program, const char *log, bool is_json, const char *text);

/* Append a line of such a log: JSON, or KEY=VALUE with quotes. 0, -ENOMEM or -EMSGSIZE. */
int report_format(struct buffer *out, bool is_json, const char *text, time_t when);

#endif
