/* request-options. See options.h. */
#include "imports/wasi_http/options.h"

#include <stdlib.h>

#include "base/container.h"

/* A time that the guest has set, or not. */
struct duration {
    bool is_set;
    uint64_t ns;
};

struct request_options {
    struct resource base;
    struct duration connect;
    struct duration first_byte;
    struct duration between_bytes;
};

static void free_options(struct resource *resource)
{
    free(container_of(resource, struct request_options, base));
}

const struct resource_kind wasi_http_options_kind = {.name = "request-options",
                                                     .free = free_options};

int32_t wasi_http_options_new(struct component_call *call)
{
    struct request_options *options = calloc(1, sizeof *options);
    if (options == NULL) {
        return component_trap(call, "out of memory");
    }
    resource_init(&options->base, call->guest, &wasi_http_options_kind);
    return component_give(call, 0, &options->base);
}

/* For the client 0 is no wish at all; the guest that says 0 will not wait. */
static uint64_t time_of(const struct duration *duration)
{
    return !duration->is_set ? 0 : duration->ns > 0 ? duration->ns : 1;
}

struct http_times wasi_http_options_times(const struct resource *resource)
{
    const struct request_options *options =
        (const struct request_options *)(const void *)resource; /* base comes first */
    return (struct http_times){.connect_ns = time_of(&options->connect),
                               .first_byte_ns = time_of(&options->first_byte),
                               .between_bytes_ns = time_of(&options->between_bytes)};
}

static struct request_options *self_of(struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct request_options, &wasi_http_options_kind);
}

static int32_t answer(struct component_call *call, const struct duration *duration)
{
    call->results[0].number = duration->is_set;
    call->results[1].number = duration->ns;
    return 0;
}

static int32_t set(struct component_call *call, struct duration *duration)
{
    duration->is_set = component_u32(call, 1) != 0;
    duration->ns = duration->is_set ? component_u64(call, 2) : 0;
    return component_ok(call, 0);
}

int32_t wasi_http_options_connect_timeout(struct component_call *call)
{
    return answer(call, &self_of(call)->connect);
}

int32_t wasi_http_options_set_connect_timeout(struct component_call *call)
{
    return set(call, &self_of(call)->connect);
}

int32_t wasi_http_options_first_byte_timeout(struct component_call *call)
{
    return answer(call, &self_of(call)->first_byte);
}

int32_t wasi_http_options_set_first_byte_timeout(struct component_call *call)
{
    return set(call, &self_of(call)->first_byte);
}

int32_t wasi_http_options_between_bytes_timeout(struct component_call *call)
{
    return answer(call, &self_of(call)->between_bytes);
}

int32_t wasi_http_options_set_between_bytes_timeout(struct component_call *call)
{
    return set(call, &self_of(call)->between_bytes);
}
