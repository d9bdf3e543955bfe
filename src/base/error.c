/* Errors with a sentence. See error.h. */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 0))) static void format_text(struct error *err, const char *format,
                                                              va_list args)
{
    (void)vsnprintf(err->text, sizeof err->text, format, args); /* too long is cut, on purpose */
}

int error_set(struct error *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (err == NULL) {
        return code;
    }
    va_list args;
    va_start(args, format);
    format_text(err, format, args);
    va_end(args);
    err->code = code;
    return code;
}

int error_set_errno(struct error *err, int code, const char *format, ...)
{
    assert(code < 0);
    if (err == NULL) {
        return code;
    }
    va_list args;
    va_start(args, format);
    format_text(err, format, args);
    va_end(args);
    size_t len = strlen(err->text);
    char words[128];
    (void)snprintf(err->text + len, sizeof err->text - len, ": %s",
                   strerror_r(-code, words, sizeof words));
    err->code = code;
    return code;
}

int error_wrap(struct error *err, const char *format, ...)
{
    if (err == NULL) {
        return -EINVAL;
    }
    char context[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(context, sizeof context, format, args); /* too long is cut, on purpose */
    va_end(args);
    size_t context_len = strlen(context);
    size_t room = sizeof err->text - context_len - 3;
    size_t text_len = strnlen(err->text, room);
    memmove(err->text + context_len + 2, err->text, text_len);
    memcpy(err->text, context, context_len);
    memcpy(err->text + context_len, ": ", 2);
    err->text[context_len + 2 + text_len] = '\0';
    return err->code;
}

int error_set_exit(struct error *err, int exit_code)
{
    if (err == NULL) {
        return -EINVAL;
    }
    err->exit = exit_code;
    return err->code;
}
