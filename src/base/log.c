/* One line, one write. See log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 8192 };

void log_line(const char *format, ...)
{
    char line[LOG_LINE_MAX] = "hythe: ";
    size_t len = strlen(line);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + len, sizeof line - len - 1, format, args); /* too long is cut */
    va_end(args);
    len = strlen(line);
    line[len] = '\n';
    len++;
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* nobody is left to tell when stderr is gone */
}
