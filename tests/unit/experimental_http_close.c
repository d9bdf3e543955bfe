/* wasi_experimental_http: close. */
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

static int32_t close_handle(struct fixture *t, uint32_t handle)
{
    return fake_call(t->f, &experimental_http, "close", handle);
}

static void is_always_a_success(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route(t->peer, "/", "HTTP/1.1 204 None\r\n\r\n");
    assert_int_equal(close_handle(t, 0), 0); /* before anything else */
    assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, "/")), 0);
    assert_int_equal(close_handle(t, 1), 0);
    assert_int_equal(close_handle(t, 0), 0);
    assert_int_equal(close_handle(t, 0), 0);
    assert_int_equal(close_handle(t, UINT32_MAX), 0);
    assert_int_equal(close_handle(t, 64), 0); /* in the same bucket */
    end(t);
}

static void needs_no_memory(void **state)
{
    (void)state;
    struct fixture *t = begin();
    const struct host_func *row = fake_row(&experimental_http, "close", NULL);
    union call_value value = {.i32 = 7};
    struct call call = {.func = row, .values = &value, .guest = &t->f->guest};
    assert_int_equal(row->begin(&call), 0);
    end(t);
}

static void ends_the_transfer(void **state)
{
    (void)state;
    struct fixture *t = begin();
    http_peer_route_as(t->peer, HTTP_PEER_FLOOD, "/", "HTTP/1.1 200 OK\r\n\r\nx");
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(http_env_get(t->f, http_peer_url(t->peer, "/")), 0);
        assert_int_equal(close_handle(t, 0), 0);
        assert_int_equal(fake_call(t->f, &experimental_http, "body_read", 0, 0, 8, 16),
                         EHTTP_INVALID_HANDLE);
        assert_int_equal(fake_call(t->f, &experimental_http, "headers_get_all", 0, 0, 8, 16),
                         EHTTP_INVALID_HANDLE);
    }
    end(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_always_a_success),
        cmocka_unit_test(needs_no_memory),
        cmocka_unit_test(ends_the_transfer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
