/* wasi:http/types behind the real front, to the byte: a hello in one piece, bodies and trailers both
 * ways, and lengths that are not kept, after which the connection is in step or closed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"
#include "http_guest.h"
#include "imports/wasi_http/body.h"
#include "loop/loop.h"

enum { TURNS_MAX = 20000, GOT_MAX = 8 << 20 };

/* A guest as in http_guest.h, whose transactions are the front's. */
struct served {
    struct http_guest g; /* t stays NULL */
    struct http_server *server;
    struct http_transaction *transaction;
    int listener;
    int client;
    unsigned requests;
    unsigned done;
    struct buffer got;
    bool has_ended;
};

static void on_state(void *context, enum wasi_http_state state, const char *why)
{
    struct served *s = context;
    s->g.tellings++;
    s->g.told = state;
    (void)snprintf(s->g.why, sizeof s->g.why, "%s", why != NULL ? why : "");
}

static int respond(void *context, const struct http_outbound *outbound)
{
    struct served *s = context;
    return http_transaction_respond(s->transaction, outbound);
}

static void on_readable(void *context)
{
    wasi_http_inbound_on_readable(((struct served *)context)->g.inbound);
}

static void on_writable(void *context)
{
    wasi_http_inbound_on_writable(((struct served *)context)->g.inbound);
}

static void on_abort(void *context)
{
    struct served *s = context;
    wasi_http_inbound_detach(s->g.inbound);
    guest_wake(&s->g.f->guest);
}

static void on_request(void *context, struct http_transaction *t)
{
    static const struct http_transaction_callbacks callbacks = {on_readable, on_writable, on_abort};
    struct served *s = context;
    const struct wasi_http_inbound_options options = {
        .transaction = t, .context = s, .respond = respond, .on_state = on_state};
    uint32_t reps[2];
    wasi_http_inbound_free(s->g.inbound); /* that of the request before */
    assert_int_equal(wasi_http_inbound_new(&s->g.f->guest, &options, &s->g.inbound, reps), 0);
    s->g.request = reps[0];
    s->g.outparam = reps[1];
    s->g.tellings = 0;
    s->transaction = t;
    s->requests++;
    http_transaction_attach(t, &callbacks, s);
}

static void on_done(void *context, struct http_transaction *t, const struct http_report *report)
{
    (void)t;
    (void)report;
    ((struct served *)context)->done++;
}

static void on_report(void *context, const char *line)
{
    (void)context;
    (void)line;
}

static void turn(struct served *s)
{
    assert_true(loop_turn(s->g.f->loop, 1) >= 0);
    for (;;) {
        assert_int_equal(buffer_reserve(&s->got, 4096), 0);
        ssize_t n = recv(s->client, s->got.data + s->got.len, 4096, MSG_DONTWAIT);
        if (n <= 0) {
            s->has_ended = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
            return;
        }
        s->got.len += (size_t)n;
    }
}

static void listen_and_connect(struct served *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(s->listener, 16), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &len), 0);
    const struct http_listener_options options = {.fd = s->listener};
    assert_int_equal(http_server_listen(s->server, &options, NULL), 0);
    s->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(s->client, (struct sockaddr *)&address, len), 0);
}

static struct served *begin(void)
{
    static const uint64_t s_ns = 1000000000;
    struct served *s = calloc(1, sizeof *s);
    struct error err;
    assert_non_null(s);
    s->g.f = fake_component_new();
    s->g.results = s->g.f->results;
    buffer_init(&s->got, GOT_MAX);
    const struct http_server_options options = {
        .loop = s->g.f->loop,
        .timeouts = {30 * s_ns, 30 * s_ns, 60 * s_ns, 60 * s_ns, 120 * s_ns},
        .limits = {.head_max = 8192, .target_max = 1024, .header_max = 32, .connections = 16},
        .context = s,
        .on_request = on_request,
        .on_done = on_done,
        .on_report = on_report,
    };
    assert_int_equal(http_server_new(&options, &s->server, &err), 0);
    listen_and_connect(s);
    return s;
}

static void end(struct served *s)
{
    (void)close(s->client);
    http_server_free(s->server);
    wasi_http_inbound_free(s->g.inbound);
    (void)close(s->listener);
    buffer_done(&s->got);
    assert_true(loop_turn(s->g.f->loop, 0) >= 0);
    fake_component_free(s->g.f);
    free(s);
}

static void say(struct served *s, const char *text)
{
    size_t len = strlen(text);
    assert_int_equal(send(s->client, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* A request, as far as the guest being called with it. */
static void ask(struct served *s, const char *text)
{
    unsigned requests = s->requests;
    s->got.len = 0;
    say(s, text);
    for (unsigned i = 0; s->requests == requests && i < TURNS_MAX; i++) {
        turn(s);
    }
    assert_int_equal(s->requests, requests + 1);
}

static const char *got(struct served *s)
{
    const char *text = buffer_text(&s->got);
    assert_non_null(text);
    return text;
}

/* Turn until that has come. */
static void await(struct served *s, const char *text)
{
    for (unsigned i = 0; strstr(got(s), text) == NULL && !s->has_ended && i < TURNS_MAX; i++) {
        turn(s);
    }
    assert_non_null(strstr(got(s), text));
}

static void await_end(struct served *s)
{
    for (unsigned i = 0; !s->has_ended && i < TURNS_MAX; i++) {
        turn(s);
    }
    assert_true(s->has_ended);
}

static void say_hello(struct served *s)
{
    struct http_guest *g = &s->g;
    uint32_t response = http_guest_response(g, "content-type: text/plain\n");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t stream = http_guest_stream(g, body);
    http_guest_write(g, stream, "hello");
    http_guest_finish(g, stream, body, NULL);
    http_guest_drop(g, "incoming-request", g->request);
}

static void expect_hello(struct served *s)
{
    ask(s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    say_hello(s);
    assert_int_equal(s->got.len, 0); /* nothing leaves before the turn ends */
    await(s, "hello");
    assert_non_null(strstr(got(s), "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(got(s), "\r\nContent-Length: 5\r\n"));
    assert_null(strstr(got(s), "chunked"));
    assert_string_equal(strstr(got(s), "\r\n\r\n"), "\r\n\r\nhello");
    assert_int_equal(s->g.told, WASI_HTTP_COMPLETE);
}

static void a_hello_leaves_in_one_piece(void **state)
{
    (void)state;
    struct served *s = begin();
    for (unsigned i = 0; i < 20; i++) {
        expect_hello(s);
        assert_int_equal(s->g.f->guest.resources.count, 0);
    }
    assert_int_equal(s->g.f->guest.http_bytes, 0);
    end(s);
}

static uint32_t consume(struct http_guest *g, uint32_t *ret_body)
{
    assert_int_equal(types_call(g, "[method]incoming-request.consume", NUMBER(g->request)), 0);
    *ret_body = (uint32_t)g->results[1].number;
    assert_int_equal(types_call(g, "[method]incoming-body.stream", NUMBER(*ret_body)), 0);
    return (uint32_t)g->results[1].number;
}

static void expect_block(struct served *s, uint32_t in, const char *text)
{
    struct http_guest *g = &s->g;
    assert_int_equal(streams_call(g, "[method]input-stream.blocking-read", NUMBER(in), NUMBER(100)),
                     0);
    assert_int_equal(g->results[0].number, 0);
    assert_int_equal(g->results[1].bytes.len, strlen(text));
    assert_memory_equal(g->results[1].bytes.data, text, strlen(text));
}

static void bodies_and_trailers_go_both_ways(void **state)
{
    (void)state;
    struct served *s = begin();
    struct http_guest *g = &s->g;
    uint32_t in_body = 0;
    ask(s, "POST /echo HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n"
           "Expect: 100-continue\r\n\r\n");
    uint32_t response = http_guest_response(g, "");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t out = http_guest_stream(g, body);
    uint32_t in = consume(g, &in_body);
    assert_int_equal(streams_call(g, "[method]input-stream.read", NUMBER(in), NUMBER(100)), 0);
    assert_int_equal(g->results[1].bytes.len, 0);
    say(s, "3\r\nabc\r\n");
    expect_block(s, in, "abc");
    http_guest_write(g, out, "abc");
    await(s, "\r\n3\r\nabc\r\n");
    say(s, "2\r\nde\r\n0\r\nX-Sum: 5\r\nConnection: x\r\n\r\n");
    expect_block(s, in, "de");
    http_guest_write(g, out, "de");
    assert_int_equal(streams_call(g, "[method]input-stream.blocking-read", NUMBER(in), NUMBER(100)),
                     0);
    fake_expect_closed(g->f);
    http_guest_drop_stream(g, "input-stream", in);
    assert_int_equal(types_call(g, "[static]incoming-body.finish", NUMBER(in_body)), 0);
    uint32_t future = (uint32_t)g->results[0].number;
    assert_int_equal(types_call(g, "[method]future-trailers.get", NUMBER(future)), 0);
    assert_int_equal(g->results[3].number, 1);
    http_guest_expect_entries(g, (uint32_t)g->results[4].number, "x-sum: 5\n");
    http_guest_finish(g, out, body, "x-out: 1\n");
    await(s, "\r\n2\r\nde\r\n0\r\nx-out: 1\r\n\r\n");
    expect_hello(s); /* in step */
    end(s);
}

static void write_short(struct served *s, bool has_left)
{
    struct http_guest *g = &s->g;
    ask(s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    uint32_t response = http_guest_response(g, "content-length: 10\n");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t out = http_guest_stream(g, body);
    http_guest_write(g, out, "short");
    if (has_left) {
        await(s, "short");
    }
    http_guest_drop_stream(g, "output-stream", out);
    assert_int_equal(
        types_call(g, "[static]outgoing-body.finish", NUMBER(body), NUMBER(0), NUMBER(0)), 0);
    assert_int_equal(g->results[1].number, WASI_HTTP_RESPONSE_BODY_SIZE);
    assert_int_equal(g->told, WASI_HTTP_BROKEN);
}

static void a_length_that_is_not_kept_never_puts_the_connection_out_of_step(void **state)
{
    (void)state;
    struct served *s = begin();
    write_short(s, false);
    await(s, "\r\n\r\n");
    assert_memory_equal(got(s), "HTTP/1.1 500 ", 13); /* honest while nothing has left */
    assert_null(strstr(got(s), "short"));
    end(s);
    s = begin();
    write_short(s, true);
    await_end(s);
    assert_non_null(strstr(got(s), "Content-Length: 10\r\n"));
    assert_string_equal(strstr(got(s), "\r\n\r\n"), "\r\n\r\nshort");
    end(s);
}

/* The client reads late: what is kept for it has a bound, and nothing is lost. */
static void a_client_that_reads_late(void **state)
{
    (void)state;
    enum { TOTAL = 4 << 20 };
    struct served *s = begin();
    struct http_guest *g = &s->g;
    uint8_t *bytes = malloc(TOTAL);
    for (size_t i = 0; i < TOTAL; i++) {
        bytes[i] = (uint8_t)(i * 13 + i / 509);
    }
    ask(s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    uint32_t response = http_guest_response(g, "content-length: 4194304\n");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t out = http_guest_stream(g, body);
    size_t done = 0;
    for (unsigned i = 0; done < TOTAL && i < TURNS_MAX; i++) {
        assert_int_equal(streams_call(g, "[method]output-stream.check-write", NUMBER(out)), 0);
        assert_int_equal(g->results[0].number, 0);
        size_t room = (size_t)g->results[1].number;
        size_t len = room < TOTAL - done ? room : TOTAL - done;
        if (len == 0) {
            turn(s);
            continue;
        }
        assert_int_equal(
            streams_call(g, "[method]output-stream.write", NUMBER(out), BYTES(bytes + done, len)),
            0);
        done += len;
        assert_true(g->f->guest.http_bytes <= OUTGOING_HELD_MAX);
    }
    assert_int_equal(done, TOTAL);
    http_guest_finish(g, out, body, NULL);
    for (unsigned i = 0; s->got.len < TOTAL && i < TURNS_MAX; i++) {
        turn(s);
    }
    const char *content = strstr(got(s), "\r\n\r\n");
    while (s->got.len < (size_t)(content + 4 - got(s)) + TOTAL) {
        turn(s);
        content = strstr(got(s), "\r\n\r\n");
    }
    assert_memory_equal(content + 4, bytes, TOTAL);
    assert_int_equal(g->told, WASI_HTTP_COMPLETE);
    expect_hello(s);
    free(bytes);
    end(s);
}

static void a_client_that_leaves_ends_a_wait(void **state)
{
    (void)state;
    struct served *s = begin();
    struct http_guest *g = &s->g;
    uint32_t in_body = 0;
    ask(s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    uint32_t in = consume(g, &in_body);
    expect_block(s, in, "abc");
    const struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(s->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    assert_int_equal(component_fake_begin(g->f, &wasi_io_streams,
                                          "[method]input-stream.blocking-read", NUMBER(in),
                                          NUMBER(100)),
                     CALL_WAIT);
    (void)close(s->client);
    s->client = -1;
    assert_int_equal(fake_component_finish(g->f), 0);
    assert_int_equal(http_guest_failure(g), WASI_HTTP_CONNECTION_TERMINATED);
    assert_int_equal(types_call(g, "[method]incoming-request.method", NUMBER(g->request)), 0);
    assert_int_equal(g->results[0].number, 2);
    end(s);
}

static void a_response_to_head_has_the_length_and_no_content(void **state)
{
    (void)state;
    struct served *s = begin();
    struct http_guest *g = &s->g;
    ask(s, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    uint32_t response = http_guest_response(g, "content-length: 5\n");
    uint32_t body = http_guest_body(g, response);
    http_guest_set(g, response);
    uint32_t out = http_guest_stream(g, body);
    http_guest_write(g, out, "hello");
    http_guest_finish(g, out, body, NULL);
    await(s, "\r\n\r\n");
    assert_non_null(strstr(got(s), "Content-Length: 5\r\n"));
    assert_string_equal(strstr(got(s), "\r\n\r\n"), "\r\n\r\n");
    expect_hello(s);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_leaves_in_one_piece),
        cmocka_unit_test(bodies_and_trailers_go_both_ways),
        cmocka_unit_test(a_length_that_is_not_kept_never_puts_the_connection_out_of_step),
        cmocka_unit_test(a_client_that_reads_late),
        cmocka_unit_test(a_client_that_leaves_ends_a_wait),
        cmocka_unit_test(a_response_to_head_has_the_length_and_no_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
