/* The walk: checks of the bytes, last components, and somebody who swaps things meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_files.h"
#include "guest/dir.h"
#include "guest/path.h"

static void copy_checks_the_bytes(void **state)
{
    (void)state;
    char path[GUEST_PATH_MAX];
    uint8_t bytes[GUEST_PATH_MAX + 1];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(guest_path_copy((struct span){NULL, 0}, path), -ENOENT);
    assert_int_equal(guest_path_copy((struct span){bytes, GUEST_PATH_MAX}, path), -ENAMETOOLONG);
    assert_int_equal(guest_path_copy((struct span){bytes, GUEST_PATH_MAX - 1}, path), 0);
    assert_int_equal(strlen(path), GUEST_PATH_MAX - 1);
    bytes[3] = '\0';
    assert_int_equal(guest_path_copy((struct span){bytes, 4}, path), -EINVAL);
    assert_int_equal(guest_path_copy((struct span){bytes, 3}, path), 0);
    assert_string_equal(path, "xxx");
}

static void the_end_of_a_path(void **state)
{
    struct fake_files *x = *state;
    const struct {
        const char *path;
        int result;
        const char *name;
        bool borrowed;
        bool slash;
    } cases[] = {
        {"file", 0, "file", true, false},
        {"dir///", 0, "dir", true, true},
        {"sub/file", 0, "file", false, false},
        {"sub//./../sub//new/", 0, "new", false, true},
        {".hidden", 0, ".hidden", true, false},
        {"...", 0, "...", true, false},
        {".", 0, ".", false, false},
        {"./", 0, ".", false, false},
        {"sub/..", 0, ".", false, false},
        {"sub/../", 0, ".", false, false},
        {"..", -EPERM, NULL, false, false},
        {"sub/../..", -EPERM, NULL, false, false},
        {"../ro/file", -EPERM, NULL, false, false},
        {"/", -EPERM, NULL, false, false},
        {"/file", -EPERM, NULL, false, false},
        {"", -ENOENT, NULL, false, false},
        {"gone/file", -ENOENT, NULL, false, false},
        {"file/x", -ENOTDIR, NULL, false, false},
        {"file/.", -ENOTDIR, NULL, false, false},
    };
    int dir = openat(x->root_fd, "ro", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct path_end end;
        assert_int_equal(path_end_open(dir, cases[i].path, &end), cases[i].result);
        if (cases[i].result < 0) {
            continue;
        }
        assert_string_equal(end.name, cases[i].name);
        assert_int_equal(end.is_borrowed, cases[i].borrowed);
        assert_int_equal(end.has_slash, cases[i].slash);
        assert_int_equal(end.is_borrowed, end.parent == dir);
        path_end_close(&end);
    }
    char name[NAME_MAX + 2];
    struct path_end end;
    memset(name, 'n', sizeof name);
    name[NAME_MAX + 1] = '\0';
    assert_int_equal(path_end_open(dir, name, &end), -ENAMETOOLONG);
    name[NAME_MAX] = '\0';
    assert_int_equal(path_end_open(dir, name, &end), 0);
    path_end_close(&end);
    close(dir);
}

/* -- somebody swaps two names without pause ---------------------------------------------------- */

struct swapper {
    pthread_t thread;
    int root_fd;
    const char *one;
    const char *other;
    atomic_bool stop;
    atomic_ulong rounds;
};

static void *swap(void *context)
{
    struct swapper *s = context;
    while (!atomic_load(&s->stop)) {
        (void)renameat2(s->root_fd, s->one, s->root_fd, s->other, RENAME_EXCHANGE);
        atomic_fetch_add(&s->rounds, 1);
    }
    return NULL;
}

static void swapper_start(struct swapper *s, const struct fake_files *x, const char *one,
                          const char *other)
{
    *s = (struct swapper){.root_fd = x->root_fd, .one = one, .other = other};
    assert_int_equal(pthread_create(&s->thread, NULL, swap, s), 0);
}

static void swapper_stop(struct swapper *s)
{
    atomic_store(&s->stop, true);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    assert_true(atomic_load(&s->rounds) > 100);
}

enum { ROUNDS = 20000 };

/* "in/door" is now a directory, now a link to "../out": what is read and removed through it is
 * never what lies outside. */
static void a_link_swapped_during_the_walk(void **state)
{
    struct fake_files *x = *state;
    struct swapper swapper;
    struct guest_dir *dir = guest_dir_of(fd_table_get(&x->f->guest.fds, FILES_IN));
    unsigned opened = 0;
    unsigned refused = 0;
    files_host_mkdir(x, "in/door");
    files_host_write(x, "in/door/secret", "harmless");
    files_host_symlink(x, "../out", "in/other");
    swapper_start(&swapper, x, "in/door", "in/other");
    for (int i = 0; i < ROUNDS; i++) {
        char text[16] = "";
        int fd = guest_path_open(dir->base.fd, "door/secret", O_RDONLY, 0);
        if (fd >= 0) {
            opened++;
            assert_int_equal(read(fd, text, sizeof text), 8);
            assert_memory_equal(text, "harmless", 8);
            close(fd);
        } else {
            refused++;
            assert_true(fd == -EPERM || fd == -EAGAIN);
        }
        int r = guest_dir_create(dir, "door/made");
        assert_true(r == 0 || r == -EPERM || r == -EEXIST || r == -EAGAIN);
        r = guest_dir_remove(dir, "door/made");
        assert_true(r == 0 || r == -EPERM || r == -ENOENT || r == -EAGAIN);
        r = guest_dir_rename(dir, "door/secret", dir, "door/secret");
        assert_true(r == 0 || r == -EPERM || r == -ENOENT || r == -EAGAIN);
        assert_false(files_host_exists(x, "out/made"));
    }
    swapper_stop(&swapper);
    files_host_assert(x, "out/secret", "secret");
    assert_true(opened > 0 && refused > 0);
}

/* A last component that is now a file, now a link out, is opened only as the file. */
static void a_last_component_swapped(void **state)
{
    struct fake_files *x = *state;
    struct swapper swapper;
    struct guest_dir *dir = guest_dir_of(fd_table_get(&x->f->guest.fds, FILES_IN));
    files_host_write(x, "in/file", "harmless");
    files_host_symlink(x, "../out/secret", "in/link");
    swapper_start(&swapper, x, "in/file", "in/link");
    for (int i = 0; i < ROUNDS; i++) {
        struct stat st;
        struct descriptor *d = NULL;
        const struct timespec times[2] = {{1, 0}, {1, 0}};
        const struct dir_open how = {.follow = true, .truncate = i % 2 == 0, .write = true};
        int r = guest_dir_open(dir, "file", &how, &d);
        assert_true(r == 0 || r == -EPERM || r == -EAGAIN);
        descriptor_unref(d);
        r = guest_dir_stat(dir, "file", true, &st);
        assert_true(r == -EPERM || r == -EAGAIN || (r == 0 && st.st_size != 6));
        r = guest_dir_set_times(dir, "file", true, times);
        assert_true(r == 0 || r == -EPERM || r == -EAGAIN);
    }
    swapper_stop(&swapper);
    struct stat st;
    assert_int_equal(fstatat(x->root_fd, "out/secret", &st, 0), 0);
    assert_int_not_equal(st.st_mtim.tv_sec, 1);
    files_host_assert(x, "out/secret", "secret");
}

/* A directory moved out while the walk is below it: ".." must not climb into the outside. */
static void a_directory_moved_out_during_the_walk(void **state)
{
    struct fake_files *x = *state;
    struct swapper swapper;
    struct guest_dir *dir = guest_dir_of(fd_table_get(&x->f->guest.fds, FILES_IN));
    files_host_mkdir(x, "in/a");
    files_host_mkdir(x, "in/a/b");
    files_host_mkdir(x, "in/a/b/c");
    files_host_mkdir(x, "out/c");
    swapper_start(&swapper, x, "in/a/b/c", "out/c");
    for (int i = 0; i < ROUNDS; i++) {
        int fd = guest_path_open(dir->base.fd, "a/b/c/../../../../out/secret", O_RDONLY, 0);
        assert_true(fd == -EPERM || fd == -EAGAIN || fd == -ENOENT);
        fd = guest_path_open(dir->base.fd, "a/b/c/../secret", O_RDONLY, 0);
        assert_true(fd == -EPERM || fd == -EAGAIN || fd == -ENOENT);
    }
    swapper_stop(&swapper);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(copy_checks_the_bytes),
        TEST(the_end_of_a_path),
        TEST(a_link_swapped_during_the_walk),
        TEST(a_last_component_swapped),
        TEST(a_directory_moved_out_during_the_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
