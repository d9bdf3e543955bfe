/* wasi_experimental_http: headers_get_all, and header_get_all as it was called before. */
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

enum { TEXT = 16384, WRITTEN = 201, MARK = 0xcc, LAST = FAKE_MEMORY_LEN };

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

static int32_t get(struct fixture *t, const char *function, uint32_t room)
{
    fake_fill(t->f, TEXT, MARK, 256);
    fake_fill(t->f, WRITTEN, MARK, 4);
    return fake_call(t->f, &experimental_http, function, 0, TEXT, room, WRITTEN);
}

static void answer_with(struct fixture *t, const char *answer)
{
    http_peer_route(t->peer, "/", answer);
    assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, "/")), 0);
}

static void assert_text(struct fixture *t, const char *text)
{
    uint32_t len = (uint32_t)strlen(text);
    assert_int_equal(fake_u32(t->f, WRITTEN), len);
    fake_assert_bytes(t->f, TEXT, text, len);
    assert_int_equal(fake_u8(t->f, TEXT + len), MARK);
}

static void repeated_names_stand_together(void **state)
{
    (void)state;
    struct fixture *t = begin();
    answer_with(t, "HTTP/1.1 200 OK\r\nB: 1\r\nContent-Length: 0\r\nDate: a: b\r\nb: 2\r\n\r\n");
    assert_int_equal(get(t, "headers_get_all", 4096), 0);
    assert_text(t, "b:1\nb:2\ncontent-length:0\ndate:a: b\n");
    assert_int_equal(get(t, "header_get_all", 4096), 0);
    assert_text(t, "b:1\r\nb:2\r\ncontent-length:0\r\ndate:a: b\r\n");
    end(t);
}

static void a_buffer_too_small(void **state)
{
    (void)state;
    struct fixture *t = begin();
    answer_with(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(get(t, "headers_get_all", 16), EHTTP_BUFFER_TOO_SMALL);
    assert_int_equal(fake_u8(t->f, TEXT), MARK);
    assert_int_equal(fake_u8(t->f, WRITTEN), MARK);
    assert_int_equal(get(t, "headers_get_all", 17), 0);
    assert_text(t, "content-length:0\n");
    assert_int_equal(get(t, "header_get_all", 17), EHTTP_BUFFER_TOO_SMALL);
    assert_int_equal(get(t, "header_get_all", 18), 0);
    end(t);
}

static void no_headers_at_all(void **state)
{
    (void)state;
    struct fixture *t = begin();
    answer_with(t, "HTTP/1.1 204 None\r\n\r\n");
    assert_int_equal(get(t, "headers_get_all", 0), 0);
    assert_text(t, "");
    end(t);
}

static void what_no_line_can_hold(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\na: \xff\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\na: b\tc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\na: b\x7f\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\na(: b\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
        struct fixture *t = begin();
        answer_with(t, answers[i]);
        assert_int_equal(get(t, "headers_get_all", 4096), EHTTP_RUNTIME);
        end(t);
    }
}

static void ranges(void **state)
{
    (void)state;
    static const uint32_t outs[] = {LAST, LAST - 3, UINT32_MAX, UINT32_MAX - 3};
    struct fixture *t = begin();
    answer_with(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for (size_t i = 0; i < ARRAY_COUNT(outs); i++) {
        assert_int_equal(
            fake_call(t->f, &experimental_http, "headers_get_all", 0, outs[i], 4096, WRITTEN),
            EHTTP_MEMORY_ACCESS);
        assert_int_equal(
            fake_call(t->f, &experimental_http, "headers_get_all", 0, TEXT, 4096, outs[i]),
            EHTTP_MEMORY_ACCESS);
    }
    assert_int_equal(
        fake_call(t->f, &experimental_http, "headers_get_all", 0, LAST - 17, UINT32_MAX, WRITTEN),
        0);
    assert_int_equal(fake_call(t->f, &experimental_http, "headers_get_all", 1, TEXT, 4096, WRITTEN),
                     EHTTP_INVALID_HANDLE);
    end(t);
}

/* Rust's guests have one buffer of 65,536 bytes, AssemblyScript's one of 4,096. */
static void blocks_of_the_guests_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {4096, 4097, 40000};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct fixture *t = begin();
        static const char head[] = "HTTP/1.1 204 None\r\nlong: ";
        char *answer = calloc(1, sizes[i] + 256);
        assert_non_null(answer);
        memcpy(answer, head, sizeof head - 1);
        memset(answer + sizeof head - 1, 'v', sizes[i] - strlen("long:\n"));
        memcpy(answer + strlen(answer), "\r\n\r\n", 4);
        answer_with(t, answer);
        assert_int_equal(get(t, "headers_get_all", 4096), sizes[i] > 4096 ? 4 : 0);
        assert_int_equal(get(t, "headers_get_all", 65536), 0);
        assert_int_equal(fake_u32(t->f, WRITTEN), sizes[i]);
        end(t);
        free(answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeated_names_stand_together),
        cmocka_unit_test(a_buffer_too_small),
        cmocka_unit_test(no_headers_at_all),
        cmocka_unit_test(what_no_line_can_hold),
        cmocka_unit_test(ranges),
        cmocka_unit_test(blocks_of_the_guests_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
