/* Plain streams: bytes both ways, what the hints say, and the ways to end. TLS: net_tls.c. */
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"

struct pair {
    struct loop *loop;
    struct net_stream stream;
    int peer; /* -1: closed */
};

static void on_ready(struct loop_io *io, unsigned events)
{
    net_stream_note(container_of(io, struct net_stream, io), events);
}

static void begin_on(struct pair *pair, int fd, int peer)
{
    pair->peer = peer;
    net_stream_init(&pair->stream, fd);
    assert_int_equal(loop_new(&pair->loop), 0);
    assert_int_equal(loop_io_start(pair->loop, &pair->stream.io, fd, on_ready), 0);
}

static void begin(struct pair *pair)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    begin_on(pair, fds[0], fds[1]);
}

static void begin_tcp(struct pair *pair)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0 && peer >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&at, sizeof at), 0);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fd >= 0);
    close(listener);
    begin_on(pair, fd, peer);
}

static void close_peer(struct pair *pair)
{
    close(pair->peer);
    pair->peer = -1;
}

static void end(struct pair *pair)
{
    net_stream_close(&pair->stream, false);
    net_stream_close(&pair->stream, true); /* again is harmless */
    assert_int_equal(pair->stream.fd, -1);
    loop_free(pair->loop);
    if (pair->peer >= 0) {
        close(pair->peer);
    }
}

static void turn(struct pair *pair)
{
    assert_int_equal(loop_turn(pair->loop, 100), 0);
}

static void reads_follow_the_edges(void **state)
{
    struct pair pair;
    uint8_t got[8];
    (void)state;
    begin(&pair);
    assert_int_equal(net_stream_read(&pair.stream, got, sizeof got), -EAGAIN);
    turn(&pair);
    assert_true(pair.stream.is_writable);
    assert_false(pair.stream.is_readable);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(pair.peer, "0123456789", 10), 10);
        turn(&pair);
        assert_true(pair.stream.is_readable);
        assert_int_equal(net_stream_read(&pair.stream, got, 8), 8);
        assert_true(pair.stream.is_readable); /* there may be more */
        assert_int_equal(net_stream_read(&pair.stream, got, 8), 2);
        assert_memory_equal(got, "89", 2);
        assert_false(pair.stream.is_readable); /* that was all */
        assert_false(net_stream_has_pending(&pair.stream));
    }
    end(&pair);
}

static void an_end_right_behind_the_bytes_is_not_missed(void **state)
{
    struct pair pair;
    uint8_t got[8];
    (void)state;
    begin_tcp(&pair);
    assert_int_equal(write(pair.peer, "last", 4), 4);
    assert_int_equal(shutdown(pair.peer, SHUT_WR), 0);
    turn(&pair); /* one edge for both */
    assert_int_equal(net_stream_read(&pair.stream, got, sizeof got), 4);
    assert_true(pair.stream.is_readable);
    assert_int_equal(net_stream_read(&pair.stream, got, sizeof got), 0);
    end(&pair);

    begin_tcp(&pair);
    assert_int_equal(write(pair.peer, "last", 4), 4);
    turn(&pair);
    assert_int_equal(net_stream_read(&pair.stream, got, sizeof got), 4);
    assert_false(pair.stream.is_readable);
    assert_int_equal(shutdown(pair.peer, SHUT_WR), 0);
    turn(&pair); /* an edge of its own */
    assert_true(pair.stream.is_readable);
    assert_int_equal(net_stream_read(&pair.stream, got, sizeof got), 0);
    end(&pair);
}

static void pieces_are_written_in_order(void **state)
{
    struct pair pair;
    struct iovec pieces[NET_STREAM_PIECES_MAX];
    char text[] = "0123456789abcdef";
    char got[32];
    (void)state;
    begin(&pair);
    for (size_t i = 0; i < NET_STREAM_PIECES_MAX; i++) {
        pieces[i] = (struct iovec){&text[i], i == 3 ? 0 : 1};
    }
    assert_int_equal(net_stream_write(&pair.stream, pieces, NET_STREAM_PIECES_MAX), 15);
    assert_int_equal(read(pair.peer, got, sizeof got), 15);
    assert_memory_equal(got, "012456789abcdef", 15);
    end(&pair);
}

static void a_full_socket_says_so(void **state)
{
    static uint8_t data[1 << 20];
    static uint8_t got[1 << 20];
    struct pair pair;
    struct iovec piece = {data, sizeof data};
    size_t sent = 0;
    size_t received = 0;
    (void)state;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * i >> 7);
    }
    begin_tcp(&pair);
    assert_int_equal(fcntl(pair.peer, F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 10000 && received < sizeof data; i++) {
        turn(&pair);
        while (pair.stream.is_writable && sent < sizeof data) {
            piece = (struct iovec){data + sent, sizeof data - sent};
            int64_t n = net_stream_write(&pair.stream, &piece, 1);
            assert_true(n > 0 || n == -EAGAIN);
            sent += n > 0 ? (size_t)n : 0;
            assert_true(sent == sizeof data || !pair.stream.is_writable);
        }
        ssize_t n = read(pair.peer, got + received, sizeof got - received);
        received += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(received, sizeof data);
    assert_memory_equal(got, data, sizeof data);
    end(&pair);
}

static void a_peer_that_has_gone_is_told(void **state)
{
    struct pair pair;
    char x[] = "x";
    struct iovec piece = {x, 1};
    uint8_t got[8];
    (void)state;
    begin(&pair);
    close_peer(&pair);
    assert_int_equal(net_stream_write(&pair.stream, &piece, 1), -EPIPE); /* and no SIGPIPE */
    assert_int_equal(net_stream_read(&pair.stream, got, sizeof got), 0);
    end(&pair);

    begin_tcp(&pair);
    struct linger none = {.l_onoff = 1};
    assert_int_equal(setsockopt(pair.peer, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    close_peer(&pair);
    turn(&pair);
    assert_true(pair.stream.is_readable && pair.stream.is_writable);
    assert_int_equal(net_stream_write(&pair.stream, &piece, 1), -EPIPE);
    end(&pair);

    begin_tcp(&pair);
    assert_int_equal(setsockopt(pair.peer, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    close_peer(&pair);
    turn(&pair);
    assert_int_equal(net_stream_read(&pair.stream, got, sizeof got), -ECONNRESET);
    end(&pair);
}

static void there_are_three_ends(void **state)
{
    struct pair pair;
    char got[8];
    (void)state;
    begin_tcp(&pair);
    net_stream_shutdown(&pair.stream);
    assert_int_equal(read(pair.peer, got, sizeof got), 0);
    assert_int_equal(write(pair.peer, "more", 4), 4); /* the other half goes on */
    turn(&pair);
    assert_int_equal(net_stream_read(&pair.stream, (uint8_t *)got, sizeof got), 4);
    end(&pair);

    begin_tcp(&pair);
    net_stream_close(&pair.stream, false);
    assert_int_equal(read(pair.peer, got, sizeof got), 0);
    end(&pair);

    begin_tcp(&pair);
    net_stream_close(&pair.stream, true);
    assert_int_equal(read(pair.peer, got, sizeof got), -1);
    assert_int_equal(errno, ECONNRESET);
    end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_follow_the_edges),
        cmocka_unit_test(an_end_right_behind_the_bytes_is_not_missed),
        cmocka_unit_test(pieces_are_written_in_order),
        cmocka_unit_test(a_full_socket_says_so),
        cmocka_unit_test(a_peer_that_has_gone_is_told),
        cmocka_unit_test(there_are_three_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
