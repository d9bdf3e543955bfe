/* A guest's socket: opening, binding, accepting, connecting, receiving, and the policy.
 *
 * Wraps: poll */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_call.h"
#include "guest/socket.h"
#include "peer.h"

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

static unsigned polls; /* so far */

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    polls++;
    return __real_poll(fds, count, timeout);
}

static struct fake_guest *guest_with_net(void)
{
    struct fake_guest *f = fake_guest_new();
    f->guest.policy.allow_all = true;
    return f;
}

static struct guest_socket *opened(struct fake_guest *f, int family, int type)
{
    struct guest_socket *s = NULL;
    assert_int_equal(guest_socket_open(&f->guest, family, type, &s), 0);
    return s;
}

static void closed(struct guest_socket *s)
{
    descriptor_unref(&s->base);
}

static struct guest_socket *listener(struct fake_guest *f, uint16_t *ret_port)
{
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address address = peer_v4(0);
    assert_int_equal(guest_socket_bind(s, &address), 0);
    assert_int_equal(guest_socket_listen(s, 16), 0);
    assert_int_equal(guest_socket_local(s, &address), 0);
    *ret_port = net_address_port(&address);
    assert_int_not_equal(*ret_port, 0);
    return s;
}

static int64_t recv_len(struct guest_socket *s, void *to, size_t len, int flags)
{
    struct iovec iov = {to, len};
    return guest_socket_recv(s, &iov, 1, flags, NULL);
}

static bool has_nodelay(const struct guest_socket *s)
{
    int on = 0;
    socklen_t len = sizeof on;
    assert_int_equal(getsockopt(s->base.fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    return on != 0;
}

/* -- opening ---------------------------------------------------------------------------------- */

static void opens_host_sockets_non_blocking(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    assert_true((fcntl(s->base.fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(s->base.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(s->base.filetype, FILETYPE_SOCKET_STREAM);
    assert_int_equal(s->state, SOCKET_NEW);
    assert_true(has_nodelay(s));
    assert_ptr_equal(guest_socket_of(&s->base), s);
    assert_null(guest_socket_of(NULL));
    closed(s);
    s = opened(f, AF_INET, SOCK_DGRAM);
    assert_int_equal(s->base.filetype, FILETYPE_SOCKET_DGRAM);
    assert_int_equal(s->state, SOCKET_OPEN);
    closed(s);
    fake_guest_free(f);
}

static void set_flags_takes_nonblock_only(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    assert_int_equal(s->base.ops->set_flags(&s->base, FDFLAG_NONBLOCK), 0);
    assert_int_equal(s->base.fdflags, FDFLAG_NONBLOCK);
    assert_int_equal(s->base.ops->set_flags(&s->base, FDFLAG_APPEND), -EINVAL);
    assert_int_equal(s->base.ops->set_flags(&s->base, 0), 0);
    assert_int_equal(s->base.fdflags, 0);
    assert_true((fcntl(s->base.fd, F_GETFL) & O_NONBLOCK) != 0);
    closed(s);
    fake_guest_free(f);
}

/* -- the policy ------------------------------------------------------------------------------- */

static void refuses_what_is_not_allowed(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address address = peer_v4(8080);
    assert_int_equal(guest_socket_bind(s, &address), -EACCES);
    assert_string_equal(f->report, "refused: listen on 127.0.0.1:8080; to allow it: "
                                   "--allow-listen 127.0.0.1:8080");
    assert_int_equal(guest_socket_connect(s, &address), -EACCES);
    assert_string_equal(f->report, "refused: connect to 127.0.0.1:8080; to allow it: "
                                   "--allow-connect 127.0.0.1:8080");
    assert_int_equal(guest_socket_listen(s, 1), -EACCES);
    assert_string_equal(f->report, "refused: listen on 0.0.0.0:0; to allow it: "
                                   "--allow-listen 0.0.0.0:0");
    assert_int_equal(f->reports, 3);
    closed(s);
    struct guest_socket *d = opened(f, AF_INET, SOCK_DGRAM);
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    assert_int_equal(guest_socket_bind(d, &address), -EACCES);
    assert_int_equal(guest_socket_send_to(d, &iov, 1, &address), -EACCES);
    assert_string_equal(f->report, "refused: send to 127.0.0.1:8080; to allow it: "
                                   "--allow-connect 127.0.0.1:8080");
    closed(d);
    fake_guest_free(f);
}

/* What the line for the operator says must indeed allow it. */
static void the_flag_it_names_allows_it(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    assert_int_equal(guest_socket_listen(s, 1), -EACCES);
    const char *rule = strrchr(f->report, ' ') + 1;
    assert_int_equal(policy_allow_listen(&f->guest.policy, rule, NULL), 0);
    assert_int_equal(guest_socket_listen(s, 1), 0);
    closed(s);
    s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address any = {0};
    static const uint8_t zero[4];
    net_address_set_v4(&any, zero, 1);
    assert_int_equal(guest_socket_connect(s, &any), -EACCES);
    rule = strrchr(f->report, ' ') + 1;
    assert_int_equal(policy_allow_connect(&f->guest.policy, rule, NULL), 0);
    assert_int_not_equal(guest_socket_connect(s, &any), -EACCES);
    closed(s);
    fake_guest_free(f);
}

static void port_zero_needs_a_rule_for_it(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address address = peer_v4(0);
    assert_int_equal(policy_allow_listen(&f->guest.policy, "127.0.0.1:8080", NULL), 0);
    assert_int_equal(guest_socket_bind(s, &address), -EACCES);
    assert_int_equal(policy_allow_listen(&f->guest.policy, "127.0.0.1:0", NULL), 0);
    assert_int_equal(guest_socket_bind(s, &address), 0);
    assert_int_equal(guest_socket_listen(s, 1), 0); /* the bind was judged */
    closed(s);
    fake_guest_free(f);
}

static void refuses_other_families(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address v6 = peer_v6(0);
    assert_int_equal(guest_socket_bind(s, &v6), -EAFNOSUPPORT);
    assert_int_equal(guest_socket_connect(s, &v6), -EAFNOSUPPORT);
    closed(s);
    s = opened(f, AF_UNIX, SOCK_STREAM);
    struct net_address nameless;
    assert_int_equal(net_address_set_unix(&nameless, "", 0), 0);
    assert_int_equal(guest_socket_bind(s, &nameless), -EINVAL);
    assert_int_equal(guest_socket_listen(s, 1), -EINVAL);
    closed(s);
    fake_guest_free(f);
}

/* -- servers ---------------------------------------------------------------------------------- */

static void accepts_until_there_is_none(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    struct guest_socket *s = listener(f, &port);
    struct guest_socket *a = NULL;
    assert_int_equal(guest_socket_accept(s, &a), -EAGAIN);
    int one = peer_connect(port);
    int two = peer_connect(port);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(guest_socket_accept(s, &a), 0);
    assert_true((s->base.ready & LOOP_READ) != 0); /* there may be more */
    assert_true((fcntl(a->base.fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(a->base.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(a->base.fdflags, 0);
    assert_true(has_nodelay(a));
    struct net_address peer;
    assert_int_equal(guest_socket_peer(a, &peer), 0);
    char text[NET_ADDRESS_TEXT_MAX];
    assert_memory_equal(net_address_print(&peer, text), "127.0.0.1:", 10);
    closed(a);
    assert_int_equal(guest_socket_accept(s, &a), 0);
    closed(a);
    assert_int_equal(guest_socket_accept(s, &a), -EAGAIN);
    assert_int_equal(s->base.ready & LOOP_READ, 0);
    int three = peer_connect(port); /* a new edge */
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(guest_socket_accept(s, &a), 0);
    closed(a);
    closed(s);
    close(one);
    close(two);
    close(three);
    fake_guest_free(f);
}

/* Whatever is asked about a socket, however often, costs one system call until something is taken. */
static void expect_seen(struct guest_socket *s, bool is_readable, unsigned calls)
{
    unsigned before = polls;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(guest_socket_is_readable(s), is_readable);
    }
    assert_int_equal(polls - before, calls);
}

static void the_kernel_is_asked_once_what_is_readable(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    char byte = 0;
    struct guest_socket *s = listener(f, &port);
    struct guest_socket *a = NULL;
    int one = peer_connect(port);
    int two = peer_connect(port);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    expect_seen(s, true, 1);
    assert_int_equal(guest_socket_accept(s, &a), 0);
    closed(a);
    expect_seen(s, true, 1); /* the other one */
    assert_int_equal(guest_socket_accept(s, &a), 0);
    expect_seen(s, false, 1);
    assert_int_equal(send(two, "ab", 2, MSG_NOSIGNAL), 2);
    peer_wait_ready(&f->guest, &a->base, LOOP_READ);
    assert_int_equal(recv_len(a, &byte, 1, 0), 1);
    expect_seen(a, true, 1);
    assert_int_equal(recv_len(a, &byte, 1, 0), 1);
    expect_seen(a, false, 1);
    closed(a);
    closed(s);
    close(one);
    close(two);
    fake_guest_free(f);
}

static void accept_of_no_listener(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct guest_socket *a = NULL;
    assert_int_equal(guest_socket_accept(s, &a), -EINVAL);
    closed(s);
    s = opened(f, AF_INET, SOCK_DGRAM);
    assert_int_equal(guest_socket_accept(s, &a), -EOPNOTSUPP);
    assert_int_equal(guest_socket_listen(s, 1), -EOPNOTSUPP);
    closed(s);
    fake_guest_free(f);
}

static void accept_without_descriptors_keeps_the_connection(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    struct guest_socket *s = listener(f, &port);
    int peer = peer_connect(port);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = old.rlim_max};
    struct guest_socket *a = NULL;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = guest_socket_accept(s, &a);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(r, -EMFILE);
    assert_true((s->base.ready & LOOP_READ) != 0);
    assert_int_equal(guest_socket_accept(s, &a), 0);
    closed(a);
    closed(s);
    close(peer);
    fake_guest_free(f);
}

static void address_in_use(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    struct guest_socket *s = listener(f, &port);
    struct guest_socket *other = opened(f, AF_INET, SOCK_STREAM);
    struct net_address address = peer_v4(port);
    assert_int_equal(guest_socket_bind(other, &address), -EADDRINUSE);
    assert_int_equal(guest_socket_bind(s, &address), -EINVAL); /* bound already */
    closed(other);
    closed(s);
    fake_guest_free(f);
}

static void unix_sockets(void **state)
{
    (void)state;
    struct fake_guest *f = fake_guest_new();
    char dir[] = "/tmp/hythe-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char rule[64];
    char path[64];
    (void)snprintf(rule, sizeof rule, "unix:%s/", dir);
    (void)snprintf(path, sizeof path, "%s/s", dir);
    assert_int_equal(policy_allow_listen(&f->guest.policy, rule, NULL), 0);
    struct net_address address;
    assert_int_equal(net_address_set_unix(&address, path, strlen(path)), 0);
    struct guest_socket *s = opened(f, AF_UNIX, SOCK_STREAM);
    struct net_address outside;
    assert_int_equal(net_address_set_unix(&outside, "/tmp/hythe-no", 13), 0);
    assert_int_equal(guest_socket_bind(s, &outside), -EACCES);
    assert_string_equal(f->report, "refused: listen on unix:/tmp/hythe-no; to allow it: "
                                   "--allow-listen unix:/tmp/hythe-no");
    assert_int_equal(guest_socket_bind(s, &address), 0);
    assert_int_equal(guest_socket_listen(s, 4), 0);
    struct guest_socket *c = opened(f, AF_UNIX, SOCK_STREAM);
    assert_int_equal(guest_socket_connect(c, &address), -EACCES);
    assert_int_equal(policy_allow_connect(&f->guest.policy, rule, NULL), 0);
    assert_int_equal(guest_socket_connect(c, &address), 0);
    assert_int_equal(c->state, SOCKET_OPEN);
    struct guest_socket *a = NULL;
    assert_int_equal(guest_socket_accept(s, &a), 0);
    struct iovec iov = {path, 5};
    assert_int_equal(guest_socket_send(c, &iov, 1), 5);
    guest_flush(&f->guest);
    char got[8];
    assert_int_equal(recv_len(a, got, sizeof got, 0), 5);
    assert_memory_equal(got, path, 5);
    struct net_address local;
    assert_int_equal(guest_socket_local(s, &local), 0);
    char text[NET_ADDRESS_TEXT_MAX];
    assert_string_equal(net_address_print(&local, text) + 5, path);
    closed(a);
    closed(c);
    closed(s);
    unlink(path);
    rmdir(dir);
    fake_guest_free(f);
}

/* -- clients ---------------------------------------------------------------------------------- */

static void connects_in_two_steps(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    int listening = peer_listen(&port);
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address address = peer_v4(port);
    peer_turn(&f->guest);
    assert_int_equal(s->base.ready, 0); /* an unconnected one is not watched: it is "hung up" */
    assert_int_equal(guest_socket_connect(s, &address), -EINPROGRESS);
    assert_int_equal(s->state, SOCKET_CONNECTING);
    peer_wait_ready(&f->guest, &s->base, LOOP_WRITE);
    assert_int_equal(s->base.ready & LOOP_HANGUP, 0);
    assert_int_equal(guest_socket_connect_result(s), 0);
    assert_int_equal(s->state, SOCKET_OPEN);
    assert_int_equal(guest_socket_connect(s, &address), -EISCONN);
    closed(s);
    close(listening);
    fake_guest_free(f);
}

static void refused_connection(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    int listening = peer_listen(&port);
    close(listening);
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address address = peer_v4(port);
    int r = guest_socket_connect(s, &address);
    assert_int_equal(r, -EINPROGRESS);
    assert_int_equal(guest_socket_connect_result(s), -EINPROGRESS);
    peer_wait_ready(&f->guest, &s->base, LOOP_WRITE);
    assert_int_equal(guest_socket_connect_result(s), -ECONNREFUSED);
    /* It may try again, and what the first attempt left is no readiness. */
    listening = peer_listen(&port);
    address = peer_v4(port);
    assert_int_equal(guest_socket_connect(s, &address), -EINPROGRESS);
    assert_int_equal(s->base.ready, 0);
    peer_wait_ready(&f->guest, &s->base, LOOP_WRITE);
    assert_int_equal(guest_socket_connect_result(s), 0);
    closed(s);
    close(listening);
    fake_guest_free(f);
}

static void unconnected_sockets(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address address;
    char byte = 0;
    struct iovec iov = {&byte, 1};
    assert_int_equal(guest_socket_peer(s, &address), -ENOTCONN);
    assert_int_equal(recv_len(s, &byte, 1, 0), -ENOTCONN);
    assert_int_equal(guest_socket_send(s, &iov, 1), -EPIPE); /* and not kept back */
    assert_null(f->guest.held);
    assert_int_equal(guest_socket_shutdown(s, SHUT_RDWR), -ENOTCONN);
    closed(s);
    fake_guest_free(f);
}

/* -- receiving -------------------------------------------------------------------------------- */

static void a_short_read_forgets_the_readiness(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    int peer = -1;
    struct guest_socket *s = peer_pair(&f->guest, &peer);
    char got[16];
    assert_int_equal(recv_len(s, got, sizeof got, 0), -EAGAIN);
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(recv_len(s, got, 2, 0), 2);
    assert_true((s->base.ready & LOOP_READ) != 0); /* all that was asked for */
    assert_int_equal(recv_len(s, got, sizeof got, 0), 3);
    assert_int_equal(s->base.ready & LOOP_READ, 0);
    assert_int_equal(send(peer, "more", 4, 0), 4);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(recv_len(s, got, sizeof got, 0), 4);
    closed(s);
    close(peer);
    fake_guest_free(f);
}

/* Data and end together: the end must not be lost with the short read. */
static void the_end_stays_readable(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    int peer = -1;
    struct guest_socket *s = peer_pair(&f->guest, &peer);
    char got[16];
    assert_int_equal(send(peer, "bye", 3, 0), 3);
    shutdown(peer, SHUT_WR);
    peer_wait_ready(&f->guest, &s->base, LOOP_HANGUP);
    assert_int_equal(recv_len(s, got, sizeof got, 0), 3);
    assert_true((s->base.ready & LOOP_READ) != 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(recv_len(s, got, sizeof got, 0), 0);
        assert_true((s->base.ready & LOOP_READ) != 0);
    }
    /* Half-closed: the other direction works. */
    struct iovec iov = {got, 3};
    assert_int_equal(guest_socket_send(s, &iov, 1), 3);
    guest_flush(&f->guest);
    peer_read(peer, got, 3);
    closed(s);
    close(peer);
    fake_guest_free(f);
}

/* The same when nobody has turned the loop: the edge for the end comes later. */
static void the_end_behind_a_short_read_makes_an_edge(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    int peer = -1;
    struct guest_socket *s = peer_pair(&f->guest, &peer);
    char got[16];
    assert_int_equal(send(peer, "bye", 3, 0), 3);
    shutdown(peer, SHUT_WR);
    usleep(10000);
    assert_int_equal(recv_len(s, got, sizeof got, 0), 3);
    assert_int_equal(s->base.ready & LOOP_READ, 0);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(recv_len(s, got, sizeof got, 0), 0);
    closed(s);
    close(peer);
    fake_guest_free(f);
}

/* fd_read and fd_write come in through the descriptor's own functions. */
static void reads_and_writes_as_a_descriptor(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    int peer = -1;
    struct guest_socket *s = peer_pair(&f->guest, &peer);
    char got[16] = "hello";
    struct iovec iov = {got, 5};
    assert_int_equal(s->base.ops->write(&s->base, &iov, 1), 5);
    assert_ptr_equal(f->guest.held, s);
    assert_int_equal(s->base.ops->read(&s->base, &iov, 1), -EAGAIN);
    peer_read(peer, got, 5);
    assert_int_equal(send(peer, "world", 5, 0), 5);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(s->base.ops->read(&s->base, &iov, 1), 5);
    assert_memory_equal(got, "world", 5);
    closed(s);
    close(peer);
    fake_guest_free(f);
}

/* A connect that is still under way: nothing is kept back, and its success opens the socket. */
static void sends_while_connecting(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    int listening = peer_listen(&port);
    struct guest_socket *s = opened(f, AF_INET, SOCK_STREAM);
    struct net_address address = peer_v4(port);
    assert_int_equal(guest_socket_connect(s, &address), -EINPROGRESS);
    char text[] = "early";
    struct iovec iov = {text, 5};
    int64_t sent = -EAGAIN;
    for (int i = 0; i < 1000 && sent == -EAGAIN; i++) {
        sent = guest_socket_send(s, &iov, 1);
        usleep(1000);
    }
    assert_int_equal(sent, 5);
    assert_null(f->guest.held);
    assert_int_equal(s->state, SOCKET_OPEN);
    int peer = accept(listening, NULL, NULL);
    peer_read(peer, text, 5);
    closed(s);
    close(peer);
    close(listening);
    fake_guest_free(f);
}

static void peek_leaves_all_as_it_is(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    int peer = -1;
    struct guest_socket *s = peer_pair(&f->guest, &peer);
    char got[16];
    assert_int_equal(send(peer, "hello", 5, 0), 5);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(recv_len(s, got, sizeof got, MSG_PEEK), 5);
    assert_true((s->base.ready & LOOP_READ) != 0);
    assert_int_equal(recv_len(s, got, 0, 0), 0); /* asked for nothing: not the end */
    assert_int_equal(s->base.ready & LOOP_HANGUP, 0);
    assert_int_equal(recv_len(s, got, sizeof got, 0), 5);
    closed(s);
    close(peer);
    fake_guest_free(f);
}

static void a_reset_is_an_error_once(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    int peer = -1;
    struct guest_socket *s = peer_pair(&f->guest, &peer);
    char got[4];
    peer_reset(peer);
    peer_wait_ready(&f->guest, &s->base, LOOP_READ);
    assert_int_equal(recv_len(s, got, sizeof got, 0), -ECONNRESET);
    assert_int_equal(recv_len(s, got, sizeof got, 0), 0);
    assert_int_equal(guest_socket_shutdown(s, SHUT_RDWR), -ENOTCONN);
    closed(s);
    fake_guest_free(f);
}

static void datagrams(void **state)
{
    int family = *state != NULL ? AF_INET6 : AF_INET;
    if (family == AF_INET6 && !peer_has_v6()) {
        print_message("skipped: this machine has no ::1\n");
        skip();
    }
    struct fake_guest *f = guest_with_net();
    struct guest_socket *a = opened(f, family, SOCK_DGRAM);
    struct guest_socket *b = opened(f, family, SOCK_DGRAM);
    struct net_address any = family == AF_INET6 ? peer_v6(0) : peer_v4(0);
    struct net_address at_b;
    struct net_address from;
    assert_int_equal(guest_socket_bind(a, &any), 0);
    assert_int_equal(guest_socket_bind(b, &any), 0);
    assert_int_equal(guest_socket_local(b, &at_b), 0);
    char text[] = "datagram";
    struct iovec out[2] = {{text, 4}, {text + 4, 4}};
    assert_int_equal(guest_socket_send_to(a, out, 2, &at_b), 8);
    assert_int_equal(guest_socket_send_to(a, out, 1, &at_b), 4);
    assert_int_equal(guest_socket_send_to(a, out, 0, &at_b), 0);
    assert_null(f->guest.held);
    char got[16] = {0};
    bool is_truncated = false;
    struct iovec in = {got, 5};
    peer_wait_ready(&f->guest, &b->base, LOOP_READ);
    assert_int_equal(guest_socket_recv_from(b, &in, 1, MSG_PEEK, &from, &is_truncated), 5);
    assert_true(is_truncated);
    assert_int_equal(guest_socket_recv_from(b, &in, 1, 0, &from, &is_truncated), 5);
    assert_true(is_truncated);
    assert_memory_equal(got, "datag", 5);
    struct net_address at_a;
    assert_int_equal(guest_socket_local(a, &at_a), 0);
    assert_int_equal(from.len, at_a.len);
    assert_memory_equal(&from.u, &at_a.u, at_a.len);
    assert_true((b->base.ready & LOOP_READ) != 0);
    assert_int_equal(guest_socket_recv_from(b, &in, 1, 0, &from, &is_truncated), 4);
    assert_false(is_truncated);
    assert_true((b->base.ready & LOOP_READ) != 0); /* short, but no stream */
    assert_int_equal(guest_socket_recv_from(b, &in, 1, 0, &from, &is_truncated), 0);
    assert_int_equal(b->base.ready & LOOP_HANGUP, 0); /* empty is no end */
    assert_int_equal(guest_socket_recv_from(b, &in, 1, 0, &from, &is_truncated), -EAGAIN);
    assert_int_equal(b->base.ready & LOOP_READ, 0);
    closed(a);
    closed(b);
    fake_guest_free(f);
}

static void an_unreachable_datagram_tells_later(void **state)
{
    (void)state;
    struct fake_guest *f = guest_with_net();
    uint16_t port = 0;
    int peer = peer_datagram(&port);
    close(peer);
    struct guest_socket *s = opened(f, AF_INET, SOCK_DGRAM);
    struct net_address address = peer_v4(port);
    assert_int_equal(guest_socket_connect(s, &address), 0);
    char byte = 'x';
    struct iovec iov = {&byte, 1};
    assert_int_equal(guest_socket_send(s, &iov, 1), 1);
    peer_wait_ready(&f->guest, &s->base, LOOP_ERROR);
    assert_int_equal(guest_socket_take_error(s), -ECONNREFUSED);
    assert_int_equal(guest_socket_take_error(s), 0);
    closed(s);
    fake_guest_free(f);
}

int main(void)
{
    static int v6 = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_host_sockets_non_blocking),
        cmocka_unit_test(set_flags_takes_nonblock_only),
        cmocka_unit_test(refuses_what_is_not_allowed),
        cmocka_unit_test(the_flag_it_names_allows_it),
        cmocka_unit_test(port_zero_needs_a_rule_for_it),
        cmocka_unit_test(refuses_other_families),
        cmocka_unit_test(accepts_until_there_is_none),
        cmocka_unit_test(the_kernel_is_asked_once_what_is_readable),
        cmocka_unit_test(accept_of_no_listener),
        cmocka_unit_test(accept_without_descriptors_keeps_the_connection),
        cmocka_unit_test(address_in_use),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(connects_in_two_steps),
        cmocka_unit_test(refused_connection),
        cmocka_unit_test(unconnected_sockets),
        cmocka_unit_test(a_short_read_forgets_the_readiness),
        cmocka_unit_test(the_end_stays_readable),
        cmocka_unit_test(the_end_behind_a_short_read_makes_an_edge),
        cmocka_unit_test(reads_and_writes_as_a_descriptor),
        cmocka_unit_test(sends_while_connecting),
        cmocka_unit_test(peek_leaves_all_as_it_is),
        cmocka_unit_test(a_reset_is_an_error_once),
        cmocka_unit_test(datagrams),
        cmocka_unit_test_prestate(datagrams, &v6),
        cmocka_unit_test(an_unreachable_datagram_tells_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
