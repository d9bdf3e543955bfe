/* The front inside TLS: handshakes that are slow, wrong or broken off, HTTP/1 and HTTP/2 behind
 * them, records, back-pressure, and ends that are orderly or not.
 *
 * Links: ssl crypto nghttp2
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "base/container.h"
#include "certificates.h"
#include "front.h"
#include "net/tls.h"

enum { ALL = 1 << 20, GOT_MAX = 64 << 20, PATIENCE_MS = 5000, SPAN_MS = 300, MIB = 1 << 20 };

static const uint64_t ms_ns = 1000000;
static const unsigned char both[] = "\x02h2\x08http/1.1";
static const unsigned char only_h1[] = "\x08http/1.1";
static const unsigned char only_other[] = "\x05h3-29";
static const char get_hello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

static char dir[] = "/tmp/hythe-http-tls-XXXXXX";
static const char *const names[] = {"first", "second", "ca"};
static char paths[ARRAY_COUNT(names)][2][64];
static struct certificate made[ARRAY_COUNT(names)];
static struct certificate visitor;

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        made[i] = certificate_make(names[i], NULL, NULL);
        certificate_write(&made[i], dir, names[i]);
        (void)snprintf(paths[i][0], sizeof paths[i][0], "%s/%s.crt", dir, names[i]);
        (void)snprintf(paths[i][1], sizeof paths[i][1], "%s/%s.key", dir, names[i]);
    }
    visitor = certificate_make("visitor", NULL, &made[2]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        certificate_done(&made[i]);
        (void)unlink(paths[i][0]);
        (void)unlink(paths[i][1]);
    }
    certificate_done(&visitor);
    return rmdir(dir);
}

/* -- the front -------------------------------------------------------------------------------- */

static struct tls_context *make_context(size_t name, enum tls_client_auth auth)
{
    struct tls_context *context = NULL;
    struct error err = {0};
    const struct tls_certificate one = {paths[name][0], paths[name][1]};
    const struct tls_options options = {.certificates = &one,
                                        .certificate_count = 1,
                                        .client_ca = paths[2][0],
                                        .client_auth = auth,
                                        .offers_h2 = true};
    assert_int_equal(tls_context_new(&options, &context, &err), 0);
    return context;
}

static void open_with(struct front *front, const struct http_server_options *options,
                      enum tls_client_auth auth)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int small = 16 << 10;
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
        .fd = front->fd, .tls = make_context(0, auth), .offers_h2 = true};
    assert_int_equal(http_server_listen(front->server, &listener, NULL), 0);
    tls_context_unref(listener.tls);
}

static void open_plainly(struct front *front)
{
    struct http_server_options options = front_options();
    open_with(front, &options, TLS_CLIENT_NONE);
}

static struct http_counts counts_of(const struct front *front)
{
    struct http_counts counts;
    http_server_count(front->server, &counts);
    return counts;
}

static uint32_t connections(const struct front *front)
{
    struct http_counts counts = counts_of(front);
    return counts.handshaking + counts.reading_head + counts.active + counts.idle;
}

/* Turn until there are no connections. */
static void await_none(struct front *front)
{
    uint64_t until = loop_clock_ns() + PATIENCE_MS * ms_ns;
    do {
        front_turn(front, 1);
    } while (connections(front) > 0 && loop_clock_ns() < until);
    assert_int_equal(connections(front), 0);
}

/* -- a client --------------------------------------------------------------------------------- */

struct peer {
    struct front *front;
    struct tls_client tls;
    int fd;
    struct buffer got; /* decrypted */
    bool has_goodbye;  /* close_notify has come */
    bool is_over;      /* so has the end of the socket, or an error */
    bool is_broken;    /* TLS has failed */
};

static void connect_only(struct front *front, struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(front->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int small = 16 << 10;
    uint64_t accepted = counts_of(front).accepted;
    *peer = (struct peer){.front = front};
    buffer_init(&peer->got, GOT_MAX);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(connect(peer->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(peer->fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    tls_client_init(&peer->tls, peer->fd);
    for (int i = 0; counts_of(front).accepted == accepted && i < 1000; i++) {
        front_turn(front, 1);
    }
}

static void leave(struct peer *peer)
{
    tls_client_done(&peer->tls);
    buffer_done(&peer->got);
    if (peer->fd >= 0) {
        assert_int_equal(close(peer->fd), 0);
    }
    peer->fd = -1;
}

/* With RST, which does not wait behind what nobody reads. */
static void leave_at_once(struct peer *peer)
{
    struct linger none = {.l_onoff = 1};
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    leave(peer);
}

/* Send up to `max` of what OpenSSL has sealed. */
static size_t push(struct peer *peer, size_t max)
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
static void pull(struct peer *peer, size_t max)
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
    peer->is_broken = why == SSL_ERROR_SSL;
}

static void turn(struct peer *peer, size_t max)
{
    (void)push(peer, max);
    front_turn(peer->front, 1);
    pull(peer, max);
}

/* Carry `chunk` bytes a turn until the client says that it is done, or fails, or is left. */
static bool shake(struct peer *peer, size_t chunk)
{
    uint64_t until = loop_clock_ns() + PATIENCE_MS * ms_ns;
    int done = 0;
    while (done != 1 && !peer->is_over && loop_clock_ns() < until) {
        done = SSL_do_handshake(peer->tls.ssl);
        if (done != 1 && SSL_get_error(peer->tls.ssl, done) != SSL_ERROR_WANT_READ) {
            break;
        }
        turn(peer, chunk);
    }
    while (push(peer, chunk) > 0) {
        front_turn(peer->front, 0);
    }
    return done == 1;
}

static void offer(struct peer *peer, const unsigned char *list, size_t size)
{
    assert_int_equal(SSL_set_alpn_protos(peer->tls.ssl, list, (unsigned)size - 1), 0);
}

static void connect_well(struct front *front, struct peer *peer)
{
    connect_only(front, peer);
    assert_true(shake(peer, ALL));
}

static void say_bytes(struct peer *peer, const void *bytes, size_t len)
{
    assert_int_equal(SSL_write(peer->tls.ssl, bytes, (int)len), len);
}

static void say(struct peer *peer, const char *text)
{
    say_bytes(peer, text, strlen(text));
}

static bool has(const struct peer *peer, const char *text)
{
    return peer->got.len > 0 && memmem(peer->got.data, peer->got.len, text, strlen(text)) != NULL;
}

/* Turn until `len` bytes are there, or the end. */
static bool await(struct peer *peer, size_t len, size_t chunk)
{
    uint64_t until = loop_clock_ns() + PATIENCE_MS * ms_ns;
    while (peer->got.len < len && !peer->is_over && loop_clock_ns() < until) {
        turn(peer, chunk);
    }
    return peer->got.len >= len;
}

static void await_end(struct peer *peer)
{
    uint64_t until = loop_clock_ns() + PATIENCE_MS * ms_ns;
    while (!peer->is_over && loop_clock_ns() < until) {
        turn(peer, ALL);
    }
    assert_true(peer->is_over);
}

/* What has come is one answer with this content at its end; forget it. */
static void check_answer(struct peer *peer, const char *content)
{
    uint64_t until = loop_clock_ns() + PATIENCE_MS * ms_ns;
    while (!has(peer, content) && !peer->is_over && loop_clock_ns() < until) {
        turn(peer, ALL);
    }
    assert_true(has(peer, "HTTP/1.1 200 OK\r\n"));
    assert_true(has(peer, content));
    peer->got.len = 0;
}

static void check_hello(struct peer *peer)
{
    say(peer, get_hello);
    check_answer(peer, "\r\n\r\nhello\n");
}

/* -- a client of HTTP/2 ----------------------------------------------------------------------- */

struct h2 {
    struct peer peer;
    nghttp2_session *ng;
    uint64_t left; /* of the body to send */
    uint64_t content;
    char status[4];
    bool is_closed; /* the stream */
    uint32_t code;
};

static ssize_t on_content_wanted(nghttp2_session *ng, int32_t stream, uint8_t *to, size_t len,
                                 uint32_t *flags, nghttp2_data_source *source, void *context)
{
    struct h2 *h2 = source->ptr;
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
    struct h2 *h2 = context;
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
    struct h2 *h2 = context;
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
    struct h2 *h2 = context;
    (void)ng;
    (void)stream;
    h2->is_closed = true;
    h2->code = code;
    return 0;
}

static void h2_begin(struct front *front, struct h2 *h2)
{
    nghttp2_session_callbacks *callbacks = NULL;
    const unsigned char *chosen = NULL;
    unsigned len = 0;
    *h2 = (struct h2){.left = 0};
    connect_only(front, &h2->peer);
    offer(&h2->peer, both, sizeof both);
    assert_true(shake(&h2->peer, ALL));
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

static void h2_end(struct h2 *h2)
{
    nghttp2_session_del(h2->ng);
    leave(&h2->peer);
}

static void h2_give(struct h2 *h2)
{
    const uint8_t *data = NULL;
    ssize_t n = 1;
    while (n > 0 && BIO_ctrl_pending(SSL_get_wbio(h2->peer.tls.ssl)) < (64 << 10)) {
        n = nghttp2_session_mem_send(h2->ng, &data);
        assert_true(n >= 0);
        if (n > 0) {
            say_bytes(&h2->peer, data, (size_t)n);
        }
    }
}

static void h2_turn(struct h2 *h2, size_t chunk)
{
    h2_give(h2);
    turn(&h2->peer, chunk);
    struct buffer *got = &h2->peer.got;
    assert_int_equal(nghttp2_session_mem_recv(h2->ng, got->data, got->len), got->len);
    got->len = 0;
}

static void h2_begin_request(struct h2 *h2, const char *method, const char *path, uint64_t body)
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

static void h2_finish(struct h2 *h2, uint64_t content, size_t chunk)
{
    uint64_t until = loop_clock_ns() + 2 * PATIENCE_MS * ms_ns;
    while (!h2->is_closed && !h2->peer.is_over && loop_clock_ns() < until) {
        h2_turn(h2, chunk);
    }
    assert_true(h2->is_closed);
    assert_int_equal(h2->code, 0);
    assert_string_equal(h2->status, "200");
    assert_int_equal(h2->content, content);
}

static void h2_hello(struct h2 *h2)
{
    h2_begin_request(h2, "GET", "/hello", 0);
    h2_finish(h2, 6, ALL);
}

/* -- handshakes ------------------------------------------------------------------------------- */

static void the_protocol_is_the_one_agreed_on(void **state)
{
    struct front front;
    struct peer peer;
    struct h2 h2;
    (void)state;
    open_plainly(&front);
    connect_well(&front, &peer); /* no ALPN */
    check_hello(&peer);
    leave(&peer);

    connect_only(&front, &peer);
    offer(&peer, only_h1, sizeof only_h1);
    assert_true(shake(&peer, ALL));
    check_hello(&peer);
    say(&peer, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); /* what was agreed on is meant */
    await_end(&peer);
    assert_true(has(&peer, "HTTP/1.1 505 ") || has(&peer, "HTTP/1.1 400 "));
    leave(&peer);

    h2_begin(&front, &h2);
    h2_hello(&h2);
    h2_hello(&h2);
    h2_end(&h2);
    assert_int_equal(counts_of(&front).tls_failures, 0);

    connect_only(&front, &peer);
    offer(&peer, only_other, sizeof only_other);
    assert_false(shake(&peer, ALL));
    leave(&peer);
    await_none(&front);
    assert_int_equal(counts_of(&front).tls_failures, 1);
    front_close(&front);
}

static void a_handshake_has_its_time(void **state)
{
    struct front front;
    struct peer silent;
    struct peer slow;
    struct peer slower;
    struct http_server_options options = front_options();
    (void)state;
    options.timeouts.tls_ns = SPAN_MS * ms_ns;
    open_with(&front, &options, TLS_CLIENT_NONE);
    uint64_t begin_ns = loop_clock_ns();
    connect_only(&front, &silent);
    connect_only(&front, &slower);
    connect_only(&front, &slow);
    assert_true(shake(&slow, 100)); /* in pieces, and in time */
    (void)SSL_do_handshake(slower.tls.ssl);
    while (connections(&front) > 1) { /* a byte now and then does not prolong it */
        (void)push(&slower, 1);
        front_turn_for(&front, 10);
        assert_true(loop_clock_ns() - begin_ns < PATIENCE_MS * ms_ns);
    }
    assert_in_range((loop_clock_ns() - begin_ns) / ms_ns, SPAN_MS, 3 * SPAN_MS);
    assert_int_equal(counts_of(&front).timed_out[0], 2);
    await_end(&silent);
    assert_int_equal(silent.got.len, 0);
    check_hello(&slow); /* a handshake's time is over with the handshake */
    assert_int_equal(counts_of(&front).timed_out[0], 2);
    leave(&silent);
    leave(&slow);
    leave(&slower);
    front_close(&front);
}

static void plain_http_is_told_nothing(void **state)
{
    struct front front;
    struct peer peer;
    char got[64];
    ssize_t n = -1;
    (void)state;
    open_plainly(&front);
    connect_only(&front, &peer);
    assert_int_equal(send(peer.fd, get_hello, strlen(get_hello), 0), strlen(get_hello));
    await_none(&front);
    n = recv(peer.fd, got, sizeof got, 0);
    assert_true(n <= 0 || memmem(got, (size_t)n, "HTTP", 4) == NULL);
    assert_int_equal(counts_of(&front).tls_failures, 1);
    assert_int_equal(front.done, 0);
    leave(&peer);
    front_close(&front);
}

/* After so many bytes of the client's, with FIN or RST. */
static void leave_after(struct front *front, size_t len, bool with_reset)
{
    struct peer peer;
    connect_only(front, &peer);
    for (int i = 0; len > 0 && i < 50; i++) {
        (void)SSL_do_handshake(peer.tls.ssl);
        len -= push(&peer, len);
        front_turn(front, 1);
        pull(&peer, ALL);
    }
    (with_reset ? leave_at_once : leave)(&peer);
    await_none(front);
}

static void who_leaves_in_the_handshake_is_forgotten(void **state)
{
    static const size_t lens[] = {0, 1, 5, 100, 300, 320, 400};
    struct front front;
    (void)state;
    open_plainly(&front);
    for (size_t i = 0; i < ARRAY_COUNT(lens); i++) {
        leave_after(&front, lens[i], false);
        leave_after(&front, lens[i], true);
    }
    assert_int_equal(front.done, 0);
    assert_int_equal(counts_of(&front).timed_out[0], 0);
    front_close(&front);
}

/* How long a new client needs for handshake, request and answer. */
static uint64_t visit_ms(struct front *front)
{
    struct peer peer;
    uint64_t begin_ns = loop_clock_ns();
    connect_well(front, &peer);
    check_hello(&peer);
    uint64_t took = loop_clock_ns() - begin_ns;
    leave(&peer);
    return took / ms_ns;
}

static void many_that_stop_delay_nobody(void **state)
{
    enum { PEERS = 200, MAX_MS = 100 };
    static struct peer peers[PEERS];
    struct front front;
    struct http_server_options options = front_options();
    (void)state;
    options.timeouts.tls_ns = 1500 * ms_ns;
    open_with(&front, &options, TLS_CLIENT_NONE);
    for (size_t i = 0; i < PEERS; i++) {
        connect_only(&front, &peers[i]);
        (void)SSL_do_handshake(peers[i].tls.ssl);
        (void)push(&peers[i], i % 3 == 0 ? 0 : i % 3 == 1 ? 100 : ALL);
        if (i % 50 == 0) {
            assert_in_range(visit_ms(&front), 0, MAX_MS);
        }
    }
    assert_true(counts_of(&front).handshaking >= PEERS);
    uint64_t until = loop_clock_ns() + PATIENCE_MS * ms_ns;
    while (counts_of(&front).timed_out[0] < PEERS && loop_clock_ns() < until) {
        assert_in_range(visit_ms(&front), 0, MAX_MS);
        front_turn_for(&front, 50);
    }
    assert_int_equal(counts_of(&front).timed_out[0], PEERS);
    assert_int_equal(counts_of(&front).gave_way, 0);
    for (size_t i = 0; i < PEERS; i++) {
        leave(&peers[i]);
    }
    front_close(&front);
}

static void clients_have_to_show_who_they_are(void **state)
{
    struct front front;
    struct peer peer;
    struct http_server_options options = front_options();
    (void)state;
    open_with(&front, &options, TLS_CLIENT_REQUIRED);
    connect_only(&front, &peer);
    (void)shake(&peer, ALL); /* in TLS 1.3 the client is done before the server looks */
    (void)SSL_write(peer.tls.ssl, get_hello, (int)strlen(get_hello));
    await_end(&peer);
    assert_int_equal(peer.got.len, 0);
    assert_false(peer.has_goodbye);
    leave(&peer);
    assert_int_equal(front.done, 0);
    assert_int_equal(counts_of(&front).tls_failures, 1);

    connect_only(&front, &peer);
    assert_int_equal(SSL_use_certificate(peer.tls.ssl, visitor.x509), 1);
    assert_int_equal(SSL_use_PrivateKey(peer.tls.ssl, visitor.key), 1);
    assert_true(shake(&peer, ALL));
    check_hello(&peer);
    leave(&peer);
    front_close(&front);
}

static void check_certificate(const struct peer *peer, size_t name)
{
    X509 *shown = SSL_get1_peer_certificate(peer->tls.ssl);
    assert_int_equal(X509_cmp(shown, made[name].x509), 0);
    X509_free(shown);
}

static void a_new_certificate_is_for_new_connections(void **state)
{
    struct front front;
    struct peer old;
    struct peer half;
    struct peer new;
    struct h2 h2;
    (void)state;
    open_plainly(&front);
    connect_well(&front, &old);
    h2_begin(&front, &h2);
    h2_begin_request(&h2, "POST", "/read", MIB);
    for (int i = 0; i < 5; i++) {
        h2_turn(&h2, 1000);
    }
    connect_only(&front, &half);
    (void)SSL_do_handshake(half.tls.ssl);
    (void)push(&half, 100);
    front_turn(&front, 1);
    struct tls_context *next = make_context(1, TLS_CLIENT_NONE);
    http_server_set_tls(front.server, next);
    tls_context_unref(next);
    connect_well(&front, &new);
    assert_true(shake(&half, ALL));
    check_certificate(&new, 1);
    check_certificate(&half, 0);
    check_hello(&old);
    check_hello(&half);
    check_hello(&new);
    h2_finish(&h2, strlen("read 1048576\n"), ALL);
    leave(&old);
    leave(&half);
    leave(&new);
    h2_end(&h2);
    front_close(&front);
}

/* -- records ---------------------------------------------------------------------------------- */

/* Records that have come and nobody has read; their content and how it was sealed is their own. */
static unsigned waiting_records(struct peer *peer)
{
    static uint8_t data[64 << 10];
    unsigned count = 0;
    ssize_t n = recv(peer->fd, data, sizeof data, MSG_PEEK | MSG_DONTWAIT);
    for (ssize_t at = 0; at + 5 <= n; count++) {
        assert_int_equal(data[at], SSL3_RT_APPLICATION_DATA);
        at += 5 + (data[at + 3] << 8 | data[at + 4]);
        assert_true(at <= n);
    }
    return count;
}

static void a_response_is_one_record(void **state)
{
    static const char *const asked[] = {"/hello",       "/small",    "/later",
                                        "/length/1000", "/trailers", "/chunked/2000"};
    struct front front;
    struct peer peer;
    struct h2 h2;
    (void)state;
    open_plainly(&front);
    connect_well(&front, &peer);
    check_hello(&peer); /* and the tickets before it */
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", asked[i]);
        say(&peer, text);
        (void)push(&peer, ALL);
        front_turn_for(&front, 10);
        assert_int_equal(waiting_records(&peer), 1);
        check_answer(&peer, "\r\n\r\n");
    }
    leave(&peer);
    h2_begin(&front, &h2);
    h2_hello(&h2);
    h2_begin_request(&h2, "GET", "/hello", 0);
    h2_give(&h2);
    (void)push(&h2.peer, ALL);
    front_turn_for(&front, 10);
    assert_int_equal(waiting_records(&h2.peer), 1);
    h2_finish(&h2, 6, ALL);
    h2_end(&h2);
    front_close(&front);
}

static void requests_share_records_and_records_requests(void **state)
{
    enum { REQUESTS = 50 };
    struct front front;
    struct peer peer;
    char text[REQUESTS * sizeof get_hello] = "";
    (void)state;
    open_plainly(&front);
    connect_well(&front, &peer);
    for (int i = 0; i < REQUESTS; i++) {
        strcat(text, get_hello);
    }
    say(&peer, text); /* all in one record */
    uint64_t until = loop_clock_ns() + PATIENCE_MS * ms_ns;
    while (front.done < REQUESTS && loop_clock_ns() < until) {
        turn(&peer, ALL);
    }
    assert_int_equal(front.done, REQUESTS);
    check_answer(&peer, "hello\n");
    for (const char *at = get_hello; *at != '\0'; at++) { /* a record for each byte */
        say_bytes(&peer, at, 1);
        turn(&peer, 7);
    }
    check_answer(&peer, "hello\n");
    leave(&peer);
    front_close(&front);
}

/* -- much ------------------------------------------------------------------------------------- */

/* Who does not read holds the handler back; what it gets in the end is whole. */
static void check_much(const char *path, size_t content, size_t chunk)
{
    struct front front;
    struct peer peer;
    char text[128];
    open_plainly(&front);
    connect_well(&front, &peer);
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.0\r\n\r\n", path);
    say(&peer, text);
    (void)push(&peer, ALL);
    front_turn_for(&front, 50);
    assert_true(front.bytes_written < content / 2);
    assert_true(await(&peer, content, chunk));
    await_end(&peer);
    assert_true(peer.has_goodbye);
    const uint8_t *body = memmem(peer.got.data, peer.got.len, "\r\n\r\n", 4);
    assert_non_null(body);
    body += 4;
    assert_int_equal(peer.got.data + peer.got.len - body, content);
    for (size_t i = 0; i < content; i++) {
        assert_int_equal(body[i], 'x');
    }
    assert_int_equal(front.last.outcome, HTTP_ANSWERED);
    assert_int_equal(front.last.body_out, content);
    leave(&peer);
    front_close(&front);
}

static void much_goes_out(void **state)
{
    (void)state;
    check_much("/length/8388608", 8 * MIB, 50000);
    check_much("/chunked/8388608", 8 * MIB, 50000); /* for HTTP/1.0 up to the end */
    check_much("/length/2097152", 2 * MIB, 3001);
}

static void fill(uint8_t *data, size_t len)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (uint8_t)(seed >> 24);
    }
}

/* Take the chunks of a body that is there whole apart, in place. Its length. */
static size_t unchunk(uint8_t *data, size_t len)
{
    size_t at = 0;
    size_t to = 0;
    for (;;) {
        char *end = NULL;
        assert_true(at < len);
        unsigned long part = strtoul((char *)data + at, &end, 16);
        at = (size_t)((uint8_t *)end - data) + 2;
        assert_true(at + part + 2 <= len);
        if (part == 0) {
            assert_int_equal(at + 2, len);
            return to;
        }
        memmove(data + to, data + at, part);
        to += part;
        at += part + 2;
    }
}

static void change_keys(struct peer *peer)
{
    assert_int_equal(SSL_key_update(peer->tls.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(peer->tls.ssl), 1);
}

/* Both ways at a time, each held back by the other, with new keys now and then. */
static void much_goes_round(void **state)
{
    enum { LEN = 3 * MIB };
    struct front front;
    struct peer peer;
    uint8_t *data = malloc(LEN);
    char head[128];
    (void)state;
    assert_non_null(data);
    fill(data, LEN);
    open_plainly(&front);
    connect_well(&front, &peer);
    (void)snprintf(head, sizeof head,
                   "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", LEN);
    say(&peer, head);
    uint64_t until = loop_clock_ns() + 4 * PATIENCE_MS * ms_ns;
    size_t said = 0;
    for (int i = 0; !has(&peer, "\r\n0\r\n\r\n") && loop_clock_ns() < until; i++) {
        if (said < LEN && BIO_ctrl_pending(SSL_get_wbio(peer.tls.ssl)) < (64 << 10)) {
            size_t now = LEN - said < 30000 ? LEN - said : 30000;
            say_bytes(&peer, data + said, now);
            said += now;
        }
        if (i % 37 == 0) {
            change_keys(&peer);
        }
        (void)push(&peer, ALL);
        front_turn(&front, 0);
        if (i % 10 > 4) { /* it reads for a while, and for a while it does not */
            pull(&peer, ALL);
        }
        peer.got.data[peer.got.len] = '\0'; /* pull reserves more than it fills */
    }
    assert_int_equal(said, LEN);
    uint8_t *body = memmem(peer.got.data, peer.got.len, "\r\n\r\n", 4);
    assert_non_null(body);
    body += 4;
    assert_int_equal(unchunk(body, (size_t)(peer.got.data + peer.got.len - body)), LEN);
    assert_memory_equal(body, data, LEN);
    leave(&peer);
    front_close(&front);
    free(data);
}

static void much_comes_in_as_it_is_read(void **state)
{
    enum { LEN = 4 * MIB };
    struct front front;
    struct peer peer;
    uint8_t *data = calloc(1, LEN);
    (void)state;
    assert_non_null(data);
    open_plainly(&front);
    connect_well(&front, &peer);
    say(&peer, "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n");
    say_bytes(&peer, data, LEN);
    size_t sent = 0;
    for (int i = 0; i < 200; i++) { /* nobody reads: it stays with the client */
        sent += push(&peer, ALL);
        front_turn(&front, 0);
    }
    assert_true(sent < LEN / 2);
    leave_at_once(&peer);
    await_none(&front);
    connect_well(&front, &peer);
    say(&peer, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n");
    say_bytes(&peer, data, LEN);
    check_answer(&peer, "read 4194304\n");
    leave(&peer);
    front_close(&front);
    free(data);
}

static void http2_carries_much(void **state)
{
    struct front front;
    struct h2 h2;
    (void)state;
    open_plainly(&front);
    h2_begin(&front, &h2);
    h2_begin_request(&h2, "GET", "/length/4194304", 0);
    h2_finish(&h2, 4 * MIB, 20000);
    h2_begin_request(&h2, "POST", "/slow", 4 * MIB);
    h2_finish(&h2, strlen("read 4194304\n"), ALL);
    h2_begin_request(&h2, "POST", "/echo", 2 * MIB);
    h2_finish(&h2, 2 * MIB, 30000);
    h2_end(&h2);
    front_close(&front);
}

/* A client that reads nothing, but asks for new keys: what it sends are edges, and their answers
 * wait behind half a record. */
static void new_keys_while_a_write_waits(void **state)
{
    struct front front;
    struct peer peer;
    struct h2 h2;
    (void)state;
    open_plainly(&front);
    connect_well(&front, &peer);
    h2_begin(&front, &h2);
    say(&peer, "GET /length/1048576 HTTP/1.1\r\nHost: a\r\n\r\n");
    h2_begin_request(&h2, "GET", "/length/1048576", 0);
    h2_give(&h2);
    for (int i = 0; i < 20; i++) {
        change_keys(&peer);
        change_keys(&h2.peer);
        (void)push(&peer, i % 2 == 0 ? 10 : ALL);
        (void)push(&h2.peer, i % 2 == 0 ? 10 : ALL);
        front_turn_for(&front, 2);
    }
    assert_true(await(&peer, MIB, ALL));
    check_answer(&peer, "x");
    check_hello(&peer);
    h2_finish(&h2, MIB, ALL);
    h2_hello(&h2);
    leave(&peer);
    h2_end(&h2);
    front_close(&front);
}

/* -- the end ---------------------------------------------------------------------------------- */

static void check_goodbye(struct peer *peer)
{
    await_end(peer);
    assert_true(peer->has_goodbye);
    leave(peer);
}

static void the_end_is_said(void **state)
{
    struct front front;
    struct peer peer;
    struct h2 h2;
    struct http_server_options options = front_options();
    (void)state;
    options.timeouts.idle_ns = SPAN_MS * ms_ns;
    open_with(&front, &options, TLS_CLIENT_NONE);
    connect_well(&front, &peer); /* it asked for it */
    say(&peer, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    check_goodbye(&peer);
    connect_well(&front, &peer); /* it was wrong */
    say(&peer, "GET /hello HTTP/1.1\r\n\r\n");
    check_goodbye(&peer);
    connect_well(&front, &peer); /* it has been idle */
    check_hello(&peer);
    check_goodbye(&peer);
    connect_well(&front, &peer); /* it goes first */
    check_hello(&peer);
    assert_int_equal(SSL_shutdown(peer.tls.ssl), 0);
    check_goodbye(&peer);
    h2_begin(&front, &h2); /* idle */
    h2_hello(&h2);
    await_end(&h2.peer);
    assert_true(h2.peer.has_goodbye);
    h2_end(&h2);
    h2_begin(&front, &h2);
    h2_hello(&h2);
    front_drain(&front);
    uint64_t until = loop_clock_ns() + PATIENCE_MS * ms_ns;
    while (!h2.peer.is_over && loop_clock_ns() < until) {
        h2_turn(&h2, ALL);
    }
    assert_true(h2.peer.has_goodbye);
    h2_end(&h2);
    await_none(&front);
    assert_int_equal(front.drained, 1);
    front_close(&front);
}

/* What is not whole must not look so. */
static void a_broken_response_has_no_goodbye(void **state)
{
    static const char *const asked[] = {"/break HTTP/1.1", "/break HTTP/1.0", "/short HTTP/1.1",
                                        "/short HTTP/1.0"};
    struct front front;
    struct peer peer;
    (void)state;
    open_plainly(&front);
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        char text[128];
        connect_well(&front, &peer);
        (void)snprintf(text, sizeof text, "GET %s\r\nHost: a\r\n\r\n", asked[i]);
        say(&peer, text);
        await_end(&peer);
        assert_false(peer.has_goodbye);
        assert_false(has(&peer, "\r\n0\r\n\r\n"));
        leave(&peer);
    }
    front_close(&front);
}

/* A request, then the client's end with or without a goodbye. The status it was answered with. */
static uint16_t cut(struct front *front, const char *request, bool with_goodbye, bool waits)
{
    struct peer peer;
    uint32_t done = front->done;
    connect_well(front, &peer);
    say(&peer, request);
    if (waits) {
        turn(&peer, ALL);
    }
    if (with_goodbye) {
        (void)SSL_shutdown(peer.tls.ssl);
    }
    (void)push(&peer, ALL);
    assert_int_equal(shutdown(peer.fd, SHUT_WR), 0);
    await_end(&peer);
    leave(&peer);
    await_none(front);
    assert_int_equal(front->done, done + 1);
    return front->last.status;
}

static void half_a_body_is_an_error(void **state)
{
    static const char *const halves[] = {
        "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
        "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
        "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nhalf"};
    static const char whole[] = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nwhole";
    struct front front;
    (void)state;
    open_plainly(&front);
    for (unsigned i = 0; i < 4 * ARRAY_COUNT(halves); i++) {
        uint16_t status = cut(&front, halves[i / 4], (i & 1) != 0, (i & 2) != 0);
        assert_int_not_equal(status, 200);
        assert_int_not_equal(front.last.outcome, HTTP_ANSWERED);
    }
    for (unsigned i = 0; i < 4; i++) { /* framing says that it is whole, whatever comes then */
        (void)cut(&front, whole, (i & 1) != 0, (i & 2) != 0);
        assert_int_equal(front.last.body_in, 5);
        assert_int_equal(front.last.status, 200);
    }
    front_close(&front);
}

/* Someone in the middle who ends the socket under HTTP/2. */
static void half_an_http2_body_is_an_error(void **state)
{
    struct front front;
    struct h2 h2;
    (void)state;
    open_plainly(&front);
    for (int i = 0; i < 2; i++) {
        h2_begin(&front, &h2);
        h2_begin_request(&h2, "POST", "/read", MIB);
        for (int k = 0; k < 5; k++) {
            h2_turn(&h2, 5000);
        }
        if (i == 1) {
            (void)SSL_shutdown(h2.peer.tls.ssl);
        }
        (void)push(&h2.peer, 5000);
        assert_int_equal(shutdown(h2.peer.fd, SHUT_WR), 0);
        await_none(&front);
        assert_int_equal(front.last.outcome, HTTP_PEER_LEFT);
        assert_int_equal(front.last.status, 0);
        h2_end(&h2);
    }
    front_close(&front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_protocol_is_the_one_agreed_on),
        cmocka_unit_test(a_handshake_has_its_time),
        cmocka_unit_test(plain_http_is_told_nothing),
        cmocka_unit_test(who_leaves_in_the_handshake_is_forgotten),
        cmocka_unit_test(many_that_stop_delay_nobody),
        cmocka_unit_test(clients_have_to_show_who_they_are),
        cmocka_unit_test(a_new_certificate_is_for_new_connections),
        cmocka_unit_test(a_response_is_one_record),
        cmocka_unit_test(requests_share_records_and_records_requests),
        cmocka_unit_test(much_goes_out),
        cmocka_unit_test(much_goes_round),
        cmocka_unit_test(much_comes_in_as_it_is_read),
        cmocka_unit_test(http2_carries_much),
        cmocka_unit_test(new_keys_while_a_write_waits),
        cmocka_unit_test(the_end_is_said),
        cmocka_unit_test(a_broken_response_has_no_goodbye),
        cmocka_unit_test(half_a_body_is_an_error),
        cmocka_unit_test(half_an_http2_body_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
