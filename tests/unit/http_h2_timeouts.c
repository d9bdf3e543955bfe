/* HTTP/2 peers that are slow, and the end of a connection: each wait has its own time, and GOAWAY
 * tells which requests were the last.
 * Links: nghttp2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "h2_peer.h"

enum { NO_ERROR = 0, CANCEL = 8, CALM = 11, SHORT_NS = 60000000, NOTICE = 0x7fffffff };

struct pair {
    struct h2_front front;
    struct h2_peer *peer;
};

static void begin(struct pair *pair, const struct http_timeouts *timeouts, uint32_t window)
{
    h2_front_init(&pair->front);
    pair->front.options.timeouts = *timeouts;
    h2_front_begin(&pair->front);
    pair->peer = h2_peer_open(&pair->front, window);
}

static void end(struct pair *pair)
{
    h2_peer_close(pair->peer);
    h2_front_end(&pair->front);
}

static struct http_counts counts(const struct pair *pair)
{
    struct http_counts counted;
    http_server_count(pair->front.server, &counted);
    return counted;
}

static void a_head_that_stops(void **state)
{
    (void)state;
    static const uint8_t part[] = {0, 0, 6, 1, 5, 0, 0, 0, 3, 0x82, 0x86};
    const struct http_timeouts timeouts = {.header_ns = SHORT_NS};
    struct pair pair;
    begin(&pair, &timeouts, 0);
    h2_peer_get(pair.peer, 1, "/", "200");
    h2_peer_send(pair.peer, part, sizeof part);
    h2_peer_expect_goaway(pair.peer, CALM);
    h2_peer_expect_end(pair.peer);
    assert_int_equal(counts(&pair).timed_out[1], 1);
    end(&pair);
}

static void a_continuation_that_does_not_come(void **state)
{
    (void)state;
    static const uint8_t part[] = {0x82, 0x86};
    const struct http_timeouts timeouts = {.header_ns = SHORT_NS};
    struct pair pair;
    begin(&pair, &timeouts, 0);
    h2_peer_get(pair.peer, 1, "/", "200");
    h2_peer_frame(pair.peer, H2_HEADERS, 0, 3, (struct span){part, sizeof part});
    h2_peer_expect_goaway(pair.peer, CALM);
    h2_peer_expect_end(pair.peer);
    end(&pair);
}

/* Blocks that are refused have ended all the same. */
static void a_malformed_head_is_no_slow_one(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {.header_ns = SHORT_NS};
    struct pair pair;
    begin(&pair, &timeouts, 0);
    h2_peer_headers(pair.peer, H2_END_HEADERS | H2_END_STREAM, 1, "X-UPPER: 1\n");
    h2_peer_expect_reset(pair.peer, 1, 1 /* PROTOCOL_ERROR */);
    h2_front_turn(&pair.front, 150);
    h2_peer_expect_alive(pair.peer);
    assert_int_equal(counts(&pair).timed_out[1], 0);
    assert_int_equal(counts(&pair).idle, 1);
    end(&pair);
}

/* Byte by byte, each in its own turn, a request is a request. */
static void a_request_byte_by_byte(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0,    0,    4, 1, 0x1, 0, 0, 0, 1, 0x82, 0x86,
                                    0x84, 0x41, 0, 0, 2,   9, 0, 0, 0, 0,    1,
                                    0x01, 'a',  0, 0, 0,   9, 4, 0, 0, 0,    1};
    const struct http_timeouts timeouts = {.header_ns = 500 * (uint64_t)1000000};
    struct pair pair;
    char text[64];
    begin(&pair, &timeouts, 0);
    h2_peer_expect_alive(pair.peer);
    for (size_t i = 0; i < sizeof bytes; i++) {
        h2_peer_send(pair.peer, bytes + i, 1);
        h2_front_turn(&pair.front, 0);
        if (i == 11) {
            assert_int_equal(counts(&pair).reading_head, 1);
        }
    }
    h2_peer_expect_status(pair.peer, 1, "200");
    (void)h2_peer_content(pair.peer, 1, text);
    h2_front_turn(&pair.front, 5);
    assert_int_equal(counts(&pair).idle, 1);
    end(&pair);
}

static void nobody_asks(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {.idle_ns = 2 * (uint64_t)SHORT_NS};
    struct pair pair;
    begin(&pair, &timeouts, 0);
    uint64_t since = loop_clock_ns();
    h2_front_turn(&pair.front, 70);
    h2_peer_get(pair.peer, 1, "/", "200"); /* which begins the time anew */
    h2_front_turn(&pair.front, 70);
    h2_peer_expect_alive(pair.peer); /* which does not */
    h2_peer_expect_goaway(pair.peer, NO_ERROR);
    h2_peer_expect_end(pair.peer);
    assert_in_range((loop_clock_ns() - since) / 1000000, 185, 260);
    assert_int_equal(counts(&pair).timed_out[4], 1);
    end(&pair);
}

/* While a request is under way, nobody is idle. */
static void an_answer_that_takes_its_time(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {
        .header_ns = SHORT_NS, .body_ns = SHORT_NS, .write_ns = SHORT_NS, .idle_ns = SHORT_NS};
    struct pair pair;
    begin(&pair, &timeouts, 0);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/wait");
    h2_front_turn(&pair.front, 150);
    h2_peer_expect_alive(pair.peer);
    assert_int_equal(counts(&pair).active, 1);
    end(&pair);
}

/* One body does not come; the stream beside it does not notice. */
static void a_body_that_stops(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {.body_ns = SHORT_NS};
    struct pair pair;
    begin(&pair, &timeouts, 0);
    h2_peer_request(pair.peer, 0, 1, "POST", "/read");
    h2_peer_frame(pair.peer, H2_DATA, 0, 1, span_of("part"));
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/wait");
    h2_peer_expect_reset(pair.peer, 1, CANCEL);
    h2_peer_get(pair.peer, 5, "/", "200");
    assert_int_equal(pair.front.aborts, 1);
    assert_int_equal(pair.front.live, 1);
    assert_int_equal(pair.front.reports[0].outcome, HTTP_BODY_TIMEOUT);
    assert_int_equal(pair.front.reports[0].body_in, 4);
    assert_int_equal(counts(&pair).timed_out[2], 1);
    end(&pair);
}

/* A window of 0: the stream ends at the write timeout, also when its handler has ended long ago. */
static void a_window_that_stays_shut(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {.write_ns = SHORT_NS};
    struct pair pair;
    begin(&pair, &timeouts, 3);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/big?1000000");
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/");
    h2_peer_request(pair.peer, H2_END_STREAM, 5, "GET", "/wait");
    unsigned resets = 0;
    struct h2_peer_frame frame;
    while (resets < 2) {
        h2_peer_next_real(pair.peer, &frame);
        assert_true(frame.type < H2_CLOSED);
        assert_int_equal(frame.flags & H2_END_STREAM, 0);
        resets += frame.type == H2_RST_STREAM && frame.code == CANCEL;
    }
    h2_peer_get(pair.peer, 7, "/empty", "204");
    assert_int_equal(pair.front.aborts, 1);
    assert_int_equal(pair.front.reports[0].outcome, HTTP_WRITE_TIMEOUT);
    assert_int_equal(pair.front.reports[1].outcome, HTTP_WRITE_TIMEOUT);
    assert_int_equal(counts(&pair).timed_out[3], 2);
    end(&pair);
}

/* A peer that gives a window now and then takes what it can get. */
static void a_window_that_opens_slowly(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {.write_ns = SHORT_NS};
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, &timeouts, 1);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/");
    h2_peer_expect_status(pair.peer, 1, "200");
    for (int i = 0; i < 5; i++) {
        h2_peer_next_real(pair.peer, &frame);
        assert_int_equal(frame.type, H2_DATA);
        assert_int_equal(frame.payload.len, 1);
        h2_front_turn(&pair.front, 35);
        h2_peer_window(pair.peer, 1, 1);
    }
    assert_int_equal(frame.flags, H2_END_STREAM);
    end(&pair);
}

static void a_socket_that_nobody_reads(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {.write_ns = SHORT_NS};
    struct pair pair;
    begin(&pair, &timeouts, 1 << 30);
    h2_peer_window(pair.peer, 0, 1 << 30);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/big?1000000000");
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/wait");
    h2_front_turn(&pair.front, 300);
    assert_int_equal(pair.front.live, 0);
    assert_int_equal(pair.front.aborts, 2);
    assert_int_equal(pair.front.reports[0].outcome, HTTP_WRITE_TIMEOUT);
    assert_int_equal(counts(&pair).timed_out[3], 1);
    end(&pair);
}

/* -- the end ---------------------------------------------------------------------------------- */

static uint32_t last_stream(const struct h2_peer_frame *frame)
{
    const uint8_t *at = frame->payload.data;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* GOAWAY with the greatest stream, and a PING behind it that is acknowledged at will. */
static void expect_notice(struct h2_peer *peer, uint8_t opaque[8])
{
    struct h2_peer_frame frame;
    h2_peer_next_real(peer, &frame);
    assert_int_equal(frame.type, H2_GOAWAY);
    assert_int_equal(frame.code, NO_ERROR);
    assert_int_equal(last_stream(&frame), NOTICE);
    h2_peer_next_real(peer, &frame);
    assert_int_equal(frame.type, H2_PING);
    memcpy(opaque, frame.payload.data, 8);
}

static void expect_final(struct h2_peer *peer, uint32_t last)
{
    struct h2_peer_frame frame;
    h2_peer_next_real(peer, &frame);
    assert_int_equal(frame.type, H2_GOAWAY);
    assert_int_equal(frame.code, NO_ERROR);
    assert_int_equal(last_stream(&frame), last);
}

static void a_drain_lets_what_runs_end(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {0};
    struct pair pair;
    uint8_t opaque[8];
    char text[64];
    begin(&pair, &timeouts, 0);
    h2_peer_request(pair.peer, 0, 1, "POST", "/read");
    h2_peer_expect_alive(pair.peer);
    h2_front_drain(&pair.front);
    expect_notice(pair.peer, opaque);
    h2_peer_get(pair.peer, 3, "/", "200"); /* was on its way */
    h2_peer_frame(pair.peer, H2_PING, H2_ACK, 0, (struct span){opaque, 8});
    expect_final(pair.peer, 3);
    h2_peer_request(pair.peer, H2_END_STREAM, 5, "GET", "/"); /* too late: not answered */
    h2_peer_frame(pair.peer, H2_DATA, H2_END_STREAM, 1, span_of("the end"));
    h2_peer_expect_status(pair.peer, 1, "200");
    (void)h2_peer_content(pair.peer, 1, text);
    assert_string_equal(text, "7");
    h2_peer_expect_end(pair.peer);
    h2_front_turn(&pair.front, 5);
    assert_int_equal(pair.front.requests, 2);
    h2_peer_close(pair.peer);
    h2_front_turn(&pair.front, 20);
    assert_true(pair.front.is_drained);
    h2_front_end(&pair.front);
}

static void a_drain_of_an_idle_connection(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {0};
    struct pair pair;
    uint8_t opaque[8];
    begin(&pair, &timeouts, 0);
    h2_peer_get(pair.peer, 1, "/", "200");
    h2_front_drain(&pair.front);
    expect_notice(pair.peer, opaque);
    h2_peer_frame(pair.peer, H2_PING, H2_ACK, 0, (struct span){opaque, 8});
    expect_final(pair.peer, 1);
    h2_peer_expect_end(pair.peer);
    h2_front_turn(&pair.front, 5);
    assert_true(pair.front.is_drained);
    end(&pair);
}

/* It acknowledges nothing and does not leave. */
static void a_drain_past_a_peer_that_does_not_care(void **state)
{
    (void)state;
    const struct http_timeouts timeouts = {0};
    struct pair pair;
    begin(&pair, &timeouts, 0);
    h2_peer_get(pair.peer, 1, "/", "200");
    h2_front_drain(&pair.front);
    h2_front_turn(&pair.front, 1000);
    assert_true(pair.front.is_drained);
    end(&pair);
}

static void the_last_request_of_a_connection(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    uint8_t opaque[8] = {0};
    h2_front_init(&pair.front);
    pair.front.options.limits.requests_per_connection = 2;
    h2_front_begin(&pair.front);
    pair.peer = h2_peer_open(&pair.front, 0);
    h2_peer_get(pair.peer, 1, "/", "200");
    h2_peer_expect_alive(pair.peer);
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/");
    unsigned seen = 0;
    while (seen < 3) { /* the notice, its PING, the answer; in any order */
        h2_peer_next_real(pair.peer, &frame);
        assert_true(frame.type < H2_CLOSED);
        if (frame.type == H2_PING) {
            memcpy(opaque, frame.payload.data, 8);
        }
        seen += frame.type == H2_GOAWAY || frame.type == H2_PING || frame.type == H2_DATA;
    }
    h2_peer_frame(pair.peer, H2_PING, H2_ACK, 0, (struct span){opaque, 8});
    expect_final(pair.peer, 3);
    h2_peer_expect_end(pair.peer);
    end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_that_stops),
        cmocka_unit_test(a_continuation_that_does_not_come),
        cmocka_unit_test(a_malformed_head_is_no_slow_one),
        cmocka_unit_test(a_request_byte_by_byte),
        cmocka_unit_test(nobody_asks),
        cmocka_unit_test(an_answer_that_takes_its_time),
        cmocka_unit_test(a_body_that_stops),
        cmocka_unit_test(a_window_that_stays_shut),
        cmocka_unit_test(a_window_that_opens_slowly),
        cmocka_unit_test(a_socket_that_nobody_reads),
        cmocka_unit_test(a_drain_lets_what_runs_end),
        cmocka_unit_test(a_drain_of_an_idle_connection),
        cmocka_unit_test(a_drain_past_a_peer_that_does_not_care),
        cmocka_unit_test(the_last_request_of_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
