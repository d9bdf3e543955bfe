/* Resources: what a component holds of the host by handles. Each kind embeds struct resource first
 * and owns the rest; the guest's table maps reps, which the engine keeps beside the handles, to them.
 *
 * A resource lives as long as the guest's handle or anything made from it does: a child holds a
 * reference to what it was made from, so that handles can be dropped in any order. */
#ifndef HYTHE_GUEST_RESOURCE_H
#define HYTHE_GUEST_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct guest;
struct resource;

struct resource_kind {
    const char *name; /* for messages */
    /* The guest's handle has gone, by drop, by being consumed, or with the guest; children may still
     * hold references. NULL: nothing to do. */
    void (*dropped)(struct resource *resource);
    /* Release what the kind owns and the memory; the last reference has gone. */
    void (*free)(struct resource *resource);
};

struct resource {
    const struct resource_kind *kind;
    struct guest *guest; /* borrowed */
    uint32_t refs;       /* the table's and the children's */
    uint32_t rep;        /* in the guest's table; 0: in none */
    uint32_t children;   /* handles alive that were made from it and forbid its end, counted by the
                          * interface where its text says "will trap"; 0 elsewhere */
};

struct resource_table {
    struct resource **slots; /* owned array; slot 0 is never used; NULL where free */
    uint32_t *free_slots;    /* owned stack of numbers that are free below `used` */
    uint32_t free_count;
    uint32_t used; /* slots ever used */
    uint32_t cap;
    uint32_t count;
    uint32_t max; /* resources at once */
};

enum { GUEST_RESOURCES_DEFAULT = 65536 };

void resource_table_init(struct resource_table *table, uint32_t max);

/* Drop everything, youngest first; usable again afterwards. */
void resource_table_done(struct resource_table *table);

/* Fill in the common part of a zeroed object: one reference, in no table. */
void resource_init(struct resource *resource, struct guest *guest,
                   const struct resource_kind *kind);

/* Put it into its guest's table, which takes the reference over on success: a handle to `rep` is about
 * to be given to the guest. 0, -EMFILE past the maximum, or -ENOMEM. */
int resource_add(struct resource *resource, uint32_t *ret_rep);

/* Has the guest's table room for so many more? */
bool resource_has_room(const struct guest *guest, uint32_t count);

/* Borrow what a rep stands for. The engine has checked that the guest holds a handle of that type, so
 * it is there; NULL only if that were ever wrong. */
struct resource *resource_get(const struct guest *guest, uint32_t rep,
                              const struct resource_kind *kind);

/* Take the rep out of the table and drop its reference: the guest dropped the handle. */
void resource_drop(struct guest *guest, uint32_t rep);

/* Take the rep out of the table; its reference is the caller's: the guest has passed the handle as
 * own. `dropped` is not called. NULL as resource_get. */
struct resource *resource_take(struct guest *guest, uint32_t rep, const struct resource_kind *kind);

struct resource *resource_ref(struct resource *resource);

/* Drop a reference; with the last one it is freed. NULL is fine. */
void resource_unref(struct resource *resource);

#endif
