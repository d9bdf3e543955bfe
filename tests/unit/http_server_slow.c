/* A thousand slow peers at a time, of each kind: a new client is answered at once throughout, and
 * each slow one ends at its own timeout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "front.h"

enum { PEERS = 1000, ANSWER_MAX_MS = 50, SPAN_MS = 600, FILES_MIN = 2 * PEERS + 100 };

static struct front_client clients[PEERS];

/* The kernel keeps little for each, so that a thousand need not much. */
static void keep_small(int fd)
{
    int small = 16 << 10;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
}

static void check_hello(struct front *front)
{
    uint64_t took_ms = front_hello_ns(front) / 1000000;
    assert_in_range(took_ms, 0, ANSWER_MAX_MS);
}

/* Have a thousand send `request` and no more; all are gone when `counter` of the timeouts says so. */
static void check(const struct http_server_options *options, const char *request, size_t counter)
{
    struct front front;
    struct http_counts counts;
    front_open(&front, options);
    keep_small(front.fd);
    for (size_t i = 0; i < PEERS; i++) {
        front_connect(&front, &clients[i]);
        assert_true(front_send_text(&front, &clients[i], request));
        if (i % 50 == 0) {
            check_hello(&front);
        }
    }
    uint64_t until = loop_clock_ns() + 5000000000;
    do {
        check_hello(&front);
        front_turn_for(&front, 10);
        http_server_count(front.server, &counts);
    } while (counts.timed_out[counter] < PEERS && loop_clock_ns() < until);
    assert_int_equal(counts.timed_out[counter], PEERS);
    for (size_t other = 0; other < 5; other++) {
        assert_true(other == counter || counts.timed_out[other] == 0);
    }
    assert_int_equal(counts.gave_way, 0);
    assert_int_equal(front.script_count, 0);
    check_hello(&front);
    for (size_t i = 0; i < PEERS; i++) {
        front_disconnect(&clients[i]);
    }
    front_close(&front);
}

static struct http_server_options slow_options(void)
{
    struct http_server_options options = front_options();
    options.limits.connections = PEERS + 10;
    return options;
}

static void test_half_heads(void **state)
{
    (void)state;
    struct http_server_options options = slow_options();
    options.timeouts.header_ns = SPAN_MS * 1000000ULL;
    check(&options, "GET /hello HTTP/1.1\r\nHost: a\r\nX-A: b", 1);
}

static void test_half_bodies(void **state)
{
    (void)state;
    struct http_server_options options = slow_options();
    options.timeouts.body_ns = SPAN_MS * 1000000ULL;
    check(&options, "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf", 2);
}

static void test_no_readers(void **state)
{
    (void)state;
    struct http_server_options options = slow_options();
    options.timeouts.write_ns = SPAN_MS * 1000000ULL;
    check(&options, "GET /chunked/67108864 HTTP/1.1\r\nHost: a\r\n\r\n", 3);
}

static void test_idle(void **state)
{
    (void)state;
    struct http_server_options options = slow_options();
    options.timeouts.header_ns = SPAN_MS * 1000000ULL;
    check(&options, "", 1);
}

/* More of them than there may be connections: the oldest give way, and new ones are answered. */
static void test_past_the_limit(void **state)
{
    (void)state;
    struct front front;
    struct http_counts counts;
    struct http_server_options options = front_options();
    options.limits.connections = 100;
    front_open(&front, &options);
    for (size_t i = 0; i < PEERS; i++) {
        front_connect(&front, &clients[i]);
        (void)front_send_text(&front, &clients[i], "GET /he"); /* it may have given way */
        if (i % 20 == 0) {
            check_hello(&front);
        }
    }
    http_server_count(front.server, &counts);
    assert_true(counts.reading_head <= 100);
    assert_true(counts.gave_way >= PEERS - 100);
    for (size_t i = 0; i < PEERS; i++) {
        front_disconnect(&clients[i]);
    }
    front_close(&front);
}

int main(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_MIN) {
        files.rlim_cur = files.rlim_max < FILES_MIN ? files.rlim_max : FILES_MIN;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur < FILES_MIN) {
            (void)fprintf(stderr, "skipped: 1,000 peers need %d open files\n", FILES_MIN);
            return 77;
        }
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_heads),     cmocka_unit_test(test_half_bodies),
        cmocka_unit_test(test_no_readers),     cmocka_unit_test(test_idle),
        cmocka_unit_test(test_past_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
