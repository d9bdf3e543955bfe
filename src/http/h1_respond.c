/* HTTP/1 responses: heads, framing, and sending without more copies than needed.
 *
 * Small pieces are gathered and sent in the connection's turn, or when the response ends; large ones
 * go from the caller's memory to the kernel. While nothing has been sent, the framing is undecided:
 * a response that ends before gets its length, unless it has trailers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "http/h1.h"

enum {
    OUT_MAX = 512 << 10, /* a head, and content up to OUT_ROOM */
    OUT_ROOM = 64 << 10, /* pending bytes past which a write has to wait */
    HELD_MAX = 16 << 10,
    DIRECT_MIN = 4 << 10, /* pieces from here on are not copied */
    CHUNK_MAX = 64 << 10,
    CHUNK_LINE_MAX = 20,
    PROGRESS_MIN = 4 << 10,
    TAKES_ALL_MAX = 64 << 20,
};

static struct h1_exchange *exchange_of(struct http_transaction *t)
{
    return container_of(t, struct h1_exchange, t);
}

void h1_respond_reset(struct h1_exchange *x)
{
    x->out.len = 0;
    x->out.max = OUT_MAX;
    x->out_at = 0;
    x->held.len = 0;
    x->held.max = HELD_MAX;
    x->framing = FRAMING_UNDECIDED;
    x->is_broken = false;
}

/* -- sending ---------------------------------------------------------------------------------- */

/* A peer that takes a byte now and then is as good as one that takes none: only PROGRESS_MIN bytes
 * begin the timeout anew. */
void h1_watch_write(struct h1_exchange *x, size_t sent)
{
    struct http_connection *c = x->c;
    struct deadline_queue *queue = &c->server->write;
    if (h1_pending(x) == 0 && !x->t.wants_write) {
        if (c->deadline.queue == queue) {
            deadline_stop(&c->deadline);
        }
        return;
    }
    x->progress += sent;
    if (x->progress >= PROGRESS_MIN || c->deadline.queue != queue) {
        x->progress = 0;
        (void)deadline_start(queue, &c->deadline, loop_clock_ns()); /* else a little late */
    }
}

/* Forget what has been sent once it is more than what has not: a peer that is always a little behind
 * would have the buffer grow for ever. */
static void compact(struct h1_exchange *x)
{
    if (x->out_at >= h1_pending(x)) {
        buffer_consume(&x->out, x->out_at);
        x->response_at -= x->response_at < x->out_at ? x->response_at : x->out_at;
        x->out_at = 0;
    }
}

/* Send what is pending and `pieces` behind it. The number of bytes of `pieces` that went, -EAGAIN
 * when not even all that is pending did, or another negative errno. */
static int64_t send_now(struct h1_exchange *x, const struct iovec *pieces, int count)
{
    struct iovec all[4];
    int used = 0;
    size_t pending = h1_pending(x);
    if (pending > 0) {
        all[used++] = (struct iovec){x->out.data + x->out_at, pending};
    }
    for (int i = 0; i < count; i++) {
        all[used++] = pieces[i];
    }
    int64_t n = net_stream_write(&x->c->stream, all, used);
    if (n < 0) {
        if (n == -EAGAIN) {
            /* TLS may have sealed the first bytes: they can only be followed by the rest. */
            x->has_left = x->has_left || x->c->stream.tls != NULL;
            h1_watch_write(x, 0);
            return pending > 0 ? -EAGAIN : 0;
        }
        return n;
    }
    size_t sent = (size_t)n;
    x->has_left = x->has_left || sent > 0;
    if (sent < pending) {
        x->out_at += sent;
        compact(x);
        h1_watch_write(x, sent);
        return -EAGAIN;
    }
    x->out.len = 0;
    x->out_at = 0;
    h1_watch_write(x, sent);
    return (int64_t)(sent - pending);
}

int h1_flush(struct h1_exchange *x)
{
    while (h1_pending(x) > 0) {
        int64_t n = send_now(x, NULL, 0);
        if (n < 0) {
            return (int)n;
        }
    }
    return 0;
}

/* -- heads ------------------------------------------------------------------------------------ */

static int append(struct buffer *out, const char *text)
{
    return buffer_append(out, span_of(text));
}

static size_t print_u64(char text[CHUNK_LINE_MAX], uint64_t value)
{
    char digits[CHUNK_LINE_MAX];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++) {
        text[i] = digits[count - 1 - i];
    }
    return count;
}

static int put_status_line(struct h1_exchange *x, uint16_t status)
{
    if (status == 200) {
        return append(&x->out, "HTTP/1.1 200 OK\r\n");
    }
    return buffer_printf(&x->out, "HTTP/1.1 %u %s\r\n", status, status_text(status));
}

static int put_headers(struct h1_exchange *x, const struct http_outbound *outbound)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < outbound->header_count; i++) {
        const struct http_header *header = &outbound->headers[i];
        if (http_is_ours(header->name)) {
            continue;
        }
        r = buffer_reserve(&x->out, header->name.len + header->value.len + 4);
        if (r == 0) {
            (void)buffer_append(&x->out, header->name); /* there is room */
            (void)append(&x->out, ": ");
            (void)buffer_append(&x->out, header->value);
            (void)append(&x->out, "\r\n");
        }
    }
    return r;
}

static int put_length(struct h1_exchange *x, uint64_t length)
{
    char digits[CHUNK_LINE_MAX];
    size_t count = print_u64(digits, length);
    int r = append(&x->out, "Content-Length: ");
    if (r == 0) {
        r = buffer_append(&x->out, (struct span){(const uint8_t *)digits, count});
    }
    return r == 0 ? append(&x->out, "\r\n") : r;
}

static int put_connection(struct h1_exchange *x)
{
    if (x->needs_continue) {
        x->keep_alive = false; /* nobody knows whether the peer will send the body */
    }
    if (!x->keep_alive) {
        return append(&x->out, "Connection: close\r\n");
    }
    return x->head.minor == 0 ? append(&x->out, "Connection: keep-alive\r\n") : 0;
}

/* The lines that say where the content ends, if that is known already. */
static int put_framing(struct h1_exchange *x)
{
    struct http_transaction *t = &x->t;
    int r = 0;
    if (t->is_bodiless) {
        x->framing = FRAMING_NONE;
        if (t->length >= 0 && t->status != 204) {
            r = put_length(x, (uint64_t)t->length);
        }
    } else if (t->length >= 0) {
        x->framing = FRAMING_LENGTH;
        r = put_length(x, (uint64_t)t->length);
    } else {
        x->framing = FRAMING_UNDECIDED;
        return 0;
    }
    if (r == 0) {
        r = put_connection(x);
    }
    return r == 0 ? append(&x->out, "\r\n") : r;
}

static int h1_respond(struct http_transaction *t, const struct http_outbound *outbound)
{
    struct h1_exchange *x = exchange_of(t);
    size_t before = x->out.len;
    x->keep_alive = x->keep_alive && !server_is_last(x->c->server, x->c);
    int r = put_status_line(x, outbound->status);
    if (r == 0) {
        r = buffer_append(&x->out, server_date_block(x->c->server));
    }
    if (r == 0) {
        r = put_headers(x, outbound);
    }
    if (r == 0) {
        r = put_framing(x);
    }
    if (r < 0) {
        x->out.len = before;
        return r;
    }
    x->response_at = before;
    x->has_left = false;
    t->first_ns = loop_clock_ns();
    http_connection_defer(x->c);
    return 0;
}

static bool h1_take_back(struct http_transaction *t)
{
    struct h1_exchange *x = exchange_of(t);
    if (x->has_left) {
        return false;
    }
    x->out.len = x->response_at;
    x->held.len = 0;
    x->framing = FRAMING_UNDECIDED;
    return true;
}

static int h1_interim(struct http_transaction *t, const struct http_outbound *outbound)
{
    struct h1_exchange *x = exchange_of(t);
    size_t before = x->out.len;
    int r = put_status_line(x, outbound->status);
    if (r == 0) {
        r = put_headers(x, outbound);
    }
    if (r == 0) {
        r = append(&x->out, "\r\n");
    }
    if (r < 0) {
        x->out.len = before;
        return r;
    }
    http_connection_defer(x->c);
    return 0;
}

/* Put text into `out` before a response of which nothing has left. */
static int insert(struct h1_exchange *x, const char *text)
{
    size_t len = strlen(text);
    size_t at = x->t.status != 0 ? x->response_at : x->out.len;
    int r = buffer_reserve(&x->out, len);
    if (r == 0) {
        memmove(x->out.data + at + len, x->out.data + at, x->out.len - at);
        memcpy(x->out.data + at, text, len);
        x->out.len += len;
        x->response_at = at + len;
    }
    return r;
}

void h1_continue(struct h1_exchange *x)
{
    bool is_late = x->t.status != 0 && x->has_left;
    if (!x->needs_continue || is_late || insert(x, "HTTP/1.1 100 Continue\r\n\r\n") < 0) {
        return;
    }
    x->needs_continue = false;
    /* The response may not go with it: it is not decided yet. */
    struct iovec piece = {x->out.data + x->out_at, x->response_at - x->out_at};
    int64_t n = net_stream_write(&x->c->stream, &piece, 1);
    if (n > 0) {
        x->out_at += (size_t)n;
        compact(x);
    } else if (n != -EAGAIN) {
        http_connection_doom(x->c);
    }
    h1_watch_write(x, n > 0 ? (size_t)n : 0);
}

/* -- content ---------------------------------------------------------------------------------- */

static int put_chunk(struct h1_exchange *x, struct span content)
{
    int r = buffer_reserve(&x->out, content.len + CHUNK_LINE_MAX);
    if (r == 0) {
        r = buffer_printf(&x->out, "%zx\r\n", content.len);
    }
    if (r == 0) {
        r = buffer_append(&x->out, content);
    }
    return r == 0 ? append(&x->out, "\r\n") : r;
}

/* The response will not fit into one piece: choose a framing without a length. */
static int decide(struct h1_exchange *x)
{
    struct span held = buffer_span(&x->held);
    int r = 0;
    if (x->head.minor == 0) {
        x->framing = FRAMING_CLOSE;
        x->keep_alive = false;
    } else {
        x->framing = FRAMING_CHUNKED;
        r = append(&x->out, "Transfer-Encoding: chunked\r\n");
    }
    if (r == 0) {
        r = put_connection(x);
    }
    if (r == 0) {
        r = append(&x->out, "\r\n");
    }
    if (r == 0 && held.len > 0) {
        r = x->framing == FRAMING_CHUNKED ? put_chunk(x, held) : buffer_append(&x->out, held);
    }
    x->held.len = 0;
    return r;
}

/* All of the content is there: its length is known. */
static int decide_length(struct h1_exchange *x)
{
    struct span held = buffer_span(&x->held);
    x->framing = FRAMING_LENGTH;
    int r = put_length(x, held.len);
    if (r == 0) {
        r = put_connection(x);
    }
    if (r == 0) {
        r = append(&x->out, "\r\n");
    }
    if (r == 0) {
        r = buffer_append(&x->out, held);
    }
    x->held.len = 0;
    return r;
}

/* Inside a handler's call a broken connection is only noted. */
static int64_t broken(struct h1_exchange *x, int64_t r)
{
    if (r == -ENOMEM) {
        return r;
    }
    http_connection_doom(x->c);
    return -EPIPE;
}

static int64_t write_plain(struct h1_exchange *x, const uint8_t *bytes, size_t len)
{
    size_t pending = h1_pending(x);
    if (x->t.takes_all || (len < DIRECT_MIN && pending + len <= HELD_MAX)) {
        int r = buffer_append(&x->out, (struct span){bytes, len});
        http_connection_defer(x->c);
        return r < 0 ? broken(x, r) : (int64_t)len;
    }
    struct iovec piece = {(void *)(uintptr_t)bytes, len}; /* only read */
    int64_t n = send_now(x, &piece, 1);
    if (n == 0) {
        x->t.wants_write = true; /* nothing is pending, and yet the peer has something to take */
        h1_watch_write(x, 0);
        return -EAGAIN;
    }
    return n < 0 && n != -EAGAIN ? broken(x, n) : n;
}

/* A chunk that was announced must come whole: what the kernel does not take is kept. */
static int64_t write_chunk(struct h1_exchange *x, const uint8_t *bytes, size_t len)
{
    if (len < DIRECT_MIN && h1_pending(x) + len <= HELD_MAX) {
        int r = put_chunk(x, (struct span){bytes, len});
        http_connection_defer(x->c);
        return r < 0 ? broken(x, r) : (int64_t)len;
    }
    if (h1_pending(x) > OUT_ROOM) {
        int r = h1_flush(x);
        if (r < 0) {
            return r == -EAGAIN ? r : broken(x, r);
        }
    }
    len = len < CHUNK_MAX ? len : CHUNK_MAX;
    char line[CHUNK_LINE_MAX];
    int line_len = snprintf(line, sizeof line, "%zx\r\n", len); /* always fits */
    static char crlf[] = {'\r', '\n'};
    const struct iovec pieces[] = {
        {line, (size_t)line_len}, {(void *)(uintptr_t)bytes, len}, {crlf, sizeof crlf}};
    int64_t n = send_now(x, pieces, 3);
    if (n < 0 && n != -EAGAIN) {
        return broken(x, n);
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_COUNT(pieces); i++) {
        size_t gone = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
        sent -= gone;
        r = buffer_append(&x->out, (struct span){(const uint8_t *)pieces[i].iov_base + gone,
                                                 pieces[i].iov_len - gone});
    }
    if (r < 0) {
        return broken(x, -EPIPE); /* half a chunk cannot be taken back */
    }
    h1_watch_write(x, 0);
    return (int64_t)len;
}

static int64_t h1_write(struct http_transaction *t, const uint8_t *bytes, size_t len)
{
    struct h1_exchange *x = exchange_of(t);
    if (t->takes_all && x->out.max < TAKES_ALL_MAX) {
        x->out.max = TAKES_ALL_MAX;
    }
    if (x->framing == FRAMING_UNDECIDED) {
        if (x->held.len + len <= HELD_MAX) {
            int r = buffer_append(&x->held, (struct span){bytes, len});
            http_connection_defer(x->c);
            return r < 0 ? broken(x, r) : (int64_t)len;
        }
        if (decide(x) < 0) {
            return broken(x, -EPIPE); /* half a head cannot be taken back */
        }
    }
    return x->framing == FRAMING_CHUNKED ? write_chunk(x, bytes, len) : write_plain(x, bytes, len);
}

static void h1_flush_op(struct http_transaction *t)
{
    struct h1_exchange *x = exchange_of(t);
    int r = x->framing == FRAMING_UNDECIDED ? decide(x) : 0;
    if (r == 0) {
        r = h1_flush(x);
    }
    if (r < 0 && r != -EAGAIN) {
        http_connection_doom(x->c);
    }
}

/* -- the end ---------------------------------------------------------------------------------- */

static int put_trailers(struct h1_exchange *x, const struct http_header *trailers, uint32_t count)
{
    int r = append(&x->out, "0\r\n");
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        const struct http_header *trailer = &trailers[i];
        if (!http_is_forbidden_trailer(trailer->name)) {
            r = buffer_printf(&x->out, "%.*s: %.*s\r\n", (int)trailer->name.len,
                              (const char *)trailer->name.data, (int)trailer->value.len,
                              (const char *)trailer->value.data);
        }
    }
    return r == 0 ? append(&x->out, "\r\n") : r;
}

static void h1_end(struct http_transaction *t, const struct http_header *trailers, uint32_t count)
{
    struct h1_exchange *x = exchange_of(t);
    int r = 0;
    if (x->framing == FRAMING_UNDECIDED) {
        r = count > 0 && x->head.minor > 0 ? decide(x) : decide_length(x);
    }
    if (r == 0 && x->framing == FRAMING_CHUNKED) {
        r = put_trailers(x, trailers, count);
    }
    if (r < 0) {
        http_connection_doom(x->c);
        return;
    }
    http_connection_defer(x->c);
}

static void h1_break_off(struct http_transaction *t)
{
    struct h1_exchange *x = exchange_of(t);
    x->is_broken = true;
    if (x->framing == FRAMING_UNDECIDED) { /* half a head helps nobody */
        x->out.len = 0;
        x->out_at = 0;
    }
    http_connection_defer(x->c);
}

const struct http_transaction_ops h1_ops = {
    .read = h1_read,
    .trailers = h1_trailers,
    .respond = h1_respond,
    .interim = h1_interim,
    .write = h1_write,
    .flush = h1_flush_op,
    .end = h1_end,
    .break_off = h1_break_off,
    .take_back = h1_take_back,
};
