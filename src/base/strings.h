/* A growing list of owned strings. */
#ifndef HYTHE_BASE_STRINGS_H
#define HYTHE_BASE_STRINGS_H

#include <stddef.h>

struct strings {
    char **items; /* owned array of owned strings */
    size_t count;
    size_t cap;
};

/* Append a copy. 0 or -ENOMEM. A zeroed list is empty. */
int strings_add(struct strings *list, const char *text);

/* Release all. The list is empty and usable again. */
void strings_done(struct strings *list);

#endif
