/* wasi:sockets/ip-name-lookup.
 *
 * Each resolve-address-stream has a query of its own, which goes on while the guest does something
 * else and wakes it when the answer is there. An address is answered without asking anyone; a name is
 * first judged by its form (host_name.c), then by the policy, which also notes what it stood for. */
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "guest/resolve.h"
#include "imports/wasi_io/io.h"
#include "imports/wasi_sockets/host_name.h"
#include "imports/wasi_sockets/sockets.h"

struct resolve_stream {
    struct resource base;
    struct guest_resolution *resolution; /* owned; NULL for an address */
    struct net_address address;          /* then this is the answer */
    uint32_t given;                      /* addresses of the answer so far */
};

static void resolve_stream_free(struct resource *resource);
static void resolve_stream_dropped(struct resource *resource);

static const struct resource_kind resolve_stream_kind = {
    "resolve-address-stream", resolve_stream_dropped, resolve_stream_free};

static struct resolve_stream *self_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct resolve_stream, &resolve_stream_kind);
}

/* Only a pollable can still hold it. */
static void resolve_stream_dropped(struct resource *resource)
{
    struct resolve_stream *stream = container_of(resource, struct resolve_stream, base);
    if (stream->resolution != NULL) {
        guest_resolution_free(stream->resolution);
        stream->resolution = NULL;
        resource->guest->lookups--;
    }
}

static void resolve_stream_free(struct resource *resource)
{
    resolve_stream_dropped(resource); /* it may never have reached the guest */
    free(container_of(resource, struct resolve_stream, base));
}

/* -- resolve-addresses ------------------------------------------------------------------------ */

static int begin(struct resolve_stream *stream, const char *name)
{
    struct guest *guest = stream->base.guest;
    if (guest->lookups >= SOCKETS_LOOKUPS_MAX) {
        return -EMFILE;
    }
    int r = guest_resolution_new(guest, name, /* service */ NULL, /* hints */ NULL,
                                 &stream->resolution);
    guest->lookups += r == 0 ? 1 : 0;
    return r;
}

/* What a guest does about the others is to try again. */
static enum sockets_error error_from_begin(int r)
{
    return r == -EACCES || r == -ENOMEM ? sockets_error_from(r)
                                        : SOCKETS_TEMPORARY_RESOLVER_FAILURE;
}

static int32_t resolve_addresses(struct component_call *call)
{
    struct host_name name;
    int r = host_name_parse(component_bytes(call, 1), &name);
    if (r < 0) {
        return sockets_answer(call, r);
    }
    struct resolve_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return component_error(call, SOCKETS_OUT_OF_MEMORY);
    }
    resource_init(&stream->base, call->guest, &resolve_stream_kind);
    stream->address = name.address;
    if (name.address.len == 0) {
        r = begin(stream, name.text);
        if (r < 0) {
            resource_unref(&stream->base);
            return component_error(call, error_from_begin(r));
        }
    }
    return component_give(call, 1, &stream->base);
}

/* -- resolve-next-address --------------------------------------------------------------------- */

static enum sockets_error error_from_eai(int error)
{
    switch (error) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
    case EAI_FAMILY:
        return SOCKETS_NAME_UNRESOLVABLE;
    case EAI_AGAIN:
        return SOCKETS_TEMPORARY_RESOLVER_FAILURE;
    case EAI_MEMORY:
        return SOCKETS_OUT_OF_MEMORY;
    default:
        return SOCKETS_PERMANENT_RESOLVER_FAILURE;
    }
}

static int32_t resolve_next_address(struct component_call *call)
{
    enum { HAS_ADDRESS = 1, ADDRESS = 2 }; /* slots */
    struct resolve_stream *stream = self_of(call);
    struct guest_addresses literal = {.count = 1, .addresses = &stream->address};
    const struct guest_addresses *answer = &literal;
    if (stream->resolution != NULL) {
        answer = guest_resolution_answer(stream->resolution);
    }
    if (answer == NULL) {
        return component_error(call, SOCKETS_WOULD_BLOCK);
    }
    if (answer->error != 0) {
        return component_error(call, error_from_eai(answer->error));
    }
    if (stream->given < answer->count) {
        struct net_address address = answer->addresses[stream->given];
        net_address_unmap(&address);
        stream->given++;
        call->results[HAS_ADDRESS].number = 1;
        sockets_write_ip(&call->results[ADDRESS], &address);
    }
    return 0;
}

/* -- subscribe -------------------------------------------------------------------------------- */

static bool pollable_ready(struct pollable *pollable)
{
    const struct resolve_stream *stream =
        container_of(pollable->source, struct resolve_stream, base);
    return stream->resolution == NULL || guest_resolution_answer(stream->resolution) != NULL;
}

static const struct pollable_ops pollable_ops = {pollable_ready, NULL};

static int32_t subscribe(struct component_call *call)
{
    return pollable_give(call, 0, &pollable_ops, &self_of(call)->base);
}

static const struct component_func funcs[] = {
    {"resolve-addresses", "network name$", resolve_addresses, NULL},
    {"[method]resolve-address-stream.resolve-next-address", "self", resolve_next_address, NULL},
    {"[method]resolve-address-stream.subscribe", "self", subscribe, NULL},
};

static const struct component_resource resources[] = {
    {"resolve-address-stream", component_drop},
};

COMPONENT_INTERFACE(wasi_sockets_ip_name_lookup, "wasi:sockets/ip-name-lookup", funcs, resources);
