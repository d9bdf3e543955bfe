/* Back-pressure both ways: 64 MiB to a client that does not read, 64 MiB to a handler that reads
 * slowly. What is held is bounded, and all arrives once the slow one goes on.
 *
 * Wraps: malloc calloc realloc free */
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "front.h"

enum { BIG = 64 << 20, SOCKETS_MAX = 16 << 20, HELD_MAX = 1 << 20, PIECE = 256 << 10 };

static int64_t held; /* bytes on the heap */
static int64_t most; /* at any time since it was set */

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *old, size_t len);
void __real_free(void *memory);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *old, size_t len);
void __wrap_free(void *memory);

static void *count(void *memory)
{
    held += memory != NULL ? (int64_t)malloc_usable_size(memory) : 0;
    most = held > most ? held : most;
    return memory;
}

void *__wrap_malloc(size_t len)
{
    return count(__real_malloc(len));
}

void *__wrap_calloc(size_t items, size_t len)
{
    return count(__real_calloc(items, len));
}

void *__wrap_realloc(void *old, size_t len)
{
    size_t before = old != NULL ? malloc_usable_size(old) : 0;
    void *memory = __real_realloc(old, len);
    held -= memory != NULL ? (int64_t)before : 0;
    return memory != NULL ? count(memory) : NULL;
}

void __wrap_free(void *memory)
{
    held -= memory != NULL ? (int64_t)malloc_usable_size(memory) : 0;
    __real_free(memory);
}

/* Receive without keeping; counts the bytes that are "x". */
static uint64_t receive_away(struct front_client *client)
{
    static uint8_t piece[PIECE];
    uint64_t count_x = 0;
    ssize_t n = 0;
    while ((n = recv(client->fd, piece, sizeof piece, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            count_x += piece[i] == 'x';
        }
    }
    return count_x;
}

static void check_download(const char *request)
{
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    front_connect(&front, &client);
    most = held;
    int64_t before = held;
    assert_true(front_send_text(&front, &client, request));
    front_turn_for(&front, 100);
    uint64_t stuck = front.bytes_written;
    assert_in_range(stuck, 1, SOCKETS_MAX);
    front_turn_for(&front, 100);
    assert_int_equal(front.bytes_written, stuck); /* it does not creep */
    uint64_t got = 0;
    uint64_t until = loop_clock_ns() + 20000000000;
    while (front.done == 0 && loop_clock_ns() < until) {
        got += receive_away(&client);
        front_turn(&front, 0);
    }
    for (int i = 0; i < 10; i++) {
        got += receive_away(&client);
        front_turn(&front, 1);
    }
    assert_int_equal(front.last.outcome, HTTP_ANSWERED);
    assert_int_equal(front.last.body_out, BIG);
    assert_int_equal(got, BIG);
    assert_true(most - before < HELD_MAX);
    front_disconnect(&client);
    front_close(&front);
}

static void test_download(void **state)
{
    (void)state;
    check_download("GET /length/67108864 HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void test_download_in_chunks(void **state)
{
    (void)state;
    check_download("GET /chunked/67108864 HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void test_download_to_the_end(void **state)
{
    (void)state;
    check_download("GET /chunked/67108864 HTTP/1.0\r\n\r\n");
}

/* Small pieces to a peer that is always a little behind: what has been sent is forgotten, not
 * gathered until the buffer is full and the connection broken. */
static void test_always_behind(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    uint8_t piece[2800]; /* of 3,008 a turn */
    int segment = 1000;
    int small = 64 << 10;
    front_open(&front, &options);
    assert_int_equal(setsockopt(front.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(front.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(front.fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment), 0);
    front_connect(&front, &client);
    assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    most = held;
    int64_t before = held;
    assert_true(front_send_text(&front, &client, "GET /trickle/3000 HTTP/1.1\r\nHost: a\r\n\r\n"));
    uint64_t got = 0;
    uint64_t until = loop_clock_ns() + 20000000000;
    while (front.done == 0 && loop_clock_ns() < until) {
        front_turn(&front, 0);
        ssize_t n = recv(client.fd, piece, sizeof piece, 0);
        got += n > 0 ? (uint64_t)n : 0;
    }
    assert_int_equal(front.last.outcome, HTTP_ANSWERED);
    assert_true(got > 3000 * 1000);
    assert_true(most - before < HELD_MAX);
    front_disconnect(&client);
    front_close(&front);
}

static void check_upload(const char *head, bool is_chunked)
{
    static char piece[PIECE];
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    front_connect(&front, &client);
    most = held;
    int64_t before = held;
    uint64_t left = BIG;
    assert_true(front_send_text(&front, &client, head));
    front_turn(&front, 1);
    uint64_t most_ahead = 0;
    while (left > 0) {
        ssize_t n = send(client.fd, piece, left < PIECE ? (size_t)left : PIECE, MSG_NOSIGNAL);
        left -= n > 0 ? (uint64_t)n : 0;
        uint64_t ahead = BIG - left - front.bytes_read;
        most_ahead = ahead > most_ahead ? ahead : most_ahead;
        if (n < 0) {
            front_turn(&front, 0);
        }
    }
    assert_true(most_ahead < SOCKETS_MAX);
    assert_true(front_send_text(&front, &client, is_chunked ? "\r\n0\r\n\r\n" : ""));
    uint64_t until = loop_clock_ns() + 20000000000;
    while (front.done == 0 && loop_clock_ns() < until) {
        front_turn(&front, 1);
    }
    front_receive(&client);
    assert_true(front_has(&client, "read 67108864\n"));
    assert_true(most - before < HELD_MAX);
    front_disconnect(&client);
    front_close(&front);
}

static void test_upload(void **state)
{
    (void)state;
    check_upload("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n", false);
}

static void test_upload_in_chunks(void **state)
{
    (void)state;
    check_upload("POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4000000\r\n",
                 true);
}

/* Heads so long that what follows needs a buffer of its own, with more pipelined behind each body
 * than the head's buffer takes. Nothing is lost on the way, and one buffer is enough. */
static void test_long_heads(void **state)
{
    enum { ROUNDS = 40, HEAD = 7000, BEHIND = 300 };
    static char text[32 << 10];
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    front_connect(&front, &client);
    most = held;
    int64_t before = held;
    size_t len = 0;
    for (int i = 0; i <= ROUNDS; i++) {
        if (i < ROUNDS) {
            len += (size_t)snprintf(text + len, sizeof text - len,
                                    "POST /read HTTP/1.1\r\nHost: a\r\nX-A: %0*d\r\n"
                                    "Transfer-Encoding: chunked\r\n\r\n",
                                    HEAD, i);
        }
        assert_true(front_send(&front, &client, text, len));
        for (int turn = 0; turn < 20; turn++) {
            front_turn(&front, 0);
        }
        len = (size_t)snprintf(text, sizeof text, "5\r\n12345\r\n0\r\n\r\n");
        for (int k = 0; i == ROUNDS - 1 && k < BEHIND; k++) {
            len += (size_t)snprintf(text + len, sizeof text - len,
                                    "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        }
    }
    for (int turn = 0; turn < 20; turn++) {
        front_turn(&front, 1);
    }
    front_receive(&client);
    assert_int_equal(front_count(&client, "read 5\n"), ROUNDS);
    assert_int_equal(front_count(&client, "hello\n"), BEHIND);
    assert_true(most - before < 300 << 10); /* the client's own is most of it */
    front_disconnect(&client);
    front_close(&front);
}

/* A client that sends all of its body before it reads, to a handler that does not want it. */
static void test_both_ways(void **state)
{
    static char body[200 << 10];
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    int small = 32 << 10;
    front_open(&front, &options);
    assert_int_equal(setsockopt(front.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(front.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    front_connect(&front, &client);
    assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_true(front_send_text(&front, &client,
                                "POST /early/300000 HTTP/1.1\r\nHost: a\r\n"
                                "Content-Length: 204800\r\n\r\n"));
    memset(body, 'b', sizeof body);
    uint64_t got = 0;
    size_t sent = 0;
    uint64_t until = loop_clock_ns() + 5000000000;
    /* The response's last 128 KiB are pending when its handler ends; then the body can go. */
    while ((front.done == 0 || got < 300000) && loop_clock_ns() < until) {
        front_turn(&front, 1);
        if (front.script_count > 0) {
            got += receive_away(&client);
        } else if (sent < sizeof body) {
            ssize_t n = send(client.fd, body + sent, sizeof body - sent, MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        } else {
            got += receive_away(&client);
        }
    }
    assert_int_equal(sent, sizeof body);
    assert_int_equal(got, 300000);
    assert_int_equal(front.last.outcome, HTTP_ANSWERED);
    assert_int_equal(front_hello_ns(&front) > 0, 1);
    front_disconnect(&client);
    front_close(&front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_download),
        cmocka_unit_test(test_download_in_chunks),
        cmocka_unit_test(test_download_to_the_end),
        cmocka_unit_test(test_always_behind),
        cmocka_unit_test(test_upload),
        cmocka_unit_test(test_upload_in_chunks),
        cmocka_unit_test(test_long_heads),
        cmocka_unit_test(test_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
