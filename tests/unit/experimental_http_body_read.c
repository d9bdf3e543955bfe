/* wasi_experimental_http: body_read. */
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

enum { BYTES = 16384, COUNT = 201, MARK = 0xcc, LAST = FAKE_MEMORY_LEN };

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

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
    return t;
}

static void end(struct fixture *t)
{
    http_env_guest_free(&t->env, t->f);
    http_peer_free(t->peer);
    free(t);
}

static void get(struct fixture *t, const char *path)
{
    assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, path)), 0);
}

static int32_t read_to(struct fixture *t, uint32_t address, uint32_t len, uint32_t count)
{
    return fake_call(t->f, &experimental_http, "body_read", 0, address, len, count);
}

/* Read once; fails the test unless it succeeds. */
static uint32_t read_some(struct fixture *t, uint32_t len)
{
    fake_fill(t->f, BYTES, MARK, 1024);
    fake_fill(t->f, COUNT, MARK, 4);
    assert_int_equal(read_to(t, BYTES, len, COUNT), 0);
    uint32_t count = fake_u32(t->f, COUNT);
    if (count < 1024) {
        assert_int_equal(fake_u8(t->f, BYTES + count), MARK);
    }
    return count;
}

static void in_pieces_to_the_end(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 7\r\n\r\nabcdefg");
    get(t, "/");
    assert_int_equal(read_some(t, 3), 3);
    fake_assert_bytes(t->f, BYTES, "abc", 3);
    assert_int_equal(read_some(t, 0), 0); /* asks for nothing, and is no end */
    assert_int_equal(read_some(t, 3), 3);
    fake_assert_bytes(t->f, BYTES, "def", 3);
    assert_int_equal(read_some(t, 3), 1);
    fake_assert_bytes(t->f, BYTES, "g", 1);
    assert_int_equal(read_some(t, 3), 0);
    assert_int_equal(read_some(t, 3), 0);
    end(t);
}

static void waits_for_what_is_to_come(void **state)
{
    (void)state;
    static const char steps[] = OK_HEAD "Content-Length: 4\r\n\r\n\0ab\0cd";
    struct fixture *t = begin();
    http_peer_route_steps(t->peer, "/", steps, sizeof steps - 1);
    get(t, "/");
    t->f->max_wait_ms = 30;
    assert_int_equal(read_to(t, BYTES, 100, COUNT), FAKE_STILL_WAITING);
    t->f->max_wait_ms = 5000;
    http_peer_go(t->peer);
    assert_int_equal(read_some(t, 100), 2); /* what there is, at once */
    fake_assert_bytes(t->f, BYTES, "ab", 2);
    assert_true(t->f->waits > 0);
    http_peer_go(t->peer);
    assert_int_equal(read_some(t, 100), 2);
    fake_assert_bytes(t->f, BYTES, "cd", 2);
    assert_int_equal(read_some(t, 100), 0);
    end(t);
}

static void a_body_that_breaks_off(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_CLOSE, "/", OK_HEAD "Content-Length: 9\r\n\r\nabc");
    get(t, "/");
    assert_int_equal(read_some(t, 100), 3);
    assert_int_equal(read_to(t, BYTES, 100, COUNT), EHTTP_REQUEST);
    assert_int_equal(read_to(t, BYTES, 100, COUNT), EHTTP_REQUEST);
    assert_int_equal(read_to(t, BYTES, 0, COUNT), 0);
    end(t);
}

static void a_body_larger_than_allowed(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_client_free(t->env.client);
    t->env.options.body_max = 1000;
    t->f->guest.http = http_env_open(&t->env);
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", OK_HEAD "\r\nx");
    get(t, "/");
    uint64_t total = 0;
    while (read_to(t, BYTES, 100, COUNT) == 0) {
        total += fake_u32(t->f, COUNT);
    }
    assert_true(total <= 1000);
    assert_int_equal(read_to(t, BYTES, 100, COUNT), EHTTP_REQUEST);
    end(t);
}

static void unknown_handles(void **state)
{
    (void)state;
    struct fixture *t = begin();
    assert_int_equal(read_to(t, BYTES, 100, COUNT), EHTTP_INVALID_HANDLE);
    assert_int_equal(read_to(t, LAST, 100, LAST), EHTTP_INVALID_HANDLE);
    const struct host_func *row = fake_row(&experimental_http, "body_read", NULL);
    struct call call = {.func = row, .values = t->f->values, .guest = &t->f->guest};
    assert_int_equal(row->begin(&call), EHTTP_MEMORY_NOT_FOUND);
    end(t);
}

static void ranges(void **state)
{
    (void)state;
    static const uint32_t bad[][2] = {{LAST, 3},
                                      {LAST - 2, 3},
                                      {LAST - 2, UINT32_MAX},
                                      {UINT32_MAX, 3},
                                      {UINT32_MAX, UINT32_MAX},
                                      {LAST + 1, 1}};
    static const uint32_t counts[] = {LAST, LAST - 3, UINT32_MAX, UINT32_MAX - 3};
    struct fixture *t = begin();
    http_peer_route(t->peer, "/", OK_HEAD "Content-Length: 14\r\n\r\nabcdefghijklmn");
    get(t, "/");
    assert_int_equal(read_some(t, 3), 3); /* all has arrived now, or will */
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(read_to(t, bad[i][0], bad[i][1], COUNT), EHTTP_MEMORY_ACCESS);
    }
    assert_int_equal(read_some(t, 2), 2); /* nothing has been lost by that */
    fake_assert_bytes(t->f, BYTES, "de", 2);
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        assert_int_equal(read_to(t, BYTES, 1, counts[i]), EHTTP_MEMORY_ACCESS);
    }
    assert_int_equal(read_some(t, 1), 1); /* but by that */
    fake_assert_bytes(t->f, BYTES, "j", 1);
    /* A length past the memory is fine as long as the bytes fit. */
    assert_int_equal(read_to(t, LAST - 4, UINT32_MAX, COUNT), 0);
    assert_int_equal(fake_u32(t->f, COUNT), 4);
    fake_assert_bytes(t->f, LAST - 4, "klmn", 4);
    /* At the end no byte is written, wherever. */
    assert_int_equal(read_to(t, UINT32_MAX, 8, COUNT), 0);
    assert_int_equal(fake_u32(t->f, COUNT), 0);
    end(t);
}

static void a_large_body(void **state)
{
    (void)state;
    enum { LARGE = 3 << 20 };
    struct fixture *t = begin();
    char *answer = calloc(1, LARGE + 256);
    assert_non_null(answer);
    int len = snprintf(answer, 256, OK_HEAD "Content-Length: %d\r\n\r\n", (int)LARGE);
    for (size_t i = 0; i < LARGE; i++) {
        answer[(size_t)len + i] = (char)('a' + i % 23);
    }
    http_peer_route(t->peer, "/", answer);
    get(t, "/");
    size_t total = 0;
    for (;;) {
        uint32_t count = read_some(t, 30000);
        if (count == 0) {
            break;
        }
        fake_assert_bytes(t->f, BYTES, answer + len + total, count);
        total += count;
    }
    assert_int_equal(total, LARGE);
    end(t);
    free(answer);
}

static void two_at_a_time(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route(t->peer, "/a", OK_HEAD "Content-Length: 1\r\n\r\na");
    http_peer_route(t->peer, "/b", OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n");
    assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, "/a")), 0);
    assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, "/b")), 1);
    for (uint32_t handle = 2; handle-- > 0;) {
        assert_int_equal(fake_call(t->f, &experimental_http, "body_read", handle, BYTES, 10, COUNT),
                         0);
        assert_int_equal(fake_u32(t->f, COUNT), 1);
        assert_int_equal(fake_u8(t->f, BYTES), 'a' + handle);
    }
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_pieces_to_the_end),   cmocka_unit_test(waits_for_what_is_to_come),
        cmocka_unit_test(a_body_that_breaks_off), cmocka_unit_test(a_body_larger_than_allowed),
        cmocka_unit_test(unknown_handles),        cmocka_unit_test(ranges),
        cmocka_unit_test(a_large_body),           cmocka_unit_test(two_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
