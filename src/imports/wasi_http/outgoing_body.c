/* `outgoing-body` of wasi:http/types: writing through a link. See body.h.
 *
 * Happy path:
 *   1. the message is sent (outgoing_body_attach); what was written before goes first
 *   2. a write goes from the guest's memory to the link; what the link does not take is held, and then
 *      there is no room until it has left (outgoing_body_on_writable)
 *   3. finish: the end follows the last held byte
 *
 * Failure modes: a body that is dropped, or not as long as it was declared to be, breaks its message
 * off, so that the peer cannot take it for whole; a link that has gone fails all that follows. */
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "http/transaction.h"
#include "imports/wasi_http/body.h"
#include "imports/wasi_http/functions.h"

static const char dropped_unfinished[] = "the guest dropped the body without finishing it";
static const char wrong_length[] = "the guest wrote more or less than the declared content-length";

/* -- the resource ----------------------------------------------------------------------------- */

static void release_held(struct outgoing_body *body)
{
    buffer_done(&body->held);
    http_bytes_give(body->base.guest, body->charged);
    body->charged = 0;
}

static void drop_trailers(struct outgoing_body *body)
{
    struct fields *trailers = body->trailers;
    body->trailers = NULL;
    resource_unref(trailers != NULL ? &trailers->base : NULL);
}

/* It will never be complete: whoever sends it learns that, now or when it is attached. */
static void break_off(struct outgoing_body *body, int failure, const char *why)
{
    struct http_link *link = body->link;
    body->state = OUTGOING_BROKEN;
    body->failure = body->failure == 0 ? failure : body->failure;
    body->link = NULL;
    release_held(body);
    if (link != NULL) {
        link->ops->abort(link, why); /* which may release the body */
    }
}

static void body_dropped(struct resource *resource)
{
    struct outgoing_body *body = container_of(resource, struct outgoing_body, base);
    if (body->state == OUTGOING_OPEN) {
        break_off(body, -EPIPE, dropped_unfinished);
    }
}

static void free_body(struct resource *resource)
{
    struct outgoing_body *body = container_of(resource, struct outgoing_body, base);
    release_held(body);
    drop_trailers(body);
    free(body);
}

const struct resource_kind outgoing_body_kind = {
    .name = "outgoing-body", .dropped = body_dropped, .free = free_body};

struct outgoing_body *outgoing_body_new(struct guest *guest, bool is_request, int64_t length)
{
    struct outgoing_body *body = calloc(1, sizeof *body);
    if (body == NULL) {
        return NULL;
    }
    resource_init(&body->base, guest, &outgoing_body_kind);
    buffer_init(&body->held, OUTGOING_HELD_MAX);
    body->is_request = is_request;
    body->length = length;
    return body;
}

static int size_failure(const struct outgoing_body *body)
{
    return http_failure(body->is_request ? WASI_HTTP_REQUEST_BODY_SIZE
                                         : WASI_HTTP_RESPONSE_BODY_SIZE);
}

/* -- towards the link ------------------------------------------------------------------------- */

/* The link can take no more: it will say why itself, if anyone has to know. */
static int64_t failed(struct outgoing_body *body, int64_t failure)
{
    body->failure = (int)failure;
    release_held(body);
    return failure;
}

/* Hand over all that it takes: the number of bytes, which may be 0, or a failure. Unless all were taken
 * the link has been asked until it gave -EAGAIN, so that it will tell us when to go on. */
static int64_t hand_over(struct outgoing_body *body, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        int64_t n = body->link->ops->write(body->link, bytes + done, len - done);
        if (n == -EAGAIN) {
            break;
        }
        if (n < 0) {
            return failed(body, n);
        }
        done += (size_t)n;
    }
    return (int64_t)done;
}

static bool is_of_length(const struct outgoing_body *body)
{
    return body->length < 0 || body->written == (uint64_t)body->length ||
           (body->has_no_content && body->written == 0);
}

/* All has been handed over. */
static int end(struct outgoing_body *body)
{
    struct http_link *link = body->link;
    const struct field_list *trailers = body->trailers != NULL ? body->trailers->list : NULL;
    resource_ref(&body->base); /* the link lets go of it */
    body->link = NULL;
    int r = trailers != NULL ? link->ops->end(link, trailers->items, trailers->count)
                             : link->ops->end(link, NULL, 0);
    drop_trailers(body);
    resource_unref(&body->base);
    return r;
}

/* Go on with what is held and then the end. 0 when nothing is held any more, -EAGAIN, or a failure.
 * The body may be released by it, unless the caller has a reference. */
static int go_on(struct outgoing_body *body)
{
    if (body->failure != 0) {
        return body->failure;
    }
    if (body->held.len > 0) {
        int64_t n = hand_over(body, body->held.data, body->held.len);
        if (n < 0) {
            return (int)n;
        }
        buffer_consume(&body->held, (size_t)n);
        if (body->held.len > 0) {
            return -EAGAIN;
        }
        release_held(body);
    }
    return body->state == OUTGOING_FINISHED ? end(body) : 0;
}

void outgoing_body_attach(struct outgoing_body *body, struct http_link *link)
{
    body->link = link;
    if (body->state == OUTGOING_BROKEN) {
        break_off(body, -EPIPE, dropped_unfinished);
    } else if (body->state == OUTGOING_FINISHED && !is_of_length(body)) {
        break_off(body, size_failure(body), wrong_length);
    } else {
        (void)go_on(body); /* a failure is told by the next write, or has been by the link */
    }
}

void outgoing_body_on_writable(struct outgoing_body *body)
{
    if (body->link == NULL) {
        return;
    }
    struct guest *guest = body->base.guest;
    resource_ref(&body->base);
    if (go_on(body) != -EAGAIN) {
        guest_wake(guest);
    }
    resource_unref(&body->base);
}

void outgoing_body_detach(struct outgoing_body *body, int failure)
{
    body->link = NULL;
    body->failure = body->failure == 0 ? failure : body->failure;
    release_held(body);
    drop_trailers(body);
}

bool outgoing_body_is_whole(const struct outgoing_body *body, struct span *ret_content)
{
    if (body->state != OUTGOING_FINISHED || body->trailers != NULL || body->link != NULL ||
        body->failure != 0 || body->held.len != body->written || !is_of_length(body)) {
        return false;
    }
    *ret_content = buffer_span(&body->held);
    return true;
}

/* -- its stream ------------------------------------------------------------------------------- */

/* Keep bytes until they can leave. */
static int hold(struct outgoing_body *body, const uint8_t *bytes, size_t len)
{
    size_t cap = body->held.cap;
    int r = len > 0 ? buffer_append(&body->held, (struct span){bytes, len}) : 0;
    if (r == 0 && body->held.cap > cap) {
        r = http_bytes_take(body->base.guest, body->held.cap - cap);
        body->charged += r == 0 ? body->held.cap - cap : 0;
    }
    if (r < 0) {
        break_off(body, http_failure(WASI_HTTP_INTERNAL_ERROR), "out of memory");
        return body->failure;
    }
    return 0;
}

/* May `len` more be written? 0 or a failure; more than was declared breaks the message off. */
static int may_write(struct outgoing_body *body, size_t len)
{
    if (body->failure != 0) {
        return body->failure;
    }
    if (body->length >= 0 && len > (uint64_t)body->length - body->written) {
        int failure = size_failure(body);
        body->written += len; /* what `finish` will report */
        break_off(body, failure, wrong_length);
        return failure;
    }
    return 0;
}

static int64_t stream_room(struct output_stream *stream)
{
    struct outgoing_body *body = stream->source;
    if (body->link == NULL) {
        return body->failure != 0 ? body->failure : OUTGOING_HELD_MAX - (int64_t)body->held.len;
    }
    int r = go_on(body);
    return r == -EAGAIN ? 0 : r < 0 ? r : IO_PERMIT_MAX;
}

static int stream_write(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct outgoing_body *body = stream->source;
    int r = may_write(body, len);
    if (r < 0) {
        return r;
    }
    int64_t n = 0;
    if (body->link != NULL && body->held.len == 0) {
        n = hand_over(body, bytes, len);
        if (n < 0) {
            return (int)n;
        }
    }
    body->written += len;
    return hold(body, bytes + n, len - (size_t)n);
}

/* Nobody takes anything before the message is sent, which a guest that waits here cannot do. */
static int64_t hold_some(struct outgoing_body *body, const uint8_t *bytes, size_t len)
{
    size_t room = OUTGOING_HELD_MAX - body->held.len;
    size_t part = len < room ? len : room;
    if (part == 0) {
        break_off(body, http_failure(WASI_HTTP_INTERNAL_ERROR),
                  "written in full before it is sent");
        return body->failure;
    }
    int r = hold(body, bytes, part);
    body->written += r == 0 ? part : 0;
    return r < 0 ? r : (int64_t)part;
}

static int64_t stream_write_some(struct output_stream *stream, const uint8_t *bytes, size_t len)
{
    struct outgoing_body *body = stream->source;
    int r = may_write(body, len);
    if (r < 0) {
        return r;
    }
    if (body->link == NULL) {
        return hold_some(body, bytes, len);
    }
    r = go_on(body);
    if (r < 0) {
        return r;
    }
    int64_t n = hand_over(body, bytes, len);
    if (n > 0) {
        body->written += (uint64_t)n;
    }
    return n == 0 ? -EAGAIN : n;
}

/* What the link has taken is on its way without us; a message that is not sent yet holds its bytes
 * however long one waits. */
static int stream_flush(struct output_stream *stream)
{
    struct outgoing_body *body = stream->source;
    return body->link != NULL ? go_on(body) : body->failure;
}

int32_t outgoing_body_write(struct component_call *call)
{
    static const struct output_stream_ops ops = {.room = stream_room,
                                                 .write = stream_write,
                                                 .write_some = stream_write_some,
                                                 .flush = stream_flush,
                                                 .domain = IO_ERROR_HTTP};
    struct outgoing_body *body = COMPONENT_SELF(call, 0, struct outgoing_body, &outgoing_body_kind);
    if (body->has_given_stream) {
        return component_error(call, 0);
    }
    struct output_stream *stream = output_stream_new(call->guest, &ops, body, &body->base);
    if (stream == NULL) {
        return component_trap(call, "out of memory");
    }
    body->has_given_stream = true;
    return component_give(call, 1, &stream->base);
}

/* -- the end ---------------------------------------------------------------------------------- */

/* The link is told the end of a body that it would take no more of: it has failed, or does not want more
 * although all is well (a peer that answers before it has read all). */
static int finish_failed(struct outgoing_body *body)
{
    int failure = body->failure;
    if (failure != -EPIPE) {
        break_off(body, failure, "the body could not be sent");
        return failure;
    }
    body->state = OUTGOING_FINISHED;
    return body->link != NULL ? end(body) : 0;
}

/* 0 or a failure. Whether an empty body may stand for a longer one is known only by what it answers:
 * that of HEAD has said how long that of GET would be. */
static int finish(struct outgoing_body *body)
{
    if (body->failure != 0) {
        return finish_failed(body);
    }
    bool is_short = !is_of_length(body);
    if (is_short && (body->link != NULL || body->written > 0)) {
        break_off(body, size_failure(body), wrong_length);
        return body->failure;
    }
    body->state = OUTGOING_FINISHED;
    int r = body->link != NULL ? go_on(body) : 0;
    return is_short ? size_failure(body) : r == -EAGAIN ? 0 : r;
}

int32_t outgoing_body_finish(struct component_call *call)
{
    if (component_resource(call, 0, &outgoing_body_kind)->children > 0) {
        return component_trap(call, "the stream of the body is still alive");
    }
    struct resource *taken = component_take(call, 0, &outgoing_body_kind);
    struct outgoing_body *body = container_of(taken, struct outgoing_body, base);
    if (component_u32(call, 1) != 0) {
        body->trailers = container_of(component_take(call, 2, &fields_kind), struct fields, base);
    }
    int r = finish(body);
    if (r < 0) {
        struct wasi_http_error error = http_failure_error(r);
        error.has_number = r == size_failure(body);
        error.number = body->written;
        call->results[0].number = 1;
        wasi_http_error_lower(&error, &call->results[1]);
    }
    resource_unref(taken);
    return 0;
}
