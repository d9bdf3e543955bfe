/* Options of a tcp-socket: what is set is what the kernel has, cut and rounded as the interface allows;
 * 0 is refused. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_sockets.h"
#include "peer.h"

#define SECONDS(n) ((n)*UINT64_C(1000000000))

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

/* Set with one function, read back with the other. */
#define set_and_get(f, s, name, value, expected)                                                   \
    do {                                                                                           \
        assert_int_equal(tcp(f, "set-" name, NUMBER(s), NUMBER(value)), OK);                       \
        assert_int_equal(tcp(f, name, NUMBER(s)), OK);                                             \
        assert_int_equal((f)->results[1].number, (expected));                                      \
    } while (0)

static void keep_alive(void **state)
{
    struct fake_component *f = *state;
    uint32_t s = fake_tcp(f, AF_INET);
    assert_int_equal(tcp(f, "keep-alive-enabled", NUMBER(s)), OK);
    assert_int_equal(f->results[1].number, 0);
    set_and_get(f, s, "keep-alive-enabled", 1, 1);
    set_and_get(f, s, "keep-alive-enabled", 0, 0);
    set_and_get(f, s, "keep-alive-idle-time", SECONDS(42), SECONDS(42));
    set_and_get(f, s, "keep-alive-idle-time", 1, SECONDS(1));
    set_and_get(f, s, "keep-alive-idle-time", SECONDS(7) + 1, SECONDS(8));
    set_and_get(f, s, "keep-alive-idle-time", UINT64_MAX, SECONDS(32767));
    set_and_get(f, s, "keep-alive-interval", SECONDS(3), SECONDS(3));
    set_and_get(f, s, "keep-alive-interval", UINT64_MAX, SECONDS(32767));
    set_and_get(f, s, "keep-alive-count", 5, 5);
    set_and_get(f, s, "keep-alive-count", UINT32_MAX, 127);
}

static void zero_is_refused(void **state)
{
    static const char *const names[] = {
        "[method]tcp-socket.set-keep-alive-idle-time", "[method]tcp-socket.set-keep-alive-interval",
        "[method]tcp-socket.set-keep-alive-count",     "[method]tcp-socket.set-hop-limit",
        "[method]tcp-socket.set-receive-buffer-size",  "[method]tcp-socket.set-send-buffer-size",
        "[method]tcp-socket.set-listen-backlog-size",
    };
    struct fake_component *f = *state;
    uint32_t s = fake_tcp(f, AF_INET);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(sockets_call(f, &wasi_sockets_tcp, names[i], NUMBER(s), NUMBER(0)),
                         SOCKETS_INVALID_ARGUMENT);
    }
}

static void hop_limit(void **state)
{
    struct fake_component *f = *state;
    uint32_t s = fake_tcp(f, AF_INET);
    set_and_get(f, s, "hop-limit", 1, 1);
    set_and_get(f, s, "hop-limit", 255, 255);
    if (peer_has_v6()) {
        s = fake_tcp(f, AF_INET6);
        assert_int_equal(tcp(f, "hop-limit", NUMBER(s)), OK);
        assert_int_not_equal(f->results[1].number, 0);
        set_and_get(f, s, "hop-limit", 200, 200);
    }
}

static void buffer_sizes(void **state)
{
    struct fake_component *f = *state;
    uint32_t s = fake_tcp(f, AF_INET);
    set_and_get(f, s, "receive-buffer-size", 16384, 16384);
    set_and_get(f, s, "send-buffer-size", 16384, 16384);
    /* Clamped, silently, at both ends. */
    assert_int_equal(tcp(f, "set-receive-buffer-size", NUMBER(s), NUMBER(UINT64_MAX)), OK);
    assert_int_equal(tcp(f, "receive-buffer-size", NUMBER(s)), OK);
    assert_true(f->results[1].number >= 16384 && f->results[1].number < INT32_MAX);
    assert_int_equal(tcp(f, "set-send-buffer-size", NUMBER(s), NUMBER(1)), OK);
    assert_int_equal(tcp(f, "send-buffer-size", NUMBER(s)), OK);
    assert_true(f->results[1].number > 0 && f->results[1].number < 16384);
}

static void backlog(void **state)
{
    struct fake_component *f = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(f, &port);
    assert_int_equal(tcp(f, "set-listen-backlog-size", NUMBER(listener), NUMBER(UINT64_MAX)), OK);
    int peer = peer_connect(port);
    struct fake_connection c = fake_accept(f, listener);
    fake_drop_connection(f, &c);
    close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keep_alive, setup, teardown),
        cmocka_unit_test_setup_teardown(zero_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(hop_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(buffer_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(backlog, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
