/* What is common to the transactions of both protocols. See transaction.h. */
#include "http/transaction.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "http/internal.h"

enum { RESPONSE_HEAD_MAX = 256 << 10 };

/* -- for handlers ----------------------------------------------------------------------------- */

const struct http_inbound *http_transaction_inbound(const struct http_transaction *t)
{
    return &t->inbound;
}

/* xorshift128+: the ids tell requests apart and are no secret. */
static uint64_t next_random(uint64_t state[2])
{
    uint64_t a = state[0];
    uint64_t b = state[1];
    state[0] = b;
    a ^= a << 23;
    state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return state[1] + b;
}

const char *http_transaction_id(struct http_transaction *t)
{
    static const char digits[] = "0123456789abcdef";
    if (t->id[0] != '\0') {
        return t->id;
    }
    for (size_t half = 0; half < 2; half++) {
        uint64_t value = next_random(t->connection->server->id_state);
        for (size_t i = 0; i < 16; i++) {
            t->id[half * 16 + i] = digits[value >> (60 - 4 * i) & 15];
        }
    }
    t->id[32] = '\0';
    return t->id;
}

void http_transaction_attach(struct http_transaction *t,
                             const struct http_transaction_callbacks *callbacks, void *context)
{
    assert(!t->is_over);
    t->callbacks = callbacks;
    t->context = context;
}

void http_transaction_set_annex(struct http_transaction *t, void *annex)
{
    t->annex = annex;
}

void *http_transaction_annex(const struct http_transaction *t)
{
    return t->annex;
}

int http_transaction_limit_body(struct http_transaction *t, uint64_t max)
{
    t->body_max = max;
    bool is_known = t->inbound.has_body && t->inbound.content_length >= 0;
    return is_known && (uint64_t)t->inbound.content_length > max ? -EMSGSIZE : 0;
}

int64_t http_transaction_read(struct http_transaction *t, uint8_t *to, size_t len)
{
    if (t->is_over || t->connection->is_doomed) {
        return -ECONNRESET;
    }
    if (t->is_past_limit) {
        return -EMSGSIZE;
    }
    return t->inbound.has_body && len > 0 ? t->ops->read(t, to, len) : 0;
}

uint32_t http_transaction_trailers(struct http_transaction *t,
                                   const struct http_header **ret_trailers)
{
    return t->ops->trailers(t, ret_trailers);
}

/* The handler has nothing more to say: no callback of it runs from here on. */
static void set_over(struct http_transaction *t)
{
    t->is_over = true;
    t->wants_read = false;
    t->wants_write = false;
    deadline_stop(&t->body_deadline);
}

static void break_off(struct http_transaction *t)
{
    set_over(t);
    if (!t->connection->is_doomed) { /* else the peer has left */
        t->outcome = HTTP_FAILED;
    }
    t->ops->break_off(t);
}

static int check_headers(const struct http_header *headers, uint32_t count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct http_header *header = &headers[i];
        if (!http_is_token(header->name) || !http_is_value(header->value)) {
            return -EINVAL;
        }
        len += header->name.len + header->value.len + 4;
    }
    return len > RESPONSE_HEAD_MAX ? -EMSGSIZE : 0;
}

int http_transaction_respond(struct http_transaction *t, const struct http_outbound *outbound)
{
    if (t->is_over || t->connection->is_doomed) {
        return -EPIPE;
    }
    if (t->status != 0) {
        return -EALREADY;
    }
    if (outbound->status < 200 || outbound->status > 599) {
        return -EINVAL;
    }
    int r = check_headers(outbound->headers, outbound->header_count);
    if (r < 0) {
        return r;
    }
    t->is_bodiless = outbound->status == 204 || outbound->status == 205 ||
                     outbound->status == 304 || span_is(t->inbound.method, "HEAD");
    t->length = outbound->status == 205 ? 0 : outbound->length; /* RFC 9110 section 15.3.6 */
    t->status = outbound->status;
    r = t->ops->respond(t, outbound);
    if (r < 0) {
        t->status = 0;
    }
    return r;
}

int http_transaction_interim(struct http_transaction *t, const struct http_outbound *outbound)
{
    if (t->is_over || t->connection->is_doomed) {
        return -EPIPE;
    }
    if (t->status != 0) {
        return -EALREADY;
    }
    /* 100 is the front's own, 101 would be another protocol. */
    if (outbound->status < 102 || outbound->status > 199) {
        return -EINVAL;
    }
    int r = check_headers(outbound->headers, outbound->header_count);
    return r < 0 || t->inbound.version < 11 ? r : t->ops->interim(t, outbound);
}

int64_t http_transaction_write(struct http_transaction *t, const void *bytes, size_t len)
{
    if (t->is_over || t->connection->is_doomed) {
        return -EPIPE;
    }
    if (t->status == 0) {
        return -EPROTO;
    }
    if (len == 0 || t->is_bodiless) {
        return (int64_t)len;
    }
    if (t->length >= 0) {
        uint64_t left = (uint64_t)t->length - t->body_out;
        if (left == 0) {
            return -EMSGSIZE;
        }
        len = len < left ? len : (size_t)left;
    }
    int64_t n = t->ops->write(t, bytes, len);
    if (n > 0) {
        t->body_out += (uint64_t)n;
    } else if (n == -EAGAIN) {
        t->wants_write = true;
    }
    return n;
}

void http_transaction_flush(struct http_transaction *t)
{
    if (!t->is_over && !t->connection->is_doomed && t->status != 0) {
        t->ops->flush(t);
    }
}

void http_transaction_end(struct http_transaction *t, const struct http_header *trailers,
                          uint32_t trailer_count)
{
    if (t->is_over) {
        return;
    }
    if (t->status == 0) {
        http_transaction_fail(t, 500, 0);
        return;
    }
    bool is_short = !t->is_bodiless && t->length >= 0 && t->body_out < (uint64_t)t->length;
    if (is_short) {
        break_off(t);
        return;
    }
    set_over(t);
    bool is_bad = check_headers(trailers, trailer_count) < 0;
    t->ops->end(t, trailers, is_bad ? 0 : trailer_count);
}

/* Begin and end at once; on failure nothing has begun. */
static int answer(struct http_transaction *t, const struct http_outbound *outbound,
                  struct span content)
{
    struct http_outbound whole = *outbound;
    whole.length = (int64_t)content.len;
    int r = http_transaction_respond(t, &whole);
    if (r < 0) {
        return r;
    }
    t->takes_all = true;
    (void)http_transaction_write(t, content.data, content.len); /* a failure shows at the end */
    http_transaction_end(t, NULL, 0);
    return 0;
}

void http_transaction_respond_all(struct http_transaction *t, const struct http_outbound *outbound,
                                  struct span content)
{
    if (answer(t, outbound, content) < 0) {
        http_transaction_fail(t, 500, 0);
    }
}

void transaction_answer(struct http_transaction *t, const struct http_outbound *outbound,
                        struct span content)
{
    if (answer(t, outbound, content) < 0 && !t->is_over) {
        break_off(t);
    }
}

void http_transaction_fail(struct http_transaction *t, uint16_t status, uint32_t retry_after_s)
{
    if (t->is_over) {
        return;
    }
    if (t->status != 0 && t->ops->take_back != NULL && t->ops->take_back(t)) {
        t->status = 0; /* the peer gets an honest answer instead of half of one */
        t->body_out = 0;
        t->first_ns = 0;
    }
    if (t->status == 0) {
        page_answer(t, status < 400 || status > 599 ? 500 : status, retry_after_s);
        return;
    }
    break_off(t);
}

/* -- for the protocols ------------------------------------------------------------------------ */

void transaction_begin(struct http_transaction *t, struct http_connection *connection,
                       const struct http_transaction_ops *ops, uint64_t now_ns)
{
    t->ops = ops;
    t->connection = connection;
    t->callbacks = NULL;
    t->context = NULL;
    t->annex = NULL;
    t->body_max = UINT64_MAX;
    t->body_in = 0;
    t->body_out = 0;
    t->begin_ns = now_ns;
    t->first_ns = 0;
    t->status = 0;
    t->is_bodiless = false;
    t->is_over = false;
    t->is_counted = true;
    t->wants_read = false;
    t->wants_write = false;
    t->is_past_limit = false;
    t->takes_all = false;
    t->length = HTTP_LENGTH_UNKNOWN;
    t->outcome = HTTP_ANSWERED;
    t->id[0] = '\0';
    t->inbound.is_tls = connection->stream.tls != NULL;
    t->inbound.tls = connection->stream.tls;
    t->inbound.peer = connection->peer;
    t->inbound.local = connection->local;
    connection->requests++;
    connection->server->counts.requests++;
}

void transaction_run(struct http_transaction *t)
{
    struct http_server *server = t->connection->server;
    uint32_t max = server->options.limits.requests;
    if (max != 0 && server->counts.requests > max) {
        t->outcome = HTTP_REFUSED;
        server->counts.bad_requests++;
        page_answer(t, 503, 1);
        return;
    }
    server->options.on_request(server->options.context, t);
    if (!t->is_over && t->callbacks == NULL) {
        http_transaction_fail(t, 500, 0); /* a handler that neither answers nor stays */
    }
}

void transaction_readable(struct http_transaction *t)
{
    if (t->wants_read && !t->is_over && t->callbacks != NULL) {
        t->wants_read = false;
        deadline_stop(&t->body_deadline);
        t->callbacks->on_readable(t->context);
    }
}

void transaction_writable(struct http_transaction *t)
{
    if (t->wants_write && !t->is_over && t->callbacks != NULL) {
        t->wants_write = false;
        t->callbacks->on_writable(t->context);
    }
}

void transaction_abort(struct http_transaction *t, enum http_outcome outcome)
{
    bool was_over = t->is_over;
    set_over(t);
    if (t->outcome == HTTP_ANSWERED) {
        t->outcome = outcome;
    }
    if (!was_over && t->callbacks != NULL) {
        t->callbacks->on_abort(t->context);
    }
}

void transaction_done(struct http_transaction *t, uint64_t now_ns)
{
    struct http_server *server = t->connection->server;
    deadline_stop(&t->body_deadline);
    if (t->is_counted) {
        t->is_counted = false;
        server->counts.requests--;
    }
    if (server->options.on_done == NULL) {
        return;
    }
    const struct http_report report = {
        .status = t->first_ns != 0 ? t->status : 0,
        .outcome = t->outcome,
        .body_in = t->body_in,
        .body_out = t->body_out,
        .begin_ns = t->begin_ns,
        .first_ns = t->first_ns,
        .end_ns = now_ns,
    };
    server->options.on_done(server->options.context, t, &report);
}

int64_t transaction_wait_read(struct http_transaction *t)
{
    t->wants_read = true;
    if (t->body_deadline.queue == NULL) {
        (void)deadline_start(&t->connection->server->body, &t->body_deadline, loop_clock_ns());
    }
    return -EAGAIN;
}

int64_t transaction_took(struct http_transaction *t, size_t len)
{
    t->body_in += len;
    deadline_stop(&t->body_deadline);
    if (t->body_in > t->body_max) {
        t->is_past_limit = true;
        return -EMSGSIZE;
    }
    return (int64_t)len;
}
