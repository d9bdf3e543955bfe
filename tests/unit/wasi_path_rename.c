/* path_rename: within and between directories, slashes, read-only on either side, no way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t rename_at(struct fake_files *x, uint32_t from, const char *old, uint32_t to,
                         const char *new)
{
    uint32_t old_len = fake_text(x->f, FILES_PATH, old);
    uint32_t new_len = fake_text(x->f, FILES_PATH2, new);
    return fake_call(x->f, &preview1_path, "path_rename", from, FILES_PATH, old_len, to,
                     FILES_PATH2, new_len);
}

static int32_t rename_in(struct fake_files *x, const char *old, const char *new)
{
    return rename_at(x, FILES_IN, old, FILES_IN, new);
}

static void moves_files_and_directories(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    files_host_write(x, "in/a", "a");
    files_host_write(x, "in/b", "b");
    assert_int_equal(rename_in(x, "a", "dir/c"), 0);
    files_host_assert(x, "in/dir/c", "a");
    assert_int_equal(rename_in(x, "b", "dir/c"), 0); /* replaces */
    files_host_assert(x, "in/dir/c", "b");
    uint32_t dir = files_open(x, FILES_IN, "dir", WASI_O_DIRECTORY, FILES_READ);
    assert_int_equal(rename_at(x, dir, "c", FILES_IN, "d"), 0);
    files_host_assert(x, "in/d", "b");
    assert_int_equal(rename_in(x, "dir", "moved"), 0);
    assert_int_equal(rename_in(x, "moved", "moved/sub"), WASI_EINVAL);
    assert_int_equal(rename_in(x, "gone", "x"), WASI_ENOENT);
    assert_int_equal(rename_in(x, "d", "moved"), WASI_EISDIR);
    assert_int_equal(rename_in(x, "moved", "d"), WASI_ENOTDIR);
}

static void trailing_slashes_are_for_directories(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    files_host_write(x, "in/file", "");
    files_host_symlink(x, "dir", "in/link");
    assert_int_equal(rename_in(x, "dir/", "dir2"), 0);
    assert_int_equal(rename_in(x, "dir2", "dir///"), 0);
    assert_int_equal(rename_in(x, "dir/", "dir2/"), 0);
    assert_int_equal(rename_in(x, "file/", "new"), WASI_ENOTDIR);
    assert_int_equal(rename_in(x, "file", "new/"), WASI_ENOTDIR);
    assert_int_equal(rename_in(x, "link/", "new"), WASI_ENOTDIR);
    assert_int_equal(rename_in(x, ".", "new"), WASI_EBUSY);
    assert_int_equal(rename_in(x, "dir2", "."), WASI_EBUSY);
    assert_int_equal(rename_in(x, "link", "link2"), 0); /* the link itself */
    assert_true(files_host_exists(x, "in/link2"));
}

static void read_only_on_either_side_refuses(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "mine");
    assert_int_equal(rename_at(x, FILES_RO, "file", FILES_IN, "stolen"), WASI_EROFS);
    assert_int_equal(rename_at(x, FILES_RO, "sub", FILES_IN, "stolen"), WASI_EROFS);
    assert_int_equal(rename_at(x, FILES_IN, "file", FILES_RO, "file"), WASI_EROFS);
    assert_int_equal(rename_at(x, FILES_RO, "file", FILES_RO, "other"), WASI_EROFS);
    uint32_t sub = files_open(x, FILES_RO, "sub", WASI_O_DIRECTORY, FILES_READ);
    assert_int_equal(rename_at(x, sub, "file", FILES_IN, "stolen"), WASI_EROFS);
    assert_int_equal(rename_at(x, FILES_IN, "file", sub, "file"), WASI_EROFS);
    files_host_assert(x, "ro/file", "read only");
    files_host_assert(x, "ro/sub/file", "deep");
    files_host_assert(x, "in/file", "mine");
}

static void nothing_leads_out(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "mine");
    files_host_symlink(x, "../out", "in/link");
    const char *paths[] = {"../out/secret", "link/secret", "/tmp/x", "..", "link/new"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(rename_in(x, "file", paths[i]), WASI_EPERM);
        assert_int_equal(rename_in(x, paths[i], "stolen"), WASI_EPERM);
    }
    files_host_assert(x, "out/secret", "secret");
    files_host_assert(x, "in/file", "mine");
}

static void checks_every_argument(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "mine");
    int64_t args[] = {FILES_IN, FILES_PATH,  fake_text(x->f, FILES_PATH, "file"),
                      FILES_IN, FILES_PATH2, fake_text(x->f, FILES_PATH2, "file2")};
    files_assert_faults(x, &preview1_path, "path_rename", args, 1, 4);
    files_assert_faults(x, &preview1_path, "path_rename", args, 4, 5);
    files_assert_bad_fd(x, &preview1_path, "path_rename", args);
    args[3] = 99;
    assert_int_equal(fake_call_row(x->f, &preview1_path, "path_rename", NULL, args), WASI_EBADF);
    assert_true(files_host_exists(x, "in/file"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(moves_files_and_directories),
        TEST(trailing_slashes_are_for_directories),
        TEST(read_only_on_either_side_refuses),
        TEST(nothing_leads_out),
        TEST(checks_every_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
