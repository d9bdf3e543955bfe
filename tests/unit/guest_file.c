/* stdio as files: what is reopened, what is shared, and that the host's own stays as it was. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/dir.h"
#include "guest/file.h"

static struct guest_file *stdio(struct fake_files *x, int host_fd)
{
    struct guest_file *f = NULL;
    assert_int_equal(guest_file_stdio(&x->f->guest, host_fd, &f), 0);
    assert_true(f->base.fd > 2 && f->base.fd != host_fd);
    assert_int_equal(fcntl(f->base.fd, F_GETFD), FD_CLOEXEC);
    return f;
}

static void a_pipe_becomes_non_blocking_for_us_alone(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    char byte;
    struct iovec iov = {&byte, 1};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct guest_file *in = stdio(x, ends[0]);
    struct guest_file *out = stdio(x, ends[1]);
    assert_int_equal(in->io, FILE_OWN);
    assert_true((fcntl(in->base.fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    assert_true(in->base.is_readable && !in->base.is_writable && in->read_only);
    assert_true(!out->base.is_readable && out->base.is_writable && !out->read_only);
    assert_int_equal(in->base.ops->read(&in->base, &iov, 1), -EAGAIN);
    assert_int_equal(out->base.ops->write(&out->base, &iov, 1), 1);
    assert_int_equal(in->base.ops->read(&in->base, &iov, 1), 1);
    descriptor_unref(&in->base);
    descriptor_unref(&out->base);
    assert_int_equal(write(ends[1], "x", 1), 1); /* the host's own are still open */
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
}

static void a_regular_file_shares_its_offset(void **state)
{
    struct fake_files *x = *state;
    char bytes[4];
    struct iovec iov = {bytes, 4};
    int host = openat(x->root_fd, "ro/file", O_RDONLY | O_CLOEXEC);
    struct guest_file *f = stdio(x, host);
    assert_int_equal(f->io, FILE_SHARED);
    assert_true(f->base.always_ready && f->is_seekable && !f->is_terminal);
    assert_int_equal(f->base.ops->read(&f->base, &iov, 1), 4);
    assert_int_equal(lseek(host, 0, SEEK_CUR), 4); /* the next process goes on from here */
    assert_int_equal(guest_file_set_size(f, 0), -EROFS);
    assert_int_equal(f->base.ops->set_flags(&f->base, FDFLAG_APPEND), -EINVAL);
    descriptor_unref(&f->base);
    host = openat(x->root_fd, "in/log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    f = stdio(x, host);
    assert_int_equal(f->base.fdflags, FDFLAG_APPEND);
    assert_int_equal(f->base.ops->set_flags(&f->base, FDFLAG_APPEND | FDFLAG_NONBLOCK), 0);
    assert_int_equal(fcntl(host, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND);
    descriptor_unref(&f->base);
    close(host);
}

static void a_terminal_is_one(void **state)
{
    struct fake_files *x = *state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct guest_file *f = stdio(x, slave);
    assert_int_equal(f->io, FILE_OWN);
    assert_true(f->is_terminal && !f->is_seekable);
    assert_int_equal(f->base.filetype, FILETYPE_CHARACTER_DEVICE);
    assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
    /* Opening the master side anew would make another terminal. */
    struct guest_file *m = stdio(x, master);
    char bytes[8];
    struct iovec iov = {bytes, sizeof bytes};
    assert_int_equal(m->io, FILE_SHARED);
    assert_int_equal(m->base.ops->read(&m->base, &iov, 1), -EAGAIN);
    assert_int_equal(write(slave, "hi", 2), 2);
    assert_int_equal(m->base.ops->read(&m->base, &iov, 1), 2);
    descriptor_unref(&f->base);
    descriptor_unref(&m->base);
    close(slave);
    close(master);
}

static void a_socket_does_not_block(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    char bytes[8];
    struct iovec iov = {bytes, sizeof bytes};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct guest_file *f = stdio(x, ends[0]);
    assert_int_equal(f->io, FILE_SOCKET);
    assert_int_equal(f->base.filetype, FILETYPE_SOCKET_STREAM);
    assert_int_equal(f->base.ops->read(&f->base, &iov, 1), -EAGAIN);
    assert_int_equal(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0);
    descriptor_unref(&f->base);
    close(ends[0]);
    close(ends[1]);
}

static void dev_null_is_always_ready(void **state)
{
    struct fake_files *x = *state;
    char byte;
    struct iovec iov = {&byte, 1};
    int host = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct guest_file *f = stdio(x, host);
    assert_true(f->base.always_ready && !f->is_terminal);
    assert_int_equal(f->base.ops->read(&f->base, &iov, 1), 0);
    assert_int_equal(f->base.ops->write(&f->base, &iov, 1), 1);
    descriptor_unref(&f->base);
    close(host);
}

static void a_closed_one_is_an_error(void **state)
{
    struct fake_files *x = *state;
    struct guest_file *f = NULL;
    assert_int_equal(guest_file_stdio(&x->f->guest, 999, &f), -EBADF);
    assert_null(f);
}

static void a_preopen_that_cannot_be_says_why(void **state)
{
    struct dir_source source = {.fd = -1};
    struct error err = {0};
    (void)state;
    assert_int_equal(dir_source_open("/no/such", "/", false, &source, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/no/such"));
    assert_int_equal(dir_source_open("/dev/null", "/", false, &source, &err), -ENOTDIR);
    assert_true(source.fd == -1 && source.guest_path == NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pipe_becomes_non_blocking_for_us_alone),
        TEST(a_regular_file_shares_its_offset),
        TEST(a_terminal_is_one),
        TEST(a_socket_does_not_block),
        TEST(dev_null_is_always_ready),
        TEST(a_closed_one_is_an_error),
        TEST(a_preopen_that_cannot_be_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
