/* `outgoing-response` of wasi:http/types, and what outgoing messages of both kinds have in common. */
#include <errno.h>
#include <stdlib.h>

#include "imports/wasi_http/functions.h"
#include "imports/wasi_http/types.h"

enum { STATUS_MIN = 200, STATUS_MAX = 599 };

/* -- both kinds ------------------------------------------------------------------------------- */

struct fields *outgoing_take_headers(const struct component_call *call, unsigned index)
{
    struct fields *headers =
        container_of(component_take(call, index, &fields_kind), struct fields, base);
    headers->is_immutable = true;
    return headers;
}

int32_t outgoing_give_body(struct component_call *call, const struct fields *headers,
                           bool is_request, struct outgoing_body **ret_body)
{
    if (*ret_body != NULL) {
        return component_error(call, 0);
    }
    struct outgoing_body *body =
        outgoing_body_new(call->guest, is_request, field_list_length(headers->list));
    if (body == NULL) {
        return component_trap(call, "out of memory");
    }
    resource_ref(&body->base);
    *ret_body = body;
    return component_give(call, 1, &body->base);
}

void outgoing_drop_body(struct outgoing_body **body)
{
    struct outgoing_body *dropped = *body;
    *body = NULL;
    if (dropped != NULL) {
        if (dropped->link == NULL) {
            outgoing_body_detach(dropped, -EPIPE);
        }
        resource_unref(&dropped->base);
    }
}

/* -- the resource ----------------------------------------------------------------------------- */

static struct outgoing_response *response_of(struct resource *resource)
{
    return container_of(resource, struct outgoing_response, base);
}

static void response_dropped(struct resource *resource)
{
    outgoing_drop_body(&response_of(resource)->body);
}

static void free_response(struct resource *resource)
{
    struct outgoing_response *response = response_of(resource);
    outgoing_drop_body(&response->body);
    resource_unref(&response->headers->base);
    free(response);
}

const struct resource_kind outgoing_response_kind = {
    .name = "outgoing-response", .dropped = response_dropped, .free = free_response};

static struct outgoing_response *self_of(const struct component_call *call)
{
    return COMPONENT_SELF(call, 0, struct outgoing_response, &outgoing_response_kind);
}

int32_t outgoing_response_constructor(struct component_call *call)
{
    struct outgoing_response *response = calloc(1, sizeof *response);
    if (response == NULL) {
        return component_trap(call, "out of memory");
    }
    resource_init(&response->base, call->guest, &outgoing_response_kind);
    response->headers = outgoing_take_headers(call, 0);
    response->status = STATUS_MIN;
    return component_give(call, 0, &response->base);
}

int32_t outgoing_response_status_code(struct component_call *call)
{
    call->results[0].number = self_of(call)->status;
    return 0;
}

/* Interim responses are none that could be set as the response (RFC 9110 section 15.2). */
int32_t outgoing_response_set_status_code(struct component_call *call)
{
    uint32_t status = component_u32(call, 1);
    if (status < STATUS_MIN || status > STATUS_MAX) {
        return component_error(call, 0);
    }
    self_of(call)->status = (uint16_t)status;
    return component_ok(call, 0);
}

int32_t outgoing_response_headers(struct component_call *call)
{
    struct outgoing_response *response = self_of(call);
    return fields_give_view(call, 0, response->headers, &response->base);
}

int32_t outgoing_response_get_body(struct component_call *call)
{
    struct outgoing_response *response = self_of(call);
    return outgoing_give_body(call, response->headers, false /* is_request */, &response->body);
}
