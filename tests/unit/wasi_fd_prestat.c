/* fd_prestat_get and fd_prestat_dir_name: what the C libraries scan from 3 on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/socket.h"

static int32_t prestat(struct fake_files *x, uint32_t fd)
{
    fake_fill(x->f, FILES_OUT, 0xcc, 12);
    return fake_call(x->f, &preview1_fd, "fd_prestat_get", fd, FILES_OUT);
}

static int32_t dir_name(struct fake_files *x, uint32_t fd, uint32_t len)
{
    fake_fill(x->f, FILES_BUF, 0xcc, 16);
    return fake_call(x->f, &preview1_fd, "fd_prestat_dir_name", fd, FILES_BUF, len);
}

static void a_directory_has_tag_0_and_its_name(void **state)
{
    struct fake_files *x = *state;
    assert_int_equal(prestat(x, FILES_IN), 0);
    fake_assert_bytes(x->f, FILES_OUT, "\0\0\0\0\x03\0\0\0\xcc", 9);
    assert_int_equal(dir_name(x, FILES_IN, 3), 0);
    fake_assert_bytes(x->f, FILES_BUF, "/in\xcc", 4);
    assert_int_equal(dir_name(x, FILES_IN, 10), 0);
    fake_assert_bytes(x->f, FILES_BUF, "/in\xcc", 4);
}

static void a_short_buffer_gets_nothing(void **state)
{
    struct fake_files *x = *state;
    assert_int_equal(dir_name(x, FILES_IN, 2), WASI_ENAMETOOLONG);
    assert_int_equal(dir_name(x, FILES_IN, 0), WASI_ENAMETOOLONG);
    fake_assert_bytes(x->f, FILES_BUF, "\xcc", 1);
}

static void anything_else_is_a_bad_number(void **state)
{
    struct fake_files *x = *state;
    uint32_t file = files_open(x, FILES_RO, "file", 0, FILES_READ);
    uint32_t dir = files_open(x, FILES_RO, "sub", 0, FILES_READ);
    assert_int_equal(prestat(x, file), WASI_EBADF);
    assert_int_equal(prestat(x, dir), WASI_EBADF);
    assert_int_equal(prestat(x, 5), WASI_EBADF);
    assert_int_equal(dir_name(x, dir, 10), WASI_EBADF);
}

static void a_listener_has_tag_1_and_no_name(void **state)
{
    struct fake_files *x = *state;
    int host = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct guest_socket *s = NULL;
    uint32_t fd = 0;
    assert_int_equal(
        guest_socket_wrap(&x->f->guest, host, AF_UNIX, SOCK_STREAM, SOCKET_LISTENING, &s), 0);
    assert_int_equal(fd_table_insert(&x->f->guest.fds, &s->base, 0, &fd), 0);
    assert_int_equal(prestat(x, fd), WASI_EBADF); /* a guest's own one */
    s->base.is_preopen = true;
    assert_int_equal(prestat(x, fd), 0);
    fake_assert_bytes(x->f, FILES_OUT, "\x01\0\0\0\0\0\0\0\xcc", 9);
    assert_int_equal(dir_name(x, fd, 0), 0);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_fdstat_get", fd, FILES_OUT), 0);
    fake_assert_bytes(x->f, FILES_OUT,
                      "\x06\0\0\0\0\0\0\0\x4a\0\x20\x28\0\0\0\0\x4a\0\x20\x18\0\0\0\0", 24);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_get", fd, FILES_BUF), 0);
    assert_int_equal(fake_u8(x->f, FILES_BUF + WASI_FILESTAT_FILETYPE), FILETYPE_SOCKET_STREAM);
    assert_int_equal(fake_u64(x->f, FILES_BUF + WASI_FILESTAT_INO), 0);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_seek", fd, 0, 0, FILES_OUT), WASI_ESPIPE);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_set_size", fd, 0), WASI_EINVAL);
    assert_int_equal(files_on_path(x, "path_unlink_file", fd, "x"), WASI_ENOTDIR);
}

static void checks_every_pointer(void **state)
{
    struct fake_files *x = *state;
    int64_t get[] = {FILES_IN, FILES_OUT};
    files_assert_faults(x, &preview1_fd, "fd_prestat_get", get, 1, 8);
    files_assert_bad_fd(x, &preview1_fd, "fd_prestat_get", get);
    int64_t name[] = {FILES_IN, FILES_BUF, 3};
    files_assert_faults(x, &preview1_fd, "fd_prestat_dir_name", name, 1, 3);
    files_assert_bad_fd(x, &preview1_fd, "fd_prestat_dir_name", name);
    name[2] = UINT32_MAX;
    assert_int_equal(fake_call_row(x->f, &preview1_fd, "fd_prestat_dir_name", NULL, name),
                     WASI_EFAULT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_directory_has_tag_0_and_its_name),
        TEST(a_short_buffer_gets_nothing),
        TEST(anything_else_is_a_bad_number),
        TEST(a_listener_has_tag_1_and_no_name),
        TEST(checks_every_pointer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
