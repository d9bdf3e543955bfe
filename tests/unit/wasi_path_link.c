/* path_link: hard links, never through a symbolic one, never out of a read-only preopen. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fake_files.h"

static int32_t link_at(struct fake_files *x, uint32_t from, const char *old, uint32_t to,
                       const char *new)
{
    uint32_t old_len = fake_text(x->f, FILES_PATH, old);
    uint32_t new_len = fake_text(x->f, FILES_PATH2, new);
    return fake_call(x->f, &preview1_path, "path_link", from, 0, FILES_PATH, old_len, to,
                     FILES_PATH2, new_len);
}

static int32_t link_in(struct fake_files *x, const char *old, const char *new)
{
    return link_at(x, FILES_IN, old, FILES_IN, new);
}

static void gives_a_second_name(void **state)
{
    struct fake_files *x = *state;
    struct stat st;
    files_host_mkdir(x, "in/dir");
    files_host_write(x, "in/file", "mine");
    assert_int_equal(link_in(x, "file", "dir/second"), 0);
    files_host_assert(x, "in/dir/second", "mine");
    assert_int_equal(fstatat(x->root_fd, "in/file", &st, 0), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(link_in(x, "file", "dir/second"), WASI_EEXIST);
    assert_int_equal(link_in(x, "gone", "x"), WASI_ENOENT);
    assert_int_equal(link_in(x, "dir", "x"), WASI_EPERM);
    assert_int_equal(link_in(x, "dir/", "x"), WASI_EPERM);
    assert_int_equal(link_in(x, "file/", "x"), WASI_ENOTDIR);
    assert_int_equal(link_in(x, "file", "x/"), WASI_ENOENT);
    assert_int_equal(link_in(x, "file", "dir/"), WASI_EEXIST);
    assert_int_equal(link_in(x, "file", "."), WASI_EEXIST);
}

static void a_symbolic_link_is_linked_itself(void **state)
{
    struct fake_files *x = *state;
    struct stat st;
    files_host_symlink(x, "../out/secret", "in/link");
    assert_int_equal(link_in(x, "link", "second"), 0);
    assert_int_equal(fstatat(x->root_fd, "in/second", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(fstatat(x->root_fd, "out/secret", &st, 0), 0);
    assert_int_equal(st.st_nlink, 1);
}

static void following_is_refused(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "mine");
    for (uint32_t flags = 1; flags <= 2; flags++) {
        int64_t args[] = {FILES_IN,
                          flags,
                          FILES_PATH,
                          fake_text(x->f, FILES_PATH, "file"),
                          FILES_IN,
                          FILES_PATH2,
                          fake_text(x->f, FILES_PATH2, "new")};
        assert_int_equal(fake_call_row(x->f, &preview1_path, "path_link", NULL, args), WASI_EINVAL);
    }
    assert_false(files_host_exists(x, "in/new"));
}

/* A writable name of a read-only file would be a way to write it. */
static void read_only_refuses_as_source_and_target(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "mine");
    uint32_t sub = files_open(x, FILES_RO, "sub", WASI_O_DIRECTORY, FILES_READ);
    assert_int_equal(link_at(x, FILES_RO, "file", FILES_IN, "stolen"), WASI_EROFS);
    assert_int_equal(link_at(x, sub, "file", FILES_IN, "stolen"), WASI_EROFS);
    assert_int_equal(link_at(x, FILES_IN, "file", FILES_RO, "new"), WASI_EROFS);
    assert_int_equal(link_at(x, FILES_RO, "file", FILES_RO, "new"), WASI_EROFS);
    assert_false(files_host_exists(x, "in/stolen"));
    assert_false(files_host_exists(x, "ro/new"));
}

static void nothing_leads_out(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "mine");
    files_host_symlink(x, "../out", "in/link");
    const char *paths[] = {"../out/secret", "link/secret", "/etc/passwd", "..", "link/new"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(link_in(x, paths[i], "stolen"), WASI_EPERM);
        assert_int_equal(link_in(x, "file", paths[i]), WASI_EPERM);
    }
    assert_false(files_host_exists(x, "out/new"));
}

static void checks_every_argument(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "mine");
    int64_t args[] = {FILES_IN,
                      0,
                      FILES_PATH,
                      fake_text(x->f, FILES_PATH, "file"),
                      FILES_IN,
                      FILES_PATH2,
                      fake_text(x->f, FILES_PATH2, "file2")};
    files_assert_faults(x, &preview1_path, "path_link", args, 2, 4);
    files_assert_faults(x, &preview1_path, "path_link", args, 5, 5);
    files_assert_bad_fd(x, &preview1_path, "path_link", args);
    args[4] = 99;
    assert_int_equal(fake_call_row(x->f, &preview1_path, "path_link", NULL, args), WASI_EBADF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_a_second_name),  TEST(a_symbolic_link_is_linked_itself),
        TEST(following_is_refused), TEST(read_only_refuses_as_source_and_target),
        TEST(nothing_leads_out),    TEST(checks_every_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
