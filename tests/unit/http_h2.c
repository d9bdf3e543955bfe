/* HTTP/2 as a handler and a good peer see it: whole exchanges, bodies, trailers, many streams.
 * Links: nghttp2 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "h2_peer.h"

enum { MIB = 1 << 20, STREAMS = 100 };

/* A front and a peer of it: the two that every test has. */
struct pair {
    struct h2_front front;
    struct h2_peer *peer;
};

static void begin(struct pair *pair, uint32_t window)
{
    h2_front_init(&pair->front);
    h2_front_begin(&pair->front);
    pair->peer = h2_peer_open(&pair->front, window);
}

static void end(struct pair *pair)
{
    h2_peer_close(pair->peer);
    h2_front_end(&pair->front);
}

/* Ask, and get an answer with this status and text. */
static void expect(struct h2_peer *peer, uint32_t stream, const char *fields, const char *status,
                   const char *text)
{
    char got[64];
    h2_peer_headers(peer, H2_END_HEADERS | H2_END_STREAM, stream, fields);
    h2_peer_expect_status(peer, stream, status);
    (void)h2_peer_content(peer, stream, got);
    assert_string_equal(got, text);
}

static void send_data(struct h2_peer *peer, unsigned flags, uint32_t stream, const char *text)
{
    h2_peer_frame(peer, H2_DATA, flags, stream, span_of(text));
}

static void one_answer_in_one_go(void **state)
{
    (void)state;
    struct pair pair;
    char text[64];
    begin(&pair, 0);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/");
    h2_peer_expect_status(pair.peer, 1, "200");
    assert_int_equal(h2_peer_content(pair.peer, 1, text), 5);
    assert_string_equal(text, "hello");
    h2_peer_expect_alive(pair.peer);
    assert_int_equal(pair.front.report_count, 1);
    assert_int_equal(pair.front.reports[0].outcome, HTTP_ANSWERED);
    assert_int_equal(pair.front.reports[0].status, 200);
    assert_int_equal(pair.front.reports[0].body_out, 5);
    assert_true(pair.front.reports[0].first_ns >= pair.front.reports[0].begin_ns);
    end(&pair);
}

static void a_request_as_a_handler_sees_it(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, 0);
    h2_peer_headers(pair.peer, H2_END_HEADERS | H2_END_STREAM, 1,
                    ":method: POST\n:scheme: https\n:path: /fields?a=%20b\n:authority: "
                    "[::1]:80\nhost: [::1]:80\ncookie: a=1\nx-one: 1\ncookie: b=2\nte: "
                    "trailers\nuser-agent: me\ncookie: c=3\ncontent-length: 0\n");
    h2_peer_expect_status(pair.peer, 1, "200");
    h2_peer_next_real(pair.peer, &frame);
    static const char expected[] = "POST /fields?a=%20b host=[::1]:80 length=0 body=0\n"
                                   "cookie: a=1; b=2; c=3\nx-one: 1\nuser-agent: me\n";
    assert_true(span_is(frame.payload, expected));
    end(&pair);
}

/* Found by the fuzzer: the value ended in a blank. */
static void crumbs_that_are_empty(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair, 0);
    expect(pair.peer, 1,
           ":method: GET\n:scheme: http\n:path: /fields\nhost: a\ncookie: \ncookie: \n", "200",
           "GET /fields host=a length=0 body=0\ncookie: \n");
    expect(pair.peer, 3,
           ":method: GET\n:scheme: http\n:path: /fields\nhost: a\ncookie: \ncookie: b\ncookie: \n",
           "200", "GET /fields host=a length=0 body=0\ncookie: b\n");
    end(&pair);
}

static void a_host_in_place_of_an_authority(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair, 0);
    expect(pair.peer, 1, ":method: GET\n:scheme: http\n:path: /fields\nhost: a.test\n", "200",
           "GET /fields host=a.test length=0 body=0\n");
    end(&pair);
}

static void heads_of_answers(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, 0);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/hints");
    h2_peer_next_real(pair.peer, &frame);
    assert_string_equal(frame.fields, ":status: 103\nlink: </a.css>\n");
    assert_int_equal(frame.flags, H2_END_HEADERS);
    h2_peer_next_real(pair.peer, &frame);
    assert_ptr_equal(strstr(frame.fields, ":status: 200\nserver: hythe\ndate: "), frame.fields);
    assert_non_null(strstr(frame.fields, " GMT\ncontent-length: 5\nx-mixed: Case\n"));
    assert_null(strstr(frame.fields, "99"));
    assert_null(strstr(frame.fields, "connection"));
    assert_null(strstr(frame.fields, "never"));
    end(&pair);
}

/* These end with their head, and HEAD tells the length that GET would have had. */
static void answers_without_content(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, 0);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/empty");
    h2_peer_next_real(pair.peer, &frame);
    assert_int_equal(strncmp(frame.fields, ":status: 204\n", 13), 0);
    assert_null(strstr(frame.fields, "content-length"));
    assert_int_equal(frame.flags, H2_END_HEADERS | H2_END_STREAM);
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "HEAD", "/");
    h2_peer_next_real(pair.peer, &frame);
    assert_non_null(strstr(frame.fields, "content-length: 5\n"));
    assert_int_equal(frame.flags, H2_END_HEADERS | H2_END_STREAM);
    h2_peer_expect_alive(pair.peer);
    end(&pair);
}

static void trailers_both_ways(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, 0);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/trailers");
    h2_peer_expect_status(pair.peer, 1, "200");
    h2_peer_next_real(pair.peer, &frame);
    assert_true(span_is(frame.payload, "body"));
    assert_int_equal(frame.flags, 0);
    h2_peer_next_real(pair.peer, &frame);
    assert_string_equal(frame.fields, "x-sum: 1\n");
    assert_int_equal(frame.flags, H2_END_HEADERS | H2_END_STREAM);
    h2_peer_request(pair.peer, 0, 3, "POST", "/echo");
    send_data(pair.peer, 0, 3, "some");
    h2_peer_headers(pair.peer, H2_END_HEADERS | H2_END_STREAM, 3,
                    "x-end: yes\ncontent-type: no/way\nx-last: 2\n");
    h2_peer_expect_status(pair.peer, 3, "200");
    h2_peer_next_real(pair.peer, &frame);
    assert_true(span_is(frame.payload, "some"));
    h2_peer_next_real(pair.peer, &frame);
    assert_string_equal(frame.fields, "x-end: yes\nx-last: 2\n");
    end(&pair);
}

static void continue_is_said_at_the_first_read(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    static const char fields[] = ":method: POST\n:scheme: http\n:authority: a\n:path: %s\n"
                                 "expect: 100-continue\n";
    char text[sizeof fields + 16];
    char got[64];
    begin(&pair, 0);
    (void)snprintf(text, sizeof text, fields, "/late");
    h2_peer_headers(pair.peer, H2_END_HEADERS, 1, text);
    h2_peer_expect_alive(pair.peer);
    h2_front_read(&pair.front);
    h2_peer_next_real(pair.peer, &frame);
    assert_string_equal(frame.fields, ":status: 100\n");
    send_data(pair.peer, H2_END_STREAM, 1, "12345");
    h2_peer_expect_status(pair.peer, 1, "200");
    (void)h2_peer_content(pair.peer, 1, got);
    assert_string_equal(got, "5");
    /* One that does not read says none; the body that now will not come is refused. */
    (void)snprintf(text, sizeof text, fields, "/early");
    h2_peer_headers(pair.peer, H2_END_HEADERS, 3, text);
    h2_peer_expect_status(pair.peer, 3, "200");
    (void)h2_peer_content(pair.peer, 3, got);
    h2_peer_expect_reset(pair.peer, 3, 0);
    /* It comes by itself: nobody has to be asked. */
    (void)snprintf(text, sizeof text, fields, "/read");
    h2_peer_headers(pair.peer, H2_END_HEADERS, 5, text);
    send_data(pair.peer, H2_END_STREAM, 5, "123");
    do {
        h2_peer_next_real(pair.peer, &frame);
    } while (frame.type == H2_HEADERS && strstr(frame.fields, "100") != NULL);
    assert_int_equal(strncmp(frame.fields, ":status: 200\n", 13), 0);
    end(&pair);
}

static void an_answer_before_the_body_has_come(void **state)
{
    (void)state;
    struct pair pair;
    char text[64];
    begin(&pair, 0);
    h2_peer_request(pair.peer, 0, 1, "POST", "/early");
    send_data(pair.peer, 0, 1, "part");
    h2_peer_expect_status(pair.peer, 1, "200");
    (void)h2_peer_content(pair.peer, 1, text);
    assert_string_equal(text, "early");
    h2_peer_expect_reset(pair.peer, 1, 0);
    send_data(pair.peer, H2_END_STREAM, 1, "was on its way");
    h2_peer_expect_alive(pair.peer);
    assert_int_equal(pair.front.reports[0].outcome, HTTP_ANSWERED);
    end(&pair);
}

static void an_answer_that_breaks_off(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair, 0);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/broken");
    struct h2_peer_frame frame;
    do {
        h2_peer_next_real(pair.peer, &frame);
        assert_int_equal(frame.flags & H2_END_STREAM, 0);
    } while (frame.type != H2_RST_STREAM);
    assert_int_equal(frame.code, 2 /* INTERNAL_ERROR */);
    h2_peer_get(pair.peer, 3, "/", "200");
    assert_int_equal(pair.front.reports[0].outcome, HTTP_FAILED);
    h2_peer_get(pair.peer, 5, "/fail", "502");
    end(&pair);
}

/* The front's own answers, each with its status; the connection goes on. */
static void refused_requests(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        const char *status;
    } cases[] = {
        {":method: GET\n:scheme: http\n:path: /\n:authority: a b\n", "400"},
        {":method: GET\n:scheme: http\n:path: /\n:authority: u@a\n", "400"},
        {":method: GET\n:scheme: http\n:path: /\n:authority: a\nhost: b\n", "400"},
        {":method: GET\n:scheme: http\n:path: /\nhost: \n", "400"},
        {":method: GET\n:scheme: ftp\n:path: /\n:authority: a\n", "400"},
        {":method: GET\n:scheme: ftp\n:path: x\n:authority: a\n", "400"},
        {":method: GET\n:scheme: http\n:path: /%zz\n:authority: a\n", "400"},
        {":method: GET\n:scheme: http\n:path: /#a\n:authority: a\n", "400"},
        {":method: GET\n:scheme: http\n:path: /\n:authority: a\nexpect: more\n", "417"},
        {":method: CONNECT\n:authority: a:1\n", "501"},
    };
    struct pair pair;
    char text[64];
    begin(&pair, 0);
    uint32_t stream = 1;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++, stream += 2) {
        h2_peer_headers(pair.peer, H2_END_HEADERS | H2_END_STREAM, stream, cases[i].fields);
        struct h2_peer_frame frame;
        h2_peer_next_real(pair.peer, &frame);
        if (frame.type == H2_RST_STREAM && strcmp(cases[i].status, "400") == 0) {
            assert_int_equal(frame.code, 1); /* nghttp2 has found it first */
            continue;
        }
        assert_int_equal(frame.type, H2_HEADERS);
        assert_int_equal(strncmp(frame.fields + 9, cases[i].status, 3), 0);
        (void)h2_peer_content(pair.peer, stream, text);
    }
    assert_int_equal(pair.front.requests, 0);
    h2_peer_get(pair.peer, stream, "/", "200");
    end(&pair);
}

/* HTTP/2 streams of one connection each have their handler; none waits for another. */
static void many_streams_at_once(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, 0);
    for (uint32_t i = 0; i < STREAMS - 1; i++) {
        h2_peer_request(pair.peer, H2_END_STREAM, 2 * i + 1, "GET", i % 2 == 0 ? "/wait" : "/");
    }
    unsigned ends = 0;
    while (ends < (STREAMS - 1) / 2) {
        h2_peer_next_real(pair.peer, &frame);
        assert_int_equal(frame.stream % 4, 3);
        ends += (frame.flags & H2_END_STREAM) != 0;
    }
    assert_int_equal(pair.front.live, STREAMS / 2);
    h2_peer_get(pair.peer, 2 * STREAMS + 1, "/", "200");
    h2_peer_close(pair.peer);
    h2_front_turn(&pair.front, 20);
    assert_int_equal(pair.front.aborts, STREAMS / 2);
    assert_int_equal(pair.front.live, 0);
    for (unsigned i = 0; i < pair.front.report_count; i++) {
        assert_true(pair.front.reports[i].outcome == HTTP_ANSWERED ||
                    pair.front.reports[i].outcome == HTTP_PEER_LEFT);
    }
    h2_front_end(&pair.front);
}

/* The peer takes 64 KiB at a time, and the front holds no more than its buffers. */
static void a_large_answer_through_a_small_window(void **state)
{
    (void)state;
    struct pair pair;
    char text[64];
    begin(&pair, 0);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/big?10485760");
    h2_peer_expect_status(pair.peer, 1, "200");
    assert_int_equal(h2_peer_content(pair.peer, 1, text), 10 * MIB);
    h2_peer_expect_alive(pair.peer);
    assert_int_equal(pair.front.reports[0].body_out, 10 * MIB);
    end(&pair);
}

/* Send a body as the windows allow it. */
static void send_body(struct h2_peer *peer, uint32_t stream, size_t total)
{
    static const uint8_t bytes[16384];
    int64_t window = 65535;
    int64_t connection_window = 65535;
    struct h2_peer_frame frame;
    while (total > 0) {
        int64_t open = window < connection_window ? window : connection_window;
        size_t len = total < sizeof bytes ? total : sizeof bytes;
        len = (int64_t)len < open ? len : (size_t)open;
        if (len > 0) {
            total -= len;
            window -= (int64_t)len;
            connection_window -= (int64_t)len;
            h2_peer_frame(peer, H2_DATA, total == 0 ? H2_END_STREAM : 0, stream,
                          (struct span){bytes, len});
            continue;
        }
        h2_peer_next(peer, 5000, &frame);
        assert_true(frame.type == H2_WINDOW_UPDATE || frame.type == H2_SETTINGS);
        window += frame.type == H2_WINDOW_UPDATE && frame.stream == stream ? frame.code : 0;
        connection_window += frame.type == H2_WINDOW_UPDATE && frame.stream == 0 ? frame.code : 0;
    }
}

static void a_large_body_through_a_small_window(void **state)
{
    (void)state;
    struct pair pair;
    char text[64];
    begin(&pair, 0);
    h2_peer_request(pair.peer, 0, 1, "POST", "/read");
    send_body(pair.peer, 1, 10 * MIB);
    h2_peer_expect_status(pair.peer, 1, "200");
    (void)h2_peer_content(pair.peer, 1, text);
    assert_string_equal(text, "10485760");
    assert_int_equal(pair.front.reports[0].body_in, 10 * MIB);
    end(&pair);
}

/* Handlers that do not read hold one window each, and stop nobody else's body. */
static void bodies_that_nobody_reads(void **state)
{
    (void)state;
    enum { PARKED = 40 };
    static const uint8_t bytes[16383];
    struct pair pair;
    struct h2_peer_frame frame;
    char text[64];
    begin(&pair, 0);
    int64_t connection_window = 65535;
    for (uint32_t i = 0; i < PARKED; i++) {
        h2_peer_request(pair.peer, 0, 2 * i + 1, "POST", "/late");
        for (int k = 0; k < 4; k++) {
            while (connection_window < (int64_t)sizeof bytes) {
                h2_peer_next(pair.peer, 5000, &frame);
                assert_true(frame.type == H2_SETTINGS || frame.type == H2_WINDOW_UPDATE);
                assert_int_equal(frame.stream, 0);
                connection_window += frame.type == H2_WINDOW_UPDATE ? frame.code : 0;
            }
            connection_window -= (int64_t)sizeof bytes;
            h2_peer_frame(pair.peer, H2_DATA, 0, 2 * i + 1, (struct span){bytes, sizeof bytes});
        }
    }
    h2_peer_request(pair.peer, 0, 1001, "POST", "/read");
    send_data(pair.peer, H2_END_STREAM, 1001, "1234567");
    h2_peer_expect_status(pair.peer, 1001, "200");
    (void)h2_peer_content(pair.peer, 1001, text);
    assert_string_equal(text, "7");
    h2_front_read(&pair.front);
    h2_front_turn(&pair.front, 5);
    assert_int_equal(pair.front.max_held, 4 * sizeof bytes);
    end(&pair);
}

/* What comes back fills the peer's window; the front stops reading the body at its own. */
static void an_echo_whose_peer_takes_nothing(void **state)
{
    (void)state;
    static const uint8_t bytes[16384];
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, 1);
    h2_peer_request(pair.peer, 0, 1, "POST", "/echo");
    uint64_t window = 65535;
    uint64_t sent = 0;
    do {
        uint64_t len = window - sent < sizeof bytes ? window - sent : sizeof bytes;
        h2_peer_frame(pair.peer, H2_DATA, 0, 1, (struct span){bytes, (size_t)len});
        sent += len;
        do {
            h2_peer_next(pair.peer, sent < window ? 1 : 100, &frame);
            window += frame.type == H2_WINDOW_UPDATE && frame.stream == 1 ? frame.code : 0;
        } while (frame.type != H2_SILENCE);
    } while (sent < window);
    assert_in_range(sent, 65535, 65535 + 32768 + 8192 + 1);
    h2_peer_get(pair.peer, 3, "/empty", "204");
    end(&pair);
}

/* A large answer does not make a small one wait for its end. */
static void a_small_answer_beside_a_large_one(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, 1 << 30);
    h2_peer_window(pair.peer, 0, 1 << 30);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/big?104857600");
    h2_peer_expect_status(pair.peer, 1, "200");
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/");
    uint64_t before = 0;
    do {
        h2_peer_next_real(pair.peer, &frame);
        before += frame.payload.len;
        assert_int_not_equal(frame.type, H2_CLOSED);
    } while (frame.stream != 3 || (frame.flags & H2_END_STREAM) == 0);
    assert_true(before < 16 * MIB);
    end(&pair);
}

/* From where both are under way; how far the first has come by then is up to the machine. */
static void two_large_answers_share(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    uint64_t got[4] = {0};
    uint64_t ahead = 0;
    begin(&pair, 1 << 30);
    h2_peer_window(pair.peer, 0, 1 << 30);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/big?33554432");
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/big?33554432");
    do {
        h2_peer_next_real(pair.peer, &frame);
        assert_true(frame.stream <= 3);
        ahead = frame.stream == 3 && got[3] == 0 ? got[1] : ahead;
        got[frame.stream] += frame.payload.len;
    } while ((frame.flags & H2_END_STREAM) == 0);
    got[1] -= ahead;
    uint64_t other = got[frame.stream == 1 ? 3 : 1];
    assert_true(other + MIB > got[frame.stream] / 4 * 3);
    end(&pair);
}

/* Frames of a turn leave together: one send, one TLS record. */
static void a_small_answer_is_one_send(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair, 0);
    h2_peer_expect_alive(pair.peer);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/");
    h2_peer_next_real(pair.peer, &frame);
    assert_int_equal(frame.type, H2_HEADERS);
    h2_peer_next(pair.peer, 0 /* what is there already */, &frame);
    assert_int_equal(frame.type, H2_DATA);
    assert_int_equal(frame.flags, H2_END_STREAM);
    end(&pair);
}

static void a_reset_of_the_peer_ends_one_stream(void **state)
{
    (void)state;
    struct pair pair;
    static const uint8_t cancel[4] = {0, 0, 0, 8};
    begin(&pair, 0);
    h2_peer_request(pair.peer, 0, 1, "POST", "/sleep");
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/wait");
    h2_peer_expect_alive(pair.peer);
    assert_int_equal(pair.front.live, 2);
    h2_peer_frame(pair.peer, H2_RST_STREAM, 0, 1, (struct span){cancel, 4});
    h2_peer_expect_alive(pair.peer);
    assert_int_equal(pair.front.aborts, 1);
    assert_int_equal(pair.front.live, 1);
    assert_int_equal(pair.front.reports[0].outcome, HTTP_PEER_LEFT);
    assert_int_equal(pair.front.reports[0].status, 0);
    end(&pair);
}

static void the_front_ends_with_streams_open(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair, 0);
    h2_peer_request(pair.peer, 0, 1, "POST", "/echo");
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/big?1000000");
    h2_peer_request(pair.peer, H2_END_STREAM, 5, "GET", "/wait");
    h2_front_turn(&pair.front, 5);
    assert_int_equal(pair.front.live, 3);
    end(&pair);
    assert_int_equal(pair.front.aborts, 3);
    assert_int_equal(pair.front.reports[0].outcome, HTTP_DRAINED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_answer_in_one_go),
        cmocka_unit_test(a_request_as_a_handler_sees_it),
        cmocka_unit_test(crumbs_that_are_empty),
        cmocka_unit_test(a_host_in_place_of_an_authority),
        cmocka_unit_test(heads_of_answers),
        cmocka_unit_test(answers_without_content),
        cmocka_unit_test(trailers_both_ways),
        cmocka_unit_test(continue_is_said_at_the_first_read),
        cmocka_unit_test(an_answer_before_the_body_has_come),
        cmocka_unit_test(an_answer_that_breaks_off),
        cmocka_unit_test(refused_requests),
        cmocka_unit_test(many_streams_at_once),
        cmocka_unit_test(a_large_answer_through_a_small_window),
        cmocka_unit_test(a_large_body_through_a_small_window),
        cmocka_unit_test(bodies_that_nobody_reads),
        cmocka_unit_test(an_echo_whose_peer_takes_nothing),
        cmocka_unit_test(a_small_answer_beside_a_large_one),
        cmocka_unit_test(two_large_answers_share),
        cmocka_unit_test(a_small_answer_is_one_send),
        cmocka_unit_test(a_reset_of_the_peer_ends_one_stream),
        cmocka_unit_test(the_front_ends_with_streams_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
