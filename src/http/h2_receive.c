/* What nghttp2 tells about frames that have come.
 *
 * Happy path of a request: on_begin_headers makes a stream, on_header collects, on_frame finishes
 * the head; on_data fills the stream's buffer; on_frame notes the end.
 *
 * Failure modes: what nghttp2 finds malformed it resets itself; too many or too long headers are
 * passed over and the request refused; a peer that costs more than it asks for is sent away. */
#include <assert.h>
#include <stdlib.h>

#include "http/h2.h"

enum { EARNED_BY_REQUEST = 4, FIELD_OVERHEAD = 32 };

static struct h2_stream *find(struct h2_session *s, int32_t id)
{
    return s->lib->session_get_stream_user_data(s->ng, id);
}

/* -- any frame -------------------------------------------------------------------------------- */

/* Does it cost us work for which we owe the peer nothing? Unknown frames and DATA of closed streams
 * do not come here: nghttp2 drops them at the price of their bytes. */
static bool is_cheap(struct h2_session *s, const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_HEADERS: /* of a closed stream; they have to be decoded all the same */
        return hd->stream_id <= s->last_id && find(s, hd->stream_id) == NULL;
    case NGHTTP2_DATA:
    case NGHTTP2_CONTINUATION: /* nghttp2 counts them */
    case NGHTTP2_RST_STREAM:   /* has its own account */
        return false;
    default:
        return true;
    }
}

static void charge_frame(struct h2_session *s)
{
    if (!h2_guard_take_frame(&s->guard)) {
        h2_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *user_data)
{
    (void)ng;
    struct h2_session *s = user_data;
    if (is_cheap(s, hd)) {
        charge_frame(s);
    }
    if (hd->type == NGHTTP2_PRIORITY && hd->stream_id == 0) {
        h2_session_terminate(s, NGHTTP2_PROTOCOL_ERROR); /* nghttp2 passes over all of them */
    }
    return 0;
}

/* -- header blocks ---------------------------------------------------------------------------- */

static int begin_stream(struct h2_session *s, int32_t id)
{
    struct h2_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* which resets this stream alone */
    }
    stream->session = s;
    stream->id = id;
    stream->why = HTTP_PEER_LEFT;
    list_init(&stream->news_node);
    list_init(&stream->held_node);
    h2_queue_init(&stream->in, H2_STREAM_WINDOW);
    h2_queue_init(&stream->out, H2_STREAM_OUT_MAX);
    list_append(&s->streams, &stream->node);
    s->open_count++;
    s->last_id = id;
    (void)s->lib->session_set_stream_user_data(s->ng, id, stream); /* nghttp2 has just made it */
    return 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    (void)ng;
    bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    return is_request ? begin_stream(user_data, frame->hd.stream_id) : 0;
}

/* Passed over are the fields of a block that is too large, which ends in a refusal; but one that
 * goes on and on is work for nothing: a byte can stand for 4 KiB. */
static bool is_too_much(struct h2_stream *stream, const struct h2_fields *fields, bool is_trailer)
{
    struct h2_session *s = stream->session;
    const struct http_limits *limits = &s->c->server->options.limits;
    if (fields->size <= limits->head_max && stream->field_count <= limits->header_max) {
        return stream->refusal == 431;
    }
    if (is_trailer && stream->refusal != 431) {
        h2_stream_reset(stream, NGHTTP2_ENHANCE_YOUR_CALM); /* too late to answer */
    }
    stream->refusal = 431;
    if (fields->size > (uint64_t)limits->head_max + H2_BLOCK_MAX) {
        h2_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    return true;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *user_data)
{
    (void)ng;
    (void)flags; /* "never index" concerns those who send it on */
    struct h2_session *s = user_data;
    struct h2_stream *stream = find(s, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    bool is_trailer = frame->headers.cat != NGHTTP2_HCAT_REQUEST;
    struct h2_fields *fields = is_trailer ? &stream->trailers : &stream->head;
    struct span name_bytes = h2_bytes(s->lib, name);
    struct span value_bytes = h2_bytes(s->lib, value);
    fields->size += name_bytes.len + value_bytes.len + FIELD_OVERHEAD;
    stream->field_count += name_bytes.data[0] != ':';
    if (span_is(name_bytes, ":path") && value_bytes.len > s->c->server->options.limits.target_max) {
        stream->refusal = 414;
        return 0;
    }
    if (is_too_much(stream, fields, is_trailer)) {
        return 0;
    }
    int r = h2_fields_add(fields, s->lib, name, value);
    return r < 0 ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

/* nghttp2 would leave such a field out, and the request would be another one. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                             nghttp2_rcbuf *value, uint8_t flags, void *user_data)
{
    (void)ng;
    (void)frame;
    (void)name;
    (void)value;
    (void)flags;
    (void)user_data;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* a reset with PROTOCOL_ERROR */
}

static void finish_head(struct h2_session *s, struct h2_stream *stream, bool is_end)
{
    stream->has_all = is_end;
    stream->refusal = h2_head_finish(stream, !is_end);
    stream->stage = H2_STAGE_READY;
    h2_guard_earn(&s->guard, EARNED_BY_REQUEST);
    h2_stream_add_news(stream, H2_NEWS_REQUEST);
}

static void on_headers(struct h2_session *s, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(s, frame->hd.stream_id);
    if (stream == NULL) {
        return;
    }
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        finish_head(s, stream, is_end);
        return;
    }
    h2_trailers_finish(&stream->trailers);
    stream->has_all = is_end;
    h2_stream_add_news(stream, H2_NEWS_READABLE);
}

/* -- content ---------------------------------------------------------------------------------- */

static int on_data_chunk(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t len, void *user_data)
{
    (void)flags;
    struct h2_session *s = user_data;
    struct h2_stream *stream = find(s, id);
    int r = s->lib->session_consume_connection(ng, len);
    if (r < 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    bool is_wanted = stream != NULL && stream->refusal == 0 &&
                     !(stream->stage == H2_STAGE_BEGUN && stream->t.is_over);
    if (!is_wanted) {
        return 0; /* its window stays used up, so the peer stops soon */
    }
    if (h2_queue_append(&stream->in, (struct span){data, len}) < 0) {
        h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR); /* no memory: nghttp2 keeps the window */
        return 0;
    }
    h2_stream_add_news(stream, H2_NEWS_READABLE);
    return 0;
}

static void on_data_frame(struct h2_session *s, const nghttp2_frame *frame)
{
    struct h2_stream *stream = find(s, frame->hd.stream_id);
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!is_end && frame->hd.length <= frame->data.padlen) {
        charge_frame(s); /* it brought nothing */
    }
    if (is_end && stream != NULL) {
        stream->has_all = true;
        h2_stream_add_news(stream, H2_NEWS_READABLE);
    }
}

/* -- the rest --------------------------------------------------------------------------------- */

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    (void)ng;
    struct h2_session *s = user_data;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        on_headers(s, frame);
        break;
    case NGHTTP2_DATA:
        on_data_frame(s, frame);
        break;
    case NGHTTP2_PING:
        /* What the peer sent before it knew of the drain has come by now. */
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && s->goaway == H2_GOAWAY_NOTICE) {
            h2_session_end_goaway(s);
        }
        break;
    default:
        break;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user_data)
{
    (void)ng;
    (void)code; /* known from the frames, or the peer's matter */
    struct h2_session *s = user_data;
    struct h2_stream *stream = find(s, id);
    if (stream == NULL) {
        return 0;
    }
    assert(!stream->is_closed);
    s->open_count--;
    stream->is_closed = true;
    bool is_answered = stream->answer_state == H2_ANSWER_SENT;
    if (!is_answered && !s->is_broken && !h2_guard_take_reset(&s->guard)) {
        h2_session_terminate(s, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    h2_stream_add_news(stream, H2_NEWS_CLOSED);
    return 0;
}

void h2_receive_register(const struct nghttp2 *lib, nghttp2_session_callbacks *callbacks)
{
    lib->set_on_begin_frame(callbacks, on_begin_frame);
    lib->set_on_begin_headers(callbacks, on_begin_headers);
    lib->set_on_header2(callbacks, on_header);
    lib->set_on_invalid_header2(callbacks, on_invalid_header);
    lib->set_on_data_chunk_recv(callbacks, on_data_chunk);
    lib->set_on_frame_recv(callbacks, on_frame);
    lib->set_on_stream_close(callbacks, on_stream_close);
}
