/* An HTTP/1 connection: one request after the other.
 *
 * Happy path, round and round in go_on:
 *   1. bytes come; an exchange is taken from the spares
 *   2. read_head: the head is complete; begin: the transaction, and the handler
 *   3. the handler reads (h1_read) and writes (h1_respond.c), at once or over many turns
 *   4. it has ended: finish sends the rest, throws away an unread body, reports, and the next
 *      request's bytes, if they are there already, are moved to the front
 *
 * Failure modes: a bad head is answered and the connection closed; a bad body is an error for the
 * handler and the end of the connection after the response; a response that was broken off, or a
 * peer that left, ends it at once. */
#include "http/h1.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"

enum {
    IN_MIN = 8 << 10,
    IN_KEPT_MAX = 16 << 10, /* larger buffers are not kept for the next request */
    OUT_KEPT_MAX = 96 << 10,
    SPILL = 16 << 10,
    ROOM_MIN = 2 << 10,
    SPARES_MAX = 256,
    DRAIN_MAX = 256 << 10,
    REQUESTS_A_TURN = 32,
    LOGGED_LINE_MAX = 256,
};

static const char h2_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static const struct http_protocol h1_protocol;

static void go_on(struct http_connection *c);

/* -- exchanges and their buffers -------------------------------------------------------------- */

static void free_exchange(struct h1_exchange *x)
{
    h1_body_done(&x->body);
    buffer_done(&x->out);
    buffer_done(&x->held);
    free(x->in);
    free(x->spill);
    free(x);
}

static struct h1_exchange *new_exchange(const struct http_server *server)
{
    size_t room = server->options.limits.header_max * sizeof(struct http_header);
    struct h1_exchange *x = calloc(1, sizeof *x + room);
    if (x == NULL) {
        return NULL;
    }
    x->in = malloc(IN_MIN);
    if (x->in == NULL) {
        free(x);
        return NULL;
    }
    x->in_cap = IN_MIN;
    list_init(&x->node);
    return x;
}

static void rewind_rx(struct h1_exchange *x)
{
    x->rx = x->in;
    x->rx_cap = x->in_cap;
    x->rx_base = 0;
    x->at = 0;
    x->end = 0;
}

static bool take_exchange(struct http_connection *c)
{
    struct http_server *server = c->server;
    struct h1_exchange *x = NULL;
    if (!list_empty(&server->spares)) {
        x = container_of(server->spares.prev, struct h1_exchange, node);
        list_remove(&x->node);
        server->spare_count--;
    } else {
        x = new_exchange(server);
    }
    if (x == NULL) {
        return false;
    }
    x->c = c;
    rewind_rx(x);
    x->scan = (struct h1_scan){0};
    c->state = x;
    return true;
}

/* Large buffers are for the few requests that need them. */
static void shrink(struct h1_exchange *x)
{
    if (x->in_cap > IN_KEPT_MAX) {
        free(x->in);
        x->in = malloc(IN_MIN);
        x->in_cap = x->in != NULL ? IN_MIN : 0;
    }
    if (x->out.cap > OUT_KEPT_MAX) {
        buffer_done(&x->out);
    }
    free(x->spill);
    x->spill = NULL;
}

static void release_exchange(struct http_server *server, struct h1_exchange *x)
{
    shrink(x);
    h1_body_done(&x->body);
    x->c = NULL;
    x->is_active = false;
    if (server->spare_count >= SPARES_MAX || x->in == NULL) {
        free_exchange(x);
        return;
    }
    list_append(&server->spares, &x->node);
    server->spare_count++;
}

void h1_free_spares(struct http_server *server)
{
    struct list *node = server->spares.next;
    while (node != &server->spares) {
        struct h1_exchange *x = container_of(node, struct h1_exchange, node);
        node = node->next;
        free_exchange(x);
    }
    list_init(&server->spares);
}

/* -- receiving -------------------------------------------------------------------------------- */

static bool can_read(const struct http_connection *c)
{
    return c->stream.is_readable || net_stream_has_pending(&c->stream);
}

/* Make room for more of a body. Nothing is unread: framing takes all there is up to content, and
 * content is taken first. */
static int make_room(struct h1_exchange *x)
{
    assert(x->at == x->end);
    if (x->rx_cap - x->rx_base < ROOM_MIN) {
        if (x->spill == NULL) {
            x->spill = malloc(SPILL);
        }
        if (x->spill == NULL) {
            return -ENOMEM;
        }
        x->rx = x->spill;
        x->rx_cap = SPILL;
        x->rx_base = 0;
    }
    x->at = x->rx_base;
    x->end = x->rx_base;
    return 0;
}

/* Read more into rx. The number of bytes, 0 at the peer's end, or a negative errno; -ENOBUFS when
 * there is no room. */
static int64_t fill(struct h1_exchange *x)
{
    if (x->end == x->rx_cap) {
        return -ENOBUFS;
    }
    if (!can_read(x->c)) {
        return -EAGAIN;
    }
    int64_t n = net_stream_read(&x->c->stream, x->rx + x->end, x->rx_cap - x->end);
    if (n > 0) {
        x->end += (size_t)n;
    }
    return n;
}

/* Let the head's buffer grow, before anything points into it. */
static int grow_in(struct h1_exchange *x)
{
    size_t max = x->c->server->options.limits.head_max + (size_t)IN_MIN;
    if (x->in_cap >= max) {
        return -ENOBUFS;
    }
    size_t cap = x->in_cap * 2 < max ? x->in_cap * 2 : max;
    uint8_t *in = realloc(x->in, cap);
    if (in == NULL) {
        return -ENOMEM;
    }
    x->in = in;
    x->in_cap = cap;
    x->rx = in;
    x->rx_cap = cap;
    return 0;
}

/* Copy content that has been received already. Returns its length, 0 when framing or the end comes
 * next, or -EPROTO. */
static int64_t take_received(struct h1_exchange *x, uint8_t *to, size_t len)
{
    size_t got = 0;
    while (got < len && !x->body.is_done) {
        size_t content = 0;
        int64_t n = h1_body_frame(&x->body, x->rx + x->at, x->end - x->at, &content);
        if (n < 0) {
            x->keep_alive = false;
            return got > 0 ? (int64_t)got : -EPROTO;
        }
        x->at += (size_t)n;
        if (content == 0) {
            break;
        }
        size_t take = content < len - got ? content : len - got;
        memcpy(to + got, x->rx + x->at, take);
        h1_body_take(&x->body, take);
        x->at += take;
        got += take;
    }
    return (int64_t)got;
}

/* Does content come next from the peer, that nothing has to look at? */
static bool is_direct(const struct h1_exchange *x)
{
    return x->at == x->end && h1_body_direct(&x->body) > 0 && can_read(x->c);
}

/* Read content straight to where it is wanted. As net_stream_read. */
static int64_t read_direct(struct h1_exchange *x, uint8_t *to, size_t len)
{
    uint64_t left = h1_body_direct(&x->body);
    int64_t n = net_stream_read(&x->c->stream, to, len < left ? len : (size_t)left);
    if (n > 0) {
        h1_body_take(&x->body, (size_t)n);
    }
    return n;
}

int64_t h1_read(struct http_transaction *t, uint8_t *to, size_t len)
{
    struct h1_exchange *x = container_of(t, struct h1_exchange, t);
    h1_continue(x);
    int64_t n = 0;
    do {
        n = take_received(x, to, len);
        if (n != 0) {
            return n > 0 ? transaction_took(t, (size_t)n) : n;
        }
        if (x->body.is_done) {
            return 0;
        }
        if (is_direct(x)) {
            n = read_direct(x, to, len);
            if (n > 0) {
                return transaction_took(t, (size_t)n);
            }
        } else {
            n = make_room(x);
            n = n == 0 ? fill(x) : n;
        }
    } while (n > 0);
    if (n == -EAGAIN) {
        return transaction_wait_read(t);
    }
    http_connection_doom(x->c);
    return -ECONNRESET;
}

uint32_t h1_trailers(struct http_transaction *t, const struct http_header **ret_trailers)
{
    struct h1_exchange *x = container_of(t, struct h1_exchange, t);
    *ret_trailers = x->trailers;
    return x->body.is_done ? h1_body_trailers(&x->body, x->trailers, H1_TRAILER_COUNT_MAX) : 0;
}

/* -- beginning a request ---------------------------------------------------------------------- */

static void fill_inbound(struct h1_exchange *x)
{
    struct http_inbound *inbound = &x->t.inbound;
    const struct h1_head *head = &x->head;
    inbound->method = head->method;
    inbound->target = head->target;
    inbound->authority = head->authority;
    inbound->path = head->path;
    inbound->query = head->query;
    inbound->has_query = head->has_query;
    inbound->version = head->minor == 0 ? 10 : 11;
    inbound->headers = head->headers;
    inbound->header_count = head->header_count;
    inbound->has_body = head->body != H1_BODY_NONE;
    inbound->content_length =
        head->body == H1_BODY_CHUNKED ? HTTP_LENGTH_UNKNOWN : (int64_t)head->content_length;
}

static void begin(struct http_connection *c)
{
    struct h1_exchange *x = c->state;
    fill_inbound(x);
    h1_body_init(&x->body, &x->head);
    h1_respond_reset(x);
    x->is_active = true;
    x->is_draining = false;
    x->drained = 0;
    x->keep_alive = x->head.keep_alive;
    x->needs_continue = x->head.expects_continue && x->head.body != H1_BODY_NONE;
    transaction_begin(&x->t, c, &h1_ops, loop_clock_ns());
    http_connection_enter(c, PHASE_ACTIVE, NULL /* queue */, 0);
    transaction_run(&x->t);
}

/* What the front answers itself to a head that it cannot take. */
static void refuse(struct http_connection *c, uint16_t status)
{
    struct h1_exchange *x = c->state;
    const uint8_t *line = x->rx + x->at;
    size_t len = x->end - x->at < LOGGED_LINE_MAX ? x->end - x->at : LOGGED_LINE_MAX;
    const uint8_t *line_end = memchr(line, '\r', len);
    x->head = (struct h1_head){.target = {line, line_end != NULL ? (size_t)(line_end - line) : len},
                               .minor = 1};
    fill_inbound(x);
    h1_body_init(&x->body, &x->head);
    h1_respond_reset(x);
    x->is_active = true;
    x->is_draining = false;
    x->keep_alive = false;
    x->needs_continue = false;
    transaction_begin(&x->t, c, &h1_ops, loop_clock_ns());
    http_connection_enter(c, PHASE_ACTIVE, NULL /* queue */, 0);
    x->t.outcome = HTTP_REFUSED;
    c->server->counts.bad_requests++;
    page_answer(&x->t, status, 0);
}

/* Hand the connection over to HTTP/2, if its first bytes say so: 1 when they do, -EAGAIN when they
 * may, 0 when they do not. */
static int check_h2(struct http_connection *c)
{
    struct h1_exchange *x = c->state;
    size_t have = x->end;
    size_t len = sizeof h2_preface - 1;
    if (c->requests > 0 || c->stream.tls != NULL || !c->listener->options.offers_h2 ||
        memcmp(x->rx, h2_preface, have < len ? have : len) != 0) {
        return 0;
    }
    if (have < len) {
        return -EAGAIN;
    }
    struct http_server *server = c->server;
    c->state = NULL;
    c->protocol = NULL;
    h2_open(c, (struct span){x->rx, have});
    release_exchange(server, x);
    return 1;
}

/* Nothing of a request is here: wait for one, holding no buffer. */
static void rest(struct http_connection *c)
{
    struct http_server *server = c->server;
    struct h1_exchange *x = c->state;
    if (x != NULL) {
        c->state = NULL;
        release_exchange(server, x);
    }
    if (c->requests == 0) {
        if (c->phase != PHASE_IDLE) { /* its first head is awaited, from now on */
            http_connection_enter(c, PHASE_IDLE, &server->head, loop_clock_ns());
        }
    } else if (c->phase != PHASE_IDLE) {
        http_connection_enter(c, PHASE_IDLE, &server->idle, loop_clock_ns());
    }
}

/* A head has begun: it has header_ns from its first byte, or from accept. */
static void await_head(struct http_connection *c)
{
    struct deadline_queue *queue = &c->server->head;
    if (c->phase == PHASE_HEAD) {
        return;
    }
    if (c->phase == PHASE_IDLE && c->deadline.queue == queue) {
        http_connection_set_phase(c, PHASE_HEAD);
    } else {
        http_connection_enter(c, PHASE_HEAD, queue, loop_clock_ns());
    }
}

/* Look for a whole head in what has been received. As h1_head_find; -EALREADY when HTTP/2 has taken
 * the connection over. */
static int64_t find_head(struct http_connection *c, const struct h1_limits *limits)
{
    struct h1_exchange *x = c->state;
    if (x->end == 0 || x->scan.at == x->end) {
        return 0;
    }
    int h2 = x->rx[0] == 'P' ? check_h2(c) : 0;
    if (h2 != 0) {
        return h2 > 0 ? -EALREADY : 0;
    }
    return h1_head_find(&x->scan, x->rx, x->end, limits);
}

/* A whole head of `len` bytes is there: begin its request, or refuse it. */
static void take_head(struct http_connection *c, size_t len, const struct h1_limits *limits)
{
    struct h1_exchange *x = c->state;
    size_t from = x->scan.begin;
    x->rx_base = len;
    x->at = len;
    int status = h1_head_parse(x->rx + from, len - from, limits, x->headers, &x->head);
    if (status != 0) {
        x->at = from;
        refuse(c, (uint16_t)status);
    } else {
        begin(c);
    }
}

/* Receive more of a head. False when there is nothing to do until more comes, or the connection has
 * been closed. */
static bool receive_head(struct http_connection *c)
{
    struct h1_exchange *x = c->state;
    int r = x->end == x->rx_cap ? grow_in(x) : 0;
    int64_t n = r == 0 ? fill(x) : r;
    if (n == -EAGAIN && x->end == 0) {
        rest(c);
    } else if (n == -EAGAIN) {
        await_head(c);
    } else if (n <= 0) {
        http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
    }
    return n > 0;
}

/* Read until a head is complete. True: its request has begun, or has been refused; false: it is not
 * complete, or the connection is no longer ours. */
static bool read_head(struct http_connection *c)
{
    const struct http_limits *limits = &c->server->options.limits;
    const struct h1_limits h1_limits = {limits->head_max, limits->target_max, limits->header_max};
    if (c->state == NULL && !can_read(c)) {
        rest(c);
        return false;
    }
    if (c->state == NULL && !take_exchange(c)) {
        http_connection_close(c, true /* reset */, HTTP_PEER_LEFT);
        return false;
    }
    int64_t n = 0;
    do {
        n = find_head(c, &h1_limits);
    } while (n == 0 && receive_head(c));
    if (n > 0) {
        take_head(c, (size_t)n, &h1_limits);
    } else if (n < 0 && n != -EALREADY) {
        refuse(c, (uint16_t)-n);
    }
    return n != 0 && n != -EALREADY;
}

/* -- ending a request ------------------------------------------------------------------------- */

/* Throw away what is left of the request's body, so that the next request begins where it should.
 * True when all of it has gone; false when more must come, or the connection is to close
 * (keep_alive). */
static bool drain_body(struct h1_exchange *x)
{
    while (!x->body.is_done && x->keep_alive) {
        size_t content = 0;
        int64_t n = h1_body_frame(&x->body, x->rx + x->at, x->end - x->at, &content);
        if (n < 0) {
            x->keep_alive = false;
            return false;
        }
        x->at += (size_t)n + content;
        x->drained += (uint64_t)n + content;
        h1_body_take(&x->body, content);
        if (n > 0 || content > 0) {
            continue;
        }
        bool is_too_much =
            x->drained > DRAIN_MAX || (x->body.kind == H1_BODY_LENGTH && x->body.left > DRAIN_MAX);
        n = is_too_much ? -ENOBUFS : make_room(x);
        n = n == 0 ? fill(x) : n;
        if (n == -EAGAIN) {
            return false;
        }
        x->keep_alive = n > 0;
    }
    return x->body.is_done;
}

/* Forget the request; what has come behind it is the next one's beginning. */
static void next_request(struct h1_exchange *x)
{
    size_t left = x->end - x->at;
    const uint8_t *from = x->rx + x->at;
    if (left > x->in_cap) { /* more than the head's buffer takes: the spill takes its place */
        free(x->in);
        x->in = x->spill;
        x->in_cap = SPILL;
        x->spill = NULL;
    }
    memmove(x->in, from, left);
    h1_body_done(&x->body);
    rewind_rx(x);
    x->end = left;
    x->scan = (struct h1_scan){0};
}

static void close_after(struct http_connection *c)
{
    struct h1_exchange *x = c->state;
    struct http_server *server = c->server;
    /* What the peer has sent and nobody has read would turn into a RST, and the RST would overtake
     * the response. A peer that did not ask for the end may be sending just now. */
    bool may_send = !x->body.is_done || x->at < x->end || can_read(c) || x->head.keep_alive ||
                    x->t.outcome == HTTP_REFUSED;
    if (!may_send) {
        http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
        return;
    }
    c->state = NULL;
    release_exchange(server, x);
    http_connection_linger(c);
}

/* The handler has ended. True when the connection is ready for its next request; otherwise it waits,
 * or has been closed. */
static bool finish(struct http_connection *c)
{
    struct h1_exchange *x = c->state;
    int r = c->is_doomed ? -EPIPE : h1_flush(x);
    if (x->is_broken || (r < 0 && r != -EAGAIN)) {
        http_connection_close(c, true /* reset */, HTTP_PEER_LEFT);
        return false;
    }
    if (r == -EAGAIN) {
        (void)drain_body(x); /* the peer may send all of it before it reads */
        return false;        /* the write timeout runs */
    }
    if (!drain_body(x) && x->keep_alive) {
        if (!x->is_draining) {
            x->is_draining = true;
            http_connection_enter(c, PHASE_ACTIVE, &c->server->head, loop_clock_ns());
        }
        return false;
    }
    x->is_active = false;
    transaction_done(&x->t, loop_clock_ns());
    loop_deferred_cancel(&c->turn);
    if (!x->keep_alive) {
        close_after(c);
        return false;
    }
    next_request(x);
    return true;
}

/* A request is under way and its handler has not ended. */
static void attend(struct http_connection *c)
{
    if (c->stream.is_ending && c->deadline.queue == NULL) {
        http_connection_enter(c, PHASE_ACTIVE, &c->server->fin, loop_clock_ns());
    }
}

/* Go round until there is something to wait for. May close the connection. */
static void go_on(struct http_connection *c)
{
    for (int served = 0; served < REQUESTS_A_TURN; served++) {
        struct h1_exchange *x = c->state;
        if (x == NULL || !x->is_active) {
            if (!read_head(c)) {
                return;
            }
            x = c->state;
        }
        if (!x->t.is_over) {
            attend(c);
            return; /* also when it is doomed: its turn comes */
        }
        if (!finish(c)) {
            return;
        }
    }
    http_connection_defer(c); /* others have their turn */
}

/* -- the protocol ----------------------------------------------------------------------------- */

static void tell_writable(struct h1_exchange *x)
{
    transaction_writable(&x->t);
    h1_watch_write(x, 0); /* a handler with nothing to write just now keeps nobody waiting */
}

static void on_ready(struct http_connection *c, unsigned events)
{
    struct h1_exchange *x = c->state;
    if (x == NULL || !x->is_active) {
        go_on(c);
        return;
    }
    if (c->is_doomed || (events & (LOOP_CLOSED | LOOP_ERROR)) != 0) {
        http_connection_close(c, true /* reset */, HTTP_PEER_LEFT);
        return;
    }
    if (!x->t.is_over && (events & LOOP_READ) != 0) {
        transaction_readable(&x->t);
    }
    if (!x->t.is_over && !c->is_doomed && (events & LOOP_WRITE) != 0) {
        bool is_held = x->t.status != 0 && x->framing == FRAMING_UNDECIDED; /* until its turn */
        int r = is_held ? 0 : h1_flush(x);
        if (r < 0 && r != -EAGAIN) {
            http_connection_close(c, true /* reset */, HTTP_PEER_LEFT);
            return;
        }
        if (r == 0) {
            tell_writable(x);
        }
    }
    go_on(c);
}

static void on_turn(struct http_connection *c)
{
    struct h1_exchange *x = c->state;
    if (x != NULL && x->is_active && !x->t.is_over) {
        if (x->t.status != 0) {
            x->t.ops->flush(&x->t);
        } else if (h1_flush(x) < 0) {
            return; /* an interim response: the write timeout runs, or an edge tells of the end */
        }
        if (c->is_doomed) {
            http_connection_close(c, true /* reset */, HTTP_PEER_LEFT);
            return;
        }
        /* A peer that takes all at once gives no edge. */
        if (h1_pending(x) == 0) {
            tell_writable(x);
        }
    }
    go_on(c);
}

/* The request is over for its handler, and the front answers in its place. */
static void answer_instead(struct http_connection *c, uint16_t status)
{
    struct h1_exchange *x = c->state;
    if (x->t.status != 0) {
        http_connection_close(c, true /* reset */, x->t.outcome);
        return;
    }
    x->keep_alive = false;
    x->t.is_over = false;
    page_answer(&x->t, status, 0);
    go_on(c);
}

static void on_body_deadline(struct http_connection *c, struct http_transaction *t)
{
    transaction_abort(t, HTTP_BODY_TIMEOUT);
    answer_instead(c, 408);
}

static void on_deadline(struct http_connection *c, const struct deadline_queue *queue)
{
    struct http_server *server = c->server;
    struct h1_exchange *x = c->state;
    if (queue == &server->write) {
        server->counts.timed_out[3]++;
        http_connection_close(c, true /* reset */, HTTP_WRITE_TIMEOUT);
    } else if (queue == &server->idle) {
        server->counts.timed_out[4]++;
        http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
    } else if (queue == &server->head && x != NULL && !x->is_active) {
        server->counts.timed_out[1]++;
        refuse(c, 408);
        go_on(c);
    } else if (queue == &server->head && x != NULL) {
        server->counts.timed_out[2]++; /* the rest of an unread body did not come */
        x->keep_alive = false;
        go_on(c);
    } else {
        server->counts.timed_out[1] += queue == &server->head;
        /* An orderly end would make half a response look like all of it. */
        http_connection_close(c, x != NULL && x->is_active /* reset */, HTTP_PEER_LEFT);
    }
}

/* Nothing to do yet: the next response says that it is the last (server_is_last), and whoever sends
 * no request is closed once the server's drain is quiet. */
static void drain(struct http_connection *c)
{
    (void)c;
}

static void close_h1(struct http_connection *c, enum http_outcome outcome)
{
    struct h1_exchange *x = c->state;
    if (x == NULL) {
        return;
    }
    if (x->is_active) {
        /* While it is draining, the response has been sent. */
        transaction_abort(&x->t, x->is_draining ? HTTP_ANSWERED : outcome);
        transaction_done(&x->t, loop_clock_ns());
    }
    c->state = NULL;
    release_exchange(c->server, x);
}

static const struct http_protocol h1_protocol = {
    .name = "http/1.1",
    .on_ready = on_ready,
    .on_turn = on_turn,
    .on_deadline = on_deadline,
    .on_body_deadline = on_body_deadline,
    .drain = drain,
    .close = close_h1,
};

void h1_open(struct http_connection *c, struct span data)
{
    assert(data.len == 0);
    c->protocol = &h1_protocol;
    c->state = NULL;
    rest(c);
    if (can_read(c)) {
        go_on(c);
    }
}
