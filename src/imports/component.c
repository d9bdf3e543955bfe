/* What the imports of components have in common. See component.h. */
#include "imports/component.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/instance.h"
#include "guest/guest.h"

enum { REASON_MAX = 200, SCRATCH_KEPT_MAX = 4 << 10, SCRATCH_LARGE = 128 << 10 };

int32_t component_trap(struct component_call *call, const char *format, ...)
{
    char reason[REASON_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args); /* too long is cut */
    va_end(args);
    instance_fail(call->instance, "%s: %s", call->func->name, reason);
    return CALL_TRAP;
}

int32_t component_give(struct component_call *call, unsigned slot, struct resource *resource)
{
    uint32_t rep = 0;
    if (resource == NULL) {
        return component_trap(call, "out of memory");
    }
    int r = resource_add(resource, &rep);
    if (r == 0) {
        call->results[slot].number = rep;
        return 0;
    }
    uint32_t max = resource->guest->resources.max;
    resource_unref(resource);
    return r == -EMFILE
               ? component_trap(call, "the guest holds %u resources and may have no more", max)
               : component_trap(call, "out of memory");
}

struct resource *component_resource(const struct component_call *call, unsigned index,
                                    const struct resource_kind *kind)
{
    struct resource *resource = resource_get(call->guest, component_u32(call, index), kind);
    assert(resource != NULL); /* the engine has checked the handle and its type */
    return resource;
}

struct resource *component_take(const struct component_call *call, unsigned index,
                                const struct resource_kind *kind)
{
    struct resource *resource = resource_take(call->guest, component_u32(call, index), kind);
    assert(resource != NULL);
    return resource;
}

int32_t component_drop(void *data, struct instance *instance, uint32_t rep)
{
    struct guest *guest = data;
    const struct resource *resource = guest->resources.slots[rep];
    if (resource != NULL && resource->children > 0) {
        instance_fail(instance, "a %s was dropped while a stream made from it was alive",
                      resource->kind->name);
        return CALL_TRAP;
    }
    resource_drop(guest, rep);
    return 0;
}

void *component_scratch(struct component_call *call, size_t len)
{
    struct guest *guest = call->guest;
    struct buffer *scratch = &guest->scratch;
    scratch->len = 0;
    if (scratch->cap > SCRATCH_LARGE && len < SCRATCH_LARGE) {
        buffer_done(scratch); /* one large result does not make its guest large for good */
    }
    return buffer_reserve(scratch, len) == 0 ? scratch->data : NULL;
}

void component_trim(struct guest *guest)
{
    if (guest->scratch.cap > SCRATCH_KEPT_MAX) {
        buffer_done(&guest->scratch);
    }
}

int32_t component_wait(struct component_call *call, uint64_t deadline_ns)
{
    struct guest *guest = call->guest;
    component_trim(guest);
    int r = guest_wait_begin(guest, deadline_ns);
    return r < 0 ? component_trap(call, "out of memory") : CALL_WAIT;
}
