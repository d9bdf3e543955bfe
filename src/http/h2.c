/* An HTTP/2 session on a connection: its bytes, its turns, its deadlines and its end.
 *
 * Happy path of a turn:
 *   1. what has come goes to nghttp2, whose callbacks leave news (h2_receive.c)
 *   2. the handlers are told, and read, respond and write
 *   3. all frames of the turn are gathered and sent in one go
 *   4. handlers that may write on are told; what they write goes out in the next turn
 *
 * Failure modes: the peer breaks the rules or asks too much: GOAWAY, and the end. It does not read:
 * we stop reading from it, and the write timeout runs. It gives no window: the same for that stream
 * alone. It leaves: each handler's on_abort. */
#include <errno.h>
#include <stdlib.h>

#include "base/container.h"
#include "http/h2.h"

enum {
    READ_MAX = 16 << 10,
    READS_A_TURN = 4, /* then other connections have their turn */
    WRITES_A_TURN = 4,
    SETTINGS_COUNT = 4,
};

static const struct http_protocol h2_protocol;

/* -- streams ---------------------------------------------------------------------------------- */

static void free_stream(struct h2_stream *stream)
{
    struct h2_session *s = stream->session;
    s->idle_ns = s->now_ns;
    s->content -= h2_queue_span(&stream->out).len;
    list_remove(&stream->node);
    list_remove(&stream->news_node);
    list_remove(&stream->held_node);
    h2_fields_done(&stream->head, s->lib);
    h2_fields_done(&stream->trailers, s->lib);
    buffer_done(&stream->cookie);
    h2_queue_done(&stream->in);
    h2_queue_done(&stream->out);
    h2_block_done(&stream->answer);
    h2_block_done(&stream->answer_trailers);
    free(stream);
}

/* Its transaction, where it has one, is over too. */
static void end_stream(struct h2_stream *stream)
{
    if (stream->stage == H2_STAGE_BEGUN) {
        transaction_done(&stream->t, stream->session->now_ns);
    }
    free_stream(stream);
}

void h2_stream_add_news(struct h2_stream *stream, unsigned news)
{
    stream->news |= (uint8_t)news;
    if (list_empty(&stream->news_node)) {
        list_append(&stream->session->news, &stream->news_node);
    }
}

static void refuse(struct h2_stream *stream)
{
    stream->t.outcome = HTTP_REFUSED;
    stream->session->c->server->counts.bad_requests++;
    page_answer(&stream->t, stream->refusal, 0);
}

static void begin_request(struct h2_stream *stream)
{
    struct h2_session *s = stream->session;
    struct http_connection *c = s->c;
    stream->stage = H2_STAGE_BEGUN;
    transaction_begin(&stream->t, c, &h2_ops, s->now_ns);
    if (stream->refusal != 0) {
        refuse(stream);
    } else {
        transaction_run(&stream->t);
    }
    if (s->goaway == H2_GOAWAY_NONE && server_is_last(c->server, c)) {
        h2_session_begin_goaway(s);
    } else if (s->goaway == H2_GOAWAY_NOTICE &&
               c->requests - s->last_requests > c->server->options.limits.http2_streams) {
        h2_session_end_goaway(s); /* it has had time to hear of it */
    }
}

/* nghttp2 has forgotten the stream. */
static void settle(struct h2_stream *stream)
{
    struct h2_session *s = stream->session;
    if (stream->stage != H2_STAGE_BEGUN) {
        s->c->server->counts.bad_requests += stream->stage == H2_STAGE_HEAD;
        free_stream(stream);
    } else if (stream->answer_state == H2_ANSWER_SENT) {
        list_remove(&stream->node);
        list_append(&s->sent, &stream->node); /* until the socket has taken it */
    } else {
        transaction_abort(&stream->t, stream->why);
        end_stream(stream);
    }
}

static void tell(struct h2_stream *stream)
{
    unsigned news = stream->news;
    stream->news = 0;
    list_remove(&stream->news_node);
    if ((news & H2_NEWS_REQUEST) != 0 && !stream->is_closed) {
        begin_request(stream);
    }
    bool is_begun = stream->stage == H2_STAGE_BEGUN;
    if ((news & H2_NEWS_READABLE) != 0 && is_begun) {
        transaction_readable(&stream->t);
    }
    /* Half a buffer is worth a handler's turn. */
    if ((news & H2_NEWS_WRITABLE) != 0 && is_begun &&
        h2_queue_room(&stream->out) >= H2_STREAM_OUT_MAX / 2) {
        transaction_writable(&stream->t);
    }
    if (stream->is_closed) {
        settle(stream);
    }
}

static void tell_all(struct h2_session *s)
{
    while (!list_empty(&s->news) && !s->c->is_doomed) {
        tell(container_of(s->news.next, struct h2_stream, news_node));
    }
}

/* The answers that the socket has taken are done. */
static void end_sent(struct h2_session *s)
{
    struct list *node = s->sent.next;
    while (node != &s->sent) {
        struct h2_stream *stream = container_of(node, struct h2_stream, node);
        node = node->next;
        if (stream->mark > s->written) {
            return;
        }
        end_stream(stream);
    }
}

/* -- goodbye ---------------------------------------------------------------------------------- */

void h2_session_terminate(struct h2_session *s, uint32_t code)
{
    if (s->is_broken) {
        return;
    }
    s->is_broken = true;
    if (s->lib->session_terminate_session(s->ng, code) < 0) {
        http_connection_doom(s->c);
    }
}

void h2_session_begin_goaway(struct h2_session *s)
{
    if (s->goaway != H2_GOAWAY_NONE) {
        return;
    }
    s->goaway = H2_GOAWAY_NOTICE;
    s->last_requests = s->c->requests;
    if (s->lib->submit_shutdown_notice(s->ng) < 0) {
        http_connection_doom(s->c);
    }
    h2_session_schedule(s);
}

/* nghttp2 would send a PING before all that waits, and its ACK is to say that the notice has been
 * read. */
void h2_session_notice_sent(struct h2_session *s)
{
    if (s->goaway == H2_GOAWAY_NOTICE &&
        s->lib->submit_ping(s->ng, NGHTTP2_FLAG_NONE, NULL /* opaque data */) < 0) {
        http_connection_doom(s->c);
    }
}

void h2_session_end_goaway(struct h2_session *s)
{
    int32_t last = s->lib->session_get_last_proc_stream_id(s->ng);
    s->goaway = H2_GOAWAY_FINAL;
    if (s->lib->submit_goaway(s->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR,
                              NULL /* opaque data */, 0) < 0) {
        http_connection_doom(s->c);
    }
    h2_session_schedule(s);
}

static void end_all(struct list *streams)
{
    struct list *node = streams->next;
    while (node != streams) {
        struct h2_stream *stream = container_of(node, struct h2_stream, node);
        node = node->next;
        end_stream(stream);
    }
}

/* Abort what runs, release all; the connection stays. */
static void close_h2(struct http_connection *c, enum http_outcome outcome)
{
    struct h2_session *s = c->state;
    s->now_ns = loop_clock_ns();
    for (struct list *node = s->streams.next; node != &s->streams; node = node->next) {
        struct h2_stream *stream = container_of(node, struct h2_stream, node);
        if (stream->stage == H2_STAGE_BEGUN) {
            transaction_abort(&stream->t, outcome);
        }
    }
    /* The last bytes of these were ours to send still. */
    for (struct list *node = s->sent.next; node != &s->sent; node = node->next) {
        transaction_abort(&container_of(node, struct h2_stream, node)->t, outcome);
    }
    end_all(&s->streams);
    end_all(&s->sent);
    s->lib->session_del(s->ng);
    h2_queue_done(&s->out);
    free(s);
    c->state = NULL;
}

/* All has been said. What the peer has sent and nobody has read would turn into a RST, which would
 * overtake our GOAWAY. */
static void part(struct http_connection *c)
{
    const struct h2_session *s = c->state;
    bool is_orderly = s->goaway == H2_GOAWAY_FINAL && !s->is_broken && !c->stream.is_readable;
    if (is_orderly || c->stream.is_ending) {
        http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
        return;
    }
    close_h2(c, HTTP_PEER_LEFT);
    http_connection_linger(c);
}

/* -- bytes ------------------------------------------------------------------------------------ */

static bool is_backed_up(const struct h2_session *s)
{
    return h2_queue_span(&s->out).len >= H2_OUT_TARGET;
}

/* Give nghttp2 what has come. 0 or a negative errno. */
static int feed(struct h2_session *s, struct span data)
{
    if (s->is_broken) {
        return 0;
    }
    uint32_t blocks = s->scan.blocks;
    h2_scan_pass(&s->scan, data);
    s->head_ns = blocks != s->scan.blocks ? s->now_ns : s->head_ns;
    if (s->scan.pieces > H2_CONTINUATIONS_MAX) {
        h2_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM);
        return 0;
    }
    ssize_t n = s->lib->session_mem_recv(s->ng, data.data, data.len);
    switch (n) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        h2_session_terminate(s, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        h2_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM);
        return 0;
    default:
        return n < 0 ? -EPROTO : 0;
    }
}

/* Read while there is something, and room for what it leads to. 0 or a negative errno. */
static int receive(struct h2_session *s)
{
    struct net_stream *stream = &s->c->stream;
    uint8_t bytes[READ_MAX];
    for (int i = 0; i < READS_A_TURN; i++) {
        if (is_backed_up(s) || !(stream->is_readable || net_stream_has_pending(stream))) {
            return 0;
        }
        int64_t n = net_stream_read(stream, bytes, sizeof bytes);
        if (n == -EAGAIN) {
            return 0;
        }
        if (n <= 0) {
            return -ECONNRESET;
        }
        int r = feed(s, (struct span){bytes, (size_t)n});
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Gather frames. 0 or a negative errno. */
static int gather(struct h2_session *s)
{
    int r = h2_submit_held(s);
    while (r == 0 && !is_backed_up(s)) {
        const uint8_t *data = NULL;
        ssize_t n = s->lib->session_mem_send(s->ng, &data);
        if (n <= 0) {
            return n < 0 ? -ENOMEM : 0;
        }
        s->queued += (uint64_t)n;
        r = h2_queue_append(&s->out, (struct span){data, (size_t)n});
    }
    return r;
}

/* Send what has been gathered. 0 when all of it went, -EAGAIN, or another negative errno. */
static int send_out(struct h2_session *s)
{
    struct span out = h2_queue_span(&s->out);
    if (s->stuck_ns != 0 && !s->c->stream.is_writable) {
        return -EAGAIN;
    }
    uint8_t *base = s->out.bytes.data + s->out.at;
    const struct iovec piece = {.iov_base = base, .iov_len = out.len};
    int64_t n = net_stream_write(&s->c->stream, &piece, 1);
    if (n < 0 && n != -EAGAIN) {
        return (int)n;
    }
    if (n > 0) {
        h2_queue_consume(&s->out, (size_t)n);
        s->written += (uint64_t)n;
        s->stuck_ns = 0;
    }
    if (n == (int64_t)out.len) {
        return 0;
    }
    s->stuck_ns = s->stuck_ns != 0 ? s->stuck_ns : s->now_ns;
    return -EAGAIN;
}

/* Gather and send until there is nothing to send, or no room, or others have waited enough. 0 or a
 * negative errno. */
static int flush(struct h2_session *s)
{
    int r = 0;
    for (int i = 0; r == 0 && i < WRITES_A_TURN; i++) {
        r = gather(s);
        if (r < 0) {
            return r;
        }
        if (h2_queue_span(&s->out).len == 0) {
            return 0;
        }
        r = send_out(s);
    }
    if (r == 0) {
        http_connection_defer(s->c);
    }
    return r == -EAGAIN ? 0 : r;
}

/* -- deadlines -------------------------------------------------------------------------------- */

/* Since when the longest waiting of the streams waits for a window; 0: none does. */
static uint64_t oldest_stall(struct h2_session *s)
{
    uint64_t oldest = 0;
    if (s->content == 0 || s->stuck_ns != 0) {
        return 0;
    }
    for (struct list *node = s->streams.next; node != &s->streams; node = node->next) {
        struct h2_stream *stream = container_of(node, struct h2_stream, node);
        if (h2_queue_span(&stream->out).len == 0) {
            continue;
        }
        if (stream->stalled_ns == 0) {
            stream->stalled_ns = s->now_ns;
        }
        oldest = oldest == 0 || stream->stalled_ns < oldest ? stream->stalled_ns : oldest;
    }
    return oldest;
}

static void wait_in(struct h2_session *s, enum http_phase phase, struct deadline_queue *queue,
                    uint64_t since_ns)
{
    struct http_connection *c = s->c;
    if (c->phase == phase && c->deadline.queue == queue && s->since_ns == since_ns) {
        return;
    }
    s->since_ns = since_ns;
    http_connection_enter(c, phase, queue, since_ns);
}

/* What the connection waits for now. */
static void watch(struct h2_session *s)
{
    struct http_server *server = s->c->server;
    uint64_t stall_ns = oldest_stall(s);
    if (s->scan.is_in_block) {
        wait_in(s, PHASE_HEAD, &server->head, s->head_ns);
    } else if (s->stuck_ns != 0) {
        wait_in(s, PHASE_ACTIVE, &server->write, s->stuck_ns);
    } else if (stall_ns != 0) {
        wait_in(s, PHASE_ACTIVE, &server->write, stall_ns);
    } else if (s->open_count > 0) {
        wait_in(s, PHASE_ACTIVE, NULL /* queue */, 0);
    } else {
        wait_in(s, PHASE_IDLE, &server->idle, s->idle_ns);
        h2_queue_done(&s->out); /* many connections are idle */
    }
}

/* -- turns ------------------------------------------------------------------------------------ */

void h2_session_schedule(struct h2_session *s)
{
    if (!s->is_working) {
        http_connection_defer(s->c);
    }
}

static void begin_turn(struct h2_session *s)
{
    s->now_ns = loop_clock_ns();
    h2_guard_fill(&s->guard, s->now_ns);
}

/* Tell, send, tell. May close the connection. */
static void go_on(struct http_connection *c)
{
    struct h2_session *s = c->state;
    s->is_working = true;
    tell_all(s);
    int r = c->is_doomed ? -ENOMEM : flush(s);
    s->is_working = false;
    if (r < 0) {
        http_connection_close(c, c->is_doomed, HTTP_PEER_LEFT);
        return;
    }
    tell_all(s);
    end_sent(s);
    if (c->is_doomed) {
        return; /* its turn closes it */
    }
    bool has_said_all = h2_queue_span(&s->out).len == 0 && s->lib->session_want_read(s->ng) == 0 &&
                        s->lib->session_want_write(s->ng) == 0;
    if (has_said_all) {
        part(c);
        return;
    }
    if (!is_backed_up(s) && (c->stream.is_readable || net_stream_has_pending(&c->stream))) {
        http_connection_defer(c);
    }
    watch(s);
}

static void take_turn(struct http_connection *c)
{
    struct h2_session *s = c->state;
    begin_turn(s);
    if (receive(s) < 0) {
        http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
        return;
    }
    go_on(c);
}

static void on_ready(struct http_connection *c, unsigned events)
{
    (void)events; /* the stream knows them */
    take_turn(c);
}

static void say_goodbye(struct http_connection *c, uint32_t code)
{
    struct h2_session *s = c->state;
    h2_session_terminate(s, code);
    (void)flush(s); /* what does not go now does not go */
    http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
}

/* Reset the streams that the peer has given no window for too long; or all, when it reads nothing. */
static void end_stalled(struct http_connection *c)
{
    struct h2_session *s = c->state;
    struct http_server *server = c->server;
    uint64_t span_ns = server->write.span_ns;
    if (s->stuck_ns != 0) {
        server->counts.timed_out[3]++;
        http_connection_close(c, true /* reset */, HTTP_WRITE_TIMEOUT);
        return;
    }
    for (struct list *node = s->streams.next; node != &s->streams; node = node->next) {
        struct h2_stream *stream = container_of(node, struct h2_stream, node);
        if (stream->stalled_ns != 0 && s->now_ns - stream->stalled_ns >= span_ns) {
            server->counts.timed_out[3]++;
            stream->why = HTTP_WRITE_TIMEOUT;
            h2_stream_reset(stream, NGHTTP2_CANCEL);
        }
    }
    go_on(c);
}

static void on_deadline(struct http_connection *c, const struct deadline_queue *queue)
{
    struct http_server *server = c->server;
    begin_turn(c->state);
    if (queue == &server->write) {
        end_stalled(c);
    } else if (queue == &server->head) {
        server->counts.timed_out[1]++;
        say_goodbye(c, NGHTTP2_ENHANCE_YOUR_CALM);
    } else {
        server->counts.timed_out[4]++;
        say_goodbye(c, NGHTTP2_NO_ERROR);
    }
}

static void on_body_deadline(struct http_connection *c, struct http_transaction *t)
{
    (void)c;
    struct h2_stream *stream = container_of(t, struct h2_stream, t);
    transaction_abort(t, HTTP_BODY_TIMEOUT);
    h2_stream_reset(stream, NGHTTP2_CANCEL);
}

static void drain(struct http_connection *c)
{
    h2_session_begin_goaway(c->state);
}

static const struct http_protocol h2_protocol = {
    .name = "h2",
    .on_ready = on_ready,
    .on_turn = take_turn,
    .on_deadline = on_deadline,
    .on_body_deadline = on_body_deadline,
    .drain = drain,
    .close = close_h2,
};

/* -- the beginning ---------------------------------------------------------------------------- */

static int submit_settings(struct h2_session *s)
{
    const struct http_limits *limits = &s->c->server->options.limits;
    const nghttp2_settings_entry settings[SETTINGS_COUNT] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->http2_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->head_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    int r = s->lib->submit_settings(s->ng, NGHTTP2_FLAG_NONE, settings, SETTINGS_COUNT);
    if (r == 0) {
        r = s->lib->session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0 /* connection */,
                                                  H2_CONNECTION_WINDOW);
    }
    return r < 0 ? -ENOMEM : 0;
}

/* Make the connection's session. 0 or a negative errno. */
static int open_session(struct http_connection *c)
{
    int r = h2_prepare(c->server, NULL /* err */);
    if (r < 0) {
        return r;
    }
    struct h2_session *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return -ENOMEM;
    }
    s->c = c;
    s->shared = c->server->h2;
    s->lib = &s->shared->lib;
    list_init(&s->streams);
    list_init(&s->news);
    list_init(&s->held);
    list_init(&s->sent);
    h2_queue_init(&s->out, H2_OUT_MAX);
    s->now_ns = loop_clock_ns();
    s->idle_ns = s->now_ns;
    h2_guard_init(&s->guard, s->now_ns);
    h2_scan_init(&s->scan);
    if (s->lib->session_server_new2(&s->ng, s->shared->callbacks, s, s->shared->option) < 0) {
        free(s);
        return -ENOMEM;
    }
    c->state = s;
    c->protocol = &h2_protocol;
    return submit_settings(s);
}

void h2_open(struct http_connection *c, struct span data)
{
    int r = open_session(c);
    if (r < 0) {
        http_connection_close(c, true /* reset */, HTTP_PEER_LEFT);
        return;
    }
    struct h2_session *s = c->state;
    if (c->server->is_draining) {
        h2_session_begin_goaway(s);
    }
    if (data.len > 0 && feed(s, data) < 0) {
        http_connection_close(c, false /* reset */, HTTP_PEER_LEFT);
        return;
    }
    take_turn(c);
}
