/* The front inside TLS: records, much in and out held back by whoever does not read, and new keys in
 * between.
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

enum { MIB = 1 << 20 };

static const uint64_t ms_ns = 1000000;
static const char get_hello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/* -- records ---------------------------------------------------------------------------------- */

/* Records that have come and nobody has read; their content and how it was sealed is their own. */
static unsigned waiting_records(struct tls_peer *peer)
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
    struct tls_peer peer;
    struct tls_h2 h2;
    (void)state;
    tls_front_open_plainly(&front);
    tls_peer_open(&front, &peer);
    tls_peer_hello(&peer); /* and the tickets before it */
    for (size_t i = 0; i < ARRAY_COUNT(asked); i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", asked[i]);
        tls_peer_say(&peer, text);
        (void)tls_peer_push(&peer, TLS_FRONT_ALL);
        front_turn_for(&front, 10);
        assert_int_equal(waiting_records(&peer), 1);
        tls_peer_expect(&peer, "\r\n\r\n");
    }
    tls_peer_leave(&peer);
    tls_h2_open(&front, &h2);
    tls_h2_hello(&h2);
    tls_h2_request(&h2, "GET", "/hello", 0);
    tls_h2_give(&h2);
    (void)tls_peer_push(&h2.peer, TLS_FRONT_ALL);
    front_turn_for(&front, 10);
    assert_int_equal(waiting_records(&h2.peer), 1);
    tls_h2_finish(&h2, 6, TLS_FRONT_ALL);
    tls_h2_close(&h2);
    front_close(&front);
}

static void requests_share_records_and_records_requests(void **state)
{
    enum { REQUESTS = 50 };
    struct front front;
    struct tls_peer peer;
    enum { LEN = sizeof get_hello - 1 };
    char text[REQUESTS * LEN];
    (void)state;
    tls_front_open_plainly(&front);
    tls_peer_open(&front, &peer);
    for (int i = 0; i < REQUESTS; i++) {
        memcpy(text + i * LEN, get_hello, LEN);
    }
    tls_peer_send(&peer, text, sizeof text); /* all in one record */
    uint64_t until = loop_clock_ns() + TLS_FRONT_PATIENCE_MS * ms_ns;
    while (front.done < REQUESTS && loop_clock_ns() < until) {
        tls_peer_turn(&peer, TLS_FRONT_ALL);
    }
    assert_int_equal(front.done, REQUESTS);
    tls_peer_expect(&peer, "hello\n");
    for (const char *at = get_hello; *at != '\0'; at++) { /* a record for each byte */
        tls_peer_send(&peer, at, 1);
        tls_peer_turn(&peer, 7);
    }
    tls_peer_expect(&peer, "hello\n");
    tls_peer_leave(&peer);
    front_close(&front);
}

/* -- much ------------------------------------------------------------------------------------- */

/* Who does not read holds the handler back; what it gets in the end is whole. */
static void check_much(const char *path, size_t content, size_t chunk)
{
    struct front front;
    struct tls_peer peer;
    char text[128];
    tls_front_open_plainly(&front);
    tls_peer_open(&front, &peer);
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.0\r\n\r\n", path);
    tls_peer_say(&peer, text);
    (void)tls_peer_push(&peer, TLS_FRONT_ALL);
    front_turn_for(&front, 50);
    assert_true(front.bytes_written < content / 2);
    assert_true(tls_peer_await(&peer, content, chunk));
    tls_peer_await_end(&peer);
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
    tls_peer_leave(&peer);
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

/* Both ways at a time, each held back by the other, with new keys now and then. */
static void much_goes_round(void **state)
{
    enum { LEN = 3 * MIB };
    struct front front;
    struct tls_peer peer;
    uint8_t *data = malloc(LEN);
    char head[128];
    (void)state;
    assert_non_null(data);
    fill(data, LEN);
    tls_front_open_plainly(&front);
    tls_peer_open(&front, &peer);
    (void)snprintf(head, sizeof head,
                   "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", LEN);
    tls_peer_say(&peer, head);
    uint64_t until = loop_clock_ns() + 4 * TLS_FRONT_PATIENCE_MS * ms_ns;
    size_t said = 0;
    for (int i = 0; !tls_peer_has(&peer, "\r\n0\r\n\r\n") && loop_clock_ns() < until; i++) {
        if (said < LEN && BIO_ctrl_pending(SSL_get_wbio(peer.tls.ssl)) < (64 << 10)) {
            size_t now = LEN - said < 30000 ? LEN - said : 30000;
            tls_peer_send(&peer, data + said, now);
            said += now;
        }
        if (i % 37 == 0) {
            tls_peer_change_keys(&peer);
        }
        (void)tls_peer_push(&peer, TLS_FRONT_ALL);
        front_turn(&front, 0);
        if (i % 10 > 4) { /* it reads for a while, and for a while it does not */
            tls_peer_pull(&peer, TLS_FRONT_ALL);
        }
        peer.got.data[peer.got.len] = '\0'; /* pull reserves more than it fills */
    }
    assert_int_equal(said, LEN);
    uint8_t *body = memmem(peer.got.data, peer.got.len, "\r\n\r\n", 4);
    assert_non_null(body);
    body += 4;
    assert_int_equal(unchunk(body, (size_t)(peer.got.data + peer.got.len - body)), LEN);
    assert_memory_equal(body, data, LEN);
    tls_peer_leave(&peer);
    front_close(&front);
    free(data);
}

static void much_comes_in_as_it_is_read(void **state)
{
    enum { LEN = 4 * MIB };
    struct front front;
    struct tls_peer peer;
    uint8_t *data = calloc(1, LEN);
    (void)state;
    assert_non_null(data);
    tls_front_open_plainly(&front);
    tls_peer_open(&front, &peer);
    tls_peer_say(&peer, "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n");
    tls_peer_send(&peer, data, LEN);
    size_t sent = 0;
    for (int i = 0; i < 200; i++) { /* nobody reads: it stays with the client */
        sent += tls_peer_push(&peer, TLS_FRONT_ALL);
        front_turn(&front, 0);
    }
    assert_true(sent < LEN / 2);
    tls_peer_reset(&peer);
    tls_front_await_none(&front);
    tls_peer_open(&front, &peer);
    tls_peer_say(&peer, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n");
    tls_peer_send(&peer, data, LEN);
    tls_peer_expect(&peer, "read 4194304\n");
    tls_peer_leave(&peer);
    front_close(&front);
    free(data);
}

static void http2_carries_much(void **state)
{
    struct front front;
    struct tls_h2 h2;
    (void)state;
    tls_front_open_plainly(&front);
    tls_h2_open(&front, &h2);
    tls_h2_request(&h2, "GET", "/length/4194304", 0);
    tls_h2_finish(&h2, 4 * MIB, 20000);
    tls_h2_request(&h2, "POST", "/slow", 4 * MIB);
    tls_h2_finish(&h2, strlen("read 4194304\n"), TLS_FRONT_ALL);
    tls_h2_request(&h2, "POST", "/echo", 2 * MIB);
    tls_h2_finish(&h2, 2 * MIB, 30000);
    tls_h2_close(&h2);
    front_close(&front);
}

/* A client that reads nothing, but asks for new keys: what it sends are edges, and their answers
 * wait behind half a record. */
static void new_keys_while_a_write_waits(void **state)
{
    struct front front;
    struct tls_peer peer;
    struct tls_h2 h2;
    (void)state;
    tls_front_open_plainly(&front);
    tls_peer_open(&front, &peer);
    tls_h2_open(&front, &h2);
    tls_peer_say(&peer, "GET /length/1048576 HTTP/1.1\r\nHost: a\r\n\r\n");
    tls_h2_request(&h2, "GET", "/length/1048576", 0);
    tls_h2_give(&h2);
    for (int i = 0; i < 20; i++) {
        tls_peer_change_keys(&peer);
        tls_peer_change_keys(&h2.peer);
        (void)tls_peer_push(&peer, i % 2 == 0 ? 10 : TLS_FRONT_ALL);
        (void)tls_peer_push(&h2.peer, i % 2 == 0 ? 10 : TLS_FRONT_ALL);
        front_turn_for(&front, 2);
    }
    assert_true(tls_peer_await(&peer, MIB, TLS_FRONT_ALL));
    tls_peer_expect(&peer, "x");
    tls_peer_hello(&peer);
    tls_h2_finish(&h2, MIB, TLS_FRONT_ALL);
    tls_h2_hello(&h2);
    tls_peer_leave(&peer);
    tls_h2_close(&h2);
    front_close(&front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_is_one_record),
        cmocka_unit_test(requests_share_records_and_records_requests),
        cmocka_unit_test(much_goes_out),
        cmocka_unit_test(much_goes_round),
        cmocka_unit_test(much_comes_in_as_it_is_read),
        cmocka_unit_test(http2_carries_much),
        cmocka_unit_test(new_keys_while_a_write_waits),
    };
    return cmocka_run_group_tests(tests, tls_front_set_up, tls_front_tear_down);
}
