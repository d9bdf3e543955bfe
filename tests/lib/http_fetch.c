/* See http_fetch.h. */
#include "http_fetch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t limit_ns = 20000000000U;

struct http_test *http_test_begin(void)
{
    struct http_test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    assert_int_equal(loop_new(&t->loop), 0);
    http_env_init(&t->env, t->loop);
    t->peer = http_peer_new();
    return t;
}

void http_test_end(struct http_test *t)
{
    http_env_done(&t->env);
    http_peer_free(t->peer);
    loop_free(t->loop);
    free(t);
}

void http_test_turn(struct http_test *t, uint64_t ns)
{
    uint64_t end_ns = loop_clock_ns() + ns;
    while (loop_clock_ns() < end_ns) {
        assert_int_equal(loop_turn(t->loop, 1), 0);
    }
}

bool http_test_sent(struct http_test *t, unsigned n, const char *text)
{
    return strstr(http_peer_request(t->peer, n), text) != NULL;
}

static void on_event(void *context)
{
    struct http_fetch *fetch = context;
    fetch->events++;
}

enum http_error http_fetch_start(struct http_test *t, const struct http_request *request,
                                 struct http_fetch **ret_fetch)
{
    struct http_fetch *fetch = calloc(1, sizeof *fetch);
    assert_non_null(fetch);
    if (t->env.client == NULL) {
        (void)http_env_open(&t->env);
    }
    buffer_init(&fetch->body, SIZE_MAX);
    enum http_error error =
        http_exchange_begin(t->env.client, request, on_event, fetch, &fetch->exchange);
    if (error != HTTP_OK) {
        assert_null(fetch->exchange);
        free(fetch);
        return error;
    }
    *ret_fetch = fetch;
    return HTTP_OK;
}

enum http_error http_fetch_url(struct http_test *t, const char *method, const char *url,
                               struct http_fetch **ret_fetch)
{
    struct http_request request = {.url = span_of(url), .method = span_of(method)};
    return http_fetch_start(t, &request, ret_fetch);
}

void http_fetch_begin(struct http_test *t, const char *method, const char *path,
                      struct http_fetch **ret_fetch)
{
    assert_int_equal(http_fetch_url(t, method, http_peer_url(t->peer, path), ret_fetch), HTTP_OK);
}

void http_fetch_head(struct http_test *t, struct http_fetch *fetch)
{
    uint64_t end_ns = loop_clock_ns() + limit_ns;
    while (!http_exchange_has_head(fetch->exchange)) {
        assert_true(loop_clock_ns() < end_ns);
        assert_int_equal(loop_turn(t->loop, 100), 0);
    }
}

int64_t http_fetch_body(struct http_test *t, struct http_fetch *fetch)
{
    uint8_t bytes[1000];
    uint64_t end_ns = loop_clock_ns() + limit_ns;
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

struct http_fetch *http_fetch_request(struct http_test *t, const struct http_request *request)
{
    struct http_fetch *fetch = NULL;
    assert_int_equal(http_fetch_start(t, request, &fetch), HTTP_OK);
    http_fetch_head(t, fetch);
    (void)http_fetch_body(t, fetch); /* the exchange's error says how it ended */
    return fetch;
}

struct http_fetch *http_fetch_path(struct http_test *t, const char *method, const char *path)
{
    struct http_request request = {.url = span_of(http_peer_url(t->peer, path)),
                                   .method = span_of(method)};
    return http_fetch_request(t, &request);
}

void http_fetch_close(struct http_fetch *fetch)
{
    if (fetch == NULL) {
        return;
    }
    http_exchange_close(fetch->exchange);
    buffer_done(&fetch->body);
    free(fetch);
}

void http_fetch_assert_body(const struct http_fetch *fetch, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(fetch->body.len, len);
    if (len > 0) {
        assert_memory_equal(fetch->body.data, text, len);
    }
}

void http_fetch_assert_end(struct http_test *t, const char *path, enum http_error error)
{
    struct http_fetch *fetch = http_fetch_path(t, "GET", path);
    assert_int_equal(http_exchange_error(fetch->exchange), error);
    if (error != HTTP_OK) {
        uint8_t byte;
        assert_int_equal(http_exchange_read(fetch->exchange, &byte, 1), -EIO);
    }
    http_fetch_close(fetch);
}

const char *http_fetch_header(const struct http_fetch *fetch, uint32_t index, char text[256])
{
    struct http_header h = http_exchange_header(fetch->exchange, index);
    (void)snprintf(text, 256, "%.*s=%.*s", (int)h.name.len, (const char *)h.name.data,
                   (int)h.value.len, (const char *)h.value.data);
    return text;
}
