/* The HTTP client against a server on the loopback: requests byte for byte, responses of all kinds,
 * and limits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "http_fetch.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

enum { WAIT_NS = 1000000, TURNS_NS = 50000000 };

/* -- requests --------------------------------------------------------------------------------- */

static void get_sends_exactly_this(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    char expected[256];
    char text[256];
    http_peer_route(t->peer, "/a?b=c",
                    OK_HEAD "Content-Length: 5\r\nX-One:  1 \r\nx-TWO:\r\n\r\nhello");
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/a?b=c");
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
    assert_int_equal(http_exchange_status(fetch->exchange), 200);
    assert_int_equal(http_exchange_header_count(fetch->exchange), 3);
    assert_string_equal(http_fetch_header(fetch, 0, text), "content-length=5");
    assert_string_equal(http_fetch_header(fetch, 1, text), "x-one=1");
    assert_string_equal(http_fetch_header(fetch, 2, text), "x-two=");
    http_fetch_assert_body(fetch, "hello");
    (void)snprintf(expected, sizeof expected,
                   "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n\r\n",
                   http_peer_port(t->peer));
    assert_string_equal(http_peer_request(t->peer, 0), expected);
    assert_int_equal(t->env.port, http_peer_port(t->peer));
    assert_string_equal(t->env.host, "127.0.0.1");
    assert_string_equal(t->env.scheme, "http");
    http_fetch_close(fetch);
    http_test_end(t);
}

static void post_sends_headers_and_body(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    char expected[512];
    const struct http_header headers[] = {
        {span_of("Content-Type"), span_of("text/plain")},
        {span_of("abc"), span_of("def")},
        {span_of("abc"), span_of("ghi")},
        {span_of("empty"), span_of("")},
        {span_of("Content-Length"), span_of("3")},
        {span_of("Connection"), span_of("close, abc")},
        {span_of("Transfer-Encoding"), span_of("chunked")},
        {span_of("Expect"), span_of("100-continue")},
    };
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    struct http_request request = {.url = span_of(http_peer_url(t->peer, "/")),
                                   .method = span_of("POST"),
                                   .headers = headers,
                                   .header_count = ARRAY_COUNT(headers),
                                   .body = {(const uint8_t *)"a\0b", 3}};
    struct http_fetch *fetch = http_fetch_request(t, &request);
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
    (void)snprintf(expected, sizeof expected,
                   "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n"
                   "Content-Type: text/plain\r\nabc: def\r\nabc: ghi\r\nempty:\r\n"
                   "Content-Length: 3\r\n\r\na",
                   http_peer_port(t->peer));
    assert_string_equal(http_peer_request(t->peer, 0), expected);
    assert_memory_equal(http_peer_request(t->peer, 0) + strlen(expected) - 1, "a\0b", 3);
    http_fetch_close(fetch);
    http_test_end(t);
}

static void methods_go_out_as_they_are(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    static const char *const methods[] = {"GET", "PUT",     "DELETE", "DELET",   "PATCH",
                                          "get", "OPTIONS", "TRACE",  "M-SEARCH"};
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    for (unsigned i = 0; i < ARRAY_COUNT(methods); i++) {
        char line[64];
        struct http_fetch *fetch = http_fetch_path(t, methods[i], "/");
        assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
        int len = snprintf(line, sizeof line, "%s / HTTP/1.1\r\n", methods[i]);
        assert_memory_equal(http_peer_request(t->peer, i), line, (size_t)len);
        http_fetch_close(fetch);
    }
    assert_false(http_test_sent(t, 0, "Content-Length"));
    assert_true(http_test_sent(t, 1, "Content-Length: 0"));
    assert_int_equal(http_peer_connections(t->peer), 1); /* it was kept */
    http_test_end(t);
}

static void a_body_goes_with_any_method(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    static const char *const methods[] = {"GET", "PUT", "DELETE", "POST", "QUERY"};
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    for (unsigned i = 0; i < ARRAY_COUNT(methods); i++) {
        struct http_request request = {.url = span_of(http_peer_url(t->peer, "/")),
                                       .method = span_of(methods[i]),
                                       .body = span_of("xyz")};
        struct http_fetch *fetch = http_fetch_request(t, &request);
        assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
        assert_true(http_test_sent(t, i, "Content-Length: 3\r\n"));
        assert_true(http_test_sent(t, i, "\r\n\r\nxyz"));
        assert_false(http_test_sent(t, i, "Content-Type"));
        assert_int_equal(memcmp(http_peer_request(t->peer, i), methods[i], strlen(methods[i])), 0);
        http_fetch_close(fetch);
    }
    http_test_end(t);
}

static void bad_requests_are_not_begun(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    static const struct {
        const char *method;
        const char *name;
        const char *value;
        enum http_error error;
    } cases[] = {
        {"", "a", "b", HTTP_BAD_METHOD},
        {"G T", "a", "b", HTTP_BAD_METHOD},
        {"GET\r\n", "a", "b", HTTP_BAD_METHOD},
        {"CONNECT", "a", "b", HTTP_BAD_METHOD},
        {"GET", "", "b", HTTP_BAD_HEADER},
        {"GET", "a b", "b", HTTP_BAD_HEADER},
        {"GET", "a:", "b", HTTP_BAD_HEADER},
        {"GET", "\xc3\xa4", "b", HTTP_BAD_HEADER},
        {"GET", "a", "b\r\nc: d", HTTP_BAD_HEADER},
        {"GET", "a", "b\nc", HTTP_BAD_HEADER},
        {"GET", "a", "b\x7f", HTTP_BAD_HEADER},
        {"GET", "Host", "other", HTTP_BAD_HEADER},
        {"GET", "HOST", "127.0.0.1:1", HTTP_BAD_HEADER},
        {"GET", "content-length", "7", HTTP_BAD_HEADER},
        {"GET", "content-length", "0x0", HTTP_BAD_HEADER},
        {"GET", "content-length", "", HTTP_BAD_HEADER},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct http_fetch *fetch = NULL;
        struct http_header h = {span_of(cases[i].name), span_of(cases[i].value)};
        struct http_request request = {.url = span_of(http_peer_url(t->peer, "/")),
                                       .method = span_of(cases[i].method),
                                       .headers = &h,
                                       .header_count = 1};
        assert_int_equal(http_fetch_start(t, &request, &fetch), cases[i].error);
        assert_null(fetch);
    }
    http_test_turn(t, TURNS_NS);
    assert_int_equal(http_peer_connections(t->peer), 0);
    http_test_end(t);
}

static void own_host_is_accepted(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    char own[64];
    (void)snprintf(own, sizeof own, "127.0.0.1:%u", http_peer_port(t->peer));
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    struct http_header h = {span_of("host"), span_of(own)};
    struct http_request request = {.url = span_of(http_peer_url(t->peer, "/")),
                                   .method = span_of("GET"),
                                   .headers = &h,
                                   .header_count = 1};
    struct http_fetch *fetch = http_fetch_request(t, &request);
    assert_int_equal(http_exchange_status(fetch->exchange), 200);
    http_fetch_close(fetch);
    http_test_end(t);
}

/* -- responses -------------------------------------------------------------------------------- */

static void bodies_of_all_kinds(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    static const struct {
        const char *method;
        const char *path;
        enum http_peer_mode mode;
        const char *answer;
        uint16_t status;
        const char *body;
    } cases[] = {
        {"HEAD", "/head", HTTP_PEER_KEEP, OK_HEAD "Content-Length: 5\r\n\r\n", 200, ""},
        {"GET", "/204", HTTP_PEER_KEEP, "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
        {"GET", "/304", HTTP_PEER_KEEP, "HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", 304, ""},
        {"GET", "/chunked", HTTP_PEER_KEEP,
         OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n",
         200, "abcde"},
        {"GET", "/close", HTTP_PEER_CLOSE, OK_HEAD "\r\nuntil the end", 200, "until the end"},
        {"GET", "/404", HTTP_PEER_KEEP, "HTTP/1.1 404 None\r\nContent-Length: 2\r\n\r\nno", 404,
         "no"},
        {"GET", "/interim", HTTP_PEER_KEEP,
         "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK_HEAD "Content-Length: 1\r\n\r\n!", 200, "!"},
        {"GET", "/1.0", HTTP_PEER_CLOSE, "HTTP/1.0 200 OK\r\n\r\nold", 200, "old"},
        {"GET", "/gzip", HTTP_PEER_KEEP,
         OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw", 200, "raw"},
        {"GET", "/999", HTTP_PEER_KEEP, "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", 999, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        http_peer_route_as(t->peer, cases[i].mode, cases[i].path, cases[i].answer);
    }
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct http_fetch *fetch = http_fetch_path(t, cases[i].method, cases[i].path);
        uint8_t byte;
        assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
        assert_int_equal(http_exchange_status(fetch->exchange), cases[i].status);
        http_fetch_assert_body(fetch, cases[i].body);
        assert_int_equal(http_exchange_read(fetch->exchange, &byte, 1), 0); /* again and again */
        assert_int_equal(http_exchange_read(fetch->exchange, &byte, 0), 0);
        http_fetch_close(fetch);
    }
    http_test_end(t);
}

static void interim_and_trailer_lines_are_no_headers(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    char text[256];
    http_peer_route(t->peer, "/",
                    "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK_HEAD
                    "Transfer-Encoding: chunked\r\nFolded: a\r\n  b\r\nSpaced : c\r\n\r\n"
                    "1\r\nx\r\n0\r\nTrailer: v\r\n\r\n");
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
    assert_int_equal(http_exchange_header_count(fetch->exchange), 3);
    assert_string_equal(http_fetch_header(fetch, 0, text), "transfer-encoding=chunked");
    assert_string_equal(http_fetch_header(fetch, 1, text), "folded=a b");
    assert_string_equal(http_fetch_header(fetch, 2, text), "spaced=c");
    http_fetch_close(fetch);
    http_test_end(t);
}

static void broken_responses(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/short", OK_HEAD "Content-Length: 9\r\n\r\nabc");
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/head", OK_HEAD "Content-Le");
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/nothing", "");
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/no-http", "SSH-2.0-what\r\n\r\n");
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/chunk",
                       OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nab");
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/bad-chunk",
                       OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\nab");
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/101",
                       "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nbytes");
    http_fetch_assert_end(t, "/head", HTTP_INCOMPLETE);
    http_fetch_assert_end(t, "/nothing", HTTP_CLOSED);
    http_fetch_assert_end(t, "/no-http", HTTP_NOT_HTTP);
    http_fetch_assert_end(t, "/bad-chunk", HTTP_TRANSFER_CODING);
    http_fetch_assert_end(t, "/101", HTTP_UPGRADED);
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/short");
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_INCOMPLETE);
    assert_int_equal(http_exchange_status(fetch->exchange), 200); /* it had come */
    http_fetch_assert_body(fetch, "abc");
    http_fetch_close(fetch);
    fetch = http_fetch_path(t, "GET", "/chunk");
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_INCOMPLETE);
    http_fetch_assert_body(fetch, "ab");
    http_fetch_close(fetch);
    http_test_end(t);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    struct http_fetch *fetch = NULL;
    assert_int_equal(http_fetch_url(t, "GET", "http://127.0.0.1:1/", &fetch), HTTP_OK);
    http_fetch_head(t, fetch);
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_CONNECT_REFUSED);
    assert_int_equal(http_exchange_status(fetch->exchange), 0);
    http_fetch_close(fetch);
    http_test_end(t);
}

static void https_to_a_plain_server_is_no_tls(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    char url[128];
    struct http_fetch *fetch = NULL;
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", http_peer_port(t->peer));
    http_peer_route(t->peer, "/", "");
    assert_int_equal(http_fetch_url(t, "GET", url, &fetch), HTTP_OK);
    http_test_turn(t, TURNS_NS);
    http_fetch_close(fetch); /* in the middle of the handshake */
    http_test_end(t);
}

/* -- limits ----------------------------------------------------------------------------------- */

static void a_header_bomb_is_cut_off(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    static const char line[] = "a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n";
    struct buffer head;
    buffer_init(&head, SIZE_MAX);
    assert_int_equal(buffer_append(&head, span_of(OK_HEAD)), 0);
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(buffer_append(&head, span_of(line)), 0);
    }
    http_peer_route_as(t->peer, HTTP_PEER_HANG, "/lines", buffer_text(&head));
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/line", OK_HEAD "a: b");
    http_peer_route_as(t->peer, HTTP_PEER_REPEAT, "/interims", "HTTP/1.1 100 Go\r\nA: b\r\n\r\n");
    http_peer_route_as(t->peer, HTTP_PEER_REPEAT, "/junk", OK_HEAD "junk\r\njunk\r\n");
    http_fetch_assert_end(t, "/lines", HTTP_HEAD_TOO_LARGE);
    http_fetch_assert_end(t, "/interims", HTTP_HEAD_TOO_LARGE);
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/line");
    assert_int_not_equal(http_exchange_error(fetch->exchange), HTTP_OK);
    http_fetch_close(fetch);
    fetch = http_fetch_path(t, "GET", "/junk");
    assert_int_not_equal(http_exchange_error(fetch->exchange), HTTP_OK);
    http_fetch_close(fetch);
    http_test_end(t);
    buffer_done(&head);
}

static void body_max_ends_it(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    t->env.options.body_max = 100000;
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", OK_HEAD "\r\nx");
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_BODY_TOO_LARGE);
    assert_true(fetch->body.len <= 100000);
    http_fetch_close(fetch);
    http_test_end(t);
}

static void an_endless_body_waits_for_its_reader(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    enum { STEPS = 200, STEP_LEN = 64 << 10, SOCKETS_MAX = 16 << 20 };
    static uint8_t bytes[STEP_LEN];
    struct http_fetch *fetch = NULL;
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", OK_HEAD "\r\nx");
    http_fetch_begin(t, "GET", "/", &fetch);
    http_fetch_head(t, fetch);
    http_test_turn(t, 4 * TURNS_NS);
    size_t held = http_exchange_waiting(fetch->exchange);
    assert_true(held > 0 && held <= 1 << 20);
    uint64_t sent = http_peer_sent(t->peer);
    assert_true(sent < SOCKETS_MAX);
    http_test_turn(t, TURNS_NS);
    assert_int_equal(http_peer_sent(t->peer), sent); /* it is held back, and nobody spins */
    unsigned events = fetch->events;
    uint64_t total = 0;
    for (unsigned i = 0; i < STEPS;) {
        int64_t count = http_exchange_read(fetch->exchange, bytes, sizeof bytes);
        if (count == -EAGAIN) {
            assert_int_equal(loop_turn(t->loop, 1000), 0);
            continue;
        }
        assert_true(count > 0);
        total += (uint64_t)count;
        assert_true(http_exchange_waiting(fetch->exchange) <= 1 << 20);
        i++;
    }
    assert_true(total > 4 << 20);
    assert_true(fetch->events > events);
    http_fetch_close(fetch); /* in the middle of the body */
    http_test_turn(t, TURNS_NS);
    http_test_end(t);
}

static void time_limits(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint64_t first;
        uint64_t between;
        uint64_t total;
        enum http_error error;
        uint16_t status;
    } cases[] = {
        {"/mute", 30, 0, 0, HTTP_FIRST_BYTE_TIMED_OUT, 0},
        {"/mute", 0, 0, 30, HTTP_TIMED_OUT, 0},
        {"/stuck", 0, 30, 0, HTTP_READ_TIMED_OUT, 200},
        {"/stuck", 0, 0, 30, HTTP_TIMED_OUT, 200},
        {"/loop", 0, 0, 30, HTTP_TIMED_OUT, 0}, /* over all hops together */
        {"/fine", 5000, 5000, 5000, HTTP_OK, 200},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct http_test *t = http_test_begin();
        t->env.options.first_byte_timeout_ns = cases[i].first * WAIT_NS;
        t->env.options.between_bytes_timeout_ns = cases[i].between * WAIT_NS;
        t->env.options.total_timeout_ns = cases[i].total * WAIT_NS;
        t->env.options.redirects_max = 1000000;
        http_peer_route_as(t->peer, HTTP_PEER_HANG, "/mute", "");
        http_peer_route_as(t->peer, HTTP_PEER_HANG, "/stuck",
                           OK_HEAD "Content-Length: 5\r\n\r\nab");
        http_peer_route(t->peer, "/loop",
                        "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
        http_peer_route(t->peer, "/fine", OK_HEAD "Content-Length: 0\r\n\r\n");
        struct http_fetch *fetch = http_fetch_path(t, "GET", cases[i].path);
        assert_int_equal(http_exchange_error(fetch->exchange), cases[i].error);
        assert_int_equal(http_exchange_status(fetch->exchange), cases[i].status);
        http_fetch_close(fetch);
        http_test_end(t);
    }
}

/* The guest's own slowness is no silence of the peer's. */
static void a_slow_reader_does_not_time_out(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    static uint8_t bytes[1 << 20];
    struct http_fetch *fetch = NULL;
    t->env.options.between_bytes_timeout_ns = 50 * (uint64_t)WAIT_NS;
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", OK_HEAD "\r\nx");
    http_fetch_begin(t, "GET", "/", &fetch);
    http_fetch_head(t, fetch);
    http_test_turn(t, 200 * (uint64_t)WAIT_NS);
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
    assert_true(http_exchange_read(fetch->exchange, bytes, sizeof bytes) > 0);
    http_test_turn(t, 200 * (uint64_t)WAIT_NS);
    assert_true(http_exchange_read(fetch->exchange, bytes, sizeof bytes) > 0);
    http_fetch_close(fetch);
    http_test_end(t);
}

static void closing_at_every_moment(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    static const char steps[] = "HTTP/1.1 200\0 OK\r\nContent-Length: 2\r\n\0\r\na\0b";
    struct http_fetch *fetch = NULL;
    http_peer_route_steps(t->peer, "/", steps, sizeof steps - 1);
    for (unsigned go = 0; go < 5; go++) {
        http_fetch_begin(t, "GET", "/", &fetch);
        for (unsigned i = 0; i < go; i++) {
            http_test_turn(t, 5 * (uint64_t)WAIT_NS);
            if (i > 0) {
                http_peer_go(t->peer);
            }
        }
        http_fetch_close(fetch);
    }
    for (unsigned i = 0; i < 20; i++) { /* whoever still waits */
        http_peer_go(t->peer);
    }
    http_fetch_begin(t, "GET", "/", &fetch);
    http_client_free(t->env.client); /* ends it without a call */
    t->env.client = NULL;
    fetch->exchange = NULL;
    http_fetch_close(fetch);
    http_test_turn(t, TURNS_NS);
    http_test_end(t);
}

static void events_come_from_the_loop_only(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    struct http_fetch *fetch = NULL;
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 2\r\n\r\nhi");
    http_fetch_begin(t, "GET", "/", &fetch);
    assert_int_equal(fetch->events, 0);
    http_fetch_head(t, fetch);
    unsigned events = fetch->events;
    uint8_t byte;
    http_test_turn(t, TURNS_NS);
    assert_true(fetch->events > 0);
    events = fetch->events;
    assert_int_equal(http_exchange_read(fetch->exchange, &byte, 1), 1);
    assert_int_equal(fetch->events, events);
    http_fetch_close(fetch);
    http_test_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_sends_exactly_this),
        cmocka_unit_test(post_sends_headers_and_body),
        cmocka_unit_test(methods_go_out_as_they_are),
        cmocka_unit_test(a_body_goes_with_any_method),
        cmocka_unit_test(bad_requests_are_not_begun),
        cmocka_unit_test(own_host_is_accepted),
        cmocka_unit_test(bodies_of_all_kinds),
        cmocka_unit_test(interim_and_trailer_lines_are_no_headers),
        cmocka_unit_test(broken_responses),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(https_to_a_plain_server_is_no_tls),
        cmocka_unit_test(a_header_bomb_is_cut_off),
        cmocka_unit_test(body_max_ends_it),
        cmocka_unit_test(an_endless_body_waits_for_its_reader),
        cmocka_unit_test(time_limits),
        cmocka_unit_test(a_slow_reader_does_not_time_out),
        cmocka_unit_test(closing_at_every_moment),
        cmocka_unit_test(events_come_from_the_loop_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
