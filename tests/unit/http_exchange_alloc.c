/* An exchange whose body comes in pieces, without memory: whichever allocation of ours fails, it ends
 * with a reason or goes on, and nothing is left behind.
 * Wraps: malloc calloc realloc strdup strndup */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc_sweep.h"
#include "base/container.h"
#include "http_wire.h"

enum { SWEEP_MAX = 500 };

/* Only the client's turns are without memory: the test's own end takes what it needs. */
static void turn(struct http_wire *w, unsigned *left)
{
    alloc_sweep_begin(*left);
    int r = loop_turn(w->loop, 1);
    *left = alloc_sweep_end();
    assert_true(r == 0 || r == -ENOMEM);
    http_wire_turn(w, 0);
}

static bool has_got(struct http_wire *w, const char *text)
{
    return w->got.len > 0 && strstr(buffer_text(&w->got), text) != NULL;
}

static bool is_over(struct http_wire *w)
{
    uint8_t bytes[64];
    int64_t count = 0;
    do {
        count = http_exchange_read(w->exchange, bytes, sizeof bytes);
    } while (count > 0);
    return count != -EAGAIN;
}

/* One exchange; gives how it ended. */
static enum http_error run(struct http_wire *w, unsigned *left)
{
    static const struct http_header headers[] = {
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}}};
    struct http_request request = {.method = span_of("POST"),
                                   .headers = headers,
                                   .header_count = ARRAY_COUNT(headers),
                                   .streams_body = true,
                                   .body_length = -1};
    static uint8_t bytes[1000];
    const struct http_header *trailers = NULL;
    bool is_finished = false;
    bool is_answered = false;
    memset(bytes, 'x', sizeof bytes);
    alloc_sweep_begin(*left);
    enum http_error error = http_wire_start(w, &request);
    *left = alloc_sweep_end();
    if (error != HTTP_OK) {
        return error;
    }
    for (unsigned i = 0; !is_over(w) && i < 5000; i++) {
        alloc_sweep_begin(*left);
        if (!is_finished && http_exchange_write(w->exchange, bytes, sizeof bytes) != -ENOMEM) {
            (void)http_exchange_finish(w->exchange, headers, ARRAY_COUNT(headers));
            is_finished = true;
        }
        *left = alloc_sweep_end();
        turn(w, left);
        if (!is_answered && has_got(w, "0\r\na: b\r\n\r\n")) {
            http_wire_say(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nB: c\r\n\r\n"
                             "2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n");
            is_answered = true;
        }
    }
    assert_true(is_over(w));
    error = http_exchange_error(w->exchange);
    assert_true(error != HTTP_OK || http_exchange_trailers(w->exchange, &trailers) == 1);
    w->got.len = 0;
    return error;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    unsigned failed = 0;
    unsigned n = 1;
    for (; n < SWEEP_MAX; n++) {
        struct http_wire *w = http_wire_begin();
        unsigned left = n;
        (void)http_env_open(&w->env);
        enum http_error error = run(w, &left);
        failed += error != HTTP_OK;
        bool was_hit = left == 0;
        left = 0;
        assert_int_equal(run(w, &left), HTTP_OK); /* the client is as good as new */
        http_wire_end(w);
        if (!was_hit) {
            assert_int_equal(error, HTTP_OK);
            break;
        }
    }
    assert_true(failed > 5);
    assert_true(n < SWEEP_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
