/* See http_wire.h. */
#include "http_wire.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "peer.h"

enum { PIECE = 64 << 10 };

static const uint64_t limit_ns = 20000000000U;

struct http_wire *http_wire_begin(void)
{
    struct http_wire *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(loop_new(&w->loop), 0);
    http_env_init(&w->env, w->loop);
    w->listener = peer_listen(&w->port);
    w->fd = -1;
    buffer_init(&w->got, SIZE_MAX);
    (void)snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u/", w->port);
    return w;
}

void http_wire_end(struct http_wire *w)
{
    http_wire_drop(w);
    http_env_done(&w->env);
    http_wire_close(w);
    (void)close(w->listener);
    loop_free(w->loop);
    buffer_done(&w->got);
    free(w);
}

static void on_event(void *context)
{
    struct http_wire *w = context;
    w->events++;
}

enum http_error http_wire_start(struct http_wire *w, struct http_request *request)
{
    http_wire_drop(w);
    if (w->has_ended) {
        http_wire_close(w);
        w->has_ended = false;
    }
    if (w->env.client == NULL) {
        (void)http_env_open(&w->env);
    }
    if (request->url.len == 0) {
        request->url = span_of(w->url);
    }
    return http_exchange_begin(w->env.client, request, on_event, w, &w->exchange);
}

/* -- the test's end --------------------------------------------------------------------------- */

static void accept_next(struct http_wire *w)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    struct pollfd ready = {.fd = w->listener, .events = POLLIN};
    if (poll(&ready, 1, 0) <= 0) {
        return;
    }
    int fd = accept4(w->listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        http_wire_close(w);
        w->fd = fd;
        w->connections++;
        w->has_ended = false;
        w->got.len = 0;
    }
}

static void receive(struct http_wire *w)
{
    static uint8_t bytes[PIECE];
    while (w->fd >= 0 && !w->is_deaf && !w->has_ended) {
        ssize_t count = recv(w->fd, bytes, sizeof bytes, 0);
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        if (count <= 0) {
            w->has_ended = true;
            return;
        }
        w->received += (uint64_t)count;
        if (!w->discards) {
            assert_int_equal(buffer_append(&w->got, (struct span){bytes, (size_t)count}), 0);
        }
    }
}

void http_wire_turn(struct http_wire *w, int max_wait_ms)
{
    assert_int_equal(loop_turn(w->loop, max_wait_ms), 0);
    accept_next(w);
    receive(w);
}

void http_wire_wait(struct http_wire *w, uint64_t ms)
{
    uint64_t end_ns = loop_clock_ns() + ms * 1000000;
    while (loop_clock_ns() < end_ns) {
        http_wire_turn(w, 1);
    }
}

void http_wire_expect(struct http_wire *w, const char *text)
{
    size_t len = strlen(text);
    uint64_t end_ns = loop_clock_ns() + limit_ns;
    while (w->got.len < len && loop_clock_ns() < end_ns && !w->has_ended) {
        http_wire_turn(w, 1);
    }
    size_t shown = w->got.len < len ? w->got.len : len;
    if (shown < len || memcmp(w->got.data, text, len) != 0) {
        fail_msg("expected:\n%s\ngot:\n%.*s", text, (int)w->got.len, (const char *)w->got.data);
    }
    buffer_consume(&w->got, len);
}

const char *http_wire_until(struct http_wire *w, const char *text)
{
    static char taken[PIECE];
    uint64_t end_ns = loop_clock_ns() + limit_ns;
    const char *at = NULL;
    for (;;) {
        const char *all = buffer_text(&w->got);
        assert_non_null(all);
        at = strstr(all, text);
        if (at != NULL) {
            break;
        }
        assert_true(loop_clock_ns() < end_ns);
        http_wire_turn(w, 1);
    }
    size_t len = (size_t)(at - (const char *)w->got.data) + strlen(text);
    assert_true(len < sizeof taken);
    memcpy(taken, w->got.data, len);
    taken[len] = '\0';
    buffer_consume(&w->got, len);
    return taken;
}

void http_wire_expect_end(struct http_wire *w)
{
    uint64_t end_ns = loop_clock_ns() + limit_ns;
    while (!w->has_ended) {
        assert_true(loop_clock_ns() < end_ns);
        http_wire_turn(w, 1);
    }
}

size_t http_wire_try(struct http_wire *w, const uint8_t *bytes, size_t len)
{
    ssize_t count = send(w->fd, bytes, len, MSG_NOSIGNAL);
    assert_true(count >= 0 || errno == EAGAIN);
    return count > 0 ? (size_t)count : 0;
}

void http_wire_say(struct http_wire *w, const char *text)
{
    assert_int_equal(http_wire_try(w, (const uint8_t *)text, strlen(text)), strlen(text));
}

void http_wire_close(struct http_wire *w)
{
    if (w->fd >= 0) {
        (void)close(w->fd);
        w->fd = -1;
    }
}

void http_wire_reset(struct http_wire *w)
{
    peer_reset(w->fd);
    w->fd = -1;
}

/* -- the exchange ----------------------------------------------------------------------------- */

void http_wire_head(struct http_wire *w)
{
    uint64_t end_ns = loop_clock_ns() + limit_ns;
    while (!http_exchange_has_head(w->exchange)) {
        assert_true(loop_clock_ns() < end_ns);
        http_wire_turn(w, 1);
    }
}

void http_wire_body(struct http_wire *w, const char *text, enum http_error error)
{
    struct buffer body;
    uint8_t bytes[1000];
    int64_t count = 0;
    uint64_t end_ns = loop_clock_ns() + limit_ns;
    buffer_init(&body, SIZE_MAX);
    for (;;) {
        count = http_exchange_read(w->exchange, bytes, sizeof bytes);
        if (count > 0) {
            assert_int_equal(buffer_append(&body, (struct span){bytes, (size_t)count}), 0);
        } else if (count == -EAGAIN) {
            assert_true(loop_clock_ns() < end_ns);
            http_wire_turn(w, 1);
        } else {
            break;
        }
    }
    assert_int_equal(count, error == HTTP_OK ? 0 : -EIO);
    assert_int_equal(http_exchange_error(w->exchange), error);
    assert_string_equal(buffer_text(&body), text);
    buffer_done(&body);
}

void http_wire_write(struct http_wire *w, const char *text)
{
    size_t len = strlen(text);
    uint64_t end_ns = loop_clock_ns() + limit_ns;
    while (len > 0) {
        int64_t count = http_exchange_write(w->exchange, (const uint8_t *)text, len);
        assert_true(count > 0 || count == -EAGAIN);
        assert_true(loop_clock_ns() < end_ns);
        text += count > 0 ? count : 0;
        len -= count > 0 ? (size_t)count : 0;
        http_wire_turn(w, len > 0 ? 1 : 0);
    }
}

void http_wire_drop(struct http_wire *w)
{
    http_exchange_close(w->exchange);
    w->exchange = NULL;
}
