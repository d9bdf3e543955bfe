/* fd_close and fd_renumber. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t renumber(struct fake_files *x, uint32_t from, uint32_t to)
{
    return fake_call(x->f, &preview1_fd, "fd_renumber", from, to);
}

static void close_frees_the_number(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(fd, 0); /* the lowest free one: this guest has no stdio */
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_close", fd), 0);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_close", fd), WASI_EBADF);
    assert_int_equal(files_read(x, fd, 1), WASI_EBADF);
    assert_int_equal(files_open(x, FILES_RO, "file", 0, FILES_READ), fd);
    int64_t args[] = {0};
    files_assert_bad_fd(x, &preview1_fd, "fd_close", args);
}

static void close_works_on_preopens(void **state)
{
    struct fake_files *x = *state;
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_close", FILES_RO), 0);
    assert_int_equal(files_on_path(x, "path_unlink_file", FILES_RO, "file"), WASI_EBADF);
}

static void renumber_replaces_what_was_there(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/a", "aa");
    files_host_write(x, "in/b", "bb");
    uint32_t a = files_open(x, FILES_IN, "a", 0, FILES_READ);
    uint32_t b = files_open(x, FILES_IN, "b", 0, FILES_READ);
    assert_int_equal(renumber(x, a, b), 0);
    assert_int_equal(files_read(x, a, 1), WASI_EBADF);
    assert_int_equal(files_read(x, b, 2), 0);
    fake_assert_bytes(x->f, FILES_BUF, "aa", 2);
    assert_int_equal(files_open(x, FILES_IN, "b", 0, FILES_READ), a);
}

static void renumber_to_itself_changes_nothing(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(renumber(x, fd, fd), 0);
    assert_int_equal(files_read(x, fd, 4), 0);
}

static void renumber_wants_both_open(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(renumber(x, fd, 20), WASI_EBADF);
    assert_int_equal(renumber(x, 20, fd), WASI_EBADF);
    assert_int_equal(renumber(x, 20, 20), WASI_EBADF);
    assert_int_equal(renumber(x, fd, UINT32_MAX), WASI_EBADF);
    assert_int_equal(renumber(x, UINT32_MAX, fd), WASI_EBADF);
    assert_int_equal(files_read(x, fd, 4), 0);
}

static void renumber_moves_preopens_and_their_marks(void **state)
{
    struct fake_files *x = *state;
    assert_int_equal(renumber(x, FILES_RO, FILES_IN), 0); /* 3 is now the read-only one */
    assert_int_equal(files_on_path(x, "path_unlink_file", FILES_IN, "file"), WASI_EROFS);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_prestat_get", FILES_IN, FILES_OUT), 0);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_prestat_get", FILES_RO, FILES_OUT),
                     WASI_EBADF);
    assert_int_equal(fake_call(x->f, &preview1_fd, "fd_prestat_dir_name", FILES_IN, FILES_BUF, 3),
                     0);
    fake_assert_bytes(x->f, FILES_BUF, "/ro", 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(close_frees_the_number),           TEST(close_works_on_preopens),
        TEST(renumber_replaces_what_was_there), TEST(renumber_to_itself_changes_nothing),
        TEST(renumber_wants_both_open),         TEST(renumber_moves_preopens_and_their_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
