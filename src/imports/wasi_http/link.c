/* Links, failures, and what is the same for incoming messages of both kinds. See body.h, types.h. */
#include <stdlib.h>

#include "imports/wasi_http/functions.h"
#include "imports/wasi_http/types.h"

struct wasi_http_error http_failure_error(int failure)
{
    int kind = -failure - HTTP_FAILURE_BASE;
    if (kind < 0 || kind >= WASI_HTTP_ERROR_CASES) {
        return wasi_http_error_from_errno(failure);
    }
    struct wasi_http_error error = {.kind = (enum wasi_http_error_case)kind};
    return error;
}

void http_link_init(struct http_link *link, struct guest *guest, const struct http_link_ops *ops)
{
    *link = (struct http_link){.ops = ops, .guest = guest, .refs = 1};
}

struct http_link *http_link_ref(struct http_link *link)
{
    link->refs++;
    return link;
}

void http_link_unref(struct http_link *link)
{
    if (link == NULL) {
        return;
    }
    link->refs--;
    if (link->refs == 0) {
        link->ops->free(link);
    }
}

int32_t incoming_headers_give(struct component_call *call, unsigned slot, struct http_link *link)
{
    struct fields *fields = fields_new(call->guest, true /* immutable */);
    if (fields == NULL) {
        return component_trap(call, "out of memory");
    }
    if (link->ops->headers(link, fields->list) < 0) {
        resource_unref(&fields->base);
        return component_trap(call, "out of memory, or past what a guest's fields may take in all");
    }
    return component_give(call, slot, &fields->base);
}

/* -- incoming-response ------------------------------------------------------------------------ */

static void free_response(struct resource *resource)
{
    struct incoming_response *response = container_of(resource, struct incoming_response, base);
    http_link_unref(response->link);
    free(response);
}

const struct resource_kind incoming_response_kind = {.name = "incoming-response",
                                                     .free = free_response};

struct incoming_response *incoming_response_new(struct http_link *link, uint16_t status)
{
    struct incoming_response *response = calloc(1, sizeof *response);
    if (response == NULL) {
        return NULL;
    }
    resource_init(&response->base, link->guest, &incoming_response_kind);
    response->link = http_link_ref(link);
    response->status = status;
    return response;
}

static struct incoming_response *self_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct incoming_response, &incoming_response_kind);
}

int32_t incoming_response_status(struct component_call *call)
{
    call->results[0].number = self_of(call)->status;
    return 0;
}

int32_t incoming_response_headers(struct component_call *call)
{
    return incoming_headers_give(call, 0, self_of(call)->link);
}

int32_t incoming_response_consume(struct component_call *call)
{
    struct incoming_response *response = self_of(call);
    if (response->is_consumed) {
        return component_error(call, 0);
    }
    response->is_consumed = true;
    return incoming_body_give(call, 1, response->link);
}
