/* wasi:filesystem: read, write, set-size, advise, sync and sync-data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "component_files.h"
#include "guest/file.h"
#include "imports/wasi_io/io.h"

static int read_at(struct component_files *x, uint32_t rep, uint64_t len, uint64_t offset)
{
    return CFILES(x, "read", NUMBER(rep), NUMBER(len), NUMBER(offset));
}

static int write_at(struct component_files *x, uint32_t rep, const char *text, uint64_t offset)
{
    return CFILES(x, "write", NUMBER(rep), TEXT(text), NUMBER(offset));
}

static bool is_at_end(const struct component_files *x)
{
    assert_in_range(x->f->results[2].number, 0, 1);
    return x->f->results[2].number == 1;
}

static void reads_at_any_offset(void **state)
{
    struct component_files *x = *state;
    uint32_t rep = cfiles_open(x, x->ro, "file", 0, FS_READ);
    const struct {
        uint64_t len;
        uint64_t offset;
        const char *text;
        bool is_end;
    } cases[] = {
        {4, 0, "read", false},        {100, 5, "only", false},
        {UINT64_MAX, 8, "y", false},  {1, 9, "", true},
        {1, INT64_MAX - 1, "", true}, {4, 0, "read", false}, /* no offset has moved */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_int_equal(read_at(x, rep, cases[i].len, cases[i].offset), FS_OK);
        cfiles_assert_bytes(x, cases[i].text);
        assert_int_equal(is_at_end(x), cases[i].is_end);
    }
    assert_int_equal(read_at(x, rep, 0, 0), FS_OK);
    cfiles_assert_bytes(x, "");
    assert_int_equal(read_at(x, rep, 1, UINT64_C(1) << 63), FS_INVALID);
    assert_int_equal(read_at(x, rep, 1, UINT64_MAX), FS_INVALID);
}

static void one_read_is_bounded(void **state)
{
    struct component_files *x = *state;
    uint32_t rep = cfiles_open(x, x->in, "big", FS_CREATE, FS_READ | FS_WRITE);
    assert_int_equal(CFILES(x, "set-size", NUMBER(rep), NUMBER(8 << 20)), FS_OK);
    assert_int_equal(read_at(x, rep, UINT64_MAX, 0), FS_OK);
    assert_int_equal(x->f->results[1].bytes.len, IO_READ_MAX);
    assert_false(is_at_end(x));
    assert_in_range(x->f->guest.scratch.cap, IO_READ_MAX, 2 * IO_READ_MAX);
}

static void one_write_is_bounded(void **state)
{
    enum { GIVEN = 6 << 20, TAKEN = 4 << 20 };
    struct component_files *x = *state;
    uint32_t rep = cfiles_open(x, x->in, "big", FS_CREATE, FS_WRITE);
    char *bytes = calloc(1, GIVEN);
    assert_non_null(bytes);
    assert_int_equal(CFILES(x, "write", NUMBER(rep), BYTES(bytes, GIVEN), NUMBER(0)), FS_OK);
    assert_int_equal(cfiles_number(x), TAKEN);
    free(bytes);
}

static void directories_are_not_read(void **state)
{
    struct component_files *x = *state;
    assert_int_equal(read_at(x, x->in, 1, 0), FS_BAD_DESCRIPTOR);
    assert_int_equal(write_at(x, x->in, "x", 0), FS_BAD_DESCRIPTOR);
    assert_int_equal(CFILES(x, "set-size", NUMBER(x->in), NUMBER(0)), FS_BAD_DESCRIPTOR);
    assert_int_equal(CFILES(x, "advise", NUMBER(x->in), NUMBER(0), NUMBER(0), NUMBER(0)),
                     FS_BAD_DESCRIPTOR);
}

static void writes_at_any_offset(void **state)
{
    struct component_files *x = *state;
    uint32_t rep = cfiles_open(x, x->in, "file", FS_CREATE, FS_WRITE);
    assert_int_equal(write_at(x, rep, "hello", 0), FS_OK);
    assert_int_equal(cfiles_number(x), 5);
    assert_int_equal(write_at(x, rep, "J", 0), FS_OK);
    assert_int_equal(write_at(x, rep, "!", 5), FS_OK);
    assert_int_equal(write_at(x, rep, "", 2), FS_OK);
    assert_int_equal(cfiles_number(x), 0);
    files_host_assert(&x->host, "in/file", "Jello!");
    assert_int_equal(write_at(x, rep, "x", UINT64_MAX), FS_INVALID);
    assert_int_equal(write_at(x, rep, "x", INT64_MAX - 1), FS_FILE_TOO_LARGE);
    assert_int_equal(write_at(x, rep, "x", 7), FS_OK);
    struct stat st;
    assert_int_equal(fstatat(x->host.root_fd, "in/file", &st, 0), 0);
    assert_int_equal(st.st_size, 8);
}

static void a_file_has_the_size_it_is_given(void **state)
{
    struct component_files *x = *state;
    uint32_t rep = cfiles_open(x, x->in, "file", FS_CREATE, FS_READ | FS_WRITE);
    assert_int_equal(write_at(x, rep, "hello", 0), FS_OK);
    assert_int_equal(CFILES(x, "set-size", NUMBER(rep), NUMBER(2)), FS_OK);
    files_host_assert(&x->host, "in/file", "he");
    assert_int_equal(CFILES(x, "set-size", NUMBER(rep), NUMBER(4)), FS_OK);
    assert_int_equal(read_at(x, rep, 10, 0), FS_OK);
    assert_int_equal(x->f->results[1].bytes.len, 4);
    assert_memory_equal(x->f->results[1].bytes.data, "he\0\0", 4);
    assert_int_equal(CFILES(x, "set-size", NUMBER(rep), NUMBER(UINT64_MAX)), FS_FILE_TOO_LARGE);
    assert_int_equal(CFILES(x, "set-size", NUMBER(rep), NUMBER(INT64_MAX)), FS_FILE_TOO_LARGE);
}

static void advice_is_taken(void **state)
{
    struct component_files *x = *state;
    uint32_t rep = cfiles_open(x, x->ro, "file", 0, FS_READ);
    for (unsigned advice = 0; advice < 6; advice++) {
        assert_int_equal(CFILES(x, "advise", NUMBER(rep), NUMBER(0), NUMBER(4), NUMBER(advice)),
                         FS_OK);
    }
    assert_int_equal(CFILES(x, "advise", NUMBER(rep), NUMBER(0), NUMBER(4), NUMBER(6)), FS_INVALID);
    assert_int_equal(CFILES(x, "advise", NUMBER(rep), NUMBER(UINT64_MAX), NUMBER(0), NUMBER(0)),
                     FS_INVALID);
    assert_int_equal(CFILES(x, "advise", NUMBER(rep), NUMBER(0), NUMBER(UINT64_MAX), NUMBER(0)),
                     FS_INVALID);
}

static void syncs_what_can_have_changed(void **state)
{
    struct component_files *x = *state;
    uint32_t writer = cfiles_open(x, x->in, "file", FS_CREATE, FS_WRITE);
    uint32_t reader = cfiles_open(x, x->in, "file", 0, FS_READ);
    const uint32_t reps[] = {writer, reader, x->in, x->ro};
    for (size_t i = 0; i < ARRAY_COUNT(reps); i++) {
        assert_int_equal(CFILES(x, "sync", NUMBER(reps[i])), FS_OK);
        assert_int_equal(CFILES(x, "sync-data", NUMBER(reps[i])), FS_OK);
    }
    assert_int_equal(mkfifoat(x->host.root_fd, "in/pipe", 0666), 0);
    uint32_t from = cfiles_open(x, x->in, "pipe", 0, FS_READ);
    uint32_t to = cfiles_open(x, x->in, "pipe", 0, FS_WRITE);
    assert_int_equal(CFILES(x, "sync", NUMBER(from)), FS_OK); /* not opened for writing */
    assert_int_equal(CFILES(x, "sync", NUMBER(to)), FS_INVALID);
    assert_int_equal(CFILES(x, "sync-data", NUMBER(to)), FS_INVALID);
    assert_int_equal(write_at(x, to, "x", 0), FS_INVALID_SEEK);
    assert_int_equal(CFILES(x, "set-size", NUMBER(to), NUMBER(0)), FS_INVALID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cfiles_setup, cfiles_teardown)
    const struct CMUnitTest tests[] = {
        TEST(reads_at_any_offset),  TEST(one_read_is_bounded),
        TEST(one_write_is_bounded), TEST(directories_are_not_read),
        TEST(writes_at_any_offset), TEST(a_file_has_the_size_it_is_given),
        TEST(advice_is_taken),      TEST(syncs_what_can_have_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
