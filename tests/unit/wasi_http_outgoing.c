/* Requests that a component makes: outgoing-handler, future-incoming-response and request-options, to a
 * server that is the test itself, byte for byte. */
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
#include "fake_component.h"
#include "http_wire.h"
#include "imports/wasi_http/error_code.h"
#include "imports/wasi_http/http.h"
#include "imports/wasi_io/io.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define EMPTY OK_HEAD "Content-Length: 0\r\n\r\n"
#define SECOND UINT64_C(1000000000)

enum { TURNS_MAX = 2000, NONE = 0, HTTP = 0, HTTPS = 1, OTHER_SCHEME = 2, OTHER_METHOD = 9 };

struct fixture {
    struct http_wire *wire;
    struct fake_component *f;
    union component_value *results;
};

#define types(o, name, ...) component_fake_call((o)->f, &wasi_http_types, name, __VA_ARGS__)
#define streams(o, name, ...) component_fake_call((o)->f, &wasi_io_streams, name, __VA_ARGS__)

/* The guest on the wire's loop. */
static struct fixture *begin(void)
{
    struct fixture *o = calloc(1, sizeof *o);
    assert_non_null(o);
    o->wire = http_wire_begin();
    o->f = fake_component_new();
    o->results = o->f->results;
    void (*on_report)(struct guest * guest, const char *line) = o->f->guest.on_report;
    guest_done(&o->f->guest, 0 /* linger_ms */);
    loop_free(o->f->loop);
    o->f->loop = o->wire->loop;
    guest_init(&o->f->guest, o->wire->loop);
    o->f->guest.on_report = on_report;
    return o;
}

static struct fixture *begin_open(void)
{
    struct fixture *o = begin();
    o->f->guest.http = http_env_open(&o->wire->env);
    return o;
}

static void end(struct fixture *o)
{
    guest_done(&o->f->guest, 0 /* linger_ms */);
    assert_int_equal(o->f->guest.http_open, 0);
    http_wire_end(o->wire);
    o->f->loop = NULL;
    guest_init(&o->f->guest, NULL);
    fake_component_free(o->f);
    free(o);
}

/* -- making a request --------------------------------------------------------------------------- */

static uint32_t fields(struct fixture *o, const char *name, const char *value)
{
    union component_value items[2] = {{.bytes = span_of(name)}, {.bytes = span_of(value)}};
    assert_int_equal(types(o, "[static]fields.from-list", LIST(items, name[0] != '\0' ? 1 : 0)), 0);
    assert_int_equal(o->results[0].number, 0);
    return (uint32_t)o->results[1].number;
}

/* To the wire, unless `authority` is another; "" leaves it out. */
static uint32_t request_to(struct fixture *o, uint32_t headers, uint64_t scheme,
                           const char *authority, const char *path)
{
    char own[32];
    (void)snprintf(own, sizeof own, "127.0.0.1:%u", o->wire->port);
    authority = authority != NULL ? authority : own;
    assert_int_equal(types(o, "[constructor]outgoing-request", NUMBER(headers)), 0);
    uint32_t request = (uint32_t)o->results[0].number;
    assert_int_equal(types(o, "[method]outgoing-request.set-scheme", NUMBER(request), NUMBER(1),
                           NUMBER(scheme), TEXT(scheme == OTHER_SCHEME ? "ftp" : "")),
                     0);
    assert_int_equal(o->results[0].number, 0);
    assert_int_equal(types(o, "[method]outgoing-request.set-authority", NUMBER(request),
                           NUMBER(authority[0] != '\0'), TEXT(authority)),
                     0);
    assert_int_equal(o->results[0].number, 0);
    assert_int_equal(types(o, "[method]outgoing-request.set-path-with-query", NUMBER(request),
                           NUMBER(path != NULL), TEXT(path != NULL ? path : "")),
                     0);
    assert_int_equal(o->results[0].number, 0);
    return request;
}

static uint32_t request(struct fixture *o, const char *name, const char *value, const char *path)
{
    return request_to(o, fields(o, name, value), HTTP, NULL, path);
}

static void set_method(struct fixture *o, uint32_t request_rep, uint64_t method, const char *other)
{
    assert_int_equal(types(o, "[method]outgoing-request.set-method", NUMBER(request_rep),
                           NUMBER(method), TEXT(other)),
                     0);
    assert_int_equal(o->results[0].number, 0);
}

/* Call handle: 0, and the future's rep is in results[1], or 1, and the error-code is. */
static uint64_t handle(struct fixture *o, uint32_t request_rep, uint32_t options)
{
    assert_int_equal(component_fake_call(o->f, &wasi_http_outgoing_handler, "handle",
                                         NUMBER(request_rep), NUMBER(options != 0),
                                         NUMBER(options)),
                     0);
    return o->results[0].number;
}

static uint32_t start(struct fixture *o, uint32_t request_rep)
{
    assert_int_equal(handle(o, request_rep, NONE), 0);
    return (uint32_t)o->results[1].number;
}

static void expect_refusal(struct fixture *o, uint32_t request_rep, uint64_t kind)
{
    uint32_t count = o->f->guest.resources.count;
    assert_int_equal(handle(o, request_rep, NONE), 1);
    assert_int_equal(o->results[1].number, kind);
    assert_int_equal(o->f->guest.resources.count, count - 1); /* the request is gone */
}

static uint32_t body_of(struct fixture *o, uint32_t request_rep)
{
    assert_int_equal(types(o, "[method]outgoing-request.body", NUMBER(request_rep)), 0);
    assert_int_equal(o->results[0].number, 0);
    return (uint32_t)o->results[1].number;
}

static uint32_t stream_of(struct fixture *o, uint32_t body)
{
    assert_int_equal(types(o, "[method]outgoing-body.write", NUMBER(body)), 0);
    assert_int_equal(o->results[0].number, 0);
    return (uint32_t)o->results[1].number;
}

static void write_text(struct fixture *o, uint32_t stream, const char *text)
{
    assert_int_equal(streams(o, "[method]output-stream.check-write", NUMBER(stream)), 0);
    assert_int_equal(o->results[0].number, 0);
    assert_true(o->results[1].number >= strlen(text));
    assert_int_equal(streams(o, "[method]output-stream.write", NUMBER(stream), TEXT(text)), 0);
    assert_int_equal(o->results[0].number, 0);
}

static void drop_stream(struct fixture *o, const char *kind, uint32_t rep)
{
    assert_int_equal(fake_component_drop(o->f, &wasi_io_streams, kind, rep), 0);
}

static void drop(struct fixture *o, const char *kind, uint32_t rep)
{
    assert_int_equal(fake_component_drop(o->f, &wasi_http_types, kind, rep), 0);
}

/* Gives 0, or 1 with the error-code in results[1]. */
static uint64_t finish(struct fixture *o, uint32_t body, uint32_t trailers)
{
    assert_int_equal(types(o, "[static]outgoing-body.finish", NUMBER(body), NUMBER(trailers != 0),
                           NUMBER(trailers)),
                     0);
    return o->results[0].number;
}

/* -- taking the response ------------------------------------------------------------------------ */

/* Turn until the future has something, and take it: 0, and the response's rep, or 1. */
static uint64_t await(struct fixture *o, uint32_t future)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        assert_int_equal(types(o, "[method]future-incoming-response.get", NUMBER(future)), 0);
        if (o->results[0].number == 1) {
            assert_int_equal(o->results[1].number, 0);
            return o->results[2].number;
        }
        http_wire_turn(o->wire, 5);
    }
    fail_msg("there is no response");
    return 1;
}

static uint32_t response(struct fixture *o, uint32_t future)
{
    assert_int_equal(await(o, future), 0);
    return (uint32_t)o->results[3].number;
}

static void expect_failure(struct fixture *o, uint32_t future, uint64_t kind)
{
    assert_int_equal(await(o, future), 1);
    assert_int_equal(o->results[3].number, kind);
}

static void expect_status(struct fixture *o, uint32_t rep, uint64_t status)
{
    assert_int_equal(types(o, "[method]incoming-response.status", NUMBER(rep)), 0);
    assert_int_equal(o->results[0].number, status);
}

static uint32_t consume(struct fixture *o, uint32_t rep)
{
    assert_int_equal(types(o, "[method]incoming-response.consume", NUMBER(rep)), 0);
    assert_int_equal(o->results[0].number, 0);
    return (uint32_t)o->results[1].number;
}

static uint32_t stream_in(struct fixture *o, uint32_t body)
{
    assert_int_equal(types(o, "[method]incoming-body.stream", NUMBER(body)), 0);
    assert_int_equal(o->results[0].number, 0);
    return (uint32_t)o->results[1].number;
}

/* Read to the end, and compare; gives the error that ended it, or 0 for a good end. */
static uint32_t read_all(struct fixture *o, uint32_t stream, const char *text)
{
    char got[4096];
    size_t len = 0;
    uint32_t error = 0;
    for (int i = 0;; i++) {
        assert_true(i < TURNS_MAX);
        assert_int_equal(
            streams(o, "[method]input-stream.read", NUMBER(stream), NUMBER(sizeof got - len)), 0);
        if (o->results[0].number != 0) {
            error = o->results[1].number == 0 ? (uint32_t)o->results[2].number : 0;
            break;
        }
        memcpy(got + len, o->results[1].bytes.data, o->results[1].bytes.len);
        len += o->results[1].bytes.len;
        http_wire_turn(o->wire, 1);
    }
    assert_int_equal(len, strlen(text));
    assert_memory_equal(got, text, len);
    return error;
}

/* The head that is sent for a request to the wire. */
static void expect_head(struct fixture *o, const char *method, const char *path, const char *more)
{
    char head[512];
    (void)snprintf(head, sizeof head,
                   "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n%s\r\n", method, path,
                   o->wire->port, more);
    http_wire_expect(o->wire, head);
}

/* -- good ones ---------------------------------------------------------------------------------- */

static void a_get(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    for (int i = 0; i < 3; i++) {
        uint32_t future = start(o, request(o, "x-a", "1", "/a?b=c"));
        expect_head(o, "GET", "/a?b=c", "x-a: 1\r\n");
        assert_int_equal(types(o, "[method]future-incoming-response.get", NUMBER(future)), 0);
        assert_int_equal(o->results[0].number, 0); /* none */
        http_wire_say(o->wire, OK_HEAD "X-B: 2\r\nContent-Length: 5\r\n\r\nhello");
        uint32_t rep = response(o, future);
        assert_int_equal(types(o, "[method]future-incoming-response.get", NUMBER(future)), 0);
        assert_int_equal(o->results[0].number, 1); /* some(error): it has been taken */
        assert_int_equal(o->results[1].number, 1);
        expect_status(o, rep, 200);
        assert_int_equal(types(o, "[method]incoming-response.headers", NUMBER(rep)), 0);
        uint32_t headers = (uint32_t)o->results[0].number;
        assert_int_equal(types(o, "[method]fields.get", NUMBER(headers), TEXT("x-b")), 0);
        assert_int_equal(o->results[0].list.count, 1);
        assert_true(span_is(o->results[0].list.items[0].bytes, "2"));
        uint32_t body = consume(o, rep);
        uint32_t stream = stream_in(o, body);
        assert_int_equal(read_all(o, stream, "hello"), 0);
        drop_stream(o, "input-stream", stream);
        drop(o, "incoming-body", body);
        drop(o, "fields", headers);
        drop(o, "incoming-response", rep);
        drop(o, "future-incoming-response", future);
        assert_int_equal(o->f->guest.resources.count, 0);
        assert_int_equal(o->f->guest.http_open, 0);
    }
    assert_int_equal(o->wire->connections, 1); /* it was reused */
    end(o);
}

static void a_path_of_its_own(void **state)
{
    static const struct {
        const char *path;
        const char *sent;
    } rows[] = {{NULL, "/"}, {"", "/"}, {"?a=b", "/?a=b"}, {"/%2e?x=%20", "/%2e?x=%20"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fixture *o = begin_open();
        uint32_t future = start(o, request(o, "", "", rows[i].path));
        expect_head(o, "GET", rows[i].sent, "");
        drop(o, "future-incoming-response", future);
        end(o);
    }
}

static void a_method_of_its_own(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "", "", "/");
    set_method(o, rep, OTHER_METHOD, "PURGE");
    uint32_t future = start(o, rep);
    expect_head(o, "PURGE", "/", "");
    http_wire_say(o->wire, EMPTY);
    expect_status(o, response(o, future), 200);
    end(o);
}

static void a_body_that_was_finished_has_a_length(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "", "", "/");
    set_method(o, rep, 2, "");
    uint32_t body = body_of(o, rep);
    uint32_t stream = stream_of(o, body);
    write_text(o, stream, "hello");
    drop_stream(o, "output-stream", stream);
    assert_int_equal(finish(o, body, NONE), 0);
    uint32_t future = start(o, rep);
    expect_head(o, "POST", "/", "Content-Length: 5\r\n");
    http_wire_expect(o->wire, "hello");
    http_wire_say(o->wire, EMPTY);
    expect_status(o, response(o, future), 200);
    end(o);
}

static void a_body_that_streams_with_trailers(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "", "", "/");
    set_method(o, rep, 2, "");
    uint32_t body = body_of(o, rep);
    uint32_t stream = stream_of(o, body);
    write_text(o, stream, "before");
    uint32_t future = start(o, rep);
    const char *head = http_wire_until(o->wire, "\r\n\r\n");
    assert_non_null(strstr(head, "Transfer-Encoding: chunked\r\n"));
    assert_null(strcasestr(head, "content-length"));
    http_wire_expect(o->wire, "6\r\nbefore\r\n");
    write_text(o, stream, "behind");
    http_wire_expect(o->wire, "6\r\nbehind\r\n");
    drop_stream(o, "output-stream", stream);
    assert_int_equal(finish(o, body, fields(o, "x-sum", "42")), 0);
    http_wire_expect(o->wire, "0\r\nx-sum: 42\r\n\r\n");
    http_wire_say(o->wire, EMPTY);
    expect_status(o, response(o, future), 200);
    assert_int_equal(o->results[0].number, 200);
    end(o);
}

/* It is sent without one: chunks confuse servers that expect no body of a GET. */
static void a_get_whose_body_was_opened(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "", "", "/");
    uint32_t body = body_of(o, rep);
    uint32_t future = start(o, rep);
    expect_head(o, "GET", "/", "");
    assert_int_equal(finish(o, body, NONE), 0);
    http_wire_say(o->wire, EMPTY);
    expect_status(o, response(o, future), 200);

    rep = request(o, "", "", "/");
    body = body_of(o, rep);
    uint32_t stream = stream_of(o, body);
    future = start(o, rep);
    expect_head(o, "GET", "/", "");
    assert_int_equal(streams(o, "[method]output-stream.check-write", NUMBER(stream)), 0);
    assert_int_equal(streams(o, "[method]output-stream.write", NUMBER(stream), TEXT("abc")), 0);
    assert_int_equal(o->results[0].number, 1);
    assert_int_equal(types(o, "http-error-code", NUMBER(o->results[2].number)), 0);
    assert_int_equal(o->results[1].number, WASI_HTTP_REQUEST_LENGTH_REQUIRED);
    drop_stream(o, "output-stream", stream);
    drop(o, "outgoing-body", body);
    http_wire_say(o->wire, EMPTY);
    expect_status(o, response(o, future), 200);
    assert_int_equal(o->wire->connections, 1);
    end(o);
}

static void a_get_with_a_body(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "content-length", "3", "/");
    uint32_t body = body_of(o, rep);
    uint32_t stream = stream_of(o, body);
    (void)start(o, rep);
    expect_head(o, "GET", "/", "Content-Length: 3\r\n");
    write_text(o, stream, "abc");
    drop_stream(o, "output-stream", stream);
    assert_int_equal(finish(o, body, NONE), 0);
    http_wire_expect(o->wire, "abc");

    rep = request(o, "", "", "/");
    stream = stream_of(o, body_of(o, rep));
    write_text(o, stream, "abc");
    (void)start(o, rep);
    assert_non_null(strstr(http_wire_until(o->wire, "\r\n\r\n"), "chunked"));
    http_wire_expect(o->wire, "3\r\nabc\r\n");
    end(o);
}

/* The response comes first, and the request goes on. */
static void both_directions_at_once(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "content-length", "6", "/");
    set_method(o, rep, 3, "");
    uint32_t body = body_of(o, rep);
    uint32_t stream = stream_of(o, body);
    uint32_t future = start(o, rep);
    expect_head(o, "PUT", "/", "Content-Length: 6\r\n");
    http_wire_say(o->wire, OK_HEAD "Content-Length: 6\r\n\r\nabc");
    uint32_t answer = response(o, future);
    drop(o, "future-incoming-response", future);
    uint32_t in = stream_in(o, consume(o, answer));
    write_text(o, stream, "xyz");
    http_wire_expect(o->wire, "xyz");
    http_wire_say(o->wire, "def");
    write_text(o, stream, "XYZ");
    drop_stream(o, "output-stream", stream);
    assert_int_equal(finish(o, body, NONE), 0);
    http_wire_expect(o->wire, "XYZ");
    assert_int_equal(read_all(o, in, "abcdef"), 0);
    end(o);
}

static void trailers_of_the_response(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t future = start(o, request(o, "", "", "/"));
    expect_head(o, "GET", "/", "");
    http_wire_say(o->wire, OK_HEAD "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                                   "2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n");
    uint32_t body = consume(o, response(o, future));
    uint32_t stream = stream_in(o, body);
    assert_int_equal(read_all(o, stream, "hi"), 0);
    drop_stream(o, "input-stream", stream);
    assert_int_equal(types(o, "[static]incoming-body.finish", NUMBER(body)), 0);
    uint32_t trailers = (uint32_t)o->results[0].number;
    assert_int_equal(types(o, "[method]future-trailers.get", NUMBER(trailers)), 0);
    for (int i = 0; i < 4; i++) { /* some(ok(ok(some( */
        assert_int_equal(o->results[i].number, i == 0 || i == 3);
    }
    uint32_t list = (uint32_t)o->results[4].number;
    assert_int_equal(types(o, "[method]fields.get", NUMBER(list), TEXT("x-sum")), 0);
    assert_int_equal(o->results[0].list.count, 1);
    assert_true(span_is(o->results[0].list.items[0].bytes, "7"));
    end(o);
}

/* Neither what Connection names, nor a length that a coding makes void, nor what no value may hold. */
static void headers_of_the_connection_do_not_reach_the_guest(void **state)
{
    (void)state;
    static const char *const names[] = {"x-hop",      "x-other",           "connection",
                                        "keep-alive", "transfer-encoding", "content-length",
                                        "x-control",  "proxy-authenticate"};
    struct fixture *o = begin_open();
    uint32_t future = start(o, request(o, "", "", "/"));
    expect_head(o, "GET", "/", "");
    http_wire_say(o->wire, OK_HEAD "X-Hop: 1\r\nConnection: keep-alive , X-HOP\r\nX-Other: 2\r\n"
                                   "Keep-Alive: 5\r\nConnection: ,x-other\r\nContent-Length: 2\r\n"
                                   "Transfer-Encoding: chunked\r\nX-Control: a\001b\r\n"
                                   "Proxy-Authenticate: a\r\nX-Good: 3\r\n\r\n0\r\n\r\n");
    uint32_t rep = response(o, future);
    assert_int_equal(types(o, "[method]incoming-response.headers", NUMBER(rep)), 0);
    uint32_t list = (uint32_t)o->results[0].number;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(types(o, "[method]fields.has", NUMBER(list), TEXT(names[i])), 0);
        assert_int_equal(o->results[0].number, 0);
    }
    assert_int_equal(types(o, "[method]fields.has", NUMBER(list), TEXT("x-good")), 0);
    assert_int_equal(o->results[0].number, 1);
    end(o);
}

static void a_redirect_is_a_response(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t future = start(o, request(o, "", "", "/"));
    expect_head(o, "GET", "/", "");
    http_wire_say(o->wire, "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
    expect_status(o, response(o, future), 302);
    end(o);
}

static void a_pollable_is_ready_with_the_response(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t future = start(o, request(o, "", "", "/"));
    assert_int_equal(types(o, "[method]future-incoming-response.subscribe", NUMBER(future)), 0);
    uint32_t pollable = (uint32_t)o->results[0].number;
    assert_false(fake_is_ready(o->f, pollable));
    expect_head(o, "GET", "/", "");
    http_wire_say(o->wire, EMPTY);
    assert_int_equal(
        component_fake_call(o->f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)), 0);
    assert_int_equal(o->f->waits, 1);
    assert_int_equal(await(o, future), 0);
    assert_true(fake_is_ready(o->f, pollable));  /* get would answer at once */
    drop(o, "future-incoming-response", future); /* before its child */
    assert_int_equal(fake_component_drop(o->f, &wasi_io_poll, "pollable", pollable), 0);
    end(o);
}

/* -- what may not be, or cannot ------------------------------------------------------------------ */

static void a_guest_without_a_client(void **state)
{
    (void)state;
    struct fixture *o = begin();
    expect_refusal(o, request(o, "", "", "/"), WASI_HTTP_REQUEST_DENIED);
    end(o);
}

/* A view of a request's own headers as the trailers of its body: each would hold the next. */
static void a_refused_request_is_let_go_with_its_trailers(void **state)
{
    (void)state;
    static char value[2000];
    memset(value, 'v', sizeof value - 1);
    struct fixture *o = begin();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(types(o, "[constructor]outgoing-request", NUMBER(fields(o, "x", value))),
                         0);
        uint32_t rep = (uint32_t)o->results[0].number;
        assert_int_equal(types(o, "[method]outgoing-request.body", NUMBER(rep)), 0);
        uint32_t body = (uint32_t)o->results[1].number;
        assert_int_equal(types(o, "[method]outgoing-request.headers", NUMBER(rep)), 0);
        uint32_t view = (uint32_t)o->results[0].number;
        assert_int_equal(
            types(o, "[static]outgoing-body.finish", NUMBER(body), NUMBER(1), NUMBER(view)), 0);
        expect_refusal(o, rep, WASI_HTTP_REQUEST_DENIED);
        assert_int_equal(o->f->guest.http_bytes, 0);
    }
    end(o);
}

static void what_the_policy_denies(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    o->wire->env.denies_requests = true;
    expect_refusal(o, request(o, "", "", "/"), WASI_HTTP_REQUEST_DENIED);
    o->wire->env.denies_requests = false;
    o->wire->env.denies_dialling = true;
    if (handle(o, request(o, "", "", "/"), NONE) == 0) {
        expect_failure(o, (uint32_t)o->results[1].number, WASI_HTTP_DESTINATION_IP_PROHIBITED);
    } else {
        assert_int_equal(o->results[1].number, WASI_HTTP_DESTINATION_IP_PROHIBITED);
    }
    assert_int_equal(o->wire->connections, 0);
    end(o);
}

static void urls_that_are_none(void **state)
{
    static const struct {
        uint64_t scheme;
        const char *authority;
        const char *path;
        uint64_t kind;
    } rows[] = {
        {OTHER_SCHEME, "a.example", "/", WASI_HTTP_PROTOCOL_ERROR},
        {HTTP, "", "/", WASI_HTTP_REQUEST_URI_INVALID},
        {HTTPS, "", NULL, WASI_HTTP_REQUEST_URI_INVALID},
    };
    (void)state;
    struct fixture *o = begin_open();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        uint32_t rep =
            request_to(o, fields(o, "", ""), rows[i].scheme, rows[i].authority, rows[i].path);
        expect_refusal(o, rep, rows[i].kind);
    }
    assert_int_equal(o->wire->env.judged, 0); /* the policy was never asked about such a thing */
    end(o);
}

static void a_length_without_a_body(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    expect_refusal(o, request(o, "content-length", "3", "/"), WASI_HTTP_REQUEST_BODY_SIZE);
    assert_int_equal(o->results[2].number, 1); /* some(0) bytes there are */
    assert_int_equal(o->results[3].number, 0);
    uint32_t future = start(o, request(o, "content-length", "0", "/"));
    (void)http_wire_until(o->wire, "\r\n\r\n");
    drop(o, "future-incoming-response", future);
    end(o);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    char authority[32];
    struct http_wire *gone = http_wire_begin();
    (void)snprintf(authority, sizeof authority, "127.0.0.1:%u", gone->port);
    http_wire_end(gone);
    uint32_t future = start(o, request_to(o, fields(o, "", ""), HTTP, authority, "/"));
    expect_failure(o, future, WASI_HTTP_CONNECTION_REFUSED);
    end(o);
}

static void a_peer_that_breaks_off(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t future = start(o, request(o, "", "", "/"));
    expect_head(o, "GET", "/", "");
    http_wire_close(o->wire);
    expect_failure(o, future, WASI_HTTP_CONNECTION_TERMINATED);

    future = start(o, request(o, "", "", "/"));
    expect_head(o, "GET", "/", "");
    http_wire_say(o->wire, OK_HEAD "Content-Length: 10\r\n\r\nabc");
    uint32_t stream = stream_in(o, consume(o, response(o, future)));
    http_wire_close(o->wire);
    uint32_t error = read_all(o, stream, "abc");
    assert_int_not_equal(error, 0);
    assert_int_equal(types(o, "http-error-code", NUMBER(error)), 0);
    assert_int_equal(o->results[0].number, 1);
    assert_int_equal(o->results[1].number, WASI_HTTP_RESPONSE_INCOMPLETE);
    end(o);
}

static void a_peer_that_speaks_no_http(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t future = start(o, request(o, "", "", "/"));
    expect_head(o, "GET", "/", "");
    http_wire_say(o->wire, OK_HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\n");
    uint32_t stream = stream_in(o, consume(o, response(o, future)));
    uint32_t error = read_all(o, stream, "");
    assert_int_equal(types(o, "http-error-code", NUMBER(error)), 0);
    assert_int_equal(o->results[1].number, WASI_HTTP_RESPONSE_TRANSFER_CODING);
    end(o);
}

static void no_more_at_a_time_than_allowed(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    o->f->guest.http_max_handles = 2;
    uint32_t first = start(o, request(o, "", "", "/"));
    (void)start(o, request(o, "", "", "/"));
    expect_refusal(o, request(o, "", "", "/"), WASI_HTTP_CONNECTION_LIMIT_REACHED);
    drop(o, "future-incoming-response", first);
    (void)start(o, request(o, "", "", "/"));
    end(o);
}

/* -- giving up ----------------------------------------------------------------------------------- */

static void dropping_the_future_cancels(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "", "", "/");
    set_method(o, rep, 2, "");
    uint32_t body = body_of(o, rep);
    uint32_t stream = stream_of(o, body);
    uint32_t future = start(o, rep);
    (void)http_wire_until(o->wire, "\r\n\r\n");
    drop(o, "future-incoming-response", future);
    assert_int_equal(o->f->guest.http_open, 0);
    http_wire_expect_end(o->wire);
    assert_int_equal(streams(o, "[method]output-stream.check-write", NUMBER(stream)), 0);
    assert_int_equal(o->results[0].number, 1); /* nobody takes the body any more */
    drop_stream(o, "output-stream", stream);
    (void)finish(o, body, NONE);
    end(o);
}

static void dropping_the_response_cancels(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t future = start(o, request(o, "", "", "/"));
    expect_head(o, "GET", "/", "");
    http_wire_say(o->wire, OK_HEAD "Content-Length: 10\r\n\r\nabc");
    uint32_t rep = response(o, future);
    drop(o, "incoming-response", rep);
    assert_int_equal(o->f->guest.http_open, 0);
    http_wire_expect_end(o->wire);
    drop(o, "future-incoming-response", future);
    end(o);
}

/* What was made from the response keeps the exchange. */
static void a_stream_outlives_its_response(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t future = start(o, request(o, "", "", "/"));
    expect_head(o, "GET", "/", "");
    http_wire_say(o->wire, OK_HEAD "Content-Length: 6\r\n\r\nabc");
    uint32_t rep = response(o, future);
    uint32_t stream = stream_in(o, consume(o, rep));
    drop(o, "future-incoming-response", future);
    drop(o, "incoming-response", rep);
    http_wire_say(o->wire, "def");
    assert_int_equal(read_all(o, stream, "abcdef"), 0);
    end(o);
}

static void a_body_that_is_dropped_breaks_the_request_off(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "", "", "/");
    set_method(o, rep, 2, "");
    uint32_t body = body_of(o, rep);
    uint32_t future = start(o, rep);
    (void)http_wire_until(o->wire, "\r\n\r\n");
    drop(o, "outgoing-body", body);
    expect_failure(o, future, WASI_HTTP_PROTOCOL_ERROR);
    http_wire_expect_end(o->wire);
    end(o);
}

static void fewer_bytes_than_declared(void **state)
{
    (void)state;
    struct fixture *o = begin_open();
    uint32_t rep = request(o, "content-length", "5", "/");
    set_method(o, rep, 2, "");
    uint32_t body = body_of(o, rep);
    uint32_t future = start(o, rep);
    uint32_t stream = stream_of(o, body);
    write_text(o, stream, "abc");
    drop_stream(o, "output-stream", stream);
    assert_int_equal(finish(o, body, NONE), 1);
    assert_int_equal(o->results[1].number, WASI_HTTP_REQUEST_BODY_SIZE);
    assert_int_equal(await(o, future), 1);
    http_wire_turn(o->wire, 1);
    end(o);
}

/* The guest ends with everything open, in every state. */
static void the_guest_ends_meanwhile(void **state)
{
    (void)state;
    for (int stage = 0; stage < 4; stage++) {
        struct fixture *o = begin_open();
        uint32_t rep = request(o, "", "", "/");
        set_method(o, rep, 2, "");
        uint32_t stream = stream_of(o, body_of(o, rep));
        uint32_t future = stage > 0 ? start(o, rep) : 0;
        if (stage > 1) {
            (void)http_wire_until(o->wire, "\r\n\r\n");
            write_text(o, stream, "abc");
            http_wire_say(o->wire, OK_HEAD "Content-Length: 10\r\n\r\nabc");
        }
        if (stage > 2) {
            (void)stream_in(o, consume(o, response(o, future)));
        }
        end(o);
    }
}

/* -- request-options ---------------------------------------------------------------------------- */

static void options_are_kept(void **state)
{
    static const char *const names[] = {"connect-timeout", "first-byte-timeout",
                                        "between-bytes-timeout"};
    (void)state;
    struct fixture *o = begin();
    assert_int_equal(
        fake_component_call(o->f, &wasi_http_types, "[constructor]request-options", NULL, 0), 0);
    uint32_t options = (uint32_t)o->results[0].number;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char get[64];
        char set[64];
        (void)snprintf(get, sizeof get, "[method]request-options.%s", names[i]);
        (void)snprintf(set, sizeof set, "[method]request-options.set-%s", names[i]);
        assert_int_equal(types(o, get, NUMBER(options)), 0);
        assert_int_equal(o->results[0].number, 0);
        assert_int_equal(types(o, set, NUMBER(options), NUMBER(1), NUMBER(SECOND + i)), 0);
        assert_int_equal(o->results[0].number, 0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char get[64];
        char set[64];
        (void)snprintf(get, sizeof get, "[method]request-options.%s", names[i]);
        (void)snprintf(set, sizeof set, "[method]request-options.set-%s", names[i]);
        assert_int_equal(types(o, get, NUMBER(options)), 0);
        assert_int_equal(o->results[0].number, 1);
        assert_int_equal(o->results[1].number, SECOND + i);
        assert_int_equal(types(o, set, NUMBER(options), NUMBER(0), NUMBER(77)), 0);
        assert_int_equal(types(o, get, NUMBER(options)), 0);
        assert_int_equal(o->results[0].number, 0);
    }
    drop(o, "request-options", options);
    end(o);
}

static void a_time_that_passes(void **state)
{
    static const uint64_t times[] = {0, 20 * SECOND / 1000};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        struct fixture *o = begin_open();
        assert_int_equal(
            fake_component_call(o->f, &wasi_http_types, "[constructor]request-options", NULL, 0),
            0);
        uint32_t options = (uint32_t)o->results[0].number;
        assert_int_equal(types(o, "[method]request-options.set-first-byte-timeout", NUMBER(options),
                               NUMBER(1), NUMBER(times[i])),
                         0);
        assert_int_equal(handle(o, request(o, "", "", "/"), options), 0);
        expect_failure(o, (uint32_t)o->results[1].number, WASI_HTTP_CONNECTION_READ_TIMEOUT);
        end(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get),
        cmocka_unit_test(a_path_of_its_own),
        cmocka_unit_test(a_method_of_its_own),
        cmocka_unit_test(a_body_that_was_finished_has_a_length),
        cmocka_unit_test(a_body_that_streams_with_trailers),
        cmocka_unit_test(a_get_whose_body_was_opened),
        cmocka_unit_test(a_get_with_a_body),
        cmocka_unit_test(both_directions_at_once),
        cmocka_unit_test(trailers_of_the_response),
        cmocka_unit_test(a_redirect_is_a_response),
        cmocka_unit_test(a_pollable_is_ready_with_the_response),
        cmocka_unit_test(headers_of_the_connection_do_not_reach_the_guest),
        cmocka_unit_test(a_guest_without_a_client),
        cmocka_unit_test(a_refused_request_is_let_go_with_its_trailers),
        cmocka_unit_test(what_the_policy_denies),
        cmocka_unit_test(urls_that_are_none),
        cmocka_unit_test(a_length_without_a_body),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_peer_that_breaks_off),
        cmocka_unit_test(a_peer_that_speaks_no_http),
        cmocka_unit_test(no_more_at_a_time_than_allowed),
        cmocka_unit_test(dropping_the_future_cancels),
        cmocka_unit_test(dropping_the_response_cancels),
        cmocka_unit_test(a_stream_outlives_its_response),
        cmocka_unit_test(a_body_that_is_dropped_breaks_the_request_off),
        cmocka_unit_test(fewer_bytes_than_declared),
        cmocka_unit_test(the_guest_ends_meanwhile),
        cmocka_unit_test(options_are_kept),
        cmocka_unit_test(a_time_that_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
