/* A transaction without a connection. See fake_transaction.h. */
#include "fake_transaction.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CONTENT_MAX = 256 << 20 };

/* The linker sends the handlers' calls here. */
const struct http_inbound *__wrap_http_transaction_inbound(const struct http_transaction *it);
const char *__wrap_http_transaction_id(struct http_transaction *it);
void __wrap_http_transaction_attach(struct http_transaction *it,
                                    const struct http_transaction_callbacks *callbacks,
                                    void *context);
void __wrap_http_transaction_set_annex(struct http_transaction *it, void *annex);
void *__wrap_http_transaction_annex(const struct http_transaction *it);
int __wrap_http_transaction_limit_body(struct http_transaction *it, uint64_t max);
int64_t __wrap_http_transaction_read(struct http_transaction *it, uint8_t *to, size_t len);
uint32_t __wrap_http_transaction_trailers(struct http_transaction *it,
                                          const struct http_header **ret_trailers);
int __wrap_http_transaction_respond(struct http_transaction *it,
                                    const struct http_outbound *outbound);
int64_t __wrap_http_transaction_write(struct http_transaction *it, const void *bytes, size_t len);
void __wrap_http_transaction_end(struct http_transaction *it, const struct http_header *trailers,
                                 uint32_t trailer_count);
void __wrap_http_transaction_respond_all(struct http_transaction *it,
                                         const struct http_outbound *outbound, struct span content);
void __wrap_http_transaction_fail(struct http_transaction *it, uint16_t status,
                                  uint32_t retry_after_s);

static struct fake_transaction *fake_of(struct http_transaction *it)
{
    return (struct fake_transaction *)(void *)it;
}

static const struct fake_transaction *const_fake_of(const struct http_transaction *it)
{
    return (const struct fake_transaction *)(const void *)it;
}

struct fake_transaction *fake_transaction_new(const char *method, const char *target)
{
    struct fake_transaction *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->target = strdup(target);
    assert_non_null(t->target);
    struct span all = span_of(t->target);
    const char *question = strchr(t->target, '?');
    size_t len = question != NULL ? (size_t)(question - t->target) : all.len;
    const uint8_t v4[4] = {192, 0, 2, 7};
    const uint8_t local[4] = {127, 0, 0, 1};
    t->inbound = (struct http_inbound){
        .method = span_of(method),
        .target = all,
        .authority = span_of("example.org:8080"),
        .path = {all.data, len},
        .has_query = question != NULL,
        .version = 11,
        .headers = t->headers,
        .content_length = HTTP_LENGTH_UNKNOWN,
    };
    if (question != NULL) {
        t->inbound.query = span_of(question + 1);
    }
    net_address_set_v4(&t->inbound.peer, v4, 4711);
    net_address_set_v4(&t->inbound.local, local, 80);
    t->room = SIZE_MAX;
    t->body_max = UINT64_MAX;
    t->length = HTTP_LENGTH_UNKNOWN;
    buffer_init(&t->head, CONTENT_MAX);
    buffer_init(&t->content, CONTENT_MAX);
    buffer_init(&t->tail, CONTENT_MAX);
    return t;
}

void fake_transaction_free(struct fake_transaction *t)
{
    buffer_done(&t->head);
    buffer_done(&t->content);
    buffer_done(&t->tail);
    free(t->target);
    free(t);
}

struct http_transaction *fake_transaction(struct fake_transaction *t)
{
    return (struct http_transaction *)(void *)t;
}

void fake_transaction_header(struct fake_transaction *t, const char *name, const char *value)
{
    assert_true(t->inbound.header_count < FAKE_HEADERS_MAX);
    t->headers[t->inbound.header_count] = (struct http_header){span_of(name), span_of(value)};
    t->inbound.header_count++;
}

void fake_transaction_body(struct fake_transaction *t, const char *body, bool is_length_known)
{
    t->body = span_of(body);
    t->body_ready = t->body.len;
    t->inbound.has_body = true;
    t->inbound.content_length = is_length_known ? (int64_t)t->body.len : HTTP_LENGTH_UNKNOWN;
}

bool fake_transaction_is_over(const struct fake_transaction *t)
{
    return t->is_page || t->is_broken || t->is_ended;
}

void fake_transaction_readable(struct fake_transaction *t)
{
    if (t->wants_read && !fake_transaction_is_over(t)) {
        t->wants_read = false;
        t->callbacks->on_readable(t->context);
    }
}

void fake_transaction_writable(struct fake_transaction *t, size_t room)
{
    t->room = room;
    if (t->wants_write && !fake_transaction_is_over(t)) {
        t->wants_write = false;
        t->callbacks->on_writable(t->context);
    }
}

void fake_transaction_abort(struct fake_transaction *t)
{
    if (!fake_transaction_is_over(t)) {
        t->is_broken = true;
        t->callbacks->on_abort(t->context);
    }
}

const char *fake_transaction_head(struct fake_transaction *t)
{
    const char *text = buffer_text(&t->head);
    assert_non_null(text);
    return text;
}

const char *fake_transaction_content(struct fake_transaction *t)
{
    const char *text = buffer_text(&t->content);
    assert_non_null(text);
    return text;
}

const char *fake_transaction_tail(struct fake_transaction *t)
{
    const char *text = buffer_text(&t->tail);
    assert_non_null(text);
    return text;
}

/* -- in the place of http/transaction.c -------------------------------------------------------- */

const struct http_inbound *__wrap_http_transaction_inbound(const struct http_transaction *it)
{
    return &const_fake_of(it)->inbound;
}

const char *__wrap_http_transaction_id(struct http_transaction *it)
{
    (void)it;
    return "0123456789abcdef0123456789abcdef";
}

void __wrap_http_transaction_attach(struct http_transaction *it,
                                    const struct http_transaction_callbacks *callbacks,
                                    void *context)
{
    struct fake_transaction *t = fake_of(it);
    assert_false(fake_transaction_is_over(t));
    assert_non_null(callbacks->on_readable);
    assert_non_null(callbacks->on_writable);
    assert_non_null(callbacks->on_abort);
    t->callbacks = callbacks;
    t->context = context;
}

void __wrap_http_transaction_set_annex(struct http_transaction *it, void *annex)
{
    fake_of(it)->annex = annex;
}

void *__wrap_http_transaction_annex(const struct http_transaction *it)
{
    return const_fake_of(it)->annex;
}

int __wrap_http_transaction_limit_body(struct http_transaction *it, uint64_t max)
{
    struct fake_transaction *t = fake_of(it);
    t->body_max = max;
    return t->inbound.content_length > 0 && (uint64_t)t->inbound.content_length > max ? -EMSGSIZE
                                                                                      : 0;
}

int64_t __wrap_http_transaction_read(struct http_transaction *it, uint8_t *to, size_t len)
{
    struct fake_transaction *t = fake_of(it);
    assert_false(fake_transaction_is_over(t));
    if (t->read_error != 0) {
        return t->read_error;
    }
    size_t have = t->body_ready - t->body_at;
    size_t n = len < have ? len : have;
    if (n == 0 && t->body_at < t->body.len) {
        t->wants_read = true;
        return -EAGAIN;
    }
    if (t->body_at + n > t->body_max) {
        return -EMSGSIZE;
    }
    if (n > 0) {
        memcpy(to, t->body.data + t->body_at, n);
    }
    t->body_at += n;
    return (int64_t)n;
}

uint32_t __wrap_http_transaction_trailers(struct http_transaction *it,
                                          const struct http_header **ret_trailers)
{
    struct fake_transaction *t = fake_of(it);
    assert_false(fake_transaction_is_over(t));
    *ret_trailers = t->trailers;
    return t->trailer_count;
}

static void print_lines(struct buffer *to, const struct http_header *lines, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct http_header *line = &lines[i];
        assert_true(http_is_token(line->name));
        assert_true(http_is_value(line->value));
        assert_int_equal(buffer_printf(to, "%.*s: %.*s\n", (int)line->name.len,
                                       (const char *)line->name.data, (int)line->value.len,
                                       (const char *)line->value.data),
                         0);
    }
}

int __wrap_http_transaction_respond(struct http_transaction *it,
                                    const struct http_outbound *outbound)
{
    struct fake_transaction *t = fake_of(it);
    assert_false(fake_transaction_is_over(t));
    assert_int_equal(t->status, 0);
    assert_in_range(outbound->status, 200, 599);
    print_lines(&t->head, outbound->headers, outbound->header_count);
    t->status = outbound->status;
    t->length = outbound->length;
    return 0;
}

int64_t __wrap_http_transaction_write(struct http_transaction *it, const void *bytes, size_t len)
{
    struct fake_transaction *t = fake_of(it);
    assert_false(fake_transaction_is_over(t));
    assert_int_not_equal(t->status, 0);
    t->most = len > t->most ? len : t->most;
    if (span_is(t->inbound.method, "HEAD")) {
        return (int64_t)len;
    }
    if (t->length >= 0 && len > 0) {
        size_t left = (size_t)t->length - t->content.len;
        if (left == 0) {
            return -EMSGSIZE;
        }
        len = len < left ? len : left;
    }
    if (t->room == 0) {
        t->wants_write = true;
        return -EAGAIN;
    }
    len = len < t->room ? len : t->room;
    t->room -= t->room == SIZE_MAX ? 0 : len;
    assert_int_equal(buffer_append(&t->content, (struct span){bytes, len}), 0);
    return (int64_t)len;
}

void __wrap_http_transaction_end(struct http_transaction *it, const struct http_header *trailers,
                                 uint32_t trailer_count)
{
    struct fake_transaction *t = fake_of(it);
    assert_false(fake_transaction_is_over(t));
    print_lines(&t->tail, trailers, trailer_count);
    bool has_content = !span_is(t->inbound.method, "HEAD") && t->status != 304;
    if (t->status == 0) {
        t->is_page = true;
        t->status = 500;
    } else if (has_content && t->length > (int64_t)t->content.len) {
        t->is_broken = true;
    } else {
        t->is_ended = true;
    }
}

void __wrap_http_transaction_respond_all(struct http_transaction *it,
                                         const struct http_outbound *outbound, struct span content)
{
    struct fake_transaction *t = fake_of(it);
    struct http_outbound whole = *outbound;
    whole.length = (int64_t)content.len;
    assert_int_equal(__wrap_http_transaction_respond(it, &whole), 0);
    assert_int_equal(buffer_append(&t->content, content), 0);
    t->is_ended = true;
}

void __wrap_http_transaction_fail(struct http_transaction *it, uint16_t status,
                                  uint32_t retry_after_s)
{
    struct fake_transaction *t = fake_of(it);
    assert_false(fake_transaction_is_over(t));
    if (t->status != 0) {
        t->is_broken = true;
        return;
    }
    t->is_page = true;
    t->status = status;
    t->retry_after_s = retry_after_s;
}
