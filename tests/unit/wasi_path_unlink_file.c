/* path_unlink_file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t unlink_file(struct fake_files *x, uint32_t fd, const char *path)
{
    return files_on_path(x, "path_unlink_file", fd, path);
}

static void removes_files_and_links_themselves(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    files_host_write(x, "in/dir/file", "");
    files_host_symlink(x, "../out/secret", "in/link");
    assert_int_equal(unlink_file(x, FILES_IN, "dir/file"), 0);
    assert_int_equal(unlink_file(x, FILES_IN, "dir/file"), WASI_ENOENT);
    assert_int_equal(unlink_file(x, FILES_IN, "link"), 0); /* the link, not the secret */
    assert_false(files_host_exists(x, "in/link"));
    assert_true(files_host_exists(x, "out/secret"));
}

static void trailing_slashes_and_dots(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    files_host_write(x, "in/file", "");
    files_host_symlink(x, "file", "in/link");
    assert_int_equal(unlink_file(x, FILES_IN, "dir"), WASI_EISDIR);
    assert_int_equal(unlink_file(x, FILES_IN, "dir/"), WASI_EISDIR);
    assert_int_equal(unlink_file(x, FILES_IN, "file/"), WASI_ENOTDIR);
    assert_int_equal(unlink_file(x, FILES_IN, "link/"), WASI_ENOTDIR);
    assert_int_equal(unlink_file(x, FILES_IN, "no/"), WASI_ENOENT);
    assert_int_equal(unlink_file(x, FILES_IN, "."), WASI_EISDIR);
    assert_int_equal(unlink_file(x, FILES_IN, "file/."), WASI_ENOTDIR);
    assert_true(files_host_exists(x, "in/file"));
}

static void nothing_leads_out(void **state)
{
    struct fake_files *x = *state;
    files_host_symlink(x, "../out", "in/link");
    const char *paths[] = {"..", "../out/secret", "link/secret", "./../out/secret", "/etc/passwd"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(unlink_file(x, FILES_IN, paths[i]), WASI_EPERM);
    }
    assert_int_equal(unlink_file(x, FILES_RO, "file"), WASI_EROFS);
    assert_int_equal(unlink_file(x, FILES_RO, "sub/file"), WASI_EROFS);
    files_host_assert(x, "out/secret", "secret");
    files_host_assert(x, "ro/file", "read only");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(removes_files_and_links_themselves),
        TEST(trailing_slashes_and_dots),
        TEST(nothing_leads_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
