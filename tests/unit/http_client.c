/* The HTTP client against a server on the loopback: requests byte for byte, redirects, limits, and
 * what is judged against what is dialled. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/container.h"
#include "fake_dns.h"
#include "http_env.h"
#include "http_peer.h"
#include "peer.h"

enum { WAIT_NS = 1000000, TURNS_NS = 50000000 };

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

struct fixture {
    struct loop *loop;
    struct http_env env;
    struct http_peer *peer;
};

/* One exchange as seen by its owner. */
struct fetch {
    struct http_exchange *exchange;
    unsigned events;
    struct buffer body;
};

static struct fixture *begin(void)
{
    struct fixture *t = calloc(1, sizeof *t);
    assert_non_null(t);
    assert_int_equal(loop_new(&t->loop), 0);
    http_env_init(&t->env, t->loop);
    t->peer = http_peer_new();
    return t;
}

static void end(struct fixture *t)
{
    http_env_done(&t->env);
    http_peer_free(t->peer);
    loop_free(t->loop);
    free(t);
}

static void on_event(void *context)
{
    struct fetch *fetch = context;
    fetch->events++;
}

static void turn_for(struct fixture *t, uint64_t ns)
{
    uint64_t end_ns = loop_clock_ns() + ns;
    while (loop_clock_ns() < end_ns) {
        assert_int_equal(loop_turn(t->loop, 1), 0);
    }
}

static void wait_for_head(struct fixture *t, struct fetch *fetch)
{
    uint64_t end_ns = loop_clock_ns() + 5000000000U;
    while (!http_exchange_has_head(fetch->exchange)) {
        assert_true(loop_clock_ns() < end_ns);
        assert_int_equal(loop_turn(t->loop, 100), 0);
    }
    assert_true(fetch->events > 0 || fetch->exchange != NULL);
}

/* Read to the end; gives 0 or -EIO. */
static int64_t read_all(struct fixture *t, struct fetch *fetch)
{
    uint8_t bytes[1000];
    uint64_t end_ns = loop_clock_ns() + 20000000000U;
    for (;;) {
        int64_t count = http_exchange_read(fetch->exchange, bytes, sizeof bytes);
        if (count > 0) {
            assert_int_equal(buffer_append(&fetch->body, (struct span){bytes, (size_t)count}), 0);
        } else if (count != -EAGAIN) {
            return count;
        } else {
            assert_true(loop_clock_ns() < end_ns);
            assert_int_equal(loop_turn(t->loop, 100), 0);
        }
    }
}

static enum http_error start(struct fixture *t, const struct http_request *request,
                             struct fetch *fetch)
{
    if (t->env.client == NULL) {
        (void)http_env_open(&t->env);
    }
    *fetch = (struct fetch){0};
    buffer_init(&fetch->body, SIZE_MAX);
    return http_exchange_begin(t->env.client, request, on_event, fetch, &fetch->exchange);
}

static enum http_error start_url(struct fixture *t, const char *method, const char *url,
                                 struct fetch *fetch)
{
    struct http_request request = {.url = span_of(url), .method = span_of(method)};
    return start(t, &request, fetch);
}

static void close_fetch(struct fetch *fetch)
{
    http_exchange_close(fetch->exchange);
    buffer_done(&fetch->body);
}

static void begin_request(struct fixture *t, const char *method, const char *path,
                          struct fetch *fetch)
{
    assert_int_equal(start_url(t, method, http_peer_url(t->peer, path), fetch), HTTP_OK);
}

/* Make a request and go through to the end of its body. */
static struct fetch fetch_path(struct fixture *t, const char *method, const char *path)
{
    struct fetch fetch;
    begin_request(t, method, path, &fetch);
    wait_for_head(t, &fetch);
    (void)read_all(t, &fetch);
    return fetch;
}

static void assert_body(const struct fetch *fetch, const char *text)
{
    assert_int_equal(fetch->body.len, strlen(text));
    assert_memory_equal(fetch->body.data == NULL ? (const uint8_t *)"" : fetch->body.data, text,
                        strlen(text));
}

static void assert_ends(struct fixture *t, const char *path, enum http_error error)
{
    struct fetch fetch = fetch_path(t, "GET", path);
    assert_int_equal(http_exchange_error(fetch.exchange), error);
    if (error != HTTP_OK) {
        uint8_t byte;
        assert_int_equal(http_exchange_read(fetch.exchange, &byte, 1), -EIO);
    }
    close_fetch(&fetch);
}

static const char *header(const struct fetch *fetch, uint32_t index, char text[256])
{
    struct http_header h = http_exchange_header(fetch->exchange, index);
    (void)snprintf(text, 256, "%.*s=%.*s", (int)h.name.len, (const char *)h.name.data,
                   (int)h.value.len, (const char *)h.value.data);
    return text;
}

static bool request_has(struct fixture *t, unsigned n, const char *text)
{
    return strstr(http_peer_request(t->peer, n), text) != NULL;
}

/* -- requests --------------------------------------------------------------------------------- */

static void get_sends_exactly_this(void **state)
{
    (void)state;
    struct fixture *t = begin();
    char expected[256];
    char text[256];
    http_peer_route(t->peer, "/a?b=c",
                    OK_HEAD "Content-Length: 5\r\nX-One:  1 \r\nx-TWO:\r\n\r\nhello");
    struct fetch fetch = fetch_path(t, "GET", "/a?b=c");
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_OK);
    assert_int_equal(http_exchange_status(fetch.exchange), 200);
    assert_int_equal(http_exchange_header_count(fetch.exchange), 3);
    assert_string_equal(header(&fetch, 0, text), "content-length=5");
    assert_string_equal(header(&fetch, 1, text), "x-one=1");
    assert_string_equal(header(&fetch, 2, text), "x-two=");
    assert_body(&fetch, "hello");
    (void)snprintf(expected, sizeof expected,
                   "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n\r\n",
                   http_peer_port(t->peer));
    assert_string_equal(http_peer_request(t->peer, 0), expected);
    assert_int_equal(t->env.port, http_peer_port(t->peer));
    assert_string_equal(t->env.host, "127.0.0.1");
    assert_string_equal(t->env.scheme, "http");
    close_fetch(&fetch);
    end(t);
}

static struct fetch fetch_request(struct fixture *t, const struct http_request *request)
{
    struct fetch fetch;
    assert_int_equal(start(t, request, &fetch), HTTP_OK);
    wait_for_head(t, &fetch);
    (void)read_all(t, &fetch);
    return fetch;
}

static void post_sends_headers_and_body(void **state)
{
    (void)state;
    struct fixture *t = begin();
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
    struct fetch fetch = fetch_request(t, &request);
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_OK);
    (void)snprintf(expected, sizeof expected,
                   "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n"
                   "Content-Type: text/plain\r\nabc: def\r\nabc: ghi\r\nempty:\r\n"
                   "Content-Length: 3\r\n\r\na",
                   http_peer_port(t->peer));
    assert_string_equal(http_peer_request(t->peer, 0), expected);
    assert_memory_equal(http_peer_request(t->peer, 0) + strlen(expected) - 1, "a\0b", 3);
    close_fetch(&fetch);
    end(t);
}

static void methods_go_out_as_they_are(void **state)
{
    (void)state;
    struct fixture *t = begin();
    static const char *const methods[] = {"GET", "PUT",     "DELETE", "DELET",   "PATCH",
                                          "get", "OPTIONS", "TRACE",  "M-SEARCH"};
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    for (unsigned i = 0; i < ARRAY_COUNT(methods); i++) {
        char line[64];
        struct fetch fetch = fetch_path(t, methods[i], "/");
        assert_int_equal(http_exchange_error(fetch.exchange), HTTP_OK);
        int len = snprintf(line, sizeof line, "%s / HTTP/1.1\r\n", methods[i]);
        assert_memory_equal(http_peer_request(t->peer, i), line, (size_t)len);
        close_fetch(&fetch);
    }
    assert_false(request_has(t, 0, "Content-Length"));
    assert_true(request_has(t, 1, "Content-Length: 0"));
    assert_int_equal(http_peer_connections(t->peer), 1); /* it was kept */
    end(t);
}

static void a_body_goes_with_any_method(void **state)
{
    (void)state;
    struct fixture *t = begin();
    static const char *const methods[] = {"GET", "PUT", "DELETE", "POST", "QUERY"};
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    for (unsigned i = 0; i < ARRAY_COUNT(methods); i++) {
        struct http_request request = {.url = span_of(http_peer_url(t->peer, "/")),
                                       .method = span_of(methods[i]),
                                       .body = span_of("xyz")};
        struct fetch fetch = fetch_request(t, &request);
        assert_int_equal(http_exchange_error(fetch.exchange), HTTP_OK);
        assert_true(request_has(t, i, "Content-Length: 3\r\n"));
        assert_true(request_has(t, i, "\r\n\r\nxyz"));
        assert_false(request_has(t, i, "Content-Type"));
        assert_int_equal(memcmp(http_peer_request(t->peer, i), methods[i], strlen(methods[i])), 0);
        close_fetch(&fetch);
    }
    end(t);
}

static void bad_requests_are_not_begun(void **state)
{
    (void)state;
    struct fixture *t = begin();
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
        struct fetch fetch;
        struct http_header h = {span_of(cases[i].name), span_of(cases[i].value)};
        struct http_request request = {.url = span_of(http_peer_url(t->peer, "/")),
                                       .method = span_of(cases[i].method),
                                       .headers = &h,
                                       .header_count = 1};
        assert_int_equal(start(t, &request, &fetch), cases[i].error);
        assert_null(fetch.exchange);
    }
    turn_for(t, TURNS_NS);
    assert_int_equal(http_peer_connections(t->peer), 0);
    end(t);
}

static void own_host_is_accepted(void **state)
{
    (void)state;
    struct fixture *t = begin();
    char own[64];
    (void)snprintf(own, sizeof own, "127.0.0.1:%u", http_peer_port(t->peer));
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    struct http_header h = {span_of("host"), span_of(own)};
    struct http_request request = {.url = span_of(http_peer_url(t->peer, "/")),
                                   .method = span_of("GET"),
                                   .headers = &h,
                                   .header_count = 1};
    struct fetch fetch = fetch_request(t, &request);
    assert_int_equal(http_exchange_status(fetch.exchange), 200);
    close_fetch(&fetch);
    end(t);
}

/* -- responses -------------------------------------------------------------------------------- */

static void bodies_of_all_kinds(void **state)
{
    (void)state;
    struct fixture *t = begin();
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
        struct fetch fetch = fetch_path(t, cases[i].method, cases[i].path);
        uint8_t byte;
        assert_int_equal(http_exchange_error(fetch.exchange), HTTP_OK);
        assert_int_equal(http_exchange_status(fetch.exchange), cases[i].status);
        assert_body(&fetch, cases[i].body);
        assert_int_equal(http_exchange_read(fetch.exchange, &byte, 1), 0); /* again and again */
        assert_int_equal(http_exchange_read(fetch.exchange, &byte, 0), 0);
        close_fetch(&fetch);
    }
    end(t);
}

static void interim_and_trailer_lines_are_no_headers(void **state)
{
    (void)state;
    struct fixture *t = begin();
    char text[256];
    http_peer_route(t->peer, "/",
                    "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK_HEAD
                    "Transfer-Encoding: chunked\r\nFolded: a\r\n  b\r\nSpaced : c\r\n\r\n"
                    "1\r\nx\r\n0\r\nTrailer: v\r\n\r\n");
    struct fetch fetch = fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_OK);
    assert_int_equal(http_exchange_header_count(fetch.exchange), 3);
    assert_string_equal(header(&fetch, 0, text), "transfer-encoding=chunked");
    assert_string_equal(header(&fetch, 1, text), "folded=a b");
    assert_string_equal(header(&fetch, 2, text), "spaced=c");
    close_fetch(&fetch);
    end(t);
}

static void broken_responses(void **state)
{
    (void)state;
    struct fixture *t = begin();
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
    assert_ends(t, "/head", HTTP_BROKEN);
    assert_ends(t, "/nothing", HTTP_BROKEN);
    assert_ends(t, "/no-http", HTTP_BROKEN);
    assert_ends(t, "/bad-chunk", HTTP_BROKEN);
    assert_ends(t, "/101", HTTP_BROKEN);
    struct fetch fetch = fetch_path(t, "GET", "/short");
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_BROKEN);
    assert_int_equal(http_exchange_status(fetch.exchange), 200); /* it had come */
    assert_body(&fetch, "abc");
    close_fetch(&fetch);
    fetch = fetch_path(t, "GET", "/chunk");
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_BROKEN);
    assert_body(&fetch, "ab");
    close_fetch(&fetch);
    end(t);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct fetch fetch;
    assert_int_equal(start_url(t, "GET", "http://127.0.0.1:1/", &fetch), HTTP_OK);
    wait_for_head(t, &fetch);
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_NO_CONNECT);
    assert_int_equal(http_exchange_status(fetch.exchange), 0);
    close_fetch(&fetch);
    end(t);
}

static void https_to_a_plain_server_is_no_tls(void **state)
{
    (void)state;
    struct fixture *t = begin();
    char url[128];
    struct fetch fetch;
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", http_peer_port(t->peer));
    http_peer_route(t->peer, "/", "");
    assert_int_equal(start_url(t, "GET", url, &fetch), HTTP_OK);
    turn_for(t, TURNS_NS);
    http_exchange_close(fetch.exchange); /* in the middle of the handshake */
    end(t);
}

/* -- limits ----------------------------------------------------------------------------------- */

static void a_header_bomb_is_cut_off(void **state)
{
    (void)state;
    struct fixture *t = begin();
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
    assert_ends(t, "/lines", HTTP_TOO_LARGE);
    assert_ends(t, "/interims", HTTP_TOO_LARGE);
    struct fetch fetch = fetch_path(t, "GET", "/line");
    assert_int_not_equal(http_exchange_error(fetch.exchange), HTTP_OK);
    close_fetch(&fetch);
    fetch = fetch_path(t, "GET", "/junk");
    assert_int_not_equal(http_exchange_error(fetch.exchange), HTTP_OK);
    close_fetch(&fetch);
    end(t);
    buffer_done(&head);
}

static void body_max_ends_it(void **state)
{
    (void)state;
    struct fixture *t = begin();
    t->env.options.body_max = 100000;
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", OK_HEAD "\r\nx");
    struct fetch fetch = fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_TOO_LARGE);
    assert_true(fetch.body.len <= 100000);
    close_fetch(&fetch);
    end(t);
}

static void an_endless_body_waits_for_its_reader(void **state)
{
    (void)state;
    struct fixture *t = begin();
    enum { STEPS = 200, STEP_LEN = 64 << 10, SOCKETS_MAX = 16 << 20 };
    static uint8_t bytes[STEP_LEN];
    struct fetch fetch;
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", OK_HEAD "\r\nx");
    begin_request(t, "GET", "/", &fetch);
    wait_for_head(t, &fetch);
    turn_for(t, 4 * TURNS_NS);
    size_t held = http_exchange_waiting(fetch.exchange);
    assert_true(held > 0 && held <= 1 << 20);
    uint64_t sent = http_peer_sent(t->peer);
    assert_true(sent < SOCKETS_MAX);
    turn_for(t, TURNS_NS);
    assert_int_equal(http_peer_sent(t->peer), sent); /* it is held back, and nobody spins */
    unsigned events = fetch.events;
    uint64_t total = 0;
    for (unsigned i = 0; i < STEPS;) {
        int64_t count = http_exchange_read(fetch.exchange, bytes, sizeof bytes);
        if (count == -EAGAIN) {
            assert_int_equal(loop_turn(t->loop, 1000), 0);
            continue;
        }
        assert_true(count > 0);
        total += (uint64_t)count;
        assert_true(http_exchange_waiting(fetch.exchange) <= 1 << 20);
        i++;
    }
    assert_true(total > 4 << 20);
    assert_true(fetch.events > events);
    close_fetch(&fetch); /* in the middle of the body */
    turn_for(t, TURNS_NS);
    end(t);
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
        {"/mute", 30, 0, 0, HTTP_TIMED_OUT, 0},    {"/mute", 0, 0, 30, HTTP_TIMED_OUT, 0},
        {"/stuck", 0, 30, 0, HTTP_TIMED_OUT, 200}, {"/stuck", 0, 0, 30, HTTP_TIMED_OUT, 200},
        {"/loop", 0, 0, 30, HTTP_TIMED_OUT, 0}, /* over all hops together */
        {"/fine", 5000, 5000, 5000, HTTP_OK, 200},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture *t = begin();
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
        struct fetch fetch = fetch_path(t, "GET", cases[i].path);
        assert_int_equal(http_exchange_error(fetch.exchange), cases[i].error);
        assert_int_equal(http_exchange_status(fetch.exchange), cases[i].status);
        close_fetch(&fetch);
        end(t);
    }
}

/* The guest's own slowness is no silence of the peer's. */
static void a_slow_reader_does_not_time_out(void **state)
{
    (void)state;
    struct fixture *t = begin();
    static uint8_t bytes[1 << 20];
    struct fetch fetch;
    t->env.options.between_bytes_timeout_ns = 50 * (uint64_t)WAIT_NS;
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", OK_HEAD "\r\nx");
    begin_request(t, "GET", "/", &fetch);
    wait_for_head(t, &fetch);
    turn_for(t, 200 * (uint64_t)WAIT_NS);
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_OK);
    assert_true(http_exchange_read(fetch.exchange, bytes, sizeof bytes) > 0);
    turn_for(t, 200 * (uint64_t)WAIT_NS);
    assert_true(http_exchange_read(fetch.exchange, bytes, sizeof bytes) > 0);
    close_fetch(&fetch);
    end(t);
}

static void closing_at_every_moment(void **state)
{
    (void)state;
    struct fixture *t = begin();
    static const char steps[] = "HTTP/1.1 200\0 OK\r\nContent-Length: 2\r\n\0\r\na\0b";
    struct fetch fetch;
    http_peer_route_steps(t->peer, "/", steps, sizeof steps - 1);
    for (unsigned go = 0; go < 5; go++) {
        begin_request(t, "GET", "/", &fetch);
        for (unsigned i = 0; i < go; i++) {
            turn_for(t, 5 * (uint64_t)WAIT_NS);
            if (i > 0) {
                http_peer_go(t->peer);
            }
        }
        close_fetch(&fetch);
    }
    for (unsigned i = 0; i < 20; i++) { /* whoever still waits */
        http_peer_go(t->peer);
    }
    begin_request(t, "GET", "/", &fetch);
    http_client_free(t->env.client); /* ends it without a call */
    t->env.client = NULL;
    buffer_done(&fetch.body);
    turn_for(t, TURNS_NS);
    end(t);
}

static void events_come_from_the_loop_only(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct fetch fetch;
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 2\r\n\r\nhi");
    begin_request(t, "GET", "/", &fetch);
    assert_int_equal(fetch.events, 0);
    wait_for_head(t, &fetch);
    unsigned events = fetch.events;
    uint8_t byte;
    turn_for(t, TURNS_NS);
    assert_true(fetch.events > 0);
    events = fetch.events;
    assert_int_equal(http_exchange_read(fetch.exchange, &byte, 1), 1);
    assert_int_equal(fetch.events, events);
    close_fetch(&fetch);
    end(t);
}

/* -- redirects -------------------------------------------------------------------------------- */

static void post_turns_into_get(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *method;
        const char *next;
        bool keeps_body;
    } cases[] = {
        {"/301", "POST", "GET", false},   {"/302", "PUT", "GET", false},
        {"/303", "DELETE", "GET", false}, {"/302", "HEAD", "HEAD", false},
        {"/307", "POST", "POST", true},   {"/308", "PUT", "PUT", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture *t = begin();
        char line[64];
        const struct http_header headers[] = {{span_of("Content-Type"), span_of("a/b")},
                                              {span_of("Content-Encoding"), span_of("x")},
                                              {span_of("Authorization"), span_of("secret")},
                                              {span_of("keep"), span_of("me")}};
        char answers[4][128];
        static const char *const paths[] = {"/301", "/302", "/303", "/307", "/308"};
        char all[5][160];
        (void)answers;
        for (size_t p = 0; p < ARRAY_COUNT(paths); p++) {
            (void)snprintf(all[p], sizeof all[p],
                           "HTTP/1.1 %s Go\r\nLocation: /to?q\r\nContent-Length: 3\r\n\r\nbye",
                           paths[p] + 1);
            http_peer_route(t->peer, paths[p],
                            strcmp(cases[i].method, "HEAD") == 0
                                ? "HTTP/1.1 302 Go\r\nLocation: /to?q\r\n\r\n"
                                : all[p]);
        }
        http_peer_route(t->peer, "/to?q", OK_HEAD "Content-Length: 0\r\n\r\n");
        struct http_request request = {.url = span_of(http_peer_url(t->peer, cases[i].path)),
                                       .method = span_of(cases[i].method),
                                       .headers = headers,
                                       .header_count = ARRAY_COUNT(headers),
                                       .body = span_of("body")};
        struct fetch fetch = fetch_request(t, &request);
        assert_int_equal(http_exchange_status(fetch.exchange), 200);
        assert_int_equal(http_peer_count(t->peer), 2);
        int len = snprintf(line, sizeof line, "%s /to?q HTTP/1.1\r\n", cases[i].next);
        assert_memory_equal(http_peer_request(t->peer, 1), line, (size_t)len);
        bool keeps = cases[i].keeps_body;
        assert_int_equal(request_has(t, 1, "\r\n\r\nbody"), keeps);
        assert_int_equal(request_has(t, 1, "Content-Type: a/b"), keeps);
        assert_int_equal(request_has(t, 1, "Content-Encoding: x"), keeps);
        assert_true(request_has(t, 1, "Authorization: secret")); /* the same host and port */
        assert_true(request_has(t, 1, "keep: me"));
        (void)snprintf(line, sizeof line, "Referer: http://127.0.0.1:%u%s\r\n",
                       http_peer_port(t->peer), cases[i].path);
        assert_true(request_has(t, 1, line));
        assert_int_equal(t->env.judged, 2);
        close_fetch(&fetch);
        end(t);
    }
}

static void what_is_private_stays_behind(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct http_peer *other = http_peer_new();
    char answer[256];
    const struct http_header headers[] = {{span_of("Authorization"), span_of("secret")},
                                          {span_of("COOKIE"), span_of("secret")},
                                          {span_of("cookie2"), span_of("secret")},
                                          {span_of("keep"), span_of("me")},
                                          {span_of("proxy-authorization"), span_of("secret")}};
    (void)snprintf(
        answer, sizeof answer,
        "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%u/b\r\nContent-Length: 0\r\n\r\n",
        http_peer_port(other));
    http_peer_route(t->peer, "/a", answer);
    http_peer_route(other, "/b", OK_HEAD "Content-Length: 0\r\n\r\n");
    char url[128];
    (void)snprintf(url, sizeof url, "http://user:pass@127.0.0.1:%u/a#here",
                   http_peer_port(t->peer));
    struct http_request request = {.url = span_of(url),
                                   .method = span_of("GET"),
                                   .headers = headers,
                                   .header_count = ARRAY_COUNT(headers)};
    struct fetch fetch = fetch_request(t, &request);
    assert_int_equal(http_exchange_status(fetch.exchange), 200);
    assert_true(request_has(t, 0, "Authorization: secret"));
    const char *second = http_peer_request(other, 0);
    assert_null(strstr(second, "secret"));
    assert_null(strstr(second, "uthorization"));
    assert_null(strstr(second, "pass"));
    assert_null(strstr(second, "here"));
    assert_non_null(strstr(second, "keep: me"));
    close_fetch(&fetch);
    end(t);
    http_peer_free(other);
}

static void redirects_end_at_the_limit(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route(t->peer, "/loop",
                    "HTTP/1.1 302 Found\r\nLocation: loop\r\nContent-Length: 0\r\n\r\n");
    struct fetch fetch = fetch_path(t, "GET", "/loop");
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_TOO_MANY_REDIRECTS);
    assert_int_equal(http_exchange_status(fetch.exchange), 0);
    assert_int_equal(http_peer_count(t->peer), 10);
    close_fetch(&fetch);
    end(t);
}

static void redirects_can_be_left_to_the_guest(void **state)
{
    (void)state;
    struct fixture *t = begin();
    t->env.options.redirects_max = 0;
    http_peer_route(t->peer, "/", "HTTP/1.1 302 Go\r\nLocation: /b\r\nContent-Length: 2\r\n\r\nhi");
    struct fetch fetch = fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_status(fetch.exchange), 302);
    assert_body(&fetch, "hi");
    close_fetch(&fetch);
    end(t);
}

static void unusable_locations_go_to_the_guest(void **state)
{
    (void)state;
    struct fixture *t = begin();
    static const struct {
        const char *path;
        const char *answer;
    } cases[] = {
        {"/1", "HTTP/1.1 302 Go\r\nContent-Length: 2\r\n\r\nhi"},
        {"/2", "HTTP/1.1 302 Go\r\nLocation: http://[bad\r\nContent-Length: 2\r\n\r\nhi"},
        {"/3", "HTTP/1.1 302 Go\r\nLocation: ftp://host/\r\nContent-Length: 2\r\n\r\nhi"},
        {"/4", "HTTP/1.1 302 Go\r\nLocation: http://a\\b/\r\nContent-Length: 2\r\n\r\nhi"},
        {"/5", "HTTP/1.1 302 Go\r\nLocation:\r\nContent-Length: 2\r\n\r\nhi"},
        {"/6", "HTTP/1.1 304 Go\r\nLocation: /x\r\n\r\n"},
        {"/7", "HTTP/1.1 300 Go\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nhi"},
        {"/8", "HTTP/1.1 201 Go\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nhi"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        http_peer_route(t->peer, cases[i].path, cases[i].answer);
    }
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fetch fetch = fetch_path(t, "GET", cases[i].path);
        assert_int_equal(http_exchange_error(fetch.exchange), HTTP_OK);
        assert_int_equal(http_exchange_status(fetch.exchange),
                         strtoul(cases[i].answer + 9, NULL, 10));
        assert_body(&fetch, http_exchange_status(fetch.exchange) == 304 ? "" : "hi");
        close_fetch(&fetch);
    }
    assert_int_equal(http_peer_count(t->peer), ARRAY_COUNT(cases));
    end(t);
}

static void each_hop_is_judged(void **state)
{
    (void)state;
    struct fixture *t = begin();
    char answer[256];
    (void)snprintf(answer, sizeof answer,
                   "HTTP/1.1 302 Go\r\nLocation: http://localhost:%u/secret\r\n"
                   "Content-Length: 0\r\n\r\n",
                   http_peer_port(t->peer));
    t->env.denied_host = "localhost";
    http_peer_route(t->peer, "/", answer);
    struct fetch fetch = fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_DENIED);
    assert_int_equal(http_exchange_status(fetch.exchange), 0);
    assert_int_equal(http_exchange_header_count(fetch.exchange), 0);
    assert_int_equal(http_peer_count(t->peer), 1);
    close_fetch(&fetch);
    end(t);
}

/* A redirect's body is no reason to wait for ever, nor to read for ever. */
static void a_redirect_with_an_endless_body(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", "HTTP/1.1 302 Go\r\nLocation: /b\r\n\r\nx");
    http_peer_route(t->peer, "/b", OK_HEAD "Content-Length: 2\r\n\r\nhi");
    struct fetch fetch = fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_status(fetch.exchange), 200);
    assert_body(&fetch, "hi");
    close_fetch(&fetch);
    end(t);
}

/* -- names and addresses ---------------------------------------------------------------------- */

static void an_address_is_judged_where_it_is_dialled(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct fetch fetch;
    t->env.denies_dialling = true;
    begin_request(t, "GET", "/", &fetch);
    wait_for_head(t, &fetch);
    assert_int_equal(http_exchange_error(fetch.exchange), HTTP_DENIED);
    assert_true(t->env.dialled > 0);
    turn_for(t, TURNS_NS);
    assert_int_equal(http_peer_connections(t->peer), 0);
    close_fetch(&fetch);
    end(t);
}

static enum http_error resolve_and_fail(struct fixture *t, const char *url)
{
    struct fetch fetch;
    enum http_error error = start_url(t, "GET", url, &fetch);
    if (error == HTTP_OK) {
        wait_for_head(t, &fetch);
        error = http_exchange_error(fetch.exchange);
    }
    close_fetch(&fetch);
    return error;
}

static void names_that_lead_nowhere(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct fake_dns *dns = fake_dns_new(t->loop);
    assert_int_equal(names_set_servers(t->env.names, fake_dns_address(dns)), 0);
    t->env.options.connect_timeout_ns = 100 * (uint64_t)WAIT_NS;
    assert_int_equal(resolve_and_fail(t, "http://none.test/"), HTTP_NO_NAME);
    assert_int_equal(resolve_and_fail(t, "http://silent.test/"), HTTP_TIMED_OUT);
    t->env.denied_host = "192.0.2.1";
    unsigned dialled = t->env.dialled;
    assert_int_equal(resolve_and_fail(t, "http://one.test/"), HTTP_DENIED);
    assert_int_equal(t->env.dialled, dialled + 1); /* judged once resolved, and never tried */
    assert_string_equal(t->env.host, "one.test");
    struct fetch fetch; /* closed while it is being resolved */
    assert_int_equal(start_url(t, "GET", "http://silent.test/", &fetch), HTTP_OK);
    assert_int_equal(loop_turn(t->loop, 0), 0);
    close_fetch(&fetch);
    turn_for(t, TURNS_NS);
    fake_dns_free(dns);
    end(t);
}

static void a_name_leads_to_its_addresses(void **state)
{
    (void)state;
    struct fixture *t = begin();
    char url[128];
    struct fetch fetch;
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 2\r\n\r\nhi");
    (void)snprintf(url, sizeof url, "http://LocalHost:%u/", http_peer_port(t->peer));
    assert_int_equal(start_url(t, "GET", url, &fetch), HTTP_OK);
    wait_for_head(t, &fetch);
    assert_int_equal(http_exchange_status(fetch.exchange), 200);
    assert_string_equal(t->env.host, "localhost");
    assert_true(request_has(t, 0, "Host: localhost:"));
    assert_true(t->env.dialled > 0);
    close_fetch(&fetch);
    end(t);
}

/* -- URLs ------------------------------------------------------------------------------------- */

static void spellings_are_judged_as_they_are_dialled(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *host; /* NULL: it is no URL */
        uint16_t port;
        enum http_error error;
    } cases[] = {
        {"http://allowed@evil/", "evil", 80, HTTP_OK},
        {"http://allowed:80@evil:81/", "evil", 81, HTTP_OK},
        {"http://evil#allowed", "evil", 80, HTTP_OK},
        {"http://evil#@allowed/", "evil", 80, HTTP_OK},
        {"http://evil?@allowed/", "evil", 80, HTTP_OK},
        {"http://evil/@allowed/", "evil", 80, HTTP_OK},
        {"http://evil\\@allowed/", NULL, 0, HTTP_BAD_URL},
        {"http://allowed\\.evil/", NULL, 0, HTTP_BAD_URL},
        {"http://EVIL.Example/", "evil.example", 80, HTTP_OK},
        {"HTTPS://evil.example/", "evil.example", 443, HTTP_OK},
        {"http://evil.example./", "evil.example.", 80, HTTP_OK},
        {"http://b\xc3\xbc"
         "cher.example/",
         "xn--bcher-kva.example", 80, HTTP_OK},
        {"http://127\xe3\x80\x82"
         "0.0.1/",
         "127.0.0.1", 80, HTTP_OK},
        {"http://127%2e0%2e0%2e1/", "127.0.0.1", 80, HTTP_OK},
        {"http://2130706433/", "127.0.0.1", 80, HTTP_OK},
        {"http://0x7f000001/", "127.0.0.1", 80, HTTP_OK},
        {"http://0177.1/", "127.0.0.1", 80, HTTP_OK},
        {"http://127.1/", "127.0.0.1", 80, HTTP_OK},
        {"http://[::1]/", "::1", 80, HTTP_OK},
        {"http://[0:0:0:0:0:0:0:1]:81/", "::1", 81, HTTP_OK},
        {"http://[::FFFF:127.0.0.1]/", "::ffff:127.0.0.1", 80, HTTP_OK},
        {"http://[fe80::1%25eth0]/", NULL, 0, HTTP_BAD_URL},
        {"http://[fe80::1%eth0]/", NULL, 0, HTTP_BAD_URL},
        {"http://[::1/", NULL, 0, HTTP_BAD_URL},
        {"http://[]/", NULL, 0, HTTP_BAD_URL},
        {"http:///path", "path", 80, HTTP_OK}, /* so do browsers */
        {"http://", NULL, 0, HTTP_BAD_URL},
        {"http://:80/", NULL, 0, HTTP_BAD_URL},
        {"http://@/", NULL, 0, HTTP_BAD_URL},
        {"http://host:0/", NULL, 0, HTTP_BAD_URL},
        {"http://host:65536/", NULL, 0, HTTP_BAD_URL},
        {"http://host:-1/", NULL, 0, HTTP_BAD_URL},
        {"http://host:080/", "host", 80, HTTP_OK},
        {"http://host:/", "host", 80, HTTP_OK},
        {"http://host:80x/", NULL, 0, HTTP_BAD_URL},
        {"http://ho st/", NULL, 0, HTTP_BAD_URL},
        {"http://host/a b", "host", 80, HTTP_OK},
        {"http://host\r\n/", NULL, 0, HTTP_BAD_URL},
        {"http://host/\nX: y", NULL, 0, HTTP_BAD_URL},
        {"http://ho\tst/", NULL, 0, HTTP_BAD_URL},
        {"//host/", NULL, 0, HTTP_BAD_URL},
        {"host", NULL, 0, HTTP_BAD_URL},
        {"/path", NULL, 0, HTTP_BAD_URL},
        {"", NULL, 0, HTTP_BAD_URL},
        {"ftp://host/", NULL, 0, HTTP_BAD_SCHEME},
        {"file:///etc/passwd", NULL, 0, HTTP_BAD_SCHEME},
        {"gopher://host/", NULL, 0, HTTP_BAD_SCHEME},
        {"javascript://host/", NULL, 0, HTTP_BAD_SCHEME},
        {"ws://host/", NULL, 0, HTTP_BAD_SCHEME},
    };
    struct fixture *t = begin();
    (void)http_env_open(&t->env);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        t->env.judged = 0;
        enum http_error error = http_client_judge(t->env.client, span_of(cases[i].url));
        bool is_right = error == cases[i].error &&
                        (cases[i].host == NULL ||
                         (strcmp(t->env.host, cases[i].host) == 0 && t->env.port == cases[i].port));
        if (!is_right) {
            print_error("%s: error %d, host %s port %u\n", cases[i].url, (int)error, t->env.host,
                        t->env.port);
        }
        assert_true(is_right);
        assert_int_equal(t->env.judged, cases[i].host != NULL ? 1 : 0);
        if (cases[i].host != NULL) { /* and what libcurl is given means the same to it */
            char given[sizeof t->env.url];
            memcpy(given, t->env.url, sizeof given);
            assert_int_equal(http_client_judge(t->env.client, span_of(given)), HTTP_OK);
            assert_string_equal(t->env.host, cases[i].host);
            assert_int_equal(t->env.port, cases[i].port);
            assert_string_equal(t->env.url, given);
        }
    }
    end(t);
}

static void odd_spellings_of_the_loopback_arrive_there(void **state)
{
    (void)state;
    static const char *const hosts[] = {"2130706433", "0x7f.1", "127%2e0.0.1", "x:y@127.0.0.1",
                                        "127\xe3\x80\x82"
                                        "0.0.1"};
    struct fixture *t = begin();
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 0\r\n\r\n");
    for (unsigned i = 0; i < ARRAY_COUNT(hosts); i++) {
        char url[128];
        struct fetch fetch;
        (void)snprintf(url, sizeof url, "http://%s:%u/", hosts[i], http_peer_port(t->peer));
        assert_int_equal(start_url(t, "GET", url, &fetch), HTTP_OK);
        assert_string_equal(t->env.host, "127.0.0.1");
        wait_for_head(t, &fetch);
        assert_int_equal(http_exchange_status(fetch.exchange), 200);
        assert_true(request_has(t, i, "Host: 127.0.0.1:"));
        close_fetch(&fetch);
    }
    end(t);
}

static void a_denied_url_is_not_begun(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct fetch fetch;
    t->env.denies_requests = true;
    assert_int_equal(start_url(t, "GET", http_peer_url(t->peer, "/"), &fetch), HTTP_DENIED);
    assert_int_equal(http_client_judge(t->env.client, span_of("http://x/")), HTTP_DENIED);
    end(t);
}

static void long_urls(void **state)
{
    (void)state;
    struct fixture *t = begin();
    static char url[100000];
    struct fetch fetch;
    memset(url, 'a', sizeof url - 1);
    memcpy(url, "http://", 7);
    memcpy(url + 7 + 300, "/", 2); /* a host longer than any name */
    assert_int_equal(start_url(t, "GET", url, &fetch), HTTP_BAD_URL);
    memcpy(url + 7 + 300, "aa", 2);
    struct http_header h = {span_of("host"), span_of("x")};
    struct http_request request = {.url = {(const uint8_t *)url, 8000},
                                   .method = span_of("GET"),
                                   .headers = &h,
                                   .header_count = 1};
    assert_int_equal(start(t, &request, &fetch), HTTP_BAD_URL);
    request.url.len = 70000;
    assert_int_equal(start(t, &request, &fetch), HTTP_BAD_URL);
    end(t);
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
        cmocka_unit_test(post_turns_into_get),
        cmocka_unit_test(what_is_private_stays_behind),
        cmocka_unit_test(redirects_end_at_the_limit),
        cmocka_unit_test(redirects_can_be_left_to_the_guest),
        cmocka_unit_test(unusable_locations_go_to_the_guest),
        cmocka_unit_test(each_hop_is_judged),
        cmocka_unit_test(a_redirect_with_an_endless_body),
        cmocka_unit_test(an_address_is_judged_where_it_is_dialled),
        cmocka_unit_test(names_that_lead_nowhere),
        cmocka_unit_test(a_name_leads_to_its_addresses),
        cmocka_unit_test(spellings_are_judged_as_they_are_dialled),
        cmocka_unit_test(odd_spellings_of_the_loopback_arrive_there),
        cmocka_unit_test(a_denied_url_is_not_begun),
        cmocka_unit_test(long_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
