/* wasi_experimental_http: header_get. */
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

enum { NAME = 100, VALUE = 16384, WRITTEN = 201, MARK = 0xcc, LAST = FAKE_MEMORY_LEN, ROOM = 4096 };

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

static int32_t get(struct fixture *t, uint32_t handle, const char *name, uint32_t room)
{
    fake_fill(t->f, VALUE, MARK, 64);
    fake_fill(t->f, WRITTEN, MARK, 4);
    uint32_t len = fake_text(t->f, NAME, name);
    return fake_call(t->f, &experimental_http, "header_get", handle, NAME, len, VALUE, room,
                     WRITTEN);
}

static struct fixture *begin_with_headers(void)
{
    struct fixture *t = begin();
    http_peer_route(t->peer, "/",
                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTwice: first\r\ntwice: second\r\n"
                    "Empty:\r\nRaw: \xff\xfe\r\n\r\n");
    assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, "/")), 0);
    return t;
}

static void assert_value(struct fixture *t, const char *name, const char *value)
{
    assert_int_equal(get(t, 0, name, ROOM), 0);
    assert_int_equal(fake_u32(t->f, WRITTEN), strlen(value));
    fake_assert_bytes(t->f, VALUE, value, strlen(value));
    assert_int_equal(fake_u8(t->f, VALUE + (uint32_t)strlen(value)), MARK);
}

static void gives_the_first_value(void **state)
{
    (void)state;
    struct fixture *t = begin_with_headers();
    assert_value(t, "twice", "first");
    assert_value(t, "TWICE", "first");
    assert_value(t, "content-length", "0");
    assert_value(t, "empty", "");
    assert_value(t, "Raw", "\xff\xfe"); /* as it came */
    end(t);
}

static void names_that_are_not_there(void **state)
{
    (void)state;
    static const char *const names[] = {"",    "none",        "twic",    "twice ",
                                        "a:b", "twice:first", "\xc3\xa4"};
    struct fixture *t = begin_with_headers();
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(get(t, 0, names[i], ROOM), EHTTP_HEADER_NOT_FOUND);
        assert_int_equal(fake_u8(t->f, WRITTEN), MARK);
    }
    assert_int_equal(get(t, 0, "\xff", ROOM), EHTTP_UTF8);
    assert_int_equal(get(t, 1, "twice", ROOM), EHTTP_INVALID_HANDLE);
    assert_int_equal(get(t, UINT32_MAX, "twice", ROOM), EHTTP_INVALID_HANDLE);
    end(t);
}

static void a_value_longer_than_the_buffer(void **state)
{
    (void)state;
    struct fixture *t = begin_with_headers();
    assert_int_equal(get(t, 0, "twice", 4), EHTTP_BUFFER_TOO_SMALL);
    assert_int_equal(get(t, 0, "twice", 0), EHTTP_BUFFER_TOO_SMALL);
    assert_int_equal(fake_u8(t->f, VALUE), MARK);
    assert_int_equal(fake_u8(t->f, WRITTEN), MARK); /* not even the length it needs */
    assert_int_equal(get(t, 0, "twice", 5), 0);
    assert_int_equal(get(t, 0, "empty", 0), 0);
    end(t);
}

static void ranges(void **state)
{
    (void)state;
    struct fixture *t = begin_with_headers();
    struct fake_guest *f = t->f;
    static const uint32_t names[][2] = {{LAST, 1}, {LAST - 4, 5}, {UINT32_MAX, 5}, {1, UINT32_MAX}};
    static const uint32_t outs[] = {LAST, LAST - 3, UINT32_MAX, UINT32_MAX - 3};
    (void)fake_text(f, NAME, "twice");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(fake_call(f, &experimental_http, "header_get", 0, names[i][0], names[i][1],
                                   VALUE, ROOM, WRITTEN),
                         EHTTP_BUFFER_TOO_SMALL);
    }
    for (size_t i = 0; i < ARRAY_COUNT(outs); i++) {
        assert_int_equal(
            fake_call(f, &experimental_http, "header_get", 0, NAME, 5, outs[i], ROOM, WRITTEN),
            EHTTP_MEMORY_ACCESS);
        assert_int_equal(
            fake_call(f, &experimental_http, "header_get", 0, NAME, 5, VALUE, ROOM, outs[i]),
            EHTTP_MEMORY_ACCESS);
    }
    /* Only what is written has to fit. */
    assert_int_equal(
        fake_call(f, &experimental_http, "header_get", 0, NAME, 5, LAST - 5, UINT32_MAX, WRITTEN),
        0);
    end(t);
}

static void long_values(void **state)
{
    (void)state;
    struct fixture *t = begin();
    enum { LONG = 20000 };
    static char answer[LONG + 256];
    int len = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nlong: ");
    memset(answer + len, 'v', LONG);
    memcpy(answer + len + LONG, "\r\n\r\n", 5);
    http_peer_route(t->peer, "/", answer);
    assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, "/")), 0);
    assert_int_equal(get(t, 0, "long", 4096), EHTTP_BUFFER_TOO_SMALL);
    assert_int_equal(get(t, 0, "long", 32768), 0);
    assert_int_equal(fake_u32(t->f, WRITTEN), LONG);
    assert_int_equal(fake_u8(t->f, VALUE + LONG - 1), 'v');
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_first_value),
        cmocka_unit_test(names_that_are_not_there),
        cmocka_unit_test(a_value_longer_than_the_buffer),
        cmocka_unit_test(ranges),
        cmocka_unit_test(long_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
