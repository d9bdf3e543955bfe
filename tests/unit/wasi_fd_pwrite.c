/* fd_pwrite: at an offset, the file's own untouched, also in append mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t pwrite_at(struct fake_files *x, uint32_t fd, uint64_t offset, const char *text)
{
    fake_iov(x->f, FILES_IOV, FILES_BUF, fake_text(x->f, FILES_BUF, text));
    return fake_call(x->f, &preview1_fd, "fd_pwrite", fd, FILES_IOV, 1, (int64_t)offset, FILES_OUT);
}

static void writes_at_an_offset(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "abcdef");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_WRITE);
    assert_int_equal(pwrite_at(x, fd, 2, "XY"), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 2);
    assert_int_equal(files_write(x, fd, "0"), 0);
    files_host_assert(x, "in/file", "0bXYef");
}

static void goes_to_the_offset_in_append_mode(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = 0;
    files_host_write(x, "in/file", "abcdef");
    assert_int_equal(files_try_open(x, FILES_IN, "file", 0, FILES_WRITE, FDFLAG_APPEND, &fd), 0);
    assert_int_equal(pwrite_at(x, fd, 1, "X"), 0);
    assert_int_equal(files_write(x, fd, "end"), 0); /* still appends */
    files_host_assert(x, "in/file", "aXcdefend");
}

static void refuses_bad_arguments(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_WRITE);
    assert_int_equal(pwrite_at(x, fd, UINT64_MAX, "x"), WASI_EINVAL);
    assert_int_equal(pwrite_at(x, FILES_IN, 0, "x"), WASI_EBADF);
    uint32_t reader = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(pwrite_at(x, reader, 0, "x"), WASI_EBADF);
    fake_iov(x->f, FILES_IOV, FILES_BUF, 4);
    int64_t args[] = {fd, FILES_IOV, 1, 0, FILES_OUT};
    files_assert_faults(x, &preview1_fd, "fd_pwrite", args, 1, 8);
    files_assert_faults(x, &preview1_fd, "fd_pwrite", args, 4, 4);
    files_assert_bad_fd(x, &preview1_fd, "fd_pwrite", args);
    files_host_assert(x, "in/new", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_at_an_offset),
        TEST(goes_to_the_offset_in_append_mode),
        TEST(refuses_bad_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
