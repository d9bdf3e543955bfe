/* See tls_front.h. */
#include "tls_front.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"

enum { GOT_MAX = 64 << 20, SMALL = 16 << 10 };

static const uint64_t ms_ns = 1000000;
static const char get_hello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/* -- certificates ----------------------------------------------------------------------------- */

static char dir[] = "/tmp/hythe-http-tls-XXXXXX";
static struct certificate made[TLS_FRONT_CERTIFICATES];
static char paths[TLS_FRONT_CERTIFICATES][2][64];

int tls_front_set_up(void **state)
{
    static const char *const names[] = {"server", "ca", "visitor"};
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < TLS_FRONT_CERTIFICATES; i++) {
        made[i] =
            certificate_make(names[i], NULL, i == TLS_FRONT_VISITOR ? &made[TLS_FRONT_CA] : NULL);
        certificate_write(&made[i], dir, names[i]);
        (void)snprintf(paths[i][0], sizeof paths[i][0], "%s/%s.crt", dir, names[i]);
        (void)snprintf(paths[i][1], sizeof paths[i][1], "%s/%s.key", dir, names[i]);
    }
    return 0;
}

int tls_front_tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < TLS_FRONT_CERTIFICATES; i++) {
        certificate_done(&made[i]);
        (void)unlink(paths[i][0]);
        (void)unlink(paths[i][1]);
    }
    return rmdir(dir);
}

const struct certificate *tls_front_certificate(size_t which)
{
    return &made[which];
}

/* -- the front -------------------------------------------------------------------------------- */

/* For h2 and http/1.1. */
static struct tls_context *make_context(enum tls_client_auth auth)
{
    struct tls_context *context = NULL;
    struct error err = {0};
    const struct tls_certificate one = {paths[TLS_FRONT_SERVER][0], paths[TLS_FRONT_SERVER][1]};
    const struct tls_options options = {.certificates = &one,
                                        .certificate_count = 1,
                                        .client_ca = paths[TLS_FRONT_CA][0],
                                        .client_auth = auth,
                                        .offers_h2 = true};
    assert_int_equal(tls_context_new(&options, &context, &err), 0);
    return context;
}

void tls_front_open(struct front *front, const struct http_server_options *options,
                    enum tls_client_auth auth)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int small = SMALL;
    front_open_bare(front, options);
    front->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(front->fd >= 0);
    assert_int_equal(setsockopt(front->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(front->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(bind(front->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(front->fd, 1024), 0);
    assert_int_equal(getsockname(front->fd, (struct sockaddr *)&address, &len), 0);
    front->port = ntohs(address.sin_port);
    struct http_listener_options listener = {
        .fd = front->fd, .tls = make_context(auth), .offers_h2 = true};
    assert_int_equal(http_server_listen(front->server, &listener, NULL), 0);
    tls_context_unref(listener.tls);
}

void tls_front_open_plainly(struct front *front)
{
    struct http_server_options options = front_options();
    tls_front_open(front, &options, TLS_CLIENT_NONE);
}

struct http_counts tls_front_counts(const struct front *front)
{
    struct http_counts counts;
    http_server_count(front->server, &counts);
    return counts;
}

uint32_t tls_front_connections(const struct front *front)
{
    struct http_counts counts = tls_front_counts(front);
    return counts.handshaking + counts.reading_head + counts.active + counts.idle;
}

void tls_front_await_none(struct front *front)
{
    uint64_t until = loop_clock_ns() + TLS_FRONT_PATIENCE_MS * ms_ns;
    do {
        front_turn(front, 1);
    } while (tls_front_connections(front) > 0 && loop_clock_ns() < until);
    assert_int_equal(tls_front_connections(front), 0);
}

/* -- a client --------------------------------------------------------------------------------- */

void tls_peer_connect(struct front *front, struct tls_peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(front->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int small = SMALL;
    uint64_t accepted = tls_front_counts(front).accepted;
    *peer = (struct tls_peer){.front = front};
    buffer_init(&peer->got, GOT_MAX);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(peer->fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    tls_client_init(&peer->tls, peer->fd);
    for (int i = 0; tls_front_counts(front).accepted == accepted && i < 1000; i++) {
        front_turn(front, 1);
    }
}

void tls_peer_leave(struct tls_peer *peer)
{
    tls_client_done(&peer->tls);
    buffer_done(&peer->got);
    if (peer->fd >= 0) {
        assert_int_equal(close(peer->fd), 0);
    }
    peer->fd = -1;
}

void tls_peer_reset(struct tls_peer *peer)
{
    struct linger none = {.l_onoff = 1};
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    tls_peer_leave(peer);
}

/* Send up to `max` of what OpenSSL has sealed. */
size_t tls_peer_push(struct tls_peer *peer, size_t max)
{
    char *data = NULL;
    BIO *bio = SSL_get_wbio(peer->tls.ssl);
    long len = BIO_get_mem_data(bio, &data);
    static char part[64 << 10];
    size_t want = (size_t)len < max ? (size_t)len : max;
    want = want < sizeof part ? want : sizeof part;
    ssize_t n = want > 0 ? send(peer->fd, data, want, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n > 0) {
        assert_int_equal(BIO_read(bio, part, (int)n), n);
    }
    return n > 0 ? (size_t)n : 0;
}

/* Receive up to `max`, and decrypt. */
void tls_peer_pull(struct tls_peer *peer, size_t max)
{
    static char part[64 << 10];
    SSL *ssl = peer->tls.ssl;
    ssize_t n = recv(peer->fd, part, max < sizeof part ? max : sizeof part, MSG_DONTWAIT);
    peer->is_over = n == 0 || (n < 0 && errno != EAGAIN);
    if (n > 0) {
        assert_int_equal(BIO_write(SSL_get_rbio(ssl), part, (int)n), n);
    }
    if (!SSL_is_init_finished(ssl)) {
        return;
    }
    do {
        assert_int_equal(buffer_reserve(&peer->got, 16 << 10), 0);
        n = SSL_read(ssl, peer->got.data + peer->got.len, 16 << 10);
        peer->got.len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    int why = SSL_get_error(ssl, (int)n);
    peer->has_goodbye = why == SSL_ERROR_ZERO_RETURN;
}

void tls_peer_turn(struct tls_peer *peer, size_t max)
{
    (void)tls_peer_push(peer, max);
    front_turn(peer->front, 1);
    tls_peer_pull(peer, max);
}

bool tls_peer_shake(struct tls_peer *peer, size_t chunk)
{
    uint64_t until = loop_clock_ns() + TLS_FRONT_PATIENCE_MS * ms_ns;
    int done = 0;
    while (done != 1 && !peer->is_over && loop_clock_ns() < until) {
        done = SSL_do_handshake(peer->tls.ssl);
        if (done != 1 && SSL_get_error(peer->tls.ssl, done) != SSL_ERROR_WANT_READ) {
            break;
        }
        tls_peer_turn(peer, chunk);
    }
    while (tls_peer_push(peer, chunk) > 0) {
        front_turn(peer->front, 0);
    }
    return done == 1;
}

void tls_peer_offer(struct tls_peer *peer, const unsigned char *list, size_t size)
{
    assert_int_equal(SSL_set_alpn_protos(peer->tls.ssl, list, (unsigned)size - 1), 0);
}

void tls_peer_open(struct front *front, struct tls_peer *peer)
{
    tls_peer_connect(front, peer);
    assert_true(tls_peer_shake(peer, TLS_FRONT_ALL));
}

void tls_peer_send(struct tls_peer *peer, const void *bytes, size_t len)
{
    assert_int_equal(SSL_write(peer->tls.ssl, bytes, (int)len), len);
}

void tls_peer_say(struct tls_peer *peer, const char *text)
{
    tls_peer_send(peer, text, strlen(text));
}

void tls_peer_change_keys(struct tls_peer *peer)
{
    assert_int_equal(SSL_key_update(peer->tls.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(peer->tls.ssl), 1);
}

bool tls_peer_has(const struct tls_peer *peer, const char *text)
{
    return peer->got.len > 0 && memmem(peer->got.data, peer->got.len, text, strlen(text)) != NULL;
}

bool tls_peer_await(struct tls_peer *peer, size_t len, size_t chunk)
{
    uint64_t until = loop_clock_ns() + TLS_FRONT_PATIENCE_MS * ms_ns;
    while (peer->got.len < len && !peer->is_over && loop_clock_ns() < until) {
        tls_peer_turn(peer, chunk);
    }
    return peer->got.len >= len;
}

void tls_peer_await_end(struct tls_peer *peer)
{
    uint64_t until = loop_clock_ns() + TLS_FRONT_PATIENCE_MS * ms_ns;
    while (!peer->is_over && loop_clock_ns() < until) {
        tls_peer_turn(peer, TLS_FRONT_ALL);
    }
    assert_true(peer->is_over);
}

void tls_peer_expect(struct tls_peer *peer, const char *content)
{
    uint64_t until = loop_clock_ns() + TLS_FRONT_PATIENCE_MS * ms_ns;
    while (!tls_peer_has(peer, content) && !peer->is_over && loop_clock_ns() < until) {
        tls_peer_turn(peer, TLS_FRONT_ALL);
    }
    assert_true(tls_peer_has(peer, "HTTP/1.1 200 OK\r\n"));
    assert_true(tls_peer_has(peer, content));
    peer->got.len = 0;
}

void tls_peer_hello(struct tls_peer *peer)
{
    tls_peer_say(peer, get_hello);
    tls_peer_expect(peer, "\r\n\r\nhello\n");
}

/* -- a client of HTTP/2 ----------------------------------------------------------------------- */

static ssize_t on_content_wanted(nghttp2_session *ng, int32_t stream, uint8_t *to, size_t len,
                                 uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct tls_h2 *h2 = source->ptr;
    size_t now = h2->left < len ? (size_t)h2->left : len;
    (void)ng;
    (void)stream;
    (void)context;
    memset(to, 'x', now);
    h2->left -= now;
    *flags |= h2->left == 0 ? NGHTTP2_DATA_FLAG_EOF : 0U;
    return (ssize_t)now;
}

static int on_content(nghttp2_session *ng, uint8_t flags, int32_t stream, const uint8_t *data,
                      size_t len, void *context)
{
    struct tls_h2 *h2 = context;
    (void)ng;
    (void)flags;
    (void)stream;
    (void)data;
    h2->content += len;
    return 0;
}

static int on_field(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                    void *context)
{
    struct tls_h2 *h2 = context;
    (void)ng;
    (void)frame;
    (void)flags;
    if (name_len == 7 && memcmp(name, ":status", 7) == 0 && value_len == 3) {
        memcpy(h2->status, value, 3);
    }
    return 0;
}

static int on_stream_closed(nghttp2_session *ng, int32_t stream, uint32_t code, void *context)
{
    struct tls_h2 *h2 = context;
    (void)ng;
    (void)stream;
    h2->is_closed = true;
    h2->code = code;
    return 0;
}

void tls_h2_open(struct front *front, struct tls_h2 *h2)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    nghttp2_session_callbacks *callbacks = NULL;
    const unsigned char *chosen = NULL;
    unsigned len = 0;
    *h2 = (struct tls_h2){.left = 0};
    tls_peer_connect(front, &h2->peer);
    tls_peer_offer(&h2->peer, both, sizeof both);
    assert_true(tls_peer_shake(&h2->peer, TLS_FRONT_ALL));
    SSL_get0_alpn_selected(h2->peer.tls.ssl, &chosen, &len);
    assert_int_equal(len, 2);
    assert_memory_equal(chosen, "h2", 2);
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_content);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_field);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_closed);
    assert_int_equal(nghttp2_session_client_new(&h2->ng, callbacks, h2), 0);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(nghttp2_submit_settings(h2->ng, 0, NULL, 0), 0);
}

void tls_h2_close(struct tls_h2 *h2)
{
    nghttp2_session_del(h2->ng);
    tls_peer_leave(&h2->peer);
}

void tls_h2_give(struct tls_h2 *h2)
{
    const uint8_t *data = NULL;
    ssize_t n = 1;
    while (n > 0 && BIO_ctrl_pending(SSL_get_wbio(h2->peer.tls.ssl)) < (64 << 10)) {
        n = nghttp2_session_mem_send(h2->ng, &data);
        assert_true(n >= 0);
        if (n > 0) {
            tls_peer_send(&h2->peer, data, (size_t)n);
        }
    }
}

void tls_h2_turn(struct tls_h2 *h2, size_t chunk)
{
    tls_h2_give(h2);
    tls_peer_turn(&h2->peer, chunk);
    struct buffer *got = &h2->peer.got;
    assert_int_equal(nghttp2_session_mem_recv(h2->ng, got->data, got->len), got->len);
    got->len = 0;
}

void tls_h2_request(struct tls_h2 *h2, const char *method, const char *path, uint64_t body)
{
    struct {
        const char *name;
        const char *value;
    } fields[] = {{":method", method}, {":scheme", "https"}, {":authority", "a"}, {":path", path}};
    nghttp2_nv lines[ARRAY_COUNT(fields)];
    nghttp2_data_provider provider = {.source.ptr = h2, .read_callback = on_content_wanted};
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        lines[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)fields[i].name,
                                (uint8_t *)(uintptr_t)fields[i].value, strlen(fields[i].name),
                                strlen(fields[i].value), NGHTTP2_NV_FLAG_NONE};
    }
    h2->left = body;
    h2->content = 0;
    h2->is_closed = false;
    h2->status[0] = '\0';
    assert_true(nghttp2_submit_request(h2->ng, NULL, lines, ARRAY_COUNT(lines),
                                       body > 0 ? &provider : NULL, NULL) > 0);
}

void tls_h2_finish(struct tls_h2 *h2, uint64_t content, size_t chunk)
{
    uint64_t until = loop_clock_ns() + 2 * TLS_FRONT_PATIENCE_MS * ms_ns;
    while (!h2->is_closed && !h2->peer.is_over && loop_clock_ns() < until) {
        tls_h2_turn(h2, chunk);
    }
    assert_true(h2->is_closed);
    assert_int_equal(h2->code, 0);
    assert_string_equal(h2->status, "200");
    assert_int_equal(h2->content, content);
}

void tls_h2_hello(struct tls_h2 *h2)
{
    tls_h2_request(h2, "GET", "/hello", 0);
    tls_h2_finish(h2, 6, TLS_FRONT_ALL);
}
