/* HTTP/2 peers that cost more than they ask for: each is sent away with ENHANCE_YOUR_CALM, or its
 * request refused, and what they make the front hold stays small.
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

enum { CALM = 11, FLOOD = 20000, BLOCK_MAX = 1 << 20 };

static const uint8_t cancel[4] = {0, 0, 0, 8};

struct pair {
    struct h2_front front;
    struct h2_peer *peer;
};

static void begin(struct pair *pair)
{
    h2_front_init(&pair->front);
    h2_front_begin(&pair->front);
    pair->peer = h2_peer_open(&pair->front, 0);
}

static void end(struct pair *pair)
{
    h2_peer_close(pair->peer);
    h2_front_end(&pair->front);
}

/* The peer hears that it was too much, whatever it heard before; others are still served. */
static void expect_calm(struct pair *pair)
{
    struct h2_peer_frame frame;
    do {
        h2_peer_next(pair->peer, 5000, &frame);
    } while (frame.type != H2_GOAWAY && frame.type < H2_CLOSED);
    assert_int_equal(frame.type, H2_GOAWAY);
    assert_int_equal(frame.code, CALM);
    h2_peer_expect_end(pair->peer);
    assert_int_equal(pair->front.live, 0);
    struct h2_peer *other = h2_peer_open(&pair->front, 0);
    h2_peer_get(other, 1, "/", "200");
    h2_peer_close(other);
}

static void flood(unsigned type, unsigned flags, uint32_t stream, struct span payload)
{
    struct pair pair;
    begin(&pair);
    h2_peer_request(pair.peer, 0, 1, "POST", "/sleep");
    for (int i = 0; i < FLOOD; i++) {
        h2_peer_frame(pair.peer, type, flags, stream, payload);
    }
    expect_calm(&pair);
    end(&pair);
}

static void floods_of_cheap_frames(void **state)
{
    (void)state;
    static const uint8_t bytes[8] = {0, 0, 0, 1};
    static const uint8_t no_stream[8];
    static const uint8_t padding[4] = {3};
    flood(H2_PING, 0, 0, (struct span){bytes, 8});
    flood(H2_PING, H2_ACK, 0, (struct span){bytes, 8});
    flood(H2_SETTINGS, 0, 0, (struct span){0});
    flood(H2_PRIORITY, 0, 5, (struct span){bytes, 5});
    flood(H2_WINDOW_UPDATE, 0, 0, (struct span){bytes, 4});
    flood(H2_WINDOW_UPDATE, 0, 1, (struct span){bytes, 4});
    flood(H2_DATA, 0, 1, (struct span){0});
    flood(H2_DATA, H2_PADDED, 1, (struct span){padding, 4});
    flood(H2_GOAWAY, 0, 0, (struct span){no_stream, 8});
}

/* Few are no flood. */
static void a_peer_that_pings_now_and_then(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair);
    for (uint32_t i = 0; i < 500; i++) {
        h2_peer_expect_alive(pair.peer);
    }
    h2_peer_get(pair.peer, 1, "/", "200");
    end(&pair);
}

/* Requests and resets that come together never reach a handler. */
static void rapid_reset_in_one_packet(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair);
    struct buffer bytes;
    buffer_init(&bytes, BLOCK_MAX);
    static const uint8_t request[] = {0, 0, 6, 1, 5, 0, 0, 0, 0, 0x82, 0x86, 0x84, 0x41, 1, 'a'};
    static const uint8_t reset[] = {0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 8};
    for (uint32_t i = 0; i < 2000; i++) {
        size_t at = bytes.len;
        assert_int_equal(buffer_append(&bytes, (struct span){request, sizeof request}), 0);
        assert_int_equal(buffer_append(&bytes, (struct span){reset, sizeof reset}), 0);
        for (size_t k = 0; k < 2; k++) {
            uint8_t *id = bytes.data + at + k * sizeof request + 7;
            id[0] = (uint8_t)((2 * i + 1) >> 8);
            id[1] = (uint8_t)(2 * i + 1);
        }
    }
    h2_peer_send(pair.peer, bytes.data, bytes.len);
    buffer_done(&bytes);
    expect_calm(&pair);
    assert_true(pair.front.requests < 20);
    end(&pair);
}

static void rapid_reset_of_running_handlers(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair);
    for (uint32_t i = 0; i < 1000; i++) {
        h2_peer_request(pair.peer, H2_END_STREAM, 2 * i + 1, "GET", "/wait");
        h2_front_turn(&pair.front, 0);
        h2_peer_frame(pair.peer, H2_RST_STREAM, 0, 2 * i + 1, (struct span){cancel, 4});
        assert_true(pair.front.live <= 100);
    }
    expect_calm(&pair);
    assert_in_range(pair.front.requests, 400, 700);
    end(&pair);
}

/* CVE-2025-8671: the peer has us reset its streams. */
static void resets_that_the_peer_provokes(void **state)
{
    (void)state;
    static const uint8_t overflow[4] = {0x7f, 0xff, 0xff, 0xff};
    struct pair pair;
    begin(&pair);
    for (uint32_t i = 0; i < 1000; i++) {
        h2_peer_request(pair.peer, H2_END_STREAM, 2 * i + 1, "GET", "/wait");
        h2_peer_frame(pair.peer, H2_WINDOW_UPDATE, 0, 2 * i + 1, (struct span){overflow, 4});
        h2_front_turn(&pair.front, 0);
    }
    expect_calm(&pair);
    end(&pair);
}

static void malformed_requests_without_end(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair);
    for (uint32_t i = 0; i < 1000; i++) {
        h2_peer_headers(pair.peer, H2_END_HEADERS | H2_END_STREAM, 2 * i + 1, "X-UPPER: 1\n");
        h2_front_turn(&pair.front, 0);
    }
    expect_calm(&pair);
    end(&pair);
}

static void continuation_without_end(void **state)
{
    (void)state;
    static const uint8_t field[] = {0, 1, 'a', 1, 'b'};
    struct pair pair;
    struct h2_peer_frame frame;
    begin(&pair);
    h2_peer_frame(pair.peer, H2_HEADERS, 0, 1, (struct span){field, sizeof field});
    for (int i = 0; i < 1000; i++) {
        h2_peer_frame(pair.peer, H2_CONTINUATION, 0, 1, (struct span){field, sizeof field});
    }
    do {
        h2_peer_next(pair.peer, 5000, &frame);
    } while (frame.type != H2_GOAWAY && frame.type < H2_CLOSED);
    assert_int_equal(frame.type, H2_GOAWAY);
    assert_int_equal(frame.code, CALM);
    assert_int_equal(pair.front.requests, 0);
    end(&pair);
}

/* A field of 4 KiB in the table, named by one byte each time. */
static void a_small_block_that_decodes_to_much(void **state)
{
    (void)state;
    struct pair pair;
    struct buffer block;
    begin(&pair);
    buffer_init(&block, BLOCK_MAX);
    /* "x" with a value of 3,900 bytes, into the table; then the table's newest entry. */
    static const uint8_t head[] = {0x82, 0x86, 0x84, 0x41, 1, 'a', 0x40, 1, 'x', 0x7f, 0xbd, 0x1d};
    assert_int_equal(buffer_append(&block, (struct span){head, sizeof head}), 0);
    assert_int_equal(buffer_reserve(&block, 16000), 0);
    memset(block.data + block.len, 'v', 3900);
    block.len += 3900;
    memset(block.data + block.len, 0xbe, 11000);
    block.len += 11000;
    h2_peer_frame(pair.peer, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, buffer_span(&block));
    buffer_done(&block);
    expect_calm(&pair);
    assert_int_equal(pair.front.requests, 1); /* the one after it */
    end(&pair);
}

/* Send HEADERS and CONTINUATION of a block. */
static void send_block(struct h2_peer *peer, uint32_t stream, struct span block)
{
    enum { PIECE = 16384 };
    unsigned type = H2_HEADERS;
    do {
        size_t len = block.len < PIECE ? block.len : PIECE;
        unsigned flags =
            (type == H2_HEADERS ? H2_END_STREAM : 0) | (len == block.len ? H2_END_HEADERS : 0);
        h2_peer_frame(peer, type, flags, stream, (struct span){block.data, len});
        block = (struct span){block.data + len, block.len - len};
        type = H2_CONTINUATION;
    } while (block.len > 0);
}

static void begin_block(struct buffer *block, const char *path)
{
    char fields[8192];
    buffer_init(block, BLOCK_MAX);
    (void)snprintf(fields, sizeof fields, ":method: GET\n:scheme: http\n:authority: a\n:path: %s\n",
                   path);
    h2_peer_encode(fields, block);
}

static void expect_refusal(struct pair *pair, uint32_t stream, struct buffer *block,
                           const char *status)
{
    char text[64];
    send_block(pair->peer, stream, buffer_span(block));
    h2_peer_expect_status(pair->peer, stream, status);
    (void)h2_peer_content(pair->peer, stream, text);
    buffer_done(block);
}

static void heads_past_the_limits(void **state)
{
    (void)state;
    struct pair pair;
    struct buffer block;
    char text[8192];
    begin(&pair);
    begin_block(&block, "/");
    for (int i = 0; i < 8000; i++) { /* distinct headers, and still few enough frames */
        (void)snprintf(text, sizeof text, "x-%d: %d\n", i, i);
        h2_peer_encode(text, &block);
    }
    expect_refusal(&pair, 1, &block, "431");
    begin_block(&block, "/");
    for (int i = 0; i < 101; i++) {
        h2_peer_encode("a: 1\n", &block);
    }
    expect_refusal(&pair, 3, &block, "431");
    begin_block(&block, "/");
    for (int i = 0; i < 100; i++) {
        h2_peer_encode("a: 1\n", &block);
    }
    expect_refusal(&pair, 5, &block, "200");
    begin_block(&block, "/");
    memset(text, 'v', 6000);
    memcpy(text, "x: ", 3);
    text[6000] = '\0';
    for (int i = 0; i < 3; i++) {
        h2_peer_encode(text, &block);
    }
    expect_refusal(&pair, 7, &block, "431");
    memset(text, 'p', 4097);
    text[0] = '/';
    text[4097] = '\0';
    begin_block(&block, text);
    expect_refusal(&pair, 9, &block, "414");
    text[4096] = '\0';
    begin_block(&block, text);
    expect_refusal(&pair, 11, &block, "200");
    assert_int_equal(pair.front.requests, 2);
    assert_int_equal(pair.front.reports[0].outcome, HTTP_REFUSED);
    assert_int_equal(pair.front.reports[0].status, 431);
    end(&pair);
}

static void trailers_past_the_limits(void **state)
{
    (void)state;
    struct pair pair;
    struct buffer block;
    begin(&pair);
    h2_peer_request(pair.peer, 0, 1, "POST", "/sleep");
    h2_peer_expect_alive(pair.peer);
    buffer_init(&block, BLOCK_MAX);
    for (int i = 0; i < 101; i++) {
        h2_peer_encode("a: 1\n", &block);
    }
    send_block(pair.peer, 1, buffer_span(&block));
    h2_peer_expect_reset(pair.peer, 1, CALM);
    h2_peer_get(pair.peer, 3, "/", "200");
    assert_int_equal(pair.front.aborts, 1);
    buffer_done(&block);
    end(&pair);
}

static void more_streams_than_allowed(void **state)
{
    (void)state;
    struct pair pair;
    struct h2_peer_frame frame;
    h2_front_init(&pair.front);
    pair.front.options.limits.http2_streams = 2;
    h2_front_begin(&pair.front);
    pair.peer = h2_peer_open(&pair.front, 0);
    /* Before the peer can know of the limit: it may ask again. */
    for (uint32_t i = 0; i < 3; i++) {
        h2_peer_request(pair.peer, H2_END_STREAM, 2 * i + 1, "GET", "/wait");
    }
    h2_peer_expect_reset(pair.peer, 5, 7 /* REFUSED_STREAM */);
    h2_peer_expect_alive(pair.peer);
    /* It has said that it knows. */
    h2_peer_frame(pair.peer, H2_SETTINGS, H2_ACK, 0, (struct span){0});
    h2_peer_request(pair.peer, H2_END_STREAM, 7, "GET", "/wait");
    h2_peer_next_real(pair.peer, &frame);
    assert_true(frame.type == H2_GOAWAY || frame.type == H2_RST_STREAM);
    assert_int_equal(pair.front.requests, 2);
    end(&pair);
}

static void more_requests_than_allowed(void **state)
{
    (void)state;
    struct pair pair;
    h2_front_init(&pair.front);
    pair.front.options.limits.requests = 2;
    h2_front_begin(&pair.front);
    pair.peer = h2_peer_open(&pair.front, 0);
    h2_peer_request(pair.peer, H2_END_STREAM, 1, "GET", "/wait");
    h2_peer_request(pair.peer, H2_END_STREAM, 3, "GET", "/wait");
    h2_peer_get(pair.peer, 5, "/", "503");
    h2_peer_frame(pair.peer, H2_RST_STREAM, 0, 1, (struct span){cancel, 4});
    h2_peer_get(pair.peer, 7, "/", "200");
    end(&pair);
}

/* The peer reads nothing at all: what is made for it stays small, and we read no more from it. */
static void a_peer_that_reads_nothing(void **state)
{
    (void)state;
    struct pair pair;
    begin(&pair);
    h2_peer_close(pair.peer);
    pair.peer = h2_peer_open(&pair.front, 1 << 30);
    h2_peer_window(pair.peer, 0, 1 << 30);
    for (uint32_t i = 0; i < 50; i++) {
        h2_peer_request(pair.peer, H2_END_STREAM, 2 * i + 1, "GET", "/big?1000000000");
    }
    h2_front_turn(&pair.front, 300);
    assert_in_range(pair.front.live, 1, 50); /* those that came before its socket was full */
    struct h2_peer *other = h2_peer_open(&pair.front, 0);
    h2_peer_get(other, 1, "/", "200");
    h2_peer_close(other);
    end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_of_cheap_frames),
        cmocka_unit_test(a_peer_that_pings_now_and_then),
        cmocka_unit_test(rapid_reset_in_one_packet),
        cmocka_unit_test(rapid_reset_of_running_handlers),
        cmocka_unit_test(resets_that_the_peer_provokes),
        cmocka_unit_test(malformed_requests_without_end),
        cmocka_unit_test(continuation_without_end),
        cmocka_unit_test(a_small_block_that_decodes_to_much),
        cmocka_unit_test(heads_past_the_limits),
        cmocka_unit_test(trailers_past_the_limits),
        cmocka_unit_test(more_streams_than_allowed),
        cmocka_unit_test(more_requests_than_allowed),
        cmocka_unit_test(a_peer_that_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
