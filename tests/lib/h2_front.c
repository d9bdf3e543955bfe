/* An HTTP front for tests of HTTP/2. See h2_front.h. */
#include "h2_front.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "http/internal.h"

enum { PIECE = 8192, FIELDS_MAX = 64 << 10 };

enum kind { ECHO, WAIT, SLEEP, READ, LATE, BIG };

struct reply {
    struct list node;
    struct h2_front *front;
    struct http_transaction *t;
    enum kind kind;
    uint8_t bytes[PIECE]; /* of an echo, not yet written */
    size_t at;
    size_t len;
    uint64_t count; /* read so far, or left to write */
    bool is_at_end;
    bool has_responded;
};

static const struct http_outbound ok = {.status = 200, .length = HTTP_LENGTH_UNKNOWN};

static void forget(struct reply *reply)
{
    list_remove(&reply->node);
    reply->front->live--;
    free(reply);
}

static void finish(struct reply *reply, const struct http_header *trailers, uint32_t count)
{
    http_transaction_end(reply->t, trailers, count);
    forget(reply);
}

/* -- bodies ----------------------------------------------------------------------------------- */

static void go_on_echo(struct reply *reply)
{
    for (;;) {
        while (reply->at < reply->len) {
            int64_t n =
                http_transaction_write(reply->t, reply->bytes + reply->at, reply->len - reply->at);
            if (n == -EAGAIN) {
                return;
            }
            if (n < 0) {
                assert_int_equal(n, -ENOMEM);
                http_transaction_fail(reply->t, 500, 0);
                forget(reply);
                return;
            }
            reply->at += (size_t)n;
        }
        int64_t n = http_transaction_read(reply->t, reply->bytes, sizeof reply->bytes);
        if (n == -EAGAIN) {
            return;
        }
        if (n <= 0) {
            const struct http_header *trailers = NULL;
            uint32_t count = http_transaction_trailers(reply->t, &trailers);
            finish(reply, trailers, count);
            return;
        }
        reply->at = 0;
        reply->len = (size_t)n;
    }
}

static void go_on_read(struct reply *reply)
{
    uint64_t held = 0;
    int64_t n = 0;
    for (;;) {
        n = http_transaction_read(reply->t, reply->bytes, sizeof reply->bytes);
        if (n <= 0) {
            break;
        }
        held += (uint64_t)n;
    }
    reply->count += held;
    if (held > reply->front->max_held) {
        reply->front->max_held = held;
    }
    if (n == -EMSGSIZE) {
        http_transaction_fail(reply->t, 413, 0);
        forget(reply);
    } else if (n == 0 && reply->kind != SLEEP) {
        char text[32];
        int len = snprintf(text, sizeof text, "%llu", (unsigned long long)reply->count);
        http_transaction_respond_all(reply->t, &ok,
                                     (struct span){(const uint8_t *)text, (size_t)len});
        forget(reply);
    }
}

static void go_on_big(struct reply *reply)
{
    static uint8_t xs[PIECE * 4];
    memset(xs, 'x', sizeof xs);
    while (reply->count > 0) {
        size_t len = reply->count < sizeof xs ? (size_t)reply->count : sizeof xs;
        int64_t n = http_transaction_write(reply->t, xs, len);
        if (n == -EAGAIN) {
            return;
        }
        assert_true(n > 0);
        reply->count -= (uint64_t)n;
    }
    finish(reply, NULL, 0);
}

static void go_on(void *context)
{
    struct reply *reply = context;
    switch (reply->kind) {
    case ECHO:
        go_on_echo(reply);
        break;
    case LATE:
        if (!reply->front->is_reading) {
            break;
        }
        go_on_read(reply);
        break;
    case SLEEP:
    case READ:
        go_on_read(reply);
        break;
    case BIG:
        go_on_big(reply);
        break;
    case WAIT:
        break;
    }
}

static void on_abort(void *context)
{
    struct reply *reply = context;
    reply->front->aborts++;
    forget(reply);
}

static void attach(struct h2_front *front, struct http_transaction *t, enum kind kind,
                   uint64_t count)
{
    static const struct http_transaction_callbacks callbacks = {go_on, go_on, on_abort};
    struct reply *reply = calloc(1, sizeof *reply);
    assert_non_null(reply);
    reply->front = front;
    reply->t = t;
    reply->kind = kind;
    reply->count = count;
    list_append(&front->replies, &reply->node);
    front->live++;
    http_transaction_attach(t, &callbacks, reply);
    if (kind == ECHO || kind == BIG) {
        struct http_outbound outbound = ok;
        outbound.length = kind == BIG ? (int64_t)count : HTTP_LENGTH_UNKNOWN;
        assert_int_equal(http_transaction_respond(t, &outbound), 0);
    }
    go_on(reply);
}

void h2_front_read(struct h2_front *front)
{
    front->is_reading = true;
    struct list *node = front->replies.next;
    while (node != &front->replies) {
        struct reply *reply = container_of(node, struct reply, node);
        node = node->next;
        go_on(reply);
    }
}

/* -- answers in one go ------------------------------------------------------------------------ */

static void answer(struct http_transaction *t, uint16_t status, const char *text)
{
    struct http_outbound outbound = ok;
    outbound.status = status;
    http_transaction_respond_all(t, &outbound, span_of(text));
}

static void answer_fields(struct http_transaction *t)
{
    const struct http_inbound *in = http_transaction_inbound(t);
    struct buffer text;
    buffer_init(&text, FIELDS_MAX);
    (void)buffer_printf(&text, "%.*s %.*s host=%.*s length=%lld body=%d\n", (int)in->method.len,
                        (const char *)in->method.data, (int)in->target.len,
                        (const char *)in->target.data, (int)in->authority.len,
                        (const char *)in->authority.data, (long long)in->content_length,
                        in->has_body);
    for (uint32_t i = 0; i < in->header_count; i++) {
        (void)buffer_append(&text, in->headers[i].name);
        (void)buffer_append(&text, span_of(": "));
        (void)buffer_append(&text, in->headers[i].value);
        (void)buffer_append(&text, span_of("\n"));
    }
    http_transaction_respond_all(t, &ok, buffer_span(&text));
    buffer_done(&text);
}

static void answer_trailers(struct http_transaction *t)
{
    const struct http_header trailers[] = {{span_of("X-Sum"), span_of("1")},
                                           {span_of("Connection"), span_of("x")},
                                           {span_of("hOsT"), span_of("other")},
                                           {span_of("Set-Cookie"), span_of("a=b")},
                                           {span_of("CONTENT-TYPE"), span_of("no/way")},
                                           {span_of("Trailer"), span_of("X-Sum")},
                                           {span_of("Date"), span_of("never")}};
    int r = http_transaction_respond(t, &ok);
    if (r < 0) {
        assert_int_equal(r, -ENOMEM);
        http_transaction_fail(t, 500, 0);
        return;
    }
    (void)http_transaction_write(t, "body", 4); /* all of it, or -ENOMEM */
    http_transaction_end(t, trailers, ARRAY_COUNT(trailers));
}

static void answer_hints(struct http_transaction *t)
{
    const struct http_header link = {span_of("Link"), span_of("</a.css>")};
    const struct http_outbound hints = {.status = 103, .headers = &link, .header_count = 1};
    const struct http_header ours[] = {{span_of("Content-Length"), span_of("99")},
                                       {span_of("Connection"), span_of("close")},
                                       {span_of("Date"), span_of("never")},
                                       {span_of("X-Mixed"), span_of("Case")}};
    const struct http_outbound whole = {.status = 200, .headers = ours, .header_count = 4};
    int r = http_transaction_interim(t, &hints);
    assert_true(r == 0 || r == -ENOMEM);
    http_transaction_respond_all(t, &whole, span_of("hello"));
}

static void answer_broken(struct http_transaction *t)
{
    struct http_outbound outbound = ok;
    outbound.length = 10;
    assert_int_equal(http_transaction_respond(t, &outbound), 0);
    assert_int_equal(http_transaction_write(t, "four", 4), 4);
    http_transaction_end(t, NULL, 0);
}

static void on_request(void *context, struct http_transaction *t)
{
    struct h2_front *front = context;
    const struct http_inbound *in = http_transaction_inbound(t);
    front->requests++;
    assert_int_equal(in->version, front->takes_h1 ? in->version : 20);
    if (span_is(in->path, "/echo")) {
        attach(front, t, ECHO, 0);
    } else if (span_is(in->path, "/wait")) {
        attach(front, t, WAIT, 0);
    } else if (span_is(in->path, "/sleep")) {
        attach(front, t, SLEEP, 0);
    } else if (span_is(in->path, "/read")) {
        if (http_transaction_limit_body(t, 100 << 20) < 0) {
            http_transaction_fail(t, 413, 0);
            return;
        }
        attach(front, t, READ, 0);
    } else if (span_is(in->path, "/late")) {
        attach(front, t, LATE, 0);
    } else if (span_is(in->path, "/big")) {
        attach(front, t, BIG, strtoull((const char *)in->query.data, NULL, 10));
    } else if (span_is(in->path, "/early")) {
        answer(t, 200, "early");
    } else if (span_is(in->path, "/empty")) {
        answer(t, 204, "");
    } else if (span_is(in->path, "/trailers")) {
        answer_trailers(t);
    } else if (span_is(in->path, "/fields")) {
        answer_fields(t);
    } else if (span_is(in->path, "/hints")) {
        answer_hints(t);
    } else if (span_is(in->path, "/broken")) {
        answer_broken(t);
    } else if (span_is(in->path, "/fail")) {
        http_transaction_fail(t, 502, 0);
    } else {
        answer(t, 200, "hello");
    }
}

static void on_done(void *context, struct http_transaction *t, const struct http_report *report)
{
    (void)t;
    struct h2_front *front = context;
    if (front->report_count < H2_FRONT_REPORTS_MAX) {
        front->reports[front->report_count++] = *report;
    }
}

static void on_drained(void *context)
{
    struct h2_front *front = context;
    front->is_drained = true;
}

/* -- its life --------------------------------------------------------------------------------- */

void h2_front_init(struct h2_front *front)
{
    *front = (struct h2_front){.fd = -1};
    list_init(&front->replies);
    front->options = (struct http_server_options){
        .limits = {.head_max = 16 << 10,
                   .target_max = 4 << 10,
                   .header_max = 100,
                   .connections = 100,
                   .http2_streams = 100},
        .server_name = "hythe",
        .context = front,
        .on_request = on_request,
        .on_done = on_done,
    };
}

void h2_front_begin(struct h2_front *front)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(loop_new(&front->loop), 0);
    front->options.loop = front->loop;
    front->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(front->fd >= 0);
    assert_int_equal(bind(front->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(front->fd, 64), 0);
    assert_int_equal(getsockname(front->fd, (struct sockaddr *)&address, &len), 0);
    front->port = ntohs(address.sin_port);
    assert_int_equal(http_server_new(&front->options, &front->server, NULL), 0);
    const struct http_listener_options listener = {.fd = front->fd, .offers_h2 = true};
    assert_int_equal(http_server_listen(front->server, &listener, NULL), 0);
}

void h2_front_end(struct h2_front *front)
{
    http_server_free(front->server);
    assert_int_equal(front->live, 0);
    loop_free(front->loop);
    (void)close(front->fd);
}

void h2_front_drain(struct h2_front *front)
{
    http_server_drain(front->server, on_drained);
}

void h2_front_turn(struct h2_front *front, unsigned ms)
{
    uint64_t end = loop_clock_ns() + ms * (uint64_t)1000000;
    do {
        assert_int_equal(loop_turn(front->loop, 1), 0);
    } while (loop_clock_ns() < end);
}
