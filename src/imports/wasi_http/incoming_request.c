/* `incoming-request` of wasi:http/types, as it was sent to the front.
 *
 * What the guest asks for lies in the front's memory as long as the transaction goes on. A guest may
 * end that and ask on; so what it can still ask for is copied then, and only then. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "imports/wasi_http/functions.h"
#include "imports/wasi_http/inbound.h"
#include "imports/wasi_http/types.h"

enum { DIGITS_MAX = 24 };

/* -- the resource ----------------------------------------------------------------------------- */

struct wasi_http_inbound *inbound_of_link(struct http_link *link)
{
    return container_of(link, struct wasi_http_inbound, link);
}

static struct wasi_http_inbound *inbound_of_request(struct resource *resource)
{
    return container_of(resource, struct wasi_http_inbound, request.base);
}

/* What was kept for it nobody can ask for any more; for trailers somebody may. */
static void free_request(struct resource *resource)
{
    struct wasi_http_inbound *inbound = inbound_of_request(resource);
    if (inbound->trailer_count == 0) {
        inbound_forget(inbound);
    }
    http_link_unref(&inbound->link);
}

const struct resource_kind incoming_request_kind = {.name = "incoming-request",
                                                    .free = free_request};

/* -- keeping ---------------------------------------------------------------------------------- */

static size_t headers_size(const struct http_header *headers, uint32_t count)
{
    size_t size = count * sizeof *headers;
    for (uint32_t i = 0; i < count; i++) {
        size += headers[i].name.len + headers[i].value.len;
    }
    return size;
}

/* Where the next copy goes. */
struct copying {
    struct http_header *headers;
    uint8_t *bytes;
};

static struct span copy_span(struct copying *to, struct span from)
{
    struct span copy = {to->bytes, from.len};
    if (from.len > 0) {
        memcpy(to->bytes, from.data, from.len);
    }
    to->bytes += from.len;
    return copy;
}

static const struct http_header *copy_headers(struct copying *to, const struct http_header *headers,
                                              uint32_t count)
{
    const struct http_header *first = to->headers;
    for (uint32_t i = 0; i < count; i++) {
        to->headers->name = copy_span(to, headers[i].name);
        to->headers->value = copy_span(to, headers[i].value);
        to->headers++;
    }
    return first;
}

static void copy_about(struct copying *to, const struct http_inbound *about,
                       struct http_inbound *ret_kept)
{
    *ret_kept = (struct http_inbound){
        .has_query = about->has_query,
        .is_tls = about->is_tls,
        .version = about->version,
        .header_count = about->header_count,
        .has_body = about->has_body,
        .content_length = about->content_length,
    };
    ret_kept->headers = copy_headers(to, about->headers, about->header_count);
    ret_kept->method = copy_span(to, about->method);
    ret_kept->authority = copy_span(to, about->authority);
    ret_kept->path = copy_span(to, about->path);
    if (about->has_query) {
        (void)copy_span(to, (struct span){(const uint8_t *)"?", 1});
        ret_kept->query = copy_span(to, about->query);
    }
}

void inbound_keep(struct wasi_http_inbound *inbound)
{
    const struct http_inbound *about = inbound->about;
    const struct http_header *trailers = NULL;
    bool has_request = inbound->request.base.refs > 0;
    uint32_t trailer_count =
        inbound->has_read_all ? http_transaction_trailers(inbound->transaction, &trailers) : 0;
    inbound->about = NULL;
    if (!has_request && trailer_count == 0) {
        return;
    }
    size_t head = headers_size(about->headers, about->header_count);
    size_t size = head + headers_size(trailers, trailer_count) + about->method.len +
                  about->authority.len + about->path.len + 1 + about->query.len;
    if (http_bytes_take(inbound->link.guest, size) < 0) {
        return; /* whoever asks is told that memory ran out */
    }
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        http_bytes_give(inbound->link.guest, size);
        return; /* likewise */
    }
    inbound->kept_bytes = bytes;
    inbound->kept_len = size;
    struct http_header *headers = (struct http_header *)(void *)bytes;
    struct copying to = {headers, (uint8_t *)(headers + about->header_count + trailer_count)};
    copy_about(&to, about, &inbound->kept);
    inbound->trailers = copy_headers(&to, trailers, trailer_count);
    inbound->trailer_count = trailer_count;
    inbound->about = &inbound->kept;
}

void inbound_forget(struct wasi_http_inbound *inbound)
{
    if (inbound->kept_bytes != NULL) {
        inbound->about = NULL;
        http_bytes_give(inbound->link.guest, inbound->kept_len);
        free(inbound->kept_bytes);
        inbound->kept_bytes = NULL;
    }
}

/* -- the link's part -------------------------------------------------------------------------- */

/* The front tells the length beside the headers; guests look for it among them. */
static int add_length(struct field_list *list, int64_t length)
{
    char digits[DIGITS_MAX];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)length);
    return field_list_add(list, span_of("content-length"),
                          (struct span){(const uint8_t *)digits, (size_t)len});
}

int inbound_headers(struct http_link *link, struct field_list *list)
{
    const struct http_inbound *about = inbound_of_link(link)->about;
    if (about == NULL) {
        return -ENOMEM;
    }
    int r = field_list_copy(list, about->headers, about->header_count);
    bool has_length = about->has_body && about->content_length >= 0;
    return r == 0 && has_length ? add_length(list, about->content_length) : r;
}

int64_t inbound_read(struct http_link *link, uint8_t *to, size_t len)
{
    struct wasi_http_inbound *inbound = inbound_of_link(link);
    if (inbound->transaction == NULL) {
        return http_failure(WASI_HTTP_CONNECTION_TERMINATED);
    }
    int64_t n = http_transaction_read(inbound->transaction, to, len);
    inbound->has_read_all = n == 0;
    return n >= 0 || n == -EAGAIN ? n : http_failure(wasi_http_error_from_errno((int)n).kind);
}

uint32_t inbound_trailers(struct http_link *link, const struct http_header **ret_trailers)
{
    struct wasi_http_inbound *inbound = inbound_of_link(link);
    if (inbound->transaction != NULL) {
        return http_transaction_trailers(inbound->transaction, ret_trailers);
    }
    *ret_trailers = inbound->trailers;
    return inbound->trailer_count;
}

/* -- functions -------------------------------------------------------------------------------- */

static struct wasi_http_inbound *self_of(const struct component_call *call)
{
    return inbound_of_request(component_resource(call, 0, &incoming_request_kind));
}

static int32_t lost(struct component_call *call)
{
    return component_trap(call, "out of memory: the request is over and could not be kept");
}

/* Answer with a copy of `len` bytes, which the caller fills in; NULL when the guest traps. What lies in
 * the front's memory will not do: while the guest takes an answer over its allocator runs and may yield,
 * the rest of the response may leave meanwhile, and with it goes the front's memory. */
static uint8_t *answer_room(struct component_call *call, unsigned slot, size_t len)
{
    uint8_t *text = component_scratch(call, len);
    if (text == NULL && len > 0) {
        (void)component_trap(call, "out of memory"); /* the caller says so */
        return NULL;
    }
    call->results[slot].bytes = (struct span){text, len};
    return text;
}

static int32_t answer_copy(struct component_call *call, unsigned slot, struct span text)
{
    struct copying to = {.bytes = answer_room(call, slot, text.len)};
    if (to.bytes == NULL && text.len > 0) {
        return CALL_TRAP;
    }
    (void)copy_span(&to, text);
    return 0;
}

int32_t incoming_request_method(struct component_call *call)
{
    const struct http_inbound *about = self_of(call)->about;
    if (about == NULL) {
        return lost(call);
    }
    uint32_t method = http_method_case(about->method);
    call->results[0].number = method;
    return method == HTTP_METHOD_OTHER ? answer_copy(call, 1, about->method) : 0;
}

/* Path and query, which may lie apart, as one text. */
static int32_t join(struct component_call *call, const struct http_inbound *about)
{
    struct copying to = {.bytes = answer_room(call, 1, about->path.len + 1 + about->query.len)};
    if (to.bytes == NULL) {
        return CALL_TRAP;
    }
    (void)copy_span(&to, about->path);
    (void)copy_span(&to, (struct span){(const uint8_t *)"?", 1});
    (void)copy_span(&to, about->query);
    return 0;
}

int32_t incoming_request_path_with_query(struct component_call *call)
{
    const struct http_inbound *about = self_of(call)->about;
    if (about == NULL) {
        return lost(call);
    }
    if (about->path.len == 0) {
        return 0; /* none */
    }
    call->results[0].number = 1;
    return about->has_query ? join(call, about) : answer_copy(call, 1, about->path);
}

int32_t incoming_request_scheme(struct component_call *call)
{
    const struct http_inbound *about = self_of(call)->about;
    if (about == NULL) {
        return lost(call);
    }
    call->results[0].number = 1;
    call->results[1].number = about->is_tls ? HTTP_SCHEME_HTTPS : HTTP_SCHEME_HTTP;
    return 0;
}

int32_t incoming_request_authority(struct component_call *call)
{
    const struct http_inbound *about = self_of(call)->about;
    if (about == NULL) {
        return lost(call);
    }
    if (about->authority.len == 0) {
        return 0; /* none */
    }
    call->results[0].number = 1;
    return answer_copy(call, 1, about->authority);
}

int32_t incoming_request_headers(struct component_call *call)
{
    return incoming_headers_give(call, 0, &self_of(call)->link);
}

int32_t incoming_request_consume(struct component_call *call)
{
    struct wasi_http_inbound *inbound = self_of(call);
    if (inbound->request.is_consumed) {
        return component_error(call, 0);
    }
    inbound->request.is_consumed = true;
    return incoming_body_give(call, 1, &inbound->link);
}
