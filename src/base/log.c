/* One line, one write. See log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 8192 };

/* Control characters of ASCII, and those of Unicode at U+0080 to U+009F in UTF-8. */
static bool is_control(const char *at)
{
    unsigned char c = (unsigned char)at[0];
    if (c < ' ') {
        return c != '\n' && c != '\t';
    }
    unsigned char next = (unsigned char)at[1];
    return c == 0x7f || (c == 0xc2 && next >= 0x80 && next <= 0x9f);
}

void log_line(const char *format, ...)
{
    char line[LOG_LINE_MAX] = "hythe: ";
    size_t len = strlen(line);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + len, sizeof line - len - 1, format, args); /* too long is cut */
    va_end(args);
    len = strlen(line);
    for (size_t i = 0; i < len; i++) {
        if (is_control(line + i)) {
            line[i] = '?';
        }
    }
    line[len] = '\n';
    len++;
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* nobody is left to tell when stderr is gone */
}
