/* TLS sessions: handshakes, the choice of certificate and protocol, bytes both ways, the end.
 *
 * Links: ssl crypto
 * Wraps: send
 */
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
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
#include <openssl/err.h>

#include "base/container.h"
#include "certificates.h"
#include "net/stream.h"

enum { ALL = 1 << 20, TURNS = 20000 };

static char dir[] = "/tmp/hythe-tls-XXXXXX";
static const char *const files[] = {"first", "a", "wild", "exact", "ca", "other"};
static struct certificate made[ARRAY_COUNT(files)];
static struct certificate client_certificate;
static struct certificate stranger;

static char paths[ARRAY_COUNT(files)][2][64];

/* The linker sends the program's calls here. */
static int sends_left = -1; /* then the next one fails; negative: all go through */
ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
    if (sends_left >= 0 && sends_left-- == 0) {
        errno = ENOBUFS;
        return -1;
    }
    return __real_send(fd, data, len, flags);
}

static int set_up(void **state)
{
    static const char *const names[] = {
        "DNS:first.test", "DNS:a.test,DNS:b.test", "DNS:*.c.test", "DNS:x.c.test", NULL, NULL};
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        made[i] = certificate_make(files[i], names[i], NULL);
        certificate_write(&made[i], dir, files[i]);
        (void)snprintf(paths[i][0], sizeof paths[i][0], "%s/%s.crt", dir, files[i]);
        (void)snprintf(paths[i][1], sizeof paths[i][1], "%s/%s.key", dir, files[i]);
    }
    client_certificate = certificate_make("Zo\xc3\xab, guest", NULL, &made[4]);
    stranger = certificate_make("stranger", NULL, &made[5]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        certificate_done(&made[i]);
        (void)unlink(paths[i][0]);
        (void)unlink(paths[i][1]);
    }
    certificate_done(&client_certificate);
    certificate_done(&stranger);
    return rmdir(dir);
}

/* -- both ends -------------------------------------------------------------------------------- */

struct pair {
    struct tls_context *context;
    struct net_stream server;
    struct tls_client client;
    int fds[2];
    int client_result; /* of SSL_do_handshake */
};

static struct tls_options options_of(const struct tls_certificate *certificates, uint32_t count)
{
    return (struct tls_options){
        .certificates = certificates, .certificate_count = count, .offers_h2 = true};
}

static struct tls_certificate certificate_at(size_t index)
{
    return (struct tls_certificate){paths[index][0], paths[index][1]};
}

static void begin_with(struct pair *pair, struct tls_context *context)
{
    pair->context = context;
    pair->client_result = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair->fds),
                     0);
    net_stream_init(&pair->server, pair->fds[0]);
    assert_int_equal(tls_session_new(context, pair->fds[0], &pair->server.tls), 0);
    tls_client_init(&pair->client, pair->fds[1]);
}

static void begin(struct pair *pair, const struct tls_options *options)
{
    struct tls_context *context = NULL;
    struct error err = {0};
    assert_int_equal(tls_context_new(options, &context, &err), 0);
    begin_with(pair, context);
}

static void begin_plainly(struct pair *pair)
{
    struct tls_certificate one = certificate_at(0);
    struct tls_options options = options_of(&one, 1);
    begin(pair, &options);
}

static void end(struct pair *pair)
{
    net_stream_close(&pair->server, false);
    tls_client_done(&pair->client);
    if (pair->fds[1] >= 0) {
        close(pair->fds[1]);
    }
    tls_context_unref(pair->context);
}

/* Carry `chunk` bytes at a time until both ends are done or the server has failed. What the server
 * says; the client's last word is in client_result. */
static int shake(struct pair *pair, size_t chunk)
{
    struct tls_client *client = &pair->client;
    int server = -EAGAIN;
    for (int turn = 0; turn < TURNS; turn++) {
        pair->client_result = SSL_do_handshake(client->ssl);
        size_t sent = tls_client_send(client, chunk);
        server = tls_session_handshake(pair->server.tls);
        size_t got = tls_client_receive(client, chunk);
        if (sent == 0 && got == 0 && server != -EAGAIN) {
            break;
        }
    }
    pair->client_result = SSL_do_handshake(client->ssl);
    return server;
}

static void shake_well(struct pair *pair)
{
    assert_int_equal(shake(pair, ALL), 0);
    assert_int_equal(pair->client_result, 1);
}

/* Everything each way. */
static void carry(struct pair *pair)
{
    while (tls_client_send(&pair->client, ALL) > 0 || tls_client_receive(&pair->client, ALL) > 0) {
    }
}

static int64_t server_write(struct pair *pair, const char *text)
{
    union {
        const void *in;
        void *out;
    } base = {.in = text};
    struct iovec piece = {base.out, strlen(text)};
    return net_stream_write(&pair->server, &piece, 1);
}

static void check_to_client(struct pair *pair, const char *text)
{
    char got[64];
    carry(pair);
    int n = SSL_read(pair->client.ssl, got, sizeof got);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

static void check_to_server(struct pair *pair, const char *text)
{
    uint8_t got[64];
    assert_int_equal(SSL_write(pair->client.ssl, text, (int)strlen(text)), strlen(text));
    carry(pair);
    assert_int_equal(net_stream_read(&pair->server, got, sizeof got), strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

/* -- handshakes ------------------------------------------------------------------------------- */

static void handshake_in_pieces(int version, size_t chunk, const char *words)
{
    struct pair pair;
    begin_plainly(&pair);
    assert_int_equal(SSL_set_max_proto_version(pair.client.ssl, version), 1);
    assert_int_equal(tls_session_handshake(pair.server.tls), -EAGAIN);
    assert_int_equal(shake(&pair, chunk), 0);
    assert_int_equal(pair.client_result, 1);
    assert_string_equal(tls_session_protocol(pair.server.tls), words);
    assert_string_equal(tls_session_cipher(pair.server.tls), SSL_get_cipher(pair.client.ssl));
    assert_null(tls_session_server_name(pair.server.tls));
    assert_null(tls_session_client_subject(pair.server.tls));
    assert_false(tls_session_is_h2(pair.server.tls));
    assert_int_equal(tls_session_handshake(pair.server.tls), 0); /* again is harmless */
    check_to_server(&pair, "ping");
    assert_int_equal(server_write(&pair, "pong"), 4);
    check_to_client(&pair, "pong");
    end(&pair);
}

static void a_handshake_comes_in_pieces(void **state)
{
    (void)state;
    handshake_in_pieces(TLS1_3_VERSION, 1, "TLSv1.3");
    handshake_in_pieces(TLS1_2_VERSION, 1, "TLSv1.2");
    handshake_in_pieces(TLS1_3_VERSION, 100, "TLSv1.3");
    handshake_in_pieces(TLS1_2_VERSION, ALL, "TLSv1.2");
}

static void a_flight_waits_for_room(void **state)
{
    struct pair pair;
    char junk[4096] = {0};
    (void)state;
    begin_plainly(&pair);
    while (send(pair.fds[0], junk, sizeof junk, 0) > 0) {
    }
    assert_int_equal(SSL_do_handshake(pair.client.ssl), -1);
    (void)tls_client_send(&pair.client, ALL);
    assert_int_equal(tls_session_handshake(pair.server.tls), -EAGAIN);
    assert_int_equal(tls_session_handshake(pair.server.tls), -EAGAIN);
    while (recv(pair.fds[1], junk, sizeof junk, 0) > 0) {
    }
    shake_well(&pair);
    end(&pair);
}

static void old_protocols_are_refused(void **state)
{
    struct pair pair;
    struct tls_certificate one = certificate_at(0);
    struct tls_options options = options_of(&one, 1);
    (void)state;
    begin(&pair, &options);
    SSL_set_security_level(pair.client.ssl, 0);
    assert_int_equal(SSL_set_min_proto_version(pair.client.ssl, TLS1_VERSION), 1);
    assert_int_equal(SSL_set_max_proto_version(pair.client.ssl, TLS1_1_VERSION), 1);
    assert_int_equal(shake(&pair, ALL), -EPROTO);
    assert_int_equal(tls_session_handshake(pair.server.tls), -EPROTO); /* and stays so */
    end(&pair);

    options.is_13_only = true;
    begin(&pair, &options);
    assert_int_equal(SSL_set_max_proto_version(pair.client.ssl, TLS1_2_VERSION), 1);
    assert_int_equal(shake(&pair, ALL), -EPROTO);
    end(&pair);
    begin(&pair, &options);
    shake_well(&pair);
    end(&pair);
}

static void weak_ciphers_are_refused(void **state)
{
    static const char *const weak[] = {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA",
                                       "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(weak); i++) {
        struct pair pair;
        begin_plainly(&pair);
        assert_int_equal(SSL_set_max_proto_version(pair.client.ssl, TLS1_2_VERSION), 1);
        assert_int_equal(SSL_set_cipher_list(pair.client.ssl, weak[i]), 1);
        assert_int_equal(shake(&pair, ALL), -EPROTO);
        end(&pair);
    }
}

static void what_is_no_tls_is_told_at_once(void **state)
{
    static const char plain[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct pair pair;
    char answer[64];
    (void)state;
    begin_plainly(&pair);
    assert_int_equal(write(pair.fds[1], plain, sizeof plain - 1), sizeof plain - 1);
    assert_int_equal(tls_session_handshake(pair.server.tls), -EPROTO);
    assert_int_equal(recv(pair.fds[1], answer, sizeof answer, 0),
                     -1); /* no alert into plain text */
    end(&pair);

    begin_plainly(&pair); /* who goes in the middle has cut it off */
    (void)SSL_do_handshake(pair.client.ssl);
    (void)tls_client_send(&pair.client, 50);
    assert_int_equal(tls_session_handshake(pair.server.tls), -EAGAIN);
    assert_int_equal(shutdown(pair.fds[1], SHUT_WR), 0);
    assert_int_equal(tls_session_handshake(pair.server.tls), -EIO);
    end(&pair);
}

static void renegotiation_is_refused(void **state)
{
    struct pair pair;
    uint8_t got[16];
    (void)state;
    begin_plainly(&pair);
    assert_int_equal(SSL_set_max_proto_version(pair.client.ssl, TLS1_2_VERSION), 1);
    shake_well(&pair);
    assert_int_equal(SSL_renegotiate(pair.client.ssl), 1);
    for (int i = 0; i < 5; i++) {
        assert_int_not_equal(SSL_do_handshake(pair.client.ssl), 1);
        carry(&pair);
        int64_t n = net_stream_read(&pair.server, got, sizeof got);
        assert_true(n == -EAGAIN || n == -EPROTO); /* the client gives up */
        carry(&pair);
    }
    end(&pair);
}

/* -- ALPN ------------------------------------------------------------------------------------- */

static int shake_alpn(struct pair *pair, bool offers_h2, const char *list, size_t len)
{
    struct tls_certificate one = certificate_at(0);
    struct tls_options options = options_of(&one, 1);
    options.offers_h2 = offers_h2;
    begin(pair, &options);
    assert_int_equal(
        SSL_set_alpn_protos(pair->client.ssl, (const unsigned char *)list, (unsigned)len), 0);
    return shake(pair, ALL);
}

static void check_alpn(bool offers_h2, const char *list, const char *chosen)
{
    struct pair pair;
    const unsigned char *name = NULL;
    unsigned len = 0;
    assert_int_equal(shake_alpn(&pair, offers_h2, list, strlen(list)), 0);
    SSL_get0_alpn_selected(pair.client.ssl, &name, &len);
    assert_int_equal(len, strlen(chosen));
    assert_memory_equal(name, chosen, len);
    assert_int_equal(tls_session_is_h2(pair.server.tls), strcmp(chosen, "h2") == 0);
    end(&pair);
}

static void the_protocol_is_agreed_on(void **state)
{
    struct pair pair;
    (void)state;
    check_alpn(true, "\x08http/1.1\x02h2", "h2"); /* the server's choice */
    check_alpn(true, "\x02h2", "h2");
    check_alpn(true, "\x08http/1.1", "http/1.1");
    check_alpn(false, "\x02h2\x08http/1.1", "http/1.1");

    assert_int_equal(shake_alpn(&pair, true, "\x03h2c\x08http/1.0", 13), -EPROTO);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()),
                     SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    end(&pair);
    assert_int_equal(shake_alpn(&pair, false, "\x02h2", 3), -EPROTO);
    end(&pair);
}

/* -- names ------------------------------------------------------------------------------------ */

static void check_name(struct tls_context *context, const char *asked, const char *expected)
{
    struct pair pair;
    char subject[64] = "";
    begin_with(&pair, context);
    if (asked != NULL) {
        /* What SSL_set_tlsext_host_name does; it only reads the name. */
        assert_int_equal(SSL_ctrl(pair.client.ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                  TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)asked),
                         1);
    }
    shake_well(&pair);
    X509 *shown = SSL_get1_peer_certificate(pair.client.ssl);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, subject,
                                    sizeof subject);
    X509_free(shown);
    assert_string_equal(subject, expected);
    if (asked != NULL) {
        assert_string_equal(tls_session_server_name(pair.server.tls), asked);
    }
    pair.context = NULL;
    end(&pair);
}

static void the_name_chooses_the_certificate(void **state)
{
    struct tls_certificate all[4];
    struct tls_context *context = NULL;
    struct error err = {0};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        all[i] = certificate_at(i);
    }
    struct tls_options options = options_of(all, 4);
    assert_int_equal(tls_context_new(&options, &context, &err), 0);
    check_name(context, NULL, "first");
    check_name(context, "a.test", "a");
    check_name(context, "B.Test", "a");
    check_name(context, "nobody.test", "first");
    check_name(context, "y.c.test", "wild");
    check_name(context, "x.c.test", "exact"); /* though the wildcard stands before it */
    check_name(context, "y.x.c.test", "first");
    check_name(context, "c.test", "first");
    check_name(context, "first", "first");
    tls_context_unref(context);
}

/* -- client certificates ---------------------------------------------------------------------- */

static void begin_with_clients(struct pair *pair, enum tls_client_auth auth)
{
    struct tls_certificate one = certificate_at(0);
    struct tls_options options = options_of(&one, 1);
    options.client_auth = auth;
    options.client_ca = paths[4][0];
    begin(pair, &options);
}

static void show(struct pair *pair, const struct certificate *certificate)
{
    assert_int_equal(SSL_use_certificate(pair->client.ssl, certificate->x509), 1);
    assert_int_equal(SSL_use_PrivateKey(pair->client.ssl, certificate->key), 1);
}

static void clients_show_certificates(void **state)
{
    static const enum tls_client_auth both[] = {TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED};
    struct pair pair;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        begin_with_clients(&pair, both[i]);
        show(&pair, &client_certificate);
        shake_well(&pair);
        assert_int_equal(sk_X509_NAME_num(SSL_get_client_CA_list(pair.client.ssl)), 1);
        for (int again = 0; again < 2; again++) {
            assert_string_equal(tls_session_client_subject(pair.server.tls),
                                "CN=Zo\\C3\\AB\\, guest");
        }
        end(&pair);

        begin_with_clients(&pair, both[i]);
        show(&pair, &stranger);
        assert_int_equal(shake(&pair, ALL), -EPROTO);
        end(&pair);
    }
    begin_with_clients(&pair, TLS_CLIENT_REQUIRED);
    assert_int_equal(shake(&pair, ALL), -EPROTO);
    end(&pair);
    begin_with_clients(&pair, TLS_CLIENT_OPTIONAL);
    shake_well(&pair);
    assert_null(tls_session_client_subject(pair.server.tls));
    end(&pair);
    begin_plainly(&pair); /* not asked for, not shown */
    show(&pair, &client_certificate);
    shake_well(&pair);
    assert_null(tls_session_client_subject(pair.server.tls));
    end(&pair);
}

static void a_ticket_brings_the_certificate_back(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair pair;
        struct pair second;
        begin_with_clients(&pair, TLS_CLIENT_REQUIRED);
        show(&pair, &client_certificate);
        SSL_set_max_proto_version(pair.client.ssl, versions[i]);
        shake_well(&pair);
        assert_int_equal(server_write(&pair, "x"), 1);
        check_to_client(&pair, "x"); /* and the tickets before it */
        begin_with(&second, pair.context);
        SSL_set_max_proto_version(second.client.ssl, versions[i]);
        SSL_SESSION *session = SSL_get1_session(pair.client.ssl);
        assert_int_equal(SSL_set_session(second.client.ssl, session), 1);
        SSL_SESSION_free(session);
        shake_well(&second);
        assert_int_equal(SSL_session_reused(second.client.ssl), 1);
        assert_string_equal(tls_session_client_subject(second.server.tls),
                            "CN=Zo\\C3\\AB\\, guest");
        second.context = NULL;
        end(&second);
        end(&pair);
    }
}

/* -- bytes ------------------------------------------------------------------------------------ */

static void fill(uint8_t *data, size_t len)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (uint8_t)(seed >> 24);
    }
}

static void narrow(struct pair *pair)
{
    int least = 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(setsockopt(pair->fds[i], SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    }
}

/* Offer all that is left, in pieces of growing size. */
static int64_t write_on(struct net_stream *stream, struct iovec rest)
{
    struct iovec pieces[NET_STREAM_PIECES_MAX];
    size_t part = 1;
    int count = 0;
    while (rest.iov_len > 0 && count < NET_STREAM_PIECES_MAX) {
        part = part * 3 + 1;
        size_t now = part < rest.iov_len ? part : rest.iov_len;
        pieces[count++] = (struct iovec){rest.iov_base, now};
        rest.iov_base = (uint8_t *)rest.iov_base + now;
        rest.iov_len -= now;
    }
    return net_stream_write(stream, pieces, count);
}

static void much_goes_out_through_a_narrow_socket(void **state)
{
    enum { LEN = 1 << 19 };
    struct pair pair;
    uint8_t *data = malloc(LEN);
    uint8_t *got = malloc(LEN);
    size_t at = 0;
    size_t got_len = 0;
    int blocked = 0;
    (void)state;
    assert_true(data != NULL && got != NULL);
    fill(data, LEN);
    begin_plainly(&pair);
    shake_well(&pair);
    narrow(&pair);
    for (int turn = 0; got_len < LEN && turn < TURNS; turn++) {
        int64_t n =
            at < LEN ? write_on(&pair.server, (struct iovec){data + at, LEN - at}) : -EAGAIN;
        assert_true(n > 0 || n == -EAGAIN);
        blocked += n == -EAGAIN;
        at += n > 0 ? (size_t)n : 0;
        assert_true(at == LEN || !pair.server.is_writable);
        (void)tls_client_receive(&pair.client, 1000);
        n = SSL_read(pair.client.ssl, got + got_len, (int)(LEN - got_len));
        got_len += n > 0 ? (size_t)n : 0;
        assert_true(got_len <= at + 1); /* a byte may be ahead, no more */
    }
    assert_int_equal(at, LEN);
    assert_int_equal(got_len, LEN);
    assert_true(blocked > 100);
    assert_memory_equal(got, data, LEN);
    free(data);
    free(got);
    end(&pair);
}

static void much_comes_in_through_small_reads(void **state)
{
    enum { LEN = 1 << 19 };
    struct pair pair;
    uint8_t *data = malloc(LEN);
    uint8_t *got = malloc(LEN);
    size_t at = 0;
    (void)state;
    assert_true(data != NULL && got != NULL);
    fill(data, LEN);
    begin_plainly(&pair);
    shake_well(&pair);
    narrow(&pair);
    assert_int_equal(SSL_write(pair.client.ssl, data, LEN), LEN);
    for (int turn = 0; at < LEN && turn < TURNS; turn++) {
        (void)tls_client_send(&pair.client, 3001);
        int64_t n = 0;
        do {
            size_t len = LEN - at < 777 ? LEN - at : 777;
            n = net_stream_read(&pair.server, got + at, len);
            at += n > 0 ? (size_t)n : 0;
        } while (net_stream_has_pending(&pair.server) && at < LEN);
        assert_true(n > 0 || n == -EAGAIN);
        assert_false(pair.server.is_readable);
    }
    assert_int_equal(at, LEN);
    assert_memory_equal(got, data, LEN);
    assert_false(net_stream_has_pending(&pair.server));
    free(data);
    free(got);
    end(&pair);
}

/* Lengths of the records that wait for the client, without their headers. */
static int records(struct pair *pair, size_t *ret_lens, int max)
{
    uint8_t data[65536];
    int count = 0;
    ssize_t n = recv(pair->fds[1], data, sizeof data, 0);
    for (ssize_t at = 0; at + 5 <= n && count < max; count++) {
        assert_int_equal(data[at], SSL3_RT_APPLICATION_DATA);
        ret_lens[count] = (size_t)(data[at + 3] << 8 | data[at + 4]);
        at += 5 + (ssize_t)ret_lens[count];
        assert_true(at <= n);
    }
    return count;
}

static void small_pieces_share_a_record(void **state)
{
    struct pair pair;
    static uint8_t data[40000];
    size_t lens[8] = {0};
    const size_t more = 17; /* what TLS 1.3 adds to each */
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    carry(&pair);
    struct iovec head_and_body[] = {{data, 200}, {data, 0}, {data, 5}, {data, 3000}};
    assert_int_equal(net_stream_write(&pair.server, head_and_body, 4), 3205);
    assert_int_equal(records(&pair, lens, 8), 1);
    assert_int_equal(lens[0], 3205 + more);

    struct iovec and_large[] = {{data, 100}, {data, 40000}, {data, 1}};
    assert_int_equal(net_stream_write(&pair.server, and_large, 3), 40101);
    assert_int_equal(records(&pair, lens, 8), 3);
    assert_int_equal(lens[0], 16384 + more);
    assert_int_equal(lens[1], 16384 + more);
    assert_int_equal(lens[2], 40101 - 2 * 16384 + more);

    struct iovec none[] = {{data, 0}, {NULL, 0}};
    assert_int_equal(net_stream_write(&pair.server, none, 2), 0);
    assert_int_equal(records(&pair, lens, 8), 0);
    end(&pair);
}

static void clients_with_small_records_are_served(void **state)
{
    struct pair pair;
    static uint8_t data[20000];
    static uint8_t got[20000];
    (void)state;
    fill(data, sizeof data);
    begin_plainly(&pair);
    SSL_set_tlsext_max_fragment_length(pair.client.ssl, TLSEXT_max_fragment_length_512);
    shake_well(&pair);
    assert_int_equal(write_on(&pair.server, (struct iovec){data, sizeof data}), sizeof data);
    carry(&pair);
    for (size_t at = 0; at < sizeof got;) {
        int n = SSL_read(pair.client.ssl, got + at, (int)(sizeof got - at));
        assert_true(n > 0 && n <= 512);
        at += (size_t)n;
    }
    assert_memory_equal(got, data, sizeof data);
    end(&pair);
}

static void keys_change_in_between(void **state)
{
    struct pair pair;
    uint8_t got[16];
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(SSL_key_update(pair.client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(pair.client.ssl), 1);
        (void)tls_client_send(&pair.client, 10); /* cut in the middle */
        assert_int_equal(net_stream_read(&pair.server, got, sizeof got), -EAGAIN);
        assert_false(net_stream_has_pending(&pair.server)); /* half a record is nothing to read */
        carry(&pair);
        assert_int_equal(net_stream_read(&pair.server, got, sizeof got), -EAGAIN);
        check_to_server(&pair, "ping");
        assert_int_equal(server_write(&pair, "pong"), 4);
        check_to_client(&pair, "pong");
    }
    end(&pair);
}

static void endless_key_changes_end_the_session(void **state)
{
    struct pair pair;
    uint8_t got[16];
    int64_t n = -EAGAIN;
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    narrow(&pair);
    for (int i = 0; n == -EAGAIN && i < TURNS; i++) { /* and none of the answers is read */
        assert_int_equal(SSL_key_update(pair.client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(pair.client.ssl), 1);
        (void)tls_client_send(&pair.client, ALL);
        n = net_stream_read(&pair.server, got, sizeof got);
    }
    assert_int_equal(n, -EMSGSIZE);
    end(&pair);
}

/* -- the end ---------------------------------------------------------------------------------- */

static void the_peers_end_is_no_error(void **state)
{
    struct pair pair;
    uint8_t got[16];
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    assert_int_equal(SSL_write(pair.client.ssl, "last", 4), 4);
    assert_int_equal(SSL_shutdown(pair.client.ssl), 0);
    carry(&pair);
    net_stream_note(&pair.server, LOOP_READ | LOOP_WRITE);
    assert_int_equal(net_stream_read(&pair.server, got, sizeof got), 4);
    assert_true(net_stream_has_pending(&pair.server)); /* no edge tells of the end any more */
    assert_true(pair.server.is_readable);
    assert_int_equal(net_stream_read(&pair.server, got, sizeof got), 0);
    assert_false(net_stream_has_pending(&pair.server));
    assert_int_equal(net_stream_read(&pair.server, got, sizeof got), 0);
    assert_int_equal(server_write(&pair, "bye"), 3); /* our half is still open */
    check_to_client(&pair, "bye");
    net_stream_shutdown(&pair.server);
    carry(&pair);
    assert_int_equal(SSL_shutdown(pair.client.ssl), 1);
    assert_int_equal(recv(pair.fds[1], got, sizeof got, 0), 0);
    end(&pair);
}

static void a_cut_stream_is_an_error(void **state)
{
    static const size_t kept[] = {0, 3, 15, 26}; /* 26: all of the record */
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
        struct pair pair;
        uint8_t got[16];
        begin_plainly(&pair);
        shake_well(&pair);
        assert_int_equal(SSL_write(pair.client.ssl, "half", 4), 4);
        assert_int_equal(tls_client_send(&pair.client, kept[i]), kept[i]);
        assert_int_equal(close(pair.fds[1]), 0);
        pair.fds[1] = -1;
        if (kept[i] == 26) {
            assert_int_equal(net_stream_read(&pair.server, got, sizeof got), 4);
        }
        assert_int_equal(net_stream_read(&pair.server, got, sizeof got), -EIO);
        assert_int_equal(net_stream_read(&pair.server, got, sizeof got), -EIO);
        assert_true(server_write(&pair, "x") < 0);
        net_stream_shutdown(&pair.server); /* says nothing more */
        end(&pair);
    }
}

static void a_peer_that_has_gone_takes_no_more(void **state)
{
    struct pair pair;
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    assert_int_equal(close(pair.fds[1]), 0);
    pair.fds[1] = -1;
    assert_int_equal(server_write(&pair, "x"), -EPIPE);
    assert_int_equal(server_write(&pair, "x"), -EPIPE);
    end(&pair);
}

/* What the read left behind in the BIO is not what the write has failed of. */
static void it_is_told_so_too_after_a_read_that_waits(void **state)
{
    struct pair pair;
    uint8_t got[16];
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    assert_int_equal(net_stream_read(&pair.server, got, sizeof got), -EAGAIN);
    assert_int_equal(close(pair.fds[1]), 0);
    pair.fds[1] = -1;
    assert_int_equal(server_write(&pair, "x"), -EPIPE);
    end(&pair);
}

/* The first record goes, the next one fails: no edge follows, so the same call tells of it. */
static void a_failure_between_records_is_told_at_once(void **state)
{
    static uint8_t data[40000];
    struct pair pair;
    struct iovec piece = {data, sizeof data};
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    sends_left = 1;
    assert_int_equal(net_stream_write(&pair.server, &piece, 1), -ENOBUFS);
    assert_int_equal(net_stream_write(&pair.server, &piece, 1), -ENOBUFS);
    end(&pair);
}

/* A reader that sends what waits may be the one who meets it. */
static void a_failure_while_reading_is_told_at_once(void **state)
{
    static uint8_t data[1 << 20];
    struct pair pair;
    struct iovec piece = {data, sizeof data};
    uint8_t got[16];
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    narrow(&pair);
    assert_true(net_stream_write(&pair.server, &piece, 1) > 0);
    sends_left = 0;
    assert_int_equal(net_stream_read(&pair.server, got, sizeof got), -ENOBUFS);
    assert_int_equal(server_write(&pair, "x"), -ENOBUFS);
    end(&pair);
}

static void damaged_bytes_are_an_error(void **state)
{
    struct pair pair;
    uint8_t got[64];
    (void)state;
    begin_plainly(&pair);
    shake_well(&pair);
    assert_int_equal(SSL_write(pair.client.ssl, "half", 4), 4);
    int len = BIO_read(SSL_get_wbio(pair.client.ssl), got, sizeof got);
    assert_int_equal(len, 26);
    got[len - 1] ^= 1;
    assert_int_equal(write(pair.fds[1], got, (size_t)len), len);
    assert_int_equal(net_stream_read(&pair.server, got, sizeof got), -EPROTO);
    assert_int_equal(server_write(&pair, "x"), -EPROTO);
    end(&pair);
}

/* -- reload ----------------------------------------------------------------------------------- */

static void sessions_keep_their_context(void **state)
{
    struct pair before;
    struct pair after;
    struct tls_certificate other = certificate_at(1);
    struct tls_options options = options_of(&other, 1);
    (void)state;
    begin_plainly(&before);
    (void)SSL_do_handshake(before.client.ssl);
    (void)tls_client_send(&before.client, 100); /* in the middle of the handshake */
    assert_int_equal(tls_session_handshake(before.server.tls), -EAGAIN);
    tls_context_unref(before.context);
    before.context = NULL;
    begin(&after, &options);
    shake_well(&before);
    shake_well(&after);
    check_to_server(&before, "old");
    check_to_server(&after, "new");
    X509 *shown = SSL_get1_peer_certificate(before.client.ssl);
    assert_int_equal(X509_cmp(shown, made[0].x509), 0);
    X509_free(shown);
    end(&after);
    check_to_server(&before, "still");
    end(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_comes_in_pieces),
        cmocka_unit_test(a_flight_waits_for_room),
        cmocka_unit_test(old_protocols_are_refused),
        cmocka_unit_test(weak_ciphers_are_refused),
        cmocka_unit_test(what_is_no_tls_is_told_at_once),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(the_protocol_is_agreed_on),
        cmocka_unit_test(the_name_chooses_the_certificate),
        cmocka_unit_test(clients_show_certificates),
        cmocka_unit_test(a_ticket_brings_the_certificate_back),
        cmocka_unit_test(much_goes_out_through_a_narrow_socket),
        cmocka_unit_test(much_comes_in_through_small_reads),
        cmocka_unit_test(small_pieces_share_a_record),
        cmocka_unit_test(clients_with_small_records_are_served),
        cmocka_unit_test(keys_change_in_between),
        cmocka_unit_test(endless_key_changes_end_the_session),
        cmocka_unit_test(the_peers_end_is_no_error),
        cmocka_unit_test(a_cut_stream_is_an_error),
        cmocka_unit_test(a_peer_that_has_gone_takes_no_more),
        cmocka_unit_test(it_is_told_so_too_after_a_read_that_waits),
        cmocka_unit_test(a_failure_between_records_is_told_at_once),
        cmocka_unit_test(a_failure_while_reading_is_told_at_once),
        cmocka_unit_test(damaged_bytes_are_an_error),
        cmocka_unit_test(sessions_keep_their_context),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
