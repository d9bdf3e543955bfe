/* The error of set-up and public calls: a negative errno and one sentence that says what was
 * tried, on which thing, and what to do now. Set once where the cause is known, wrapped with
 * context on the way up, untouched on success. */
#ifndef HYTHE_BASE_ERROR_H
#define HYTHE_BASE_ERROR_H

#include <stdarg.h>

enum { ERROR_TEXT_MAX = 4096 };

struct error {
    int code; /* negative errno, 0 when nothing went wrong */
    int exit; /* exit code the program should end with, 0 when the caller decides */
    char text[ERROR_TEXT_MAX];
};

/* Empty it. Its room for text is large, so where that is done for each request the rest is left alone. */
static inline void error_init(struct error *err)
{
    err->code = 0;
    err->exit = 0;
    err->text[0] = '\0';
}

/* Set the text and return `code`, which must be negative. `err` may be NULL. */
int error_set(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set, followed by ": " and the system's words for `code`. */
int error_set_errno(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put context and ": " before the text. Returns the error's code. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Name the exit code that belongs to this error (design, "The command line"). Returns the code. */
int error_set_exit(struct error *err, int exit_code);

#endif
