/* wasi:cli/stdin, stdout, stderr and terminal-*: streams over pipes, files, terminals and handlers'
 * functions, against the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_stream.h"
#include "guest/file.h"
#include "guest/stream.h"
#include "imports/wasi_cli/cli.h"
#include "imports/wasi_io/descriptor_stream.h"

enum { PIPE_LEN = 65536, BIG = 300 << 10 };

static int setup(void **state)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGPIPE, &ignore, NULL), 0);
    *state = fake_component_new();
    return 0;
}

static int teardown(void **state)
{
    fake_component_free(*state);
    return 0;
}

static void give(struct fake_component *f, struct descriptor *d, uint32_t fd)
{
    uint32_t got = 0;
    assert_int_equal(fd_table_insert(&f->guest.fds, d, fd, &got), 0);
    assert_int_equal(got, fd);
}

static void give_fd(struct fake_component *f, int host_fd, uint32_t fd)
{
    struct guest_file *file = NULL;
    assert_int_equal(guest_file_stdio(&f->guest, host_fd, &file), 0);
    give(f, &file->base, fd);
}

static uint32_t get_stdin(struct fake_component *f)
{
    assert_int_equal(fake_component_call(f, &wasi_cli_stdin, "get-stdin", NULL, 0), 0);
    return (uint32_t)f->results[0].number;
}

static uint32_t get_stdout(struct fake_component *f)
{
    assert_int_equal(fake_component_call(f, &wasi_cli_stdout, "get-stdout", NULL, 0), 0);
    return (uint32_t)f->results[0].number;
}

static uint32_t get_stderr(struct fake_component *f)
{
    assert_int_equal(fake_component_call(f, &wasi_cli_stderr, "get-stderr", NULL, 0), 0);
    return (uint32_t)f->results[0].number;
}

/* Make a pipe of which the guest gets one end as `fd`; the other is given. */
static int give_pipe(struct fake_component *f, uint32_t fd)
{
    int ends[2];
    int mine = fd == 0 ? 1 : 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    give_fd(f, ends[1 - mine], fd);
    close(ends[1 - mine]);
    return ends[mine];
}

/* -- reading ---------------------------------------------------------------------------------- */

static int feeding;

static void feed(struct fake_change *change)
{
    (void)change;
    assert_int_equal(write(feeding, "late", 4), 4);
}

static void hang_up(struct fake_change *change)
{
    (void)change;
    close(feeding);
}

static void a_pipe_is_read_to_its_end(void **state)
{
    struct fake_component *f = *state;
    struct fake_change change;
    feeding = give_pipe(f, 0);
    uint32_t in = get_stdin(f);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(10)), 0);
    expect_bytes(f, "");
    fake_change_start(f, &change, feed, NULL);
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(3)), 0);
    expect_bytes(f, "lat");
    assert_int_equal(call_in(f, "skip", NUMBER(in), NUMBER(3)), 0);
    expect_ok(f, 1);
    fake_change_start(f, &change, hang_up, NULL);
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(3)), 0);
    fake_expect_closed(f);
}

static void a_pipes_pollable_tells_the_truth(void **state)
{
    struct fake_component *f = *state;
    struct fake_change change;
    feeding = give_pipe(f, 0);
    uint32_t in = get_stdin(f);
    assert_int_equal(call_in(f, "subscribe", NUMBER(in)), 0);
    uint32_t pollable = (uint32_t)f->results[0].number;
    assert_false(fake_is_ready(f, pollable));
    fake_change_start(f, &change, feed, NULL);
    assert_int_equal(component_fake_call(f, &wasi_io_poll, "poll", WORDS(&pollable, 1)), 0);
    assert_int_equal(f->results[0].words.count, 1);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(4)), 0);
    expect_bytes(f, "late");
    assert_false(fake_is_ready(f, pollable)); /* though the last read did not come to its end */
    fake_change_start(f, &change, hang_up, NULL);
    assert_int_equal(component_fake_call(f, &wasi_io_poll, "poll", WORDS(&pollable, 1)), 0);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(4)), 0);
    fake_expect_closed(f);
}

static void two_handles_share_what_there_is(void **state)
{
    struct fake_component *f = *state;
    feeding = give_pipe(f, 0);
    uint32_t first = get_stdin(f);
    uint32_t second = get_stdin(f);
    feed(NULL);
    assert_int_equal(call_in(f, "read", NUMBER(first), NUMBER(2)), 0);
    expect_bytes(f, "la");
    assert_int_equal(fake_component_drop(f, &wasi_io_streams, "input-stream", first), 0);
    assert_int_equal(call_in(f, "read", NUMBER(second), NUMBER(9)), 0);
    expect_bytes(f, "te");
    close(feeding);
}

static void a_stream_outlives_its_number(void **state)
{
    struct fake_component *f = *state;
    feeding = give_pipe(f, 0);
    uint32_t in = get_stdin(f);
    descriptor_unref(fd_table_take(&f->guest.fds, 0));
    feed(NULL);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(9)), 0);
    expect_bytes(f, "late");
    close(feeding);
}

static void a_file_is_always_ready(void **state)
{
    struct fake_component *f = *state;
    int fd = memfd_create("stdin", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "text", 4), 4);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    give_fd(f, fd, 0);
    give_fd(f, fd, 1);
    uint32_t in = get_stdin(f);
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(9)), 0);
    expect_bytes(f, "text");
    assert_int_equal(f->waits, 0);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(9)), 0);
    fake_expect_closed(f);
    uint32_t out = get_stdout(f);
    assert_int_equal(call_out(f, "check-write", NUMBER(out)), 0);
    expect_ok(f, IO_PERMIT_MAX);
    assert_int_equal(call_out(f, "write", NUMBER(out), TEXT("more")), 0);
    char text[16];
    assert_int_equal(pread(fd, text, sizeof text, 0), 8);
    assert_memory_equal(text, "textmore", 8);
    close(fd);
}

static void what_is_not_there_is_at_its_end_and_swallows(void **state)
{
    struct fake_component *f = *state;
    uint32_t in = get_stdin(f);
    uint32_t out = get_stdout(f);
    uint32_t err = get_stderr(f);
    assert_int_equal(call_in(f, "subscribe", NUMBER(in)), 0);
    assert_true(fake_is_ready(f, (uint32_t)f->results[0].number));
    assert_int_equal(call_in(f, "blocking-read", NUMBER(in), NUMBER(9)), 0);
    fake_expect_closed(f);
    assert_int_equal(call_out(f, "check-write", NUMBER(out)), 0);
    expect_ok(f, IO_PERMIT_MAX);
    assert_int_equal(call_out(f, "write", NUMBER(out), TEXT("x")), 0);
    expect_ok(f, 0);
    assert_int_equal(call_out(f, "blocking-write-and-flush", NUMBER(err), TEXT("x")), 0);
    expect_ok(f, 0);
    assert_int_equal(call_out(f, "blocking-flush", NUMBER(err)), 0);
    expect_ok(f, 0);
}

static void the_wrong_direction_is_an_error(void **state)
{
    struct fake_component *f = *state;
    int reading = give_pipe(f, 1);
    descriptor_unref(fd_table_take(&f->guest.fds, 0));
    give(f, descriptor_ref(fd_table_get(&f->guest.fds, 1)), 0);
    uint32_t in = get_stdin(f);
    assert_int_equal(call_in(f, "read", NUMBER(in), NUMBER(9)), 0);
    expect_error_text(f, expect_failed(f), "Bad file descriptor");
    close(reading);
}

/* -- writing ---------------------------------------------------------------------------------- */

/* Read all there is; it must go on as `expected` counts: byte n is (uint8_t)(n / 7). */
static size_t expect_pattern(int fd, size_t from)
{
    static uint8_t bytes[PIPE_LEN];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            assert_int_equal(bytes[i], (uint8_t)(from / 7));
            from++;
        }
    }
    return from;
}

static void fill_pattern(uint8_t *bytes, size_t len, size_t from)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)((from + i) / 7);
    }
}

static int draining;
static size_t drained;

static void drain(struct fake_change *change)
{
    drained = expect_pattern(draining, drained);
    fake_change_start(change->f, change, drain, NULL);
}

static void a_full_pipe_parks_the_guest_and_loses_nothing(void **state)
{
    struct fake_component *f = *state;
    uint8_t bytes[4096];
    struct fake_change change;
    unsigned waits = 0;
    draining = give_pipe(f, 1);
    drained = 0;
    uint32_t out = get_stdout(f);
    fake_change_start(f, &change, drain, NULL);
    for (size_t at = 0; at < BIG; at += sizeof bytes - 5) {
        fill_pattern(bytes, sizeof bytes - 5, at);
        assert_int_equal(
            call_out(f, "blocking-write-and-flush", NUMBER(out), BYTES(bytes, sizeof bytes - 5)),
            0);
        expect_ok(f, 0);
        waits += f->waits;
    }
    loop_timer_stop(&change.timer);
    assert_true(waits > 0);
    drained = expect_pattern(draining, drained);
    assert_int_equal(drained, (BIG / 4091 + 1) * 4091);
    close(draining);
}

/* As an asynchronous guest does it: check-write, write, poll. */
static void a_full_pipe_permits_nothing_until_it_is_read(void **state)
{
    struct fake_component *f = *state;
    static uint8_t bytes[IO_PERMIT_MAX];
    struct fake_change change;
    size_t sent = 0;
    unsigned waits = 0;
    draining = give_pipe(f, 1);
    drained = 0;
    uint32_t out = get_stdout(f);
    assert_int_equal(call_out(f, "subscribe", NUMBER(out)), 0);
    uint32_t pollable = (uint32_t)f->results[0].number;
    fake_change_start(f, &change, drain, NULL);
    while (sent < BIG) {
        assert_int_equal(call_out(f, "check-write", NUMBER(out)), 0);
        size_t permit = (size_t)f->results[1].number;
        expect_ok(f, permit);
        if (permit == 0) {
            assert_int_equal(component_fake_call(f, &wasi_io_poll, "poll", WORDS(&pollable, 1)), 0);
            waits += f->waits;
        } else {
            fill_pattern(bytes, permit, sent);
            assert_int_equal(call_out(f, "write", NUMBER(out), BYTES(bytes, permit)), 0);
            expect_ok(f, 0);
            sent += permit;
        }
    }
    assert_int_equal(call_out(f, "blocking-flush", NUMBER(out)), 0);
    expect_ok(f, 0);
    loop_timer_stop(&change.timer);
    assert_true(waits > 0);
    assert_int_equal(expect_pattern(draining, drained), sent);
    close(draining);
}

static void a_reader_that_goes_closes_it(void **state)
{
    struct fake_component *f = *state;
    struct fake_change change;
    static uint8_t zeroes[4096];
    feeding = give_pipe(f, 1);
    uint32_t out = get_stdout(f);
    fake_change_start(f, &change, hang_up, NULL);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(call_out(f, "blocking-write-and-flush", NUMBER(out), BYTES(zeroes, 4096)),
                         0);
        expect_ok(f, 0);
    }
    assert_int_equal(call_out(f, "blocking-write-and-flush", NUMBER(out), TEXT("x")), 0);
    fake_expect_closed(f);
    uint32_t other = get_stdout(f);
    assert_int_equal(call_out(f, "check-write", NUMBER(other)), 0);
    expect_ok(f, PIPE_BUF); /* nobody has tried */
    assert_int_equal(call_out(f, "write", NUMBER(other), TEXT("x")), 0);
    fake_expect_closed(f);
}

/* -- a handler's functions -------------------------------------------------------------------- */

struct handler {
    struct guest_stream *stream;
    size_t room;
    size_t taken_len;
    uint8_t taken[BIG];
    int error;
};

static int64_t handler_write(void *context, const struct iovec *pieces, int count)
{
    struct handler *handler = context;
    assert_int_equal(count, 1);
    size_t part = pieces[0].iov_len < handler->room ? pieces[0].iov_len : handler->room;
    if (handler->error < 0) {
        return handler->error;
    }
    assert_true(handler->taken_len + part <= sizeof handler->taken);
    memcpy(handler->taken + handler->taken_len, pieces[0].iov_base, part);
    handler->taken_len += part;
    handler->room -= part;
    return part > 0 ? (int64_t)part : -EAGAIN;
}

static const struct guest_stream_ops handler_ops = {.write = handler_write};

static struct handler *give_handler(struct fake_component *f)
{
    struct handler *handler = calloc(1, sizeof *handler);
    assert_non_null(handler);
    assert_int_equal(guest_stream_new(&f->guest, &handler_ops, handler, &handler->stream), 0);
    give(f, guest_stream_descriptor(handler->stream), 1);
    return handler;
}

static void let_take(struct fake_change *change)
{
    struct handler *handler = change->data;
    handler->room = 1000;
    guest_stream_ready(handler->stream, LOOP_WRITE);
    fake_change_start(change->f, change, let_take, handler);
}

static void check_write(struct fake_component *f, uint32_t out, uint64_t permit)
{
    assert_int_equal(call_out(f, "check-write", NUMBER(out)), 0);
    expect_ok(f, permit);
}

static void what_was_permitted_and_not_taken_is_kept_in_order(void **state)
{
    struct fake_component *f = *state;
    static uint8_t bytes[3 * IO_PERMIT_MAX + 10];
    struct fake_change change;
    struct handler *handler = give_handler(f);
    uint32_t outs[3];
    fill_pattern(bytes, sizeof bytes, 0);
    for (int i = 0; i < 3; i++) {
        outs[i] = get_stdout(f);
        check_write(f, outs[i], IO_PERMIT_MAX);
    }
    handler->room = 100;
    for (int i = 0; i < 3; i++) {
        const uint8_t *part = bytes + (size_t)i * IO_PERMIT_MAX;
        assert_int_equal(call_out(f, "write", NUMBER(outs[i]), BYTES(part, IO_PERMIT_MAX)), 0);
        expect_ok(f, 0);
    }
    assert_int_equal(handler->taken_len, 100);
    check_write(f, outs[2], 0);
    assert_int_equal(call_out(f, "flush", NUMBER(outs[0])), 0);
    check_write(f, outs[0], 0);
    fake_change_start(f, &change, let_take, handler);
    assert_int_equal(call_out(f, "blocking-write-and-flush", NUMBER(outs[1]),
                              BYTES(bytes + 3 * IO_PERMIT_MAX, 10)),
                     0);
    expect_ok(f, 0);
    assert_true(f->waits > 100);
    loop_timer_stop(&change.timer);
    assert_int_equal(handler->taken_len, sizeof bytes);
    assert_memory_equal(handler->taken, bytes, sizeof bytes);
    check_write(f, outs[0], IO_PERMIT_MAX);
    guest_stream_detach(handler->stream);
    free(handler);
}

static void what_is_kept_has_an_end(void **state)
{
    struct fake_component *f = *state;
    static uint8_t zeroes[IO_PERMIT_MAX];
    struct handler *handler = give_handler(f);
    uint32_t outs[6];
    for (int i = 0; i < 6; i++) {
        outs[i] = get_stdout(f);
        check_write(f, outs[i], IO_PERMIT_MAX);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(call_out(f, "write", NUMBER(outs[i]), BYTES(zeroes, sizeof zeroes)), 0);
        expect_ok(f, 0);
    }
    assert_int_equal(call_out(f, "write", NUMBER(outs[4]), TEXT("x")), 0);
    expect_error_text(f, expect_failed(f), "No buffer space available");
    handler->error = -EIO;
    guest_stream_ready(handler->stream, LOOP_WRITE);
    assert_int_equal(call_out(f, "blocking-flush", NUMBER(outs[0])), 0);
    (void)expect_failed(f);
    guest_stream_detach(handler->stream);
    free(handler);
}

static void what_is_kept_is_tried_again_at_the_end(void **state)
{
    (void)state;
    struct fake_component *f = fake_component_new();
    struct handler *handler = give_handler(f);
    uint32_t out = get_stdout(f);
    check_write(f, out, IO_PERMIT_MAX);
    assert_int_equal(call_out(f, "write", NUMBER(out), TEXT("last words")), 0);
    assert_int_equal(handler->taken_len, 0);
    assert_int_equal(fake_component_drop(f, &wasi_io_streams, "output-stream", out), 0);
    handler->room = 100;
    fake_component_free(f);
    assert_int_equal(handler->taken_len, 10);
    assert_memory_equal(handler->taken, "last words", 10);
    guest_stream_detach(handler->stream);
    free(handler);
}

static void detach(struct fake_change *change)
{
    struct handler *handler = change->data;
    guest_stream_detach(handler->stream);
}

static void a_handler_that_goes_closes_it(void **state)
{
    struct fake_component *f = *state;
    struct fake_change change;
    struct handler *handler = give_handler(f);
    uint32_t out = get_stdout(f);
    fake_change_start(f, &change, detach, handler);
    assert_int_equal(call_out(f, "blocking-write-and-flush", NUMBER(out), TEXT("x")), 0);
    fake_expect_closed(f);
    assert_int_equal(f->waits, 1);
    free(handler);
}

/* -- terminals -------------------------------------------------------------------------------- */

static void a_terminal_is_one_and_a_pipe_is_none(void **state)
{
    struct fake_component *f = *state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    assert_int_equal(ptsname_r(master, name, sizeof name), 0);
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    give_fd(f, slave, 0);
    int reading = give_pipe(f, 1);
    give_fd(f, slave, 2);
    close(slave);
    assert_int_equal(
        fake_component_call(f, &wasi_cli_terminal_stdin, "get-terminal-stdin", NULL, 0), 0);
    assert_int_equal(f->results[0].number, 1);
    assert_int_equal(fake_component_drop(f, &wasi_cli_terminal_input, "terminal-input",
                                         (uint32_t)f->results[1].number),
                     0);
    assert_int_equal(
        fake_component_call(f, &wasi_cli_terminal_stdout, "get-terminal-stdout", NULL, 0), 0);
    assert_int_equal(f->results[0].number, 0);
    assert_int_equal(
        fake_component_call(f, &wasi_cli_terminal_stderr, "get-terminal-stderr", NULL, 0), 0);
    assert_int_equal(f->results[0].number, 1);
    assert_int_equal(fake_component_drop(f, &wasi_cli_terminal_output, "terminal-output",
                                         (uint32_t)f->results[1].number),
                     0);
    uint32_t err = get_stderr(f);
    assert_int_equal(call_out(f, "blocking-write-and-flush", NUMBER(err), TEXT("hi")), 0);
    expect_ok(f, 0);
    char text[8];
    assert_int_equal(read(master, text, sizeof text), 2);
    assert_memory_equal(text, "hi", 2);
    close(master);
    close(reading);
}

static void without_descriptors_there_is_no_terminal(void **state)
{
    struct fake_component *f = *state;
    assert_int_equal(
        fake_component_call(f, &wasi_cli_terminal_stdin, "get-terminal-stdin", NULL, 0), 0);
    assert_int_equal(f->results[0].number, 0);
    assert_int_equal(f->guest.resources.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pipe_is_read_to_its_end),
        TEST(a_pipes_pollable_tells_the_truth),
        TEST(two_handles_share_what_there_is),
        TEST(a_stream_outlives_its_number),
        TEST(a_file_is_always_ready),
        TEST(what_is_not_there_is_at_its_end_and_swallows),
        TEST(the_wrong_direction_is_an_error),
        TEST(a_full_pipe_parks_the_guest_and_loses_nothing),
        TEST(a_full_pipe_permits_nothing_until_it_is_read),
        TEST(a_reader_that_goes_closes_it),
        TEST(what_was_permitted_and_not_taken_is_kept_in_order),
        TEST(what_is_kept_has_an_end),
        TEST(what_is_kept_is_tried_again_at_the_end),
        TEST(a_handler_that_goes_closes_it),
        TEST(a_terminal_is_one_and_a_pipe_is_none),
        TEST(without_descriptors_there_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
