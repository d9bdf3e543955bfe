/* WasmEdge's sock_open, bind, listen, accept and connect. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_call.h"
#include "imports/wasmedge_sockets/wasmedge.h"
#include "peer.h"

enum { ADDRESS = 64, BUFFER = 128, OUT_FD = 32, LAST = FAKE_MEMORY_LEN };

#define CALL(f, name, ...) fake_call(f, &wasmedge_lifecycle, name, __VA_ARGS__)
#define ACCEPT2(f, ...) fake_call_as(f, &wasmedge_lifecycle, "sock_accept", "ii", __VA_ARGS__)

static struct fake_guest *guest_with_net(void)
{
    struct fake_guest *f = fake_guest_new();
    f->guest.policy.allow_all = true;
    return f;
}

static struct guest_socket *socket_at(struct fake_guest *f, uint32_t fd)
{
    return guest_socket_of(fd_table_get(&f->guest.fds, fd));
}

/* A WasiAddress at ADDRESS whose buffer is at BUFFER. */
static void put_address(struct fake_guest *f, const void *bytes, uint32_t len)
{
    fake_put(f, BUFFER, bytes, len);
    fake_put_u32(f, ADDRESS, BUFFER);
    fake_put_u32(f, ADDRESS + 4, len);
}

static void put_loopback(struct fake_guest *f)
{
    put_address(f, "\x7f\0\0\1", 4);
}

static uint32_t open_stream(struct fake_guest *f)
{
    assert_int_equal(CALL(f, "sock_open", 1, 2, OUT_FD), WASI_ESUCCESS);
    return fake_u32(f, OUT_FD);
}

/* A listener of the guest's on the loopback. */
static uint32_t listen_on(struct fake_guest *f, uint16_t *ret_port)
{
    uint32_t fd = open_stream(f);
    put_loopback(f);
    assert_int_equal(CALL(f, "sock_bind", fd, ADDRESS, 0), WASI_ESUCCESS);
    assert_int_equal(CALL(f, "sock_listen", fd, 128), WASI_ESUCCESS);
    struct net_address local;
    assert_int_equal(guest_socket_local(socket_at(f, fd), &local), 0);
    *ret_port = net_address_port(&local);
    return fd;
}

/* -- open ------------------------------------------------------------------------------------- */

static void open_knows_both_numberings(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    static const struct {
        uint32_t family, type;
        int host_family, host_type;
    } cases[] = {
        {1, 2, AF_INET, SOCK_STREAM}, {1, 1, AF_INET, SOCK_DGRAM},  {0, 1, AF_INET, SOCK_STREAM},
        {0, 0, AF_INET, SOCK_DGRAM},  {3, 2, AF_UNIX, SOCK_STREAM}, {3, 1, AF_UNIX, SOCK_DGRAM},
    };
    for (uint32_t i = 0; i < ARRAY_COUNT(cases); i++) {
        fake_fill(f, OUT_FD, 0xcc, 8);
        assert_int_equal(CALL(f, "sock_open", cases[i].family, cases[i].type, OUT_FD), 0);
        uint8_t expected[5] = {(uint8_t)(3 + i), 0, 0, 0, 0xcc};
        fake_assert_bytes(f, OUT_FD, expected, sizeof expected);
        assert_int_equal(socket_at(f, 3 + i)->family, cases[i].host_family);
        assert_int_equal(socket_at(f, 3 + i)->type, cases[i].host_type);
        assert_int_equal(socket_at(f, 3 + i)->base.fdflags, 0); /* a new socket blocks */
    }
    if (peer_has_v6()) {
        assert_int_equal(CALL(f, "sock_open", 2, 2, OUT_FD), 0);
        assert_int_equal(CALL(f, "sock_open_v2", 2, 1, OUT_FD), 0);
    }
    fake_guest_free(f);
}

static void open_refuses(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    static const uint32_t bad[][2] = {{0, 2}, {2, 0},   {4, 1},          {1, 3},
                                      {3, 0}, {257, 2}, {0xffffffff, 1}, {1, 0xffffffff}};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(CALL(f, "sock_open", bad[i][0], bad[i][1], OUT_FD), WASI_EINVAL);
    }
    assert_int_equal(CALL(f, "sock_open", 3, 2, OUT_FD), WASI_ENOSYS);
    assert_int_equal(policy_allow_listen(&f->guest.policy, "unix:/tmp/x", NULL), 0);
    assert_int_equal(CALL(f, "sock_open", 3, 2, OUT_FD), WASI_ESUCCESS);
    static const uint32_t far[] = {LAST - 3, LAST, 0xfffffffd};
    for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
        assert_int_equal(CALL(f, "sock_open", 1, 2, far[i]), WASI_EFAULT);
    }
    f->guest.fds.max = 4;
    assert_int_equal(CALL(f, "sock_open", 1, 2, OUT_FD), WASI_EMFILE);
    fake_guest_free(f);
}

/* -- bind, listen ----------------------------------------------------------------------------- */

static void bind_takes_all_forms_of_addresses(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint32_t fd = open_stream(f);
    put_loopback(f);
    /* The port is a number, and only its low half counts. */
    assert_int_equal(CALL(f, "sock_bind", fd, ADDRESS, 0x10000), WASI_ESUCCESS);
    uint8_t storage[128] = {1, 0, 127, 0, 0, 1};
    put_address(f, storage, sizeof storage);
    fd = open_stream(f);
    assert_int_equal(CALL(f, "sock_bind", fd, ADDRESS, 0), WASI_ESUCCESS);
    struct net_address local;
    char text[NET_ADDRESS_TEXT_MAX];
    assert_int_equal(guest_socket_local(socket_at(f, fd), &local), 0);
    assert_memory_equal(net_address_print(&local, text), "127.0.0.1:", 10);
    if (peer_has_v6()) {
        uint8_t v6[16] = {[15] = 1};
        put_address(f, v6, 16);
        assert_int_equal(CALL(f, "sock_open", 2, 2, OUT_FD), 0);
        assert_int_equal(CALL(f, "sock_bind_v2", fake_u32(f, OUT_FD), ADDRESS, 0), 0);
        uint8_t storage6[128] = {2, 0, [17] = 1};
        put_address(f, storage6, 128);
        assert_int_equal(CALL(f, "sock_open", 2, 2, OUT_FD), 0);
        assert_int_equal(CALL(f, "sock_bind", fake_u32(f, OUT_FD), ADDRESS, 0), 0);
    }
    fake_guest_free(f);
}

static void bind_refuses_bad_addresses(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint32_t fd = open_stream(f);
    static const uint32_t bad[] = {0, 1, 3, 5, 15, 17, 127, 129};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        fake_put_u32(f, ADDRESS, BUFFER);
        fake_put_u32(f, ADDRESS + 4, bad[i]);
        assert_int_equal(CALL(f, "sock_bind", fd, ADDRESS, 0), WASI_EINVAL);
        assert_int_equal(CALL(f, "sock_connect", fd, ADDRESS, 1), WASI_EINVAL);
    }
    static const uint32_t families[] = {0, 4, 0x101};
    for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
        uint8_t storage[128] = {(uint8_t)families[i], (uint8_t)(families[i] >> 8)};
        put_address(f, storage, sizeof storage);
        assert_int_equal(CALL(f, "sock_bind", fd, ADDRESS, 0), WASI_EINVAL);
    }
    static const uint32_t far[] = {LAST - 7, LAST, 0xfffffff9, 0xffffffff};
    for (size_t i = 0; i < ARRAY_COUNT(far); i++) {
        assert_int_equal(CALL(f, "sock_bind", fd, far[i], 0), WASI_EFAULT);
        assert_int_equal(CALL(f, "sock_connect", fd, far[i], 0), WASI_EFAULT);
        fake_put_u32(f, ADDRESS, far[i] + 5); /* the buffer is outside, or wraps */
        fake_put_u32(f, ADDRESS + 4, 128);
        int32_t e = CALL(f, "sock_bind", fd, ADDRESS, 0);
        assert_true(e == WASI_EFAULT || far[i] + 5 < LAST - 128);
    }
    put_loopback(f);
    assert_int_equal(CALL(f, "sock_bind", 99, ADDRESS, 0), WASI_EBADF);
    assert_int_equal(CALL(f, "sock_listen", 99, 0), WASI_EBADF);
    assert_int_equal(CALL(f, "sock_connect", 99, ADDRESS, 0), WASI_EBADF);
    assert_int_equal(ACCEPT2(f, 99, OUT_FD), WASI_EBADF);
    fake_guest_free(f);
}

static void unix_addresses_are_paths(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    char dir[] = "/tmp/hythe-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char storage[128] = {3, 0};
    int len = snprintf(storage + 2, sizeof storage - 2, "%s/s", dir);
    assert_true(len > 0);
    assert_int_equal(CALL(f, "sock_open", 3, 2, OUT_FD), 0);
    uint32_t fd = fake_u32(f, OUT_FD);
    put_address(f, storage, sizeof storage);
    assert_int_equal(CALL(f, "sock_bind_v2", fd, ADDRESS, 1234), WASI_ESUCCESS);
    assert_int_equal(CALL(f, "sock_listen_v2", fd, 1), WASI_ESUCCESS);
    assert_int_equal(CALL(f, "sock_open", 3, 2, OUT_FD), 0);
    assert_int_equal(CALL(f, "sock_connect_v2", fake_u32(f, OUT_FD), ADDRESS, 0), WASI_ESUCCESS);
    assert_int_equal(ACCEPT2(f, fd, OUT_FD), WASI_ESUCCESS);
    memset(storage + 2, 'x', sizeof storage - 2); /* no NUL anywhere */
    put_address(f, storage, sizeof storage);
    assert_int_equal(CALL(f, "sock_bind", fd, ADDRESS, 0), WASI_ENAMETOOLONG);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/s", dir);
    unlink(path);
    rmdir(dir);
    fake_guest_free(f);
}

static void the_policy_has_a_say(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    uint32_t fd = open_stream(f);
    put_loopback(f);
    assert_int_equal(CALL(f, "sock_bind", fd, ADDRESS, 8080), WASI_EACCES);
    assert_non_null(strstr(f->report, "--allow-listen 127.0.0.1:8080"));
    assert_int_equal(CALL(f, "sock_connect", fd, ADDRESS, 8080), WASI_EACCES);
    assert_non_null(strstr(f->report, "--allow-connect 127.0.0.1:8080"));
    assert_int_equal(CALL(f, "sock_listen", fd, 1), WASI_EACCES);
    fake_guest_free(f);
}

/* -- accept ----------------------------------------------------------------------------------- */

static void accept_of_two_parameters(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    uint32_t fd = listen_on(f, &port);
    int peer = peer_connect(port);
    fake_fill(f, OUT_FD, 0xcc, 8);
    assert_int_equal(ACCEPT2(f, fd, OUT_FD), WASI_ESUCCESS);
    static const uint8_t four[] = {4, 0, 0, 0, 0xcc};
    fake_assert_bytes(f, OUT_FD, four, sizeof four);
    assert_int_equal(socket_at(f, 4)->base.fdflags, 0);
    close(peer);
    assert_int_equal(fake_begin_as(f, &wasmedge_lifecycle, "sock_accept", "ii", fd, OUT_FD),
                     CALL_WAIT);
    peer = peer_connect(port);
    assert_int_equal(fake_finish(f), WASI_ESUCCESS);
    assert_int_equal(fake_u32(f, OUT_FD), 5);
    close(peer);
    socket_at(f, fd)->base.fdflags = FDFLAG_NONBLOCK;
    assert_int_equal(ACCEPT2(f, fd, OUT_FD), WASI_EAGAIN);
    assert_int_equal(ACCEPT2(f, fd, LAST - 3), WASI_EFAULT);
    assert_int_equal(ACCEPT2(f, 5, OUT_FD), WASI_EINVAL);
    peer = peer_connect(port);
    peer_wait_ready(&f->guest, &socket_at(f, fd)->base, LOOP_READ);
    assert_int_equal(CALL(f, "sock_accept_v2", fd, 4, OUT_FD), WASI_ESUCCESS);
    assert_int_equal(socket_at(f, fake_u32(f, OUT_FD))->base.fdflags, FDFLAG_NONBLOCK);
    close(peer);
    fake_guest_free(f);
}

/* -- connect ---------------------------------------------------------------------------------- */

static void connect_waits_until_it_is_connected(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    int listener = peer_listen(&port);
    uint32_t fd = open_stream(f);
    put_loopback(f);
    assert_int_equal(CALL(f, "sock_connect", fd, ADDRESS, port), WASI_ESUCCESS);
    assert_int_equal(socket_at(f, fd)->state, SOCKET_OPEN);
    assert_int_equal(CALL(f, "sock_connect", fd, ADDRESS, port), WASI_EISCONN);
    close(listener);
    fd = open_stream(f);
    assert_int_equal(CALL(f, "sock_connect", fd, ADDRESS, port), WASI_ECONNREFUSED);
    fake_guest_free(f);
}

static void connect_of_a_non_blocking_socket(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    int listener = peer_listen(&port);
    uint32_t fd = open_stream(f);
    struct guest_socket *s = socket_at(f, fd);
    s->base.fdflags = FDFLAG_NONBLOCK;
    put_loopback(f);
    assert_int_equal(CALL(f, "sock_connect", fd, ADDRESS, port), WASI_EINPROGRESS);
    assert_int_equal(f->waits, 0);
    peer_wait_ready(&f->guest, &s->base, LOOP_WRITE);
    /* The guest now reads SO_ERROR. */
    fake_put_u32(f, 1024, 4);
    fake_put_u32(f, 1028, 0xffffffff);
    assert_int_equal(fake_call(f, &wasmedge_options, "sock_getsockopt", fd, 0, 2, 1028, 1024), 0);
    assert_int_equal(fake_u32(f, 1028), 0);
    assert_int_equal(s->state, SOCKET_OPEN);
    assert_int_equal(CALL(f, "sock_connect", fd, ADDRESS, port), WASI_EISCONN);
    close(listener);
    fake_guest_free(f);
}

/* A listener whose queue is full answers nothing: the connect waits for as long as it may. */
static void connect_has_a_timeout(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    int listener = peer_listen(&port);
    assert_int_equal(listen(listener, 0), 0);
    put_loopback(f);
    int32_t e = WASI_ESUCCESS;
    for (int i = 0; i < 8 && e == WASI_ESUCCESS; i++) {
        uint32_t fd = open_stream(f);
        socket_at(f, fd)->send_timeout_ns = 50000000;
        e = CALL(f, "sock_connect", fd, ADDRESS, port);
    }
    assert_int_equal(e, WASI_EINPROGRESS);
    close(listener);
    fake_guest_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_knows_both_numberings),
        cmocka_unit_test(open_refuses),
        cmocka_unit_test(bind_takes_all_forms_of_addresses),
        cmocka_unit_test(bind_refuses_bad_addresses),
        cmocka_unit_test(unix_addresses_are_paths),
        cmocka_unit_test(the_policy_has_a_say),
        cmocka_unit_test(accept_of_two_parameters),
        cmocka_unit_test(connect_waits_until_it_is_connected),
        cmocka_unit_test(connect_of_a_non_blocking_socket),
        cmocka_unit_test(connect_has_a_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
