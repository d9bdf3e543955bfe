/* wasi:filesystem: stat, stat-at, set-times, set-times-at, metadata-hash, metadata-hash-at and
 * is-same-object. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "component_files.h"

enum { NO_CHANGE, NOW, TIMESTAMP };

#define TIME(kind, seconds, ns) NUMBER(kind), NUMBER(seconds), NUMBER(ns)
#define UNCHANGED TIME(NO_CHANGE, 99, 4000000000)

static void set_host_times(struct component_files *x, const char *path, time_t atim, time_t mtim)
{
    const struct timespec times[] = {{.tv_sec = atim, .tv_nsec = 11},
                                     {.tv_sec = mtim, .tv_nsec = 999999999}};
    assert_int_equal(utimensat(x->host.root_fd, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void assert_times(struct component_files *x, const char *path, time_t atim, long atim_ns,
                         time_t mtim, long mtim_ns)
{
    struct stat st;
    assert_int_equal(fstatat(x->host.root_fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_atim.tv_sec, atim);
    assert_int_equal(st.st_atim.tv_nsec, atim_ns);
    assert_int_equal(st.st_mtim.tv_sec, mtim);
    assert_int_equal(st.st_mtim.tv_nsec, mtim_ns);
}

static int stat_at(struct component_files *x, uint32_t dir, bool follow, const char *path)
{
    return CFILES(x, "stat-at", NUMBER(dir), NUMBER(follow ? FS_SYMLINK_FOLLOW : 0), TEXT(path));
}

static void assert_stat(const struct component_files *x, int type, uint64_t links, uint64_t size)
{
    const union component_value *slots = x->f->results;
    assert_int_equal(slots[0].number, 0);
    assert_int_equal(slots[1].number, type);
    assert_int_equal(slots[2].number, links);
    assert_int_equal(slots[3].number, size);
}

static void a_stat_has_every_field(void **state)
{
    struct component_files *x = *state;
    set_host_times(x, "ro/file", 1000, 2000);
    uint32_t file = cfiles_open(x, x->ro, "file", 0, FS_READ);
    for (int i = 0; i < 2; i++) {
        struct stat st;
        assert_int_equal(fstatat(x->host.root_fd, "ro/file", &st, 0), 0);
        assert_int_equal(
            i == 0 ? CFILES(x, "stat", NUMBER(file)) : stat_at(x, x->ro, false, "file"), FS_OK);
        assert_stat(x, FS_TYPE_REGULAR_FILE, 1, strlen("read only"));
        const uint64_t times[] = {1,
                                  1000,
                                  11,
                                  1,
                                  2000,
                                  999999999,
                                  1,
                                  (uint64_t)st.st_ctim.tv_sec,
                                  (uint64_t)st.st_ctim.tv_nsec};
        for (size_t at = 0; at < ARRAY_COUNT(times); at++) {
            assert_int_equal(x->f->results[4 + at].number, times[at]);
        }
    }
}

static void times_before_1970_are_none(void **state)
{
    struct component_files *x = *state;
    set_host_times(x, "ro/file", -1, 5);
    assert_int_equal(stat_at(x, x->ro, false, "file"), FS_OK);
    assert_int_equal(x->f->results[4].number, 0);
    assert_int_equal(x->f->results[7].number, 1);
    assert_int_equal(x->f->results[8].number, 5);
}

static void every_type_is_told(void **state)
{
    struct component_files *x = *state;
    files_host_symlink(&x->host, "file", "in/link");
    files_host_symlink(&x->host, "nothing", "in/dangling");
    files_host_symlink(&x->host, "loop", "in/loop");
    files_host_write(&x->host, "in/file", "abc");
    assert_int_equal(mkfifoat(x->host.root_fd, "in/pipe", 0666), 0);
    assert_int_equal(stat_at(x, x->in, false, "."), FS_OK);
    assert_int_equal(x->f->results[1].number, FS_TYPE_DIRECTORY);
    assert_int_equal(CFILES(x, "stat", NUMBER(x->in)), FS_OK);
    assert_int_equal(x->f->results[1].number, FS_TYPE_DIRECTORY);
    assert_int_equal(stat_at(x, x->in, false, "link"), FS_OK);
    assert_stat(x, FS_TYPE_SYMBOLIC_LINK, 1, 4);
    assert_int_equal(stat_at(x, x->in, true, "link"), FS_OK);
    assert_stat(x, FS_TYPE_REGULAR_FILE, 1, 3);
    assert_int_equal(stat_at(x, x->in, false, "pipe"), FS_OK);
    assert_stat(x, FS_TYPE_FIFO, 1, 0);
    assert_int_equal(stat_at(x, x->in, false, "dangling"), FS_OK);
    assert_int_equal(stat_at(x, x->in, true, "dangling"), FS_NO_ENTRY);
    assert_int_equal(stat_at(x, x->in, true, "loop"), FS_LOOP);
    assert_int_equal(stat_at(x, x->in, false, "file/"), FS_NOT_DIRECTORY);
    assert_int_equal(stat_at(x, x->in, false, ""), FS_NO_ENTRY);
    uint32_t file = cfiles_open(x, x->in, "file", 0, FS_READ);
    assert_int_equal(stat_at(x, file, false, "x"), FS_NOT_DIRECTORY);
}

static void times_are_set_by_descriptor(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    uint32_t reader = cfiles_open(x, x->in, "file", 0, FS_READ);
    set_host_times(x, "in/file", 1, 2);
    assert_int_equal(CFILES(x, "set-times", NUMBER(reader), TIME(TIMESTAMP, 5, 6), UNCHANGED),
                     FS_OK);
    assert_times(x, "in/file", 5, 6, 2, 999999999);
    assert_int_equal(
        CFILES(x, "set-times", NUMBER(reader), UNCHANGED, TIME(TIMESTAMP, 7, 999999999)), FS_OK);
    assert_times(x, "in/file", 5, 6, 7, 999999999);
    assert_int_equal(CFILES(x, "set-times", NUMBER(reader), UNCHANGED, TIME(NOW, 1, 1)), FS_OK);
    struct stat st;
    assert_int_equal(fstatat(x->host.root_fd, "in/file", &st, 0), 0);
    assert_true(st.st_mtim.tv_sec > 1000000000);
    assert_int_equal(st.st_atim.tv_sec, 5);
    assert_int_equal(
        CFILES(x, "set-times", NUMBER(x->in), TIME(TIMESTAMP, 8, 0), TIME(TIMESTAMP, 9, 0)), FS_OK);
    assert_times(x, "in", 8, 0, 9, 0);
}

static void times_that_are_none_are_refused(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    set_host_times(x, "in/file", 1, 2);
    const struct {
        uint64_t seconds;
        uint64_t ns;
        int expect;
    } cases[] = {{0, 1000000000, FS_INVALID},
                 {0, UINT32_MAX, FS_INVALID},
                 {UINT64_MAX, 0, FS_OVERFLOW},
                 {UINT64_C(1) << 63, 0, FS_OVERFLOW}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t seconds = cases[i].seconds;
        uint64_t ns = cases[i].ns;
        assert_int_equal(
            CFILES(x, "set-times", NUMBER(x->in), TIME(TIMESTAMP, seconds, ns), UNCHANGED),
            cases[i].expect);
        assert_int_equal(
            CFILES(x, "set-times", NUMBER(x->in), UNCHANGED, TIME(TIMESTAMP, seconds, ns)),
            cases[i].expect);
        assert_int_equal(CFILES(x, "set-times-at", NUMBER(x->in), NUMBER(0), TEXT("file"),
                                UNCHANGED, TIME(TIMESTAMP, seconds, ns)),
                         cases[i].expect);
    }
    assert_int_equal(CFILES(x, "set-times", NUMBER(x->in), TIME(3, 0, 0), UNCHANGED), FS_INVALID);
    assert_times(x, "in/file", 1, 11, 2, 999999999);
}

static void assert_link_mtime(const struct component_files *x, time_t seconds, long ns)
{
    struct stat st;
    assert_int_equal(fstatat(x->host.root_fd, "in/link", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mtim.tv_sec, seconds);
    assert_int_equal(st.st_mtim.tv_nsec, ns);
}

/* A link's access time is the kernel's to change when the link is followed. */
static void times_are_set_by_path(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/file", "abc");
    files_host_symlink(&x->host, "file", "in/link");
    set_host_times(x, "in/file", 1, 2);
    set_host_times(x, "in/link", 3, 4);
    assert_int_equal(CFILES(x, "set-times-at", NUMBER(x->in), NUMBER(FS_SYMLINK_FOLLOW),
                            TEXT("link"), UNCHANGED, TIME(TIMESTAMP, 20, 21)),
                     FS_OK);
    assert_times(x, "in/file", 1, 11, 20, 21);
    assert_link_mtime(x, 4, 999999999);
    assert_int_equal(CFILES(x, "set-times-at", NUMBER(x->in), NUMBER(0), TEXT("link"), UNCHANGED,
                            TIME(TIMESTAMP, 30, 31)),
                     FS_OK);
    assert_times(x, "in/file", 1, 11, 20, 21);
    assert_link_mtime(x, 30, 31);
    assert_int_equal(
        CFILES(x, "set-times-at", NUMBER(x->in), NUMBER(0), TEXT("no"), UNCHANGED, TIME(NOW, 0, 0)),
        FS_NO_ENTRY);
    assert_int_equal(CFILES(x, "set-times-at", NUMBER(x->ro), NUMBER(0), TEXT("file"),
                            TIME(NOW, 0, 0), TIME(NOW, 0, 0)),
                     FS_READ_ONLY);
    uint32_t file = cfiles_open(x, x->in, "file", 0, FS_READ);
    assert_int_equal(CFILES(x, "set-times-at", NUMBER(file), NUMBER(0), TEXT("file"),
                            TIME(NOW, 0, 0), TIME(NOW, 0, 0)),
                     FS_NOT_DIRECTORY);
}

struct hash {
    uint64_t lower;
    uint64_t upper;
};

static struct hash hash_of(struct component_files *x, uint32_t rep)
{
    assert_int_equal(CFILES(x, "metadata-hash", NUMBER(rep)), FS_OK);
    return (struct hash){x->f->results[1].number, x->f->results[2].number};
}

static struct hash hash_at(struct component_files *x, const char *path, bool follow)
{
    assert_int_equal(
        CFILES(x, "metadata-hash-at", NUMBER(x->in), NUMBER(follow ? 1 : 0), TEXT(path)), FS_OK);
    return (struct hash){x->f->results[1].number, x->f->results[2].number};
}

static bool is_same(struct component_files *x, uint32_t one, uint32_t other)
{
    assert_int_equal(component_fake_call(x->f, &wasi_filesystem_types,
                                         "[method]descriptor.is-same-object", NUMBER(one),
                                         NUMBER(other)),
                     0);
    return x->f->results[0].number == 1;
}

static void an_object_keeps_its_hash(void **state)
{
    struct component_files *x = *state;
    files_host_write(&x->host, "in/a", "abc");
    files_host_symlink(&x->host, "a", "in/link");
    assert_int_equal(linkat(x->host.root_fd, "in/a", x->host.root_fd, "in/b", 0), 0);
    uint32_t a = cfiles_open(x, x->in, "a", 0, FS_READ | FS_WRITE);
    uint32_t b = cfiles_open(x, x->in, "b", 0, FS_READ);
    struct hash first = hash_of(x, a);
    assert_int_equal(CFILES(x, "write", NUMBER(a), TEXT("longer"), NUMBER(0)), FS_OK);
    assert_int_equal(renameat(x->host.root_fd, "in/a", x->host.root_fd, "in/c"), 0);
    files_host_symlink(&x->host, "c", "in/a");
    struct hash again[] = {hash_of(x, a), hash_of(x, b), hash_at(x, "c", false),
                           hash_at(x, "a", true)};
    for (size_t i = 0; i < ARRAY_COUNT(again); i++) {
        assert_memory_equal(&again[i], &first, sizeof first);
    }
    struct hash link = hash_at(x, "a", false);
    assert_true(link.lower != first.lower && link.upper != first.upper);
    assert_true(is_same(x, a, b));
    assert_true(is_same(x, a, a));
    assert_false(is_same(x, a, x->in));
}

static void objects_differ(void **state)
{
    enum { COUNT = 200 };
    struct component_files *x = *state;
    struct hash hashes[COUNT];
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "in/%d", i);
        files_host_write(&x->host, name, "");
        hashes[i] = hash_at(x, name + 3, false);
        for (int j = 0; j < i; j++) {
            assert_true(hashes[i].lower != hashes[j].lower && hashes[i].upper != hashes[j].upper);
        }
    }
    assert_int_equal(CFILES(x, "metadata-hash-at", NUMBER(x->in), NUMBER(0), TEXT("no")),
                     FS_NO_ENTRY);
    uint32_t file = cfiles_open(x, x->in, "1", 0, FS_READ);
    assert_int_equal(CFILES(x, "metadata-hash-at", NUMBER(file), NUMBER(0), TEXT("1")),
                     FS_NOT_DIRECTORY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cfiles_setup, cfiles_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_stat_has_every_field),
        TEST(times_before_1970_are_none),
        TEST(every_type_is_told),
        TEST(times_are_set_by_descriptor),
        TEST(times_that_are_none_are_refused),
        TEST(times_are_set_by_path),
        TEST(an_object_keeps_its_hash),
        TEST(objects_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
