/* wasi:filesystem: create-directory-at, remove-directory-at, unlink-file-at, rename-at, link-at,
 * symlink-at and readlink-at: success, errors, escapes, and read-only preopens. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "component_files.h"

static int move(struct component_files *x, uint32_t from, const char *old, uint32_t to,
                const char *new)
{
    return CFILES(x, "rename-at", NUMBER(from), TEXT(old), NUMBER(to), TEXT(new));
}

static int hard_link(struct component_files *x, uint32_t from, const char *old, uint32_t to,
                     const char *new)
{
    return CFILES(x, "link-at", NUMBER(from), NUMBER(0), TEXT(old), NUMBER(to), TEXT(new));
}

static int soft_link(struct component_files *x, uint32_t dir, const char *target, const char *path)
{
    return CFILES(x, "symlink-at", NUMBER(dir), TEXT(target), TEXT(path));
}

static void makes_and_removes_directories(void **state)
{
    struct component_files *x = *state;
    assert_int_equal(cfiles_on_path(x, "create-directory-at", x->in, "a"), FS_OK);
    assert_int_equal(cfiles_on_path(x, "create-directory-at", x->in, "a"), FS_EXIST);
    assert_int_equal(cfiles_on_path(x, "create-directory-at", x->in, "a/b/"), FS_OK);
    assert_int_equal(cfiles_on_path(x, "create-directory-at", x->in, "no/b"), FS_NO_ENTRY);
    assert_true(files_host_exists(&x->host, "in/a/b"));
    assert_int_equal(cfiles_on_path(x, "remove-directory-at", x->in, "a"), FS_NOT_EMPTY);
    assert_int_equal(cfiles_on_path(x, "remove-directory-at", x->in, "a/b/"), FS_OK);
    assert_int_equal(cfiles_on_path(x, "remove-directory-at", x->in, "a"), FS_OK);
    assert_int_equal(cfiles_on_path(x, "remove-directory-at", x->in, "a"), FS_NO_ENTRY);
    files_host_write(&x->host, "in/file", "abc");
    assert_int_equal(cfiles_on_path(x, "remove-directory-at", x->in, "file"), FS_NOT_DIRECTORY);
    assert_int_equal(cfiles_on_path(x, "create-directory-at", x->in, "file/a"), FS_NOT_DIRECTORY);
    assert_int_equal(cfiles_on_path(x, "remove-directory-at", x->in, "."), FS_INVALID);
}

static void unlinks_files(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    files_host_mkdir(&x->host, "in/dir");
    files_host_symlink(&x->host, "../out/secret", "in/link");
    assert_int_equal(cfiles_on_path(x, "unlink-file-at", x->in, "dir"), FS_IS_DIRECTORY);
    assert_int_equal(cfiles_on_path(x, "unlink-file-at", x->in, "dir/"), FS_IS_DIRECTORY);
    assert_int_equal(cfiles_on_path(x, "unlink-file-at", x->in, "file/"), FS_NOT_DIRECTORY);
    assert_int_equal(cfiles_on_path(x, "unlink-file-at", x->in, "link/"), FS_NOT_DIRECTORY);
    assert_int_equal(cfiles_on_path(x, "unlink-file-at", x->in, "file"), FS_OK);
    assert_int_equal(cfiles_on_path(x, "unlink-file-at", x->in, "file"), FS_NO_ENTRY);
    assert_int_equal(cfiles_on_path(x, "unlink-file-at", x->in, "link"), FS_OK);
    assert_false(files_host_exists(&x->host, "in/link"));
    files_host_assert(&x->host, "out/secret", "secret");
}

static void renames(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    files_host_write(&x->host, "in/old", "old");
    files_host_mkdir(&x->host, "in/dir");
    files_host_mkdir(&x->host, "in/full");
    files_host_write(&x->host, "in/full/file", "");
    uint32_t dir = cfiles_open(x, x->in, "dir", 0, FS_READ);
    assert_int_equal(move(x, x->in, "file", dir, "moved"), FS_OK);
    files_host_assert(&x->host, "in/dir/moved", "abc");
    assert_int_equal(move(x, dir, "moved", x->in, "old"), FS_OK);
    files_host_assert(&x->host, "in/old", "abc");
    assert_int_equal(move(x, x->in, "no", x->in, "x"), FS_NO_ENTRY);
    assert_int_equal(move(x, x->in, "old", x->in, "dir"), FS_IS_DIRECTORY);
    assert_int_equal(move(x, x->in, "dir", x->in, "old"), FS_NOT_DIRECTORY);
    assert_int_equal(move(x, x->in, "dir", x->in, "full"), FS_NOT_EMPTY);
    assert_int_equal(move(x, x->in, "dir", x->in, "dir/below"), FS_INVALID);
    assert_int_equal(move(x, x->in, "old/", x->in, "x"), FS_NOT_DIRECTORY);
    assert_int_equal(move(x, x->in, "old", x->in, "x/"), FS_NOT_DIRECTORY);
    assert_int_equal(move(x, x->in, "dir/", x->in, "moved/"), FS_OK);
    assert_true(files_host_exists(&x->host, "in/moved"));
}

static void links(void **state)
{
    struct component_files *x = *state;
    struct stat st;
    files_host_write(&x->host, "in/file", "abc");
    files_host_mkdir(&x->host, "in/dir");
    files_host_symlink(&x->host, "../out/secret", "in/link");
    assert_int_equal(hard_link(x, x->in, "file", x->in, "dir/same"), FS_OK);
    assert_int_equal(fstatat(x->host.root_fd, "in/file", &st, 0), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(hard_link(x, x->in, "no", x->in, "x"), FS_NO_ENTRY);
    assert_int_equal(hard_link(x, x->in, "file", x->in, "dir/same"), FS_EXIST);
    assert_int_equal(hard_link(x, x->in, "dir", x->in, "x"), FS_NOT_PERMITTED);
    assert_int_equal(hard_link(x, x->in, "dir/", x->in, "x"), FS_NOT_PERMITTED);
    assert_int_equal(hard_link(x, x->in, "file/", x->in, "x"), FS_NOT_DIRECTORY);
    assert_int_equal(hard_link(x, x->in, "file", x->in, "x/"), FS_NO_ENTRY);
    assert_int_equal(CFILES(x, "link-at", NUMBER(x->in), NUMBER(FS_SYMLINK_FOLLOW), TEXT("file"),
                            NUMBER(x->in), TEXT("x")),
                     FS_INVALID);
    /* The link itself, not the secret it points to. */
    assert_int_equal(hard_link(x, x->in, "link", x->in, "x"), FS_OK);
    assert_int_equal(fstatat(x->host.root_fd, "in/x", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(fstatat(x->host.root_fd, "out/secret", &st, 0), 0);
    assert_int_equal(st.st_nlink, 1);
}

static void symbolic_links(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    files_host_mkdir(&x->host, "in/dir");
    assert_int_equal(soft_link(x, x->in, "../file", "dir/link"), FS_OK);
    assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, "dir/link"), FS_OK);
    cfiles_assert_bytes(x, "../file");
    assert_int_equal(soft_link(x, x->in, "x", "dir/link"), FS_EXIST);
    assert_int_equal(soft_link(x, x->in, "x", "no/link"), FS_NO_ENTRY);
    assert_int_equal(soft_link(x, x->in, "x", "new/"), FS_NO_ENTRY);
    assert_int_equal(soft_link(x, x->in, "", "new"), FS_NO_ENTRY);
    assert_int_equal(soft_link(x, x->in, "/", "new"), FS_NOT_PERMITTED);
    assert_int_equal(soft_link(x, x->in, "/etc/passwd", "new"), FS_NOT_PERMITTED);
    assert_false(files_host_exists(&x->host, "in/new"));
    /* Leading out is not the making's affair but the walk's. */
    assert_int_equal(soft_link(x, x->in, "../out/secret", "out"), FS_OK);
    assert_int_equal(CFILES(x, "open-at", NUMBER(x->in), NUMBER(FS_SYMLINK_FOLLOW), TEXT("out"),
                            NUMBER(0), NUMBER(FS_READ)),
                     FS_NOT_PERMITTED);
}

static void links_that_cannot_be_told(void **state)
{
    struct component_files *x = *state;
    char target[4096];
    memset(target, 'x', sizeof target - 1);
    target[sizeof target - 1] = '\0';
    files_host_symlink(&x->host, target, "in/long");
    files_host_symlink(&x->host, "/etc/passwd", "in/absolute");
    files_host_symlink(&x->host, "\xff", "in/bytes");
    files_host_write(&x->host, "in/file", "abc");
    assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, "long"), FS_OK);
    cfiles_assert_bytes(x, target);
    assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, "absolute"), FS_NOT_PERMITTED);
    assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, "bytes"), FS_ILLEGAL_BYTE_SEQUENCE);
    assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, "file"), FS_INVALID);
    assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, "."), FS_INVALID);
    assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, "no"), FS_NO_ENTRY);
    assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, "../in/long"), FS_NOT_PERMITTED);
}

static void assert_nothing_has_changed(const struct component_files *x)
{
    files_host_assert(&x->host, "out/secret", "secret");
    files_host_assert(&x->host, "ro/file", "read only");
    files_host_assert(&x->host, "ro/sub/file", "deep");
    assert_false(files_host_exists(&x->host, "out/new"));
    assert_false(files_host_exists(&x->host, "ro/new"));
    assert_false(files_host_exists(&x->host, "ro/sub/new"));
    assert_false(files_host_exists(&x->host, "new"));
}

/* Peers' class 28: each function, each way out. */
static void nothing_leads_out(void **state)
{
    struct component_files *x = *state;
    char absolute[64];
    (void)snprintf(absolute, sizeof absolute, "%s/out", x->host.root);
    files_host_write(&x->host, "in/mine", "mine");
    files_host_mkdir(&x->host, "in/dir");
    files_host_symlink(&x->host, absolute, "in/abs");
    files_host_symlink(&x->host, "../out", "in/rel");
    files_host_symlink(&x->host, "../out/", "in/slash");
    files_host_symlink(&x->host, "..", "in/up");
    const char *const ways[] = {"..",    "../out", absolute, "abs",           "rel",
                                "rel/.", "slash",  "up/out", "dir/../../out", "/proc/self/cwd"};
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
        char new[128];
        char old[128];
        (void)snprintf(new, sizeof new, "%s/new", ways[i]);
        (void)snprintf(old, sizeof old, "%s/secret", ways[i]);
        assert_int_equal(cfiles_on_path(x, "create-directory-at", x->in, new), FS_NOT_PERMITTED);
        assert_int_equal(cfiles_on_path(x, "remove-directory-at", x->in, new), FS_NOT_PERMITTED);
        assert_int_equal(cfiles_on_path(x, "unlink-file-at", x->in, old), FS_NOT_PERMITTED);
        assert_int_equal(cfiles_on_path(x, "readlink-at", x->in, old), FS_NOT_PERMITTED);
        assert_int_equal(soft_link(x, x->in, "x", new), FS_NOT_PERMITTED);
        assert_int_equal(move(x, x->in, "mine", x->in, new), FS_NOT_PERMITTED);
        assert_int_equal(move(x, x->in, old, x->in, "got"), FS_NOT_PERMITTED);
        assert_int_equal(hard_link(x, x->in, "mine", x->in, new), FS_NOT_PERMITTED);
        assert_int_equal(hard_link(x, x->in, old, x->in, "got"), FS_NOT_PERMITTED);
    }
    assert_int_equal(cfiles_on_path(x, "create-directory-at", x->in, "../new"), FS_NOT_PERMITTED);
    assert_int_equal(cfiles_on_path(x, "create-directory-at", x->in, "/new/"), FS_NOT_PERMITTED);
    files_host_assert(&x->host, "in/mine", "mine");
    assert_false(files_host_exists(&x->host, "in/got"));
    assert_nothing_has_changed(x);
}

/* CVE-2026-58494: a hard link or a rename made a read-only file one that could be written. */
static void read_only_refuses_every_change(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/mine", "mine");
    uint32_t sub = cfiles_open(x, x->ro, "sub", FS_DIRECTORY, FS_READ);
    const uint32_t dirs[] = {x->ro, sub};
    for (size_t i = 0; i < 2; i++) {
        uint32_t ro = dirs[i];
        assert_int_equal(cfiles_on_path(x, "create-directory-at", ro, "new"), FS_READ_ONLY);
        assert_int_equal(cfiles_on_path(x, "create-directory-at", ro, "new/"), FS_READ_ONLY);
        assert_int_equal(cfiles_on_path(x, "remove-directory-at", ro, "sub"), FS_READ_ONLY);
        assert_int_equal(cfiles_on_path(x, "unlink-file-at", ro, "file"), FS_READ_ONLY);
        assert_int_equal(cfiles_on_path(x, "unlink-file-at", ro, "file/"), FS_READ_ONLY);
        assert_int_equal(soft_link(x, ro, "file", "new"), FS_READ_ONLY);
        assert_int_equal(move(x, ro, "file", ro, "new"), FS_READ_ONLY);
        assert_int_equal(move(x, ro, "file", x->in, "got"), FS_READ_ONLY);
        assert_int_equal(move(x, x->in, "mine", ro, "new"), FS_READ_ONLY);
        assert_int_equal(move(x, x->in, "mine", ro, "file"), FS_READ_ONLY);
        assert_int_equal(move(x, ro, "file/", x->in, "got/"), FS_READ_ONLY);
        assert_int_equal(hard_link(x, ro, "file", ro, "new"), FS_READ_ONLY);
        assert_int_equal(hard_link(x, ro, "file", x->in, "got"), FS_READ_ONLY);
        assert_int_equal(hard_link(x, x->in, "mine", ro, "new"), FS_READ_ONLY);
    }
    files_host_assert(&x->host, "in/mine", "mine");
    assert_false(files_host_exists(&x->host, "in/got"));
    assert_nothing_has_changed(x);
}

static void files_are_no_directories(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    uint32_t file = cfiles_open(x, x->in, "file", 0, FS_READ | FS_WRITE);
    const char *const names[] = {"create-directory-at", "remove-directory-at", "unlink-file-at",
                                 "readlink-at"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_int_equal(cfiles_on_path(x, names[i], file, "x"), FS_NOT_DIRECTORY);
        assert_int_equal(cfiles_on_path(x, names[i], x->in, ""), FS_NO_ENTRY);
    }
    assert_int_equal(soft_link(x, file, "x", "y"), FS_NOT_DIRECTORY);
    assert_int_equal(move(x, file, "x", x->in, "y"), FS_NOT_DIRECTORY);
    assert_int_equal(move(x, x->in, "x", file, "y"), FS_NOT_DIRECTORY);
    assert_int_equal(hard_link(x, file, "x", x->in, "y"), FS_NOT_DIRECTORY);
    assert_int_equal(hard_link(x, x->in, "x", file, "y"), FS_NOT_DIRECTORY);
}

/* -- somebody swaps a directory for a link that leads out -------------------------------------- */

struct swapper {
    pthread_t thread;
    atomic_bool is_over;
    int root_fd;
};

static void *swap(void *context)
{
    struct swapper *s = context;
    while (!atomic_load(&s->is_over)) {
        (void)renameat2(s->root_fd, "in/dir", s->root_fd, "in/link", RENAME_EXCHANGE);
    }
    return NULL;
}

static void a_link_swapped_meanwhile_leads_nowhere(void **state)
{
    enum { ROUNDS = 2000 };
    struct component_files *x = *state;
    struct swapper s = {.root_fd = x->host.root_fd};
    files_host_mkdir(&x->host, "in/dir");
    files_host_write(&x->host, "in/dir/secret", "mine");
    files_host_symlink(&x->host, "../out", "in/link");
    assert_int_equal(pthread_create(&s.thread, NULL, swap, &s), 0);
    for (int i = 0; i < ROUNDS; i++) {
        if (cfiles_try_open(x, x->in, "dir/secret", 0, FS_READ) == FS_OK) {
            uint32_t rep = (uint32_t)cfiles_number(x);
            assert_int_equal(CFILES(x, "read", NUMBER(rep), NUMBER(10), NUMBER(0)), FS_OK);
            cfiles_assert_bytes(x, "mine");
            cfiles_drop(x, "descriptor", rep);
        }
        (void)cfiles_on_path(x, "create-directory-at", x->in, "dir/new");
        (void)cfiles_on_path(x, "remove-directory-at", x->in, "link/new");
    }
    atomic_store(&s.is_over, true);
    assert_int_equal(pthread_join(s.thread, NULL), 0);
    assert_nothing_has_changed(x);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cfiles_setup, cfiles_teardown)
    const struct CMUnitTest tests[] = {
        TEST(makes_and_removes_directories),
        TEST(unlinks_files),
        TEST(renames),
        TEST(links),
        TEST(symbolic_links),
        TEST(links_that_cannot_be_told),
        TEST(nothing_leads_out),
        TEST(read_only_refuses_every_change),
        TEST(files_are_no_directories),
        TEST(a_link_swapped_meanwhile_leads_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
