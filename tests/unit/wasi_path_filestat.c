/* path_filestat_get and path_filestat_set_times. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t stat_at(struct fake_files *x, uint32_t fd, uint32_t flags, const char *path)
{
    uint32_t len = fake_text(x->f, FILES_PATH, path);
    return fake_call(x->f, &preview1_path, "path_filestat_get", fd, flags, FILES_PATH, len,
                     FILES_OUT);
}

static int32_t set_times(struct fake_files *x, uint32_t fd, uint32_t flags, const char *path,
                         uint32_t fst_flags)
{
    uint32_t len = fake_text(x->f, FILES_PATH, path);
    return fake_call(x->f, &preview1_path, "path_filestat_set_times", fd, flags, FILES_PATH, len,
                     INT64_C(5000000006), INT64_C(7000000008), fst_flags);
}

static uint8_t filetype(const struct fake_files *x)
{
    return fake_u8(x->f, FILES_OUT + WASI_FILESTAT_FILETYPE);
}

static void get_follows_when_asked(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    files_host_symlink(x, "dir", "in/link");
    assert_int_equal(stat_at(x, FILES_RO, 0, "file"), 0);
    assert_int_equal(filetype(x), FILETYPE_REGULAR_FILE);
    assert_int_equal(fake_u64(x->f, FILES_OUT + WASI_FILESTAT_FILESIZE), 9);
    assert_int_equal(stat_at(x, FILES_IN, 0, "link"), 0);
    assert_int_equal(filetype(x), FILETYPE_SYMBOLIC_LINK);
    assert_int_equal(stat_at(x, FILES_IN, 1, "link"), 0);
    assert_int_equal(filetype(x), FILETYPE_DIRECTORY);
    assert_int_equal(stat_at(x, FILES_IN, 0, "link/"), 0); /* POSIX: a slash follows */
    assert_int_equal(filetype(x), FILETYPE_DIRECTORY);
    assert_int_equal(stat_at(x, FILES_IN, 0, "."), 0);
    assert_int_equal(filetype(x), FILETYPE_DIRECTORY);
    assert_int_equal(stat_at(x, FILES_RO, 0, "file/"), WASI_ENOTDIR);
    assert_int_equal(stat_at(x, FILES_RO, 0, "gone"), WASI_ENOENT);
    assert_int_equal(stat_at(x, FILES_RO, 2, "file"), WASI_EINVAL);
}

static void get_does_not_look_outside(void **state)
{
    struct fake_files *x = *state;
    files_host_symlink(x, "../out/secret", "in/link");
    files_host_symlink(x, "../out", "in/door");
    assert_int_equal(stat_at(x, FILES_IN, 1, "link"), WASI_EPERM);
    assert_int_equal(stat_at(x, FILES_IN, 0, "door/"), WASI_EPERM);
    assert_int_equal(stat_at(x, FILES_IN, 0, "door/secret"), WASI_EPERM);
    assert_int_equal(stat_at(x, FILES_IN, 0, ".."), WASI_EPERM);
    assert_int_equal(stat_at(x, FILES_IN, 0, "/etc/passwd"), WASI_EPERM);
    assert_int_equal(stat_at(x, FILES_IN, 0, "link"), 0); /* the link itself is inside */
}

static void set_times_follows_when_asked(void **state)
{
    struct fake_files *x = *state;
    struct stat file;
    struct stat link;
    files_host_write(x, "in/file", "");
    files_host_symlink(x, "file", "in/link");
    assert_int_equal(set_times(x, FILES_IN, 0, "link", WASI_FST_MTIM), 0);
    assert_int_equal(fstatat(x->root_fd, "in/file", &file, 0), 0);
    assert_int_equal(fstatat(x->root_fd, "in/link", &link, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(link.st_mtim.tv_sec, 7);
    assert_int_equal(link.st_mtim.tv_nsec, 8);
    assert_true(file.st_mtim.tv_sec > 1000);
    assert_int_equal(set_times(x, FILES_IN, 1, "link", WASI_FST_ATIM | WASI_FST_MTIM), 0);
    assert_int_equal(fstatat(x->root_fd, "in/file", &file, 0), 0);
    assert_int_equal(file.st_atim.tv_sec, 5);
    assert_int_equal(file.st_atim.tv_nsec, 6);
    assert_int_equal(file.st_mtim.tv_sec, 7);
}

static void set_times_refuses(void **state)
{
    struct fake_files *x = *state;
    files_host_symlink(x, "../out/secret", "in/link");
    assert_int_equal(set_times(x, FILES_RO, 0, "file", WASI_FST_MTIM), WASI_EROFS);
    assert_int_equal(set_times(x, FILES_RO, 0, ".", WASI_FST_MTIM_NOW), WASI_EROFS);
    assert_int_equal(set_times(x, FILES_IN, 1, "link", WASI_FST_MTIM), WASI_EPERM);
    assert_int_equal(set_times(x, FILES_IN, 0, "../out/secret", WASI_FST_MTIM), WASI_EPERM);
    assert_int_equal(set_times(x, FILES_IN, 0, ".", WASI_FST_MTIM | WASI_FST_MTIM_NOW),
                     WASI_EINVAL);
    assert_int_equal(set_times(x, FILES_IN, 0, ".", 16), WASI_EINVAL);
    assert_int_equal(set_times(x, FILES_IN, 4, ".", WASI_FST_MTIM), WASI_EINVAL);
}

static void checks_every_argument(void **state)
{
    struct fake_files *x = *state;
    int64_t get[] = {FILES_RO, 0, FILES_PATH, fake_text(x->f, FILES_PATH, "file"), FILES_OUT};
    files_assert_faults(x, &preview1_path, "path_filestat_get", get, 2, 4);
    files_assert_faults(x, &preview1_path, "path_filestat_get", get, 4, 64);
    files_assert_bad_fd(x, &preview1_path, "path_filestat_get", get);
    int64_t set[] = {FILES_IN, 0, FILES_PATH, 4, 0, 0, 0};
    files_assert_faults(x, &preview1_path, "path_filestat_set_times", set, 2, 4);
    files_assert_bad_fd(x, &preview1_path, "path_filestat_set_times", set);
    get[1] = 2;
    files_assert_bad_fd(x, &preview1_path, "path_filestat_get", get);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get_follows_when_asked),       TEST(get_does_not_look_outside),
        TEST(set_times_follows_when_asked), TEST(set_times_refuses),
        TEST(checks_every_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
