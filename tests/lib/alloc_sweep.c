/* See alloc_sweep.h. The linker gives no other way in. */
#include "alloc_sweep.h"

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

/* Not there, and never called, in tests that do not wrap them. */
char *__real_strdup(const char *text) __attribute__((weak));
char *__real_strndup(const char *text, size_t len) __attribute__((weak));

static unsigned countdown;

void alloc_sweep_begin(unsigned left)
{
    countdown = left;
}

unsigned alloc_sweep_end(void)
{
    unsigned left = countdown;
    countdown = 0;
    return left;
}

static bool fails(void)
{
    return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}
