/* Sharing bound sockets: both ends, and what a worker might say that makes no sense. */
#include "net/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
    struct broker *broker;
    int master;
    int worker;
};

static int setup(void **state)
{
    static struct bench b;
    int pair[2];
    assert_int_equal(broker_new(&b.broker), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    b.master = pair[0];
    b.worker = pair[1];
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    broker_free(b->broker);
    close(b->master);
    if (b->worker >= 0) {
        close(b->worker);
    }
    return 0;
}

static void *serve_one(void *arg)
{
    struct bench *b = arg;
    int r = -EAGAIN;
    while (r == -EAGAIN) {
        r = broker_serve(b->broker, b->master);
    }
    return (void *)(intptr_t)r;
}

/* Ask as a worker does for its n-th bind, with a master that answers. */
static int ask_nth(struct bench *b, const char *text, uint32_t nth, bool reuse_address, int *ret_fd)
{
    struct net_address address;
    struct error err = {0};
    pthread_t master;
    void *served = NULL;
    assert_int_equal(net_address_parse(text, &address, &err), 0);
    assert_int_equal(pthread_create(&master, NULL, serve_one, b), 0);
    const struct broker_wish wish = {
        .type = SOCK_STREAM, .address = &address, .reuse_address = reuse_address, .nth = nth};
    int r = broker_bind(b->worker, &wish, ret_fd);
    assert_int_equal(pthread_join(master, &served), 0);
    assert_int_equal((intptr_t)served, 0);
    return r;
}

static int ask(struct bench *b, const char *text, bool reuse_address, int *ret_fd)
{
    return ask_nth(b, text, 0, reuse_address, ret_fd);
}

static uint16_t port_of(int fd)
{
    struct net_address address = {.len = sizeof address.u};
    assert_int_equal(getsockname(fd, &address.u.any, &address.len), 0);
    return net_address_port(&address);
}

static void gives_a_bound_socket(void **state)
{
    int fd = -1;
    assert_int_equal(ask(*state, "127.0.0.1:0", true, &fd), 0);
    assert_true(port_of(fd) > 0);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
}

/* So a worker that is started again listens where the one before it did. */
static void gives_the_same_socket_again(void **state)
{
    int first = -1;
    int second = -1;
    int other = -1;
    assert_int_equal(ask(*state, "127.0.0.1:0", true, &first), 0);
    uint16_t port = port_of(first);
    close(first);
    assert_int_equal(ask(*state, "127.0.0.1:0", true, &second), 0);
    assert_int_equal(port_of(second), port);
    assert_int_equal(ask(*state, "127.0.0.2:0", true, &other), 0);
    assert_int_not_equal(port_of(other), 0);
    close(second);
    close(other);
}

/* A guest that listens on two ports of the kernel's choice has two; each worker has the same two. */
static void two_binds_to_port_0_are_two_sockets(void **state)
{
    int fds[3] = {-1, -1, -1};
    assert_int_equal(ask_nth(*state, "127.0.0.1:0", 1, true, &fds[0]), 0);
    assert_int_equal(ask_nth(*state, "127.0.0.1:0", 2, true, &fds[1]), 0);
    assert_int_equal(ask_nth(*state, "127.0.0.1:0", 1, true, &fds[2]), 0);
    assert_int_not_equal(port_of(fds[0]), port_of(fds[1]));
    assert_int_equal(port_of(fds[0]), port_of(fds[2]));
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
}

static void hands_on_the_errno_of_bind(void **state)
{
    int fd = -1;
    assert_int_equal(ask(*state, "192.0.2.1:0", true, &fd), -EADDRNOTAVAIL);
    assert_int_equal(fd, -1);
    assert_int_equal(ask(*state, "127.0.0.1:0", false, &fd), 0); /* and goes on serving */
    close(fd);
}

static void tells_who_has_gone_and_who_is_silent(void **state)
{
    struct bench *b = *state;
    assert_int_equal(broker_serve(b->broker, b->master), -EAGAIN);
    close(b->worker);
    b->worker = -1;
    assert_int_equal(broker_serve(b->broker, b->master), -EPIPE);
}

static void a_worker_hears_that_its_master_has_gone(void **state)
{
    struct bench *b = *state;
    struct net_address address;
    struct error err = {0};
    int fd = -1;
    assert_int_equal(net_address_parse("127.0.0.1:0", &address, &err), 0);
    assert_int_equal(shutdown(b->master, SHUT_RDWR), 0);
    const struct broker_wish wish = {
        .type = SOCK_STREAM, .address = &address, .reuse_address = true};
    assert_int_equal(broker_bind(b->worker, &wish, &fd), -EPIPE);
    assert_int_equal(fd, -1);
}

static struct broker_request sound_request(void)
{
    struct broker_request request = {
        .type = SOCK_STREAM, .reuse_address = 1, .address_len = sizeof(struct sockaddr_in)};
    request.address.ss_family = AF_INET;
    return request;
}

static int serve_bytes(struct bench *b, const void *bytes, size_t len)
{
    assert_int_equal(send(b->worker, bytes, len, 0), (ssize_t)len);
    return broker_serve(b->broker, b->master);
}

static void nonsense_is_a_protocol_error(void **state)
{
    struct bench *b = *state;
    struct broker_request request = sound_request();
    assert_int_equal(serve_bytes(b, &request, sizeof request), 0);
    assert_int_equal(serve_bytes(b, &request, sizeof request - 1), -EPROTO);
    assert_int_equal(serve_bytes(b, "x", 1), -EPROTO);
    request.type = SOCK_RAW;
    assert_int_equal(serve_bytes(b, &request, sizeof request), -EPROTO);
    request.type = SOCK_STREAM | SOCK_NONBLOCK;
    assert_int_equal(serve_bytes(b, &request, sizeof request), -EPROTO);
    request = sound_request();
    request.address.ss_family = AF_PACKET;
    assert_int_equal(serve_bytes(b, &request, sizeof request), -EPROTO);
    request = sound_request();
    request.address_len = sizeof request.address + 1;
    assert_int_equal(serve_bytes(b, &request, sizeof request), -EPROTO);
    request.address_len = UINT32_MAX;
    assert_int_equal(serve_bytes(b, &request, sizeof request), -EPROTO);
    request.address_len = 0;
    assert_int_equal(serve_bytes(b, &request, sizeof request), -EPROTO);
}

static void a_short_address_is_an_ordinary_error(void **state)
{
    struct bench *b = *state;
    struct broker_request request = sound_request();
    int32_t answer = 0;
    request.address_len = sizeof(sa_family_t);
    assert_int_equal(serve_bytes(b, &request, sizeof request), 0);
    assert_int_equal(recv(b->worker, &answer, sizeof answer, 0), sizeof answer);
    assert_int_equal(answer, -EINVAL);
}

static void there_is_a_limit(void **state)
{
    struct bench *b = *state;
    struct broker_request request = sound_request();
    struct sockaddr_in *address = (struct sockaddr_in *)&request.address;
    int32_t answer = 0;
    for (uint32_t i = 0; i <= BROKER_SOCKETS_MAX; i++) {
        address->sin_addr.s_addr = htonl(0x7f000001 + i);
        assert_int_equal(serve_bytes(b, &request, sizeof request), 0);
        assert_int_equal(recv(b->worker, &answer, sizeof answer, 0), sizeof answer);
        assert_int_equal(answer, i < BROKER_SOCKETS_MAX ? 0 : -ENFILE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_a_bound_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(gives_the_same_socket_again, setup, teardown),
        cmocka_unit_test_setup_teardown(two_binds_to_port_0_are_two_sockets, setup, teardown),
        cmocka_unit_test_setup_teardown(hands_on_the_errno_of_bind, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_who_has_gone_and_who_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_worker_hears_that_its_master_has_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_is_a_protocol_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_address_is_an_ordinary_error, setup, teardown),
        cmocka_unit_test_setup_teardown(there_is_a_limit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
