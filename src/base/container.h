/* From an embedded member back to the struct that holds it. */
#ifndef HYTHE_BASE_CONTAINER_H
#define HYTHE_BASE_CONTAINER_H

#include <stddef.h>

#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)(&((char *)(pointer))[-(ptrdiff_t)offsetof(type, member)]))

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
