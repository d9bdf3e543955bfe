/* The streams of a TCP connection: bytes both ways under back-pressure, what is kept back and when it
 * leaves, ends and errors, and drops in every order. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_sockets.h"
#include "loop/loop.h"
#include "peer.h"

enum {
    LARGE = 1 << 20,
    FAILED = 0, /* stream-error: last-operation-failed */
    CLOSED = 1,
    RECEIVE = 0, /* shutdown-type */
    SEND = 1,
    BOTH = 2,
};

struct fixture {
    struct fake_component *f;
    struct fake_connection c; /* the guest's */
    int peer;
    uint8_t *bytes; /* LARGE of them */
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    uint16_t port = 0;
    assert_non_null(x);
    x->f = fake_component_new();
    x->f->guest.policy.allow_all = true;
    uint32_t listener = fake_listener(x->f, &port);
    x->peer = peer_connect(port);
    x->c = fake_accept(x->f, listener);
    fake_drop_tcp(x->f, listener);
    x->bytes = malloc(LARGE);
    assert_non_null(x->bytes);
    for (size_t i = 0; i < LARGE; i++) {
        x->bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    fake_component_free(x->f);
    if (x->peer >= 0) {
        close(x->peer);
    }
    free(x->bytes);
    free(x);
    return 0;
}

static uint32_t input_pollable(struct fixture *x)
{
    return fake_subscribe(x->f, &wasi_io_streams, "[method]input-stream.subscribe", x->c.input);
}

static uint32_t output_pollable(struct fixture *x)
{
    return fake_subscribe(x->f, &wasi_io_streams, "[method]output-stream.subscribe", x->c.output);
}

/* -- bytes ------------------------------------------------------------------------------------ */

static void receiving_what_there_is(void **state)
{
    struct fixture *x = *state;
    struct span bytes;
    assert_int_equal(fake_read(x->f, x->c.input, &bytes), OK);
    assert_int_equal(bytes.len, 0);
    uint32_t pollable = input_pollable(x);
    assert_false(fake_is_ready(x->f, pollable));
    assert_int_equal(send(x->peer, "hello", 5, 0), 5);
    fake_block(x->f, pollable);
    assert_true(fake_is_ready(x->f, pollable));
    assert_int_equal(fake_read(x->f, x->c.input, &bytes), OK);
    assert_true(span_is(bytes, "hello"));
    assert_false(fake_is_ready(x->f, pollable));
}

/* A read that takes all there is, to the byte, leaves nobody told that the socket is empty. */
static void an_exact_read_leaves_no_false_readiness(void **state)
{
    struct fixture *x = *state;
    uint32_t pollable = input_pollable(x);
    assert_int_equal(send(x->peer, "hello", 5, 0), 5);
    fake_block(x->f, pollable);
    assert_int_equal(sockets_call(x->f, &wasi_io_streams, "[method]input-stream.read",
                                  NUMBER(x->c.input), NUMBER(5)),
                     OK);
    assert_int_equal(x->f->results[1].bytes.len, 5);
    assert_false(fake_is_ready(x->f, pollable));
}

/* Send LARGE bytes from the peer, as the guest reads them. */
static void a_mebibyte_in(void **state)
{
    struct fixture *x = *state;
    size_t sent = 0;
    size_t got = 0;
    assert_int_equal(fcntl(x->peer, F_SETFL, O_NONBLOCK), 0);
    while (got < LARGE) {
        ssize_t n = send(x->peer, x->bytes + sent, LARGE - sent, 0);
        sent += n > 0 ? (size_t)n : 0;
        struct span bytes;
        assert_int_equal(fake_blocking_read(x->f, x->c.input, &bytes), OK);
        assert_true(bytes.len > 0);
        assert_memory_equal(bytes.data, x->bytes + got, bytes.len);
        got += bytes.len;
    }
    close(x->peer);
    x->peer = -1;
    struct span bytes;
    assert_int_equal(fake_blocking_read(x->f, x->c.input, &bytes), CLOSED);
}

static size_t peer_takes(struct fixture *x, size_t done)
{
    static uint8_t room[64 << 10];
    ssize_t n = recv(x->peer, room, sizeof room, MSG_DONTWAIT);
    if (n <= 0) {
        assert_int_equal(errno, EAGAIN);
        return 0;
    }
    assert_memory_equal(room, x->bytes + done, (size_t)n);
    return (size_t)n;
}

static void shrink(struct fixture *x)
{
    int size = 32 << 10; /* smaller ones have the kernel wait for its timers */
    assert_int_equal(tcp(x->f, "set-send-buffer-size", NUMBER(x->c.socket), NUMBER(size)), OK);
    assert_int_equal(setsockopt(x->peer, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

/* Write until check-write gives 0. Returns the bytes. */
static size_t fill(struct fixture *x)
{
    size_t sent = 0;
    for (uint64_t permit = 1; permit > 0;) {
        assert_int_equal(fake_check_write(x->f, x->c.output, &permit), OK);
        assert_true(permit <= LARGE - sent);
        assert_int_equal(fake_write(x->f, x->c.output, x->bytes + sent, permit), OK);
        sent += permit;
    }
    return sent;
}

static void a_mebibyte_out_with_back_pressure(void **state)
{
    struct fixture *x = *state;
    shrink(x);
    uint32_t pollable = output_pollable(x);
    assert_true(fake_is_ready(x->f, pollable));
    size_t sent = fill(x);
    size_t got = 0;
    assert_true(sent < LARGE / 2); /* the peer's and the socket's buffers, and what is kept back */
    assert_false(fake_is_ready(x->f, pollable));
    while (got < LARGE) {
        got += peer_takes(x, got);
        assert_int_equal(loop_turn(x->f->loop, 1), 0);
        uint64_t permit = 0;
        assert_int_equal(fake_check_write(x->f, x->c.output, &permit), OK);
        permit = permit < LARGE - sent ? permit : LARGE - sent;
        assert_int_equal(fake_write(x->f, x->c.output, x->bytes + sent, permit), OK);
        sent += permit;
        if (sent == LARGE) {
            assert_int_equal(fake_flush(x->f, x->c.output), OK);
        }
    }
    assert_true(fake_is_ready(x->f, pollable));
}

/* Read LARGE / 2 bytes, once told to, and exit with 0 if they are right. */
static void read_when_told(const struct fixture *x, int told)
{
    static uint8_t got[LARGE / 2];
    uint8_t byte;
    bool is_right = read(told, &byte, 1) == 1 &&
                    recv(x->peer, got, sizeof got, MSG_WAITALL) == (ssize_t)sizeof got &&
                    memcmp(got, x->bytes, sizeof got) == 0 && recv(x->peer, &byte, 1, 0) == 0;
    _exit(is_right ? 0 : 1);
}

/* The guest is parked until the peer reads: another process, which begins when the guest is. */
static void blocking_writes_wait_for_the_peer(void **state)
{
    struct fixture *x = *state;
    int told[2];
    unsigned waits = 0;
    shrink(x);
    assert_int_equal(pipe(told), 0);
    pid_t reader = fork();
    assert_true(reader >= 0);
    if (reader == 0) {
        read_when_told(x, told[0]);
    }
    for (size_t sent = 0; sent < LARGE / 2; sent += 4096) {
        int32_t answer = component_fake_begin(x->f, &wasi_io_streams,
                                              "[method]output-stream.blocking-write-and-flush",
                                              NUMBER(x->c.output), BYTES(x->bytes + sent, 4096));
        if (answer == CALL_WAIT) {
            assert_int_equal(write(told[1], "", 1), 1);
            waits++;
            answer = fake_component_finish(x->f);
        }
        assert_int_equal(fake_sockets_code(x->f, answer), OK);
    }
    assert_true(waits > 0);
    fake_drop_connection(x->f, &x->c);
    int status = -1;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    close(told[0]);
    close(told[1]);
}

/* -- what is kept back ------------------------------------------------------------------------ */

static void small_writes_leave_together(void **state)
{
    struct fixture *x = *state;
    uint64_t permit = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fake_check_write(x->f, x->c.output, &permit), OK);
        assert_int_equal(fake_write(x->f, x->c.output, "abc", 3), OK);
    }
    assert_int_equal(permit, SOCKET_HOLD_MAX - 6);
    assert_int_equal(peer_pending(x->peer), 0);
    struct span bytes;
    assert_int_equal(fake_read(x->f, x->c.input, &bytes), OK); /* not a send */
    assert_int_equal(peer_pending(x->peer), 9);
}

static void a_flush_sends(void **state)
{
    struct fixture *x = *state;
    uint64_t permit = 0;
    assert_int_equal(fake_check_write(x->f, x->c.output, &permit), OK);
    assert_int_equal(fake_write(x->f, x->c.output, "abc", 3), OK);
    assert_int_equal(fake_flush(x->f, x->c.output), OK);
    assert_int_equal(peer_pending(x->peer), 3);
    assert_int_equal(fake_blocking_write(x->f, x->c.output, "defg", 4), OK);
    assert_int_equal(peer_pending(x->peer), 7);
}

static void a_guest_that_parks_sends(void **state)
{
    struct fixture *x = *state;
    uint64_t permit = 0;
    uint32_t pollable = input_pollable(x);
    assert_int_equal(fake_check_write(x->f, x->c.output, &permit), OK);
    assert_int_equal(fake_write(x->f, x->c.output, "abc", 3), OK);
    x->f->max_wait_ms = 20;
    assert_int_equal(
        component_fake_call(x->f, &wasi_io_poll, "[method]pollable.block", NUMBER(pollable)),
        FAKE_COMPONENT_WAITING);
    assert_int_equal(peer_pending(x->peer), 3);
}

static void what_is_written_outlives_the_guests_interest(void **state)
{
    struct fixture *x = *state;
    shrink(x);
    size_t sent = fill(x);
    fake_drop_input(x->f, x->c.input);
    fake_drop_tcp(x->f, x->c.socket);
    fake_drop_output(x->f, x->c.output);
    size_t got = 0;
    while (got < sent) {
        got += peer_takes(x, got);
        assert_int_equal(loop_turn(x->f->loop, 1), 0);
    }
    peer_expect_end(x->peer, 0);
}

/* -- ends ------------------------------------------------------------------------------------- */

static void the_peers_end_is_closed(void **state)
{
    struct fixture *x = *state;
    struct span bytes;
    assert_int_equal(send(x->peer, "bye", 3, 0), 3);
    assert_int_equal(shutdown(x->peer, SHUT_WR), 0);
    assert_int_equal(fake_blocking_read(x->f, x->c.input, &bytes), OK);
    assert_true(span_is(bytes, "bye"));
    assert_int_equal(fake_blocking_read(x->f, x->c.input, &bytes), CLOSED);
    assert_int_equal(fake_read(x->f, x->c.input, &bytes), CLOSED);
    /* The other direction goes on. */
    assert_int_equal(fake_blocking_write(x->f, x->c.output, "answer", 6), OK);
    assert_int_equal(peer_pending(x->peer), 6);
    assert_int_equal(tcp(x->f, "remote-address", NUMBER(x->c.socket)), OK);
}

static void shutdown_of_sending(void **state)
{
    struct fixture *x = *state;
    struct span bytes;
    uint64_t permit = 0;
    char got[3];
    uint32_t pollable = output_pollable(x);
    assert_int_equal(fake_check_write(x->f, x->c.output, &permit), OK);
    assert_int_equal(fake_write(x->f, x->c.output, "abc", 3), OK);
    assert_int_equal(tcp(x->f, "shutdown", NUMBER(x->c.socket), NUMBER(SEND)), OK);
    peer_read(x->peer, got, 3); /* it leaves before the end does */
    peer_expect_end(x->peer, 0);
    assert_true(fake_is_ready(x->f, pollable));
    assert_int_equal(fake_check_write(x->f, x->c.output, &permit), CLOSED);
    assert_int_equal(fake_flush(x->f, x->c.output), CLOSED);
    assert_int_equal(tcp(x->f, "shutdown", NUMBER(x->c.socket), NUMBER(SEND)), OK);
    assert_int_equal(send(x->peer, "still here", 10, 0), 10);
    assert_int_equal(fake_blocking_read(x->f, x->c.input, &bytes), OK);
    assert_int_equal(bytes.len, 10);
}

static void shutdown_of_sending_waits_for_what_is_written(void **state)
{
    struct fixture *x = *state;
    shrink(x);
    size_t sent = fill(x);
    uint64_t permit = 0;
    assert_int_equal(tcp(x->f, "shutdown", NUMBER(x->c.socket), NUMBER(BOTH)), OK);
    assert_int_equal(fake_check_write(x->f, x->c.output, &permit), CLOSED);
    size_t got = 0;
    while (got < sent) {
        got += peer_takes(x, got);
        assert_int_equal(loop_turn(x->f->loop, 1), 0);
    }
    peer_expect_end(x->peer, 0);
}

static void shutdown_of_receiving(void **state)
{
    struct fixture *x = *state;
    struct span bytes;
    uint32_t pollable = input_pollable(x);
    assert_int_equal(send(x->peer, "unread", 6, 0), 6);
    fake_block(x->f, pollable);
    assert_int_equal(tcp(x->f, "shutdown", NUMBER(x->c.socket), NUMBER(RECEIVE)), OK);
    assert_true(fake_is_ready(x->f, pollable));
    assert_int_equal(fake_read(x->f, x->c.input, &bytes), CLOSED); /* discarded */
    assert_int_equal(fake_blocking_write(x->f, x->c.output, "abc", 3), OK);
    assert_int_equal(peer_pending(x->peer), 3);
}

static void a_reset_is_told_once(void **state)
{
    struct fixture *x = *state;
    struct span bytes;
    peer_reset(x->peer);
    x->peer = -1;
    assert_int_equal(fake_blocking_read(x->f, x->c.input, &bytes), FAILED);
    uint32_t rep = (uint32_t)x->f->results[2].number;
    const struct io_error *error = (const void *)resource_get(&x->f->guest, rep, &io_error_kind);
    assert_non_null(error);
    assert_int_equal(error->domain, IO_ERROR_SOCKET);
    assert_int_equal(error->code, -ECONNRESET);
    assert_int_equal(fake_read(x->f, x->c.input, &bytes), CLOSED);
    assert_int_equal(fake_blocking_write(x->f, x->c.output, "abc", 3), CLOSED); /* EPIPE */
}

/* The peer has answered and gone; that what is kept back cannot be sent is no reason to lose it. */
static void an_error_in_sending_is_the_output_streams(void **state)
{
    struct fixture *x = *state;
    struct span bytes;
    uint64_t permit = 0;
    assert_int_equal(send(x->peer, "answer", 6, 0), 6);
    close(x->peer);
    x->peer = -1;
    uint32_t pollable = input_pollable(x);
    fake_block(x->f, pollable);
    int code = OK;
    for (int i = 0; i < 100 && code == OK; i++) { /* the first is answered by a reset */
        code = fake_blocking_write(x->f, x->c.output, "abc", 3);
        fake_turn(x->f);
    }
    assert_int_not_equal(code, OK);
    assert_int_equal(fake_read(x->f, x->c.input, &bytes), OK);
    assert_true(span_is(bytes, "answer"));
    assert_int_equal(fake_check_write(x->f, x->c.output, &permit), CLOSED);
}

/* -- drops ------------------------------------------------------------------------------------ */

static void drop_nth(struct fixture *x, int which)
{
    if (which == 0) {
        fake_drop_tcp(x->f, x->c.socket);
    } else if (which == 1) {
        fake_drop_input(x->f, x->c.input);
    } else {
        fake_drop_output(x->f, x->c.output);
    }
}

static void drops_in_every_order(void **state)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct fixture *x = *state;
    uint16_t port = 0;
    uint32_t listener = fake_listener(x->f, &port);
    for (size_t i = 0; i < ARRAY_COUNT(orders); i++) {
        int peer = peer_connect(port);
        uint64_t permit = 0;
        char got[3];
        x->c = fake_accept(x->f, listener);
        uint32_t pollables[] = {input_pollable(x), output_pollable(x)};
        assert_int_equal(fake_check_write(x->f, x->c.output, &permit), OK);
        assert_int_equal(fake_write(x->f, x->c.output, "abc", 3), OK);
        for (int step = 0; step < 3; step++) {
            drop_nth(x, orders[i][step]);
        }
        peer_read(peer, got, 3);
        peer_expect_end(peer, 0);
        close(peer);
        for (int j = 0; j < 2; j++) {
            assert_true(fake_is_ready(x->f, pollables[j]));
            fake_drop_pollable(x->f, pollables[j]);
        }
    }
}

static void streams_work_without_their_socket(void **state)
{
    struct fixture *x = *state;
    struct span bytes;
    fake_drop_tcp(x->f, x->c.socket);
    assert_int_equal(fake_blocking_write(x->f, x->c.output, "abc", 3), OK);
    assert_int_equal(peer_pending(x->peer), 3);
    assert_int_equal(send(x->peer, "hello", 5, 0), 5);
    assert_int_equal(fake_blocking_read(x->f, x->c.input, &bytes), OK);
    assert_true(span_is(bytes, "hello"));
}

static void a_dropped_output_stream_ends_the_sending_side(void **state)
{
    struct fixture *x = *state;
    struct span bytes;
    fake_drop_output(x->f, x->c.output);
    peer_expect_end(x->peer, 0);
    assert_int_equal(send(x->peer, "hello", 5, 0), 5);
    assert_int_equal(fake_blocking_read(x->f, x->c.input, &bytes), OK);
    assert_true(span_is(bytes, "hello"));
}

/* -- two of the guest's ----------------------------------------------------------------------- */

static void a_write_to_another_connection_sends_the_first(void **state)
{
    struct fixture *x = *state;
    uint16_t port = 0;
    uint64_t permit = 0;
    uint32_t listener = fake_listener(x->f, &port);
    struct fake_connection here = fake_connect(x->f, port);
    struct fake_connection there = fake_accept(x->f, listener);
    assert_int_equal(fake_check_write(x->f, x->c.output, &permit), OK);
    assert_int_equal(fake_write(x->f, x->c.output, "abc", 3), OK);
    assert_int_equal(fake_check_write(x->f, here.output, &permit), OK);
    assert_int_equal(fake_write(x->f, here.output, "hello", 5), OK);
    assert_int_equal(peer_pending(x->peer), 3);
    struct span bytes;
    assert_int_equal(fake_blocking_read(x->f, there.input, &bytes), OK);
    assert_true(span_is(bytes, "hello"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(receiving_what_there_is, setup, teardown),
        cmocka_unit_test_setup_teardown(an_exact_read_leaves_no_false_readiness, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mebibyte_in, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mebibyte_out_with_back_pressure, setup, teardown),
        cmocka_unit_test_setup_teardown(blocking_writes_wait_for_the_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(small_writes_leave_together, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flush_sends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guest_that_parks_sends, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_written_outlives_the_guests_interest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_peers_end_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(shutdown_of_sending, setup, teardown),
        cmocka_unit_test_setup_teardown(shutdown_of_sending_waits_for_what_is_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(shutdown_of_receiving, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_in_sending_is_the_output_streams, setup, teardown),
        cmocka_unit_test_setup_teardown(drops_in_every_order, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_work_without_their_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_output_stream_ends_the_sending_side, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_write_to_another_connection_sends_the_first, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
