/* The front when memory is short: the n-th allocation fails, alone or with all behind it, for every
 * n. Nobody gets half a response that looks whole, nothing is lost, and afterwards all is well.
 *
 * Wraps: malloc calloc realloc loop_turn */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "front.h"

enum { TRIES_MAX = 400, TURNS = 60 };

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *old, size_t len);
int __real_loop_turn(struct loop *loop, int max_wait_ms);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *old, size_t len);
int __wrap_loop_turn(struct loop *loop, int max_wait_ms);

static bool is_in_turn; /* what the test allocates itself does not count */
static bool fails_on;   /* all behind the first, too */
static unsigned fails_at;
static bool has_failed;

static bool fails(void)
{
    if (!is_in_turn || fails_at == 0) {
        return false;
    }
    if (fails_at > 1) {
        fails_at--;
        return false;
    }
    fails_at = fails_on ? 1 : 0;
    has_failed = true;
    return true;
}

void *__wrap_malloc(size_t len)
{
    return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
    return fails() ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *old, size_t len)
{
    return fails() ? NULL : __real_realloc(old, len);
}

int __wrap_loop_turn(struct loop *loop, int max_wait_ms)
{
    is_in_turn = true;
    int r = __real_loop_turn(loop, max_wait_ms);
    is_in_turn = false;
    return r;
}

static char long_head[7000];
static char padded[64]; /* and with every length of its head */
static char padded_trailer[64];
static char padded_chunks[64];

/* A request, and how all of its answer ends when it is a 200. */
static const struct {
    const char *request;
    const char *end;
} rows[] = {
    {"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhello\n"},
    {"GET /small HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nsmall"},
    {"GET /chunked/70000 HTTP/1.1\r\nHost: a\r\n\r\n", "xxx\r\n0\r\n\r\n"},
    {"GET /chunked/70000 HTTP/1.0\r\n\r\n", NULL},
    {"GET /length/70000 HTTP/1.1\r\nHost: a\r\n\r\n", "xxx"},
    {"POST /late HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     "5\r\n12345\r\n0\r\nX-A: b\r\n\r\n",
     "0\r\nx-a: b\r\n\r\n"},
    {"GET /trailers HTTP/1.1\r\nHost: a\r\n\r\n", "0\r\nX-Sum: 42\r\nX-Empty: \r\n\r\n"},
    {"GET /interim HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nhello\n"},
    {"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab",
     "read 2\n"},
    {"GET /fail/503 HTTP/1.1\r\nHost: a\r\n\r\n", NULL},
    {"nonsense\r\n\r\n", NULL},
    {long_head, "read 5\n"},
    {padded, "small"},
    {padded_trailer, "\r\n5\r\nsmall\r\n0\r\nX-Sum: 42\r\n\r\n"},
    {padded_chunks, "\r\n0\r\n\r\n"},
};

static void build_long_head(void)
{
    static const char begin[] =
        "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-A: ";
    static const char end[] = "\r\n\r\n5\r\n12345\r\n0\r\n\r\n";
    memset(long_head, 'a', sizeof long_head);
    memcpy(long_head, begin, sizeof begin - 1);
    memcpy(long_head + sizeof long_head - sizeof end, end, sizeof end);
}

static size_t content_of(const struct front_client *client, const uint8_t **ret_content)
{
    const uint8_t *head_end =
        client->got.len > 0 ? memmem(client->got.data, client->got.len, "\r\n\r\n", 4) : NULL;
    *ret_content = head_end == NULL ? NULL : head_end + 4;
    return head_end == NULL ? 0 : client->got.len - (size_t)(head_end + 4 - client->got.data);
}

static bool ends_with(const struct front_client *client, const char *end)
{
    return client->got.len >= strlen(end) &&
           memcmp(client->got.data + client->got.len - strlen(end), end, strlen(end)) == 0;
}

/* An answer is whole, or it is seen that it is not. */
static void check_answer(struct front_client *client, size_t row)
{
    const uint8_t *content = NULL;
    size_t len = content_of(client, &content);
    if (client->error != 0 || client->got.len == 0 || !front_has(client, "HTTP/1.1 200 OK\r\n")) {
        return; /* reset, nothing, or a page about it */
    }
    if (rows[row].end != NULL) {
        if (!ends_with(client, rows[row].end)) {
            print_error("%s: %.*s\n", rows[row].request, (int)client->got.len,
                        (const char *)client->got.data);
            fail();
        }
    } else {
        assert_int_equal(len, 70000);
        assert_true(client->has_ended);
    }
}

static void exchange(struct front *front, size_t row)
{
    struct front_client client;
    front_connect(front, &client);
    (void)front_send_text(front, &client, rows[row].request); /* it may have ended */
    for (int i = 0; i < TURNS; i++) {
        size_t before = client.got.len;
        front_turn(front, 0);
        front_receive(&client);
        if (i > 6 && before == client.got.len) {
            break;
        }
    }
    check_answer(&client, row);
    front_disconnect(&client);
    for (int i = 0; i < 3; i++) {
        front_turn(front, 0);
    }
}

static void check_row(size_t row, bool is_lasting)
{
    bool was_enough = false;
    for (unsigned n = 1; !was_enough && n < TRIES_MAX; n++) {
        struct front front;
        struct http_counts counts;
        struct http_server_options options = front_options();
        options.limits.connections_per_address = 100;
        fails_at = 0;
        front_open(&front, &options);
        has_failed = false;
        fails_on = is_lasting;
        fails_at = n;
        exchange(&front, row);
        was_enough = !has_failed;
        fails_at = 0;
        assert_int_equal(front_hello_ns(&front) > 0, 1);
        front_turn_for(&front, 2);
        http_server_count(front.server, &counts);
        assert_int_equal(counts.requests, 0);
        assert_int_equal(counts.active + counts.idle + counts.reading_head, 0);
        front_close(&front);
    }
    assert_true(was_enough);
}

/* The buffer grows at 256 bytes and at 512: wherever that falls in a response, it may fail. */
static void test_every_length(void **state)
{
    (void)state;
    for (unsigned n = 100; n < 260; n += 4) {
        (void)snprintf(padded, sizeof padded, "GET /padded/%u HTTP/1.1\r\nHost: a\r\n\r\n", n + 2);
        (void)snprintf(padded_trailer, sizeof padded_trailer,
                       "GET /padded/%u HTTP/1.1\r\nHost: a\r\n\r\n", n);
        (void)snprintf(padded_chunks, sizeof padded_chunks,
                       "GET /padded/%u HTTP/1.1\r\nHost: a\r\n\r\n", n + 3);
        for (size_t row = ARRAY_COUNT(rows) - 3; row < ARRAY_COUNT(rows); row++) {
            check_row(row, false);
        }
    }
}

static void test_once(void **state)
{
    (void)state;
    for (size_t row = 0; row < ARRAY_COUNT(rows) - 3; row++) {
        check_row(row, false);
    }
}

static void test_from_there_on(void **state)
{
    (void)state;
    for (size_t row = 0; row < ARRAY_COUNT(rows) - 3; row++) {
        check_row(row, true);
    }
}

static void test_new(void **state)
{
    (void)state;
    struct loop *loop = NULL;
    struct error err = {0};
    struct http_server_options options = front_options();
    assert_int_equal(loop_new(&loop), 0);
    options.loop = loop;
    options.limits.connections_per_address = 1;
    for (unsigned n = 1; n < 10; n++) {
        struct http_server *server = NULL;
        is_in_turn = true;
        fails_on = false;
        fails_at = n;
        int r = http_server_new(&options, &server, &err);
        is_in_turn = false;
        assert_true(r == 0 || server == NULL);
        http_server_free(server);
    }
    fails_at = 0;
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_from_there_on),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_new),
    };
    build_long_head();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
