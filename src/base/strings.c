/* Lists of strings. See strings.h. */
#include "base/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STRINGS_FIRST = 8 };

int strings_add(struct strings *list, const char *text)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? STRINGS_FIRST : list->cap * 2;
        char **items = realloc(list->items, cap * sizeof(char *));
        if (items == NULL) {
            return -ENOMEM;
        }
        list->items = items;
        list->cap = cap;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return -ENOMEM;
    }
    list->items[list->count] = copy;
    list->count++;
    return 0;
}

void strings_done(struct strings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct strings){0};
}
