/* The descriptor table. See fd_table.h. */
#include "guest/fd_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/descriptor.h"

enum { FD_TABLE_FIRST = 16 };

void fd_table_init(struct fd_table *table, uint32_t max)
{
    *table = (struct fd_table){.max = max};
}

void fd_table_done(struct fd_table *table)
{
    for (uint32_t fd = 0; fd < table->cap; fd++) {
        descriptor_unref(fd_table_take(table, fd));
    }
    free(table->slots);
    fd_table_init(table, table->max);
}

struct descriptor *fd_table_get(const struct fd_table *table, uint32_t fd)
{
    return fd < table->cap ? table->slots[fd] : NULL;
}

static int grow(struct fd_table *table, uint32_t need)
{
    if (need > table->max) {
        return -EMFILE;
    }
    uint32_t cap = table->cap == 0 ? FD_TABLE_FIRST : table->cap;
    while (cap < need) {
        cap = cap > table->max / 2 ? table->max : cap * 2;
    }
    struct descriptor **slots = realloc(table->slots, cap * sizeof(struct descriptor *));
    if (slots == NULL) {
        return -ENOMEM;
    }
    memset(slots + table->cap, 0, (cap - table->cap) * sizeof(struct descriptor *));
    table->slots = slots;
    table->cap = cap;
    return 0;
}

int fd_table_insert(struct fd_table *table, struct descriptor *d, uint32_t from, uint32_t *ret_fd)
{
    uint32_t fd = from > table->lowest_free ? from : table->lowest_free;
    while (fd < table->cap && table->slots[fd] != NULL) {
        fd++;
    }
    if (table->count >= table->max || fd >= table->max) {
        return -EMFILE;
    }
    if (fd >= table->cap) {
        int r = grow(table, fd + 1);
        if (r < 0) {
            return r;
        }
    }
    table->slots[fd] = d;
    table->count++;
    if (from <= table->lowest_free) {
        table->lowest_free = fd + 1;
    }
    *ret_fd = fd;
    return 0;
}

struct descriptor *fd_table_take(struct fd_table *table, uint32_t fd)
{
    struct descriptor *d = fd_table_get(table, fd);
    if (d == NULL) {
        return NULL;
    }
    table->slots[fd] = NULL;
    table->count--;
    if (fd < table->lowest_free) {
        table->lowest_free = fd;
    }
    return d;
}

int fd_table_renumber(struct fd_table *table, uint32_t from, uint32_t to)
{
    if (fd_table_get(table, from) == NULL || fd_table_get(table, to) == NULL) {
        return -EBADF;
    }
    if (from == to) {
        return 0;
    }
    struct descriptor *old = fd_table_take(table, to);
    table->slots[to] = fd_table_take(table, from);
    table->count++;
    if (to == table->lowest_free) {
        table->lowest_free = to + 1;
    }
    descriptor_unref(old);
    return 0;
}
