/* The table of a component's resources. See resource.h. */
#include "guest/resource.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/guest.h"

enum { FIRST_CAP = 16 };

void resource_table_init(struct resource_table *table, uint32_t max)
{
    memset(table, 0, sizeof *table);
    table->used = 1;
    table->max = max;
}

static struct resource *take_out(struct resource_table *table, uint32_t rep)
{
    struct resource *resource = table->slots[rep];
    table->slots[rep] = NULL;
    table->free_slots[table->free_count] = rep;
    table->free_count++;
    table->count--;
    resource->rep = 0;
    return resource;
}

static void drop(struct resource *resource)
{
    if (resource->kind->dropped != NULL) {
        resource->kind->dropped(resource);
    }
    resource_unref(resource);
}

void resource_table_done(struct resource_table *table)
{
    for (uint32_t rep = table->used; rep > 1; rep--) {
        if (table->slots[rep - 1] != NULL) {
            drop(take_out(table, rep - 1));
        }
    }
    free(table->slots);
    free(table->free_slots);
    resource_table_init(table, table->max);
}

void resource_init(struct resource *resource, struct guest *guest, const struct resource_kind *kind)
{
    resource->kind = kind;
    resource->guest = guest;
    resource->refs = 1;
}

static int grow(struct resource_table *table)
{
    uint32_t cap = table->cap == 0 ? FIRST_CAP : table->cap * 2;
    struct resource **slots = realloc(table->slots, cap * sizeof(struct resource *));
    if (slots == NULL) {
        return -ENOMEM;
    }
    table->slots = slots;
    uint32_t *free_slots = realloc(table->free_slots, cap * sizeof *free_slots);
    if (free_slots == NULL) {
        return -ENOMEM;
    }
    table->free_slots = free_slots;
    table->slots[0] = NULL; /* never used, and still looked at by who is given a wrong rep */
    table->cap = cap;
    return 0;
}

int resource_add(struct resource *resource, uint32_t *ret_rep)
{
    struct resource_table *table = &resource->guest->resources;
    assert(resource->rep == 0);
    if (table->count >= table->max) {
        return -EMFILE;
    }
    if (table->free_count == 0 && table->used >= table->cap) {
        int r = grow(table);
        if (r < 0) {
            return r;
        }
    }
    uint32_t rep = table->used;
    if (table->free_count > 0) {
        table->free_count--;
        rep = table->free_slots[table->free_count];
    } else {
        table->used++;
    }
    table->slots[rep] = resource;
    table->count++;
    resource->rep = rep;
    *ret_rep = rep;
    return 0;
}

bool resource_has_room(const struct guest *guest, uint32_t count)
{
    return guest->resources.max - guest->resources.count >= count;
}

static struct resource *find(const struct guest *guest, uint32_t rep)
{
    const struct resource_table *table = &guest->resources;
    return rep < table->used && table->slots != NULL ? table->slots[rep] : NULL;
}

struct resource *resource_get(const struct guest *guest, uint32_t rep,
                              const struct resource_kind *kind)
{
    struct resource *resource = find(guest, rep);
    return resource != NULL && resource->kind == kind ? resource : NULL;
}

void resource_drop(struct guest *guest, uint32_t rep)
{
    if (find(guest, rep) != NULL) {
        drop(take_out(&guest->resources, rep));
    }
}

struct resource *resource_take(struct guest *guest, uint32_t rep, const struct resource_kind *kind)
{
    if (resource_get(guest, rep, kind) == NULL) {
        return NULL;
    }
    return take_out(&guest->resources, rep);
}

struct resource *resource_ref(struct resource *resource)
{
    resource->refs++;
    return resource;
}

void resource_unref(struct resource *resource)
{
    if (resource == NULL) {
        return;
    }
    assert(resource->refs > 0);
    resource->refs--;
    if (resource->refs == 0) {
        resource->kind->free(resource);
    }
}
