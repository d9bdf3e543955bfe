/* wasi:filesystem: read-directory and read-directory-entry. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "component_files.h"

enum { AT_END = -2 };

/* The next entry's type, AT_END, or for an error -100 less its code. */
static int next_entry(struct component_files *x, uint32_t stream, char name[NAME_MAX + 1])
{
    int result =
        cfiles_result(x, component_fake_call(x->f, &wasi_filesystem_types,
                                             "[method]directory-entry-stream.read-directory-entry",
                                             NUMBER(stream)));
    if (result != FS_OK) {
        return -100 - result;
    }
    const union component_value *slots = x->f->results;
    if (slots[1].number == 0) {
        return AT_END;
    }
    assert_int_equal(slots[1].number, 1);
    assert_in_range(slots[3].bytes.len, 1, NAME_MAX);
    memcpy(name, slots[3].bytes.data, slots[3].bytes.len);
    name[slots[3].bytes.len] = '\0';
    return (int)slots[2].number;
}

static uint32_t list(struct component_files *x, uint32_t dir)
{
    assert_int_equal(CFILES(x, "read-directory", NUMBER(dir)), FS_OK);
    return (uint32_t)cfiles_number(x);
}

static void an_empty_directory_has_no_entries(void **state)
{
    struct component_files *x = *state;
    char name[NAME_MAX + 1];
    uint32_t stream = list(x, x->in);
    assert_int_equal(next_entry(x, stream, name), AT_END);
    assert_int_equal(next_entry(x, stream, name), AT_END);
    files_host_write(&x->host, "in/late", "");
    assert_int_equal(next_entry(x, stream, name), AT_END);
    assert_int_equal(next_entry(x, list(x, x->in), name), FS_TYPE_REGULAR_FILE);
}

static void entries_have_types(void **state)
{
    struct component_files *x = *state;
    char name[NAME_MAX + 1];
    unsigned seen = 0;
    int type = 0;
    files_host_write(&x->host, "in/file", "abc");
    files_host_mkdir(&x->host, "in/dir");
    files_host_symlink(&x->host, "/", "in/link");
    assert_int_equal(mkfifoat(x->host.root_fd, "in/pipe", 0666), 0);
    uint32_t stream = list(x, x->in);
    while ((type = next_entry(x, stream, name)) != AT_END) {
        const struct {
            const char *name;
            int type;
        } expected[] = {{"file", FS_TYPE_REGULAR_FILE},
                        {"dir", FS_TYPE_DIRECTORY},
                        {"link", FS_TYPE_SYMBOLIC_LINK},
                        {"pipe", FS_TYPE_FIFO}};
        for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
            if (strcmp(expected[i].name, name) == 0) {
                assert_int_equal(type, expected[i].type);
                seen |= 1U << i;
            }
        }
    }
    assert_int_equal(seen, 15);
    assert_int_equal(CFILES(x, "read-directory", NUMBER(cfiles_open(x, x->in, "file", 0, 0))),
                     FS_NOT_DIRECTORY);
}

/* Many batches, and two streams whose reads take turns: each sees every name once. */
static void streams_do_not_interfere(void **state)
{
    enum { COUNT = 700 };
    struct component_files *x = *state;
    char name[NAME_MAX + 1];
    static char seen[2][COUNT];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "in/%03d-%0*d", i, i % 200 + 1, 0);
        files_host_write(&x->host, name, "");
    }
    uint32_t streams[] = {list(x, x->in), list(x, x->in)};
    for (int i = 0; i < COUNT; i++) {
        for (size_t s = 0; s < 2; s++) {
            assert_int_equal(next_entry(x, streams[s], name), FS_TYPE_REGULAR_FILE);
            long number = strtol(name, NULL, 10);
            assert_in_range(number, 0, COUNT - 1);
            seen[s][number]++;
        }
    }
    for (size_t s = 0; s < 2; s++) {
        assert_int_equal(next_entry(x, streams[s], name), AT_END);
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(seen[s][i], 1);
        }
    }
}

static void long_names_come_whole(void **state)
{
    struct component_files *x = *state;
    char name[NAME_MAX + 1];
    char path[NAME_MAX + 8] = "in/";
    memset(path + 3, 'n', NAME_MAX);
    for (int i = 0; i < 40; i++) {
        path[3] = (char)('A' + i);
        files_host_write(&x->host, path, "");
    }
    uint32_t stream = list(x, x->in);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(next_entry(x, stream, name), FS_TYPE_REGULAR_FILE);
        assert_int_equal(strlen(name), NAME_MAX);
        assert_true(strspn(name + 1, "n") == NAME_MAX - 1);
    }
    assert_int_equal(next_entry(x, stream, name), AT_END);
}

/* An error each, and the listing goes on behind it: a string of the guest's must be UTF-8. */
static void names_that_are_no_text(void **state)
{
    struct component_files *x = *state;
    char name[NAME_MAX + 1];
    files_host_write(&x->host, "in/good", "");
    files_host_write(&x->host, "in/\xff", "");
    files_host_write(&x->host, "in/\xed\xa0\x80", "");
    files_host_write(&x->host, "in/\xc3\xa4", "");
    uint32_t stream = list(x, x->in);
    int bad = 0;
    int good = 0;
    int type = 0;
    while ((type = next_entry(x, stream, name)) != AT_END) {
        bad += type == -100 - FS_ILLEGAL_BYTE_SEQUENCE ? 1 : 0;
        good += type == FS_TYPE_REGULAR_FILE ? 1 : 0;
    }
    assert_int_equal(bad, 2);
    assert_int_equal(good, 2);
}

static void drops_in_any_order(void **state)
{
    struct component_files *x = *state;
    char name[NAME_MAX + 1];
    unsigned before = cfiles_count_open();
    uint32_t sub = cfiles_open(x, x->ro, "sub", 0, FS_READ);
    uint32_t first = list(x, sub);
    uint32_t second = list(x, sub);
    assert_int_equal(cfiles_count_open(), before + 3);
    assert_int_equal(x->f->guest.open_files, 3);
    cfiles_drop(x, "descriptor", sub);
    assert_int_equal(next_entry(x, first, name), FS_TYPE_REGULAR_FILE);
    assert_string_equal(name, "file");
    cfiles_drop(x, "directory-entry-stream", first);
    assert_int_equal(next_entry(x, second, name), FS_TYPE_REGULAR_FILE);
    assert_int_equal(next_entry(x, second, name), AT_END);
    assert_int_equal(x->f->guest.open_files, 1);
    cfiles_drop(x, "directory-entry-stream", second);
    assert_int_equal(x->f->guest.open_files, 0);
    assert_int_equal(cfiles_count_open(), before);
}

static void a_directory_that_goes_ends(void **state)
{
    struct component_files *x = *state;
    char name[NAME_MAX + 1];
    files_host_mkdir(&x->host, "in/dir");
    uint32_t dir = cfiles_open(x, x->in, "dir", 0, FS_READ);
    uint32_t stream = list(x, dir);
    assert_int_equal(unlinkat(x->host.root_fd, "in/dir", AT_REMOVEDIR), 0);
    assert_int_equal(next_entry(x, stream, name), AT_END);
    assert_int_equal(cfiles_try_open(x, dir, "x", FS_CREATE, FS_WRITE), FS_NO_ENTRY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cfiles_setup, cfiles_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_directory_has_no_entries),
        TEST(entries_have_types),
        TEST(streams_do_not_interfere),
        TEST(long_names_come_whole),
        TEST(names_that_are_no_text),
        TEST(drops_in_any_order),
        TEST(a_directory_that_goes_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
