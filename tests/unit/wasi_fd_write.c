/* fd_write: bytes out of iovecs, waiting for room, append, and bad pointers. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/file.h"

static void gathers_from_iovecs(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_WRITE);
    fake_text(x->f, FILES_BUF, "hello world");
    fake_iov(x->f, FILES_IOV, FILES_BUF + 6, 5);
    fake_iov(x->f, FILES_IOV + 8, FILES_BUF, 0);
    fake_iov(x->f, FILES_IOV + 16, FILES_BUF + 5, 1);
    fake_iov(x->f, FILES_IOV + 24, FILES_BUF, 5);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_write", fd, FILES_IOV, 4, FILES_OUT), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 11);
    files_host_assert(x, "in/new", "world hello");
}

static void nothing_is_written_for_a_bad_pointer(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_WRITE);
    fake_iov(x->f, FILES_IOV, FILES_BUF, 4);
    int64_t args[] = {fd, FILES_IOV, 1, FILES_OUT};
    files_assert_faults(x, &preview1_fd, "fd_write", args, 1, 8);
    files_assert_faults(x, &preview1_fd, "fd_write", args, 3, 4);
    files_assert_bad_fd(x, &preview1_fd, "fd_write", args);
    args[2] = 1u << 31;
    assert_int_equal(fake_call_row(x->f, &preview1_fd, "fd_write", NULL, args), WASI_EINVAL);
    fake_iov(x->f, FILES_IOV + 8, FAKE_MEMORY_LEN - 3, 4); /* the second one of two */
    args[2] = 2;
    assert_int_equal(fake_call_row(x->f, &preview1_fd, "fd_write", NULL, args), WASI_EFAULT);
    files_host_assert(x, "in/new", "");
}

static void refuses_what_is_not_writable(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(files_write(x, fd, "x"), WASI_EBADF);
    assert_int_equal(files_write(x, FILES_IN, "x"), WASI_EBADF);
    assert_int_equal(files_write(x, FILES_RO, "x"), WASI_EBADF);
    files_host_assert(x, "ro/file", "read only");
}

static void appends(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = 0;
    files_host_write(x, "in/log", "one ");
    assert_int_equal(files_try_open(x, FILES_IN, "log", 0, FILES_WRITE, FDFLAG_APPEND, &fd), 0);
    assert_int_equal(files_write(x, fd, "two "), 0);
    files_host_write(x, "in/log", "three ");
    assert_int_equal(files_write(x, fd, "four"), 0);
    files_host_assert(x, "in/log", "three four");
}

/* Fill a pipe, park the writer, empty the pipe. */
static void check_full_pipe(struct fake_files *x, int io)
{
    enum { CHUNK = 4096, PIPE_LEN = 65536 };
    int ends[2];
    uint8_t *bytes = calloc(1, PIPE_LEN);
    assert_non_null(bytes);
    assert_int_equal(pipe2(ends, O_CLOEXEC | (io == FILE_OWN ? O_NONBLOCK : 0)), 0);
    uint32_t fd = files_insert(x, ends[1], O_WRONLY, io);
    fake_iov(x->f, FILES_IOV, FILES_BUF, CHUNK);
    for (int i = 0; i < PIPE_LEN / CHUNK; i++) {
        assert_int_equal(fake_begin(x->f, &preview1_fd, "fd_write", fd, FILES_IOV, 1, FILES_OUT),
                         0);
        assert_int_equal(fake_u32(x->f, FILES_OUT), CHUNK);
    }
    fake_iov(x->f, FILES_IOV, FILES_BUF, 20000); /* more than one piece */
    fake_text(x->f, FILES_BUF, "late");
    assert_int_equal(fake_begin(x->f, &preview1_fd, "fd_write", fd, FILES_IOV, 1, FILES_OUT),
                     CALL_WAIT);
    assert_int_equal(read(ends[0], bytes, PIPE_LEN), PIPE_LEN);
    assert_int_equal(fake_finish(x->f), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 20000);
    assert_int_equal(read(ends[0], bytes, 4), 4);
    assert_memory_equal(bytes, "late", 4);
    close(ends[0]);
    assert_int_equal(files_write(x, fd, "x"), WASI_EPIPE);
    free(bytes);
}

static void waits_for_room(void **state)
{
    check_full_pipe(*state, FILE_OWN);
}

static void never_blocks_on_a_shared_pipe(void **state)
{
    check_full_pipe(*state, FILE_SHARED);
}

/* A guest that ignores short counts, as with a blocking write(2), must lose nothing. */
static void is_whole_when_it_may_wait(void **state)
{
    enum { WHOLE = 20000, ROOM = 4096 };
    struct fake_files *x = *state;
    int ends[2];
    uint8_t bytes[ROOM];
    uint32_t total = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, ROOM), ROOM);
    uint32_t fd = files_insert(x, ends[1], O_WRONLY, FILE_OWN);
    fake_iov(x->f, FILES_IOV, FILES_BUF, WHOLE);
    int32_t e = fake_begin(x->f, &preview1_fd, "fd_write", fd, FILES_IOV, 1, FILES_OUT);
    for (int i = 0; i < 100 && e == CALL_WAIT; i++) {
        ssize_t got = read(ends[0], bytes, sizeof bytes);
        total += got > 0 ? (uint32_t)got : 0;
        assert_int_equal(loop_turn(x->f->loop, 10), 0);
        if (x->f->guest.wait.is_due) {
            guest_wait_end(&x->f->guest);
            e = x->f->call.func->finish(&x->f->call);
        }
    }
    assert_int_equal(e, 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), WHOLE);
    ssize_t rest = read(ends[0], bytes, sizeof bytes);
    assert_int_equal(total + (uint32_t)rest, WHOLE);
    close(ends[0]);
}

static void says_again_when_asked_not_to_wait(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    uint32_t fd = files_insert(x, ends[1], O_WRONLY, FILE_OWN);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_fdstat_set_flags", fd, FDFLAG_NONBLOCK), 0);
    fake_iov(x->f, FILES_IOV, 0, FAKE_MEMORY_LEN);
    int32_t e = 0;
    for (int i = 0; i < 100 && e == 0; i++) {
        e = fake_call(x->f, &preview1_fd, "fd_write", fd, FILES_IOV, 1, FILES_OUT);
    }
    assert_int_equal(e, WASI_EAGAIN);
    close(ends[0]);
}

static void writes_to_a_socket_given_as_stdio(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    char bytes[8];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    uint32_t fd = files_insert(x, ends[0], O_RDWR, FILE_SOCKET);
    assert_int_equal(files_write(x, fd, "net"), 0);
    assert_int_equal(read(ends[1], bytes, sizeof bytes), 3);
    close(ends[1]);
    assert_int_equal(files_write(x, fd, "net"), WASI_EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gathers_from_iovecs),
        TEST(nothing_is_written_for_a_bad_pointer),
        TEST(refuses_what_is_not_writable),
        TEST(appends),
        TEST(waits_for_room),
        TEST(never_blocks_on_a_shared_pipe),
        TEST(is_whole_when_it_may_wait),
        TEST(says_again_when_asked_not_to_wait),
        TEST(writes_to_a_socket_given_as_stdio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
