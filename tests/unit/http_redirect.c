/* The HTTP client follows redirects: what goes along, what stays behind, where it ends. */
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
        struct http_test *t = http_test_begin();
        char line[64];
        const struct http_header headers[] = {{span_of("Content-Type"), span_of("a/b")},
                                              {span_of("Content-Encoding"), span_of("x")},
                                              {span_of("Authorization"), span_of("secret")},
                                              {span_of("keep"), span_of("me")}};
        static const char *const paths[] = {"/301", "/302", "/303", "/307", "/308"};
        char all[5][160];
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
        struct http_fetch *fetch = http_fetch_request(t, &request);
        assert_int_equal(http_exchange_status(fetch->exchange), 200);
        assert_int_equal(http_peer_count(t->peer), 2);
        int len = snprintf(line, sizeof line, "%s /to?q HTTP/1.1\r\n", cases[i].next);
        assert_memory_equal(http_peer_request(t->peer, 1), line, (size_t)len);
        bool keeps = cases[i].keeps_body;
        assert_int_equal(http_test_sent(t, 1, "\r\n\r\nbody"), keeps);
        assert_int_equal(http_test_sent(t, 1, "Content-Type: a/b"), keeps);
        assert_int_equal(http_test_sent(t, 1, "Content-Encoding: x"), keeps);
        assert_true(http_test_sent(t, 1, "Authorization: secret")); /* the same host and port */
        assert_true(http_test_sent(t, 1, "keep: me"));
        (void)snprintf(line, sizeof line, "Referer: http://127.0.0.1:%u%s\r\n",
                       http_peer_port(t->peer), cases[i].path);
        assert_true(http_test_sent(t, 1, line));
        assert_int_equal(t->env.judged, 2);
        http_fetch_close(fetch);
        http_test_end(t);
    }
}

static void what_is_private_stays_behind(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
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
    struct http_fetch *fetch = http_fetch_request(t, &request);
    assert_int_equal(http_exchange_status(fetch->exchange), 200);
    assert_true(http_test_sent(t, 0, "Authorization: secret"));
    const char *second = http_peer_request(other, 0);
    assert_null(strstr(second, "secret"));
    assert_null(strstr(second, "uthorization"));
    assert_null(strstr(second, "pass"));
    assert_null(strstr(second, "here"));
    assert_non_null(strstr(second, "keep: me"));
    http_fetch_close(fetch);
    http_test_end(t);
    http_peer_free(other);
}

static void redirects_end_at_the_limit(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    http_peer_route(t->peer, "/loop",
                    "HTTP/1.1 302 Found\r\nLocation: loop\r\nContent-Length: 0\r\n\r\n");
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/loop");
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_TOO_MANY_REDIRECTS);
    assert_int_equal(http_exchange_status(fetch->exchange), 0);
    assert_int_equal(http_peer_count(t->peer), 10);
    http_fetch_close(fetch);
    http_test_end(t);
}

static void redirects_can_be_left_to_the_guest(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    t->env.options.redirects_max = 0;
    http_peer_route(t->peer, "/", "HTTP/1.1 302 Go\r\nLocation: /b\r\nContent-Length: 2\r\n\r\nhi");
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_status(fetch->exchange), 302);
    http_fetch_assert_body(fetch, "hi");
    http_fetch_close(fetch);
    http_test_end(t);
}

static void unusable_locations_go_to_the_guest(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
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
        struct http_fetch *fetch = http_fetch_path(t, "GET", cases[i].path);
        assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
        assert_int_equal(http_exchange_status(fetch->exchange),
                         strtoul(cases[i].answer + 9, NULL, 10));
        http_fetch_assert_body(fetch, http_exchange_status(fetch->exchange) == 304 ? "" : "hi");
        http_fetch_close(fetch);
    }
    assert_int_equal(http_peer_count(t->peer), ARRAY_COUNT(cases));
    http_test_end(t);
}

static void each_hop_is_judged(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    char answer[256];
    (void)snprintf(answer, sizeof answer,
                   "HTTP/1.1 302 Go\r\nLocation: http://localhost:%u/secret\r\n"
                   "Content-Length: 0\r\n\r\n",
                   http_peer_port(t->peer));
    t->env.denied_host = "localhost";
    http_peer_route(t->peer, "/", answer);
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_DENIED);
    assert_int_equal(http_exchange_status(fetch->exchange), 0);
    assert_int_equal(http_exchange_header_count(fetch->exchange), 0);
    assert_int_equal(http_peer_count(t->peer), 1);
    http_fetch_close(fetch);
    http_test_end(t);
}

/* A redirect's body is no reason to wait for ever, nor to read for ever. */
static void a_redirect_with_an_endless_body(void **state)
{
    (void)state;
    struct http_test *t = http_test_begin();
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", "HTTP/1.1 302 Go\r\nLocation: /b\r\n\r\nx");
    http_peer_route(t->peer, "/b", OK_HEAD "Content-Length: 2\r\n\r\nhi");
    struct http_fetch *fetch = http_fetch_path(t, "GET", "/");
    assert_int_equal(http_exchange_status(fetch->exchange), 200);
    http_fetch_assert_body(fetch, "hi");
    http_fetch_close(fetch);
    http_test_end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(post_turns_into_get),
        cmocka_unit_test(what_is_private_stays_behind),
        cmocka_unit_test(redirects_end_at_the_limit),
        cmocka_unit_test(redirects_can_be_left_to_the_guest),
        cmocka_unit_test(unusable_locations_go_to_the_guest),
        cmocka_unit_test(each_hop_is_judged),
        cmocka_unit_test(a_redirect_with_an_endless_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
