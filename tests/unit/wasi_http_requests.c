/* wasi:http/types: what an incoming-request tells, also after its transaction; and an outgoing-request
 * with each of its parts.
 *
 * Wraps: http_transaction_inbound http_transaction_id http_transaction_attach http_transaction_set_annex http_transaction_annex http_transaction_limit_body http_transaction_read http_transaction_trailers http_transaction_respond http_transaction_write http_transaction_end http_transaction_respond_all http_transaction_fail */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/container.h"
#include "http_guest.h"
#include "imports/wasi_http/types.h"

static void expect_text(const struct http_guest *g, unsigned slot, const char *text)
{
    struct span got = g->results[slot].bytes;
    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.data, text, got.len);
}

static void call(struct http_guest *g, const char *name, uint32_t self)
{
    assert_int_equal(types_call(g, name, NUMBER(self)), 0);
}

/* -- incoming --------------------------------------------------------------------------------- */

static void methods_by_their_case(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                          "CONNECT", "OPTIONS", "TRACE", "PATCH", "get"};
    for (uint32_t i = 0; i < ARRAY_COUNT(methods); i++) {
        struct http_guest *g = http_guest_new(methods[i], "/");
        http_guest_begin(g);
        call(g, "[method]incoming-request.method", g->request);
        assert_int_equal(g->results[0].number, i);
        if (i == HTTP_METHOD_OTHER) {
            expect_text(g, 1, "get");
        }
        http_guest_free(g);
    }
}

static void expect_request(struct http_guest *g, const char *path, bool is_tls)
{
    call(g, "[method]incoming-request.method", g->request);
    assert_int_equal(g->results[0].number, 9);
    expect_text(g, 1, "BREW");
    call(g, "[method]incoming-request.path-with-query", g->request);
    assert_int_equal(g->results[0].number, 1);
    expect_text(g, 1, path);
    call(g, "[method]incoming-request.scheme", g->request);
    assert_int_equal(g->results[0].number, 1);
    assert_int_equal(g->results[1].number, is_tls);
    call(g, "[method]incoming-request.authority", g->request);
    assert_int_equal(g->results[0].number, 1);
    expect_text(g, 1, "example.org:8080");
    call(g, "[method]incoming-request.headers", g->request);
    uint32_t headers = (uint32_t)g->results[0].number;
    http_guest_expect_entries(g, headers, "accept: a\nx-b: \naccept: c\ncontent-length: 4\n");
    assert_int_equal(types_call(g, "[method]fields.append", NUMBER(headers), TEXT("a"), TEXT("b")),
                     0);
    assert_int_equal(g->results[0].number, 1);
    assert_int_equal(g->results[1].number, HEADER_IMMUTABLE);
    http_guest_drop(g, "fields", headers);
}

/* The names that are the host's do not reach the guest, whoever lets them through. */
static struct http_guest *begin_brewing(const char *target)
{
    struct http_guest *g = http_guest_new("BREW", target);
    fake_transaction_header(g->t, "accept", "a");
    fake_transaction_header(g->t, "proxy-authorization", "secret");
    fake_transaction_header(g->t, "te", "trailers");
    fake_transaction_header(g->t, "x-b", "");
    fake_transaction_header(g->t, "accept", "c");
    fake_transaction_body(g->t, "body", true);
    http_guest_begin(g);
    return g;
}

/* While the guest takes an answer over its allocator may yield to the loop, and with the response's last
 * byte the front's memory goes. */
static void answers_outlive_the_transaction(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
    } calls[] = {
        {"[method]incoming-request.method", "BREW"},
        {"[method]incoming-request.path-with-query", "/a/b?c"},
        {"[method]incoming-request.path-with-query", "/a/b"},
        {"[method]incoming-request.authority", "example.org:8080"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        char method[] = "BREW";
        char authority[] = "example.org:8080";
        bool is_plain = strcmp(calls[i].text, "/a/b") == 0;
        struct http_guest *g = http_guest_new(method, is_plain ? "/a/b" : "/a/b?c");
        g->t->inbound.authority = span_of(authority);
        http_guest_begin(g);
        uint32_t response = http_guest_response(g, "");
        uint32_t body = http_guest_body(g, response);
        uint32_t stream = http_guest_stream(g, body);
        http_guest_set(g, response);
        fake_transaction_writable(g->t, 0);
        assert_int_equal(streams_call(g, "[method]output-stream.check-write", NUMBER(stream)), 0);
        assert_int_equal(
            streams_call(g, "[method]output-stream.write", NUMBER(stream), TEXT("late")), 0);
        http_guest_finish(g, stream, body, NULL);
        assert_false(g->t->is_ended);
        call(g, calls[i].name, g->request);
        fake_transaction_writable(g->t, 100);
        assert_true(g->t->is_ended);
        memset(method, 'X', strlen(method));
        memset(authority, 'X', strlen(authority));
        memset(g->t->target, 'X', strlen(g->t->target));
        expect_text(g, 1, calls[i].text);
        http_guest_free(g);
    }
}

static void a_request_is_the_same_after_its_transaction(void **state)
{
    (void)state;
    static const char *const targets[] = {"/a/b%20c?d=e&f?", "/", "/?", "*"};
    for (size_t i = 0; i < ARRAY_COUNT(targets); i++) {
        for (int is_aborted = 0; is_aborted < 2; is_aborted++) {
            struct http_guest *g = begin_brewing(targets[i]);
            expect_request(g, targets[i], false);
            if (is_aborted) {
                http_guest_abort(g);
            } else {
                http_guest_set(g, http_guest_response(g, ""));
            }
            memset(g->t->target, 'X', strlen(targets[i])); /* the front's memory is used again */
            memset(g->t->headers, 0, sizeof g->t->headers);
            g->t->inbound = (struct http_inbound){.version = 10};
            expect_request(g, targets[i], false);
            http_guest_free(g);
        }
    }
}

/* A guest that serves many requests, one after the other, may keep the handles of all of them. */
static void what_is_kept_of_a_request_is_on_its_guests_account(void **state)
{
    (void)state;
    struct http_guest *g = begin_brewing("/a/b?c");
    struct guest *guest = &g->f->guest;
    assert_int_equal(guest->http_bytes, 0);
    http_guest_set(g, http_guest_response(g, ""));
    assert_in_range(guest->http_bytes, 1, 4096);
    http_guest_drop(g, "incoming-request", g->request);
    assert_int_equal(guest->http_bytes, 0);
    http_guest_free(g);
}

static void parts_that_are_missing(void **state)
{
    (void)state;
    struct http_guest *g = http_guest_new("GET", "");
    g->t->inbound.authority.len = 0;
    g->t->inbound.is_tls = true;
    http_guest_begin(g);
    call(g, "[method]incoming-request.path-with-query", g->request);
    assert_int_equal(g->results[0].number, 0);
    call(g, "[method]incoming-request.authority", g->request);
    assert_int_equal(g->results[0].number, 0);
    call(g, "[method]incoming-request.scheme", g->request);
    assert_int_equal(g->results[1].number, HTTP_SCHEME_HTTPS);
    call(g, "[method]incoming-request.headers", g->request);
    http_guest_expect_entries(g, (uint32_t)g->results[0].number, "");
    http_guest_free(g);
}

static void path_and_query_from_two_places(void **state)
{
    (void)state;
    struct http_guest *g = http_guest_new("GET", "/a?b");
    g->t->inbound.query = span_of("elsewhere");
    http_guest_begin(g);
    call(g, "[method]incoming-request.path-with-query", g->request);
    expect_text(g, 1, "/a?elsewhere");
    http_guest_free(g);
}

static void a_request_is_consumed_once(void **state)
{
    (void)state;
    struct http_guest *g = begin_brewing("/");
    call(g, "[method]incoming-request.consume", g->request);
    assert_int_equal(g->results[0].number, 0);
    uint32_t body = (uint32_t)g->results[1].number;
    call(g, "[method]incoming-request.consume", g->request);
    assert_int_equal(g->results[0].number, 1);
    http_guest_drop(g, "incoming-request", g->request);
    http_guest_drop(g, "incoming-body", body);
    http_guest_free(g);
}

/* -- outgoing --------------------------------------------------------------------------------- */

static uint32_t new_request(struct http_guest *g, const char *lines)
{
    call(g, "[constructor]outgoing-request", http_guest_fields(g, lines));
    return (uint32_t)g->results[0].number;
}

static void defaults_of_an_outgoing_request(void **state)
{
    (void)state;
    struct http_guest *g = http_guest_new("GET", "/");
    uint32_t request = new_request(g, "a: b\n");
    call(g, "[method]outgoing-request.method", request);
    assert_int_equal(g->results[0].number, HTTP_METHOD_GET);
    static const char *const getters[] = {"[method]outgoing-request.path-with-query",
                                          "[method]outgoing-request.scheme",
                                          "[method]outgoing-request.authority"};
    for (size_t i = 0; i < ARRAY_COUNT(getters); i++) {
        call(g, getters[i], request);
        assert_int_equal(g->results[0].number, 0);
    }
    call(g, "[method]outgoing-request.headers", request);
    uint32_t headers = (uint32_t)g->results[0].number;
    http_guest_drop(g, "outgoing-request", request);
    http_guest_expect_entries(g, headers, "a: b\n");
    assert_int_equal(types_call(g, "[method]fields.delete", NUMBER(headers), TEXT("a")), 0);
    assert_int_equal(g->results[1].number, HEADER_IMMUTABLE);
    http_guest_free(g);
}

static void set_method(struct http_guest *g, uint32_t request, uint32_t kind, struct span name,
                       bool is_good)
{
    assert_int_equal(types_call(g, "[method]outgoing-request.set-method", NUMBER(request),
                                NUMBER(kind), BYTES(name.data, name.len)),
                     0);
    assert_int_equal(g->results[0].number, !is_good);
}

static void methods_are_set(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "A B", "A\r\nB", "\xc3\xa9", "(", "A:"};
    struct http_guest *g = http_guest_new("GET", "/");
    uint32_t request = new_request(g, "");
    const struct outgoing_request *made = (struct outgoing_request *)(void *)resource_get(
        &g->f->guest, request, &outgoing_request_kind);
    for (uint32_t kind = 0; kind < HTTP_METHOD_OTHER; kind++) {
        set_method(g, request, kind, span_of(""), true);
        call(g, "[method]outgoing-request.method", request);
        assert_int_equal(g->results[0].number, kind);
        assert_int_equal(http_method_case(outgoing_request_method(made)), kind);
    }
    set_method(g, request, HTTP_METHOD_OTHER, span_of("BREW"), true);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        set_method(g, request, HTTP_METHOD_OTHER, span_of(bad[i]), false);
    }
    uint8_t big[65];
    memset(big, 'A', sizeof big);
    set_method(g, request, HTTP_METHOD_OTHER, (struct span){big, sizeof big}, false);
    call(g, "[method]outgoing-request.method", request);
    assert_int_equal(g->results[0].number, HTTP_METHOD_OTHER);
    expect_text(g, 1, "BREW");
    assert_true(span_is(outgoing_request_method(made), "BREW"));
    http_guest_free(g);
}

/* Set an option<string>: each of `good` is taken and told again, each of `bad` is refused and leaves
 * what was. */
static void check_texts(const char *part, const char *const good[], const char *const bad[])
{
    struct http_guest *g = http_guest_new("GET", "/");
    uint32_t request = new_request(g, "");
    char get[64];
    char set[64];
    (void)snprintf(get, sizeof get, "[method]outgoing-request.%s", part);
    (void)snprintf(set, sizeof set, "[method]outgoing-request.set-%s", part);
    for (size_t i = 0; good[i] != NULL; i++) {
        assert_int_equal(types_call(g, set, NUMBER(request), NUMBER(1), TEXT(good[i])), 0);
        assert_int_equal(g->results[0].number, 0);
        call(g, get, request);
        assert_int_equal(g->results[0].number, 1);
        expect_text(g, 1, good[i]);
    }
    assert_int_equal(types_call(g, set, NUMBER(request), NUMBER(1), TEXT(good[0])), 0);
    for (size_t i = 0; bad[i] != NULL; i++) {
        assert_int_equal(types_call(g, set, NUMBER(request), NUMBER(1), TEXT(bad[i])), 0);
        assert_int_equal(g->results[0].number, 1);
        call(g, get, request);
        expect_text(g, 1, good[0]);
    }
    assert_int_equal(types_call(g, set, NUMBER(request), NUMBER(0), TEXT("")), 0);
    assert_int_equal(g->results[0].number, 0);
    call(g, get, request);
    assert_int_equal(g->results[0].number, 0);
    assert_int_equal(g->f->guest.http_bytes, 0);
    http_guest_free(g);
}

static void paths_are_set(void **state)
{
    (void)state;
    static const char *const good[] = {"/a?b",        "",   "/",       "?a=b",
                                       "/a%20b?c%3d", "/?", "/a//b;c", NULL};
    static const char *const bad[] = {
        "a",    "*",  "http://a/", "/a b",      "/a\r\nb: c", "/#x", "/%",   "/%2",
        "/%zz", "?%", "?a#b",      "/\xc3\xa9", "/\x7f",      "\\a", "?a b", NULL};
    check_texts("path-with-query", good, bad);
}

static void authorities_are_set(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a.example", "a.example:80", "127.0.0.1:1", "[::1]:8080", "[::1]", "A", NULL};
    static const char *const bad[] = {"",     "a b", "a/b",  "a:b",   "a:99999",          "user@a",
                                      "a?b",  "a#b", "[::1", "a\r\n", "[fe80::1%25eth0]", "a:1:2",
                                      "a\\b", NULL};
    check_texts("authority", good, bad);
}

static void schemes_are_set(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
    } others[] = {{"ftp", true},  {"a+b-c.1", true}, {"", false},        {"1a", false},
                  {"a b", false}, {"http:", false},  {"\xc3\xa9", false}};
    struct http_guest *g = http_guest_new("GET", "/");
    uint32_t request = new_request(g, "");
    for (uint32_t kind = 0; kind < HTTP_SCHEME_OTHER; kind++) {
        assert_int_equal(types_call(g, "[method]outgoing-request.set-scheme", NUMBER(request),
                                    NUMBER(1), NUMBER(kind)),
                         0);
        call(g, "[method]outgoing-request.scheme", request);
        assert_int_equal(g->results[0].number, 1);
        assert_int_equal(g->results[1].number, kind);
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        assert_int_equal(types_call(g, "[method]outgoing-request.set-scheme", NUMBER(request),
                                    NUMBER(1), NUMBER(HTTP_SCHEME_OTHER), TEXT(others[i].text)),
                         0);
        assert_int_equal(g->results[0].number, !others[i].is_good);
    }
    call(g, "[method]outgoing-request.scheme", request);
    assert_int_equal(g->results[1].number, HTTP_SCHEME_OTHER);
    expect_text(g, 2, "a+b-c.1");
    assert_int_equal(
        types_call(g, "[method]outgoing-request.set-scheme", NUMBER(request), NUMBER(0)), 0);
    call(g, "[method]outgoing-request.scheme", request);
    assert_int_equal(g->results[0].number, 0);
    http_guest_free(g);
}

/* What a guest writes more than it declares is told as the request's. */
static void a_body_of_a_request(void **state)
{
    (void)state;
    struct http_guest *g = http_guest_new("GET", "/");
    uint32_t request = new_request(g, "content-length: 3\n");
    call(g, "[method]outgoing-request.body", request);
    assert_int_equal(g->results[0].number, 0);
    uint32_t body = (uint32_t)g->results[1].number;
    call(g, "[method]outgoing-request.body", request);
    assert_int_equal(g->results[0].number, 1);
    uint32_t stream = http_guest_stream(g, body);
    assert_int_equal(streams_call(g, "[method]output-stream.blocking-write-and-flush",
                                  NUMBER(stream), TEXT("four")),
                     0);
    assert_int_equal(http_guest_failure(g), WASI_HTTP_REQUEST_BODY_SIZE);
    http_guest_drop_stream(g, "output-stream", stream);
    assert_int_equal(
        types_call(g, "[static]outgoing-body.finish", NUMBER(body), NUMBER(0), NUMBER(0)), 0);
    assert_int_equal(g->results[0].number, 1);
    assert_int_equal(g->results[1].number, WASI_HTTP_REQUEST_BODY_SIZE);
    assert_int_equal(g->results[2].number, 1);
    assert_int_equal(g->results[3].number, 4);
    http_guest_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_by_their_case),
        cmocka_unit_test(a_request_is_the_same_after_its_transaction),
        cmocka_unit_test(answers_outlive_the_transaction),
        cmocka_unit_test(what_is_kept_of_a_request_is_on_its_guests_account),
        cmocka_unit_test(parts_that_are_missing),
        cmocka_unit_test(path_and_query_from_two_places),
        cmocka_unit_test(a_request_is_consumed_once),
        cmocka_unit_test(defaults_of_an_outgoing_request),
        cmocka_unit_test(methods_are_set),
        cmocka_unit_test(paths_are_set),
        cmocka_unit_test(authorities_are_set),
        cmocka_unit_test(schemes_are_set),
        cmocka_unit_test(a_body_of_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
