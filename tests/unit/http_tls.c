/* The front inside TLS: handshakes that are slow, wrong or broken off, certificates, and ends that
 * are orderly or not.
 *
 * Links: ssl crypto nghttp2
 */
#include <errno.h>
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

#include "base/container.h"
#include "tls_front.h"

enum { SPAN_MS = 300, MIB = 1 << 20 };

static const uint64_t ms_ns = 1000000;
static const unsigned char only_h1[] = "\x08http/1.1";
static const unsigned char only_other[] = "\x05h3-29";
static const char get_hello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/* -- handshakes ------------------------------------------------------------------------------- */

static void the_protocol_is_the_one_agreed_on(void **state)
{
    struct front front;
    struct tls_peer peer;
    struct tls_h2 h2;
    (void)state;
    tls_front_open_plainly(&front);
    tls_peer_open(&front, &peer); /* no ALPN */
    tls_peer_hello(&peer);
    tls_peer_leave(&peer);

    tls_peer_connect(&front, &peer);
    tls_peer_offer(&peer, only_h1, sizeof only_h1);
    assert_true(tls_peer_shake(&peer, TLS_FRONT_ALL));
    tls_peer_hello(&peer);
    tls_peer_say(&peer, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); /* what was agreed on is meant */
    tls_peer_await_end(&peer);
    assert_true(tls_peer_has(&peer, "HTTP/1.1 505 ") || tls_peer_has(&peer, "HTTP/1.1 400 "));
    tls_peer_leave(&peer);

    tls_h2_open(&front, &h2);
    tls_h2_hello(&h2);
    tls_h2_hello(&h2);
    tls_h2_close(&h2);
    assert_int_equal(tls_front_counts(&front).tls_failures, 0);

    tls_peer_connect(&front, &peer);
    tls_peer_offer(&peer, only_other, sizeof only_other);
    assert_false(tls_peer_shake(&peer, TLS_FRONT_ALL));
    tls_peer_leave(&peer);
    tls_front_await_none(&front);
    assert_int_equal(tls_front_counts(&front).tls_failures, 1);
    front_close(&front);
}

static void a_handshake_has_its_time(void **state)
{
    struct front front;
    struct tls_peer silent;
    struct tls_peer slow;
    struct tls_peer slower;
    struct http_server_options options = front_options();
    (void)state;
    options.timeouts.tls_ns = SPAN_MS * ms_ns;
    tls_front_open(&front, &options, TLS_CLIENT_NONE);
    uint64_t begin_ns = loop_clock_ns();
    tls_peer_connect(&front, &silent);
    tls_peer_connect(&front, &slower);
    tls_peer_connect(&front, &slow);
    assert_true(tls_peer_shake(&slow, 100)); /* in pieces, and in time */
    (void)SSL_do_handshake(slower.tls.ssl);
    while (tls_front_connections(&front) > 1) { /* a byte now and then does not prolong it */
        (void)tls_peer_push(&slower, 1);
        front_turn_for(&front, 10);
        assert_true(loop_clock_ns() - begin_ns < TLS_FRONT_PATIENCE_MS * ms_ns);
    }
    assert_in_range((loop_clock_ns() - begin_ns) / ms_ns, SPAN_MS, 3 * SPAN_MS);
    assert_int_equal(tls_front_counts(&front).timed_out[0], 2);
    tls_peer_await_end(&silent);
    assert_int_equal(silent.got.len, 0);
    tls_peer_hello(&slow); /* a handshake's time is over with the handshake */
    assert_int_equal(tls_front_counts(&front).timed_out[0], 2);
    tls_peer_leave(&silent);
    tls_peer_leave(&slow);
    tls_peer_leave(&slower);
    front_close(&front);
}

static void plain_http_is_told_nothing(void **state)
{
    struct front front;
    struct tls_peer peer;
    char got[64];
    ssize_t n = -1;
    (void)state;
    tls_front_open_plainly(&front);
    tls_peer_connect(&front, &peer);
    assert_int_equal(send(peer.fd, get_hello, strlen(get_hello), 0), strlen(get_hello));
    tls_front_await_none(&front);
    n = recv(peer.fd, got, sizeof got, 0);
    assert_true(n <= 0 || memmem(got, (size_t)n, "HTTP", 4) == NULL);
    assert_int_equal(tls_front_counts(&front).tls_failures, 1);
    assert_int_equal(front.done, 0);
    tls_peer_leave(&peer);
    front_close(&front);
}

/* After so many bytes of the client's, with FIN or RST. */
static void leave_after(struct front *front, size_t len, bool with_reset)
{
    struct tls_peer peer;
    tls_peer_connect(front, &peer);
    for (int i = 0; len > 0 && i < 50; i++) {
        (void)SSL_do_handshake(peer.tls.ssl);
        len -= tls_peer_push(&peer, len);
        front_turn(front, 1);
        tls_peer_pull(&peer, TLS_FRONT_ALL);
    }
    (with_reset ? tls_peer_reset : tls_peer_leave)(&peer);
    tls_front_await_none(front);
}

static void who_leaves_in_the_handshake_is_forgotten(void **state)
{
    static const size_t lens[] = {0, 1, 5, 100, 300, 320, 400};
    struct front front;
    (void)state;
    tls_front_open_plainly(&front);
    for (size_t i = 0; i < ARRAY_COUNT(lens); i++) {
        leave_after(&front, lens[i], false);
        leave_after(&front, lens[i], true);
    }
    assert_int_equal(front.done, 0);
    assert_int_equal(tls_front_counts(&front).timed_out[0], 0);
    front_close(&front);
}

/* How long a new client needs for handshake, request and answer: the best of three, as the machine
 * has other things to do. */
static uint64_t visit_ms(struct front *front)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 3; i++) {
        struct tls_peer peer;
        uint64_t begin_ns = loop_clock_ns();
        tls_peer_open(front, &peer);
        tls_peer_hello(&peer);
        uint64_t took = (loop_clock_ns() - begin_ns) / ms_ns;
        best = took < best ? took : best;
        tls_peer_leave(&peer);
    }
    return best;
}

static void many_that_stop_delay_nobody(void **state)
{
    enum { PEERS = 200, MAX_MS = 50 };
    static struct tls_peer peers[PEERS];
    struct front front;
    struct http_server_options options = front_options();
    (void)state;
    options.timeouts.tls_ns = 2000 * ms_ns;
    tls_front_open(&front, &options, TLS_CLIENT_NONE);
    for (size_t i = 0; i < PEERS; i++) {
        tls_peer_connect(&front, &peers[i]);
        (void)SSL_do_handshake(peers[i].tls.ssl);
        (void)tls_peer_push(&peers[i], i % 3 == 0 ? 0 : i % 3 == 1 ? 100 : TLS_FRONT_ALL);
        if (i % 50 == 0) {
            assert_in_range(visit_ms(&front), 0, MAX_MS);
        }
    }
    assert_true(tls_front_counts(&front).handshaking >= PEERS);
    uint64_t until = loop_clock_ns() + TLS_FRONT_PATIENCE_MS * ms_ns;
    while (tls_front_counts(&front).timed_out[0] < PEERS && loop_clock_ns() < until) {
        assert_in_range(visit_ms(&front), 0, MAX_MS);
        front_turn_for(&front, 50);
    }
    assert_int_equal(tls_front_counts(&front).timed_out[0], PEERS);
    assert_int_equal(tls_front_counts(&front).gave_way, 0);
    for (size_t i = 0; i < PEERS; i++) {
        tls_peer_leave(&peers[i]);
    }
    front_close(&front);
}

static void clients_have_to_show_who_they_are(void **state)
{
    struct front front;
    struct tls_peer peer;
    const struct certificate *visitor = tls_front_certificate(TLS_FRONT_VISITOR);
    struct http_server_options options = front_options();
    (void)state;
    tls_front_open(&front, &options, TLS_CLIENT_REQUIRED);
    tls_peer_connect(&front, &peer);
    (void)tls_peer_shake(&peer,
                         TLS_FRONT_ALL); /* in TLS 1.3 the client is done before the server looks */
    (void)SSL_write(peer.tls.ssl, get_hello, (int)strlen(get_hello));
    tls_peer_await_end(&peer);
    assert_int_equal(peer.got.len, 0);
    assert_false(peer.has_goodbye);
    tls_peer_leave(&peer);
    assert_int_equal(front.done, 0);
    assert_int_equal(tls_front_counts(&front).tls_failures, 1);

    tls_peer_connect(&front, &peer);
    assert_int_equal(SSL_use_certificate(peer.tls.ssl, visitor->x509), 1);
    assert_int_equal(SSL_use_PrivateKey(peer.tls.ssl, visitor->key), 1);
    assert_true(tls_peer_shake(&peer, TLS_FRONT_ALL));
    tls_peer_hello(&peer);
    tls_peer_leave(&peer);
    front_close(&front);
}

/* -- the end ---------------------------------------------------------------------------------- */

static void check_goodbye(struct tls_peer *peer)
{
    tls_peer_await_end(peer);
    assert_true(peer->has_goodbye);
    tls_peer_leave(peer);
}

static void the_end_is_said(void **state)
{
    struct front front;
    struct tls_peer peer;
    struct tls_h2 h2;
    struct http_server_options options = front_options();
    (void)state;
    options.timeouts.idle_ns = SPAN_MS * ms_ns;
    tls_front_open(&front, &options, TLS_CLIENT_NONE);
    tls_peer_open(&front, &peer); /* it asked for it */
    tls_peer_say(&peer, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    check_goodbye(&peer);
    tls_peer_open(&front, &peer); /* it was wrong */
    tls_peer_say(&peer, "GET /hello HTTP/1.1\r\n\r\n");
    check_goodbye(&peer);
    tls_peer_open(&front, &peer); /* it has been idle */
    tls_peer_hello(&peer);
    check_goodbye(&peer);
    tls_peer_open(&front, &peer); /* it goes first */
    tls_peer_hello(&peer);
    assert_int_equal(SSL_shutdown(peer.tls.ssl), 0);
    check_goodbye(&peer);
    tls_h2_open(&front, &h2); /* idle */
    tls_h2_hello(&h2);
    tls_peer_await_end(&h2.peer);
    assert_true(h2.peer.has_goodbye);
    tls_h2_close(&h2);
    tls_h2_open(&front, &h2);
    tls_h2_hello(&h2);
    front_drain(&front);
    uint64_t until = loop_clock_ns() + TLS_FRONT_PATIENCE_MS * ms_ns;
    while (!h2.peer.is_over && loop_clock_ns() < until) {
        tls_h2_turn(&h2, TLS_FRONT_ALL);
    }
    assert_true(h2.peer.has_goodbye);
    tls_h2_close(&h2);
    tls_front_await_none(&front);
    assert_int_equal(front.drained, 1);
    front_close(&front);
}

/* What is not whole must not look so. */
static void a_broken_response_has_no_goodbye(void **state)
{
    static const char *const asked[] = {"/break HTTP/1.1", "/break HTTP/1.0", "/short HTTP/1.1",
                                        "/short HTTP/1.0"};
    struct front front;
    struct tls_peer peer;
    (void)state;
    tls_front_open_plainly(&front);
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        char text[128];
        tls_peer_open(&front, &peer);
        (void)snprintf(text, sizeof text, "GET %s\r\nHost: a\r\n\r\n", asked[i]);
        tls_peer_say(&peer, text);
        tls_peer_await_end(&peer);
        assert_false(peer.has_goodbye);
        assert_false(tls_peer_has(&peer, "\r\n0\r\n\r\n"));
        tls_peer_leave(&peer);
    }
    front_close(&front);
}

/* A request, then the client's end with or without a goodbye. The status it was answered with. */
static uint16_t cut(struct front *front, const char *request, bool with_goodbye, bool waits)
{
    struct tls_peer peer;
    uint32_t done = front->done;
    tls_peer_open(front, &peer);
    tls_peer_say(&peer, request);
    if (waits) {
        tls_peer_turn(&peer, TLS_FRONT_ALL);
    }
    if (with_goodbye) {
        (void)SSL_shutdown(peer.tls.ssl);
    }
    (void)tls_peer_push(&peer, TLS_FRONT_ALL);
    assert_int_equal(shutdown(peer.fd, SHUT_WR), 0);
    tls_peer_await_end(&peer);
    tls_peer_leave(&peer);
    tls_front_await_none(front);
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
    tls_front_open_plainly(&front);
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
    struct tls_h2 h2;
    (void)state;
    tls_front_open_plainly(&front);
    for (int i = 0; i < 2; i++) {
        tls_h2_open(&front, &h2);
        tls_h2_request(&h2, "POST", "/read", MIB);
        for (int k = 0; k < 5; k++) {
            tls_h2_turn(&h2, 5000);
        }
        if (i == 1) {
            (void)SSL_shutdown(h2.peer.tls.ssl);
        }
        (void)tls_peer_push(&h2.peer, 5000);
        assert_int_equal(shutdown(h2.peer.fd, SHUT_WR), 0);
        tls_front_await_none(&front);
        assert_int_equal(front.last.outcome, HTTP_PEER_LEFT);
        assert_int_equal(front.last.status, 0);
        tls_h2_close(&h2);
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
        cmocka_unit_test(the_end_is_said),
        cmocka_unit_test(a_broken_response_has_no_goodbye),
        cmocka_unit_test(half_a_body_is_an_error),
        cmocka_unit_test(half_an_http2_body_is_an_error),
    };
    return cmocka_run_group_tests(tests, tls_front_set_up, tls_front_tear_down);
}
