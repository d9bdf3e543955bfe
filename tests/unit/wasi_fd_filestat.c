/* fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t set_times(struct fake_files *x, uint32_t fd, uint64_t atim, uint64_t mtim,
                         uint32_t flags)
{
    return fake_call(x->f, &preview1_file, "fd_filestat_set_times", fd, (int64_t)atim,
                     (int64_t)mtim, flags);
}

static void get_has_these_bytes(void **state)
{
    struct fake_files *x = *state;
    struct stat st;
    const struct timespec times[2] = {{1, 2}, {1700000000, 999999999}};
    assert_int_equal(utimensat(x->root_fd, "ro/file", times, 0), 0);
    assert_int_equal(fstatat(x->root_fd, "ro/file", &st, 0), 0);
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    fake_fill(x->f, FILES_OUT, 0xcc, 72);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_get", fd, FILES_OUT), 0);
    uint8_t expect[72];
    memset(expect, 0xcc, sizeof expect);
    memset(expect, 0, 64);
    store_u64(expect, st.st_dev);
    store_u64(expect + 8, st.st_ino);
    expect[16] = 4;
    store_u64(expect + 24, 1);
    store_u64(expect + 32, 9);
    store_u64(expect + 40, 1000000002);
    store_u64(expect + 48, UINT64_C(1700000000999999999));
    store_u64(expect + 56, (uint64_t)st.st_ctim.tv_sec * 1000000000 + (uint64_t)st.st_ctim.tv_nsec);
    fake_assert_bytes(x->f, FILES_OUT, expect, sizeof expect);
}

static void times_before_1970_are_0(void **state)
{
    struct fake_files *x = *state;
    const struct timespec times[2] = {{-5, 0}, {-1, 999999999}};
    assert_int_equal(utimensat(x->root_fd, "ro/file", times, 0), 0);
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_get", fd, FILES_OUT), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT + WASI_FILESTAT_ATIM), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT + WASI_FILESTAT_MTIM), 0);
}

static void set_size_cuts_and_fills(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "abcdef");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_WRITE);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_set_size", fd, 3), 0);
    files_host_assert(x, "in/file", "abc");
    assert_int_equal(
        fake_call(x->f, &preview1_file, "fd_filestat_set_size", fd, INT64_C(0x100000001)), 0);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_get", fd, FILES_OUT), 0);
    assert_int_equal(fake_u64(x->f, FILES_OUT + WASI_FILESTAT_FILESIZE), INT64_C(0x100000001));
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_set_size", fd, -1), WASI_EFBIG);
}

static void set_size_refuses(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_set_size", fd, 0), WASI_EROFS);
    files_host_write(x, "in/file", "abc");
    fd = files_open(x, FILES_IN, "file", 0, FILES_READ);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_set_size", fd, 0), WASI_EBADF);
    assert_int_equal(fake_call(x->f, &preview1_file, "fd_filestat_set_size", FILES_IN, 0),
                     WASI_EBADF);
    files_host_assert(x, "ro/file", "read only");
    files_host_assert(x, "in/file", "abc");
}

static void set_times_sets_what_is_asked(void **state)
{
    struct fake_files *x = *state;
    struct stat st;
    files_host_write(x, "in/file", "");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_WRITE);
    assert_int_equal(set_times(x, fd, 5000000007, 9, WASI_FST_ATIM | WASI_FST_MTIM), 0);
    assert_int_equal(set_times(x, fd, 1, 6000000008, WASI_FST_MTIM), 0);
    assert_int_equal(fstatat(x->root_fd, "in/file", &st, 0), 0);
    assert_int_equal(st.st_atim.tv_sec, 5);
    assert_int_equal(st.st_atim.tv_nsec, 7);
    assert_int_equal(st.st_mtim.tv_sec, 6);
    assert_int_equal(st.st_mtim.tv_nsec, 8);
    time_t now = time(NULL);
    assert_int_equal(set_times(x, fd, 0, 0, WASI_FST_ATIM_NOW), 0);
    assert_int_equal(fstatat(x->root_fd, "in/file", &st, 0), 0);
    assert_true(st.st_atim.tv_sec >= now - 1);
    assert_int_equal(st.st_mtim.tv_sec, 6);
    assert_int_equal(set_times(x, FILES_IN, 0, 2000000000, WASI_FST_MTIM), 0);
    assert_int_equal(fstatat(x->root_fd, "in", &st, 0), 0);
    assert_int_equal(st.st_mtim.tv_sec, 2);
}

static void set_times_refuses(void **state)
{
    struct fake_files *x = *state;
    uint32_t fd = files_open(x, FILES_RO, "file", 0, FILES_READ);
    assert_int_equal(set_times(x, fd, 1, 1, WASI_FST_MTIM), WASI_EROFS);
    assert_int_equal(set_times(x, FILES_RO, 1, 1, WASI_FST_MTIM_NOW), WASI_EROFS);
    assert_int_equal(set_times(x, FILES_IN, 1, 1, WASI_FST_ATIM | WASI_FST_ATIM_NOW), WASI_EINVAL);
    assert_int_equal(set_times(x, FILES_IN, 1, 1, WASI_FST_MTIM | WASI_FST_MTIM_NOW), WASI_EINVAL);
    assert_int_equal(set_times(x, FILES_IN, 1, 1, 16), WASI_EINVAL);
    assert_int_equal(set_times(x, FILES_IN, 1, 1, 0x10001), WASI_EINVAL);
}

static void checks_every_argument(void **state)
{
    struct fake_files *x = *state;
    int64_t args[] = {FILES_IN, FILES_OUT, 0, 0};
    files_assert_faults(x, &preview1_file, "fd_filestat_get", args, 1, 64);
    files_assert_bad_fd(x, &preview1_file, "fd_filestat_get", args);
    files_assert_bad_fd(x, &preview1_file, "fd_filestat_set_size", args);
    files_assert_bad_fd(x, &preview1_file, "fd_filestat_set_times", args);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get_has_these_bytes),          TEST(times_before_1970_are_0),
        TEST(set_size_cuts_and_fills),      TEST(set_size_refuses),
        TEST(set_times_sets_what_is_asked), TEST(set_times_refuses),
        TEST(checks_every_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
