/* Requests whose body comes in pieces, byte for byte, and what can happen on the way. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "http_wire.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define EMPTY OK_HEAD "Content-Length: 0\r\n\r\n"

enum { ROOM = 64 << 10, MIB = 1 << 20, MANY = 100 * MIB, MS = 1000000, FLAT = 512 << 10 };

/* Of AddressSanitizer, where it is there. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL
               ? __sanitizer_get_current_allocated_bytes()
               : mallinfo2().uordblks;
}

static struct http_request request_of(const char *method, int64_t length)
{
    return (struct http_request){
        .method = span_of(method), .streams_body = true, .body_length = length};
}

static void start(struct http_wire *w, const char *method, int64_t length)
{
    struct http_request request = request_of(method, length);
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
}

/* The head that the client is to send. */
static void expect_head(struct http_wire *w, const char *method, const char *framing)
{
    char head[256];
    (void)snprintf(head, sizeof head,
                   "%s / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\n%s\r\n\r\n", method,
                   w->port, framing);
    http_wire_expect(w, head);
}

static int64_t write_text(struct http_wire *w, const char *text)
{
    return http_exchange_write(w->exchange, (const uint8_t *)text, strlen(text));
}

static void finish(struct http_wire *w)
{
    assert_int_equal(http_exchange_finish(w->exchange, NULL, 0), HTTP_OK);
}

/* -- what goes over the wire ------------------------------------------------------------------ */

static void a_known_length_is_declared(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static const char *const methods[] = {"POST", "PUT", "GET", "DELETE", "QUERY", "patch"};
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        start(w, methods[i], 11);
        assert_int_equal(write_text(w, "hello"), 5);
        expect_head(w, methods[i], "Content-Length: 11");
        http_wire_expect(w, "hello");
        assert_int_equal(write_text(w, " world"), 6);
        finish(w);
        http_wire_expect(w, " world");
        http_wire_say(w, OK_HEAD "Content-Length: 2\r\n\r\nok");
        http_wire_body(w, "ok", HTTP_OK);
    }
    assert_int_equal(w->connections, 1); /* it was reused */
    http_wire_end(w);
}

static void an_unknown_length_is_chunked(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static const char *const methods[] = {"POST", "GET", "DELETE"};
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        start(w, methods[i], -1);
        expect_head(w, methods[i], "Transfer-Encoding: chunked");
        assert_int_equal(write_text(w, "hello"), 5);
        http_wire_expect(w, "5\r\nhello\r\n");
        assert_int_equal(write_text(w, "again and again."), 16);
        http_wire_expect(w, "10\r\nagain and again.\r\n");
        finish(w);
        http_wire_expect(w, "0\r\n\r\n");
        http_wire_say(w, EMPTY);
        http_wire_body(w, "", HTTP_OK);
    }
    assert_int_equal(w->connections, 1);
    http_wire_end(w);
}

static void bodies_of_no_bytes(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    start(w, "POST", 0);
    finish(w);
    expect_head(w, "POST", "Content-Length: 0");
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
    start(w, "POST", -1);
    assert_int_equal(write_text(w, ""), 0);
    finish(w);
    expect_head(w, "POST", "Transfer-Encoding: chunked");
    http_wire_expect(w, "0\r\n\r\n");
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
    http_wire_end(w);
}

static void a_head_request_has_no_body(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    start(w, "HEAD", -1);
    assert_int_equal(write_text(w, "x"), -EPIPE);
    finish(w);
    http_exchange_abort(w->exchange); /* nothing is aborted */
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, OK_HEAD "Content-Length: 7\r\n\r\n");
    http_wire_body(w, "", HTTP_OK);
    http_wire_end(w);
}

static void trailers_go_behind_the_chunks(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    const struct http_header trailers[] = {
        {span_of("X-Sum"), span_of("abc")},      {span_of("Content-Length"), span_of("5")},
        {span_of("host"), span_of("elsewhere")}, {span_of("Transfer-Encoding"), span_of("chunked")},
        {span_of("bad name"), span_of("x")},     {span_of("bad"), span_of("x\r\nInjected: y")},
        {span_of("Empty"), span_of("")},         {span_of("AUTHORIZATION"), span_of("me")},
        {span_of("x-sum"), span_of("def")},
    };
    start(w, "POST", -1);
    assert_int_equal(write_text(w, "hello"), 5);
    assert_int_equal(http_exchange_finish(w->exchange, trailers, ARRAY_COUNT(trailers)), HTTP_OK);
    expect_head(w, "POST", "Transfer-Encoding: chunked");
    http_wire_expect(w, "5\r\nhello\r\n0\r\nX-Sum: abc\r\nEmpty: \r\nx-sum: def\r\n\r\n");
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
    start(w, "POST", 2); /* a known length has no place for trailers */
    assert_int_equal(write_text(w, "hi"), 2);
    assert_int_equal(http_exchange_finish(w->exchange, trailers, 1), HTTP_OK);
    expect_head(w, "POST", "Content-Length: 2");
    http_wire_expect(w, "hi");
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
    assert_int_equal(w->got.len, 0);
    assert_int_equal(w->connections, 1);
    http_wire_end(w);
}

static void too_many_trailers_abort(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static struct http_header trailers[1000];
    static char value[40000];
    for (size_t i = 0; i < ARRAY_COUNT(trailers); i++) {
        trailers[i] = (struct http_header){span_of("a"), span_of("b")};
    }
    memset(value, 'v', sizeof value - 1);
    const struct http_header large = {span_of("a"), span_of(value)};
    start(w, "POST", -1);
    assert_int_equal(http_exchange_finish(w->exchange, trailers, ARRAY_COUNT(trailers)),
                     HTTP_HEADERS_TOO_LARGE);
    http_wire_body(w, "", HTTP_ABORTED);
    start(w, "POST", -1);
    assert_int_equal(http_exchange_finish(w->exchange, &large, 1), HTTP_HEADERS_TOO_LARGE);
    http_wire_body(w, "", HTTP_ABORTED);
    http_wire_end(w);
}

static void declared_lengths_must_be_true(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static const struct {
        int64_t length;
        const char *declared;
        enum http_error error;
    } cases[] = {
        {5, "5", HTTP_OK},           {5, "6", HTTP_BAD_HEADER},
        {-1, "5", HTTP_BAD_HEADER},  {-1, "18446744073709551615", HTTP_BAD_HEADER},
        {-1, "-1", HTTP_BAD_HEADER},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct http_header header = {span_of("Content-Length"), span_of(cases[i].declared)};
        struct http_request request = request_of("POST", cases[i].length);
        request.headers = &header;
        request.header_count = 1;
        assert_int_equal(http_wire_start(w, &request), cases[i].error);
    }
    http_wire_end(w);
}

/* -- a body of the wrong length --------------------------------------------------------------- */

static void too_much_is_refused(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    start(w, "POST", 5);
    assert_int_equal(write_text(w, "hello!"), -EMSGSIZE);
    assert_int_equal(write_text(w, "hello"), 5);
    assert_int_equal(write_text(w, "!"), -EMSGSIZE); /* so that nobody waits for room in vain */
    assert_int_equal(write_text(w, ""), 0);
    expect_head(w, "POST", "Content-Length: 5");
    http_wire_expect(w, "hell");
    http_wire_wait(w, 20);
    assert_int_equal(w->got.len, 0); /* it is not complete before the guest has said so */
    http_exchange_abort(w->exchange);
    http_wire_expect_end(w);
    assert_int_equal(w->got.len, 0);
    http_wire_body(w, "", HTTP_ABORTED);
    http_wire_end(w);
}

static void too_little_is_no_body(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    start(w, "POST", 6);
    assert_int_equal(write_text(w, "hello"), 5);
    expect_head(w, "POST", "Content-Length: 6");
    http_wire_expect(w, "hello");
    assert_int_equal(http_exchange_finish(w->exchange, NULL, 0), HTTP_ABORTED);
    http_wire_expect_end(w);
    assert_int_equal(w->got.len, 0);
    http_wire_body(w, "", HTTP_ABORTED);
    assert_int_equal(write_text(w, "!"), -EPIPE);
    http_wire_end(w);
}

/* No last chunk may follow, whichever way the guest leaves. */
static void a_body_given_up_is_never_whole(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    for (unsigned way = 0; way < 3; way++) {
        start(w, "POST", -1);
        assert_int_equal(write_text(w, "hello"), 5);
        expect_head(w, "POST", "Transfer-Encoding: chunked");
        http_wire_expect(w, "5\r\nhello\r\n");
        if (way == 0) {
            http_exchange_abort(w->exchange);
            http_wire_body(w, "", HTTP_ABORTED);
        } else if (way == 1) {
            http_wire_drop(w);
        } else {
            http_client_free(w->env.client);
            w->env.client = NULL;
            w->exchange = NULL;
        }
        http_wire_expect_end(w);
        assert_int_equal(w->got.len, 0);
    }
    assert_int_equal(w->connections, 3);
    http_wire_end(w);
}

static void writing_after_the_end(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    start(w, "POST", -1);
    finish(w);
    assert_int_equal(write_text(w, "x"), -EPIPE);
    finish(w);
    http_exchange_abort(w->exchange); /* too late: it is finished */
    expect_head(w, "POST", "Transfer-Encoding: chunked");
    http_wire_expect(w, "0\r\n\r\n");
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
    assert_int_equal(write_text(w, "x"), -EPIPE);
    finish(w);
    struct http_request plain = {.method = span_of("GET")}; /* one that streams nothing */
    assert_int_equal(http_wire_start(w, &plain), HTTP_OK);
    assert_int_equal(write_text(w, "x"), -EPIPE);
    http_wire_end(w);
}

/* -- back-pressure ---------------------------------------------------------------------------- */

static void a_deaf_peer_holds_the_guest_back(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static uint8_t bytes[MIB];
    uint64_t given = 0;
    start(w, "POST", -1);
    w->is_deaf = true;
    assert_int_equal(http_exchange_write(w->exchange, bytes, sizeof bytes), ROOM);
    assert_int_equal(http_exchange_write(w->exchange, bytes, 1), -EAGAIN);
    for (unsigned quiet = 0; quiet < 100;) {
        http_wire_turn(w, 1);
        int64_t count = http_exchange_write(w->exchange, bytes, sizeof bytes);
        given += count > 0 ? (uint64_t)count : 0;
        quiet = count > 0 ? 0 : quiet + 1;
        assert_true(count <= ROOM);
        assert_true(given < 64 * MIB); /* the kernel's buffers are finite */
    }
    unsigned events = w->events;
    http_wire_wait(w, 20);
    assert_int_equal(w->events, events); /* nobody spins */
    w->is_deaf = false;
    w->discards = true;
    http_wire_wait(w, 20);
    assert_true(w->events > events);
    assert_int_equal(http_exchange_write(w->exchange, bytes, 1), 1);
    http_wire_end(w);
}

static uint8_t byte_at(uint64_t place)
{
    return (uint8_t)(place * 2654435761U >> 13);
}

static void upload_much(struct http_wire *w, bool is_known)
{
    static uint8_t bytes[100000];
    uint64_t given = 0;
    size_t before = 0;
    start(w, "POST", is_known ? MANY : -1);
    (void)http_wire_until(w, "\r\n\r\n");
    w->discards = true;
    w->received = 0;
    while (given < MANY) {
        size_t len = MANY - given < sizeof bytes ? MANY - given : sizeof bytes;
        int64_t count = http_exchange_write(w->exchange, bytes, len);
        assert_true(count > 0 || count == -EAGAIN);
        given += count > 0 ? (uint64_t)count : 0;
        http_wire_turn(w, count > 0 ? 0 : 100);
        before = given < MIB ? allocated() : before;
        assert_true(allocated() < before + FLAT);
    }
    finish(w);
    while (w->received < MANY || (is_known && w->received > MANY)) {
        http_wire_turn(w, 100);
    }
    w->discards = false;
    http_wire_wait(w, 5);
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
}

static void a_hundred_megabytes_up(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    upload_much(w, /* is_known */ true);
    assert_int_equal(w->received, MANY);
    upload_much(w, /* is_known */ false);
    assert_int_equal(w->connections, 1);
    http_wire_end(w);
}

/* The test's side of an echo: what has come goes back, as the kernel takes it. */
static void echo(struct http_wire *w)
{
    size_t count = w->got.len > 0 ? http_wire_try(w, w->got.data, w->got.len) : 0;
    buffer_consume(&w->got, count);
    w->is_deaf = w->got.len > 4 * MIB;
}

static void a_hundred_megabytes_there_and_back(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static uint8_t up[ROOM];
    static uint8_t down[ROOM];
    char head[128];
    const uint8_t *next = up; /* the bytes from `given` to `filled` */
    uint64_t filled = 0;
    uint64_t given = 0;
    uint64_t taken = 0;
    (void)snprintf(head, sizeof head, OK_HEAD "Content-Length: %u\r\n\r\n", (unsigned)MANY);
    start(w, "POST", MANY);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, head);
    http_wire_head(w);
    while (taken < MANY) {
        if (given == filled) {
            next = up;
            for (; filled < MANY && filled - given < sizeof up; filled++) {
                up[filled - given] = byte_at(filled);
            }
        }
        int64_t count = http_exchange_write(w->exchange, next, filled - given);
        assert_true(count > 0 || count == -EAGAIN || given == MANY);
        next += count > 0 ? count : 0;
        given += count > 0 ? (uint64_t)count : 0;
        if (given == MANY) {
            finish(w);
        }
        count = http_exchange_read(w->exchange, down, sizeof down);
        assert_true(count > 0 || count == -EAGAIN);
        for (int64_t i = 0; i < count; i++) {
            if (down[i] != byte_at(taken + (uint64_t)i)) {
                fail_msg("byte %llu differs", (unsigned long long)taken + (uint64_t)i);
            }
        }
        taken += count > 0 ? (uint64_t)count : 0;
        assert_true(http_exchange_waiting(w->exchange) <= MIB);
        http_wire_turn(w, 0);
        echo(w);
    }
    http_wire_body(w, "", HTTP_OK);
    http_wire_end(w);
}

/* -- answers that do not wait ----------------------------------------------------------------- */

static void an_early_answer_is_read_at_once(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static const char *const answers[] = {
        OK_HEAD "Content-Length: 5\r\n\r\nearly",
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n0\r\nX-Last: 1\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
        const struct http_header *trailers = NULL;
        start(w, "POST", -1);
        assert_int_equal(write_text(w, "one"), 3);
        expect_head(w, "POST", "Transfer-Encoding: chunked");
        http_wire_expect(w, "3\r\none\r\n");
        http_wire_say(w, answers[i]);
        http_wire_body(w, "early", HTTP_OK); /* to its end, while the request goes on */
        assert_int_equal(http_exchange_trailers(w->exchange, &trailers), i);
        assert_int_equal(write_text(w, "two"), 3);
        http_wire_expect(w, "3\r\ntwo\r\n");
        finish(w);
        http_wire_expect(w, "0\r\n\r\n");
        http_wire_wait(w, 5);
        assert_int_equal(http_exchange_error(w->exchange), HTTP_OK);
    }
    assert_int_equal(w->connections, 1); /* both were whole in the end */
    start(w, "POST", -1);
    assert_int_equal(write_text(w, "one"), 3);
    (void)http_wire_until(w, "one\r\n");
    http_wire_say(w, answers[0]);
    http_wire_body(w, "early", HTTP_OK);
    http_exchange_abort(w->exchange); /* the response stays a good one */
    http_wire_expect_end(w);
    assert_int_equal(w->got.len, 0);
    http_wire_body(w, "", HTTP_OK);
    http_wire_end(w);
}

/* The answer is complete behind what its reader has not taken yet. */
static void an_early_answer_to_a_slow_reader(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static uint8_t bytes[MIB];
    size_t sent = 0;
    size_t taken = 0;
    start(w, "POST", -1);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, OK_HEAD "Content-Length: 1048576\r\n\r\n");
    while (sent < sizeof bytes) {
        sent += http_wire_try(w, bytes, sizeof bytes - sent);
        http_wire_turn(w, 1);
        if (http_exchange_waiting(w->exchange) > 200 << 10) {
            int64_t count = http_exchange_read(w->exchange, bytes, 100 << 10);
            assert_true(count > 0);
            taken += (size_t)count;
        }
    }
    http_wire_wait(w, 20);
    assert_true(http_exchange_waiting(w->exchange) > 0); /* it is held back */
    for (int64_t count = 1; count != 0;) {
        count = http_exchange_read(w->exchange, bytes, 10000);
        taken += count > 0 ? (size_t)count : 0;
        if (count == -EAGAIN) {
            http_wire_turn(w, 100);
        }
    }
    assert_int_equal(taken, sizeof bytes);
    assert_int_equal(write_text(w, "x"), 1); /* the body is still wanted */
    http_wire_end(w);
}

static void a_refusal_ends_the_upload(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static const char *const answers[] = {
        "HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 413 Too much\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 307 There\r\nLocation: /there\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
    };
    static uint8_t bytes[16 * MIB];
    for (size_t i = 0; i < 2 * ARRAY_COUNT(answers); i++) {
        bool is_busy = i % 2 == 1; /* libcurl waits for the peer, or for the guest */
        start(w, "POST", is_busy ? (int64_t)sizeof bytes : -1);
        (void)http_wire_until(w, "\r\n\r\n");
        w->is_deaf = is_busy;
        for (unsigned n = 0; is_busy && n < 300; n++) {
            (void)http_exchange_write(w->exchange, bytes, ROOM);
            http_wire_turn(w, 0);
        }
        http_wire_say(w, answers[i / 2]);
        http_wire_body(w, "no", HTTP_OK);
        assert_int_equal(write_text(w, "x"), -EPIPE);
        finish(w);
        w->is_deaf = false;
        w->discards = true;
        http_wire_expect_end(w); /* half a request is on it */
        w->discards = false;
    }
    http_wire_end(w);
}

/* -- peers that fail -------------------------------------------------------------------------- */

static void a_reset_while_the_body_goes_out(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static uint8_t bytes[MIB];
    for (unsigned way = 0; way < 3; way++) {
        start(w, "POST", -1);
        (void)http_wire_until(w, "\r\n\r\n");
        if (way == 1) {
            http_wire_say(w, OK_HEAD "Content-Length: 5\r\n\r\nab");
            http_wire_head(w);
        }
        (void)http_exchange_write(w->exchange, bytes, sizeof bytes);
        http_wire_wait(w, 5);
        if (way == 2) {
            http_wire_close(w);
        } else {
            http_wire_reset(w);
        }
        http_wire_body(w, way == 1 ? "ab" : "", way == 1 ? HTTP_INCOMPLETE : HTTP_CLOSED);
        assert_int_equal(write_text(w, "x"), -EPIPE);
        w->got.len = 0;
    }
    http_wire_end(w);
}

/* While libcurl waits for the guest it keeps the peer's end to itself. */
static void a_peer_that_leaves_while_the_guest_is_slow(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static const struct {
        const char *answer;
        const char *body;
        enum http_error error;
    } cases[] = {
        {"", "", HTTP_CLOSED},
        {"HTTP/1.1 20", "", HTTP_CLOSED},
        {"HTTP/1.1 100 Go on\r\n\r\n", "", HTTP_INCOMPLETE},
        {OK_HEAD "Content-Length: 5\r\n\r\nab", "ab", HTTP_INCOMPLETE},
        {OK_HEAD "Content-Length: 2\r\n\r\nab", "ab", HTTP_OK},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "ab", HTTP_INCOMPLETE},
        {OK_HEAD "Connection: close\r\n\r\nab", "ab", HTTP_OK},
        {"HTTP/1.1 204 None\r\n\r\n", "", HTTP_OK},
        {"HTTP/1.1 413 Much\r\nContent-Length: 5\r\n\r\nab", "ab", HTTP_INCOMPLETE},
        {"HTTP/1.1 413 Much\r\nConnection: close\r\nContent-Length: 5\r\n\r\nab", "ab",
         HTTP_INCOMPLETE},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        start(w, "POST", -1);
        (void)http_wire_until(w, "\r\n\r\n");
        http_wire_say(w, cases[i].answer);
        http_wire_wait(w, 2);
        http_wire_close(w);
        http_wire_body(w, cases[i].body, cases[i].error);
        w->got.len = 0;
    }
    http_wire_end(w);
}

/* The end of a connection that served before can meet the next request. */
static void a_body_is_sent_again_on_another_connection(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    struct http_request get = {.method = span_of("GET")};
    assert_int_equal(http_wire_start(w, &get), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
    start(w, "POST", -1);
    assert_int_equal(write_text(w, "hello"), 5);
    (void)http_wire_until(w, "5\r\nhello\r\n");
    assert_int_equal(w->connections, 1);
    http_wire_close(w);
    expect_head(w, "POST", "Transfer-Encoding: chunked");
    http_wire_expect(w, "5\r\nhello\r\n");
    assert_int_equal(w->connections, 2);
    assert_int_equal(write_text(w, "again"), 5);
    finish(w);
    http_wire_expect(w, "5\r\nagain\r\n0\r\n\r\n");
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
    http_wire_end(w);
}

static void a_body_too_long_to_be_sent_again(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static uint8_t bytes[ROOM];
    struct http_request get = {.method = span_of("GET")};
    assert_int_equal(http_wire_start(w, &get), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, EMPTY);
    http_wire_body(w, "", HTTP_OK);
    start(w, "POST", -1);
    w->discards = true;
    w->received = 0;
    assert_int_equal(http_exchange_write(w->exchange, bytes, sizeof bytes), sizeof bytes);
    while (w->received < sizeof bytes) {
        http_wire_turn(w, 1);
    }
    http_wire_close(w);
    http_wire_body(w, "", HTTP_CLOSED);
    http_wire_end(w);
}

static void an_old_peer_wants_a_length(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    struct http_request get = {.method = span_of("GET")};
    assert_int_equal(http_wire_start(w, &get), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    http_wire_body(w, "", HTTP_OK);
    start(w, "POST", -1);
    http_wire_body(w, "", HTTP_LENGTH_REQUIRED);
    start(w, "POST", 2);
    assert_int_equal(write_text(w, "hi"), 2);
    finish(w);
    (void)http_wire_until(w, "\r\n\r\nhi");
    http_wire_say(w, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    http_wire_body(w, "", HTTP_OK);
    http_wire_end(w);
}

static void time_limits(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static uint8_t bytes[64 * MIB];
    struct http_request request = request_of("POST", -1);
    request.times = (struct http_times){.first_byte_ns = 200 * MS, .between_bytes_ns = 40 * MS};
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_wait(w, 300); /* it is the guest that is slow */
    assert_int_equal(http_exchange_error(w->exchange), HTTP_OK);
    assert_int_equal(write_text(w, "hi"), 2);
    http_wire_wait(w, 300);
    assert_int_equal(http_exchange_error(w->exchange), HTTP_OK);
    finish(w);
    http_wire_body(w, "", HTTP_FIRST_BYTE_TIMED_OUT);

    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    w->is_deaf = true;
    while (!http_exchange_has_head(w->exchange)) {
        (void)http_exchange_write(w->exchange, bytes, sizeof bytes);
        http_wire_turn(w, 1);
    }
    assert_int_equal(http_exchange_error(w->exchange), HTTP_WRITE_TIMED_OUT);
    w->is_deaf = false;

    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, OK_HEAD "Content-Length: 5\r\n\r\nab");
    http_wire_wait(w, 100); /* the peer may well be waiting for more */
    assert_int_equal(http_exchange_error(w->exchange), HTTP_OK);
    finish(w);
    http_wire_body(w, "ab", HTTP_READ_TIMED_OUT);
    http_wire_end(w);
}

/* -- reuse ------------------------------------------------------------------------------------ */

static void a_redirect_of_a_stream_is_the_guests(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    start(w, "POST", 2);
    assert_int_equal(write_text(w, "hi"), 2);
    finish(w);
    (void)http_wire_until(w, "\r\n\r\nhi");
    http_wire_say(w, "HTTP/1.1 303 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
    http_wire_body(w, "", HTTP_OK);
    assert_int_equal(http_exchange_status(w->exchange), 303);
    assert_int_equal(w->got.len, 0);
    struct http_request get = {.method = span_of("GET"), .ignores_redirects = true};
    assert_int_equal(http_wire_start(w, &get), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, "HTTP/1.1 302 There\r\nLocation: /there\r\nContent-Length: 2\r\n\r\nhi");
    http_wire_body(w, "hi", HTTP_OK);
    assert_int_equal(http_exchange_status(w->exchange), 302);
    assert_int_equal(w->connections, 1);
    http_wire_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_length_is_declared),
        cmocka_unit_test(an_unknown_length_is_chunked),
        cmocka_unit_test(bodies_of_no_bytes),
        cmocka_unit_test(a_head_request_has_no_body),
        cmocka_unit_test(trailers_go_behind_the_chunks),
        cmocka_unit_test(too_many_trailers_abort),
        cmocka_unit_test(declared_lengths_must_be_true),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(too_little_is_no_body),
        cmocka_unit_test(a_body_given_up_is_never_whole),
        cmocka_unit_test(writing_after_the_end),
        cmocka_unit_test(a_deaf_peer_holds_the_guest_back),
        cmocka_unit_test(a_hundred_megabytes_up),
        cmocka_unit_test(a_hundred_megabytes_there_and_back),
        cmocka_unit_test(an_early_answer_is_read_at_once),
        cmocka_unit_test(an_early_answer_to_a_slow_reader),
        cmocka_unit_test(a_refusal_ends_the_upload),
        cmocka_unit_test(a_reset_while_the_body_goes_out),
        cmocka_unit_test(a_peer_that_leaves_while_the_guest_is_slow),
        cmocka_unit_test(a_body_is_sent_again_on_another_connection),
        cmocka_unit_test(a_body_too_long_to_be_sent_again),
        cmocka_unit_test(an_old_peer_wants_a_length),
        cmocka_unit_test(time_limits),
        cmocka_unit_test(a_redirect_of_a_stream_is_the_guests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
