/* wasi:sockets when memory is short: each allocation inside a call fails once. The guest gets an error
 * or, where the interface has none, a trap; nothing is lost and nothing is used after its end, which
 * the address sanitizer sees to.
 *
 * Wraps: malloc calloc realloc strdup
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc_sweep.h"
#include "base/container.h"
#include "engine/instance.h"
#include "fake_sockets.h"
#include "net/names.h"
#include "peer.h"

enum { TRIES_MAX = 200 };

static unsigned countdown; /* of the allocations that the guest's calls make; 0: one has failed */

/* -- calls ------------------------------------------------------------------------------------ */

/* One story of a guest; what a step makes, the next ones use. */
struct story {
    struct fake_component *f;
    uint32_t network;
    bool is_over; /* a step has failed, as it should */
};

static const struct component_func *find(const struct component_interface *interface,
                                         const char *name)
{
    for (size_t i = 0; i < interface->func_count; i++) {
        if (strcmp(interface->funcs[i].name, name) == 0) {
            return &interface->funcs[i];
        }
    }
    fail_msg("no %s", name);
    return NULL;
}

/* What a step may answer that has failed: memory is short, or its look-up is to be tried again. */
static void expect_failure(const struct story *s, int32_t answer)
{
    const union component_value *results = s->f->results;
    if (answer == CALL_TRAP) {
        assert_non_null(strstr(instance_fail_reason(s->f->instance), "out of memory"));
        return;
    }
    assert_int_equal(answer, 0);
    assert_int_equal(results[0].number, 1);
    assert_true(results[1].number == SOCKETS_OUT_OF_MEMORY ||
                results[1].number == SOCKETS_TEMPORARY_RESOLVER_FAILURE);
}

/* A step of the story; results[slot] when it has succeeded. An allocation may fail and the call go on
 * without it. */
#define step(s, slot, interface, name, ...)                                                        \
    take_step((s), (slot), (interface), (name), (const union component_value[]){__VA_ARGS__},      \
              sizeof((const union component_value[]){__VA_ARGS__}) /                               \
                  sizeof(union component_value))
static uint32_t take_step(struct story *s, unsigned slot,
                          const struct component_interface *interface, const char *name,
                          const union component_value *args, size_t count)
{
    struct fake_component *f = s->f;
    if (s->is_over) {
        return 0;
    }
    memset(f->results, 0, sizeof f->results);
    memcpy(f->args, args, count * sizeof *args);
    f->call = (struct component_call){.func = find(interface, name),
                                      .args = f->args,
                                      .results = f->results,
                                      .guest = &f->guest,
                                      .instance = f->instance};
    alloc_sweep_begin(countdown);
    int32_t answer = f->call.func->begin(&f->call);
    countdown = alloc_sweep_end();
    bool is_ok = answer == 0 && (slot == 0 || f->results[0].number == 0);
    if (!is_ok) {
        assert_int_equal(countdown, 0);
        expect_failure(s, answer);
        s->is_over = true;
    }
    return is_ok ? (uint32_t)f->results[slot].number : 0;
}

#define N(value)                                                                                   \
    {                                                                                              \
        .number = (value)                                                                          \
    }
#define LOCAL(port) N(0), N(port), N(127), N(0), N(0), N(1)
#define TCP "[method]tcp-socket."
#define UDP "[method]udp-socket."

static void wait_for(struct story *s, const struct component_interface *interface, const char *name,
                     uint32_t rep)
{
    uint32_t pollable = step(s, 0, interface, name, N(rep));
    if (!s->is_over) {
        fake_block(s->f, pollable);
    }
}

/* -- stories ---------------------------------------------------------------------------------- */

static void serve(struct story *s)
{
    uint32_t listener = step(s, 1, &wasi_sockets_tcp_create_socket, "create-tcp-socket", N(0));
    (void)step(s, 1, &wasi_sockets_tcp, TCP "start-bind", N(listener), N(s->network), LOCAL(0));
    (void)step(s, 1, &wasi_sockets_tcp, TCP "finish-bind", N(listener));
    (void)step(s, 1, &wasi_sockets_tcp, TCP "start-listen", N(listener));
    (void)step(s, 1, &wasi_sockets_tcp, TCP "finish-listen", N(listener));
    (void)step(s, 1, &wasi_sockets_tcp, TCP "local-address", N(listener));
    if (s->is_over) {
        return;
    }
    int peer = peer_connect(fake_result_port(s->f));
    wait_for(s, &wasi_sockets_tcp, TCP "subscribe", listener);
    (void)step(s, 1, &wasi_sockets_tcp, TCP "accept", N(listener));
    uint32_t input = (uint32_t)s->f->results[2].number;
    uint32_t output = (uint32_t)s->f->results[3].number;
    (void)step(s, 1, &wasi_io_streams, "[method]output-stream.check-write", N(output));
    (void)step(s, 1, &wasi_io_streams, "[method]output-stream.write", N(output),
               {.bytes = span_of("hello")});
    if (!s->is_over) {
        char got[5];
        assert_int_equal(send(peer, "hello", 5, 0), 5);
        wait_for(s, &wasi_io_streams, "[method]input-stream.subscribe", input);
        peer_read(peer, got, s->is_over ? 0 : 5);
    }
    (void)step(s, 1, &wasi_io_streams, "[method]input-stream.read", N(input), N(100));
    close(peer);
}

static void call_out(struct story *s)
{
    uint16_t port = 0;
    int listener = peer_listen(&port);
    uint32_t client = step(s, 1, &wasi_sockets_tcp_create_socket, "create-tcp-socket", N(0));
    (void)step(s, 1, &wasi_sockets_tcp, TCP "start-connect", N(client), N(s->network), LOCAL(port));
    wait_for(s, &wasi_sockets_tcp, TCP "subscribe", client);
    (void)step(s, 1, &wasi_sockets_tcp, TCP "finish-connect", N(client));
    close(listener);
}

static void datagrams(struct story *s)
{
    const union component_value items[14] = {{.bytes = span_of("hello")}, N(0)};
    uint32_t udp_socket = step(s, 1, &wasi_sockets_udp_create_socket, "create-udp-socket", N(0));
    (void)step(s, 1, &wasi_sockets_udp, UDP "start-bind", N(udp_socket), N(s->network), LOCAL(0));
    (void)step(s, 1, &wasi_sockets_udp, UDP "finish-bind", N(udp_socket));
    (void)step(s, 1, &wasi_sockets_udp, UDP "local-address", N(udp_socket));
    uint16_t port = fake_result_port(s->f);
    (void)step(s, 1, &wasi_sockets_udp, UDP "stream", N(udp_socket), N(1), LOCAL(port));
    uint32_t in = (uint32_t)s->f->results[1].number;
    uint32_t out = (uint32_t)s->f->results[2].number;
    (void)step(s, 1, &wasi_sockets_udp, "[method]outgoing-datagram-stream.check-send", N(out));
    (void)step(s, 1, &wasi_sockets_udp, "[method]outgoing-datagram-stream.send", N(out),
               {.list = {items, 1}});
    wait_for(s, &wasi_sockets_udp, "[method]incoming-datagram-stream.subscribe", in);
    (void)step(s, 1, &wasi_sockets_udp, "[method]incoming-datagram-stream.receive", N(in), N(4));
    if (!s->is_over) {
        assert_int_equal(s->f->results[1].list.count, 1);
    }
}

static void look_up(struct story *s)
{
    struct error err;
    struct names *names = NULL;
    assert_int_equal(guest_names(&s->f->guest, &names), 0);
    assert_int_equal(names_add_host(names, "name.test=192.0.2.1", &err), 0);
    uint32_t stream = step(s, 1, &wasi_sockets_ip_name_lookup, "resolve-addresses", N(s->network),
                           {.bytes = span_of("name.test")});
    wait_for(s, &wasi_sockets_ip_name_lookup, "[method]resolve-address-stream.subscribe", stream);
    (void)step(s, 1, &wasi_sockets_ip_name_lookup,
               "[method]resolve-address-stream.resolve-next-address", N(stream));
}

/* Tell the story once for each allocation, which fails, and a last time in full. */
static void sweep(void (*tell)(struct story *), unsigned at_least)
{
    bool was_failed = true;
    unsigned n = 0;
    while (was_failed) {
        n++;
        assert_true(n < TRIES_MAX);
        struct story s = {.f = fake_component_new()};
        s.f->guest.policy.allow_all = true;
        s.network = fake_network(s.f);
        countdown = n;
        tell(&s);
        was_failed = countdown == 0;
        assert_true(was_failed || !s.is_over);
        fake_component_free(s.f);
    }
    assert_true(n > at_least); /* allocations, as far as they are the room's own */
}

static void serving(void **state)
{
    (void)state;
    sweep(serve, 6);
}

static void calling_out(void **state)
{
    (void)state;
    sweep(call_out, 4);
}

static void sending_datagrams(void **state)
{
    (void)state;
    sweep(datagrams, 5);
}

static void looking_up(void **state)
{
    (void)state;
    sweep(look_up, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serving),
        cmocka_unit_test(calling_out),
        cmocka_unit_test(sending_datagrams),
        cmocka_unit_test(looking_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
