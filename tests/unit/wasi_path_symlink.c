/* path_symlink and path_readlink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t symlink_at(struct fake_files *x, const char *target, uint32_t fd, const char *path)
{
    uint32_t old_len = fake_text(x->f, FILES_PATH, target);
    uint32_t new_len = fake_text(x->f, FILES_PATH2, path);
    return fake_call(x->f, &preview1_path, "path_symlink", FILES_PATH, old_len, fd, FILES_PATH2,
                     new_len);
}

static int32_t readlink_at(struct fake_files *x, uint32_t fd, const char *path, uint32_t len)
{
    uint32_t path_len = fake_text(x->f, FILES_PATH, path);
    fake_fill(x->f, FILES_BUF, 0xcc, 64);
    return fake_call(x->f, &preview1_path, "path_readlink", fd, FILES_PATH, path_len, FILES_BUF,
                     len, FILES_OUT);
}

static void makes_a_link(void **state)
{
    struct fake_files *x = *state;
    char target[16];
    assert_int_equal(symlink_at(x, "a/b", FILES_IN, "link"), 0);
    assert_int_equal(readlinkat(x->root_fd, "in/link", target, sizeof target), 3);
    assert_memory_equal(target, "a/b", 3);
    assert_int_equal(symlink_at(x, "other", FILES_IN, "link"), WASI_EEXIST);
    assert_int_equal(symlink_at(x, "x", FILES_IN, "."), WASI_EEXIST);
    assert_int_equal(symlink_at(x, "x", FILES_IN, "no/link"), WASI_ENOENT);
    assert_int_equal(symlink_at(x, "", FILES_IN, "empty"), WASI_ENOENT);
}

static void trailing_slashes(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    files_host_write(x, "in/file", "");
    assert_int_equal(symlink_at(x, "x", FILES_IN, "new/"), WASI_ENOENT);
    assert_int_equal(symlink_at(x, "x", FILES_IN, "dir/"), WASI_EEXIST);
    assert_int_equal(symlink_at(x, "x", FILES_IN, "file/"), WASI_ENOTDIR);
    assert_int_equal(symlink_at(x, "dir/", FILES_IN, "link"), 0);
}

static void no_way_out(void **state)
{
    struct fake_files *x = *state;
    files_host_symlink(x, "../out", "in/door");
    assert_int_equal(symlink_at(x, "/etc", FILES_IN, "abs"), WASI_EPERM);
    assert_int_equal(symlink_at(x, "x", FILES_IN, "../out/link"), WASI_EPERM);
    assert_int_equal(symlink_at(x, "x", FILES_IN, "door/link"), WASI_EPERM);
    assert_int_equal(symlink_at(x, "x", FILES_RO, "link"), WASI_EROFS);
    assert_false(files_host_exists(x, "in/abs"));
    assert_false(files_host_exists(x, "out/link"));
    assert_int_equal(symlink_at(x, "../out/secret", FILES_IN, "rel"), 0); /* harmless: */
    uint32_t len = fake_text(x->f, FILES_PATH, "rel");
    assert_int_equal(fake_call(x->f, &preview1_path, "path_open", FILES_IN, 1, FILES_PATH, len, 0,
                               FILES_READ, 0, 0, FILES_OUT),
                     WASI_EPERM);
}

static void reads_a_link(void **state)
{
    struct fake_files *x = *state;
    files_host_symlink(x, "the/target", "in/link");
    assert_int_equal(readlink_at(x, FILES_IN, "link", 64), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 10);
    fake_assert_bytes(x->f, FILES_BUF, "the/target\xcc", 11);
    assert_int_equal(readlink_at(x, FILES_IN, "link", 4), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 4);
    fake_assert_bytes(x->f, FILES_BUF, "the/\xcc", 5);
    assert_int_equal(readlink_at(x, FILES_IN, "link", 0), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 0);
}

static void reads_nothing_else(void **state)
{
    struct fake_files *x = *state;
    files_host_symlink(x, "../out", "in/door");
    files_host_symlink(x, "secret", "out/link");
    assert_int_equal(readlink_at(x, FILES_RO, "file", 64), WASI_EINVAL);
    assert_int_equal(readlink_at(x, FILES_RO, ".", 64), WASI_EINVAL);
    assert_int_equal(readlink_at(x, FILES_RO, "gone", 64), WASI_ENOENT);
    assert_int_equal(readlink_at(x, FILES_IN, "door/link", 64), WASI_EPERM);
    assert_int_equal(readlink_at(x, FILES_IN, "../out/link", 64), WASI_EPERM);
}

static void checks_every_argument(void **state)
{
    struct fake_files *x = *state;
    int64_t make[] = {FILES_PATH, fake_text(x->f, FILES_PATH, "target"), FILES_IN, FILES_PATH2,
                      fake_text(x->f, FILES_PATH2, "link")};
    files_assert_faults(x, &preview1_path, "path_symlink", make, 0, 6);
    files_assert_faults(x, &preview1_path, "path_symlink", make, 3, 4);
    make[2] = 99;
    assert_int_equal(fake_call_row(x->f, &preview1_path, "path_symlink", NULL, make), WASI_EBADF);
    assert_false(files_host_exists(x, "in/link"));
    int64_t read[] = {FILES_IN, FILES_PATH2, 4, FILES_BUF, 16, FILES_OUT};
    files_host_symlink(x, "t", "in/link");
    files_assert_faults(x, &preview1_path, "path_readlink", read, 1, 4);
    files_assert_faults(x, &preview1_path, "path_readlink", read, 3, 16);
    files_assert_faults(x, &preview1_path, "path_readlink", read, 5, 4);
    files_assert_bad_fd(x, &preview1_path, "path_readlink", read);
    read[4] = UINT32_MAX;
    assert_int_equal(fake_call_row(x->f, &preview1_path, "path_readlink", NULL, read), WASI_EFAULT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_a_link), TEST(trailing_slashes),   TEST(no_way_out),
        TEST(reads_a_link), TEST(reads_nothing_else), TEST(checks_every_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
