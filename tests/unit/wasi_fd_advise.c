/* fd_advise, fd_allocate, fd_sync, fd_datasync. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/file.h"

static int32_t advise(struct fake_files *x, uint32_t fd, int64_t offset, int64_t len,
                      uint32_t advice)
{
    return fake_call(x->f, &preview1_file, "fd_advise", fd, offset, len, advice);
}

static int32_t allocate(struct fake_files *x, uint32_t fd, int64_t offset, int64_t len)
{
    return fake_call(x->f, &preview1_file, "fd_allocate", fd, offset, len);
}

static void advise_takes_all_six(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    for (uint32_t advice = 0; advice < 6; advice++) {
        assert_int_equal(advise(x, fd, 1, 4, advice), 0);
    }
    assert_int_equal(advise(x, fd, 0, 0, 6), WASI_EINVAL);
    assert_int_equal(advise(x, fd, 0, 0, UINT32_MAX), WASI_EINVAL);
    assert_int_equal(advise(x, fd, -1, 0, 0), WASI_EINVAL);
    assert_int_equal(advise(x, fd, 0, -1, 0), WASI_EINVAL);
    assert_int_equal(advise(x, FILES_IN, 0, 0, 0), WASI_EBADF);
}

static void allocate_makes_room(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_WRITE);
    int32_t e = allocate(x, fd, 10, 90);
    if (e == WASI_ENOTSUP) {
        skip(); /* not on this file system */
    }
    assert_int_equal(e, 0);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_get", fd, FILES_OUT), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT + WASI_FILESTAT_FILESIZE), 100);
}

static void allocate_refuses(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    uint32_t fd = files_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_WRITE);
    assert_int_equal(allocate(x, fd, 0, 0), WASI_EINVAL);
    assert_int_equal(allocate(x, fd, -1, 1), WASI_EINVAL);
    assert_int_equal(allocate(x, fd, 0, -1), WASI_EINVAL);
    assert_int_equal(allocate(x, fd, INT64_MAX, INT64_MAX), WASI_EFBIG);
    assert_int_equal(allocate(x, FILES_IN, 0, 1), WASI_EBADF);
    assert_int_equal(allocate(x, files_open(x, FILES_IN, "new", 0, FILES_READ), 0, 1), WASI_EBADF);
    assert_int_equal(allocate(x, files_open(x, FILES_RO, "file", 0, FILES_READ), 0, 1), WASI_EROFS);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(allocate(x, files_insert(x, ends[1], O_WRONLY, FILE_OWN), 0, 1), WASI_ESPIPE);
    close(ends[0]);
}

static void sync_works_on_files_and_directories(void **state)
{
    struct fake_files *x = *state;
    int ends[2];
    uint32_t fd = files_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_WRITE);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_sync", fd), 0);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_datasync", fd), 0);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_sync", FILES_IN), 0);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_datasync", FILES_IN), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fd = files_insert(x, ends[1], O_WRONLY, FILE_OWN);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_sync", fd), WASI_EINVAL);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_datasync", fd), WASI_EINVAL);
    close(ends[0]);
}

static void checks_every_number(void **state)
{
    struct fake_files *x = *state;
    int64_t args[] = {0, 0, 0, 0};
    files_assert_bad_fd(x, &preview1_file, "fd_advise", args);
    files_assert_bad_fd(x, &preview1_file, "fd_allocate", args);
    files_assert_bad_fd(x, &preview1_file, "fd_sync", args);
    files_assert_bad_fd(x, &preview1_file, "fd_datasync", args);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(advise_takes_all_six), TEST(allocate_makes_room),
        TEST(allocate_refuses),     TEST(sync_works_on_files_and_directories),
        TEST(checks_every_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
