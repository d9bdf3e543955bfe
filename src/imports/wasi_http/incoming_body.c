/* `incoming-body` and `future-trailers` of wasi:http/types: reading through a link. See body.h.
 *
 * The body itself knows how far it has been read, so that its stream may be dropped anywhere, and what
 * is left is thrown away by the future of its trailers. */
#include <errno.h>
#include <stdlib.h>

#include "imports/wasi_http/body.h"
#include "imports/wasi_http/functions.h"

enum {
    DRAIN_PIECE = 8 << 10,
    DRAIN_MAX = 256 << 10, /* bytes thrown away before others have their turn */
};

/* -- the body --------------------------------------------------------------------------------- */

static void free_body(struct resource *resource)
{
    struct incoming_body *body = container_of(resource, struct incoming_body, base);
    http_link_unref(body->link);
    free(body);
}

const struct resource_kind incoming_body_kind = {.name = "incoming-body", .free = free_body};

int32_t incoming_body_give(struct component_call *call, unsigned slot, struct http_link *link)
{
    struct incoming_body *body = calloc(1, sizeof *body);
    if (body == NULL) {
        return component_trap(call, "out of memory");
    }
    resource_init(&body->base, call->guest, &incoming_body_kind);
    body->link = http_link_ref(link);
    return component_give(call, slot, &body->base);
}

/* As http_link_ops.read, and the state with it. */
static int64_t pull(struct incoming_body *body, uint8_t *to, size_t len)
{
    if (body->state != HTTP_BODY_OPEN) {
        return body->failure;
    }
    body->link->is_readable = false;
    int64_t n = body->link->ops->read(body->link, to, len);
    if (n == 0) {
        body->state = HTTP_BODY_ENDED;
    } else if (n < 0 && n != -EAGAIN) {
        body->state = HTTP_BODY_FAILED;
        body->failure = (int)n;
    }
    return n;
}

static int64_t read_body(struct incoming_body *body, uint8_t *to, size_t len)
{
    if (!body->has_peeked) {
        return pull(body, to, len);
    }
    to[0] = body->peeked;
    body->has_peeked = false;
    int64_t n = len > 1 ? pull(body, to + 1, len - 1) : 0;
    return n > 0 ? n + 1 : 1; /* an end or a failure is told the next time */
}

/* There is no asking a link whether it has bytes but by reading one, which has it tell us when there
 * are none. */
static bool is_body_ready(struct incoming_body *body)
{
    if (body->state != HTTP_BODY_OPEN || body->has_peeked || body->link->is_readable) {
        return true;
    }
    int64_t n = pull(body, &body->peeked, 1);
    body->has_peeked = n == 1;
    return n != -EAGAIN;
}

/* -- its stream ------------------------------------------------------------------------------- */

static int64_t stream_read(struct input_stream *stream, uint8_t *to, size_t len)
{
    return len > 0 ? read_body(stream->source, to, len) : -EAGAIN;
}

static bool stream_ready(struct input_stream *stream)
{
    return is_body_ready(stream->source);
}

int32_t incoming_body_stream(struct component_call *call)
{
    static const struct input_stream_ops ops = {
        .read = stream_read, .ready = stream_ready, .domain = IO_ERROR_HTTP};
    struct incoming_body *body = COMPONENT_SELF(call, 0, struct incoming_body, &incoming_body_kind);
    if (body->has_given_stream) {
        return component_error(call, 0);
    }
    struct input_stream *stream = input_stream_new(call->guest, &ops, body, &body->base);
    if (stream == NULL) {
        return component_trap(call, "out of memory");
    }
    body->has_given_stream = true;
    return component_give(call, 1, &stream->base);
}

/* -- the trailers ----------------------------------------------------------------------------- */

static void free_trailers(struct resource *resource)
{
    struct future_trailers *future = container_of(resource, struct future_trailers, base);
    resource_unref(&future->body->base);
    free(future);
}

const struct resource_kind future_trailers_kind = {.name = "future-trailers",
                                                   .free = free_trailers};

int32_t incoming_body_finish(struct component_call *call)
{
    const struct resource *resource = component_resource(call, 0, &incoming_body_kind);
    if (resource->children > 0) {
        return component_trap(call, "the stream of the body is still alive");
    }
    struct future_trailers *future = calloc(1, sizeof *future);
    if (future == NULL) {
        return component_trap(call, "out of memory");
    }
    resource_init(&future->base, call->guest, &future_trailers_kind);
    future->body =
        container_of(component_take(call, 0, &incoming_body_kind), struct incoming_body, base);
    return component_give(call, 0, &future->base);
}

/* Read to the end. False when it has not come yet. */
static bool drain(struct future_trailers *future)
{
    uint8_t piece[DRAIN_PIECE];
    struct incoming_body *body = future->body;
    size_t drained = 0;
    int64_t n = 1;
    body->has_peeked = false;
    while (n > 0 && drained < DRAIN_MAX) {
        n = pull(body, piece, sizeof piece);
        drained += n > 0 ? (size_t)n : 0;
    }
    future->has_more = n > 0;
    return body->state != HTTP_BODY_OPEN;
}

static struct future_trailers *source_of(const struct pollable *pollable)
{
    return container_of(pollable->source, struct future_trailers, base);
}

static bool trailers_ready(struct pollable *pollable)
{
    struct future_trailers *future = source_of(pollable);
    return future->is_taken || drain(future);
}

static void trailers_arm(struct pollable *pollable, uint64_t *deadline_ns)
{
    if (source_of(pollable)->has_more) {
        *deadline_ns = 0; /* go on in the next turn: nobody would call */
    }
}

int32_t future_trailers_subscribe(struct component_call *call)
{
    static const struct pollable_ops ops = {.ready = trailers_ready, .arm = trailers_arm};
    return pollable_give(call, 0, &ops, component_resource(call, 0, &future_trailers_kind));
}

static int32_t give_trailers(struct component_call *call, struct http_link *link)
{
    const struct http_header *lines = NULL;
    uint32_t count = link->ops->trailers(link, &lines);
    if (count == 0) {
        return 0; /* ok(none) */
    }
    struct fields *fields = fields_new(call->guest, true /* immutable */);
    if (fields == NULL || field_list_copy(fields->list, lines, count) < 0) {
        resource_unref(fields != NULL ? &fields->base : NULL);
        return component_trap(call, "out of memory");
    }
    call->results[3].number = 1; /* some */
    return component_give(call, 4, &fields->base);
}

int32_t future_trailers_get(struct component_call *call)
{
    struct future_trailers *future =
        COMPONENT_SELF(call, 0, struct future_trailers, &future_trailers_kind);
    union component_value *results = call->results;
    if (!future->is_taken && !drain(future)) {
        return 0; /* none */
    }
    results[0].number = 1; /* some */
    if (future->is_taken) {
        results[1].number = 1; /* error */
        return 0;
    }
    future->is_taken = true;
    if (future->body->state == HTTP_BODY_FAILED) {
        struct wasi_http_error error = http_failure_error(future->body->failure);
        results[2].number = 1; /* ok(error) */
        wasi_http_error_lower(&error, &results[3]);
        return 0;
    }
    return give_trailers(call, future->body->link);
}
