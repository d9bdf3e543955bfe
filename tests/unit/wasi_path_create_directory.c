/* path_create_directory and path_remove_directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t create(struct fake_files *x, uint32_t fd, const char *path)
{
    return files_on_path(x, "path_create_directory", fd, path);
}

static int32_t remove_dir(struct fake_files *x, uint32_t fd, const char *path)
{
    return files_on_path(x, "path_remove_directory", fd, path);
}

static void makes_and_removes(void **state)
{
    struct fake_files *x = *state;
    assert_int_equal(create(x, FILES_IN, "dir"), 0);
    assert_int_equal(create(x, FILES_IN, "dir/sub/"), 0);
    assert_true(files_host_exists(x, "in/dir/sub"));
    assert_int_equal(create(x, FILES_IN, "dir"), WASI_EEXIST);
    assert_int_equal(remove_dir(x, FILES_IN, "dir"), WASI_ENOTEMPTY);
    assert_int_equal(remove_dir(x, FILES_IN, "dir/sub///"), 0);
    assert_int_equal(remove_dir(x, FILES_IN, "dir/../dir"), 0);
    assert_int_equal(remove_dir(x, FILES_IN, "dir"), WASI_ENOENT);
    assert_false(files_host_exists(x, "in/dir"));
}

static void dots_and_wrong_kinds(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "");
    files_host_mkdir(x, "in/dir");
    files_host_symlink(x, "dir", "in/link");
    assert_int_equal(create(x, FILES_IN, "."), WASI_EEXIST);
    assert_int_equal(create(x, FILES_IN, "dir/.."), WASI_EEXIST);
    assert_int_equal(create(x, FILES_IN, "file/dir"), WASI_ENOTDIR);
    assert_int_equal(create(x, FILES_IN, "no/dir"), WASI_ENOENT);
    assert_int_equal(create(x, FILES_IN, "link/"), WASI_EEXIST);
    assert_int_equal(remove_dir(x, FILES_IN, "."), WASI_EINVAL);
    assert_int_equal(remove_dir(x, FILES_IN, "file"), WASI_ENOTDIR);
    assert_int_equal(remove_dir(x, FILES_IN, "link"), WASI_ENOTDIR);
    assert_int_equal(remove_dir(x, FILES_IN, "link/"), WASI_ENOTDIR);
    assert_true(files_host_exists(x, "in/dir"));
}

static void nothing_leads_out(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "out/empty");
    files_host_symlink(x, "../out", "in/link");
    const char *paths[] = {"..",         "../out/empty",      "/tmp/x",
                           "link/empty", "link/../out/empty", "../in/x"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(create(x, FILES_IN, paths[i]), WASI_EPERM);
        assert_int_equal(remove_dir(x, FILES_IN, paths[i]), WASI_EPERM);
    }
    assert_true(files_host_exists(x, "out/empty"));
}

static void read_only_refuses(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "ro/empty");
    assert_int_equal(create(x, FILES_RO, "new"), WASI_EROFS);
    assert_int_equal(remove_dir(x, FILES_RO, "empty"), WASI_EROFS);
    uint32_t sub = files_open(x, FILES_RO, "sub", WASI_O_DIRECTORY, FILES_READ);
    assert_int_equal(create(x, sub, "new"), WASI_EROFS);
    assert_true(files_host_exists(x, "ro/empty"));
}

static void checks_every_argument(void **state)
{
    struct fake_files *x = *state;
    const char *names[] = {"path_create_directory", "path_remove_directory", "path_unlink_file"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t args[] = {FILES_IN, FILES_PATH, fake_text(x->f, FILES_PATH, "name")};
        files_assert_faults(x, &preview1_path, names[i], args, 1, 4);
        files_assert_bad_fd(x, &preview1_path, names[i], args);
        assert_int_equal(files_on_path(x, names[i], FILES_IN, ""), WASI_ENOENT);
        uint32_t file = files_open(x, FILES_RO, "file", 0, FILES_READ);
        assert_int_equal(files_on_path(x, names[i], file, "x"), WASI_ENOTDIR);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_and_removes), TEST(dots_and_wrong_kinds),  TEST(nothing_leads_out),
        TEST(read_only_refuses), TEST(checks_every_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
