/* wasi:sockets/tcp: every function's success and errors in every state, what the policy says, and who
 * may be dropped when. The streams of a connection are wasi_sockets_tcp_stream.c's. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_sockets.h"
#include "guest/stream.h"
#include "net/broker.h"
#include "peer.h"

static int setup(void **state)
{
    struct fake_component *f = fake_component_new();
    f->guest.policy.allow_all = true;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fake_component_free(*state);
    return 0;
}

static void allow_listen(struct fake_component *f, const char *rule)
{
    struct error err;
    f->guest.policy.allow_all = false;
    assert_int_equal(policy_allow_listen(&f->guest.policy, rule, &err), 0);
}

static uint32_t connecting(struct fake_component *f, uint16_t port)
{
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(fake_network(f)), LOOPBACK(port)),
                     OK);
    return s;
}

/* A port on which nobody listens. */
static uint16_t deaf_port(void)
{
    uint16_t port = 0;
    close(peer_listen(&port));
    return port;
}

static uint32_t closed(struct fake_component *f)
{
    uint32_t s = connecting(f, deaf_port());
    fake_wait_tcp(f, s);
    assert_int_equal(tcp(f, "finish-connect", NUMBER(s)), SOCKETS_CONNECTION_REFUSED);
    return s;
}

/* -- states ----------------------------------------------------------------------------------- */

/* What each function answers in a state it is not made for. */
struct answers {
    int start_bind;
    int finish_bind;
    int start_connect;
    int finish_connect;
    int start_listen;
    int finish_listen;
    int accept;
    int local_address;
    int remote_address;
    int shutdown;
    int set_backlog;
    int options;
    bool is_listening;
};

enum { UNASKED = -2 };

static const struct answers when_unbound = {
    UNASKED,
    SOCKETS_NOT_IN_PROGRESS,
    UNASKED,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    OK,
    OK,
    false,
};

static const struct answers when_binding = {
    SOCKETS_CONCURRENCY_CONFLICT,
    UNASKED,
    SOCKETS_CONCURRENCY_CONFLICT,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_CONCURRENCY_CONFLICT,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    OK,
    OK,
    false,
};

static const struct answers when_bound = {
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    UNASKED,
    SOCKETS_NOT_IN_PROGRESS,
    UNASKED,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    OK,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    OK,
    OK,
    false,
};

static const struct answers when_starting_to_listen = {
    SOCKETS_CONCURRENCY_CONFLICT,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_CONCURRENCY_CONFLICT,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_CONCURRENCY_CONFLICT,
    UNASKED,
    SOCKETS_INVALID_STATE,
    OK,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    OK,
    OK,
    false,
};

static const struct answers when_listening = {
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_WOULD_BLOCK,
    OK,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    OK,
    OK,
    true,
};

static const struct answers when_connecting = {
    SOCKETS_CONCURRENCY_CONFLICT,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_CONCURRENCY_CONFLICT,
    UNASKED,
    SOCKETS_CONCURRENCY_CONFLICT,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    OK,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    OK,
    false,
};

static const struct answers when_connected = {
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    OK,
    OK,
    OK,
    SOCKETS_INVALID_STATE,
    OK,
    false,
};

static const struct answers when_closed = {
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_NOT_IN_PROGRESS,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    SOCKETS_INVALID_STATE,
    false,
};

static void expect_operations(struct fake_component *f, uint32_t s, const struct answers *expected)
{
    uint32_t net = fake_network(f);
    if (expected->start_bind != UNASKED) {
        assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(0)),
                         expected->start_bind);
    }
    if (expected->finish_bind != UNASKED) {
        assert_int_equal(tcp(f, "finish-bind", NUMBER(s)), expected->finish_bind);
    }
    if (expected->start_connect != UNASKED) {
        assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(net), LOOPBACK(1)),
                         expected->start_connect);
    }
    if (expected->finish_connect != UNASKED) {
        assert_int_equal(tcp(f, "finish-connect", NUMBER(s)), expected->finish_connect);
    }
    if (expected->start_listen != UNASKED) {
        assert_int_equal(tcp(f, "start-listen", NUMBER(s)), expected->start_listen);
    }
    if (expected->finish_listen != UNASKED) {
        assert_int_equal(tcp(f, "finish-listen", NUMBER(s)), expected->finish_listen);
    }
    assert_int_equal(tcp(f, "accept", NUMBER(s)), expected->accept);
    assert_int_equal(tcp(f, "shutdown", NUMBER(s), NUMBER(0)), expected->shutdown);
}

static void expect_properties(struct fake_component *f, uint32_t s, const struct answers *expected)
{
    assert_int_equal(tcp(f, "local-address", NUMBER(s)), expected->local_address);
    assert_int_equal(tcp(f, "remote-address", NUMBER(s)), expected->remote_address);
    assert_int_equal(tcp(f, "set-listen-backlog-size", NUMBER(s), NUMBER(10)),
                     expected->set_backlog);
    assert_int_equal(tcp(f, "set-listen-backlog-size", NUMBER(s), NUMBER(0)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(tcp(f, "keep-alive-enabled", NUMBER(s)), expected->options);
    assert_int_equal(tcp(f, "set-keep-alive-idle-time", NUMBER(s), NUMBER(1)), expected->options);
    assert_int_equal(tcp(f, "hop-limit", NUMBER(s)), expected->options);
    assert_int_equal(tcp(f, "set-hop-limit", NUMBER(s), NUMBER(9)), expected->options);
    assert_int_equal(tcp(f, "receive-buffer-size", NUMBER(s)), expected->options);
    assert_int_equal(tcp(f, "set-send-buffer-size", NUMBER(s), NUMBER(9000)), expected->options);
    assert_int_equal(
        component_fake_call(f, &wasi_sockets_tcp, "[method]tcp-socket.is-listening", NUMBER(s)), 0);
    assert_int_equal(f->results[0].number, expected->is_listening);
    assert_int_equal(
        component_fake_call(f, &wasi_sockets_tcp, "[method]tcp-socket.address-family", NUMBER(s)),
        0);
    assert_int_equal(f->results[0].number, 0);
}

static void expect_answers(struct fake_component *f, uint32_t s, const struct answers *expected)
{
    for (int i = 0; i < 2; i++) { /* a refusal changes nothing */
        expect_operations(f, s, expected);
        expect_properties(f, s, expected);
    }
}

static void the_states_of_a_server(void **state)
{
    struct fake_component *f = *state;
    uint32_t s = fake_tcp(f, AF_INET);
    expect_answers(f, s, &when_unbound);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(fake_network(f)), LOOPBACK(0)), OK);
    expect_answers(f, s, &when_binding);
    assert_int_equal(tcp(f, "finish-bind", NUMBER(s)), OK);
    expect_answers(f, s, &when_bound);
    assert_int_equal(tcp(f, "start-listen", NUMBER(s)), OK);
    expect_answers(f, s, &when_starting_to_listen);
    assert_int_equal(tcp(f, "finish-listen", NUMBER(s)), OK);
    expect_answers(f, s, &when_listening);
}

static void the_states_of_a_client(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    int listener = peer_listen(&port);
    uint32_t s = connecting(f, port);
    expect_answers(f, s, &when_connecting);
    fake_wait_tcp(f, s);
    assert_int_equal(tcp(f, "finish-connect", NUMBER(s)), OK);
    expect_answers(f, s, &when_connected);
    expect_answers(f, closed(f), &when_closed);
    close(listener);
}

static void a_socket_is_ready_when_its_operation_is(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t s = fake_tcp(f, AF_INET);
    uint32_t pollable = fake_subscribe(f, &wasi_sockets_tcp, "[method]tcp-socket.subscribe", s);
    assert_true(fake_is_ready(f, pollable));
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(fake_network(f)), LOOPBACK(0)), OK);
    assert_true(fake_is_ready(f, pollable));
    assert_int_equal(tcp(f, "finish-bind", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "start-listen", NUMBER(s)), OK);
    assert_true(fake_is_ready(f, pollable));
    assert_int_equal(tcp(f, "finish-listen", NUMBER(s)), OK);
    assert_false(fake_is_ready(f, pollable));
    assert_int_equal(tcp(f, "local-address", NUMBER(s)), OK);
    port = fake_result_port(f);
    int peer = peer_connect(port);
    fake_block(f, pollable);
    assert_true(fake_is_ready(f, pollable));
    struct fake_connection c = fake_accept(f, s);
    assert_false(fake_is_ready(f, pollable)); /* nobody else waits in the queue */
    fake_drop_connection(f, &c);
    close(peer);
}

/* -- bind ------------------------------------------------------------------------------------- */

static void port_0_is_a_port_of_the_kernels_choice(void **state)
{
    struct fake_component *f = *state;
    uint32_t s = fake_bound_tcp(f);
    assert_int_equal(tcp(f, "local-address", NUMBER(s)), OK);
    assert_int_equal(f->results[1].number, 0);
    assert_int_not_equal(f->results[2].number, 0);
    const uint64_t octets[] = {127, 0, 0, 1};
    for (size_t i = 0; i < ARRAY_COUNT(octets); i++) {
        assert_int_equal(f->results[3 + i].number, octets[i]);
    }
}

static void an_address_in_use(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint16_t port = 0;
    int listener = peer_listen(&port);
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(port)),
                     SOCKETS_ADDRESS_IN_USE);
    close(listener);
    /* After a bind that failed, another is allowed. */
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(port)), OK);
}

static uint32_t listens_at(struct fake_component *f, uint16_t port)
{
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(fake_network(f)), LOOPBACK(port)), OK);
    assert_int_equal(tcp(f, "finish-bind", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "start-listen", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "finish-listen", NUMBER(s)), OK);
    return s;
}

static void a_port_in_time_wait_may_be_bound_again(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = deaf_port();
    uint32_t listener = listens_at(f, port);
    int peer = peer_connect(port);
    struct fake_connection c = fake_accept(f, listener);
    fake_drop_connection(f, &c); /* the side that closes first waits */
    peer_expect_end(peer, 0);
    close(peer);
    fake_drop_tcp(f, listener);
    fake_drop_tcp(f, listens_at(f, port));
}

static void two_that_listen_on_one_address(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint32_t first = fake_bound_tcp(f);
    assert_int_equal(tcp(f, "local-address", NUMBER(first)), OK);
    uint16_t port = fake_result_port(f);
    assert_int_equal(tcp(f, "start-listen", NUMBER(first)), OK);
    uint32_t second = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "start-bind", NUMBER(second), NUMBER(net), LOOPBACK(port)),
                     SOCKETS_ADDRESS_IN_USE);
}

static void addresses_that_cannot_be_bound(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), V4(0, 192, 0, 2, 1)),
                     SOCKETS_ADDRESS_NOT_BINDABLE);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), V4(0, 224, 0, 0, 1)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), V4(0, 255, 255, 255, 255)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), V6(0, 0, 0, 0, 0, 0, 0, 0, 1)),
                     SOCKETS_INVALID_ARGUMENT);
    if (peer_has_v6()) {
        s = fake_tcp(f, AF_INET6);
        assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(0)),
                         SOCKETS_INVALID_ARGUMENT);
        assert_int_equal(
            tcp(f, "start-bind", NUMBER(s), NUMBER(net), V6(0, 0, 0, 0, 0, 0, 0xffff, 0x7f00, 1)),
            SOCKETS_INVALID_ARGUMENT); /* ::ffff:127.0.0.1 */
        assert_int_equal(
            tcp(f, "start-bind", NUMBER(s), NUMBER(net), V6(0, 0, 0, 0, 0, 0, 0, 0x7f00, 1)),
            SOCKETS_INVALID_ARGUMENT); /* ::127.0.0.1 */
        assert_int_equal(
            tcp(f, "start-bind", NUMBER(s), NUMBER(net), V6(0, 0xff02, 0, 0, 0, 0, 0, 0, 1)),
            SOCKETS_INVALID_ARGUMENT);
    }
}

/* -- the policy ------------------------------------------------------------------------------- */

static void binding_is_denied_by_default(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint32_t s = fake_tcp(f, AF_INET);
    f->guest.policy.allow_all = false;
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(8080)),
                     SOCKETS_ACCESS_DENIED);
    assert_string_equal(f->report, "refused: listen on 127.0.0.1:8080; to allow it: "
                                   "--allow-listen 127.0.0.1:8080");
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), V4(0, 0, 0, 0, 0)),
                     SOCKETS_ACCESS_DENIED);
    assert_string_equal(f->report,
                        "refused: listen on 0.0.0.0:0; to allow it: --allow-listen 0.0.0.0:0");
    assert_int_equal(tcp(f, "finish-bind", NUMBER(s)), SOCKETS_NOT_IN_PROGRESS);
    assert_int_equal(f->reports, 2);
}

static void a_grant_of_one_address_is_none_of_all(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint32_t s = fake_tcp(f, AF_INET);
    allow_listen(f, "127.0.0.1:*");
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), V4(0, 0, 0, 0, 0)),
                     SOCKETS_ACCESS_DENIED);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(0)), OK);
}

static void connecting_is_denied_by_default(void **state)
{
    struct fake_component *f = *state;
    uint32_t s = fake_tcp(f, AF_INET);
    f->guest.policy.allow_all = false;
    assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(fake_network(f)), LOOPBACK(80)),
                     SOCKETS_ACCESS_DENIED);
    assert_string_equal(
        f->report, "refused: connect to 127.0.0.1:80; to allow it: --allow-connect 127.0.0.1:80");
    expect_answers(f, s, &when_closed); /* it was the socket's one attempt */
}

static void a_grant_by_address(void **state)
{
    struct fake_component *f = *state;
    struct error err;
    uint16_t port = 0;
    char rule[64];
    int listener = peer_listen(&port);
    f->guest.policy.allow_all = false;
    (void)snprintf(rule, sizeof rule, "127.0.0.1:%u", port);
    assert_int_equal(policy_allow_connect(&f->guest.policy, rule, &err), 0);
    struct fake_connection c = fake_connect(f, port);
    fake_drop_connection(f, &c);
    assert_int_equal(f->reports, 0);
    close(listener);
}

/* -- connect ---------------------------------------------------------------------------------- */

static void addresses_that_cannot_be_connected_to(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(net), V4(80, 0, 0, 0, 0)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(net), LOOPBACK(0)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(net), V4(80, 239, 1, 1, 1)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(
        tcp(f, "start-connect", NUMBER(s), NUMBER(net), V6(80, 0, 0, 0, 0, 0, 0, 0, 1)),
        SOCKETS_INVALID_ARGUMENT);
    expect_answers(f, s, &when_unbound);
    if (peer_has_v6()) {
        s = fake_tcp(f, AF_INET6);
        assert_int_equal(
            tcp(f, "start-connect", NUMBER(s), NUMBER(net), V6(80, 0, 0, 0, 0, 0, 0, 0, 0)),
            SOCKETS_INVALID_ARGUMENT);
        assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(net),
                             V6(80, 0, 0, 0, 0, 0, 0xffff, 0x7f00, 1)),
                         SOCKETS_INVALID_ARGUMENT);
    }
}

static void a_connection(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    int listener = peer_listen(&port);
    struct fake_connection c = fake_connect(f, port);
    assert_int_equal(tcp(f, "remote-address", NUMBER(c.socket)), OK);
    assert_int_equal(f->results[1].number, 0);
    assert_int_equal(fake_result_port(f), port);
    assert_int_equal(f->results[3].number, 127);
    assert_int_equal(f->results[6].number, 1);
    fake_drop_connection(f, &c);
    close(listener);
}

static void a_connection_from_a_bound_socket(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    int listener = peer_listen(&port);
    uint32_t s = fake_bound_tcp(f);
    assert_int_equal(tcp(f, "local-address", NUMBER(s)), OK);
    uint16_t mine = fake_result_port(f);
    assert_int_equal(tcp(f, "start-connect", NUMBER(s), NUMBER(fake_network(f)), LOOPBACK(port)),
                     OK);
    fake_wait_tcp(f, s);
    assert_int_equal(tcp(f, "finish-connect", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "local-address", NUMBER(s)), OK);
    assert_int_equal(fake_result_port(f), mine);
    close(listener);
}

static void a_refused_connection_closes_the_socket(void **state)
{
    struct fake_component *f = *state;
    expect_answers(f, closed(f), &when_closed);
}

static void a_connect_that_goes_on_would_block(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    int listener = peer_listen(&port);
    assert_int_equal(listen(listener, 0), 0);
    uint32_t s[4];
    /* A queue with room for one: the kernel drops the next ones' SYN, and they wait. */
    for (size_t i = 0; i < ARRAY_COUNT(s); i++) {
        s[i] = connecting(f, port);
    }
    fake_turn(f);
    uint32_t last = s[ARRAY_COUNT(s) - 1];
    uint32_t pollable = fake_subscribe(f, &wasi_sockets_tcp, "[method]tcp-socket.subscribe", last);
    assert_false(fake_is_ready(f, pollable));
    assert_int_equal(tcp(f, "finish-connect", NUMBER(last)), SOCKETS_WOULD_BLOCK);
    assert_int_equal(tcp(f, "finish-connect", NUMBER(last)), SOCKETS_WOULD_BLOCK);
    fake_drop_tcp(f, last);                  /* in the middle of it */
    assert_true(fake_is_ready(f, pollable)); /* of a socket that is no more */
    fake_drop_pollable(f, pollable);
    close(listener);
}

/* -- IPv6 ------------------------------------------------------------------------------------- */

static void ipv6_has_no_ipv4_peers(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    if (!peer_has_v6()) {
        skip();
    }
    uint32_t s = fake_tcp(f, AF_INET6);
    assert_int_equal(tcp(f, "start-bind", NUMBER(s), NUMBER(net), V6(0, 0, 0, 0, 0, 0, 0, 0, 0)),
                     OK);
    assert_int_equal(tcp(f, "finish-bind", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "start-listen", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "finish-listen", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "local-address", NUMBER(s)), OK);
    assert_int_equal(f->results[1].number, 1);
    uint16_t port = fake_result_port(f);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct net_address v4 = peer_v4(port);
    assert_int_equal(connect(fd, &v4.u.any, v4.len), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct net_address v6 = peer_v6(port);
    assert_int_equal(connect(fd, &v6.u.any, v6.len), 0);
    struct fake_connection c = fake_accept(f, s);
    assert_int_equal(tcp(f, "remote-address", NUMBER(c.socket)), OK);
    assert_int_equal(f->results[1].number, 1);
    for (unsigned i = 4; i < 11; i++) {
        assert_int_equal(f->results[i].number, 0); /* seven segments of ::1 */
    }
    assert_int_equal(f->results[11].number, 1);
    close(fd);
}

static void *serve_broker(void *arg)
{
    struct broker *broker = NULL;
    int fd = *(int *)arg;
    int r = broker_new(&broker);
    while (r == 0 || r == -EAGAIN) {
        r = broker_serve(broker, fd); /* until the other end closes */
    }
    broker_free(broker);
    return NULL;
}

/* Of several workers, the master binds for all of them. */
static void ipv6_has_no_ipv4_peers_with_workers_either(void **state)
{
    struct fake_component *f = *state;
    int pair[2];
    pthread_t thread;
    if (!peer_has_v6()) {
        skip();
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve_broker, &pair[0]), 0);
    f->guest.broker_fd = pair[1];
    uint32_t s = fake_tcp(f, AF_INET6);
    int code =
        tcp(f, "start-bind", NUMBER(s), NUMBER(fake_network(f)), V6(0, 0, 0, 0, 0, 0, 0, 0, 0));
    f->guest.broker_fd = -1;
    close(pair[1]);
    pthread_join(thread, NULL);
    close(pair[0]);
    assert_int_equal(code, OK);
    assert_int_equal(tcp(f, "finish-bind", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "start-listen", NUMBER(s)), OK);
    assert_int_equal(tcp(f, "local-address", NUMBER(s)), OK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct net_address v4 = peer_v4(fake_result_port(f));
    assert_int_equal(connect(fd, &v4.u.any, v4.len), -1);
    close(fd);
}

/* -- accept ----------------------------------------------------------------------------------- */

static void accepted_sockets_inherit(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(f, &port);
    assert_int_equal(tcp(f, "set-keep-alive-enabled", NUMBER(listener), NUMBER(1)), OK);
    assert_int_equal(tcp(f, "set-keep-alive-count", NUMBER(listener), NUMBER(7)), OK);
    assert_int_equal(tcp(f, "set-hop-limit", NUMBER(listener), NUMBER(42)), OK);
    assert_int_equal(tcp(f, "accept", NUMBER(listener)), SOCKETS_WOULD_BLOCK);
    int peer = peer_connect(port);
    struct fake_connection c = fake_accept(f, listener);
    assert_int_equal(tcp(f, "keep-alive-enabled", NUMBER(c.socket)), OK);
    assert_int_equal(f->results[1].number, 1);
    assert_int_equal(tcp(f, "keep-alive-count", NUMBER(c.socket)), OK);
    assert_int_equal(f->results[1].number, 7);
    assert_int_equal(tcp(f, "hop-limit", NUMBER(c.socket)), OK);
    assert_int_equal(f->results[1].number, 42);
    expect_properties(f, c.socket, &when_connected);
    close(peer);
}

static void a_peer_that_has_reset_is_no_error_of_accept(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(f, &port);
    peer_reset(peer_connect(port));
    struct fake_connection c = fake_accept(f, listener);
    assert_int_equal(tcp(f, "remote-address", NUMBER(c.socket)), OK);
    assert_int_equal(tcp(f, "shutdown", NUMBER(c.socket), NUMBER(2)), OK);
    assert_int_equal(tcp(f, "shutdown", NUMBER(c.socket), NUMBER(2)), OK);
}

/* -- limits ----------------------------------------------------------------------------------- */

static void a_guest_has_as_many_sockets_as_descriptors(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(f, &port);
    f->guest.fds.max = 3;
    uint32_t second = fake_tcp(f, AF_INET);
    uint32_t third = fake_udp(f, AF_INET);
    assert_int_equal(
        sockets_call(f, &wasi_sockets_tcp_create_socket, "create-tcp-socket", NUMBER(0)),
        SOCKETS_NEW_SOCKET_LIMIT);
    int peer = peer_connect(port);
    fake_wait_tcp(f, listener);
    assert_int_equal(tcp(f, "accept", NUMBER(listener)), SOCKETS_NEW_SOCKET_LIMIT);
    fake_drop_udp(f, third);
    struct fake_connection c = fake_accept(f, listener); /* it has waited */
    fake_drop_connection(f, &c);
    fake_drop_tcp(f, second);
    assert_int_not_equal(fake_tcp(f, AF_INET), 0);
    close(peer);
}

/* The limit is that of all its descriptors: those of its table, files and sockets. */
static void sockets_and_files_have_one_limit(void **state)
{
    static const struct guest_stream_ops nothing = {.read = NULL};
    struct fake_component *f = *state;
    struct guest_stream *stream = NULL;
    uint32_t fd = 0;
    assert_int_equal(guest_stream_new(&f->guest, &nothing, NULL, &stream), 0);
    assert_int_equal(
        fd_table_insert(&f->guest.fds, guest_stream_descriptor(stream), 0 /* from */, &fd), 0);
    f->guest.fds.max = 2;
    uint32_t socket = fake_tcp(f, AF_INET);
    assert_int_equal(f->guest.open_files, 1); /* wasi:filesystem looks at the same number */
    assert_int_equal(
        sockets_call(f, &wasi_sockets_udp_create_socket, "create-udp-socket", NUMBER(0)),
        SOCKETS_NEW_SOCKET_LIMIT);
    fake_drop_tcp(f, socket);
    assert_int_equal(f->guest.open_files, 0);
    fake_drop_udp(f, fake_udp(f, AF_INET));
    guest_stream_detach(stream);
}

static void a_full_table_of_resources_is_an_error_where_there_is_one(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(f, &port);
    int peer = peer_connect(port);
    fake_wait_tcp(f, listener);
    f->guest.resources.max = f->guest.resources.count + 2;
    assert_int_equal(tcp(f, "accept", NUMBER(listener)), SOCKETS_NEW_SOCKET_LIMIT);
    f->guest.resources.max = f->guest.resources.count;
    assert_int_equal(
        sockets_call(f, &wasi_sockets_udp_create_socket, "create-udp-socket", NUMBER(0)),
        SOCKETS_NEW_SOCKET_LIMIT);
    f->guest.resources.max = 100;
    struct fake_connection c = fake_accept(f, listener);
    fake_drop_connection(f, &c);
    close(peer);
}

static void a_system_without_descriptors(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(f, &port);
    int peer = peer_connect(port);
    struct rlimit before;
    fake_wait_tcp(f, listener);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int created = sockets_call(f, &wasi_sockets_tcp_create_socket, "create-tcp-socket", NUMBER(0));
    int accepted = tcp(f, "accept", NUMBER(listener));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(created, SOCKETS_NEW_SOCKET_LIMIT);
    assert_int_equal(accepted, SOCKETS_NEW_SOCKET_LIMIT);
    struct fake_connection c = fake_accept(f, listener);
    fake_drop_connection(f, &c);
    close(peer);
}

/* -- drops ------------------------------------------------------------------------------------ */

static void a_dropped_listener_listens_no_more(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(f, &port);
    uint32_t pollable =
        fake_subscribe(f, &wasi_sockets_tcp, "[method]tcp-socket.subscribe", listener);
    fake_drop_tcp(f, listener);
    assert_true(fake_is_ready(f, pollable));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct net_address address = peer_v4(port);
    assert_int_equal(connect(fd, &address.u.any, address.len), -1);
    close(fd);
    fake_drop_pollable(f, pollable);
}

static void everything_may_be_left_to_the_guests_end(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(f, &port);
    struct fake_connection client = fake_connect(f, port);
    (void)fake_accept(f, listener);
    (void)fake_subscribe(f, &wasi_sockets_tcp, "[method]tcp-socket.subscribe", client.socket);
    (void)connecting(f, port);
    (void)closed(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_states_of_a_server, setup, teardown),
        cmocka_unit_test_setup_teardown(the_states_of_a_client, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_is_ready_when_its_operation_is, setup, teardown),
        cmocka_unit_test_setup_teardown(port_0_is_a_port_of_the_kernels_choice, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_in_time_wait_may_be_bound_again, setup, teardown),
        cmocka_unit_test_setup_teardown(two_that_listen_on_one_address, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_that_cannot_be_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(binding_is_denied_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(a_grant_of_one_address_is_none_of_all, setup, teardown),
        cmocka_unit_test_setup_teardown(connecting_is_denied_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(a_grant_by_address, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_that_cannot_be_connected_to, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connection_from_a_bound_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_connection_closes_the_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connect_that_goes_on_would_block, setup, teardown),
        cmocka_unit_test_setup_teardown(ipv6_has_no_ipv4_peers, setup, teardown),
        cmocka_unit_test_setup_teardown(ipv6_has_no_ipv4_peers_with_workers_either, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(accepted_sockets_inherit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_peer_that_has_reset_is_no_error_of_accept, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_guest_has_as_many_sockets_as_descriptors, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sockets_and_files_have_one_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_table_of_resources_is_an_error_where_there_is_one,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_system_without_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_listener_listens_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_may_be_left_to_the_guests_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
