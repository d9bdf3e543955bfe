/* A served transaction, and `response-outparam`. See http.h, inbound.h.
 *
 * Happy path:
 *   1. the handler makes it (wasi_http_inbound_new) and calls the guest with its two resources
 *   2. the guest sets its response: the head goes to the front, and the body is attached
 *   3. the body has been finished and all of it handed over: the transaction is ended (close_as)
 *
 * Failure modes: the guest sets an error-code, and the handler fails the transaction; its body is not
 * what it declared, and the response is broken off; the front ends the transaction first, and what
 * the guest still reads and writes fails. */
#include "imports/wasi_http/inbound.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "guest/guest.h"
#include "imports/wasi_http/functions.h"
#include "imports/wasi_http/types.h"

enum { WHY_MAX = 256, TRAILERS_INLINE = 16 };

/* -- the end ---------------------------------------------------------------------------------- */

static void let_go_of_body(struct wasi_http_inbound *inbound)
{
    struct outgoing_body *body = inbound->body;
    inbound->body = NULL;
    if (body != NULL) {
        outgoing_body_detach(body, http_failure(WASI_HTTP_CONNECTION_TERMINATED));
        resource_unref(&body->base);
    }
}

/* The transaction is not ours any more. Gives it, for the one call that ends it. */
static struct http_transaction *let_go(struct wasi_http_inbound *inbound)
{
    struct http_transaction *transaction = inbound->transaction;
    inbound_keep(inbound);
    inbound->transaction = NULL;
    inbound->link.is_readable = false;
    return transaction;
}

/* Before the transaction is ended: what the handler leaves with it is for its log. */
static void tell(struct wasi_http_inbound *inbound, enum wasi_http_state state, const char *why)
{
    inbound->state = state;
    if (inbound->options.on_state != NULL) {
        inbound->options.on_state(inbound->options.context, state, why);
    }
}

/* Break it off; before anything has left the front answers 500. The handler may let go of us when it
 * is told. */
static void break_off(struct wasi_http_inbound *inbound, const char *why)
{
    struct http_transaction *transaction = let_go(inbound);
    http_link_ref(&inbound->link);
    tell(inbound, WASI_HTTP_BROKEN, why);
    http_transaction_fail(transaction, 500, 0 /* retry_after_s */);
    let_go_of_body(inbound);
    http_link_unref(&inbound->link);
}

/* -- the link's part of the response ---------------------------------------------------------- */

static int64_t link_write(struct http_link *link, const uint8_t *bytes, size_t len)
{
    int64_t n = http_transaction_write(inbound_of_link(link)->transaction, bytes, len);
    return n >= 0 || n == -EAGAIN ? n : http_failure(wasi_http_error_from_errno((int)n).kind);
}

/* Without those that may not be among trailers. */
static uint32_t pick_trailers(const struct http_header *from, uint32_t count,
                              struct http_header *to)
{
    uint32_t picked = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!http_is_forbidden_trailer(from[i].name)) {
            to[picked] = from[i];
            picked++;
        }
    }
    return picked;
}

static int link_end(struct http_link *link, const struct http_header *trailers, uint32_t count)
{
    struct wasi_http_inbound *inbound = inbound_of_link(link);
    struct http_header some[TRAILERS_INLINE];
    struct http_header *picked = count <= TRAILERS_INLINE ? some : malloc(count * sizeof *picked);
    if (picked == NULL) {
        break_off(inbound, "out of memory");
        return http_failure(WASI_HTTP_INTERNAL_ERROR);
    }
    count = pick_trailers(trailers, count, picked);
    struct http_transaction *transaction = let_go(inbound);
    http_link_ref(link); /* as in break_off */
    tell(inbound, WASI_HTTP_COMPLETE, NULL);
    http_transaction_end(transaction, picked, count);
    if (picked != some) {
        free(picked);
    }
    let_go_of_body(inbound);
    http_link_unref(link);
    return 0;
}

/* A client that has gone is the front's to tell. */
static void link_abort(struct http_link *link, const char *why)
{
    struct wasi_http_inbound *inbound = inbound_of_link(link);
    const struct outgoing_body *body = inbound->body;
    if (body != NULL && body->failure == http_failure(WASI_HTTP_CONNECTION_TERMINATED)) {
        let_go_of_body(inbound);
    } else {
        break_off(inbound, why);
    }
}

static void link_free(struct http_link *link)
{
    struct wasi_http_inbound *inbound = inbound_of_link(link);
    inbound_forget(inbound);
    free(inbound);
}

static const struct http_link_ops link_ops = {.headers = inbound_headers,
                                              .read = inbound_read,
                                              .trailers = inbound_trailers,
                                              .write = link_write,
                                              .end = link_end,
                                              .abort = link_abort,
                                              .free = link_free};

/* -- for the handler -------------------------------------------------------------------------- */

static void free_outparam(struct resource *resource)
{
    struct wasi_http_inbound *inbound =
        container_of(resource, struct wasi_http_inbound, outparam.base);
    http_link_unref(&inbound->link);
}

const struct resource_kind response_outparam_kind = {.name = "response-outparam",
                                                     .free = free_outparam};

/* Put one of its resources, which gets a reference of it, into the guest's table. */
static int give(struct wasi_http_inbound *inbound, struct resource *resource,
                const struct resource_kind *kind, uint32_t *ret_rep)
{
    resource_init(resource, inbound->link.guest, kind);
    http_link_ref(&inbound->link);
    int r = resource_add(resource, ret_rep);
    if (r < 0) {
        resource_unref(resource);
    }
    return r;
}

int wasi_http_inbound_new(struct guest *guest, const struct wasi_http_inbound_options *options,
                          struct wasi_http_inbound **ret_inbound, uint32_t ret_reps[2])
{
    uint32_t reps[2] = {0, 0};
    struct wasi_http_inbound *inbound = calloc(1, sizeof *inbound);
    if (inbound == NULL) {
        return -ENOMEM;
    }
    http_link_init(&inbound->link, guest, &link_ops);
    inbound->options = *options;
    inbound->transaction = options->transaction;
    inbound->about = http_transaction_inbound(options->transaction);
    int r = give(inbound, &inbound->request.base, &incoming_request_kind, &reps[0]);
    if (r == 0) {
        r = give(inbound, &inbound->outparam.base, &response_outparam_kind, &reps[1]);
        if (r < 0) {
            resource_drop(guest, reps[0]);
        }
    }
    if (r < 0) {
        http_link_unref(&inbound->link);
        return r;
    }
    memcpy(ret_reps, reps, sizeof reps);
    *ret_inbound = inbound;
    return 0;
}

void wasi_http_inbound_on_readable(struct wasi_http_inbound *inbound)
{
    inbound->link.is_readable = true;
    guest_wake(inbound->link.guest);
}

void wasi_http_inbound_on_writable(struct wasi_http_inbound *inbound)
{
    if (inbound->body != NULL) {
        outgoing_body_on_writable(inbound->body);
    }
}

void wasi_http_inbound_detach(struct wasi_http_inbound *inbound)
{
    if (inbound->transaction != NULL) {
        (void)let_go(inbound);
        if (inbound->state != WASI_HTTP_REFUSED) {
            inbound->state = WASI_HTTP_GONE;
        }
        let_go_of_body(inbound);
    }
}

enum wasi_http_state wasi_http_inbound_state(const struct wasi_http_inbound *inbound)
{
    return inbound->state;
}

uint64_t wasi_http_inbound_refusal(const struct wasi_http_inbound *inbound)
{
    return inbound->refusal;
}

void wasi_http_inbound_free(struct wasi_http_inbound *inbound)
{
    if (inbound != NULL) {
        wasi_http_inbound_detach(inbound);
        inbound->options.on_state = NULL;
        http_link_unref(&inbound->link);
    }
}

/* -- response-outparam ------------------------------------------------------------------------ */

static void refuse(struct wasi_http_inbound *inbound, const union component_value *error)
{
    char why[WHY_MAX];
    inbound->refusal = error[0].number;
    wasi_http_error_print(error, why, sizeof why);
    tell(inbound, WASI_HTTP_REFUSED, why);
}

/* Has the response no content, whatever its length? */
static bool has_no_content(const struct wasi_http_inbound *inbound, uint16_t status)
{
    return status == 204 || status == 205 || status == 304 ||
           span_is(inbound->about->method, "HEAD");
}

/* What the head says about the content. NULL, or what is wrong with it. */
static const char *find_length(const struct wasi_http_inbound *inbound,
                               const struct outgoing_response *response, int64_t *ret_length)
{
    const struct outgoing_body *body = response->body;
    struct span content = {NULL, 0};
    int64_t length = field_list_length(response->headers->list);
    bool is_empty = has_no_content(inbound, response->status);
    *ret_length = length;
    if (body == NULL) {
        if (length > 0 && !is_empty) {
            return "the response declares a content-length and has no body";
        }
        *ret_length = is_empty ? length : 0;
        return NULL;
    }
    if (body->state == OUTGOING_BROKEN) {
        return "the guest gave the body up before it set the response";
    }
    if (length == HTTP_LENGTH_UNKNOWN && outgoing_body_is_whole(body, &content)) {
        *ret_length = (int64_t)content.len;
    }
    return NULL;
}

static int begin_response(struct wasi_http_inbound *inbound,
                          const struct outgoing_response *response, int64_t length)
{
    const struct http_outbound outbound = {
        .status = response->status,
        .headers = response->headers->list->items,
        .header_count = response->headers->list->count,
        .length = length,
    };
    return inbound->options.respond(inbound->options.context, &outbound);
}

/* Hand the response over; its body is ours from now on. */
static void respond(struct wasi_http_inbound *inbound, struct outgoing_response *response)
{
    int64_t length = HTTP_LENGTH_UNKNOWN;
    const char *wrong = find_length(inbound, response, &length);
    int r = wrong == NULL ? begin_response(inbound, response, length) : 0;
    if (inbound->transaction == NULL) {
        return; /* ended by the handler while it was asked */
    }
    if (wrong != NULL || (r < 0 && r != -EPIPE)) {
        break_off(inbound, wrong != NULL ? wrong : "the front cannot send such a response's head");
        return;
    }
    inbound->state = WASI_HTTP_ANSWERED;
    if (r == -EPIPE) {
        return; /* the client has gone: the front is about to tell */
    }
    if (response->body == NULL) {
        (void)link_end(&inbound->link, NULL, 0);
        return;
    }
    inbound->body = response->body;
    response->body = NULL;
    inbound->body->has_no_content = has_no_content(inbound, response->status);
    outgoing_body_attach(inbound->body, &inbound->link);
}

int32_t response_outparam_set(struct component_call *call)
{
    struct resource *outparam = component_take(call, 0, &response_outparam_kind);
    struct wasi_http_inbound *inbound =
        container_of(outparam, struct wasi_http_inbound, outparam.base);
    bool is_ours = inbound->state == WASI_HTTP_UNANSWERED;
    if (component_u32(call, 1) != 0) {
        if (is_ours) {
            refuse(inbound, &call->args[2]);
        }
        resource_unref(outparam);
        return 0;
    }
    struct resource *taken = component_take(call, 2, &outgoing_response_kind);
    struct outgoing_response *response = container_of(taken, struct outgoing_response, base);
    if (is_ours) {
        respond(inbound, response);
    }
    if (response->body != NULL) {
        outgoing_body_detach(response->body, http_failure(WASI_HTTP_CONNECTION_TERMINATED));
    }
    resource_unref(taken);
    resource_unref(outparam);
    return 0;
}
