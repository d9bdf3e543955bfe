/* fd_read: bytes into iovecs, waiting on pipes, and all the ways to get the pointers wrong. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/file.h"

static void scatters_into_iovecs(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "abcdefgh");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_READ);
    fake_fill(x->f, FILES_BUF, 0xcc, 32);
    fake_iov(x->f, FILES_IOV, FILES_BUF, 3);
    fake_iov(x->f, FILES_IOV + 8, 0xfffffff0, 0); /* nothing at a bad place: still outside */
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 2, FILES_OUT),
                     WASI_EFAULT);
    fake_iov(x->f, FILES_IOV + 8, FAKE_MEMORY_LEN, 0);
    fake_iov(x->f, FILES_IOV + 16, FILES_BUF + 8, 10);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 3, FILES_OUT), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 8);
    fake_assert_bytes(x->f, FILES_BUF,
                      "abc\xcc\xcc\xcc\xcc\xcc"
                      "defgh\xcc",
                      14);
    assert_int_equal(files_read(x, fd, 10), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 0);
}

static void nothing_is_read_for_a_bad_pointer(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "abcdefgh");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_READ);
    fake_iov(x->f, FILES_IOV, FILES_BUF, 4);
    int64_t args[] = {fd, FILES_IOV, 1, FILES_OUT};
    files_assert_faults(x, &preview1_fd, "fd_read", args, 1, 8);
    files_assert_faults(x, &preview1_fd, "fd_read", args, 3, 4);
    files_assert_bad_fd(x, &preview1_fd, "fd_read", args);
    const uint32_t counts[] = {1025, 1u << 29, (1u << 29) + 1, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        args[2] = counts[i];
        assert_int_equal(fake_call_row(x->f, &preview1_fd, "fd_read", NULL, args), WASI_EINVAL);
    }
    fake_iov(x->f, FILES_IOV, FAKE_MEMORY_LEN - 1, 2);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 1, FILES_OUT),
                     WASI_EFAULT);
    fake_iov(x->f, FILES_IOV, 16, UINT32_MAX);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 1, FILES_OUT),
                     WASI_EFAULT);
    assert_int_equal(files_read(x, fd, 8), 0); /* all of it is still there */
    fake_assert_bytes(x->f, FILES_BUF, "abcdefgh", 8);
}

static void may_read_over_its_own_iovecs(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "0123456789abcdefXYZ");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_READ);
    fake_iov(x->f, FILES_IOV, FILES_IOV, 16);
    fake_iov(x->f, FILES_IOV + 8, FILES_IOV + 16, 3);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 2, FILES_IOV + 4), 0);
    fake_assert_bytes(x->f, FILES_IOV,
                      "0123\x13\0\0\0"
                      "89abcdefXYZ",
                      19);
}

static void takes_1024_iovecs(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "ab");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_READ);
    for (uint32_t i = 0; i < 1024; i++) {
        fake_iov(x->f, FILES_BUF + i * 8, FILES_OUT + 16 + i, 1);
    }
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_read", fd, FILES_BUF, 1024, FILES_OUT), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 2);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_read", fd, FILES_BUF, 0, FILES_OUT), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 0);
}

static void refuses_what_is_not_readable(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "ab");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_WRITE);
    assert_int_equal(files_read(x, fd, 4), WASI_EBADF);
    assert_int_equal(files_read(x, FILES_IN, 4), WASI_EISDIR);
}

/* A pipe whose reading end the guest has. */
static uint32_t pipe_for_guest(struct fake_files *x, int io, int *ret_writer)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | (io == FILE_OWN ? O_NONBLOCK : 0)), 0);
    *ret_writer = ends[1];
    return files_insert(x, ends[0], O_RDONLY, io);
}

static void waits_for_a_pipe(void **state)
{
    struct fake_files *x = *state;
    for (int io = FILE_OWN; io <= FILE_SHARED; io++) {
        int writer = -1;
        uint32_t fd = pipe_for_guest(x, io, &writer);
        fake_iov(x->f, FILES_IOV, FILES_BUF, 8);
        assert_int_equal(fake_begin(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 1, FILES_OUT),
                         CALL_WAIT);
        assert_int_equal(write(writer, "late", 4), 4);
        assert_int_equal(fake_finish(x->f), 0);
        assert_int_equal(x->f->waits, 1);
        assert_int_equal(fake_u32(x->f, FILES_OUT), 4);
        fake_assert_bytes(x->f, FILES_BUF, "late", 4);
        assert_int_equal(fake_begin(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 1, FILES_OUT),
                         CALL_WAIT);
        close(writer);
        assert_int_equal(fake_finish(x->f), 0);
        assert_int_equal(fake_u32(x->f, FILES_OUT), 0); /* the end */
    }
}

static void says_again_when_asked_not_to_wait(void **state)
{
    struct fake_files *x = *state;
    int writer = -1;
    uint32_t fd = pipe_for_guest(x, FILE_OWN, &writer);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_fdstat_set_flags", fd, FDFLAG_NONBLOCK), 0);
    assert_int_equal(files_read(x, fd, 8), WASI_EAGAIN);
    assert_int_equal(write(writer, "x", 1), 1);
    assert_int_equal(files_read(x, fd, 8), 0);
    close(writer);
}

static void waits_for_ever_without_a_word(void **state)
{
    struct fake_files *x = *state;
    int writer = -1;
    uint32_t fd = pipe_for_guest(x, FILE_SHARED, &writer);
    x->f->max_wait_ms = 30;
    assert_int_equal(files_read(x, fd, 8), FAKE_STILL_WAITING);
    close(writer);
}

static void reads_a_socket_given_as_stdio(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    uint32_t fd = files_insert(x, ends[0], O_RDWR, FILE_SOCKET);
    fake_iov(x->f, FILES_IOV, FILES_BUF, 8);
    assert_int_equal(fake_begin(x->f, &preview1_fd, "fd_read", fd, FILES_IOV, 1, FILES_OUT),
                     CALL_WAIT);
    assert_int_equal(write(ends[1], "net", 3), 3);
    assert_int_equal(fake_finish(x->f), 0);
    fake_assert_bytes(x->f, FILES_BUF, "net", 3);
    close(ends[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(scatters_into_iovecs),
        TEST(nothing_is_read_for_a_bad_pointer),
        TEST(may_read_over_its_own_iovecs),
        TEST(takes_1024_iovecs),
        TEST(refuses_what_is_not_readable),
        TEST(waits_for_a_pipe),
        TEST(says_again_when_asked_not_to_wait),
        TEST(waits_for_ever_without_a_word),
        TEST(reads_a_socket_given_as_stdio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
