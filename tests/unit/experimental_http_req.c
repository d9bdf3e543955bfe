/* wasi_experimental_http: req with ten parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "http_env.h"
#include "http_peer.h"
#include "imports/wasi_experimental_http/http.h"

#define TEN "iiiiiiiiii"
#define EMPTY "HTTP/1.1 204 None\r\n\r\n"

enum { LAST = FAKE_MEMORY_LEN };

struct fixture {
    struct http_env env;
    struct http_peer *peer;
    struct fake_guest *f;
};

static struct fixture *begin(void)
{
    struct fixture *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->peer = http_peer_new();
    t->f = http_env_guest(&t->env);
    http_peer_route(t->peer, "/", EMPTY);
    return t;
}

static void end(struct fixture *t)
{
    http_env_guest_free(&t->env, t->f);
    http_peer_free(t->peer);
    free(t);
}

static const char *root(struct fixture *t)
{
    return http_peer_url(t->peer, "/");
}

static void close_handle(struct fixture *t, uint32_t handle)
{
    assert_int_equal(fake_call(t->f, &experimental_http, "close", handle), 0);
}

static void gives_status_and_handle(void **state)
{
    (void)state;
    struct fixture *t = begin();
    char expected[256];
    static const uint8_t out[] = {REQ_MARK, REQ_MARK, 204,      0,        REQ_MARK, REQ_MARK,
                                  REQ_MARK, REQ_MARK, REQ_MARK, REQ_MARK, 0,        0,
                                  0,        0,        REQ_MARK, REQ_MARK};
    assert_int_equal(http_env_req(t->f, "POST", root(t), "abc:def\nx: y\r\nabc:ghi", "hello"), 0);
    fake_assert_bytes(t->f, REQ_STATUS - 2, out, sizeof out); /* two bytes, then four */
    assert_true(t->f->waits > 0);
    (void)snprintf(expected, sizeof expected,
                   "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\nabc: def\r\nx: y\r\n"
                   "abc: ghi\r\nContent-Length: 5\r\n\r\nhello",
                   http_peer_port(t->peer));
    assert_string_equal(http_peer_request(t->peer, 0), expected);
    end(t);
}

/* It returns with the head, while the body is still on its way. */
static void streams(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_HANG, "/slow",
                       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, "/slow")), 0);
    assert_int_equal(fake_u16(t->f, REQ_STATUS), 200);
    end(t);
}

static void handles_are_used_again(void **state)
{
    (void)state;
    struct fixture *t = begin();
    assert_int_equal(http_env_get(t->f, root(t)), 0);
    close_handle(t, 0);
    assert_int_equal(http_env_get(t->f, root(t)), 0);
    assert_int_equal(http_env_get(t->f, root(t)), 1);
    close_handle(t, 0);
    assert_int_equal(http_env_get(t->f, root(t)), 2);
    close_handle(t, 1);
    close_handle(t, 2);
    assert_int_equal(http_env_get(t->f, root(t)), 2);
    ehttp_session_get(&t->f->guest)->cursor = UINT32_MAX;
    assert_int_equal(http_env_get(t->f, root(t)), UINT32_MAX);
    assert_int_equal(http_env_get(t->f, root(t)), 0);
    end(t);
}

static void the_limit_counts_open_handles(void **state)
{
    (void)state;
    struct fixture *t = begin();
    t->f->guest.http_max_handles = 2;
    (void)http_env_get(t->f, root(t));
    (void)http_env_get(t->f, root(t));
    assert_int_equal(http_env_req(t->f, "GET", root(t), "", ""), EHTTP_TOO_MANY_SESSIONS);
    assert_int_equal(http_env_req(t->f, "GET", "no url", "", ""), EHTTP_TOO_MANY_SESSIONS);
    close_handle(t, 1);
    assert_int_equal(http_env_get(t->f, root(t)), 2 - 1);
    /* A failure takes no handle. */
    close_handle(t, 0);
    assert_int_equal(http_env_req(t->f, "GET", "http://127.0.0.1:1/", "", ""), EHTTP_REQUEST);
    assert_int_equal(http_env_req(t->f, "GET", "x", "", ""), EHTTP_INVALID_URL);
    (void)http_env_get(t->f, root(t));
    for (unsigned i = 0; i < 20; i++) { /* and closing gives it back, every time */
        close_handle(t, fake_u32(t->f, REQ_HANDLE));
        (void)http_env_get(t->f, root(t));
    }
    end(t);
}

static void two_guests_have_their_own(void **state)
{
    (void)state;
    struct fixture *t = begin();
    struct fixture *u = begin();
    assert_int_equal(http_env_get(t->f, root(t)), 0);
    assert_int_equal(http_env_get(t->f, root(t)), 1);
    assert_int_equal(http_env_get(u->f, root(u)), 0);
    close_handle(t, 0);
    assert_int_equal(fake_call(u->f, &experimental_http, "body_read", 0, 0, 0, 8), 0);
    assert_int_equal(fake_call(u->f, &experimental_http, "body_read", 1, 0, 0, 8),
                     EHTTP_INVALID_HANDLE);
    assert_int_equal(fake_call(t->f, &experimental_http, "body_read", 0, 0, 0, 8),
                     EHTTP_INVALID_HANDLE);
    end(t);
    end(u);
}

static void each_error(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *url; /* NULL: the peer's */
        const char *headers;
        int32_t code;
    } cases[] = {
        {"GET", "\xff", "", EHTTP_UTF8},
        {"\xff", NULL, "", EHTTP_UTF8},
        {"GET", NULL, "a:\xff", EHTTP_UTF8},
        {"GET", "", "", EHTTP_INVALID_URL},
        {"GET", "host/path", "", EHTTP_INVALID_URL},
        {"GET", "http://", "", EHTTP_INVALID_URL},
        {"GET", "http://h:99999/", "", EHTTP_INVALID_URL},
        {"GET", "ftp://host/", "", EHTTP_REQUEST},
        {"", NULL, "", EHTTP_INVALID_METHOD},
        {"G T", NULL, "", EHTTP_INVALID_METHOD},
        {"GET", NULL, "no colon", EHTTP_INVALID_ENCODING},
        {"GET", NULL, "a b:c", EHTTP_INVALID_ENCODING},
        {"GET", NULL, ":c", EHTTP_INVALID_ENCODING},
        {"GET", NULL, "a:b\x01", EHTTP_INVALID_ENCODING},
        {"GET", NULL, "a:b\rc:d", EHTTP_INVALID_ENCODING},
        {"GET", NULL, "host:other", EHTTP_INVALID_ENCODING},
        {"GET", "http://127.0.0.1:1/", "", EHTTP_REQUEST},
        {"GET", "http://denied/", "", EHTTP_NOT_ALLOWED},
        /* the order of the checks */
        {"", "http://denied/", "a", EHTTP_NOT_ALLOWED},
        {"", "http://", "a", EHTTP_INVALID_URL},
        {"", NULL, "a", EHTTP_INVALID_METHOD},
    };
    struct fixture *t = begin();
    t->env.denied_host = "denied";
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *url = cases[i].url != NULL ? cases[i].url : root(t);
        assert_int_equal(http_env_req(t->f, cases[i].method, url, cases[i].headers, ""),
                         cases[i].code);
        assert_int_equal(fake_u8(t->f, REQ_STATUS), REQ_MARK);
        assert_int_equal(fake_u8(t->f, REQ_HANDLE), REQ_MARK);
    }
    assert_int_equal(http_peer_count(t->peer), 0);
    assert_int_equal(ehttp_session_get(&t->f->guest)->count, 0);
    end(t);
}

static void a_redirect_elsewhere_is_denied(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route(t->peer, "/r",
                    "HTTP/1.1 302 Go\r\nLocation: http://denied/\r\n"
                    "Content-Length: 0\r\n\r\n");
    t->env.denied_host = "denied";
    assert_int_equal(http_env_req(t->f, "GET", http_peer_url(t->peer, "/r"), "", ""),
                     EHTTP_NOT_ALLOWED);
    end(t);
}

static void without_a_client_nothing_is_allowed(void **state)
{
    (void)state;
    struct fixture *t = begin();
    t->f->guest.http = NULL;
    assert_int_equal(http_env_req(t->f, "GET", root(t), "", ""), EHTTP_NOT_ALLOWED);
    assert_int_equal(http_env_req(t->f, "GET", "\xff", "", ""), EHTTP_UTF8);
    end(t);
}

static void without_a_memory(void **state)
{
    (void)state;
    struct fixture *t = begin();
    const struct host_func *row = fake_row(&experimental_http, "req", TEN);
    struct call call = {.func = row, .values = t->f->values, .guest = &t->f->guest};
    assert_int_equal(row->begin(&call), EHTTP_MEMORY_NOT_FOUND);
    end(t);
}

static int32_t req(struct fixture *t, const uint32_t args[10])
{
    return fake_call_as(t->f, &experimental_http, "req", TEN, args[0], args[1], args[2], args[3],
                        args[4], args[5], args[6], args[7], args[8], args[9]);
}

/* Arguments of a request that works. */
static void good_args(struct fixture *t, uint32_t args[10])
{
    uint32_t url_len = fake_text(t->f, REQ_URL, root(t));
    uint32_t method_len = fake_text(t->f, REQ_METHOD, "GET");
    const uint32_t good[] = {REQ_URL, url_len, REQ_METHOD, method_len, 1,
                             0,       1,       0,          REQ_STATUS, REQ_HANDLE};
    memcpy(args, good, sizeof good);
}

static void input_ranges(void **state)
{
    (void)state;
    static const uint32_t bad[][2] = {{LAST, 1},
                                      {LAST - 1, 2},
                                      {0, LAST + 1},
                                      {UINT32_MAX, 1},
                                      {UINT32_MAX, UINT32_MAX},
                                      {1, UINT32_MAX},
                                      {0x80000000, 0x80000000},
                                      {LAST + 1, 0},
                                      {UINT32_MAX, 0}};
    struct fixture *t = begin();
    for (unsigned part = 0; part < 8; part += 2) {
        for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
            uint32_t args[10];
            good_args(t, args);
            args[part] = bad[i][0];
            args[part + 1] = bad[i][1];
            assert_int_equal(req(t, args), EHTTP_BUFFER_TOO_SMALL);
        }
    }
    assert_int_equal(http_peer_count(t->peer), 0);
    end(t);
}

static void nothing_stands_anywhere(void **state)
{
    (void)state;
    static const uint32_t places[] = {0, 1, 17, LAST - 1, LAST};
    struct fixture *t = begin();
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        uint32_t args[10];
        good_args(t, args);
        args[4] = args[6] = places[i];
        assert_int_equal(req(t, args), 0);
    }
    end(t);
}

static void parts_up_to_the_last_byte(void **state)
{
    (void)state;
    struct fixture *t = begin();
    uint32_t args[10];
    good_args(t, args);
    args[6] = LAST - 4;
    args[7] = 4;
    fake_put(t->f, LAST - 4, "tail", 4);
    args[8] = LAST - 2 - 4;
    assert_int_equal(req(t, args), 0);
    assert_int_equal(fake_u16(t->f, LAST - 6), 204);
    assert_non_null(strstr(http_peer_request(t->peer, 0), "\r\n\r\ntail"));
    args[8] = LAST - 2;
    args[9] = LAST - 4;
    args[7] = 0;
    assert_int_equal(req(t, args), 0);
    end(t);
}

static void output_ranges(void **state)
{
    (void)state;
    static const uint32_t statuses[] = {LAST, LAST - 1, UINT32_MAX, UINT32_MAX - 1};
    static const uint32_t handles[] = {LAST, LAST - 3, UINT32_MAX, UINT32_MAX - 3};
    struct fixture *t = begin();
    uint32_t args[10];
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        good_args(t, args);
        args[8] = statuses[i];
        assert_int_equal(req(t, args), EHTTP_MEMORY_ACCESS);
        good_args(t, args);
        args[9] = handles[i];
        assert_int_equal(req(t, args), EHTTP_MEMORY_ACCESS);
    }
    assert_int_equal(ehttp_session_get(&t->f->guest)->count, 0); /* upstream leaks it */
    end(t);
}

static void a_guest_that_ends_while_it_waits(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_HANG, "/mute", "");
    t->f->max_wait_ms = 50;
    assert_int_equal(http_env_req(t->f, "GET", http_peer_url(t->peer, "/mute"), "", ""),
                     FAKE_STILL_WAITING);
    end(t);
}

/* A wait for something else is not ended by a response that goes on meanwhile. */
static void only_what_is_awaited_wakes(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_HANG, "/mute", "");
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/flood", "HTTP/1.1 200 OK\r\n\r\nx");
    (void)http_env_get(t->f, http_peer_url(t->peer, "/flood"));
    t->f->max_wait_ms = 100;
    assert_int_equal(http_env_req(t->f, "GET", http_peer_url(t->peer, "/mute"), "", ""),
                     FAKE_STILL_WAITING);
    assert_int_equal(t->f->waits, 1);
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_status_and_handle),
        cmocka_unit_test(streams),
        cmocka_unit_test(handles_are_used_again),
        cmocka_unit_test(the_limit_counts_open_handles),
        cmocka_unit_test(two_guests_have_their_own),
        cmocka_unit_test(each_error),
        cmocka_unit_test(a_redirect_elsewhere_is_denied),
        cmocka_unit_test(without_a_client_nothing_is_allowed),
        cmocka_unit_test(without_a_memory),
        cmocka_unit_test(input_ranges),
        cmocka_unit_test(nothing_stands_anywhere),
        cmocka_unit_test(parts_up_to_the_last_byte),
        cmocka_unit_test(output_ranges),
        cmocka_unit_test(a_guest_that_ends_while_it_waits),
        cmocka_unit_test(only_what_is_awaited_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
