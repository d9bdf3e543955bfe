/* Each timeout of the front: it comes at its time, says what it has to, and ends that connection
 * only. Those of a phase are short and all others long, so that no other can be mistaken for it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "front.h"
#include "net/listener.h"

enum { SPAN_MS = 80, LATE_MS = 250 };

static const uint64_t span_ns = SPAN_MS * 1000000ULL;

/* Turn until the end, and check when it came. */
static void await_due(struct front *front, struct front_client *client, uint64_t since_ns)
{
    assert_true(front_await_end(front, client, 3000));
    uint64_t took_ms = (loop_clock_ns() - since_ns) / 1000000;
    assert_in_range(took_ms, SPAN_MS - 1, SPAN_MS + LATE_MS);
}

static struct http_counts counts_of(const struct front *front)
{
    struct http_counts counts;
    http_server_count(front->server, &counts);
    return counts;
}

/* A second connection that is good for a long time; it has to survive. */
static void open_with_good(struct front *front, const struct http_server_options *options,
                           struct front_client *good)
{
    front_open(front, options);
    front_connect(front, good);
    assert_true(front_send_text(front, good, "GET /drip HTTP/1.1\r\nHost: a\r\n\r\n"));
    front_turn(front, 1);
}

static void close_with_good(struct front *front, struct front_client *good)
{
    assert_true(front_await_end(front, good, 0) == false);
    while (!front_has(good, "\r\n0\r\n\r\n")) {
        assert_true(front_await(front, good, good->got.len + 1));
        assert_false(good->has_ended);
    }
    assert_int_equal(front_count(good, "drip\n"), 20);
    front_disconnect(good);
    front_close(front);
}

static void test_silent_from_accept(void **state)
{
    (void)state;
    struct front front;
    struct front_client good;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.header_ns = span_ns;
    open_with_good(&front, &options, &good);
    uint64_t since = loop_clock_ns();
    front_connect(&front, &client);
    await_due(&front, &client, since);
    assert_int_equal(client.error, 0);
    assert_int_equal(client.got.len, 0); /* nothing was asked, so nothing is answered */
    assert_int_equal(counts_of(&front).timed_out[1], 1);
    front_disconnect(&client);
    close_with_good(&front, &good);
}

/* Bytes that drip do not put it off. */
static void test_head(void **state)
{
    (void)state;
    static const char head[] = "GET /hello HTTP/1.1\r\nX-Very-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct front front;
    struct front_client good;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.header_ns = span_ns;
    open_with_good(&front, &options, &good);
    uint64_t since = loop_clock_ns();
    front_connect(&front, &client);
    for (size_t i = 0; i + 1 < sizeof head && !client.has_ended; i++) {
        (void)front_send(&front, &client, head + i, 1); /* it may have ended */
        front_turn_for(&front, 5);
        front_receive(&client);
    }
    await_due(&front, &client, since);
    assert_true(front_has(&client, "HTTP/1.1 408 Request Timeout\r\n"));
    assert_true(front_has(&client, "\r\nConnection: close\r\n"));
    assert_int_equal(client.error, 0);
    assert_int_equal(counts_of(&front).timed_out[1], 1);
    assert_int_equal(front.last.outcome, HTTP_REFUSED);
    front_disconnect(&client);
    close_with_good(&front, &good);
}

/* The second head has its own time, from its first byte. */
static void test_second_head(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.header_ns = span_ns;
    front_open(&front, &options);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(front_await(&front, &client, 20));
    front_turn_for(&front, SPAN_MS * 2); /* idle is something else */
    front_receive(&client);
    assert_false(client.has_ended);
    assert_int_equal(counts_of(&front).idle, 1);
    uint64_t since = loop_clock_ns();
    assert_true(front_send_text(&front, &client, "GET /hel"));
    front_turn(&front, 1);
    assert_int_equal(counts_of(&front).reading_head, 1);
    await_due(&front, &client, since);
    assert_true(front_has(&client, "HTTP/1.1 408 "));
    front_disconnect(&client);
    front_close(&front);
}

static void test_body(void **state)
{
    (void)state;
    struct front front;
    struct front_client good;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.body_ns = span_ns;
    open_with_good(&front, &options, &good);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client,
                                "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123"));
    front_turn_for(&front, SPAN_MS / 2);
    assert_true(front_send_text(&front, &client, "4")); /* it waits anew */
    uint64_t since = loop_clock_ns();
    await_due(&front, &client, since);
    assert_true(front_has(&client, "HTTP/1.1 408 Request Timeout\r\n"));
    assert_int_equal(client.error, 0);
    assert_int_equal(counts_of(&front).timed_out[2], 1);
    assert_int_equal(front.last.outcome, HTTP_BODY_TIMEOUT);
    assert_int_equal(front.last.status, 408);
    front_disconnect(&client);
    close_with_good(&front, &good);
}

/* Behind a head that has been sent there is nothing to say. */
static void test_body_behind_head(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.body_ns = span_ns;
    front_open(&front, &options);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client,
                                "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123"));
    uint64_t since = loop_clock_ns();
    await_due(&front, &client, since);
    assert_int_equal(client.error, ECONNRESET);
    assert_false(front_has(&client, "\r\n0\r\n"));
    assert_int_equal(front.last.outcome, HTTP_BODY_TIMEOUT);
    front_disconnect(&client);
    front_close(&front);
}

/* A handler that has asked for more and then answered without waits no longer. */
static void test_body_of_ended(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.body_ns = span_ns;
    front_open(&front, &options);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client,
                                "POST /early/5 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"));
    front_turn_for(&front, SPAN_MS * 2);
    assert_true(
        front_send_text(&front, &client, "123456789GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    front_turn_for(&front, 20);
    front_receive(&client);
    assert_true(front_has(&client, "\r\n\r\nxxxxxHTTP/1.1 200 OK"));
    assert_true(front_has(&client, "hello\n"));
    assert_int_equal(front.outcomes[HTTP_ANSWERED], 2);
    front_disconnect(&client);
    front_close(&front);
}

/* The rest of a body that nobody reads has the time of a head; the response has been sent. */
static void test_unread_body(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.header_ns = span_ns;
    front_open(&front, &options);
    front_connect(&front, &client);
    uint64_t since = loop_clock_ns();
    assert_true(front_send_text(&front, &client,
                                "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123"));
    await_due(&front, &client, since);
    assert_int_equal(client.error, 0);
    assert_true(front_has(&client, "hello\n"));
    assert_int_equal(front.last.outcome, HTTP_ANSWERED);
    assert_int_equal(counts_of(&front).timed_out[2], 1);
    front_disconnect(&client);
    front_close(&front);
}

/* Who leaves then has had its response. */
static void test_left_behind_response(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client,
                                "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123"));
    assert_true(front_await(&front, &client, 20));
    assert_int_equal(front.done, 0);
    front_disconnect(&client);
    front_turn_for(&front, 5);
    assert_int_equal(front.done, 1);
    assert_int_equal(front.last.outcome, HTTP_ANSWERED);
    front_close(&front);
}

/* What is left of that time is not the next head's. */
static void test_head_behind_unread_body(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.header_ns = span_ns;
    front_open(&front, &options);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client,
                                "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123"));
    front_turn_for(&front, SPAN_MS * 3 / 4);
    assert_true(front_send_text(&front, &client, "456789GET /hel"));
    front_turn_for(&front, SPAN_MS * 3 / 4);
    assert_true(front_send_text(&front, &client, "lo HTTP/1.1\r\nHost: a\r\n\r\n"));
    front_turn_for(&front, 10);
    front_receive(&client);
    assert_int_equal(front_count(&client, "hello\n"), 2);
    front_disconnect(&client);
    front_close(&front);
}

static void test_write(void **state)
{
    static const char *const requests[] = {"GET /length/67108864 HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET /chunked/67108864 HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET /chunked/67108864 HTTP/1.0\r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct front front;
        struct front_client good;
        struct front_client client;
        struct http_server_options options = front_options();
        options.timeouts.write_ns = span_ns;
        open_with_good(&front, &options, &good);
        front_connect(&front, &client);
        assert_true(front_send_text(&front, &client, requests[i]));
        uint64_t until = loop_clock_ns() + 3000000000;
        while (front.done == 0 && loop_clock_ns() < until) {
            front_turn(&front, 1);
        }
        assert_int_equal(front.last.outcome, HTTP_WRITE_TIMEOUT);
        assert_in_range((front.last.end_ns - front.last.begin_ns) / 1000000, SPAN_MS - 1, 1500);
        assert_int_equal(counts_of(&front).timed_out[3], 1);
        assert_int_equal(front.script_count, 1); /* the good one */
        assert_true(front_await_end(&front, &client, 1000));
        assert_int_equal(client.error, ECONNRESET); /* and no orderly end */
        front_disconnect(&client);
        close_with_good(&front, &good);
    }
}

/* A peer that takes a little now and then is slow, but not gone. */
static void test_write_goes_on(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    int small = 256 << 10;
    static uint8_t piece[256 << 10];
    options.timeouts.write_ns = span_ns;
    front_open(&front, &options);
    assert_int_equal(setsockopt(front.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(front.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    front_connect(&front, &client);
    assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_true(
        front_send_text(&front, &client, "GET /length/67108864 HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (int i = 0; i < 20; i++) {
        front_turn_for(&front, SPAN_MS / 4);
        assert_true(recv(client.fd, piece, sizeof piece, 0) > 0);
        assert_int_equal(front.done, 0);
    }
    front_disconnect(&client);
    front_close(&front);
}

/* A handler with nothing to write just now is not a peer that does not read. */
static void test_write_idle_handler(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.write_ns = span_ns;
    front_open(&front, &options);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    front_turn_for(&front, SPAN_MS * 2);
    assert_int_equal(front.done, 0);
    assert_int_equal(counts_of(&front).active, 1);
    front_disconnect(&client);
    front_turn_for(&front, 5);
    assert_int_equal(front.last.outcome, HTTP_PEER_LEFT);
    front_close(&front);
}

static void test_idle(void **state)
{
    (void)state;
    struct front front;
    struct front_client good;
    struct front_client client;
    struct http_server_options options = front_options();
    options.timeouts.idle_ns = span_ns;
    open_with_good(&front, &options, &good);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(front_await(&front, &client, 20));
    uint64_t since = loop_clock_ns();
    await_due(&front, &client, since);
    assert_int_equal(client.error, 0);
    assert_int_equal(counts_of(&front).timed_out[4], 1);
    front_disconnect(&client);
    close_with_good(&front, &good);
}

/* A peer that has sent all it will may be reading, for a second. Then it is cut off, and not so that
 * half a response looks whole. */
static void test_fin(void **state)
{
    static const char *const requests[] = {"GET /wait HTTP/1.0\r\n\r\n",
                                           "POST /late HTTP/1.0\r\nContent-Length: 5\r\n\r\n123"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct front front;
        struct front_client client;
        struct http_server_options options = front_options();
        front_open(&front, &options);
        front_connect(&front, &client);
        assert_true(front_send_text(&front, &client, requests[i]));
        front_turn_for(&front, 5);
        assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
        uint64_t since = loop_clock_ns();
        assert_true(front_await_end(&front, &client, 3000));
        uint64_t took_ms = (loop_clock_ns() - since) / 1000000;
        if (i == 0) {
            assert_in_range(took_ms, 990, 1000 + LATE_MS);
        } else {
            assert_in_range(took_ms, 0, LATE_MS); /* its handler has found the end */
        }
        assert_int_equal(client.error, ECONNRESET);
        assert_int_equal(front.last.outcome, HTTP_PEER_LEFT);
        front_disconnect(&client);
        front_close(&front);
    }
}

static bool sends_proxy(const void *context, const struct net_address *peer)
{
    (void)context;
    (void)peer;
    return true;
}

/* What comes before HTTP ends without a word. */
static void test_handshake(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct error err = {0};
    struct net_address address;
    struct listeners listeners = {0};
    struct http_server_options options = front_options();
    options.timeouts.tls_ns = span_ns;
    front_open(&front, &options);
    assert_int_equal(listeners_add(&listeners, "127.0.0.1:0", &err), 0);
    assert_int_equal(listeners_address(&listeners, 0, &address), 0);
    const struct http_listener_options listener = {.fd = listeners.fds[0],
                                                   .sends_proxy = sends_proxy};
    assert_int_equal(http_server_listen(front.server, &listener, NULL), 0);
    front.port = net_address_port(&address);
    uint64_t since = loop_clock_ns();
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client, "PROXY TCP4 192.0.2.1 "));
    front_turn(&front, 1);
    assert_int_equal(counts_of(&front).handshaking, 1);
    await_due(&front, &client, since);
    assert_int_equal(client.got.len, 0);
    assert_int_equal(counts_of(&front).timed_out[0], 1);
    front_disconnect(&client);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client,
                                "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
                                "GET /head HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(front_await(&front, &client, 20));
    assert_true(front_has(&client, "GET /head a 11\n"));
    front_disconnect(&client);
    front_close(&front);
    listeners_done(&listeners);
}

/* Whoever does not read the last answer, or sends on behind it, does not stay. */
static void test_linger(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    static char junk[256 << 10];
    memset(junk, 'j', sizeof junk);
    front_open(&front, &options);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client, "nonsense\r\n\r\n"));
    uint64_t since = loop_clock_ns();
    while (counts_of(&front).accepted == 1 && loop_clock_ns() - since < 1000000000) {
        if (!front_send(&front, &client, junk, sizeof junk)) {
            break; /* it sends without end */
        }
        assert_int_equal(client.error, 0);
        front_turn(&front, 0);
        front_receive(&client);
    }
    assert_true(client.has_ended); /* orderly, although a lot came behind */
    assert_true(front_has(&client, "HTTP/1.1 400 Bad Request"));
    while (front_send(&front, &client, junk, sizeof junk) && loop_clock_ns() - since < 5000000000) {
        front_turn(&front, 0);
    }
    assert_in_range((loop_clock_ns() - since) / 1000000, 1900, 3000);
    front_disconnect(&client);
    front_close(&front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent_from_accept),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_second_head),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_body_behind_head),
        cmocka_unit_test(test_body_of_ended),
        cmocka_unit_test(test_unread_body),
        cmocka_unit_test(test_left_behind_response),
        cmocka_unit_test(test_head_behind_unread_body),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_goes_on),
        cmocka_unit_test(test_write_idle_handler),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_fin),
        cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_linger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
