/* Limits and who gives way, running out of descriptors, draining, and the end at any time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "front.h"

static const char hello[] = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
static const char waits[] = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";

static struct http_counts counts_of(const struct front *front)
{
    struct http_counts counts;
    http_server_count(front->server, &counts);
    return counts;
}

static void connect_and_send(struct front *front, struct front_client *client, const char *text)
{
    front_connect(front, client);
    (void)front_send_text(front, client, text); /* it may have ended */
    front_turn_for(front, 3);
    front_receive(client);
}

static bool is_open(struct front *front, struct front_client *client)
{
    front_turn_for(front, 3);
    front_receive(client);
    return !client->has_ended && client->error == 0;
}

static void test_requests(void **state)
{
    (void)state;
    struct front front;
    struct front_client a;
    struct front_client b;
    struct http_server_options options = front_options();
    options.limits.requests = 1;
    front_open(&front, &options);
    connect_and_send(&front, &a, waits);
    connect_and_send(&front, &b, hello);
    assert_true(front_has(&b, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_true(front_has(&b, "\r\nretry-after: 1\r\n"));
    assert_int_equal(front.last.outcome, HTTP_REFUSED);
    assert_int_equal(counts_of(&front).requests, 1);
    assert_int_equal(counts_of(&front).bad_requests, 1);
    front_disconnect(&a);
    front_turn_for(&front, 3);
    assert_int_equal(front.last.outcome, HTTP_PEER_LEFT);
    assert_true(front_send_text(&front, &b, hello)); /* it was kept */
    front_turn_for(&front, 3);
    front_receive(&b);
    assert_true(front_has(&b, "hello\n"));
    assert_int_equal(counts_of(&front).requests, 0);
    front_disconnect(&b);
    front_close(&front);
}

/* First who is idle, then who is longest in its head, and those at work never. */
static void test_who_gives_way(void **state)
{
    (void)state;
    struct front front;
    struct front_client idle;
    struct front_client half;
    struct front_client active;
    struct front_client more[3];
    struct http_server_options options = front_options();
    options.limits.connections = 3;
    front_open(&front, &options);
    connect_and_send(&front, &half, "GET /he");
    connect_and_send(&front, &active, waits);
    connect_and_send(&front, &idle, hello);
    assert_int_equal(counts_of(&front).reading_head, 1);
    assert_int_equal(counts_of(&front).active, 1);
    assert_int_equal(counts_of(&front).idle, 1);
    connect_and_send(&front, &more[0], waits);
    assert_false(is_open(&front, &idle));
    assert_true(is_open(&front, &half));
    connect_and_send(&front, &more[1], waits);
    assert_false(is_open(&front, &half));
    assert_true(is_open(&front, &active));
    assert_int_equal(counts_of(&front).gave_way, 2);
    connect_and_send(&front, &more[2], waits);
    assert_false(is_open(&front, &more[2]));
    assert_true(is_open(&front, &active) && is_open(&front, &more[0]) && is_open(&front, &more[1]));
    assert_int_equal(counts_of(&front).gave_way, 3);
    assert_int_equal(counts_of(&front).active, 3);
    assert_int_equal(front.script_count, 3);
    front_disconnect(&idle);
    front_disconnect(&half);
    front_disconnect(&active);
    for (size_t i = 0; i < 3; i++) {
        front_disconnect(&more[i]);
    }
    front_close(&front);
}

/* A peer that is not let in drives nobody out. */
static void test_per_address(void **state)
{
    (void)state;
    struct front front;
    struct front_client a;
    struct front_client b;
    struct front_client c;
    struct http_server_options options = front_options();
    options.limits.connections = 2;
    options.limits.connections_per_address = 2;
    front_open(&front, &options);
    connect_and_send(&front, &a, hello);
    connect_and_send(&front, &b, hello);
    for (int i = 0; i < 3; i++) {
        connect_and_send(&front, &c, hello);
        assert_false(is_open(&front, &c));
        front_disconnect(&c);
    }
    assert_true(is_open(&front, &a) && is_open(&front, &b));
    assert_int_equal(counts_of(&front).refused_address, 3);
    assert_int_equal(counts_of(&front).gave_way, 0);
    front_disconnect(&a);
    front_turn_for(&front, 3);
    connect_and_send(&front, &c, hello);
    assert_true(front_has(&c, "hello\n"));
    front_disconnect(&b);
    front_disconnect(&c);
    front_close(&front);
}

/* Without descriptors an idle connection gives way; without one, the new one waits, nothing spins,
 * and the operator is told once. */
static void test_out_of_descriptors(void **state)
{
    (void)state;
    struct front front;
    struct front_client idle;
    struct front_client active;
    struct front_client late;
    struct rlimit old;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    connect_and_send(&front, &idle, hello);
    active.fd = late.fd = -1;
    /* The clients' sockets first, then no more. */
    int spare[2] = {dup(0), dup(0)};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit none = {(rlim_t)(spare[0] + 1), old.rlim_max};
    assert_int_equal(close(spare[0]) | close(spare[1]), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    connect_and_send(&front, &active, waits);
    assert_false(is_open(&front, &idle));
    assert_int_equal(front.lines, 1);
    assert_int_equal(front.script_count, 1);
    front_disconnect(&idle);      /* its descriptor is the next client's */
    front_connect(&front, &late); /* waits a second for nothing */
    assert_true(front_send_text(&front, &late, hello));
    front_receive(&late);
    uint64_t cpu_before = (uint64_t)clock();
    front_turn_for(&front, 200);
    assert_true((uint64_t)clock() - cpu_before < 150000); /* of 200,000 us */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(front_await(&front, &late, 20));
    assert_true(front_has(&late, "hello\n"));
    assert_int_equal(front.lines, 1);
    front_disconnect(&active);
    front_disconnect(&late);
    front_close(&front);
}

/* A listener that somebody else has shut down is not asked again and again. */
static void test_listener_gone(void **state)
{
    (void)state;
    struct front front;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    assert_int_equal(shutdown(front.fd, SHUT_RD), 0);
    int turns = 0;
    uint64_t until = loop_clock_ns() + 300000000;
    while (loop_clock_ns() < until) {
        front_turn(&front, 50);
        turns++;
    }
    assert_true(turns < 50);
    front_close(&front);
}

enum { STATES = 8 };

/* A connection in each state there is. */
static const char *const in_states[STATES] = {
    "",                                                                /* accepted */
    "GET /he",                                                         /* in its head */
    "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc",  /* body is read */
    "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc", /* body is passed over */
    "GET /drip HTTP/1.1\r\nHost: a\r\n\r\n",                           /* in its response */
    "GET /length/50000000 HTTP/1.1\r\nHost: a\r\n\r\n",                /* held back */
    "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n",                          /* idle */
    "GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n", /* pipelined */
};

static void test_free_at_any_time(void **state)
{
    (void)state;
    for (int turns = 0; turns < 12; turns++) {
        struct front front;
        struct front_client clients[STATES];
        struct http_server_options options = front_options();
        front_open(&front, &options);
        for (size_t i = 0; i < STATES; i++) {
            front_connect(&front, &clients[i]);
            (void)front_send_text(&front, &clients[i], in_states[i]); /* small */
        }
        for (int i = 0; i < turns; i++) {
            front_turn(&front, i > 8 ? 5 : 0);
        }
        if (turns % 3 == 1) {
            front_drain(&front);
        }
        front_free_server(&front);
        for (size_t i = 0; i < STATES; i++) {
            front_receive(&clients[i]);
            assert_true(clients[i].has_ended || clients[i].error == ECONNRESET);
            front_disconnect(&clients[i]);
        }
        front_close(&front);
        assert_int_equal(front.drained, 0);
    }
}

static void test_drain_of_nothing(void **state)
{
    (void)state;
    struct front front;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    front_drain(&front);
    assert_int_equal(front.drained, 0); /* not within the call */
    front_turn_for(&front, 10);
    assert_int_equal(front.drained, 1);
    front_close(&front);
}

static void await_drained(struct front *front, unsigned ms)
{
    uint64_t until = loop_clock_ns() + ms * 1000000ULL;
    while (front->drained == 0 && loop_clock_ns() < until) {
        front_turn(front, 1);
    }
    assert_int_equal(front->drained, 1);
    assert_int_equal(counts_of(front).requests, 0);
}

static void take_answer(struct front *front, struct front_client *client, const char *text)
{
    assert_true(front_await_end(front, client, 3000));
    assert_int_equal(client->error, 0);
    assert_true(front_has(client, text));
    front_disconnect(client);
}

/* Nobody who has asked goes without an answer; the last one says so. */
static void test_drain(void **state)
{
    (void)state;
    struct front front;
    struct front_client clients[STATES];
    struct http_server_options options = front_options();
    front_open(&front, &options);
    for (size_t i = 0; i < STATES; i++) {
        if (i != 5) { /* it would take long */
            connect_and_send(&front, &clients[i], i == 7 ? hello : in_states[i]);
        }
    }
    uint64_t begin_ns = loop_clock_ns();
    front_drain(&front);
    front_turn_for(&front, 20);
    assert_int_equal(front.drained, 0);
    assert_true(front_send_text(&front, &clients[1], "llo HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(front_send_text(&front, &clients[2], "def"));
    assert_true(front_send_text(&front, &clients[3], "def"));
    /* Both had nothing to ask when the drain began: half a second for what was on its way. */
    front_turn_for(&front, 300);
    assert_true(front_send_text(&front, &clients[0], hello));
    assert_true(front_send_text(&front, &clients[6], hello));
    take_answer(&front, &clients[0], "hello\n");
    take_answer(&front, &clients[1], "hello\n");
    take_answer(&front, &clients[2], "read 6\n");
    assert_int_equal(front_count(&clients[6], "Connection: close"), 0);
    take_answer(&front, &clients[6], "Connection: close");
    take_answer(&front, &clients[3], "hello\n");
    take_answer(&front, &clients[4], "\r\n0\r\n\r\n");
    assert_true(front_await_end(&front, &clients[7], 3000));
    assert_int_equal(clients[7].error, 0);
    assert_in_range((loop_clock_ns() - begin_ns) / 1000000, 480, 1500);
    front_disconnect(&clients[7]);
    await_drained(&front, 100);
    assert_int_equal(front.outcomes[HTTP_ANSWERED], front.done);
    front_close(&front);
}

/* What is pipelined behind the last answer does not turn into a RST that overtakes it. */
static void test_drain_of_pipelined(void **state)
{
    (void)state;
    struct front front;
    struct front_client client;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    front_connect(&front, &client);
    assert_true(front_send_text(&front, &client,
                                "POST /read HTTP/1.1\r\nHost: a\r\n"
                                "Content-Length: 3\r\n\r\nab"));
    front_turn_for(&front, 3);
    front_drain(&front);
    assert_true(front_send_text(&front, &client, "c"));
    front_turn_for(&front, 5);
    for (int i = 0; i < 20; i++) {
        assert_true(front_send_text(&front, &client, hello));
        front_turn(&front, 0);
    }
    take_answer(&front, &client, "read 3\n");
    await_drained(&front, 100);
    front_close(&front);
}

/* A new connection finds nobody. */
static void test_drain_accepts_none(void **state)
{
    (void)state;
    struct front front;
    struct front_client active;
    struct front_client late;
    struct http_server_options options = front_options();
    front_open(&front, &options);
    connect_and_send(&front, &active, waits);
    front_drain(&front);
    front_connect(&front, &late);
    assert_int_equal(counts_of(&front).accepted, 1);
    front_disconnect(&late);
    front_disconnect(&active);
    await_drained(&front, 100);
    front_close(&front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),           cmocka_unit_test(test_who_gives_way),
        cmocka_unit_test(test_per_address),        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_listener_gone),      cmocka_unit_test(test_free_at_any_time),
        cmocka_unit_test(test_drain_of_nothing),   cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_of_pipelined), cmocka_unit_test(test_drain_accepts_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
