/* A client of HTTP/2 for tests. See h2_peer.h. */
#include "h2_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

enum { HEAD_LEN = 9, IN_MAX = 4 << 20, FIELDS_MAX = 1 << 20, PATIENCE_MS = 10000 };

struct h2_peer {
    struct h2_front *front;
    int fd;
    bool is_closed;
    struct buffer in;
    size_t used; /* of `in`, by the last frame */
    struct buffer fields;
    nghttp2_hd_inflater *inflater;
};

/* -- sending ---------------------------------------------------------------------------------- */

struct h2_peer *h2_peer_connect(struct h2_front *front)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(front->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct h2_peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    peer->front = front;
    buffer_init(&peer->in, IN_MAX);
    buffer_init(&peer->fields, FIELDS_MAX);
    assert_int_equal(nghttp2_hd_inflate_new(&peer->inflater), 0);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof address), 0);
    int on = 1;
    (void)setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only faster */
    return peer;
}

struct h2_peer *h2_peer_open(struct h2_front *front, uint32_t window)
{
    struct h2_peer *peer = h2_peer_connect(front);
    uint8_t settings[6] = {0, 4};
    uint32_t value = htonl(window);
    memcpy(settings + 2, &value, sizeof value);
    h2_peer_send(peer, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    h2_peer_frame(peer, H2_SETTINGS, 0, 0,
                  (struct span){settings, window > 0 ? sizeof settings : 0});
    return peer;
}

void h2_peer_close(struct h2_peer *peer)
{
    (void)close(peer->fd);
    nghttp2_hd_inflate_del(peer->inflater);
    buffer_done(&peer->in);
    buffer_done(&peer->fields);
    free(peer);
}

void h2_peer_send(struct h2_peer *peer, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = send(peer->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            assert_int_equal(loop_turn(peer->front->loop, 1), 0);
            continue;
        }
        if (n < 0) {
            return; /* closed by the front: what it has said can still be read */
        }
        at += n;
        len -= (size_t)n;
    }
}

void h2_peer_frame(struct h2_peer *peer, unsigned type, unsigned flags, uint32_t stream,
                   struct span payload)
{
    const uint8_t head[HEAD_LEN] = {(uint8_t)(payload.len >> 16),
                                    (uint8_t)(payload.len >> 8),
                                    (uint8_t)payload.len,
                                    (uint8_t)type,
                                    (uint8_t)flags,
                                    (uint8_t)(stream >> 24),
                                    (uint8_t)(stream >> 16),
                                    (uint8_t)(stream >> 8),
                                    (uint8_t)stream};
    struct buffer frame;
    buffer_init(&frame, HEAD_LEN + payload.len);
    assert_int_equal(buffer_append(&frame, (struct span){head, HEAD_LEN}), 0);
    assert_int_equal(buffer_append(&frame, payload), 0);
    h2_peer_send(peer, frame.data, frame.len);
    buffer_done(&frame);
}

/* RFC 7541 section 5.1, with a prefix of 7 bits. */
static void encode_len(size_t len, struct buffer *to)
{
    uint8_t byte = len < 127 ? (uint8_t)len : 127;
    assert_int_equal(buffer_append(to, (struct span){&byte, 1}), 0);
    if (len < 127) {
        return;
    }
    len -= 127;
    do {
        byte = (uint8_t)((len & 127) | (len > 127 ? 128 : 0));
        assert_int_equal(buffer_append(to, (struct span){&byte, 1}), 0);
        len >>= 7;
    } while (len > 0);
}

static void encode_field(struct span name, struct span value, struct buffer *to)
{
    static const uint8_t literal = 0;
    assert_int_equal(buffer_append(to, (struct span){&literal, 1}), 0);
    encode_len(name.len, to);
    assert_int_equal(buffer_append(to, name), 0);
    encode_len(value.len, to);
    assert_int_equal(buffer_append(to, value), 0);
}

void h2_peer_encode(const char *fields, struct buffer *to)
{
    while (*fields != '\0') {
        size_t len = strcspn(fields, "\n");
        /* The first ":" may begin a pseudo-header field's name. */
        const char *colon = strstr(fields + (len > 0), ": ");
        assert_non_null(colon);
        struct span name = {(const uint8_t *)fields, (size_t)(colon - fields)};
        struct span value = {(const uint8_t *)colon + 2, len - name.len - 2};
        encode_field(name, value, to);
        fields += len + (fields[len] == '\n');
    }
}

void h2_peer_headers(struct h2_peer *peer, unsigned flags, uint32_t stream, const char *fields)
{
    struct buffer block;
    buffer_init(&block, FIELDS_MAX);
    h2_peer_encode(fields, &block);
    h2_peer_frame(peer, H2_HEADERS, flags, stream, buffer_span(&block));
    buffer_done(&block);
}

void h2_peer_request(struct h2_peer *peer, unsigned flags, uint32_t stream, const char *method,
                     const char *path)
{
    char fields[256];
    (void)snprintf(fields, sizeof fields,
                   ":method: %s\n:scheme: http\n:authority: localhost\n:path: %s\n", method, path);
    h2_peer_headers(peer, flags | H2_END_HEADERS, stream, fields);
}

void h2_peer_window(struct h2_peer *peer, uint32_t stream, uint32_t more)
{
    uint32_t value = htonl(more);
    h2_peer_frame(peer, H2_WINDOW_UPDATE, 0, stream, (struct span){(uint8_t *)&value, 4});
}

/* -- receiving -------------------------------------------------------------------------------- */

static bool has_frame(const struct h2_peer *peer, size_t *ret_len)
{
    const uint8_t *head = peer->in.data;
    if (peer->in.len < HEAD_LEN) {
        return false;
    }
    *ret_len = HEAD_LEN + ((size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2]);
    return peer->in.len >= *ret_len;
}

static void fill(struct h2_peer *peer)
{
    assert_int_equal(buffer_reserve(&peer->in, 64 << 10), 0);
    ssize_t n = recv(peer->fd, peer->in.data + peer->in.len, 64 << 10, MSG_DONTWAIT);
    if (n > 0) {
        peer->in.len += (size_t)n;
    } else if (n == 0 || errno != EAGAIN) {
        peer->is_closed = true;
    }
}

static void decode_fields(struct h2_peer *peer, struct h2_peer_frame *frame)
{
    const uint8_t *at = frame->payload.data;
    size_t len = frame->payload.len;
    int is_last = (frame->flags & H2_END_HEADERS) != 0;
    peer->fields.len = 0;
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t n = nghttp2_hd_inflate_hd2(peer->inflater, &field, &flags, at, len, is_last);
        assert_true(n >= 0);
        at += n;
        len -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            assert_int_equal(buffer_printf(&peer->fields, "%.*s: %.*s\n", (int)field.namelen,
                                           (const char *)field.name, (int)field.valuelen,
                                           (const char *)field.value),
                             0);
        } else if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0 || len == 0) {
            break;
        }
    }
    if (is_last) {
        assert_int_equal(nghttp2_hd_inflate_end_headers(peer->inflater), 0);
    }
    frame->fields = buffer_text(&peer->fields);
}

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void take_frame(struct h2_peer *peer, size_t len, struct h2_peer_frame *frame)
{
    const uint8_t *head = peer->in.data;
    peer->used = len;
    *frame = (struct h2_peer_frame){
        .type = head[3],
        .flags = head[4],
        .stream = read_u32(head + 5),
        .payload = {head + HEAD_LEN, len - HEAD_LEN},
    };
    if (frame->type == H2_HEADERS) {
        decode_fields(peer, frame);
    } else if (frame->type == H2_RST_STREAM || frame->type == H2_WINDOW_UPDATE) {
        frame->code = read_u32(frame->payload.data);
    } else if (frame->type == H2_GOAWAY) {
        frame->code = read_u32(frame->payload.data + 4);
    }
}

void h2_peer_next(struct h2_peer *peer, unsigned wait_ms, struct h2_peer_frame *ret_frame)
{
    uint64_t end = loop_clock_ns() + wait_ms * (uint64_t)1000000;
    size_t len = 0;
    buffer_consume(&peer->in, peer->used);
    peer->used = 0;
    while (!has_frame(peer, &len)) {
        if (peer->is_closed || loop_clock_ns() >= end) {
            *ret_frame = (struct h2_peer_frame){.type = peer->is_closed ? H2_CLOSED : H2_SILENCE};
            return;
        }
        assert_int_equal(loop_turn(peer->front->loop, 1), 0);
        fill(peer);
    }
    take_frame(peer, len, ret_frame);
}

void h2_peer_next_real(struct h2_peer *peer, struct h2_peer_frame *ret_frame)
{
    for (;;) {
        h2_peer_next(peer, PATIENCE_MS, ret_frame);
        bool is_ack = (ret_frame->type == H2_SETTINGS || ret_frame->type == H2_PING) &&
                      (ret_frame->flags & H2_ACK) != 0;
        if (ret_frame->type == H2_SETTINGS && !is_ack) {
            h2_peer_frame(peer, H2_SETTINGS, H2_ACK, 0, (struct span){0});
        } else if (!is_ack && ret_frame->type != H2_WINDOW_UPDATE) {
            return;
        }
    }
}

/* -- expecting -------------------------------------------------------------------------------- */

static void print_frame(const struct h2_peer_frame *frame)
{
    print_error("got a frame of type %u, flags %u, stream %u, code %u\n%s", frame->type,
                frame->flags, frame->stream, frame->code,
                frame->fields != NULL ? frame->fields : "");
}

bool h2_peer_expect_status(struct h2_peer *peer, uint32_t stream, const char *status)
{
    struct h2_peer_frame frame;
    char line[32];
    h2_peer_next_real(peer, &frame);
    int len = snprintf(line, sizeof line, ":status: %s\n", status);
    if (frame.type != H2_HEADERS || frame.stream != stream ||
        strncmp(frame.fields, line, (size_t)len) != 0) {
        print_frame(&frame);
        fail_msg("expected status %s of stream %u", status, stream);
    }
    return (frame.flags & H2_END_STREAM) != 0;
}

uint64_t h2_peer_content(struct h2_peer *peer, uint32_t stream, char ret_text[64])
{
    struct h2_peer_frame frame;
    uint64_t total = 0;
    memset(ret_text, 0, 64);
    do {
        h2_peer_next_real(peer, &frame);
        if (frame.type != H2_DATA || frame.stream != stream) {
            print_frame(&frame);
            fail_msg("expected DATA of stream %u", stream);
        }
        for (size_t i = 0; i < frame.payload.len && total + i < 63; i++) {
            ret_text[total + i] = (char)frame.payload.data[i];
        }
        total += frame.payload.len;
        if (frame.payload.len > 0) {
            h2_peer_window(peer, 0, (uint32_t)frame.payload.len);
            if ((frame.flags & H2_END_STREAM) == 0) {
                h2_peer_window(peer, stream, (uint32_t)frame.payload.len);
            }
        }
    } while ((frame.flags & H2_END_STREAM) == 0);
    return total;
}

void h2_peer_expect_reset(struct h2_peer *peer, uint32_t stream, uint32_t code)
{
    struct h2_peer_frame frame;
    h2_peer_next_real(peer, &frame);
    if (frame.type != H2_RST_STREAM || frame.stream != stream || frame.code != code) {
        print_frame(&frame);
        fail_msg("expected RST_STREAM of stream %u with code %u", stream, code);
    }
}

void h2_peer_expect_goaway(struct h2_peer *peer, uint32_t code)
{
    struct h2_peer_frame frame;
    do {
        h2_peer_next_real(peer, &frame);
    } while (frame.type == H2_RST_STREAM); /* of streams before */
    if (frame.type != H2_GOAWAY || frame.code != code) {
        print_frame(&frame);
        fail_msg("expected GOAWAY with code %u", code);
    }
}

void h2_peer_expect_alive(struct h2_peer *peer)
{
    static const uint8_t opaque[8] = "is-alive";
    struct h2_peer_frame frame;
    h2_peer_frame(peer, H2_PING, 0, 0, (struct span){opaque, 8});
    do {
        h2_peer_next(peer, PATIENCE_MS, &frame);
        if (frame.type != H2_SETTINGS && frame.type != H2_WINDOW_UPDATE && frame.type != H2_PING) {
            print_frame(&frame);
            fail_msg("expected an acknowledged PING");
        }
    } while (frame.type != H2_PING || memcmp(frame.payload.data, opaque, 8) != 0);
    assert_int_equal(frame.flags, H2_ACK);
}

void h2_peer_expect_end(struct h2_peer *peer)
{
    struct h2_peer_frame frame;
    h2_peer_next_real(peer, &frame);
    if (frame.type != H2_CLOSED) {
        print_frame(&frame);
        fail_msg("expected the end of the connection");
    }
}

void h2_peer_get(struct h2_peer *peer, uint32_t stream, const char *path, const char *status)
{
    char text[64];
    h2_peer_request(peer, H2_END_STREAM, stream, "GET", path);
    if (!h2_peer_expect_status(peer, stream, status)) {
        (void)h2_peer_content(peer, stream, text);
    }
}
