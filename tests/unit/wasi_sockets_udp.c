/* wasi:sockets/udp: states, associations, datagrams both ways, what the policy says of each, and
 * limits. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_sockets.h"
#include "peer.h"

enum {
    INCOMING = 13, /* slots of an element */
    OUTGOING = 14,
    PERMIT = 32,
};

struct streams {
    uint32_t in;
    uint32_t out;
};

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

/* -- calls ------------------------------------------------------------------------------------ */

static struct streams take_streams(struct fake_component *f)
{
    return (struct streams){(uint32_t)f->results[1].number, (uint32_t)f->results[2].number};
}

static struct streams open_streams(struct fake_component *f, uint32_t s)
{
    assert_int_equal(udp(f, "stream", NUMBER(s), NUMBER(0)), OK);
    return take_streams(f);
}

static struct streams connect_streams(struct fake_component *f, uint32_t s, uint16_t port)
{
    assert_int_equal(udp(f, "stream", NUMBER(s), NUMBER(1), LOOPBACK(port)), OK);
    return take_streams(f);
}

static int receive(struct fake_component *f, uint32_t in, uint64_t max)
{
    return sockets_call(f, &wasi_sockets_udp, "[method]incoming-datagram-stream.receive",
                        NUMBER(in), NUMBER(max));
}

static size_t received(const struct fake_component *f)
{
    return f->results[1].list.count;
}

static const union component_value *datagram(const struct fake_component *f, size_t index)
{
    assert_true(index < received(f));
    return f->results[1].list.items + index * INCOMING;
}

static int check_send(struct fake_component *f, uint32_t out)
{
    return sockets_call(f, &wasi_sockets_udp, "[method]outgoing-datagram-stream.check-send",
                        NUMBER(out));
}

static int32_t call_send(struct fake_component *f, uint32_t out, const union component_value *items,
                         size_t count)
{
    return component_fake_call(f, &wasi_sockets_udp, "[method]outgoing-datagram-stream.send",
                               NUMBER(out), LIST(items, count));
}

static int send_items(struct fake_component *f, uint32_t out, const union component_value *items,
                      size_t count)
{
    assert_int_equal(check_send(f, out), OK);
    assert_int_equal(f->results[1].number, PERMIT);
    return fake_sockets_code(f, call_send(f, out, items, count));
}

static void put(union component_value *item, const char *text)
{
    memset(item, 0xee, OUTGOING * sizeof *item);
    item[0].bytes = span_of(text);
    item[1].number = 0;
}

static void put_to(union component_value *item, const char *text, uint16_t port)
{
    put(item, text);
    item[1].number = 1;
    const uint64_t slots[] = {0, port, 127, 0, 0, 1};
    for (size_t i = 0; i < ARRAY_COUNT(slots); i++) {
        item[2 + i].number = slots[i];
    }
}

static int send_text(struct fake_component *f, uint32_t out, const char *text)
{
    union component_value item[OUTGOING];
    put(item, text);
    return send_items(f, out, item, 1);
}

static int send_text_to(struct fake_component *f, uint32_t out, const char *text, uint16_t port)
{
    union component_value item[OUTGOING];
    put_to(item, text, port);
    return send_items(f, out, item, 1);
}

static void peer_sends(int peer, uint16_t port, const char *text)
{
    struct net_address to = peer_v4(port);
    assert_int_equal(sendto(peer, text, strlen(text), 0, &to.u.any, to.len), strlen(text));
}

static void peer_gets(int peer, const char *text)
{
    char got[100];
    (void)peer_pending(peer);
    assert_int_equal(recv(peer, got, sizeof got, MSG_DONTWAIT), strlen(text));
    assert_memory_equal(got, text, strlen(text));
}

static void drop_in(struct fake_component *f, uint32_t rep)
{
    assert_int_equal(fake_component_drop(f, &wasi_sockets_udp, "incoming-datagram-stream", rep), 0);
}

static void drop_out(struct fake_component *f, uint32_t rep)
{
    assert_int_equal(fake_component_drop(f, &wasi_sockets_udp, "outgoing-datagram-stream", rep), 0);
}

static uint32_t in_pollable(struct fake_component *f, uint32_t in)
{
    return fake_subscribe(f, &wasi_sockets_udp, "[method]incoming-datagram-stream.subscribe", in);
}

static uint16_t local_port(struct fake_component *f, uint32_t s)
{
    assert_int_equal(udp(f, "local-address", NUMBER(s)), OK);
    return fake_result_port(f);
}

/* -- states ----------------------------------------------------------------------------------- */

static void the_states(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint32_t s = fake_udp(f, AF_INET);
    assert_int_equal(udp(f, "finish-bind", NUMBER(s)), SOCKETS_NOT_IN_PROGRESS);
    assert_int_equal(udp(f, "local-address", NUMBER(s)), SOCKETS_INVALID_STATE);
    assert_int_equal(udp(f, "remote-address", NUMBER(s)), SOCKETS_INVALID_STATE);
    assert_int_equal(udp(f, "stream", NUMBER(s), NUMBER(0)), SOCKETS_INVALID_STATE);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(0)), OK);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(0)),
                     SOCKETS_CONCURRENCY_CONFLICT);
    assert_int_equal(udp(f, "stream", NUMBER(s), NUMBER(0)), SOCKETS_INVALID_STATE);
    assert_int_equal(udp(f, "local-address", NUMBER(s)), SOCKETS_INVALID_STATE);
    assert_int_equal(udp(f, "finish-bind", NUMBER(s)), OK);
    assert_int_equal(udp(f, "finish-bind", NUMBER(s)), SOCKETS_NOT_IN_PROGRESS);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(0)),
                     SOCKETS_INVALID_STATE);
    assert_int_not_equal(local_port(f, s), 0);
    assert_int_equal(udp(f, "remote-address", NUMBER(s)), SOCKETS_INVALID_STATE);
    assert_true(
        fake_is_ready(f, fake_subscribe(f, &wasi_sockets_udp, "[method]udp-socket.subscribe", s)));
}

static void options(void **state)
{
    struct fake_component *f = *state;
    uint32_t s = fake_udp(f, AF_INET);
    assert_int_equal(udp(f, "set-unicast-hop-limit", NUMBER(s), NUMBER(0)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(udp(f, "set-unicast-hop-limit", NUMBER(s), NUMBER(42)), OK);
    assert_int_equal(udp(f, "unicast-hop-limit", NUMBER(s)), OK);
    assert_int_equal(f->results[1].number, 42);
    assert_int_equal(udp(f, "set-receive-buffer-size", NUMBER(s), NUMBER(0)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(udp(f, "set-receive-buffer-size", NUMBER(s), NUMBER(16384)), OK);
    assert_int_equal(udp(f, "receive-buffer-size", NUMBER(s)), OK);
    assert_int_equal(f->results[1].number, 16384);
    assert_int_equal(udp(f, "set-send-buffer-size", NUMBER(s), NUMBER(0)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(udp(f, "set-send-buffer-size", NUMBER(s), NUMBER(16384)), OK);
    assert_int_equal(udp(f, "send-buffer-size", NUMBER(s)), OK);
    assert_int_equal(f->results[1].number, 16384);
    assert_int_equal(
        component_fake_call(f, &wasi_sockets_udp, "[method]udp-socket.address-family", NUMBER(s)),
        0);
    assert_int_equal(f->results[0].number, 0);
}

static void addresses_that_cannot_be_used(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint16_t port = 0;
    int peer = peer_datagram(&port);
    uint32_t s = fake_udp(f, AF_INET);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(port)),
                     SOCKETS_ADDRESS_IN_USE);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), V4(0, 192, 0, 2, 1)),
                     SOCKETS_ADDRESS_NOT_BINDABLE);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), V6(0, 0, 0, 0, 0, 0, 0, 0, 1)),
                     SOCKETS_INVALID_ARGUMENT);
    s = fake_bound_udp(f, &port);
    assert_int_equal(udp(f, "stream", NUMBER(s), NUMBER(1), LOOPBACK(0)), SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(udp(f, "stream", NUMBER(s), NUMBER(1), V4(9, 0, 0, 0, 0)),
                     SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(
        udp(f, "stream", NUMBER(s), NUMBER(1), V6(9, 0, 0, 0, 0, 0, 0xffff, 0x7f00, 1)),
        SOCKETS_INVALID_ARGUMENT);
    close(peer);
}

/* -- datagrams -------------------------------------------------------------------------------- */

static void datagrams_of_anyone(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint16_t peer_port = 0;
    int peer = peer_datagram(&peer_port);
    uint32_t s = fake_bound_udp(f, &port);
    struct streams streams = open_streams(f, s);
    uint32_t pollable = in_pollable(f, streams.in);
    assert_int_equal(receive(f, streams.in, 10), OK);
    assert_int_equal(received(f), 0);
    assert_false(fake_is_ready(f, pollable));
    peer_sends(peer, port, "one");
    peer_sends(peer, port, "");
    peer_sends(peer, port, "three");
    fake_block(f, pollable);
    assert_int_equal(receive(f, streams.in, 0), OK);
    assert_int_equal(received(f), 0);
    assert_int_equal(receive(f, streams.in, UINT64_MAX), OK);
    assert_int_equal(received(f), 3);
    assert_true(span_is(datagram(f, 0)[0].bytes, "one"));
    assert_int_equal(datagram(f, 1)[0].bytes.len, 0);
    assert_true(span_is(datagram(f, 2)[0].bytes, "three"));
    const uint64_t slots[] = {0, peer_port, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    for (size_t i = 0; i < ARRAY_COUNT(slots); i++) {
        assert_int_equal(datagram(f, 2)[1 + i].number, slots[i]);
    }
    assert_false(fake_is_ready(f, pollable));
    assert_int_equal(send_text_to(f, streams.out, "answer", peer_port), OK);
    assert_int_equal(f->results[1].number, 1);
    peer_gets(peer, "answer");
    close(peer);
}

static void no_more_than_was_asked(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint16_t peer_port = 0;
    int peer = peer_datagram(&peer_port);
    struct streams streams = open_streams(f, fake_bound_udp(f, &port));
    uint32_t pollable = in_pollable(f, streams.in);
    for (int i = 0; i < 40; i++) {
        peer_sends(peer, port, "x");
    }
    fake_block(f, pollable);
    assert_int_equal(receive(f, streams.in, 2), OK);
    assert_int_equal(received(f), 2);
    assert_true(fake_is_ready(f, pollable));
    assert_int_equal(receive(f, streams.in, UINT64_MAX), OK);
    assert_int_equal(received(f), 32);
    assert_int_equal(receive(f, streams.in, 6), OK);
    assert_int_equal(received(f), 6);
    assert_false(fake_is_ready(f, pollable)); /* that was the last, though nobody said so */
    close(peer);
}

static void large_datagrams(void **state)
{
    enum { LARGEST = 65507 };
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint16_t peer_port = 0;
    int peer = peer_datagram(&peer_port);
    struct streams streams = connect_streams(f, fake_bound_udp(f, &port), peer_port);
    char *bytes = calloc(1, LARGEST + 1);
    union component_value item[OUTGOING];
    struct net_address to = peer_v4(port);
    assert_non_null(bytes);
    memset(bytes, 'y', LARGEST);
    uint32_t pollable = in_pollable(f, streams.in);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sendto(peer, bytes, LARGEST, 0, &to.u.any, to.len), LARGEST);
        fake_block(f, pollable);
        assert_int_equal(receive(f, streams.in, 10), OK);
        assert_int_equal(received(f), 1);
        assert_int_equal(datagram(f, 0)[0].bytes.len, LARGEST);
        assert_memory_equal(datagram(f, 0)[0].bytes.data, bytes, LARGEST);
    }
    put(item, "");
    item[0].bytes = (struct span){(uint8_t *)bytes, LARGEST + 1};
    assert_int_equal(send_items(f, streams.out, item, 1), SOCKETS_DATAGRAM_TOO_LARGE);
    free(bytes);
    close(peer);
}

static void sending_is_by_permit(void **state)
{
    struct fake_component *f = *state;
    static union component_value items[(PERMIT + 1) * OUTGOING];
    uint16_t port = 0;
    uint16_t peer_port = 0;
    int peer = peer_datagram(&peer_port);
    struct streams streams = connect_streams(f, fake_bound_udp(f, &port), peer_port);
    for (size_t i = 0; i <= PERMIT; i++) {
        put(items + i * OUTGOING, "x");
    }
    assert_int_equal(fake_sockets_code(f, call_send(f, streams.out, items, 0)), OK);
    assert_int_equal(f->results[1].number, 0);
    assert_int_equal(call_send(f, streams.out, items, 1), CALL_TRAP);
    assert_int_equal(check_send(f, streams.out), OK);
    assert_int_equal(call_send(f, streams.out, items, PERMIT + 1), CALL_TRAP);
    assert_int_equal(send_items(f, streams.out, items, PERMIT), OK);
    assert_int_equal(f->results[1].number, PERMIT);
    assert_int_equal(call_send(f, streams.out, items, 1), CALL_TRAP); /* used up */
    close(peer);
}

static void the_first_error_ends_a_list(void **state)
{
    struct fake_component *f = *state;
    union component_value items[3 * OUTGOING];
    uint16_t port = 0;
    uint16_t peer_port = 0;
    int peer = peer_datagram(&peer_port);
    struct streams streams = open_streams(f, fake_bound_udp(f, &port));
    put_to(items, "a", peer_port);
    put_to(items + OUTGOING, "b", 0);
    put_to(items + 2 * OUTGOING, "c", peer_port);
    assert_int_equal(send_items(f, streams.out, items, 3), OK);
    assert_int_equal(f->results[1].number, 1);
    peer_gets(peer, "a");
    assert_int_equal(peer_pending(peer), 0);
    assert_int_equal(send_items(f, streams.out, items + OUTGOING, 2), SOCKETS_INVALID_ARGUMENT);
    close(peer);
}

static void destinations_that_are_none(void **state)
{
    struct fake_component *f = *state;
    union component_value item[OUTGOING];
    uint16_t port = 0;
    struct streams streams = open_streams(f, fake_bound_udp(f, &port));
    assert_int_equal(send_text(f, streams.out, "x"), SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(send_text_to(f, streams.out, "x", 0), SOCKETS_INVALID_ARGUMENT);
    put_to(item, "x", port);
    item[4].number = 0; /* 0.0.0.1 */
    item[7].number = 0; /* 0.0.0.0 */
    assert_int_equal(send_items(f, streams.out, item, 1), SOCKETS_INVALID_ARGUMENT);
    put_to(item, "x", port);
    item[2].number = 1; /* IPv6 */
    for (int i = 4; i < OUTGOING; i++) {
        item[i].number = i == 12;
    }
    assert_int_equal(send_items(f, streams.out, item, 1), SOCKETS_INVALID_ARGUMENT);
}

/* -- associations ----------------------------------------------------------------------------- */

static void a_connected_stream_hears_its_peer_only(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint16_t peer_port = 0;
    uint16_t other_port = 0;
    int peer = peer_datagram(&peer_port);
    int other = peer_datagram(&other_port);
    uint32_t s = fake_bound_udp(f, &port);
    peer_sends(other, port, "before"); /* is in the queue already */
    peer_sends(peer, port, "before, too");
    struct streams streams = connect_streams(f, s, peer_port);
    assert_int_equal(udp(f, "remote-address", NUMBER(s)), OK);
    assert_int_equal(fake_result_port(f), peer_port);
    peer_sends(other, port, "after");
    peer_sends(peer, port, "hello");
    fake_block(f, in_pollable(f, streams.in));
    assert_int_equal(receive(f, streams.in, 10), OK);
    assert_int_equal(received(f), 2);
    assert_true(span_is(datagram(f, 0)[0].bytes, "before, too"));
    assert_true(span_is(datagram(f, 1)[0].bytes, "hello"));
    assert_int_equal(send_text(f, streams.out, "a"), OK);
    peer_gets(peer, "a");
    assert_int_equal(send_text_to(f, streams.out, "b", peer_port), OK);
    peer_gets(peer, "b");
    assert_int_equal(send_text_to(f, streams.out, "c", other_port), SOCKETS_INVALID_ARGUMENT);
    close(peer);
    close(other);
}

static void an_association_can_be_changed(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint16_t ports[2];
    int peers[] = {peer_datagram(&ports[0]), peer_datagram(&ports[1])};
    uint32_t s = fake_bound_udp(f, &port);
    for (int i = 0; i < 4; i++) {
        struct streams streams = connect_streams(f, s, ports[i % 2]);
        assert_int_equal(local_port(f, s), port);
        assert_int_equal(send_text(f, streams.out, "hello"), OK);
        peer_gets(peers[i % 2], "hello");
        peer_sends(peers[i % 2], port, "answer");
        fake_block(f, in_pollable(f, streams.in));
        assert_int_equal(receive(f, streams.in, 1), OK);
        assert_int_equal(received(f), 1);
        drop_in(f, streams.in);
        drop_out(f, streams.out);
    }
    struct streams streams = open_streams(f, s);
    assert_int_equal(udp(f, "remote-address", NUMBER(s)), SOCKETS_INVALID_STATE);
    assert_int_equal(local_port(f, s), port);
    for (int i = 0; i < 2; i++) {
        peer_sends(peers[i], port, "hi");
        fake_block(f, in_pollable(f, streams.in));
        assert_int_equal(receive(f, streams.in, 1), OK);
        assert_int_equal(datagram(f, 0)[2].number, ports[i]);
        close(peers[i]);
    }
}

static void any_address_and_port_survive_an_association(void **state)
{
    struct fake_component *f = *state;
    uint16_t peer_port = 0;
    int peer = peer_datagram(&peer_port);
    uint32_t s = fake_udp(f, AF_INET);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(fake_network(f)), V4(0, 0, 0, 0, 0)),
                     OK);
    assert_int_equal(udp(f, "finish-bind", NUMBER(s)), OK);
    uint16_t port = local_port(f, s);
    (void)connect_streams(f, s, peer_port);
    assert_int_equal(local_port(f, s), port);
    assert_int_equal(f->results[3].number, 127); /* by the best way to the peer */
    struct streams streams = open_streams(f, s);
    assert_int_equal(local_port(f, s), port);
    assert_int_equal(f->results[3].number, 0);
    peer_sends(peer, port, "hello");
    fake_block(f, in_pollable(f, streams.in));
    assert_int_equal(receive(f, streams.in, 1), OK);
    assert_int_equal(received(f), 1);
    close(peer);
}

static void only_the_last_streams_work(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t s = fake_bound_udp(f, &port);
    struct streams old = open_streams(f, s);
    uint32_t pollable = in_pollable(f, old.in);
    (void)connect_streams(f, s, port);
    assert_int_equal(receive(f, old.in, 1), SOCKETS_INVALID_STATE);
    assert_int_equal(check_send(f, old.out), SOCKETS_INVALID_STATE);
    assert_true(fake_is_ready(f, pollable));
}

static void a_refusal_by_the_peer(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint16_t peer_port = 0;
    int peer = peer_datagram(&peer_port);
    struct streams streams = connect_streams(f, fake_bound_udp(f, &port), peer_port);
    close(peer);
    assert_int_equal(send_text(f, streams.out, "x"), OK);
    fake_block(f, in_pollable(f, streams.in));
    assert_int_equal(receive(f, streams.in, 1), SOCKETS_CONNECTION_REFUSED);
    assert_int_equal(receive(f, streams.in, 1), OK);
}

/* -- the policy ------------------------------------------------------------------------------- */

static void allow(struct fake_component *f, const char *listen_rule, const char *connect_rule)
{
    struct error err;
    f->guest.policy.allow_all = false;
    assert_int_equal(policy_allow_listen(&f->guest.policy, listen_rule, &err), 0);
    if (connect_rule != NULL) {
        assert_int_equal(policy_allow_connect(&f->guest.policy, connect_rule, &err), 0);
    }
}

static void binding_is_denied_by_default(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    uint32_t s = fake_udp(f, AF_INET);
    f->guest.policy.allow_all = false;
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), V4(0, 0, 0, 0, 0)),
                     SOCKETS_ACCESS_DENIED);
    assert_string_equal(f->report,
                        "refused: listen on 0.0.0.0:0; to allow it: --allow-listen 0.0.0.0:0");
    allow(f, "127.0.0.1:*", NULL);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), V4(0, 0, 0, 0, 0)),
                     SOCKETS_ACCESS_DENIED);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), LOOPBACK(0)), OK);
}

static void each_destination_is_asked_about(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint16_t peer_port = 0;
    char rule[64];
    int peer = peer_datagram(&peer_port);
    (void)snprintf(rule, sizeof rule, "127.0.0.1:%u", peer_port);
    allow(f, "127.0.0.1:*", rule);
    uint32_t s = fake_bound_udp(f, &port);
    struct streams streams = open_streams(f, s);
    assert_int_equal(send_text_to(f, streams.out, "x", peer_port), OK);
    assert_int_equal(f->reports, 0);
    assert_int_equal(send_text_to(f, streams.out, "x", 9), SOCKETS_ACCESS_DENIED);
    assert_string_equal(f->report,
                        "refused: send to 127.0.0.1:9; to allow it: --allow-connect 127.0.0.1:9");
    assert_int_equal(udp(f, "stream", NUMBER(s), NUMBER(1), LOOPBACK(9)), SOCKETS_ACCESS_DENIED);
    assert_int_equal(udp(f, "remote-address", NUMBER(s)), SOCKETS_INVALID_STATE);
    close(peer);
}

/* -- IPv6 ------------------------------------------------------------------------------------- */

static void ipv6(void **state)
{
    struct fake_component *f = *state;
    uint32_t net = fake_network(f);
    if (!peer_has_v6()) {
        skip();
    }
    uint32_t s = fake_udp(f, AF_INET6);
    assert_int_equal(udp(f, "start-bind", NUMBER(s), NUMBER(net), V6(0, 0, 0, 0, 0, 0, 0, 0, 0)),
                     OK);
    assert_int_equal(udp(f, "finish-bind", NUMBER(s)), OK);
    uint16_t port = local_port(f, s);
    assert_int_equal(
        udp(f, "stream", NUMBER(s), NUMBER(1), V6(port, 0, 0, 0, 0, 0, 0xffff, 0x7f00, 1)),
        SOCKETS_INVALID_ARGUMENT);
    assert_int_equal(udp(f, "stream", NUMBER(s), NUMBER(1), V6(port, 0, 0, 0, 0, 0, 0, 0, 1)), OK);
    struct streams streams = take_streams(f);
    assert_int_equal(send_text(f, streams.out, "to itself"), OK);
    fake_block(f, in_pollable(f, streams.in));
    assert_int_equal(receive(f, streams.in, 1), OK);
    assert_int_equal(received(f), 1);
    assert_int_equal(datagram(f, 0)[1].number, 1);
    assert_int_equal(datagram(f, 0)[2].number, port);
    assert_int_equal(datagram(f, 0)[11].number, 1); /* ::1 */
}

/* -- drops ------------------------------------------------------------------------------------ */

static void drops_in_every_order(void **state)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct fake_component *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
        uint16_t port = 0;
        uint32_t s = fake_bound_udp(f, &port);
        struct streams streams = open_streams(f, s);
        uint32_t pollable = in_pollable(f, streams.in);
        uint32_t other = fake_subscribe(f, &wasi_sockets_udp,
                                        "[method]outgoing-datagram-stream.subscribe", streams.out);
        assert_true(fake_is_ready(f, other));
        for (int step = 0; step < 3; step++) {
            if (orders[i][step] == 0) {
                fake_drop_udp(f, s);
            } else if (orders[i][step] == 1) {
                drop_in(f, streams.in);
            } else {
                drop_out(f, streams.out);
            }
        }
        /* The port is free, whatever pollables there are. */
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct net_address address = peer_v4(port);
        assert_int_equal(bind(fd, &address.u.any, address.len), 0);
        close(fd);
        assert_true(fake_is_ready(f, pollable));
        assert_true(fake_is_ready(f, other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_states, setup, teardown),
        cmocka_unit_test_setup_teardown(options, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_that_cannot_be_used, setup, teardown),
        cmocka_unit_test_setup_teardown(datagrams_of_anyone, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_than_was_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(large_datagrams, setup, teardown),
        cmocka_unit_test_setup_teardown(sending_is_by_permit, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_error_ends_a_list, setup, teardown),
        cmocka_unit_test_setup_teardown(destinations_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connected_stream_hears_its_peer_only, setup, teardown),
        cmocka_unit_test_setup_teardown(an_association_can_be_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(any_address_and_port_survive_an_association, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(only_the_last_streams_work, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_by_the_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(binding_is_denied_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(each_destination_is_asked_about, setup, teardown),
        cmocka_unit_test_setup_teardown(ipv6, setup, teardown),
        cmocka_unit_test_setup_teardown(drops_in_every_order, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
