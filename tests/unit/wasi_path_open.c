/* path_open: modes, flags, kinds, read-only preopens, and no way out. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/dir.h"

static int32_t try_open(struct fake_files *x, uint32_t dir, const char *path, uint32_t oflags,
                        uint64_t rights)
{
    uint32_t fd = 0;
    return files_try_open(x, dir, path, oflags, rights, 0, &fd);
}

static int32_t try_follow(struct fake_files *x, uint32_t dir, const char *path)
{
    uint32_t len = fake_text(x->f, FILES_PATH, path);
    return fake_call(x->f, &preview1_path, "path_open", dir, WASI_LOOKUP_SYMLINK_FOLLOW, FILES_PATH,
                     len, 0, FILES_READ, 0, 0, FILES_OUT);
}

static void rights_choose_the_mode(void **state)
{
    struct fake_files *x = *state;
    files_host_write(x, "in/file", "abc");
    uint32_t fd = files_open(x, FILES_IN, "file", 0, FILES_READ);
    assert_int_equal(files_read(x, fd, 3), 0);
    assert_int_equal(files_write(x, fd, "x"), WASI_EBADF);
    fd = files_open(x, FILES_IN, "file", 0, FILES_WRITE);
    assert_int_equal(files_read(x, fd, 3), WASI_EBADF);
    assert_int_equal(files_write(x, fd, "x"), 0);
    fd = files_open(x, FILES_IN, "file", 0, UINT64_MAX);
    assert_int_equal(files_read(x, fd, 1), 0);
    assert_int_equal(files_write(x, fd, "y"), 0);
    fd = files_open(x, FILES_IN, "file", 0, 0);
    assert_int_equal(files_read(x, fd, 3), 0);
    fake_assert_bytes(x->f, FILES_BUF, "xyc", 3);
}

static void creates_truncates_and_excludes(void **state)
{
    struct fake_files *x = *state;
    assert_int_equal(try_open(x, FILES_IN, "new", 0, FILES_BOTH), WASI_ENOENT);
    assert_int_equal(try_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_BOTH), 0);
    assert_int_equal(try_open(x, FILES_IN, "new", WASI_O_CREAT, FILES_BOTH), 0);
    assert_int_equal(try_open(x, FILES_IN, "new", WASI_O_CREAT | WASI_O_EXCL, FILES_BOTH),
                     WASI_EEXIST);
    files_host_write(x, "in/new", "abc");
    assert_int_equal(try_open(x, FILES_IN, "new", WASI_O_TRUNC, FILES_WRITE), 0);
    files_host_assert(x, "in/new", "");
    assert_int_equal(try_open(x, FILES_IN, "no/new", WASI_O_CREAT, FILES_BOTH), WASI_ENOENT);
    assert_int_equal(try_open(x, FILES_IN, "new/x", WASI_O_CREAT, FILES_BOTH), WASI_ENOTDIR);
    assert_int_equal(try_open(x, FILES_IN, "slash/", WASI_O_CREAT, FILES_BOTH), WASI_EISDIR);
    assert_false(files_host_exists(x, "in/slash"));
}

static void opens_directories(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    files_host_write(x, "in/dir/file", "abc");
    uint32_t fd = files_open(x, FILES_IN, "dir", WASI_O_DIRECTORY, FILES_READ);
    assert_int_equal(try_open(x, fd, "file", 0, FILES_READ), 0);
    assert_int_equal(try_open(x, fd, "..", 0, FILES_READ), WASI_EPERM);
    assert_int_equal(try_open(x, FILES_IN, "dir", 0, FILES_READ), 0);
    assert_int_equal(try_open(x, FILES_IN, "dir///", 0, FILES_READ), 0);
    assert_int_equal(try_open(x, FILES_IN, ".", 0, 0x07bffe19), 0); /* what fdstat says it has */
    assert_int_equal(try_open(x, FILES_IN, "dir", 0, FILES_BOTH), WASI_EISDIR);
    assert_int_equal(try_open(x, FILES_IN, "dir", WASI_O_DIRECTORY, FILES_BOTH), WASI_EISDIR);
    assert_int_equal(try_open(x, FILES_IN, "dir", WASI_O_DIRECTORY | WASI_O_CREAT, FILES_READ),
                     WASI_EINVAL);
    assert_int_equal(try_open(x, FILES_IN, "dir/file", WASI_O_DIRECTORY, FILES_READ), WASI_ENOTDIR);
    assert_int_equal(try_open(x, FILES_IN, "dir/file/", 0, FILES_READ), WASI_ENOTDIR);
    assert_int_equal(try_open(x, FILES_IN, "dir/.//../dir/./file", 0, FILES_READ), 0);
}

static void read_only_refuses_every_change(void **state)
{
    struct fake_files *x = *state;
    uint32_t sub = files_open(x, FILES_RO, "sub", WASI_O_DIRECTORY, FILES_READ);
    const uint32_t dirs[] = {FILES_RO, sub};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(try_open(x, dirs[i], "file", 0, FILES_READ), 0);
        assert_int_equal(try_open(x, dirs[i], "file", 0, FILES_WRITE), WASI_EROFS);
        assert_int_equal(try_open(x, dirs[i], "file", 0, FILES_BOTH), WASI_EROFS);
        assert_int_equal(try_open(x, dirs[i], "file", WASI_O_TRUNC, FILES_READ), WASI_EROFS);
        assert_int_equal(try_open(x, dirs[i], "new", WASI_O_CREAT, FILES_READ), WASI_EROFS);
    }
    assert_int_equal(try_open(x, FILES_RO, "sub/file", 0, FILES_WRITE), WASI_EROFS);
    files_host_assert(x, "ro/file", "read only");
    files_host_assert(x, "ro/sub/file", "deep");
    assert_false(files_host_exists(x, "ro/new"));
}

static void links_inside_are_followed_when_asked(void **state)
{
    struct fake_files *x = *state;
    files_host_mkdir(x, "in/dir");
    files_host_write(x, "in/file", "abc");
    files_host_symlink(x, "../file", "in/dir/up");
    files_host_symlink(x, "nothing", "in/dangling");
    files_host_symlink(x, "loop", "in/loop");
    assert_int_equal(try_follow(x, FILES_IN, "dir/up"), 0);
    assert_int_equal(try_open(x, FILES_IN, "dir/up", 0, FILES_READ), WASI_ELOOP);
    assert_int_equal(try_follow(x, FILES_IN, "dangling"), WASI_ENOENT);
    assert_int_equal(try_follow(x, FILES_IN, "loop"), WASI_ELOOP);
    /* From below, the same link leads out. */
    uint32_t dir = files_open(x, FILES_IN, "dir", 0, FILES_READ);
    assert_int_equal(try_follow(x, dir, "up"), WASI_EPERM);
}

static void nothing_leads_out(void **state)
{
    struct fake_files *x = *state;
    char absolute[64];
    (void)snprintf(absolute, sizeof absolute, "%s/out", x->root);
    files_host_mkdir(x, "in/dir");
    files_host_symlink(x, absolute, "in/abs");
    files_host_symlink(x, "../out", "in/rel");
    files_host_symlink(x, "../../out/secret", "in/dir/rel");
    files_host_symlink(x, "..", "in/up");
    const char *paths[] = {"..",
                           "../out/secret",
                           "dir/../../out/secret",
                           "/",
                           "/etc/passwd",
                           "//",
                           "abs",
                           "abs/secret",
                           "rel",
                           "rel/secret",
                           "dir/rel",
                           "up",
                           "up/out/secret",
                           "dir/../up/in",
                           "./..",
                           "../in"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(try_follow(x, FILES_IN, paths[i]), WASI_EPERM);
    }
    assert_int_equal(try_open(x, FILES_IN, "up/out/new", WASI_O_CREAT, FILES_BOTH), WASI_EPERM);
    assert_false(files_host_exists(x, "out/new"));
}

static void creating_through_a_link_stays_inside(void **state)
{
    struct fake_files *x = *state;
    files_host_symlink(x, "../out/new", "in/out");
    files_host_symlink(x, "made", "in/in");
    for (uint32_t flags = 0; flags <= 1; flags++) {
        uint32_t len = fake_text(x->f, FILES_PATH, "out");
        assert_int_equal(fake_call(x->f, &preview1_path, "path_open", FILES_IN, flags, FILES_PATH,
                                   len, WASI_O_CREAT, FILES_BOTH, 0, 0, FILES_OUT),
                         flags == 0 ? WASI_ELOOP : WASI_EPERM);
    }
    assert_false(files_host_exists(x, "out/new"));
    uint32_t len = fake_text(x->f, FILES_PATH, "in");
    assert_int_equal(fake_call(x->f, &preview1_path, "path_open", FILES_IN, 1, FILES_PATH, len,
                               WASI_O_CREAT, FILES_BOTH, 0, 0, FILES_OUT),
                     0);
    assert_true(files_host_exists(x, "in/made"));
}

static void special_files_do_not_block(void **state)
{
    struct fake_files *x = *state;
    assert_int_equal(mkfifoat(x->root_fd, "in/pipe", 0666), 0);
    assert_int_equal(try_open(x, FILES_IN, "pipe", 0, FILES_WRITE), WASI_ENXIO);
    uint32_t reader = files_open(x, FILES_IN, "pipe", 0, FILES_READ);
    assert_int_equal(files_read(x, reader, 4), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 0); /* no writer yet */
    uint32_t writer = files_open(x, FILES_IN, "pipe", 0, FILES_WRITE);
    x->f->max_wait_ms = 20;
    assert_int_equal(files_read(x, reader, 4), FAKE_STILL_WAITING);
    assert_int_equal(files_write(x, writer, "x"), 0);
    assert_int_equal(files_read(x, reader, 4), 0);
    assert_int_equal(fake_u32(x->f, FILES_OUT), 1);
    int host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/in/sock", x->root);
    assert_int_equal(bind(host, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(try_open(x, FILES_IN, "sock", 0, FILES_READ), WASI_ENXIO);
    close(host);
}

static void bad_paths(void **state)
{
    struct fake_files *x = *state;
    int64_t args[] = {FILES_IN, 0, FILES_PATH, 0, 0, FILES_READ, 0, 0, FILES_OUT};
    struct {
        uint32_t len;
        int32_t expect;
    } cases[] = {{0, WASI_ENOENT},          {255, WASI_ENOENT},        {256, WASI_ENAMETOOLONG},
                 {4095, WASI_ENAMETOOLONG}, {4096, WASI_ENAMETOOLONG}, {40000, WASI_ENAMETOOLONG},
                 {UINT32_MAX, WASI_EFAULT}};
    fake_fill(x->f, FILES_PATH, 'a', 41000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        args[3] = cases[i].len;
        assert_int_equal(fake_call_row(x->f, &preview1_path, "path_open", NULL, args),
                         cases[i].expect);
    }
    for (uint32_t i = 0; i < 2048; i++) {
        fake_put(x->f, FILES_PATH + i * 2, "./", 2);
    }
    args[3] = 4095;
    assert_int_equal(fake_call_row(x->f, &preview1_path, "path_open", NULL, args), 0);
    args[3] = 4096;
    assert_int_equal(fake_call_row(x->f, &preview1_path, "path_open", NULL, args),
                     WASI_ENAMETOOLONG);
    fake_put(x->f, FILES_PATH, "fi\0le", 5);
    args[3] = 5;
    assert_int_equal(fake_call_row(x->f, &preview1_path, "path_open", NULL, args), WASI_EINVAL);
}

static void bad_flags(void **state)
{
    struct fake_files *x = *state;
    uint32_t len = fake_text(x->f, FILES_PATH, "new");
    int64_t args[] = {FILES_IN, 0, FILES_PATH, len, WASI_O_CREAT, FILES_BOTH, 0, 0, FILES_OUT};
    const struct {
        unsigned arg;
        uint32_t value;
    } bad[] = {{1, 2}, {1, UINT32_MAX}, {4, 17}, {4, 0x10001}, {7, 32}, {7, UINT32_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t good = args[bad[i].arg];
        args[bad[i].arg] = bad[i].value;
        assert_int_equal(fake_call_row(x->f, &preview1_path, "path_open", NULL, args), WASI_EINVAL);
        args[bad[i].arg] = good;
    }
    assert_false(files_host_exists(x, "in/new"));
}

static void nothing_is_created_for_a_bad_pointer(void **state)
{
    struct fake_files *x = *state;
    uint32_t len = fake_text(x->f, FILES_PATH, "new");
    int64_t args[] = {FILES_IN, 0, FILES_PATH, len, WASI_O_CREAT, FILES_BOTH, 0, 0, FILES_OUT};
    files_assert_faults(x, &preview1_path, "path_open", args, 2, len);
    files_assert_faults(x, &preview1_path, "path_open", args, 8, 4);
    files_assert_bad_fd(x, &preview1_path, "path_open", args);
    uint32_t file = files_open(x, FILES_RO, "file", 0, FILES_READ);
    (void)fake_text(x->f, FILES_PATH, "new");
    args[0] = file;
    assert_int_equal(fake_call_row(x->f, &preview1_path, "path_open", NULL, args), WASI_ENOTDIR);
    assert_int_equal(x->f->guest.fds.count, 3);
    assert_false(files_host_exists(x, "in/new"));
}

static void nothing_is_created_when_the_table_is_full(void **state)
{
    struct fake_files *x = *state;
    x->f->guest.fds.max = 3;
    assert_int_equal(try_open(x, FILES_IN, "a", WASI_O_CREAT, FILES_BOTH), 0);
    assert_int_equal(try_open(x, FILES_IN, "b", WASI_O_CREAT, FILES_BOTH), WASI_EMFILE);
    assert_false(files_host_exists(x, "in/b"));
}

static void magic_links_are_not_followed(void **state)
{
    struct fake_files *x = *state;
    const uint32_t fd = 5;
    files_preopen(x, "/proc", "/proc", false /* read_only */, fd);
    const char *paths[] = {"self/root", "self/cwd",  "self/root/etc/passwd", "self/exe",
                           "self/fd/0", "self/fd/3", "thread-self/root"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(try_follow(x, fd, paths[i]), WASI_ELOOP);
    }
    assert_int_equal(try_follow(x, fd, "self/status"), 0); /* an ordinary link on the way */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rights_choose_the_mode),
        TEST(creates_truncates_and_excludes),
        TEST(opens_directories),
        TEST(read_only_refuses_every_change),
        TEST(links_inside_are_followed_when_asked),
        TEST(nothing_leads_out),
        TEST(creating_through_a_link_stays_inside),
        TEST(special_files_do_not_block),
        TEST(bad_paths),
        TEST(bad_flags),
        TEST(nothing_is_created_for_a_bad_pointer),
        TEST(nothing_is_created_when_the_table_is_full),
        TEST(magic_links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
