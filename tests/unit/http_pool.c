/* Clients that share connections: what goes from one to the next, and what must not. */
#include "http/pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/container.h"
#include "http/exchange.h"
#include "http_fetch.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define FINE OK_HEAD "Content-Length: 4\r\n\r\nfine"

enum { MS = 1000000, MANY = 100, FDS_MAX = 4096 };

struct fixture {
    struct loop *loop;
    struct http_peer *peer;
    struct http_pool *pool;
};

static struct fixture *begin(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error err = {0};
    assert_non_null(f);
    assert_int_equal(loop_new(&f->loop), 0);
    f->peer = http_peer_new();
    if (http_pool_new(f->loop, /* reaches_out */ true, &f->pool, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return f;
}

static void end(struct fixture *f)
{
    http_pool_free(f->pool);
    http_peer_free(f->peer);
    loop_free(f->loop);
    free(f);
}

/* A client of the pool; it is opened with its first request. */
static struct http_test *client_begin(struct fixture *f, struct http_pool *pool)
{
    struct http_test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->loop = f->loop;
    t->peer = f->peer;
    http_env_init(&t->env, f->loop);
    t->env.options.pool = pool;
    return t;
}

static void client_end(struct http_test *t)
{
    http_env_done(&t->env);
    free(t);
}

static void assert_fine(struct http_test *t, const char *path)
{
    struct http_fetch *fetch = http_fetch_path(t, "GET", path);
    assert_int_equal(http_exchange_error(fetch->exchange), HTTP_OK);
    assert_int_equal(http_exchange_status(fetch->exchange), 200);
    http_fetch_assert_body(fetch, "fine");
    http_fetch_close(fetch);
}

/* Our ends of connections to the server. */
static unsigned connected(struct fixture *f)
{
    unsigned count = 0;
    for (int fd = 0; fd < FDS_MAX; fd++) {
        struct sockaddr_in peer = {.sin_family = AF_UNSPEC};
        socklen_t len = sizeof peer;
        bool is_one =
            getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET;
        count += is_one && ntohs(peer.sin_port) == http_peer_port(f->peer);
    }
    return count;
}

static void one_client_leaves_its_connection_to_the_next(void **state)
{
    (void)state;
    struct fixture *f = begin();
    http_peer_route(f->peer, "/", FINE);
    for (unsigned i = 0; i < 5; i++) {
        struct http_test *t = client_begin(f, f->pool);
        assert_fine(t, "/");
        assert_int_equal(t->env.judged, 1); /* each by its own policy */
        client_end(t);
    }
    assert_int_equal(http_peer_count(f->peer), 5);
    assert_int_equal(http_peer_connections(f->peer), 1);
    end(f);
}

static void nothing_goes_from_pool_to_pool(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_pool *others[2] = {NULL, NULL}; /* one by name, one of the client's own */
    struct error err = {0};
    http_peer_route(f->peer, "/", FINE);
    assert_int_equal(http_pool_new(f->loop, /* reaches_out */ true, &others[0], &err), 0);
    struct http_test *t = client_begin(f, f->pool);
    assert_fine(t, "/");
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        struct http_test *other = client_begin(f, others[i]);
        assert_fine(other, "/");
        assert_int_equal(other->env.dialled, 1); /* it is judged where it is dialled */
        client_end(other);
    }
    assert_int_equal(http_peer_connections(f->peer), 3);
    assert_fine(t, "/");
    assert_int_equal(http_peer_connections(f->peer), 3);
    client_end(t);
    http_pool_free(others[0]);
    end(f);
}

/* A client that may not make the request does not get at the connection either. */
static void a_refused_request_finds_no_connection(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_fetch *fetch = NULL;
    http_peer_route(f->peer, "/", FINE);
    struct http_test *t = client_begin(f, f->pool);
    assert_fine(t, "/");
    struct http_test *other = client_begin(f, f->pool);
    other->env.denies_requests = true;
    assert_int_equal(http_fetch_url(other, "GET", http_peer_url(f->peer, "/"), &fetch),
                     HTTP_DENIED);
    assert_int_equal(http_peer_count(f->peer), 1);
    client_end(other);
    client_end(t);
    end(f);
}

/* What an exchange that was given up had still to come must not be the next one's answer. */
static void given_up_at_every_moment(void **state)
{
    (void)state;
    static const char steps[] =
        "HTTP/1.1 200\0 OK\r\nContent-Length: 200\r\n\0X-Bad: yes\r\n\r\nba\0d body";
    struct fixture *f = begin();
    struct http_test *steady = client_begin(f, f->pool);
    http_peer_route_steps(f->peer, "/slow", steps, sizeof steps - 1);
    http_peer_route(f->peer, "/", FINE);
    for (unsigned go = 0; go < 6; go++) {
        struct http_test *t = client_begin(f, f->pool);
        struct http_fetch *fetch = NULL;
        http_fetch_begin(t, "GET", "/slow", &fetch);
        for (unsigned i = 0; i < go; i++) {
            http_test_turn(t, 5 * (uint64_t)MS);
            if (i > 0) {
                http_peer_go(f->peer);
            }
        }
        http_test_turn(t, 5 * (uint64_t)MS);
        if (go % 2 == 0) {
            http_fetch_close(fetch);
            client_end(t);
        } else { /* the guest is ended with it under way */
            client_end(t);
            fetch->exchange = NULL;
            http_fetch_close(fetch);
        }
        assert_fine(steady, "/");
    }
    for (unsigned i = 0; i < 20; i++) { /* whoever still waits */
        http_peer_go(f->peer);
    }
    assert_int_equal(f->pool->running, 0);
    client_end(steady);
    end(f);
}

static void given_up_beside_another(void **state)
{
    (void)state;
    static const char steps[] = OK_HEAD "Content-Length: 4\r\n\r\nfi\0ne";
    struct fixture *f = begin();
    struct http_test *one = client_begin(f, f->pool);
    struct http_test *two = client_begin(f, f->pool);
    struct http_fetch *given_up = NULL;
    struct http_fetch *kept = NULL;
    http_peer_route_as(f->peer, HTTP_PEER_HANG, "/hang", OK_HEAD "\r\nsome");
    http_peer_route_steps(f->peer, "/slow", steps, sizeof steps - 1);
    http_fetch_begin(one, "GET", "/hang", &given_up);
    http_fetch_begin(two, "GET", "/slow", &kept);
    http_fetch_head(one, given_up);
    http_fetch_head(two, kept);
    http_fetch_close(given_up);
    client_end(one);
    http_peer_go(f->peer);
    assert_int_equal(http_fetch_body(two, kept), 0);
    http_fetch_assert_body(kept, "fine");
    http_fetch_close(kept);
    client_end(two);
    end(f);
}

static void an_idle_connection_that_was_closed(void **state)
{
    (void)state;
    struct fixture *f = begin();
    http_peer_route_as(f->peer, HTTP_PEER_CLOSE, "/", FINE);
    for (unsigned i = 0; i < 3; i++) {
        struct http_test *t = client_begin(f, f->pool);
        assert_fine(t, "/");
        http_test_turn(t, i * 20 * (uint64_t)MS); /* seen before the next request, or not */
        client_end(t);
    }
    assert_int_equal(http_peer_connections(f->peer), 3);
    end(f);
}

static void one_that_is_not_read_holds_up_no_other(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_test *lazy = client_begin(f, f->pool);
    struct http_test *t = client_begin(f, f->pool);
    struct http_fetch *fetch = NULL;
    http_peer_route_as(f->peer, HTTP_PEER_FLOOD, "/flood", OK_HEAD "\r\nx");
    http_peer_route(f->peer, "/", FINE);
    http_fetch_begin(lazy, "GET", "/flood", &fetch);
    http_fetch_head(lazy, fetch);
    for (unsigned i = 0; i < 5000 && !fetch->exchange->is_held_back; i++) {
        http_test_turn(lazy, MS);
    }
    assert_true(fetch->exchange->is_held_back);
    for (unsigned i = 0; i < 20; i++) {
        assert_fine(t, "/");
    }
    assert_true(fetch->exchange->is_held_back);
    http_fetch_close(fetch);
    client_end(t);
    client_end(lazy);
    end(f);
}

/* However many there were at once, only so many connections stay. */
static void many_clients(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_test *clients[MANY];
    struct http_fetch *fetches[MANY];
    http_peer_route(f->peer, "/", FINE);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            clients[i] = client_begin(f, f->pool);
            http_fetch_begin(clients[i], "GET", "/", &fetches[i]);
        }
        assert_true(f->pool->running <= MANY);
        for (unsigned i = 0; i < MANY; i++) {
            http_fetch_head(clients[i], fetches[i]);
            assert_int_equal(http_fetch_body(clients[i], fetches[i]), 0);
            http_fetch_assert_body(fetches[i], "fine");
            http_fetch_close(fetches[i]);
            client_end(clients[i]);
        }
        assert_int_equal(f->pool->running, 0);
        assert_true(f->pool->spare_count <= POOL_SPARES_MAX);
    }
    assert_int_equal(http_peer_count(f->peer), 2 * MANY);
    assert_true(http_peer_connections(f->peer) <= 2 * MANY - POOL_IDLE_MAX);
    /* Where many ended at the same moment a few too many stay, and the next requests close them. */
    struct http_test *t = client_begin(f, f->pool);
    for (unsigned i = 0; i < MANY && connected(f) > POOL_IDLE_MAX + 1; i++) {
        assert_fine(t, "/");
    }
    assert_in_range(connected(f), POOL_IDLE_MAX / 2, POOL_IDLE_MAX + 1);
    client_end(t);
    end(f);
}

static void it_rests_and_wakes_up(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_test *t = client_begin(f, f->pool);
    http_peer_route(f->peer, "/", FINE);
    for (unsigned i = 0; i < 3; i++) {
        assert_fine(t, "/");
        assert_non_null(f->pool->multi);
        assert_non_null(f->pool->rest.loop);
        assert_true(f->pool->rest.due_ns > loop_clock_ns() + (POOL_IDLE_S - 5) * 1000ULL * MS);
        assert_int_equal(loop_timer_start(f->loop, &f->pool->rest, 0, f->pool->rest.on_due), 0);
        http_test_turn(t, 5 * (uint64_t)MS);
        assert_null(f->pool->multi);
        assert_int_equal(connected(f), 0);
        assert_int_equal(f->pool->spare_count, 0);
    }
    assert_int_equal(http_peer_connections(f->peer), 3);
    client_end(t);
    end(f);
}

/* It does not rest while one is under way. */
static void it_does_not_rest_in_between(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct http_test *t = client_begin(f, f->pool);
    struct http_fetch *fetch = NULL;
    http_peer_route(f->peer, "/", FINE);
    http_peer_route_as(f->peer, HTTP_PEER_HANG, "/hang", OK_HEAD "\r\nsome");
    assert_fine(t, "/");
    http_fetch_begin(t, "GET", "/hang", &fetch);
    http_fetch_head(t, fetch);
    assert_null(f->pool->rest.loop);
    assert_fine(t, "/");
    assert_null(f->pool->rest.loop);
    http_fetch_close(fetch);
    assert_non_null(f->pool->rest.loop);
    client_end(t);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_leaves_its_connection_to_the_next),
        cmocka_unit_test(nothing_goes_from_pool_to_pool),
        cmocka_unit_test(a_refused_request_finds_no_connection),
        cmocka_unit_test(given_up_at_every_moment),
        cmocka_unit_test(given_up_beside_another),
        cmocka_unit_test(an_idle_connection_that_was_closed),
        cmocka_unit_test(one_that_is_not_read_holds_up_no_other),
        cmocka_unit_test(many_clients),
        cmocka_unit_test(it_rests_and_wakes_up),
        cmocka_unit_test(it_does_not_rest_in_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
