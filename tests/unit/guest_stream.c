/* Streams: what a guest sees of a handler's two functions, in comparison with a pipe, and who may go
 * first. */
#include "guest/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "fake_call.h"
#include "guest/file.h"
#include "imports/wasi_snapshot_preview1/abi.h"

enum { IOV = 16, BUF = 1024, OUT = 64, SUBS = 4096, EVENTS = 8192, ROOM = 100 };

struct pipe_end {
    const char *text; /* what there is to read */
    size_t len;
    bool at_end;
    char taken[4096]; /* what was written */
    size_t taken_len;
    size_t room; /* how much more may be written before -EAGAIN */
    int error;   /* what every operation answers, 0: none */
    unsigned calls;
    unsigned closed;
};

struct bench {
    struct fake_guest *f;
    struct pipe_end in;
    struct pipe_end out;
    struct guest_stream *streams[2]; /* NULL once detached */
    struct loop_timer timer;
};

static int64_t end_read(void *context, const struct iovec *pieces, int count)
{
    struct pipe_end *end = context;
    int64_t n = 0;
    end->calls++;
    if (end->error != 0) {
        return end->error;
    }
    if (end->len == 0) {
        return end->at_end ? 0 : -EAGAIN;
    }
    for (int i = 0; i < count; i++) {
        size_t part = pieces[i].iov_len < end->len ? pieces[i].iov_len : end->len;
        memcpy(pieces[i].iov_base, end->text, part);
        end->text += part;
        end->len -= part;
        n += (int64_t)part;
    }
    return n;
}

static int64_t end_write(void *context, const struct iovec *pieces, int count)
{
    struct pipe_end *end = context;
    int64_t n = 0;
    end->calls++;
    if (end->error != 0) {
        return end->error;
    }
    for (int i = 0; i < count; i++) {
        size_t part = pieces[i].iov_len < end->room ? pieces[i].iov_len : end->room;
        assert_true(end->taken_len + part <= sizeof end->taken);
        memcpy(end->taken + end->taken_len, pieces[i].iov_base, part);
        end->taken_len += part;
        end->room -= part;
        n += (int64_t)part;
    }
    return n > 0 ? n : -EAGAIN;
}

static unsigned end_poll(void *context)
{
    const struct pipe_end *end = context;
    return (end->len > 0 || end->at_end ? (unsigned)LOOP_READ : 0) |
           (end->room > 0 ? (unsigned)LOOP_WRITE : 0);
}

static void end_closed(void *context)
{
    ((struct pipe_end *)context)->closed++;
}

static const struct guest_stream_ops read_ops = {
    .read = end_read, .poll = end_poll, .closed = end_closed};
static const struct guest_stream_ops write_ops = {
    .write = end_write, .poll = end_poll, .closed = end_closed};

static void give(struct bench *b, uint32_t fd, const struct guest_stream_ops *ops,
                 struct pipe_end *end)
{
    uint32_t got = 0;
    assert_int_equal(guest_stream_new(&b->f->guest, ops, end, &b->streams[fd]), 0);
    assert_int_equal(
        fd_table_insert(&b->f->guest.fds, guest_stream_descriptor(b->streams[fd]), 0, &got), 0);
    assert_int_equal(got, fd);
}

static int setup(void **state)
{
    static struct bench b;
    b = (struct bench){.f = fake_guest_new()};
    b.out.room = ROOM;
    give(&b, 0, &read_ops, &b.in);
    give(&b, 1, &write_ops, &b.out);
    *state = &b;
    return 0;
}

static void detach(struct bench *b, unsigned fd)
{
    guest_stream_detach(b->streams[fd]);
    b->streams[fd] = NULL;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    loop_timer_stop(&b->timer);
    fake_guest_free(b->f); /* the guest goes first: the common order */
    detach(b, 0);
    detach(b, 1);
    return 0;
}

static int32_t guest_read(struct bench *b, uint32_t len)
{
    fake_iov(b->f, IOV, BUF, len);
    return fake_call(b->f, &preview1_fd, "fd_read", 0, IOV, 1, OUT);
}

static int32_t guest_write(struct bench *b, const char *text)
{
    fake_iov(b->f, IOV, BUF, fake_text(b->f, BUF, text));
    return fake_call(b->f, &preview1_fd, "fd_write", 1, IOV, 1, OUT);
}

static void set_nonblock(struct bench *b, uint32_t fd)
{
    assert_int_equal(
        fake_call(b->f, &preview1_fd, "fd_fdstat_set_flags", fd, (int64_t)FDFLAG_NONBLOCK), 0);
}

static void offer(struct pipe_end *end, const char *text)
{
    end->text = text;
    end->len = strlen(text);
}

/* Have `on_due` called while the guest's call waits. */
static void later(struct bench *b, loop_timer_fn *on_due)
{
    assert_int_equal(loop_timer_start(b->f->loop, &b->timer, loop_clock_ns() + 5000000, on_due), 0);
}

/* -- reading and writing ---------------------------------------------------------------------- */

static void reads_what_there_is_and_then_the_end(void **state)
{
    struct bench *b = *state;
    offer(&b->in, "hello");
    b->in.at_end = true;
    assert_int_equal(guest_read(b, 3), 0);
    assert_int_equal(fake_u32(b->f, OUT), 3);
    fake_assert_bytes(b->f, BUF, "hel", 3);
    assert_int_equal(guest_read(b, 10), 0);
    assert_int_equal(fake_u32(b->f, OUT), 2);
    assert_int_equal(guest_read(b, 10), 0);
    assert_int_equal(fake_u32(b->f, OUT), 0);
    assert_int_equal(b->f->waits, 0);
}

static void bring_text(struct loop_timer *timer)
{
    struct bench *b = container_of(timer, struct bench, timer);
    offer(&b->in, "late");
    guest_stream_ready(b->streams[0], LOOP_READ);
}

static void a_read_waits_for_bytes(void **state)
{
    struct bench *b = *state;
    later(b, bring_text);
    assert_int_equal(guest_read(b, 10), 0);
    assert_int_equal(fake_u32(b->f, OUT), 4);
    assert_int_equal(b->f->waits, 1);
}

static void a_nonblocking_read_does_not_wait(void **state)
{
    struct bench *b = *state;
    set_nonblock(b, 0);
    assert_int_equal(guest_read(b, 10), WASI_EAGAIN);
    assert_int_equal(b->f->waits, 0);
}

static void make_room(struct loop_timer *timer)
{
    struct bench *b = container_of(timer, struct bench, timer);
    b->out.room = 4;
    guest_stream_ready(b->streams[1], LOOP_WRITE);
    if (b->out.taken_len < 8) {
        later(b, make_room);
    }
}

/* Guests do not look at the count of a blocking write. */
static void a_blocking_write_is_whole(void **state)
{
    struct bench *b = *state;
    b->out.room = 2;
    later(b, make_room);
    assert_int_equal(guest_write(b, "0123456789"), 0);
    assert_int_equal(fake_u32(b->f, OUT), 10);
    assert_int_equal(b->out.taken_len, 10);
    assert_memory_equal(b->out.taken, "0123456789", 10);
    assert_int_equal(b->f->waits, 2);
}

static void a_nonblocking_write_is_as_much_as_fits(void **state)
{
    struct bench *b = *state;
    set_nonblock(b, 1);
    b->out.room = 4;
    assert_int_equal(guest_write(b, "0123456789"), 0);
    assert_int_equal(fake_u32(b->f, OUT), 4);
    assert_int_equal(guest_write(b, "456789"), WASI_EAGAIN);
    assert_int_equal(b->f->waits, 0);
}

static void each_is_open_in_one_direction(void **state)
{
    struct bench *b = *state;
    fake_iov(b->f, IOV, BUF, 4);
    assert_int_equal(fake_call(b->f, &preview1_fd, "fd_write", 0, IOV, 1, OUT), WASI_EBADF);
    assert_int_equal(fake_call(b->f, &preview1_fd, "fd_read", 1, IOV, 1, OUT), WASI_EBADF);
    assert_int_equal(b->in.calls + b->out.calls, 0);
}

static void its_errors_are_the_guests(void **state)
{
    struct bench *b = *state;
    b->in.error = -EIO;
    b->out.error = -EPIPE;
    assert_int_equal(guest_read(b, 4), WASI_EIO);
    assert_int_equal(guest_write(b, "x"), WASI_EPIPE);
}

/* -- poll ------------------------------------------------------------------------------------- */

static int32_t guest_poll(struct bench *b, uint32_t fd, uint8_t tag, int max_wait_ms)
{
    fake_fill(b->f, SUBS, 0, WASI_SUBSCRIPTION_SIZE);
    fake_put(b->f, SUBS + WASI_SUBSCRIPTION_TAG, &tag, 1);
    fake_put_u32(b->f, SUBS + WASI_SUBSCRIPTION_FD, fd);
    b->f->max_wait_ms = max_wait_ms;
    return fake_call(b->f, &preview1_poll, "poll_oneoff", SUBS, EVENTS, 1, OUT);
}

static void poll_knows_what_the_handler_has(void **state)
{
    struct bench *b = *state;
    offer(&b->in, "ab");
    assert_int_equal(guest_poll(b, 0, WASI_EVENT_FD_READ, 20), 0);
    assert_int_equal(guest_poll(b, 1, WASI_EVENT_FD_WRITE, 20), 0);
    assert_int_equal(guest_read(b, 2), 0); /* takes all, without finding out that it did */
    assert_int_equal(guest_poll(b, 0, WASI_EVENT_FD_READ, 20), FAKE_STILL_WAITING);
    later(b, bring_text);
    assert_int_equal(guest_poll(b, 0, WASI_EVENT_FD_READ, 5000), 0);
    assert_int_equal(fake_u32(b->f, OUT), 1);
    b->out.room = 0;
    assert_int_equal(guest_poll(b, 1, WASI_EVENT_FD_WRITE, 20), FAKE_STILL_WAITING);
}

static void hang_up(struct loop_timer *timer)
{
    detach(container_of(timer, struct bench, timer), 1);
}

static void poll_ends_when_the_handler_goes(void **state)
{
    struct bench *b = *state;
    b->out.room = 0;
    later(b, hang_up);
    assert_int_equal(guest_poll(b, 1, WASI_EVENT_FD_WRITE, 5000), 0);
    assert_int_equal(fake_u16(b->f, EVENTS + WASI_EVENT_FLAGS), WASI_EVENT_HANGUP);
}

/* -- as a pipe -------------------------------------------------------------------------------- */

/* A pipe's end as the guest's number 2 or 3. */
static void give_pipe(struct bench *b, uint32_t fd, int access, int *ret_other)
{
    int ends[2];
    uint32_t got = 0;
    struct guest_file *file = NULL;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct file_opening opening = {
        .fd = ends[access == O_WRONLY], .mode = S_IFIFO, .access = access, .io = FILE_OWN};
    assert_int_equal(guest_file_new(&b->f->guest, &opening, &file), 0);
    assert_int_equal(fd_table_insert(&b->f->guest.fds, &file->base, 0, &got), 0);
    assert_int_equal(got, fd);
    *ret_other = ends[access != O_WRONLY];
}

struct question {
    const struct func_table *table;
    const char *name;
    int64_t args[5]; /* behind the descriptor */
};

/* Ask about the stream `fd` and about the pipe two numbers above it. */
static void ask_both(struct bench *b, const struct question *q, uint32_t fd)
{
    int64_t args[6] = {fd + 2};
    uint8_t want[64];
    memcpy(args + 1, q->args, sizeof q->args);
    fake_iov(b->f, IOV, BUF, 4);
    fake_fill(b->f, OUT, 0xcc, sizeof want);
    int32_t answer = fake_call_row(b->f, q->table, q->name, NULL, args);
    memcpy(want, b->f->memory + OUT, sizeof want);
    args[0] = fd;
    fake_fill(b->f, OUT, 0xcc, sizeof want);
    if (fake_call_row(b->f, q->table, q->name, NULL, args) != answer) {
        fail_msg("%s of %u: not %d", q->name, fd, answer);
    }
    fake_assert_bytes(b->f, OUT, want, sizeof want);
}

static void everything_else_is_answered_as_for_a_pipe(void **state)
{
    static const struct question questions[] = {
        {&preview1_fd, "fd_fdstat_get", {OUT}},
        {&preview1_fd, "fd_seek", {0, WASI_WHENCE_CUR, OUT}},
        {&preview1_fd, "fd_seek", {0, 17, OUT}},
        {&preview1_fd, "fd_tell", {OUT}},
        {&preview1_fd, "fd_fdstat_set_flags", {FDFLAG_APPEND}},
        {&preview1_fd, "fd_fdstat_set_flags", {FDFLAG_SYNC}},
        {&preview1_fd, "fd_fdstat_set_flags", {0}},
        {&preview1_fd, "fd_fdstat_set_rights", {0, 0}},
        {&preview1_fd, "fd_prestat_get", {OUT}},
        {&preview1_file, "fd_advise", {0, 0, 0}},
        {&preview1_file, "fd_datasync", {0}},
        {&preview1_file, "fd_sync", {0}},
        {&preview1_file, "fd_readdir", {BUF, 64, 0, OUT}},
    };
    struct bench *b = *state;
    int others[2];
    give_pipe(b, 2, O_RDONLY, &others[0]);
    give_pipe(b, 3, O_WRONLY, &others[1]);
    for (size_t i = 0; i < ARRAY_COUNT(questions); i++) {
        ask_both(b, &questions[i], 0);
        ask_both(b, &questions[i], 1);
    }
    close(others[0]);
    close(others[1]);
}

static void it_has_no_offset_to_read_or_write_at(void **state)
{
    struct bench *b = *state;
    assert_int_equal(fake_call(b->f, &preview1_file, "fd_allocate", 1, 0, 10), WASI_ESPIPE);
    assert_int_equal(fake_call(b->f, &preview1_file, "fd_filestat_set_size", 1, 4), WASI_EINVAL);
    fake_iov(b->f, IOV, BUF, 4);
    assert_int_equal(fake_call(b->f, &preview1_fd, "fd_pread", 0, IOV, 1, 0, OUT), WASI_ESPIPE);
    assert_int_equal(fake_call(b->f, &preview1_fd, "fd_pwrite", 1, IOV, 1, 0, OUT), WASI_ESPIPE);
}

static void its_file_is_of_no_known_type(void **state)
{
    struct bench *b = *state;
    fake_fill(b->f, OUT, 0xcc, WASI_FILESTAT_SIZE);
    assert_int_equal(fake_call(b->f, &preview1_file, "fd_filestat_get", 0, OUT), 0);
    assert_int_equal(fake_u8(b->f, OUT + WASI_FILESTAT_FILETYPE), FILETYPE_UNKNOWN);
    assert_int_equal(fake_u64(b->f, OUT + WASI_FILESTAT_FILESIZE), 0);
    assert_int_equal(fake_call(b->f, &preview1_file, "fd_filestat_set_times", 0, 0, 0, 0),
                     WASI_EINVAL);
}

static void it_can_be_renumbered(void **state)
{
    struct bench *b = *state;
    assert_int_equal(fake_call(b->f, &preview1_fd, "fd_renumber", 1, 0), 0);
    assert_int_equal(b->in.closed, 1);
    fake_iov(b->f, IOV, BUF, fake_text(b->f, BUF, "ab"));
    assert_int_equal(fake_call(b->f, &preview1_fd, "fd_write", 0, IOV, 1, OUT), 0);
    assert_int_equal(b->out.taken_len, 2);
    assert_int_equal(b->out.closed, 0);
}

/* -- who goes first --------------------------------------------------------------------------- */

static void the_guest_may_close_first(void **state)
{
    struct bench *b = *state;
    assert_int_equal(fake_call(b->f, &preview1_fd, "fd_close", 1), 0);
    assert_int_equal(b->out.closed, 1);
    guest_stream_ready(b->streams[1], LOOP_WRITE);
    detach(b, 1);
    assert_int_equal(guest_write(b, "x"), WASI_EBADF);
    assert_int_equal(b->out.closed, 1);
}

static void the_handler_may_go_first(void **state)
{
    struct bench *b = *state;
    offer(&b->in, "lost");
    detach(b, 0);
    detach(b, 1);
    assert_int_equal(guest_read(b, 10), 0);
    assert_int_equal(fake_u32(b->f, OUT), 0);
    assert_int_equal(guest_write(b, "x"), WASI_EPIPE);
    assert_int_equal(b->in.calls + b->out.calls, 0);
    assert_int_equal(fake_call(b->f, &preview1_fd, "fd_close", 1), 0);
    assert_int_equal(b->out.closed, 0);
}

static void hang_up_in(struct loop_timer *timer)
{
    detach(container_of(timer, struct bench, timer), 0);
}

static void a_waiting_guest_learns_that_the_handler_has_gone(void **state)
{
    struct bench *b = *state;
    later(b, hang_up_in);
    assert_int_equal(guest_read(b, 10), 0);
    assert_int_equal(fake_u32(b->f, OUT), 0);
    b->out.room = 0;
    later(b, hang_up);
    assert_int_equal(guest_write(b, "x"), WASI_EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_what_there_is_and_then_the_end),
        TEST(a_read_waits_for_bytes),
        TEST(a_nonblocking_read_does_not_wait),
        TEST(a_blocking_write_is_whole),
        TEST(a_nonblocking_write_is_as_much_as_fits),
        TEST(each_is_open_in_one_direction),
        TEST(its_errors_are_the_guests),
        TEST(poll_knows_what_the_handler_has),
        TEST(poll_ends_when_the_handler_goes),
        TEST(everything_else_is_answered_as_for_a_pipe),
        TEST(it_has_no_offset_to_read_or_write_at),
        TEST(its_file_is_of_no_known_type),
        TEST(it_can_be_renumbered),
        TEST(the_guest_may_close_first),
        TEST(the_handler_may_go_first),
        TEST(a_waiting_guest_learns_that_the_handler_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
