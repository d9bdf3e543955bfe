/* A guest's descriptor table: numbers to descriptors, lowest free number first. */
#ifndef HYTHE_GUEST_FD_TABLE_H
#define HYTHE_GUEST_FD_TABLE_H

#include <stdint.h>

struct descriptor;

struct fd_table {
    struct descriptor **slots; /* owned array of owned references; NULL where free */
    uint32_t cap;
    uint32_t max;         /* the guest may hold this many */
    uint32_t lowest_free; /* no number below it is free */
    uint32_t count;
};

void fd_table_init(struct fd_table *table, uint32_t max);

/* Drop all references. The table is empty and usable again. */
void fd_table_done(struct fd_table *table);

/* Borrow what `fd` stands for, or NULL. */
struct descriptor *fd_table_get(const struct fd_table *table, uint32_t fd);

/* Put `d`, whose reference the table takes over on success, under the lowest free number at or
 * above `from`. 0, -EMFILE past the maximum, or -ENOMEM. */
int fd_table_insert(struct fd_table *table, struct descriptor *d, uint32_t from, uint32_t *ret_fd);

/* Free a number and take its reference out. NULL when nothing was there. */
struct descriptor *fd_table_take(struct fd_table *table, uint32_t fd);

/* preview1's fd_renumber: `to` closes and becomes `from`, which is free afterwards; both must be
 * open, and the same number twice changes nothing. 0 or -EBADF. */
int fd_table_renumber(struct fd_table *table, uint32_t from, uint32_t to);

#endif
