/* A transaction's operations on a stream, and what is sent.
 *
 * Happy path of a response: respond holds the head -> write fills the stream's buffer -> end ->
 * the session's turn gives nghttp2 the head, which asks for the content (read_content), and puts the
 * frames into the session's buffer (send_content) -> END_STREAM.
 *
 * Failure modes: the peer's window is used up: the content waits, and so does the handler once its
 * buffer is full. The handler breaks off: a reset. The peer's reset: h2_receive.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "http/bytes.h"
#include "http/h2.h"

enum {
    OWN_FIELDS = 4, /* :status, server, date, content-length */
    DIGITS_MAX = 20,
    EARNED_BY_DATA = 2, /* a WINDOW_UPDATE for the stream and one for the connection */
};

static struct h2_stream *stream_of(struct http_transaction *t)
{
    return container_of(t, struct h2_stream, t);
}

/* -- heads ------------------------------------------------------------------------------------ */

void h2_block_done(struct h2_block *block)
{
    free(block->fields);
    *block = (struct h2_block){0};
}

/* Where the next field of a block goes. */
struct block_writer {
    struct h2_block *block;
    uint8_t *text;
};

/* Room for `count` fields with texts of `len` bytes. 0 or -ENOMEM. */
static int begin_block(struct block_writer *writer, struct h2_block *block, size_t count,
                       size_t len)
{
    size_t table = count * sizeof *block->fields;
    uint8_t *memory = malloc(table + len + 1);
    if (memory == NULL) {
        return -ENOMEM;
    }
    *block = (struct h2_block){.fields = (nghttp2_nv *)(void *)memory};
    *writer = (struct block_writer){block, memory + table};
    return 0;
}

static void put_field(struct block_writer *writer, struct span name, struct span value)
{
    nghttp2_nv *field = &writer->block->fields[writer->block->count++];
    *field = (nghttp2_nv){
        .name = writer->text,
        .namelen = name.len,
        .value = writer->text + name.len,
        .valuelen = value.len,
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
    for (size_t i = 0; i < name.len; i++) {
        field->name[i] = name.data[i] == ':' ? ':' : http_lower[name.data[i]];
    }
    if (value.len > 0) {
        memcpy(field->value, value.data, value.len);
    }
    writer->text += name.len + value.len;
}

static struct span print_u64(char text[DIGITS_MAX], uint64_t value)
{
    size_t at = DIGITS_MAX;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return (struct span){(const uint8_t *)text + at, DIGITS_MAX - at};
}

/* The lines of the date block as fields. */
static void put_date_block(struct block_writer *writer, struct span block)
{
    while (block.len > 0) {
        const uint8_t *colon = memchr(block.data, ':', block.len);
        const uint8_t *end = memchr(block.data, '\r', block.len);
        struct span name = {block.data, (size_t)(colon - block.data)};
        struct span value = {colon + 2, (size_t)(end - colon - 2)};
        put_field(writer, name, value);
        size_t used = (size_t)(end - block.data) + 2;
        block = (struct span){block.data + used, block.len - used};
    }
}

static int make_head(struct h2_stream *stream, const struct http_outbound *outbound,
                     struct h2_block *ret_block)
{
    struct http_transaction *t = &stream->t;
    struct span dates = server_date_block(t->connection->server);
    size_t len = dates.len + 64; /* and the texts of the other fields of ours */
    for (uint32_t i = 0; i < outbound->header_count; i++) {
        len += outbound->headers[i].name.len + outbound->headers[i].value.len;
    }
    struct block_writer writer;
    int r = begin_block(&writer, ret_block, OWN_FIELDS + (size_t)outbound->header_count, len);
    if (r < 0) {
        return r;
    }
    char digits[DIGITS_MAX];
    put_field(&writer, span_of(":status"), print_u64(digits, outbound->status));
    if (outbound->status >= 200) {
        put_date_block(&writer, dates);
        if (outbound->length >= 0 && outbound->status != 204) {
            put_field(&writer, span_of("content-length"),
                      print_u64(digits, (uint64_t)outbound->length));
        }
    }
    for (uint32_t i = 0; i < outbound->header_count; i++) {
        if (!http_is_ours(outbound->headers[i].name)) {
            put_field(&writer, outbound->headers[i].name, outbound->headers[i].value);
        }
    }
    return 0;
}

static int respond(struct http_transaction *t, const struct http_outbound *outbound)
{
    struct h2_stream *stream = stream_of(t);
    int r = make_head(stream, outbound, &stream->answer);
    if (r < 0) {
        return r;
    }
    stream->answer_state = H2_ANSWER_HELD;
    list_append(&stream->session->held, &stream->held_node);
    h2_session_schedule(stream->session);
    return 0;
}

static int interim(struct http_transaction *t, const struct http_outbound *outbound)
{
    struct h2_stream *stream = stream_of(t);
    struct h2_session *s = stream->session;
    struct h2_block block = {0};
    int r = make_head(stream, outbound, &block);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < block.count; i++) {
        block.fields[i].flags = NGHTTP2_NV_FLAG_NONE; /* copied: the block does not stay */
    }
    int32_t n = s->lib->submit_headers(s->ng, NGHTTP2_FLAG_NONE, stream->id, NULL /* priority */,
                                       block.fields, block.count, NULL /* stream data */);
    h2_block_done(&block);
    h2_session_schedule(s);
    return n == NGHTTP2_ERR_NOMEM ? -ENOMEM : 0;
}

/* -- the request's body ----------------------------------------------------------------------- */

static int tell_to_continue(struct h2_stream *stream)
{
    static const struct http_outbound go_on = {.status = 100, .length = HTTP_LENGTH_UNKNOWN};
    stream->expects_continue = false;
    bool has_left = stream->t.status != 0 && list_empty(&stream->held_node);
    bool is_late = stream->has_all || has_left || h2_queue_span(&stream->in).len > 0;
    return is_late ? 0 : interim(&stream->t, &go_on);
}

static int64_t read_body(struct http_transaction *t, uint8_t *to, size_t len)
{
    struct h2_stream *stream = stream_of(t);
    struct h2_session *s = stream->session;
    if (stream->is_closed) {
        return -ECONNRESET; /* on_abort is on its way */
    }
    if (stream->expects_continue) {
        int r = tell_to_continue(stream);
        if (r < 0) {
            return r;
        }
    }
    struct span in = h2_queue_span(&stream->in);
    if (in.len == 0) {
        return stream->has_all ? 0 : transaction_wait_read(t);
    }
    len = in.len < len ? in.len : len;
    memcpy(to, in.data, len);
    h2_queue_consume(&stream->in, len);
    if (!stream->has_all) {
        if (s->lib->session_consume_stream(s->ng, stream->id, len) == NGHTTP2_ERR_NOMEM) {
            http_connection_doom(s->c);
        }
        h2_session_schedule(s);
    }
    return transaction_took(t, len);
}

static uint32_t trailers(struct http_transaction *t, const struct http_header **ret_trailers)
{
    const struct h2_stream *stream = stream_of(t);
    *ret_trailers = stream->trailers.headers;
    return stream->has_all ? stream->trailers.count : 0;
}

/* -- content ---------------------------------------------------------------------------------- */

/* Have nghttp2 ask for content again. */
static void resume(struct h2_stream *stream)
{
    struct h2_session *s = stream->session;
    if (stream->is_deferred) {
        stream->is_deferred = false;
        if (s->lib->session_resume_data(s->ng, stream->id) == NGHTTP2_ERR_NOMEM) {
            http_connection_doom(s->c);
        }
    }
    h2_session_schedule(s);
}

static int64_t write_content(struct http_transaction *t, const uint8_t *bytes, size_t len)
{
    struct h2_stream *stream = stream_of(t);
    if (stream->is_closed) {
        return -EPIPE;
    }
    size_t room = h2_queue_room(&stream->out);
    if (room == 0) {
        return -EAGAIN;
    }
    len = len < room ? len : room;
    int r = h2_queue_append(&stream->out, (struct span){bytes, len});
    if (r < 0) {
        return r;
    }
    stream->session->content += len;
    resume(stream);
    return (int64_t)len;
}

static void flush_content(struct http_transaction *t)
{
    h2_session_schedule(stream_of(t)->session); /* in this turn or at once in the next */
}

static int keep_trailers(struct h2_stream *stream, const struct http_header *fields, uint32_t count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        len += fields[i].name.len + fields[i].value.len;
    }
    struct block_writer writer;
    int r = begin_block(&writer, &stream->answer_trailers, count, len);
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        if (!http_is_forbidden_trailer(fields[i].name)) {
            put_field(&writer, fields[i].name, fields[i].value);
        }
    }
    return r;
}

static void end(struct http_transaction *t, const struct http_header *fields, uint32_t count)
{
    struct h2_stream *stream = stream_of(t);
    stream->is_ended = true;
    if (count > 0 && !t->is_bodiless) {
        (void)keep_trailers(stream, fields, count); /* without memory: none */
    }
    resume(stream);
}

static void break_off(struct http_transaction *t)
{
    h2_stream_reset(stream_of(t), NGHTTP2_INTERNAL_ERROR);
}

const struct http_transaction_ops h2_ops = {
    .read = read_body,
    .trailers = trailers,
    .respond = respond,
    .interim = interim,
    .write = write_content,
    .flush = flush_content,
    .end = end,
    .break_off = break_off,
};

void h2_stream_reset(struct h2_stream *stream, uint32_t code)
{
    struct h2_session *s = stream->session;
    if (stream->is_closed) {
        return;
    }
    list_remove(&stream->held_node);
    if (s->lib->submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, stream->id, code) < 0) {
        http_connection_doom(s->c);
    }
    h2_session_schedule(s);
}

/* -- what nghttp2 asks for -------------------------------------------------------------------- */

static int submit_trailers(struct h2_stream *stream)
{
    struct h2_session *s = stream->session;
    return s->lib->submit_trailer(s->ng, stream->id, stream->answer_trailers.fields,
                                  stream->answer_trailers.count);
}

/* NOLINTNEXTLINE(readability-function-size,readability-non-const-parameter): nghttp2's type */
static ssize_t read_content(nghttp2_session *ng, int32_t id, uint8_t *buffer, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)ng;
    (void)id;
    (void)buffer; /* the bytes go where send_content has them go */
    (void)user_data;
    struct h2_stream *stream = source->ptr;
    size_t waiting = h2_queue_span(&stream->out).len;
    if (waiting == 0 && !stream->is_ended) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (waiting > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    }
    if (waiting > len || !stream->is_ended) {
        return (ssize_t)(waiting < len ? waiting : len);
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->answer_trailers.count > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (submit_trailers(stream) < 0) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    }
    return (ssize_t)waiting;
}

static int send_content(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                        nghttp2_data_source *source, void *user_data)
{
    (void)ng;
    (void)frame; /* without padding, since nobody has asked for any */
    struct h2_session *s = user_data;
    struct h2_stream *stream = source->ptr;
    if (h2_queue_span(&s->out).len >= H2_OUT_TARGET) {
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    struct span content = {h2_queue_span(&stream->out).data, len};
    if (h2_queue_append(&s->out, (struct span){head, H2_FRAME_HEAD_LEN}) < 0 ||
        h2_queue_append(&s->out, content) < 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    h2_queue_consume(&stream->out, len);
    s->content -= len;
    s->queued += H2_FRAME_HEAD_LEN + len;
    stream->stalled_ns = 0;
    h2_stream_add_news(stream, H2_NEWS_WRITABLE);
    return 0;
}

/* The response is complete. What the peer still wants to send concerns nobody (RFC 9113 section
 * 8.1). */
static void note_sent(struct h2_session *s, struct h2_stream *stream)
{
    stream->answer_state = H2_ANSWER_SENT;
    stream->mark = s->queued;
    if (s->lib->session_get_stream_remote_close(s->ng, stream->id) == 0) {
        h2_stream_reset(stream, NGHTTP2_NO_ERROR);
    }
}

static bool is_interim(const nghttp2_frame *frame)
{
    return frame->headers.nvlen > 0 && frame->headers.nva[0].valuelen == 3 &&
           frame->headers.nva[0].value[0] == '1';
}

static int on_frame_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *s = user_data;
    uint8_t type = frame->hd.type;
    if (type == NGHTTP2_GOAWAY) {
        h2_session_notice_sent(s);
    }
    if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA) {
        return 0;
    }
    struct h2_stream *stream = s->lib->session_get_stream_user_data(ng, frame->hd.stream_id);
    if (stream == NULL) {
        return 0;
    }
    if (type == NGHTTP2_DATA) {
        h2_guard_earn(&s->guard, EARNED_BY_DATA);
    } else if (stream->t.first_ns == 0 && !is_interim(frame)) {
        stream->t.first_ns = s->now_ns;
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        note_sent(s, stream);
    }
    return 0;
}

static int on_frame_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    (void)error;
    struct h2_session *s = user_data;
    if (frame->hd.type == NGHTTP2_HEADERS) { /* too large for nghttp2 */
        struct h2_stream *stream = s->lib->session_get_stream_user_data(ng, frame->hd.stream_id);
        if (stream != NULL) {
            h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
        }
    }
    return 0;
}

void h2_respond_register(const struct nghttp2 *lib, nghttp2_session_callbacks *callbacks)
{
    lib->set_send_data(callbacks, send_content);
    lib->set_on_frame_send(callbacks, on_frame_sent);
    lib->set_on_frame_not_send(callbacks, on_frame_not_sent);
}

/* -- answers ---------------------------------------------------------------------------------- */

/* By now it is known whether the head is all there is: then it says so itself. */
static int submit(struct h2_stream *stream)
{
    struct h2_session *s = stream->session;
    const nghttp2_data_provider provider = {
        .source.ptr = stream,
        .read_callback = read_content,
    };
    bool is_whole = stream->is_ended && stream->answer_trailers.count == 0 &&
                    h2_queue_span(&stream->out).len == 0;
    stream->answer_state = H2_ANSWER_SUBMITTED;
    return s->lib->submit_response(s->ng, stream->id, stream->answer.fields, stream->answer.count,
                                   is_whole ? NULL : &provider);
}

int h2_submit_held(struct h2_session *s)
{
    while (!list_empty(&s->held)) {
        struct h2_stream *stream = container_of(s->held.next, struct h2_stream, held_node);
        list_remove(&stream->held_node);
        int r = stream->is_closed ? 0 : submit(stream);
        if (r == NGHTTP2_ERR_NOMEM) {
            return -ENOMEM;
        }
    }
    return 0;
}
