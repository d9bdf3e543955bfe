/* What a failed exchange says of its failure, one test or line for each kind; and response trailers. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_dns.h"
#include "http/exchange.h"
#include "http_wire.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

enum { MS = 1000000, BACKLOG_TRIES = 8 };

static enum http_error fetch(struct http_wire *w, const char *url)
{
    struct http_request request = {.url = span_of(url), .method = span_of("GET")};
    enum http_error error = http_wire_start(w, &request);
    if (error == HTTP_OK) {
        http_wire_head(w);
        error = http_exchange_error(w->exchange);
    }
    return error;
}

static void every_kind_has_a_text(void **state)
{
    (void)state;
    for (enum http_error error = HTTP_OK; error <= HTTP_ABORTED; error++) {
        enum http_error kind = http_error_kind(error);
        assert_true(kind <= HTTP_NO_MEMORY);
        assert_int_equal(http_error_kind(kind), kind);
        assert_true(error > HTTP_NO_MEMORY || kind == error);
        assert_true(strlen(http_error_text(error)) > 0);
        for (enum http_error other = HTTP_OK; other < error; other++) {
            assert_string_not_equal(http_error_text(error), http_error_text(other));
        }
    }
    assert_string_equal(http_error_text(HTTP_ABORTED + 1), "an unknown error");
    assert_int_equal(http_error_kind(HTTP_ABORTED + 1), HTTP_BROKEN);
}

static void names(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    struct fake_dns *dns = fake_dns_new(w->loop);
    assert_int_equal(names_set_servers(w->env.names, fake_dns_address(dns)), 0);
    w->env.options.connect_timeout_ns = 100 * (uint64_t)MS;
    assert_int_equal(fetch(w, "http://none.test/"), HTTP_NO_NAME);
    assert_int_equal(fetch(w, "http://silent.test/"), HTTP_NAME_TIMED_OUT);
    w->env.denies_dialling = true;
    assert_int_equal(fetch(w, "http://one.test/"), HTTP_DENIED_ADDRESS);
    assert_int_equal(exchange_error_of_name(EAI_AGAIN), HTTP_NAME_UNANSWERED);
    assert_int_equal(exchange_error_of_name(EAI_FAIL), HTTP_NAME_FAILED);
    assert_int_equal(exchange_error_of_name(EAI_NODATA), HTTP_NO_NAME);
    http_wire_drop(w);
    fake_dns_free(dns);
    http_wire_end(w);
}

static void requests_that_are_not_begun(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static struct http_header many[2000];
    static char value[300000];
    static char url[70000];
    struct http_request request = {.method = span_of("GET"), .headers = many, .header_count = 2000};
    for (size_t i = 0; i < ARRAY_COUNT(many); i++) {
        many[i] = (struct http_header){span_of("a"), span_of("b")};
    }
    assert_int_equal(http_wire_start(w, &request), HTTP_HEADERS_TOO_LARGE);
    memset(value, 'v', sizeof value - 1);
    many[0].value = span_of(value);
    request.header_count = 1;
    assert_int_equal(http_wire_start(w, &request), HTTP_HEADERS_TOO_LARGE);
    memset(url, 'a', sizeof url - 1);
    memcpy(url, "http://a/", 9);
    assert_int_equal(fetch(w, url), HTTP_URL_TOO_LONG);
    assert_int_equal(fetch(w, "ftp://a/"), HTTP_BAD_SCHEME);
    w->env.denies_requests = true;
    assert_int_equal(fetch(w, w->url), HTTP_DENIED);
    http_wire_end(w);
}

static void connections_that_are_not_made(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    struct rlimit old;
    assert_int_equal(fetch(w, "http://127.0.0.1:1/"), HTTP_CONNECT_REFUSED);
    w->env.denies_dialling = true;
    assert_int_equal(fetch(w, w->url), HTTP_DENIED_ADDRESS);
    w->env.denies_dialling = false;
    http_wire_drop(w);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    int next = fcntl(w->listener, F_DUPFD_CLOEXEC, 0);
    assert_true(next >= 0);
    const struct rlimit none = {(rlim_t)next + 1, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct http_request request = {.method = span_of("GET")};
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    while (!http_exchange_has_head(w->exchange)) {
        assert_int_equal(loop_turn(w->loop, 100), 0);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    (void)close(next);
    assert_int_equal(http_exchange_error(w->exchange), HTTP_NO_SOCKETS);
    http_wire_end(w);
}

/* A listener whose queue is full leaves the next one without an answer. */
static void a_connection_that_takes_too_long(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    int fds[BACKLOG_TRIES];
    struct sockaddr_storage to;
    socklen_t len = sizeof to;
    assert_int_equal(listen(w->listener, 0), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&to, &len), 0);
    for (unsigned i = 0; i < BACKLOG_TRIES; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fds[i], (struct sockaddr *)&to, len); /* some stay under way */
    }
    struct http_request request = {.method = span_of("GET")};
    request.times.connect_ns = 50 * (uint64_t)MS;
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    while (!http_exchange_has_head(w->exchange)) {
        assert_int_equal(loop_turn(w->loop, 100), 0);
    }
    assert_int_equal(http_exchange_error(w->exchange), HTTP_CONNECT_TIMED_OUT);
    for (unsigned i = 0; i < BACKLOG_TRIES; i++) {
        (void)close(fds[i]);
    }
    http_wire_end(w);
}

/* The shorter of the client's time and the request's. */
static void times_of_a_request(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    w->env.options.first_byte_timeout_ns = 30 * (uint64_t)MS;
    w->env.options.between_bytes_timeout_ns = 20000 * (uint64_t)MS;
    struct http_request request = {
        .method = span_of("GET"),
        .times = {.first_byte_ns = UINT64_MAX, .between_bytes_ns = 30 * (uint64_t)MS}};
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    http_wire_body(w, "", HTTP_FIRST_BYTE_TIMED_OUT);
    w->got.len = 0;
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, OK_HEAD "Content-Length: 5\r\n\r\nab");
    http_wire_body(w, "ab", HTTP_READ_TIMED_OUT);
    http_wire_end(w);
}

static void answers_that_are_none(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    static char large[3000];
    static char trailer[3000];
    static const struct {
        const char *answer;
        const char *body;
        enum http_error error;
    } cases[] = {
        {"", "", HTTP_CLOSED},
        {OK_HEAD, "", HTTP_INCOMPLETE},
        {OK_HEAD "Content-Length: 5\r\n\r\nab", "ab", HTTP_INCOMPLETE},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "ab", HTTP_INCOMPLETE},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\nx\r\nab\r\n", "", HTTP_TRANSFER_CODING},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", "ab", HTTP_TRANSFER_CODING},
        {"HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n", "", HTTP_UPGRADED},
        {"SSH-2.0-what\r\n\r\n", "", HTTP_NOT_HTTP},
        {OK_HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "", HTTP_NOT_HTTP},
        {OK_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", "ab", HTTP_OK},
        {OK_HEAD "Content-Length: 99999\r\n\r\n", "", HTTP_BODY_TOO_LARGE},
        {large, "", HTTP_HEAD_TOO_LARGE},
        {trailer, "", HTTP_TRAILERS_TOO_LARGE},
    };
    w->env.options.head_max = 1000;
    w->env.options.body_max = 4;
    (void)snprintf(large, sizeof large, OK_HEAD "A: %02000d\r\n\r\n", 0);
    (void)snprintf(trailer, sizeof trailer,
                   OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nA: %02000d\r\n\r\n", 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct http_request request = {.method = span_of("GET")};
        assert_int_equal(http_wire_start(w, &request), HTTP_OK);
        (void)http_wire_until(w, "\r\n\r\n");
        http_wire_say(w, cases[i].answer);
        if (cases[i].error == HTTP_BODY_TOO_LARGE) {
            http_wire_say(w, "abcde");
        }
        http_wire_close(w);
        http_wire_body(w, cases[i].body, cases[i].error);
    }
    http_wire_end(w);
}

static void tls(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    char url[64];
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", w->port);
    struct http_request request = {.url = span_of(url), .method = span_of("GET")};
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    while (w->got.len == 0) {
        http_wire_turn(w, 1);
    }
    static const uint8_t alert[] = {0x15, 3, 3, 0, 2, 2, 40}; /* fatal, handshake_failure */
    assert_int_equal(http_wire_try(w, alert, sizeof alert), sizeof alert);
    http_wire_body(w, "", HTTP_TLS_ALERT);
    assert_int_equal(http_exchange_alert(w->exchange), 40);
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    w->got.len = 0;
    while (w->got.len == 0) {
        http_wire_turn(w, 1);
    }
    http_wire_say(w, "HTTP/1.1 400 Bad Request\r\n\r\n");
    http_wire_body(w, "", HTTP_NO_TLS);
    assert_int_equal(http_exchange_alert(w->exchange), 0);
    http_wire_end(w);
    w = http_wire_begin();
    w->env.options.ca_file = "/none/such.pem";
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", w->port);
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    http_wire_body(w, "", HTTP_NO_TRUST);
    http_wire_end(w);
}

/* -- trailers of a response ------------------------------------------------------------------- */

static void trailers_come_behind_the_body(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    const struct http_header *trailers = NULL;
    char text[1000];
    uint8_t byte;
    struct http_request request = {.method = span_of("GET")};
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum:  abc \r\n");
    http_wire_head(w);
    http_wire_wait(w, 5);
    assert_int_equal(http_exchange_trailers(w->exchange, &trailers), 0); /* not all of them */
    assert_int_equal(http_exchange_read(w->exchange, &byte, 1), 1);
    assert_int_equal(http_exchange_read(w->exchange, &byte, 1), -EAGAIN);
    http_wire_say(w,
                  "Content-Length: 5\r\nTransfer-Encoding: x\r\nSet-Cookie: a=b\r\nbad name: x\r\n"
                  "Authorization: y\r\nHost: z\r\nEMPTY:\r\nFolded: a\r\n b\r\nx-sum: def\r\n\r\n");
    http_wire_body(w, "", HTTP_OK);
    uint32_t count = http_exchange_trailers(w->exchange, &trailers);
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s=%.*s;",
                                (int)trailers[i].name.len, (const char *)trailers[i].name.data,
                                (int)trailers[i].value.len, (const char *)trailers[i].value.data);
    }
    assert_string_equal(text, "x-sum=abc;empty=;folded=a b;x-sum=def;");
    assert_int_equal(http_exchange_header_count(w->exchange), 1); /* they are no headers */
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);      /* and the connection is clean */
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, OK_HEAD "Content-Length: 0\r\n\r\n");
    http_wire_body(w, "", HTTP_OK);
    assert_int_equal(http_exchange_trailers(w->exchange, &trailers), 0);
    assert_int_equal(w->connections, 1);
    http_wire_end(w);
}

static void many_trailers(void **state)
{
    (void)state;
    struct http_wire *w = http_wire_begin();
    const struct http_header *trailers = NULL;
    struct http_request request = {.method = span_of("GET")};
    assert_int_equal(http_wire_start(w, &request), HTTP_OK);
    (void)http_wire_until(w, "\r\n\r\n");
    http_wire_say(w, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n");
    for (unsigned i = 0; i < 500; i++) {
        char line[32];
        (void)snprintf(line, sizeof line, "a%u: %u\r\n", i, i);
        http_wire_say(w, line);
    }
    http_wire_say(w, "\r\n");
    http_wire_body(w, "", HTTP_OK);
    assert_int_equal(http_exchange_trailers(w->exchange, &trailers), 500);
    assert_true(span_is(trailers[0].name, "a0") && span_is(trailers[0].value, "0"));
    assert_true(span_is(trailers[499].name, "a499") && span_is(trailers[499].value, "499"));
    http_wire_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_text),
        cmocka_unit_test(names),
        cmocka_unit_test(requests_that_are_not_begun),
        cmocka_unit_test(connections_that_are_not_made),
        cmocka_unit_test(a_connection_that_takes_too_long),
        cmocka_unit_test(times_of_a_request),
        cmocka_unit_test(answers_that_are_none),
        cmocka_unit_test(tls),
        cmocka_unit_test(trailers_come_behind_the_body),
        cmocka_unit_test(many_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
